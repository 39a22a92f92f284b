//! SCIM 2.0 (RFC 7643, RFC 7644): users who are looked up by filters and changed by PATCH, destructively where the
//! RFC has it so. It knows no mercy that the RFC does not ask for, so a client that is careful here is careful anywhere.
//!
//! The base is the root, or `/scim/v2`. Below it are `/ServiceProviderConfig`, `/ResourceTypes` and `/Schemas` (each
//! also with an id), `/Users` (GET with `filter`, `startIndex`, `count`, `attributes`, `excludedAttributes`; POST),
//! `/Users/{id}` (GET, PUT, PATCH, DELETE), `/Bulk` with its switch, and `POST /oauth/token` for client credentials in
//! a form. Anything else is 404, another method 405.
//!
//! The state is `{"people":[…],"pageSize":100,"patchStatus":200,"tokens":[…],"clients":[{"client_id","client_secret"}]}`.
//! A person is a user as SCIM shows them, without `schemas` and `meta`, which are ignored. A state without `people` has
//! none; what else it does not name is as in the beginning.
//!
//! - `pageSize` is the most users a page has, whatever `count` asks for, and what it has when nothing is asked for.
//! - `patchStatus` is 200, or 204 without the user (`attributes` in the query gets a 200 all the same).
//! - An attribute or extension that the schema does not know and somebody in the state has is known from then on, with
//!   any values, to everybody.
//! - A person who is the same as before the state was replaced keeps their version. A token lives as long as the
//!   credentials it was given for are in the state.
//!
//! # The order of checks
//!
//! 1. `limit`, then `rate_per_s` within the last second: `throttle_status` with `Retry-After: 1`. Requests for tokens
//!    count for `limit` alone; the rate counts the calls it let pass.
//! 2. The token: 401. Every path but the token's needs it.
//! 3. The path (404), the method (405), and whether the server has it at all: PATCH with `patch` false, `/Bulk` with
//!    `bulk` false and `/Me` are 501.
//! 4. `may_write`: 403 for POST, PUT, PATCH and DELETE.
//! 5. The media type of a body: `application/scim+json` or `application/json`, else 415. That it is a JSON object: 400
//!    `invalidSyntax`. A body over 1 MiB is 413 before any of this.
//! 6. Whether the user exists: 404. Then `If-Match` with `etag` true: 412 unless it is `*` or has the version.
//! 7. What was sent, then whether another user has the `userName`: 409 `uniqueness`.
//!
//! # PATCH
//!
//! - All operations or none. `op` in any case, and so are names of attributes and members.
//! - `replace` of a list replaces all of it, with a path or without one. An attribute with members keeps those not
//!   named. At `list[filter]` the items that meet it are replaced as a whole; no such item is 400 `noTarget`, also for
//!   `add`. A path through a list without a filter (`emails.type`) leads to all its items.
//! - `remove` of what is not there succeeds, without a path it is `noTarget`, and a `value` beside it is not looked at:
//!   all that the path leads to goes.
//! - 400 `invalidPath`: an attribute that does not exist, also in a value. `invalidFilter`: the filter of a path.
//!   `mutability`: what is read-only, and a removed `userName`. `invalidValue`: a wrong type, no value, two primaries.
//!   `invalidSyntax`: another `op`, no operations, no `schemas`.
//! - null and the empty list are no value: `replace` with them is `remove`.
//! - An item that becomes primary makes the others not primary. `add` of an item that is there adds nothing.
//! - What changes nothing does not change the version.
//!
//! # Other decisions
//!
//! - PUT clears what it does not name, apart from `password`; what is read-only is ignored, what does not exist is 400
//!   `invalidSyntax`. So is a body without the user's schema in `schemas`; extensions need not be named there.
//! - Texts are compared without regard to case, but for ids, references and what the state brought; user names follow
//!   `case_exact_user_name`. `externalId` may be several users'.
//! - A filter that is malformed or names what does not exist is 400 `invalidFilter`. With `filter` false any filter is
//!   501. What has members is compared by its `value`.
//! - `attributes` and `excludedAttributes` hold for every answer with a user; `id` and `schemas` are always there, and
//!   `meta` only when asked for. A name that does not exist is no error there.
//! - With `etag` false there are no versions, no ETags, and `If-Match` is not looked at. `If-None-Match` with the
//!   version makes a reading of one user 304.
//! - A password is in the state and in no answer.

mod access;
mod answers;
mod bulk;
mod discovery;
mod filter;
mod incoming;
mod patch;
mod paths;
mod schema;
mod shown;
mod users;
mod values;

use http::header::{ALLOW, ETAG, HeaderName, IF_MATCH, IF_NONE_MATCH, LOCATION};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::harness::Kind;
use crate::message::{Answer, Request, decode};
use crate::switches::{Switch, Switches, Wants};

use access::Access;
use answers::{Refused, send};
use filter::Filter;
use incoming::{base, body, names_version, number};
use paths::Scope;
use shown::Wanted;
use users::{User, Users};
use values::Wrong;

/// The static bearer token that may do everything, unless the state says otherwise.
pub const TOKEN: &str = "c2NpbS1zaW11bGF0b3ItdG9rZW4";

/// The client that may ask for tokens, unless the state says otherwise.
pub const CLIENT_ID: &str = "people-import";

/// The secret of [`CLIENT_ID`].
pub const CLIENT_SECRET: &str = "c2NpbS1zaW11bGF0b3Itc2VjcmV0";

const LONGEST_BODY: usize = 1024 * 1024;

const BASE: &str = "/scim/v2";

const DEFAULT_PAGE_SIZE: usize = 100;

/// A SCIM server with its users and tokens.
pub(crate) struct Scim {
    users: Users,
    access: Access,
    page_size: usize,
    /// Whether a PATCH is answered with the user.
    shows_patched: bool,
}

type Ended = Result<Answer, Refused>;

impl Kind for Scim {
    const LONGEST_BODY: usize = LONGEST_BODY;

    fn sample() -> Self {
        Scim {
            users: Users::sample(),
            access: Access::sample(),
            page_size: DEFAULT_PAGE_SIZE,
            shows_patched: true,
        }
    }

    fn switches() -> Vec<Switch> {
        let switch = |name, default, wants| Switch { name, default, wants };
        let is_status = |value: &Value| [Some(429), Some(503)].contains(&value.as_u64());
        vec![
            switch("etag", json!(true), Wants::Flag),
            switch("filter", json!(true), Wants::Flag),
            switch("patch", json!(true), Wants::Flag),
            switch("bulk", json!(false), Wants::Flag),
            switch("rate_per_s", Value::Null, Wants::CountOrNull),
            switch("throttle_status", json!(429), Wants::Other("429 or 503", is_status)),
            switch("case_exact_user_name", json!(false), Wants::Flag),
            switch("may_write", json!(true), Wants::Flag),
        ]
    }

    fn state(&self) -> Value {
        let (tokens, clients) = self.access.state();
        json!({
            "people": self.users.state(),
            "pageSize": self.page_size,
            "patchStatus": if self.shows_patched { 200 } else { 204 },
            "tokens": tokens,
            "clients": clients,
        })
    }

    fn replace(&mut self, state: &Value) -> Result<(), String> {
        let state = state.as_object().ok_or("a state is an object")?;
        let known = ["people", "pageSize", "patchStatus", "tokens", "clients"];
        if let Some(unknown) = state.keys().find(|name| !known.contains(&name.as_str())) {
            return Err(format!("a state has {}, not {unknown}", known.join(", ")));
        }
        let number = |name: &str, default: u64| match state.get(name) {
            None | Some(Value::Null) => Ok(default),
            Some(number) => number.as_u64().ok_or_else(|| format!("{name} is a whole number")),
        };
        let page_size = number("pageSize", DEFAULT_PAGE_SIZE as u64)?;
        let page_size = usize::try_from(page_size).ok().filter(|size| *size > 0);
        let page_size = page_size.ok_or("pageSize is a whole number from 1")?;
        let shows_patched = match number("patchStatus", 200)? {
            200 => true,
            204 => false,
            _ => return Err("patchStatus is 200 or 204".to_owned()),
        };
        let users = self.users.replaced(state.get("people").unwrap_or(&Value::Null))?;
        self.access.replace(state)?;
        (self.users, self.page_size, self.shows_patched) = (users, page_size, shows_patched);
        Ok(())
    }

    fn relative_path(path: &str) -> String {
        let below = path.strip_prefix(BASE).filter(|rest| rest.is_empty() || rest.starts_with('/'));
        below.unwrap_or(path).trim_end_matches('/').to_owned()
    }

    fn also_called(&self, identifier: &str) -> Vec<String> {
        let is_named = |user: &&User| {
            ["userName", "externalId"].into_iter().any(|name| {
                let own = user.attributes.get(name).and_then(Value::as_str);
                own.is_some_and(|own| own.to_lowercase() == identifier.to_lowercase())
            })
        };
        self.users.all().iter().filter(is_named).map(|user| user.id().to_owned()).collect()
    }

    fn handle(&mut self, request: &Request, switches: &Switches) -> Answer {
        if Scim::relative_path(&request.path) == "/oauth/token" {
            return match request.method {
                Method::POST => self.access.grant(request),
                _ => wrong_method("POST").answer(),
            };
        }
        if !self.access.admits(switches.count("rate_per_s")) {
            return Refused::throttled(switches).answer();
        }
        if !self.access.knows(request) {
            return Refused::unauthorized().answer();
        }
        self.serve(request, switches).unwrap_or_else(Refused::answer)
    }

    fn throttled(_request: &Request, switches: &Switches) -> Answer {
        Refused::throttled(switches).answer()
    }
}

impl Scim {
    /// Answers a caller who is let in.
    fn serve(&mut self, request: &Request, switches: &Switches) -> Ended {
        let path = Scim::relative_path(&request.path);
        let segments: Vec<String> = path.split('/').skip(1).map(decode).collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let get = request.method == Method::GET || request.method == Method::HEAD;
        match *segments.as_slice() {
            ["ServiceProviderConfig"] if get => Ok(discovery::abilities(switches, self.page_size)),
            ["ResourceTypes"] if get => discovery::resource_types(None),
            ["ResourceTypes", id] if get => discovery::resource_types(Some(id)),
            ["Schemas"] if get => discovery::schemas(None, switches),
            ["Schemas", id] if get => discovery::schemas(Some(id), switches),
            ["ServiceProviderConfig"] | ["ResourceTypes" | "Schemas", ..] if segments.len() <= 2 => {
                Err(wrong_method("GET"))
            }
            ["Users"] if get => self.list(request, switches),
            ["Users"] if request.method == Method::POST => {
                may_write(switches)?;
                self.create(request, switches)
            }
            ["Users"] => Err(wrong_method("GET, POST")),
            ["Users", id] if !id.is_empty() => self.one(id, request, switches),
            ["Bulk"] if request.method != Method::POST => Err(wrong_method("POST")),
            ["Bulk"] if switches.flag("bulk") => {
                may_write(switches)?;
                bulk::run(self, request, switches)
            }
            ["Bulk" | "Me"] => Err(not_implemented()),
            _ => Err(Refused::not_found()),
        }
    }

    fn list(&self, request: &Request, switches: &Switches) -> Ended {
        let exact = switches.flag("case_exact_user_name");
        let (base, etag) = (base(request), switches.flag("etag"));
        let filter = match request.parameter("filter") {
            None => None,
            Some(_) if !switches.flag("filter") => return Err(not_implemented()),
            Some(text) => Some(
                Filter::parse(&text, Scope::User(&self.users.extras))
                    .ok_or_else(|| Refused::bad("invalidFilter", "The filter cannot be read."))?,
            ),
        };
        let meets = |user: &&User| {
            filter.as_ref().is_none_or(|filter| match filter.asks_for(&["meta", "schemas", "password"]) {
                true => filter.meets(&user.shown(&base, etag), exact),
                false => filter.meets(&user.attributes, exact),
            })
        };
        let found: Vec<&User> = self.users.all().iter().filter(meets).collect();
        let start = number(request, "startIndex")?.unwrap_or(1).max(1);
        let count = number(request, "count")?.unwrap_or(self.page_size).min(self.page_size);
        let wanted = Wanted::parse(request, &self.users.extras);
        let page = found.iter().skip(start - 1).take(count);
        let page = page.map(|user| wanted.of(user.shown(&base, etag))).collect();
        Ok(answers::list(found.len(), start, page))
    }

    fn create(&mut self, request: &Request, switches: &Switches) -> Ended {
        let mut attributes = self.sent_user(request)?;
        let id = Uuid::new_v4().to_string();
        self.users.check(&attributes, &id, switches.flag("case_exact_user_name"))?;
        attributes.insert("id".to_owned(), json!(id));
        self.users.add(attributes);
        let mut answer = self.shown(&id, StatusCode::CREATED, request, switches)?;
        set(&mut answer.headers, LOCATION, &format!("{}/Users/{id}", base(request)));
        Ok(answer)
    }

    fn one(&mut self, id: &str, request: &Request, switches: &Switches) -> Ended {
        let method = &request.method;
        if *method == Method::GET || *method == Method::HEAD {
            return self.read(id, request, switches);
        }
        if *method == Method::PATCH && !switches.flag("patch") {
            return Err(not_implemented());
        }
        if ![Method::PUT, Method::PATCH, Method::DELETE].contains(method) {
            return Err(wrong_method("GET, PUT, PATCH, DELETE"));
        }
        may_write(switches)?;
        if *method == Method::DELETE {
            self.matching(id, request, switches)?;
            self.users.remove(id);
            return Ok(answers::nothing(StatusCode::NO_CONTENT));
        }
        let body = body(request)?;
        let stored = &self.matching(id, request, switches)?.attributes;
        let attributes = if *method == Method::PATCH {
            patch::patched(stored, &body, &self.users.extras)?
        } else {
            let mut sent = self.sent_user(request)?;
            let kept =
                ["id", "groups"].into_iter().chain((!sent.contains_key("password")).then_some("password"));
            sent.extend(kept.filter_map(|name| Some((name.to_owned(), stored.get(name)?.clone()))));
            sent
        };
        self.users.check(&attributes, id, switches.flag("case_exact_user_name"))?;
        self.users.save(id, attributes);
        let answer = self.shown(id, StatusCode::OK, request, switches)?;
        if *method == Method::PATCH && !self.shows_patched && request.parameter("attributes").is_none() {
            let mut nothing = answers::nothing(StatusCode::NO_CONTENT);
            nothing.headers.extend(answer.headers.get(ETAG).map(|etag| (ETAG, etag.clone())));
            return Ok(nothing);
        }
        Ok(answer)
    }

    fn read(&self, id: &str, request: &Request, switches: &Switches) -> Ended {
        let user = self.users.find(id).ok_or_else(Refused::not_found)?;
        if switches.flag("etag") && names_version(request, IF_NONE_MATCH, user) == Some(true) {
            let mut answer = answers::nothing(StatusCode::NOT_MODIFIED);
            set(&mut answer.headers, ETAG, &user.etag());
            return Ok(answer);
        }
        self.shown(id, StatusCode::OK, request, switches)
    }

    /// The user, if there is one and they are still as the caller has seen them.
    fn matching(&self, id: &str, request: &Request, switches: &Switches) -> Result<&User, Refused> {
        let user = self.users.find(id).ok_or_else(Refused::not_found)?;
        if switches.flag("etag") && names_version(request, IF_MATCH, user) == Some(false) {
            return Err(Refused::new(StatusCode::PRECONDITION_FAILED, "The user has been changed."));
        }
        Ok(user)
    }

    fn shown(&self, id: &str, status: StatusCode, request: &Request, switches: &Switches) -> Ended {
        let user = self.users.find(id).ok_or_else(Refused::not_found)?;
        let etag = switches.flag("etag");
        let wanted = Wanted::parse(request, &self.users.extras);
        let mut answer = send(status, &wanted.of(user.shown(&base(request), etag)));
        if etag {
            set(&mut answer.headers, ETAG, &user.etag());
        }
        Ok(answer)
    }

    /// The body of a call that sends a whole user.
    fn sent_user(&self, request: &Request) -> Result<Map<String, Value>, Refused> {
        let body = body(request)?;
        let schemas = patch::get(&body, "schemas").and_then(Value::as_array).into_iter().flatten();
        let names_user =
            |schema: &Value| schema.as_str().is_some_and(|schema| schema.eq_ignore_ascii_case(schema::CORE));
        if !schemas.into_iter().any(names_user) {
            return Err(Refused::bad("invalidSyntax", "The schemas of a user begin with its own."));
        }
        values::user(&body, &self.users.extras).map_err(Wrong::in_user)
    }
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    headers.extend(HeaderValue::from_str(value).ok().map(|value| (name, value)));
}

fn may_write(switches: &Switches) -> Result<(), Refused> {
    let refused = || Refused::new(StatusCode::FORBIDDEN, "The token may not change anything.");
    if switches.flag("may_write") { Ok(()) } else { Err(refused()) }
}

fn not_implemented() -> Refused {
    Refused::new(StatusCode::NOT_IMPLEMENTED, "This server does not do that.")
}

fn wrong_method(allowed: &'static str) -> Refused {
    Refused::new(StatusCode::METHOD_NOT_ALLOWED, "The method is not possible here.")
        .with(ALLOW, HeaderValue::from_static(allowed))
}
