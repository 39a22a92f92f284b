//! The records of the documents: what is in which slot. A record is what makes an object count, and the write that
//! returns its predecessor decides whether one was replaced.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::ReturnValue;
use people_core::document::{Document, DocumentKey, Slot};
use people_core::error::StoreError;

use super::item::{Item, item, n, s, text};
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

const PUT: &str = "record a document";
const FIND: &str = "find a document";

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

    /// Records that a document is in its slot, and gives back the object that was.
    pub(crate) async fn put(&self, document: &Document) -> Result<Option<DocumentKey>, StoreError> {
        let mut record = key(&document.slot);
        record.extend(item([
            (FIELD, s(document.slot.field.as_str())),
            (FILE_NAME, s(document.file_name.as_str())),
            (SIZE, n(document.content.bytes())),
            (SHA256, s(document.sha256.iter().map(|byte| format!("{byte:02x}")).collect::<String>())),
            (IMPORT, s(document.import.to_string())),
            (STORED_AT, s(document.stored_at.to_rfc3339())),
            (OBJECT_KEY, s(document.key.as_str())),
        ]));
        let request = self.client.put_item().table_name(&self.table).set_item(Some(record));
        let answer = request.return_values(ReturnValue::AllOld).send().await;
        let before = answer.map_err(|error| dynamodb_failed(PUT, &error))?.attributes;
        before.map(|before| object_key(PUT, &before)).transpose()
    }

    /// The object that is in a slot.
    pub(crate) async fn find(&self, slot: &Slot) -> Result<Option<DocumentKey>, StoreError> {
        let request = self.client.get_item().table_name(&self.table).set_key(Some(key(slot)));
        let answer = request.consistent_read(true).send().await;
        let record = answer.map_err(|error| dynamodb_failed(FIND, &error))?.item;
        record.map(|record| object_key(FIND, &record)).transpose()
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

fn object_key(action: &'static str, record: &Item) -> Result<DocumentKey, StoreError> {
    let key = text(record, OBJECT_KEY).map_err(|broken| broken.during(action))?;
    Ok(DocumentKey::stored(key.to_owned()))
}
