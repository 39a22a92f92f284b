//! The leases: who may do something just now, of all processes. What a lease is about may name a person, so that the table
//! has only its hash.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use people_core::error::StoreError;
use people_core::hex;
use people_core::ports::{Clock, LeaseHolder, Leases};
use people_core::time::Timestamp;
use sha2::{Digest, Sha256};

use super::expression::{names, values};
use super::item::{EXPIRES, item, n, number, s};
use super::tables::Tables;
use crate::aws::dynamodb_failed;

/// The SHA-256 of a lease's name, in hex; an announcement has a prefix, and so has a count (`rates.rs`).
pub(super) const KEY: [&str; 1] = [LEASE];
pub(super) const LEASE: &str = "lease";
const HOLDER: &str = "holder";
/// When the lease ends, in milliseconds since 1970.
pub(super) const UNTIL: &str = "until";
pub(super) const NOW: &str = "now";

const TAKE: &str = "take a lease";
const GIVE_BACK: &str = "give a lease back";
const ANNOUNCE: &str = "announce what goes on";
const IS_ANNOUNCED: &str = "ask what goes on";

/// The leases in DynamoDB, each by one conditional write. They end by the clock of whoever asks for one, so that clocks
/// that differ shorten or lengthen a lease by as much.
#[derive(Clone)]
pub struct DynamoLeases {
    client: Client,
    table: String,
    clock: Arc<dyn Clock>,
}

impl DynamoLeases {
    /// The leases in these tables.
    pub fn new(client: Client, tables: &Tables, clock: Arc<dyn Clock>) -> DynamoLeases {
        DynamoLeases { client, table: tables.leases.clone(), clock }
    }
}

#[async_trait]
impl Leases for DynamoLeases {
    async fn take(&self, name: &str, holder: &LeaseHolder, until: Timestamp) -> Result<bool, StoreError> {
        let lease = item([
            (LEASE, s(hashed(name))),
            (HOLDER, s(holder.0.as_str())),
            (UNTIL, n(until.millis())),
            // In whole seconds, and not before the lease ends.
            (EXPIRES, n(until.plus(Duration::from_secs(1)).seconds())),
        ]);
        let request = self.client.put_item().table_name(&self.table).set_item(Some(lease));
        // Where the answer was lost and the SDK sends the call again, the holder meets its own lease.
        let request = request
            .condition_expression("attribute_not_exists(#lease) OR #holder = :holder OR #until <= :now")
            .set_expression_attribute_names(names([LEASE, HOLDER, UNTIL]))
            .set_expression_attribute_values(values([
                (HOLDER, s(holder.0.as_str())),
                (NOW, n(self.clock.now().millis())),
            ]));
        match request.send().await {
            Ok(_) => Ok(true),
            Err(error)
                if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) =>
            {
                Ok(false)
            }
            Err(error) => Err(dynamodb_failed(TAKE, &error)),
        }
    }

    async fn give_back(&self, name: &str, holder: &LeaseHolder) -> Result<(), StoreError> {
        let request = self.client.delete_item().table_name(&self.table).key(LEASE, s(hashed(name)));
        let request = request
            .condition_expression("#holder = :holder")
            .set_expression_attribute_names(names([HOLDER]))
            .set_expression_attribute_values(values([(HOLDER, s(holder.0.as_str()))]));
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error)
                if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) =>
            {
                Ok(())
            }
            Err(error) => Err(dynamodb_failed(GIVE_BACK, &error)),
        }
    }

    async fn announce(&self, name: &str, until: Timestamp) -> Result<(), StoreError> {
        let request = self.client.update_item().table_name(&self.table).key(LEASE, s(announced(name)));
        // Where somebody has announced it for longer, nothing is to be done.
        let request = request
            .update_expression("SET #until = :until, #expires = :expires")
            .condition_expression("attribute_not_exists(#lease) OR #until < :until")
            .set_expression_attribute_names(names([LEASE, UNTIL, EXPIRES]))
            .set_expression_attribute_values(values([
                (UNTIL, n(until.millis())),
                (EXPIRES, n(until.plus(Duration::from_secs(1)).seconds())),
            ]));
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error)
                if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) =>
            {
                Ok(())
            }
            Err(error) => Err(dynamodb_failed(ANNOUNCE, &error)),
        }
    }

    async fn is_announced(&self, name: &str) -> Result<bool, StoreError> {
        let request = self.client.get_item().table_name(&self.table).key(LEASE, s(announced(name)));
        let answer = request.consistent_read(true).send().await;
        let Some(item) = answer.map_err(|error| dynamodb_failed(IS_ANNOUNCED, &error))?.item else {
            return Ok(false);
        };
        let until: i64 = number(&item, UNTIL).map_err(|broken| broken.during(IS_ANNOUNCED))?;
        Ok(until > self.clock.now().millis())
    }
}

/// Where an announcement is: no lease of the same name is in its way.
fn announced(name: &str) -> String {
    format!("A#{}", hashed(name))
}

/// A name as the table has it.
pub(super) fn hashed(name: &str) -> String {
    hex::encode(&Sha256::digest(name))
}
