//! Every step on every kind of value, and every combination of steps that makes no sense: what it comes to, in words.

use std::collections::HashMap;
use std::sync::Arc;

use people_core::id::ImportId;
use people_core::person::NativeKey;
use people_core::profile::Profile;
use people_core::update;
use serde_json::{Value as Json, json};

use super::*;

/// A field of every type; those in `s` are lists.
fn profile() -> Profile {
    let entry = |name: &str, kind: &str, is_list: bool| {
        let source = if name == "nickname" { "User" } else { "Api" };
        json!({"name": name, "fieldType": kind, "source": source, "isList": is_list})
    };
    let entries = [
        entry("text", "String", false),
        entry("mail", "Email", false),
        entry("phone", "Phone", false),
        entry("link", "Link", false),
        entry("date", "Date", false),
        entry("title", "MultiLang", false),
        entry("person", "PersonIdentifier", false),
        entry("file", "File", false),
        entry("texts", "String", true),
        entry("titles", "MultiLang", true),
        entry("persons", "PersonIdentifier", true),
        entry("files", "File", true),
        entry("nickname", "String", false),
    ];
    Profile::parse(json!(entries).to_string().as_bytes()).unwrap()
}

/// Steps, as they are written beside "to".
fn wanted(mut steps: Json) -> Wanted {
    steps["to"] = json!("X");
    serde_json::from_str::<Written>(&steps.to_string()).unwrap().0
}

fn shape(field: &str, steps: Json) -> Result<Shape, String> {
    wanted(steps).shape(profile().field(field).unwrap())
}

/// What becomes of a value that a caller sent: "reset", or the text or texts that are sent, as JSON.
fn sent(field: &str, steps: Json, value: Json) -> Result<Json, String> {
    let wanted = wanted(steps);
    wanted.shape(profile().field(field).unwrap())?;
    apply(&wanted, field, value)
}

fn apply(wanted: &Wanted, field: &str, value: Json) -> Result<Json, String> {
    let body = json!({"employeeId": "7", field: value}).to_string();
    let read = update::read(&profile(), &body).unwrap();
    assert_eq!(read.findings.into_vec(), []);
    let update = PersonUpdate {
        import: ImportId::parse("0192f0c1-7c00-7a3b-8c4d-000102030405").unwrap(),
        key: NativeKey("7".to_owned()),
        changes: read.changes,
        people: people(),
    };
    wanted.apply(&update.changes[0], &update).map(|sent| match sent {
        Sent::Reset => json!("reset"),
        Sent::Text(text) => json!({ "text": text }),
        Sent::Texts(texts) => json!(texts),
    })
}

/// Ann is known with everything, Bob by the other identifiers only, Cid at the target only.
fn people() -> Arc<HashMap<String, Reference>> {
    let reference = |key: Option<&str>, employee_id: Option<&str>, upn: Option<&str>| Reference {
        key: key.map(|key| NativeKey(key.to_owned())),
        employee_id: employee_id.map(str::to_owned),
        upn: upn.map(str::to_owned),
    };
    Arc::new(HashMap::from([
        ("ann".to_owned(), reference(Some("guid-1"), Some("1"), Some("ann@company.com"))),
        ("bob".to_owned(), reference(None, Some("2"), Some("bob@company.com"))),
        ("cid".to_owned(), reference(Some("guid-3"), None, None)),
    ]))
}

fn text(text: &str) -> Result<Json, String> {
    Ok(json!({ "text": text }))
}

fn fault(text: &str) -> Result<Json, String> {
    Err(text.to_owned())
}

#[test]
fn a_name_alone_is_a_property_without_steps() {
    let alone = serde_json::from_str::<Written>("\"X\"").unwrap().0;
    assert_eq!(alone, wanted(json!({})));
    for (field, expected) in [
        ("text", Shape::Text),
        ("mail", Shape::Text),
        ("phone", Shape::Text),
        ("link", Shape::Text),
        ("date", Shape::Date),
        ("person", Shape::Person),
        ("texts", Shape::Texts),
        ("persons", Shape::People),
    ] {
        assert_eq!(alone.shape(profile().field(field).unwrap()), Ok(expected), "{field}");
    }
}

#[test]
fn a_value_without_steps_stays_as_it_is() {
    for (field, value) in [
        ("text", " it's  so "),
        ("text", ""),
        ("mail", "a@b"),
        ("phone", "+1"),
        ("link", "//x"),
        ("date", "2023-11-03"),
    ] {
        assert_eq!(sent(field, json!({}), json!(value)), text(value), "{field}");
    }
    assert_eq!(sent("texts", json!({}), json!(["b", "", "b"])), Ok(json!(["b", "", "b"])));
}

#[test]
fn a_person_is_what_the_target_calls_them_unless_an_identifier_is_asked_for() {
    for (steps, ann) in [
        (json!({}), "guid-1"),
        (json!({"person": "employeeId"}), "1"),
        (json!({"person": "userPrincipalName"}), "ann@company.com"),
    ] {
        assert_eq!(sent("person", steps.clone(), json!("ann")), text(ann), "{steps}");
        assert_eq!(sent("persons", steps.clone(), json!(["ann", "ann"])), Ok(json!([ann, ann])), "{steps}");
    }
    let employee_id = json!({"person": "employeeId"});
    assert_eq!(shape("person", employee_id.clone()), Ok(Shape::Text));
    assert_eq!(shape("persons", employee_id.clone()), Ok(Shape::Texts));
    assert_eq!(sent("persons", employee_id, json!(["ann", "bob"])), Ok(json!(["1", "2"])));
}

#[test]
fn a_person_who_is_not_known_as_wanted_is_not_sent() {
    for (steps, who, why) in [
        (json!({}), "bob", "who is not known there"),
        (json!({}), "dan", "who is not known there"),
        (json!({"person": "employeeId"}), "cid", "whose employeeId is not known"),
        (json!({"person": "employeeId"}), "dan", "whose employeeId is not known"),
        (json!({"person": "userPrincipalName"}), "cid", "whose userPrincipalName is not known"),
    ] {
        let (one, all) = (json!(who), json!(["ann", who]));
        assert_eq!(sent("person", steps.clone(), one), fault(&format!("person names a person {why}")));
        assert_eq!(sent("persons", steps, all), fault(&format!("persons names a person {why}")));
    }
    // Whom nobody asks for need not be known.
    assert_eq!(sent("persons", json!({"first": true}), json!(["ann", "bob"])), text("guid-1"));
    assert_eq!(shape("persons", json!({"first": true})), Ok(Shape::Person));
}

#[test]
fn of_several_languages_the_first_is_taken_that_is_there() {
    let value = || json!({"de": "Leiterin", "en": "Head", "fr": ""});
    for (language, expected) in [
        (json!("en"), "Head"),
        (json!(["de", "en"]), "Leiterin"),
        (json!(["cs", "en", "de"]), "Head"),
        (json!(["fr", "en"]), ""),
    ] {
        assert_eq!(sent("title", json!({ "language": language }), value()), text(expected), "{language}");
    }
    for language in [json!("cs"), json!(["cs", "sk"])] {
        assert_eq!(
            sent("title", json!({ "language": language }), value()),
            fault("title has no text in the language that is wanted there")
        );
    }
}

#[test]
fn each_multi_lang_of_a_list_has_its_own_language() {
    let value = || json!([{"en": "Head", "de": "Leiterin"}, {"de": "Lehrerin"}]);
    let steps = |more: Json| {
        let mut steps = json!({"language": ["en", "de"]});
        steps.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        steps
    };
    assert_eq!(sent("titles", steps(json!({})), value()), Ok(json!(["Head", "Lehrerin"])));
    assert_eq!(sent("titles", steps(json!({"join": ", "})), value()), text("Head, Lehrerin"));
    assert_eq!(sent("titles", steps(json!({"first": true})), value()), text("Head"));
    let table = json!({"values": {"Head": "H", "Lehrerin": "L"}, "join": ""});
    assert_eq!(sent("titles", steps(table), value()), text("HL"));
    let missing = "titles has no text in the language that is wanted there";
    assert_eq!(sent("titles", json!({"language": "en"}), value()), fault(missing));
    assert_eq!(sent("titles", json!({"language": "en", "first": true}), value()), text("Head"));
}

#[test]
fn a_table_has_a_counterpart_for_each_text_or_the_text_is_refused() {
    let table = || json!({"values": {"female": "2", "": "0", "Ann": "", "2023-11-03": "then"}});
    for (field, value, counterpart) in
        [("text", "female", "2"), ("text", "", "0"), ("text", "Ann", ""), ("date", "2023-11-03", "then")]
    {
        assert_eq!(sent(field, table(), json!(value)), text(counterpart), "{field} {value}");
    }
    assert_eq!(sent("texts", table(), json!(["", "female"])), Ok(json!(["0", "2"])));
    let missing = |field: &str| fault(&format!("{field} has a value that has no counterpart there"));
    for value in ["Female", " female", "male"] {
        assert_eq!(sent("text", table(), json!(value)), missing("text"));
    }
    assert_eq!(sent("texts", table(), json!(["female", "male"])), missing("texts"));
    assert_eq!(shape("date", table()), Ok(Shape::Text));
    let mut titles = table();
    titles["language"] = json!("en");
    assert_eq!(sent("title", titles.clone(), json!({"en": "female"})), text("2"));
    assert_eq!(sent("title", titles, json!({"en": "male"})), missing("title"));
    let chief = || json!({"person": "employeeId", "values": {"1": "chief"}});
    assert_eq!(sent("person", chief(), json!("ann")), text("chief"));
    assert_eq!(sent("persons", chief(), json!(["ann", "bob"])), missing("persons"));
}

#[test]
fn a_date_is_written_as_wanted() {
    let format = || json!({"dateFormat": "d.M.yyyy"});
    assert_eq!(sent("date", format(), json!("2023-11-03")), text("3.11.2023"));
    assert_eq!(shape("date", format()), Ok(Shape::Text));
    // What is stored for later may be older than the definition.
    let mut wanted = wanted(format());
    assert_eq!(apply(&wanted, "text", json!("soon")), fault("text is no date"));
    wanted.date_format = None;
    assert_eq!(apply(&wanted, "text", json!("soon")), text("soon"));
}

#[test]
fn of_a_list_the_first_is_taken_or_all_are_joined() {
    let value = || json!(["b", "", "a"]);
    for (steps, expected) in [
        (json!({"first": true}), "b"),
        (json!({"join": ", "}), "b, , a"),
        (json!({"join": ""}), "ba"),
        (json!({"first": true, "values": {"b": "1"}}), "1"),
        (json!({"join": "+", "values": {"b": "1", "": "2", "a": "3"}}), "1+2+3"),
    ] {
        assert_eq!(shape("texts", steps.clone()), Ok(Shape::Text), "{steps}");
        assert_eq!(sent("texts", steps.clone(), value()), text(expected), "{steps}");
    }
    assert_eq!(sent("texts", json!({"join": ", "}), json!(["b"])), text("b"));
    let people = json!({"person": "employeeId", "join": ";"});
    assert_eq!(sent("persons", people, json!(["ann", "bob"])), text("1;2"));
}

#[test]
fn a_constant_stands_for_every_value() {
    for (field, value) in [
        ("text", json!("a")),
        ("date", json!("2023-11-03")),
        ("title", json!({"en": "a"})),
        ("person", json!("dan")),
        ("texts", json!(["a", "b"])),
        ("titles", json!([{"de": "a"}])),
        ("persons", json!(["dan"])),
    ] {
        for constant in ["yes", ""] {
            let steps = json!({ "constant": constant });
            assert_eq!(shape(field, steps.clone()), Ok(Shape::Text), "{field}");
            assert_eq!(sent(field, steps, value.clone()), text(constant), "{field}");
        }
    }
}

#[test]
fn a_reset_stays_a_reset_whatever_the_steps_are() {
    let reset = Ok(json!("reset"));
    for (field, steps) in [
        ("text", json!({})),
        ("text", json!({"constant": "yes"})),
        ("text", json!({"values": {"a": "b", "": "c"}})),
        ("date", json!({"dateFormat": "yyyy"})),
        ("title", json!({"language": "en"})),
        ("person", json!({})),
        ("person", json!({"person": "employeeId"})),
        ("texts", json!({})),
        ("texts", json!({"join": ", "})),
        ("texts", json!({"first": true})),
        ("titles", json!({"language": "en", "join": ", "})),
        ("persons", json!({})),
        ("persons", json!({"person": "userPrincipalName", "join": ", "})),
    ] {
        assert_eq!(sent(field, steps.clone(), Json::Null), reset, "{field} {steps}");
        if field.ends_with('s') {
            assert_eq!(sent(field, steps.clone(), json!([])), reset, "{field} {steps}");
        }
    }
}

#[test]
fn a_step_that_does_not_fit_its_field_is_told() {
    let which_text =
        |field: &str| format!("'{field}' is a MultiLang: \"language\" says which text of it, \"en\" say");
    let which_identifier =
        |field: &str| format!("'{field}' is a PersonIdentifier: \"person\" says which identifier is meant");
    let table = json!({"a": "b"});
    for (field, steps, why) in [
        ("nickname", json!({}), "'nickname' is set by somebody else: its source is User".to_owned()),
        ("file", json!({}), "'file' is a File, which no target takes".to_owned()),
        ("files", json!({"constant": "a"}), "'files' is a File, which no target takes".to_owned()),
        ("text", json!({"language": "en"}), "\"language\" is for a MultiLang, and 'text' is none".to_owned()),
        (
            "text",
            json!({"person": "employeeId"}),
            "\"person\" is for a PersonIdentifier, and 'text' is none".to_owned(),
        ),
        (
            "text",
            json!({"dateFormat": "yyyy"}),
            "\"dateFormat\" is for a Date, and 'text' is none".to_owned(),
        ),
        ("text", json!({"first": true}), "\"first\" is for a list, and 'text' is none".to_owned()),
        ("title", json!({"join": ""}), "\"join\" is for a list, and 'title' is none".to_owned()),
        ("title", json!({}), which_text("title")),
        ("titles", json!({"first": true}), which_text("titles")),
        ("title", json!({"language": []}), which_text("title")),
        ("title", json!({"language": "EN"}), which_text("title")),
        ("title", json!({"language": ["en", "deu"]}), which_text("title")),
        ("title", json!({"language": ""}), which_text("title")),
        ("person", json!({"values": table}), which_identifier("person")),
        ("persons", json!({"first": true, "values": table}), which_identifier("persons")),
        ("persons", json!({"join": ","}), which_identifier("persons")),
        (
            "texts",
            json!({"first": true, "join": ","}),
            "\"first\" and \"join\" exclude each other".to_owned(),
        ),
        (
            "date",
            json!({"dateFormat": "yyyy", "values": table}),
            "\"values\" and \"dateFormat\" exclude each other".to_owned(),
        ),
        ("texts", json!({"constant": "a", "first": true}), "\"constant\" goes with no other step".to_owned()),
        (
            "text",
            json!({"constant": "a", "values": table}),
            "\"constant\" goes with no other step".to_owned(),
        ),
    ] {
        assert_eq!(shape(field, steps.clone()), Err(why), "{field} {steps}");
    }
}

#[test]
fn a_property_is_asked_about_every_text_that_is_in_the_configuration() {
    let texts = |steps: Json| wanted(steps).texts().map(Cow::into_owned).collect::<Vec<_>>();
    assert_eq!(texts(json!({"language": "en", "join": ", "})), [""; 0]);
    assert_eq!(texts(json!({"constant": "a"})), ["a"]);
    assert_eq!(texts(json!({"values": {"1": "a", "2": ""}})), ["a", ""]);
    assert_eq!(texts(json!({"dateFormat": "d.M.yy"})), ["31.12.99", "1.1.01"]);
}

#[test]
fn nothing_of_a_value_is_shown_for_debugging() {
    for sent in [Sent::Text("secret".into()), Sent::Texts(vec!["secret".into()]), Sent::Reset] {
        assert!(!format!("{sent:?}").contains("secret"));
    }
}
