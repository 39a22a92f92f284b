//! An S3 inside the process, for the local stack and for tests: a server that speaks the real protocol, with its objects
//! in a folder. It is a crate of its own because the adapters' tests need it too, and must not need the whole stack.
//!
//! It is s3s-fs, with what that lacks and the product relies on: objects below [`VERSIONED`] have versions, reads, puts and
//! deletions can be conditional, also many at once, what arrived otherwise than it was announced is not kept, and somebody is
//! told of each object that was created.

mod arrival;
mod created;
mod history;
mod listing;
mod objects;
mod service;
mod versioned;

use std::io;
use std::path::Path;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use tokio::net::TcpListener;

pub use created::{Created, How, event};

/// How the keys begin of the objects that have versions.
pub const VERSIONED: &str = "config/";

/// What requests are signed with.
#[derive(Clone, Copy)]
pub struct Access<'a> {
    /// The access key's id.
    pub key_id: &'a str,
    /// The access key.
    pub secret_key: &'a str,
}

/// Starts a server whose objects are below `folder`, which is made where it is missing. `told` hears of each object that was
/// created, when it can be read and before its sender has an answer; it must not block. The server runs until the runtime
/// ends.
///
/// # Errors
/// When the folder cannot be used.
pub fn serve(
    folder: &Path,
    listener: TcpListener,
    access: Access<'_>,
    told: impl Fn(Created) + Send + Sync + 'static,
) -> io::Result<()> {
    let mut service = S3ServiceBuilder::new(versioned::Versioned::open(folder, Box::new(told))?);
    service.set_auth(SimpleAuth::from_single(access.key_id, access.secret_key));
    let service = service.build();
    tokio::spawn(async move {
        loop {
            let Ok((socket, _)) = listener.accept().await else { continue };
            let _ = socket.set_nodelay(true);
            let service = service.clone();
            tokio::spawn(async move {
                let connections = auto::Builder::new(TokioExecutor::new());
                let service = service_fn(|request| service::answer(service.clone(), request));
                // A connection that breaks is its client's business.
                let _ = connections.serve_connection(TokioIo::new(socket), service).await;
            });
        }
    });
    Ok(())
}
