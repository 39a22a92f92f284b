//! The columns of the entities: their names, types, and how their values compare.
//! Look-ups, filters and orders all go by these, so that a value is the same value in each of them.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::answers::Failure;

/// A record with all its members in the names of the wire.
pub(super) type Record = Map<String, Value>;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Number,
    Text,
    Date,
    Flag,
}

/// One column: under which name it is asked for, and the member that holds it.
#[derive(Debug)]
pub(super) struct Column {
    name: &'static str,
    pub(super) member: &'static str,
    pub(super) holds: Type,
}

const fn column(name: &'static str, holds: Type) -> Column {
    Column { name, member: name, holds }
}

/// The user's key.
pub(super) const ID: &str = "Id";

/// The columns of a user.
pub(super) const USER: &[Column] = &[
    column(ID, Type::Number),
    column("Name", Type::Text),
    column("Username", Type::Text),
    column("Email", Type::Text),
    column("MobilePhone", Type::Text),
    column("External_Id", Type::Text),
    column("Creation_Date", Type::Date),
    column("Last_Login", Type::Date),
    column("Is_Active", Type::Flag),
];

/// The columns of a user below a department: the key is called otherwise there.
pub(super) const LINK: &[Column] = &[
    Column { name: "UserId", member: ID, holds: Type::Number },
    column("Name", Type::Text),
    column("Username", Type::Text),
    column("Email", Type::Text),
    column("MobilePhone", Type::Text),
    column("External_Id", Type::Text),
    column("Creation_Date", Type::Date),
    column("Last_Login", Type::Date),
    column("Is_Active", Type::Flag),
];

/// The columns of a department.
pub(super) const DEPARTMENT: &[Column] =
    &[column(ID, Type::Text), column("Name", Type::Text), column("ExternalId", Type::Text)];

/// The column of this name, in any case and with or without underscores; the key when the name is empty.
pub(super) fn find(columns: &'static [Column], name: &str) -> Result<&'static Column, Failure> {
    let plain = |name: &str| name.replace('_', "").to_lowercase();
    let found = match columns {
        [key, ..] if name.is_empty() => Some(key),
        _ => columns.iter().find(|column| plain(column.name) == plain(name)),
    };
    found.ok_or_else(|| Failure::mismatch(&format!("there is no field {name}")))
}

impl Column {
    /// The text as a value of this column.
    pub(super) fn parse(&self, text: &str) -> Result<Value, Failure> {
        let parsed = match self.holds {
            Type::Number => text.parse::<i32>().ok().map(Value::from),
            Type::Text => Some(Value::from(text)),
            Type::Date if text.len() == "yyyy-mm-dd".len() => Some(Value::from(format!("{text}T00:00:00Z"))),
            Type::Date => Some(Value::from(text)),
            Type::Flag => match text.to_lowercase().as_str() {
                "true" | "1" => Some(Value::Bool(true)),
                "false" | "0" => Some(Value::Bool(false)),
                _ => None,
            },
        };
        parsed.ok_or_else(|| Failure::unconvertible(&format!("{}: {text}", self.name)))
    }

    /// How a record's value compares with another; texts have no case.
    pub(super) fn compare(&self, record: &Record, other: &Value) -> Ordering {
        let own = record.get(self.member).unwrap_or(&Value::Null);
        match self.holds {
            Type::Number => own.as_i64().cmp(&other.as_i64()),
            Type::Text | Type::Date => lower(own).cmp(lower(other)),
            Type::Flag => own.as_bool().cmp(&other.as_bool()),
        }
    }
}

fn lower(value: &Value) -> impl Iterator<Item = char> {
    value.as_str().unwrap_or("").chars().flat_map(char::to_lowercase)
}
