//! `stepladder run stop`.

use crate::{
    bulk::{
        action,
        command::{self, BulkArgs, Context},
    },
    completion,
    connect::Stack,
    exit::Exit,
    failure::{Code, Failure, Outcome},
    printer::Printer,
    runs::resolve,
    style::{self, paint},
};
use serde_json::json;
use stepladder_protocol::{Requested, RunId, limits};

/// Stop runs: they end ABORTED, or go on to a state that undoes
///
/// At most one more step runs, if its message was already under way.
#[derive(Debug, clap::Args)]
pub struct StopArgs {
    /// workflow/name, a name, or the first letters of a name
    #[arg(required_unless_present_any = ["query", "resume"], add = completion::running())]
    ids: Vec<String>,
    #[command(flatten)]
    pub bulk: BulkArgs,
    /// Of a query: only show which runs would be stopped
    #[arg(long, conflicts_with = "ids")]
    dry_run: bool,
    /// The error's name that the run shows
    #[arg(long, value_parser = at_most::<{ limits::ERROR_CHARS_MAX }>)]
    error: Option<String>,
    /// Why, in your words
    #[arg(long, visible_alias = "reason", value_parser = at_most::<{ limits::CAUSE_CHARS_MAX }>)]
    cause: Option<String>,
    /// Stop what a run is at, and go on to this state, which undoes what was done; the run ends as the definition says
    #[arg(long, value_name = "STATE", conflicts_with_all = ["error", "cause"], add = completion::states())]
    compensate: Option<String>,
}

fn at_most<const CHARS_MAX: usize>(text: &str) -> Result<String, String> {
    match text.chars().count() {
        chars if chars > CHARS_MAX => Err(format!("it has {chars} characters; {CHARS_MAX} is the most")),
        _ => Ok(text.to_owned()),
    }
}

pub async fn run(args: StopArgs, stack: &Stack, printer: &Printer) -> Outcome {
    let mut first_failure = None;
    for id in &args.ids {
        // One that can't be stopped keeps none of the others from it.
        if let Err(failure) = stop(id, &args, stack, printer).await
            && let Some(before) = first_failure.replace(failure)
        {
            printer.failure(&before);
        }
    }
    first_failure.map_or(Ok(()), Err)
}

/// All runs of a query, or the rest of them.
pub async fn run_many(args: StopArgs, context: Context<'_>) -> Outcome {
    let StopArgs { bulk, dry_run, error, cause, compensate, .. } = args;
    command::run(action::Stop { error, cause, compensate }, &bulk, dry_run, context).await
}

async fn stop(id: &str, args: &StopArgs, stack: &Stack, printer: &Printer) -> Outcome {
    let id = resolve(stack, id).await?;
    let requested = match &args.compensate {
        Some(state) => stack.protocol.request_compensation(&id, state).await?,
        None => stack.protocol.request_stop(&id, args.error.clone(), args.cause.clone()).await?,
    };
    tell(&id, &requested, args.compensate.as_deref(), printer)
}

/// The shape `stepladder.stopped/1`: `{schema, id, result}` with the result `stopped`, `compensating` or `pending`.
fn tell(id: &RunId, requested: &Requested, compensate: Option<&str>, printer: &Printer) -> Outcome {
    let (result, line) = match (requested, compensate) {
        (Requested::Done, None) => ("stopped", format!("stopped {}", paint(style::ID, id))),
        (Requested::Done, Some(state)) => {
            ("compensating", format!("stopped {}, which goes on to {state}", paint(style::ID, id)))
        }
        (Requested::Pending, _) => {
            ("pending", format!("{} is busy; it will be stopped within minutes", paint(style::ID, id)))
        }
        (Requested::Refused(status), _) => {
            let message = format!("{id} can't be stopped: it has ended {}", status.as_str());
            return Err(Failure::new(Exit::Conflict, Code::WrongStatus, message));
        }
        (Requested::Unplaced(why), _) => {
            return Err(Failure::new(
                Exit::Conflict,
                Code::NotSo,
                format!("{id} can't be stopped so: {why}"),
            ));
        }
        (Requested::NotFound, _) => {
            return Err(Failure::new(Exit::NotFound, Code::NoSuchRun, format!("there is no run '{id}'")));
        }
    };
    if printer.is_json() {
        return printer
            .json(&json!({ "schema": "stepladder.stopped/1", "id": id.to_string(), "result": result }));
    }
    printer.data(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{printer::Format, text::TimeStyle};
    use stepladder_engine::Status;

    #[test]
    fn a_run_that_has_ended_is_a_conflict() {
        let printer = Printer::new(Format::Text, TimeStyle::Utc);
        let id = RunId::new("order", "17");
        let failure = tell(&id, &Requested::Refused(Status::Succeeded), None, &printer).unwrap_err();
        assert_eq!(
            (failure.exit, failure.message.as_str()),
            (Exit::Conflict, "order/17 can't be stopped: it has ended SUCCEEDED")
        );
        assert_eq!(tell(&id, &Requested::NotFound, None, &printer).unwrap_err().exit, Exit::NotFound);
    }

    #[test]
    fn what_aws_would_refuse_is_refused_before() {
        assert!(at_most::<3>("abcd").is_err());
        assert_eq!(at_most::<3>("äöü").as_deref(), Ok("äöü"));
    }
}
