//! Where functions are walked through: a local stack whose stores have the names of a deployment, watched on the way.

use std::collections::{BTreeSet, HashMap};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lambda_http::{Body, Request, Response};
use people_adapters::aws::{self, Aws, AwsSettings};
use people_adapters::config::{Config, PROFILE_DEFINITION, TARGETS};
use people_adapters::dynamodb::{DynamoImports, DynamoKeys, DynamoUndelivered, Tables, create_tables};
use people_adapters::http::Route;
use people_adapters::s3::{S3Bodies, create_bucket, write_object};
use people_adapters::secret::Secret;
use people_adapters::secrets::{Secrets, SecretsAt};
use people_adapters::share::Share;
use people_adapters::system::{self, SystemClock};
use people_core::document::Content;
use people_core::log::{Answer, Form, ImportLog, PartLog, PartOutcome, State, Subject};
use people_core::memory;
use people_core::person::{Identifier, Person, PersonKey};
use people_core::ports::{
    ApiKey, App, Bodies, Clock, Feature, Imports, IndexEntry, KeyHash, Keys, Undelivered,
};
use people_core::shown::Shown;
use people_core::staged::{self, Accepted};
use people_core::summary::Source;
use people_core::time::Timestamp;
use people_core::undelivered::{self, Kept, Update, Waiting};
use serde_json::{Value, json};
use simulators::Simulator;

use super::calls::{Need, SECRET, logging};
use super::compare::SHARE;
use super::read::{ACCOUNT, REGION};
use super::record::{Notes, before};
use super::says::{Made, STAGE};
use crate::http::send;
use crate::stack::Local;

const DEFINITION: &[u8] = include_bytes!("../../../infra/profile-definition.json");
const SAMPLE_TARGETS: &[u8] = include_bytes!("../../../infra/targets.json");

/// The stores of a deployment, its secret, and the targets.
pub(crate) struct Place {
    local: Local,
    aws: Aws,
    bucket: String,
    secrets: Simulator,
}

impl Place {
    /// With tables, bucket, configuration and keys, as an administrator leaves them behind.
    pub(crate) async fn new() -> Place {
        let local = Local::start().await;
        let ready = local.ready();
        let secrets = Simulator::secrets_manager(simulators::free_port().await.unwrap()).unwrap();
        let aws = aws::connect(&at(&local, [&ready.dynamodb, &ready.s3, secrets.url()])).await;
        let place = Place { aws, bucket: format!("people-{STAGE}-{ACCOUNT}"), local, secrets };
        let tables = Tables::with_prefix(&format!("people-{STAGE}"));
        create_tables(&place.aws.dynamodb, &tables).await.unwrap();
        create_bucket(&place.aws.s3, &place.bucket).await.unwrap();
        place.configure().await;
        place.keep_credentials();
        let clock = Arc::new(SystemClock::default());
        let keys = DynamoKeys::new(place.aws.dynamodb.clone(), &tables, Arc::clone(&clock) as _);
        for feature in Feature::ALL {
            let hash = KeyHash::of(feature.as_str());
            keys.create(&ApiKey::new(hash, feature.as_str(), [feature], clock.now())).await.unwrap();
        }
        place
    }

    /// The settings of a function whose calls are noted: what the template tells it.
    pub(crate) async fn watched(&self, function: &Made) -> (Config, Notes) {
        let notes = Arc::new(Mutex::default());
        let days: u64 = function.variables["PEOPLE_RETENTION_DAYS"].parse().unwrap();
        let requests = function.variables["PEOPLE_REQUESTS_PER_MINUTE"].parse().unwrap();
        let ready = self.local.ready();
        let (dynamodb, s3) = (before(&ready.dynamodb, &notes).await, before(&ready.s3, &notes).await);
        let secrets_manager = before(self.secrets.url(), &notes).await;
        let secret = function.variables.get("PEOPLE_TARGET_SECRET").cloned();
        let config = Config {
            aws: at(&self.local, [&dynamodb, &s3, &secrets_manager]),
            tables: Tables::with_prefix(&function.variables["PEOPLE_TABLE_PREFIX"]),
            bucket: function.variables["PEOPLE_BUCKET"].clone(),
            retention: Duration::from_secs(24 * 60 * 60 * days),
            requests_per_minute: NonZeroU32::new(requests),
            secrets: secret.map_or_else(|| SecretsAt::Settings(Secrets::default()), SecretsAt::Manager),
            share: function.variables.get(SHARE).map_or(Share::ALL, |share| Share::parse(share).unwrap()),
            simulators: ready.simulators.clone().into_iter().collect::<HashMap<_, _>>(),
        };
        (config, notes)
    }

    /// Puts the targets' credentials into the secret.
    fn keep_credentials(&self) {
        let credentials = json!({
            "aktion": {"userLogin": simulators::aktion::USER_LOGIN, "apiKey": simulators::aktion::API_KEY},
            "onlyoffice": {
                "userName": simulators::onlyoffice::USER_NAME,
                "password": simulators::onlyoffice::PASSWORD,
            },
        });
        let state = json!({"secrets": {SECRET: credentials.to_string()}}).to_string();
        assert_eq!(send("PUT /_sim/state", self.secrets.url(), &[], state.as_bytes()).status, 200);
    }

    /// Puts a good configuration into the bucket.
    pub(crate) async fn configure(&self) {
        self.push(PROFILE_DEFINITION, DEFINITION).await;
        self.push(TARGETS, &some_targets()).await;
    }

    /// Puts an object of the configuration into the bucket.
    pub(crate) async fn push(&self, key: &str, content: &[u8]) {
        write_object(&self.aws.s3, &self.bucket, key, content.to_vec()).await.unwrap();
    }

    /// Takes an object out of the bucket.
    pub(crate) async fn delete(&self, key: &str) {
        self.aws.s3.delete_object().bucket(&self.bucket).key(key).send().await.unwrap();
    }

    /// Whether connections break that bring updates to one of the targets.
    pub(crate) fn refuse_updates(&self, refuses: bool) {
        let rule = json!({"path": "/person/update", "close": "before", "times": null});
        let rules = if refuses { json!([rule]) } else { json!([]) };
        let json = [("Content-Type", "application/json")];
        let url = &self.local.ready().simulators["aktion"];
        assert_eq!(send("PUT /_sim/faults", url, &json, rules.to_string().as_bytes()).status, 200);
    }

    /// Stores a body whose import was accepted so many seconds ago, and gives back its id.
    pub(crate) async fn arrived(&self, content_type: &str, body: Vec<u8>, ago: i64, dry_run: bool) -> String {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let at = Timestamp::from_millis(clock.now().millis() - ago * 1000);
        let tables = Tables::with_prefix(&format!("people-{STAGE}"));
        let id = system::new_import_id(at).unwrap();
        let bodies = S3Bodies::new(self.aws.s3.clone(), self.bucket.clone(), Arc::clone(&clock));
        assert!(bodies.put(id, content_type, &Content::Memory(body.into())).await.unwrap());
        let day = Duration::from_secs(24 * 60 * 60);
        let imports = DynamoImports::new(self.aws.dynamodb.clone(), &tables, Arc::clone(&clock), day);
        let app = App { imports: Arc::new(imports), ..memory::app(clock) };
        let accepted = Accepted { id, received_at: at, key_name: "k".into(), form: Form::Array, dry_run };
        staged::accept(&app, accepted).await.unwrap();
        id.to_string()
    }

    /// The log of an import whose only part failed, and its body where there is one.
    pub(crate) async fn failed(&self, body: Option<&'static [u8]>) -> String {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let (now, tables) = (clock.now(), Tables::with_prefix(&format!("people-{STAGE}")));
        let id = system::new_import_id(now).unwrap();
        let part = PartLog { subject: Subject::Person(None), outcome: PartOutcome::UnknownPerson };
        let log = ImportLog {
            id,
            received_at: now,
            key_name: Shown::new("k"),
            state: State::Ended(Answer::Failed),
            fault: None,
            parts: vec![part],
            names_targets: true,
            dry_run: false,
            form: Form::Array,
            source: Source::Staged,
            later: Vec::new(),
        };
        let day = Duration::from_secs(24 * 60 * 60);
        let imports = DynamoImports::new(self.aws.dynamodb.clone(), &tables, Arc::clone(&clock), day);
        imports.open(&log, None).await.unwrap();
        let ghost = PersonKey::of(&Identifier::Upn("ghost@company.com".into()));
        let entry = IndexEntry { person: ghost, import: id, part: 0, fields: Vec::new() };
        imports.index(&[entry]).await.unwrap();
        let bodies = S3Bodies::new(self.aws.s3.clone(), self.bucket.clone(), clock);
        if let Some(body) = body {
            assert!(bodies.put(id, "application/json", &Content::Memory(body.into())).await.unwrap());
        }
        id.to_string()
    }

    /// Keeps an update of this person that has gone nowhere yet, and the log that says so, whose id is given back.
    pub(crate) async fn waits(&self, upn: &str) -> String {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let (now, tables) = (clock.now(), Tables::with_prefix(&format!("people-{STAGE}")));
        let day = Duration::from_secs(24 * 60 * 60);
        let imports = DynamoImports::new(self.aws.dynamodb.clone(), &tables, Arc::clone(&clock), day);
        let (import, person) = (system::new_import_id(now).unwrap(), Shown::new(upn));
        let why = "nobody could tell".to_owned();
        let subject = Subject::Person(Some(person.clone()));
        let log = ImportLog {
            id: import,
            received_at: now,
            key_name: Shown::new("k"),
            state: State::Ended(Answer::Accepted),
            fault: None,
            parts: vec![PartLog { subject, outcome: PartOutcome::Deferred(why.clone()) }],
            names_targets: true,
            dry_run: false,
            form: Form::Array,
            source: Source::Direct,
            later: Vec::new(),
        };
        imports.open(&log, None).await.unwrap();
        // Joe's, so that whoever comes later to him finds it.
        let joe = Person { employee_id: Some("100200300".into()), ..Person::default() };
        let entry = IndexEntry { person: joe.key(), import, part: 0, fields: vec!["phone".into()] };
        imports.index(&[entry]).await.unwrap();
        let update = json!({"userPrincipalName": upn, "phone": "1", "mobile": "2"}).to_string();
        let place = undelivered::Place { import, part: 0, target: None };
        let waiting = Waiting { place, person, reason: why, attempts: 1, next_at: now };
        let kept = Kept { waiting, since: now, update: Update(update) };
        let undelivered = DynamoUndelivered::new(self.aws.dynamodb.clone(), &tables, clock);
        undelivered.keep(&[kept]).await.unwrap();
        import.to_string()
    }

    /// Takes a person out of the targets.
    pub(crate) fn remove(&self, email: &str) {
        for (target, member) in [("aktion", "Email"), ("onlyoffice", "email")] {
            let url = &self.local.ready().simulators[target];
            let mut state = send("GET /_sim/state", url, &[], b"").json();
            state["people"].as_array_mut().unwrap().retain(|person| person[member] != email);
            let json = [("Content-Type", "application/json")];
            assert_eq!(send("PUT /_sim/state", url, &json, state.to_string().as_bytes()).status, 200);
        }
    }
}

fn at(local: &Local, [dynamodb, s3, secrets_manager]: [&str; 3]) -> AwsSettings {
    AwsSettings::At {
        dynamodb: dynamodb.to_owned(),
        s3: s3.to_owned(),
        secrets_manager: Some(secrets_manager.to_owned()),
        region: REGION.to_owned(),
        access_key_id: local.ready().access_key_id.clone(),
        secret_access_key: Secret::new(local.ready().secret_access_key.clone()),
    }
}

/// One target twice, so that a person can be gone at one of them alone, and one of a kind that takes leases.
fn some_targets() -> Vec<u8> {
    let mut targets: Value = serde_json::from_slice(SAMPLE_TARGETS).unwrap();
    let all = targets["targets"].as_array_mut().unwrap();
    all.retain(|target| ["aktion", "onlyoffice"].iter().any(|kind| target["kind"] == *kind));
    let mut second = all[0].clone();
    second["name"] = json!("second");
    all.push(second);
    targets.to_string().into_bytes()
}

/// What was noted, and what the function's log needs.
pub(crate) fn needs(notes: &Notes, log_group: &str) -> BTreeSet<Need> {
    let noted = notes.lock().unwrap_or_else(PoisonError::into_inner);
    noted.iter().cloned().chain(logging(log_group)).collect()
}

/// An event of API Gateway.
pub(crate) struct Event(Value);

impl Event {
    /// With the key of this feature and these values of the path's parameters.
    pub(crate) fn new(method: &str, route: Route, feature: Feature, parameters: &[(&str, &str)]) -> Event {
        let route_key = format!("ANY {}", route.path());
        let parameters: HashMap<_, _> = parameters.iter().copied().collect();
        Event(json!({
            "version": "2.0",
            "routeKey": route_key,
            "rawPath": route.path(),
            "rawQueryString": "",
            "headers": {"x-functions-key": feature.as_str(), "host": "localhost"},
            "pathParameters": parameters,
            "requestContext": {
                "accountId": ACCOUNT, "apiId": "a", "domainName": "localhost", "requestId": "r", "stage": "$default",
                "time": "", "timeEpoch": 0, "routeKey": route_key,
                "http": {"method": method, "path": route.path(), "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": ""},
            },
            "isBase64Encoded": false,
        }))
    }

    /// With this body, a text.
    pub(crate) fn body(mut self, content_type: &str, body: &[u8]) -> Event {
        self.0["headers"]["content-type"] = json!(content_type);
        self.0["body"] = json!(std::str::from_utf8(body).unwrap());
        self
    }

    /// With this header.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Event {
        self.0["headers"][name] = json!(value);
        self
    }

    /// With this query.
    pub(crate) fn query(mut self, query: &str) -> Event {
        self.0["rawQueryString"] = json!(query);
        self
    }

    pub(crate) fn request(&self) -> Request {
        lambda_http::request::from_str(&self.0.to_string()).unwrap()
    }
}

/// The status and the text of an answer.
pub(crate) fn answer(response: &Response<Body>) -> (u16, String) {
    let text = match response.body() {
        Body::Text(text) => text.clone(),
        Body::Binary(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        _ => String::new(),
    };
    (response.status().as_u16(), text)
}
