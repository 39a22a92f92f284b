//! The import log: what happened to each part of an import, as it is stored, shown and answered. The answer to the
//! caller follows from it, so the two can never disagree.

use std::sync::Arc;
use std::time::Duration;

use crate::batch::RequestFault;
use crate::finding::Finding;
use crate::id::ImportId;
use crate::log_text::send_again;
use crate::person::TargetName;
use crate::shown::Shown;
use crate::time::Timestamp;

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
    /// What its parts are: a place in a report is given inside the array, or inside the part.
    pub form: Form,
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
    /// Opened, and not yet closed.
    Running,
    /// Closed, and answered so.
    Ended(Answer),
}

/// The answer to an import. `adapters/src/http.rs` knows the status codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Every part succeeded.
    Succeeded,
    /// Some parts failed, others did not.
    PartlyFailed,
    /// Every part failed, or the request itself was at fault.
    Failed,
    /// More parts than are allowed.
    TooManyParts,
    /// A store of ours failed after the log was opened; what is not in the log did not happen.
    StoreFailed,
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
    pub const ALL: [Answer; 10] = [
        Answer::Succeeded,
        Answer::PartlyFailed,
        Answer::Failed,
        Answer::TooManyParts,
        Answer::StoreFailed,
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

/// How a part ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartOutcome {
    /// Not known yet: the import is running.
    Pending,
    /// Not known, and it never will be: the import died. Never stored; see [`ImportLog::seen_at`].
    Interrupted,
    /// Validation refused the person update.
    InvalidPerson(Vec<Finding>),
    /// Validation refused the file: why, in sentences.
    InvalidFile(String),
    /// The part is of no kind that is accepted, or could not be read: why.
    InvalidPart(String),
    /// Nobody knows the person.
    UnknownPerson,
    /// The two identifiers are two people; the employeeId as written (the subject has the UPN).
    IdentifierConflict(Shown),
    /// Nothing was tried, or a store failed.
    Refused {
        /// Why.
        why: String,
        /// Whether the reason passes.
        passing: bool,
    },
    /// The document was stored where none was.
    Uploaded,
    /// The document took another one's place.
    Replaced,
    /// A link to the document was given.
    Linked,
    /// The person's documents were listed: how many there were.
    Listed(u32),
    /// The document was deleted.
    Deleted,
    /// The document was to be deleted, and there is none.
    Absent,
    /// There is no such document.
    NotFound,
    /// Nothing was given or deleted.
    Unserved {
        /// What was asked for.
        asked: Asked,
        /// Why it was not done.
        why: String,
        /// Whether the reason passes.
        passing: bool,
    },
    /// The person update was delivered where it was wanted.
    Delivered {
        /// One entry for each target that it concerned, in the order of the configuration; none where it named no field.
        deliveries: Vec<Delivery>,
        /// The fields that no target takes, in the order sent.
        unmapped: Vec<Arc<str>>,
    },
}

/// What was asked of the documents that are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// A link to one.
    Link,
    /// The list of a person's.
    List,
    /// That one be deleted.
    Deletion,
}

/// One person update at one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The target's name.
    pub target: TargetName,
    /// How it ended there.
    pub outcome: Outcome,
}

/// How a delivery ended, and what it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// How it ended.
    pub ending: Ending,
    /// The target's own code, `200/0` say, where it answered.
    pub code: Option<String>,
    /// How often the update was sent; 0 where it was not.
    pub attempts: u32,
    /// How long it took, in milliseconds, waiting included.
    pub duration_ms: u32,
}

/// How a delivery ended. A reason is a sentence without field values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// Saved.
    Updated,
    /// The target found no difference.
    Unchanged,
    /// Saved, but the target refused something; counts as failed.
    PartlyUpdated(String),
    /// The target does not know the person.
    UnknownPerson,
    /// Not saved, and sending it again as it is would not help.
    Refused(String),
    /// Not saved, or not known to be, for a reason that passes.
    Deferred(String),
}

impl Outcome {
    /// An outcome of something that was never sent.
    pub fn unsent(ending: Ending) -> Outcome {
        Outcome { ending, code: None, attempts: 0, duration_ms: 0 }
    }
}

impl Ending {
    /// Whether the target holds now what the update says.
    pub fn succeeded(&self) -> bool {
        matches!(self, Ending::Updated | Ending::Unchanged)
    }
}

impl PartOutcome {
    /// A part that is refused for a reason that passes: whoever reads it is told to send it again.
    pub fn not_now(reason: &str) -> PartOutcome {
        PartOutcome::Refused { why: send_again(reason), passing: true }
    }

    /// Whether the part did what it was sent for.
    pub fn succeeded(&self) -> bool {
        match self {
            PartOutcome::Uploaded | PartOutcome::Replaced => true,
            PartOutcome::Linked | PartOutcome::Listed(_) | PartOutcome::Deleted | PartOutcome::Absent => true,
            PartOutcome::Delivered { deliveries, unmapped } => {
                unmapped.is_empty() && deliveries.iter().all(|delivery| delivery.outcome.ending.succeeded())
            }
            PartOutcome::Pending | PartOutcome::Interrupted => false,
            PartOutcome::InvalidPerson(_) | PartOutcome::InvalidFile(_) | PartOutcome::InvalidPart(_) => {
                false
            }
            PartOutcome::UnknownPerson | PartOutcome::IdentifierConflict(_) | PartOutcome::Refused { .. } => {
                false
            }
            PartOutcome::NotFound | PartOutcome::Unserved { .. } => false,
        }
    }

    /// Whether validation refused the part.
    pub fn is_invalid(&self) -> bool {
        matches!(
            self,
            PartOutcome::InvalidPerson(_) | PartOutcome::InvalidFile(_) | PartOutcome::InvalidPart(_)
        )
    }
}

/// An import that is not closed this long after it was received has died: deliveries end after 25 s, and closing takes
/// seconds. (A body that took longer than this to arrive may be shown as interrupted until its import ends.)
pub const DIED_AFTER: Duration = Duration::from_secs(120);

/// Whether an import has died by now. The time runs from the beginning of the second in which the request was received,
/// because a list keeps no more of that moment: so a log and its summary die together.
pub(crate) fn has_died(state: State, received_at: Timestamp, now: Timestamp) -> bool {
    state == State::Running && now.since(received_at.to_second()) >= DIED_AFTER
}

impl ImportLog {
    /// The log as it is shown at this moment: the outcomes that an import still owed when it died are `Interrupted`.
    #[must_use]
    pub fn seen_at(mut self, now: Timestamp) -> ImportLog {
        if has_died(self.state, self.received_at, now) {
            for part in self.parts.iter_mut().filter(|part| part.outcome == PartOutcome::Pending) {
                part.outcome = PartOutcome::Interrupted;
            }
        }
        self
    }

    /// How many parts succeeded.
    pub fn succeeded(&self) -> usize {
        self.parts.iter().filter(|part| part.outcome.succeeded()).count()
    }

    /// The answer that was given, or would be if the import ended now.
    pub fn answer_given(&self) -> Answer {
        match self.state {
            State::Ended(answer) => answer,
            State::Running => self.answer(),
        }
    }

    /// The answer that follows from the outcomes, once all of them are known.
    pub fn answer(&self) -> Answer {
        if let (Form::Document, [part]) = (self.form, self.parts.as_slice())
            && let Some(answer) = answer_of_document(&part.outcome)
        {
            return answer;
        }
        match (&self.fault, self.succeeded()) {
            (Some(RequestFault::TooManyParts(_)), _) => Answer::TooManyParts,
            (Some(RequestFault::Invalid(_)), _) | (None, 0) => Answer::Failed,
            (None, succeeded) if succeeded == self.parts.len() => Answer::Succeeded,
            (None, _) => Answer::PartlyFailed,
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
        | PartOutcome::Replaced
        | PartOutcome::Listed(_)
        | PartOutcome::Unserved { passing: false, .. }
        | PartOutcome::Delivered { .. } => None,
    }
}
