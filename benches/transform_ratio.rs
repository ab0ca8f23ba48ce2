//! Sizes and seconds of the transform coder: `cargo bench --bench transform_ratio -- FILE.npy...`
//!
//! Per file and goal one JSON line. Files are float32 in C order; a companion `NAME.mask.npy` (bool, true = counts) masks
//! points, which the file itself must then have filled with something smooth.

use adios2_inr::transform::{Goal, Input, Known, decode, encode};
use adios2_inr::{Dtype, Finish};
use std::path::Path;
use std::time::Instant;

/// Shape and raw elements of a version-1 or -2 `.npy` file.
fn npy(path: &Path) -> std::io::Result<(Vec<usize>, Vec<u8>)> {
    let bytes = std::fs::read(path)?;
    let (start, length) = match bytes[6] {
        1 => (10, usize::from(u16::from_le_bytes([bytes[8], bytes[9]]))),
        _ => (12, u32::from_le_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]) as usize),
    };
    let head = String::from_utf8_lossy(&bytes[start..start + length]).into_owned();
    let shape = head.split('(').nth(1).and_then(|s| s.split(')').next()).unwrap_or("");
    let dims = shape.split(',').filter_map(|n| n.trim().parse().ok()).collect();
    Ok((dims, bytes[start + length..].to_vec()))
}

/// CPU seconds of all threads where the system tells them (Linux), else wall-clock seconds.
fn seconds(start: Instant) -> f64 {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return start.elapsed().as_secs_f64() };
    let nanoseconds = tasks.filter_map(|task| {
        let text = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    });
    nanoseconds.sum::<f64>() * 1e-9
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    if arguments.is_empty() {
        println!("give .npy files of float32 to measure");
        return Ok(());
    }
    for path in arguments.iter().map(Path::new) {
        let (dims, bytes) = npy(path)?;
        let dims: Vec<usize> = dims.into_iter().filter(|&n| n > 1).collect();
        let values: Vec<f64> =
            bytes.chunks_exact(4).map(|b| f64::from(f32::from_le_bytes(b.try_into().unwrap()))).collect();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().replace(".filled", "");
        let mask = npy(&path.with_file_name(format!("{stem}.mask.npy"))).ok();
        let mask: Option<Vec<bool>> = mask.map(|(_, bytes)| bytes.iter().map(|&b| b != 0).collect());
        measure(&stem, &values, &dims, mask.as_deref())?;
    }
    Ok(())
}

fn measure(
    name: &str,
    values: &[f64],
    dims: &[usize],
    mask: Option<&[bool]>,
) -> Result<(), Box<dyn std::error::Error>> {
    let counted = || values.iter().enumerate().filter(|(i, _)| mask.is_none_or(|m| m[*i])).map(|(_, &v)| v);
    let (min, max) = counted().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
    let norm = counted().map(|v| v * v).sum::<f64>().sqrt();
    let finish = Finish { dtype: Dtype::F32, min, max };
    let input = Input { values, dims, mask, finish, base: None, prediction: None };
    let linf = [1e-1, 1e-2, 1e-3, 1e-4].map(|e| ("Linf", e, Goal::Linf(e * (max - min))));
    let l2 = [5e-2, 1e-2, 1e-3].map(|e| ("L2", e, Goal::L2(e * norm)));
    for (label, e, goal) in linf.into_iter().chain(l2) {
        let clock = Instant::now();
        let start = seconds(clock);
        let Some(output) = encode(&input, goal)? else {
            println!("{{\"data\": \"{name}\", \"goal\": \"{label}\", \"e\": {e}, \"bytes\": null}}");
            continue;
        };
        let encoded = seconds(clock) - start;
        let start = seconds(clock);
        let decoded = decode(&output.payload, dims, finish, Known::default())?;
        let decode_seconds = seconds(clock) - start;
        assert!(decoded.iter().zip(&output.values).all(|(a, b)| a.to_bits() == b.to_bits()), "decode differs");
        let errors = || values.iter().zip(&decoded).enumerate().filter(|(i, _)| mask.is_none_or(|m| m[*i]));
        let worst = errors().fold(0.0f64, |m, (_, (a, b))| m.max((a - b).abs())) / (max - min);
        let l2 = errors().map(|(_, (a, b))| (a - b).powi(2)).sum::<f64>().sqrt() / norm;
        println!(
            "{{\"data\": \"{name}\", \"goal\": \"{label}\", \"e\": {e}, \"codec\": \"ours\", \"bytes\": {}, \"linf\": {worst:.6e}, \
             \"l2\": {l2:.6e}, \"enc\": {encoded:.4}, \"dec\": {decode_seconds:.4}, \"kind\": \"{}\"}}",
            output.payload.len(),
            output.kind
        );
    }
    Ok(())
}
