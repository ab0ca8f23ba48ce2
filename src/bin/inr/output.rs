//! Files that appear whole or not at all.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use anyhow::{Context as _, Result};

/// The temporary file being written, removed by the interrupt handler.
static IN_PROGRESS: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Ctrl-C, SIGTERM and SIGHUP remove the file in progress and end with exit code 130.
pub fn clean_up_on_interrupt() {
    // Without a handler the default action ends the program too; at worst a temporary file stays.
    let _ = ctrlc::set_handler(|| {
        if let Some(path) = IN_PROGRESS.lock().ok().and_then(|mut p| p.take()) {
            let _ = std::fs::remove_file(path);
        }
        std::process::exit(130);
    });
}

/// Writes a file through a temporary one in the same folder, renamed when `fill` is done. What is there and no file (a pipe,
/// /dev/null) is written to as it is.
pub fn write_whole(path: &Path, fill: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
    let is_device = std::fs::metadata(path).is_ok_and(|there| !there.is_file() && !there.is_dir());
    let written = if is_device { write_through(path, fill) } else { write_and_rename(path, fill) };
    // What went wrong with the contents says so itself.
    let cannot = || format!("{}: cannot be written", path.display());
    written.map_err(|error| if error.is::<std::io::Error>() { error.context(cannot()) } else { error })
}

/// A rename would put a file in its place.
fn write_through(path: &Path, fill: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
    let mut writer = std::io::BufWriter::new(std::fs::OpenOptions::new().write(true).open(path)?);
    fill(&mut writer)?;
    Ok(writer.flush()?)
}

fn write_and_rename(path: &Path, fill: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
    let folder = match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    };
    let name = path.file_name().with_context(|| format!("{}: is not a file name", path.display()))?;
    let mut builder = tempfile::Builder::new();
    let prefix = format!(".{}.", name.to_string_lossy());
    builder.prefix(&prefix).suffix(".part");
    #[cfg(unix)]
    {
        // tempfile asks for 0600; the umask cuts this down to what a plain create would give.
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let file = builder.tempfile_in(folder)?;
    remember(Some(file.path().to_owned()));
    let result: Result<()> = (|| {
        let mut writer = std::io::BufWriter::new(file);
        fill(&mut writer)?;
        let file = writer.into_inner().map_err(|e| e.into_error())?;
        file.persist(path).map_err(|e| e.error)?;
        Ok(())
    })();
    remember(None);
    result
}

fn remember(path: Option<PathBuf>) {
    if let Ok(mut slot) = IN_PROGRESS.lock() {
        *slot = path;
    }
}
