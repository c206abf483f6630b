//! Queries of the table, page by page.

use super::{
    DynamoStore,
    item::{Item, PK, SK},
};
use crate::{error::world_error, limits::LIST_PAGE_MAX};
use aws_sdk_dynamodb::{operation::query::builders::QueryFluentBuilder, types::AttributeValue};
use stepladder_protocol::WorldResult;

impl DynamoStore {
    /// A consistent query of the table, which is still to be told what it asks for.
    pub(super) fn query(&self) -> QueryFluentBuilder {
        self.client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .set_return_consumed_capacity(self.capacity.clone())
    }

    /// The items of a partition behind a sort key, by their sort keys, at most `limit`: fewer only where there are no more.
    pub(super) async fn partition_after(
        &self,
        operation: &str,
        pk: &str,
        after: Option<&str>,
        limit: usize,
    ) -> WorldResult<Vec<Item>> {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let place = after.map(|sk| [(PK.to_owned(), text(pk)), (SK.to_owned(), text(sk))].into());
        let query = self
            .query()
            .key_condition_expression(format!("{PK} = :pk"))
            .expression_attribute_values(":pk", text(pk))
            .set_exclusive_start_key(place);
        all_pages(operation, query, limit).await
    }
}

/// What a query finds on all of its pages, at most `limit` items. `usize::MAX`: all of them, on pages as long as DynamoDB
/// makes them.
pub(super) async fn all_pages(
    operation: &str,
    mut query: QueryFluentBuilder,
    limit: usize,
) -> WorldResult<Vec<Item>> {
    let mut found = Vec::new();
    while found.len() < limit {
        let wanted = i32::try_from(limit.saturating_sub(found.len())).ok();
        let page = query.clone().set_limit(wanted.map(|wanted| wanted.min(LIST_PAGE_MAX)));
        let page = page.send().await.map_err(|error| world_error(operation.to_owned(), &error))?;
        found.extend(page.items.unwrap_or_default());
        if page.last_evaluated_key.is_none() {
            break;
        }
        query = query.set_exclusive_start_key(page.last_evaluated_key);
    }
    Ok(found)
}
