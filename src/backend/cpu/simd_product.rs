//! The matrix product of the kernels: register tiles along the columns, each sum one chain over `k` in ascending order.
#![expect(unsafe_code, reason = "unchecked loads and stores in the innermost loops; bounds are checked once per call")]

use super::simd::Simd;

/// What a sum starts from.
#[derive(Clone, Copy)]
pub(super) enum Start<'a> {
    /// Zero.
    Zero,
    /// `bias[j]` in column `j`.
    Bias(&'a [f32]),
    /// The value already there.
    Accumulate,
}

/// `C(i, j) = start + sum_k A(i, k) * B(k, j)`; `A(i, k) = a[i * a_row + k * a_column]`, `B` and `C` row-major.
pub(super) struct Product<'a> {
    /// Rows of A and C.
    pub m: usize,
    /// Columns of B and C, a multiple of the lanes.
    pub n: usize,
    /// Length of the sums.
    pub k: usize,
    pub a: &'a [f32],
    pub a_row: usize,
    pub a_column: usize,
    pub b: &'a [f32],
    pub b_row: usize,
    pub c: &'a mut [f32],
    pub c_row: usize,
    pub start: Start<'a>,
}

impl Product<'_> {
    /// Tiles of `MR` rows and `NR` vectors; what is left over in narrower tiles.
    #[inline(always)]
    pub(super) fn run<S: Simd, const MR: usize, const NR: usize>(self, simd: S) {
        let Product { m, n, k, a_row, a_column, b_row, c_row, .. } = self;
        if m == 0 || n == 0 {
            return;
        }
        self.check(S::LANES);
        let (bias, accumulate) = match self.start {
            Start::Zero => (std::ptr::null(), false),
            Start::Bias(bias) => (bias.as_ptr(), false),
            Start::Accumulate => (std::ptr::null(), true),
        };
        let tile = Tile { k, a_row, a_column, b_row, c_row, accumulate };
        let (a, b, c) = (self.a.as_ptr(), self.b.as_ptr(), self.c.as_mut_ptr());
        let mut j = 0;
        while j < n {
            let n_vectors = (n - j) / S::LANES;
            // SAFETY: `check` proved every index of rows 0..m and columns 0..n inside its slice, `j` is below `n`, and a
            // bias has `n` values.
            unsafe {
                let bias = if bias.is_null() { bias } else { bias.add(j) };
                let (b, c) = (b.add(j), c.add(j));
                j += S::LANES
                    * if n_vectors >= NR {
                        tile.rows::<S, MR, NR>(simd, m, a, b, c, bias);
                        NR
                    } else if n_vectors >= 2 {
                        tile.rows::<S, 8, 2>(simd, m, a, b, c, bias);
                        2
                    } else {
                        tile.rows::<S, 8, 1>(simd, m, a, b, c, bias);
                        1
                    };
            }
        }
    }

    /// Panics on a product that would leave its slices (a bug of a kernel, not of the input).
    fn check(&self, lanes: usize) {
        let last = |rows: usize, row: usize| (rows - 1) * row;
        assert!(self.n.is_multiple_of(lanes));
        assert!(last(self.m, self.c_row) + self.n <= self.c.len());
        if self.k > 0 {
            assert!(last(self.m, self.a_row) + last(self.k, self.a_column) < self.a.len());
            assert!(last(self.k, self.b_row) + self.n <= self.b.len());
        }
        if let Start::Bias(bias) = self.start {
            assert!(self.n <= bias.len());
        }
    }
}

/// What the tiles of a product share.
struct Tile {
    k: usize,
    a_row: usize,
    a_column: usize,
    b_row: usize,
    c_row: usize,
    accumulate: bool,
}

impl Tile {
    /// All `m` rows of `NR` vectors.
    ///
    /// # Safety
    /// Every index of the product is inside its slice; `bias` is null or has `NR` vectors.
    #[inline(always)]
    unsafe fn rows<S: Simd, const MR: usize, const NR: usize>(
        &self,
        simd: S,
        m: usize,
        a: *const f32,
        b: *const f32,
        c: *mut f32,
        bias: *const f32,
    ) {
        let mut i = 0;
        // SAFETY: rows `i..i + MR` (or 4, 2, 1) are below `m`; the rest is the caller's promise.
        unsafe {
            while i + MR <= m {
                self.tile::<S, MR, NR>(simd, a.add(i * self.a_row), b, c.add(i * self.c_row), bias);
                i += MR;
            }
            while i + 4 <= m {
                self.tile::<S, 4, NR>(simd, a.add(i * self.a_row), b, c.add(i * self.c_row), bias);
                i += 4;
            }
            while i + 2 <= m {
                self.tile::<S, 2, NR>(simd, a.add(i * self.a_row), b, c.add(i * self.c_row), bias);
                i += 2;
            }
            if i < m {
                self.tile::<S, 1, NR>(simd, a.add(i * self.a_row), b, c.add(i * self.c_row), bias);
            }
        }
    }

    /// `MR x NR` sums in registers.
    ///
    /// # Safety
    /// As [`Self::rows`], for `MR` rows.
    #[inline(always)]
    unsafe fn tile<S: Simd, const MR: usize, const NR: usize>(
        &self,
        simd: S,
        a: *const f32,
        b: *const f32,
        c: *mut f32,
        bias: *const f32,
    ) {
        let mut sums = [[simd.splat(0.0); NR]; MR];
        // SAFETY: the caller's promise covers rows 0..MR, vectors 0..NR and k.
        unsafe {
            for (i, sums) in sums.iter_mut().enumerate() {
                for (j, sum) in sums.iter_mut().enumerate() {
                    if self.accumulate {
                        *sum = simd.load_at(c.add(i * self.c_row + j * S::LANES));
                    } else if !bias.is_null() {
                        *sum = simd.load_at(bias.add(j * S::LANES));
                    }
                }
            }
            for k in 0..self.k {
                let mut columns = [simd.splat(0.0); NR];
                for (j, column) in columns.iter_mut().enumerate() {
                    *column = simd.load_at(b.add(k * self.b_row + j * S::LANES));
                }
                for (i, sums) in sums.iter_mut().enumerate() {
                    let x = simd.splat(*a.add(i * self.a_row + k * self.a_column));
                    for (sum, &column) in sums.iter_mut().zip(&columns) {
                        *sum = simd.fma(x, column, *sum);
                    }
                }
            }
            for (i, sums) in sums.iter().enumerate() {
                for (j, &sum) in sums.iter().enumerate() {
                    simd.store_at(c.add(i * self.c_row + j * S::LANES), sum);
                }
            }
        }
    }
}
