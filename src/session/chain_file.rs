//! An array whose slowest axis is time as a chain of steps in one file: a file of the model store that stands by itself, holds
//! every step, and says in its first entry what the array is.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::chains::{self, payload::Payload};
use super::facts::key;
use crate::codec::{self, Chain, Context, DEFAULT_LIMIT, Report, StepPlace};
use crate::settings::Settings;
use crate::store::{self, Index, Kind, MAGIC};
use crate::{Block, Dtype, Error, Result};

/// First byte of an array's entry.
const VERSION: u8 = 1;
/// The chain of a file that is no part of a dataset.
const SERIES: u32 = 0;

/// What array a file holds.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ChainArray {
    /// Element type.
    pub dtype: Dtype,
    /// Steps: the slowest dimension.
    pub n_steps: u32,
    /// Dimensions of a step, slowest first.
    pub dims: Vec<usize>,
}

impl ChainArray {
    /// Bytes of a step, which are within the limit of what is decoded.
    ///
    /// # Errors
    /// [`Error::Limit`].
    pub fn step_bytes(&self) -> Result<usize> {
        let n = self.dims.iter().try_fold(self.dtype.size(), |n, &d| n.checked_mul(d));
        let too_large = Error::Limit { asked: n.map_or(u64::MAX, |n| n as u64), limit: DEFAULT_LIMIT };
        n.filter(|&n| n as u64 <= DEFAULT_LIMIT).ok_or(too_large)
    }

    /// Dimensions of the array, slowest first.
    pub fn all_dims(&self) -> Vec<usize> {
        std::iter::once(self.n_steps as usize).chain(self.dims.iter().copied()).collect()
    }
}

/// Makes the bytes of a file, step by step.
#[derive(Debug)]
pub struct ChainWriter {
    settings: Settings,
    dims: Vec<usize>,
    dtype: Dtype,
    chain: Chain,
    next: u32,
}

impl ChainWriter {
    /// A file for steps of an array, and its first bytes. `dims` of a step in the order of `settings`.
    ///
    /// # Errors
    /// [`Error::Limit`] for steps that are too large.
    pub fn start(dtype: Dtype, n_steps: usize, dims: &[usize], settings: &Settings) -> Result<(ChainWriter, Vec<u8>)> {
        let too_many = |_| Error::Limit { asked: n_steps as u64, limit: u32::MAX.into() };
        let n_steps = u32::try_from(n_steps).map_err(too_many)?;
        let array = ChainArray { dtype, n_steps, dims: settings.order.slowest_first(dims) };
        array.step_bytes()?;
        let mut file = MAGIC.to_vec();
        let bytes = postcard::to_extend(&array, vec![VERSION]).expect("a Vec takes any array");
        store::write_entry(key(Kind::ARRAY, SERIES, 0), &bytes, &mut file)?;
        let writer =
            ChainWriter { settings: settings.clone(), dims: dims.to_vec(), dtype, chain: Chain::default(), next: 0 };
        Ok((writer, file))
    }

    /// The bytes of the next step, whose elements these are.
    ///
    /// # Errors
    /// As [`codec::encode`].
    pub fn push(&mut self, elements: &[u8]) -> Result<(Vec<u8>, Report)> {
        let block = Block::new(self.dtype, &self.dims, elements)?;
        let mut alone = || codec::encode(&block, &self.settings, &Context::default());
        let link = self.chain.encode(&block, &self.settings, &[], &mut alone)?;
        let mut bytes = Vec::new();
        for (number, predictor) in &link.predictors {
            store::write_entry(key(Kind::PREDICTOR, SERIES, *number), predictor, &mut bytes)?;
        }
        let step = Payload { needs: link.needs as u32, beside: None, record: &link.encoded.record }.write();
        store::write_entry(key(Kind::STEP, SERIES, self.next), &step, &mut bytes)?;
        self.next += 1;
        let mut report = self.chain.accept(link).report;
        report.stored_bytes = bytes.len();
        Ok((bytes, report))
    }
}

/// A file that [`ChainWriter`] made.
#[derive(Debug)]
pub struct ChainReader {
    path: PathBuf,
    array: ChainArray,
}

impl ChainReader {
    /// True when the file at `path` starts as one of the model store. A pipe is none, and nothing is taken out of it.
    pub fn is_one(path: &Path) -> bool {
        if !std::fs::metadata(path).is_ok_and(|found| found.is_file()) {
            return false;
        }
        let mut start = [0; MAGIC.len() - 1];
        File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok_and(|()| MAGIC.starts_with(&start))
    }

    /// Opens the file at `path`.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Version`], [`Error::Corrupt`] when it holds no array by itself.
    pub fn open(path: &Path) -> Result<ChainReader> {
        let other = || {
            let why = "holds steps of a dataset and no array by itself: read the .bp folder that it belongs to";
            Error::File { path: path.display().to_string(), reason: why.to_owned() }
        };
        let bytes = Index::open(path)?.get(key(Kind::ARRAY, SERIES, 0))?.ok_or_else(other)?;
        let damaged = || Error::corrupt("it does not say what array it holds");
        let array = match bytes.split_first() {
            Some((&VERSION, rest)) => postcard::from_bytes::<ChainArray>(rest).map_err(|_| damaged())?,
            Some((&found, _)) if found > VERSION => return Err(Error::Version { found, supported: VERSION }),
            _ => return Err(damaged()),
        };
        array.step_bytes()?;
        Ok(ChainReader { path: path.to_owned(), array })
    }

    /// What it holds.
    pub fn array(&self) -> &ChainArray {
        &self.array
    }

    /// The record of a step.
    ///
    /// # Errors
    /// As [`Self::decode`].
    pub fn record(&self, step: u32) -> Result<Vec<u8>> {
        let place = StepPlace { store: chains::NO_STORE, series: SERIES, step };
        chains::record(&self.path, &place)?.ok_or_else(|| self.lost(step))
    }

    fn lost(&self, step: u32) -> Error {
        Error::corrupt(format!("step {step} of {} is not there: the file was cut off", self.array.n_steps))
    }

    /// The elements of a step, from the last key on; reading forward decodes each step once.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when it or one that it needs is lost or damaged, [`Error::Limit`].
    pub fn decode(&self, step: u32) -> Result<Vec<u8>> {
        let place = StepPlace { store: chains::NO_STORE, series: SERIES, step };
        let n_bytes = self.array.step_bytes()?;
        let record = self.record(step)?;
        // Before there is room for it.
        let found = codec::inspect(&record)?;
        if (found.dtype, &found.dims) != (self.array.dtype, &self.array.dims) {
            return Err(Error::corrupt(format!("step {step} has another shape or type than the array")));
        }
        let mut bytes = codec::room(n_bytes, DEFAULT_LIMIT)?;
        chains::decode(&self.path, &place, &mut bytes)?.ok_or_else(|| self.lost(step))?;
        Ok(bytes)
    }
}
