//! Stories at a SCIM server: texts, typed values and extensions of people who have more than any update names, on servers with
//! and without PATCH, versions and answers that show the user.

use std::collections::BTreeMap;
use std::io;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value, json};
use simulators::{Simulator, scim};
use tokio::net::TcpListener;

use super::model::{Fate, Flat, Named};
use super::play::play;
use super::preview::look;
use super::story::{Json, Kind, Update, World};

#[test]
fn what_no_update_of_a_scim_server_names_stays_and_what_is_done_is_there() {
    play::<Scim>();
}

#[test]
fn what_scim_says_would_change_is_what_changes() {
    look::<Scim>();
}

struct Scim;

const PEOPLE: [&str; 3] = ["u-1", "u-2", "u 3/ü"];
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const OWN: &str = "urn:people:params:scim:schemas:extension:2.0:User";

/// Fields, where they go, and the place in a user.
const FIELDS: [(&str, &str, &str); 12] = [
    ("firstName", "name.givenName", "name.givenName"),
    ("lastName", "name.familyName", "name.familyName"),
    ("displayName", "displayName", "displayName"),
    ("title", "title", "title"),
    ("workPhone", "phoneNumbers[type eq \"work\"].value", "phoneNumbers[work].value"),
    ("homePhone", "phoneNumbers[type eq \"home\"].value", "phoneNumbers[home].value"),
    ("mail", "emails[type eq \"other\"].value", "emails[other].value"),
    ("city", "addresses[type eq \"work\"].locality", "addresses[work].locality"),
    ("country", "addresses[type eq \"work\"].country", "addresses[work].country"),
    ("department", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", "department"),
    ("costCenter", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:costCenter", "costCenter"),
    ("joinDate", "urn:people:params:scim:schemas:extension:2.0:User:joinDate", "joinDate"),
];

fn place(field: &str) -> String {
    let (_, path, place) = FIELDS.iter().find(|(known, _, _)| *known == field).unwrap();
    match path.strip_prefix("urn:") {
        Some(_) => format!("{}.{place}", path.rsplit_once(':').unwrap().0),
        None => (*place).to_owned(),
    }
}

/// A user with lists in any order, members that no update can set, and an extension that nobody has described.
fn person(id: &'static str) -> impl Strategy<Value = Value> {
    let text = || "[A-Z]{3}";
    let phones = subsequence(vec!["home", "Work", "work", "mobile"], 0..=4).prop_shuffle();
    let mails = subsequence(vec!["home", "work", "other"], 0..=3).prop_shuffle();
    let item = |kind: &str, at: usize| json!({"type": kind, "value": format!("{kind}-v"), "display": "D", "primary": at == 0});
    let addresses = option::of((text(), option::of(text())));
    let company = (option::of(text()), option::of(text()));
    (phones, mails, addresses, company, option::of(text()), vec(text(), 0..3)).prop_map(
        move |(phones, mails, address, (department, division), title, skills)| {
            let items = |kinds: Vec<&str>| {
                kinds.iter().enumerate().map(|(at, kind)| item(kind, at)).collect::<Vec<_>>()
            };
            let mut company = Map::new();
            company.insert("manager".to_owned(), json!({"value": "u-9", "$ref": "../Users/u-9"}));
            company.extend(department.map(|department| ("department".to_owned(), json!(department))));
            company.extend(division.map(|division| ("division".to_owned(), json!(division))));
            let mut person = json!({
                "id": id, "userName": format!("{id}@x.org"), "externalId": format!("E{id}"), "active": true,
                "name": {"givenName": "G", "middleName": "M", "formatted": "G M F"},
                "nickName": "N", "password": "secret", "roles": [{"value": "admin"}],
                "groups": [{"value": "g1", "display": "All"}],
                "urn:unknown:2.0:User": {"badge": "7", "deep": {"er": ["a", "b"]}},
            });
            let members = person.as_object_mut().unwrap();
            members.insert(ENTERPRISE.to_owned(), Value::Object(company));
            members.extend(title.map(|title| ("title".to_owned(), json!(title))));
            if !skills.is_empty() {
                members.insert(OWN.to_owned(), json!({"skills": skills}));
            }
            for (name, items) in [("phoneNumbers", items(phones)), ("emails", items(mails))] {
                if !items.is_empty() {
                    members.insert(name.to_owned(), Value::Array(items));
                }
            }
            if let Some((street, country)) = address {
                let mut address = json!({"type": "work", "streetAddress": street});
                address
                    .as_object_mut()
                    .unwrap()
                    .extend(country.map(|country| ("country".to_owned(), json!(country))));
                members.insert("addresses".to_owned(), json!([address]));
            }
            person
        },
    )
}

fn error(status: u16, kind: &str) -> Value {
    let schema = "urn:ietf:params:scim:api:messages:2.0:Error";
    let body = json!({"schemas": [schema], "status": status.to_string(), "scimType": kind, "detail": "echoed-by-the-server"});
    json!({"status": status, "body": body})
}

/// Enters everything below `value`; an item of a list is known by its type where no other one has it.
fn enter(flat: &mut Flat, place: &str, value: &Value) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                enter(flat, &format!("{place}.{name}"), value);
            }
        }
        Value::Array(items) => {
            let mut seen = BTreeMap::new();
            for (at, item) in items.iter().enumerate() {
                let Some(kind) = item["type"].as_str() else {
                    enter(flat, &format!("{place}[{at}]"), item);
                    continue;
                };
                let again = seen.entry(kind.to_lowercase()).and_modify(|count| *count += 1).or_insert(0);
                let again = if *again == 0 { String::new() } else { format!("#{again}") };
                let mut item = item.clone();
                item["type"] = json!(kind.to_lowercase());
                enter(flat, &format!("{place}[{}{again}]", kind.to_lowercase()), &item);
            }
        }
        other => drop(flat.insert(place.to_owned(), other.clone())),
    }
}

impl Kind for Scim {
    const KEEPS_PROCESSES_APART: bool = true;

    fn start(listener: TcpListener) -> io::Result<Simulator> {
        Simulator::scim(listener)
    }

    fn configuration() -> (Value, Value, Value) {
        let field = |(name, _, _): &(&str, _, _)| json!({"name": name, "fieldType": "String", "source": "Api", "isList": false});
        let to = |(name, to, _): &(&str, &str, _)| ((*name).to_owned(), json!(to));
        let fields: Map<_, _> = FIELDS.iter().map(to).collect();
        let entry = json!({
            "name": "scim", "kind": "scim", "baseUrl": "simulator:scim", "credentials": "scim",
            "identifiers": {"employeeId": "externalId", "userPrincipalName": "userName"},
            "extensions": {OWN: {"joinDate": "text"}}, "fields": fields, "limit": 50,
        });
        (FIELDS.iter().map(field).collect(), entry, json!({"token": scim::TOKEN}))
    }

    fn worlds() -> BoxedStrategy<World> {
        let people = (person(PEOPLE[0]), person(PEOPLE[1]), person(PEOPLE[2]));
        (people, any::<[bool; 3]>()).prop_map(|((one, two, three), [etag, patch, shows])| {
            let mut off = one.clone();
            off["id"] = json!("off");
            off["userName"] = json!("off@x.org");
            off["active"] = json!(false);
            World {
                state: Json(json!({"people": [one, two, off, three], "patchStatus": if shows { 200 } else { 204 }})),
                switches: Json(json!({"etag": etag, "patch": patch})),
                members: Json(json!({})),
            }
        })
        .boxed()
    }

    fn updates() -> BoxedStrategy<Update> {
        let key = prop_oneof![9 => select(PEOPLE.to_vec()), 1 => select(vec!["nobody", "off", "..", "U-1"])];
        let value = || prop_oneof![3 => "[a-z]{6,10}[ěß🎉\"\\\\]?".prop_map(Some), 1 => Just(None)];
        let fields = subsequence(FIELDS.to_vec(), 1..5).prop_flat_map(move |fields| {
            fields.into_iter().map(|(name, _, _)| (Just(name), value())).collect::<Vec<_>>()
        });
        (key, fields).prop_map(|(key, fields)| Update { key, fields }).boxed()
    }

    /// Ids are compared exactly (RFC 7643, 3.1).
    fn person(key: &str) -> String {
        key.to_owned()
    }

    fn paths() -> &'static [&'static str] {
        &["", "/Users", "/Users", "/ServiceProviderConfig"]
    }

    fn answers() -> Vec<Value> {
        // A "noTarget" would be a claim about what is stored.
        let mut answers = vec![error(400, "invalidValue"), error(409, "uniqueness")];
        answers.extend([401, 403, 404, 412, 413, 501].map(|status| error(status, "")));
        answers.extend([
            json!({"status": 200, "body": "<html>"}),
            json!({"status": 302}),
            json!({"status": 405}),
        ]);
        for fault in &mut answers {
            fault["method"] = if fault["status"] == 412 { json!("PATCH") } else { Value::Null };
        }
        answers.push(json!({"method": "PATCH", "status": 412}));
        answers.push(json!({"method": "PUT", "status": 412}));
        answers
    }

    fn switches() -> Vec<Value> {
        vec![
            json!({"limit": 1}),
            json!({"rate_per_s": 2}),
            json!({"rate_per_s": 2, "throttle_status": 503}),
            json!({"may_write": false}),
        ]
    }

    fn flat(state: &Value) -> Flat {
        let mut flat = Flat::new();
        for person in state["people"].as_array().unwrap() {
            enter(&mut flat, person["id"].as_str().unwrap(), person);
        }
        for other in ["tokens", "clients", "pageSize", "patchStatus"] {
            flat.insert(other.to_owned(), state[other].clone());
        }
        flat
    }

    fn named(_: &World, update: &Update) -> Vec<Named> {
        let mut named: Vec<Named> = Vec::new();
        for (field, value) in &update.fields {
            let place = format!("{}.{}", update.key, place(field));
            let value = value.clone().map(Value::from);
            if let (Some((list, _)), Some(_)) = (place.split_once(']'), &value) {
                let kind = list.rsplit_once('[').unwrap().1;
                named.push(Named { place: format!("{list}].type"), value: Some(json!(kind)), call: 0 });
            }
            named.push(Named { place, value, call: 0 });
        }
        named.dedup();
        named
    }

    fn fate(world: &World, update: &Update) -> Fate {
        let people = world.state.0["people"].as_array().unwrap();
        let person = people.iter().find(|person| person["id"] == update.key);
        let phones = person.and_then(|person| person["phoneNumbers"].as_array());
        let is_work = |phone: &&Value| phone["type"].as_str().unwrap().eq_ignore_ascii_case("work");
        let has_two = phones.is_some_and(|phones| phones.iter().filter(is_work).count() > 1);
        match update {
            update if !PEOPLE.contains(&update.key) => Fate::Unknown,
            // Of two phones for work none is guessed.
            update if has_two && update.fields.iter().any(|(field, _)| *field == "workPhone") => {
                Fate::Depends
            }
            _ => Fate::Done,
        }
    }

    fn forbidden(call: &Value) -> Option<String> {
        let path = call["path"].as_str().unwrap_or_default();
        let body: Value = serde_json::from_str(call["body"].as_str().unwrap_or_default()).unwrap_or_default();
        match call["method"].as_str().unwrap_or_default() {
            "GET" => None,
            "PUT" if path.contains("/Users/") => None,
            "PATCH" if path.contains("/Users/") => {
                body["Operations"].as_array().unwrap().iter().find_map(wipes)
            }
            _ => Some("an unknown call".to_owned()),
        }
    }

    /// Items keep their order, and new ones come after them.
    fn kept(before: &Value, after: &Value, _: &[Named]) -> Result<(), String> {
        for (was, is) in before["people"].as_array().unwrap().iter().zip(after["people"].as_array().unwrap())
        {
            for list in ["phoneNumbers", "emails", "addresses"] {
                let kinds = |person: &Value| {
                    let items = person[list].as_array().into_iter().flatten();
                    items.map(|item| item["type"].to_string()).collect::<Vec<_>>()
                };
                if !kinds(is).starts_with(&kinds(was)) {
                    return Err(format!("the order of {list}: {was} {is}"));
                }
            }
        }
        Ok(())
    }
}

/// What an operation would wipe that it does not name.
fn wipes(operation: &Value) -> Option<String> {
    let path = operation["path"].as_str().unwrap_or_default();
    let is_list = ["phoneNumbers", "emails", "addresses", "ims", "photos"].contains(&path);
    match operation["op"].as_str().unwrap_or_default() {
        _ if path.is_empty() => Some("no path".to_owned()),
        "replace" | "remove" if is_list || path.ends_with(']') => Some("a whole list or item".to_owned()),
        "replace" | "remove" | "add" => None,
        _ => Some("an unknown operation".to_owned()),
    }
}
