//! Event files that TensorBoard reads: length-framed protocol buffers with masked CRC-32C.
//!
//! The messages are the parts of tensorflow/core/util/event.proto and framework/summary.proto that scalars and pictures need.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use prost::Message;

#[derive(Clone, PartialEq, Message)]
struct Event {
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(string, optional, tag = "3")]
    file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    summary: Option<EventSummary>,
}

#[derive(Clone, PartialEq, Message)]
struct EventSummary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<EventValue>,
}

#[derive(Clone, PartialEq, Message)]
struct EventValue {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
    #[prost(message, optional, tag = "4")]
    image: Option<EventImage>,
}

#[derive(Clone, PartialEq, Message)]
struct EventImage {
    #[prost(int32, tag = "1")]
    height: i32,
    #[prost(int32, tag = "2")]
    width: i32,
    /// 3: RGB.
    #[prost(int32, tag = "3")]
    colorspace: i32,
    /// PNG.
    #[prost(bytes = "vec", tag = "4")]
    encoded_image_string: Vec<u8>,
}

/// An event file being written.
pub struct Events {
    file: BufWriter<File>,
}

impl Events {
    /// Starts the only event file of `folder`; one from before is replaced.
    pub fn create(folder: &Path) -> Result<Events> {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.file_name().is_some_and(|n| n.to_string_lossy().starts_with("events.out.tfevents.")) {
                std::fs::remove_file(&path)?;
            }
        }
        let path = folder.join(format!("events.out.tfevents.{}.inr", now() as u64));
        let file = File::create(&path).with_context(|| path.display().to_string())?;
        let mut events = Events { file: BufWriter::new(file) };
        events.write(Event { wall_time: now(), file_version: Some("brain.Event:2".into()), ..Event::default() })?;
        Ok(events)
    }

    /// Adds numbers under their tags.
    pub fn scalars(&mut self, step: usize, values: &[(String, f64)]) -> Result<()> {
        let value = |(tag, x): &(String, f64)| EventValue {
            tag: tag.clone(),
            simple_value: Some(*x as f32),
            ..EventValue::default()
        };
        self.values(step, values.iter().map(value).collect())
    }

    /// Adds a picture.
    pub fn image(&mut self, step: usize, tag: &str, (width, height): (u32, u32), png: Vec<u8>) -> Result<()> {
        let image = EventImage { height: height as i32, width: width as i32, colorspace: 3, encoded_image_string: png };
        self.values(step, vec![EventValue { tag: tag.into(), image: Some(image), ..EventValue::default() }])
    }

    fn values(&mut self, step: usize, value: Vec<EventValue>) -> Result<()> {
        let summary = Some(EventSummary { value });
        self.write(Event { wall_time: now(), step: step as i64, summary, ..Event::default() })
    }

    /// Length, its checksum, bytes, their checksum; whole records reach the file at once.
    fn write(&mut self, event: Event) -> Result<()> {
        let bytes = event.encode_to_vec();
        let length = (bytes.len() as u64).to_le_bytes();
        self.file.write_all(&length)?;
        self.file.write_all(&masked_crc(&length).to_le_bytes())?;
        self.file.write_all(&bytes)?;
        self.file.write_all(&masked_crc(&bytes).to_le_bytes())?;
        Ok(self.file.flush()?)
    }
}

/// TFRecord's checksum: rotated and shifted, so that checksums of checksums do not cancel.
fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_back_record_by_record() {
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            let mut events = Events::create(folder.path()).unwrap();
            events.scalars(7, &[("loss/now".into(), 0.25), ("loss/past".into(), 0.5)]).unwrap();
            events.image(8, "slices", (2, 1), vec![1, 2, 3]).unwrap();
        }
        let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().path()).collect();
        assert_eq!(files.len(), 1, "an earlier event file is replaced");
        let bytes = std::fs::read(&files[0]).unwrap();
        let (mut rest, mut events) = (&bytes[..], Vec::new());
        while !rest.is_empty() {
            let (length, after) = rest.split_at(12);
            let n = u64::from_le_bytes(length[..8].try_into().unwrap()) as usize;
            assert_eq!(masked_crc(&length[..8]).to_le_bytes(), length[8..]);
            assert_eq!(masked_crc(&after[..n]).to_le_bytes(), after[n..n + 4]);
            events.push(Event::decode(&after[..n]).unwrap());
            rest = &after[n + 4..];
        }
        assert_eq!(events[0].file_version.as_deref(), Some("brain.Event:2"));
        let summary = events[1].summary.as_ref().unwrap();
        assert_eq!((events[1].step, summary.value[1].tag.as_str()), (7, "loss/past"));
        assert_eq!(summary.value[0].simple_value, Some(0.25));
        assert_eq!(events[2].summary.as_ref().unwrap().value[0].image.as_ref().unwrap().width, 2);
    }
}
