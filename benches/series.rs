//! Quality, size, cost and speed of series mode on the series of scripts/bench/series_data.py: the rows of docs/SERIES.md.
//!
//! `cargo bench --bench series -- DATA_DIR [ROW...] [--seeds N]`; rows are numbers from 1 to 10, all when none is named.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use adios2_inr::backend::cpu::CpuBackend;
use adios2_inr::mesh::Mesh;
use adios2_inr::model::SeriesNetwork;
use adios2_inr::series::{Method, SeriesConfig, Trainer, train};
use adios2_inr::sketch::{SketchKind, SketchRule};
use adios2_inr::train::Objective;

/// Steps of every series.
const N_STEPS: usize = 200;

/// A series on a square grid.
struct Series {
    name: &'static str,
    snapshots: Vec<Vec<f32>>,
    n_channels: usize,
    mesh: Arc<Mesh>,
}

impl Series {
    /// The first steps of `NAME.npy`, `(T, n, c)` in little-endian f32.
    fn load(folder: &Path, name: &'static str) -> Series {
        let bytes = std::fs::read(folder.join(format!("{name}.npy"))).expect("run scripts/bench/series_data.py first");
        let header_bytes = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
        let header = String::from_utf8_lossy(&bytes[10..header_bytes]).into_owned();
        let shape =
            header.split_once("'shape': (").and_then(|(_, rest)| rest.split_once(')')).expect("a .npy header").0;
        let sizes: Vec<usize> = shape.split(',').filter_map(|s| s.trim().parse().ok()).collect();
        let [_, n, n_channels] = sizes[..] else { panic!("{name}: (T, n, c) expected, found {shape}") };
        let values: Vec<f32> =
            bytes[header_bytes..].as_chunks::<4>().0.iter().map(|&b| f32::from_le_bytes(b)).collect();
        let side = (n as f64).sqrt().round() as usize;
        let snapshots = values.chunks_exact(n * n_channels).take(N_STEPS).map(<[f32]>::to_vec).collect();
        Series { name, snapshots, n_channels, mesh: Arc::new(Mesh::grid(&[side, side])) }
    }

    fn n_nodes(&self) -> usize {
        self.mesh.n_nodes()
    }
}

/// What a run came to.
struct Outcome {
    rfe: f64,
    bytes: usize,
    /// Of which estimated errors.
    certificate_bytes: usize,
    n_params: usize,
    /// Evaluated nodes per snapshot and node.
    cost: f64,
    seconds: f64,
    /// Estimated over true relative error of each step.
    ratios: Vec<f64>,
    estimates: Vec<(f64, f64)>,
}

fn run(series: &Series, method: Method, config: &SeriesConfig) -> Outcome {
    let backend = CpuBackend::new(1);
    let started = Instant::now();
    let mut trainer =
        train(method, config, &series.mesh, &series.snapshots, series.n_channels, &backend, &mut |_, _| {})
            .expect("trains");
    trainer.finish(None).expect("finishes");
    let bytes = trainer.network().expect("a network").encode();
    let seconds = started.elapsed().as_secs_f64();
    let network = SeriesNetwork::decode(&bytes).expect("decodes");
    let (rfe, true_errors) = errors(series, &network);
    let mean = |row: &mut dyn Iterator<Item = f64>, truth: &[f64]| {
        let defined: Vec<f64> = row.zip(truth).filter(|(_, t)| t.is_finite()).map(|(v, _)| v).collect();
        defined.iter().sum::<f64>() / defined.len() as f64
    };
    let pair = |(row, truth): (&Vec<f32>, &Vec<f64>)| {
        (mean(&mut row.iter().map(|e| f64::from(*e)), truth), mean(&mut truth.iter().copied(), truth))
    };
    let estimates: Vec<(f64, f64)> = network.certificate.iter().zip(&true_errors).map(pair).collect();
    Outcome {
        rfe,
        bytes: bytes.len(),
        certificate_bytes: bytes.len() - SeriesNetwork { certificate: Vec::new(), ..network.clone() }.encode().len(),
        n_params: network.shape.n_params(),
        cost: cost(&trainer, series),
        seconds,
        ratios: estimates.iter().map(|(estimate, truth)| estimate / truth).collect(),
        estimates,
    }
}

fn cost(trainer: &Trainer, series: &Series) -> f64 {
    trainer.n_evaluations() as f64 / (series.snapshots.len() * series.n_nodes()) as f64
}

/// Relative error over the series (mean of channels, in percent), and of each step and channel (NaN where the channel is
/// zero throughout).
fn errors(series: &Series, network: &SeriesNetwork) -> (f64, Vec<Vec<f64>>) {
    let c = series.n_channels;
    let (mut square, mut norm) = (vec![0.0; c], vec![0.0; c]);
    let mut per_step = Vec::new();
    for (step, original) in series.snapshots.iter().enumerate() {
        let decoded = network.snapshot(step as f64, &series.mesh, 1).expect("evaluates");
        let (mut s, mut n) = (vec![0.0; c], vec![0.0; c]);
        for (i, (a, b)) in original.iter().zip(&decoded).enumerate() {
            s[i % c] += f64::from(a - b).powi(2);
            n[i % c] += f64::from(*a).powi(2);
        }
        per_step.push(s.iter().zip(&n).map(|(s, n)| if *n > 0.0 { (s / n).sqrt() } else { f64::NAN }).collect());
        square.iter_mut().zip(s).for_each(|(sum, s)| *sum += s);
        norm.iter_mut().zip(n).for_each(|(sum, n)| *sum += n);
    }
    let rfe = square.iter().zip(&norm).map(|(s, n)| (s / n).sqrt()).sum::<f64>() / c as f64;
    (100.0 * rfe, per_step)
}

/// One table row per data set: median over seeds and the worst of them.
fn row(
    number: &str,
    what: &str,
    series: &[&Series],
    n_seeds: u64,
    limit: impl Fn(&str) -> String,
    method: Method,
    config: impl Fn(u64) -> SeriesConfig,
) -> Vec<Vec<Outcome>> {
    let mut all = Vec::new();
    for series in series {
        let outcomes: Vec<Outcome> = (0..n_seeds).map(|seed| run(series, method, &config(seed))).collect();
        let mut rfe: Vec<f64> = outcomes.iter().map(|o| o.rfe).collect();
        rfe.sort_by(f64::total_cmp);
        let max = |f: fn(&Outcome) -> f64| outcomes.iter().map(f).fold(0.0, f64::max);
        println!(
            "| {number} | {what} | {} | {} | {:.2} ({}) | {:.0} ({:.0}) | {:.2} | {:.1} | {:.1} |",
            series.name,
            limit(series.name),
            rfe[rfe.len() / 2],
            rfe.iter().map(|r| format!("{r:.2}")).collect::<Vec<_>>().join(", "),
            max(|o| o.bytes as f64),
            max(|o| o.certificate_bytes as f64),
            max(|o| 8.0 * (o.bytes - o.certificate_bytes) as f64 / o.n_params as f64),
            max(|o| o.cost),
            max(|o| o.seconds),
        );
        all.push(outcomes);
    }
    all
}

fn certificates(outcomes: &[Outcome]) -> String {
    let ratios: Vec<f64> = outcomes.iter().flat_map(|o| o.ratios.iter().copied()).collect();
    let inside = ratios.iter().filter(|r| (0.7..=1.4).contains(*r)).count() as f64 / ratios.len() as f64;
    let rms = (ratios.iter().map(|r| r * r).sum::<f64>() / ratios.len() as f64).sqrt();
    let logs: Vec<(f64, f64)> = outcomes.iter().flat_map(|o| &o.estimates).map(|(e, t)| (e.ln(), t.ln())).collect();
    let mean = |f: fn(&(f64, f64)) -> f64| logs.iter().map(f).sum::<f64>() / logs.len() as f64;
    let (me, mt) = (mean(|p| p.0), mean(|p| p.1));
    let covariance = logs.iter().map(|(e, t)| (e - me) * (t - mt)).sum::<f64>();
    let deviation = |f: &dyn Fn(&(f64, f64)) -> f64| logs.iter().map(|p| f(p).powi(2)).sum::<f64>().sqrt();
    let correlation = covariance / (deviation(&|p| p.0 - me) * deviation(&|p| p.1 - mt));
    let (low, high) = ratios.iter().fold((f64::MAX, 0.0f64), |(l, h), r| (l.min(*r), h.max(*r)));
    format!("{:.1} % inside, {low:.2} to {high:.2}, rms {rms:.3}, log-correlation {correlation:.2}", 100.0 * inside)
}

fn subsample(n_rows: usize, n_bits: u32, kind: SketchKind) -> SketchRule {
    SketchRule { kind, n_rows, n_bits, exact_norms: true }
}

fn main() {
    let mut folder = PathBuf::from("bench-out/series");
    let (mut wanted, mut n_seeds) = (Vec::new(), 3);
    let mut args = std::env::args().skip(1).filter(|a| a != "--bench");
    while let Some(arg) = args.next() {
        match arg.parse::<u32>() {
            Ok(number) => wanted.push(number),
            Err(_) if arg == "--seeds" => n_seeds = args.next().and_then(|n| n.parse().ok()).expect("--seeds N"),
            Err(_) => folder = arg.into(),
        }
    }
    let is_wanted = |number: u32| wanted.is_empty() || wanted.contains(&number);
    let [ign, eul, spike, gs2] = ["ign", "eul", "spike", "gs2"].map(|name| Series::load(&folder, name));
    println!(
        "| row | what | data | limit | RFE % median (seeds) | bytes (of which certificate) | bits/weight | N | seconds |\n|---|---|---|---|---|---|---|---|---|"
    );
    let film = |seed| SeriesConfig { seed, ..SeriesConfig::film(N_STEPS) };
    let in_situ = Method::InSitu;
    if is_wanted(1) || is_wanted(8) {
        let limit = |name: &str| match name {
            "spike" => "9".to_owned(),
            "gs2" => "5.4".to_owned(),
            _ => "2.6".to_owned(),
        };
        let all = row("1", "FiLM 32x3, N <= 18.1", &[&ign, &eul, &spike, &gs2], n_seeds, limit, in_situ, film);
        for (name, outcomes) in ["ign", "eul", "spike", "gs2"].iter().zip(&all) {
            println!("| 8 | certificate: [0.7, 1.4] for 99 % | {name} | | {} | | | | |", certificates(outcomes));
        }
    }
    if is_wanted(2) {
        let quick = |seed| SeriesConfig {
            iterations: 10,
            first_iterations: 600,
            consolidation: 1000,
            rate: 5e-4,
            ..film(seed)
        };
        row("2", "the same, N <= 6.1", &[&ign, &eul], n_seeds, |_| "3.6".into(), in_situ, quick);
    }
    if is_wanted(3) {
        let fine = |seed| SeriesConfig {
            sketch: subsample(200, 10, SketchKind::Importance),
            iterations: 100,
            first_iterations: 2000,
            consolidation: 10_000,
            weight_bits: 7,
            ..film(seed)
        };
        row("3", "FiLM, high quality, N <= 107", &[&ign, &eul], n_seeds, |_| "1.5".into(), in_situ, fine);
    }
    if is_wanted(4) {
        let forgetful = |seed| SeriesConfig { sketch: subsample(1, 8, SketchKind::None), ..film(seed) };
        let limit = |name: &str| match name {
            "ign" => ">= 70".to_owned(),
            "eul" => ">= 55".to_owned(),
            _ => ">= 35".to_owned(),
        };
        row("4", "no sketches: forgetting", &[&ign, &eul, &gs2], n_seeds, limit, in_situ, forgetful);
    }
    let parity = |seed| SeriesConfig {
        objective: Objective { generator_rate: 1.0, clip: 0.0, ..Objective::default() },
        sketch: subsample(125, 32, SketchKind::Subsample),
        consolidation: 0,
        cooldown: 0.1,
        weight_bits: 9,
        seed,
        ..SeriesConfig::hypernet(N_STEPS)
    };
    if is_wanted(5) {
        let sketched = |seed| SeriesConfig { iterations: 100, first_iterations: 500, batch: 16, ..parity(seed) };
        row("5", "hypernet, uniform 5 %, N <= 88", &[&ign], n_seeds, |_| "2.5".into(), in_situ, sketched);
        let offline = |seed| SeriesConfig { iterations: 200 * 50, full_batch: 16, ..parity(seed) };
        let limit = |_: &str| "row 5 <= 1.6x".to_owned();
        row("5", "hypernet, offline, same points", &[&ign], n_seeds, limit, Method::OfflineFull, offline);
    }
    if is_wanted(6) {
        let mixed = |seed| SeriesConfig {
            objective: Objective::default(),
            sketch: subsample(25, 32, SketchKind::Srht),
            iterations: 20,
            first_iterations: 500,
            batch: 4,
            rate: 5e-4,
            consolidation: 1500,
            ..parity(seed)
        };
        let limit = |name: &str| if name == "eul" { "7".into() } else { "9.5".into() };
        row("6", "hypernet, SRHT 1 %, N <= 134", &[&eul, &ign], n_seeds, limit, in_situ, mixed);
    }
    if is_wanted(7) {
        let of = |kind, n_rows, n_bits| {
            move |seed| SeriesConfig {
                sketch: subsample(n_rows, n_bits, kind),
                ..SeriesConfig { seed, ..SeriesConfig::hypernet(N_STEPS) }
            }
        };
        row(
            "7",
            "hypernet, uniform 1 %",
            &[&spike],
            n_seeds,
            |_| "".into(),
            in_situ,
            of(SketchKind::Subsample, 25, 32),
        );
        let importance = of(SketchKind::Importance, 100, 8);
        row("7", "hypernet, importance", &[&spike], n_seeds, |_| "1/3 of uniform".into(), in_situ, importance);
    }
    if is_wanted(9) {
        let plain = |seed| SeriesConfig { weight_bits: 16, ..film(seed) };
        row("9", "FiLM, weights hardly rounded", &[&ign, &eul], n_seeds, |_| "row 1 <= 1.25x".into(), in_situ, plain);
    }
    if is_wanted(10) {
        for (width, n_blocks, limit) in [(16, 3, 2.0), (32, 3, 0.8), (64, 3, 0.0)] {
            let config = SeriesConfig { width, n_blocks, consolidation: 0, ..film(0) };
            let started = Instant::now();
            let mut trainer = Trainer::new(&config, Arc::clone(&ign.mesh), 4, &CpuBackend::new(1)).expect("starts");
            ign.snapshots.iter().take(60).for_each(|snapshot| drop(trainer.push(snapshot).expect("trains")));
            let speed = trainer.n_evaluations() as f64 / started.elapsed().as_secs_f64() / 1e6;
            println!("| 10 | training, width {width}, one core | ign | >= {limit} Mpoint/s | {speed:.2} | | | | |");
        }
    }
}
