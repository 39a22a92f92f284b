//! What a lookup selects, to be taken along: a row for each line as CSV or NDJSON, or the documented logs one after another.
//! An answer has at most 5 MB, because a function can answer no more than 6; a link leads to the rest.

use http::Response;
use http::header::{HeaderValue, LINK};
use people_core::error::StoreError;
use people_core::id::ImportId;
use people_core::log::{ImportLog, State};
use people_core::log_text::{self, Line};
use people_core::lookup::{self, Chosen};
use people_core::ports::App;
use serde::Serialize;

use super::list::{ListRequest, write_cursor};
use super::{Route, StatusCode, query, status, with_type};

/// The most bytes of an answer, counted as it leaves a function: as a JSON text.
const MAX_BYTES: usize = 5_000_000;
/// How many logs are read at a time, so that no more than these are held.
const AT_ONCE: usize = 16;

/// A format to take logs along in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// A row for each line, with a head.
    Csv,
    /// A JSON object for each line.
    Ndjson,
    /// The logs as they are documented, an empty line between two.
    Text,
}

/// The names of the columns, in their order.
const COLUMNS: [&str; 10] =
    ["time", "requestId", "keyName", "source", "status", "part", "severity", "kind", "text", "at"];

/// Answers with what the request selects. `query` is its query as it was sent: the link to the rest repeats it, without
/// the key.
///
/// # Errors
/// When a store fails.
pub async fn export(
    app: &App,
    request: &ListRequest,
    format: ExportFormat,
    query: Option<&str>,
) -> Result<Response<String>, StoreError> {
    let selection = lookup::select(app, request.wanted()).await?;
    let mut body = Export::new(format, MAX_BYTES);
    let mut next = selection.next;
    for chosen in selection.chosen.chunks(AT_ONCE) {
        let logs = lookup::logs(app, chosen).await?;
        if !logs.iter().all(|(log, chosen)| body.add(log, chosen)) {
            next = body.last;
            break;
        }
    }
    let mut response = with_type(StatusCode::OK, format.content_type(), body.text);
    if let Some(link) = next.and_then(|next| link(query, next)) {
        response.headers_mut().insert(LINK, link);
    }
    Ok(response)
}

fn link(query: Option<&str>, next: ImportId) -> Option<HeaderValue> {
    let filter = query::again(query, "cursor");
    let url = format!("{}?{filter}cursor={}", Route::ImportLogs.path(), write_cursor(next));
    HeaderValue::try_from(format!("<{url}>; rel=\"next\"")).ok()
}

impl ExportFormat {
    fn content_type(self) -> &'static str {
        match self {
            ExportFormat::Csv => "text/csv; charset=utf-8; header=present",
            ExportFormat::Ndjson => "application/x-ndjson",
            ExportFormat::Text => "text/plain; charset=utf-8",
        }
    }
}

/// A body as it grows.
struct Export {
    format: ExportFormat,
    text: String,
    /// How many bytes are left.
    room: usize,
    /// The last import of which everything is in it, or as much as fits into an answer.
    last: Option<ImportId>,
}

impl Export {
    fn new(format: ExportFormat, room: usize) -> Export {
        let mut export = Export { format, text: String::new(), room, last: None };
        if format == ExportFormat::Csv {
            export.push(&[record(&COLUMNS)]);
        }
        export
    }

    /// Adds what is meant of a log; false where that does not fit, and goes into the next answer. A log that is too long for
    /// any answer is cut after the last line that fits.
    fn add(&mut self, log: &ImportLog, chosen: &Chosen) -> bool {
        let rows = self.rows(log, chosen);
        let mut bytes = 0;
        let fitting = rows.iter().take_while(|row| {
            bytes += size(row);
            bytes <= self.room
        });
        let fitting = fitting.count();
        if fitting < rows.len() && self.last.is_some() {
            return false;
        }
        self.push(&rows[..fitting]);
        self.last = Some(log.id);
        true
    }

    fn push(&mut self, rows: &[String]) {
        for row in rows {
            self.room = self.room.saturating_sub(size(row));
            self.text.push_str(row);
        }
    }

    fn rows(&self, log: &ImportLog, chosen: &Chosen) -> Vec<String> {
        let rows = || chosen.lines(log).into_iter();
        match self.format {
            ExportFormat::Csv => rows().map(|line| csv(&Row::new(log, line))).collect(),
            ExportFormat::Ndjson => rows().map(|line| ndjson(&Row::new(log, line))).collect(),
            ExportFormat::Text => {
                let between = self.last.map(|_| "\n".to_owned());
                let lines = log_text::render(log);
                between.into_iter().chain(lines.split_inclusive('\n').map(str::to_owned)).collect()
            }
        }
    }
}

/// The bytes of a text within a JSON text, as which a function's answer leaves it.
fn size(text: &str) -> usize {
    let escaped = text.bytes().map(|byte| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 2,
        0..=0x1f => 6,
        _ => 1,
    });
    escaped.sum()
}

/// A line, with the import that it is part of.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    time: String,
    request_id: String,
    key_name: String,
    source: &'static str,
    /// Null while the import runs.
    status: Option<u16>,
    part: Option<usize>,
    severity: &'static str,
    kind: String,
    text: String,
    /// Null where it happened while the import ran.
    at: Option<String>,
}

impl Row {
    fn new(log: &ImportLog, line: Line) -> Row {
        Row {
            time: log.received_at.to_rfc3339(),
            request_id: log.id.to_string(),
            key_name: log.key_name.as_str().to_owned(),
            source: log.source.as_str(),
            status: match log.state {
                State::Accepted | State::Running => None,
                State::Ended(answer) => Some(status(answer).as_u16()),
            },
            part: line.part,
            severity: line.kind.severity(),
            kind: format!("{:?}", line.kind),
            text: line.text,
            at: line.at.map(people_core::time::Timestamp::to_rfc3339),
        }
    }
}

fn ndjson(row: &Row) -> String {
    serde_json::to_string(row).unwrap_or_default() + "\n"
}

fn csv(row: &Row) -> String {
    let number = |number: Option<usize>| number.map(|number| number.to_string()).unwrap_or_default();
    let (status, part) = (number(row.status.map(usize::from)), number(row.part));
    let at = row.at.as_deref().unwrap_or_default();
    record(&[
        &row.time,
        &row.request_id,
        &row.key_name,
        row.source,
        &status,
        &part,
        row.severity,
        &row.kind,
        &row.text,
        at,
    ])
}

/// A record of RFC 4180.
fn record(cells: &[&str]) -> String {
    let cells: Vec<_> = cells.iter().map(|cell| cell_of(cell)).collect();
    cells.join(",") + "\r\n"
}

/// A cell. One that a spreadsheet would take for a formula is made a text by an apostrophe (OWASP, CSV Injection).
fn cell_of(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    let text = if is_formula { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', '\r', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
#[path = "export_tests.rs"]
mod tests;
