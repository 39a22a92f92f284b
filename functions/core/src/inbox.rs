//! The files that HR exports drop, as parts: JSON arrays, NDJSON, CSV and zips of PDFs, each of any length, in batches
//! that have the size of a request. They become what a request's body becomes, so that one pipeline judges all of them.

mod content;
mod csv;
mod fault;
mod json;
mod ndjson;
pub mod run;
mod zip;

use std::sync::Arc;

use crate::batch::{Incoming, MAX_PARTS};
use crate::document::{Content, Spool};
use crate::log::Form;
use crate::profile::Profile;

pub use self::csv::{LIST_SEPARATOR, RESET, WrittenRow, WrittenRows};
pub use self::fault::{FileError, FileFault};
pub use self::zip::{MAX_ENTRIES, MAX_ENTRY_BYTES, MAX_INFLATED_BYTES};

/// A file that is taken apart, batch by batch. At most one batch of it is in memory.
pub struct Batches {
    form: Form,
    parts: Parts,
    count: u64,
}

/// The parts of a file, by what it is.
enum Parts {
    Json(json::Elements),
    Ndjson(ndjson::Lines),
    Csv(Box<csv::Rows>),
    Zip(zip::Entries),
}

/// What a file is, as its name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// An array of person update objects.
    Json,
    /// Such an object on each line.
    Ndjson,
    /// A person on each row.
    Csv,
    /// PDFs.
    Zip,
}

impl Format {
    /// By the extension, without regard to case; `None` for any other.
    pub fn of(name: &str) -> Option<Format> {
        let (_, extension) = name.rsplit_once('.')?;
        match extension.to_ascii_lowercase().as_str() {
            "json" => Some(Format::Json),
            "ndjson" | "jsonl" => Some(Format::Ndjson),
            "csv" => Some(Format::Csv),
            "zip" => Some(Format::Zip),
            _ => None,
        }
    }
}

impl Batches {
    /// Opens a file of this name. It is read to its end before the first batch, so that a broken one is refused as a whole
    /// and nothing of it is imported. Large PDFs of a zip wait in `spool`; `profile` says what a cell of a CSV means.
    /// Reading blocks.
    ///
    /// # Errors
    /// A fault of the file, or a failure of ours: then it can be tried again.
    pub fn open(
        name: &str,
        content: &Content,
        spool: &Arc<dyn Spool>,
        profile: &Profile,
    ) -> Result<Batches, FileError> {
        let format = Format::of(name).ok_or(FileFault::UnknownFormat)?;
        let (parts, count) = match format {
            Format::Json => (Parts::Json(json::Elements::open(content)?), json::check(content)?),
            Format::Ndjson => (Parts::Ndjson(ndjson::Lines::open(content)?), ndjson::check(content)?),
            Format::Csv => {
                let rows = csv::Rows::open(content, profile)?;
                (Parts::Csv(Box::new(rows)), csv::check(content)?)
            }
            Format::Zip => {
                let mut entries = zip::Entries::open(content, Arc::clone(spool), zip::LIMITS)?;
                let count = entries.check()?;
                (Parts::Zip(entries), count)
            }
        };
        if count == 0 {
            return Err(FileFault::Nothing.into());
        }
        let form = if format == Format::Zip { Form::Multipart } else { Form::Array };
        Ok(Batches { form, parts, count })
    }

    /// What its parts are like: those of a multipart body, or of an array.
    pub fn form(&self) -> Form {
        self.form
    }

    /// How many parts the file has in all, those included that will be refused.
    pub fn parts(&self) -> u64 {
        self.count
    }

    /// How many batches the file has in all.
    pub fn batches(&self) -> u64 {
        self.count.div_ceil(MAX_PARTS as u64)
    }

    /// Passes over so many batches, to go on where an earlier run ended. The same bytes make the same batches.
    ///
    /// # Errors
    /// A failure of ours; a fault only where the bytes are others than those that were opened.
    pub fn pass_over(&mut self, batches: u64) -> Result<(), FileError> {
        let parts = batches.saturating_mul(MAX_PARTS as u64);
        if let Parts::Zip(entries) = &mut self.parts {
            entries.pass_over(parts);
            return Ok(());
        }
        for _ in 0..parts {
            if self.part()?.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// The next batch, of at most [`MAX_PARTS`]; `None` at the end.
    ///
    /// # Errors
    /// A failure of ours; a fault only where the bytes are others than those that were opened.
    pub fn next_batch(&mut self) -> Result<Option<Vec<Incoming>>, FileError> {
        let mut batch = Vec::new();
        while batch.len() < MAX_PARTS {
            match self.part()? {
                Some(part) => batch.push(part),
                None => break,
            }
        }
        Ok((!batch.is_empty()).then_some(batch))
    }

    fn part(&mut self) -> Result<Option<Incoming>, FileError> {
        match &mut self.parts {
            Parts::Json(elements) => elements.part(),
            Parts::Ndjson(lines) => lines.part(),
            Parts::Csv(rows) => rows.part(),
            Parts::Zip(entries) => entries.part(),
        }
    }
}

#[cfg(test)]
mod tests;
