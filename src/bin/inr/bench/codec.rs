//! Codecs of single arrays.

use std::ops::RangeInclusive;

use adios2_inr::field::Array;
use adios2_inr::{Dtype, Norm, Target};
use anyhow::Result;

use super::method::Cost;
use crate::Usage;

/// An array as codecs of single arrays get it, without holes.
#[derive(Clone, Copy)]
pub struct Block<'a> {
    /// Without those of size 1, slowest first.
    pub dims: &'a [usize],
    pub values: &'a Array,
}

/// The type of these values.
pub fn dtype_of(values: &Array) -> Dtype {
    if matches!(values, Array::F32(_)) { Dtype::F32 } else { Dtype::F64 }
}

/// Their bytes as this machine has them.
pub fn element_bytes(values: &Array) -> &[u8] {
    match values {
        Array::F32(v) => bytemuck::cast_slice(v),
        Array::F64(v) => bytemuck::cast_slice(v),
    }
}

/// A codec of single arrays that is told an error in the data's unit.
pub trait Codec {
    /// For tables.
    fn name(&self) -> &str;

    /// What the user set it to, if anything.
    fn command(&self) -> &str {
        ""
    }

    /// How the goal is asked for.
    fn control(&self, goal: &Target) -> Control;

    /// Axes that it takes as one array; what has more is stored in several.
    fn ranks(&self) -> RangeInclusive<usize> {
        1..=4
    }

    /// Encodes to one or several streams; `knob` is in the data's unit.
    fn encode(&self, block: Block, goal: &Target, knob: f64) -> Result<Vec<Vec<u8>>>;

    /// Decodes what [`Codec::encode`] stored of an array of the same shape and type; `like` has them, and other values.
    fn decode(&self, like: Block, parts: &[Vec<u8>]) -> Result<Array>;

    /// Bytes of what a reader needs.
    fn n_bytes(&self, parts: &[Vec<u8>]) -> usize {
        parts.iter().map(Vec::len).sum()
    }

    /// What other programs took since this was asked last, where they do the work.
    fn take_cost(&self) -> Option<Cost> {
        None
    }

    /// What a reader of the table must know.
    fn note(&self) -> Option<&'static str> {
        None
    }
}

/// How a codec is told what to reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Control {
    /// It takes an absolute pointwise error.
    Bound,
    /// It takes something else that the error grows with: the best value that meets the goal is searched.
    Search,
    /// It takes nothing: the copy is exact.
    Lossless,
    /// It has nothing to do with such a goal.
    Unable,
}

impl Control {
    /// Of a codec with an absolute pointwise bound.
    pub fn by_bound(goal: &Target) -> Control {
        if matches!(goal, Target::Accuracy(_, Norm::Linf, _)) { Control::Bound } else { Control::Search }
    }
}

/// Every peer by name, and those that are measured when none is named.
pub const PEERS: [&str; 5] = ["sz3", "sperr", "zfp", "blosc2", "tthresh"];
#[cfg(feature = "peers")]
pub const DEFAULT_PEERS: &[&str] = &["sz3", "sperr", "zfp"];
#[cfg(not(feature = "peers"))]
pub const DEFAULT_PEERS: &[&str] = &[];

/// A peer by its name, on so many threads (0: all) as far as it can.
#[cfg_attr(not(feature = "peers"), expect(unused_variables, reason = "only peers have threads of their own"))]
pub fn peer(name: &str, n_threads: usize) -> Result<Box<dyn Codec>> {
    #[cfg(feature = "peers")]
    super::openmp::set_threads(n_threads);
    match name.to_ascii_lowercase().as_str() {
        #[cfg(feature = "peers")]
        "sz3" => Ok(Box::new(super::sz3::Sz3 { has_threads: n_threads != 1 })),
        #[cfg(feature = "peers")]
        "sperr" => Ok(Box::new(super::sperr::Sperr)),
        #[cfg(feature = "peers")]
        "zfp" => Ok(Box::new(super::zfp_ffi::Zfp)),
        #[cfg(feature = "peers")]
        "blosc2" => Ok(Box::new(super::blosc2::Blosc2::new(n_threads))),
        #[cfg(feature = "tthresh")]
        "tthresh" => Ok(Box::new(super::tthresh::Tthresh)),
        #[cfg(not(feature = "peers"))]
        "sz3" | "sperr" | "zfp" | "blosc2" => anyhow::bail!("this inr was built without {name}: {HOW_TO_GET_PEERS}"),
        #[cfg(not(feature = "tthresh"))]
        "tthresh" => anyhow::bail!("this inr was built without tthresh: build it with --features tthresh"),
        _ => Err(Usage(format!("unknown peer '{name}': choose from {}", PEERS.join(", "))).into()),
    }
}

const HOW_TO_GET_PEERS: &str =
    "run 'make bench', or build with --features peers (needs cmake, libclang and libzstd-dev)";

/// What must be said about peers.
pub fn notes(peers: &[Box<dyn Codec>]) -> Vec<String> {
    let mut notes: Vec<String> = peers.iter().filter_map(|c| c.note()).map(str::to_owned).collect();
    if !peers.is_empty() {
        notes.push(
            "peers at Linf get the asked error as their absolute bound; at other goals their parameter is searched so that what \
             is measured is just within the goal, and only the last run is timed"
                .into(),
        );
    }
    if !cfg!(feature = "peers") {
        notes.push(format!("ours alone; for SZ3, SPERR and ZFP beside it {HOW_TO_GET_PEERS}"));
    }
    notes
}
