//! `STEPLADDER_WORKFLOWS`: what single workflows set otherwise than their stack.

use crate::limits::{RETENTION_DAYS_MAX, RETENTION_DAYS_MIN};
use serde::Deserialize;
use std::collections::BTreeMap;
use stepladder_protocol::{SearchPaths, StatusEvents, TenantPath, WorkflowSettings};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Own {
    retention_days: Option<u32>,
    status_events: Option<String>,
    log_sample: Option<f64>,
    tenant: Option<String>,
    #[serde(default)]
    search: Vec<String>,
}

/// Reads the variable's text: an object of workflows, each an object of settings. The error says what is expected.
pub(super) fn read(text: &str) -> Result<BTreeMap<String, WorkflowSettings>, String> {
    let own: BTreeMap<String, Own> = serde_json::from_str(text).map_err(|error| {
        format!(
            "a JSON object such as {{\"order\": {{\"retention_days\": 90, \"status_events\": \"failures\", \
             \"log_sample\": 1, \"tenant\": \"$.customer_id\", \"search\": [\"$.order_id\"]}}}}: {error}"
        )
    })?;
    own.into_iter().map(|(workflow, own)| Ok((workflow.clone(), checked(&workflow, own)?))).collect()
}

fn checked(workflow: &str, own: Own) -> Result<WorkflowSettings, String> {
    let Own { retention_days, status_events, log_sample, tenant, search } = own;
    if retention_days.is_some_and(|days| !(RETENTION_DAYS_MIN..=RETENTION_DAYS_MAX).contains(&days)) {
        return Err(format!(
            "an object whose {workflow}.retention_days is a number from {RETENTION_DAYS_MIN} to {RETENTION_DAYS_MAX}"
        ));
    }
    if log_sample.is_some_and(|sample| !(0.0..=1.0).contains(&sample)) {
        return Err(format!("an object whose {workflow}.log_sample is a number from 0 to 1"));
    }
    let status_events = status_events
        .map(|name| name.parse::<StatusEvents>())
        .transpose()
        .map_err(|()| format!("an object whose {workflow}.status_events is off, failures or all"))?;
    let tenant = tenant.map(|path| path.parse::<TenantPath>()).transpose().map_err(|error| {
        format!("an object whose {workflow}.tenant is a path like $.customer_id: {error}")
    })?;
    let search = SearchPaths::parse(&search).map_err(|error| {
        format!("an object whose {workflow}.search is a list of paths like $.order_id: {error}")
    })?;
    Ok(WorkflowSettings { retention_days, status_events, log_sample, tenant, search })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_setting_is_optional() {
        let read = read(
            r#"{"a": {}, "b": {"retention_days": 4, "status_events": "failures", "log_sample": 1, "tenant": "$.who", "search": ["$.a"]}}"#,
        );
        let b = WorkflowSettings {
            retention_days: Some(4),
            status_events: Some(StatusEvents::Failures),
            log_sample: Some(1.0),
            tenant: Some("$.who".parse().unwrap()),
            search: SearchPaths::parse(&["$.a"]).unwrap(),
        };
        let expected = [("a".to_owned(), WorkflowSettings::default()), ("b".to_owned(), b)];
        assert_eq!(read, Ok(BTreeMap::from(expected)));
        assert_eq!(super::read("{}"), Ok(BTreeMap::new()));
    }

    #[track_caller]
    fn check_refused(text: &str, expected: &str) {
        let why = read(text).unwrap_err();
        assert!(why.contains(expected), "{why}");
    }

    #[test]
    fn what_can_not_be_used_says_where_it_stands() {
        check_refused("[]", "a JSON object such as");
        check_refused(r#"{"a": {"retention": 4}}"#, "unknown field `retention`");
        check_refused(r#"{"a": {"retention_days": 3}}"#, "a.retention_days is a number from 4 to 3650");
        check_refused(r#"{"a": {"log_sample": 1.5}}"#, "a.log_sample is a number from 0 to 1");
        check_refused(r#"{"a": {"tenant": "$.rows[*]"}}"#, "a.tenant is a path like $.customer_id");
        check_refused(
            r#"{"a": {"search": ["id"]}}"#,
            "a.search is a list of paths like $.order_id: \"id\" is no path",
        );
        check_refused(r#"{"a": {"status_events": "some"}}"#, "a.status_events is off, failures or all");
    }
}
