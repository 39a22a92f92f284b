//! A JSON array of any length. It is read twice: once to its end to see that it is valid, without keeping anything of it,
//! and then element by element; so a fault near its end does not come after half of it was imported.

use std::fmt;
use std::io::{self, BufRead, Read};
use std::ops::RangeInclusive;

use bytes::Bytes;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};

use super::content::ContentReader;
use super::fault::{FileError, FileFault};
use crate::batch::{Incoming, MAX_DEPTH};
use crate::document::Content;
use crate::update::MAX_UPDATE_BYTES;

/// The elements of an array that was checked.
pub(super) struct Elements {
    source: ContentReader,
    nesting: Nesting,
}

/// How many elements the array has, now that all of it was found to be valid.
pub(super) fn check(content: &Content) -> Result<u64, FileError> {
    let mut source = ContentReader::of_text(content)?;
    match first(&mut source)? {
        None => return Err(FileFault::Nothing.into()),
        Some(b'[') => {}
        Some(_) => return Err(FileFault::NotAnArray.into()),
    }
    let mut guard = Guard::new(ContentReader::of_text(content)?);
    let mut deserializer = serde_json::Deserializer::from_reader(&mut guard);
    let counted = deserializer.deserialize_seq(Count).and_then(|count| deserializer.end().map(|()| count));
    match (counted, guard.fault.take()) {
        (_, Some(fault)) => Err(fault.into()),
        (Ok(count), None) => Ok(count),
        (Err(error), None) if error.is_io() => Err(io::Error::from(error).into()),
        (Err(error), None) => Err(guard.not_json(&error).into()),
    }
}

/// The first byte that is no blank. Only an array is given to the parser, which would keep a string in memory.
fn first(source: &mut ContentReader) -> io::Result<Option<u8>> {
    loop {
        let bytes = source.fill_buf()?;
        if bytes.is_empty() {
            return Ok(None);
        }
        if let Some(byte) = bytes.iter().find(|byte| !is_blank(**byte)) {
            return Ok(Some(*byte));
        }
        let blank = bytes.len();
        source.consume(blank);
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Counts elements.
struct Count;

impl<'de> Visitor<'de> for Count {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<u64, A::Error> {
        let mut count = 0;
        while seq.next_element::<IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok(count)
    }
}

/// Looks at each byte on its way to the parser, which sees neither what is no UTF-8 nor how deep it is.
struct Guard {
    source: ContentReader,
    nesting: Nesting,
    utf8: Utf8,
    /// The last two bytes that are no blanks.
    last: [u8; 2],
    fault: Option<FileFault>,
}

impl Guard {
    fn new(source: ContentReader) -> Guard {
        Guard { source, nesting: Nesting::default(), utf8: Utf8::default(), last: [0; 2], fault: None }
    }

    fn take(&mut self, byte: u8) -> Result<(), FileFault> {
        if !self.utf8.accepts(byte) {
            return Err(FileFault::NotUtf8(self.source.at() - u64::from(self.utf8.seen)));
        }
        self.nesting.take(byte);
        if self.nesting.depth > MAX_DEPTH {
            return Err(FileFault::TooDeep);
        }
        if !is_blank(byte) {
            self.last = [self.last[1], byte];
        }
        Ok(())
    }

    /// As for a request, a comma at the end is worth a sentence.
    fn not_json(&self, error: &serde_json::Error) -> FileFault {
        let comma = self.last[0] == b',' && !error.is_eof();
        let hint = if comma { ": a comma must be followed by a value" } else { "" };
        FileFault::NotJson(error.line(), error.column(), hint)
    }
}

impl Read for Guard {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let Some(byte) = self.source.fill_buf()?.first().copied() else { return Ok(0) };
        let Some(place) = into.first_mut() else { return Ok(0) };
        if let Err(fault) = self.take(byte) {
            self.fault = Some(fault);
            return Err(io::ErrorKind::InvalidData.into());
        }
        *place = byte;
        self.source.consume(1);
        Ok(1)
    }
}

/// Where a byte of JSON stands. What is not valid JSON is followed as far as it goes.
#[derive(Debug, Default)]
struct Nesting {
    /// How many arrays and objects are open.
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Nesting {
    fn take(&mut self, byte: u8) {
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' if self.in_string => self.escaped = true,
            b'"' => self.in_string = !self.in_string,
            b'{' | b'[' if !self.in_string => self.depth += 1,
            b'}' | b']' if !self.in_string => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }
}

/// What the next byte of UTF-8 may be (RFC 3629, 4).
#[derive(Debug, Default)]
struct Utf8 {
    /// How many bytes of a character are still to come.
    left: u8,
    /// How many of its bytes were there already.
    seen: u8,
    /// What the next one may be.
    next: Option<RangeInclusive<u8>>,
}

impl Utf8 {
    fn accepts(&mut self, byte: u8) -> bool {
        if self.left > 0 {
            let accepted = self.next.take().unwrap_or(0x80..=0xbf).contains(&byte);
            if accepted {
                (self.left, self.seen) = (self.left - 1, self.seen + 1);
            }
            return accepted;
        }
        self.seen = 0;
        let (left, next) = match byte {
            0x00..=0x7f => return true,
            0xc2..=0xdf => (1, None),
            0xe0 => (2, Some(0xa0..=0xbf)),
            0xed => (2, Some(0x80..=0x9f)),
            0xe1..=0xef => (2, None),
            0xf0 => (3, Some(0x90..=0xbf)),
            0xf1..=0xf3 => (3, None),
            0xf4 => (3, Some(0x80..=0x8f)),
            _ => return false,
        };
        (self.left, self.seen, self.next) = (left, 1, next);
        true
    }
}

impl Elements {
    pub(super) fn open(content: &Content) -> Result<Elements, FileError> {
        Ok(Elements { source: ContentReader::of_text(content)?, nesting: Nesting::default() })
    }

    /// The next element, without the blanks around it.
    pub(super) fn part(&mut self) -> Result<Option<Incoming>, FileError> {
        let mut element = Vec::new();
        let mut whole = true;
        loop {
            let bytes = self.source.fill_buf()?;
            let available = bytes.len();
            let end = bytes.iter().position(|byte| {
                let outside = self.nesting.depth == 1 && !self.nesting.in_string;
                let opens = self.nesting.depth == 0;
                self.nesting.take(*byte);
                if outside && matches!(byte, b',' | b']') {
                    return true;
                }
                if opens || (outside && is_blank(*byte)) {
                    return false;
                }
                whole &= element.len() < MAX_UPDATE_BYTES;
                if whole {
                    element.push(*byte);
                }
                false
            });
            self.source.consume(end.map_or(available, |end| end + 1));
            if end.is_some() || available == 0 {
                break;
            }
        }
        Ok(match (whole, element.is_empty()) {
            (true, true) => None,
            (true, false) => Some(Incoming::Person(Bytes::from(element))),
            (false, _) => Some(Incoming::PersonTooLarge),
        })
    }
}
