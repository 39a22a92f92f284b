//! Requests with an `Idempotency-Key`, sent again: the first answer, or why not, and one import however many there are.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use lambda_http::request::from_str;
use lambda_http::{Body, Response};
use people_core::id::ImportId;
use people_core::memory::ManualClock;
use people_core::ports::{App, Clock};
use serde_json::{Value, json};

use crate::events::{app, text};
use crate::http::{Reply, multipart, send};
use crate::stack::{Local, PDF};

const JSON: &str = "application/json";

/// Sends the event of an import with this header line, as JSON, and this body.
async fn handle(app: &App, header: &str, body: &str) -> Response<Body> {
    batch_import::handle(app, from_str(&event(header, body)).unwrap()).await
}

fn event(header: &str, body: &str) -> String {
    let mut event: Value = serde_json::from_str(include_str!("../events/json.json")).unwrap();
    if let Some((name, value)) = header.split_once(": ") {
        event["headers"][name] = json!(value);
    }
    event["body"] = json!(body);
    event.to_string()
}

const JOE: &str = r#"[{"userPrincipalName":"joe@company.com","joinDate":"2023-11-01"}]"#;

#[tokio::test]
async fn each_repeat_is_answered_by_what_is_the_same_about_it() {
    let app = app().await;
    let first = handle(&app, "idempotency-key: one", JOE).await;
    let id = text(&first);
    assert_eq!((first.status().as_u16(), id.len()), (400, 36));
    assert!(!first.headers().contains_key("idempotent-replayed"));
    for (header, body, status, replayed) in [
        ("idempotency-key: one", JOE, 400, true),
        ("idempotency-key: \"one\"", JOE, 400, true),
        ("idempotency-key: one", "[]", 409, false),
        ("idempotency-key: other", JOE, 400, false),
        ("x-other: one", JOE, 400, false),
        ("idempotency-key: o n e", JOE, 400, false),
    ] {
        let answer = handle(&app, header, body).await;
        assert_eq!(answer.status(), status, "{header}");
        assert_eq!(answer.headers().contains_key("idempotent-replayed"), replayed, "{header}");
        assert_eq!(text(&answer) == id, replayed, "{header}");
        assert_eq!(answer.headers().get("location") == first.headers().get("location"), replayed, "{header}");
    }
}

#[tokio::test]
async fn a_key_of_255_characters_is_taken_and_one_of_256_is_refused_by_name() {
    let app = app().await;
    assert_eq!(text(&handle(&app, &format!("idempotency-key: {}", "k".repeat(255)), JOE).await).len(), 36);
    let refused = handle(&app, &format!("idempotency-key: {}", "k".repeat(256)), JOE).await;
    let said = "There has to be one Idempotency-Key of 1 to 255 visible ASCII characters.";
    assert_eq!((refused.status().as_u16(), text(&refused)), (400, said));
}

#[tokio::test]
async fn whoever_died_in_the_middle_is_taken_over_under_the_same_guid() {
    let clock = Arc::new(ManualClock::at(app().await.clock.now()));
    let app = App { clock: clock.clone(), ..people_core::memory::app(clock.clone()) };
    let app = App { keys: self::app().await.keys, profile: self::app().await.profile, ..app };
    let began = clock.now();
    let stuck = App { directory: Arc::new(stuck::Directory), ..app.clone() };
    {
        let stuck = pin!(handle(&stuck, "idempotency-key: one", JOE));
        assert!(stuck.poll(&mut Context::from_waker(Waker::noop())).is_pending(), "it never ends");
    }
    clock.advance_to(began.plus(Duration::from_millis(84_999)));
    assert_eq!(handle(&app, "idempotency-key: one", JOE).await.status(), 409);
    clock.advance_to(began.plus(Duration::from_secs(85)));
    let answer = handle(&app, "idempotency-key: one", JOE).await;
    let id = ImportId::parse(text(&answer)).unwrap();
    assert_eq!((answer.status().as_u16(), id.made_at()), (400, began), "it is the first one's");
    let again = handle(&app, "idempotency-key: one", JOE).await;
    assert_eq!(
        (text(&again), &again.headers()["idempotent-replayed"]),
        (text(&answer), &"true".parse().unwrap())
    );
}

/// A store that never answers.
mod stuck {
    use std::collections::HashMap;
    use std::future::pending;

    use async_trait::async_trait;
    use people_core::error::StoreError;
    use people_core::person::{Identifier, NativeKey, Person, TargetName};
    use people_core::ports::Sighting;

    pub(super) struct Directory;

    #[async_trait]
    impl people_core::ports::Directory for Directory {
        async fn resolve(&self, _: &[Identifier]) -> Result<HashMap<Identifier, Person>, StoreError> {
            pending().await
        }

        async fn learn(&self, _: &TargetName, _: &[Sighting]) -> Result<Vec<Person>, StoreError> {
            pending().await
        }

        async fn forget(&self, _: &TargetName, _: &NativeKey) -> Result<(), StoreError> {
            pending().await
        }

        async fn release(&self, _: &[Identifier]) -> Result<(), StoreError> {
            pending().await
        }
    }
}

impl Local {
    fn with_key(&self, key: &str, content_type: &str, body: &[u8]) -> Reply {
        self.put(&[("Content-Type", content_type), ("Idempotency-Key", key)], body)
    }
}

fn person(phone: &str) -> String {
    json!([{"userPrincipalName": "joe@company.com", "phone": phone}]).to_string()
}

/// The answer is the same to the byte, but for the header that says so and the moment.
fn check_replayed(first: &Reply, again: &Reply) {
    assert_eq!((first.status, &first.body), (again.status, &again.body));
    assert!(!first.headers.contains_key("idempotent-replayed"));
    let mut headers = again.headers.clone();
    assert_eq!(headers.remove("idempotent-replayed").as_deref(), Some("true"));
    headers.insert("date".to_owned(), first.headers["date"].clone());
    assert_eq!(headers, first.headers);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_is_the_first_answer_to_the_byte_and_delivers_nothing() {
    let local = Local::start().await;
    let first = local.with_key("one", JSON, person("1").as_bytes());
    assert_eq!((first.status, local.updates()), (200, 1));
    check_replayed(&first, &local.with_key("one", JSON, person("1").as_bytes()));
    let headers = [("Content-Type", JSON), ("Idempotency-Key", "two"), ("Accept", JSON)];
    let body = json!([{"employeeId": "100200300", "phone": "2"}, {"employeeId": "0", "phone": "1"}, {}]);
    let [first, again] = [0; 2].map(|_| local.put(&headers, body.to_string().as_bytes()));
    assert_eq!((first.status, &first.json()["counts"]["failed"]), (422, &json!(2)), "{}", first.text());
    check_replayed(&first, &again);
    let too_many = json!(vec![json!({}); 51]).to_string();
    let [first, again] = [0; 2].map(|_| local.with_key("three", JSON, too_many.as_bytes()));
    assert_eq!(first.status, 413);
    check_replayed(&first, &again);
    assert_eq!(local.updates(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_compared_by_their_parts() {
    let local = Local::start().await;
    let file = "Content-Disposition: form-data; filename=\"joe@company.com__contract__c.pdf\"\r\nContent-Type: application/pdf";
    let update = r#"{"employeeId":"100200300","phone":"1"}"#;
    let body = multipart(&[("Content-Type: application/json", update.as_bytes()), (file, PDF)]);
    let first = local.with_key("one", "multipart/form-data; boundary=b", &body);
    assert_eq!(first.status, 200, "{}", local.log(&first));
    let other =
        multipart(&[("Content-Type: application/json", update.as_bytes()), (file, &[PDF, b"\n"].concat())]);
    let refused = local.with_key("one", "multipart/form-data; boundary=b", &other);
    assert_eq!(
        (refused.status, refused.text()),
        (409, "Another request was sent with this Idempotency-Key.")
    );
    let headers = [
        ("Content-Type", "multipart/form-data; boundary=b"),
        ("Idempotency-Key", "one"),
        ("Accept", "application/problem+json"),
    ];
    let problem = local.put(&headers, &other);
    assert_eq!(problem.json()["type"], "urn:people-import:problem:IdempotencyKeyReused");
    let with_other_boundary = with_boundary(&body, "another-one");
    let again = local.with_key("one", "multipart/form-data; boundary=another-one", &with_other_boundary);
    check_replayed(&first, &again);
}

/// The body with another boundary than `b`.
fn with_boundary(body: &[u8], boundary: &str) -> Vec<u8> {
    let mut changed = Vec::new();
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        match line.strip_prefix(b"--b") {
            Some(rest) => changed.extend([b"--", boundary.as_bytes(), rest].concat()),
            None => changed.extend(line),
        }
    }
    changed
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_one_is_carried_out() {
    let local = Local::start().await;
    local.fault(&json!([{"path": "/person/update", "delay_ms": 300, "times": null}]));
    let answers: Vec<Reply> = thread::scope(|scope| {
        let send = || local.with_key("race", JSON, person("race").as_bytes());
        let senders: Vec<_> = (0..12).map(|_| scope.spawn(send)).collect();
        senders.into_iter().map(|sender| sender.join().unwrap()).collect()
    });
    assert_eq!(local.updates(), 1);
    let first = local.with_key("race", JSON, person("race").as_bytes());
    assert_eq!(first.headers["idempotent-replayed"], "true");
    let is_replay = |answer: &&Reply| answer.headers.contains_key("idempotent-replayed");
    let (done, waiting): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert!(done.iter().all(|answer| answer.body == first.body), "{done:?}");
    assert_eq!(done.iter().filter(|answer| !is_replay(answer)).count(), 1, "{done:?}");
    for answer in waiting {
        let said = "The first request with this Idempotency-Key is still being carried out.";
        assert_eq!((answer.status, answer.text()), (409, said));
        assert_eq!(answer.headers["retry-after"], "5");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_is_stored_once() {
    let local = Local::start().await;
    let put = |query: &str, key: &str| {
        let headers = [
            ("x-functions-key", local.ready().keys["Documents"].as_str()),
            ("Content-Type", "application/pdf"),
            ("Idempotency-Key", key),
        ];
        let target = format!("PUT /api/Documents?person=joe@company.com&field=contract&fileName={query}");
        send(&target, &local.ready().api, &headers, PDF)
    };
    let first = put("c.pdf", "one");
    assert_eq!(first.status, 201);
    check_replayed(&first, &put("c.pdf", "one"));
    assert_eq!(put("c.pdf", "two").status, 200, "another request replaces it");
    assert_eq!(put("d.pdf", "one").status, 409, "the same bytes under another name are another request");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_does_not_wait_may_send_again_too() {
    let local = Local::start().await;
    let send = |preference: &str, key: &str, phone: &str| {
        let headers = [("Content-Type", JSON), ("Prefer", preference), ("Idempotency-Key", key)];
        local.put(&headers, person(phone).as_bytes())
    };
    let first = send("respond-async", "one", "1");
    assert_eq!(first.status, 202);
    check_replayed(&first, &send("respond-async", "one", "1"));
    assert_eq!(local.report(first.text()).await["status"], 200);
    check_replayed(&first, &send("respond-async", "one", "1"));
    assert_eq!(send("respond-async", "one", "2").status, 409);
    // It has ended by now, but what the first one was answered was not that.
    check_replayed(&first, &send("respond-async, wait=25", "one", "1"));
    check_replayed(&first, &local.with_key("one", JSON, person("1").as_bytes()));
    let waited = send("respond-async, wait=25", "three", "3");
    assert_eq!(waited.status, 200);
    assert_eq!(send("respond-async", "three", "3").status, 200);
    let first = local.with_key("two", JSON, person("2").as_bytes());
    check_replayed(&first, &send("respond-async", "two", "2"));
    assert_eq!(send("respond-async", "a b", "1").status, 400);
    assert_eq!(local.updates(), 3);
}
