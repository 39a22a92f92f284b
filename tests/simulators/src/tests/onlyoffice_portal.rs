//! Short ways to call a simulated ONLYOFFICE portal.
//! They send a bare token and JSON unless a test says otherwise, as the contract tells clients to.

use serde_json::{Value, json};

use super::client::{Client, Reply};
use crate::{Simulator, free_port, onlyoffice};

pub(super) const JOE: &str = "00000000-0000-4000-8000-000100200300";
pub(super) const SARAH: &str = "00000000-0000-4000-8000-000100200301";
pub(super) const CIO: &str = "00000000-0000-4000-8000-000100200304";
pub(super) const GUEST: &str = "00000000-0000-4000-8000-000000200199";
pub(super) const IMPORTER: &str = "00000000-0000-4000-8000-000000000001";
pub(super) const NOBODY: &str = "00000000-0000-4000-8000-999999999999";

/// A portal, and a token for it.
pub(super) struct Portal {
    pub(super) client: Client,
    pub(super) token: String,
}

impl Portal {
    pub(super) async fn start() -> Portal {
        let client = Client(Simulator::onlyoffice(free_port().await.unwrap()).unwrap());
        let mut portal = Portal { client, token: String::new() };
        portal.token = token_of(&portal.log_in(onlyoffice::PASSWORD).await);
        portal
    }

    /// A portal in which this person has these contacts, and nothing else is there.
    pub(super) async fn with_contacts(contacts: Value) -> Portal {
        let portal = Portal::start().await;
        portal.put_people(json!([{"id": JOE, "email": "joe@company.com", "contacts": contacts}])).await;
        portal
    }

    pub(super) async fn put_people(&self, people: Value) {
        let reply = self.client.control("PUT /_sim/state", json!({ "people": people })).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
    }

    pub(super) async fn log_in(&self, password: &str) -> Reply {
        self.log_in_as(onlyoffice::USER_NAME, password).await
    }

    pub(super) async fn log_in_as(&self, user_name: &str, password: &str) -> Reply {
        let body = json!({"userName": user_name, "password": password});
        self.client.post("/api/2.0/authentication", &body).await
    }

    /// A call below `people` with a JSON body, which null is without.
    pub(super) async fn call(&self, method: &str, path: &str, body: Value) -> Reply {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.call_raw(method, path, "application/json", &body).await
    }

    pub(super) async fn call_raw(&self, method: &str, path: &str, media_type: &str, body: &str) -> Reply {
        let authorization = format!("authorization: {}", self.token);
        let content_type =
            if media_type.is_empty() { String::new() } else { format!("\r\ncontent-type: {media_type}") };
        let head = format!("{method} /api/2.0/people{path} HTTP/1.1\r\n{authorization}{content_type}");
        self.client.send(&head, body).await.unwrap()
    }

    pub(super) async fn get(&self, path: &str) -> Reply {
        self.call("GET", path, Value::Null).await
    }

    /// A person as a reading shows them.
    pub(super) async fn read(&self, id: &str) -> Value {
        let reply = self.get(&format!("/{id}")).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        response(&reply)
    }

    pub(super) async fn put_contacts(&self, id: &str, body: Value) -> Reply {
        self.call("PUT", &format!("/{id}/contacts"), body).await
    }

    pub(super) async fn put_profile(&self, id: &str, body: Value) -> Reply {
        self.call("PUT", &format!("/{id}"), body).await
    }

    /// A person as they are stored.
    pub(super) async fn stored(&self, id: &str) -> Value {
        let state = self.client.get("/_sim/state").await.json();
        let people = state["people"].as_array().unwrap().clone();
        people.into_iter().find(|person| person["id"] == id).unwrap_or(Value::Null)
    }

    /// The stored contacts as pairs of texts.
    pub(super) async fn contacts(&self, id: &str) -> Vec<(String, String)> {
        pairs(&self.stored(id).await)
    }
}

pub(super) fn token_of(reply: &Reply) -> String {
    assert_eq!(reply.status, 201, "{}", reply.text);
    response(reply)["token"].as_str().unwrap().to_owned()
}

pub(super) fn response(reply: &Reply) -> Value {
    reply.json()["response"].clone()
}

/// The contacts of a profile.
pub(super) fn pairs(person: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or("null").to_owned();
    let contacts = person["contacts"].as_array().cloned().unwrap_or_default();
    contacts.iter().map(|contact| (text(&contact["type"]), text(&contact["value"]))).collect()
}

/// Expected contacts, written short.
pub(super) fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(kind, value)| ((*kind).to_owned(), (*value).to_owned())).collect()
}

pub(super) fn contact(kind: &str, value: &str) -> Value {
    json!({"type": kind, "value": value})
}

/// Status and envelope of a failure: `status` is 1 and the code is repeated.
pub(super) fn is_failure(reply: &Reply, status: u16) {
    let body = reply.json();
    assert_eq!((reply.status, &body["status"], &body["statusCode"]), (status, &json!(1), &json!(status)));
    assert!(
        body["error"]["message"].is_string() && body.get("response").is_none() && body.get("count").is_none()
    );
}
