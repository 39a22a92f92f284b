//! The API keys, by hash: somebody who reads this table can use none of them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use people_core::error::StoreError;
use people_core::ports::{ApiKey, Clock, Feature, KeyHash, Keys};
use people_core::time::Timestamp;

use super::item::{Broken, EXPIRES, Item, is_expired, item, n, number, s, text};
use super::tables::Tables;
use crate::aws::dynamodb_failed;

/// The hash, in hex.
pub(super) const KEY: [&str; 1] = [HASH];
const HASH: &str = "hash";
const NAME: &str = "name";
const FEATURES: &str = "features";
const CREATED: &str = "created";
const REVOKED: &str = "revoked";
/// When the key stops working, in milliseconds since 1970.
const EXPIRES_AT: &str = "expiresAt";
/// How long a key that stopped working can still be seen.
const SHOWN_AFTERWARDS: Duration = Duration::from_secs(90 * 24 * 60 * 60);

const FIND: &str = "find an API key";
const PUT: &str = "store an API key";

/// The API keys in DynamoDB.
#[derive(Clone)]
pub struct DynamoKeys {
    client: Client,
    table: String,
    clock: Arc<dyn Clock>,
}

impl DynamoKeys {
    /// The keys in these tables.
    pub fn new(client: Client, tables: &Tables, clock: Arc<dyn Clock>) -> DynamoKeys {
        DynamoKeys { client, table: tables.keys.clone(), clock }
    }

    async fn item(&self, action: &'static str, hash: &KeyHash) -> Result<Option<Item>, StoreError> {
        let request = self.client.get_item().table_name(&self.table).key(HASH, s(hex(hash)));
        let answer = request.consistent_read(true).send().await;
        Ok(answer.map_err(|error| dynamodb_failed(action, &error))?.item)
    }
}

#[async_trait]
impl Keys for DynamoKeys {
    /// The key, also for 90 days after it stopped working.
    async fn find(&self, hash: &KeyHash) -> Result<Option<ApiKey>, StoreError> {
        match self.item(FIND, hash).await? {
            Some(item) if !is_expired(&item, self.clock.now()) => {
                read(&item).map(Some).map_err(|broken| broken.during(FIND))
            }
            _ => Ok(None),
        }
    }

    async fn put(&self, hash: &KeyHash, key: &ApiKey) -> Result<(), StoreError> {
        let before = self.item(PUT, hash).await?;
        let created = before.and_then(|item| text(&item, CREATED).map(str::to_owned).ok());
        let mut item = item([
            (HASH, s(hex(hash))),
            (NAME, s(key.name.as_str())),
            (CREATED, s(created.unwrap_or_else(|| self.clock.now().to_rfc3339()))),
            (REVOKED, AttributeValue::Bool(key.revoked)),
        ]);
        // DynamoDB has no empty sets.
        if !key.features.is_empty() {
            let features = key.features.iter().map(|feature| feature.as_str().to_owned()).collect();
            item.insert(FEATURES.to_owned(), AttributeValue::Ss(features));
        }
        if let Some(expires_at) = key.expires_at {
            item.insert(EXPIRES_AT.to_owned(), n(expires_at.millis()));
            item.insert(EXPIRES.to_owned(), n(expires_at.plus(SHOWN_AFTERWARDS).seconds()));
        }
        let answer = self.client.put_item().table_name(&self.table).set_item(Some(item)).send().await;
        answer.map(drop).map_err(|error| dynamodb_failed(PUT, &error))
    }
}

/// A feature that this version does not know is one that it does not offer, so it is left out.
fn read(item: &Item) -> Result<ApiKey, Broken> {
    let features = match item.get(FEATURES) {
        None => &[],
        Some(features) => features.as_ss().map_err(|_| Broken(FEATURES))?.as_slice(),
    };
    let offered = |feature: &Feature| features.iter().any(|name| name == feature.as_str());
    let expires_at = match item.get(EXPIRES_AT) {
        None => None,
        Some(_) => Some(Timestamp::from_millis(number(item, EXPIRES_AT)?)),
    };
    Ok(ApiKey {
        name: text(item, NAME)?.to_owned(),
        features: Feature::ALL.into_iter().filter(offered).collect(),
        expires_at,
        revoked: *item.get(REVOKED).and_then(|value| value.as_bool().ok()).ok_or(Broken(REVOKED))?,
    })
}

fn hex(hash: &KeyHash) -> String {
    hash.0.iter().map(|byte| format!("{byte:02x}")).collect()
}
