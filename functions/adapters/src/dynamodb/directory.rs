//! The directory. Every identifier has an entry with the whole person, so that a batch of people is one batch read; what
//! nobody confirms for 30 days is forgotten.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use people_core::error::StoreError;
use people_core::person::{Identifier, NativeKey, Person, TargetName};
use people_core::ports::{Clock, Directory, Sighting};

use super::batch::{Batches, delete};
use super::directory_item::{ENTRY, KEYS, of_identifier, of_key, read_person, read_pointer};
use super::expression::values;
use super::item::{Item, is_expired, item, s};
use super::learning::Learning;
use super::tables::Tables;
use crate::aws::dynamodb_failed;

/// How long an entry is kept after it was last confirmed.
pub(super) const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

const RESOLVE: &str = "look people up in the directory";
const LEARN: &str = "enter people in the directory";
const FORGET: &str = "take a target's key out of the directory";
const RELEASE: &str = "take identifiers out of the directory";

/// The directory in DynamoDB. Writes of two processes about the same person are not ordered: the later one stays.
#[derive(Clone)]
pub struct DynamoDirectory(Batches);

impl DynamoDirectory {
    /// The directory in these tables.
    pub fn new(client: Client, tables: &Tables, clock: Arc<dyn Clock>) -> DynamoDirectory {
        DynamoDirectory(Batches { client, table: tables.directory.clone(), clock })
    }

    async fn read(
        &self,
        action: &'static str,
        entries: Vec<String>,
        consistent: bool,
    ) -> Result<HashMap<String, Item>, StoreError> {
        let now = self.0.clock.now();
        let mut items = self.0.read(action, ENTRY, entries, consistent).await?;
        items.retain(|_, item| !is_expired(item, now));
        Ok(items)
    }

    /// Removes a target's key from one entry, unless the entry has another one by now.
    async fn remove_key(
        &self,
        entry: String,
        target: &TargetName,
        key: &NativeKey,
    ) -> Result<(), StoreError> {
        let names = HashMap::from([
            ("#keys".to_owned(), KEYS.to_owned()),
            ("#target".to_owned(), target.to_string()),
        ]);
        let request = self.0.client.update_item().table_name(&self.0.table).key(ENTRY, s(entry));
        let request = request
            .update_expression("REMOVE #keys.#target")
            .condition_expression("#keys.#target = :key")
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(values([("key", s(key.0.as_str()))]));
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error)
                if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) =>
            {
                Ok(())
            }
            Err(error) => Err(dynamodb_failed(FORGET, &error)),
        }
    }
}

#[async_trait]
impl Directory for DynamoDirectory {
    async fn resolve(&self, identifiers: &[Identifier]) -> Result<HashMap<Identifier, Person>, StoreError> {
        let entries: HashMap<_, _> =
            identifiers.iter().filter_map(|id| Some((of_identifier(id)?, id))).collect();
        let items = self.read(RESOLVE, entries.keys().cloned().collect(), false).await?;
        let people = items.iter().filter_map(|(entry, item)| {
            let identifier = *entries.get(entry)?;
            match read_person(item) {
                // Where the last keys of several targets went at the same moment, each took its own and nobody the entry.
                Ok(person) if person.value.keys.is_empty() => None,
                person => Some(person.map(|person| (identifier.clone(), person.value))),
            }
        });
        people.collect::<Result<_, _>>().map_err(|broken| broken.during(RESOLVE))
    }

    async fn learn(&self, target: &TargetName, seen: &[Sighting]) -> Result<Vec<Person>, StoreError> {
        let mut learning = Learning::new(target, self.0.clock.now());
        let mut wanted = learning.first(seen);
        while !wanted.is_empty() {
            let items = self.read(LEARN, wanted, true).await?;
            wanted = learning.take(items).map_err(|broken| broken.during(LEARN))?;
        }
        let learnt = learning.learn(seen);
        self.0.write(LEARN, learning.writes(&learnt)).await?;
        Ok(learnt)
    }

    async fn forget(&self, target: &TargetName, key: &NativeKey) -> Result<(), StoreError> {
        let Some(pointer) = of_key(target, key) else { return Ok(()) };
        let items = self.read(FORGET, vec![pointer.clone()], true).await?;
        let Some(found) = items.get(&pointer) else { return Ok(()) };
        let home = read_pointer(found).map_err(|broken| broken.during(FORGET))?.value;
        let items = self.read(FORGET, vec![home.clone()], true).await?;
        if let Some(found) = items.get(&home) {
            let person = read_person(found).map_err(|broken| broken.during(FORGET))?.value;
            let others = person.identifiers().filter_map(|identifier| of_identifier(&identifier));
            let entries: BTreeSet<_> = others.chain([home]).collect();
            if person.keys.keys().all(|known| known == target) {
                // Whoever learns of the person meanwhile is undone: the next look-up learns it again.
                let requests = entries.into_iter().filter_map(|entry| delete(item([(ENTRY, s(entry))])));
                self.0.write(FORGET, requests.collect()).await?;
            } else {
                for entry in entries {
                    self.remove_key(entry, target, key).await?;
                }
            }
        }
        self.0.write(FORGET, delete(item([(ENTRY, s(pointer))])).into_iter().collect()).await
    }

    async fn release(&self, identifiers: &[Identifier]) -> Result<(), StoreError> {
        let entries: BTreeSet<_> = identifiers.iter().filter_map(of_identifier).collect();
        let requests = entries.into_iter().filter_map(|entry| delete(item([(ENTRY, s(entry))])));
        self.0.write(RELEASE, requests.collect()).await
    }
}
