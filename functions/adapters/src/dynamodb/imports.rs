//! The import logs: one item each, opened by one conditional write and closed by another, because what an import costs
//! here is what it costs at all.

mod append;
mod claim;
mod replace;
mod summaries;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use people_core::error::StoreError;
use people_core::hex;
use people_core::id::ImportId;
use people_core::later::Later;
use people_core::log::ImportLog;
use people_core::person::PersonKey;
use people_core::ports::{Claim, Claimed, Clock, Imports, IndexEntry, LeaseHolder, Opened, Page};
use people_core::shown::Shown;
use people_core::summary::Summary;
use people_core::time::Timestamp;

use super::expression::names;
use super::import_item::{
    KEY_NAME, LATER, PARTITION, SOURCE, claimed, head, is_dry_run, key, read_source, read_state, standing,
};
use super::item::{Broken, EXPIRES, Item, is_expired, item, n, s, text};
use super::list::Listing;
use super::packed::{pack, unpack};
use super::packed_later::unpack_later;
use super::person_index::PersonIndex;
use super::sample::Sampling;
use super::tables::Tables;
use super::unfinished::unfinished;
use crate::aws::dynamodb_failed;
use crate::system;

/// Everything about the parts, for programs.
const LOG: &str = "log";
/// Which call opened the log, so that a call whose answer was lost knows itself again.
const OPENED_BY: &str = "openedBy";

const OPEN: &str = "open an import log";
const CLAIM: &str = "claim an import";
const BEGIN: &str = "begin an import log";
const CLOSE: &str = "close an import log";
const APPEND: &str = "add to an import log";
const FIND: &str = "find an import log";

/// How often a log is tried to be changed that others change at the same time. Whoever is overtaken is so by somebody who
/// succeeded: of this many at once, each gets through.
const ROUNDS: u32 = 64;
const OVERTAKEN: &str = "others were faster, again and again";

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

    /// The item of a log, unless it is unknown or expired.
    async fn item(&self, id: ImportId, action: &'static str) -> Result<Option<Item>, StoreError> {
        let request = self.client.get_item().table_name(&self.table).set_key(Some(key(id)));
        let answer = request.consistent_read(true).send().await;
        let item = answer.map_err(|error| dynamodb_failed(action, &error))?.item;
        Ok(item.filter(|item| !is_expired(item, self.clock.now())))
    }

    async fn put_new(&self, log: &ImportLog, claim: Option<&Claim>) -> Result<Opened, StoreError> {
        let opened_by = hex::encode(&system::random::<8>()?);
        let mut new = key(log.id);
        new.extend(head(log));
        new.extend(standing(log).0);
        new.extend(claim.map(claimed).unwrap_or_default());
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
    /// Lines that happened later are not looked at: a log that is new has none.
    async fn open(&self, log: &ImportLog, claim: Option<&Claim>) -> Result<Opened, StoreError> {
        self.put_new(log, claim).await
    }

    async fn claim(&self, id: ImportId, claim: &Claim) -> Result<Claimed, StoreError> {
        self.take_over(id, claim).await
    }

    async fn begin(&self, log: &ImportLog, holder: &LeaseHolder) -> Result<(), StoreError> {
        self.replace(log, holder, BEGIN).await
    }

    async fn index(&self, entries: &[IndexEntry]) -> Result<(), StoreError> {
        self.index.put(entries, self.clock.now().plus(self.kept).seconds()).await
    }

    /// Fails also where the log is missing, or was closed with another content.
    async fn close(&self, log: &ImportLog, holder: &LeaseHolder) -> Result<(), StoreError> {
        self.replace(log, holder, CLOSE).await
    }

    /// What does not fit into the item: see `pack_later`.
    async fn append(&self, id: ImportId, later: &[Later]) -> Result<(), StoreError> {
        self.add(id, later).await
    }

    /// What was opened, claimed or closed a moment ago may be missing or there still.
    async fn unfinished(&self, before: Timestamp, limit: usize) -> Result<Vec<ImportId>, StoreError> {
        unfinished(&self.client, &self.table, (before, self.clock.now()), limit).await
    }

    async fn find(&self, id: ImportId) -> Result<Option<ImportLog>, StoreError> {
        let item = self.item(id, FIND).await?;
        item.map(|item| read(id, &item, FIND)).transpose()
    }

    async fn list(&self, page: &Page) -> Result<Vec<Summary>, StoreError> {
        let (client, table, now) = (&self.client, self.table.as_str(), self.clock.now());
        Listing { client, table, now, kept: self.kept }.page(page).await
    }

    async fn sample(
        &self,
        from: Timestamp,
        to: Timestamp,
        limit: usize,
    ) -> Result<Vec<ImportLog>, StoreError> {
        let (client, table, now) = (&self.client, self.table.as_str(), self.clock.now());
        Sampling { client, table, now }.logs((from, to), limit).await
    }

    async fn summaries(&self, ids: &[ImportId]) -> Result<Vec<Summary>, StoreError> {
        self.summarized(ids).await
    }

    async fn of_person(
        &self,
        person: &PersonKey,
        before: Option<(ImportId, usize)>,
        limit: usize,
    ) -> Result<Vec<IndexEntry>, StoreError> {
        self.index.of_person(person, before, limit).await
    }

    async fn newer(
        &self,
        person: &PersonKey,
        than: (ImportId, usize),
    ) -> Result<Vec<IndexEntry>, StoreError> {
        self.index.newer(person, than).await
    }
}

/// The log that is stored as this item.
pub(super) fn read(id: ImportId, item: &Item, action: &'static str) -> Result<ImportLog, StoreError> {
    let broken = |broken: Broken| broken.during(action);
    let log = unpack(text(item, LOG).map_err(broken)?);
    let log = log.map_err(|damaged| StoreError::new(action, damaged))?;
    Ok(ImportLog {
        id,
        received_at: log.received_at,
        key_name: Shown::new(text(item, KEY_NAME).map_err(broken)?),
        state: read_state(item).map_err(broken)?,
        fault: log.fault,
        parts: log.parts,
        names_targets: log.names_targets,
        dry_run: is_dry_run(item),
        form: log.form,
        source: read_source(item.get(SOURCE)).map_err(broken)?,
        later: read_later(item, action)?,
    })
}

fn read_later(item: &Item, action: &'static str) -> Result<Vec<Later>, StoreError> {
    if !item.contains_key(LATER) {
        return Ok(Vec::new());
    }
    let later = text(item, LATER).map_err(|broken| broken.during(action))?;
    unpack_later(later).map_err(|damaged| StoreError::new(action, damaged))
}
