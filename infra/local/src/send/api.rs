//! The import API as its caller meets it. A server that is away or takes nothing at the moment is waited for; every
//! import goes under a key of its own, so that the same request again is answered and not carried out again.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderValue, Method, Request};
use http_body_util::Full;
use people_adapters::http::Route;
use people_adapters::http_client::{Answer, HttpClient, HttpFault, Limits, Trust};
use people_adapters::system::SystemClock;
use people_core::ports::Clock;
use people_core::profile::Profile;
use people_core::time::Timestamp;

use super::address::Address;
use super::answer::{Judged, said};
use super::batches::MAX_BYTES;
use super::body::Body;
use super::pace::{self, Outage};
use super::progress::Progress;
use super::schema;
use crate::failure::{Doing, Failure};
use crate::sample::KEY_HEADER;

/// The most bytes of an answer: reports of 50 parts are far smaller.
const MAX_ANSWER: usize = 16 * 1024 * 1024;
/// How long a call may take, and how many bytes of its body may take one second more.
const CALL: Duration = Duration::from_secs(60);
const BYTES_A_SECOND: u64 = 100_000;
/// How many times in a row a large body is cut before it goes another way. Had one of these arrived, the next would have
/// been answered as its repeat.
const CUTS: u32 = 2;

/// An import API, and how it wants to be called.
pub(super) struct Api {
    client: HttpClient,
    pub(super) to: Address,
    key: HeaderValue,
    patience: Duration,
    progress: Progress,
    clock: SystemClock,
    /// When the server grants the next call.
    granted_at: Instant,
    /// The smallest body that was too large for a request.
    too_large: usize,
}

/// What an import came to.
pub(super) enum Imported {
    Judged(Judged),
    /// Its body is too large for a request.
    TooLarge,
}

/// A call that can be made more than once.
pub(super) struct Call<'a> {
    pub(super) method: Method,
    pub(super) url: String,
    pub(super) headers: Vec<(&'a str, HeaderValue)>,
    pub(super) body: Bytes,
}

impl Api {
    pub(super) fn new(send: &super::Send, progress: Progress) -> Result<Api, Failure> {
        let mut key = HeaderValue::from_str(send.key.reveal().trim())
            .map_err(|_| Failure("the key has characters that no key has".to_owned()))?;
        key.set_sensitive(true);
        Ok(Api {
            client: HttpClient::new(&Trust::inside()).doing("make an HTTP client")?,
            to: send.to.clone(),
            key,
            patience: send.patience,
            progress,
            clock: SystemClock::default(),
            granted_at: Instant::now(),
            too_large: usize::MAX,
        })
    }

    /// The time.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// How long a server is waited for.
    pub(super) fn patience(&self) -> Duration {
        self.patience
    }

    /// Which fields a person update may have. It is the first call, which finds out whether the key is one.
    pub(super) async fn profile(&mut self) -> Result<Profile, Failure> {
        let url = self.to.of(Route::ProfileDefinition);
        let answer = self.call(&self.with_key(Method::GET, url, Vec::new(), Bytes::new())).await?;
        match answer.status.as_u16() {
            200 => schema::profile(&answer.body),
            _ => Err(self.refused(&answer)),
        }
    }

    /// Imports a batch, under this key.
    pub(super) async fn import(&mut self, body: &Body, key: &str) -> Result<Imported, Failure> {
        let headers = vec![
            ("accept", HeaderValue::from_static("application/json")),
            ("content-type", value(&body.content_type)?),
            ("idempotency-key", value(key)?),
        ];
        if body.bytes.len() >= self.too_large {
            return Ok(Imported::TooLarge);
        }
        let url = self.to.of(Route::PeopleImport);
        let call = self.with_key(Method::PUT, url, headers, body.bytes.clone());
        // Some gateways cut a body that is too large for them before anybody can read why.
        let cuts = if body.bytes.len() as u64 > MAX_BYTES { CUTS } else { u32::MAX };
        let Some(answer) = self.try_call(&call, cuts).await? else {
            self.too_large = body.bytes.len();
            return Ok(Imported::TooLarge);
        };
        match answer.status.as_u16() {
            200 | 202 | 400 | 422 => match Judged::read(&answer, body.parts)? {
                Some(judged) => Ok(Imported::Judged(judged)),
                None => Err(self.refused(&answer)),
            },
            413 => {
                self.too_large = body.bytes.len();
                Ok(Imported::TooLarge)
            }
            409 => Err(Failure(
                "the server has another batch under the key of this one: --anew sends everything once more"
                    .to_owned(),
            )),
            _ => Err(self.refused(&answer)),
        }
    }

    /// A call with the API key.
    pub(super) fn with_key<'a>(
        &self,
        method: Method,
        url: String,
        mut headers: Vec<(&'a str, HeaderValue)>,
        body: Bytes,
    ) -> Call<'a> {
        headers.push((KEY_HEADER, self.key.clone()));
        Call { method, url, headers, body }
    }

    /// Makes a call, again and again where it cannot be answered for a reason that passes.
    pub(super) async fn call(&mut self, call: &Call<'_>) -> Result<Answer, Failure> {
        let answer = self.try_call(call, u32::MAX).await?;
        answer.ok_or_else(|| Failure(HttpFault::Cut.to_string()))
    }

    /// Makes a call as [`Api::call`] does; `None` where it was cut so many times in a row.
    async fn try_call(&mut self, call: &Call<'_>, most_cuts: u32) -> Result<Option<Answer>, Failure> {
        let (mut outage, mut cuts) = (Outage::new(self.patience), 0);
        loop {
            tokio::time::sleep(self.granted_at.saturating_duration_since(Instant::now())).await;
            let time = CALL + Duration::from_secs(call.body.len() as u64 / BYTES_A_SECOND);
            let sent = self.client.send(call.request()?, Limits { time, bytes: MAX_ANSWER }).await;
            cuts = if matches!(sent, Err(HttpFault::Cut)) { cuts + 1 } else { 0 };
            let (why, asked) = match sent {
                Ok(answer) if !is_passing(&answer) => {
                    self.progress.goes_on();
                    self.granted_at = Instant::now() + pace::until_granted(&answer.headers);
                    return Ok(Some(answer));
                }
                Ok(answer) => (said(&answer), pace::asked(&answer.headers, &self.clock, self.patience)),
                Err(fault @ (HttpFault::Private | HttpFault::Untrusted | HttpFault::TooLarge)) => {
                    return Err(Failure(format!("{}: {fault}", self.to)));
                }
                Err(fault @ (HttpFault::Connect | HttpFault::TimedOut | HttpFault::Cut)) => {
                    (fault.to_string(), None)
                }
            };
            if cuts == most_cuts {
                return Ok(None);
            }
            let wait = outage.wait(asked, &why)?;
            self.progress.waits(&why);
            tokio::time::sleep(wait).await;
        }
    }

    /// Why it cannot go on after an answer.
    pub(super) fn refused(&self, answer: &Answer) -> Failure {
        let hint = match answer.status.as_u16() {
            401 => "the key is unknown, revoked, expired or not for imports",
            404 | 405 => "is --to the address of an import API?",
            _ => "the same command goes on where this one stopped",
        };
        Failure(format!("{}: {hint}", said(answer)))
    }
}

/// Whether the same call can be answered otherwise later. What is carried out already is asked for again.
fn is_passing(answer: &Answer) -> bool {
    match answer.status.as_u16() {
        408 | 429 | 500 | 502 | 503 | 504 => true,
        409 => answer.headers.contains_key(http::header::RETRY_AFTER),
        _ => false,
    }
}

/// A header's value.
pub(super) fn value(text: &str) -> Result<HeaderValue, Failure> {
    HeaderValue::from_str(text).doing("write a header")
}

impl Call<'_> {
    fn request(&self) -> Result<Request<Full<Bytes>>, Failure> {
        let mut request = Request::builder().method(self.method.clone()).uri(&self.url);
        for (name, value) in &self.headers {
            request = request.header(*name, value.clone());
        }
        // An address may open something, so an error does not show it.
        request.body(Full::new(self.body.clone())).map_err(|_| Failure("could not make a request".to_owned()))
    }
}
