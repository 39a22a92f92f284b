//! The console: what happened in imports, for people to read in a browser. Every page is whole when it arrives, so that it
//! works without a script, and none may run one.

mod filters;
mod forms;
mod import;
mod layout;
mod list;
mod person;
mod plot;
mod sign_in;
mod targets;
mod undelivered;
mod words;

use http::request::Parts;
use http::{Method, Response};
use people_adapters::http::console::{self, Form, Page, Visit};
use people_adapters::http::{self as answers, Format, Route};
use people_core::error::StoreError;
use people_core::id::ImportId;
use people_core::ports::App;
use people_core::session::{self, Session, SessionToken};

/// Somebody who has signed in, and what they asked for.
pub(crate) struct Reader<'a> {
    pub(crate) app: &'a App,
    pub(crate) visit: &'a Visit,
    pub(crate) session: Session,
    pub(crate) token: SessionToken,
}

/// Answers a request for one of the console's paths; `id` is the import that the path names.
pub(crate) async fn answer(
    app: &App,
    (route, id): (Route, Option<ImportId>),
    head: &Parts,
    body: &[u8],
) -> Response<String> {
    let (method, allowed) = if route.takes_a_form() { (Method::POST, "POST") } else { (Method::GET, "GET") };
    if head.method != method {
        return answers::method_not_allowed(allowed, Format::Text);
    }
    let visit = Visit::of(head);
    let form = if route.takes_a_form() { Form::of_body(body) } else { Form::of_query(head.uri.query()) };
    let answered = match route {
        Route::ConsoleStyle => Ok(layout::style()),
        Route::ConsoleSignIn => sign_in::answer(app, &visit, &form).await,
        _ => with_session(app, &visit, (route, id), &form).await,
    };
    answered.unwrap_or_else(|error| {
        console::log_failure(&error);
        console::page(Page::Unavailable, layout::unavailable())
    })
}

async fn with_session(
    app: &App,
    visit: &Visit,
    (route, id): (Route, Option<ImportId>),
    form: &Form,
) -> Result<Response<String>, StoreError> {
    let found = match &visit.token {
        Some(token) => session::find(app, token).await?.map(|session| (session, token.clone())),
        None => None,
    };
    let Some((session, token)) = found else { return Ok(sign_in::first(route, visit)) };
    let reader = Reader { app, visit, session, token };
    if route.takes_a_form() && !visit.sent(form) {
        return Ok(console::page(Page::Forged, layout::forged(&reader)));
    }
    match (route, id) {
        (Route::Console, _) => list::answer(&reader, form).await,
        (Route::ConsoleSignOut, _) => forms::sign_out(&reader).await,
        (Route::ConsoleTimeZone, _) => Ok(forms::choose_time_zone(form)),
        (Route::ConsoleImport, Some(id)) => import::answer(&reader, id, form).await,
        (Route::ConsoleLog, Some(id)) => import::download(&reader, id).await,
        (Route::ConsoleDeliver, Some(id)) => forms::deliver_now(&reader, id).await,
        (Route::ConsolePerson, _) => person::answer(&reader, form).await,
        (Route::ConsoleUndelivered, _) => undelivered::answer(&reader, form).await,
        (Route::ConsoleTargets, _) => targets::answer(&reader).await,
        _ => Ok(console::page(Page::Missing, layout::missing(&reader))),
    }
}
