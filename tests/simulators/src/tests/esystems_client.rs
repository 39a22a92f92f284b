//! Short ways to call an eSystems, with a token.
//! They send what they are told, so that a test can also send what no client should.

use serde_json::{Value, json};

use super::client::{Client, Reply};
use crate::{Simulator, esystems, free_port};

pub(super) const BASE: &str = "/Endpoint/rest/api/v1";
pub(super) const TOKEN: &str = "/oAuth/rest/v2/Token";
pub(super) const NOBODY: &str = "unknown@company.com";

pub(super) fn it() -> &'static str {
    esystems::DEPARTMENTS[0].1
}

pub(super) fn sales() -> &'static str {
    esystems::DEPARTMENTS[3].1
}

pub(super) fn form(id: &str, secret: &str) -> String {
    format!("grant_type=client_credentials&client_id={id}&client_secret={secret}")
}

pub(super) fn by(field: &str) -> Value {
    json!([{"Name": "UserId", "FieldName": field}])
}

/// The body of a list, with or without rules.
pub(super) fn users(extra: Value, ids: &[&str]) -> Value {
    let users: Vec<_> = ids.iter().map(|id| json!({"UserId": id})).collect();
    if extra.is_null() { json!({"Users": users}) } else { json!({"Extra": extra, "Users": users}) }
}

pub(super) fn ids(reply: &Reply) -> Vec<i64> {
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()["Data"].as_array().unwrap().iter().map(|user| user["Id"].as_i64().unwrap()).collect()
}

pub(super) fn kind(reply: &Reply) -> (u16, String) {
    (reply.status, reply.json()["Type"].as_str().unwrap().to_owned())
}

pub(super) fn bad_input() -> (u16, String) {
    (400, "/Errors/Bad Input".to_owned())
}

pub(super) fn several() -> (u16, String) {
    (400, "Errors/Multible Rows".to_owned())
}

pub(super) fn not_found() -> (u16, String) {
    (404, "Errors/Not Found".to_owned())
}

pub(super) fn unauthorized() -> (u16, String) {
    (401, "/Errors/Unauthorized".to_owned())
}

/// An eSystems, and a token for it.
pub(super) struct Es {
    pub(super) client: Client,
    pub(super) token: String,
}

impl Es {
    pub(super) async fn new() -> Es {
        let client = Client(Simulator::esystems(free_port().await.unwrap()).unwrap());
        let mut es = Es { client, token: String::new() };
        es.log_in().await;
        es
    }

    pub(super) async fn ask(&self, form: &str) -> Reply {
        let head = format!("POST {TOKEN} HTTP/1.1\r\ncontent-type: application/x-www-form-urlencoded");
        self.client.send(&head, form).await.unwrap()
    }

    pub(super) async fn log_in(&mut self) {
        let reply = self.ask(&form(esystems::CLIENT_ID, esystems::CLIENT_SECRET)).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        self.token = reply.json()["access_token"].as_str().unwrap().to_owned();
    }

    pub(super) async fn call(&self, method: &str, path: &str, body: &str) -> Reply {
        let authorization = format!("authorization: Bearer {}", self.token);
        let head =
            format!("{method} {BASE}/{path} HTTP/1.1\r\n{authorization}\r\ncontent-type: application/json");
        self.client.send(&head, body).await.unwrap()
    }

    pub(super) async fn get(&self, path: &str) -> Reply {
        self.call("GET", path, "").await
    }

    pub(super) async fn patch(&self, department: &str, query: &str, body: &Value) -> Reply {
        self.call("PATCH", &format!("Department/{department}/Users{query}"), &body.to_string()).await
    }

    /// Sends one list with these rules to IT.
    pub(super) async fn import(&self, extra: Value, ids: &[&str]) -> Reply {
        self.patch(it(), "", &users(extra, ids)).await
    }

    pub(super) async fn state(&self) -> Value {
        self.client.get("/_sim/state").await.json()
    }

    /// Who is linked to a department, by its place in the state.
    pub(super) async fn linked(&self, place: usize) -> Value {
        self.state().await["departments"][place]["Users"].clone()
    }

    /// A state with users 1 to `many`, the first `linked` of them linked to IT.
    pub(super) async fn fill(&self, many: i64, linked: i64) {
        let people: Vec<_> = (1..=many).map(|id| json!({"Id": id, "Email": format!("u{id}@x.y")})).collect();
        let linked: Vec<_> = (1..=linked).collect();
        let departments = json!([{"Id": it(), "Name": "IT", "ExternalId": "DE001", "Users": linked}]);
        self.put(json!({"people": people, "departments": departments})).await;
    }

    pub(super) async fn put(&self, state: Value) {
        let reply = self.client.control("PUT /_sim/state", state).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
    }
}
