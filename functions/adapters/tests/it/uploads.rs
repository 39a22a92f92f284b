//! What somebody who has a signed request may do with it: send what was announced, once and in time.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::Request;
use hyper::body::{Bytes, Frame};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use people_adapters::s3::S3Bodies;
use people_adapters::system::SystemClock;
use people_core::document::Receiver;
use people_core::memory::{ManualClock, MemorySpool};
use people_core::ports::{Announced, Bodies, Clock, SignedPut};
use people_core::time::Timestamp;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::bodies::{bodies, whole};
use crate::embedded::{BUCKET, Embedded, start};
use crate::logs::id;

const TYPE: &str = "multipart/form-data; boundary=x";
const BODY: &[u8] = b"--x--\r\n";
const LIFE: Duration = Duration::from_secs(15 * 60);

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut receiver = Receiver::new(Arc::new(MemorySpool));
    receiver.write(bytes).unwrap();
    receiver.finish().unwrap().sha256
}

fn announced(sha256: Option<[u8; 32]>) -> Announced {
    Announced { content_type: TYPE.into(), bytes: BODY.len() as u64, sha256 }
}

async fn signed(bodies: &S3Bodies, sha256: Option<[u8; 32]>) -> SignedPut {
    bodies.upload(id(1), &announced(sha256), SystemClock::default().now().plus(LIFE)).await.unwrap()
}

/// The status that a request gets. `change` is what is otherwise than it was signed: a header and its value, or none.
async fn status(
    put: &SignedPut,
    change: Option<(&str, Option<&str>)>,
    body: BoxBody<Bytes, Infallible>,
) -> u16 {
    let mut request = Request::put(put.url.reveal());
    let changed = change.map(|(name, _)| name);
    for (name, value) in put.headers.iter().filter(|(name, _)| Some(name.as_str()) != changed) {
        request = request.header(name, value);
    }
    if let Some((name, Some(value))) = change {
        request = request.header(name, value);
    }
    let client = Client::builder(TokioExecutor::new()).build_http();
    client.request(request.body(body).unwrap()).await.unwrap().status().as_u16()
}

fn full(bytes: impl Into<Bytes>) -> BoxBody<Bytes, Infallible> {
    Full::new(bytes.into()).boxed()
}

async fn is_there(bodies: &S3Bodies) -> bool {
    bodies.read(id(1)).await.unwrap().is_some()
}

#[tokio::test]
async fn what_was_announced_is_stored_once() {
    for sha256 in [None, Some(sha256(BODY))] {
        let embedded = start().await;
        let bodies = bodies(&embedded);
        let put = signed(&bodies, sha256).await;
        assert!(!format!("{put:?}").contains("X-Amz"), "{put:?}");
        let mut names: Vec<_> = put.headers.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        let with_checksum = ["content-type", "if-none-match", "x-amz-checksum-sha256"];
        assert_eq!(names, with_checksum[..if sha256.is_some() { 3 } else { 2 }]);
        assert!(put.url.reveal().contains("content-length%3Bcontent-type%3Bhost%3Bif-none-match"), "signed");
        assert_eq!(status(&put, None, full(BODY)).await, 200);
        let stored = whole(bodies.read(id(1)).await.unwrap()).await;
        assert_eq!(stored, Some((TYPE.to_owned(), BODY.to_vec())));
        assert_eq!(status(&put, None, full(BODY)).await, 412, "once");
        assert_eq!(status(&put, None, full(BODY.to_ascii_uppercase())).await, 412);
        let stored = whole(bodies.read(id(1)).await.unwrap()).await;
        assert_eq!(stored, Some((TYPE.to_owned(), BODY.to_vec())), "the first one stays");
    }
}

#[tokio::test]
async fn anything_else_than_what_was_announced_is_refused() {
    let embedded = start().await;
    let bodies = bodies(&embedded);
    let (put, checked) = (signed(&bodies, None).await, signed(&bodies, Some(sha256(BODY))).await);
    let other = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="; // of no bytes
    for (what, put, change) in [
        ("another type", &put, ("content-type", Some("application/json"))),
        ("no type", &put, ("content-type", None)),
        ("over another one", &put, ("if-none-match", None)),
        ("another checksum", &checked, ("x-amz-checksum-sha256", Some(other))),
        ("no checksum", &checked, ("x-amz-checksum-sha256", None)),
        ("a checksum of its own", &put, ("x-amz-checksum-sha256", Some(other))),
        ("readable for everybody", &put, ("x-amz-acl", Some("public-read"))),
    ] {
        assert_eq!(status(put, Some(change), full(BODY)).await, 403, "{what}");
        assert!(!is_there(&bodies).await, "{what}");
    }
    for bytes in [&BODY[1..], &[BODY, b"\n"].concat()] {
        assert_eq!(status(&put, None, full(bytes.to_vec())).await, 403, "{} bytes", bytes.len());
    }
    let unmeasured = stream::iter([Ok(Frame::data(Bytes::from_static(BODY)))]);
    assert_eq!(status(&put, None, StreamBody::new(unmeasured).boxed()).await, 403, "without a length");
    assert!(!is_there(&bodies).await);
    assert_eq!(status(&put, None, full(BODY)).await, 200, "nothing of that used it up");
}

#[tokio::test]
async fn a_body_with_another_checksum_than_announced_is_not_kept() {
    let embedded = start().await;
    let bodies = bodies(&embedded);
    let put = signed(&bodies, Some(sha256(BODY))).await;
    assert_eq!(status(&put, None, full(BODY.to_ascii_uppercase())).await, 400);
    assert!(!is_there(&bodies).await);
    assert_eq!(status(&put, None, full(BODY)).await, 200);
    assert!(is_there(&bodies).await);
}

#[tokio::test]
async fn a_large_body_that_is_refused_hears_why() {
    let embedded = start().await;
    let bodies = bodies(&embedded);
    let size = 20_000_000;
    let announced = Announced { bytes: size, ..announced(None) };
    let put = bodies.upload(id(1), &announced, SystemClock::default().now().plus(LIFE)).await.unwrap();
    let bytes = |more: u64| full(vec![7; usize::try_from(size + more).unwrap()]);
    for (expected, more) in [(403, 1), (200, 0), (412, 0)] {
        assert_eq!(status(&put, None, bytes(more)).await, expected);
    }
}

#[tokio::test]
async fn a_request_works_until_its_time_is_over() {
    let embedded = start().await;
    let now = SystemClock::default().now();
    let ago = |seconds: u64| Timestamp::from_millis(now.millis() - i64::try_from(seconds * 1000).unwrap());
    let signed_at = async |seconds| {
        let clock = Arc::new(ManualClock::at(ago(seconds)));
        let bodies = S3Bodies::new(embedded.aws.s3.clone(), BUCKET, Arc::clone(&clock) as _);
        let put = bodies.upload(id(1), &announced(None), clock.now().plus(LIFE)).await.unwrap();
        assert!(put.url.reveal().contains("X-Amz-Expires=900&"));
        assert_eq!(put.expires_at, clock.now().plus(LIFE).to_second());
        assert!(bodies.upload(id(1), &announced(None), clock.now()).await.is_err(), "no time at all");
        put
    };
    assert_eq!(status(&signed_at(902).await, None, full(BODY)).await, 403);
    assert!(!is_there(&bodies(&embedded)).await);
    assert_eq!(status(&signed_at(600).await, None, full(BODY)).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_one_is_stored() {
    let embedded = start().await;
    let bodies = bodies(&embedded);
    let put = signed(&bodies, None).await;
    let all: Vec<_> = (b'0'..).take(32).map(|letter| vec![letter; BODY.len()]).collect();
    let statuses = join_all(all.iter().map(|bytes| status(&put, None, full(bytes.clone())))).await;
    let winners: Vec<_> = (0..32).filter(|n| statuses[*n] == 200).collect();
    assert!(winners.len() == 1 && statuses.iter().filter(|status| **status == 412).count() == 31);
    assert_eq!(whole(bodies.read(id(1)).await.unwrap()).await.unwrap().1, all[winners[0]]);
}

#[tokio::test]
async fn a_body_whose_sender_went_away_is_not_there() {
    let embedded = start().await;
    let bodies = bodies(&embedded);
    let put = signed(&bodies, None).await;
    send_half(&embedded, &put).await;
    assert!(!is_there(&bodies).await);
    assert_eq!(status(&put, None, full(BODY)).await, 200);
}

/// Sends less than was announced, and waits until the server has seen the end of it.
async fn send_half(embedded: &Embedded, put: &SignedPut) {
    let address = embedded.s3.trim_start_matches("http://");
    let path = put.url.reveal().strip_prefix(&embedded.s3).unwrap();
    let headers: String = put.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head =
        format!("PUT {path} HTTP/1.1\r\nhost: {address}\r\ncontent-length: {}\r\n{headers}\r\n", BODY.len());
    let mut connection = TcpStream::connect(address).await.unwrap();
    connection.write_all(&[head.as_bytes(), &BODY[1..]].concat()).await.unwrap();
    connection.shutdown().await.unwrap();
    let _ = tokio::io::AsyncReadExt::read_to_end(&mut connection, &mut Vec::new()).await;
}
