//! How far an update has come: what was written, what is given up and why. From it follows how the update ends once a look
//! has shown what is still missing.

use people_core::log::Ending;

use super::person::Missing;

/// The two calls that write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Write {
    Contacts,
    Profile,
}

/// What has become of an update so far.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// The last code.
    pub(super) code: Option<String>,
    /// How often the target asked for a break or a new token instead.
    pub(super) breaks: u32,
    /// How often there was no answer.
    pub(super) lost: u32,
    /// How often the answer was that it is not allowed, or failed.
    pub(super) failures: u32,
    /// Whether a write may have been done whose answer was lost.
    pub(super) is_unclear: bool,
    done: Vec<Write>,
    given_up: Option<Ending>,
    /// How much was missing at first, and at the last look.
    missing: Option<(usize, usize)>,
}

impl Progress {
    /// Notes what a look has shown.
    pub(super) fn look(&mut self, missing: &Missing) {
        let now = missing.count();
        self.missing = Some((self.missing.map_or(now, |(first, _)| first), now));
    }

    /// Whether there is no use in making this write once more.
    pub(super) fn is_done(&self, write: Write) -> bool {
        self.done.contains(&write)
    }

    /// Whether nothing can have been written yet.
    pub(super) fn is_untouched(&self) -> bool {
        self.done.is_empty() && !self.is_unclear && self.failures == 0
    }

    /// A write was done, as far as is known.
    pub(super) fn done(&mut self, write: Write) {
        self.done.push(write);
    }

    /// A write is not tried any more: how the update ends where something is missing. The profile call would have written
    /// the contacts too, so they are given up with it.
    pub(super) fn give_up(&mut self, write: Write, ending: Ending) {
        self.done.push(write);
        self.given_up.get_or_insert(ending);
        if write == Write::Profile {
            self.done.push(Write::Contacts);
        }
    }

    /// The ending of an update of which something was found that forbids the rest.
    pub(super) fn refused(&self, why: String) -> Ending {
        let (first, now) = self.missing.unwrap_or_default();
        if now < first { Ending::PartlyUpdated(why) } else { Ending::Refused(why) }
    }

    /// How the update ends, now that nothing more is tried. `why` begins a sentence with the target's name.
    pub(super) fn ending(&mut self, missing: &Missing, why: &dyn Fn(&str) -> String) -> Ending {
        let (first, now) = self.missing.unwrap_or_default();
        if now == 0 {
            return if first == 0 { Ending::Unchanged } else { Ending::Updated };
        }
        match self.given_up.take() {
            Some(Ending::Refused(why)) => return self.refused(why),
            Some(ending) => return ending,
            None => {}
        }
        let mut whys = Vec::new();
        let unsaved: Vec<_> = missing.contacts.iter().map(|kind| format!("contacts.{kind}")).collect();
        let unsaved: Vec<_> =
            unsaved.iter().map(String::as_str).chain(missing.fields.iter().copied()).collect();
        if !unsaved.is_empty() {
            whys.push(format!("did not save {}", unsaved.join(", ")));
        }
        whys.extend(missing.left());
        self.refused(why(&whys.join(" and ")))
    }
}
