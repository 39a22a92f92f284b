//! Tokens: those among the credentials, those asked for, and what happens when one is not accepted any more.

use people_adapters::secrets::SecretStore;
use people_core::log::Ending;
use serde_json::{Value, json};
use simulators::scim::{CLIENT_ID, CLIENT_SECRET, TOKEN};

use super::stage::{JOE, SARAH, Stage, deferred, secrets, update};

fn client(secret: &str) -> Value {
    json!({"clientId": CLIENT_ID, "clientSecret": secret})
}

fn with_tokens() -> Value {
    json!({"tokenUrl": "/oauth/token", "scope": "people"})
}

async fn log_ins(stage: &Stage) -> Vec<Value> {
    stage.calls().await.into_iter().filter(|call| call["path"] == "/oauth/token").collect()
}

#[tokio::test]
async fn a_token_is_asked_for_once_and_kept() {
    let stage = Stage::open(with_tokens(), SecretStore::fixed(secrets(client(CLIENT_SECRET)))).await;
    for title in ["A", "B"] {
        assert_eq!(stage.set(JOE, "title", title).await.ending, Ending::Updated);
    }
    let log_ins = log_ins(&stage).await;
    assert_eq!(log_ins.len(), 1);
    let body = log_ins[0]["body"].as_str().unwrap();
    assert!(body.starts_with("grant_type=client_credentials&") && body.ends_with("&scope=people"), "{body}");
}

#[tokio::test]
async fn wrong_credentials_are_tried_once() {
    let stage = Stage::open(with_tokens(), SecretStore::fixed(secrets(client("wrong")))).await;
    let outcomes = stage.deliver(&[JOE, SARAH].map(|who| update(who, &[("title", Some("Chief"))]))).await;
    for outcome in outcomes {
        assert_eq!((outcome.ending, outcome.attempts), (deferred("scim refuses our log-in"), 0));
    }
    assert_eq!(log_ins(&stage).await.len(), 1);
    assert_eq!(stage.calls().await.len(), 1);
}

#[tokio::test]
async fn a_token_that_is_gone_in_the_middle_is_replaced_once() {
    let stage = Stage::open(with_tokens(), SecretStore::fixed(secrets(client(CLIENT_SECRET)))).await;
    stage.set(JOE, "title", "A").await;
    stage.answer_writes(401, Value::Null, json!(1)).await;
    let outcome = stage.set(JOE, "title", "B").await;
    assert_eq!((outcome.ending, outcome.attempts), (Ending::Updated, 2));
    assert_eq!(log_ins(&stage).await.len(), 2);
}

#[tokio::test]
async fn a_secret_that_was_rotated_heals_by_itself() {
    let (wrong, right) = (json!({"token": "former"}), json!({"token": TOKEN}));
    let stage = Stage::rotated(json!({}), wrong, right).await;
    assert_eq!(stage.set(JOE, "title", "A").await.ending, Ending::Updated);
    let stage = Stage::rotated(with_tokens(), client("former"), client(CLIENT_SECRET)).await;
    assert_eq!(stage.set(JOE, "title", "A").await.ending, Ending::Updated);
    assert_eq!(log_ins(&stage).await.len(), 2);
}

#[tokio::test]
async fn credentials_of_the_wrong_kind_call_nobody() {
    for (members, own, why) in [
        (
            with_tokens(),
            json!({"token": TOKEN}),
            "scim has a \"tokenUrl\", but a token among its credentials",
        ),
        (json!({}), client("x"), "scim has no \"tokenUrl\" that its credentials are for"),
        (json!({}), json!({"token": "a\nb"}), "scim has credentials of another kind"),
        (json!({}), json!({"token": ""}), "scim has credentials of another kind"),
    ] {
        let stage = Stage::open(members, SecretStore::fixed(secrets(own))).await;
        assert_eq!(stage.set(JOE, "title", "A").await.ending, deferred(why));
        assert_eq!(stage.calls().await, Vec::<Value>::new());
    }
}
