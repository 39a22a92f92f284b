//! `GET /api/ImportLogs/{requestId}`: what happened in an import, as text or as JSON.

use http::request::Parts;
use http::{Method, Response};
use lambda_http::{Body, Request, RequestExt};
use people_adapters::http::{self as answers, Route};
use people_core::error::StoreError;
use people_core::id::ImportId;
use people_core::log::ImportLog;
use people_core::ports::{App, Feature};

/// Answers an event of API Gateway. There is always a response; its body is text.
pub async fn handle(app: &App, request: Request) -> Response<Body> {
    let id = request.path_parameters().first("requestId").and_then(ImportId::parse);
    let route = Route::of(&request);
    let (head, _) = request.into_parts();
    let answer = match route {
        Some(Route::Health) => answers::healthy(&head),
        Some(Route::ImportLog) => look_up(app, &head, id).await,
        _ => answers::not_found(answers::format(&head.headers)),
    };
    answer.map(Body::from)
}

async fn look_up(app: &App, head: &Parts, id: Option<ImportId>) -> Response<String> {
    let format = answers::format(&head.headers);
    if head.method != Method::GET {
        return answers::method_not_allowed("GET", format);
    }
    match answers::authenticate(app, head, Feature::ImportLogs).await {
        Ok(Some(_)) => {}
        Ok(None) => return answers::unauthorized(),
        Err(error) => return answers::unavailable(format, &error),
    }
    match find(app, id).await {
        Ok(Some(log)) => answers::found(&log, format),
        Ok(None) => answers::not_found(format),
        Err(error) => answers::unavailable(format, &error),
    }
}

async fn find(app: &App, id: Option<ImportId>) -> Result<Option<ImportLog>, StoreError> {
    match id {
        Some(id) => Ok(app.imports.find(id).await?.map(|log| log.seen_at(app.clock.now()))),
        None => Ok(None),
    }
}
