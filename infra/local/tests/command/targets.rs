//! `people targets check` against simulators: what is well, and what is wrong in the target's own words.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::administrator::{Ended, run, serve, serve_with, write};
use super::people;

const DEFINITION: &str = include_str!("../../../profile-definition.json");
const TARGETS: &str = include_str!("../../../targets.json");

/// Runs the check, and sees to it that it tells nobody's identifier but the one that it was told.
fn check(folder: &Path, arguments: &[&str]) -> Ended {
    let ended = run(folder, &[], &[&["targets", "check"], arguments].concat());
    for hidden in ["@company.com", "100200300", "10020"] {
        assert!(!ended.stdout.contains(hidden) && !ended.stderr.contains(hidden), "{}", ended.stderr);
    }
    ended
}

/// The sample target under these names, at these addresses, in a folder `new`.
fn configure(folder: &Path, targets: &[(&str, &str)]) {
    let mut all: Value = serde_json::from_str(TARGETS).unwrap();
    let sample = all["targets"][0].take();
    let target = |(name, url): &(&str, &str)| {
        let mut target = sample.clone();
        (target["name"], target["baseUrl"]) = (json!(name), json!(url));
        target
    };
    all["targets"] = targets.iter().map(target).collect();
    std::fs::create_dir_all(folder.join("new")).unwrap();
    write(&folder.join("new"), "profile-definition.json", DEFINITION);
    write(&folder.join("new"), "targets.json", all.to_string());
}

#[test]
fn a_target_that_is_well_lists_people_and_finds_one() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    let (running, _) = serve(path);
    let lines = |targets: &[(&str, usize)], told: &str| -> String {
        let line =
            |(name, people): &(&str, usize)| format!("{name}: logged in, {people} people listed, {told}\n");
        targets.iter().map(line).collect()
    };
    // The portal's own account is one of its people.
    let all = [("aktion", 205), ("esystems", 205), ("onlyoffice", 206), ("scim", 205)];
    for (arguments, targets, told) in [
        (&[][..], &all[..], "found one of them"),
        (&["--person", "joe@company.com"], &all, "found the person"),
        (&["--person", " JOE@company.com "], &all, "found the person"),
        (&["--person", "100200300", "--target", "aktion"], &all[..1], "found the person"),
    ] {
        let ended = check(path, &[&["--data", "data"], arguments].concat());
        assert_eq!((ended.code, ended.stdout), (0, lines(targets, told)), "{}", ended.stderr);
        assert!(ended.stderr.starts_with("At the local stack in data, bucket people:\n"), "{}", ended.stderr);
    }
    let unknown = check(path, &["--data", "data", "--person", "unknown@company.com"]);
    let told = lines(&all, "but nobody has the identifier");
    assert_eq!((unknown.code, unknown.stdout), (1, told), "{}", unknown.stderr);
    assert!(unknown.stderr.ends_with("people: 4 of 4 checked targets failed\n"), "{}", unknown.stderr);
    let nowhere = check(path, &["--data", "data", "--target", "atkion"]);
    assert_eq!((nowhere.code, nowhere.stdout.as_str()), (1, ""));
    let there = "people: there is no such target; there are: aktion, esystems, onlyoffice, scim\n";
    assert!(nowhere.stderr.ends_with(there), "{}", nowhere.stderr);
    drop(running);
    assert_eq!(check(path, &["--data", "data"]).code, 1, "nothing runs");
}

#[test]
fn a_wrong_key_and_faults_of_the_configuration_are_told_and_a_key_never_is() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    configure(path, &[("aktion", "simulator:aktion")]);
    let _running = serve_with(path, &["--config", "new"]);
    // Where one target is real, all credentials are those of the file.
    configure(path, &[("aktion", "simulator:aktion"), ("real", "https://aktion.example/api")]);
    let check_new = |key: Option<&str>, arguments: &[&str]| {
        if let Some(key) = key {
            let secrets = json!({"aktion": {"userLogin": "people", "apiKey": key}});
            write(&path.join("new"), "secrets.json", secrets.to_string());
        }
        let ended = check(path, &[&["--config", "new", "--data", "data"], arguments].concat());
        assert!(!ended.stdout.contains("planted") && !ended.stderr.contains("planted"), "{}", ended.stderr);
        ended
    };
    let none = check_new(None, &[]);
    assert_eq!((none.code, none.stdout.as_str()), (1, ""));
    assert!(none.stderr.contains("/targets/0/credentials: "), "{}", none.stderr);
    let wrong = check_new(Some("planted"), &["--target", "aktion"]);
    assert_eq!((wrong.code, wrong.stdout.as_str()), (1, "aktion: refuses our log-in\n"), "{}", wrong.stderr);
    assert!(wrong.stderr.starts_with("With the configuration in new:\n"), "{}", wrong.stderr);
    // The stack was started with this folder, so its credentials are the ones there.
    assert_eq!(run(path, &[], &["config", "push", "new", "--data", "data"]).code, 0);
    let wrong = check(path, &["--data", "data", "--target", "aktion"]);
    assert_eq!((wrong.code, wrong.stdout.as_str()), (1, "aktion: refuses our log-in\n"), "{}", wrong.stderr);

    configure(path, &[("aktion", "simulator:nowhere")]);
    let faulty = check_new(None, &[]);
    assert_eq!((faulty.code, faulty.stdout.as_str()), (1, ""));
    assert!(faulty.stderr.contains("/targets/0/baseUrl: "), "{}", faulty.stderr);
}

#[test]
fn one_target_that_cannot_be_reached_hides_none_of_the_others() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    let mut simulating = people(path, &["simulate", "--ready-file", "simulators.json"]);
    let mut simulators = simulating.ready(&path.join("simulators.json"));
    simulators["simulators"]["dead"] = json!("http://127.0.0.1:1");
    write(path, "more.json", simulators.to_string());
    let _running = serve_with(path, &["--simulators", "more.json"]);
    configure(path, &[("one", "simulator:aktion"), ("two", "simulator:dead"), ("three", "simulator:aktion")]);
    let person = ["--config", "new", "--data", "data", "--person", "sarah@company.com"];
    let ended = check(path, &person);
    let lines = [
        "one: logged in, 205 people listed, found the person",
        "two: does not answer",
        "three: logged in, 205 people listed, found the person",
    ];
    assert_eq!(
        (ended.code, ended.stdout.lines().collect::<Vec<_>>()),
        (1, lines.to_vec()),
        "{}",
        ended.stderr
    );
    assert!(ended.stderr.ends_with("people: 1 of 3 checked targets failed\n"), "{}", ended.stderr);
    assert_eq!(check(path, &[&person[..], &["--target", "three"]].concat()).code, 0);
}

#[test]
fn a_check_that_cannot_be_meant_is_wrong_use() {
    let folder = TempDir::new().unwrap();
    let long = "1".repeat(257);
    for arguments in [
        &["targets"][..],
        &["targets", "check", "--person", " "],
        &["targets", "check", "--person", &long],
        &["targets", "check", "--data", "d", "--bucket", "b"],
        &["targets", "check", "--config", "d", "--bucket", "b"],
        &["targets", "check", "aktion"],
    ] {
        let ended = run(folder.path(), &[], arguments);
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{arguments:?}: {}", ended.stderr);
    }
}
