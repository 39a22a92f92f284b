//! An import whose caller would rather not wait: its body is stored as it came, and imported by whoever hears of that.

use std::future::ready;
use std::time::Duration;

use http::Response;
use people_adapters::http::{self as answers, Kept, Received, RespondAsync, Whole};
use people_adapters::system;
use people_core::error::StoreError;
use people_core::id::ImportId;
use people_core::import::{Interrupted, SYNCHRONOUS};
use people_core::log::{Answer, ImportLog, State};
use people_core::ports::{App, RepeatKey};
use people_core::repeat::{self, Turn};
use people_core::staged::{self, Accepted};
use people_core::summary::Source;
use people_core::time::Timestamp;

/// How long is waited before the log is looked at first, and at most between two looks.
const FIRST_LOOK: Duration = Duration::from_millis(250);
const LAST_LOOK: Duration = Duration::from_secs(1);

/// Takes a body in, and answers before it is imported, or as soon as it is within the caller's patience. What is wrong with
/// its head, its size or its way here is answered at once, as to those who wait.
pub(crate) async fn import(
    app: &App,
    received: Received<'_>,
    body: &mut impl answers::Body,
    asked: RespondAsync,
) -> Response<String> {
    let format = received.format();
    let reading_since = app.clock.now();
    let kept = answers::keep(&received.head.headers, body, app.spool.clone(), received.fingerprint()).await;
    let whole = match kept {
        Ok(Kept::Whole(whole)) => whole,
        Ok(Kept::Faulty(sent)) => return answers::import(app, received, ready(Ok(Some(sent)))).await,
        Ok(Kept::TooLarge) => return answers::too_large(format),
        Err(error) => return answers::unavailable(format, &error),
    };
    // On Lambda the body is there already; a plain server's caller has not waited while sending.
    let until = received.at.plus(asked.wait() + app.clock.now().since(reading_since));
    let id = match received.new_id() {
        Ok(id) => id,
        Err(error) => return answers::unavailable(format, &error),
    };
    let repeat = match received.repeat(whole.fingerprint) {
        Ok(repeat) => repeat,
        Err(refused) => return *refused,
    };
    let taken = match repeat {
        None => accept(app, &received, id, &whole).await.map(Taken::Now),
        Some(repeat) => accept_once(app, &received, id, &whole, repeat).await,
    };
    let answer = async |log: ImportLog| match ended(app, log.id, until).await {
        Some(log) => answers::awaited(log, format, asked),
        None => answers::accepted(&log, format, asked),
    };
    match taken {
        Ok(Taken::Now(log)) => answer(log).await,
        Ok(Taken::Before(log)) => answers::replayed(answer(log).await),
        Ok(Taken::Waited(log)) => answers::replayed(answers::imported(&log, format)),
        Ok(Taken::Running) => answers::still_running(format),
        Ok(Taken::Other) => answers::another_request(format),
        Err(failure) => answers::interrupted(&failure, format),
    }
}

/// What becomes of a body.
enum Taken {
    /// It is taken in.
    Now(ImportLog),
    /// It was before; its log as it was then.
    Before(ImportLog),
    /// It was before, by a request that waited for the import to end.
    Waited(ImportLog),
    /// It still is, by such a request.
    Running,
    /// It is another one than the first with its `Idempotency-Key`.
    Other,
}

/// Takes a body in, unless it was before.
async fn accept_once(
    app: &App,
    received: &Received<'_>,
    id: ImportId,
    whole: &Whole,
    (key, fingerprint): (RepeatKey, [u8; 32]),
) -> Result<Taken, Interrupted> {
    let unknown = |error| Interrupted { id, opened: false, error };
    let attempt = repeat::attempt(id, fingerprint, app.clock.now().plus(SYNCHRONOUS));
    let (taken, permit) = match repeat::begin(app, key, &attempt).await.map_err(unknown)? {
        Turn::First(permit) => (accept(app, received, id, whole).await.map(Taken::Now), permit),
        Turn::Again(first, permit) => (accept_again(app, received, first, whole).await, permit),
        Turn::Replay(log) => return Ok(before(*log)),
        Turn::Running => return Ok(Taken::Running),
        Turn::Other => return Ok(Taken::Other),
    };
    match taken {
        Ok(_) => permit.answered(app).await,
        Err(_) => permit.release(app).await,
    }
    taken
}

/// Takes a body in of which somebody has died before it was known to be there. Where the import runs by now, the body changes
/// nothing: whoever hears of it finds that out.
async fn accept_again(
    app: &App,
    received: &Received<'_>,
    id: ImportId,
    whole: &Whole,
) -> Result<Taken, Interrupted> {
    let failed = |error| Interrupted { id, opened: true, error };
    let Some(log) = app.imports.find(id).await.map_err(failed)? else {
        return accept(app, received, id, whole).await.map(Taken::Now);
    };
    match log.state {
        State::Accepted | State::Running | State::Ended(Answer::Interrupted) => {
            app.bodies.put(id, &whole.content_type, &whole.content).await.map_err(failed)?;
            Ok(Taken::Now(as_accepted(log)))
        }
        State::Ended(Answer::StoreFailed) => {
            Err(failed(StoreError::new("take a body in", "a store failed before")))
        }
        State::Ended(_) => Ok(before(log)),
    }
}

fn before(log: ImportLog) -> Taken {
    match (log.source, log.state) {
        (Source::Staged, _) => Taken::Before(as_accepted(log)),
        (Source::Direct | Source::Document | Source::Inbox, State::Ended(_)) => {
            Taken::Waited(log.as_answered())
        }
        (Source::Direct | Source::Document | Source::Inbox, State::Accepted | State::Running) => {
            Taken::Running
        }
    }
}

/// The log as it was when the body was taken in.
fn as_accepted(log: ImportLog) -> ImportLog {
    ImportLog { state: State::Accepted, fault: None, parts: Vec::new(), later: Vec::new(), ..log }
}

/// Opens the log and stores the body. Where that fails, the log is closed, unless the body has got there all the same.
async fn accept(
    app: &App,
    received: &Received<'_>,
    id: ImportId,
    whole: &Whole,
) -> Result<ImportLog, Interrupted> {
    let key_name = received.key.name.clone();
    let (form, dry_run) = (whole.form, received.dry_run);
    let accepted = Accepted { id, received_at: received.at, key_name, form, dry_run };
    let log = staged::accept(app, accepted).await;
    let log = log.map_err(|error| Interrupted { id, opened: false, error })?;
    // An earlier attempt of the same call may have stored it: then there is one already.
    match app.bodies.put(id, &whole.content_type, &whole.content).await {
        Ok(_) => Ok(log),
        Err(error) => match close(app, id).await {
            Ok(true) => Err(Interrupted { id, opened: true, error }),
            Ok(false) => Ok(log),
            // The schedule closes it.
            Err(_) => Err(Interrupted { id, opened: true, error }),
        },
    }
}

async fn close(app: &App, id: ImportId) -> Result<bool, StoreError> {
    staged::close_unstored(app, id, &system::new_holder()?).await
}

/// The log of an import that ends by then. Where it cannot be read, its caller finds out later.
async fn ended(app: &App, id: ImportId, until: Timestamp) -> Option<ImportLog> {
    let mut pause = FIRST_LOOK;
    loop {
        let now = app.clock.now();
        if now >= until {
            return None;
        }
        app.clock.sleep_until(now.plus(pause).min(until)).await;
        pause = (2 * pause).min(LAST_LOOK);
        match app.imports.find(id).await {
            Ok(Some(log)) if matches!(log.state, State::Ended(_)) => return Some(log),
            Ok(_) => {}
            Err(error) => tracing::warn!(import.id = %id, %error, "a log could not be looked at"),
        }
    }
}
