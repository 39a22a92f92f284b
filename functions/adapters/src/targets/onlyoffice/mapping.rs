//! What an update comes to: contacts of some types, and fields of the profile. What breaks a limit of the portal is refused
//! here, before anything of the update is sent.

use std::borrow::Cow;

use people_core::ports::PersonUpdate;

use super::contacts::{self, check_value, type_named};
use super::fields::{Field, Rule};
use crate::targets::mapping::{Mapping, Properties};
use crate::targets::transform::{Sent, Shape};

/// How the name of a property begins that is a contact; its type follows.
const CONTACTS: &str = "contacts.";
/// What a profile has that no update may set: it is resent as it was read, or left alone.
const KEPT: [&str; 7] = ["department", "contacts", "isVisitor", "lead", "disable", "files", "id"];

/// Where a field goes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    /// To the contacts of this type.
    Contact(&'static str),
    /// To a field of the profile.
    Field(&'static Field),
}

/// What a person is to have.
pub(super) struct Wanted<'a> {
    pub(super) contacts: Vec<contacts::Wanted<'a>>,
    pub(super) fields: Vec<(&'static Field, Cow<'a, str>)>,
}

impl<'a> Wanted<'a> {
    /// What is wanted by an update. `Err` says in a sentence without values why it must not be sent.
    pub(super) fn of(mapping: &'a Mapping<Place>, update: &'a PersonUpdate) -> Result<Wanted<'a>, String> {
        let mut wanted = Wanted { contacts: Vec::new(), fields: Vec::new() };
        for (place, value) in mapping.values(update)? {
            let text = match value {
                Sent::Reset => None,
                Sent::Text(text) => Some(text),
                Sent::Texts(_) => return Err(format!("{} is one text", place.name())),
            };
            match *place {
                Place::Contact(kind) => {
                    text.as_deref().map_or(Ok(()), |text| check_value(kind, text))?;
                    wanted.contacts.push(contacts::Wanted { kind, value: text });
                }
                Place::Field(field) => wanted.fields.push((field, field.send(text)?)),
            }
        }
        Ok(wanted)
    }

    /// Whether there is no doubt that the contacts are stored as they are sent. What the answer to a write shows has not
    /// been stored yet.
    pub(super) fn is_plain(&self) -> bool {
        let values = self.contacts.iter().filter_map(|wanted| wanted.value.as_deref());
        values.into_iter().all(|value| value.trim() == value && !value.contains(char::is_control))
    }
}

impl Place {
    fn name(self) -> String {
        match self {
            Place::Contact(kind) => format!("{CONTACTS}{kind}"),
            Place::Field(field) => field.name.to_owned(),
        }
    }
}

/// What ONLYOFFICE has, as far as it can be mapped.
pub(super) struct Rules;

impl Properties for Rules {
    type Place = Place;

    fn place(&self, property: &str, shape: Shape) -> Result<Place, String> {
        let place = match property.strip_prefix(CONTACTS) {
            Some(kind) => Place::Contact(type_named(kind)?),
            None if property == "email" => {
                return Err("email is an identifier and is never written".to_owned());
            }
            None if KEPT.contains(&property) => return Err(format!("{property} is never written")),
            None => Place::Field(
                Field::named(property).ok_or_else(|| format!("ONLYOFFICE has no property '{property}'"))?,
            ),
        };
        let takes_dates = match place {
            Place::Contact(_) => false,
            Place::Field(field) => matches!(field.rule, Rule::Text(_) | Rule::Date),
        };
        let is_date = matches!(place, Place::Field(Field { rule: Rule::Date, .. }));
        match shape {
            Shape::Texts | Shape::People => {
                Err(format!("a list does not fit {property}: \"first\" or \"join\" makes one text of it"))
            }
            Shape::Date if !takes_dates => Err(format!("a Date does not fit {property}")),
            Shape::Text | Shape::Person if is_date => {
                Err(format!("{property} takes a Date, without any other step"))
            }
            Shape::Date | Shape::Text | Shape::Person => Ok(place),
        }
    }

    fn takes(&self, place: &Place, text: &str) -> Result<(), String> {
        match *place {
            Place::Contact(kind) => check_value(kind, text),
            Place::Field(field) => field.send(Some(text.into())).map(drop),
        }
    }
}
