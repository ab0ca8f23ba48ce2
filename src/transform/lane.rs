//! A slab on its way through the coder of large bands, row by row: what is known about each value before it is coded.

use super::classes::{self, Shifts};
use super::neighbours::{Rows, Slab, Tiles, WIDTH};

/// A slab while it is coded.
pub(super) struct Lane<'a> {
    pub rows: Rows<'a>,
    /// Offset of contexts of each value of the current row; whole tiles.
    pub sides: Vec<u16>,
    pub shifts: Shifts,
    pub n_rows: usize,
    pub row: usize,
}

impl<'a> Lane<'a> {
    pub fn new(slab: &'a Slab<'a>, tiles: Tiles) -> Self {
        let rows = Rows::new(slab, tiles);
        let n_rows = slab.dims.iter().product::<usize>() / rows.length;
        Lane {
            sides: vec![0; rows.length.next_multiple_of(WIDTH)],
            shifts: classes::shifts(rows.weight()),
            n_rows,
            row: 0,
            rows,
        }
    }

    /// Goes to the next row; false when nothing of it is coded.
    pub fn go_to(&mut self, r: usize) -> bool {
        self.row = r;
        if !self.rows.go_to(r) {
            return false;
        }
        let length = self.rows.length;
        match self.rows.slab.hints {
            Some(hints) => {
                let hints = &hints[r * length..(r + 1) * length];
                self.sides.iter_mut().zip(hints).for_each(|(side, &hint)| *side = classes::side_of_hint(hint));
            }
            None if self.rows.slab.parent.is_some() => {
                let parents = self.sides.iter_mut().zip(&self.rows.parents);
                parents.for_each(|(side, &parent)| *side = classes::side_of_parent(parent));
            }
            None => {}
        }
        true
    }

    /// What is known of the values of tile `t` of the current row: sums of neighbours and offsets of contexts.
    #[inline(always)]
    pub fn known(&self, t: usize) -> (&[u16; WIDTH], &[u16; WIDTH]) {
        (&self.rows.around.as_chunks().0[t], &self.sides.as_chunks().0[t])
    }

    /// Where the magnitudes of the current row start, with the guard before them.
    pub fn magnitudes_at(&self) -> usize {
        self.rows.magnitudes_at(self.row)
    }
}
