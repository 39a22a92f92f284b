//! Delivering again what has not arrived: by person, target and field, never over what a newer import has set. Each
//! attempt is entered in the log of its import; at the end of the road the log says so.

mod ended;
mod interrupted;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::batch::Incoming;
use crate::check::{Checked, check};
use crate::delivery::{self, Ready};
use crate::directory::Meant;
use crate::error::StoreError;
use crate::id::ImportId;
use crate::import;
use crate::late::{self, Held, Late, Newer};
use crate::later::{Later, News};
use crate::log::{Ending, PartOutcome};
use crate::person::{Person, PersonKey, TargetName};
use crate::ports::{App, IndexEntry, LeaseHolder, WaitingPage};
use crate::time::Timestamp;
use crate::undelivered::{Kept, Place};
use crate::update::Change;

use ended::{delivered, gave_up, keep_again, was_not_tried, without_a_person};

pub use interrupted::end_interrupted;

/// How many updates are delivered together.
const TOGETHER: usize = 100;

/// Which updates are delivered again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Those whose time has come.
    Due,
    /// All that wait.
    All,
    /// Those of one import.
    Of(ImportId),
}

/// What a run came to, in updates at one target each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Report {
    /// Those that have arrived.
    pub delivered: usize,
    /// Those of which newer imports had set every field.
    pub superseded: usize,
    /// Those that were refused for good.
    pub failed: usize,
    /// Those whose time is over.
    pub given_up: usize,
    /// Those that are tried again later.
    pub deferred: usize,
}

/// Delivers again, until then. Two runs at once do no harm: each update is delivered by the one that has the lease of its
/// person. A target at which nothing of a batch arrived is left alone until the next run.
///
/// # Errors
/// When a store fails; what was delivered by then is in the logs, or is delivered once more.
pub async fn run(
    app: &App,
    holder: &LeaseHolder,
    which: Which,
    until: Timestamp,
) -> Result<Report, StoreError> {
    let mut run = Run { app, holder, until, report: Report::default(), stopped: BTreeSet::new() };
    let mut came = run.pass(which).await?;
    // Updates that wait for newer ones of this run are looked at again once these are decided.
    while came.decided && !came.waiting.is_empty() {
        came = run.again(came.waiting).await?;
    }
    if run.report.given_up > 0 {
        // An alarm counts these lines.
        tracing::warn!(updates = run.report.given_up, "updates given up");
    }
    Ok(run.report)
}

struct Run<'a> {
    app: &'a App,
    holder: &'a LeaseHolder,
    until: Timestamp,
    report: Report,
    stopped: BTreeSet<Option<TargetName>>,
}

/// An update that is delivered in this batch.
struct Again {
    kept: Kept,
    person: Person,
    changes: Vec<Change>,
}

impl Again {
    /// Whether a newer update of the same fields is still to be delivered where this one goes: it goes first, and then it is
    /// known whether anything of this one is left.
    fn waits_for(&self, newer: &Newer) -> bool {
        match &self.kept.waiting.place.target {
            Some(target) => newer.is_undecided(target),
            None => !newer.undecided.is_empty(),
        }
    }
}

/// What it came to.
#[derive(Debug, Default)]
struct Came {
    /// Those that wait for newer ones.
    waiting: Vec<Place>,
    /// Whether some are decided.
    decided: bool,
}

impl Came {
    fn add(&mut self, other: Came) {
        self.waiting.extend(other.waiting);
        self.decided |= other.decided;
    }
}

/// How an update ended this time: the part as a whole, or one delivery.
type Ended = (Kept, News);

impl Run<'_> {
    /// Tries what there is once.
    async fn pass(&mut self, which: Which) -> Result<Came, StoreError> {
        let (mut after, mut tried) = (None, HashSet::new());
        let mut came = Came::default();
        while self.app.clock.now() < self.until {
            let page = match which {
                Which::Of(import) => self.app.undelivered.of_import(import).await?,
                Which::Due | Which::All => {
                    let due = (which == Which::Due).then(|| self.app.clock.now());
                    let page =
                        WaitingPage { after: after.take(), due, limit: TOGETHER, ..WaitingPage::default() };
                    self.app.undelivered.list(&page).await?
                }
            };
            let Some(last) = page.last() else { break };
            after = Some((last.next_at, last.place.clone()));
            let places = page.into_iter().map(|waiting| waiting.place);
            came.add(self.again(places.filter(|place| tried.insert(place.clone())).collect()).await?);
            if matches!(which, Which::Of(_)) {
                break;
            }
        }
        Ok(came)
    }

    /// Tries these, as long as there is time.
    async fn again(&mut self, places: Vec<Place>) -> Result<Came, StoreError> {
        let mut came = Came::default();
        for together in places.chunks(TOGETHER) {
            let wanted: Vec<_> =
                together.iter().filter(|place| !self.stopped.contains(&place.target)).cloned().collect();
            if self.app.clock.now() < self.until && !wanted.is_empty() {
                came.add(self.batch(&wanted).await?);
            }
        }
        Ok(came)
    }

    /// Delivers what is kept at these places, and writes down what became of it.
    async fn batch(&mut self, places: &[Place]) -> Result<Came, StoreError> {
        let mut kept = self.app.undelivered.get(places).await?;
        kept.sort_by(|one, other| one.waiting.place.cmp(&other.waiting.place));
        let parts = kept.iter().map(|kept| {
            let json = Incoming::Person(kept.update.0.clone().into_bytes().into());
            check(&self.app.profile, json)
        });
        let look_ups = import::look_ups_until(self.app, self.until);
        let (parts, named) = import::resolve(self.app, parts.collect(), look_ups).await?;
        let mut ended: Vec<Ended> = Vec::new();
        let mut known: Vec<Again> = Vec::new();
        for (kept, part) in kept.into_iter().zip(parts) {
            match part {
                Ok((Checked::Update { changes, .. }, Meant::Known(person))) => {
                    known.push(Again { kept, person, changes });
                }
                part => {
                    let news = without_a_person(&kept, &part);
                    ended.push((kept, news));
                }
            }
        }
        let people: BTreeSet<PersonKey> = known.iter().map(|again| again.person.key()).collect();
        let run = late::Run { holder: self.holder, until: self.until, patience: self.app.clock.now() };
        let held = run.hold_late(self.app, people).await?;
        let written = match self.deliver(known, &named, &held).await {
            Ok((delivered, waiting)) => {
                ended.extend(delivered);
                let decided = self.write_down(ended, &waiting).await;
                let waiting = waiting.into_iter().map(|kept| kept.waiting.place).collect();
                decided.map(|decided| Came { waiting, decided })
            }
            Err(error) => Err(error),
        };
        held.give_back(self.app, self.holder).await;
        written
    }

    /// Delivers to those whose lease is held, as far as it is kept still and nothing newer is there. Gives back what came of
    /// them, and those that wait for newer ones, as they are kept then.
    async fn deliver(
        &self,
        mut known: Vec<Again>,
        people: &HashMap<String, Person>,
        held: &Held,
    ) -> Result<(Vec<Ended>, Vec<Kept>), StoreError> {
        known.retain(|again| !held.busy.contains(&again.person.key()));
        let places: Vec<_> = known.iter().map(|again| again.kept.waiting.place.clone()).collect();
        // Another run may have delivered them before the leases were ours.
        let there = if places.is_empty() { Vec::new() } else { self.app.undelivered.get(&places).await? };
        known.retain(|again| there.contains(&again.kept));
        self.index(&known).await?;
        let late: Vec<_> = known
            .iter()
            .map(|again| Late {
                person: again.person.every_key(),
                part: (again.kept.waiting.place.import, again.kept.waiting.place.part),
                fields: again.changes.iter().map(|change| &change.field).collect(),
                own_import: true,
            })
            .collect();
        let newer: Vec<Newer> = late::newer(self.app, &late).await?;
        let now = self.app.clock.now();
        let (mut tried, mut waiting, mut given_up) = (Vec::new(), Vec::new(), Vec::new());
        for (again, newer) in known.into_iter().zip(newer) {
            if !again.waits_for(&newer) {
                tried.push((again, newer));
            } else if let Some(later) = again.kept.later(now) {
                waiting.push(later);
            } else {
                given_up.push(gave_up(again.kept, "newer updates of the same fields wait, too"));
            }
        }
        let (known, newer): (Vec<Again>, Vec<Newer>) = tried.into_iter().unzip();
        let updates: Vec<Ready<'_>> = known.iter().zip(&newer).enumerate().map(ready).collect();
        let busy = BTreeSet::new();
        let run = delivery::Run { people, busy: &busy, until: self.until, dry_run: false };
        let outcomes: BTreeMap<usize, PartOutcome> =
            delivery::deliver(self.app, run, &updates).await.into_iter().collect();
        let ended = known.into_iter().zip(outcomes.into_values());
        let ended = ended.map(|(again, outcome)| delivered(again.kept, outcome));
        Ok((ended.chain(given_up).collect(), waiting))
    }

    /// Whoever could not be told before is entered in the person index now, so that still older updates see it.
    async fn index(&self, known: &[Again]) -> Result<(), StoreError> {
        let new = known.iter().filter(|again| again.kept.waiting.place.target.is_none());
        let entries: Vec<_> = new
            .map(|again| IndexEntry {
                person: again.person.key(),
                import: again.kept.waiting.place.import,
                part: again.kept.waiting.place.part,
                fields: again.changes.iter().map(|change| change.field.clone()).collect(),
            })
            .collect();
        if entries.is_empty() { Ok(()) } else { self.app.imports.index(&entries).await }
    }

    /// First what is to be tried again, then the logs, and at last what is done is let go: whatever fails in between is
    /// done once more, and nothing is forgotten. Says whether anything was decided. A log that takes no more lines keeps its
    /// own updates alone from being let go. What waits for newer ones comes after the others the next time.
    async fn write_down(&mut self, mut ended: Vec<Ended>, waiting: &[Kept]) -> Result<bool, StoreError> {
        let now = self.app.clock.now();
        ended.sort_by(|(one, _), (other, _)| one.waiting.place.cmp(&other.waiting.place));
        let mut again: Vec<Kept> = waiting.to_vec();
        let mut done: Vec<Place> = Vec::new();
        let mut logs: BTreeMap<ImportId, Vec<Later>> = BTreeMap::new();
        let mut arrived: BTreeMap<Option<TargetName>, bool> = BTreeMap::new();
        let is_late = now >= self.until;
        for (kept, mut news) in ended {
            let Place { import, part, target } = kept.waiting.place.clone();
            // What nobody got to in time comes after the others the next time, and that is all there is to say of it.
            let is_untried = is_late && was_not_tried(&kept, &news);
            let waits = keep_again(&kept, &mut news, is_untried, now);
            let is_deferred = waits.iter().any(|waits| waits.waiting.place == kept.waiting.place);
            // Where nothing was sent, nothing is known of the target.
            let is_superseded =
                matches!(&news, News::Delivery(one) if one.outcome.ending == Ending::Superseded);
            if !is_superseded {
                *arrived.entry(target).or_default() |= !is_deferred;
            }
            if !is_deferred {
                done.push(kept.waiting.place);
            }
            again.extend(waits);
            if is_deferred && is_untried {
                continue;
            }
            self.count(&news);
            logs.entry(import).or_default().push(Later { at: now, part, news });
        }
        self.stopped.extend(arrived.into_iter().filter(|(_, any)| !any).map(|(target, _)| target));
        if !again.is_empty() {
            self.app.undelivered.keep(&again).await?;
        }
        let mut failure = None;
        for (import, later) in &logs {
            if let Err(error) = self.app.imports.append(*import, later).await {
                done.retain(|place| place.import != *import);
                failure.get_or_insert(error);
            }
        }
        if !done.is_empty() {
            self.app.undelivered.remove(&done).await?;
        }
        failure.map_or(Ok(!done.is_empty()), Err)
    }

    fn count(&mut self, news: &News) {
        let report = &mut self.report;
        let mut count = |ending: &Ending| match ending {
            Ending::Updated | Ending::Unchanged => report.delivered += 1,
            Ending::Superseded => report.superseded += 1,
            Ending::Deferred(_) => report.deferred += 1,
            Ending::GivenUp(_) => report.given_up += 1,
            Ending::PartlyUpdated(_) | Ending::UnknownPerson | Ending::Refused(_) => report.failed += 1,
            // No dry run is delivered again.
            Ending::WouldUpdate(_) | Ending::WouldPartlyUpdate(..) => {}
        };
        match news {
            News::Delivery(delivery) => count(&delivery.outcome.ending),
            News::Part(PartOutcome::Delivered { deliveries, .. }) => {
                deliveries.iter().for_each(|delivery| count(&delivery.outcome.ending));
            }
            News::Part(PartOutcome::Deferred(why)) => count(&Ending::Deferred(why.clone())),
            News::Part(PartOutcome::GivenUp(why)) => count(&Ending::GivenUp(why.clone())),
            News::Part(_) => report.failed += 1,
        }
    }
}

fn ready<'a>((part, (again, newer)): (usize, (&'a Again, &'a Newer))) -> Ready<'a> {
    let Place { import, target, .. } = &again.kept.waiting.place;
    let (person, changes) = (&again.person, again.changes.as_slice());
    Ready { part, import: *import, person, changes, only: target.as_ref(), newer }
}
