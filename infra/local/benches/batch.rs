//! How long a batch of 50 takes against a simulated Aktion, as ratios to the target's own latency.
//!
//! `cargo bench -p people --bench batch`. The whole path is measured, from a request to its answer, with the stores in
//! memory, people known to the directory, and the log-in done. Goals are those of the design: with 50 calls at once
//! p50 <= 1.10 and p99 <= 1.25, the first batch <= 1.5; with a limit of N, <= 1.08 x ceil(50 / N), and never more than N calls
//! in flight, as the simulator counts them: more end the bench. The floor is the same 50 calls, made ready before, sent at
//! once by the same HTTP client and answered by the same simulator.

#![expect(clippy::unwrap_used, reason = "a bench that cannot run ends")]

use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Method, Request};
use http_body_util::Full;
use people_adapters::http::Route;
use people_adapters::http_client::{HttpClient, Limits, Trust};
use people_adapters::secrets::{SecretStore, Secrets};
use people_adapters::share::Share;
use people_adapters::system::{FileSpool, SystemClock};
use people_adapters::targets::{self, Context};
use people_core::directory;
use people_core::memory::{self, MemoryKeys, MemoryLeases};
use people_core::ports::{ApiKey, App, Clock, Feature, KeyHash, Keys};
use people_core::profile::Profile;
use serde_json::json;
use simulators::Simulator;

const LATENCY: Duration = Duration::from_millis(50);
const RUNS: usize = 200;
const KEY: &str = "bench";

fn main() {
    // The simulator has a thread of its own, as it would have a machine of its own.
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let simulator = Simulator::aktion(simulators::free_port().await.unwrap()).unwrap();
            send.send(simulator.url().to_owned()).unwrap();
            std::future::pending::<()>().await;
        });
    });
    let url = receive.recv().unwrap();
    // One thread for us, as in Lambda.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        print(&format!("batches of 50, target latency {} ms, {RUNS} runs", LATENCY.as_millis()));
        let columns = ["limit", "ideal", "first", "p50", "p99", "at once"];
        print(&columns.map(|column| format!("{column:>8}")).concat());
        floor(&url).await;
        for limit in [50, 10, 5] {
            measure(&url, limit).await;
        }
    });
}

async fn measure(url: &str, limit: usize) {
    let app = app(url, limit).await;
    latency(url, Duration::ZERO).await;
    directory::sync(&app, app.clock.now().plus(Duration::from_secs(60))).await.unwrap();
    latency(url, LATENCY).await;
    let rounds = 50_usize.div_ceil(limit);
    let ideal = LATENCY * u32::try_from(rounds).unwrap();
    let first = batch(&app, 0).await;
    let mut times = Vec::new();
    for run in 1..=RUNS / rounds {
        times.push(batch(&app, run).await);
    }
    report((&limit.to_string(), ideal), first, times, most_at_once(url).await);
    assert!(most_at_once(url).await <= limit, "more calls were in flight than the limit allows");
}

/// The most calls that were in flight since the simulator was asked to forget them.
async fn most_at_once(url: &str) -> usize {
    let calls = control(url, Method::GET, "/_sim/calls", "").await;
    let in_flight = |call: &serde_json::Value| call["inFlight"].as_u64().unwrap().try_into().unwrap();
    calls.as_array().unwrap().iter().map(in_flight).max().unwrap()
}

/// How long the simulator takes for a call from now on; it forgets the calls before.
async fn latency(url: &str, latency: Duration) {
    control(url, Method::DELETE, "/_sim/calls", "").await;
    let switches = json!({"latency_ms": latency.as_millis()}).to_string();
    control(url, Method::PUT, "/_sim/switches", &switches).await;
}

/// What the simulator and the client alone take.
async fn floor(url: &str) {
    let client = HttpClient::new(&Trust::inside()).unwrap();
    let log_in = json!({"UserLogin": simulators::aktion::USER_LOGIN, "ApiKey": simulators::aktion::API_KEY});
    latency(url, LATENCY).await;
    let mut times = Vec::new();
    for run in 0..=RUNS {
        // A token lives for 20 s, so each batch has a fresh one.
        let answer = client.send(post(&format!("{url}/login"), &log_in), limits()).await.unwrap();
        let answer: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        let update = format!("{url}/person/update?Token={}", answer["Token"].as_str().unwrap());
        let requests: Vec<_> = (0..50)
            .map(|n| json!({"PersonId": (200_000 + n).to_string(), "PhoneNumber": format!("+1 {run}-{n}")}))
            .map(|body| post(&update, &body))
            .collect();
        let start = Instant::now();
        let answers = join_all(requests.into_iter().map(|request| client.send(request, limits()))).await;
        times.push(start.elapsed());
        assert!(answers.iter().all(|answer| answer.as_ref().is_ok_and(|answer| answer.status == 200)));
    }
    let first = times.remove(0);
    report(("floor", LATENCY), first, times, most_at_once(url).await);
}

fn post(url: &str, body: &serde_json::Value) -> Request<Full<Bytes>> {
    let request = Request::post(url).header("content-type", "application/json");
    request.body(Full::new(Bytes::from(body.to_string()))).unwrap()
}

fn limits() -> Limits {
    Limits { time: LATENCY * 100, bytes: 1024 * 1024 }
}

fn report((name, ideal): (&str, Duration), first: Duration, mut times: Vec<Duration>, at_once: usize) {
    times.sort_unstable();
    let ratio = |time: Duration| time.as_secs_f64() / ideal.as_secs_f64();
    let percentile = |percent: usize| ratio(times[(times.len() - 1) * percent / 100]);
    print(&format!(
        "{name:>8} {:>4} ms{:>8.3}{:>8.3}{:>8.3}{at_once:>8}",
        ideal.as_millis(),
        ratio(first),
        percentile(50),
        percentile(99)
    ));
}

/// One batch that changes a field of 50 people; the values differ from run to run.
async fn batch(app: &App, run: usize) -> Duration {
    let people: Vec<_> = (0..50)
        .map(|n| json!({"employeeId": format!("{}", 200_000 + n), "phone": format!("+49 {run}-{n}")}))
        .collect();
    let body = Bytes::from(json!(people).to_string());
    let request = Request::put("/api/PeopleImport")
        .header("x-functions-key", KEY)
        .header("content-type", "application/json")
        .body(())
        .unwrap();
    let (head, ()) = request.into_parts();
    let start = Instant::now();
    let answer = batch_import::answer(app, Route::PeopleImport, &head, Full::new(body)).await;
    let took = start.elapsed();
    assert_eq!(answer.status(), 200, "{}", answer.body());
    took
}

async fn app(url: &str, limit: usize) -> App {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let profile = Profile::parse(people_local::sample::PROFILE_DEFINITION).unwrap();
    let mut config: serde_json::Value = serde_json::from_slice(people_local::sample::TARGETS).unwrap();
    let mut aktion = config["targets"][0].take();
    aktion["limit"] = json!(limit);
    config["targets"] = json!([aktion]);
    let secrets = json!({"aktion": {"userLogin": simulators::aktion::USER_LOGIN, "apiKey": simulators::aktion::API_KEY}});
    let context = Context {
        secrets: Arc::new(SecretStore::fixed(Secrets::parse(secrets.to_string().as_bytes()).unwrap())),
        simulators: HashMap::from([("aktion".to_owned(), url.to_owned())]),
        clock: Arc::clone(&clock),
        engines: targets::Engines::default(),
        leases: Arc::new(MemoryLeases::new(Arc::clone(&clock))),
        share: Share::ALL,
    };
    let targets = targets::connect(config.to_string().as_bytes(), &profile, context).unwrap();
    let keys = MemoryKeys::default();
    let key = ApiKey::new(KeyHash::of(KEY), "bench", [Feature::PeopleImport], clock.now());
    keys.create(&key).await.unwrap();
    App {
        profile: Arc::new(profile),
        targets: targets.into(),
        keys: Arc::new(keys),
        spool: Arc::new(FileSpool),
        ..memory::app(clock)
    }
}

/// Asks the simulator's control API.
async fn control(url: &str, method: Method, path: &str, body: &str) -> serde_json::Value {
    let request = Request::builder()
        .method(method)
        .uri(format!("{url}{path}"))
        .body(Full::new(Bytes::from(body.to_owned())))
        .unwrap();
    let limits = Limits { time: LATENCY * 100, bytes: 64 * 1024 * 1024 };
    let answer = HttpClient::new(&Trust::inside()).unwrap().send(request, limits).await.unwrap();
    assert_eq!(answer.status, 200);
    serde_json::from_slice(&answer.body).unwrap()
}

fn print(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
