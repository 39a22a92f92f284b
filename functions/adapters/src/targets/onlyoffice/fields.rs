//! The fields of a profile that an update may set, with their limits. One table, so that what is checked before it is sent,
//! what may be mapped and what is read back cannot differ.

use std::borrow::Cow;

use people_core::time::is_date;
use serde_json::{Map, Value};

/// The date that stands for none.
const NO_DATE: &str = "1900-01-01";

/// One field of a profile.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Field {
    /// Its name in a write.
    pub(super) name: &'static str,
    /// Its name in an answer.
    member: &'static str,
    pub(super) rule: Rule,
    /// Whether LDAP or SSO has the say about it, for those who come from there.
    pub(super) is_synced: bool,
}

/// Which values a field takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// A text of at most so many characters that cannot be cleared.
    Name(usize),
    /// A text of at most so many characters.
    Text(usize),
    /// "male" or "female"; it cannot be cleared.
    Sex,
    /// A day.
    Date,
}

/// Every field that an update may set (targets.md, 3.4 and 3.6).
static FIELDS: [Field; 8] = [
    synced("firstname", "firstName", Rule::Name(64)),
    synced("lastname", "lastName", Rule::Name(64)),
    synced("title", "title", Rule::Text(64)),
    synced("location", "location", Rule::Text(255)),
    own("comment", "notes", Rule::Text(512)),
    own("sex", "sex", Rule::Sex),
    own("birthday", "birthday", Rule::Date),
    own("worksfrom", "workFrom", Rule::Date),
];

const fn own(name: &'static str, member: &'static str, rule: Rule) -> Field {
    Field { name, member, rule, is_synced: false }
}

const fn synced(name: &'static str, member: &'static str, rule: Rule) -> Field {
    Field { name, member, rule, is_synced: true }
}

/// Whether there is a character in it that takes four bytes, which the database refuses, or a NUL.
pub(super) fn unstorable(text: &str) -> bool {
    text.chars().any(|c| c.len_utf8() > 3 || c == '\0')
}

impl Field {
    /// The field of this name, in exactly this spelling.
    pub(super) fn named(name: &str) -> Option<&'static Field> {
        FIELDS.iter().find(|field| field.name == name)
    }

    /// What the field becomes for a text, or for a reset (`None`): a date is `yyyy-MM-dd` here. `Err` is a sentence without
    /// the value.
    pub(super) fn send<'a>(&self, value: Option<Cow<'a, str>>) -> Result<Cow<'a, str>, String> {
        let name = self.name;
        let text = match (value, self.rule) {
            (Some(text), _) => text,
            (None, Rule::Text(_)) => Cow::Borrowed(""),
            (None, Rule::Date) => return Ok(Cow::Borrowed(NO_DATE)),
            (None, Rule::Name(_) | Rule::Sex) => return Err(format!("{name} cannot be cleared")),
        };
        let fault = match self.rule {
            Rule::Name(_) if text.trim().is_empty() => Some("cannot be empty".to_owned()),
            Rule::Name(most) | Rule::Text(most) if text.chars().count() > most => {
                Some(format!("has at most {most} characters"))
            }
            Rule::Name(_) | Rule::Text(_) if unstorable(&text) => {
                Some("has a character that cannot be stored there".to_owned())
            }
            Rule::Sex if !matches!(&*text, "male" | "female") => Some("is male or female".to_owned()),
            Rule::Date if !is_date(&text) => Some("takes a date".to_owned()),
            Rule::Date if *text <= *NO_DATE => Some(format!("takes a date after {NO_DATE}")),
            Rule::Name(_) | Rule::Text(_) | Rule::Sex | Rule::Date => None,
        };
        fault.map_or(Ok(text), |fault| Err(format!("{name} {fault}")))
    }

    /// How it is written into a body. A day has its midnight and no zone: a zone might move it to the day before.
    pub(super) fn written(&self, text: &str) -> Value {
        match self.rule {
            Rule::Name(_) | Rule::Text(_) | Rule::Sex => Value::from(text),
            Rule::Date => Value::from(format!("{text}T00:00:00")),
        }
    }

    /// Whether a profile that was read has this. What is empty is left out there.
    pub(super) fn is_in(&self, profile: &Map<String, Value>, text: &str) -> bool {
        let stored = profile.get(self.member).and_then(Value::as_str).unwrap_or("");
        match self.rule {
            Rule::Name(_) | Rule::Text(_) | Rule::Sex => stored == text,
            Rule::Date if text == NO_DATE => stored.is_empty() || stored.starts_with(NO_DATE),
            Rule::Date => stored.starts_with(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(name: &str, text: &str) -> bool {
        Field::named(name).unwrap().send(Some(text.into())).is_ok()
    }

    #[test]
    fn a_text_has_as_many_characters_as_its_column() {
        let columns =
            [("firstname", 64), ("lastname", 64), ("title", 64), ("location", 255), ("comment", 512)];
        for (name, most) in columns {
            assert!(takes(name, &"ä".repeat(most)), "{name}");
            assert!(!takes(name, &"ä".repeat(most + 1)), "{name}");
            assert!(!takes(name, "\u{1f389}"), "{name}");
        }
    }

    #[test]
    fn what_a_field_does_not_take_is_refused() {
        for (name, text) in [
            ("firstname", ""),
            ("lastname", " "),
            ("sex", ""),
            ("sex", "Male"),
            ("birthday", "1900-01-01"),
            ("birthday", "2023-02-29"),
            ("worksfrom", "today"),
        ] {
            assert!(!takes(name, text), "{name} {text}");
        }
        for (name, text) in [("sex", "female"), ("birthday", "1900-01-02"), ("title", ""), ("comment", "a|b")]
        {
            assert!(takes(name, text), "{name} {text}");
        }
    }

    #[test]
    fn a_reset_is_what_the_portal_takes_for_nothing() {
        let reset = |name| Field::named(name).unwrap().send(None).map(Cow::into_owned);
        for name in ["title", "location", "comment"] {
            assert_eq!(reset(name).as_deref(), Ok(""));
        }
        assert_eq!(reset("birthday").as_deref(), Ok(NO_DATE));
        assert_eq!(reset("lastname"), Err("lastname cannot be cleared".to_owned()));
        assert_eq!(reset("sex"), Err("sex cannot be cleared".to_owned()));
    }
}
