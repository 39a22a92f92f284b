//! The calls that Aktion knows, as HTTP requests. The token is part of the URL here and nowhere else, and neither is
//! ever shown.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::Full;
use people_core::id::ImportId;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::http_client::Limits;
use crate::targets::config::BaseUrl;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

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

impl Call {
    /// The request; a log-in has no token.
    pub(super) fn request(&self, base: &BaseUrl, token: Option<&Token>) -> Request<Full<Bytes>> {
        let text = token.map_or("", |token| token.text.as_str());
        let mut request = Request::new(Full::default());
        request.headers_mut().insert(ACCEPT, JSON);
        match self {
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

    /// How long the answer may take, and how large it may be.
    pub(super) fn limits(&self, remaining: Duration) -> Limits {
        let (seconds, bytes) = match self {
            Call::LogIn(_) => (10, 64 * 1024),
            Call::Update { .. } | Call::Get(_) => (10, 4 * 1024 * 1024),
            Call::Page { .. } => (60, 64 * 1024 * 1024),
        };
        Limits { time: remaining.min(Duration::from_secs(seconds)), bytes }
    }
}

fn post(request: &mut Request<Full<Bytes>>, uri: Uri, body: &Bytes) {
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri;
    *request.body_mut() = Full::new(body.clone());
    request.headers_mut().insert(CONTENT_TYPE, JSON);
}
