//! What happened to the parts of an import after it had ended, as one text beside the packed log: most logs have none, and
//! one that has is not written anew as a whole.
//!
//! ```text
//! [1, [word..], [[at ms, part, outcome | {"d": delivery}]..]]
//! ```

use std::collections::HashSet;

use people_core::error::StoreError;
use people_core::later::{Later, News};
use people_core::log::{Ending, PartOutcome};
use people_core::person::TargetName;
use people_core::time::Timestamp;
use serde_json::{Value, json};

use super::packed::{Damaged, strings};
use super::packed_delivery::{read_delivery, write_delivery};
use super::packed_words::{Fit, Words, read_outcome, write_outcome};

/// The version of this format, which leads it.
const VERSION: u64 = 1;
/// What marks a delivery.
const DELIVERY: &str = "d";

/// Packs these lines into at most `bytes`. Where all of them would be too much, attempts that came to nothing are left out,
/// the oldest first, but for the last one of each part and target; then sentences are cut.
pub(super) fn pack_later(later: &[Later], bytes: usize) -> Result<String, StoreError> {
    let mut lines: Vec<&Later> = later.iter().collect();
    let mut text = pack_to(&lines, Fit::STEPS[0]);
    while text.len() > bytes && thin_out(&mut lines) {
        text = pack_to(&lines, Fit::STEPS[0]);
    }
    for fit in &Fit::STEPS[1..] {
        if text.len() <= bytes {
            break;
        }
        text = pack_to(&lines, *fit);
    }
    if text.len() <= bytes {
        return Ok(text);
    }
    Err(StoreError::new("pack what happened to an import", "it does not fit into an item"))
}

/// Leaves out the older half of the attempts that can be; false where there are none.
fn thin_out(lines: &mut Vec<&Later>) -> bool {
    let mut known = HashSet::new();
    let mut spare: Vec<usize> = Vec::new();
    for (number, line) in lines.iter().enumerate().rev() {
        let is_last = known.insert((line.part, target(&line.news)));
        if !is_last && came_to_nothing(&line.news) {
            spare.push(number);
        }
    }
    spare.reverse();
    let oldest: HashSet<_> = spare.iter().take(spare.len().div_ceil(2)).collect();
    let mut number = 0..;
    lines.retain(|_| number.next().is_none_or(|number| !oldest.contains(&number)));
    !spare.is_empty()
}

fn target(news: &News) -> Option<&TargetName> {
    match news {
        News::Part(_) => None,
        News::Delivery(delivery) => Some(&delivery.target),
    }
}

fn came_to_nothing(news: &News) -> bool {
    match news {
        News::Part(outcome) => matches!(outcome, PartOutcome::Deferred(_)),
        News::Delivery(delivery) => matches!(delivery.outcome.ending, Ending::Deferred(_)),
    }
}

fn pack_to(lines: &[&Later], fit: Fit) -> String {
    let mut words = Words::new(fit);
    let lines: Vec<Value> = lines.iter().map(|line| write(line, &mut words)).collect();
    Value::from(vec![VERSION.into(), words.into_list(), lines.into()]).to_string()
}

fn write(line: &Later, words: &mut Words) -> Value {
    let news = match &line.news {
        News::Part(outcome) => write_outcome(outcome, words),
        News::Delivery(delivery) => json!({ DELIVERY: write_delivery(delivery, words) }),
    };
    json!([line.at.millis(), line.part, news])
}

/// Reads a text back.
pub(super) fn unpack_later(text: &str) -> Result<Vec<Later>, Damaged> {
    let all: Vec<Value> = serde_json::from_str(text).map_err(|_| Damaged)?;
    let [version, words, lines] = all.as_slice() else { return Err(Damaged) };
    if version.as_u64() != Some(VERSION) {
        return Err(Damaged);
    }
    let words = strings(words).ok_or(Damaged)?;
    let lines = lines.as_array().ok_or(Damaged)?;
    lines.iter().map(|line| read(line, &words)).collect::<Option<_>>().ok_or(Damaged)
}

fn read(line: &Value, words: &[String]) -> Option<Later> {
    let [at, part, news] = line.as_array()?.as_slice() else { return None };
    let news = match news {
        Value::Object(delivery) => News::Delivery(read_delivery(delivery.get(DELIVERY)?, words)?),
        outcome => News::Part(read_outcome(outcome, words)?),
    };
    let at = Timestamp::from_millis(at.as_i64()?);
    Some(Later { at, part: part.as_u64()?.try_into().ok()?, news })
}

#[cfg(test)]
mod tests {
    use super::*;
    use people_core::log::{Delivery, Outcome};

    fn tried(second: i64, part: usize, target: &str, ending: Ending) -> Later {
        let outcome = Outcome::unsent(ending);
        let delivery = Delivery { target: target.into(), outcome, superseded: Vec::new() };
        Later { at: Timestamp::from_millis(second), part, news: News::Delivery(delivery) }
    }

    fn down(second: i64, part: usize, target: &str) -> Later {
        tried(second, part, target, Ending::Deferred(format!("{second} {}", "x".repeat(500))))
    }

    #[test]
    fn of_each_part_and_target_the_last_attempt_stays_and_so_does_all_that_came_to_something() {
        let mut later: Vec<_> = (0..40).map(|second| down(second, 0, "a")).collect();
        later.push(down(40, 1, "a"));
        later.push(down(41, 0, "b"));
        later.push(tried(42, 2, "a", Ending::Updated));
        later.push(tried(43, 2, "a", Ending::Updated));
        let why = PartOutcome::Deferred("x".repeat(500));
        later.push(Later { at: Timestamp::from_millis(44), part: 0, news: News::Part(why) });
        let smallest = pack_later(&later[39..], usize::MAX).unwrap();
        assert_eq!(unpack_later(&pack_later(&later, smallest.len()).unwrap()).unwrap(), later[39..]);
        let all = pack_later(&later, usize::MAX).unwrap();
        assert_eq!(unpack_later(&pack_later(&later, all.len()).unwrap()).unwrap(), later);
        let fewer = unpack_later(&pack_later(&later, all.len() - 1).unwrap()).unwrap();
        assert_eq!(fewer, later[20..], "the older half of what can be left out");
    }

    #[test]
    fn sentences_are_cut_where_nothing_else_helps_and_at_last_it_is_an_error() {
        let later: Vec<_> = (0..50).map(|part| down(0, part, &format!("target {part}"))).collect();
        let text = pack_later(&later, 10_000).unwrap();
        assert_eq!(unpack_later(&text).unwrap().len(), 50);
        assert!(pack_later(&later, 1_000).is_err());
    }

    #[test]
    fn another_version_and_a_damaged_text_are_read_as_nothing() {
        for text in [
            "",
            "{}",
            "[2,[],[]]",
            "[1,[]]",
            "[1,[1],[]]",
            "[1,[],[[0,0]]]",
            "[1,[],[[0,-1,0]]]",
            "[1,[],[[0,0,99]]]",
            "[1,[\"t\"],[[0,0,{\"e\":[0,0,1,2,null]}]]]",
            "[1,[\"t\"],[[0,0,{\"d\":[0,5,1,2,null]}]]]",
        ] {
            assert_eq!(unpack_later(text), Err(Damaged), "{text}");
        }
        assert!(unpack_later("[1,[\"t\"],[[0,0,{\"d\":[0,0,1,2,null]}]]]").is_ok());
    }
}
