//! `/api/Documents`: one PDF of one person by itself: stored, linked, listed, deleted.

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Response};
use http_body_util::Full;
use lambda_http::{Body, Request, RequestExt};
use people_adapters::http::{self as answers, Format, Names, Parameters, Route};
use people_adapters::system;
use people_core::batch::RequestFault;
use people_core::import::{self, SYNCHRONOUS};
use people_core::person_documents;
use people_core::ports::{ApiKey, App, Feature};
use people_core::time::Timestamp;

/// Answers an event of API Gateway. There is always a response; its body is text.
pub async fn handle(app: &App, request: Request) -> Response<Body> {
    let route = Route::of(&request);
    let sent = request.path_parameters();
    let parameter = |name: &'static str| Some((name, sent.first(name)?.to_owned()));
    let parameters = Names::ALL.into_iter().filter_map(parameter).collect();
    let (head, body) = request.into_parts();
    let body = match body {
        Body::Text(text) => Bytes::from(text),
        Body::Binary(bytes) => Bytes::from(bytes),
        _ => Bytes::new(),
    };
    let answer = match route {
        Some(route) => answer(app, (route, parameters), &head, Full::new(body)).await,
        None => answers::not_found(answers::format(&head.headers)),
    };
    answer.map(Body::from)
}

/// Answers a request whose body comes in a stream, as a plain server gets it.
pub async fn answer(
    app: &App,
    (route, parameters): (Route, Parameters),
    head: &Parts,
    mut body: impl answers::Body,
) -> Response<String> {
    let format = answers::format(&head.headers);
    let received_at = app.clock.now();
    let refused = match allowed(route) {
        None => Some(answers::not_found(format)),
        Some(methods) if !methods.split(", ").any(|method| head.method == method) => {
            Some(answers::method_not_allowed(methods, format))
        }
        Some(_) => None,
    };
    let key = match refused {
        Some(refused) => Err(refused),
        None => authenticate(app, head, format).await,
    };
    let key = match key {
        Ok(key) => key,
        Err(refused) => {
            answers::drain(&head.headers, &mut body).await;
            return refused;
        }
    };
    let names = Names::read(route, parameters, head.uri.query());
    if head.method == Method::PUT {
        return put(app, &Caller { head, key, received_at }, names, body).await;
    }
    answers::drain(&head.headers, &mut body).await;
    serve(app, &Caller { head, key, received_at }, names).await
}

/// The methods of a route; `None` where it is not ours.
fn allowed(route: Route) -> Option<&'static str> {
    match route {
        Route::Documents | Route::Document => Some("GET, PUT, DELETE"),
        Route::PersonsDocuments => Some("GET"),
        Route::PeopleImport | Route::ProfileDefinition => None,
        Route::ImportLogs | Route::ImportLog | Route::Health => None,
    }
}

async fn authenticate(app: &App, head: &Parts, format: Format) -> Result<ApiKey, Response<String>> {
    match answers::authenticate(app, head, Feature::Documents).await {
        Ok(key) => key.ok_or_else(answers::unauthorized),
        Err(error) => Err(answers::unavailable(format, &error)),
    }
}

/// Who asks, and since when.
struct Caller<'a> {
    head: &'a Parts,
    key: ApiKey,
    received_at: Timestamp,
}

async fn put(
    app: &App,
    caller: &Caller<'_>,
    names: Result<Names, RequestFault>,
    mut body: impl answers::Body,
) -> Response<String> {
    let format = answers::format(&caller.head.headers);
    let reading_since = app.clock.now();
    let name = names.and_then(|names| names.document());
    let sent = match answers::read_document(&caller.head.headers, &mut body, app.spool.clone(), name).await {
        Ok(Some(sent)) => sent,
        Ok(None) => return answers::too_large(),
        Err(error) => return answers::unavailable(format, &error),
    };
    let id = match system::new_import_id(caller.received_at) {
        Ok(id) => id,
        Err(error) => return answers::unavailable(format, &error),
    };
    let request = import::Request {
        id,
        received_at: caller.received_at,
        key_name: caller.key.name.clone(),
        form: sent.form,
        parts: sent.parts,
        // On Lambda the body is there already; a plain server's caller has not waited while sending.
        until: caller.received_at.plus(SYNCHRONOUS + app.clock.now().since(reading_since)),
    };
    match import::run(app, request).await {
        Ok(log) => answers::imported(&log, format),
        Err(failure) => answers::interrupted(&failure, format),
    }
}

/// What is asked of documents that are stored.
async fn serve(app: &App, caller: &Caller<'_>, names: Result<Names, RequestFault>) -> Response<String> {
    let format = answers::format(&caller.head.headers);
    let id = match system::new_import_id(caller.received_at) {
        Ok(id) => id,
        Err(error) => return answers::unavailable(format, &error),
    };
    let request = person_documents::Request {
        id,
        received_at: caller.received_at,
        key_name: caller.key.name.clone(),
        until: caller.received_at.plus(SYNCHRONOUS),
    };
    let answer = match names {
        Ok(names) if caller.head.method == Method::GET && names.are_a_persons() => {
            let listed = person_documents::list(app, &request, names.who()).await;
            listed.map(|(log, documents)| answers::documents_listed(&log, documents.as_deref(), format))
        }
        names if caller.head.method == Method::GET => {
            let name = names.and_then(|names| names.document());
            let linked = person_documents::link(app, &request, name).await;
            linked.map(|(log, link)| answers::linked(&log, link.as_ref(), format))
        }
        names => {
            let name = names.and_then(|names| names.document());
            person_documents::delete(app, &request, name).await.map(|log| answers::deleted(&log, format))
        }
    };
    answer.unwrap_or_else(|failure| answers::interrupted(&failure, format))
}
