//! The import log: what happened to each part of an import, as it is stored, shown and answered. The answer to the
//! caller follows from it, so the two can never disagree.

mod outcome;

use std::time::Duration;

use crate::batch::RequestFault;
use crate::id::ImportId;
use crate::later::Later;
use crate::shown::Shown;
use crate::summary::{Source, Standing};
use crate::time::Timestamp;

pub use outcome::{Asked, Delivery, Ending, ImportedPiece, Outcome, PartOutcome, WouldChange};

/// The stored record of one import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportLog {
    /// The request id.
    pub id: ImportId,
    /// When the request was received.
    pub received_at: Timestamp,
    /// The name of the API key that sent it.
    pub key_name: Shown,
    /// Whether it is still running, or how it ended.
    pub state: State,
    /// Why no part was judged, where the request itself was at fault.
    pub fault: Option<RequestFault>,
    /// What became of each part, in part order; none where the request itself was at fault.
    pub parts: Vec<PartLog>,
    /// Whether the deployment had more than one target then, so that lines name them.
    pub names_targets: bool,
    /// Whether nothing was to be delivered or stored: its outcomes are what would have happened.
    pub dry_run: bool,
    /// What its parts are: a place in a report is given inside the array, or inside the part.
    pub form: Form,
    /// Which way it came in.
    pub source: Source,
    /// What happened to its parts after they had ended, in time order.
    pub later: Vec<Later>,
}

/// What the parts of a request are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The elements of a JSON array.
    Array,
    /// The parts of a multipart body.
    Multipart,
    /// One document of one person, sent, asked for or deleted by itself.
    Document,
}

/// Where an import stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Accepted, and not yet begun: its body is still to come, or waits.
    Accepted,
    /// Begun, and not yet closed.
    Running,
    /// Closed, and answered so.
    Ended(Answer),
}

/// The answer to an import. `adapters/src/http.rs` knows the status codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Every part succeeded.
    Succeeded,
    /// No part failed, but some are not delivered yet: they are kept and will be.
    Accepted,
    /// Some parts failed, others did not.
    PartlyFailed,
    /// Every part failed, or the request itself was at fault.
    Failed,
    /// More parts than are allowed.
    TooManyParts,
    /// A store of ours failed after the log was opened; what is not in the log did not happen.
    StoreFailed,
    /// The import died, and it is not known how all of its parts ended.
    Interrupted,
    /// One document by itself was stored where none was.
    Created,
    /// A link to a document was given.
    Linked,
    /// A document is not there any more.
    Deleted,
    /// There is no such document, or nobody knows the person whose it would be.
    NotFound,
    /// Nobody could tell just then who is meant.
    Unavailable,
}

impl Answer {
    /// Every answer.
    pub const ALL: [Answer; 12] = [
        Answer::Succeeded,
        Answer::Accepted,
        Answer::PartlyFailed,
        Answer::Failed,
        Answer::TooManyParts,
        Answer::StoreFailed,
        Answer::Interrupted,
        Answer::Created,
        Answer::Linked,
        Answer::Deleted,
        Answer::NotFound,
        Answer::Unavailable,
    ];
}

/// What became of one part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartLog {
    /// What the part is about.
    pub subject: Subject,
    /// How it ended.
    pub outcome: PartOutcome,
}

/// What a part is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A person update, and whom it names, where that can be read.
    Person(Option<Shown>),
    /// A document; whose, and `field/name`, where that can be read.
    Document(Option<(Shown, Shown)>),
    /// A part that is neither.
    Unknown,
}

/// A synchronous import that is not closed this long after it was received has died: deliveries end after 25 s, and
/// closing takes seconds. (A body that took longer than this to arrive may be shown as interrupted until its import ends.)
/// Those that nobody waits for are taken up again instead.
pub const DIED_AFTER: Duration = Duration::from_secs(120);

/// Whether an import has died by now. The time runs from the beginning of the second in which the request was received,
/// because a list keeps no more of that moment: so a log and its summary die together.
pub(crate) fn has_died((state, source): (State, Source), received_at: Timestamp, now: Timestamp) -> bool {
    let is_waited_for = match source {
        Source::Direct | Source::Document => true,
        Source::Staged | Source::Inbox => false,
    };
    state == State::Running && is_waited_for && now.since(received_at.to_second()) >= DIED_AFTER
}

impl ImportLog {
    /// The log as it is shown at this moment: the outcomes that an import still owed when it died are `Interrupted`.
    #[must_use]
    pub fn seen_at(self, now: Timestamp) -> ImportLog {
        if has_died((self.state, self.source), self.received_at, now) { self.interrupted() } else { self }
    }

    /// The log with what it still owes entered as `Interrupted`.
    #[must_use]
    pub fn interrupted(mut self) -> ImportLog {
        for part in self.parts.iter_mut().filter(|part| part.outcome == PartOutcome::Pending) {
            part.outcome = PartOutcome::Interrupted;
        }
        self
    }

    /// How many parts ended so.
    fn count(&self, standing: Standing) -> usize {
        self.parts.iter().filter(|part| part.outcome.standing() == standing).count()
    }

    /// How many parts succeeded.
    pub fn succeeded(&self) -> usize {
        self.count(Standing::Successful)
    }

    /// How many parts are not decided yet.
    pub fn pending(&self) -> usize {
        self.count(Standing::Pending)
    }

    /// The answer that was given, or would be if the import ended now.
    pub fn answer_given(&self) -> Answer {
        match self.state {
            State::Ended(answer) => answer,
            State::Accepted | State::Running => self.answer(),
        }
    }

    /// The answer that follows from the outcomes, once all of them are known.
    pub fn answer(&self) -> Answer {
        if let (Form::Document, [part]) = (self.form, self.parts.as_slice())
            && let Some(answer) = answer_of_document(&part.outcome)
        {
            return answer;
        }
        match &self.fault {
            Some(RequestFault::TooManyParts(_)) => return Answer::TooManyParts,
            Some(RequestFault::Invalid(_) | RequestFault::BodyNotReceived) => return Answer::Failed,
            None => {}
        }
        match self.count(Standing::Unsuccessful) {
            0 if self.pending() > 0 => Answer::Accepted,
            0 if !self.parts.is_empty() => Answer::Succeeded,
            failed if failed == self.parts.len() => Answer::Failed,
            _ => Answer::PartlyFailed,
        }
    }
}

/// What a request for one document is answered, where an import of one part would be answered otherwise.
fn answer_of_document(outcome: &PartOutcome) -> Option<Answer> {
    match outcome {
        PartOutcome::Uploaded => Some(Answer::Created),
        PartOutcome::Linked => Some(Answer::Linked),
        PartOutcome::Deleted | PartOutcome::Absent => Some(Answer::Deleted),
        PartOutcome::UnknownPerson | PartOutcome::NotFound => Some(Answer::NotFound),
        PartOutcome::Unserved { passing: true, .. } | PartOutcome::Refused { passing: true, .. } => {
            Some(Answer::Unavailable)
        }
        PartOutcome::Pending
        | PartOutcome::Interrupted
        | PartOutcome::InvalidPerson(_)
        | PartOutcome::InvalidFile(_)
        | PartOutcome::InvalidPart(_)
        | PartOutcome::IdentifierConflict(_)
        | PartOutcome::Refused { passing: false, .. }
        | PartOutcome::Deferred(_)
        | PartOutcome::GivenUp(_)
        | PartOutcome::Superseded
        | PartOutcome::Replaced
        | PartOutcome::WouldUpload
        | PartOutcome::WouldReplace
        | PartOutcome::Listed(_)
        | PartOutcome::Unserved { passing: false, .. }
        | PartOutcome::Imported(_)
        | PartOutcome::Delivered { .. } => None,
    }
}
