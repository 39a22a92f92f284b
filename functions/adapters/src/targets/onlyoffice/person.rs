//! A person as a portal shows them: what is compared with an update, and what has to be resent with one because the portal
//! would reset it otherwise.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::contacts::{self, Contact};
use super::mapping::Wanted;

/// The bit of `status` that says that a person has left.
const TERMINATED: u64 = 2;

/// A person who was read. It holds personal data and is never shown.
pub(super) struct Person {
    pub(super) id: Uuid,
    profile: Map<String, Value>,
    contacts: Vec<Contact>,
}

/// What of an update a person does not have.
pub(super) struct Missing {
    pub(super) contacts: Vec<&'static str>,
    /// Those that can be written.
    pub(super) fields: Vec<&'static str>,
    /// Those that LDAP or SSO has the say about.
    pub(super) synced: Vec<&'static str>,
}

impl Missing {
    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.contacts.len() + self.fields.len() + self.synced.len()
    }

    /// What is left to LDAP or SSO, as a sentence behind the target's name.
    pub(super) fn left(&self) -> Option<String> {
        let left = || format!("leaves {} of this person to LDAP or SSO", self.synced.join(", "));
        (!self.synced.is_empty()).then(left)
    }
}

impl Person {
    /// Reads the `response` of an answer; `None` where it is no person.
    pub(super) fn read(response: &Value) -> Option<Person> {
        let profile = response.as_object()?;
        let id = Uuid::parse_str(profile.get("id")?.as_str()?).ok()?;
        let contacts = match profile.get("contacts") {
            None | Some(Value::Null) => Vec::new(),
            Some(contacts) => serde_json::from_value(contacts.clone()).ok()?,
        };
        Some(Person { id, profile: profile.clone(), contacts })
    }

    /// Whether the person has left.
    pub(super) fn is_disabled(&self) -> bool {
        let status = self.profile.get("status").and_then(Value::as_u64);
        let has_left = self.profile.get("terminated").is_some_and(|terminated| !terminated.is_null());
        status.map_or(has_left, |status| status & TERMINATED != 0)
    }

    /// The e-mail address; `None` where we may not see it, and then neither the contacts.
    pub(super) fn email(&self) -> Option<&str> {
        self.profile.get("email").and_then(Value::as_str)
    }

    /// What of this the person does not have.
    pub(super) fn missing(&self, wanted: &Wanted<'_>) -> Missing {
        let is = |name| self.profile.get(name).and_then(Value::as_bool).unwrap_or(false);
        let is_synced = is("isLDAP") || is("isSSO");
        let contacts = wanted.contacts.iter().filter(|wanted| !wanted.is_in(&self.contacts));
        let fields = wanted.fields.iter().filter(|(field, text)| !field.is_in(&self.profile, text));
        let (synced, fields): (Vec<_>, Vec<_>) =
            fields.map(|(field, _)| *field).partition(|field| is_synced && field.is_synced);
        Missing {
            contacts: contacts.map(|wanted| wanted.kind).collect(),
            fields: fields.iter().map(|field| field.name).collect(),
            synced: synced.iter().map(|field| field.name).collect(),
        }
    }

    /// The body of the contacts call, with everything that is not wanted otherwise. `Err` says after the target's name why
    /// nothing may be written.
    pub(super) fn contacts_body(&self, wanted: &Wanted<'_>) -> Result<Value, &'static str> {
        Ok(json!({ "contacts": contacts::merged(&self.contacts, &wanted.contacts)? }))
    }

    /// The body of the profile call: the missing fields, and all that it would reset if it was not sent along.
    pub(super) fn profile_body(&self, wanted: &Wanted<'_>, missing: &Missing) -> Result<Value, &'static str> {
        let mut body = self.contacts_body(wanted)?;
        let unreadable = "shows this person in a way that we do not understand";
        let is_visitor = self.profile.get("isVisitor").and_then(Value::as_bool).ok_or(unreadable)?;
        body["isVisitor"] = json!(is_visitor);
        match self.profile.get("lead") {
            None | Some(Value::Null) => {}
            Some(lead) => {
                let id = lead.as_str().or_else(|| lead.get("id")?.as_str());
                body["lead"] = json!(id.ok_or(unreadable)?);
            }
        }
        for (field, text) in &wanted.fields {
            if missing.fields.contains(&field.name) {
                body[field.name] = field.written(text);
            }
        }
        Ok(body)
    }
}
