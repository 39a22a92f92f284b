//! Some of the import logs of a span of time, whole. Ids end in random bits, which decide on the shard: what is in one shard
//! is a fair sample of all, and as many shards are read as it takes. Of a shard that has more than it takes, the newest are
//! read.

use aws_sdk_dynamodb::Client;
use people_core::error::StoreError;
use people_core::id::ImportId;
use people_core::log::ImportLog;
use people_core::time::Timestamp;

use super::expression::{names, values};
use super::import_item::{PARTITION, REQUEST_ID, SHARDS, month, partition};
use super::imports::read;
use super::item::{Item, is_expired, s, text};
use crate::aws::dynamodb_failed;

const SAMPLE: &str = "read some import logs";

/// The logs that there are at a moment.
pub(super) struct Sampling<'a> {
    pub(super) client: &'a Client,
    pub(super) table: &'a str,
    pub(super) now: Timestamp,
}

impl Sampling<'_> {
    /// At most `limit` logs of imports made from one moment on and before another. For a span within a month it asks for at
    /// most one page (1 MB) of each of the 8 shards, and reads no more than `limit` items in all; for a longer one, of each
    /// shard of its first and of its last month.
    pub(super) async fn logs(
        &self,
        (from, to): (Timestamp, Timestamp),
        limit: usize,
    ) -> Result<Vec<ImportLog>, StoreError> {
        let mut logs = Vec::new();
        let mut left = limit;
        for partition in partitions(from, to) {
            if left == 0 || to <= from {
                break;
            }
            let items = self.page(&partition, (from, to), left).await?;
            left = left.saturating_sub(items.len());
            logs.extend(items.iter().filter_map(|item| self.log(item)));
        }
        Ok(logs)
    }

    /// The newest ones of a partition. It may be read as it was a moment ago, which costs half.
    async fn page(
        &self,
        partition: &str,
        (from, to): (Timestamp, Timestamp),
        limit: usize,
    ) -> Result<Vec<Item>, StoreError> {
        let last = Timestamp::from_millis(to.millis() - 1);
        let (first, last) = (ImportId::new(from, [0; 10]), ImportId::new(last, [u8::MAX; 10]));
        let answer = self
            .client
            .query()
            .table_name(self.table)
            .key_condition_expression("#partition = :partition AND #requestId BETWEEN :first AND :last")
            .set_expression_attribute_names(names([PARTITION, REQUEST_ID]))
            .set_expression_attribute_values(values([
                ("partition", s(partition)),
                ("first", s(first.to_string())),
                ("last", s(last.to_string())),
            ]))
            .scan_index_forward(false)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX));
        let answer = answer.send().await.map_err(|error| dynamodb_failed(SAMPLE, &error))?;
        Ok(answer.items.unwrap_or_default())
    }

    /// One that cannot be read does not hide the others.
    fn log(&self, item: &Item) -> Option<ImportLog> {
        if is_expired(item, self.now) {
            return None;
        }
        let id = text(item, REQUEST_ID).unwrap_or_default();
        let log = ImportId::parse(id).map(|id| read(id, item, SAMPLE))?;
        log.inspect_err(|broken| {
            tracing::error!(import.id = id, error = %broken, "import {id} is left out of a sample");
        })
        .ok()
    }
}

/// Every shard of the months of a span. The shard to begin with changes from hour to hour, so that none is asked most.
fn partitions(from: Timestamp, to: Timestamp) -> Vec<String> {
    let mut months = vec![month(from), month(Timestamp::from_millis(to.millis() - 1))];
    months.dedup();
    let first = (from.seconds() / 3600).rem_euclid(i64::from(SHARDS));
    let first = u8::try_from(first).unwrap_or_default();
    let shards = (0..SHARDS).map(|shard| (first + shard) % SHARDS);
    shards.flat_map(|shard| months.iter().map(move |month| partition(month, shard))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shard_is_asked_and_another_one_first_each_hour() {
        let hour = |hour: i64| Timestamp::from_millis(hour * 3_600_000);
        let first = partitions(hour(8), hour(9));
        let second = partitions(hour(9), hour(10));
        assert_eq!((first[0].as_str(), first[7].as_str(), first.len()), ("1970-01#0", "1970-01#7", 8));
        assert_eq!((second[0].as_str(), second[7].as_str(), second.len()), ("1970-01#1", "1970-01#0", 8));
        let both = partitions(hour(0), hour(31 * 24 + 1));
        assert_eq!((both[0].as_str(), both[1].as_str(), both.len()), ("1970-01#0", "1970-02#0", 16));
        assert_eq!(partitions(hour(0), hour(31 * 24)).len(), 8, "the end is not part of it");
    }
}
