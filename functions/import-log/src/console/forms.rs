//! What the forms of the console do, each sent by a page of the session: it is told where to go on.

use http::Response;
use people_adapters::http::Route;
use people_adapters::http::console::{self, Cookie, Form, Page};
use people_core::error::StoreError;
use people_core::id::ImportId;
use people_core::undelivered;
use people_core::zone::{UTC, Zone};

use super::sign_in::back_to;
use super::{Reader, import, layout};

/// The parameter with the time zone.
pub(super) const ZONE: &str = "zone";
/// The parameter with the page that a form was on.
pub(super) const BACK: &str = "back";

/// Ends the session.
pub(super) async fn sign_out(reader: &Reader<'_>) -> Result<Response<String>, StoreError> {
    reader.app.sessions.end(&reader.session.hash).await?;
    Ok(console::led_to(Route::Console.path(), &[Cookie::NoSession]))
}

/// Keeps the time zone; one that there is not is UTC.
pub(super) fn choose_time_zone(form: &Form) -> Response<String> {
    let zone = form.get(ZONE).and_then(Zone::find).unwrap_or(UTC);
    console::led_to(back_to(form.get(BACK)), &[Cookie::TimeZone(zone.id)])
}

/// Makes due what waits of an import. It is delivered by the next run of the schedule: this function calls no target.
pub(super) async fn deliver_now(reader: &Reader<'_>, id: ImportId) -> Result<Response<String>, StoreError> {
    Ok(match undelivered::hasten(reader.app, id).await? {
        Some(due) => console::led_to(&import::asked_for(id, due), &[]),
        None => console::page(Page::Missing, layout::missing(reader)),
    })
}
