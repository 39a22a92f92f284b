//! Taking over an import: whoever died with it cannot come back and write to its log, because the claim is another's then.

use people_core::error::StoreError;
use people_core::id::ImportId;
use people_core::log::{Answer, DIED_AFTER, ImportLog, State};
use people_core::ports::{Claim, Claimed};
use people_core::time::Timestamp;

use super::{CLAIM, DynamoImports, OVERTAKEN, ROUNDS, read};
use crate::dynamodb::change::{Change, Changed};
use crate::dynamodb::import_item::{HOLDER, STATE, UNTIL, claimed, key, standing};
use crate::dynamodb::item::{Item, number, text};

impl DynamoImports {
    /// Takes an import over by one write, on the condition that nobody else has since it was looked at.
    pub(super) async fn take_over(&self, id: ImportId, claim: &Claim) -> Result<Claimed, StoreError> {
        for _ in 0..ROUNDS {
            let Some(seen) = self.item(id, CLAIM).await? else { return Ok(Claimed::Unknown) };
            let log = read(id, &seen, CLAIM)?;
            match log.state {
                State::Ended(Answer::Interrupted) | State::Accepted | State::Running => {}
                State::Ended(_) => return Ok(Claimed::Ended(Box::new(log))),
            }
            let is_over = matches!(log.state, State::Ended(_));
            if !is_over && self.is_held(&log, &seen, claim) {
                return Ok(Claimed::Busy);
            }
            let place = (&self.client, self.table.as_str());
            match claiming(&log, &seen, claim).send(place, key(id), CLAIM).await? {
                Changed::Done => return Ok(Claimed::Taken(Box::new(log))),
                Changed::Otherwise(None) => return Ok(Claimed::Unknown),
                // Our own claim is in its way, after an answer that was lost.
                Changed::Otherwise(Some(now)) if is_ours(&now, claim) => {
                    return Ok(Claimed::Taken(Box::new(log)));
                }
                Changed::Otherwise(Some(_)) => {}
            }
        }
        Err(StoreError::new(CLAIM, OVERTAKEN))
    }

    /// Whether another holder may be at work. A log of an older version has no claim: its import has ended or died by the
    /// time that it is taken for dead.
    fn is_held(&self, log: &ImportLog, item: &Item, claim: &Claim) -> bool {
        let now = self.clock.now();
        match number(item, UNTIL) {
            Ok(until) => text(item, HOLDER) != Ok(&claim.holder.0) && Timestamp::from_millis(until) > now,
            Err(_) => log.state == State::Running && log.received_at.plus(DIED_AFTER) > now,
        }
    }
}

fn is_ours(item: &Item, claim: &Claim) -> bool {
    text(item, HOLDER) == Ok(&claim.holder.0) && number(item, UNTIL) == Ok(claim.until.millis())
}

fn claiming(log: &ImportLog, seen: &Item, claim: &Claim) -> Change {
    let (mut set, remove) = standing(&ImportLog { state: State::Running, ..log.clone() });
    set.extend(claimed(claim));
    let seen = [STATE, HOLDER, UNTIL].map(|name| (name, seen.get(name).cloned()));
    Change { set, remove, seen: seen.to_vec() }
}
