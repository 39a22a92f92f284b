//! `people send` when something ends in the middle of it: the sender, the connection, the server.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::administrator::{run, serve, write};
use super::send::{check, cost_centers, csv, imports, pdf, send, told};
use super::{People, people, send as ask, text, updates, wait_until_one_hangs};

/// Starts to send, with the key in a file.
fn start(folder: &Path, ready: &Value, files: &[&str]) -> People {
    write(folder, "key", text(ready, "/keys/PeopleImport"));
    people(folder, &[&["send", "--to", text(ready, "/api"), "--key-file", "key"], files].concat())
}

/// Makes the target answer so many more updates, and those after them late.
fn hang_after(aktion: &str, updates: usize) {
    fault(aktion, &json!([{"path": "/person/update", "skip": updates, "delay_ms": 3_000, "times": null}]));
}

fn fault(aktion: &str, faults: &Value) {
    assert_eq!(ask("PUT /_sim/faults", aktion, "", &faults.to_string()).unwrap().0, 200);
}

#[test]
fn a_sender_that_is_stopped_or_killed_goes_on_and_sends_nothing_twice() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    let (_running, ready) = serve(path);
    let aktion = text(&ready, "/simulators/aktion");
    for (signal, code) in [("-INT", Some(1)), ("-TERM", Some(1)), ("-KILL", None)] {
        let name = format!("people{signal}.csv");
        write(path, &name, csv(175));
        let before = updates(aktion).len();
        hang_after(aktion, 60);
        let sender = start(path, &ready, &[&name]);
        wait_until_one_hangs(aktion, before + 60);
        sender.signal(signal);
        fault(aktion, &json!([]));
        let output = sender.output();
        assert_eq!(output.status.code(), code, "{output:?}");
        if code.is_some() {
            assert!(
                String::from_utf8_lossy(&output.stderr).contains("interrupted: the same command goes on")
            );
        }
        let ended = send(path, &ready, &[&name]);
        check(&ended, 0, ["175", "0", "0"]);
        assert!(told(&ended, "Sent").starts_with("175 parts in 4 batches"), "{}", ended.stdout);
        assert!(ended.stderr.contains("50 of 175 were sent before"), "{}", ended.stderr);
    }
    assert_eq!(imports(&ready).len(), 3 * 4, "each batch is one import");
    let sent = cost_centers(aktion);
    assert!(sent.len() == 175 && sent.values().all(|count| *count == 3), "{sent:?}");
}

#[test]
fn a_run_that_was_interrupted_is_not_gone_on_with_where_its_input_has_changed() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    let (_running, ready) = serve(path);
    let aktion = text(&ready, "/simulators/aktion");
    write(path, "people.csv", csv(75));
    hang_after(aktion, 60);
    let sender = start(path, &ready, &["people.csv"]);
    wait_until_one_hangs(aktion, 60);
    sender.signal("-KILL");
    fault(aktion, &json!([]));
    sender.output();

    write(path, "people.csv", csv(76));
    let refused = send(path, &ready, &["people.csv"]);
    assert_eq!(refused.code, 1, "{}", refused.stdout);
    assert!(
        refused.stderr.contains("people.csv has changed since: 50 parts of it were sent"),
        "{}",
        refused.stderr
    );
    write(path, "other.csv", csv(1));
    let refused = send(path, &ready, &["people.csv", "other.csv"]);
    assert!(refused.code == 1 && refused.stderr.contains("has changed"), "{}", refused.stderr);
    let refused = send(path, &ready, &["other.csv", "--journal", "people.csv.sent"]);
    assert!(refused.code == 1 && refused.stderr.contains("it was of other files"), "{}", refused.stderr);
    let elsewhere = ["send", "people.csv", "--key", "k", "--to", "https://people.example.com"];
    write(path, "people.csv", csv(75));
    let refused = run(path, &[], &elsewhere);
    assert!(refused.stderr.contains(&format!("it went to {}", text(&ready, "/api"))), "{}", refused.stderr);

    let journal = fs::read(path.join("people.csv.sent")).unwrap();
    write(path, "people.csv.sent", [&journal[..], b"{\"end\":{\"pla"].concat());
    check(&send(path, &ready, &["people.csv"]), 0, ["75", "0", "0"]);
    write(path, "people.csv", csv(76));
    check(&send(path, &ready, &["people.csv"]), 0, ["76", "0", "0"]);
    write(path, "notes", "nothing of ours");
    let refused = send(path, &ready, &["people.csv", "--journal", "notes"]);
    assert!(refused.code == 1 && refused.stderr.contains("notes is no journal"), "{}", refused.stderr);
    assert_eq!(fs::read(path.join("notes")).unwrap(), b"nothing of ours");
}

#[test]
fn an_answer_that_is_lost_is_asked_for_again_and_one_that_bids_to_wait_is_heeded() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    let (_running, mut ready) = serve(path);
    let (proxy, seen) = proxy(text(&ready, "/api"));
    ready["api"] = json!(proxy);
    write(path, "people.csv", csv(120));
    let ended = send(path, &ready, &["people.csv"]);
    check(&ended, 0, ["120", "0", "0"]);
    assert!(ended.stderr.contains("Waiting: the connection was cut"), "{}", ended.stderr);
    assert!(ended.stderr.contains("Waiting: the server answered 503"), "{}", ended.stderr);
    let seen = seen.join().unwrap();
    let waited = |from: usize, to: usize| (seen[to] - seen[from]).as_secs_f64();
    // The definition, a lost answer, its repeat, a 503 and its repeat, the last one, for which the limit bids to wait.
    assert_eq!(seen.len(), 6);
    assert!(waited(3, 4) >= 1.0 && waited(4, 5) >= 1.0, "{seen:?}");
    let sent = cost_centers(text(&ready, "/simulators/aktion"));
    assert!(sent.len() == 120 && sent.values().all(|count| *count == 1), "{sent:?}");
}

/// A server in front of the API that loses the answer to the second request, refuses the fourth for a second, and grants no
/// other request for a second after the fifth. Gives back when each of six came.
fn proxy(api: &str) -> (String, std::thread::JoinHandle<Vec<Instant>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let api = api.strip_prefix("http://").unwrap().to_owned();
    let serving = std::thread::spawn(move || {
        let mut seen = Vec::new();
        while seen.len() < 6 {
            let (mut client, _) = listener.accept().unwrap();
            let request = request(&mut client).unwrap();
            seen.push(Instant::now());
            let answer = match seen.len() {
                4 => "HTTP/1.1 503 x\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n".to_owned(),
                _ => forward(&api, &request),
            };
            let answer = match seen.len() {
                2 => continue,
                5 => answer.replacen("\r\n", "\r\nRateLimit: \"default\";r=0;t=1\r\n", 1),
                _ => answer,
            };
            client.write_all(answer.replacen("\r\n", "\r\nConnection: close\r\n", 1).as_bytes()).unwrap();
        }
        seen
    });
    (url, serving)
}

/// A request to its end; `None` where it has more than 4 million bytes, of which the rest is not read, or
/// is never ended.
fn request(client: &mut TcpStream) -> Option<String> {
    let mut request = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let read = client.read(&mut piece).unwrap();
        if read == 0 {
            return None;
        }
        request.extend_from_slice(&piece[..read]);
        let text = String::from_utf8(request.clone()).unwrap();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length = length.map_or(0, |length| length.parse().unwrap());
        if length > 4_000_000 {
            return None;
        }
        if body.len() >= length {
            return Some(text);
        }
    }
}

fn forward(api: &str, request: &str) -> String {
    let mut server = TcpStream::connect(api).unwrap();
    server.write_all(request.replacen("\r\n", "\r\nConnection: close\r\n", 1).as_bytes()).unwrap();
    let mut answer = String::new();
    server.read_to_string(&mut answer).unwrap();
    answer
}

/// The request, by how it begins, that the API is not asked, and the answer that it gets.
type Canned = Arc<Mutex<Option<(String, String)>>>;

/// A server in front of the API that cuts large bodies, so that they go another way.
fn cutting(api: &str, canned: &Canned) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (api, canned) = (api.strip_prefix("http://").unwrap().to_owned(), Arc::clone(canned));
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let Some(request) = request(&mut client) else { continue };
            let canned = canned.lock().unwrap().clone();
            let answer = match canned {
                Some((begin, answer)) if request.starts_with(&begin) => answer,
                _ => forward(&api, &request),
            };
            // Whoever asked may have been killed.
            let _ = client.write_all(answer.as_bytes());
        }
    });
    url
}

/// A key that may look at the imports that it sends.
fn key_that_looks(folder: &Path) -> String {
    let both = ["--feature", "PeopleImport", "--feature", "ImportLogs"];
    let create = [&["keys", "create", "--name", "both", "--data", "data"], &both[..]].concat();
    run(folder, &[], &create).stdout.trim().to_owned()
}

#[test]
fn a_large_body_that_is_cut_again_and_again_goes_another_way() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    let (_running, mut ready) = serve(path);
    ready["keys"]["PeopleImport"] = json!(key_that_looks(path));
    ready["api"] = json!(cutting(text(&ready, "/api"), &Canned::default()));
    write(path, "200000__salary__a.pdf", pdf(4_100_000));
    write(path, "200001__salary__b.pdf", pdf(4_200_000));
    let ended = send(path, &ready, &["200000__salary__a.pdf", "200001__salary__b.pdf"]);
    check(&ended, 0, ["2", "0", "0"]);
    assert_eq!(ended.stderr.matches("Waiting: the connection was cut").count(), 1, "{}", ended.stderr);
}

const LARGE: &str = "200000__salary__a.pdf";

/// The journal of a run that was killed when its large body was sent and its end waited for, and the GUID of its import.
/// The time to send the body is over in it.
fn killed_while_it_watched(folder: &Path, ready: &Value, canned: &Canned) -> (String, String) {
    let later = "HTTP/1.1 503 x\r\nRetry-After: 60\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    *canned.lock().unwrap() = Some(("GET /api/ImportLogs/".to_owned(), later.to_owned()));
    let read = || fs::read_to_string(folder.join("documents.sent")).unwrap_or_default();
    let sender = start(folder, ready, &[LARGE]);
    wait_until(|| read().ends_with("}\n") && read().contains("\n{\"arrived\""));
    sender.signal("-KILL");
    sender.output();
    *canned.lock().unwrap() = None;
    let imports = imports(ready);
    assert_eq!(imports.len(), 1, "{imports:?}");
    let signed = "X-Amz-Date=20";
    assert_eq!(read().matches(signed).count(), 1, "{}", read());
    (read().replace(signed, "X-Amz-Date=19"), text(&imports[0], "/requestId").to_owned())
}

#[test]
fn a_large_body_is_announced_again_only_where_it_is_certain_that_it_never_came() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    let (_running, mut ready) = serve(path);
    let direct = ready.clone();
    let canned = Canned::default();
    ready["keys"]["PeopleImport"] = json!(key_that_looks(path));
    ready["api"] = json!(cutting(text(&ready, "/api"), &canned));
    write(path, LARGE, pdf(4_100_000));
    let (arrived, import) = killed_while_it_watched(path, &ready, &canned);
    let unknown: String = arrived.lines().take(3).map(|line| format!("{line}\n")).collect();
    let patient = |journal: &str, ready: &Value, patience: &str| {
        write(path, "documents.sent", journal);
        send(path, ready, &[LARGE, "--patience", patience])
    };
    let resume = |journal: &str, ready: &Value| patient(journal, ready, "120");
    let asked = "Finding out whether the body";

    // It was sent, as the journal says.
    let ended = resume(&arrived, &ready);
    check(&ended, 0, ["1", "0", "0"]);
    assert!(!ended.stderr.contains(asked), "{}", ended.stderr);
    // Its answer was lost, and the log has it.
    let ended = resume(&unknown, &ready);
    check(&ended, 0, ["1", "0", "0"]);
    assert!(ended.stderr.contains(asked), "{}", ended.stderr);
    // Its answer was lost, and the log is not for this key.
    let mut blind = ready.clone();
    blind["keys"] = direct["keys"].clone();
    let ended = resume(&unknown, &blind);
    assert_eq!(
        (ended.code, told(&ended, "Pending").starts_with("1 (accepted")),
        (0, true),
        "{}",
        ended.stdout
    );
    assert!(ended.stderr.contains("it is not sent again and counts as pending"), "{}", ended.stderr);
    assert_eq!(imports(&ready).len(), 1, "nothing was announced again");

    // It may still come.
    let announcement = json!({"contentType": "application/json", "bytes": 9}).to_string();
    let key = text(&ready, "/keys/PeopleImport");
    let (status, waiting) =
        ask("POST /api/PeopleImport/uploads", text(&direct, "/api"), key, &announcement).unwrap();
    assert_eq!(status, 201, "{waiting}");
    let waiting: Value = serde_json::from_str(&waiting).unwrap();
    let ended = patient(&unknown.replace(&import, text(&waiting, "/requestId")), &ready, "3");
    assert!(ended.code == 1 && ended.stderr.contains("is not known until"), "{}", ended.stderr);
    assert_eq!(imports(&ready).len(), 2, "nothing was announced again");

    // It never came, as the log says.
    let never = json!({"requestId": import, "status": 400, "state": "done", "parts": [],
        "fault": {"code": "BodyNotReceived", "message": "the body did not arrive in time"}})
    .to_string();
    let length = never.len();
    let never = format!("HTTP/1.1 200 x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{never}");
    *canned.lock().unwrap() = Some((format!("GET /api/ImportLogs/{import}"), never));
    check(&resume(&unknown, &ready), 0, ["1", "0", "0"]);
    assert_eq!(imports(&ready).len(), 3);
    // There is no such log.
    *canned.lock().unwrap() = None;
    check(
        &resume(&unknown.replace(&import, "01a2086f-5b70-7d13-8b31-f60400000001"), &ready),
        0,
        ["1", "0", "0"],
    );
    assert_eq!(imports(&ready).len(), 4);
}

/// How many rows are sent through a server that is killed. Ten thousand take some minutes without optimisation.
const ROWS: usize = 1_000;
const PDFS: usize = 200;

#[test]
fn a_server_that_is_killed_and_comes_back_has_every_row_and_every_pdf_once() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    let mut simulate = people(path, &["simulate", "--ready-file", "simulators.json"]);
    let simulators = simulate.ready(&path.join("simulators.json"));
    let aktion = text(&simulators, "/simulators/aktion");
    let serve = ["serve", "--listen", "127.0.0.1:0", "--data", "data", "--no-sample", "--simulators"];
    let serve = [&serve[..], &["simulators.json", "--ready-file", "ready.json"]].concat();
    let mut server = people(path, &serve);
    let ready = server.ready(&path.join("ready.json"));
    write(path, "people.csv", csv(ROWS));
    fs::create_dir(path.join("slips")).unwrap();
    for n in 0..PDFS {
        write(path, &format!("slips/{}__salary__{n}.pdf", 200_000 + n), pdf(20_000));
    }

    let sender = start(path, &ready, &["people.csv", "slips"]);
    wait_until(|| updates(aktion).len() >= ROWS / 2);
    // With the sender stopped, the server ends the request that it has, so that nothing has to be taken over.
    sender.signal("-STOP");
    wait_until(|| imports(&ready).iter().all(|import| !import["status"].is_null()));
    server.signal("-KILL");
    drop(server);
    fs::remove_file(path.join("ready.json")).unwrap();
    sender.signal("-CONT");
    let mut server = people(path, &serve);
    let ready = server.ready(&path.join("ready.json"));

    let output = sender.output();
    let (printed, said) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(0), "{printed} {said}");
    let all = ROWS + PDFS;
    assert!(
        printed.contains(&format!("Updated  {},{:03}\nFailed   0\nPending  0\n", all / 1000, all % 1000)),
        "{printed}"
    );
    let sent = cost_centers(aktion);
    assert_eq!(sent.len(), ROWS);
    // At most the batch that was under way can have been carried out again from its start.
    assert!(sent.values().sum::<usize>() <= ROWS + 50, "{sent:?}");
    let imports = imports(&ready);
    assert_eq!(imports.len(), all.div_ceil(50), "each batch is one import");
    assert_eq!(imports.iter().filter_map(|import| import["parts"].as_u64()).sum::<u64>(), all as u64);
    assert!(imports.iter().all(|import| import["errors"] == 0), "{imports:?}");
    let key = text(&ready, "/keys/Documents");
    for n in 0..PDFS {
        let request = format!("GET /api/Documents/{}", 200_000 + n);
        let listed = ask(&request, text(&ready, "/api"), key, "").unwrap().1;
        assert_eq!(listed.matches("\"fileName\"").count(), 1, "{listed}");
    }
}

fn wait_until(is_so: impl Fn() -> bool) {
    let give_up = Instant::now() + Duration::from_secs(300);
    while !is_so() {
        assert!(Instant::now() < give_up, "it does not come");
        std::thread::yield_now();
    }
}
