//! What has not arrived yet, what is tried next first, with the button that has it tried now.

use http::Response;
use maud::{Markup, html};
use people_adapters::http::Route;
use people_adapters::http::console::{self, Form, Page};
use people_core::error::StoreError;
use people_core::ports::WaitingPage;
use people_core::undelivered::Waiting;

use super::{Reader, layout, person, words};

/// How many updates a page has at most.
const LIMIT: usize = 50;
const AFTER: &str = "after";

/// The list of what waits.
pub(super) async fn answer(reader: &Reader<'_>, query: &Form) -> Result<Response<String>, StoreError> {
    let after = query.get(AFTER).and_then(|after| console::read_waiting_cursor(after).ok());
    let wanted = WaitingPage { after, limit: LIMIT + 1, ..WaitingPage::default() };
    let found = reader.app.undelivered.list(&wanted).await?;
    let count = reader.app.undelivered.count().await?;
    let content = content(reader, &found, count, wanted.after.is_some());
    let page = layout::page(Some((reader, Some(Route::ConsoleUndelivered))), "Undelivered", content);
    Ok(console::page(Page::Found, page))
}

fn content(reader: &Reader<'_>, found: &[Waiting], count: u64, is_later: bool) -> Markup {
    let shown = found.get(..LIMIT).unwrap_or(found);
    let (entries, fitted) = words::fitting(shown, |waiting| entry(reader, waiting));
    let next = shown.get(..fitted).and_then(<[Waiting]>::last).filter(|_| found.len() > fitted);
    let path = Route::ConsoleUndelivered.path();
    html! {
        h1 { "Undelivered" }
        @if found.is_empty() {
            p.empty { "Everything has arrived." }
        } @else {
            p.hint {
                @if count == 1 { "1 update waits" } @else { (count) " updates wait" }
                ". Each is tried again by itself, for at most 24 hours after it was received."
            }
            ol.entries { (entries) }
        }
        (words::pages("Pages", &[
            is_later.then(|| (path.to_owned(), "What is tried next")),
            next.map(|last| (format!("{path}?{AFTER}={}", console::write_waiting_cursor(last)), "What is tried later")),
        ]))
    }
}

fn entry(reader: &Reader<'_>, waiting: &Waiting) -> Markup {
    let place = &waiting.place;
    let is_due = waiting.next_at <= reader.app.clock.now();
    html! {
        li.entry {
            (words::badge(people_core::summary::Standing::Pending))
            div.body {
                h2 {
                    a href=(person::path(waiting.person.as_str(), None)) { (waiting.person.unquoted()) }
                    @if let Some(target) = &place.target { " at " (words::cut(target)) }
                }
                p { (words::cut(&waiting.reason)) }
                p.meta {
                    @if is_due { span { "due now, within a minute" } }
                    @else { span { "next try " (words::moment(reader.visit.zone, waiting.next_at)) } }
                    span { (words::number(waiting.attempts as usize, "attempt", "attempts")) }
                    a href=(Route::ConsoleImport.to(place.import)) { "part " (place.part) " of an import" span.unseen { " " (place.import.to_string()) } }
                }
            }
            @if !is_due {
                form method="post" action=(Route::ConsoleDeliver.to(place.import)) {
                    (layout::token(reader))
                    button type="submit" { "Deliver now" span.unseen { " what waits of import " (place.import.to_string()) } }
                }
            }
        }
    }
}
