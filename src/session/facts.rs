//! What the model store knows about a segment besides its network: whose it is, and what its steps were promised.

use crate::settings::Target;
use crate::store::{Key, Kind};
use crate::{Dtype, Error, Result};

/// An estimated error below this part of its limit is below the limit.
const CLOSE: f32 = 0.8;

/// First byte of the payload.
const VERSION: u8 = 1;

/// Payload of a [`Kind::SEGMENT`] entry.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Facts {
    /// Variable name.
    pub variable: String,
    /// Start of the block in the global array, slowest first; empty for local arrays.
    pub start: Vec<usize>,
    /// Dimensions of the block, slowest first; the network's grid goes without those of size 1.
    pub dims: Vec<usize>,
    /// Element type of the blocks.
    pub dtype: Dtype,
    /// What was promised for each step.
    pub promise: Target,
    /// Number of the coordinates of the nodes; `None`: a regular grid.
    pub points: Option<u32>,
    /// False while the network is in training, or when its process was killed.
    pub is_finished: bool,
    /// Relative L2 errors that steps may have, per channel, each with the number of steps it stands for; infinite for steps
    /// that are stored without the network.
    limits: Vec<(u32, Vec<f32>)>,
    /// Relative L2 errors that steps had when they were written, per channel; empty when finished.
    pub errors: Vec<Vec<f32>>,
    /// Steps of the variable that the network was trained on: ascending runs of a first one and how many.
    steps: Vec<(u64, u32)>,
}

impl Facts {
    /// Of a segment without steps.
    pub fn new(
        variable: &str,
        start: &[usize],
        dims: &[usize],
        dtype: Dtype,
        promise: Target,
        points: Option<u32>,
    ) -> Self {
        Facts {
            variable: variable.to_owned(),
            start: start.to_vec(),
            dims: dims.to_vec(),
            dtype,
            promise,
            points,
            is_finished: false,
            limits: Vec::new(),
            errors: Vec::new(),
            steps: Vec::new(),
        }
    }

    /// Adds a step, number `step` of the variable.
    pub fn add(&mut self, step: u64, limits: Vec<f32>, errors: Vec<f32>) {
        match self.steps.last_mut() {
            Some((first, n)) if *first + u64::from(*n) == step => *n += 1,
            _ => self.steps.push((step, 1)),
        }
        match self.limits.last_mut() {
            Some((n, last)) if *last == limits => *n = n.saturating_add(1),
            _ => self.limits.push((1, limits)),
        }
        self.errors.push(errors);
    }

    /// Runs of steps of the variable that the network was trained on, each with the network's first step of it.
    pub fn runs(&self) -> impl Iterator<Item = (std::ops::RangeInclusive<u64>, u32)> {
        self.steps.iter().scan(0u32, |n_before, &(first, n)| {
            let run = (first..=first + u64::from(n) - 1, *n_before);
            *n_before += n;
            Some(run)
        })
    }

    /// Limits of the steps in order.
    pub fn limits(&self) -> impl Iterator<Item = &[f32]> {
        self.limits.iter().flat_map(|(n, limits)| std::iter::repeat_n(limits.as_slice(), *n as usize))
    }

    /// Steps that the network stands for.
    pub fn n_by_network(&self) -> usize {
        let is_by_network = |limits: &[f32]| limits.iter().any(|limit| limit.is_finite());
        self.limits.iter().filter(|(_, limits)| is_by_network(limits)).map(|(n, _)| *n as usize).sum()
    }

    /// True when an error is above its limit, per channel.
    pub fn is_above(limits: &[f32], errors: &[f32]) -> bool {
        limits.iter().zip(errors).any(|(limit, error)| error > limit)
    }

    /// Steps whose certified error is above their limit; none without a certificate `[n_steps][n_channels]`.
    pub fn broken(&self, certificate: &[Vec<f32>]) -> Vec<u32> {
        let steps = (0u32..).zip(self.limits().zip(certificate));
        steps.filter(|(_, (limits, errors))| Facts::is_above(limits, errors)).map(|(step, _)| step).collect()
    }

    /// True when the network is finished and this is its certificate, not that of an older copy: damage may have hidden the newest one.
    pub fn is_certified_by(&self, certificate: &[Vec<f32>]) -> bool {
        let n_steps: usize = self.limits.iter().map(|(n, _)| *n as usize).sum();
        self.is_finished && certificate.len() >= n_steps
    }

    /// How bad a certificate is: how many steps are above their limit, and the largest error over its limit, where that is so close
    /// that the estimate may hide a broken promise.
    pub fn verdict(&self, certificate: &[Vec<f32>]) -> (usize, f32) {
        let over = |(limits, errors): (&[f32], &Vec<f32>)| {
            limits.iter().zip(errors).map(|(limit, error)| error / limit).fold(0.0, f32::max)
        };
        let largest = self.limits().zip(certificate).map(over).fold(0.0, f32::max);
        (self.broken(certificate).len(), largest.max(CLOSE))
    }

    fn has_ascending_steps(&self) -> bool {
        let n = self.steps.iter().try_fold(0u32, |sum, (_, n)| sum.checked_add(*n));
        let mut free = 0;
        let is_behind = |&(first, n): &(u64, u32)| {
            let is_behind = first >= free && n > 0;
            free = first.saturating_add(n.into());
            is_behind && free < u64::MAX
        };
        n.is_some() && self.steps.iter().all(is_behind)
    }

    /// The payload.
    pub fn encode(&self) -> Vec<u8> {
        postcard::to_extend(self, vec![VERSION]).expect("a Vec takes any facts")
    }

    /// Mirror of [`Self::encode`].
    ///
    /// # Errors
    /// [`Error::Version`], [`Error::Corrupt`].
    pub fn decode(bytes: &[u8]) -> Result<Facts> {
        match bytes.split_first() {
            Some((&VERSION, rest)) => postcard::from_bytes::<Facts>(rest)
                .ok()
                .filter(Facts::has_ascending_steps)
                .ok_or_else(|| Error::corrupt("the model store's facts about a segment are damaged")),
            Some((&found, _)) => Err(Error::Version { found, supported: VERSION }),
            None => Err(Error::corrupt("the model store's facts about a segment are empty")),
        }
    }
}

/// Key of an entry about a segment.
pub fn key(kind: Kind, series: u32, segment: u32) -> Key {
    Key { kind, series, segment }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Mode, Norm};

    fn facts() -> Facts {
        let promise = Target::Accuracy(Mode::Rel, Norm::L2, 0.05);
        let mut facts = Facts::new("U", &[0, 48], &[48, 48], Dtype::F64, promise, None);
        for step in 0..40 {
            let number = if step < 12 { 1 + step } else { 3 + step };
            facts.add(number, vec![if step % 20 == 7 { f32::INFINITY } else { 0.05 }], vec![0.04]);
        }
        facts
    }

    #[test]
    fn facts_come_back_and_take_few_bytes_when_limits_repeat() {
        let mut facts = facts();
        assert_eq!(Facts::decode(&facts.encode()), Ok(facts.clone()));
        assert_eq!((facts.limits().count(), facts.n_by_network()), (40, 38));
        facts.errors.clear();
        assert!(facts.encode().len() < 90, "{}", facts.encode().len());
        assert_eq!(facts.runs().collect::<Vec<_>>(), [(1..=12, 0), (15..=42, 12)]);
    }

    #[test]
    fn only_steps_that_the_network_stands_for_can_break_their_promise() {
        let certificate: Vec<Vec<f32>> = (0..40).map(|step| vec![if step >= 27 { 0.06 } else { 0.04 }]).collect();
        let broken = facts().broken(&certificate);
        assert_eq!(broken, (28..40).collect::<Vec<_>>());
        assert!(facts().broken(&[]).is_empty());
    }

    #[test]
    fn a_certificate_is_worse_with_more_broken_promises_or_errors_closer_to_them() {
        let verdict = |worst: f32| facts().verdict(&[vec![0.02], vec![worst], vec![0.03]]);
        assert!(verdict(0.06) > verdict(0.049) && verdict(0.049) > verdict(0.042));
        assert_eq!(verdict(0.039), verdict(0.01));
    }

    #[test]
    fn damaged_facts_are_errors() {
        let bytes = facts().encode();
        assert!((0..bytes.len()).all(|n| Facts::decode(&bytes[..n]).is_err()));
        for steps in [vec![(4, 0)], vec![(4, 3), (6, 1)], vec![(u64::MAX, 2)], vec![(0, u32::MAX), (1 << 40, 1)]] {
            let damaged = Facts { steps, ..facts() };
            assert!(matches!(Facts::decode(&damaged.encode()), Err(Error::Corrupt(_))), "{damaged:?}");
        }
        assert_eq!(Facts::decode(&[2, 0]), Err(Error::Version { found: 2, supported: 1 }));
    }
}
