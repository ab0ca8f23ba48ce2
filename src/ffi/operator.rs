//! One ADIOS2 operator: its settings, the place of its blocks, and the rule that encoding never fails.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::guard::{guard, warn_once};
use crate::session::{self, Outcome, SeriesKey};
use crate::{Block, Dtype, Error, Order, Result, Settings, Temporal, codec, npy};

/// A record is at most this much longer than its block (`INR_MAX_GROWTH`).
pub(super) const MAX_GROWTH: usize = 32;
/// Series an operator remembers.
const MAX_SERVED: usize = 4096;

/// Settings and place of one ADIOS2 operator object; shared by threads.
#[derive(Debug)]
pub struct Operator {
    /// Why there are none is remembered until a block comes: an error out of the constructor would abort many hosts.
    settings: Result<Settings, Unset>,
    place: Mutex<Place>,
    /// Blocks per series, where earlier steps are used.
    served: Mutex<HashMap<SeriesKey, u64>>,
}

/// Why an operator has no settings.
#[derive(Debug, PartialEq)]
enum Unset {
    /// Its parameters are wrong.
    Wrong(Error),
    /// The host's parameters cannot be read: a sentence.
    Unreadable(String),
}

/// Which dataset and variable the blocks belong to.
#[derive(Clone, Debug, Default)]
struct Place {
    /// The path as the application typed it.
    typed: String,
    /// The path made absolute when it was first seen: the application may change its directory later.
    dataset: String,
    variable: String,
}

/// A record for the host, in two parts.
pub(super) struct Stored<'a> {
    /// A whole record, or what stands before the block's bytes in one that holds them as they are.
    pub head: Vec<u8>,
    /// The block's bytes; empty behind a whole record. They may be too many to be copied.
    pub rest: &'a [u8],
}

impl<'a> Stored<'a> {
    fn as_it_is(block: &Block<'a>, order: Order) -> Self {
        Stored { head: codec::raw_head(block, order), rest: block.bytes }
    }

    /// A record that was made before.
    pub fn whole(record: Vec<u8>) -> Self {
        Stored { head: record, rest: &[] }
    }
}

/// A block as the host describes it.
pub(super) struct HostBlock<'a> {
    pub dtype: Dtype,
    /// Start in the global array, in the application's order; empty for local and joined arrays.
    pub start: &'a [usize],
    /// Dimensions in the application's order.
    pub dims: &'a [usize],
    pub bytes: &'a [u8],
}

/// The settings that parameters stand for; those of the host are passed over.
///
/// # Errors
/// As [`Settings::from_pairs`], and [`Error::File`] for a `points` file that cannot be read.
pub(super) fn settings<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Settings> {
    let settings = Settings::from_pairs(pairs)?;
    if let Some(path) = &settings.points {
        npy::Steps::open(path)?;
    }
    Ok(settings)
}

impl Operator {
    /// Reads parameters as ADIOS2 hands them over; wrong ones are reported by the first block.
    pub fn new<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Operator { settings: settings(pairs).map_err(Unset::Wrong), place: Mutex::default(), served: Mutex::default() }
    }

    /// For a host whose parameters cannot be read, for a reason: stores every block as it is, and reads everything.
    pub fn without_settings(reason: String) -> Self {
        Operator { settings: Err(Unset::Unreadable(reason)), place: Mutex::default(), served: Mutex::default() }
    }

    /// Sets dataset and variable of the next blocks.
    pub fn set_place(&self, dataset: Option<&str>, variable: Option<&str>) {
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        let typed = dataset.unwrap_or_default();
        if place.typed != typed {
            place.dataset = absolute(typed);
            place.typed = typed.to_owned();
        }
        place.variable = variable.unwrap_or_default().to_owned();
    }

    fn place(&self) -> Place {
        self.place.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Encodes a block: never empty, at most [`MAX_GROWTH`] bytes longer than it.
    ///
    /// # Errors
    /// A sentence for the user when the parameters are wrong, or with `strict` something else would be done than they ask for, and the
    /// dataset is known, because such a host (BP5) hands it on to the user; where it is not known (BP4) an error would abort the
    /// program, so the block is stored as it is.
    pub(super) fn encode<'a>(&self, host: &HostBlock<'a>) -> Result<Stored<'a>, String> {
        let place = self.place();
        let block = Block { dtype: host.dtype, dims: host.dims, bytes: host.bytes };
        match &self.settings {
            Ok(settings) => {
                let key = place.series(host.start, block.dims);
                if settings.temporal != Temporal::None {
                    match session::refusal(&key) {
                        // The same for all variables, so that it is said once.
                        Some(why) => place.tell(why, settings.strict)?,
                        None => self.count(&key),
                    }
                }
                encode_or_store(&place, &key, &block, settings)
            }
            Err(Unset::Unreadable(reason)) => {
                warn_once(&format!("every block is stored as it is: {reason}"));
                Ok(Stored::as_it_is(&block, Order::Row))
            }
            Err(Unset::Wrong(error)) if place.dataset.is_empty() => {
                warn_once(&format!("every block is stored as it is, because of the operator's parameters: {error}."));
                Ok(Stored::as_it_is(&block, Order::Row))
            }
            Err(Unset::Wrong(error)) => Err(format!(
                "adios2_inr cannot encode {}: {error}. Correct the operator's parameters in the ADIOS2 XML file or \
                 where the program adds the operation.",
                place.describe()
            )),
        }
    }

    fn count(&self, key: &SeriesKey) {
        let mut served = self.served.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(n) = served.get_mut(key) {
            *n += 1;
        } else if served.len() < MAX_SERVED {
            served.insert(key.clone(), 1);
        }
    }

    /// Absolute path of the dataset; empty when it is not known.
    pub(super) fn dataset(&self) -> String {
        self.place().dataset
    }

    /// Says what a failed decoding was about.
    pub(super) fn describe_failure(&self, error: &Error) -> String {
        format!("adios2_inr cannot decode a block of {}: {error}.", self.place().describe())
    }
}

impl Drop for Operator {
    /// An operator that served several steps of a series was its variable's, which is gone: the run is over. Hosts that make
    /// an operator for each step end their series with the process.
    fn drop(&mut self) {
        let served = std::mem::take(&mut *self.served.lock().unwrap_or_else(PoisonError::into_inner));
        served.into_iter().filter(|(_, n)| *n > 1).for_each(|(key, _)| session::finish(&key));
    }
}

impl Place {
    fn series(&self, start: &[usize], dims: &[usize]) -> SeriesKey {
        SeriesKey {
            dataset: self.dataset.clone(),
            generation: super::generation(Path::new(&self.dataset)),
            variable: self.variable.clone(),
            start: start.to_vec(),
            dims: dims.to_vec(),
        }
    }

    /// Says on stderr that something is done otherwise than asked; an error where the user wants one and the host hands it on.
    fn tell(&self, what: &str, is_strict: bool) -> Result<(), String> {
        if is_strict && !self.dataset.is_empty() {
            let dataset = &self.dataset;
            return Err(format!("adios2_inr stops writing {dataset}, as strict=1 asks for: {what}."));
        }
        warn_once(&format!("{what}."));
        if is_strict {
            warn_once("strict=1 has no effect: this engine tells no names, and an error would abort the program.");
        }
        Ok(())
    }

    fn describe(&self) -> String {
        match (self.variable.as_str(), self.dataset.as_str()) {
            ("", "") => "an unnamed variable (this engine tells no names)".into(),
            ("", dataset) => format!("dataset {dataset}"),
            (variable, "") => format!("variable '{variable}'"),
            (variable, dataset) => format!("variable '{variable}' of {dataset}"),
        }
    }
}

fn encode_or_store<'a>(
    place: &Place,
    key: &SeriesKey,
    block: &Block<'a>,
    settings: &Settings,
) -> Result<Stored<'a>, String> {
    let failure = match guard(|| session::encode(key, block, settings)) {
        Ok(Outcome { record, warning }) => {
            if let Some(warning) = warning {
                place.tell(&warning, settings.strict)?;
            }
            match record {
                Some(record) if (1..=block.bytes.len() + MAX_GROWTH).contains(&record.len()) => {
                    return Ok(Stored::whole(record));
                }
                Some(record) => format!("a record of {} bytes for {} bytes", record.len(), block.bytes.len()),
                None => return Ok(Stored::as_it_is(block, settings.order)),
            }
        }
        Err(error) => error.to_string(),
    };
    place.tell(&format!("a block of {} is stored as it is: {failure}", place.describe()), settings.strict)?;
    Ok(Stored::as_it_is(block, settings.order))
}

/// `path` made absolute without looking at the file system; empty stays empty.
fn absolute(path: &str) -> String {
    if path.is_empty() {
        return String::new();
    }
    let absolute = std::path::absolute(path).unwrap_or_else(|_| PathBuf::from(path));
    // Without `.` and a trailing slash: one dataset, one name.
    absolute.components().collect::<PathBuf>().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dataset_keeps_its_absolute_path_and_one_spelling() {
        assert_eq!(absolute("/data/./run.bp/"), "/data/run.bp");
        assert!(Path::new(&absolute("run.bp")).is_absolute());
        assert_eq!(absolute(""), "");
    }

    #[test]
    fn the_host_own_parameters_are_no_settings() {
        let operator = Operator::new([("pluginname", "inr"), ("PluginLibrary", "adios2_inr")]);
        assert_eq!(operator.settings, Ok(Settings::default()));
    }

    #[test]
    fn a_failure_names_variable_and_dataset() {
        let operator = Operator::new([]);
        operator.set_place(Some("/data/run.bp"), Some("U"));
        let text = operator.describe_failure(&Error::corrupt("checksum"));
        assert!(text.contains("variable 'U' of /data/run.bp") && text.contains("checksum"), "{text}");
    }
}
