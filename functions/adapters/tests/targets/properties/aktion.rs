//! Stories at Aktion: every property and user column, identifiers that several people want, columns that cannot be written,
//! and tokens that end.

use std::io;

use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value, json};
use simulators::{Simulator, aktion};
use tokio::net::TcpListener;

use super::model::{Fate, Flat, Named};
use super::play::play;
use super::preview::look;
use super::story::{Json, Kind, Update, World};

#[test]
fn what_no_update_of_aktion_names_stays_and_what_is_done_is_there() {
    play::<Aktion>();
}

#[test]
fn what_aktion_says_would_change_is_what_changes() {
    look::<Aktion>();
}

struct Aktion;

const PEOPLE: [&str; 3] = ["100200300", "100200301", "A7"];

/// Fields, where they go, and which values they take.
const FIELDS: [(&str, &str, Takes); 18] = [
    ("firstName", "Name", Takes::Text(100)),
    ("lastName", "Surname", Takes::Text(100)),
    ("structure", "OrganizationStructure", Takes::Text(4000)),
    ("email", "Email", Takes::Text(200)),
    ("loginName", "LoginName", Takes::Text(100)),
    ("entryCode", "IdentifierEntryCode", Takes::Digits(6)),
    ("card1", "IdentifierCard1", Takes::Hex),
    ("card2", "IdentifierCard2", Takes::Hex),
    ("position", "EmployeePosition", Takes::Text(200)),
    ("phone", "PhoneNumber", Takes::Text(100)),
    ("notes", "Desc", Takes::Text(4000)),
    ("titleBefore", "DegreeInFrontName", Takes::Text(30)),
    ("sex", "Sex", Takes::Sex),
    ("pin", "PIN", Takes::Digits(4)),
    ("one", "UdsCollection.a2s1", Takes::Text(100)),
    ("two", "UdsCollection.a2s2", Takes::Text(100)),
    ("three", "UdsCollection.a2s3", Takes::Text(100)),
    ("locked", "UdsCollection.a2s4", Takes::Text(100)),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    Text(usize),
    Digits(usize),
    Hex,
    Sex,
}

impl Takes {
    /// Values, good and bad, and resets.
    fn values(self) -> BoxedStrategy<Option<String>> {
        let some =
            |texts: &[&str]| select(texts.iter().map(|text| Some((*text).to_owned())).collect::<Vec<_>>());
        match self {
            Takes::Text(most) => prop_oneof![
                8 => "[a-z]{6,10}[ěß🎉]?".prop_map(Some),
                1 => Just(Some("x".repeat(most))),
                1 => Just(Some("x".repeat(most + 1))),
                1 => Just(Some(String::new())),
                3 => Just(None),
            ]
            .boxed(),
            Takes::Digits(4) => prop_oneof![6 => "[0-9]{4}".prop_map(Some), 1 => some(&["12", "12e4"]), 1 => Just(None)].boxed(),
            Takes::Digits(_) => {
                prop_oneof![6 => some(&["111111", "222222", "333333"]), 1 => some(&["12345"]), 1 => Just(None)].boxed()
            }
            Takes::Hex => prop_oneof![6 => some(&["a1b2c3", "A1B2C3", "ffffff"]), 1 => some(&["xyz"]), 2 => Just(None)].boxed(),
            Takes::Sex => prop_oneof![6 => some(&["0", "1", "2"]), 1 => some(&["3"]), 1 => Just(None)].boxed(),
        }
    }

    fn takes(self, value: Option<&str>) -> bool {
        match (self, value) {
            (Takes::Digits(_), None) => false,
            (_, None) => true,
            (Takes::Text(most), Some(text)) => text.encode_utf16().count() <= most,
            (Takes::Digits(exactly), Some(text)) => {
                text.len() == exactly && text.bytes().all(|byte| byte.is_ascii_digit())
            }
            (Takes::Hex, Some(text)) => text.bytes().all(|byte| byte.is_ascii_hexdigit()),
            (Takes::Sex, Some(text)) => ["0", "1", "2"].contains(&text),
        }
    }
}

fn known(field: &str) -> (&'static str, Takes) {
    let known = FIELDS.iter().find(|(known, _, _)| *known == field).unwrap();
    (known.1, known.2)
}

/// A person of whom anything may be stored, also what no update can set or what was set by other means.
fn person(id: &'static str, number: usize) -> impl Strategy<Value = Value> {
    let texts = [
        "Name",
        "Surname",
        "Email",
        "LoginName",
        "PhoneNumber",
        "MobilPhoneNumber",
        "DegreeAfterName",
        "Department",
    ];
    let texts = texts.map(|name| option::of("[A-Z]{3}").prop_map(move |text| (name, text.map(Value::from))));
    let columns = ["a2s1", "a2s4", "a2s9"]
        .map(|name| ("[A-Z]{0,3}").prop_map(move |text| json!({"SystemName": name, "Value": text})));
    let identifiers = (
        option::of(Just(format!("77777{number}"))),
        option::of(Just(format!("C{number}"))),
        option::of("[0-9]{4}"),
    );
    (texts, columns, identifiers, option::of(0_u8..3), option::of(0_u8..2)).prop_map(
        move |(texts, columns, (code, card, pin), sex, lock)| {
            let mut person = Map::from_iter([("PersonId".to_owned(), json!(id))]);
            let others = [
                ("IdentifierEntryCode", code.map(Value::from)),
                ("IdentifierCard2", card.map(Value::from)),
                ("PIN", pin.map(Value::from)),
                ("Sex", sex.map(Value::from)),
                ("Lock", lock.map(Value::from)),
            ];
            let members = texts.into_iter().chain(others);
            person.extend(members.filter_map(|(name, value)| Some((name.to_owned(), value?))));
            person.insert("UdsCollection".to_owned(), columns.into_iter().collect());
            Value::Object(person)
        },
    )
}

fn envelope(status: u16, code: i64) -> Value {
    let body = json!({"Result": {"Message": "echoed-by-the-server", "Code": code, "ModelStateErr": null}, "Request": null});
    json!({"status": status, "body": body})
}

impl Kind for Aktion {
    fn start(listener: TcpListener) -> io::Result<Simulator> {
        Simulator::aktion(listener)
    }

    fn configuration() -> (Value, Value, Value) {
        let field = |(name, _, _): &(&str, _, _)| json!({"name": name, "fieldType": "String", "source": "Api", "isList": false});
        let to = |(name, to, _): &(&str, &str, _)| ((*name).to_owned(), json!(to));
        let columns: Map<_, _> = ["a2s1", "a2s2", "a2s3", "a2s4"]
            .map(|name| (name.to_owned(), json!("nvarchar(100)")))
            .into_iter()
            .collect();
        let entry = json!({
            "name": "aktion", "kind": "aktion", "baseUrl": "simulator:aktion", "credentials": "aktion",
            "identifiers": {"employeeId": "PersonId"},
            "fields": FIELDS.iter().map(to).collect::<Map<_, _>>(),
            "columns": columns,
            "limit": 50, "ratePerSecond": null,
        });
        let secrets = json!({"userLogin": aktion::USER_LOGIN, "apiKey": aktion::API_KEY});
        (FIELDS.iter().map(field).collect(), entry, secrets)
    }

    fn worlds() -> BoxedStrategy<World> {
        let people = (person(PEOPLE[0], 0), person(PEOPLE[1], 1), person(PEOPLE[2], 2), person("other", 3));
        let flags = any::<[bool; 4]>();
        (people, flags).prop_map(|((one, two, three, other), [clears, atomic, sliding, locked])| {
            let column = |name: &str| json!({"name": name, "type": "nvarchar(100)", "read_only": locked && name == "a2s4"});
            let columns: Vec<_> = ["a2s1", "a2s2", "a2s3", "a2s4", "a2s9"].map(column).into();
            World {
                state: Json(json!({"people": [one, two, three, other]})),
                switches: Json(json!({
                    "null_clears": clears, "atomic_identifiers": atomic,
                    "token_sliding": sliding, "columns": columns,
                })),
                members: Json(json!({})),
            }
        })
        .boxed()
    }

    fn updates() -> BoxedStrategy<Update> {
        let key = prop_oneof![9 => select(PEOPLE.to_vec()), 1 => Just("nobody")];
        let fields = subsequence(FIELDS.to_vec(), 1..5).prop_flat_map(|fields| {
            fields.into_iter().map(|(name, _, takes)| (Just(name), takes.values())).collect::<Vec<_>>()
        });
        (key, fields).prop_map(|(key, fields)| Update { key, fields }).boxed()
    }

    fn paths() -> &'static [&'static str] {
        &["", "/login", "/person/update", "/person/update", "/person/get"]
    }

    fn answers() -> Vec<Value> {
        let mut answers: Vec<_> = [1000, 1001, 1006, 1008].map(|code| envelope(401, code)).into();
        answers.extend([0, 1, 2, 3, 4, 6, 7, 8, 1014, 1102, 2123].map(|code| envelope(403, code)));
        answers.extend([
            envelope(400, 1002),
            envelope(404, 1106),
            json!({"status": 401}),
            json!({"status": 403}),
        ]);
        answers.extend([
            json!({"status": 415}),
            json!({"status": 200, "body": "<html>"}),
            json!({"status": 302}),
        ]);
        answers
    }

    fn switches() -> Vec<Value> {
        vec![
            json!({"limit": 1}),
            json!({"error_html": true}),
            json!({"rate_per_s": 1}),
            json!({"token_life_s": 0}),
            json!({"blocked_ips": ["127.0.0.1"]}),
        ]
    }

    fn flat(state: &Value) -> Flat {
        let mut flat = Flat::from([("users".to_owned(), state["users"].clone())]);
        for person in state["people"].as_array().unwrap() {
            let id = person["PersonId"].as_str().unwrap();
            for (name, value) in person.as_object().unwrap() {
                if name != "UdsCollection" && *value != json!("") && *value != json!(0) && !value.is_null() {
                    flat.insert(format!("{id} {name}"), value.clone());
                }
            }
            for column in
                person["UdsCollection"].as_array().unwrap().iter().filter(|column| column["Value"] != "")
            {
                flat.insert(
                    format!("{id} UdsCollection.{}", column["SystemName"].as_str().unwrap()),
                    column["Value"].clone(),
                );
            }
        }
        flat
    }

    fn named(_: &World, update: &Update) -> Vec<Named> {
        let named = update.fields.iter().map(|(field, value)| {
            let (to, takes) = known(field);
            let value = value.clone().filter(|text| !text.is_empty());
            let value = match takes {
                Takes::Sex => {
                    value.and_then(|text| text.parse::<u8>().ok()).filter(|sex| *sex > 0).map(Value::from)
                }
                Takes::Text(_) | Takes::Digits(_) | Takes::Hex => value.map(Value::from),
            };
            Named { place: format!("{} {to}", update.key), value, call: 0 }
        });
        named.collect()
    }

    fn fate(world: &World, update: &Update) -> Fate {
        let fits = |(field, value): &(&str, Option<String>)| known(field).1.takes(value.as_deref());
        let is_identifier = |(field, value): &(&str, Option<String>)| {
            ["entryCode", "card1", "card2"].contains(field) && value.is_some()
        };
        let columns = world.switches.0["columns"].as_array().unwrap();
        let is_locked = columns.iter().any(|column| column["read_only"] == true);
        match update {
            update if !update.fields.iter().all(fits) => Fate::Refused,
            update if !PEOPLE.contains(&update.key) => Fate::Unknown,
            update if update.fields.iter().any(is_identifier) => Fate::Depends,
            update if is_locked && update.fields.iter().any(|(field, _)| *field == "locked") => Fate::Depends,
            _ => Fate::Done,
        }
    }

    fn forbidden(call: &Value) -> Option<String> {
        let path = call["path"].as_str().unwrap_or_default();
        let body: Value = serde_json::from_str(call["body"].as_str().unwrap_or_default()).unwrap_or_default();
        let has_null = body.as_object().is_some_and(|body| body.values().any(Value::is_null));
        let empty = |name: &str| body[name] == "";
        match path {
            "/login" | "/person/update" | "/person/get" if has_null => Some("a null".to_owned()),
            "/person/update" if empty("PIN") || empty("IdentifierEntryCode") => {
                Some("an empty code".to_owned())
            }
            "/login" | "/person/update" | "/person/get" => None,
            _ => Some("an unknown call".to_owned()),
        }
    }
}
