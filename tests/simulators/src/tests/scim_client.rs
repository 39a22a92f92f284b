//! Short ways to call a SCIM server, for the tests about it.
//! They send exactly what a test says, as the server is to be tried with mistakes too.

use serde_json::{Value, json};

use super::client::{Client, Reply};
use crate::{Simulator, free_port, scim};

pub(super) const JOE: &str = "u-100200300";
pub(super) const SARAH: &str = "u-100200301";
pub(super) const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
pub(super) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
pub(super) const PEOPLE: &str = "urn:people:params:scim:schemas:extension:2.0:User";

impl Client {
    pub(super) async fn scim() -> Client {
        Client(Simulator::scim(free_port().await.unwrap()).unwrap())
    }

    /// A call with the right token and more headers.
    pub(super) async fn scim_with(&self, call: &str, headers: &str, body: &Value) -> Reply {
        let head = format!(
            "{call} HTTP/1.1\r\nauthorization: Bearer {}\r\ncontent-type: application/scim+json{headers}",
            scim::TOKEN
        );
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(&head, &body).await.unwrap()
    }

    /// A call with the right token.
    pub(super) async fn scim_call(&self, call: &str, body: &Value) -> Reply {
        self.scim_with(call, "", body).await
    }

    pub(super) async fn scim_get(&self, path: &str) -> Reply {
        self.scim_call(&format!("GET {path}"), &Value::Null).await
    }

    /// The user names that a filter finds.
    pub(super) async fn filtered(&self, filter: &str) -> Reply {
        let encoded: String = filter.bytes().map(|byte| format!("%{byte:02X}")).collect();
        self.scim_get(&format!("/Users?filter={encoded}")).await
    }

    pub(super) async fn patch(&self, id: &str, operations: Value) -> Reply {
        self.scim_call(&format!("PATCH /Users/{id}"), &patch(operations)).await
    }

    /// One operation on Joe that must succeed.
    pub(super) async fn patch_joe(&self, operation: Value) -> Value {
        let reply = self.patch(JOE, json!([operation])).await;
        assert_eq!(reply.status, 200, "{operation}: {}", reply.text);
        self.user(JOE).await
    }

    /// A user as they are stored.
    pub(super) async fn user(&self, id: &str) -> Value {
        let state = self.get("/_sim/state").await.json();
        let people = state["people"].as_array().unwrap().clone();
        people.into_iter().find(|person| person["id"] == id).unwrap_or(Value::Null)
    }
}

impl Reply {
    /// Status and `scimType` of an error, whose body repeats the status as a text.
    pub(super) fn refused(&self) -> (u16, String) {
        let body = self.json();
        assert_eq!(body["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:Error"]));
        assert_eq!(body["status"], self.status.to_string());
        assert!(self.head.contains("content-type: application/scim+json"));
        (self.status, body["scimType"].as_str().unwrap_or("").to_owned())
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// The user names of a list.
    pub(super) fn user_names(&self) -> Vec<String> {
        let body = self.json();
        let resources = body["Resources"].as_array().unwrap_or_else(|| panic!("no list: {}", self.text));
        resources.iter().map(|user| user["userName"].as_str().unwrap().to_owned()).collect()
    }
}

pub(super) fn patch(operations: Value) -> Value {
    json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations})
}
