//! Stories at eSystems: departments and users who are told apart by Id, e-mail or external Id, some of whom nobody can tell
//! apart, on servers that store the good rows of a refused list and on such that do not.

use std::collections::BTreeSet;
use std::io;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};
use simulators::{Simulator, esystems};
use tokio::net::TcpListener;

use super::model::{Fate, Flat, Named};
use super::play::play;
use super::preview::look;
use super::story::{Json, Kind, Update, World};

#[test]
fn nobody_is_linked_by_esystems_whom_no_update_names_and_nobody_unlinked() {
    play::<Esystems>();
}

#[test]
fn what_esystems_says_would_change_is_what_changes() {
    look::<Esystems>();
}

struct Esystems;

/// Users; 5 and 6 share their e-mail and external Id, 7 has neither, 8 is not active.
const USERS: [&str; 8] = ["1", "2", "3", "4", "5", "6", "7", "8"];
/// Departments, one of which has to be encoded.
const DEPARTMENTS: [&str; 3] = ["d-1", "d-2", "Vývoj a/b+c"];

fn user(id: &str) -> Value {
    let shared = if id == "6" { "5" } else { id };
    let is_known = id != "7";
    json!({
        "Id": id.parse::<u32>().unwrap(), "Name": format!("N{id}"), "Username": format!("user{id}"),
        "Email": if is_known { format!("p{shared}@x.org") } else { String::new() },
        "External_Id": if is_known { format!("E{shared}") } else { String::new() },
        "Is_Active": id != "8",
    })
}

impl Kind for Esystems {
    fn start(listener: TcpListener) -> io::Result<Simulator> {
        Simulator::esystems(listener)
    }

    fn configuration() -> (Value, Value, Value) {
        let profile =
            json!([{"name": "department", "fieldType": "String", "source": "Api", "isList": false}]);
        let entry = json!({
            "name": "esystems", "kind": "esystems", "baseUrl": "simulator:esystems", "credentials": "esystems",
            "identifiers": {"employeeId": "External_Id", "userPrincipalName": "Email"},
            "fields": {"department": "Department"}, "limit": 50,
        });
        (profile, entry, json!({"clientId": esystems::CLIENT_ID, "clientSecret": esystems::CLIENT_SECRET}))
    }

    fn worlds() -> BoxedStrategy<World> {
        let linked = || subsequence(USERS.to_vec(), 0..5).prop_shuffle();
        let by = select(vec!["Id", "Email", "ExternalId", "Username"]);
        let statuses = (select(vec![404, 400]), select(vec![404, 400]));
        let expiry = select(vec![json!(3600), Value::Null]);
        ([linked(), linked(), linked()], by, statuses, expiry, any::<[bool; 3]>()).prop_map(
            |(linked, by, (unknown_user, unknown_department), expires_in, [partial, strict, repeats])| {
                let department = |(id, users): (&&str, &Vec<&str>)| {
                    let users: Vec<u32> = users.iter().map(|user| user.parse().unwrap()).collect();
                    json!({"Id": id, "Name": format!("N-{id}"), "ExternalId": format!("X-{id}"), "Users": users})
                };
                let departments: Vec<_> = DEPARTMENTS.iter().zip(&linked).map(department).collect();
                World {
                    state: Json(json!({"people": USERS.map(user).to_vec(), "departments": departments})),
                    switches: Json(json!({
                        "partial_apply": partial, "strict_user_id": strict, "repeat_last_page": repeats,
                        "unknown_user_status": unknown_user, "unknown_department_status": unknown_department,
                        "expires_in": expires_in,
                    })),
                    members: Json(json!({"addressedBy": by})),
                }
            },
        )
        .boxed()
    }

    fn updates() -> BoxedStrategy<Update> {
        let key = prop_oneof![9 => select(USERS.to_vec()), 1 => select(vec!["99", "joe", "01"])];
        let department = prop_oneof![
            9 => select(DEPARTMENTS.to_vec()).prop_map(|id| Some(id.to_owned())),
            1 => Just(Some("no-such".to_owned())),
            1 => Just(Some(" ".to_owned())),
            1 => Just(None),
        ];
        (key, department).prop_map(|(key, id)| Update { key, fields: vec![("department", id)] }).boxed()
    }

    fn paths() -> &'static [&'static str] {
        &["", "/oAuth", "/Endpoint", "/Endpoint/rest/api/v1/Department", "/Endpoint/rest/api/v1/Users"]
    }

    fn answers() -> Vec<Value> {
        let error = |status: u16, kind: &str| {
            let body = json!({"Errors": ["echoed-by-the-server"], "Type": kind, "Title": "Bad Request", "StatusCode": status});
            json!({"method": "PATCH", "status": status, "body": body})
        };
        let [mut token, mut page] = [json!({"status": 401}), json!({"status": 200, "body": "<html>"})];
        (token["method"], page["method"]) = (Value::Null, Value::Null);
        vec![
            error(400, "/Errors/Bad Input"),
            error(400, "Errors/Multible Rows"),
            error(403, "/Errors/Permission"),
            error(404, "Errors/Not Found"),
            error(413, ""),
            json!({"method": "PATCH", "status": 200, "body": {"Meta": {}, "Data": []}}),
            token,
            page,
            json!({"status": 302}),
            json!({"status": 405}),
        ]
    }

    fn switches() -> Vec<Value> {
        vec![
            json!({"limit": 1}),
            json!({"throttle": 429}),
            json!({"throttle": 503}),
            json!({"revoke_tokens": true}),
        ]
    }

    fn flat(state: &Value) -> Flat {
        let mut flat = Flat::from([("clients".to_owned(), state["clients"].clone())]);
        for person in state["people"].as_array().unwrap() {
            flat.insert(format!("user {}", person["Id"]), person.clone());
        }
        for department in state["departments"].as_array().unwrap() {
            let id = department["Id"].as_str().unwrap();
            for user in department["Users"].as_array().unwrap() {
                flat.insert(format!("{id} has {user}"), json!(true));
            }
            let mut rest = department.clone();
            rest.as_object_mut().unwrap().remove("Users");
            flat.insert(id.to_owned(), rest);
        }
        flat
    }

    fn named(_: &World, update: &Update) -> Vec<Named> {
        let named = |id: &String| Named {
            place: format!("{id} has {}", update.key),
            value: Some(json!(true)),
            call: 0,
        };
        update.fields.iter().filter_map(|(_, id)| id.as_ref().map(named)).collect()
    }

    fn fate(world: &World, update: &Update) -> Fate {
        let (_, department) = &update.fields[0];
        let by = world.members.0["addressedBy"].as_str().unwrap();
        match (department.as_deref(), update.key, by) {
            (None | Some("no-such" | " "), _, _) => Fate::Refused,
            (_, "99" | "joe" | "01", _) => Fate::Unknown,
            (_, "8", _) => Fate::Unknown,
            (_, _, "Id") => Fate::Done,
            // Whoever is linked already is done, although nobody could link them this way.
            (_, "5" | "6" | "7", "Email" | "ExternalId") => Fate::Depends,
            _ => Fate::Done,
        }
    }

    fn forbidden(call: &Value) -> Option<String> {
        let query = call["query"].as_str().unwrap_or_default().to_lowercase();
        let text = call["body"].as_str().unwrap_or_default();
        let body: Value = serde_json::from_str(text).unwrap_or_default();
        let users: Vec<_> =
            body["Users"].as_array().into_iter().flatten().map(|user| user["UserId"].as_str()).collect();
        // Two users may have one e-mail: then the server says so.
        let own = || users.iter().filter(|user| !matches!(user, Some("p5@x.org" | "E5")));
        let distinct: BTreeSet<_> = own().collect();
        match call["method"].as_str().unwrap_or_default() {
            _ if query.contains("deletenotexists") || text.to_lowercase().contains("deletenotexists") => {
                Some("unlinks".to_owned())
            }
            "PATCH" if distinct.len() < own().count() => Some("somebody twice".to_owned()),
            "PATCH" if users.is_empty() || users.iter().any(|user| user.is_none_or(str::is_empty)) => {
                Some("nobody".to_owned())
            }
            "PATCH" | "GET" => None,
            "POST" if call["path"].as_str().unwrap_or_default().ends_with("/Token") => None,
            _ => Some("an unknown call".to_owned()),
        }
    }

    /// Whoever was linked before comes first, in the same order.
    fn kept(before: &Value, after: &Value, _: &[Named]) -> Result<(), String> {
        let departments = |state: &Value| state["departments"].as_array().unwrap().clone();
        for (was, is) in departments(before).iter().zip(departments(after)) {
            if !is["Users"].as_array().unwrap().starts_with(was["Users"].as_array().unwrap()) {
                return Err(format!("the order of links: {was} {is}"));
            }
        }
        Ok(())
    }
}
