//! A person's contacts as a list of types and values. Every write replaces the whole list, so what an update does not name
//! has to go along, and has to survive the way in which it is stored.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::fields::unstorable;

/// The types that an update may set (targets.md, 3.4), in the only spelling that a portal recognises.
const TYPES: [&str; 18] = [
    "mail",
    "facebook",
    "myspace",
    "livejournal",
    "twitter",
    "yahoo",
    "jabber",
    "blogger",
    "skype",
    "msn",
    "aim",
    "telegram",
    "icq",
    "gmail",
    "gbuzz",
    "gtalk",
    "phone",
    "mobphone",
];

/// The most characters of all contacts together, a separator after each type and each value.
const COLUMN: usize = 1024;

/// One entry of the list.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Contact {
    #[serde(rename = "type", default)]
    pub(super) kind: Option<String>,
    #[serde(default)]
    pub(super) value: Option<String>,
}

/// What the contacts of one type become: the first of them this value, or none of them is left.
#[derive(Clone)]
pub(super) struct Wanted<'a> {
    pub(super) kind: &'static str,
    pub(super) value: Option<Cow<'a, str>>,
}

/// The type of this name, if updates may set it; else why not.
pub(super) fn type_named(name: &str) -> Result<&'static str, String> {
    let known = TYPES.into_iter().find(|known| *known == name);
    known.ok_or_else(|| match name.starts_with("ext") {
        true => format!("contacts.{name} is filled from LDAP and is never written"),
        false => format!("ONLYOFFICE has no contact type '{name}'; all of them are in lower case"),
    })
}

/// Whether a contact may have this value; `Err` is a sentence without it.
pub(super) fn check_value(kind: &str, value: &str) -> Result<(), String> {
    if value.is_empty() {
        return Err(format!("contacts.{kind} cannot be empty; null removes it"));
    }
    if value.contains('|') {
        return Err(format!("contacts.{kind} cannot have a |"));
    }
    if unstorable(value) {
        return Err(format!("contacts.{kind} has a character that cannot be stored there"));
    }
    if value.chars().count() + kind.len() + 2 > COLUMN {
        return Err(format!("contacts.{kind} is too long"));
    }
    Ok(())
}

impl Contact {
    fn is_of(&self, kind: &str) -> bool {
        self.kind.as_deref() == Some(kind)
    }

    /// Type and value, where they are read back as they are written.
    fn storable(&self) -> Option<[&str; 2]> {
        let parts = [self.kind.as_deref()?, self.value.as_deref()?];
        let fits = |part: &&str| !part.is_empty() && !part.contains('|') && !unstorable(part);
        parts.iter().all(fits).then_some(parts)
    }
}

impl Wanted<'_> {
    /// Whether these contacts are already so.
    pub(super) fn is_in(&self, contacts: &[Contact]) -> bool {
        let first = contacts.iter().find(|contact| contact.is_of(self.kind));
        match &self.value {
            Some(value) => first.is_some_and(|first| first.value.as_deref() == Some(value)),
            None => first.is_none(),
        }
    }

    fn enter(&self, contacts: &mut Vec<Contact>) {
        let Some(value) = self.value.as_deref().map(str::to_owned) else {
            return contacts.retain(|contact| !contact.is_of(self.kind));
        };
        match contacts.iter_mut().find(|contact| contact.is_of(self.kind)) {
            Some(first) => first.value = Some(value),
            None => contacts.push(Contact { kind: Some(self.kind.to_owned()), value: Some(value) }),
        }
    }
}

/// The whole list to be written: what is wanted, and everything else as it was, in its order. `Err` says after the target's
/// name why it must not be written.
pub(super) fn merged(known: &[Contact], wanted: &[Wanted<'_>]) -> Result<Vec<Contact>, &'static str> {
    let mut contacts = known.to_vec();
    wanted.iter().for_each(|wanted| wanted.enter(&mut contacts));
    let mut length = 0;
    for contact in &contacts {
        let Some(parts) = contact.storable() else {
            return Err("has a contact of this person that would not survive if it was saved again");
        };
        length += parts.iter().map(|part| part.chars().count() + 1).sum::<usize>();
    }
    if length > COLUMN {
        return Err("has no room for all contacts of this person: they have 1024 characters in all");
    }
    Ok(contacts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Vec<Contact> {
        let pairs = text.split(' ').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap());
        let text = |text: &str| Some(text.to_owned());
        pairs.map(|(kind, value)| Contact { kind: text(kind), value: text(value) }).collect()
    }

    fn merge(known: &str, wanted: &[(&'static str, Option<&str>)]) -> String {
        let wanted: Vec<_> = wanted
            .iter()
            .map(|(kind, value)| Wanted { kind, value: value.map(|value| value.to_owned().into()) })
            .collect();
        let merged = merged(&list(known), &wanted).unwrap_or_else(|why| panic!("{why}"));
        let shown = |contact: &Contact| {
            format!("{}={}", contact.kind.clone().unwrap(), contact.value.clone().unwrap())
        };
        assert!(wanted.iter().all(|wanted| wanted.is_in(&merged)));
        merged.iter().map(shown).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_is_not_named_stays_where_it_is() {
        let known = "skype=s phone=1 Custom=c phone=2 extmail=e";
        assert_eq!(merge(known, &[("phone", Some("9"))]), "skype=s phone=9 Custom=c phone=2 extmail=e");
        assert_eq!(merge(known, &[("phone", None)]), "skype=s Custom=c extmail=e");
        assert_eq!(merge(known, &[("icq", Some("7"))]), format!("{known} icq=7"));
        assert_eq!(merge(known, &[("icq", None)]), known);
        assert_eq!(merge("phone=1", &[("phone", None)]), "");
    }

    #[test]
    fn what_would_not_survive_is_not_written() {
        let full = |length| Contact { kind: Some("a".to_owned()), value: Some("ä".repeat(length)) };
        assert!(merged(&[full(1021)], &[]).is_ok());
        assert!(merged(&[full(1022)], &[]).is_err());
        for broken in ["phone=1|2", "=1", "phone=", "phone=\u{1f389}", "a|b=1"] {
            assert!(merged(&list(broken), &[]).is_err(), "{broken}");
        }
        assert!(merged(&[Contact { kind: Some("phone".to_owned()), value: None }], &[]).is_err());
    }

    #[test]
    fn a_value_is_checked_to_the_last_character() {
        assert!(check_value("phone", &"1".repeat(1017)).is_ok());
        assert!(check_value("phone", &"1".repeat(1018)).is_err());
        assert!(check_value("phone", "\u{ffff}").is_ok());
        for wrong in ["", "|", "1|2", "\u{10000}"] {
            assert!(check_value("phone", wrong).is_err(), "{wrong}");
        }
    }
}
