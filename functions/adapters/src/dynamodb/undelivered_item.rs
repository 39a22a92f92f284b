//! The item of an update that waits. What may be shown of it is in the index by due time; the update is in the table alone,
//! so that whoever may only read the index never sees one.

use aws_sdk_dynamodb::types::AttributeValue;
use std::time::Duration;

use people_core::id::ImportId;
use people_core::shown::Shown;
use people_core::time::Timestamp;
use people_core::undelivered::{Kept, Place, Update, Waiting};

use super::item::{Broken, EXPIRES, Item, item, n, number, s, text};
use super::tables::Index;

/// The import; the part and the target.
pub(super) const KEY: [&str; 2] = [REQUEST_ID, PLACE];
pub(super) const REQUEST_ID: &str = "requestId";
pub(super) const PLACE: &str = "place";
/// One of [`SHARDS`], and when it is tried again: in an order that is the same for all.
pub(super) const SHARD: &str = "shard";
pub(super) const DUE: &str = "due";
pub(super) const TARGET: &str = "target";
pub(super) const PERSON: &str = "person";
const REASON: &str = "reason";
const ATTEMPTS: &str = "attempts";
/// In milliseconds since 1970.
pub(super) const NEXT_AT: &str = "nextAt";
const SINCE: &str = "since";
/// What is to be delivered.
const UPDATE: &str = "update";
/// How many partitions the index has: a power of two.
pub(super) const SHARDS: u8 = 8;
/// How long an item is kept after it was delivered first: a day more than it may wait, as nobody may get to it at once.
const KEPT: Duration = Duration::from_secs(3 * 24 * 60 * 60);

/// What may be shown of an item, besides its keys.
pub(super) const SHOWN: [&str; 6] = [TARGET, PERSON, REASON, ATTEMPTS, NEXT_AT, EXPIRES];
/// What waits, by when it is tried again. The update is not in it.
pub(super) const DUE_INDEX: Index = Index { name: "due", key: &[SHARD, DUE], projected: &SHOWN };

/// Where an update is kept.
pub(super) fn key(place: &Place) -> Item {
    item([(REQUEST_ID, s(place.import.to_string())), (PLACE, s(within(place)))])
}

/// The part and the target, in the order of both; without a target it comes first.
fn within(place: &Place) -> String {
    match &place.target {
        None => format!("{:05}", place.part),
        Some(target) => format!("{:05}#{target}", place.part),
    }
}

/// When something is tried again: in the order of the moment, then of the place.
pub(super) fn due(at: Timestamp, place: &Place) -> String {
    format!("{}#{}#{}", moment(at), place.import, within(place))
}

/// A moment, as what is due then begins.
pub(super) fn moment(at: Timestamp) -> String {
    format!("{:016}", at.millis().max(0))
}

/// The whole item.
pub(super) fn write(kept: &Kept) -> Item {
    let Waiting { place, person, reason, attempts, next_at } = &kept.waiting;
    let mut whole = key(place);
    whole.extend(item([
        (SHARD, s((place.import.as_bytes()[15] % SHARDS).to_string())),
        (DUE, s(due(*next_at, place))),
        (PERSON, s(person.as_str())),
        (REASON, s(reason.as_str())),
        (ATTEMPTS, n(attempts)),
        (NEXT_AT, n(next_at.millis())),
        (SINCE, n(kept.since.millis())),
        (UPDATE, s(kept.update.0.as_str())),
        (EXPIRES, n(kept.since.plus(KEPT).seconds())),
    ]));
    let target = place.target.as_ref().map(|target| (TARGET.to_owned(), s(target.as_ref())));
    whole.extend(target);
    whole
}

/// What may be shown of an item.
pub(super) fn read_waiting(item: &Item) -> Result<Waiting, Broken> {
    let part = text(item, PLACE)?.get(..5).and_then(|part| part.parse().ok()).ok_or(Broken(PLACE))?;
    let target = item.get(TARGET).map(AttributeValue::as_s).transpose().map_err(|_| Broken(TARGET))?;
    Ok(Waiting {
        place: Place {
            import: ImportId::parse(text(item, REQUEST_ID)?).ok_or(Broken(REQUEST_ID))?,
            part,
            target: target.map(|target| target.as_str().into()),
        },
        person: Shown::new(text(item, PERSON)?),
        reason: text(item, REASON)?.to_owned(),
        attempts: number(item, ATTEMPTS)?,
        next_at: Timestamp::from_millis(number(item, NEXT_AT)?),
    })
}

/// The whole of an item.
pub(super) fn read(item: &Item) -> Result<Kept, Broken> {
    Ok(Kept {
        waiting: read_waiting(item)?,
        since: Timestamp::from_millis(number(item, SINCE)?),
        update: Update(text(item, UPDATE)?.to_owned()),
    })
}

/// What was read of an item. One that cannot be read does not hide the others.
pub(super) fn readable<T>(item: &Item, read: impl FnOnce(&Item) -> Result<T, Broken>) -> Option<T> {
    match read(item) {
        Ok(read) => Some(read),
        Err(broken) => {
            let (id, place) =
                (text(item, REQUEST_ID).unwrap_or_default(), text(item, PLACE).unwrap_or_default());
            tracing::error!(import.id = id, place, error = %broken, "what waits of import {id} is left out");
            None
        }
    }
}
