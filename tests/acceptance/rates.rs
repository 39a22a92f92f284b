//! How many requests a key may send, and how its caller is told.

use people_core::ports::Page;
use serde_json::{Value, json};

use crate::http::{Reply, send};
use crate::stack::Local;

const JSON: &str = "application/json";

fn update(phone: usize) -> Vec<u8> {
    json!([{"userPrincipalName": "joe@company.com", "phone": phone.to_string()}]).to_string().into_bytes()
}

/// Sends imports until one is too many. A minute may end meanwhile, but not two.
fn one_too_many(local: &Local, accept: &str) -> (usize, Reply) {
    for sent in 0..5 {
        let answer = local.put(&[("Content-Type", JSON), ("Accept", accept)], &update(sent));
        if answer.status == 429 {
            return (sent, answer);
        }
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.headers["ratelimit-policy"], "\"default\";q=2;w=60");
        let left = &answer.headers["ratelimit"];
        assert!(left.starts_with("\"default\";r=1;t=") || left.starts_with("\"default\";r=0;t="), "{left}");
    }
    panic!("nobody was kept back");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_request_too_many_does_nothing_and_is_told_when_to_come_again() {
    let local = Local::limited_to(2).await;
    let (carried_out, refused) = one_too_many(&local, JSON);
    let seconds: u64 = refused.headers["retry-after"].parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    assert_eq!(refused.headers["ratelimit"], format!("\"default\";r=0;t={seconds}"));
    assert_eq!(refused.headers["content-type"], "application/problem+json");
    let problem = refused.json();
    assert_eq!(problem["type"], "urn:people-import:problem:TooManyRequests");
    assert_eq!(problem["documentation"], "/docs#TooManyRequests");
    assert_eq!(local.updates(), carried_out);
    let page = Page { before: None, from: None, limit: 10, errors_only: false };
    assert_eq!(local.app().await.imports.list(&page).await.unwrap().len(), carried_out, "it has no log");
    // Another key may go on.
    let logs = [("x-functions-key", local.ready().keys["ImportLogs"].as_str())];
    assert_eq!(send("GET /api/ImportLogs", &local.ready().api, &logs, b"").status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_body_of_one_request_too_many_is_read_off() {
    let local = Local::limited_to(1).await;
    let large = format!("[{}]", " ".repeat(7 * 1024 * 1024)).into_bytes();
    let answers = [0; 3].map(|_| local.put(&[("Content-Type", JSON)], &large));
    assert!(answers.iter().all(|answer| answer.headers.contains_key("ratelimit")), "{answers:?}");
    let statuses = answers.map(|answer| answer.status);
    assert!(statuses.contains(&400) && statuses.contains(&429), "{statuses:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_a_key_is_told_of_the_limit_in_each_answer() {
    let local = Local::limited_to(1000).await;
    let unknown = "00000000-0000-0000-0000-000000000000";
    for (feature, request, status, is_told) in [
        ("PeopleImport", "GET /api/ProfileDefinition".to_owned(), 200, true),
        ("PeopleImport", "PUT /api/PeopleImport".to_owned(), 400, true),
        ("PeopleImport", "POST /api/PeopleImport/uploads".to_owned(), 400, true),
        ("ImportLogs", "GET /api/ImportLogs".to_owned(), 200, true),
        ("ImportLogs", "GET /api/ImportLogs?limit=0".to_owned(), 400, true),
        ("ImportLogs", format!("GET /api/ImportLogs/{unknown}"), 404, true),
        ("ImportLogs", format!("GET /api/ImportLogs/{unknown}/failed"), 404, true),
        ("ImportLogs", format!("POST /api/ImportLogs/{unknown}/redeliveries"), 404, true),
        ("ImportLogs", "GET /api/Undelivered".to_owned(), 200, true),
        ("Documents", "GET /api/Documents/joe@company.com".to_owned(), 200, true),
        ("Documents", "GET /api/Documents".to_owned(), 400, true),
        ("ImportLogs", "GET /api/ProfileDefinition".to_owned(), 401, false),
        ("ImportLogs", "PUT /api/ImportLogs".to_owned(), 405, false),
        ("ImportLogs", "GET /healthz".to_owned(), 200, false),
        ("ImportLogs", "GET /docs".to_owned(), 200, false),
    ] {
        let key = [("x-functions-key", local.ready().keys[feature].as_str())];
        let answer = send(&request, &local.ready().api, &key, b"");
        assert_eq!(answer.status, status, "{request}: {}", answer.text());
        for header in ["ratelimit", "ratelimit-policy"] {
            assert_eq!(answer.headers.contains_key(header), is_told, "{request}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_given_again_is_the_first_one_but_for_what_it_says_of_the_limit() {
    let local = Local::limited_to(1000).await;
    let headers = [("Content-Type", JSON), ("Idempotency-Key", "1")];
    let [mut first, mut again] = [0; 2].map(|_| local.put(&headers, &update(7)));
    assert_eq!(again.headers.remove("idempotent-replayed").as_deref(), Some("true"));
    for answer in [&mut first, &mut again] {
        assert!(answer.headers.remove("ratelimit").is_some());
        answer.headers.remove("date");
    }
    assert_eq!((first.status, &first.headers, &first.body), (again.status, &again.headers, &again.body));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_finding_leads_to_what_it_means() {
    let local = Local::start().await;
    let api = &local.ready().api;
    let page = send("GET /docs", api, &[], b"");
    assert_eq!((page.status, page.headers["content-type"].as_str()), (200, "text/html; charset=utf-8"));
    assert!(page.headers["content-security-policy"].starts_with("default-src 'none';"));
    let leads = |documentation: &Value| {
        let (path, anchor) = documentation.as_str().unwrap().split_once('#').unwrap();
        assert_eq!(path, "/docs");
        assert!(page.text().contains(&format!("id=\"{anchor}\"")), "{anchor}");
    };
    let body = json!([{"joindate": "2023-11-01", "employeeId": "", "nickname": "x"}]).to_string();
    let report = local.put(&[("Content-Type", JSON), ("Accept", JSON)], body.as_bytes()).json();
    let part = &report["parts"][0];
    let findings = part["findings"].as_array().unwrap();
    let found =
        |finding: &Value| (finding["code"].clone(), finding["pointer"].clone(), finding["nearest"].clone());
    assert_eq!(part["part"], 0);
    assert_eq!(
        findings.iter().map(found).collect::<Vec<_>>(),
        [
            (json!("NoPersonIdentifier"), json!("/0"), Value::Null),
            (json!("UnknownFields"), json!("/0/joindate"), json!("joinDate")),
            (json!("NotUpdatable"), json!("/0/nickname"), Value::Null),
        ]
    );
    findings.iter().for_each(|finding| leads(&finding["documentation"]));
    for body in ["", "[", "{}"] {
        let problem = local.put(&[("Content-Type", JSON), ("Accept", JSON)], body.as_bytes());
        assert_eq!(
            (problem.status, problem.headers["content-type"].as_str()),
            (400, "application/problem+json")
        );
        leads(&problem.json()["documentation"]);
    }
    assert_eq!(send("HEAD /docs", api, &[], b"").status, 200);
    let known = [("If-None-Match", page.headers["etag"].as_str())];
    assert_eq!(send("GET /docs", api, &known, b"").status, 304);
    assert_eq!(send("POST /docs", api, &[], b"").status, 405);
}
