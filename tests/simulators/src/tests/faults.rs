//! Fault rules, latency and the limit: what happens to a call before the target sees it.
//! Which calls a rule catches is tested as closely as what it does to them.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::client::{Client, JOE, update_path};

async fn statuses(client: &Client, paths: &[&str]) -> Vec<u16> {
    let mut statuses = Vec::new();
    for path in paths {
        statuses.push(client.get(path).await.status);
    }
    statuses
}

#[tokio::test]
async fn a_fault_answers_instead_of_the_target_as_often_as_it_says() {
    let client = Client::aktion().await;
    let token = client.log_in().await;
    let headers = json!({"X-Why": "test"});
    client
        .faults(json!([{"status": 500, "body": "<h1>oops</h1>", "headers": headers, "skip": 1, "times": 2}]))
        .await;
    let mut replies = Vec::new();
    for name in ["a", "b", "c", "d"] {
        replies.push(client.post(&update_path(&token), &json!({"PersonId": JOE, "Name": name})).await);
    }
    let seen: Vec<u16> = replies.iter().map(|reply| reply.status).collect();
    assert_eq!(seen, [200, 500, 500, 200]);
    assert_eq!(replies[1].text, "<h1>oops</h1>");
    assert!(replies[1].head.contains("x-why: test") && replies[1].head.contains("content-type: text/html"));
    assert_eq!(client.calls().await[2]["status"], 500);
}

#[tokio::test]
async fn a_fault_does_not_do_the_targets_work() {
    let client = Client::aktion().await;
    let token = client.log_in().await;
    client.faults(json!([{"status": 200, "body": {"Result": {"Code": 0}}}])).await;
    let reply = client.post(&update_path(&token), &json!({"PersonId": JOE, "Name": "New"})).await;
    assert_eq!(reply.code(), (200, 0));
    assert_eq!(client.stored(JOE).await["Name"], "Joe");
}

#[tokio::test]
async fn a_fault_without_times_is_for_ever_and_none_is_left_after_an_empty_list() {
    let client = Client::aktion().await;
    client.faults(json!([{"status": 503, "times": null}])).await;
    assert_eq!(statuses(&client, &["/a", "/b", "/c"]).await, [503, 503, 503]);
    client.faults(json!([])).await;
    assert_eq!(statuses(&client, &["/a"]).await, [404]);
}

#[tokio::test]
async fn a_rule_that_is_used_up_or_skips_leaves_the_call_to_the_next() {
    let client = Client::aktion().await;
    client.faults(json!([{"status": 501, "times": 1}, {"status": 502, "skip": 1}])).await;
    assert_eq!(statuses(&client, &["/a", "/b", "/c", "/d"]).await, [501, 404, 502, 502]);
}

#[tokio::test]
async fn a_rule_catches_by_method_and_by_the_beginning_of_the_path() {
    let client = Client::aktion().await;
    client.faults(json!([{"method": "get", "path": "/Person/", "status": 500}])).await;
    let paths = ["/person/get", "/api/person/x", "/AktionNEXT/API/PERSON/get", "/login", "/x/person/"];
    assert_eq!(statuses(&client, &paths).await, [500, 500, 500, 405, 404]);
    assert_eq!(client.post("/person/other", &json!({})).await.status, 404);
}

#[tokio::test]
async fn a_rule_for_a_person_catches_whole_identifiers_only() {
    let client = Client::aktion().await;
    client
        .faults(json!([{"person": "joe@company.com", "status": 500}, {"person": "1002003", "status": 501}]))
        .await;
    let paths = [
        "/users/joe@company.com",
        "/users/Joe%40company.com/photo",
        "/users?filter=userName%20eq%20%22joe@company.com%22",
        "/users/notjoe@company.com",
        "/users/joe@company.com.au",
        "/users?id=1002003",
        "/users/100200300?id=100200300",
    ];
    assert_eq!(statuses(&client, &paths).await, [500, 500, 500, 404, 404, 501, 404]);
    let body = |text: &str| json!({"a": [{"b": text}]});
    assert_eq!(client.post("/x", &body("1002003")).await.status, 501);
    assert_eq!(client.post("/x", &body("see 1002003")).await.status, 404);
    let head = "POST /x HTTP/1.1\r\ncontent-type: ";
    let form = format!("{head}application/x-www-form-urlencoded");
    assert_eq!(client.send(&form, "user=joe%40company.com&x=1").await.unwrap().status, 500);
    let xml = format!("{head}application/xml");
    assert_eq!(client.send(&xml, "<Id>1002003</Id>").await.unwrap().status, 501);
    assert_eq!(client.send(&xml, "<Id>100200300</Id>").await.unwrap().status, 404);
}

#[tokio::test]
async fn a_connection_closed_before_the_work_leaves_the_person_alone() {
    let client = Client::aktion().await;
    let token = client.log_in().await;
    client.faults(json!([{"close": "before", "status": 500}])).await;
    let body = json!({"PersonId": JOE, "Name": "New"});
    assert!(client.try_post(&update_path(&token), &body).await.is_err());
    assert_eq!(client.stored(JOE).await["Name"], "Joe");
    assert_eq!(client.calls().await[1]["status"], Value::Null);
}

#[tokio::test]
async fn a_connection_closed_after_the_work_has_changed_the_person() {
    let client = Client::aktion().await;
    let token = client.log_in().await;
    client.faults(json!([{"close": "after", "times": 1}])).await;
    let body = json!({"PersonId": JOE, "Name": "New"});
    assert!(client.try_post(&update_path(&token), &body).await.is_err());
    assert_eq!(client.stored(JOE).await["Name"], "New");
    assert_eq!(client.post(&update_path(&token), &body).await.code(), (202, 0));
}

#[tokio::test]
async fn a_delay_alone_is_followed_by_the_targets_answer() {
    let client = Client::aktion().await;
    client.faults(json!([{"delay_ms": 60}])).await;
    let begin = Instant::now();
    client.log_in().await;
    assert!(begin.elapsed() >= Duration::from_millis(60));
}

#[tokio::test]
async fn latency_holds_up_every_call() {
    let client = Client::aktion().await;
    client.switch(json!({"latency_ms": 60})).await;
    let begin = Instant::now();
    client.log_in().await;
    assert!(begin.elapsed() >= Duration::from_millis(60));
}

#[tokio::test]
async fn rules_that_make_no_sense_are_refused_and_change_nothing() {
    let client = Client::aktion().await;
    client.faults(json!([{"status": 500}])).await;
    let wrong = [
        json!({"status": 500}),
        json!([{"state": 500}]),
        json!([{"status": 100}]),
        json!([{"status": 700}]),
        json!([{"close": "later"}]),
        json!([{"skip": -1}]),
        json!([{"status": 500, "headers": {"Content-Length": "5"}}]),
        json!([{"status": 500, "headers": {"no header": "5"}}]),
    ];
    for rules in wrong {
        assert_eq!(client.control("PUT /_sim/faults", rules.clone()).await.status, 400, "{rules}");
    }
    assert_eq!(client.get("/x").await.status, 500);
}

#[tokio::test]
async fn calls_over_the_limit_are_throttled_at_once() {
    let client = Client::aktion().await;
    client.switch(json!({"limit": 2})).await;
    client.faults(json!([{"path": "/slow", "delay_ms": 400}])).await;
    let over = async {
        client.calls_once(2).await;
        client.post("/login", &super::client::right_credentials()).await
    };
    let (one, two, over) = tokio::join!(client.get("/slow"), client.get("/slow"), over);
    assert_eq!((one.status, two.status, over.code()), (404, 404, (401, 1008)));
    let calls = client.calls().await;
    assert_eq!((&calls[2]["inFlight"], &calls[2]["status"]), (&json!(3), &json!(401)));
    client.log_in().await;
}
