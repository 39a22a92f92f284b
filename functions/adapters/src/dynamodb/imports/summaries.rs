//! The summaries of imports whose ids are known, in few requests.

use std::cmp::Reverse;

use people_core::error::StoreError;
use people_core::id::ImportId;
use people_core::summary::Summary;

use super::DynamoImports;
use crate::dynamodb::batch::Batches;
use crate::dynamodb::import_item::{REQUEST_ID, SUMMARY, key};
use crate::dynamodb::list::readable;

const READ: &str = "read the summaries of imports";

impl DynamoImports {
    /// What there is of these, newest first. One that cannot be read does not hide the others.
    pub(super) async fn summarized(&self, ids: &[ImportId]) -> Result<Vec<Summary>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let (client, table, clock) = (self.client.clone(), self.table.clone(), self.clock.clone());
        let keys = ids.iter().map(|id| key(*id)).collect();
        let shown: Vec<&str> = [REQUEST_ID].into_iter().chain(SUMMARY).collect();
        let items = Batches { client, table, clock }.read_attributes(READ, keys, &shown).await?;
        let mut summaries: Vec<_> = readable(&items, self.clock.now()).collect();
        summaries.sort_by_key(|summary| Reverse(summary.id));
        Ok(summaries)
    }
}
