//! A person's contacts: one flat list of types and values, and what its storage makes of it.
//! The list is flat because the portal's is, and most of what goes wrong with contacts follows from that.

use serde_json::{Value, json};

use super::answers::Failure;
use super::binder::Item;

/// The column's length, separators included.
const COLUMN: usize = 1024;

/// Types and values in turn.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Contacts(Vec<Option<String>>);

impl Contacts {
    /// Reads the contacts of a state.
    pub(super) fn parse(value: &Value) -> Result<Self, String> {
        let text = |item: &Value, name| item.get(name).and_then(Value::as_str).map(str::to_owned);
        let parse = |item: &Value| Some([Some(text(item, "type")?), Some(text(item, "value")?)]);
        let items = match value {
            Value::Null => return Ok(Contacts::default()),
            _ => value.as_array().and_then(|items| items.iter().map(parse).collect::<Option<Vec<_>>>()),
        };
        let items = items.ok_or("contacts are a list of {\"type\",\"value\"}, all texts")?;
        Ok(Contacts(items.into_iter().flatten().collect()))
    }

    /// The contacts that were sent, and nothing of those before.
    pub(super) fn of(items: Vec<Item>) -> Self {
        Contacts(items.into_iter().flat_map(|item| [item.kind, item.value]).collect())
    }

    /// Removes, for each item, the first entry that equals its type and the entry behind it. That entry may well be
    /// a value; at the very end there is nothing behind it to remove.
    pub(super) fn remove(&mut self, items: &[Item]) -> Result<(), Failure> {
        for item in items {
            let Some(place) = self.0.iter().position(|entry| *entry == item.kind) else { continue };
            if place + 2 > self.0.len() {
                return Err(Failure::InvalidArgument("Offset and length were out of bounds for the array."));
            }
            self.0.drain(place..place + 2);
        }
        Ok(())
    }

    /// What is read back after these were stored, or why they cannot be.
    pub(super) fn stored(&self, pipe_storage: bool) -> Result<Self, Failure> {
        if !pipe_storage {
            return Ok(self.clone());
        }
        let text: String =
            self.0.iter().map(|entry| format!("{}|", entry.as_deref().unwrap_or_default())).collect();
        check_column(&text, COLUMN)?;
        let parts: Vec<_> =
            text.split('|').filter(|part| !part.is_empty()).map(|part| Some(part.to_owned())).collect();
        let whole_pairs = parts.len() / 2 * 2;
        Ok(Contacts(parts.into_iter().take(whole_pairs).collect()))
    }

    /// The pairs as they are shown; an odd entry at the end is not.
    pub(super) fn to_json(&self) -> Value {
        self.0.chunks_exact(2).map(|pair| json!({"type": pair[0], "value": pair[1]})).collect()
    }

    /// Whether there is no pair to show.
    pub(super) fn is_empty(&self) -> bool {
        self.0.len() < 2
    }

    /// Whether an entry has this text in it, without regard to case.
    pub(super) fn contain(&self, text: &str) -> bool {
        self.0.iter().flatten().any(|entry| entry.to_lowercase().contains(text))
    }
}

/// What the database refuses: a text longer than its column, and any character of four bytes.
pub(super) fn check_column(text: &str, length: usize) -> Result<(), Failure> {
    if text.chars().any(|c| c.len_utf8() > 3) {
        return Err(Failure::Internal("Incorrect string value for the column."));
    }
    if text.chars().count() > length {
        return Err(Failure::Internal("Data too long for the column."));
    }
    Ok(())
}
