//! Events of API Gateway (payload format 2.0) through the real handlers, over the ports in memory.

use std::sync::Arc;

use lambda_http::request::from_str;
use lambda_http::{Body, Response};
use people_core::memory::{self, ManualClock, MemoryKeys};
use people_core::person::NativeKey;
use people_core::ports::{ApiKey, App, Feature, KeyHash, Keys, Sighting};
use people_core::profile::Profile;
use people_core::time::Timestamp;

pub(crate) async fn app() -> App {
    let keys = MemoryKeys::default();
    let features = [
        ("import-key", Feature::PeopleImport),
        ("documents-key", Feature::Documents),
        ("logs-key", Feature::ImportLogs),
    ];
    for (key, feature) in features {
        let now = Timestamp::from_millis(0);
        keys.create(&ApiKey::new(KeyHash::of(key), "payroll", [feature], now)).await.unwrap();
    }
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_700_757_179_000)));
    App {
        profile: Arc::new(Profile::parse(include_bytes!("../../infra/profile-definition.json")).unwrap()),
        keys: Arc::new(keys),
        ..memory::app(clock)
    }
}

pub(crate) fn text(response: &Response<Body>) -> &str {
    match response.body() {
        Body::Text(text) => text,
        other => panic!("no text: {other:?}"),
    }
}

/// Sends an event to batch-import, and the GUID that it answers to import-log.
async fn log_of(app: &App, event: &str) -> (u16, String) {
    let answer = batch_import::handle(app, from_str(event).unwrap()).await;
    let id = text(&answer).to_owned();
    assert_eq!(id.len(), 36, "{answer:?}");
    let event = include_str!("../events/import-log.json").replace("REQUEST_ID", &id);
    let log = import_log::handle(app, from_str(&event).unwrap()).await;
    assert_eq!(log.status(), 200);
    (answer.status().as_u16(), text(&log).split_once('\n').unwrap().1.to_owned())
}

#[tokio::test]
async fn a_json_event_is_imported_and_its_log_is_found() {
    let app = app().await;
    let log = log_of(&app, include_str!("../events/json.json")).await;
    assert_eq!(log, (400, "Error - UnknownPerson - Unknown person: 'joe@company.com'\n".into()));
}

#[tokio::test]
async fn a_base64_multipart_event_is_decoded() {
    let app = app().await;
    let (status, log) = log_of(&app, include_str!("../events/multipart.json")).await;
    assert_eq!(status, 400);
    assert_eq!(
        log,
        "Error - InvalidPerson - Invalid person in part 0: UnknownFields: 'unknownField'\n\
         Error - UnknownPerson - Unknown person: 'joe@company.com'\n"
    );
}

#[tokio::test]
async fn a_key_in_the_query_is_taken_and_one_of_another_feature_is_not() {
    let app = app().await;
    let event = include_str!("../events/json.json").replace("\"x-functions-key\": \"import-key\",", "");
    let with_code = event.replace("\"rawQueryString\": \"\"", "\"rawQueryString\": \"code=import-key\"");
    assert_eq!(log_of(&app, &with_code).await.0, 400);
    let other = with_code.replace("code=import-key", "code=logs-key");
    let answer = batch_import::handle(&app, from_str(&other).unwrap()).await;
    assert_eq!((answer.status().as_u16(), text(&answer)), (401, ""));
}

#[tokio::test]
async fn an_event_without_a_body_is_a_fault_of_the_request() {
    let app = app().await;
    let event = include_str!("../events/json.json").replace("\"body\":", "\"nobody\":");
    let log = log_of(&app, &event).await;
    assert_eq!(
        log,
        (400, "Error - InvalidRequest - the body is not valid JSON at line 1, column 0\n".into())
    );
}

#[tokio::test]
async fn an_event_for_a_document_has_its_names_in_its_path_parameters() {
    let app = app().await;
    let id = Some("a/b#c?d%".to_owned());
    let joe = Sighting { key: NativeKey("1".into()), employee_id: id, upn: None };
    app.directory.learn(&"t".into(), &[joe]).await.unwrap();
    for (method, status) in [
        ("PUT", 201),
        ("PUT", 200),
        ("GET", 302),
        ("DELETE", 204),
        ("DELETE", 204),
        ("GET", 404),
        ("HEAD", 405),
    ] {
        let event = include_str!("../events/document.json").replace("METHOD", method);
        let answer = pdf_storage::handle(&app, from_str(&event).unwrap()).await;
        assert_eq!(answer.status(), status, "{method}");
        if status == 302 {
            let link = answer.headers()["location"].to_str().unwrap();
            assert!(link.starts_with("memory:documents/a%2Fb%23c%3Fd%25/contract/"), "{link}");
        }
    }
}
