//! Pauses of workflows and runs, and their ends.

use super::{asked::Asked, json, problem::Problem, runs, shapes::Paused};
use crate::{Api, fields::Fields};
use serde_json::Value;
use stepladder_codes::Code;
use stepladder_protocol::{Host, Pausable, PauseDone, check_name, limits};

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum To {
    Paused,
    Resumed,
}

/// `POST /runs/{workflow}/{run}/pause` and `/resume`
pub(super) async fn run<H: Host>(api: &Api<H>, asked: &Asked, body: &[u8], to: To) -> Result<Value, Problem> {
    let id = runs::id(asked)?;
    match change(api, body, &Pausable::Run(id.clone()), to).await? {
        PauseDone::NotFound => return Err(Problem::no_run(&id)),
        done => settled(done)?,
    }
    // Its workflow may be paused too.
    let paused = api.protocol.paused_by(&id).await?.any();
    json(&Paused { id: id.to_string(), paused })
}

/// `POST /workflows/{workflow}/pause` and `/resume`
pub(super) async fn workflow<H: Host>(
    api: &Api<H>,
    asked: &Asked,
    body: &[u8],
    to: To,
) -> Result<Value, Problem> {
    let name = asked.path("workflow");
    // No workflow has a name that isn't allowed.
    if check_name(name).is_err() {
        return Err(Problem::no_workflow(name));
    }
    match change(api, body, &Pausable::Workflow(name.to_owned()), to).await? {
        PauseDone::NotFound => return Err(Problem::no_workflow(name)),
        done => settled(done)?,
    }
    json(&Paused { id: name.to_owned(), paused: to == To::Paused })
}

async fn change<H: Host>(api: &Api<H>, body: &[u8], what: &Pausable, to: To) -> Result<PauseDone, Problem> {
    Fields::read(if body.is_empty() { b"{}" } else { body })?.check()?;
    Ok(match to {
        To::Paused => api.protocol.pause(what).await?,
        To::Resumed => api.protocol.resume(what).await?,
    })
}

fn settled(done: PauseDone) -> Result<(), Problem> {
    match done {
        PauseDone::Done | PauseDone::NotFound => Ok(()),
        PauseDone::Refused(status) => {
            Err(Problem::new(409, Code::WrongStatus, format!("the run is {}", status.as_str())))
        }
        PauseDone::TooMany => {
            let max = limits::PAUSED_MAX;
            let detail = format!("{max} workflows and runs are paused, which is the most: resume some first");
            Err(Problem::new(409, Code::TooManyPaused, detail))
        }
    }
}
