//! Errors in quantities that users compute from several variables.

use adios2_inr::field::Slice;
use adios2_inr::metrics::Errors;
use anyhow::{Context as _, Result, ensure};
use exmex::{Express as _, FlatEx};

use super::expression::rewrite;
use super::step::Step;

/// An expression such as `sqrt(vx*vx+vy*vy)`: `+ - * / ^`, parentheses, numbers, `pi` and `e`, functions of one value (abs,
/// exp, ln, sin, sqrt, ..) and of two (atan2, max, min). Names that hold other signs than letters, digits and `_` stand in
/// braces: `{air-temp}`. A variable goes before a constant of the same name.
#[derive(Debug)]
pub struct Derived {
    /// Places in the list of names, in the order in which the expression takes them.
    variables: Vec<usize>,
    expression: FlatEx<f64>,
}

/// How far a derived quantity of one step is off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DerivedErrors {
    /// Where the quantity of the original is finite; a decoded one that is not, is the worst error.
    pub errors: Errors,
    /// Values left out because the quantity of the original is not finite there.
    pub n_undefined: usize,
}

impl Derived {
    /// Reads an expression of variables with these names.
    pub fn parse(text: &str, names: &[&str]) -> Result<Derived> {
        let what = || format!("cannot read the expression '{text}'");
        let rewritten = rewrite(text, names).with_context(what)?;
        let expression = exmex::parse::<f64>(&rewritten).with_context(what)?;
        let variables: Vec<usize> = expression.var_names().iter().filter_map(|name| name.parse().ok()).collect();
        ensure!(
            !variables.is_empty(),
            "the expression '{text}' names no variable: write it with some of {}",
            names.join(", ")
        );
        Ok(Derived { variables, expression })
    }

    /// The variables it takes, as places in the list of names, in its order.
    pub fn variables(&self) -> &[usize] {
        &self.variables
    }

    /// Point by point; `values` holds one array for each of [`Derived::variables`], all of the same length.
    pub fn evaluate(&self, values: &[Slice]) -> Result<Vec<f64>> {
        let n = values.first().map_or(0, Slice::len);
        let mut point = vec![0.0; values.len()];
        let at = |i: usize| {
            point.iter_mut().zip(values).for_each(|(value, values)| *value = values.get(i));
            Ok(self.expression.eval(&point)?)
        };
        (0..n).map(at).collect()
    }

    /// Compares one step; `steps` holds one for each of [`Derived::variables`]. Values count where all variables do.
    pub fn errors<'a>(&self, steps: &[Step<'a>]) -> Result<DerivedErrors> {
        let of = |copy: fn(&Step<'a>) -> Slice<'a>| self.evaluate(&steps.iter().map(copy).collect::<Vec<_>>());
        let (original, decoded) = (of(|step| step.original)?, of(|step| step.decoded)?);
        let counts = |i: usize| steps.iter().all(|step| step.valid.is_none_or(|valid| valid[i]));
        let counts: Vec<bool> = (0..original.len()).map(counts).collect();
        let valid: Vec<bool> =
            original.iter().zip(&counts).map(|(value, counts)| *counts && value.is_finite()).collect();
        let n_true = |flags: &[bool]| flags.iter().filter(|flag| **flag).count();
        Ok(DerivedErrors {
            errors: Errors::between((&original).into(), (&decoded).into(), Some(&valid)),
            n_undefined: n_true(&counts) - n_true(&valid),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::step;
    use super::*;

    const NAMES: [&str; 4] = ["vx", "e", "max_speed", "air-temp"];

    /// At vx = 3, e = 4, max_speed = 5, air-temp = 6.
    fn at_a_point(text: &str) -> f64 {
        let derived = Derived::parse(text, &NAMES).unwrap_or_else(|e| panic!("{e:#}"));
        let values: Vec<[f64; 1]> = derived.variables().iter().map(|&v| [3.0 + v as f64]).collect();
        derived.evaluate(&values.iter().map(|value| Slice::F64(value)).collect::<Vec<_>>()).unwrap()[0]
    }

    fn refused(text: &str) -> String {
        format!("{:#}", Derived::parse(text, &NAMES).expect_err(text))
    }

    #[test]
    fn expressions_mean_what_mathematics_says() {
        for (text, value) in [
            ("sqrt(vx*vx+e*e)", 5.0),
            ("2*max_speed - vx", 7.0),
            ("{air-temp} / vx * 2", 4.0),
            ("vx - e - 1", -2.0),
            ("vx - (e - 1) + 2", 2.0),
            ("-vx + 2^-1 * e", -1.0),
            ("1.5e-1 * vx + .5e1 + 2.", 7.45),
            ("max(vx, min(e, max_speed) + 1) * 2", 10.0),
            ("min(max(vx, e), 2) + -atan2(0, vx)", 2.0),
            ("abs(-vx)^2", 9.0),
            ("(-vx)^2 - -(vx^2)", 18.0),
            ("vx * PI / pi", 3.0),
            ("1 + vx / 2 * 4 ^ .5", 4.0),
        ] {
            approx::assert_relative_eq!(at_a_point(text), value, max_relative = 1e-14);
        }
    }

    #[test]
    fn a_variable_goes_before_a_constant_of_its_name() {
        assert_eq!(at_a_point("e"), 4.0);
        assert_eq!(at_a_point("vx * E"), 3.0 * std::f64::consts::E);
    }

    #[test]
    fn wrong_expressions_are_refused_with_a_sentence() {
        let start = "cannot read the expression";
        assert_eq!(
            refused("vx + vy"),
            "cannot read the expression 'vx + vy': 'vy' is no variable: there are vx, e, max_speed, air-temp"
        );
        for (text, reason) in [
            ("", "a value is missing at its end"),
            ("vx +", "a value is missing at its end"),
            ("(vx", "a '(' lacks its ')'"),
            ("vx)", "a ')' lacks its '('"),
            ("()", "a value is missing before ')'"),
            ("{vx", "a '{' lacks its '}'"),
            ("vx ** 2", "a value is missing before '*'"),
            ("2 vx", "an operator is missing before 'vx'"),
            ("(vx)(e)", "an operator is missing before '('"),
            ("vx % 2", "'%' has no meaning here"),
            ("vx, e", "a ',' has no meaning here"),
            ("max(1, vx, 3)", "a ',' has no meaning here"),
            ("max(vx)", "the function 'max' takes two values"),
            ("sqrt vx", "the function 'sqrt' lacks its parentheses"),
            ("curl(vx)", "there is no function 'curl': there are abs,"),
            ("-vx^2", "a sign before a power"),
            ("vx * -e^2", "a sign before a power"),
            ("vx^e^2", "two powers in a row"),
            ("1e999 * vx", "'1e999' is not a number"),
            (".", "'.' is not a number"),
        ] {
            let sentence = refused(text);
            assert!(sentence.starts_with(start) && sentence.contains(reason), "{text}: {sentence}");
        }
        assert!(refused("1 + pi").contains("names no variable: write it with some of vx, e"));
    }

    #[test]
    fn what_is_undefined_in_the_original_is_left_out_and_what_gets_undefined_is_the_worst_error() {
        let derived = Derived::parse("sqrt(vx)", &["vx"]).unwrap();
        let original = [-1.0, 4.0, 9.0, f64::NAN, 16.0];
        let errors = derived.errors(&[step(&[5], &original, &[-1.0, 4.0, 16.0, 1.0, 16.0])]).unwrap();
        assert_eq!((errors.n_undefined, errors.errors.max), (2, 1.0));
        let errors = derived.errors(&[step(&[5], &original, &[-1.0, -4.0, 9.0, 1.0, 16.0])]).unwrap();
        assert!(errors.errors.max.is_nan());
    }

    #[test]
    fn values_count_where_all_variables_do() {
        let derived = Derived::parse("a * b", &["a", "b"]).unwrap();
        let [x, wrong] = [[1.0, 2.0, 3.0], [9.0, 9.0, 3.5]];
        let a = Step { valid: Some(&[false, true, true]), ..step(&[3], &x, &x) };
        let b = Step { valid: Some(&[true, false, true]), ..step(&[3], &x, &wrong) };
        let errors = derived.errors(&[a, b]).unwrap();
        assert_eq!((errors.n_undefined, errors.errors.max), (0, 1.5));
    }
}
