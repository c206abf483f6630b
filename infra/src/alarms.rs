//! What a person should know of.
//!
//! A metric of an alarm costs $0.10 a month beyond the account's first ten, so an idle stack of eight queues stays with
//! twelve: see the parameter QueueAlarms.

use crate::{
    limits,
    model::{Alarm, Metric, Stack},
    text::Text,
};

/// The namespace of the functions' own metrics.
pub(crate) const NAMESPACE: &str = "Stepladder";

pub(crate) fn alarms(stack: &Stack) -> Vec<Alarm> {
    let own = |name, metric, description: &str| Alarm {
        name: String::from(name),
        description: description.to_owned(),
        metrics: vec![Metric {
            id: "m1".to_owned(),
            namespace: NAMESPACE,
            name: metric,
            dimension: ("Stack", Text::of("${Stack}")),
            statistic: "Sum",
            period_seconds: 300,
        }],
        expression: None,
        threshold: 0,
        periods: 1,
        datapoints: 1,
        queue_alarms: None,
    };
    let parked = Alarm {
        metrics: vec![of_queue("m1", "parked", "ApproximateNumberOfMessagesVisible", 300)],
        ..own(
            "parked",
            "Parked",
            "Messages that nobody can handle are in the parked queue. Look: stepladder dead-letter list. Then send them back, or discard them.",
        )
    };
    let mut alarms = vec![
        parked,
        own(
            "runs-failed",
            "RunsFailed",
            "Runs ended FAILED or TIMED_OUT. Look: stepladder run list --status failed --since 1h",
        ),
        own(
            "repairs",
            "Repairs",
            "Runs that nothing moved any more were sent on. Messages were lost or purged: look at what happened to the queues an hour ago.",
        ),
        own(
            "throttles",
            "Throttles",
            "AWS refused calls because there were too many. They are repeated; if it lasts, raise the table's warm throughput or the account's quotas.",
        ),
    ];
    alarms.extend(ages(stack));
    alarms.extend(stuck(stack));
    alarms
}

/// The age of the oldest message of each queue that feeds a function, as many to an alarm as it takes.
fn ages(stack: &Stack) -> Vec<Alarm> {
    let names: Vec<&str> = stack.mappings.iter().map(|mapping| mapping.name.as_str()).collect();
    let groups = names.chunks(limits::ALARM_METRICS_MAX);
    let (datapoints, periods) = limits::QUEUE_AGE_ALARM_DATAPOINTS;
    let alarm = |(group, names): (usize, &[&str])| {
        let ids: Vec<String> = (1..=names.len()).map(|n| format!("m{n}")).collect();
        let metric =
            |(id, queue): (&String, &&str)| of_queue(id, queue, "ApproximateAgeOfOldestMessage", 300);
        Alarm {
            name: numbered("queue-age", group),
            description: format!(
                "A message is older than {} minutes: nobody takes it, or it fails each time. Look at the functions of these queues, and at stepladder doctor: {}",
                limits::QUEUE_AGE_ALARM_SECONDS / 60,
                names.join(", ")
            ),
            metrics: ids.iter().zip(names).map(metric).collect(),
            // A queue without messages has no age.
            expression: Some(format!("MAX([{}])", filled(&ids))),
            threshold: limits::QUEUE_AGE_ALARM_SECONDS,
            periods,
            datapoints,
            queue_alarms: Some("age"),
        }
    };
    groups.enumerate().map(alarm).collect()
}

/// Visible messages, and none in flight: what feeds a function has stopped.
fn stuck(stack: &Stack) -> Vec<Alarm> {
    let names: Vec<&str> = stack.mappings.iter().map(|mapping| mapping.name.as_str()).collect();
    let groups = names.chunks(limits::ALARM_METRICS_MAX / 2);
    let (datapoints, periods) = limits::QUEUE_STUCK_ALARM_DATAPOINTS;
    let alarm = |(group, names): (usize, &[&str])| {
        let metrics = names.iter().enumerate().flat_map(|(index, queue)| {
            [("v", "ApproximateNumberOfMessagesVisible"), ("f", "ApproximateNumberOfMessagesNotVisible")]
                .map(|(letter, name)| of_queue(&format!("{letter}{}", index + 1), queue, name, 60))
        });
        let terms: Vec<String> = (1..=names.len())
            .map(|n| format!("IF(FILL(v{n}, 0) > 0 AND FILL(f{n}, 0) == 0, 1, 0)"))
            .collect();
        Alarm {
            name: numbered("queue-stuck", group),
            description: format!(
                "A queue has visible messages and none in flight in {datapoints} of {periods} minutes: its mapping is off, or its function is throttled or fails at its start. Look: stepladder doctor. The queues: {}",
                names.join(", ")
            ),
            metrics: metrics.collect(),
            expression: Some(terms.join(" + ")),
            threshold: 0,
            periods,
            datapoints,
            queue_alarms: Some("stuck"),
        }
    };
    groups.enumerate().map(alarm).collect()
}

fn of_queue(id: &str, queue: &str, name: &'static str, period_seconds: u32) -> Metric {
    Metric {
        id: id.to_owned(),
        namespace: "AWS/SQS",
        name,
        dimension: ("QueueName", Text::of(format!("${{Stack}}-{queue}"))),
        statistic: "Maximum",
        period_seconds,
    }
}

fn filled(ids: &[String]) -> String {
    let filled: Vec<String> = ids.iter().map(|id| format!("FILL({id}, 0)")).collect();
    filled.join(", ")
}

fn numbered(name: &str, group: usize) -> String {
    if group == 0 { name.to_owned() } else { format!("{name}-{}", group + 1) }
}
