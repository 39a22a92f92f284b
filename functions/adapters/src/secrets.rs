//! The credentials of the targets: read where they are kept, remembered, and read again when a target refuses them, so that
//! a secret that was changed heals by itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use people_core::error::StoreError;
use serde_json::value::RawValue;

use crate::secret::Secret;

/// The credentials of all targets, by the names that `targets.json` gives them.
#[derive(Debug, Clone, Default)]
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
    /// Held by whoever reads; those who come meanwhile take what was read.
    gate: tokio::sync::Mutex<()>,
}

impl SecretStore {
    /// What is kept there; nothing is read yet.
    pub fn new(source: impl SecretSource + 'static) -> SecretStore {
        SecretStore { source: Box::new(source), known: Mutex::default(), gate: tokio::sync::Mutex::default() }
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
        let before = self.known();
        let _gate = self.gate.lock().await;
        // Somebody else has read them while this one waited.
        if let Some(now) = self.known()
            && before.as_ref().is_none_or(|before| !Arc::ptr_eq(before, &now))
        {
            return Ok(now);
        }
        let read = Arc::new(self.source.read().await?);
        *self.lock() = Some(Arc::clone(&read));
        Ok(read)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Secrets>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// Reads them again because the target refused these; `None` where they are still the same, or cannot be read.
    pub async fn other_than(&self, refused: &Secret) -> Option<Secret> {
        let read = self.read().await.ok()?;
        read.get(&self.name).filter(|now| *now != refused).cloned()
    }

    async fn read(&self) -> Result<Arc<Secrets>, NoCredentials> {
        self.store.refresh().await.map_err(|error| {
            tracing::warn!(%error, "the credentials of the targets could not be read");
            NoCredentials::Unavailable
        })
    }
}
