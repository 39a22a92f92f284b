//! The test cases of targets.md, part 2.10, by their numbers.

use std::time::Duration;

use people_core::log::Ending;
use people_core::person::{Identifier, NativeKey};
use people_core::ports::{Clock, Found, Listing, Sighting};
use serde_json::{Value, json};

use super::stage::{
    BASE, GUID, JOE, SARAH, Stage, TOKEN, crowd, deferred, department, endings, envelope, refused, update,
};

#[tokio::test]
async fn es_01_a_log_in_is_a_form_and_its_token_is_sent_with_a_capital_b() {
    let stage = Stage::new().await;
    stage.switch(json!({"token_type": "bearer"})).await;
    assert_eq!(endings(&stage.link(&[JOE], "HR").await), [Ending::Updated]);
    let calls = stage.calls().await;
    assert_eq!((&calls[0]["path"], &calls[0]["method"]), (&json!(TOKEN), &json!("POST")));
    assert_eq!(calls[0]["headers"]["content-type"], "application/x-www-form-urlencoded");
    let form = "grant_type=client_credentials&client_id=people%2Dimport&client_secret=simulator%2Dclient%2Dsecret%2D002";
    assert_eq!(calls[0]["body"], form);
    assert_eq!(calls[0]["headers"].get("authorization"), None);
    assert!(calls[1]["headers"]["authorization"].as_str().unwrap().starts_with("Bearer "));
}

#[tokio::test]
async fn es_02_a_token_without_a_life_is_renewed_after_five_minutes() {
    let stage = Stage::new().await;
    stage.switch(json!({"expires_in": null})).await;
    stage.link(&[JOE], "HR").await;
    stage.clock.advance_to(stage.clock.now().plus(Duration::from_secs(299)));
    stage.link(&[JOE], "HR").await;
    assert_eq!(stage.counts().await[0], 1);
    stage.clock.advance_to(stage.clock.now().plus(Duration::from_secs(1)));
    assert_eq!(endings(&stage.link(&[JOE], "HR").await), [Ending::Updated]);
    assert_eq!(stage.counts().await[0], 2);
}

#[tokio::test]
async fn es_03_a_wrong_secret_is_tried_once() {
    let stage = Stage::with_secret("wrong").await;
    let users: Vec<_> = (35_001..35_051).map(|id| id.to_string()).collect();
    let mixed = users.iter().enumerate();
    let names = ["IT", "HR", "Sales"];
    let updates: Vec<_> = mixed.map(|(n, id)| update(id, Some(department(names[n % 3])))).collect();
    for outcome in stage.deliver(&updates).await {
        assert_eq!((outcome.ending, outcome.attempts), (deferred("esystems refuses our log-in"), 0));
    }
    assert_eq!(stage.counts().await, [1, 0, 0]);
}

#[tokio::test]
async fn es_04_two_users_are_linked_by_one_call() {
    let stage = Stage::new().await;
    for outcome in stage.link(&[JOE, SARAH], "HR").await {
        assert_eq!(
            (outcome.ending, outcome.code.as_deref(), outcome.attempts),
            (Ending::Updated, Some("200"), 1)
        );
    }
    assert_eq!(stage.counts().await, [1, 1, 1]);
    assert_eq!(stage.bodies().await, [json!({"Users": [{"UserId": JOE}, {"UserId": SARAH}]})]);
    let call = &stage.calls().await[2];
    assert_eq!(call["path"], format!("{BASE}/Department/{}/Users", department("HR")));
    assert_eq!(call["query"], "");
    assert_eq!(call["headers"]["content-type"], "application/json");
    assert_eq!(call["headers"]["accept"], "application/json");
    assert_eq!(call["headers"]["x-request-id"], GUID);
}

#[tokio::test]
async fn es_05_the_same_list_again_links_nobody_twice() {
    let stage = Stage::new().await;
    stage.link(&[JOE, SARAH], "HR").await;
    let before = stage.linked(department("HR")).await;
    let outcomes = stage.link(&[JOE, SARAH], "HR").await;
    assert_eq!(endings(&outcomes), [Ending::Updated, Ending::Updated]);
    assert_eq!(stage.linked(department("HR")).await, before);
}

#[tokio::test]
async fn es_06_whoever_was_linked_stays_linked() {
    let stage = Stage::new().await;
    stage.put(crowd(1..4), json!([{"Id": "d", "Users": [1, 2]}])).await;
    let updates = [update("2", Some("d")), update("3", Some("d"))];
    assert_eq!(endings(&stage.deliver(&updates).await), [Ending::Updated, Ending::Updated]);
    assert_eq!(stage.linked("d").await, [1, 2, 3]);
}

#[tokio::test]
async fn es_07_and_08_nobody_is_ever_unlinked_because_the_flag_is_never_sent() {
    let stage = Stage::new().await;
    let all = ["IT", "Finance", "HR", "Sales"];
    for name in all {
        stage.link(&[JOE, "1", "35010"], name).await;
    }
    for switches in [json!({"partial_apply": true}), json!({"throttle": 429})] {
        stage.switch(switches).await;
        stage.link(&[SARAH, "1"], "IT").await;
    }
    for call in stage.calls().await {
        let sent = format!("{}{}{}", call["path"], call["query"], call["body"]).to_lowercase();
        assert!(!sent.contains("deletenotexists"), "{sent}");
    }
    for name in all {
        assert!(stage.linked(department(name)).await.contains(&35_001));
    }
}

#[tokio::test]
async fn es_09_a_user_is_addressed_by_e_mail() {
    let stage = Stage::with(json!({"addressedBy": "Email"})).await;
    let outcome = stage.link(&[JOE], "HR").await.remove(0);
    assert_eq!((outcome.ending, outcome.attempts), (Ending::Updated, 1));
    let body = json!({
        "Extra": [{"Name": "UserId", "FieldName": "Email"}],
        "Users": [{"UserId": "joe@company.com"}],
    });
    assert_eq!(stage.bodies().await, [body]);
    assert!(stage.linked(department("HR")).await.contains(&35_001));
}

#[tokio::test]
async fn es_10_an_ambiguous_e_mail_is_reported_and_the_others_are_linked() {
    let stage = Stage::with(json!({"addressedBy": "Email"})).await;
    let person = |id: usize, mail: &str| json!({"Id": id, "Email": mail});
    let people = json!([person(1, "a@x"), person(2, "two@x"), person(3, "c@x"), person(4, "TWO@x")]);
    stage.put(people, json!([{"Id": "d"}])).await;
    let outcomes = stage.deliver(&["1", "2", "3"].map(|id| update(id, Some("d")))).await;
    assert_eq!((&outcomes[0].ending, &outcomes[2].ending), (&Ending::Updated, &Ending::Updated));
    let Ending::Refused(why) = &outcomes[1].ending else { panic!("{:?}", outcomes[1]) };
    let begin = "esystems refused the user: several users have this identifier there (request ";
    assert!(why.starts_with(begin) && why.ends_with(')'), "{why}");
    assert_eq!(why.len(), begin.len() + 37);
    assert_eq!(outcomes[1].code.as_deref(), Some("400"));
    assert_eq!(stage.linked("d").await, [1, 3]);
}

#[tokio::test]
async fn es_11_a_token_that_is_revoked_is_replaced_once() {
    let stage = Stage::new().await;
    stage.link(&[JOE], "IT").await;
    stage.switch(json!({"revoke_tokens": true})).await;
    stage.forget_calls().await;
    // The reading before the call meets it, and once more with the new token.
    let outcome = stage.link(&[JOE], "HR").await.remove(0);
    assert_eq!((outcome.ending, outcome.attempts), (Ending::Updated, 1));
    assert_eq!(stage.counts().await, [1, 1, 2]);
}

#[tokio::test]
async fn es_12_a_missing_right_is_no_bad_request_whatever_its_title_says() {
    let stage = Stage::new().await;
    let fault = json!({"path": format!("/Department/{}", department("HR")), "status": 403, "body": envelope(403, "/Errors/Permission")});
    stage.faults(json!([fault])).await;
    let updates = [(JOE, "HR"), (SARAH, "HR"), ("35003", "IT")];
    let outcomes = stage.deliver(&updates.map(|(user, name)| update(user, Some(department(name))))).await;
    let why = refused("esystems gives us no right to change this department (request req-1)");
    assert_eq!(endings(&outcomes), [why.clone(), why, Ending::Updated]);
    assert_eq!((outcomes[0].code.as_deref(), outcomes[0].attempts), (Some("403"), 1));
    assert_eq!(stage.counts().await, [1, 2, 2]);
}

#[tokio::test]
async fn es_13_all_links_of_a_department_are_read_from_page_zero() {
    let stage = Stage::new().await;
    for (count, pages) in [(51, vec!["0"]), (1000, vec!["0"]), (1001, vec!["0", "1"])] {
        // The last one who is linked is the one of whom nobody says what became.
        let users: Vec<_> = (1..=count).collect();
        stage.put(crowd(1..count + 1), json!([{"Id": "d", "Users": users}])).await;
        stage.forget_calls().await;
        stage.answer_links(200, json!({"Data": []}), Value::Null).await;
        let outcomes = stage.deliver(&[update(&count.to_string(), Some("d"))]).await;
        assert_eq!(endings(&outcomes), [Ending::Updated]);
        let calls = stage.calls().await;
        let is_list =
            |call: &&Value| call["method"] == "GET" && !call["query"].as_str().unwrap().contains("Filters");
        let read: Vec<_> = calls.iter().filter(is_list).collect();
        let expected: Vec<_> = pages.iter().map(|page| format!("CurrentPage={page}&PageSize=1000")).collect();
        assert_eq!(read.iter().map(|call| call["query"].as_str().unwrap()).collect::<Vec<_>>(), expected);
    }
    stage.put(crowd(1..1002), json!([])).await;
    let Listing::Everybody(people) = stage.list().await else { panic!("no list") };
    assert_eq!(people.len(), 1001);
}

#[tokio::test]
async fn es_14_whoever_never_logged_in_is_there_all_the_same() {
    let stage = Stage::new().await;
    let sarah = Sighting {
        key: NativeKey(SARAH.to_owned()),
        employee_id: Some("100200301".to_owned()),
        upn: Some("sarah@company.com".to_owned()),
    };
    let found = stage.find(&[Identifier::Upn("sarah@company.com".to_owned())]).await;
    assert_eq!(found, [Found::Person(sarah.clone())]);
    let Listing::Everybody(people) = stage.list().await else { panic!("no list") };
    assert!(people.contains(&sarah));
    assert_eq!(people.len(), 205);
}

#[tokio::test]
async fn es_15_a_server_fault_is_tried_again_and_links_once() {
    let stage = Stage::new().await;
    let began = stage.clock.now();
    stage.answer_links(500, envelope(500, "/Errors/Internal Server Error"), json!(1)).await;
    let outcome = stage.link(&[JOE], "HR").await.remove(0);
    assert_eq!((outcome.ending, outcome.attempts), (Ending::Updated, 2));
    assert!((400..=600).contains(&stage.clock.now().since(began).as_millis()));
    let linked = stage.linked(department("HR")).await;
    assert_eq!(linked.iter().filter(|id| **id == 35_001).count(), 1);
}

#[tokio::test]
async fn whoever_is_disabled_is_linked_to_nothing() {
    let stage = Stage::new().await;
    let person = |id: usize, is_active: bool| json!({"Id": id, "Is_Active": is_active});
    stage.put(json!([person(1, true), person(2, false)]), json!([{"Id": "d"}])).await;
    let outcomes = stage.deliver(&["1", "2"].map(|id| update(id, Some("d")))).await;
    assert_eq!(endings(&outcomes), [Ending::Updated, Ending::UnknownPerson]);
    assert_eq!(stage.linked("d").await, [1]);
}
