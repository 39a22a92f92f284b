//! What happens in the cloud when an object arrives in the bucket: EventBridge tells staged-import of a body that waits, and
//! Lambda calls it until it succeeds, three times at most.

use std::sync::Arc;
use std::time::Duration;

use embedded_s3::{Created, How};
use people_adapters::Live;
use people_core::body::BodyKey;
use serde_json::{Value, json};
use staged_import::Arrived;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedReceiver;

/// How long staged-import takes at most, as in the cloud.
const LONGEST: Duration = Duration::from_secs(15 * 60);
/// How long Lambda waits before it tries again, and again.
const PAUSES: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(120)];
/// How many bodies are imported at once, as in the cloud.
const AT_ONCE: usize = 5;

/// Imports the bodies that arrive, until the task is dropped. Each run has one of `permits`, so that the process can wait
/// for it.
pub async fn import(mut arrivals: UnboundedReceiver<Created>, live: Arc<Live>, permits: Arc<Semaphore>) {
    let at_once = Arc::new(Semaphore::new(AT_ONCE));
    while let Some(created) = arrivals.recv().await {
        // The rule in the template lets no others through.
        if BodyKey::import_of(&created.key).is_none() {
            continue;
        }
        let (live, permits, at_once) = (Arc::clone(&live), Arc::clone(&permits), Arc::clone(&at_once));
        tokio::spawn(async move { invoke(&event(&created), &live, [&at_once, &permits]).await });
    }
}

/// What EventBridge tells of an object that was created.
fn event(created: &Created) -> Value {
    let Created { how, bucket, key, size, etag, sequencer, .. } = created;
    let reason = match how {
        How::Put => "PutObject",
        How::Copy => "CopyObject",
        How::CompleteMultipartUpload => "CompleteMultipartUpload",
    };
    json!({
        "version": "0",
        "source": "aws.s3",
        "detail-type": "Object Created",
        "resources": [format!("arn:aws:s3:::{bucket}")],
        "detail": {
            "version": "0",
            "bucket": {"name": bucket},
            "object": {"key": key, "size": size, "etag": etag, "sequencer": sequencer},
            "reason": reason,
        },
    })
}

async fn invoke(event: &Value, live: &Live, permits: [&Semaphore; 2]) {
    for pause in PAUSES.map(Some).into_iter().chain([None]) {
        if once(event, live, permits).await {
            return;
        }
        match pause {
            Some(pause) => tokio::time::sleep(pause).await,
            // In the cloud the event is kept as a dead letter. Here as there, the schedule finds what it was about.
            None => tracing::error!("a body that arrived was not imported, and is not tried any more"),
        }
    }
}

async fn once(event: &Value, live: &Live, [at_once, permits]: [&Semaphore; 2]) -> bool {
    let (_one, _permit) = (at_once.acquire().await, permits.acquire().await);
    let Ok(arrived) = serde_json::from_value::<Arrived>(event.clone()) else { return false };
    let app = live.app().await;
    let imported = staged_import::handle(&app, arrived, app.clock.now().plus(LONGEST)).await;
    if let Err(error) = &imported {
        tracing::warn!(%error, "a body that arrived was not imported");
    }
    imported.is_ok()
}
