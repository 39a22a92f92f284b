//! CSV: a person on each row, a field in each column. A row becomes the person update object that it means, so what is
//! wrong with it is found where it is found for every object.

mod columns;
mod records;
mod written;

use bytes::Bytes;

use self::columns::Columns;
use self::records::{Record, Records};
use super::fault::{FileError, FileFault};
use crate::batch::Incoming;
use crate::document::Content;
use crate::error::StoreError;
use crate::profile::Profile;
use crate::update::MAX_UPDATE_BYTES;

pub use self::columns::{LIST_SEPARATOR, RESET};
pub use self::written::{WrittenRow, WrittenRows};

/// The rows below the header.
pub(super) struct Rows {
    records: Records,
    columns: Columns,
}

/// How many rows the file has, now that all of it was found to be readable.
pub(super) fn check(content: &Content) -> Result<u64, FileError> {
    let mut records = Records::open(content)?;
    let mut count = 0_u64;
    while records.next()?.is_some() {
        count += 1;
    }
    Ok(count.saturating_sub(1))
}

impl Rows {
    /// Reads the header.
    pub(super) fn open(content: &Content, profile: &Profile) -> Result<Rows, FileError> {
        let mut records = Records::open(content)?;
        let header = records.next()?.ok_or(FileFault::Nothing)?;
        let columns = Columns::parse(&header, profile).map_err(FileFault::Header)?;
        Ok(Rows { records, columns })
    }

    pub(super) fn part(&mut self) -> Result<Option<Incoming>, FileError> {
        let Some(row) = self.records.next()? else { return Ok(None) };
        Ok(Some(part(&self.columns, &row)?))
    }
}

fn part(columns: &Columns, row: &Record) -> Result<Incoming, FileError> {
    if row.cells() != columns.count() {
        let (line, cells, wanted) = (row.line(), row.cells(), columns.count());
        return Ok(Incoming::Unacceptable(format!(
            "the row at line {line} has {cells} cells, and the header has {wanted}"
        )));
    }
    if !row.is_whole() {
        return Ok(Incoming::PersonTooLarge);
    }
    let Ok(cells) = row.texts() else {
        return Ok(Incoming::Unacceptable(format!("the row at line {} is not UTF-8", row.line())));
    };
    let json = columns.object(&cells).map_err(|error| StoreError::new("write a row as JSON", error))?;
    // What is too large is not kept: a row can become many times as large by the names of its columns.
    Ok(if json.len() > MAX_UPDATE_BYTES {
        Incoming::PersonTooLarge
    } else {
        Incoming::Person(Bytes::from(json))
    })
}
