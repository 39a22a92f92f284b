//! HTTP in and out: who calls, what was sent, and the answer. The only place that knows which status code means what.

mod accept;
mod answered;
mod auth;
mod body;
pub mod console;
mod docs;
mod documents;
mod etag;
mod export;
mod filter;
mod list;
mod prefer;
mod problem;
mod query;
mod rate;
mod receive;
mod repeats;
mod report;
mod routes;
mod undelivered;
mod uploads;

use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderValue, LOCATION, RETRY_AFTER,
    VARY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{HeaderMap, Method, Response, StatusCode};
use people_core::batch::MAX_BODY_BYTES;
use people_core::error::StoreError;
use people_core::failed::Failed;
use people_core::id::ImportId;
use people_core::import::Interrupted;
use people_core::log::{Answer, ImportLog};
use people_core::log_text;
use people_core::lookup::Found;
use people_core::ports::SignedPut;
use people_core::profile::Profile;
use people_core::profile_schema;
use people_core::redelivery::Report;
use people_core::undelivered::Waiting;

use self::problem::{Problem, ProblemKind};

pub use accept::Format;
pub use answered::Answered;
pub use auth::KeyCache;
pub use body::{Body, Chunks, Fingerprint, Kept, Sent, Whole, drain, keep, read, read_document, read_kept};
pub use documents::{Names, deleted, linked, listed as documents_listed};
pub use export::{ExportFormat, export};
pub use list::ListRequest;
pub use prefer::RespondAsync;
pub use query::InvalidQuery;
pub use rate::Counted;
pub use receive::{Received, Repeated, authenticated, event_body, import, refuse, repeated};
pub use routes::{Function, Parameters, Route};
pub use undelivered::{UndeliveredRequest, is_plan};
pub use uploads::{InvalidAnnouncement, announcement};

/// What an import was answered with, or a request for a document.
pub fn status(answer: Answer) -> StatusCode {
    match answer {
        Answer::Succeeded => StatusCode::OK,
        Answer::Accepted => StatusCode::ACCEPTED,
        Answer::Created => StatusCode::CREATED,
        Answer::Deleted => StatusCode::NO_CONTENT,
        Answer::Linked => StatusCode::FOUND,
        Answer::Failed => StatusCode::BAD_REQUEST,
        Answer::NotFound => StatusCode::NOT_FOUND,
        Answer::TooManyParts => StatusCode::PAYLOAD_TOO_LARGE,
        Answer::PartlyFailed => StatusCode::UNPROCESSABLE_ENTITY,
        Answer::StoreFailed | Answer::Interrupted | Answer::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// The answer to an import: its GUID, or the report or problem where the caller prefers JSON.
pub fn imported(log: &ImportLog, format: Format) -> Response<String> {
    let status = status(log.answer_given());
    let mut response = match (format, &log.fault) {
        (Format::Text, _) => text(status, log.id.to_string()),
        (Format::Json, None) => json(status, report::render(log)),
        (Format::Json, Some(fault)) => Problem::of_fault(fault, status, log.id).answer(),
    };
    with_log(&mut response, log.id);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
    }
    response
}

/// An answer that was given before.
pub fn replayed(mut response: Response<String>) -> Response<String> {
    response.headers_mut().insert(repeats::REPLAYED, HeaderValue::from_static("true"));
    response
}

/// 409: the same request is being carried out.
pub fn still_running(format: Format) -> Response<String> {
    let detail = "The first request with this Idempotency-Key is still being carried out.";
    let mut response = plain(ProblemKind::RequestStillRunning, StatusCode::CONFLICT, detail, format);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
    response
}

/// 409: the key is that of another request. Sending it again does not help.
pub fn another_request(format: Format) -> Response<String> {
    let detail = "Another request was sent with this Idempotency-Key.";
    plain(ProblemKind::IdempotencyKeyReused, StatusCode::CONFLICT, detail, format)
}

/// 400: a header that is not as it has to be, before there was an import.
fn invalid_repeat_key(invalid: repeats::InvalidKey, format: Format) -> Response<String> {
    plain(ProblemKind::InvalidIdempotencyKey, StatusCode::BAD_REQUEST, &invalid.to_string(), format)
}

/// 202: the import is accepted, and its log will tell how it ends.
pub fn accepted(log: &ImportLog, format: Format, asked: RespondAsync) -> Response<String> {
    let mut response = match format {
        Format::Text => text(StatusCode::ACCEPTED, log.id.to_string()),
        Format::Json => json(StatusCode::ACCEPTED, report::render(log)),
    };
    with_log(&mut response, log.id);
    applied(response, &asked.applied_at_once())
}

/// The answer to an import that has ended while its caller was willing to wait: what is answered to those who always do.
pub fn awaited(log: ImportLog, format: Format, asked: RespondAsync) -> Response<String> {
    applied(imported(&log.as_answered(), format), &asked.to_string())
}

fn applied(mut response: Response<String>, preferences: &str) -> Response<String> {
    if let Ok(preferences) = HeaderValue::try_from(preferences) {
        response.headers_mut().insert("preference-applied", preferences);
    }
    response
}

/// 201: a body may be sent to where the answer says. Whoever has the answer can send it, so nobody keeps it.
pub fn upload(import: ImportId, put: &SignedPut) -> Response<String> {
    let mut response = json(StatusCode::CREATED, uploads::render(import, put));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    with_log(&mut response, import);
    response
}

/// 400, or 413 where the body would be too large. The problem names the member.
pub fn invalid_announcement(invalid: &InvalidAnnouncement) -> Response<String> {
    let (kind, status) = match invalid {
        InvalidAnnouncement::TooLarge(_) => (ProblemKind::BodyTooLarge, StatusCode::PAYLOAD_TOO_LARGE),
        InvalidAnnouncement::Unreadable(_)
        | InvalidAnnouncement::Unknown(_)
        | InvalidAnnouncement::Member(..) => (ProblemKind::InvalidAnnouncement, StatusCode::BAD_REQUEST),
    };
    Problem::new(kind, status, &invalid.to_string(), None).answer()
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
        Format::Json => Problem::new(ProblemKind::StoreFailed, status, detail, id).answer(),
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

/// 303 to what failed of an import, or why there is no such body. Whoever has the link has the body, so nobody keeps it.
pub fn failed(found: &Failed, format: Format) -> Response<String> {
    let (kind, status, detail) = match found {
        Failed::Link(link) => return documents::led_to(bare(StatusCode::SEE_OTHER), link),
        Failed::Nothing => return bare(StatusCode::NO_CONTENT),
        Failed::Unknown => return not_found(format),
        Failed::NoParts => (
            ProblemKind::NoParts,
            StatusCode::NOT_FOUND,
            "The request was at fault: none of its parts was judged.",
        ),
        Failed::Gone => (
            ProblemKind::BodyNotKept,
            StatusCode::GONE,
            "The body of this import is not kept, or not any more.",
        ),
        Failed::Unfinished => {
            (ProblemKind::ImportNotEnded, StatusCode::CONFLICT, "The import has not ended yet.")
        }
    };
    let mut response = plain(kind, status, detail, format);
    if *found == Failed::Unfinished {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
    }
    response
}

/// The definition as JSON Schema, or its example as CSV where the caller prefers that. It is asked for again each time,
/// because an administrator can change it at any time.
pub fn definition(profile: &Profile, headers: &HeaderMap) -> Response<String> {
    let mut response = if accept::prefers_csv(headers) {
        let example = profile_schema::example_as_csv(profile);
        tagged(headers, "text/csv; charset=utf-8; header=present", example)
    } else {
        tagged(headers, "application/schema+json", profile_schema::print(profile))
    };
    response.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
    response
}

/// What each code in an answer means, for a browser.
pub fn documentation(head: &Parts) -> Response<String> {
    if !matches!(head.method, Method::GET | Method::HEAD) {
        return method_not_allowed("GET, HEAD", format(&head.headers));
    }
    let mut response = tagged(&head.headers, "text/html; charset=utf-8", docs::page());
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(docs::POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// 200, or 304 where the caller has it already.
fn tagged(headers: &HeaderMap, content_type: &'static str, body: String) -> Response<String> {
    let tag = etag::of(&body);
    let mut response = if etag::is_known(headers, &tag) {
        bare(StatusCode::NOT_MODIFIED)
    } else {
        let mut response = Response::new(body);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        response
    };
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response.headers_mut().extend(HeaderValue::try_from(tag).ok().map(|tag| (ETAG, tag)));
    response
}

/// A page of the list of the logs, as JSON.
pub fn listed(found: &Found) -> Response<String> {
    json(StatusCode::OK, list::render(found))
}

/// A page of what has not arrived: always JSON. `found` has one entry more than `limit` where there is a next page.
pub fn undelivered(limit: usize, found: &[Waiting]) -> Response<String> {
    json(StatusCode::OK, undelivered::render(limit, found))
}

/// How many updates have not arrived at a target.
pub fn undelivered_summary(count: u64) -> Response<String> {
    json(StatusCode::OK, format!(r#"{{"undelivered":{count}}}"#))
}

/// What came of delivering an import again, and how many of its updates have not arrived still.
pub fn redelivered(import: ImportId, report: Report, left: usize) -> Response<String> {
    let redelivered = undelivered::Redelivered::new(import, report, left);
    json(StatusCode::OK, serde_json::to_string(&redelivered).unwrap_or_default())
}

/// Whether the caller wants a dry run; else the answer, 400, where it is not certain: a real one would be the opposite.
pub fn dry_run(head: &Parts) -> Result<bool, Box<Response<String>>> {
    query::flag(head.uri.query(), "dryRun").map_err(|invalid| Box::new(invalid_query(&invalid)))
}

/// 400: the query asks for what there is not. The problem names the parameter.
pub fn invalid_query(invalid: &InvalidQuery) -> Response<String> {
    Problem::new(ProblemKind::InvalidQuery, StatusCode::BAD_REQUEST, &invalid.to_string(), None).answer()
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
    plain(ProblemKind::NotFound, StatusCode::NOT_FOUND, "There is nothing here.", format)
}

/// 405: the path is right, the method is not.
pub fn method_not_allowed(allowed: &'static str, format: Format) -> Response<String> {
    let detail = format!("Only {allowed} is allowed here.");
    let mut response = plain(ProblemKind::MethodNotAllowed, StatusCode::METHOD_NOT_ALLOWED, &detail, format);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

/// 429: the key sends more requests than it may. Nothing was done.
fn too_many_requests(seconds: u64, format: Format) -> Response<String> {
    let detail =
        format!("This API key has sent too many requests. Send this one again in {seconds} seconds.");
    let status = StatusCode::TOO_MANY_REQUESTS;
    let mut response = plain(ProblemKind::TooManyRequests, status, &detail, format);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// 401, without a body. RFC 9110, 15.5.2 wants the challenge; the scheme is that of the documented header.
pub fn unauthorized() -> Response<String> {
    let mut response = bare(StatusCode::UNAUTHORIZED);
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("ApiKey"));
    response
}

/// 413 for more bytes than a request may have: without a body, or, for those who understand it, with where to go.
pub fn too_large(format: Format) -> Response<String> {
    let status = StatusCode::PAYLOAD_TOO_LARGE;
    let detail = format!(
        "The body has more bytes than are taken this way. One of up to {MAX_BODY_BYTES} bytes is imported by way of POST {}.",
        Route::Uploads.path()
    );
    match format {
        Format::Text => bare(status),
        Format::Json => Problem::new(ProblemKind::BodyTooLarge, status, &detail, None).answer(),
    }
}

/// 414: the path and the query are longer than any request needs, without a body.
pub fn target_too_long() -> Response<String> {
    bare(StatusCode::URI_TOO_LONG)
}

/// The format that the caller prefers.
pub fn format(headers: &HeaderMap) -> Format {
    accept::format(headers)
}

/// The format that the caller wants to take logs along in; none where the list is to be shown.
pub fn export_format(headers: &HeaderMap) -> Option<ExportFormat> {
    accept::export_format(headers)
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

fn plain(kind: ProblemKind, status: StatusCode, detail: &str, format: Format) -> Response<String> {
    match format {
        Format::Text => text(status, detail.to_owned()),
        Format::Json => Problem::new(kind, status, detail, None).answer(),
    }
}

fn with_log(response: &mut Response<String>, id: ImportId) {
    if let Ok(location) = HeaderValue::try_from(format!("{}/{id}", Route::ImportLogs.path())) {
        response.headers_mut().insert(LOCATION, location);
    }
}
