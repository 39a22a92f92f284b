//! Who somebody is: a look-up that is not sure of a person must not name one.

use std::time::Duration;

use people_core::person::{Identifier, NativeKey};
use people_core::ports::{Clock, Found, Listing, Sighting};
use serde_json::{Value, json};

use super::stage::{JOE, SARAH, Stage, envelope};

fn id(text: &str) -> Identifier {
    Identifier::EmployeeId(text.to_owned())
}

fn person(key: &str, upn: Option<&str>) -> Sighting {
    Sighting {
        key: NativeKey(key.to_owned()),
        employee_id: Some(key.trim().to_owned()),
        upn: upn.map(str::to_owned),
    }
}

fn joe() -> Found {
    Found::Person(person(JOE, Some("joe@company.com")))
}

fn unavailable(why: &str) -> Found {
    Found::Unavailable(why.to_owned())
}

/// People without a UPN, from PersonId 0.
fn crowd(count: usize) -> Value {
    (0..count).map(|n| json!({"PersonId": n.to_string()})).collect()
}

#[tokio::test]
async fn people_are_found_by_employee_id_in_the_order_asked() {
    let stage = Stage::new().await;
    let found = stage.find(&[id(SARAH), id("nobody"), id(JOE)]).await;
    assert_eq!(found[0], Found::Person(person(SARAH, Some("sarah@company.com"))));
    assert_eq!(found[1..], [Found::Nobody, joe()]);
    assert_eq!(stage.counts().await, [1, 0, 3, 0]);
}

#[tokio::test]
async fn an_employee_id_is_compared_exactly_but_for_spaces() {
    let stage = Stage::new().await;
    stage.people(json!([{"PersonId": "aB7"}, {"PersonId": "x&y=z é/1"}])).await;
    assert_eq!(stage.find(&[id("ab7")]).await, [Found::Nobody]);
    assert_eq!(stage.find(&[id("x&y=z é/1")]).await, [Found::Person(person("x&y=z é/1", None))]);
    let padded = json!({"PersonId": " 7 ", "LoginName": " Joe@X.org "});
    stage.faults(json!([{"path": "/person/get", "body": padded}])).await;
    assert_eq!(stage.find(&[id("7")]).await, [Found::Person(person(" 7 ", Some("joe@x.org")))]);
    assert_eq!(stage.find(&[id("8")]).await, [Found::Nobody]);
}

#[tokio::test]
async fn an_employee_id_that_is_too_long_is_nobody_without_a_call() {
    let stage = Stage::new().await;
    assert_eq!(stage.find(&[id(&"x".repeat(101))]).await, [Found::Nobody]);
    assert!(stage.calls().await.is_empty());
    assert_eq!(stage.find(&[id(&"x".repeat(100))]).await, [Found::Nobody]);
    assert_eq!(stage.counts().await[2], 1);
}

#[tokio::test]
async fn who_may_not_be_seen_is_not_nobody() {
    let stage = Stage::new().await;
    stage.faults(json!([{"path": "/person/get", "status": 403, "body": envelope(json!(1101))}])).await;
    assert_eq!(stage.find(&[id(JOE)]).await, [unavailable("aktion does not let us see this person")]);
    stage.faults(json!([{"path": "/person/get", "body": "<html></html>"}])).await;
    assert_eq!(
        stage.find(&[id(JOE)]).await,
        [unavailable("aktion answers in a way that we do not understand")]
    );
    stage.faults(json!([{"path": "/person/get", "status": 500}])).await;
    assert_eq!(stage.find(&[id(JOE)]).await, [unavailable("aktion does not answer")]);
}

#[tokio::test]
async fn a_upn_is_found_in_the_list_which_is_read_once_for_many() {
    let stage = Stage::new().await;
    let upns: Vec<_> = (0..50).map(|n| Identifier::Upn(format!("person{n:03}@company.com"))).collect();
    let found = stage.find(&upns).await;
    let expected: Vec<_> =
        (0..50).map(|n| Found::Person(person(&(200_000 + n).to_string(), Some(upns[n].as_str())))).collect();
    assert_eq!(found, expected);
    assert_eq!(stage.counts().await, [1, 0, 0, 1]);
}

#[tokio::test]
async fn a_list_that_cannot_be_read_is_tried_once_for_many_upns() {
    let stage = Stage::new().await;
    stage.list().await;
    stage.forget_calls().await;
    stage.faults(json!([{"path": "/person/getAll", "status": 500}])).await;
    let new: Vec<_> = (0..50).map(|n| Identifier::Upn(format!("new{n}@company.com"))).collect();
    let mut asked = vec![id(SARAH), Identifier::Upn("joe@company.com".to_owned())];
    asked.extend(new);
    asked.push(id(JOE));
    let found = stage.find(&asked).await;
    assert_eq!(found[0], Found::Person(person(SARAH, Some("sarah@company.com"))));
    assert_eq!((&found[1], &found[52]), (&joe(), &joe()));
    assert!(found[2..52].iter().all(|found| *found == unavailable("aktion does not answer")), "{found:?}");
    // One read, and its three repetitions.
    assert_eq!(stage.counts().await, [0, 0, 2, 4]);
}

#[tokio::test]
async fn more_people_than_are_asked_for_at_once_are_found_in_order() {
    let stage = Stage::new().await;
    stage.people(crowd(1200)).await;
    let ids: Vec<_> = (0..1200).rev().map(|n| id(&n.to_string())).collect();
    let expected: Vec<_> = (0..1200).rev().map(|n| Found::Person(person(&n.to_string(), None))).collect();
    assert_eq!(stage.find(&ids).await, expected);
}

#[tokio::test]
async fn a_look_up_does_not_wait_for_a_list_that_the_schedule_reads() {
    let stage = Stage::new().await;
    stage.list().await;
    stage.forget_calls().await;
    stage.faults(json!([{"path": "/person/getAll", "delay_ms": 3_600_000, "times": 1}])).await;
    let looking = async {
        stage.arrived("/person/getAll", 1).await;
        let known = stage.find_upn("joe@company.com").await;
        (known, stage.find_upn("new@company.com").await)
    };
    tokio::select! {
        listing = stage.list() => panic!("the list is not held up: {listing:?}"),
        found = looking => assert_eq!(found, (joe(), Found::Nobody)),
    }
    assert_eq!(stage.counts().await[3], 2);
}

#[tokio::test]
async fn the_list_is_read_at_most_once_a_minute_for_look_ups() {
    let stage = Stage::new().await;
    assert_eq!(stage.find_upn("new@company.com").await, Found::Nobody);
    stage.people(json!([{"PersonId": "1", "LoginName": "New@Company.com"}])).await;
    stage.clock.advance_to(stage.clock.now().plus(Duration::from_secs(59)));
    assert_eq!(stage.find_upn("new@company.com").await, Found::Nobody);
    assert_eq!(stage.counts().await[3], 1);
    stage.clock.advance_to(stage.clock.now().plus(Duration::from_secs(1)));
    assert_eq!(stage.find_upn("new@company.com").await, Found::Person(person("1", Some("new@company.com"))));
    assert_eq!(stage.counts().await[3], 2);
}

#[tokio::test]
async fn a_upn_that_went_to_somebody_else_is_not_found_where_it_was() {
    let stage = Stage::new().await;
    assert_eq!(stage.find_upn("joe@company.com").await, joe());
    stage.people(json!([{"PersonId": "1", "LoginName": "joe@company.com"}, {"PersonId": JOE}])).await;
    stage.clock.advance_to(stage.clock.now().plus(Duration::from_secs(60)));
    assert_eq!(stage.find_upn("joe@company.com").await, Found::Person(person("1", Some("joe@company.com"))));
}

#[tokio::test]
async fn a_upn_of_two_people_is_several() {
    let stage = Stage::new().await;
    let two = ["1", "2", "3"].map(|id| json!({"PersonId": id, "LoginName": "JOE@company.com "}));
    stage.people(json!(two)).await;
    assert_eq!(stage.find_upn("joe@company.com").await, Found::Several);
}

#[tokio::test]
async fn without_a_list_a_upn_tells_nothing() {
    let stage = Stage::new().await;
    stage.switch(json!({"get_all": false})).await;
    assert_eq!(stage.find_upn("joe@company.com").await, Found::CannotTell);
    assert_eq!(stage.list().await, Listing::CannotList);
    assert_eq!(stage.find(&[id(JOE)]).await, [joe()]);
}

#[tokio::test]
async fn without_a_property_for_it_a_upn_tells_nothing() {
    let stage = Stage::with(json!({"identifiers": {"employeeId": "PersonId"}})).await;
    assert_eq!(stage.find_upn("joe@company.com").await, Found::CannotTell);
    assert!(stage.calls().await.is_empty());
    assert_eq!(stage.find(&[id(JOE)]).await, [Found::Person(person(JOE, None))]);
}

#[tokio::test]
async fn a_target_that_is_down_cannot_be_asked() {
    let stage = Stage::new().await;
    stage.faults(json!([{"path": "/person", "close": "before"}])).await;
    assert_eq!(stage.find_upn("joe@company.com").await, unavailable("aktion does not answer"));
    assert_eq!(stage.list().await, Listing::Unavailable("aktion does not answer".to_owned()));
    stage.faults(json!([])).await;
    assert_eq!(stage.find_upn("joe@company.com").await, joe());
}

#[tokio::test]
async fn everybody_is_listed_page_by_page() {
    let stage = Stage::new().await;
    for count in [0, 1, 499, 500, 501, 1000, 1201] {
        stage.people(crowd(count)).await;
        let Listing::Everybody(people) = stage.list().await else { panic!("no list") };
        assert_eq!(people.len(), count);
        assert!(people.iter().enumerate().all(|(n, one)| *one == person(&n.to_string(), None)));
    }
}

#[tokio::test]
async fn a_list_serves_look_ups_that_follow() {
    let stage = Stage::new().await;
    stage.list().await;
    assert_eq!(stage.find_upn("joe@company.com").await, joe());
    assert_eq!(stage.counts().await[3], 1);
}

#[tokio::test]
async fn a_server_that_ignores_paging_is_read_twice() {
    let stage = Stage::new().await;
    for (count, reads) in [(0, 1), (300, 2), (500, 2), (700, 2)] {
        stage.faults(json!([{"path": "/person/getAll", "body": {"Persons": crowd(count)}}])).await;
        stage.forget_calls().await;
        let Listing::Everybody(people) = stage.list().await else { panic!("no list") };
        assert_eq!((people.len(), stage.counts().await[3]), (count, reads));
    }
}

#[tokio::test]
async fn a_server_with_smaller_pages_and_no_total_is_read_until_nobody_is_new() {
    let stage = Stage::new().await;
    let everybody = crowd(250);
    let pages = everybody.as_array().unwrap().chunks(100).chain([&[][..]]);
    let page = |people: &[Value]| json!({"path": "/person/getAll", "times": 1, "body": {"Persons": people}});
    stage.faults(pages.map(page).collect()).await;
    let Listing::Everybody(people) = stage.list().await else { panic!("no list") };
    assert_eq!((people.len(), stage.counts().await[3]), (250, 4));
}

#[tokio::test]
async fn a_list_without_an_end_is_given_up() {
    let stage = Stage::new().await;
    let page = |n: usize| {
        let body = json!({"Persons": [{"PersonId": n.to_string()}]});
        json!({"path": "/person/getAll", "times": 1, "body": body})
    };
    stage.faults((0..2001).map(page).collect()).await;
    assert_eq!(stage.list().await, Listing::Unavailable("aktion does not list everybody".to_owned()));
    assert_eq!(stage.counts().await[3], 2000);
}

#[tokio::test]
async fn a_list_that_never_gets_complete_is_no_list() {
    let stage = Stage::new().await;
    let page = json!({"Persons": crowd(500), "Paging": {"TotalRecords": 1500}});
    stage.faults(json!([{"path": "/person/getAll", "body": page}])).await;
    assert_eq!(stage.list().await, Listing::Unavailable("aktion does not list everybody".to_owned()));
    assert_eq!(stage.counts().await[3], 2);
}

#[tokio::test]
async fn somebody_without_a_person_id_is_nobody() {
    let stage = Stage::new().await;
    let persons = json!([{"PersonId": null, "LoginName": "a@b.c"}, {"PersonId": " "}, {"PersonId": "1", "LoginName": " "}]);
    let page = json!({"Persons": persons, "Paging": {"TotalRecords": 3}});
    stage.faults(json!([{"path": "/person/getAll", "body": page}])).await;
    assert_eq!(stage.list().await, Listing::Everybody(vec![person("1", None)]));
    assert_eq!(stage.find_upn("a@b.c").await, Found::Nobody);
}

#[tokio::test]
async fn somebody_unknown_whom_a_page_tells_of_holds_nobody_else_up() {
    let stage = Stage::with(json!({"limit": 1})).await;
    stage.switch(json!({"error_html": true})).await;
    let why = "aktion answers in a way that we do not understand".to_owned();
    assert_eq!(stage.find(&[id("nobody"), id(JOE)]).await, [Found::Unavailable(why), joe()]);
}
