//! The credentials of the targets: read where they are kept, remembered, and read again when a target refuses them, so that
//! a secret that was changed heals by itself.

mod file;
mod managed;

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use people_core::error::StoreError;
use people_core::ports::Clock;
use people_core::time::Timestamp;
use serde_json::value::RawValue;

use crate::aws::Aws;
use crate::secret::Secret;

use file::FileSecrets;
use managed::ManagedSecrets;

/// What is done where a [`SecretSource`] is read, as the words that follow "could not".
const READ: &str = "read the credentials of the targets";
/// How often a store is read at most because a target refused what it holds: a wrong key is refused at each log-in, and
/// a changed one need not be found sooner.
const PACE: Duration = Duration::from_secs(10);

/// Where the settings say that the credentials are.
#[derive(Debug, Clone)]
pub enum SecretsAt {
    /// In the settings themselves.
    Settings(Secrets),
    /// In the secret of Secrets Manager that has this ARN or name.
    Manager(String),
    /// In a file, which need not be there.
    File(PathBuf),
}

/// The credentials of all targets, by the names that `targets.json` gives them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Secrets(HashMap<String, Secret>);

/// The credentials are not a JSON object of objects. What was wrong with them is not told, as that would show them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the credentials are not a JSON object with an object for each name")]
pub struct InvalidSecrets;

impl Secrets {
    /// Reads `{"NAME": {…}}`; what is in the inner object depends on the kind of target that uses it. For Aktion it is
    /// `{"userLogin": "…", "apiKey": "…"}`.
    ///
    /// # Errors
    /// When it is no such JSON.
    pub fn parse(json: &[u8]) -> Result<Secrets, InvalidSecrets> {
        let all: HashMap<String, Box<RawValue>> = serde_json::from_slice(json).map_err(|_| InvalidSecrets)?;
        if all.values().any(|one| !one.get().starts_with('{')) {
            return Err(InvalidSecrets);
        }
        Ok(Secrets(all.into_iter().map(|(name, one)| (name, Secret::new(one.get().to_owned()))).collect()))
    }

    /// The credentials of this name, as JSON.
    pub fn get(&self, name: &str) -> Option<&Secret> {
        self.0.get(name)
    }
}

/// Where the credentials are kept.
#[async_trait]
pub trait SecretSource: Send + Sync {
    /// Reads all of them, as they are now.
    ///
    /// # Errors
    /// When they cannot be read, or are no such JSON as [`Secrets::parse`] takes.
    async fn read(&self) -> Result<Secrets, StoreError>;
}

#[async_trait]
impl SecretSource for Secrets {
    async fn read(&self) -> Result<Secrets, StoreError> {
        Ok(self.clone())
    }
}

/// The credentials as they were read last, shared by all targets of a process.
pub struct SecretStore {
    source: Box<dyn SecretSource>,
    known: Mutex<Option<Arc<Secrets>>>,
    /// How many reads have ended.
    reads: AtomicU64,
    /// Held by whoever reads; those who come meanwhile take what came of it.
    gate: tokio::sync::Mutex<Last>,
    /// What the pace of reads is kept by; there is none without it.
    clock: Option<Arc<dyn Clock>>,
}

/// The last read.
#[derive(Default)]
struct Last {
    has_failed: bool,
    /// When one was last begun because of a refusal.
    asked_at: Option<Timestamp>,
}

/// Why the credentials are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reason {
    /// A start, or a new configuration.
    Due,
    /// A target refused what is known of them, or its name is not among them.
    Refused,
}

impl SecretStore {
    /// What is kept where the settings say it. In Secrets Manager, refusals have it read once in ten seconds at most.
    /// Nothing is called yet.
    pub fn at(place: &SecretsAt, aws: &Aws, clock: &Arc<dyn Clock>) -> SecretStore {
        match place {
            SecretsAt::Settings(secrets) => SecretStore::fixed(secrets.clone()),
            SecretsAt::File(file) => SecretStore::new(FileSecrets(file.clone())),
            SecretsAt::Manager(secret) => {
                let managed = ManagedSecrets::new(aws.secrets_manager.clone(), secret.clone());
                SecretStore::new(managed).paced(Arc::clone(clock))
            }
        }
    }

    /// What is kept there; nothing is read yet.
    pub fn new(source: impl SecretSource + 'static) -> SecretStore {
        SecretStore {
            source: Box::new(source),
            known: Mutex::default(),
            reads: AtomicU64::default(),
            gate: tokio::sync::Mutex::default(),
            clock: None,
        }
    }

    /// The same, read at most once in ten seconds because of refusals.
    pub fn paced(self, clock: Arc<dyn Clock>) -> SecretStore {
        SecretStore { clock: Some(clock), ..self }
    }

    /// Credentials that are known and never change, as tests and the environment have them.
    pub fn fixed(secrets: Secrets) -> SecretStore {
        let store = SecretStore::new(secrets.clone());
        *store.lock() = Some(Arc::new(secrets));
        store
    }

    /// What was read last; `None` where nothing was.
    pub fn known(&self) -> Option<Arc<Secrets>> {
        self.lock().clone()
    }

    /// Reads them anew. What is known stays known where that fails.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn refresh(&self) -> Result<Arc<Secrets>, StoreError> {
        self.read(Reason::Due).await
    }

    async fn read(&self, reason: Reason) -> Result<Arc<Secrets>, StoreError> {
        let before = self.reads.load(Ordering::Acquire);
        let mut last = self.gate.lock().await;
        let now = self.clock.as_ref().filter(|_| reason == Reason::Refused).map(|clock| clock.now());
        let is_soon = |now: Timestamp| last.asked_at.is_some_and(|asked_at| now.since(asked_at) < PACE);
        // Somebody else has read them while this one waited, or a moment ago.
        if self.reads.load(Ordering::Acquire) != before || now.is_some_and(is_soon) {
            let known = self.known().filter(|_| !last.has_failed);
            return known.ok_or_else(|| StoreError::new(READ, "the last attempt has failed a moment ago"));
        }
        let is_first = self.known().is_none();
        last.asked_at = now.or(last.asked_at);
        // A read that is given up in the middle has failed too.
        last.has_failed = true;
        let read = self.source.read().await;
        self.reads.fetch_add(1, Ordering::Release);
        let read = Arc::new(read?);
        last.has_failed = false;
        if is_first {
            // It has not been refused yet.
            last.asked_at = None;
        }
        *self.lock() = Some(Arc::clone(&read));
        Ok(read)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Secrets>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for SecretStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretStore(***)")
    }
}

/// The credentials of one target.
#[derive(Clone)]
pub struct Credentials {
    store: Arc<SecretStore>,
    name: Arc<str>,
}

/// Why there are no credentials to log in with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoCredentials {
    /// Nothing is kept under their name.
    Missing,
    /// They cannot be read just now.
    Unavailable,
}

impl Credentials {
    /// Those of this name.
    pub fn new(store: Arc<SecretStore>, name: &str) -> Credentials {
        Credentials { store, name: name.into() }
    }

    /// The credentials as JSON: as they were read last, or read now.
    ///
    /// # Errors
    /// When there are none, or they cannot be read.
    pub async fn get(&self) -> Result<Secret, NoCredentials> {
        if let Some(known) = self.store.known()
            && let Some(secret) = known.get(&self.name)
        {
            return Ok(secret.clone());
        }
        self.read().await?.get(&self.name).cloned().ok_or(NoCredentials::Missing)
    }

    /// Other credentials than those that the target refused: what was read meanwhile, or else what is read now. `None`
    /// where they are still the same, or cannot be read.
    pub async fn other_than(&self, refused: &Secret) -> Option<Secret> {
        let other = |secrets: &Secrets| secrets.get(&self.name).filter(|now| *now != refused).cloned();
        if let Some(newer) = self.store.known().as_deref().and_then(other) {
            return Some(newer);
        }
        other(&*self.read().await.ok()?)
    }

    async fn read(&self) -> Result<Arc<Secrets>, NoCredentials> {
        self.store.read(Reason::Refused).await.map_err(|error| {
            tracing::warn!(%error, "the credentials of the targets could not be read");
            NoCredentials::Unavailable
        })
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({}: ***)", self.name)
    }
}
