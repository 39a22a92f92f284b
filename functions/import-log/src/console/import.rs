//! One import: what became of it, of each of its parts, and of each part at each target.

use http::Response;
use maud::{Markup, html};
use people_adapters::http::console::{self, Form, Page};
use people_adapters::http::{Route, status};
use people_core::error::StoreError;
use people_core::id::ImportId;
use people_core::later::Later;
use people_core::log::{Delivery, Ending, ImportLog, PartLog, PartOutcome, State, Subject};
use people_core::log_text::{self, LogKind};
use people_core::shown::Shown;
use people_core::summary::Standing;
use people_core::undelivered;

use super::{Reader, layout, person, words};

/// How many lines of one part, and how many targets of it, are shown at most.
const MOST_LINES: usize = 8;
/// The most bytes of what happened later; the parts have the rest of the page.
const LATER_BYTES: usize = 8 * 1024;
/// How many updates were made due a moment ago.
const DUE: &str = "due";
/// The entry that a page begins with.
const FROM: &str = "from";

/// A part and its number.
type Numbered = (usize, PartLog);

/// The page of an import.
pub(super) async fn answer(
    reader: &Reader<'_>,
    id: ImportId,
    query: &Form,
) -> Result<Response<String>, StoreError> {
    let Some(log) = find(reader, id).await? else {
        return Ok(console::page(Page::Missing, layout::missing(reader)));
    };
    let content = content(reader, &log, query);
    Ok(console::page(Page::Found, layout::page(Some((reader, None)), "Import", content)))
}

/// Its log, to the byte of the documented API.
pub(super) async fn download(reader: &Reader<'_>, id: ImportId) -> Result<Response<String>, StoreError> {
    Ok(match find(reader, id).await? {
        Some(log) => console::download(id, log_text::render(&log)),
        None => console::page(Page::Missing, layout::missing(reader)),
    })
}

/// Where a reader is led who asked for a delivery of so many updates.
pub(super) fn asked_for(id: ImportId, due: usize) -> String {
    format!("{}?{DUE}={due}", Route::ConsoleImport.to(id))
}

async fn find(reader: &Reader<'_>, id: ImportId) -> Result<Option<ImportLog>, StoreError> {
    let now = reader.app.clock.now();
    Ok(reader.app.imports.find(id).await?.map(|log| log.seen_at(now)))
}

fn content(reader: &Reader<'_>, log: &ImportLog, query: &Form) -> Markup {
    let summary = log.summary();
    html! {
        p.back { a href=(Route::Console.path()) { "All imports" } }
        div.title {
            h1 { (words::sentence(&summary)) }
            (words::badge(summary.now()))
        }
        @if let Some(due) = query.get(DUE).and_then(|due| due.parse().ok()) { (notice(due)) }
        @if log.dry_run {
            p.note { b { "Dry run." } " Nothing was delivered or stored; this is what would have happened." }
        }
        (facts(reader, log))
        div.actions {
            a.button href=(Route::ConsoleLog.to(log.id)) { "Download the log" }
            (deliver(reader, log))
        }
        @if let Some(fault) = &log.fault {
            section {
                h2 { "The request was at fault" }
                ul.lines { (line(LogKind::of(fault), &fault.to_string())) }
                p.hint { "None of its parts was judged, and nothing was delivered." }
            }
        }
        (parts(log, query))
        @if !log.later.is_empty() { (later(reader, log)) }
    }
}

fn notice(due: usize) -> Markup {
    html! {
        p.note role="status" {
            @if due == 0 { "Nothing of this import waits any more." }
            @else { b { (words::number(due, "update is", "updates are")) " due now." } " They are delivered within a minute. Load the page again to see what came of it." }
        }
    }
}

fn facts(reader: &Reader<'_>, log: &ImportLog) -> Markup {
    let answered = match log.state {
        State::Ended(answer) => status(answer).as_u16().to_string(),
        State::Accepted | State::Running => "not yet".to_owned(),
    };
    html! {
        dl.facts {
            div { dt { "Received" } dd { (words::moment(reader.visit.zone, log.received_at)) " (" (reader.visit.zone.ahead(log.received_at)) ")" } }
            div { dt { "Key" } dd { (log.key_name.unquoted()) } }
            div { dt { "Came as" } dd { (words::source(log.source)) } }
            div { dt { "Parts" } dd { (log.parts.len()) } }
            div { dt { "Answered" } dd { (answered) } }
            div.long { dt { "Request id" } dd.id { (log.id.to_string()) } }
        }
    }
}

/// A button, where anything waits.
fn deliver(reader: &Reader<'_>, log: &ImportLog) -> Markup {
    let waiting = undelivered::missing(log).len();
    html! {
        @if waiting > 0 {
            form method="post" action=(Route::ConsoleDeliver.to(log.id)) {
                (layout::token(reader))
                button.main type="submit" { "Deliver now" }
                span.hint { (words::number(waiting, "update waits", "updates wait")) }
            }
        }
    }
}

/// The parts, those that failed first, as many as fit.
fn parts(log: &ImportLog, query: &Form) -> Markup {
    let mut all: Vec<Numbered> = log.parts_now().into_iter().enumerate().collect();
    all.sort_by_key(|(number, part)| (rank(part.outcome.standing()), *number));
    let from = query.get(FROM).and_then(|from| from.parse().ok()).unwrap_or(0).min(all.len());
    let rest = &all[from..];
    let bytes = words::MOST_BYTES - if log.later.is_empty() { 0 } else { LATER_BYTES };
    let (entries, count) = words::fitting_into(bytes, rest, |(number, part)| entry(log, *number, part));
    let (path, next) = (Route::ConsoleImport.to(log.id), from + count);
    let differ = all.iter().any(|(_, part)| part.outcome.standing() != all[0].1.outcome.standing());
    html! {
        @if !all.is_empty() {
            section aria-labelledby="parts" {
                h2 id="parts" { "Parts" }
                @if differ { p.hint { "What failed comes first." } }
                ol.entries { (entries) }
                (words::pages("Pages of parts", &[
                    (from > 0).then(|| (path.clone(), "First parts")),
                    (next < all.len()).then(|| (format!("{path}?{FROM}={next}"), "More parts")),
                ]))
            }
        }
    }
}

fn rank(standing: Standing) -> u8 {
    match standing {
        Standing::Unsuccessful => 0,
        Standing::Pending => 1,
        Standing::Successful => 2,
    }
}

fn entry(log: &ImportLog, number: usize, part: &PartLog) -> Markup {
    let lines = log_text::lines_of_part(number, part, log.names_targets);
    html! {
        li.entry {
            (words::badge(part.outcome.standing()))
            div.body {
                h3 { "Part " (number) ": " (subject(&part.subject)) }
                @if lines.is_empty() { p.hint { "Nothing is known of it yet." } }
                ul.lines {
                    @for (kind, text) in lines.iter().take(MOST_LINES) { (line(*kind, text)) }
                }
                @if lines.len() > MOST_LINES {
                    p.hint { (lines.len() - MOST_LINES) " more lines are in the log." }
                }
                @if let PartOutcome::Delivered { deliveries, .. } = &part.outcome { (targets(deliveries)) }
            }
        }
    }
}

fn subject(subject: &Subject) -> Markup {
    html! {
        @match subject {
            Subject::Person(None) => { "a person" }
            Subject::Person(Some(name)) => { a href=(person::path(name.as_str(), None)) { (name.unquoted()) } }
            Subject::Document(None) => { "a file" }
            Subject::Document(Some((name, file))) => {
                (file.unquoted()) " of " a href=(person::path(name.as_str(), None)) { (name.unquoted()) }
            }
            Subject::Unknown => { "neither a person nor a file" }
        }
    }
}

fn line(kind: LogKind, text: &str) -> Markup {
    html! { li { (words::kind(kind)) " " span { (words::cut(text)) } } }
}

/// What was tried at each target.
fn targets(deliveries: &[Delivery]) -> Markup {
    html! {
        @if !deliveries.is_empty() {
            ul.targets aria-label="Targets" {
                @for delivery in deliveries.iter().take(MOST_LINES) { li { (target(delivery)) } }
            }
            @if deliveries.len() > MOST_LINES { p.hint { (deliveries.len() - MOST_LINES) " more targets are in the log." } }
        }
    }
}

fn target(delivery: &Delivery) -> Markup {
    let outcome = &delivery.outcome;
    html! {
        b { (words::cut(&delivery.target)) } " " (words::ending(&outcome.ending))
        span.meta {
            @if let Some(code) = &outcome.code { span { "code " (Shown::new(code).unquoted()) } }
            span { (words::number(outcome.attempts as usize, "attempt", "attempts")) }
            span { (words::duration(outcome.duration_ms)) }
        }
        @match &outcome.ending {
            Ending::PartlyUpdated(why) | Ending::Refused(why) | Ending::Deferred(why) | Ending::GivenUp(why) => {
                span.why { (words::cut(why)) }
            }
            Ending::WouldPartlyUpdate(_, why) => { span.why { (words::cut(why)) } }
            // The part's lines say which fields would change.
            Ending::WouldUpdate(_)
            | Ending::Updated
            | Ending::Unchanged
            | Ending::UnknownPerson
            | Ending::Superseded => {}
        }
    }
}

/// What happened after the import was answered, the newest first, as much as fits beside the parts.
fn later(reader: &Reader<'_>, log: &ImportLog) -> Markup {
    let newest: Vec<&Later> = log.later.iter().rev().collect();
    let (entries, count) = words::fitting_into(LATER_BYTES, &newest, |later| news(reader, log, later));
    html! {
        section aria-labelledby="later" {
            h2 id="later" { "What happened later" }
            ol.entries { (entries) }
            @if log.later.len() > count { p.hint { "What happened before that is in the log." } }
        }
    }
}

fn news(reader: &Reader<'_>, log: &ImportLog, later: &Later) -> Markup {
    html! {
        li.later {
            p.meta { (words::moment(reader.visit.zone, later.at)) span { "part " (later.part) } }
            ul.lines {
                @for (kind, text) in log_text::lines_of_later(later, log).iter().take(3) { (line(*kind, text)) }
            }
        }
    }
}
