//! Runs of zeros: how many follow where nothing around a value speaks for anything else, as a stream of its own, which an encoder
//! writes when a run has ended and a decoder reads when one begins.

use crate::entropy::integer::{N_PREFIX, code_exp_golomb};
use crate::entropy::{Bit, Coder};

/// Classes of the length of the run before.
const N_CLASSES: usize = 8;

/// A coder of values and one of the runs between them.
pub(super) struct Coders<C> {
    pub values: C,
    pub runs: C,
}

/// The run in work and the lengths of those before it.
#[derive(Clone, Debug)]
pub(super) struct Runs {
    /// By the class of the run before.
    lengths: [[Bit; N_PREFIX]; N_CLASSES],
    class: usize,
    /// An encoder: zeros so far; a decoder: zeros that are left, if known.
    n: Option<u32>,
}

impl Default for Runs {
    fn default() -> Self {
        Runs { lengths: [[Bit::default(); N_PREFIX]; N_CLASSES], class: 0, n: None }
    }
}

impl Runs {
    /// Passes over `n` zeros at most, and returns over how many.
    #[inline(always)]
    pub fn pass<C: Coder>(&mut self, coder: &mut C, n: u32) -> u32 {
        if C::ENCODES {
            self.n = Some(self.n.unwrap_or(0).saturating_add(n));
            return n;
        }
        let left = match self.n {
            Some(left) => left,
            None => self.code(coder, 0),
        };
        let n = n.min(left);
        self.n = Some(left - n);
        n
    }

    /// Ends the run: something else follows.
    #[inline(always)]
    pub fn end<C: Coder>(&mut self, coder: &mut C) {
        if C::ENCODES {
            self.code(coder, self.n.unwrap_or(0));
        }
        self.n = None;
    }

    /// Ends the last run, behind which nothing follows.
    pub fn finish<C: Coder>(&mut self, coder: &mut C) {
        if C::ENCODES && self.n.is_some() {
            self.end(coder);
        }
    }

    /// The length of a run.
    pub fn code<C: Coder>(&mut self, coder: &mut C, n: u32) -> u32 {
        let n = code_exp_golomb(coder, &mut self.lengths[self.class], n);
        self.class = (n.saturating_add(1).ilog2() as usize).min(N_CLASSES - 1);
        n
    }
}
