//! Which snapshots and sketches a step of training looks at: the paper's buffers, in the paper's order.

use std::collections::VecDeque;

use crate::sketch::distinct;

/// A first-in-first-out buffer of snapshot numbers, and batches drawn from it.
///
/// Every [`Self::advance`] is one outer step: `stride` further numbers go in, the oldest go out beyond `size`; past the
/// last snapshot numbers only go out. A delayed buffer starts with one outer step in which it is empty, so that it lags by
/// one snapshot behind a buffer without delay.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Buffer {
    n_steps: usize,
    size: usize,
    batch: usize,
    stride: usize,
    seed: u64,
    is_delayed: bool,
    next: usize,
    n_drawn: u64,
    held: VecDeque<usize>,
}

impl Buffer {
    /// A buffer over snapshots `0..n_steps` that holds `size` numbers (0: all) and takes in `stride` at a time; batches of
    /// `batch` (0: all that is held).
    pub fn new(n_steps: usize, size: usize, batch: usize, stride: usize, is_delayed: bool, seed: u64) -> Self {
        let (size, batch) = (if size == 0 { n_steps } else { size }, if batch == 0 { usize::MAX } else { batch });
        Buffer { n_steps, size, batch, stride, seed, is_delayed, next: 0, n_drawn: 0, held: VecDeque::new() }
    }

    /// Outer steps in all: `T / stride + T mod size`; the delay puts its empty one in front and leaves out the last.
    pub fn n_outer(&self) -> usize {
        self.n_steps / self.stride + self.n_steps % self.size.max(1)
    }

    /// The next outer step; returns the numbers that went out.
    pub fn advance(&mut self) -> Vec<usize> {
        if std::mem::take(&mut self.is_delayed) {
            return Vec::new();
        }
        let mut gone = Vec::new();
        for index in self.next..self.next + self.stride {
            if index < self.n_steps {
                self.held.push_back(index);
            }
            if index >= self.n_steps || self.held.len() > self.size {
                gone.extend(self.held.pop_front());
            }
        }
        self.next += self.stride;
        gone
    }

    /// A batch: everything held if it is no more than the batch size, else as many numbers drawn without repetition,
    /// anew in each call.
    pub fn batch(&mut self) -> Vec<usize> {
        if self.held.len() <= self.batch {
            return self.held.iter().copied().collect();
        }
        self.n_drawn += 1;
        let seed = self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(self.n_drawn);
        distinct(seed, self.held.len(), self.batch).into_iter().map(|i| self.held[i as usize]).collect()
    }

    /// The numbers held now.
    pub fn held(&self) -> impl ExactSizeIterator<Item = usize> + '_ {
        self.held.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One batch after each of the outer steps.
    fn sequence(buffer: &mut Buffer, n: usize) -> Vec<Vec<usize>> {
        let next = |_| {
            buffer.advance();
            buffer.batch()
        };
        (0..n).map(next).collect()
    }

    #[test]
    fn in_situ_batches_come_in_the_order_of_the_paper() {
        let mut full = Buffer::new(6, 1, 1, 1, false, 1);
        assert_eq!(full.n_outer(), 6);
        assert_eq!(sequence(&mut full, 6), [[0], [1], [2], [3], [4], [5]]);
        let mut sketches = Buffer::new(6, 0, 3, 1, true, 1);
        assert_eq!(sketches.n_outer(), 6);
        let batches = sequence(&mut sketches, 6);
        assert_eq!(batches[..4], [vec![], vec![0], vec![0, 1], vec![0, 1, 2]]);
        assert!(batches[4].len() == 3 && batches[4].iter().all(|&i| i < 4));
        assert!(batches[5].len() == 3 && batches[5].iter().all(|&i| i < 5));
    }

    #[test]
    fn an_offline_buffer_takes_everything_in_at_once() {
        let mut buffer = Buffer::new(7, 0, 3, 7, false, 2);
        assert_eq!(buffer.n_outer(), 1);
        buffer.advance();
        assert_eq!(buffer.held().len(), 7);
        let mut counts = [0; 7];
        for _ in 0..700 {
            let batch = buffer.batch();
            assert!(batch.len() == 3 && batch.windows(2).all(|w| w[0] < w[1]));
            batch.iter().for_each(|&i| counts[i] += 1);
        }
        assert!(counts.iter().all(|&n| (240..360).contains(&n)), "{counts:?}");
    }

    #[test]
    fn the_oldest_goes_first() {
        let mut buffer = Buffer::new(5, 2, 0, 1, false, 3);
        assert_eq!(sequence(&mut buffer, 5), [vec![0], vec![0, 1], vec![1, 2], vec![2, 3], vec![3, 4]]);
        assert_eq!(buffer.n_outer(), 6);
        assert_eq!(buffer.advance(), [3], "past the last snapshot numbers only go out");
        assert_eq!(buffer.batch(), [4]);
    }

    #[test]
    fn a_run_draws_the_same_batches_again() {
        let draw = |seed| sequence(&mut Buffer::new(50, 0, 4, 1, true, seed), 50);
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }
}
