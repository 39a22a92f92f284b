//! A body that is too large for a request: it is announced, PUT where the answer says, and its log tells what came of it.

use std::time::{Duration, Instant};

use http::Method;
use people_adapters::http::Route;
use people_adapters::http_client::Answer;
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

/// What is known of a body that was announced.
#[derive(Debug, PartialEq, Eq)]
enum Arrival {
    /// The store has it, or had it.
    Stored,
    /// It never came, and cannot come any more.
    Never,
    /// Whoever has this key is not told.
    Unseen,
}

/// What the log of an import says of its body.
#[derive(Deserialize)]
struct Log {
    state: String,
    fault: Option<Fault>,
}

#[derive(Deserialize)]
struct Fault {
    code: String,
}

/// Sends a body this way. What was announced before an interruption is gone on with, and only announced again where it is
/// certain that nothing of it arrived: another announcement is another import.
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
        if !journal.run().has_arrived {
            match arrival(api, &announced, body, is_new).await? {
                Arrival::Stored => journal.arrived(place)?,
                Arrival::Unseen => return Ok(unseen(&announced.import, body.parts)),
                Arrival::Never => {
                    journal.forget_upload();
                    continue;
                }
            }
        }
        return watch(api, &announced.import, body.parts).await;
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

/// Sends the body to the store. One that was announced a while ago may be refused for its time is over; then its log
/// tells whether it came in time.
async fn arrival(
    api: &mut Api,
    announced: &Announced,
    body: &Body,
    is_new: bool,
) -> Result<Arrival, Failure> {
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
        200..=299 | 412 => Ok(Arrival::Stored),
        _ if !is_new => arrived_before(api, &announced.import).await,
        _ => Err(Failure(format!("where a large body goes, {}", said(&answer)))),
    }
}

/// Whether the body of an import came before the interruption. As long as it may still come, it is not known.
async fn arrived_before(api: &mut Api, import: &str) -> Result<Arrival, Failure> {
    tell(&format!("Finding out whether the body of import {import} arrived before the interruption"));
    let known = look_until(api, import, Arrival::read).await?;
    known.ok_or_else(|| {
        Failure(format!(
            "whether the body of import {import} arrived is not known until half an hour after its announcement: the \
             same command goes on then"
        ))
    })
}

impl Arrival {
    /// Reads a look at the log. `None` where the body is still waited for.
    fn read(answer: &Answer) -> Result<Option<Arrival>, Failure> {
        match answer.status.as_u16() {
            200 => {}
            404 => return Ok(Some(Arrival::Never)),
            _ => return Ok(Some(Arrival::Unseen)),
        }
        let log: Log = serde_json::from_slice(&answer.body).doing("read the log of an import")?;
        Ok(match (log.fault, log.state.as_str()) {
            (Some(fault), _) if fault.code == "BodyNotReceived" => Some(Arrival::Never),
            (None, "accepted") => None,
            _ => Some(Arrival::Stored),
        })
    }
}

/// What cannot be found out is not sent again: it would be imported twice where it did arrive.
fn unseen(import: &str, parts: usize) -> Judged {
    tell(&format!(
        "Whether the body of import {import} arrived before the interruption is only seen with a key that is for \
         ImportLogs too, so it is not sent again and counts as pending. Where the log of {import} says \
         BodyNotReceived, send what was in it once more."
    ));
    Judged::pending(import.to_owned(), parts)
}

/// Waits for the end of an import. A key that may not look at logs learns nothing more of it.
async fn watch(api: &mut Api, import: &str, parts: usize) -> Result<Judged, Failure> {
    let ended = look_until(api, import, |answer| {
        if answer.status.as_u16() == 200 {
            return Judged::read(answer, parts);
        }
        tell(&format!(
            "Import {import} is under way; with a key that is for ImportLogs too, its end is seen."
        ));
        Ok(Some(Judged::pending(import.to_owned(), parts)))
    });
    Ok(ended.await?.unwrap_or_else(|| {
        tell(&format!("Import {import} is still under way; its log will tell how it ends."));
        Judged::pending(import.to_owned(), parts)
    }))
}

/// Looks at a log until it says what is looked for; `None` where it does not for too long.
async fn look_until<T>(
    api: &mut Api,
    import: &str,
    read: impl Fn(&Answer) -> Result<Option<T>, Failure>,
) -> Result<Option<T>, Failure> {
    let (began, mut pause) = (Instant::now(), FIRST_LOOK);
    while began.elapsed() < api.patience() {
        let headers = vec![("accept", value("application/json")?)];
        let call = api.with_key(Method::GET, api.to.of_log(import), headers, bytes::Bytes::new());
        if let Some(found) = read(&api.call(&call).await?)? {
            return Ok(Some(found));
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_LOOK);
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_body_never_came_only_where_its_log_says_so_or_there_is_none() {
        let log = |state: &str, code: Option<&str>| {
            let fault = code.map(|code| json!({"code": code, "message": "m"}));
            json!({"requestId": "g", "state": state, "status": null, "parts": [], "fault": fault})
        };
        for (status, body, known) in [
            (200, log("accepted", None), None),
            (200, log("running", None), Some(Arrival::Stored)),
            (200, log("done", None), Some(Arrival::Stored)),
            (200, log("done", Some("InvalidRequest")), Some(Arrival::Stored)),
            (200, log("done", Some("BodyNotReceived")), Some(Arrival::Never)),
            (404, Value::Null, Some(Arrival::Never)),
            (401, Value::Null, Some(Arrival::Unseen)),
            (403, Value::Null, Some(Arrival::Unseen)),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let answer = Answer { status, headers: HeaderMap::new(), body: body.to_string().into() };
            assert_eq!(Arrival::read(&answer).unwrap(), known, "{status} {body}");
        }
        let strange =
            Answer { status: StatusCode::OK, headers: HeaderMap::new(), body: "<html>".to_owned().into() };
        assert!(Arrival::read(&strange).is_err());
    }
}
