//! An Aktion with its simulator, a clock that only the target's own waiting moves, and short ways to use them.
//! What a test says is what is special about it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use people_adapters::http_client::{HttpClient, Limits, Trust};
use people_adapters::secrets::{SecretStore, Secrets};
use people_adapters::share::Share;
use people_adapters::targets::config::InvalidTargets;
use people_adapters::targets::{Context, Engines, connect};
use people_core::id::ImportId;
use people_core::log::{Ending, Outcome};
use people_core::memory::{ManualClock, MemoryLeases};
use people_core::person::{Identifier, NativeKey};
use people_core::ports::{Clock, ConfiguredTarget, Found, Listing, PersonUpdate};
use people_core::profile::Profile;
use people_core::time::Timestamp;
use people_core::update::{Change, Value as FieldValue};
use serde_json::{Value, json};
use simulators::{Simulator, aktion, free_port};

pub(crate) const JOE: &str = "100200300";
pub(crate) const SARAH: &str = "100200301";
pub(crate) const GUID: &str = "0192f0c1-7c00-7a3b-8c4d-000102030405";

/// Far enough away that no test gets there by chance.
const LONG: Duration = Duration::from_secs(3600);

pub(crate) struct Stage {
    pub(crate) simulator: Simulator,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) target: ConfiguredTarget,
    engines: Engines,
    http: HttpClient,
}

/// A profile with a field for every property, all of source Api unless their names say otherwise.
pub(crate) fn profile() -> Profile {
    let entry = |name: &str, kind: &str, source: &str, is_list: bool| json!({"name": name, "fieldType": kind, "source": source, "isList": is_list});
    let text = |name: &&str| entry(name, "String", "Api", false);
    let mut entries: Vec<Value> =
        FIELDS.iter().map(|(field, _)| *field).collect::<Vec<_>>().iter().map(text).collect();
    entries.extend(["costCenter", "department"].iter().map(text));
    entries.extend([
        entry("joinDate", "Date", "Api", false),
        entry("birthDate", "Date", "Api", false),
        entry("website", "Link", "Api", false),
        entry("skills", "String", "Api", true),
        entry("jobTitle", "MultiLang", "Api", false),
        entry("titles", "MultiLang", "Api", true),
        entry("manager", "PersonIdentifier", "Api", false),
        entry("assistants", "PersonIdentifier", "Api", true),
        entry("contract", "File", "Api", false),
        entry("nickname", "String", "User", false),
        entry("displayName", "String", "Entra", false),
    ]);
    Profile::parse(Value::Array(entries).to_string().as_bytes()).unwrap()
}

/// Fields of type String and the properties they are mapped to, but for those of Aktion CLOUD.
const FIELDS: [(&str, &str); 16] = [
    ("firstName", "Name"),
    ("lastName", "Surname"),
    ("structure", "OrganizationStructure"),
    ("email", "Email"),
    ("entryCode", "IdentifierEntryCode"),
    ("card1", "IdentifierCard1"),
    ("card2", "IdentifierCard2"),
    ("position", "EmployeePosition"),
    ("phone", "PhoneNumber"),
    ("mobile", "MobilPhoneNumber"),
    ("notes", "Desc"),
    ("titleBefore", "DegreeInFrontName"),
    ("titleAfter", "DegreeAfterName"),
    ("sex", "Sex"),
    ("pin", "PIN"),
    ("loginName", "LoginName"),
];

/// A target that maps every field, with the login name as UPN.
pub(crate) fn entry() -> Value {
    let mut fields: HashMap<&str, &str> = FIELDS[..15].iter().copied().collect();
    fields.insert("joinDate", "UdsCollection.a2s1");
    fields.insert("birthDate", "UdsCollection.a2s2");
    fields.insert("costCenter", "UdsCollection.a2s3");
    fields.insert("website", "UdsCollection.a2s4");
    json!({
        "name": "aktion", "kind": "aktion", "baseUrl": "simulator:aktion", "credentials": "aktion",
        "identifiers": {"employeeId": "PersonId", "userPrincipalName": "LoginName"},
        "fields": fields,
        "columns": {
            "a2s1": "nvarchar(100)", "a2s2": "nvarchar(100)", "a2s3": "nvarchar(100)", "a2s4": "nvarchar(100)",
        },
        "limit": 50, "ratePerSecond": null,
    })
}

pub(crate) fn secrets(api_key: &str) -> Secrets {
    let secrets = json!({"aktion": {"userLogin": aktion::USER_LOGIN, "apiKey": api_key}});
    Secrets::parse(secrets.to_string().as_bytes()).unwrap()
}

/// Connects these targets to a base URL, with the right credentials.
pub(crate) fn connected(
    targets: &Value,
    url: &str,
    clock: Arc<dyn Clock>,
) -> Result<Vec<ConfiguredTarget>, InvalidTargets> {
    connected_with(targets, url, (clock, Engines::default()), secrets(aktion::API_KEY))
}

fn connected_with(
    targets: &Value,
    url: &str,
    (clock, engines): (Arc<dyn Clock>, Engines),
    secrets: Secrets,
) -> Result<Vec<ConfiguredTarget>, InvalidTargets> {
    let simulators = HashMap::from([("aktion".to_owned(), url.to_owned())]);
    let config = json!({ "targets": targets }).to_string();
    let leases = Arc::new(MemoryLeases::new(Arc::clone(&clock)));
    connect(
        config.as_bytes(),
        &profile(),
        Context {
            secrets: Arc::new(SecretStore::fixed(secrets)),
            simulators,
            clock,
            engines,
            leases,
            share: Share::ALL,
        },
    )
}

impl Stage {
    /// The usual target.
    pub(crate) async fn new() -> Stage {
        Stage::with(json!({})).await
    }

    /// The usual target with these members of its entry.
    pub(crate) async fn with(members: Value) -> Stage {
        Stage::open(members, aktion::API_KEY).await
    }

    pub(crate) async fn with_key(api_key: &str) -> Stage {
        Stage::open(json!({}), api_key).await
    }

    async fn open(members: Value, api_key: &str) -> Stage {
        let simulator = Simulator::aktion(free_port().await.unwrap()).unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_700_000_000_000)));
        let mut entry = entry();
        entry.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let engines = Engines::default();
        let context = (clock.clone() as Arc<dyn Clock>, engines.clone());
        let targets = connected_with(&json!([entry]), simulator.url(), context, secrets(api_key));
        let target = targets.unwrap().remove(0);
        Stage { simulator, clock, target, engines, http: HttpClient::new(&Trust::inside()).unwrap() }
    }

    /// The target as a new configuration makes it, with these members of its entry, while the former one is at work.
    pub(crate) fn made_again(&self, members: Value) -> ConfiguredTarget {
        let mut entry = entry();
        entry.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let context = (self.clock.clone() as Arc<dyn Clock>, self.engines.clone());
        let secrets = secrets(aktion::API_KEY);
        connected_with(&json!([entry]), self.simulator.url(), context, secrets).unwrap().remove(0)
    }

    pub(crate) fn until(&self) -> Timestamp {
        self.clock.now().plus(LONG)
    }

    pub(crate) async fn deliver(&self, updates: &[PersonUpdate]) -> Vec<Outcome> {
        self.target.api.deliver(updates, self.until()).await
    }

    /// Delivers one update with one field.
    pub(crate) async fn set(&self, person: &str, field: &str, value: &str) -> Outcome {
        self.deliver(&[update(person, &[(field, Some(value))])]).await.remove(0)
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

    /// Every update is answered so; `times` null is for ever.
    pub(crate) async fn answer_updates(&self, status: u16, number: Value, times: Value) {
        let body = if number.is_null() { Value::Null } else { envelope(number) };
        self.faults(json!([{"path": "/person/update", "status": status, "body": body, "times": times}]))
            .await;
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

    /// Waits until so many calls to this path have arrived, answered or not.
    pub(crate) async fn arrived(&self, path: &str, count: usize) {
        while self.calls().await.iter().filter(|call| call["path"] == path).count() < count {}
    }

    /// How many log-ins, updates, readings of a person and of the list there were.
    pub(crate) async fn counts(&self) -> [usize; 4] {
        let calls = self.calls().await;
        ["/login", "/person/update", "/person/get", "/person/getAll"]
            .map(|path| calls.iter().filter(|call| call["path"] == path).count())
    }

    /// The bodies of all updates, in order.
    pub(crate) async fn bodies(&self) -> Vec<Value> {
        let calls = self.calls().await;
        let updates = calls.iter().filter(|call| call["path"] == "/person/update");
        updates.map(|call| serde_json::from_str(call["body"].as_str().unwrap()).unwrap()).collect()
    }

    /// A person as they are stored.
    pub(crate) async fn stored(&self, person: &str) -> Value {
        let state = self.control("GET", "/_sim/state", Value::Null).await;
        let people = state["people"].as_array().unwrap();
        people.iter().find(|stored| stored["PersonId"] == person).cloned().unwrap_or(Value::Null)
    }
}

pub(crate) fn envelope(number: Value) -> Value {
    json!({"Result": {"Message": "?", "Code": number, "ModelStateErr": null}, "Request": null})
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
        import: ImportId::parse(GUID).unwrap(),
        key: NativeKey(person.to_owned()),
        changes: fields.iter().map(change).collect(),
        people: Arc::default(),
    }
}

/// Updates of the generated people, each with a first name of its own.
pub(crate) fn many(count: usize) -> Vec<PersonUpdate> {
    (0..count).map(|n| update(&(200_000 + n).to_string(), &[("firstName", Some(&format!("N{n}")))])).collect()
}

pub(crate) fn refused(why: &str) -> Ending {
    Ending::Refused(why.to_owned())
}

pub(crate) fn deferred(why: &str) -> Ending {
    Ending::Deferred(why.to_owned())
}
