//! `people keys` against a running stack, and against nothing but a DynamoDB endpoint.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use super::administrator::{Ended, run, serve};
use super::{send, text};

/// The status that a look-up of no import is answered with: 404 with a key that works, else 401.
fn look_up(ready: &Value, key: &str) -> u16 {
    let id = "018bfd00-0000-7000-8000-000000000000";
    send(&format!("GET /api/ImportLogs/{id}"), text(ready, "/api"), key, "").unwrap().0
}

/// Creates a key for looking up, and gives it back.
fn create(folder: &Path, environment: &[(&str, &str)], more: &[&str]) -> String {
    let arguments = [&["keys", "create", "--feature", "ImportLogs"], more].concat();
    let Ended { code, stdout, stderr } = run(folder, environment, &arguments);
    assert_eq!(code, 0, "{stderr}");
    let key = stdout.strip_suffix('\n').unwrap().to_owned();
    assert!(key.len() == 43 && !key.contains(char::is_whitespace), "the key alone: {stdout}");
    assert!(!stderr.contains(&key), "{stderr}");
    key
}

fn list(folder: &Path) -> (Vec<Value>, String) {
    let listed = run(folder, &[], &["keys", "list", "--json", "--data", "data"]);
    assert_eq!(listed.code, 0, "{}", listed.stderr);
    let all: Value = serde_json::from_str(&listed.stdout).unwrap();
    (all.as_array().unwrap().clone(), listed.stdout)
}

fn id_of<'a>(all: &'a [Value], name: &str) -> &'a str {
    text(all.iter().find(|key| key["name"] == name).unwrap(), "/id")
}

#[test]
fn a_key_works_as_soon_as_it_is_created_and_a_revoked_one_does_not() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    let (running, ready) = serve(path);
    let support = create(path, &[], &["--name", " support ü ", "--data", "data"]);
    let leaver = create(path, &[], &["--name", "leaver", "--expires", "2999-12-31", "--data", "data"]);
    assert_eq!((look_up(&ready, &support), look_up(&ready, "unknown")), (404, 401));
    let wrong_feature = send("PUT /api/PeopleImport", text(&ready, "/api"), &support, "[]").unwrap().0;
    assert_eq!(wrong_feature, 401);

    let (all, printed) = list(path);
    assert!(!printed.contains(&support) && !printed.contains(&leaver), "{printed}");
    let key = all.iter().find(|key| key["name"] == "support ü").unwrap();
    assert_eq!(
        (&key["features"], &key["revoked"]),
        (&serde_json::json!(["ImportLogs"]), &Value::Bool(false))
    );
    assert!(text(key, "/lastUsedAt").ends_with(":00:00Z") && key["expiresAt"].is_null(), "{key}");
    let key = all.iter().find(|key| key["name"] == "leaver").unwrap();
    assert!(key["lastUsedAt"].is_null(), "{key}");
    assert_eq!(text(key, "/expiresAt"), "2999-12-31T00:00:00Z");

    for id in [id_of(&all, "leaver"), id_of(&all, "local-ImportLogs"), id_of(&all, "leaver")] {
        let revoked = run(path, &[], &["keys", "revoke", id, "--data", "data"]);
        assert!(revoked.code == 0 && revoked.stdout.contains(id), "{}", revoked.stderr);
    }
    assert_eq!((look_up(&ready, &leaver), look_up(&ready, &support)), (401, 404));
    let unknown = run(path, &[], &["keys", "revoke", "000000000000", "--data", "data"]);
    assert_eq!(unknown.code, 1, "{}", unknown.stderr);

    drop(running);
    let silent = run(path, &[], &["keys", "list", "--data", "data"]);
    assert!(silent.code == 1 && silent.stderr.contains("in data does not answer"), "{}", silent.stderr);
    fs::remove_file(path.join("ready.json")).unwrap();
    let (_running, ready) = serve(path);
    let local = text(&ready, "/keys/ImportLogs");
    assert_eq!((look_up(&ready, local), look_up(&ready, &support)), (401, 404), "a start revives no key");
    let table = run(path, &[], &["keys", "list", "--data", "data"]).stdout;
    let states: Vec<_> = table.lines().map(|line| line.rsplit("  ").next().unwrap()).collect();
    assert_eq!(states[0], "STATE");
    assert_eq!(states.iter().filter(|state| **state == "revoked").count(), 2, "{table}");
}

#[test]
fn the_standard_variables_alone_lead_to_a_dynamodb() {
    let (folder, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (_running, ready) = serve(folder.path());
    let environment = [
        ("AWS_ENDPOINT_URL_DYNAMODB", text(&ready, "/dynamodb")),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "anybody"),
        ("AWS_SECRET_ACCESS_KEY", "anything"),
    ];
    let path = elsewhere.path();
    let key = create(path, &environment, &["--name", "elsewhere"]);
    assert_eq!(look_up(&ready, &key), 404);
    let over = create(path, &environment, &["--name", "over", "--expires", "2020-01-01T00:00:00+01:00"]);
    assert_eq!(look_up(&ready, &over), 401);

    let listed = run(path, &environment, &["keys", "list"]);
    assert!(listed.stderr.contains("AWS (by AWS_ENDPOINT_URL_DYNAMODB, AWS_ACCESS_KEY_ID, AWS_REGION)"));
    let line = listed.stdout.lines().find(|line| line.contains("'elsewhere'")).unwrap();
    assert!(line.ends_with(":00:00Z  never    works"), "{line}");
    let refused = |environment: &[(&str, &str)], arguments: &[&str], told: &str| {
        let ended = run(path, environment, arguments);
        assert!(ended.code == 1 && ended.stderr.contains(told), "{}", ended.stderr);
        assert!(ended.stderr.lines().count() == 2, "no dump: {}", ended.stderr);
    };
    let missing = ["keys", "list", "--table-prefix", "nobody"];
    refused(&environment, &missing, "there is no table nobody-keys");
    // No machine's own credentials are looked for.
    let alone = ("AWS_EC2_METADATA_DISABLED", "true");
    refused(&[environment[0], environment[1], alone], &["keys", "list"], "are there credentials?");
    refused(&[environment[2], environment[3], alone], &["keys", "list"], "is there a region");
    refused(&[("AWS_PROFILE", "nobody"), alone], &["keys", "list"], "could not be called");
    assert_eq!(fs::read_dir(path).unwrap().count(), 0, "nothing is made here");
}

#[test]
fn a_key_that_is_over_already_is_created_with_a_warning() {
    let folder = TempDir::new().unwrap();
    let (_running, _) = serve(folder.path());
    let arguments =
        ["keys", "create", "--feature", "Documents", "--name", "n", "--data", "data", "--expires"];
    for (date, warns) in [("2020-01-01", true), ("2999-01-01", false)] {
        let created = run(folder.path(), &[], &[&arguments[..], &[date]].concat());
        assert_eq!((created.code, created.stderr.contains("Warning")), (0, warns), "{}", created.stderr);
    }
}

#[test]
fn where_nothing_runs_and_nothing_is_said_there_is_no_key() {
    let folder = TempDir::new().unwrap();
    let ended = run(folder.path(), &[], &["keys", "list"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (1, ""));
    assert!(ended.stderr.contains("there is no local stack in .people"), "{}", ended.stderr);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is made");
}

#[test]
fn keys_that_cannot_be_meant_are_wrong_use() {
    let folder = TempDir::new().unwrap();
    let long = "n".repeat(129);
    for arguments in [
        &["keys"][..],
        &["keys", "create", "--name", "n"],
        &["keys", "create", "--feature", "ImportLogs"],
        &["keys", "create", "--feature", "Telepathy", "--name", "n"],
        &["keys", "create", "--feature", "ImportLogs", "--name", " "],
        &["keys", "create", "--feature", "ImportLogs", "--name", &long],
        &["keys", "create", "--feature", "ImportLogs", "--name", "a\u{7}b"],
        &["keys", "create", "--feature", "ImportLogs", "--name", "n", "--expires", "2023-02-29"],
        &["keys", "create", "--feature", "ImportLogs", "--name", "n", "--expires", "tomorrow"],
        &["keys", "revoke"],
        &["--data", "data", "keys", "list"],
    ] {
        let ended = run(folder.path(), &[], arguments);
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{arguments:?}: {}", ended.stderr);
    }
}
