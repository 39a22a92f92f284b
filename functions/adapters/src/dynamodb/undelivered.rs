//! The updates that have not arrived yet, in a table of their own, because they are the only values of people's fields that
//! are kept at all: only those who deliver may read it, and everybody else its index.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use futures_util::future::try_join_all;
use people_core::error::StoreError;
use people_core::id::ImportId;
use people_core::ports::{Clock, Undelivered, WaitingPage};
use people_core::time::Timestamp;
use people_core::undelivered::{Kept, Place, Waiting};

use super::batch::{Batches, delete, put};
use super::expression::{names, values};
use super::item::{EXPIRES, is_expired, n, s};
use super::tables::Tables;
use super::undelivered_item::{
    DUE, KEY, NEXT_AT, REQUEST_ID, SHARDS, SHOWN, due, key, read, read_waiting, readable, write,
};
use super::undelivered_list::{Waitlist, count};
use crate::aws::dynamodb_failed;

const KEEP: &str = "keep updates that have not arrived";
const GET: &str = "read updates that have not arrived";
const REMOVE: &str = "remove updates that have arrived";
const DUE_NOW: &str = "have updates tried again that have not arrived";
const OF_IMPORT: &str = "list what has not arrived of an import";

/// The updates that wait in DynamoDB. The list and the count read the index by due time alone.
#[derive(Clone)]
pub struct DynamoUndelivered(Batches);

impl DynamoUndelivered {
    /// The updates in these tables.
    pub fn new(client: Client, tables: &Tables, clock: Arc<dyn Clock>) -> DynamoUndelivered {
        DynamoUndelivered(Batches { client, table: tables.undelivered.clone(), clock })
    }
}

impl DynamoUndelivered {
    /// Whether something is kept at this place; it is due then.
    async fn make_due(&self, place: &Place, at: Timestamp) -> Result<bool, StoreError> {
        let request = self.0.client.update_item().table_name(&self.0.table).set_key(Some(key(place)));
        let request = request
            .update_expression("SET #due = :due, #nextAt = :nextAt")
            .condition_expression("attribute_exists(#requestId) AND #expires > :now")
            .set_expression_attribute_names(names([DUE, NEXT_AT, REQUEST_ID, EXPIRES]))
            .set_expression_attribute_values(values([
                (DUE, s(due(at, place))),
                (NEXT_AT, n(at.millis())),
                ("now", n(self.0.clock.now().seconds())),
            ]));
        match request.send().await {
            Ok(_) => Ok(true),
            Err(error)
                if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) =>
            {
                Ok(false)
            }
            Err(error) => Err(dynamodb_failed(DUE_NOW, &error)),
        }
    }
}

#[async_trait]
impl Undelivered for DynamoUndelivered {
    /// Where it fails, some may be kept and others not; keeping them again does no harm.
    async fn keep(&self, updates: &[Kept]) -> Result<(), StoreError> {
        let by_place: BTreeMap<&Place, &Kept> =
            updates.iter().map(|kept| (&kept.waiting.place, kept)).collect();
        self.0.write(KEEP, by_place.into_values().filter_map(|kept| put(write(kept))).collect()).await
    }

    async fn get(&self, places: &[Place]) -> Result<Vec<Kept>, StoreError> {
        let places: BTreeSet<&Place> = places.iter().collect();
        let items = self.0.read_items(GET, places.into_iter().map(key).collect(), true).await?;
        let now = self.0.clock.now();
        let living = items.iter().filter(|item| !is_expired(item, now));
        Ok(living.filter_map(|item| readable(item, read)).collect())
    }

    async fn remove(&self, places: &[Place]) -> Result<(), StoreError> {
        let places: BTreeSet<&Place> = places.iter().collect();
        self.0.write(REMOVE, places.into_iter().filter_map(|place| delete(key(place))).collect()).await
    }

    async fn list(&self, page: &WaitingPage) -> Result<Vec<Waiting>, StoreError> {
        let (client, table, now) = (&self.0.client, self.0.table.as_str(), self.0.clock.now());
        Waitlist { client, table, now, page }.read().await
    }

    /// Reads the table as it is now, but no update of it.
    async fn of_import(&self, import: ImportId) -> Result<Vec<Waiting>, StoreError> {
        let shown: Vec<_> = KEY.iter().chain(&SHOWN).map(|name| format!("#{name}")).collect();
        let mut referred = names(KEY).unwrap_or_default();
        referred.extend(names(SHOWN).unwrap_or_default());
        let mut pages = self
            .0
            .client
            .query()
            .table_name(&self.0.table)
            .key_condition_expression("#requestId = :requestId")
            .projection_expression(shown.join(", "))
            .set_expression_attribute_names(Some(referred))
            .set_expression_attribute_values(values([(REQUEST_ID, s(import.to_string()))]))
            .consistent_read(true)
            .into_paginator()
            .send();
        let now = self.0.clock.now();
        let mut waiting = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| dynamodb_failed(OF_IMPORT, &error))?;
            let items = page.items.unwrap_or_default();
            let living = items.iter().filter(|item| !is_expired(item, now));
            waiting.extend(living.filter_map(|item| readable(item, read_waiting)));
        }
        Ok(waiting)
    }

    /// One write for each place. What is moved in the index is the item as it is, so that the update is never seen.
    async fn due_now(&self, places: &[Place], now: Timestamp) -> Result<usize, StoreError> {
        let places: BTreeSet<&Place> = places.iter().collect();
        let moved = try_join_all(places.into_iter().map(|place| self.make_due(place, now))).await?;
        Ok(moved.into_iter().filter(|there| *there).count())
    }

    /// Counts what is in the index: one read for each of the shards, or more where very much waits.
    async fn count(&self) -> Result<u64, StoreError> {
        let (client, table, now) = (&self.0.client, self.0.table.as_str(), self.0.clock.now());
        let shards = (0..SHARDS).map(|shard| count(client, table, shard, now));
        Ok(try_join_all(shards).await?.into_iter().sum())
    }
}
