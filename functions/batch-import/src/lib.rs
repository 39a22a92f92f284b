//! `PUT /api/PeopleImport`: a batch of person updates and PDFs comes in, its GUID goes out. `GET /api/ProfileDefinition`
//! says beforehand what a person update may hold: the function that checks it tells it. `POST
//! /api/PeopleImport/uploads` tells where a large body is sent to. `POST
//! /api/ImportLogs/{requestId}/redeliveries` delivers again what has not arrived: the function that delivers does it.

mod asynchronous;
mod uploads;

use http::request::Parts;
use http::{Method, Response};
use lambda_http::{Body, Request, RequestExt};
use people_adapters::http::{self as answers, Counted, Format, Received, RespondAsync, Route};
use people_adapters::system;
use people_core::error::StoreError;
use people_core::id::ImportId;
use people_core::import::SYNCHRONOUS;
use people_core::ports::{App, Feature};
use people_core::redelivery::{self, Report, Which};

/// Answers an event of API Gateway. There is always a response; its body is text.
pub async fn handle(app: &App, request: Request) -> Response<Body> {
    let id = request.path_parameters().first("requestId").and_then(ImportId::parse);
    let route = Route::of(&request);
    let (mut head, body) = request.into_parts();
    let counted = Counted::with(&mut head);
    let answer = match route {
        Some(route @ (Route::PeopleImport | Route::Uploads)) => {
            self::answer(app, route, &head, answers::event_body(body)).await
        }
        Some(Route::ProfileDefinition) => definition(app, &head).await,
        Some(Route::Redeliveries) => redeliver(app, &head, id).await,
        _ => answers::not_found(answers::format(&head.headers)),
    };
    counted.told_in(answer).map(Body::from)
}

/// HEAD is answered like GET: the server in front leaves the body out.
async fn definition(app: &App, head: &Parts) -> Response<String> {
    let format = answers::format(&head.headers);
    if !matches!(head.method, Method::GET | Method::HEAD) {
        return answers::method_not_allowed("GET, HEAD", format);
    }
    match answers::authenticated(app, head, Feature::PeopleImport, format).await {
        Ok(_) => answers::definition(&app.profile, &head.headers),
        Err(refused) => refused,
    }
}

/// Tries now what has not arrived of an import; with `plan=true` it is only counted.
async fn redeliver(app: &App, head: &Parts, id: Option<ImportId>) -> Response<String> {
    if head.method != Method::POST {
        return answers::method_not_allowed("POST", Format::Json);
    }
    if let Err(refused) = answers::authenticated(app, head, Feature::ImportLogs, Format::Json).await {
        return refused;
    }
    let is_plan = match answers::is_plan(head.uri.query()) {
        Ok(is_plan) => is_plan,
        Err(invalid) => return answers::invalid_query(&invalid),
    };
    match redelivered(app, id, is_plan).await {
        Ok(Some((id, report, left))) => answers::redelivered(id, report, left),
        Ok(None) => answers::not_found(Format::Json),
        Err(error) => answers::unavailable(Format::Json, &error),
    }
}

async fn redelivered(
    app: &App,
    id: Option<ImportId>,
    is_plan: bool,
) -> Result<Option<(ImportId, Report, usize)>, StoreError> {
    let Some(id) = id else { return Ok(None) };
    if app.imports.find(id).await?.is_none() {
        return Ok(None);
    }
    let mut report = Report::default();
    if !is_plan {
        let until = app.clock.now().plus(SYNCHRONOUS);
        report = redelivery::run(app, &system::new_holder()?, Which::Of(id), until).await?;
    }
    Ok(Some((id, report, app.undelivered.of_import(id).await?.len())))
}

/// Answers a request whose body comes in a stream, as a plain server gets it.
pub async fn answer(app: &App, route: Route, head: &Parts, body: impl answers::Body) -> Response<String> {
    match route {
        Route::Uploads => uploads::answer(app, head, body).await,
        _ => import(app, head, body).await,
    }
}

/// The request, where its key may import and it says clearly whether it is a dry run; else the answer.
async fn let_in<'a>(
    app: &App,
    head: &'a Parts,
    method: &'static str,
    format: Format,
) -> Result<Received<'a>, Response<String>> {
    let at = app.clock.now();
    if head.method.as_str() != method {
        return Err(answers::method_not_allowed(method, format));
    }
    let key = answers::authenticated(app, head, Feature::PeopleImport, format).await?;
    let dry_run = answers::dry_run(head).map_err(|refused| *refused)?;
    Ok(Received { head, key, at, dry_run })
}

async fn import(app: &App, head: &Parts, mut body: impl answers::Body) -> Response<String> {
    let received = match let_in(app, head, "PUT", answers::format(&head.headers)).await {
        Ok(received) => received,
        Err(refused) => return answers::refuse(head, &mut body, refused).await,
    };
    if let Some(asked) = RespondAsync::of(&head.headers) {
        return asynchronous::import(app, received, &mut body, asked).await;
    }
    let sent = answers::read(&head.headers, &mut body, app.spool.clone(), received.fingerprint());
    answers::import(app, received, sent).await
}
