//! Values from the networks of a dataset at any place and time, beside decoded arrays, snapshots and finite differences.

#[path = "common/networks.rs"]
mod networks;
#[path = "common/pulse.rs"]
mod pulse;
#[path = "common/tolerance.rs"]
mod tolerance;

use approx::assert_relative_eq;
use std::path::Path;

use adios2_inr::codec;
use adios2_inr::mesh::Mesh;
use adios2_inr::session::{self, Facts, SeriesField};
use adios2_inr::store::Store;
use adios2_inr::{Dtype, Error};
use networks::{SIDE, dataset, facts, network, publish};
use pulse::{N, key, pulse, read, settings, write};
use tempfile::TempDir;

fn open(folder: &TempDir) -> SeriesField {
    SeriesField::open(folder.path(), "u").unwrap()
}

fn grid(rows: std::ops::Range<usize>, columns: std::ops::Range<usize>) -> Vec<f64> {
    rows.flat_map(|y| columns.clone().flat_map(move |x| [y as f64, x as f64])).collect()
}

fn refusal(answer: Result<impl std::fmt::Debug, Error>) -> String {
    answer.unwrap_err().to_string()
}

#[test]
fn values_at_grid_points_are_those_of_the_decoded_array() {
    let folder = tempfile::tempdir().unwrap();
    let key = key(folder.path(), "u");
    let records: Vec<_> = (0..14).map(|step| write(&key, &settings(&[]), &pulse(step))).collect();
    let field = open(&folder);
    assert_eq!((field.steps(), field.bounds()), ((1, 13), vec![(0.0, 47.0); 2]));
    let step = 13;
    assert_eq!(codec::inspect(&records[step]).unwrap().model, "series");
    let answer = field.evaluate(step as f64, &grid(0..N, 0..N), false).unwrap();
    let original = pulse(step);
    let (low, high) = original.iter().fold((f32::MAX, f32::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
    let clamped: Vec<f32> = answer.values.iter().map(|v| v.clamp(low, high)).collect();
    assert_eq!(clamped, read(folder.path(), &records[step]));
    assert!(answer.steps.iter().all(|s| s.step == 13 && s.is_by_network && s.error.is_some() && !s.is_certified));
    session::finish(&key);
    let certified = open(&folder).evaluate(12.0, &[3.5, 4.0], false).unwrap().steps[0];
    assert!(certified.is_certified && certified.error.is_some_and(|error| error > 0.0));
}

#[test]
fn gradients_are_those_of_finite_differences() {
    // Three axes of which one has a single point, in two blocks.
    let folder = dataset(&[(&[4, 0, 0], &[1, SIDE, SIDE], 1, 1), (&[4, 0, SIDE], &[1, SIDE, SIDE], 1, 2)]);
    let field = open(&folder);
    let value = |t: f64, x: &[f64]| f64::from(field.evaluate(t, x, false).unwrap().values[0]);
    for (t, x) in [(2.3, [4.0, 2.6, 1.2]), (6.5, [4.0, 0.7, 8.1]), (8.4, [4.0, 3.5, 9.9])] {
        let answer = field.evaluate(t, &x, true).unwrap();
        assert_eq!((answer.gradients.len(), answer.gradients[0]), (4, 0.0));
        for axis in 1..4 {
            let h = if axis == 3 { 0.05 } else { 0.01 };
            let at = |h: f64| if axis == 3 { value(t + h, &x) } else { value(t, &shifted(&x, axis, h)) };
            let difference = (at(h) - at(-h)) / (2.0 * h);
            let gradient = answer.gradients[axis];
            assert_relative_eq!(difference, gradient, epsilon = tolerance::SLOPE, max_relative = tolerance::SLOPE);
        }
    }
}

fn shifted(x: &[f64], axis: usize, h: f64) -> Vec<f64> {
    let mut x = x.to_vec();
    x[axis] += h;
    x
}

#[test]
fn every_block_answers_for_its_part_and_halfway_to_the_next() {
    let folder = dataset(&[(&[0, 0], &[SIDE, SIDE], 0, 1), (&[0, SIDE], &[SIDE, SIDE], 0, 2)]);
    let field = open(&folder);
    let answer = field.evaluate(4.0, &grid(0..SIDE, 0..2 * SIDE), false).unwrap();
    let snapshot = |seed: u64| network(seed, 2).snapshot(4.0, &Mesh::grid(&[SIDE, SIDE]), 1).unwrap();
    let (left, right) = (snapshot(1), snapshot(2));
    let rows = left.chunks(SIDE).zip(right.chunks(SIDE)).flat_map(|(a, b)| [a, b].concat());
    assert_eq!(answer.values, rows.collect::<Vec<_>>());
    let edge = field.evaluate(4.0, &[2.0, 5.4, 2.0, 5.6], false).unwrap().values;
    let beyond = |seed, x: f64| network(seed, 2).value_at(4.0, &[-0.2, (2.0 * x / 5.0 - 1.0) as f32]).unwrap()[0];
    assert_eq!(edge, [beyond(1, 5.4), beyond(2, -0.4)]);
}

#[test]
fn times_between_two_networks_lead_linearly_from_one_to_the_next() {
    let folder = dataset(&[(&[0], &[SIDE], 1, 1), (&[0], &[SIDE], 12, 2)]);
    let field = open(&folder);
    let ask = |t: f64| field.evaluate(t, &[1.5], true).unwrap();
    assert_eq!(field.steps(), (1, 20));
    let (last, first, between) = (ask(9.0), ask(12.0), ask(9.75));
    assert_eq!(between.values[0], (0.75 * f64::from(last.values[0]) + 0.25 * f64::from(first.values[0])) as f32);
    assert_eq!(between.gradients[1], (f64::from(first.values[0]) - f64::from(last.values[0])) / 3.0);
    assert_eq!((between.steps[0].step, ask(11.0).steps[0].step), (9, 12));
    // The network never saw step 6, its fifth and sixth steps are 5 and 7.
    let own = |step: f64| network(1, 1).value_at(step, &[-0.4]).unwrap()[0];
    for (time, step) in [(5.0, 4.0), (5.5, 4.25), (6.0, 4.5), (7.0, 5.0), (8.25, 6.25)] {
        assert_eq!(ask(time).values[0], own(step), "{time}");
    }
    let (value, slope) = (|t: f64| f64::from(ask(t).values[0]), ask(5.5).gradients[1]);
    let difference = (value(5.55) - value(5.45)) / 0.1;
    assert_relative_eq!(difference, slope, epsilon = tolerance::SLOPE, max_relative = tolerance::SLOPE);
}

#[test]
fn the_error_of_the_nearest_step_stands_beside_a_value_and_who_stores_that_step() {
    let folder = dataset(&[(&[0], &[SIDE], 1, 1)]);
    let field = open(&folder);
    let near = |t: f64| field.evaluate(t, &[0.0], false).unwrap().steps[0];
    let known = |t: f64| (near(t).step, near(t).error.unwrap(), near(t).is_certified, near(t).is_by_network);
    assert!(near(4.4).is_broken && !near(1.2).is_broken);
    assert_eq!(known(1.2), (1, 0.0625, true, true));
    assert_eq!(known(3.0), (3, 0.0625, true, false));
    assert_eq!(known(4.4), (4, 0.25, true, true));
    assert_eq!(known(6.9), (7, 0.0625, true, true));
}

#[test]
fn questions_without_an_answer_name_what_there_is() {
    let folder = dataset(&[(&[0, 0], &[SIDE, SIDE], 3, 1), (&[0, 20], &[SIDE, SIDE], 3, 2)]);
    let field = open(&folder);
    let unknown = refusal(SeriesField::open(folder.path(), "w"));
    assert!(unknown.contains("no network of 'w'") && unknown.contains("'u'"), "{unknown}");
    let refused = |t: f64, x: &[f64]| refusal(field.evaluate(t, x, false));
    assert!(refused(4.0, &[0.0, 25.5]).contains("25.5 lies outside of axis 1 of 'u', which goes from 0 to 25"));
    assert!(refused(4.0, &[f64::NAN, 1.0]).contains("axis 0"));
    assert!(refused(4.0, &[0.0, 12.0]).contains("stored without"));
    assert!(refused(2.9, &[0.0, 1.0]).contains("knows the step 2.9: they know 3 to 11"));
    assert!(refused(f64::NAN, &[0.0, 1.0]).contains("they know 3 to 11"));
    assert!(refused(4.0, &[0.0]).contains("2 axes"));
    let none = refusal(SeriesField::open(Path::new("/nowhere.bp"), "u"));
    assert!(none.contains("/nowhere.bp") && none.contains("temporal=series"), "{none}");
}

#[test]
fn local_arrays_of_two_processes_have_no_place() {
    let folder = dataset(&[(&[], &[SIDE], 0, 1)]);
    assert!(SeriesField::open(folder.path(), "u").is_ok());
    publish(&mut Store::create(folder.path()).unwrap(), 0, &facts("u", &[], &[SIDE], 0), &network(2, 1).encode());
    assert!(refusal(SeriesField::open(folder.path(), "u")).contains("local array of several processes"));
}

#[test]
fn meshes_are_asked_in_the_unit_of_their_points() {
    let folder = tempfile::tempdir().unwrap();
    let points = folder.path().join("points.npy");
    let place = |i: usize| [10.0 + 0.5 * (i / N) as f64, -3.0 * (i % N) as f64];
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    let header = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({}, 2), }}\n", 2 * N * N);
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    // The second block lies beside the first.
    let places: Vec<f64> = (0..2 * N * N).flat_map(place).collect();
    places.iter().for_each(|x| bytes.extend(x.to_le_bytes()));
    std::fs::write(&points, bytes).unwrap();
    let asked = settings(&[("points", points.to_str().unwrap())]);
    let mut records = Vec::new();
    for start in [0, N * N] {
        let key = session::SeriesKey { start: vec![start], dims: vec![N * N], ..key(folder.path(), "u") };
        records.extend((0..14).map(|step| write(&key, &asked, &pulse(step))).skip(13).collect::<Vec<_>>());
    }
    let field = open(&folder);
    assert!(!field.is_grid() && field.n_axes() == 2);
    assert_eq!(field.bounds(), [(10.0, 10.0 + 0.5 * 95.0), (-3.0 * 47.0, 0.0)]);
    let answer = field.evaluate(13.0, &places, false).unwrap();
    for (record, values) in records.iter().zip(answer.values.chunks(N * N)) {
        let decoded = read(folder.path(), record);
        let n_clamped = decoded.iter().zip(values).filter(|(a, b)| a != b).count();
        assert!(n_clamped < N * N / 50, "{n_clamped}");
    }
    let x = [20.3, -70.0];
    let value = |h: f64| f64::from(field.evaluate(13.0, &[x[0], x[1] + h], false).unwrap().values[0]);
    let gradient = field.evaluate(13.0, &x, true).unwrap().gradients[1];
    let difference = (value(0.05) - value(-0.05)) / 0.1;
    assert_relative_eq!(difference, gradient, epsilon = tolerance::SLOPE, max_relative = tolerance::SLOPE);
}

#[test]
fn a_run_that_goes_on_counts_its_steps_behind_those_that_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let record = [&b"s"[..], &32u64.to_le_bytes(), &[0; 32]].concat();
    std::fs::write(folder.path().join("md.idx"), [vec![0; 64], record.repeat(5)].concat()).unwrap();
    let key = key(folder.path(), "u");
    (0..14).for_each(|step| drop(write(&key, &settings(&[]), &pulse(step))));
    assert_eq!(open(&folder).steps(), (6, 18));
}

#[test]
fn what_stands_in_the_store_never_makes_a_panic() {
    let (small, whole) = (facts("u", &[0, 0], &[SIDE, SIDE], 0), network(1, 2).encode());
    let edited = |edit: &dyn Fn(&mut Facts)| {
        let mut facts = small.clone();
        edit(&mut facts);
        facts
    };
    let cases = [
        edited(&|f| f.dims = vec![]),
        edited(&|f| f.dims = vec![0, SIDE]),
        edited(&|f| f.dims = vec![SIDE; 3]),
        edited(&|f| f.dims = vec![1, 1]),
        edited(&|f| f.dims = vec![SIDE]),
        edited(&|f| f.start = vec![usize::MAX, 0]),
        edited(&|f| f.points = Some(7)),
        edited(&|f| f.dtype = Dtype::I32),
        edited(&|f| f.dtype = Dtype::C32),
        edited(&|f| f.add(100, vec![], vec![])),
    ];
    for facts in cases {
        let folder = tempfile::tempdir().unwrap();
        publish(&mut Store::create(folder.path()).unwrap(), 0, &facts, &whole);
        let answer = SeriesField::open(folder.path(), "u").and_then(|field| {
            let place: Vec<f64> = field.bounds().iter().map(|(low, _)| *low).collect();
            field.evaluate(field.steps().1 as f64, &place, true)
        });
        assert!(answer.is_err(), "{facts:?}");
    }
    for at in 0..whole.len().min(60) {
        let folder = tempfile::tempdir().unwrap();
        let mut damaged = whole.clone();
        damaged[at] ^= 0x41;
        publish(&mut Store::create(folder.path()).unwrap(), 0, &small, &damaged);
        let _ = open(&folder).evaluate(3.0, &[1.0, 1.0], true);
    }
}
