//! Bytes and seconds of chains of predicted steps beside single steps, without ADIOS2.
//!
//! `cargo bench --bench prediction -- [accuracy=1e-3 norm=Linf predictor=network ...] u.npy v.npy ...`; the slowest axis of
//! each array is time. Every step is decoded again and its bound checked.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use adios2_inr::codec::{self, Chain, Context, Encoded, History, predicted};
use adios2_inr::predict::Predictor;
use adios2_inr::{Block, Result, Settings, npy};

/// What a variable came to.
#[derive(Default)]
struct Sums {
    intra_bytes: usize,
    record_bytes: usize,
    weights_bytes: usize,
    n_keys: usize,
    intra_seconds: f64,
    chain_seconds: f64,
    train_seconds: f64,
    decode_seconds: f64,
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let (pairs, files): (Vec<&String>, Vec<&String>) = args.iter().partition(|arg| arg.contains('='));
    let pairs: Vec<(&str, &str)> = pairs.iter().filter_map(|pair| pair.split_once('=')).collect();
    let defaults =
        [("temporal", "predict"), ("norm", "Linf"), ("accuracy", "1e-3"), ("model", "transform"), ("threads", "1")];
    let missing = defaults.iter().filter(|(key, _)| pairs.iter().all(|(k, _)| k != key));
    let settings = Settings::from_pairs(missing.chain(&pairs).copied())?;
    println!("file  steps keys  intra B  chain B (weights B)  ratio  encode/intra s (training)  decode/intra s");
    for file in files {
        let sums = run(file, &settings)?;
        let name = file.rsplit('/').next().unwrap_or(file);
        let chain = sums.record_bytes + sums.weights_bytes;
        println!(
            "{name}  {}  {}  {chain} ({})  {:.3}  {:.2}/{:.2} ({:.2})  {:.2}",
            sums.n_keys,
            sums.intra_bytes,
            sums.weights_bytes,
            chain as f64 / sums.intra_bytes as f64,
            sums.chain_seconds,
            sums.intra_seconds,
            sums.train_seconds,
            sums.decode_seconds,
        );
    }
    Ok(())
}

fn run(path: &str, settings: &Settings) -> Result<Sums> {
    let array = npy::read(path.as_ref())?;
    let (&n_steps, dims) = array.dims.split_first().expect("a time axis");
    let size = array.bytes.len() / n_steps;
    let (mut chain, mut sums) = (Chain::default(), Sums::default());
    let (mut predictors, mut history): (HashMap<u32, Arc<Predictor>>, Option<History>) = (HashMap::new(), None);
    for (step, bytes) in array.bytes.chunks_exact(size).enumerate() {
        let block = Block::new(array.dtype, dims, bytes)?;
        let started = Instant::now();
        let intra = codec::encode(&block, settings, &Context::default())?;
        sums.intra_seconds += started.elapsed().as_secs_f64();
        sums.intra_bytes += intra.record.len();
        let started = Instant::now();
        let mut alone = || codec::encode(&block, settings, &Context::default());
        let link = chain.encode(&block, settings, &mut alone)?;
        sums.chain_seconds += started.elapsed().as_secs_f64();
        sums.n_keys += usize::from(link.needs == 0);
        for (number, bytes) in &link.predictors {
            sums.weights_bytes += bytes.len();
            let find = |n| Ok(Arc::clone(&predictors[&n]));
            let predictor = predicted::decode_predictor(bytes, *number, &find)?;
            predictors.insert(*number, predictor);
        }
        let needs = link.needs;
        let Encoded { record, report, .. } = chain.accept(link);
        sums.train_seconds += report.seconds.train;
        sums.record_bytes += record.len();
        if std::env::var_os("INR_BENCH_STEPS").is_some() {
            let Encoded { record: alone, .. } = intra;
            println!(
                "{step} {} {} of {} {:?} {:?}",
                report.model,
                record.len(),
                alone.len(),
                report.tried,
                report.gains
            );
        }
        let started = Instant::now();
        let mut out = vec![0; bytes.len()];
        history = predicted::decode(&record, needs, history.as_ref(), &|n| Ok(Arc::clone(&predictors[&n])), &mut out)?;
        sums.decode_seconds += started.elapsed().as_secs_f64();
    }
    Ok(sums)
}
