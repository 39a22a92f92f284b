//! An HTTP client that sends exactly the bytes that a test wants to send, and keeps what came back.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }
}

/// Sends a request with these header lines; `Host`, `Connection` and, where there is none, `Content-Length` are added.
pub(crate) fn send(request: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
    let address = url.strip_prefix("http://").unwrap().split('/').next().unwrap();
    let mut head = format!("{request} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    if !headers.iter().any(|(name, _)| {
        name.eq_ignore_ascii_case("content-length") || name.eq_ignore_ascii_case("transfer-encoding")
    }) {
        head += &format!("Content-Length: {}\r\n", body.len());
    }
    raw(url, &[format!("{head}\r\n").as_bytes(), body].concat())
}

/// Sends these bytes and reads until the server closes the connection.
pub(crate) fn raw(url: &str, bytes: &[u8]) -> Reply {
    let address = url.strip_prefix("http://").unwrap().split('/').next().unwrap();
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    // A server that has answered may stop reading.
    let _ = socket.write_all(bytes);
    read(&mut socket)
}

/// Reads an answer to its end.
pub(crate) fn read(socket: &mut TcpStream) -> Reply {
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("a whole head");
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    let (line, lines) = head.split_once("\r\n").unwrap_or((&head, ""));
    let headers = lines
        .lines()
        .map(|line| line.split_once(": ").unwrap_or((line, "")))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    Reply {
        status: line.split(' ').nth(1).unwrap().parse().unwrap(),
        headers,
        body: answer[end + 4..].to_vec(),
    }
}

/// A multipart body with the boundary `b`: each part is its header lines and its data.
pub(crate) fn multipart(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (headers, data) in parts {
        body.extend_from_slice(format!("--b\r\n{headers}\r\n\r\n").as_bytes());
        body.extend_from_slice(data);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--b--\r\n");
    body
}
