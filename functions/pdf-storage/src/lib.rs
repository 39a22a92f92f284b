//! `/api/Documents`: one PDF of one person by itself.

use http::Response;
use lambda_http::{Body, Request};
use people_adapters::http as answers;
use people_core::ports::App;

/// Answers an event of API Gateway. There is always a response; its body is text.
pub async fn handle(_app: &App, request: Request) -> Response<Body> {
    answers::not_found(answers::format(request.headers())).map(Body::from)
}
