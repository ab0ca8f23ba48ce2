//! Sound inputs that mutations start from.

use std::path::{Path, PathBuf};

use adios2_inr::codec::{self, Context};
use adios2_inr::entropy::rans::{self, RawBits, Step, Table};
use adios2_inr::entropy::{Bit, Encoder, encode_bits, encode_integers};
use adios2_inr::model::{NetworkKind, SeriesNetwork, SeriesShape, WeightSteps};
use adios2_inr::session::{ChainWriter, Facts};
use adios2_inr::store::{Key, Kind, MAGIC, Store, write_entry};
use adios2_inr::{Block, Dtype, Mode, Norm, PARAMETERS, Settings, Target};

/// Larger golden records would make each try slow.
const LARGEST: usize = 4 << 10;

/// Seeds of a target of [`super::targets`].
pub fn of(target: &str) -> Vec<Vec<u8>> {
    match target {
        "record" => [golden(), records()].concat(),
        "entropy" => streams(),
        "store" => [NetworkKind::Film, NetworkKind::Tinr, NetworkKind::Hypernet].map(store).to_vec(),
        "chain" => ["network", "linear", "last"].map(chain).to_vec(),
        "settings" => settings(),
        "npy" => arrays(),
        _ => Vec::new(),
    }
}

fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    if here.ends_with("fuzz") { here.parent().expect("the repository") } else { here }
}

/// Records that released versions wrote.
fn golden() -> Vec<Vec<u8>> {
    let files = std::fs::read_dir(root().join("tests/golden")).expect("golden records");
    let mut paths: Vec<PathBuf> = files.map(|file| file.expect("a file").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "inr"));
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).expect("a record")).filter(|record| record.len() <= LARGEST).collect()
}

fn wave(i: usize, step: usize) -> f32 {
    ((i % 10) as f32 * 0.5 + 0.2 * step as f32).sin() * ((i / 10) as f32 * 0.3).cos()
}

/// Small blocks under each kind of promise, with and without holes, and a network.
fn records() -> Vec<Vec<u8>> {
    let values: Vec<f32> = (0..240).map(|i| wave(i, 0)).collect();
    let holes: Vec<f32> = values.iter().enumerate().map(|(i, v)| if i % 7 < 2 { f32::NAN } else { *v }).collect();
    let asked: [&[(&str, &str)]; 4] = [
        &[("accuracy", "1e-3"), ("norm", "Linf"), ("model", "transform")],
        &[("accuracy", "1e-2"), ("model", "transform"), ("effort", "best")],
        &[("ratio", "6"), ("model", "transform")],
        &[("accuracy", "1e-1"), ("model", "siren"), ("iterations", "5"), ("width", "8"), ("blocks", "1")],
    ];
    let encode = |dtype, dims: &[usize], values: &[f32], pairs: &[(&'static str, &'static str)]| {
        let pairs = pairs.iter().copied().chain([("threshold", "1"), ("backend", "cpu")]);
        let block = Block::new(dtype, dims, bytemuck::cast_slice(values)).expect("a block");
        codec::encode(&block, &Settings::from_pairs(pairs).expect("settings"), &Context::default()).expect("a record")
    };
    let both =
        |pairs: &&[_]| [encode(Dtype::F32, &[4, 6, 10], &values, pairs), encode(Dtype::C32, &[12, 10], &holes, pairs)];
    asked.iter().flat_map(both).map(|encoded| encoded.record).collect()
}

/// Of each coder that [`super::targets::entropy`] knows.
fn streams() -> Vec<Vec<u8>> {
    let of = |coder: u8, n: u16, stream: Vec<u8>| [&n.to_le_bytes()[..], &[coder], &stream].concat();
    let integers: Vec<i32> = (0..300).map(|i| (i * i) % 41 - 20).collect();
    let bits: Vec<bool> = (0..640).map(|i| i % 10 < 3).collect();
    let (mut encoder, mut models) = (Encoder::default(), [Bit::default(); 8]);
    for i in 0..200 {
        encoder.bit(&mut models[i % 8], i % 3 == 0);
        encoder.raw(0, i as u32 % 17);
    }
    let (table, mut raw) = (Table::new([1 << 15; 15]), RawBits::default());
    (0..200).for_each(|i| raw.push(0, i % 33));
    let symbols = rans::encode((0..200).rev().map(|i| Step::new(&table, i % 16)), raw);
    vec![
        of(0, 300, encode_integers(&integers)),
        // 640 % 64 = 0 is an empty mask.
        of(1, 640, encode_bits(&[], &[0, 11, 1]).expect("a mask")),
        of(1, 650, encode_bits(&bits[..110], &[10, 11, 1]).expect("a mask")),
        of(2, 200, encoder.finish()),
        of(3, 200, [(1u16 << 15).to_le_bytes().repeat(15), symbols].concat()),
    ]
}

/// Entries with their spares, as a writer appends them.
fn kept(entries: &[(Key, &[u8])], file: &mut Vec<u8>) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = Store::create(folder.path()).expect("a store");
    store.append_kept(entries, |_| true).expect("entries");
    file.extend(&std::fs::read(store.path()).expect("a file")[MAGIC.len()..]);
}

/// A store file with an untrained network over a grid of two axes and one over nodes with coordinates.
fn store(kind: NetworkKind) -> Vec<u8> {
    let shape = SeriesShape { kind, n_space: 2, width: 8, n_blocks: 1, n_channels: 1, time_span: 1 };
    let steps = WeightSteps::of(&shape, &shape.initial_params(1), 6);
    let params = steps.round(&shape, &shape.initial_params(1));
    let certificate = vec![vec![0.0625]; 8];
    let network = SeriesNetwork { shape, n_steps: 8, n_trained: 8, scales: vec![2.0], params, steps, certificate };
    let mut file = MAGIC.to_vec();
    for (series, points) in [(0, None), (1, Some(0))] {
        let promise = Target::Accuracy(Mode::Rel, Norm::L2, 0.1);
        let name = if points.is_some() { "p" } else { "u" };
        let mut facts = Facts::new(name, &[0, 0], &[6, 5], Dtype::F32, promise, points);
        (0..8).for_each(|step| facts.add(step, vec![0.1], vec![]));
        facts.is_finished = true;
        let key = |kind| Key { kind, series, segment: 0 };
        kept(&[(key(Kind::SEGMENT), &facts.encode()), (key(Kind::NETWORK), &network.encode())], &mut file);
    }
    // Axes, bounds of each, coordinates.
    let mut points = vec![2u8];
    [0.0f64, 5.0, 0.0, 4.0].iter().for_each(|bound| points.extend(bound.to_le_bytes()));
    (0..60).for_each(|i| points.extend((wave(i, 0)).to_le_bytes()));
    write_entry(Key { kind: Kind::POINTS, series: 0, segment: 0 }, &points, &mut file).expect("an entry");
    file
}

/// A file of predicted steps.
fn chain(predictor: &str) -> Vec<u8> {
    let pairs =
        [("accuracy", "1e-3"), ("norm", "Linf"), ("threshold", "0"), ("backend", "cpu"), ("predictor", predictor)];
    let settings = Settings::from_pairs(pairs).expect("settings");
    let (mut writer, mut file) = ChainWriter::start(Dtype::F32, 5, &[12, 10], &settings).expect("a file");
    for step in 0..5 {
        let values: Vec<f32> = (0..120).map(|i| wave(i, step)).collect();
        file.extend(writer.push(bytemuck::cast_slice(&values)).expect("a step").0);
    }
    file
}

fn settings() -> Vec<Vec<u8>> {
    let line = |key: &str, value: &str| format!("{key}={value}").into_bytes();
    let all = PARAMETERS.iter().flat_map(|p| [line(p.key, p.default), line(p.key, p.values)]);
    all.chain([b"accuracy=1e-3\nmode=ABS\nnorm=Linf\ntemporal=series\nmemory=2GiB".to_vec()]).collect()
}

fn arrays() -> Vec<Vec<u8>> {
    let array = |descr: &str, fortran: &str, shape: &str, n_bytes: usize| {
        let header = format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': ({shape}), }}\n");
        let start = [&b"\x93NUMPY\x01\x00"[..], &(header.len() as u16).to_le_bytes(), header.as_bytes()].concat();
        start.into_iter().chain((0..n_bytes).map(|i| i as u8)).collect()
    };
    vec![
        array("<f8", "False", "3, 4", 96),
        array(">c8", "True", "2, 3, 2", 96),
        array("|u1", "True", "5,", 5),
        array("<f4", "False", "", 4),
    ]
}
