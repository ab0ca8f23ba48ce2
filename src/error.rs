//! The one error type: every variant is a condition with its numbers and what to do about it.

/// Result with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong in the library; messages are sentences for the user.
#[derive(Debug, thiserror::Error, Clone, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// A parameter key that does not exist.
    #[error("unknown parameter '{key}': did you mean '{nearest}'?")]
    UnknownKey {
        /// The key as given.
        key: String,
        /// The existing key with the smallest edit distance.
        nearest: &'static str,
    },
    /// A parameter with a value outside its range.
    #[error("parameter '{key}' cannot be '{value}': set it to {expected}")]
    BadValue {
        /// The key.
        key: &'static str,
        /// The value as given.
        value: String,
        /// What is allowed, ready to follow "set it to".
        expected: &'static str,
    },
    /// Two parameters that exclude each other.
    #[error("parameters '{first}' and '{second}' exclude each other: keep one of them")]
    Contradiction {
        /// One key.
        first: &'static str,
        /// The other key.
        second: &'static str,
    },
    /// A block whose description and bytes disagree.
    #[error("block of {dims:?} values of {dtype} needs {expected} bytes but {found} were given: check the dimensions")]
    BlockSize {
        /// Dimensions, slowest first.
        dims: Vec<usize>,
        /// Name of the type.
        dtype: &'static str,
        /// Bytes that dims and type ask for.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
    /// A record that cannot be decoded.
    #[error("record cannot be decoded: {0}")]
    Corrupt(String),
    /// A record written by a newer version.
    #[error("record has format version {found} but this library reads up to {supported}: update adios2-inr")]
    Version {
        /// Version in the record.
        found: u8,
        /// Newest version known here.
        supported: u8,
    },
    /// A header that asks for more memory than the caller allows.
    #[error("record asks for {asked} bytes, the limit is {limit}: raise the limit if the record is trusted")]
    Limit {
        /// Bytes the header asks for.
        asked: u64,
        /// The limit in force.
        limit: u64,
    },
    /// Memory that is not to be had.
    #[error(
        "encoding takes up to {asked} bytes of memory, which are not to be had: raise the limit of the process, or write smaller blocks"
    )]
    Memory {
        /// Bytes.
        asked: usize,
    },
    /// Memory that reading takes and that is not to be had.
    #[error(
        "reading it takes up to {} MB of memory beside the block, which are not to be had: raise the limit of the process, or read with \
         fewer processes per node",
        asked.div_ceil(1_000_000)
    )]
    MemoryToRead {
        /// Bytes.
        asked: usize,
    },
    /// A backend (GPU, driver) failed; the caller may go on with the CPU.
    #[error("backend '{backend}' failed: {reason}")]
    Backend {
        /// Name of the backend.
        backend: String,
        /// What happened and what to set.
        reason: String,
    },
    /// A series cannot be trained or evaluated as asked.
    #[error("series: {0}")]
    Series(String),
    /// A question that the networks of a dataset have no answer to.
    #[error("{0}")]
    Query(String),
    /// A record refers to a network that was not found.
    #[error(
        "network {segment} of series {series} in store {store:016x} was not found ({looked}): keep the .bp folder whole, its subfolder 'inr' holds the networks"
    )]
    NoNetwork {
        /// File of the model store.
        store: u64,
        /// Series within the file.
        series: u32,
        /// Segment of the series.
        segment: u32,
        /// Where it was looked for.
        looked: String,
    },
    /// A record stands for a step that was not found.
    #[error(
        "step {step} of series {series} in store {store:016x} was not found ({looked}): keep the .bp folder whole, its subfolder 'inr' holds predicted steps ('inr pack' makes a dataset without it)"
    )]
    NoStep {
        /// File of the model store.
        store: u64,
        /// Series within the file.
        series: u32,
        /// Step of the series.
        step: u32,
        /// Where it was looked for.
        looked: String,
    },
    /// A file could not be read or written.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: String,
        /// What happened.
        reason: String,
    },
    /// A bug of this library, caught before it reached the data.
    #[error("internal error ({0}): please report it with the block that caused it")]
    Internal(String),
}

impl Error {
    /// Short form for [`Error::Corrupt`].
    pub fn corrupt(reason: impl Into<String>) -> Self {
        Error::Corrupt(reason.into())
    }

    /// [`Error::Internal`] for a stream that does not read back.
    pub(crate) fn changed() -> Self {
        Error::Internal("an entropy-coded stream reads back as another one".into())
    }
}
