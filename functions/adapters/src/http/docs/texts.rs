//! What each code means, and what its reader can do. In sentences, because these are for people.

use people_core::finding::FindingCode;
use people_core::log_text::LogKind;

use crate::http::problem::ProblemKind;

/// What it means, and what to do.
type Text = (&'static str, &'static str);

pub(super) fn finding(code: FindingCode) -> Text {
    match code {
        FindingCode::NoPersonIdentifier => (
            "The object names nobody: userPrincipalName and employeeId are absent, null or blank.",
            "Give one of them, as text.",
        ),
        FindingCode::InvalidIdentifier => (
            "An identifier is no text, or has more than 256 characters.",
            "Send it in quotation marks, also where it is a number: 007 is not 7.",
        ),
        FindingCode::UnknownFields => (
            "The profile definition has no field of this name.",
            "Compare it with the definition, which is case-sensitive; the nearest name is in the report.",
        ),
        FindingCode::NotUpdatable => (
            "The field is there, but it is not the import that sets it.",
            "Leave it out. An administrator can change its source in the profile definition.",
        ),
        FindingCode::DuplicateFields => (
            "The same key is in the object twice, so nobody can tell which value is meant.",
            "Send each key once.",
        ),
        FindingCode::InvalidValues => (
            "The value is not of the field's type.",
            "The JSON Schema of the definition says what a field takes: a date is yyyy-MM-dd, a list is an array.",
        ),
        FindingCode::UnknownReferences => (
            "The value names a person whom nobody knows, so the object was delivered nowhere.",
            "Check the userPrincipalName or employeeId in the value.",
        ),
        FindingCode::TooLarge => ("The object has more than 262144 bytes.", "Send it in several imports."),
    }
}

pub(super) fn kind(kind: LogKind) -> Text {
    let found = KINDS.iter().find(|(known, ..)| *known == kind);
    found.map_or(("", ""), |(_, means, remedy)| (means, remedy))
}

/// Nothing has to be done.
const DONE: &str = "There is nothing to do.";
const AGAIN: &str = "Send the request again later.";

const KINDS: [(LogKind, &str, &str); LogKind::ALL.len()] = [
    (LogKind::PersonUpdated, "The update was saved at every target that takes one of its fields.", DONE),
    (
        LogKind::PersonUnchanged,
        "Every target found that nothing differs, or the object named no field.",
        DONE,
    ),
    (LogKind::FileUploaded, "The file was stored, or took the place of another one.", DONE),
    (LogKind::FileLinked, "A link to the file was given to the holder of the key.", DONE),
    (LogKind::FilesListed, "The names of a person's files were given to the holder of the key.", DONE),
    (LogKind::FileDeleted, "The file was deleted, or there was none of that name.", DONE),
    (
        LogKind::InvalidPerson,
        "The object was refused, and nothing of it was delivered.",
        "Its findings say why; mend them and send the object again.",
    ),
    (
        LogKind::InvalidFile,
        "The file was refused: its name, its field, or its content, which is no whole PDF.",
        "Name it {userIdentifier}__{fieldName}__{fileName}.pdf and send it again.",
    ),
    (
        LogKind::InvalidPart,
        "The part has a content type or an encoding that is not accepted, or cannot be read.",
        "Send application/json or application/pdf, without a Content-Transfer-Encoding.",
    ),
    (
        LogKind::UnknownPerson,
        "Nobody knows the identifier. People who are disabled or deleted are unknown.",
        "Check the identifier, or enter the person at a target first.",
    ),
    (
        LogKind::IdentifierConflict,
        "The userPrincipalName and the employeeId are those of two people; nothing was changed.",
        "Send one of them, or mend the other.",
    ),
    (
        LogKind::FieldNotMapped,
        "The field goes to no target; the other fields of the object were delivered.",
        "An administrator can map it in the configuration of a target.",
    ),
    (
        LogKind::PersonPartlyUpdated,
        "The update was saved, but the target refused a piece of it.",
        "The line names the piece; mend it and send it again.",
    ),
    (
        LogKind::DeliveryRefused,
        "The update was not saved, for the reason given.",
        "Mend what the reason names and send the part again.",
    ),
    (
        LogKind::DeliveryDeferred,
        "The update is not saved yet, for a reason that passes. It is kept and delivered again.",
        "Wait: the log tells what comes of it.",
    ),
    (LogKind::PersonRedelivered, "An update that was kept has arrived.", DONE),
    (
        LogKind::Superseded,
        "What a later import has set was left alone, so that nothing newer is overwritten.",
        DONE,
    ),
    (
        LogKind::DeliveryGivenUp,
        "The update was kept for a day and tried again and again, in vain. It is not tried any more.",
        "Send the part again when the target answers.",
    ),
    (LogKind::FileNotUploaded, "The file was not stored, for the reason given.", "Send it again."),
    (LogKind::FileNotFound, "There is no file of that name.", "Check the person, the field and the name."),
    (LogKind::FileNotLinked, "No link to the file was given, for the reason given.", AGAIN),
    (LogKind::FilesNotListed, "The files were not listed, for the reason given.", AGAIN),
    (LogKind::FileNotDeleted, "The file was not deleted, for the reason given.", AGAIN),
    (
        LogKind::InvalidRequest,
        "The request as a whole is at fault, and nothing of it was carried out.",
        "The text says what is wrong: mend it and send the request again.",
    ),
    (
        LogKind::TooManyParts,
        "The request has more than 50 parts, and nothing of it was carried out.",
        "Send it in several requests.",
    ),
    (
        LogKind::BodyNotReceived,
        "The body that was announced did not come in time.",
        "Announce it again, and send it within 15 minutes.",
    ),
    (
        LogKind::Interrupted,
        "The service died before it was known how the part ended.",
        "Send the part again: what was saved already is not harmed by it.",
    ),
    (LogKind::BatchImported, "A batch of a file was imported, and nothing of it failed.", DONE),
    (
        LogKind::BatchWithErrors,
        "A batch of a file was imported, and parts of it failed.",
        "The log of the batch says which.",
    ),
    (
        LogKind::DryRun,
        "The request was a dry run: nothing was delivered or stored, and the other lines say what would happen.",
        "Send it without dryRun to have it done.",
    ),
    (
        LogKind::WouldBeUpdated,
        "In a dry run: the update would be saved at every target that it concerns.",
        DONE,
    ),
    (
        LogKind::WouldBePartlyUpdated,
        "In a dry run: the update would be saved, but for what the line names.",
        "Correct what the line names.",
    ),
    (LogKind::WouldBeUploaded, "In a dry run: the file would be stored, or take another one's place.", DONE),
];

pub(super) fn problem(kind: ProblemKind) -> Text {
    match kind {
        ProblemKind::Fault(fault) => self::kind(fault),
        ProblemKind::NotFound => (
            "There is nothing under this path, or what was there has expired.",
            "Check the path and the request id.",
        ),
        ProblemKind::MethodNotAllowed => ("The path takes other methods.", "The header Allow names them."),
        ProblemKind::InvalidQuery => (
            "The query has a parameter that there is not, is there twice, or has a value that it cannot have.",
            "The text names the parameter.",
        ),
        ProblemKind::TooManyRequests => (
            "The API key sends more requests in a minute than it may; this one was not carried out.",
            "Wait as many seconds as Retry-After says. RateLimit and RateLimit-Policy tell the pace beforehand.",
        ),
        ProblemKind::BodyTooLarge => {
            ("The body has more bytes than are taken this way.", "Send it by way of an announced upload.")
        }
        ProblemKind::InvalidAnnouncement => {
            ("The announcement of a body is not as it has to be.", "The text names the member.")
        }
        ProblemKind::InvalidIdempotencyKey => (
            "The header Idempotency-Key has no key, or several.",
            "Send one of 1 to 255 visible ASCII characters.",
        ),
        ProblemKind::IdempotencyKeyReused => (
            "Another request was sent with this Idempotency-Key; sending it again does not help.",
            "Make up a new key for each request.",
        ),
        ProblemKind::RequestStillRunning => (
            "The first request with this Idempotency-Key is still being carried out.",
            "Wait as many seconds as Retry-After says, and send it again.",
        ),
        ProblemKind::NoParts => (
            "The request was at fault, so none of its parts was judged, and none failed by itself.",
            "Mend the request and send all of it again.",
        ),
        ProblemKind::BodyNotKept => (
            "The body of this import is not kept, or not any more.",
            "Send again what failed from where it came from.",
        ),
        ProblemKind::ImportNotEnded => ("The import has not ended yet.", "Ask again later."),
        ProblemKind::StoreFailed => {
            ("A store of this service failed. Sending the same request again is safe.", AGAIN)
        }
    }
}
