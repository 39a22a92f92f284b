//! Who gets in, until when, and whose forms are taken.

use std::sync::Arc;

use async_trait::async_trait;
use people_core::error::StoreError;
use people_core::ports::{App, KeyHash, Sessions};
use people_core::session::{MAX_FAILURES, SESSION_LASTS, Session, SessionHash};
use people_core::time::Timestamp;

use crate::browser::{Browser, KEY, NOW, Service};
use crate::logs::{deferred, waiting};

const PAGES: [&str; 4] =
    ["/console", "/console/people?person=joe", "/console/undelivered", "/console/targets"];

#[tokio::test]
async fn whoever_has_not_signed_in_is_asked_to_and_sees_nothing_else() {
    let service = Service::new().await;
    let log = deferred(1);
    service.app.imports.open(&log, None).await.unwrap();
    let browser = Browser::new(&service.app);
    let import = format!("/console/imports/{}", log.id);
    let others = [import.clone(), format!("{import}/log.txt")];
    for path in PAGES.into_iter().chain(others.iter().map(String::as_str)) {
        let page = browser.get(path).await;
        assert_eq!(page.status, if path == "/console" { 200 } else { 401 }, "{path}");
        assert!(page.has("<h1>Sign in</h1>") && !page.has("payroll"), "{path}");
        assert!(page.has(&format!("name=\"back\" value=\"{path}\"")), "{path}");
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        assert!(page.header("content-security-policy").starts_with("default-src 'none'; style-src 'self';"));
        assert_eq!(page.header("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn a_key_is_exchanged_for_a_cookie_and_leads_back_to_where_one_was() {
    let service = Service::new().await;
    let browser = Browser::new(&service.app);
    let form = [("key", KEY), ("back", "%2Fconsole%2Fundelivered"), ("zone", "Europe%2FBerlin")];
    let answer = browser.post("/console/sign-in", &form).await;
    assert_eq!((answer.status, answer.header("location")), (303, "/console/undelivered"));
    let page = browser.get("/console/undelivered").await;
    assert!(page.has("Signed in as <b>support</b>") && page.has("Everything has arrived."));
    assert!(page.has("Now 23 Nov 2023, 17:32:59 (UTC+1)"), "{}", page.body);
    let elsewhere = [("key", KEY), ("back", "https%3A%2F%2Fevil.example%2Fconsole")];
    assert_eq!(browser.post("/console/sign-in", &elsewhere).await.header("location"), "/console");
}

#[tokio::test]
async fn a_wrong_key_is_refused_with_one_sentence_whatever_is_wrong_with_it() {
    let service = Service::new().await;
    service.app.keys.revoke(&KeyHash::of(KEY)).await.unwrap();
    let browser = Browser::new(&service.app);
    let mut pages = Vec::new();
    for key in ["wrong", "", "import-key", KEY] {
        let page = browser.post("/console/sign-in", &[("key", key)]).await;
        assert_eq!((page.status, page.header("set-cookie")), (401, ""));
        assert!(page.has("This key does not open the console."));
        pages.push(page.body);
    }
    assert!(pages.iter().all(|page| *page == pages[0]), "nobody is told which");
}

#[tokio::test]
async fn too_many_wrong_keys_from_one_place_are_answered_with_when_to_come_back() {
    let service = Service::new().await;
    let browser = Browser::new(&service.app);
    for _ in 0..MAX_FAILURES {
        assert_eq!(browser.post("/console/sign-in", &[("key", "wrong")]).await.status, 401);
    }
    let page = browser.post("/console/sign-in", &[("key", KEY)]).await;
    assert_eq!((page.status, page.header("retry-after"), page.header("set-cookie")), (429, "900", ""));
    assert!(page.has("Try again in 15 minutes."));
    let mut elsewhere = Browser::new(&service.app);
    elsewhere.address = "192.0.2.2";
    assert_eq!(elsewhere.post("/console/sign-in", &[("key", KEY)]).await.status, 303);
}

#[tokio::test]
async fn a_session_ends_after_eight_hours() {
    let service = Service::new().await;
    let browser = service.signed_in().await;
    let end = NOW.plus(SESSION_LASTS);
    for (late, there) in [(-1, true), (0, false)] {
        service.clock.advance_to(Timestamp::from_millis(end.millis() + late));
        let page = browser.get("/console").await;
        assert_eq!((page.status, page.has("Signed in as")), (200, there), "{late}");
    }
    assert_eq!(browser.get("/console/undelivered").await.status, 401);
}

#[tokio::test]
async fn a_session_ends_with_its_key_and_when_somebody_signs_out() {
    let service = Service::new().await;
    let (browser, stolen) = (service.signed_in().await, service.signed_in().await);
    let out = browser.submit("/console/sign-out", &[]).await;
    assert_eq!((out.status, out.header("location")), (303, "/console"));
    assert!(out.header("set-cookie").starts_with("__Host-session=; Max-Age=0;"));
    assert!(browser.get("/console").await.has("<h1>Sign in</h1>"));
    assert!(stolen.get("/console").await.has("Signed in as"), "it was another session");
    service.app.keys.revoke(&KeyHash::of(KEY)).await.unwrap();
    assert!(stolen.get("/console").await.has("<h1>Sign in</h1>"));
}

#[tokio::test]
async fn whoever_signs_in_again_has_one_session() {
    let service = Service::new().await;
    let browser = service.signed_in().await;
    let former = browser.get("/console").await.token();
    browser.post("/console/sign-in", &[("key", KEY)]).await;
    assert_ne!(browser.get("/console").await.token(), former);
    assert_eq!(browser.post("/console/sign-out", &[("token", &former)]).await.status, 403);
}

#[tokio::test]
async fn a_form_that_no_page_of_the_session_sent_does_nothing() {
    let service = Service::new().await;
    let log = deferred(1);
    service.app.imports.open(&log, None).await.unwrap();
    service.app.undelivered.keep(&waiting(&log)).await.unwrap();
    let (mut browser, other) = (service.signed_in().await, service.signed_in().await);
    let (own, others) = (browser.get("/console").await.token(), other.get("/console").await.token());
    let deliver = format!("/console/imports/{}/deliver", log.id);
    for path in [deliver.as_str(), "/console/sign-out", "/console/time-zone"] {
        for (token, headers) in [
            ("", vec![]),
            (others.as_str(), vec![]),
            (own.as_str(), vec![("sec-fetch-site", "cross-site")]),
            (own.as_str(), vec![("sec-fetch-site", "same-site")]),
            (own.as_str(), vec![("origin", "https://evil.example")]),
        ] {
            browser.headers = headers;
            let page = browser.post(path, &[("token", token)]).await;
            assert_eq!((page.status, page.header("set-cookie")), (403, ""), "{path}");
            assert!(page.has("Nothing was done"));
        }
    }
    browser.headers.clear();
    assert_eq!(
        service.app.undelivered.of_import(log.id).await.unwrap()[0].next_at,
        waiting(&log)[0].waiting.next_at
    );
    assert!(browser.get("/console").await.has("Signed in as"));
    // Signing somebody in under the key of another is no use either.
    browser.headers = vec![("sec-fetch-site", "cross-site")];
    let page = browser.post("/console/sign-in", &[("key", KEY)]).await;
    assert_eq!((page.status, page.header("set-cookie")), (403, ""));
}

#[tokio::test]
async fn only_get_shows_and_only_post_does() {
    let service = Service::new().await;
    let browser = service.signed_in().await;
    for (method, path, allowed) in [
        ("POST", "/console", "GET"),
        ("GET", "/console/sign-out", "POST"),
        ("HEAD", "/console/undelivered", "GET"),
        ("GET", "/console/sign-in", "POST"),
        ("PUT", "/console/time-zone", "POST"),
    ] {
        let answer = browser.send(method, path, None).await;
        assert_eq!((answer.status, answer.header("allow")), (405, allowed), "{method} {path}");
    }
}

/// Sessions that cannot be reached.
struct Gone;

#[async_trait]
impl Sessions for Gone {
    async fn create(&self, _: &Session) -> Result<(), StoreError> {
        Err(StoreError::new("reach the sessions", "they are gone"))
    }
    async fn find(&self, _: &SessionHash) -> Result<Option<Session>, StoreError> {
        Err(StoreError::new("reach the sessions", "they are gone"))
    }
    async fn end(&self, _: &SessionHash) -> Result<(), StoreError> {
        Err(StoreError::new("reach the sessions", "they are gone"))
    }
}

#[tokio::test]
async fn a_store_that_fails_lets_nobody_in_and_is_not_told_of() {
    let service = Service::new().await;
    let browser = Browser::new(&App { sessions: Arc::new(Gone), ..service.app.clone() });
    let page = browser.post("/console/sign-in", &[("key", KEY)]).await;
    assert_eq!((page.status, page.header("retry-after"), page.header("set-cookie")), (503, "5", ""));
    assert!(page.has("Not available just now") && !page.has("gone"));
}
