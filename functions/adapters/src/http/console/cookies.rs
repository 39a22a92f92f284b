//! The cookies of the console. Their names begin so that a browser takes them for this host alone, over TLS (or on this
//! machine), and no script and no other site gets to use them.

use std::fmt;

use http::HeaderMap;
use http::header::COOKIE;
use people_core::session::{SESSION_LASTS, SessionToken};

const SESSION: &str = "__Host-session";
const TIME_ZONE: &str = "__Host-time-zone";
/// For how long a browser keeps the time zone: a year.
const TIME_ZONE_LASTS: u64 = 365 * 24 * 60 * 60;

/// A cookie for the browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cookie {
    /// What the session is known by.
    Session(SessionToken),
    /// There is no session any more.
    NoSession,
    /// The zone in which times are shown.
    TimeZone(&'static str),
}

/// As the header has it.
impl fmt::Display for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, value, seconds) = match self {
            Cookie::Session(token) => (SESSION, token.to_text(), SESSION_LASTS.as_secs()),
            Cookie::NoSession => (SESSION, String::new(), 0),
            Cookie::TimeZone(zone) => (TIME_ZONE, (*zone).to_owned(), TIME_ZONE_LASTS),
        };
        write!(f, "{name}={value}; Max-Age={seconds}; Path=/; Secure; HttpOnly; SameSite=Strict")
    }
}

/// What the session is known by, where there is one.
pub(super) fn session(headers: &HeaderMap) -> Option<SessionToken> {
    value(headers, SESSION).and_then(SessionToken::parse)
}

/// The name of the time zone that was chosen.
pub(super) fn time_zone(headers: &HeaderMap) -> Option<&str> {
    value(headers, TIME_ZONE)
}

fn value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.into_iter().find(|(known, _)| *known == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(cookies: &str) -> HeaderMap {
        HeaderMap::from_iter([(COOKIE, cookies.parse().unwrap())])
    }

    #[test]
    fn a_cookie_is_for_this_host_alone_and_no_script_sees_it() {
        let token = SessionToken::new([7; 32]);
        let cookie = Cookie::Session(token.clone()).to_string();
        let text = token.to_text();
        assert_eq!(
            cookie,
            format!("__Host-session={text}; Max-Age=28800; Path=/; Secure; HttpOnly; SameSite=Strict")
        );
        assert!(Cookie::NoSession.to_string().starts_with("__Host-session=; Max-Age=0; "));
        assert!(!format!("{:?}", Cookie::Session(token)).contains(&text));
    }

    #[test]
    fn cookies_are_found_among_others() {
        let token = SessionToken::new([7; 32]);
        let headers =
            sent(&format!("a=b; __Host-session={}; __Host-time-zone=Europe/Berlin;c", token.to_text()));
        assert_eq!(session(&headers), Some(token));
        assert_eq!(time_zone(&headers), Some("Europe/Berlin"));
        for other in ["", "session=07", "__Host-session=07", "x__Host-session=07; __Host-session"] {
            assert_eq!(session(&sent(other)), None, "{other}");
        }
    }
}
