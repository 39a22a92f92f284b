//! Tokens by OAuth 2.0 client credentials (RFC 6749, 4.4): what is asked for one, and what the answer means. Several kinds
//! of target are logged in so, and a secret that is sent in two ways would be kept in one of them only.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::Full;
use people_core::time::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::Value;

use super::config::Check;
use super::session::Step;
use crate::http_client::Limits;
use crate::retry_after::retry_after;
use crate::secret::Secret;

/// The credentials as they are told to an administrator.
pub(super) const CREDENTIALS: &str = "{\"clientId\": \"…\", \"clientSecret\": \"…\"}";

/// What a log-in may take.
pub(super) const LIMITS: Limits = Limits { time: Duration::from_secs(10), bytes: 64 * 1024 };

/// How long a token is used where its life is not told.
const USUAL_LIFE: Duration = Duration::from_secs(300);
/// How long a token is used at least, whatever is said about its life: else each call would log in for itself.
const LEAST_LIFE: Duration = Duration::from_secs(1);
/// How long it is used at most.
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 3600);
/// The longest break that a server can ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What a token is had with.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Credentials {
    client_id: Secret,
    client_secret: Secret,
}

/// Where tokens are had, and for what.
#[derive(Debug, Clone)]
pub(super) struct Grant {
    url: Uri,
    scope: Option<String>,
}

/// The body of a log-in. There is no `Debug`: it holds the credentials.
pub(super) struct Form(Bytes);

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    #[serde(default)]
    expires_in: Value,
}

impl Grant {
    /// Reads the member `tokenUrl` of an entry, a URL or a path below its base URL, and `scope`; notes what is wrong with
    /// them.
    pub(super) fn check(token_url: &str, scope: Option<String>, check: &mut Check<'_>) -> Option<Grant> {
        if scope.as_ref().is_some_and(|scope| scope.trim().is_empty()) {
            check.fault("/scope", "it is empty");
        }
        let url = match token_url.strip_prefix('/') {
            Some(_) if token_url.contains('#') || token_url.parse::<PathAndQuery>().is_err() => {
                check.fault("/tokenUrl", "it is not a path like /oauth/token");
                None
            }
            Some(_) => check.base.as_ref().map(|base| base.join(token_url)),
            None => check.base_url("/tokenUrl", token_url).map(|url| url.join("")),
        };
        url.map(|url| Grant { url, scope })
    }

    /// The body that asks for a token.
    pub(super) fn form(&self, credentials: &Credentials) -> Form {
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let (id, secret) = (credentials.client_id.reveal(), credentials.client_secret.reveal());
        let mut form = format!(
            "grant_type=client_credentials&client_id={}&client_secret={}",
            encoded(id),
            encoded(secret)
        );
        if let Some(scope) = &self.scope {
            form.push_str("&scope=");
            form.push_str(&encoded(scope));
        }
        Form(form.into())
    }

    /// The call that asks for a token.
    pub(super) fn request(&self, form: &Form) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(form.0.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.url.clone();
        request.headers_mut().insert(CONTENT_TYPE, FORM);
        request.headers_mut().insert(ACCEPT, JSON);
        request
    }
}

/// The value of `Authorization` that an answer gives, and for how long it may be used: 80 % of the token's life, or five
/// minutes. `None` where there is no token in it. What kind of token it is does not matter: not every server spells
/// `Bearer` as the calls need it.
pub(super) fn token(status: StatusCode, body: &[u8]) -> Option<(HeaderValue, Duration)> {
    let granted: Granted = (status == StatusCode::OK).then(|| serde_json::from_slice(body).ok()).flatten()?;
    let token = Some(granted.access_token).filter(|token| !token.is_empty())?;
    let mut header = HeaderValue::try_from(format!("Bearer {token}")).ok()?;
    header.set_sensitive(true);
    Some((header, usable_for(&granted.expires_in)))
}

/// Some servers write the seconds as a text.
fn usable_for(expires_in: &Value) -> Duration {
    let seconds = expires_in.as_f64().or_else(|| expires_in.as_str()?.trim().parse().ok());
    let life = seconds.filter(|seconds: &f64| seconds.is_finite() && *seconds >= 0.0);
    let usable = life.map_or(USUAL_LIFE.as_secs_f64(), |life| life * 0.8);
    Duration::from_secs_f64(usable.clamp(LEAST_LIFE.as_secs_f64(), LONGEST_LIFE.as_secs_f64()))
}

/// What the answer to a log-in means.
pub(super) fn step(status: StatusCode, headers: &HeaderMap, now: Timestamp) -> Step {
    let pause = retry_after(headers, now, LONGEST_PAUSE);
    match status.as_u16() {
        200 => Step::Answered,
        400 | 401 | 403 => Step::Refused("refuses our log-in"),
        429 => Step::Busy(pause),
        503 if pause.is_some() => Step::Busy(pause),
        300..=399 => Step::Stop("sends our log-in elsewhere: its token URL may be wrong"),
        404 | 405 | 410 => Step::Stop("does not know our log-in: its token URL may be wrong"),
        408 | 500.. => Step::Failed,
        _ => Step::Stop("answers our log-in in a way that we do not understand"),
    }
}

#[cfg(test)]
mod tests {
    use http::header::RETRY_AFTER;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn grant(scope: Option<&str>) -> Grant {
        Grant { url: Uri::from_static("https://host/token"), scope: scope.map(str::to_owned) }
    }

    fn credentials() -> Credentials {
        serde_json::from_str(r#"{"clientId": "a b&c", "clientSecret": "ü=+/"}"#).unwrap()
    }

    #[test]
    fn the_form_holds_the_credentials_and_the_scope_where_there_is_one() {
        let form = "grant_type=client_credentials&client_id=a%20b%26c&client_secret=%C3%BC%3D%2B%2F";
        assert_eq!(grant(None).form(&credentials()).0, form);
        assert_eq!(grant(Some("x y")).form(&credentials()).0, format!("{form}&scope=x%20y"));
        assert!(!format!("{:?}", credentials()).contains("a b"));
    }

    #[test]
    fn a_token_url_is_called_as_it_is_written() {
        for (text, expected) in [
            ("https://login.host/tenant/token", "https://login.host/tenant/token"),
            ("https://login.host", "https://login.host/"),
        ] {
            let url = super::super::config::BaseUrl::parse(text, false).unwrap().join("");
            assert_eq!(url.to_string(), expected);
        }
    }

    #[test]
    fn a_token_is_a_bearer_whatever_it_is_called_and_is_never_shown() {
        for kind in ["bearer", "Bearer", "JWT"] {
            let body = format!(r#"{{"access_token":"t0k","token_type":"{kind}"}}"#);
            let (header, usable) = token(StatusCode::OK, body.as_bytes()).unwrap();
            assert_eq!((header.to_str().unwrap(), usable), ("Bearer t0k", Duration::from_secs(300)));
            assert!(!format!("{header:?}").contains("t0k"));
        }
    }

    #[test]
    fn a_token_is_used_for_four_fifths_of_its_life() {
        for (life, seconds) in [
            ("3600", 2880.0),
            ("\"60\"", 48.0),
            ("null", 300.0),
            ("\"soon\"", 300.0),
            ("-1", 300.0),
            ("0", 1.0),
            ("1", 1.0),
            ("2", 1.6),
            ("1e300", 86_400.0),
        ] {
            let body = format!(r#"{{"access_token":"t","expires_in":{life}}}"#);
            let (_, usable) = token(StatusCode::OK, body.as_bytes()).unwrap();
            assert_eq!(usable, Duration::from_secs_f64(seconds), "{life}");
        }
    }

    #[test]
    fn an_answer_without_a_token_gives_none() {
        for body in ["", "{}", "<html>", r#"{"access_token":""}"#, r#"{"access_token":"a\nb"}"#, "[1]"] {
            assert!(token(StatusCode::OK, body.as_bytes()).is_none(), "{body}");
        }
        assert!(token(StatusCode::CREATED, br#"{"access_token":"t"}"#).is_none());
    }

    #[test]
    fn every_status_has_one_meaning() {
        let step = |status| step(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), NOW);
        assert_eq!(step(200), Step::Answered);
        for status in [400, 401, 403] {
            assert_eq!(step(status), Step::Refused("refuses our log-in"), "{status}");
        }
        assert_eq!(step(429), Step::Busy(None));
        for status in [408, 500, 502, 503, 504] {
            assert_eq!(step(status), Step::Failed, "{status}");
        }
        for status in [201, 301, 302, 404, 405, 410, 418] {
            assert!(matches!(step(status), Step::Stop(_)), "{status}");
        }
    }

    #[test]
    fn a_break_that_is_asked_for_is_taken() {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static("7"))]);
        for status in [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE] {
            assert_eq!(step(status, &headers, NOW), Step::Busy(Some(Duration::from_secs(7))));
        }
    }
}
