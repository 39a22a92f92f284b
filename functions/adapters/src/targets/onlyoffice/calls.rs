//! The calls that ONLYOFFICE knows, as HTTP requests, and its tokens. People are named by GUIDs alone, and every body is JSON
//! with its media type: a portal takes any other for an empty form, and wipes what is not in it.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request};
use http_body_util::Full;
use people_core::id::ImportId;
use people_core::time::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;
use uuid::Uuid;

use super::answers::{Reply, step, token};
use super::settings::{Credentials, Product};
use crate::http_client::{Answer, Limits};
use crate::secret::Secret;
use crate::targets::config::BaseUrl;
use crate::targets::session::{LogIn, Protocol, REQUEST_ID, Step};

/// What all calls begin with, below the portal's address.
const BASE: &str = "api/2.0";
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// ONLYOFFICE's way of being called.
pub(super) struct Wire {
    pub(super) base: BaseUrl,
    pub(super) product: Product,
}

/// What ONLYOFFICE is asked.
pub(super) enum Call {
    /// For a token; the body holds the credentials.
    LogIn(Bytes),
    /// For one person.
    Get(Uuid),
    /// For the person with this e-mail address.
    ByEmail(String),
    /// For one page of people, after so many others.
    Page { start: usize, size: usize },
    /// To replace somebody's contacts.
    Contacts { person: Uuid, body: Bytes, import: ImportId },
    /// To change somebody's profile, and replace the contacts.
    Profile { person: Uuid, body: Bytes, import: ImportId },
}

/// The `Authorization` of a call.
pub(super) struct Token(HeaderValue);

impl Token {
    /// Workspace takes its tokens bare.
    fn new(text: &str, is_bearer: bool) -> Option<Token> {
        let text = if is_bearer { format!("Bearer {text}") } else { text.to_owned() };
        let mut value = HeaderValue::try_from(text).ok()?;
        value.set_sensitive(true);
        Some(Token(value))
    }
}

impl Protocol for Wire {
    type Call = Call;
    type Reply = Reply;
    type Token = Token;

    /// A portal locks an account out after five wrong tries within a minute (targets.md, 3.2).
    const HOLD_OFF: Duration = Duration::from_secs(15);
    const LOG_INS_AGAIN: u32 = 0;

    fn log_in(&self, credentials: &Secret) -> Result<LogIn<Wire>, &'static str> {
        let read = serde_json::from_str::<Credentials>(credentials.reveal());
        let wrong = "has credentials of another kind";
        match (read.map_err(|_| wrong)?, self.product) {
            (Credentials::Password(own), _) => {
                let body = json!({"userName": own.user_name.reveal(), "password": own.password.reveal()});
                Ok(LogIn::Call(Call::LogIn(body.to_string().into())))
            }
            (Credentials::ApiKey(own), Product::Docspace) => {
                Token::new(own.api_key.reveal(), true).map(LogIn::Token).ok_or(wrong)
            }
            (Credentials::ApiKey(_), Product::Workspace) => Err("takes no API key: that is DocSpace's"),
        }
    }

    fn token(&self, reply: &Reply) -> Option<(Token, Option<Duration>)> {
        Some((Token::new(token(reply)?, self.product == Product::Docspace)?, None))
    }

    fn request(&self, call: &Call, token: Option<&Token>) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::default());
        let headers = request.headers_mut();
        headers.insert(ACCEPT, JSON);
        if let Some(Token(value)) = token {
            headers.insert(AUTHORIZATION, value.clone());
        }
        let (path, body) = match call {
            Call::LogIn(body) => ("authentication".to_owned(), Some((Method::POST, body))),
            Call::Get(person) => (format!("people/{person}"), None),
            Call::ByEmail(email) => {
                let email = utf8_percent_encode(email, NON_ALPHANUMERIC);
                (format!("people/email?email={email}"), None)
            }
            Call::Page { start, size } => {
                (format!("people?count={size}&startIndex={start}&fields=id,email,status,terminated"), None)
            }
            Call::Contacts { person, body, import } => {
                name(&mut request, *import);
                (format!("people/{person}/contacts"), Some((Method::PUT, body)))
            }
            Call::Profile { person, body, import } => {
                name(&mut request, *import);
                (format!("people/{person}"), Some((Method::PUT, body)))
            }
        };
        *request.uri_mut() = self.base.join(&format!("/{BASE}/{path}"));
        if let Some((method, body)) = body {
            *request.method_mut() = method;
            request.headers_mut().insert(CONTENT_TYPE, JSON);
            *request.body_mut() = Full::new(body.clone());
        }
        request
    }

    /// A write replaces everything: it is made from a person who was read just before.
    fn may_repeat(&self, call: &Call) -> bool {
        !matches!(call, Call::Contacts { .. } | Call::Profile { .. })
    }

    fn limits(&self, call: &Call) -> Limits {
        let (seconds, bytes) = match call {
            Call::LogIn(_) => (10, 64 * 1024),
            Call::Get(_) | Call::ByEmail(_) | Call::Contacts { .. } | Call::Profile { .. } => {
                (10, 4 * 1024 * 1024)
            }
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
        reply.status.as_str().to_owned()
    }
}

/// The import that a call is made for.
fn name(request: &mut Request<Full<Bytes>>, import: ImportId) {
    if let Ok(id) = HeaderValue::try_from(import.to_string()) {
        request.headers_mut().insert(REQUEST_ID, id);
    }
}
