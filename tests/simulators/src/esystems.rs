//! eSystems (Agile.Now): OAuth client credentials, and linking users to departments, a list in one call.
//! It answers as the contract tells, destructive flag included, so a client finds out here and not on a company.
//!
//! The calls are `POST /oAuth/rest/v2/Token` and, below `/Endpoint/rest/api/v1`: `GET` and `PATCH
//! /Department/{Id}/Users`, `POST /Department/{Id}/User`, `DELETE /Department/{Id}/User/{SubId}`, `GET
//! /Department/{Id}`, `GET /Departments`, `GET /User/{Id}` and `GET /Users`. The fixed parts have no case. Anything
//! else is a 404 with an HTML page, another method a 405 with one. Users are only read: there is no call that
//! creates or changes one.
//!
//! The state is `{"people":[…],"departments":[{"Id","Name","ExternalId","Users":[user Ids]}],"clients":
//! [{"client_id","client_secret"}]}`, a person in the names of the answers. Of a person only `Id` is needed: texts
//! are empty then, dates are [`NEVER`], and `Is_Active` is true. A state without `people` or `departments` has none,
//! one without `clients` keeps [`CLIENT_ID`]. Tokens are not part of the state and survive a replaced one.
//!
//! # The order of checks of `PATCH Department/{Id}/Users`
//!
//! 1. `limit`, then the path and the method, then `throttle`: 429 or 503 with `Retry-After: 1`. A call over `limit` is
//!    answered with the status of `throttle`, or 429. Log-ins count for `limit` alone.
//! 2. The token: 401 unless the header is `Bearer `, with a capital B, and a token that is neither expired nor revoked.
//! 3. The department: 400 for a field other than `Id`, `Name` and `ExternalId`, or for bad base64;
//!    `unknown_department_status` when none has the value, 400 Multible Rows when several have it.
//! 4. `DeleteNotExists`: empty, true or false in any case, else 400.
//! 5. The body: `application/json`, an object, `Extra` and `IsFullValidation` of their types, `Users` a list; else 400.
//!    Names are exact, others are ignored, so `{"users":[…]}` is an empty list.
//! 6. Each row: its structure, the default value, the rules of `Extra`, emptiness, the conversion, the look-up.
//!    The answer is that of the first bad row; with `IsFullValidation` it has the texts of all of them.
//! 7. With a bad row nothing is stored, or with `partial_apply` everything but the bad rows (and `DeleteNotExists`
//!    unlinks whoever is not a good row). The answer is the error in either case.
//!
//! # Other decisions
//!
//! - A missing user and a missing department have the same type and text, and the texts name the values that were
//!   sent: a client must tell the two apart by itself, and must not log them.
//! - Values are compared without case and with their blanks. A `UserId` that is an Id may have blanks around it,
//!   leading zeros or be a JSON number; with `strict_user_id` it is the text of the Id as it is shown, else 400.
//! - `Unique` refuses a value that is twice in one call; linking somebody again is an update of the same row. `Min` and
//!   `Max` compare numbers by value and other texts as texts. Rules of `DepartmentId`, `ModifiedBy` and `CreatedBy`
//!   are read and have no effect.
//! - `Data` of a `PATCH` is ordered by Id, not as it was sent. Empty texts are left out of answers.
//! - A page beyond the last is empty, with `repeat_last_page` the last one again. `PageSize` is 1 to 1000, else 400;
//!   `Meta.CurrentPage` is the page asked for plus `meta_page_base`.
//! - In `Filters`, `Orders` and `SubName` below a department the key is `UserId`; `Id` is 400 there. Field names have no
//!   case, and underscores in them do not matter. Conditions are joined by AND alone; values are bare or in single
//!   quotes, doubled within; `Like` is that of SQL.
//! - A raw `|` in a path is 400 with an HTML page: it has to be `%7C`.
//! - A token's age is compared with the present `expires_in`; with null it is not told and does not end. Setting
//!   `revoke_tokens` to true ends all tokens, and it reads false again.

mod answers;
mod columns;
mod filters;
mod links;
mod listing;
mod path;
mod rules;
mod store;
mod tokens;

use http::header::ALLOW;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::Kind;
use crate::message::{Answer, Request};
use crate::switches::{Switch, Switches, Wants};

use answers::Failure;
use columns::{DEPARTMENT, LINK, USER};
use listing::Listed;
use path::Route;
use store::Store;
use tokens::{Client, Tokens};

/// The client that may have tokens, unless the state says otherwise.
pub const CLIENT_ID: &str = "people-import";

/// The secret of [`CLIENT_ID`].
pub const CLIENT_SECRET: &str = "simulator-client-secret-002";

/// The departments of the sample: name and Id. Their `ExternalId`s are `DE001` to `DE004`.
pub const DEPARTMENTS: [(&str, &str); 4] = [
    ("IT", "3f2b8c1e-6d47-4a90-9b15-0c7e52d8a401"),
    ("Finance", "8a61d0f4-27b3-4e5c-8d92-b4f1e6037c02"),
    ("HR", "c5e97a30-9148-4f6b-a2d7-61d83b0f9e03"),
    ("Sales", "e0d4163b-58fc-4c2a-b739-2a95c7f48d04"),
];

/// The date that stands for none.
pub const NEVER: &str = "1900-01-01T12:00:00Z";

/// An eSystems with its users, departments and tokens.
pub(crate) struct Esystems {
    store: Store,
    clients: Vec<Client>,
    tokens: Tokens,
}

impl Kind for Esystems {
    const LONGEST_BODY: usize = 4 * 1024 * 1024;

    fn sample() -> Self {
        Esystems {
            store: Store::sample(),
            clients: vec![Client { id: CLIENT_ID.to_owned(), secret: CLIENT_SECRET.to_owned() }],
            tokens: Tokens::default(),
        }
    }

    fn switches() -> Vec<Switch> {
        let switch = |name, default, wants| Switch { name, default, wants };
        let refusal = Wants::Other("a status from 400 to 599", answers::is_refusal);
        vec![
            switch("expires_in", json!(3600), Wants::CountOrNull),
            switch("token_type", json!("Bearer"), Wants::Other("a text", Value::is_string)),
            switch("revoke_tokens", json!(false), Wants::Flag),
            switch("partial_apply", json!(false), Wants::Flag),
            switch("strict_user_id", json!(false), Wants::Flag),
            switch("meta_page_base", json!(1), Wants::Count),
            switch("repeat_last_page", json!(false), Wants::Flag),
            switch("unknown_user_status", json!(404), refusal),
            switch("unknown_department_status", json!(404), refusal),
            switch("throttle", Value::Null, Wants::Other("429, 503 or null", answers::is_throttle)),
        ]
    }

    fn switched(&mut self, switches: &mut Switches) {
        if switches.take("revoke_tokens") {
            self.tokens.revoke();
        }
    }

    fn state(&self) -> Value {
        json!({
            "people": self.store.people_state(),
            "departments": self.store.departments_state(),
            "clients": tokens::state(&self.clients),
        })
    }

    fn replace(&mut self, state: &Value) -> Result<(), String> {
        let state = state.as_object().ok_or("a state is an object")?;
        let known = ["people", "departments", "clients"];
        if let Some(unknown) = state.keys().find(|name| !known.contains(&name.as_str())) {
            return Err(format!("a state has people, departments and clients, not {unknown}"));
        }
        let member = |name| state.get(name).unwrap_or(&Value::Null);
        let store = Store::parse(member("people"), member("departments"))?;
        let clients = match member("clients") {
            Value::Null => Esystems::sample().clients,
            clients => tokens::parse(clients)?,
        };
        (self.store, self.clients) = (store, clients);
        Ok(())
    }

    fn relative_path(path: &str) -> String {
        path::relative(path)
    }

    fn handle(&mut self, request: &Request, switches: &Switches) -> Answer {
        if request.path.contains('|') {
            return Answer::page(StatusCode::BAD_REQUEST);
        }
        let Some(route) = Route::parse(&request.path) else { return Answer::page(StatusCode::NOT_FOUND) };
        if !route.takes(&request.method) {
            return Answer::page(StatusCode::METHOD_NOT_ALLOWED).with(ALLOW, route.methods());
        }
        if matches!(route, Route::Token) {
            return self.tokens.answer(request, &self.clients, switches);
        }
        if !switches.value("throttle").is_null() {
            return answers::throttled(request, switches);
        }
        let answer = self.resource(&route, request, switches);
        answer.unwrap_or_else(|failure| failure.answer(request))
    }

    fn throttled(request: &Request, switches: &Switches) -> Answer {
        answers::throttled(request, switches)
    }
}

impl Esystems {
    fn resource(&mut self, route: &Route, request: &Request, switches: &Switches) -> Result<Answer, Failure> {
        self.tokens.check(request, switches)?;
        let store = &mut self.store;
        match route {
            Route::Departments => {
                let records = store.departments.iter().map(|department| &department.record).collect();
                let listed = Listed { kind: "Department", searched: DEPARTMENT, shown: DEPARTMENT };
                listing::answer(request, switches, &listed, records)
            }
            Route::Department(key) => {
                let place = department(store, key, request, switches)?;
                Ok(answers::single(&listing::shown(&store.departments[place].record)))
            }
            Route::DepartmentUsers(key) => {
                let place = department(store, key, request, switches)?;
                if request.method == Method::PATCH {
                    return links::patch(store, place, request, switches);
                }
                let listed = Listed { kind: "User", searched: LINK, shown: USER };
                listing::answer(request, switches, &listed, store.users_of(&store.departments[place].users))
            }
            Route::DepartmentUser(key) => {
                let place = department(store, key, request, switches)?;
                links::post(store, place, request, switches)
            }
            Route::Link(key, sub) => {
                let place = department(store, key, request, switches)?;
                links::delete(store, place, sub, request, switches)
            }
            Route::Users => {
                let listed = Listed { kind: "User", searched: USER, shown: USER };
                listing::answer(request, switches, &listed, store.users())
            }
            Route::User(key) => user(store, key, request, switches),
            Route::Token => Err(Failure::unauthorized()),
        }
    }
}

/// Where the one department is that the path and `Name` tell.
fn department(store: &Store, key: &str, request: &Request, switches: &Switches) -> Result<usize, Failure> {
    let column = columns::find(DEPARTMENT, &request.parameter("Name").unwrap_or_default())?;
    let key = path::key(key)?;
    let value = column.parse(&key)?;
    let places = store.departments.iter().enumerate();
    let found: Vec<_> = places
        .filter(|(_, department)| column.compare(&department.record, &value).is_eq())
        .map(|(place, _)| place)
        .collect();
    match found.as_slice() {
        [] => Err(Failure::unknown("unknown_department_status", &format!("Id {value}"), switches)),
        [place] => Ok(*place),
        _ => Err(Failure::ambiguous(&format!("Id {value}"))),
    }
}

/// The one user that the path and `Name` tell.
fn user(store: &Store, key: &str, request: &Request, switches: &Switches) -> Result<Answer, Failure> {
    let column = listing::lookup_column(&request.parameter("Name").unwrap_or_default())?;
    let value = column.parse(&path::key(key)?)?;
    match store.users_with(column, &value).as_slice() {
        [] => Err(Failure::unknown("unknown_user_status", &format!("Id {value}"), switches)),
        [user] => Ok(answers::single(&listing::shown(user))),
        _ => Err(Failure::ambiguous(&format!("Id {value}"))),
    }
}
