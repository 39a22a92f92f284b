//! What the list can be narrowed by: the form, and the paths that keep it narrowed from page to page.

use maud::{Markup, html};
use people_adapters::http::Route;
use people_adapters::http::console::Form;
use people_adapters::http::status;
use people_core::id::ImportId;
use people_core::log::Answer;
use people_core::log_text::LogKind;
use people_core::shown::Shown;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::words;

pub(super) const ERRORS_ONLY: &str = "errorsOnly";
/// The last import of the page before.
pub(super) const BEFORE: &str = "before";
/// What is typed or chosen: the names that the API has.
const PERSON: &str = "person";
const KEY_NAME: &str = "keyName";
const TARGET: &str = "target";
const FROM: &str = "from";
const TO: &str = "to";
const STATUS: &str = "status";
const KIND: &str = "kind";
const SOURCE: &str = "source";
const DRY_RUN: &str = "dryRun";
const MORE: [&str; 9] = [PERSON, KEY_NAME, TARGET, FROM, TO, STATUS, KIND, SOURCE, DRY_RUN];

const SOURCES: [(&str, &str); 5] = [
    ("direct", "a request"),
    ("document", "a single document"),
    ("staged", "a body sent ahead"),
    ("inbox", "a file of the inbox"),
    ("redelivery", "any, and delivered again"),
];

/// Whether anything is left out of the list.
pub(super) fn is_narrowed(query: &Form) -> bool {
    query.get(ERRORS_ONLY) == Some("true") || has_more(query)
}

fn has_more(query: &Form) -> bool {
    MORE.iter().any(|name| query.get(name).is_some())
}

/// The path to the list, narrowed as it is, behind this import.
pub(super) fn path(query: &Form, before: Option<ImportId>) -> String {
    let kept = [ERRORS_ONLY].iter().chain(&MORE).filter_map(|name| {
        let value = utf8_percent_encode(query.get(name)?, NON_ALPHANUMERIC);
        Some(format!("{name}={value}"))
    });
    let pairs: Vec<_> = kept.chain(before.map(|before| format!("{BEFORE}={before}"))).collect();
    let path = Route::Console.path();
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
}

/// What else narrows the list, for a form that changes one thing of it.
pub(super) fn hidden(query: &Form) -> Markup {
    html! {
        @for (name, value) in MORE.iter().filter_map(|name| Some((name, query.get(name)?))) {
            input type="hidden" name=(name) value=(value);
        }
    }
}

/// The form, open where it is in use.
pub(super) fn form(query: &Form) -> Markup {
    let statuses = statuses();
    let kinds: Vec<_> = LogKind::ALL.iter().map(|kind| format!("{kind:?}")).collect();
    html! {
        details.more open[has_more(query)] {
            summary { "More filters" }
            form method="get" action=(Route::Console.path()) {
                @if query.get(ERRORS_ONLY) == Some("true") {
                    input type="hidden" name=(ERRORS_ONLY) value="true";
                }
                div.fields {
                    (text(query, PERSON, "Person", "text", 256))
                    (text(query, KEY_NAME, "Key", "text", 128))
                    (text(query, TARGET, "Target", "text", 40))
                    (text(query, FROM, "From (day, UTC)", "date", 10))
                    (text(query, TO, "To (day, UTC)", "date", 10))
                    (choice(query, STATUS, "Answered", statuses.iter().map(|one| (one.as_str(), one.as_str()))))
                    (choice(query, KIND, "Log line", kinds.iter().map(|kind| (kind.as_str(), kind.as_str()))))
                    (choice(query, SOURCE, "Came as", SOURCES.into_iter()))
                    (choice(query, DRY_RUN, "Dry run", [("true", "only"), ("false", "none")].into_iter()))
                }
                p {
                    button type="submit" { "Apply" }
                    @if has_more(query) { " " a href=(Route::Console.path()) { "Clear" } }
                }
            }
        }
    }
}

fn statuses() -> Vec<String> {
    let mut statuses: Vec<_> = Answer::ALL.iter().map(|answer| status(*answer).as_u16()).collect();
    statuses.sort_unstable();
    statuses.dedup();
    statuses.iter().map(u16::to_string).collect()
}

/// A field for a text, with what was typed before; what is in it that cannot be seen is shown.
fn text(query: &Form, name: &str, label: &str, kind: &str, most: usize) -> Markup {
    let typed = query.get(name).map(|typed| if typed.chars().count() > most { "" } else { typed });
    html! {
        p.field {
            label for=(name) { (label) }
            input type=(kind) id=(name) name=(name) value=[typed] maxlength=(most) autocomplete="off" spellcheck="false";
            @if let Some(odd) = typed.map(Shown::new).filter(|shown| shown.unquoted() != shown.as_str()) {
                span.hint { "Read as " (words::cut(&odd.unquoted())) }
            }
        }
    }
}

fn choice<'a>(
    query: &Form,
    name: &str,
    label: &str,
    options: impl Iterator<Item = (&'a str, &'a str)>,
) -> Markup {
    html! {
        p.field {
            label for=(name) { (label) }
            select id=(name) name=(name) {
                option value="" { "any" }
                @for (value, shown) in options {
                    option value=(value) selected[query.get(name) == Some(value)] { (shown) }
                }
            }
        }
    }
}
