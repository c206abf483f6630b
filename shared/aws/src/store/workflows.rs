//! What new runs of a workflow take, and the list of all workflows.
//!
//! | attribute | type | the workflow, `W#<workflow>`, `CURRENT` | its place in the list, `C#workflows`, `<workflow>` |
//! |---|---|---|---|
//! | `d` | S | the hash of its definition | – |
//! | `ty` | S | its type; absent: STANDARD | the same |
//! | `t0` | N | when it was made, in ms | the same |
//! | `t1` | N | when it was changed | – |
//! | `rv` | S | its revision | – |
//! | `ro` | S | its role | – |
//! | `lg`, `tr` | S | how its runs are to be logged and traced, as JSON | – |

use super::{
    Cancellation, DynamoStore, NOT_THERE,
    item::{Item, PK, Reader, SK, Writer},
    keys,
};
use crate::{
    error::{cancelled, never, world_error},
    limits::LIST_PAGE_MAX,
};
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use serde_json::Value;
use stepladder_protocol::{
    ITEM_VERSION, ListedWorkflow, WorkflowBefore, WorkflowItem, WorkflowType, WorldResult,
};

impl DynamoStore {
    /// Both items in one transaction: a workflow that has a current definition is in the list.
    pub(super) async fn write_workflow(
        &self,
        workflow: &WorkflowItem,
        before: WorkflowBefore<'_>,
    ) -> WorldResult<bool> {
        let operation = format!("put the workflow {}", workflow.name);
        let mut item = Writer::new(keys::workflow_pk(&workflow.name), keys::CURRENT_SK, ITEM_VERSION);
        item.string("d", &workflow.definition);
        item.optional_number("t1", workflow.updated_ms);
        item.optional_string("rv", workflow.revision.as_ref());
        item.optional_string("ro", workflow.role_arn.as_ref());
        item.optional_string("lg", workflow.logging.as_ref().map(Value::to_string).as_ref());
        item.optional_string("tr", workflow.tracing.as_ref().map(Value::to_string).as_ref());
        let mut listed = Writer::new(keys::WORKFLOWS_PK.to_owned(), &workflow.name, ITEM_VERSION);
        for writer in [&mut item, &mut listed] {
            writer.string("ty", workflow.workflow_type.as_str());
            writer.optional_number("t0", workflow.created_ms);
        }
        let put = Put::builder().table_name(&self.table).set_item(Some(item.0));
        let put = match before {
            WorkflowBefore::Absent => put.condition_expression(NOT_THERE),
            WorkflowBefore::Revision(None) => {
                put.condition_expression("attribute_exists(pk) AND attribute_not_exists(rv)")
            }
            WorkflowBefore::Revision(Some(revision)) => put
                .condition_expression("rv = :rv")
                .expression_attribute_values(":rv", AttributeValue::S(revision.to_owned())),
        };
        let listed = Put::builder().table_name(&self.table).set_item(Some(listed.0));
        let mut transaction =
            self.client.transact_write_items().set_return_consumed_capacity(self.capacity.clone());
        for put in [put, listed] {
            let put = put.build().map_err(|error| never(operation.clone(), error.to_string()))?;
            transaction = transaction.transact_items(TransactWriteItem::builder().put(put).build());
        }
        match transaction.send().await {
            Ok(_) => Ok(true),
            Err(error) => match super::cancellation(&error) {
                Some(Cancellation::Condition) => Ok(false),
                Some(Cancellation::Transient(reasons)) => Err(cancelled(operation, &reasons)),
                None => Err(world_error(operation, &error)),
            },
        }
    }

    pub(super) async fn read_workflow(&self, name: &str) -> WorldResult<Option<WorkflowItem>> {
        let operation = format!("read the workflow {name}");
        let sk = keys::CURRENT_SK.to_owned();
        let Some(found) = self.get(operation.clone(), keys::workflow_pk(name), sk).await? else {
            return Ok(None);
        };
        workflow_of(operation, name, found).map(Some)
    }

    /// Those behind `after`, at most `limit`.
    pub(super) async fn list_workflows(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> WorldResult<Vec<ListedWorkflow>> {
        let operation = "list the workflows".to_owned();
        let place = |name: &str| {
            let key = |text: &str| AttributeValue::S(text.to_owned());
            [(PK.to_owned(), key(keys::WORKFLOWS_PK)), (SK.to_owned(), key(name))].into_iter().collect()
        };
        let mut listed = Vec::new();
        let mut from = after.map(place);
        while listed.len() < limit {
            let wanted = limit.saturating_sub(listed.len()).min(LIST_PAGE_MAX);
            let page = self
                .client
                .query()
                .table_name(&self.table)
                .consistent_read(true)
                .limit(i32::try_from(wanted).unwrap_or(i32::MAX))
                .key_condition_expression(format!("{PK} = :pk"))
                .expression_attribute_values(":pk", AttributeValue::S(keys::WORKFLOWS_PK.to_owned()))
                .set_exclusive_start_key(from)
                .set_return_consumed_capacity(self.capacity.clone())
                .send()
                .await
                .map_err(|error| world_error(operation.clone(), &error))?;
            for item in page.items.unwrap_or_default() {
                let mut reader = Reader::new(operation.clone(), item)?;
                listed.push(ListedWorkflow {
                    name: reader.string(SK)?,
                    workflow_type: workflow_type(&mut reader)?,
                    created_ms: reader.optional_number("t0")?,
                });
            }
            from = page.last_evaluated_key;
            if from.is_none() {
                break;
            }
        }
        Ok(listed)
    }
}

/// What an item holds. Those that were written first hold a hash and nothing else.
fn workflow_of(operation: String, name: &str, item: Item) -> WorldResult<WorkflowItem> {
    let mut reader = Reader::new(operation, item)?;
    Ok(WorkflowItem {
        name: name.to_owned(),
        workflow_type: workflow_type(&mut reader)?,
        definition: reader.string("d")?,
        created_ms: reader.optional_number("t0")?,
        updated_ms: reader.optional_number("t1")?,
        revision: reader.optional_string("rv")?,
        role_arn: reader.optional_string("ro")?,
        logging: json(&mut reader, "lg")?,
        tracing: json(&mut reader, "tr")?,
    })
}

fn workflow_type(reader: &mut Reader) -> WorldResult<WorkflowType> {
    let Some(name) = reader.optional_string("ty")? else { return Ok(WorkflowType::Standard) };
    let known = WorkflowType::ALL.into_iter().find(|known| known.as_str() == name);
    known.ok_or_else(|| reader.damaged("ty", "is no type of a workflow"))
}

fn json(reader: &mut Reader, name: &str) -> WorldResult<Option<Value>> {
    let Some(text) = reader.optional_string(name)? else { return Ok(None) };
    serde_json::from_str(&text).map(Some).map_err(|_| reader.damaged(name, "is no JSON"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_of_before_there_were_types_and_revisions_is_read() {
        let mut item = Writer::new(keys::workflow_pk("order"), keys::CURRENT_SK, 1);
        item.string("d", "0123");
        let read = workflow_of("read".to_owned(), "order", item.0).unwrap();
        let expected = WorkflowItem {
            name: "order".to_owned(),
            workflow_type: WorkflowType::Standard,
            definition: "0123".to_owned(),
            created_ms: None,
            updated_ms: None,
            revision: None,
            role_arn: None,
            logging: None,
            tracing: None,
        };
        assert_eq!(read, expected);
    }

    #[test]
    fn a_damaged_item_says_which_attribute() {
        for (name, value) in [("ty", "FAST"), ("lg", "{"), ("t0", "text")] {
            let mut item = Writer::new(keys::workflow_pk("order"), keys::CURRENT_SK, 1);
            item.string("d", "0123");
            item.string(name, value);
            let error = workflow_of("read".to_owned(), "order", item.0).unwrap_err();
            assert!(error.message.contains(name), "{error}");
        }
    }
}
