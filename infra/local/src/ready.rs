//! The ready file: where everything is, for scripts. What is not built yet is absent.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::failure::{Doing, Failure};
use crate::state::write_at_once;

/// The content of a ready file of `people serve`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ready {
    /// The API's base URL.
    pub api: String,
    /// The console's URL.
    pub console: String,
    /// The embedded DynamoDB.
    pub dynamodb: String,
    /// The embedded S3.
    pub s3: String,
    /// The access key for both.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: String,
    /// The region to sign for.
    pub region: String,
    /// The tables.
    pub tables: Vec<String>,
    /// The bucket.
    pub bucket: String,
    /// An API key for each feature.
    pub keys: BTreeMap<String, String>,
    /// The simulators' base URLs, by target.
    pub simulators: BTreeMap<String, String>,
}

/// The content of a ready file of `people simulate`; that of `people serve` can be read as one too.
#[derive(Serialize, Deserialize)]
pub struct Simulating {
    /// The simulators' base URLs, by target.
    pub simulators: BTreeMap<String, String>,
}

/// Writes a ready file in one step.
pub fn write(file: &Path, ready: &impl Serialize) -> Result<(), Failure> {
    let json = serde_json::to_vec_pretty(ready).doing("write the ready file")?;
    write_at_once(file, &json)
}
