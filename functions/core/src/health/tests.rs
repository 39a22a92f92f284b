//! Which deliveries are counted, in which hour, and what is said of how long they took.

use std::sync::Arc;

use super::*;
use crate::id::ImportId;
use crate::later::{Later, News};
use crate::log::{Answer, Delivery, Ending, Form, ImportLog, Outcome, PartLog, PartOutcome, State, Subject};
use crate::memory::{self, ManualClock};
use crate::ports::Opened;
use crate::shown::Shown;
use crate::summary::Source;

/// A quarter past an hour.
const NOW: Timestamp = Timestamp::from_millis(1_700_756_100_000);

fn ago(hours: i64) -> Timestamp {
    Timestamp::from_millis(NOW.millis() - hours * 3_600_000)
}

fn delivery(target: &str, ending: Ending, duration_ms: u32) -> Delivery {
    let attempts = u32::from(duration_ms > 0);
    let outcome = Outcome { ending, code: None, attempts, duration_ms };
    Delivery { target: target.into(), outcome, superseded: Vec::new() }
}

/// An import of one part that was delivered so.
fn log(at: Timestamp, number: u8, deliveries: Vec<Delivery>) -> ImportLog {
    let outcome = PartOutcome::Delivered { deliveries, unmapped: Vec::new() };
    ImportLog {
        id: ImportId::new(at, [number; 10]),
        received_at: at,
        key_name: Shown::new("payroll"),
        state: State::Ended(Answer::Succeeded),
        fault: None,
        parts: vec![PartLog { subject: Subject::Unknown, outcome }],
        names_targets: true,
        dry_run: false,
        form: Form::Array,
        source: Source::Direct,
        later: Vec::new(),
    }
}

fn health_of(logs: &[ImportLog]) -> Health {
    let app = memory::app(Arc::new(ManualClock::at(NOW)));
    futures_util::FutureExt::now_or_never(async {
        for log in logs {
            assert_eq!(app.imports.open(log, None).await.unwrap(), Opened::New);
        }
        of_last_day(&app).await.unwrap()
    })
    .unwrap()
}

/// Arrived, deferred and failed, in the hours that have any: how many hours ago, and what.
fn counted(target: &TargetHealth) -> Vec<(usize, [usize; 3])> {
    assert_eq!(target.hours.len(), HOURS);
    let hours = target.hours.iter().rev().enumerate();
    let of = |deliveries: &Deliveries| [deliveries.arrived, deliveries.deferred, deliveries.failed];
    hours
        .filter(|(_, hour)| hour.deliveries != Deliveries::default())
        .map(|(ago, hour)| (ago, of(&hour.deliveries)))
        .collect()
}

#[test]
fn every_ending_is_counted_at_its_target_and_in_its_hour() {
    let why = || "no".to_owned();
    let logs = [
        log(ago(0), 1, vec![delivery("b", Ending::Updated, 5), delivery("a", Ending::Deferred(why()), 0)]),
        log(ago(0), 2, vec![delivery("b", Ending::Unchanged, 7), delivery("a", Ending::UnknownPerson, 3)]),
        log(ago(3), 3, vec![delivery("b", Ending::Refused(why()), 1)]),
        log(ago(3), 4, vec![delivery("b", Ending::PartlyUpdated(why()), 1)]),
        log(ago(3), 5, vec![delivery("b", Ending::GivenUp(why()), 1)]),
        log(ago(3), 6, vec![delivery("b", Ending::Superseded, 0)]),
    ];
    let health = health_of(&logs);
    assert_eq!((health.at, health.imports, health.is_sample), (NOW, 6, false));
    let names: Vec<_> = health.targets.iter().map(|target| &*target.target).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(counted(&health.targets[0]), [(0, [0, 1, 1])]);
    assert_eq!(counted(&health.targets[1]), [(0, [2, 0, 0]), (3, [0, 0, 3])]);
    let day = health.targets[1].day;
    assert_eq!((day.all(), day.took), (5, Some(Durations { median_ms: 1, p95_ms: 7 })));
}

#[test]
fn the_day_is_the_hour_that_runs_and_the_23_before_it() {
    let begins = NOW.to_hour().millis();
    let first = begins - 23 * 3_600_000;
    let at =
        |millis, number| log(Timestamp::from_millis(millis), number, vec![delivery("a", Ending::Updated, 1)]);
    let logs = [at(first - 1, 1), at(first, 2), at(begins - 1, 3), at(begins, 4), at(NOW.millis(), 5)];
    let health = health_of(&logs);
    assert_eq!(counted(&health.targets[0]), [(0, [2, 0, 0]), (1, [1, 0, 0]), (23, [1, 0, 0])]);
    let from: Vec<_> = health.targets[0].hours.iter().map(|hour| hour.from.millis()).collect();
    assert_eq!((from[0], from[23]), (first, begins));
}

#[test]
fn what_is_tried_again_counts_in_the_hour_in_which_it_is() {
    let put_off = || delivery("a", Ending::Deferred("down".into()), 9);
    let mut deferred = log(ago(5), 1, vec![put_off()]);
    let later = |hours, news| Later { at: ago(hours), part: 0, news };
    deferred.later = vec![
        later(4, News::Delivery(put_off())),
        later(2, News::Delivery(delivery("a", Ending::Updated, 9))),
    ];
    let mut unknown = log(ago(6), 2, Vec::new());
    unknown.parts[0].outcome = PartOutcome::Deferred("nobody can tell".into());
    let deliveries = vec![delivery("a", Ending::Updated, 9)];
    unknown.later = vec![later(1, News::Part(PartOutcome::Delivered { deliveries, unmapped: Vec::new() }))];
    let health = health_of(&[deferred, unknown]);
    assert_eq!(counted(&health.targets[0]), [(1, [1, 0, 0]), (2, [1, 0, 0]), (4, [0, 1, 0]), (5, [0, 1, 0])]);
}

#[test]
fn a_dry_run_and_what_is_no_delivery_say_nothing_of_a_target() {
    let dry_run = ImportLog { dry_run: true, ..log(ago(0), 1, vec![delivery("a", Ending::Updated, 1)]) };
    let mut filed = log(ago(0), 2, Vec::new());
    filed.parts[0].outcome = PartOutcome::Uploaded;
    assert_eq!(health_of(&[dry_run, filed]).targets, []);
    assert_eq!(health_of(&[]).imports, 0);
}

#[test]
fn half_of_them_and_95_of_100_took_no_longer() {
    let took = |durations: &[u32]| {
        let deliveries = durations.iter().map(|ms| delivery("a", Ending::Updated, *ms)).collect();
        health_of(&[log(ago(0), 1, deliveries)]).targets[0].day.took
    };
    let is = |median_ms, p95_ms| Some(Durations { median_ms, p95_ms });
    assert_eq!(took(&[0]), None, "it was never sent");
    assert_eq!(took(&[7]), is(7, 7));
    assert_eq!(took(&[9, 1]), is(1, 9));
    assert_eq!(took(&(1..=20).rev().collect::<Vec<_>>()), is(10, 19));
    assert_eq!(took(&(1..=100).collect::<Vec<_>>()), is(50, 95));
    assert_eq!(took(&[u32::MAX, u32::MAX]), is(u32::MAX, u32::MAX));
}

#[test]
fn of_more_imports_than_are_looked_at_some_are_left_out() {
    let logs = |count: usize| -> Vec<ImportLog> {
        (0..count).map(|number| log(ago(2), number as u8, vec![delivery("a", Ending::Updated, 1)])).collect()
    };
    for (there, is_sample) in [(IMPORTS_AN_HOUR - 1, false), (IMPORTS_AN_HOUR + 1, true)] {
        let health = health_of(&logs(there));
        let seen = there.min(IMPORTS_AN_HOUR);
        assert_eq!((health.imports, health.is_sample), (seen, is_sample), "{there}");
        assert_eq!(counted(&health.targets[0]), [(2, [seen, 0, 0])]);
    }
}
