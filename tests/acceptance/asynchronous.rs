//! Imports whose callers would rather not wait: accepted, running, done, and the answer to those who wait a little.

use serde_json::{Value, json};

use crate::http::{Reply, send};
use crate::stack::Local;

const JSON: &str = "application/json";

fn person(phone: &str) -> String {
    json!([{"userPrincipalName": "joe@company.com", "phone": phone}]).to_string()
}

impl Local {
    /// Sends an import with this preference.
    fn prefer(&self, preference: &str, body: &str) -> Reply {
        self.put(&[("Content-Type", JSON), ("Prefer", preference)], body.as_bytes())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_does_not_wait_has_a_guid_at_once_and_finds_the_rest_in_the_log() {
    let local = Local::start().await;
    let answer = local.prefer("respond-async", &person("1"));
    assert_eq!((answer.status, answer.body.len()), (202, 36), "{}", answer.text());
    assert_eq!(answer.headers["preference-applied"], "respond-async");
    assert_eq!(answer.headers["location"], format!("/api/ImportLogs/{}", answer.text()));
    let report = local.report(answer.text()).await;
    assert_eq!((&report["status"], &report["now"]), (&json!(200), &json!("successful")));
    assert_eq!(local.log(&answer), "Success - PersonUpdated - 'joe@company.com' updated\n");
    assert_eq!(local.person("100200300")["PhoneNumber"], "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_that_a_caller_who_waits_would_have_got_is_in_the_log() {
    let local = Local::start().await;
    for (body, status) in [
        (json!([{"userPrincipalName": "unknown@company.com", "phone": "1"}]).to_string(), 400),
        (json!([{"employeeId": "100200300"}, {"employeeId": "0", "phone": "1"}]).to_string(), 422),
        ("no JSON".to_owned(), 400),
        (json!(vec![json!({}); 51]).to_string(), 413),
    ] {
        let answer = local.prefer("respond-async", &body);
        assert_eq!(answer.status, 202, "{body}");
        let report = local.report(answer.text()).await;
        assert_eq!(report["status"], status, "{report}");
        let direct = local.import(JSON, &body);
        assert_eq!((direct.status, local.log(&direct)), (status, local.log(&answer)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_a_little_is_answered_like_those_who_always_do() {
    let local = Local::start().await;
    let answer = local.prefer("respond-async, wait=25", &person("2"));
    assert_eq!((answer.status, answer.body.len()), (200, 36), "{}", answer.text());
    assert_eq!(answer.headers["preference-applied"], "wait=25");
    assert_eq!(local.log(&answer), "Success - PersonUpdated - 'joe@company.com' updated\n");
    let headers = [("Content-Type", JSON), ("Prefer", "respond-async, wait=25"), ("Accept", JSON)];
    let report = local.put(&headers, person("2").as_bytes());
    assert_eq!((report.status, &report.json()["state"]), (200, &json!("done")));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_waited_long_enough_is_told_where_to_look() {
    let local = Local::start().await;
    // The target takes longer than the caller.
    local.fault(&json!([{"path": "/person/update", "delay_ms": 3000, "times": null}]));
    let answer = local.prefer("respond-async, wait=1", &person("3"));
    assert_eq!((answer.status, answer.body.len()), (202, 36), "{}", answer.text());
    assert_eq!(answer.headers["preference-applied"], "respond-async, wait=1");
    assert_eq!(local.report(answer.text()).await["status"], 200);
    let headers = [("Content-Type", JSON), ("Prefer", "respond-async, wait=0"), ("Accept", JSON)];
    let report = local.put(&headers, person("4").as_bytes());
    assert_eq!((report.status, &report.json()["status"]), (202, &Value::Null), "{}", report.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_request_is_answered_at_once() {
    let local = Local::start().await;
    let api = &local.ready().api;
    let no_key = send("PUT /api/PeopleImport", api, &[("Prefer", "respond-async")], b"[]");
    assert_eq!((no_key.status, no_key.body.len()), (401, 0));
    let faulty = local.put(&[("Content-Type", "text/csv"), ("Prefer", "respond-async")], b"[]");
    assert_eq!((faulty.status, faulty.body.len()), (400, 36));
    assert!(!faulty.headers.contains_key("preference-applied"));
    assert!(local.log(&faulty).starts_with("Error - InvalidRequest - the content type is neither"));
    let length = (104_857_601).to_string();
    let headers = [
        ("Content-Type", JSON),
        ("Prefer", "respond-async"),
        ("Content-Length", &length),
        ("Expect", "100-continue"),
    ];
    let large = local.put(&headers, b"");
    assert_eq!((large.status, large.body.len()), (413, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preference_that_is_not_known_changes_nothing() {
    let local = Local::start().await;
    for preference in ["wait=1", "return=minimal", "respond-async=no", "\"respond-async\""] {
        let answer = local.prefer(preference, &person("5"));
        assert_eq!(answer.status, 200, "{preference}");
        assert!(!answer.headers.contains_key("preference-applied"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_understands_it_is_told_where_a_large_body_goes() {
    let large = vec![b' '; 6 * 1024 * 1024 + 1];
    let local = Local::start_with(true).await;
    for accept in ["application/json", "application/problem+json"] {
        let answer = local.put(&[("Content-Type", JSON), ("Accept", accept)], &large);
        assert_eq!(
            (answer.status, answer.headers["content-type"].as_str()),
            (413, "application/problem+json")
        );
        assert!(answer.json()["detail"].as_str().unwrap().contains("POST /api/PeopleImport/uploads"));
    }
    for headers in [&[("Content-Type", JSON)][..], &[("Content-Type", JSON), ("Accept", "*/*")]] {
        let answer = local.put(headers, &large);
        assert_eq!((answer.status, answer.body.len()), (413, 0));
    }
}
