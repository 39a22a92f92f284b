//! How long a function takes from its start to its first request for an event, how large it is, and how much memory it
//! has by then, beside a floor: the runtime and the clients of AWS alone.
//!
//! `cargo lambda build --release && cargo lambda build --release -p batch-import --example floor`, then
//! `cargo bench -p people --bench cold_start`. The configuration is served by this process at once, so that what a network
//! takes is not counted. Goals are those of the design: at most 3 ms and 8 MB.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a bench that cannot run ends")]

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::json;

const RUNS: usize = 31;
const GIVE_UP: Duration = Duration::from_secs(10);

fn main() {
    let (runtime_api, asked) = runtime_api();
    let environment = environment(&runtime_api, &bucket());
    print(&format!("{RUNS} runs each, from the start of the process to its first request for an event"));
    print(&format!(
        "{:<16} {:>9} {:>7} {:>7} {:>9} {:>10} {:>10}",
        "function", "median ms", "p90 ms", "x floor", "file MB", "peak MiB", "anon MiB"
    ));
    let mut floor: Option<f64> = None;
    for function in functions() {
        let file = bootstrap(&function);
        let Ok(size) = fs::metadata(&file).map(|file| file.len()) else {
            print(&format!("{function:<16} is not built: see the head of this bench"));
            continue;
        };
        let mut runs: Vec<Run> = (0..=RUNS).map(|_| run(&file, &environment, &asked)).collect();
        // The first one reads the file from the disk.
        runs.remove(0);
        let (median, p90) = (percentile(&runs, 50), percentile(&runs, 90));
        if function == "floor" {
            floor = Some(median);
        }
        let ratio = floor.map_or_else(|| "-".to_owned(), |floor| format!("{:.2}", median / floor));
        let most = |of: fn(&Run) -> u64| runs.iter().map(of).max().unwrap_or_default() as f64 / 1024.0;
        print(&format!(
            "{function:<16} {median:>9.2} {p90:>7.2} {ratio:>7} {:>9.2} {:>10.1} {:>10.1}",
            size as f64 / 1e6,
            most(|run| run.peak),
            most(|run| run.anonymous),
        ));
    }
}

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The floor, and every crate that becomes a function.
fn functions() -> Vec<String> {
    let crates = fs::read_dir(top().join("functions")).unwrap().map(Result::unwrap);
    let mut names: Vec<_> = crates
        .filter(|folder| folder.path().join("src/main.rs").exists())
        .map(|folder| folder.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names.insert(0, "floor".to_owned());
    names
}

fn bootstrap(function: &str) -> PathBuf {
    top().join("target/lambda").join(function).join("bootstrap")
}

/// How one start went; memory in KiB.
struct Run {
    took: Duration,
    peak: u64,
    anonymous: u64,
}

fn percentile(runs: &[Run], percent: usize) -> f64 {
    let mut times: Vec<_> = runs.iter().map(|run| run.took).collect();
    times.sort_unstable();
    times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e3
}

/// A process that is ended with its run.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn run(file: &Path, environment: &HashMap<&str, String>, asked: &Receiver<Instant>) -> Run {
    let mut command = Command::new(file);
    command.env_clear().envs(environment).stdout(Stdio::null());
    let start = Instant::now();
    let process = Process(command.spawn().unwrap());
    let ready = asked.recv_timeout(GIVE_UP).expect("it asks for an event");
    let status = fs::read_to_string(format!("/proc/{}/status", process.0.id())).unwrap();
    let value = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    Run { took: ready - start, peak: value("VmHWM:"), anonymous: value("RssAnon:") }
}

fn environment(runtime_api: &str, bucket: &str) -> HashMap<&'static str, String> {
    let secrets = json!({
        "aktion": {"userLogin": "bench", "apiKey": "bench"},
        "esystems": {"clientId": "bench", "clientSecret": "bench"},
        "onlyoffice": {"userName": "bench", "password": "bench"},
        "scim": {"token": "bench"},
    });
    HashMap::from([
        ("PEOPLE_TABLE_PREFIX", "people".to_owned()),
        ("PEOPLE_BUCKET", "people".to_owned()),
        ("PEOPLE_TARGET_SECRETS", secrets.to_string()),
        ("AWS_REGION", "eu-central-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "bench".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "bench".to_owned()),
        ("AWS_ENDPOINT_URL_DYNAMODB", bucket.to_owned()),
        ("AWS_ENDPOINT_URL_S3", bucket.to_owned()),
        ("AWS_LAMBDA_RUNTIME_API", runtime_api.to_owned()),
        ("AWS_LAMBDA_FUNCTION_NAME", "bench".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256".to_owned()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
    ])
}

/// A runtime API that tells when it is asked for an event, and has none.
fn runtime_api() -> (String, Receiver<Instant>) {
    let (sender, receiver) = channel();
    let address = serve(move |path| {
        if path.ends_with("/invocation/next") {
            let _ = sender.send(Instant::now());
        }
        None
    });
    (address, receiver)
}

/// A bucket with the configuration: the sample, with addresses that could be called.
fn bucket() -> String {
    let mut targets: serde_json::Value = serde_json::from_slice(people_local::sample::TARGETS).unwrap();
    for target in targets["targets"].as_array_mut().unwrap() {
        target["baseUrl"] = json!("https://target.example.com/api");
    }
    let targets = targets.to_string().into_bytes();
    let address = serve(move |path| {
        let body = match path.rsplit('/').next() {
            Some("profile-definition.json") => people_local::sample::PROFILE_DEFINITION,
            Some("targets.json") => &targets,
            _ => return Some(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec()),
        };
        let head = format!("HTTP/1.1 200 OK\r\netag: \"x\"\r\ncontent-length: {}\r\n\r\n", body.len());
        Some([head.as_bytes(), body].concat())
    });
    format!("http://{address}")
}

/// Serves requests without a body, by their path; `None` leaves one open. Gives back the address.
fn serve(answer: impl Fn(&str) -> Option<Vec<u8>> + Clone + Send + 'static) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let answer = answer.clone();
            std::thread::spawn(move || connection(&socket, &answer));
        }
    });
    address
}

/// Ends with the client.
fn connection(socket: &TcpStream, answer: &impl Fn(&str) -> Option<Vec<u8>>) -> Option<()> {
    socket.set_nodelay(true).ok()?;
    let mut reader = BufReader::new(socket);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let path = line.split(' ').nth(1)?.split('?').next()?.to_owned();
        while line != "\r\n" {
            line.clear();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
        }
        if let Some(bytes) = answer(&path) {
            (&mut &*socket).write_all(&bytes).ok()?;
        }
    }
}

fn print(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
