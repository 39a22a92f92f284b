//! Puts the parts together: from settings to everything that an entry point works with.

use std::sync::Arc;
use std::time::Duration;

use people_core::error::StoreError;
use people_core::memory::MemoryLeases;
use people_core::ports::{App, Clock, ConfiguredTarget, Leases};

use crate::aws::{self, Aws};
use crate::config::Config;
use crate::configuration::{Pair, Refused, Source};
use crate::dynamodb::{DynamoDirectory, DynamoImports, DynamoKeys, DynamoLeases, DynamoUndelivered};
use crate::dynamodb::{DynamoRates, DynamoRepeats, DynamoSessions};
use crate::http::KeyCache;
use crate::live::Live;
use crate::s3::{S3Bodies, S3Documents, S3Inbox};
use crate::secrets::SecretStore;
use crate::system::{FileSpool, SystemClock};
use crate::targets::{Context, Engines};

/// How long the configuration may take at a start. Lambda ends a function that is not ready after ten seconds, and then
/// nobody would be told why.
const LONGEST_START: Duration = Duration::from_secs(9);

/// Why a process cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The configuration could not be read from the bucket.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The configuration is not good, nor is any of its earlier versions.
    #[error("{0}\nnone of its earlier versions in the bucket is good either")]
    NoneGood(Refused),
    /// The configuration is not good, and its earlier versions could not be read.
    #[error("{0}\nand its earlier versions are not known: {1}")]
    Unknown(Refused, #[source] StoreError),
    /// The bucket sends too slowly.
    #[error("the configuration could not be read from the bucket in {} seconds", LONGEST_START.as_secs())]
    TooSlow,
}

/// Makes the clients, reads the configuration from the bucket and checks it; where it is not good, the newest good one is
/// used. The credentials are read beside it; where they cannot be, they are read again when a target needs them.
///
/// # Errors
/// When the bucket cannot be read, or holds no good configuration.
pub async fn connect(config: &Config) -> Result<Live, ConnectError> {
    connect_by(config, Arc::new(SystemClock::default())).await
}

/// [`connect`], by the time of this clock.
///
/// # Errors
/// As there.
pub async fn connect_by(config: &Config, clock: Arc<dyn Clock>) -> Result<Live, ConnectError> {
    let aws = aws::connect(&config.aws).await;
    let source = Source { s3: aws.s3.clone(), bucket: config.bucket.clone() };
    let leases = DynamoLeases::new(aws.dynamodb.clone(), &config.tables, Arc::clone(&clock));
    let context = context(config, &aws, (Arc::new(leases), Arc::clone(&clock)));
    let start = Live::start(source, context, stores(config, aws, clock));
    tokio::time::timeout(LONGEST_START, start).await.unwrap_or(Err(ConnectError::TooSlow))
}

/// What a function works with that reads logs and delivers nothing: no configuration is read, there are no targets.
pub async fn connect_to_logs(config: &Config) -> App {
    stores(config, aws::connect(&config.aws).await, Arc::new(SystemClock::default()))
}

/// Checks a configuration as [`connect`] does, before it is put into the bucket. The credentials have to be there.
///
/// # Errors
/// Everything that is wrong with it, or with the credentials.
pub async fn check(config: &Config, definition: &[u8], targets: &[u8]) -> Result<(), Refused> {
    connect_to_targets(config, definition, targets).await.map(drop)
}

/// The targets alone, for whoever asks them who they know and updates nobody: their leases keep no other process off.
///
/// # Errors
/// Everything that is wrong with the configuration, or with the credentials.
pub async fn connect_to_targets(
    config: &Config,
    definition: &[u8],
    targets: &[u8],
) -> Result<Arc<[ConfiguredTarget]>, Refused> {
    let aws = aws::connect(&config.aws).await;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let leases = Arc::new(MemoryLeases::new(Arc::clone(&clock)));
    let context = context(config, &aws, (leases, clock));
    context.secrets.refresh().await.map_err(|error| Refused(vec![error.to_string()]))?;
    let [definition, targets] = [definition, targets].map(|bytes| Some(bytes.to_vec().into()));
    Pair { definition, targets }.check(&context).map(|good| good.targets)
}

fn context(config: &Config, aws: &Aws, (leases, clock): (Arc<dyn Leases>, Arc<dyn Clock>)) -> Context {
    Context {
        secrets: Arc::new(SecretStore::at(&config.secrets, aws, &clock)),
        simulators: config.simulators.clone(),
        clock,
        engines: Engines::default(),
        leases,
        share: config.share,
    }
}

fn stores(config: &Config, aws: Aws, clock: Arc<dyn Clock>) -> App {
    let keys = Arc::new(DynamoKeys::new(aws.dynamodb.clone(), &config.tables, Arc::clone(&clock)));
    let repeats = DynamoRepeats::new(aws.dynamodb.clone(), &config.tables, Arc::clone(&clock));
    let undelivered = DynamoUndelivered::new(aws.dynamodb.clone(), &config.tables, Arc::clone(&clock));
    let leases = DynamoLeases::new(aws.dynamodb.clone(), &config.tables, Arc::clone(&clock));
    let rates = DynamoRates::new(aws.dynamodb.clone(), &config.tables, Arc::clone(&clock));
    let sessions = DynamoSessions::new(aws.dynamodb.clone(), &config.tables, Arc::clone(&clock));
    let bodies = S3Bodies::new(aws.s3.clone(), config.bucket.clone(), Arc::clone(&clock));
    let inbox = S3Inbox::new(aws.s3.clone(), config.bucket.clone());
    App {
        profile: Arc::default(),
        targets: Arc::default(),
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
        repeats: Arc::new(repeats),
        clock,
        spool: Arc::new(FileSpool),
        undelivered: Arc::new(undelivered),
        leases: Arc::new(leases),
        bodies: Arc::new(bodies),
        inbox: Arc::new(inbox),
        rates: Arc::new(rates),
        requests_per_minute: config.requests_per_minute,
        sessions: Arc::new(sessions),
    }
}
