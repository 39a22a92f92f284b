//! A person as Aktion shows them, compared with what was sent: after an answer that was lost or is unclear, it tells
//! what was saved.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::mapping::Body;
use super::properties::{COLUMNS, PERSON_ID, PIN, Property, Rule, SEX, Written};

/// A person read back. It holds personal data and is never shown.
pub(super) struct Stored(Map<String, Value>);

impl Stored {
    /// Reads the flat answer of `person/get`.
    pub(super) fn read(body: &[u8]) -> Option<Stored> {
        serde_json::from_slice(body).ok().map(Stored)
    }

    /// Whether it is the person with exactly this PersonId, spaces around it aside.
    pub(super) fn is(&self, person_id: &str) -> bool {
        self.0.get(PERSON_ID).and_then(Value::as_str).is_some_and(|id| id.trim() == person_id.trim())
    }

    /// The person's sex, where it is known.
    pub(super) fn sex(&self) -> Option<u8> {
        let sex = self.0.get(SEX)?.as_u64().filter(|sex| *sex <= 2)?;
        u8::try_from(sex).ok()
    }

    /// Whether everything that the update sets is there. A PIN cannot be read, so with one the answer is no.
    pub(super) fn has_all(&self, body: &Body<'_>) -> bool {
        body.properties.iter().all(|(name, value)| self.has(name, value))
            && body.columns.iter().all(|(name, value)| self.column(name) == value)
    }

    /// Whether anything of an update is there of which a user column was refused. What was only sent along proves nothing: it
    /// was read before. One of the columns was refused, so a column alone is that one.
    pub(super) fn has_some(&self, body: &Body<'_>) -> bool {
        let is_there = |(name, value): &(&str, Cow<'_, str>)| self.column(name) == value;
        body.properties.iter().any(|(name, value)| self.has(name, value))
            || (body.columns.len() > 1 && body.columns.iter().any(is_there))
    }

    fn has(&self, name: &str, value: &Written<'_>) -> bool {
        if name == PIN {
            return false;
        }
        let stored = self.0.get(name).unwrap_or(&Value::Null);
        match value {
            Written::Number(number) => stored.as_u64().unwrap_or(0) == u64::from(*number),
            Written::Text(text) => {
                let stored = stored.as_str().unwrap_or("");
                let is_hex = Property::named(name).is_some_and(|known| matches!(known.rule, Rule::Hex(_)));
                stored == text || (is_hex && stored.eq_ignore_ascii_case(text))
            }
        }
    }

    fn column(&self, name: &str) -> &str {
        let columns = self.0.get(COLUMNS).and_then(Value::as_array);
        let is_it = |column: &&Value| {
            let known = column.get("SystemName").and_then(Value::as_str);
            known.is_some_and(|known| known.eq_ignore_ascii_case(name))
        };
        let column = columns.into_iter().flatten().find(is_it);
        column.and_then(|column| column.get("Value")).and_then(Value::as_str).unwrap_or("")
    }
}
