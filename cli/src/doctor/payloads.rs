//! Whether payloads are kept for as long as something names them.

use super::{Facts, Finding};
use crate::parameters::payload_days_least;
use serde_json::Value;
use stepladder_aws::Expiry;
use stepladder_infra::{Stack, limits};

/// What the stack's own functions say of its runs counts, and not the workspace: it may not be deployed yet.
pub(super) fn payloads(_: &Stack, facts: &Facts) -> Vec<Finding> {
    judge(facts)
}

fn judge(facts: &Facts) -> Vec<Finding> {
    let Some(bucket) = facts.bucket else { return Vec::new() };
    let wrong = |what: String, why: &str, mend: String| {
        vec![Finding::wrong("payloads", &facts.bucket_name, what, why, mend)]
    };
    let (of_stack, of_workflows) = retention_days(facts);
    let least = payload_days_least(of_stack, of_workflows);
    match bucket.expiry {
        Expiry::Days(days) if days < least => wrong(
            format!("objects expire after {days} days; {least} is the least for the longest retention"),
            "items of a run are renewed while it goes and outlive their payloads: then it can't go on, nor be shown",
            format!(
                "`stepladder deploy` raises PayloadDays to {least}; a rule that somebody has added is theirs to change"
            ),
        ),
        Expiry::Never => wrong(
            "no object of it expires".to_owned(),
            "payloads of runs that are long gone are kept, and paid for, for ever",
            "`aws s3api put-bucket-lifecycle-configuration`: the rule Payloads of its template".to_owned(),
        )
        .into_iter()
        .map(Finding::note)
        .collect(),
        Expiry::Days(_) | Expiry::Unknown => Vec::new(),
    }
}

/// For how many days the stack's functions keep runs: unless a workflow says otherwise, and where one does.
fn retention_days(facts: &Facts) -> (u32, Vec<u32>) {
    let start = facts.functions.get("start").map(|start| &start.environment);
    let variable = |name: &str| start.and_then(|environment| environment.get(name));
    let of_stack = variable("STEPLADDER_RETENTION_DAYS").and_then(|days| days.parse().ok());
    let workflows: Value = variable("STEPLADDER_WORKFLOWS")
        .and_then(|settings| serde_json::from_str(settings).ok())
        .unwrap_or_default();
    let of_workflows = workflows
        .as_object()
        .into_iter()
        .flat_map(|workflows| workflows.values())
        .filter_map(|settings| u32::try_from(settings.get("retention_days")?.as_u64()?).ok())
        .collect();
    (of_stack.unwrap_or(limits::RETENTION_DAYS_DEFAULT), of_workflows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Severity;
    use stepladder_aws::{LiveBucket, LiveFunction};

    /// What is found of a stack whose start function has these variables.
    fn found(expiry: Expiry, variables: &[(&str, &str)]) -> Vec<Finding> {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let start = LiveFunction { environment: variables.collect(), ..LiveFunction::default() };
        let facts = Facts {
            bucket_name: "shop-bucket".into(),
            bucket: Some(LiveBucket { expiry, ..LiveBucket::default() }),
            functions: [("start".to_owned(), start)].into(),
            ..Facts::default()
        };
        judge(&facts)
    }

    #[test]
    fn payloads_that_go_before_their_runs_are_found() {
        assert_eq!(found(Expiry::Days(400), &[]), []);
        assert_eq!(found(Expiry::Unknown, &[]), []);
        let ninety = [("STEPLADDER_RETENTION_DAYS", "90")];
        let lost = found(Expiry::Days(400), &ninety);
        assert_eq!(
            (lost.len(), lost[0].severity, lost[0].subject.as_str()),
            (1, Severity::Wrong, "shop-bucket")
        );
        assert!(lost[0].what.contains("after 400 days; 460 is the least"), "{lost:?}");
        assert_eq!(found(Expiry::Days(460), &ninety), []);
        let workflows =
            [("STEPLADDER_WORKFLOWS", r#"{"a": {"retention_days": 3650}, "b": {"log_sample": 1}}"#)];
        let lost = found(Expiry::Days(460), &workflows);
        assert!(lost[0].mend.contains("raises PayloadDays to 4020"), "{lost:?}");
    }

    #[test]
    fn payloads_that_stay_for_ever_are_a_note() {
        let kept = found(Expiry::Never, &[]);
        assert_eq!((kept.len(), kept[0].severity), (1, Severity::Note), "{kept:?}");
    }
}
