//! The import logs: one item each, opened by one conditional write and closed by another, because what an import costs
//! here is what it costs at all.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use people_core::error::StoreError;
use people_core::id::ImportId;
use people_core::log::{ImportLog, State};
use people_core::person::PersonKey;
use people_core::ports::{Clock, Imports, IndexEntry, Opened, Page};
use people_core::shown::Shown;
use people_core::summary::Summary;

use super::expression::{names, values};
use super::import_item::{KEY_NAME, PARTITION, RUNNING, STATE, head, key, read_state, standing, state_text};
use super::item::{EXPIRES, Item, is_expired, item, n, s, text};
use super::list::Listing;
use super::packed::{pack, unpack};
use super::person_index::PersonIndex;
use super::tables::Tables;
use crate::aws::dynamodb_failed;

/// Everything about the parts, for programs.
const LOG: &str = "log";
/// Which call opened the log, so that a call whose answer was lost knows itself again.
const OPENED_BY: &str = "openedBy";

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
        let mut new = head(log);
        new.extend(standing(log));
        new.extend(item([
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
        let mut ended = standing(log);
        ended.insert(LOG.to_owned(), s(packed.as_str()));
        let set: Vec<_> = ended.keys().map(|name| format!("#{name} = :{name}")).collect();
        let mut referred = names([RUNNING]).unwrap_or_default();
        referred.extend(ended.keys().map(|name| (format!("#{name}"), name.clone())));
        let mut stored = values([("running", s(state_text(State::Running)))]).unwrap_or_default();
        stored.extend(ended.into_iter().map(|(name, value)| (format!(":{name}"), value)));
        let request = self.client.update_item().table_name(&self.table).set_key(Some(key(log.id)));
        let request = request
            .update_expression(format!("SET {} REMOVE #{RUNNING}", set.join(", ")))
            .condition_expression(format!("#{STATE} = :running"))
            .set_expression_attribute_names(Some(referred))
            .set_expression_attribute_values(Some(stored))
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

    async fn list(&self, page: &Page) -> Result<Vec<Summary>, StoreError> {
        let (client, table, now) = (&self.client, self.table.as_str(), self.clock.now());
        Listing { client, table, now, kept: self.kept }.page(page).await
    }

    async fn of_person(&self, person: &PersonKey) -> Result<Vec<IndexEntry>, StoreError> {
        self.index.of_person(person).await
    }
}

fn read(id: ImportId, item: &Item) -> Result<ImportLog, StoreError> {
    let attribute = |name| text(item, name).map_err(|broken| broken.during(FIND));
    let log = unpack(attribute(LOG)?).map_err(|damaged| StoreError::new(FIND, damaged))?;
    Ok(ImportLog {
        id,
        received_at: log.received_at,
        key_name: Shown::new(attribute(KEY_NAME)?),
        state: read_state(item).map_err(|broken| broken.during(FIND))?,
        fault: log.fault,
        parts: log.parts,
        names_targets: log.names_targets,
        form: log.form,
    })
}

fn random() -> Result<String, StoreError> {
    let random = getrandom::u64().map_err(|error| StoreError::new(OPEN, error.to_string()))?;
    Ok(format!("{random:016x}"))
}
