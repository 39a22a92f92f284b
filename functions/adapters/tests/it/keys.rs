//! The API keys.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use people_adapters::dynamodb::DynamoKeys;
use people_core::memory::MemoryKeys;
use people_core::ports::{ApiKey, Feature, KeyHash, Keys};

use crate::embedded::{beginning, start};

async fn keys_contract(keys: &dyn Keys) {
    let (one, other) = (KeyHash::of("one"), KeyHash::of("other"));
    assert_eq!(keys.find(&one).await.unwrap(), None);
    let mut key =
        ApiKey { name: "payroll ü".into(), features: Feature::ALL.into(), expires_at: None, revoked: false };
    keys.put(&one, &key).await.unwrap();
    assert_eq!(keys.find(&one).await.unwrap(), Some(key.clone()));
    assert_eq!(keys.find(&other).await.unwrap(), None);
    key.features = BTreeSet::new();
    key.expires_at = Some(beginning().plus(Duration::from_millis(1)));
    key.revoked = true;
    keys.put(&one, &key).await.unwrap();
    assert_eq!(keys.find(&one).await.unwrap(), Some(key));
}

#[tokio::test]
async fn memory_keeps_the_contract() {
    keys_contract(&MemoryKeys::default()).await;
}

#[tokio::test]
async fn dynamodb_keeps_the_contract() {
    let embedded = start().await;
    let clock = Arc::clone(&embedded.clock);
    keys_contract(&DynamoKeys::new(embedded.aws.dynamodb.clone(), &embedded.tables, clock)).await;
    let items = embedded.aws.dynamodb.scan().table_name(&embedded.tables.keys).send().await.unwrap();
    let created = items.items()[0]["created"].as_s().unwrap();
    assert_eq!(created, "2026-09-21T14:13:20Z");
}
