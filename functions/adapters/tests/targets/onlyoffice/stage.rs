//! A portal with its simulator, a clock that only the target's own waiting moves, and short ways to use them.
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
use simulators::{Simulator, free_port, onlyoffice};

pub(crate) const JOE: &str = "00000000-0000-4000-8000-000100200300";
pub(crate) const SARAH: &str = "00000000-0000-4000-8000-000100200301";
pub(crate) const GUEST: &str = "00000000-0000-4000-8000-000000200199";
pub(crate) const IMPORTER: &str = "00000000-0000-4000-8000-000000000001";
pub(crate) const NOBODY: &str = "00000000-0000-4000-8000-999999999999";
pub(crate) const IMPORT: &str = "0192f0c1-7c00-7a3b-8c4d-000102030405";

/// Far enough away that no test gets there by chance.
const LONG: Duration = Duration::from_secs(3600);

pub(crate) struct Stage {
    pub(crate) simulator: Simulator,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) target: ConfiguredTarget,
    secrets: Kept,
    http: HttpClient,
}

/// Credentials that may change while they are in use.
#[derive(Clone)]
struct Kept(Arc<Mutex<Secrets>>);

#[async_trait]
impl SecretSource for Kept {
    async fn read(&self) -> Result<Secrets, StoreError> {
        Ok(self.0.lock().unwrap().clone())
    }
}

/// Fields and the properties they are mapped to.
const FIELDS: [(&str, &str, &str); 13] = [
    ("phone", "Phone", "contacts.phone"),
    ("mobile", "Phone", "contacts.mobphone"),
    ("skype", "String", "contacts.skype"),
    ("mail", "String", "contacts.mail"),
    ("firstName", "String", "firstname"),
    ("lastName", "String", "lastname"),
    ("title", "String", "title"),
    ("location", "String", "location"),
    ("notes", "String", "comment"),
    ("sex", "String", "sex"),
    ("birthDate", "Date", "birthday"),
    ("joinDate", "Date", "worksfrom"),
    ("icq", "String", "contacts.icq"),
];

pub(crate) fn profile() -> Profile {
    let entry = |name: &str, kind: &str, is_list: bool| json!({"name": name, "fieldType": kind, "source": "Api", "isList": is_list});
    let mut entries: Vec<Value> = FIELDS.iter().map(|(name, kind, _)| entry(name, kind, false)).collect();
    entries.extend([
        entry("skills", "String", true),
        entry("jobTitle", "MultiLang", false),
        entry("other", "String", false),
    ]);
    Profile::parse(Value::Array(entries).to_string().as_bytes()).unwrap()
}

/// A target that maps every field.
pub(crate) fn entry() -> Value {
    let fields: HashMap<&str, &str> = FIELDS.iter().map(|(field, _, to)| (*field, *to)).collect();
    json!({
        "name": "portal", "kind": "onlyoffice", "baseUrl": "simulator:onlyoffice", "credentials": "portal",
        "identifiers": {"userPrincipalName": "email"}, "fields": fields, "limit": 50, "ratePerSecond": null,
    })
}

pub(crate) fn password(password: &str) -> Value {
    json!({"userName": onlyoffice::USER_NAME, "password": password})
}

fn secrets(credentials: &Value) -> Secrets {
    Secrets::parse(json!({ "portal": credentials }).to_string().as_bytes()).unwrap()
}

/// Connects these targets to a base URL, with these credentials.
pub(crate) fn connected(
    targets: &Value,
    url: &str,
    clock: Arc<dyn Clock>,
    store: SecretStore,
) -> Result<Vec<ConfiguredTarget>, InvalidTargets> {
    let config = json!({ "targets": targets }).to_string();
    let context = Context {
        secrets: Arc::new(store),
        simulators: HashMap::from([("onlyoffice".to_owned(), url.to_owned())]),
        leases: Arc::new(MemoryLeases::new(Arc::clone(&clock))),
        clock,
        engines: Engines::default(),
        share: Share::ALL,
    };
    connect(config.as_bytes(), &profile(), context)
}

/// Checks an entry with these members in it, and gives back what is wrong.
pub(crate) fn check_with(members: Value, credentials: &Value) -> Vec<String> {
    let mut entry = entry();
    entry.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(0)));
    let store = SecretStore::fixed(secrets(credentials));
    let made = connected(&json!([entry]), "http://127.0.0.1:1", clock, store);
    made.map_or_else(|invalid| invalid.0, |_| Vec::new())
}

impl Stage {
    /// The usual Workspace.
    pub(crate) async fn new() -> Stage {
        Stage::with(json!({}), &password(onlyoffice::PASSWORD)).await
    }

    /// A DocSpace of this mode, with an API key.
    pub(crate) async fn docspace(mode: &str) -> Stage {
        let stage =
            Stage::with(json!({"product": "docspace"}), &json!({"apiKey": onlyoffice::API_KEY})).await;
        stage.switch(json!({ "mode": mode })).await;
        stage
    }

    /// A target with these members of its entry, and these credentials.
    pub(crate) async fn with(members: Value, credentials: &Value) -> Stage {
        let simulator = Simulator::onlyoffice(free_port().await.unwrap()).unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_700_000_000_000)));
        let mut entry = entry();
        entry.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let secrets = Kept(Arc::new(Mutex::new(secrets(credentials))));
        let store = SecretStore::new(secrets.clone());
        let targets = connected(&json!([entry]), simulator.url(), clock.clone(), store);
        let target = targets.unwrap().remove(0);
        Stage { simulator, clock, target, secrets, http: HttpClient::new(&Trust::inside()).unwrap() }
    }

    /// Other credentials are kept from now on.
    pub(crate) fn keep(&self, credentials: &Value) {
        *self.secrets.0.lock().unwrap() = secrets(credentials);
    }

    pub(crate) fn until(&self) -> Timestamp {
        self.clock.now().plus(LONG)
    }

    pub(crate) async fn deliver(&self, updates: &[PersonUpdate]) -> Vec<Outcome> {
        self.target.api.deliver(updates, self.until()).await
    }

    /// Delivers one update of these fields.
    pub(crate) async fn update(&self, person: &str, fields: &[(&str, Option<&str>)]) -> Outcome {
        self.deliver(&[update(person, fields)]).await.remove(0)
    }

    /// Delivers one update with one field.
    pub(crate) async fn set(&self, person: &str, field: &str, value: &str) -> Outcome {
        self.update(person, &[(field, Some(value))]).await
    }

    /// Delivers one update that resets one field.
    pub(crate) async fn reset(&self, person: &str, field: &str) -> Outcome {
        self.update(person, &[(field, None)]).await
    }

    pub(crate) async fn find(&self, identifiers: &[Identifier]) -> Vec<Found> {
        self.target.api.find(identifiers, self.until()).await
    }

    pub(crate) async fn find_upn(&self, upn: &str) -> Found {
        self.find(&[Identifier::Upn(upn.to_owned())]).await.remove(0)
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

    /// Every write is met with this.
    pub(crate) async fn fault_of_writes(&self, mut rule: Value) {
        rule["method"] = json!("PUT");
        self.faults(json!([rule])).await;
    }

    /// Replaces the people by joe alone, with these contacts.
    pub(crate) async fn contacts(&self, contacts: &[(&str, &str)]) {
        let contacts: Value =
            contacts.iter().map(|(kind, value)| json!({"type": kind, "value": value})).collect();
        let joe = json!({"id": JOE, "email": "joe@company.com", "firstName": "Joe", "lastName": "M", "contacts": contacts});
        self.people(json!([joe])).await;
    }

    /// Replaces the people.
    pub(crate) async fn people(&self, people: Value) {
        self.control("PUT", "/_sim/state", json!({ "people": people })).await;
    }

    pub(crate) async fn calls(&self) -> Vec<Value> {
        self.control("GET", "/_sim/calls", Value::Null).await.as_array().unwrap().clone()
    }

    pub(crate) async fn forget_calls(&self) {
        self.control("DELETE", "/_sim/calls", Value::Null).await;
    }

    /// How many log-ins, reads and writes there were.
    pub(crate) async fn counts(&self) -> [usize; 3] {
        let calls = self.calls().await;
        ["POST", "GET", "PUT"].map(|method| calls.iter().filter(|call| call["method"] == method).count())
    }

    /// The paths and bodies of all writes, in order.
    pub(crate) async fn writes(&self) -> Vec<(String, Value)> {
        let calls = self.calls().await;
        let writes = calls.iter().filter(|call| call["method"] == "PUT");
        let body = |call: &Value| serde_json::from_str(call["body"].as_str().unwrap()).unwrap();
        writes.map(|call| (call["path"].as_str().unwrap().to_owned(), body(call))).collect()
    }

    /// A person as they are stored.
    pub(crate) async fn stored(&self, person: &str) -> Value {
        let state = self.control("GET", "/_sim/state", Value::Null).await;
        let people = state["people"].as_array().unwrap();
        people.iter().find(|stored| stored["id"] == person).cloned().unwrap_or(Value::Null)
    }

    /// The contacts of a person as they are stored.
    pub(crate) async fn stored_contacts(&self, person: &str) -> Vec<(String, String)> {
        let stored = self.stored(person).await;
        let text = |contact: &Value, name: &str| contact[name].as_str().unwrap().to_owned();
        let contacts = stored["contacts"].as_array().unwrap().iter();
        contacts.map(|contact| (text(contact, "type"), text(contact, "value"))).collect()
    }
}

/// Contacts, to be compared with stored ones.
pub(crate) fn pairs(contacts: &[(&str, &str)]) -> Vec<(String, String)> {
    contacts.iter().map(|(kind, value)| ((*kind).to_owned(), (*value).to_owned())).collect()
}

/// An update; `None` resets a field.
pub(crate) fn update(person: &str, fields: &[(&str, Option<&str>)]) -> PersonUpdate {
    let profile = profile();
    let change = |(field, value): &(&str, Option<&str>)| {
        let field = profile.field(field).unwrap();
        let value = value.map_or(FieldValue::Reset, |text| FieldValue::Text(text.to_owned()));
        Change { field: field.name.clone(), kind: field.kind, value }
    };
    PersonUpdate {
        import: ImportId::parse(IMPORT).unwrap(),
        key: NativeKey(person.to_owned()),
        changes: fields.iter().map(change).collect(),
        people: Arc::default(),
    }
}

/// Updates of the generated people, each with a telephone number of its own.
pub(crate) fn many(count: usize) -> Vec<PersonUpdate> {
    let id = |n: usize| format!("00000000-0000-4000-8000-{:012}", 200_000 + n);
    (0..count).map(|n| update(&id(n), &[("phone", Some(&format!("N{n}")))])).collect()
}

pub(crate) fn refused(why: &str) -> Ending {
    Ending::Refused(why.to_owned())
}

pub(crate) fn deferred(why: &str) -> Ending {
    Ending::Deferred(why.to_owned())
}

pub(crate) fn partly(why: &str) -> Ending {
    Ending::PartlyUpdated(why.to_owned())
}
