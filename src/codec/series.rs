//! Steps of series mode: a record says which network stands for the block and at which step; the network itself is kept
//! elsewhere and asked for through [`Networks`].

use std::sync::Arc;

use super::decode::References;
use super::lossy::{self, Coded, Component};
use super::meta::Meta;
use super::{Encoded, Report, section};
use crate::container::Record;
use crate::field::Array;
use crate::mesh::Mesh;
use crate::model::SeriesNetwork;
use crate::settings::Effort;
use crate::transform::{self, Goal, Input, Known, Tries};
use crate::{Block, Error, Finish, Result, Settings, field, threads};

/// Which network stands for a block, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Place {
    /// File of the model store.
    pub store: u64,
    /// Series within the file.
    pub series: u32,
    /// Segment of the series.
    pub segment: u32,
    /// Step on the segment's time axis.
    pub step: u32,
}

impl Place {
    fn encode(&self) -> Vec<u8> {
        let mut bytes = self.store.to_le_bytes().to_vec();
        let rest = (self.series, self.segment, self.step);
        bytes.extend(postcard::to_allocvec(&rest).expect("memory takes three numbers"));
        bytes
    }

    /// Reads the payload of a series record.
    ///
    /// # Errors
    /// [`Error::Corrupt`].
    pub fn decode(bytes: &[u8]) -> Result<Place> {
        let parts = bytes.split_first_chunk::<8>();
        let parts = parts.and_then(|(store, rest)| Some((store, postcard::take_from_bytes(rest).ok()?)));
        match parts {
            Some((store, ((series, segment, step), []))) => {
                Ok(Place { store: u64::from_le_bytes(*store), series, segment, step })
            }
            _ => Err(Error::corrupt("the series section does not name a network")),
        }
    }
}

/// A network and the nodes it was trained on.
#[derive(Clone, Debug)]
pub struct Segment {
    /// The network.
    pub network: SeriesNetwork,
    /// The nodes of an unstructured mesh; `None`: the block's own grid.
    pub mesh: Option<Arc<Mesh>>,
}

impl Segment {
    /// Values of `n_channels` channels at the nodes of a block of folded `dims`, `[n_nodes][n_channels]`. Canonical.
    fn predict(&self, step: u32, dims: &[usize], n_channels: usize) -> Result<Vec<f32>> {
        let SeriesNetwork { shape, n_trained, .. } = &self.network;
        if step as usize >= *n_trained {
            return Err(Error::corrupt(format!(
                "its network was trained on {n_trained} steps and knows no step {step}: the newest copy of it is lost or damaged"
            )));
        }
        let mesh = self.mesh.clone().unwrap_or_else(|| Arc::new(Mesh::grid(dims)));
        let n_points: usize = dims.iter().product();
        if shape.n_channels != n_channels || mesh.n_nodes() != n_points {
            let (n_nodes, found) = (mesh.n_nodes(), shape.n_channels);
            return Err(Error::corrupt(format!(
                "a network of {found} channels on {n_nodes} nodes cannot serve {n_channels} components on a grid of {dims:?}"
            )));
        }
        self.network.snapshot(f64::from(step), &mesh, rayon::current_num_threads())
    }
}

/// Where networks that records refer to are found.
pub trait Networks: Sync {
    /// The network of a place (whatever the step).
    ///
    /// # Errors
    /// [`Error::NoNetwork`] that tells where it was looked for; what a damaged one is refused with.
    fn segment(&self, place: &Place) -> Result<Arc<Segment>>;
}

/// For records that stand alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoNetworks;

static NO_NETWORKS: NoNetworks = NoNetworks;

impl Default for &dyn Networks {
    fn default() -> Self {
        &NO_NETWORKS
    }
}

impl Networks for NoNetworks {
    fn segment(&self, place: &Place) -> Result<Arc<Segment>> {
        Err(Error::NoNetwork {
            store: place.store,
            series: place.series,
            segment: place.segment,
            looked: "this record was taken out of its dataset".to_owned(),
        })
    }
}

/// The place a record refers to; `None` when it stands alone.
///
/// # Errors
/// [`Error::Corrupt`].
pub fn place(record: &Record) -> Result<Option<Place>> {
    record.section(section::SERIES).map(Place::decode).transpose()
}

/// What the network says about each component of a record.
pub(super) struct Prediction {
    values: Vec<f32>,
    n_channels: usize,
}

impl Prediction {
    /// `None` for a record that stands alone.
    pub(super) fn of(record: &Record, networks: &dyn Networks) -> Result<Option<Prediction>> {
        let Some(place) = place(record)? else { return Ok(None) };
        let n_channels = record.dtype.components().map_or(0, |(_, n)| n);
        let dims = field::fold_dims(&record.dims);
        let values = networks.segment(&place)?.predict(place.step, &dims, n_channels)?;
        Ok(Some(Prediction { values, n_channels }))
    }

    /// `[n_points]`.
    pub(super) fn component(&self, index: usize) -> Vec<f64> {
        self.values.iter().skip(index).step_by(self.n_channels).map(|&v| f64::from(v)).collect()
    }
}

/// A block on its way into a series.
pub struct Step<'a> {
    block: Block<'a>,
    components: Vec<Component<'a>>,
    goals: Vec<Option<Goal>>,
}

impl<'a> Step<'a> {
    /// Looks at a block.
    ///
    /// # Errors
    /// [`Error::Series`] for blocks that no series can hold: integers, missing values, numbers beyond float32, promises
    /// that cannot be stated.
    pub fn new(block: &Block<'a>, settings: &Settings) -> Result<Step<'a>> {
        let refuse = |what: &str| Err(Error::Series(format!("{what} are stored step by step")));
        let Some((real, n_components)) = block.dtype.components() else { return refuse("integers") };
        if block.bytes.len() < settings.threshold.max(1) {
            return refuse("blocks below 'threshold'");
        }
        let components: Result<Vec<_>> =
            (0..n_components).map(|index| Component::new(block, real, index, settings)).collect();
        let components = components?;
        if components.iter().any(|c| c.mask.n_masked > 0) {
            return refuse("blocks with NaN or fill values");
        }
        if components.iter().all(Component::is_constant) {
            return refuse("constant blocks");
        }
        if components.iter().any(|c| c.values().iter().any(|v| !(v as f32).is_finite())) {
            return refuse("values beyond the range of float32");
        }
        let goals: Vec<_> = components.iter().map(|c| c.goal(settings.target, 0)).collect();
        if components.iter().zip(&goals).any(|(c, goal)| !c.is_constant() && goal.is_none()) {
            return refuse("promises that cannot be stated in their numbers");
        }
        let goals = components.iter().zip(goals).map(|(c, goal)| goal.filter(|_| !c.is_constant())).collect();
        Ok(Step { block: *block, components, goals })
    }

    /// Dimensions the network's grid has.
    pub fn dims(&self) -> &[usize] {
        &self.components[0].dims
    }

    /// Components of the block, the network's channels.
    pub fn n_channels(&self) -> usize {
        self.components.len()
    }

    /// `[n_nodes][n_channels]`.
    pub fn snapshot(&self) -> Vec<f32> {
        let channels: Vec<_> = self.components.iter().map(Component::values).collect();
        let n_points = channels[0].len();
        (0..n_points).flat_map(|i| channels.iter().map(move |c| c.get(i) as f32)).collect()
    }

    /// The relative L2 error that each channel may have, `[n_channels]`; infinite where there is nothing to keep.
    pub fn limits(&self) -> Vec<f32> {
        let limit = |(component, goal): (&Component, &Option<Goal>)| match goal {
            Some(Goal::L2(bound)) => (bound / component.norm()) as f32,
            _ => f32::INFINITY,
        };
        self.components.iter().zip(&self.goals).map(limit).collect()
    }

    /// A record that refers to the network at `place`. With `remainder`, what the network leaves is coded so that the
    /// promise holds; else `None`, with a note in `report`, when the network misses it. Checked on the decoded record.
    ///
    /// # Errors
    /// What `networks` reports.
    pub fn encode(
        &self,
        settings: &Settings,
        place: Place,
        networks: &dyn Networks,
        remainder: bool,
        report: &mut Report,
    ) -> Result<Option<Encoded>> {
        threads::install(settings.threads, || {
            let mut coded: Vec<Coded> = (0..self.components.len()).map(|_| Coded::default()).collect();
            coded[0].push(section::SERIES, 0, place.encode());
            if remainder && !self.code_remainders(place, networks, settings.effort, &mut coded)? {
                return Ok(None);
            }
            let references = References { networks, ..References::default() };
            let assembled = lossy::assemble(&self.block, settings, &self.components, &mut coded, &references, report)?;
            let Some(lossy::Checked { record, errors, fields }) = assembled else { return Ok(None) };
            let mut report = Report::new(&self.block, settings);
            let name = if remainder { "series+remainder" } else { "series" };
            (report.model, report.errors, report.stored_bytes) = (name.to_owned(), errors, record.len());
            Ok(Some(Encoded { record, report, models: Vec::new(), fields }))
        })
    }

    /// False when a remainder cannot make the promise hold.
    fn code_remainders(
        &self,
        place: Place,
        networks: &dyn Networks,
        effort: Effort,
        coded: &mut [Coded],
    ) -> Result<bool> {
        let n_channels = self.components.len();
        let values = networks.segment(&place)?.predict(place.step, self.dims(), n_channels)?;
        let prediction = Prediction { values, n_channels };
        for (index, (component, goal)) in self.components.iter().zip(&self.goals).enumerate() {
            let Some((min, max)) = component.mask.range.filter(|(low, high)| low < high) else { continue };
            let Some(goal) = *goal else { return Ok(false) };
            let finish = Finish { dtype: component.dtype, min, max };
            let base = prediction.component(index);
            let input = Input {
                values: component.values(),
                dims: &component.dims,
                mask: None,
                finish,
                base: Some(&base),
                prediction: None,
                tries: Tries { effort, ..Tries::default() },
            };
            let Some(output) = transform::encode(&input, goal)? else { return Ok(false) };
            coded[index].push(section::TRANSFORM, index, output.payload);
            coded[index].decoded = Some((output.values, output.errors));
        }
        Ok(true)
    }
}

/// Values of component `index` where a network stands for the block: the prediction, or it and the coded remainder.
pub(super) fn component(
    record: &Record,
    meta: &Meta,
    prediction: &Prediction,
    index: usize,
    dims: &[usize],
) -> Result<Array> {
    let finish = meta.finish(record.dtype, index).ok_or_else(|| Error::corrupt("a series record without a range"))?;
    let base = prediction.component(index);
    match record.section(section::of(section::TRANSFORM, index)) {
        Some(payload) => transform::decode(
            payload,
            dims,
            finish,
            Known { version: record.version, base: Some(&base), prediction: None },
        ),
        None => Ok(transform::finished(&base, finish)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_comes_back_and_a_damaged_one_is_an_error() {
        let place = Place { store: 0x0123_4567_89ab_cdef, series: 3, segment: 300, step: 70_000 };
        let bytes = place.encode();
        assert_eq!(Place::decode(&bytes), Ok(place));
        assert!((0..bytes.len()).all(|n| Place::decode(&bytes[..n]).is_err()));
        assert!(Place::decode(&[&bytes[..], &[0]].concat()).is_err());
    }
}
