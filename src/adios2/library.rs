//! Finds and loads ADIOS2's C library.
#![expect(unsafe_code, reason = "dynamic loading and C calls")]

use std::ffi::{CString, c_char, c_int};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::{ptr, slice};

use super::bindings::{self as c, Adios2C};
use crate::{Error, Result};

const NAME: &str = "libadios2_c.so";

/// ADIOS2's C library, loaded; stays loaded until the process ends.
pub struct Library {
    pub(super) api: Adios2C,
    /// Where it was found.
    pub path: PathBuf,
}

impl std::fmt::Debug for Library {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Library").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Library {
    /// Loads the first of [`candidates`] that is there; later calls give the same library.
    ///
    /// # Errors
    /// [`Error::File`] that says what was looked for and what to install.
    pub fn load() -> Result<Arc<Library>> {
        static LOADED: OnceLock<Arc<Library>> = OnceLock::new();
        if let Some(library) = LOADED.get() {
            return Ok(Arc::clone(library));
        }
        let mut reasons = Vec::new();
        for path in candidates().into_iter().chain(from_python()) {
            // A bare name is for the loader's own search.
            if path.components().count() > 1 && !path.exists() {
                continue;
            }
            // SAFETY: ADIOS2's C library; its initialisers have no preconditions.
            match unsafe { Adios2C::new(&path) } {
                Ok(api) => return Ok(Arc::clone(LOADED.get_or_init(|| Arc::new(Library { api, path })))),
                Err(error) => reasons.push(format!("{}: {error}", path.display())),
            }
        }
        Err(Error::File {
            path: NAME.into(),
            reason: format!(
                "ADIOS2's C library was not found: install ADIOS2 2.12 or newer (`pip install adios2` has it) or set \
                 ADIOS2_DIR to its prefix (tried: {})",
                reasons.join("; ")
            ),
        })
    }

    /// Turns a status of the C API into an error; ADIOS2 has written the details to stderr.
    pub(super) fn check(&self, status: c_int, path: &Path, what: &str) -> Result<()> {
        if status == 0 {
            return Ok(());
        }
        Err(failed(path, &format!("ADIOS2 could not {what} (its own message is on stderr)")))
    }

    /// The handles that `inquire` gives for an `io`.
    ///
    /// # Errors
    /// [`Error::File`].
    ///
    /// # Safety
    /// `inquire` is one of the C API's functions that list what an IO has, and `io` is alive.
    pub(super) unsafe fn all<T>(
        &self,
        inquire: unsafe extern "C" fn(*mut *mut *mut T, *mut usize, *mut c::adios2_io) -> c::adios2_error,
        io: *mut c::adios2_io,
        (path, what): (&Path, &str),
    ) -> Result<Vec<*mut T>> {
        let (mut handles, mut n) = (ptr::null_mut(), 0);
        // SAFETY: live handle; both outputs are ours.
        self.check(unsafe { inquire(&mut handles, &mut n, io) } as i32, path, what)?;
        if handles.is_null() {
            return Ok(Vec::new());
        }
        // SAFETY: ADIOS2 gives `n` handles in memory from malloc.
        let all = unsafe { slice::from_raw_parts(handles, n) }.to_vec();
        // SAFETY: as above; not used again.
        unsafe { libc::free(handles.cast()) };
        Ok(all)
    }

    /// The name that `get` gives for a handle.
    ///
    /// # Errors
    /// [`Error::File`].
    ///
    /// # Safety
    /// `get` is one of the C API's functions that copy a name, and `handle` is alive.
    pub(super) unsafe fn name<T>(
        &self,
        get: unsafe extern "C" fn(*mut c_char, *mut usize, *const T) -> c::adios2_error,
        handle: *const T,
        (path, what): (&Path, &str),
    ) -> Result<String> {
        let mut n = 0;
        // SAFETY: a live handle, outputs of ours; a null name asks for its length.
        self.check(unsafe { get(ptr::null_mut(), &mut n, handle) } as i32, path, what)?;
        let mut name = vec![0u8; n];
        // SAFETY: room for the length just asked for.
        self.check(unsafe { get(name.as_mut_ptr().cast(), &mut n, handle) } as i32, path, what)?;
        Ok(String::from_utf8_lossy(&name).into_owned())
    }
}

/// [`Error::File`] about a dataset.
pub(super) fn failed(path: &Path, reason: &str) -> Error {
    Error::File { path: path.display().to_string(), reason: reason.into() }
}

/// `text` for C.
pub(super) fn c_string(text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| Error::File { path: text.into(), reason: "the name holds a NUL character".into() })
}

/// Where the library is looked for, in this order: `ADIOS2_DIR`, `adios2-config`, a `.venv` beside the working directory
/// or the executable, the Python environment the executable was installed in, `lib` beside the executable's folder, where the build
/// found ADIOS2, the loader's own search.
/// [`Library::load`] asks `python3` last.
pub fn candidates() -> Vec<PathBuf> {
    let mut found = Vec::new();
    if let Some(dir) = std::env::var_os("ADIOS2_DIR").map(PathBuf::from) {
        // A prefix, the wheel's package folder, or CMake's lib/cmake/adios2.
        found.extend(["lib", "lib64", "", "../.."].map(|sub| dir.join(sub).join(NAME)));
    }
    if let Ok(flags) = Command::new("adios2-config").arg("--c-libs").output() {
        let flags = String::from_utf8_lossy(&flags.stdout).into_owned();
        let folders =
            flags.split_whitespace().map(|flag| flag.trim_start_matches("-Wl,-rpath,").trim_start_matches("-L"));
        found.extend(folders.filter(|f| f.starts_with('/')).map(|f| match f.ends_with(".so") {
            true => Path::new(f).with_file_name(NAME),
            false => Path::new(f).join(NAME),
        }));
    }
    let executable = std::env::current_exe().unwrap_or_default();
    let working = std::env::current_dir().unwrap_or_default();
    for folder in std::iter::once(working.as_path()).chain(executable.ancestors().skip(1)) {
        found.extend(wheel(&folder.join(".venv")));
    }
    if let Some(prefix) = executable.ancestors().nth(2) {
        found.extend(wheel(prefix));
        found.push(prefix.join("lib").join(NAME));
    }
    // Where the build found ADIOS2.
    if let Some(package) = Path::new(env!("INR_ADIOS2_INCLUDE")).parent() {
        found.extend(["", "lib", "lib64"].map(|sub| package.join(sub).join(NAME)));
    }
    found.push(NAME.into());
    found
}

/// The library in the adios2 wheel of a virtual environment or another Python prefix.
fn wheel(prefix: &Path) -> impl Iterator<Item = PathBuf> {
    super::site_packages(prefix).map(|folder| folder.join("adios2").join(NAME))
}

fn from_python() -> Option<PathBuf> {
    let script = "import importlib.util as u; print(u.find_spec('adios2').submodule_search_locations[0])";
    let run = Command::new("python3").args(["-c", script]).output().ok().filter(|run| run.status.success())?;
    Some(Path::new(String::from_utf8_lossy(&run.stdout).trim()).join(NAME))
}
