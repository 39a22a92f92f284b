//! One part against the profile definition: either it is fit to be carried out, or its log entry is final.

use std::sync::Arc;

use crate::batch::{Incoming, MAX_DEPTH, is_deeper_than};
use crate::document::Upload;
use crate::document_name::DocumentName;
use crate::file_name;
use crate::finding::{Finding, FindingCode};
use crate::log::{PartLog, PartOutcome, Subject};
use crate::person::Who;
use crate::profile::{FieldType, Profile, Source};
use crate::shown::Shown;
use crate::update::{self, Change, MAX_UPDATE_BYTES, Unreadable, Value};

/// A part that validation has nothing against.
#[derive(Debug, Clone)]
pub enum Checked {
    /// Fields of a person are to be set or reset.
    Update {
        /// Whom it names.
        who: Who,
        /// The fields, in the order sent.
        changes: Vec<Change>,
    },
    /// A file of a person is to be stored.
    File {
        /// Whom it names.
        who: Who,
        /// The field's name.
        field: Arc<str>,
        /// Whether the field keeps a file for each name.
        is_list: bool,
        /// The file's name, `.pdf` included.
        name: String,
        /// The bytes.
        upload: Upload,
    },
}

/// The people whom the values of a part name, each with its field.
pub type References = Vec<(Arc<str>, Who)>;

/// A part that validation refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// What the log says of it.
    pub entry: PartLog,
    /// The people whom its values name: also that they are unknown is a finding.
    pub references: References,
}

impl From<PartLog> for Refused {
    fn from(entry: PartLog) -> Refused {
        Refused { entry, references: Vec::new() }
    }
}

/// Checks a part.
pub fn check(profile: &Profile, part: Incoming) -> Result<Checked, Refused> {
    match part {
        Incoming::Person(json) => check_update(profile, &json),
        Incoming::PersonTooLarge => {
            Err(invalid_person(None, vec![Finding::whole(FindingCode::TooLarge)]).into())
        }
        Incoming::File(name, upload) => check_file(profile, &name, upload),
        Incoming::Document(name, upload) => check_document(profile, &name, upload),
        Incoming::UnnamedFile(reason) => {
            let outcome = PartOutcome::InvalidFile(reason);
            Err(PartLog { subject: Subject::Document(None), outcome }.into())
        }
        Incoming::Unacceptable(reason) => Err(unacceptable(Subject::Unknown, reason).into()),
    }
}

fn check_update(profile: &Profile, json: &[u8]) -> Result<Checked, Refused> {
    let refuse = |reason: String| Refused::from(unacceptable(Subject::Person(None), reason));
    let text = std::str::from_utf8(json)
        .map_err(|error| refuse(format!("not UTF-8 at byte {}", error.valid_up_to())))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if is_deeper_than(MAX_DEPTH, text) {
        return Err(refuse(Unreadable::TooDeep.to_string()));
    }
    let mut update = update::read(profile, text).map_err(|fault| refuse(fault.to_string()))?;
    if json.len() > MAX_UPDATE_BYTES {
        update.findings.entry(FindingCode::TooLarge);
    }
    match update.who {
        Some(who) if update.findings.is_empty() => Ok(Checked::Update { who, changes: update.changes }),
        who => Err(Refused {
            entry: invalid_person(who, update.findings.into_vec()),
            references: references(&update.changes),
        }),
    }
}

fn invalid_person(who: Option<Who>, findings: Vec<Finding>) -> PartLog {
    let subject = Subject::Person(who.map(|who| who.written));
    PartLog { subject, outcome: PartOutcome::InvalidPerson(findings) }
}

fn unacceptable(subject: Subject, reason: String) -> PartLog {
    PartLog { subject, outcome: PartOutcome::InvalidPart(reason) }
}

/// A file whose names are known: whose it is, where it belongs, and what is wrong with them so far.
struct Named<'a> {
    written: Shown,
    who: Option<Who>,
    field: &'a str,
    file: &'a str,
    fault: Option<String>,
}

fn check_file(profile: &Profile, decoded: &str, upload: Upload) -> Result<Checked, Refused> {
    match file_name::parse(decoded) {
        Ok(name) => {
            let who = Who::either(name.person).ok();
            let fault = who.is_none().then(|| "its name names no person".to_owned());
            let written = Shown::new(name.person);
            check_named(profile, Named { written, who, field: name.field, file: name.file, fault }, upload)
        }
        Err(fault) => {
            let reasons = std::iter::once(fault.to_string()).chain(not_a_pdf(&upload));
            Err(invalid_file(None, reasons))
        }
    }
}

fn check_document(profile: &Profile, name: &DocumentName, upload: Upload) -> Result<Checked, Refused> {
    let named = Named {
        written: name.who().written.clone(),
        who: Some(name.who().clone()),
        field: name.field(),
        file: name.file(),
        fault: name.fault().map(|fault| fault.to_string()),
    };
    check_named(profile, named, upload)
}

fn check_named(profile: &Profile, name: Named<'_>, upload: Upload) -> Result<Checked, Refused> {
    let field = profile.field(name.field);
    let wrong_field = match field {
        None => Some(format!("there is no field {}", Shown::new(name.field))),
        Some(field) if field.kind != FieldType::File => Some(format!("'{}' takes no file", field.name)),
        Some(field) if field.source != Source::Api => {
            Some(format!("'{}' cannot be updated through the API", field.name))
        }
        Some(_) => None,
    };
    let mut reasons = name.fault.into_iter().chain(wrong_field).chain(not_a_pdf(&upload)).peekable();
    match (field, name.who) {
        (Some(field), Some(who)) if reasons.peek().is_none() => Ok(Checked::File {
            who,
            field: Arc::clone(&field.name),
            is_list: field.is_list,
            name: name.file.to_owned(),
            upload,
        }),
        _ => {
            let file = Shown::new(&format!("{}/{}", name.field, name.file));
            Err(invalid_file(Some((name.written, file)), reasons))
        }
    }
}

fn not_a_pdf(upload: &Upload) -> Option<String> {
    upload.is_pdf.err().map(|reason| reason.to_string())
}

fn invalid_file(subject: Option<(Shown, Shown)>, reasons: impl Iterator<Item = String>) -> Refused {
    let outcome = PartOutcome::InvalidFile(reasons.collect::<Vec<_>>().join(" | "));
    PartLog { subject: Subject::Document(subject), outcome }.into()
}

impl Checked {
    /// Whom the part is about.
    pub fn who(&self) -> &Who {
        match self {
            Checked::Update { who, .. } | Checked::File { who, .. } => who,
        }
    }

    /// What the log says the part is about.
    pub fn subject(&self) -> Subject {
        match self {
            Checked::Update { who, .. } => Subject::Person(Some(who.written.clone())),
            Checked::File { who, field, name, .. } => {
                Subject::Document(Some((who.written.clone(), Shown::new(&format!("{field}/{name}")))))
            }
        }
    }

    /// The people whom values of the part name, each with its field. Values were checked to be identifiers.
    pub fn references(&self) -> References {
        match self {
            Checked::Update { changes, .. } => references(changes),
            Checked::File { .. } => Vec::new(),
        }
    }
}

/// The texts of a change that name people.
pub(crate) fn names(change: &Change) -> &[String] {
    match &change.value {
        _ if change.kind != FieldType::PersonIdentifier => &[],
        Value::Text(text) => std::slice::from_ref(text),
        Value::Texts(texts) => texts,
        Value::Reset | Value::MultiLang(_) | Value::MultiLangs(_) => &[],
    }
}

fn references(changes: &[Change]) -> References {
    let mut references = Vec::new();
    for change in changes {
        let named = names(change).iter().filter_map(|text| Who::either(text).ok());
        references.extend(named.map(|who| (Arc::clone(&change.field), who)));
    }
    references
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(json: &str) -> Vec<FindingCode> {
        let profile = Profile::parse(br#"[{"name":"note","fieldType":"String","source":"Api"}]"#).unwrap();
        match check(&profile, Incoming::Person(json.to_owned().into())) {
            Ok(_) => Vec::new(),
            Err(Refused { entry: PartLog { outcome: PartOutcome::InvalidPerson(findings), .. }, .. }) => {
                findings.iter().map(|finding| finding.code).collect()
            }
            Err(refused) => panic!("{refused:?}"),
        }
    }

    #[test]
    fn an_object_of_256_kib_is_accepted_and_one_byte_more_is_too_large() {
        let object = |bytes: usize| format!(r#"{{"employeeId":"7","note":"{}"}}"#, "x".repeat(bytes - 28));
        assert_eq!(object(MAX_UPDATE_BYTES).len(), 262_144);
        assert_eq!(findings(&object(MAX_UPDATE_BYTES)), []);
        assert_eq!(findings(&object(MAX_UPDATE_BYTES + 1)), [FindingCode::TooLarge]);
        let unknown = object(MAX_UPDATE_BYTES + 1).replace("note", "nope");
        assert_eq!(findings(&unknown), [FindingCode::UnknownFields, FindingCode::TooLarge]);
    }
}
