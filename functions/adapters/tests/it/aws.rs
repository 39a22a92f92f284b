//! The clients: where they send to, and what a lost answer does.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use people_adapters::aws::{AwsSettings, connect};
use people_adapters::dynamodb::DynamoImports;
use people_adapters::secret::Secret;
use people_core::log::{Answer, ImportLog, State};
use people_core::ports::{Imports, Opened};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::embedded::{BUCKET, Embedded, start};
use crate::logs::{id, running};

/// Runs in a process of its own, because the environment belongs to a whole process.
#[tokio::test]
#[ignore = "the next test runs it"]
async fn with_an_environment() {
    let aws = connect(&AwsSettings::Environment { path_style: true, native_roots: false }).await;
    assert_eq!(aws.dynamodb.list_tables().send().await.unwrap().table_names().len(), 5);
    let buckets = aws.s3.list_buckets().send().await.unwrap();
    assert_eq!(buckets.buckets()[0].name(), Some(BUCKET));
}

#[tokio::test]
async fn the_endpoints_in_the_environment_are_used() {
    let embedded = start().await;
    let variables = [
        ("AWS_ENDPOINT_URL_DYNAMODB", embedded.dynamodb.clone()),
        ("AWS_ENDPOINT_URL_S3", embedded.s3.clone()),
        ("AWS_REGION", "eu-central-1".into()),
        ("AWS_ACCESS_KEY_ID", "test".into()),
        ("AWS_SECRET_ACCESS_KEY", "test-secret".into()),
        ("AWS_EC2_METADATA_DISABLED", "true".into()),
    ];
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "aws::with_an_environment", "--ignored"]).env_clear().envs(variables);
    let output = tokio::task::spawn_blocking(move || child.output()).await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

/// A way to the server at `url` on which the answer gets lost whenever the flag is set, which resets it.
async fn lossy(url: &str) -> (String, Arc<AtomicBool>) {
    let (server, lose) = (url.trim_start_matches("http://").to_owned(), Arc::new(AtomicBool::new(false)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let flag = Arc::clone(&lose);
    tokio::spawn(async move {
        loop {
            let (client, _) = listener.accept().await.unwrap();
            tokio::spawn(pass_on(client, TcpStream::connect(&server).await.unwrap(), Arc::clone(&flag)));
        }
    });
    (address, lose)
}

async fn pass_on(mut client: TcpStream, mut server: TcpStream, lose: Arc<AtomicBool>) {
    let (mut question, mut answer) = ([0; 4096], [0; 4096]);
    loop {
        tokio::select! {
            Ok(bytes @ 1..) = client.read(&mut question) => server.write_all(&question[..bytes]).await.unwrap(),
            Ok(bytes @ 1..) = server.read(&mut answer) => {
                if lose.swap(false, Ordering::SeqCst) {
                    return;
                }
                client.write_all(&answer[..bytes]).await.unwrap();
            }
            else => return,
        }
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_does_not_stand_in_the_way_of_the_next_attempt() {
    let Embedded { dynamodb, s3, tables, clock, .. } = start().await;
    let (dynamodb, lose) = lossy(&dynamodb).await;
    let secret_access_key = Secret::new("test-secret".into());
    let settings = AwsSettings::At {
        dynamodb,
        s3,
        region: "eu-central-1".into(),
        access_key_id: "test".into(),
        secret_access_key,
    };
    let client = connect(&settings).await.dynamodb;
    let imports = DynamoImports::new(client, &tables, clock, DynamoImports::KEPT);
    let log = running(id(1), 1);
    lose.store(true, Ordering::SeqCst);
    assert_eq!(imports.open(&log).await.unwrap(), Opened::New);
    assert!(!lose.load(Ordering::SeqCst), "an answer was lost");
    assert_eq!(imports.open(&log).await.unwrap(), Opened::Before);
    let log = ImportLog { state: State::Ended(Answer::Failed), ..log };
    lose.store(true, Ordering::SeqCst);
    imports.close(&log).await.unwrap();
    assert!(!lose.load(Ordering::SeqCst), "an answer was lost");
    assert_eq!(imports.find(id(1)).await.unwrap(), Some(log));
}
