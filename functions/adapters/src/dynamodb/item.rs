//! Reading items. A value that is missing or of another type is a failure of the store, never a panic: an item may have
//! been written by another version, or by hand.

use std::collections::HashMap;
use std::str::FromStr;

use aws_sdk_dynamodb::types::AttributeValue;
use people_core::error::StoreError;
use people_core::time::Timestamp;

/// When an item may be deleted, in seconds since 1970: the time to live of every table.
pub(super) const EXPIRES: &str = "expires";

/// An item, or the key of one.
pub(super) type Item = HashMap<String, AttributeValue>;

/// An item that is not as we write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a stored item has no usable '{0}'")]
pub(super) struct Broken(pub(super) &'static str);

impl Broken {
    /// As the failure of an action.
    pub(super) fn during(self, action: &'static str) -> StoreError {
        StoreError::new(action, self)
    }
}

/// A text value.
pub(super) fn s(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

/// A whole number.
pub(super) fn n(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// An item with these attributes.
pub(super) fn item<const N: usize>(attributes: [(&str, AttributeValue); N]) -> Item {
    attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// A text of an item.
pub(super) fn text<'a>(item: &'a Item, name: &'static str) -> Result<&'a str, Broken> {
    item.get(name).and_then(|value| value.as_s().ok()).map(String::as_str).ok_or(Broken(name))
}

/// A number of an item.
pub(super) fn number<T: FromStr>(item: &Item, name: &'static str) -> Result<T, Broken> {
    let value = item.get(name).and_then(|value| value.as_n().ok());
    value.and_then(|text| text.parse().ok()).ok_or(Broken(name))
}

/// Whether an item's time is over. One without a time to live never expires.
pub(super) fn is_expired(item: &Item, now: Timestamp) -> bool {
    number::<i64>(item, EXPIRES).is_ok_and(|expires| expires <= now.seconds())
}
