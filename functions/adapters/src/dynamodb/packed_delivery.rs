//! One delivery within a packed text. Endings are numbers that stay what they are; the two directions are side by side, so
//! that neither is changed alone.

use std::sync::Arc;

use people_core::log::{Delivery, Ending, Outcome, WouldChange};
use serde_json::{Value, json};

use super::packed_words::{Words, shared, word};

/// The number of each ending.
mod ending {
    pub(super) const UPDATED: u64 = 0;
    pub(super) const UNCHANGED: u64 = 1;
    pub(super) const PARTLY_UPDATED: u64 = 2;
    pub(super) const UNKNOWN_PERSON: u64 = 3;
    pub(super) const REFUSED: u64 = 4;
    pub(super) const DEFERRED: u64 = 5;
    pub(super) const SUPERSEDED: u64 = 6;
    pub(super) const GIVEN_UP: u64 = 7;
    pub(super) const WOULD_UPDATE: u64 = 8;
    pub(super) const WOULD_PARTLY_UPDATE: u64 = 9;
}

/// Where the milliseconds are within a delivery.
const MILLISECONDS: usize = 3;

/// A delivery without its milliseconds as one word, and the milliseconds.
pub(super) fn write_cleanly(delivery: &Delivery, words: &mut Words) -> [Value; 2] {
    let mut rest = write_delivery(delivery, words);
    let milliseconds = rest.remove(MILLISECONDS);
    [words.place(&Value::from(rest).to_string()), milliseconds]
}

/// The reverse of [`write_cleanly`].
pub(super) fn read_cleanly(pair: &[Value], words: &[String]) -> Option<Delivery> {
    let [rest, milliseconds] = pair else { return None };
    let mut delivery: Vec<Value> = serde_json::from_str(word(rest, words)?).ok()?;
    (delivery.len() > MILLISECONDS).then(|| delivery.insert(MILLISECONDS, milliseconds.clone()))?;
    read_delivery(&delivery.into(), words)
}

/// Whether there is a delivery, and none has anything to tell that others do not have in common with it.
pub(super) fn are_clean(deliveries: &[Delivery]) -> bool {
    let is_clean =
        |delivery: &Delivery| reason(&delivery.outcome.ending).is_none() && delivery.superseded.is_empty();
    !deliveries.is_empty() && deliveries.iter().all(is_clean)
}

fn reason(ending: &Ending) -> Option<&String> {
    match ending {
        Ending::Updated | Ending::Unchanged | Ending::UnknownPerson | Ending::Superseded => None,
        Ending::WouldUpdate(_) => None,
        Ending::WouldPartlyUpdate(_, why)
        | Ending::PartlyUpdated(why)
        | Ending::Refused(why)
        | Ending::Deferred(why)
        | Ending::GivenUp(why) => Some(why),
    }
}

/// What a dry run would change, as one word: `[[field..], [perhaps..]]`. Both are empty where they are too many.
fn write_would(would: &WouldChange, words: &mut Words) -> Value {
    let WouldChange { fields, perhaps } = would;
    let fits = words.fits(fields.len() + perhaps.len());
    let names = |names: &[Arc<str>]| -> Value {
        names.iter().filter(|_| fits).map(|name| Value::from(&**name)).collect()
    };
    words.place(&json!([names(fields), names(perhaps)]).to_string())
}

/// The reverse of [`write_would`].
fn read_would(would: &str) -> Option<Box<WouldChange>> {
    let [fields, perhaps]: [Vec<String>; 2] = serde_json::from_str(would).ok()?;
    let names = |names: Vec<String>| names.into_iter().map(Arc::from).collect();
    Some(Box::new(WouldChange { fields: names(fields), perhaps: names(perhaps) }))
}

/// How a delivery ended: `target, ending, attempts, milliseconds, code | null, would change | nothing, why | nothing,
/// [superseded field..] | nothing`.
pub(super) fn write_delivery(delivery: &Delivery, words: &mut Words) -> Vec<Value> {
    let Outcome { ending, code, attempts, duration_ms } = &delivery.outcome;
    let kind = match ending {
        Ending::Updated => ending::UPDATED,
        Ending::Unchanged => ending::UNCHANGED,
        Ending::PartlyUpdated(_) => ending::PARTLY_UPDATED,
        Ending::UnknownPerson => ending::UNKNOWN_PERSON,
        Ending::Refused(_) => ending::REFUSED,
        Ending::Deferred(_) => ending::DEFERRED,
        Ending::Superseded => ending::SUPERSEDED,
        Ending::GivenUp(_) => ending::GIVEN_UP,
        Ending::WouldUpdate(_) => ending::WOULD_UPDATE,
        Ending::WouldPartlyUpdate(..) => ending::WOULD_PARTLY_UPDATE,
    };
    let code = code.as_ref().map(|code| words.why(code));
    let mut packed = vec![
        words.place(&delivery.target),
        kind.into(),
        (*attempts).into(),
        (*duration_ms).into(),
        code.into(),
    ];
    packed.extend(ending.would_change().map(|would| write_would(would, words)));
    packed.extend(reason(ending).map(|why| words.why(why)));
    if !delivery.superseded.is_empty() {
        packed.push(delivery.superseded.iter().map(|field| words.place(field)).collect());
    }
    packed
}

/// The reverse of [`write_delivery`].
pub(super) fn read_delivery(value: &Value, words: &[String]) -> Option<Delivery> {
    let [target, kind, attempts, duration_ms, code, rest @ ..] = value.as_array()?.as_slice() else {
        return None;
    };
    let (why, superseded) = match rest {
        [why @ .., Value::Array(fields)] if !fields.is_empty() => (why, fields.as_slice()),
        why => (why, [].as_slice()),
    };
    let why = why.iter().map(|place| word(place, words).cloned()).collect::<Option<Vec<_>>>()?;
    let ending = match (kind.as_u64()?, why.as_slice()) {
        (ending::UPDATED, []) => Ending::Updated,
        (ending::UNCHANGED, []) => Ending::Unchanged,
        (ending::PARTLY_UPDATED, [why]) => Ending::PartlyUpdated(why.clone()),
        (ending::UNKNOWN_PERSON, []) => Ending::UnknownPerson,
        (ending::REFUSED, [why]) => Ending::Refused(why.clone()),
        (ending::DEFERRED, [why]) => Ending::Deferred(why.clone()),
        (ending::SUPERSEDED, []) => Ending::Superseded,
        (ending::GIVEN_UP, [why]) => Ending::GivenUp(why.clone()),
        (ending::WOULD_UPDATE, [would]) => Ending::WouldUpdate(read_would(would)?),
        (ending::WOULD_PARTLY_UPDATE, [would, why]) => {
            Ending::WouldPartlyUpdate(read_would(would)?, why.clone())
        }
        _ => return None,
    };
    let code = match code {
        Value::Null => None,
        place => Some(word(place, words)?.clone()),
    };
    let attempts = attempts.as_u64()?.try_into().ok()?;
    let duration_ms = duration_ms.as_u64()?.try_into().ok()?;
    let outcome = Outcome { ending, code, attempts, duration_ms };
    let superseded = superseded.iter().map(|field| shared(field, words)).collect::<Option<_>>()?;
    Some(Delivery { target: shared(target, words)?, outcome, superseded })
}
