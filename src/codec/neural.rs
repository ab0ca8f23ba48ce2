//! The neural candidate: a SIREN as the base, and whatever it leaves coded by the transform, so that the promise holds.
use super::WarmStart;
use super::report::Report;
use crate::transform::{Goal, Input, Output};
use crate::{Error, Finish, Result, Settings};

pub struct Rival {
    pub bytes: Option<usize>,
    pub seconds: f64,
}
pub struct Neural {
    pub weights: Vec<u8>,
    pub remainder: Output,
    pub warm_start: WarmStart,
    pub backend: String,
}
impl Neural {
    pub fn n_bytes(&self) -> usize {
        self.weights.len() + self.remainder.payload.len()
    }
}
pub fn encode(
    _: &Input,
    _: Goal,
    _: &Settings,
    _: Option<&WarmStart>,
    _: bool,
    _: Rival,
    _: &mut Report,
) -> Result<Option<Neural>> {
    Ok(None)
}
pub fn decode(_: &[u8], _: &[usize], _: Finish) -> Result<Vec<f64>> {
    Err(Error::corrupt("temp"))
}
