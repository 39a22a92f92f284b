//! A person update object, read straight from the caller's bytes: no tree is built, each value is checked against its
//! field while it is parsed, and every finding is collected, in order.

mod written;

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::finding::{FindingCode, Findings};
use crate::person::{Identifier, Named, Who};
use crate::profile::{Field, FieldType, Profile, Source};
use crate::shown::Shown;
use crate::time::is_date;

pub use written::write;

/// The most bytes of one person update object: 256 KiB.
pub const MAX_UPDATE_BYTES: usize = 256 * 1024;

/// The most people that one field of type `PersonIdentifier` can name: each has to be looked up.
pub const MAX_REFERENCES: usize = 200;

/// One field to be set or reset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The field's name.
    pub field: Arc<str>,
    /// Its type.
    pub kind: FieldType,
    /// What it becomes.
    pub value: Value,
}

/// What a field becomes. `Debug` shows the shape alone, never a value.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing: null, or an empty list, was sent.
    Reset,
    /// A text: also a date (`yyyy-MM-dd`) or a person's identifier.
    Text(String),
    /// A list of texts, not empty.
    Texts(Vec<String>),
    /// Language code and text, not empty.
    MultiLang(Vec<(String, String)>),
    /// A list of such, not empty.
    MultiLangs(Vec<Vec<(String, String)>>),
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Value::Reset => "Reset",
            Value::Text(_) => "Text(***)",
            Value::Texts(_) => "Texts(***)",
            Value::MultiLang(_) => "MultiLang(***)",
            Value::MultiLangs(_) => "MultiLangs(***)",
        })
    }
}

/// A person update object as it was understood. It is valid where there are no findings; then `who` is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadUpdate {
    /// Whom it names; `None` where it names nobody in a way that can be read.
    pub who: Option<Who>,
    /// The fields to set or reset, in the order sent.
    pub changes: Vec<Change>,
    /// What is wrong with it.
    pub findings: Findings,
}

/// Why an object could not be read at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Not valid JSON.
    #[error("not valid JSON")]
    NotJson,
    /// JSON with a string that is no Unicode text (a lone surrogate), or a number that is too large for any use.
    #[error("a string in it is no Unicode text, or a number is out of range")]
    Unrepresentable,
    /// JSON, but something else than an object.
    #[error("not a JSON object")]
    NotAnObject,
    /// Nested deeper than 64.
    #[error("nested deeper than 64")]
    TooDeep,
}

/// Reads one object. Its size is not looked at here.
pub fn read(profile: &Profile, json: &str) -> Result<ReadUpdate, Unreadable> {
    if !json.trim_start_matches([' ', '\t', '\r', '\n']).starts_with('{') {
        let is_json = serde_json::from_str::<IgnoredAny>(json).is_ok();
        return Err(if is_json { Unreadable::NotAnObject } else { Unreadable::NotJson });
    }
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let reader = ObjectReader { profile, names: [Name::Absent, Name::Absent], update: ReadUpdate::default() };
    let update = deserializer.deserialize_map(reader).map_err(|_| {
        let is_json = serde_json::from_str::<IgnoredAny>(json).is_ok();
        if is_json { Unreadable::Unrepresentable } else { Unreadable::NotJson }
    })?;
    deserializer.end().map_err(|_| Unreadable::NotJson)?;
    Ok(update)
}

/// What one of the two identifiers turned out to be.
enum Name {
    Absent,
    Invalid,
    Given { written: Shown, identifier: Identifier },
}

const UPN: usize = 0;
const EMPLOYEE_ID: usize = 1;

struct ObjectReader<'p> {
    profile: &'p Profile,
    names: [Name; 2],
    update: ReadUpdate,
}

impl<'de> Visitor<'de> for ObjectReader<'_> {
    type Value = ReadUpdate;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a person update object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<ReadUpdate, A::Error> {
        let mut seen = vec![0_u32; self.profile.fields().len() + 2];
        let mut unknown: HashMap<String, u32> = HashMap::new();
        self.update.changes.reserve(map.size_hint().unwrap_or(32).min(self.profile.fields().len()));
        while let Some(key) = map.next_key_seed(Text)? {
            let slot = match key.as_ref() {
                "userPrincipalName" => UPN,
                "employeeId" => EMPLOYEE_ID,
                name => match self.profile.position(name) {
                    Some(position) => position + 2,
                    None => {
                        map.next_value::<IgnoredAny>()?;
                        let times = unknown.entry(name.to_owned()).or_default();
                        *times += 1;
                        self.unknown(name, *times);
                        continue;
                    }
                },
            };
            seen[slot] += 1;
            if seen[slot] > 1 {
                map.next_value::<IgnoredAny>()?;
                self.again(&key, seen[slot]);
            } else if slot <= EMPLOYEE_ID {
                self.names[slot] = map.next_value_seed(NameReader(slot))?;
                if matches!(self.names[slot], Name::Invalid) {
                    self.update.findings.entry(FindingCode::InvalidIdentifier).add(&key, || None);
                }
            } else {
                self.field(slot - 2, &mut map)?;
            }
        }
        Ok(self.finish())
    }
}

impl ObjectReader<'_> {
    fn unknown(&mut self, name: &str, times: u32) {
        if times == 1 {
            self.update.findings.entry(FindingCode::UnknownFields).add(name, || self.profile.nearest(name));
        } else {
            self.again(name, times);
        }
    }

    /// A key that is there a third time is still one duplicate.
    fn again(&mut self, name: &str, times: u32) {
        if times == 2 {
            self.update.findings.entry(FindingCode::DuplicateFields).add(name, || None);
        }
    }

    fn field<'de, A: MapAccess<'de>>(&mut self, position: usize, map: &mut A) -> Result<(), A::Error> {
        let field = &self.profile.fields()[position];
        if field.source != Source::Api {
            map.next_value::<IgnoredAny>()?;
            self.update.findings.entry(FindingCode::NotUpdatable).add(&field.name, || None);
            return Ok(());
        }
        match map.next_value_seed(ValueReader::of(field))? {
            Some(value) => {
                self.update.changes.push(Change { field: Arc::clone(&field.name), kind: field.kind, value });
            }
            None => self.update.findings.entry(FindingCode::InvalidValues).add(&field.name, || None),
        }
        Ok(())
    }

    fn finish(mut self) -> ReadUpdate {
        self.update.who = match self.names {
            [Name::Absent, Name::Absent] => {
                self.update.findings.entry(FindingCode::NoPersonIdentifier);
                None
            }
            [Name::Given { written, identifier: upn }, Name::Given { identifier: employee_id, .. }] => {
                Some(Who { written, named: Named::ByBoth { upn, employee_id } })
            }
            [Name::Given { written, identifier }, _] | [_, Name::Given { written, identifier }] => {
                Some(Who { written, named: Named::By(identifier) })
            }
            _ => None,
        };
        self.update
    }
}

/// A key or a string, borrowed from the input where it has no escapes.
struct Text;

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Text {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

/// The visitor methods for JSON values of another type than the wanted one: each is read to its end and answered with
/// the given result, because a wrong type is a finding, not an error.
macro_rules! other_types {
    ($wrong:expr; $($kind:ident)*) => { $(other_types!(@ $kind $wrong);)* };
    (@ scalars $wrong:expr) => {
        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> { Ok($wrong) }
        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> { Ok($wrong) }
        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> { Ok($wrong) }
        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> { Ok($wrong) }
    };
    (@ map $wrong:expr) => {
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok($wrong)
        }
    };
    (@ seq $wrong:expr) => {
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            Ok($wrong)
        }
    };
}

struct NameReader(usize);

impl<'de> DeserializeSeed<'de> for NameReader {
    type Value = Name;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Name, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for NameReader {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an identifier")
    }

    fn visit_str<E>(self, text: &str) -> Result<Name, E> {
        let identifier = if self.0 == UPN { Identifier::upn(text) } else { Identifier::employee_id(text) };
        Ok(match identifier {
            Ok(Some(identifier)) => Name::Given { written: Shown::new(text), identifier },
            Ok(None) => Name::Absent,
            Err(_) => Name::Invalid,
        })
    }

    fn visit_unit<E>(self) -> Result<Name, E> {
        Ok(Name::Absent)
    }

    other_types!(Name::Invalid; scalars map seq);
}

/// Reads the value of one field: `None` where it is not of the field's type.
#[derive(Clone, Copy)]
struct ValueReader {
    kind: FieldType,
    is_list: bool,
}

impl ValueReader {
    fn of(field: &Field) -> ValueReader {
        ValueReader { kind: field.kind, is_list: field.is_list }
    }

    fn accepts(self, text: &str) -> bool {
        match self.kind {
            FieldType::String | FieldType::Email | FieldType::Phone | FieldType::Link => true,
            FieldType::Date => is_date(text),
            FieldType::PersonIdentifier => Who::either(text).is_ok(),
            FieldType::MultiLang | FieldType::File => false,
        }
    }
}

impl<'de> DeserializeSeed<'de> for ValueReader {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<Value>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueReader {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's value")
    }

    fn visit_unit<E>(self) -> Result<Option<Value>, E> {
        Ok((self.kind != FieldType::File).then_some(Value::Reset))
    }

    fn visit_str<E>(self, text: &str) -> Result<Option<Value>, E> {
        Ok((!self.is_list && self.accepts(text)).then(|| Value::Text(text.to_owned())))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<Value>, A::Error> {
        let mut valid = !self.is_list && self.kind == FieldType::MultiLang;
        let mut texts: Vec<(String, String)> = Vec::new();
        while let Some(language) = map.next_key_seed(Text)? {
            let text = map.next_value_seed(ValueReader { kind: FieldType::String, is_list: false })?;
            let is_code = language.len() == 2 && language.bytes().all(|byte| byte.is_ascii_lowercase());
            match text {
                Some(Value::Text(text)) if is_code && texts.iter().all(|(known, _)| *known != language) => {
                    texts.push((language.into_owned(), text));
                }
                _ => valid = false,
            }
        }
        Ok((valid && !texts.is_empty()).then_some(Value::MultiLang(texts)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Option<Value>, A::Error> {
        let element = ValueReader { is_list: false, ..self };
        let most = if self.kind == FieldType::PersonIdentifier { MAX_REFERENCES } else { usize::MAX };
        let (mut valid, mut texts, mut languages) =
            (self.is_list && self.kind != FieldType::File, vec![], vec![]);
        while let Some(value) = seq.next_element_seed(element)? {
            match value {
                Some(Value::Text(text)) if texts.len() < most => texts.push(text),
                Some(Value::MultiLang(text)) => languages.push(text),
                _ => valid = false,
            }
        }
        Ok(valid.then_some(match (texts.is_empty(), languages.is_empty()) {
            (true, true) => Value::Reset,
            (false, _) => Value::Texts(texts),
            (true, false) => Value::MultiLangs(languages),
        }))
    }

    other_types!(None; scalars);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile() -> Profile {
        let entry = |name: &str, kind: &str, rest: &str| {
            format!(r#"{{"name":"{name}","fieldType":"{kind}",{rest}}}"#)
        };
        let api = r#""source":"Api""#;
        let list = r#""source":"Api","isList":true"#;
        let entries = [
            entry("joinDate", "Date", api),
            entry("firstName", "String", api),
            entry("phone", "Phone", api),
            entry("skills", "String", list),
            entry("jobTitle", "MultiLang", api),
            entry("titles", "MultiLang", list),
            entry("manager", "PersonIdentifier", api),
            entry("staffMembers", "PersonIdentifier", list),
            entry("contract", "File", api),
            entry("salary", "File", list),
            entry("nickname", "String", r#""source":"User""#),
            entry("displayName", "String", r#""source":"Entra""#),
        ];
        Profile::parse(format!("[{}]", entries.join(",")).as_bytes()).unwrap()
    }

    /// The findings of an object that names joe and has these members besides.
    fn findings(members: &str) -> String {
        let json = format!(r#"{{"userPrincipalName":"joe@company.com",{members}}}"#);
        shown(&read(&profile(), &json).unwrap())
    }

    fn shown(update: &ReadUpdate) -> String {
        update.findings.clone().into_vec().iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ")
    }

    fn value(members: &str) -> Value {
        let json = format!(r#"{{"employeeId":"7",{members}}}"#);
        let update = read(&profile(), &json).unwrap();
        assert_eq!(shown(&update), "", "{members}");
        update.changes.into_iter().next().unwrap().value
    }

    #[test]
    fn values_of_each_type_are_read() {
        assert!(value(r#""joinDate":"2023-11-01""#) == Value::Text("2023-11-01".into()));
        assert!(value(r#""firstName":"""#) == Value::Text(String::new()));
        assert!(value(r#""firstName":"J\u00f6rg\n""#) == Value::Text("Jörg\n".into()));
        assert!(value(r#""phone":"any text""#) == Value::Text("any text".into()));
        assert!(value(r#""skills":["a",""]"#) == Value::Texts(vec!["a".into(), String::new()]));
        assert!(value(r#""jobTitle":{"en":"x"}"#) == Value::MultiLang(vec![("en".into(), "x".into())]));
        assert!(
            value(r#""titles":[{"en":"x"}]"#) == Value::MultiLangs(vec![vec![("en".into(), "x".into())]])
        );
        assert!(value(r#""manager":"100200302""#) == Value::Text("100200302".into()));
    }

    #[test]
    fn null_resets_any_field_and_an_empty_list_resets_a_list() {
        for members in [
            r#""joinDate":null"#,
            r#""skills":null"#,
            r#""skills":[]"#,
            r#""titles":[]"#,
            r#""jobTitle":null"#,
        ] {
            assert!(value(members) == Value::Reset, "{members}");
        }
    }

    #[test]
    fn a_value_of_another_type_is_a_finding() {
        for members in [
            r#""joinDate":"""#,
            r#""joinDate":"2023-02-29""#,
            r#""joinDate":20231101"#,
            r#""joinDate":{}"#,
            r#""joinDate":["2023-11-01"]"#,
            r#""firstName":1"#,
            r#""firstName":true"#,
            r#""firstName":1.5"#,
            r#""firstName":[]"#,
            r#""firstName":{"a":[1,{}]}"#,
            r#""skills":"a""#,
            r#""skills":[null]"#,
            r#""skills":["a",1]"#,
            r#""skills":[["a"]]"#,
            r#""skills":{"a":"b"}"#,
            r#""jobTitle":{}"#,
            r#""jobTitle":"x""#,
            r#""jobTitle":{"EN":"x"}"#,
            r#""jobTitle":{"eng":"x"}"#,
            r#""jobTitle":{"en":null}"#,
            r#""jobTitle":{"en":"x","en":"y"}"#,
            r#""jobTitle":[{"en":"x"}]"#,
            r#""titles":{"en":"x"}"#,
            r#""titles":["x"]"#,
            r#""titles":[{}]"#,
            r#""manager":7"#,
            r#""manager":" ""#,
            r#""staffMembers":"a@b.c""#,
            r#""staffMembers":[""]"#,
            r#""contract":"x""#,
            r#""contract":null"#,
            r#""salary":[]"#,
        ] {
            let name = members.split('"').nth(1).unwrap();
            assert_eq!(findings(members), format!("InvalidValues: '{name}'"), "{members}");
        }
    }

    #[test]
    fn a_field_names_at_most_200_people() {
        let list = |count: usize| format!(r#""staffMembers":[{}]"#, vec!["\"a@b.c\""; count].join(","));
        assert_eq!(findings(&list(200)), "");
        assert_eq!(findings(&list(201)), "InvalidValues: 'staffMembers'");
    }

    #[test]
    fn findings_are_joined_in_their_order_and_names_in_the_order_sent() {
        assert_eq!(
            findings(
                r#""z":1,"skills":1,"nickname":"x","b":2,"joinDate":"","displayName":"y","z":3,"skills":[]"#
            ),
            "UnknownFields: 'z', 'b' | NotUpdatable: 'nickname', 'displayName' | DuplicateFields: 'z', 'skills' | InvalidValues: 'skills', 'joinDate'"
        );
    }

    #[test]
    fn a_key_that_is_there_three_times_is_one_duplicate() {
        assert_eq!(findings(r#""phone":"1","phone":"2","phone":"3""#), "DuplicateFields: 'phone'");
        assert_eq!(findings(r#""userPrincipalName":"x@y.z""#), "DuplicateFields: 'userPrincipalName'");
    }

    #[test]
    fn three_hundred_unknown_fields_are_counted() {
        let members: Vec<_> = (0..300).map(|n| format!(r#""f{n}":{n}"#)).collect();
        let findings = findings(&members.join(","));
        assert!(
            findings.starts_with("UnknownFields: 'f0', 'f1', ") && findings.ends_with("'f19' and 280 more"),
            "{findings}"
        );
    }

    fn who(json: &str) -> (Option<String>, String) {
        let update = read(&profile(), json).unwrap();
        (update.who.as_ref().map(|who| who.written.as_str().to_owned()), shown(&update))
    }

    #[test]
    fn null_and_blank_identifiers_are_absent() {
        let nobody = "NoPersonIdentifier: Neither 'userPrincipalName' nor 'employeeId' is provided.";
        for json in ["{}", r#"{"employeeId":null}"#, r#"{"employeeId":"","userPrincipalName":" "}"#] {
            assert_eq!(who(json), (None, nobody.into()), "{json}");
        }
        assert_eq!(
            who(r#"{"employeeId":"","userPrincipalName":"a@b.c"}"#),
            (Some("a@b.c".into()), String::new())
        );
    }

    #[test]
    fn the_upn_is_shown_where_both_are_given() {
        let json = r#"{"employeeId":"7","userPrincipalName":"Joe@Company.com"}"#;
        assert_eq!(who(json), (Some("Joe@Company.com".into()), String::new()));
        assert!(matches!(read(&profile(), json).unwrap().who.unwrap().named, Named::ByBoth { .. }));
    }

    #[test]
    fn an_identifier_that_is_no_string_or_too_long_is_invalid() {
        for value in ["7", "7.0", "true", "[]", "{}", &format!("\"{}\"", "x".repeat(257))] {
            let json = format!(r#"{{"employeeId":{value}}}"#);
            assert_eq!(who(&json), (None, "InvalidIdentifier: 'employeeId'".into()), "{json}");
        }
        assert_eq!(who(&format!(r#"{{"employeeId":"{}"}}"#, "x".repeat(256))).1, "");
    }

    #[test]
    fn what_is_no_object_or_no_json_is_told_apart() {
        for json in ["1", "null", "[]", "\"x\"", " true "] {
            assert_eq!(read(&profile(), json).unwrap_err(), Unreadable::NotAnObject, "{json}");
        }
        for json in ["", "{", "{]", "x", "{\"a\":1,}", "{} {}", "[1,]", "{\"firstName\":\"a\nb\"}"] {
            assert_eq!(read(&profile(), json).unwrap_err(), Unreadable::NotJson, "{json}");
        }
    }

    #[test]
    fn json_that_no_type_can_hold_is_told_apart() {
        for json in [r#"{"firstName":"\ud800"}"#, r#"{"firstName":1e999}"#] {
            assert_eq!(read(&profile(), json).unwrap_err(), Unreadable::Unrepresentable, "{json}");
        }
    }

    #[test]
    fn invalid_identifiers_are_listed_in_the_order_sent() {
        let both = who(r#"{"employeeId":1,"userPrincipalName":2}"#);
        assert_eq!(both, (None, "InvalidIdentifier: 'employeeId', 'userPrincipalName'".into()));
    }

    #[test]
    fn a_value_is_never_shown_by_debug() {
        assert!(!format!("{:?}", read(&profile(), r#"{"employeeId":"7","phone":"+49 1"}"#)).contains("+49"));
    }
}
