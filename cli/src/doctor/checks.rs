//! The checks: each is a plain function of what should be and what is.

use super::{
    DEPLOY, Facts, Finding,
    functions::{api, functions},
    payloads::payloads,
};
use crate::{limits, text::count};
use std::collections::BTreeSet;
use stepladder_infra::{self as infra, Stack};

/// A check's name, what it looks at, and the check.
type Check = (&'static str, fn(&Stack, &Facts) -> Vec<Finding>);

/// All checks, in the order in which they are shown.
pub const CHECKS: [Check; 15] = [
    ("credentials", credentials),
    ("queues", queues),
    ("visibility", visibility),
    ("dead letters", dead_letters),
    ("functions", functions),
    ("api", api),
    ("mappings", mappings),
    ("concurrency", concurrency),
    ("in flight", in_flight),
    ("table", table),
    ("bucket", bucket),
    ("payloads", payloads),
    ("definitions", definitions),
    ("steps", steps),
    ("backlog", backlog),
];

fn credentials(_: &Stack, facts: &Facts) -> Vec<Finding> {
    let Some((account, arn)) = &facts.caller else { return Vec::new() };
    if *account == facts.account {
        return Vec::new();
    }
    vec![Finding::wrong(
        "credentials",
        arn,
        format!("they are of account {account}, and the stack is one of account {}", facts.account),
        "every call goes to another account's stack, or to none",
        "use credentials of that account, or a role of it: `role` in stepladder.toml",
    )]
}

fn queues(model: &Stack, facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    for queue in &model.queues {
        let Some(live) = facts.queues.get(&queue.name) else {
            found.push(Finding::wrong(
                "queues",
                &queue.name,
                format!("there is no queue {}-{}", facts.stack, queue.name),
                "messages for it can't be sent: runs that come to it stop, or fail",
                DEPLOY,
            ));
            continue;
        };
        if live.retention_seconds < queue.retention_seconds {
            found.push(Finding::wrong(
                "queues",
                &queue.name,
                format!(
                    "it keeps a message for {}, not {}",
                    days(live.retention_seconds),
                    days(queue.retention_seconds)
                ),
                "a message that nobody could handle is gone sooner than somebody looks at it",
                DEPLOY,
            ));
        }
    }
    found
}

fn visibility(model: &Stack, facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    for queue in &model.queues {
        let Some(live) = facts.queues.get(&queue.name) else { continue };
        let least = match facts.functions.get(&queue.name) {
            // What AWS asks for, of the timeout that the function really has.
            Some(function) => {
                let window = function.mappings.first().map_or(0, |mapping| mapping.batching_window_seconds);
                let six = function.timeout_seconds.saturating_mul(limits::VISIBILITY_TIMEOUTS_MIN);
                six.saturating_add(window)
            }
            None => queue.visibility_seconds,
        };
        if live.visibility_seconds < least {
            found.push(Finding::wrong(
                "visibility",
                &queue.name,
                format!("a received message is hidden for {} s; {least} s is the least", live.visibility_seconds),
                "a message comes again while its first delivery is still worked on: steps run twice, and retries of the mapping use up its receives",
                DEPLOY,
            ));
        }
    }
    found
}

fn dead_letters(model: &Stack, facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    let target = facts.queue_arn("dead-letter");
    for queue in &model.queues {
        let Some(live) = facts.queues.get(&queue.name) else { continue };
        let wrong = |what: String, why: &str| Finding::wrong("dead letters", &queue.name, what, why, DEPLOY);
        let never = "a step that always dies is tried for ever, and its run never reaches a Retry or a Catch";
        match (&live.redrive, queue.receives_max) {
            (None, None) => {}
            (None, Some(_)) => found.push(wrong("it gives no message up".to_owned(), never)),
            (Some((to, _)), None) => found.push(wrong(
                format!("it gives messages up, to {}", short(to)),
                "they leave the queue in which they are looked for",
            )),
            (Some((to, _)), Some(_)) if *to != target => found.push(wrong(
                format!("it gives messages up to {}, not to the stack's dead-letter queue", short(to)),
                never,
            )),
            (Some((_, live)), Some(receives)) if *live != receives => {
                found.push(
                    wrong(
                        format!("it gives a message up after {}, not {receives}", count(*live as usize, "receive")),
                        "throttled deliveries count as receives too: with few of them a healthy message is given up",
                    ),
                );
            }
            (Some(_), Some(_)) => {}
        }
    }
    found
}

fn mappings(model: &Stack, facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    for mapping in &model.mappings {
        let name = &mapping.name;
        let Some(function) = facts.functions.get(name) else { continue };
        let arn = facts.queue_arn(name);
        let mut wrong = |what: String, why: &str| {
            found.push(Finding::wrong("mappings", name, what, why, DEPLOY));
        };
        let Some(live) = function.mappings.iter().find(|live| live.source_arn == arn) else {
            wrong(
                "its queue triggers nothing".to_owned(),
                "nobody takes its messages: its runs wait for ever",
            );
            continue;
        };
        if live.state != "Enabled" && live.state != "Enabling" && live.state != "Updating" {
            wrong(format!("its trigger is {}", live.state), "nobody takes its messages: its runs wait");
        }
        if !live.reports_batch_item_failures {
            wrong(
                "it does not report failures message by message (ReportBatchItemFailures)".to_owned(),
                "a message that is left to its queue is deleted with its batch: its run is lost until a repair",
            );
        }
        let differs = "throughput, cost and waiting are other than its settings say";
        if live.batch_size != mapping.batch_size {
            wrong(format!("its batch size is {}, not {}", live.batch_size, mapping.batch_size), differs);
        }
        if live.batching_window_seconds != mapping.batching_window_seconds {
            let (is, wanted) = (live.batching_window_seconds, mapping.batching_window_seconds);
            wrong(format!("its batching window is {is} s, not {wanted} s"), differs);
        }
        if live.maximum_concurrency != mapping.maximum_concurrency {
            let shown = |limit: Option<u32>| limit.map_or("not set".to_owned(), |limit| limit.to_string());
            let (is, wanted) = (shown(live.maximum_concurrency), shown(mapping.maximum_concurrency));
            wrong(format!("its maximum concurrency is {is}, not {wanted}"), differs);
        }
        let wanted = mapping.provisioned_pollers.map(|pollers| (pollers.minimum, pollers.maximum));
        if live.provisioned_pollers != wanted {
            let shown = |pollers: Option<(u32, u32)>| {
                pollers.map_or("not set".to_owned(), |(least, most)| format!("{least} to {most}"))
            };
            let (is, wanted) = (shown(live.provisioned_pollers), shown(wanted));
            wrong(format!("its number of provisioned pollers is {is}, not {wanted}"), differs);
        }
    }
    found
}

fn concurrency(model: &Stack, facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    for mapping in &model.mappings {
        let Some(function) = facts.functions.get(&mapping.name) else { continue };
        let Some(reserved) = function.reserved_concurrency else { continue };
        let name = &mapping.name;
        if reserved == 0 {
            found.push(Finding::wrong(
                "concurrency",
                name,
                "its reserved concurrency is 0",
                "it is switched off: each delivery is throttled, and after some of them its messages are given up",
                format!("aws lambda delete-function-concurrency --function-name {}-{name}", facts.stack),
            ));
            continue;
        }
        // Lambda takes no maximum beside provisioned pollers: nothing could be set.
        if mapping.provisioned_pollers.is_some() {
            continue;
        }
        let most = function.mappings.iter().filter_map(|live| live.maximum_concurrency).max();
        if most.is_none_or(|most| most > reserved) {
            let shown = most.map_or("not limited".to_owned(), |most| format!("up to {most}"));
            let least = *infra::limits::MAXIMUM_CONCURRENCY.start();
            let mend = if reserved < least {
                format!(
                    "reserve {least} or more for {name}, and set its maximum_concurrency to at most as many; then deploy"
                )
            } else {
                format!(
                    "set maximum_concurrency of {name} to at most {reserved} in its Cargo.toml, and deploy"
                )
            };
            let finding = Finding::wrong(
                "concurrency",
                name,
                format!("its trigger's concurrency is {shown}, and {reserved} are reserved for the function"),
                "the trigger takes more messages than the function may handle; each that is throttled has used up a receive",
                mend,
            );
            // Settings may say so: what is throttled is handled later, unless it is throttled too often.
            found.push(if most.is_none() { finding.note() } else { finding });
        }
    }
    found
}

fn in_flight(_: &Stack, facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    for (name, function) in &facts.functions {
        for mapping in &function.mappings {
            let concurrency = infra::BatchLimits {
                maximum_concurrency: mapping.maximum_concurrency,
                pollers_maximum: mapping.provisioned_pollers.map(|(_, most)| most),
                reserved_concurrency: function.reserved_concurrency,
            }
            .batches_at_once();
            let most = u64::from(mapping.batch_size) * u64::from(concurrency);
            if most > limits::IN_FLIGHT_MAX {
                found.push(Finding::wrong(
                    "in flight",
                    name,
                    format!(
                        "{} messages of a batch × {concurrency} batches at once are {most}; a queue has {} in flight at most",
                        mapping.batch_size,
                        limits::IN_FLIGHT_MAX
                    ),
                    "beyond it SQS gives no further message, however many wait",
                    format!(
                        "lower batch_size, maximum_concurrency or the maximum of provisioned_pollers of {name} in its Cargo.toml, and deploy"
                    ),
                ));
            }
        }
    }
    found
}

fn table(model: &Stack, facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    for table in &model.tables {
        let name = facts.table_name(table);
        let mut wrong = |what: String, why: &str, mend: &str| {
            found.push(Finding::wrong("table", &name, what, why, mend));
        };
        let Some(live) = facts.tables.get(&name) else {
            wrong("it is not there".to_owned(), "no run can start or go on", DEPLOY);
            continue;
        };
        if live.status != "ACTIVE" && live.status != "UPDATING" {
            wrong(format!("it is {}", live.status), "no run can start or go on", "wait until it is ACTIVE");
        }
        let keys = (table.partition_key, table.sort_key);
        if (live.keys.0.as_str(), live.keys.1.as_str()) != keys {
            let what =
                format!("its keys are {} and {}, not {} and {}", live.keys.0, live.keys.1, keys.0, keys.1);
            wrong(what, "it is another program's table", "deploy under another stack name");
            continue;
        }
        if let Some(ttl) = table.ttl
            && live.ttl.as_deref() != Some(ttl)
        {
            let mend = format!(
                "aws dynamodb update-time-to-live --table-name {name} --time-to-live-specification Enabled=true,AttributeName={ttl}"
            );
            wrong(
                format!("no item of it expires (TTL on {ttl})"),
                "runs are kept, and paid for, for ever",
                &mend,
            );
        }
        for index in &table.indexes {
            check_index(index, live, &mut wrong);
        }
    }
    found
}

fn check_index(
    index: &infra::Index,
    live: &stepladder_aws::LiveTable,
    wrong: &mut impl FnMut(String, &str, &str),
) {
    let why = "`run list`, ids by prefix and the hourly sweep find no run without it";
    match live.indexes.get(index.name) {
        None => wrong(format!("it has no index {}", index.name), why, DEPLOY),
        // Some emulators tell no status.
        Some((_, status)) if !matches!(status.as_str(), "ACTIVE" | "UPDATING" | "") => {
            wrong(format!("its index {} is {status}", index.name), why, "wait until it is ACTIVE");
        }
        Some(((partition, sort), _))
            if (partition.as_str(), sort.as_str()) != (index.partition_key, index.sort_key) =>
        {
            wrong(format!("its index {} has the keys {partition} and {sort}", index.name), why, DEPLOY);
        }
        Some(_) => {}
    }
}

fn bucket(_: &Stack, facts: &Facts) -> Vec<Finding> {
    match facts.bucket {
        None => vec![Finding::wrong(
            "bucket",
            &facts.bucket_name,
            "it is not there",
            "a payload of more than 8 KB compressed can't be kept: its run stops there",
            DEPLOY,
        )],
        Some(bucket) if bucket.is_private == Some(false) => vec![Finding::wrong(
            "bucket",
            &facts.bucket_name,
            "public access is not blocked",
            "a slip in a policy would show payloads to everybody",
            DEPLOY,
        )],
        Some(_) => Vec::new(),
    }
}

fn definitions(_: &Stack, facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    let put = |name: &str| format!("`stepladder deploy-definition {name}`");
    for (name, versions) in &facts.workflows {
        let wrong =
            |what: String, why: &str, mend: String| Finding::wrong("definitions", name, what, why, mend);
        match (&versions.current, &versions.workspace) {
            (None, _) => found.push(wrong(
                "the stack has no version of it".to_owned(),
                "its starts are parked",
                put(name),
            )),
            (Some(current), _) if !versions.is_readable => found.push(wrong(
                format!("its current version {} is missing, or can't be read", first(current)),
                "its starts are parked",
                put(name),
            )),
            (Some(_), None) => found.push(
                wrong(
                    "the stack has it, and this workspace doesn't".to_owned(),
                    "new runs of it can still be started",
                    "nothing, if it is meant so".to_owned(),
                )
                .note(),
            ),
            (Some(current), Some(workspace)) if current != workspace => found.push(wrong(
                format!(
                    "new runs take version {}, and the workspace has {}",
                    first(current),
                    first(workspace)
                ),
                "what runs is not what is written here",
                put(name),
            )),
            (Some(_), Some(_)) => {}
        }
    }
    found
}

fn steps(model: &Stack, facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut named: BTreeSet<&str> = BTreeSet::new();
    for (workflow, versions) in &facts.workflows {
        for function in &versions.functions {
            named.insert(function);
            if facts.other_queues.contains(function) {
                found.push(
                    Finding::wrong(
                        "steps",
                        workflow,
                        format!("one of its states names the function {function}, which the stack has and this workspace doesn't"),
                        "the next deployment from here takes the function away, and runs that come to it then fail",
                        "deploy from the workspace that has the function; or put a definition without it first",
                    )
                    .note(),
                );
            } else if !facts.queues.contains_key(function) {
                found.push(Finding::wrong(
                    "steps",
                    workflow,
                    format!("one of its states names the function {function}, which the stack doesn't have"),
                    "a run that comes to it fails with Lambda.ResourceNotFoundException",
                    "deploy the function: `stepladder deploy`; or put a definition without it",
                ));
            }
        }
    }
    for function in model.functions.iter().filter(|function| !function.is_system) {
        let name = function.name.as_str();
        if !named.contains(name) && facts.functions.contains_key(name) {
            found.push(
                Finding::wrong(
                    "steps",
                    name,
                    "no state of a current definition names it",
                    "its queue is polled all the same, which costs about $0.26 a month; runs of older versions may need it",
                    "remove its program when no run of an older version goes any more",
                )
                .note(),
            );
        }
        if let Some(seconds) =
            catch_seconds(name, facts).filter(|seconds| *seconds > limits::CATCH_SECONDS_NOTED)
        {
            found.push(
                Finding::wrong(
                    "steps",
                    name,
                    format!("a step that always dies takes {} to reach its Catch", minutes(seconds)),
                    "its run hangs so long before it is handled",
                    "lower its timeout or receive_count in its Cargo.toml, if that is too long",
                )
                .note(),
            );
        }
    }
    found
}

/// How long it takes, in seconds, until a message that kills its function on each delivery is an outcome: the first
/// delivery hides it for the queue's visibility timeout, each further one for the function's timeout and 30 s; then the
/// dead-letter function hands it over once more, alone. `None`: it never comes to that.
pub fn catch_seconds(function: &str, facts: &Facts) -> Option<u64> {
    const LATER_SECONDS: u64 = 30;
    let queue = facts.queues.get(function)?;
    let (_, receives) = queue.redrive.as_ref()?;
    let timeout = u64::from(facts.functions.get(function)?.timeout_seconds);
    let further = u64::from(receives.saturating_sub(1));
    Some(u64::from(queue.visibility_seconds) + further * (timeout + LATER_SECONDS) + timeout)
}

fn backlog(_: &Stack, facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    for (name, queue) in &facts.queues {
        let visible = usize::try_from(queue.visible).unwrap_or(usize::MAX);
        match name.as_str() {
            "parked" if visible > 0 => found.push(Finding::wrong(
                "backlog",
                name,
                format!("{} parked", count(visible, "message")),
                "nobody could handle them: their runs wait",
                "`stepladder dead-letter list` tells why; then send them back or discard them",
            )),
            "parked" => {}
            // One look: they may have come just now, and SQS counts approximately.
            _ if visible > 0 && queue.in_flight == 0 => found.push(
                Finding::wrong(
                    "backlog",
                    name,
                    format!("{} visible, and none in flight", count(visible, "message")),
                    "if it stays so, nobody takes them",
                    "look again in a minute; then at its trigger and its function's log",
                )
                .note(),
            ),
            _ => {}
        }
    }
    found
}

/// The last part of an ARN.
fn short(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}

/// The first digits of a hash.
fn first(hash: &str) -> &str {
    hash.get(..8).unwrap_or(hash)
}

fn days(seconds: u32) -> String {
    format!("{:.1} days", f64::from(seconds) / 86_400.0)
}

fn minutes(seconds: u64) -> String {
    count(usize::try_from(seconds / 60).unwrap_or(usize::MAX), "minute")
}

#[cfg(test)]
#[path = "checks_test.rs"]
mod tests;
