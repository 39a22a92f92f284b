//! `PUT /api/PeopleImport`: a batch of person updates and PDFs comes in, its GUID goes out. `GET /api/ProfileDefinition`
//! says beforehand what a person update may hold: the function that checks it tells it.

use http::request::Parts;
use http::{Method, Response};
use lambda_http::{Body, Request};
use people_adapters::http::{self as answers, Received, Route};
use people_core::ports::{App, Feature};

/// Answers an event of API Gateway. There is always a response; its body is text.
pub async fn handle(app: &App, request: Request) -> Response<Body> {
    let route = Route::of(&request);
    let (head, body) = request.into_parts();
    let answer = match route {
        Some(Route::PeopleImport) => import(app, &head, answers::event_body(body)).await,
        Some(Route::ProfileDefinition) => definition(app, &head).await,
        _ => answers::not_found(answers::format(&head.headers)),
    };
    answer.map(Body::from)
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

/// Answers a request whose body comes in a stream, as a plain server gets it.
pub async fn import(app: &App, head: &Parts, mut body: impl answers::Body) -> Response<String> {
    let format = answers::format(&head.headers);
    let at = app.clock.now();
    let key = match head.method {
        Method::PUT => answers::authenticated(app, head, Feature::PeopleImport, format).await,
        _ => Err(answers::method_not_allowed("PUT", format)),
    };
    let received = match key {
        Ok(key) => Received { head, key, at },
        Err(refused) => return answers::refuse(head, &mut body, refused).await,
    };
    let sent = answers::read(&head.headers, &mut body, app.spool.clone());
    answers::import(app, received, sent).await
}
