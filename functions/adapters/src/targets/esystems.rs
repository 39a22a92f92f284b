//! eSystems (Agile.Now): people are linked to departments, a whole batch by one call for each of them. It has no call that
//! changes a person, and no update ever takes anybody out of a department (targets.md, part 2).

mod answers;
mod calls;
mod links;
mod people;
mod plan;
mod settings;
mod user;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::join_all;
use people_core::id::ImportId;
use people_core::log::{Ending, Outcome};
use people_core::person::Identifier;
use people_core::ports::{Found, Listing, PersonUpdate, Target};
use people_core::time::Timestamp;

use super::config::Parts;
use super::engine::{Engine, Run};
use super::mapping::Mapping;
use super::session::Session;
use links::{Links, end_open};
use people::People;
use plan::{Ended, Group, Plan, Row};
pub(super) use settings::Entry;
use settings::{Rules, Settings, department};

/// The most users of one call.
const MOST_USERS: usize = 200;

/// One eSystems, with its token.
pub(super) struct Esystems {
    engine: Arc<Engine>,
    people: People,
    mapping: Mapping<()>,
    rules: Rules,
}

/// The updates of one import at one eSystems.
struct Batch<'a> {
    run: &'a Run<'a>,
    import: ImportId,
    /// Whether nobody is linked, and it is only found out who would be.
    is_preview: bool,
    /// Departments to which nobody can be linked, and why.
    stopped: HashMap<String, Ended>,
    /// Users of whom an update is deferred.
    waiting: HashSet<i64>,
}

impl Esystems {
    /// An eSystems that nothing has been asked yet.
    fn new(settings: Settings, parts: Parts) -> Esystems {
        let engine = Arc::clone(&parts.engine);
        let session = Arc::new(Session::new(settings.wire, parts));
        let people = People { session, identifiers: settings.identifiers };
        Esystems { engine, people, mapping: settings.mapping, rules: settings.rules }
    }

    /// Links the users of one department, as many in a call as it takes, one call after another. Says why nobody else can
    /// be linked there.
    async fn link(&self, batch: &Batch<'_>, group: &mut Group) -> Option<Ended> {
        let mut stopped = batch.stopped.get(&group.department).cloned();
        for rows in group.rows.chunks_mut(MOST_USERS) {
            match &stopped {
                Some((ending, code)) => end_open(rows, ending, code.as_deref()),
                None => stopped = self.link_some(batch, &group.department, rows).await,
            }
        }
        stopped
    }

    /// The same with as many as one call takes, while nobody else is busy with them or with the department.
    async fn link_some(&self, batch: &Batch<'_>, id: &str, rows: &mut [Row]) -> Option<Ended> {
        let department = match department(id) {
            Ok(department) => department,
            Err(why) => return Some((Ending::Refused(why), None)),
        };
        let people = rows.iter().map(|row| row.id.to_string());
        let busy: Vec<_> = people.chain([format!("department {}", id.to_lowercase())]).collect();
        let Some(_alone) = batch.run.alone_with_all(&busy).await else {
            end_open(rows, &Ending::Deferred(batch.run.time_is_up()), None);
            return None;
        };
        let Esystems { people, rules, .. } = self;
        let links = Links { people, rules, run: batch.run, department, import: batch.import };
        if !batch.is_preview {
            return links.link(rows).await;
        }
        // There is one property, and so one field at most.
        let fields: Vec<_> = self.mapping.fields().into_iter().collect();
        links.preview(rows, &fields).await
    }

    /// Links everybody of one wave, departments side by side.
    async fn wave(&self, batch: &mut Batch<'_>, groups: &mut [Group]) {
        for group in groups.iter_mut() {
            let waits = group.rows.iter_mut().filter(|row| batch.waiting.contains(&row.id));
            let why = "an earlier update of this person is not delivered yet";
            waits.for_each(|row| row.end(Ending::Deferred(why.to_owned()), None));
        }
        let shared = &*batch;
        let stopped = join_all(groups.iter_mut().map(|group| self.link(shared, group))).await;
        for (group, stopped) in groups.iter().zip(stopped) {
            if let Some(stopped) = stopped {
                batch.stopped.insert(group.department.clone(), stopped);
            }
            let is_deferred = |row: &&Row| matches!(row.ended, Some((Ending::Deferred(_), _)));
            batch.waiting.extend(group.rows.iter().filter(is_deferred).map(|row| row.id));
        }
    }

    /// Links everybody whom these updates name, or finds out who would be linked.
    async fn carry_out(&self, updates: &[PersonUpdate], is_preview: bool, until: Timestamp) -> Vec<Outcome> {
        let Some(first) = updates.first() else { return Vec::new() };
        let run = self.engine.run(until);
        let Plan { waves, mut outcomes } = Plan::of(&self.mapping, updates);
        let (stopped, waiting) = (HashMap::new(), HashSet::new());
        let mut batch = Batch { run: &run, import: first.import, is_preview, stopped, waiting };
        for mut groups in waves {
            self.wave(&mut batch, &mut groups).await;
            for row in groups.into_iter().flat_map(|group| group.rows) {
                let (ending, code) = row.ended.unwrap_or((Ending::Deferred(run.time_is_up()), None));
                let outcome = Outcome { ending, code, attempts: row.attempts, duration_ms: run.elapsed_ms() };
                row.updates.iter().for_each(|update| outcomes[*update] = Some(outcome.clone()));
            }
        }
        let missing = || Outcome::unsent(Ending::Deferred(run.time_is_up()));
        outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(missing)).collect()
    }
}

#[async_trait]
impl Target for Esystems {
    async fn find(&self, identifiers: &[Identifier], until: Timestamp) -> Vec<Found> {
        self.people.find(&self.engine.run(until), identifiers).await
    }

    async fn list(&self, until: Timestamp) -> Listing {
        self.people.list(&self.engine.run(until)).await
    }

    async fn deliver(&self, updates: &[PersonUpdate], until: Timestamp) -> Vec<Outcome> {
        self.carry_out(updates, false, until).await
    }

    async fn preview(&self, updates: &[PersonUpdate], until: Timestamp) -> Vec<Outcome> {
        self.carry_out(updates, true, until).await
    }
}
