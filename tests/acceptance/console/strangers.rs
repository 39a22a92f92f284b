//! Who must not get in, or not any more: wrong keys, sessions that are over, keys that were revoked, and forms of other sites.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use people_core::key::KeyHash;
use people_core::session::{Session, SessionToken};
use people_core::time::Timestamp;

use super::browser::{Browser, Scripts};
use super::{PENDING, console, id, is_down, of_aktion, search, sign_in, sign_in_with};
use crate::stack::Local;

/// The session that the browser is in.
fn token(browser: &Browser) -> SessionToken {
    let cookie = browser.cookie("__Host-session");
    assert_eq!(
        (&cookie["httpOnly"], &cookie["secure"], &cookie["sameSite"], &cookie["path"]),
        (&true.into(), &true.into(), &"Strict".into(), &"/".into())
    );
    SessionToken::parse(cookie["value"].as_str().unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_opens_nothing_and_the_right_one_still_does() {
    let local = Local::start().await;
    let Some(browser) = Browser::start(Scripts::Allowed) else { return };
    browser.open(&console(&local));
    for key in ["wrong", &local.ready().keys["PeopleImport"], "<script>"] {
        sign_in_with(&browser, key);
        browser.sees("This key does not open the console.");
        let kept = browser.run("return document.querySelector('input[type=password]').value");
        assert_eq!(kept, "", "the page does not repeat it");
    }
    browser.open(&format!("{}/targets", console(&local)));
    browser.is_at("Sign in");
    sign_in(&browser, &local);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_over_shows_the_sign_in_and_nothing_else() {
    let local = Local::start().await;
    let Some(browser) = Browser::start(Scripts::Allowed) else { return };
    let import = id(&local.json(&of_aktion("joe@company.com", "Miller")));
    sign_in(&browser, &local);
    let (app, hash) = (local.app().await, token(&browser).hash());
    let session = app.sessions.find(&hash).await.unwrap().unwrap();
    let lasts = session.expires_at.since(app.clock.now());
    let eight_hours = Duration::from_secs(8 * 60 * 60);
    assert!(lasts <= eight_hours && lasts > eight_hours / 2, "{lasts:?}");
    app.sessions.end(&hash).await.unwrap();
    let over = Session { expires_at: Timestamp::from_millis(app.clock.now().millis() - 1000), ..session };
    app.sessions.create(&over).await.unwrap();
    search_in_an_open_page(&browser);
    browser.is_at("Sign in");
    browser.open(&format!("{}/imports/{import}", console(&local)));
    browser.is_at("Sign in");
}

/// The page is there still, and what is pressed on it is not answered any more.
fn search_in_an_open_page(browser: &Browser) {
    browser.fill("Request id or person", "joe@company.com");
    browser.press("Search");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_ends_its_sessions() {
    let local = Local::start().await;
    let Some(browser) = Browser::start(Scripts::Allowed) else { return };
    sign_in(&browser, &local);
    let app = local.app().await;
    app.keys.revoke(&KeyHash::of(&local.ready().keys["ImportLogs"])).await.unwrap();
    browser.press("Undelivered");
    browser.is_at("Sign in");
}

/// A server of somebody else, whose page has a form that leads to `action`. It is reached as `host`.
fn elsewhere(host: &str, action: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{host}:{}/", listener.local_addr().unwrap().port());
    let page = format!(
        "<!doctype html><html lang=en><title>Win</title><h1>Win</h1><form method=post action=\"{action}\">\
         <input type=hidden name=token value=guess><button>Claim</button></form>"
    );
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let mut socket = socket.unwrap();
            let _ = socket.read(&mut [0; 4096]);
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n";
            let _ = write!(socket, "{head}Content-Length: {}\r\n\r\n{page}", page.len());
        }
    });
    url
}

/// A form on another port of the same host comes with the session's cookie; one of another host without. Neither does
/// anything.
#[tokio::test(flavor = "multi_thread")]
async fn a_form_of_another_site_does_nothing() {
    let local = Local::start().await;
    let Some(browser) = Browser::start(Scripts::Allowed) else { return };
    is_down(&local, "aktion", true);
    let import = id(&local.json(&of_aktion("joe@company.com", "Miller")));
    sign_in(&browser, &local);
    let app = local.app().await;
    let before = app.undelivered.of_import(import).await.unwrap();
    assert_eq!(before.len(), 1);
    let deliver = format!("{}/imports/{import}/deliver", console(&local));
    let sign_out = format!("{}/sign-out", console(&local));
    for (host, answer) in [("127.0.0.1", "Nothing was done"), ("localhost", "Sign in")] {
        for action in [&deliver, &sign_out] {
            browser.open(&elsewhere(host, action));
            browser.press("Claim");
            browser.is_at(answer);
        }
    }
    let after = app.undelivered.of_import(import).await.unwrap();
    assert!(after.len() == 1 && after[0].next_at >= before[0].next_at, "it is tried no sooner");
    search(&browser, &local, &import.to_string());
    browser.is_at(PENDING);
}
