//! ZFP in fixed-accuracy mode; 1D to 4D natively, more dimensions with the slowest ones merged.
#![expect(unsafe_code, reason = "zfp has a C interface only")]

use std::ffi::c_void;

use adios2_inr::Target;
use adios2_inr::field::Array;
use anyhow::{Result, ensure};
use zfp_sys as zfp;

use super::codec::{Block, Codec, Control};

/// ZFP.
pub struct Zfp;

impl Codec for Zfp {
    fn name(&self) -> &str {
        "zfp"
    }

    fn control(&self, goal: &Target) -> Control {
        Control::by_bound(goal)
    }

    fn encode(&self, block: Block, _: &Target, knob: f64) -> Result<Vec<Vec<u8>>> {
        // ZFP reads through a mutable pointer but does not write while encoding; the copy keeps that out of question.
        let mut values = block.values.clone();
        let mut stream = Stream::new(&mut values, block.dims, knob, Vec::new())?;
        let n_bytes = stream.compress()?;
        let mut part = std::mem::take(&mut stream.buffer);
        part.truncate(n_bytes);
        // Without a header the decoder must be told the tolerance: 8 bytes more.
        part.extend_from_slice(&knob.to_le_bytes());
        Ok(vec![part])
    }

    fn decode(&self, like: Block, parts: &[Vec<u8>]) -> Result<Array> {
        let (payload, knob) = parts[0].split_last_chunk::<8>().ok_or_else(|| anyhow::anyhow!("stream too short"))?;
        let mut values = match like.values {
            Array::F32(v) => Array::F32(vec![0.0; v.len()]),
            Array::F64(v) => Array::F64(vec![0.0; v.len()]),
        };
        let mut stream = Stream::new(&mut values, like.dims, f64::from_le_bytes(*knob), payload.to_vec())?;
        stream.decompress()?;
        drop(stream);
        Ok(values)
    }

    fn note(&self) -> Option<&'static str> {
        Some("zfp's tolerance works in powers of two, so the error it reaches is often well under the asked one")
    }
}

/// The three C objects of one run over borrowed values; freed on drop.
struct Stream<'a> {
    field: *mut zfp::zfp_field,
    zfp: *mut zfp::zfp_stream,
    bits: *mut zfp::bitstream,
    buffer: Vec<u8>,
    _values: std::marker::PhantomData<&'a mut Array>,
}

impl<'a> Stream<'a> {
    /// `buffer`: the stream to decode, or empty to make room for encoding.
    fn new(values: &'a mut Array, dims: &[usize], tolerance: f64, mut buffer: Vec<u8>) -> Result<Self> {
        let (pointer, kind) = match values {
            Array::F32(v) => (v.as_mut_ptr().cast::<c_void>(), zfp::zfp_type_zfp_type_float),
            Array::F64(v) => (v.as_mut_ptr().cast::<c_void>(), zfp::zfp_type_zfp_type_double),
        };
        let n_merged = dims.len().saturating_sub(4);
        let slowest: usize = dims[..=n_merged].iter().product();
        let rest = &dims[n_merged + 1..];
        // SAFETY: the pointer covers product(dims) values of the type and outlives the field (borrowed for 'a).
        let field = unsafe {
            match *rest {
                [] => zfp::zfp_field_1d(pointer, kind, slowest),
                [x] => zfp::zfp_field_2d(pointer, kind, x, slowest),
                [y, x] => zfp::zfp_field_3d(pointer, kind, x, y, slowest),
                [z, y, x, ..] => zfp::zfp_field_4d(pointer, kind, x, y, z, slowest),
            }
        };
        // SAFETY: a stream may be opened without bits; they are set below.
        let zfp = unsafe { zfp::zfp_stream_open(std::ptr::null_mut()) };
        let mut stream =
            Stream { field, zfp, bits: std::ptr::null_mut(), buffer: Vec::new(), _values: Default::default() };
        ensure!(!field.is_null() && !zfp.is_null(), "zfp is out of memory");
        // SAFETY: both objects are alive.
        unsafe {
            zfp::zfp_stream_set_accuracy(zfp, tolerance);
            // The bit stream reads whole words: the buffer has room for the largest stream in both directions.
            let capacity = zfp::zfp_stream_maximum_size(zfp, field);
            buffer.resize(capacity.max(buffer.len()), 0);
        }
        stream.buffer = buffer;
        // SAFETY: the buffer lives as long as the bit stream and is not moved while it is used.
        unsafe {
            stream.bits = zfp::stream_open(stream.buffer.as_mut_ptr().cast(), stream.buffer.len());
            ensure!(!stream.bits.is_null(), "zfp is out of memory");
            zfp::zfp_stream_set_bit_stream(zfp, stream.bits);
            zfp::zfp_stream_rewind(zfp);
        }
        Ok(stream)
    }

    /// Bytes written into `buffer`.
    fn compress(&mut self) -> Result<usize> {
        // SAFETY: all objects are alive and the buffer has the maximum size.
        let n_bytes = unsafe { zfp::zfp_compress(self.zfp, self.field) };
        ensure!(n_bytes > 0, "zfp could not encode");
        Ok(n_bytes)
    }

    fn decompress(&mut self) -> Result<()> {
        // SAFETY: all objects are alive, and the field covers the values.
        let n_bytes = unsafe { zfp::zfp_decompress(self.zfp, self.field) };
        ensure!(n_bytes > 0, "zfp could not decode");
        Ok(())
    }
}

impl Drop for Stream<'_> {
    fn drop(&mut self) {
        // SAFETY: each object is freed once; null is skipped.
        unsafe {
            if !self.field.is_null() {
                zfp::zfp_field_free(self.field);
            }
            if !self.zfp.is_null() {
                zfp::zfp_stream_close(self.zfp);
            }
            if !self.bits.is_null() {
                zfp::stream_close(self.bits);
            }
        }
    }
}
