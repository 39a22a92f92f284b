//! What was sent, on disk before and after each batch. Whoever takes a run up finds the same key for a batch whose answer
//! was lost, and nothing else is sent again.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use people_core::ports::REPEATED_FOR;
use people_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::address::Address;
use super::inputs::{Identity, Inputs};
use crate::failure::{Doing, Failure};

/// One line of a journal.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Line {
    /// The first: what is sent, where to.
    Run { id: String, to: String, inputs: Vec<Identity> },
    /// A batch is about to be sent.
    Begin { place: Place, parts: u64, at: i64 },
    /// Its body goes another way.
    Upload { place: Place, announced: Announced },
    /// The store has that body: its import is waited for, and nothing is announced again.
    Arrived { place: Place },
    /// What came of it.
    End(End),
    /// All of it was sent, and what failed is written.
    Done,
}

/// Where a batch begins: in which input, with which of its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) input: usize,
    pub(super) first: u64,
}

/// Where a body goes that is too large for a request. Whoever has it can send it, so nobody else reads a journal.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Announced {
    pub(super) import: String,
    pub(super) url: String,
    pub(super) headers: BTreeMap<String, String>,
}

/// What came of a batch.
#[derive(Serialize, Deserialize)]
pub(super) struct End {
    place: Place,
    parts: u64,
    /// Its import; `None` where nothing of it could be sent.
    pub(super) import: Option<String>,
    pub(super) pending: u64,
    /// The parts that failed, by their numbers, and why.
    pub(super) failed: Vec<(u64, String)>,
}

impl End {
    /// A batch of so many parts, of which nothing else is known.
    pub(super) fn of(place: Place, parts: u64) -> End {
        End { place, parts, import: None, pending: 0, failed: Vec::new() }
    }
}

/// What a journal says of its run, all in all.
#[derive(Default)]
pub(super) struct Run {
    /// Names the run.
    pub(super) id: String,
    /// The input that comes next, or is being sent, and the next part of it.
    pub(super) input: usize,
    pub(super) next: u64,
    pub(super) parts: u64,
    pub(super) batches: u64,
    pub(super) pending: u64,
    pub(super) failed: u64,
    pub(super) is_done: bool,
    /// Where the body of the next batch goes, if that was announced.
    pub(super) upload: Option<Announced>,
    /// Whether it has arrived there.
    pub(super) has_arrived: bool,
    /// When the next batch was begun, if it was.
    begun_at: Option<Timestamp>,
    to: String,
    inputs: Vec<Identity>,
}

/// A journal. As long as it is open, no other process has it.
pub(super) struct Journal {
    file: File,
    path: PathBuf,
    run: Run,
}

impl Journal {
    /// Opens the journal of these inputs, or begins one.
    ///
    /// # Errors
    /// Where it is that of another run which has not ended, or is in use.
    pub(super) fn open(path: &Path, to: &Address, inputs: &Inputs, anew: bool) -> Result<Journal, Failure> {
        let shown = path.display();
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(path).doing(format_args!("open the journal {shown}"))?;
        file.try_lock().map_err(|_| Failure(format!("another `people send` works with {shown}")))?;
        let mut journal = Journal { file, path: path.to_owned(), run: Run::default() };
        journal.read()?;
        let identities = inputs.identities();
        let is_same = journal.run.inputs == identities && journal.run.to == to.to_string();
        if anew || !journal.run.has_begun() || (journal.run.is_done && !is_same) {
            journal.begin_anew(to, identities)?;
        } else if !is_same {
            return Err(journal.run.other(to, &identities, path));
        }
        Ok(journal)
    }

    fn begin_anew(&mut self, to: &Address, inputs: Vec<Identity>) -> Result<(), Failure> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).doing("draw a random number")?;
        self.run = Run::default();
        self.file.set_len(0).doing("begin a journal")?;
        self.file.rewind().doing("begin a journal")?;
        self.add(Line::Run { id: people_core::hex::encode(&random), to: to.to_string(), inputs })?;
        // The file itself has to outlive a crash too.
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = File::open(folder.unwrap_or(Path::new("."))).doing("begin a journal")?;
        folder.sync_all().doing("begin a journal")
    }

    /// Reads all of it. A last line that was cut by a crash was never relied on.
    fn read(&mut self) -> Result<(), Failure> {
        let (mut reader, mut line, mut whole) = (BufReader::new(&self.file), Vec::new(), 0);
        let damaged =
            || Failure(format!("{} is no journal of `people send`, or damaged", self.path.display()));
        loop {
            line.clear();
            let read = reader.read_until(b'\n', &mut line).doing("read the journal")?;
            if !line.ends_with(b"\n") {
                break;
            }
            let read_line = serde_json::from_slice(&line).map_err(|_| damaged())?;
            self.run.enter(&read_line);
            whole += read as u64;
        }
        if whole == 0 && !line.is_empty() && !line.starts_with(b"{\"run\"") {
            return Err(damaged());
        }
        self.file.set_len(whole).doing("mend the journal")?;
        self.file.seek(SeekFrom::Start(whole)).doing("read the journal")?;
        Ok(())
    }

    /// Writes a line; when it returns, the line outlives a crash.
    fn add(&mut self, line: Line) -> Result<(), Failure> {
        let mut text = serde_json::to_vec(&line).doing("write the journal")?;
        text.push(b'\n');
        self.file.write_all(&text).and_then(|()| self.file.sync_data()).doing("write the journal")?;
        self.run.enter(&line);
        Ok(())
    }

    /// What it says.
    pub(super) fn run(&self) -> &Run {
        &self.run
    }

    /// A batch is about to be sent. Nothing is written where that was said before an interruption.
    pub(super) fn begin(&mut self, place: Place, parts: u64, now: Timestamp) -> Result<(), Failure> {
        if self.run.begun_at.is_some() {
            return Ok(());
        }
        self.add(Line::Begin { place, parts, at: now.millis() })
    }

    /// The body of the batch that was begun goes there.
    pub(super) fn announced(&mut self, place: Place, announced: Announced) -> Result<(), Failure> {
        self.add(Line::Upload { place, announced })
    }

    /// The body that was announced is in the store.
    pub(super) fn arrived(&mut self, place: Place) -> Result<(), Failure> {
        self.add(Line::Arrived { place })
    }

    /// What was announced never arrived, and cannot any more.
    pub(super) fn forget_upload(&mut self) {
        (self.run.upload, self.run.has_arrived) = (None, false);
    }

    /// What came of a batch.
    pub(super) fn end(&mut self, end: End) -> Result<(), Failure> {
        self.add(Line::End(end))
    }

    /// All of it was sent.
    pub(super) fn done(&mut self) -> Result<(), Failure> {
        if self.run.is_done { Ok(()) } else { self.add(Line::Done) }
    }

    /// What came of each batch, in their order.
    fn ends(&self) -> Result<impl Iterator<Item = Result<End, Failure>>, Failure> {
        let file = File::open(&self.path).doing("read the journal")?;
        Ok(BufReader::new(file).lines().filter_map(|line| {
            let line = line.doing("read the journal");
            match line.and_then(|line| serde_json::from_str(&line).doing("read the journal")) {
                Ok(Line::End(end)) => Some(Ok(end)),
                Ok(
                    Line::Run { .. }
                    | Line::Begin { .. }
                    | Line::Upload { .. }
                    | Line::Arrived { .. }
                    | Line::Done,
                ) => None,
                Err(error) => Some(Err(error)),
            }
        }))
    }

    /// The parts of an input that failed, in their order, and why.
    pub(super) fn failed_of(
        &self,
        input: usize,
    ) -> Result<impl Iterator<Item = Result<(u64, String), Failure>>, Failure> {
        Ok(self.ends()?.flat_map(move |end| match end {
            Ok(end) if end.place.input == input => end.failed.into_iter().map(Ok).collect(),
            Ok(_) => Vec::new(),
            Err(error) => vec![Err(error)],
        }))
    }

    /// The imports of which something failed.
    pub(super) fn failed_imports(&self) -> Result<Vec<String>, Failure> {
        let ends = self.ends()?.filter(|end| end.as_ref().map_or(true, |end| !end.failed.is_empty()));
        ends.filter_map(|end| end.map(|end| end.import).transpose()).collect()
    }
}

impl Run {
    fn enter(&mut self, line: &Line) {
        match line {
            Line::Run { id, to, inputs } => {
                (self.id, self.to, self.inputs) = (id.clone(), to.clone(), inputs.clone());
            }
            Line::Begin { at, .. } => self.begun_at = Some(Timestamp::from_millis(*at)),
            Line::Upload { announced, .. } => {
                (self.upload, self.has_arrived) = (Some(announced.clone()), false);
            }
            Line::Arrived { .. } => self.has_arrived = true,
            Line::End(end) => {
                (self.input, self.next) = (end.place.input, end.place.first + end.parts);
                self.parts += end.parts;
                self.batches += 1;
                self.pending += end.pending;
                self.failed += end.failed.len() as u64;
                (self.upload, self.has_arrived, self.begun_at) = (None, false, None);
            }
            Line::Done => self.is_done = true,
        }
    }

    /// Whether anything of it may have been sent.
    fn has_begun(&self) -> bool {
        self.batches > 0 || self.begun_at.is_some()
    }

    /// The key that a batch is sent under: the same one whenever it is.
    pub(super) fn key_of(&self, place: Place) -> String {
        format!("people-send-{}-{}-{}", self.id, place.input, place.first)
    }

    /// What the person at the terminal should know before it goes on.
    pub(super) fn warning(&self, now: Timestamp) -> Option<String> {
        let away: Duration = now.since(self.begun_at?);
        // What was announced has a log, which knows longer than that.
        (away >= REPEATED_FOR && self.upload.is_none()).then(|| {
            "A batch was under way when the run was interrupted, more than a day ago. Whether it arrived cannot be \
             found out any more, so it is sent again."
                .to_owned()
        })
    }

    /// Why a run cannot be gone on with.
    fn other(&self, to: &Address, inputs: &[Identity], path: &Path) -> Failure {
        let changed = inputs
            .iter()
            .find(|input| self.inputs.iter().any(|before| before.name() == input.name() && before != *input));
        let what = match changed {
            Some(input) => format!("{} has changed", input.name()),
            None if self.to != to.to_string() => format!("it went to {}", self.to),
            None => "it was of other files".to_owned(),
        };
        let (journal, parts) = (path.display(), super::summary::count(self.parts, "part", "parts"));
        Failure(format!(
            "{journal} is of a run that has not ended, and {what} since: {parts} of it were sent.\n\
             What it began with can be sent to its end; --anew begins again and sends everything, \
             --journal FILE keeps another journal."
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_of_which_nothing_is_known_after_a_day_is_sent_with_a_warning() {
        let begun = Timestamp::from_millis(1_000);
        let mut run = Run::default();
        let day = begun.plus(REPEATED_FOR);
        assert!(run.warning(day).is_none(), "nothing was begun");
        let place = Place { input: 0, first: 50 };
        run.enter(&Line::Begin { place, parts: 50, at: begun.millis() });
        assert!(run.warning(Timestamp::from_millis(day.millis() - 1)).is_none());
        assert!(run.warning(day).is_some());
        run.enter(&upload(place));
        assert!(run.warning(day).is_none(), "its log knows");
        run.enter(&Line::End(End::of(place, 50)));
        assert!(run.warning(day).is_none(), "it is known what came of it");
        assert_eq!((run.input, run.next, run.parts), (0, 100, 50));
    }

    fn upload(place: Place) -> Line {
        let announced = Announced { import: "g".to_owned(), url: "u".to_owned(), headers: BTreeMap::new() };
        Line::Upload { place, announced }
    }

    #[test]
    fn a_body_has_arrived_from_its_line_to_the_end_of_its_batch_or_the_next_announcement() {
        let place = Place { input: 0, first: 0 };
        let after = |lines: &[Line]| {
            let mut run = Run::default();
            lines.iter().for_each(|line| run.enter(line));
            (run.upload.is_some(), run.has_arrived)
        };
        let arrived = || Line::Arrived { place };
        assert_eq!(after(&[upload(place)]), (true, false));
        assert_eq!(after(&[upload(place), arrived()]), (true, true));
        assert_eq!(after(&[upload(place), arrived(), upload(place)]), (true, false));
        assert_eq!(after(&[upload(place), arrived(), Line::End(End::of(place, 1))]), (false, false));
    }

    #[test]
    fn a_batch_has_the_same_key_whenever_it_is_sent_and_another_one_in_each_place_and_run() {
        let run = |id: &str| Run { id: id.to_owned(), ..Run::default() };
        let key = |id, input, first| run(id).key_of(Place { input, first });
        assert_eq!(key("a", 1, 50), key("a", 1, 50));
        for other in [key("b", 1, 50), key("a", 0, 50), key("a", 1, 0), key("a", 15, 0)] {
            assert_ne!(other, key("a", 1, 50));
        }
    }
}
