//! An eSystems with its simulator, a clock that only the target's own waiting moves, and short ways to use them.
//! What a test says is what is special about it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use people_adapters::http_client::{HttpClient, Limits, Trust};
use people_adapters::secrets::{SecretSource, SecretStore, Secrets};
use people_adapters::share::Share;
use people_adapters::targets::config::InvalidTargets;
use people_adapters::targets::{Context, Engines, connect};
use people_core::error::StoreError;
use people_core::id::ImportId;
use people_core::log::{Ending, Outcome};
use people_core::memory::{ManualClock, MemoryLeases};
use people_core::person::{Identifier, NativeKey};
use people_core::ports::{Clock, ConfiguredTarget, Found, Listing, PersonUpdate};
use people_core::profile::Profile;
use people_core::time::Timestamp;
use people_core::update::{Change, Value as FieldValue};
use serde_json::{Value, json};
use simulators::{Simulator, esystems, free_port};

pub(crate) const JOE: &str = "35001";
pub(crate) const SARAH: &str = "35002";
pub(crate) const GUID: &str = "0192f0c1-7c00-7a3b-8c4d-000102030405";
pub(crate) const BASE: &str = "/Endpoint/rest/api/v1";
pub(crate) const TOKEN: &str = "/oAuth/rest/v2/Token";

/// Far enough away that no test gets there by chance.
const LONG: Duration = Duration::from_secs(3600);

pub(crate) struct Stage {
    pub(crate) simulator: Simulator,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) target: ConfiguredTarget,
    vault: Vault,
    http: HttpClient,
}

/// Credentials that can be changed.
#[derive(Clone)]
struct Vault(Arc<Mutex<Secrets>>);

#[async_trait]
impl SecretSource for Vault {
    async fn read(&self) -> Result<Secrets, StoreError> {
        Ok(self.0.lock().unwrap().clone())
    }
}

pub(crate) fn profile() -> Profile {
    let entry = |name: &str, kind: &str, is_list: bool| json!({"name": name, "fieldType": kind, "source": "Api", "isList": is_list});
    let entries = json!([
        entry("department", "String", false),
        entry("firstName", "String", false),
        entry("joinDate", "Date", false),
        entry("skills", "String", true),
        entry("manager", "PersonIdentifier", false),
        entry("jobTitle", "MultiLang", false),
    ]);
    Profile::parse(entries.to_string().as_bytes()).unwrap()
}

/// The Id of a department of the sample.
pub(crate) fn department(name: &str) -> &'static str {
    esystems::DEPARTMENTS.iter().find(|(known, _)| *known == name).unwrap().1
}

/// A target that takes the Ids of departments as they are, with the e-mail as UPN.
pub(crate) fn entry() -> Value {
    json!({
        "name": "esystems", "kind": "esystems", "baseUrl": "simulator:esystems", "credentials": "esystems",
        "identifiers": {"employeeId": "External_Id", "userPrincipalName": "Email"},
        "fields": {"department": "Department"},
    })
}

pub(crate) fn secrets(client_secret: &str) -> Secrets {
    let secrets =
        json!({"esystems": {"clientId": esystems::CLIENT_ID, "clientSecret": client_secret}, "other": {}});
    Secrets::parse(secrets.to_string().as_bytes()).unwrap()
}

/// Connects these targets to a base URL.
pub(crate) fn connected(
    targets: &Value,
    url: &str,
    clock: Arc<dyn Clock>,
    secrets: SecretStore,
) -> Result<Vec<ConfiguredTarget>, InvalidTargets> {
    let context = Context {
        secrets: Arc::new(secrets),
        simulators: HashMap::from([("esystems".to_owned(), url.to_owned())]),
        leases: Arc::new(MemoryLeases::new(Arc::clone(&clock))),
        clock,
        engines: Engines::default(),
        share: Share::ALL,
    };
    connect(json!({ "targets": targets }).to_string().as_bytes(), &profile(), context)
}

impl Stage {
    /// The usual target.
    pub(crate) async fn new() -> Stage {
        Stage::with(json!({})).await
    }

    /// The usual target with these members of its entry.
    pub(crate) async fn with(members: Value) -> Stage {
        Stage::open(members, esystems::CLIENT_SECRET).await
    }

    pub(crate) async fn with_secret(client_secret: &str) -> Stage {
        Stage::open(json!({}), client_secret).await
    }

    async fn open(members: Value, client_secret: &str) -> Stage {
        let simulator = Simulator::esystems(free_port().await.unwrap()).unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_700_000_000_000)));
        let mut entry = entry();
        entry.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let vault = Vault(Arc::new(Mutex::new(secrets(client_secret))));
        let store = SecretStore::new(vault.clone());
        let targets = connected(&json!([entry]), simulator.url(), clock.clone(), store);
        let target = targets.unwrap().remove(0);
        Stage { simulator, clock, target, vault, http: HttpClient::new(&Trust::inside()).unwrap() }
    }

    /// Keeps other credentials from now on.
    pub(crate) fn rotate(&self, client_secret: &str) {
        *self.vault.0.lock().unwrap() = secrets(client_secret);
    }

    pub(crate) fn until(&self) -> Timestamp {
        self.clock.now().plus(LONG)
    }

    pub(crate) async fn deliver(&self, updates: &[PersonUpdate]) -> Vec<Outcome> {
        self.target.api.deliver(updates, self.until()).await
    }

    /// Links users to the department of this name, in one batch.
    pub(crate) async fn link(&self, users: &[&str], name: &str) -> Vec<Outcome> {
        let updates: Vec<_> = users.iter().map(|user| update(user, Some(department(name)))).collect();
        self.deliver(&updates).await
    }

    pub(crate) async fn find(&self, identifiers: &[Identifier]) -> Vec<Found> {
        self.target.api.find(identifiers, self.until()).await
    }

    pub(crate) async fn list(&self) -> Listing {
        self.target.api.list(self.until()).await
    }

    pub(crate) async fn control(&self, method: &str, path: &str, body: Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let uri = format!("{}{path}", self.simulator.url());
        let request = Request::builder().method(method).uri(uri).body(Full::new(Bytes::from(body))).unwrap();
        let limits = Limits { time: Duration::from_secs(10), bytes: 64 << 20 };
        let answer = self.http.send(request, limits).await.unwrap();
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!(answer.status, 200, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    pub(crate) async fn switch(&self, switches: Value) {
        self.control("PUT", "/_sim/switches", switches).await;
    }

    pub(crate) async fn faults(&self, rules: Value) {
        self.control("PUT", "/_sim/faults", rules).await;
    }

    /// Every list of links is answered so; `times` null is for ever.
    pub(crate) async fn answer_links(&self, status: u16, body: Value, times: Value) {
        self.faults(json!([{"method": "PATCH", "status": status, "body": body, "times": times}])).await;
    }

    /// Replaces users and departments.
    pub(crate) async fn put(&self, people: Value, departments: Value) {
        self.control("PUT", "/_sim/state", json!({"people": people, "departments": departments})).await;
    }

    pub(crate) async fn calls(&self) -> Vec<Value> {
        self.control("GET", "/_sim/calls", Value::Null).await.as_array().unwrap().clone()
    }

    pub(crate) async fn forget_calls(&self) {
        self.control("DELETE", "/_sim/calls", Value::Null).await;
    }

    /// Waits until so many lists of links have arrived, answered or not.
    pub(crate) async fn arrived(&self, count: usize) {
        while self.calls().await.iter().filter(|call| call["method"] == "PATCH").count() < count {}
    }

    /// How many log-ins, lists of links and readings there were.
    pub(crate) async fn counts(&self) -> [usize; 3] {
        let calls = self.calls().await;
        ["POST", "PATCH", "GET"].map(|method| calls.iter().filter(|call| call["method"] == method).count())
    }

    /// The users of every list of links, in the order of their arrival.
    pub(crate) async fn sent(&self) -> Vec<Vec<String>> {
        let users = |body: &Value| {
            let users = body["Users"].as_array().unwrap().iter();
            users.map(|user| user["UserId"].as_str().unwrap().to_owned()).collect()
        };
        self.bodies().await.iter().map(users).collect()
    }

    /// The bodies of all lists of links.
    pub(crate) async fn bodies(&self) -> Vec<Value> {
        let calls = self.calls().await;
        let links = calls.iter().filter(|call| call["method"] == "PATCH");
        links.map(|call| serde_json::from_str(call["body"].as_str().unwrap()).unwrap()).collect()
    }

    /// Who is linked to the department with this Id.
    pub(crate) async fn linked(&self, id: &str) -> Vec<i64> {
        let state = self.control("GET", "/_sim/state", Value::Null).await;
        let departments = state["departments"].as_array().unwrap();
        let department = departments.iter().find(|department| department["Id"] == id).unwrap();
        department["Users"].as_array().unwrap().iter().map(|user| user.as_i64().unwrap()).collect()
    }
}

/// Users with these Ids and nothing else.
pub(crate) fn crowd(ids: impl Iterator<Item = usize>) -> Value {
    ids.map(|id| json!({ "Id": id })).collect()
}

/// An error in the envelope of eSystems.
pub(crate) fn envelope(status: u16, kind: &str) -> Value {
    json!({
        "Errors": ["joe@company.com"], "Type": kind, "Title": "Bad Request", "StatusCode": status,
        "Instance": "/", "RequestKey": "req-1",
    })
}

/// An update of the department; `None` resets it.
pub(crate) fn update(user: &str, department: Option<&str>) -> PersonUpdate {
    let profile = profile();
    let field = profile.field("department").unwrap();
    let value = department.map_or(FieldValue::Reset, |text| FieldValue::Text(text.to_owned()));
    PersonUpdate {
        import: ImportId::parse(GUID).unwrap(),
        key: NativeKey(user.to_owned()),
        changes: vec![Change { field: field.name.clone(), kind: field.kind, value }],
        people: Arc::default(),
    }
}

pub(crate) fn refused(why: &str) -> Ending {
    Ending::Refused(why.to_owned())
}

pub(crate) fn deferred(why: &str) -> Ending {
    Ending::Deferred(why.to_owned())
}

/// How each of them ended.
pub(crate) fn endings(outcomes: &[Outcome]) -> Vec<Ending> {
    outcomes.iter().map(|outcome| outcome.ending.clone()).collect()
}
