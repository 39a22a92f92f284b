//! The HTTP client alone: its bounds, and that its faults tell what may have happened and nothing else.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use people_adapters::http_client::{Answer, HttpClient, HttpFault, Limits, Trust};
use serde_json::json;

use super::stage::Stage;

async fn get(stage: &Stage, bytes: usize, time: Duration) -> Result<Answer, HttpFault> {
    let uri = format!("{}/anything?Token=secret", stage.simulator.url());
    let request = Request::get(uri).body(Full::new(Bytes::new())).unwrap();
    HttpClient::new(&Trust::inside()).unwrap().send(request, Limits { time, bytes }).await
}

const LONG: Duration = Duration::from_secs(10);

#[tokio::test]
async fn an_answer_may_have_as_many_bytes_as_allowed_and_no_more() {
    let stage = Stage::new().await;
    for length in [0, 10, 1_000_000] {
        stage.faults(json!([{"path": "/anything", "body": "x".repeat(length)}])).await;
        assert_eq!(get(&stage, length, LONG).await.unwrap().body.len(), length);
        if length > 0 {
            assert_eq!(get(&stage, length - 1, LONG).await.unwrap_err(), HttpFault::TooLarge);
        }
    }
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_not_waited_for() {
    let stage = Stage::new().await;
    stage.faults(json!([{"path": "/anything", "delay_ms": 60_000}])).await;
    assert_eq!(get(&stage, 10, Duration::from_millis(20)).await.unwrap_err(), HttpFault::TimedOut);
}

#[tokio::test]
async fn a_cut_connection_is_told_from_one_that_never_was() {
    let stage = Stage::new().await;
    stage.faults(json!([{"path": "/anything", "close": "after"}])).await;
    assert_eq!(get(&stage, 10, LONG).await.unwrap_err(), HttpFault::Cut);
    let listener = simulators::free_port().await.unwrap();
    let uri = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let request = Request::get(uri).body(Full::new(Bytes::new())).unwrap();
    let fault = HttpClient::new(&Trust::inside())
        .unwrap()
        .send(request, Limits { time: LONG, bytes: 10 })
        .await
        .unwrap_err();
    assert_eq!(fault, HttpFault::Connect);
}

#[tokio::test]
async fn what_is_printed_of_an_answer_is_its_status() {
    let stage = Stage::new().await;
    stage.faults(json!([{"path": "/anything", "status": 418, "body": "private"}])).await;
    assert_eq!(format!("{:?}", get(&stage, 10, LONG).await), "Ok(Answer(418))");
}
