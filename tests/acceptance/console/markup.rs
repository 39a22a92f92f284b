//! What callers write is text wherever it is shown: no script of theirs runs, and no element of theirs is there.

use people_core::key::KeyHash;
use people_core::ports::{ApiKey, Feature};
use serde_json::json;

use super::browser::{Browser, Scripts};
use super::{console, id, search, sign_in};
use crate::http::{Reply, multipart, send};
use crate::stack::{Local, PDF};

/// Says that it ran in a way that the next page does not forget.
const SCRIPT: &str = "<script>window.name=\"ran\"</script>";
const IMAGE: &str = "<img src=x onerror=window.name=\"ran\">";
const LINK: &str = "\"><a href=\"javascript:window.name=1\" onfocus=window.name=1 autofocus>x</a>";

/// Nothing that a caller wrote is part of the page, and what it says is there as text, if it is to be.
fn is_only_text(browser: &Browser, shown: &[&str]) {
    let foreign = browser.run(
        "return [window.name, document.querySelectorAll(
           'script, img, iframe, object, embed, base, [onfocus], [onerror], [style], style, a[href^=\"javascript:\"]').length]",
    );
    let url = browser.url();
    assert_eq!(foreign, json!(["", 0]), "{url}");
    let text = browser.run("return document.body.textContent").as_str().unwrap().to_owned();
    for piece in shown {
        assert!(text.contains(piece), "{url} does not show {piece}: {text}");
    }
    let overflow = browser.run("return document.documentElement.scrollWidth - window.innerWidth");
    assert!(overflow.as_i64().unwrap() <= 0, "{url} is {overflow} too wide");
}

/// Imports with a key of such a name.
async fn import(local: &Local, content_type: &str, body: &[u8]) -> Reply {
    let app = local.app().await;
    let key = ApiKey::new(KeyHash::of("a key"), SCRIPT, [Feature::PeopleImport], app.clock.now());
    app.keys.create(&key).await.unwrap();
    let headers = [("x-functions-key", "a key"), ("Content-Type", content_type)];
    send("PUT /api/PeopleImport", &local.ready().api, &headers, body)
}

#[tokio::test(flavor = "multi_thread")]
async fn markup_in_whatever_callers_control_is_text() {
    let local = Local::start().await;
    let Some(browser) = Browser::start(Scripts::Allowed) else { return };
    // A target that answers with markup, and does so for a reason that passes.
    let page = format!("{SCRIPT}{IMAGE}");
    local
        .fault(&json!([{"status": 503, "body": page}, {"person": "100200301", "status": 400, "body": page}]));
    let people = json!([
        {"userPrincipalName": SCRIPT, "lastName": "Miller"},
        {"userPrincipalName": IMAGE, LINK: "x", SCRIPT: "y"},
        {"employeeId": LINK, "userPrincipalName": "joe@company.com"},
        {"employeeId": "100200300", "lastName": "Miller"},
        {"employeeId": "100200301", "lastName": "Miller"},
    ]);
    let of_people = id(&import(&local, "application/json", people.to_string().as_bytes()).await);
    let name = |name: &str| {
        let name = name.replace('"', "\\\"");
        format!(
            "Content-Type: application/pdf\r\nContent-Disposition: form-data; name=f; filename=\"{name}.pdf\""
        )
    };
    let [stored, refused] =
        [name(&format!("joe@company.com__salary__{IMAGE}")), name(&format!("{LINK}__{IMAGE}__a"))];
    let files = multipart(&[(&stored, PDF), (&refused, PDF)]);
    let of_files = id(&import(&local, "multipart/form-data; boundary=b", &files).await);

    sign_in(&browser, &local);
    is_only_text(&browser, &[SCRIPT]);
    search(&browser, &local, &of_people.to_string());
    is_only_text(&browser, &[SCRIPT, IMAGE, "<a href="]);
    search(&browser, &local, &of_files.to_string());
    is_only_text(&browser, &[SCRIPT, IMAGE]);
    browser.press("Undelivered");
    browser.is_at("Undelivered");
    is_only_text(&browser, &[]);
    browser.press("Targets");
    browser.is_at("Targets");
    is_only_text(&browser, &["aktion"]);
    for person in [SCRIPT, IMAGE, LINK] {
        search(&browser, &local, person);
        is_only_text(&browser, &[person]);
    }
    let console = console(&local);
    for path in [
        "?before=%3Cscript%3E",
        "/imports/%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        "/people?person=%22%3E%3Cscript%3Ewindow.name=1%3C/script%3E",
        "/undelivered?after=%3Cscript%3E",
    ] {
        browser.open(&format!("{console}{path}"));
        is_only_text(&browser, &[]);
    }
}
