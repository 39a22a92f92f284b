//! The list of the imports, newest first, with the search for one of them or for a person.

use http::Response;
use maud::{Markup, html};
use people_adapters::http::Route;
use people_adapters::http::console::{self, Form, Page};
use people_core::error::StoreError;
use people_core::id::ImportId;
use people_core::ports;
use people_core::summary::Summary;

use super::{Reader, layout, person, words};

/// How many imports a page has at most.
const LIMIT: usize = 50;

const SEARCH: &str = "search";
const ERRORS_ONLY: &str = "errorsOnly";
const BEFORE: &str = "before";

/// What a reader wants to see.
struct Wanted {
    before: Option<ImportId>,
    errors_only: bool,
}

/// The list; or what was searched for, where it is somewhere else.
pub(super) async fn answer(reader: &Reader<'_>, query: &Form) -> Result<Response<String>, StoreError> {
    if let Some(searched) = query.get(SEARCH).map(str::trim).filter(|searched| !searched.is_empty()) {
        let page = ImportId::parse(searched).map(|id| Route::ConsoleImport.to(id));
        return Ok(console::led_to(&page.unwrap_or_else(|| person::path(searched, None)), &[]));
    }
    let wanted = Wanted {
        before: query.get(BEFORE).and_then(ImportId::parse),
        errors_only: query.get(ERRORS_ONLY) == Some("true"),
    };
    let (before, errors_only) = (wanted.before, wanted.errors_only);
    let page = ports::Page { before, from: None, limit: LIMIT + 1, errors_only };
    let now = reader.app.clock.now();
    let found = reader.app.imports.list(&page).await?;
    let found: Vec<_> = found.into_iter().map(|summary| summary.seen_at(now)).collect();
    let page =
        layout::page(Some((reader, Some(Route::Console))), "Imports", content(reader, &wanted, &found));
    Ok(console::page(Page::Found, page))
}

fn content(reader: &Reader<'_>, wanted: &Wanted, found: &[Summary]) -> Markup {
    let shown = found.get(..LIMIT).unwrap_or(found);
    let (entries, count) = words::fitting(shown, |summary| entry(reader, summary));
    let next = shown.get(..count).and_then(<[Summary]>::last).filter(|_| found.len() > count);
    html! {
        h1 { "Imports" }
        div.tools {
            (search())
            (switch(wanted))
        }
        @if found.is_empty() {
            p.empty { (nothing(wanted)) }
        } @else {
            ol.entries { (entries) }
        }
        (words::pages("Pages", &[
            wanted.before.map(|_| (path(wanted.errors_only, None), "Newest")),
            next.map(|last| (path(wanted.errors_only, Some(last.id)), "Older")),
        ]))
    }
}

fn nothing(wanted: &Wanted) -> &'static str {
    match (wanted.before, wanted.errors_only) {
        (Some(_), _) => "There is nothing older.",
        (None, true) => "No import has errors.",
        (None, false) => "Nothing has been imported yet.",
    }
}

fn search() -> Markup {
    html! {
        form.search role="search" method="get" action=(Route::Console.path()) {
            label for="search" { "Request id or person" }
            div.row {
                input type="search" id="search" name=(SEARCH) required autocomplete="off" spellcheck="false"
                    autocapitalize="none" aria-describedby="search-hint";
                button type="submit" { "Search" }
            }
            span.hint id="search-hint" { "A person by UPN or employeeId" }
        }
    }
}

/// A button that is pressed in while it holds, so that it takes one press and no script.
fn switch(wanted: &Wanted) -> Markup {
    html! {
        form.switch method="get" action=(Route::Console.path()) {
            button type="submit" role="switch" aria-checked=(if wanted.errors_only { "true" } else { "false" })
                name=[(!wanted.errors_only).then_some(ERRORS_ONLY)] value="true" {
                "Show only logs with errors"
            }
        }
    }
}

fn path(errors_only: bool, before: Option<ImportId>) -> String {
    let errors_only = errors_only.then(|| format!("{ERRORS_ONLY}=true"));
    let before = before.map(|before| format!("{BEFORE}={before}"));
    let query: Vec<_> = errors_only.into_iter().chain(before).collect();
    let path = Route::Console.path();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{}", query.join("&")) }
}

fn entry(reader: &Reader<'_>, summary: &Summary) -> Markup {
    html! {
        li.entry {
            (words::badge(summary.now()))
            div.body {
                a.main href=(Route::ConsoleImport.to(summary.id)) { (words::sentence(summary)) }
                p.meta {
                    (words::moment(reader.visit.zone, summary.received_at))
                    span { (summary.key_name.unquoted()) }
                    span { (words::source(summary.source)) }
                    @if summary.dry_run { span.tag { "Dry run" } }
                }
                p.meta.id { (summary.id.to_string()) }
            }
        }
    }
}
