//! The configuration while a process runs: what is new in the bucket is taken up within a minute, and nothing that is
//! wrong there, or with the bucket itself, stops a request.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use people_core::error::StoreError;
use people_core::ports::App;
use people_core::time::Timestamp;

use crate::configuration::{Back, Good, Pair, Refused, Seen, Source};
use crate::connect::ConnectError;
use crate::secrets::Secrets;
use crate::targets::Context;

/// How often the bucket is looked at, at most.
const EVERY: Duration = Duration::from_secs(60);
/// How long a request waits for a look. A synchronous import takes 25 of the gateway's 30 seconds.
const LONGEST: Duration = Duration::from_secs(3);

/// What an entry point works with, kept up to date with the configuration in the bucket.
pub struct Live {
    source: Source,
    context: Context,
    using: Mutex<Using>,
    /// Held by the one who looks; the others go on with what there is.
    looking: tokio::sync::Mutex<Looking>,
}

struct Using {
    app: App,
    pair: Pair,
}

struct Looking {
    /// What was found last, good or not.
    seen: Seen,
    /// What was reported last, as long as nothing good came after it.
    reported: Option<Seen>,
    /// The credentials that it was checked with, as far as they were known.
    secrets: Option<Arc<Secrets>>,
    next: Timestamp,
}

/// What a look at the bucket came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Looked {
    /// Nothing is new.
    Unchanged,
    /// What is new is in use now.
    TakenUp,
    /// What is new is not good; the newest good pair is in use, or what was used before.
    Refused,
    /// The bucket could not be read; what was used before is.
    Unavailable,
}

impl Live {
    /// Reads the configuration and puts it into `app`, or else the newest good one.
    ///
    /// # Errors
    /// When no good configuration can be found.
    pub(crate) async fn start(source: Source, context: Context, app: App) -> Result<Live, ConnectError> {
        let nothing = Seen::default();
        let (seen, secrets) = tokio::join!(source.read(&nothing), credentials(&context));
        let seen = seen?;
        let (good, reported) = match seen.pair().check(&context) {
            Ok(good) => (good, None),
            Err(refused) => {
                report(&refused);
                match source.newest_good(&context).await {
                    Ok(Some((good, back))) => {
                        fall_back(back);
                        (good, Some(seen.clone()))
                    }
                    Ok(None) => return Err(ConnectError::NoneGood(refused)),
                    Err(error) => return Err(ConnectError::Unknown(refused, error)),
                }
            }
        };
        let app = App { profile: good.profile, targets: good.targets, ..app };
        let next = context.clock.now().plus(EVERY);
        let looking = tokio::sync::Mutex::new(Looking { seen, reported, secrets, next });
        Ok(Live { source, context, using: Mutex::new(Using { app, pair: good.pair }), looking })
    }

    /// What to work with now. Once a minute the first caller looks whether the configuration is another one, for at most
    /// three seconds; the others do not wait for it. It never fails: what there is stays in use.
    pub async fn app(&self) -> App {
        if let Ok(mut looking) = self.looking.try_lock()
            && self.context.clock.now() >= looking.next
        {
            self.look(&mut looking).await;
        }
        self.using().app.clone()
    }

    /// Looks at the bucket now, however long ago it was last looked at.
    pub async fn look_now(&self) -> Looked {
        let mut looking = self.looking.lock().await;
        self.look(&mut looking).await
    }

    fn using(&self) -> MutexGuard<'_, Using> {
        self.using.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn look(&self, looking: &mut Looking) -> Looked {
        looking.next = self.context.clock.now().plus(EVERY);
        match tokio::time::timeout(LONGEST, self.take_up(looking)).await {
            Ok(Ok(looked)) => looked,
            Ok(Err(error)) => {
                tracing::warn!(%error, "the configuration could not be looked at; what there is stays in use");
                Looked::Unavailable
            }
            Err(_) => {
                tracing::warn!(
                    "the configuration could not be looked at in time; what there is stays in use"
                );
                Looked::Unavailable
            }
        }
    }

    /// Where it fails, nothing counts as seen, so that the next look does all of it again.
    async fn take_up(&self, looking: &mut Looking) -> Result<Looked, StoreError> {
        let seen = self.source.read(&looking.seen).await?;
        let is_new = seen != looking.seen;
        if !is_new && looking.reported.is_none() {
            return Ok(Looked::Unchanged);
        }
        // A new target's credentials are put in their place before the target is. If it was the other way round, a
        // configuration that was refused is good by now.
        let secrets = credentials(&self.context).await;
        if !is_new && secrets == looking.secrets {
            return Ok(Looked::Unchanged);
        }
        let looked = match seen.pair().check(&self.context) {
            Ok(good) => {
                looking.reported = None;
                self.switch(good)
            }
            Err(refused) => {
                // Before the search, which may take too long or fail, and then begins anew with each look.
                if looking.reported.as_ref() != Some(&seen) {
                    report(&refused);
                    looking.reported = Some(seen.clone());
                }
                if let Some((good, back)) = self.source.newest_good(&self.context).await?
                    && self.switch(good) == Looked::TakenUp
                {
                    fall_back(back);
                }
                Looked::Refused
            }
        };
        (looking.seen, looking.secrets) = (seen, secrets);
        Ok(looked)
    }

    /// The same pair stays as it is: with new targets, sessions and what was learnt about their pace would start anew.
    fn switch(&self, good: Good) -> Looked {
        let mut using = self.using();
        if using.pair == good.pair {
            return Looked::Unchanged;
        }
        using.app = App { profile: good.profile, targets: good.targets, ..using.app.clone() };
        using.pair = good.pair;
        tracing::info!("configuration taken up");
        Looked::TakenUp
    }
}

/// The credentials as they are now; as far as they are known where they cannot be read, which stops nothing.
async fn credentials(context: &Context) -> Option<Arc<Secrets>> {
    if let Err(error) = context.secrets.refresh().await {
        tracing::warn!(%error, "the credentials of the targets could not be read; what is known of them counts");
    }
    context.secrets.known()
}

/// The words that alarms count are the message. They are said once for each version in a process, and again where it
/// comes back after a good one.
fn report(refused: &Refused) {
    tracing::error!(faults = %refused, "configuration refused");
}

/// Says which pair is used in place of the one that was refused.
fn fall_back(Back { definition, targets }: Back) {
    tracing::warn!(
        "the newest good configuration is in use: {definition} versions of the definition and {targets} of the targets back"
    );
}
