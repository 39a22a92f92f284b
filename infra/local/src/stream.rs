//! A request's body, of which the beginning has been read already: small bodies become events, large ones go on as a
//! stream.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use people_adapters::http::Chunks;

/// A body after its beginning was read.
pub(crate) enum Begun {
    /// All of it, and it is small.
    Whole(Bytes),
    /// It is large, or it broke: the stream gives the beginning again and then the rest, or the break.
    More(Rejoined),
}

/// Reads a body up to `limit` bytes.
pub(crate) async fn begin(mut body: Incoming, limit: u64) -> Begun {
    let mut beginning = BytesMut::new();
    let mut chunks = Chunks::new(&mut body);
    loop {
        match chunks.next().await {
            None => return Begun::Whole(beginning.freeze()),
            Some(Err(_)) => return Begun::More(Rejoined { beginning: Some(beginning.freeze()), rest: None }),
            Some(Ok(chunk)) => beginning.extend_from_slice(&chunk),
        }
        if beginning.len() as u64 > limit {
            return Begun::More(Rejoined { beginning: Some(beginning.freeze()), rest: Some(body) });
        }
    }
}

/// The beginning and the rest of a body.
pub(crate) struct Rejoined {
    beginning: Option<Bytes>,
    /// `None` where the body broke.
    rest: Option<Incoming>,
}

impl Rejoined {
    /// A body of which nothing has been read.
    pub(crate) fn whole(body: Incoming) -> Rejoined {
        Rejoined { beginning: None, rest: Some(body) }
    }
}

impl Body for Rejoined {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    /// At least what was announced, so that too large a body is refused before it is read.
    fn size_hint(&self) -> SizeHint {
        let beginning = self.beginning.as_ref().map_or(0, |bytes| bytes.len() as u64);
        let rest = self.rest.as_ref().map_or(0, |rest| rest.size_hint().lower());
        let mut hint = SizeHint::new();
        hint.set_lower(beginning + rest);
        hint
    }

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Some(beginning) = self.beginning.take() {
            return Poll::Ready(Some(Ok(Frame::data(beginning))));
        }
        match &mut self.rest {
            Some(rest) => Pin::new(rest).poll_frame(cx).map_err(Into::into),
            None => Poll::Ready(Some(Err("the body broke".into()))),
        }
    }
}
