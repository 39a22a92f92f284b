//! The credentials in Secrets Manager: one secret for all targets, so that one call reads them and one right opens them.

use async_trait::async_trait;
use aws_sdk_secretsmanager::Client;
use people_core::error::StoreError;

use super::{InvalidSecrets, READ, SecretSource, Secrets};
use crate::aws::secrets_manager_failed;

/// The secret of this ARN or name: a text such as [`Secrets::parse`] takes.
pub(super) struct ManagedSecrets {
    client: Client,
    secret: String,
}

impl ManagedSecrets {
    pub(super) fn new(client: Client, secret: String) -> ManagedSecrets {
        ManagedSecrets { client, secret }
    }
}

#[async_trait]
impl SecretSource for ManagedSecrets {
    async fn read(&self) -> Result<Secrets, StoreError> {
        let answer = self.client.get_secret_value().secret_id(&self.secret).send().await;
        let answer = answer.map_err(|error| secrets_manager_failed(READ, &error))?;
        let text = answer.secret_string().ok_or(InvalidSecrets);
        text.and_then(|text| Secrets::parse(text.as_bytes())).map_err(|error| StoreError::new(READ, error))
    }
}
