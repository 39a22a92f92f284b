//! The users of a SCIM server: those who have an identifier, or all of them. Whom an update may go to depends on it, so a user
//! who does not have exactly the identifier that was asked for is nobody, whatever the server answers.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use people_core::person::Identifier;
use people_core::ports::{Found, Listing, Sighting};

use super::abilities::Able;
use super::attributes::{EMPLOYEE_NUMBER, ENTERPRISE};
use super::calls::{Call, Wire};
use super::settings::{EmployeeId, Identifiers, Upn};
use super::user::{User, Users as Page};
use crate::targets::engine::{Engine, MOST_AT_ONCE, Run};
use crate::targets::everybody::{Everybody, NoList};
use crate::targets::session::{REPETITIONS, Session};

/// How many users a page is asked to have.
const PAGE: usize = 100;
/// How many pages a list may have: one that does not end before is taken for one that never ends.
const MOST_PAGES: usize = 20_000;

/// How long no filter is tried again after the server has refused one.
const HOUR: Duration = Duration::from_secs(3600);

/// The users of one SCIM server.
pub(super) struct Users {
    engine: Arc<Engine>,
    session: Arc<Session<Wire>>,
    identifiers: Identifiers,
    everybody: Everybody,
    /// Until when no filter by employeeId is tried, and none by UPN, as the server has refused one; in milliseconds.
    refused: [AtomicI64; 2],
}

/// What a filter leads to.
enum Filtered {
    Told(Found),
    /// The server does not know filters, or not this one.
    Unfit,
}

impl Identifiers {
    /// The attributes that tell who a user is.
    pub(super) fn attributes(self) -> String {
        let mut attributes = vec!["userName".to_owned(), "active".to_owned()];
        attributes.extend(self.employee_id.map(EmployeeId::path));
        attributes.extend((self.user_principal_name == Some(Upn::Emails)).then(|| "emails".to_owned()));
        attributes.join(",")
    }

    /// The filter for those who have an identifier; `None` where the server does not have that kind.
    fn filter(self, identifier: &Identifier) -> Option<String> {
        let (path, text) = match identifier {
            Identifier::EmployeeId(id) => (self.employee_id?.path(), id),
            Identifier::Upn(upn) => (self.user_principal_name?.path().to_owned(), upn),
        };
        // A text as JSON writes it (RFC 7644, 3.4.2.2).
        Some(format!("{path} eq {}", serde_json::Value::from(text.as_str())))
    }
}

impl EmployeeId {
    fn path(self) -> String {
        match self {
            EmployeeId::ExternalId => "externalId".to_owned(),
            EmployeeId::EmployeeNumber => format!("{ENTERPRISE}:{EMPLOYEE_NUMBER}"),
        }
    }
}

impl Upn {
    fn path(self) -> &'static str {
        match self {
            Upn::UserName => "userName",
            Upn::Emails => "emails.value",
        }
    }
}

impl Users {
    pub(super) fn new(session: Arc<Session<Wire>>, identifiers: Identifiers) -> Users {
        let engine = Arc::clone(session.engine());
        let everybody = Everybody::new(Arc::clone(&engine), |_| true);
        Users { engine, session, identifiers, everybody, refused: Default::default() }
    }

    /// Answers look-ups, one answer for each, in order: by filters, and where the server has none from the list.
    pub(super) async fn find(&self, run: &Run<'_>, able: Able, identifiers: &[Identifier]) -> Vec<Found> {
        let look_up = |n: usize| self.find_one(run, able, &identifiers[n]);
        let told: Vec<_> =
            stream::iter((0..identifiers.len()).map(look_up)).buffered(MOST_AT_ONCE).collect().await;
        let unfit = identifiers.iter().zip(&told).filter(|(_, told)| matches!(told, Filtered::Unfit));
        let unfit: Vec<_> = unfit.map(|(identifier, _)| identifier.clone()).collect();
        let mut listed = self.everybody.find(run, &unfit, self.read_all(run)).await.into_iter();
        let found = told.into_iter().map(|told| match told {
            Filtered::Told(found) => found,
            Filtered::Unfit => listed.next().unwrap_or(Found::CannotTell),
        });
        found.collect()
    }

    async fn find_one(&self, run: &Run<'_>, able: Able, identifier: &Identifier) -> Filtered {
        let Some(filter) = self.identifiers.filter(identifier) else {
            return Filtered::Told(Found::CannotTell);
        };
        let refused = &self.refused[usize::from(matches!(identifier, Identifier::Upn(_)))];
        let now = self.engine.now();
        if !able.filter || now.millis() < refused.load(Ordering::Relaxed) {
            return Filtered::Unfit;
        }
        let reply = match self.session.call(run, &Call::Find(filter), REPETITIONS, &mut 0).await {
            Ok(reply) => reply,
            Err(failure) => return Filtered::Told(Found::Unavailable(failure.why)),
        };
        if reply.refuses_filter() {
            // It may be about characters that few identifiers have.
            let is_plain = !identifier.as_str().contains(|c: char| c == '"' || c == '\\' || c.is_control());
            if is_plain {
                refused.fetch_max(now.plus(HOUR).millis(), Ordering::Relaxed);
            }
            return Filtered::Unfit;
        }
        let page = reply.status.is_success().then(|| Page::read(&reply.body)).flatten();
        let Some(page) = page else { return Filtered::Told(Found::Unavailable(self.not_understood())) };
        self.chosen(&page, identifier)
    }

    /// Who of those whom a filter led to is meant.
    fn chosen(&self, page: &Page, identifier: &Identifier) -> Filtered {
        let mut having = Vec::new();
        let (mut others, mut strangers) = (0, 0);
        for user in &page.users {
            match self.sighting(user).filter(|seen| seen.identifiers().any(|own| own == *identifier)) {
                Some(seen) => having.push((user.is_active(), seen)),
                None => {
                    others += 1;
                    strangers += usize::from(!self.meets(user, identifier));
                }
            }
        }
        // Others alone: of a filter that was not looked at.
        if having.is_empty() && strangers > 0 {
            return Filtered::Unfit;
        }
        // More than are shown: of a filter that was not looked at, or of one that many meet.
        if page.total.is_some_and(|total| total > page.users.len() as u64) {
            let is_meant = others == 0 && !having.is_empty();
            return if is_meant { Filtered::Told(Found::Several) } else { Filtered::Unfit };
        }
        let mut active = having.into_iter().filter_map(|(is_active, seen)| is_active.then_some(seen));
        Filtered::Told(match (active.next(), active.next()) {
            (None, _) => Found::Nobody,
            (Some(seen), None) => Found::Person(seen),
            (Some(_), Some(_)) => Found::Several,
        })
    }

    /// Whether the filter for an identifier leads to a user who does not have it: to one who has another address as well,
    /// or an employeeId in another case.
    fn meets(&self, user: &User, identifier: &Identifier) -> bool {
        match identifier {
            Identifier::EmployeeId(id) => {
                let own = self.sighting(user).and_then(|seen| seen.employee_id);
                own.is_some_and(|own| own.to_lowercase() == id.to_lowercase())
            }
            Identifier::Upn(upn) => {
                self.identifiers.user_principal_name == Some(Upn::Emails) && user.has_email(upn)
            }
        }
    }

    fn sighting(&self, user: &User) -> Option<Sighting> {
        user.sighting(self.identifiers)
    }

    /// Everybody who is not switched off, read now.
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

    /// Reads page after page until one is empty or brings nobody new. How many there are said to be does not end it: a
    /// server may count those of a page alone. But where it repeats itself before that many were there, somebody is missing.
    async fn read_all(&self, run: &Run<'_>) -> Result<Vec<Sighting>, NoList> {
        let mut everybody = Vec::new();
        let mut seen = HashSet::new();
        let (mut start, mut is_short) = (1, false);
        for _ in 0..MOST_PAGES {
            let page = match self.page(run, start).await? {
                None if is_short => break,
                None => return Ok(everybody),
                Some(page) => page,
            };
            let known = seen.len();
            for user in &page.users {
                if !seen.insert(user.id().to_owned()) {
                    continue;
                }
                everybody.extend(self.sighting(user).filter(|_| user.is_active()));
            }
            is_short = page.total.is_some_and(|total| total > seen.len() as u64);
            match (page.users.is_empty(), seen.len() > known) {
                (true, _) => return Ok(everybody),
                (false, false) if is_short => break,
                (false, false) => return Ok(everybody),
                (false, true) => start += page.users.len(),
            }
        }
        Err(NoList::Unavailable(format!("{} does not list everybody", self.engine.name())))
    }

    /// The users from this one on; `None` where there are none any more.
    async fn page(&self, run: &Run<'_>, start: usize) -> Result<Option<Page>, NoList> {
        let reply = self.session.call(run, &Call::Page { start, count: PAGE }, REPETITIONS, &mut 0).await;
        let reply = reply.map_err(|failure| NoList::Unavailable(failure.why))?;
        match reply.status.as_u16() {
            200 => {
                Page::read(&reply.body).map(Some).ok_or_else(|| NoList::Unavailable(self.not_understood()))
            }
            // Some servers do not take a start behind the end.
            400 if start > 1 => Ok(None),
            501 => Err(NoList::Disabled),
            // A right may come back.
            403 => {
                Err(NoList::Unavailable(format!("{} gives us no right to list people", self.engine.name())))
            }
            _ => Err(NoList::Unavailable(format!("{} does not let us list people", self.engine.name()))),
        }
    }

    fn not_understood(&self) -> String {
        format!("{} answers in a way that we do not understand", self.engine.name())
    }
}
