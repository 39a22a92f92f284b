//! How the targets are: what became of the deliveries to each of them in the last day, and how long they took.

use http::Response;
use maud::{Markup, html};
use people_adapters::http::Route;
use people_adapters::http::console::{self, Page};
use people_core::error::StoreError;
use people_core::health::{self, HOURS, Health, IMPORTS_AN_HOUR, TargetHealth};
use people_core::shown::visible;
use people_core::zone::Zone;

use super::{Reader, layout, plot, words};

/// The page of the targets.
pub(super) async fn answer(reader: &Reader<'_>) -> Result<Response<String>, StoreError> {
    let health = health::of_last_day(reader.app).await?;
    let content = content(&health, reader.visit.zone);
    let page = layout::page(Some((reader, Some(Route::ConsoleTargets))), "Targets", content);
    Ok(console::page(Page::Found, page))
}

fn content(health: &Health, zone: Zone) -> Markup {
    let numbered: Vec<_> = health.targets.iter().enumerate().collect();
    let (targets, count) = words::fitting(&numbered, |(number, health)| target(health, *number, zone));
    html! {
        h1 { "Targets" }
        @if numbered.is_empty() {
            p.empty { "Nothing was delivered in the last day." }
        } @else {
            p { "The last " (HOURS) " hours, " (seen(health)) "." }
            (legend())
            (targets)
            @if count < numbered.len() {
                p.hint { (words::number(numbered.len() - count, "more target is", "more targets are")) " not shown." }
            }
        }
    }
}

/// What was looked at, in words.
fn seen(health: &Health) -> String {
    let imports = words::number(health.imports, "import", "imports");
    if health.is_sample {
        format!("seen in {imports}: at most {IMPORTS_AN_HOUR} of each hour, of its last ones")
    } else {
        format!("seen in {imports}")
    }
}

fn legend() -> Markup {
    html! {
        ul.legend aria-hidden="true" {
            @for (class, meaning) in [
                ("arrived", "arrived"),
                ("deferred", "put off, tried again"),
                ("failed", "failed"),
                ("median", "half took no longer"),
                ("spread", "up to what 95 of 100 took"),
            ] {
                li { span.swatch.(class) {} (meaning) }
            }
        }
    }
}

fn target(health: &TargetHealth, number: usize, zone: Zone) -> Markup {
    let id = format!("target-{number}");
    html! {
        section.target aria-labelledby=(id) {
            h2 id=(id) { (visible(&health.target)) }
            p.meta { span { (plot::ended(&health.day)) } span { (plot::lasted(health.day.took)) } }
            figure.plot {
                h3 { "Deliveries" }
                (plot::outcomes(health))
                h3 { "Time they took" }
                (plot::durations(health))
                (plot::times(health, zone))
            }
            @if health.day.all() > 0 {
                details { summary { "Hour by hour" span.unseen { " at " (visible(&health.target)) } } (plot::table(health, zone)) }
            }
        }
    }
}
