//! Plays stories: each step on its bad day, then the same updates on a good one, and after each what is stored, what was
//! called and what was logged.

use std::collections::BTreeSet;

use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::Value;

use super::model::{Circumstances, Named, Told, check};
use super::stage::Stage;
use super::story::{Json, Kind, Step, Story, World, stories};

/// Plays stories of one kind of target. A story is many calls, so there are fewer of them than usual.
pub(super) fn play<K: Kind>() {
    let usual = Config::default();
    let config = Config { cases: usual.cases.div_ceil(6), failure_persistence: None, ..usual };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let told = TestRunner::new(config)
        .run(&stories::<K>(), |story| runtime.block_on(tell::<K>(&story)).map_err(TestCaseError::fail));
    told.unwrap_or_else(|error| panic!("{error}"));
}

async fn tell<K: Kind>(story: &Story) -> Result<(), String> {
    let stage = Stage::open::<K>(&story.world).await;
    for (number, step) in story.steps.iter().enumerate() {
        stage.trouble(step).await;
        act::<K>(&stage, &story.world, step, false).await.map_err(|why| format!("step {number}: {why}"))?;
        let again = Step {
            faults: Vec::new(),
            switches: Json(Value::Null),
            hurry: false,
            at_once: false,
            ..step.clone()
        };
        let why = |why| format!("step {number}, again: {why}");
        act::<K>(&stage, &story.world, &again, true).await.map_err(why)?;
    }
    Ok(())
}

/// Delivers the updates of a step and looks at everything.
async fn act<K: Kind>(stage: &Stage, world: &World, step: &Step, good_day: bool) -> Result<(), String> {
    let before = stage.state().await;
    stage.calls().await;
    let outcomes = stage.deliver::<K>(step).await;
    stage.quiet().await;
    let after = stage.state().await;
    let mut calls = stage.calls().await;
    calls.retain(|call| call["path"] != "/quiet");
    let told = step.updates.iter().zip(outcomes).map(|(update, outcome)| Told {
        named: K::named(world, update),
        outcome,
        fate: K::fate(world, update),
    });
    let told: Vec<_> = told.collect();
    let circumstances = Circumstances {
        in_order: !step.at_once,
        lost: step.loses_answers(),
        refuses: step.refuses::<K>(),
        good_day,
    };
    check((&K::flat(&before), &K::flat(&after)), &told, circumstances)?;
    let named: Vec<Named> = told.iter().flat_map(|told| told.named.clone()).collect();
    K::kept(&before, &after, &named)?;
    if !(step.at_once && K::KEEPS_PROCESSES_APART) {
        never_two_at_once::<K>(step, &calls)?;
    }
    if let Some(why) = calls.iter().find_map(|call| Some(format!("{}: {call}", K::forbidden(call)?))) {
        return Err(why);
    }
    nothing_is_told(stage, step, &told, &calls)
}

/// Where only one person is concerned, one call at a time is made. A call that nobody waits for any more does not count.
fn never_two_at_once<K: Kind>(step: &Step, calls: &[Value]) -> Result<(), String> {
    let people: BTreeSet<_> = step.updates.iter().map(|update| K::person(update.key)).collect();
    match calls.iter().find(|call| call["inFlight"] != 1) {
        Some(call) if people.len() == 1 && !step.hurry => Err(format!("two calls for one person: {call}")),
        Some(_) | None => Ok(()),
    }
}

/// Neither the log nor an outcome has a value, a token, or what a server echoed.
fn nothing_is_told(stage: &Stage, step: &Step, told: &[Told], calls: &[Value]) -> Result<(), String> {
    let outcomes: Vec<_> = told.iter().map(|told| &told.outcome).collect();
    let shown = format!("{}{outcomes:?}", stage.logged());
    let values = step.updates.iter().flat_map(|update| &update.fields).filter_map(|(_, value)| value.clone());
    let secrets = values.chain(calls.iter().flat_map(tokens)).chain(["echoed-by-the-server".to_owned()]);
    // What a refusal says that a field takes is no value, although it may be one.
    let is_told = |secret: &String| secret.len() < 6 || secret == "female";
    let leaked = secrets.filter(|secret| !is_told(secret)).find(|secret| shown.contains(secret.as_str()));
    leaked.map_or(Ok(()), |secret| Err(format!("{secret} is shown: {outcomes:?}")))
}

/// The tokens of a call.
fn tokens(call: &Value) -> Vec<String> {
    let query = call["query"].as_str().unwrap_or_default();
    let in_query = query.split('&').filter_map(|pair| pair.strip_prefix("Token="));
    let headers = call["headers"].as_object().into_iter().flatten();
    let header = headers.filter(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    let in_header = header.filter_map(|(_, value)| value.as_str()?.split(' ').next_back());
    in_query.chain(in_header).map(str::to_owned).collect()
}
