//! What becomes of a field's value on its way into a property: the few steps that `targets.json` may ask for. They say what
//! is wanted, not how it is done, so all of them are checked when the configuration is read.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use people_core::ports::{PersonUpdate, Reference};
use people_core::profile::{Field, FieldType, Source};
use people_core::update::{Change, Value};
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::config::Pairs;
use super::date_format::DateFormat;

/// Where a field goes, as `targets.json` writes it: the name of a property, or an object with `to` and the steps on the way,
/// in the order in which they are taken. A reset stays a reset, whatever the steps are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Wanted {
    /// The property.
    pub(super) to: String,
    /// Of a `MultiLang`, the text in the first of these languages that it has.
    #[serde(default, deserialize_with = "not_null")]
    language: Option<Languages>,
    /// Of a person whom the value names, this identifier; else it is what the target calls the person.
    #[serde(default, deserialize_with = "not_null")]
    person: Option<PersonAs>,
    /// The text that stands for a text; there are no other ones.
    #[serde(default, deserialize_with = "not_null")]
    values: Option<Values>,
    /// A date, written so.
    #[serde(default, deserialize_with = "not_null")]
    date_format: Option<DateFormat>,
    /// Of a list, the first.
    #[serde(default)]
    first: bool,
    /// Of a list, all, with this between them.
    #[serde(default, deserialize_with = "not_null")]
    join: Option<String>,
    /// This, whatever the value is.
    #[serde(default, deserialize_with = "not_null")]
    constant: Option<String>,
}

/// A step that is null is refused: whoever writes it means something, and leaving the step out would send something else.
fn not_null<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// The wanted languages, the best one first.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Languages(Vec<String>);

/// Which text stands for which.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Values(BTreeMap<String, String>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum PersonAs {
    EmployeeId,
    UserPrincipalName,
}

/// Reads a name alone, or an object.
pub(super) struct Written(pub(super) Wanted);

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Written, D::Error> {
        deserializer.deserialize_any(WrittenVisitor).map(Written)
    }
}

struct WrittenVisitor;

impl<'de> Visitor<'de> for WrittenVisitor {
    type Value = Wanted;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a property, or an object with \"to\"")
    }

    fn visit_str<E: Error>(self, to: &str) -> Result<Wanted, E> {
        Ok(Wanted { to: to.to_owned(), ..Wanted::default() })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Wanted, A::Error> {
        Wanted::deserialize(MapAccessDeserializer::new(map))
    }
}

impl<'de> Deserialize<'de> for Languages {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Languages, D::Error> {
        deserializer.deserialize_any(LanguagesVisitor).map(Languages)
    }
}

struct LanguagesVisitor;

impl<'de> Visitor<'de> for LanguagesVisitor {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the code of a language, or a list of such")
    }

    fn visit_str<E: Error>(self, code: &str) -> Result<Vec<String>, E> {
        Ok(vec![code.to_owned()])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Vec<String>, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(seq))
    }
}

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Values, D::Error> {
        let pairs = Pairs::<String>::deserialize(deserializer)?;
        let mut values = BTreeMap::new();
        for (text, counterpart) in pairs.0 {
            if values.contains_key(&text) {
                return Err(D::Error::custom(format!("'{text}' is there twice in \"values\"")));
            }
            values.insert(text, counterpart);
        }
        if values.is_empty() { Err(D::Error::custom("\"values\" is empty")) } else { Ok(Values(values)) }
    }
}

/// What a value is after the steps, as far as a property has to know it beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// A text.
    Text,
    /// A date: a text `yyyy-MM-dd`.
    Date,
    /// What the target calls a person.
    Person,
    /// A list of texts or dates.
    Texts,
    /// A list of what the target calls people.
    People,
}

/// What a property becomes. `Debug` shows the shape alone, never a value.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Sent<'a> {
    /// Nothing.
    Reset,
    /// A text, or a person.
    Text(Cow<'a, str>),
    /// A list of them, not empty.
    Texts(Vec<Cow<'a, str>>),
}

impl fmt::Debug for Sent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Sent::Reset => "Reset",
            Sent::Text(_) => "Text(***)",
            Sent::Texts(_) => "Texts(***)",
        })
    }
}

impl Wanted {
    /// What a value of this field is after the steps; `Err` is what is wrong with the steps, or with writing the field at all.
    pub(super) fn shape(&self, field: &Field) -> Result<Shape, String> {
        let (name, kind) = (&field.name, field.kind);
        if field.source != Source::Api {
            return Err(format!("'{name}' is set by somebody else: its source is {:?}", field.source));
        }
        if kind == FieldType::File {
            return Err(format!("'{name}' is a File, which no target takes"));
        }
        if self.constant.is_some() {
            let alone = Wanted { to: self.to.clone(), constant: self.constant.clone(), ..Wanted::default() };
            return if *self == alone {
                Ok(Shape::Text)
            } else {
                Err("\"constant\" goes with no other step".into())
            };
        }
        let only = |step: &str, is_there: bool, fits: bool, of: &str| {
            let wrong = is_there && !fits;
            if wrong { Err(format!("\"{step}\" is for {of}, and '{name}' is none")) } else { Ok(()) }
        };
        let (is_multi, is_person) = (kind == FieldType::MultiLang, kind == FieldType::PersonIdentifier);
        only("language", self.language.is_some(), is_multi, "a MultiLang")?;
        only("person", self.person.is_some(), is_person, "a PersonIdentifier")?;
        only("dateFormat", self.date_format.is_some(), kind == FieldType::Date, "a Date")?;
        only("first", self.first, field.is_list, "a list")?;
        only("join", self.join.is_some(), field.is_list, "a list")?;
        if is_multi && !self.language.as_ref().is_some_and(Languages::are_codes) {
            return Err(format!("'{name}' is a MultiLang: \"language\" says which text of it, \"en\" say"));
        }
        let is_native = is_person && self.person.is_none();
        if is_native && (self.values.is_some() || self.join.is_some()) {
            return Err(format!("'{name}' is a PersonIdentifier: \"person\" says which identifier is meant"));
        }
        if self.first && self.join.is_some() {
            return Err("\"first\" and \"join\" exclude each other".to_owned());
        }
        if self.values.is_some() && self.date_format.is_some() {
            return Err("\"values\" and \"dateFormat\" exclude each other".to_owned());
        }
        let is_date = kind == FieldType::Date && self.date_format.is_none() && self.values.is_none();
        Ok(match field.is_list && !self.first {
            true if self.join.is_some() => Shape::Text,
            true if is_native => Shape::People,
            true => Shape::Texts,
            false if is_native => Shape::Person,
            false if is_date => Shape::Date,
            false => Shape::Text,
        })
    }

    /// The texts that the steps themselves bring in, a long and a short date among them; a property has to take all.
    pub(super) fn texts(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let counterparts = self.values.iter().flat_map(|values| values.0.values());
        let texts = self.constant.iter().chain(counterparts).map(|text| Cow::Borrowed(text.as_str()));
        let dates = ["1999-12-31", "2001-01-01"];
        let dates = self.date_format.iter().flat_map(move |format| dates.map(|date| format.write(date)));
        texts.chain(dates.flatten().map(Cow::Owned))
    }

    /// What is sent for a change of an update. `Err` says in a sentence without values why nothing can be.
    pub(super) fn apply<'a>(
        &'a self,
        change: &'a Change,
        update: &'a PersonUpdate,
    ) -> Result<Sent<'a>, String> {
        let one = |text: &'a str| self.one(text, change, update);
        match (&change.value, &self.constant) {
            (Value::Reset, _) => Ok(Sent::Reset),
            (_, Some(constant)) => Ok(Sent::Text(constant.into())),
            (Value::Text(text), None) => one(text).map(Sent::Text),
            (Value::MultiLang(texts), None) => self.pick(texts, change).and_then(one).map(Sent::Text),
            (Value::Texts(texts), None) => self.list(texts.iter().map(|text| one(text))),
            (Value::MultiLangs(all), None) => {
                self.list(all.iter().map(|texts| self.pick(texts, change).and_then(one)))
            }
        }
    }

    fn list<'a>(&self, all: impl Iterator<Item = Result<Cow<'a, str>, String>>) -> Result<Sent<'a>, String> {
        let mut all = all;
        if self.first {
            return Ok(all.next().transpose()?.map_or(Sent::Reset, Sent::Text));
        }
        let all = all.collect::<Result<Vec<_>, _>>()?;
        Ok(match &self.join {
            Some(between) => Sent::Text(all.join(between.as_str()).into()),
            None => Sent::Texts(all),
        })
    }

    fn pick<'a>(&self, texts: &'a [(String, String)], change: &Change) -> Result<&'a str, String> {
        let wanted = self.language.iter().flat_map(|languages| &languages.0);
        let mut found = wanted.filter_map(|code| texts.iter().find(|(language, _)| language == code));
        let none = || format!("{} has no text in the language that is wanted there", change.field);
        found.next().map(|(_, text)| text.as_str()).ok_or_else(none)
    }

    fn one<'a>(
        &'a self,
        text: &'a str,
        change: &Change,
        update: &'a PersonUpdate,
    ) -> Result<Cow<'a, str>, String> {
        let field = &change.field;
        let text = match change.kind {
            FieldType::PersonIdentifier => self.person_of(update.people.get(text), field)?,
            _ => text,
        };
        if let Some(values) = &self.values {
            let missing = || format!("{field} has a value that has no counterpart there");
            return values.0.get(text).map(|text| text.as_str().into()).ok_or_else(missing);
        }
        match &self.date_format {
            Some(format) => format.write(text).map(Cow::Owned).ok_or_else(|| format!("{field} is no date")),
            None => Ok(Cow::Borrowed(text)),
        }
    }

    fn person_of<'a>(&self, person: Option<&'a Reference>, field: &str) -> Result<&'a str, String> {
        let (text, what) = match self.person {
            None => {
                (person.and_then(|person| person.key.as_ref()).map(|key| &key.0), "who is not known there")
            }
            Some(PersonAs::EmployeeId) => {
                (person.and_then(|person| person.employee_id.as_ref()), "whose employeeId is not known")
            }
            Some(PersonAs::UserPrincipalName) => {
                (person.and_then(|person| person.upn.as_ref()), "whose userPrincipalName is not known")
            }
        };
        text.map(String::as_str).ok_or_else(|| format!("{field} names a person {what}"))
    }
}

impl Languages {
    /// Whether there is one at least, and each could be a key of a `MultiLang`.
    fn are_codes(&self) -> bool {
        let is_code = |code: &String| code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_lowercase());
        !self.0.is_empty() && self.0.iter().all(is_code)
    }
}

#[cfg(test)]
mod tests;
