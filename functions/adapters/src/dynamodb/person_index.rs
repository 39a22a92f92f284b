//! The person index: one small item for each part that concerned a person, in a table of its own, because it is read by
//! person and the logs are read by id.

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use people_core::error::StoreError;
use people_core::id::ImportId;
use people_core::person::PersonKey;
use people_core::ports::{Clock, IndexEntry};

use super::batch::{Batches, put};
use super::expression::{names, values};
use super::item::{Broken, EXPIRES, Item, is_expired, item, n, s, text};
use crate::aws::dynamodb_failed;

/// The person; the import and the part, which sort by time.
pub(super) const KEY: [&str; 2] = [PERSON, PART];
const PERSON: &str = "person";
const PART: &str = "part";
const FIELDS: &str = "fields";

/// What is larger than any place.
const AFTER_EVERYTHING: &str = "~";

const PUT: &str = "write the person index";
const FIND: &str = "read the person index";

/// The person index.
#[derive(Clone)]
pub(super) struct PersonIndex(Batches);

impl PersonIndex {
    /// The index in this table.
    pub(super) fn new(client: Client, table: String, clock: Arc<dyn Clock>) -> PersonIndex {
        PersonIndex(Batches { client, table, clock })
    }

    /// Adds entries that expire at a moment in seconds. A second entry for the same part is left out.
    pub(super) async fn put(&self, entries: &[IndexEntry], expires: i64) -> Result<(), StoreError> {
        let mut known = std::collections::HashSet::new();
        let entries = entries.iter().filter(|entry| known.insert((&entry.person, entry.import, entry.part)));
        let requests = entries.filter_map(|entry| put(write(entry, expires))).collect();
        self.0.write(PUT, requests).await
    }

    /// What concerned a person before a part, newest first. Where an entry has expired, all older ones have.
    pub(super) async fn of_person(
        &self,
        person: &PersonKey,
        before: Option<(ImportId, usize)>,
        limit: usize,
    ) -> Result<Vec<IndexEntry>, StoreError> {
        let before = before.map_or_else(|| AFTER_EVERYTHING.to_owned(), |(import, part)| place(import, part));
        let mut pages = self
            .0
            .client
            .query()
            .table_name(&self.0.table)
            .key_condition_expression("#person = :person AND #part < :part")
            .set_expression_attribute_names(names([PERSON, PART]))
            .set_expression_attribute_values(values([(PERSON, s(person.as_str())), (PART, s(before))]))
            .scan_index_forward(false)
            .consistent_read(true)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX).max(1))
            .into_paginator()
            .send();
        let now = self.0.clock.now();
        let mut entries = Vec::new();
        while let Some(page) = pages.next().await {
            let items = page.map_err(|error| dynamodb_failed(FIND, &error))?.items.unwrap_or_default();
            let living: Vec<_> = items.iter().take_while(|item| !is_expired(item, now)).collect();
            for item in &living {
                entries.push(read(person, item).map_err(|broken| broken.during(FIND))?);
            }
            if living.len() < items.len() || entries.len() >= limit {
                break;
            }
        }
        entries.truncate(limit);
        Ok(entries)
    }

    /// What newer parts did, newest first.
    pub(super) async fn newer(
        &self,
        person: &PersonKey,
        (import, part): (ImportId, usize),
    ) -> Result<Vec<IndexEntry>, StoreError> {
        let mut pages = self
            .0
            .client
            .query()
            .table_name(&self.0.table)
            .key_condition_expression("#person = :person AND #part > :part")
            .set_expression_attribute_names(names([PERSON, PART]))
            .set_expression_attribute_values(values([
                (PERSON, s(person.as_str())),
                (PART, s(place(import, part))),
            ]))
            .scan_index_forward(false)
            .consistent_read(true)
            .into_paginator()
            .send();
        let now = self.0.clock.now();
        let mut entries = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| dynamodb_failed(FIND, &error))?;
            for item in page.items.unwrap_or_default().iter().filter(|item| !is_expired(item, now)) {
                entries.push(read(person, item).map_err(|broken| broken.during(FIND))?);
            }
        }
        Ok(entries)
    }
}

/// As texts, these sort like the pairs that they are made of.
fn place(import: ImportId, part: usize) -> String {
    format!("{import}#{part:05}")
}

fn write(entry: &IndexEntry, expires: i64) -> Item {
    let fields = entry.fields.iter().map(|field| s(field.as_ref())).collect();
    item([
        (PERSON, s(entry.person.as_str())),
        (PART, s(place(entry.import, entry.part))),
        (FIELDS, AttributeValue::L(fields)),
        (EXPIRES, n(expires)),
    ])
}

fn read(person: &PersonKey, item: &Item) -> Result<IndexEntry, Broken> {
    let (import, part) = text(item, PART)?.split_once('#').ok_or(Broken(PART))?;
    let fields = item.get(FIELDS).and_then(|fields| fields.as_l().ok()).ok_or(Broken(FIELDS))?;
    let field = |value: &AttributeValue| match value.as_s() {
        Ok(field) => Ok(Arc::from(field.as_str())),
        Err(_) => Err(Broken(FIELDS)),
    };
    Ok(IndexEntry {
        person: person.clone(),
        import: ImportId::parse(import).ok_or(Broken(PART))?,
        part: part.parse().map_err(|_| Broken(PART))?,
        fields: fields.iter().map(field).collect::<Result<_, _>>()?,
    })
}
