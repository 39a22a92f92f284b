//! Serves a simulator over HTTP/1.1 until it is dropped.
//! It is the only file that knows the HTTP library, so that the kinds of target stay plain functions.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::aktion::Aktion;
use crate::control;
use crate::esystems::Esystems;
use crate::harness::{Harness, Kind};
use crate::message::{Answer, Request};
use crate::onlyoffice::Onlyoffice;
use crate::scim::Scim;
use crate::secrets_manager::SecretsManager;

/// A body over the limit is read to its end all the same, up to this much: a client that is still sending would not
/// see the 413.
const LONGEST_DRAINED: usize = 64 * 1024 * 1024;

/// A running simulator. Dropping it stops it: no more connections are taken, those open are cut.
#[derive(Debug)]
pub struct Simulator {
    url: String,
    stop: watch::Sender<()>,
    accepting: JoinHandle<()>,
}

/// Starts a simulator on a listener.
pub type Start = fn(TcpListener) -> io::Result<Simulator>;

/// Every simulated target by its name, in the order of the sample configuration.
pub const TARGETS: [(&str, Start); 4] = [
    ("aktion", Simulator::aktion),
    ("esystems", Simulator::esystems),
    ("onlyoffice", Simulator::onlyoffice),
    ("scim", Simulator::scim),
];

/// A listener on a free port of the loopback interface.
///
/// # Errors
/// When the system has no port left.
pub async fn free_port() -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await
}

impl Simulator {
    /// Starts an Aktion with the sample people; see [`crate::aktion`]. Needs a running tokio runtime.
    ///
    /// # Errors
    /// When the listener cannot tell its address.
    pub fn aktion(listener: TcpListener) -> io::Result<Simulator> {
        Simulator::start::<Aktion>(listener)
    }

    /// Starts an eSystems with the sample people; see [`crate::esystems`]. Needs a running tokio runtime.
    ///
    /// # Errors
    /// When the listener cannot tell its address.
    pub fn esystems(listener: TcpListener) -> io::Result<Simulator> {
        Simulator::start::<Esystems>(listener)
    }

    /// Starts an ONLYOFFICE portal with the sample people; see [`crate::onlyoffice`]. Needs a running tokio runtime.
    ///
    /// # Errors
    /// When the listener cannot tell its address.
    pub fn onlyoffice(listener: TcpListener) -> io::Result<Simulator> {
        Simulator::start::<Onlyoffice>(listener)
    }

    /// Starts a SCIM server with the sample people; see [`crate::scim`]. Needs a running tokio runtime.
    ///
    /// # Errors
    /// When the listener cannot tell its address.
    pub fn scim(listener: TcpListener) -> io::Result<Simulator> {
        Simulator::start::<Scim>(listener)
    }

    /// Starts a Secrets Manager without any secret. Needs a running tokio runtime.
    ///
    /// # Errors
    /// When the listener cannot tell its address.
    pub fn secrets_manager(listener: TcpListener) -> io::Result<Simulator> {
        Simulator::start::<SecretsManager>(listener)
    }

    /// The base URL, such as `http://127.0.0.1:4711`, without a slash at its end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Stops, and returns when the port is free again.
    pub async fn stop(self) {
        drop(self.stop);
        // It can only fail by having ended already.
        let _ = self.accepting.await;
    }

    fn start<K: Kind>(listener: TcpListener) -> io::Result<Simulator> {
        let url = format!("http://{}", listener.local_addr()?);
        let (stop, stopped) = watch::channel(());
        let accepting = tokio::spawn(accept(listener, Harness::<K>::new(), stopped));
        Ok(Simulator { url, stop, accepting })
    }
}

async fn accept<K: Kind>(listener: TcpListener, harness: Arc<Harness<K>>, mut stopped: watch::Receiver<()>) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.changed() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                tokio::spawn(serve(stream, peer, harness.clone(), stopped.clone()));
            }
            // Out of file handles, most likely: some are free again when other connections end.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

async fn serve<K: Kind>(
    stream: TcpStream,
    peer: SocketAddr,
    harness: Arc<Harness<K>>,
    mut stopped: watch::Receiver<()>,
) {
    // Without it small answers wait for the peer's acknowledgements; it is no failure if it cannot be set.
    let _ = stream.set_nodelay(true);
    let for_calls = stopped.clone();
    let service = service_fn(move |incoming| {
        let (harness, stopped) = (harness.clone(), for_calls.clone());
        async move {
            let request = read::<K>(incoming, peer.ip().to_canonical()).await.map_err(|_| Dropped)?;
            // A task of its own: the target does its work also when the caller has hung up.
            let answer = tokio::spawn(work(harness, request, stopped)).await.ok().flatten();
            answer.ok_or(Dropped).map(response)
        }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        // A connection that fails has failed for its client, who is the one to notice.
        _ = connection => {}
        _ = stopped.changed() => {}
    }
}

async fn work<K: Kind>(
    harness: Arc<Harness<K>>,
    request: Request,
    mut stopped: watch::Receiver<()>,
) -> Option<Answer> {
    tokio::select! {
        answer = harness.answer(request) => answer,
        _ = stopped.changed() => None,
    }
}

async fn read<K: Kind>(incoming: hyper::Request<Incoming>, peer: IpAddr) -> Result<Request, Dropped> {
    let (head, body) = incoming.into_parts();
    let is_control = control::is_control_path(head.uri.path());
    let longest = if is_control { control::LONGEST_BODY } else { K::LONGEST_BODY };
    let body = read_body(body, longest).await?;
    Ok(Request {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or("").to_owned(),
        headers: head.headers,
        too_long: body.is_none(),
        body: body.unwrap_or_default(),
        peer,
    })
}

/// The whole body; `None` when it is longer than allowed.
async fn read_body(mut body: Incoming, longest: usize) -> Result<Option<Bytes>, Dropped> {
    let (mut kept, mut length) = (BytesMut::new(), 0);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Dropped)?.into_data() else { continue };
        length += data.len();
        if length <= longest {
            kept.extend_from_slice(&data);
        } else if length > longest.saturating_add(LONGEST_DRAINED) {
            return Err(Dropped);
        }
    }
    Ok((length <= longest).then(|| kept.freeze()))
}

fn response(answer: Answer) -> hyper::Response<Full<Bytes>> {
    let mut response = hyper::Response::new(Full::new(answer.body));
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response
}

/// The service "fails" with this when the connection is to be dropped without an answer.
#[derive(Debug)]
struct Dropped;

impl fmt::Display for Dropped {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the connection is dropped without an answer")
    }
}

impl std::error::Error for Dropped {}
