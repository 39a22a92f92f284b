//! The list of the imports, newest first, with the search for one of them or for a person, and all that it can be narrowed by.

use http::Response;
use maud::{Markup, html};
use people_adapters::http::Route;
use people_adapters::http::console::{self, Form, Page};
use people_core::error::StoreError;
use people_core::id::ImportId;
use people_core::lookup::{self, Filter, Found, Wanted};
use people_core::summary::Summary;

use super::filters::{self, BEFORE, ERRORS_ONLY};
use super::{Reader, layout, person, words};

/// How many imports a page has at most.
const LIMIT: usize = 50;
const SEARCH: &str = "search";

/// The list; or what was searched for, where it is somewhere else.
pub(super) async fn answer(reader: &Reader<'_>, query: &Form) -> Result<Response<String>, StoreError> {
    if let Some(searched) = query.get(SEARCH).map(str::trim).filter(|searched| !searched.is_empty()) {
        let page = ImportId::parse(searched).map(|id| Route::ConsoleImport.to(id));
        return Ok(console::led_to(&page.unwrap_or_else(|| person::path(searched, None)), &[]));
    }
    let before = query.get(BEFORE).and_then(ImportId::parse);
    let (found, problem) = match query.filter() {
        Ok(filter) => (find(reader, filter, before).await?, None),
        Err(problem) => (Found { imports: Vec::new(), next: None }, Some(problem.to_string())),
    };
    let content = content(reader, query, &found, problem.as_deref());
    let page = layout::page(Some((reader, Some(Route::Console))), "Imports", content);
    Ok(console::page(Page::Found, page))
}

async fn find(reader: &Reader<'_>, filter: Filter, before: Option<ImportId>) -> Result<Found, StoreError> {
    lookup::imports(reader.app, &Wanted { filter, before, limit: LIMIT }).await
}

fn content(reader: &Reader<'_>, query: &Form, found: &Found, problem: Option<&str>) -> Markup {
    let (entries, count) = words::fitting(&found.imports, |summary| entry(reader, summary));
    let last = found.imports.get(..count).and_then(<[Summary]>::last);
    let next = if count < found.imports.len() { last.map(|last| last.id) } else { found.next };
    html! {
        h1 { "Imports" }
        div.tools {
            (search())
            (switch(query))
        }
        (filters::form(query))
        @if let Some(problem) = problem {
            p.problem role="alert" { (problem) }
        } @else if found.imports.is_empty() {
            p.empty { (nothing(query, next.is_some())) }
        } @else {
            ol.entries { (entries) }
        }
        (words::pages("Pages", &[
            query.get(BEFORE).map(|_| (filters::path(query, None), "Newest")),
            next.map(|next| (filters::path(query, Some(next)), "Older")),
        ]))
    }
}

fn nothing(query: &Form, is_more: bool) -> &'static str {
    match (is_more, query.get(BEFORE), filters::is_narrowed(query)) {
        (true, _, _) => "None of the imports that were looked at; there are older ones.",
        (false, Some(_), _) => "There is nothing older.",
        (false, None, true) => "There is no such import.",
        (false, None, false) => "Nothing has been imported yet.",
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
fn switch(query: &Form) -> Markup {
    let is_on = query.get(ERRORS_ONLY) == Some("true");
    html! {
        form.switch method="get" action=(Route::Console.path()) {
            (filters::hidden(query))
            button type="submit" role="switch" aria-checked=(if is_on { "true" } else { "false" })
                name=[(!is_on).then_some(ERRORS_ONLY)] value="true" {
                "Show only logs with errors"
            }
        }
    }
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
                    @if summary.redelivered { span.tag { "Delivered again" } }
                }
                p.meta.id { (summary.id.to_string()) }
            }
        }
    }
}
