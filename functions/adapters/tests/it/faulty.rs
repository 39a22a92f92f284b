//! Ways to DynamoDB and S3 on which one call goes wrong: it is refused, lost, cut off, or arrives when nobody waits for it any
//! more. A call is what the SDK sends until it has an answer: all its attempts are one.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_dynamodb::config::retry::{RetryConfig, RetryPartition, TokenBucket};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use people_adapters::aws::{Aws, connect};
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::embedded::settings;

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is throttled, whenever it is sent.
    Throttled,
    /// The server fails, whenever it is sent.
    Broken,
    /// It never gets there.
    Cut,
    /// It is throttled when it is sent first.
    ThrottledOnce,
    /// It has its effect when it is sent first, and its answer is lost.
    LostOnce,
    /// It has its effect, and no answer arrives.
    Lost,
    /// Nobody waits for it any more when it arrives.
    Late,
    /// Whoever sends it dies before.
    DiesBefore,
    /// It has its effect, and whoever sent it dies.
    DiesAfter,
}

impl Fault {
    /// Whether sending the call again is all that it takes.
    pub(crate) fn passes(self) -> bool {
        matches!(self, Fault::ThrottledOnce | Fault::LostOnce)
    }
}

type Whole = Request<Full<Bytes>>;
type Sender = Client<HttpConnector, Full<Bytes>>;

/// The calls of one process.
pub(crate) struct Faulty {
    /// The clients of that process.
    pub(crate) aws: Aws,
    state: Arc<State>,
}

struct State {
    fault: Option<(usize, Fault)>,
    /// How often each call was sent that has been made.
    calls: Mutex<Vec<(String, usize)>>,
    late: Mutex<Vec<Whole>>,
    died: Notify,
    sender: Sender,
}

impl Faulty {
    /// A process whose `n`th call goes wrong, counted from 0.
    pub(crate) async fn process([dynamodb, s3]: [&str; 2], fault: Option<(usize, Fault)>) -> Faulty {
        let sender = Client::builder(TokioExecutor::new()).build_http();
        let (calls, late, died) = (Mutex::default(), Mutex::default(), Notify::new());
        let state = Arc::new(State { fault, calls, late, died, sender });
        let dynamodb = listen(dynamodb, &state).await;
        let s3 = listen(s3, &state).await;
        let Aws { dynamodb, s3, secrets_manager } = connect(&settings(&dynamodb, &s3)).await;
        // The real waits would be seconds. What other tests may still try again is theirs.
        let retries =
            RetryConfig::standard().with_max_attempts(3).with_initial_backoff(Duration::from_millis(1));
        let own = || RetryPartition::custom("faulty").token_bucket(TokenBucket::unlimited()).build();
        let dynamodb = dynamodb.config().to_builder().retry_config(retries.clone()).retry_partition(own());
        let s3 = s3.config().to_builder().retry_config(retries).retry_partition(own());
        let dynamodb = aws_sdk_dynamodb::Client::from_conf(dynamodb.build());
        let s3 = aws_sdk_s3::Client::from_conf(s3.build());
        Faulty { aws: Aws { dynamodb, s3, secrets_manager }, state }
    }

    /// How many calls it has made.
    pub(crate) fn made(&self) -> usize {
        self.state.calls.lock().unwrap().len()
    }

    /// What it does, unless it dies.
    pub(crate) async fn run<T>(&self, what: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = what => Some(done),
            () = self.state.died.notified() => None,
        }
    }

    /// What is late arrives.
    pub(crate) async fn arrive(&self) {
        let late = std::mem::take(&mut *self.state.late.lock().unwrap());
        for request in late {
            let answer = self.state.sender.request(request).await.unwrap();
            answer.into_body().collect().await.unwrap();
        }
    }
}

/// A way to the server at `url`.
async fn listen(url: &str, state: &Arc<State>) -> String {
    let (server, state) = (url.to_owned(), Arc::clone(state));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let stream = TokioIo::new(listener.accept().await.unwrap().0);
            let (server, state) = (server.clone(), Arc::clone(&state));
            let service = service_fn(move |request| answer(server.clone(), Arc::clone(&state), request));
            tokio::spawn(async move {
                let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                let _ = server.serve_connection(stream, service).await;
            });
        }
    });
    url
}

/// The connection is cut without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is cut")]
struct CutOff;

async fn answer(
    server: String,
    state: Arc<State>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, CutOff> {
    let (number, before) = state.count(&request);
    let is_dynamodb = request.headers().contains_key("x-amz-target");
    let (mut head, body) = request.into_parts();
    head.uri = format!("{server}{}", head.uri).parse().unwrap();
    let body = body.collect().await.map_err(|_| CutOff)?.to_bytes();
    let request = Request::from_parts(head, Full::new(body));
    match state.fault.filter(|(n, _)| *n == number).map(|(_, fault)| fault) {
        None => state.pass_on(request).await,
        Some(Fault::ThrottledOnce | Fault::LostOnce) if before > 0 => state.pass_on(request).await,
        Some(Fault::Throttled | Fault::ThrottledOnce) => Ok(throttled(is_dynamodb)),
        Some(Fault::Broken) => Ok(refusal(500, "no answer")),
        Some(Fault::Cut) => Err(CutOff),
        Some(Fault::Lost | Fault::LostOnce) => {
            state.pass_on(request).await?;
            Err(CutOff)
        }
        Some(Fault::Late) => {
            if before == 0 {
                state.late.lock().unwrap().push(request);
            }
            Err(CutOff)
        }
        Some(Fault::DiesBefore) => state.die().await,
        Some(Fault::DiesAfter) => {
            state.pass_on(request).await?;
            state.die().await
        }
    }
}

impl State {
    /// Which call this is, and how often it has been sent before.
    fn count(&self, request: &Request<Incoming>) -> (usize, usize) {
        let id = request.headers()["amz-sdk-invocation-id"].to_str().unwrap();
        let mut calls = self.calls.lock().unwrap();
        let number = calls.iter().position(|(known, _)| known == id).unwrap_or(calls.len());
        if number == calls.len() {
            calls.push((id.to_owned(), 0));
        }
        let before = calls[number].1;
        calls[number].1 += 1;
        (number, before)
    }

    async fn pass_on(&self, request: Whole) -> Result<Response<Full<Bytes>>, CutOff> {
        let (head, body) = self.sender.request(request).await.map_err(|_| CutOff)?.into_parts();
        let body = body.collect().await.map_err(|_| CutOff)?.to_bytes();
        Ok(Response::from_parts(head, Full::new(body)))
    }

    async fn die<T>(&self) -> T {
        self.died.notify_one();
        std::future::pending().await
    }
}

fn throttled(is_dynamodb: bool) -> Response<Full<Bytes>> {
    if is_dynamodb {
        let kind = "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException";
        return refusal(400, &format!(r#"{{"__type":"{kind}","message":"too much"}}"#));
    }
    refusal(503, "<Error><Code>SlowDown</Code></Error>")
}

fn refusal(status: u16, body: &str) -> Response<Full<Bytes>> {
    Response::builder().status(status).body(Full::new(Bytes::from(body.to_owned()))).unwrap()
}
