//! The reason that a row is given back with, and that is left out when the row is sent again.

use std::fmt;

use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

/// The name of the column and of the key that holds the reason. No field is called so by those who send.
pub(super) const NOTE: &str = "_error";
/// What a row that does not fit its header has besides. It is not empty, because empty cells at the end of a row are left
/// out by programs that show tables.
pub(super) const SURPLUS: &str = "remove this cell when the row is right";
/// The key of what could not be read as an object, in a file of what failed.
const TEXT: &str = "_line";

/// An object's members in their order, the same key twice included.
struct Members(Vec<(String, Box<RawValue>)>);

/// The object without the note, as it is where it has none, or where it is no object: others judge that.
pub(super) fn without(object: Bytes) -> Bytes {
    if !may_have_one(&object) {
        return object;
    }
    let Ok(Members(mut members)) = serde_json::from_slice(&object) else { return object };
    members.retain(|(name, _)| name != NOTE);
    serde_json::to_vec(&Members(members)).map_or(object, Bytes::from)
}

/// Whether it is worth reading for a note: most objects have none.
fn may_have_one(object: &[u8]) -> bool {
    object.windows(NOTE.len()).any(|bytes| bytes == NOTE.as_bytes())
}

/// The reason why the row at this line failed.
pub(super) fn of_row(line: u64, why: &str) -> String {
    format!("line {line}: {why}")
}

/// Whether a cell begins as [`of_row`] does.
pub(super) fn is_of_row(cell: &[u8]) -> bool {
    let Some(rest) = cell.strip_prefix(b"line ") else { return false };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    digits > 0 && rest[digits..].starts_with(b": ")
}

/// Whether what was added to a row that failed has got into the place of a value, because cells before it were taken out.
pub(super) fn is_astray(object: &[u8]) -> bool {
    if !may_have_one(object) {
        return false;
    }
    let Ok(Members(members)) = serde_json::from_slice(object) else { return false };
    let begins_a_text =
        |text: &str| text.split('"').any(|piece| piece == SURPLUS || is_of_row(piece.as_bytes()));
    members.iter().any(|(name, _)| name == NOTE)
        && members.iter().any(|(name, value)| name != NOTE && begins_a_text(value.get()))
}

/// The object on one line, with the note; what is none becomes the text of one.
pub(super) fn with(object: &[u8], why: &str) -> String {
    let note = RawValue::from_string(serde_json::Value::from(why).to_string());
    let members = serde_json::from_slice(object).unwrap_or_else(|_| {
        let text = serde_json::Value::from(String::from_utf8_lossy(object));
        Members(
            RawValue::from_string(text.to_string()).map(|text| (TEXT.to_owned(), text)).into_iter().collect(),
        )
    });
    let mut members = members;
    members.0.retain(|(name, _)| name != NOTE);
    members.0.extend(note.map(|note| (NOTE.to_owned(), note)));
    // In valid JSON, a line end is never within a string.
    serde_json::to_string(&members).unwrap_or_default().replace(['\r', '\n'], " ")
}

impl Serialize for Members {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Members, D::Error> {
        deserializer.deserialize_map(ReadMembers)
    }
}

struct ReadMembers;

impl<'de> Visitor<'de> for ReadMembers {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without_note(text: &str) -> String {
        String::from_utf8(without(Bytes::copy_from_slice(text.as_bytes())).to_vec()).unwrap()
    }

    #[test]
    fn the_note_is_left_out_and_nothing_else_is_changed() {
        for (sent, rest) in [
            (r#"{"a":1,"_error":"x","b":[1.50, null]}"#, r#"{"a":1,"b":[1.50, null]}"#),
            (r#"{"_error":null}"#, "{}"),
            (r#"{"a":1,"_error":1,"a":2}"#, r#"{"a":1,"a":2}"#),
        ] {
            assert_eq!(without_note(sent), rest);
        }
        for same in [r#"{ "a" : "_error" }"#, r#"{"_errors":1}"#, r#"["_error"]"#, r#"{"_error":"#, "{}"] {
            assert_eq!(without_note(same).replace(' ', ""), same.replace(' ', ""));
        }
    }

    #[test]
    fn a_note_is_known_in_the_place_of_a_value_and_nothing_else_is_taken_for_one() {
        let note = of_row(3, "no \"such\" value | none");
        let of =
            |value: serde_json::Value| serde_json::json!({"a": "x", "b": value, "_error": "z"}).to_string();
        for value in [
            serde_json::json!(note),
            serde_json::json!([note]),
            serde_json::json!({"en": note}),
            SURPLUS.into(),
        ] {
            assert!(is_astray(of(value.clone()).as_bytes()), "{value}");
        }
        for value in ["", "line 3", "line : a", "Line 3: a", "on line 3: a", "line x: a"] {
            assert!(!is_astray(of(value.into()).as_bytes()), "{value}");
        }
        let elsewhere = serde_json::json!({"a": note}).to_string();
        assert!(!is_astray(elsewhere.as_bytes()), "what never failed has no note");
        assert!(!is_astray(serde_json::json!({"a": "x", "_error": note}).to_string().as_bytes()));
    }

    #[test]
    fn an_object_is_given_back_on_one_line_and_read_again_without_its_note() {
        let given = with(b"{\n \"a\" : [\n1 ],\r\n\"_error\": \"old\"}", "it's \"bad\"");
        assert_eq!(given, r#"{"a":[ 1 ],"_error":"it's \"bad\""}"#);
        assert_eq!(without_note(&given), r#"{"a":[ 1 ]}"#);
        assert_eq!(with(b"{\"a\":\xff", "why"), "{\"_line\":\"{\\\"a\\\":\u{fffd}\",\"_error\":\"why\"}");
    }
}
