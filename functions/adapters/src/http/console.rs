//! The console in and out: what a browser says beside the path, and how pages are answered. Which cookies there are, which
//! headers keep a page apart from others, and which status a page has is decided here.

mod cookies;
mod visit;

use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue,
    LOCATION, REFERRER_POLICY, RETRY_AFTER, SET_COOKIE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{Response, StatusCode};
use people_core::error::StoreError;
use people_core::hex;
use people_core::id::ImportId;
use people_core::session::FAILURES_COUNT;
use sha2::{Digest, Sha256};

pub use super::undelivered::{read_cursor as read_waiting_cursor, write_cursor as write_waiting_cursor};
pub use cookies::Cookie;
pub use visit::{Form, Visit};

/// What a page may load and where its forms may lead: nothing but its own style, and nowhere but here.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// What a page is the answer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// What was asked for.
    Found,
    /// Something that takes a session, without one; or a key that opens nothing.
    SignInFirst,
    /// A form that no page of this session sent.
    Forged,
    /// Something that is not there.
    Missing,
    /// One more key after too many wrong ones.
    TooManyKeys,
    /// Something that a store of ours could not tell.
    Unavailable,
}

impl Page {
    fn status(self) -> StatusCode {
        match self {
            Page::Found => StatusCode::OK,
            Page::SignInFirst => StatusCode::UNAUTHORIZED,
            Page::Forged => StatusCode::FORBIDDEN,
            Page::Missing => StatusCode::NOT_FOUND,
            Page::TooManyKeys => StatusCode::TOO_MANY_REQUESTS,
            Page::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn retry_after(self) -> Option<u64> {
        match self {
            Page::TooManyKeys => Some(FAILURES_COUNT.as_secs()),
            Page::Unavailable => Some(5),
            Page::Found | Page::SignInFirst | Page::Forged | Page::Missing => None,
        }
    }
}

/// A page. Nobody keeps it, and nothing of it runs.
pub fn page(page: Page, html: String) -> Response<String> {
    let mut response = apart(super::bare(page.status()), html);
    set(&mut response, CONTENT_TYPE, "text/html; charset=utf-8");
    let seconds = page.retry_after().map(|seconds| (RETRY_AFTER, HeaderValue::from(seconds)));
    response.headers_mut().extend(seconds);
    response
}

/// The cause of [`Page::Unavailable`] for the log, once; the reader is told nothing of it.
pub fn log_failure(error: &StoreError) {
    tracing::error!(error = %error, "a page of the console could not be shown");
}

/// 303: a form was taken, and this page shows what came of it.
pub fn led_to(path: &str, cookies: &[Cookie]) -> Response<String> {
    let mut response = apart(super::bare(StatusCode::SEE_OTHER), String::new());
    response.headers_mut().extend(HeaderValue::try_from(path).ok().map(|path| (LOCATION, path)));
    for cookie in cookies.iter().filter_map(|cookie| HeaderValue::try_from(cookie.to_string()).ok()) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// A log as a file of this name.
pub fn download(import: ImportId, log: String) -> Response<String> {
    let mut response = apart(super::bare(StatusCode::OK), log);
    set(&mut response, CONTENT_TYPE, "text/plain; charset=utf-8");
    set(&mut response, CONTENT_DISPOSITION, &format!("attachment; filename=\"{import}.txt\""));
    response
}

/// How the pages look. It has no secrets, and its path changes with it, so that browsers keep it.
pub fn style(css: &str) -> Response<String> {
    let mut response = apart(super::bare(StatusCode::OK), css.to_owned());
    set(&mut response, CONTENT_TYPE, "text/css; charset=utf-8");
    set(&mut response, CACHE_CONTROL, "public, max-age=31536000, immutable");
    response
}

/// A name for what the style says now, another one whenever that changes.
pub fn style_version(css: &str) -> String {
    hex::encode(&Sha256::digest(css)[..8])
}

/// Kept apart from other sites.
fn apart(mut response: Response<String>, body: String) -> Response<String> {
    *response.body_mut() = body;
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        set(&mut response, name, value);
    }
    response
}

fn set(response: &mut Response<String>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::try_from(value) {
        response.headers_mut().insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_is_kept_apart_and_only_the_style_is_kept() {
        let import = ImportId::parse("0192f0c1-7c00-7a3b-8c4d-000102030405").unwrap();
        for (answer, kept) in [
            (page(Page::Found, String::new()), "no-store"),
            (page(Page::Forged, String::new()), "no-store"),
            (led_to("/x", &[]), "no-store"),
            (download(import, String::new()), "no-store"),
            (style("a{}"), "public, max-age=31536000, immutable"),
        ] {
            let header = |name: &str| answer.headers()[name].to_str().unwrap();
            assert_eq!(header("content-security-policy"), POLICY);
            assert_eq!(header("x-content-type-options"), "nosniff");
            assert_eq!(header("referrer-policy"), "no-referrer");
            assert_eq!(header("cache-control"), kept);
            assert_eq!(answer.headers().get_all("cache-control").iter().count(), 1);
        }
    }

    #[test]
    fn each_page_has_its_status_and_those_who_may_come_again_are_told_when() {
        for (kind, status, retry_after) in [
            (Page::Found, 200, None),
            (Page::SignInFirst, 401, None),
            (Page::Forged, 403, None),
            (Page::Missing, 404, None),
            (Page::TooManyKeys, 429, Some("900")),
            (Page::Unavailable, 503, Some("5")),
        ] {
            let answer = page(kind, "x".to_owned());
            let after = answer.headers().get("retry-after").map(|after| after.to_str().unwrap());
            assert_eq!((answer.status().as_u16(), after), (status, retry_after));
        }
    }

    #[test]
    fn a_form_leads_on_with_its_cookies() {
        let cookies = [Cookie::TimeZone("UTC"), Cookie::NoSession];
        let answer = led_to("/console?x=%20", &cookies);
        assert_eq!(
            (answer.status(), &answer.headers()["location"]),
            (StatusCode::SEE_OTHER, "/console?x=%20")
        );
        assert_eq!(answer.headers().get_all("set-cookie").iter().count(), 2);
        assert!(led_to("/x\r\nSet-Cookie: a=b", &[]).headers().get("location").is_none());
    }
}
