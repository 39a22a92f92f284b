//! What the columns of a CSV are, and the person update object that a row of them means. Only what JSON can say and a cell
//! cannot is decided here; nothing is judged.

use std::collections::HashSet;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::records::Record;
use crate::profile::{FieldType, Profile, RESERVED};
use crate::shown::Shown;

/// What a cell holds that resets its field, as null does. An empty cell leaves the field alone.
pub const RESET: &str = "(reset)";
/// What separates the values of a list in its cell.
pub const LIST_SEPARATOR: char = '|';

/// The columns of a file, by the key of the object that they fill.
pub(super) struct Columns {
    count: usize,
    keys: Vec<Key>,
}

/// A key, and the cells that its value is made of.
struct Key {
    name: String,
    cells: Cells,
}

/// Which cells they are, and what they hold.
enum Cells {
    /// A text.
    Text(usize),
    /// The values of a list.
    List(usize),
    /// A text for each language.
    Languages(Vec<(String, usize)>),
    /// What no field of the definition is called: it is in every object, so that every row says so.
    Unknown(usize),
}

impl Columns {
    /// Reads a header. `Err` says what is wrong with it.
    pub(super) fn parse(header: &Record<'_>, profile: &Profile) -> Result<Columns, String> {
        if !header.is_whole() {
            return Err("is too large".to_owned());
        }
        let names = header.texts().map_err(|_| "is not UTF-8".to_owned())?;
        if let Some(place) = names.iter().position(|name| name.is_empty()) {
            return Err(format!("has no name for column {}", place + 1));
        }
        let mut seen = HashSet::new();
        if let Some(name) = names.iter().find(|name| !seen.insert(**name)) {
            return Err(format!("has {} twice", Shown::new(name)));
        }
        if !RESERVED.iter().any(|name| seen.contains(name)) {
            let [upn, employee_id] = RESERVED;
            return Err(format!("is missing, or has neither '{upn}' nor '{employee_id}'"));
        }
        let mut columns = Columns { count: names.len(), keys: Vec::new() };
        for (column, name) in names.iter().enumerate() {
            columns.add(column, name, profile);
        }
        Ok(columns)
    }

    fn add(&mut self, column: usize, name: &str, profile: &Profile) {
        if let Some((field, language)) = language(name, profile) {
            let language = (language.to_owned(), column);
            let same = |key: &&mut Key| key.name == field && matches!(key.cells, Cells::Languages(_));
            if let Some(Key { cells: Cells::Languages(languages), .. }) = self.keys.iter_mut().find(same) {
                languages.push(language);
            } else {
                let cells = Cells::Languages(vec![language]);
                self.keys.push(Key { name: field.to_owned(), cells });
            }
            return;
        }
        let cells = match profile.field(name) {
            Some(field) if field.is_list && field.kind != FieldType::MultiLang => Cells::List(column),
            Some(_) => Cells::Text(column),
            None if RESERVED.contains(&name) => Cells::Text(column),
            None => Cells::Unknown(column),
        };
        self.keys.push(Key { name: name.to_owned(), cells });
    }

    /// How many cells a row has.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The object that the cells of a row mean, as JSON.
    pub(super) fn object(&self, cells: &[&str]) -> Result<Vec<u8>, serde_json::Error> {
        let mut json = Vec::new();
        let mut map = serde_json::Serializer::new(&mut json);
        let mut map = map.serialize_map(None)?;
        for key in &self.keys {
            if let Some(value) = key.cells.value(cells) {
                map.serialize_entry(&key.name, &value)?;
            }
        }
        map.end()?;
        Ok(json)
    }
}

/// The field and the language of `jobTitle.en`, where there is such a field. A list of such texts has no columns.
fn language<'n>(name: &'n str, profile: &Profile) -> Option<(&'n str, &'n str)> {
    let (field, language) = name.split_once('.')?;
    let known = profile.field(field)?;
    (known.kind == FieldType::MultiLang && !known.is_list).then_some((field, language))
}

/// What becomes of a key.
enum Value<'a> {
    Null,
    Text(&'a str),
    List(&'a str),
    Languages(Vec<(&'a str, &'a str)>),
}

impl Cells {
    /// The value that the cells of a row give; `None` where they leave the field alone.
    fn value<'a>(&'a self, cells: &[&'a str]) -> Option<Value<'a>> {
        let cell = |column: usize| cells.get(column).copied().unwrap_or_default();
        match self {
            Cells::Unknown(column) => Some(Value::Text(cell(*column))),
            Cells::Text(column) => one(cell(*column), Value::Text),
            Cells::List(column) => one(cell(*column), Value::List),
            Cells::Languages(columns) => {
                let given = columns.iter().map(|(language, column)| (language.as_str(), cell(*column)));
                let given: Vec<_> = given.filter(|(_, text)| !text.is_empty()).collect();
                // The languages are one value, which takes the place of the one before: what is reset beside others is
                // not in it.
                let set: Vec<_> = given.iter().copied().filter(|(_, text)| *text != RESET).collect();
                match (given.is_empty(), set.is_empty()) {
                    (true, _) => None,
                    (false, true) => Some(Value::Null),
                    (false, false) => Some(Value::Languages(set)),
                }
            }
        }
    }
}

fn one<'a>(cell: &'a str, value: fn(&'a str) -> Value<'a>) -> Option<Value<'a>> {
    match cell {
        "" => None,
        RESET => Some(Value::Null),
        cell => Some(value(cell)),
    }
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Null => serializer.serialize_unit(),
            Value::Text(text) => serializer.serialize_str(text),
            Value::List(texts) => serializer.collect_seq(texts.split(LIST_SEPARATOR)),
            Value::Languages(texts) => serializer.collect_map(texts.iter().copied()),
        }
    }
}
