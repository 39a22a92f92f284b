//! The sample configuration and the sample batch, compiled in, so that a first start shows a whole import.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, header};
use http_body_util::Full;
use people_adapters::http_client::{HttpClient, Limits, Trust};
use people_adapters::secrets::Secrets;
use serde_json::json;

use crate::failure::{Doing, Failure};

/// The sample profile definition.
pub const PROFILE_DEFINITION: &[u8] = include_bytes!("../../profile-definition.json");
/// The sample targets: simulators.
pub const TARGETS: &[u8] = include_bytes!("../../targets.json");

const PEOPLE: &[u8] = include_bytes!("../../sample/people.json");
const PAYSLIP: &[u8] = include_bytes!("../../sample/payslip.pdf");
const PAYSLIP_NAME: &str = "joe@company.com__salary__March 2023.pdf";
const BOUNDARY: &str = "sample-batch";

/// What came of the sample import.
pub struct Shown {
    /// The status code of the answer.
    pub status: u16,
    /// Its body: the GUID.
    pub request_id: String,
    /// The import log, as text.
    pub log: String,
}

/// The header that an API key is sent in.
pub(crate) const KEY_HEADER: &str = "x-functions-key";

/// What the simulators take for credentials, by the names that the sample targets give them.
///
/// # Errors
/// When they are not written as credentials are.
pub fn secrets() -> Result<Secrets, Failure> {
    let secrets = json!({
        "aktion": {"userLogin": simulators::aktion::USER_LOGIN, "apiKey": simulators::aktion::API_KEY},
        "esystems": {
            "clientId": simulators::esystems::CLIENT_ID,
            "clientSecret": simulators::esystems::CLIENT_SECRET,
        },
        "onlyoffice": {
            "userName": simulators::onlyoffice::USER_NAME,
            "password": simulators::onlyoffice::PASSWORD,
        },
        "scim": {"token": simulators::scim::TOKEN},
    });
    Secrets::parse(secrets.to_string().as_bytes()).doing("read the simulators' credentials")
}

/// Sends the sample batch to the API at `api`, and looks its log up.
pub async fn import(api: &str, import_key: &str, logs_key: &str) -> Result<Shown, Failure> {
    let client = HttpClient::new(&Trust::inside()).doing("make an HTTP client")?;
    let limits = Limits { time: Duration::from_secs(60), bytes: 1024 * 1024 };
    let request = Request::put(format!("{api}/api/PeopleImport"))
        .header(KEY_HEADER, import_key)
        .header(header::CONTENT_TYPE, format!("multipart/form-data; boundary={BOUNDARY}"))
        .body(Full::new(batch()?))
        .doing("make the sample request")?;
    let answer = client.send(request, limits).await.doing("import the sample batch")?;
    let request_id = String::from_utf8_lossy(&answer.body).into_owned();
    let request = Request::get(format!("{api}/api/ImportLogs/{request_id}"))
        .header(KEY_HEADER, logs_key)
        .body(Full::default())
        .doing("make the sample request")?;
    let log = client.send(request, limits).await.doing("look the sample import up")?;
    Ok(Shown {
        status: answer.status.as_u16(),
        request_id,
        log: String::from_utf8_lossy(&log.body).into_owned(),
    })
}

/// Each person of the sample as a part, and a payslip.
fn batch() -> Result<Bytes, Failure> {
    let people: Vec<&serde_json::value::RawValue> =
        serde_json::from_slice(PEOPLE).doing("read the sample people")?;
    let mut body = Vec::new();
    for person in people {
        let head = "Content-Disposition: form-data; name=\"person\"\r\nContent-Type: application/json";
        part(&mut body, head, person.get().as_bytes());
    }
    let head = format!(
        "Content-Disposition: form-data; name=\"file\"; filename=\"{PAYSLIP_NAME}\"\r\nContent-Type: application/pdf"
    );
    part(&mut body, &head, PAYSLIP);
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    Ok(body.into())
}

fn part(body: &mut Vec<u8>, head: &str, data: &[u8]) {
    body.extend_from_slice(format!("--{BOUNDARY}\r\n{head}\r\n\r\n").as_bytes());
    body.extend_from_slice(data);
    body.extend_from_slice(b"\r\n");
}
