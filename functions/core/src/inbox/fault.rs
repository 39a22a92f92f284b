//! What can be wrong with a file as a whole. It is told apart from failures of ours, because a file that is at fault is put
//! aside, and one that could not be read is tried again.

use std::io;

use crate::error::StoreError;

/// Why a file is refused as a whole: nothing of it is imported. The texts hold names of columns, never a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileFault {
    /// Its name does not say what it is.
    #[error("its name ends with none of .json, .ndjson, .jsonl, .csv and .zip")]
    UnknownFormat,
    /// No element, no line, no row, no entry.
    #[error("there is nothing in it")]
    Nothing,
    /// Something else than a JSON array.
    #[error("it is not a JSON array")]
    NotAnArray,
    /// JSON that breaks its rules: where, and what can be said about it.
    #[error("it is not valid JSON at line {0}, column {1}{2}")]
    NotJson(usize, usize, &'static str),
    /// JSON that is not UTF-8.
    #[error("it is not UTF-8 at byte {0}")]
    NotUtf8(u64),
    /// JSON of more levels than are accepted.
    #[error("its JSON is nested deeper than {}", crate::batch::MAX_DEPTH)]
    TooDeep,
    /// A CSV whose first row names no columns that lead to a person: why.
    #[error("its header {0}")]
    Header(String),
    /// A CSV that ends within quotes.
    #[error("a quote that is opened in the row at line {0} is never closed")]
    OpenQuote(u64),
    /// A zip whose directory cannot be read, or is none.
    #[error("it is not a zip file, or its directory is damaged")]
    NotAZip,
    /// A zip with too many entries: how many, and the limit.
    #[error("it has {0} entries, at most {1} are allowed")]
    TooManyEntries(usize, usize),
    /// A zip whose entries are too large together: the limit.
    #[error("its entries have more than {0} bytes together")]
    TooLarge(u64),
}

/// Why a file could not be opened, or not be read on.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file is at fault; the sentence is for whoever made it.
    #[error(transparent)]
    Fault(#[from] FileFault),
    /// We could not read it: it can be tried again.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> FileError {
        FileError::Store(store_failed(error).unwrap_or_else(|error| StoreError::new("read a file", error)))
    }
}

/// The failure of ours behind an error that came through a library; `Err` where it is the library's own.
pub(super) fn store_failed(error: io::Error) -> Result<StoreError, io::Error> {
    error.downcast::<StoreError>()
}
