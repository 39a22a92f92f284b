//! `people definition` and `people config`: nothing that is wrong gets into a bucket.

use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::administrator::{run, serve, write};
use super::text;

const DEFINITION: &str = include_str!("../../../profile-definition.json");
const TARGETS: &str = include_str!("../../../targets.json");
const FAULTY: &str = r#"[{"name":"a","fieldType":"Date","source":"Api","isList":true},
    {"name":"a","fieldType":"X","source":"Api"}]"#;

/// The sample definition with one field more.
fn with_field(name: &str) -> String {
    let field = format!(r#"[{{"name": "{name}", "fieldType": "String", "source": "Api"}},"#);
    DEFINITION.replacen('[', &field, 1)
}

/// The sample targets, which take one field more.
fn with_mapping(field: &str) -> String {
    TARGETS.replacen("\"firstName\": \"Name\"", &format!("\"{field}\": \"Desc\", \"firstName\": \"Name\""), 1)
}

#[test]
fn a_definition_is_checked_with_every_fault_and_its_place() {
    let folder = TempDir::new().unwrap();
    let check = |file: &str| run(folder.path(), &[], &["definition", "check", file]);
    write(folder.path(), "good.json", DEFINITION);
    write(folder.path(), "one.json", r#"[{"name":"a","fieldType":"Date","source":"Api"}]"#);
    write(folder.path(), "faulty.json", FAULTY);
    for (file, told) in [("good.json", "16 fields"), ("one.json", "1 field.")] {
        let ended = check(file);
        assert!(ended.code == 0 && ended.stdout.contains(told), "{}{}", ended.stdout, ended.stderr);
    }
    let ended = check("faulty.json");
    assert_eq!((ended.code, ended.stdout.as_str()), (1, ""));
    assert!(ended.stderr.contains("/0/isList: ") && ended.stderr.contains("/1: "), "{}", ended.stderr);
    assert_eq!(check("nowhere.json").code, 1);
    assert_eq!(run(folder.path(), &[], &["definition", "check"]).code, 2);
    let mut piped = Command::new(env!("CARGO_BIN_EXE_people"));
    piped.args(["definition", "check", "-"]).current_dir(folder.path());
    let status = |file: &str| std::fs::File::open(folder.path().join(file)).unwrap();
    for (file, code) in [("good.json", 0), ("faulty.json", 1)] {
        let output = piped.stdin(status(file)).stderr(Stdio::null()).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{file}");
    }
}

#[test]
fn a_configuration_is_checked_without_a_bucket_and_without_credentials() {
    let folder = TempDir::new().unwrap();
    let check = || run(folder.path(), &[], &["config", "check", "."]);
    assert!(check().stderr.contains("there is neither profile-definition.json nor targets.json in ."));
    write(folder.path(), "profile-definition.json", DEFINITION);
    write(folder.path(), "targets.json", TARGETS);
    assert_eq!(check().code, 0, "{}", check().stderr);
    let elsewhere = run(folder.path(), &[("AWS_REGION", "eu-central-1")], &["config", "check", "."]);
    assert!(elsewhere.code == 1 && elsewhere.stderr.contains("there is no simulator 'aktion' here"));
    let real = TARGETS.replace("simulator:", "https://targets.example/");
    write(folder.path(), "targets.json", real);
    assert_eq!(check().code, 0, "{}", check().stderr);
    write(folder.path(), "targets.json", with_mapping("unknown"));
    let ended = check();
    assert!(ended.code == 1 && ended.stderr.contains("/targets/0/fields/unknown: "), "{}", ended.stderr);
}

#[test]
fn what_is_valid_is_pushed_once_and_what_is_not_is_not_pushed_at_all() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    let (_running, ready) = serve(path);
    std::fs::create_dir(path.join("new")).unwrap();
    let new = path.join("new");
    let push = || {
        let ended = run(path, &[], &["config", "push", "new", "--data", "data"]);
        (ended.code, ended.stdout, ended.stderr)
    };
    let (definition, targets) =
        ("config/profile-definition.json is stored.\n", "config/targets.json is stored.\n");

    write(&new, "profile-definition.json", with_field("floor"));
    write(&new, "targets.json", with_mapping("nowhere"));
    let (code, stdout, stderr) = push();
    assert_eq!((code, stdout.as_str()), (1, ""));
    assert!(stderr.contains("/targets/0/fields/nowhere: there is no field 'nowhere'"), "{stderr}");

    write(&new, "targets.json", with_mapping("floor"));
    let (code, stdout, stderr) = push();
    assert_eq!((code, stdout), (0, format!("{definition}{targets}")), "{stderr}");
    assert_eq!((push().0, push().1.as_str()), (0, "Nothing has changed: 17 fields.\n"));

    // The targets alone: the definition is the one that was pushed before.
    std::fs::remove_file(new.join("profile-definition.json")).unwrap();
    write(&new, "targets.json", with_mapping("floor").replace("\"limit\": 50", "\"limit\": 40"));
    assert_eq!((push().1.as_str(), push().1.as_str()), (targets, "Nothing has changed: 17 fields.\n"));
    // A field cannot go while it is mapped, and both can go together, its mapping first.
    std::fs::remove_file(new.join("targets.json")).unwrap();
    write(&new, "profile-definition.json", DEFINITION);
    assert!(push().2.contains("/targets/0/fields/floor: there is no field 'floor'"));
    write(&new, "targets.json", TARGETS);
    assert_eq!(push().1, format!("{targets}{definition}"));

    // The same bucket, by the standard variables alone.
    let environment = [
        ("AWS_ENDPOINT_URL_S3", text(&ready, "/s3")),
        ("AWS_REGION", text(&ready, "/region")),
        ("AWS_ACCESS_KEY_ID", text(&ready, "/accessKeyId")),
        ("AWS_SECRET_ACCESS_KEY", text(&ready, "/secretAccessKey")),
    ];
    let real = TARGETS.replace("simulator:", "https://targets.example/");
    write(&new, "targets.json", real);
    let unnamed = run(path, &environment, &["config", "push", "new"]);
    assert!(unnamed.code == 1 && unnamed.stderr.contains("which bucket is meant?"), "{}", unnamed.stderr);
    let arguments = ["config", "push", "new", "--bucket", text(&ready, "/bucket")];
    let pushed = run(path, &environment, &arguments);
    assert_eq!((pushed.code, pushed.stdout.as_str()), (0, targets), "{}", pushed.stderr);
}

#[test]
fn a_place_cannot_be_two_places() {
    let folder = TempDir::new().unwrap();
    let arguments = ["config", "push", ".", "--data", "data", "--bucket", "b"];
    assert_eq!(run(folder.path(), &[], &arguments).code, 2);
    assert_eq!(run(folder.path(), &[], &["config", "push"]).code, 2);
}
