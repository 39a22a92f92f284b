//! The reason that a row is given back with, and that is left out when the row is sent again.

use std::fmt;

use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

/// The name of the column and of the key that holds the reason. No field is called so by those who send.
pub(super) const NOTE: &str = "_error";
/// The key of what could not be read as an object, in a file of what failed.
const TEXT: &str = "_line";

/// An object's members in their order, the same key twice included.
struct Members(Vec<(String, Box<RawValue>)>);

/// The object without the note, as it is where it has none, or where it is no object: others judge that.
pub(super) fn without(object: Bytes) -> Bytes {
    if !object.windows(NOTE.len()).any(|bytes| bytes == NOTE.as_bytes()) {
        return object;
    }
    let Ok(Members(mut members)) = serde_json::from_slice(&object) else { return object };
    members.retain(|(name, _)| name != NOTE);
    serde_json::to_vec(&Members(members)).map_or(object, Bytes::from)
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
    fn an_object_is_given_back_on_one_line_and_read_again_without_its_note() {
        let given = with(b"{\n \"a\" : [\n1 ],\r\n\"_error\": \"old\"}", "it's \"bad\"");
        assert_eq!(given, r#"{"a":[ 1 ],"_error":"it's \"bad\""}"#);
        assert_eq!(without_note(&given), r#"{"a":[ 1 ]}"#);
        assert_eq!(with(b"{\"a\":\xff", "why"), "{\"_line\":\"{\\\"a\\\":\u{fffd}\",\"_error\":\"why\"}");
    }
}
