//! How much memory a large body takes: staged-import on its own in a process, its peak above what it has when it waits for
//! its first event.
//!
//! `cargo bench -p people --bench memory` (Linux alone: it reads `/proc`). S3, DynamoDB and the target are servers in this
//! process; each body is imported by a new one. The anonymous memory of that is looked at every millisecond; files that it
//! spools are none of it. Goals: 100 MiB take at most 32 MiB, and within 2 MiB of what 5 MB take, with a fast S3 and with one
//! that sends at most a tenth of what the fast import took in a second. What does not meet them ends the bench.

#![expect(clippy::unwrap_used, reason = "a bench that cannot run ends")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use dynoxide::Database;
use embedded_s3::Access;
use people_adapters::aws::{self, AwsSettings};
use people_adapters::config::{Config, PROFILE_DEFINITION, TARGETS};
use people_adapters::dynamodb::{Tables, create_tables};
use people_adapters::s3::{create_bucket, write_object};
use people_adapters::secret::Secret;
use people_adapters::secrets::SecretsAt;
use people_adapters::share::Share;
use people_adapters::{Live, system};
use people_core::batch::MAX_BODY_BYTES;
use people_core::document::Content;
use people_core::log::{Answer, Form, State};
use people_core::staged::{self, Accepted};
use people_local::sample;
use serde_json::{Value, json};
use simulators::Simulator;
use staged_import::Came;
use tempfile::TempDir;

/// What this program is told when it is to be the worker.
const WORKER: &str = "worker";
const BUCKET: &str = "people";
const BOUNDARY: &str = "bench";
/// How many files a body has, beside one update.
const FILES: u64 = 49;
/// The goals, in KiB.
const MOST: u64 = 32 * 1024;
const MOST_APART: u64 = 2 * 1024;
/// How much slower S3 is made than the reader.
const SLOWER: u32 = 10;
const LONGEST: Duration = Duration::from_secs(15 * 60);

fn main() {
    if std::env::args().any(|argument| argument == WORKER) {
        return work();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let servers = runtime.block_on(Servers::start());
    print(&format!("{:<10} {:<8} {:>7} {:>9} {:>15}", "body", "S3", "s", "idle MiB", "above idle MiB"));
    let measure = |bytes: u64, pace: Option<u64>| {
        let event = runtime.block_on(servers.put(bytes));
        let run = run(&servers.settings(pace), &event);
        assert!(runtime.block_on(servers.succeeded(&event)), "the import ended well");
        let body = if bytes == MAX_BODY_BYTES { "100 MiB" } else { "5 MB" };
        let s3 = if pace.is_none() { "fast" } else { "slow" };
        let mib = |kib: u64| kib as f64 / 1024.0;
        let took = run.took.as_secs_f64();
        print(&format!("{body:<10} {s3:<8} {took:>7.1} {:>9.1} {:>15.1}", mib(run.idle), mib(run.above)));
        run
    };
    let mut above = Vec::new();
    for bytes in [5_000_000, MAX_BODY_BYTES] {
        let fast = measure(bytes, None);
        let pace = bytes as f64 / (fast.took * SLOWER).as_secs_f64();
        above.extend([fast.above, measure(bytes, Some(pace as u64)).above]);
    }
    assert!(above.iter().all(|above| *above <= MOST), "more memory than there should be");
    let (small, large) = above.split_at(2);
    for (small, large) in small.iter().zip(large) {
        assert!(small.abs_diff(*large) <= MOST_APART, "the size of the body shows");
    }
}

/// What one import took; memory in KiB.
struct Run {
    took: Duration,
    idle: u64,
    above: u64,
}

/// A process that is ended with its run.
struct Worker {
    child: Child,
    told: ChildStdin,
    says: BufReader<ChildStdout>,
}

impl Worker {
    fn start(settings: &Value) -> Worker {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let mut child = command.arg(WORKER).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (told, says) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut worker = Worker { child, told, says };
        worker.tell(settings);
        worker.hear("ready");
        worker
    }

    fn tell(&mut self, what: &Value) {
        writeln!(self.told, "{what}").unwrap();
    }

    fn hear(&mut self, expected: &str) {
        let mut line = String::new();
        self.says.read_line(&mut line).unwrap();
        assert_eq!(line.trim_end(), expected);
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(settings: &Value, event: &Value) -> Run {
    let mut worker = Worker::start(settings);
    let process = worker.child.id();
    let idle = anonymous(process).unwrap();
    let ended = Arc::new(AtomicBool::new(false));
    let looking = thread::spawn({
        let ended = Arc::clone(&ended);
        move || {
            let mut peak = 0;
            while !ended.load(Ordering::Relaxed) {
                peak = peak.max(anonymous(process).unwrap_or_default());
                thread::sleep(Duration::from_millis(1));
            }
            peak
        }
    });
    let start = Instant::now();
    worker.tell(event);
    worker.hear("done");
    let took = start.elapsed();
    ended.store(true, Ordering::Relaxed);
    Run { took, idle, above: looking.join().unwrap().saturating_sub(idle) }
}

/// The anonymous memory of a process, in KiB.
fn anonymous(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("RssAnon:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// The function: it is told where everything is, and then of one body that arrived.
fn work() {
    let mut lines =
        std::io::stdin().lines().map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let live = connect(&lines.next().unwrap()).await;
        print("ready");
        let arrived = serde_json::from_value(lines.next().unwrap()).unwrap();
        let app = live.app().await;
        let came = staged_import::handle(&app, arrived, app.clock.now().plus(LONGEST)).await;
        assert_eq!(came.unwrap(), Came::Done);
        print("done");
    });
}

async fn connect(settings: &Value) -> Live {
    let url = |name: &str| settings[name].as_str().unwrap().to_owned();
    let config = Config {
        aws: AwsSettings::At {
            dynamodb: url("dynamodb"),
            s3: url("s3"),
            secrets_manager: None,
            region: "eu-central-1".to_owned(),
            access_key_id: "bench".to_owned(),
            secret_access_key: Secret::new("bench".to_owned()),
        },
        tables: Tables::with_prefix("people"),
        bucket: BUCKET.to_owned(),
        retention: Duration::from_secs(24 * 60 * 60),
        secrets: SecretsAt::Settings(sample::secrets().unwrap()),
        share: Share::ALL,
        simulators: [("aktion".to_owned(), url("aktion"))].into(),
        requests_per_minute: None,
    };
    people_adapters::connect(&config).await.unwrap()
}

/// The stores and the target, in this process.
struct Servers {
    dynamodb: String,
    s3: String,
    aktion: Simulator,
    live: Live,
    _objects: TempDir,
}

impl Servers {
    /// With the configuration in the bucket, and everybody in the directory.
    async fn start() -> Servers {
        let objects = tempfile::tempdir().unwrap();
        let (listener, dynamodb) = listen().await;
        tokio::spawn(dynoxide::server::serve_on(listener, Database::memory().unwrap()));
        let (listener, s3) = listen().await;
        let access = Access { key_id: "bench", secret_key: "bench" };
        embedded_s3::serve(objects.path(), listener, access, |_| {}).unwrap();
        let aktion = Simulator::aktion(simulators::free_port().await.unwrap()).unwrap();
        let settings = AwsSettings::At {
            dynamodb: dynamodb.clone(),
            s3: s3.clone(),
            secrets_manager: None,
            region: "eu-central-1".to_owned(),
            access_key_id: "bench".to_owned(),
            secret_access_key: Secret::new("bench".to_owned()),
        };
        let aws = aws::connect(&settings).await;
        create_tables(&aws.dynamodb, &Tables::with_prefix("people")).await.unwrap();
        create_bucket(&aws.s3, BUCKET).await.unwrap();
        let mut targets: Value = serde_json::from_slice(sample::TARGETS).unwrap();
        targets["targets"] = json!([targets["targets"][0]]);
        let definition = sample::PROFILE_DEFINITION.to_vec();
        write_object(&aws.s3, BUCKET, PROFILE_DEFINITION, definition).await.unwrap();
        write_object(&aws.s3, BUCKET, TARGETS, targets.to_string().into()).await.unwrap();
        let settings = json!({"dynamodb": dynamodb, "s3": s3, "aktion": aktion.url()});
        let live = connect(&settings).await;
        directory_sync::handle(&live.app().await).await.unwrap();
        Servers { dynamodb, s3, aktion, live, _objects: objects }
    }

    /// Where everything is; S3 sends at most `pace` bytes a second.
    fn settings(&self, pace: Option<u64>) -> Value {
        let s3 = pace.map_or_else(|| self.s3.clone(), |pace| slowed(&self.s3, pace));
        json!({"dynamodb": self.dynamodb, "s3": s3, "aktion": self.aktion.url()})
    }

    /// Stores a body of so many bytes for an import that is accepted; what is told of it.
    async fn put(&self, bytes: u64) -> Value {
        let app = self.live.app().await;
        let at = app.clock.now();
        let id = system::new_import_id(at).unwrap();
        let key_name = "bench".to_owned();
        let accepted = Accepted { id, received_at: at, key_name, form: Form::Multipart, dry_run: false };
        staged::accept(&app, accepted).await.unwrap();
        let content = Content::Memory(body(bytes).into());
        let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
        assert!(app.bodies.put(id, &content_type, &content).await.unwrap());
        json!({"id": id.to_string(), "detail": {"object": {"key": format!("staged/{id}")}}})
    }

    async fn succeeded(&self, event: &Value) -> bool {
        let id = people_core::id::ImportId::parse(event["id"].as_str().unwrap()).unwrap();
        let log = self.live.app().await.imports.find(id).await.unwrap().unwrap();
        log.state == State::Ended(Answer::Succeeded) && log.parts.len() as u64 == FILES + 1
    }
}

async fn listen() -> (tokio::net::TcpListener, String) {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

/// A multipart body of exactly so many bytes: files, and one update.
fn body(bytes: u64) -> Vec<u8> {
    let update = format!(
        "--{BOUNDARY}\r\nContent-Type: application/json\r\n\r\n{{\"employeeId\":\"200000\",\"phone\":\"+49 {bytes}\"}}\r\n"
    );
    let end = format!("--{BOUNDARY}--\r\n");
    let mut body = Vec::with_capacity(bytes.try_into().unwrap());
    for file in 0..FILES {
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"f\"; filename=\"{}__salary__File {file}.pdf\"\r\n\
             Content-Type: application/pdf\r\n\r\n%PDF-1.7\n",
            200_000 + file
        );
        let tail = "\n%%EOF\n\r\n";
        let all = bytes - (update.len() + end.len()) as u64;
        let last = all * (file + 1) / FILES;
        let size = last as usize - body.len() - head.len() - tail.len();
        body.extend_from_slice(head.as_bytes());
        body.extend((0..size).map(|at| b'a' + (at % 23) as u8));
        body.extend_from_slice(tail.as_bytes());
    }
    body.extend_from_slice(update.as_bytes());
    body.extend_from_slice(end.as_bytes());
    assert_eq!(body.len() as u64, bytes);
    body
}

/// A way to the server at `url` on which at most so many bytes a second come back.
fn slowed(url: &str, pace: u64) -> String {
    let server = url.trim_start_matches("http://").to_owned();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let server = TcpStream::connect(&server).unwrap();
            let (from_client, to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || pass_on(from_client, to_server, None));
            thread::spawn(move || pass_on(server, client, Some(pace)));
        }
    });
    url
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, pace: Option<u64>) {
    let mut piece = [0; 16 * 1024];
    while let Ok(bytes @ 1..) = from.read(&mut piece) {
        if to.write_all(&piece[..bytes]).is_err() {
            break;
        }
        if let Some(pace) = pace {
            thread::sleep(Duration::from_secs_f64(bytes as f64 / pace as f64));
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

fn print(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
