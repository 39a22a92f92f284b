//! Signing in: a key of the feature ImportLogs is exchanged for a session. Whoever sends a wrong one is not told what is
//! wrong with it.

use http::Response;
use maud::html;
use people_adapters::http::Route;
use people_adapters::http::console::{self, Cookie, Form, Page, Visit};
use people_adapters::system;
use people_core::error::StoreError;
use people_core::ports::App;
use people_core::session::{self, FAILURES_COUNT, SessionToken, SignIn};
use people_core::zone::Zone;

use super::forms::{BACK, ZONE};
use super::layout;

const KEY: &str = "key";
const WRONG: &str = "This key does not open the console.";

/// The page to sign in on, in place of one that takes a session. The console itself is there for everybody.
pub(super) fn first(route: Route, visit: &Visit) -> Response<String> {
    let kind = if route == Route::Console { Page::Found } else { Page::SignInFirst };
    let back = if route.takes_a_form() { Route::Console.path() } else { visit.path.as_str() };
    page(kind, visit, back, None)
}

/// Takes a key.
pub(super) async fn answer(app: &App, visit: &Visit, form: &Form) -> Result<Response<String>, StoreError> {
    let back = back_to(form.get(BACK));
    if visit.is_foreign {
        return Ok(page(
            Page::Forged,
            visit,
            back,
            Some("This form was not sent by this page. Sign in here."),
        ));
    }
    let token = SessionToken::new(system::random()?);
    match session::sign_in(app, form.get(KEY).unwrap_or_default(), &token, &visit.place).await? {
        SignIn::Done => {
            if let Some(former) = &visit.token {
                app.sessions.end(&former.hash()).await?;
            }
            let zone = form.get(ZONE).and_then(Zone::find).map(|zone| Cookie::TimeZone(zone.id));
            let cookies: Vec<_> = zone.into_iter().chain([Cookie::Session(token)]).collect();
            Ok(console::led_to(back, &cookies))
        }
        SignIn::Wrong => Ok(page(Page::SignInFirst, visit, back, Some(WRONG))),
        SignIn::TooMany => {
            let minutes = FAILURES_COUNT.as_secs() / 60;
            let problem = format!("Too many wrong keys came from here. Try again in {minutes} minutes.");
            Ok(page(Page::TooManyKeys, visit, back, Some(&problem)))
        }
    }
}

/// The page of the console to go back to; the first one where it is no page of the console.
pub(super) fn back_to(back: Option<&str>) -> &str {
    let first = Route::Console.path();
    let is_ours = |path: &&str| {
        let rest = path.strip_prefix(first);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
            && path.bytes().all(|byte| byte.is_ascii_graphic())
            && Route::find(path.split('?').next().unwrap_or_default())
                .is_some_and(|(route, _)| !route.takes_a_form())
    };
    back.filter(is_ours).unwrap_or(first)
}

fn page(kind: Page, visit: &Visit, back: &str, problem: Option<&str>) -> Response<String> {
    let content = html! {
        div.card.narrow {
            h1 { "Sign in" }
            @if let Some(problem) = problem {
                p.problem role="alert" id="problem" { (problem) }
            }
            form method="post" action=(Route::ConsoleSignIn.path()) {
                input type="hidden" name=(BACK) value=(back);
                p.field {
                    label for="key" { "API key" }
                    input type="password" id="key" name=(KEY) required autocomplete="current-password"
                        spellcheck="false" aria-describedby=(if problem.is_some() { "problem hint" } else { "hint" })
                        aria-invalid=[problem.map(|_| "true")];
                    span.hint id="hint" { "A key for the feature ImportLogs. Whoever administers People Import makes one." }
                }
                p.field {
                    label for="zone" { "Show times as in" }
                    (layout::zones("zone", visit.zone))
                }
                p { button.main type="submit" { "Sign in" } }
            }
        }
    };
    console::page(kind, layout::page(None, "Sign in", content))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_the_console_are_gone_back_to() {
        let import = "/console/imports/0192f0c1-7c00-7a3b-8c4d-000102030405";
        for page in ["/console", "/console?errorsOnly=true", "/console/people?person=a%40b", import] {
            assert_eq!(back_to(Some(page)), page);
        }
        for other in [
            "",
            "/",
            "//evil.example",
            "https://evil.example/console",
            "/consolex",
            "/console@evil.example",
            "/console/../x",
            "/console/sign-out",
            "/console/nothing",
            "/console?a b",
            "/console?\r\nSet-Cookie:x",
            "\\console",
        ] {
            assert_eq!(back_to(Some(other)), "/console", "{other}");
        }
        assert_eq!(back_to(None), "/console");
    }
}
