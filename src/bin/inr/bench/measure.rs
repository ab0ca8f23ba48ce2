//! One row: a series stored in one way at one goal.

use std::time::Instant;

use adios2_inr::Target;
use adios2_inr::field::Array;
use adios2_inr::metrics::Errors;
use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use super::data::Series;
use super::goals::excess;
use super::memory;
use super::method::{Method, Stored};

/// One line of the result.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    pub data: String,
    /// Of a step.
    pub dims: Vec<usize>,
    pub dtype: String,
    pub n_steps: usize,
    /// Points of all steps that do not count.
    pub n_masked: usize,
    /// What was asked of every step, as `Linf REL 1e-3`.
    #[serde(with = "super::goals::text")]
    pub goal: Target,
    pub codec: String,
    /// Steps coded together; 0: each after those before it.
    pub window: usize,
    /// What was chosen: models of ours.
    pub detail: String,
    pub raw_bytes: usize,
    pub stored_bytes: usize,
    pub ratio: f64,
    pub bits_per_value: f64,
    /// Over all steps: relative L2 and PSNR of all values together, maxima of the worst step.
    pub errors: Errors,
    pub held: bool,
    /// Raw megabytes (1e6 bytes) per second; 0 where it was not measured.
    pub encode_mb_s: f64,
    pub decode_mb_s: f64,
    /// Growth of resident memory meanwhile, where the system tells.
    pub encode_peak_bytes: Option<u64>,
    pub decode_peak_bytes: Option<u64>,
    /// Steps decoded for one step that is read by itself, on average.
    pub decoded_per_read: f64,
}

/// A row and the decoded steps.
pub struct Measured {
    pub row: Row,
    pub decoded: Vec<Array>,
}

/// How often a method runs.
#[derive(Clone, Copy)]
pub struct Runs {
    /// Their median time counts; at least 1.
    pub n_timed: u32,
    /// One more run, the first, tells of memory. It takes all of it afresh from the system, which a running program does once only.
    pub with_memory: bool,
}

/// Measures one method at one goal.
pub fn measure(method: &dyn Method, series: &Series, goal: &Target, runs: Runs) -> Result<Measured> {
    let knobs = method.tune(series, goal)?;
    let (mut encoding, mut decoding) = (Costs::default(), Costs::default());
    let mut last: Option<(Box<dyn Stored>, Vec<Array>)> = None;
    for run in 0..runs.n_timed + u32::from(runs.with_memory) {
        drop(last.take());
        let tells = if runs.with_memory && run == 0 { Tells::Memory } else { Tells::Seconds };
        let (stored, encode_cost) = tells.of(|| method.encode(series, goal, &knobs));
        let stored = stored?;
        let (decoded, decode_cost) = tells.of(|| stored.decode(series));
        let mut steps = Vec::new();
        for part in decoded? {
            steps.extend(part.into_steps(series.dtype)?);
        }
        let [encode_cost, decode_cost] = stored
            .outside()
            .map_or([encode_cost, decode_cost], |costs| costs.map(|c| (Some(c.seconds), Some(c.peak_bytes))));
        encoding.add(encode_cost);
        decoding.add(decode_cost);
        last = Some((stored, steps));
    }
    let Some((stored, decoded)) = last else { anyhow::bail!("it was not run: repeat it at least once") };
    check(stored.as_ref(), series, &decoded)?;
    let row = row(method, series, goal, stored.as_ref(), &decoded, [encoding, decoding]);
    Ok(Measured { row, decoded })
}

/// What a run is for.
#[derive(Clone, Copy)]
enum Tells {
    Memory,
    Seconds,
}

impl Tells {
    /// Runs `work`: its seconds or its bytes.
    fn of<T>(self, work: impl FnOnce() -> T) -> (T, (Option<f64>, Option<u64>)) {
        match self {
            Tells::Memory => {
                let (done, peak) = memory::peak(work);
                (done, (None, peak))
            }
            Tells::Seconds => {
                let started = Instant::now();
                let done = work();
                (done, (Some(started.elapsed().as_secs_f64()), None))
            }
        }
    }
}

/// Of all runs.
#[derive(Default)]
struct Costs {
    seconds: Vec<f64>,
    peak: Option<u64>,
}

impl Costs {
    fn add(&mut self, (seconds, peak): (Option<f64>, Option<u64>)) {
        self.seconds.extend(seconds);
        self.peak = self.peak.max(peak);
    }

    /// Megabytes per second at the median, the slower of two; 0 without any time.
    fn speed(&mut self, raw_bytes: usize) -> f64 {
        self.seconds.sort_by(f64::total_cmp);
        let median = self.seconds[self.seconds.len() / 2];
        if median > 0.0 { raw_bytes as f64 / 1e6 / median } else { 0.0 }
    }
}

fn check(stored: &dyn Stored, series: &Series, decoded: &[Array]) -> Result<()> {
    ensure!(decoded.len() == series.steps.len(), "decoded to {} steps of {}", decoded.len(), series.steps.len());
    for (step, decoded) in series.steps.iter().zip(decoded) {
        ensure!(decoded.len() == step.values.len(), "decoded to another size");
        let bits = |array: &Array, i: usize| match array {
            Array::F32(v) => u64::from(v[i].to_bits()),
            Array::F64(v) => v[i].to_bits(),
        };
        let mut points = (0..decoded.len()).filter(|_| stored.keeps_masked());
        let exact = points.all(|i| step.counts(i) || bits(decoded, i) == bits(&step.values, i));
        ensure!(exact, "masked points did not come back bit for bit");
    }
    Ok(())
}

fn row(
    method: &dyn Method,
    series: &Series,
    goal: &Target,
    stored: &dyn Stored,
    decoded: &[Array],
    [mut encoding, mut decoding]: [Costs; 2],
) -> Row {
    let (raw_bytes, stored_bytes) = (series.raw_bytes(), stored.n_bytes());
    let ratio = crate::table::ratio(raw_bytes, stored_bytes);
    let each = series.steps.iter().zip(decoded);
    let step_errors: Vec<Errors> = each
        .map(|(step, decoded)| Errors::between(step.values.as_slice(), decoded.as_slice(), step.valid.as_deref()))
        .collect();
    Row {
        data: series.name.clone(),
        dims: series.shape.clone(),
        dtype: series.dtype.name().to_owned(),
        n_steps: series.steps.len(),
        n_masked: series.n_masked(),
        goal: *goal,
        codec: method.name().to_owned(),
        window: method.window(),
        detail: stored.detail(),
        raw_bytes,
        stored_bytes,
        ratio,
        bits_per_value: 8.0 * stored_bytes as f64 / series.n_values() as f64,
        errors: overall(series, &step_errors),
        held: step_errors.iter().all(|errors| excess(goal, errors, ratio) <= 1.0),
        encode_mb_s: encoding.speed(raw_bytes),
        decode_mb_s: decoding.speed(raw_bytes),
        encode_peak_bytes: encoding.peak,
        decode_peak_bytes: decoding.peak,
        decoded_per_read: stored.decoded_per_read(),
    }
}

/// Of all values together; maxima are those of the worst step.
fn overall(series: &Series, steps: &[Errors]) -> Errors {
    let square: f64 = steps.iter().map(|e| e.l2 * e.l2).sum();
    let (squares, n) =
        series.steps.iter().map(|step| step.squares()).fold((0.0, 0), |(s, n), (square, m)| (s + square, n + m));
    // The range of all steps together, as if they were one array.
    let extremes = |(low, high): (f64, f64), step: &super::data::Field| (low.min(step.low), high.max(step.high));
    let (low, high) = series.steps.iter().fold((f64::INFINITY, f64::NEG_INFINITY), extremes);
    let worst = steps.iter().fold(Errors::default(), |worst, e| worst.worst(e));
    let relative = |e: f64, to: f64| if e == 0.0 { 0.0 } else { e / to };
    let rmse = (square / n as f64).sqrt();
    Errors {
        l2: square.sqrt(),
        rel_l2: relative(square.sqrt(), squares.sqrt()),
        max: worst.max,
        max_over_range: worst.max_over_range,
        psnr: if square == 0.0 { f64::INFINITY } else { 20.0 * ((high - low) / rmse).log10() },
    }
}

#[cfg(test)]
pub mod tests {
    use adios2_inr::{Dtype, Mode, Norm, field};

    use super::super::codec::{Block, Codec, Control};
    use super::super::windows::Windows;
    use super::*;
    use crate::npy;

    /// A row of a codec, for tests of what is made of rows.
    pub fn row(data: &str, codec: &str, goal: Target) -> Row {
        Row {
            data: data.into(),
            dims: vec![8, 8],
            dtype: "f32".into(),
            n_steps: 1,
            n_masked: 0,
            goal,
            codec: codec.into(),
            window: 1,
            detail: String::new(),
            raw_bytes: 256,
            stored_bytes: 64,
            ratio: 4.0,
            bits_per_value: 8.0,
            errors: Errors { psnr: 60.0, rel_l2: 1e-3, max: 1e-3, max_over_range: 1e-3, l2: 1e-2 },
            held: true,
            encode_mb_s: 10.0,
            decode_mb_s: 20.0,
            encode_peak_bytes: None,
            decode_peak_bytes: None,
            decoded_per_read: 1.0,
        }
    }

    /// Rounds to multiples of twice the parameter; the finer, the more bytes.
    struct Rounding;

    impl Codec for Rounding {
        fn name(&self) -> &str {
            "rounding"
        }

        fn control(&self, goal: &Target) -> Control {
            Control::by_bound(goal)
        }

        /// What a reader needs, and what it would make of it.
        fn encode(&self, block: Block, _: &Target, knob: f64) -> Result<Vec<Vec<u8>>> {
            let step = 2.0 * knob;
            let rounded = block.values.as_slice().iter().map(|v| (v / step).round() * step);
            Ok(vec![vec![0; 8 + (10.0 / knob) as usize], rounded.flat_map(f64::to_le_bytes).collect()])
        }

        fn decode(&self, _: Block, parts: &[Vec<u8>]) -> Result<Array> {
            Ok(field::values(Dtype::F64, 0, &parts[1])?.as_slice().to_array())
        }

        fn n_bytes(&self, parts: &[Vec<u8>]) -> usize {
            parts[0].len()
        }
    }

    /// Sines of growing size.
    fn series(n_steps: usize) -> Series {
        let step = |t: usize| {
            let values = (0..5000).map(|i| (1.0 + t as f64) * ((f64::from(i) * 0.001).sin() + 0.3));
            let bytes = values.flat_map(f64::to_le_bytes).collect();
            Ok(npy::Array { dtype: Dtype::F64, dims: vec![5000], bytes })
        };
        Series::new("sine".into(), (0..n_steps).map(step), None).unwrap().unwrap()
    }

    fn measured(series: &Series, window: usize, goal: Target) -> Row {
        measure(
            &Windows::new(&Rounding, window, series).unwrap(),
            series,
            &goal,
            Runs { n_timed: 2, with_memory: true },
        )
        .unwrap()
        .row
    }

    #[test]
    fn a_searched_peer_ends_just_within_what_was_asked() {
        for error in [5e-2, 1e-3, 1e-6] {
            let row = measured(&series(1), 1, Target::Accuracy(Mode::Rel, Norm::L2, error));
            assert!(row.held && row.errors.rel_l2 >= 0.95 * error, "{error}: {}", row.errors.rel_l2);
        }
        let row = measured(&series(1), 1, Target::Psnr(70.0));
        assert!(row.held && row.errors.psnr < 70.5, "{}", row.errors.psnr);
        let row = measured(&series(1), 1, Target::Ratio(20.0));
        assert!(row.held && row.ratio < 20.2, "{}", row.ratio);
    }

    #[test]
    fn a_bounded_peer_gets_the_asked_error_as_its_bound() {
        let row = measured(&series(1), 1, Target::Accuracy(Mode::Rel, Norm::Linf, 1e-2));
        assert!(row.held && row.errors.max_over_range > 0.99e-2, "{}", row.errors.max_over_range);
        assert_eq!(row.ratio, 40_000.0 / row.stored_bytes as f64);
        let row = measured(&series(1), 1, Target::Accuracy(Mode::Abs, Norm::Linf, 1e-2));
        assert!(row.held && row.errors.max > 0.99e-2, "{}", row.errors.max);
    }

    #[test]
    fn what_is_asked_holds_in_every_step_of_a_window() {
        for goal in [
            Target::Accuracy(Mode::Rel, Norm::Linf, 1e-2),
            Target::Accuracy(Mode::Rel, Norm::L2, 1e-2),
            Target::Psnr(60.0),
            Target::Ratio(50.0),
        ] {
            // The last of five steps is a window of its own.
            for (window, per_read) in [(1, 1.0), (2, 9.0 / 5.0), (4, 17.0 / 5.0)] {
                let row = measured(&series(5), window, goal);
                assert!(row.held && row.n_steps == 5, "{goal}, {window}");
                assert_eq!(row.decoded_per_read, per_read);
            }
        }
    }
}
