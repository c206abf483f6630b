//! `stepladder run pause`, `run resume`, `workflow pause` and `workflow resume`.

use crate::{
    completion,
    connect::Stack,
    exit::Exit,
    failure::{Code, Failure, Outcome},
    printer::Printer,
    runs::{known, resolve},
    style::{self, paint},
};
use serde_json::json;
use stepladder_protocol::{Pausable, PauseDone, PausedBy, Store, limits};

/// Pause runs: none of their steps begins
///
/// Within five seconds none of their steps' code begins any more; what has begun ends and is recorded. Time goes on: Wait states
/// end, timeouts pass, and a run whose TimeoutSeconds are over ends TIMED_OUT.
#[derive(Debug, clap::Args)]
pub struct PauseRunArgs {
    /// workflow/name, a name, or the first letters of a name
    #[arg(required = true, add = completion::running())]
    ids: Vec<String>,
}

/// Let paused runs go on
///
/// A run that its workflow pauses too stays paused until that is resumed.
#[derive(Debug, clap::Args)]
pub struct ResumeRunArgs {
    /// workflow/name, a name, or the first letters of a name
    #[arg(required = true, add = completion::running())]
    ids: Vec<String>,
}

/// Pause workflows with all of their runs
///
/// Within five seconds no code of a step of their runs begins any more; what has begun ends and is recorded. Starts are accepted,
/// and their first steps wait. Time goes on, as for a run that is paused.
#[derive(Debug, clap::Args)]
pub struct PauseWorkflowArgs {
    /// The workflow's name
    #[arg(required = true, value_name = "NAME", add = completion::workflows())]
    names: Vec<String>,
}

/// Let paused workflows go on
///
/// Their runs go on at a rate of 50 a second. Runs that are paused by themselves stay paused.
#[derive(Debug, clap::Args)]
pub struct ResumeWorkflowArgs {
    /// The workflow's name
    #[arg(required = true, value_name = "NAME", add = completion::workflows())]
    names: Vec<String>,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum To {
    Paused,
    Resumed,
}

pub async fn pause_runs(args: PauseRunArgs, stack: &Stack, printer: &Printer) -> Outcome {
    each(&args.ids, printer, async |id| run(id, To::Paused, stack, printer).await).await
}

pub async fn resume_runs(args: ResumeRunArgs, stack: &Stack, printer: &Printer) -> Outcome {
    each(&args.ids, printer, async |id| run(id, To::Resumed, stack, printer).await).await
}

pub async fn pause_workflows(args: PauseWorkflowArgs, stack: &Stack, printer: &Printer) -> Outcome {
    each(&args.names, printer, async |name| workflow(name, To::Paused, stack, printer).await).await
}

pub async fn resume_workflows(args: ResumeWorkflowArgs, stack: &Stack, printer: &Printer) -> Outcome {
    each(&args.names, printer, async |name| workflow(name, To::Resumed, stack, printer).await).await
}

/// One that can't be paused keeps none of the others from it.
async fn each(names: &[String], printer: &Printer, act: impl AsyncFn(&str) -> Outcome) -> Outcome {
    let mut first_failure = None;
    for name in names {
        if let Err(failure) = act(name).await
            && let Some(before) = first_failure.replace(failure)
        {
            printer.failure(&before);
        }
    }
    first_failure.map_or(Ok(()), Err)
}

async fn run(id: &str, to: To, stack: &Stack, printer: &Printer) -> Outcome {
    let id = resolve(stack, id).await?;
    let what = Pausable::Run(id.clone());
    let done = change(&what, to, stack).await?;
    let by = match done {
        PauseDone::Done => stack.protocol.paused_by(&id).await?,
        _ => PausedBy::default(),
    };
    tell(&what, to, done, by, printer)
}

async fn workflow(name: &str, to: To, stack: &Stack, printer: &Printer) -> Outcome {
    let name = known(name, &stack.store().workflows().await?)?;
    let what = Pausable::Workflow(name);
    let done = change(&what, to, stack).await?;
    tell(&what, to, done, PausedBy { run: false, workflow: to == To::Paused }, printer)
}

async fn change(what: &Pausable, to: To, stack: &Stack) -> Outcome<PauseDone> {
    Ok(match to {
        To::Paused => stack.protocol.pause(what).await?,
        To::Resumed => stack.protocol.resume(what).await?,
    })
}

/// The shape `stepladder.paused/1`: `{schema, id, result, paused}` with the result `paused` or `resumed`.
fn tell(what: &Pausable, to: To, done: PauseDone, by: PausedBy, printer: &Printer) -> Outcome {
    let result = match to {
        To::Paused => "paused",
        To::Resumed => "resumed",
    };
    match done {
        PauseDone::Done => {}
        PauseDone::Refused(status) => {
            let message = format!("{what} can't be paused: it has ended {}", status.as_str());
            let hint = "a run that is redriven goes on at once; to hold it, pause its workflow first: \
                        `stepladder workflow pause`";
            return Err(Failure::new(Exit::Conflict, Code::WrongStatus, message).hint(hint));
        }
        PauseDone::NotFound => {
            let (code, kind) = match what {
                Pausable::Run(_) => (Code::NoSuchRun, "run"),
                Pausable::Workflow(_) => (Code::UnknownWorkflow, "workflow"),
            };
            return Err(Failure::new(Exit::NotFound, code, format!("there is no {kind} '{what}'")));
        }
        PauseDone::TooMany => {
            let message = format!("{what} can't be paused: {} workflows and runs are", limits::PAUSED_MAX);
            let hint = "resume some first, or pause whole workflows instead of their runs";
            return Err(Failure::new(Exit::Conflict, Code::TooManyPaused, message).hint(hint));
        }
    }
    if printer.is_json() {
        let (schema, id) = ("stepladder.paused/1", what.to_string());
        return printer.json(&json!({ "schema": schema, "id": id, "result": result, "paused": by.any() }));
    }
    printer.data(format!("{result} {}", paint(style::ID, what)))?;
    if to == To::Resumed && by.workflow {
        let workflow = what.workflow();
        printer
            .data(format!("  it stays paused by its workflow: `stepladder workflow resume {workflow}`"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{printer::Format, text::TimeStyle};
    use stepladder_engine::Status;
    use stepladder_protocol::RunId;

    #[track_caller]
    fn check(what: &Pausable, done: PauseDone, exit: Exit, message: &str) {
        let printer = Printer::new(Format::Text, TimeStyle::Utc);
        let failure = tell(what, To::Paused, done, PausedBy::default(), &printer).unwrap_err();
        assert_eq!((failure.exit, failure.message.as_str()), (exit, message));
    }

    #[test]
    fn what_cannot_be_paused_says_why() {
        let run = Pausable::Run(RunId::new("order", "17"));
        let ended = PauseDone::Refused(Status::Succeeded);
        check(&run, ended, Exit::Conflict, "order/17 can't be paused: it has ended SUCCEEDED");
        check(&run, PauseDone::NotFound, Exit::NotFound, "there is no run 'order/17'");
        let workflow = Pausable::Workflow("order".to_owned());
        check(&workflow, PauseDone::NotFound, Exit::NotFound, "there is no workflow 'order'");
        let many = "order can't be paused: 500 workflows and runs are";
        check(&workflow, PauseDone::TooMany, Exit::Conflict, many);
    }
}
