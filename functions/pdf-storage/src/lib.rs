//! `/api/Documents`: one PDF of one person by itself: stored, linked, listed, deleted.

use http::request::Parts;
use http::{Method, Response};
use lambda_http::{Body, Request, RequestExt};
use people_adapters::http::{self as answers, Counted, Names, Parameters, Received, Route};
use people_core::batch::RequestFault;
use people_core::import::SYNCHRONOUS;
use people_core::person_documents;
use people_core::ports::{App, Feature};

/// Answers an event of API Gateway. There is always a response; its body is text.
pub async fn handle(app: &App, request: Request) -> Response<Body> {
    let route = Route::of(&request);
    let sent = request.path_parameters();
    let parameter = |name: &'static str| Some((name, sent.first(name)?.to_owned()));
    let parameters = Names::ALL.into_iter().filter_map(parameter).collect();
    let (mut head, body) = request.into_parts();
    let counted = Counted::with(&mut head);
    let answer = match route {
        Some(route) => answer(app, (route, parameters), &head, answers::event_body(body)).await,
        None => answers::not_found(answers::format(&head.headers)),
    };
    counted.told_in(answer).map(Body::from)
}

/// Answers a request whose body comes in a stream, as a plain server gets it.
pub async fn answer(
    app: &App,
    (route, parameters): (Route, Parameters),
    head: &Parts,
    mut body: impl answers::Body,
) -> Response<String> {
    let format = answers::format(&head.headers);
    let at = app.clock.now();
    let key = match allowed(route) {
        None => Err(answers::not_found(format)),
        Some(methods) if !methods.split(", ").any(|method| head.method == method) => {
            Err(answers::method_not_allowed(methods, format))
        }
        Some(_) => answers::authenticated(app, head, Feature::Documents, format).await,
    };
    let received = match key {
        Ok(key) => Received { head, key, at, dry_run: false },
        Err(refused) => return answers::refuse(head, &mut body, refused).await,
    };
    let names = Names::read(route, parameters, head.uri.query());
    if head.method == Method::PUT {
        let name = names.and_then(|names| names.document());
        let sent = answers::read_document(&head.headers, &mut body, app.spool.clone(), name);
        return answers::import(app, received, sent).await;
    }
    answers::drain(&head.headers, &mut body).await;
    serve(app, &received, names).await
}

/// The methods of a route; `None` where it is not ours.
fn allowed(route: Route) -> Option<&'static str> {
    match route {
        Route::Documents | Route::Document => Some("GET, PUT, DELETE"),
        Route::PersonsDocuments => Some("GET"),
        _ => None,
    }
}

/// What is asked of documents that are stored.
async fn serve(app: &App, received: &Received<'_>, names: Result<Names, RequestFault>) -> Response<String> {
    let format = received.format();
    let id = match received.new_id() {
        Ok(id) => id,
        Err(error) => return answers::unavailable(format, &error),
    };
    let request = person_documents::Request {
        id,
        received_at: received.at,
        key_name: received.key.name.clone(),
        until: received.at.plus(SYNCHRONOUS),
    };
    let answer = match names {
        Ok(names) if received.head.method == Method::GET && names.are_a_persons() => {
            let listed = person_documents::list(app, &request, names.who()).await;
            listed.map(|(log, documents)| answers::documents_listed(&log, documents.as_deref(), format))
        }
        names if received.head.method == Method::GET => {
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
