//! One change of one item, on the condition that it is as it was seen: what is read, judged and then written, without
//! anything in between that is lost.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use people_core::error::StoreError;

use super::item::Item;
use crate::aws::dynamodb_failed;

/// What is to become of an item.
#[derive(Debug, Default)]
pub(super) struct Change {
    /// The attributes that are written. There is at least one.
    pub(super) set: Item,
    /// Those that are taken away; none of them is in `set`.
    pub(super) remove: Vec<&'static str>,
    /// What the attributes have to be; `None` where one must not be there. There is at least one.
    pub(super) seen: Vec<(&'static str, Option<AttributeValue>)>,
}

/// Whether the item was as it had been seen.
#[derive(Debug)]
pub(super) enum Changed {
    /// It was, and is changed now.
    Done,
    /// It was not, and stays: this is how it is, where there is one. The SDK sends a call again when its answer was lost, so
    /// that it may be our own change that is in the way.
    Otherwise(Option<Item>),
}

impl Change {
    /// Changes the item with this key.
    pub(super) async fn send(
        self,
        (client, table): (&Client, &str),
        key: Item,
        action: &'static str,
    ) -> Result<Changed, StoreError> {
        let mut request = client
            .update_item()
            .table_name(table)
            .set_key(Some(key))
            .update_expression(self.expression())
            .condition_expression(self.condition())
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let seen = self.seen.iter().map(|(name, _)| *name);
        for name in self.set.keys().map(String::as_str).chain(self.remove).chain(seen) {
            request = request.expression_attribute_names(format!("#{name}"), name);
        }
        for (name, value) in self.set {
            request = request.expression_attribute_values(format!(":{name}"), value);
        }
        for (name, value) in self.seen.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            request = request.expression_attribute_values(format!(":seen_{name}"), value);
        }
        let Err(error) = request.send().await else { return Ok(Changed::Done) };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(now)) => {
                Ok(Changed::Otherwise(now.item().cloned()))
            }
            _ => Err(dynamodb_failed(action, &error)),
        }
    }

    fn expression(&self) -> String {
        let set: Vec<_> = self.set.keys().map(|name| format!("#{name} = :{name}")).collect();
        let set = format!("SET {}", set.join(", "));
        if self.remove.is_empty() {
            return set;
        }
        let remove: Vec<_> = self.remove.iter().map(|name| format!("#{name}")).collect();
        format!("{set} REMOVE {}", remove.join(", "))
    }

    fn condition(&self) -> String {
        let conditions = self.seen.iter().map(|(name, value)| match value {
            Some(_) => format!("#{name} = :seen_{name}"),
            None => format!("attribute_not_exists(#{name})"),
        });
        conditions.collect::<Vec<_>>().join(" AND ")
    }
}
