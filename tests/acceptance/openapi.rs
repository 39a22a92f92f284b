//! `infra/openapi.yaml` against everything that it is the source of: the routes, the README, and what the running service
//! answers.

mod answers;
mod document;
mod schemathesis;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use people_adapters::http::Route;
use people_core::finding::FindingCode;
use people_core::log_text::LogKind;
use people_core::ports::KeyHash;
use people_core::session::{SESSION_LASTS, Session, SessionToken};

use crate::http::send;
use crate::stack::Local;
use document::Document;

const METHODS: [&str; 8] = ["GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "TRACE"];

/// A session of whoever has this key.
async fn session(local: &Local, key: &str) -> SessionToken {
    let app = local.app().await;
    let token = SessionToken::new([7; 32]);
    let expires_at = app.clock.now().plus(SESSION_LASTS).to_second();
    let session =
        Session { hash: token.hash(), key: KeyHash::of(key), key_name: "test".to_owned(), expires_at };
    app.sessions.create(&session).await.unwrap();
    token
}

/// The template's routes are those of the code, which `template` shows.
#[test]
fn the_routes_are_the_paths_of_the_document() {
    let document = Document::read();
    let routes: BTreeSet<_> = Route::ALL.into_iter().map(Route::path).collect();
    assert_eq!(document.paths(), routes);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_path_has_the_methods_of_the_document_and_no_other() {
    let document = Document::read();
    let local = Local::start().await;
    let mut due: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for operation in document.operations() {
        due.entry(operation.path).or_default().insert(operation.method);
    }
    for (path, methods) in due {
        let asked = path.replace(['{', '}'], "");
        for method in METHODS {
            let answer = send(&format!("{method} {asked}"), &local.ready().api, &[], b"");
            assert_eq!(answer.status != 405, methods.contains(method), "{method} {path}");
            if answer.status == 405 {
                let allowed = answer.headers["allow"].split(", ").map(str::to_owned).collect::<BTreeSet<_>>();
                assert_eq!(allowed, methods, "{path}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_a_key_or_a_session_is_refused_without_one() {
    let local = Local::start().await;
    for operation in Document::read().operations() {
        let request = format!("{} {}", operation.method, operation.path.replace(['{', '}'], ""));
        let answer = send(&request, &local.ready().api, &[], b"");
        // The form to sign in has the key in itself.
        let is_let_in = operation.is_open && operation.id != "signIn";
        assert_eq!(answer.status, if is_let_in { 200 } else { 401 }, "{request}");
    }
}

#[test]
fn the_examples_of_the_document_are_as_it_says() {
    assert_eq!(Document::read().wrong_examples(), Vec::<String>::new());
}

#[test]
fn the_codes_of_the_document_are_those_of_the_code() {
    assert_eq!(Document::read().words("FindingCode"), FindingCode::ALL.map(FindingCode::as_str));
    let kinds = LogKind::ALL.map(|kind| format!("{kind:?}"));
    assert_eq!(Document::read().words("LogKind"), kinds.each_ref().map(String::as_str));
}

#[test]
fn the_table_in_the_readme_is_that_of_the_document() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let (_, section) = readme.split_once("\n## The API as OpenAPI\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows: BTreeSet<_> =
        section.lines().filter(|line| line.starts_with("| `")).map(str::to_owned).collect();
    let row = |operation: document::Operation| {
        format!("| `{} {}` | {} |", operation.method, operation.path, operation.summary)
    };
    assert_eq!(rows, Document::read().operations().into_iter().map(row).collect());
}
