//! A body that is too large for a request: it is announced, PUT where the answer says, and its log tells what came of it.

use std::time::{Duration, Instant};

use http::Method;
use people_adapters::http::Route;
use people_core::hex;
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::answer::{Judged, said};
use super::api::{Api, Call, value};
use super::body::Body;
use super::journal::{Announced, Journal, Place};
use crate::failure::{Doing, Failure};
use crate::serve::tell;

/// How long to wait between two looks at a log, at first and at most.
const FIRST_LOOK: Duration = Duration::from_millis(200);
const LONGEST_LOOK: Duration = Duration::from_secs(5);

/// The answer to an announcement.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answered {
    request_id: String,
    url: String,
    headers: std::collections::BTreeMap<String, String>,
}

/// Sends a body this way. What was announced before an interruption is gone on with.
pub(super) async fn send(
    api: &mut Api,
    journal: &mut Journal,
    place: Place,
    body: &Body,
) -> Result<Judged, Failure> {
    loop {
        let before = journal.run().upload.clone();
        let is_new = before.is_none();
        let announced = match before {
            Some(announced) => announced,
            None => {
                let announced = announce(api, body).await?;
                journal.announced(place, announced.clone())?;
                announced
            }
        };
        if arrives(api, &announced, body, is_new).await? {
            return watch(api, &announced.import, body.parts).await;
        }
        journal.forget_upload();
    }
}

async fn announce(api: &mut Api, body: &Body) -> Result<Announced, Failure> {
    let sha256: [u8; 32] = Sha256::digest(&body.bytes).into();
    let announcement = json!({
        "contentType": body.content_type, "bytes": body.bytes.len(), "sha256": hex::encode(&sha256),
    });
    let headers = vec![("content-type", value("application/json")?)];
    let url = api.to.of(Route::Uploads);
    let call = api.with_key(Method::POST, url, headers, announcement.to_string().into());
    let answer = api.call(&call).await?;
    if answer.status.as_u16() != 201 {
        return Err(api.refused(&answer));
    }
    let answered: Answered = serde_json::from_slice(&answer.body).doing("read where a large body goes")?;
    Ok(Announced { import: answered.request_id, url: answered.url, headers: answered.headers })
}

/// Sends the body to the store. False where what was announced a while ago is not waited for any more.
async fn arrives(api: &mut Api, announced: &Announced, body: &Body, is_new: bool) -> Result<bool, Failure> {
    let headers = announced.headers.iter().map(|(name, text)| Ok((name.as_str(), value(text)?)));
    let call = Call {
        method: Method::PUT,
        url: announced.url.clone(),
        headers: headers.collect::<Result<_, Failure>>()?,
        body: body.bytes.clone(),
    };
    let answer = api.call(&call).await?;
    match answer.status.as_u16() {
        // 412: it is there already.
        200..=299 | 412 => Ok(true),
        _ if !is_new => Ok(false),
        _ => Err(Failure(format!("where a large body goes, {}", said(&answer)))),
    }
}

/// Waits for the end of an import. A key that may not look at logs learns nothing more of it.
async fn watch(api: &mut Api, import: &str, parts: usize) -> Result<Judged, Failure> {
    let (began, mut pause) = (Instant::now(), FIRST_LOOK);
    while began.elapsed() < api.patience() {
        let headers = vec![("accept", value("application/json")?)];
        let call = api.with_key(Method::GET, api.to.of_log(import), headers, bytes::Bytes::new());
        let answer = api.call(&call).await?;
        if answer.status.as_u16() != 200 {
            tell(&format!(
                "Import {import} is under way; with a key that is for ImportLogs too, its end is seen."
            ));
            return Ok(Judged::pending(import.to_owned(), parts));
        }
        if let Some(judged) = Judged::read(&answer, parts)? {
            return Ok(judged);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_LOOK);
    }
    tell(&format!("Import {import} is still under way; its log will tell how it ends."));
    Ok(Judged::pending(import.to_owned(), parts))
}
