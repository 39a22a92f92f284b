//! What support staff come for: they find the import, read why, have it delivered again, and see that it was.

use people_core::id::ImportId;

use super::browser::{Browser, Scripts};
use super::{PENDING, console, id, is_down, of_aktion, run_schedule, search, sign_in};
use crate::stack::Local;

/// An import that waits, because its target is down.
fn deferred(local: &Local, person: &str) -> ImportId {
    is_down(local, "aktion", true);
    let answer = local.json(&of_aktion(person, "Miller"));
    assert_eq!(answer.status, 202, "{}", answer.text());
    id(&answer)
}

/// From the sign-in to the end of the session.
fn finds_reads_and_delivers(browser: &Browser, local: &Local) {
    let fine = id(&local.json(&of_aktion("sarah@company.com", "Smith")));
    let import = deferred(local, "joe@company.com");
    sign_in(browser, local);
    browser.press("Show only logs with errors");
    browser.sees(&import.to_string());
    assert!(!shown(browser).contains(&fine.to_string()));

    search(browser, local, &import.to_string());
    browser.is_at(PENDING);
    browser.sees("aktion does not answer");
    search(browser, local, " joe@company.com ");
    browser.is_at("joe@company.com");
    browser.sees("aktion does not answer");
    search(browser, local, &import.to_string());

    browser.press("Deliver now");
    browser.sees("1 update is due now.");
    browser.is_at(PENDING);
    browser.press("Undelivered");
    browser.is_at("Undelivered");
    browser.sees("joe@company.com");
    is_down(local, "aktion", false);
    run_schedule(local);

    browser.press("Undelivered");
    browser.sees("Everything has arrived.");
    search(browser, local, &import.to_string());
    browser.is_at("Import successful, 1 updated, 0 errors");
    browser.sees("What happened later");
    assert_eq!(local.person("100200300")["Surname"], "Miller");
    browser.press("Sign out");
    browser.is_at("Sign in");
    browser.open(&format!("{}/imports/{import}", console(local)));
    browser.is_at("Sign in");
    assert!(!shown(browser).contains("joe@company.com"), "nothing is shown after that");
}

fn shown(browser: &Browser) -> String {
    browser.run("return document.body.innerText").as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_import_is_found_read_delivered_again_and_seen_to_succeed() {
    let local = Local::start().await;
    let Some(browser) = Browser::start(Scripts::Allowed) else { return };
    finds_reads_and_delivers(&browser, &local);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_it_works_in_a_browser_that_runs_no_scripts() {
    let local = Local::start().await;
    let Some(browser) = Browser::start(Scripts::Forbidden) else { return };
    finds_reads_and_delivers(&browser, &local);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_led_to_the_sign_in_comes_back_to_the_page() {
    let local = Local::start().await;
    let Some(browser) = Browser::start(Scripts::Allowed) else { return };
    let import = id(&local.json(&of_aktion("joe@company.com", "Miller")));
    browser.open(&format!("{}/imports/{import}", console(&local)));
    super::sign_in_with(&browser, &local.ready().keys["ImportLogs"]);
    browser.is_at("Import successful, 1 updated, 0 errors");
    browser.sees(&import.to_string());
}
