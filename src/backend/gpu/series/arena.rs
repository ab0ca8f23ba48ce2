//! Which part of one large buffer each target has.

/// Regions of a buffer, in words.
#[derive(Debug, Default)]
pub(super) struct Arena {
    /// `(first, n)`, ascending.
    used: Vec<(usize, usize)>,
}

impl Arena {
    /// Takes the first gap of `n` words; returns where it begins.
    pub fn take(&mut self, n: usize) -> usize {
        let mut first = 0;
        let mut index = self.used.len();
        for (i, &(start, length)) in self.used.iter().enumerate() {
            if start - first >= n {
                index = i;
                break;
            }
            first = start + length;
        }
        self.used.insert(index, (first, n));
        first
    }

    /// Gives back the region that begins at `first`.
    pub fn give_back(&mut self, first: usize) {
        self.used.retain(|region| region.0 != first);
    }

    /// Words that the buffer must have.
    pub fn n_words(&self) -> usize {
        self.used.last().map_or(0, |(first, n)| first + n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_never_overlap_and_gaps_are_filled() {
        let mut arena = Arena::default();
        assert_eq!([arena.take(5), arena.take(3), arena.take(4)], [0, 5, 8]);
        arena.give_back(5);
        assert_eq!([arena.take(4), arena.take(2), arena.take(1)], [12, 5, 7]);
        assert_eq!(arena.n_words(), 16);
        arena.give_back(12);
        arena.give_back(8);
        assert_eq!((arena.n_words(), arena.take(9)), (8, 8));
    }
}
