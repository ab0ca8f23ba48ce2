//! The plugin library as ADIOS2 will load it in this process, and a look at the records that pass through it.
#![expect(unsafe_code, reason = "dynamic loading and C calls")]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::{Error, Result};

const NAME: &str = "libadios2_inr.so";

/// `inr_observe` of `plugin/inr.h`.
type Observe =
    unsafe extern "C" fn(Option<unsafe extern "C" fn(*mut c_void, *const c_void, usize) -> c_int>, *mut c_void);

/// `inr_supply` of `plugin/inr.h`.
type Supply = unsafe extern "C" fn(*const c_void, usize) -> c_int;

/// The plugin library, loaded; stays loaded until the process ends.
#[derive(Debug)]
pub struct Plugin {
    library: libloading::Library,
    /// Where it was found.
    pub path: PathBuf,
}

/// The library that ADIOS2 will load in this process: in a folder of `ADIOS2_PLUGIN_PATH` when that is set; else beside
/// the executable, in `lib` beside its folder or in the wheel `adios2-inr` there, which works because ADIOS2 then asks the loader for
/// the bare name and gets the library that is already loaded.
pub fn plugin_path() -> Option<PathBuf> {
    if let Some(folders) = std::env::var_os("ADIOS2_PLUGIN_PATH").filter(|folders| !folders.is_empty()) {
        return std::env::split_paths(&folders).map(|folder| folder.join(NAME)).find(|path| path.exists());
    }
    let executable = std::env::current_exe().ok()?;
    let folder = executable.parent()?;
    let wheels = super::site_packages(folder.parent()?).map(|packages| packages.join("adios2_inr"));
    let folders = [folder.to_owned(), folder.join("../lib")];
    folders.into_iter().chain(wheels).map(|folder| folder.join(NAME)).find(|path| path.exists())
}

impl Plugin {
    /// Loads the library at [`plugin_path`]; later calls give the same one.
    ///
    /// # Errors
    /// [`Error::File`] that says where it was looked for and what to set.
    pub fn load() -> Result<Arc<Plugin>> {
        static LOADED: OnceLock<Arc<Plugin>> = OnceLock::new();
        if let Some(plugin) = LOADED.get() {
            return Ok(Arc::clone(plugin));
        }
        let path = plugin_path().ok_or_else(|| Error::File {
            path: NAME.into(),
            reason: "the plugin was not found: set ADIOS2_PLUGIN_PATH to its folder".into(),
        })?;
        let plugin = Arc::new(Plugin::open(&path)?);
        Ok(Arc::clone(LOADED.get_or_init(|| plugin)))
    }

    /// Loads a plugin library and checks that it is one.
    ///
    /// # Errors
    /// [`Error::File`] with the loader's reason, or when it is another version than this program.
    pub fn open(path: &Path) -> Result<Plugin> {
        let failed = |reason: String| Error::File { path: path.display().to_string(), reason };
        // SAFETY: our own library; its initialisers have no preconditions.
        let library =
            unsafe { libloading::Library::new(path) }.map_err(|e| failed(format!("cannot be loaded: {e}")))?;
        let plugin = Plugin { library, path: path.to_owned() };
        for symbol in [c"OperatorCreate", c"OperatorDestroy", c"inr_observe", c"inr_supply"] {
            // SAFETY: only looked up, not used under this type.
            let found = unsafe { plugin.library.get::<*const c_void>(symbol.to_bytes_with_nul()) };
            found.map_err(|_| failed(format!("is not adios2-inr's plugin: it lacks {}", symbol.to_string_lossy())))?;
        }
        let version = plugin.version();
        if version != env!("CARGO_PKG_VERSION") {
            let own = env!("CARGO_PKG_VERSION");
            return Err(failed(format!("is version {version} but inr is {own}: point ADIOS2_PLUGIN_PATH to that one")));
        }
        Ok(plugin)
    }

    /// Its version.
    pub fn version(&self) -> String {
        // SAFETY: the type is the one of inr.h.
        let function = unsafe { self.library.get::<unsafe extern "C" fn() -> *const c_char>(b"inr_version\0") };
        let Ok(function) = function else { return "unknown".into() };
        // SAFETY: never null, terminated, never freed (inr.h).
        unsafe { CStr::from_ptr(function()) }.to_string_lossy().into_owned()
    }

    /// Runs `work`, which hands one block to the operator on this thread; what is stored for it is `record`.
    ///
    /// # Errors
    /// What `work` reports; [`Error::Internal`] when the operator was not asked.
    pub fn supply<T>(&self, record: &[u8], work: impl FnOnce() -> Result<T>) -> Result<T> {
        let failed = || Error::Internal("the operator did not take a finished record".into());
        // SAFETY: the type is the one of inr.h.
        let supply = unsafe { self.library.get::<Supply>(b"inr_supply\0") }.map_err(|_| failed())?;
        // SAFETY: a slice; the plugin copies it.
        unsafe { supply(record.as_ptr().cast(), record.len()) };
        let done = work();
        // SAFETY: null takes back what was not used.
        let is_unused = unsafe { supply(std::ptr::null(), 0) } != 0;
        done.and_then(|done| if is_unused { Err(failed()) } else { Ok(done) })
    }

    /// Runs `work` while every record that reaches the plugin is shown to `observe`; they are not decoded.
    pub(super) fn observe<T>(&self, observe: &mut (dyn FnMut(&[u8]) + Send), work: impl FnOnce() -> T) -> T {
        type Shared<'a> = Mutex<&'a mut (dyn FnMut(&[u8]) + Send)>;
        unsafe extern "C" fn show(user: *mut c_void, record: *const c_void, n_bytes: usize) -> c_int {
            // SAFETY: `user` is the mutex below, alive until the observer is taken away.
            let shared = unsafe { &*user.cast::<Shared>() };
            let record = match n_bytes {
                0 => &[],
                // SAFETY: the plugin passes the record it was given, for the time of this call.
                _ => unsafe { std::slice::from_raw_parts(record.cast::<u8>(), n_bytes) },
            };
            let shown = std::panic::AssertUnwindSafe(|| shared.lock().unwrap_or_else(PoisonError::into_inner)(record));
            // A panic must not run into the C++ frames of the caller; the record then stays unseen.
            let _ = std::panic::catch_unwind(shown);
            1
        }
        // One observer per process: others wait.
        static ONE: Mutex<()> = Mutex::new(());
        let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: the type is the one of inr.h.
        let install = unsafe { self.library.get::<Observe>(b"inr_observe\0") };
        let Ok(install) = install else { return work() };
        /// Takes the observer away, after a panic in `work` too.
        struct Away(Observe);
        impl Drop for Away {
            fn drop(&mut self) {
                // SAFETY: null is allowed; when this returns, no call is under way.
                unsafe { (self.0)(None, std::ptr::null_mut()) };
            }
        }
        let mut shared: Shared = Mutex::new(observe);
        // SAFETY: `shared` outlives the observer, which `Away` takes away before this function returns.
        unsafe { install(Some(show), std::ptr::from_mut(&mut shared).cast()) };
        let _away = Away(*install);
        work()
    }
}
