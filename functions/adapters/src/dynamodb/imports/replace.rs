//! Writing a log anew while its import is claimed: when it begins and when it ends.

use people_core::error::StoreError;
use people_core::log::{ImportLog, State};
use people_core::ports::LeaseHolder;

use super::{DynamoImports, LOG, OVERTAKEN, ROUNDS, read_later};
use crate::dynamodb::change::{Change, Changed};
use crate::dynamodb::import_item::{HOLDER, LATER, LATER_VERSION, STATE, head, key, standing, state_text};
use crate::dynamodb::item::{Item, n, number, s, text};
use crate::dynamodb::packed::pack;

impl DynamoImports {
    /// Writes the log, as long as its import runs under the claim of this holder. What happened later is gone where the
    /// import begins (its parts are run again), and else stays and is counted: where something is added meanwhile, it is
    /// counted anew.
    pub(super) async fn replace(
        &self,
        log: &ImportLog,
        holder: &LeaseHolder,
        action: &'static str,
    ) -> Result<(), StoreError> {
        let packed = pack(log)?;
        let (mut log, mut seen) = (log.clone().as_answered(), Item::new());
        for _ in 0..ROUNDS {
            let change = replacing(&log, &packed, (holder, &seen));
            let place = (&self.client, self.table.as_str());
            let now = match change.send(place, key(log.id), action).await? {
                Changed::Done => return Ok(()),
                Changed::Otherwise(None) => return Err(StoreError::new(action, "it was never opened")),
                Changed::Otherwise(Some(now)) => now,
            };
            // The same close once more, after an answer that was lost. A claim that was lost is not told from one that is
            // ours by what a log says that has only begun.
            let is_state = |state| text(&now, STATE) == Ok(state_text(state));
            if log.state != State::Running && text(&now, LOG) == Ok(&packed) && is_state(log.state) {
                return Ok(());
            }
            if !is_state(State::Running) || text(&now, HOLDER) != Ok(&holder.0) {
                return Err(StoreError::new(action, "another one has the claim, or it has ended"));
            }
            if log.state != State::Running {
                log.later = read_later(&now, action)?;
            }
            seen = now;
        }
        Err(StoreError::new(action, OVERTAKEN))
    }
}

fn replacing(log: &ImportLog, packed: &str, (holder, seen): (&LeaseHolder, &Item)) -> Change {
    let (mut set, mut remove) = standing(log);
    set.extend(head(log));
    set.insert(LOG.to_owned(), s(packed));
    if let (State::Running, Ok(version)) = (log.state, number::<u64>(seen, LATER_VERSION)) {
        remove.push(LATER);
        // Whoever adds to what was there has to look again.
        set.insert(LATER_VERSION.to_owned(), n(version + 1));
    }
    let seen = vec![
        (STATE, Some(s(state_text(State::Running)))),
        (HOLDER, Some(s(holder.0.as_str()))),
        (LATER_VERSION, seen.get(LATER_VERSION).cloned()),
    ];
    Change { set, remove, seen }
}
