//! One target that fails, wants a break, is slow or blocks us, while the others are well: it has its own line, and they have
//! the data.

use futures_util::future::join_all;
use people_core::log::Answer;
use serde_json::{Value, json};

use super::people::{has, update, updated};
use super::stage::{ALL, Stage, secrets};

/// What ONLYOFFICE means by a 500, mostly.
const OFTEN_PERMANENT: &str = "onlyoffice does not allow it, or failed: status 500";

/// How a reason ends that passes.
const AGAIN: &str = "will be delivered again";

/// The log where one target did not take the update of Joe, for this reason.
fn log(failed: &[(&str, &str)]) -> String {
    let line = |name: &str| match failed.iter().find(|(other, _)| *other == name) {
        Some((_, why)) => {
            let (kind, not) = if why.ends_with(AGAIN) {
                ("Warning - DeliveryDeferred", "not updated yet")
            } else {
                ("Error - DeliveryRefused", "not updated")
            };
            format!("{kind} - 'joe@company.com' {not}: {why} at {name}\n")
        }
        None => format!("Success - PersonUpdated - 'joe@company.com' updated at {name}\n"),
    };
    ALL.map(line).concat()
}

/// Checks an import that one target did not take, and that the others have everything.
async fn check(stage: &Stage, slow: &str, failed: &[(&str, &str)]) -> Value {
    let imported = stage.import_without(&update(), slow).await;
    assert_eq!(imported.log, log(failed));
    let is_final = failed.iter().any(|(_, why)| !why.ends_with(AGAIN));
    assert_eq!(imported.answer, if is_final { Answer::Failed } else { Answer::Accepted });
    for name in ALL {
        let is_well = failed.iter().all(|(other, _)| *other != name);
        assert_eq!(has(stage, name).await == updated(name), is_well, "{name} for {failed:?}");
    }
    imported.report
}

#[tokio::test]
async fn a_target_that_answers_500_for_ever_keeps_the_others_from_nothing() {
    for (name, why, attempts) in [
        ("aktion", "aktion does not answer, will be delivered again", 4),
        ("esystems", "esystems does not answer, will be delivered again", 4),
        ("onlyoffice", OFTEN_PERMANENT, 2),
        ("scim", "scim does not answer, will be delivered again", 4),
    ] {
        let stage = Stage::new().await;
        stage.fault(name, json!({"status": 500, "body": "<html>Joseph +420 1 Finance</html>"})).await;
        let report = check(&stage, "", &[(name, why)]).await;
        let place = ALL.iter().position(|other| *other == name).unwrap();
        let told = &report["parts"][0]["targets"][place];
        assert_eq!((&told["target"], &told["attempts"]), (&json!(name), &json!(attempts)), "{told}");
    }
}

#[tokio::test]
async fn a_target_that_wants_a_longer_break_than_there_is_time_for_waits_alone() {
    for (name, status) in [("esystems", 429), ("onlyoffice", 503), ("scim", 429), ("scim", 503)] {
        let stage = Stage::new().await;
        stage.fault(name, json!({"status": status, "headers": {"Retry-After": "3600"}})).await;
        check(&stage, "", &[(name, &format!("{name} is busy, will be delivered again"))]).await;
        assert_eq!(stage.writes(name).await.0, 1, "{name}");
    }
}

#[tokio::test]
async fn a_break_that_there_is_time_for_is_taken() {
    for (name, status) in [("esystems", 429), ("onlyoffice", 503), ("scim", 429), ("scim", 503)] {
        let stage = Stage::new().await;
        let fault = json!({"status": status, "headers": {"Retry-After": "7"}, "times": 1});
        stage.fault(name, fault).await;
        let imported = stage.import(&update()).await;
        assert_eq!(imported.log, "Success - PersonUpdated - 'joe@company.com' updated\n", "{name}");
        assert_eq!(has(&stage, name).await, updated(name), "{name}");
    }
}

#[tokio::test]
async fn one_fails_one_wants_a_break_and_one_is_slow_and_the_fourth_has_the_data() {
    // Each of them is the slow one once, all at the same time, as each of these imports lasts as long as it may.
    join_all((0..ALL.len()).map(three_of_four_on_a_bad_day)).await;
}

async fn three_of_four_on_a_bad_day(shift: usize) {
    let stage = Stage::new().await;
    let [slow, failing, busy] = [0, 1, 2].map(|place| ALL[(shift + place) % ALL.len()]);
    // Aktion says in words of its own that it wants a break.
    let (failing, busy) = if busy == "aktion" { (busy, failing) } else { (failing, busy) };
    stage.fault(failing, json!({"status": 500, "body": "<html>"})).await;
    stage.fault(busy, json!({"status": 503, "headers": {"Retry-After": "3600"}})).await;
    stage.fault(slow, json!({"delay_ms": 600_000})).await;
    let failed = match failing {
        "onlyoffice" => OFTEN_PERMANENT.to_owned(),
        _ => format!("{failing} does not answer, will be delivered again"),
    };
    let busy_line = format!("{busy} is busy, will be delivered again");
    let slow_line = format!("{slow} does not answer, will be delivered again");
    check(&stage, slow, &[(failing, &failed), (busy, &busy_line), (slow, &slow_line)]).await;
}

#[tokio::test]
async fn a_target_that_blocks_us_stops_its_own_run_and_no_other() {
    for (name, wrong, why) in [
        (
            "aktion",
            json!({"userLogin": "people", "apiKey": "wrong"}),
            "aktion refuses our log-in, will be delivered again",
        ),
        (
            "esystems",
            json!({"clientId": "people", "clientSecret": "wrong"}),
            "esystems refuses our log-in, will be delivered again",
        ),
        (
            "onlyoffice",
            json!({"userName": "people", "password": "wrong"}),
            "onlyoffice refuses our log-in, will be delivered again",
        ),
        (
            "scim",
            json!({"token": "wrong"}),
            "scim does not accept the token that it gave us, will be delivered again",
        ),
    ] {
        let mut secrets = secrets();
        secrets[name] = wrong;
        let stage = Stage::with(secrets).await;
        // The others are known from the list; this one cannot be asked what it calls anybody.
        let mut body = update();
        let people = (0..20)
            .map(|n| json!({"employeeId": (200_000 + n).to_string(), "mobile": "1", "department": "IT"}));
        body.as_array_mut().unwrap().extend(people);
        let imported = stage.import(&body).await;
        assert!(imported.log.starts_with(&log(&[(name, why)])), "{name}: {}", imported.log);
        for other in ALL.into_iter().filter(|other| *other != name) {
            assert_eq!(has(&stage, other).await, updated(other), "{other} without {name}");
        }
        let (writes, log_ins) = stage.writes(name).await;
        assert!(writes == 0 && log_ins <= 2, "{name}: {writes} {log_ins}");
    }
}

#[tokio::test]
async fn what_a_lost_answer_said_is_not_taken_for_nothing() {
    for name in ALL {
        let stage = Stage::new().await;
        stage.fault(name, json!({"close": "after", "times": 1})).await;
        let imported = stage.import(&update()).await;
        assert_eq!(imported.log, "Success - PersonUpdated - 'joe@company.com' updated\n", "{name}");
        assert_eq!(has(&stage, name).await, updated(name), "{name}");
    }
}
