//! Activities in the table: `C#activities`, `<name>`, with `t0`, when it was made, in ms.

use super::{
    DynamoStore,
    item::{Item, PK, Reader, SK, Writer},
    keys, lost_to,
};
use crate::{
    error::{later, world_error},
    limits::LIST_PAGE_MAX,
};
use aws_sdk_dynamodb::types::AttributeValue;
use stepladder_protocol::{Activities, ActivityItem, ITEM_VERSION, WorldResult};

impl Activities for DynamoStore {
    async fn put_activity(&self, activity: &ActivityItem) -> WorldResult<ActivityItem> {
        let operation = format!("put the activity {}", activity.name);
        let mut writer = Writer::new(keys::ACTIVITIES_PK.to_owned(), &activity.name, ITEM_VERSION);
        writer.number("t0", activity.created_ms);
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
        let operation = "list the activities".to_owned();
        let place = |name: &str| {
            let key = |text: &str| AttributeValue::S(text.to_owned());
            [(PK.to_owned(), key(keys::ACTIVITIES_PK)), (SK.to_owned(), key(name))].into_iter().collect()
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
                .expression_attribute_values(":pk", AttributeValue::S(keys::ACTIVITIES_PK.to_owned()))
                .set_exclusive_start_key(from)
                .set_return_consumed_capacity(self.capacity.clone())
                .send()
                .await
                .map_err(|error| world_error(operation.clone(), &error))?;
            for item in page.items.unwrap_or_default() {
                listed.push(read_activity(operation.clone(), item)?);
            }
            from = page.last_evaluated_key;
            if from.is_none() {
                break;
            }
        }
        Ok(listed)
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

fn read_activity(operation: String, item: Item) -> WorldResult<ActivityItem> {
    let mut reader = Reader::new(operation, item)?;
    let created_ms = reader.optional_number("t0")?.ok_or_else(|| reader.damaged("t0", "is missing"))?;
    Ok(ActivityItem { name: reader.string(SK)?, created_ms })
}
