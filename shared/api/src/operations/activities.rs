//! CreateActivity, DeleteActivity, DescribeActivity and ListActivities.

use crate::{
    Api,
    answer::{Answer, seconds},
    arn,
    error::{ApiError, Kind},
    fields::{Fields, Text},
};
use serde_json::{Value, json};
use stepladder_protocol::{Activities, ActivityItem, Clock, Host, Queue, QueueName, check_name};

/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateActivity.html>
///
/// The queue comes before the item: an activity that is described can be waited for. One that is there keeps its tags,
/// whatever is asked for, and none is encrypted otherwise than another: so there is no ActivityAlreadyExists.
pub(super) async fn create<H: Host>(api: &Api<H>, mut fields: Fields) -> Result<Value, ApiError> {
    let name = fields.required("name", Text::NAME)?;
    let tags = super::tags::read(&mut fields)?.unwrap_or_default();
    let encryption = super::create::encryption(&mut fields)?;
    fields.check()?;
    check_name(&name).map_err(|_| ApiError::invalid_name(&name))?;
    // What the queue's name may have in it
    // (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html).
    let is_word = |char: char| char.is_ascii_alphanumeric() || char == '-' || char == '_';
    let host = api.protocol.host();
    let queue = QueueName::activity(&name);
    let chars = host.settings().stack.chars().count() + 1 + queue.short().chars().count();
    if !name.chars().all(is_word) || chars > QUEUE_CHARS_MAX {
        let why = format!(
            "its queue is named by it: letters, digits, - and _, {QUEUE_CHARS_MAX} with the stack's name"
        );
        return Err(ApiError::new(Kind::InvalidName, format!("Invalid Name: '{name}' ({why})")));
    }
    let arn = arn::activity(host.settings(), &name);
    super::tags::check_new(&arn, &tags)?;
    super::create::check_encryption(encryption)?;
    let item = match host.store().activity(&name).await? {
        Some(there) => there,
        None => {
            host.queue().create(&queue).await?;
            let item = ActivityItem { name, created_ms: host.clock().now_ms() };
            let tags = api.protocol.new_tags(tags);
            host.store().put_activity(&item, tags.as_ref()).await?
        }
    };
    Ok(Answer::default().set("activityArn", arn).set("creationDate", seconds(item.created_ms)).into_value())
}

/// The longest name of a queue, in characters.
const QUEUE_CHARS_MAX: usize = 80;

/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_DeleteActivity.html>
///
/// The item goes first: what is still to be deleted can be made again, and deleted again. Tasks that nobody has taken end by
/// their limits.
pub(super) async fn delete<H: Host>(api: &Api<H>, mut fields: Fields) -> Result<Value, ApiError> {
    let arn = fields.required("activityArn", Text::ARN)?;
    fields.check()?;
    let host = api.protocol.host();
    if let Some(name) = arn::activity_name(host.settings(), &arn)? {
        host.store().delete_activity(name).await?;
        host.queue().remove(&QueueName::activity(name)).await?;
    }
    Ok(json!({}))
}

/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeActivity.html>
pub(super) async fn describe<H: Host>(api: &Api<H>, mut fields: Fields) -> Result<Value, ApiError> {
    let arn = fields.required("activityArn", Text::ARN)?;
    fields.check()?;
    let item = find(api, &arn).await?;
    let answer = shown(api, &item).set("encryptionConfiguration", super::machines::own_key());
    Ok(answer.into_value())
}

/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListActivities.html>
pub(super) async fn list<H: Host>(api: &Api<H>, mut fields: Fields) -> Result<Value, ApiError> {
    let results = fields.max_results()?;
    let token = fields.text("nextToken", Text::TOKEN)?;
    fields.check()?;
    let asked = json!(["ListActivities"]);
    let host = api.protocol.host();
    let now_ms = host.clock().now_ms();
    let after = match token {
        Some(token) => match api.tokens.open(&asked, &token, now_ms)?.get("after").and_then(Value::as_str) {
            Some(name) => Some(name.to_owned()),
            None => return Err(ApiError::invalid_token()),
        },
        None => None,
    };
    // One more than asked for, if there is one, tells that there is a next page.
    let mut found = host.store().activities_after(after.as_deref(), results.saturating_add(1)).await?;
    let has_more = found.len() > results;
    found.truncate(results);
    let token = match found.last() {
        Some(last) if has_more => Some(api.tokens.seal(&asked, &json!({ "after": last.name }), now_ms)?),
        _ => None,
    };
    let shown: Vec<Value> = found.iter().map(|item| shown(api, item).into_value()).collect();
    Ok(Answer::default().set("activities", shown).set_some("nextToken", token).into_value())
}

/// The activity of an ARN.
pub(super) async fn find<H: Host>(api: &Api<H>, arn: &str) -> Result<ActivityItem, ApiError> {
    let host = api.protocol.host();
    let found = match arn::activity_name(host.settings(), arn)? {
        Some(name) => host.store().activity(name).await?,
        None => None,
    };
    found
        .ok_or_else(|| ApiError::new(Kind::ActivityDoesNotExist, format!("Activity Does Not Exist: '{arn}'")))
}

fn shown<H: Host>(api: &Api<H>, item: &ActivityItem) -> Answer {
    Answer::default()
        .set("activityArn", arn::activity(api.protocol.host().settings(), &item.name))
        .set("name", item.name.as_str())
        .set("creationDate", seconds(item.created_ms))
}
