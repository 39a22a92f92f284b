//! One part of an import within the packed text: its subject and its outcome. Kinds are numbers that stay what they are;
//! the two directions are side by side, so that neither is changed alone.

use std::collections::HashMap;
use std::iter;
use std::sync::Arc;

use people_core::finding::{FieldName, Finding, FindingCode};
use people_core::id::ImportId;
use people_core::log::{Asked, ImportedPiece, PartOutcome, Subject};
use people_core::shown::Shown;
use serde_json::{Value, json};

use super::packed_delivery::{are_clean, read_cleanly, read_delivery, write_cleanly, write_delivery};

/// How much is kept where all would be too much.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fit {
    /// The most names of a finding.
    names: usize,
    /// The most code points of a sentence.
    sentence: usize,
}

impl Fit {
    /// From everything to very little.
    pub(super) const STEPS: [Fit; 7] = [
        Fit { names: usize::MAX, sentence: usize::MAX },
        Fit { names: 10, sentence: usize::MAX },
        Fit { names: 5, sentence: usize::MAX },
        Fit { names: 2, sentence: usize::MAX },
        Fit { names: 1, sentence: 1000 },
        Fit { names: 0, sentence: 200 },
        Fit { names: 0, sentence: 40 },
    ];
}

/// The words of one packed text.
pub(super) struct Words {
    fit: Fit,
    list: Vec<Value>,
    places: HashMap<String, usize>,
}

impl Words {
    /// No words yet.
    pub(super) fn new(fit: Fit) -> Words {
        Words { fit, list: Vec::new(), places: HashMap::new() }
    }

    /// The list that leads the text.
    pub(super) fn into_list(self) -> Value {
        self.list.into()
    }

    /// Whether so many names are kept together.
    pub(super) fn fits(&self, names: usize) -> bool {
        names <= self.fit.names
    }

    /// A sentence as far as it is kept.
    pub(super) fn sentence(&self, text: &str) -> String {
        match text.char_indices().nth(self.fit.sentence) {
            None => text.to_owned(),
            Some((end, _)) => format!("{}…", &text[..end]),
        }
    }

    /// The place of a word in the list.
    pub(super) fn place(&mut self, word: &str) -> Value {
        if let Some(place) = self.places.get(word) {
            return (*place).into();
        }
        self.list.push(word.into());
        self.places.insert(word.to_owned(), self.list.len() - 1);
        (self.list.len() - 1).into()
    }

    /// The place of a sentence, as far as it is kept.
    pub(super) fn why(&mut self, text: &str) -> Value {
        let sentence = self.sentence(text);
        self.place(&sentence)
    }
}

/// The word at a place.
pub(super) fn word<'a>(place: &Value, words: &'a [String]) -> Option<&'a String> {
    words.get(usize::try_from(place.as_u64()?).ok()?)
}

/// The number of each kind of outcome, and what follows it.
mod kind {
    pub(super) const PENDING: u64 = 0;
    pub(super) const UNKNOWN_PERSON: u64 = 1;
    pub(super) const UPLOADED: u64 = 2;
    pub(super) const REPLACED: u64 = 3;
    /// `[[code, more, "name" | ["name", nearest]..]..]`
    pub(super) const INVALID_PERSON: u64 = 4;
    /// `why`, as in the next two; then whether it passes, in the second of them.
    pub(super) const INVALID_FILE: u64 = 5;
    pub(super) const INVALID_PART: u64 = 6;
    pub(super) const REFUSED: u64 = 7;
    /// `"employeeId"`
    pub(super) const IDENTIFIER_CONFLICT: u64 = 8;
    /// `[delivery..], [unmapped field..]`
    pub(super) const DELIVERED: u64 = 9;
    pub(super) const LINKED: u64 = 10;
    /// `count`
    pub(super) const LISTED: u64 = 11;
    pub(super) const DELETED: u64 = 12;
    pub(super) const ABSENT: u64 = 13;
    pub(super) const NOT_FOUND: u64 = 14;
    /// `asked, passing, why`
    pub(super) const UNSERVED: u64 = 15;
    /// As [`DELIVERED`], where nothing is unmapped and there is no reason to tell: `rest, milliseconds, rest, ..`. What is
    /// left of a delivery without its milliseconds is one word, as most deliveries of a batch have it in common.
    pub(super) const DELIVERED_CLEANLY: u64 = 16;
    /// `why`, as in the next one.
    pub(super) const DEFERRED: u64 = 17;
    pub(super) const GIVEN_UP: u64 = 18;
    pub(super) const SUPERSEDED: u64 = 19;
    pub(super) const INTERRUPTED: u64 = 20;
    /// `first, last, parts, failed, pending`
    pub(super) const IMPORTED: u64 = 21;
    pub(super) const WOULD_UPLOAD: u64 = 22;
    pub(super) const WOULD_REPLACE: u64 = 23;
}

/// What a part is about.
pub(super) fn write_subject(subject: &Subject) -> Value {
    match subject {
        Subject::Person(None) => Value::Null,
        Subject::Person(Some(who)) => who.as_str().into(),
        Subject::Document(None) => json!([]),
        Subject::Document(Some((whose, name))) => json!([whose.as_str(), name.as_str()]),
        Subject::Unknown => json!(0),
    }
}

/// The reverse of [`write_subject`].
pub(super) fn read_subject(value: &Value) -> Option<Subject> {
    match value {
        Value::Null => Some(Subject::Person(None)),
        Value::String(who) => Some(Subject::Person(Some(Shown::new(who)))),
        Value::Array(document) => match document.as_slice() {
            [] => Some(Subject::Document(None)),
            [whose, name] => Some(Subject::Document(Some((shown(whose)?, shown(name)?)))),
            _ => None,
        },
        value if value.as_u64() == Some(0) => Some(Subject::Unknown),
        _ => None,
    }
}

fn shown(value: &Value) -> Option<Shown> {
    value.as_str().map(Shown::new)
}

/// How a part ended.
pub(super) fn write_outcome(outcome: &PartOutcome, words: &mut Words) -> Value {
    match outcome {
        PartOutcome::Pending => json!(kind::PENDING),
        PartOutcome::Interrupted => json!(kind::INTERRUPTED),
        PartOutcome::Deferred(why) => json!([kind::DEFERRED, words.why(why)]),
        PartOutcome::GivenUp(why) => json!([kind::GIVEN_UP, words.why(why)]),
        PartOutcome::Superseded => json!(kind::SUPERSEDED),
        PartOutcome::UnknownPerson => json!(kind::UNKNOWN_PERSON),
        PartOutcome::Uploaded => json!(kind::UPLOADED),
        PartOutcome::Replaced => json!(kind::REPLACED),
        PartOutcome::WouldUpload => json!(kind::WOULD_UPLOAD),
        PartOutcome::WouldReplace => json!(kind::WOULD_REPLACE),
        PartOutcome::InvalidPerson(findings) => {
            let findings: Vec<_> = findings.iter().map(|finding| write_finding(finding, words)).collect();
            json!([kind::INVALID_PERSON, findings])
        }
        PartOutcome::InvalidFile(why) => json!([kind::INVALID_FILE, words.why(why)]),
        PartOutcome::InvalidPart(why) => json!([kind::INVALID_PART, words.why(why)]),
        PartOutcome::Refused { why, passing } => json!([kind::REFUSED, words.why(why), passing]),
        PartOutcome::IdentifierConflict(id) => json!([kind::IDENTIFIER_CONFLICT, id.as_str()]),
        PartOutcome::Linked => json!(kind::LINKED),
        PartOutcome::Listed(count) => json!([kind::LISTED, count]),
        PartOutcome::Deleted => json!(kind::DELETED),
        PartOutcome::Absent => json!(kind::ABSENT),
        PartOutcome::NotFound => json!(kind::NOT_FOUND),
        PartOutcome::Unserved { asked, why, passing } => {
            json!([kind::UNSERVED, write_asked(*asked), passing, words.why(why)])
        }
        PartOutcome::Imported(piece) => write_piece(piece),
        PartOutcome::Delivered { deliveries, unmapped } if unmapped.is_empty() && are_clean(deliveries) => {
            let pairs = deliveries.iter().flat_map(|one| write_cleanly(one, words));
            iter::once(kind::DELIVERED_CLEANLY.into()).chain(pairs).collect()
        }
        PartOutcome::Delivered { deliveries, unmapped } => {
            let deliveries: Vec<_> = deliveries.iter().map(|one| write_delivery(one, words)).collect();
            let unmapped: Vec<_> = unmapped.iter().map(|field| words.place(field)).collect();
            json!([kind::DELIVERED, deliveries, unmapped])
        }
    }
}

/// The reverse of [`write_outcome`].
pub(super) fn read_outcome(value: &Value, words: &[String]) -> Option<PartOutcome> {
    let (kind, rest) = match value {
        Value::Array(array) => array.split_first()?,
        kind => (kind, [].as_slice()),
    };
    let why = |place: &Value| word(place, words).cloned();
    Some(match (kind.as_u64()?, rest) {
        (kind::PENDING, []) => PartOutcome::Pending,
        (kind::INTERRUPTED, []) => PartOutcome::Interrupted,
        (kind::DEFERRED, [place]) => PartOutcome::Deferred(why(place)?),
        (kind::GIVEN_UP, [place]) => PartOutcome::GivenUp(why(place)?),
        (kind::SUPERSEDED, []) => PartOutcome::Superseded,
        (kind::UNKNOWN_PERSON, []) => PartOutcome::UnknownPerson,
        (kind::UPLOADED, []) => PartOutcome::Uploaded,
        (kind::REPLACED, []) => PartOutcome::Replaced,
        (kind::WOULD_UPLOAD, []) => PartOutcome::WouldUpload,
        (kind::WOULD_REPLACE, []) => PartOutcome::WouldReplace,
        (kind::INVALID_PERSON, [findings]) => {
            let findings = findings.as_array()?.iter().map(|finding| read_finding(finding, words));
            PartOutcome::InvalidPerson(findings.collect::<Option<_>>()?)
        }
        (kind::INVALID_FILE, [place]) => PartOutcome::InvalidFile(why(place)?),
        (kind::INVALID_PART, [place]) => PartOutcome::InvalidPart(why(place)?),
        // Logs of the first version do not say whether the reason passes.
        (kind::REFUSED, [place]) => PartOutcome::Refused { why: why(place)?, passing: true },
        (kind::REFUSED, [place, passing]) => {
            PartOutcome::Refused { why: why(place)?, passing: passing.as_bool()? }
        }
        (kind::IDENTIFIER_CONFLICT, [id]) => PartOutcome::IdentifierConflict(shown(id)?),
        (kind::LINKED, []) => PartOutcome::Linked,
        (kind::LISTED, [count]) => PartOutcome::Listed(count.as_u64()?.try_into().ok()?),
        (kind::DELETED, []) => PartOutcome::Deleted,
        (kind::ABSENT, []) => PartOutcome::Absent,
        (kind::NOT_FOUND, []) => PartOutcome::NotFound,
        (kind::UNSERVED, [asked, passing, place]) => {
            PartOutcome::Unserved { asked: read_asked(asked)?, why: why(place)?, passing: passing.as_bool()? }
        }
        (kind::IMPORTED, piece) => PartOutcome::Imported(Box::new(read_piece(piece)?)),
        (kind::DELIVERED, [deliveries, unmapped]) => PartOutcome::Delivered {
            deliveries: deliveries
                .as_array()?
                .iter()
                .map(|one| read_delivery(one, words))
                .collect::<Option<_>>()?,
            unmapped: unmapped.as_array()?.iter().map(|field| shared(field, words)).collect::<Option<_>>()?,
        },
        (kind::DELIVERED_CLEANLY, pairs @ [_, ..]) => PartOutcome::Delivered {
            deliveries: pairs.chunks(2).map(|pair| read_cleanly(pair, words)).collect::<Option<_>>()?,
            unmapped: Vec::new(),
        },
        _ => return None,
    })
}

fn write_piece(piece: &ImportedPiece) -> Value {
    let ImportedPiece { first, last, parts, failed, pending } = piece;
    json!([kind::IMPORTED, first.to_string(), last.to_string(), parts, failed, pending])
}

fn read_piece(values: &[Value]) -> Option<ImportedPiece> {
    let [first, last, parts, failed, pending] = values else { return None };
    let id = |value: &Value| value.as_str().and_then(ImportId::parse);
    let count = |value: &Value| value.as_u64()?.try_into().ok();
    Some(ImportedPiece {
        first: id(first)?,
        last: id(last)?,
        parts: count(parts)?,
        failed: count(failed)?,
        pending: count(pending)?,
    })
}

fn write_asked(asked: Asked) -> u64 {
    match asked {
        Asked::Link => 0,
        Asked::List => 1,
        Asked::Deletion => 2,
    }
}

fn read_asked(value: &Value) -> Option<Asked> {
    [Asked::Link, Asked::List, Asked::Deletion]
        .into_iter()
        .find(|asked| value.as_u64() == Some(write_asked(*asked)))
}

/// The word at a place, to be shared.
pub(super) fn shared(place: &Value, words: &[String]) -> Option<Arc<str>> {
    word(place, words).map(|word| Arc::from(word.as_str()))
}

fn write_finding(finding: &Finding, words: &mut Words) -> Value {
    let kept = finding.names.len().min(words.fit.names);
    let left_out = u32::try_from(finding.names.len() - kept).unwrap_or(u32::MAX);
    let mut packed = vec![words.place(finding.code.as_str()), finding.more.saturating_add(left_out).into()];
    packed.extend(finding.names[..kept].iter().map(|field| match &field.nearest {
        None => field.name.as_str().into(),
        Some(nearest) => json!([field.name.as_str(), words.place(nearest)]),
    }));
    packed.into()
}

fn read_finding(value: &Value, words: &[String]) -> Option<Finding> {
    let [code, more, names @ ..] = value.as_array()?.as_slice() else { return None };
    let code = word(code, words)?;
    let name = |value: &Value| match value {
        Value::Array(pair) => match pair.as_slice() {
            [name, nearest] => Some(FieldName { name: shown(name)?, nearest: Some(shared(nearest, words)?) }),
            _ => None,
        },
        name => Some(FieldName { name: shown(name)?, nearest: None }),
    };
    Some(Finding {
        code: FindingCode::ALL.into_iter().find(|known| known.as_str() == code)?,
        names: names.iter().map(name).collect::<Option<_>>()?,
        more: more.as_u64()?.try_into().ok()?,
    })
}
