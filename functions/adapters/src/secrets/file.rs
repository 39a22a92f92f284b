//! The credentials in a file, for the local stack: whoever edits it has them used without a new start.

use std::fmt::Display;
use std::io::ErrorKind;
use std::path::PathBuf;

use async_trait::async_trait;
use people_core::error::StoreError;

use super::{READ, SecretSource, Secrets};

/// This file; there are no credentials while it is not there.
pub(super) struct FileSecrets(pub(super) PathBuf);

#[async_trait]
impl SecretSource for FileSecrets {
    async fn read(&self) -> Result<Secrets, StoreError> {
        // It is small and on this machine, so that nobody waits for it.
        let failed = |fault: &dyn Display| StoreError::new(READ, format!("{}: {fault}", self.0.display()));
        match std::fs::read(&self.0) {
            Ok(json) => Secrets::parse(&json).map_err(|fault| failed(&fault)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Secrets::default()),
            Err(error) => Err(failed(&error)),
        }
    }
}
