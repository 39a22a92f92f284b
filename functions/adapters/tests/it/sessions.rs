//! The sessions of the console.

use std::sync::Arc;

use people_adapters::dynamodb::{DynamoSessions, Tables};
use people_core::hex;
use people_core::memory::{ManualClock, MemorySessions};
use people_core::ports::{KeyHash, Sessions};
use people_core::session::{SESSION_LASTS, Session, SessionToken};
use people_core::time::Timestamp;

use crate::embedded::{Embedded, beginning, start};

fn token(byte: u8) -> SessionToken {
    SessionToken::new([byte; 32])
}

fn session(byte: u8) -> Session {
    Session {
        hash: token(byte).hash(),
        key: KeyHash::of("key"),
        key_name: "support \"ü\"".to_owned(),
        expires_at: beginning().plus(SESSION_LASTS).to_second(),
    }
}

async fn sessions_contract(sessions: &dyn Sessions, clock: &ManualClock) {
    assert_eq!(sessions.find(&token(1).hash()).await.unwrap(), None);
    for byte in [1, 2] {
        sessions.create(&session(byte)).await.unwrap();
    }
    assert_eq!(sessions.find(&token(1).hash()).await.unwrap(), Some(session(1)));
    for _ in 0..2 {
        sessions.end(&token(1).hash()).await.unwrap();
        assert_eq!(sessions.find(&token(1).hash()).await.unwrap(), None);
    }
    let end = session(2).expires_at;
    clock.advance_to(Timestamp::from_millis(end.millis() - 1));
    assert_eq!(sessions.find(&token(2).hash()).await.unwrap(), Some(session(2)));
    clock.advance_to(end);
    assert_eq!(sessions.find(&token(2).hash()).await.unwrap(), None, "it is over");
}

#[tokio::test]
async fn memory_keeps_the_contract() {
    let clock = Arc::new(ManualClock::at(beginning()));
    sessions_contract(&MemorySessions::new(Arc::clone(&clock) as _), &clock).await;
}

fn sessions(embedded: &Embedded) -> DynamoSessions {
    DynamoSessions::new(embedded.aws.dynamodb.clone(), &embedded.tables, Arc::clone(&embedded.clock) as _)
}

#[tokio::test]
async fn dynamodb_keeps_the_contract() {
    let embedded = start().await;
    sessions_contract(&sessions(&embedded), &embedded.clock).await;
}

#[tokio::test]
async fn whoever_reads_the_table_can_use_no_session() {
    let embedded = start().await;
    sessions(&embedded).create(&session(7)).await.unwrap();
    let items = embedded.aws.dynamodb.scan().table_name(&embedded.tables.sessions).send().await.unwrap();
    let stored = format!("{:?}", items.items());
    assert!(stored.contains(&hex::encode(&token(7).hash().0)));
    assert!(!stored.contains(&token(7).to_text()) && !stored.contains(&token(7).form_token()), "{stored}");
}

#[tokio::test]
async fn a_failure_is_no_answer() {
    let embedded = start().await;
    let clock = Arc::clone(&embedded.clock) as _;
    let sessions =
        DynamoSessions::new(embedded.aws.dynamodb.clone(), &Tables::with_prefix("elsewhere"), clock);
    assert!(sessions.create(&session(1)).await.is_err());
    assert!(sessions.find(&token(1).hash()).await.is_err());
    assert!(sessions.end(&token(1).hash()).await.is_err());
}
