//! What a deployment may set.

use crate::{limits, pace::Rate, search::SearchPaths, tenant::TenantPath, uploads::UploadRule};
use serde_json::Value;
use std::{collections::BTreeMap, str::FromStr};
use stepladder_engine::Status;

/// What a deployment may set; the rest are [`limits`].
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The deployment's name: the first part of its queues' and functions' names.
    pub stack: String,
    pub region: String,
    /// The AWS account, twelve digits.
    pub account: String,
    /// What the Context object shows as the run's role.
    pub role_arn: String,
    pub payload_bytes_max: usize,
    /// So many branches of a fan-out are counted in one item and lie in one partition. It names items, so it never
    /// changes while there are runs.
    pub part_branches: u32,
    /// So many parts report to one item, and so many messages open a fan-out at once. It names items, too.
    pub node_parts: u32,
    /// So many bytes of an object are fetched at once.
    pub read_bytes_at_once: usize,
    /// The items of so many parts are read per delivery.
    pub parts_read_per_delivery: usize,
    /// How long items are kept, in days.
    pub retention_days: u32,
    /// Which ends of runs are told.
    pub status_events: StatusEvents,
    /// Which part of the messages that went well are logged, between 0 and 1.
    pub log_sample: f64,
    /// Workflows that have settings of their own, by name.
    pub workflows: BTreeMap<String, WorkflowSettings>,
    /// The name of the event bus that is told of the ends of runs. Without one they go to the status queue.
    pub event_bus: Option<String>,
    /// Which uploads start runs. Only who takes starts out of queues has them.
    pub uploads: Vec<UploadRule>,
    /// How this function's step may run.
    pub flow: Flow,
}

/// How the step of a function may run.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Flow {
    /// It begins no more often.
    pub rate: Option<Rate>,
    /// Its code never runs twice at once for the same position.
    pub is_exclusive: bool,
}

/// What one workflow has set otherwise than its stack.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WorkflowSettings {
    pub retention_days: Option<u32>,
    pub status_events: Option<StatusEvents>,
    pub log_sample: Option<f64>,
    /// Where the input of its runs names whose they are.
    pub tenant: Option<TenantPath>,
    /// By what of their input its runs are found.
    pub search: SearchPaths,
}

/// Which ends of runs are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusEvents {
    Off,
    /// Those that are not SUCCEEDED.
    Failures,
    All,
}

impl StatusEvents {
    /// Its name among the settings: `off`, `failures`, `all`.
    pub fn as_str(self) -> &'static str {
        match self {
            StatusEvents::Off => "off",
            StatusEvents::Failures => "failures",
            StatusEvents::All => "all",
        }
    }

    fn tells(self, status: Status) -> bool {
        match self {
            StatusEvents::Off => false,
            StatusEvents::Failures => status != Status::Succeeded,
            StatusEvents::All => true,
        }
    }
}

/// There are three names, and for all and off a 1 and a 0 as well.
impl FromStr for StatusEvents {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "off" | "0" => Ok(StatusEvents::Off),
            "failures" => Ok(StatusEvents::Failures),
            "all" | "1" => Ok(StatusEvents::All),
            _ => Err(()),
        }
    }
}

impl Settings {
    /// Settings of a stack of that name, with all else as it is unless set.
    pub fn new(stack: &str, region: &str, account: &str) -> Self {
        Self {
            stack: stack.to_owned(),
            region: region.to_owned(),
            account: account.to_owned(),
            role_arn: format!("arn:aws:iam::{account}:role/{stack}"),
            payload_bytes_max: limits::PAYLOAD_BYTES_MAX,
            part_branches: limits::PART_BRANCHES,
            node_parts: limits::NODE_PARTS,
            read_bytes_at_once: limits::READ_BYTES_AT_ONCE,
            parts_read_per_delivery: limits::PARTS_READ_PER_DELIVERY,
            retention_days: limits::RETENTION_DAYS,
            status_events: StatusEvents::Off,
            log_sample: 0.05,
            workflows: BTreeMap::new(),
            event_bus: None,
            flow: Flow::default(),
            uploads: Vec::new(),
        }
    }

    fn own<T>(&self, workflow: &str, setting: impl Fn(&WorkflowSettings) -> Option<T>) -> Option<T> {
        self.workflows.get(workflow).and_then(setting)
    }

    /// How long a workflow's items are kept, in days.
    pub fn retention_days_of(&self, workflow: &str) -> u32 {
        self.own(workflow, |settings| settings.retention_days).unwrap_or(self.retention_days)
    }

    /// Which part of a workflow's messages that went well are logged.
    pub(crate) fn log_sample_of(&self, workflow: &str) -> f64 {
        self.own(workflow, |settings| settings.log_sample).unwrap_or(self.log_sample)
    }

    /// The tenant that a run of this workflow with this input has.
    pub(crate) fn tenant_of(&self, workflow: &str, input: &Value) -> Option<String> {
        self.workflows.get(workflow)?.tenant.as_ref()?.tenant_of(input)
    }

    /// By what of their input the runs of a workflow are found.
    pub fn search_of(&self, workflow: &str) -> &SearchPaths {
        static NONE: SearchPaths = SearchPaths::NONE;
        self.workflows.get(workflow).map_or(&NONE, |settings| &settings.search)
    }

    /// Whether such an end of a workflow's run is told.
    pub(crate) fn tells(&self, workflow: &str, status: Status) -> bool {
        self.own(workflow, |settings| settings.status_events).unwrap_or(self.status_events).tells(status)
    }

    /// When an item of a workflow's run that is written at `now_ms` expires, in seconds since the epoch: after the
    /// retention, counted from the end of the wait that it opens.
    pub(crate) fn expires_s(&self, workflow: &str, now_ms: i64, due_ms: i64) -> i64 {
        now_ms.max(due_ms) / 1000 + i64::from(self.retention_days_of(workflow)) * 86_400
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        let mut settings = Settings::new("s", "us-east-1", "000000000000");
        let own = WorkflowSettings {
            retention_days: Some(90),
            status_events: Some(StatusEvents::Failures),
            log_sample: Some(1.0),
            tenant: Some("$.customer".parse().unwrap()),
            search: SearchPaths::parse(&["$.order_id"]).unwrap(),
        };
        settings.workflows.insert("own".to_owned(), own);
        settings.workflows.insert("plain".to_owned(), WorkflowSettings::default());
        settings
    }

    #[test]
    fn what_a_workflow_does_not_set_is_its_stacks() {
        let settings = settings();
        let of = |workflow| (settings.retention_days_of(workflow), settings.log_sample_of(workflow));
        assert_eq!(of("own"), (90, 1.0));
        assert_eq!(of("plain"), (30, 0.05));
        assert_eq!(of("other"), (30, 0.05));
        assert_eq!(settings.expires_s("own", 5_000, 7_000), 7 + 90 * 86_400);
        assert_eq!(settings.expires_s("other", 5_000, i64::MIN), 5 + 30 * 86_400);
    }

    #[test]
    fn only_a_workflow_that_names_a_path_has_tenants() {
        let input = serde_json::json!({"customer": "acme"});
        let of = |workflow| settings().tenant_of(workflow, &input);
        assert_eq!(of("own").as_deref(), Some("acme"));
        assert_eq!((of("plain"), of("other")), (None, None));
        let searched = |workflow| settings().search_of(workflow).iter().count();
        assert_eq!((searched("own"), searched("plain"), searched("other")), (1, 0, 0));
    }

    #[test]
    fn a_workflow_says_which_of_its_ends_are_told() {
        let mut settings = settings();
        assert!(settings.tells("own", Status::Failed) && settings.tells("own", Status::TimedOut));
        assert!(!settings.tells("own", Status::Succeeded));
        assert!(!settings.tells("plain", Status::Failed));
        settings.status_events = StatusEvents::All;
        assert!(settings.tells("plain", Status::Succeeded) && !settings.tells("own", Status::Succeeded));
    }

    #[test]
    fn each_name_is_read_as_it_is_written() {
        for events in [StatusEvents::Off, StatusEvents::Failures, StatusEvents::All] {
            assert_eq!(events.as_str().parse(), Ok(events));
        }
        assert_eq!("0".parse(), Ok(StatusEvents::Off));
        assert_eq!("1".parse(), Ok(StatusEvents::All));
        assert_eq!("yes".parse::<StatusEvents>(), Err(()));
    }
}
