//! One predicted step: its candidate, its record, and the way back.

use std::sync::Arc;

use super::candidate::{Candidate, Offer, Rival, Saved, Task};
use super::decode::{Forecast, References, fill};
use super::history::History;
use super::lossy::{self, About, Checked, Component};
use super::memory::{self, Steps};
use super::report::Report;
use super::{Encoded, section};
use crate::backend::cpu::CpuBackend;
use crate::backend::stencil::StencilKernels;
use crate::container::{self, Record};
use crate::predict::Predictor;
use crate::transform::{Input, Tries};
use crate::{Block, Error, Result, Settings, threads, transform};

/// The predictor of each component and its number in the chain; `None`: the last step as it is.
pub type Choices = Vec<Option<(u32, Arc<Predictor>)>>;

/// The transform of what a prediction leaves.
struct Predicted<'a> {
    forecast: &'a Forecast,
    step_factor: f64,
    only: Option<transform::Kind>,
    /// Of the predictor.
    number: Option<u32>,
    name: String,
}

impl Candidate for Predicted<'_> {
    fn offer(&self, task: &Task, _: &Rival, report: &mut Report) -> Result<Option<Offer>> {
        let started = std::time::Instant::now();
        let tries = Tries { step_factor: self.step_factor, only: self.only, ..task.input.tries };
        let input = Input { prediction: Some(self.forecast.prediction()), tries, ..task.input };
        let output = transform::encode(&input, task.goal)?;
        report.seconds.transform += started.elapsed().as_secs_f64();
        let Some(output) = output else { return Ok(None) };
        let saved = Saved { unpredicted_bytes: output.unpredicted_bytes, gains: output.gains, transform: output.kind };
        let number = self.number.filter(|_| !saved.gains.is_empty());
        let mut sections = vec![(section::TRANSFORM, output.payload)];
        sections.extend(number.map(|n| (section::PREDICTOR, postcard::to_allocvec(&n).expect("a number fits memory"))));
        Ok(Some(Offer {
            name: format!("{}+{}", self.name, output.kind),
            model: format!("{}+{}", self.name, output.kind),
            sections,
            values: output.values,
            errors: output.errors,
            why: format!("about {} bytes without prediction", saved.unpredicted_bytes),
            saved: Some(saved),
            ..Offer::default()
        }))
    }
}

/// A predicted step that keeps its promise.
pub struct Step {
    /// The record, which needs the history; see [`decode`].
    pub encoded: Encoded,
    /// Estimated bytes of the record without prediction.
    pub unpredicted_bytes: usize,
    /// Of each component; none for one that another coder took.
    pub transforms: Vec<Option<transform::Kind>>,
    /// A predictor needs what is beside the history.
    pub is_cross: bool,
}

/// A block to be predicted: what does not depend on the steps of its quantiser.
pub(super) struct Prepared<'a> {
    pub block: &'a Block<'a>,
    pub settings: &'a Settings,
    pub components: &'a [Component<'a>],
    pub choices: Choices,
    /// What each component is predicted to be.
    forecasts: Vec<Forecast>,
    /// The only transform that is tried for each component, if any is given.
    only: Vec<Option<transform::Kind>>,
}

impl<'a> Prepared<'a> {
    /// The components of a block after `history`, which it suits, predicted by these choices with the kernels of `device`.
    ///
    /// # Errors
    /// As [`History::of`] and [`StencilKernels::infer_stencil`].
    pub fn new(
        (block, settings): (&'a Block<'a>, &'a Settings),
        components: &'a [Component<'a>],
        choices: Choices,
        history: &History,
        only: &[Option<transform::Kind>],
        device: &dyn StencilKernels,
    ) -> Result<Self> {
        let forecast = |(index, choice): (usize, &Option<(u32, Arc<Predictor>)>)| {
            history.forecast(index, choice.as_ref().map(|(_, predictor)| predictor.as_ref()), device)
        };
        let forecasts = choices.iter().enumerate().map(forecast).collect::<Result<_>>()?;
        Ok(Prepared { block, settings, components, choices, forecasts, only: only.to_vec() })
    }

    /// The step with steps of the quantiser that are `step_factor` times the estimated best; `None` where only another coder keeps
    /// the promise.
    ///
    /// # Errors
    /// As [`super::encode`].
    pub fn encode(&self, step_factor: f64, mut report: Report) -> Result<Option<Step>> {
        let &Prepared { block, settings, .. } = self;
        let started = std::time::Instant::now();
        let mut coded = Vec::new();
        let parts = self.components.iter().zip(&self.choices).zip(&self.forecasts);
        for (index, ((component, choice), forecast)) in parts.enumerate() {
            report.n_masked += component.mask.n_masked;
            let number = choice.as_ref().map(|c| c.0);
            let only = self.only.get(index).copied().flatten();
            let candidate = Predicted { forecast, step_factor, only, number, name: name(choice.as_ref()) };
            let about = About { block, settings, index, warm: None, skip_neural: true, refusal: None };
            let Some(c) = lossy::encode_component(component, &about, &[&candidate], &mut report)? else {
                return Ok(None);
            };
            coded.push(c);
        }
        let references = References { predictions: &self.forecasts, ..References::default() };
        let checked = lossy::assemble(block, settings, self.components, &mut coded, &references, &mut report)?;
        let Some(Checked { record, errors, fields }) = checked else { return Ok(None) };
        let of_transform = |c: &lossy::Coded| c.saved.as_ref().map(|saved| saved.transform);
        let transforms = coded.iter().map(of_transform).collect();
        let saved = coded.iter().filter_map(|c| c.saved.as_ref());
        let unpredicted: usize = saved.clone().map(|s| s.unpredicted_bytes).sum();
        let payloads: usize = coded.iter().filter(|c| c.saved.is_some()).map(lossy::Coded::payload_bytes).sum();
        let unpredicted_bytes = record.len() - payloads.min(record.len()) + unpredicted;
        report.gains = saved.map(|s| s.gains.clone()).collect();
        (report.predictor, report.unpredicted_bytes) = (names(&coded, &self.choices), Some(unpredicted_bytes));
        (report.model, report.errors, report.stored_bytes) = (lossy::model_name(&coded), errors, record.len());
        report.seconds.total += started.elapsed().as_secs_f64();
        let encoded = Encoded { record, report, models: Vec::new(), fields };
        let is_cross = self.choices.iter().flatten().any(|(_, predictor)| predictor.is_cross());
        Ok(Some(Step { encoded, unpredicted_bytes, transforms, is_cross }))
    }
}

/// What predicts a component.
fn name(choice: Option<&(u32, Arc<Predictor>)>) -> String {
    choice.map_or_else(|| "last".to_owned(), |(_, predictor)| predictor.name())
}

/// What predicts the components, in one name.
fn names(coded: &[lossy::Coded], choices: &Choices) -> String {
    let one = |(index, c): (usize, &lossy::Coded)| match &c.saved {
        Some(saved) if !saved.gains.is_empty() => name(choices.get(index).and_then(Option::as_ref)),
        _ => "nothing".to_owned(),
    };
    let mut names: Vec<String> = coded.iter().enumerate().map(one).collect();
    names.dedup();
    names.join(" / ")
}

impl Step {
    /// Bytes of the record.
    pub fn n_bytes(&self) -> usize {
        self.encoded.record.len()
    }
}

/// Where predictors of a chain are found by their number.
pub type FindPredictor<'a> = &'a dyn Fn(u32) -> Result<Arc<Predictor>>;

/// Updates of a predictor in a row, at most: so many are decoded for a step in the middle of a run.
pub const MAX_UPDATES: u32 = 32;

/// Bytes of a new predictor: the number that it updates, then the update; or no number and all of it.
pub fn encode_predictor(predictor: &Predictor, before: Option<(u32, &Predictor)>) -> Vec<u8> {
    let number = before.map(|(number, _)| number);
    let head = postcard::to_allocvec(&number).expect("a number fits memory");
    [head, predictor.encode(before.map(|(_, predictor)| predictor))].concat()
}

/// The predictor of these bytes; `find` knows those of smaller numbers.
///
/// # Errors
/// [`Error::Corrupt`], what `find` reports.
pub fn decode_predictor(bytes: &[u8], number: u32, find: FindPredictor) -> Result<Arc<Predictor>> {
    let damaged = || Error::corrupt(format!("predictor {number} is damaged"));
    let (before, rest) = postcard::take_from_bytes::<Option<u32>>(bytes).map_err(|_| damaged())?;
    if before.is_some_and(|before| before >= number) {
        return Err(damaged());
    }
    let before = before.map(find).transpose()?;
    Predictor::decode(rest, before.as_deref()).map(Arc::new)
}

/// The predictor that one updates, if any, and its name, from the head of its bytes.
///
/// # Errors
/// [`Error::Corrupt`].
pub fn describe_predictor(bytes: &[u8]) -> Result<(Option<u32>, String)> {
    let damaged = |_| Error::corrupt("a predictor in the model store is damaged");
    let (before, rest) = postcard::take_from_bytes::<Option<u32>>(bytes).map_err(damaged)?;
    Ok((before, Predictor::name_of(rest)?))
}

/// True for a predictor in the model store that updates no other.
pub fn is_by_itself(bytes: &[u8]) -> bool {
    bytes.first() == Some(&0)
}

/// What a component of a step was coded with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uses {
    /// No prediction.
    Nothing,
    /// The last step as it is.
    Last,
    /// The predictor of this number.
    Predictor(u32),
}

/// What each component of a step's record was coded with, from its header.
///
/// # Errors
/// [`Error::Corrupt`], [`Error::Version`].
pub fn uses(record: &[u8]) -> Result<Vec<Uses>> {
    let record = container::read(record)?;
    let n_components = record.dtype.components().map_or(0, |(_, n)| n);
    let of = |index| {
        let is_predicted = record.section(section::of(section::TRANSFORM, index)).is_some_and(|payload| {
            transform::is_predicted(payload, &crate::field::fold_dims(&record.dims), record.version)
        });
        Ok(match number(&record, index)? {
            Some(number) => Uses::Predictor(number),
            None if is_predicted => Uses::Last,
            None => Uses::Nothing,
        })
    };
    (0..n_components).map(of).collect()
}

/// Number of the predictor of a component.
fn number(record: &Record, index: usize) -> Result<Option<u32>> {
    let damaged = |_| Error::corrupt("a predicted step does not name its predictor");
    let bytes = record.section(section::of(section::PREDICTOR, index));
    bytes.map(|bytes| postcard::from_bytes::<u32>(bytes).map_err(damaged)).transpose()
}

/// Decodes a step of a chain, which needs so many steps before it, into `out` and returns the history after it (`None` when
/// nothing can be predicted from it). `history` is what is known of the steps before.
///
/// # Errors
/// [`Error::Corrupt`], [`Error::MemoryToRead`], what `find` reports.
pub fn decode(
    record: &[u8],
    needs: usize,
    history: Option<&History>,
    find: FindPredictor,
    out: &mut [u8],
) -> Result<Option<History>> {
    let parsed = container::read(record)?;
    if parsed.raw_bytes != out.len() {
        return Err(Error::corrupt("a step of a chain has another size than its block"));
    }
    let history = history.filter(|history| history.suits(parsed.dtype, &parsed.dims));
    threads::install(0, || memory::ask_to_decode(&parsed, place(needs)))?;
    let forecasts = forecasts(&parsed, needs, history, find)?;
    let references = References { predictions: &forecasts, ..References::default() };
    let fields = threads::install(0, || fill(&parsed, &references, out))?;
    Ok(match history {
        Some(history) => history.next(&fields),
        None => History::start(parsed.dtype, &parsed.dims, &fields),
    })
}

/// Bytes beside block, record and history that [`decode`] takes at most.
///
/// # Errors
/// As [`super::inspect`].
pub fn needed_to_decode(record: &[u8], needs: usize) -> Result<usize> {
    Ok(memory::of_record(&container::read(record)?, place(needs), threads::number(0)))
}

fn place(needs: usize) -> Steps {
    if needs == 0 { Steps::Kept } else { Steps::Before }
}

/// What each component of a step is predicted to be (values in f64, masked points filled in), which [`decode`] corrects; none
/// for a step that stands alone.
///
/// # Errors
/// As [`decode`].
pub fn forecast(record: &[u8], needs: usize, history: Option<&History>, find: FindPredictor) -> Result<Vec<Vec<f64>>> {
    let parsed = container::read(record)?;
    let history = history.filter(|history| history.suits(parsed.dtype, &parsed.dims));
    Ok(forecasts(&parsed, needs, history, find)?.into_iter().map(|forecast| forecast.values).collect())
}

fn forecasts(record: &Record, needs: usize, known: Option<&History>, find: FindPredictor) -> Result<Vec<Forecast>> {
    if needs == 0 {
        return Ok(Vec::new());
    }
    let history = known
        .and_then(|history| history.newest(needs))
        .ok_or_else(|| Error::corrupt("a step of a chain needs more steps of its shape than come before it"))?;
    let n_components = record.dtype.components().map_or(0, |(_, n)| n);
    let forecast = |index| {
        let predictor = number(record, index)?.map(find).transpose()?;
        // Readers need no GPU, and whether there is one does not matter: the bits are the same.
        threads::install(0, || history.forecast(index, predictor.as_deref(), &CpuBackend::new(0)))
    };
    (0..n_components).map(forecast).collect()
}
