//! A way to S3 on which requests are counted, and on which it can be made to refuse them, or to keep them
//! waiting.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use futures_util::stream::{Pending, pending};
use http_body_util::{BodyExt, Either, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

/// Passes everything on, unless it is shut.
pub(crate) struct Gate {
    /// What a client has to be given as the URL of the server.
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// Requests whose URI has this in it are refused.
    shut: Option<String>,
    /// Requests whose URI has this in it are not answered.
    held: Option<String>,
    /// Of the answers to requests whose URI has this in it, the bytes never come.
    stalled: Option<String>,
    seen: Vec<String>,
}

impl Gate {
    /// A way to the server at `url`.
    pub(crate) async fn to(url: &str) -> Gate {
        let (server, state) = (url.to_owned(), Arc::<Mutex<State>>::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let for_all = Arc::clone(&state);
        tokio::spawn(async move {
            loop {
                let stream = TokioIo::new(listener.accept().await.unwrap().0);
                let (server, state) = (server.clone(), Arc::clone(&for_all));
                let service = service_fn(move |request| pass_on(server.clone(), Arc::clone(&state), request));
                tokio::spawn(async move {
                    let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                    let _ = server.serve_connection(stream, service).await;
                });
            }
        });
        Gate { url, state }
    }

    /// Refuses requests whose URI has this in it, from now on; `None` refuses none.
    pub(crate) fn shut(&self, part: Option<&str>) {
        self.state.lock().unwrap().shut = part.map(str::to_owned);
    }

    /// Answers no request whose URI has this in it, from now on; `None` answers all.
    pub(crate) fn hold(&self, part: Option<&str>) {
        self.state.lock().unwrap().held = part.map(str::to_owned);
    }

    /// Sends no bytes in answer to a request whose URI has this in it, from now on.
    pub(crate) fn stall(&self, part: &str) {
        self.state.lock().unwrap().stalled = Some(part.to_owned());
    }

    /// What has come since this was last asked, in order of its text: `version`, `list`, `read` or `conditional read`,
    /// and the last segment of the key.
    pub(crate) fn seen(&self) -> Vec<String> {
        let mut seen = std::mem::take(&mut self.state.lock().unwrap().seen);
        seen.sort();
        seen
    }
}

fn describe(request: &Request<Incoming>) -> String {
    let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
    let kind = match () {
        () if query.contains("versionId=") => "version",
        () if query.contains("versions") => "list",
        () if request.headers().contains_key("if-none-match") => "conditional read",
        () => "read",
    };
    let key = path.rsplit('/').next().unwrap_or_default();
    format!("{kind} {key}")
}

async fn pass_on(
    server: String,
    state: Arc<Mutex<State>>,
    request: Request<Incoming>,
) -> Result<Response<Sent>, Infallible> {
    let (shut, holds, stalls) = {
        let mut state = state.lock().unwrap();
        state.seen.push(describe(&request));
        let uri = request.uri().to_string();
        let meets = |part: &Option<String>| part.as_deref().is_some_and(|part| uri.contains(part));
        (meets(&state.shut), meets(&state.held), meets(&state.stalled))
    };
    if holds {
        std::future::pending::<()>().await;
    }
    if shut {
        let refusal = whole(Bytes::from("<Error><Code>AccessDenied</Code></Error>"));
        return Ok(Response::builder().status(403).body(refusal).unwrap());
    }
    let (mut head, body) = request.into_parts();
    head.uri = format!("{server}{}", head.uri).parse().unwrap();
    let body = Full::new(body.collect().await.unwrap().to_bytes());
    let client = Client::builder(TokioExecutor::new()).build_http();
    let answer = client.request(Request::from_parts(head, body)).await.unwrap();
    let (head, body) = answer.into_parts();
    let body = whole(body.collect().await.unwrap().to_bytes());
    Ok(Response::from_parts(head, if stalls { Either::Right(StreamBody::new(pending())) } else { body }))
}

/// All bytes of an answer, or none that ever come.
type Sent = Either<Full<Bytes>, StreamBody<Pending<Result<Frame<Bytes>, Infallible>>>>;

fn whole(bytes: Bytes) -> Sent {
    Either::Left(Full::new(bytes))
}
