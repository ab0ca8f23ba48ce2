//! Whether neighbouring errors know of each other: white noise does not, smoothing does (as in Z-checker, Tao et al. 2019,
//! IJHPCA 33(2), per axis here).

use super::step::{Step, Wide, around};

/// Most lags.
const LAGS: usize = 32;

/// Autocorrelation of the error at lags 1, 2, .. up to 32 and half of the longest axis: the mean product of two errors that
/// are this far apart, over their mean square, each step's mean error taken off. Axes at least twice as long as the longest
/// lag are averaged; pairs count where both values do. Without an error all are 0.
pub fn of(steps: &[Step]) -> Vec<f64> {
    let Some(dims) = steps.first().map(|step| step.dims) else { return Vec::new() };
    let n_lags = LAGS.min(dims.iter().max().copied().unwrap_or(0) / 2);
    let axes: Vec<usize> = (0..dims.len()).filter(|&axis| dims[axis] >= 2 * n_lags).collect();
    let (mut square, mut n) = (0.0, 0.0);
    let mut products = vec![(0.0, 0.0); axes.len() * n_lags];
    for step in steps {
        let step = centred(step.widen());
        let counts: Option<Vec<f64>> = step.valid.map(|valid| valid.iter().map(|&v| f64::from(u8::from(v))).collect());
        square += dot(&step.error, &step.error);
        n += step.n() as f64;
        for (&axis, sums) in axes.iter().zip(products.chunks_exact_mut(n_lags.max(1))) {
            add_products(&step.error, counts.as_deref(), dims, axis, sums);
        }
    }
    let variance = square / f64::max(n, 1.0);
    let mean = |(sum, pairs): (f64, f64)| super::relative(sum / f64::max(pairs, 1.0), variance);
    let over_axes =
        |lag| (0..axes.len()).map(|axis| mean(products[axis * n_lags + lag])).sum::<f64>() / axes.len() as f64;
    (0..n_lags).map(over_axes).collect()
}

/// The error without its mean, 0 where values do not count.
fn centred(mut step: Wide) -> Wide {
    let mean = step.error.iter().sum::<f64>() / step.n().max(1) as f64;
    for i in 0..step.error.len() {
        if step.counts(i) {
            step.error[i] -= mean;
        }
    }
    step
}

/// Adds to each lag's (sum of products, number of pairs) along an axis.
fn add_products(error: &[f64], counts: Option<&[f64]>, dims: &[usize], axis: usize, sums: &mut [(f64, f64)]) {
    let (_, n, stride) = around(dims, axis);
    let block = (n * stride).max(1);
    let apart = |values: &[f64], lag: usize| dot(&values[lag * stride..], &values[..block - lag * stride]);
    for (b, values) in error.chunks_exact(block).enumerate() {
        for (lag, (sum, pairs)) in (1..).zip(sums.iter_mut()) {
            *sum += apart(values, lag);
            *pairs += counts.map_or((block - lag * stride) as f64, |counts| apart(&counts[b * block..][..block], lag));
        }
    }
}

/// Sum of products, in as many parts as a processor adds at once.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    const LANES: usize = 8;
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut sums = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        (0..LANES).for_each(|lane| sums[lane] += a[lane] * b[lane]);
    }
    sums.iter().sum::<f64>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f64>()
}
