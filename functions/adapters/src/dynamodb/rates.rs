//! Counts of how often things happen, in the table of the leases: they end by themselves like those, and what is counted may
//! name a key or a caller, so that the table has only its hash.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::ReturnValue;
use people_core::error::StoreError;
use people_core::ports::{Clock, Rates};
use people_core::time::Timestamp;

use super::expression::{names, values};
use super::item::{EXPIRES, n, number, s};
use super::leases::{LEASE, NOW, UNTIL, hashed};
use super::tables::Tables;
use crate::aws::{dynamodb_failed, once_within};

const COUNT: &str = "count";
const ONE: &str = "one";

const ACTION: &str = "count what happens";
/// How long whoever counts waits at most for each of its writes.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often it is tried where others begin the same count anew at the same time.
const TRIES: usize = 3;

/// Counts in DynamoDB, by one write each, and one more for the first after a count has ended. They end by the clock of
/// whoever counts.
#[derive(Clone)]
pub struct DynamoRates {
    client: Client,
    table: String,
    clock: Arc<dyn Clock>,
}

impl DynamoRates {
    /// The counts in these tables.
    pub fn new(client: Client, tables: &Tables, clock: Arc<dyn Clock>) -> DynamoRates {
        DynamoRates { client, table: tables.leases.clone(), clock }
    }

    /// The number that this write makes, unless its condition does not hold.
    async fn write(&self, request: UpdateItemFluentBuilder) -> Result<Option<u64>, StoreError> {
        let request = request.return_values(ReturnValue::UpdatedNew);
        let answer = match request.customize().config_override(once_within(PATIENCE)).send().await {
            Ok(answer) => answer,
            Err(error)
                if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(dynamodb_failed(ACTION, &error)),
        };
        let count = number(&answer.attributes.unwrap_or_default(), COUNT);
        count.map(Some).map_err(|broken| broken.during(ACTION))
    }

    /// One more, where the count has not ended.
    fn more(&self, name: &str, until: Timestamp) -> UpdateItemFluentBuilder {
        self.update(name, until)
            .update_expression(
                "SET #until = if_not_exists(#until, :until), #expires = if_not_exists(#expires, :expires) \
                 ADD #count :one",
            )
            .condition_expression("attribute_not_exists(#lease) OR #until > :now")
            .set_expression_attribute_names(names([LEASE, UNTIL, EXPIRES, COUNT]))
    }

    /// The first one, where the count has ended.
    fn first(&self, name: &str, until: Timestamp) -> UpdateItemFluentBuilder {
        self.update(name, until)
            .update_expression("SET #until = :until, #expires = :expires, #count = :one")
            .condition_expression("#until <= :now")
            .set_expression_attribute_names(names([UNTIL, EXPIRES, COUNT]))
    }

    fn update(&self, name: &str, until: Timestamp) -> UpdateItemFluentBuilder {
        let request = self.client.update_item().table_name(&self.table).key(LEASE, s(counted(name)));
        request.set_expression_attribute_values(values([
            (UNTIL, n(until.millis())),
            // In whole seconds, and not before the count ends.
            (EXPIRES, n(until.plus(Duration::from_secs(1)).seconds())),
            (NOW, n(self.clock.now().millis())),
            (ONE, n(1)),
        ]))
    }
}

#[async_trait]
impl Rates for DynamoRates {
    async fn count(&self, name: &str, until: Timestamp) -> Result<u64, StoreError> {
        for _ in 0..TRIES {
            if let Some(count) = self.write(self.more(name, until)).await? {
                return Ok(count);
            }
            if let Some(count) = self.write(self.first(name, until)).await? {
                return Ok(count);
            }
        }
        Err(StoreError::new(ACTION, "others counted by another time"))
    }
}

/// Where a count is: no lease of the same name is in its way.
fn counted(name: &str) -> String {
    format!("C#{}", hashed(name))
}
