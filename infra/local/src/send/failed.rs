//! What failed, as files that can be corrected and sent again: rows of a CSV as a CSV with the same columns, objects as
//! NDJSON, PDFs as a list of their paths. Each says why, in a place that is left out when it is sent.

use std::fs::OpenOptions;
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use people_core::batch::Incoming;
use people_core::document::Content;
use people_core::inbox::{Batches, Format, WrittenRows};
use people_core::memory::MemorySpool;
use people_core::profile::Profile;

use super::inputs::{Inputs, Pdf, Rows};
use super::journal::Journal;
use super::note::{self, NOTE};
use crate::failure::{Doing, Failure};

/// A byte order mark, by which some programs know that a CSV is UTF-8.
const MARK: &str = "\u{feff}";

/// Parts that failed, in the order of their numbers, and why.
type Failed<'a> = &'a mut dyn Iterator<Item = Result<(u64, String), Failure>>;

/// Writes a file for each input of which something failed, into this folder. Gives back where they are.
pub(super) fn write(inputs: &Inputs, journal: &Journal, folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for (input, rows) in inputs.rows.iter().enumerate() {
        let mut failed = journal.failed_of(input)?.peekable();
        if failed.peek().is_none() {
            continue;
        }
        let same = inputs.rows[..input].iter().filter(|before| before.name == rows.name).count();
        let number = if same == 0 { String::new() } else { format!(".{}", same + 1) };
        let ending = if rows.format == Format::Csv { "csv" } else { "ndjson" };
        let path = folder.join(format!("{}{number}.failed.{ending}", rows.name));
        at_once(&path, |out| match rows.format {
            Format::Csv => csv(rows, &mut failed, out),
            Format::Json | Format::Ndjson | Format::Zip => objects(rows, &mut failed, out),
        })?;
        files.push(path);
    }
    let mut failed = journal.failed_of(inputs.rows.len())?.peekable();
    if failed.peek().is_some() {
        let path = folder.join("documents.failed.txt");
        at_once(&path, |out| list(&inputs.pdfs, &mut failed, out))?;
        files.push(path);
    }
    Ok(files)
}

/// Writes a file under another name first, so that a crash leaves no half of it.
fn at_once(path: &Path, write: impl FnOnce(&mut dyn Write) -> Result<(), Failure>) -> Result<(), Failure> {
    let writing = || format!("write {}", path.display());
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let mut options = OpenOptions::new();
    // There are people's data in it.
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut out = BufWriter::new(options.open(&name).doing(writing())?);
    write(&mut out)?;
    let file = out.into_inner().doing(writing())?;
    file.sync_all().doing(writing())?;
    std::fs::rename(&name, path).doing(writing())
}

fn csv(rows: &Rows, failed: Failed<'_>, out: &mut dyn Write) -> Result<(), Failure> {
    let reading = || format!("read {}", rows.name);
    let mut written = WrittenRows::open(&rows.content).doing(reading())?;
    let separator = written.separator();
    let note = written.header().iter().position(|name| name == NOTE.as_bytes());
    if begins_with_mark(&rows.content) {
        line(out, MARK.as_bytes())?;
    }
    record(out, separator, without(written.header(), note), NOTE)?;
    let mut next = 0;
    for part in failed {
        let (number, why) = part?;
        let mut row = None;
        while next <= number {
            row = written.next_row().doing(reading())?;
            next += 1;
        }
        let Some(row) = row else { return Err(Failure(format!("{} has changed", rows.name))) };
        let why = format!("line {}: {why}", row.line);
        record(out, separator, without(row.cells.as_deref().unwrap_or_default(), note), &why)?;
    }
    Ok(())
}

fn begins_with_mark(content: &Content) -> bool {
    let mut begin = [0; MARK.len()];
    match content {
        Content::Memory(bytes) => bytes.starts_with(MARK.as_bytes()),
        Content::File(file, _) => {
            std::os::unix::fs::FileExt::read_exact_at(&**file, &mut begin, 0).is_ok()
                && begin == *MARK.as_bytes()
        }
    }
}

/// The cells but for the one at this place.
fn without(cells: &[Vec<u8>], place: Option<usize>) -> impl Iterator<Item = &[u8]> {
    let kept = cells.iter().enumerate().filter(move |(column, _)| Some(*column) != place);
    kept.map(|(_, cell)| &cell[..])
}

fn record<'a>(
    out: &mut dyn Write,
    separator: u8,
    cells: impl Iterator<Item = &'a [u8]>,
    last: &str,
) -> Result<(), Failure> {
    let mut text = Vec::new();
    for cell in cells {
        add_cell(&mut text, separator, cell);
        text.push(separator);
    }
    add_cell(&mut text, separator, last.as_bytes());
    text.extend_from_slice(b"\r\n");
    line(out, &text)
}

fn add_cell(text: &mut Vec<u8>, separator: u8, cell: &[u8]) {
    if !cell.iter().any(|byte| matches!(byte, b'"' | b'\r' | b'\n') || *byte == separator) {
        text.extend_from_slice(cell);
        return;
    }
    text.push(b'"');
    for byte in cell {
        if *byte == b'"' {
            text.push(b'"');
        }
        text.push(*byte);
    }
    text.push(b'"');
}

fn objects(rows: &Rows, failed: Failed<'_>, out: &mut dyn Write) -> Result<(), Failure> {
    let reading = || format!("read {}", rows.name);
    let spool: Arc<dyn people_core::document::Spool> = Arc::new(MemorySpool);
    // No column is read by it: these are no CSV.
    let mut batches =
        Batches::open(&rows.name, &rows.content, &spool, &Profile::default()).doing(reading())?;
    let (mut next, mut parts) = (0, Vec::new().into_iter());
    for part in failed {
        let (number, why) = part?;
        let mut object = None;
        while next <= number {
            object = parts.next();
            if object.is_none() {
                let batch = batches.next_batch().doing(reading())?;
                parts = batch.ok_or_else(|| Failure(format!("{} has changed", rows.name)))?.into_iter();
                continue;
            }
            next += 1;
        }
        let place = format!("element {}: {why}", number + 1);
        let text = match object {
            Some(Incoming::Person(object)) => note::with(&object, &place),
            // It was too large to be kept, so there is nothing but where it was.
            Some(_) | None => note::with(b"{}", &place),
        };
        line(out, text.as_bytes())?;
        line(out, b"\n")?;
    }
    Ok(())
}

fn list(pdfs: &[Pdf], failed: Failed<'_>, out: &mut dyn Write) -> Result<(), Failure> {
    for part in failed {
        let (number, why) = part?;
        let pdf = usize::try_from(number).ok().and_then(|number| pdfs.get(number));
        let path = pdf.map(|pdf| pdf.path.display().to_string()).unwrap_or_default();
        line(out, format!("{path}\t{}\n", why.replace(['\t', '\r', '\n'], " ")).as_bytes())?;
    }
    Ok(())
}

fn line(out: &mut dyn Write, bytes: &[u8]) -> Result<(), Failure> {
    out.write_all(bytes).doing("write what failed")
}
