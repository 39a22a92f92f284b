//! What the handlers that take bodies in do alike: they let a caller in or read off what is not wanted, and run what was
//! sent as an import. It is here once, so that two routes do not answer the same request differently.

use bytes::Bytes;
use http::Response;
use http::request::Parts;
use http_body_util::Full;
use people_core::error::StoreError;
use people_core::id::ImportId;
use people_core::import::{self, Begin, SYNCHRONOUS};
use people_core::log::Form;
use people_core::ports::{ApiKey, App, Feature, RepeatKey};
use people_core::repeat::{self, Ran, Replay};
use people_core::summary::Source;
use people_core::time::Timestamp;

use super::{
    Body, Fingerprint, Format, RespondAsync, Sent, accepted, another_request, auth, drain, format, imported,
    interrupted,
};
use super::{invalid_repeat_key, rate, repeats, replayed, still_running, too_large, too_many_requests};
use super::{unauthorized, unavailable};
use crate::system;

/// The body of an event, all of it at once.
pub fn event_body(body: lambda_http::Body) -> Full<Bytes> {
    Full::new(match body {
        lambda_http::Body::Text(text) => Bytes::from(text),
        lambda_http::Body::Binary(bytes) => Bytes::from(bytes),
        _ => Bytes::new(),
    })
}

/// The key that a request came with and that opens `feature`, or else the answer: 401, 429 where it has sent too many
/// requests, or 503 where the store of the keys failed. Where a body may be on its way, [`refuse`] is how to give that answer.
pub async fn authenticated(
    app: &App,
    head: &Parts,
    feature: Feature,
    format: Format,
) -> Result<ApiKey, Response<String>> {
    let key = auth::authenticate(app, head, feature).await.map_err(|error| unavailable(format, &error))?;
    let key = key.ok_or_else(unauthorized)?;
    match rate::count(app, head, &key).await {
        Some(rate) if rate.is_over() => Err(too_many_requests(rate.seconds(), format)),
        Some(_) | None => Ok(key),
    }
}

/// Gives an answer for which the body does not matter. The body is read off first: a sender that is still sending would
/// not get to read the answer.
pub async fn refuse(head: &Parts, body: &mut impl Body, answer: Response<String>) -> Response<String> {
    drain(&head.headers, body).await;
    answer
}

/// A request that has been let in.
#[derive(Debug)]
pub struct Received<'a> {
    /// Its head.
    pub head: &'a Parts,
    /// The key that let it in.
    pub key: ApiKey,
    /// When it was received.
    pub at: Timestamp,
    /// Whether nothing is to be delivered or stored.
    pub dry_run: bool,
}

/// What a repeat of a request is known by, and the fingerprint of its body.
pub type Repeated = (RepeatKey, [u8; 32]);

impl Received<'_> {
    /// The format that its caller prefers.
    pub fn format(&self) -> Format {
        format(&self.head.headers)
    }

    /// Whether its body is compared with that of another request.
    pub fn fingerprint(&self) -> Fingerprint {
        repeats::fingerprint_of(self.head)
    }

    /// What a repeat is known by, and what has to be the same then; `None` where the caller did not say that the request may
    /// be sent again, or where the body was not read to its end: then it is compared with none. Else the answer: the caller
    /// said it in a way that is not understood.
    pub fn repeat(&self, body: Option<[u8; 32]>) -> Result<Option<Repeated>, Box<Response<String>>> {
        let key = repeats::key(self.head, &self.key);
        let key = key.map_err(|invalid| Box::new(invalid_repeat_key(invalid, self.format())))?;
        Ok(key.zip(body.map(|body| repeats::fingerprint(self.head, body))))
    }

    /// A new id, for its log.
    pub fn new_id(&self) -> Result<ImportId, StoreError> {
        system::new_import_id(self.at)
    }
}

/// Reads what was sent, carries it out as an import and answers. `sent` is a reader of this module's, not yet started.
pub async fn import(
    app: &App,
    received: Received<'_>,
    sent: impl Future<Output = Result<Option<Sent>, StoreError>>,
) -> Response<String> {
    let format = received.format();
    let reading_since = app.clock.now();
    let sent = match sent.await {
        Ok(Some(sent)) => sent,
        Ok(None) => return too_large(format),
        Err(error) => return unavailable(format, &error),
    };
    let repeat = match received.repeat(sent.fingerprint) {
        Ok(repeat) => repeat,
        Err(refused) => return *refused,
    };
    let id = match received.new_id() {
        Ok(id) => id,
        Err(error) => return unavailable(format, &error),
    };
    let request = import::Request {
        id,
        received_at: received.at,
        key_name: received.key.name,
        form: sent.form,
        parts: sent.parts,
        // Documents by themselves come the same way.
        source: if sent.form == Form::Document { Source::Document } else { Source::Direct },
        dry_run: received.dry_run,
        begin: Begin::New,
        // On Lambda the body is there already; a plain server's caller has not waited while sending.
        until: received.at.plus(SYNCHRONOUS + app.clock.now().since(reading_since)),
    };
    let ran = match repeat {
        None => import::run(app, request).await.map(Ran::Now),
        Some((key, fingerprint)) => repeat::run(app, key, fingerprint, request).await,
    };
    match ran {
        Ok(Ran::Now(log)) => imported(&log, format),
        Ok(Ran::Before(replay)) => repeated(&replay, format),
        Ok(Ran::Running) => still_running(format),
        Ok(Ran::Other) => another_request(format),
        Err(failure) => interrupted(&failure, format),
    }
}

/// What was answered before, once more.
pub fn repeated(replay: &Replay, format: Format) -> Response<String> {
    replayed(match replay {
        Replay::Ended(log) => imported(log, format),
        Replay::Accepted(log) => accepted(log, format, RespondAsync::default()),
    })
}

#[cfg(test)]
mod tests {
    use http_body::Body as _;

    use super::*;

    fn head(expects: bool) -> Parts {
        let request = http::Request::builder();
        let request = if expects { request.header("expect", "100-continue") } else { request };
        request.body(()).unwrap().into_parts().0
    }

    #[tokio::test]
    async fn what_is_refused_is_read_off_unless_its_sender_waits() {
        for (expects, read) in [(false, true), (true, false)] {
            let mut body = event_body("bytes".into());
            let answer = refuse(&head(expects), &mut body, unauthorized()).await;
            assert_eq!(answer.status(), unauthorized().status());
            assert_eq!(body.is_end_stream(), read, "{expects}");
        }
    }
}
