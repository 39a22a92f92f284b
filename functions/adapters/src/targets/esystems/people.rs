//! The users of an eSystems, read back: those who have certain identifiers, everybody, or those of a department. Whom an
//! update may go to depends on it, so every answer is held against what was asked for.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures_util::future::join_all;
use people_core::person::Identifier;
use people_core::ports::{Found, Listing, Sighting};

use super::calls::{Call, Department, Users, Wire, in_query};
use super::settings::Identifiers;
use super::user::{Column, Page, User};
use crate::targets::engine::Run;
use crate::targets::session::{REPETITIONS, Session};

/// How many values one look-up asks for.
const VALUES: usize = 50;
/// The most bytes of a condition in a URL: servers of this kind take a query of 2048.
const MAX_CONDITION: usize = 1900;
/// How many pages a list may have: one that does not end before is taken for one that never ends.
const MOST_PAGES: usize = 2000;

/// The users of one eSystems.
pub(super) struct People {
    pub(super) session: Arc<Session<Wire>>,
    pub(super) identifiers: Identifiers,
}

/// Why there are no users.
pub(super) enum Unread {
    /// What they were asked of is not there.
    Missing(String),
    /// The call was refused: with which status, and the end of a sentence about it.
    Refused(u16, String),
    /// There is no answer to go by: why.
    Unavailable(String),
}

/// One look-up, and what it is for.
struct LookUp {
    column: Column,
    /// What is asked for, in the form that a query has.
    condition: String,
    /// Whether more values may follow.
    is_list: bool,
    /// The places of the identifiers.
    places: Vec<usize>,
}

impl LookUp {
    /// Asks for one value, which is kept apart by quotes.
    fn quoted(column: Column, value: &str, place: usize) -> LookUp {
        let condition = in_query(&format!("{} = '{}'", column.filter(), value.replace('\'', "''")));
        LookUp { column, condition, is_list: false, places: vec![place] }
    }

    /// Asks for a value, which others may follow.
    fn list(column: Column, value: &str, place: usize) -> LookUp {
        let condition = in_query(&format!("{} In {value}", column.filter()));
        LookUp { column, condition, is_list: true, places: vec![place] }
    }

    /// Asks for a value more; false where there is no room for it.
    fn push(&mut self, column: Column, value: &str, place: usize) -> bool {
        let value = in_query(&format!(";{value}"));
        let length = self.condition.len() + value.len();
        if !self.is_list || self.column != column || self.places.len() == VALUES || length > MAX_CONDITION {
            return false;
        }
        self.condition.push_str(&value);
        self.places.push(place);
        true
    }
}

impl People {
    /// Answers look-ups, one answer for each, in order.
    pub(super) async fn find(&self, run: &Run<'_>, identifiers: &[Identifier]) -> Vec<Found> {
        let mut found = vec![Found::CannotTell; identifiers.len()];
        let look_ups = self.look_ups(identifiers);
        let answers = join_all(look_ups.iter().map(|look_up| self.look_up(run, look_up, identifiers))).await;
        for (place, answer) in answers.into_iter().flatten() {
            found[place] = answer;
        }
        found
    }

    fn column(&self, identifier: &Identifier) -> Option<Column> {
        match identifier {
            Identifier::EmployeeId(_) => self.identifiers.employee_id(),
            Identifier::Upn(_) => self.identifiers.upn(),
        }
    }

    /// What is to be asked. A value that might be taken for a piece of the filter is asked for alone, between quotes, and
    /// one that is too long for a URL not at all.
    fn look_ups(&self, identifiers: &[Identifier]) -> Vec<LookUp> {
        let mut look_ups: Vec<LookUp> = Vec::new();
        // Those by one column come first, so that lists are not cut where the columns alternate.
        let mut asked: Vec<_> = identifiers
            .iter()
            .enumerate()
            .filter_map(|(place, identifier)| Some((self.column(identifier)?, identifier.as_str(), place)))
            .collect();
        asked.sort_by_key(|(column, value, _)| (column.filter(), is_plain(value)));
        for (column, value, place) in asked {
            if !is_plain(value) {
                look_ups.push(LookUp::quoted(column, value, place));
            } else if !look_ups.last_mut().is_some_and(|last| last.push(column, value, place)) {
                look_ups.push(LookUp::list(column, value, place));
            }
        }
        look_ups.retain(|look_up| look_up.condition.len() <= MAX_CONDITION);
        look_ups
    }

    async fn look_up(
        &self,
        run: &Run<'_>,
        look_up: &LookUp,
        identifiers: &[Identifier],
    ) -> Vec<(usize, Found)> {
        let users =
            self.read(run, &Users::All(Some(look_up.condition.clone())), REPETITIONS, |_| false).await;
        let answer = |place: &usize| {
            let found = match &users {
                Ok(users) => self.pick(look_up.column, &identifiers[*place], users),
                // The only value that it asks for is one that eSystems does not take.
                Err(Unread::Refused(400, _)) if look_up.places.len() == 1 => Found::CannotTell,
                Err(unread) => Found::Unavailable(self.why(unread)),
            };
            (*place, found)
        };
        look_up.places.iter().map(answer).collect()
    }

    /// Whose identifier it is, of those whom the answer names: eSystems compares without regard to case.
    fn pick(&self, column: Column, identifier: &Identifier, users: &[User]) -> Found {
        let has_it = |user: &&User| {
            let value = column.of(user);
            value.is_some_and(|value| match identifier {
                Identifier::EmployeeId(id) => value.trim() == id,
                Identifier::Upn(upn) => value.trim().to_lowercase() == *upn,
            })
        };
        let mut having = users.iter().filter(|user| user.is_active()).filter(has_it);
        match (having.next(), having.next()) {
            (None, _) => Found::Nobody,
            (Some(user), None) => Found::Person(self.sighting(user)),
            (Some(_), Some(_)) => Found::Several,
        }
    }

    fn sighting(&self, user: &User) -> Sighting {
        let value = |column: Option<Column>| column.and_then(|column| column.of(user));
        Sighting {
            key: user.key(),
            employee_id: value(self.identifiers.employee_id()).map(|id| id.trim().to_owned()),
            upn: value(self.identifiers.upn()).map(|upn| upn.trim().to_lowercase()),
        }
    }

    /// Everybody who is active.
    pub(super) async fn list(&self, run: &Run<'_>) -> Listing {
        match self.read(run, &Users::All(None), REPETITIONS, |_| false).await {
            Ok(users) => {
                let active = users.iter().filter(|user| user.is_active());
                Listing::Everybody(active.map(|user| self.sighting(user)).collect())
            }
            Err(unread) => Listing::Unavailable(self.why(&unread)),
        }
    }

    /// Which of these users are linked to a department; it is read no further than it has to be.
    pub(super) async fn linked(
        &self,
        run: &Run<'_>,
        department: &Department,
        wanted: &HashSet<i64>,
        repetitions: u32,
    ) -> Result<HashSet<i64>, Unread> {
        let all_seen = |users: &[User]| {
            wanted.len() <= users.len()
                && users.iter().filter(|user| wanted.contains(&user.id)).count() == wanted.len()
        };
        let users = self.read(run, &Users::Of(department.clone()), repetitions, all_seen).await?;
        Ok(users.iter().map(|user| user.id).collect())
    }

    /// The users with these Ids, by their Ids.
    pub(super) async fn by_ids(&self, run: &Run<'_>, ids: &[i64]) -> Result<HashMap<i64, User>, Unread> {
        let calls = ids.chunks(VALUES).map(|ids| async move {
            let ids: Vec<_> = ids.iter().map(i64::to_string).collect();
            let condition = in_query(&format!("{} In {}", Column::Id.filter(), ids.join(",")));
            self.read(run, &Users::All(Some(condition)), REPETITIONS, |_| false).await
        });
        let mut users = HashMap::new();
        for read in join_all(calls).await {
            users.extend(read?.into_iter().map(|user| (user.id, user)));
        }
        Ok(users)
    }

    /// Reads page after page, from zero, until there is enough, or until everybody is there: as many as there are said to
    /// be, or else until a page brings nobody new. So a target that repeats its last page ends it too.
    async fn read(
        &self,
        run: &Run<'_>,
        of: &Users,
        repetitions: u32,
        is_enough: impl Fn(&[User]) -> bool,
    ) -> Result<Vec<User>, Unread> {
        let (mut users, mut seen, mut records) = (Vec::new(), HashSet::new(), 0);
        for number in 0..MOST_PAGES {
            let page = self.page(run, Call::Page { of: of.clone(), number }, repetitions).await?;
            let (total, length, known) = (page.total(), page.data.len(), users.len());
            users.extend(page.data.into_iter().filter(|user| seen.insert(user.id)));
            let is_new = users.len() > known;
            records += if is_new { length } else { 0 };
            if total.is_some_and(|total| records >= total) || is_enough(&users) {
                return Ok(users);
            }
            match total {
                None if !is_new => return Ok(users),
                // Fewer than there are said to be: someone whom we did not see is not a nobody.
                Some(_) if !is_new => break,
                None | Some(_) => {}
            }
        }
        Err(Unread::Unavailable(self.session.why("does not list everybody")))
    }

    async fn page(&self, run: &Run<'_>, call: Call, repetitions: u32) -> Result<Page, Unread> {
        let reply = self.session.call(run, &call, repetitions, &mut 0).await;
        let reply = reply.map_err(|failure| Unread::Unavailable(failure.why))?;
        match reply.status.as_u16() {
            200 => serde_json::from_slice(&reply.body).map_err(|_| {
                Unread::Unavailable(self.session.why("answers in a way that we do not understand"))
            }),
            404 => Err(Unread::Missing(reply.request())),
            status => Err(Unread::Refused(status, reply.request())),
        }
    }

    /// The sentence.
    pub(super) fn why(&self, unread: &Unread) -> String {
        match unread {
            Unread::Missing(request) => self.session.why("has no list of users") + request,
            Unread::Refused(403, request) => self.session.why("gives us no right to see its users") + request,
            Unread::Refused(_, request) => self.session.why("does not take our look-up") + request,
            Unread::Unavailable(why) => why.clone(),
        }
    }
}

/// Whether a value can be told from the filter around it without quotes.
fn is_plain(value: &str) -> bool {
    value.chars().all(|c| c.is_alphanumeric() || "@._-+".contains(c))
}
