//! A way to DynamoDB, S3 and Secrets Manager that notes what passes. The wire cannot forget a call, as a list kept by hand would.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1 as server;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use super::calls::{Need, of_dynamodb, of_s3, of_secrets_manager};

/// What was needed so far. Cloned by whatever notes it.
pub(crate) type Notes = Arc<Mutex<Vec<Need>>>;

/// Listens in front of the server at `url`; gives back what clients have to be told as its URL.
pub(crate) async fn before(url: &str, notes: &Notes) -> String {
    let (server, notes) = (url.trim_start_matches("http://").to_owned(), Arc::clone(notes));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let (server, notes) = (server.clone(), Arc::clone(&notes));
            let service = service_fn(move |request| pass_on(request, server.clone(), Arc::clone(&notes)));
            tokio::spawn(server::Builder::new().serve_connection(TokioIo::new(socket), service));
        }
    });
    url
}

async fn pass_on(
    request: Request<Incoming>,
    server: String,
    notes: Notes,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    // The head stays as it is, `Host` included: S3's signatures cover it.
    let request = Request::from_parts(head.clone(), Full::new(body.clone()));
    let socket = TcpStream::connect(server).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(socket)).await.unwrap();
    tokio::spawn(connection);
    let (answer, content) = sender.send_request(request).await.unwrap().into_parts();
    let content = content.collect().await.unwrap().to_bytes();
    let operation = head.headers.get("x-amz-target").map(|target| target.to_str().unwrap());
    let needs = match operation.map(|target| target.split_once('.').unwrap()) {
        Some(("secretsmanager", operation)) => {
            of_secrets_manager(operation, &serde_json::from_slice(&body).unwrap())
        }
        Some((_, operation)) => of_dynamodb(operation, &serde_json::from_slice(&body).unwrap()),
        None => {
            let query = head.uri.query().unwrap_or_default();
            of_s3(head.method.as_str(), head.uri.path(), query, answer.status.as_u16())
        }
    };
    notes.lock().unwrap().extend(needs);
    Ok(Response::from_parts(answer, Full::new(content)))
}
