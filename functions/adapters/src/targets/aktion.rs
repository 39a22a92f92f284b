//! Aktion.NEXT and Aktion CLOUD: people are updated one by one through `POST person/update`. What each answer means
//! and which values it takes is told by the vendor's pages, as far as they tell it (targets.md, part 1).

mod answers;
mod calls;
mod columns;
mod mapping;
mod people;
mod preview;
mod properties;
mod settings;
mod stored;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use people_core::log::{Ending, Outcome};
use people_core::person::Identifier;
use people_core::ports::{Found, Listing, PersonUpdate, Target};
use people_core::time::Timestamp;

use super::config::Parts;
use super::engine::{Engine, PersonAtATime, Run};
use super::mapping::Mapping;
use super::session::{Failure, REPETITIONS, Session};
use answers::{Meaning, meaning};
use calls::{Call, Wire};
use mapping::{Body, Place, body};
use people::{People, Read};
use preview::Look;
pub(super) use settings::Entry;
use settings::Settings;

/// How often an update is sent again because somebody else changed the person meanwhile.
const COLLISIONS: u32 = 3;
/// How long it waits before that.
const AFTER_COLLISION: Duration = Duration::from_millis(200);
/// How long it waits before the one repetition after a problem of the database.
const AFTER_PROBLEM: Duration = Duration::from_secs(1);

/// One Aktion, with its token and its list of people.
pub(super) struct Aktion {
    engine: Arc<Engine>,
    session: Arc<Session<Wire>>,
    people: People,
    mapping: Mapping<Place>,
}

/// How an update ended, and the last code.
type Ended = (Ending, Option<String>);

impl Aktion {
    /// An Aktion that nothing has been asked yet.
    fn new(settings: Settings, parts: Parts) -> Aktion {
        let engine = Arc::clone(&parts.engine);
        let session = Arc::new(Session::new(Wire { base: settings.base }, parts));
        let people = People::new(Arc::clone(&engine), Arc::clone(&session), settings.upn);
        Aktion { engine, session, people, mapping: settings.mapping }
    }

    async fn update(&self, run: &Run<'_>, update: &PersonUpdate, sent: &mut u32) -> Ended {
        let mut body = match self.body(update) {
            Ok(body) => body,
            Err(ending) => return (ending, None),
        };
        let (mut collisions, mut problems) = (0, 0);
        loop {
            let call = Call::Update { body: body.to_bytes(), import: update.import };
            let reply = match self.session.call(run, &call, REPETITIONS, sent).await {
                Ok(reply) => reply,
                Err(failure) => return self.after_failure(run, &body, failure).await,
            };
            let code = Some(reply.code());
            let ending = match meaning(&reply, self.engine.name()) {
                Meaning::Ended(ending) => ending,
                Meaning::NoRight(why) => {
                    run.stop(&why);
                    Ending::Refused(why)
                }
                Meaning::Changed if collisions < COLLISIONS => {
                    collisions += 1;
                    match self.look_again(run, &mut body).await {
                        Ok(()) => continue,
                        Err(ending) => ending,
                    }
                }
                Meaning::Changed => self.deferred("says that somebody else is changing the person"),
                Meaning::Problem if problems > 0 => self.refused("could not save it"),
                Meaning::Problem => {
                    problems += 1;
                    match run.back_off(AFTER_PROBLEM).await {
                        Ok(()) => continue,
                        Err(_) => self.deferred("could not save it"),
                    }
                }
                Meaning::ColumnRefused => self.after_refused_column(run, &body).await,
                Meaning::Unclear => self.verified(run, &body, "does not say what it did").await,
            };
            return (ending, code);
        }
    }

    /// What is sent for an update, or how it ends without a call.
    fn body<'a>(&'a self, update: &'a PersonUpdate) -> Result<Body<'a>, Ending> {
        match body(&self.mapping, update) {
            Ok(body) if body.is_empty() => Err(Ending::Unchanged),
            Ok(body) => Ok(body),
            Err(why) => Err(Ending::Refused(why)),
        }
    }

    /// Before an update is sent again that met another one: what is known of the person now goes with it.
    async fn look_again(&self, run: &Run<'_>, body: &mut Body<'_>) -> Result<(), Ending> {
        let late = self.deferred("says that somebody else is changing the person");
        run.back_off(AFTER_COLLISION).await.map_err(|_| late)?;
        match self.people.get(run, body.person_id, REPETITIONS).await {
            Read::Person(person) => {
                body.keep_sex(person.sex());
                Ok(())
            }
            Read::Nobody => Err(Ending::UnknownPerson),
            Read::Hidden(why) | Read::Unavailable(why) => Err(Ending::Deferred(why)),
        }
    }

    async fn after_failure(&self, run: &Run<'_>, body: &Body<'_>, failure: Failure) -> Ended {
        let Failure { why, code, unclear, .. } = failure;
        if !unclear {
            return (Ending::Deferred(why), code);
        }
        (self.verified(run, body, "does not answer").await, code)
    }

    /// What became of an update whose answer does not tell it: saved, where everything is there; else not known to be.
    async fn verified(&self, run: &Run<'_>, body: &Body<'_>, what: &str) -> Ending {
        match self.people.get(run, body.person_id, 0).await {
            Read::Person(person) if person.has_all(body) => Ending::Updated,
            Read::Nobody => Ending::UnknownPerson,
            Read::Person(_) | Read::Hidden(_) | Read::Unavailable(_) => self.deferred(what),
        }
    }

    /// A user column is refused after the rest was saved, and the columns before it, or before: only a look can tell. What is
    /// there now counts as saved, as nobody knows whether it was there before.
    async fn after_refused_column(&self, run: &Run<'_>, body: &Body<'_>) -> Ending {
        let why = format!("{} refused a user column", self.engine.name());
        match self.people.get(run, body.person_id, REPETITIONS).await {
            Read::Person(person) if person.has_some(body) => Ending::PartlyUpdated(why),
            Read::Person(_) if !body.has_unreadable() => Ending::Refused(why),
            Read::Nobody => Ending::UnknownPerson,
            Read::Person(_) | Read::Hidden(_) | Read::Unavailable(_) => {
                Ending::Refused(why + "; the rest may be saved")
            }
        }
    }

    fn deferred(&self, what: &str) -> Ending {
        Ending::Deferred(format!("{} {what}", self.engine.name()))
    }

    fn refused(&self, what: &str) -> Ending {
        Ending::Refused(format!("{} {what}", self.engine.name()))
    }
}

#[async_trait]
impl PersonAtATime for Aktion {
    /// Aktion's database probably compares keys without regard to case.
    fn person(&self, update: &PersonUpdate) -> String {
        update.key.0.trim().to_lowercase()
    }

    async fn deliver_one(&self, run: &Run<'_>, update: &PersonUpdate) -> Outcome {
        let mut attempts = 0;
        let (ending, code) = self.update(run, update, &mut attempts).await;
        Outcome { ending, code, attempts, duration_ms: run.elapsed_ms() }
    }
}

#[async_trait]
impl Target for Aktion {
    async fn find(&self, identifiers: &[Identifier], until: Timestamp) -> Vec<Found> {
        self.people.find(&self.engine.run(until), identifiers).await
    }

    async fn list(&self, until: Timestamp) -> Listing {
        self.people.list(&self.engine.run(until)).await
    }

    async fn deliver(&self, updates: &[PersonUpdate], until: Timestamp) -> Vec<Outcome> {
        self.engine.deliver(self, updates, until).await
    }
    async fn preview(&self, updates: &[PersonUpdate], until: Timestamp) -> Vec<Outcome> {
        self.engine.deliver(&Look(self), updates, until).await
    }
}
