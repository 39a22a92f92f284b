//! The imports that have not ended, from the index of those: whoever looks for interrupted ones reads nothing else.

use aws_sdk_dynamodb::Client;
use futures_util::future::try_join_all;
use people_core::error::StoreError;
use people_core::id::ImportId;
use people_core::time::Timestamp;

use super::expression::{names, values};
use super::import_item::{REQUEST_ID, RUNNING, RUNNING_INDEX, SHARDS};
use super::item::{is_expired, s, text};
use crate::aws::dynamodb_failed;

const LIST: &str = "list the imports that have not ended";
/// How much of an id's text is the moment that it was made at.
const MOMENT: usize = "01890a5d-ac96".len();

/// At most `limit` imports that were made before a moment, the oldest first, merged from all shards.
pub(super) async fn unfinished(
    client: &Client,
    table: &str,
    (before, now): (Timestamp, Timestamp),
    limit: usize,
) -> Result<Vec<ImportId>, StoreError> {
    let shards = (0..SHARDS).map(|shard| of_shard(client, table, shard, (before, now), limit));
    let mut ids: Vec<_> = try_join_all(shards).await?.into_iter().flatten().collect();
    ids.sort_unstable();
    ids.truncate(limit);
    Ok(ids)
}

async fn of_shard(
    client: &Client,
    table: &str,
    shard: u8,
    (before, now): (Timestamp, Timestamp),
    limit: usize,
) -> Result<Vec<ImportId>, StoreError> {
    // Of ids that begin alike, the longer text is the larger one.
    let before = ImportId::new(before, [0; 10]).to_string();
    let before = before.get(..MOMENT).unwrap_or_default();
    let mut pages = client
        .query()
        .table_name(table)
        .index_name(RUNNING_INDEX.name)
        .key_condition_expression("#running = :shard AND #requestId < :before")
        .set_expression_attribute_names(names([RUNNING, REQUEST_ID]))
        .set_expression_attribute_values(values([("shard", s(shard.to_string())), ("before", s(before))]))
        .limit(i32::try_from(limit).unwrap_or(i32::MAX).max(1))
        .into_paginator()
        .send();
    let mut ids = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| dynamodb_failed(LIST, &error))?;
        for item in page.items.unwrap_or_default().iter().filter(|item| !is_expired(item, now)) {
            let id = text(item, REQUEST_ID).map_err(|broken| broken.during(LIST))?;
            ids.extend(ImportId::parse(id));
        }
        if ids.len() >= limit {
            break;
        }
    }
    Ok(ids)
}
