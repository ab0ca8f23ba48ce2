//! Encode and decode one block: stateless. Everything the operator promises is decided here.
//!
//! ```text
//! encode: block -> lossy? -> per component: mask -> transform | neural base + transform -> record
//!                  \-> lossless | raw                              record -> decode -> promise checked
//! decode: record -> container -> per component: base + transform -> finish -> masked values back
//! ```

mod attempt;
mod beside;
mod candidate;
mod chain;
mod compare;
mod decode;
mod history;
mod kind_choice;
mod lessons;
mod lossy;
pub mod memory;
mod meta;
mod plain;
pub mod predicted;
mod report;
mod sampled;
mod series;
mod siren;
mod slot;
mod step_factor;
mod stub;
mod trials;

use std::time::Instant;

pub use beside::Other;
pub use chain::{Chain, Link};
pub use compare::{Comparison, compare};
pub use decode::{
    DEFAULT_LIMIT, Decoded, Summary, decode, decode_into, decode_into_with, decode_on, decode_within, fill_of, inspect,
    place_of, room,
};
pub use history::History;
pub use report::{Report, Seconds, Tried};
pub use series::{Networks, NoNetworks, Place, Segment, Step};
pub use stub::{StepPlace, step_of, stub};

use crate::container;
use crate::field::Array;
use crate::model::SirenShape;
use crate::settings::Order;
use crate::{Block, Result, Settings, lossless, threads};

/// Section tags; those of component `c` are shifted by `16 c`. Part of the format.
pub(crate) mod section {
    /// The block's bytes as they are.
    pub const RAW: u8 = 0;
    /// [`crate::lossless`] over the block.
    pub const LOSSLESS: u8 = 1;
    /// Which points count.
    pub const MASK: u8 = 2;
    /// Bit patterns of the points that do not.
    pub const MASKED_VALUES: u8 = 3;
    /// Weights of the neural base.
    pub const SIREN: u8 = 4;
    /// Transform-coded field, or remainder over the base.
    pub const TRANSFORM: u8 = 5;
    /// Which network of the model store stands for the block, for all components.
    pub const SERIES: u8 = 6;
    /// Number of the predictor of a step of a chain.
    pub const PREDICTOR: u8 = 7;
    /// Which step of a chain in the model store the block is.
    pub const STEP: u8 = 8;

    /// Sections of a component that is coded with loss and stands alone, at most.
    pub const N_LOSSY: usize = [MASK, MASKED_VALUES, SIREN, TRANSFORM].len();

    /// The tag of `kind` for component `c`.
    pub const fn of(kind: u8, component: usize) -> u8 {
        kind + 16 * component as u8
    }

    /// Name for messages and `inr inspect`.
    pub fn name(tag: u8) -> &'static str {
        match tag % 16 {
            RAW => "raw",
            LOSSLESS => "lossless",
            MASK => "mask",
            MASKED_VALUES => "masked values",
            SIREN => "siren",
            TRANSFORM => "transform",
            SERIES => "series",
            PREDICTOR => "predictor",
            STEP => "step",
            _ => "unknown",
        }
    }
}

/// What a caller may hand in from earlier blocks of the same series.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// The previous step's network of each component, to start from.
    pub models: Vec<Option<WarmStart>>,
    /// With `model=auto`: leave the neural candidate out because it lost lately.
    pub skip_neural: bool,
    /// What the GPU failed with at an earlier block: it is not asked again.
    pub refusal: Option<String>,
}

/// A trained model to start from.
#[derive(Clone, Debug, PartialEq)]
pub struct WarmStart {
    /// Its shape.
    pub shape: SirenShape,
    /// Its parameters, [`SirenShape::n_params`] of them.
    pub params: Vec<f32>,
}

/// An encoded block.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// The bytes to store: never more than the block + 32.
    pub record: Vec<u8>,
    /// What was done.
    pub report: Report,
    /// Networks for the next step of the series, one slot per component.
    pub models: Vec<Option<WarmStart>>,
    /// Decoded values of each component, masked points filled in; empty when they are exact.
    pub fields: Vec<Array>,
}

/// Encodes one block; the promise of `settings.target` was checked by decoding the record when this returns.
///
/// # Errors
/// [`crate::Error`] only for what the settings make impossible (`backend=gpu` without one) and for internal failures;
/// a caller that must store something stores [`raw`].
pub fn encode(block: &Block, settings: &Settings, context: &Context) -> Result<Encoded> {
    threads::install(settings.threads, || {
        let started = Instant::now();
        let mut report = Report::new(block, settings);
        let is_lossy = block.dtype.components().is_some() && block.bytes.len() >= settings.threshold.max(1);
        let coded = if is_lossy { lossy::encode(block, settings, context, &mut report)? } else { None };
        let (record, models, fields) = match coded {
            Some(lossy) => (lossy.record, lossy.models, lossy.fields),
            None => (without_loss(block, settings.order, &mut report), Vec::new(), Vec::new()),
        };
        report.stored_bytes = record.len();
        report.seconds.total = started.elapsed().as_secs_f64();
        Ok(Encoded { record, report, models, fields })
    })
}

/// The smaller of Deflate and the bytes themselves.
fn without_loss(block: &Block, order: Order, report: &mut Report) -> Vec<u8> {
    let payload = lossless::encode(block.bytes, block.dtype.size());
    let record = container::write(block.dtype, &ordered_dims(block, order), &[], &[(section::LOSSLESS, &payload)]);
    let raw = raw(block, order);
    let is_smaller = record.len() < raw.len();
    report.choose_exact(if is_smaller { "lossless" } else { "raw" });
    if is_smaller { record } else { raw }
}

/// A record that holds the block's bytes as they are: at most 32 bytes longer than the block.
pub fn raw(block: &Block, order: Order) -> Vec<u8> {
    let mut record = raw_head(block, order);
    record.reserve_exact(block.bytes.len());
    record.extend_from_slice(block.bytes);
    record
}

/// What stands before the block's bytes in [`raw`].
pub fn raw_head(block: &Block, order: Order) -> Vec<u8> {
    let sections: &[(u8, &[u8])] = &[(section::RAW, block.bytes)];
    let head = container::head(block.dtype, &ordered_dims(block, order), &[], sections);
    if head.len() <= 32 {
        return head;
    }
    // Only absurd shapes (dozens of dimensions, or huge ones around a zero) get here.
    container::head(block.dtype, &[block.len()], &[], sections)
}

/// The block's dimensions, slowest first.
fn ordered_dims(block: &Block, order: Order) -> Vec<usize> {
    order.slowest_first(block.dims)
}
