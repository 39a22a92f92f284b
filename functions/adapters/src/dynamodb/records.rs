//! The records of the documents: what is in which slot. A record is what makes an object count, and each is written
//! for exactly one predecessor, whose object may be deleted then, by that writer alone.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use people_core::document::{Document, DocumentKey, Slot, StoredDocument};
use people_core::error::StoreError;
use people_core::hex;
use people_core::id::ImportId;
use people_core::person::PersonKey;
use people_core::time::Timestamp;

use super::batch::pause;
use super::expression::{names, values};
use super::item::{Broken, Item, item, n, number, s, text};
use super::tables::Tables;
use crate::aws::dynamodb_failed;

/// The person; the field and, in a list, the file's name.
pub(super) const KEY: [&str; 2] = [PERSON, SLOT];
const PERSON: &str = "person";
const SLOT: &str = "slot";
const FIELD: &str = "field";
const FILE_NAME: &str = "fileName";
const SIZE: &str = "size";
const SHA256: &str = "sha256";
const IMPORT: &str = "requestId";
const STORED_AT: &str = "storedAt";
const OBJECT_KEY: &str = "objectKey";

/// How often a record is tried to be written. Whoever is overtaken is so by somebody who succeeded: of this many at
/// once, each gets through.
const ROUNDS: u32 = 64;

/// How often a write is sent again that was turned away.
const REPEATS: u32 = 4;

const PUT: &str = "record a document";
const FIND: &str = "find a document";
const LIST: &str = "list documents";
const SCAN: &str = "read which objects are recorded";
const DELETE: &str = "delete a document's record";
const OVERTAKEN: &str = "others were faster, again and again";

/// The records of the documents in DynamoDB. They do not expire.
#[derive(Debug, Clone)]
pub struct DynamoRecords {
    client: Client,
    table: String,
}

impl DynamoRecords {
    /// The records in these tables.
    pub fn new(client: Client, tables: &Tables) -> DynamoRecords {
        DynamoRecords { client, table: tables.documents.clone() }
    }

    /// Records that a document is in its slot, and gives back the object that it replaced: nothing leads to that one
    /// any more, and nobody else is given it. What a later import has put into the slot stays.
    ///
    /// After a failure nobody knows whether the record was written or still will be; the objects before and after must
    /// both stay. That is also why a write without an answer is never sent again, neither by us nor by the SDK: it may
    /// have arrived, somebody may have replaced what it wrote and deleted that object, and a second one would lead to
    /// nothing and give away an object that counts.
    pub(crate) async fn put(&self, document: &Document) -> Result<Recorded, StoreError> {
        for _ in 0..ROUNDS {
            let before = self.record(&document.slot).await?;
            let before = before.map(|record| holds(&record).map_err(|broken| broken.during(FIND)));
            let before = match before.transpose()? {
                Some((key, _)) if key == document.key => return Ok(Recorded::Before),
                Some((_, import)) if import > document.import => return Ok(Recorded::Superseded),
                before => before.map(|(key, _)| key),
            };
            if self.put_in_place_of(before.as_ref(), document).await? {
                return Ok(before.map_or(Recorded::New, Recorded::InPlaceOf));
            }
        }
        Err(StoreError::new(PUT, OVERTAKEN))
    }

    /// Whether the document is recorded; otherwise it never was, because the slot holds something else than `before`.
    async fn put_in_place_of(
        &self,
        before: Option<&DocumentKey>,
        document: &Document,
    ) -> Result<bool, StoreError> {
        let request = self.client.put_item().table_name(&self.table).set_item(Some(record(document)));
        let request = only_after(before, request);
        let answer = until_taken(|| request.clone().customize().config_override(once()).send()).await;
        let Err(error) = answer else { return Ok(true) };
        if let Some(PutItemError::ConditionalCheckFailedException(_)) = error.as_service_error() {
            return Ok(false);
        }
        match self.find(&document.slot).await {
            Ok(Some(now)) if now == document.key => Ok(true),
            _ => Err(dynamodb_failed(PUT, &error)),
        }
    }

    /// The object that is in a slot.
    pub(crate) async fn find(&self, slot: &Slot) -> Result<Option<DocumentKey>, StoreError> {
        let record = self.record(slot).await?;
        record.map(|record| object_key(&record).map_err(|broken| broken.during(FIND))).transpose()
    }

    /// The object that is in a slot, if it is the document of this name.
    pub(crate) async fn find_named(
        &self,
        slot: &Slot,
        file_name: &str,
    ) -> Result<Option<DocumentKey>, StoreError> {
        let Some(record) = self.record(slot).await? else { return Ok(None) };
        let named = || Ok((text(&record, FILE_NAME)? == file_name).then_some(object_key(&record)?));
        named().map_err(|broken: Broken| broken.during(FIND))
    }

    async fn record(&self, slot: &Slot) -> Result<Option<Item>, StoreError> {
        let request = self.client.get_item().table_name(&self.table).set_key(Some(key(slot)));
        let answer = request.consistent_read(true).send().await;
        Ok(answer.map_err(|error| dynamodb_failed(FIND, &error))?.item)
    }

    /// What is known of each document of a person, in the order of the list.
    pub(crate) async fn of_person(&self, person: &PersonKey) -> Result<Vec<StoredDocument>, StoreError> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("#person = :person")
            .set_expression_attribute_names(names([PERSON]))
            .set_expression_attribute_values(values([(PERSON, s(person.as_str()))]))
            .consistent_read(true)
            .into_paginator()
            .send();
        let mut documents = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| dynamodb_failed(LIST, &error))?;
            for record in page.items.unwrap_or_default() {
                match read(&record) {
                    Ok(document) => documents.push(document),
                    // It must not hide the others.
                    Err(broken) => tracing::error!(%broken, "a record of a document cannot be read"),
                }
            }
        }
        documents.sort_by(StoredDocument::in_order);
        Ok(documents)
    }

    /// The keys of all objects that a record led to when this began, and still does.
    pub(crate) async fn objects(&self) -> Result<Objects, StoreError> {
        let request = self.client.scan().table_name(&self.table).consistent_read(true);
        let mut pages = request
            .projection_expression("#objectKey")
            .set_expression_attribute_names(names([OBJECT_KEY]))
            .into_paginator()
            .send();
        let mut objects = Objects::default();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| dynamodb_failed(SCAN, &error))?;
            for record in page.items.unwrap_or_default() {
                // Whatever cannot be read leads to an object too, and nobody knows to which.
                objects.insert(&object_key(&record).map_err(|broken| broken.during(SCAN))?);
            }
        }
        Ok(objects)
    }

    /// Takes out the record of the document of this name, and gives back the object that it led to: nothing leads there
    /// any more. `None` where there is no such document.
    pub(crate) async fn delete(
        &self,
        slot: &Slot,
        file_name: &str,
    ) -> Result<Option<DocumentKey>, StoreError> {
        for _ in 0..ROUNDS {
            let Some(seen) = self.find_named(slot, file_name).await? else { return Ok(None) };
            if self.delete_only(slot, &seen).await? {
                return Ok(Some(seen));
            }
        }
        Err(StoreError::new(DELETE, OVERTAKEN))
    }

    /// Whether the record that led to `seen` is gone by this call; otherwise the slot holds something else by now.
    ///
    /// Without an answer it is looked at once: a record that does not lead to `seen` never will again, so that object may
    /// go whoever took the record. It is not sent again, like a write.
    async fn delete_only(&self, slot: &Slot, seen: &DocumentKey) -> Result<bool, StoreError> {
        let request = self.client.delete_item().table_name(&self.table).set_key(Some(key(slot)));
        let request = request
            .condition_expression("#objectKey = :objectKey")
            .set_expression_attribute_names(names([OBJECT_KEY]))
            .set_expression_attribute_values(values([(OBJECT_KEY, s(seen.as_str()))]));
        let answer = until_taken(|| request.clone().customize().config_override(once()).send()).await;
        let Err(error) = answer else { return Ok(true) };
        if let Some(DeleteItemError::ConditionalCheckFailedException(_)) = error.as_service_error() {
            return Ok(false);
        }
        match self.find(slot).await {
            Ok(now) if now.as_ref() != Some(seen) => Ok(true),
            _ => Err(dynamodb_failed(DELETE, &error)),
        }
    }
}

/// The keys of objects, each as a hash, so that those of millions fit into memory: of two that share one, both seem to be
/// in it.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    hashes: HashSet<u64>,
    hasher: RandomState,
}

impl Objects {
    fn insert(&mut self, key: &DocumentKey) {
        self.hashes.insert(self.hasher.hash_one(key.as_str()));
    }

    /// How many they are.
    pub(crate) fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Whether this key is one of them.
    pub(crate) fn contains(&self, key: &str) -> bool {
        self.hashes.contains(&self.hasher.hash_one(key))
    }
}

/// How a document was recorded.
#[derive(Debug)]
pub(crate) enum Recorded {
    /// The slot was free.
    New,
    /// This very document was recorded already.
    Before,
    /// This object was in the slot.
    InPlaceOf(DocumentKey),
    /// It was not: a later import's document is in the slot.
    Superseded,
}

/// Sends a write, and sends it again where DynamoDB says that it has turned it away: then it was not done. After any other
/// failure it may have been.
async fn until_taken<T, E, F>(send: impl Fn() -> F) -> Result<T, SdkError<E>>
where
    E: ProvideErrorMetadata,
    F: Future<Output = Result<T, SdkError<E>>>,
{
    for doublings in 0..REPEATS {
        match send().await {
            Err(SdkError::ServiceError(answer)) if answer.err().code().is_some_and(is_turned_away) => {}
            answer => return answer,
        }
        tokio::time::sleep(pause(doublings)).await;
    }
    send().await
}

fn is_turned_away(code: &str) -> bool {
    matches!(code, "ProvisionedThroughputExceededException" | "ThrottlingException" | "RequestLimitExceeded")
}

/// A call that is sent once: the SDK would send it again when its answer is lost.
fn once() -> aws_sdk_dynamodb::config::Builder {
    aws_sdk_dynamodb::config::Builder::new().retry_config(RetryConfig::disabled())
}

fn record(document: &Document) -> Item {
    let mut record = key(&document.slot);
    record.extend(item([
        (FIELD, s(document.slot.field.as_str())),
        (FILE_NAME, s(document.file_name.as_str())),
        (SIZE, n(document.content.bytes())),
        (SHA256, s(hex::encode(&document.sha256))),
        (IMPORT, s(document.import.to_string())),
        (STORED_AT, s(document.stored_at.to_rfc3339())),
        (OBJECT_KEY, s(document.key.as_str())),
    ]));
    record
}

/// The request, on the condition that the slot still holds what it held before.
fn only_after(before: Option<&DocumentKey>, request: PutItemFluentBuilder) -> PutItemFluentBuilder {
    match before {
        None => request
            .condition_expression("attribute_not_exists(#person)")
            .set_expression_attribute_names(names([PERSON])),
        Some(before) => request
            .condition_expression("#objectKey = :objectKey")
            .set_expression_attribute_names(names([OBJECT_KEY]))
            .set_expression_attribute_values(values([(OBJECT_KEY, s(before.as_str()))])),
    }
}

/// No field has a `/` in its name, so two slots never share a key.
fn key(slot: &Slot) -> Item {
    let within = match &slot.name {
        None => slot.field.clone(),
        Some(name) => format!("{}/{name}", slot.field),
    };
    item([(PERSON, s(slot.person.as_str())), (SLOT, s(within))])
}

fn object_key(record: &Item) -> Result<DocumentKey, Broken> {
    Ok(DocumentKey::stored(text(record, OBJECT_KEY)?.to_owned()))
}

/// The object that a record leads to, and its import.
fn holds(record: &Item) -> Result<(DocumentKey, ImportId), Broken> {
    let import = ImportId::parse(text(record, IMPORT)?).ok_or(Broken(IMPORT))?;
    Ok((object_key(record)?, import))
}

fn read(record: &Item) -> Result<StoredDocument, Broken> {
    Ok(StoredDocument {
        field: text(record, FIELD)?.to_owned(),
        file_name: text(record, FILE_NAME)?.to_owned(),
        bytes: number(record, SIZE)?,
        sha256: hex::decode(text(record, SHA256)?).ok_or(Broken(SHA256))?,
        stored_at: Timestamp::from_rfc3339(text(record, STORED_AT)?).ok_or(Broken(STORED_AT))?,
        import: ImportId::parse(text(record, IMPORT)?).ok_or(Broken(IMPORT))?,
    })
}
