//! A client of DynamoDB that notes what each call costs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::interceptors::{
    AfterDeserializationInterceptorContextRef, BeforeSerializationInterceptorContextMut,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::operation::batch_get_item::{BatchGetItemInput, BatchGetItemOutput};
use aws_sdk_dynamodb::operation::get_item::{GetItemInput, GetItemOutput};
use aws_sdk_dynamodb::operation::put_item::{PutItemInput, PutItemOutput};
use aws_sdk_dynamodb::operation::query::{QueryInput, QueryOutput};
use aws_sdk_dynamodb::operation::update_item::{UpdateItemInput, UpdateItemOutput};
use aws_sdk_dynamodb::types::{ConsumedCapacity, ReturnConsumedCapacity};

/// What one call took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Call {
    /// How many items were read, shown or not.
    pub(crate) items: usize,
    /// The capacity units, those of the indexes included.
    pub(crate) units: f64,
}

/// Notes the calls of a client.
#[derive(Debug, Clone, Default)]
pub(crate) struct Meter(Arc<Mutex<Vec<Call>>>);

impl Meter {
    /// A client like this one, whose calls are noted. It can put, update, query and get; anything else fails.
    pub(crate) fn on(client: &Client) -> (Client, Meter) {
        let meter = Meter::default();
        let measured = client.config().to_builder().interceptor(meter.clone()).build();
        (Client::from_conf(measured), meter)
    }

    /// The calls since this was asked last.
    pub(crate) fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Intercept for Meter {
    fn name(&self) -> &'static str {
        "Meter"
    }

    fn modify_before_serialization(
        &self,
        context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let input = context.input_mut();
        let wanted = Some(ReturnConsumedCapacity::Indexes);
        if let Some(input) = input.downcast_mut::<PutItemInput>() {
            input.return_consumed_capacity = wanted;
        } else if let Some(input) = input.downcast_mut::<UpdateItemInput>() {
            input.return_consumed_capacity = wanted;
        } else if let Some(input) = input.downcast_mut::<QueryInput>() {
            input.return_consumed_capacity = wanted;
        } else if let Some(input) = input.downcast_mut::<BatchGetItemInput>() {
            input.return_consumed_capacity = wanted;
        } else if let Some(input) = input.downcast_mut::<GetItemInput>() {
            input.return_consumed_capacity = wanted;
        } else {
            return Err("neither a put nor an update nor a query nor a get".into());
        }
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Ok(output) = context.output_or_error() else { return Ok(()) };
        let call = if let Some(put) = output.downcast_ref::<PutItemOutput>() {
            call(0, put.consumed_capacity())
        } else if let Some(update) = output.downcast_ref::<UpdateItemOutput>() {
            call(0, update.consumed_capacity())
        } else if let Some(query) = output.downcast_ref::<QueryOutput>() {
            call(query.scanned_count(), query.consumed_capacity())
        } else if let Some(get) = output.downcast_ref::<BatchGetItemOutput>() {
            let items = get.responses.iter().flat_map(HashMap::values).map(Vec::len).sum::<usize>();
            call(i32::try_from(items)?, get.consumed_capacity().first())
        } else if let Some(get) = output.downcast_ref::<GetItemOutput>() {
            call(i32::from(get.item.is_some()), get.consumed_capacity())
        } else {
            return Err("an answer to nothing that was asked".into());
        };
        self.0.lock().unwrap().push(call);
        Ok(())
    }
}

fn call(items: i32, consumed: Option<&ConsumedCapacity>) -> Call {
    let units = consumed.and_then(|consumed| consumed.capacity_units).unwrap();
    Call { items: items.try_into().unwrap(), units }
}
