//! The people of a portal, read back: one by GUID or e-mail address, or all of them. Whoever has left is nobody, as no update
//! may go to them.

use std::collections::HashSet;

use futures_util::stream::{self, StreamExt};
use http::StatusCode;
use people_core::person::{Identifier, NativeKey};
use people_core::ports::{Found, Listing, Sighting};
use uuid::Uuid;

use super::AFTER_FAILURE;
use super::answers::Reply;
use super::calls::{Call, Wire};
use super::person::Person;
use crate::targets::engine::{MOST_AT_ONCE, Run};
use crate::targets::session::{REPETITIONS, Session};

/// The most people that a page has.
const PAGE: usize = 1000;
/// How many pages a list may have: one that does not end before is taken for one that never ends.
const MOST_PAGES: usize = 1000;
/// The most characters of an e-mail address.
const MAX_EMAIL: usize = 255;

const NOT_UNDERSTOOD: &str = "answers in a way that we do not understand";

/// A person who was asked for.
pub(super) enum Read {
    Person(Person),
    Nobody,
    Unavailable(String),
}

/// The answer to a call that changes nothing. A 500 is asked for once more and no oftener: most of them are there to stay.
async fn ask(session: &Session<Wire>, run: &Run<'_>, call: &Call) -> Result<Reply, String> {
    let reply = session.call(run, call, REPETITIONS, &mut 0).await.map_err(|failure| failure.why)?;
    if reply.status != StatusCode::INTERNAL_SERVER_ERROR {
        return Ok(reply);
    }
    run.back_off(AFTER_FAILURE).await.map_err(|halt| run.reason(halt))?;
    let reply = session.call(run, call, REPETITIONS, &mut 0).await.map_err(|failure| failure.why)?;
    let failed = reply.status == StatusCode::INTERNAL_SERVER_ERROR;
    if failed { Err(session.why("does not answer")) } else { Ok(reply) }
}

/// The person of this call, unless they have left.
pub(super) async fn read(session: &Session<Wire>, run: &Run<'_>, call: &Call) -> Read {
    let reply = match ask(session, run, call).await {
        Ok(reply) => reply,
        Err(why) => return Read::Unavailable(why),
    };
    match (reply.status.as_u16(), reply.response()) {
        (200, Some(response)) => match Person::read(response) {
            Some(person) if person.is_disabled() => Read::Nobody,
            Some(person) => Read::Person(person),
            None => Read::Unavailable(session.why(NOT_UNDERSTOOD)),
        },
        (404, _) => Read::Nobody,
        (403, _) => Read::Unavailable(session.why("does not let us see this person")),
        _ => Read::Unavailable(session.why(NOT_UNDERSTOOD)),
    }
}

/// The person with this GUID, and nobody else.
pub(super) async fn get(session: &Session<Wire>, run: &Run<'_>, id: Uuid) -> Read {
    match read(session, run, &Call::Get(id)).await {
        Read::Person(person) if person.id != id => Read::Unavailable(session.why(NOT_UNDERSTOOD)),
        read => read,
    }
}

/// Answers look-ups, one answer for each, in order. A portal has nothing that is an employeeId.
pub(super) async fn find(session: &Session<Wire>, run: &Run<'_>, identifiers: &[Identifier]) -> Vec<Found> {
    let look_up = |place: usize| async move {
        match &identifiers[place] {
            Identifier::EmployeeId(_) => Found::CannotTell,
            Identifier::Upn(upn) => find_by_email(session, run, upn).await,
        }
    };
    stream::iter((0..identifiers.len()).map(look_up)).buffered(MOST_AT_ONCE).collect().await
}

async fn find_by_email(session: &Session<Wire>, run: &Run<'_>, upn: &str) -> Found {
    let upn = upn.trim().to_lowercase();
    if upn.is_empty() || upn.chars().count() > MAX_EMAIL {
        return Found::Nobody;
    }
    match read(session, run, &Call::ByEmail(upn.clone())).await {
        // Where we may not see the address, the portal has compared it.
        Read::Person(person) if person.email().is_none_or(|email| email.trim().to_lowercase() == upn) => {
            Found::Person(Sighting { key: key(person.id), employee_id: None, upn: Some(upn) })
        }
        Read::Person(_) | Read::Nobody => Found::Nobody,
        Read::Unavailable(why) => Found::Unavailable(why),
    }
}

fn key(id: Uuid) -> NativeKey {
    NativeKey(id.to_string())
}

/// Everybody who has not left, guests included.
pub(super) async fn list(session: &Session<Wire>, run: &Run<'_>) -> Listing {
    match read_all(session, run).await {
        Ok(everybody) => Listing::Everybody(everybody),
        Err(why) => Listing::Unavailable(why),
    }
}

/// Reads page after page until there are as many as there are said to be, or else until a page brings nobody new.
async fn read_all(session: &Session<Wire>, run: &Run<'_>) -> Result<Vec<Sighting>, String> {
    let (mut everybody, mut seen) = (Vec::new(), HashSet::new());
    let mut start = 0;
    for _ in 0..MOST_PAGES {
        let call = Call::Page { start, size: PAGE };
        let reply = ask(session, run, &call).await?;
        let page = reply.response().and_then(|response| response.as_array());
        let Some(page) = page.filter(|_| reply.status == StatusCode::OK) else {
            return Err(session.why("does not let us list people"));
        };
        let total = usize::try_from(reply.number("total")).unwrap_or(usize::MAX);
        let known = seen.len();
        for person in page {
            // Somebody without an id is nobody.
            let Some(person) = Person::read(person) else { continue };
            if seen.insert(person.id) && !person.is_disabled() {
                let upn = person.email().map(|email| email.trim().to_lowercase());
                let upn = upn.filter(|upn| !upn.is_empty());
                everybody.push(Sighting { key: key(person.id), employee_id: None, upn });
            }
        }
        start += page.len();
        match (total > 0, seen.len() > known) {
            (true, _) if start >= total => return Ok(everybody),
            (false, false) => return Ok(everybody),
            (true, false) => break,
            (_, true) => {}
        }
    }
    // Fewer than there are said to be, or no end: someone whom we did not see is not a nobody.
    Err(session.why("does not list everybody"))
}
