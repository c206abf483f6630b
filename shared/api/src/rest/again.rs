//! Runs that go on from their end, and runs that are done again.

use super::{
    Reply,
    asked::Asked,
    json,
    problem::Problem,
    runs::{href, id, is_done},
};
use crate::{
    Api,
    fields::{Fields, Text},
};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use stepladder_codes::Code;
use stepladder_protocol::{
    Choice, Host, Requested, RerunError, RerunRequest, RunId, Started, Store, Unplaced, json as text,
};
use utoipa::ToSchema;

/// How a run goes on.
#[derive(Debug, ToSchema)]
#[allow(dead_code)]
pub(super) struct Redrive {
    /// A state that it has entered, like `Charge` or `Map[3].Charge`: it begins anew, with what it saw. Unless given, the run goes
    /// on from where it ended, and keeps what has succeeded of that state's branches.
    pub(super) from: Option<String>,
    /// A state that is skipped, instead of `from`.
    pub(super) skip: Option<String>,
    /// The output of the state that is skipped.
    pub(super) output: Option<Value>,
    /// The state's input, instead of what it saw.
    pub(super) input: Option<Value>,
    /// Values to put into the state's input, by Reference Paths: `{"$.order.amount": 12}`.
    pub(super) set: Option<BTreeMap<String, Value>>,
    /// `own`, unless given; `current`: what new runs take; or the hash of one that the workflow has or had.
    pub(super) definition: Option<String>,
    /// Two requests with the same token are one. 1 to 64 characters.
    #[schema(min_length = 1, max_length = 64)]
    pub(super) token: Option<String>,
}

/// A run that goes on.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Redriven {
    /// `workflow/name`
    pub(super) id: String,
    /// False: the run was busy, and it will be tried again by itself within minutes.
    pub(super) is_done: bool,
    /// The state of the top level that it goes on from; null: the request with this token had done so before.
    pub(super) from: Option<String>,
    /// The states that it keeps.
    pub(super) kept: Vec<String>,
}

/// How a run is done again: as [`Redrive`], without places inside Parallel and Map states.
#[derive(Debug, ToSchema)]
#[allow(dead_code)]
pub(super) struct NewRerun {
    /// The new run's name; unless given, that of the old one and what tells it from its other reruns.
    #[schema(min_length = 1, max_length = 80)]
    pub(super) name: Option<String>,
    /// A state of the top level that the run has entered: it begins there, with what that saw. Unless given, at the start.
    pub(super) from: Option<String>,
    /// A state that is skipped, instead of `from`.
    pub(super) skip: Option<String>,
    /// The output of the state that is skipped.
    pub(super) output: Option<Value>,
    /// The state's input, instead of what it saw; without a state the run's.
    pub(super) input: Option<Value>,
    /// Values to put into that input, by Reference Paths: `{"$.order.amount": 12}`.
    pub(super) set: Option<BTreeMap<String, Value>>,
    /// `own`, unless given: the one that the run went by at last; `current`: what new runs take; or a hash.
    pub(super) definition: Option<String>,
    /// Two requests with the same token are one. 1 to 64 characters.
    #[schema(min_length = 1, max_length = 64)]
    pub(super) token: Option<String>,
}

/// A rerun that was started.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Rerun {
    /// `workflow/name` of the new run
    pub(super) id: String,
    /// Where it can be looked at.
    pub(super) href: String,
    /// `workflow/name` of the old run
    pub(super) rerun_of: String,
    /// The state where it begins; null: at the start.
    pub(super) from: Option<String>,
}

/// `POST /runs/{workflow}/{run}/redrive`
pub(super) async fn redrive<H: Host>(api: &Api<H>, asked: &Asked, body: &[u8]) -> Result<Reply, Problem> {
    let (id, mut fields) = (id(asked)?, fields(body)?);
    let token = fields.text("token", Text::CLIENT_TOKEN)?;
    let choice = choice(api, &id, &mut fields).await?;
    let preview = match api.protocol.preview_redrive_from(&id, &choice).await? {
        Ok(preview) => Some(preview),
        // The token may be that of the redrive which has done so.
        Err(Requested::Refused(_) | Requested::Pending) if token.is_some() => None,
        Err(refused) => {
            is_done(&id, refused)?;
            return Err(Problem::new(409, Code::WrongStatus, "the run is just ending; try again"));
        }
    };
    let requested = api.protocol.request_redrive_from(&id, token.as_deref(), &choice).await?;
    let is_done = is_done(&id, requested)?;
    let (from, kept) = preview.map(|preview| (preview.state, preview.left_behind)).unzip();
    let body = json(&Redriven { id: id.to_string(), is_done, from, kept: kept.unwrap_or_default() })?;
    Ok(Reply { status: if is_done { 200 } else { 202 }, body })
}

/// `POST /runs/{workflow}/{run}/rerun`
pub(super) async fn rerun<H: Host>(api: &Api<H>, asked: &Asked, body: &[u8]) -> Result<Reply, Problem> {
    let (id, mut fields) = (id(asked)?, fields(body)?);
    let name = fields.text("name", Text::NAME)?;
    let token = fields.text("token", Text::CLIENT_TOKEN)?;
    let choice = choice(api, &id, &mut fields).await?;
    let request = RerunRequest { id: id.clone(), name, token, choice };
    let item = match api.protocol.rerun(request).await {
        Ok(Started::Created(item) | Started::Repeated(item)) => item,
        Ok(Started::Conflict(there)) => {
            let what = format!("the run {} is there already, and is no such rerun", there.id);
            return Err(Problem::new(409, Code::NameTaken, what));
        }
        Err(error) => return Err(refused(&id, error)),
    };
    let from = item.begins_at.clone();
    let body =
        json(&Rerun { id: item.id.to_string(), href: href(&item.id), rerun_of: id.to_string(), from })?;
    Ok(Reply { status: 202, body })
}

fn fields(body: &[u8]) -> Result<Fields, Problem> {
    let body = if body.is_empty() { b"{}" } else { body };
    let body = text::parse(body).map_err(|error| Problem::new(400, Code::InvalidBody, error.to_string()))?;
    Ok(Fields::of(body)?)
}

/// What a body chooses. An error also tells what else is wrong with the members that were read before.
async fn choice<H: Host>(api: &Api<H>, id: &RunId, fields: &mut Fields) -> Result<Choice, Problem> {
    let from = fields.text("from", Text::PLACE)?;
    let skip = fields.text("skip", Text::PLACE)?;
    let output = fields.value("output");
    let input = fields.value("input");
    let set = fields.value("set");
    let definition = fields.text("definition", Text::HASH)?;
    fields.check()?;
    let wrong = |what: &str| Problem::new(400, Code::InvalidBody, what.to_owned());
    if from.is_some() && skip.is_some() {
        return Err(wrong("'from' and 'skip' exclude each other: each is a place to go on from"));
    }
    if skip.is_some() != output.is_some() {
        return Err(wrong("'skip' and 'output' belong together: a state that is skipped has this output"));
    }
    let set = match set {
        None => Vec::new(),
        Some(Value::Object(set)) => set.into_iter().collect(),
        Some(_) => return Err(wrong("'set' is an object: paths, and what is put there")),
    };
    let definition = match definition.as_deref() {
        None | Some("own") => None,
        Some("current") => {
            let current = api.protocol.current_definition(&id.workflow).await?;
            Some(current.ok_or_else(|| Problem::no_workflow(&id.workflow))?.hash)
        }
        Some(hash) => match api.protocol.host().store().definition(&id.workflow, hash).await? {
            Some(_) => Some(hash.to_owned()),
            None => {
                let what = format!("the workflow '{}' has no definition '{hash}'", id.workflow);
                return Err(Problem::new(409, Code::NotSo, what));
            }
        },
    };
    Ok(Choice { from: from.or(skip), given: output, input, set, definition })
}

fn refused(id: &RunId, error: RerunError) -> Problem {
    match error {
        RerunError::NotFound => Problem::no_run(id),
        RerunError::Running => Problem::new(409, Code::WrongStatus, "the run is RUNNING"),
        RerunError::Ending => {
            Problem::new(409, Code::WrongStatus, "the run is just ending; try again".to_owned())
        }
        RerunError::Unplaced(unplaced) => unplaced.into(),
        RerunError::Start(error) => error.into(),
        RerunError::World(error) => error.into(),
    }
}

impl From<Unplaced> for Problem {
    fn from(unplaced: Unplaced) -> Self {
        Self::new(409, Code::NotSo, unplaced.0)
    }
}
