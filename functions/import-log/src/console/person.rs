//! What imports did to one person, over all files and targets: a line for each thing that happened, the newest import first.

use http::Response;
use maud::{Markup, html};
use people_adapters::http::Route;
use people_adapters::http::console::{self, Form, Page};
use people_core::error::StoreError;
use people_core::id::ImportId;
use people_core::lookup::{self, Entry, Timeline};
use people_core::shown::Shown;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Reader, layout, words};

/// How many imports a page has at most.
const LIMIT: usize = 25;
/// How many lines of one import are shown at most.
const MOST_LINES: usize = 8;

const PERSON: &str = "person";
const BEFORE: &str = "before";

/// The path to a person's page.
pub(super) fn path(person: &str, before: Option<ImportId>) -> String {
    let person = utf8_percent_encode(person, NON_ALPHANUMERIC);
    let before = before.map_or_else(String::new, |before| format!("&{BEFORE}={before}"));
    format!("{}?{PERSON}={person}{before}", Route::ConsolePerson.path())
}

/// The page of a person.
pub(super) async fn answer(reader: &Reader<'_>, query: &Form) -> Result<Response<String>, StoreError> {
    let person = query.get(PERSON).unwrap_or_default();
    let before = query.get(BEFORE).and_then(ImportId::parse);
    let timeline = lookup::timeline(reader.app, person, before, LIMIT).await?;
    let content = content(reader, (person, before), &timeline);
    Ok(console::page(Page::Found, layout::page(Some((reader, None)), "Person", content)))
}

fn content(reader: &Reader<'_>, (person, before): (&str, Option<ImportId>), timeline: &Timeline) -> Markup {
    let imports: Vec<&[Entry]> = timeline.entries.chunk_by(|one, other| one.import == other.import).collect();
    let (shown, count) = words::fitting(&imports, |entries| import(reader, entries));
    let last = imports.get(..count).and_then(<[_]>::last).and_then(|entries| entries.first());
    let next = if count < imports.len() { last.map(|last| last.import) } else { timeline.next };
    html! {
        p.back { a href=(Route::Console.path()) { "All imports" } }
        h1 { (Shown::new(person).unquoted()) }
        @if !imports.is_empty() {
            ol.entries { (shown) }
        } @else if before.is_none() && next.is_none() {
            p.empty { "No import that is still known was about this person." }
        } @else {
            p.empty { "Nothing here; look at the older ones." }
        }
        (words::pages("Pages", &[
            before.map(|_| (path(person, None), "Newest")),
            next.map(|next| (path(person, Some(next)), "Older")),
        ]))
    }
}

/// What one import did to the person.
fn import(reader: &Reader<'_>, entries: &[Entry]) -> Markup {
    let Some(first) = entries.first() else { return html! {} };
    html! {
        li.later {
            h2 { a.main href=(Route::ConsoleImport.to(first.import)) { (words::moment(reader.visit.zone, first.received_at)) } }
            p.meta { span { (first.key_name.unquoted()) } span.id { (first.import.to_string()) } }
            ul.lines {
                @for entry in entries.iter().take(MOST_LINES) {
                    li {
                        (words::kind(entry.kind)) " " span { (words::cut(&entry.text)) }
                        @if let Some(at) = entry.at { span.hint { " (" (words::moment(reader.visit.zone, at)) ")" } }
                    }
                }
            }
            @if entries.len() > MOST_LINES { p.hint { (entries.len() - MOST_LINES) " more lines are in the log." } }
        }
    }
}
