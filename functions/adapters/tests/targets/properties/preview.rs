//! Random updates that are looked at before they are delivered: what a dry run says would change is what changes then, and
//! looking changes nothing, however bad the day is.

use std::collections::BTreeSet;
use std::sync::Arc;

use people_core::log::{Ending, Outcome};
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::{Value, json};

use super::model::Fate;
use super::stage::Stage;
use super::story::{Json, Kind, Step, Story, Update, World, stories};

/// Looks at the updates of stories of one kind of target, one after another, and then delivers each.
pub(super) fn look<K: Kind>() {
    let usual = Config::default();
    let config = Config { cases: usual.cases.div_ceil(8), failure_persistence: None, ..usual };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let told = TestRunner::new(config)
        .run(&stories::<K>(), |story| runtime.block_on(tell::<K>(&story)).map_err(TestCaseError::fail));
    told.unwrap_or_else(|error| panic!("{error}"));
}

async fn tell<K: Kind>(story: &Story) -> Result<(), String> {
    let stage = Stage::open::<K>(&story.world).await;
    for step in &story.steps {
        for update in &step.updates {
            compare::<K>(&stage, &story.world, step, update)
                .await
                .map_err(|why| format!("{update:?}: {why}"))?;
        }
    }
    Ok(())
}

async fn compare<K: Kind>(stage: &Stage, world: &World, step: &Step, update: &Update) -> Result<(), String> {
    let before = stage.state().await;
    stage.calls().await;
    stage.trouble(step).await;
    stage.preview(update, step.hurry).await;
    stage.quiet().await;
    let preview = stage.preview(update, false).await;
    only_reads(&stage.calls().await)?;
    let (was, seen) = (K::flat(&before), K::flat(&stage.state().await));
    if was != seen {
        return Err(format!("looking has changed something: {was:?} {seen:?}"));
    }
    let alone = Step {
        updates: vec![update.clone()],
        faults: Vec::new(),
        switches: Json(Value::Null),
        hurry: false,
        at_once: false,
    };
    let real = stage.deliver::<K>(&alone).await.remove(0);
    let is = K::flat(&stage.state().await);
    let changed = changed::<K>(world, update, |place| was.get(place) != is.get(place));
    // Hexadecimal digits are the same in both cases.
    let is_other = |place: &str| lower(was.get(place)) != lower(is.get(place));
    let otherwise = self::changed::<K>(world, update, is_other);
    agree((&preview, &real), K::fate(world, update), (&changed, &otherwise))
        .map_err(|why| format!("{why}: {preview:?}, then {real:?}, which has changed {changed:?}"))
}

/// Nothing but readings and log-ins.
fn only_reads(calls: &[Value]) -> Result<(), String> {
    let is_log_in =
        |path: &str| ["/login", "/Token", "/authentication"].iter().any(|end| path.ends_with(end));
    let reads = |call: &&Value| call["method"] != "GET" && !is_log_in(call["path"].as_str().unwrap());
    calls.iter().find(reads).map_or(Ok(()), |call| Err(format!("no reading: {call}")))
}

/// The fields of an update at one of whose places something has changed.
fn changed<K: Kind>(world: &World, update: &Update, has_changed: impl Fn(&str) -> bool) -> BTreeSet<String> {
    let has_changed = |field: &&(&'static str, Option<String>)| {
        let alone = Update { key: update.key, fields: vec![(*field).clone()] };
        K::named(world, &alone).iter().any(|named| has_changed(&named.place))
    };
    update.fields.iter().filter(has_changed).map(|(field, _)| (*field).to_owned()).collect()
}

fn lower(value: Option<&Value>) -> Option<String> {
    value.map(|value| value.to_string().to_ascii_lowercase())
}

/// `otherwise` is what has changed beyond upper and lower case.
fn agree(
    (preview, real): (&Outcome, &Outcome),
    fate: Fate,
    (changed, otherwise): (&BTreeSet<String>, &BTreeSet<String>),
) -> Result<(), String> {
    let would = preview.ending.would_change();
    let names = |names: &[Arc<str>]| names.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    let fields = would.map(|would| names(&would.fields)).unwrap_or_default();
    let perhaps = would.map(|would| names(&would.perhaps)).unwrap_or_default();
    if preview.attempts > 0 || fields.intersection(&perhaps).next().is_some() {
        return Err("it is not a preview".to_owned());
    }
    if !otherwise.is_subset(&fields.union(&perhaps).cloned().collect()) {
        return Err("more has changed than was said".to_owned());
    }
    let is_done = matches!(real.ending, Ending::Updated | Ending::Unchanged);
    if is_done && !fields.is_subset(changed) {
        return Err("less has changed than was said".to_owned());
    }
    match (&preview.ending, &real.ending) {
        (Ending::Unchanged | Ending::WouldUpdate(_), _) if is_done || fate == Fate::Depends => Ok(()),
        (Ending::WouldPartlyUpdate(_, why), Ending::PartlyUpdated(really)) if why == really => {
            let is_all = fields == *changed;
            is_all.then_some(()).ok_or_else(|| "something else has changed than was said".to_owned())
        }
        (Ending::WouldPartlyUpdate(..), Ending::PartlyUpdated(_) | Ending::Refused(_)) => {
            let depends = fate == Fate::Depends;
            depends.then_some(()).ok_or_else(|| "it was refused for another reason".to_owned())
        }
        // What is refused there may be said in other words.
        (Ending::Refused(_), Ending::Refused(_)) | (Ending::UnknownPerson, Ending::UnknownPerson) => Ok(()),
        _ => Err("that is not what became of it".to_owned()),
    }
}

#[test]
fn a_write_is_no_reading() {
    assert!(
        only_reads(&[json!({"method": "GET", "path": "/x"}), json!({"method": "POST", "path": "/login"})])
            .is_ok()
    );
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        assert!(only_reads(&[json!({"method": method, "path": "/person/update"})]).is_err(), "{method}");
    }
}
