//! A DynamoDB that is too busy.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use hyper::service::service_fn;
use people_adapters::aws::connect;
use people_adapters::dynamodb::{DynamoDirectory, Tables};
use people_core::memory::ManualClock;
use people_core::person::Identifier;
use people_core::ports::{Clock, Directory};
use tokio::net::TcpListener;

use crate::embedded::{beginning, settings};

/// A server that gives this answer to everything, its URL and how often it was asked.
async fn always(answer: String) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        loop {
            let stream = hyper_util::rt::TokioIo::new(listener.accept().await.unwrap().0);
            let (answer, count) = (answer.clone(), Arc::clone(&count));
            let service = service_fn(move |_| {
                count.fetch_add(1, Ordering::SeqCst);
                let answer = Response::new(Full::new(Bytes::from(answer.clone())));
                async { Ok::<_, Infallible>(answer) }
            });
            tokio::spawn(async move {
                let executor = hyper_util::rt::TokioExecutor::new();
                let server = hyper_util::server::conn::auto::Builder::new(executor);
                let _ = server.serve_connection(stream, service).await;
            });
        }
    });
    (url, asked)
}

#[tokio::test]
async fn what_stays_undone_is_sent_eight_times_with_seven_waits_between_and_none_at_the_end() {
    let tables = Tables::with_prefix("people");
    let rest = format!(
        r#"{{"Responses":{{}},"UnprocessedKeys":{{"{}":{{"Keys":[{{"entry":{{"S":"E#7"}}}}]}}}}}}"#,
        tables.directory
    );
    let (url, asked) = always(rest).await;
    let clock = Arc::new(ManualClock::at(beginning()));
    let client = connect(&settings(&url, &url)).await.dynamodb;
    let directory = DynamoDirectory::new(client, &tables, Arc::clone(&clock) as _);
    assert!(directory.resolve(&[Identifier::EmployeeId("7".into())]).await.is_err());
    assert_eq!(asked.load(Ordering::SeqCst), 8);
    // 25 milliseconds seven times doubled make 3,175; of each wait, at least half is waited.
    let waited = clock.now().since(beginning());
    assert!((Duration::from_millis(1580)..=Duration::from_millis(3175)).contains(&waited), "{waited:?}");
}
