//! Creates a stack's table, bucket and queues: for one machine and for tests. On AWS the templates do it.

use crate::{
    AwsHost,
    error::{later, never, world_error},
    limits::{DEAD_RETENTION_SECONDS, RETENTION_SECONDS, TABLE_READY_TIMEOUT, VISIBILITY_TIMEOUTS},
    store::{ATTENTION_INDEX, EXPIRES, RUNS_INDEX},
};
use aws_sdk_dynamodb::{
    error::{BuildError, ProvideErrorMetadata},
    types::{
        AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
        ProjectionType, ScalarAttributeType, TableStatus, TimeToLiveSpecification, TimeToLiveStatus,
    },
};
use aws_sdk_s3::types::{
    BucketLocationConstraint, CreateBucketConfiguration, Event, FilterRule, FilterRuleName,
    NotificationConfiguration, NotificationConfigurationFilter, QueueConfiguration, S3KeyFilter,
};
use aws_sdk_sqs::types::QueueAttributeName;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::{Duration, Instant},
};
use stepladder_protocol::{Host, QueueName, Settings, UploadRule, WorldResult, limits::RECEIVES_MAX};

/// What a stack's queues depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackSpec {
    /// The steps' functions by short name, each with its timeout in seconds.
    pub steps: Vec<(String, u32)>,
    /// The timeout of the system's functions, in seconds.
    pub system_timeout_seconds: u32,
}

/// Creates the table, the bucket and all queues of the host's stack. What is there already stays, with the queues'
/// attributes brought up to date; so it may be repeated.
pub async fn create_stack(host: &AwsHost, spec: &StackSpec) -> WorldResult<()> {
    create_table(host).await?;
    create_bucket(host, &host.environment().bucket).await?;
    let retention = |seconds: u32| (QueueAttributeName::MessageRetentionPeriod, seconds.to_string());
    let visibility = |timeout_seconds: u32| {
        (QueueAttributeName::VisibilityTimeout, visibility_seconds(timeout_seconds).to_string())
    };
    let system = spec.system_timeout_seconds;
    let dead = [retention(DEAD_RETENTION_SECONDS), visibility(system)];
    for queue in [QueueName::DeadLetter, QueueName::Parked] {
        create_queue(host, &queue, HashMap::from(dead.clone())).await?;
    }
    let redrive = redrive_policy(host).await?;
    let status = HashMap::from([retention(RETENTION_SECONDS), visibility(system)]);
    create_queue(host, &QueueName::Status, status).await?;
    let sources = [(QueueName::Start, system), (QueueName::Timer, system)]
        .into_iter()
        .chain(spec.steps.iter().map(|(function, timeout)| (QueueName::Step(function.clone()), *timeout)));
    for (queue, timeout) in sources {
        let attributes = [
            retention(RETENTION_SECONDS),
            visibility(timeout),
            (QueueAttributeName::RedrivePolicy, redrive.clone()),
        ];
        create_queue(host, &queue, HashMap::from(attributes)).await?;
    }
    Ok(())
}

/// How long a queue hides a message that a function with this timeout has received, in seconds; the batching window of
/// its mapping comes to it.
pub fn visibility_seconds(timeout_seconds: u32) -> u32 {
    timeout_seconds.saturating_mul(VISIBILITY_TIMEOUTS)
}

/// Creates the table with its two indexes and its TTL, unless it is there, and waits until it can be used.
pub async fn create_table(host: &AwsHost) -> WorldResult<()> {
    let table = &host.environment().table;
    let operation = || format!("create table {table}");
    let malformed = |error: BuildError| never(operation(), error.to_string());
    let creation = host
        .dynamodb()
        .create_table()
        .table_name(table)
        .billing_mode(BillingMode::PayPerRequest)
        .set_attribute_definitions(Some(attribute_definitions().map_err(malformed)?))
        .set_key_schema(Some(key_schema("pk", "sk").map_err(malformed)?))
        .global_secondary_indexes(index(RUNS_INDEX, "lp", "t0").map_err(malformed)?)
        .global_secondary_indexes(index(ATTENTION_INDEX, "ap", "t1").map_err(malformed)?);
    match creation.send().await {
        Ok(_) => {}
        Err(error) if error.code() == Some("ResourceInUseException") => {}
        Err(error) => return Err(world_error(operation(), &error)),
    }
    wait_for_table(host, table).await?;

    let ttl = host.dynamodb().describe_time_to_live().table_name(table).send().await;
    let ttl = ttl.map_err(|error| world_error(operation(), &error))?;
    let status = ttl.time_to_live_description().and_then(|ttl| ttl.time_to_live_status());
    if matches!(status, Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)) {
        return Ok(());
    }
    let wanted = TimeToLiveSpecification::builder()
        .enabled(true)
        .attribute_name(EXPIRES)
        .build()
        .map_err(malformed)?;
    let update = host.dynamodb().update_time_to_live().table_name(table).time_to_live_specification(wanted);
    update.send().await.map(|_| ()).map_err(|error| world_error(operation(), &error))
}

/// Creates a table of a function's own, `<stack>-<name>`, with the text keys `pk` and `sk`, unless it is there, and waits
/// until it can be used.
pub async fn create_function_table(host: &AwsHost, name: &str) -> WorldResult<()> {
    let table = format!("{}-{name}", host.environment().settings.stack);
    let operation = || format!("create table {table}");
    let malformed = |error: BuildError| never(operation(), error.to_string());
    let attributes = ["pk", "sk"]
        .into_iter()
        .map(|key| {
            AttributeDefinition::builder().attribute_name(key).attribute_type(ScalarAttributeType::S).build()
        })
        .collect::<Result<Vec<_>, _>>()
        .map_err(malformed)?;
    let creation = host
        .dynamodb()
        .create_table()
        .table_name(&table)
        .billing_mode(BillingMode::PayPerRequest)
        .set_attribute_definitions(Some(attributes))
        .set_key_schema(Some(key_schema("pk", "sk").map_err(malformed)?));
    match creation.send().await {
        Ok(_) => {}
        Err(error) if error.code() == Some("ResourceInUseException") => {}
        Err(error) => return Err(world_error(operation(), &error)),
    }
    wait_for_table(host, &table).await
}

async fn wait_for_table(host: &AwsHost, table: &str) -> WorldResult<()> {
    let operation = || format!("wait for table {table}");
    let until = Instant::now() + TABLE_READY_TIMEOUT;
    let mut pause = Duration::from_millis(20);
    loop {
        let answer = host.dynamodb().describe_table().table_name(table).send().await;
        let answer = answer.map_err(|error| world_error(operation(), &error))?;
        if answer.table().and_then(|table| table.table_status()) == Some(&TableStatus::Active) {
            return Ok(());
        }
        if Instant::now() > until {
            return Err(later(
                operation(),
                format!("it is not active after {} s", TABLE_READY_TIMEOUT.as_secs()),
            ));
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(2));
    }
}

fn attribute_definitions() -> Result<Vec<AttributeDefinition>, BuildError> {
    let text = ScalarAttributeType::S;
    let number = ScalarAttributeType::N;
    [("pk", &text), ("sk", &text), ("lp", &text), ("t0", &number), ("ap", &text), ("t1", &number)]
        .into_iter()
        .map(|(name, kind)| {
            AttributeDefinition::builder().attribute_name(name).attribute_type(kind.clone()).build()
        })
        .collect()
}

fn key_schema(hash: &str, range: &str) -> Result<Vec<KeySchemaElement>, BuildError> {
    [(hash, KeyType::Hash), (range, KeyType::Range)]
        .into_iter()
        .map(|(name, kind)| KeySchemaElement::builder().attribute_name(name).key_type(kind).build())
        .collect()
}

fn index(name: &str, hash: &str, range: &str) -> Result<GlobalSecondaryIndex, BuildError> {
    GlobalSecondaryIndex::builder()
        .index_name(name)
        .set_key_schema(Some(key_schema(hash, range)?))
        .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build())
        .build()
}

/// Creates a bucket in the host's region, unless the account has it.
pub(crate) async fn create_bucket(host: &AwsHost, bucket: &str) -> WorldResult<()> {
    let region = host.environment().settings.region.as_str();
    // us-east-1 is the one region that must not be named
    // (https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html).
    let place = (region != "us-east-1").then(|| {
        let place = BucketLocationConstraint::from(region);
        CreateBucketConfiguration::builder().location_constraint(place).build()
    });
    let creation = host.s3().create_bucket().bucket(bucket).set_create_bucket_configuration(place);
    let error = match creation.send().await {
        Ok(_) => return Ok(()),
        Err(error) if error.code() == Some("BucketAlreadyOwnedByYou") => return Ok(()),
        Err(error) => error,
    };
    // Somebody has a bucket of this name: this account, where S3 isn't AWS's own, if it may be looked at.
    let there = error.code() == Some("BucketAlreadyExists");
    if there && host.s3().head_bucket().bucket(bucket).send().await.is_ok() {
        return Ok(());
    }
    Err(world_error(format!("create bucket {bucket}"), &error))
}

/// Creates the buckets of these rules, unless they are there, and has each tell the start queue of its uploads: what a user does by
/// hand for a bucket of their own, in place of what the bucket told of before.
pub async fn tell_uploads(host: &AwsHost, rules: &[UploadRule]) -> WorldResult<()> {
    let mut buckets: BTreeMap<&str, BTreeSet<(&str, &str)>> = BTreeMap::new();
    for UploadRule { bucket, prefix, suffix, .. } in rules {
        buckets.entry(bucket).or_default().insert((prefix, suffix));
    }
    let Settings { region, account, .. } = &host.environment().settings;
    let arn = format!("arn:aws:sqs:{region}:{account}:{}", host.queue().full_name(&QueueName::Start));
    for (bucket, keys) in buckets {
        create_bucket(host, bucket).await?;
        let operation = || format!("have bucket {bucket} tell of its uploads");
        let queues = keys
            .into_iter()
            .map(|(prefix, suffix)| upload_queue(&arn, prefix, suffix))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| never(operation(), error.to_string()))?;
        let configuration =
            NotificationConfiguration::builder().set_queue_configurations(Some(queues)).build();
        // The queue is there, and needs no test message.
        let putting = host.s3().put_bucket_notification_configuration().skip_destination_validation(true);
        let putting = putting.bucket(bucket);
        let answer = putting.notification_configuration(configuration).send().await;
        answer.map_err(|error| world_error(operation(), &error))?;
    }
    Ok(())
}

fn upload_queue(
    arn: &str,
    prefix: &str,
    suffix: &str,
) -> Result<QueueConfiguration, aws_sdk_s3::error::BuildError> {
    let rules = [(FilterRuleName::Prefix, prefix), (FilterRuleName::Suffix, suffix)];
    let rules = rules.into_iter().filter(|(_, value)| !value.is_empty());
    let rules = rules.map(|(name, value)| FilterRule::builder().name(name).value(value).build());
    let key = S3KeyFilter::builder().set_filter_rules(Some(rules.collect())).build();
    QueueConfiguration::builder()
        .queue_arn(arn)
        .events(Event::S3ObjectCreated)
        .filter(NotificationConfigurationFilter::builder().key(key).build())
        .build()
}

/// Creates a queue of the host's stack with these attributes, or gives them to the one that is there.
pub async fn create_queue(
    host: &AwsHost,
    queue: &QueueName,
    attributes: HashMap<QueueAttributeName, String>,
) -> WorldResult<()> {
    let sqs = host.sqs();
    let name = host.queue().full_name(queue);
    let operation = || format!("create queue {name}");
    let creation = sqs.create_queue().queue_name(&name).set_attributes(Some(attributes.clone()));
    let url = match creation.send().await {
        Ok(answer) => answer.queue_url,
        Err(error) if matches!(error.code(), Some("QueueNameExists" | "QueueAlreadyExists")) => {
            let url = host.queue().url(queue).await?;
            let url = url.ok_or_else(|| later(operation(), "it was there, and a moment later it wasn't"))?;
            sqs.set_queue_attributes()
                .queue_url(&url)
                .set_attributes(Some(attributes))
                .send()
                .await
                .map_err(|error| world_error(operation(), &error))?;
            Some(url)
        }
        Err(error) => return Err(world_error(operation(), &error)),
    };
    let url = url.ok_or_else(|| never(operation(), "the answer has no URL"))?;
    host.queue().remember(queue, url);
    Ok(())
}

async fn redrive_policy(host: &AwsHost) -> WorldResult<String> {
    let operation = || "find the dead-letter queue's ARN".to_owned();
    let url = host.queue().url(&QueueName::DeadLetter).await?;
    let answer = host
        .sqs()
        .get_queue_attributes()
        .queue_url(url.unwrap_or_default())
        .attribute_names(QueueAttributeName::QueueArn)
        .send()
        .await
        .map_err(|error| world_error(operation(), &error))?;
    let arn = answer
        .attributes()
        .and_then(|attributes| attributes.get(&QueueAttributeName::QueueArn))
        .ok_or_else(|| never(operation(), "the answer has none"))?;
    Ok(serde_json::json!({ "deadLetterTargetArn": arn, "maxReceiveCount": RECEIVES_MAX.to_string() })
        .to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visibility_is_six_timeouts() {
        assert_eq!(visibility_seconds(10), 60);
        assert_eq!(visibility_seconds(60), 360);
        assert_eq!(visibility_seconds(900), 5_400);
    }
}
