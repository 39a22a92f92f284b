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
use super::note::{self, NOTE, SURPLUS};
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
    let header = written.header().to_vec();
    record(out, separator, with_note(header.clone(), note, NOTE))?;
    let mut next = 0;
    for part in failed {
        let (number, why) = part?;
        let mut row = None;
        while next <= number {
            row = written.next_row().doing(reading())?;
            next += 1;
        }
        let Some(row) = row else { return Err(Failure(format!("{} has changed", rows.name))) };
        let why = note::of_row(row.line, &why);
        // What was too large to be kept has no cells any more.
        let cells = row.cells.unwrap_or_default();
        let fits = cells.len() == header.len() && !has_astray(&cells, note);
        let cells = if fits { with_note(cells, note, &why) } else { unfit(cells, header.len(), note, &why) };
        record(out, separator, cells)?;
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

/// The cells with this note as the last one, instead of the one that was at this place.
fn with_note(mut cells: Vec<Vec<u8>>, place: Option<usize>, note: &str) -> Vec<Vec<u8>> {
    if let Some(place) = place {
        cells.remove(place);
    }
    cells.push(note.into());
    cells
}

/// Whether a note is anywhere but in its column.
fn has_astray(cells: &[Vec<u8>], place: Option<usize>) -> bool {
    let mut others = cells.iter().enumerate().filter(|(column, _)| Some(*column) != place);
    place.is_some() && others.any(|(_, cell)| note::is_of_row(cell))
}

/// The cells of a row that does not fit its header, which has so many columns, with this note in its column. The row is
/// longer than the header, so that it is refused until somebody corrects it: were it only filled up, it would be taken
/// the next time, with whatever stands in the place of a value. Its earlier note is left out wherever it is, so that
/// the row does not grow.
fn unfit(mut cells: Vec<Vec<u8>>, columns: usize, place: Option<usize>, note: &str) -> Vec<Vec<u8>> {
    if place.is_some() {
        cells.retain(|cell| !note::is_of_row(cell));
    }
    let values = columns - usize::from(place.is_some());
    cells.resize(cells.len().max(values), Vec::new());
    let mut surplus = cells.split_off(values);
    if surplus.iter().all(Vec::is_empty) {
        surplus.push(SURPLUS.into());
    }
    cells.push(note.into());
    cells.extend(surplus);
    cells
}

fn record(out: &mut dyn Write, separator: u8, cells: Vec<Vec<u8>>) -> Result<(), Failure> {
    let mut text = Vec::new();
    for (column, cell) in cells.iter().enumerate() {
        if column > 0 {
            text.push(separator);
        }
        add_cell(&mut text, separator, cell);
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(row: &str) -> Vec<Vec<u8>> {
        row.split(',').map(|cell| cell.as_bytes().to_vec()).collect()
    }

    #[test]
    fn a_row_that_does_not_fit_is_longer_than_its_header_and_does_not_grow() {
        // The header as it was sent, where its note is, the row, and the row that is given back.
        for (header, place, row, given) in [
            ("a,b", None, "x", "x,,line 2: no,+"),
            ("a,b", None, "x,y,z", "x,y,line 2: no,z"),
            ("a,b", None, "x,,", "x,,line 2: no,,+"),
            ("a,b,_error", Some(2), "x,y", "x,y,line 2: no,+"),
            ("a,b,_error", Some(2), "x,,line 9: old,+", "x,,line 2: no,+"),
            ("a,b,_error", Some(2), "x,y,line 9: old,z", "x,y,line 2: no,z"),
            ("a,b,_error", Some(2), "x,y,z,line 9: old", "x,y,line 2: no,z"),
            ("a,b,_error", Some(2), "x,line 9: old,z", "x,z,line 2: no,+"),
            ("_error,a,b", Some(0), "x,y", "x,y,line 2: no,+"),
            ("a,b,_error", Some(2), "", ",,line 2: no,+"),
        ] {
            let given = given.replace('+', SURPLUS);
            let row = row.replace('+', SURPLUS);
            let found = unfit(cells(&row), cells(header).len(), place, "line 2: no");
            assert_eq!(found, cells(&given), "{header} {row}");
            // The file that it is in has the note last.
            let columns = cells(header).len() + usize::from(place.is_none());
            assert!(found.len() > columns, "{given}");
            assert_eq!(unfit(found.clone(), columns, Some(columns - 1), "line 2: no"), found, "{given}");
        }
    }

    #[test]
    fn a_note_in_the_place_of_a_value_is_seen_where_there_is_a_column_of_notes() {
        let row = cells("x,line 9: old,z");
        assert!(has_astray(&row, Some(2)));
        assert!(!has_astray(&row, Some(1)), "it is where it belongs");
        assert!(!has_astray(&row, None), "it is the value of whoever wrote it");
    }
}
