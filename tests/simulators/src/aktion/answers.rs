//! What Aktion answers with: the statuses, numbers and texts, and the JSON dialect on the wire.
//! They are in one table because the number alone does not tell a success from a failure.

use std::net::IpAddr;

use http::StatusCode;
use serde_json::{Value, json};

use crate::message::Answer;
use crate::switches::Switches;

/// How a call ended, apart from those that answer with data.
#[derive(Debug)]
pub(super) enum Outcome {
    Saved,
    Unchanged(String),
    Created,
    EntryCodeTaken,
    Card1Taken,
    Card2Taken,
    /// One text for each member that breaks a rule.
    BindingFailed(Vec<String>),
    TokenUnknown(String),
    TokenExpired(String),
    UserUnknown,
    KeyInvalid,
    IpBlocked(IpAddr),
    RateViolated(IpAddr),
    ColumnFailed(String),
    Duplicate,
    PersonUnknown,
}

impl Outcome {
    /// The answer in the envelope that every call has which does not answer with data.
    pub(super) fn answer(self, echo: Value) -> Answer {
        let (status, code, message) = self.parts();
        let errors = if let Outcome::BindingFailed(errors) = self { json!(errors) } else { Value::Null };
        let result = json!({"Message": message, "Code": code, "ModelStateErr": errors});
        send(status, &json!({"Result": result, "Request": echo}))
    }

    fn parts(&self) -> (StatusCode, u16, String) {
        use StatusCode as S;
        let fixed = |status, code, message: &str| (status, code, message.to_owned());
        let without = |what: &str| format!("Person created without identifier. {what} constraint found");
        match self {
            Outcome::Saved => fixed(S::OK, 0, "Processed with result: ExecOK"),
            Outcome::Unchanged(id) => {
                (S::ACCEPTED, 0, format!("Processed with results: PersonId [{id}] remains unchanged"))
            }
            Outcome::Created => fixed(S::CREATED, 0, "Processed with result: ExecOK"),
            Outcome::EntryCodeTaken => (S::CREATED, 1107, without("Entry code")),
            Outcome::Card1Taken => (S::CREATED, 1108, without("Card 1")),
            Outcome::Card2Taken => (S::CREATED, 1109, without("Card 2")),
            Outcome::BindingFailed(_) => {
                fixed(S::BAD_REQUEST, 1002, "Entry parameter missing or parameter bindings failed")
            }
            Outcome::TokenUnknown(token) => (S::UNAUTHORIZED, 1000, format!("Token {token} not found")),
            Outcome::TokenExpired(token) => (S::UNAUTHORIZED, 1001, format!("Token {token} already expired")),
            Outcome::UserUnknown => fixed(S::UNAUTHORIZED, 1003, "Login name or key unknown"),
            Outcome::KeyInvalid => fixed(S::UNAUTHORIZED, 1004, "Key invalid"),
            Outcome::IpBlocked(ip) => {
                (S::UNAUTHORIZED, 1006, format!("Ip filter violated for ip client address [{ip}]"))
            }
            Outcome::RateViolated(ip) => {
                (S::UNAUTHORIZED, 1008, format!("Request rate policy violated for [{ip}]"))
            }
            Outcome::ColumnFailed(issue) => {
                (S::FORBIDDEN, 1014, format!("Uds column saving failed. Issue: [{issue}]"))
            }
            Outcome::Duplicate => fixed(S::FORBIDDEN, 3, "Db operation failed, Record duplicity"),
            Outcome::PersonUnknown => fixed(S::NOT_FOUND, 1100, "Person not found"),
        }
    }
}

impl From<Outcome> for Box<Answer> {
    fn from(outcome: Outcome) -> Self {
        Box::new(outcome.answer(Value::Null))
    }
}

/// A JSON answer with dates as the target writes them: their slashes escaped.
pub(super) fn send(status: StatusCode, body: &Value) -> Answer {
    // A slash may be escaped in any JSON text, so a text that merely looks like a date keeps its meaning.
    let text = body.to_string().replace("\"/Date(", "\"\\/Date(").replace(")/\"", ")\\/\"");
    Answer::new(status, "application/json; charset=utf-8", text)
}

/// A date as the target shows it, with its clock as wrong as the switch says.
pub(super) fn date(milliseconds: i64, switches: &Switches) -> Value {
    let offset = (switches.number("clock_offset_s") * 1000.0) as i64;
    json!(format!("/Date({})/", milliseconds.saturating_add(offset)))
}

/// The answer itself, or the web server's page for its status where errors are shown that way.
pub(super) fn dress(answer: Answer, switches: &Switches) -> Answer {
    let is_error = answer.status.is_client_error() || answer.status.is_server_error();
    if is_error && switches.flag("error_html") { Answer::page(answer.status) } else { answer }
}
