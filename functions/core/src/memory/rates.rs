//! How often things happen, in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use super::lock;
use crate::error::StoreError;
use crate::ports::{Clock, Rates};
use crate::time::Timestamp;

/// Counts in memory, by the time of a clock.
pub struct MemoryRates {
    clock: Arc<dyn Clock>,
    counts: Mutex<HashMap<String, (u64, Timestamp)>>,
}

impl MemoryRates {
    /// Nothing has happened.
    pub fn new(clock: Arc<dyn Clock>) -> MemoryRates {
        MemoryRates { clock, counts: Mutex::default() }
    }
}

#[async_trait]
impl Rates for MemoryRates {
    async fn count(&self, name: &str, until: Timestamp) -> Result<u64, StoreError> {
        let now = self.clock.now();
        let mut counts = lock(&self.counts);
        counts.retain(|_, (_, until)| *until > now);
        let (count, _) = counts.entry(name.to_owned()).or_insert((0, until));
        *count += 1;
        Ok(*count)
    }
}
