//! Links users to one department. A list that is refused is halved until the rows that are at fault stand alone, so that
//! one of them keeps nobody else out; what a call may have done all the same is read back before anything is said.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use people_core::id::ImportId;
use people_core::log::{Ending, WouldChange};

use super::answers::{Meaning, Reply};
use super::calls::{Call, Department};
use super::people::{People, Unread};
use super::plan::{Ended, Row};
use super::settings::Rules;
use super::user::{Column, User};
use crate::targets::engine::Run;
use crate::targets::session::{Failure, REPETITIONS};

const NO_DEPARTMENT: &str = "has no such department";

/// What users are linked with.
pub(super) struct Links<'a> {
    pub(super) people: &'a People,
    pub(super) rules: &'a Rules,
    pub(super) run: &'a Run<'a>,
    pub(super) department: Department,
    pub(super) import: ImportId,
}

/// What came of a list that was sent.
enum Tried {
    /// All its rows have ended.
    Done,
    /// There is no answer, and all rows of the department have ended.
    GivenUp,
    /// Nobody can be linked to this department.
    Stop(Ended),
    /// A row of it is at fault.
    Refused(Meaning, Reply),
}

impl Links<'_> {
    /// Links these users, at most as many as a call takes. Each of them has ended then. Where no other user can be linked
    /// to this department, it says why.
    pub(super) async fn link(&self, rows: &mut [Row]) -> Option<Ended> {
        let users = self.users(rows).await;
        let addresses = self.addresses(rows, &users);
        let stop = self.halve(rows, &addresses).await;
        match &stop {
            Some((ending, code)) => end_open(rows, ending, code.as_deref()),
            None => self.tell_unknown(rows).await,
        }
        stop
    }

    /// Finds out what [`Links::link`] would change: whoever is not linked yet ends as one who would be, with these fields.
    /// Where nobody can be linked to this department, it says why.
    pub(super) async fn preview(&self, rows: &mut [Row], fields: &[Arc<str>]) -> Option<Ended> {
        let users = self.users(rows).await;
        self.addresses(rows, &users);
        if !rows.iter().any(Row::is_open) {
            return None;
        }
        let linked = self.linked(open_ids(rows), REPETITIONS).await;
        // As the call would: of a department that is not there, it does not say whether the user is.
        if matches!(linked, Err(Unread::Missing(_) | Unread::Refused(400, _))) && !self.is_there().await {
            let stop = Ending::Refused(self.why(NO_DEPARTMENT));
            end_open(rows, &stop, None);
            return Some((stop, None));
        }
        let is_gone = |row: &&mut Row| row.is_open() && !users.contains_key(&row.id);
        rows.iter_mut().filter(is_gone).for_each(|row| row.end(Ending::UnknownPerson, None));
        let would = |fields: &[Arc<str>], perhaps: &[Arc<str>]| {
            WouldChange { fields: fields.to_vec(), perhaps: perhaps.to_vec() }.ending()
        };
        match linked {
            Ok(linked) => {
                for row in rows.iter_mut().filter(|row| row.is_open()) {
                    let is_linked = linked.contains(&row.id);
                    row.end(if is_linked { Ending::Unchanged } else { would(fields, &[]) }, None);
                }
            }
            Err(Unread::Unavailable(why)) => end_open(rows, &Ending::Deferred(why), None),
            // Who may link people need not be allowed to see who is.
            Err(Unread::Missing(_) | Unread::Refused(..)) => end_open(rows, &would(&[], fields), None),
        }
        None
    }

    /// The users, by their Ids. All are read first: an e-mail that was somebody's once may be somebody else's now, and the
    /// call itself links the disabled too.
    async fn users(&self, rows: &mut [Row]) -> HashMap<i64, User> {
        let ids: Vec<_> = open_ids(rows).into_iter().collect();
        self.people.by_ids(self.run, &ids).await.unwrap_or_else(|unread| {
            end_open(rows, &Ending::Deferred(self.people.why(&unread)), None);
            HashMap::new()
        })
    }

    /// How each user is written in the list.
    fn addresses(&self, rows: &mut [Row], users: &HashMap<i64, User>) -> Vec<String> {
        let by = self.rules.addressed_by;
        if by == Column::Id {
            // Whoever is not there is left to the call, which tells it from other faults.
            let is_disabled = |row: &&mut Row| users.get(&row.id).is_some_and(|user| !user.is_active());
            rows.iter_mut().filter(is_disabled).for_each(|row| row.end(Ending::UnknownPerson, None));
            return rows.iter().map(|row| row.id.to_string()).collect();
        }
        let address = |row: &mut Row| {
            let user = users.get(&row.id).filter(|user| user.is_active());
            let address = user.and_then(|user| by.of(user));
            match (user, &address) {
                (_, Some(_)) => {}
                (None, None) if row.is_open() => row.end(Ending::UnknownPerson, None),
                (None, None) => {}
                (Some(_), None) => {
                    let why = format!("has no {} of this user", by.field());
                    row.end(Ending::Refused(self.why(&why)), None);
                }
            }
            address.unwrap_or_default()
        };
        rows.iter_mut().map(address).collect()
    }

    /// Sends the list, and its halves where it is refused.
    async fn halve(&self, rows: &mut [Row], addresses: &[String]) -> Option<Ended> {
        let mut waiting = vec![(0..rows.len()).collect::<Vec<_>>()];
        let mut has_looked = false;
        while let Some(mut part) = waiting.pop() {
            part.retain(|place| rows[*place].is_open());
            let sent = part.len();
            let (meaning, reply) = match self.attempt(rows, addresses, &part).await {
                Tried::Done => continue,
                Tried::GivenUp => return None,
                Tried::Stop(stop) => return Some(stop),
                Tried::Refused(meaning, reply) => (meaning, reply),
            };
            if !has_looked {
                has_looked = true;
                if let Some(stop) = self.look(rows, &meaning, &reply).await {
                    return Some(stop);
                }
                part.retain(|place| rows[*place].is_open());
            }
            match part.len() {
                0 => {}
                1 if sent == 1 => rows[part[0]].end(self.alone(&meaning, &reply), Some(reply.code())),
                1 => waiting.push(part),
                several => {
                    let rest = part.split_off(several / 2);
                    waiting.extend([rest, part]);
                }
            }
        }
        None
    }

    /// Sends a list once.
    async fn attempt(&self, rows: &mut [Row], addresses: &[String], part: &[usize]) -> Tried {
        if part.is_empty() {
            return Tried::Done;
        }
        let reply = match self.send(rows, addresses, part).await {
            Ok(reply) => reply,
            Err(failure) => {
                self.after_failure(rows, failure).await;
                return Tried::GivenUp;
            }
        };
        match reply.meaning() {
            Meaning::Linked(linked) => self.after_success(rows, part, &linked, &reply).await,
            Meaning::Unclear => self.after_success(rows, part, &HashSet::new(), &reply).await,
            Meaning::NoRight => {
                let why = self.why("gives us no right to change this department") + &reply.request();
                return Tried::Stop((Ending::Refused(why), Some(reply.code())));
            }
            meaning => return Tried::Refused(meaning, reply),
        }
        Tried::Done
    }

    async fn send(&self, rows: &mut [Row], addresses: &[String], part: &[usize]) -> Result<Reply, Failure> {
        let body = self.rules.body(part.iter().map(|place| addresses[*place].as_str())).into();
        let call = Call::Link { department: self.department.clone(), body, import: self.import };
        let mut sent = 0;
        let reply = self.people.session.call(self.run, &call, REPETITIONS, &mut sent).await;
        part.iter().for_each(|place| rows[*place].attempts += sent);
        reply
    }

    /// Whom the answer names is linked. Of the others only the department can tell.
    async fn after_success(&self, rows: &mut [Row], part: &[usize], linked: &HashSet<i64>, reply: &Reply) {
        let code = Some(reply.code());
        for place in part {
            if linked.contains(&rows[*place].id) {
                rows[*place].end(Ending::Updated, code.clone());
            }
        }
        let missing: Vec<_> = part.iter().copied().filter(|place| rows[*place].is_open()).collect();
        if missing.is_empty() {
            return;
        }
        let wanted = missing.iter().map(|place| rows[*place].id).collect();
        let linked = self.linked(wanted, REPETITIONS).await.unwrap_or_default();
        for place in missing {
            let ending = match linked.contains(&rows[place].id) {
                true => Ending::Updated,
                false => Ending::Deferred(self.why("does not say what it did")),
            };
            rows[place].end(ending, code.clone());
        }
    }

    /// What became of the rest where no answer came. Nothing more is tried: it would meet the same.
    async fn after_failure(&self, rows: &mut [Row], failure: Failure) {
        if failure.unclear {
            // Where that fails too, nothing is known to be there.
            if let Ok(linked) = self.linked(open_ids(rows), 0).await {
                end_linked(rows, &linked, failure.code.as_deref());
            }
        }
        end_open(rows, &Ending::Deferred(failure.why), failure.code.as_deref());
    }

    /// After the first refusal: a department that is not there is told from a row that is at fault, and those whom the
    /// call has linked all the same are done. Where that cannot be read, halving alone still finds the truth.
    async fn look(&self, rows: &mut [Row], meaning: &Meaning, reply: &Reply) -> Option<Ended> {
        let is_gone = match *meaning == Meaning::Missing && !self.is_there().await {
            true => true,
            false => match self.linked(open_ids(rows), REPETITIONS).await {
                Ok(linked) => {
                    end_linked(rows, &linked, Some(reply.status.as_str()));
                    false
                }
                Err(Unread::Missing(_) | Unread::Refused(400, _)) => !self.is_there().await,
                Err(Unread::Refused(..) | Unread::Unavailable(_)) => false,
            },
        };
        let why = || self.why(NO_DEPARTMENT) + &reply.request();
        is_gone.then(|| (Ending::Refused(why()), Some(reply.code())))
    }

    /// Whether there is the department; also where nobody can tell.
    async fn is_there(&self) -> bool {
        let call = Call::Department(self.department.clone());
        let reply = self.people.session.call(self.run, &call, REPETITIONS, &mut 0).await;
        reply.map_or(true, |reply| !matches!(reply.meaning(), Meaning::Missing | Meaning::Bad))
    }

    async fn linked(&self, wanted: HashSet<i64>, repetitions: u32) -> Result<HashSet<i64>, Unread> {
        self.people.linked(self.run, &self.department, &wanted, repetitions).await
    }

    /// What it means for a user to be refused alone.
    fn alone(&self, meaning: &Meaning, reply: &Reply) -> Ending {
        let refused = |what| Ending::Refused(self.why(what) + &reply.request());
        match meaning {
            Meaning::Missing => Ending::UnknownPerson,
            Meaning::Several => refused("refused the user: several users have this identifier there"),
            Meaning::Linked(_) | Meaning::Unclear | Meaning::NoRight | Meaning::Bad => {
                refused("refused the user")
            }
        }
    }

    /// Tells those who are not there from those who break a rule: some servers answer both in one way.
    async fn tell_unknown(&self, rows: &mut [Row]) {
        let is_bad = |row: &&mut Row| {
            let bad = |(ending, code): &Ended| {
                matches!(ending, Ending::Refused(_)) && code.as_deref() == Some("400")
            };
            row.ended.as_ref().is_some_and(bad)
        };
        let mut bad: Vec<_> = rows.iter_mut().filter(is_bad).collect();
        if bad.is_empty() || self.rules.addressed_by != Column::Id {
            return;
        }
        let ids: Vec<_> = bad.iter().map(|row| row.id).collect();
        let Ok(users) = self.people.by_ids(self.run, &ids).await else { return };
        for row in bad.iter_mut().filter(|row| !users.contains_key(&row.id)) {
            row.end(Ending::UnknownPerson, Some("400".to_owned()));
        }
    }

    fn why(&self, what: &str) -> String {
        self.people.session.why(what)
    }
}

fn open_ids(rows: &[Row]) -> HashSet<i64> {
    rows.iter().filter(|row| row.is_open()).map(|row| row.id).collect()
}

fn end_linked(rows: &mut [Row], linked: &HashSet<i64>, code: Option<&str>) {
    for row in rows.iter_mut().filter(|row| row.is_open() && linked.contains(&row.id)) {
        row.end(Ending::Updated, code.map(str::to_owned));
    }
}

/// Ends all rows that are open.
pub(super) fn end_open(rows: &mut [Row], ending: &Ending, code: Option<&str>) {
    for row in rows.iter_mut().filter(|row| row.is_open()) {
        row.end(ending.clone(), code.map(str::to_owned));
    }
}
