//! The lines of a dry run. They say what would happen in words that no line of a real import has, so that nobody who looks
//! for those takes the one for the other.

use std::sync::Arc;

use super::listed;
use crate::log::{Delivery, Ending, WouldChange};
use crate::shown::Shown;

/// What the log of a dry run says first.
pub(super) const HEAD: &str = "Nothing is delivered or stored: this is what would happen";

/// What would change at any of the targets; `None` where nothing would.
pub(super) fn together(deliveries: &[Delivery]) -> Option<WouldChange> {
    let mut all: Option<WouldChange> = None;
    for delivery in deliveries {
        let Ending::WouldUpdate(would) = &delivery.outcome.ending else { continue };
        let all = all.get_or_insert_default();
        add(&mut all.fields, &would.fields);
        add(&mut all.perhaps, &would.perhaps);
    }
    if let Some(WouldChange { fields, perhaps }) = &mut all {
        perhaps.retain(|field| !fields.contains(field));
    }
    all
}

fn add(fields: &mut Vec<Arc<str>>, more: &[Arc<str>]) {
    for field in more {
        if !fields.contains(field) {
            fields.push(field.clone());
        }
    }
}

/// Who would be updated, and which fields of theirs.
pub(super) fn would_be(person: &Shown, would: &WouldChange) -> String {
    let fields = (!would.fields.is_empty()).then(|| listed(&would.fields));
    let perhaps = (!would.perhaps.is_empty()).then(|| format!("perhaps {}", listed(&would.perhaps)));
    let named: Vec<_> = fields.into_iter().chain(perhaps).collect();
    match named.as_slice() {
        [] => format!("{person} would be updated"),
        named => format!("{person} would be updated: {}", named.join(", ")),
    }
}
