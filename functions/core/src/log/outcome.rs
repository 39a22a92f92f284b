//! How a part ended, and each of its deliveries. Every reason is a sentence without field values.

use std::fmt;
use std::sync::Arc;

use crate::finding::Finding;
use crate::id::ImportId;
use crate::log_text::send_again;
use crate::person::TargetName;
use crate::shown::Shown;
use crate::summary::Standing;

/// How a part ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartOutcome {
    /// Not known yet: the import is running.
    Pending,
    /// Not known, and it never will be: the import died.
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
    /// Nobody could tell who is meant, for this reason; the update is kept and tried again.
    Deferred(String),
    /// It was tried again until its time was up, and nobody could ever tell who is meant: why.
    GivenUp(String),
    /// A later import has put a document of its own there, which stays.
    Superseded,
    /// The document was stored where none was.
    Uploaded,
    /// The document took another one's place.
    Replaced,
    /// A dry run: the document would be stored where none is.
    WouldUpload,
    /// A dry run: the document would take another one's place.
    WouldReplace,
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
    /// A piece of a file was imported under a GUID of its own.
    Imported(Box<ImportedPiece>),
}

/// The imports that a piece of a file became. What happens later is in their own logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportedPiece {
    /// The first of them.
    pub first: ImportId,
    /// The last of them; the same one, unless the file is very long.
    pub last: ImportId,
    /// How many parts they have.
    pub parts: u32,
    /// How many of these failed.
    pub failed: u32,
    /// How many were still to be delivered when their import ended.
    pub pending: u32,
}

/// As in a log.
impl fmt::Display for ImportedPiece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ImportedPiece { first, last, parts, failed, pending } = self;
        write!(f, "{parts} parts, {failed} failed, {pending} pending: import {first}")?;
        if first == last { Ok(()) } else { write!(f, " to {last}") }
    }
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
    /// The fields that were left out, because a later import has set them.
    pub superseded: Vec<Arc<str>>,
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
    /// Not saved, or not known to be, for a reason that passes: it is kept and delivered again.
    Deferred(String),
    /// Nothing was sent: later imports have set every field of it.
    Superseded,
    /// It was delivered again until its time was up, and never arrived: why it did not the last time.
    GivenUp(String),
    /// A dry run: it would be saved, and these fields would change.
    WouldUpdate(Box<WouldChange>),
    /// A dry run: it would be saved, but the target would not take something of it, which counts as failed.
    WouldPartlyUpdate(Box<WouldChange>, String),
}

/// Which fields of an update would change at a target, in the order sent; there is one at least. Where a log has none of
/// them, there were too many to be kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WouldChange {
    /// Those that the target holds otherwise.
    pub fields: Vec<Arc<str>>,
    /// Those of which it cannot be told: the target does not show them, or an earlier part sets them.
    pub perhaps: Vec<Arc<str>>,
}

impl WouldChange {
    /// How an update ends in a dry run that would change this.
    pub fn ending(self) -> Ending {
        if self == WouldChange::default() { Ending::Unchanged } else { Ending::WouldUpdate(Box::new(self)) }
    }
}

impl Outcome {
    /// An outcome of something that was never sent.
    pub fn unsent(ending: Ending) -> Outcome {
        Outcome { ending, code: None, attempts: 0, duration_ms: 0 }
    }
}

impl Ending {
    /// What holds of the delivery: it is successful where the target holds what this update says, or something newer.
    pub fn standing(&self) -> Standing {
        match self {
            Ending::Updated | Ending::Unchanged | Ending::Superseded => Standing::Successful,
            Ending::WouldUpdate(_) => Standing::Successful,
            Ending::Deferred(_) => Standing::Pending,
            Ending::PartlyUpdated(_) | Ending::UnknownPerson | Ending::Refused(_) | Ending::GivenUp(_) => {
                Standing::Unsuccessful
            }
            Ending::WouldPartlyUpdate(..) => Standing::Unsuccessful,
        }
    }

    /// What would change, in a dry run.
    pub fn would_change(&self) -> Option<&WouldChange> {
        match self {
            Ending::WouldUpdate(would) | Ending::WouldPartlyUpdate(would, _) => Some(would),
            Ending::Updated
            | Ending::Unchanged
            | Ending::PartlyUpdated(_)
            | Ending::UnknownPerson
            | Ending::Refused(_)
            | Ending::Deferred(_)
            | Ending::Superseded
            | Ending::GivenUp(_) => None,
        }
    }

    /// Whether the target holds now what the update says, or something newer; of a dry run, whether it would.
    pub fn succeeded(&self) -> bool {
        self.standing() == Standing::Successful
    }
}

impl PartOutcome {
    /// A part that is refused for a reason that passes: whoever reads it is told to send it again.
    pub fn not_now(reason: &str) -> PartOutcome {
        PartOutcome::Refused { why: send_again(reason), passing: true }
    }

    /// Whether the part did what it was sent for.
    pub fn succeeded(&self) -> bool {
        self.standing() == Standing::Successful
    }

    /// What holds of the part: it has failed as soon as anything of it has, and is pending as long as anything is to come.
    pub fn standing(&self) -> Standing {
        match self {
            PartOutcome::Uploaded | PartOutcome::Replaced | PartOutcome::Superseded => Standing::Successful,
            PartOutcome::WouldUpload | PartOutcome::WouldReplace => Standing::Successful,
            PartOutcome::Linked | PartOutcome::Listed(_) | PartOutcome::Deleted | PartOutcome::Absent => {
                Standing::Successful
            }
            PartOutcome::Delivered { deliveries, unmapped } => {
                let all = deliveries.iter().map(|delivery| delivery.outcome.ending.standing());
                all.chain((!unmapped.is_empty()).then_some(Standing::Unsuccessful))
                    .fold(Standing::Successful, Standing::and)
            }
            // What is pending is told by the logs of these imports, when it is so no more.
            PartOutcome::Imported(piece) if piece.failed > 0 => Standing::Unsuccessful,
            PartOutcome::Imported(_) => Standing::Successful,
            PartOutcome::Pending | PartOutcome::Deferred(_) => Standing::Pending,
            PartOutcome::Interrupted
            | PartOutcome::InvalidPerson(_)
            | PartOutcome::InvalidFile(_)
            | PartOutcome::InvalidPart(_)
            | PartOutcome::UnknownPerson
            | PartOutcome::IdentifierConflict(_)
            | PartOutcome::Refused { .. }
            | PartOutcome::GivenUp(_)
            | PartOutcome::NotFound
            | PartOutcome::Unserved { .. } => Standing::Unsuccessful,
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
