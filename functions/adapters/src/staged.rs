//! A body that was stored first, imported: whoever hears of it, the event of its arrival or the schedule, runs this. It is
//! run under a claim, so that events that come twice, late or beside the schedule import it once.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{Either, select};
use people_core::error::StoreError;
use people_core::id::ImportId;
use people_core::import::{self, Begin, Request};
use people_core::log::ImportLog;
use people_core::ports::{App, Claimed, LeaseHolder, StagedBody};
use people_core::staged::{self, close_missing};
use people_core::summary::Source;
use people_core::time::Timestamp;

use crate::http::read_kept;

/// How long a run takes at most: what is not delivered by then is kept and delivered again, and where the process dies,
/// another one takes the import up soon after.
const LONGEST: Duration = Duration::from_secs(5 * 60);

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ran {
    /// The import was carried out; this is its log.
    Done(Box<ImportLog>),
    /// Its body has not arrived, or is gone.
    NoBody,
    /// Somebody else is at work on it.
    Busy,
    /// It had ended before.
    Ended,
    /// There is no such import, or its log is expired.
    Unknown,
}

/// Carries out an import whose body has arrived; what is not delivered by `until` is kept, to be delivered again.
///
/// # Errors
/// When a store failed, or the body could not be read by then. The import rests for a while (see [`staged::let_rest`]), and then
/// may be run again, from its start.
pub async fn run(
    app: &App,
    import: ImportId,
    holder: &LeaseHolder,
    until: Timestamp,
) -> Result<Ran, StoreError> {
    let until = until.min(app.clock.now().plus(LONGEST));
    // Before the claim: an import without a body stays as it is.
    let Some(body) = app.bodies.read(import).await? else { return Ok(Ran::NoBody) };
    let log = match app.imports.claim(import, &staged::claim(holder, until)).await? {
        Claimed::Taken(log) => log,
        Claimed::Busy => return Ok(Ran::Busy),
        Claimed::Ended(_) => return Ok(Ran::Ended),
        Claimed::Unknown => return Ok(Ran::Unknown),
    };
    match carry_out(app, *log, body, (holder, until)).await {
        Ok(log) => Ok(Ran::Done(Box::new(log))),
        Err(error) => {
            staged::let_rest(app, import, holder).await;
            Err(error)
        }
    }
}

async fn carry_out(
    app: &App,
    log: ImportLog,
    body: StagedBody,
    (holder, until): (&LeaseHolder, Timestamp),
) -> Result<ImportLog, StoreError> {
    let read = read_kept(body, Arc::clone(&app.spool)).boxed();
    let sent = match select(read, app.clock.sleep_until(until)).await {
        Either::Left((sent, _)) => sent?,
        Either::Right(_) => return Err(StoreError::new("read a body", "there was not time enough")),
    };
    let request = Request {
        id: log.id,
        received_at: log.received_at,
        key_name: log.key_name.as_str().to_owned(),
        form: sent.form,
        parts: sent.parts,
        source: Source::Staged,
        dry_run: log.dry_run,
        begin: Begin::Claimed(holder.clone()),
        until,
    };
    import::run(app, request).await.map_err(|interrupted| interrupted.error)
}

/// Looks after imports that have not ended, as the schedule finds them: those whose bodies are there are carried out, and
/// those whose bodies do not come are closed. One that fails does not keep the others from being looked after; it is found
/// again.
pub async fn look_after(app: &App, imports: &[ImportId], holder: &LeaseHolder, until: Timestamp) {
    for import in imports {
        if app.clock.now() >= until {
            return;
        }
        let looked = match run(app, *import, holder, until).await {
            Ok(Ran::NoBody) => close_missing(app, *import, holder).await.map(drop),
            Ok(Ran::Done(_) | Ran::Busy | Ran::Ended | Ran::Unknown) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = looked {
            tracing::error!(import.id = %import, %error, "import {import} could not be taken up");
        }
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use bytes::Bytes;
    use futures_util::{StreamExt, stream};
    use people_core::document::{Content, Link};
    use people_core::log::{Answer, Form, State};
    use people_core::memory::{self, ManualClock, MemoryBodies};
    use people_core::ports::{Announced, Bodies, SignedPut};
    use people_core::staged::{Accepted, MISSING_AFTER};

    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_700_757_179_000);

    struct World {
        app: App,
        clock: Arc<ManualClock>,
        id: ImportId,
    }

    /// With one import that was accepted.
    async fn world() -> World {
        let clock = Arc::new(ManualClock::at(START));
        let app = memory::app(clock.clone());
        let id = ImportId::new(START, [7; 10]);
        let key_name = "payroll".to_owned();
        let accepted = Accepted { id, received_at: START, key_name, form: Form::Array, dry_run: false };
        staged::accept(&app, accepted).await.unwrap();
        World { app, clock, id }
    }

    impl World {
        async fn put(&self, content_type: &str, body: &'static [u8]) {
            let body = Content::Memory(Bytes::from_static(body));
            assert!(self.app.bodies.put(self.id, content_type, &body).await.unwrap());
        }

        async fn run(&self, holder: &str) -> Result<Ran, StoreError> {
            let until = self.app.clock.now().plus(Duration::from_secs(60));
            run(&self.app, self.id, &LeaseHolder(holder.to_owned()), until).await
        }

        async fn log(&self) -> ImportLog {
            self.app.imports.find(self.id).await.unwrap().unwrap()
        }
    }

    /// Bodies that break off.
    struct Broken(MemoryBodies);

    #[async_trait]
    impl Bodies for Broken {
        async fn upload(
            &self,
            id: ImportId,
            body: &Announced,
            at: Timestamp,
        ) -> Result<SignedPut, StoreError> {
            self.0.upload(id, body, at).await
        }
        async fn put(&self, id: ImportId, content_type: &str, body: &Content) -> Result<bool, StoreError> {
            self.0.put(id, content_type, body).await
        }
        async fn read(&self, _: ImportId) -> Result<Option<StagedBody>, StoreError> {
            let chunks = vec![Ok(Bytes::from_static(b"[")), Err(StoreError::new("read a body", "it broke"))];
            let content_type = "application/json".to_owned();
            Ok(Some(StagedBody { content_type, bytes: 2, chunks: stream::iter(chunks).boxed() }))
        }
        async fn remove(&self, id: ImportId) -> Result<(), StoreError> {
            self.0.remove(id).await
        }
        async fn link_to_failed(
            &self,
            id: ImportId,
            of_type: &str,
            body: &Content,
        ) -> Result<Link, StoreError> {
            self.0.link_to_failed(id, of_type, body).await
        }
    }

    #[tokio::test]
    async fn a_body_is_imported_once_however_often_it_is_told_of() {
        let world = world().await;
        assert_eq!(world.run("first").await.unwrap(), Ran::NoBody);
        assert_eq!(world.log().await.state, State::Accepted, "it goes on waiting");
        world.put("application/json", br#"[{"userPrincipalName":"joe@company.com"}]"#).await;
        let Ran::Done(log) = world.run("second").await.unwrap() else { panic!("not done") };
        assert_eq!((log.state, log.source), (State::Ended(Answer::Failed), Source::Staged));
        assert_eq!((log.key_name.as_str(), log.received_at), ("payroll", START));
        assert_eq!(world.log().await, *log);
        assert_eq!(world.run("third").await.unwrap(), Ran::Ended);
    }

    #[tokio::test]
    async fn a_body_that_somebody_is_at_work_on_is_left_alone_until_the_claim_is_over() {
        let world = world().await;
        world.put("application/json", b"[]").await;
        let claim = staged::claim(&LeaseHolder("first".into()), START);
        world.app.imports.claim(world.id, &claim).await.unwrap();
        assert_eq!(world.run("second").await.unwrap(), Ran::Busy);
        world.clock.advance_to(claim.until);
        assert!(matches!(world.run("second").await.unwrap(), Ran::Done(_)), "the first one has died");
    }

    #[tokio::test]
    async fn a_body_that_could_not_be_read_is_tried_again_after_a_rest() {
        let World { app, clock, id } = world().await;
        let world =
            World { app: App { bodies: Arc::new(Broken(MemoryBodies::default())), ..app }, clock, id };
        world.clock.advance_to(START.plus(Duration::from_secs(40)));
        assert!(world.run("first").await.is_err());
        assert_eq!(world.run("second").await.unwrap(), Ran::Busy);
        world.clock.advance_to(START.plus(Duration::from_secs(50)));
        assert!(world.run("second").await.is_err(), "it is tried, and not busy");
        assert_ne!(world.log().await.state, State::Ended(Answer::Failed));
    }

    #[tokio::test]
    async fn a_body_without_a_log_is_left_alone() {
        let world = world().await;
        let other = ImportId::new(START, [8; 10]);
        let body = Content::Memory(Bytes::from_static(b"[]"));
        assert!(world.app.bodies.put(other, "application/json", &body).await.unwrap());
        let holder = LeaseHolder("me".into());
        assert_eq!(run(&world.app, other, &holder, START).await.unwrap(), Ran::Unknown);
    }

    #[tokio::test]
    async fn the_schedule_runs_what_is_there_and_closes_what_does_not_come() {
        let world = world().await;
        let other = ImportId::new(START, [8; 10]);
        let key_name = "payroll".to_owned();
        let accepted =
            Accepted { id: other, received_at: START, key_name, form: Form::Array, dry_run: false };
        staged::accept(&world.app, accepted).await.unwrap();
        world.put("application/json", b"no JSON").await;
        world.clock.advance_to(START.plus(MISSING_AFTER));
        let until = world.app.clock.now().plus(Duration::from_secs(60));
        look_after(&world.app, &[other, world.id], &LeaseHolder("me".into()), until).await;
        let faults = [world.log().await, world.app.imports.find(other).await.unwrap().unwrap()];
        let faults = faults.map(|log| log.fault.unwrap().to_string());
        assert!(faults[0].starts_with("the body is not valid JSON"), "{faults:?}");
        assert_eq!(faults[1], "the body did not arrive in time");
    }
}
