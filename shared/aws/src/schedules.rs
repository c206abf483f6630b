//! One-time schedules of EventBridge Scheduler.

use crate::{
    Environment, SchedulePlace,
    clients::Clients,
    error::{never, world_error},
};
use aws_sdk_scheduler::{
    Client,
    operation::create_schedule::CreateScheduleError,
    primitives::{DateTime, DateTimeFormat},
    types::{ActionAfterCompletion, FlexibleTimeWindow, FlexibleTimeWindowMode, Target},
};
use futures::future::BoxFuture;
use std::{fmt, sync::Arc};
use stepladder_protocol::{QueueName, Schedule, Scheduled, Schedules, WorldResult};

type Create = dyn Fn(Schedule) -> BoxFuture<'static, WorldResult<Scheduled>> + Send + Sync;

/// [`Schedules`] on EventBridge Scheduler. Its client stands behind a pointer: a binary that never makes one of these
/// doesn't hold it.
#[derive(Clone)]
pub struct OneTimeSchedules(Arc<Create>);

impl fmt::Debug for OneTimeSchedules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OneTimeSchedules")
    }
}

impl Schedules for OneTimeSchedules {
    async fn create(&self, schedule: &Schedule) -> WorldResult<Scheduled> {
        (self.0)(schedule.clone()).await
    }
}

impl OneTimeSchedules {
    pub(crate) fn new(clients: &Clients, environment: &Environment, place: SchedulePlace) -> Self {
        let settings = &environment.settings;
        let queue_arn = format!(
            "arn:{}:sqs:{}:{}:{}-{}",
            partition(&place.role_arn),
            settings.region,
            settings.account,
            settings.stack,
            QueueName::Timer.short()
        );
        let maker = Arc::new(Maker { client: clients.scheduler(), place, queue_arn });
        Self(Arc::new(move |schedule| {
            let maker = Arc::clone(&maker);
            Box::pin(async move { maker.create(&schedule).await })
        }))
    }
}

/// The part of AWS that an ARN belongs to: `aws`, `aws-cn`, `aws-us-gov`
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>).
fn partition(arn: &str) -> &str {
    arn.split(':').nth(1).filter(|partition| !partition.is_empty()).unwrap_or("aws")
}

struct Maker {
    client: Client,
    place: SchedulePlace,
    queue_arn: String,
}

impl Maker {
    async fn create(&self, schedule: &Schedule) -> WorldResult<Scheduled> {
        let operation = || format!("schedule a message for {}", expression(schedule.at_ms));
        let malformed = |error: aws_sdk_scheduler::error::BuildError| never(operation(), error.to_string());
        let target = Target::builder()
            .arn(&self.queue_arn)
            .role_arn(&self.place.role_arn)
            .input(without_keywords(&schedule.body))
            .build()
            .map_err(malformed)?;
        let exact =
            FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off).build().map_err(malformed)?;
        let answer = self
            .client
            .create_schedule()
            .group_name(&self.place.group)
            .name(&schedule.name)
            .schedule_expression(expression(schedule.at_ms))
            .flexible_time_window(exact)
            .action_after_completion(ActionAfterCompletion::Delete)
            .target(target)
            .send()
            .await;
        match answer {
            Ok(_) => Ok(Scheduled::Created),
            Err(error)
                if error.as_service_error().is_some_and(CreateScheduleError::is_conflict_exception) =>
            {
                Ok(Scheduled::Exists)
            }
            Err(error) => Err(world_error(operation(), &error)),
        }
    }
}

/// One time in UTC, in whole seconds
/// (<https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#one-time>).
fn expression(at_ms: i64) -> String {
    let time = DateTime::from_secs(at_ms.div_euclid(1000)).fmt(DateTimeFormat::DateTime).unwrap_or_default();
    format!("at({})", time.trim_end_matches('Z'))
}

/// Scheduler replaces `<aws.scheduler.execution-id>` and its like in what it sends
/// (<https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html>). A body is JSON, in
/// which that character stands within texts only, or base64.
fn without_keywords(body: &str) -> String {
    body.replace('<', "\\u003c")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queue_is_in_the_partition_of_the_role() {
        assert_eq!(partition("arn:aws-cn:iam::123456789012:role/shop-schedules"), "aws-cn");
        assert_eq!(partition("arn:aws:iam::123456789012:role/shop-schedules"), "aws");
        assert_eq!(partition("shop-schedules"), "aws");
        assert_eq!(partition("arn::iam"), "aws");
    }

    #[test]
    fn a_time_is_cut_to_whole_seconds_so_that_it_is_never_late() {
        assert_eq!(expression(1_700_000_000_999), "at(2023-11-14T22:13:20)");
    }

    #[test]
    fn what_the_scheduler_would_replace_comes_back_as_it_was() {
        let body =
            serde_json::json!({ "<aws.scheduler.execution-id>": "a < b <aws.scheduler.attempt-number>" });
        let sent = without_keywords(&body.to_string());
        assert!(!sent.contains('<'));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&sent).unwrap(), body);
    }
}
