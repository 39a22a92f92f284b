//! What a user has at a SCIM server, as far as it may be mapped: RFC 7643's own attributes, and the extensions that the
//! administrator names. What names a person, switches one off or stands for a whole list is not among them.

use std::collections::HashMap;
use std::sync::Arc;

use super::settings::{EmployeeId, Identifiers, Upn};
use crate::targets::mapping::Properties;
use crate::targets::transform::Shape;

/// The extension that RFC 7643 itself defines for people in a company.
pub(super) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
/// The member of it that names another user.
const MANAGER: &str = "manager";
/// The member of it that may hold the employeeId.
pub(super) const EMPLOYEE_NUMBER: &str = "employeeNumber";

/// Attributes that are one text.
const TEXTS: [&str; 8] =
    ["displayName", "nickName", "profileUrl", "title", "userType", "preferredLanguage", "locale", "timezone"];
/// The members of `name`.
const NAME: [&str; 6] =
    ["formatted", "familyName", "givenName", "middleName", "honorificPrefix", "honorificSuffix"];
/// The members of the enterprise extension that are one text.
const COMPANY: [&str; 5] = [EMPLOYEE_NUMBER, "costCenter", "organization", "division", "department"];

/// A list whose items have a type.
struct List {
    name: &'static str,
    types: &'static [&'static str],
    members: &'static [&'static str],
}

/// The lists whose items may be mapped, with the types that RFC 7643 names.
static LISTS: [List; 5] = [
    List { name: "emails", types: &["work", "home", "other"], members: &["value"] },
    List {
        name: "phoneNumbers",
        types: &["work", "home", "mobile", "fax", "pager", "other"],
        members: &["value"],
    },
    List {
        name: "ims",
        types: &["aim", "gtalk", "icq", "xmpp", "msn", "skype", "qq", "yahoo"],
        members: &["value"],
    },
    List { name: "photos", types: &["photo", "thumbnail"], members: &["value"] },
    List {
        name: "addresses",
        types: &["work", "home", "other"],
        members: &["formatted", "streetAddress", "locality", "region", "postalCode", "country"],
    },
];

/// Where a value goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// As it is configured, and as a PATCH names it.
    pub(super) path: Arc<str>,
    pub(super) at: At,
}

/// Where that is in a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum At {
    /// A text, under one name or two.
    Text(Vec<Arc<str>>),
    /// A member of the item of this type in this list.
    Typed { list: &'static str, kind: &'static str, member: &'static str },
    /// The manager: an object with the id of a user.
    Manager,
    /// A list of texts, all of which is the value.
    Texts(Vec<Arc<str>>),
}

/// What a member of an extension takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    Text,
    Texts,
    Person,
    People,
}

impl Takes {
    /// Reads what the configuration says.
    pub(super) fn parse(text: &str) -> Option<Takes> {
        match text {
            "text" => Some(Takes::Text),
            "texts" => Some(Takes::Texts),
            "person" => Some(Takes::Person),
            "people" => Some(Takes::People),
            _ => None,
        }
    }

    fn fits(self, shape: Shape) -> bool {
        match shape {
            Shape::Text | Shape::Date => self == Takes::Text,
            Shape::Person => self == Takes::Person,
            Shape::Texts => self == Takes::Texts,
            Shape::People => self == Takes::People,
        }
    }

    fn told(self) -> &'static str {
        match self {
            Takes::Text => "one text",
            Takes::Texts => "a list of texts",
            Takes::Person => "a person, as a PersonIdentifier without \"person\" is",
            Takes::People => "a list of people, as a list of PersonIdentifiers without \"person\" is",
        }
    }
}

/// Whether it is a name that an attribute may have (RFC 7643, 2.1).
pub(super) fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "$-_".contains(c))
}

/// What may be mapped at one server.
pub(super) struct Rules<'a> {
    pub(super) identifiers: Identifiers,
    pub(super) extensions: &'a HashMap<String, HashMap<String, Takes>>,
}

impl Rules<'_> {
    fn is_identifier(&self, property: &str) -> bool {
        match property {
            "userName" | "externalId" | "id" => true,
            _ if property.starts_with("emails") => self.identifiers.user_principal_name == Some(Upn::Emails),
            _ => {
                self.identifiers.employee_id == Some(EmployeeId::EmployeeNumber)
                    && member_of(property, ENTERPRISE) == Some(EMPLOYEE_NUMBER)
            }
        }
    }

    fn at(&self, property: &str) -> Option<(At, Takes)> {
        let one = |at| Some((at, Takes::Text));
        if TEXTS.contains(&property) {
            return one(At::Text(vec![property.into()]));
        }
        if let Some(member) = property.strip_prefix("name.").filter(|member| NAME.contains(member)) {
            return one(At::Text(vec!["name".into(), member.into()]));
        }
        if let Some(typed) = typed(property) {
            return one(typed);
        }
        match member_of(property, ENTERPRISE) {
            Some(MANAGER) => return Some((At::Manager, Takes::Person)),
            Some(member) if COMPANY.contains(&member) => {
                return one(At::Text(vec![ENTERPRISE.into(), member.into()]));
            }
            Some(_) | None => {}
        }
        self.extensions.iter().find_map(|(urn, members)| {
            let member = member_of(property, urn)?;
            let takes = *members.get(member)?;
            let steps = vec![urn.as_str().into(), member.into()];
            let at = match takes {
                Takes::Text | Takes::Person => At::Text(steps),
                Takes::Texts | Takes::People => At::Texts(steps),
            };
            Some((at, takes))
        })
    }
}

impl Properties for Rules<'_> {
    type Place = Place;

    fn place(&self, property: &str, shape: Shape) -> Result<Place, String> {
        if property == "active" {
            return Err("active is not written: no mapping may switch people off".to_owned());
        }
        if self.is_identifier(property) {
            return Err(format!("{property} is an identifier and is never written"));
        }
        let (at, takes) = self.at(property).ok_or_else(|| unknown(property))?;
        if !takes.fits(shape) {
            return Err(format!("a {shape:?} does not fit {property}, which takes {}", takes.told()));
        }
        Ok(Place { path: property.into(), at })
    }

    /// Some servers keep an empty text and some take it for none: with those every update would differ.
    fn takes(&self, place: &Place, text: &str) -> Result<(), String> {
        match text {
            "" => Err(format!("{} takes no empty text", place.path)),
            _ => Ok(()),
        }
    }
}

fn unknown(property: &str) -> String {
    let list = LISTS.iter().find(|list| property.starts_with(list.name));
    match list {
        Some(list) => format!(
            "of {} one item is mapped: {0}[type eq \"TYPE\"].MEMBER, with a type of {} and a member of {}",
            list.name,
            list.types.join(", "),
            list.members.join(", ")
        ),
        None if property.starts_with("urn:") => {
            format!(
                "no extension has the member '{property}'; other ones than the enterprise's are named in \"extensions\""
            )
        }
        None => format!("a SCIM user has no property '{property}' that may be mapped"),
    }
}

/// The member of an extension that a path names.
fn member_of<'a>(path: &'a str, urn: &str) -> Option<&'a str> {
    path.strip_prefix(urn)?.strip_prefix(':')
}

/// Reads `list[type eq "TYPE"].MEMBER`, in exactly this form.
fn typed(path: &str) -> Option<At> {
    let (name, rest) = path.split_once("[type eq \"")?;
    let (kind, member) = rest.split_once("\"].")?;
    let list = LISTS.iter().find(|list| list.name == name)?;
    let kind = list.types.iter().find(|known| **known == kind)?;
    let member = list.members.iter().find(|known| **known == member)?;
    Some(At::Typed { list: list.name, kind, member })
}
