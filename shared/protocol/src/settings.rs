//! What a deployment may set.

use crate::limits;

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
    pub retention_days: u32,
    pub payload_bytes_max: usize,
    /// Whether each ended run sends a message to the status queue.
    pub status_events: bool,
    /// So many branches of a fan-out are counted in one item and lie in one partition. It names items, so it never
    /// changes while there are runs.
    pub part_branches: u32,
    /// Which part of the messages that went well are logged, between 0 and 1.
    pub log_sample: f64,
}

impl Settings {
    /// Settings of a stack of that name, with all else as it is unless set.
    pub fn new(stack: &str, region: &str, account: &str) -> Self {
        Self {
            stack: stack.to_owned(),
            region: region.to_owned(),
            account: account.to_owned(),
            role_arn: format!("arn:aws:iam::{account}:role/{stack}"),
            retention_days: limits::RETENTION_DAYS,
            payload_bytes_max: limits::PAYLOAD_BYTES_MAX,
            status_events: false,
            part_branches: limits::PART_BRANCHES,
            log_sample: 0.05,
        }
    }

    /// When an item written at `now_ms` expires, in seconds since the epoch: after the retention, counted from the end
    /// of the wait that it opens.
    pub(crate) fn expires_s(&self, now_ms: i64, due_ms: i64) -> i64 {
        now_ms.max(due_ms) / 1000 + i64::from(self.retention_days) * 86_400
    }
}
