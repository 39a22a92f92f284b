//! The calls that eSystems knows, as HTTP requests, and its tokens. `DeleteNotExists`, which unlinks everybody whom a list
//! does not name, has no spelling here, so it cannot be sent.

use std::sync::Arc;
use std::time::Duration;

use aws_smithy_types::base64;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request};
use http_body_util::Full;
use people_core::id::ImportId;
use people_core::time::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::answers::{Reply, step};
use crate::http_client::{Answer, Limits};
use crate::secret::Secret;
use crate::targets::config::BaseUrl;
use crate::targets::oauth::{self, Credentials, Form, Grant};
use crate::targets::session::{LogIn, Protocol, REQUEST_ID, Step};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Where the resources are, below the base URL.
const RESOURCES: &str = "/Endpoint/rest/api/v1";
/// How many users a page is asked to have: the most there may be.
const PAGE: usize = 1000;
/// What may stand in a path as it is.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// What may stand in a query as it is.
const QUERY: &AsciiSet = &PATH.remove(b'@').remove(b',');

/// eSystems' way of being called.
pub(super) struct Wire {
    pub(super) target: Arc<str>,
    pub(super) base: BaseUrl,
    pub(super) grant: Grant,
}

/// What eSystems is asked.
pub(super) enum Call {
    /// For a token.
    LogIn(Form),
    /// To link users to a department.
    Link { department: Department, body: Bytes, import: ImportId },
    /// Whether there is this department.
    Department(Department),
    /// For one page of users, from 0.
    Page { of: Users, number: usize },
}

/// Whose users are read.
#[derive(Clone)]
pub(super) enum Users {
    /// All, or those whom a condition wants, in the form that a query has.
    All(Option<String>),
    /// Those of a department.
    Of(Department),
}

/// A department's Id as a piece of a path.
#[derive(Clone)]
pub(super) struct Department(Arc<str>);

impl Department {
    /// An Id with characters that a path may not have goes in base64, and its percent signs keep that whole.
    pub(super) fn new(id: &str) -> Department {
        let is_plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte));
        // "." and ".." mean other places.
        if is_plain && !id.bytes().all(|byte| byte == b'.') {
            return Department(id.into());
        }
        let encoded = format!("base64|{}", base64::encode(id));
        Department(utf8_percent_encode(&encoded, PATH).to_string().into())
    }

    /// How many bytes of a path it takes.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it goes in base64, which a web server before eSystems may not let through.
    fn is_encoded(&self) -> bool {
        self.0.contains('%')
    }
}

/// A text in the form that a query has.
pub(super) fn in_query(text: &str) -> String {
    utf8_percent_encode(text, QUERY).to_string()
}

impl Call {
    /// Whether a page of HTML may be about what is asked for: else the call itself is not known there.
    pub(super) fn has_unusual_path(&self) -> bool {
        match self {
            Call::Link { department, .. } | Call::Department(department) => department.is_encoded(),
            Call::Page { of: Users::Of(department), .. } => department.is_encoded(),
            Call::LogIn(_) | Call::Page { of: Users::All(_), .. } => false,
        }
    }
}

impl Users {
    fn path(&self, number: usize) -> String {
        let page = format!("CurrentPage={number}&PageSize={PAGE}");
        match self {
            Users::All(None) => format!("{RESOURCES}/Users?{page}"),
            Users::All(Some(condition)) => format!("{RESOURCES}/Users?{page}&Filters=({condition})"),
            Users::Of(department) => format!("{RESOURCES}/Department/{}/Users?{page}", department.0),
        }
    }
}

impl Protocol for Wire {
    type Call = Call;
    type Reply = Reply;
    type Token = HeaderValue;

    fn log_in(&self, credentials: &Secret) -> Result<LogIn<Wire>, &'static str> {
        let read = serde_json::from_str::<Credentials>(credentials.reveal());
        let credentials = read.map_err(|_| "has credentials of another kind")?;
        Ok(LogIn::Call(Call::LogIn(self.grant.form(&credentials))))
    }

    fn token(&self, reply: &Reply) -> Option<(HeaderValue, Option<Duration>)> {
        let (token, usable_for) = oauth::token(reply.status, &reply.body)?;
        Some((token, Some(usable_for)))
    }

    fn request(&self, call: &Call, token: Option<&HeaderValue>) -> Request<Full<Bytes>> {
        let mut request = match call {
            Call::LogIn(form) => return self.grant.request(form),
            Call::Link { department, body, import } => {
                let mut request = Request::new(Full::new(body.clone()));
                *request.method_mut() = Method::PATCH;
                *request.uri_mut() =
                    self.base.join(&format!("{RESOURCES}/Department/{}/Users", department.0));
                request.headers_mut().insert(CONTENT_TYPE, JSON);
                if let Ok(id) = HeaderValue::try_from(import.to_string()) {
                    request.headers_mut().insert(REQUEST_ID, id);
                }
                request
            }
            Call::Department(department) => self.get(&format!("{RESOURCES}/Department/{}", department.0)),
            Call::Page { of, number } => self.get(&of.path(*number)),
        };
        request.headers_mut().insert(ACCEPT, JSON);
        if let Some(token) = token {
            request.headers_mut().insert(AUTHORIZATION, token.clone());
        }
        request
    }

    fn limits(&self, call: &Call) -> Limits {
        let (seconds, bytes) = match call {
            Call::LogIn(_) => return oauth::LIMITS,
            Call::Department(_) => (10, 1024 * 1024),
            Call::Link { .. } => (60, 16 * 1024 * 1024),
            Call::Page { .. } => (60, 64 * 1024 * 1024),
        };
        Limits { time: Duration::from_secs(seconds), bytes }
    }

    /// A failure there ends in no sentence of ours, so its key is told here.
    fn read(&self, _: &Call, answer: Answer) -> Reply {
        let reply = Reply::new(answer);
        if reply.status.is_server_error()
            && let Some(key) = reply.request_key()
        {
            tracing::warn!(target.name = %self.target, request.key = %key, "a call failed there");
        }
        reply
    }

    fn step(&self, call: &Call, reply: &Reply, now: Timestamp) -> Step {
        step(reply, call, now)
    }

    fn code(&self, reply: &Reply) -> String {
        reply.code()
    }
}

impl Wire {
    fn get(&self, path_and_query: &str) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::default());
        *request.uri_mut() = self.base.join(path_and_query);
        request
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_a_path_cannot_have_goes_in_base64() {
        for (id, path) in [
            ("3f2b8c1e-6d47-4a90-9b15-0c7e52d8a401", "3f2b8c1e-6d47-4a90-9b15-0c7e52d8a401"),
            ("a_b.c~d", "a_b.c~d"),
            ("a b", "base64%7CYSBi"),
            ("a/b?>", "base64%7CYS9iPz4%3D"),
            ("~~~ÿÿ", "base64%7Cfn5%2Bw7%2FDvw%3D%3D"),
            ("..", "base64%7CLi4%3D"),
            ("base64|YQ==", "base64%7CYmFzZTY0fFlRPT0%3D"),
        ] {
            assert_eq!(&*Department::new(id).0, path, "{id}");
        }
    }
}
