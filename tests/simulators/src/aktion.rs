//! Aktion: log-in with short-lived tokens, updates of one person at a time, and reading people back.
//! It answers as the contract tells, so a client finds out here what it would otherwise find out on real people.
//!
//! The calls are `POST /login`, `POST /person/update`, `GET /person/get` and `GET /person/getAll`, in any case, also
//! below `/api` and `/AktionNEXT/API`. `POST /login/advAuth` is disabled by configuration. Anything else is a 404
//! with an HTML page.
//!
//! The state is `{"people":[…],"users":[{"UserLogin","ApiKey"}]}`, a person in the names of the update (with `PIN`,
//! and `Lock` if it was set that way). A state without `people` has none, one without `users` keeps
//! [`USER_LOGIN`]. The time of the last change and the tokens are not part of the state; tokens survive a
//! replaced state.
//!
//! # The order of checks of an update
//!
//! 1. `limit` (401/1008), then `blocked_ips` (401/1006), then `rate_per_s` (401/1008). Log-ins count for `limit`
//!    alone, as the others are not documented for them. The rate counts the calls it let pass.
//! 2. The media type: `application/json`, with or without parameters, else 415 without `Result`.
//! 3. The token: missing or no GUID 400/1002, never issued 401/1000, expired 401/1001.
//! 4. The body and every rule of its fields: 400/1002, with one text in `ModelStateErr` for each field. Texts are
//!    measured in UTF-16 code units; a text field takes no number. Fields of the other `product` are neither checked
//!    nor saved.
//! 5. Whether the person exists: 404/1100, or with `upsert_unknown` created and 201/0.
//! 6. Identifiers that another person has, in any case; cards are compared with both cards of the others. All but
//!    these are saved: 201/1107 to 1109, the first of them. With `atomic_identifiers` nothing is saved and the answer
//!    is 403/3 (duplicate record).
//! 7. The user columns, in their order, after the fields have been saved: 403/1014 at the first that is unknown,
//!    read-only or has a value its type does not take. Those before it are saved.
//! 8. 200/0, or 202/0 when nothing differed (a field that was never set does not differ from "").
//!
//! # Other decisions
//!
//! - A token's age is compared with the present `token_life_s`, so setting that to 0 expires all of them at once.
//!   `clock_offset_s` moves only the dates shown.
//! - `null` is absent; with `null_clears` it clears a field (`Sex` becomes 0), never the key or a column collection.
//! - `Request` echoes the known members that were sent, in their proper spelling; it is null for a log-in, before
//!   the body was read, and for readings.
//! - Column types are `bit` (0, 1), `int`, `date`, `datetime` (without a zone; a date alone will do), `nvarchar(n)`
//!   and `nvarchar(max)`. A reading lists every column, with null for one that was never set.
//! - `error_html` makes a page of every answer from 400 on that the simulator itself gives.

mod answers;
mod columns;
mod people;
mod person;
mod tokens;
mod update;

use http::header::ALLOW;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::Kind;
use crate::message::{Answer, Request};
use crate::switches::{Switch, Switches, Wants};

use answers::{Outcome, send};
use people::{Page, People};
use tokens::{Rate, Tokens};

/// The user who may log in, unless the state says otherwise.
pub const USER_LOGIN: &str = "people-import";

/// The key of [`USER_LOGIN`].
pub const API_KEY: &str = "c2ltdWxhdG9yLWtleS0wMDE=";

/// How many people a page has when the call does not say it.
const DEFAULT_PAGE_SIZE: usize = 100;

/// An Aktion with its people and tokens.
pub(crate) struct Aktion {
    people: People,
    users: Vec<User>,
    tokens: Tokens,
    rate: Rate,
}

/// Somebody who may log in.
struct User {
    login: String,
    key: String,
}

/// A call ends early with what went wrong.
type Ended<T> = Result<T, Box<Answer>>;

impl Kind for Aktion {
    const LONGEST_BODY: usize = 4 * 1024 * 1024;

    fn sample() -> Self {
        Aktion {
            people: People::sample(),
            users: vec![User { login: USER_LOGIN.to_owned(), key: API_KEY.to_owned() }],
            tokens: Tokens::default(),
            rate: Rate::default(),
        }
    }

    fn switches() -> Vec<Switch> {
        let switch = |name, default, wants| Switch { name, default, wants };
        vec![
            switch("token_life_s", json!(20), Wants::Number),
            switch("token_sliding", json!(false), Wants::Flag),
            switch("clock_offset_s", json!(0), Wants::Number),
            switch("rate_per_s", Value::Null, Wants::CountOrNull),
            switch("blocked_ips", json!([]), Wants::Other("a list of texts", are_texts)),
            switch("upsert_unknown", json!(false), Wants::Flag),
            switch("null_clears", json!(false), Wants::Flag),
            switch("atomic_identifiers", json!(false), Wants::Flag),
            switch("product", json!("next"), Wants::OneOf(&["next", "cloud"])),
            switch("columns", columns::sample(), Wants::Other(columns::WANTED, columns::are_columns)),
            switch("error_html", json!(false), Wants::Flag),
            switch("get_all", json!(true), Wants::Flag),
        ]
    }

    fn state(&self) -> Value {
        let users = self.users.iter().map(|user| json!({"UserLogin": user.login, "ApiKey": user.key}));
        json!({"people": self.people.state(), "users": users.collect::<Value>()})
    }

    fn replace(&mut self, state: &Value) -> Result<(), String> {
        let state = state.as_object().ok_or("a state is an object")?;
        if let Some(unknown) = state.keys().find(|name| *name != "people" && *name != "users") {
            return Err(format!("a state has people and users, not {unknown}"));
        }
        let people = People::parse(state.get("people").unwrap_or(&Value::Null))?;
        let users = match state.get("users") {
            None | Some(Value::Null) => Aktion::sample().users,
            Some(users) => parse_users(users)?,
        };
        (self.people, self.users) = (people, users);
        Ok(())
    }

    fn relative_path(path: &str) -> String {
        let path = path.trim_end_matches('/').to_ascii_lowercase();
        let below = |base| path.strip_prefix(base).filter(|rest: &&str| rest.starts_with('/'));
        below("/aktionnext/api").or_else(|| below("/api")).unwrap_or(&path).to_owned()
    }

    fn handle(&mut self, request: &Request, switches: &Switches) -> Answer {
        let answer = self.route(request, switches).unwrap_or_else(|ended| *ended);
        answers::dress(answer, switches)
    }

    fn throttled(request: &Request, switches: &Switches) -> Answer {
        answers::dress(Outcome::RateViolated(request.peer).answer(Value::Null), switches)
    }
}

impl Aktion {
    fn route(&mut self, request: &Request, switches: &Switches) -> Ended<Answer> {
        let path = Aktion::relative_path(&request.path);
        let needed = match path.as_str() {
            "/login" | "/login/advauth" | "/person/update" => Method::POST,
            "/person/get" | "/person/getall" => Method::GET,
            _ => return Ok(Answer::page(StatusCode::NOT_FOUND)),
        };
        if request.method != needed {
            return Ok(wrong_method(&request.method, &needed));
        }
        match path.as_str() {
            "/login" => self.login(request, switches),
            "/person/update" => self.update(request, switches),
            "/person/get" => self.get(request, switches),
            "/person/getall" if switches.flag("get_all") => self.get_all(request, switches),
            _ => Ok(disabled()),
        }
    }

    fn login(&mut self, request: &Request, switches: &Switches) -> Ended<Answer> {
        require_json(request)?;
        let sent = update::body(request)?;
        let text = |name: &str| {
            let member = sent.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            let text = member.and_then(|(_, value)| value.as_str()).filter(|text| !text.is_empty());
            text.ok_or_else(|| format!("{name}: The {name} field is required."))
        };
        let (login, key) = match (text("UserLogin"), text("ApiKey")) {
            (Ok(login), Ok(key)) => (login, key),
            (login, key) => {
                return Err(
                    Outcome::BindingFailed([login.err(), key.err()].into_iter().flatten().collect()).into()
                );
            }
        };
        let user = self.users.iter().find(|user| user.login.to_lowercase() == login.to_lowercase());
        let user = user.ok_or(Outcome::UserUnknown)?;
        if user.key != key {
            return Err(Outcome::KeyInvalid.into());
        }
        Ok(send(StatusCode::OK, &self.tokens.issue(switches)))
    }

    fn update(&mut self, request: &Request, switches: &Switches) -> Ended<Answer> {
        self.let_in(request, switches)?;
        require_json(request)?;
        self.tokens.check(request, switches)?;
        let sent = update::body(request)?;
        let outcome = update::run(&mut self.people, &sent, switches);
        Ok(outcome.answer(person::echo(&sent)))
    }

    fn get(&mut self, request: &Request, switches: &Switches) -> Ended<Answer> {
        self.let_in(request, switches)?;
        self.tokens.check(request, switches)?;
        let id = request.parameter("PersonId").filter(|id| !id.trim().is_empty());
        let id = id.ok_or_else(|| Outcome::BindingFailed(vec![person::ID_MISSING.to_owned()]))?;
        let person = self.people.find(&id).ok_or(Outcome::PersonUnknown)?;
        Ok(send(StatusCode::OK, &person.shown(switches)))
    }

    fn get_all(&mut self, request: &Request, switches: &Switches) -> Ended<Answer> {
        self.let_in(request, switches)?;
        self.tokens.check(request, switches)?;
        let (number, size) = (digits(request, "PageNumber")?, digits(request, "PageSize")?);
        let page = number.map(|number| Page { number, size: size.unwrap_or(DEFAULT_PAGE_SIZE) });
        Ok(send(StatusCode::OK, &self.people.shown(page, switches)))
    }

    /// The checks of the caller, which come before anything else.
    fn let_in(&mut self, request: &Request, switches: &Switches) -> Result<(), Outcome> {
        let blocked = switches.value("blocked_ips").as_array().into_iter().flatten();
        let peer = request.peer.to_string();
        if blocked.filter_map(Value::as_str).any(|ip| ip == peer) {
            return Err(Outcome::IpBlocked(request.peer));
        }
        if !self.rate.admits(switches.count("rate_per_s")) {
            return Err(Outcome::RateViolated(request.peer));
        }
        Ok(())
    }
}

/// 415 unless the body is JSON; a call without a body needs no type.
fn require_json(request: &Request) -> Ended<()> {
    let media_type = request.media_type();
    if media_type == "application/json" || (media_type.is_empty() && request.body.is_empty()) {
        return Ok(());
    }
    let message =
        format!("The request entity's media type '{media_type}' is not supported for this resource.");
    Err(Box::new(send(StatusCode::UNSUPPORTED_MEDIA_TYPE, &json!({ "Message": message }))))
}

/// A query parameter of digits; page numbers and sizes begin with 1.
fn digits(request: &Request, name: &str) -> Result<Option<usize>, Outcome> {
    let Some(text) = request.parameter(name).filter(|text| !text.is_empty()) else { return Ok(None) };
    let number = text.parse().ok().filter(|number| *number > 0 && text.bytes().all(|b| b.is_ascii_digit()));
    let wrong = || Outcome::BindingFailed(vec![format!("{name}: The value '{text}' is not valid.")]);
    number.map(Some).ok_or_else(wrong)
}

fn disabled() -> Answer {
    send(StatusCode::FORBIDDEN, &json!({"Message": "The method is disabled by configuration."}))
}

fn wrong_method(method: &Method, needed: &Method) -> Answer {
    let message = format!("The requested resource does not support http method '{method}'.");
    let allowed = if *needed == Method::POST { "POST" } else { "GET" };
    send(StatusCode::METHOD_NOT_ALLOWED, &json!({ "Message": message })).with(ALLOW, allowed)
}

fn are_texts(value: &Value) -> bool {
    value.as_array().is_some_and(|items| items.iter().all(Value::is_string))
}

fn parse_users(users: &Value) -> Result<Vec<User>, String> {
    let text = |user: &Value, name: &str| user.get(name).and_then(Value::as_str).map(str::to_owned);
    let parse = |user: &Value| Some(User { login: text(user, "UserLogin")?, key: text(user, "ApiKey")? });
    let users = users.as_array().and_then(|users| users.iter().map(parse).collect());
    users.ok_or_else(|| "users are a list of {\"UserLogin\",\"ApiKey\"}, all texts".to_owned())
}
