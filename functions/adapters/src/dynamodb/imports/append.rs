//! Adding to a log what happened to the parts of its import since.

use people_core::error::StoreError;
use people_core::id::ImportId;
use people_core::later::Later;

use super::{APPEND, DynamoImports, LOG, OVERTAKEN, ROUNDS, read};
use crate::dynamodb::change::{Change, Changed};
use crate::dynamodb::import_item::{LATER, LATER_VERSION, STATE, key, standing};
use crate::dynamodb::item::{Item, n, number, s, text};
use crate::dynamodb::packed::MAX_BYTES;
use crate::dynamodb::packed_later::pack_later;

/// The bytes that are left for what happens later where the log itself takes all of its own: an item has 400 KB, and the
/// rest of it at most a few.
const AT_LEAST: usize = 24_000;

impl DynamoImports {
    /// Adds these lines, whoever adds others at the same time; nothing happens where there is no log.
    pub(super) async fn add(&self, id: ImportId, later: &[Later]) -> Result<(), StoreError> {
        for round in 0..ROUNDS {
            let Some(seen) = self.item(id, APPEND).await? else { return Ok(()) };
            let mut log = read(id, &seen, APPEND)?;
            // Ours are there already, after an answer that was lost.
            if round > 0 && later.iter().all(|line| log.later.contains(line)) {
                return Ok(());
            }
            log.later.extend_from_slice(later);
            let (mut set, remove) = standing(&log);
            set.insert(LATER.to_owned(), s(pack_later(&log.later, room(&seen))?));
            let version: u64 = number(&seen, LATER_VERSION).unwrap_or_default();
            set.insert(LATER_VERSION.to_owned(), n(version + 1));
            // The state is not changed here; it has to be what it was, so that it cannot be written over.
            let seen = [STATE, LATER_VERSION].map(|name| (name, seen.get(name).cloned())).to_vec();
            let place = (&self.client, self.table.as_str());
            match (Change { set, remove, seen }).send(place, key(id), APPEND).await? {
                Changed::Done | Changed::Otherwise(None) => return Ok(()),
                Changed::Otherwise(Some(_)) => {}
            }
        }
        Err(StoreError::new(APPEND, OVERTAKEN))
    }
}

fn room(item: &Item) -> usize {
    MAX_BYTES.saturating_sub(text(item, LOG).map_or(0, str::len)).max(AT_LEAST)
}
