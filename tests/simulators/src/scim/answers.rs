//! What a SCIM server answers with: its media type, its errors, and lists.
//! A refusal is a value until the very end, so that a PATCH can be given up at any depth.

use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};

use crate::message::Answer;
use crate::switches::Switches;

/// How long a throttled caller is asked to wait, in seconds: the rate looks back as far.
const RETRY_AFTER_S: u64 = 1;

/// Why a call is not done.
#[derive(Debug)]
pub(super) struct Refused {
    status: StatusCode,
    /// The `scimType`.
    kind: Option<&'static str>,
    detail: String,
    header: Option<(HeaderName, HeaderValue)>,
}

impl Refused {
    /// A refusal without a `scimType`.
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Refused { status, kind: None, detail: detail.into(), header: None }
    }

    /// A 400 with its `scimType`.
    pub(super) fn bad(kind: &'static str, detail: impl Into<String>) -> Self {
        Refused { kind: Some(kind), ..Refused::new(StatusCode::BAD_REQUEST, detail) }
    }

    /// Somebody else has the value.
    pub(super) fn taken(attribute: &str) -> Self {
        let detail = format!("Another user has this {attribute}.");
        Refused { kind: Some("uniqueness"), ..Refused::new(StatusCode::CONFLICT, detail) }
    }

    /// There is no such resource.
    pub(super) fn not_found() -> Self {
        Refused::new(StatusCode::NOT_FOUND, "The resource was not found.")
    }

    /// The token is missing, unknown or expired.
    pub(super) fn unauthorized() -> Self {
        Refused::new(StatusCode::UNAUTHORIZED, "The token is missing or not valid.")
            .with(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    /// The caller is too fast.
    pub(super) fn throttled(switches: &Switches) -> Self {
        let status = switches.count("throttle_status").and_then(|status| u16::try_from(status).ok());
        let status = status.and_then(|status| StatusCode::from_u16(status).ok());
        Refused::new(status.unwrap_or(StatusCode::TOO_MANY_REQUESTS), "Too many requests.")
            .with(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S))
    }

    /// The same refusal with a header.
    pub(super) fn with(self, name: HeaderName, value: HeaderValue) -> Self {
        Refused { header: Some((name, value)), ..self }
    }

    /// As it goes over the wire.
    pub(super) fn answer(self) -> Answer {
        let mut body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
            "status": self.status.as_u16().to_string(),
            "detail": self.detail,
        });
        if let Some(kind) = self.kind {
            body["scimType"] = json!(kind);
        }
        let mut answer = send(self.status, &body);
        answer.headers.extend(self.header);
        answer
    }
}

/// An answer in the media type of SCIM.
pub(super) fn send(status: StatusCode, body: &Value) -> Answer {
    Answer::new(status, "application/scim+json", body.to_string())
}

/// An answer without a body.
pub(super) fn nothing(status: StatusCode) -> Answer {
    let mut answer = Answer::new(status, "application/scim+json", "");
    answer.headers.clear();
    answer
}

/// A list, or a page of one that has `total` resources; `start` counts from 1.
pub(super) fn list(total: usize, start: usize, resources: Vec<Value>) -> Answer {
    send(
        StatusCode::OK,
        &json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
            "totalResults": total,
            "startIndex": start,
            "itemsPerPage": resources.len(),
            "Resources": resources,
        }),
    )
}
