//! The sessions of the console, in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use super::lock;
use crate::error::StoreError;
use crate::ports::{Clock, Sessions};
use crate::session::{Session, SessionHash};

/// Sessions in memory, by the time of a clock.
pub struct MemorySessions {
    clock: Arc<dyn Clock>,
    sessions: Mutex<HashMap<SessionHash, Session>>,
}

impl MemorySessions {
    /// Nobody has signed in.
    pub fn new(clock: Arc<dyn Clock>) -> MemorySessions {
        MemorySessions { clock, sessions: Mutex::default() }
    }
}

#[async_trait]
impl Sessions for MemorySessions {
    async fn create(&self, session: &Session) -> Result<(), StoreError> {
        lock(&self.sessions).insert(session.hash.clone(), session.clone());
        Ok(())
    }

    async fn find(&self, hash: &SessionHash) -> Result<Option<Session>, StoreError> {
        let now = self.clock.now();
        let found = lock(&self.sessions).get(hash).cloned();
        Ok(found.filter(|session| session.expires_at > now))
    }

    async fn end(&self, hash: &SessionHash) -> Result<(), StoreError> {
        lock(&self.sessions).remove(hash);
        Ok(())
    }
}
