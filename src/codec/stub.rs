//! Records of steps that the model store holds: type and dimensions, and where the step is.

use super::section;
use crate::container::{self, Record};
use crate::{Error, Result};

/// Where a step of a chain is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct StepPlace {
    /// File of the model store.
    pub store: u64,
    /// Series within the file.
    pub series: u32,
    /// Step of the series.
    pub step: u32,
}

impl StepPlace {
    fn encode(&self) -> Vec<u8> {
        postcard::to_extend(&(self.series, self.step), self.store.to_le_bytes().to_vec())
            .expect("memory takes two numbers")
    }

    fn decode(bytes: &[u8]) -> Result<StepPlace> {
        let parts = bytes.split_first_chunk::<8>();
        match parts.and_then(|(store, rest)| Some((store, postcard::take_from_bytes(rest).ok()?))) {
            Some((store, ((series, step), []))) => Ok(StepPlace { store: u64::from_le_bytes(*store), series, step }),
            _ => Err(Error::corrupt("the step section does not name a step")),
        }
    }
}

/// A record that stands for `record`, which is kept at `place`: the same type and dimensions; the promise stays with the step.
///
/// # Errors
/// [`Error::Corrupt`] when `record` is none.
pub fn stub(record: &[u8], place: StepPlace) -> Result<Vec<u8>> {
    let parsed = container::read(record)?;
    Ok(container::write(parsed.dtype, &parsed.dims, &[], &[(section::STEP, &place.encode())]))
}

/// Where the step that a record stands for is kept; `None` for a record that holds its block itself.
///
/// # Errors
/// [`Error::Corrupt`].
pub fn step_of(record: &[u8]) -> Result<Option<StepPlace>> {
    step_in(&container::read(record)?)
}

/// As [`step_of`], of a record that was read.
pub(super) fn step_in(record: &Record) -> Result<Option<StepPlace>> {
    record.section(section::STEP).map(StepPlace::decode).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dtype;

    #[test]
    fn a_stub_keeps_type_and_dimensions_and_names_its_step_in_few_bytes() {
        let record = container::write(Dtype::F32, &[4, 8], b"meta", &[(section::TRANSFORM, &[1; 500])]);
        let place = StepPlace { store: 0x0123_4567_89ab_cdef, series: 3, step: 70_000 };
        let stub = stub(&record, place).unwrap();
        assert_eq!((step_of(&stub), step_of(&record)), (Ok(Some(place)), Ok(None)));
        let parsed = container::read(&stub).unwrap();
        assert_eq!((parsed.dtype, parsed.dims, parsed.meta), (Dtype::F32, vec![4, 8], &b""[..]));
        assert!(stub.len() <= 32, "{}", stub.len());
        let bytes = place.encode();
        assert!((0..bytes.len()).all(|n| StepPlace::decode(&bytes[..n]).is_err()));
    }
}
