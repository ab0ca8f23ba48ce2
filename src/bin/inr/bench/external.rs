//! Codecs that this inr does not know: commands with places for files and a bound.

use std::cell::Cell;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use adios2_inr::Target;
use adios2_inr::field::{self, Array};
use anyhow::{Context as _, Result, ensure};
use wait4::Wait4 as _;

use super::codec::{Block, Codec, Control, dtype_of, element_bytes};
use super::method::Cost;
use crate::Usage;

/// A command for the shell that encodes, and one that decodes unless the first one does that too.
pub struct External {
    name: String,
    /// As it was given.
    text: String,
    encode: String,
    decode: Option<String>,
    cost: Cell<Cost>,
}

const FORM: &str =
    "set it to NAME=COMMAND, or NAME=COMMAND ::: COMMAND, with the places {in}, {out}, {decoded} and {bound}";

impl External {
    /// `text`: `NAME=ENCODE` or `NAME=ENCODE ::: DECODE`.
    pub fn new(text: &str) -> Result<External> {
        let wrong = |why: &str| Usage(format!("--external cannot be '{text}': {why}; {FORM}"));
        let (name, commands) = text.split_once('=').ok_or_else(|| wrong("it has no name"))?;
        let (encode, decode) = match commands.split_once(":::") {
            Some((encode, decode)) => (encode.trim(), Some(decode.trim())),
            None => (commands.trim(), None),
        };
        if name.trim().is_empty() || name.contains(char::is_whitespace) {
            return Err(wrong("a name is one word").into());
        }
        if !encode.contains("{in}") || !encode.contains("{out}") {
            return Err(wrong("the command that encodes reads {in} and writes {out}").into());
        }
        if !decode.unwrap_or(encode).contains("{decoded}") {
            return Err(wrong("nothing writes {decoded}").into());
        }
        let (name, encode) = (name.trim().to_owned(), encode.to_owned());
        Ok(External { name, text: text.to_owned(), encode, decode: decode.map(str::to_owned), cost: Cell::default() })
    }

    /// Runs a command for files in `folder`.
    fn run(&self, command: &str, folder: &Path, block: Block, bound: f64) -> Result<()> {
        let file = |name: &str| folder.join(name).to_string_lossy().into_owned();
        let fastest_first: Vec<String> = block.dims.iter().rev().map(usize::to_string).collect();
        let places = [
            ("{in}", file("in")),
            ("{out}", file("out")),
            ("{decoded}", file("decoded")),
            ("{bound}", format!("{bound:e}")),
            ("{rank}", block.dims.len().to_string()),
            ("{dims}", fastest_first.join(" ")),
            ("{dtype}", format!("f{}", 8 * dtype_of(block.values).size())),
        ];
        let line = places.iter().fold(command.to_owned(), |line, (place, text)| line.replace(place, text));
        let started = Instant::now();
        let mut shell = Command::new("sh");
        let shell = shell.args(["-c", &line]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
        let used = shell.spawn().with_context(|| format!("'{line}' could not be started"))?.wait4()?;
        ensure!(used.status.success(), "'{line}' failed with {}", used.status);
        let before = self.cost.get();
        self.cost.set(Cost {
            seconds: before.seconds + started.elapsed().as_secs_f64(),
            peak_bytes: before.peak_bytes.max(used.rusage.maxrss),
        });
        Ok(())
    }

    fn decoded(&self, folder: &Path, like: Block) -> Result<Vec<u8>> {
        let bytes = std::fs::read(folder.join("decoded")).context("{decoded} was not written")?;
        let wanted = like.values.len() * dtype_of(like.values).size();
        ensure!(bytes.len() == wanted, "{{decoded}} has {} bytes instead of {wanted}", bytes.len());
        Ok(bytes)
    }
}

impl Codec for External {
    fn name(&self) -> &str {
        &self.name
    }

    fn command(&self) -> &str {
        &self.text
    }

    fn control(&self, goal: &Target) -> Control {
        if self.encode.contains("{bound}") { Control::by_bound(goal) } else { Control::Lossless }
    }

    /// The stream, and what it decodes to where the same command says so.
    fn encode(&self, block: Block, _: &Target, knob: f64) -> Result<Vec<Vec<u8>>> {
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("in"), element_bytes(block.values))?;
        self.run(&self.encode, folder.path(), block, knob)?;
        let mut parts = vec![std::fs::read(folder.path().join("out")).context("{out} was not written")?];
        if self.decode.is_none() {
            parts.push(self.decoded(folder.path(), block)?);
        }
        Ok(parts)
    }

    fn decode(&self, like: Block, parts: &[Vec<u8>]) -> Result<Array> {
        let found = match (&self.decode, parts) {
            (None, [_, decoded]) => decoded.clone(),
            (Some(command), [stream]) => {
                let folder = tempfile::tempdir()?;
                std::fs::write(folder.path().join("out"), stream)?;
                self.run(command, folder.path(), like, 0.0)?;
                self.decoded(folder.path(), like)?
            }
            _ => anyhow::bail!("its streams are not those that it wrote"),
        };
        Ok(field::values(dtype_of(like.values), 0, &found)?.as_slice().to_array())
    }

    fn n_bytes(&self, parts: &[Vec<u8>]) -> usize {
        parts.first().map_or(0, Vec::len)
    }

    fn take_cost(&self) -> Option<Cost> {
        Some(self.cost.take())
    }

    fn note(&self) -> Option<&'static str> {
        Some(
            "an external command's time is that of the whole command, with its start and its files; a command that encodes and decodes counts as encoding",
        )
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn block() -> (Vec<usize>, Array) {
        (vec![3, 4], Array::F32((0..12).map(|i| i as f32).collect()))
    }

    #[test]
    fn one_command_or_two_store_and_give_back() {
        let (dims, values) = block();
        let block = Block { dims: &dims, values: &values };
        for text in
            ["copy=cp {in} {out}; cp {in} {decoded}", "gzip=gzip -c {in} > {out} ::: gzip -dc {out} > {decoded}"]
        {
            let codec = External::new(text).unwrap();
            assert_eq!(codec.control(&Target::Psnr(60.0)), Control::Lossless);
            let parts = codec.encode(block, &Target::Psnr(60.0), 0.5).unwrap();
            let Array::F32(decoded) = codec.decode(block, &parts).unwrap() else { panic!("another type") };
            assert_eq!(decoded, (0..12).map(|i| i as f32).collect::<Vec<_>>());
            assert!(codec.n_bytes(&parts) > 0 && codec.take_cost().unwrap().seconds > 0.0);
        }
    }

    #[test]
    fn places_are_filled_in() {
        let (dims, values) = block();
        let codec = External::new("say=cp {in} {decoded}; echo {dims} {rank} {dtype} {bound} > {out}").unwrap();
        let parts = codec.encode(Block { dims: &dims, values: &values }, &Target::Psnr(60.0), 0.25).unwrap();
        assert_eq!(parts[0], b"4 3 2 f32 2.5e-1\n");
    }

    #[test]
    fn what_is_missing_or_fails_is_said() {
        for (text, words) in [
            ("cp {in} {out}", "it has no name"),
            ("a=cp {in} x", "writes {out}"),
            ("a=cp {in} {out}", "nothing writes {decoded}"),
        ] {
            let error = External::new(text).err().unwrap().to_string();
            assert!(error.contains(words) && error.contains("NAME=COMMAND"), "{error}");
        }
        let (dims, values) = block();
        let codec = External::new("a=cp {in} {out}; exit 3; {decoded}").unwrap();
        let error = codec.encode(Block { dims: &dims, values: &values }, &Target::Psnr(60.0), 1.0).unwrap_err();
        assert!(error.to_string().contains("failed with exit status: 3"), "{error}");
    }
}
