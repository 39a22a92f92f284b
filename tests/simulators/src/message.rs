//! A request that has been read and an answer that has not been written yet.
//! Every kind of target works on these, so none of them touches the HTTP library.

use std::net::IpAddr;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::Value;

/// One call, read to its end.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// As received, still percent-encoded.
    pub(crate) path: String,
    /// As received, without the question mark.
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    /// Empty when the body was too long to be kept.
    pub(crate) body: Bytes,
    pub(crate) too_long: bool,
    pub(crate) peer: IpAddr,
}

impl Request {
    /// The decoded value of the first query parameter of this name, in any case.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        form_pairs(&self.query).find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The media type without its parameters, in lower case; empty when there is none.
    pub(crate) fn media_type(&self) -> String {
        let header = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
        header.split(';').next().unwrap_or("").trim().to_ascii_lowercase()
    }
}

/// Names and values of a query or a form, decoded.
pub(crate) fn form_pairs(text: &str) -> impl Iterator<Item = (String, String)> {
    text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (form_decode(name), form_decode(value))
    })
}

fn form_decode(text: &str) -> String {
    decode(&text.replace('+', " "))
}

/// Percent-decoded; bytes that are no text become replacement characters.
pub(crate) fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// What a call is answered with.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// An answer whose body has the media type given.
    pub(crate) fn new(status: StatusCode, media_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        Answer { status, headers, body: body.into() }
    }

    /// A JSON answer.
    pub(crate) fn json(status: StatusCode, body: &Value) -> Self {
        Answer::new(status, "application/json; charset=utf-8", body.to_string())
    }

    /// A page as a web server makes it when the application has no say.
    pub(crate) fn page(status: StatusCode) -> Self {
        let (number, reason) = (status.as_u16(), status.canonical_reason().unwrap_or("Error"));
        let html = format!(
            "<!DOCTYPE html>\r\n<html><head><title>{number} - {reason}</title></head>\r\n\
             <body><h1>Server Error</h1><h2>{number} - {reason}</h2></body></html>\r\n"
        );
        Answer::new(status, "text/html", html)
    }

    /// The same answer with one more header.
    pub(crate) fn with(mut self, name: HeaderName, value: &'static str) -> Self {
        self.headers.insert(name, HeaderValue::from_static(value));
        self
    }

    /// The same answer with one more header whose value is only known now; a value no header can have is left out.
    pub(crate) fn with_text(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::try_from(value) {
            self.headers.insert(name, value);
        }
        self
    }
}
