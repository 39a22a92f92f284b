//! The credentials of the targets where they are kept: in Secrets Manager, over the wire, and in a file. A secret that
//! was changed is found by whoever is refused, and nothing about it is told to anybody else.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use people_adapters::aws::{Aws, connect};
use people_adapters::http_client::{HttpClient, Limits, Trust};
use people_adapters::secret::Secret;
use people_adapters::secrets::{Credentials, NoCredentials, SecretStore, SecretsAt};
use people_core::memory::ManualClock;
use people_core::ports::Clock;
use serde_json::{Value, json};
use simulators::{Simulator, free_port};

use crate::embedded::{beginning, settings_of};
use crate::gate::Gate;

/// The secret that is asked for.
pub(crate) const SECRET: &str = "people-targets";

/// A Secrets Manager, which a test can change.
pub(crate) struct Vault(Simulator);

impl Vault {
    /// With these credentials of the target `aktion`.
    pub(crate) async fn with(key: &str) -> Vault {
        let vault = Vault(Simulator::secrets_manager(free_port().await.unwrap()).unwrap());
        vault.put(&credentials(key)).await;
        vault
    }

    pub(crate) fn url(&self) -> &str {
        self.0.url()
    }

    /// Puts this into the secret; null is no text.
    pub(crate) async fn put(&self, secret: &Value) {
        let text = if secret.is_object() { json!(secret.to_string()) } else { secret.clone() };
        self.control("PUT", "state", &json!({"secrets": {SECRET: text}})).await;
    }

    /// Refuses every call so from now on; `None` answers them.
    pub(crate) async fn refuse(&self, code: Option<&str>) {
        let rule = |code| json!({"status": 400, "body": {"__type": code, "Message": "m"}});
        self.control("PUT", "faults", &code.map(rule).into_iter().collect()).await;
    }

    /// How many calls there were so far.
    pub(crate) async fn calls(&self) -> usize {
        self.control("GET", "calls", &Value::Null).await.as_array().unwrap().len()
    }

    async fn control(&self, method: &str, what: &str, body: &Value) -> Value {
        let request = Request::builder().method(method).uri(format!("{}/_sim/{what}", self.url()));
        let request = request.body(Full::new(Bytes::from(body.to_string()))).unwrap();
        let limits = Limits { time: Duration::from_secs(30), bytes: 1024 * 1024 };
        let answer = HttpClient::new(&Trust::inside()).unwrap().send(request, limits).await.unwrap();
        assert_eq!(answer.status, 200, "{what}");
        serde_json::from_slice(&answer.body).unwrap()
    }
}

pub(crate) fn credentials(key: &str) -> Value {
    json!({"aktion": {"userLogin": "u", "apiKey": key}})
}

async fn aws(secrets_manager: Option<&str>) -> Aws {
    connect(&settings_of(["http://127.0.0.1:9"; 2], secrets_manager)).await
}

struct Stage {
    vault: Vault,
    clock: Arc<ManualClock>,
    store: Arc<SecretStore>,
}

impl Stage {
    async fn new() -> Stage {
        let vault = Vault::with("first").await;
        let clock = Arc::new(ManualClock::at(beginning()));
        let place = SecretsAt::Manager(SECRET.to_owned());
        let store = SecretStore::at(&place, &aws(Some(vault.url())).await, &(clock.clone() as _));
        Stage { vault, clock, store: Arc::new(store) }
    }

    fn aktion(&self) -> Credentials {
        Credentials::new(Arc::clone(&self.store), "aktion")
    }

    fn wait(&self, millis: u64) {
        self.clock.advance_to(self.clock.now().plus(Duration::from_millis(millis)));
    }
}

fn key(secret: &Secret) -> String {
    let credentials: Value = serde_json::from_str(secret.reveal()).unwrap();
    credentials["apiKey"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_changed_secret_is_found_when_the_former_one_is_refused() {
    let stage = Stage::new().await;
    let aktion = stage.aktion();
    let first = aktion.get().await.unwrap();
    stage.vault.put(&credentials("second")).await;
    assert_eq!(key(&aktion.get().await.unwrap()), "first", "it is remembered");
    let second = aktion.other_than(&first).await.unwrap();
    assert_eq!((key(&second), stage.vault.calls().await), ("second".to_owned(), 2));
    assert_eq!(key(&aktion.get().await.unwrap()), "second");
    assert_eq!(aktion.other_than(&first).await, Some(second), "others who still have the former one");
    assert_eq!(stage.vault.calls().await, 2);
}

#[tokio::test]
async fn of_many_who_are_refused_at_once_one_reads() {
    let stage = Stage::new().await;
    let aktion = stage.aktion();
    let first = aktion.get().await.unwrap();
    stage.vault.put(&credentials("second")).await;
    let refused = futures_util::future::join_all((0..20).map(|_| aktion.other_than(&first))).await;
    assert!(refused.iter().all(|other| other.as_ref().map(key).as_deref() == Some("second")));
    assert_eq!(stage.vault.calls().await, 2);
}

#[tokio::test]
async fn refusals_have_it_read_once_in_ten_seconds() {
    let stage = Stage::new().await;
    let aktion = stage.aktion();
    stage.store.refresh().await.unwrap();
    let first = aktion.get().await.unwrap();
    assert_eq!(aktion.other_than(&first).await, None, "it is still the same");
    stage.vault.put(&credentials("second")).await;
    stage.wait(9_999);
    assert_eq!(aktion.other_than(&first).await, None);
    let another = Credentials::new(Arc::clone(&stage.store), "another");
    assert_eq!(another.get().await, Err(NoCredentials::Missing), "a name that is not there counts too");
    assert_eq!(stage.vault.calls().await, 2);
    stage.wait(1);
    assert_eq!(key(&aktion.other_than(&first).await.unwrap()), "second");
    assert_eq!(stage.vault.calls().await, 3);
    stage.vault.put(&credentials("third")).await;
    stage.store.refresh().await.unwrap();
    assert_eq!(key(&aktion.get().await.unwrap()), "third", "what is due is not put off");
}

#[tokio::test]
async fn what_cannot_be_read_is_told_without_it_and_ends_by_itself() {
    let planted = "planted-4711";
    for (secret, refusal, told) in [
        (credentials("k"), Some("AccessDeniedException"), "Secrets Manager answered AccessDeniedException"),
        (
            json!({"aktion": planted}),
            None,
            "the credentials are not a JSON object with an object for each name",
        ),
        (json!(planted), None, "the credentials are not a JSON object with an object for each name"),
        (json!("{\"aktion\": {\"apiKey\": \"planted-4711\""), None, "the credentials are not a JSON object"),
        (Value::Null, None, "the credentials are not a JSON object with an object for each name"),
    ] {
        let stage = Stage::new().await;
        stage.vault.put(&secret).await;
        stage.vault.refuse(refusal).await;
        let error = stage.store.refresh().await.unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(shown.contains(told) && !shown.contains(planted) && !shown.contains(SECRET), "{shown}");
        let aktion = stage.aktion();
        assert_eq!(aktion.get().await, Err(NoCredentials::Unavailable));
        stage.vault.put(&credentials("k")).await;
        stage.vault.refuse(None).await;
        assert_eq!(aktion.get().await, Err(NoCredentials::Unavailable), "it was asked a moment ago");
        stage.wait(10_000);
        assert_eq!(key(&aktion.get().await.unwrap()), "k");
    }
}

#[tokio::test]
async fn what_is_known_is_used_while_nothing_can_be_read() {
    let stage = Stage::new().await;
    let aktion = stage.aktion();
    let first = aktion.get().await.unwrap();
    stage.vault.refuse(Some("InternalFailure")).await;
    assert!(stage.store.refresh().await.is_err());
    assert_eq!(aktion.other_than(&first).await, None);
    assert_eq!(aktion.get().await, Ok(first));
}

#[tokio::test]
async fn a_secret_that_is_not_there_is_told_and_so_is_a_service_that_is_not() {
    let stage = Stage::new().await;
    let clock = stage.clock.clone() as Arc<dyn Clock>;
    for (secret, url, told) in [
        ("another", Some(stage.vault.url()), "Secrets Manager answered ResourceNotFoundException"),
        (SECRET, None, "Secrets Manager "),
    ] {
        let store = SecretStore::at(&SecretsAt::Manager(secret.to_owned()), &aws(url).await, &clock);
        let error = store.refresh().await.unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("could not read the credentials of the targets: {told}")),
            "{error}"
        );
    }
}

#[tokio::test]
async fn two_seconds_are_waited_for_an_answer() {
    let stage = Stage::new().await;
    let gate = Gate::to(stage.vault.url()).await;
    let clock = stage.clock.clone() as Arc<dyn Clock>;
    let place = SecretsAt::Manager(SECRET.to_owned());
    let store = SecretStore::at(&place, &aws(Some(&gate.url)).await, &clock);
    store.refresh().await.unwrap();
    gate.hold(Some("/"));
    // From here on, time passes only while nothing else can happen.
    tokio::time::pause();
    let since = tokio::time::Instant::now();
    let error = store.refresh().await.unwrap_err().to_string();
    assert!(error.ends_with("Secrets Manager did not answer in time"), "{error}");
    assert_eq!(since.elapsed().as_secs(), 2);
}

#[tokio::test]
async fn a_file_that_is_edited_is_found_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secrets.json");
    let clock = Arc::new(ManualClock::at(beginning())) as Arc<dyn Clock>;
    let store = SecretStore::at(&SecretsAt::File(file.clone()), &aws(None).await, &clock);
    let aktion = Credentials::new(Arc::new(store), "aktion");
    assert_eq!(aktion.get().await, Err(NoCredentials::Missing), "there is no file");
    fs::write(&file, "{").unwrap();
    assert_eq!(aktion.get().await, Err(NoCredentials::Unavailable));
    fs::write(&file, credentials("first").to_string()).unwrap();
    let first = aktion.get().await.unwrap();
    fs::write(&file, credentials("second").to_string()).unwrap();
    assert_eq!(key(&aktion.other_than(&first).await.unwrap()), "second");
}

#[tokio::test]
async fn nothing_that_holds_a_secret_shows_it() {
    let stage = Stage::new().await;
    let secret = stage.aktion().get().await.unwrap();
    let known = stage.store.known().unwrap();
    let settings = SecretsAt::Settings((*known).clone());
    for shown in [
        format!("{secret:?}"),
        format!("{known:?}"),
        format!("{settings:?}"),
        format!("{:?}", stage.store),
        format!("{:?}", stage.aktion()),
    ] {
        assert!(shown.contains("***") && !shown.contains("first") && !shown.contains("apiKey"), "{shown}");
    }
}
