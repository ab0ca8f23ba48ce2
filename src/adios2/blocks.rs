//! What a dataset says about the blocks of a variable, without reading them.
#![expect(unsafe_code, reason = "C calls")]

use std::ffi::CStr;
use std::ptr::NonNull;
use std::slice;

use super::bindings as c;
use super::dataset::{Dataset, Variable};
use super::library::failed;
use crate::Result;

/// A block of a variable in a step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BlockInfo {
    /// Start in the global array; empty for local arrays and single values.
    pub start: Vec<usize>,
    /// Dimensions; empty for single values.
    pub dims: Vec<usize>,
    /// True for a single value, which no operator ever sees.
    pub is_value: bool,
    /// A single value: the element's bytes, or the text of a string.
    pub value: Vec<u8>,
}

/// A variable in one step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layout {
    /// Shape of the global array, slowest first; empty for single values and local arrays.
    pub shape: Vec<usize>,
    /// Its blocks in the order of their numbers.
    pub blocks: Vec<BlockInfo>,
}

impl Dataset {
    /// The blocks of a variable in the `step`-th of the steps that hold it.
    ///
    /// # Errors
    /// [`crate::Error::File`] when the step does not exist.
    pub fn blocks(&self, variable: &Variable, step: usize) -> Result<Vec<BlockInfo>> {
        Ok(self.layout(variable, step)?.blocks)
    }

    /// Shape and blocks of a variable in the `step`-th of the steps that hold it.
    ///
    /// # Errors
    /// As [`Self::blocks`].
    pub fn layout(&self, variable: &Variable, step: usize) -> Result<Layout> {
        let failed = |reason: &str| failed(&self.path, &format!("variable '{}' {reason}", variable.name));
        if step >= variable.n_steps {
            return Err(failed(&format!("has {} steps, so there is no step {step} (from 0)", variable.n_steps)));
        }
        // Outside BP5, ADIOS2 counts the dataset's steps here, and crashes at one that does not hold the variable.
        let step = match self.steps.get(&variable.name) {
            Some(held) => *held.get(step).ok_or_else(|| failed(&format!("has no step {step}")))?,
            None => step,
        };
        let api = &self.library.api;
        let handle = self.handle(variable)?;
        // SAFETY: live handles, a step that exists; the result is freed below.
        let info = unsafe { api.adios2_inquire_blockinfo(self.engine.as_ptr(), handle.as_ptr(), step) };
        let info = NonNull::new(info).ok_or_else(|| failed(&format!("has no step {step}")))?;
        // SAFETY: ADIOS2 filled it in.
        let layout = describe(unsafe { info.as_ref() }, variable);
        // SAFETY: not used again.
        unsafe { api.adios2_free_blockinfo(info.as_ptr()) };
        Ok(layout)
    }
}

fn describe(info: &c::adios2_varinfo, variable: &Variable) -> Layout {
    // For local arrays in BP4 the number of dimensions is missing.
    let n_dims = usize::try_from(info.Dims).unwrap_or(0).max(variable.n_dims);
    let is_value = info.IsValue != 0;
    let numbers = |at: *const usize| match at.is_null() || is_value {
        true => Vec::new(),
        // SAFETY: ADIOS2 gives `Dims` numbers.
        false => unsafe { slice::from_raw_parts(at, n_dims) }.to_vec(),
    };
    let is_local = variable.shape.is_empty();
    let unless_local = |at| if is_local { Vec::new() } else { numbers(at) };
    let all: &[c::adios2_blockinfo] = match info.BlocksInfo.is_null() {
        true => &[],
        // SAFETY: ADIOS2 gives `nblocks` entries.
        false => unsafe { slice::from_raw_parts(info.BlocksInfo, info.nblocks) },
    };
    let block = |b: &c::adios2_blockinfo| BlockInfo {
        start: unless_local(b.Start),
        dims: numbers(b.Count),
        is_value,
        value: if is_value { value(b, variable) } else { Vec::new() },
    };
    Layout { shape: unless_local(info.Shape), blocks: all.iter().map(block).collect() }
}

fn value(block: &c::adios2_blockinfo, variable: &Variable) -> Vec<u8> {
    if variable.is_string {
        // SAFETY: the member that is set for strings.
        let text = unsafe { block.Value.str_ };
        // SAFETY: not null, terminated, alive until the description is freed.
        return if text.is_null() { Vec::new() } else { unsafe { CStr::from_ptr(text) }.to_bytes().to_vec() };
    }
    let size = variable.dtype.map_or(0, crate::Dtype::size).min(size_of_val(&block.Value));
    // SAFETY: any bytes of the union, within it.
    unsafe { slice::from_raw_parts((&raw const block.Value).cast::<u8>(), size) }.to_vec()
}
