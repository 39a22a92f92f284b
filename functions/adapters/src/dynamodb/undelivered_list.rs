//! The list of what waits: what the shards of the index hold, merged by when it is due. Nothing is read but the index, and
//! little more of it than is given back.

use std::collections::{HashMap, VecDeque};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::query::QueryOutput;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::Select;
use futures_util::future::try_join_all;
use people_core::error::StoreError;
use people_core::ports::WaitingPage;
use people_core::time::Timestamp;
use people_core::undelivered::Waiting;

use super::item::{EXPIRES, Item, n, s, text};
use super::undelivered_item::{DUE, DUE_INDEX, SHARD, SHARDS, TARGET, due, moment, read_waiting, readable};
use crate::aws::dynamodb_failed;

const LIST: &str = "list what has not arrived";
const COUNT: &str = "count what has not arrived";
/// How many more items each shard is asked for than its share, because they are not spread evenly.
const SPARE: usize = 4;
/// How many items one request of a shard reads at least where most of them may be filtered out.
const FILTERED: usize = 100;
/// What is smaller than anything that is due, and what is larger.
const BEFORE_ALL: &str = " ";
const AFTER_ALL: &str = "~";

/// A page of what waits, at a moment.
pub(super) struct Waitlist<'a> {
    pub(super) client: &'a Client,
    pub(super) table: &'a str,
    pub(super) now: Timestamp,
    pub(super) page: &'a WaitingPage,
}

/// One shard, on its way from what is due first to what is due last.
struct Lane {
    shard: u8,
    /// Only what is due later has not been read; `None` where everything has.
    after: Option<String>,
    /// What has been read and not been given back, with when it is due.
    found: VecDeque<(String, Waiting)>,
}

impl Waitlist<'_> {
    /// The page, in its order.
    pub(super) async fn read(&self) -> Result<Vec<Waiting>, StoreError> {
        let after = self.page.after.as_ref().map(|(at, place)| due(*at, place));
        let after = after.unwrap_or_else(|| BEFORE_ALL.to_owned());
        let lane = |shard| Lane { shard, after: Some(after.clone()), found: VecDeque::new() };
        let mut lanes: Vec<_> = (0..SHARDS).map(lane).collect();
        let mut listed = Vec::new();
        while listed.len() < self.page.limit {
            let at_most = (self.page.limit - listed.len()) / usize::from(SHARDS) + SPARE;
            try_join_all(lanes.iter_mut().map(|lane| self.fill(lane, at_most))).await?;
            let filled = lanes.iter_mut().filter(|lane| !lane.found.is_empty());
            let first = filled.min_by(|one, other| due_first(one).cmp(&due_first(other)));
            let Some((_, waiting)) = first.and_then(|lane| lane.found.pop_front()) else { break };
            listed.push(waiting);
        }
        Ok(listed)
    }

    /// Reads on until the lane has something to give, or no more.
    async fn fill(&self, lane: &mut Lane, at_most: usize) -> Result<(), StoreError> {
        while lane.found.is_empty() {
            let Some(after) = &lane.after else { break };
            let answer = self.query(lane.shard, after, at_most).await?;
            let next = match answer.last_evaluated_key {
                None => None,
                Some(last) => Some(text(&last, DUE).map_err(|broken| broken.during(LIST))?.to_owned()),
            };
            let found = answer.items.unwrap_or_default();
            let is_wanted =
                |waiting: &Waiting| self.page.person.as_ref().is_none_or(|person| waiting.names(person));
            lane.found = found.iter().filter_map(listed).filter(|(_, waiting)| is_wanted(waiting)).collect();
            lane.after = next;
        }
        Ok(())
    }

    async fn query(&self, shard: u8, after: &str, at_most: usize) -> Result<QueryOutput, StoreError> {
        let WaitingPage { due, target, person, .. } = self.page;
        let until = due.map_or_else(|| AFTER_ALL.to_owned(), |due| moment(due) + AFTER_ALL);
        // Between two bounds is the only condition that has both, and they count as between; so begin with what is next.
        let from = format!("{after} ");
        if from > until {
            return Ok(QueryOutput::builder().build());
        }
        let mut filters = vec!["#expires > :now"];
        let mut request = of_shard(self.client, self.table, shard, self.now)
            .key_condition_expression("#shard = :shard AND #due BETWEEN :from AND :until")
            .expression_attribute_names("#due", DUE)
            .expression_attribute_values(":from", s(from))
            .expression_attribute_values(":until", s(until));
        if let Some(target) = target {
            filters.push("#target = :target");
            request = request
                .expression_attribute_names("#target", TARGET)
                .expression_attribute_values(":target", s(target.as_ref()));
        }
        let at_most = if target.is_some() || person.is_some() { at_most.max(FILTERED) } else { at_most };
        let request = request
            .filter_expression(filters.join(" AND "))
            .limit(i32::try_from(at_most).unwrap_or(i32::MAX));
        request.send().await.map_err(|error| dynamodb_failed(LIST, &error))
    }
}

fn due_first(lane: &Lane) -> Option<&str> {
    lane.found.front().map(|(due, _)| due.as_str())
}

fn listed(item: &Item) -> Option<(String, Waiting)> {
    readable(item, |item| Ok((text(item, DUE)?.to_owned(), read_waiting(item)?)))
}

/// A query of one shard, to which conditions are to be added.
fn of_shard(client: &Client, table: &str, shard: u8, now: Timestamp) -> QueryFluentBuilder {
    client
        .query()
        .table_name(table)
        .index_name(DUE_INDEX.name)
        .set_expression_attribute_names(Some(HashMap::from([
            ("#shard".to_owned(), SHARD.to_owned()),
            ("#expires".to_owned(), EXPIRES.to_owned()),
        ])))
        .expression_attribute_values(":shard", s(shard.to_string()))
        .expression_attribute_values(":now", n(now.seconds()))
}

/// How many updates of a shard wait.
pub(super) async fn count(
    client: &Client,
    table: &str,
    shard: u8,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let request = of_shard(client, table, shard, now)
        .key_condition_expression("#shard = :shard")
        .filter_expression("#expires > :now")
        .select(Select::Count);
    let mut pages = request.into_paginator().send();
    let mut counted = 0;
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| dynamodb_failed(COUNT, &error))?;
        counted += u64::try_from(page.count).unwrap_or_default();
    }
    Ok(counted)
}
