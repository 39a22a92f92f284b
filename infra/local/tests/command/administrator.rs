//! An administrator at a terminal whose environment says nothing but what a test says.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{People, people};

/// What a command that has ended left behind.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs `people` to its end, with these variables and no others.
pub(crate) fn run(folder: &Path, environment: &[(&str, &str)], arguments: &[&str]) -> Ended {
    let output = Command::new(env!("CARGO_BIN_EXE_people"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Ended {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A running stack whose data folder is `data`, and its ready file.
pub(crate) fn serve(folder: &Path) -> (People, Value) {
    serve_with(folder, &[])
}

/// [`serve`], with these arguments besides.
pub(crate) fn serve_with(folder: &Path, more: &[&str]) -> (People, Value) {
    let arguments =
        ["serve", "--listen", "127.0.0.1:0", "--data", "data", "--no-sample", "--ready-file", "ready.json"];
    let mut running = people(folder, &[&arguments[..], more].concat());
    let ready = running.ready(&folder.join("ready.json"));
    (running, ready)
}

/// Writes a file into a folder.
pub(crate) fn write(folder: &Path, name: &str, content: impl AsRef<[u8]>) {
    fs::write(folder.join(name), content).unwrap();
}
