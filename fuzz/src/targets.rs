//! What is done with hostile bytes, one function per way into the product. An error is an answer; a panic, more memory than the
//! limit or an endless loop is a find. Checksums are made right first, or nothing would get past them.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use adios2_inr::codec::{self, Networks as _, Place};
use adios2_inr::entropy::rans::{self, Plain, Table};
use adios2_inr::entropy::{Bit, Decoder, decode_bits, decode_integers};
use adios2_inr::session::{self, ChainReader, SeriesField, StoredNetworks};
use adios2_inr::store::{self, Contents, Kind};
use adios2_inr::{Error, Settings, npy};

/// Largest block that a record may ask room for.
const LIMIT: u64 = 1 << 20;
/// Bytes of a record, a store file's start and an entry's head before what their checksums are about.
const RECORD_HEAD: usize = 8;
const STORE_HEAD: usize = 8;
const ENTRY_HEAD: usize = 12;

/// Reads hostile bytes.
pub type Target = fn(&[u8]);

/// Names and functions.
pub const TARGETS: [(&str, Target); 6] = [
    ("record", record),
    ("entropy", entropy),
    ("store", networks),
    ("chain", chain),
    ("settings", settings),
    ("npy", npy_file),
];

/// Records that stand alone.
pub fn record(data: &[u8]) {
    let mut record = data.to_vec();
    seal_record(&mut record);
    let _ = answered(codec::inspect(&record));
    let _ = answered(codec::fill_of(&record));
    if let Some(decoded) = answered(codec::decode_within(&record, LIMIT)) {
        assert!(decoded.bytes.len() as u64 <= LIMIT, "more than the limit");
    }
}

/// Streams of the coders: two bytes say how many values, one which coder.
pub fn entropy(data: &[u8]) {
    let Some((&[low, high, coder], stream)) = data.split_first_chunk::<3>() else { return };
    let n = usize::from(u16::from_le_bytes([low, high]));
    match coder % 4 {
        0 => _ = answered(decode_integers(stream, n)),
        1 => _ = answered(decode_bits(stream, &[n % 64, 1 + n / 64 % 32, 1 + n / 2048])),
        2 => {
            let (mut decoder, mut models) = (Decoder::new(stream), [Bit::default(); 8]);
            for i in 0..n {
                decoder.bit(&mut models[i % 8]);
                decoder.raw(i as u32 % 17);
            }
            let _ = answered(decoder.finish());
        }
        _ => symbols(stream, n),
    }
}

/// Of a table made of the first bytes, and raw bits.
fn symbols(bytes: &[u8], n: usize) {
    let Some((chances, stream)) = bytes.split_first_chunk::<30>() else { return };
    let table = Table::new(std::array::from_fn(|k| u16::from_le_bytes([chances[2 * k], chances[2 * k + 1]])));
    let Some(mut decoder) = answered(rans::Decoder::new(stream)) else { return };
    for i in 0..n {
        assert!(decoder.symbol::<Plain>(&table) < rans::N_SYMBOLS);
        decoder.raw(i as u32 % 33);
    }
    let _ = answered(decoder.finish());
}

/// Model stores: what people are told of them, networks as records refer to them, fields that are asked.
pub fn networks(data: &[u8]) {
    let mut file = data.to_vec();
    seal_store(&mut file);
    let _ = answered(Contents::parse(data.to_vec()));
    let Some(contents) = answered(Contents::parse(file.clone())) else { return };
    // A number of its own for each file: what was read is kept by its path.
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    let path = store::path(folder(), id);
    write(&path, &file);
    let _ = answered(session::survey_file(&path, id));
    let dataset = folder().to_string_lossy().into_owned();
    for key in contents.keys().filter(|key| key.kind == Kind::NETWORK) {
        let place = Place { store: id, series: key.series, segment: key.segment, step: 0 };
        let _ = answered(StoredNetworks { dataset: &dataset }.segment(&place));
    }
    for variable in answered(SeriesField::variables(folder())).unwrap_or_default() {
        if let Some(field) = answered(SeriesField::open(folder(), &variable)) {
            ask(&field);
        }
    }
    let _ = std::fs::remove_file(path);
}

fn ask(field: &SeriesField) {
    let (first, last) = field.steps();
    let corners =
        [0.0, 0.5, 1.0].map(|part| field.bounds().iter().map(|(a, b)| a + part * (b - a)).collect::<Vec<_>>());
    for time in [first as f64, 0.5 * (first as f64 + last as f64), last as f64] {
        let _ = answered(field.evaluate(time, &corners.concat(), true));
    }
}

/// Files of predicted steps, as `inr decode` reads them.
pub fn chain(data: &[u8]) {
    let mut file = data.to_vec();
    seal_store(&mut file);
    let path = folder().join("steps.inr");
    write(&path, &file);
    let Some(reader) = answered(ChainReader::open(&path)) else { return };
    if answered(reader.array().step_bytes()).is_none_or(|n| n as u64 > LIMIT) {
        return;
    }
    for step in (0..reader.array().n_steps).take(8) {
        let _ = answered(reader.decode(step));
    }
}

/// Parameters: a line each, `key=value`.
pub fn settings(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let pairs = text.lines().map(|line| line.split_once('=').unwrap_or((line, "")));
    let _ = answered(Settings::from_pairs(pairs));
}

/// NumPy's files, whole and step by step.
pub fn npy_file(data: &[u8]) {
    let path = folder().join("array.npy");
    write(&path, data);
    let whole = answered(npy::read(&path));
    let Some(mut steps) = answered(npy::Steps::open(&path)) else { return };
    let n_steps = steps.dims.first().copied().unwrap_or(1).min(8);
    let read = (0..n_steps).map_while(|_| answered(steps.read_next())).flatten().collect::<Vec<u8>>();
    if let Some(whole) = whole {
        assert!(whole.bytes.starts_with(&read), "step by step it reads other bytes");
    }
}

/// An answer; an error has to say something and to blame the bytes.
fn answered<T>(answer: Result<T, Error>) -> Option<T> {
    let refused = |error: &Error| {
        assert!(!matches!(error, Error::Internal(_)) && !error.to_string().is_empty(), "{error:?}");
    };
    answer.inspect_err(refused).ok()
}

/// Where files stay in memory, if the system has such a folder.
pub fn memory() -> PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() }
}

/// Files of this process.
fn folder() -> &'static Path {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
        let folder = memory().join(format!("inr-fuzz-{}", std::process::id()));
        std::fs::create_dir_all(folder.join(store::FOLDER)).expect("a folder");
        folder
    });
    &FOLDER
}

/// Forgets the files of this process.
pub fn clear() {
    let _ = std::fs::remove_dir_all(folder());
}

/// A new file in its place, as a copy would be.
fn write(path: &Path, bytes: &[u8]) {
    let draft = folder().join("draft");
    std::fs::write(&draft, bytes).expect("a file");
    std::fs::rename(&draft, path).expect("its name");
}

/// Makes the checksum of a record right.
fn seal_record(record: &mut [u8]) {
    if let Some((head, body)) = record.split_at_mut_checked(RECORD_HEAD) {
        head[4..].copy_from_slice(&crc32c::crc32c(body).to_le_bytes());
    }
}

/// Makes the checksums of all entries right, and lengths that lead behind the end; those of records in steps too.
fn seal_store(file: &mut [u8]) {
    let mut rest = file.get_mut(STORE_HEAD..).unwrap_or_default();
    while let Some((head, behind)) = rest.split_at_mut_checked(ENTRY_HEAD) {
        let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let (body, next) = behind.split_at_mut(length.min(behind.len()));
        if body.first() == Some(&Kind::STEP.0)
            && let Some(at) = body.windows(3).take(24).position(|bytes| bytes == b"INR")
        {
            seal_record(&mut body[at..]);
        }
        head[..4].copy_from_slice(&(body.len() as u32).to_le_bytes());
        head[4..8].copy_from_slice(&crc32c::crc32c(body).to_le_bytes());
        let checksum = crc32c::crc32c(&head[..8]);
        head[8..].copy_from_slice(&checksum.to_le_bytes());
        rest = next;
    }
}
