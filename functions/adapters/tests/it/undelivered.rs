//! The updates that wait.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use people_adapters::dynamodb::{DynamoUndelivered, Tables};
use people_core::id::ImportId;
use people_core::memory::MemoryUndelivered;
use people_core::ports::{Undelivered, WaitingPage};
use people_core::shown::Shown;
use people_core::time::Timestamp;
use people_core::undelivered::{Kept, Place, Update, Waiting};

use crate::embedded::{Embedded, beginning, start};
use crate::logs::id;

const SECRET: &str = "{\"salary\":\"it is nobody's business\"}";

fn at(second: u64) -> Timestamp {
    beginning().plus(Duration::from_secs(second))
}

fn place(import: ImportId, part: usize, target: Option<&str>) -> Place {
    Place { import, part, target: target.map(Into::into) }
}

fn kept(place: Place, second: u64) -> Kept {
    let person = Shown::new(&format!("p{}\u{2028}'@company.com", place.part % 3));
    let reason = "it did not \"answer\" in time".to_owned();
    let waiting = Waiting { place, person, reason, attempts: 3, next_at: at(second) };
    Kept { waiting, since: beginning(), update: Update(SECRET.into()) }
}

/// Sixty updates of six imports: some due at the same moment, some without a target.
fn sixty() -> Vec<Kept> {
    let targets = [Some("aktion"), None, Some("b#c"), Some("ü")];
    let one = |number: usize| {
        let import = id((number % 6) as u8);
        kept(place(import, number / 6, targets[number % 4]), (number * 7 % 20) as u64)
    };
    (0..60).map(one).collect()
}

fn in_order(kept: &[Kept]) -> Vec<Waiting> {
    let mut waiting: Vec<_> = kept.iter().map(|kept| kept.waiting.clone()).collect();
    waiting.sort_by(|one, other| (one.next_at, &one.place).cmp(&(other.next_at, &other.place)));
    waiting
}

/// Every page of these.
async fn walk(undelivered: &dyn Undelivered, wanted: &WaitingPage) -> Vec<Waiting> {
    let mut all: Vec<Waiting> = Vec::new();
    loop {
        let after = all.last().map(|last| (last.next_at, last.place.clone()));
        let page = undelivered.list(&WaitingPage { after, ..wanted.clone() }).await.unwrap();
        assert!(page.len() <= wanted.limit);
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

async fn undelivered_contract(undelivered: &dyn Undelivered) {
    nothing_waits(undelivered).await;
    let all = sixty();
    undelivered.keep(&all).await.unwrap();
    assert_eq!(undelivered.count().await.unwrap(), 60);
    every_one_is_on_one_page(undelivered, &in_order(&all)).await;
    what_is_kept_is_read_back(undelivered, &all).await;
    what_is_kept_again_is_replaced(undelivered, &all[0]).await;
    what_is_due_now_comes_first(undelivered, &all).await;
    what_is_removed_is_gone(undelivered, &all).await;
}

async fn nothing_waits(undelivered: &dyn Undelivered) {
    let somewhere = place(id(1), 0, Some("aktion"));
    undelivered.keep(&[]).await.unwrap();
    undelivered.remove(&[]).await.unwrap();
    undelivered.remove(std::slice::from_ref(&somewhere)).await.unwrap();
    assert_eq!(undelivered.get(&[]).await.unwrap(), []);
    assert_eq!(undelivered.get(&[somewhere]).await.unwrap(), []);
    assert_eq!(undelivered.of_import(id(1)).await.unwrap(), []);
    assert_eq!(undelivered.count().await.unwrap(), 0);
    assert_eq!(walk(undelivered, &WaitingPage { limit: 9, ..WaitingPage::default() }).await, []);
}

async fn every_one_is_on_one_page(undelivered: &dyn Undelivered, all: &[Waiting]) {
    let person = all[0].person.as_str().to_owned();
    for limit in [1, 7, 60, 61, 200] {
        let page = WaitingPage { limit, ..WaitingPage::default() };
        assert_eq!(walk(undelivered, &page).await, all, "{limit}");
        let filtered = WaitingPage {
            due: Some(at(13)),
            target: Some("aktion".into()),
            person: Some(format!(" {} ", person.to_uppercase())),
            ..page.clone()
        };
        let wanted = |one: &&Waiting| {
            one.next_at <= at(13)
                && one.place.target.as_deref() == Some("aktion")
                && one.person.as_str() == person
        };
        let wanted: Vec<_> = all.iter().filter(wanted).cloned().collect();
        assert!(!wanted.is_empty());
        assert_eq!(walk(undelivered, &filtered).await, wanted, "{limit}");
        let nobody = WaitingPage { person: Some("nobody".into()), ..page.clone() };
        assert_eq!(walk(undelivered, &nobody).await, []);
    }
    for second in 0..20 {
        let page = WaitingPage { due: Some(at(second)), limit: 60, ..WaitingPage::default() };
        let due = all.iter().filter(|one| one.next_at <= at(second)).count();
        assert_eq!(walk(undelivered, &page).await, all[..due], "{second}");
    }
    let early = WaitingPage {
        due: Some(Timestamp::from_millis(at(0).millis() - 1)),
        limit: 60,
        ..WaitingPage::default()
    };
    assert_eq!(walk(undelivered, &early).await, []);
}

async fn what_is_kept_is_read_back(undelivered: &dyn Undelivered, all: &[Kept]) {
    let mut places: Vec<_> = all.iter().map(|kept| kept.waiting.place.clone()).collect();
    places.push(place(id(0), 99, None));
    let mut found = undelivered.get(&places).await.unwrap();
    let mut all = all.to_vec();
    for list in [&mut found, &mut all] {
        list.sort_by(|one, other| one.waiting.place.cmp(&other.waiting.place));
    }
    assert_eq!(found, all);
    let of_import = undelivered.of_import(id(2)).await.unwrap();
    let wanted = all.iter().map(|kept| kept.waiting.clone());
    let wanted: Vec<_> = wanted.filter(|waiting| waiting.place.import == id(2)).collect();
    assert_eq!((of_import.len(), of_import), (10, wanted));
}

async fn what_is_kept_again_is_replaced(undelivered: &dyn Undelivered, first: &Kept) {
    let mut again = first.clone();
    again.waiting.next_at = at(100);
    again.waiting.attempts = 4;
    undelivered.keep(std::slice::from_ref(&again)).await.unwrap();
    assert_eq!(undelivered.count().await.unwrap(), 60);
    let places = [first.waiting.place.clone()];
    assert_eq!(undelivered.get(&places).await.unwrap(), [again.clone()]);
    let all = walk(undelivered, &WaitingPage { limit: 50, ..WaitingPage::default() }).await;
    assert_eq!(all.last(), Some(&again.waiting));
}

/// The first of all waits since long before, and nothing but its moment changes; what is not there does not come to be.
async fn what_is_due_now_comes_first(undelivered: &dyn Undelivered, all: &[Kept]) {
    assert_eq!(undelivered.due_now(&[], at(0)).await.unwrap(), 0);
    let mut last = all[59].clone();
    let places = [last.waiting.place.clone(), last.waiting.place.clone(), place(id(1), 99, None)];
    let early = Timestamp::from_millis(at(0).millis() - 1);
    assert_eq!(undelivered.due_now(&places, early).await.unwrap(), 1);
    last.waiting.next_at = early;
    assert_eq!(undelivered.get(&places[1..]).await.unwrap(), [last.clone()]);
    let due = WaitingPage { due: Some(early), limit: 9, ..WaitingPage::default() };
    assert_eq!(undelivered.list(&due).await.unwrap(), [last.waiting]);
    assert_eq!(undelivered.count().await.unwrap(), 60);
}

async fn what_is_removed_is_gone(undelivered: &dyn Undelivered, all: &[Kept]) {
    let places: Vec<_> = all.iter().map(|kept| kept.waiting.place.clone()).collect();
    undelivered.remove(&places[..26]).await.unwrap();
    assert_eq!(undelivered.count().await.unwrap(), 34);
    let left: BTreeSet<_> = places[26..].iter().cloned().collect();
    let found = undelivered.get(&places).await.unwrap();
    assert_eq!(found.into_iter().map(|kept| kept.waiting.place).collect::<BTreeSet<_>>(), left);
    undelivered.remove(&places).await.unwrap();
    assert_eq!(undelivered.count().await.unwrap(), 0);
}

#[tokio::test]
async fn memory_keeps_the_contract() {
    undelivered_contract(&MemoryUndelivered::default()).await;
}

fn undelivered(embedded: &Embedded) -> DynamoUndelivered {
    let Embedded { aws, tables, clock, .. } = embedded;
    DynamoUndelivered::new(aws.dynamodb.clone(), tables, Arc::clone(clock) as _)
}

#[tokio::test]
async fn dynamodb_keeps_the_contract() {
    undelivered_contract(&undelivered(&start().await)).await;
}

#[tokio::test]
async fn any_number_is_kept_read_and_removed_in_as_many_requests_as_it_takes() {
    let undelivered = undelivered(&start().await);
    for many in [1, 25, 26, 100, 101] {
        let all: Vec<_> = (0..many).map(|part| kept(place(id(1), part, Some("a")), 1)).collect();
        let twice: Vec<_> = all.iter().chain(&all).cloned().collect();
        undelivered.keep(&twice).await.unwrap();
        assert_eq!(undelivered.count().await.unwrap(), many as u64);
        let places: Vec<_> = twice.into_iter().map(|kept| kept.waiting.place).collect();
        assert_eq!(undelivered.get(&places).await.unwrap().len(), many);
        undelivered.remove(&places).await.unwrap();
        assert_eq!(undelivered.count().await.unwrap(), 0);
    }
}

#[tokio::test]
async fn large_updates_are_read_back_whole() {
    let undelivered = undelivered(&start().await);
    let large = |part| Kept { update: Update("x".repeat(256 * 1024)), ..kept(place(id(1), part, None), 1) };
    let all: Vec<_> = (0..50).map(large).collect();
    undelivered.keep(&all).await.unwrap();
    let places: Vec<_> = all.iter().map(|kept| kept.waiting.place.clone()).collect();
    let found = undelivered.get(&places).await.unwrap();
    assert_eq!(found.len(), 50);
    assert!(found.iter().all(|kept| kept.update.0.len() == 256 * 1024));
    assert_eq!(undelivered.of_import(id(1)).await.unwrap().len(), 50);
}

#[tokio::test]
async fn what_is_expired_is_not_shown() {
    let embedded = start().await;
    let undelivered = undelivered(&embedded);
    let one = kept(place(id(1), 0, Some("a")), 1);
    undelivered.keep(std::slice::from_ref(&one)).await.unwrap();
    let places = [one.waiting.place.clone()];
    let end =
        Timestamp::from_millis(beginning().seconds() * 1000).plus(Duration::from_secs(3 * 24 * 60 * 60));
    let page = WaitingPage { limit: 9, ..WaitingPage::default() };
    for (late, there) in [(-1, 1), (0, 0)] {
        embedded.clock.advance_to(Timestamp::from_millis(end.millis() + late));
        assert_eq!(undelivered.get(&places).await.unwrap().len(), there, "{late}");
        assert_eq!(undelivered.list(&page).await.unwrap().len(), there, "{late}");
        assert_eq!(undelivered.of_import(id(1)).await.unwrap().len(), there, "{late}");
        assert_eq!(undelivered.count().await.unwrap(), there as u64, "{late}");
    }
}

#[tokio::test]
async fn one_that_cannot_be_read_does_not_hide_the_others() {
    let embedded = start().await;
    let undelivered = undelivered(&embedded);
    let all: Vec<_> = (0..3).map(|part| kept(place(id(1), part, Some("a")), 1)).collect();
    undelivered.keep(&all).await.unwrap();
    for name in ["update", "attempts"] {
        let change = embedded.aws.dynamodb.update_item().table_name(&embedded.tables.undelivered);
        let change = change
            .key("requestId", AttributeValue::S(id(1).to_string()))
            .key("place", AttributeValue::S("00001#a".into()));
        let change = change.update_expression("REMOVE #name").expression_attribute_names("#name", name);
        change.send().await.unwrap();
        let places: Vec<_> = all.iter().map(|kept| kept.waiting.place.clone()).collect();
        let parts = |places: Vec<Place>| places.into_iter().map(|place| place.part).collect::<BTreeSet<_>>();
        let read = undelivered.get(&places).await.unwrap();
        let read = parts(read.into_iter().map(|kept| kept.waiting.place).collect());
        assert_eq!(read, BTreeSet::from([0, 2]), "{name}");
        let page = WaitingPage { limit: 9, ..WaitingPage::default() };
        let shown = [undelivered.list(&page).await.unwrap(), undelivered.of_import(id(1)).await.unwrap()];
        let of_it = if name == "update" { BTreeSet::from([0, 1, 2]) } else { BTreeSet::from([0, 2]) };
        for shown in shown {
            assert_eq!(parts(shown.into_iter().map(|waiting| waiting.place).collect()), of_it, "{name}");
        }
    }
}

#[tokio::test]
async fn no_update_is_in_the_index() {
    let embedded = start().await;
    undelivered(&embedded).keep(&sixty()).await.unwrap();
    let scan = || embedded.aws.dynamodb.scan().table_name(&embedded.tables.undelivered);
    let table = scan().send().await.unwrap();
    let index = scan().index_name("due").send().await.unwrap();
    assert_eq!((table.items().len(), index.items().len()), (60, 60));
    assert!(format!("{:?}", table.items()).contains("nobody's business"));
    assert!(!format!("{:?}", index.items()).contains("nobody's business"));
}

#[tokio::test]
async fn a_failure_is_no_answer() {
    let embedded = start().await;
    let (client, clock) = (embedded.aws.dynamodb.clone(), Arc::clone(&embedded.clock));
    let undelivered = DynamoUndelivered::new(client, &Tables::with_prefix("elsewhere"), clock as _);
    let one = kept(place(id(1), 0, None), 1);
    let places = [one.waiting.place.clone()];
    assert!(undelivered.keep(&[one]).await.is_err());
    assert!(undelivered.get(&places).await.is_err());
    assert!(undelivered.remove(&places).await.is_err());
    assert!(undelivered.due_now(&places, at(1)).await.is_err());
    assert!(undelivered.list(&WaitingPage { limit: 1, ..WaitingPage::default() }).await.is_err());
    assert!(undelivered.of_import(id(1)).await.is_err());
    assert!(undelivered.count().await.is_err());
}
