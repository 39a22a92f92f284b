//! `people keys`: the API keys, for an administrator. A key is shown when it is created and never again, because the
//! store has its hash alone.

use std::io::Write;
use std::sync::Arc;

use people_adapters::dynamodb::DynamoKeys;
use people_adapters::system::SystemClock;
use people_core::ports::{ApiKey, Clock, Created, Feature, KeyHash, Keys, Revoked};
use people_core::shown::Shown;
use people_core::time::Timestamp;
use serde::Serialize;

use crate::failure::{Doing, Failure};
use crate::place::Place;
use crate::serve::{say, tell};
use crate::state::random_text;

/// The fewest digits of an id that name a key.
const LEAST_DIGITS: usize = 4;

/// What to do with the keys.
pub enum Command {
    /// Create one.
    Create(New),
    /// List them all, as JSON or as a table.
    List {
        /// Whether as JSON.
        json: bool,
    },
    /// Revoke the one whose id begins like this.
    Revoke(String),
}

/// A key that is to be created.
pub struct New {
    /// Its name, checked.
    pub name: String,
    /// What it may be used for.
    pub features: Vec<Feature>,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
}

/// Carries a command out, and says on standard error where.
pub async fn run(command: Command, place: &Place) -> Result<(), Failure> {
    tell(&format!("At {place}, table {}:", place.tables.keys));
    let clock = Arc::new(SystemClock::default());
    let now = clock.now();
    let keys = DynamoKeys::new(place.connect().await?.dynamodb, &place.tables, clock);
    match command {
        Command::Create(new) => create(&keys, new, now).await,
        Command::List { json } => list(&keys, json, now).await,
        Command::Revoke(id) => revoke(&keys, &id).await,
    }
}

async fn create(keys: &dyn Keys, new: New, now: Timestamp) -> Result<(), Failure> {
    let text = random_text()?;
    let key = ApiKey::new(KeyHash::of(&text), new.name, new.features, now);
    let key = ApiKey { expires_at: new.expires_at, ..key };
    match keys.create(&key).await.map_err(failure)? {
        Created::New => {}
        Created::Before => return Err(Failure("there is such a key already: try again".to_owned())),
    }
    let mut screen = std::io::stdout();
    if let Err(error) = writeln!(screen, "{text}").and_then(|()| screen.flush()) {
        keys.revoke(&key.hash).await.map_err(failure)?;
        return Err(Failure(format!("could not print the key, so it was revoked: {error}")));
    }
    let until = key.expires_at.map_or("for good".to_owned(), |at| format!("until {}", at.to_rfc3339()));
    let (id, name) = (key.id(), Shown::new(&key.name));
    tell(&format!("Key {id} {name} opens {} {until}. It is shown this once.", features(&key)));
    if key.is_expired(now) {
        tell("Warning: that time is over, so the key does not work.");
    }
    Ok(())
}

async fn list(keys: &dyn Keys, json: bool, now: Timestamp) -> Result<(), Failure> {
    let all = keys.list().await.map_err(failure)?;
    if json {
        let all: Vec<_> = all.iter().map(Listed::of).collect();
        say(&serde_json::to_string_pretty(&all).doing("write the list")?);
        return Ok(());
    }
    if all.is_empty() {
        tell("There are no keys.");
        return Ok(());
    }
    let head = ["ID", "NAME", "FEATURES", "CREATED", "LAST USED", "EXPIRES", "STATE"].map(str::to_owned);
    let rows: Vec<_> = std::iter::once(head).chain(all.iter().map(|key| row(key, now))).collect();
    say(&table(&rows));
    Ok(())
}

async fn revoke(keys: &dyn Keys, id: &str) -> Result<(), Failure> {
    let unknown = || Failure("there is no key of this id: `people keys list` shows them".to_owned());
    let wanted = id.trim().to_ascii_lowercase();
    if wanted.len() < LEAST_DIGITS {
        return Err(Failure(format!("at least {LEAST_DIGITS} digits of the id have to be given")));
    }
    let all = keys.list().await.map_err(failure)?;
    let mut named = all.iter().filter(|key| key.id().starts_with(&wanted));
    let (Some(key), others) = (named.next(), named.count()) else { return Err(unknown()) };
    if others > 0 {
        return Err(Failure(format!("{} keys begin like this: give more digits", others + 1)));
    }
    match keys.revoke(&key.hash).await.map_err(failure)? {
        Revoked::Revoked => {}
        Revoked::Unknown => return Err(unknown()),
    }
    say(&format!("Revoked {} {}. It stops working within a minute.", key.id(), Shown::new(&key.name)));
    Ok(())
}

fn failure(error: people_core::error::StoreError) -> Failure {
    Failure(error.to_string())
}

fn features(key: &ApiKey) -> String {
    let names: Vec<_> = key.features.iter().map(|feature| feature.as_str()).collect();
    names.join(", ")
}

/// A key as `list --json` shows it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed<'a> {
    id: String,
    name: &'a str,
    features: Vec<&'static str>,
    created_at: String,
    last_used_at: Option<String>,
    expires_at: Option<String>,
    revoked: bool,
}

impl Listed<'_> {
    fn of(key: &ApiKey) -> Listed<'_> {
        Listed {
            id: key.id(),
            name: &key.name,
            features: key.features.iter().map(|feature| feature.as_str()).collect(),
            created_at: key.created_at.to_rfc3339(),
            last_used_at: key.last_used.map(Timestamp::to_rfc3339),
            expires_at: key.expires_at.map(Timestamp::to_rfc3339),
            revoked: key.revoked,
        }
    }
}

type Row = [String; 7];

fn row(key: &ApiKey, now: Timestamp) -> Row {
    let or_never = |at: Option<Timestamp>| at.map_or("never".to_owned(), Timestamp::to_rfc3339);
    let state = match (key.revoked, key.is_expired(now)) {
        (true, _) => "revoked",
        (false, true) => "expired",
        (false, false) => "works",
    };
    [
        key.id(),
        Shown::new(&key.name).to_string(),
        features(key),
        key.created_at.to_rfc3339(),
        or_never(key.last_used),
        or_never(key.expires_at),
        state.to_owned(),
    ]
}

/// The rows, each column as wide as its widest cell.
fn table(rows: &[Row]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let line = |row: &Row| {
        let cells = row.iter().enumerate().map(|(column, cell)| format!("{cell:<0$}", width(column)));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use people_core::memory::MemoryKeys;

    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn key(first: u8, last: u8) -> ApiKey {
        let mut hash = [0xab; 32];
        (hash[0], hash[5]) = (first, last);
        ApiKey::new(KeyHash(hash), "n", [Feature::ImportLogs], at(0))
    }

    #[tokio::test]
    async fn an_id_or_its_beginning_revokes_one_key_and_never_several() {
        let keys = MemoryKeys::default();
        for key in [key(1, 1), key(2, 1), key(2, 2)] {
            keys.create(&key).await.unwrap();
        }
        for (id, told) in [
            ("03abababab01", "there is no key of this id: `people keys list` shows them"),
            ("nonsense", "there is no key of this id: `people keys list` shows them"),
            ("01a", "at least 4 digits of the id have to be given"),
            ("02ababababab", "there is no key of this id: `people keys list` shows them"),
            ("02ab", "2 keys begin like this: give more digits"),
        ] {
            assert_eq!(revoke(&keys, id).await.unwrap_err().0, told, "{id}");
        }
        for id in ["01ab", "02ABABABAB02", " 02abababab02 "] {
            revoke(&keys, id).await.unwrap();
        }
        let revoked: Vec<_> = keys.list().await.unwrap().iter().map(|key| key.revoked).collect();
        assert_eq!(revoked, [true, false, true]);
    }

    #[test]
    fn a_table_shows_what_holds_and_no_name_can_forge_a_line() {
        let plain = key(1, 1);
        let expired = ApiKey {
            name: "a\nb".into(),
            expires_at: Some(at(1_000)),
            last_used: Some(at(0)),
            features: Feature::ALL.into(),
            ..key(2, 2)
        };
        let revoked = ApiKey { revoked: true, ..expired.clone() };
        let rows: Vec<_> = [plain, expired, revoked].iter().map(|key| row(key, at(1_000))).collect();
        assert_eq!(
            table(&rows),
            "01abababab01  'n'        ImportLogs                           1970-01-01T00:00:00Z  never                 never                 works\n\
             02abababab02  'a\\u{a}b'  PeopleImport, Documents, ImportLogs  1970-01-01T00:00:00Z  1970-01-01T00:00:00Z  1970-01-01T00:00:01Z  expired\n\
             02abababab02  'a\\u{a}b'  PeopleImport, Documents, ImportLogs  1970-01-01T00:00:00Z  1970-01-01T00:00:00Z  1970-01-01T00:00:01Z  revoked"
        );
    }
}
