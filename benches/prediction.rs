//! Bytes and seconds of chains of predicted steps beside single steps, without ADIOS2.
//!
//! `cargo bench --bench prediction -- [accuracy=1e-3 norm=Linf predictor=network ...] u.npy v.npy ...`; the slowest axis of
//! each array is time. Every step is decoded again and its bound checked.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use adios2_inr::codec::{self, Chain, Context, Encoded, History, Other, predicted};
use adios2_inr::predict::Predictor;
use adios2_inr::{Block, Result, Settings, npy};

/// What a variable came to.
#[derive(Default)]
struct Sums {
    intra_bytes: usize,
    record_bytes: usize,
    weights_bytes: usize,
    /// Of steps that were stored alone and then again for those predicted from them.
    rewritten_bytes: usize,
    n_keys: usize,
    n_cross: usize,
    intra_seconds: f64,
    chain_seconds: f64,
    train_seconds: f64,
    decode_seconds: f64,
}

/// A variable, written and read.
struct Variable {
    name: String,
    array: npy::Array,
    chain: Chain,
    predictors: HashMap<u32, Arc<Predictor>>,
    history: Option<History>,
    /// Steps that are not in the model store, with their bytes.
    pending: Vec<(usize, usize)>,
    sums: Sums,
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let (pairs, files): (Vec<&String>, Vec<&String>) = args.iter().partition(|arg| arg.contains('='));
    let pairs: Vec<(&str, &str)> = pairs.iter().filter_map(|pair| pair.split_once('=')).collect();
    let defaults =
        [("temporal", "predict"), ("norm", "Linf"), ("accuracy", "1e-3"), ("model", "transform"), ("threads", "1")];
    let missing = defaults.iter().filter(|(key, _)| pairs.iter().all(|(k, _)| k != key));
    let settings = Settings::from_pairs(missing.chain(&pairs).copied())?;
    println!(
        "file  steps keys (cross)  intra B  chain B (weights, rewritten B)  ratio  encode/intra s (training)  decode s"
    );
    let dataset = |file: &String| file.rsplit_once('_').map_or(file.clone(), |(dataset, _)| dataset.to_owned());
    for files in files.chunk_by(|a, b| dataset(a) == dataset(b)) {
        let mut variables = files.iter().map(|file| Variable::open(file)).collect::<Result<Vec<_>>>()?;
        for step in 0..variables[0].array.dims[0] {
            for i in 0..variables.len() {
                let (before, rest) = variables.split_at_mut(i);
                rest[0].step(step, before, &settings)?;
            }
        }
        variables.iter().for_each(Variable::print);
    }
    Ok(())
}

impl Variable {
    fn open(path: &str) -> Result<Variable> {
        let (name, array) = (path.rsplit('/').next().unwrap_or(path).to_owned(), npy::read(path.as_ref())?);
        let (chain, predictors) = (Chain::default(), HashMap::new());
        Ok(Variable { name, array, chain, predictors, history: None, pending: Vec::new(), sums: Sums::default() })
    }

    /// Encodes and decodes a step; `before` has it already.
    fn step(&mut self, step: usize, before: &[Variable], settings: &Settings) -> Result<()> {
        let Variable { array, chain, predictors, history, pending, sums, .. } = self;
        let (&n_steps, dims) = array.dims.split_first().expect("a time axis");
        let size = array.bytes.len() / n_steps;
        let block = Block::new(array.dtype, dims, &array.bytes[step * size..(step + 1) * size])?;
        let started = Instant::now();
        let intra = codec::encode(&block, settings, &Context::default())?;
        sums.intra_seconds += started.elapsed().as_secs_f64();
        sums.intra_bytes += intra.record.len();
        let started = Instant::now();
        let mut alone = || codec::encode(&block, settings, &Context::default());
        let other = |(series, variable): (u32, &Variable)| {
            let history = variable.chain.offer()?.clone();
            Some(Other { name: variable.name.clone(), series, step: step as u32, history })
        };
        let others: Vec<Other> = (0..).zip(before).filter_map(other).collect();
        let link = chain.encode(&block, settings, &others, &mut alone)?;
        sums.chain_seconds += started.elapsed().as_secs_f64();
        sums.n_keys += usize::from(link.needs == 0);
        sums.n_cross += usize::from(link.beside.is_some());
        for (number, bytes) in &link.predictors {
            sums.weights_bytes += bytes.len();
            let find = |n| Ok(Arc::clone(&predictors[&n]));
            let predictor = predicted::decode_predictor(bytes, *number, &find)?;
            predictors.insert(*number, predictor);
        }
        let (needs, beside) = (link.needs, link.beside);
        if needs == 0 && !link.is_awaited {
            pending.push((step, link.encoded.record.len()));
        }
        let again = |(pending, _): &mut (usize, usize)| *pending < step && *pending + needs >= step;
        sums.rewritten_bytes += pending.extract_if(.., again).map(|(_, n_bytes)| n_bytes).sum::<usize>();
        let Encoded { record, report, .. } = chain.accept(link);
        sums.train_seconds += report.seconds.train;
        sums.record_bytes += record.len();
        if std::env::var_os("INR_BENCH_STEPS").is_some() {
            let (model, tried, gains) = (&report.model, &report.tried, &report.gains);
            println!("{step} {model} {} of {} {tried:?} {gains:?}", record.len(), intra.record.len());
        }
        let started = Instant::now();
        let mut out = vec![0; size];
        let other = beside.and_then(|(series, _)| before[series as usize].history.as_ref());
        let known =
            history.as_ref().map(|history| other.and_then(|other| history.beside(other)).unwrap_or(history.clone()));
        *history = predicted::decode(&record, needs, known.as_ref(), &|n| Ok(Arc::clone(&predictors[&n])), &mut out)?;
        sums.decode_seconds += started.elapsed().as_secs_f64();
        Ok(())
    }

    fn print(&self) {
        let Variable { name, sums, .. } = self;
        let chain = sums.record_bytes + sums.weights_bytes + sums.rewritten_bytes;
        println!(
            "{name}  {} ({})  {}  {chain} ({}, {})  {:.3}  {:.2}/{:.2} ({:.2})  {:.2}",
            sums.n_keys,
            sums.n_cross,
            sums.intra_bytes,
            sums.weights_bytes,
            sums.rewritten_bytes,
            chain as f64 / sums.intra_bytes as f64,
            sums.chain_seconds,
            sums.intra_seconds,
            sums.train_seconds,
            sums.decode_seconds,
        );
    }
}
