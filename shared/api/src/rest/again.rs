//! Runs that go on from their end, and runs that are done again.

use super::{
    Reply,
    asked::Asked,
    json,
    problem::Problem,
    runs::{href, id, is_done},
    shapes::{Redriven, Rerun},
};
use crate::{
    Api,
    fields::{Fields, Text},
};
use stepladder_codes::Code;
use stepladder_protocol::{
    Choice, Host, Requested, RerunError, RerunRequest, RunId, Started, Store, Unplaced, json as text,
};

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
        Some(serde_json::Value::Object(set)) => set.into_iter().collect(),
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
