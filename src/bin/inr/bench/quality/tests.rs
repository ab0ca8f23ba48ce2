use adios2_inr::field::Slice;

use super::*;

/// A step of which all values count.
pub fn step<'a>(dims: &'a [usize], original: &'a [f64], decoded: &'a [f64]) -> Step<'a> {
    let low = original.iter().copied().fold(f64::INFINITY, f64::min);
    let high = original.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    Step { dims, original: Slice::F64(original), decoded: Slice::F64(decoded), valid: None, range: high - low }
}

/// A function of the place on a grid.
pub fn field(dims: &[usize], at: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let place = |mut i: usize| {
        let mut place = vec![0.0; dims.len()];
        for (place, n) in place.iter_mut().zip(dims).rev() {
            *place = (i % n) as f64;
            i /= n;
        }
        at(&place)
    };
    (0..dims.iter().product()).map(place).collect()
}

/// Between -1 and 1, by a linear congruence (Knuth's MMIX).
pub fn noise(n: usize) -> Vec<f64> {
    let mut state = 1_u64;
    let next = |_| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    };
    (0..n).map(next).collect()
}

fn smooth(dims: &[usize]) -> Vec<f64> {
    field(dims, |p| p.iter().map(|p| (0.15 * p).sin()).sum::<f64>() + 2.0)
}

fn plus(x: &[f64], error: &[f64]) -> Vec<f64> {
    x.iter().zip(error).map(|(x, e)| x + e).collect()
}

#[test]
fn an_exact_copy_has_nothing_to_complain_of() {
    for dims in [&[40, 50][..], &[12, 16, 20], &[64], &[3, 4, 12, 14]] {
        let x = smooth(dims);
        let found = quality(&[step(dims, &x, &x); 3]);
        approx::assert_relative_eq!(found.ssim.unwrap(), 1.0, max_relative = 1e-12);
        assert_eq!(found.gradient_error, 0.0);
        assert!(found.autocorrelation.iter().all(|r| *r == 0.0));
        assert_eq!((found.histogram.largest, found.histogram.shares[32]), (0.0, 1.0));
        let spectrum = found.spectrum.unwrap();
        assert!(spectrum.error.iter().all(|power| *power == 0.0) && spectrum.original[0] > 0.0);
        assert_eq!(spectrum.parts_at, None);
        assert!(found.per_step.len() == 3 && found.per_step.iter().all(|errors| errors.max == 0.0));
    }
}

#[test]
fn noise_is_uncorrelated_and_a_smooth_error_is_not() {
    let dims = [70, 90];
    let x = smooth(&dims);
    let white = quality(&[step(&dims, &x, &plus(&x, &noise(x.len())))]).autocorrelation;
    assert_eq!(white.len(), 32);
    assert!(white.iter().all(|r| r.abs() < 0.05), "{white:?}");
    let wave = field(&dims, |p| (0.02 * p[0] + 0.03 * p[1]).sin());
    let smooth = quality(&[step(&dims, &x, &plus(&x, &wave))]).autocorrelation;
    assert!(smooth[0] > 0.97 && smooth[0] > smooth[9], "{smooth:?}");
}

#[test]
fn an_error_that_alternates_is_anticorrelated() {
    let dims = [8, 80];
    let x = smooth(&dims);
    let stripes = field(&dims, |p| if p[1] % 2.0 == 0.0 { 0.1 } else { -0.1 });
    let found = quality(&[step(&dims, &x, &plus(&x, &stripes))]).autocorrelation;
    found.iter().zip(1..).for_each(|(r, lag)| {
        approx::assert_abs_diff_eq!(*r, if lag % 2 == 0 { 1.0 } else { -1.0 }, epsilon = 1e-9);
    });
}

#[test]
fn the_gradient_error_is_that_of_known_slopes() {
    let dims = [10, 12];
    let x = field(&dims, |p| 3.0 * p[0] + 4.0 * p[1]);
    let y = field(&dims, |p| 3.0 * p[0] + 4.5 * p[1] + 100.0);
    approx::assert_relative_eq!(quality(&[step(&dims, &x, &y)]).gradient_error, 0.1, max_relative = 1e-12);
    let flat = [1.0; 120];
    assert_eq!(quality(&[step(&dims, &flat, &y)]).gradient_error, f64::INFINITY);
}

#[test]
fn the_histogram_shows_shape_and_size() {
    let x = vec![1.0; 65_000];
    let found = quality(&[step(&[65_000], &x, &plus(&x, &noise(65_000)))]).histogram;
    assert!((0.999..=1.0).contains(&found.largest));
    approx::assert_relative_eq!(found.shares.iter().sum::<f64>(), 1.0, max_relative = 1e-12);
    assert!(found.shares.iter().all(|share| (share * 65.0 - 1.0).abs() < 0.15), "{:?}", found.shares);
    let found = quality(&[step(&[4], &x[..4], &[1.5, 0.0, 1.0, f64::NAN])]).histogram;
    assert_eq!(found.largest, 1.0);
    let third = |bin: usize| approx::assert_relative_eq!(found.shares[bin], 1.0 / 3.0);
    [0, 32, 48].into_iter().for_each(third);
}

#[test]
fn masked_points_do_not_count() {
    let dims = [30, 40];
    let x = smooth(&dims);
    let error: Vec<f64> = noise(x.len()).iter().map(|e| 0.01 * e).collect();
    let valid: Vec<bool> = (0..x.len()).map(|i| i % 40 < 25).collect();
    let other = |value: f64| {
        let y: Vec<f64> =
            plus(&x, &error).iter().zip(&valid).map(|(y, counts)| if *counts { *y } else { value }).collect();
        quality(&[Step { valid: Some(&valid), ..step(&dims, &x, &y) }])
    };
    let found = other(1e30);
    assert_eq!(found, other(f64::NAN));
    assert!(found.histogram.largest <= 0.01 && found.per_step[0].max <= 0.01 && found.gradient_error < 0.2);
    assert!(found.ssim.unwrap() > 0.9 && found.spectrum.unwrap().error.iter().all(|power| *power < 1e-4));
    assert!(found.autocorrelation.iter().all(|r| r.abs() < 0.2));
}

#[test]
fn pairs_count_where_both_values_do() {
    let x = smooth(&[200]);
    let error = field(&[200], |p| if p[0] % 2.0 == 0.0 { 0.1 } else { -0.1 });
    let valid: Vec<bool> = (0..200).map(|i| i / 20 % 2 == 0).collect();
    let y = plus(&x, &error);
    let found = quality(&[Step { valid: Some(&valid), ..step(&[200], &x, &y) }]).autocorrelation;
    approx::assert_abs_diff_eq!(found[0], -1.0, epsilon = 1e-9);
    approx::assert_abs_diff_eq!(found[3], 1.0, epsilon = 1e-9);
}

#[test]
fn single_precision_is_the_same_as_its_values_in_double() {
    let dims = [20, 30];
    let x: Vec<f32> = smooth(&dims).iter().map(|&x| x as f32).collect();
    let y: Vec<f32> = x.iter().zip(noise(600)).map(|(x, e)| x + 0.1 * e as f32).collect();
    let [wide_x, wide_y] = [&x, &y].map(|values| values.iter().map(|&v| f64::from(v)).collect::<Vec<_>>());
    let wide = step(&dims, &wide_x, &wide_y);
    assert_eq!(quality(&[Step { original: Slice::F32(&x), decoded: Slice::F32(&y), ..wide }]), quality(&[wide]));
}

#[test]
fn at_most_eight_evenly_spaced_steps_are_sampled() {
    let x: Vec<f64> = (0..200).map(f64::from).collect();
    let steps: Vec<Step> = (0..200).map(|i| step(&[1], &x[i..=i], &x[i..=i])).collect();
    let places = |n: usize| sampled(&steps[..n]).iter().map(|step| step.original.get(0)).collect::<Vec<_>>();
    assert_eq!(places(200), [0.0, 28.0, 56.0, 85.0, 113.0, 142.0, 170.0, 199.0]);
    assert_eq!(places(3), [0.0, 1.0, 2.0]);
    assert_eq!(places(1), [0.0]);
    assert!(places(0).is_empty());
}

#[test]
fn nothing_constant_tiny_or_undefined_is_too_much() {
    assert_eq!(quality(&[]).ssim, None);
    for dims in [&[][..], &[1], &[2], &[3, 1], &[0, 4], &[4, 0, 9], &[7], &[1, 1, 1, 2], &[6, 6], &[7, 1, 7]] {
        let n = dims.iter().product();
        for x in [vec![0.0; n], vec![f64::NAN; n], vec![f64::INFINITY; n], noise(n), vec![1e300; n]] {
            for y in [vec![0.0; n], vec![f64::NAN; n], x.clone()] {
                let nowhere = vec![false; n];
                let all = step(dims, &x, &y);
                let found = quality(&[all, Step { valid: Some(&nowhere), ..all }, all]);
                assert_eq!(found.per_step.len(), 3);
                if dims.iter().all(|n| *n < 7) {
                    assert_eq!(found.ssim, None);
                }
            }
        }
    }
}

#[test]
fn it_comes_back_from_json_with_what_is_not_finite() {
    let dims = [12, 16];
    let x = smooth(&dims);
    let found = quality(&[step(&dims, &x, &plus(&x, &noise(192)))]);
    let back = |found: &Quality| serde_json::from_str::<Quality>(&serde_json::to_string(found).unwrap()).unwrap();
    let again = back(&found);
    approx::assert_relative_eq!(again.gradient_error, found.gradient_error, max_relative = 1e-14);
    assert_eq!(again.spectrum.unwrap().parts_at, found.spectrum.as_ref().unwrap().parts_at);
    assert_eq!((again.histogram.shares.len(), again.per_step.len()), (65, 1));
    let undefined = Quality { gradient_error: f64::INFINITY, autocorrelation: vec![f64::NAN], ..found };
    let again = back(&undefined);
    assert!(again.gradient_error.is_infinite() && again.autocorrelation[0].is_nan());
}
