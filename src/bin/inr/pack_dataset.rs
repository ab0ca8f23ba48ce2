//! The copying of `inr pack`: block by block, at most one of them in memory.

use std::collections::HashSet;
use std::path::Path;

use adios2_inr::adios2::{BlockInfo, Dataset, Layout, Plugin, Stored, Target as Place, Variable, Writer};
use adios2_inr::codec::{self, Context};
use adios2_inr::settings::{ModelChoice, Target};
use adios2_inr::{Block, Dtype, Settings, session};
use anyhow::{Context as _, Result, bail, ensure};

use crate::pack::{Args, Counts};
use crate::progress;

/// A step is padded to so many bytes.
const STRIPE_BYTES: usize = 64;

struct Packer<'a> {
    args: &'a Args,
    /// Absolute.
    path: String,
    dataset: Dataset,
    plugin: std::sync::Arc<Plugin>,
    /// Variables that this operator stores.
    operated: HashSet<String>,
    counts: Counts,
}

/// Copies the dataset; see `inr pack --help`.
pub fn pack(args: &Args) -> Result<Counts> {
    let path = std::path::absolute(&args.input).with_context(|| args.input.display().to_string())?;
    let mut packer = Packer {
        args,
        path: path.display().to_string(),
        dataset: Dataset::open(&args.input)?,
        plugin: Plugin::load()?,
        operated: HashSet::new(),
        counts: Counts::default(),
    };
    let folder = args.output.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let draft = tempfile::Builder::new().prefix(".inr-pack.").tempdir_in(folder);
    let draft = draft.with_context(|| format!("{}: cannot be written", args.output.display()))?;
    let unfinished = draft.path().join("draft.bp");
    packer.copy(&unfinished)?;
    (packer.counts.bytes_before, packer.counts.bytes_after) = (n_bytes(&args.input)?, n_bytes(&unfinished)?);
    std::fs::rename(&unfinished, &args.output)
        .with_context(|| format!("{}: cannot be written", args.output.display()))?;
    Ok(packer.counts)
}

/// Bytes of all files in a folder.
fn n_bytes(folder: &Path) -> Result<u64> {
    let mut n = 0;
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let is_folder = entry.file_type()?.is_dir();
        n += if is_folder { n_bytes(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(n)
}

impl Packer<'_> {
    fn copy(&mut self, output: &Path) -> Result<()> {
        let mut variables = self.dataset.variables().to_vec();
        for name in &self.args.skip {
            self.dataset.variable(name)?;
        }
        variables.retain(|variable| !self.args.skip.contains(&variable.name));
        for variable in &variables {
            ensure!(
                variable.dtype.is_some() || variable.is_string,
                "{}: variable '{}' has a type that ADIOS2's C interface does not hand out: leave it out with --skip {1}",
                self.args.input.display(),
                variable.name
            );
            if self.is_operated(variable)? {
                self.operated.insert(variable.name.clone());
            }
        }
        let config = tempfile::NamedTempFile::with_suffix(".xml")?;
        std::fs::write(config.path(), self.config())?;
        let writer = Writer::create(output, config.path(), "pack")?;
        self.dataset.attributes()?.iter().try_for_each(|attribute| writer.attribute(attribute))?;
        let held = self.dataset.held()?;
        (self.counts.n_steps, self.counts.n_variables) = (self.dataset.n_steps(), variables.len());
        let bar = progress::spinner(format!("packing {}", self.args.input.display()));
        for step in 0..self.dataset.n_steps() {
            writer.begin_step()?;
            for variable in &variables {
                let steps = held.get(&variable.name).map_or(&[][..], Vec::as_slice);
                if let Ok(at) = steps.binary_search(&step) {
                    let what = || format!("variable '{}', step {step}", variable.name);
                    self.copy_variable(&writer, variable, at).with_context(what)?;
                }
            }
            writer.end_step()?;
        }
        bar.finish_and_clear();
        Ok(())
    }

    /// Looks at the first block of each step until one tells.
    fn is_operated(&self, variable: &Variable) -> Result<bool> {
        for step in 0..variable.n_steps {
            let blocks = self.dataset.blocks(variable, step)?;
            let Some((number, _)) = self.array(variable, &blocks)?.next() else { continue };
            let n_bytes = self.dataset.n_bytes(variable, &blocks[number].dims)?;
            if let Stored::Record(_) = self.dataset.stored(&self.plugin, variable, step, number, n_bytes)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Numbers of the blocks that have elements.
    fn array<'b>(
        &self,
        variable: &Variable,
        blocks: &'b [BlockInfo],
    ) -> Result<impl Iterator<Item = (usize, &'b BlockInfo)>> {
        let is_array = variable.dtype.is_some();
        let has_elements = move |(_, b): &(usize, &BlockInfo)| is_array && !b.is_value && !b.dims.contains(&0);
        Ok(blocks.iter().enumerate().filter(has_elements))
    }

    fn config(&self) -> String {
        let escape = |name: &String| {
            let text = name.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
            format!("<variable name=\"{text}\"><operation operator=\"inr\"/></variable>\n")
        };
        let variables: String = self.operated.iter().map(escape).collect();
        format!(
            "<adios-config><operator name=\"inr\" type=\"plugin\"><parameter key=\"PluginName\" value=\"inr\"/>\
             <parameter key=\"PluginLibrary\" value=\"adios2_inr\"/></operator><io name=\"pack\"><engine type=\"BP5\">\
             <parameter key=\"StripeSize\" value=\"{STRIPE_BYTES}\"/></engine>\n{variables}</io></adios-config>\n"
        )
    }

    /// The `at`-th of the steps that hold the variable.
    fn copy_variable(&mut self, writer: &Writer, variable: &Variable, at: usize) -> Result<()> {
        let layout = self.dataset.layout(variable, at)?;
        if layout.blocks.iter().any(|block| block.is_value) {
            return self.copy_values(writer, variable, &layout.blocks);
        }
        for (number, info) in layout.blocks.iter().enumerate() {
            self.copy_block(writer, variable, &layout, (at, number), info)
                .with_context(|| format!("block {number}"))?;
        }
        Ok(())
    }

    fn copy_values(&mut self, writer: &Writer, variable: &Variable, values: &[BlockInfo]) -> Result<()> {
        self.counts.n_plain += values.len();
        if let [one] = values {
            return Ok(writer.put_value(&variable.name, variable.dtype, &one.value)?);
        }
        // One value per process reads as an array of them.
        let Some(dtype) = variable.dtype else {
            bail!("one string per process cannot be carried over: leave it out with --skip")
        };
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.value.iter().copied()).collect();
        let (shape, start) = ([values.len()], [0]);
        let place = Place { variable: &variable.name, shape: &shape, start: &start };
        Ok(writer.put(place, &Block::new(dtype, &shape, &bytes)?)?)
    }

    fn copy_block(
        &mut self,
        writer: &Writer,
        variable: &Variable,
        layout: &Layout,
        (at, number): (usize, usize),
        info: &BlockInfo,
    ) -> Result<()> {
        let Some(dtype) = variable.dtype else {
            bail!("an array of strings cannot be carried over: leave it out with --skip")
        };
        let place = Place { variable: &variable.name, shape: &layout.shape, start: &info.start };
        let n_bytes = self.dataset.n_bytes(variable, &info.dims)?;
        if n_bytes == 0 {
            return Ok(writer.put(place, &Block::new(dtype, &info.dims, &[])?)?);
        }
        let (record, bytes) = match self.dataset.stored(&self.plugin, variable, at, number, n_bytes)? {
            Stored::Values(bytes) => (None, bytes),
            Stored::Record(record) => {
                let mut bytes = vec![0; n_bytes];
                session::decode_from(&self.path, &record, &mut bytes)?;
                (Some(record), bytes)
            }
        };
        let block = Block::new(dtype, &info.dims, &bytes)?;
        if !self.operated.contains(&variable.name) {
            self.counts.n_plain += 1;
            return Ok(writer.put(place, &block)?);
        }
        let record = self.standing_alone(record, &block, dtype)?;
        Ok(self.plugin.supply(&record, || writer.put(place, &block))?)
    }

    /// The record as it is, or another of the block that stands alone.
    fn standing_alone(&mut self, record: Option<Vec<u8>>, block: &Block, dtype: Dtype) -> Result<Vec<u8>> {
        let mut settings =
            Settings { model: ModelChoice::Transform, threads: self.args.threads, ..Settings::default() };
        // Without a record there is no bound: nothing is lost.
        settings.threshold = usize::MAX;
        let Some(record) = record else {
            self.counts.n_plain += 1;
            return Ok(codec::encode(block, &settings, &Context::default())?.record);
        };
        let summary = codec::inspect(&record)?;
        ensure!(summary.dtype == dtype, "the record holds {} values", summary.dtype.name());
        if summary.place.is_none() && summary.step.is_none() {
            self.counts.n_copied += 1;
            return Ok(record);
        }
        self.counts.n_coded += 1;
        let own = session::own_record(&self.path, &record)?;
        if let (Some(target), false) = (codec::inspect(&own)?.target, self.args.lossless) {
            settings.threshold = 0;
            settings.target = tightened(target, self.args.tighten);
            settings.fill = codec::fill_of(&own)?;
        }
        Ok(codec::encode(block, &settings, &Context::default())?.record)
    }
}

/// A bound divided by `factor`; a ratio promises no error and stays.
fn tightened(target: Target, factor: f64) -> Target {
    match target {
        Target::Accuracy(mode, norm, error) => Target::Accuracy(mode, norm, error / factor),
        Target::Psnr(db) => Target::Psnr(db + 20.0 * factor.log10()),
        Target::Ratio(ratio) => Target::Ratio(ratio),
    }
}
