//! TEMP
#![allow(missing_docs, reason = "placeholder until the transform lands")]
use crate::{Error, Finish, Result};
pub struct Input<'a> {
    pub values: &'a [f64],
    pub dims: &'a [usize],
    pub mask: Option<&'a [bool]>,
    pub finish: Finish,
    pub base: Option<&'a [f64]>,
}
#[derive(Clone, Copy)]
pub enum Goal {
    L2(f64),
    Linf(f64),
    Bytes(usize),
}
pub struct Output {
    pub payload: Vec<u8>,
    pub values: Vec<f64>,
    pub kind: &'static str,
}
pub fn encode(input: &Input, goal: Goal) -> Result<Option<Output>> {
    let _ = goal;
    let payload: Vec<u8> = input.values.iter().flat_map(|v| (*v as f32).to_le_bytes()).collect();
    Ok(Some(Output { payload, values: input.values.to_vec(), kind: "temp" }))
}
pub fn decode(payload: &[u8], dims: &[usize], finish: Finish, base: Option<&[f64]>) -> Result<Vec<f64>> {
    let _ = base;
    if payload.len() != 4 * dims.iter().product::<usize>() {
        return Err(Error::corrupt("temp"));
    }
    Ok(payload.as_chunks::<4>().0.iter().map(|&b| finish.apply(f64::from(f32::from_le_bytes(b)))).collect())
}
