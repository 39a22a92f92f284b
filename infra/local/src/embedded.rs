//! DynamoDB and S3 inside this process: servers that speak the real protocols, with their state in the data folder.

use std::path::Path;

use dynoxide::Database;
use embedded_s3::{Access, Created};
use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedSender;

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

/// Starts an S3 whose objects are below `DATA/s3`. Requests are signed with the keys of `state`; what is created is told to
/// `arrivals`.
pub fn s3(
    data: &Path,
    listener: TcpListener,
    state: &State,
    arrivals: UnboundedSender<Created>,
) -> Result<(), Failure> {
    let folder = data.join("s3");
    let access = Access { key_id: &state.access_key_id, secret_key: &state.secret_access_key };
    // Nobody listens any more when the stack stops.
    let told = move |created| drop(arrivals.send(created));
    embedded_s3::serve(&folder, listener, access, told).doing(format_args!("open {}", folder.display()))
}
