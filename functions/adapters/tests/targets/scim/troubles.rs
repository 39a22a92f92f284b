//! What a bad day brings: every refusal of the table, breaks, lost answers, servers that are down or talk HTML.

use std::time::Duration;

use people_core::log::Ending;
use people_core::person::Identifier;
use people_core::ports::{Clock, Found, LeaseHolder, Leases};
use serde_json::{Value, json};

use super::stage::{ENTERPRISE, JOE, SARAH, Stage, deferred, error, refused, update};
use crate::traced::Traced;

#[tokio::test]
async fn a_refusal_is_final_and_keeps_its_code() {
    let stage = Stage::new().await;
    for (status, kind, why) in [
        (400, "invalidValue", "refused the update as invalidValue"),
        (400, "invalidPath", "refused the update as invalidPath"),
        (400, "mutability", "refused the update as mutability"),
        (400, "invalidSyntax", "refused the update as invalidSyntax"),
        (400, "sensitive", "refused the update as sensitive"),
        (400, "tooMany", "refused the update as tooMany"),
        (409, "uniqueness", "says that it conflicts with other data there"),
        (413, "", "says that the update is too large"),
        (422, "", "refused the update"),
    ] {
        stage.answer_writes(status, error(status, kind), Value::Null).await;
        let outcome = stage.set(JOE, "title", "Chief").await;
        assert_eq!(outcome.ending, refused(&format!("scim {why}")), "{status}");
        let code = if kind.is_empty() { status.to_string() } else { format!("{status}/{kind}") };
        assert_eq!((outcome.code, outcome.attempts), (Some(code), 1));
    }
}

#[tokio::test]
async fn the_second_missing_right_in_a_row_stops_the_run() {
    let stage = Stage::with(json!({"limit": 1})).await;
    stage.switch(json!({"may_write": false})).await;
    let titles =
        |count: usize| -> Vec<_> { (0..count).map(|_| update(JOE, &[("title", Some("Chief"))])).collect() };
    let outcomes = stage.deliver(&titles(3)).await;
    let why = "scim gives us no right to change people";
    assert_eq!((&outcomes[0].ending, &outcomes[1].ending), (&refused(why), &refused(why)));
    assert_eq!(outcomes[2].ending, deferred(why));
    assert_eq!(stage.of("PATCH").await.len(), 2);
    // One by itself is about one person.
    let stage = Stage::with(json!({"limit": 1})).await;
    stage.answer_writes(403, Value::Null, json!(1)).await;
    let outcomes = stage.deliver(&titles(2)).await;
    assert_eq!((&outcomes[0].ending, &outcomes[1].ending), (&refused(why), &Ending::Updated));
    // It may be about reading, too.
    stage.faults(json!([{"method": "GET", "path": "/Users", "status": 403}])).await;
    let outcomes = stage.deliver(&titles(3)).await;
    let why = "scim does not let us see this person";
    assert_eq!((&outcomes[1].ending, &outcomes[2].ending), (&refused(why), &deferred(why)));
}

#[tokio::test]
async fn what_no_call_can_overcome_stops_the_run() {
    for (status, why) in [
        (302, "scim sends us elsewhere: its base URL may be wrong"),
        (405, "scim does not know this call: its base URL may be wrong"),
        (415, "scim does not take SCIM"),
        (501, "scim does not do what this call asks for"),
    ] {
        let stage = Stage::with(json!({"limit": 1})).await;
        stage.answer_writes(status, Value::Null, json!(1)).await;
        let outcomes = stage.deliver(&[JOE, SARAH].map(|who| update(who, &[("title", Some("A"))]))).await;
        assert!(outcomes.iter().all(|outcome| outcome.ending == deferred(why)), "{status}: {outcomes:?}");
        assert_eq!(stage.of("PATCH").await.len(), 1, "{status}");
        // The next run is tried: it may be mended.
        assert_eq!(stage.set(JOE, "title", "C").await.ending, Ending::Updated);
    }
}

#[tokio::test]
async fn a_break_is_taken_by_everybody_with_or_without_its_length() {
    for (status, headers, least, most) in [
        (429, json!({"retry-after": "7"}), 7_000, 8_400),
        (503, json!({"retry-after": "7"}), 7_000, 8_400),
        (429, Value::Null, 1_600, 2_400),
        (503, json!({"retry-after": "soon"}), 1_600, 2_400),
    ] {
        let stage = Stage::new().await;
        let began = stage.clock.now();
        stage.faults(json!([{"method": "PATCH", "status": status, "headers": headers, "times": 1}])).await;
        let outcome = stage.set(JOE, "title", "Chief").await;
        assert_eq!((outcome.ending, outcome.attempts), (Ending::Updated, 2));
        let waited = stage.clock.now().since(began).as_millis();
        assert!((least..=most).contains(&waited), "{status}: {waited}");
    }
}

#[tokio::test]
async fn a_server_that_is_always_busy_defers() {
    let stage = Stage::new().await;
    stage.answer_writes(429, Value::Null, Value::Null).await;
    let outcome = stage.set(JOE, "title", "Chief").await;
    assert_eq!(
        (outcome.ending, outcome.code.as_deref(), outcome.attempts),
        (deferred("scim is busy"), Some("429"), 5)
    );
    let hour = json!({"retry-after": "3600"});
    stage.faults(json!([{"method": "PATCH", "status": 429, "headers": hour}])).await;
    let outcome = stage.set(JOE, "title", "Chief").await;
    assert_eq!((outcome.ending, outcome.attempts), (deferred("scim is busy"), 1));
}

#[tokio::test]
async fn a_failure_is_repeated_within_the_deadline() {
    for status in [500, 502, 504, 408] {
        let stage = Stage::new().await;
        stage.answer_writes(status, json!("<html></html>"), json!(3)).await;
        let outcome = stage.set(JOE, "title", "Chief").await;
        assert_eq!((outcome.ending, outcome.attempts), (Ending::Updated, 4), "{status}");
        stage.answer_writes(status, error(status, "none"), Value::Null).await;
        let outcome = stage.set(JOE, "title", "Clerk").await;
        assert_eq!((outcome.ending, outcome.attempts), (deferred("scim does not answer"), 4), "{status}");
        assert_eq!(outcome.code.as_deref().map(|code| &code[..3]), Some(status.to_string().as_str()));
    }
}

#[tokio::test]
async fn what_a_lost_answer_has_done_is_seen_and_not_done_twice() {
    let stage = Stage::new().await;
    let both = |value| [("workPhone", Some(value)), ("title", Some(value))];
    for switches in [json!({"etag": true}), json!({"etag": false}), json!({"patch": false})] {
        stage.control("DELETE", "/_sim", Value::Null).await;
        stage.switch(switches.clone()).await;
        stage.clock.advance_to(stage.until());
        stage.faults(json!([{"method": "PATCH", "close": "after", "times": 1}, {"method": "PUT", "close": "after", "times": 1}])).await;
        let mut expected = stage.stored(JOE).await;
        let outcome = stage.send(JOE, &both("1")).await;
        assert_eq!((outcome.ending, outcome.attempts), (Ending::Updated, 1), "{switches}");
        expected["title"] = json!("1");
        expected["phoneNumbers"].as_array_mut().unwrap().push(json!({"type": "work", "value": "1"}));
        assert_eq!(stage.stored(JOE).await, expected);
        stage.faults(json!([{"method": "PATCH", "close": "before", "times": 1}, {"method": "PUT", "close": "before", "times": 1}])).await;
        let outcome = stage.send(JOE, &both("2")).await;
        assert_eq!((outcome.ending, outcome.attempts), (Ending::Updated, 2), "{switches}");
    }
}

#[tokio::test]
async fn answers_that_are_always_lost_end_with_a_look() {
    let stage = Stage::new().await;
    stage.faults(json!([{"method": "PATCH", "close": "before"}])).await;
    let outcome = stage.set(JOE, "title", "Chief").await;
    assert_eq!((outcome.ending, outcome.attempts), (deferred("scim does not answer"), 4));
    // The last one was done.
    let lost = json!({"method": "PATCH", "close": "before", "times": 3});
    stage.faults(json!([lost, {"method": "PATCH", "close": "after"}])).await;
    let outcome = stage.set(JOE, "title", "Chief").await;
    assert_eq!((outcome.ending, outcome.attempts), (Ending::Updated, 4));
}

#[tokio::test]
async fn a_success_that_is_a_page_is_believed_only_after_a_look() {
    let stage = Stage::new().await;
    stage.answer_writes(200, json!("<html>Sign in</html>"), Value::Null).await;
    let outcome = stage.set(JOE, "title", "Chief").await;
    assert_eq!(outcome.ending, deferred("scim does not say what it did"));
    stage.answer_writes(202, Value::Null, json!(1)).await;
    assert_eq!(stage.set(JOE, "title", "Chief").await.ending, Ending::Updated);
    stage.faults(json!([{"method": "GET", "path": "/Users", "body": "<html>Sign in</html>"}])).await;
    let outcome = stage.set(JOE, "title", "Clerk").await;
    assert_eq!(outcome.ending, deferred("scim answers in a way that we do not understand"));
}

#[tokio::test]
async fn a_success_without_a_body_is_one() {
    let stage = Stage::new().await;
    stage.state(json!({"patchStatus": 204, "people": [{"id": JOE, "userName": "joe@company.com"}]})).await;
    let outcome = stage.set(JOE, "title", "Chief").await;
    assert_eq!((outcome.ending, outcome.code.as_deref()), (Ending::Updated, Some("204")));
    assert_eq!(stage.stored(JOE).await["title"], "Chief");
}

#[tokio::test]
async fn a_user_who_is_not_the_one_asked_for_is_not_written() {
    let stage = Stage::new().await;
    let sarah = stage.stored(SARAH).await;
    stage.faults(json!([{"method": "GET", "path": "/Users", "body": sarah}])).await;
    let outcome = stage.set(JOE, "title", "Chief").await;
    assert_eq!(outcome.ending, deferred("scim answers in a way that we do not understand"));
    assert!(stage.of("PATCH").await.is_empty());
}

#[tokio::test]
async fn an_answer_that_takes_longer_than_there_is_time_defers() {
    let stage = Stage::new().await;
    stage.set(JOE, "title", "A").await;
    stage.faults(json!([{"path": "/Users", "delay_ms": 60_000}])).await;
    let until = stage.clock.now().plus(Duration::from_millis(50));
    let outcome = stage.target.api.deliver(&[update(JOE, &[("title", Some("B"))])], until).await.remove(0);
    assert!(matches!(outcome.ending, Ending::Deferred(_)), "{:?}", outcome.ending);
}

#[tokio::test]
async fn nobody_listens_there() {
    let Stage { simulator, clock, target, .. } = Stage::new().await;
    let until = clock.now().plus(Duration::from_secs(3600));
    simulator.stop().await;
    let outcome = target.api.deliver(&[update(JOE, &[("title", Some("A"))])], until).await.remove(0);
    assert_eq!((outcome.ending, outcome.attempts), (deferred("scim does not answer"), 0));
    let found = target.api.find(&[Identifier::EmployeeId("1".to_owned())], until).await;
    assert_eq!(found, [Found::Unavailable("scim does not answer".to_owned())]);
}

#[tokio::test]
async fn a_server_that_says_nothing_about_itself_is_taken_for_a_usual_one() {
    for rule in [
        json!({"status": 404}),
        json!({"status": 500}),
        json!({"body": "<html></html>"}),
        json!({"body": {"patch": 1}}),
    ] {
        let stage = Stage::new().await;
        let mut rule = rule;
        rule["path"] = json!("/ServiceProviderConfig");
        stage.faults(json!([rule])).await;
        let outcomes = stage.deliver(&[JOE, SARAH].map(|who| update(who, &[("title", Some("Chief"))]))).await;
        assert!(outcomes.iter().all(|outcome| outcome.ending == Ending::Updated), "{rule}");
        assert!(stage.of("PATCH").await.iter().all(|call| call["headers"]["if-match"].is_null()));
        // Nor is it asked for every person.
        assert!(
            stage.calls().await.iter().filter(|call| call["path"] == "/ServiceProviderConfig").count() <= 2
        );
    }
}

#[tokio::test]
async fn without_versions_somebody_else_who_is_changing_a_person_is_waited_for() {
    for (etag, ending) in
        [(true, Ending::Updated), (false, deferred("somebody else is changing this person"))]
    {
        let stage = Stage::switched(json!({ "etag": etag })).await;
        let holder = LeaseHolder("another process".to_owned());
        assert!(stage.leases.take(&format!("scim {JOE}"), &holder, stage.until()).await.unwrap());
        let until = stage.clock.now().plus(Duration::from_secs(30));
        let outcome =
            stage.target.api.deliver(&[update(JOE, &[("title", Some("A"))])], until).await.remove(0);
        assert_eq!(outcome.ending, ending);
    }
}

#[tokio::test]
async fn a_server_that_shows_no_versions_though_it_announces_them_is_written_with_leases_alone() {
    for patch in [true, false] {
        let stage = Stage::switched(json!({ "patch": patch })).await;
        let mut read = stage.stored(JOE).await;
        read["schemas"] = json!(["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE]);
        assert!(read["meta"]["version"].is_null());
        stage.faults(json!([{"method": "GET", "path": "/Users", "body": read}])).await;
        let titles = [JOE, JOE].map(|who| update(who, &[("title", Some("A"))]));
        let outcomes = stage.deliver(&titles).await;
        let why = "scim shows no versions though it announces them";
        assert_eq!((&outcomes[0].ending, outcomes[0].attempts), (&deferred(why), 0));
        assert!(matches!(outcomes[1].ending, Ending::Deferred(_)));
        assert!(stage.bodies().await.is_empty());
        // It is not forgotten when the server has announced them again.
        stage.clock.advance_to(stage.clock.now().plus(Duration::from_secs(7200)));
        let (lease, holder) = (format!("scim {JOE}"), LeaseHolder("another process".to_owned()));
        assert!(stage.leases.take(&lease, &holder, stage.until()).await.unwrap());
        let until = stage.clock.now().plus(Duration::from_secs(30));
        let outcome = stage.target.api.deliver(&titles[..1], until).await.remove(0);
        assert_eq!(outcome.ending, deferred("somebody else is changing this person"));
        assert!(stage.bodies().await.is_empty());
        stage.leases.give_back(&lease, &holder).await.unwrap();
        assert_eq!(stage.deliver(&titles[..1]).await[0].ending, Ending::Updated);
        let method = if patch { "PATCH" } else { "PUT" };
        assert!(stage.of(method).await[0]["headers"]["if-match"].is_null());
    }
}

#[tokio::test]
async fn what_a_server_is_able_to_do_is_asked_again_after_an_hour() {
    let stage = Stage::new().await;
    let asked =
        async || stage.calls().await.iter().filter(|call| call["path"] == "/ServiceProviderConfig").count();
    let began = stage.clock.now();
    for (seconds, times) in [(0, 1), (3599, 1), (3601, 2)] {
        stage.clock.advance_to(began.plus(Duration::from_secs(seconds)));
        stage.set(JOE, "title", &seconds.to_string()).await;
        assert_eq!(asked().await, times, "{seconds}");
    }
}

#[tokio::test]
async fn no_secret_and_no_value_is_ever_traced_or_told() {
    let traced = Traced::default();
    // With one dispatcher alone, another test's thread, which has none, would decide what is traced at all.
    let _other = tracing::Dispatch::new(Traced::default());
    let _guard = tracing::subscriber::set_default(traced.clone());
    let stage = Stage::new().await;
    let secret = [("title", Some("Rumpelstilzchen")), ("workPhone", Some("+420 8642"))];
    let mut told = format!("{:?}", stage.deliver(&[update(JOE, &secret)]).await);
    for rule in [
        json!({"status": 500, "body": "Rumpelstilzchen"}),
        json!({"status": 400, "body": error(400, "Rumpelstilzchen")}),
        json!({"status": 409, "body": error(409, "uniqueness")}),
        json!({"status": 401, "body": "Rumpelstilzchen"}),
        json!({"close": "after"}),
    ] {
        stage.faults(json!([rule])).await;
        told += &format!("{:?}", stage.deliver(&[update(SARAH, &secret)]).await);
        told += &format!("{:?}", stage.find_upn("joe@company.com").await);
    }
    told += &traced.text();
    assert!(told.contains("the rest of this run is not tried"));
    for hidden in [simulators::scim::TOKEN, "Rumpelstilzchen", "8642", "/Users", "Bearer"] {
        assert!(!told.contains(hidden), "{hidden}: {told}");
    }
}
