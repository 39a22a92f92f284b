//! What failed of an import, as a body of its own that can be mended and sent again: the very parts that failed, as they were
//! sent. It is made of the body that waited in the bucket, so there is none where the import came in another way.

mod pick;

use std::collections::BTreeSet;

use futures_util::StreamExt;

use crate::document::Link;
use crate::error::StoreError;
use crate::id::ImportId;
use crate::log::{ImportLog, State};
use crate::ports::App;
use crate::summary::{Source, Standing};
use pick::Picker;

/// Where what failed of an import can be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failed {
    /// Under this link, with the content type of the whole body.
    Link(Link),
    /// Nothing has, or nothing that could be sent again.
    Nothing,
    /// No part was judged, because the request itself was at fault.
    NoParts,
    /// That is not known yet.
    Unfinished,
    /// The body is not kept, or not any more.
    Gone,
    /// There is no such import.
    Unknown,
}

/// Makes a body of the parts that have failed by now and gives a link to it. The order is that of the import. A part whose
/// headers are too long to be read is left out: nothing of it can be mended.
///
/// # Errors
/// When a store fails.
pub async fn link(app: &App, import: ImportId) -> Result<Failed, StoreError> {
    let Some(log) = app.imports.find(import).await? else { return Ok(Failed::Unknown) };
    match (log.source, log.state) {
        (Source::Staged, State::Ended(_)) => {}
        (Source::Staged, State::Accepted | State::Running) => return Ok(Failed::Unfinished),
        (Source::Direct | Source::Document | Source::Inbox, _) => return Ok(Failed::Gone),
    }
    if log.fault.is_some() {
        return Ok(Failed::NoParts);
    }
    let failed = failed(&log);
    if failed.is_empty() {
        return Ok(Failed::Nothing);
    }
    let Some(mut body) = app.bodies.read(import).await? else { return Ok(Failed::Gone) };
    let mut picker = Picker::new(log.form, &body.content_type, failed, app.spool.as_ref())?;
    while let Some(chunk) = body.chunks.next().await {
        picker.feed(chunk?)?;
    }
    let Some(content) = picker.finish()? else { return Ok(Failed::Nothing) };
    app.bodies.link_to_failed(import, &body.content_type, &content).await.map(Failed::Link)
}

/// The numbers of the parts of which something has failed for good.
fn failed(log: &ImportLog) -> BTreeSet<usize> {
    let parts = log.parts_now().into_iter().enumerate();
    let failed = parts.filter(|(_, part)| part.outcome.standing() == Standing::Unsuccessful);
    failed.map(|(number, _)| number).collect()
}
