//! The bodies that wait to be imported. What a caller may do with a signed request is in `uploads.rs`.

use std::convert::Infallible;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::{StreamExt, TryStreamExt, stream};
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::Response;
use hyper::body::{Bytes, Frame};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use people_adapters::aws::connect;
use people_adapters::s3::{S3Bodies, read_object};
use people_adapters::system::SystemClock;
use people_core::body::BodyKey;
use people_core::document::Content;
use people_core::error::StoreError;
use people_core::memory::MemoryBodies;
use people_core::ports::{Announced, Bodies, StagedBody};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::embedded::{BUCKET, Embedded, beginning, settings, start};
use crate::logs::id;

const TYPE: &str = "multipart/form-data; boundary=\"a b\"";

pub(crate) fn bodies(embedded: &Embedded) -> S3Bodies {
    S3Bodies::new(embedded.aws.s3.clone(), BUCKET, Arc::new(SystemClock::default()))
}

pub(crate) fn content(bytes: impl Into<Bytes>) -> Content {
    Content::Memory(bytes.into())
}

fn some_bytes(size: usize) -> Vec<u8> {
    (0..size).map(|n| (n * 31 % 251) as u8).collect()
}

/// The content type and the bytes of a body, which has as many as it says.
pub(crate) async fn whole(body: Option<StagedBody>) -> Option<(String, Vec<u8>)> {
    let StagedBody { content_type, bytes, chunks } = body?;
    let all = chunks.try_collect::<Vec<_>>().await.unwrap().concat();
    assert_eq!(bytes, all.len() as u64);
    Some((content_type, all))
}

async fn bodies_contract(bodies: &dyn Bodies) {
    assert!(bodies.read(id(1)).await.unwrap().is_none());
    for (number, size) in [0, 1, 64 * 1024, 64 * 1024 + 1, 1_000_000].into_iter().enumerate() {
        let (id, bytes) = (id(10 + number as u8), some_bytes(size));
        assert!(bodies.put(id, TYPE, &content(bytes.clone())).await.unwrap());
        assert!(!bodies.put(id, "application/json", &content(b"[]".to_vec())).await.unwrap(), "one is there");
        assert!(whole(bodies.read(id).await.unwrap()).await == Some((TYPE.to_owned(), bytes)), "{size}");
    }
    what_was_removed_can_be_put_again(bodies).await;
    what_failed_is_another_body(bodies).await;
    let announced = Announced { content_type: TYPE.into(), bytes: 5, sha256: None };
    let until = beginning().plus(std::time::Duration::from_secs(400 * 24 * 3600));
    if let Ok(signed) = bodies.upload(id(3), &announced, until).await {
        assert_eq!(signed.expires_at, until.to_second());
    }
    assert!(bodies.read(id(3)).await.unwrap().is_none(), "nothing has been sent yet");
}

async fn what_was_removed_can_be_put_again(bodies: &dyn Bodies) {
    bodies.remove(id(1)).await.unwrap();
    for bytes in ["one", "two"] {
        assert!(bodies.put(id(1), TYPE, &content(bytes)).await.unwrap());
        let read = whole(bodies.read(id(1)).await.unwrap()).await.unwrap();
        assert_eq!(read.1, bytes.as_bytes());
        bodies.remove(id(1)).await.unwrap();
        assert!(bodies.read(id(1)).await.unwrap().is_none());
        bodies.remove(id(1)).await.unwrap();
    }
}

async fn what_failed_is_another_body(bodies: &dyn Bodies) {
    assert!(bodies.put(id(2), TYPE, &content("all")).await.unwrap());
    bodies.link_to_failed(id(2), TYPE, &content("some")).await.unwrap();
    let link = bodies.link_to_failed(id(2), TYPE, &content("fewer")).await.unwrap();
    assert_eq!(format!("{link:?}"), "***");
    assert_eq!(whole(bodies.read(id(2)).await.unwrap()).await.unwrap().1, b"all");
    bodies.remove(id(2)).await.unwrap();
    assert!(bodies.put(id(2), TYPE, &content("again")).await.unwrap());
}

#[tokio::test]
async fn memory_keeps_the_contract() {
    let bodies = MemoryBodies::default();
    bodies_contract(&bodies).await;
    assert_eq!(bodies.failed(id(2)), Some((TYPE.to_owned(), Bytes::from("fewer"))));
}

#[tokio::test]
async fn s3_keeps_the_contract() {
    bodies_contract(&bodies(&start().await)).await;
}

#[tokio::test]
async fn a_spooled_body_arrives_byte_for_byte() {
    let embedded = start().await;
    let bodies = bodies(&embedded);
    for (number, size) in [1, 128 * 1024, 5_000_000].into_iter().enumerate() {
        let (id, bytes) = (id(number as u8), some_bytes(size));
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        let spooled = Content::File(Arc::new(file), bytes.len() as u64);
        assert!(bodies.put(id, TYPE, &spooled).await.unwrap());
        assert!(!bodies.put(id, TYPE, &spooled).await.unwrap());
        assert!(whole(bodies.read(id).await.unwrap()).await == Some((TYPE.to_owned(), bytes)), "{size}");
    }
    let cut = Content::File(Arc::new(tempfile::tempfile().unwrap()), 9);
    assert!(bodies.put(id(9), TYPE, &cut).await.is_err());
    assert!(bodies.read(id(9)).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_that_store_the_same_body_one_does() {
    let embedded = start().await;
    let bodies = bodies(&embedded);
    let contents: Vec<_> = (0..32).map(|n| content(vec![n; 100_000])).collect();
    let puts = contents.iter().map(|content| bodies.put(id(1), TYPE, content));
    let stored = futures_util::future::join_all(puts).await;
    let winners: Vec<_> = (0..32_u8).filter(|n| *stored[usize::from(*n)].as_ref().unwrap()).collect();
    assert_eq!(winners.len(), 1, "{winners:?}");
    assert!(whole(bodies.read(id(1)).await.unwrap()).await.unwrap().1 == vec![winners[0]; 100_000]);
}

#[tokio::test]
async fn the_link_leads_to_what_failed_and_says_of_what_type_it_is() {
    let embedded = start().await;
    let link = bodies(&embedded).link_to_failed(id(1), TYPE, &content("some")).await.unwrap();
    assert!(link.reveal().contains("X-Amz-Expires=300&"), "five minutes");
    let client =
        hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let answer = client.get(link.reveal().parse().unwrap()).await.unwrap();
    assert_eq!(answer.headers()["content-type"], TYPE);
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "some");
    let stored = read_object(&embedded.aws.s3, BUCKET, BodyKey::failed(id(1)).as_str()).await.unwrap();
    assert_eq!(stored, Some(b"some".to_vec()));
}

/// The bodies of a server that gives this answer, byte for byte, to each request.
async fn answered_with(answer: &'static str) -> S3Bodies {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(stream.read_u8().await.unwrap());
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    S3Bodies::new(connect(&settings(&url, &url)).await.s3, BUCKET, Arc::new(SystemClock::default()))
}

#[tokio::test]
async fn a_body_that_breaks_off_is_an_error_and_never_a_short_body() {
    for (head, is_whole) in [("Content-Length: 5\r\n", true), ("Content-Length: 6\r\n", false)] {
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Type: a\r\n{head}Connection: close\r\n\r\nhello");
        let bodies = answered_with(answer.leak()).await;
        let read = bodies.read(id(1)).await.unwrap().unwrap();
        let chunks = read.chunks.collect::<Vec<Result<Bytes, StoreError>>>().await;
        assert_eq!(chunks.iter().all(Result::is_ok), is_whole, "{chunks:?}");
        assert_eq!(chunks.iter().filter(|chunk| chunk.is_err()).count(), usize::from(!is_whole));
    }
    let without = "HTTP/1.1 200 OK\r\nContent-Type: a\r\nConnection: close\r\n\r\nhello";
    assert!(answered_with(without).await.read(id(1)).await.is_err(), "nobody knows where it ends");
}

/// How many pieces of 64 KiB the large body has.
const PIECES: usize = 4096;

/// A server whose only object is large, and how many pieces of it were sent.
async fn large_object() -> (S3Bodies, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let sent = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&sent);
    tokio::spawn(async move {
        let stream = TokioIo::new(listener.accept().await.unwrap().0);
        let service = service_fn(move |_| {
            let counting = Arc::clone(&counting);
            let pieces = stream::iter(0..PIECES).map(move |_| {
                counting.fetch_add(1, Ordering::SeqCst);
                Ok::<_, Infallible>(Frame::data(Bytes::from_static(&[7; 64 * 1024])))
            });
            let answer = Response::builder().header("content-length", PIECES * 64 * 1024);
            async { answer.body(StreamBody::new(pieces)) }
        });
        let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
        let _ = server.serve_connection(stream, service).await;
    });
    let s3 = connect(&settings(&url, &url)).await.s3;
    (S3Bodies::new(s3, BUCKET, Arc::new(SystemClock::default())), sent)
}

#[tokio::test]
async fn a_body_comes_no_faster_than_it_is_read() {
    let (bodies, sent) = large_object().await;
    let mut body = bodies.read(id(1)).await.unwrap().unwrap();
    let (mut read, mut furthest) = (0, 0);
    while let Some(chunk) = body.chunks.next().await {
        read += chunk.unwrap().len();
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
        furthest = furthest.max(sent.load(Ordering::SeqCst) - read / (64 * 1024));
    }
    assert_eq!(read, PIECES * 64 * 1024);
    // What the sockets hold: a few megabytes of the 256, at most some 40.
    assert!(furthest < PIECES / 4, "{furthest}");
}
