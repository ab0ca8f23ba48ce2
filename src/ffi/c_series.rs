//! `plugin/inr.h`: the networks of a dataset as functions of place and time.
#![expect(unsafe_code, reason = "C ABI")]

use std::ffi::{CString, c_char, c_int};
use std::path::Path;

use super::call::{Failure, INR_NO_ANSWER, bad_call, input, put, sentence, status, text};
use crate::session::{SeriesField, StepError};
use crate::{Error, Result};

/// A variable of a dataset, with its name for C.
#[derive(Debug)]
pub struct Series {
    field: SeriesField,
    variable: CString,
}

/// `inr_series_facts`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct SeriesFacts {
    /// Axes of a place.
    pub n_axes: usize,
    /// 2 for complex variables, else 1.
    pub n_channels: usize,
    /// The first step that the networks know.
    pub first_step: u64,
    /// The last one.
    pub last_step: u64,
    /// 0 when places are coordinates.
    pub is_grid: c_int,
}

/// `inr_step`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// The known step nearest to the time.
    pub step: u64,
    /// Relative L2 error of its network; NaN when it is not known.
    pub error: f32,
    /// 0 while the network is not finished.
    pub is_certified: c_int,
    /// Not 0 where the certified error is above what was promised.
    pub is_broken: c_int,
    /// 0 when the step was stored without.
    pub is_by_network: c_int,
}

impl From<&StepError> for Step {
    fn from(known: &StepError) -> Self {
        Step {
            step: known.step,
            error: known.error.unwrap_or(f32::NAN),
            is_certified: known.is_certified.into(),
            is_broken: known.is_broken.into(),
            is_by_network: known.is_by_network.into(),
        }
    }
}

fn no_answer(error: &Error) -> Failure {
    (INR_NO_ANSWER, sentence(error))
}

fn open(dataset: &Path, variable: Option<&str>) -> Result<Series> {
    let variable = variable.map_or_else(|| SeriesField::only_variable(dataset), |name| Ok(name.to_owned()))?;
    let field = SeriesField::open(dataset, &variable)?;
    Ok(Series { field, variable: CString::new(variable).unwrap_or_default() })
}

/// # Safety
/// `series` is null or a live series.
unsafe fn live<'a>(series: *const Series) -> Result<&'a Series, Failure> {
    // SAFETY: null or live, by the caller's promise.
    unsafe { series.as_ref() }.ok_or_else(|| bad_call("the series is null"))
}

/// Opens the networks of a variable of a dataset; null for the only variable that has some.
///
/// # Safety
/// The strings are null or NUL-terminated; `series` is null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn inr_series_open(
    dataset: *const c_char,
    variable: *const c_char,
    series: *mut *mut Series,
) -> c_int {
    status(|| {
        if series.is_null() || !series.is_aligned() {
            return Err(bad_call("the output is null"));
        }
        // SAFETY: null or terminated, by the caller's promise.
        let (dataset, variable) = unsafe { (text(dataset), text(variable)) };
        let dataset = dataset.ok_or_else(|| bad_call("the dataset is null"))?;
        let opened = open(Path::new(dataset.as_ref()), variable.as_deref()).map_err(|e| no_answer(&e))?;
        // SAFETY: not null, writable by the caller's promise.
        unsafe { series.write(Box::into_raw(Box::new(opened))) };
        Ok(())
    })
}

/// Frees a series; null is allowed.
///
/// # Safety
/// `series` is null or comes from [`inr_series_open`] and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn inr_series_free(series: *mut Series) {
    if !series.is_null() {
        status(|| {
            // SAFETY: a box of ours, given back once.
            drop(unsafe { Box::from_raw(series) });
            Ok(())
        });
    }
}

/// The name of the variable, as long as the series lives; null for a null series.
///
/// # Safety
/// `series` is null or a live series.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn inr_series_variable(series: *const Series) -> *const c_char {
    // SAFETY: by the caller's promise.
    unsafe { live(series) }.map_or(std::ptr::null(), |series| series.variable.as_ptr())
}

/// What is known about a series, and where it has places: `bounds` has room for `room` pairs of lowest and highest.
///
/// # Safety
/// `series` is null or a live series; `facts` is null or writable; `bounds` has room for `2 * room` numbers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn inr_series_describe(
    series: *const Series,
    facts: *mut SeriesFacts,
    bounds: *mut f64,
    room: usize,
) -> c_int {
    status(|| {
        // SAFETY: by the caller's promise.
        let field = &unsafe { live(series) }?.field;
        let (first_step, last_step) = field.steps();
        let (n_axes, n_channels) = (field.n_axes(), field.n_channels());
        let known = SeriesFacts { n_axes, n_channels, first_step, last_step, is_grid: field.is_grid().into() };
        let pairs: Vec<f64> = field.bounds().into_iter().take(room).flat_map(|(low, high)| [low, high]).collect();
        // SAFETY: null or writable, room for `room` pairs, by the caller's promise.
        unsafe {
            put(&[known], facts, "facts")?;
            put(&pairs, bounds, "bounds")
        }
    })
}

/// Values at `n_points` places and times, gradients and steps where their outputs are not null.
///
/// # Safety
/// `series` is null or a live series; `times` has `n_points` numbers, `places` that many for each axis; the outputs have the room that
/// inr.h says and overlap nothing, or are null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn inr_series_ask(
    series: *const Series,
    times: *const f64,
    places: *const f64,
    n_points: usize,
    values: *mut f32,
    gradients: *mut f64,
    steps: *mut Step,
) -> c_int {
    status(|| {
        // SAFETY: by the caller's promise.
        let field = &unsafe { live(series) }?.field;
        let n_numbers = n_points.checked_mul(field.n_axes()).ok_or_else(|| bad_call("there are too many places"))?;
        // SAFETY: lengths by the caller's promise.
        let (times, places) = unsafe { (input(times, n_points, "times")?, input(places, n_numbers, "places")?) };
        let answer = field.evaluate_each(times, places, !gradients.is_null()).map_err(|e| no_answer(&e))?;
        let known: Vec<Step> = answer.steps.iter().map(Step::from).collect();
        // SAFETY: room by the caller's promise.
        unsafe {
            put(&answer.values, values, "values")?;
            put(&answer.gradients, gradients, "gradients")?;
            if steps.is_null() { Ok(()) } else { put(&known, steps, "steps") }
        }
    })
}
