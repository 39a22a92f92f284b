//! Which configuration is used: over the wire, with a bucket that keeps versions, on a clock that the test moves.

mod credentials;
mod reports;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use people_adapters::config::{Config, PROFILE_DEFINITION, TARGETS};
use people_adapters::configuration::MAX_CONFIGURATION;
use people_adapters::s3::write_object;
use people_adapters::secrets::{Secrets, SecretsAt};
use people_adapters::{ConnectError, Live, Looked, connect_by};
use people_core::ports::{App, Clock};

use crate::embedded::{BUCKET, Embedded, settings_of, start};
use crate::gate::Gate;

const BROKEN: &str = "{";
const MINUTE: Duration = Duration::from_secs(60);

/// A definition that can be told from others by one field.
fn definition(field: &str) -> String {
    format!(
        r#"[{{"name":"firstName","fieldType":"String","source":"Api"}},{{"name":"{field}","fieldType":"String","source":"Api"}}]"#
    )
}

/// Targets that can be told from others by the name of one, which takes this field.
fn targets(name: &str, field: &str) -> String {
    format!(
        r#"{{"targets":[{{"name":"{name}","kind":"aktion","baseUrl":"simulator:aktion","credentials":"aktion",
        "identifiers":{{"employeeId":"PersonId"}},"fields":{{"{field}":"Name"}}}}]}}"#
    )
}

/// A bucket behind a gate.
struct Stage {
    embedded: Embedded,
    gate: Gate,
}

impl Stage {
    /// With a pair that is good: the field `first`, the target `one`.
    async fn new() -> Stage {
        let stage = Stage::empty().await;
        stage.put(&definition("first"), &targets("one", "firstName")).await;
        stage
    }

    async fn empty() -> Stage {
        let embedded = start().await;
        let gate = Gate::to(&embedded.s3).await;
        Stage { embedded, gate }
    }

    async fn put(&self, definition: &str, targets: &str) {
        self.put_definition(definition).await;
        self.put_targets(targets).await;
    }

    async fn put_definition(&self, text: &str) {
        write_object(&self.embedded.aws.s3, BUCKET, PROFILE_DEFINITION, text.into()).await.unwrap();
    }

    async fn put_targets(&self, text: &str) {
        write_object(&self.embedded.aws.s3, BUCKET, TARGETS, text.into()).await.unwrap();
    }

    async fn delete(&self, key: &str) {
        self.embedded.aws.s3.delete_object().bucket(BUCKET).key(key).send().await.unwrap();
    }

    /// A process that starts now.
    async fn connect(&self) -> Result<Live, ConnectError> {
        let secrets = Secrets::parse(br#"{"aktion":{"userLogin":"u","apiKey":"k"}}"#).unwrap();
        self.connect_with(SecretsAt::Settings(secrets), None).await
    }

    /// One whose credentials are there.
    async fn connect_with(
        &self,
        secrets: SecretsAt,
        secrets_manager: Option<&str>,
    ) -> Result<Live, ConnectError> {
        let config = Config {
            requests_per_minute: None,
            aws: settings_of([&self.embedded.dynamodb, &self.gate.url], secrets_manager),
            tables: self.embedded.tables.clone(),
            bucket: BUCKET.into(),
            retention: MINUTE,
            secrets,
            simulators: HashMap::from([("aktion".into(), "http://127.0.0.1:9".into())]),
            share: people_adapters::share::Share::ALL,
        };
        let live = connect_by(&config, Arc::clone(&self.embedded.clock) as _).await;
        self.gate.seen();
        live
    }

    /// What a process that starts now works with.
    async fn cold_start(&self) -> (String, String) {
        in_use(&self.connect().await.unwrap().app().await)
    }

    fn wait(&self, duration: Duration) {
        let clock = &self.embedded.clock;
        clock.advance_to(clock.now().plus(duration));
    }
}

/// The field and the target by which a pair can be told.
fn in_use(app: &App) -> (String, String) {
    let field = app.profile.fields()[1].name.to_string();
    (field, app.targets[0].name.to_string())
}

fn pair(field: &str, target: &str) -> (String, String) {
    (field.to_owned(), target.to_owned())
}

#[tokio::test]
async fn what_is_new_is_taken_up_after_a_minute_and_not_before() {
    let stage = Stage::new().await;
    let live = stage.connect().await.unwrap();
    stage.put(&definition("second"), &targets("two", "second")).await;
    stage.wait(Duration::from_millis(59_999));
    assert_eq!(in_use(&live.app().await), pair("first", "one"));
    assert_eq!(stage.gate.seen(), [""; 0]);
    stage.wait(Duration::from_millis(1));
    assert_eq!(in_use(&live.app().await), pair("second", "two"));
    stage.put_definition(&definition("third")).await;
    stage.wait(Duration::from_millis(59_999));
    assert_eq!(in_use(&live.app().await).0, "second");
}

#[tokio::test]
async fn while_nothing_changes_nothing_is_read_and_the_targets_stay() {
    let stage = Stage::new().await;
    let live = stage.connect().await.unwrap();
    let before = live.app().await;
    for _ in 0..3 {
        stage.wait(MINUTE);
        let same = live.app().await;
        live.app().await;
        assert!(Arc::ptr_eq(&before.targets, &same.targets));
        let once = ["conditional read profile-definition.json", "conditional read targets.json"];
        assert_eq!(stage.gate.seen(), once);
    }
    stage.put_targets(&targets("one", "firstName")).await;
    assert_eq!(live.look_now().await, Looked::Unchanged, "the same once more is nothing new");
    stage.put_targets(&targets("two", "firstName")).await;
    assert_eq!(live.look_now().await, Looked::TakenUp);
    assert!(!Arc::ptr_eq(&before.targets, &live.app().await.targets));
    assert!(Arc::ptr_eq(&before.imports, &live.app().await.imports), "the stores stay");
}

#[tokio::test]
async fn of_those_who_come_at_once_one_looks() {
    let stage = Stage::new().await;
    let live = stage.connect().await.unwrap();
    stage.put_definition(&definition("second")).await;
    stage.wait(MINUTE);
    let (first, second) = tokio::join!(live.app(), live.app());
    assert_eq!([in_use(&first).0, in_use(&second).0], ["second", "first"], "the other one does not wait");
    assert_eq!(stage.gate.seen().len(), 2);
}

#[tokio::test]
async fn a_broken_one_is_refused_and_what_was_used_stays() {
    let stage = Stage::new().await;
    let live = stage.connect().await.unwrap();
    let used = live.app().await;
    stage.put_definition(BROKEN).await;
    stage.wait(MINUTE);
    let after = live.app().await;
    assert_eq!(in_use(&after), pair("first", "one"));
    assert!(Arc::ptr_eq(&used.targets, &after.targets), "sessions go on");
    stage.gate.seen();
    assert_eq!(live.look_now().await, Looked::Unchanged);
    assert_eq!(stage.gate.seen().len(), 2, "it is not judged again");
    stage.put_definition(&definition("second")).await;
    assert_eq!(live.look_now().await, Looked::TakenUp);
    assert_eq!(in_use(&live.app().await), pair("second", "one"));
}

/// What a running process and one that starts now use after these changes.
async fn both(stage: &Stage, live: &Live) -> (String, String) {
    assert_eq!(live.look_now().await, Looked::Refused);
    let running = in_use(&live.app().await);
    assert_eq!(stage.cold_start().await, running, "all processes agree");
    running
}

#[tokio::test]
async fn the_newest_good_pair_is_used_whatever_is_wrong_with_the_current_one() {
    let stage = Stage::new().await;
    let live = stage.connect().await.unwrap();
    // Nobody looks while the second pair is the current one.
    stage.put(&definition("second"), &targets("two", "second")).await;
    stage.put_definition(BROKEN).await;
    assert_eq!(both(&stage, &live).await, pair("second", "two"), "a broken definition");
    stage.put_definition(&definition("third")).await;
    assert_eq!(both(&stage, &live).await, pair("third", "one"), "a contradiction: it has the fewest steps");
    stage.put_targets(&targets("three", "third")).await;
    assert_eq!(live.look_now().await, Looked::TakenUp);
    stage.put_targets(BROKEN).await;
    assert_eq!(both(&stage, &live).await, pair("third", "three"), "broken targets");
    stage.put_definition(BROKEN).await;
    assert_eq!(both(&stage, &live).await, pair("third", "three"), "both broken");
    stage.delete(PROFILE_DEFINITION).await;
    assert_eq!(both(&stage, &live).await, pair("third", "three"), "no definition");
    stage.put(&definition("fourth"), &targets("four", "missing")).await;
    assert_eq!(both(&stage, &live).await, pair("fourth", "one"), "targets of a field that is not there");
    stage.delete(TARGETS).await;
    assert_eq!(both(&stage, &live).await, pair("fourth", "one"), "no targets");
}

#[tokio::test]
async fn of_two_pairs_that_are_as_near_the_one_that_undoes_the_later_change_is_used() {
    let stage = Stage::new().await;
    let live = stage.connect().await.unwrap();
    stage.put(&definition("second"), &targets("two", "second")).await;
    assert_eq!(live.look_now().await, Looked::TakenUp);
    // With the targets before these it would be good too.
    stage.put_definition(&definition("third")).await;
    assert_eq!(both(&stage, &live).await, pair("second", "two"));
}

#[tokio::test]
async fn twenty_versions_are_looked_back_and_no_more() {
    let stage = Stage::new().await;
    let live = stage.connect().await.unwrap();
    for version in 1..=20 {
        stage.put_targets(&format!("{BROKEN}{version}")).await;
    }
    assert_eq!(both(&stage, &live).await, pair("first", "one"));
    stage.put_targets(BROKEN).await;
    assert_eq!(live.look_now().await, Looked::Refused);
    assert_eq!(in_use(&live.app().await), pair("first", "one"), "a running process keeps what it has");
    let error = stage.connect().await.err().unwrap().to_string();
    assert!(error.starts_with("the targets are not valid:\n"), "{error}");
    assert!(error.ends_with("\nnone of its earlier versions in the bucket is good either"), "{error}");
}

#[tokio::test]
async fn where_nothing_is_good_a_start_fails_with_every_fault() {
    let stage = Stage::empty().await;
    let error = stage.connect().await.err().unwrap().to_string();
    let missing =
        format!("there is no {PROFILE_DEFINITION} in the bucket\nthere is no {TARGETS} in the bucket\n");
    assert!(error.starts_with(&missing), "{error}");
    let twice = r#"[{"name":"a","fieldType":"Date","source":"Api","isList":true},{"name":"a","fieldType":"X","source":"Api"}]"#;
    stage.put(twice, r#"{"targets":[]}"#).await;
    let error = stage.connect().await.err().unwrap().to_string();
    assert!(error.contains("/0/isList: ") && error.contains("/1: "), "{error}");
    assert!(error.contains("\nthe targets are not looked at before the definition is valid\n"), "{error}");
}

#[tokio::test]
async fn while_the_bucket_cannot_be_read_what_there_is_stays_in_use() {
    let stage = Stage::new().await;
    let live = stage.connect().await.unwrap();
    stage.put(&definition("second"), &targets("two", "second")).await;
    for part in ["targets.json", "profile-definition.json"] {
        stage.gate.shut(Some(part));
        stage.wait(MINUTE);
        assert_eq!(in_use(&live.app().await), pair("first", "one"), "half a pair is none");
        stage.gate.seen();
        live.app().await;
        assert_eq!(stage.gate.seen(), [""; 0], "it is not asked again before a minute is over");
    }
    let error = stage.connect().await.err().unwrap().to_string();
    assert_eq!(error, "could not read an object: S3 answered AccessDenied");
    stage.gate.shut(None);
    stage.wait(MINUTE);
    assert_eq!(in_use(&live.app().await), pair("second", "two"));
}

#[tokio::test]
async fn a_request_waits_three_seconds_for_a_bucket_that_does_not_answer() {
    let stage = Stage::new().await;
    let live = stage.connect().await.unwrap();
    stage.gate.hold(Some("/"));
    stage.wait(MINUTE);
    // From here on, time passes only while nothing else can happen.
    tokio::time::pause();
    let since = tokio::time::Instant::now();
    assert_eq!(in_use(&live.app().await), pair("first", "one"));
    assert_eq!(since.elapsed().as_secs(), 3);
    assert_eq!(in_use(&live.app().await), pair("first", "one"));
    assert_eq!(since.elapsed().as_secs(), 3, "and the next one not at all");
}

#[tokio::test]
async fn while_the_versions_cannot_be_listed_what_there_is_stays_in_use() {
    let stage = Stage::new().await;
    let live = stage.connect().await.unwrap();
    stage.put_definition(&definition("second")).await;
    stage.put_definition(BROKEN).await;
    stage.gate.shut(Some("versions"));
    assert_eq!(live.look_now().await, Looked::Unavailable);
    assert_eq!(in_use(&live.app().await), pair("first", "one"));
    let error = stage.connect().await.err().unwrap().to_string();
    let unknown = "\nand its earlier versions are not known: could not list the versions of an object: S3 answered AccessDenied";
    assert!(
        error.starts_with("the profile definition is not valid:\n") && error.ends_with(unknown),
        "{error}"
    );
    stage.gate.shut(None);
    assert_eq!(both(&stage, &live).await, pair("second", "one"), "it is looked for again");
}

#[tokio::test]
async fn a_version_that_cannot_be_had_is_left_out() {
    let stage = Stage::new().await;
    let live = stage.connect().await.unwrap();
    stage.put_definition(&definition("second")).await;
    let s3 = &stage.embedded.aws.s3;
    let second = s3.head_object().bucket(BUCKET).key(PROFILE_DEFINITION).send().await.unwrap();
    stage.put_definition(BROKEN).await;
    stage.gate.shut(second.version_id());
    assert_eq!(both(&stage, &live).await, pair("first", "one"));
    stage.put_definition(&format!("{BROKEN}{BROKEN}")).await;
    stage.gate.shut(None);
    assert_eq!(both(&stage, &live).await, pair("second", "one"));
}

#[tokio::test]
async fn an_object_of_one_mebibyte_is_taken_up_and_one_of_a_byte_more_is_refused() {
    let stage = Stage::new().await;
    let live = stage.connect().await.unwrap();
    let long = |text: String, bytes: usize| format!("{text}{}", " ".repeat(bytes - text.len()));
    stage.put_definition(&long(definition("second"), MAX_CONFIGURATION)).await;
    assert_eq!(live.look_now().await, Looked::TakenUp);
    stage.put_definition(&long(definition("third"), MAX_CONFIGURATION + 1)).await;
    assert_eq!(both(&stage, &live).await, pair("second", "one"));
    stage.put_targets(&long(targets("two", "second"), MAX_CONFIGURATION)).await;
    assert_eq!(both(&stage, &live).await, pair("second", "two"));
    stage.put_targets(&long(targets("three", "second"), MAX_CONFIGURATION + 1)).await;
    assert_eq!(both(&stage, &live).await, pair("second", "two"));
}

#[tokio::test]
async fn a_start_waits_nine_seconds_for_bytes_that_do_not_come() {
    let stage = Stage::new().await;
    stage.gate.stall("targets.json");
    tokio::time::pause();
    let since = tokio::time::Instant::now();
    let error = stage.connect().await.err().unwrap().to_string();
    assert_eq!(error, "the configuration could not be read from the bucket in 9 seconds");
    assert_eq!(since.elapsed().as_secs(), 9);
}
