//! The command `people` as a process: what it prints, how it ends, and what survives when it is killed.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

#[path = "command/administrator.rs"]
mod administrator;
#[path = "command/configuration.rs"]
mod configuration;
#[path = "command/everything.rs"]
mod everything;
#[path = "command/keys.rs"]
mod keys;
#[path = "command/leaks.rs"]
mod leaks;
#[path = "command/send.rs"]
mod send;
#[path = "command/send_interrupted.rs"]
mod send_interrupted;
#[path = "command/targets.rs"]
mod targets;

/// A running `people`, ended with its test.
struct People(Child);

impl Drop for People {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn people(folder: &Path, arguments: &[&str]) -> People {
    let child = Command::new(env!("CARGO_BIN_EXE_people"))
        .args(arguments)
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    People(child)
}

impl People {
    /// Waits for the ready file and reads it.
    fn ready(&mut self, file: &Path) -> Value {
        let give_up = Instant::now() + Duration::from_secs(60);
        loop {
            if let Ok(json) = fs::read(file) {
                return serde_json::from_slice(&json).unwrap();
            }
            if let Some(status) = self.0.try_wait().unwrap() {
                let mut text = String::new();
                self.0.stderr.take().unwrap().read_to_string(&mut text).unwrap();
                panic!("ended with {status}: {text}");
            }
            assert!(Instant::now() < give_up, "no ready file");
            std::thread::yield_now();
        }
    }

    fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([name, &self.0.id().to_string()]).status().unwrap().success());
    }

    fn output(mut self) -> Output {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        self.0.stdout.take().unwrap().read_to_end(&mut stdout).unwrap();
        self.0.stderr.take().unwrap().read_to_end(&mut stderr).unwrap();
        Output { status: self.0.wait().unwrap(), stdout, stderr }
    }
}

/// Sends a request; `None` where the connection broke before the answer was whole.
fn send(request: &str, url: &str, key: &str, body: &str) -> Option<(u16, String)> {
    let mut socket = TcpStream::connect(url.strip_prefix("http://")?).ok()?;
    let length = body.len();
    let request = format!(
        "{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nx-functions-key: {key}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    socket.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let length: usize = head.lines().find_map(|line| line.strip_prefix("content-length: "))?.parse().ok()?;
    (body.len() == length).then(|| (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned()))
}

fn text<'a>(ready: &'a Value, path: &str) -> &'a str {
    ready.pointer(path).and_then(Value::as_str).unwrap()
}

#[test]
fn the_first_start_shows_the_sample_import_and_the_second_does_not() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("ready.json");
    let arguments = ["--listen", "127.0.0.1:0", "--data", "data", "--ready-file", "ready.json"];
    let mut first = people(folder.path(), &arguments);
    let ready = first.ready(&file);
    first.signal("-INT");
    let output = first.output();
    assert_eq!(output.status.code(), Some(0));
    let printed = String::from_utf8(output.stdout).unwrap();
    for line in [
        "\n422\n",
        "Error - InvalidPerson - Invalid person in part 3: UnknownFields: 'joindate'\n",
        "Success - PersonUpdated - 'joe@company.com' updated\n",
        "Error - UnknownPerson - Unknown person: 'unknown@company.com'\n",
        "Success - FileUploaded - Uploaded file 'salary/March 2023.pdf' for 'joe@company.com'\n",
    ] {
        assert!(printed.contains(line), "{printed}");
    }
    fs::remove_file(&file).unwrap();
    let mut second = people(
        folder.path(),
        &["serve", "--listen", "127.0.0.1:0", "--data", "data", "--ready-file", "ready.json"],
    );
    assert_eq!(second.ready(&file)["keys"], ready["keys"]);
    second.signal("-TERM");
    let output = second.output();
    assert_eq!(output.status.code(), Some(0));
    assert!(!String::from_utf8(output.stdout).unwrap().contains("sample"));
}

#[test]
fn keys_secrets_and_documents_are_readable_by_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TempDir::new().unwrap();
    let mut serve = people(
        folder.path(),
        &["serve", "--listen", "127.0.0.1:0", "--no-sample", "--ready-file", "ready.json"],
    );
    serve.ready(&folder.path().join("ready.json"));
    for (file, expected) in [("ready.json", 0o600), (".people/local.json", 0o600), (".people", 0o700)] {
        let mode = fs::metadata(folder.path().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, expected, "{file}");
    }
}

#[test]
fn wrong_use_ends_with_2_and_a_failure_with_1() {
    let folder = TempDir::new().unwrap();
    let code = |arguments: &[&str]| people(folder.path(), arguments).output().status.code();
    assert_eq!(code(&["serve", "--listen", "nowhere"]), Some(2));
    assert_eq!(code(&["dance"]), Some(2));
    assert_eq!(code(&["serve", "--listen", "127.0.0.1:0", "--config", "nowhere"]), Some(1));
}

#[test]
fn a_faulty_configuration_is_refused_with_every_fault_and_its_place() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("profile-definition.json"), r#"[{"name":"a","fieldType":"Date","source":"Api","isList":true},{"name":"a","fieldType":"X","source":"Api"}]"#).unwrap();
    fs::write(folder.path().join("targets.json"), r#"{"targets":[]}"#).unwrap();
    let output = people(folder.path(), &["serve", "--listen", "127.0.0.1:0", "--config", "."]).output();
    let printed = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(printed.contains("/0/isList: ") && printed.contains("/1: "), "{printed}");
    let bucket = folder.path().join(".people/s3/people");
    assert!(bucket.exists() && !bucket.join("config").exists(), "nothing is written");
}

#[test]
fn nothing_made_up_is_sent_to_a_target_that_is_no_simulator() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    let mut simulate = people(path, &["simulate", "--ready-file", "simulators.json"]);
    let real = text(&simulate.ready(&path.join("simulators.json")), "/simulators/aktion").to_owned();
    let mut targets: Value = serde_json::from_str(include_str!("../../targets.json")).unwrap();
    let mut target = targets["targets"][0].take();
    (target["baseUrl"], target["allowPlainHttp"], target["allowPrivateAddresses"]) =
        (json!(real), json!(true), json!(true));
    let targets = json!({"targets": [target]}).to_string();
    fs::write(path.join("profile-definition.json"), include_str!("../../profile-definition.json")).unwrap();
    fs::write(path.join("targets.json"), targets).unwrap();
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--config", ".", "--ready-file", "ready.json"];
    let output = people(path, &arguments).output();
    let printed = String::from_utf8(output.stderr).unwrap();
    assert!(printed.contains("/targets/0/credentials: there are no credentials 'aktion'"), "{printed}");
    fs::write(path.join("secrets.json"), r#"{"aktion":"own-key"}"#).unwrap();
    let output = people(path, &arguments).output();
    let printed = String::from_utf8(output.stderr).unwrap();
    assert!(printed.contains("secrets.json: the credentials are not a JSON object"), "{printed}");
    assert!(!printed.contains("own-key"), "{printed}");
    fs::write(path.join("secrets.json"), r#"{"aktion":{"userLogin":"own","apiKey":"own"}}"#).unwrap();
    let mut serve = people(path, &arguments);
    serve.ready(&path.join("ready.json"));
    let calls = send("GET /_sim/calls", &real, "", "").unwrap().1;
    let calls: Value = serde_json::from_str(&calls).unwrap();
    let paths: Vec<_> = calls.as_array().unwrap().iter().map(|call| text(call, "/path")).collect();
    assert_eq!(paths, ["/login"], "no sample is sent");
    assert!(calls[0]["body"].as_str().unwrap().contains("\"own\""));
}

#[test]
fn killed_in_the_middle_of_imports_nothing_that_was_answered_is_lost() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    let mut simulate = people(path, &["simulate", "--ready-file", "simulators.json"]);
    let simulators = simulate.ready(&path.join("simulators.json"));
    let aktion = text(&simulators, "/simulators/aktion");
    let arguments = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--data",
        "data",
        "--ready-file",
        "ready.json",
        "--no-sample",
        "--simulators",
        "simulators.json",
    ];
    let mut answered: Vec<String> = Vec::new();
    let mut started = 0;
    for round in 0..2 {
        let _ = fs::remove_file(path.join("ready.json"));
        let mut serve = people(path, &arguments);
        let ready = serve.ready(&path.join("ready.json"));
        let (api, key) = (text(&ready, "/api").to_owned(), text(&ready, "/keys/PeopleImport").to_owned());
        let before = updates(aktion).len();
        // The target itself says when the server is in the middle of an import: it answers a few updates and then none.
        let hang =
            json!([{"path": "/person/update", "skip": 12, "delay_ms": 60_000, "times": null}]).to_string();
        assert_eq!(send("PUT /_sim/faults", aktion, "", &hang).unwrap().0, 200);
        let sending = std::thread::spawn(move || send_until_it_breaks(&api, &key, (round, started)));
        wait_until_one_hangs(aktion, before + 12);
        serve.signal("-KILL");
        let (answers, next) = sending.join().unwrap();
        assert!(answers.len() >= 12, "{}", answers.len());
        answered.extend(answers);
        started = next;
        drop(serve);
    }
    assert_eq!(send("PUT /_sim/faults", aktion, "", "[]").unwrap().0, 200);
    let _ = fs::remove_file(path.join("ready.json"));
    let mut serve = people(path, &arguments);
    let ready = serve.ready(&path.join("ready.json"));
    let (api, key) = (text(&ready, "/api"), text(&ready, "/keys/ImportLogs"));
    for id in &answered {
        let (status, log) = send(&format!("GET /api/ImportLogs/{id}"), api, key, "").unwrap();
        assert!(status == 200 && log.contains("Success - PersonUpdated - "), "{id}: {log}");
    }
    // Every call names its import, and each of these has a log: also the one that was cut off.
    let updates = updates(aktion);
    assert!(updates.len() > answered.len());
    for call in &updates {
        let id = text(call, "/headers/x-request-id");
        assert_eq!(send(&format!("GET /api/ImportLogs/{id}"), api, key, "").unwrap().0, 200, "{id}");
    }
}

/// Imports one person after the other, from the given number on. Gives back the GUIDs that were answered, and the number
/// to go on with.
fn send_until_it_breaks(api: &str, key: &str, (round, first): (usize, usize)) -> (Vec<String>, usize) {
    let mut answers = Vec::new();
    for n in first.. {
        let person = (200_000 + n % 200).to_string();
        let body = json!([{"employeeId": person, "phone": format!("{round}-{n}")}]).to_string();
        match send("PUT /api/PeopleImport", api, key, &body) {
            Some((200, id)) => answers.push(id),
            Some(other) => panic!("{other:?}"),
            None => return (answers, n + 1),
        }
    }
    unreachable!()
}

/// The updates that the simulator has received.
fn updates(aktion: &str) -> Vec<Value> {
    let calls: Value = serde_json::from_str(&send("GET /_sim/calls", aktion, "", "").unwrap().1).unwrap();
    calls.as_array().unwrap().iter().filter(|call| call["path"] == "/person/update").cloned().collect()
}

/// Asks the simulator until it has received more updates than this, the last of which it does not answer.
fn wait_until_one_hangs(aktion: &str, before: usize) {
    let give_up = Instant::now() + Duration::from_secs(60);
    loop {
        let updates = updates(aktion);
        if updates.len() > before && updates.last().is_some_and(|call| call["status"].is_null()) {
            return;
        }
        assert!(Instant::now() < give_up, "no update hangs");
    }
}
