//! Who is found, by filters and without them: only those who have exactly the identifier that was asked for.

use people_core::person::Identifier;
use people_core::ports::{Clock, Found, Listing};
use serde_json::{Value, json};

use super::stage::{ENTERPRISE, JOE, SARAH, Stage, error, joe, person};

#[tokio::test]
async fn answers_come_in_the_order_of_the_questions() {
    let stage = Stage::new().await;
    let [upn, id] = [Identifier::Upn, Identifier::EmployeeId];
    let asked = [
        upn("sarah@company.com".to_owned()),
        id("100200300".to_owned()),
        upn("nobody@company.com".to_owned()),
        id("nobody".to_owned()),
        upn("joe@company.com".to_owned()),
    ];
    let sarah = person(SARAH, "100200301", "sarah@company.com");
    assert_eq!(stage.find(&asked).await, [sarah, joe(), Found::Nobody, Found::Nobody, joe()]);
    assert_eq!(stage.find(&[]).await, []);
    let calls = stage.calls().await;
    assert_eq!(calls[0]["path"], "/ServiceProviderConfig");
    assert!(
        calls[1..].iter().all(|call| call["query"]
            .as_str()
            .unwrap()
            .ends_with("&attributes=userName%2Cactive%2CexternalId"))
    );
}

#[tokio::test]
async fn an_employee_id_is_compared_exactly_and_a_upn_without_regard_to_case() {
    let stage = Stage::new().await;
    stage.change(JOE, |joe| joe["externalId"] = json!("A1")).await;
    stage.change(JOE, |joe| joe["userName"] = json!("Joe@Company.com")).await;
    assert_eq!(stage.find_upn("joe@company.com").await, person(JOE, "A1", "joe@company.com"));
    assert_eq!(stage.find_id("A1").await, person(JOE, "A1", "joe@company.com"));
    assert_eq!(stage.find_id("a1").await, Found::Nobody);
    // A server that answers with somebody else is not believed.
    let sarah = json!({"id": SARAH, "externalId": "100200301", "userName": "sarah@company.com"});
    stage.faults(json!([{"path": "/Users", "body": {"totalResults": 1, "Resources": [sarah]}}])).await;
    assert_eq!(stage.find_upn("joe@company.com").await, Found::Nobody);
}

#[tokio::test]
async fn an_employee_number_is_an_identifier_where_it_is_configured_so() {
    let path = format!("{ENTERPRISE}:employeeNumber");
    let stage =
        Stage::with(json!({"identifiers": {"employeeId": path, "userPrincipalName": "userName"}})).await;
    assert_eq!(stage.find_id("100200300").await, joe());
    let stage = Stage::with(json!({"identifiers": {"employeeId": path}})).await;
    assert_eq!(stage.find_upn("joe@company.com").await, Found::CannotTell);
    let Found::Person(seen) = stage.find_id("100200300").await else { panic!("nobody") };
    assert_eq!((seen.key.0.as_str(), seen.upn), (JOE, None));
    let stage = Stage::with(json!({"identifiers": {"userPrincipalName": "userName"}})).await;
    assert_eq!(stage.find_id("100200300").await, Found::CannotTell);
}

#[tokio::test]
async fn an_address_is_an_identifier_where_it_is_the_primary_one_or_the_only_one() {
    let stage = Stage::with(json!({"identifiers": {"userPrincipalName": "emails"}})).await;
    let (a, b) = ("a@company.com", "b@company.com");
    for (emails, a_is_joe, b_is_joe) in [
        (json!([{"value": "A@company.com"}]), true, false),
        (json!([{"value": a, "primary": true}, {"value": b}]), true, false),
        (json!([{"value": a, "type": "work"}, {"value": b, "type": "home"}]), true, false),
        (json!([{"value": a, "type": "work"}, {"value": b, "primary": true}]), false, true),
        (json!([{"value": a}, {"value": b}]), false, false),
        (json!([{"value": a, "type": "work"}, {"value": b, "type": "work"}]), false, false),
    ] {
        stage.change(JOE, |joe| joe["emails"] = emails).await;
        let is_joe = |found| matches!(found, Found::Person(seen) if seen.key.0 == JOE);
        assert_eq!((is_joe(stage.find_upn(a).await), is_joe(stage.find_upn(b).await)), (a_is_joe, b_is_joe));
    }
}

#[tokio::test]
async fn somebody_who_is_switched_off_does_not_hide_somebody_who_is_not() {
    let stage = Stage::new().await;
    stage.change(SARAH, |sarah| sarah["externalId"] = json!("100200300")).await;
    stage.change(SARAH, |sarah| sarah["active"] = json!(false)).await;
    assert_eq!(stage.find_id("100200300").await, joe());
}

#[tokio::test]
async fn a_server_without_filters_is_asked_for_everybody_at_most_once_a_minute() {
    for refusal in [
        json!({"filter": false}),
        json!({"status": 400, "body": error(400, "invalidFilter")}),
        json!({"status": 400, "body": "<html></html>"}),
        json!({"status": 403}),
        json!({"status": 501}),
    ] {
        let stage = Stage::new().await;
        if refusal["filter"] == false {
            stage.switch(refusal).await;
        } else {
            // The first call is the one with a filter.
            let mut rule = json!({"path": "/Users", "times": 1});
            rule.as_object_mut().unwrap().extend(refusal.as_object().unwrap().clone());
            stage.faults(json!([rule])).await;
        }
        assert_eq!(stage.find_upn("joe@company.com").await, joe());
        stage.forget_calls().await;
        assert_eq!(stage.find_upn("nobody@company.com").await, Found::Nobody);
        assert_eq!(
            stage.find_upn("sarah@company.com").await,
            person(SARAH, "100200301", "sarah@company.com")
        );
        assert_eq!(stage.calls().await, Vec::<Value>::new());
        stage.clock.advance_to(stage.clock.now().plus(std::time::Duration::from_secs(60)));
        assert_eq!(stage.find_upn("joe@company.com").await, joe());
        assert!(!stage.calls().await.is_empty());
    }
}

#[tokio::test]
async fn a_filter_that_was_refused_is_tried_again_after_an_hour() {
    let stage = Stage::new().await;
    let began = stage.clock.now();
    stage.faults(json!([{"path": "/Users", "times": 1, "status": 400}])).await;
    for (seconds, is_filtered) in [(0, true), (3500, false), (3700, true)] {
        stage.clock.advance_to(began.plus(std::time::Duration::from_secs(seconds)));
        stage.forget_calls().await;
        assert_eq!(stage.find_upn("joe@company.com").await, joe());
        let calls = stage.calls().await;
        let is_filter =
            |call: &Value| call["query"].as_str().is_some_and(|query| query.starts_with("filter="));
        assert_eq!(calls.iter().any(is_filter), is_filtered, "{seconds}");
    }
}

#[tokio::test]
async fn a_filter_that_is_not_looked_at_leads_to_the_list() {
    let stage = Stage::new().await;
    let anybody: Vec<_> =
        (0..5).map(|n| json!({"id": format!("u{n}"), "userName": format!("{n}@company.com")})).collect();
    let body = json!({"totalResults": 2000, "Resources": anybody});
    stage.faults(json!([{"path": "/Users", "times": 1, "body": body}])).await;
    assert_eq!(stage.find_upn("joe@company.com").await, joe());
    // Nor is one whose total is that of the page, or who does not say it.
    for total in [json!(5), Value::Null] {
        let stage = Stage::new().await;
        let body = json!({"totalResults": total, "Resources": anybody});
        stage.faults(json!([{"path": "/Users", "times": 1, "body": body}])).await;
        assert_eq!(stage.find_upn("joe@company.com").await, joe());
    }
    // Where everybody is not told either, nobody is said to be unknown.
    let stage = Stage::new().await;
    let body = json!({"totalResults": 5, "Resources": anybody});
    let none = json!({"path": "/Users", "status": 501});
    stage.faults(json!([{"path": "/Users", "times": 1, "body": body}, none])).await;
    assert_eq!(stage.find_upn("joe@company.com").await, Found::CannotTell);
}

#[tokio::test]
async fn a_look_up_that_is_not_answered_tells_nothing() {
    let stage = Stage::new().await;
    for (rule, why) in [
        (json!({"status": 500}), "scim does not answer"),
        (json!({"close": "after"}), "scim does not answer"),
        (json!({"status": 200, "body": "<html></html>"}), "scim answers in a way that we do not understand"),
        (json!({"status": 200, "body": {}}), "scim answers in a way that we do not understand"),
        (json!({"status": 404}), "scim does not know this call: its base URL may be wrong"),
        (json!({"status": 302}), "scim sends us elsewhere: its base URL may be wrong"),
    ] {
        let mut rule = rule;
        rule["path"] = json!("/Users");
        stage.faults(json!([rule])).await;
        assert_eq!(stage.find_upn("joe@company.com").await, Found::Unavailable(why.to_owned()), "{rule}");
        assert_eq!(stage.list().await, Listing::Unavailable(why.to_owned()), "{rule}");
    }
}

#[tokio::test]
async fn the_list_leaves_out_who_is_switched_off_and_has_no_end_that_is_only_said() {
    let stage = Stage::new().await;
    let page = |users: Value, total: u64| json!({"path": "/Users", "times": 1, "body": {"totalResults": total, "Resources": users}});
    let user =
        |id: &str, active: bool| json!({"id": id, "userName": format!("{id}@company.com"), "active": active});
    // The total is that of the page.
    stage
        .faults(json!([
            page(json!([user("a", true), user("b", false)]), 2),
            page(json!([user("c", true)]), 1),
            page(json!([]), 0)
        ]))
        .await;
    let Listing::Everybody(everybody) = stage.list().await else { panic!("no list") };
    assert_eq!(everybody.iter().map(|seen| seen.key.0.as_str()).collect::<Vec<_>>(), ["a", "c"]);
    // Who repeats a page before everybody was there leaves somebody out.
    let again = page(json!([user("a", true)]), 2);
    stage.faults(json!([again, again])).await;
    assert_eq!(stage.list().await, Listing::Unavailable("scim does not list everybody".to_owned()));
    let all = page(json!([user("a", true)]), 1);
    stage.faults(json!([all, all])).await;
    assert!(matches!(stage.list().await, Listing::Everybody(all) if all.len() == 1));
    // A start behind the end is an error to some.
    stage.faults(json!([all, {"path": "/Users", "status": 400}])).await;
    assert!(matches!(stage.list().await, Listing::Everybody(all) if all.len() == 1));
    stage.faults(json!([again, {"path": "/Users", "status": 400}])).await;
    assert!(matches!(stage.list().await, Listing::Unavailable(_)));
    stage.faults(json!([{"path": "/Users", "status": 501}])).await;
    assert_eq!(stage.list().await, Listing::CannotList);
    assert_eq!(stage.find_upn("joe@company.com").await, Found::CannotTell);
    stage.faults(json!([{"path": "/Users", "status": 403}])).await;
    let why = "scim gives us no right to list people".to_owned();
    assert_eq!(stage.list().await, Listing::Unavailable(why.clone()));
    assert_eq!(stage.find_id("100200300").await, Found::Unavailable(why));
}
