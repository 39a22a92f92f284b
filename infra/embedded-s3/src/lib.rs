//! An S3 inside the process, for the local stack and for tests: a server that speaks the real protocol, with its objects
//! in a folder. It is a crate of its own because the adapters' tests need it too, and must not need the whole stack.
//!
//! It is s3s-fs, with what that lacks and the product relies on: objects below [`VERSIONED`] have versions, a read can be
//! conditional, and what arrived with a wrong checksum is not kept.

mod history;
mod listing;
mod versioned;

use std::io;
use std::path::Path;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use tokio::net::TcpListener;

/// How the keys begin of the objects that have versions.
pub const VERSIONED: &str = "config/";

/// Starts a server whose objects are below `folder`, which is made where it is missing; requests are signed with this
/// key. It runs until the runtime ends.
///
/// # Errors
/// When the folder cannot be used.
pub fn serve(
    folder: &Path,
    listener: TcpListener,
    access_key_id: &str,
    secret_access_key: &str,
) -> io::Result<()> {
    let mut service = S3ServiceBuilder::new(versioned::Versioned::open(folder)?);
    service.set_auth(SimpleAuth::from_single(access_key_id, secret_access_key));
    let service = service.build();
    tokio::spawn(async move {
        loop {
            let Ok((socket, _)) = listener.accept().await else { continue };
            let _ = socket.set_nodelay(true);
            let service = service.clone();
            tokio::spawn(async move {
                let connections = auto::Builder::new(TokioExecutor::new());
                // A connection that breaks is its client's business.
                let _ = connections.serve_connection(TokioIo::new(socket), service).await;
            });
        }
    });
    Ok(())
}
