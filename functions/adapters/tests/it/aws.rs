//! The clients: where they send to, and what a lost answer does.

use std::process::Command;

use people_adapters::aws::{AwsSettings, connect};
use people_adapters::dynamodb::DynamoImports;
use people_core::log::{Answer, ImportLog, State};
use people_core::ports::{Imports, Opened};
use simulators::{Simulator, free_port};

use crate::embedded::{BUCKET, Embedded, settings, start};
use crate::logs::{KEPT, claim, id, running};
use crate::lossy::Lossy;

/// The environment belongs to a whole process, so the test runs itself once more in a process of its own.
#[tokio::test]
async fn the_endpoints_in_the_environment_are_used() {
    #[expect(clippy::disallowed_methods, reason = "the environment is what is tested")]
    let is_child = std::env::var_os("AWS_ENDPOINT_URL_DYNAMODB").is_some_and(|url| !url.is_empty());
    if is_child {
        let aws = connect(&AwsSettings::Environment { path_style: true, native_roots: false }).await;
        assert_eq!(aws.dynamodb.list_tables().send().await.unwrap().table_names().len(), 9);
        let buckets = aws.s3.list_buckets().send().await.unwrap();
        assert_eq!(buckets.buckets()[0].name(), Some(BUCKET));
        let secret = aws.secrets_manager.get_secret_value().secret_id("none").send().await;
        assert!(secret.unwrap_err().into_service_error().is_resource_not_found_exception());
        return;
    }
    let embedded = start().await;
    let secrets = Simulator::secrets_manager(free_port().await.unwrap()).unwrap();
    let variables = [
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", secrets.url().to_owned()),
        ("AWS_ENDPOINT_URL_DYNAMODB", embedded.dynamodb.clone()),
        ("AWS_ENDPOINT_URL_S3", embedded.s3.clone()),
        ("AWS_REGION", "eu-central-1".into()),
        ("AWS_ACCESS_KEY_ID", "test".into()),
        ("AWS_SECRET_ACCESS_KEY", "test-secret".into()),
        ("AWS_EC2_METADATA_DISABLED", "true".into()),
    ];
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "aws::the_endpoints_in_the_environment_are_used"]).env_clear().envs(variables);
    let output = tokio::task::spawn_blocking(move || child.output()).await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[tokio::test]
async fn an_answer_that_is_lost_does_not_stand_in_the_way_of_the_next_attempt() {
    let Embedded { dynamodb, s3, tables, clock, .. } = start().await;
    let lossy = Lossy::to(&dynamodb).await;
    let client = connect(&settings(&lossy.url, &s3)).await.dynamodb;
    let imports = DynamoImports::new(client, &tables, clock, KEPT);
    let log = running(id(1), 1);
    let mut lost = lossy.lose("PutItem").lost;
    assert_eq!(imports.open(&log, Some(&claim("one"))).await.unwrap(), Opened::New);
    assert!(lost.try_recv().is_ok(), "an answer was lost");
    assert_eq!(imports.open(&log, Some(&claim("one"))).await.unwrap(), Opened::Before);
    let log = ImportLog { state: State::Ended(Answer::Failed), ..log };
    let mut lost = lossy.lose("UpdateItem").lost;
    imports.close(&log, &claim("one").holder).await.unwrap();
    assert!(lost.try_recv().is_ok(), "an answer was lost");
    assert_eq!(imports.find(id(1)).await.unwrap(), Some(log));
}
