//! A SCIM server's target with its simulator, a clock that only the target's own waiting moves, and short ways to use them.
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
use people_core::memory::{self, ManualClock, MemoryLeases};
use people_core::person::{Identifier, NativeKey};
use people_core::ports::{
    App, Clock, ConfiguredTarget, Found, Leases, Listing, PersonUpdate, Reference, Sighting,
};
use people_core::profile::Profile;
use people_core::time::Timestamp;
use people_core::update::{Change, Value as FieldValue};
use serde_json::{Value, json};
use simulators::{Simulator, free_port, scim};

pub(crate) const JOE: &str = "u-100200300";
pub(crate) const SARAH: &str = "u-100200301";
pub(crate) const GUID: &str = "0192f0c1-7c00-7a3b-8c4d-000102030405";
pub(crate) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
pub(crate) const OWN: &str = "urn:people:params:scim:schemas:extension:2.0:User";

/// Far enough away that no test gets there by chance.
const LONG: Duration = Duration::from_secs(3600);

pub(crate) struct Stage {
    pub(crate) simulator: Simulator,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) target: ConfiguredTarget,
    pub(crate) leases: Arc<MemoryLeases>,
    http: HttpClient,
}

/// Fields of type String and where they go.
const FIELDS: [(&str, &str); 12] = [
    ("firstName", "name.givenName"),
    ("lastName", "name.familyName"),
    ("displayName", "displayName"),
    ("title", "title"),
    ("language", "preferredLanguage"),
    ("workPhone", "phoneNumbers[type eq \"work\"].value"),
    ("mobile", "phoneNumbers[type eq \"mobile\"].value"),
    ("homePhone", "phoneNumbers[type eq \"home\"].value"),
    ("city", "addresses[type eq \"work\"].locality"),
    ("country", "addresses[type eq \"work\"].country"),
    ("department", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department"),
    ("costCenter", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:costCenter"),
];

/// A profile with these fields, a manager, and a field for each kind of member that an extension may have.
pub(crate) fn profile() -> Profile {
    let entry = |name: &str, kind: &str, is_list: bool| json!({"name": name, "fieldType": kind, "source": "Api", "isList": is_list});
    let mut entries: Vec<Value> = FIELDS.iter().map(|(field, _)| entry(field, "String", false)).collect();
    entries.extend([
        entry("joinDate", "Date", false),
        entry("skills", "String", true),
        entry("manager", "PersonIdentifier", false),
        entry("staff", "PersonIdentifier", true),
        entry("jobTitle", "MultiLang", false),
        entry("other", "String", false),
    ]);
    Profile::parse(Value::Array(entries).to_string().as_bytes()).unwrap()
}

/// A target that maps every field, with the employeeId in `externalId`.
pub(crate) fn entry() -> Value {
    let mut fields: HashMap<&str, String> =
        FIELDS.iter().map(|(field, path)| (*field, (*path).to_owned())).collect();
    fields.insert("manager", format!("{ENTERPRISE}:manager"));
    for (field, member) in [("joinDate", "joinDate"), ("skills", "skills"), ("staff", "staffMembers")] {
        fields.insert(field, format!("{OWN}:{member}"));
    }
    json!({
        "name": "scim", "kind": "scim", "baseUrl": "simulator:scim", "credentials": "scim",
        "identifiers": {"employeeId": "externalId", "userPrincipalName": "userName"},
        "extensions": {OWN: {"joinDate": "text", "skills": "texts", "staffMembers": "people"}},
        "fields": fields, "limit": 50,
    })
}

pub(crate) fn secrets(own: Value) -> Secrets {
    Secrets::parse(json!({ "scim": own }).to_string().as_bytes()).unwrap()
}

pub(crate) fn static_token() -> Secrets {
    secrets(json!({"token": scim::TOKEN}))
}

/// Connects these targets to a base URL.
pub(crate) fn connected(
    targets: &Value,
    url: &str,
    (clock, leases): (Arc<dyn Clock>, Arc<dyn Leases>),
    secrets: SecretStore,
) -> Result<Vec<ConfiguredTarget>, InvalidTargets> {
    let simulators = HashMap::from([("scim".to_owned(), url.to_owned())]);
    let config = json!({ "targets": targets }).to_string();
    let (secrets, engines) = (Arc::new(secrets), Engines::default());
    let context = Context { secrets, simulators, clock, engines, leases, share: Share::ALL };
    connect(config.as_bytes(), &profile(), context)
}

impl Stage {
    /// The usual target.
    pub(crate) async fn new() -> Stage {
        Stage::with(json!({})).await
    }

    /// The usual target with these members of its entry.
    pub(crate) async fn with(members: Value) -> Stage {
        Stage::open(members, SecretStore::fixed(static_token())).await
    }

    /// The usual target, whose server has these switches from the beginning.
    pub(crate) async fn switched(switches: Value) -> Stage {
        let stage = Stage::new().await;
        stage.switch(switches).await;
        stage
    }

    /// The usual target, whose secret is rotated to this one where it is kept as soon as it has been read.
    pub(crate) async fn rotated(members: Value, first: Value, then: Value) -> Stage {
        let store = SecretStore::new(Later(Mutex::new(Some(secrets(first))), secrets(then)));
        store.refresh().await.unwrap();
        Stage::open(members, store).await
    }

    pub(crate) async fn open(members: Value, secrets: SecretStore) -> Stage {
        let simulator = Simulator::scim(free_port().await.unwrap()).unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_700_000_000_000)));
        let leases = Arc::new(MemoryLeases::new(clock.clone() as Arc<dyn Clock>));
        let mut entry = entry();
        entry.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let outside = (clock.clone() as Arc<dyn Clock>, leases.clone() as Arc<dyn Leases>);
        let target = connected(&json!([entry]), simulator.url(), outside, secrets).unwrap().remove(0);
        Stage { simulator, clock, target, leases, http: HttpClient::new(&Trust::inside()).unwrap() }
    }

    pub(crate) fn until(&self) -> Timestamp {
        self.clock.now().plus(LONG)
    }

    pub(crate) async fn deliver(&self, updates: &[PersonUpdate]) -> Vec<Outcome> {
        self.target.api.deliver(updates, self.until()).await
    }

    /// Delivers one update.
    pub(crate) async fn send(&self, person: &str, fields: &[(&str, Option<&str>)]) -> Outcome {
        self.deliver(&[update(person, fields)]).await.remove(0)
    }

    /// Delivers one update with one field.
    pub(crate) async fn set(&self, person: &str, field: &str, value: &str) -> Outcome {
        self.send(person, &[(field, Some(value))]).await
    }

    pub(crate) async fn find(&self, identifiers: &[Identifier]) -> Vec<Found> {
        self.target.api.find(identifiers, self.until()).await
    }

    pub(crate) async fn find_upn(&self, upn: &str) -> Found {
        self.find(&[Identifier::Upn(upn.to_owned())]).await.remove(0)
    }

    pub(crate) async fn find_id(&self, id: &str) -> Found {
        self.find(&[Identifier::EmployeeId(id.to_owned())]).await.remove(0)
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

    /// Every write is answered so; `times` null is for ever.
    pub(crate) async fn answer_writes(&self, status: u16, body: Value, times: Value) {
        self.faults(
            json!([{"method": "PATCH", "path": "/Users", "status": status, "body": body, "times": times}]),
        )
        .await;
    }

    /// Replaces what is stored: `{"people": […]}` and more.
    pub(crate) async fn state(&self, state: Value) {
        self.control("PUT", "/_sim/state", state).await;
    }

    /// Changes one user as somebody else would.
    pub(crate) async fn change(&self, person: &str, change: impl FnOnce(&mut Value)) {
        let mut state = self.control("GET", "/_sim/state", Value::Null).await;
        let people = state["people"].as_array_mut().unwrap();
        change(people.iter_mut().find(|stored| stored["id"] == person).unwrap());
        self.state(state).await;
    }

    pub(crate) async fn calls(&self) -> Vec<Value> {
        self.control("GET", "/_sim/calls", Value::Null).await.as_array().unwrap().clone()
    }

    /// The method and path of every call but those for what the server is able to do.
    pub(crate) async fn called(&self) -> Vec<String> {
        let calls = self.calls().await;
        let told =
            |call: &Value| format!("{} {}", call["method"].as_str().unwrap(), call["path"].as_str().unwrap());
        calls.iter().map(told).filter(|call| call != "GET /ServiceProviderConfig").collect()
    }

    pub(crate) async fn forget_calls(&self) {
        self.control("DELETE", "/_sim/calls", Value::Null).await;
    }

    /// The calls of this method.
    pub(crate) async fn of(&self, method: &str) -> Vec<Value> {
        self.calls().await.into_iter().filter(|call| call["method"] == method).collect()
    }

    /// The bodies of all writes, in order.
    pub(crate) async fn bodies(&self) -> Vec<Value> {
        let calls = self.calls().await;
        let writes = calls.iter().filter(|call| call["method"] == "PATCH" || call["method"] == "PUT");
        writes.map(|call| serde_json::from_str(call["body"].as_str().unwrap()).unwrap()).collect()
    }

    /// A user as they are stored.
    pub(crate) async fn stored(&self, person: &str) -> Value {
        let state = self.control("GET", "/_sim/state", Value::Null).await;
        let people = state["people"].as_array().unwrap();
        people.iter().find(|stored| stored["id"] == person).cloned().unwrap_or(Value::Null)
    }
}

/// Secrets that are the first ones once, and then the others.
struct Later(Mutex<Option<Secrets>>, Secrets);

#[async_trait]
impl SecretSource for Later {
    async fn read(&self) -> Result<Secrets, StoreError> {
        Ok(self.0.lock().unwrap().take().unwrap_or_else(|| self.1.clone()))
    }
}

/// An update; `None` resets a field.
pub(crate) fn update(person: &str, fields: &[(&str, Option<&str>)]) -> PersonUpdate {
    let value =
        |text: &Option<&str>| text.map_or(FieldValue::Reset, |text| FieldValue::Text(text.to_owned()));
    let changes = fields.iter().map(|(field, text)| (*field, value(text)));
    update_with(person, changes, &[])
}

/// An update with values of any kind, and the ids of the people whom they name.
pub(crate) fn update_with<'a>(
    person: &str,
    changes: impl IntoIterator<Item = (&'a str, FieldValue)>,
    people: &[(&str, Option<&str>)],
) -> PersonUpdate {
    let profile = profile();
    let change = |(field, value): (&str, FieldValue)| {
        let field = profile.field(field).unwrap();
        Change { field: field.name.clone(), kind: field.kind, value }
    };
    let reference = |(text, id): &(&str, Option<&str>)| {
        let key = id.map(|id| NativeKey(id.to_owned()));
        ((*text).to_owned(), Reference { key, employee_id: None, upn: None })
    };
    PersonUpdate {
        import: ImportId::parse(GUID).unwrap(),
        key: NativeKey(person.to_owned()),
        changes: changes.into_iter().map(change).collect(),
        people: Arc::new(people.iter().map(reference).collect()),
    }
}

pub(crate) fn joe() -> Found {
    person(JOE, "100200300", "joe@company.com")
}

pub(crate) fn person(key: &str, employee_id: &str, upn: &str) -> Found {
    Found::Person(Sighting {
        key: NativeKey(key.to_owned()),
        employee_id: Some(employee_id.to_owned()),
        upn: Some(upn.to_owned()),
    })
}

pub(crate) fn refused(why: &str) -> Ending {
    Ending::Refused(why.to_owned())
}

pub(crate) fn deferred(why: &str) -> Ending {
    Ending::Deferred(why.to_owned())
}

/// An error as SCIM has it.
pub(crate) fn error(status: u16, kind: &str) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
        "status": status.to_string(), "scimType": kind, "detail": "it says 'Rumpelstilzchen'",
    })
}

/// The product around the target, with nothing in its stores.
pub(crate) fn app(stage: &Stage) -> App {
    App {
        profile: Arc::new(profile()),
        targets: Arc::from([stage.target.clone()]),
        ..memory::app(stage.clock.clone())
    }
}
