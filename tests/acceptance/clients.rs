//! The same multipart request by the clients that people use has the same outcome.

use std::path::PathBuf;
use std::process::Command;

use crate::http::{Reply, raw};
use crate::stack::{Local, PDF};

const NAMES: [&str; 4] = ["March 2023.pdf", "März 50% \"final\".pdf", "a;b=c.pdf", "日本__🎉.pdf"];

fn file(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Runs a client; `None` where its tool is missing, which is a failure where `CI` is set.
fn run(command: &mut Command, install: &str) -> Option<String> {
    let output = command.output();
    match output {
        Ok(output) if output.status.success() => Some(String::from_utf8(output.stdout).unwrap()),
        other => {
            #[expect(
                clippy::disallowed_methods,
                reason = "whether a missing tool is a failure is said by CI alone"
            )]
            let in_ci = std::env::var_os("CI").is_some();
            assert!(!in_ci, "{command:?} failed ({install}): {other:?}");
            eprintln!("skipped: {command:?} does not run; {install}");
            None
        }
    }
}

fn check(local: &Local, client: &str, name: &str, printed: &str) {
    let (status, id) = printed.trim().split_once(' ').unwrap();
    let answer = Reply { status: status.parse().unwrap(), headers: local.location(id), body: id.into() };
    let log = local.log(&answer);
    assert_eq!(status, "200", "{client}: {log}");
    let shown = format!("file 'salary/{name}' for 'joe@company.com'\n");
    assert!(log.ends_with(&shown), "{client}: {log} does not end with {shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_client_gets_the_same_outcome() {
    let local = Local::start().await;
    let url = format!("{}/api/PeopleImport", local.ready().api);
    let pdf = file("../infra/sample/payslip.pdf");
    for name in NAMES {
        let whole = format!("joe@company.com__salary__{name}");
        let curl = run(
            Command::new("curl")
                .args(["-sS", "-X", "PUT", &url, "-H", &format!("x-functions-key: {}", local.key())])
                .args(["-F", "person={\"userPrincipalName\":\"joe@company.com\",\"phone\":\"1\"};type=application/json"])
                .args(["-F", &format!("file=@\"{}\";type=application/pdf;filename=\"{}\"", pdf.display(), whole.replace('"', "\\\""))])
                .args(["-w", "\n%{http_code}"]),
            "apt-get install curl",
        );
        if let Some(printed) = curl {
            let (id, status) = printed.split_once('\n').unwrap();
            check(&local, "curl", name, &format!("{status} {id}"));
        }
        let mut python = Command::new("python3");
        let mut node = Command::new("node");
        for (client, command, script, install) in [
            ("requests", &mut python, "clients/send.py", "pip install requests"),
            ("fetch", &mut node, "clients/send.mjs", "install Node.js 20 or later"),
        ] {
            let command = command.arg(file(script)).args([&url, local.key()]).arg(&pdf).arg(&whole);
            if let Some(printed) = run(command, install) {
                check(&local, client, name, &printed);
            }
        }
        check(&local, "socket", name, &socket(&local, &whole));
    }
}

/// A quoted boundary, names by RFC 5987, and no line end behind the closing delimiter.
fn socket(local: &Local, name: &str) -> String {
    let encoded: String = name.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let mut body = b"--a b\r\nContent-Type: application/json\r\n\r\n{\"userPrincipalName\":\"joe@company.com\",\"phone\":\"1\"}\r\n--a b\r\n".to_vec();
    body.extend(
        format!("content-disposition: form-data; filename*=utf-8'en'{encoded}; filename=\"lost?.pdf\"\r\n")
            .bytes(),
    );
    body.extend_from_slice(b"content-type: application/pdf\r\n\r\n");
    body.extend_from_slice(PDF);
    body.extend_from_slice(b"\r\n--a b--");
    let head = format!(
        "PUT /api/PeopleImport HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Functions-Key: {}\r\nContent-Type: multipart/form-data; charset=utf-8; boundary=\"a b\"\r\nContent-Length: {}\r\n\r\n",
        local.key(),
        body.len()
    );
    let answer = raw(&local.ready().api, &[head.as_bytes(), &body].concat());
    format!("{} {}", answer.status, answer.text())
}
