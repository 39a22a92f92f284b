//! Each function as the process that Lambda starts: the real binary, told everything by its environment, takes an event
//! from a runtime API and works with the stores of a local stack. Only here do `main`, the environment and the runtime's
//! own loop run.

use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use people_local::stack::{Options, Simulators, Stack};
use serde_json::{Value, json};
use simulators::Simulator;
use tempfile::TempDir;

use crate::http::{Reply, send};
use crate::runtime::{Answer, Runtime};
use crate::template::compare;

/// The secret with the credentials of the targets.
const SECRET: &str = "people-targets";
/// How long an answer is waited for before the test fails.
const GIVE_UP: Duration = Duration::from_secs(60);

/// The folder with a `{function}/bootstrap` for each function: that of `PEOPLE_BOOTSTRAPS`, or the binaries of this build,
/// made now with the features that the tests are built with, so that little is left to build.
fn bootstrap(function: &str) -> PathBuf {
    static GIVEN: OnceLock<Option<PathBuf>> = OnceLock::new();
    let given = GIVEN.get_or_init(|| {
        #[expect(clippy::disallowed_methods, reason = "which binaries are tested is told to the test alone")]
        let folder = std::env::var_os("PEOPLE_BOOTSTRAPS").map(PathBuf::from);
        if folder.is_none() {
            let mut build = Command::new(env!("CARGO"));
            build.args(["build", "--quiet", "--workspace", "--bins", "--tests"]).current_dir(root());
            // What cargo tells this test of its package; to the build scripts of others it would look like a change.
            for (name, _) in std::env::vars_os() {
                let told = name.to_string_lossy();
                if told.starts_with("CARGO_PKG_") || told.starts_with("CARGO_MANIFEST_") {
                    build.env_remove(&name);
                }
            }
            assert!(build.status().unwrap().success(), "{build:?} failed");
        }
        folder
    });
    match given {
        Some(folder) => root().join(folder).join(function).join("bootstrap"),
        None => {
            let me = std::env::current_exe().unwrap();
            me.parent().and_then(Path::parent).unwrap().join(function)
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// A local stack whose target has an address that other processes can reach, and a Secrets Manager for these.
struct Stores {
    stack: Stack,
    secrets: Simulator,
    _aktion: Simulator,
    _folder: TempDir,
}

impl Stores {
    async fn start() -> Stores {
        let folder = TempDir::new().unwrap();
        let aktion = Simulator::aktion(simulators::free_port().await.unwrap()).unwrap();
        let secrets = Simulator::secrets_manager(simulators::free_port().await.unwrap()).unwrap();
        let credentials = json!({"aktion": {"userLogin": simulators::aktion::USER_LOGIN, "apiKey": simulators::aktion::API_KEY}});
        let state = json!({"secrets": {SECRET: credentials.to_string()}}).to_string();
        assert_eq!(send("PUT /_sim/state", secrets.url(), &[], state.as_bytes()).status, 200);
        let mut targets: Value = serde_json::from_slice(include_bytes!("../../infra/targets.json")).unwrap();
        targets["targets"].as_array_mut().unwrap().truncate(1);
        targets["targets"][0]["baseUrl"] = json!(aktion.url());
        targets["targets"][0]["allowPlainHttp"] = json!(true);
        targets["targets"][0]["allowPrivateAddresses"] = json!(true);
        let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
        write("targets.json", targets.to_string().as_bytes());
        write("secrets.json", credentials.to_string().as_bytes());
        write("profile-definition.json", include_bytes!("../../infra/profile-definition.json"));
        let options = Options {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            data: folder.path().join("data"),
            config: Some(folder.path().to_owned()),
            simulators: Simulators::None,
            lambda_limits: false,
            requests_per_minute: None,
        };
        let stack = Stack::start(&options).await.unwrap();
        Stores { stack, secrets, _aktion: aktion, _folder: folder }
    }

    /// What the template sets, and what Lambda does.
    fn environment(&self, runtime_api: &str) -> HashMap<&'static str, String> {
        let ready = &self.stack.ready;
        HashMap::from([
            ("PEOPLE_TABLE_PREFIX", "people".to_owned()),
            ("PEOPLE_BUCKET", ready.bucket.clone()),
            ("PEOPLE_TARGET_SECRET", SECRET.to_owned()),
            ("AWS_REGION", ready.region.clone()),
            ("AWS_ACCESS_KEY_ID", ready.access_key_id.clone()),
            ("AWS_SECRET_ACCESS_KEY", ready.secret_access_key.clone()),
            ("AWS_ENDPOINT_URL_DYNAMODB", ready.dynamodb.clone()),
            ("AWS_ENDPOINT_URL_S3", ready.s3.clone()),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", self.secrets.url().to_owned()),
            ("AWS_LAMBDA_RUNTIME_API", runtime_api.to_owned()),
            ("AWS_LAMBDA_FUNCTION_NAME", "smoke".to_owned()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256".to_owned()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ])
    }

    /// Starts a function with nothing but its environment, lets it have one event, and returns its result.
    async fn invoke(&self, function: &str, event: &str) -> Value {
        let mut runtime = Runtime::start(event).await;
        let mut process = Command::new(bootstrap(function));
        process
            .env_clear()
            .envs(self.environment(&runtime.address))
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut process = Process(process.spawn().unwrap());
        let mut stderr = process.0.stderr.take().unwrap();
        // It ends when the process does.
        let ended = tokio::task::spawn_blocking(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).map(|_| text)
        });
        tokio::select! {
            answer = runtime.answer() => match answer {
                Answer::Result(result) => serde_json::from_str(&result).unwrap(),
                Answer::Error(error) => panic!("{function} failed: {error}"),
            },
            text = ended => panic!("{function} ended: {text:?}"),
            () = tokio::time::sleep(GIVE_UP) => panic!("{function} did not answer"),
        }
    }

    /// The same request to the handlers inside the stack.
    fn get(&self, path: &str, feature: &str) -> Reply {
        let key = self.key(feature);
        send(&format!("GET {path}"), &self.stack.ready.api, &[("x-functions-key", key)], b"")
    }

    fn key(&self, feature: &str) -> &str {
        self.stack.ready.keys.get(feature).map_or("none", String::as_str)
    }
}

/// A running function, ended with its test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The status and the body of a handler's result.
fn answer(result: &Value) -> (u64, &str) {
    (result["statusCode"].as_u64().unwrap(), result["body"].as_str().unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_event_is_answered_with_a_guid_whose_log_is_found_by_the_other_function() {
    let stores = Stores::start().await;
    let event = include_str!("../events/json.json").replace("import-key", stores.key("PeopleImport"));
    let result = stores.invoke("batch-import", &event).await;
    let (status, id) = answer(&result);
    assert_eq!((status, id.len()), (200, 36), "{result}");

    let log = stores.get(&format!("/api/ImportLogs/{id}"), "ImportLogs");
    assert!(log.text().ends_with("\nSuccess - PersonUpdated - 'joe@company.com' updated\n"), "{log:?}");

    let event = include_str!("../events/import-log.json").replace("REQUEST_ID", id);
    let event = event.replace("logs-key", stores.key("ImportLogs"));
    let result = stores.invoke("import-log", &event).await;
    assert_eq!(answer(&result), (200, log.text()), "{result}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_event_is_answered_as_inside_the_stack() {
    let stores = Stores::start().await;
    let event =
        include_str!("../events/persons-documents.json").replace("documents-key", stores.key("Documents"));
    let result = stores.invoke("pdf-storage", &event).await;
    let inside = stores.get("/api/Documents/joe@company.com", "Documents");
    assert_eq!(answer(&result), (u64::from(inside.status), inside.text()), "{result}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_event_fills_the_directory() {
    let stores = Stores::start().await;
    let result = stores.invoke("directory-sync", include_str!("../events/schedule.json")).await;
    assert_eq!(result, json!({"listed": [{"target": "aktion", "people": 205}], "failed": []}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_is_told_nothing_says_what_it_misses() {
    for function in compare::crates() {
        let output = Command::new(bootstrap(&function)).env_clear().output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success());
        for name in ["PEOPLE_TABLE_PREFIX", "PEOPLE_BUCKET"] {
            assert!(text.contains(name), "{function}: {text}");
        }
    }
}
