//! An open store file and the path that it is to stand at.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::draft::Draft;
use super::entry::{Key, MAGIC, check_magic};
use super::index::{Index, Seen, read_at, scan, write_at};
use super::lock::{self, Hold, Part};
use crate::Result;

/// See the module.
#[derive(Debug)]
pub struct Place {
    pub path: PathBuf,
    pub file: File,
    /// Where whole entries end, as far as this process knows.
    pub end: u64,
}

impl Place {
    /// A file with these bytes, in place of what stood at `path`: readers see the old file or the whole new one.
    ///
    /// # Errors
    /// [`crate::Error::File`].
    pub fn new(path: PathBuf, bytes: &[u8], hold: Hold) -> Result<Place> {
        let draft = path.with_extension("tmp");
        let make = || {
            make_folder(&path)?;
            let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&draft)?;
            // Some file systems have no locks; they only keep `inr finalize` from a file that is still written.
            let _ = lock::set(&file, Part::InUse, hold);
            file.write_all(bytes)?;
            fs::rename(&draft, &path)?;
            Ok(file)
        };
        let file = make().map_err(|e| super::failure(&path, &e))?;
        Ok(Place { path, file, end: bytes.len() as u64 })
    }

    /// The file at `path`, perhaps a new and empty one, in use together with other processes.
    ///
    /// # Errors
    /// [`crate::Error::File`], also when a process has it for itself.
    pub fn shared(path: PathBuf) -> Result<Place> {
        let opened = open(&path).and_then(|file| {
            // Others look for a moment whether it is in use.
            for _ in 0..50 {
                if lock::set(&file, Part::InUse, Hold::Shared)? {
                    return Ok(file);
                }
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(std::io::Error::new(ErrorKind::WouldBlock, "another process has it for itself"))
        });
        let file = opened.map_err(|e| super::failure(&path, &e))?;
        Ok(Place { path, file, end: MAGIC.len() as u64 })
    }

    /// As [`Self::shared`], but only where other processes use it so; `None` for anything else.
    pub fn in_use(path: PathBuf) -> Option<Place> {
        let file = OpenOptions::new().read(true).write(true).open(&path).ok()?;
        let is_free = lock::set(&file, Part::InUse, Hold::Alone).ok()?;
        let is_shared = !is_free && lock::set(&file, Part::InUse, Hold::Shared).ok()?;
        is_shared.then_some(Place { path, file, end: MAGIC.len() as u64 })
    }

    /// Waits until nobody else appends and a file stands there, which may be another one by then, and starts it ([`Self::start`]).
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn await_turn(mut self) -> Result<Place> {
        loop {
            lock::await_turn(&self.file).map_err(|e| super::failure(&self.path, &e))?;
            if super::is_at(&self.file, &self.path, 0) {
                return self.start();
            }
            self = Place::shared(self.path)?;
        }
    }

    /// Gives an empty file its first bytes and checks those of another.
    ///
    /// # Errors
    /// [`crate::Error::File`], [`crate::Error::Version`], [`crate::Error::Corrupt`].
    pub fn start(self) -> Result<Place> {
        let failure = |e| super::failure(&self.path, &e);
        let mut magic = [0; MAGIC.len()];
        match read_at(&self.file, 0, &mut magic).map_err(failure)? {
            0 => write_at(&self.file, 0, &MAGIC).map_err(failure)?,
            n => check_magic(&magic[..n])?,
        }
        Ok(self)
    }

    /// True when the path still leads to the file and all its bytes are there.
    pub fn is_current(&self) -> bool {
        super::is_at(&self.file, &self.path, self.end)
    }

    /// The file as a reader sees it, be it removed.
    ///
    /// # Errors
    /// As [`Index::of`].
    pub fn index(&self) -> Result<Index> {
        Index::of(self.file.try_clone().map_err(|e| super::failure(&self.path, &e))?, &self.path)
    }

    /// Passes over what others have appended; what is unfinished goes with the next that is, for nobody writes it any more.
    ///
    /// # Errors
    /// [`crate::Error::File`].
    pub fn catch_up(&mut self, mut see: impl FnMut(Key, Range<u64>)) -> Result<()> {
        let see = |seen| {
            if let Seen::Entry(key, span) = seen {
                see(key, span);
            }
        };
        self.end = scan(&self.file, self.end, see).map_err(|e| super::failure(&self.path, &e))?;
        Ok(())
    }

    /// Writes what was made for its end.
    ///
    /// # Errors
    /// [`crate::Error::File`]; the file is as it was.
    pub fn append(&mut self, draft: &Draft) -> Result<()> {
        if draft.bytes.is_empty() {
            return Ok(());
        }
        // What a killed process left, if anything.
        let written = self.file.set_len(self.end).and_then(|()| write_at(&self.file, self.end, &draft.bytes));
        if let Err(e) = written {
            // Half an entry would hide what is appended behind it.
            let _ = self.file.set_len(self.end);
            return Err(super::failure(&self.path, &e));
        }
        self.end = draft.end();
        Ok(())
    }
}

/// Opens a file for reading and writing that is made if there is none.
///
/// # Errors
/// Of the file system.
pub fn open(path: &Path) -> std::io::Result<File> {
    make_folder(path)?;
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

fn make_folder(path: &Path) -> std::io::Result<()> {
    match path.parent().filter(|folder| !folder.is_dir()).map(fs::create_dir) {
        Some(Err(e)) if e.kind() != ErrorKind::AlreadyExists => Err(e),
        _ => Ok(()),
    }
}
