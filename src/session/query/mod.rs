//! Asking the networks of a dataset: a variable as a function of place and time, without an array.
//!
//! Places on a grid are in indices of the global array, slowest axis first, and may lie between its points; those of blocks
//! with `points` are in the unit of their file. Time is in steps of the variable, from 0, and may lie between two.
//! - Of several blocks the one around the place answers, between two blocks the nearer one; with `points` the one with the
//!   nearest node.
//! - Between the last step that a network knows and the first of the next one values are interpolated linearly.

mod names;
mod piece;
mod region;
mod times;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use piece::{Piece, Sample};
use region::Region;

use super::facts::key;
use super::{Facts, networks, survey};
use crate::store::{self, Contents, Kind};
use crate::{Error, Result, threads};

pub use piece::StepError;

/// How far outside of a block its network may be asked, in grid spacings: half the way to the next one.
const REACH: f64 = 0.5;

/// A variable of a dataset as its networks know it.
#[derive(Clone, Debug)]
pub struct SeriesField {
    variable: String,
    blocks: Vec<Block>,
    n_axes: usize,
    n_channels: usize,
}

/// A block over all of its steps.
#[derive(Clone, Debug)]
struct Block {
    region: Region,
    /// Ascending.
    pieces: Vec<Piece>,
}

/// What the networks say about some points.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// `[n_points][n_channels]`; at the points of the array what readers get, before it is clamped to the range of the
    /// original and rounded to its type.
    pub values: Vec<f32>,
    /// Derivatives per unit of each axis, then per step: `[n_points][n_channels][n_axes + 1]`; empty unless asked for.
    pub gradients: Vec<f64>,
    /// The nearest step that the network of each point knows, `[n_points]`.
    pub steps: Vec<StepError>,
}

impl SeriesField {
    /// Reads the networks of `variable` from the model store of the dataset at `dataset`; needs no ADIOS2.
    ///
    /// # Errors
    /// [`Error::File`] without a model store and for a damaged one, [`Error::Query`] for a variable without networks, naming those
    /// that have some, and for local arrays of several processes, whose blocks have no place.
    pub fn open(dataset: &Path, variable: &str) -> Result<SeriesField> {
        let mut known = BTreeSet::new();
        let mut blocks: BTreeMap<(Vec<usize>, Vec<usize>), Block> = BTreeMap::new();
        for id in survey::store_ids(dataset)? {
            let path = store::path(dataset, id);
            let named = |e: Error| Error::File { path: path.display().to_string(), reason: e.to_string() };
            let contents = Contents::read(&path)?;
            for (facts, piece) in pieces(&contents, variable, &mut known).map_err(named)? {
                let mesh = |points| networks::mesh(contents.get(key(Kind::POINTS, points, 0)), points);
                let mesh = facts.points.map(mesh).transpose().map_err(named)?;
                let region = Region::new(&facts, mesh).map_err(named)?;
                let new = || Block { region, pieces: Vec::new() };
                blocks.entry((facts.start, facts.dims)).or_insert_with(new).pieces.push(piece);
            }
        }
        let Some(first) = blocks.values().next() else {
            let names: Vec<String> = known.iter().map(|name| format!("'{name}'")).collect();
            let known = if names.is_empty() {
                "it has none".to_owned()
            } else {
                format!("it has those of {}", names.join(", "))
            };
            return Err(Error::Query(format!("{} has no network of '{variable}', {known}", dataset.display())));
        };
        let (n_axes, n_channels) = (first.region.bounds.len(), first.pieces[0].n_channels());
        let is_alike =
            |b: &Block| b.region.bounds.len() == n_axes && b.pieces.iter().all(|p| p.n_channels() == n_channels);
        if !blocks.values().all(is_alike) {
            return Err(Error::Query(format!(
                "the blocks of '{variable}' differ in axes or type: no one field has them"
            )));
        }
        for ((start, _), block) in &mut blocks {
            block.pieces.sort_by_key(|piece| piece.steps);
            let overlap = block.pieces.windows(2).any(|pair| pair[1].steps.0 <= pair[0].steps.1);
            if start.is_empty() && overlap {
                let what =
                    format!("'{variable}' is a local array of several processes: its blocks have no place to ask for");
                return Err(Error::Query(what));
            }
        }
        Ok(SeriesField { variable: variable.to_owned(), blocks: blocks.into_values().collect(), n_axes, n_channels })
    }

    /// Axes of a place.
    pub fn n_axes(&self) -> usize {
        self.n_axes
    }

    /// Values at a place: 2 for complex variables, real and imaginary part.
    pub fn n_channels(&self) -> usize {
        self.n_channels
    }

    /// Lowest and highest place on each axis that the networks know.
    pub fn bounds(&self) -> Vec<(f64, f64)> {
        let all = self.blocks.iter().map(|block| block.region.bounds.clone());
        let union = |a: Vec<(f64, f64)>, b: Vec<(f64, f64)>| {
            a.into_iter().zip(b).map(|(a, b)| (a.0.min(b.0), a.1.max(b.1))).collect()
        };
        all.reduce(union).unwrap_or_default()
    }

    /// First and last step that the networks know.
    pub fn steps(&self) -> (u64, u64) {
        let first = self.blocks.iter().map(|block| block.steps().0).min();
        (first.unwrap_or(0), self.blocks.iter().map(|block| block.steps().1).max().unwrap_or(0))
    }

    /// True when places are indices of an array, false when they are coordinates of `points`.
    pub fn is_grid(&self) -> bool {
        self.blocks.iter().all(|block| block.region.is_grid())
    }

    /// Values, and gradients if asked for, at `points: [n_points][n_axes]` at a time. Values are canonical: the same bits on
    /// every machine.
    ///
    /// # Errors
    /// [`Error::Query`] that names the domain for a place or a time outside of it; [`Error::Corrupt`] for damaged networks.
    pub fn evaluate(&self, time: f64, points: &[f64], gradients: bool) -> Result<Answer> {
        if !points.len().is_multiple_of(self.n_axes) {
            let (name, wanted, found) = (&self.variable, self.n_axes, points.len());
            return Err(Error::Query(format!(
                "'{name}' has {wanted} axes: {found} coordinates are no number of points"
            )));
        }
        let bounds = self.bounds();
        points.chunks_exact(self.n_axes).try_for_each(|x| self.check(x, &bounds))?;
        let active: Vec<&Block> = self.blocks.iter().filter(|block| block.knows(time)).collect();
        if active.is_empty() {
            let ((first, last), name) = (self.steps(), &self.variable);
            return Err(Error::Query(format!(
                "no network of '{name}' knows the step {time}: they know {first} to {last}"
            )));
        }
        let mut points_of = vec![Vec::new(); active.len()];
        for (i, x) in points.chunks_exact(self.n_axes).enumerate() {
            points_of[self.block_of(&active, x, time)?].push(i);
        }
        threads::install(0, || self.gather(&active, &points_of, time, points, gradients))
    }

    /// Asks each block about its points.
    fn gather(
        &self,
        blocks: &[&Block],
        points_of: &[Vec<usize>],
        time: f64,
        points: &[f64],
        gradients: bool,
    ) -> Result<Answer> {
        let n_points = points.len() / self.n_axes;
        let n_slopes = if gradients { self.n_channels * (self.n_axes + 1) } else { 0 };
        let unknown = StepError { step: 0, error: None, is_certified: false, is_broken: false, is_by_network: false };
        let mut answer = Answer {
            values: vec![0.0; n_points * self.n_channels],
            gradients: vec![0.0; n_points * n_slopes],
            steps: vec![unknown; n_points],
        };
        for (block, indices) in blocks.iter().zip(points_of).filter(|(_, indices)| !indices.is_empty()) {
            let own: Vec<f64> =
                indices.iter().flat_map(|&i| &points[i * self.n_axes..][..self.n_axes]).copied().collect();
            let (sample, step) = block.sample(time, &own, gradients, self.n_axes)?;
            for (at, &i) in indices.iter().enumerate() {
                let n = self.n_channels;
                answer.values[i * n..][..n].copy_from_slice(&sample.values[at * n..][..n]);
                let slopes = &sample.gradients[at * n_slopes..][..n_slopes];
                answer.gradients[i * n_slopes..][..n_slopes].copy_from_slice(slopes);
                answer.steps[i] = step;
            }
        }
        Ok(answer)
    }

    fn check(&self, x: &[f64], bounds: &[(f64, f64)]) -> Result<()> {
        let is_outside = |&axis: &usize| !(bounds[axis].0..=bounds[axis].1).contains(&x[axis]);
        match (0..self.n_axes).find(is_outside) {
            None => Ok(()),
            Some(axis) => {
                let (name, x, (low, high)) = (&self.variable, x[axis], bounds[axis]);
                Err(Error::Query(format!(
                    "{x} lies outside of axis {axis} of '{name}', which goes from {low} to {high}"
                )))
            }
        }
    }

    /// Which of the blocks answers for `x`.
    fn block_of(&self, blocks: &[&Block], x: &[f64], time: f64) -> Result<usize> {
        if let [block] = blocks
            && !block.region.is_grid()
        {
            return Ok(0);
        }
        let distances = blocks.iter().map(|block| block.region.distance(x));
        let nearest = distances.enumerate().min_by(|a, b| a.1.total_cmp(&b.1));
        let in_reach = |(at, distance): &(usize, f64)| *distance <= REACH || !blocks[*at].region.is_grid();
        let nearest = nearest.filter(in_reach).map(|(at, _)| at);
        let unknown =
            || format!("no network of '{}' knows the place {x:?} at step {time}: it is stored without", self.variable);
        nearest.ok_or_else(|| Error::Query(unknown()))
    }
}

impl Block {
    /// First and last step.
    fn steps(&self) -> (u64, u64) {
        let last = self.pieces.iter().map(|piece| piece.steps.1).max();
        (self.pieces.first().map_or(0, |piece| piece.steps.0), last.unwrap_or(0))
    }

    fn knows(&self, time: f64) -> bool {
        let (first, last) = self.steps();
        (first as f64..=last as f64).contains(&time)
    }

    /// At a time that the block knows.
    fn sample(&self, time: f64, points: &[f64], gradients: bool, n_axes: usize) -> Result<(Sample, StepError)> {
        let behind = self.pieces.partition_point(|piece| piece.steps.0 as f64 <= time);
        let before = &self.pieces[behind.saturating_sub(1)];
        let last = before.steps.1 as f64;
        let Some(after) = self.pieces.get(behind).filter(|_| time > last) else {
            let time = time.min(last);
            return Ok((before.sample(&self.region, time, points, gradients)?, before.step_error(time)?));
        };
        let first = after.steps.0 as f64;
        let part = (time - last) / (first - last);
        let (a, b) = (
            before.sample(&self.region, last, points, gradients)?,
            after.sample(&self.region, first, points, gradients)?,
        );
        let step = if part <= 0.5 { before.step_error(last) } else { after.step_error(first) };
        Ok((a.blend(&b, part, 1.0 / (first - last), n_axes), step?))
    }
}

/// The pieces of `variable` in a store file; names all variables in `known`.
fn pieces(contents: &Contents, variable: &str, known: &mut BTreeSet<String>) -> Result<Vec<(Facts, Piece)>> {
    let get = |kind, series, segment| contents.get(key(kind, series, segment));
    let mut pieces = Vec::new();
    for at in contents.keys().filter(|key| key.kind == Kind::SEGMENT) {
        let facts = Facts::decode(get(Kind::SEGMENT, at.series, at.segment).unwrap_or_default())?;
        let network = get(Kind::NETWORK, at.series, at.segment).map(<[u8]>::to_vec);
        known.insert(facts.variable.clone());
        if let Some(network) = network.filter(|_| facts.variable == variable)
            && let Some(piece) = Piece::new(facts.clone(), network)
        {
            pieces.push((at.series, facts, piece));
        }
    }
    // A series of a higher number at the same place belongs to a dataset that was opened anew.
    let newest: BTreeMap<Vec<usize>, u32> =
        pieces.iter().map(|(series, facts, _)| (facts.start.clone(), *series)).collect();
    let is_newest = |(series, facts, _): &(u32, Facts, Piece)| newest.get(&facts.start) == Some(series);
    Ok(pieces.into_iter().filter(is_newest).map(|(_, facts, piece)| (facts, piece)).collect())
}
