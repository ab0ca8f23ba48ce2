//! Which places and times a query is about.

use std::io::Read as _;

use adios2_inr::session::SeriesField;
use anyhow::{Context as _, Result};

use crate::Usage;

/// Points of a line when nothing is said.
const LINE: usize = 100;
/// Points per axis of a plane or box through nodes with coordinates of their own.
const AXIS: usize = 50;
/// More values than this are not asked for at once.
const MOST: usize = 20_000_000;

#[derive(clap::Args)]
#[group(required = true, multiple = false)]
pub struct Where {
    /// A place, with a time of its own behind it or not; again for more; '-' reads lines from stdin
    #[arg(long, value_name = "X,Y,..[,T]", allow_hyphen_values = true)]
    at: Vec<String>,
    /// From one place to another
    #[arg(long, num_args = 2, value_names = ["FROM", "TO"], allow_hyphen_values = true)]
    line: Vec<String>,
    /// Where an axis (0 is the slowest) has a value; again to fix more axes
    #[arg(long, value_name = "AXIS=VALUE")]
    plane: Vec<String>,
    /// Between two corners
    #[arg(long = "box", num_args = 2, value_names = ["LOW", "HIGH"], allow_hyphen_values = true)]
    corners: Vec<String>,
}

/// Places with their times.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// `[n][n_axes]`.
    pub coordinates: Vec<f64>,
    /// `[n]`.
    pub times: Vec<f64>,
    /// What `n` is made of: times if there are several, then points.
    pub dims: Vec<usize>,
}

impl Places {
    /// What the flags ask for.
    pub fn new(place: &Where, n: Option<&str>, time: Option<&str>, field: &SeriesField) -> Result<Places> {
        let times = times(time, field)?;
        let n = n.map(|text| numbers(text)?.into_iter().map(|n| count(n, text)).collect()).transpose()?;
        let n: Option<Vec<usize>> = n;
        if !place.at.is_empty() {
            return at(&place.at, &times, time.is_some(), field.n_axes());
        }
        let (points, dims) = if place.line.is_empty() {
            let axes =
                if place.plane.is_empty() { corners(&place.corners, field)? } else { planes(&place.plane, field)? };
            product(&axes, n.as_deref(), field.is_grid())?
        } else {
            line(&place.line, n.as_deref(), field.n_axes())?
        };
        let n_points: usize = dims.iter().product();
        if n_points.saturating_mul(times.len()) > MOST {
            return Err(usage(format!(
                "{} times {n_points} values are too many at once: ask for fewer with --n",
                times.len()
            )));
        }
        let dims = if times.len() > 1 { [&[times.len()], &dims[..]].concat() } else { dims };
        Ok(Places {
            coordinates: points.repeat(times.len()),
            times: times.iter().flat_map(|&time| std::iter::repeat_n(time, n_points)).collect(),
            dims,
        })
    }
}

fn usage(what: String) -> anyhow::Error {
    Usage(what).into()
}

fn number(text: &str) -> Result<f64> {
    let number = text.trim().parse().ok().filter(|x: &f64| x.is_finite());
    number.ok_or_else(|| usage(format!("'{}' is no number", text.trim())))
}

fn numbers(text: &str) -> Result<Vec<f64>> {
    text.split(',').map(number).collect()
}

fn count(n: f64, text: &str) -> Result<usize> {
    let fits = n.fract() == 0.0 && (1.0..=MOST as f64).contains(&n);
    if fits { Ok(n as usize) } else { Err(usage(format!("'{text}' is no number of points: give 1 to {MOST}"))) }
}

fn place(text: &str, n_axes: usize) -> Result<Vec<f64>> {
    let x = numbers(text)?;
    if x.len() == n_axes { Ok(x) } else { Err(usage(format!("'{text}' is no place: the variable has {n_axes} axes"))) }
}

fn spaced(low: f64, high: f64, n: usize) -> Vec<f64> {
    let part = |i: usize| if n == 1 { 0.0 } else { i as f64 / (n - 1) as f64 };
    (0..n).map(|i| low + part(i) * (high - low)).collect()
}

fn times(text: Option<&str>, field: &SeriesField) -> Result<Vec<f64>> {
    let Some(text) = text else { return Ok(vec![field.steps().1 as f64]) };
    match text.split(':').collect::<Vec<_>>()[..] {
        [time] => Ok(vec![number(time)?]),
        [from, to, n] => Ok(spaced(number(from)?, number(to)?, count(number(n)?, text)?)),
        _ => Err(usage(format!("--time cannot be '{text}': give a step, or first:last:number"))),
    }
}

/// Single places, some perhaps with a time of their own.
fn at(given: &[String], times: &[f64], is_timed: bool, n_axes: usize) -> Result<Places> {
    let mut lines = Vec::new();
    for text in given {
        if text == "-" {
            let mut input = String::new();
            std::io::stdin().read_to_string(&mut input).context("stdin")?;
            let full = input.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
            // Columns of a table as well as numbers with commas.
            lines.extend(full.map(|line| line.replace(',', " ").split_whitespace().collect::<Vec<_>>().join(",")));
        } else {
            lines.push(text.clone());
        }
    }
    let rows: Result<Vec<Vec<f64>>> = lines.iter().map(|line| numbers(line)).collect();
    let rows = rows?;
    if let Some((row, line)) = rows.iter().zip(&lines).find(|(row, _)| !(n_axes..=n_axes + 1).contains(&row.len())) {
        let n = row.len();
        return Err(usage(format!("'{line}' has {n} numbers: a place has {n_axes}, and a time may follow")));
    }
    if is_timed && rows.iter().any(|row| row.len() > n_axes) {
        return Err(usage("--time and places with a time of their own exclude each other".to_owned()));
    }
    let all = times.iter().flat_map(|&time| rows.iter().map(move |row| (row, time)));
    let mut places = Places { dims: vec![rows.len()], ..Places::default() };
    for (row, time) in all {
        places.coordinates.extend(&row[..n_axes]);
        places.times.push(row.get(n_axes).copied().unwrap_or(time));
    }
    if times.len() > 1 {
        places.dims.insert(0, times.len());
    }
    Ok(places)
}

fn line(ends: &[String], n: Option<&[usize]>, n_axes: usize) -> Result<(Vec<f64>, Vec<usize>)> {
    let n = match n {
        None => LINE,
        Some(&[n]) => n,
        Some(_) => return Err(usage("a line takes one --n".to_owned())),
    };
    let (from, to) = (place(&ends[0], n_axes)?, place(&ends[1], n_axes)?);
    let axes: Vec<Vec<f64>> = from.iter().zip(&to).map(|(&a, &b)| spaced(a, b, n)).collect();
    Ok(((0..n).flat_map(|i| axes.iter().map(move |axis| axis[i])).collect(), vec![n]))
}

/// From where to where on each axis.
fn corners(given: &[String], field: &SeriesField) -> Result<Vec<(f64, f64)>> {
    let (low, high) = (place(&given[0], field.n_axes())?, place(&given[1], field.n_axes())?);
    match low.iter().zip(&high).find(|(low, high)| low > high) {
        Some((low, high)) => Err(usage(format!("--box goes from low to high, not from {low} to {high}"))),
        None => Ok(low.into_iter().zip(high).collect()),
    }
}

fn planes(given: &[String], field: &SeriesField) -> Result<Vec<(f64, f64)>> {
    let mut axes = field.bounds();
    for text in given {
        let parts = text.split_once('=').and_then(|(axis, value)| Some((axis.trim().parse::<usize>().ok()?, value)));
        let n_axes = axes.len();
        let no_plane =
            || usage(format!("--plane cannot be '{text}': give AXIS=VALUE with an axis from 0 to {}", n_axes - 1));
        let (axis, value) = parts.filter(|(axis, _)| *axis < n_axes).ok_or_else(no_plane)?;
        let value = number(value)?;
        axes[axis] = (value, value);
    }
    Ok(axes)
}

/// All places with these coordinates, last axis fastest; axes of one value are no dimension.
fn product(axes: &[(f64, f64)], n: Option<&[usize]>, is_grid: bool) -> Result<(Vec<f64>, Vec<usize>)> {
    let n_free = axes.iter().filter(|(low, high)| low < high).count();
    let counts = match n {
        Some(&[n]) => vec![n; n_free],
        Some(n) if n.len() == n_free => n.to_vec(),
        Some(n) => return Err(usage(format!("--n has {} numbers for {n_free} axes", n.len()))),
        None => Vec::new(),
    };
    let mut counts = counts.into_iter();
    let values = |&(low, high): &(f64, f64)| {
        if low == high {
            return vec![low];
        }
        match counts.next() {
            Some(n) => spaced(low, high, n),
            None if is_grid => whole(low, high),
            None => spaced(low, high, AXIS),
        }
    };
    let axes: Vec<Vec<f64>> = axes.iter().map(values).collect();
    let n_points = axes.iter().try_fold(1usize, |n, axis| n.checked_mul(axis.len())).unwrap_or(usize::MAX);
    if n_points > MOST || n_points == 0 {
        let found = if n_points == 0 { "no point of the array".to_owned() } else { format!("{n_points} points") };
        return Err(usage(format!("there are {found} in this part: set --n")));
    }
    let mut points = vec![Vec::new()];
    for axis in &axes {
        points = points.iter().flat_map(|x| axis.iter().map(move |&value| [&x[..], &[value]].concat())).collect();
    }
    Ok((points.concat(), axes.iter().map(Vec::len).filter(|&n| n > 1).collect()))
}

/// Whole numbers from `low` to `high`.
fn whole(low: f64, high: f64) -> Vec<f64> {
    let n = (high.floor() - low.ceil() + 1.0).clamp(0.0, MOST as f64 + 1.0) as usize;
    (0..n).map(|i| low.ceil() + i as f64).collect()
}
