//! A stored person, how a state spells one, and how the portal shows one.
//! What is derived from other members is never stored, so a state cannot contradict itself.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::contacts::Contacts;
use super::people::Group;
use crate::calls::now_ms;
use crate::switches::Switches;

/// Shown always, and stored with these values when a state does not say them.
const DEFAULTS: [(&str, Value); 10] = [
    ("userName", Value::Null),
    ("isVisitor", Value::Bool(false)),
    ("firstName", Value::Null),
    ("lastName", Value::Null),
    ("email", Value::Null),
    ("terminated", Value::Null),
    ("isAdmin", Value::Bool(false)),
    ("isLDAP", Value::Bool(false)),
    ("isOwner", Value::Bool(false)),
    ("isSSO", Value::Bool(false)),
];

/// Members of the answer that follow from others; a state may have them and nothing comes of it.
const DERIVED: [&str; 11] = [
    "displayName",
    "department",
    "avatar",
    "avatarMedium",
    "avatarSmall",
    "profileUrl",
    "quotaLimit",
    "usedSpace",
    "docsSpace",
    "mailSpace",
    "talkSpace",
];

/// Left out of the answer when there is nothing in them.
const OMITTED_WHEN_EMPTY: [&str; 9] =
    ["birthday", "sex", "workFrom", "location", "notes", "lead", "title", "cultureName", "mobilePhone"];

/// Not shown to a caller who may not view private data; the e-mail becomes null.
const PRIVATE: [&str; 3] = ["contacts", "mobilePhone", "mobilePhoneActivationStatus"];

/// Active, and terminated.
pub(super) const ACTIVE: u64 = 1;
pub(super) const TERMINATED: u64 = 2;

/// A stored person.
#[derive(Debug, Clone)]
pub(super) struct Person {
    pub(super) id: Uuid,
    /// Under the server's names, apart from the id, the groups and the contacts.
    fields: Map<String, Value>,
    pub(super) groups: Vec<Uuid>,
    pub(super) contacts: Contacts,
    /// Milliseconds since 1970.
    pub(super) changed: i64,
}

impl Person {
    /// Reads a person of a state.
    pub(super) fn parse(value: &Value) -> Result<Self, String> {
        let members = value.as_object().ok_or("a person is an object")?;
        let id = members.get("id").and_then(Value::as_str).and_then(|id| Uuid::parse_str(id).ok());
        let id = id.ok_or("a person needs an id, a GUID")?;
        let defaults = DEFAULTS.into_iter().map(|(name, value)| (name.to_owned(), value));
        let mut fields: Map<String, Value> = defaults.collect();
        fields.insert("status".to_owned(), json!(ACTIVE));
        fields.insert("activationStatus".to_owned(), json!(1));
        let stored = |name: &str| !DERIVED.contains(&name) && !["id", "groups", "contacts"].contains(&name);
        let sent = members.iter().filter(|(name, value)| stored(name) && !value.is_null());
        fields.extend(sent.map(|(name, value)| (name.clone(), value.clone())));
        let mut person = Person {
            id,
            fields,
            groups: parse_groups(members.get("groups").unwrap_or(&Value::Null))?,
            contacts: Contacts::parse(members.get("contacts").unwrap_or(&Value::Null))?,
            changed: now_ms(),
        };
        if person.text("userName").is_empty() {
            let before_at = person.text("email").split('@').next().unwrap_or_default().to_owned();
            person.set("userName", json!(before_at));
        }
        Ok(person)
    }

    /// A field's text; empty when there is none.
    pub(super) fn text(&self, name: &str) -> &str {
        self.fields.get(name).and_then(Value::as_str).unwrap_or("")
    }

    /// Whether a field is true.
    pub(super) fn is(&self, name: &str) -> bool {
        self.fields.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    /// Sets a field. Null is nothing: the field is gone, unless it is one that is always there.
    pub(super) fn set(&mut self, name: &str, value: Value) {
        if value.is_null() && !DEFAULTS.iter().any(|(always, _)| *always == name) {
            self.fields.remove(name);
        } else {
            self.fields.insert(name.to_owned(), value);
        }
    }

    /// Whether one of a switch's identifiers is this person: an id, a user name or an e-mail, in any case.
    pub(super) fn is_listed(&self, switches: &Switches, switch: &str) -> bool {
        let listed = switches.value(switch).as_array().into_iter().flatten().filter_map(Value::as_str);
        let id = self.id.to_string();
        let own = [id.as_str(), self.text("userName"), self.text("email")].map(str::to_lowercase);
        listed.map(str::to_lowercase).any(|identifier| !identifier.is_empty() && own.contains(&identifier))
    }

    /// Active, terminated or on leave, as the portal numbers them.
    pub(super) fn status(&self, switches: &Switches) -> u64 {
        let stored = self.fields.get("status").and_then(Value::as_u64).unwrap_or(ACTIVE);
        if self.is_listed(switches, "suspended") { TERMINATED } else { stored }
    }

    /// Everything stored. The names of the groups and the department are there to be read.
    pub(super) fn state(&self, groups: &[Group]) -> Value {
        let mut members = self.fields.clone();
        members.insert("id".to_owned(), json!(self.id.to_string()));
        members.insert("contacts".to_owned(), self.contacts.to_json());
        members.insert("groups".to_owned(), self.groups_shown(groups).map(Group::to_json).collect());
        members.insert("department".to_owned(), json!(self.department(groups)));
        Value::Object(members)
    }

    /// The profile as an answer has it, apart from the caller's choice of members.
    pub(super) fn shown(
        &self,
        groups: &[Group],
        may_view_private: bool,
        switches: &Switches,
    ) -> Map<String, Value> {
        let mut members = self.fields.clone();
        let user_name = self.text("userName");
        let photo = |size| json!(format!("/skins/default/images/default_user_photo_size_{size}.png"));
        let derived = [
            ("id", json!(self.id.to_string())),
            ("displayName", json!(format!("{} {}", self.text("firstName"), self.text("lastName")).trim())),
            ("status", json!(self.status(switches))),
            ("isSSO", json!(self.is("isSSO") || self.is_listed(switches, "sso"))),
            ("avatar", photo("200-200")),
            ("avatarMedium", photo("48-48")),
            ("avatarSmall", photo("32-32")),
            ("profileUrl", json!(format!("/products/people/profile.aspx?user={user_name}"))),
        ];
        members.extend(derived.map(|(name, value)| (name.to_owned(), value)));
        for space in ["quotaLimit", "usedSpace", "docsSpace", "mailSpace", "talkSpace"] {
            members.insert(space.to_owned(), json!(0));
        }
        if self.groups_shown(groups).next().is_some() {
            members.insert("groups".to_owned(), self.groups_shown(groups).map(Group::to_json).collect());
            members.insert("department".to_owned(), json!(self.department(groups)));
        }
        if !self.contacts.is_empty() {
            members.insert("contacts".to_owned(), self.contacts.to_json());
        }
        members.retain(|name, value| {
            !OMITTED_WHEN_EMPTY.contains(&name.as_str()) || !(value.is_null() || *value == json!(""))
        });
        if !may_view_private {
            members.retain(|name, _| !PRIVATE.contains(&name.as_str()));
            members.insert("email".to_owned(), Value::Null);
        }
        members
    }

    fn groups_shown<'a>(&'a self, groups: &'a [Group]) -> impl Iterator<Item = &'a Group> {
        self.groups.iter().filter_map(|id| groups.iter().find(|group| group.id == *id))
    }

    fn department(&self, groups: &[Group]) -> String {
        self.groups_shown(groups).map(|group| group.name.as_str()).collect::<Vec<_>>().join(", ")
    }
}

/// Ids of groups, or the groups as an answer has them.
fn parse_groups(value: &Value) -> Result<Vec<Uuid>, String> {
    let parse = |group: &Value| Uuid::parse_str(group.as_str().or_else(|| group.get("id")?.as_str())?).ok();
    let groups = match value {
        Value::Null => Some(Vec::new()),
        _ => value.as_array().and_then(|groups| groups.iter().map(parse).collect()),
    };
    groups.ok_or_else(|| "groups are a list of GUIDs, or of {\"id\"}".to_owned())
}
