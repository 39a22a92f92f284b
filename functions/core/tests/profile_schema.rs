//! The schema that a definition prints, held against the reader of person updates by a stock validator: whatever one of
//! them accepts, the other has to accept.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;

use jsonschema::Validator;
use people_core::batch::Incoming;
use people_core::document::{Content, Spool};
use people_core::inbox::Batches;
use people_core::memory::MemorySpool;
use people_core::profile::Profile;
use people_core::{profile_schema, update};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

struct Both {
    profile: Profile,
    validator: Validator,
}

impl Both {
    fn of(definition: &Value) -> Both {
        let profile = Profile::parse(definition.to_string().as_bytes()).unwrap();
        let schema: Value = serde_json::from_str(&profile_schema::print(&profile)).unwrap();
        assert!(jsonschema::draft202012::meta::is_valid(&schema), "{schema:#}");
        Both { profile, validator: jsonschema::draft202012::new(&schema).unwrap() }
    }

    fn accept(&self, object: &Value) -> bool {
        let ours = update::read(&self.profile, &object.to_string())
            .is_ok_and(|update| update.findings.is_empty() && update.who.is_some());
        assert_eq!(self.validator.is_valid(object), ours, "the validator, and we of {object}");
        ours
    }

    /// Whether an object that names somebody may have this value.
    fn takes(&self, field: &str, value: &Value) -> bool {
        self.accept(&json!({"employeeId": "7", field: value}))
    }
}

fn entry(name: &str, kind: &str, source: &str, is_list: bool) -> Value {
    json!({"name": name, "fieldType": kind, "source": source, "isList": is_list})
}

const KINDS: [&str; 8] =
    ["String", "Email", "Phone", "Link", "Date", "MultiLang", "PersonIdentifier", "File"];

fn may_be_a_list(kind: &str) -> bool {
    ["String", "MultiLang", "PersonIdentifier", "File"].contains(&kind)
}

/// A field of each type, and one of each list, called like their type.
fn every_kind() -> Both {
    let lists = KINDS
        .iter()
        .filter(|kind| may_be_a_list(kind))
        .map(|kind| entry(&format!("{kind}s"), kind, "Api", true));
    let single = KINDS.iter().map(|kind| entry(kind, kind, "Api", false));
    let others = [entry("nickname", "String", "User", false), entry("displayName", "String", "Entra", false)];
    Both::of(&single.chain(lists).chain(others).collect())
}

/// Blanks, and what only some programs take for blanks.
const BLANKS: [char; 31] = [
    '\t', '\n', '\u{b}', '\u{c}', '\r', ' ', '\u{85}', '\u{a0}', '\u{1680}', '\u{2000}', '\u{2001}',
    '\u{2002}', '\u{2003}', '\u{2004}', '\u{2005}', '\u{2006}', '\u{2007}', '\u{2008}', '\u{2009}',
    '\u{200a}', '\u{2028}', '\u{2029}', '\u{202f}', '\u{205f}', '\u{3000}', '\u{1c}', '\u{1f}', '\u{180e}',
    '\u{200b}', '\u{2060}', '\u{feff}',
];

#[test]
fn every_character_is_a_blank_to_both_or_to_neither() {
    let both = every_kind();
    for c in ('\0'..='\u{ffff}').step_by(7).chain(BLANKS).chain(['😀', '\u{10ffff}']) {
        let named = both.accept(&json!({"employeeId": c.to_string()}));
        assert_eq!(named, !c.is_whitespace(), "{c:?}");
        assert_eq!(both.takes("PersonIdentifier", &json!(c.to_string())), named, "{c:?}");
    }
}

#[test]
fn an_identifier_has_at_most_256_characters_without_the_blanks_around_it() {
    let both = every_kind();
    for (length, fits) in [(1, true), (2, true), (255, true), (256, true), (257, false)] {
        for letter in ["x", "😀", "é"] {
            let text = format!(" \u{2003}{}\n\u{3000}", letter.repeat(length));
            assert_eq!(both.accept(&json!({"userPrincipalName": text})), fits, "{length} {letter}");
            assert_eq!(both.takes("userPrincipalName", &json!(text)), fits, "{length} {letter}");
            assert_eq!(both.takes("PersonIdentifier", &json!(text)), fits, "{length} {letter}");
            assert_eq!(both.takes("PersonIdentifiers", &json!(["y", text])), fits, "{length} {letter}");
        }
    }
    assert!(both.accept(&json!({"userPrincipalName": format!("a{}b", " ".repeat(254))})));
    assert!(!both.accept(&json!({"userPrincipalName": format!("a{}b", " ".repeat(255))})));
    assert!(both.takes("userPrincipalName", &json!(" ".repeat(300))));
    assert!(!both.takes("PersonIdentifier", &json!(" ".repeat(300))));
}

#[test]
fn one_of_the_identifiers_is_needed_and_neither_may_be_of_another_type() {
    let both = every_kind();
    for nobody in
        [json!({}), json!({"employeeId": null}), json!({"employeeId": "", "userPrincipalName": " \n"})]
    {
        assert!(!both.accept(&nobody), "{nobody}");
    }
    for wrong in [json!(7), json!(true), json!([]), json!({}), json!(["7"])] {
        assert!(!both.accept(&json!({"employeeId": wrong})), "{wrong}");
        assert!(
            !both.accept(&json!({"employeeId": wrong, "userPrincipalName": "joe@company.com"})),
            "{wrong}"
        );
    }
    assert!(both.accept(&json!({"employeeId": null, "userPrincipalName": "joe@company.com"})));
}

#[test]
fn a_date_is_one_of_the_calendar() {
    let both = every_kind();
    let date = |text: String| both.takes("Date", &json!(text));
    for year in [0, 4, 1900, 2000, 2023, 2024, 2100, 9999] {
        for (month, day) in (0..=13).flat_map(|month| (0..=32).map(move |day| (month, day))) {
            date(format!("{year:04}-{month:02}-{day:02}"));
        }
    }
    assert_eq!((0..10_000).filter(|year| date(format!("{year:04}-02-29"))).count(), 2_425);
    for text in
        ["2023-11-01\n", " 2023-11-01", "2023-11-1", "20231101", "2023-11-01T00:00", "٢٠٢٣-11-01", "", "😀"]
    {
        assert!(!date(text.to_owned()), "{text:?}");
    }
}

#[test]
fn only_updatable_fields_are_told() {
    let both = every_kind();
    for name in ["nickname", "displayName", "File", "Files", "unknown", "string", ""] {
        for value in [json!(null), json!("x"), json!([])] {
            assert!(!both.takes(name, &value), "{name} {value}");
        }
    }
}

#[test]
fn lists_are_of_their_type_and_people_at_most_200() {
    let both = every_kind();
    assert!(both.takes("PersonIdentifiers", &json!(vec!["7"; 200])));
    assert!(!both.takes("PersonIdentifiers", &json!(vec!["7"; 201])));
    assert!(both.takes("Strings", &json!(vec!["7"; 201])));
    for list in ["Strings", "MultiLangs", "PersonIdentifiers"] {
        for (value, fits) in
            [(json!(null), true), (json!([]), true), (json!([null]), false), (json!([[]]), false)]
        {
            assert_eq!(both.takes(list, &value), fits, "{list} {value}");
        }
    }
}

#[test]
fn a_text_in_languages_has_two_lower_case_letters_a_language() {
    let both = every_kind();
    for (value, fits) in [
        (json!({"en": "x", "de": ""}), true),
        (json!({}), false),
        (json!({"en": null}), false),
        (json!({"EN": "x"}), false),
        (json!({"en\n": "x"}), false),
        (json!({"eng": "x"}), false),
        (json!({"é": "x"}), false),
        (json!({"en": "x", "": "y"}), false),
        (json!("x"), false),
        (json!([]), false),
    ] {
        assert_eq!(both.takes("MultiLang", &value), fits, "{value}");
        assert_eq!(both.takes("MultiLangs", &json!([{"en": "x"}, value])), fits, "{value}");
    }
}

#[test]
fn what_is_no_object_is_refused() {
    let both = every_kind();
    for value in [json!(null), json!([]), json!("x"), json!(1), json!([{"employeeId": "7"}])] {
        assert!(!both.accept(&value), "{value}");
    }
}

#[test]
fn the_text_follows_the_definition_and_is_the_same_each_time() {
    let definition = json!([entry("b", "Date", "Api", false), entry("a", "String", "Api", true)]).to_string();
    let print = || profile_schema::print(&Profile::parse(definition.as_bytes()).unwrap());
    let text = print();
    let places: Vec<_> = ["\"userPrincipalName\"", "\"employeeId\"", "\"b\"", "\"a\""]
        .map(|name| text.find(name).unwrap())
        .into();
    assert!(places.is_sorted(), "{text}");
    assert_eq!(print(), text);
}

/// The example in a schema, and the object that it is as CSV.
fn examples(profile: &Profile) -> (Value, Value) {
    let schema: Value = serde_json::from_str(&profile_schema::print(profile)).unwrap();
    let csv = Content::Memory(profile_schema::example_as_csv(profile).into());
    let spool: Arc<dyn Spool> = Arc::new(MemorySpool);
    let mut batches = Batches::open("example.csv", &csv, &spool, profile).unwrap();
    let batch = batches.next_batch().unwrap().unwrap();
    let [Incoming::Person(row)] = batch.as_slice() else { panic!("{} parts", batch.len()) };
    assert_eq!(schema["examples"].as_array().unwrap().len(), 1);
    (schema["examples"][0].clone(), serde_json::from_slice(row).unwrap())
}

#[test]
fn the_example_has_every_field_that_can_be_sent_and_is_accepted() {
    let both = every_kind();
    let (example, mut row) = examples(&both.profile);
    assert!(both.accept(&example), "{example:#}");
    let sent = |name: &&str| *name != "File" && *name != "Files";
    let lists = ["Strings", "MultiLangs", "PersonIdentifiers", "Files"];
    let mut names: Vec<_> =
        KINDS.into_iter().chain(lists).filter(sent).chain(["userPrincipalName"]).collect();
    names.sort_unstable();
    let mut has: Vec<_> = example.as_object().unwrap().keys().map(String::as_str).collect();
    has.sort_unstable();
    assert_eq!(has, names);
    assert_eq!(row.get("MultiLangs"), None, "a list of such texts has no column");
    row["MultiLangs"] = example["MultiLangs"].clone();
    assert_eq!(row, example);
}

#[test]
fn the_example_of_a_definition_without_fields_names_a_person() {
    let both = Both::of(&json!([]));
    let (example, row) = examples(&both.profile);
    assert_eq!(example, json!({"userPrincipalName": "joe@company.com"}));
    assert_eq!(row, example);
    assert!(both.accept(&example));
}

fn text() -> impl Strategy<Value = String> {
    let blanks = || vec(select(BLANKS.to_vec()), 0..3).prop_map(String::from_iter);
    let middle = prop_oneof![
        "[a-c@.é😀 ]{0,4}",
        (select(vec![254_usize, 255, 256, 257]), select(vec!["x", "😀", "\u{3000}"]))
            .prop_map(|(length, letter)| letter.repeat(length)),
    ];
    (blanks(), middle, blanks()).prop_map(|(before, middle, after)| before + &middle + &after)
}

fn date() -> impl Strategy<Value = String> {
    let year = prop_oneof![0..10_000, select(vec![1900, 2000, 2023, 2024])];
    let day = prop_oneof![1..29, 28..33];
    (year, 0..14, day, select(vec!["", "", "", "", "\n", " "]))
        .prop_map(|(year, month, day, after)| format!("{year:04}-{month:02}-{day:02}{after}"))
}

fn languages() -> impl Strategy<Value = Value> {
    let code = prop_oneof![9 => "[a-z]{2}", 1 => "[a-zA-Zé\n]{0,3}"];
    let text = prop_oneof![9 => text().prop_map(Value::from), 1 => Just(Value::Null), 1 => Just(json!(1))];
    vec((code, text), 0..3).prop_map(|members| Value::Object(Map::from_iter(members)))
}

/// A value that some field may take, or nearly.
fn value() -> impl Strategy<Value = Value> {
    let single = prop_oneof![
        4 => text().prop_map(Value::from),
        4 => date().prop_map(Value::from),
        4 => languages(),
        1 => Just(Value::Null),
        1 => select(vec![json!(true), json!(0), json!(-1.5), json!(1e300), json!(u64::MAX)]),
    ];
    single.prop_recursive(2, 8, 4, |inner| vec(inner, 0..4).prop_map(Value::from))
}

/// A value that a field of this type mostly takes.
fn value_of(kind: &'static str, is_list: bool) -> BoxedStrategy<Value> {
    let fitting = match kind {
        "Date" => date().prop_map(Value::from).boxed(),
        "MultiLang" => languages().boxed(),
        _ => text().prop_map(Value::from).boxed(),
    };
    let fitting = if is_list { vec(fitting, 0..4).prop_map(Value::from).boxed() } else { fitting };
    prop_oneof![8 => fitting, 1 => Just(Value::Null), 1 => value()].boxed()
}

type Fields = Vec<(&'static str, &'static str, bool)>;

fn fields() -> impl Strategy<Value = Fields> {
    let source = prop_oneof![8 => Just("Api"), 1 => Just("User"), 1 => Just("Entra")];
    vec((select(KINDS.to_vec()), source, any::<bool>()), 0..8).prop_map(|fields| {
        fields.into_iter().map(|(kind, source, list)| (kind, source, list && may_be_a_list(kind))).collect()
    })
}

fn name(index: usize) -> String {
    ["a", "type", "constructor", "_ref", "B_c-9", "properties", "x", "null"][index].to_owned()
}

/// An object with some of the fields, an identifier mostly, and now and then a key that is no field.
fn object(fields: &Fields) -> impl Strategy<Value = Value> + use<> {
    let values: Vec<_> = fields
        .iter()
        .enumerate()
        .map(|(index, (kind, _, is_list))| {
            let wanted = if *kind == "File" { 0.02 } else { 0.4 };
            (Just(name(index)), proptest::option::weighted(wanted, value_of(kind, *is_list)))
        })
        .collect();
    let identifier = || prop_oneof![6 => text().prop_map(|text| Some(json!(text))), 3 => Just(None), 1 => value().prop_map(Some)];
    let unknown = proptest::option::weighted(0.05, (select(vec!["y", "A", "employeeID", "😀", ""]), value()));
    (values, identifier(), identifier(), unknown).prop_map(|(values, upn, employee_id, unknown)| {
        let mut object = Map::new();
        object.extend(upn.map(|upn| ("userPrincipalName".to_owned(), upn)));
        object.extend(employee_id.map(|id| ("employeeId".to_owned(), id)));
        object.extend(values.into_iter().filter_map(|(name, value)| Some((name, value?))));
        object.extend(unknown.map(|(name, value)| (name.to_owned(), value)));
        Value::Object(object)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_validator_and_we_accept_the_same_objects(
        (fields, objects) in fields().prop_flat_map(|fields| { let object = object(&fields); (Just(fields), vec(object, 40)) })
    ) {
        let entries = fields.iter().enumerate().map(|(index, (kind, source, list))| entry(&name(index), kind, source, *list));
        let both = Both::of(&entries.collect());
        let (example, row) = examples(&both.profile);
        assert!(both.accept(&example), "{example}");
        assert!(both.accept(&row), "{row}");
        for object in &objects {
            both.accept(object);
        }
    }
}
