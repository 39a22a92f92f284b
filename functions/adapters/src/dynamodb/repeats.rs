//! The requests that may be sent again, by the hash of what names them: one conditional write for the first, one when it is
//! answered. What a record says is said in core; here is only how it is kept.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use people_core::error::StoreError;
use people_core::hex;
use people_core::id::ImportId;
use people_core::ports::{Attempt, Clock, FirstAnswer, RepeatKey, RepeatRecord, Repeated, Repeats};
use people_core::time::Timestamp;

use super::expression::{names, values};
use super::item::{Broken, EXPIRES, Item, item, n, number, s, text};
use super::tables::Tables;
use crate::aws::dynamodb_failed;

/// The hash, in hex.
pub(super) const KEY: [&str; 1] = [REPEAT];
const REPEAT: &str = "repeat";
const IMPORT: &str = "requestId";
const ATTEMPT: &str = "attempt";
const FINGERPRINT: &str = "fingerprint";
/// When the latest attempt is over, in milliseconds since 1970.
const UNTIL: &str = "until";
const ANSWERED: &str = "answered";
/// There, and true, where the answer was that the import is accepted.
const ACCEPTED: &str = "accepted";
const NOW: &str = "now";
const NO: &str = "no";
const YES: &str = "yes";

/// How often a record is looked at that changes under our eyes. Of those who take a request over at once one succeeds, and
/// the others see that the next time.
const ROUNDS: u32 = 8;

const BEGIN: &str = "enter a request that may be sent again";
const SETTLE: &str = "note that a request was answered";
const RELEASE: &str = "give up a request that may be sent again";

/// The requests that may be sent again, in DynamoDB.
#[derive(Clone)]
pub struct DynamoRepeats {
    client: Client,
    table: String,
    clock: Arc<dyn Clock>,
}

impl DynamoRepeats {
    /// The requests in these tables.
    pub fn new(client: Client, tables: &Tables, clock: Arc<dyn Clock>) -> DynamoRepeats {
        DynamoRepeats { client, table: tables.repeats.clone(), clock }
    }

    fn put(&self, key: &RepeatKey, record: &RepeatRecord) -> PutItemFluentBuilder {
        let request = self.client.put_item().table_name(&self.table).set_item(Some(write(key, record)));
        request.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }

    /// Enters the first attempt, or gives back the record that is there.
    async fn enter(
        &self,
        key: &RepeatKey,
        attempt: &Attempt,
        now: Timestamp,
    ) -> Result<Option<RepeatRecord>, StoreError> {
        let request = self.put(key, &RepeatRecord::first(attempt));
        let request = request
            .condition_expression("attribute_not_exists(#repeat) OR #expires <= :now")
            .set_expression_attribute_names(names([REPEAT, EXPIRES]))
            .set_expression_attribute_values(values([(NOW, n(now.seconds()))]));
        before(request).await
    }

    /// Whether the record is written in place of the one that was seen.
    async fn replace(
        &self,
        key: &RepeatKey,
        seen: &RepeatRecord,
        record: &RepeatRecord,
    ) -> Result<bool, StoreError> {
        let request = self.put(key, record);
        let request = request
            .condition_expression("#attempt = :attempt AND #answered = :no")
            .set_expression_attribute_names(names([ATTEMPT, ANSWERED]))
            .set_expression_attribute_values(unanswered(seen.attempt));
        Ok(before(request).await?.is_none())
    }
}

#[async_trait]
impl Repeats for DynamoRepeats {
    /// Where an answer was lost and the SDK sends the call again, the attempt meets itself in the record, and hears the same.
    async fn begin(&self, key: &RepeatKey, attempt: &Attempt) -> Result<Repeated, StoreError> {
        for _ in 0..ROUNDS {
            let now = self.clock.now();
            let Some(seen) = self.enter(key, attempt, now).await? else { return Ok(Repeated::First) };
            match seen.meets(attempt, now) {
                Some(Repeated::Died(import)) => {
                    let taken = RepeatRecord { import, ..RepeatRecord::first(attempt) };
                    if seen == taken || self.replace(key, &seen, &taken).await? {
                        return Ok(Repeated::Died(import));
                    }
                }
                Some(
                    met @ (Repeated::First | Repeated::Running | Repeated::Other | Repeated::Answered(..)),
                ) => {
                    return Ok(met);
                }
                None => return Err(StoreError::new(BEGIN, "it is there and is not")),
            }
        }
        Err(StoreError::new(BEGIN, "others were faster, again and again"))
    }

    async fn answered(
        &self,
        key: &RepeatKey,
        attempt: ImportId,
        answer: FirstAnswer,
    ) -> Result<(), StoreError> {
        let accepted = AttributeValue::Bool(answer == FirstAnswer::Accepted);
        let given = values([
            (ATTEMPT, s(attempt.to_string())),
            (YES, AttributeValue::Bool(true)),
            (ACCEPTED, accepted),
        ]);
        let request = self.client.update_item().table_name(&self.table).key(REPEAT, s(hex::encode(&key.0)));
        let request = request
            .update_expression("SET #answered = :yes, #accepted = :accepted")
            .condition_expression("#attempt = :attempt")
            .set_expression_attribute_names(names([ATTEMPT, ANSWERED, ACCEPTED]))
            .set_expression_attribute_values(given);
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error)
                if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) =>
            {
                Ok(())
            }
            Err(error) => Err(dynamodb_failed(SETTLE, &error)),
        }
    }

    async fn release(&self, key: &RepeatKey, attempt: ImportId) -> Result<(), StoreError> {
        let request = self.client.delete_item().table_name(&self.table).key(REPEAT, s(hex::encode(&key.0)));
        let request = request
            .condition_expression("#attempt = :attempt AND #answered = :no")
            .set_expression_attribute_names(names([ATTEMPT, ANSWERED]))
            .set_expression_attribute_values(unanswered(attempt));
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error)
                if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) =>
            {
                Ok(())
            }
            Err(error) => Err(dynamodb_failed(RELEASE, &error)),
        }
    }
}

/// Sends a put; what is there already where its condition does not hold.
async fn before(request: PutItemFluentBuilder) -> Result<Option<RepeatRecord>, StoreError> {
    let Err(error) = request.send().await else { return Ok(None) };
    match error.as_service_error() {
        Some(PutItemError::ConditionalCheckFailedException(before)) => {
            let record = before.item().ok_or(Broken(REPEAT)).and_then(read);
            record.map(Some).map_err(|broken| broken.during(BEGIN))
        }
        _ => Err(dynamodb_failed(BEGIN, &error)),
    }
}

/// What a condition compares with: that this is the latest attempt, and that there is no answer yet.
fn unanswered(attempt: ImportId) -> Option<Item> {
    values([(ATTEMPT, s(attempt.to_string())), (NO, AttributeValue::Bool(false))])
}

fn write(key: &RepeatKey, record: &RepeatRecord) -> Item {
    item([
        (REPEAT, s(hex::encode(&key.0))),
        (IMPORT, s(record.import.to_string())),
        (ATTEMPT, s(record.attempt.to_string())),
        (FINGERPRINT, s(hex::encode(&record.fingerprint))),
        (UNTIL, n(record.until.millis())),
        (ANSWERED, AttributeValue::Bool(record.answer.is_some())),
        (ACCEPTED, AttributeValue::Bool(record.answer == Some(FirstAnswer::Accepted))),
        (EXPIRES, n(record.forgotten_at().seconds())),
    ])
}

fn read(item: &Item) -> Result<RepeatRecord, Broken> {
    let id = |name| ImportId::parse(text(item, name)?).ok_or(Broken(name));
    let is = |name| item.get(name).and_then(|value| value.as_bool().ok()).copied();
    let accepted = is(ACCEPTED).unwrap_or_default();
    let answer = if accepted { FirstAnswer::Accepted } else { FirstAnswer::Ended };
    Ok(RepeatRecord {
        import: id(IMPORT)?,
        attempt: id(ATTEMPT)?,
        fingerprint: hex::decode(text(item, FINGERPRINT)?).ok_or(Broken(FINGERPRINT))?,
        until: Timestamp::from_millis(number(item, UNTIL)?),
        answer: is(ANSWERED).ok_or(Broken(ANSWERED))?.then_some(answer),
    })
}
