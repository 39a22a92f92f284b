//! HTTP in and out: who calls, what was sent, and the answer. The only place that knows which status code means what.

mod accept;
mod answered;
mod auth;
mod body;
mod documents;
mod etag;
mod list;
mod query;
mod receive;
mod report;
mod routes;

use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderValue, LOCATION, RETRY_AFTER, VARY, WWW_AUTHENTICATE,
};
use http::request::Parts;
use http::{HeaderMap, Method, Response, StatusCode};
use people_core::batch::RequestFault;
use people_core::error::StoreError;
use people_core::id::ImportId;
use people_core::import::Interrupted;
use people_core::log::{Answer, ImportLog};
use people_core::log_text::{self, LogKind};
use people_core::profile::Profile;
use people_core::profile_schema;
use people_core::summary::Summary;
use serde::Serialize;

pub use accept::Format;
pub use answered::Answered;
pub use auth::KeyCache;
pub use body::{Body, Chunks, Sent, drain, read, read_document};
pub use documents::{Names, deleted, linked, listed as documents_listed};
pub use list::ListRequest;
pub use query::InvalidQuery;
pub use receive::{Received, authenticated, event_body, import, refuse};
pub use routes::{Function, Parameters, Route};

/// What an import was answered with, or a request for a document.
pub fn status(answer: Answer) -> StatusCode {
    match answer {
        Answer::Succeeded => StatusCode::OK,
        Answer::Created => StatusCode::CREATED,
        Answer::Deleted => StatusCode::NO_CONTENT,
        Answer::Linked => StatusCode::FOUND,
        Answer::Failed => StatusCode::BAD_REQUEST,
        Answer::NotFound => StatusCode::NOT_FOUND,
        Answer::TooManyParts => StatusCode::PAYLOAD_TOO_LARGE,
        Answer::PartlyFailed => StatusCode::UNPROCESSABLE_ENTITY,
        Answer::StoreFailed | Answer::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// The answer to an import: its GUID, or the report or problem where the caller prefers JSON.
pub fn imported(log: &ImportLog, format: Format) -> Response<String> {
    let status = status(log.answer_given());
    let mut response = match (format, &log.fault) {
        (Format::Text, _) => text(status, log.id.to_string()),
        (Format::Json, None) => json(status, report::render(log)),
        (Format::Json, Some(fault)) => problem(&Problem::of_fault(fault, status, log.id)),
    };
    with_log(&mut response, log.id);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
    }
    response
}

/// The answer where a store failed. The cause is logged here, once; the caller is told nothing of it.
pub fn interrupted(failure: &Interrupted, format: Format) -> Response<String> {
    tracing::error!(
        import.id = %failure.id, error = %failure.error,
        "import {} could not be carried out", failure.id
    );
    let mut response = store_failed(format, failure.opened.then_some(failure.id));
    if failure.opened {
        with_log(&mut response, failure.id);
    }
    response
}

/// 503: a store of ours failed before there was an import. The cause is logged here, once.
pub fn unavailable(format: Format, error: &StoreError) -> Response<String> {
    tracing::error!(error = %error, "a request could not be answered");
    store_failed(format, None)
}

/// 503; the body is the GUID where there is a log.
fn store_failed(format: Format, id: Option<ImportId>) -> Response<String> {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    let detail = "A store of this service failed. Send the request again later.";
    let mut response = match format {
        Format::Text => text(status, id.map(|id| id.to_string()).unwrap_or_default()),
        Format::Json => problem(&Problem::new("StoreFailed", status, detail, id)),
    };
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
    response
}

/// A log that was looked up.
pub fn found(log: &ImportLog, format: Format) -> Response<String> {
    match format {
        Format::Text => text(StatusCode::OK, log_text::render(log)),
        Format::Json => json(StatusCode::OK, report::render(log)),
    }
}

/// The definition as JSON Schema, or 304 where the caller has it already. It is asked for again each time, because an
/// administrator can change it at any time.
pub fn definition(profile: &Profile, headers: &HeaderMap) -> Response<String> {
    let schema = profile_schema::print(profile);
    let tag = etag::of(&schema);
    let mut response = if etag::is_known(headers, &tag) {
        bare(StatusCode::NOT_MODIFIED)
    } else {
        let mut response = Response::new(schema);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/schema+json"));
        response
    };
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response.headers_mut().extend(HeaderValue::try_from(tag).ok().map(|tag| (ETAG, tag)));
    response
}

/// A page of the list of the logs: always JSON. `found` is what the store gave for [`ListRequest::page`].
pub fn listed(request: &ListRequest, found: &[Summary]) -> Response<String> {
    json(StatusCode::OK, list::render(request, found))
}

/// 400: the query asks for what there is not. The problem names the parameter.
pub fn invalid_query(invalid: &InvalidQuery) -> Response<String> {
    problem(&Problem::new("InvalidQuery", StatusCode::BAD_REQUEST, &invalid.to_string(), None))
}

/// 200 without a body: the function answers. It says nothing of the stores or the targets, because anybody may ask.
pub fn healthy(head: &Parts) -> Response<String> {
    match head.method {
        Method::GET | Method::HEAD => bare(StatusCode::OK),
        _ => method_not_allowed("GET, HEAD", format(&head.headers)),
    }
}

/// 404: there is nothing under this path.
pub fn not_found(format: Format) -> Response<String> {
    plain("NotFound", StatusCode::NOT_FOUND, "There is nothing here.", format)
}

/// 405: the path is right, the method is not.
pub fn method_not_allowed(allowed: &'static str, format: Format) -> Response<String> {
    let detail = format!("Only {allowed} is allowed here.");
    let mut response = plain("MethodNotAllowed", StatusCode::METHOD_NOT_ALLOWED, &detail, format);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

/// 401, without a body. RFC 9110, 15.5.2 wants the challenge; the scheme is that of the documented header.
pub fn unauthorized() -> Response<String> {
    let mut response = bare(StatusCode::UNAUTHORIZED);
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("ApiKey"));
    response
}

/// 413 for more bytes than a request may have, without a body.
pub fn too_large() -> Response<String> {
    bare(StatusCode::PAYLOAD_TOO_LARGE)
}

/// 414: the path and the query are longer than any request needs, without a body.
pub fn target_too_long() -> Response<String> {
    bare(StatusCode::URI_TOO_LONG)
}

/// The format that the caller prefers.
pub fn format(headers: &HeaderMap) -> Format {
    accept::format(headers)
}

fn bare(status: StatusCode) -> Response<String> {
    let mut response = Response::new(String::new());
    *response.status_mut() = status;
    response
}

fn with_type(status: StatusCode, content_type: &'static str, body: String) -> Response<String> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
    response
}

fn text(status: StatusCode, body: String) -> Response<String> {
    with_type(status, "text/plain; charset=utf-8", body)
}

fn json(status: StatusCode, body: String) -> Response<String> {
    with_type(status, "application/json", body)
}

fn plain(kind: &'static str, status: StatusCode, detail: &str, format: Format) -> Response<String> {
    match format {
        Format::Text => text(status, detail.to_owned()),
        Format::Json => problem(&Problem::new(kind, status, detail, None)),
    }
}

fn with_log(response: &mut Response<String>, id: ImportId) {
    if let Ok(location) = HeaderValue::try_from(format!("{}/{id}", Route::ImportLogs.path())) {
        response.headers_mut().insert(LOCATION, location);
    }
}

/// A problem document (RFC 9457).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Problem {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
}

impl Problem {
    fn new(kind: &str, status: StatusCode, detail: &str, id: Option<ImportId>) -> Problem {
        Problem {
            r#type: format!("urn:people-import:problem:{kind}"),
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            detail: detail.to_owned(),
            request_id: id.map(|id| id.to_string()),
        }
    }

    fn of_fault(fault: &RequestFault, status: StatusCode, id: ImportId) -> Problem {
        Problem::new(&format!("{:?}", LogKind::of(fault)), status, &fault.to_string(), Some(id))
    }
}

fn problem(problem: &Problem) -> Response<String> {
    let body = serde_json::to_string(problem).unwrap_or_default();
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    with_type(status, "application/problem+json", body)
}
