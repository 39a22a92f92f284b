//! The people of an Aktion, read back: one by PersonId, or all of them. Whom an update may go to depends on it, so what
//! is not exactly the one that was asked for is nobody.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::future::join;
use futures_util::stream::{self, StreamExt};
use people_core::person::{Identifier, NativeKey};
use people_core::ports::{Found, Listing, Sighting};
use serde::Deserialize;
use serde_json::Value;

use super::answers::Reply;
use super::calls::{Call, Wire};
use super::properties::{MAX_PERSON_ID, is_longer};
use super::settings::Upn;
use super::stored::Stored;
use crate::targets::engine::{Engine, MOST_AT_ONCE, Run};
use crate::targets::everybody::{Everybody, NoList};
use crate::targets::session::{REPETITIONS, Session};

/// How many people a page is asked to have.
const PAGE: usize = 500;
/// How many pages a list may have: one that does not end before is taken for one that never ends. That is a million
/// people, and still 200,000 where a server gives only 100 a page.
const MOST_PAGES: usize = 2000;
/// The people of one Aktion.
pub(super) struct People {
    engine: Arc<Engine>,
    session: Arc<Session<Wire>>,
    upn: Option<Upn>,
    /// For the look-ups by UPN.
    everybody: Everybody,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    person_id: Option<String>,
    email: Option<String>,
    login_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    persons: Vec<Entry>,
    /// What it holds is not documented; of no use where it is not as expected.
    #[serde(default)]
    paging: Value,
}

/// A person who was asked for.
pub(super) enum Read {
    Person(Stored),
    Nobody,
    /// There may be one, whom Aktion does not show us: why.
    Hidden(String),
    Unavailable(String),
}

impl People {
    pub(super) fn new(engine: Arc<Engine>, session: Arc<Session<Wire>>, upn: Option<Upn>) -> People {
        let by_upn = |identifier: &Identifier| matches!(identifier, Identifier::Upn(_));
        let everybody = Everybody::new(Arc::clone(&engine), by_upn);
        People { engine, session, upn, everybody }
    }

    /// The person with exactly this PersonId.
    pub(super) async fn get(&self, run: &Run<'_>, person_id: &str, repetitions: u32) -> Read {
        let reply = match self.ask(run, person_id, repetitions).await {
            Ok(reply) => reply,
            Err(why) => return Read::Unavailable(why),
        };
        match self.read(&reply) {
            Ok(Some(body)) => match Stored::read(body) {
                Some(person) if person.is(person_id) => Read::Person(person),
                Some(_) => Read::Nobody,
                None => Read::Hidden(self.not_understood()),
            },
            Ok(None) => Read::Nobody,
            Err(why) => Read::Hidden(why),
        }
    }

    async fn ask(&self, run: &Run<'_>, person_id: &str, repetitions: u32) -> Result<Reply, String> {
        let call = Call::Get(person_id.to_owned());
        self.session.call(run, &call, repetitions, &mut 0).await.map_err(|failure| failure.why)
    }

    /// The body of an answer that holds a person; `None` where there is none.
    fn read<'a>(&self, reply: &'a Reply) -> Result<Option<&'a [u8]>, String> {
        match (reply.status.as_u16(), reply.number) {
            (200, _) => Ok(Some(&reply.body)),
            (404, Some(1100)) | (403, Some(5)) => Ok(None),
            (403, Some(_)) => Err(format!("{} does not let us see this person", self.engine.name())),
            _ => Err(self.not_understood()),
        }
    }

    fn not_understood(&self) -> String {
        format!("{} answers in a way that we do not understand", self.engine.name())
    }

    /// Answers look-ups, one answer for each, in order. Those by UPN share one list, which is read at most once for all
    /// of them, whether that succeeds or not.
    pub(super) async fn find(&self, run: &Run<'_>, identifiers: &[Identifier]) -> Vec<Found> {
        let (mut ids, mut upns) = (Vec::new(), Vec::new());
        for (place, identifier) in identifiers.iter().enumerate() {
            match identifier {
                Identifier::EmployeeId(id) => ids.push((place, id.as_str())),
                Identifier::Upn(_) => upns.push((place, identifier)),
            }
        }
        let (mut found, by_upn) = join(self.find_by_ids(run, &ids), self.find_by_upns(run, &upns)).await;
        found.extend(by_upn);
        found.sort_unstable_by_key(|(place, _)| *place);
        found.into_iter().map(|(_, found)| found).collect()
    }

    async fn find_by_ids(&self, run: &Run<'_>, ids: &[(usize, &str)]) -> Vec<(usize, Found)> {
        let look_up = |n: usize| async move { (ids[n].0, self.find_by_id(run, ids[n].1).await) };
        stream::iter((0..ids.len()).map(look_up)).buffer_unordered(MOST_AT_ONCE).collect().await
    }

    async fn find_by_id(&self, run: &Run<'_>, id: &str) -> Found {
        if is_longer(id, MAX_PERSON_ID) {
            return Found::Nobody;
        }
        let reply = match self.ask(run, id, REPETITIONS).await {
            Ok(reply) => reply,
            Err(why) => return Found::Unavailable(why),
        };
        let body = match self.read(&reply) {
            Ok(Some(body)) => body,
            Ok(None) => return Found::Nobody,
            Err(why) => return Found::Unavailable(why),
        };
        let Ok(entry) = serde_json::from_slice::<Entry>(body) else {
            return Found::Unavailable(self.not_understood());
        };
        match self.sighting(entry).filter(|sighting| sighting.employee_id.as_deref() == Some(id)) {
            Some(sighting) => Found::Person(sighting),
            None => Found::Nobody,
        }
    }

    /// Answers from the list of everybody.
    async fn find_by_upns(&self, run: &Run<'_>, upns: &[(usize, &Identifier)]) -> Vec<(usize, Found)> {
        let wanted: Vec<_> = upns.iter().map(|(_, upn)| (*upn).clone()).collect();
        let read = async {
            if self.upn.is_none() {
                return Err(NoList::Disabled);
            }
            self.read_all(run).await
        };
        let found = self.everybody.find(run, &wanted, read).await;
        upns.iter().map(|(place, _)| *place).zip(found).collect()
    }

    /// Everybody, read now; look-ups by UPN are answered from it for a minute. None of them waits for it.
    pub(super) async fn list(&self, run: &Run<'_>) -> Listing {
        let now = self.engine.now();
        match self.read_all(run).await {
            Ok(everybody) => {
                self.everybody.learn(now, &everybody);
                Listing::Everybody(everybody)
            }
            Err(NoList::Disabled) => Listing::CannotList,
            Err(NoList::Unavailable(why)) => Listing::Unavailable(why),
        }
    }

    /// Reads page after page until everybody is there: as many as there are said to be, or else until a page brings
    /// nobody new, as a page may have fewer people than were asked for. So a target that ignores paging, or repeats a
    /// page, ends it too.
    async fn read_all(&self, run: &Run<'_>) -> Result<Vec<Sighting>, NoList> {
        let mut everybody = Vec::new();
        let mut seen = HashSet::new();
        let mut records = 0;
        for number in 1..=MOST_PAGES {
            let page = self.page(run, number).await?;
            let total = page.paging.get("TotalRecords").and_then(Value::as_u64);
            let (length, known) = (page.persons.len(), seen.len());
            for entry in page.persons {
                if let Some(sighting) = self.sighting(entry)
                    && seen.insert(sighting.key.clone())
                {
                    everybody.push(sighting);
                }
            }
            let is_new = seen.len() > known;
            records += if is_new { length } else { 0 };
            match total {
                Some(total) if records as u64 >= total => return Ok(everybody),
                None if !is_new => return Ok(everybody),
                Some(_) if !is_new => break,
                _ => {}
            }
        }
        // Fewer than there are said to be, or no end: someone whom we did not see is not a nobody.
        Err(NoList::Unavailable(format!("{} does not list everybody", self.engine.name())))
    }

    async fn page(&self, run: &Run<'_>, number: usize) -> Result<Page, NoList> {
        let call = Call::Page { number, size: PAGE };
        let reply = self.session.call(run, &call, REPETITIONS, &mut 0).await;
        let reply = reply.map_err(|failure| NoList::Unavailable(failure.why))?;
        match (reply.status.as_u16(), reply.number) {
            (200, _) => {
                serde_json::from_slice(&reply.body).map_err(|_| NoList::Unavailable(self.not_understood()))
            }
            (403..=405, None) => Err(NoList::Disabled),
            _ => Err(NoList::Unavailable(format!("{} does not let us list people", self.engine.name()))),
        }
    }

    /// Somebody without a PersonId is nobody.
    fn sighting(&self, entry: Entry) -> Option<Sighting> {
        let key = entry.person_id?;
        let employee_id = Some(key.trim().to_owned()).filter(|id| !id.is_empty())?;
        let upn = match self.upn {
            Some(Upn::Email) => entry.email,
            Some(Upn::LoginName) => entry.login_name,
            None => None,
        };
        let upn = upn.map(|upn| upn.trim().to_lowercase()).filter(|upn| !upn.is_empty());
        Some(Sighting { key: NativeKey(key), employee_id: Some(employee_id), upn })
    }
}
