//! The rules of the house that no compiler checks. What a review says twice is said here from then on.

use std::fs;
use std::path::{Path, PathBuf};

use people_core::finding::FindingCode;
use people_core::log_text::LogKind;

/// The most lines of a file, its inline tests not counted.
const MAX_LINES: usize = 400;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            walk(&path, files);
        } else if name.ends_with(".rs") {
            files.push(path);
        }
    }
}

/// Every Rust file as its path from the top and its text, inline tests cut off.
fn sources() -> Vec<(String, String)> {
    let mut files = Vec::new();
    walk(&root(), &mut files);
    files
        .into_iter()
        .map(|file| {
            let text = fs::read_to_string(&file).unwrap();
            let shipped = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned();
            (file.strip_prefix(root()).unwrap().to_string_lossy().into_owned(), shipped)
        })
        .collect()
}

fn shipped() -> impl Iterator<Item = (String, String)> {
    sources()
        .into_iter()
        .filter(|(path, _)| !["tests/", "benches/", "/tests.rs"].iter().any(|part| path.contains(part)))
}

/// Fails with every file that has `text` but is not one of `owners`.
fn only_in(owners: &[&str], text: &str) {
    let found: Vec<_> = shipped()
        .filter(|(path, source)| source.contains(text) && !owners.iter().any(|owner| path.ends_with(owner)))
        .map(|(path, _)| path)
        .collect();
    assert!(found.is_empty(), "{text:?} belongs into {owners:?}, and is also in {found:?}");
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent: Vec<_> =
        sources().into_iter().filter(|(_, text)| !text.starts_with("//!")).map(|(path, _)| path).collect();
    assert!(silent.is_empty(), "no `//!` at the top of {silent:?}");
}

#[test]
fn no_file_is_too_long_to_be_read_at_once() {
    let long: Vec<_> =
        shipped().filter(|(_, text)| text.lines().count() > MAX_LINES).map(|(path, _)| path).collect();
    assert!(long.is_empty(), "over {MAX_LINES} lines: {long:?}");
}

#[test]
fn each_spelling_has_one_owner() {
    only_in(&["core/src/document.rs"], "\"documents/");
    only_in(&["adapters/src/http.rs"], "StatusCode::BAD_REQUEST");
    only_in(&["adapters/src/http/routes.rs"], "\"/api/");
    only_in(&["adapters/src/http/auth.rs", "local/src/sample.rs"], "x-functions-key");
    only_in(&["adapters/src/config.rs"], "env::var");
}

#[test]
fn core_does_no_io_and_knows_no_clock() {
    for (path, text) in shipped().filter(|(path, _)| path.starts_with("functions/core/src")) {
        for banned in
            ["std::env", "std::net", "SystemTime", "Instant::now", "File::open", "std::thread", "println!"]
        {
            assert!(!text.contains(banned), "{path} has {banned}");
        }
    }
}

#[test]
fn the_mains_only_wire() {
    for (path, text) in
        shipped().filter(|(path, _)| path.starts_with("functions/") && path.ends_with("main.rs"))
    {
        assert!(text.lines().count() <= 20, "{path}");
    }
}

#[test]
fn every_kind_of_log_line_is_in_the_readme() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    for kind in LogKind::ALL {
        assert!(readme.contains(&format!("`{}", kind.prefix())), "README.md does not list {}", kind.prefix());
    }
    for code in FindingCode::ALL {
        assert!(
            readme.contains(&format!("`{}`", code.as_str())),
            "README.md does not list {}",
            code.as_str()
        );
    }
}

#[test]
fn the_map_in_the_readme_has_every_folder() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    for entry in fs::read_dir(root().join("functions")).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        assert!(readme.contains(&format!("{name}/")), "README.md does not name functions/{name}");
    }
}

#[test]
fn words_that_the_glossary_replaced_are_not_used_in_public_names() {
    for (path, text) in shipped() {
        for line in text.lines().filter(|line| line.trim_start().starts_with("pub ")) {
            for word in ["Manager", "Helper", "utils", "Employee(", "Attachment", "Transaction"] {
                assert!(!line.contains(word), "{path}: {line}");
            }
        }
    }
}
