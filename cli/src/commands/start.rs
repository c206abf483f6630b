//! `stepladder start`.

use crate::{
    completion,
    connect::Stack,
    exit::Exit,
    failure::{Code, Failure, Outcome},
    inputs, limits,
    printer::Printer,
    runs::known,
    shapes::{RunShape, has_ended},
    style::{self, paint},
    text::{self, escaped, escaped_json, first_sentence},
};
use clap::ValueHint;
use serde_json::{Map, Value, json};
use std::time::Instant;
use stepladder_protocol::{Clock, Host, RunItem, StartError, StartRequest, Started, Store};

/// Start a run
///
/// Prints its id. A name makes the start idempotent: the same name with the same input is the same run.
#[derive(Debug, clap::Args)]
pub struct StartArgs {
    /// Its name: the folder under functions/
    #[arg(add = completion::workflows())]
    workflow: String,
    /// A file, `-` for stdin, or the JSON itself
    #[arg(short, long, value_name = "FILE|-|JSON", allow_hyphen_values = true, value_hint = ValueHint::FilePath)]
    input: Option<String>,
    /// The run's name, unique within its workflow; drawn at random unless given
    #[arg(short, long)]
    name: Option<String>,
    /// Wait until it has ended, and print its output; exit 1 if it failed
    #[arg(short, long)]
    wait: bool,
}

pub async fn run(args: StartArgs, stack: &Stack, printer: &Printer) -> Outcome {
    let input = match &args.input {
        Some(given) => inputs::read(given, "--input")?,
        None => Value::Object(Map::new()),
    };
    let name = args.name.unwrap_or_else(|| format!("{:032x}", stack.protocol.host().clock().random_u128()));
    let request = StartRequest { workflow: args.workflow.clone(), name, input };
    let (item, is_new) = match stack.protocol.start(request).await {
        Ok(started) => wanted(started)?,
        Err(error) => return Err(not_started(error, &args.workflow, stack).await),
    };
    let id = item.id.to_string();
    if !is_new {
        printer.note(format!("{} was there already, with the same input", paint(style::ID, escaped(&id))));
    }
    if args.wait {
        return wait(item, stack, printer).await;
    }
    match printer.is_json() {
        true => printer.json(&json!({ "schema": "stepladder.started/1", "id": id, "created": is_new })),
        false => {
            printer.data(escaped(&id))?;
            printer.note(paint(
                style::DIM,
                format!("see how it goes: stepladder run show {}", escaped(&item.id.name)),
            ));
            Ok(())
        }
    }
}

/// The run, and whether this call made it. As StartExecution does, a name may be given again with the same input while
/// its run goes, and not after
/// (<https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html>).
fn wanted(started: Started) -> Outcome<(RunItem, bool)> {
    let (item, message, hint) = match started {
        Started::Created(item) => return Ok((item, true)),
        Started::Repeated(item) if !has_ended(item.status) => return Ok((item, false)),
        Started::Repeated(item) => {
            let message = format!("the name '{}' is taken by a run that has ended", item.id.name);
            let hint = format!(
                "choose another --name, or leave it out; `stepladder run show {}` shows how that one ended",
                item.id
            );
            (item, message, hint)
        }
        Started::Conflict(item) => {
            let message = format!("the name '{}' is taken by a run with another input", item.id.name);
            (item, message, "choose another --name, or leave it out".to_owned())
        }
    };
    let detail =
        format!("{} started {} and is {}", item.id, text::utc(item.started_ms), item.status.as_str());
    Err(Failure::new(Exit::Conflict, Code::NameTaken, message).detail(detail).hint(hint))
}

async fn not_started(error: StartError, workflow: &str, stack: &Stack) -> Failure {
    match error {
        StartError::UnknownWorkflow { .. } => match stack.store().workflows().await {
            Ok(all) => known(workflow, &all).err().unwrap_or_else(|| {
                Failure::new(
                    Exit::TryAgain,
                    Code::UnknownWorkflow,
                    format!("'{workflow}' has just appeared: try again"),
                )
            }),
            Err(error) => error.into(),
        },
        error => error.into(),
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        match error {
            StartError::UnknownWorkflow { .. } => {
                Failure::new(Exit::NotFound, Code::UnknownWorkflow, error.to_string())
            }
            StartError::InvalidName { .. } => Failure::new(Exit::Usage, Code::InvalidName, error.to_string()),
            StartError::InputTooLarge { .. } | StartError::FirstDataTooLarge { .. } => {
                Failure::new(Exit::Bad, Code::InputTooLarge, error.to_string())
                    .hint("put the data into a bucket, and its key into the input")
            }
            StartError::InputTooDeep { .. } => {
                Failure::new(Exit::Bad, Code::InputTooLarge, error.to_string())
            }
            StartError::World(error) => error.into(),
        }
    }
}

/// Looks until the run has ended: at first often, then less so.
async fn wait(item: RunItem, stack: &Stack, printer: &Printer) -> Outcome {
    let id = item.id.clone();
    let shown = escaped(&id.to_string()).into_owned();
    printer.detail(format!("waiting for {shown}"));
    let since = Instant::now();
    let (mut item, mut pause) = (item, limits::POLL_FIRST);
    while !has_ended(item.status) {
        tokio::time::sleep(pause).await;
        pause = (pause * 5 / 4).min(limits::POLL_MAX);
        if since.elapsed().as_millis() >= 300 {
            let waited = text::duration(i64::try_from(since.elapsed().as_millis()).unwrap_or(i64::MAX));
            printer.status(format!("{} {shown} {}", printer.glyphs.running, paint(style::DIM, waited)));
        }
        item = stack.store().run(&id, stack.now_ms()).await?.ok_or_else(|| {
            Failure::new(Exit::NotFound, Code::NoSuchRun, format!("{id} is not there any more"))
        })?;
    }
    printer.clear_status();
    let ending = stack.protocol.ending(&item).await?.unwrap_or_default();
    let took = text::duration(item.ended_ms.unwrap_or(item.started_ms) - item.started_ms);
    let is_good = item.status == stepladder_engine::Status::Succeeded;
    if printer.is_json() {
        printer.json(&RunShape::new(&item).with_ending(&ending))?;
    } else if let Some(output) = &ending.output {
        let pretty = serde_json::to_string_pretty(output).unwrap_or_default();
        printer.data(escaped_json(&pretty))?;
    }
    if is_good {
        printer.note(format!("{} {shown} succeeded after {took}", paint(style::GOOD, printer.glyphs.good)));
        return Ok(());
    }
    let error = ending.error.or(item.error).map(|error| format!(": {error}")).unwrap_or_default();
    let failure = Failure::new(
        Exit::Bad,
        Code::RunFailed,
        format!("{id} ended {} after {took}{error}", item.status.as_str()),
    );
    let failure = match ending.cause.as_deref().map(first_sentence).filter(|cause| !cause.is_empty()) {
        Some(cause) => failure.detail(cause),
        None => failure,
    };
    Err(failure.hint(format!("`stepladder run show {}` shows its steps", id.name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shapes::tests::item;
    use stepladder_engine::Status;

    #[test]
    fn a_name_may_be_given_again_while_its_run_goes() {
        let running = item("17", Status::Running);
        assert_eq!(wanted(Started::Created(running.clone())), Ok((running.clone(), true)));
        assert_eq!(wanted(Started::Repeated(running.clone())), Ok((running, false)));
        for status in [Status::Succeeded, Status::Failed, Status::TimedOut, Status::Aborted] {
            let failure = wanted(Started::Repeated(item("17", status))).unwrap_err();
            assert_eq!(failure.exit, Exit::Conflict);
            assert_eq!(failure.message, "the name '17' is taken by a run that has ended");
            assert!(failure.details[0].ends_with(status.as_str()), "{failure:?}");
            assert!(failure.hint.unwrap().contains("stepladder run show order/17"));
        }
        let failure = wanted(Started::Conflict(item("17", Status::Running))).unwrap_err();
        assert_eq!(failure.message, "the name '17' is taken by a run with another input");
    }
}
