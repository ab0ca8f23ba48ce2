//! The codecs side by side.

use anyhow::Result;

use super::data::{Data, Decoded};
use super::goal::Goal;
use crate::Usage;

/// A codec as the bench sees it.
pub trait Codec {
    /// For tables.
    fn name(&self) -> &str;

    /// How the goal is asked for.
    fn control(&self, goal: Goal) -> Control;

    /// Encodes; `knob` is the goal's error itself for [`Control::Goal`], else in the data's unit.
    fn encode(&self, data: &Data, goal: Goal, knob: f64) -> Result<Stored>;

    /// Decodes what [`Codec::encode`] stored for the same data.
    fn decode(&self, data: &Data, stored: &Stored) -> Result<Decoded>;

    /// Checks what the errors do not show; not timed.
    fn check(&self, _data: &Data, _decoded: &Decoded) -> Result<()> {
        Ok(())
    }

    /// What a reader of the table must know.
    fn note(&self) -> Option<&'static str> {
        None
    }
}

/// How a codec is told what to reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Control {
    /// It takes the goal as it stands.
    Goal,
    /// It takes an absolute pointwise error.
    Bound,
    /// It takes something else that the error grows with: the largest value that meets the goal is searched.
    Search,
}

/// What a codec stored.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// One or several streams.
    pub parts: Vec<Vec<u8>>,
    /// The model of ours that was chosen.
    pub model: String,
}

impl Stored {
    /// Bytes of all parts.
    pub fn n_bytes(&self) -> usize {
        self.parts.iter().map(Vec::len).sum()
    }
}

/// Peers measured when none is named.
pub const DEFAULT_PEERS: [&str; if cfg!(feature = "peers") { 3 } else { 0 }] = default_peers();

#[cfg(feature = "peers")]
const fn default_peers() -> [&'static str; 3] {
    ["sz3", "sperr", "zfp"]
}

#[cfg(not(feature = "peers"))]
const fn default_peers() -> [&'static str; 0] {
    []
}

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
        #[cfg(feature = "tthresh")]
        "tthresh" => Ok(Box::new(super::tthresh::Tthresh)),
        #[cfg(not(feature = "peers"))]
        "sz3" | "sperr" | "zfp" => anyhow::bail!("this inr was built without {name}: {HOW_TO_GET_PEERS}"),
        #[cfg(not(feature = "tthresh"))]
        "tthresh" => anyhow::bail!("this inr was built without tthresh: build it with --features tthresh"),
        _ => Err(Usage(format!("unknown peer '{name}': choose from sz3, sperr, zfp, tthresh")).into()),
    }
}

const HOW_TO_GET_PEERS: &str =
    "run 'make bench', or build with --features peers (needs cmake, libclang and libzstd-dev)";

/// What must be said about this choice of codecs.
pub fn notes(codecs: &[Box<dyn Codec>]) -> Vec<String> {
    let mut notes: Vec<String> = codecs.iter().filter_map(|c| c.note()).map(str::to_owned).collect();
    if codecs.iter().any(|c| c.control(Goal::default()) != Control::Goal) {
        notes.push(
            "peers at Linf get the asked error as their absolute bound; at L2 their parameter is searched so that the \
             measured relative L2 is just at or under the target, and only the last run is timed"
                .into(),
        );
    }
    if !cfg!(feature = "peers") {
        notes.push(format!("ours alone; for SZ3, SPERR and ZFP beside it {HOW_TO_GET_PEERS}"));
    }
    notes
}
