//! Which users a batch of updates links to which departments. A whole batch is one call for each department, and still the
//! updates of one person come one after another.

use std::collections::HashMap;

use people_core::log::{Ending, Outcome};
use people_core::ports::PersonUpdate;

use super::settings::department;
use super::user::id;
use crate::targets::mapping::Mapping;
use crate::targets::transform::Sent;

/// How an update ended, and the last code.
pub(super) type Ended = (Ending, Option<String>);

/// A user who is to be linked to a department.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// What eSystems calls the user.
    pub(super) id: i64,
    /// The updates that say so.
    pub(super) updates: Vec<usize>,
    /// How often the user was sent.
    pub(super) attempts: u32,
    /// How it ended, as soon as that is known.
    pub(super) ended: Option<Ended>,
}

/// The users of one department, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    /// The department's Id.
    pub(super) department: String,
    pub(super) rows: Vec<Row>,
}

/// What a batch of updates comes to.
pub(super) struct Plan {
    /// One after another; in each of them a user is there once.
    pub(super) waves: Vec<Vec<Group>>,
    /// The outcomes of those that are not sent.
    pub(super) outcomes: Vec<Option<Outcome>>,
}

/// Where the last update of a user went.
struct Last {
    wave: usize,
    group: usize,
    row: usize,
}

impl Row {
    fn new(id: i64, update: usize) -> Row {
        Row { id, updates: vec![update], attempts: 0, ended: None }
    }

    /// Whether it is not known yet how it ended.
    pub(super) fn is_open(&self) -> bool {
        self.ended.is_none()
    }

    /// Notes how it ended.
    pub(super) fn end(&mut self, ending: Ending, code: Option<String>) {
        self.ended = Some((ending, code));
    }
}

impl Plan {
    /// Sorts updates into waves and groups. An update that says the same as the one before it of that user goes with it.
    pub(super) fn of(mapping: &Mapping<()>, updates: &[PersonUpdate]) -> Plan {
        let mut plan = Plan { waves: Vec::new(), outcomes: vec![None; updates.len()] };
        let mut last: HashMap<i64, Last> = HashMap::new();
        let mut groups: HashMap<(usize, String), usize> = HashMap::new();
        for (index, update) in updates.iter().enumerate() {
            let (user, department) = match wanted(mapping, update) {
                Ok(wanted) => wanted,
                Err(ending) => {
                    plan.outcomes[index] = Some(Outcome::unsent(ending));
                    continue;
                }
            };
            let wave = match last.get(&user) {
                Some(last) if plan.waves[last.wave][last.group].department == department => {
                    plan.waves[last.wave][last.group].rows[last.row].updates.push(index);
                    continue;
                }
                Some(last) => last.wave + 1,
                None => 0,
            };
            if plan.waves.len() == wave {
                plan.waves.push(Vec::new());
            }
            let in_wave = &mut plan.waves[wave];
            let group = *groups.entry((wave, department.clone())).or_insert_with(|| {
                in_wave.push(Group { department, rows: Vec::new() });
                in_wave.len() - 1
            });
            let rows = &mut in_wave[group].rows;
            rows.push(Row::new(user, index));
            last.insert(user, Last { wave, group, row: rows.len() - 1 });
        }
        plan
    }
}

/// The user and the department of an update, or how it ends without a call.
fn wanted(mapping: &Mapping<()>, update: &PersonUpdate) -> Result<(i64, String), Ending> {
    let mut wanted = None;
    for ((), value) in mapping.values(update).map_err(Ending::Refused)? {
        match value {
            Sent::Text(id) => {
                department(&id).map_err(Ending::Refused)?;
                wanted = Some(id.into_owned());
            }
            Sent::Reset => {
                let why = "Department cannot be reset: an update adds people to departments only";
                return Err(Ending::Refused(why.to_owned()));
            }
            Sent::Texts(_) => return Err(Ending::Refused("Department is one text".to_owned())),
        }
    }
    let department = wanted.ok_or(Ending::Unchanged)?;
    // What is no number of theirs is nobody there; whoever keeps it may look the person up again.
    let user = id(&update.key).ok_or(Ending::UnknownPerson)?;
    Ok((user, department))
}
