//! Reading a file in place, wherever it waits. It keeps what it has read ahead when it is moved, because a zip is read by
//! many short steps.

use std::io::{self, BufRead, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;

use crate::document::Content;
use crate::error::StoreError;

/// How much of a file is read at once.
const WINDOW: usize = 64 * 1024;

/// The bytes of a file from a place on. An error is a [`StoreError`] within.
pub(super) struct ContentReader {
    content: Content,
    at: u64,
    window: Vec<u8>,
    window_at: u64,
}

impl ContentReader {
    /// A reader that begins with the first byte.
    pub(super) fn new(content: &Content) -> ContentReader {
        ContentReader { content: content.clone(), at: 0, window: Vec::new(), window_at: 0 }
    }

    /// A reader that begins behind a byte order mark, where there is one.
    pub(super) fn of_text(content: &Content) -> io::Result<ContentReader> {
        let mut reader = ContentReader::new(content);
        if reader.fill_buf()?.starts_with("\u{feff}".as_bytes()) {
            reader.consume('\u{feff}'.len_utf8());
        }
        Ok(reader)
    }

    /// Where in the file the next byte is.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// Reads ahead from the current place, unless that was done.
    fn fill_window(&mut self) -> io::Result<()> {
        let Content::File(file, bytes) = &self.content else { return Ok(()) };
        if (self.window_at..self.window_at + self.window.len() as u64).contains(&self.at) {
            return Ok(());
        }
        let left = bytes.saturating_sub(self.at);
        self.window.resize(usize::try_from(left).map_or(WINDOW, |left| left.min(WINDOW)), 0);
        self.window_at = self.at;
        file.read_exact_at(&mut self.window, self.at).map_err(|error| {
            self.window.clear();
            io::Error::other(StoreError::new("read a temporary file", error))
        })
    }
}

impl BufRead for ContentReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.fill_window()?;
        let (bytes, begin) = match &self.content {
            Content::Memory(bytes) => (&bytes[..], 0),
            Content::File(..) => (&self.window[..], self.window_at),
        };
        let from = usize::try_from(self.at - begin).unwrap_or(usize::MAX);
        Ok(bytes.get(from..).unwrap_or_default())
    }

    fn consume(&mut self, bytes: usize) {
        self.at += bytes as u64;
    }
}

impl Read for ContentReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

impl Seek for ContentReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::End(offset) => self.content.bytes().checked_add_signed(offset),
            SeekFrom::Current(offset) => self.at.checked_add_signed(offset),
        };
        self.at = place.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
