//! What the rules need from outside: the stores on AWS, the target people APIs, configuration, HTTP in and out.
//!
//! Each adapter is named after its technology and implements one port of `people_core::ports`. Wire and table formats
//! stay in the file that reads and writes them.

pub mod aws;
pub mod config;
pub mod configuration;
mod connect;
pub mod dynamodb;
pub mod http;
pub mod http_client;
mod live;
pub mod logging;
pub mod retry_after;
pub mod s3;
pub mod secret;
pub mod secrets;
pub mod share;
pub mod staged;
pub mod system;
pub mod targets;

pub use connect::{ConnectError, check, connect, connect_by, connect_to_logs, connect_to_targets};
pub use live::{Live, Looked};
