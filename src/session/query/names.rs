//! Which variables of a dataset have networks.

use std::collections::BTreeSet;
use std::path::Path;

use super::{SeriesField, pieces};
use crate::session::survey;
use crate::store::{self, Contents};
use crate::{Error, Result};

impl SeriesField {
    /// Names of the variables with networks in the model store of the dataset, in order.
    ///
    /// # Errors
    /// [`Error::File`] without a model store and for a damaged one.
    pub fn variables(dataset: &Path) -> Result<Vec<String>> {
        let mut known = BTreeSet::new();
        for id in survey::store_ids(dataset)? {
            let path = store::path(dataset, id);
            let named = |e: Error| Error::File { path: path.display().to_string(), reason: e.to_string() };
            pieces(&Contents::read(&path)?, "", &mut known).map_err(named)?;
        }
        Ok(known.into_iter().collect())
    }

    /// Name of the only variable with networks.
    ///
    /// # Errors
    /// As [`SeriesField::variables`]; [`Error::Query`] when there is none or several, naming them.
    pub fn only_variable(dataset: &Path) -> Result<String> {
        let mut known = SeriesField::variables(dataset)?;
        if known.len() == 1
            && let Some(name) = known.pop()
        {
            return Ok(name);
        }
        let names: Vec<String> = known.iter().map(|name| format!("'{name}'")).collect();
        Err(Error::Query(match names.len() {
            0 => format!("{} has no networks of a series: write it with temporal=series", dataset.display()),
            _ => format!("{} has networks of {}: say which variable is meant", dataset.display(), names.join(", ")),
        }))
    }
}
