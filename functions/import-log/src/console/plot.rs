//! The plots of a target's day, drawn here, so that nothing has to run in a browser. A plot holds shapes alone: its words are
//! around it, where they keep their size on every screen, and all of its numbers are in a table.

use maud::{Markup, html};
use people_core::health::{Deliveries, Durations, HOURS, Hour, TargetHealth};
use people_core::shown::visible;
use people_core::zone::Zone;

use super::words;

/// How wide an hour is, in units of the drawing, and a bar of it with a gap on either side.
const HOUR: usize = 10;
const BAR: usize = 8;
const GAP: usize = (HOUR - BAR) / 2;
/// How high a drawing is. It is stretched to its place, so that this is how finely heights are told apart.
const HEIGHT: usize = 600;
/// The least height of what there is at all: one failure among thousands is seen.
const LEAST: usize = 12;
/// Every so many hours have their time written below.
const LABELLED: usize = 6;

/// How the deliveries of each hour ended, as bars.
pub(super) fn outcomes(target: &TargetHealth) -> Markup {
    let most = target.hours.iter().map(|hour| hour.deliveries.all()).max().unwrap_or(0);
    let mut paths: [String; 3] = Default::default();
    for (number, hour) in target.hours.iter().enumerate() {
        let mut top = HEIGHT;
        let counts = [hour.deliveries.arrived, hour.deliveries.deferred, hour.deliveries.failed];
        for (path, count) in paths.iter_mut().zip(counts) {
            let height = height(count, most);
            top = top.saturating_sub(height);
            *path += &rectangle((number * HOUR + GAP, top), (BAR, height));
        }
    }
    let label = format!(
        "Deliveries to {} in each of the last {HOURS} hours: {}",
        visible(&target.target),
        ended(&target.day)
    );
    let [arrived, deferred, failed] = &paths;
    html! {
        (axis(&most.to_string(), "0"))
        // The bars of an hour may be a little higher than the highest, because of their least heights.
        svg role="img" aria-label=(label) viewBox=(format!("0 -{0} {1} {2}", 2 * LEAST, HOURS * HOUR, HEIGHT + 2 * LEAST)) preserveAspectRatio="none" {
            path.arrived d=(arrived) {}
            path.deferred d=(deferred) {}
            path.failed d=(failed) {}
        }
    }
}

/// How long the deliveries of each hour took: from the median to what 95 of 100 took at most. Twice as long is always as much
/// higher, so that a bad hour does not flatten the others.
pub(super) fn durations(target: &TargetHealth) -> Markup {
    let took = |hour: &Hour| hour.deliveries.took;
    let Some(scale) = Scale::of(target.hours.iter().filter_map(took)) else {
        return html! { p.hint { "No call among what was looked at." } };
    };
    let (mut spreads, mut medians) = (String::new(), String::new());
    for (number, took) in target.hours.iter().map(took).enumerate() {
        let Some(took) = took else { continue };
        let (median, p95) = (scale.place(took.median_ms), scale.place(took.p95_ms));
        spreads += &rectangle((number * HOUR + HOUR / 2 - 1, p95), (2, median - p95));
        medians += &rectangle((number * HOUR + GAP, median.saturating_sub(LEAST / 2)), (BAR, LEAST));
    }
    let label = format!("How long they took: {}", lasted(target.day.took));
    html! {
        (axis(&power(scale.high), &power(scale.low)))
        svg role="img" aria-label=(label) viewBox=(format!("0 -{0} {1} {2}", LEAST, HOURS * HOUR, HEIGHT + 2 * LEAST)) preserveAspectRatio="none" {
            path.grid d=(scale.lines()) {}
            path.spread d=(spreads) {}
            path.median d=(medians) {}
        }
    }
}

/// The times below both plots.
pub(super) fn times(target: &TargetHealth, zone: Zone) -> Markup {
    html! {
        p.times aria-hidden="true" {
            @for hour in target.hours.iter().step_by(LABELLED) { span { (zone.clock(hour.from)) } }
        }
    }
}

/// Every number of the plots; of hours without deliveries there are none.
pub(super) fn table(target: &TargetHealth, zone: Zone) -> Markup {
    let hours = target.hours.iter().rev().filter(|hour| hour.deliveries != Deliveries::default());
    html! {
        table {
            caption.unseen { "Deliveries to " (visible(&target.target)) ", hour by hour, the newest first" }
            thead {
                tr {
                    @for head in ["Hour from", "Arrived", "Put off", "Failed", "Median", "95 of 100"] { th scope="col" { (head) } }
                }
            }
            tbody {
                @for hour in hours {
                    tr {
                        th scope="row" { (zone.clock(hour.from)) }
                        @let deliveries = &hour.deliveries;
                        @for count in [deliveries.arrived, deliveries.deferred, deliveries.failed] { td { (count) } }
                        td { (deliveries.took.map_or_else(|| "–".to_owned(), |took| words::duration(took.median_ms))) }
                        td { (deliveries.took.map_or_else(|| "–".to_owned(), |took| words::duration(took.p95_ms))) }
                    }
                }
            }
        }
    }
}

/// How deliveries ended, in words.
pub(super) fn ended(deliveries: &Deliveries) -> String {
    let Deliveries { arrived, deferred, failed, .. } = deliveries;
    format!("{arrived} arrived, {deferred} put off, {failed} failed")
}

/// How long deliveries took, in words.
pub(super) fn lasted(took: Option<Durations>) -> String {
    match took {
        None => "no call among what was looked at".to_owned(),
        Some(Durations { median_ms, p95_ms }) => {
            format!(
                "half at most {}, 95 of 100 at most {}",
                words::duration(median_ms),
                words::duration(p95_ms)
            )
        }
    }
}

fn axis(top: &str, bottom: &str) -> Markup {
    html! { p.axis aria-hidden="true" { span { (top) } span { (bottom) } } }
}

/// A part of a path; none where it has no height.
fn rectangle((left, top): (usize, usize), (width, height): (usize, usize)) -> String {
    if height == 0 { String::new() } else { format!("M{left} {top}h{width}v{height}h-{width}z") }
}

fn height(count: usize, most: usize) -> usize {
    if count == 0 {
        return 0;
    }
    // No multiplication of two counts, which might be too large.
    let share = count as f64 / most.max(1) as f64;
    ((share * HEIGHT as f64).round() as usize).clamp(LEAST, HEIGHT)
}

/// Where durations are drawn: between two powers of ten, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Scale {
    low: u32,
    high: u32,
}

impl Scale {
    /// The powers around these durations; `None` where there are none.
    fn of(durations: impl Iterator<Item = Durations> + Clone) -> Option<Scale> {
        let least = durations.clone().map(|took| took.median_ms).min()?.max(1);
        let most = durations.map(|took| took.p95_ms).max()?.max(1);
        let low = least.ilog10();
        let high = (most - 1).checked_ilog10().map_or(0, |power| power + 1);
        Some(Scale { low, high: high.max(low + 1) })
    }

    /// How far from the top a duration is.
    fn place(self, ms: u32) -> usize {
        let share = (f64::from(ms.max(1)).log10() - f64::from(self.low)) / f64::from(self.high - self.low);
        HEIGHT - ((share * HEIGHT as f64).round() as usize).min(HEIGHT)
    }

    /// A line for each power.
    fn lines(self) -> String {
        let line = |power| format!("M0 {}h{}", self.place(10_u32.saturating_pow(power)), HOURS * HOUR);
        (self.low..=self.high).map(line).collect()
    }
}

/// So many milliseconds, `10 ms` or `1 s`.
fn power(power: u32) -> String {
    match power.checked_sub(3) {
        Some(seconds) => format!("{} s", 10_u32.saturating_pow(seconds)),
        None => format!("{} ms", 10_u32.saturating_pow(power)),
    }
}

#[cfg(test)]
mod tests {
    use people_core::time::Timestamp;

    use super::*;

    /// A target whose last hours were like these.
    fn target(name: &str, last: &[Deliveries]) -> TargetHealth {
        let hour = |number: usize| {
            let from = Timestamp::from_millis(1_700_700_000_000 + 3_600_000 * number as i64);
            let deliveries = (number + last.len()).checked_sub(HOURS).map(|place| last[place]);
            Hour { from: from.to_hour(), deliveries: deliveries.unwrap_or_default() }
        };
        TargetHealth {
            target: name.into(),
            hours: (0..HOURS).map(hour).collect(),
            day: last.last().copied().unwrap_or_default(),
        }
    }

    fn deliveries(arrived: usize, deferred: usize, failed: usize, took: (u32, u32)) -> Deliveries {
        let took = Durations { median_ms: took.0, p95_ms: took.1 };
        Deliveries { arrived, deferred, failed, took: Some(took) }
    }

    fn utc() -> Zone {
        people_core::zone::UTC
    }

    fn everything(target: &TargetHealth) -> String {
        let all = [outcomes(target), durations(target), times(target, utc()), table(target, utc())];
        all.map(Markup::into_string).concat()
    }

    #[test]
    fn the_bars_of_an_hour_stand_on_each_other() {
        let drawn = outcomes(&target("aktion", &[deliveries(2, 1, 1, (1, 1)), deliveries(1, 0, 0, (1, 1))]))
            .into_string();
        for path in [
            r#"<path class="arrived" d="M221 300h8v300h-8zM231 450h8v150h-8z">"#,
            r#"<path class="deferred" d="M221 150h8v150h-8z">"#,
            r#"<path class="failed" d="M221 0h8v150h-8z">"#,
        ] {
            assert!(drawn.contains(path), "{drawn}");
        }
        assert!(drawn.contains("<span>4</span><span>0</span>"), "{drawn}");
    }

    #[test]
    fn one_failure_among_very_many_is_seen() {
        let drawn = outcomes(&target("aktion", &[deliveries(usize::MAX / 2, 0, 1, (1, 1))])).into_string();
        assert!(drawn.contains(r#"<path class="failed" d="M231 0h8v12h-8z">"#), "{drawn}");
    }

    #[test]
    fn a_day_without_deliveries_is_drawn_too() {
        let drawn = everything(&target("aktion", &[]));
        assert!(
            drawn.contains(r#"<path class="arrived" d="">"#)
                && drawn.contains("No call among what was looked at."),
            "{drawn}"
        );
        assert!(drawn.contains("<tbody></tbody>"), "{drawn}");
    }

    #[test]
    fn a_target_s_name_is_text() {
        let drawn = everything(&target("<script>alert(1)</script>\"'", &[deliveries(1, 0, 0, (1, 1))]));
        assert!(!drawn.contains("<script") && drawn.contains("&lt;script&gt;"), "{drawn}");
        assert!(!drawn.contains(" style=") && !drawn.contains("<style"), "{drawn}");
    }

    #[test]
    fn durations_are_between_two_powers_of_ten() {
        let scale = |took: &[(u32, u32)]| {
            let took: Vec<_> =
                took.iter().map(|took| Durations { median_ms: took.0, p95_ms: took.1 }).collect();
            Scale::of(took.iter().copied()).map(|scale| (power(scale.low), power(scale.high)))
        };
        let between = |low: &str, high: &str| Some((low.to_owned(), high.to_owned()));
        assert_eq!(scale(&[]), None);
        assert_eq!(scale(&[(0, 0)]), between("1 ms", "10 ms"));
        assert_eq!(scale(&[(10, 10)]), between("10 ms", "100 ms"));
        assert_eq!(scale(&[(51, 100), (9, 99)]), between("1 ms", "100 ms"));
        assert_eq!(scale(&[(51, 101)]), between("10 ms", "1 s"));
        assert_eq!(scale(&[(0, u32::MAX)]), between("1 ms", "10000000 s"));
        let scale = Scale { low: 1, high: 3 };
        assert_eq!([10, 100, 1_000].map(|ms| scale.place(ms)), [HEIGHT, HEIGHT / 2, 0]);
        assert_eq!([0, u32::MAX].map(|ms| scale.place(ms)), [HEIGHT, 0], "it stays in its place");
        assert_eq!(scale.lines(), "M0 600h240M0 300h240M0 0h240");
    }

    #[test]
    fn the_median_is_marked_and_a_line_goes_up_to_what_is_slower() {
        let drawn = durations(&target("aktion", &[deliveries(1, 0, 0, (10, 100))])).into_string();
        assert!(drawn.contains(r#"<path class="spread" d="M234 0h2v600h-2z">"#), "{drawn}");
        assert!(drawn.contains(r#"<path class="median" d="M231 594h8v12h-8z">"#), "{drawn}");
    }

    #[test]
    fn every_number_is_in_the_table_and_times_are_the_reader_s() {
        let last = [deliveries(12, 3, 4, (51, 1_200)), Deliveries { deferred: 5, ..Deliveries::default() }];
        let drawn = table(&target("aktion", &last), utc()).into_string();
        let rows: Vec<_> = drawn.split("<tr>").skip(2).collect();
        assert_eq!(rows.len(), 2, "{drawn}");
        assert!(rows[0].contains("<td>0</td><td>5</td><td>0</td><td>–</td><td>–</td>"), "{drawn}");
        assert!(rows[1].contains("<td>12</td><td>3</td><td>4</td><td>51 ms</td><td>1.2 s</td>"), "{drawn}");
        assert!(rows[0].contains(r#"<th scope="row">23:00</th>"#), "{drawn}");
    }

    #[test]
    fn the_busiest_day_of_a_target_takes_little_of_a_page() {
        let last = [deliveries(999_999, 99_999, 99_999, (59_999, 99_999)); HOURS];
        let bytes = everything(&target("a-target-with-a-long-name", &last)).len();
        assert!(bytes <= 7_000, "{bytes}");
    }
}
