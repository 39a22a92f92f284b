//! A runtime API for one process: it has one event for it and takes the result, and then it has nothing more, as Lambda
//! between two invocations.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// What a function did with its event.
pub(crate) enum Answer {
    Result(String),
    Error(String),
}

pub(crate) struct Runtime {
    /// What `AWS_LAMBDA_RUNTIME_API` has to be.
    pub(crate) address: String,
    answers: UnboundedReceiver<Answer>,
}

struct State {
    event: Mutex<Option<String>>,
    answers: UnboundedSender<Answer>,
}

impl Runtime {
    pub(crate) async fn start(event: &str) -> Runtime {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (sender, answers) = unbounded_channel();
        let state = Arc::new(State { event: Mutex::new(Some(event.to_owned())), answers: sender });
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let state = Arc::clone(&state);
                let service = service_fn(move |request| {
                    let state = Arc::clone(&state);
                    async move { Ok::<_, Infallible>(state.answer(request).await) }
                });
                // A connection ends with its process.
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), service));
            }
        });
        Runtime { address, answers }
    }

    /// Waits for the result.
    pub(crate) async fn answer(&mut self) -> Answer {
        self.answers.recv().await.unwrap()
    }
}

impl State {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path().to_owned();
        if (request.method(), path.as_str()) == (&Method::GET, "/2018-06-01/runtime/invocation/next") {
            return self.next().await;
        }
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8(body.into()).unwrap();
        let is_result = path == "/2018-06-01/runtime/invocation/1/response";
        let answer = if is_result { Answer::Result(text) } else { Answer::Error(format!("{path} {text}")) };
        self.answers.send(answer).unwrap();
        Response::builder().status(202).body(Full::default()).unwrap()
    }

    async fn next(&self) -> Response<Full<Bytes>> {
        let event = self.event.lock().unwrap().take();
        let Some(event) = event else { return std::future::pending().await };
        Response::builder()
            .header("Lambda-Runtime-Aws-Request-Id", "1")
            .header("Lambda-Runtime-Deadline-Ms", "32503680000000")
            .header(
                "Lambda-Runtime-Invoked-Function-Arn",
                "arn:aws:lambda:eu-central-1:123456789012:function:smoke",
            )
            .header("Content-Type", "application/json")
            .body(Full::from(event))
            .unwrap()
    }
}
