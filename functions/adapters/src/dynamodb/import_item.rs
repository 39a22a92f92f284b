//! The item of an import log: where it is, and the attributes that a list shows. What became of the parts is packed into
//! one more, which no list reads.

use aws_sdk_dynamodb::types::AttributeValue;
use people_core::id::ImportId;
use people_core::log::{Answer, ImportLog, State};
use people_core::ports::Claim;
use people_core::shown::Shown;
use people_core::summary::{Source, Standing, Summary};
use people_core::time::Timestamp;

use super::import_words::{read_kinds, read_targets, write_kinds, write_targets};
use super::item::{Broken, EXPIRES, Item, item, n, number, s, text};
use super::tables::Index;

/// The month of the import and a shard; the request id.
pub(super) const KEY: [&str; 2] = [PARTITION, REQUEST_ID];
pub(super) const PARTITION: &str = "partition";
pub(super) const REQUEST_ID: &str = "requestId";
pub(super) const RECEIVED_AT: &str = "receivedAt";
pub(super) const KEY_NAME: &str = "keyName";
pub(super) const STATE: &str = "state";
pub(super) const PARTS: &str = "parts";
pub(super) const SUCCEEDED: &str = "succeeded";
pub(super) const FAILED: &str = "failed";
pub(super) const SOURCE: &str = "source";
/// There, and true, where nothing was to be delivered or stored.
const DRY_RUN: &str = "dryRun";
/// The kinds of the lines that the log has, a letter each; the targets of its deliveries; and whether there was one after it
/// had ended. They are there only where there is something to say.
const KINDS: &str = "kinds";
const TARGETS: &str = "targets";
const REDELIVERED: &str = "redelivered";
/// Who carries the import out, and until when in milliseconds since 1970: its claim.
pub(super) const HOLDER: &str = "holder";
pub(super) const UNTIL: &str = "until";
/// What happened to the parts since, for programs, and how often that was written.
pub(super) const LATER: &str = "later";
pub(super) const LATER_VERSION: &str = "laterVersion";
/// The shard, as long as the import has not ended: what makes it part of the index of those.
pub(super) const RUNNING: &str = "running";
/// The month and the shard once more, where an import ended and was not successful.
pub(super) const UNSUCCESSFUL: &str = "unsuccessful";
/// How many partitions a month has: a power of two.
pub(super) const SHARDS: u8 = 8;

/// What a list reads of an item besides its key.
pub(super) const SUMMARY: [&str; 12] = [
    RECEIVED_AT,
    KEY_NAME,
    STATE,
    PARTS,
    SUCCEEDED,
    FAILED,
    SOURCE,
    DRY_RUN,
    KINDS,
    TARGETS,
    REDELIVERED,
    EXPIRES,
];

/// What still runs, or died. It is small, so that it needs no months.
pub(super) const RUNNING_INDEX: Index =
    Index { name: "running", key: &[RUNNING, REQUEST_ID], projected: &SUMMARY };
/// What ended and was not successful.
pub(super) const UNSUCCESSFUL_INDEX: Index =
    Index { name: "unsuccessful", key: &[UNSUCCESSFUL, REQUEST_ID], projected: &SUMMARY };

/// Where a log is: the month that its id was made in, spread over the shards by the id's last bits, which are random.
pub(super) fn key(id: ImportId) -> Item {
    item([(PARTITION, s(partition_of(id))), (REQUEST_ID, s(id.to_string()))])
}

/// A shard of a month.
pub(super) fn partition(month: &str, shard: u8) -> String {
    format!("{month}#{shard}")
}

/// The month of a moment, `2026-11` say.
pub(super) fn month(moment: Timestamp) -> String {
    // An id that somebody thought up may be from a year that has no text; nothing is stored under it.
    moment.to_log_text().get(..7).unwrap_or("never").to_owned()
}

/// The moment that an id was made at.
pub(super) fn made_at(id: ImportId) -> Timestamp {
    Timestamp::from_millis(i64::try_from(id.millis()).unwrap_or(i64::MAX))
}

fn shard(id: ImportId) -> u8 {
    id.as_bytes()[15] % SHARDS
}

fn partition_of(id: ImportId) -> String {
    partition(&month(made_at(id)), shard(id))
}

/// The attributes that do not change with what becomes of the parts.
pub(super) fn head(log: &ImportLog) -> Item {
    let mut head = item([
        (RECEIVED_AT, s(log.received_at.to_rfc3339())),
        (KEY_NAME, s(log.key_name.as_str())),
        (PARTS, n(log.parts.len())),
        (SOURCE, s(log.source.as_str())),
    ]);
    if log.dry_run {
        head.insert(DRY_RUN.to_owned(), AttributeValue::Bool(true));
    }
    head
}

/// The attributes that say how the import stands, and those that it must not have: written when a log is opened, and
/// again whenever that changes.
pub(super) fn standing(log: &ImportLog) -> (Item, Vec<&'static str>) {
    let summary = log.summary();
    let mut standing = item([
        (STATE, s(state_text(log.state))),
        (SUCCEEDED, n(summary.succeeded)),
        (FAILED, n(summary.failed)),
    ]);
    let has_ended = matches!(log.state, State::Ended(_));
    let mut absent = Vec::new();
    let mut put = |name: &'static str, is_there: bool, value: String| {
        if is_there { drop(standing.insert(name.to_owned(), s(value))) } else { absent.push(name) }
    };
    put(RUNNING, !has_ended, shard(log.id).to_string());
    put(UNSUCCESSFUL, has_ended && summary.now() != Standing::Successful, partition_of(log.id));
    put(KINDS, !summary.kinds.is_empty(), write_kinds(&summary.kinds));
    put(TARGETS, !summary.targets.is_empty(), write_targets(&summary.targets));
    put(REDELIVERED, summary.redelivered, "yes".to_owned());
    (standing, absent)
}

/// The attributes of a claim.
pub(super) fn claimed(claim: &Claim) -> Item {
    item([(HOLDER, s(claim.holder.0.as_str())), (UNTIL, n(claim.until.millis()))])
}

/// What a list shows of an item.
pub(super) fn read_summary(item: &Item) -> Result<Summary, Broken> {
    let (state, parts, succeeded) = (read_state(item)?, number(item, PARTS)?, number(item, SUCCEEDED)?);
    Ok(Summary {
        id: ImportId::parse(text(item, REQUEST_ID)?).ok_or(Broken(REQUEST_ID))?,
        received_at: Timestamp::from_rfc3339(text(item, RECEIVED_AT)?).ok_or(Broken(RECEIVED_AT))?,
        key_name: Shown::new(text(item, KEY_NAME)?),
        state,
        source: read_source(item.get(SOURCE))?,
        dry_run: is_dry_run(item),
        parts,
        succeeded,
        failed: match item.get(FAILED) {
            Some(_) => number(item, FAILED)?,
            None => failed_before_it_was_stored(state, parts, succeeded),
        },
        kinds: read_kinds(text(item, KINDS).unwrap_or_default()),
        targets: read_targets(text(item, TARGETS).unwrap_or_default()),
        redelivered: item.contains_key(REDELIVERED),
    })
}

/// Logs of the first version do not say how many parts failed: those that ended have no others that did not succeed, and
/// an import without parts failed as a whole.
fn failed_before_it_was_stored(state: State, parts: usize, succeeded: usize) -> usize {
    match state {
        State::Accepted | State::Running => 0,
        State::Ended(Answer::Succeeded) => parts.saturating_sub(succeeded),
        State::Ended(_) => parts.saturating_sub(succeeded).max(1),
    }
}

/// Logs of the first version do not say where they are from: there was one way only.
pub(super) fn read_source(stored: Option<&AttributeValue>) -> Result<Source, Broken> {
    let Some(stored) = stored else { return Ok(Source::Direct) };
    let known = |source: &Source| stored.as_s().is_ok_and(|stored| stored == source.as_str());
    Source::ALL.into_iter().find(known).ok_or(Broken(SOURCE))
}

/// Whether nothing was to be delivered or stored.
pub(super) fn is_dry_run(item: &Item) -> bool {
    item.contains_key(DRY_RUN)
}

/// Where the import stands.
pub(super) fn read_state(item: &Item) -> Result<State, Broken> {
    let stored = text(item, STATE)?;
    states().find(|known| state_text(*known) == stored).ok_or(Broken(STATE))
}

fn states() -> impl Iterator<Item = State> {
    [State::Accepted, State::Running].into_iter().chain(Answer::ALL.map(State::Ended))
}

/// A state as it is stored.
pub(super) fn state_text(state: State) -> &'static str {
    match state {
        State::Accepted => "accepted",
        State::Running => "running",
        State::Ended(Answer::Succeeded) => "succeeded",
        State::Ended(Answer::Accepted) => "kept",
        State::Ended(Answer::PartlyFailed) => "partly-failed",
        State::Ended(Answer::Failed) => "failed",
        State::Ended(Answer::TooManyParts) => "too-many-parts",
        State::Ended(Answer::StoreFailed) => "store-failed",
        State::Ended(Answer::Interrupted) => "interrupted",
        State::Ended(Answer::Created) => "created",
        State::Ended(Answer::Linked) => "linked",
        State::Ended(Answer::Deleted) => "deleted",
        State::Ended(Answer::NotFound) => "not-found",
        State::Ended(Answer::Unavailable) => "unavailable",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_in_the_partition_of_its_month_and_shard() {
        let key = key(ImportId::parse("0192f0c1-7c00-7a3b-8c4d-00010203040d").unwrap());
        assert_eq!(text(&key, PARTITION), Ok("2024-11#5"));
        assert_eq!(text(&key, REQUEST_ID), Ok("0192f0c1-7c00-7a3b-8c4d-00010203040d"));
    }

    #[test]
    fn any_guid_has_a_place() {
        let key = key(ImportId::parse("ffffffff-ffff-ffff-ffff-ffffffffffff").unwrap());
        assert_eq!(text(&key, PARTITION), Ok("never#7"));
    }

    #[test]
    fn every_state_is_read_back() {
        for state in states() {
            let stored = super::item([(STATE, s(state_text(state)))]);
            assert_eq!(read_state(&stored), Ok(state));
        }
        assert_eq!(read_state(&super::item([(STATE, s("lost"))])), Err(Broken(STATE)));
    }

    /// The match breaks where an answer is added: then it belongs into `Answer::ALL`, too.
    #[test]
    fn the_answers_are_all_there_once() {
        let number = |answer| match answer {
            Answer::Succeeded => 0,
            Answer::Accepted => 1,
            Answer::PartlyFailed => 2,
            Answer::Failed => 3,
            Answer::TooManyParts => 4,
            Answer::StoreFailed => 5,
            Answer::Interrupted => 6,
            Answer::Created => 7,
            Answer::Linked => 8,
            Answer::Deleted => 9,
            Answer::NotFound => 10,
            Answer::Unavailable => 11,
        };
        assert_eq!(Answer::ALL.map(number), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    }

    #[test]
    fn an_item_of_the_first_version_is_counted_by_how_it_ended() {
        let failed = |state, parts, succeeded| {
            let mut item = key(ImportId::new(Timestamp::from_millis(0), [0; 10]));
            item.extend(super::item([
                (RECEIVED_AT, s("2026-11-23T02:13:39Z")),
                (KEY_NAME, s("payroll")),
                (STATE, s(state)),
                (PARTS, n(parts)),
                (SUCCEEDED, n(succeeded)),
            ]));
            let summary = read_summary(&item).unwrap();
            (summary.failed, summary.now().as_str())
        };
        assert_eq!(failed("running", 3, 0), (0, "pending"));
        assert_eq!(failed("succeeded", 3, 3), (0, "successful"));
        assert_eq!(failed("partly-failed", 3, 1), (2, "unsuccessful"));
        assert_eq!(failed("failed", 0, 0), (1, "unsuccessful"));
    }
}
