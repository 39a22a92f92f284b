//! The console in a real browser: what support staff do there, what others try, and how it looks.

mod browser;
mod flows;
mod looks;
mod markup;
mod strangers;

use people_core::id::ImportId;
use serde_json::{Value, json};

use crate::http::{Reply, send};
use crate::stack::Local;
use browser::Browser;

/// What a heading says of an import of one update that waits.
const PENDING: &str = "Import pending, 0 updated, 0 errors, 1 to come";

fn console(local: &Local) -> String {
    format!("{}/console", local.ready().api)
}

/// Signs in with the key for the logs.
fn sign_in(browser: &Browser, local: &Local) {
    browser.open(&console(local));
    sign_in_with(browser, &local.ready().keys["ImportLogs"]);
    browser.is_at("Imports");
}

fn sign_in_with(browser: &Browser, key: &str) {
    browser.is_at("Sign in");
    browser.fill("API key", key);
    browser.press("Sign in");
}

/// Searches for a request id or a person.
fn search(browser: &Browser, local: &Local, what: &str) {
    browser.open(&console(local));
    browser.fill("Request id or person", what);
    browser.press("Search");
}

/// A target hangs up whenever it is called.
fn is_down(local: &Local, target: &str, down: bool) {
    local.fault_at(target, &if down { json!([{"close": "before"}]) } else { json!([]) });
}

/// An update of one person that one target alone takes.
fn of_aktion(person: &str, name: &str) -> Value {
    json!([{"userPrincipalName": person, "lastName": name}])
}

fn id(answer: &Reply) -> ImportId {
    ImportId::parse(answer.text()).unwrap()
}

/// Delivers again what has not arrived, as the schedule does.
fn run_schedule(local: &Local) {
    let ran = send("POST /_local/run/redelivery", &local.ready().api, &[], b"");
    assert_eq!(ran.status, 200, "{}", ran.text());
}
