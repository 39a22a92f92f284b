//! Servers of SCIM 2.0 (RFC 7643, RFC 7644): a user is read, and what differs is written, so that nothing is sent that is
//! there already and nothing is touched that the update does not name. What each answer means is in targets.md, part 5.

mod abilities;
mod answers;
mod attributes;
mod calls;
mod patch;
mod preview;
mod settings;
mod user;
mod users;

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
use abilities::{Abilities, Able};
use answers::Reply;
use attributes::Place;
use calls::{Call, Wire, Write};
use patch::{Differences, Wanted};
use preview::Look;
pub(super) use settings::Entry;
use settings::Settings;
use user::{User, is_id};
use users::Users;

/// How often a user is read again because somebody else changed them meanwhile.
const COLLISIONS: u32 = 3;
/// How long it waits before that.
const AFTER_COLLISION: Duration = Duration::from_millis(200);
/// How long it waits before the first repetition of a write that failed; then twice as long, and so on.
const AFTER_FAILURE: Duration = Duration::from_millis(500);

/// One SCIM server, with its token and what it is able to do.
pub(super) struct Scim {
    engine: Arc<Engine>,
    session: Arc<Session<Wire>>,
    abilities: Abilities,
    users: Users,
    mapping: Mapping<Place>,
}

/// One run of deliveries. What the server is able to do is decided once: a lease that is not taken for an update stays
/// untaken, whatever is found out meanwhile.
struct Delivery<'a> {
    target: &'a Scim,
    able: Able,
}

/// How an update stands.
#[derive(Default)]
struct Progress {
    /// How often it was sent.
    sent: u32,
    /// The last answer's code.
    code: Option<String>,
    collisions: u32,
    failures: u32,
    /// Whether typed values are added, because the server did not find them by their type.
    adds: bool,
}

/// What follows from the answer to a write.
enum Next {
    Ended(Ending),
    /// The user is read again, after this time: why, where there is none.
    Again(Duration, Ending),
}

impl Scim {
    /// A server that nothing has been asked yet.
    fn new(settings: Settings, parts: Parts) -> Scim {
        let Settings { mapping, base, identifiers, grant } = settings;
        let engine = Arc::clone(&parts.engine);
        let wire = Wire { base, grant, attributes: identifiers.attributes() };
        let session = Arc::new(Session::new(wire, parts));
        let users = Users::new(Arc::clone(&session), identifiers);
        Scim { engine, session, abilities: Abilities::default(), users, mapping }
    }

    /// What an update wants, or how it ends without a call.
    fn wanted<'a>(&'a self, update: &'a PersonUpdate) -> Result<Wanted<'a>, Ending> {
        match self.mapping.values(update) {
            Ok(wanted) if wanted.is_empty() => Err(Ending::Unchanged),
            Ok(_) if !is_id(&update.key.0) => Err(Ending::UnknownPerson),
            Ok(wanted) => Ok(wanted),
            Err(why) => Err(Ending::Refused(why)),
        }
    }

    /// Reads a user and finds out what of an update they do not have, with the code of the reading. `Err` says how the update
    /// ends.
    async fn compare<'a>(
        &self,
        run: &Run<'_>,
        id: &str,
        wanted: &'a Wanted<'a>,
    ) -> (Option<String>, Result<(Reply, User, Differences<'a>), Ending>) {
        let reply = match self.session.call(run, &Call::Get(id.to_owned()), REPETITIONS, &mut 0).await {
            Ok(reply) => reply,
            Err(failure) => return (failure.code, Err(Ending::Deferred(failure.why))),
        };
        let compared = self.user(run, &reply, id).and_then(|user| {
            let differences = Differences::between(&user, wanted);
            let refused = |why| self.refused(&format!("cannot take it: {why}"));
            Ok((user, differences.map_err(refused)?))
        });
        (Some(reply.code()), compared.map(|(user, differences)| (reply, user, differences)))
    }

    /// The user in an answer; `Err` where an update cannot go to them.
    fn user(&self, run: &Run<'_>, reply: &Reply, id: &str) -> Result<User, Ending> {
        match reply.status.as_u16() {
            200 => match User::read(&reply.body, id) {
                Some(user) if user.is_active() => Ok(user),
                Some(_) => Err(Ending::UnknownPerson),
                None => Err(self.deferred("answers in a way that we do not understand")),
            },
            404 | 410 => Err(Ending::UnknownPerson),
            403 => Err(self.without_right(run, "does not let us see this person")),
            _ => Err(self.refused("does not show us this person")),
        }
    }

    async fn write(&self, run: &Run<'_>, write: Write, progress: &mut Progress) -> Next {
        let reply = match self.session.call(run, &Call::Write(write), 0, &mut progress.sent).await {
            Ok(reply) => reply,
            Err(failure) => return self.after_failure(run, failure, progress),
        };
        progress.code = Some(reply.code());
        let is_json =
            reply.body.is_empty() || serde_json::from_slice::<serde::de::IgnoredAny>(&reply.body).is_ok();
        let refused = |why: &str| Next::Ended(self.refused(why));
        run.has_right(reply.status.as_u16() != 403, &self.why("gives us no right to change people"));
        match (reply.status.as_u16(), reply.kind) {
            (200 | 201 | 204, _) if is_json => Next::Ended(Ending::Updated),
            (400, Some("noTarget")) if !progress.adds => {
                progress.adds = true;
                Next::Again(Duration::ZERO, self.deferred("does not find what is to be changed"))
            }
            (412, _) => {
                progress.collisions += 1;
                Next::Again(AFTER_COLLISION, self.deferred("says that somebody else is changing the person"))
            }
            (200..=299, _) => self.again(progress, "does not say what it did"),
            (403, _) => refused("gives us no right to change people"),
            (404 | 410, _) => Next::Ended(Ending::UnknownPerson),
            (409, _) => refused("says that it conflicts with other data there"),
            (413, _) => refused("says that the update is too large"),
            (_, Some(kind)) => refused(&format!("refused the update as {kind}")),
            (_, None) => refused("refused the update"),
        }
    }

    fn after_failure(&self, run: &Run<'_>, failure: Failure, progress: &mut Progress) -> Next {
        let Failure { why, code, unclear, again, .. } = failure;
        // Without a code nothing was answered; with one that is clear the server has asked for too many breaks.
        let passes = again || unclear || code.is_none();
        progress.code = code;
        if run.go_on().is_err() || !passes {
            return Next::Ended(Ending::Deferred(why));
        }
        self.again(progress, "does not answer")
    }

    fn again(&self, progress: &mut Progress, what: &str) -> Next {
        let wait = AFTER_FAILURE * 2_u32.pow(progress.failures.min(REPETITIONS));
        progress.failures += 1;
        Next::Again(wait, self.deferred(what))
    }

    fn without_right(&self, run: &Run<'_>, what: &str) -> Ending {
        let why = self.why(what);
        run.has_right(false, &why);
        Ending::Refused(why)
    }

    fn why(&self, what: &str) -> String {
        format!("{} {what}", self.engine.name())
    }

    fn deferred(&self, what: &str) -> Ending {
        Ending::Deferred(self.why(what))
    }

    fn refused(&self, what: &str) -> Ending {
        Ending::Refused(self.why(what))
    }
}

impl Delivery<'_> {
    /// Reads the user and writes what differs, until that is done or cannot be. Each write follows a reading of its own: one
    /// whose answer was lost may have been done, and what was added twice would be there twice.
    async fn update(&self, run: &Run<'_>, update: &PersonUpdate, progress: &mut Progress) -> Ending {
        let target = self.target;
        let wanted = match target.wanted(update) {
            Ok(wanted) => wanted,
            Err(ending) => return ending,
        };
        let mut last = None;
        loop {
            let write = match self.next_write(run, (update, &wanted), progress).await {
                Ok(write) => write,
                Err(ending) => return ending,
            };
            if let Some(ending) = last {
                return ending;
            }
            let (wait, ending) = match target.write(run, write, progress).await {
                Next::Ended(ending) => return ending,
                Next::Again(wait, ending) => (wait, ending),
            };
            if run.back_off(wait).await.is_err() {
                return ending;
            }
            // One look more, for what was saved after all.
            let is_over = progress.collisions > COLLISIONS || progress.failures > REPETITIONS;
            last = is_over.then_some(ending);
        }
    }

    /// What is to be written to a user as they are now; `Err` where there is nothing.
    async fn next_write(
        &self,
        run: &Run<'_>,
        (update, wanted): (&PersonUpdate, &Wanted<'_>),
        progress: &mut Progress,
    ) -> Result<Write, Ending> {
        let Delivery { target, able } = *self;
        let id = update.key.0.as_str();
        let (code, compared) = target.compare(run, id, wanted).await;
        // What a write was answered tells more than a reading.
        progress.code = if progress.sent == 0 { code } else { progress.code.take() };
        let (reply, user, differences) = compared?;
        // What was sent before, and was not refused, may be why nothing differs.
        let is_ours = progress.failures + progress.collisions > 0;
        let nothing = if is_ours { Ending::Updated } else { Ending::Unchanged };
        if differences.is_empty() {
            return Err(nothing);
        }
        let version = user.version(&reply).filter(|_| able.etag);
        if able.etag && version.is_none() {
            // Nothing keeps others away: because of the versions there is no lease.
            target.abilities.no_versions();
            return Err(target.deferred("shows no versions though it announces them"));
        }
        let body = match able.patch {
            true => differences.patch(progress.adds).ok_or(nothing)?,
            false => differences.whole(&user),
        };
        let (is_whole, body) = (!able.patch, body.into());
        Ok(Write { id: id.to_owned(), import: update.import, version, is_whole, body })
    }
}

#[async_trait]
impl PersonAtATime for Delivery<'_> {
    /// Without versions nobody else may change a person between our reading and our writing.
    fn merges(&self) -> bool {
        !self.able.etag
    }

    /// Ids are compared exactly (RFC 7643, 3.1).
    fn person(&self, update: &PersonUpdate) -> String {
        update.key.0.clone()
    }

    async fn deliver_one(&self, run: &Run<'_>, update: &PersonUpdate) -> Outcome {
        let mut progress = Progress::default();
        let ending = self.update(run, update, &mut progress).await;
        Outcome { ending, code: progress.code, attempts: progress.sent, duration_ms: run.elapsed_ms() }
    }
}

#[async_trait]
impl Target for Scim {
    async fn find(&self, identifiers: &[Identifier], until: Timestamp) -> Vec<Found> {
        let run = self.engine.run(until);
        let able = self.abilities.get(&run, &self.session).await;
        self.users.find(&run, able, identifiers).await
    }

    async fn list(&self, until: Timestamp) -> Listing {
        self.users.list(&self.engine.run(until)).await
    }

    /// Whether updates need leases is asked first. Where that already stops a run, each update waits for another one.
    async fn deliver(&self, updates: &[PersonUpdate], until: Timestamp) -> Vec<Outcome> {
        if updates.is_empty() {
            return Vec::new();
        }
        let run = self.engine.run(until);
        let able = self.abilities.get(&run, &self.session).await;
        if let Err(halt) = run.go_on() {
            let ending = Ending::Deferred(run.reason(halt));
            return updates.iter().map(|_| Outcome::unsent(ending.clone())).collect();
        }
        self.engine.deliver(&Delivery { target: self, able }, updates, until).await
    }
    async fn preview(&self, updates: &[PersonUpdate], until: Timestamp) -> Vec<Outcome> {
        self.engine.deliver(&Look(self), updates, until).await
    }
}
