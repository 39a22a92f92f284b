//! Which profile field is which property or user column, and the body of an update that follows from it. What breaks a
//! limit of Aktion's is refused here, before anything of the update is sent.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use people_core::ports::PersonUpdate;
use people_core::update::{Change, Value};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::columns::SqlType;
use super::properties::{COLUMNS, MAX_PERSON_ID, PERSON_ID, Property, SEX, Sent, is_longer};
use crate::targets::config::Name;

/// Where a field goes.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// To a property.
    Property(&'static Property),
    /// To a user column.
    Column(Name, SqlType),
}

/// A checked mapping: no two fields have the same place.
#[derive(Debug, Default)]
pub(in crate::targets) struct Mapping(pub(super) HashMap<Arc<str>, Place>);

impl Mapping {
    /// The profile fields that are mapped.
    pub(in crate::targets) fn fields(&self) -> impl Iterator<Item = &Arc<str>> {
        self.0.keys()
    }

    /// What is sent for an update. `Err` says in a sentence without values why it must not be sent.
    pub(super) fn body<'a>(&'a self, update: &'a PersonUpdate) -> Result<Body<'a>, String> {
        let person_id = update.key.0.as_str();
        if person_id.trim().is_empty() || is_longer(person_id, MAX_PERSON_ID) {
            return Err(format!("{PERSON_ID} has 1 to {MAX_PERSON_ID} characters"));
        }
        let mut body = Body { person_id, properties: Vec::new(), columns: Vec::new(), kept_sex: None };
        for change in &update.changes {
            self.add(change, &mut body)?;
        }
        Ok(body)
    }

    fn add<'a>(&'a self, change: &'a Change, body: &mut Body<'a>) -> Result<(), String> {
        let value = match &change.value {
            Value::Reset => None,
            Value::Text(text) => Some(text.as_str()),
            Value::Texts(_) | Value::MultiLang(_) | Value::MultiLangs(_) => {
                return Err(format!("{} is more than one text", change.field));
            }
        };
        match self.0.get(&change.field) {
            Some(Place::Property(property)) => body.properties.push((property.name, property.send(value)?)),
            Some(Place::Column(name, sql_type)) => {
                body.columns.push((name, sql_type.send(name, value.unwrap_or(""))?));
            }
            None => return Err(format!("{} is not mapped", change.field)),
        }
        Ok(())
    }
}

/// The body of `person/update`: the person, and what changes. Nothing in it is null, and what does not change is not in
/// it, but for a sex that is to be kept.
#[derive(Clone)]
pub(super) struct Body<'a> {
    pub(super) person_id: &'a str,
    pub(super) properties: Vec<(&'static str, Sent<'a>)>,
    pub(super) columns: Vec<(&'a str, Cow<'a, str>)>,
    /// Sent along as it is, and apart from what changes: that it is there afterwards tells nothing about the update.
    kept_sex: Option<u8>,
}

impl Body<'_> {
    /// Whether nothing changes.
    pub(super) fn is_empty(&self) -> bool {
        self.properties.is_empty() && self.columns.is_empty()
    }

    /// Sends along what is known of the person's sex, unless it is to be changed: an update without it might reset it.
    pub(super) fn keep_sex(&mut self, sex: Option<u8>) {
        self.kept_sex = sex.filter(|_| self.properties.iter().all(|(name, _)| *name != SEX));
    }

    /// As JSON.
    pub(super) fn to_bytes(&self) -> Bytes {
        // Texts and numbers under text keys: it cannot fail.
        serde_json::to_vec(self).unwrap_or_default().into()
    }
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(PERSON_ID, self.person_id)?;
        for (name, value) in &self.properties {
            match value {
                Sent::Text(text) => map.serialize_entry(name, text)?,
                Sent::Number(number) => map.serialize_entry(name, number)?,
            }
        }
        if let Some(sex) = self.kept_sex {
            map.serialize_entry(SEX, &sex)?;
        }
        if !self.columns.is_empty() {
            let columns: Vec<_> =
                self.columns.iter().map(|(name, value)| Column { system_name: name, value }).collect();
            map.serialize_entry(COLUMNS, &columns)?;
        }
        map.end()
    }
}

#[derive(serde::Serialize)]
#[serde(rename_all = "PascalCase")]
struct Column<'a> {
    system_name: &'a str,
    value: &'a str,
}
