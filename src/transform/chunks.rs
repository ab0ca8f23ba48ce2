//! Large fields in chunks: boxes of about 256 cubed values that are coded independently of each other, a few at a time.

use rayon::prelude::*;

use super::joined::{cut, join};
use super::payload::{CHUNKED, Head, storable};
use super::pyramid::for_rows;
use super::search;
use super::survey::{self, Survey};
use super::{Goal, Input, Known, Output, Prediction};
use crate::field::{Array, Real, Slice};
use crate::{Dtype, Error, Finish, Result};

/// Larger fields are cut into chunks.
const LARGEST: usize = 3 << 23;
/// Values of a chunk at most.
const CHUNK: usize = 1 << 24;
/// Attempts to use a bound over all chunks up.
const ATTEMPTS: usize = 6;
/// Bytes around a chunk's payload.
const HEAD: usize = 4;
/// Aimed at, and close enough, as parts of the goal.
const AIM: f64 = 0.9965;
const CLOSE: f64 = 0.985;

/// How a field is cut: evenly along each axis.
pub(super) struct Chunks {
    dims: Vec<usize>,
    /// Chunks along each axis.
    counts: Vec<usize>,
}

/// One box.
struct Chunk {
    number: usize,
    origin: Vec<usize>,
    dims: Vec<usize>,
}

impl Chunk {
    fn len(&self) -> usize {
        self.dims.iter().product()
    }
}

impl Chunks {
    /// Of a field of these dimensions.
    pub fn of(dims: &[usize]) -> Self {
        Self::with_limits(dims, LARGEST, CHUNK)
    }

    fn with_limits(dims: &[usize], largest: usize, chunk: usize) -> Self {
        let mut counts = vec![1; dims.len()];
        let side = |counts: &[usize], axis: usize| dims[axis].div_ceil(counts[axis]);
        if dims.iter().product::<usize>() > largest {
            while (0..dims.len()).map(|axis| side(&counts, axis)).product::<usize>() > chunk {
                let longest = (0..dims.len()).rev().max_by_key(|&axis| side(&counts, axis)).unwrap_or(0);
                counts[longest] += 1;
            }
        }
        Chunks { dims: dims.to_vec(), counts }
    }

    /// Number of chunks.
    pub fn n(&self) -> usize {
        self.counts.iter().product()
    }

    fn get(&self, number: usize) -> Chunk {
        let mut i = number;
        let (mut origin, mut dims) = (self.dims.clone(), self.dims.clone());
        for axis in (0..self.dims.len()).rev() {
            let (n, k) = (self.dims[axis], self.counts[axis]);
            let (from, to) = (i % k * n / k, (i % k + 1) * n / k);
            (origin[axis], dims[axis]) = (from, to - from);
            i /= k;
        }
        Chunk { number, origin, dims }
    }

    /// Calls `f` for all chunks, as many at a time as there are threads; results in order.
    fn each<R: Send>(&self, f: impl Fn(&Chunk) -> Result<R> + Sync) -> Result<Vec<R>> {
        let mut all = Vec::with_capacity(self.n());
        self.each_into(f, |_, result| all.push(result))?;
        Ok(all)
    }

    /// As [`Self::each`], results handed to `take` in order as soon as those of one turn are there.
    fn each_into<R: Send>(
        &self,
        f: impl Fn(&Chunk) -> Result<R> + Sync,
        mut take: impl FnMut(&Chunk, R),
    ) -> Result<()> {
        let n_threads = rayon::current_num_threads();
        for first in (0..self.n()).step_by(n_threads) {
            let turn: Vec<Chunk> = (first..self.n().min(first + n_threads)).map(|i| self.get(i)).collect();
            let results: Result<Vec<R>> = turn.par_iter().map(&f).collect();
            turn.iter().zip(results?).for_each(|(chunk, result)| take(chunk, result));
        }
        Ok(())
    }

    fn take<T: Copy + Default>(&self, chunk: &Chunk, values: &[T]) -> Vec<T> {
        let mut out = vec![T::default(); chunk.len()];
        for_rows(&self.dims, &chunk.origin, &chunk.dims, |from, to, n| {
            out[to..to + n].copy_from_slice(&values[from..from + n]);
        });
        out
    }

    fn put<T: Copy>(&self, chunk: &Chunk, values: &[T], out: &mut [T]) {
        for_rows(&self.dims, &chunk.origin, &chunk.dims, |to, from, n| {
            out[to..to + n].copy_from_slice(&values[from..from + n]);
        });
    }

    fn put_one(&self, chunk: &Chunk, part: &Array, all: &mut Array) {
        match (all, part) {
            (Array::F32(all), Array::F32(part)) => self.put(chunk, part, all),
            (Array::F64(all), Array::F64(part)) => self.put(chunk, part, all),
            _ => unreachable!("parts have the type of the whole"),
        }
    }

    fn put_all(&self, parts: Vec<Array>, dtype: Dtype) -> Array {
        let mut all = Array::constant(dtype, 0.0, self.dims.iter().product());
        // Each part goes as soon as it is in its place.
        parts.into_iter().enumerate().for_each(|(i, part)| self.put_one(&self.get(i), &part, &mut all));
        all
    }

    /// Calls `f` with the part of the input in a chunk.
    fn with<R>(&self, input: &Input, chunk: &Chunk, f: impl FnOnce(&Input) -> R) -> R {
        let values = match input.values {
            Slice::F32(values) => Array::F32(self.take(chunk, values)),
            Slice::F64(values) => Array::F64(self.take(chunk, values)),
        };
        let mask = input.mask.map(|mask| self.take(chunk, mask));
        self.with_known(chunk, (input.base, input.prediction), |base, prediction| {
            let (values, mask, dims) = (values.as_slice(), mask.as_deref(), &chunk.dims[..]);
            f(&Input { values, dims, mask, base, prediction, ..*input })
        })
    }

    /// Calls `f` with the parts in a chunk of what a decoder has as well.
    fn with_known<R>(
        &self,
        chunk: &Chunk,
        (base, prediction): (Option<&[f64]>, Option<Prediction>),
        f: impl FnOnce(Option<&[f64]>, Option<Prediction>) -> R,
    ) -> R {
        let base = base.map(|base| self.take(chunk, base));
        let cut = prediction.map(|p| (self.take(chunk, p.values), self.take(chunk, p.last)));
        f(base.as_deref(), cut.as_ref().map(|(values, last)| Prediction { values, last }))
    }
}

/// Encodes all chunks for a goal that holds over the whole field.
///
/// # Errors
/// As [`search::encode`].
pub(super) fn encode(input: &Input, goal: Goal, chunks: &Chunks) -> Result<Option<Output>> {
    let outputs = if let Goal::Linf(_) = goal {
        let outputs = chunks.each(|chunk| chunks.with(input, chunk, |part| search::encode(part, goal)))?;
        outputs.into_iter().collect()
    } else {
        together(input, goal, chunks)?
    };
    Ok(outputs.map(|outputs| joined(outputs, chunks, input.finish.dtype)))
}

/// One step of the quantiser for all chunks: what a bit buys is the same everywhere then.
fn together(input: &Input, goal: Goal, chunks: &Chunks) -> Result<Option<Vec<Output>>> {
    if search::is_single(input, goal)
        && let Some((surveys, step)) = surveyed::<f32>(input, goal, chunks)?
        && (step >= search::SINGLE * input.finish.half() || !matches!(goal, Goal::Bytes(_)))
    {
        return with_surveys::<f32>(input, goal, chunks, &surveys, step);
    }
    match surveyed::<f64>(input, goal, chunks)? {
        Some((surveys, step)) => with_surveys::<f64>(input, goal, chunks, &surveys, step),
        None => Ok(None),
    }
}

/// What each chunk says, and the step that follows; `None` when integers cannot hold the coefficients.
fn surveyed<T: Real>(input: &Input, goal: Goal, chunks: &Chunks) -> Result<Option<(Vec<Survey>, f64)>> {
    let survey = |chunk: &Chunk| {
        let part = goal_of_part(goal, chunk.len() as f64 / input.values.len() as f64);
        Ok(chunks.with(input, chunk, |input| survey::survey::<T>(input, part)))
    };
    let surveys: Option<Vec<Survey>> = chunks.each(survey)?.into_iter().collect();
    Ok(surveys.map(|surveys| {
        let step = survey::common_step(&surveys, goal_of_part(goal, 1.0));
        (surveys, step)
    }))
}

/// The best outputs with steps from `step` on.
fn with_surveys<T: Real>(
    input: &Input,
    goal: Goal,
    chunks: &Chunks,
    surveys: &[Survey],
    mut step: f64,
) -> Result<Option<Vec<Output>>> {
    let mut found: Option<(f64, Vec<Output>)> = None;
    let (mut low, mut high) = (0.0f64, f64::INFINITY);
    for _ in 0..ATTEMPTS {
        let encode = |chunk: &Chunk| {
            let kind = surveys[chunk.number].kind;
            chunks.with(input, chunk, |input| survey::with_step::<T>(input, kind, step))
        };
        let outputs: Option<Vec<(f64, Output)>> = chunks.each(encode)?.into_iter().collect();
        let Some(outputs) = outputs else { break };
        let error = outputs.iter().map(|(square, _)| square).sum::<f64>().sqrt();
        let outputs: Vec<Output> = outputs.into_iter().map(|(_, output)| output).collect();
        let size = outputs.iter().map(|output| output.payload.len() + HEAD).sum::<usize>() as f64;
        // How much of the goal is used up, what makes an attempt that meets it better, and a step that uses all of it.
        let (used, score, next) = match goal {
            Goal::Bytes(n) => (size / n as f64, -error, step * (size / (AIM * n as f64)).powf(1.1)),
            Goal::L2(bound) | Goal::Linf(bound) => (error / bound, -size, step * AIM * bound / error),
        };
        let is_met = used <= 1.0;
        // A larger step has larger errors and fewer bytes.
        if is_met == matches!(goal, Goal::Bytes(_)) {
            high = high.min(step)
        } else {
            low = low.max(step)
        }
        if is_met && found.as_ref().is_none_or(|f| score > f.0) {
            found = Some((score, outputs));
        }
        if is_met && (used >= CLOSE || error == 0.0) {
            break;
        }
        let is_inside = next > low && next < high;
        step = storable(if is_inside || low == 0.0 || high.is_infinite() { next } else { (low * high).sqrt() });
    }
    Ok(found.map(|f| f.1))
}

/// What a part of the field has of a goal, and of that what is aimed at.
fn goal_of_part(goal: Goal, share: f64) -> Goal {
    match goal {
        Goal::L2(bound) => Goal::L2(AIM * bound * share.sqrt()),
        Goal::Linf(bound) => Goal::Linf(bound),
        Goal::Bytes(n) => Goal::Bytes((AIM * n as f64 * share) as usize),
    }
}

/// The payload of all chunks.
fn joined(outputs: Vec<Output>, chunks: &Chunks, dtype: Dtype) -> Output {
    let mut payload = vec![CHUNKED];
    let mut parts = Vec::with_capacity(outputs.len());
    let (mut kind, mut gains, mut unpredicted_bytes, mut values) = (None, Vec::new(), 0, Vec::new());
    for output in outputs {
        kind = kind.or(Some(output.kind));
        unpredicted_bytes += output.unpredicted_bytes;
        gains.extend(output.gains);
        parts.push(output.payload);
        values.push(output.values);
    }
    payload.extend(join(&parts));
    let kind = kind.unwrap_or(super::Kind::None);
    Output { payload, values: chunks.put_all(values, dtype), errors: None, kind, unpredicted_bytes, gains }
}

/// Decodes the payload of a field in chunks, behind its first byte.
///
/// # Errors
/// As [`super::decode`].
pub(super) fn decode(streams: &[u8], chunks: &Chunks, finish: Finish, known: Known) -> Result<Array> {
    if chunks.n() == 1 {
        return Err(Error::corrupt(format!("a field of {:?} in chunks, which no encoder cuts", chunks.dims)));
    }
    let parts = cut(streams, chunks.n())?;
    if parts.iter().any(|part| part.first() == Some(&CHUNKED)) {
        return Err(Error::corrupt("a chunk that is cut into chunks"));
    }
    let mut all = Array::constant(finish.dtype, 0.0, chunks.dims.iter().product());
    let decode = |chunk: &Chunk| {
        chunks.with_known(chunk, (known.base, known.prediction), |base, prediction| {
            super::decode(parts[chunk.number], &chunk.dims, finish, Known { base, prediction, ..known })
        })
    };
    chunks.each_into(decode, |chunk, part| chunks.put_one(chunk, &part, &mut all))?;
    Ok(all)
}

/// True when a chunk needs a prediction.
pub(super) fn needs_prediction(streams: &[u8], chunks: &Chunks, version: u8) -> bool {
    let needs = |part: &&[u8]| Head::read(part, version).is_ok_and(|(head, _)| head.is_predicted);
    cut(streams, chunks.n()).is_ok_and(|parts| parts.iter().any(needs))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::Tries;

    /// A front, waves, and noise in one half.
    fn field(dims: &[usize]) -> Vec<f32> {
        let value = |i: usize| {
            let noise = (i as u32).wrapping_mul(2_654_435_761) >> 16;
            let x = i as f32 / 3000.0;
            let waves = (x * 0.7).sin() + (i % 40) as f32 * 0.01;
            waves + if i % 50 < 25 { noise as f32 / 4e5 } else { 1.0 }
        };
        (0..dims.iter().product()).map(value).collect()
    }

    #[test]
    fn goals_hold_over_all_chunks_and_are_used_up() {
        let dims = [60, 50, 40];
        let chunks = Chunks::with_limits(&dims, 30_000, 20_000);
        let values = field(&dims);
        let mask: Vec<bool> = (0..values.len()).map(|i| i % 7 > 0 || i < 60_000).collect();
        let (min, max) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &v| {
            (low.min(f64::from(v)), high.max(f64::from(v)))
        });
        let finish = Finish { dtype: Dtype::F32, min, max };
        let values = Slice::F32(&values);
        let input = Input {
            values,
            dims: &dims,
            mask: Some(&mask),
            finish,
            base: None,
            prediction: None,
            tries: Tries::default(),
        };
        for goal in [Goal::Linf(1e-2), Goal::L2(3.0), Goal::L2(30.0), Goal::Bytes(20_000), Goal::Bytes(60_000)] {
            let output = encode(&input, goal, &chunks).unwrap().expect("reachable");
            let decoded = decode(&output.payload[1..], &chunks, finish, Known::default()).unwrap();
            assert_eq!(decoded, output.values);
            let error = crate::metrics::Errors::between(values, decoded.as_slice(), Some(&mask));
            match goal {
                Goal::Linf(bound) => assert!(error.max <= bound, "{}", error.max),
                Goal::L2(bound) => assert!((0.97 * bound..=bound).contains(&error.l2), "{} of {bound}", error.l2),
                Goal::Bytes(n) => {
                    let size = output.payload.len();
                    assert!((n * 95 / 100..=n).contains(&size), "{size} of {n}");
                }
            }
        }
    }

    #[test]
    fn as_many_bytes_as_double_precision_needs_are_used_for_it() {
        let dims = [60, 50, 40];
        let chunks = Chunks::with_limits(&dims, 30_000, 20_000);
        let values: Vec<f64> = (0..120_000).map(|i| (f64::from(i) / 900.0).sin()).collect();
        let finish = Finish { dtype: Dtype::F64, min: -1.0, max: 1.0 };
        let values = Slice::F64(&values);
        let tries = Tries::default();
        let input = Input { values, dims: &dims, mask: None, finish, base: None, prediction: None, tries };
        let output = encode(&input, Goal::Bytes(480_000), &chunks).unwrap().expect("reachable");
        let decoded = decode(&output.payload[1..], &chunks, finish, Known::default()).unwrap();
        let error = crate::metrics::Errors::between(values, decoded.as_slice(), None).max;
        assert!(output.payload.len() <= 480_000 && error < 1e-8, "{error} with {}", output.payload.len());
    }

    #[test]
    fn positions_beyond_32_bits_are_those_of_the_field() {
        let dims = [2049, 1024, 1024];
        let chunks = Chunks::of(&dims);
        let (mut n_values, mut last) = (0, 0);
        for number in 0..chunks.n() {
            let chunk = chunks.get(number);
            for_rows(&dims, &chunk.origin, &chunk.dims, |at, _, n| {
                n_values += n;
                last = last.max(at + n);
            });
        }
        assert_eq!((n_values, last), (2049 << 20, 2049 << 20));
    }

    #[test]
    fn base_and_prediction_are_cut_like_the_field() {
        let dims = [60, 50, 40];
        let chunks = Chunks::with_limits(&dims, 30_000, 20_000);
        let values = field(&dims);
        let close: Vec<f64> = values.iter().map(|&v| f64::from(v) + 1e-3).collect();
        let finish = Finish { dtype: Dtype::F32, min: -2.0, max: 3.0 };
        let alone = Input {
            values: Slice::F32(&values),
            dims: &dims,
            mask: None,
            finish,
            base: None,
            prediction: None,
            tries: Tries::default(),
        };
        let prediction = Prediction { values: &close, last: &close };
        let size = |input: &Input| {
            let output = encode(input, Goal::Linf(1e-2), &chunks).unwrap().expect("reachable");
            let known = Known { base: input.base, prediction: input.prediction, ..Known::default() };
            assert_eq!(decode(&output.payload[1..], &chunks, finish, known).unwrap(), output.values);
            assert_eq!(needs_prediction(&output.payload[1..], &chunks, known.version), input.prediction.is_some());
            output.payload.len()
        };
        assert!(size(&Input { base: Some(&close), ..alone }) < 100);
        let predicted = size(&Input { prediction: Some(prediction), ..alone });
        assert!(10 * predicted < size(&alone), "{predicted}");
    }

    #[test]
    fn chunks_cover_every_value_once_and_none_is_thin() {
        for dims in [vec![100, 90, 80], vec![3, 1000, 17], vec![100_000], vec![2, 3, 500, 400]] {
            let chunks = Chunks::with_limits(&dims, 30_000, 20_000);
            let mut seen = vec![0u8; dims.iter().product()];
            for i in 0..chunks.n() {
                let chunk = chunks.get(i);
                assert!(chunk.len() <= 20_000 && chunk.len() >= 4_000, "{dims:?} {:?}", chunk.dims);
                for_rows(&dims, &chunk.origin, &chunk.dims, |at, _, n| {
                    seen[at..at + n].iter_mut().for_each(|s| *s += 1)
                });
            }
            assert!(seen.iter().all(|&s| s == 1), "{dims:?}");
        }
    }
}
