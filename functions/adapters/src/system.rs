//! The machine: its clock, its randomness and its temporary files, as the rules need them.

use std::fs::File;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use people_core::document::{Content, Spool, Spooled};
use people_core::error::StoreError;
use people_core::hex;
use people_core::id::ImportId;
use people_core::ports::{Clock, LeaseHolder};
use people_core::time::Timestamp;

/// The system's time, carried on by the monotonic clock where it is set back: it never goes back, and it catches up when
/// it is set forward or the machine was asleep.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
    /// What is added to the time since the start; it only grows.
    offset: AtomicI64,
}

impl Default for SystemClock {
    fn default() -> SystemClock {
        SystemClock { started: Instant::now(), offset: AtomicI64::new(i64::MIN) }
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let elapsed = millis(self.started.elapsed());
        let wall = millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default());
        let offset = self.offset.fetch_max(wall - elapsed, Ordering::Relaxed).max(wall - elapsed);
        Timestamp::from_millis(elapsed + offset)
    }

    async fn sleep_until(&self, moment: Timestamp) {
        let left = moment.since(self.now());
        if left > Duration::ZERO {
            tokio::time::sleep(left).await;
        }
    }
}

/// The id of an import that is received now.
pub fn new_import_id(now: Timestamp) -> Result<ImportId, StoreError> {
    random().map(|random| ImportId::new(now, random))
}

/// Bytes that nobody can guess.
pub fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut random = [0; N];
    getrandom::fill(&mut random)
        .map_err(|error| StoreError::new("draw a random number", error.to_string()))?;
    Ok(random)
}

/// When a Lambda invocation ends: its context says so in milliseconds since 1970.
pub fn deadline(millis: u64) -> Timestamp {
    Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}

/// A holder of leases and claims whom nobody else is.
pub fn new_holder() -> Result<LeaseHolder, StoreError> {
    Ok(LeaseHolder(hex::encode(&random::<8>()?)))
}

/// Large files wait in files that have no name: when the process ends, in whatever way, nothing of them is left.
#[derive(Debug, Clone, Copy, Default)]
pub struct FileSpool;

impl Spool for FileSpool {
    fn begin(&self, bytes: &[u8]) -> Result<Box<dyn Spooled>, StoreError> {
        let file = tempfile::tempfile().map_err(|error| StoreError::new("make a temporary file", error))?;
        let mut spooled = SpooledFile { file, bytes: 0 };
        spooled.write(bytes)?;
        Ok(Box::new(spooled))
    }
}

struct SpooledFile {
    file: File,
    bytes: u64,
}

impl Spooled for SpooledFile {
    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.file.write_all(bytes).map_err(|error| StoreError::new("write a temporary file", error))?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Content, StoreError> {
        Ok(Content::File(Arc::new(self.file), self.bytes))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;

    #[test]
    fn a_spooled_file_holds_what_was_written() {
        let mut spooled = FileSpool.begin(b"ab").unwrap();
        spooled.write(b"c").unwrap();
        let Content::File(file, 3) = spooled.finish().unwrap() else { panic!("not a file of 3 bytes") };
        let mut bytes = [0; 3];
        file.read_exact_at(&mut bytes, 0).unwrap();
        assert_eq!(&bytes, b"abc");
    }

    #[test]
    fn two_imports_of_one_moment_have_different_ids() {
        let now = SystemClock::default().now();
        assert_ne!(new_import_id(now).unwrap(), new_import_id(now).unwrap());
    }
}
