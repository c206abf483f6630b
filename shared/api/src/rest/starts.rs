//! Starting a run, and answering with what it gives.

use super::{
    Reply,
    asked::Asked,
    json,
    problem::{FailedRun, Problem},
    runs::{href, payload},
    shapes::{Answered, AnsweredBy},
};
use crate::{
    Api,
    fields::{Fields, Text},
};
use serde_json::{Map, Value};
use stepladder_codes::Code;
use stepladder_engine::Status;
use stepladder_protocol::{
    Answer, AskError, Asked as Gave, Awaited, Clock, Host, RunItem, StartError, StartRequest, check_name,
    json as text, uuid,
};

/// `POST /workflows/{workflow}/runs`
pub(super) async fn start<H: Host>(api: &Api<H>, asked: &Asked, body: &[u8]) -> Result<Reply, Problem> {
    let (name, input) = read(body)?;
    let name = name.unwrap_or_else(|| uuid(api.protocol.host().clock().random_u128()));
    let workflow = asked.path("workflow");
    // No workflow has a name that isn't allowed.
    check_name(workflow).map_err(|_| Problem::no_workflow(workflow))?;
    let awaited = asked.text("answer").map(Awaited::named);
    let request = StartRequest { workflow: workflow.to_owned(), name, input };
    let Gave { item, answer } = api.protocol.ask(request, awaited.as_ref(), asked.ms("timeout")).await?;
    match answer {
        Answer::Output(output) => reply(&item, Some((AnsweredBy::State, output))),
        Answer::Ended { status: Status::Succeeded, ending } => {
            reply(&item, Some((AnsweredBy::End, ending.output.unwrap_or_default())))
        }
        Answer::Ended { status, ending } => {
            let (error, cause) = (ending.error, ending.cause);
            Err(Problem::failed(FailedRun { id: item.id, status, error, cause }))
        }
        Answer::Pending => reply(&item, None),
    }
}

fn read(body: &[u8]) -> Result<(Option<String>, Value), Problem> {
    let body = if body.is_empty() { b"{}" } else { body };
    let body = text::parse(body).map_err(|error| Problem::new(400, Code::InvalidBody, error.to_string()))?;
    let mut fields = Fields::of(body)?;
    let name = fields.text("name", Text::NAME)?;
    let input = fields.value("input").unwrap_or_else(|| Value::Object(Map::new()));
    fields.check()?;
    Ok((name, input))
}

fn reply(item: &RunItem, answer: Option<(AnsweredBy, Value)>) -> Result<Reply, Problem> {
    let status = if answer.is_some() { 200 } else { 202 };
    let (answered_by, output) = answer.unzip();
    let output = output.map(payload).transpose()?;
    let body = json(&Answered { id: item.id.to_string(), href: href(&item.id), answered_by, output })?;
    Ok(Reply { status, body })
}

impl From<AskError> for Problem {
    fn from(error: AskError) -> Self {
        match error {
            AskError::UnknownState { known, .. } => {
                let known = known.join(", ");
                let what = format!("names no state of the top level; there are: {known}, and end");
                Problem::invalid_parameter("answer", what)
            }
            AskError::NameTaken(_) => Problem::new(409, Code::NameTaken, error.to_string()),
            AskError::Start(error) => error.into(),
        }
    }
}

impl From<StartError> for Problem {
    fn from(error: StartError) -> Self {
        match error {
            StartError::UnknownWorkflow { workflow } => Problem::no_workflow(&workflow),
            StartError::InvalidName { .. } => Problem::new(400, Code::InvalidName, error.to_string()),
            StartError::InputTooLarge { .. } | StartError::FirstDataTooLarge { .. } => {
                Problem::new(413, Code::InputTooLarge, error.to_string())
            }
            StartError::InputTooDeep { .. } => Problem::new(400, Code::InvalidInput, error.to_string()),
            StartError::World(error) => error.into(),
        }
    }
}
