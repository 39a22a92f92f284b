//! What a process reports of the configuration: alarms count it, so it is told in time, and once.

use std::fmt::Debug;
use std::process::Command;
use std::sync::{Arc, Mutex};

use people_adapters::{Live, Looked};
use tracing::field::Field;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use super::{BROKEN, Stage, targets};

/// What alarms count.
const REFUSED: &str = "configuration refused";
/// The variable by which a test knows that it is alone in its process.
const ALONE: &str = "PEOPLE_TEST_ALONE";

/// Who listens to what a process reports disturbs other tests, so the test runs itself once more in a process of its own.
#[tokio::test]
async fn what_is_refused_is_reported_once_for_each_version() {
    #[expect(clippy::disallowed_methods, reason = "it is how the test knows itself")]
    let is_child = std::env::var_os(ALONE).is_some();
    if is_child {
        return the_reports_of_one_process().await;
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    child
        .args(["--exact", "configuration::reports::what_is_refused_is_reported_once_for_each_version"])
        .env(ALONE, "1");
    let output = tokio::task::spawn_blocking(move || child.output()).await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

async fn the_reports_of_one_process() {
    let heard = Heard::default();
    let _heard = tracing::subscriber::set_default(heard.clone());
    let stage = Stage::new().await;
    let live = stage.connect().await.unwrap();
    stage.gate.shut(Some("versions"));
    stage.put_targets(BROKEN).await;
    for expected in [Looked::Unavailable, Looked::Unavailable] {
        assert_eq!(live.look_now().await, expected);
    }
    stage.gate.shut(None);
    for expected in [Looked::Refused, Looked::Unchanged] {
        assert_eq!(live.look_now().await, expected);
    }
    let first = heard.refusals();
    assert_eq!(first.len(), 1, "{first:?}");
    assert!(first[0].contains("the targets are not valid"), "{first:?}");
    stage.put_targets(&targets("two", "firstName")).await;
    assert_eq!(live.look_now().await, Looked::TakenUp);
    stage.put_targets(BROKEN).await;
    assert_eq!(live.look_now().await, Looked::Refused);
    assert_eq!(heard.refusals().len(), 1, "what comes back after a good one is told again");
    stage.put_definition(BROKEN).await;
    assert_eq!(live.look_now().await, Looked::Refused);
    assert_eq!(heard.refusals().len(), 1);
    stage.connect().await.unwrap();
    let all = heard.take();
    let used =
        "the newest good configuration is in use: 1 versions of the definition and 1 of the targets back";
    assert!(all.len() == 2 && all[0].contains(REFUSED) && all[1].contains(used), "{all:?}");
    a_start_that_finds_nothing_good_reports_it(&heard).await;
    what_is_refused_is_reported_before_the_versions_are_listed(&stage, &live, &heard).await;
}

async fn a_start_that_finds_nothing_good_reports_it(heard: &Heard) {
    let stage = Stage::empty().await;
    stage.put(BROKEN, BROKEN).await;
    stage.connect().await.err().unwrap();
    assert_eq!(heard.refusals().len(), 1);
    stage.gate.shut(Some("versions"));
    stage.connect().await.err().unwrap();
    assert_eq!(heard.refusals().len(), 1);
}

/// From here on, time passes only while nothing else can happen.
async fn what_is_refused_is_reported_before_the_versions_are_listed(
    stage: &Stage,
    live: &Live,
    heard: &Heard,
) {
    stage.put_targets(&format!("{BROKEN}{BROKEN}")).await;
    stage.gate.hold(Some("versions"));
    tokio::time::pause();
    for reported in [1, 0] {
        let since = tokio::time::Instant::now();
        assert_eq!(live.look_now().await, Looked::Unavailable);
        assert_eq!(since.elapsed().as_secs(), 3);
        assert_eq!(heard.refusals().len(), reported, "once");
    }
}

/// Keeps the errors and the warnings of this thread.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<String>>>);

impl Heard {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    fn refusals(&self) -> Vec<String> {
        self.take().into_iter().filter(|line| line.contains(REFUSED)).collect()
    }
}

impl Subscriber for Heard {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN && metadata.target().starts_with("people_adapters")
    }

    fn event(&self, event: &Event<'_>) {
        let mut text = String::new();
        event.record(&mut |field: &Field, value: &dyn Debug| {
            text += &format!("{field}={value:?} ");
        });
        self.0.lock().unwrap().push(text);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}
