//! What an answer of Aktion's means: by status and number, never by text, as the texts hold typing errors. Three of its
//! statuses have more than one meaning, so this table is the only place that knows them.

use bytes::Bytes;
use http::StatusCode;
use people_core::log::Ending;
use serde::Deserialize;

use super::calls::Call;
use crate::http_client::Answer;
use crate::targets::session::Step;

/// An answer, read as far as it can be.
#[derive(Clone)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    /// Aktion's number; absent where the body is no envelope, a page of HTML say.
    pub(super) number: Option<i64>,
    pub(super) body: Bytes,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Envelope {
    result: Code,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Code {
    code: i64,
}

impl Reply {
    /// Reads an answer. Only an update has its number also when it succeeds.
    pub(super) fn new(answer: Answer, call: &Call) -> Reply {
        let has_number = matches!(call, Call::Update { .. }) || answer.status != StatusCode::OK;
        let number = has_number
            .then(|| serde_json::from_slice::<Envelope>(&answer.body).ok())
            .flatten()
            .map(|envelope| envelope.result.code);
        Reply { status: answer.status, number, body: answer.body }
    }

    /// Status and number, as the log shows them.
    pub(super) fn code(&self) -> String {
        match self.number {
            Some(number) => format!("{}/{number}", self.status.as_u16()),
            None => self.status.as_str().to_owned(),
        }
    }
}

/// What the answer to a call means, as far as that is the same for all (targets.md 1.2 to 1.5).
pub(super) fn step(reply: &Reply, call: &Call) -> Step {
    match (reply.status.as_u16(), reply.number) {
        (401, Some(1003 | 1004)) => Step::Refused("refuses our log-in"),
        (401, Some(1006 | 1007)) => Step::Stop("does not accept calls from our address"),
        (401, Some(1008)) | (429, _) => Step::Busy(None),
        (401, _) if matches!(call, Call::LogIn(_)) => Step::Refused("refuses our log-in"),
        // Without a number the token is as likely as the rest, and one log-in more does no harm.
        (401, _) => Step::TokenGone,
        (400, _) if matches!(call, Call::LogIn(_)) => Step::Stop("does not understand our log-in"),
        (403, None) | (404 | 405, None) if matches!(call, Call::Page { .. }) => Step::Answered,
        // A page in place of an envelope may be about the person: nobody else has to wait for them.
        (404, None) if matches!(call, Call::Get(_)) => Step::Answered,
        (403, None) => Step::Stop("does not allow this call"),
        (404 | 405, None) => Step::Stop("does not know this call: its base URL may be wrong"),
        (415, _) => Step::Stop("does not take JSON"),
        (403, Some(8)) => Step::Stop("has a problem with its licence"),
        (300..=399, _) => Step::Stop("sends us elsewhere: its base URL may be wrong"),
        (408 | 500.., _) => Step::Failed,
        _ => Step::Answered,
    }
}

/// What the answer to an update means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    /// That is the end of it.
    Ended(Ending),
    /// Nobody may be changed by us: why. There is no use in trying the next person.
    NoRight(String),
    /// Somebody changed the person meanwhile.
    Changed,
    /// The database had some other problem.
    Problem,
    /// A user column was refused; the rest may be saved.
    ColumnRefused,
    /// Not documented: only a look can tell.
    Unclear,
}

/// What the answer to an update means, where [`step`] says that it is one (targets.md 1.4). `name` is the target's.
pub(super) fn meaning(reply: &Reply, name: &str) -> Meaning {
    let refused = |why: &str| Meaning::Ended(Ending::Refused(format!("{name} {why}")));
    let without = |property: &str| {
        Meaning::Ended(Ending::PartlyUpdated(format!("{name} refused {property}: another person has it")))
    };
    match (reply.status.as_u16(), reply.number) {
        (200 | 201, Some(0)) => Meaning::Ended(Ending::Updated),
        (202, Some(0)) => Meaning::Ended(Ending::Unchanged),
        (201, Some(1107)) => without("IdentifierEntryCode"),
        (201, Some(1108)) => without("IdentifierCard1"),
        (201, Some(1109)) => without("IdentifierCard2"),
        (400, _) => refused("says that the update breaks its rules"),
        (403, Some(0)) => refused("leaves the person as it is"),
        (403, Some(1)) => Meaning::NoRight(format!("{name} gives us no right to change people")),
        (403, Some(2 | 1102)) => refused("gives us no right to change this person"),
        (403, Some(2123)) => refused("gives us no right to change identifiers"),
        (403, Some(3)) => refused("says that something of it belongs to another person"),
        (403, Some(4)) => Meaning::Changed,
        (403, Some(5)) | (404, Some(1100)) => Meaning::Ended(Ending::UnknownPerson),
        (403, Some(6)) => refused("says that it does not fit the other data there"),
        (403, Some(7)) => Meaning::Problem,
        (403, Some(1014)) => Meaning::ColumnRefused,
        (404, Some(1106 | 1110)) => refused("could not create the person"),
        (200..=299, _) => Meaning::Unclear,
        _ => refused("refused the update"),
    }
}
