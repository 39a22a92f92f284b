//! A zip of PDFs, each entry a part. Nothing that a zip says of itself is believed: what an entry is inflated to is counted
//! while it is, and its path leads nowhere, because only its last segment is a name.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use zip::read::{Config, OwnedZipFileEntry};
use zip::result::ZipError;
use zip::unstable::read::ZipIterable;
use zip::{CompressionMethod, ZipReadOptions};

use super::content::ContentReader;
use super::fault::{FileError, FileFault, store_failed};
use crate::batch::{Incoming, MAX_BODY_BYTES};
use crate::disposition::last_segment;
use crate::document::{Content, Receiver, Spool};
use crate::error::StoreError;
use crate::shown::Shown;

/// The most entries of a zip; directories count.
pub const MAX_ENTRIES: usize = 10_000;
/// The most bytes of one entry, inflated: as many as a request may have.
pub const MAX_ENTRY_BYTES: u64 = MAX_BODY_BYTES;
/// The most bytes of all entries together, inflated: 2 GiB.
pub const MAX_INFLATED_BYTES: u64 = 2 * 1024 * 1024 * 1024;
/// The most bytes that are read to find the entries: each can have 192 KiB of names and remarks, which are kept.
const MAX_DIRECTORY_BYTES: u64 = 16 * 1024 * 1024;
/// How much is inflated at once.
const PIECE: usize = 64 * 1024;

/// How much of a zip is read at most.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) entries: usize,
    pub(super) entry_bytes: u64,
    pub(super) inflated_bytes: u64,
    pub(super) directory_bytes: u64,
}

/// The limits of the inbox.
pub(super) const LIMITS: Limits = Limits {
    entries: MAX_ENTRIES,
    entry_bytes: MAX_ENTRY_BYTES,
    inflated_bytes: MAX_INFLATED_BYTES,
    directory_bytes: MAX_DIRECTORY_BYTES,
};

/// Why one entry is no file that could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum EntryFault {
    #[error("is a symbolic link")]
    SymbolicLink,
    #[error("is encrypted")]
    Encrypted,
    #[error("is compressed in a way that is not accepted")]
    Compression,
    #[error("is damaged")]
    Damaged,
    #[error("has more than {0} bytes")]
    TooLarge(u64),
}

/// The entries of a zip, in the order of its directory.
pub(super) struct Entries {
    source: ContentReader,
    spool: Arc<dyn Spool>,
    limits: Limits,
    entries: Vec<OwnedZipFileEntry>,
    next: usize,
}

impl Entries {
    /// Reads the directory.
    pub(super) fn open(
        content: &Content,
        spool: Arc<dyn Spool>,
        limits: Limits,
    ) -> Result<Entries, FileError> {
        let metered = Metered { source: ContentReader::new(content), left: limits.directory_bytes };
        let entries = directory(metered, limits.entries)?;
        Ok(Entries { source: ContentReader::new(content), spool, limits, entries, next: 0 })
    }

    /// How many parts there are, now that all of them were inflated once to see how large they are together. One that
    /// cannot be is a part that fails.
    pub(super) fn check(&mut self) -> Result<u64, FileError> {
        let mut total = 0_u64;
        for entry in &self.entries {
            let mut count = |piece: &[u8]| {
                total += piece.len() as u64;
                Ok(())
            };
            // What is wrong with it is said when its turn comes.
            let _ = inflate(entry, &mut self.source, self.limits.entry_bytes, &mut count)?;
            if total > self.limits.inflated_bytes {
                return Err(FileFault::TooLarge(self.limits.inflated_bytes).into());
            }
        }
        Ok(self.entries.len() as u64)
    }

    /// Leaves out so many parts, without inflating them.
    pub(super) fn pass_over(&mut self, parts: u64) {
        self.next =
            usize::try_from(parts).map_or(self.entries.len(), |parts| self.next.saturating_add(parts));
    }

    pub(super) fn part(&mut self) -> Result<Option<Incoming>, FileError> {
        let Some(entry) = self.entries.get(self.next) else { return Ok(None) };
        self.next += 1;
        let name = match name(entry.name_raw()) {
            Ok(name) => name,
            Err(reason) => return Ok(Some(Incoming::UnnamedFile(reason))),
        };
        let mut receiver = Receiver::new(Arc::clone(&self.spool));
        let mut write = |piece: &[u8]| receiver.write(piece);
        Ok(Some(match inflate(entry, &mut self.source, self.limits.entry_bytes, &mut write)? {
            Ok(()) => Incoming::File(name, receiver.finish()?),
            Err(fault) => Incoming::UnnamedFile(format!("{} {fault}", Shown::new(&name))),
        }))
    }
}

/// The entries that are parts. Their number is looked at before they are.
fn directory(source: Metered, most: usize) -> Result<Vec<OwnedZipFileEntry>, FileError> {
    let mut zip = ZipIterable::try_new(source, Config::default()).map_err(broken)?;
    if zip.len() > most {
        return Err(FileFault::TooManyEntries(zip.len(), most).into());
    }
    let mut entries = Vec::with_capacity(zip.len());
    for entry in zip.files().map_err(broken)? {
        let entry = entry.map_err(broken)?;
        if !entry.is_dir() && !is_of_the_system(entry.name_raw()) {
            entries.push(OwnedZipFileEntry::from(entry));
        }
    }
    Ok(entries)
}

/// What macOS adds to a folder that it packs: nobody put it there.
fn is_of_the_system(path: &[u8]) -> bool {
    path.starts_with(b"__MACOSX/") || path == b".DS_Store" || path.ends_with(b"/.DS_Store")
}

fn broken(error: ZipError) -> FileError {
    match error {
        ZipError::Io(error) => store_failed(error).map_or(FileFault::NotAZip.into(), FileError::Store),
        _ => FileFault::NotAZip.into(),
    }
}

/// The name of an entry, read like one in a request. Whatever the zip says that its bytes are, they are UTF-8 or nobody
/// knows what.
fn name(path: &[u8]) -> Result<String, String> {
    let Ok(path) = str::from_utf8(path) else {
        return Err(format!("its name {} is not UTF-8", Shown::new(&String::from_utf8_lossy(path))));
    };
    match last_segment(path) {
        Ok(name) if name.is_empty() => Err("its file name is empty".to_owned()),
        Ok(name) => Ok(name),
        Err(fault) => Err(fault.to_string()),
    }
}

/// Gives the bytes of an entry to `sink`, in pieces, at most so many of them. `Err` where the file could not be read, or the
/// sink failed.
fn inflate(
    entry: &OwnedZipFileEntry,
    source: &mut ContentReader,
    most: u64,
    sink: &mut dyn FnMut(&[u8]) -> Result<(), StoreError>,
) -> Result<Result<(), EntryFault>, StoreError> {
    if entry.is_symlink() {
        return Ok(Err(EntryFault::SymbolicLink));
    }
    if entry.encrypted() {
        return Ok(Err(EntryFault::Encrypted));
    }
    if !matches!(entry.compression(), CompressionMethod::Stored | CompressionMethod::Deflated) {
        return Ok(Err(EntryFault::Compression));
    }
    let mut file = match entry.as_ref().with_reader(source, ZipReadOptions::new()) {
        Ok(file) => file,
        Err(ZipError::Io(error)) => return damaged(error),
        Err(_) => return Ok(Err(EntryFault::Damaged)),
    };
    let (mut piece, mut count) = (vec![0; PIECE], 0_u64);
    loop {
        let read = match file.read(&mut piece) {
            Ok(0) => return Ok(Ok(())),
            Ok(read) => read,
            Err(error) => return damaged(error),
        };
        count += read as u64;
        if count > most {
            return Ok(Err(EntryFault::TooLarge(most)));
        }
        sink(&piece[..read])?;
    }
}

fn damaged(error: io::Error) -> Result<Result<(), EntryFault>, StoreError> {
    store_failed(error).map_or(Ok(Err(EntryFault::Damaged)), Err)
}

/// Reads so many bytes and no more: a directory is kept in memory, and it says itself how large it is.
struct Metered {
    source: ContentReader,
    left: u64,
}

impl Read for Metered {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(into)?;
        self.left = self.left.checked_sub(read as u64).ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(read)
    }
}

impl Seek for Metered {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.source.seek(to)
    }
}
