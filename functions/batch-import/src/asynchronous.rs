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
use people_core::ports::{App, FirstAnswer, RepeatKey};
use people_core::repeat::{self, Permit, Replay, Turn};
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
    let (taken, permit) = match repeat {
        None => (accept(app, &received, id, &whole).await, None),
        Some(repeat) => match accept_once(app, &received, id, &whole, repeat).await {
            Ok(Turned::Mine(taken, permit)) => (taken, Some(permit)),
            Ok(Turned::Before(replay)) => return answers::repeated(&replay, format),
            Ok(Turned::Running) => return answers::still_running(format),
            Ok(Turned::Other) => return answers::another_request(format),
            Err(failure) => return answers::interrupted(&failure, format),
        },
    };
    match taken {
        Ok(Taken::In(log)) => {
            let ended = ended(app, log.id, until).await;
            let answer = if ended.is_some() { FirstAnswer::Ended } else { FirstAnswer::Accepted };
            if let Some(permit) = permit {
                permit.answered(app, answer).await;
            }
            match ended {
                Some(ended) => answers::awaited(ended, format, asked),
                None => answers::accepted(&log, format, asked),
            }
        }
        Ok(Taken::Not(failure)) => {
            if let Some(permit) = permit {
                permit.release(app).await;
            }
            answers::interrupted(&failure, format)
        }
        // Whether its body is there is not known: a repeat goes on with it, once this attempt's time is up.
        Err(failure) => answers::interrupted(&failure, format),
    }
}

/// What becomes of a body. Where it is not known, there is an error instead.
enum Taken {
    /// It is taken in; its log as it was then.
    In(ImportLog),
    /// It is not, for this reason, and never will be.
    Not(Interrupted),
}

/// Whose turn it is.
enum Turned {
    /// This request's; this became of its body.
    Mine(Result<Taken, Interrupted>, Permit),
    /// It was another one's, which was answered so.
    Before(Replay),
    /// It still is another one's.
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
) -> Result<Turned, Interrupted> {
    let unknown = |error| Interrupted { id, opened: false, error };
    // The answer may be waited for, and so may that of a repeat.
    let attempt = repeat::attempt(id, fingerprint, app.clock.now().plus(SYNCHRONOUS));
    Ok(match repeat::begin(app, key, &attempt).await.map_err(unknown)? {
        Turn::First(permit) => Turned::Mine(accept(app, received, id, whole).await, permit),
        Turn::Again(first, permit) => accept_again(app, received, first, whole, permit).await,
        Turn::Replay(replay) => Turned::Before(replay),
        Turn::Running => Turned::Running,
        Turn::Other => Turned::Other,
    })
}

/// Takes a body in of which somebody has died before it was known to be there, or before its caller was answered. Where the
/// import runs by now, the body changes nothing: whoever hears of it finds that out.
async fn accept_again(
    app: &App,
    received: &Received<'_>,
    id: ImportId,
    whole: &Whole,
    permit: Permit,
) -> Turned {
    let failed = |error| Interrupted { id, opened: true, error };
    let log = match app.imports.find(id).await {
        Ok(Some(log)) => log,
        Ok(None) => return Turned::Mine(accept(app, received, id, whole).await, permit),
        Err(error) => return Turned::Mine(Err(failed(error)), permit),
    };
    let taken = match log.state {
        // Its claim may hold still, and nobody comes back for the body of an import that somebody waited for.
        State::Accepted | State::Running if log.source != Source::Staged => return Turned::Running,
        State::Accepted | State::Running | State::Ended(Answer::Interrupted) => {
            let put = app.bodies.put(id, &whole.content_type, &whole.content).await;
            put.map(|_| Taken::In(repeat::as_accepted(log))).map_err(failed)
        }
        State::Ended(Answer::StoreFailed) => {
            Ok(Taken::Not(failed(StoreError::new("take a body in", "a store failed before"))))
        }
        State::Ended(_) if log.source == Source::Staged => Ok(Taken::In(repeat::as_accepted(log))),
        // The first one waited for the end.
        State::Ended(_) => {
            permit.answered(app, FirstAnswer::Ended).await;
            return Turned::Before(Replay::Ended(Box::new(log.as_answered())));
        }
    };
    Turned::Mine(taken, permit)
}

/// Opens the log and stores the body. Where that fails, the log is closed, unless the body has got there all the same.
async fn accept(
    app: &App,
    received: &Received<'_>,
    id: ImportId,
    whole: &Whole,
) -> Result<Taken, Interrupted> {
    let key_name = received.key.name.clone();
    let (form, dry_run) = (whole.form, received.dry_run);
    let accepted = Accepted { id, received_at: received.at, key_name, form, dry_run };
    let log = match staged::accept(app, accepted).await {
        Ok(log) => log,
        Err(error) => return Ok(Taken::Not(Interrupted { id, opened: false, error })),
    };
    // An earlier attempt of the same call may have stored it: then there is one already.
    match app.bodies.put(id, &whole.content_type, &whole.content).await {
        Ok(_) => Ok(Taken::In(log)),
        Err(error) => match close(app, id).await {
            Ok(true) => Ok(Taken::Not(Interrupted { id, opened: true, error })),
            Ok(false) => Ok(Taken::In(log)),
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
            // One that died is taken up again, now that its body is there.
            Ok(Some(ImportLog { state: State::Ended(Answer::Interrupted), .. })) => {}
            Ok(Some(log)) if matches!(log.state, State::Ended(_)) => return Some(log),
            Ok(_) => {}
            Err(error) => tracing::warn!(import.id = %id, %error, "a log could not be looked at"),
        }
    }
}
