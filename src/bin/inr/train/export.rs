//! The decoded series as files that other programs read.

use std::path::Path;

use adios2_inr::Dtype;
use anyhow::Result;

use super::config::Export;
use super::run::Job;
use crate::npy;
use crate::runs::Networks;

/// Writes what the config asks for into the run's folder.
pub fn write(job: &Job) -> Result<()> {
    let formats = &job.config.output.reconstruction;
    if formats.is_empty() {
        return Ok(());
    }
    let networks = job.folder.networks_with(job.normaliser)?;
    for format in formats {
        match format {
            Export::Npy => write_npy(job, &networks, &job.folder.path.join("reconstruction.npy"))?,
            Export::Bp => write_bp(job, &networks, &job.folder.path.join("reconstruction.bp"))?,
        }
    }
    Ok(())
}

/// `(T, grid..., c)`, or `(T, n, c)` for points.
fn write_npy(job: &Job, networks: &Networks, path: &Path) -> Result<()> {
    let series = job.series;
    let dims: Vec<usize> = [vec![series.n_steps], series.dims(), vec![series.n_channels()]].concat();
    let steps = (0..series.n_steps).map(|s| networks.snapshot(s, &series.mesh, job.config.device.threads));
    npy::write_parts(path, Dtype::F32, &dims, steps.map(|values| Ok(bytemuck::cast_slice(&values?).to_vec())))
}

/// One variable per channel, one step per step.
#[cfg(feature = "adios2")]
fn write_bp(job: &Job, networks: &Networks, path: &Path) -> Result<()> {
    use adios2_inr::{Block, adios2::Writer};
    use anyhow::Context as _;

    const XML: &str =
        r#"<?xml version="1.0"?><adios-config><io name="series"><engine type="BP5"/></io></adios-config>"#;
    let xml = tempfile::Builder::new().suffix(".xml").tempfile().context("a temporary file")?;
    std::fs::write(xml.path(), XML)?;
    let writer = Writer::create(path, xml.path(), "series")?;
    let (series, dims) = (job.series, job.series.dims());
    for step in 0..series.n_steps {
        let values = networks.snapshot(step, &series.mesh, job.config.device.threads)?;
        let channel = |c| crate::raster::channel(&values, series.n_channels(), c);
        let channels: Vec<Vec<f32>> = (0..series.n_channels()).map(channel).collect();
        let named = series.channels.iter().zip(&channels);
        let blocks = named
            .map(|(name, values)| Ok((name.as_str(), Block::new(Dtype::F32, &dims, bytemuck::cast_slice(values))?)));
        writer.step(&blocks.collect::<Result<Vec<_>>>()?)?;
    }
    Ok(())
}

#[cfg(not(feature = "adios2"))]
fn write_bp(_: &Job, _: &Networks, path: &Path) -> Result<()> {
    anyhow::bail!("{}: this inr was built without ADIOS2: build it with the feature 'adios2'", path.display())
}
