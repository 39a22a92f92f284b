//! The test cases of targets.md, part 5.5, by their numbers.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use people_core::delivery::{Ready, Run, deliver};
use people_core::id::ImportId;
use people_core::log::{Ending, PartOutcome};
use people_core::person::{Identifier, NativeKey, Person};
use people_core::ports::{Clock, Found, Listing};
use serde_json::{Value, json};

use super::stage::{ENTERPRISE, GUID, JOE, SARAH, Stage, app, deferred, error, joe, refused, update};

#[tokio::test]
async fn sc_01_a_quote_and_a_backslash_are_escaped() {
    let stage = Stage::new().await;
    assert_eq!(stage.find_upn(r#"jo"e\"or"1"eq"1@company.com"#).await, Found::Nobody);
    let call = stage.calls().await.pop().unwrap();
    let query = call["query"].as_str().unwrap();
    assert!(query.starts_with("filter=userName%20eq%20%22jo%5C%22e%5C%5C%5C%22or%5C%221"), "{query}");
    assert_eq!(call["status"], 200);
    assert_eq!(stage.find_upn("joe@company.com").await, joe());
}

#[tokio::test]
async fn sc_02_two_hits_are_several_and_nothing_is_sent() {
    let stage = Stage::new().await;
    stage.change(SARAH, |sarah| sarah["externalId"] = json!("100200300")).await;
    assert_eq!(stage.find_id("100200300").await, Found::Several);
    assert_eq!(stage.of("PATCH").await, Vec::<Value>::new());
}

#[tokio::test]
async fn sc_03_a_work_phone_is_added_beside_the_one_at_home() {
    let stage = Stage::new().await;
    let mut expected = stage.stored(JOE).await;
    let outcome = stage.set(JOE, "workPhone", "+420 1").await;
    assert_eq!(
        (outcome.ending, outcome.code.as_deref(), outcome.attempts),
        (Ending::Updated, Some("200"), 1)
    );
    let work = json!({"type": "work", "value": "+420 1"});
    expected["phoneNumbers"].as_array_mut().unwrap().push(work.clone());
    assert_eq!(stage.stored(JOE).await, expected);
    let operations = json!([{"op": "add", "path": "phoneNumbers", "value": [work]}]);
    assert_eq!(stage.bodies().await[0]["Operations"], operations);
    // It is there now.
    stage.set(JOE, "workPhone", "+420 2").await;
    let path = "phoneNumbers[type eq \"work\"].value";
    let operations = json!([{"op": "replace", "path": path, "value": "+420 2"}]);
    assert_eq!(stage.bodies().await[1]["Operations"], operations);
}

#[tokio::test]
async fn sc_03_what_is_not_found_by_its_type_is_added_once() {
    let stage = Stage::new().await;
    stage.set(JOE, "workPhone", "+420 1").await;
    stage.forget_calls().await;
    stage.answer_writes(400, error(400, "noTarget"), json!(1)).await;
    let both = [("workPhone", Some("+420 2")), ("title", Some("Chief"))];
    let outcome = stage.send(JOE, &both).await;
    assert_eq!((outcome.ending, outcome.attempts), (Ending::Updated, 2));
    let bodies = stage.bodies().await;
    let replaced = json!({"op": "replace", "path": "title", "value": "Chief"});
    let add = json!({"op": "add", "path": "phoneNumbers", "value": [{"type": "work", "value": "+420 2"}]});
    assert_eq!(bodies[1]["Operations"], json!([replaced, add]));
    stage.answer_writes(400, error(400, "noTarget"), Value::Null).await;
    let outcome = stage.set(JOE, "homePhone", "+420 3").await;
    assert_eq!((outcome.ending, outcome.attempts), (refused("scim refused the update as noTarget"), 2));
    // What was read is there: a removal that does not find it has not removed it.
    let outcome = stage.send(JOE, &[("homePhone", None)]).await;
    assert_eq!((outcome.ending, outcome.attempts), (refused("scim refused the update as noTarget"), 2));
    stage.answer_writes(400, error(400, "noTarget"), json!(1)).await;
    assert_eq!(stage.send(JOE, &[("homePhone", None)]).await.ending, Ending::Updated);
}

#[tokio::test]
async fn sc_04_a_reset_removes_what_it_names_alone() {
    let stage = Stage::new().await;
    let mut expected = stage.stored(JOE).await;
    assert_eq!(stage.send(JOE, &[("department", None)]).await.ending, Ending::Updated);
    expected[ENTERPRISE].as_object_mut().unwrap().remove("department");
    assert_eq!(stage.stored(JOE).await, expected);
    let operations = json!([{"op": "remove", "path": format!("{ENTERPRISE}:department")}]);
    assert_eq!(stage.bodies().await[0]["Operations"], operations);
    // It is not there any more.
    assert_eq!(stage.send(JOE, &[("department", None)]).await.ending, Ending::Unchanged);
}

#[tokio::test]
async fn sc_05_a_change_of_somebody_else_is_kept() {
    let stage = Stage::new().await;
    stage.answer_writes(412, Value::Null, json!(1)).await;
    let outcome = stage.set(JOE, "title", "Chief").await;
    assert_eq!(
        (outcome.ending, outcome.code.as_deref(), outcome.attempts),
        (Ending::Updated, Some("200"), 2)
    );
    let path = format!("/Users/{JOE}");
    let order = ["GET", "PATCH", "GET", "PATCH"].map(|method| format!("{method} {path}"));
    assert_eq!(stage.called().await, order);
    let versions = stage.of("PATCH").await;
    assert!(versions.iter().all(|call| call["headers"]["if-match"].as_str().unwrap().starts_with("W/\"")));
}

#[tokio::test]
async fn sc_05_somebody_else_who_never_ends_is_waited_for_three_times() {
    let stage = Stage::new().await;
    stage.answer_writes(412, Value::Null, Value::Null).await;
    let outcome = stage.set(JOE, "title", "Chief").await;
    let why = "scim says that somebody else is changing the person";
    assert_eq!((outcome.ending, outcome.attempts), (deferred(why), 4));
    stage.answer_writes(412, Value::Null, json!(3)).await;
    assert_eq!(stage.set(JOE, "title", "Chief").await.ending, Ending::Updated);
}

#[tokio::test]
async fn sc_06_a_break_until_a_date_is_waited_for() {
    let stage = Stage::with(json!({"limit": 5})).await;
    let began = stage.clock.now();
    // 1,700,000,000 s is 22:13:20; the break ends 40 seconds later.
    let headers = json!({"retry-after": "Tue, 14 Nov 2023 22:14:00 GMT"});
    let rule = json!({"method": "PATCH", "path": "/Users", "status": 429, "headers": headers, "times": 1});
    stage.faults(json!([rule])).await;
    let outcomes = stage.deliver(&[JOE, SARAH].map(|who| update(who, &[("title", Some("Chief"))]))).await;
    assert!(outcomes.iter().all(|outcome| outcome.ending == Ending::Updated));
    let waited = stage.clock.now().since(began).as_secs();
    assert!((40..=48).contains(&waited), "{waited}");
}

#[tokio::test]
async fn sc_07_a_token_that_is_never_accepted_is_tried_twice() {
    for path in ["/ServiceProviderConfig", "/Users"] {
        let stage = Stage::with(json!({"limit": 1})).await;
        stage.faults(json!([{"path": path, "status": 401, "body": "<html></html>"}])).await;
        let outcomes = stage.deliver(&[JOE, JOE].map(|who| update(who, &[("title", Some("Chief"))]))).await;
        let why = "scim does not accept the token that it gave us";
        assert_eq!(outcomes[0].ending, deferred(why));
        assert!(matches!(outcomes[1].ending, Ending::Deferred(_)));
        let tries = stage.calls().await.iter().filter(|call| call["status"] == 401).count();
        assert_eq!(tries, 2);
    }
}

#[tokio::test]
async fn sc_08_a_server_without_patch_gets_back_everything_that_was_read() {
    let stage = Stage::switched(json!({"patch": false})).await;
    stage
        .change(JOE, |joe| joe["urn:somebody:else:1.0:User"] = json!({"a": [1, {"b": null}], "C": "d"}))
        .await;
    let mut expected = stage.stored(JOE).await;
    let outcome = stage.send(JOE, &[("title", Some("Chief")), ("department", None)]).await;
    assert_eq!((outcome.ending, outcome.attempts), (Ending::Updated, 1));
    expected["title"] = json!("Chief");
    expected[ENTERPRISE].as_object_mut().unwrap().remove("department");
    assert_eq!(stage.stored(JOE).await, expected);
    let call = stage.of("PUT").await.remove(0);
    assert!(call["headers"]["if-match"].is_string());
    assert_eq!(stage.of("PATCH").await, Vec::<Value>::new());
}

#[tokio::test]
async fn sc_09_somebody_who_is_switched_off_is_unknown() {
    let stage = Stage::new().await;
    stage.change(JOE, |joe| joe["active"] = json!(false)).await;
    assert_eq!(stage.set(JOE, "title", "Chief").await.ending, Ending::UnknownPerson);
    assert_eq!(stage.find_upn("joe@company.com").await, Found::Nobody);
    assert_eq!(stage.find_id("100200300").await, Found::Nobody);
    assert_eq!(stage.of("PATCH").await, Vec::<Value>::new());
    stage.change(JOE, |joe| drop(joe.as_object_mut().unwrap().remove("active"))).await;
    assert_eq!(stage.set(JOE, "title", "Chief").await.ending, Ending::Updated);
}

/// Delivers a title to whoever the directory calls `key`, as an import does.
async fn import(stage: &Stage, key: &str) -> (Ending, Option<Person>) {
    let upn = Identifier::Upn("joe@company.com".to_owned());
    let seen = people_core::ports::Sighting {
        key: NativeKey(key.to_owned()),
        employee_id: Some("100200300".to_owned()),
        upn: Some("joe@company.com".to_owned()),
    };
    let app = app(stage);
    let person = app.directory.learn(&stage.target.name, &[seen]).await.unwrap().remove(0);
    let changes = update(key, &[("title", Some("Chief"))]).changes;
    let people = HashMap::new();
    let (busy, newer) = (BTreeSet::new(), people_core::late::Newer::default());
    let run = Run { people: &people, busy: &busy, until: stage.until(), dry_run: false };
    let import = ImportId::parse(GUID).unwrap();
    let ready = [Ready { part: 1, import, person: &person, changes: &changes, only: None, newer: &newer }];
    let (_, outcome) = deliver(&app, run, &ready).await.remove(0);
    let PartOutcome::Delivered { deliveries, .. } = outcome else { panic!("{outcome:?}") };
    let known = app.directory.resolve(std::slice::from_ref(&upn)).await.unwrap().remove(&upn);
    (deliveries[0].outcome.ending.clone(), known)
}

#[tokio::test]
async fn sc_10_somebody_who_is_gone_is_looked_up_again_and_forgotten() {
    let stage = Stage::new().await;
    // The directory has a former id.
    let (ending, known) = import(&stage, "u-former").await;
    assert_eq!(ending, Ending::Updated);
    assert_eq!(stage.stored(JOE).await["title"], "Chief");
    let keys = BTreeMap::from([(stage.target.name.clone(), NativeKey(JOE.to_owned()))]);
    assert_eq!(known.unwrap().keys.into_iter().collect::<BTreeMap<_, _>>(), keys);
    // Gone between the reading and the writing.
    stage.change(JOE, |joe| joe["title"] = json!("Clerk")).await;
    stage.answer_writes(404, error(404, "none"), Value::Null).await;
    stage.change(JOE, |joe| joe["userName"] = json!("joe2@company.com")).await;
    stage.change(JOE, |joe| joe["externalId"] = json!("2")).await;
    let (ending, known) = import(&stage, JOE).await;
    assert_eq!((ending, known), (Ending::UnknownPerson, None));
}

#[tokio::test]
async fn sc_11_a_server_that_pages_by_five_is_read_to_the_end() {
    let stage = Stage::new().await;
    stage.state(json!({"pageSize": 5, "people": (0..23).map(|n| json!({"id": format!("u{n}"), "userName": format!("U{n}@company.com")})).collect::<Vec<_>>()})).await;
    let Listing::Everybody(everybody) = stage.list().await else { panic!("no list") };
    let upns: BTreeSet<_> = everybody.into_iter().map(|seen| seen.upn.unwrap()).collect();
    assert_eq!(upns, (0..23).map(|n| format!("u{n}@company.com")).collect());
    let queries: Vec<_> = stage.calls().await.iter().map(|call| call["query"].clone()).collect();
    assert!(queries[1].as_str().unwrap().starts_with("startIndex=6&count=100&"), "{queries:?}");
}

#[tokio::test]
async fn sc_12_an_error_is_told_by_its_status_whatever_its_body_is() {
    let stage = Stage::new().await;
    let as_text = error(400, "invalidValue");
    let mut as_number = as_text.clone();
    as_number["status"] = json!(400);
    for (body, code) in [
        (as_text, "400/invalidValue"),
        (as_number, "400/invalidValue"),
        (json!("<html><body>400</body></html>"), "400"),
        (Value::Null, "400"),
        (json!({"scimType": "Rumpelstilzchen"}), "400"),
    ] {
        stage.answer_writes(400, body, Value::Null).await;
        let outcome = stage.set(JOE, "title", "Chief").await;
        let Ending::Refused(why) = outcome.ending else { panic!("{:?}", outcome.ending) };
        assert!(why.starts_with("scim refused the update") && !why.contains("Rumpelstilzchen"), "{why}");
        assert_eq!((outcome.code.as_deref(), outcome.attempts), (Some(code), 1));
    }
}
