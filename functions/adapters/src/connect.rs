//! Puts the parts together: from settings to everything that an entry point works with.

use std::sync::Arc;

use people_core::error::StoreError;
use people_core::ports::{App, Clock};
use people_core::profile::{InvalidDefinition, Profile};

use crate::aws;
use crate::config::{Config, PROFILE_DEFINITION, TARGETS};
use crate::dynamodb::{DynamoDirectory, DynamoImports, DynamoKeys};
use crate::http::KeyCache;
use crate::s3::{S3Documents, read_object};
use crate::system::{FileSpool, SystemClock};
use crate::targets::config::InvalidTargets;
use crate::targets::{self, Context};

/// Why a process cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The configuration could not be read from the bucket.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no object of this key in the bucket.
    #[error("there is no {0} in the bucket")]
    Missing(&'static str),
    /// The profile definition contradicts itself.
    #[error(transparent)]
    Definition(#[from] InvalidDefinition),
    /// The targets contradict themselves or the profile definition.
    #[error(transparent)]
    Targets(#[from] InvalidTargets),
}

/// Makes the clients, reads the configuration from the bucket and checks it.
pub async fn connect(config: &Config) -> Result<App, ConnectError> {
    let aws = aws::connect(&config.aws).await;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let (definition, targets) = tokio::join!(
        read_object(&aws.s3, &config.bucket, PROFILE_DEFINITION),
        read_object(&aws.s3, &config.bucket, TARGETS)
    );
    let profile = Profile::parse(&definition?.ok_or(ConnectError::Missing(PROFILE_DEFINITION))?)?;
    let context = Context {
        secrets: config.secrets.clone(),
        simulators: config.simulators.clone(),
        clock: Arc::clone(&clock),
    };
    let targets = targets::connect(&targets?.ok_or(ConnectError::Missing(TARGETS))?, &profile, context)?;
    let keys = Arc::new(DynamoKeys::new(aws.dynamodb.clone(), &config.tables, Arc::clone(&clock)));
    Ok(App {
        profile: Arc::new(profile),
        targets: targets.into(),
        imports: Arc::new(DynamoImports::new(
            aws.dynamodb.clone(),
            &config.tables,
            Arc::clone(&clock),
            config.retention,
        )),
        documents: Arc::new(S3Documents::new(
            aws.s3,
            config.bucket.clone(),
            aws.dynamodb.clone(),
            &config.tables,
        )),
        directory: Arc::new(DynamoDirectory::new(aws.dynamodb, &config.tables, Arc::clone(&clock))),
        keys: Arc::new(KeyCache::new(keys, Arc::clone(&clock))),
        clock,
        spool: Arc::new(FileSpool),
    })
}
