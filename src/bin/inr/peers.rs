//! SZ3 and ZFP on the series of a run, at the run's own error: `peers.json` in its folder.

use adios2_inr::Dtype;
use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::bench;
use crate::npy::Array;
use crate::runs::RunFolder;
use crate::table;
use crate::train::data::Series;

/// What a peer needs for the whole series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Peer {
    pub codec: String,
    /// Steps compressed together.
    pub window: usize,
    pub n_bytes: usize,
    pub ratio: f64,
    /// Relative L2 error of each channel, that of the run.
    pub rfe: Vec<f64>,
}

impl std::fmt::Display for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let steps =
            if self.window == 1 { "step by step".to_owned() } else { format!("{} steps together", self.window) };
        let (bytes, ratio) = (table::bytes(self.n_bytes), table::number(self.ratio));
        write!(f, "{} {steps} needs {bytes} bytes at the same error, ratio {ratio}", self.codec)
    }
}

/// Steps together: in situ, and with some memory.
const WINDOWS: [usize; 2] = [1, 16];

/// What was measured before; nothing if nothing was.
pub fn read(run: &RunFolder) -> Result<Vec<Peer>> {
    let path = run.path.join("peers.json");
    match std::fs::read(&path) {
        Err(_) => Ok(Vec::new()),
        Ok(text) => serde_json::from_slice(&text).with_context(|| path.display().to_string()),
    }
}

/// Measures each of `codecs` at relative L2 errors `rfe: [n_channels]` in every window and channel, and keeps the result.
pub fn measure(run: &RunFolder, series: &Series, codecs: &[String], rfe: &[f64]) -> Result<Vec<Peer>> {
    let mut found = Vec::new();
    for codec in codecs {
        for window in WINDOWS.into_iter().filter(|w| *w <= series.n_steps) {
            let mut n_bytes = 0;
            for first in (0..series.n_steps).step_by(window) {
                n_bytes += window_bytes(codec, series, first..series.n_steps.min(first + window), rfe)
                    .with_context(|| format!("{codec}, steps from {first}"))?;
            }
            let ratio = table::ratio(series.raw_bytes(), n_bytes);
            found.push(Peer { codec: codec.clone(), window, n_bytes, ratio, rfe: rfe.to_vec() });
        }
    }
    crate::output::write_whole(&run.path.join("peers.json"), |w| Ok(serde_json::to_writer_pretty(w, &found)?))?;
    Ok(found)
}

fn window_bytes(codec: &str, series: &Series, steps: std::ops::Range<usize>, rfe: &[f64]) -> Result<usize> {
    let snapshots = steps.clone().map(|s| series.snapshot(s)).collect::<Result<Vec<_>>>()?;
    let dims: Vec<usize> = [vec![steps.len()], series.dims()].concat();
    let mut n_bytes = 0;
    for (channel, &error) in rfe.iter().enumerate() {
        let of_channel = |s: &Vec<f32>| crate::raster::channel(s, rfe.len(), channel);
        let values: Vec<f32> = snapshots.iter().flat_map(of_channel).collect();
        if values.iter().all(|v| *v == values[0]) {
            n_bytes += 4;
            continue;
        }
        let array = Array { dtype: Dtype::F32, dims: dims.clone(), bytes: bytemuck::cast_slice(&values).to_vec() };
        n_bytes += bench::peer_bytes(codec, array, error.clamp(1e-12, 0.999))?;
    }
    Ok(n_bytes)
}
