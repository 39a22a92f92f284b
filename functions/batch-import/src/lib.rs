//! `PUT /api/PeopleImport`: a batch of person updates and PDFs comes in, its GUID goes out. `GET /api/ProfileDefinition`
//! says beforehand what a person update may hold: the function that checks it tells it.

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Response};
use http_body_util::Full;
use lambda_http::{Body, Request};
use people_adapters::http::{self as answers, Route};
use people_adapters::system;
use people_core::import::{self, SYNCHRONOUS};
use people_core::ports::{App, Feature};

/// Answers an event of API Gateway. There is always a response; its body is text.
pub async fn handle(app: &App, request: Request) -> Response<Body> {
    let route = Route::of(&request);
    let (head, body) = request.into_parts();
    let answer = match route {
        Some(Route::PeopleImport) => import(app, &head, Full::new(bytes(body))).await,
        Some(Route::ProfileDefinition) => definition(app, &head).await,
        _ => answers::not_found(answers::format(&head.headers)),
    };
    answer.map(Body::from)
}

fn bytes(body: Body) -> Bytes {
    match body {
        Body::Text(text) => Bytes::from(text),
        Body::Binary(bytes) => Bytes::from(bytes),
        _ => Bytes::new(),
    }
}

/// HEAD is answered like GET: the server in front leaves the body out.
async fn definition(app: &App, head: &Parts) -> Response<String> {
    let format = answers::format(&head.headers);
    if !matches!(head.method, Method::GET | Method::HEAD) {
        return answers::method_not_allowed("GET, HEAD", format);
    }
    match answers::authenticate(app, head, Feature::PeopleImport).await {
        Ok(Some(_)) => answers::definition(&app.profile, &head.headers),
        Ok(None) => answers::unauthorized(),
        Err(error) => answers::unavailable(format, &error),
    }
}

/// Answers a request whose body comes in a stream, as a plain server gets it.
pub async fn import(app: &App, head: &Parts, mut body: impl answers::Body) -> Response<String> {
    let format = answers::format(&head.headers);
    if head.method != Method::PUT {
        answers::drain(&head.headers, &mut body).await;
        return answers::method_not_allowed("PUT", format);
    }
    let received_at = app.clock.now();
    let key = match answers::authenticate(app, head, Feature::PeopleImport).await {
        Ok(Some(key)) => key,
        Ok(None) => {
            answers::drain(&head.headers, &mut body).await;
            return answers::unauthorized();
        }
        Err(error) => return answers::unavailable(format, &error),
    };
    let reading_since = app.clock.now();
    let sent = match answers::read(&head.headers, &mut body, app.spool.clone()).await {
        Ok(Some(sent)) => sent,
        Ok(None) => return answers::too_large(),
        Err(error) => return answers::unavailable(format, &error),
    };
    let id = match system::new_import_id(received_at) {
        Ok(id) => id,
        Err(error) => return answers::unavailable(format, &error),
    };
    // On Lambda the body is there already; a plain server's caller has not waited while sending.
    let until = received_at.plus(SYNCHRONOUS + app.clock.now().since(reading_since));
    let request =
        import::Request { id, received_at, key_name: key.name, form: sent.form, parts: sent.parts, until };
    match import::run(app, request).await {
        Ok(log) => answers::imported(&log, format),
        Err(failure) => answers::interrupted(&failure, format),
    }
}
