//! Looking imports up: those that a filter lets through, newest first, and what happened to one person over all of them.
//! Every call reads a bounded number of items, however many logs there are, and says where the next one goes on.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join_all;
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};

use crate::error::StoreError;
use crate::id::ImportId;
use crate::log::{Answer, ImportLog};
use crate::log_text::{self, Line, LogKind};
use crate::person::{Identifier, PersonKey, TargetName, Who};
use crate::ports::{App, IndexEntry, Page};
use crate::shown::Shown;
use crate::summary::{Origin, Standing, Summary};
use crate::time::Timestamp;

/// The most items that one call reads from the stores to choose from. What it gives back may be less than a page then,
/// or nothing, and there is more.
pub const READ_AT_MOST: usize = 1_000;

/// How many logs of the list are looked at in one call: a store may read twice as many items for them.
const LOOKED_AT: usize = 400;
/// How many logs are read at once at least where few of those before were let through.
const AT_LEAST: usize = 100;
/// How many entries of the person index are read at once, for each key. More than an import has parts, so that each page has
/// at least one whole import.
const ENTRIES: usize = 100;
/// How many logs are read at the same time.
const AT_ONCE: usize = 16;
/// How far apart the moment that an id was made at and the one that its request was received at may be.
const APART_MILLIS: i64 = 60_000;

/// Which imports are wanted. What is not given lets everything through; all that is given has to hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// A person, by any identifier that they are or were known under, or that a part had.
    pub person: Option<String>,
    /// The name of the API key, exactly.
    pub key_name: Option<String>,
    /// One of these was answered.
    pub status: Option<Vec<Answer>>,
    /// The log has such a line.
    pub kind: Option<LogKind>,
    /// An update was for this target.
    pub target: Option<TargetName>,
    /// Received at this moment or later, to the second.
    pub from: Option<Timestamp>,
    /// Received before this moment, to the second.
    pub to: Option<Timestamp>,
    /// How it came in, or that it was delivered again.
    pub source: Option<Origin>,
    /// Whether it was a dry run.
    pub dry_run: Option<bool>,
    /// It is not successful.
    pub errors_only: bool,
}

/// What one call is to give back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Which imports.
    pub filter: Filter,
    /// Only older ones than this: `next` of the call before.
    pub before: Option<ImportId>,
    /// At most so many.
    pub limit: usize,
}

/// Imports that were found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Newest first. They may be fewer than wanted, or none, although there is more.
    pub imports: Vec<Summary>,
    /// Where the next call goes on; none at the end.
    pub next: Option<ImportId>,
}

/// Imports that were chosen, with the parts that are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// Newest first.
    pub chosen: Vec<Chosen>,
    /// Where the next call goes on; none at the end.
    pub next: Option<ImportId>,
}

/// One import of a selection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// The import.
    pub summary: Summary,
    /// The parts that concern the person who was asked for; none where nobody was, and all of it is meant.
    pub parts: Option<BTreeSet<usize>>,
}

/// What happened to a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeline {
    /// The newest import first; within an import in the order of its log.
    pub entries: Vec<Entry>,
    /// Where the next call goes on; none at the end.
    pub next: Option<ImportId>,
}

/// A line of a log on a timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The import.
    pub import: ImportId,
    /// When its request was received.
    pub received_at: Timestamp,
    /// The name of the API key that sent it.
    pub key_name: Shown,
    /// The part.
    pub part: Option<usize>,
    /// The kind of the line.
    pub kind: LogKind,
    /// What follows the kind.
    pub text: String,
    /// When it happened, where that was after the import had ended.
    pub at: Option<Timestamp>,
}

/// The imports that are wanted. An import that ends meanwhile may be shown as it was.
///
/// # Errors
/// When a store fails.
pub async fn imports(app: &App, wanted: &Wanted) -> Result<Found, StoreError> {
    let Selection { chosen, next } = select(app, wanted).await?;
    Ok(Found { imports: chosen.into_iter().map(|chosen| chosen.summary).collect(), next })
}

/// The same with the parts that are meant.
///
/// # Errors
/// When a store fails.
pub async fn select(app: &App, wanted: &Wanted) -> Result<Selection, StoreError> {
    let mut selecting = Selecting { wanted, now: app.clock.now(), chosen: Vec::new() };
    // The first id that is too late, so that a page begins at the right place.
    let until = wanted.filter.to.map(|to| ImportId::new(apart(to, APART_MILLIS), [0; 10]));
    let before = wanted.before.into_iter().chain(until).min();
    let next = match &wanted.filter.person {
        Some(person) => selecting.of_person(app, person, before).await?,
        None => selecting.of_everybody(app, before).await?,
    };
    Ok(Selection { chosen: selecting.chosen, next })
}

/// What happened to a person in at most `limit` imports. An import is never divided.
///
/// # Errors
/// When a store fails.
pub async fn timeline(
    app: &App,
    person: &str,
    before: Option<ImportId>,
    limit: usize,
) -> Result<Timeline, StoreError> {
    let filter = Filter { person: Some(person.to_owned()), ..Filter::default() };
    let Selection { chosen, next } = select(app, &Wanted { filter, before, limit }).await?;
    let logs = logs(app, &chosen).await?;
    let entries = logs.iter().flat_map(|(log, chosen)| {
        chosen.lines(log).into_iter().map(|line| Entry {
            import: log.id,
            received_at: log.received_at,
            key_name: log.key_name.clone(),
            part: line.part,
            kind: line.kind,
            text: line.text,
            at: line.at,
        })
    });
    Ok(Timeline { entries: entries.collect(), next })
}

/// The logs of these imports as they are now, in the same order; one that has expired meanwhile is left out.
///
/// # Errors
/// When a store fails.
pub async fn logs<'a>(app: &App, chosen: &'a [Chosen]) -> Result<Vec<(ImportLog, &'a Chosen)>, StoreError> {
    let now = app.clock.now();
    let read: Vec<_> = chosen.iter().map(|chosen| app.imports.find(chosen.summary.id).boxed()).collect();
    let logs: Vec<_> = stream::iter(read).buffered(AT_ONCE).try_collect().await?;
    let there = logs.into_iter().zip(chosen);
    Ok(there.filter_map(|(log, chosen)| Some((log?.seen_at(now), chosen))).collect())
}

impl Chosen {
    /// The lines of its log that are meant.
    pub fn lines(&self, log: &ImportLog) -> Vec<Line> {
        let mut lines = log_text::lines(log);
        if let Some(parts) = &self.parts {
            lines.retain(|line| line.part.is_some_and(|part| parts.contains(&part)));
        }
        lines
    }
}

impl Filter {
    /// Whether the import is let through, apart from its person.
    fn takes(&self, import: &Summary) -> bool {
        let holds = [
            !self.errors_only || import.now() != Standing::Successful,
            self.key_name.as_ref().is_none_or(|name| Shown::new(name) == import.key_name),
            self.status
                .as_ref()
                .is_none_or(|wanted| import.answered().is_some_and(|is| wanted.contains(&is))),
            self.kind.is_none_or(|kind| import.kinds.contains(&kind)),
            self.target.as_ref().is_none_or(|target| import.targets.contains(target)),
            self.from.is_none_or(|from| import.received_at >= from.to_second()),
            self.to.is_none_or(|to| import.received_at < to.to_second()),
            self.dry_run.is_none_or(|dry_run| dry_run == import.dry_run),
            match self.source {
                None => true,
                Some(Origin::Source(source)) => source == import.source,
                Some(Origin::Redelivery) => import.redelivered,
            },
        ];
        holds.into_iter().all(|holds| holds)
    }

    /// Whether only imports that are not successful can be let through.
    fn is_of_errors(&self) -> bool {
        let fails = |answer: &Answer| {
            matches!(answer, Answer::PartlyFailed | Answer::Failed | Answer::TooManyParts | Answer::NotFound)
        };
        self.errors_only
            || self.kind.is_some_and(LogKind::is_error)
            || self.status.as_ref().is_some_and(|status| status.iter().all(fails))
    }

    /// The earliest moment that an id can be made at.
    fn earliest(&self) -> Option<Timestamp> {
        self.from.map(|from| apart(from, -APART_MILLIS))
    }
}

fn apart(moment: Timestamp, millis: i64) -> Timestamp {
    Timestamp::from_millis(moment.millis().saturating_add(millis))
}

/// A selection on its way from the newest import to the oldest.
struct Selecting<'a> {
    wanted: &'a Wanted,
    now: Timestamp,
    chosen: Vec<Chosen>,
}

impl Selecting<'_> {
    /// Chooses from the list of all logs; where the next call goes on.
    async fn of_everybody(
        &mut self,
        app: &App,
        mut before: Option<ImportId>,
    ) -> Result<Option<ImportId>, StoreError> {
        let filter = &self.wanted.filter;
        let (from, errors_only) = (filter.earliest(), filter.is_of_errors());
        let (mut size, mut looked_at) = (self.wanted.limit.saturating_add(1), 0);
        while looked_at < LOOKED_AT {
            let limit = size.min(LOOKED_AT - looked_at);
            let found = app.imports.list(&Page { before, from, limit, errors_only }).await?;
            let is_end = found.len() < limit;
            looked_at += found.len();
            before = found.last().map(|last| last.id).or(before);
            if let Some(next) = self.take(found.into_iter().map(|summary| (summary, None))) {
                return Ok(Some(next));
            }
            if is_end {
                return Ok(None);
            }
            size = size.saturating_mul(4).max(AT_LEAST);
        }
        Ok(before)
    }

    /// Chooses from what concerned a person.
    async fn of_person(
        &mut self,
        app: &App,
        person: &str,
        mut before: Option<ImportId>,
    ) -> Result<Option<ImportId>, StoreError> {
        let keys = keys(app, person).await?;
        let (mut read, from) = (0, self.wanted.filter.earliest());
        let at_once = (READ_AT_MOST / 2).checked_div(keys.len()).unwrap_or(ENTRIES).min(ENTRIES);
        loop {
            let history = History::before(app, &keys, before, at_once).await?;
            read += history.read;
            let too_old = |id: &ImportId| from.is_some_and(|from| id.made_at() < from);
            let ids: Vec<_> = history.parts.keys().rev().copied().take_while(|id| !too_old(id)).collect();
            for ids in ids.chunks(self.wanted.limit.saturating_add(1).max(1)) {
                let summaries = app.imports.summaries(ids).await?;
                read += ids.len();
                let parts = |id: &ImportId| history.parts.get(id).cloned();
                let with_parts = summaries.into_iter().map(|summary| (parts(&summary.id), summary));
                if let Some(next) = self.take(with_parts.map(|(parts, summary)| (summary, parts))) {
                    return Ok(Some(next));
                }
            }
            if history.is_all || ids.len() < history.parts.len() {
                return Ok(None);
            }
            before = ids.last().copied();
            if read + 2 * at_once * keys.len() > READ_AT_MOST {
                return Ok(before);
            }
        }
    }

    /// Takes what the filter lets through. As soon as that is more than is wanted, it says where the next call goes on.
    fn take(&mut self, found: impl Iterator<Item = (Summary, Option<BTreeSet<usize>>)>) -> Option<ImportId> {
        for (summary, parts) in found {
            let summary = summary.seen_at(self.now);
            if !self.wanted.filter.takes(&summary) {
                continue;
            }
            if self.chosen.len() >= self.wanted.limit {
                return self.chosen.last().map(|last| last.summary.id);
            }
            self.chosen.push(Chosen { summary, parts });
        }
        None
    }
}

/// Every key that something of this person may be entered under: as it is written, and as the directory knows it.
async fn keys(app: &App, person: &str) -> Result<BTreeSet<PersonKey>, StoreError> {
    let Ok(who) = Who::either(person) else { return Ok(BTreeSet::new()) };
    let cut = Who::either(who.written.as_str());
    let mut identifiers: Vec<_> = who.identifiers().cloned().collect();
    let known = app.directory.resolve(&identifiers).await?;
    // What a log shows is all that is known of a part that was refused.
    identifiers.extend(cut.iter().flat_map(Who::identifiers).cloned());
    // In lower case, an employeeId could be another's; a UPN has an at sign.
    let is_spelled_so = |identifier: &&Identifier| match identifier {
        Identifier::Upn(upn) => upn.contains('@'),
        Identifier::EmployeeId(_) => true,
    };
    let written = identifiers.iter().filter(is_spelled_so).map(PersonKey::of);
    Ok(written.chain(known.values().flat_map(crate::person::Person::every_key)).collect())
}

/// What concerned a person, from some import back: whole imports only.
struct History {
    parts: BTreeMap<ImportId, BTreeSet<usize>>,
    /// Whether there is nothing older.
    is_all: bool,
    /// How many entries were read.
    read: usize,
}

impl History {
    fn enter<'a>(&mut self, entries: impl Iterator<Item = &'a IndexEntry>) {
        for entry in entries {
            self.parts.entry(entry.import).or_default().insert(entry.part);
        }
    }

    async fn before(
        app: &App,
        keys: &BTreeSet<PersonKey>,
        before: Option<ImportId>,
        at_once: usize,
    ) -> Result<History, StoreError> {
        let before = before.map(|import| (import, 0));
        let pages = keys.iter().map(|key| app.imports.of_person(key, before, at_once));
        let pages = try_join_all(pages).await?;
        let mut history = History { parts: BTreeMap::new(), is_all: true, read: 0 };
        // Where a page is full, its last import may have more parts, and older ones are not known of every key.
        let mut whole = None;
        for page in &pages {
            history.read += page.len();
            if page.len() >= at_once {
                history.is_all = false;
                whole = whole.max(page.last().map(|entry| entry.import));
            }
        }
        history.enter(pages.iter().flatten().filter(|entry| whole.is_none_or(|cut| entry.import > cut)));
        if history.parts.is_empty() {
            // An import of more parts than that is shown with those that are known: the next page has to go on.
            history.enter(pages.iter().flatten().filter(|entry| Some(entry.import) == whole));
        }
        Ok(history)
    }
}
