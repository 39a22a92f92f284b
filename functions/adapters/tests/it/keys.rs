//! The API keys.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use people_adapters::aws::connect;
use people_adapters::dynamodb::{DynamoKeys, Tables};
use people_core::memory::MemoryKeys;
use people_core::ports::{ApiKey, Created, Feature, KeyHash, Keys, Revoked};
use people_core::time::Timestamp;

use crate::embedded::{Embedded, beginning, settings, start};
use crate::lossy::Lossy;

const HOUR: Duration = Duration::from_secs(60 * 60);

fn key(text: &str, after: Duration) -> ApiKey {
    ApiKey::new(KeyHash::of(text), "payroll ü", Feature::ALL, beginning().plus(after))
}

async fn keys_contract(keys: &dyn Keys) {
    let (one, other) = (key("one", HOUR), KeyHash::of("other"));
    assert_eq!(keys.find(&one.hash).await.unwrap(), None);
    assert_eq!(keys.create(&one).await.unwrap(), Created::New);
    assert_eq!(keys.find(&one.hash).await.unwrap(), Some(one.clone()));
    assert_eq!(keys.find(&other).await.unwrap(), None);
    let another = ApiKey { name: "another".into(), ..one.clone() };
    assert_eq!(keys.create(&another).await.unwrap(), Created::Before);
    assert_eq!(keys.find(&one.hash).await.unwrap(), Some(one.clone()), "nothing was changed");
    let older = ApiKey {
        features: BTreeSet::new(),
        expires_at: Some(beginning().plus(Duration::from_millis(1))),
        last_used: Some(beginning().to_hour()),
        ..key("older", Duration::ZERO)
    };
    assert_eq!(keys.create(&older).await.unwrap(), Created::New);
    assert_eq!(keys.list().await.unwrap(), [older, one.clone()], "the oldest first");
    revoking(keys, &one).await;
    using(keys, &one).await;
}

async fn revoking(keys: &dyn Keys, key: &ApiKey) {
    for _ in 0..2 {
        assert_eq!(keys.revoke(&key.hash).await.unwrap(), Revoked::Revoked);
        assert_eq!(keys.find(&key.hash).await.unwrap(), Some(ApiKey { revoked: true, ..key.clone() }));
    }
    assert_eq!(keys.create(key).await.unwrap(), Created::Before);
    assert!(keys.find(&key.hash).await.unwrap().unwrap().revoked, "creating it again does not help it");
    assert_eq!(keys.revoke(&KeyHash::of("unknown")).await.unwrap(), Revoked::Unknown);
    assert_eq!(keys.find(&KeyHash::of("unknown")).await.unwrap(), None);
}

async fn using(keys: &dyn Keys, key: &ApiKey) {
    let hour = beginning().to_hour();
    for (used, noted) in [(hour.plus(HOUR), 1), (hour, 1), (hour.plus(HOUR * 3), 3), (hour.plus(HOUR * 2), 3)]
    {
        keys.used(&key.hash, used).await.unwrap();
        let last_used = keys.find(&key.hash).await.unwrap().unwrap().last_used;
        assert_eq!(last_used, Some(hour.plus(HOUR * noted)));
    }
    keys.used(&KeyHash::of("unknown"), hour).await.unwrap();
    assert_eq!(keys.find(&KeyHash::of("unknown")).await.unwrap(), None);
}

#[tokio::test]
async fn memory_keeps_the_contract() {
    keys_contract(&MemoryKeys::default()).await;
}

fn keys(embedded: &Embedded) -> DynamoKeys {
    DynamoKeys::new(embedded.aws.dynamodb.clone(), &embedded.tables, Arc::clone(&embedded.clock) as _)
}

#[tokio::test]
async fn dynamodb_keeps_the_contract() {
    let embedded = start().await;
    keys_contract(&keys(&embedded)).await;
    let items = embedded.aws.dynamodb.scan().table_name(&embedded.tables.keys).send().await.unwrap();
    let stored = format!("{:?}", items.items());
    assert!(!stored.contains("\"one\"") && !stored.contains("\"older\""), "{stored}");
}

#[tokio::test]
async fn keys_of_the_first_version_are_read_and_broken_ones_hide_no_others() {
    let embedded = start().await;
    let put = |hash: String, created: &str| {
        let put = embedded.aws.dynamodb.put_item().table_name(&embedded.tables.keys);
        put.item("hash", AttributeValue::S(hash))
            .item("name", AttributeValue::S("payroll".into()))
            .item("created", AttributeValue::S(created.into()))
            .item("revoked", AttributeValue::Bool(false))
            .item("features", AttributeValue::Ss(vec!["ImportLogs".into(), "Telepathy".into()]))
            .send()
    };
    // The hash of "k".
    let hash = "8254c329a92850f6d539dd376f4816ee2764517da5e0235514af433164480d7a";
    put(hash.into(), "2023-11-23T16:32:59Z").await.unwrap();
    put("0".repeat(64), "yesterday").await.unwrap();
    put("zz".repeat(32), "2023-11-23T16:32:59Z").await.unwrap();
    let created_at = Timestamp::from_millis(1_700_757_179_000);
    let expected = ApiKey::new(KeyHash::of("k"), "payroll", [Feature::ImportLogs], created_at);
    let keys = keys(&embedded);
    assert_eq!(keys.find(&KeyHash::of("k")).await.unwrap(), Some(expected.clone()));
    assert_eq!(keys.list().await.unwrap(), [expected]);
    assert!(keys.find(&KeyHash([0; 32])).await.is_err());
}

#[tokio::test]
async fn a_key_is_seen_for_90_days_after_it_expired() {
    let embedded = start().await;
    let keys = keys(&embedded);
    let key = ApiKey { expires_at: Some(beginning()), ..key("one", Duration::ZERO) };
    keys.create(&key).await.unwrap();
    // The time to live counts in seconds.
    let gone = beginning().to_second().plus(HOUR * 24 * 90);
    embedded.clock.advance_to(Timestamp::from_millis(gone.millis() - 1));
    assert_eq!(keys.list().await.unwrap().len(), 1);
    embedded.clock.advance_to(gone);
    assert_eq!(keys.list().await.unwrap(), []);
    assert_eq!(keys.find(&key.hash).await.unwrap(), None);
}

#[tokio::test]
async fn more_keys_than_one_page_of_a_scan_are_listed() {
    let embedded = start().await;
    let keys = keys(&embedded);
    // A page holds 1 MiB, and an item 400 KB.
    for text in ["one", "two", "three", "four"] {
        let large = ApiKey { name: "n".repeat(350_000), ..key(text, Duration::ZERO) };
        keys.create(&large).await.unwrap();
    }
    assert_eq!(keys.list().await.unwrap().len(), 4);
}

#[tokio::test]
async fn a_key_whose_answer_is_lost_was_created_once() {
    let Embedded { dynamodb, s3, tables, clock, .. } = start().await;
    let lossy = Lossy::to(&dynamodb).await;
    let keys = DynamoKeys::new(connect(&settings(&lossy.url, &s3)).await.dynamodb, &tables, clock);
    let mut lost = lossy.lose("PutItem").lost;
    assert_eq!(keys.create(&key("one", HOUR)).await.unwrap(), Created::New);
    assert!(lost.try_recv().is_ok(), "an answer was lost");
}

#[tokio::test]
async fn a_missing_table_is_named() {
    let embedded = start().await;
    let tables = Tables::with_prefix("elsewhere");
    let keys = DynamoKeys::new(embedded.aws.dynamodb.clone(), &tables, Arc::clone(&embedded.clock) as _);
    let error = keys.list().await.unwrap_err();
    assert_eq!(error.to_string(), "could not list the API keys: there is no table elsewhere-keys");
}
