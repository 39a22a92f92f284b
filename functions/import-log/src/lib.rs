//! `GET /api/ImportLogs/{requestId}`: what happened in an import, as text or as JSON; with `/failed` behind it: what failed,
//! as a body of its own. `GET /api/ImportLogs`: which imports there were, newest first, as JSON, or what they were about as
//! CSV, NDJSON or text. `GET /api/Undelivered`: what has not arrived yet. `GET /docs`: what the codes in all answers mean.
//! `GET /console`: the same for people.

mod console;

use http::request::Parts;
use http::{Method, Response};
use lambda_http::{Body, Request, RequestExt};
use people_adapters::http::{
    self as answers, Counted, Format, Function, ListRequest, Route, UndeliveredRequest,
};
use people_core::error::StoreError;
use people_core::failed;
use people_core::id::ImportId;
use people_core::log::ImportLog;
use people_core::lookup;
use people_core::ports::{App, Feature, WaitingPage};

/// Answers an event of API Gateway. There is always a response; its body is text.
pub async fn handle(app: &App, request: Request) -> Response<Body> {
    let id = request.path_parameters().first("requestId").and_then(ImportId::parse);
    let route = Route::of(&request);
    let (mut head, body) = request.into_parts();
    let counted = Counted::with(&mut head);
    let answer = match route {
        Some(Route::Health) => answers::healthy(&head),
        Some(Route::Docs) => answers::documentation(&head),
        Some(Route::ImportLogs) => list(app, &head).await,
        Some(Route::ImportLog) => look_up(app, &head, id).await,
        Some(Route::Failed) => failed(app, &head, id).await,
        Some(Route::Undelivered) => undelivered(app, &head).await,
        Some(route) if route.function() == Function::ImportLog => {
            console::answer(app, (route, id), &head, &body).await
        }
        _ => answers::not_found(answers::format(&head.headers)),
    };
    counted.told_in(answer).map(Body::from)
}

async fn list(app: &App, head: &Parts) -> Response<String> {
    if let Some(refused) = refusal(app, head, Format::Json).await {
        return refused;
    }
    let request = match ListRequest::parse(head.uri.query()) {
        Ok(request) => request,
        Err(invalid) => return answers::invalid_query(&invalid),
    };
    let answer = match answers::export_format(&head.headers) {
        None => lookup::imports(app, request.wanted()).await.map(|found| answers::listed(&found)),
        Some(format) => answers::export(app, &request, format, head.uri.query()).await,
    };
    answer.unwrap_or_else(|error| answers::unavailable(Format::Json, &error))
}

async fn undelivered(app: &App, head: &Parts) -> Response<String> {
    if let Some(refused) = refusal(app, head, Format::Json).await {
        return refused;
    }
    let answer = match UndeliveredRequest::parse(head.uri.query()) {
        Ok(UndeliveredRequest::Summary) => app.undelivered.count().await.map(answers::undelivered_summary),
        Ok(UndeliveredRequest::Page(page)) => {
            // One more than is shown tells whether there is a next page.
            let found = app.undelivered.list(&WaitingPage { limit: page.limit + 1, ..page.clone() }).await;
            found.map(|found| answers::undelivered(page.limit, &found))
        }
        Err(invalid) => return answers::invalid_query(&invalid),
    };
    answer.unwrap_or_else(|error| answers::unavailable(Format::Json, &error))
}

async fn look_up(app: &App, head: &Parts, id: Option<ImportId>) -> Response<String> {
    let format = answers::format(&head.headers);
    if let Some(refused) = refusal(app, head, format).await {
        return refused;
    }
    match find(app, id).await {
        Ok(Some(log)) => answers::found(&log, format),
        Ok(None) => answers::not_found(format),
        Err(error) => answers::unavailable(format, &error),
    }
}

/// A link to what failed of an import. The body is read and written meanwhile.
async fn failed(app: &App, head: &Parts, id: Option<ImportId>) -> Response<String> {
    let format = answers::format(&head.headers);
    if let Some(refused) = refusal(app, head, format).await {
        return refused;
    }
    let Some(id) = id else { return answers::not_found(format) };
    match failed::link(app, id).await {
        Ok(found) => answers::failed(&found, format),
        Err(error) => answers::unavailable(format, &error),
    }
}

/// The answer to those who may not read logs, or do not want to read.
async fn refusal(app: &App, head: &Parts, format: Format) -> Option<Response<String>> {
    if head.method != Method::GET {
        return Some(answers::method_not_allowed("GET", format));
    }
    answers::authenticated(app, head, Feature::ImportLogs, format).await.err()
}

async fn find(app: &App, id: Option<ImportId>) -> Result<Option<ImportLog>, StoreError> {
    match id {
        Some(id) => Ok(app.imports.find(id).await?.map(|log| log.seen_at(app.clock.now()))),
        None => Ok(None),
    }
}
