//! The local API Gateway: each request becomes an event for the real handler. Bodies that no event can hold go to the
//! same function as a stream, unless Lambda's limits are asked for.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use lambda_http::{Adapter, Service};
use lambda_runtime::{Context, LambdaEvent};
use people_adapters::http::{self as answers, Answered, Counted, Function, Parameters, Route};
use people_adapters::{Live, Looked};
use redelivery::Asked;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::lambda;
use crate::stack::{redeliver, take_files};
use crate::stream::{Begun, Rejoined, begin};

/// A connection has this long to send the head of a request.
const HEAD_TIME: Duration = Duration::from_secs(30);
/// A body of more than this is never tried as an event: base64 alone would make it too large.
const MAX_EVENT_BODY: u64 = 6 * 1024 * 1024;

/// The most bytes of a request's path and query: what API Gateway allows for the line and all headers together.
const MAX_TARGET: usize = 10_240;

/// The gateway and what it leads to.
pub struct Gateway {
    /// What the handlers work with.
    pub live: Arc<Live>,
    /// Whether bodies that Lambda would not take are refused.
    pub lambda_limits: bool,
    /// Each request that is being worked on has one permit, so that the process can wait for them.
    pub permits: Arc<Semaphore>,
}

type Handled = Pin<Box<dyn Future<Output = Result<Answered, Infallible>> + Send>>;

impl Gateway {
    /// Accepts connections until the task is dropped.
    pub async fn serve(self: Arc<Gateway>, listener: TcpListener) {
        loop {
            let Ok((socket, _)) = listener.accept().await else { continue };
            tokio::spawn(Arc::clone(&self).connection(socket));
        }
    }

    async fn connection(self: Arc<Gateway>, socket: TcpStream) {
        let _ = socket.set_nodelay(true);
        let service = service_fn(move |request| {
            let gateway = Arc::clone(&self);
            // A task of its own: a caller who hangs up does not end the import in the middle.
            async move {
                let task = tokio::spawn(async move { gateway.answer(request).await });
                Ok::<_, Infallible>(task.await.unwrap_or_else(|_| lambda::broken()).map(Full::new))
            }
        });
        // A connection that breaks is its client's business.
        let _ = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIME)
            .half_close(true)
            .serve_connection(TokioIo::new(socket), service)
            .await;
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Bytes> {
        let _permit = self.permits.acquire().await;
        let (head, body) = request.into_parts();
        if head.uri.path_and_query().is_some_and(|target| target.as_str().len() > MAX_TARGET) {
            return answers::target_too_long().map(Bytes::from);
        }
        let path = head.uri.path().to_owned();
        if let Some(function) = path.strip_prefix("/_local/run/") {
            return self.run(&head, function).await;
        }
        match Route::find(&path) {
            Some((route, parameters)) if takes_a_body(route) => {
                self.with_body(route, &parameters, head, body).await
            }
            Some((route, parameters)) => self.invoke(route, &head, &Bytes::new(), &parameters).await,
            None => answers::not_found(answers::format(&head.headers)).map(Bytes::from),
        }
    }

    async fn with_body(
        &self,
        route: Route,
        parameters: &Parameters,
        head: Parts,
        body: Incoming,
    ) -> Response<Bytes> {
        let announced = http_body::Body::size_hint(&body).lower();
        match begin_unless_large(body, announced).await {
            Begun::Whole(body) => {
                let event = lambda::event(&head, &body, route, parameters);
                if event.len() <= lambda::MAX_EVENT {
                    return self.run_event(route.function(), &event).await;
                }
                let body = Full::new(body).map_err(|never| match never {});
                self.stream(route, parameters, head, body).await
            }
            Begun::More(body) => self.stream(route, parameters, head, body).await,
        }
    }

    /// A body that no event can hold.
    async fn stream(
        &self,
        route: Route,
        parameters: &Parameters,
        mut head: Parts,
        mut body: impl answers::Body,
    ) -> Response<Bytes> {
        let counted = Counted::with(&mut head);
        let head = &head;
        if self.lambda_limits {
            answers::drain(&head.headers, &mut body).await;
            return answers::too_large(answers::format(&head.headers)).map(Bytes::from);
        }
        let answer = match route.function() {
            Function::BatchImport => batch_import::answer(&self.live.app().await, route, head, body).await,
            Function::PdfStorage => {
                let app = self.live.app().await;
                pdf_storage::answer(&app, (route, parameters.clone()), head, body).await
            }
            Function::ImportLog => {
                answers::drain(&head.headers, &mut body).await;
                answers::too_large(answers::format(&head.headers))
            }
        };
        counted.told_in(answer).map(Bytes::from)
    }

    async fn invoke(
        &self,
        route: Route,
        head: &Parts,
        body: &Bytes,
        parameters: &Parameters,
    ) -> Response<Bytes> {
        self.run_event(route.function(), &lambda::event(head, body, route, parameters)).await
    }

    async fn run_event(&self, function: Function, event: &str) -> Response<Bytes> {
        let Ok(request) = lambda::request(event) else { return lambda::broken() };
        let live = Arc::clone(&self.live);
        let handler = lambda_http::service_fn(move |request| handle(Arc::clone(&live), function, request));
        let Ok(result) = Adapter::from(handler).call(LambdaEvent::new(request, Context::default())).await;
        match serde_json::to_string(&result) {
            Ok(result) => lambda::response(&result),
            Err(_) => lambda::broken(),
        }
    }

    /// Does now what is done from time to time otherwise, and answers with its result when it has ended: a scheduled
    /// function, or a look at the configuration.
    async fn run(&self, head: &Parts, function: &str) -> Response<Bytes> {
        if head.method != Method::POST {
            return answers::method_not_allowed("POST", answers::format(&head.headers)).map(Bytes::from);
        }
        let (status, body) = match function {
            "directory-sync" => match directory_sync::handle(&self.live.app().await).await {
                Ok(summary) => (StatusCode::OK, serde_json::to_string(&summary).unwrap_or_default()),
                Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
            },
            // By hand, nothing waits for its time.
            "redelivery" => match redeliver(&self.live, Asked { all: true, ..Asked::default() }).await {
                Ok(summary) => (StatusCode::OK, serde_json::to_string(&summary).unwrap_or_default()),
                Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
            },
            "inbox-import" => match take_files(&self.live).await {
                Ok(summary) => (StatusCode::OK, serde_json::to_string(&summary).unwrap_or_default()),
                Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
            },
            "configuration" => (StatusCode::OK, in_words(self.live.look_now().await).to_owned()),
            _ => return answers::not_found(answers::format(&head.headers)).map(Bytes::from),
        };
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = status;
        response
    }
}

fn in_words(looked: Looked) -> &'static str {
    match looked {
        Looked::Unchanged => "unchanged",
        Looked::TakenUp => "taken up",
        Looked::Refused => "refused",
        Looked::Unavailable => "unavailable",
    }
}

/// Boxed, because the compiler cannot see through all of it that it may change threads.
fn handle(live: Arc<Live>, function: Function, request: lambda_http::Request) -> Handled {
    Box::pin(async move {
        let app = live.app().await;
        Ok(Answered(match function {
            Function::BatchImport => batch_import::handle(&app, request).await,
            Function::PdfStorage => pdf_storage::handle(&app, request).await,
            Function::ImportLog => import_log::handle(&app, request).await,
        }))
    })
}

/// The others ignore what is sent with them.
fn takes_a_body(route: Route) -> bool {
    matches!(route, Route::PeopleImport | Route::Uploads | Route::Documents | Route::Document)
        || route.takes_a_form()
}

async fn begin_unless_large(body: Incoming, announced: u64) -> Begun {
    if announced > MAX_EVENT_BODY {
        return Begun::More(Rejoined::whole(body));
    }
    begin(body, MAX_EVENT_BODY).await
}
