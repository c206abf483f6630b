//! What can be done to all runs of a query.

use serde_json::{Value, json};
use std::future::Future;
use stepladder_engine::{Kept, Plan, Status};
use stepladder_protocol::{Host, Protocol, Requested, RunId, RunItem, WorldResult};

/// Something that is done to each run of a query.
pub trait Action<H: Host>: Sync {
    /// As its command is called, and its report calls it.
    fn name(&self) -> &'static str;

    /// What a run is then: `redriven`.
    fn done(&self) -> &'static str;

    /// What a run has to be for it.
    fn statuses(&self) -> &'static [Status];

    /// What it was told beside the query. Whoever goes on with a report has to tell the same.
    fn options(&self) -> Value;

    /// What it would do to a run, in a line.
    fn preview(
        &self,
        protocol: &Protocol<H>,
        item: &RunItem,
    ) -> impl Future<Output = WorldResult<String>> + Send;

    /// Does it. Whatever the run has become since, it is done once for a token.
    fn act(
        &self,
        protocol: &Protocol<H>,
        id: &RunId,
        token: &str,
    ) -> impl Future<Output = WorldResult<Acted>> + Send;
}

/// How it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acted {
    /// It is done, now or before.
    Done,
    /// The run is busy: a message does it within minutes.
    Pending,
    /// The run is not what it has to be. Why.
    Refused(String),
}

/// Sends runs that ended badly on from where they ended.
#[derive(Debug, Clone, Copy)]
pub struct Redrive;

impl<H: Host> Action<H> for Redrive {
    fn name(&self) -> &'static str {
        "redrive"
    }

    fn done(&self) -> &'static str {
        "redriven"
    }

    fn statuses(&self) -> &'static [Status] {
        &[Status::Failed, Status::TimedOut, Status::Aborted]
    }

    fn options(&self) -> Value {
        json!({})
    }

    async fn preview(&self, protocol: &Protocol<H>, item: &RunItem) -> WorldResult<String> {
        Ok(match protocol.preview_redrive(&item.id).await? {
            Err(refused) => refusal(&refused),
            Ok(preview) => {
                let from = format!("goes on from {}", preview.state);
                let kept = match (preview.left_behind.is_empty(), kept_branches(preview.kept.as_ref())) {
                    (true, None) => return Ok(from),
                    (false, None) => preview.left_behind.join(", "),
                    (true, Some(branches)) => branches,
                    (false, Some(branches)) => format!("{}, {branches}", preview.left_behind.join(", ")),
                };
                format!("{from}, keeps {kept}")
            }
        })
    }

    async fn act(&self, protocol: &Protocol<H>, id: &RunId, token: &str) -> WorldResult<Acted> {
        Ok(acted(protocol.request_redrive_once(id, token).await?))
    }
}

fn kept_branches(kept: Option<&Kept>) -> Option<String> {
    let (total, left) = match kept? {
        Kept::FanOut(plan) => (plan.total(), Plan::numbers(plan).count()),
        Kept::Earlier(resumes) => (resumes.total, resumes.left.count as usize),
    };
    Some(format!("{} of {total} branches", (total as usize).saturating_sub(left)))
}

/// Ends runs ABORTED.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    pub error: Option<String>,
    pub cause: Option<String>,
}

impl<H: Host> Action<H> for Stop {
    fn name(&self) -> &'static str {
        "stop"
    }

    fn done(&self) -> &'static str {
        "stopped"
    }

    fn statuses(&self) -> &'static [Status] {
        &[Status::Running]
    }

    fn options(&self) -> Value {
        json!({ "error": self.error, "cause": self.cause })
    }

    async fn preview(&self, _: &Protocol<H>, _: &RunItem) -> WorldResult<String> {
        Ok("ends ABORTED".to_owned())
    }

    /// A run that has ended needs no second stop: only one that somebody has redriven since would be stopped again.
    async fn act(&self, protocol: &Protocol<H>, id: &RunId, _: &str) -> WorldResult<Acted> {
        let requested = protocol.request_stop(id, self.error.clone(), self.cause.clone()).await?;
        Ok(match requested {
            Requested::Refused(Status::Aborted) => Acted::Done,
            requested => acted(requested),
        })
    }
}

fn acted(requested: Requested) -> Acted {
    match requested {
        Requested::Done => Acted::Done,
        Requested::Pending => Acted::Pending,
        refused => Acted::Refused(refusal(&refused)),
    }
}

fn refusal(refused: &Requested) -> String {
    match refused {
        Requested::Refused(status) => format!("it is {}", status.as_str()),
        Requested::NotFound => "it is not there any more".to_owned(),
        Requested::Done | Requested::Pending => "it is just ending".to_owned(),
    }
}
