//! Placeholders of expressions: every attribute name goes through one, because DynamoDB reserves over 500 words and
//! more to come.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

/// `#name` for each of these names, as an expression refers to them.
pub(super) fn names<const N: usize>(names: [&str; N]) -> Option<HashMap<String, String>> {
    Some(names.into_iter().map(|name| (format!("#{name}"), name.to_owned())).collect())
}

/// `:name` for each of these values, as an expression refers to them.
pub(super) fn values<const N: usize>(
    values: [(&str, AttributeValue); N],
) -> Option<HashMap<String, AttributeValue>> {
    Some(values.into_iter().map(|(name, value)| (format!(":{name}"), value)).collect())
}
