//! The tables: their names and keys. In AWS the template makes them; the local stack and the tests make the same ones
//! here.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, TableStatus,
    TimeToLiveSpecification,
};
use people_core::error::StoreError;

use super::item::EXPIRES;
use super::{directory_item, imports, keys, person_index, records};
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
    /// The records of the documents.
    pub documents: String,
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
            documents: name("documents"),
        }
    }

    /// The names alone.
    pub fn names(&self) -> Vec<String> {
        self.schemas().map(|(name, _)| name.to_owned()).to_vec()
    }

    /// Every table, with its key attributes: the partition key and, where there is one, the sort key.
    fn schemas(&self) -> [(&str, &[&str]); 5] {
        [
            (&self.imports, &imports::KEY),
            (&self.person_index, &person_index::KEY),
            (&self.directory, &directory_item::KEY),
            (&self.keys, &keys::KEY),
            (&self.documents, &records::KEY),
        ]
    }
}

/// Creates the tables that are missing and waits until all of them can be used; those that are there stay as they are.
/// Their time to live is switched on where the server has one.
pub async fn create_tables(client: &Client, tables: &Tables) -> Result<(), StoreError> {
    let there = client.list_tables().send().await.map_err(|error| dynamodb_failed(ACTION, &error))?;
    for (name, key) in tables.schemas() {
        if !there.table_names().iter().any(|known| known == name) {
            create(client, name, key).await?;
        }
    }
    for (name, _) in tables.schemas() {
        wait_until_active(client, name).await?;
        expire_items(client, name).await;
    }
    Ok(())
}

async fn create(client: &Client, name: &str, key: &[&str]) -> Result<(), StoreError> {
    let mut request = client.create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
    for (attribute, kind) in key.iter().zip([KeyType::Hash, KeyType::Range]) {
        let definition = AttributeDefinition::builder()
            .attribute_name(*attribute)
            .attribute_type(ScalarAttributeType::S)
            .build()
            .map_err(|error| StoreError::new(ACTION, error))?;
        let element = KeySchemaElement::builder()
            .attribute_name(*attribute)
            .key_type(kind)
            .build()
            .map_err(|error| StoreError::new(ACTION, error))?;
        request = request.attribute_definitions(definition).key_schema(element);
    }
    match request.send().await {
        Ok(_) => Ok(()),
        Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_in_use_exception()) => Ok(()),
        Err(error) => Err(dynamodb_failed(ACTION, &error)),
    }
}

async fn wait_until_active(client: &Client, name: &str) -> Result<(), StoreError> {
    for _ in 0..LOOKS {
        let answer = client.describe_table().table_name(name).send().await;
        let answer = answer.map_err(|error| dynamodb_failed(ACTION, &error))?;
        if answer.table().and_then(|table| table.table_status()) == Some(&TableStatus::Active) {
            return Ok(());
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    Err(StoreError::new(ACTION, "it was not active in time"))
}

/// Readers filter expired items, so a server that cannot delete them, or does so already, is no failure.
async fn expire_items(client: &Client, name: &str) {
    let specification = TimeToLiveSpecification::builder().attribute_name(EXPIRES).enabled(true).build();
    let Ok(specification) = specification else { return };
    let answer =
        client.update_time_to_live().table_name(name).time_to_live_specification(specification).send();
    if let Err(error) = answer.await {
        let error = dynamodb_failed("switch on a table's time to live", &error);
        tracing::debug!(%error, cause = %error.source, "items are filtered on reading, and stay");
    }
}
