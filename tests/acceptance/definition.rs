//! `GET /api/ProfileDefinition`: what callers are told of a person update beforehand.

use serde_json::json;

use crate::http::{Reply, send};
use crate::stack::Local;

fn get(local: &Local, headers: &[(&str, &str)]) -> Reply {
    let headers = [&[("x-functions-key", local.key())], headers].concat();
    send("GET /api/ProfileDefinition", &local.ready().api, &headers, b"")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_validator_refuses_what_the_worked_example_has_refused_for_its_shape() {
    let local = Local::start().await;
    let answer = get(&local, &[]);
    assert_eq!((answer.status, answer.headers["content-type"].as_str()), (200, "application/schema+json"));
    let schema = answer.json();
    assert!(jsonschema::draft202012::meta::is_valid(&schema), "{schema:#}");
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    for (object, is_valid) in [
        (json!({"userPrincipalName": "joe@company.com", "unknownField": "Hello"}), false),
        (json!({"userPrincipalName": "unknown@company.com", "joinDate": "2023-11-01"}), true),
        (json!({"name": "Sarah McAllister", "joinDate": "2023-11-01"}), false),
        (json!({"employeeId": "100200300", "salary": "x"}), false),
        (json!({"employeeId": "100200300", "nickname": "x"}), false),
        (
            json!({"employeeId": "100200300", "skills": ["Rust"], "jobTitle": {"en": "CEO"}, "phone": null}),
            true,
        ),
    ] {
        assert_eq!(validator.is_valid(&object), is_valid, "{object}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_the_caller_has_is_not_sent_again() {
    let local = Local::start().await;
    let first = get(&local, &[]);
    let tag = first.headers["etag"].clone();
    assert!(tag.starts_with('"') && tag.ends_with('"'), "{tag}");
    assert_eq!(first.headers["cache-control"], "no-cache");
    for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
        let again = get(&local, &[("If-None-Match", &known)]);
        assert_eq!((again.status, again.text()), (304, ""), "{known}");
        assert_eq!(again.headers["etag"], tag);
    }
    let other = get(&local, &[("If-None-Match", "\"x\"")]);
    assert_eq!((other.status, &other.body, &other.headers["etag"]), (200, &first.body, &tag));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_is_there_as_csv_and_can_be_sent_as_it_is() {
    let local = Local::start().await;
    let schema = get(&local, &[]);
    let csv = get(&local, &[("Accept", "text/csv")]);
    assert_eq!(csv.headers["content-type"], "text/csv; charset=utf-8; header=present");
    let lines: Vec<_> = csv.text().split("\r\n").collect();
    let [header, row, ""] = lines[..] else { panic!("{lines:?}") };
    assert!(header.starts_with("userPrincipalName,") && header.contains(",jobTitle.en"), "{header}");
    assert!(row.starts_with("joe@company.com,") && row.contains("German|Rust"), "{row}");
    for answer in [&schema, &csv] {
        assert_eq!(answer.headers["vary"], "Accept");
    }
    let known = |accept: &str, tag: &str| get(&local, &[("Accept", accept), ("If-None-Match", tag)]).status;
    let [schema_tag, csv_tag] = [&schema, &csv].map(|answer| answer.headers["etag"].as_str());
    assert_eq!((known("text/csv", csv_tag), known("*/*", schema_tag)), (304, 304));
    assert_eq!((known("text/csv", schema_tag), known("*/*", csv_tag)), (200, 200));
    let example = schema.json()["examples"].clone();
    let answer = local.json(&example);
    assert_eq!(answer.status, 200, "{}", local.log(&answer));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_is_for_those_who_may_import() {
    let local = Local::start().await;
    let api = &local.ready().api;
    let logs = local.ready().keys["ImportLogs"].as_str();
    for headers in [&[][..], &[("x-functions-key", "unknown")], &[("x-functions-key", logs)]] {
        let answer = send("GET /api/ProfileDefinition", api, headers, b"");
        assert_eq!((answer.status, answer.text()), (401, ""), "{headers:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn head_is_answered_like_get_and_other_methods_are_not_allowed() {
    let local = Local::start().await;
    let (api, key) = (&local.ready().api, [("x-functions-key", local.key())]);
    let head = send("HEAD /api/ProfileDefinition", api, &key, b"");
    let get = get(&local, &[]);
    assert_eq!((head.status, head.text()), (200, ""));
    for header in ["etag", "content-type", "content-length"] {
        assert_eq!(head.headers[header], get.headers[header]);
    }
    for method in ["PUT", "POST", "DELETE"] {
        let answer = send(&format!("{method} /api/ProfileDefinition"), api, &key, b"");
        assert_eq!((answer.status, answer.headers["allow"].as_str()), (405, "GET, HEAD"), "{method}");
    }
}
