//! Requests on their way to S3 and answers on their way back: each request is carried through also where its sender is gone
//! by then, and an answer that comes early waits for the rest of the body, so that it is not lost in a broken connection.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::poll_fn;
use http::Request;
use http::header::EXPECT;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use s3s::service::S3Service;
use s3s::{HttpError, HttpResponse};

/// What a client may still send after it was refused.
const MOST_IGNORED: u64 = 256 * 1024 * 1024;

/// Answers a request.
pub(crate) async fn answer(
    service: S3Service,
    request: Request<Incoming>,
) -> Result<HttpResponse, HttpError> {
    // Whoever asked first keeps what it sends until it is asked for it.
    let is_sending = !request.headers().contains_key(EXPECT);
    let (head, body) = request.into_parts();
    let body = Shared(Arc::new(Mutex::new(body)));
    let request = Request::from_parts(head, s3s::Body::http_body(body.clone()));
    let answering = tokio::spawn(async move {
        let answer = service.call(request).await;
        if is_sending {
            body.ignore().await;
        }
        answer
    });
    answering.await.map_err(|error| HttpError::new(error.into()))?
}

/// A body that can be read on by whoever answers.
#[derive(Clone)]
struct Shared(Arc<Mutex<Incoming>>);

impl Shared {
    async fn ignore(mut self) {
        let mut ignored = 0;
        while ignored < MOST_IGNORED
            && let Some(Ok(frame)) = poll_fn(|context| Pin::new(&mut self).poll_frame(context)).await
        {
            ignored += frame.data_ref().map_or(0, |bytes| bytes.len() as u64);
        }
    }
}

impl Body for Shared {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let mut body = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Pin::new(&mut *body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).size_hint()
    }
}
