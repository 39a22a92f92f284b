//! The sessions of the console, by the hash of what a browser is known by: somebody who reads this table can use none of
//! them.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use people_core::error::StoreError;
use people_core::hex;
use people_core::ports::{Clock, KeyHash, Sessions};
use people_core::session::{Session, SessionHash};
use people_core::time::Timestamp;

use super::item::{Broken, EXPIRES, Item, item, n, number, s, text};
use super::tables::Tables;
use crate::aws::dynamodb_failed;

/// The hash, in hex.
pub(super) const KEY: [&str; 1] = [SESSION];
const SESSION: &str = "session";
/// The hash of the API key that was signed in with, in hex.
const API_KEY: &str = "apiKey";
const KEY_NAME: &str = "keyName";

const CREATE: &str = "store a session";
const FIND: &str = "find a session";
const END: &str = "end a session";

/// The sessions in DynamoDB. They end by the clock of whoever looks for one, to the second.
#[derive(Clone)]
pub struct DynamoSessions {
    client: Client,
    table: String,
    clock: Arc<dyn Clock>,
}

impl DynamoSessions {
    /// The sessions in these tables.
    pub fn new(client: Client, tables: &Tables, clock: Arc<dyn Clock>) -> DynamoSessions {
        DynamoSessions { client, table: tables.sessions.clone(), clock }
    }
}

#[async_trait]
impl Sessions for DynamoSessions {
    async fn create(&self, session: &Session) -> Result<(), StoreError> {
        let request = self.client.put_item().table_name(&self.table).set_item(Some(write(session)));
        request.send().await.map(drop).map_err(|error| dynamodb_failed(CREATE, &error))
    }

    async fn find(&self, hash: &SessionHash) -> Result<Option<Session>, StoreError> {
        let request = self.client.get_item().table_name(&self.table).key(SESSION, s(hex::encode(&hash.0)));
        let answer = request.consistent_read(true).send().await;
        let Some(item) = answer.map_err(|error| dynamodb_failed(FIND, &error))?.item else {
            return Ok(None);
        };
        let session = read(&item).map_err(|broken| broken.during(FIND))?;
        Ok(Some(session).filter(|session| session.expires_at > self.clock.now()))
    }

    async fn end(&self, hash: &SessionHash) -> Result<(), StoreError> {
        let request = self.client.delete_item().table_name(&self.table).key(SESSION, s(hex::encode(&hash.0)));
        request.send().await.map(drop).map_err(|error| dynamodb_failed(END, &error))
    }
}

fn write(session: &Session) -> Item {
    item([
        (SESSION, s(hex::encode(&session.hash.0))),
        (API_KEY, s(hex::encode(&session.key.0))),
        (KEY_NAME, s(session.key_name.as_str())),
        (EXPIRES, n(session.expires_at.seconds())),
    ])
}

fn read(item: &Item) -> Result<Session, Broken> {
    let expires: i64 = number(item, EXPIRES)?;
    Ok(Session {
        hash: SessionHash(hex::decode(text(item, SESSION)?).ok_or(Broken(SESSION))?),
        key: KeyHash(hex::decode(text(item, API_KEY)?).ok_or(Broken(API_KEY))?),
        key_name: text(item, KEY_NAME)?.to_owned(),
        expires_at: Timestamp::from_millis(expires.saturating_mul(1000)),
    })
}
