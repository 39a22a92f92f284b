//! What eSystems refuses: a bad row keeps nobody else out, and what stands in a sentence is ours.

use people_core::log::{Ending, Outcome};
use people_core::ports::PersonUpdate;
use serde_json::{Value, json};

use super::stage::{
    BASE, JOE, SARAH, Stage, crowd, deferred, department, endings, envelope, refused, update,
};

/// A department "d" without users, and users 1 to `count`.
async fn stage_with(count: usize, members: Value) -> Stage {
    let stage = Stage::with(members).await;
    stage.put(crowd(1..count + 1), json!([{"Id": "d"}])).await;
    stage
}

fn to_d(ids: impl Iterator<Item = usize>) -> Vec<PersonUpdate> {
    ids.map(|id| update(&id.to_string(), Some("d"))).collect()
}

fn is_refused(outcome: &Outcome) -> bool {
    matches!(outcome.ending, Ending::Refused(_))
}

#[tokio::test]
async fn a_user_who_is_not_there_is_unknown_whatever_the_status() {
    for status in [404, 400] {
        let stage = stage_with(8, json!({})).await;
        stage.switch(json!({"unknown_user_status": status})).await;
        let outcomes = stage.deliver(&to_d(1..10)).await;
        for (n, outcome) in outcomes.iter().enumerate() {
            let expected = if n == 8 { Ending::UnknownPerson } else { Ending::Updated };
            assert_eq!(outcome.ending, expected, "{status} {n}");
        }
        assert_eq!(stage.linked("d").await, [1, 2, 3, 4, 5, 6, 7, 8]);
        // Nine, then halves: 4 and 5, of these 2 and 3, of these 1 and 2, of these 1 and 1.
        assert_eq!(stage.counts().await[1], 9);
        assert_eq!(outcomes[8].code.as_deref(), Some(status.to_string().as_str()));
    }
}

#[tokio::test]
async fn a_list_of_bad_rows_is_halved_to_the_end_and_no_further() {
    let stage = stage_with(0, json!({})).await;
    let outcomes = stage.deliver(&to_d(1..9)).await;
    assert!(outcomes.iter().all(|outcome| outcome.ending == Ending::UnknownPerson));
    // Each list of more than one has two halves.
    assert_eq!(stage.counts().await[1], 15);
    assert!(outcomes.iter().all(|outcome| outcome.attempts == 4), "{outcomes:?}");
}

#[tokio::test]
async fn whom_a_refused_list_has_linked_all_the_same_is_not_sent_again() {
    let stage = stage_with(8, json!({})).await;
    stage.switch(json!({"partial_apply": true})).await;
    let outcomes = stage.deliver(&to_d(1..10)).await;
    assert!(outcomes[..8].iter().all(|outcome| outcome.ending == Ending::Updated && outcome.attempts == 1));
    assert_eq!(outcomes[8].ending, Ending::UnknownPerson);
    let sent: Vec<_> = stage.sent().await.iter().map(Vec::len).collect();
    assert_eq!(sent, [9, 1]);
}

#[tokio::test]
async fn a_row_that_breaks_a_rule_is_refused_alone() {
    let validation = json!({"pattern": "^[0-8]$", "isFullValidation": true});
    let stage = stage_with(12, json!({ "validation": validation })).await;
    let outcomes = stage.deliver(&to_d(1..13)).await;
    assert!(outcomes[..8].iter().all(|outcome| outcome.ending == Ending::Updated));
    for outcome in &outcomes[8..] {
        let Ending::Refused(why) = &outcome.ending else { panic!("{outcome:?}") };
        assert!(why.starts_with("esystems refused the user (request "), "{why}");
        assert!(!why.contains("pattern"), "{why}");
    }
    let body = &stage.bodies().await[0];
    assert_eq!(body["Extra"], json!([{"Name": "UserId", "Pattern": "^[0-8]$"}]));
    assert_eq!(body["IsFullValidation"], true);
}

#[tokio::test]
async fn a_department_that_is_not_there_refuses_its_updates_alone() {
    for status in [404, 400] {
        let stage = Stage::new().await;
        stage.switch(json!({"unknown_department_status": status})).await;
        let updates =
            [update(JOE, Some("none")), update(SARAH, Some("none")), update("35003", Some(department("IT")))];
        let outcomes = stage.deliver(&updates).await;
        assert_eq!(outcomes[2].ending, Ending::Updated);
        for outcome in &outcomes[..2] {
            let Ending::Refused(why) = &outcome.ending else { panic!("{outcome:?}") };
            assert!(why.starts_with("esystems has no such department (request "), "{why}");
            assert_eq!(outcome.attempts, 1);
        }
        assert_eq!(stage.counts().await[1], 2);
    }
}

#[tokio::test]
async fn a_dry_run_does_not_say_either_whether_there_is_a_user_where_there_is_no_department() {
    for status in [404, 400] {
        let stage = Stage::with(json!({"addressedBy": "Id"})).await;
        stage.switch(json!({"unknown_department_status": status})).await;
        for user in [JOE, "99"] {
            let update = [update(user, Some("none"))];
            let preview = stage.target.api.preview(&update, stage.until()).await;
            assert_eq!(endings(&preview), [refused("esystems has no such department")], "{user}");
            let Ending::Refused(why) = &stage.deliver(&update).await[0].ending else { panic!("{user}") };
            assert!(why.starts_with("esystems has no such department (request "), "{why}");
        }
        let gone = stage.target.api.preview(&[update("99", Some(department("IT")))], stage.until()).await;
        assert_eq!(endings(&gone), [Ending::UnknownPerson]);
    }
}

#[tokio::test]
async fn a_missing_right_stops_the_department_for_the_whole_batch() {
    let stage = stage_with(450, json!({})).await;
    let mut updates = to_d(1..451);
    // A user who is in another department first, and in this one after it.
    updates.insert(0, update("1", Some("d2")));
    stage.put(crowd(1..451), json!([{"Id": "d"}, {"Id": "d2"}])).await;
    stage.faults(json!([{"path": "/Department/d/", "method": "PATCH", "status": 403}])).await;
    let outcomes = stage.deliver(&updates).await;
    assert_eq!(outcomes[0].ending, Ending::Updated);
    let why = refused("esystems gives us no right to change this department");
    assert!(outcomes[1..].iter().all(|outcome| outcome.ending == why));
    assert_eq!(outcomes.iter().filter(|outcome| outcome.attempts == 0).count(), 250);
    assert_eq!(stage.counts().await[1], 2);
    // The next batch is tried: it may be mended.
    stage.faults(json!([])).await;
    assert_eq!(endings(&stage.deliver(&to_d(1..2)).await), [Ending::Updated]);
}

#[tokio::test]
async fn a_request_key_is_shown_where_it_is_made_like_one() {
    let stage = Stage::new().await;
    for (key, shown) in [
        (json!("aZ09-"), " (request aZ09-)".to_owned()),
        (json!("k".repeat(64)), format!(" (request {})", "k".repeat(64))),
        (json!("k".repeat(65)), String::new()),
        (json!(""), String::new()),
        (json!("a b"), String::new()),
        (json!("joe@company.com"), String::new()),
        (json!(7), String::new()),
        (Value::Null, String::new()),
    ] {
        stage.answer_links(400, json!({"Errors": ["?"], "RequestKey": key}), Value::Null).await;
        let ending = stage.link(&[JOE], "HR").await.remove(0).ending;
        assert_eq!(ending, refused(&format!("esystems refused the user{shown}")));
    }
}

#[tokio::test]
async fn several_rows_are_told_by_the_type_and_never_by_the_title() {
    let several = "esystems refused the user: several users have this identifier there (request req-1)";
    let bad = "esystems refused the user (request req-1)";
    for (kind, why) in [
        ("Errors/Multible Rows", several),
        ("/Errors/Multible Rows", several),
        ("/errors/multiple rows", several),
        ("/Errors/Bad Input", bad),
    ] {
        let stage = Stage::new().await;
        stage.answer_links(400, envelope(400, kind), Value::Null).await;
        let outcome = stage.link(&[JOE], "HR").await.remove(0);
        assert_eq!((outcome.ending, outcome.attempts), (refused(why), 1), "{kind}");
    }
}

#[tokio::test]
async fn every_other_refusal_is_final() {
    let stage = Stage::new().await;
    for status in [402, 409, 413, 415, 422] {
        stage.answer_links(status, json!("<html>no</html>"), Value::Null).await;
        let outcome = stage.link(&[JOE], "HR").await.remove(0);
        assert!(is_refused(&outcome), "{status}: {outcome:?}");
        assert_eq!((outcome.code, outcome.attempts), (Some(status.to_string()), 1));
    }
}

#[tokio::test]
async fn a_list_that_is_too_much_at_once_is_halved() {
    let stage = stage_with(5, json!({})).await;
    stage.answer_links(413, json!("<html></html>"), json!(1)).await;
    let outcomes = stage.deliver(&to_d(1..6)).await;
    assert!(outcomes.iter().all(|outcome| (&outcome.ending, outcome.attempts) == (&Ending::Updated, 2)));
    let sent: Vec<_> = stage.sent().await.iter().map(Vec::len).collect();
    assert_eq!(sent, [5, 2, 3]);
}

#[tokio::test]
async fn what_no_call_can_overcome_stops_the_run() {
    for (status, why) in [
        (404, "esystems does not know this call: its base URL may be wrong"),
        (405, "esystems does not know this call: its base URL may be wrong"),
        (302, "esystems sends us elsewhere: its base URL may be wrong"),
    ] {
        let stage = Stage::with(json!({"limit": 1})).await;
        stage.answer_links(status, json!("<html></html>"), json!(1)).await;
        let updates = [("HR", JOE), ("IT", SARAH), ("Sales", "35003")];
        let outcomes = stage.deliver(&updates.map(|(name, user)| update(user, Some(department(name))))).await;
        assert!(outcomes.iter().all(|outcome| outcome.ending == deferred(why)), "{status}: {outcomes:?}");
        assert_eq!(stage.counts().await, [1, 1, 3], "{status}");
        assert_eq!(endings(&stage.link(&[JOE], "HR").await), [Ending::Updated]);
    }
}

#[tokio::test]
async fn a_department_in_base64_that_a_web_server_does_not_let_through_stops_nobody_else() {
    let stage = Stage::new().await;
    stage
        .faults(
            json!([{"path": format!("{BASE}/Department/base64"), "status": 404, "body": "<html></html>"}]),
        )
        .await;
    let updates = [update(JOE, Some("a/b")), update(SARAH, Some(department("IT")))];
    let outcomes = stage.deliver(&updates).await;
    assert_eq!(endings(&outcomes), [refused("esystems has no such department"), Ending::Updated]);
}

#[tokio::test]
async fn a_department_with_any_characters_is_found() {
    let stage = Stage::new().await;
    let ids = ["a b", "a/b", "50 %", "ÿ?~>", "a|b", "base64|YQ==", "..", "x_1.2~-"];
    let departments: Vec<_> = ids.iter().map(|id| json!({ "Id": id })).collect();
    stage.put(crowd(1..2), json!(departments)).await;
    for id in ids {
        assert_eq!(endings(&stage.deliver(&[update("1", Some(id))]).await), [Ending::Updated], "{id}");
        assert_eq!(stage.linked(id).await, [1]);
    }
}

#[tokio::test]
async fn a_department_cannot_be_left_or_be_empty() {
    let stage = Stage::new().await;
    let updates = [update(JOE, None), update(JOE, Some("")), update(JOE, Some(" "))];
    let outcomes = stage.deliver(&updates).await;
    let left = refused("Department cannot be reset: an update adds people to departments only");
    let empty = refused("Department cannot be empty");
    assert_eq!(endings(&outcomes), [left, empty.clone(), empty]);
    assert!(outcomes.iter().all(|outcome| outcome.attempts == 0));
    assert!(stage.calls().await.is_empty());
}

#[tokio::test]
async fn a_key_that_is_no_number_of_theirs_is_nobody_without_a_call() {
    let stage = Stage::new().await;
    let outcomes = stage.link(&["joe@company.com", "035001", "0", "2147483648"], "HR").await;
    assert!(outcomes.iter().all(|outcome| outcome.ending == Ending::UnknownPerson));
    assert!(stage.calls().await.is_empty());
    assert_eq!(endings(&stage.link(&["2147483647"], "HR").await), [Ending::UnknownPerson]);
    assert_eq!(stage.counts().await[1], 1);
}

#[tokio::test]
async fn a_user_is_addressed_by_what_they_have_now() {
    let person = |id: usize, name: &str, is_active: bool| json!({"Id": id, "Email": name, "Username": name, "External_Id": name, "Is_Active": is_active});
    for by in ["Email", "Username", "ExternalId"] {
        let stage = Stage::with(json!({"addressedBy": by})).await;
        let people = json!([person(1, "é 1'", true), person(2, "", true), person(3, "gone", false)]);
        stage.put(people, json!([{"Id": "d"}])).await;
        let outcomes = stage.deliver(&to_d(1..5)).await;
        let none = refused(&format!("esystems has no {by} of this user"));
        assert_eq!(
            endings(&outcomes),
            [Ending::Updated, none, Ending::UnknownPerson, Ending::UnknownPerson],
            "{by}"
        );
        assert_eq!(stage.sent().await, [["é 1'"]]);
        assert_eq!(stage.linked("d").await, [1]);
    }
}

#[tokio::test]
async fn users_whose_addresses_cannot_be_read_wait() {
    let stage = Stage::with(json!({"addressedBy": "Email"})).await;
    stage.faults(json!([{"path": "/Users", "status": 500}])).await;
    let outcomes = stage.link(&[JOE, SARAH], "HR").await;
    assert!(outcomes.iter().all(|outcome| outcome.ending == deferred("esystems does not answer")));
    assert!(outcomes.iter().all(|outcome| outcome.attempts == 0));
    assert_eq!(stage.counts().await[1], 0);
}
