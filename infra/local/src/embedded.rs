//! DynamoDB and S3 inside this process: servers that speak the real protocols, with their state in the data folder.

use std::fs;
use std::path::Path;

use dynoxide::Database;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tokio::net::TcpListener;

use crate::failure::{Doing, Failure};
use crate::state::State;

/// Starts a DynamoDB whose tables are in `DATA/dynamodb.sqlite`. The handle lets the caller sweep expired items, which
/// the server does not do by itself.
pub fn dynamodb(data: &Path, listener: TcpListener) -> Result<Database, Failure> {
    let file = data.join("dynamodb.sqlite");
    let database = Database::new(&file.to_string_lossy()).doing(format_args!("open {}", file.display()))?;
    tokio::spawn(dynoxide::server::serve_on(listener, database.clone()));
    Ok(database)
}

/// Starts an S3 whose objects are below `DATA/s3`. Requests are signed with the keys of `state`.
pub fn s3(data: &Path, listener: TcpListener, state: &State) -> Result<(), Failure> {
    let folder = data.join("s3");
    fs::create_dir_all(&folder).doing(format_args!("make the folder {}", folder.display()))?;
    let files = FileSystem::new(&folder)
        .map_err(|error| Failure(format!("could not open {}: {error:?}", folder.display())))?;
    let mut service = S3ServiceBuilder::new(files);
    service.set_auth(SimpleAuth::from_single(state.access_key_id.clone(), state.secret_access_key.clone()));
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
