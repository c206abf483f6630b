//! What can be done to all runs of a query.

use crate::choice::Choosing;
use serde_json::{Value, json};
use std::future::Future;
use stepladder_engine::{Kept, Plan, Status};
use stepladder_protocol::{
    Host, Protocol, Requested, RerunError, RerunRequest, RunId, RunItem, StartError, Started, WorldResult,
};

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

/// Sends runs that ended badly on from where they ended, or from where is chosen.
#[derive(Debug, Clone, Default)]
pub struct Redrive(pub Choosing);

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
        self.0.shape()
    }

    async fn preview(&self, protocol: &Protocol<H>, item: &RunItem) -> WorldResult<String> {
        let choice = match self.0.of(protocol, &item.id.workflow).await? {
            Ok(choice) => choice,
            Err(unplaced) => return Ok(unplaced.0),
        };
        Ok(match protocol.preview_redrive_from(&item.id, &choice).await? {
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
        Ok(match self.0.of(protocol, &id.workflow).await? {
            Ok(choice) => acted(protocol.request_redrive_once(id, token, &choice).await?),
            Err(unplaced) => Acted::Refused(unplaced.0),
        })
    }
}

/// Does runs again that have ended.
#[derive(Debug, Clone, Default)]
pub struct Rerun(pub Choosing);

impl<H: Host> Action<H> for Rerun {
    fn name(&self) -> &'static str {
        "rerun"
    }

    fn done(&self) -> &'static str {
        "done again"
    }

    fn statuses(&self) -> &'static [Status] {
        &[Status::Succeeded, Status::Failed, Status::TimedOut, Status::Aborted]
    }

    fn options(&self) -> Value {
        self.0.shape()
    }

    async fn preview(&self, protocol: &Protocol<H>, item: &RunItem) -> WorldResult<String> {
        let choice = match self.0.of(protocol, &item.id.workflow).await? {
            Ok(choice) => choice,
            Err(unplaced) => return Ok(unplaced.0),
        };
        match protocol.preview_rerun(&item.id, &choice).await {
            Ok(preview) => Ok(format!("begins at {}, by a new run", preview.state)),
            Err(RerunError::World(error)) => Err(error),
            Err(error) => Ok(error.to_string()),
        }
    }

    /// The token names the new run: whoever asks again finds it.
    async fn act(&self, protocol: &Protocol<H>, id: &RunId, token: &str) -> WorldResult<Acted> {
        let choice = match self.0.of(protocol, &id.workflow).await? {
            Ok(choice) => choice,
            Err(unplaced) => return Ok(Acted::Refused(unplaced.0)),
        };
        let request = RerunRequest { id: id.clone(), name: None, token: Some(token.to_owned()), choice };
        match protocol.rerun(request).await {
            Ok(Started::Created(_) | Started::Repeated(_)) => Ok(Acted::Done),
            // A definition may have become current since.
            Ok(Started::Conflict(there)) => {
                Ok(Acted::Refused(format!("{} is another rerun of it", there.id)))
            }
            Err(RerunError::World(error) | RerunError::Start(StartError::World(error))) => Err(error),
            Err(RerunError::Ending) => Ok(Acted::Refused("it is just ending".to_owned())),
            Err(error) => Ok(Acted::Refused(error.to_string())),
        }
    }
}

fn kept_branches(kept: Option<&Kept>) -> Option<String> {
    let (total, left) = match kept? {
        Kept::FanOut(plan) => (plan.total(), Plan::numbers(plan).count()),
        Kept::Earlier(resumes) => (resumes.total, resumes.left.count as usize),
    };
    Some(format!("{} of {total} branches", (total as usize).saturating_sub(left)))
}

/// Ends runs ABORTED, or lets them go on to a state that undoes.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    pub error: Option<String>,
    pub cause: Option<String>,
    pub compensate: Option<String>,
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
        json!({ "error": self.error, "cause": self.cause, "compensate": self.compensate })
    }

    async fn preview(&self, protocol: &Protocol<H>, item: &RunItem) -> WorldResult<String> {
        let Some(state) = &self.compensate else { return Ok("ends ABORTED".to_owned()) };
        Ok(match protocol.preview_compensation(item, state).await? {
            Ok(()) => format!("goes on to {state}"),
            Err(unplaced) => unplaced.0,
        })
    }

    /// A run that has ended needs no second stop: only one that somebody has redriven since would be stopped again. One that was sent
    /// to another state since the query was asked isn't sent there again: the token is its message's.
    async fn act(&self, protocol: &Protocol<H>, id: &RunId, token: &str) -> WorldResult<Acted> {
        if let Some(state) = &self.compensate {
            return Ok(acted(protocol.request_compensation_once(id, state, token).await?));
        }
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
        Requested::Unplaced(unplaced) => unplaced.0.clone(),
        Requested::NotFound => "it is not there any more".to_owned(),
        Requested::Done | Requested::Pending => "it is just ending".to_owned(),
    }
}
