//! The import logs: one item each, opened by one conditional write and closed by another, because what an import costs
//! here is what it costs at all.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use people_core::error::StoreError;
use people_core::id::ImportId;
use people_core::log::{Answer, ImportLog, State};
use people_core::person::PersonKey;
use people_core::ports::{Clock, Imports, IndexEntry, Opened};
use people_core::shown::Shown;
use people_core::time::Timestamp;

use super::expression::{names, values};
use super::item::{Broken, EXPIRES, Item, is_expired, item, n, s, text};
use super::packed::{pack, unpack};
use super::person_index::PersonIndex;
use super::tables::Tables;
use crate::aws::dynamodb_failed;

/// The month of the import and a shard; the request id.
pub(super) const KEY: [&str; 2] = [PARTITION, REQUEST_ID];
const PARTITION: &str = "partition";
const REQUEST_ID: &str = "requestId";
const RECEIVED_AT: &str = "receivedAt";
const KEY_NAME: &str = "keyName";
const STATE: &str = "state";
const PARTS: &str = "parts";
const SUCCEEDED: &str = "succeeded";
/// Everything about the parts, for programs.
const LOG: &str = "log";
/// Which call opened the log, so that a call whose answer was lost knows itself again.
const OPENED_BY: &str = "openedBy";
/// How many partitions a month has: a power of two.
const SHARDS: u8 = 8;

const OPEN: &str = "open an import log";
const CLOSE: &str = "close an import log";
const FIND: &str = "find an import log";

/// The import logs and the person index in DynamoDB.
#[derive(Clone)]
pub struct DynamoImports {
    client: Client,
    table: String,
    index: PersonIndex,
    clock: Arc<dyn Clock>,
    kept: Duration,
}

impl DynamoImports {
    /// How long a log is kept unless somebody decides otherwise: 90 days.
    pub const KEPT: Duration = Duration::from_secs(90 * 24 * 60 * 60);

    /// The logs in these tables; a log and its entries in the person index expire when they have been `kept` that long.
    pub fn new(client: Client, tables: &Tables, clock: Arc<dyn Clock>, kept: Duration) -> DynamoImports {
        let index = PersonIndex::new(client.clone(), tables.person_index.clone(), clock.clone());
        DynamoImports { client, table: tables.imports.clone(), index, clock, kept }
    }

    fn expires(&self, log: &ImportLog) -> i64 {
        log.received_at.plus(self.kept).seconds()
    }

    async fn put_new(&self, log: &ImportLog) -> Result<Opened, StoreError> {
        let opened_by = random()?;
        let mut new = key(log.id);
        new.extend(item([
            (RECEIVED_AT, s(log.received_at.to_rfc3339())),
            (KEY_NAME, s(log.key_name.as_str())),
            (STATE, s(state_text(log.state))),
            (PARTS, n(log.parts.len())),
            (SUCCEEDED, n(log.succeeded())),
            (LOG, s(pack(log)?)),
            (OPENED_BY, s(opened_by.as_str())),
            (EXPIRES, n(self.expires(log))),
        ]));
        let request = self.client.put_item().table_name(&self.table).set_item(Some(new));
        let request = request
            .condition_expression("attribute_not_exists(#partition)")
            .set_expression_attribute_names(names([PARTITION]))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match request.send().await {
            Ok(_) => Ok(Opened::New),
            Err(error) => match error.as_service_error() {
                Some(
                    aws_sdk_dynamodb::operation::put_item::PutItemError::ConditionalCheckFailedException(
                        before,
                    ),
                ) => {
                    // The SDK sends a call again when its answer was lost: then we stand in our own way.
                    let ours = before.item().is_some_and(|item| text(item, OPENED_BY) == Ok(&opened_by));
                    Ok(if ours { Opened::New } else { Opened::Before })
                }
                _ => Err(dynamodb_failed(OPEN, &error)),
            },
        }
    }
}

#[async_trait]
impl Imports for DynamoImports {
    async fn open(&self, log: &ImportLog) -> Result<Opened, StoreError> {
        self.put_new(log).await
    }

    async fn index(&self, entries: &[IndexEntry]) -> Result<(), StoreError> {
        self.index.put(entries, self.clock.now().plus(self.kept).seconds()).await
    }

    /// Fails where the log is not open: it is missing, or was closed with another content.
    async fn close(&self, log: &ImportLog) -> Result<(), StoreError> {
        let packed = pack(log)?;
        let request = self.client.update_item().table_name(&self.table).set_key(Some(key(log.id)));
        let request = request
            .update_expression("SET #state = :state, #succeeded = :succeeded, #log = :log")
            .condition_expression("#state = :running")
            .set_expression_attribute_names(names([STATE, SUCCEEDED, LOG]))
            .set_expression_attribute_values(values([
                (STATE, s(state_text(log.state))),
                (SUCCEEDED, n(log.succeeded())),
                (LOG, s(packed.as_str())),
                ("running", s(state_text(State::Running))),
            ]))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let Err(error) = request.send().await else { return Ok(()) };
        match error.as_service_error() {
            Some(
                aws_sdk_dynamodb::operation::update_item::UpdateItemError::ConditionalCheckFailedException(
                    before,
                ),
            ) => match before.item() {
                None => Err(StoreError::new(CLOSE, "it was never opened")),
                // The same close once more, after an answer that was lost.
                Some(item)
                    if text(item, LOG) == Ok(&packed) && text(item, STATE) == Ok(state_text(log.state)) =>
                {
                    Ok(())
                }
                Some(_) => Err(StoreError::new(CLOSE, "it was closed before, with another content")),
            },
            _ => Err(dynamodb_failed(CLOSE, &error)),
        }
    }

    async fn find(&self, id: ImportId) -> Result<Option<ImportLog>, StoreError> {
        let request = self.client.get_item().table_name(&self.table).set_key(Some(key(id)));
        let answer = request.consistent_read(true).send().await;
        let answer = answer.map_err(|error| dynamodb_failed(FIND, &error))?;
        match answer.item {
            Some(item) if !is_expired(&item, self.clock.now()) => read(id, &item).map(Some),
            _ => Ok(None),
        }
    }

    async fn of_person(&self, person: &PersonKey) -> Result<Vec<IndexEntry>, StoreError> {
        self.index.of_person(person).await
    }
}

fn read(id: ImportId, item: &Item) -> Result<ImportLog, StoreError> {
    let attribute = |name| text(item, name).map_err(|broken| broken.during(FIND));
    let log = unpack(attribute(LOG)?).map_err(|damaged| StoreError::new(FIND, damaged))?;
    let state = attribute(STATE)?;
    Ok(ImportLog {
        id,
        received_at: log.received_at,
        key_name: Shown::new(attribute(KEY_NAME)?),
        state: STATES
            .into_iter()
            .find(|known| state_text(*known) == state)
            .ok_or_else(|| Broken(STATE).during(FIND))?,
        fault: log.fault,
        parts: log.parts,
        names_targets: log.names_targets,
        form: log.form,
    })
}

const STATES: [State; 6] = [
    State::Running,
    State::Ended(Answer::Succeeded),
    State::Ended(Answer::PartlyFailed),
    State::Ended(Answer::Failed),
    State::Ended(Answer::TooManyParts),
    State::Ended(Answer::StoreFailed),
];

fn state_text(state: State) -> &'static str {
    match state {
        State::Running => "running",
        State::Ended(Answer::Succeeded) => "succeeded",
        State::Ended(Answer::PartlyFailed) => "partly-failed",
        State::Ended(Answer::Failed) => "failed",
        State::Ended(Answer::TooManyParts) => "too-many-parts",
        State::Ended(Answer::StoreFailed) => "store-failed",
    }
}

/// Where a log is: the month that its id was made in, spread over the shards by the id's last bits, which are random.
fn key(id: ImportId) -> Item {
    let made = Timestamp::from_millis(i64::try_from(id.millis()).unwrap_or(i64::MAX)).to_log_text();
    // An id that somebody thought up may be from a year that has no text; nothing is stored under it.
    let month = made.get(..7).unwrap_or("never");
    let shard = id.as_bytes()[15] % SHARDS;
    item([(PARTITION, s(format!("{month}#{shard}"))), (REQUEST_ID, s(id.to_string()))])
}

fn random() -> Result<String, StoreError> {
    let random = getrandom::u64().map_err(|error| StoreError::new(OPEN, error.to_string()))?;
    Ok(format!("{random:016x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_in_the_partition_of_its_month_and_shard() {
        let key = key(ImportId::parse("0192f0c1-7c00-7a3b-8c4d-00010203040d").unwrap());
        assert_eq!(text(&key, PARTITION), Ok("2024-11#5"));
        assert_eq!(text(&key, REQUEST_ID), Ok("0192f0c1-7c00-7a3b-8c4d-00010203040d"));
    }

    #[test]
    fn any_guid_has_a_place() {
        let key = key(ImportId::parse("ffffffff-ffff-ffff-ffff-ffffffffffff").unwrap());
        assert_eq!(text(&key, PARTITION), Ok("never#7"));
    }
}
