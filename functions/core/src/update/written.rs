//! A person update object as JSON again: what is kept of an update that has not arrived.

use super::{Change, Value};
use crate::person::Identifier;

/// Writes an object that [`read`](super::read) understands as this person and these changes, as long as the profile has their fields.
pub fn write<'a>(identifiers: impl Iterator<Item = &'a Identifier>, changes: &[Change]) -> String {
    let who = identifiers.map(|identifier| {
        let key = match identifier {
            Identifier::EmployeeId(_) => "employeeId",
            Identifier::Upn(_) => "userPrincipalName",
        };
        (key, identifier.as_str().into())
    });
    let fields = changes.iter().map(|change| (&*change.field, json(&change.value)));
    // By hand, because a map would not keep the order, in which logs name the fields.
    let members: Vec<_> = who
        .chain(fields)
        .map(|(key, value): (&str, serde_json::Value)| format!("{}:{value}", serde_json::Value::from(key)))
        .collect();
    format!("{{{}}}", members.join(","))
}

fn json(value: &Value) -> serde_json::Value {
    let in_languages = |texts: &Vec<(String, String)>| {
        let texts = texts.iter().map(|(language, text)| (language.clone(), text.as_str().into()));
        serde_json::Value::Object(texts.collect())
    };
    match value {
        Value::Reset => serde_json::Value::Null,
        Value::Text(text) => text.as_str().into(),
        Value::Texts(texts) => texts.as_slice().into(),
        Value::MultiLang(texts) => in_languages(texts),
        Value::MultiLangs(list) => list.iter().map(in_languages).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Profile;
    use crate::update::read;

    #[test]
    fn what_is_written_is_read_as_the_same() {
        let profile = Profile::parse(
            br#"[{"name":"phone","fieldType":"Phone","source":"Api"},
                {"name":"skills","fieldType":"String","source":"Api","isList":true},
                {"name":"title","fieldType":"MultiLang","source":"Api"},
                {"name":"titles","fieldType":"MultiLang","source":"Api","isList":true},
                {"name":"manager","fieldType":"PersonIdentifier","source":"Api"}]"#,
        )
        .unwrap();
        for fields in [
            r#""phone":"a\"b","skills":["x","y"],"title":{"en":"E"},"titles":[{"en":"E"},{"de":"D"}]"#,
            r#""manager":"joe@x.y","phone":null,"skills":null,"title":null"#,
        ] {
            let update = read(&profile, &format!(r#"{{"employeeId":"7",{fields}}}"#)).unwrap();
            let who = update.who.clone().unwrap();
            let again = read(&profile, &write(who.identifiers(), &update.changes)).unwrap();
            assert_eq!(again, update);
        }
    }
}
