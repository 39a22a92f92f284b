//! The tables: their names, keys and indexes. In AWS the template makes them; the local stack and the tests make the same
//! ones here.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, CreateGlobalSecondaryIndexAction, GlobalSecondaryIndex,
    GlobalSecondaryIndexUpdate, IndexStatus, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType, TableDescription, TableStatus, TimeToLiveSpecification,
};
use people_core::error::StoreError;

use super::item::EXPIRES;
use super::{
    directory_item, import_item, keys, leases, person_index, records, repeats, sessions, undelivered_item,
};
use crate::aws::dynamodb_failed;

const ACTION: &str = "create a table";
/// How often a new table is looked at before it is given up, and how long is waited in between.
const LOOKS: u32 = 120;
const BETWEEN_LOOKS: Duration = Duration::from_millis(250);

/// The names of the tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tables {
    /// The import logs.
    pub imports: String,
    /// What concerned whom.
    pub person_index: String,
    /// Who is known.
    pub directory: String,
    /// The API keys.
    pub keys: String,
    /// The requests that may be sent again.
    pub repeats: String,
    /// The records of the documents.
    pub documents: String,
    /// Who may do what just now.
    pub leases: String,
    /// The updates that have not arrived yet.
    pub undelivered: String,
    /// Who has signed in to the console.
    pub sessions: String,
}

impl Tables {
    /// The names that start with this prefix: `people-imports` and so on.
    pub fn with_prefix(prefix: &str) -> Tables {
        let name = |of: &str| format!("{prefix}-{of}");
        Tables {
            imports: name("imports"),
            person_index: name("person-index"),
            directory: name("directory"),
            keys: name("keys"),
            repeats: name("repeats"),
            documents: name("documents"),
            leases: name("leases"),
            undelivered: name("undelivered"),
            sessions: name("sessions"),
        }
    }

    /// The names alone.
    pub fn names(&self) -> Vec<String> {
        self.schemas().map(|schema| schema.name.to_owned()).to_vec()
    }

    /// How each table is made.
    pub fn schemas(&self) -> [Schema<'_>; 9] {
        let with = |name, key, indexes| Schema { name, key, indexes, time_to_live: EXPIRES };
        [
            with(&self.imports, &import_item::KEY, &IMPORT_INDEXES),
            with(&self.person_index, &person_index::KEY, &[]),
            with(&self.directory, &directory_item::KEY, &[]),
            with(&self.keys, &keys::KEY, &[]),
            with(&self.repeats, &repeats::KEY, &[]),
            with(&self.documents, &records::KEY, &[]),
            with(&self.leases, &leases::KEY, &[]),
            with(&self.undelivered, &undelivered_item::KEY, &UNDELIVERED_INDEXES),
            with(&self.sessions, &sessions::KEY, &[]),
        ]
    }
}

const IMPORT_INDEXES: [Index; 2] = [import_item::RUNNING_INDEX, import_item::UNSUCCESSFUL_INDEX];

const UNDELIVERED_INDEXES: [Index; 1] = [undelivered_item::DUE_INDEX];

/// A table. Every attribute that a key names is a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schema<'a> {
    /// Its name.
    pub name: &'a str,
    /// The partition key and, where there is one, the sort key.
    pub key: &'static [&'static str],
    /// Its global secondary indexes. An item that lacks a key attribute of one is not in it.
    pub indexes: &'static [Index],
    /// The attribute that says when an item may be deleted, in seconds since 1970.
    pub time_to_live: &'static str,
}

/// A global secondary index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Index {
    /// Its name, unique within the table.
    pub name: &'static str,
    /// The partition key and the sort key.
    pub key: &'static [&'static str],
    /// What it holds besides both keys, its own and the table's.
    pub projected: &'static [&'static str],
}

/// Creates the tables and indexes that are missing and waits until all of them can be used; those that are there stay as
/// they are. Their time to live is switched on where the server has one.
pub async fn create_tables(client: &Client, tables: &Tables) -> Result<(), StoreError> {
    let there = client.list_tables().send().await.map_err(|error| dynamodb_failed(ACTION, &error))?;
    for schema in tables.schemas() {
        if !there.table_names().iter().any(|known| known == schema.name) {
            create(client, &schema).await?;
        }
    }
    for schema in tables.schemas() {
        let table = wait_until_active(client, schema.name).await?;
        for index in schema.indexes.iter().filter(|index| !has(&table, index)) {
            add(client, schema.name, index).await?;
            wait_until_active(client, schema.name).await?;
        }
        expire_items(client, &schema).await;
    }
    Ok(())
}

async fn create(client: &Client, schema: &Schema<'_>) -> Result<(), StoreError> {
    let request = client.create_table().table_name(schema.name).billing_mode(BillingMode::PayPerRequest);
    let mut attributes: Vec<_> = schema.indexes.iter().flat_map(|index| index.key).collect();
    attributes.extend(schema.key);
    attributes.sort_unstable();
    attributes.dedup();
    let indexes = schema.indexes.iter().map(index).collect::<Result<Vec<_>, _>>()?;
    let request = request
        .set_attribute_definitions(Some(definitions(attributes)?))
        .set_key_schema(Some(key(schema.key)?))
        .set_global_secondary_indexes(Some(indexes).filter(|indexes| !indexes.is_empty()));
    match request.send().await {
        Ok(_) => Ok(()),
        Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_in_use_exception()) => Ok(()),
        Err(error) => Err(dynamodb_failed(ACTION, &error)),
    }
}

fn has(table: &TableDescription, index: &Index) -> bool {
    table.global_secondary_indexes().iter().any(|known| known.index_name() == Some(index.name))
}

/// Adds an index to a table that is there. DynamoDB makes one at a time.
async fn add(client: &Client, table: &str, wanted: &Index) -> Result<(), StoreError> {
    let create = CreateGlobalSecondaryIndexAction::builder()
        .index_name(wanted.name)
        .set_key_schema(Some(key(wanted.key)?))
        .projection(projection(wanted))
        .build()
        .map_err(|error| StoreError::new(ACTION, error))?;
    let request = client
        .update_table()
        .table_name(table)
        .set_attribute_definitions(Some(definitions(wanted.key)?))
        .global_secondary_index_updates(GlobalSecondaryIndexUpdate::builder().create(create).build());
    request.send().await.map(drop).map_err(|error| dynamodb_failed(ACTION, &error))
}

fn index(index: &Index) -> Result<GlobalSecondaryIndex, StoreError> {
    let built = GlobalSecondaryIndex::builder()
        .index_name(index.name)
        .set_key_schema(Some(key(index.key)?))
        .projection(projection(index))
        .build();
    built.map_err(|error| StoreError::new(ACTION, error))
}

fn projection(index: &Index) -> Projection {
    let projected = index.projected.iter().map(|name| (*name).to_owned()).collect();
    let include = Projection::builder().projection_type(ProjectionType::Include);
    include.set_non_key_attributes(Some(projected)).build()
}

fn key(attributes: &[&str]) -> Result<Vec<KeySchemaElement>, StoreError> {
    let element = |(attribute, kind): (&&str, KeyType)| {
        let element = KeySchemaElement::builder().attribute_name(*attribute).key_type(kind);
        element.build().map_err(|error| StoreError::new(ACTION, error))
    };
    attributes.iter().zip([KeyType::Hash, KeyType::Range]).map(element).collect()
}

fn definitions<'a>(
    attributes: impl IntoIterator<Item = &'a &'a str>,
) -> Result<Vec<AttributeDefinition>, StoreError> {
    let definition = |attribute: &&str| {
        let definition = AttributeDefinition::builder().attribute_name(*attribute);
        let definition = definition.attribute_type(ScalarAttributeType::S).build();
        definition.map_err(|error| StoreError::new(ACTION, error))
    };
    attributes.into_iter().map(definition).collect()
}

async fn wait_until_active(client: &Client, name: &str) -> Result<TableDescription, StoreError> {
    for _ in 0..LOOKS {
        let answer = client.describe_table().table_name(name).send().await;
        let answer = answer.map_err(|error| dynamodb_failed(ACTION, &error))?;
        if let Some(table) = answer.table.filter(is_active) {
            return Ok(table);
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    Err(StoreError::new(ACTION, "it was not active in time"))
}

fn is_active(table: &TableDescription) -> bool {
    let mut indexes = table.global_secondary_indexes().iter();
    table.table_status() == Some(&TableStatus::Active)
        && indexes.all(|index| index.index_status() == Some(&IndexStatus::Active))
}

/// Readers filter expired items, so a server that cannot delete them, or does so already, is no failure.
async fn expire_items(client: &Client, schema: &Schema<'_>) {
    let specification = TimeToLiveSpecification::builder().attribute_name(schema.time_to_live);
    let specification = specification.enabled(true).build();
    let Ok(specification) = specification else { return };
    let answer =
        client.update_time_to_live().table_name(schema.name).time_to_live_specification(specification).send();
    if let Err(error) = answer.await {
        let error = dynamodb_failed("switch on a table's time to live", &error);
        tracing::debug!(%error, cause = %error.source, "items are filtered on reading, and stay");
    }
}
