//! The body of an update, as it follows from the mapping to properties and user columns. What breaks a limit of Aktion's is
//! refused here, before anything of the update is sent.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use people_core::ports::PersonUpdate;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::columns::SqlType;
use super::properties::{COLUMNS, MAX_PERSON_ID, PERSON_ID, PIN, Property, SEX, Written, is_longer};
use crate::targets::mapping::Mapping;
use crate::targets::transform::Sent;

/// Where a field goes.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// To a property.
    Property(&'static Property),
    /// To a user column.
    Column(Arc<str>, SqlType),
}

/// What is sent for an update. `Err` says in a sentence without values why it must not be sent.
pub(super) fn body<'a>(mapping: &'a Mapping<Place>, update: &'a PersonUpdate) -> Result<Body<'a>, String> {
    let person_id = update.key.0.as_str();
    if person_id.trim().is_empty() || is_longer(person_id, MAX_PERSON_ID) {
        return Err(format!("{PERSON_ID} has 1 to {MAX_PERSON_ID} characters"));
    }
    let mut body = Body { person_id, properties: Vec::new(), columns: Vec::new(), kept_sex: None };
    for (place, value) in mapping.values(update)? {
        let text = match value {
            Sent::Reset => None,
            Sent::Text(text) => Some(text),
            Sent::Texts(_) => return Err(format!("{} is one text", place.name())),
        };
        match place {
            Place::Property(property) => body.properties.push((property.name, property.send(text)?)),
            Place::Column(name, sql_type) => {
                body.columns.push((name, sql_type.send(name, text.unwrap_or_default())?));
            }
        }
    }
    Ok(body)
}

impl Place {
    fn name(&self) -> &str {
        match self {
            Place::Property(property) => property.name,
            Place::Column(name, _) => name,
        }
    }
}

/// The body of `person/update`: the person, and what changes. Nothing in it is null, and what does not change is not in
/// it, but for a sex that is to be kept.
#[derive(Clone)]
pub(super) struct Body<'a> {
    pub(super) person_id: &'a str,
    pub(super) properties: Vec<(&'static str, Written<'a>)>,
    pub(super) columns: Vec<(&'a str, Cow<'a, str>)>,
    /// Sent along as it is, and apart from what changes: that it is there afterwards tells nothing about the update.
    kept_sex: Option<u8>,
}

impl Body<'_> {
    /// Whether nothing changes.
    pub(super) fn is_empty(&self) -> bool {
        self.properties.is_empty() && self.columns.is_empty()
    }

    /// Whether there is something in it that no reading shows.
    pub(super) fn has_unreadable(&self) -> bool {
        self.properties.iter().any(|(name, _)| *name == PIN)
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
                Written::Text(text) => map.serialize_entry(name, text)?,
                Written::Number(number) => map.serialize_entry(name, number)?,
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
