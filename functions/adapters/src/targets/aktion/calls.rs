//! The calls that Aktion knows, as HTTP requests, and its tokens. A token is part of the URL here and nowhere else, and neither
//! is ever shown.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::Full;
use people_core::id::ImportId;
use people_core::time::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use super::answers::{Reply, step};
use super::settings::Credentials;
use crate::http_client::{Answer, Limits};
use crate::secret::Secret;
use crate::targets::config::BaseUrl;
use crate::targets::session::{LogIn, Protocol, REQUEST_ID, Step};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// How old a token may be when a call starts with it; it lives for 20 s.
const TOKEN_AGE: Duration = Duration::from_secs(15);
/// How old a token may be at least, whatever is said about its life: else each call would log in for itself.
const LEAST_TOKEN_AGE: Duration = Duration::from_secs(1);

/// Aktion's way of being called.
pub(super) struct Wire {
    pub(super) base: BaseUrl,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct LogInBody<'a> {
    user_login: &'a str,
    api_key: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct LoggedIn {
    token: String,
    expire_in_sec: Option<u64>,
}

/// What Aktion is asked.
pub(super) enum Call {
    /// For a token; the body holds the credentials.
    LogIn(Bytes),
    /// To change a person.
    Update { body: Bytes, import: ImportId },
    /// For one person, by PersonId.
    Get(String),
    /// For one page of people, from 1.
    Page { number: usize, size: usize },
}

/// What is called with one token.
pub(super) struct Token {
    /// Percent-encoded.
    text: String,
    update: Uri,
}

impl Token {
    pub(super) fn new(text: &str, base: &BaseUrl) -> Token {
        let text = utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        Token { update: base.join(&format!("/person/update?Token={text}")), text }
    }
}

impl Protocol for Wire {
    type Call = Call;
    type Reply = Reply;
    type Token = Token;

    fn log_in(&self, credentials: &Secret) -> Result<LogIn<Wire>, &'static str> {
        let read = serde_json::from_str::<Credentials>(credentials.reveal());
        let credentials = read.map_err(|_| "has credentials of another kind")?;
        let body =
            LogInBody { user_login: credentials.user_login.reveal(), api_key: credentials.api_key.reveal() };
        // Two texts: it cannot fail.
        Ok(LogIn::Call(Call::LogIn(serde_json::to_vec(&body).unwrap_or_default().into())))
    }

    fn token(&self, reply: &Reply) -> Option<(Token, Option<Duration>)> {
        let read = (reply.status == StatusCode::OK).then(|| serde_json::from_slice::<LoggedIn>(&reply.body));
        let answer = read?.ok().filter(|answer| !answer.token.is_empty())?;
        // Three quarters of its life, where it says that it lives for less than 20 s.
        let life = answer.expire_in_sec.map(|seconds| Duration::from_millis(seconds.saturating_mul(750)));
        let usable_for = life.map_or(TOKEN_AGE, |life| life.clamp(LEAST_TOKEN_AGE, TOKEN_AGE));
        Some((Token::new(&answer.token, &self.base), Some(usable_for)))
    }

    fn request(&self, call: &Call, token: Option<&Token>) -> Request<Full<Bytes>> {
        let base = &self.base;
        let text = token.map_or("", |token| token.text.as_str());
        let mut request = Request::new(Full::default());
        request.headers_mut().insert(ACCEPT, JSON);
        match call {
            Call::LogIn(body) => post(&mut request, base.join("/login"), body),
            Call::Update { body, import } => {
                let uri = token.map(|token| token.update.clone()).unwrap_or_default();
                post(&mut request, uri, body);
                if let Ok(id) = HeaderValue::try_from(import.to_string()) {
                    request.headers_mut().insert(REQUEST_ID, id);
                }
            }
            Call::Get(person_id) => {
                let person_id = utf8_percent_encode(person_id, NON_ALPHANUMERIC);
                *request.uri_mut() = base.join(&format!("/person/get?PersonId={person_id}&Token={text}"));
            }
            Call::Page { number, size } => {
                let query = format!("PageNumber={number}&PageSize={size}&Token={text}");
                *request.uri_mut() = base.join(&format!("/person/getAll?{query}"));
            }
        }
        request
    }

    fn limits(&self, call: &Call) -> Limits {
        let (seconds, bytes) = match call {
            Call::LogIn(_) => (10, 64 * 1024),
            Call::Update { .. } | Call::Get(_) => (10, 4 * 1024 * 1024),
            Call::Page { .. } => (60, 64 * 1024 * 1024),
        };
        Limits { time: Duration::from_secs(seconds), bytes }
    }

    fn read(&self, call: &Call, answer: Answer) -> Reply {
        Reply::new(answer, call)
    }

    fn step(&self, call: &Call, reply: &Reply, _: Timestamp) -> Step {
        step(reply, call)
    }

    fn code(&self, reply: &Reply) -> String {
        reply.code()
    }
}

fn post(request: &mut Request<Full<Bytes>>, uri: Uri, body: &Bytes) {
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri;
    *request.body_mut() = Full::new(body.clone());
    request.headers_mut().insert(CONTENT_TYPE, JSON);
}
