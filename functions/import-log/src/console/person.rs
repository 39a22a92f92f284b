//! What imports did to one person, over all files and targets.

use http::Response;
use maud::html;
use people_adapters::http::Route;
use people_adapters::http::console::{self, Form, Page};
use people_core::error::StoreError;
use people_core::id::ImportId;
use people_core::shown::Shown;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Reader, layout};

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
    let person = Shown::new(query.get(PERSON).unwrap_or_default()).unquoted();
    let content = html! {
        p.back { a href=(Route::Console.path()) { "All imports" } }
        h1 { (person) }
        p.empty { "Nothing is known of this person." }
    };
    Ok(console::page(Page::Found, layout::page(Some((reader, None)), "Person", content)))
}
