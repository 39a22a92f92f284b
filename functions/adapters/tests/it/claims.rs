//! The claims: of all who want to carry out an import, one does, and whoever has lost it writes nothing more.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use people_adapters::aws::connect;
use people_adapters::dynamodb::DynamoImports;
use people_core::id::ImportId;
use people_core::log::{Answer, DIED_AFTER, ImportLog, PartOutcome, State};
use people_core::memory::{ManualClock, MemoryImports};
use people_core::ports::{Claim, Claimed, Imports, LeaseHolder, Page};
use people_core::summary::Source;
use people_core::time::Timestamp;

use crate::embedded::{Embedded, beginning, settings, start};
use crate::logs::{KEPT, claim, id, running};
use crate::lossy::Lossy;

/// A minute from now, as the claims of [`claim`] are.
const MINUTE: Duration = Duration::from_secs(60);

fn until(claim: &Claim, until: Timestamp) -> Claim {
    Claim { until, ..claim.clone() }
}

fn taken(claimed: Claimed) -> ImportLog {
    let Claimed::Taken(log) = claimed else { unreachable!("{claimed:?}") };
    *log
}

fn ended(log: &ImportLog, answer: Answer) -> ImportLog {
    let mut log = ImportLog { state: State::Ended(answer), ..log.clone() };
    log.parts.iter_mut().for_each(|part| part.outcome = PartOutcome::Uploaded);
    log
}

async fn claims_contract(imports: &dyn Imports, clock: &ManualClock) {
    assert_eq!(imports.claim(id(1), &claim("one")).await.unwrap(), Claimed::Unknown);
    an_accepted_import_is_claimed_begun_and_closed(imports).await;
    what_has_ended_is_not_claimed(imports).await;
    of_many_who_claim_at_once_one_has_it(imports).await;
    a_claim_that_is_over_is_taken_over(imports, clock).await;
}

async fn an_accepted_import_is_claimed_begun_and_closed(imports: &dyn Imports) {
    let accepted = ImportLog { state: State::Accepted, source: Source::Staged, ..running(id(2), 0) };
    let one = claim("one");
    imports.open(&accepted, None).await.unwrap();
    assert_eq!(imports.find(id(2)).await.unwrap().as_ref(), Some(&accepted));
    let begun = ImportLog { source: Source::Staged, ..running(id(2), 3) };
    assert!(imports.begin(&begun, &one.holder).await.is_err(), "nobody has claimed it");
    assert_eq!(taken(imports.claim(id(2), &one).await.unwrap()), accepted);
    let left = taken(imports.claim(id(2), &until(&one, one.until.plus(MINUTE))).await.unwrap());
    assert_eq!(left.state, State::Running, "whoever has it may have it for longer");
    assert_eq!(imports.claim(id(2), &claim("other")).await.unwrap(), Claimed::Busy);
    for _ in 0..2 {
        imports.begin(&begun, &one.holder).await.unwrap();
    }
    assert_eq!(imports.find(id(2)).await.unwrap().as_ref(), Some(&begun));
    let listed = imports.list(&Page { limit: 1, errors_only: true, ..Page::default() }).await.unwrap();
    assert_eq!(listed, [begun.summary()]);
    let closed = ended(&begun, Answer::Succeeded);
    assert!(imports.close(&closed, &claim("other").holder).await.is_err());
    for _ in 0..2 {
        imports.close(&closed, &one.holder).await.unwrap();
    }
    assert!(imports.begin(&begun, &one.holder).await.is_err(), "it has ended");
    assert_eq!(imports.find(id(2)).await.unwrap().as_ref(), Some(&closed));
    let listed = imports.list(&Page { limit: 9, errors_only: true, ..Page::default() }).await.unwrap();
    assert_eq!(listed, []);
}

async fn what_has_ended_is_not_claimed(imports: &dyn Imports) {
    for (number, answer) in Answer::ALL.into_iter().enumerate() {
        let log = ended(&running(id(100 + number as u8), 1), answer);
        imports.open(&log, None).await.unwrap();
        let claimed = imports.claim(log.id, &claim("one")).await.unwrap();
        let expected = match answer {
            Answer::Interrupted => Claimed::Taken(Box::new(log.clone())),
            _ => Claimed::Ended(Box::new(log.clone())),
        };
        assert_eq!(claimed, expected);
        let state = imports.find(log.id).await.unwrap().unwrap().state;
        assert_eq!(state == State::Running, answer == Answer::Interrupted);
    }
}

async fn of_many_who_claim_at_once_one_has_it(imports: &dyn Imports) {
    imports.open(&ImportLog { state: State::Accepted, ..running(id(3), 0) }, None).await.unwrap();
    let claims: Vec<_> = (0..16).map(|number| claim(&format!("holder {number}"))).collect();
    let claimed = join_all(claims.iter().map(|claim| imports.claim(id(3), claim))).await;
    let (taken, others): (Vec<_>, Vec<_>) =
        claimed.into_iter().map(Result::unwrap).partition(|claimed| matches!(claimed, Claimed::Taken(_)));
    assert_eq!((taken.len(), others), (1, vec![Claimed::Busy; 15]));
}

async fn a_claim_that_is_over_is_taken_over(imports: &dyn Imports, clock: &ManualClock) {
    let (one, other) = (claim("one"), until(&claim("other"), beginning().plus(5 * MINUTE)));
    let begun = running(id(4), 2);
    imports.open(&begun, Some(&one)).await.unwrap();
    clock.advance_to(Timestamp::from_millis(one.until.millis() - 1));
    assert_eq!(imports.claim(id(4), &other).await.unwrap(), Claimed::Busy);
    clock.advance_to(one.until);
    assert_eq!(taken(imports.claim(id(4), &other).await.unwrap()), begun);
    assert!(imports.close(&ended(&begun, Answer::Succeeded), &one.holder).await.is_err(), "it was lost");
    let closed = ended(&begun, Answer::StoreFailed);
    imports.close(&closed, &other.holder).await.unwrap();
    assert_eq!(imports.find(id(4)).await.unwrap(), Some(closed));
}

/// What has not ended, the oldest first: running or accepted, and what was interrupted and is claimed again.
async fn unfinished_contract(imports: &dyn Imports) {
    let made = |minute: u32, last: u8| {
        ImportId::new(beginning().plus(MINUTE * minute), [0, 0, 0, 0, 0, 0, 0, 0, 0, last])
    };
    let states = [State::Running, State::Accepted, State::Ended(Answer::Failed)];
    let mut wanted = Vec::new();
    for number in 0..30 {
        let state = states[number as usize % 3];
        let log = ImportLog { state, ..running(made(number / 2, number as u8), 1) };
        imports.open(&log, None).await.unwrap();
        wanted.extend((state != State::Ended(Answer::Failed)).then_some(log.id));
    }
    wanted.sort_unstable();
    let end = beginning().plus(MINUTE * 60);
    for limit in [1, 7, 20, 21] {
        assert_eq!(imports.unfinished(end, limit).await.unwrap(), wanted[..limit.min(20)], "{limit}");
    }
    let fifth = beginning().plus(MINUTE * 5);
    let before = |at| wanted.iter().filter(|id| id.made_at() < at).copied().collect::<Vec<_>>();
    assert_eq!(imports.unfinished(fifth, 50).await.unwrap(), before(fifth));
    let after = fifth.plus(Duration::from_millis(1));
    assert_eq!(imports.unfinished(after, 50).await.unwrap(), before(after));
    assert!(before(fifth).len() < before(after).len());
}

#[tokio::test]
async fn memory_keeps_the_contract() {
    let clock = Arc::new(ManualClock::at(beginning()));
    claims_contract(&MemoryImports::new(Arc::clone(&clock) as _), &clock).await;
    unfinished_contract(&MemoryImports::new(clock)).await;
}

fn imports(embedded: &Embedded) -> DynamoImports {
    let Embedded { aws, tables, clock, .. } = embedded;
    DynamoImports::new(aws.dynamodb.clone(), tables, Arc::clone(clock) as _, KEPT)
}

#[tokio::test]
async fn dynamodb_keeps_the_contract() {
    let embedded = start().await;
    claims_contract(&imports(&embedded), &embedded.clock).await;
    unfinished_contract(&imports(&start().await)).await;
}

#[tokio::test]
async fn an_import_of_a_version_without_claims_is_taken_over_when_it_has_died() {
    let embedded = start().await;
    let imports = imports(&embedded);
    imports.open(&running(id(1), 1), None).await.unwrap();
    let died = beginning().plus(DIED_AFTER);
    embedded.clock.advance_to(Timestamp::from_millis(died.millis() - 1));
    let one = until(&claim("one"), died.plus(MINUTE));
    assert_eq!(imports.claim(id(1), &one).await.unwrap(), Claimed::Busy);
    embedded.clock.advance_to(died);
    assert_eq!(taken(imports.claim(id(1), &one).await.unwrap()), running(id(1), 1));
}

#[tokio::test]
async fn an_import_that_was_interrupted_is_back_among_the_unfinished_when_it_is_claimed() {
    let imports = imports(&start().await);
    let log = ended(&running(id(1), 1), Answer::Interrupted);
    let failed = ImportLog { parts: log.clone().interrupted().parts, ..log };
    imports.open(&failed, None).await.unwrap();
    let later = beginning().plus(MINUTE);
    assert_eq!(imports.unfinished(later, 9).await.unwrap(), []);
    taken(imports.claim(id(1), &claim("one")).await.unwrap());
    assert_eq!(imports.unfinished(later, 9).await.unwrap(), [id(1)]);
}

#[tokio::test]
async fn a_claim_and_a_close_whose_answers_are_lost_are_had_once() {
    let embedded = start().await;
    let lossy = Lossy::to(&embedded.dynamodb).await;
    let client = connect(&settings(&lossy.url, &embedded.s3)).await.dynamodb;
    let imports = DynamoImports::new(client, &embedded.tables, Arc::clone(&embedded.clock) as _, KEPT);
    let accepted = ImportLog { state: State::Accepted, ..running(id(1), 0) };
    imports.open(&accepted, None).await.unwrap();
    let mut lost = lossy.lose("UpdateItem").lost;
    assert_eq!(taken(imports.claim(id(1), &claim("one")).await.unwrap()), accepted);
    assert!(lost.try_recv().is_ok(), "an answer was lost");
    let mut lost = lossy.lose("UpdateItem").lost;
    imports.begin(&running(id(1), 2), &claim("one").holder).await.unwrap();
    assert!(lost.try_recv().is_ok(), "an answer was lost");
    let mut lost = lossy.lose("UpdateItem").lost;
    let closed = ended(&running(id(1), 2), Answer::Succeeded);
    imports.close(&closed, &LeaseHolder("one".into())).await.unwrap();
    assert!(lost.try_recv().is_ok(), "an answer was lost");
    assert_eq!(imports.find(id(1)).await.unwrap(), Some(closed));
}
