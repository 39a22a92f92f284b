//! The records of a CSV (RFC 4180), whatever separates their cells. Each is read into memory of a fixed size, because a
//! quote that is left open makes the rest of a file one cell.

use std::io::BufRead;
use std::str::Utf8Error;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::super::content::ContentReader;
use super::super::fault::{FileError, FileFault};
use crate::document::Content;
use crate::update::MAX_UPDATE_BYTES;

/// The most cells of a record that are kept: far more than a definition has fields.
const MAX_CELLS: usize = 10_000;

/// The records of a file, blank lines left out.
pub(super) struct Records {
    source: ContentReader,
    separator: u8,
    parser: Reader,
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

/// One record. What is not kept of it was too much.
pub(super) struct Record<'a> {
    line: u64,
    bytes: &'a [u8],
    ends: &'a [usize],
    cells: usize,
    is_whole: bool,
}

impl Records {
    /// Finds out what separates the cells.
    pub(super) fn open(content: &Content) -> Result<Records, FileError> {
        let mut source = ContentReader::of_text(content)?;
        let separator = separator(&mut source)?;
        let parser = ReaderBuilder::new().delimiter(separator).build();
        let source = ContentReader::of_text(content)?;
        // One above each limit, so that a record that just fits is told from one that does not.
        let (bytes, ends) = (vec![0; MAX_UPDATE_BYTES + 1], vec![0; MAX_CELLS + 1]);
        Ok(Records { source, separator, parser, bytes, ends })
    }

    /// What separates the cells.
    pub(super) fn separator(&self) -> u8 {
        self.separator
    }

    /// The next record.
    pub(super) fn next(&mut self) -> Result<Option<Record<'_>>, FileError> {
        self.pass_over_blank_lines()?;
        let line = self.parser.line();
        let (mut filled, mut ended, mut cells, mut is_whole) = (0, 0, 0, true);
        loop {
            let input = self.source.fill_buf()?;
            let at_end = input.is_empty();
            // A line end more than there is says what the parser does not: whether it is within quotes.
            let input = if at_end { b"\n" } else { input };
            let (result, read, written, ends) =
                self.parser.read_record(input, &mut self.bytes[filled..], &mut self.ends[ended..]);
            if !at_end {
                self.source.consume(read);
            }
            (filled, ended, cells) = (filled + written, ended + ends, cells + ends);
            match result {
                ReadRecordResult::Record => break,
                ReadRecordResult::InputEmpty if at_end && written > 0 => {
                    return Err(FileFault::OpenQuote(line).into());
                }
                ReadRecordResult::InputEmpty if at_end => return Ok(None),
                ReadRecordResult::End => return Ok(None),
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    (filled, ended, is_whole) = (0, 0, false);
                }
            }
        }
        let (bytes, ends) = (&self.bytes[..filled], &self.ends[..ended]);
        is_whole &= filled <= MAX_UPDATE_BYTES && ended <= MAX_CELLS;
        Ok(Some(Record { line, bytes, ends, cells, is_whole }))
    }

    /// The parser passes over them too, but then the line of a record would be that of the blank ones before it.
    fn pass_over_blank_lines(&mut self) -> Result<(), FileError> {
        while let Some(byte @ (b'\r' | b'\n')) = self.source.fill_buf()?.first() {
            self.parser.read_record(&[*byte], &mut self.bytes, &mut self.ends);
            self.source.consume(1);
        }
        Ok(())
    }
}

impl Record<'_> {
    /// The line at which it begins, counted from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// How many cells it has.
    pub(super) fn cells(&self) -> usize {
        self.cells
    }

    /// Whether it was small enough to be kept: at most as large as a person update object, without quotes and separators.
    pub(super) fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// The cells, without their quotes. `Err` where one is not UTF-8.
    pub(super) fn texts(&self) -> Result<Vec<&str>, Utf8Error> {
        self.bytes().map(str::from_utf8).collect()
    }

    /// The bytes of the cells, without their quotes.
    pub(super) fn bytes(&self) -> impl Iterator<Item = &[u8]> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        begins.zip(self.ends).map(|(begin, end)| &self.bytes[begin..*end])
    }
}

/// What is most often between the names of the header: a comma, a semicolon or a tab. No field's name has one of them.
fn separator(source: &mut ContentReader) -> Result<u8, FileError> {
    let (mut counts, mut in_quotes, mut begun) = ([(b',', 0_u64), (b';', 0), (b'\t', 0)], false, false);
    'header: loop {
        let bytes = source.fill_buf()?;
        let available = bytes.len();
        if available == 0 {
            break;
        }
        for byte in bytes {
            match byte {
                b'"' => in_quotes = !in_quotes,
                b'\r' | b'\n' if begun && !in_quotes => break 'header,
                _ => {}
            }
            begun |= !matches!(byte, b'\r' | b'\n');
            counts
                .iter_mut()
                .filter(|(separator, _)| separator == byte && !in_quotes)
                .for_each(|it| it.1 += 1);
        }
        source.consume(available);
    }
    let most = counts.iter().rev().max_by_key(|(_, count)| *count);
    Ok(most.map_or(b',', |(separator, _)| *separator))
}
