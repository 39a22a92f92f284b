//! What all pages have in common: head, navigation, time zone and style, and the pages that say that there is none.

use std::sync::LazyLock;

use http::Response;
use maud::{DOCTYPE, Markup, html};
use people_adapters::http::Route;
use people_adapters::http::console::{self, Form};
use people_core::shown::Shown;
use people_core::zone::{ZONES, Zone};

use super::Reader;
use super::forms::{BACK, ZONE};

const STYLE: &str = include_str!("style.css");
static STYLE_PATH: LazyLock<String> =
    LazyLock::new(|| format!("{}?{}", Route::ConsoleStyle.path(), console::style_version(STYLE)));

/// The most bytes of a path that a page repeats.
const MAX_BACK: usize = 2_000;

/// The pages of the navigation.
const PAGES: [(Route, &str); 3] = [
    (Route::Console, "Imports"),
    (Route::ConsoleUndelivered, "Undelivered"),
    (Route::ConsoleTargets, "Targets"),
];

/// How the pages look.
pub(super) fn style() -> Response<String> {
    console::style(STYLE)
}

/// A whole page, for a reader or for somebody who has not signed in. `place` is where it is in the navigation.
pub(super) fn page(reader: Option<(&Reader<'_>, Option<Route>)>, title: &str, content: Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · People Import" }
                link rel="stylesheet" href=(STYLE_PATH.as_str());
            }
            body {
                a.skip href="#content" { "Skip to the content" }
                header.top {
                    div.wide {
                        a.brand href=(Route::Console.path()) { "People Import" }
                        @if let Some((reader, place)) = reader { (navigation(reader, place)) }
                    }
                }
                main.wide id="content" tabindex="-1" { (content) }
                @if let Some((reader, _)) = reader { (footer(reader)) }
            }
        }
    };
    page.into_string()
}

fn navigation(reader: &Reader<'_>, place: Option<Route>) -> Markup {
    html! {
        nav aria-label="Console" {
            ul {
                @for (route, name) in PAGES {
                    li { a href=(route.path()) aria-current=[(place == Some(route)).then_some("page")] { (name) } }
                }
            }
        }
        form.account method="post" action=(Route::ConsoleSignOut.path()) {
            (token(reader))
            span.who { "Signed in as " b { (Shown::new(&reader.session.key_name).unquoted()) } }
            button type="submit" { "Sign out" }
        }
    }
}

fn footer(reader: &Reader<'_>) -> Markup {
    let zone = reader.visit.zone;
    html! {
        footer.bottom {
            form.wide method="post" action=(Route::ConsoleTimeZone.path()) {
                (token(reader))
                input type="hidden" name=(BACK) value=(back(reader));
                label for="zone" { "Times are shown as in" }
                (zones("zone", zone))
                button type="submit" { "Change" }
                span.hint { "Now " (zone.show(reader.app.clock.now())) " (" (zone.ahead(reader.app.clock.now())) ")" }
            }
        }
    }
}

/// The page that is looked at, unless its path is so long that pages would be.
fn back<'a>(reader: &'a Reader<'_>) -> &'a str {
    let path = reader.visit.path.as_str();
    if path.len() <= MAX_BACK { path } else { Route::Console.path() }
}

/// A choice of time zones.
pub(super) fn zones(id: &str, chosen: Zone) -> Markup {
    html! {
        select id=(id) name=(ZONE) {
            @for zone in ZONES {
                option value=(zone.id) selected[zone == chosen] { (zone.places) }
            }
        }
    }
}

/// What proves that a form was sent by a page of this session.
pub(super) fn token(reader: &Reader<'_>) -> Markup {
    html! { input type="hidden" name=(Form::TOKEN) value=(reader.token.form_token()); }
}

/// The page for what is not there.
pub(super) fn missing(reader: &Reader<'_>) -> String {
    let content = html! {
        h1 { "There is nothing here" }
        p { "The request id is unknown, or its log has expired. Logs are kept for as long as this service was told to." }
        p { a href=(Route::Console.path()) { "All imports" } }
    };
    page(Some((reader, None)), "There is nothing here", content)
}

/// The page for a form that no page of this session sent.
pub(super) fn forged(reader: &Reader<'_>) -> String {
    let content = html! {
        h1 { "Nothing was done" }
        p { "The form was not sent by a page of this session. Open the page again and repeat what you did." }
        p { a href=(Route::Console.path()) { "All imports" } }
    };
    page(Some((reader, None)), "Nothing was done", content)
}

/// The page for what a store of ours could not tell.
pub(super) fn unavailable() -> String {
    let content = html! {
        h1 { "Not available just now" }
        p { "A store of this service failed. Nothing is lost. Try it again in a moment." }
        p { a href=(Route::Console.path()) { "All imports" } }
    };
    page(None, "Not available just now", content)
}
