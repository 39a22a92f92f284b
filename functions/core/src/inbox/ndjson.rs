//! NDJSON: a person update object on each line. A line that is none is a part that fails in its place, because the next
//! line begins anew whatever it holds.

use std::io::BufRead;

use bytes::Bytes;

use super::content::ContentReader;
use super::fault::FileError;
use crate::batch::Incoming;
use crate::document::Content;
use crate::update::MAX_UPDATE_BYTES;

/// The lines of a file that are not blank.
pub(super) struct Lines {
    source: ContentReader,
}

/// How many parts the file has.
pub(super) fn check(content: &Content) -> Result<u64, FileError> {
    let mut lines = Lines::open(content)?;
    let mut count = 0;
    while lines.part()?.is_some() {
        count += 1;
    }
    Ok(count)
}

impl Lines {
    pub(super) fn open(content: &Content) -> Result<Lines, FileError> {
        Ok(Lines { source: ContentReader::of_text(content)? })
    }

    pub(super) fn part(&mut self) -> Result<Option<Incoming>, FileError> {
        while !self.source.fill_buf()?.is_empty() {
            let (line, whole) = self.line()?;
            let object = line.trim_ascii();
            if !whole || object.len() > MAX_UPDATE_BYTES {
                return Ok(Some(Incoming::PersonTooLarge));
            }
            if !object.is_empty() {
                return Ok(Some(Incoming::Person(Bytes::copy_from_slice(object))));
            }
        }
        Ok(None)
    }

    /// The next line without its end, and whether all of it was kept: one byte above what an object has is, for the `\r`.
    fn line(&mut self) -> Result<(Vec<u8>, bool), FileError> {
        let (mut line, mut whole) = (Vec::new(), true);
        loop {
            let bytes = self.source.fill_buf()?;
            let end = memchr::memchr(b'\n', bytes);
            let taken = &bytes[..end.unwrap_or(bytes.len())];
            let kept = taken.len().min(MAX_UPDATE_BYTES + 1 - line.len());
            line.extend_from_slice(&taken[..kept]);
            whole &= kept == taken.len();
            let is_last = end.is_some() || bytes.is_empty();
            let passed = taken.len() + usize::from(end.is_some());
            self.source.consume(passed);
            if is_last {
                return Ok((line, whole));
            }
        }
    }
}
