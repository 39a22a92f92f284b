//! The whole product on this machine: everything is started in order, and stopped tidily.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use dynoxide::Database;
use embedded_s3::Created;
use people_adapters::aws::{self, AwsSettings};
use people_adapters::config::{Config, DEFAULT_RETENTION_DAYS, PROFILE_DEFINITION, TARGETS};
use people_adapters::dynamodb::{DynamoKeys, Tables, create_tables};
use people_adapters::http::Route;
use people_adapters::s3::{create_bucket, read_object, write_object};
use people_adapters::secret::Secret;
use people_adapters::secrets::{Secrets, SecretsAt};
use people_adapters::share::Share;
use people_adapters::system::SystemClock;
use people_adapters::{Live, check};
use people_core::error::StoreError;
use people_core::ports::{ApiKey, Clock, Feature, KeyHash, Keys};
use people_core::time::Timestamp;
use redelivery::Asked;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use crate::failure::{Doing, Failure};
use crate::gateway::Gateway;
use crate::ready::{Ready, Simulating};
use crate::state::State;
use crate::{arrivals, embedded, sample};

pub(crate) const REGION: &str = "eu-central-1";
pub(crate) const BUCKET: &str = "people";
pub(crate) const TABLE_PREFIX: &str = "people";
/// The features that exist; each has a local key.
const FEATURES: [Feature; 3] = [Feature::PeopleImport, Feature::Documents, Feature::ImportLogs];
/// How often the directory is filled.
const SYNC_EVERY: Duration = Duration::from_secs(15 * 60);
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// How often what documents left behind is swept; in the cloud once a day.
const SWEEP_DOCUMENTS_EVERY: Duration = Duration::from_secs(60 * 60);
/// How often what has not arrived is looked at, and how long a run takes at most, as in the cloud.
const REDELIVER_EVERY: Duration = Duration::from_secs(60);
pub(crate) const REDELIVERY_TIME: Duration = Duration::from_secs(300);
/// How often files are taken out of the inbox, and how long a run takes at most, as in the cloud.
const INBOX_EVERY: Duration = Duration::from_secs(5 * 60);
const INBOX_TIME: Duration = Duration::from_secs(15 * 60);
/// How many requests are worked on at once; more wait.
const MOST_AT_ONCE: u32 = 1_000;
/// How long requests that are being worked on are waited for at the end.
const LAST_REQUESTS: Duration = Duration::from_secs(30);

/// What the stack is to be like.
pub struct Options {
    /// Where the API listens.
    pub listen: SocketAddr,
    /// The data folder.
    pub data: PathBuf,
    /// The folder of the configuration; the samples where there is none.
    pub config: Option<PathBuf>,
    /// Which simulators there are.
    pub simulators: Simulators,
    /// Whether Lambda's limits hold.
    pub lambda_limits: bool,
    /// How many requests a minute each API key may send; any number where there is none.
    pub requests_per_minute: Option<NonZeroU32>,
}

/// Which simulated targets there are.
pub enum Simulators {
    /// This stack's own.
    Own,
    /// None.
    None,
    /// Those of a running `people simulate`, whose ready file this is.
    Running(PathBuf),
}

/// What has been started besides the API.
struct Started {
    database: Database,
    dynamodb: String,
    s3: String,
    simulators: BTreeMap<String, String>,
    /// Held so that they run on.
    _own: BTreeMap<String, simulators::Simulator>,
    /// Held so that no other process works on the same data.
    _lock: File,
}

/// The stack, running.
pub struct Stack {
    /// Where everything is.
    pub ready: Ready,
    /// What the data folder remembers.
    pub state: State,
    /// Whether every target is a simulator.
    pub is_simulated: bool,
    /// What its handlers work with.
    pub live: Arc<Live>,
    serving: JoinHandle<()>,
    importing: JoinHandle<()>,
    schedule: JoinHandle<()>,
    permits: Arc<Semaphore>,
    _started: Started,
}

impl Stack {
    /// Starts everything; when it returns, all of it answers, and the directory has been filled once.
    pub async fn start(options: &Options) -> Result<Stack, Failure> {
        let mut state = State::open(&options.data)?;
        let lock = lock(&options.data)?;
        let listener = listen(&mut state, options.listen).await?;
        let api = format!("http://{}", listener.local_addr().doing("read a port")?);
        let (started, arrived) = start(options, &mut state, lock).await?;
        for feature in FEATURES {
            state.key(feature.as_str())?;
        }
        state.simulators.clone_from(&started.simulators);
        state.config = options.config.as_ref().and_then(|folder| folder.canonicalize().ok());
        state.save()?;
        let (live, is_simulated) = connect(options, &state, &started).await?;
        let live = Arc::new(live);
        let permits = Arc::new(Semaphore::new(MOST_AT_ONCE as usize));
        let gateway = Gateway {
            live: Arc::clone(&live),
            lambda_limits: options.lambda_limits,
            permits: Arc::clone(&permits),
        };
        let serving = tokio::spawn(Arc::new(gateway).serve(listener));
        let importing = tokio::spawn(arrivals::import(arrived, Arc::clone(&live), Arc::clone(&permits)));
        // Imports work through look-ups meanwhile.
        sync(&live).await;
        Ok(Stack {
            ready: describe(api, &state, &started),
            state,
            is_simulated,
            serving,
            importing,
            schedule: tokio::spawn(schedule(Arc::clone(&live), started.database.clone())),
            live,
            permits,
            _started: started,
        })
    }

    /// Accepts no more connections, and returns when the requests that are being worked on have been answered.
    pub async fn stop(self) {
        self.schedule.abort();
        self.importing.abort();
        self.serving.abort();
        let _ = self.serving.await;
        let _ = tokio::time::timeout(LAST_REQUESTS, self.permits.acquire_many(MOST_AT_ONCE)).await;
    }
}

/// The API's listener: on the given port, or on port 0 the one of last time.
async fn listen(state: &mut State, address: SocketAddr) -> Result<TcpListener, Failure> {
    if address.port() == 0 {
        return state.listen("api", address.ip()).await;
    }
    TcpListener::bind(address)
        .await
        .doing(format_args!("listen on {address} (--listen 127.0.0.1:0 picks a free port)"))
}

fn lock(data: &Path) -> Result<File, Failure> {
    let lock = File::create(data.join("lock")).doing("make a lock file")?;
    lock.try_lock().map_err(|_| Failure(format!("another `people serve` works on {}", data.display())))?;
    Ok(lock)
}

async fn start(
    options: &Options,
    state: &mut State,
    lock: File,
) -> Result<(Started, UnboundedReceiver<Created>), Failure> {
    let loopback = std::net::IpAddr::from([127, 0, 0, 1]);
    let url = |listener: &TcpListener| listener.local_addr().map(|address| format!("http://{address}"));
    let listener = state.listen("dynamodb", loopback).await?;
    let dynamodb = url(&listener).doing("read a port")?;
    let database = embedded::dynamodb(&options.data, listener)?;
    let listener = state.listen("s3", loopback).await?;
    let s3 = url(&listener).doing("read a port")?;
    let (told, arrived) = unbounded_channel();
    embedded::s3(&options.data, listener, state, told)?;
    let mut own = BTreeMap::new();
    let simulators = match &options.simulators {
        Simulators::None => BTreeMap::new(),
        Simulators::Running(file) => {
            let json = fs::read(file).doing(format_args!("read {}", file.display()))?;
            serde_json::from_slice::<Simulating>(&json)
                .doing(format_args!("read {}", file.display()))?
                .simulators
        }
        Simulators::Own => {
            for (name, start) in simulators::TARGETS {
                let listener = state.listen(name, loopback).await?;
                own.insert(name.to_owned(), start(listener).doing("start the simulators")?);
            }
            own.iter().map(|(name, simulator)| (name.clone(), simulator.url().to_owned())).collect()
        }
    };
    Ok((Started { database, dynamodb, s3, simulators, _own: own, _lock: lock }, arrived))
}

/// Makes tables, bucket and keys where they are missing, puts the configuration into the bucket if it is good, and
/// connects as a function in the cloud would.
async fn connect(options: &Options, state: &State, started: &Started) -> Result<(Live, bool), Failure> {
    let settings = || AwsSettings::At {
        dynamodb: started.dynamodb.clone(),
        s3: started.s3.clone(),
        secrets_manager: None,
        region: REGION.to_owned(),
        access_key_id: state.access_key_id.clone(),
        secret_access_key: Secret::new(state.secret_access_key.clone()),
    };
    let aws = aws::connect(&settings()).await;
    let tables = Tables::with_prefix(TABLE_PREFIX);
    create_tables(&aws.dynamodb, &tables).await.doing("make the tables")?;
    create_bucket(&aws.s3, BUCKET).await.doing("make the bucket")?;
    let (definition, targets) = configuration(options)?;
    let simulated = is_simulated(&targets);
    let clock = Arc::new(SystemClock::default());
    let now = clock.now();
    put_keys(&DynamoKeys::new(aws.dynamodb, &tables, clock), &state.keys, now).await?;
    let config = Config {
        aws: settings(),
        tables,
        bucket: BUCKET.to_owned(),
        retention: Duration::from_secs(DEFAULT_RETENTION_DAYS * 24 * 60 * 60),
        requests_per_minute: options.requests_per_minute,
        secrets: secrets(options.config.as_deref(), simulated)?
            .unwrap_or_else(|| SecretsAt::Settings(Secrets::default())),
        share: Share::ALL,
        simulators: started.simulators.clone().into_iter().collect::<HashMap<_, _>>(),
    };
    check(&config, &definition, &targets).await.map_err(|refused| Failure(refused.to_string()))?;
    store(&aws.s3, PROFILE_DEFINITION, definition).await?;
    store(&aws.s3, TARGETS, targets).await?;
    let live = people_adapters::connect(&config).await.map_err(|error| Failure(error.to_string()))?;
    Ok((live, simulated))
}

/// Stores an object of the configuration, unless it is there already: a start makes no version of its own.
async fn store(s3: &aws_sdk_s3::Client, key: &str, bytes: Vec<u8>) -> Result<(), Failure> {
    let stored = read_object(s3, BUCKET, key).await.doing("read the configuration")?;
    if stored.as_ref() == Some(&bytes) {
        return Ok(());
    }
    write_object(s3, BUCKET, key, bytes).await.doing("store the configuration")
}

/// The configuration: the definition and the targets.
pub(crate) type Files = (Vec<u8>, Vec<u8>);

fn configuration(options: &Options) -> Result<Files, Failure> {
    match &options.config {
        Some(folder) => files(folder),
        None => Ok((sample::PROFILE_DEFINITION.to_vec(), sample::TARGETS.to_vec())),
    }
}

/// The configuration in a folder.
pub(crate) fn files(folder: &Path) -> Result<Files, Failure> {
    let read = |name: &str| {
        let file = folder.join(name);
        fs::read(&file).doing(format_args!("read {}", file.display()))
    };
    Ok((read("profile-definition.json")?, read("targets.json")?))
}

/// Whether every target is a simulator, so that nothing that is made up can reach a real person.
pub(crate) fn is_simulated(targets: &[u8]) -> bool {
    let targets: serde_json::Value = serde_json::from_slice(targets).unwrap_or_default();
    let is_simulator = |target: &serde_json::Value| {
        target["baseUrl"].as_str().is_some_and(|url| url.starts_with("simulator:"))
    };
    targets["targets"].as_array().is_some_and(|targets| targets.iter().all(is_simulator))
}

/// The credentials of the targets: those of the simulators where there is nothing else, else `secrets.json` beside the
/// configuration, so that no real target is ever sent a made-up key. The file is read anew when a target refuses them. `None`
/// where there is no such file.
pub(crate) fn secrets(folder: Option<&Path>, is_simulated: bool) -> Result<Option<SecretsAt>, Failure> {
    if is_simulated {
        return sample::secrets().map(SecretsAt::Settings).map(Some);
    }
    let file = folder.map(|folder| folder.join("secrets.json")).filter(|file| file.exists());
    Ok(file.map(SecretsAt::File))
}

async fn put_keys(
    store: &DynamoKeys,
    keys: &BTreeMap<String, String>,
    now: Timestamp,
) -> Result<(), Failure> {
    for feature in Feature::ALL {
        let Some(key) = keys.get(feature.as_str()) else { continue };
        let name = format!("local-{}", feature.as_str());
        // One that is there already stays as it is: it may have been revoked.
        let key = ApiKey::new(KeyHash::of(key), name, [feature], now);
        store.create(&key).await.doing("store the local keys")?;
    }
    Ok(())
}

/// Fills the directory. Imports work through look-ups where this fails, so it is no reason to stop.
async fn sync(live: &Live) {
    if let Err(error) = directory_sync::handle(&live.app().await).await {
        tracing::warn!(error = %error, "the directory could not be filled");
    }
}

/// Delivers again what has not arrived.
pub(crate) async fn redeliver(live: &Live, asked: Asked) -> Result<redelivery::Summary, StoreError> {
    let app = live.app().await;
    redelivery::handle(&app, asked, app.clock.now().plus(REDELIVERY_TIME)).await
}

/// Imports the files in the inbox.
pub(crate) async fn take_files(live: &Live) -> Result<inbox_import::Summary, StoreError> {
    let app = live.app().await;
    inbox_import::handle(&app, app.clock.now().plus(INBOX_TIME)).await
}

/// What EventBridge does in the cloud, and DynamoDB's time to live.
async fn schedule(live: Arc<Live>, database: Database) {
    tokio::join!(
        every(SYNC_EVERY, &live, |live| async move { sync(&live).await }),
        every(REDELIVER_EVERY, &live, |live| async move {
            warn("deliver again", redeliver(&live, Asked::default()).await);
        }),
        every(SWEEP_DOCUMENTS_EVERY, &live, |live| async move {
            let sweep = Asked { sweep: true, ..Asked::default() };
            warn("sweep what documents left behind", redeliver(&live, sweep).await);
        }),
        every(INBOX_EVERY, &live, |live| async move {
            warn("take the files of the inbox", take_files(&live).await);
        }),
        every(SWEEP_EVERY, &database, sweep),
    );
}

/// Does something again and again, for the first time after one period, and never beside itself.
async fn every<T: Clone, F: Future<Output = ()> + Send>(period: Duration, with: &T, job: impl Fn(T) -> F) {
    let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + period, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        job(with.clone()).await;
    }
}

fn warn<T>(what: &str, done: Result<T, StoreError>) {
    if let Err(error) = done {
        tracing::warn!(%error, "the schedule could not {what}");
    }
}

async fn sweep(database: Database) {
    let swept = tokio::task::spawn_blocking(move || database.sweep_ttl().map_err(|error| error.to_string()));
    if let Ok(Err(error)) = swept.await {
        tracing::warn!(error, "expired items could not be removed");
    }
}

fn describe(api: String, state: &State, started: &Started) -> Ready {
    Ready {
        console: format!("{api}{}", Route::Console.path()),
        api,
        dynamodb: started.dynamodb.clone(),
        s3: started.s3.clone(),
        access_key_id: state.access_key_id.clone(),
        secret_access_key: state.secret_access_key.clone(),
        region: REGION.to_owned(),
        tables: Tables::with_prefix(TABLE_PREFIX).names(),
        bucket: BUCKET.to_owned(),
        keys: state.keys.clone(),
        simulators: started.simulators.clone(),
    }
}
