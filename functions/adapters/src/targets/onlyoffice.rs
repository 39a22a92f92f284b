//! ONLYOFFICE, Workspace and DocSpace: people are read, merged and written one by one, because every write of a portal
//! replaces what it does not name. What each answer means is told by its sources, as far as they tell it (targets.md,
//! part 3).

mod answers;
mod calls;
mod contacts;
mod fields;
mod mapping;
mod people;
mod person;
mod preview;
mod progress;
mod settings;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use people_core::log::{Ending, Outcome};
use people_core::person::Identifier;
use people_core::ports::{Found, Listing, PersonUpdate, Target};
use people_core::time::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::config::Parts;
use super::engine::{PersonAtATime, Run};
use super::mapping::Mapping;
use super::session::{REPETITIONS, Session};
use answers::{Meaning, Reply, meaning};
use calls::{Call, Wire};
use mapping::{Place, Wanted};
use people::Read;
use person::{Missing, Person};
use preview::Look;
use progress::{Progress, Write};
pub(super) use settings::Entry;
use settings::{Product, Settings};

/// How often a write is made anew after a break, or with a new token.
const BREAKS: u32 = 4;
/// How long it waits before the first repetition of a write whose answer is lost; then twice as long, and so on.
const AFTER_LOSS: Duration = Duration::from_millis(500);
/// How long it waits before the one repetition of a call that is not allowed, or failed.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

const NOT_SHOWN: &str =
    "does not show us this person's e-mail address and contacts, so that nothing can be changed safely";
const NO_CONTACTS_CALL: &str = "has no contacts call: DocSpace has none from 3.2.1 on";

/// One portal, with its token.
pub(super) struct Onlyoffice {
    session: Session<Wire>,
    mapping: Mapping<Place>,
    product: Product,
}

/// One run of deliveries, with what it has found out about the server.
struct Delivery<'a> {
    target: &'a Onlyoffice,
    has_no_contacts_call: AtomicBool,
}

/// How an update ended, and the last code.
type Ended = (Ending, Option<String>);

impl Onlyoffice {
    /// A portal that nothing has been asked yet.
    fn new(settings: Settings, parts: Parts) -> Onlyoffice {
        let Settings { mapping, base, product } = settings;
        Onlyoffice { session: Session::new(Wire { base, product }, parts), mapping, product }
    }

    fn why(&self, what: &str) -> String {
        self.session.why(what)
    }

    /// Whom an update means and what it wants of them, or how it ends without a call.
    fn wanted<'a>(&'a self, update: &'a PersonUpdate) -> Result<(Uuid, Wanted<'a>), Ending> {
        match Wanted::of(&self.mapping, update) {
            Ok(wanted) if wanted.contacts.is_empty() && wanted.fields.is_empty() => Err(Ending::Unchanged),
            Ok(wanted) => Ok((guid(update).ok_or(Ending::UnknownPerson)?, wanted)),
            Err(why) => Err(Ending::Refused(why)),
        }
    }

    /// The write that comes next. Workspace's profile call replaces the contacts too, so it does both at once; DocSpace's
    /// leaves them alone, whoever is changed.
    fn next_write(&self, missing: &Missing, progress: &Progress) -> Option<Write> {
        let contacts = !missing.contacts.is_empty() && !progress.is_done(Write::Contacts);
        let profile = !missing.fields.is_empty() && !progress.is_done(Write::Profile);
        match self.product {
            Product::Workspace if profile => Some(Write::Profile),
            Product::Workspace | Product::Docspace if contacts => Some(Write::Contacts),
            Product::Docspace if profile => Some(Write::Profile),
            Product::Workspace | Product::Docspace => None,
        }
    }
}

impl Delivery<'_> {
    /// Reads the person and writes what is missing, again and again, until nothing is, or nothing more may be tried. Each
    /// write is made from a person who was read just before, so that nothing old is ever put back.
    async fn update(&self, run: &Run<'_>, update: &PersonUpdate, sent: &mut u32) -> Ended {
        let target = self.target;
        let (id, wanted) = match target.wanted(update) {
            Ok(wanted) => wanted,
            Err(ending) => return (ending, None),
        };
        let mut progress = Progress::default();
        loop {
            let person = match people::get(&target.session, run, id).await {
                Read::Person(person) => person,
                Read::Nobody => return (Ending::UnknownPerson, progress.code),
                Read::Unavailable(why) => return (Ending::Deferred(why), progress.code),
            };
            if person.email().is_none() {
                return (progress.refused(target.why(NOT_SHOWN)), progress.code);
            }
            let missing = person.missing(&wanted);
            progress.look(&missing);
            let Some(write) = target.next_write(&missing, &progress) else {
                return (progress.ending(&missing, &|what| target.why(what)), progress.code);
            };
            let call = match call(update, id, (&person, &wanted), (write, &missing)) {
                Ok(call) => call,
                Err(why) => return (progress.refused(target.why(why)), progress.code),
            };
            if let Some(ending) = self.write(run, (write, &call), &wanted, &mut progress, sent).await {
                return (ending, progress.code);
            }
        }
    }

    /// Makes one write and notes what became of it. `Some` is the end of the update; else a look tells what is missing
    /// now.
    async fn write(
        &self,
        run: &Run<'_>,
        (write, call): (Write, &Call),
        wanted: &Wanted<'_>,
        progress: &mut Progress,
        sent: &mut u32,
    ) -> Option<Ending> {
        let target = self.target;
        if write == Write::Contacts && self.has_no_contacts_call.load(Ordering::Relaxed) {
            progress.give_up(write, Ending::Refused(target.why(NO_CONTACTS_CALL)));
            return None;
        }
        let reply = match target.session.call(run, call, 0, sent).await {
            Ok(reply) => reply,
            // A look tells what is to be written after the break; reading waits for its end.
            Err(failure) if failure.again && progress.breaks < BREAKS => {
                progress.breaks += 1;
                return None;
            }
            Err(failure) => {
                progress.code = failure.code.clone().or(progress.code.take());
                let is_busy = !failure.unclear && failure.code.is_some();
                progress.lost += 1;
                let late = is_busy || progress.lost > REPETITIONS || run.go_on().is_err();
                let wait = AFTER_LOSS * 2_u32.pow(progress.lost.min(REPETITIONS) - 1);
                if late || run.back_off(wait).await.is_err() {
                    // What was certainly not sent needs no look.
                    let deferred = Ending::Deferred(failure.why);
                    if !failure.unclear && progress.is_untouched() {
                        return Some(deferred);
                    }
                    progress.give_up(write, deferred);
                } else {
                    progress.is_unclear |= failure.unclear;
                }
                return None;
            }
        };
        progress.code = Some(reply.status.as_str().to_owned());
        self.judge(run, write, &reply, wanted, progress).await
    }

    async fn judge(
        &self,
        run: &Run<'_>,
        write: Write,
        reply: &Reply,
        wanted: &Wanted<'_>,
        progress: &mut Progress,
    ) -> Option<Ending> {
        let target = self.target;
        match meaning(reply) {
            Meaning::Done => {
                progress.done(write);
                let shown = reply.response().and_then(Person::read).filter(|_| wanted.is_plain());
                if shown.is_some_and(|shown| shown.missing(wanted).count() == 0) {
                    return Some(Ending::Updated);
                }
            }
            Meaning::Unclear => {
                progress.give_up(write, Ending::Deferred(target.why("does not say what it did")));
            }
            Meaning::Nobody => return Some(Ending::UnknownPerson),
            Meaning::NoContactsCall => {
                self.has_no_contacts_call.store(true, Ordering::Relaxed);
                progress.give_up(write, Ending::Refused(target.why(NO_CONTACTS_CALL)));
            }
            Meaning::Refused(why) => progress.give_up(write, Ending::Refused(target.why(why))),
            Meaning::NotAllowedOrFailed => {
                progress.failures += 1;
                if progress.failures > 1 || run.back_off(AFTER_FAILURE).await.is_err() {
                    let why = target.why("does not allow it, or failed: status 500");
                    progress.give_up(write, Ending::Refused(why));
                }
            }
        }
        None
    }
}

/// The call of a write. `Err` says after the target's name why it must not be made.
fn call(
    update: &PersonUpdate,
    person: Uuid,
    (known, wanted): (&Person, &Wanted<'_>),
    (write, missing): (Write, &Missing),
) -> Result<Call, &'static str> {
    let import = update.import;
    let bytes = |body: Value| body.to_string().into();
    Ok(match write {
        Write::Contacts => Call::Contacts { person, body: bytes(known.contacts_body(wanted)?), import },
        Write::Profile => Call::Profile { person, body: bytes(known.profile_body(wanted, missing)?), import },
    })
}

fn guid(update: &PersonUpdate) -> Option<Uuid> {
    Uuid::parse_str(update.key.0.trim()).ok()
}

/// The key of a person in one spelling.
fn person(update: &PersonUpdate) -> String {
    guid(update).map_or_else(|| update.key.0.trim().to_lowercase(), |id| id.to_string())
}

#[async_trait]
impl PersonAtATime for Delivery<'_> {
    /// Every write replaces the contacts, and there is no version to compare.
    fn merges(&self) -> bool {
        true
    }

    fn person(&self, update: &PersonUpdate) -> String {
        person(update)
    }

    async fn deliver_one(&self, run: &Run<'_>, update: &PersonUpdate) -> Outcome {
        let mut attempts = 0;
        let (ending, code) = self.update(run, update, &mut attempts).await;
        Outcome { ending, code, attempts, duration_ms: run.elapsed_ms() }
    }
}

#[async_trait]
impl Target for Onlyoffice {
    async fn find(&self, identifiers: &[Identifier], until: Timestamp) -> Vec<Found> {
        people::find(&self.session, &self.session.engine().run(until), identifiers).await
    }

    async fn list(&self, until: Timestamp) -> Listing {
        people::list(&self.session, &self.session.engine().run(until)).await
    }

    async fn deliver(&self, updates: &[PersonUpdate], until: Timestamp) -> Vec<Outcome> {
        let delivery = Delivery { target: self, has_no_contacts_call: AtomicBool::new(false) };
        self.session.engine().deliver(&delivery, updates, until).await
    }
    async fn preview(&self, updates: &[PersonUpdate], until: Timestamp) -> Vec<Outcome> {
        self.session.engine().deliver(&Look(self), updates, until).await
    }
}
