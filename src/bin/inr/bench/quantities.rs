//! Errors in what users compute from several variables, of the shown step.

use adios2_inr::field::{self, Array};
use anyhow::{Context as _, Result, ensure};
use serde::Serialize;

use super::data::Shown;
use super::kept::{Finished, Kept};
use super::quality::derived::Derived;
use super::quality::divergence::divergence;
use crate::Usage;

/// What is computed.
#[derive(clap::Args, Clone, Debug)]
pub struct QuantityArgs {
    /// A quantity of several variables whose error is told, such as 'sqrt(vx*vx+vy*vy)'
    #[arg(long, value_name = "EXPRESSION", help_heading = "Quality")]
    derived: Vec<String>,
    /// The components of a vector field whose divergence is told, in the order of the axes: z,y,x or y,x
    #[arg(long, value_name = "NAMES", value_delimiter = ',', help_heading = "Quality")]
    divergence: Vec<String>,
}

/// One quantity with one codec.
#[derive(Clone, Debug, Serialize)]
pub struct QuantityRow {
    pub quantity: String,
    pub goal: String,
    pub codec: String,
    #[serde(flatten)]
    pub errors: QuantityErrors,
}

/// How far a quantity is off.
#[derive(Clone, Debug, Default, Serialize)]
pub struct QuantityErrors {
    /// JSON null when the original is zero.
    pub rel_l2: f64,
    /// None of a divergence.
    pub max_over_range: Option<f64>,
    /// Of a divergence, its norm over that of the gradient: of the original, of the decoded copy.
    pub over_gradient: Option<[f64; 2]>,
    /// Values left out because the quantity of the original is not finite there.
    pub n_undefined: usize,
}

/// What is asked for, by places in the list of variables.
enum Quantity {
    Derived(String, Box<Derived>),
    Divergence(String, Vec<usize>),
}

impl QuantityArgs {
    /// Checks what was asked against the names of all variables.
    pub fn check(&self, names: &[&str]) -> Result<()> {
        self.quantities(names).map(drop)
    }

    fn quantities(&self, names: &[&str]) -> Result<Vec<Quantity>> {
        let derived =
            self.derived.iter().map(|text| Ok(Quantity::Derived(text.clone(), Box::new(Derived::parse(text, names)?))));
        let mut all = derived.collect::<Result<Vec<_>>>().map_err(|e| Usage(format!("--derived: {e:#}")))?;
        if !self.divergence.is_empty() {
            let find = |name: &String| {
                let known = names.iter().position(|known| known == name);
                known.ok_or_else(|| {
                    Usage(format!("--divergence: there is no variable '{name}': choose from {}", names.join(", ")))
                })
            };
            let places = self.divergence.iter().map(find).collect::<Result<_, _>>()?;
            all.push(Quantity::Divergence(format!("divergence of ({})", self.divergence.join(", ")), places));
        }
        Ok(all)
    }

    /// Every quantity at every goal with every codec that has a row of all its variables.
    pub fn measure(&self, shown: &[Shown], rows: &[Finished], kept: &Kept) -> Result<Vec<QuantityRow>> {
        let names: Vec<&str> = shown.iter().map(|shown| shown.name.as_str()).collect();
        let mut found = Vec::new();
        for quantity in self.quantities(&names)? {
            let variables = quantity.variables();
            let first = &shown[variables[0]];
            for row in rows.iter().filter(|finished| finished.row.data == first.name) {
                let is_beside = |f: &Finished| f.row.codec == row.row.codec && f.row.goal == row.row.goal;
                let find = |&v: &usize| rows.iter().find(|f| f.row.data == shown[v].name && is_beside(f));
                let Some(rows) = variables.iter().map(find).collect::<Option<Vec<_>>>() else { continue };
                let decoded = rows.iter().map(|finished| decoded(finished, kept)).collect::<Result<Vec<_>>>()?;
                let of: Vec<(&Shown, &Array)> = variables.iter().map(|&v| &shown[v]).zip(&decoded).collect();
                let (goal, codec) = (row.row.goal.to_string(), row.row.codec.clone());
                let errors = quantity.errors(&of).with_context(|| quantity.name().to_owned())?;
                found.push(QuantityRow { quantity: quantity.name().to_owned(), goal, codec, errors });
            }
        }
        Ok(found)
    }
}

fn decoded(finished: &Finished, kept: &Kept) -> Result<Array> {
    let array = kept.step(finished)?;
    Ok(field::values(array.dtype, 0, &array.bytes)?.as_slice().to_array())
}

impl Quantity {
    fn name(&self) -> &str {
        match self {
            Quantity::Derived(name, _) | Quantity::Divergence(name, _) => name,
        }
    }

    fn variables(&self) -> &[usize] {
        match self {
            Quantity::Derived(_, derived) => derived.variables(),
            Quantity::Divergence(_, places) => places,
        }
    }

    fn errors(&self, variables: &[(&Shown, &Array)]) -> Result<QuantityErrors> {
        let (dims, number) = (&variables[0].0.dims, variables[0].0.field.number);
        ensure!(variables.iter().all(|(shown, _)| shown.dims == *dims), "its variables have different sizes");
        ensure!(
            variables.iter().all(|(shown, _)| shown.field.number == number),
            "its variables are shown at different steps, since constant ones are left out: choose others with --steps"
        );
        let steps: Vec<_> = variables.iter().map(|(shown, decoded)| shown.field.beside(dims, decoded)).collect();
        match self {
            Quantity::Derived(_, derived) => {
                let found = derived.errors(&steps)?;
                let (rel_l2, max) = (found.errors.rel_l2, Some(found.errors.max_over_range));
                let n_undefined = found.n_undefined;
                Ok(QuantityErrors { rel_l2, max_over_range: max, n_undefined, ..QuantityErrors::default() })
            }
            Quantity::Divergence(..) => {
                let components: Vec<_> = steps.iter().map(std::slice::from_ref).collect();
                let found = divergence(&components)?;
                let over_gradient = Some([found.original, found.decoded]);
                Ok(QuantityErrors { rel_l2: found.rel_l2, over_gradient, ..QuantityErrors::default() })
            }
        }
    }
}
