//! The API keys, by hash: somebody who reads this table can use none of them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::RequestId;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use people_core::error::StoreError;
use people_core::hex;
use people_core::ports::{ApiKey, Clock, Created, Feature, KeyHash, Keys, Revoked};
use people_core::time::Timestamp;

use super::expression::{names, values};
use super::item::{Broken, EXPIRES, Item, is_expired, item, n, number, s, text};
use super::tables::Tables;
use crate::aws::{dynamodb_failed, once_within};

/// The hash, in hex.
pub(super) const KEY: [&str; 1] = [HASH];
const HASH: &str = "hash";
const NAME: &str = "name";
const FEATURES: &str = "features";
const CREATED: &str = "created";
const REVOKED: &str = "revoked";
/// The beginning of the hour in which the key was last used, in milliseconds since 1970; absent before the first use.
const LAST_USED: &str = "lastUsed";
/// When the key stops working, in milliseconds since 1970.
const EXPIRES_AT: &str = "expiresAt";
/// How long a key that stopped working can still be seen.
const SHOWN_AFTERWARDS: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// How long a caller waits at most for a note that their key was used.
const NOTE: Duration = Duration::from_secs(1);

const FIND: &str = "find an API key";
const CREATE: &str = "store an API key";
const LIST: &str = "list the API keys";
const REVOKE: &str = "revoke an API key";
const USED: &str = "note that an API key was used";

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

    /// Administrators use keys where the table may be missing, and have to be told which.
    fn failed<E, R>(&self, action: &'static str, error: &SdkError<E, R>) -> StoreError
    where
        E: ProvideErrorMetadata,
        SdkError<E, R>: RequestId,
    {
        if error.as_service_error().and_then(|answer| answer.code()) == Some("ResourceNotFoundException") {
            return StoreError::new(action, format!("there is no table {}", self.table));
        }
        dynamodb_failed(action, error)
    }

    fn visible(&self, item: &Item, action: &'static str) -> Result<Option<ApiKey>, StoreError> {
        if is_expired(item, self.clock.now()) {
            return Ok(None);
        }
        read(item).map(Some).map_err(|broken| broken.during(action))
    }
}

#[async_trait]
impl Keys for DynamoKeys {
    /// The key, also for 90 days after it stopped working.
    async fn find(&self, hash: &KeyHash) -> Result<Option<ApiKey>, StoreError> {
        let request = self.client.get_item().table_name(&self.table).key(HASH, s(hex::encode(&hash.0)));
        let answer = request.consistent_read(true).send().await;
        match answer.map_err(|error| self.failed(FIND, &error))?.item {
            Some(item) => self.visible(&item, FIND),
            None => Ok(None),
        }
    }

    async fn create(&self, key: &ApiKey) -> Result<Created, StoreError> {
        let new = write(key);
        let request = self.client.put_item().table_name(&self.table).set_item(Some(new.clone()));
        let request = request
            .condition_expression("attribute_not_exists(#hash)")
            .set_expression_attribute_names(names([HASH]))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let Err(error) = request.send().await else { return Ok(Created::New) };
        match error.as_service_error() {
            // The SDK sends a call again when its answer was lost: then we stand in our own way.
            Some(PutItemError::ConditionalCheckFailedException(before)) => {
                let ours = before.item().is_some_and(|item| read(item) == read(&new));
                Ok(if ours { Created::New } else { Created::Before })
            }
            _ => Err(self.failed(CREATE, &error)),
        }
    }

    /// Reads the whole table, which is small: it is for administrators, never for a request.
    async fn list(&self) -> Result<Vec<ApiKey>, StoreError> {
        let mut keys = Vec::new();
        let mut next = None;
        loop {
            let request = self.client.scan().table_name(&self.table).set_exclusive_start_key(next);
            let answer = request.consistent_read(true).send().await;
            let page = answer.map_err(|error| self.failed(LIST, &error))?;
            for item in page.items() {
                match self.visible(item, LIST) {
                    Ok(key) => keys.extend(key),
                    Err(error) => tracing::warn!(%error, "a key is left out of the list"),
                }
            }
            next = page.last_evaluated_key;
            if next.is_none() {
                break;
            }
        }
        keys.sort_by_key(|key| (key.created_at, key.hash.0));
        Ok(keys)
    }

    async fn revoke(&self, hash: &KeyHash) -> Result<Revoked, StoreError> {
        let request = self.client.update_item().table_name(&self.table).key(HASH, s(hex::encode(&hash.0)));
        let request = request
            .update_expression("SET #revoked = :revoked")
            .condition_expression("attribute_exists(#hash)")
            .set_expression_attribute_names(names([HASH, REVOKED]))
            .set_expression_attribute_values(values([(REVOKED, AttributeValue::Bool(true))]));
        match request.send().await {
            Ok(_) => Ok(Revoked::Revoked),
            Err(error) if is_refused(&error) => Ok(Revoked::Unknown),
            Err(error) => Err(self.failed(REVOKE, &error)),
        }
    }

    /// One attempt of a second: the caller of a request waits for it.
    async fn used(&self, hash: &KeyHash, hour: Timestamp) -> Result<(), StoreError> {
        let request = self.client.update_item().table_name(&self.table).key(HASH, s(hex::encode(&hash.0)));
        let request = request
            .update_expression("SET #lastUsed = :lastUsed")
            .condition_expression(
                "attribute_exists(#hash) AND (attribute_not_exists(#lastUsed) OR #lastUsed < :lastUsed)",
            )
            .set_expression_attribute_names(names([HASH, LAST_USED]))
            .set_expression_attribute_values(values([(LAST_USED, n(hour.millis()))]));
        match request.customize().config_override(once_within(NOTE)).send().await {
            Ok(_) => Ok(()),
            Err(error) if is_refused(&error) => Ok(()),
            Err(error) => Err(self.failed(USED, &error)),
        }
    }
}

/// Whether the condition of an update did not hold, which is an answer.
fn is_refused<R>(error: &SdkError<aws_sdk_dynamodb::operation::update_item::UpdateItemError, R>) -> bool {
    error.as_service_error().is_some_and(|answer| answer.is_conditional_check_failed_exception())
}

fn write(key: &ApiKey) -> Item {
    let mut item = item([
        (HASH, s(hex::encode(&key.hash.0))),
        (NAME, s(key.name.as_str())),
        (CREATED, s(key.created_at.to_rfc3339())),
        (REVOKED, AttributeValue::Bool(key.revoked)),
    ]);
    // DynamoDB has no empty sets.
    if !key.features.is_empty() {
        let features = key.features.iter().map(|feature| feature.as_str().to_owned()).collect();
        item.insert(FEATURES.to_owned(), AttributeValue::Ss(features));
    }
    if let Some(last_used) = key.last_used {
        item.insert(LAST_USED.to_owned(), n(last_used.millis()));
    }
    if let Some(expires_at) = key.expires_at {
        item.insert(EXPIRES_AT.to_owned(), n(expires_at.millis()));
        item.insert(EXPIRES.to_owned(), n(expires_at.plus(SHOWN_AFTERWARDS).seconds()));
    }
    item
}

/// A feature that this version does not know is one that it does not offer, so it is left out.
fn read(item: &Item) -> Result<ApiKey, Broken> {
    let features = match item.get(FEATURES) {
        None => &[],
        Some(features) => features.as_ss().map_err(|_| Broken(FEATURES))?.as_slice(),
    };
    let offered = |feature: &Feature| features.iter().any(|name| name == feature.as_str());
    Ok(ApiKey {
        hash: KeyHash(hex::decode(text(item, HASH)?).ok_or(Broken(HASH))?),
        name: text(item, NAME)?.to_owned(),
        features: Feature::ALL.into_iter().filter(offered).collect(),
        created_at: Timestamp::from_rfc3339(text(item, CREATED)?).ok_or(Broken(CREATED))?,
        last_used: moment(item, LAST_USED)?,
        expires_at: moment(item, EXPIRES_AT)?,
        revoked: *item.get(REVOKED).and_then(|value| value.as_bool().ok()).ok_or(Broken(REVOKED))?,
    })
}

/// A moment in milliseconds that may be absent.
fn moment(item: &Item, name: &'static str) -> Result<Option<Timestamp>, Broken> {
    match item.get(name) {
        None => Ok(None),
        Some(_) => Ok(Some(Timestamp::from_millis(number(item, name)?))),
    }
}
