//! ONLYOFFICE, Workspace and DocSpace: people with their profiles and contacts, and how easily both are lost.
//! It answers as the contract tells, so a client finds out here what it would otherwise find out on real people.
//!
//! The calls are, below `/api/2.0`, in any case, with or without `.json` at their end: `POST authentication`, `GET
//! people`, `people/status/{status}`, `people/@search/{query}`, `people/email?email=`, `people/@self` and
//! `people/{id or user name}`, `PUT people/{id}`, and `PUT`, `POST` and `DELETE people/{id or user name}/contacts`.
//! Anything else is a 404 with an HTML page.
//!
//! The state is `{"people":[…],"groups":[{"id","name","manager"}],"accounts":[{"userName","password"}]}`, a person in
//! the names of the profile. Only `id` is needed; `groups` takes ids too; without a `userName` it is the e-mail up to
//! the `@`; what is derived (`department`, `displayName`, avatars and sizes) is not taken over. A state without
//! `people` or `groups` has none, one without `accounts` keeps [`USER_NAME`]. Tokens survive a replaced state as long
//! as their account does; the time of the last change is not part of the state.
//!
//! # The order of checks
//!
//! 1. `limit`, then `portal_state` "restoring" (503 without a body), then whether there is such a call (404). In
//!    "docspace_new" there is no contacts call: 404 without a body.
//! 2. The log-in: the block after 5 wrong passwords in 60 seconds, for 60 seconds, by name and address; then the
//!    password; then `two_factor` (201, `token` null, `tfa` true). It is neither throttled by `rate_per_10s` nor refused
//!    to an unpaid portal.
//! 3. The caller: 401, in Workspace with the text "Unauthorized", in DocSpace without a body. Accepted are the bare
//!    token, `Bearer` with a token, `Basic`, and in DocSpace `Bearer` with [`API_KEY`], which is [`USER_NAME`]'s.
//! 4. `rate_per_10s`, by account and address, then `portal_state` "unpaid" (402). The rate counts the calls it let
//!    pass.
//! 5. The body: 400 when it is broken or its root is no object, 500 for an item behind a hole. In Workspace an id that
//!    is no GUID is a 500 for the profile call.
//! 6. The person: 404. The system's account: 403. Then the right to edit, which `may_edit` takes away and which
//!    those who are no admins have for themselves only: 500, in DocSpace 403; there the owner's right to be edited by
//!    nobody else: 403. Then a suspended person: 500.
//! 7. The work. What the database would refuse is a 500, and nothing of the call is saved.
//!
//! # Other decisions
//!
//! - Throttling is `throttle_status` (503 or 429) with `Retry-After` in Workspace. DocSpace answers 429 with
//!   `X-Ratelimit-Limit`, `-Remaining` and `-Reset` (in seconds since 1970) whatever the switch says.
//! - Single parameters are found in any case, `contacts` and `department` in theirs only. A null is absent. An empty
//!   `department` removes all groups. Numbers and booleans are texts.
//! - A body in XML is refused with 400 and no answer is in XML or compressed: neither is simulated.
//! - With `pipe_storage` false contacts are kept as they were sent, of any length; it holds for DocSpace as well.
//! - `may_view_private` false hides e-mail, contacts and mobile phone from everybody but the person.
//! - `sso` and `suspended` name people by id, user name or e-mail. Who is suspended shows as terminated.
//! - A name is valid when there is something in it. A text that is no date, boolean or status is a 400.
//! - An account whose e-mail no person has is an admin who is not among the people; `@self` is then a 404.
//! - In DocSpace a body must be JSON (else 415) and must not be empty; `isUser` absent changes nothing.
//! - A filter without `filterOp` is "contains". `count` absent, 0 or over 1000 is 1000.
//! - A search whose group is no id fails inside: 200 with an empty object. A list's is a 500.

mod answers;
mod binder;
mod contacts;
mod dates;
mod lists;
mod people;
mod person;
mod profile;
mod route;
mod sessions;
mod tree;

use http::StatusCode;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::harness::Kind;
use crate::message::{Answer, Request};
use crate::switches::{Switch, Switches, Wants};

use answers::{Envelope, Failure, Mode};
use binder::Bound;
use contacts::Contacts;
use lists::Selection;
use people::People;
use person::{Person, TERMINATED};
use profile::Caller;
use route::{Call, Change};
use sessions::{Account, Sessions};

/// The service account, which is the portal's owner and one of its people.
pub const USER_NAME: &str = "importer@company.com";

/// The password of [`USER_NAME`].
pub const PASSWORD: &str = "simulator-password-001";

/// The API key of [`USER_NAME`], for DocSpace.
pub const API_KEY: &str = "sk-simulator-key-0000000000000000000000000000000000000000000000001";

/// The portal's own account, which nobody may change.
const SYSTEM_USER: Uuid = Uuid::from_u128(0xa37e_e56e_3302_4a7b_b67e_ddbe_a64c_d032);

/// A portal with its people, accounts and sessions.
pub(crate) struct Onlyoffice {
    people: People,
    accounts: Vec<Account>,
    sessions: Sessions,
}

impl Kind for Onlyoffice {
    const LONGEST_BODY: usize = 4 * 1024 * 1024;

    fn sample() -> Self {
        Onlyoffice { people: People::sample(), accounts: sample_accounts(), sessions: Sessions::default() }
    }

    fn switches() -> Vec<Switch> {
        let switch = |name, default, wants| Switch { name, default, wants };
        let people = Wants::Other("a list of texts", are_texts);
        let [workspace, ..] = Mode::NAMES;
        vec![
            switch("mode", json!(workspace), Wants::OneOf(&Mode::NAMES)),
            switch("pipe_storage", json!(true), Wants::Flag),
            switch("may_edit", json!(true), Wants::Flag),
            switch("may_view_private", json!(true), Wants::Flag),
            switch("two_factor", json!(false), Wants::Flag),
            switch("brute_force_block", json!(true), Wants::Flag),
            switch("rate_per_10s", Value::Null, Wants::CountOrNull),
            switch("throttle_status", json!(503), Wants::Other("503 or 429", is_throttle_status)),
            switch("portal_state", json!("active"), Wants::OneOf(&["active", "unpaid", "restoring"])),
            switch("sso", json!([]), people),
            switch("suspended", json!([]), people),
        ]
    }

    fn state(&self) -> Value {
        let people = self.people.list.iter().map(|person| person.state(&self.people.groups));
        let groups = self.people.groups.iter().map(people::Group::to_json);
        let account =
            |account: &Account| json!({"userName": account.user_name, "password": account.password});
        json!({
            "people": people.collect::<Value>(),
            "groups": groups.collect::<Value>(),
            "accounts": self.accounts.iter().map(account).collect::<Value>(),
        })
    }

    fn replace(&mut self, state: &Value) -> Result<(), String> {
        let state = state.as_object().ok_or("a state is an object")?;
        if let Some(unknown) =
            state.keys().find(|name| !["people", "groups", "accounts"].contains(&name.as_str()))
        {
            return Err(format!("a state has people, groups and accounts, not {unknown}"));
        }
        let part = |name| state.get(name).unwrap_or(&Value::Null);
        let people = People::parse(part("people"), part("groups"))?;
        let accounts = match part("accounts") {
            Value::Null => sample_accounts(),
            accounts => parse_accounts(accounts)?,
        };
        (self.people, self.accounts) = (people, accounts);
        Ok(())
    }

    fn relative_path(path: &str) -> String {
        route::below_base(path).unwrap_or(path).to_owned()
    }

    fn handle(&mut self, request: &Request, switches: &Switches) -> Answer {
        let mode = Mode::of(switches);
        self.answer(request, switches, mode).unwrap_or_else(|failure| failure.answer(mode))
    }

    fn throttled(_: &Request, switches: &Switches) -> Answer {
        let limit = switches.count("limit").unwrap_or(0);
        throttle(switches, limit, 1).answer(Mode::of(switches))
    }
}

impl Onlyoffice {
    fn answer(&mut self, request: &Request, switches: &Switches, mode: Mode) -> Result<Answer, Failure> {
        if switches.value("portal_state") == "restoring" {
            return Err(Failure::Restoring);
        }
        let call = Call::parse(&request.method, &request.path).ok_or(Failure::NoRoute)?;
        if mode == Mode::DocspaceNew && matches!(call, Call::Contacts(..)) {
            return Err(Failure::NoContactsCall);
        }
        let (status, envelope) = match call {
            Call::LogIn => (StatusCode::CREATED, self.log_in(request, switches, mode)?),
            call => {
                let account = self.let_in(request, switches, mode)?;
                let status = if matches!(call, Call::Contacts(Change::Set, _)) {
                    StatusCode::CREATED
                } else {
                    StatusCode::OK
                };
                (status, self.work(call, &account, request, switches)?)
            }
        };
        Ok(envelope.send(status, mode, (request.method.as_str(), &request.path)))
    }

    fn log_in(&mut self, request: &Request, switches: &Switches, mode: Mode) -> Result<Envelope, Failure> {
        let (user_name, password) = sessions::credentials(request, mode)?;
        let response =
            self.sessions.log_in(&self.accounts, (&user_name, &password), request.peer, switches)?;
        Ok(Envelope::one(response))
    }

    /// The checks of the caller; tells the account.
    fn let_in(&mut self, request: &Request, switches: &Switches, mode: Mode) -> Result<String, Failure> {
        let account = self.sessions.caller(&request.headers, &self.accounts, mode)?;
        if let Some(most) = switches.count("rate_per_10s") {
            let admitted = self.sessions.admit(&account, request.peer, most);
            admitted.map_err(|wait_s| throttle(switches, most, wait_s))?;
        }
        if switches.value("portal_state") == "unpaid" { Err(Failure::Unpaid) } else { Ok(account) }
    }

    fn work(
        &mut self,
        call: Call,
        account: &str,
        request: &Request,
        switches: &Switches,
    ) -> Result<Envelope, Failure> {
        let list = |this: &Self, selection| {
            let show = |person: &Person| this.shown(person, account, switches);
            lists::list(&this.people, &selection, request, switches, show)
        };
        let found = match call {
            Call::LogIn => return Err(Failure::NoRoute),
            Call::List => return list(self, Selection::status("active")?),
            Call::Status(status) => return list(self, Selection::status(&status)?),
            Call::Search(text) => return list(self, Selection::Search(text)),
            Call::Contacts(change, id) => {
                return self.change_contacts(change, &id, account, request, switches);
            }
            Call::Profile(id) => return self.change_profile(&id, account, request, switches),
            Call::ByEmail => self.people.by_email(&request.parameter("email").unwrap_or_default()),
            Call::Myself => self.people.by_email(account),
            Call::Person(id) => self.people.by_id_or_user_name(&id),
        };
        let person = found.ok_or(Failure::UserUnknown)?;
        Ok(Envelope::one(lists::chosen(self.shown(person, account, switches), request)))
    }

    fn change_contacts(
        &mut self,
        change: Change,
        id: &str,
        account: &str,
        request: &Request,
        switches: &Switches,
    ) -> Result<Envelope, Failure> {
        let mode = Mode::of(switches);
        let bound = Bound::read(request, mode)?;
        let items = if mode.is_docspace() { bound.docspace_contacts()? } else { Some(bound.contacts()?) };
        let (mut person, _) = self.editable(id, account, switches)?;
        let contacts = match (change, items) {
            (_, None) => person.contacts.clone(),
            (Change::Update | Change::Set, Some(items)) => Contacts::of(items),
            (Change::Delete, Some(items)) => {
                let mut contacts = person.contacts.clone();
                contacts.remove(&items)?;
                contacts
            }
        };
        let unstored = profile::store_contacts(&mut person, contacts, switches)?;
        Ok(self.save(person, unstored, account, request, switches))
    }

    fn change_profile(
        &mut self,
        id: &str,
        account: &str,
        request: &Request,
        switches: &Switches,
    ) -> Result<Envelope, Failure> {
        let mode = Mode::of(switches);
        let bound = Bound::read(request, mode)?;
        if !mode.is_docspace() && Uuid::parse_str(id).is_err() {
            return Err(Failure::Internal("Guid should contain 32 digits with 4 dashes."));
        }
        let (mut person, caller) = self.editable(id, account, switches)?;
        let change = if mode.is_docspace() { profile::docspace } else { profile::workspace };
        let unstored = change(&mut person, &bound, caller, switches)?;
        person.groups.retain(|id| self.people.groups.iter().any(|group| group.id == *id));
        Ok(self.save(person, unstored, account, request, switches))
    }

    /// A copy of the person, to be changed and saved, after all checks of whether the caller may.
    fn editable(&self, id: &str, account: &str, switches: &Switches) -> Result<(Person, Caller), Failure> {
        let is_system_user = Uuid::parse_str(id).is_ok_and(|id| id == SYSTEM_USER);
        if is_system_user {
            return Err(Failure::SystemUser);
        }
        let person = self.people.by_id_or_user_name(id).ok_or(Failure::UserUnknown)?;
        let myself = self.people.by_email(account);
        let caller = Caller {
            is_self: myself.is_some_and(|myself| myself.id == person.id),
            is_admin: myself.is_none_or(|myself| myself.is("isAdmin") || myself.is("isOwner")),
        };
        let is_others_owner = person.is("isOwner") && !caller.is_self && Mode::of(switches).is_docspace();
        if !switches.flag("may_edit") || !(caller.is_self || caller.is_admin) || is_others_owner {
            return Err(Failure::MayNotEdit);
        }
        if person.status(switches) == TERMINATED {
            return Err(Failure::Internal("The user is suspended."));
        }
        Ok((person.clone(), caller))
    }

    /// Saves a person. The answer shows the contacts as they were before they were stored.
    fn save(
        &mut self,
        person: Person,
        unstored: Contacts,
        account: &str,
        request: &Request,
        switches: &Switches,
    ) -> Envelope {
        let mut answered = person.clone();
        answered.contacts = unstored;
        self.people.replace(person);
        Envelope::one(lists::chosen(self.shown(&answered, account, switches), request))
    }

    /// A person as this account sees them.
    fn shown(&self, person: &Person, account: &str, switches: &Switches) -> Map<String, Value> {
        let is_self = person.text("email").to_lowercase() == account.to_lowercase();
        person.shown(&self.people.groups, is_self || switches.flag("may_view_private"), switches)
    }
}

fn throttle(switches: &Switches, limit: u64, wait_s: u64) -> Failure {
    let is_429 = switches.count("throttle_status") == Some(429);
    let status = if is_429 { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::SERVICE_UNAVAILABLE };
    Failure::Throttled { status, limit, wait_s }
}

fn is_throttle_status(value: &Value) -> bool {
    *value == 503 || *value == 429
}

fn are_texts(value: &Value) -> bool {
    value.as_array().is_some_and(|items| items.iter().all(Value::is_string))
}

fn sample_accounts() -> Vec<Account> {
    vec![Account { user_name: USER_NAME.to_owned(), password: PASSWORD.to_owned() }]
}

fn parse_accounts(accounts: &Value) -> Result<Vec<Account>, String> {
    let text = |account: &Value, name: &str| account.get(name).and_then(Value::as_str).map(str::to_owned);
    let parse = |account: &Value| {
        Some(Account { user_name: text(account, "userName")?, password: text(account, "password")? })
    };
    let accounts = accounts.as_array().and_then(|accounts| accounts.iter().map(parse).collect());
    accounts.ok_or_else(|| "accounts are a list of {\"userName\",\"password\"}, all texts".to_owned())
}
