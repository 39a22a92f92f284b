//! Calls over HTTP/1.1 that are bounded in time and size, on connections that are kept. Targets that trust the same share
//! one client, because a connection that is there already is worth more than anything else that could be saved on a call.

mod address;
mod trust;

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;

use address::{Private, Resolver};
pub use trust::{Authorities, InvalidAuthorities, Trust};

/// How long a connection may take to be there.
const CONNECT: Duration = Duration::from_secs(3);
/// How long a connection is kept that nobody uses.
const IDLE: Duration = Duration::from_secs(20);
/// How many such connections are kept for each host.
const IDLE_CONNECTIONS: usize = 128;

/// A client with its connections; a clone shares them. It follows no redirect.
#[derive(Clone)]
pub struct HttpClient {
    client: Client<HttpsConnector<HttpConnector<Resolver>>, Full<Bytes>>,
    private_addresses: bool,
}

/// What a call may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Until the answer's last byte.
    pub time: Duration,
    /// The most bytes of the answer's body.
    pub bytes: usize,
}

/// An answer, read to its end.
#[derive(Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// Why there is no answer. It never says which URL was called, as that may hold a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HttpFault {
    /// There was no connection, so nothing was sent.
    #[error("no connection")]
    Connect,
    /// The host has no other address than private ones, and these are not allowed, so nothing was sent.
    #[error("its address is private, which the configuration does not allow")]
    Private,
    /// The server's certificate is not trusted, or is another host's, so nothing was sent.
    #[error("its certificate is not trusted")]
    Untrusted,
    /// The time was up; the call may have been received.
    #[error("no answer in time")]
    TimedOut,
    /// The connection broke; the call may have been received.
    #[error("the connection was cut")]
    Cut,
    /// The answer is larger than allowed; the call was received.
    #[error("the answer is too large")]
    TooLarge,
}

/// TLS cannot be set up in this process.
#[derive(Debug, thiserror::Error)]
#[error("TLS cannot be set up")]
pub struct NoTls(#[source] rustls::Error);

impl HttpFault {
    /// Whether the call may have been received.
    pub fn was_sent(self) -> bool {
        match self {
            HttpFault::Connect | HttpFault::Private | HttpFault::Untrusted => false,
            HttpFault::TimedOut | HttpFault::Cut | HttpFault::TooLarge => true,
        }
    }
}

impl HttpClient {
    /// A client without connections yet.
    ///
    /// # Errors
    /// When the embedded TLS provider is unusable.
    pub fn new(trust: &Trust) -> Result<HttpClient, NoTls> {
        let mut tcp = HttpConnector::new_with_resolver(Resolver::new(trust.private_addresses));
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT));
        let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(NoTls)?
            .with_root_certificates(trust.roots().map_err(NoTls)?)
            .with_no_client_auth();
        let tls = HttpsConnectorBuilder::new().with_tls_config(tls);
        let connector = tls.https_or_http().enable_http1().wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .build(connector);
        Ok(HttpClient { client, private_addresses: trust.private_addresses })
    }

    /// Sends a request with an absolute URL and reads the answer, whatever its status. Needs a tokio runtime.
    ///
    /// # Errors
    /// When there is no whole answer within the limits.
    pub async fn send(&self, request: Request<Full<Bytes>>, limits: Limits) -> Result<Answer, HttpFault> {
        if !self.private_addresses && address::is_private(request.uri()) {
            return Err(HttpFault::Private);
        }
        let answered = async {
            let response = self.client.request(request).await;
            let response = response.map_err(|error| match error.is_connect() {
                true => why_unconnected(&error),
                false => HttpFault::Cut,
            })?;
            let (head, body) = response.into_parts();
            let body = read(body, limits.bytes).await?;
            Ok(Answer { status: head.status, headers: head.headers, body })
        };
        tokio::time::timeout(limits.time, answered).await.unwrap_or(Err(HttpFault::TimedOut))
    }
}

/// Why a connection could not be made. An `io::Error` gives its own cause by another way than other errors do.
fn why_unconnected(error: &(dyn Error + 'static)) -> HttpFault {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<Private>() {
            return HttpFault::Private;
        }
        if let Some(rustls::Error::InvalidCertificate(_)) = error.downcast_ref() {
            return HttpFault::Untrusted;
        }
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    HttpFault::Connect
}

/// The whole body. One that came in one piece is not copied.
async fn read(mut body: Incoming, most: usize) -> Result<Bytes, HttpFault> {
    if body.size_hint().lower() > most as u64 {
        return Err(HttpFault::TooLarge);
    }
    let mut whole = Bytes::new();
    let mut pieces = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| HttpFault::Cut)?.into_data() else { continue };
        if whole.len() + pieces.len() + data.len() > most {
            return Err(HttpFault::TooLarge);
        }
        if whole.is_empty() && pieces.is_empty() {
            whole = data;
        } else {
            pieces.extend_from_slice(&std::mem::take(&mut whole));
            pieces.extend_from_slice(&data);
        }
    }
    Ok(if pieces.is_empty() { whole } else { pieces.freeze() })
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpClient")
    }
}

/// The status alone: a body may hold anything.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({})", self.status.as_u16())
    }
}
