//! TagResource, UntagResource and ListTagsForResource.

use crate::{
    Api, arn,
    error::{ApiError, Kind},
    fields::{Fields, Text},
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use stepladder_protocol::{Host, TagsChanged, limits::TAGS_MAX};

/// What AWS keeps for itself.
const RESERVED: &str = "aws:";

/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_TagResource.html>
pub(super) async fn tag<H: Host>(api: &Api<H>, mut fields: Fields) -> Result<Value, ApiError> {
    let arn = fields.required("resourceArn", Text::ARN)?;
    let tags = read(&mut fields)?;
    if tags.is_none() {
        fields.missing("tags");
    }
    fields.check()?;
    let tags = tags.unwrap_or_default();
    let of = arn::tagged(api.protocol.host().settings(), &arn)?;
    check_new(&arn, &tags)?;
    done(api.protocol.tag(of, &tags).await?, &arn)
}

/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_UntagResource.html>
pub(super) async fn untag<H: Host>(api: &Api<H>, mut fields: Fields) -> Result<Value, ApiError> {
    let arn = fields.required("resourceArn", Text::ARN)?;
    let keys = fields.texts("tagKeys", Text::TAG_KEY)?;
    if keys.is_none() {
        fields.missing("tagKeys");
    }
    fields.check()?;
    let of = arn::tagged(api.protocol.host().settings(), &arn)?;
    done(api.protocol.untag(of, &keys.unwrap_or_default()).await?, &arn)
}

/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListTagsForResource.html>: by their keys.
pub(super) async fn list<H: Host>(api: &Api<H>, mut fields: Fields) -> Result<Value, ApiError> {
    let arn = fields.required("resourceArn", Text::ARN)?;
    fields.check()?;
    let of = arn::tagged(api.protocol.host().settings(), &arn)?;
    let tags = api.protocol.tags(of).await?.ok_or_else(|| ApiError::no_resource(&arn))?;
    let tags: Vec<Value> =
        tags.into_iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
    Ok(json!({ "tags": tags }))
}

/// The member `tags`. Of two tags of one key the last counts.
pub(super) fn read(fields: &mut Fields) -> Result<Option<BTreeMap<String, String>>, ApiError> {
    let Some(items) = fields.objects("tags")? else { return Ok(None) };
    let mut tags = BTreeMap::new();
    for mut item in items {
        let key = item.required("key", Text::TAG_KEY)?;
        let value = item.text("value", Text::TAG_VALUE)?.unwrap_or_default();
        fields.close(item);
        tags.insert(key, value);
    }
    Ok(Some(tags))
}

/// What no tags may be, whatever is there already.
pub(super) fn check_new(arn: &str, tags: &BTreeMap<String, String>) -> Result<(), ApiError> {
    if let Some(key) = tags.keys().find(|key| key.to_lowercase().starts_with(RESERVED)) {
        return Err(ApiError::validation(format!("Tag keys must not start with '{RESERVED}': '{key}'")));
    }
    if tags.len() > TAGS_MAX {
        return Err(too_many(arn));
    }
    Ok(())
}

fn done(changed: TagsChanged, arn: &str) -> Result<Value, ApiError> {
    match changed {
        TagsChanged::Done => Ok(json!({})),
        TagsChanged::NotThere => Err(ApiError::no_resource(arn)),
        TagsChanged::TooMany => Err(too_many(arn)),
    }
}

fn too_many(arn: &str) -> ApiError {
    let message = format!("Too Many Tags: a resource has at most {TAGS_MAX}: '{arn}'");
    ApiError::new(Kind::TooManyTags, message).with("resourceName", arn)
}
