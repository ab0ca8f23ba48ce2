//! Lossy coding of floating-point blocks: candidates per component, the smallest record that keeps the promise, and
//! the check of that promise on the decoded record.

use std::time::Instant;

use super::candidate::{self, Candidate, Offer, Saved, Task};
use super::decode::{Components, References};
use super::meta::{self, Meta};
use super::plain::Plain;
use super::report::Report;
use super::siren::Siren;
use super::{Context, WarmStart, section};
use crate::field::{self, Array, Slice, Values, mask, mask::Mask};
use crate::metrics::{self, Errors};
use crate::settings::{Mode, Norm, Target};
use crate::transform::{Goal, Input, Tries};
use crate::{Block, Dtype, Error, Finish, Result, Settings, container, lossless};

/// Below this ratio the lossless coder is tried too, if pieces of the block say that it may be smaller.
const DOUBTFUL_RATIO: usize = 3;
/// Bounds of the norm below this times the root of the number of values cannot be checked: squares of smaller errors are no normal
/// numbers any more, and sums of them say less than there is.
const LEAST_ERROR: f64 = 1e-146;
/// Goals are tightened by this, so that another order of summation cannot break a promise.
const MARGIN: f64 = 1.0 - 1e-9;

/// A lossy record that keeps its promise.
pub struct Lossy {
    pub record: Vec<u8>,
    pub models: Vec<Option<WarmStart>>,
    /// Decoded values of each component.
    pub fields: Vec<Array>,
}

/// A record as [`assemble`] laid it out and checked it.
pub(super) struct Checked {
    pub record: Vec<u8>,
    /// Of the worst component.
    pub errors: Errors,
    /// Decoded values of each component, masked points filled in.
    pub fields: Vec<Array>,
}

/// One component of the block on its way.
pub(super) struct Component<'a> {
    pub dims: Vec<usize>,
    /// Masked points are inpainted.
    values: Values<'a>,
    pub mask: Mask,
    pub dtype: Dtype,
}

/// Sections of one component and how they came about.
#[derive(Default)]
pub(super) struct Coded {
    pub sections: Vec<(u8, Vec<u8>)>,
    /// What the sections decode to, if that is known, and its errors.
    pub decoded: Option<(Array, Option<Errors>)>,
    pub model: String,
    warm_start: Option<WarmStart>,
    pub saved: Option<Saved>,
}

/// `None`: lossless coding serves this block better, or nothing else keeps the promise.
pub fn encode(block: &Block, settings: &Settings, context: &Context, report: &mut Report) -> Result<Option<Lossy>> {
    let Some((real, n_components)) = block.dtype.components() else { return Ok(None) };
    let mut coded = Vec::new();
    let mut components = Vec::new();
    for index in 0..n_components {
        let component = Component::new(block, real, index, settings)?;
        report.n_masked += component.mask.n_masked;
        let warm = context.models.get(index).and_then(Option::as_ref);
        let candidates: [&dyn Candidate; 2] = [&Plain, &Siren];
        let refusal = context.refusal.as_deref();
        let about = About { block, settings, index, warm, skip_neural: context.skip_neural, refusal };
        match encode_component(&component, &about, &candidates, report)? {
            Some(c) => coded.push(c),
            None => return Ok(None),
        }
        components.push(component.without_copy());
    }
    let Some(checked) = assemble(block, settings, &components, &mut coded, &References::default(), report)? else {
        return Ok(None);
    };
    if matches!(settings.target, Target::Ratio(ratio) if checked.record.len() as f64 * ratio > block.bytes.len() as f64)
    {
        let n_bytes = checked.record.len();
        report.note("lossy", Some(n_bytes), format!("head and sections alone leave no room for {}", settings.target));
        return Ok(None);
    }
    report.errors = checked.errors;
    report.model = model_name(&coded);
    let record = checked.record;
    let is_doubtful = record.len() * DOUBTFUL_RATIO > block.bytes.len();
    if is_doubtful && 4 * lossless::estimate(block.bytes, block.dtype.size()) < 5 * record.len() {
        let exact = super::without_loss(block, settings.order, &mut Report::default());
        report.note("lossless", Some(exact.len()), "tried because the lossy record is large");
        if exact.len() <= record.len() {
            return Ok(None);
        }
    }
    let models = coded.into_iter().map(|c| c.warm_start).collect();
    Ok(Some(Lossy { record, models, fields: checked.fields }))
}

/// The models of all components in one name.
pub(super) fn model_name(coded: &[Coded]) -> String {
    let mut names: Vec<&str> = coded.iter().map(|c| c.model.as_str()).collect();
    names.dedup();
    names.join(" / ")
}

impl<'a> Component<'a> {
    pub fn new(block: &Block<'a>, dtype: Dtype, index: usize, settings: &Settings) -> Result<Component<'a>> {
        let dims = field::fold_dims(&super::ordered_dims(block, settings.order));
        let mut values = field::values(block.dtype, index, block.bytes)?;
        let mask = Mask::find(values.as_slice(), dtype, settings.fill);
        if mask.valid.is_some() {
            mask.fill_in(values.to_mut(), &dims);
        }
        Ok(Component { dims, values, mask, dtype })
    }

    /// Masked points are inpainted.
    pub fn values(&self) -> Slice<'_> {
        self.values.as_slice()
    }

    /// What is checked are the block's bytes: they are compared without a copy.
    fn without_copy(mut self) -> Self {
        if let Values::Owned(array) = &mut self.values {
            *array = Array::default();
        }
        self
    }

    /// True when the range says it all.
    pub fn is_constant(&self) -> bool {
        self.mask.range.is_none_or(|(low, high)| low >= high)
    }

    pub fn valid(&self) -> Option<&[bool]> {
        self.mask.valid.as_deref()
    }

    /// What must hold for this component in absolute terms, where at a fixed ratio there is `room` for it; `None` where the numbers overflow.
    pub fn goal(&self, target: Target, room: usize) -> Option<Goal> {
        let (low, high) = self.mask.range?;
        let root = ((self.values().len() - self.mask.n_masked) as f64).sqrt();
        let bound = |x: f64| (x.is_finite() && x > 0.0).then_some(x * MARGIN);
        let of_norm = |x: f64| bound(x).filter(|x| *x >= LEAST_ERROR * root).map(Goal::L2);
        match target {
            Target::Accuracy(Mode::Abs, Norm::L2, e) => of_norm(e),
            Target::Accuracy(Mode::Abs, Norm::Linf, e) => bound(e).map(Goal::Linf),
            Target::Accuracy(Mode::Rel, Norm::L2, e) => of_norm(e * self.norm()),
            Target::Accuracy(Mode::Rel, Norm::Linf, e) => bound(e * (high - low)).map(Goal::Linf),
            Target::Psnr(db) => of_norm((high - low) / 10f64.powf(db / 20.0) * root),
            Target::Ratio(_) => (room > 0).then_some(Goal::Bytes(room)),
        }
    }

    /// `||x||_2` over the valid points.
    pub fn norm(&self) -> f64 {
        metrics::norm(self.values(), self.valid())
    }
}

/// Bytes of the payloads of a component at a fixed ratio: what head, meta and the table of as many sections as there can be leave.
fn room_at(ratio: f64, block: &Block, n_components: usize) -> usize {
    let n_bytes = (block.bytes.len() as f64 / ratio) as usize;
    let meta = vec![0; meta::FIXED_BYTES + 2 * block.dtype.size()];
    let head = container::head(block.dtype, block.dims, &meta, &[]).len();
    // A section's tag and length; as varints, seven bits each.
    let entry = 1 + (usize::BITS - n_bytes.leading_zeros()).div_ceil(7) as usize;
    n_bytes.saturating_sub(head + section::N_LOSSY * n_components * entry) / n_components
}

/// Where a component comes from and how it is to be coded.
pub(super) struct About<'a> {
    pub block: &'a Block<'a>,
    pub settings: &'a Settings,
    /// Of the component.
    pub index: usize,
    pub warm: Option<&'a WarmStart>,
    pub skip_neural: bool,
    /// See [`Context::refusal`].
    pub refusal: Option<&'a str>,
}

/// Sections of a component from the best candidate; `None` when none keeps the promise.
pub(super) fn encode_component(
    component: &Component,
    about: &About,
    candidates: &[&dyn Candidate],
    report: &mut Report,
) -> Result<Option<Coded>> {
    let &About { block, settings, index, warm, skip_neural, refusal } = about;
    let mut coded = Coded { model: "constant".into(), ..Coded::default() };
    if let Some(valid) = component.valid() {
        let bits = field::masked_bits(block.dtype, index, block.bytes, valid);
        coded.push(section::MASK, index, mask::encode_positions(valid, &component.dims)?);
        coded.push(section::MASKED_VALUES, index, mask::encode_values(bits));
    }
    let Some((min, max)) = component.mask.range.filter(|(low, high)| low < high) else { return Ok(Some(coded)) };
    let taken = coded.n_bytes();
    let Some((_, n_components)) = block.dtype.components() else { return Ok(None) };
    let room = match settings.target {
        Target::Ratio(ratio) => room_at(ratio, block, n_components).saturating_sub(taken),
        _ => 0,
    };
    let Some(goal) = component.goal(settings.target, room) else {
        report.note("transform", None, "the promise cannot be stated in this block's numbers");
        return Ok(None);
    };
    let finish = Finish { dtype: component.dtype, min, max };
    let (values, dims, mask) = (component.values(), &component.dims[..], component.valid());
    let tries = Tries { effort: settings.effort, ..Tries::default() };
    let input = Input { values, dims, mask, finish, base: None, prediction: None, tries };
    let task = Task { input, goal, settings, warm, skip_neural, refusal };
    let Some(offer) = candidate::best(candidates, &task, report)? else { return Ok(None) };
    if !offer.backend.is_empty() {
        report.backend.clone_from(&offer.backend);
    }
    Ok(Some(coded.take(offer, index)))
}

impl Coded {
    pub fn push(&mut self, kind: u8, component: usize, payload: Vec<u8>) {
        self.sections.push((section::of(kind, component), payload));
    }

    /// Bytes of the coded field.
    pub fn payload_bytes(&self) -> usize {
        let is_transform = |(tag, _): &&(u8, Vec<u8>)| tag % 16 == section::TRANSFORM;
        self.sections.iter().filter(is_transform).map(|(_, payload)| payload.len()).sum()
    }

    fn n_bytes(&self) -> usize {
        self.sections.iter().map(|(_, payload)| payload.len()).sum()
    }

    /// Takes over what won.
    fn take(mut self, mut offer: Offer, index: usize) -> Coded {
        self.model = std::mem::take(&mut offer.model);
        self.warm_start = offer.warm_start.take();
        self.saved = offer.saved.take();
        self.decoded = Some((std::mem::take(&mut offer.values), offer.errors));
        self.sections.extend(offer.tagged(index));
        self
    }
}

/// Lays the record out, decodes it and checks the promise on what a reader will get. Transforms have read their payloads back, know
/// what those decode to, and where they looked for an error know that of these values.
pub(super) fn assemble(
    block: &Block,
    settings: &Settings,
    components: &[Component],
    coded: &mut [Coded],
    references: &References,
    report: &mut Report,
) -> Result<Option<Checked>> {
    let known: Vec<_> = coded.iter_mut().map(|c| c.decoded.take()).collect();
    let sections: Vec<(u8, &[u8])> =
        coded.iter().flat_map(|c| &c.sections).map(|(tag, payload)| (*tag, payload.as_slice())).collect();
    let dims = super::ordered_dims(block, settings.order);
    let started = Instant::now();
    let mut meta = Meta {
        target: settings.target,
        rel_l2: 0.0,
        max_error: 0.0,
        ranges: components.iter().map(|c| c.mask.range).collect(),
    };
    let draft = container::write(block.dtype, &dims, &meta.encode(block.dtype), &sections);
    let draft = container::read(&draft)?;
    let decoded = Components::of(&draft, references)?;
    let (mut worst, mut fields) = (Errors { psnr: f64::INFINITY, ..Errors::default() }, Vec::new());
    for ((index, component), known) in components.iter().enumerate().zip(known) {
        let masked = component.valid().map(|valid| field::masked_bits(block.dtype, index, block.bytes, valid));
        let is_same = match (decoded.masked(index)?, masked) {
            (Some((_, found)), Some(masked)) => masked.eq(found),
            (found, masked) => found.is_none() && masked.is_none(),
        };
        if !is_same {
            return Err(Error::Internal("masked values changed".into()));
        }
        let (values, errors) = known.map_or_else(|| decoded.values(index).map(|values| (values, None)), Ok)?;
        let original = || field::values(block.dtype, index, block.bytes);
        let errors = match errors {
            Some(errors) => errors,
            None => Errors::between(original()?.as_slice(), values.as_slice(), component.valid()),
        };
        if !super::compare::holds(settings.target, &errors) {
            let reached = format!("relative L2 {:.1e}, largest {:.1e}", errors.rel_l2, errors.max);
            report.note("lossy", None, format!("broke {} when it was decoded ({reached})", settings.target));
            return Ok(None);
        }
        worst = worst.worst(&errors);
        fields.push(values);
    }
    report.seconds.verify += started.elapsed().as_secs_f64();
    (meta.rel_l2, meta.max_error) = (worst.rel_l2 as f32, worst.max as f32);
    let record = container::write(block.dtype, &dims, &meta.encode(block.dtype), &sections);
    Ok(Some(Checked { record, errors: worst, fields }))
}
