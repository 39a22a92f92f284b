//! The requests that may be sent again, in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use super::lock;
use crate::error::StoreError;
use crate::id::ImportId;
use crate::ports::{Attempt, Clock, FirstAnswer, RepeatKey, RepeatRecord, Repeated, Repeats};

/// Requests that may be sent again, in memory, by the time of a clock.
pub struct MemoryRepeats {
    clock: Arc<dyn Clock>,
    records: Mutex<HashMap<RepeatKey, RepeatRecord>>,
}

impl MemoryRepeats {
    /// None yet.
    pub fn new(clock: Arc<dyn Clock>) -> MemoryRepeats {
        MemoryRepeats { clock, records: Mutex::default() }
    }
}

#[async_trait]
impl Repeats for MemoryRepeats {
    async fn begin(&self, key: &RepeatKey, attempt: &Attempt) -> Result<Repeated, StoreError> {
        let mut records = lock(&self.records);
        let met = records.get(key).and_then(|record| record.meets(attempt, self.clock.now()));
        let met = met.unwrap_or(Repeated::First);
        match &met {
            Repeated::First => drop(records.insert(key.clone(), RepeatRecord::first(attempt))),
            Repeated::Died(import) => {
                let taken = RepeatRecord { import: *import, ..RepeatRecord::first(attempt) };
                records.insert(key.clone(), taken);
            }
            Repeated::Running | Repeated::Other | Repeated::Answered(..) => {}
        }
        Ok(met)
    }

    async fn answered(
        &self,
        key: &RepeatKey,
        attempt: ImportId,
        answer: FirstAnswer,
    ) -> Result<(), StoreError> {
        if let Some(record) = lock(&self.records).get_mut(key).filter(|record| record.attempt == attempt) {
            record.answer = Some(answer);
        }
        Ok(())
    }

    async fn release(&self, key: &RepeatKey, attempt: ImportId) -> Result<(), StoreError> {
        let mut records = lock(&self.records);
        if records.get(key).is_some_and(|record| record.attempt == attempt && record.answer.is_none()) {
            records.remove(key);
        }
        Ok(())
    }
}
