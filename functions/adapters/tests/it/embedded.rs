//! DynamoDB and S3 in this process, on ports of their own, so that tests need no network and share nothing.

use std::path::Path;
use std::sync::Arc;

use embedded_s3::{Access, Created};
use people_adapters::aws::{Aws, AwsSettings, connect};
use people_adapters::dynamodb::{Tables, create_tables};
use people_adapters::s3::create_bucket;
use people_adapters::secret::Secret;
use people_core::memory::ManualClock;
use people_core::time::Timestamp;
use tokio::net::TcpListener;

/// The bucket that is there.
pub(crate) const BUCKET: &str = "people-documents";
/// The moment at which each test begins.
pub(crate) fn beginning() -> Timestamp {
    Timestamp::from_millis(1_790_000_000_123)
}

/// The servers of one test, with their tables and bucket.
pub(crate) struct Embedded {
    pub(crate) aws: Aws,
    pub(crate) tables: Tables,
    pub(crate) clock: Arc<ManualClock>,
    /// The URLs of the servers.
    pub(crate) dynamodb: String,
    pub(crate) s3: String,
    /// The folder of S3; everything in it is gone with it.
    pub(crate) objects: tempfile::TempDir,
}

/// What leads a client to servers at these URLs.
pub(crate) fn settings(dynamodb: &str, s3: &str) -> AwsSettings {
    settings_of([dynamodb, s3], None)
}

/// What leads a client to these, and to a Secrets Manager.
pub(crate) fn settings_of([dynamodb, s3]: [&str; 2], secrets_manager: Option<&str>) -> AwsSettings {
    AwsSettings::At {
        dynamodb: dynamodb.into(),
        s3: s3.into(),
        secrets_manager: secrets_manager.map(str::to_owned),
        region: "eu-central-1".into(),
        access_key_id: "test".into(),
        secret_access_key: Secret::new("test-secret".into()),
    }
}

/// Starts both servers.
pub(crate) async fn start() -> Embedded {
    let objects = tempfile::tempdir().unwrap();
    let (dynamodb, s3) = (dynamodb().await, s3(objects.path()).await);
    let aws = connect(&settings(&dynamodb, &s3)).await;
    let tables = Tables::with_prefix("people");
    create_tables(&aws.dynamodb, &tables).await.unwrap();
    create_bucket(&aws.s3, BUCKET).await.unwrap();
    Embedded { aws, tables, clock: Arc::new(ManualClock::at(beginning())), dynamodb, s3, objects }
}

async fn dynamodb() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(dynoxide::server::serve_on(listener, dynoxide::Database::memory().unwrap()));
    url
}

/// Starts an S3 whose objects are in this folder.
pub(crate) async fn s3(folder: &Path) -> String {
    s3_that_tells(folder, |_| {}).await
}

/// Starts an S3 whose objects are in this folder, and that tells of each of them.
pub(crate) async fn s3_that_tells(folder: &Path, told: impl Fn(Created) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let access = Access { key_id: "test", secret_key: "test-secret" };
    embedded_s3::serve(folder, listener, access, told).unwrap();
    url
}

#[tokio::test]
async fn tables_and_bucket_are_created_once_and_then_left_alone() {
    let embedded = start().await;
    create_tables(&embedded.aws.dynamodb, &embedded.tables).await.unwrap();
    create_bucket(&embedded.aws.s3, BUCKET).await.unwrap();
    let tables = embedded.aws.dynamodb.list_tables().send().await.unwrap();
    assert_eq!(tables.table_names().len(), 9);
}

#[tokio::test]
async fn an_error_names_the_service_and_its_code_and_nothing_else() {
    let Embedded { aws, .. } = start().await;
    let error = create_bucket(&aws.s3, "NOT A BUCKET").await.unwrap_err();
    let text = format!("{error}: {}", error.source);
    assert!(text.starts_with("could not create a bucket: S3 "), "{text}");
    assert!(!text.contains("BUCKET") && !text.contains("http"), "{text}");
}
