//! What the portal answers with: the envelope, and every way in which a call can fail.
//! They are in one place because Workspace and DocSpace differ in nearly all of them.

use http::StatusCode;
use http::header::{CACHE_CONTROL, ETAG, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::calls::now_ms;
use crate::message::Answer;
use crate::switches::Switches;

/// Which product answers, and of which time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Workspace,
    DocspaceOld,
    DocspaceNew,
}

impl Mode {
    /// The switches' values of this one, in the order of the variants.
    pub(super) const NAMES: [&str; 3] = ["workspace", "docspace_old", "docspace_new"];

    /// As the switch says.
    pub(super) fn of(switches: &Switches) -> Mode {
        let [_, old, new] = Mode::NAMES;
        match switches.value("mode").as_str() {
            Some(mode) if mode == old => Mode::DocspaceOld,
            Some(mode) if mode == new => Mode::DocspaceNew,
            _ => Mode::Workspace,
        }
    }

    pub(super) fn is_docspace(self) -> bool {
        match self {
            Mode::Workspace => false,
            Mode::DocspaceOld | Mode::DocspaceNew => true,
        }
    }
}

/// Why a call was not done.
#[derive(Debug, Clone)]
pub(super) enum Failure {
    /// No token that is alive; with the host, when an `Authorization` was sent.
    Unauthorized(Option<String>),
    LoginFailed,
    TooManyLogins,
    Unpaid,
    Restoring,
    Throttled {
        status: StatusCode,
        limit: u64,
        wait_s: u64,
    },
    InvalidArgument(&'static str),
    UnsupportedMediaType,
    UserUnknown,
    NoContactsCall,
    NoRoute,
    SystemUser,
    InvalidOperation(&'static str),
    MayNotEdit,
    Internal(&'static str),
}

impl Failure {
    /// The answer, as this product gives it.
    pub(super) fn answer(self, mode: Mode) -> Answer {
        use StatusCode as S;
        let docspace = mode.is_docspace();
        let either = |workspace, other| if docspace { other } else { workspace };
        let error = |status, message| error(mode, status, message);
        match self {
            Failure::Unauthorized(_) if docspace => empty(S::UNAUTHORIZED),
            Failure::Unauthorized(host) => {
                let answer = plain(S::UNAUTHORIZED, "Unauthorized");
                let realm = host.map(|host| format!("Basic Realm=\"{host}\""));
                realm.iter().fold(answer, |answer, realm| answer.with_text(WWW_AUTHENTICATE, realm))
            }
            Failure::LoginFailed => {
                error(either(S::INTERNAL_SERVER_ERROR, S::UNAUTHORIZED), "User authentication failed")
            }
            Failure::TooManyLogins => error(
                either(S::INTERNAL_SERVER_ERROR, S::UNAUTHORIZED),
                "Too many login attempts. Please try again later",
            ),
            Failure::Unpaid => plain(S::PAYMENT_REQUIRED, "PaymentRequired"),
            Failure::Restoring => empty(S::SERVICE_UNAVAILABLE),
            Failure::Throttled { status, limit, wait_s } => throttled(mode, status, limit, wait_s),
            Failure::InvalidArgument(message) => error(S::BAD_REQUEST, message),
            Failure::UnsupportedMediaType => error(S::UNSUPPORTED_MEDIA_TYPE, "Unsupported Media Type"),
            Failure::UserUnknown => error(S::NOT_FOUND, "user not found"),
            Failure::NoContactsCall => empty(S::NOT_FOUND),
            Failure::NoRoute => Answer::page(S::NOT_FOUND),
            Failure::SystemUser => error(S::FORBIDDEN, "Security error."),
            Failure::InvalidOperation(message) => error(S::FORBIDDEN, message),
            Failure::MayNotEdit => error(either(S::INTERNAL_SERVER_ERROR, S::FORBIDDEN), "Access denied."),
            Failure::Internal(message) => error(S::INTERNAL_SERVER_ERROR, message),
        }
    }
}

/// A success in its envelope, the members in the portal's order. Numbers that are zero are left out.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Envelope {
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) count: usize,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) start_index: usize,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) next_index: usize,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) total: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    links: Option<Value>,
    status: u8,
    status_code: u16,
    pub(super) response: Value,
}

impl Envelope {
    /// One object.
    pub(super) fn one(response: Value) -> Self {
        Envelope { count: 1, response, ..Envelope::default() }
    }

    /// The answer; `path` is what DocSpace links to.
    pub(super) fn send(mut self, status: StatusCode, mode: Mode, method_and_path: (&str, &str)) -> Answer {
        let (method, path) = method_and_path;
        self.status_code = status.as_u16();
        self.links = mode.is_docspace().then(|| json!([{"href": path, "action": method}]));
        send(mode, status, serde_json::to_string(&self).unwrap_or_default())
    }
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

fn error(mode: Mode, status: StatusCode, message: &str) -> Answer {
    let code = status.as_u16();
    let error = if mode.is_docspace() {
        json!({"message": message, "type": "System.Exception", "stack": "", "hresult": -2_146_233_088_i64})
    } else {
        json!({"message": message, "hresult": -2_146_233_088_i64, "data": {}})
    };
    send(mode, status, json!({"status": 1, "statusCode": code, "error": error}).to_string())
}

/// Workspace escapes the slashes, which JSON has nowhere but in texts.
fn send(mode: Mode, status: StatusCode, body: String) -> Answer {
    let body = if mode.is_docspace() { body } else { body.replace('/', "\\/") };
    let etag = format!("\"{}\"", Uuid::new_v4());
    let answer = Answer::new(status, "application/json; charset=utf-8", body);
    answer.with(CACHE_CONTROL, "private, max-age=0").with_text(ETAG, &etag)
}

fn plain(status: StatusCode, text: &'static str) -> Answer {
    Answer::new(status, "text/plain; charset=utf-8", text)
}

fn empty(status: StatusCode) -> Answer {
    plain(status, "")
}

fn throttled(mode: Mode, status: StatusCode, limit: u64, wait_s: u64) -> Answer {
    if !mode.is_docspace() {
        return empty(status).with_text(RETRY_AFTER, &wait_s.to_string());
    }
    let resets_at = now_ms() / 1000 + i64::try_from(wait_s).unwrap_or(i64::MAX / 2);
    empty(StatusCode::TOO_MANY_REQUESTS)
        .with_text(HeaderName::from_static("x-ratelimit-limit"), &limit.to_string())
        .with(HeaderName::from_static("x-ratelimit-remaining"), "0")
        .with_text(HeaderName::from_static("x-ratelimit-reset"), &resets_at.to_string())
}
