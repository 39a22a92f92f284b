//! The control API: state, calls, switches, reset, and how a simulator starts and stops.
//! Every other test leans on it.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::client::{Client, JOE, update_path};
use crate::Simulator;

#[tokio::test]
async fn a_simulator_starts_with_the_sample_people() {
    let client = Client::aktion().await;
    let state = client.get("/_sim/state").await.json();
    let people = state["people"].as_array().unwrap();
    assert_eq!(people.len(), 205);
    assert_eq!(people[0]["PersonId"], "100200300");
    assert_eq!(people[0]["Email"], "joe@company.com");
    assert_eq!(people[4]["Email"], "cio@company.com");
    assert_eq!(people[4]["PersonId"], "100200304");
    assert_eq!(people[5]["PersonId"], "200000");
    assert_eq!(people[204]["PersonId"], "200199");
    assert_eq!(people[204]["Email"], "person199@company.com");
    assert!(people.iter().all(|person| person["UdsCollection"] == json!([])));
    assert!(people.iter().all(|person| person["Name"].is_string() && person["Surname"].is_string()));
}

#[tokio::test]
async fn a_state_that_is_put_replaces_the_old_one() {
    let client = Client::aktion().await;
    let state = json!({"people": [{"personid": "7", "email": "x@y.z", "PIN": "1234",
        "UdsCollection": [{"SystemName": "a2s1", "Value": "v"}]}]});
    assert_eq!(client.control("PUT /_sim/state", state).await.status, 200);
    let person = json!({"PersonId": "7", "Email": "x@y.z", "PIN": "1234",
        "UdsCollection": [{"SystemName": "a2s1", "Value": "v"}]});
    let stored = client.get("/_sim/state").await.json();
    assert_eq!(stored["people"], json!([person]));
    assert_eq!(stored["users"].as_array().unwrap().len(), 1, "the sample user stays");
    assert_eq!(client.control("PUT /_sim/state", stored.clone()).await.json(), stored);
    assert_eq!(client.control("PUT /_sim/state", json!({})).await.json()["people"], json!([]));
}

#[tokio::test]
async fn a_state_that_is_wrong_changes_nothing() {
    let client = Client::aktion().await;
    let wrong = [
        json!([]),
        json!({"persons": []}),
        json!({"people": {}}),
        json!({"people": [{"Name": "No key"}]}),
        json!({"people": [{"PersonId": "a"}, {"PersonId": "A"}]}),
        json!({"people": [{"PersonId": "a", "UdsCollection": [{}]}]}),
        json!({"users": [{"UserLogin": "only"}]}),
    ];
    for state in wrong {
        let reply = client.control("PUT /_sim/state", state.clone()).await;
        assert_eq!(reply.status, 400, "{state}");
        assert!(reply.json()["error"].is_string());
    }
    assert_eq!(client.get("/_sim/state").await.json()["people"].as_array().unwrap().len(), 205);
}

#[tokio::test]
async fn users_of_the_state_are_those_who_may_log_in() {
    let client = Client::aktion().await;
    let state = json!({"people": [], "users": [{"UserLogin": "other", "ApiKey": "k"}]});
    client.control("PUT /_sim/state", state).await;
    assert_eq!(client.post("/login", &json!({"userlogin": "OTHER", "apikey": "k"})).await.status, 200);
    assert_eq!(client.post("/login", &super::client::right_credentials()).await.code(), (401, 1003));
}

#[tokio::test]
async fn every_call_is_logged_and_no_control_call_is() {
    let client = Client::aktion().await;
    client.send("PUT /some/where?a=%20b HTTP/1.1\r\nX-Test: one\r\nx-test: two", "text").await.unwrap();
    client.get("/_sim/state").await;
    let calls = client.calls().await;
    assert_eq!(calls.len(), 1);
    let call = &calls[0];
    assert_eq!(
        (&call["method"], &call["path"], &call["query"]),
        (&json!("PUT"), &json!("/some/where"), &json!("a=%20b"))
    );
    assert_eq!((&call["body"], &call["status"], &call["inFlight"]), (&json!("text"), &json!(404), &json!(1)));
    assert_eq!(call["headers"]["x-test"], "one, two");
    assert!(call["at"].as_i64().unwrap() > 1_700_000_000_000);
    assert_eq!(client.control("DELETE /_sim/calls", Value::Null).await.status, 200);
    assert!(client.calls().await.is_empty());
}

#[tokio::test]
async fn a_call_is_visible_before_it_is_answered_and_counts_as_in_flight() {
    let client = Client::aktion().await;
    client.switch(json!({"latency_ms": 300})).await;
    let (first, calls) = tokio::join!(client.get("/one"), async {
        client.calls_once(1).await;
        client.switch(json!({"latency_ms": 0})).await;
        client.get("/two").await;
        client.calls().await
    });
    assert_eq!(first.status, 404);
    assert_eq!((&calls[0]["status"], &calls[0]["inFlight"]), (&Value::Null, &json!(1)));
    assert_eq!((&calls[1]["status"], &calls[1]["inFlight"]), (&json!(404), &json!(2)));
    assert_eq!(client.calls().await[0]["status"], 404);
    client.get("/three").await;
    assert_eq!(client.calls().await[2]["inFlight"], 1);
}

#[tokio::test]
async fn a_call_that_ends_after_its_log_was_forgotten_is_not_taken_for_another() {
    let client = Client::aktion().await;
    client.faults(json!([{"path": "/slow", "delay_ms": 200, "status": 503}])).await;
    tokio::join!(client.get("/slow"), async {
        client.calls_once(1).await;
        client.control("DELETE /_sim/calls", Value::Null).await;
        client.faults(json!([{"path": "/slower", "delay_ms": 600}])).await;
    });
    let (_, status) =
        tokio::join!(client.get("/slower"), async { client.calls_once(1).await[0]["status"].clone() });
    assert_eq!(status, Value::Null);
    let calls = client.calls().await;
    assert_eq!((calls.len(), &calls[0]["status"]), (1, &json!(404)));
}

#[tokio::test]
async fn a_caller_that_hangs_up_does_not_end_its_call() {
    let client = Client::aktion().await;
    let token = client.log_in().await;
    client.faults(json!([{"path": "/person/update", "delay_ms": 50}])).await;
    let body = json!({"PersonId": JOE, "Name": "Changed"}).to_string();
    let mut stream = TcpStream::connect(client.0.url().strip_prefix("http://").unwrap()).await.unwrap();
    let head =
        format!("POST {} HTTP/1.1\r\nhost: sim\r\ncontent-type: application/json", update_path(&token));
    stream
        .write_all(format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).as_bytes())
        .await
        .unwrap();
    client.calls_once(2).await;
    drop(stream);
    while client.calls().await[1]["status"].is_null() {}
    assert_eq!(client.stored(JOE).await["Name"], "Changed");
}

#[tokio::test]
async fn switches_have_the_defaults_of_the_contract() {
    let column = |name: &str| json!({"name": name, "type": "nvarchar(100)", "read_only": false});
    let expected = json!({
        "latency_ms": 0, "limit": null, "token_life_s": 20, "token_sliding": false, "clock_offset_s": 0,
        "rate_per_s": null, "blocked_ips": [], "upsert_unknown": false, "null_clears": false,
        "atomic_identifiers": false, "product": "next", "error_html": false, "get_all": true,
        "columns": [column("a2s1"), column("a2s2"), column("a2s3"), column("a2s4")],
    });
    assert_eq!(Client::aktion().await.get("/_sim/switches").await.json(), expected);
}

#[tokio::test]
async fn switches_are_merged() {
    let client = Client::aktion().await;
    client.switch(json!({"product": "cloud"})).await;
    client.switch(json!({"limit": 3})).await;
    let switches = client.get("/_sim/switches").await.json();
    assert_eq!((&switches["product"], &switches["limit"]), (&json!("cloud"), &json!(3)));
    client.switch(json!({"limit": null})).await;
    assert_eq!(client.get("/_sim/switches").await.json()["limit"], Value::Null);
}

#[tokio::test]
async fn a_switch_that_is_unknown_or_mistyped_is_refused_with_all_that_came_with_it() {
    let client = Client::aktion().await;
    let before = client.get("/_sim/switches").await.json();
    let wrong = [
        json!({"error_html": true, "latency": 5}),
        json!({"error_html": true, "latency_ms": null}),
        json!({"latency_ms": -1}),
        json!({"limit": "3"}),
        json!({"token_life_s": null}),
        json!({"product": "other"}),
        json!({"blocked_ips": "127.0.0.1"}),
        json!({"columns": [{"name": "a", "type": "blob"}]}),
        json!({"columns": [{"name": "a", "type": "bit", "readonly": true}]}),
        json!([]),
    ];
    for switches in wrong {
        assert_eq!(client.control("PUT /_sim/switches", switches.clone()).await.status, 400, "{switches}");
    }
    assert_eq!(client.send("PUT /_sim/switches HTTP/1.1", "{").await.unwrap().status, 400);
    assert_eq!(client.get("/_sim/switches").await.json(), before);
}

#[tokio::test]
async fn a_reset_brings_everything_back_to_the_beginning() {
    let client = Client::aktion().await;
    let state = client.get("/_sim/state").await.json();
    let token = client.log_in().await;
    client.control("PUT /_sim/state", json!({})).await;
    client.switch(json!({"upsert_unknown": true})).await;
    client.faults(json!([{"status": 500}])).await;
    assert_eq!(client.get("/person/get").await.status, 500);
    assert_eq!(client.control("DELETE /_sim", Value::Null).await.status, 200);
    assert!(client.calls().await.is_empty());
    assert_eq!(client.get("/_sim/state").await.json(), state);
    assert_eq!(client.get("/_sim/switches").await.json()["upsert_unknown"], false);
    let reply = client.post(&update_path(&token), &json!({"PersonId": JOE})).await;
    assert_eq!(reply.code(), (401, 1000), "neither the fault nor the token is left");
}

#[tokio::test]
async fn control_calls_that_do_not_exist_are_refused() {
    let client = Client::aktion().await;
    assert_eq!(client.get("/_sim/nothing").await.status, 404);
    assert_eq!(client.get("/_sim").await.status, 405);
    assert_eq!(client.control("DELETE /_sim/state", Value::Null).await.status, 405);
    assert!(client.calls().await.is_empty());
}

#[tokio::test]
async fn a_connection_serves_many_calls() {
    let client = Client::aktion().await;
    let mut stream = TcpStream::connect(client.0.url().strip_prefix("http://").unwrap()).await.unwrap();
    let mut buffer = vec![0; 16 * 1024];
    for _ in 0..3 {
        stream.write_all(b"HEAD /x HTTP/1.1\r\nhost: sim\r\n\r\n").await.unwrap();
        let length = stream.read(&mut buffer).await.unwrap();
        assert!(buffer[..length].starts_with(b"HTTP/1.1 404"));
    }
    assert_eq!(client.calls().await.len(), 3);
}

#[tokio::test]
async fn a_stopped_simulator_frees_its_port_and_cuts_its_connections() {
    let client = Client::aktion().await;
    let address = client.0.url().strip_prefix("http://").unwrap().to_owned();
    let mut open = TcpStream::connect(&address).await.unwrap();
    client.0.stop().await;
    assert_eq!(open.read(&mut [0; 8]).await.unwrap_or(0), 0);
    let again = Simulator::aktion(TcpListener::bind(&address).await.unwrap()).unwrap();
    assert_eq!(again.url(), format!("http://{address}"));
}

#[tokio::test]
async fn a_dropped_simulator_cuts_its_connections() {
    let client = Client::aktion().await;
    let mut open = TcpStream::connect(client.0.url().strip_prefix("http://").unwrap()).await.unwrap();
    drop(client);
    assert_eq!(open.read(&mut [0; 8]).await.unwrap_or(0), 0);
}
