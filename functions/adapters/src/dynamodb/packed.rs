//! What became of every part of an import, as one text: what a log costs goes by its size, and a clean batch of 50 must
//! not cost more than a few write units.
//!
//! The text is JSON: arrays in place of objects, and words that repeat (targets, codes, fields, reasons) once, in a list
//! at its head, to which the rest refers by place.
//!
//! ```text
//! [1, [word..], receivedAt ms, namesTargets, form, fault, [[subject, outcome]..]]
//! form     0: a JSON array | 1: multipart | 2: one document
//! fault    null | "invalid: why" | number of parts, where those were too many | true: the body never came
//! subject  null or "who": a person | [] or ["who", "field/name"]: a document | 0: neither
//! outcome  kind | [kind, ..]   see `Kind`
//! ```

use people_core::batch::RequestFault;
use people_core::error::StoreError;
use people_core::log::{Form, ImportLog, PartLog};
use people_core::time::Timestamp;
use serde_json::Value;

use super::packed_words::{Fit, Words, read_outcome, read_subject, write_outcome, write_subject};

/// The version of this format, which leads it.
const VERSION: u64 = 1;
/// The most bytes of a packed text: an item has at most 400 KB, and the rest of it needs little.
pub(super) const MAX_BYTES: usize = 380_000;

/// What a text says of an import.
#[derive(Debug)]
pub(super) struct Unpacked {
    pub(super) received_at: Timestamp,
    pub(super) names_targets: bool,
    pub(super) form: Form,
    pub(super) fault: Option<RequestFault>,
    pub(super) parts: Vec<PartLog>,
}

/// A text that is not as we write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a stored import log is of an unknown version or damaged")]
pub(super) struct Damaged;

/// Packs a log. Where all of it would not fit into an item, findings list fewer names and count the rest, and at last
/// sentences are cut.
pub(super) fn pack(log: &ImportLog) -> Result<String, StoreError> {
    for fit in Fit::STEPS {
        let text = pack_to(log, fit);
        if text.len() <= MAX_BYTES {
            return Ok(text);
        }
    }
    Err(StoreError::new("pack an import log", "it does not fit into an item"))
}

fn pack_to(log: &ImportLog, fit: Fit) -> String {
    let mut words = Words::new(fit);
    let parts: Vec<Value> = log
        .parts
        .iter()
        .map(|part| Value::from(vec![write_subject(&part.subject), write_outcome(&part.outcome, &mut words)]))
        .collect();
    let fault = match &log.fault {
        None => Value::Null,
        Some(RequestFault::Invalid(why)) => words.sentence(why).into(),
        Some(RequestFault::TooManyParts(parts)) => (*parts).into(),
        Some(RequestFault::BodyNotReceived) => true.into(),
    };
    let millis = log.received_at.millis();
    let form = write_form(log.form);
    let names_targets = log.names_targets;
    let head = [VERSION.into(), words.into_list(), millis.into(), names_targets.into(), form.into(), fault];
    let all: Vec<Value> = head.into_iter().chain([parts.into()]).collect();
    Value::from(all).to_string()
}

/// Reads a text back.
pub(super) fn unpack(text: &str) -> Result<Unpacked, Damaged> {
    let all: Vec<Value> = serde_json::from_str(text).map_err(|_| Damaged)?;
    let [version, words, millis, names_targets, form, fault, parts] = all.as_slice() else {
        return Err(Damaged);
    };
    if version.as_u64() != Some(VERSION) {
        return Err(Damaged);
    }
    let words: Vec<String> = strings(words).ok_or(Damaged)?;
    let parts = parts.as_array().ok_or(Damaged)?;
    Ok(Unpacked {
        received_at: Timestamp::from_millis(millis.as_i64().ok_or(Damaged)?),
        names_targets: names_targets.as_bool().ok_or(Damaged)?,
        form: read_form(form).ok_or(Damaged)?,
        fault: read_fault(fault).ok_or(Damaged)?,
        parts: parts.iter().map(|part| read_part(part, &words)).collect::<Option<_>>().ok_or(Damaged)?,
    })
}

/// A list of words.
pub(super) fn strings(list: &Value) -> Option<Vec<String>> {
    list.as_array()?.iter().map(|word| word.as_str().map(str::to_owned)).collect()
}

fn write_form(form: Form) -> u64 {
    match form {
        Form::Array => 0,
        Form::Multipart => 1,
        Form::Document => 2,
    }
}

fn read_form(value: &Value) -> Option<Form> {
    let forms = [Form::Array, Form::Multipart, Form::Document];
    forms.into_iter().find(|form| value.as_u64() == Some(write_form(*form)))
}

fn read_fault(value: &Value) -> Option<Option<RequestFault>> {
    match value {
        Value::Null => Some(None),
        Value::Bool(true) => Some(Some(RequestFault::BodyNotReceived)),
        Value::String(why) => Some(Some(RequestFault::Invalid(why.clone()))),
        value => Some(Some(RequestFault::TooManyParts(value.as_u64()?.try_into().ok()?))),
    }
}

fn read_part(part: &Value, words: &[String]) -> Option<PartLog> {
    let [subject, outcome] = part.as_array()?.as_slice() else { return None };
    Some(PartLog { subject: read_subject(subject)?, outcome: read_outcome(outcome, words)? })
}

#[cfg(test)]
#[path = "packed_tests.rs"]
mod tests;
