//! Stories at ONLYOFFICE, Workspace and both DocSpaces: contacts in any order and of any type, guests, leads, groups, and
//! people whose profile comes from elsewhere: all that a write replaces or resets unless it is sent along.

use std::collections::BTreeSet;
use std::io;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value, json};
use simulators::{Simulator, onlyoffice};
use tokio::net::TcpListener;

use super::model::{Fate, Flat, Named};
use super::play::play;
use super::preview::look;
use super::story::{Json, Kind, Update, World};

#[test]
fn what_no_update_of_onlyoffice_names_stays_and_what_is_done_is_there() {
    play::<Onlyoffice>();
}

#[test]
fn what_onlyoffice_says_would_change_is_what_changes() {
    look::<Onlyoffice>();
}

struct Onlyoffice;

/// A user, a guest, and somebody whose profile comes from a directory of the company.
const PEOPLE: [&str; 3] = [
    "00000000-0000-4000-8000-000000000011",
    "00000000-0000-4000-8000-000000000022",
    "00000000-0000-4000-8000-000000000033",
];
const LEAD: &str = "00000000-0000-4000-8000-000000000044";
const GROUPS: [&str; 2] = ["00000000-0000-4000-8000-00000000aaaa", "00000000-0000-4000-8000-00000000bbbb"];
const NOBODY: &str = "00000000-0000-4000-8000-999999999999";
/// The most contacts of one type at the beginning.
const MOST: usize = 8;

/// Fields, where they go, the member that shows them, and their types.
const FIELDS: [(&str, &str, &str, &str); 11] = [
    ("phone", "contacts.phone", "", "String"),
    ("skype", "contacts.skype", "", "String"),
    ("mail", "contacts.mail", "", "String"),
    ("firstName", "firstname", "firstName", "String"),
    ("lastName", "lastname", "lastName", "String"),
    ("title", "title", "title", "String"),
    ("location", "location", "location", "String"),
    ("notes", "comment", "notes", "String"),
    ("sex", "sex", "sex", "String"),
    ("birthDate", "birthday", "birthday", "Date"),
    ("joinDate", "worksfrom", "workFrom", "Date"),
];

fn known(field: &str) -> (&'static str, &'static str) {
    let known = FIELDS.iter().find(|(known, ..)| *known == field).unwrap();
    (known.1, known.2)
}

fn values(field: &'static str) -> BoxedStrategy<Option<String>> {
    let some = |texts: &[&str]| select(texts.iter().map(|text| Some((*text).to_owned())).collect::<Vec<_>>());
    let text = || "[a-z]{6,10}[ěß]?".prop_map(Some);
    match field {
        "sex" => prop_oneof![6 => some(&["male", "female"]), 1 => some(&["Male"]), 1 => Just(None)].boxed(),
        "birthDate" | "joinDate" => {
            prop_oneof![3 => some(&["1990-05-04", "2023-11-01"]), 1 => Just(None)].boxed()
        }
        "phone" | "skype" | "mail" => {
            // A value may be another contact's type.
            prop_oneof![5 => text(), 1 => some(&["skype", "phone"]), 1 => some(&["", "a|b", "🎉"]), 2 => Just(None)].boxed()
        }
        _ => prop_oneof![6 => text(), 1 => some(&["🎉"]), 2 => Just(None)].boxed(),
    }
}

fn takes(field: &str, value: Option<&str>) -> bool {
    match (field, value) {
        ("firstName" | "lastName" | "sex", None) => false,
        (_, None) => true,
        (_, Some("🎉" | "a|b" | "Male")) => false,
        ("phone" | "skype" | "mail", Some("")) => false,
        (_, Some(_)) => true,
    }
}

fn person(id: &'static str) -> impl Strategy<Value = Value> {
    let kinds = select(vec!["phone", "skype", "mail", "mobphone", "GTalk", "extmail", "Phone", "own"]);
    let contacts = vec((kinds, "[A-Z]{3}|skype|phone"), 0..6);
    let text = || option::of("[A-Z]{3}");
    let texts = (text(), text(), option::of(select(vec!["male", "female"])), option::of(Just("1980-02-03")));
    (contacts, texts, any::<bool>(), subsequence(GROUPS.to_vec(), 0..=2)).prop_map(
        move |(contacts, (title, notes, sex, birthday), has_lead, groups)| {
            let contacts: Vec<_> =
                contacts.iter().map(|(kind, value)| json!({"type": kind, "value": value})).collect();
            let mut person = json!({
                "id": id, "email": format!("{}@x.org", &id[34..]), "firstName": "F", "lastName": "L",
                "isVisitor": id == PEOPLE[1], "isLDAP": id == PEOPLE[2], "cultureName": "cs-CZ",
                "mobilePhone": "+420", "location": "Brno", "workFrom": "2020-01-02T00:00:00.0000000Z",
                "contacts": contacts, "groups": if id == PEOPLE[1] { Vec::new() } else { groups },
            });
            let others = [
                ("title", title),
                ("notes", notes),
                ("sex", sex.map(str::to_owned)),
                ("birthday", birthday.map(|day| format!("{day}T00:00:00.0000000Z"))),
                ("lead", has_lead.then(|| LEAD.to_owned())),
            ];
            let members =
                others.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value?))));
            person.as_object_mut().unwrap().extend(members);
            person
        },
    )
}

impl Kind for Onlyoffice {
    const KEEPS_PROCESSES_APART: bool = true;
    const FAILURES_ARE_REFUSALS: bool = true;

    fn start(listener: TcpListener) -> io::Result<Simulator> {
        Simulator::onlyoffice(listener)
    }

    fn configuration() -> (Value, Value, Value) {
        let field = |(name, _, _, kind): &(&str, _, _, &str)| json!({"name": name, "fieldType": kind, "source": "Api", "isList": false});
        let to = |(name, to, ..): &(&str, &str, _, _)| ((*name).to_owned(), json!(to));
        let fields: Map<_, _> = FIELDS.iter().map(to).collect();
        let entry = json!({
            "name": "portal", "kind": "onlyoffice", "baseUrl": "simulator:onlyoffice", "credentials": "portal",
            "identifiers": {"userPrincipalName": "email"}, "fields": fields, "limit": 50, "ratePerSecond": null,
        });
        let secrets = json!({"userName": onlyoffice::USER_NAME, "password": onlyoffice::PASSWORD});
        (FIELDS.iter().map(field).collect(), entry, secrets)
    }

    fn worlds() -> BoxedStrategy<World> {
        let people = (person(PEOPLE[0]), person(PEOPLE[1]), person(PEOPLE[2]), person(LEAD));
        let mode = prop_oneof![4 => Just("workspace"), 1 => Just("docspace_old"), 1 => Just("docspace_new")];
        (people, mode, proptest::bool::weighted(0.9))
            .prop_map(|((one, two, three, lead), mode, may_view)| {
                let importer = json!({
                    "id": "00000000-0000-4000-8000-000000000001", "email": onlyoffice::USER_NAME,
                    "firstName": "I", "lastName": "M", "isAdmin": true, "isOwner": true,
                });
                let groups: Vec<_> = GROUPS.iter().map(|id| json!({"id": id, "name": &id[32..]})).collect();
                let product = if mode == "workspace" { "workspace" } else { "docspace" };
                World {
                    state: Json(json!({"people": [importer, one, two, three, lead], "groups": groups})),
                    switches: Json(json!({"mode": mode, "may_view_private": may_view})),
                    members: Json(json!({"product": product})),
                }
            })
            .boxed()
    }

    fn updates() -> BoxedStrategy<Update> {
        let key = prop_oneof![9 => select(PEOPLE.to_vec()), 1 => select(vec![NOBODY, "joe"])];
        let fields = subsequence(FIELDS.to_vec(), 1..4).prop_flat_map(|fields| {
            fields.into_iter().map(|(name, ..)| (Just(name), values(name))).collect::<Vec<_>>()
        });
        (key, fields).prop_map(|(key, fields)| Update { key, fields }).boxed()
    }

    fn paths() -> &'static [&'static str] {
        &["", "/api/2.0/authentication", "/api/2.0/people", "/api/2.0/people"]
    }

    fn answers() -> Vec<Value> {
        let error = |status: u16| {
            let body = json!({"status": 1, "statusCode": status, "error": {"message": "echoed-by-the-server", "hresult": -1}});
            json!({"method": "PUT", "status": status, "body": body})
        };
        let mut answers: Vec<_> = [400, 403, 404, 500].map(error).into();
        answers.extend([404, 403, 405].map(|status| json!({"method": "PUT", "status": status})));
        answers.extend([json!({"status": 401, "body": "Unauthorized"}), json!({"status": 402})]);
        answers.extend([json!({"status": 200, "body": "<html>"}), json!({"status": 302})]);
        answers
    }

    fn switches() -> Vec<Value> {
        vec![
            json!({"limit": 1}),
            json!({"rate_per_10s": 1}),
            json!({"rate_per_10s": 1, "throttle_status": 429}),
            json!({"may_edit": false}),
            json!({"portal_state": "unpaid"}),
            json!({"portal_state": "restoring"}),
        ]
    }

    fn flat(state: &Value) -> Flat {
        let mut flat = Flat::new();
        for person in state["people"].as_array().unwrap() {
            let id = person["id"].as_str().unwrap();
            for (name, value) in person.as_object().unwrap() {
                let value = match name.as_str() {
                    "birthday" | "workFrom" => value.as_str().map_or(Value::Null, |text| json!(&text[..10])),
                    _ => value.clone(),
                };
                if name != "contacts" && !value.is_null() && value != "" {
                    flat.insert(format!("{id} {name}"), value);
                }
            }
            let mut counts = std::collections::BTreeMap::new();
            for contact in person["contacts"].as_array().unwrap() {
                let kind = contact["type"].as_str().unwrap();
                let number = counts.entry(kind).and_modify(|count| *count += 1).or_insert(0);
                flat.insert(format!("{id} contacts.{kind}#{number}"), contact["value"].clone());
            }
        }
        flat.insert("groups".to_owned(), state["groups"].clone());
        flat.insert("accounts".to_owned(), state["accounts"].clone());
        flat
    }

    fn named(world: &World, update: &Update) -> Vec<Named> {
        let is_workspace = world.members.0["product"] == "workspace";
        let mut named = Vec::new();
        for (field, value) in &update.fields {
            let (to, member) = known(field);
            let value = value.clone().filter(|text| !text.is_empty()).map(Value::from);
            let mut enter = |place: String, value, call| {
                named.push(Named { place: format!("{} {place}", update.key), value, call });
            };
            match (to.starts_with("contacts."), value) {
                (true, None) => (0..MOST).for_each(|number| enter(format!("{to}#{number}"), None, 0)),
                (true, value) => enter(format!("{to}#0"), value, 0),
                (false, value) => enter(member.to_owned(), value, u8::from(!is_workspace)),
            }
        }
        named
    }

    fn fate(world: &World, update: &Update) -> Fate {
        let is_workspace = world.members.0["product"] == "workspace";
        let is_synced = |(field, _): &(&str, Option<String>)| {
            ["firstName", "lastName", "title", "location"].contains(field)
        };
        match update {
            update if !update.fields.iter().all(|(field, value)| takes(field, value.as_deref())) => {
                Fate::Refused
            }
            update if !PEOPLE.contains(&update.key) => Fate::Unknown,
            _ if !is_workspace || world.switches.0["may_view_private"] == false => Fate::Depends,
            update if update.key == PEOPLE[2] && update.fields.iter().any(is_synced) => Fate::Depends,
            _ => Fate::Done,
        }
    }

    fn forbidden(call: &Value) -> Option<String> {
        let path = call["path"].as_str().unwrap_or_default();
        let body: Value = serde_json::from_str(call["body"].as_str().unwrap_or_default()).unwrap_or_default();
        let items = || body["contacts"].as_array().into_iter().flatten();
        let is_proper = |item: &Value| {
            ["type", "value"]
                .iter()
                .all(|name| item[*name].as_str().is_some_and(|text| !text.is_empty() && !text.contains('|')))
        };
        match call["method"].as_str().unwrap_or_default() {
            "GET" => None,
            "POST" if path.ends_with("/authentication") => None,
            "PUT" if !items().all(is_proper) => Some("an improper contact".to_owned()),
            "PUT" if path.ends_with("/contacts") && !body["contacts"].is_array() => {
                Some("wipes contacts".to_owned())
            }
            "PUT" => None,
            _ => Some("an unknown call".to_owned()),
        }
    }

    /// Contacts of other types keep their order.
    fn kept(before: &Value, after: &Value, named: &[Named]) -> Result<(), String> {
        for (was, is) in before["people"].as_array().unwrap().iter().zip(after["people"].as_array().unwrap())
        {
            let id = was["id"].as_str().unwrap();
            let touched: BTreeSet<_> = named
                .iter()
                .filter_map(|named| named.place.strip_prefix(&format!("{id} contacts."))?.split('#').next())
                .collect();
            let others = |person: &Value| {
                let mut contacts = person["contacts"].as_array().unwrap().clone();
                contacts.retain(|contact| !touched.contains(contact["type"].as_str().unwrap()));
                contacts
            };
            if others(was) != others(is) {
                return Err(format!("the order of contacts: {was} {is}"));
            }
        }
        Ok(())
    }
}
