//! The rows of a CSV as they are written, for whoever gives some of them back to those who wrote them.

use super::records::{Record, Records};
use crate::document::Content;
use crate::inbox::fault::{FileError, FileFault};

/// The rows of a CSV below its header, in the order of the parts that they become.
pub struct WrittenRows {
    records: Records,
    header: Vec<Vec<u8>>,
}

/// A row as it is written. `Debug` would show what is in it, so there is none.
pub struct WrittenRow {
    /// The line at which it begins, counted from 1.
    pub line: u64,
    /// The bytes of its cells, without quotes; `None` where it was too large to be kept.
    pub cells: Option<Vec<Vec<u8>>>,
}

impl WrittenRows {
    /// Reads the header. Reading blocks.
    ///
    /// # Errors
    /// Where there is no header, or one that is too large, and where the file cannot be read.
    pub fn open(content: &Content) -> Result<WrittenRows, FileError> {
        let mut records = Records::open(content)?;
        let header = records.next()?.ok_or(FileFault::Nothing)?;
        let header = cells(&header).ok_or_else(|| FileFault::Header("is too large".to_owned()))?;
        Ok(WrittenRows { records, header })
    }

    /// The names of the columns.
    pub fn header(&self) -> &[Vec<u8>] {
        &self.header
    }

    /// What separates the cells: a comma, a semicolon or a tab.
    pub fn separator(&self) -> u8 {
        self.records.separator()
    }

    /// The next row; `None` at the end.
    ///
    /// # Errors
    /// Where a quote is never closed, and where the file cannot be read.
    pub fn next_row(&mut self) -> Result<Option<WrittenRow>, FileError> {
        let row = self.records.next()?;
        Ok(row.map(|row| WrittenRow { line: row.line(), cells: cells(&row) }))
    }
}

fn cells(record: &Record<'_>) -> Option<Vec<Vec<u8>>> {
    record.is_whole().then(|| record.bytes().map(<[u8]>::to_vec).collect())
}
