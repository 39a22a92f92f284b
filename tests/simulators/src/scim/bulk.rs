//! Many changes in one call, for the switch `bulk`: each is done as if it had come alone.
//! Nothing refers to what another operation made, as people are never created through an import.

use bytes::Bytes;
use http::header::{ETAG, IF_MATCH, LOCATION};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::{Map, Value, json};

use super::Scim;
use super::answers::{Refused, send};
use super::incoming::body;
use super::patch::get;
use crate::message::{Answer, Request};
use crate::switches::Switches;

/// How many operations one call may have.
pub(super) const MOST_OPERATIONS: usize = 100;

/// Does the operations in their order, until `failOnErrors` of them have failed.
pub(super) fn run(scim: &mut Scim, request: &Request, switches: &Switches) -> Result<Answer, Refused> {
    let sent = body(request)?;
    let operations = get(&sent, "Operations").and_then(Value::as_array);
    let operations = operations.ok_or_else(|| Refused::bad("invalidSyntax", "Operations are a list."))?;
    if operations.len() > MOST_OPERATIONS {
        return Err(Refused::new(StatusCode::PAYLOAD_TOO_LARGE, "There are too many operations."));
    }
    let most_failed = get(&sent, "failOnErrors").and_then(Value::as_u64).unwrap_or(u64::MAX);
    let (mut done, mut failed) = (Vec::new(), 0);
    for operation in operations {
        if failed >= most_failed {
            break;
        }
        let operation = operation.as_object();
        let operation =
            operation.ok_or_else(|| Refused::bad("invalidSyntax", "An operation is an object."))?;
        let answer = scim.serve(&alone(request, operation)?, switches).unwrap_or_else(Refused::answer);
        failed += u64::from(!answer.status.is_success());
        done.push(reported(operation, &answer));
    }
    Ok(send(
        StatusCode::OK,
        &json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkResponse"], "Operations": done}),
    ))
}

/// An operation as the call it stands for.
fn alone(request: &Request, operation: &Map<String, Value>) -> Result<Request, Refused> {
    let text = |name| get(operation, name).and_then(Value::as_str).unwrap_or("");
    let syntax = |detail: &str| Refused::bad("invalidSyntax", detail);
    let method = Method::from_bytes(text("method").to_ascii_uppercase().as_bytes());
    let changes = [Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    let method = method.ok().filter(|method| changes.contains(method));
    let path = Some(text("path")).filter(|path| *path == "/Users" || path.starts_with("/Users/"));
    let mut headers: HeaderMap = request.headers.clone();
    headers.remove(IF_MATCH);
    if let Ok(version) = HeaderValue::from_str(text("version"))
        && !version.is_empty()
    {
        headers.insert(IF_MATCH, version);
    }
    Ok(Request {
        method: method.ok_or_else(|| syntax("The method of an operation changes something."))?,
        path: path.ok_or_else(|| syntax("The path of an operation is one of users."))?.to_owned(),
        query: String::new(),
        headers,
        body: get(operation, "data").map_or_else(Bytes::new, |data| Bytes::from(data.to_string())),
        too_long: false,
        peer: request.peer,
    })
}

/// How an operation went; an error's body is part of it.
fn reported(operation: &Map<String, Value>, answer: &Answer) -> Value {
    let mut reported = json!({"status": answer.status.as_u16().to_string()});
    for name in ["method", "bulkId"] {
        if let Some(value) = get(operation, name) {
            reported[name] = value.clone();
        }
    }
    let shown: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let header = |name| Some(json!(answer.headers.get(name)?.to_str().ok()?));
    if let Some(location) = header(LOCATION).or_else(|| shown.pointer("/meta/location").cloned()) {
        reported["location"] = location;
    }
    if let Some(version) = header(ETAG) {
        reported["version"] = version;
    }
    if !answer.status.is_success() {
        reported["response"] = shown;
    }
    reported
}
