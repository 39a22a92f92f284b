//! What the rules need from outside, in our own words. Each port has an in-memory twin (`memory.rs`) and a real adapter,
//! and one suite of tests that both pass.

mod bodies;
mod imports;
mod inbox;
mod rates;
mod repeats;
mod sessions;
mod undelivered;

use std::collections::{BTreeSet, HashMap};
use std::num::NonZeroU32;
use std::sync::Arc;

use async_trait::async_trait;

use crate::document::{Document, Link, Slot, Spool, StoredDocument};
use crate::error::StoreError;
use crate::id::ImportId;
use crate::log::Outcome;
use crate::person::{Identifier, NativeKey, Person, PersonKey, TargetName};
use crate::profile::Profile;
use crate::time::Timestamp;
use crate::update::Change;

pub use crate::key::{ApiKey, Feature, KeyHash};
pub use bodies::{Announced, Bodies, SignedPut, StagedBody};
pub use imports::{Claim, Claimed, Imports, IndexEntry, Opened, Page};
pub use inbox::{Inbox, InboxFile};
pub use rates::Rates;
pub use repeats::{Attempt, FirstAnswer, REPEATED_FOR, RepeatKey, RepeatRecord, Repeated, Repeats};
pub use sessions::Sessions;
pub use undelivered::{Undelivered, WaitingPage};

/// Everything that an entry point works with. Made once per process, shared by all requests.
#[derive(Clone)]
pub struct App {
    /// Which fields a person may have.
    pub profile: Arc<Profile>,
    /// The configured targets, in the order of the configuration.
    pub targets: Arc<[ConfiguredTarget]>,
    /// The import logs.
    pub imports: Arc<dyn Imports>,
    /// The stored PDFs.
    pub documents: Arc<dyn Documents>,
    /// Who is known.
    pub directory: Arc<dyn Directory>,
    /// The API keys.
    pub keys: Arc<dyn Keys>,
    /// The requests that may be sent again.
    pub repeats: Arc<dyn Repeats>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where large files wait while a request is read.
    pub spool: Arc<dyn Spool>,
    /// The updates that have not arrived yet.
    pub undelivered: Arc<dyn Undelivered>,
    /// Who may do what just now.
    pub leases: Arc<dyn Leases>,
    /// The bodies that wait to be imported.
    pub bodies: Arc<dyn Bodies>,
    /// The files that wait to be imported.
    pub inbox: Arc<dyn Inbox>,
    /// How often things happen.
    pub rates: Arc<dyn Rates>,
    /// The most requests that each API key may send in a minute; any number where there is none.
    pub requests_per_minute: Option<NonZeroU32>,
    /// Who has signed in to the console.
    pub sessions: Arc<dyn Sessions>,
}

/// A target and what it is for.
#[derive(Clone)]
pub struct ConfiguredTarget {
    /// Its name, unique.
    pub name: TargetName,
    /// The profile fields that it takes.
    pub fields: BTreeSet<Arc<str>>,
    /// The target itself.
    pub api: Arc<dyn Target>,
}

/// The stored PDFs.
#[async_trait]
pub trait Documents: Send + Sync {
    /// Stores a document in its slot: first the object, then the record, so that a document is there whole or not at
    /// all. What was in the slot before is gone then.
    async fn store(&self, document: &Document) -> Result<Stored, StoreError>;

    /// The bytes in this slot.
    async fn read(&self, slot: &Slot) -> Result<Option<Vec<u8>>, StoreError>;

    /// Whether a document is in this slot. One read, which whoever may store a document there may do too.
    async fn is_taken(&self, slot: &Slot) -> Result<bool, StoreError>;

    /// A link to the document of this name in this slot; `None` where there is none.
    async fn link(&self, slot: &Slot, file_name: &str) -> Result<Option<Link>, StoreError>;

    /// Every document of a person, sorted by field, then by file name.
    async fn list(&self, person: &PersonKey) -> Result<Vec<StoredDocument>, StoreError>;

    /// Takes the document of this name out of this slot, and says whether there was one. One that is stored there
    /// meanwhile is either deleted too or stays whole. `import` names the request where an operator has to hear of it.
    async fn delete(&self, slot: &Slot, file_name: &str, import: ImportId) -> Result<bool, StoreError>;

    /// Deletes the bytes that no slot leads to and that were stored before then, and says of how many files: their writer
    /// died before they were in their slot, or their deletion failed. What is left where it is dropped before it ends, the
    /// next call finds.
    ///
    /// # Errors
    /// When a store fails, and where more than `most` files are in no slot; without that, where none is in one, or more than ten
    /// and more than one in a hundred are in none. Nothing is deleted then.
    async fn sweep(&self, stored_before: Timestamp, most: Option<usize>) -> Result<usize, StoreError>;
}

/// Whether a slot was free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// It was.
    Uploaded,
    /// Another document was in it, and is gone.
    Replaced,
    /// A document of a later import is in it, and stays; nothing was stored.
    Superseded,
}

/// Who is known, under which identifiers, at which target. It holds identifiers, nothing else.
#[async_trait]
pub trait Directory: Send + Sync {
    /// The people whom these identifiers lead to; unknown ones are left out.
    async fn resolve(&self, identifiers: &[Identifier]) -> Result<HashMap<Identifier, Person>, StoreError>;

    /// Takes over what a target says about people and gives back each of them as known now, in the same order.
    async fn learn(&self, target: &TargetName, seen: &[Sighting]) -> Result<Vec<Person>, StoreError>;

    /// Takes out what `target` calls a person, because it said that there is no such person; with the last key the person
    /// goes too.
    async fn forget(&self, target: &TargetName, key: &NativeKey) -> Result<(), StoreError>;

    /// Takes out identifiers that several people have: they lead to nobody.
    async fn release(&self, identifiers: &[Identifier]) -> Result<(), StoreError>;
}

/// A person as one target knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// What the target calls the person.
    pub key: NativeKey,
    /// The employeeId, where the target has it.
    pub employee_id: Option<String>,
    /// The UPN in lower case, where the target has it.
    pub upn: Option<String>,
}

impl Sighting {
    /// The identifiers that the target has, the employeeId first.
    pub fn identifiers(&self) -> impl Iterator<Item = Identifier> {
        let employee_id = self.employee_id.clone().map(Identifier::EmployeeId);
        employee_id.into_iter().chain(self.upn.clone().map(Identifier::Upn))
    }
}

/// One people API. No call ever fails: what went wrong is part of the answer. A call ends soon after `until`.
#[async_trait]
pub trait Target: Send + Sync {
    /// Looks people up, one answer for each identifier, in order.
    async fn find(&self, identifiers: &[Identifier], until: Timestamp) -> Vec<Found>;

    /// Everybody whom the target knows.
    async fn list(&self, until: Timestamp) -> Listing;

    /// Delivers updates, one outcome for each, in order. Updates of the same person are applied one after another, in
    /// the order given; after one that is deferred, the later ones of that person are deferred too.
    async fn deliver(&self, updates: &[PersonUpdate], until: Timestamp) -> Vec<Outcome>;

    /// What would become of these updates, one outcome for each, in order, and each as if it was the only one. Nothing is
    /// written. A target that cannot be read says that every field may change.
    async fn preview(&self, updates: &[PersonUpdate], _until: Timestamp) -> Vec<Outcome> {
        updates.iter().map(PersonUpdate::may_change).collect()
    }
}

/// What a target says to an identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// This person has it.
    Person(Sighting),
    /// Nobody has it.
    Nobody,
    /// More than one person has it, so nobody is meant.
    Several,
    /// This target does not know that kind of identifier.
    CannotTell,
    /// The target could not be asked: why, as a sentence without names.
    Unavailable(String),
}

/// The people of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listing {
    /// All of them.
    Everybody(Vec<Sighting>),
    /// This target has no list.
    CannotList,
    /// The target could not be asked: why.
    Unavailable(String),
}

/// A person update on its way to one target.
#[derive(Debug, Clone)]
pub struct PersonUpdate {
    /// The import that it is part of, named in each call, so that both sides can be searched for it.
    pub import: ImportId,
    /// What the target calls the person.
    pub key: NativeKey,
    /// The fields that the target takes, in the order sent.
    pub changes: Vec<Change>,
    /// The people whom values of type `PersonIdentifier` in `changes` name, by the text that names them.
    pub people: Arc<HashMap<String, Reference>>,
}

/// A person whom a value names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// What the target calls this person; `None` where the target does not know them.
    pub key: Option<NativeKey>,
    /// The employeeId, where it is known.
    pub employee_id: Option<String>,
    /// The UPN in lower case, where it is known.
    pub upn: Option<String>,
}

/// Who may do something just now, of all processes. A lease keeps two of them from reading, merging and writing the same
/// record at once; it ends by itself, so that nobody waits for a process that died.
#[async_trait]
pub trait Leases: Send + Sync {
    /// Takes the lease of this name until `until`, unless another holder has it; false where one has. Whoever has it may
    /// take it again, for longer.
    async fn take(&self, name: &str, holder: &LeaseHolder, until: Timestamp) -> Result<bool, StoreError>;

    /// Gives a lease back. Nothing happens where another holder has it by now.
    async fn give_back(&self, name: &str, holder: &LeaseHolder) -> Result<(), StoreError>;

    /// Tells everybody that something goes on until then, whoever else has said so; it is never taken back.
    async fn announce(&self, name: &str, until: Timestamp) -> Result<(), StoreError>;

    /// Whether that was announced, and goes on.
    async fn is_announced(&self, name: &str) -> Result<bool, StoreError>;
}

/// Whoever holds a lease: a text that nobody else uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseHolder(pub String);

/// The API keys.
#[async_trait]
pub trait Keys: Send + Sync {
    /// The key with this hash.
    async fn find(&self, hash: &KeyHash) -> Result<Option<ApiKey>, StoreError>;

    /// Stores a key, on the condition that its hash is new. [`Created::Before`] changes nothing.
    async fn create(&self, key: &ApiKey) -> Result<Created, StoreError>;

    /// Every key, also those that work no more: the oldest first, those of one second in the order of their hashes.
    async fn list(&self) -> Result<Vec<ApiKey>, StoreError>;

    /// Revokes a key for good; doing it again changes nothing.
    async fn revoke(&self, hash: &KeyHash) -> Result<Revoked, StoreError>;

    /// Notes that a key was used in the hour that begins at `hour`. What is noted only ever rises; an unknown key stays
    /// unknown. Nobody waits long for it: a failure costs the note.
    async fn used(&self, hash: &KeyHash, hour: Timestamp) -> Result<(), StoreError>;
}

/// Whether the hash of a key was new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// It was; the key is there now.
    New,
    /// There is a key of this hash already.
    Before,
}

/// Whether there was a key to revoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revoked {
    /// There was; it works no more, however many caches have to forget it first.
    Revoked,
    /// There is no key of this hash.
    Unknown,
}

/// The time.
#[async_trait]
pub trait Clock: Send + Sync {
    /// This moment. It never goes back within a process.
    fn now(&self) -> Timestamp;

    /// Waits until that moment.
    async fn sleep_until(&self, moment: Timestamp);
}
