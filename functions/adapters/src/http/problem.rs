//! Problem documents (RFC 9457): what is wrong where no part was judged, for programs. A type is never renamed: callers
//! compare it.

use http::{Response, StatusCode};
use people_core::batch::RequestFault;
use people_core::id::ImportId;
use people_core::log_text::LogKind;
use serde::Serialize;

use super::{docs, with_type};

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProblemKind {
    /// The request as a whole; the log calls it the same.
    Fault(LogKind),
    /// There is nothing under the path, or nothing any more.
    NotFound,
    /// The path is right, the method is not.
    MethodNotAllowed,
    /// The query asks for what there is not.
    InvalidQuery,
    /// The key sends more requests than it may.
    TooManyRequests,
    /// The body has too many bytes.
    BodyTooLarge,
    /// An announcement of a body is not as it has to be.
    InvalidAnnouncement,
    /// The `Idempotency-Key` is none.
    InvalidIdempotencyKey,
    /// The `Idempotency-Key` is that of another request.
    IdempotencyKeyReused,
    /// The same request is being carried out.
    RequestStillRunning,
    /// Of this import no part was judged.
    NoParts,
    /// The body of this import is gone.
    BodyNotKept,
    /// The import has not ended.
    ImportNotEnded,
    /// A store of ours failed.
    StoreFailed,
}

impl ProblemKind {
    /// Every kind that the log has no word for.
    pub(super) const ALL: [ProblemKind; 13] = [
        ProblemKind::NotFound,
        ProblemKind::MethodNotAllowed,
        ProblemKind::InvalidQuery,
        ProblemKind::TooManyRequests,
        ProblemKind::BodyTooLarge,
        ProblemKind::InvalidAnnouncement,
        ProblemKind::InvalidIdempotencyKey,
        ProblemKind::IdempotencyKeyReused,
        ProblemKind::RequestStillRunning,
        ProblemKind::NoParts,
        ProblemKind::BodyNotKept,
        ProblemKind::ImportNotEnded,
        ProblemKind::StoreFailed,
    ];

    /// How its type ends, and its entry in the documentation is called.
    pub(super) fn name(self) -> String {
        match self {
            ProblemKind::Fault(kind) => format!("{kind:?}"),
            kind => format!("{kind:?}"),
        }
    }
}

/// A problem document.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Problem {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: String,
    /// Where it is told what to do.
    documentation: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
}

impl Problem {
    pub(super) fn new(kind: ProblemKind, status: StatusCode, detail: &str, id: Option<ImportId>) -> Problem {
        let name = kind.name();
        Problem {
            r#type: format!("urn:people-import:problem:{name}"),
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            detail: detail.to_owned(),
            documentation: docs::link(&name),
            request_id: id.map(|id| id.to_string()),
        }
    }

    pub(super) fn of_fault(fault: &RequestFault, status: StatusCode, id: ImportId) -> Problem {
        Problem::new(ProblemKind::Fault(LogKind::of(fault)), status, &fault.to_string(), Some(id))
    }

    pub(super) fn answer(&self) -> Response<String> {
        let body = serde_json::to_string(self).unwrap_or_default();
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        with_type(status, "application/problem+json", body)
    }
}
