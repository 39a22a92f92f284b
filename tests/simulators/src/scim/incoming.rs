//! What a call says beside its user: its body, numbers, versions, and the URL it came by.
//! They are read in one place, so that every method refuses the same mistakes in the same way.

use http::StatusCode;
use http::header::{HOST, HeaderName};
use serde_json::{Map, Value};

use super::BASE;
use super::answers::Refused;
use super::users::User;
use crate::message::Request;

/// A body that is a JSON object.
pub(super) fn body(request: &Request) -> Result<Map<String, Value>, Refused> {
    let media_type = request.media_type();
    if media_type != "application/scim+json" && media_type != "application/json" {
        return Err(Refused::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "The body is not SCIM."));
    }
    match serde_json::from_slice(&request.body) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) | Err(_) => Err(Refused::bad("invalidSyntax", "The body is no JSON object.")),
    }
}

/// The URL before `/Users`, as the caller knows it.
pub(super) fn base(request: &Request) -> String {
    let host = request.headers.get(HOST).and_then(|host| host.to_str().ok());
    let base = if request.path.starts_with(BASE) { BASE } else { "" };
    host.map_or_else(|| base.to_owned(), |host| format!("http://{host}{base}"))
}

/// A whole number of the query; a negative one is 0.
pub(super) fn number(request: &Request, name: &str) -> Result<Option<usize>, Refused> {
    let Some(text) = request.parameter(name) else { return Ok(None) };
    let number = text.trim().parse::<i64>();
    let number = number.map_err(|_| Refused::bad("invalidValue", format!("{name} is a whole number.")))?;
    Ok(Some(usize::try_from(number).unwrap_or(0)))
}

/// Whether a header names a user's version or any; `None` without that header.
pub(super) fn names_version(request: &Request, header: HeaderName, user: &User) -> Option<bool> {
    let mut sent = request.headers.get_all(header).iter().peekable();
    sent.peek()?;
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let version = opaque(&user.etag());
    let names = |tags: &str| tags.split(',').any(|tag| tag.trim() == "*" || opaque(tag) == version);
    Some(sent.filter_map(|tags| tags.to_str().ok()).any(names))
}
