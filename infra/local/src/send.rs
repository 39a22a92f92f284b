//! `people send`: takes people and PDFs of any number to an import API, in batches. What was sent is in a journal, so that
//! whatever interrupts it, the same command goes on where it stopped and sends nothing twice.

mod address;
mod answer;
mod api;
mod batches;
mod body;
mod failed;
mod inputs;
mod journal;
mod note;
mod pace;
mod progress;
mod schema;
mod summary;
mod upload;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use people_adapters::secret::Secret;

pub use self::address::{Address, InvalidAddress};
use self::answer::{Judged, Standing};
use self::api::{Api, Imported};
use self::batches::{Batch, Source};
use self::body::Body;
use self::inputs::Inputs;
use self::journal::{End, Journal, Place};
use self::progress::Progress;
use self::summary::Summary;
use crate::failure::Failure;
use crate::serve::{interrupted, say, tell};

/// What is sent, and where to.
pub struct Send {
    /// Files of people, PDFs and folders of PDFs.
    pub files: Vec<PathBuf>,
    /// A list of PDFs, a path on each line.
    pub list: Option<PathBuf>,
    /// The API.
    pub to: Address,
    /// A key of the feature PeopleImport.
    pub key: Secret,
    /// The journal; `{first file}.sent` in the current folder where none is named.
    pub journal: Option<PathBuf>,
    /// Whether a journal that is there is put aside.
    pub anew: bool,
    /// How long a server that does not answer, or that takes nothing, is waited for.
    pub patience: Duration,
}

/// Sends everything that was not sent before, and says what came of all of it.
///
/// # Errors
/// Where a part failed, and where it could not go on: then the same command does later.
pub async fn run(send: Send) -> Result<(), Failure> {
    tokio::select! {
        ended = carry_out(&send) => ended,
        pressed = interrupted() => {
            pressed?;
            Err(Failure("interrupted: the same command goes on where this one stopped".to_owned()))
        }
    }
}

async fn carry_out(send: &Send) -> Result<(), Failure> {
    let started = Instant::now();
    let inputs = Inputs::find(&send.files, send.list.as_deref())?;
    let path = send.journal.clone().unwrap_or_else(|| inputs.journal());
    let mut journal = Journal::open(&path, &send.to, &inputs, send.anew)?;
    if journal.run().is_done {
        tell(&format!("All of it was sent already, as {} says; --anew sends it once more.", path.display()));
    } else {
        let mut sending = Sending::start(send, &inputs, &mut journal).await?;
        for (input, source) in sending.sources(&inputs).await?.into_iter().enumerate() {
            sending.input(input, source).await?;
        }
        sending.progress.finish();
    }
    conclude(&inputs, &mut journal, &path, started.elapsed())
}

/// Writes what failed, and says how it went.
fn conclude(inputs: &Inputs, journal: &mut Journal, path: &Path, took: Duration) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let files = if journal.run().is_done { Vec::new() } else { failed::write(inputs, journal, folder)? };
    journal.done()?;
    let summary = Summary { run: journal.run(), imports: journal.failed_imports()?, took, files: &files };
    say(&summary.to_string());
    match journal.run().failed {
        0 => Ok(()),
        failed => Err(Failure(format!("{} failed", summary::count(failed, "part", "parts")))),
    }
}

/// A run that goes on.
struct Sending<'a> {
    api: Api,
    journal: &'a mut Journal,
    progress: Progress,
}

impl<'a> Sending<'a> {
    async fn start(send: &Send, inputs: &Inputs, journal: &'a mut Journal) -> Result<Sending<'a>, Failure> {
        let progress = Progress::new();
        let api = Api::new(send, progress.clone())?;
        if let Some(warning) = journal.run().warning(api.now()) {
            tell(&warning);
        }
        tell(&format!("Sending {} to {}", inputs, send.to));
        Ok(Sending { api, journal, progress })
    }

    /// The inputs as batches; everything that is wrong with a whole file is found before anything is sent.
    async fn sources(&mut self, inputs: &Inputs) -> Result<Vec<Source>, Failure> {
        let profile = self.api.profile().await?;
        let sources = inputs.open(&profile)?;
        let all = sources.iter().map(Source::parts).sum();
        let before = sources.iter().take(self.journal.run().input).map(Source::parts).sum::<u64>();
        self.progress.begin(all, before + self.journal.run().next);
        Ok(sources)
    }

    /// Sends what the journal does not have yet of an input.
    async fn input(&mut self, input: usize, mut source: Source) -> Result<(), Failure> {
        if input < self.journal.run().input {
            return Ok(());
        }
        let next = if input == self.journal.run().input { self.journal.run().next } else { 0 };
        source.pass_over(next)?;
        while let Some(batch) = source.next_batch()? {
            self.batch(Place { input, first: batch.first }, batch).await?;
        }
        Ok(())
    }

    async fn batch(&mut self, place: Place, batch: Batch) -> Result<(), Failure> {
        let parts = batch.parts.len() as u64;
        self.journal.begin(place, parts, self.api.now())?;
        let mut end = End::of(place, parts);
        let (ready, refused) = batch.split();
        end.failed = refused;
        if let Some(body) = Body::of(&ready, self.journal.run())? {
            let judged = self.import(place, &body).await?;
            enter(&mut end, &ready.iter().map(|(number, _)| *number).collect::<Vec<_>>(), judged);
        }
        end.failed.sort_unstable();
        let failed = end.failed.len() as u64;
        self.journal.end(end)?;
        self.progress.advance(parts, failed);
        Ok(())
    }

    async fn import(&mut self, place: Place, body: &Body) -> Result<Judged, Failure> {
        // What was announced before an interruption may have arrived.
        if self.journal.run().upload.is_none() {
            let key = self.journal.run().key_of(place);
            if let Imported::Judged(judged) = self.api.import(body, &key).await? {
                return Ok(judged);
            }
        }
        upload::send(&mut self.api, self.journal, place, body).await
    }
}

/// Enters what was judged of the parts with these numbers.
fn enter(end: &mut End, numbers: &[u64], judged: Judged) {
    for (number, standing) in numbers.iter().zip(judged.parts) {
        match standing {
            Standing::Done => {}
            Standing::Pending => end.pending += 1,
            Standing::Failed(why) => end.failed.push((*number, why)),
        }
    }
    end.import = Some(judged.import);
}
