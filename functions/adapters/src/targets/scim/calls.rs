//! The calls that a SCIM server knows, as HTTP requests, and its tokens. No part of a URL here holds more of a person than an
//! identifier.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, IF_MATCH};
use http::{HeaderValue, Method, Request, Uri};
use http_body_util::Full;
use people_core::id::ImportId;
use people_core::time::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::answers::{Reply, step};
use super::settings::Credentials;
use crate::http_client::{Answer, Limits};
use crate::secret::Secret;
use crate::targets::config::BaseUrl;
use crate::targets::oauth::{self, Form, Grant};
use crate::targets::session::{LogIn, Protocol, REQUEST_ID, Step};

const ACCEPTED: HeaderValue = HeaderValue::from_static("application/scim+json, application/json");
const SCIM: HeaderValue = HeaderValue::from_static("application/scim+json");

/// What is encoded in a URL: everything but what never needs to be (RFC 3986, 2.3).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'~');

/// A SCIM server's way of being called.
pub(super) struct Wire {
    pub(super) base: BaseUrl,
    /// Where tokens are had, where they are not among the credentials.
    pub(super) grant: Option<Grant>,
    /// The attributes that tell who a user is, as a query names them.
    pub(super) attributes: String,
}

/// What a SCIM server is asked.
pub(super) enum Call {
    /// For a token; the form holds the credentials.
    LogIn(Form),
    /// What it is able to do.
    Abilities,
    /// Which users meet this filter.
    Find(String),
    /// For so many users, counted from 1.
    Page { start: usize, count: usize },
    /// For one user, by id.
    Get(String),
    /// To change a user.
    Write(Write),
}

/// A change of a user.
pub(super) struct Write {
    pub(super) id: String,
    pub(super) import: ImportId,
    /// The version that was read, where it must still be the same.
    pub(super) version: Option<HeaderValue>,
    /// All of the user, or what differs.
    pub(super) is_whole: bool,
    pub(super) body: Bytes,
}

/// What a call is let in with.
pub(super) struct Token(HeaderValue);

impl Token {
    /// `None` where it is nothing that a header can hold.
    pub(super) fn new(text: &str) -> Option<Token> {
        let mut header = HeaderValue::try_from(format!("Bearer {text}")).ok().filter(|_| !text.is_empty())?;
        header.set_sensitive(true);
        Some(Token(header))
    }
}

impl Wire {
    fn users(&self, query: &str) -> Uri {
        let attributes = encoded(&self.attributes);
        self.base.join(&format!("/Users?{query}&attributes={attributes}"))
    }

    fn user(&self, id: &str) -> Uri {
        self.base.join(&format!("/Users/{}", encoded(id)))
    }
}

impl Protocol for Wire {
    type Call = Call;
    type Reply = Reply;
    type Token = Token;

    fn log_in(&self, credentials: &Secret) -> Result<LogIn<Wire>, &'static str> {
        const OTHERS: &str = "has credentials of another kind";
        let credentials = serde_json::from_str::<Credentials>(credentials.reveal()).map_err(|_| OTHERS)?;
        match (credentials, &self.grant) {
            (Credentials::Token(own), None) => Token::new(own.token.reveal()).map(LogIn::Token).ok_or(OTHERS),
            (Credentials::Client(client), Some(grant)) => Ok(LogIn::Call(Call::LogIn(grant.form(&client)))),
            (Credentials::Token(_), Some(_)) => Err("has a \"tokenUrl\", but a token among its credentials"),
            (Credentials::Client(_), None) => Err("has no \"tokenUrl\" that its credentials are for"),
        }
    }

    fn token(&self, reply: &Reply) -> Option<(Token, Option<Duration>)> {
        let (header, usable_for) = oauth::token(reply.status, &reply.body)?;
        Some((Token(header), Some(usable_for)))
    }

    fn request(&self, call: &Call, token: Option<&Token>) -> Request<Full<Bytes>> {
        if let (Call::LogIn(form), Some(grant)) = (call, &self.grant) {
            return grant.request(form);
        }
        let mut request = Request::new(Full::default());
        let headers = request.headers_mut();
        headers.insert(ACCEPT, ACCEPTED);
        headers.extend(token.map(|token| (AUTHORIZATION, token.0.clone())));
        *request.uri_mut() = match call {
            Call::LogIn(_) => Uri::default(),
            Call::Abilities => self.base.join("/ServiceProviderConfig"),
            Call::Find(filter) => self.users(&format!("filter={}", encoded(filter))),
            Call::Page { start, count } => self.users(&format!("startIndex={start}&count={count}")),
            Call::Get(id) => self.user(id),
            Call::Write(write) => {
                *request.method_mut() = if write.is_whole { Method::PUT } else { Method::PATCH };
                *request.body_mut() = Full::new(write.body.clone());
                let headers = request.headers_mut();
                headers.insert(CONTENT_TYPE, SCIM);
                headers.extend(write.version.clone().map(|version| (IF_MATCH, version)));
                let import = HeaderValue::try_from(write.import.to_string()).ok();
                headers.extend(import.map(|import| (REQUEST_ID, import)));
                self.user(&write.id)
            }
        };
        request
    }

    /// A whole user without a version is as good as its reading is new.
    fn may_repeat(&self, call: &Call) -> bool {
        !matches!(call, Call::Write(Write { is_whole: true, version: None, .. }))
    }

    fn limits(&self, call: &Call) -> Limits {
        let (seconds, bytes) = match call {
            Call::LogIn(_) => return oauth::LIMITS,
            Call::Abilities => (5, 1024 * 1024),
            Call::Find(_) | Call::Get(_) | Call::Write(_) => (10, 4 * 1024 * 1024),
            Call::Page { .. } => (60, 64 * 1024 * 1024),
        };
        Limits { time: Duration::from_secs(seconds), bytes }
    }

    fn read(&self, _: &Call, answer: Answer) -> Reply {
        Reply::new(answer)
    }

    fn step(&self, call: &Call, reply: &Reply, now: Timestamp) -> Step {
        step(reply, call, now)
    }

    fn code(&self, reply: &Reply) -> String {
        reply.code()
    }
}

fn encoded(text: &str) -> impl std::fmt::Display + '_ {
    utf8_percent_encode(text, ENCODED)
}
