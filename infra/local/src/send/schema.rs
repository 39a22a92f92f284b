//! What the columns of a CSV mean, by the schema that the API gives of a person update: which fields are lists, and which
//! have a text for each language. Nothing is judged by it; that is left to the API.

use people_core::profile::Profile;
use serde_json::{Value, json};

use crate::failure::{Doing, Failure};

/// The fields of a schema. An identifier is none.
pub(super) fn profile(schema: &[u8]) -> Result<Profile, Failure> {
    let schema: Value = serde_json::from_slice(schema).doing("read what a person update may hold")?;
    let none = || Failure("the server does not say what a person update may hold: is --to right?".to_owned());
    let properties = schema["properties"].as_object().ok_or_else(none)?;
    let fields: Vec<_> = properties
        .iter()
        .filter(|(_, field)| field["$ref"] != "#/$defs/Identifier")
        .map(|(name, field)| definition(name, field))
        .collect();
    Profile::parse(Value::from(fields).to_string().as_bytes()).doing("read what a person update may hold")
}

fn definition(name: &str, field: &Value) -> Value {
    let is_list = field["type"].as_array().is_some_and(|types| types.contains(&"array".into()));
    let value = if is_list { &field["items"] } else { field };
    let kind = if value["$ref"] == "#/$defs/MultiLang" { "MultiLang" } else { "String" };
    json!({"name": name, "fieldType": kind, "source": "Api", "isList": is_list})
}

#[cfg(test)]
mod tests {
    use people_core::profile::{FieldType, Source};
    use people_core::profile_schema;

    use super::*;

    #[test]
    fn the_schema_of_the_sample_says_which_fields_are_lists_and_which_have_languages() {
        let sample = Profile::parse(include_bytes!("../../../profile-definition.json")).unwrap();
        let read = profile(profile_schema::print(&sample).as_bytes()).unwrap();
        let told = sample
            .fields()
            .iter()
            .filter(|field| field.source == Source::Api && field.kind != FieldType::File);
        let mut count = 0;
        for field in told {
            let found = read.field(&field.name).unwrap();
            assert_eq!(found.is_list, field.is_list, "{}", field.name);
            assert_eq!(
                found.kind == FieldType::MultiLang,
                field.kind == FieldType::MultiLang,
                "{}",
                field.name
            );
            count += 1;
        }
        assert_eq!(read.fields().len(), count);
    }

    #[test]
    fn what_is_no_schema_is_refused() {
        for text in ["", "[]", "{}", "<html>"] {
            assert!(profile(text.as_bytes()).is_err(), "{text}");
        }
    }
}
