//! The ports in memory: what tests and benches run on, and what each real adapter is compared with.

mod bodies;
mod imports;
mod inbox;
mod rates;
mod repeats;
mod sessions;
mod undelivered;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;

use crate::directory::{Merged, merge};
use crate::document::{Content, Document, DocumentKey, Link, Slot, Spool, Spooled, StoredDocument};
use crate::error::StoreError;
use crate::id::ImportId;
use crate::person::{Identifier, NativeKey, Person, PersonKey, TargetName};
use crate::ports::{
    ApiKey, App, Clock, Created, Directory, Documents, KeyHash, Keys, LeaseHolder, Leases, Revoked, Sighting,
    Stored,
};
use crate::time::Timestamp;

pub use bodies::MemoryBodies;
pub use imports::MemoryImports;
pub use inbox::MemoryInbox;
pub use rates::MemoryRates;
pub use repeats::MemoryRepeats;
pub use sessions::MemorySessions;
pub use undelivered::MemoryUndelivered;

/// A mutex whose data is used as it is also after a panic of another holder.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The bytes of a content that has not been spooled to a file.
fn in_memory(content: &Content) -> Result<Bytes, StoreError> {
    match content {
        Content::Memory(bytes) => Ok(bytes.clone()),
        Content::File(..) => Err(StoreError::new("keep a file in memory", "it was spooled")),
    }
}

/// Everything in memory, and empty: no fields, no targets, no keys.
pub fn app(clock: Arc<dyn Clock>) -> App {
    App {
        profile: Arc::default(),
        targets: Arc::default(),
        imports: Arc::new(MemoryImports::new(Arc::clone(&clock))),
        documents: Arc::new(MemoryDocuments::default()),
        directory: Arc::new(MemoryDirectory::default()),
        keys: Arc::new(MemoryKeys::default()),
        repeats: Arc::new(MemoryRepeats::new(Arc::clone(&clock))),
        spool: Arc::new(MemorySpool),
        undelivered: Arc::new(MemoryUndelivered::default()),
        leases: Arc::new(MemoryLeases::new(Arc::clone(&clock))),
        bodies: Arc::new(MemoryBodies::default()),
        inbox: Arc::new(MemoryInbox::default()),
        rates: Arc::new(MemoryRates::new(Arc::clone(&clock))),
        requests_per_minute: None,
        sessions: Arc::new(MemorySessions::new(Arc::clone(&clock))),
        clock,
    }
}

/// Documents in memory.
#[derive(Debug, Default)]
pub struct MemoryDocuments(Mutex<HashMap<Slot, MemoryDocument>>);

#[derive(Debug)]
struct MemoryDocument {
    key: DocumentKey,
    bytes: Vec<u8>,
    stored: StoredDocument,
}

#[async_trait]
impl Documents for MemoryDocuments {
    async fn store(&self, document: &Document) -> Result<Stored, StoreError> {
        let bytes = in_memory(&document.content)?;
        let stored = StoredDocument {
            field: document.slot.field.clone(),
            file_name: document.file_name.clone(),
            bytes: document.content.bytes(),
            sha256: document.sha256,
            stored_at: document.stored_at,
            import: document.import,
        };
        let object = MemoryDocument { key: document.key.clone(), bytes: bytes.to_vec(), stored };
        let mut documents = lock(&self.0);
        if documents.get(&document.slot).is_some_and(|before| before.stored.import > document.import) {
            return Ok(Stored::Superseded);
        }
        Ok(match documents.insert(document.slot.clone(), object) {
            Some(before) if before.key != document.key => Stored::Replaced,
            _ => Stored::Uploaded,
        })
    }

    async fn read(&self, slot: &Slot) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(lock(&self.0).get(slot).map(|document| document.bytes.clone()))
    }

    async fn is_taken(&self, slot: &Slot) -> Result<bool, StoreError> {
        Ok(lock(&self.0).contains_key(slot))
    }

    async fn link(&self, slot: &Slot, file_name: &str) -> Result<Option<Link>, StoreError> {
        let documents = lock(&self.0);
        let found = documents.get(slot).filter(|document| document.stored.file_name == file_name);
        Ok(found.map(|document| Link::new(format!("memory:{}", document.key.as_str()))))
    }

    async fn list(&self, person: &PersonKey) -> Result<Vec<StoredDocument>, StoreError> {
        let documents = lock(&self.0);
        let theirs = documents.iter().filter(|(slot, _)| slot.person == *person);
        let mut list: Vec<_> = theirs.map(|(_, document)| document.stored.clone()).collect();
        list.sort_by(StoredDocument::in_order);
        Ok(list)
    }

    async fn delete(&self, slot: &Slot, file_name: &str, _: ImportId) -> Result<bool, StoreError> {
        let mut documents = lock(&self.0);
        let found = documents.get(slot).is_some_and(|document| document.stored.file_name == file_name);
        if found {
            documents.remove(slot);
        }
        Ok(found)
    }

    /// Here bytes and slot are one.
    async fn sweep(&self, _: Timestamp, _: Option<usize>) -> Result<usize, StoreError> {
        Ok(0)
    }
}

/// A directory in memory.
#[derive(Debug, Default)]
pub struct MemoryDirectory(Mutex<HashMap<Identifier, Person>>);

impl MemoryDirectory {
    fn put(people: &mut HashMap<Identifier, Person>, person: &Person) {
        for identifier in person.identifiers() {
            people.insert(identifier, person.clone());
        }
    }
}

#[async_trait]
impl Directory for MemoryDirectory {
    async fn resolve(&self, identifiers: &[Identifier]) -> Result<HashMap<Identifier, Person>, StoreError> {
        let people = lock(&self.0);
        let known = |identifier: &Identifier| Some((identifier.clone(), people.get(identifier)?.clone()));
        Ok(identifiers.iter().filter_map(known).collect())
    }

    async fn learn(&self, target: &TargetName, seen: &[Sighting]) -> Result<Vec<Person>, StoreError> {
        let mut people = lock(&self.0);
        let mut learnt = Vec::with_capacity(seen.len());
        for sighting in seen {
            let by_key = people.values().find(|person| person.keys.get(target) == Some(&sighting.key));
            let by_key = by_key.cloned();
            let merged = merge(|identifier| people.get(identifier), by_key.as_ref(), target, sighting);
            let Merged { person, stale, robbed } = merged;
            stale.iter().for_each(|identifier| drop(people.remove(identifier)));
            for identifier in robbed.iter().flat_map(Person::identifiers) {
                if people.get(&identifier) == by_key.as_ref() {
                    people.extend(robbed.clone().map(|robbed| (identifier, robbed)));
                }
            }
            Self::put(&mut people, &person);
            learnt.push(person);
        }
        Ok(learnt)
    }

    async fn forget(&self, target: &TargetName, key: &NativeKey) -> Result<(), StoreError> {
        lock(&self.0).retain(|_, person| {
            let known = person.keys.get(target) == Some(key);
            if known {
                person.keys.remove(target);
            }
            !known || !person.keys.is_empty()
        });
        Ok(())
    }

    async fn release(&self, identifiers: &[Identifier]) -> Result<(), StoreError> {
        lock(&self.0).retain(|identifier, _| !identifiers.contains(identifier));
        Ok(())
    }
}

/// API keys in memory.
#[derive(Debug, Default)]
pub struct MemoryKeys(Mutex<HashMap<KeyHash, ApiKey>>);

#[async_trait]
impl Keys for MemoryKeys {
    async fn find(&self, hash: &KeyHash) -> Result<Option<ApiKey>, StoreError> {
        Ok(lock(&self.0).get(hash).cloned())
    }

    async fn create(&self, key: &ApiKey) -> Result<Created, StoreError> {
        let mut keys = lock(&self.0);
        if keys.contains_key(&key.hash) {
            return Ok(Created::Before);
        }
        keys.insert(key.hash.clone(), key.clone());
        Ok(Created::New)
    }

    async fn list(&self) -> Result<Vec<ApiKey>, StoreError> {
        let mut keys: Vec<_> = lock(&self.0).values().cloned().collect();
        keys.sort_by_key(|key| (key.created_at, key.hash.0));
        Ok(keys)
    }

    async fn revoke(&self, hash: &KeyHash) -> Result<Revoked, StoreError> {
        let mut keys = lock(&self.0);
        let Some(key) = keys.get_mut(hash) else { return Ok(Revoked::Unknown) };
        key.revoked = true;
        Ok(Revoked::Revoked)
    }

    async fn used(&self, hash: &KeyHash, hour: Timestamp) -> Result<(), StoreError> {
        if let Some(key) = lock(&self.0).get_mut(hash) {
            key.last_used = key.last_used.max(Some(hour));
        }
        Ok(())
    }
}

/// Leases in memory, by the time of a clock.
pub struct MemoryLeases {
    clock: Arc<dyn Clock>,
    held: Mutex<HashMap<String, (LeaseHolder, Timestamp)>>,
    announced: Mutex<HashMap<String, Timestamp>>,
}

impl MemoryLeases {
    /// Nobody holds any.
    pub fn new(clock: Arc<dyn Clock>) -> MemoryLeases {
        MemoryLeases { clock, held: Mutex::default(), announced: Mutex::default() }
    }
}

#[async_trait]
impl Leases for MemoryLeases {
    async fn take(&self, name: &str, holder: &LeaseHolder, until: Timestamp) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let mut held = lock(&self.held);
        if held.get(name).is_some_and(|(other, until)| other != holder && *until > now) {
            return Ok(false);
        }
        held.insert(name.to_owned(), (holder.clone(), until));
        Ok(true)
    }

    async fn give_back(&self, name: &str, holder: &LeaseHolder) -> Result<(), StoreError> {
        let mut held = lock(&self.held);
        if held.get(name).is_some_and(|(other, _)| other == holder) {
            held.remove(name);
        }
        Ok(())
    }

    async fn announce(&self, name: &str, until: Timestamp) -> Result<(), StoreError> {
        let mut announced = lock(&self.announced);
        let before = announced.entry(name.to_owned()).or_insert(until);
        *before = until.max(*before);
        Ok(())
    }

    async fn is_announced(&self, name: &str) -> Result<bool, StoreError> {
        let now = self.clock.now();
        Ok(lock(&self.announced).get(name).is_some_and(|until| *until > now))
    }
}

/// A clock that stands still, but for those who sleep: a sleep ends at once and moves it on.
#[derive(Debug)]
pub struct ManualClock(Mutex<Timestamp>);

impl ManualClock {
    /// A clock that shows this moment.
    pub fn at(moment: Timestamp) -> ManualClock {
        ManualClock(Mutex::new(moment))
    }

    /// Moves the clock on to a later moment.
    pub fn advance_to(&self, moment: Timestamp) {
        let mut now = lock(&self.0);
        *now = moment.max(*now);
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *lock(&self.0)
    }

    async fn sleep_until(&self, moment: Timestamp) {
        self.advance_to(moment);
    }
}

/// A spool that keeps even large files in memory.
#[derive(Debug, Default)]
pub struct MemorySpool;

impl Spool for MemorySpool {
    fn begin(&self, bytes: &[u8]) -> Result<Box<dyn Spooled>, StoreError> {
        Ok(Box::new(MemorySpooled(bytes.to_vec())))
    }
}

struct MemorySpooled(Vec<u8>);

impl Spooled for MemorySpooled {
    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Content, StoreError> {
        Ok(Content::Memory(self.0.into()))
    }
}
