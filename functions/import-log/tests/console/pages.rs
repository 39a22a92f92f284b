//! What the pages show, how large they get, and that nothing that a caller sent becomes a part of them.

use std::time::Duration;

use people_core::batch::RequestFault;
use people_core::later::{Later, News};
use people_core::log::{Ending, ImportLog, PartLog, PartOutcome, Subject};
use people_core::log_text;
use people_core::shown::Shown;
use people_core::undelivered::{Kept, Waiting};

use crate::browser::{Answer, NOW, Service};
use crate::logs::{at, deferred, delivered, log, part, unknown_fields, waiting};

/// What an evil caller sends wherever a text goes.
const EVIL: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>\u{202e}";
/// The most bytes of a page.
const MOST: usize = 60_000;

async fn open(service: &Service, logs: &[ImportLog]) {
    for log in logs {
        service.app.imports.open(log, None).await.unwrap();
    }
}

fn path(log: &ImportLog) -> String {
    format!("/console/imports/{}", log.id)
}

#[tokio::test]
async fn the_list_says_what_became_of_each_import_and_the_switch_leaves_out_what_went_well() {
    let service = Service::new().await;
    let good = log(1, "payroll", vec![part("joe", delivered(vec![at("aktion", Ending::Updated)]))]);
    let bad = log(2, "payroll", vec![part("joe", PartOutcome::UnknownPerson)]);
    let dry = ImportLog { dry_run: true, ..log(3, "test", vec![part("joe", PartOutcome::UnknownPerson)]) };
    open(&service, &[good.clone(), bad.clone(), dry, deferred(4)]).await;
    let browser = service.signed_in().await;
    let page = browser.get("/console").await;
    assert_eq!(page.link("Import successful, 1 updated, 0 errors"), Some(path(&good)));
    assert_eq!(page.body.matches("Import unsuccessful, 0 updated, 1 error<").count(), 2);
    assert!(page.has("Import pending, 0 updated, 0 errors, 1 to come") && page.has("Dry run"));
    assert!(page.has("<time datetime=\"2023-11-23T16:32:59Z\">23 Nov 2023, 16:32:59</time>"));
    assert!(page.has("aria-checked=\"false\" name=\"errorsOnly\" value=\"true\""));
    let page = browser.get("/console?errorsOnly=true").await;
    assert!(
        page.has("aria-checked=\"true\"") && !page.has("Import successful") && page.has("Import pending")
    );
}

#[tokio::test]
async fn a_page_of_the_list_has_fifty_imports_and_leads_to_older_ones() {
    let service = Service::new().await;
    let browser = service.signed_in().await;
    assert!(browser.get("/console").await.has("Nothing has been imported yet."));
    let all: Vec<_> = (0..51).map(|number| log(number, "k", vec![])).collect();
    open(&service, &all[..50]).await;
    let page = browser.get("/console").await;
    assert_eq!((page.body.matches("<li class=\"entry\">").count(), page.link("Older")), (50, None));
    open(&service, &all[50..]).await;
    let page = browser.get("/console").await;
    assert_eq!(page.body.matches("<li class=\"entry\">").count(), 50);
    let older = browser.get(&page.link("Older").unwrap()).await;
    assert_eq!(older.body.matches("<li class=\"entry\">").count(), 1);
    assert!(older.has(&all[0].id.to_string()));
    assert_eq!((older.link("Older"), older.link("Newest").as_deref()), (None, Some("/console")));
}

#[tokio::test]
async fn a_search_leads_to_the_import_or_to_the_person() {
    let service = Service::new().await;
    let browser = service.signed_in().await;
    let id = log(1, "k", vec![]).id;
    for (searched, found) in [
        (id.to_string(), format!("/console/imports/{id}")),
        (format!("+{}+", id.to_string().to_uppercase()), format!("/console/imports/{id}")),
        ("joe%40company.com".to_owned(), "/console/people?person=joe%40company%2Ecom".to_owned()),
        ("a%26b%3C%0D%0A".to_owned(), "/console/people?person=a%26b%3C".to_owned()),
    ] {
        let answer = browser.get(&format!("/console?search={searched}")).await;
        assert_eq!((answer.status, answer.header("location")), (303, found.as_str()));
    }
    for nothing in ["", "+", "%20"] {
        assert_eq!(browser.get(&format!("/console?search={nothing}")).await.status, 200);
    }
    assert_eq!(browser.get(&format!("/console/imports/{id}")).await.status, 404);
    assert_eq!(browser.get("/console/imports/x").await.status, 404);
}

#[tokio::test]
async fn an_import_shows_each_part_each_target_and_what_happened_later() {
    let service = Service::new().await;
    let refused = at("scim", Ending::Refused("the mail is taken".into()));
    let parts = vec![
        part("joe@company.com", delivered(vec![at("aktion", Ending::Updated), refused])),
        part("sarah@company.com", PartOutcome::UnknownPerson),
        part("ceo@company.com", delivered(vec![at("aktion", Ending::Deferred("it is down".into()))])),
        part("cfo@company.com", delivered(vec![at("aktion", Ending::Unchanged)])),
    ];
    let arrived = News::Delivery(at("aktion", Ending::Updated));
    let later = Later { at: NOW.plus(Duration::from_secs(61)), part: 2, news: arrived };
    let log = ImportLog { later: vec![later], ..log(1, "payroll", parts) };
    open(&service, std::slice::from_ref(&log)).await;
    let browser = service.signed_in().await;
    let page = browser.get(&path(&log)).await;
    assert!(page.has("<h1>Import unsuccessful, 2 updated, 2 errors</h1>"), "{}", page.body);
    for shown in [
        "the mail is taken",
        "code 200/0",
        "3 attempts",
        "1.2 s",
        "Unknown person: &#39;sarah@company.com&#39;",
        "What happened later",
        "23 Nov 2023, 16:34:00",
        "PersonRedelivered",
        "<dd>400</dd>",
    ] {
        let shown = shown.replace("&#39;", "'");
        assert!(page.has(&shown), "{shown}: {}", page.body);
    }
    // Those that failed come first.
    let order: Vec<_> =
        page.body.match_indices("<h3>Part ").map(|(at, _)| &page.body[at + 9..at + 10]).collect();
    assert_eq!(order, ["0", "1", "2", "3"]);
    let file = browser.get(&format!("{}/log.txt", path(&log))).await;
    assert_eq!(file.body, log_text::render(&log));
    let name = format!("attachment; filename=\"{}.txt\"", log.id);
    assert_eq!(file.header("content-disposition"), name);
}

#[tokio::test]
async fn what_waits_is_delivered_with_the_next_run_when_somebody_asks_for_it() {
    let service = Service::new().await;
    let log = deferred(1);
    open(&service, std::slice::from_ref(&log)).await;
    service.app.undelivered.keep(&waiting(&log)).await.unwrap();
    let browser = service.signed_in().await;
    let list = browser.get("/console/undelivered").await;
    assert!(list.has("1 update waits") && list.has("next try") && list.has("Deliver now"));
    assert!(browser.get(&path(&log)).await.has("Deliver now"));
    let answer = browser.submit(&format!("{}/deliver", path(&log)), &[]).await;
    assert_eq!((answer.status, answer.header("location")), (303, format!("{}?due=1", path(&log)).as_str()));
    assert!(browser.get(answer.header("location")).await.has("1 update is due now."));
    assert_eq!(service.app.undelivered.of_import(log.id).await.unwrap()[0].next_at, NOW);
    let list = browser.get("/console/undelivered").await;
    assert!(list.has("due now, within a minute") && !list.has("Deliver now"));
    // It arrives, and is asked for once more.
    service.app.undelivered.remove(&[waiting(&log)[0].waiting.place.clone()]).await.unwrap();
    let answer = browser.submit(&format!("{}/deliver", path(&log)), &[]).await;
    assert!(browser.get(answer.header("location")).await.has("Nothing of this import waits any more."));
    let unknown = log.id.to_string().replace("01", "02");
    assert_eq!(browser.submit(&format!("/console/imports/{unknown}/deliver"), &[]).await.status, 404);
}

fn is_harmless(page: &Answer, at: &str) {
    assert_eq!(page.status, 200, "{at}");
    assert!(page.has("&lt;script&gt;alert(1)&lt;/script&gt;"), "{at}: it is shown");
    for evil in ["<script", "<img", "\u{202e}", "\"'>"] {
        assert!(!page.has(evil), "{at} has {evil}");
    }
}

#[tokio::test]
async fn nothing_that_a_caller_sent_becomes_a_part_of_a_page() {
    let service = Service::with_key_name(EVIL).await;
    let mut bad = at(EVIL, Ending::Refused(EVIL.into()));
    bad.outcome.code = Some(EVIL.into());
    bad.superseded = vec![EVIL.into()];
    let document = Subject::Document(Some((Shown::new(EVIL), Shown::new(EVIL))));
    let shown: Vec<ImportLog> = [
        part(EVIL, unknown_fields(EVIL, 3)),
        part(EVIL, PartOutcome::IdentifierConflict(Shown::new(EVIL))),
        part(EVIL, PartOutcome::Refused { why: EVIL.into(), passing: false }),
        part(EVIL, PartOutcome::Delivered { deliveries: vec![bad], unmapped: vec![EVIL.into()] }),
        PartLog { subject: document, outcome: PartOutcome::Uploaded },
        part(EVIL, PartOutcome::InvalidFile(EVIL.into())),
        part(EVIL, PartOutcome::Deferred(EVIL.into())),
    ]
    .into_iter()
    .zip(1..)
    .map(|(part, number)| log(number, EVIL, vec![part]))
    .collect();
    open(&service, &shown).await;
    let faulty = ImportLog { fault: Some(RequestFault::Invalid(EVIL.into())), ..log(99, EVIL, vec![]) };
    open(&service, std::slice::from_ref(&faulty)).await;
    let place = waiting(&deferred(1)).remove(0);
    let target = people_core::undelivered::Place { target: Some(EVIL.into()), ..place.waiting.place.clone() };
    let waiting =
        Waiting { place: target, person: Shown::new(EVIL), reason: EVIL.into(), ..place.waiting.clone() };
    service.app.undelivered.keep(&[Kept { waiting, ..place }]).await.unwrap();
    let browser = service.signed_in().await;
    for log in shown.iter().chain([&faulty]) {
        is_harmless(&browser.get(&path(log)).await, &path(log));
    }
    let person =
        "%22%27%3E%3Cscript%3Ealert%281%29%3C%2Fscript%3E%3Cimg%20src%3Dx%20onerror%3Dalert%281%29%3E";
    let person = format!("/console/people?person={person}%E2%80%AE");
    for page in ["/console", "/console/undelivered", "/console/targets", &person] {
        is_harmless(&browser.get(page).await, page);
    }
}

#[tokio::test]
async fn no_page_is_too_large_and_everything_is_on_one() {
    let service = Service::with_key_name(&"\"".repeat(128)).await;
    let widest = "\"".repeat(128);
    let part = |_| {
        let deliveries = (0..4).map(|_| at(&"t".repeat(64), Ending::Refused(widest.repeat(8)))).collect();
        part(&widest, PartOutcome::Delivered { deliveries, unmapped: vec![widest.as_str().into(); 100] })
    };
    let large = log(200, &widest, (0..50).map(part).collect());
    let findings = log(201, &widest, vec![crate::logs::part(&widest, unknown_fields(&widest, 1_000))]);
    let later = (0..1_000).map(|second| Later {
        at: NOW.plus(Duration::from_secs(second)),
        part: 0,
        news: News::Delivery(at("t", Ending::Refused(widest.repeat(8)))),
    });
    let often = ImportLog { later: later.collect(), ..log(202, &widest, large.parts.clone()) };
    let many: Vec<_> = (0..51).map(|number| log(number, &widest, vec![])).collect();
    open(&service, &[many.clone(), vec![large.clone(), findings.clone(), often.clone()]].concat()).await;
    let kept: Vec<_> = (0..51)
        .flat_map(|number| waiting(&deferred(number)))
        .map(|one| Kept {
            waiting: Waiting { person: Shown::new(&widest), reason: widest.repeat(8), ..one.waiting },
            ..one
        })
        .collect();
    service.app.undelivered.keep(&kept).await.unwrap();
    let browser = service.signed_in().await;
    for (first, more, entries) in [
        ("/console", "Older", 54),
        ("/console?errorsOnly=true", "Older", 3),
        ("/console/undelivered", "What is tried later", 51),
        (path(&large).as_str(), "More parts", 50),
        (path(&findings).as_str(), "More parts", 1),
        (path(&often).as_str(), "More parts", 50),
    ] {
        let (mut next, mut found) = (Some(first.to_owned()), 0);
        while let Some(path) = next {
            let page = browser.get(&path).await;
            assert!(page.body.len() < MOST, "{path} has {} bytes", page.body.len());
            found += page.body.matches("<li class=\"entry\">").count();
            next = page.link(more);
        }
        assert_eq!(found, entries, "{first}");
    }
}

#[tokio::test]
async fn the_style_is_kept_by_browsers_and_has_another_path_when_it_changes() {
    let service = Service::new().await;
    let page = service.signed_in().await.get("/console").await;
    let after = page.body.split("<link rel=\"stylesheet\" href=\"").nth(1).unwrap();
    let style = after.split('"').next().unwrap();
    let style = crate::browser::Browser::new(&service.app).get(style).await;
    assert_eq!((style.status, style.header("content-type")), (200, "text/css; charset=utf-8"));
    assert!(style.header("cache-control").contains("immutable"));
    assert!(!page.has("style=") && !page.has("<style"), "the policy would not let it");
}

#[tokio::test]
async fn times_are_shown_as_in_the_zone_that_was_chosen() {
    let service = Service::new().await;
    open(&service, &[log(1, "k", vec![])]).await;
    let browser = service.signed_in().await;
    let form = [("zone", "America%2FNew_York"), ("back", "%2Fconsole%3FerrorsOnly%3Dtrue")];
    let answer = browser.submit("/console/time-zone", &form).await;
    assert_eq!(answer.header("location"), "/console?errorsOnly=true");
    assert!(browser.get("/console").await.has("23 Nov 2023, 11:32:59"));
    browser.submit("/console/time-zone", &[("zone", "Nowhere")]).await;
    assert!(browser.get("/console").await.has("23 Nov 2023, 16:32:59"));
}
