//! The running service under schemathesis, from PyPI: whatever may be sent according to the document, and much that may
//! not, is answered as it says.

use std::path::{Path, PathBuf};
use std::process::Command;

use people_core::ports::{ApiKey, Feature, KeyHash};
use tempfile::TempDir;

use super::session;
use crate::stack::Local;

const VERSION: &str = "4.32.5";
const KEY: &str = "a-key-for-everything";

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_nothing() {
    let Some(tool) = tool() else { return };
    let local = Local::start().await;
    let app = local.app().await;
    let features = [Feature::PeopleImport, Feature::Documents, Feature::ImportLogs];
    let key = ApiKey::new(KeyHash::of(KEY), "schemathesis", features, app.clock.now());
    app.keys.create(&key).await.unwrap();
    let token = session(&local, KEY).await;
    let scratch = TempDir::new().unwrap();
    let mut command = Command::new(tool);
    command
        .current_dir(top().join("tests/schemathesis"))
        .args(["--no-color", "run", "../../infra/openapi.yaml"])
        .env("PEOPLE_API", &local.ready().api)
        .env("PEOPLE_KEY", KEY)
        .env("PEOPLE_SESSION", token.to_text())
        .env("PEOPLE_FORM_TOKEN", token.form_token())
        // Nothing is written beside the sources.
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("HYPOTHESIS_STORAGE_DIRECTORY", scratch.path());
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{complained}");
}

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// `None` where it is missing, which is a failure where `CI` is set.
fn tool() -> Option<PathBuf> {
    let folder = format!("target/tools/schemathesis-{VERSION}");
    let tool = top().join(&folder).join("bin/st");
    if tool.exists() {
        return Some(tool);
    }
    #[expect(clippy::disallowed_methods, reason = "whether a missing tool is a failure is said by CI alone")]
    let in_ci = std::env::var_os("CI").is_some();
    let install = format!("python3 -m venv {folder} && {folder}/bin/pip install schemathesis=={VERSION}");
    assert!(!in_ci, "schemathesis is missing: {install}");
    eprintln!("skipped: schemathesis is missing; {install}");
    None
}
