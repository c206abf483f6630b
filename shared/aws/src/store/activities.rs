//! Activities in the table: `C#activities`, `<name>`.
//!
//! | attribute | type | holds |
//! |---|---|---|
//! | `t0` | N | when it was made, in ms |
//! | `tg` | S | its tags, a JSON object; none: it never had any |
//! | `sp` | S | their stamp |

use super::{
    DynamoStore, apply,
    item::{Item, PK, Reader, SK, Writer},
    keys, lost_to,
    versions::{STAMP, TAGS, read_tags, tags_text, write_tags},
};
use crate::error::{later, world_error};
use aws_sdk_dynamodb::types::AttributeValue;
use stepladder_protocol::{Activities, ActivityItem, ITEM_VERSION, TagsItem, WorldResult};

impl Activities for DynamoStore {
    async fn put_activity(
        &self,
        activity: &ActivityItem,
        tags: Option<&TagsItem>,
    ) -> WorldResult<ActivityItem> {
        let operation = format!("put the activity {}", activity.name);
        let mut writer = Writer::new(keys::ACTIVITIES_PK.to_owned(), &activity.name, ITEM_VERSION);
        writer.number("t0", activity.created_ms);
        if let Some(tags) = tags {
            write_tags(&mut writer, tags);
        }
        let Err(error) = self.put_unless(writer.0, super::NOT_THERE, None).await else {
            return Ok(activity.clone());
        };
        match lost_to(&operation, &error)? {
            Some(there) => read_activity(operation, there),
            None => match self.activity(&activity.name).await? {
                Some(there) => Ok(there),
                None => Err(later(operation, "it was there, and a moment later it wasn't")),
            },
        }
    }

    async fn activity(&self, name: &str) -> WorldResult<Option<ActivityItem>> {
        let operation = format!("read the activity {name}");
        let found = self.get(operation.clone(), keys::ACTIVITIES_PK.to_owned(), name.to_owned()).await?;
        found.map(|found| read_activity(operation, found)).transpose()
    }

    async fn activities_after(&self, after: Option<&str>, limit: usize) -> WorldResult<Vec<ActivityItem>> {
        let operation = "list the activities";
        let found = self.partition_after(operation, keys::ACTIVITIES_PK, after, limit).await?;
        found.into_iter().map(|found| read_activity(operation.to_owned(), found)).collect()
    }

    async fn delete_activity(&self, name: &str) -> WorldResult<()> {
        self.client
            .delete_item()
            .table_name(&self.table)
            .key(PK, AttributeValue::S(keys::ACTIVITIES_PK.to_owned()))
            .key(SK, AttributeValue::S(name.to_owned()))
            .set_return_consumed_capacity(self.capacity.clone())
            .send()
            .await
            .map(drop)
            .map_err(|error| world_error(format!("delete the activity {name}"), &error))
    }
}

impl DynamoStore {
    pub(super) async fn activity_tags(&self, name: &str) -> WorldResult<Option<TagsItem>> {
        let operation = format!("read the tags of the activity {name}");
        let found = self.get(operation.clone(), keys::ACTIVITIES_PK.to_owned(), name.to_owned()).await?;
        let tagged = found.filter(|found| found.contains_key(STAMP));
        tagged.map(|tagged| read_tags(operation, tagged)).transpose()
    }

    pub(super) async fn put_activity_tags(
        &self,
        name: &str,
        tags: &TagsItem,
        before: Option<&str>,
    ) -> WorldResult<bool> {
        let update = self
            .update(keys::ACTIVITIES_PK.to_owned(), name)
            .update_expression(format!("SET {TAGS} = :tags, {STAMP} = :stamp"))
            .expression_attribute_values(":tags", AttributeValue::S(tags_text(tags)))
            .expression_attribute_values(":stamp", AttributeValue::S(tags.stamp.clone()));
        let update = match before {
            None => update
                .condition_expression(format!("attribute_exists({PK}) AND attribute_not_exists({STAMP})")),
            Some(before) => update
                .condition_expression(format!("{STAMP} = :before"))
                .expression_attribute_values(":before", AttributeValue::S(before.to_owned())),
        };
        apply(|| format!("put the tags of the activity {name}"), update).await
    }
}

fn read_activity(operation: String, item: Item) -> WorldResult<ActivityItem> {
    let mut reader = Reader::new(operation, item)?;
    let created_ms = reader.optional_number("t0")?.ok_or_else(|| reader.damaged("t0", "is missing"))?;
    Ok(ActivityItem { name: reader.string(SK)?, created_ms })
}
