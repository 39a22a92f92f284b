//! A body that arrived in S3 is imported: a large one that a caller was told where to send, or one whose caller does not
//! wait. The event comes at least once, perhaps late; what it misses, the schedule finds.

use std::time::Duration;

use people_adapters::staged::{self, Ran};
use people_adapters::system;
use people_core::body::BodyKey;
use people_core::error::StoreError;
use people_core::id::ImportId;
use people_core::ports::App;
use people_core::time::Timestamp;
use serde::{Deserialize, Serialize};

/// How long before its end the function stops delivering: what came of it has to be written down.
const STOPS_BEFORE: Duration = Duration::from_secs(10);

/// An object was created, as EventBridge tells of it.
#[derive(Debug, Clone, Deserialize)]
pub struct Arrived {
    detail: Detail,
}

#[derive(Debug, Clone, Deserialize)]
struct Detail {
    object: Object,
}

#[derive(Debug, Clone, Deserialize)]
struct Object {
    /// Not encoded, other than in the notifications that S3 sends itself.
    key: String,
}

/// What came of an event, as the function's result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Came {
    /// The import was carried out.
    Done,
    /// There was nothing to do: somebody else is at work on it, or was.
    Nothing,
}

/// Why a body was not imported. Lambda tries again, and at last keeps the event.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// No body of an import has this key; it is not told, as it may be anybody's text.
    #[error("the object that arrived is no body of an import")]
    NoBody,
    /// A store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Imports the body that has arrived; the function itself ends at `ends`.
///
/// # Errors
/// When a store failed, or the event is about another object.
pub async fn handle(app: &App, arrived: Arrived, ends: Timestamp) -> Result<Came, Failed> {
    let import = BodyKey::import_of(&arrived.detail.object.key).ok_or(Failed::NoBody)?;
    let stops_before = i64::try_from(STOPS_BEFORE.as_millis()).unwrap_or(i64::MAX);
    let until = Timestamp::from_millis(ends.millis().saturating_sub(stops_before));
    let ran = staged::run(app, import, &system::new_holder()?, until).await?;
    Ok(told(import, &ran))
}

fn told(import: ImportId, ran: &Ran) -> Came {
    let why = match ran {
        Ran::Done(_) => return Came::Done,
        Ran::NoBody => "its body is gone",
        Ran::Busy => "somebody else is at work on it",
        Ran::Ended => "it has ended before",
        Ran::Unknown => "it has no log",
    };
    tracing::info!(import.id = %import, "import {import} was left alone: {why}");
    Came::Nothing
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use people_core::memory::{self, ManualClock};

    use super::*;

    const ID: &str = "0192f0c1-7c00-7a3b-8c4d-000102030405";

    async fn came(key: &str) -> Result<Came, Failed> {
        let app = memory::app(Arc::new(ManualClock::at(Timestamp::from_millis(0))));
        let object = Object { key: key.to_owned() };
        handle(&app, Arrived { detail: Detail { object } }, Timestamp::from_millis(900_000)).await
    }

    #[tokio::test]
    async fn an_event_about_another_object_fails_and_does_not_repeat_its_key() {
        for key in [format!("documents/{ID}"), format!("staged/{ID}/x"), "staged/secret".to_owned()] {
            let failed = came(&key).await.unwrap_err();
            assert!(matches!(failed, Failed::NoBody), "{key}");
            assert!(!failed.to_string().contains("secret"));
        }
    }

    #[tokio::test]
    async fn an_event_about_a_body_that_is_gone_is_done_with() {
        assert_eq!(came(&format!("staged/{ID}")).await.unwrap(), Came::Nothing);
    }
}
