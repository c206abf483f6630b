//! The versions, aliases and tags of workflows, and the end of a workflow.
//!
//! | attribute | type | a version, `V#<number>` | an alias, `A#<name>` | tags, `TAGS` |
//! |---|---|---|---|---|
//! | `sp` | S | its stamp | its stamp | their stamp |
//! | `ds` | S | its description | the same | – |
//! | `t0` | N | when it was made, in ms | the same | – |
//! | `t1` | N | when the workflow had become so | when it was changed | – |
//! | `d`, `ty`, `rv`, `ro`, `lg`, `tr` | S | as of the workflow | – | – |
//! | `rt` | S | – | `[[version, weight], …]` | – |
//! | `tg` | S | – | – | the tags, a JSON object |
//!
//! All of them lie in the partition of their workflow, `W#<workflow>`. A workflow that is being deleted has its mark in `dl`.

use super::{
    DynamoStore, NOT_THERE,
    item::{Item, PK, Reader, SK, Writer},
    keys,
    pages::all_pages,
    workflows::{json, workflow_type, write_what_it_is},
};
use crate::{
    error::{never, world_error},
    limits::DELETED_AT_ONCE,
};
use aws_sdk_dynamodb::{
    error::BuildError,
    types::{AttributeValue, ConditionCheck, Delete, Put, TransactWriteItem, Update},
};
use std::collections::BTreeSet;
use stepladder_protocol::{
    AliasItem, Beside, ITEM_VERSION, Route, Tagged, TagsItem, VersionItem, Versions, WorkflowBefore,
    WorkflowItem, WorldResult,
};

/// The attribute of the mark.
pub(super) const MARK: &str = "dl";
/// A workflow that is there, and not being deleted.
const THERE: &str = "attribute_exists(pk) AND attribute_not_exists(dl)";
const MARKED: &str = "dl = :mark";
/// The attributes of tags, and of the stamp of what has one.
pub(super) const TAGS: &str = "tg";
pub(super) const STAMP: &str = "sp";
const STAMPED: &str = "sp = :before";

impl Versions for DynamoStore {
    async fn put_workflow_with(
        &self,
        workflow: &WorkflowItem,
        before: WorkflowBefore<'_>,
        beside: Beside<'_>,
    ) -> WorldResult<bool> {
        self.write_workflow(workflow, before, beside).await
    }

    async fn begin_deletion(&self, workflow: &str, mark: &str) -> WorldResult<Option<String>> {
        let operation = format!("begin to delete the workflow {workflow}");
        let pk = keys::workflow_pk(workflow);
        let marking = Update::builder()
            .table_name(&self.table)
            .key(PK, text(&pk))
            .key(SK, text(keys::CURRENT_SK))
            .condition_expression(THERE)
            .update_expression(format!("SET {MARK} = :mark"))
            .expression_attribute_values(":mark", text(mark))
            .build();
        let marking = marking.map_err(|error| malformed(&operation, &error))?;
        let unlisting = self.deletion_of(&operation, keys::WORKFLOWS_PK, workflow, None)?;
        let all = vec![TransactWriteItem::builder().update(marking).build(), unlisting];
        match self.write_all(operation, all).await? {
            true => Ok(Some(mark.to_owned())),
            false => self.deletion(workflow).await,
        }
    }

    async fn deletion(&self, workflow: &str) -> WorldResult<Option<String>> {
        let operation = format!("read whether the workflow {workflow} is being deleted");
        let sk = keys::CURRENT_SK.to_owned();
        let Some(found) = self.get(operation.clone(), keys::workflow_pk(workflow), sk).await? else {
            return Ok(None);
        };
        Reader::new(operation, found)?.optional_string(MARK)
    }

    async fn finish_deletion(&self, workflow: &str, mark: &str) -> WorldResult<()> {
        let operation = format!("delete the workflow {workflow}");
        let pk = keys::workflow_pk(workflow);
        for prefix in [keys::ALIAS_PREFIX, keys::VERSION_PREFIX] {
            loop {
                // Always the first page: what was on it is gone the next time.
                let sks = self.sort_keys(&operation, &pk, prefix).await?;
                if sks.is_empty() {
                    break;
                }
                let still = ConditionCheck::builder()
                    .table_name(&self.table)
                    .key(PK, text(&pk))
                    .key(SK, text(keys::CURRENT_SK))
                    .condition_expression(MARKED)
                    .expression_attribute_values(":mark", text(mark))
                    .build();
                let still = still.map_err(|error| malformed(&operation, &error))?;
                let mut all = vec![TransactWriteItem::builder().condition_check(still).build()];
                for sk in &sks {
                    all.push(self.deletion_of(&operation, &pk, sk, None)?);
                }
                if !self.write_all(operation.clone(), all).await? {
                    // Somebody else has finished it.
                    return Ok(());
                }
            }
        }
        let last = vec![
            self.deletion_of(&operation, &pk, keys::TAGS_SK, None)?,
            self.deletion_of(&operation, &pk, keys::CURRENT_SK, Some((MARKED, ":mark", mark)))?,
        ];
        self.write_all(operation, last).await.map(|_| ())
    }

    async fn version(&self, workflow: &str, number: u32) -> WorldResult<Option<VersionItem>> {
        let operation = format!("read version {number} of the workflow {workflow}");
        let (pk, sk) = (keys::workflow_pk(workflow), keys::version_sk(number));
        let found = self.get(operation.clone(), pk, sk).await?;
        found.map(|found| read_version(operation, workflow, found)).transpose()
    }

    async fn versions_before(
        &self,
        workflow: &str,
        before: Option<u32>,
        limit: usize,
    ) -> WorldResult<Vec<VersionItem>> {
        let operation = format!("list the versions of the workflow {workflow}");
        let Some(last) = before.unwrap_or(u32::MAX).checked_sub(1) else { return Ok(Vec::new()) };
        let range = (keys::version_sk(0), keys::version_sk(last));
        let found = self.in_range(&operation, keys::workflow_pk(workflow), range, limit).await?;
        found.into_iter().map(|found| read_version(operation.clone(), workflow, found)).collect()
    }

    async fn delete_version(&self, version: &VersionItem) -> WorldResult<bool> {
        let VersionItem { workflow, number, stamp, .. } = version;
        let operation = format!("delete version {number} of the workflow {workflow}");
        let (pk, sk) = (keys::workflow_pk(workflow), keys::version_sk(*number));
        let deletion = self.deletion_of(&operation, &pk, &sk, Some((STAMPED, ":before", stamp)))?;
        self.write_all(operation, vec![deletion]).await
    }

    async fn alias(&self, workflow: &str, name: &str) -> WorldResult<Option<AliasItem>> {
        let operation = format!("read the alias {name} of the workflow {workflow}");
        let (pk, sk) = (keys::workflow_pk(workflow), keys::alias_sk(name));
        let found = self.get(operation.clone(), pk, sk).await?;
        found.map(|found| read_alias(operation, workflow, found)).transpose()
    }

    async fn aliases(&self, workflow: &str) -> WorldResult<Vec<AliasItem>> {
        let operation = format!("list the aliases of the workflow {workflow}");
        // No name of an alias has a character behind these.
        let range = (keys::alias_sk(""), keys::alias_sk("\u{7f}"));
        let found = self.in_range(&operation, keys::workflow_pk(workflow), range, usize::MAX).await?;
        let mut aliases: Vec<AliasItem> = found
            .into_iter()
            .map(|found| read_alias(operation.clone(), workflow, found))
            .collect::<WorldResult<_>>()?;
        aliases.reverse();
        Ok(aliases)
    }

    async fn put_alias(&self, alias: &AliasItem, before: Option<&AliasItem>) -> WorldResult<bool> {
        let operation = format!("put the alias {} of the workflow {}", alias.name, alias.workflow);
        let pk = keys::workflow_pk(&alias.workflow);
        let put = Put::builder().table_name(&self.table).set_item(Some(write_alias(alias)));
        let put = match before {
            None => put.condition_expression(NOT_THERE),
            Some(before) => {
                put.condition_expression(STAMPED).expression_attribute_values(":before", text(&before.stamp))
            }
        };
        let put = put.build().map_err(|error| malformed(&operation, &error))?;
        let mut all =
            vec![self.demand_workflow(&operation, &pk)?, TransactWriteItem::builder().put(put).build()];
        // One item can't be written twice in a transaction.
        let versions: BTreeSet<u32> = alias.routes.iter().map(|route| route.version).collect();
        for number in versions {
            let stamping = Update::builder()
                .table_name(&self.table)
                .key(PK, text(&pk))
                .key(SK, text(keys::version_sk(number)))
                .condition_expression("attribute_exists(pk)")
                .update_expression("SET sp = :sp")
                .expression_attribute_values(":sp", text(&alias.stamp))
                .build();
            let stamping = stamping.map_err(|error| malformed(&operation, &error))?;
            all.push(TransactWriteItem::builder().update(stamping).build());
        }
        self.write_all(operation, all).await
    }

    async fn delete_alias(&self, workflow: &str, name: &str) -> WorldResult<()> {
        let operation = format!("delete the alias {name} of the workflow {workflow}");
        let (pk, sk) = (keys::workflow_pk(workflow), keys::alias_sk(name));
        let deletion = self
            .client
            .delete_item()
            .table_name(&self.table)
            .key(PK, text(pk))
            .key(SK, text(sk))
            .set_return_consumed_capacity(self.capacity.clone());
        deletion.send().await.map(|_| ()).map_err(|error| world_error(operation, &error))
    }

    async fn tags(&self, of: Tagged<'_>) -> WorldResult<Option<TagsItem>> {
        let workflow = match of {
            Tagged::Workflow(workflow) => workflow,
            Tagged::Activity(activity) => return self.activity_tags(activity).await,
        };
        let operation = format!("read the tags of the workflow {workflow}");
        let sk = keys::TAGS_SK.to_owned();
        let found = self.get(operation.clone(), keys::workflow_pk(workflow), sk).await?;
        found.map(|found| read_tags(operation, found)).transpose()
    }

    async fn put_tags(&self, of: Tagged<'_>, tags: &TagsItem, before: Option<&str>) -> WorldResult<bool> {
        let workflow = match of {
            Tagged::Workflow(workflow) => workflow,
            Tagged::Activity(activity) => return self.put_activity_tags(activity, tags, before).await,
        };
        let operation = format!("put the tags of the workflow {workflow}");
        let pk = keys::workflow_pk(workflow);
        let put = Put::builder().table_name(&self.table).set_item(Some(tags_item(workflow, tags)));
        let put = match before {
            None => put.condition_expression(NOT_THERE),
            Some(before) => {
                put.condition_expression(STAMPED).expression_attribute_values(":before", text(before))
            }
        };
        let put = put.build().map_err(|error| malformed(&operation, &error))?;
        let all = vec![self.demand_workflow(&operation, &pk)?, TransactWriteItem::builder().put(put).build()];
        self.write_all(operation, all).await
    }
}

impl DynamoStore {
    /// Demands, without a write, that a workflow is there and not being deleted.
    fn demand_workflow(&self, operation: &str, pk: &str) -> WorldResult<TransactWriteItem> {
        let check = ConditionCheck::builder()
            .table_name(&self.table)
            .key(PK, text(pk))
            .key(SK, text(keys::CURRENT_SK))
            .condition_expression(THERE)
            .build();
        let check = check.map_err(|error| malformed(operation, &error))?;
        Ok(TransactWriteItem::builder().condition_check(check).build())
    }

    fn deletion_of(
        &self,
        operation: &str,
        pk: &str,
        sk: &str,
        condition: Option<(&str, &str, &str)>,
    ) -> WorldResult<TransactWriteItem> {
        let mut deletion = Delete::builder().table_name(&self.table).key(PK, text(pk)).key(SK, text(sk));
        if let Some((condition, name, value)) = condition {
            deletion =
                deletion.condition_expression(condition).expression_attribute_values(name, text(value));
        }
        let deletion = deletion.build().map_err(|error| malformed(operation, &error))?;
        Ok(TransactWriteItem::builder().delete(deletion).build())
    }

    /// A few of the sort keys with a prefix.
    async fn sort_keys(&self, operation: &str, pk: &str, prefix: &str) -> WorldResult<Vec<String>> {
        let page = self
            .query()
            .limit(DELETED_AT_ONCE)
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .projection_expression(SK)
            .expression_attribute_values(":pk", text(pk))
            .expression_attribute_values(":prefix", text(prefix))
            .send()
            .await
            .map_err(|error| world_error(operation.to_owned(), &error))?;
        let sks = page.items.unwrap_or_default().into_iter().filter_map(|mut item| match item.remove(SK) {
            Some(AttributeValue::S(sk)) => Some(sk),
            _ => None,
        });
        Ok(sks.collect())
    }

    /// The items of a partition from the last sort key down to the first, at most `limit`.
    async fn in_range(
        &self,
        operation: &str,
        pk: String,
        (first, last): (String, String),
        limit: usize,
    ) -> WorldResult<Vec<Item>> {
        let query = self
            .query()
            .scan_index_forward(false)
            .key_condition_expression("pk = :pk AND sk BETWEEN :first AND :last")
            .expression_attribute_values(":pk", text(pk))
            .expression_attribute_values(":first", text(first))
            .expression_attribute_values(":last", text(last));
        all_pages(operation, query, limit).await
    }
}

pub(super) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

fn malformed(operation: &str, error: &BuildError) -> stepladder_protocol::WorldError {
    never(operation.to_owned(), error.to_string())
}

pub(super) fn write_version(version: &VersionItem) -> Item {
    let (pk, sk) = (keys::workflow_pk(&version.workflow), keys::version_sk(version.number));
    let mut writer = Writer::new(pk, sk, ITEM_VERSION);
    writer.string("sp", &version.stamp);
    writer.optional_string("ds", version.description.as_ref());
    writer.number("t0", version.created_ms);
    writer.string("ty", version.workflow_type.as_str());
    let VersionItem { definition, updated_ms, revision, role_arn, logging, tracing, .. } = version;
    write_what_it_is(&mut writer, definition, *updated_ms, [revision, role_arn], [logging, tracing]);
    writer.0
}

fn read_version(operation: String, workflow: &str, item: Item) -> WorldResult<VersionItem> {
    let mut reader = Reader::new(operation, item)?;
    let sk = reader.string(SK)?;
    Ok(VersionItem {
        workflow: workflow.to_owned(),
        number: keys::number_of_version_sk(&sk).ok_or_else(|| reader.damaged(SK, "has no number"))?,
        description: reader.optional_string("ds")?,
        created_ms: reader.optional_number("t0")?.unwrap_or_default(),
        workflow_type: workflow_type(&mut reader)?,
        definition: reader.string("d")?,
        updated_ms: reader.optional_number("t1")?,
        revision: reader.optional_string("rv")?,
        role_arn: reader.optional_string("ro")?,
        logging: json(&mut reader, "lg")?,
        tracing: json(&mut reader, "tr")?,
        stamp: reader.string("sp")?,
    })
}

fn write_alias(alias: &AliasItem) -> Item {
    let (pk, sk) = (keys::workflow_pk(&alias.workflow), keys::alias_sk(&alias.name));
    let mut writer = Writer::new(pk, sk, ITEM_VERSION);
    writer.string("sp", &alias.stamp);
    writer.optional_string("ds", alias.description.as_ref());
    writer.number("t0", alias.created_ms);
    writer.number("t1", alias.updated_ms);
    let routes: Vec<(u32, u32)> = alias.routes.iter().map(|route| (route.version, route.weight)).collect();
    writer.string("rt", serde_json::json!(routes).to_string());
    writer.0
}

fn read_alias(operation: String, workflow: &str, item: Item) -> WorldResult<AliasItem> {
    let mut reader = Reader::new(operation, item)?;
    let sk = reader.string(SK)?;
    let routes: Vec<(u32, u32)> = serde_json::from_str(&reader.string("rt")?)
        .map_err(|_| reader.damaged("rt", "is no list of versions and weights"))?;
    Ok(AliasItem {
        workflow: workflow.to_owned(),
        name: sk.strip_prefix(keys::ALIAS_PREFIX).unwrap_or_default().to_owned(),
        description: reader.optional_string("ds")?,
        routes: routes.into_iter().map(|(version, weight)| Route { version, weight }).collect(),
        created_ms: reader.optional_number("t0")?.unwrap_or_default(),
        updated_ms: reader.optional_number("t1")?.unwrap_or_default(),
        stamp: reader.string("sp")?,
    })
}

pub(super) fn tags_item(workflow: &str, tags: &TagsItem) -> Item {
    let mut writer = Writer::new(keys::workflow_pk(workflow), keys::TAGS_SK, ITEM_VERSION);
    write_tags(&mut writer, tags);
    writer.0
}

pub(super) fn write_tags(writer: &mut Writer, tags: &TagsItem) {
    writer.string(STAMP, &tags.stamp);
    writer.string(TAGS, tags_text(tags));
}

pub(super) fn tags_text(tags: &TagsItem) -> String {
    serde_json::json!(tags.tags).to_string()
}

pub(super) fn read_tags(operation: String, item: Item) -> WorldResult<TagsItem> {
    let mut reader = Reader::new(operation, item)?;
    let tags = serde_json::from_str(&reader.string(TAGS)?)
        .map_err(|_| reader.damaged(TAGS, "is no JSON object of texts"))?;
    Ok(TagsItem { tags, stamp: reader.string(STAMP)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_item_says_which_attribute() {
        let alias = AliasItem {
            workflow: "w".to_owned(),
            name: "PROD".to_owned(),
            description: None,
            routes: vec![Route { version: 3, weight: 100 }],
            created_ms: 1,
            updated_ms: 2,
            stamp: "s".to_owned(),
        };
        assert_eq!(read_alias(String::new(), "w", write_alias(&alias)).unwrap(), alias);
        let mut item = write_alias(&alias);
        item.insert("rt".to_owned(), text("[[1]]"));
        assert!(read_alias(String::new(), "w", item).unwrap_err().message.contains("\"rt\""));
        let tags = TagsItem { tags: [("k".to_owned(), "é".to_owned())].into(), stamp: "s".to_owned() };
        assert_eq!(read_tags(String::new(), tags_item("w", &tags)).unwrap(), tags);
        let mut item = tags_item("w", &tags);
        item.insert("tg".to_owned(), text("[]"));
        assert!(read_tags(String::new(), item).unwrap_err().message.contains("\"tg\""));
    }
}
