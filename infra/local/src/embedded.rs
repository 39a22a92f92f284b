//! DynamoDB and S3 inside this process: servers that speak the real protocols, with their state in the data folder.

use std::path::Path;

use dynoxide::Database;
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
    embedded_s3::serve(&folder, listener, &state.access_key_id, &state.secret_access_key)
        .doing(format_args!("open {}", folder.display()))
}
