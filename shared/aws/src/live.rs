//! What a stack really consists of: read resource by resource, to be compared with what it should be.

use crate::{
    AwsHost,
    error::{never, world_error},
};
use aws_sdk_dynamodb::types::{KeySchemaElement, KeyType, TimeToLiveStatus};
use aws_sdk_lambda::types::FunctionResponseType;
use aws_sdk_s3::types::{ExpirationStatus, LifecycleRule};
use aws_sdk_sqs::{error::ProvideErrorMetadata, types::QueueAttributeName};
use std::collections::BTreeMap;
use stepladder_protocol::{Host, QueueName, WorldResult};

/// A queue, as SQS has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LiveQueue {
    pub arn: String,
    pub visibility_seconds: u32,
    pub retention_seconds: u32,
    /// The dead-letter queue's ARN, and after how many receives a message goes there.
    pub redrive: Option<(String, u32)>,
    pub visible: u64,
    pub in_flight: u64,
    /// The customer's own key that encrypts its messages; `None`: one of AWS's.
    pub kms_key: Option<String>,
}

/// A function, as Lambda has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LiveFunction {
    pub arn: String,
    pub timeout_seconds: u32,
    pub memory_mb: u32,
    pub role_arn: String,
    /// `Active`, where it can be called.
    pub state: Option<String>,
    /// `Successful`, unless the last update went wrong.
    pub last_update: Option<String>,
    pub environment: BTreeMap<String, String>,
    pub reserved_concurrency: Option<u32>,
    /// What hands a queue's messages to it.
    pub mappings: Vec<LiveMapping>,
}

/// An event source mapping, as Lambda has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LiveMapping {
    pub source_arn: String,
    /// `Enabled`, where it polls.
    pub state: String,
    pub batch_size: u32,
    pub batching_window_seconds: u32,
    pub maximum_concurrency: Option<u32>,
    /// The fewest and the most pollers of provisioned mode.
    pub provisioned_pollers: Option<(u32, u32)>,
    /// Whether one message of a batch can fail alone.
    pub reports_batch_item_failures: bool,
}

/// A function's URL, as Lambda has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LiveUrl {
    pub url: String,
    /// `AWS_IAM`: who calls is asked who he is; `NONE`: nobody is.
    pub auth_type: String,
}

/// A table, as DynamoDB has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LiveTable {
    /// `ACTIVE`, where it can be used.
    pub status: String,
    /// Partition and sort key.
    pub keys: (String, String),
    /// The keys of each index, and its status.
    pub indexes: BTreeMap<String, ((String, String), String)>,
    /// The attribute that tells when an item expires; `None`: nothing expires.
    pub ttl: Option<String>,
}

/// The stack's bucket, as S3 has it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LiveBucket {
    /// Whether all public access is blocked; `None`: that could not be read.
    pub is_private: Option<bool>,
    pub expiry: Expiry,
}

/// When S3 deletes the payloads of runs by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Expiry {
    /// That could not be read.
    #[default]
    Unknown,
    Never,
    /// So many days after they were written.
    Days(u32),
}

impl AwsHost {
    /// A queue by its short name; `None` if there is none.
    pub async fn live_queue(&self, short: &str) -> WorldResult<Option<LiveQueue>> {
        let queue = QueueName::Step(short.to_owned());
        let Some(url) = self.queue().url(&queue).await? else { return Ok(None) };
        let answer = self
            .sqs()
            .get_queue_attributes()
            .queue_url(url)
            .attribute_names(QueueAttributeName::All)
            .send()
            .await
            .map_err(|error| world_error(format!("read the attributes of queue {short}"), &error))?;
        let attributes = answer.attributes.unwrap_or_default();
        let text = |name: QueueAttributeName| attributes.get(&name).cloned().unwrap_or_default();
        let number = |name: QueueAttributeName| text(name).parse().unwrap_or(0);
        let policy: serde_json::Value =
            serde_json::from_str(&text(QueueAttributeName::RedrivePolicy)).unwrap_or_default();
        let redrive = policy.get("deadLetterTargetArn").and_then(serde_json::Value::as_str).map(|target| {
            let count = policy.get("maxReceiveCount");
            let as_text = count.and_then(|count| count.as_str()?.parse().ok());
            let count = count.and_then(serde_json::Value::as_u64).or(as_text).unwrap_or(0);
            (target.to_owned(), u32::try_from(count).unwrap_or(u32::MAX))
        });
        Ok(Some(LiveQueue {
            arn: text(QueueAttributeName::QueueArn),
            visibility_seconds: number(QueueAttributeName::VisibilityTimeout),
            retention_seconds: number(QueueAttributeName::MessageRetentionPeriod),
            redrive,
            visible: number(QueueAttributeName::ApproximateNumberOfMessages).into(),
            in_flight: number(QueueAttributeName::ApproximateNumberOfMessagesNotVisible).into(),
            kms_key: Some(text(QueueAttributeName::KmsMasterKeyId)).filter(|key| !key.is_empty()),
        }))
    }

    /// A function by its short name, with its mappings; `None` if there is none.
    pub async fn live_function(&self, short: &str) -> WorldResult<Option<LiveFunction>> {
        let name = self.queue().full_name(&QueueName::Step(short.to_owned()));
        let operation = |what: &str| format!("read the {what} of function {short}");
        let answer = self.lambda().get_function().function_name(&name).send().await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) if error.code() == Some("ResourceNotFoundException") => return Ok(None),
            Err(error) => return Err(world_error(operation("settings"), &error)),
        };
        let settings =
            answer.configuration.ok_or_else(|| never(operation("settings"), "the answer has none"))?;
        let reserved = answer.concurrency.and_then(|concurrency| concurrency.reserved_concurrent_executions);
        let environment = settings.environment.and_then(|environment| environment.variables);
        Ok(Some(LiveFunction {
            arn: settings.function_arn.unwrap_or_default(),
            timeout_seconds: positive(settings.timeout),
            memory_mb: positive(settings.memory_size),
            role_arn: settings.role.unwrap_or_default(),
            state: settings.state.map(|state| state.as_str().to_owned()),
            last_update: settings.last_update_status.map(|status| status.as_str().to_owned()),
            environment: environment.unwrap_or_default().into_iter().collect(),
            reserved_concurrency: reserved.map(|reserved| positive(Some(reserved))),
            mappings: self.live_mappings(&name).await?,
        }))
    }

    /// The URL of a function by its short name; `None` if there is none.
    pub async fn live_url(&self, short: &str) -> WorldResult<Option<LiveUrl>> {
        let name = self.queue().full_name(&QueueName::Step(short.to_owned()));
        match self.lambda().get_function_url_config().function_name(&name).send().await {
            Ok(answer) => Ok(Some(LiveUrl {
                url: answer.function_url,
                auth_type: answer.auth_type.as_str().to_owned(),
            })),
            Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(None),
            Err(error) => Err(world_error(format!("read the URL of function {short}"), &error)),
        }
    }

    async fn live_mappings(&self, name: &str) -> WorldResult<Vec<LiveMapping>> {
        let mut pages =
            self.lambda().list_event_source_mappings().function_name(name).into_paginator().send();
        let mut mappings = Vec::new();
        while let Some(page) = pages.next().await {
            let page =
                page.map_err(|error| world_error(format!("read the mappings of function {name}"), &error))?;
            for mapping in page.event_source_mappings.unwrap_or_default() {
                let kinds = mapping.function_response_types.unwrap_or_default();
                let scaling = mapping.scaling_config.and_then(|scaling| scaling.maximum_concurrency);
                let pollers = mapping.provisioned_poller_config;
                mappings.push(LiveMapping {
                    source_arn: mapping.event_source_arn.unwrap_or_default(),
                    state: mapping.state.unwrap_or_default(),
                    batch_size: positive(mapping.batch_size),
                    batching_window_seconds: positive(mapping.maximum_batching_window_in_seconds),
                    maximum_concurrency: scaling.map(|scaling| positive(Some(scaling))),
                    provisioned_pollers: pollers.map(|pollers| {
                        (positive(pollers.minimum_pollers), positive(pollers.maximum_pollers))
                    }),
                    reports_batch_item_failures: kinds
                        .contains(&FunctionResponseType::ReportBatchItemFailures),
                });
            }
        }
        Ok(mappings)
    }

    /// A table by its whole name; `None` if there is none.
    pub async fn live_table(&self, name: &str) -> WorldResult<Option<LiveTable>> {
        let operation = || format!("read the settings of table {name}");
        let table = match self.dynamodb().describe_table().table_name(name).send().await {
            Ok(answer) => answer.table.ok_or_else(|| never(operation(), "the answer has none"))?,
            Err(error) if error.code() == Some("ResourceNotFoundException") => return Ok(None),
            Err(error) => return Err(world_error(operation(), &error)),
        };
        let ttl = self.dynamodb().describe_time_to_live().table_name(name).send().await;
        let ttl = ttl.map_err(|error| world_error(operation(), &error))?.time_to_live_description;
        let is_on = |status: Option<&TimeToLiveStatus>| {
            matches!(status, Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling))
        };
        let ttl = ttl.filter(|ttl| is_on(ttl.time_to_live_status())).and_then(|ttl| ttl.attribute_name);
        let index = |index: aws_sdk_dynamodb::types::GlobalSecondaryIndexDescription| {
            let status = index.index_status.map(|status| status.as_str().to_owned()).unwrap_or_default();
            (index.index_name.unwrap_or_default(), (keys(&index.key_schema.unwrap_or_default()), status))
        };
        Ok(Some(LiveTable {
            status: table.table_status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
            keys: keys(&table.key_schema.unwrap_or_default()),
            indexes: table.global_secondary_indexes.unwrap_or_default().into_iter().map(index).collect(),
            ttl,
        }))
    }

    /// The stack's bucket; `None` if there is none.
    pub async fn live_bucket(&self) -> WorldResult<Option<LiveBucket>> {
        let bucket = &self.environment().bucket;
        match self.s3().head_bucket().bucket(bucket).send().await {
            Ok(_) => {}
            // A HEAD has no body, and so no code.
            Err(error) if error.raw_response().is_some_and(|raw| raw.status().as_u16() == 404) => {
                return Ok(None);
            }
            Err(error) => return Err(world_error(format!("look at bucket {bucket}"), &error)),
        }
        let answer = self.s3().get_public_access_block().bucket(bucket).send().await;
        let is_private = match answer {
            Ok(answer) => answer.public_access_block_configuration.map(|block| {
                [
                    block.block_public_acls,
                    block.ignore_public_acls,
                    block.block_public_policy,
                    block.restrict_public_buckets,
                ]
                .into_iter()
                .all(|blocked| blocked == Some(true))
            }),
            Err(error) if error.code() == Some("NoSuchPublicAccessBlockConfiguration") => Some(false),
            Err(_) => None,
        };
        let answer = self.s3().get_bucket_lifecycle_configuration().bucket(bucket).send().await;
        let expiry = match answer {
            Ok(answer) => expiry(&answer.rules.unwrap_or_default()),
            Err(error) if error.code() == Some("NoSuchLifecycleConfiguration") => Expiry::Never,
            Err(_) => Expiry::Unknown,
        };
        Ok(Some(LiveBucket { is_private, expiry }))
    }
}

/// What the rules of a bucket make of the objects of runs: the first one that is due counts.
fn expiry(rules: &[LifecycleRule]) -> Expiry {
    let of_runs = rules.iter().filter(|rule| rule.status == ExpirationStatus::Enabled && is_of_runs(rule));
    let days = of_runs.filter_map(|rule| rule.expiration.as_ref()?.days);
    days.min().map_or(Expiry::Never, |days| Expiry::Days(positive(Some(days))))
}

/// Whether a rule may be about objects of runs. They have no tags.
fn is_of_runs(rule: &LifecycleRule) -> bool {
    // Where a rule was written in the old form, S3 answers in it.
    #[allow(deprecated)]
    let old = rule.prefix.as_deref();
    let filter = rule.filter.as_ref();
    let all = filter.and_then(|filter| filter.and.as_ref());
    let has_tag = filter.is_some_and(|filter| filter.tag.is_some());
    let has_tags = all.is_some_and(|all| !all.tags().is_empty());
    let prefix = filter.and_then(|filter| filter.prefix.as_deref());
    let prefix = prefix.or(all.and_then(|all| all.prefix.as_deref())).or(old).unwrap_or_default();
    !has_tag && !has_tags && (prefix.starts_with(RUNS) || RUNS.starts_with(prefix))
}

/// How the keys of all objects of runs begin.
const RUNS: &str = "runs/";

fn keys(schema: &[KeySchemaElement]) -> (String, String) {
    let key = |kind: KeyType| {
        let found = schema.iter().find(|key| key.key_type == kind);
        found.map(|key| key.attribute_name.clone()).unwrap_or_default()
    };
    (key(KeyType::Hash), key(KeyType::Range))
}

fn positive(number: Option<i32>) -> u32 {
    number.and_then(|number| u32::try_from(number).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_s3::types::{LifecycleExpiration, LifecycleRuleFilter, Tag};

    fn rule(filter: LifecycleRuleFilter, status: ExpirationStatus, days: i32) -> LifecycleRule {
        let expiration = LifecycleExpiration::builder().days(days).build();
        LifecycleRule::builder().filter(filter).status(status).expiration(expiration).build().unwrap()
    }

    fn under(prefix: &str) -> LifecycleRuleFilter {
        LifecycleRuleFilter::builder().prefix(prefix).build()
    }

    #[test]
    fn objects_of_runs_expire_by_the_first_rule_that_is_about_them() {
        let on = |filter, days| rule(filter, ExpirationStatus::Enabled, days);
        assert_eq!(expiry(&[]), Expiry::Never);
        assert_eq!(expiry(&[on(under("runs/"), 400)]), Expiry::Days(400));
        assert_eq!(expiry(&[on(under("runs/"), 400), on(under("runs/order/"), 7)]), Expiry::Days(7));
        assert_eq!(expiry(&[on(under("runs/"), 400), on(under(""), 30)]), Expiry::Days(30));
        assert_eq!(expiry(&[on(under("exports/"), 1)]), Expiry::Never);
        assert_eq!(expiry(&[rule(under("runs/"), ExpirationStatus::Disabled, 1)]), Expiry::Never);
        let tag = Tag::builder().key("kind").value("draft").build().unwrap();
        assert_eq!(expiry(&[on(LifecycleRuleFilter::builder().tag(tag).build(), 1)]), Expiry::Never);
    }

    #[test]
    fn a_rule_in_the_old_form_has_its_prefix_beside_a_filter() {
        let expiration = LifecycleExpiration::builder().days(1).build();
        let status = ExpirationStatus::Enabled;
        #[allow(deprecated)]
        let old = |prefix: &str| {
            LifecycleRule::builder().prefix(prefix).status(status.clone()).expiration(expiration.clone())
        };
        assert_eq!(expiry(&[old("runs/").build().unwrap()]), Expiry::Days(1));
        assert_eq!(expiry(&[old("exports/").build().unwrap()]), Expiry::Never);
    }
}
