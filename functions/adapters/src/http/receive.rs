//! What the handlers that take bodies in do alike: they let a caller in or read off what is not wanted, and run what was
//! sent as an import. It is here once, so that two routes do not answer the same request differently.

use bytes::Bytes;
use http::Response;
use http::request::Parts;
use http_body_util::Full;
use people_core::error::StoreError;
use people_core::id::ImportId;
use people_core::import::{self, SYNCHRONOUS};
use people_core::ports::{ApiKey, App, Feature};
use people_core::time::Timestamp;

use super::{Body, Format, Sent, auth, drain, format, imported, interrupted};
use super::{too_large, unauthorized, unavailable};
use crate::system;

/// The body of an event, all of it at once.
pub fn event_body(body: lambda_http::Body) -> Full<Bytes> {
    Full::new(match body {
        lambda_http::Body::Text(text) => Bytes::from(text),
        lambda_http::Body::Binary(bytes) => Bytes::from(bytes),
        _ => Bytes::new(),
    })
}

/// The key that a request came with and that opens `feature`, or else the answer: 401, or 503 where the store of the keys
/// failed. Where a body may be on its way, [`refuse`] is how to give that answer.
pub async fn authenticated(
    app: &App,
    head: &Parts,
    feature: Feature,
    format: Format,
) -> Result<ApiKey, Response<String>> {
    match auth::authenticate(app, head, feature).await {
        Ok(key) => key.ok_or_else(unauthorized),
        Err(error) => Err(unavailable(format, &error)),
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
}

impl Received<'_> {
    /// The format that its caller prefers.
    pub fn format(&self) -> Format {
        format(&self.head.headers)
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
        Ok(None) => return too_large(),
        Err(error) => return unavailable(format, &error),
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
        // On Lambda the body is there already; a plain server's caller has not waited while sending.
        until: received.at.plus(SYNCHRONOUS + app.clock.now().since(reading_since)),
    };
    match import::run(app, request).await {
        Ok(log) => imported(&log, format),
        Err(failure) => interrupted(&failure, format),
    }
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
