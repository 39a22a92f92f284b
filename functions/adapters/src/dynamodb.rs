//! The stores in DynamoDB. Tables, keys and attribute names are spelled here and in the modules below, nowhere else, so
//! that a table can be changed by reading one folder.

mod batch;
mod change;
mod directory;
mod directory_item;
mod expression;
mod import_item;
mod import_words;
mod imports;
mod item;
mod keys;
mod learning;
mod leases;
mod list;
mod packed;
mod packed_delivery;
mod packed_later;
mod packed_words;
mod person_index;
mod rates;
mod records;
mod repeats;
mod sample;
mod sessions;
mod tables;
mod undelivered;
mod undelivered_item;
mod undelivered_list;
mod unfinished;

pub use directory::DynamoDirectory;
pub use imports::DynamoImports;
pub use keys::DynamoKeys;
pub use leases::DynamoLeases;
pub use rates::DynamoRates;
pub use records::DynamoRecords;
pub(crate) use records::{Objects, Recorded};
pub use repeats::DynamoRepeats;
pub use sessions::DynamoSessions;
pub use tables::{Index, Schema, Tables, create_tables};
pub use undelivered::DynamoUndelivered;
