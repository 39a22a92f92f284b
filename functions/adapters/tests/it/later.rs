//! What happens to the parts of an import after it has ended: it is in the log, and in what a list shows of it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use people_adapters::aws::connect;
use people_adapters::dynamodb::DynamoImports;
use people_core::later::{Later, News};
use people_core::log::{Answer, Delivery, Ending, ImportLog, Outcome, PartOutcome, State};
use people_core::memory::{ManualClock, MemoryImports};
use people_core::ports::{Imports, Page};
use people_core::summary::Summary;

use crate::embedded::{Embedded, beginning, settings, start};
use crate::logs::{KEPT, claim, delivery, id, parts, running};
use crate::lossy::Lossy;

fn news(second: u64, part: usize, news: News) -> Later {
    Later { at: beginning().plus(Duration::from_secs(second)), part, news }
}

fn tried(second: u64, part: usize, target: &str, ending: Ending) -> Later {
    news(second, part, News::Delivery(delivery(target, ending)))
}

fn down() -> Ending {
    Ending::Deferred("down".into())
}

/// Two parts that wait at one target each.
fn waiting(last: u8) -> ImportLog {
    let mut log = running(id(last), 2);
    for part in &mut log.parts {
        let deliveries = vec![delivery("a", down())];
        part.outcome = PartOutcome::Delivered { deliveries, unmapped: Vec::new() };
    }
    log.state = State::Ended(Answer::Accepted);
    log
}

async fn listed(imports: &dyn Imports, errors_only: bool) -> Vec<Summary> {
    imports.list(&Page { limit: 9, errors_only, ..Page::default() }).await.unwrap()
}

async fn later_contract(imports: &dyn Imports) {
    imports.append(id(9), &[tried(1, 0, "a", down())]).await.unwrap();
    assert_eq!(imports.find(id(9)).await.unwrap(), None, "no log, nothing happens");
    what_arrives_later_is_counted(imports).await;
    everything_is_read_back(imports).await;
    what_is_added_to_a_running_import_is_still_there_when_it_has_ended(imports).await;
}

async fn what_arrives_later_is_counted(imports: &dyn Imports) {
    let mut log = waiting(1);
    imports.open(&log, None).await.unwrap();
    let endings = [(0, down()), (0, Ending::Updated), (1, down()), (1, Ending::Unchanged)];
    for (second, (part, ending)) in (1..).zip(endings) {
        let later = [tried(second, part, "a", ending)];
        imports.append(log.id, &later).await.unwrap();
        log.later.extend(later);
        assert_eq!(imports.find(log.id).await.unwrap().as_ref(), Some(&log));
        assert_eq!(listed(imports, false).await, [log.summary()]);
        assert_eq!(listed(imports, true).await.len(), usize::from(second < 4));
    }
    assert_eq!((log.summary().succeeded, log.summary().failed), (2, 0));
    let gone = tried(5, 1, "a", Ending::GivenUp("down".into()));
    imports.append(log.id, std::slice::from_ref(&gone)).await.unwrap();
    log.later.push(gone);
    assert_eq!(listed(imports, true).await, [log.summary()]);
}

async fn everything_is_read_back(imports: &dyn Imports) {
    let mut log = waiting(2);
    imports.open(&log, None).await.unwrap();
    let outcomes = parts().into_iter().map(|part| News::Part(part.outcome));
    let left_out = Delivery { superseded: vec!["salary".into()], ..delivery("ü", Ending::Superseded) };
    let all = outcomes.chain([News::Delivery(left_out)]);
    log.later = all.enumerate().map(|(number, one)| news(number as u64, number, one)).collect();
    imports.append(log.id, &log.later).await.unwrap();
    assert_eq!(imports.find(log.id).await.unwrap(), Some(log));
}

async fn what_is_added_to_a_running_import_is_still_there_when_it_has_ended(imports: &dyn Imports) {
    let one = claim("one");
    let mut log = running(id(3), 2);
    imports.open(&log, Some(&one)).await.unwrap();
    // Of a run that died; the one that begins again goes through all of it once more.
    imports.append(log.id, &[tried(1, 1, "a", Ending::Updated)]).await.unwrap();
    imports.begin(&log, &one.holder).await.unwrap();
    log.later.push(tried(2, 0, "a", Ending::Updated));
    imports.append(log.id, &log.later).await.unwrap();
    let closed = ImportLog { later: log.later, ..waiting(3) };
    for _ in 0..2 {
        imports.close(&closed.clone().as_answered(), &one.holder).await.unwrap();
    }
    assert_eq!(listed(imports, false).await[0], closed.summary());
    assert_eq!(closed.summary().succeeded, 1);
    assert_eq!(imports.find(closed.id).await.unwrap(), Some(closed));
}

#[tokio::test]
async fn memory_keeps_the_contract() {
    later_contract(&MemoryImports::new(Arc::new(ManualClock::at(beginning())))).await;
}

fn imports(embedded: &Embedded) -> DynamoImports {
    let Embedded { aws, tables, clock, .. } = embedded;
    DynamoImports::new(aws.dynamodb.clone(), tables, Arc::clone(clock) as _, KEPT)
}

#[tokio::test]
async fn dynamodb_keeps_the_contract() {
    later_contract(&imports(&start().await)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_add_at_once_each_line_is_there_once_and_all_are_counted() {
    let imports = imports(&start().await);
    let mut log = running(id(1), 16);
    for part in &mut log.parts {
        let deliveries = vec![delivery("a", down())];
        part.outcome = PartOutcome::Delivered { deliveries, unmapped: Vec::new() };
    }
    imports.open(&log, Some(&claim("one"))).await.unwrap();
    let lines: Vec<_> = (0..16).map(|part| [tried(1, part, "a", Ending::Updated)]).collect();
    let closed = ImportLog { state: State::Ended(Answer::Accepted), ..log };
    let holder = claim("one").holder;
    let (added, ended) = tokio::join!(
        join_all(lines.iter().map(|line| imports.append(id(1), line))),
        imports.close(&closed, &holder),
    );
    added.into_iter().for_each(Result::unwrap);
    ended.unwrap();
    let found = imports.find(id(1)).await.unwrap().unwrap();
    let mut parts: Vec<_> = found.later.iter().map(|later| later.part).collect();
    parts.sort_unstable();
    assert_eq!(parts, (0..16).collect::<Vec<_>>());
    assert_eq!(listed(&imports, false).await, [found.summary()]);
    assert_eq!(found.summary().succeeded, 16);
    assert_eq!(listed(&imports, true).await, []);
}

#[tokio::test]
async fn what_is_added_is_there_once_also_when_the_answer_is_lost() {
    let embedded = start().await;
    let lossy = Lossy::to(&embedded.dynamodb).await;
    let client = connect(&settings(&lossy.url, &embedded.s3)).await.dynamodb;
    let imports = DynamoImports::new(client, &embedded.tables, Arc::clone(&embedded.clock) as _, KEPT);
    imports.open(&waiting(1), None).await.unwrap();
    let later = [tried(1, 0, "a", Ending::Updated), tried(1, 1, "a", down())];
    let mut lost = lossy.lose("UpdateItem").lost;
    imports.append(id(1), &later).await.unwrap();
    assert!(lost.try_recv().is_ok(), "an answer was lost");
    assert_eq!(imports.find(id(1)).await.unwrap().unwrap().later, later);
}

/// A year of attempts that came to nothing, each with a reason of its own.
#[tokio::test]
async fn where_it_would_not_fit_the_oldest_attempts_that_came_to_nothing_are_left_out() {
    let imports = imports(&start().await);
    let mut log = waiting(1);
    imports.open(&log, None).await.unwrap();
    let failed = |second: u64| {
        let why = format!("{second} {}", "é".repeat(1000));
        let outcome = Outcome::unsent(Ending::Deferred(why));
        let delivery = Delivery { target: "a".into(), outcome, superseded: Vec::new() };
        news(second, second as usize % 2, News::Delivery(delivery))
    };
    for batch in 0..5 {
        let later: Vec<_> = (batch * 100..batch * 100 + 100).map(failed).collect();
        imports.append(log.id, &later).await.unwrap();
        log.later.extend(later);
    }
    let found = imports.find(log.id).await.unwrap().unwrap();
    assert!((50..200).contains(&found.later.len()), "{}", found.later.len());
    assert_eq!(found.later, log.later[500 - found.later.len()..]);
    assert_eq!(listed(&imports, false).await, [log.summary()]);
}
