//! Values as they come in: checked against their attribute, properly spelt, without what is unassigned.
//! After this file a user holds only what the schema allows, so nothing that follows needs to ask again.

use serde_json::{Map, Value};

use super::answers::Refused;
use super::schema::{Attribute, Extras, Shape, find};

/// What is wrong with a value; each names the attribute.
#[derive(Debug)]
pub(super) enum Wrong {
    Unknown(String),
    Type(String),
    ReadOnly(String),
    SeveralPrimary(String),
}

/// What happens to a value for an attribute that is read-only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadOnly {
    Ignored,
    Refused,
}

impl Wrong {
    /// As a call that sends a whole user is told: there is no path that could be wrong.
    pub(super) fn in_user(self) -> Refused {
        match self {
            Wrong::Unknown(name) => {
                Refused::bad("invalidSyntax", format!("{name} is not part of the schema."))
            }
            Wrong::Type(_) | Wrong::ReadOnly(_) | Wrong::SeveralPrimary(_) => self.in_patch(),
        }
    }

    /// As a PATCH is told.
    pub(super) fn in_patch(self) -> Refused {
        match self {
            Wrong::Unknown(name) => Refused::bad("invalidPath", format!("{name} is not part of the schema.")),
            Wrong::Type(name) => {
                Refused::bad("invalidValue", format!("The value of {name} is not of its type."))
            }
            Wrong::ReadOnly(name) => Refused::bad("mutability", format!("{name} is read-only.")),
            Wrong::SeveralPrimary(name) => {
                Refused::bad("invalidValue", format!("{name} has more than one primary value."))
            }
        }
    }
}

/// A value of an attribute, a list included; `None` is unassigned (null and the empty list are).
pub(super) fn whole(
    attribute: &Attribute,
    name: &str,
    value: &Value,
    read_only: ReadOnly,
) -> Result<Option<Value>, Wrong> {
    if !attribute.many {
        return one(attribute, name, value, read_only);
    }
    let items = match value {
        Value::Null => return Ok(None),
        Value::Array(items) => items,
        _ => return Err(Wrong::Type(name.to_owned())),
    };
    let items = items.iter().filter_map(|item| one(attribute, name, item, read_only).transpose());
    let items: Vec<Value> = items.collect::<Result<_, _>>()?;
    if items.iter().filter(|item| is_primary(item)).count() > 1 {
        return Err(Wrong::SeveralPrimary(name.to_owned()));
    }
    Ok((!items.is_empty()).then_some(Value::Array(items)))
}

/// One value: of a list one of its items.
pub(super) fn one(
    attribute: &Attribute,
    name: &str,
    value: &Value,
    read_only: ReadOnly,
) -> Result<Option<Value>, Wrong> {
    match (attribute.shape, value) {
        (_, Value::Null) => Ok(None),
        (Shape::Any, Value::Array(items)) if items.is_empty() => Ok(None),
        (Shape::Any, _) | (Shape::Text, Value::String(_)) | (Shape::Flag, Value::Bool(_)) => {
            Ok(Some(value.clone()))
        }
        (Shape::Complex(_), Value::Object(members)) => {
            let mut read = Map::new();
            for (key, value) in members {
                let member = attribute.member(key).ok_or_else(|| Wrong::Unknown(key.clone()))?;
                if !member.is_read_only() {
                    read.extend(
                        whole(member, member.name, value, read_only)?
                            .map(|value| (member.name.to_owned(), value)),
                    );
                } else if read_only == ReadOnly::Refused {
                    return Err(Wrong::ReadOnly(member.name.to_owned()));
                }
            }
            Ok((!read.is_empty()).then_some(Value::Object(read)))
        }
        (Shape::Text | Shape::Flag | Shape::Complex(_), _) => Err(Wrong::Type(name.to_owned())),
    }
}

/// A whole user as one is sent, without what is read-only.
pub(super) fn user(sent: &Map<String, Value>, extras: &Extras) -> Result<Map<String, Value>, Wrong> {
    let mut read = Map::new();
    for (key, value) in sent {
        let (name, attribute) = find(key, extras).ok_or_else(|| Wrong::Unknown(key.clone()))?;
        if !attribute.is_read_only() {
            let value = whole(attribute, name, value, ReadOnly::Ignored)?;
            read.extend(value.map(|value| (name.to_owned(), value)));
        }
    }
    Ok(read)
}

/// Whether an item of a list is its primary one.
pub(super) fn is_primary(item: &Value) -> bool {
    item.get("primary") == Some(&Value::Bool(true))
}
