//! Random updates, faults and repeats: nobody is ever in a department that no update named, nobody is ever out of one, and
//! whoever is reported as linked is.

use std::collections::BTreeSet;

use people_core::log::Ending;
use serde_json::{Value, json};

use super::stage::{Stage, crowd, deferred, update};

/// A number below `below`; a sequence is known by its seed.
fn draw(state: &mut u64, below: usize) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    usize::try_from(*state >> 33).unwrap() % below
}

fn fault(state: &mut u64) -> Value {
    let rules = [
        json!({"status": 500}),
        json!({"close": "before"}),
        json!({"close": "after"}),
        json!({"status": 429}),
        json!({"status": 401}),
        json!({"status": 403}),
        json!({"status": 400}),
        json!({"status": 200, "body": {"Data": []}}),
        json!({"status": 200, "body": "<html></html>"}),
    ];
    let mut rule = rules[draw(state, rules.len())].clone();
    if draw(state, 3) > 0 {
        rule["method"] = json!("PATCH");
    }
    rule["skip"] = json!(draw(state, 4));
    rule["times"] = json!(1 + draw(state, 5));
    rule
}

#[tokio::test]
async fn nobody_is_where_no_update_put_them_and_whoever_is_reported_is_there() {
    let departments = ["a", "b", "c d"];
    for seed in 1..=12 {
        let mut state = seed;
        let by = ["Id", "Email"][draw(&mut state, 2)];
        let stage = Stage::with(json!({"addressedBy": by, "limit": 2})).await;
        let mut people = crowd(1..9);
        for person in people.as_array_mut().unwrap() {
            // Two of them have one e-mail.
            let number = person["Id"].as_u64().unwrap().max(2);
            person["Email"] = json!(format!("p{number}@x"));
        }
        let before = [vec![1, 2], vec![], vec![3]];
        let there = departments.iter().zip(&before).map(|(id, users)| json!({"Id": id, "Users": users}));
        stage.put(people, there.collect()).await;
        let mut allowed: Vec<BTreeSet<i64>> =
            before.iter().map(|users| users.iter().copied().collect()).collect();
        for _ in 0..4 {
            stage.switch(json!({"partial_apply": draw(&mut state, 2) == 0})).await;
            let rules: Vec<_> = (0..draw(&mut state, 3)).map(|_| fault(&mut state)).collect();
            stage.faults(json!(rules)).await;
            let chosen: Vec<_> =
                (0..12).map(|_| (1 + draw(&mut state, 9), draw(&mut state, departments.len()))).collect();
            let updates: Vec<_> =
                chosen.iter().map(|(user, d)| update(&user.to_string(), Some(departments[*d]))).collect();
            let outcomes = stage.deliver(&updates).await;
            stage.faults(json!([])).await;
            for ((user, d), outcome) in chosen.iter().zip(&outcomes) {
                let user = i64::try_from(*user).unwrap();
                allowed[*d].insert(user);
                let linked = stage.linked(departments[*d]).await;
                if outcome.ending == Ending::Updated {
                    assert!(linked.contains(&user), "{seed}: {user} in {d}: {outcome:?}");
                }
                assert_ne!(outcome.ending, Ending::Unchanged);
                assert_ne!(outcome.ending, deferred(""));
            }
            for ((id, before), allowed) in departments.iter().zip(&before).zip(&allowed) {
                let linked: BTreeSet<_> = stage.linked(id).await.into_iter().collect();
                assert!(linked.is_subset(allowed), "{seed}: {id}");
                assert!(before.iter().all(|user| linked.contains(user)), "{seed}: {id}");
            }
        }
    }
}
