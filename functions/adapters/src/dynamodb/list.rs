//! The list of the import logs: what the shards hold, merged by id, newest first. No index serves the plain list, because
//! the partitions are in its order already; two sparse ones serve the errors.

use std::collections::VecDeque;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::query::QueryOutput;
use futures_util::future::try_join_all;
use people_core::error::StoreError;
use people_core::id::ImportId;
use people_core::ports::Page;
use people_core::summary::{Standing, Summary};
use people_core::time::Timestamp;
use uuid::Uuid;

use super::expression::{names, values};
use super::import_item::{
    PARTITION, REQUEST_ID, RUNNING_INDEX, SHARDS, SUMMARY, UNSUCCESSFUL_INDEX, made_at, month, partition,
    read_summary,
};
use super::item::{Broken, Item, is_expired, s, text};
use super::tables::Index;
use crate::aws::dynamodb_failed;

const LIST: &str = "list the import logs";
/// How far ahead of ours the clock may be that made an id, and behind the one that noted when the request was received.
const CLOCKS_DIFFER: Duration = Duration::from_secs(24 * 60 * 60);
/// How many more items each shard is asked for than its share, because the logs are not spread evenly.
const SPARE: usize = 4;
/// How much of an id's text is the moment that it was made at.
const MOMENT: usize = "01890a5d-ac96".len();
/// What is larger than any id.
const BEFORE_NOTHING: &str = "~";

/// The logs that there are at a moment.
pub(super) struct Listing<'a> {
    pub(super) client: &'a Client,
    pub(super) table: &'a str,
    pub(super) now: Timestamp,
    pub(super) kept: Duration,
}

impl Listing<'_> {
    /// The page, newest first. It reads little more than the logs that it gives back, however many there are.
    pub(super) async fn page(&self, page: &Page) -> Result<Vec<Summary>, StoreError> {
        let mut lanes = self.lanes(page);
        let mut listed: Vec<Summary> = Vec::with_capacity(page.limit);
        while listed.len() < page.limit {
            let at_most = (page.limit - listed.len()) / lanes.len() + SPARE;
            try_join_all(lanes.iter_mut().map(|lane| self.fill(lane, at_most, page.errors_only))).await?;
            // Of two lanes with the same log, the last one: it knows that the import has ended.
            let newest = lanes.iter_mut().max_by_key(|lane| lane.found.front().map(|summary| summary.id));
            let Some(summary) = newest.and_then(|lane| lane.found.pop_front()) else { break };
            if listed.last().is_none_or(|last| last.id != summary.id) {
                listed.push(summary);
            }
        }
        Ok(listed)
    }

    fn lanes(&self, page: &Page) -> Vec<Lane> {
        let before = page.before.map_or_else(|| BEFORE_NOTHING.to_owned(), last_before);
        let months = self.months(page);
        let from = ImportId::new(self.oldest(page), [0; 10]).to_string();
        // Of texts that begin alike, the longer one is the larger.
        let from = from.get(..MOMENT).unwrap_or_default().to_owned();
        let lane = |source, partitions| Lane {
            source,
            partitions,
            before: before.clone(),
            from: from.clone(),
            found: VecDeque::new(),
        };
        let of_months = |shard| months.iter().map(|month| partition(month, shard)).collect();
        let shards = 0..SHARDS;
        if page.errors_only {
            let running =
                shards.clone().map(|shard| lane(Source::Index(&RUNNING_INDEX), vec![shard.to_string()]));
            let ended = shards.map(|shard| lane(Source::Index(&UNSUCCESSFUL_INDEX), of_months(shard)));
            running.chain(ended).collect()
        } else {
            shards.map(|shard| lane(Source::Table, of_months(shard))).collect()
        }
    }

    /// The moment that the oldest id was made at which is wanted and not expired.
    fn oldest(&self, page: &Page) -> Timestamp {
        let kept = self.kept + CLOCKS_DIFFER;
        let oldest = self.now.millis().saturating_sub(i64::try_from(kept.as_millis()).unwrap_or(i64::MAX));
        let oldest = Timestamp::from_millis(oldest.max(0));
        page.from.map_or(oldest, |from| from.max(oldest))
    }

    /// The months that may have such logs, the newest one last.
    fn months(&self, page: &Page) -> Vec<String> {
        let newest = self.now.plus(CLOCKS_DIFFER);
        let newest = page.before.map_or(newest, |before| newest.min(made_at(before)));
        let oldest = self.oldest(page);
        if newest < oldest {
            return Vec::new();
        }
        let days = (oldest.millis()..newest.millis()).step_by(24 * 60 * 60 * 1000).chain([newest.millis()]);
        let mut months: Vec<_> = days.map(|day| month(Timestamp::from_millis(day))).collect();
        months.dedup();
        months
    }

    /// Reads on until the lane has a log to show, or no more.
    async fn fill(&self, lane: &mut Lane, at_most: usize, errors_only: bool) -> Result<(), StoreError> {
        while lane.found.is_empty() {
            let Some(partition) = lane.partitions.last() else { break };
            if lane.before < lane.from {
                lane.partitions.clear();
                break;
            }
            let answer = self.query(lane, partition, at_most).await?;
            lane.found = self.summaries(&answer.items.unwrap_or_default(), errors_only);
            match answer.last_evaluated_key {
                None => drop(lane.partitions.pop()),
                Some(last) => {
                    let id = text(&last, REQUEST_ID).map_err(|broken| broken.during(LIST))?;
                    let id = ImportId::parse(id).ok_or(Broken(REQUEST_ID).during(LIST))?;
                    lane.before = last_before(id);
                }
            }
        }
        Ok(())
    }

    async fn query(&self, lane: &Lane, partition: &str, at_most: usize) -> Result<QueryOutput, StoreError> {
        let attribute = lane.source.partition();
        let mut referred = names(SUMMARY).unwrap_or_default();
        referred.extend(names([attribute, REQUEST_ID]).unwrap_or_default());
        let projected: Vec<_> = [REQUEST_ID].iter().chain(&SUMMARY).map(|name| format!("#{name}")).collect();
        let answer = self
            .client
            .query()
            .table_name(self.table)
            .set_index_name(lane.source.index().map(str::to_owned))
            .key_condition_expression(format!(
                "#{attribute} = :partition AND #{REQUEST_ID} BETWEEN :from AND :before"
            ))
            .projection_expression(projected.join(", "))
            .set_expression_attribute_names(Some(referred))
            .set_expression_attribute_values(values([
                ("partition", s(partition)),
                ("from", s(lane.from.as_str())),
                ("before", s(lane.before.as_str())),
            ]))
            .scan_index_forward(false)
            .consistent_read(lane.source.is_consistent())
            .limit(i32::try_from(at_most).unwrap_or(i32::MAX));
        answer.send().await.map_err(|error| dynamodb_failed(LIST, &error))
    }

    /// What is to be shown of these items.
    fn summaries(&self, items: &[Item], errors_only: bool) -> VecDeque<Summary> {
        let wanted = |summary: &Summary| !errors_only || summary.now() != Standing::Successful;
        readable(items, self.now).filter(wanted).collect()
    }
}

/// The summaries that are in these items and have not expired. One that cannot be read does not hide the others.
pub(super) fn readable(items: &[Item], now: Timestamp) -> impl Iterator<Item = Summary> {
    let living = items.iter().filter(move |item| !is_expired(item, now));
    living.filter_map(|item| match read_summary(item) {
        Ok(summary) => Some(summary),
        Err(broken) => {
            let id = text(item, REQUEST_ID).unwrap_or_default();
            tracing::error!(import.id = id, error = %broken, "import {id} is left out of the list");
            None
        }
    })
}

/// The largest text of an id that is smaller than this one: a range of keys includes both of its ends.
fn last_before(id: ImportId) -> String {
    let number = u128::from_be_bytes(*id.as_bytes()).saturating_sub(1);
    Uuid::from_u128(number).hyphenated().to_string()
}

/// One shard, on its way from the newest log to the oldest.
struct Lane {
    source: Source,
    /// The partitions that are not read to their end, the next one last.
    partitions: Vec<String>,
    /// No larger ids are left to be read, and no smaller ones than `from` are wanted.
    before: String,
    from: String,
    /// What has been read and not been shown.
    found: VecDeque<Summary>,
}

/// What a lane reads.
#[derive(Clone, Copy)]
enum Source {
    /// The table itself.
    Table,
    /// One of its indexes.
    Index(&'static Index),
}

impl Source {
    fn index(self) -> Option<&'static str> {
        match self {
            Source::Table => None,
            Source::Index(index) => Some(index.name),
        }
    }

    fn partition(self) -> &'static str {
        match self {
            Source::Table => PARTITION,
            Source::Index(index) => index.key[0],
        }
    }

    /// An index can only be read as it was a moment ago.
    fn is_consistent(self) -> bool {
        match self {
            Source::Table => true,
            Source::Index(_) => false,
        }
    }
}
