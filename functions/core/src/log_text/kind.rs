//! The vocabulary of a log's lines.

use crate::batch::RequestFault;

/// Every kind of line. Scripts look for these words, so none is ever renamed; the user documentation lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogKind {
    /// A person was updated at every target that it concerned.
    PersonUpdated,
    /// Every target said that nothing differs, or no field was named.
    PersonUnchanged,
    /// A file was stored, or replaced.
    FileUploaded,
    /// A link to a file was given.
    FileLinked,
    /// The files of a person were listed.
    FilesListed,
    /// A file was deleted, or was not there.
    FileDeleted,
    /// Validation refused a person update.
    InvalidPerson,
    /// Validation refused a file.
    InvalidFile,
    /// A part of a kind or an encoding that is not accepted, or that could not be read.
    InvalidPart,
    /// Nobody knows the person.
    UnknownPerson,
    /// The two identifiers of one part are two people.
    IdentifierConflict,
    /// A field that goes to no target.
    FieldNotMapped,
    /// Saved, but the target refused something of it.
    PersonPartlyUpdated,
    /// A target did not take an update.
    DeliveryRefused,
    /// An update has not arrived yet; it is kept and delivered again.
    DeliveryDeferred,
    /// An update that was kept has arrived.
    PersonRedelivered,
    /// What a later import has set is left alone.
    Superseded,
    /// An update that was kept has not arrived in its time, and is not tried any more.
    DeliveryGivenUp,
    /// A file was not stored.
    FileNotUploaded,
    /// There is no such file.
    FileNotFound,
    /// No link was given.
    FileNotLinked,
    /// No list was given.
    FilesNotListed,
    /// A file was not deleted.
    FileNotDeleted,
    /// The request itself was at fault.
    InvalidRequest,
    /// More parts than are allowed.
    TooManyParts,
    /// The body that was to be uploaded never came.
    BodyNotReceived,
    /// The import died before it was known how this part ended.
    Interrupted,
    /// A piece of a file was imported, and nothing of it failed.
    BatchImported,
    /// A piece of a file was imported, and parts of it failed.
    BatchWithErrors,
    /// The import was a dry run: its other lines say what would have happened.
    DryRun,
    /// A person would be updated at every target that it concerns.
    WouldBeUpdated,
    /// A person would be updated, but a target would not take something of it.
    WouldBePartlyUpdated,
    /// A file would be stored, or would replace another one.
    WouldBeUploaded,
}

impl LogKind {
    /// Every kind, successes first.
    pub const ALL: [LogKind; 33] = [
        LogKind::PersonUpdated,
        LogKind::PersonUnchanged,
        LogKind::FileUploaded,
        LogKind::FileLinked,
        LogKind::FilesListed,
        LogKind::FileDeleted,
        LogKind::InvalidPerson,
        LogKind::InvalidFile,
        LogKind::InvalidPart,
        LogKind::UnknownPerson,
        LogKind::IdentifierConflict,
        LogKind::FieldNotMapped,
        LogKind::PersonPartlyUpdated,
        LogKind::DeliveryRefused,
        LogKind::DeliveryDeferred,
        LogKind::PersonRedelivered,
        LogKind::Superseded,
        LogKind::DeliveryGivenUp,
        LogKind::FileNotUploaded,
        LogKind::FileNotFound,
        LogKind::FileNotLinked,
        LogKind::FilesNotListed,
        LogKind::FileNotDeleted,
        LogKind::InvalidRequest,
        LogKind::TooManyParts,
        LogKind::BodyNotReceived,
        LogKind::Interrupted,
        LogKind::BatchImported,
        LogKind::BatchWithErrors,
        LogKind::DryRun,
        LogKind::WouldBeUpdated,
        LogKind::WouldBePartlyUpdated,
        LogKind::WouldBeUploaded,
    ];

    /// The kind of the line that tells of a fault of the request.
    pub fn of(fault: &RequestFault) -> LogKind {
        match fault {
            RequestFault::Invalid(_) => LogKind::InvalidRequest,
            RequestFault::TooManyParts(_) => LogKind::TooManyParts,
            RequestFault::BodyNotReceived => LogKind::BodyNotReceived,
        }
    }

    /// Reads the word that a line has.
    pub fn parse(text: &str) -> Option<LogKind> {
        LogKind::ALL.into_iter().find(|kind| format!("{kind:?}") == text)
    }

    /// The word that a line of this kind begins with.
    pub fn severity(self) -> &'static str {
        match self {
            LogKind::PersonUpdated | LogKind::PersonUnchanged | LogKind::FileUploaded => "Success",
            LogKind::FileLinked | LogKind::FilesListed | LogKind::FileDeleted => "Success",
            LogKind::PersonRedelivered | LogKind::BatchImported => "Success",
            LogKind::WouldBeUpdated | LogKind::WouldBeUploaded => "Success",
            LogKind::DeliveryDeferred | LogKind::Superseded | LogKind::DryRun => "Warning",
            LogKind::InvalidPerson | LogKind::InvalidFile | LogKind::InvalidPart => "Error",
            LogKind::UnknownPerson | LogKind::IdentifierConflict | LogKind::FieldNotMapped => "Error",
            LogKind::PersonPartlyUpdated | LogKind::DeliveryRefused | LogKind::FileNotUploaded => "Error",
            LogKind::FileNotFound | LogKind::FileNotLinked | LogKind::FilesNotListed => "Error",
            LogKind::FileNotDeleted | LogKind::InvalidRequest | LogKind::TooManyParts => "Error",
            LogKind::DeliveryGivenUp | LogKind::BodyNotReceived | LogKind::Interrupted => "Error",
            LogKind::BatchWithErrors | LogKind::WouldBePartlyUpdated => "Error",
        }
    }

    /// Whether only a log has such a line that is not successful: nothing that happens later makes up for it.
    pub fn is_error(self) -> bool {
        self.severity() == "Error"
    }

    /// How a line of this kind begins: `Success - PersonUpdated`, `Error - InvalidPerson`.
    pub fn prefix(self) -> String {
        format!("{} - {self:?}", self.severity())
    }
}
