//! Many items in few requests. DynamoDB may leave a part of a batch undone when it is busy; that part is sent again, a
//! few times, ever more slowly and at random moments, so that a caller sees all or an error.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::builders::KeysAndAttributesBuilder;
use aws_sdk_dynamodb::types::{DeleteRequest, KeysAndAttributes, PutRequest, WriteRequest};
use futures_util::{StreamExt, TryStreamExt, stream};
use people_core::error::StoreError;
use people_core::ports::Clock;

use super::item::{Item, item, s, text};
use crate::aws::dynamodb_failed;

/// The most items that one request writes, and reads: limits of DynamoDB.
const WRITES: usize = 25;
const READS: usize = 100;
/// How many requests of one batch are on their way at once.
const AT_ONCE: usize = 8;
/// How often the rest of a request is sent again, and how long is waited at most before the first time; then twice as
/// long.
const REPEATS: u32 = 7;
const FIRST_WAIT: Duration = Duration::from_millis(25);

/// One table, in batches.
#[derive(Clone)]
pub(super) struct Batches {
    pub(super) client: Client,
    pub(super) table: String,
    pub(super) clock: Arc<dyn Clock>,
}

impl Batches {
    /// Puts and deletes items. No two may have the same key.
    pub(super) async fn write(
        &self,
        action: &'static str,
        requests: Vec<WriteRequest>,
    ) -> Result<(), StoreError> {
        let chunks: Vec<_> = requests.chunks(WRITES).map(<[_]>::to_vec).collect();
        stream::iter(chunks)
            .map(|chunk| self.write_chunk(action, chunk))
            .buffer_unordered(AT_ONCE)
            .try_collect::<Vec<()>>()
            .await
            .map(drop)
    }

    async fn write_chunk(&self, action: &'static str, chunk: Vec<WriteRequest>) -> Result<(), StoreError> {
        let mut rest = HashMap::from([(self.table.clone(), chunk)]);
        for request in 0..=REPEATS {
            self.wait_before(request).await;
            let answer = self.client.batch_write_item().set_request_items(Some(rest)).send().await;
            let answer = answer.map_err(|error| dynamodb_failed(action, &error))?;
            rest = answer.unprocessed_items.unwrap_or_default();
            rest.retain(|_, requests| !requests.is_empty());
            if rest.is_empty() {
                return Ok(());
            }
        }
        Err(StoreError::new(action, "DynamoDB left items unwritten, again and again"))
    }

    /// The items with these values of the table's one key attribute, by that value; those that are not there are left
    /// out. No value may be there twice.
    pub(super) async fn read(
        &self,
        action: &'static str,
        key: &'static str,
        values: Vec<String>,
        consistent: bool,
    ) -> Result<HashMap<String, Item>, StoreError> {
        let keys = values.into_iter().map(|value| item([(key, s(value))])).collect();
        let items = self.read_items(action, keys, consistent).await?;
        let keyed = items.into_iter().map(|item| Ok((text(&item, key)?.to_owned(), item)));
        keyed.collect::<Result<_, _>>().map_err(|broken: super::item::Broken| broken.during(action))
    }

    /// The items with these keys, in any order; those that are not there are left out. No key may be there twice.
    pub(super) async fn read_items(
        &self,
        action: &'static str,
        keys: Vec<Item>,
        consistent: bool,
    ) -> Result<Vec<Item>, StoreError> {
        self.read_all(action, keys, KeysAndAttributes::builder().consistent_read(consistent)).await
    }

    /// The same of these attributes alone, as they are now.
    pub(super) async fn read_attributes(
        &self,
        action: &'static str,
        keys: Vec<Item>,
        attributes: &[&str],
    ) -> Result<Vec<Item>, StoreError> {
        let mut wanted = KeysAndAttributes::builder().consistent_read(true);
        for name in attributes {
            wanted = wanted.expression_attribute_names(format!("#{name}"), *name);
        }
        let projected: Vec<_> = attributes.iter().map(|name| format!("#{name}")).collect();
        self.read_all(action, keys, wanted.projection_expression(projected.join(", "))).await
    }

    async fn read_all(
        &self,
        action: &'static str,
        keys: Vec<Item>,
        wanted: KeysAndAttributesBuilder,
    ) -> Result<Vec<Item>, StoreError> {
        let chunks: Vec<_> = keys.chunks(READS).map(<[_]>::to_vec).collect();
        stream::iter(chunks)
            .map(|chunk| self.read_chunk(action, wanted.clone().set_keys(Some(chunk))))
            .buffer_unordered(AT_ONCE)
            .try_concat()
            .await
    }

    async fn read_chunk(
        &self,
        action: &'static str,
        wanted: KeysAndAttributesBuilder,
    ) -> Result<Vec<Item>, StoreError> {
        let wanted = wanted.build().map_err(|error| StoreError::new(action, error))?;
        let mut rest = HashMap::from([(self.table.clone(), wanted)]);
        let mut items = Vec::new();
        for request in 0..=REPEATS {
            self.wait_before(request).await;
            let answer = self.client.batch_get_item().set_request_items(Some(rest)).send().await;
            let answer = answer.map_err(|error| dynamodb_failed(action, &error))?;
            items.extend(answer.responses.unwrap_or_default().into_values().flatten());
            rest = answer.unprocessed_keys.unwrap_or_default();
            rest.retain(|_, keys| !keys.keys().is_empty());
            if rest.is_empty() {
                return Ok(items);
            }
        }
        Err(StoreError::new(action, "DynamoDB left items unread, again and again"))
    }

    /// The first request waits for nothing.
    async fn wait_before(&self, request: u32) {
        let Some(doublings) = request.checked_sub(1) else { return };
        self.clock.sleep_until(self.clock.now().plus(pause(doublings))).await;
    }
}

/// How long is waited before a request is sent again that was turned away: at most [`FIRST_WAIT`], so many times doubled.
pub(super) fn pause(doublings: u32) -> Duration {
    // Without randomness the wait is the longest: it is right still, only not spread.
    wait(doublings, getrandom::u32().map_or(u8::MAX, |random| random.to_le_bytes()[0]))
}

/// From half of the longest wait to all of it: chunks that were turned away together do not come back together.
fn wait(doublings: u32, random: u8) -> Duration {
    let longest = FIRST_WAIT * 2u32.pow(doublings);
    longest / 2 + longest / 2 * u32::from(random) / u32::from(u8::MAX)
}

/// The request that puts an item.
pub(super) fn put(item: Item) -> Option<WriteRequest> {
    let put = PutRequest::builder().set_item(Some(item)).build().ok()?;
    Some(WriteRequest::builder().put_request(put).build())
}

/// The request that deletes the item with this key.
pub(super) fn delete(key: Item) -> Option<WriteRequest> {
    let delete = DeleteRequest::builder().set_key(Some(key)).build().ok()?;
    Some(WriteRequest::builder().delete_request(delete).build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_anything_from_half_of_the_longest_to_all_of_it() {
        let micros = |doublings, random| wait(doublings, random).as_micros();
        assert_eq!((micros(0, 0), micros(0, u8::MAX)), (12_500, 25_000));
        assert_eq!((micros(6, 0), micros(6, u8::MAX)), (800_000, 1_600_000));
        assert!(micros(6, 100) > micros(6, 99));
    }
}
