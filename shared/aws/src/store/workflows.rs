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
//! | `vn` | N | the last number that a version of it got; absent: none did | – |
//! | `vp` | N | the version that is just like it | – |
//! | `dl` | S | the mark of one that is being deleted | – |

use super::{
    Cancellation, DynamoStore, NOT_THERE,
    item::{Item, PK, Reader, SK, Writer},
    keys,
    versions::{MARK, tags_item, write_version},
};
use crate::error::{cancelled, never, world_error};
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use serde_json::Value;
use std::collections::HashMap;
use stepladder_protocol::{
    Beside, ITEM_VERSION, ListedWorkflow, WorkflowBefore, WorkflowItem, WorkflowType, WorldResult,
};

impl DynamoStore {
    /// All items in one transaction: a workflow that has a current definition is in the list, and none is there without
    /// the version that it counts.
    pub(super) async fn write_workflow(
        &self,
        workflow: &WorkflowItem,
        before: WorkflowBefore<'_>,
        Beside { version, tags }: Beside<'_>,
    ) -> WorldResult<bool> {
        let operation = format!("put the workflow {}", workflow.name);
        let mut listed = Writer::new(keys::WORKFLOWS_PK.to_owned(), &workflow.name, ITEM_VERSION);
        listed.string("ty", workflow.workflow_type.as_str());
        listed.optional_number("t0", workflow.created_ms);
        let put = |item| Put::builder().table_name(&self.table).set_item(Some(item));
        let current = put(write_item(workflow));
        let current = match before {
            WorkflowBefore::Absent => current.condition_expression(NOT_THERE),
            WorkflowBefore::Is(before) => {
                let (condition, values) = unchanged(before);
                current
                    .condition_expression(condition)
                    .set_expression_attribute_values((!values.is_empty()).then_some(values))
            }
        };
        let mut puts = vec![current, put(listed.0)];
        puts.extend(version.map(|version| put(write_version(version)).condition_expression(NOT_THERE)));
        puts.extend(tags.map(|tags| put(tags_item(&workflow.name, tags))));
        let mut all = Vec::with_capacity(puts.len());
        for put in puts {
            let put = put.build().map_err(|error| never(operation.clone(), error.to_string()))?;
            all.push(TransactWriteItem::builder().put(put).build());
        }
        self.write_all(operation, all).await
    }

    /// One transaction. False: one of its conditions didn't hold, and nothing was written.
    pub(super) async fn write_all(
        &self,
        operation: String,
        all: Vec<TransactWriteItem>,
    ) -> WorldResult<bool> {
        let transaction = self
            .client
            .transact_write_items()
            .set_transact_items(Some(all))
            .set_return_consumed_capacity(self.capacity.clone());
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
        match found.contains_key(MARK) {
            true => Ok(None),
            false => workflow_of(operation, name, found).map(Some),
        }
    }

    /// Those behind `after`, at most `limit`.
    pub(super) async fn list_workflows(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> WorldResult<Vec<ListedWorkflow>> {
        let operation = "list the workflows";
        let found = self.partition_after(operation, keys::WORKFLOWS_PK, after, limit).await?;
        let listed = |found| {
            let mut reader = Reader::new(operation.to_owned(), found)?;
            Ok(ListedWorkflow {
                name: reader.string(SK)?,
                workflow_type: workflow_type(&mut reader)?,
                created_ms: reader.optional_number("t0")?,
            })
        };
        found.into_iter().map(listed).collect()
    }
}

fn write_item(workflow: &WorkflowItem) -> Item {
    let mut writer = Writer::new(keys::workflow_pk(&workflow.name), keys::CURRENT_SK, ITEM_VERSION);
    writer.string("ty", workflow.workflow_type.as_str());
    writer.optional_number("t0", workflow.created_ms);
    let WorkflowItem { definition, updated_ms, revision, role_arn, logging, tracing, .. } = workflow;
    write_what_it_is(&mut writer, definition, *updated_ms, [revision, role_arn], [logging, tracing]);
    writer.optional_number("vn", last_version(workflow));
    writer.optional_number("vp", workflow.published.map(i64::from));
    writer.0
}

/// What a version keeps, too.
pub(super) fn write_what_it_is(
    writer: &mut Writer,
    definition: &str,
    updated_ms: Option<i64>,
    [revision, role_arn]: [&Option<String>; 2],
    [logging, tracing]: [&Option<Value>; 2],
) {
    writer.string("d", definition);
    writer.optional_number("t1", updated_ms);
    writer.optional_string("rv", revision.as_ref());
    writer.optional_string("ro", role_arn.as_ref());
    writer.optional_string("lg", logging.as_ref().map(Value::to_string).as_ref());
    writer.optional_string("tr", tracing.as_ref().map(Value::to_string).as_ref());
}

fn last_version(workflow: &WorkflowItem) -> Option<i64> {
    (workflow.last_version > 0).then_some(i64::from(workflow.last_version))
}

/// The condition under which the item is still this one, and not being deleted.
fn unchanged(before: &WorkflowItem) -> (String, HashMap<String, AttributeValue>) {
    let number = |number: i64| AttributeValue::N(number.to_string());
    let attributes = [
        ("t0", before.created_ms.map(number)),
        ("rv", before.revision.clone().map(AttributeValue::S)),
        ("vn", last_version(before).map(number)),
        ("vp", before.published.map(|version| number(i64::from(version)))),
    ];
    let mut conditions = vec![format!("attribute_exists({PK})"), format!("attribute_not_exists({MARK})")];
    let mut values = HashMap::new();
    for (name, value) in attributes {
        match value {
            None => conditions.push(format!("attribute_not_exists({name})")),
            Some(value) => {
                conditions.push(format!("{name} = :{name}"));
                values.insert(format!(":{name}"), value);
            }
        }
    }
    (conditions.join(" AND "), values)
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
        last_version: reader.optional_number("vn")?.unwrap_or_default(),
        published: reader.optional_number("vp")?,
    })
}

pub(super) fn workflow_type(reader: &mut Reader) -> WorldResult<WorkflowType> {
    let Some(name) = reader.optional_string("ty")? else { return Ok(WorkflowType::Standard) };
    let known = WorkflowType::ALL.into_iter().find(|known| known.as_str() == name);
    known.ok_or_else(|| reader.damaged("ty", "is no type of a workflow"))
}

pub(super) fn json(reader: &mut Reader, name: &str) -> WorldResult<Option<Value>> {
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
            last_version: 0,
            published: None,
        };
        assert_eq!(read, expected);
    }

    #[test]
    fn a_workflow_is_written_over_what_was_read_and_nothing_else() {
        let mut item = Writer::new(keys::workflow_pk("order"), keys::CURRENT_SK, 1);
        item.string("d", "0123");
        let first = workflow_of("read".to_owned(), "order", item.0).unwrap();
        let (condition, values) = unchanged(&first);
        assert_eq!(
            condition,
            "attribute_exists(pk) AND attribute_not_exists(dl) AND attribute_not_exists(t0) AND attribute_not_exists(rv) AND \
             attribute_not_exists(vn) AND attribute_not_exists(vp)"
        );
        assert!(values.is_empty());
        let later = WorkflowItem { revision: Some("r".to_owned()), last_version: 3, ..first };
        let (condition, values) = unchanged(&later);
        assert!(condition.ends_with("rv = :rv AND vn = :vn AND attribute_not_exists(vp)"), "{condition}");
        assert_eq!(values.len(), 2);
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
