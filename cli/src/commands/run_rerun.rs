//! `stepladder run rerun`.

use crate::{
    bulk::{
        action,
        command::{self, BulkArgs, Context},
    },
    choice::{ChoiceArgs, Choosing, unplaced},
    completion,
    confirm::confirm,
    connect::Stack,
    exit::Exit,
    failure::{Code, Failure, Outcome},
    printer::Printer,
    runs::resolve,
    style::{self, paint},
    text::count,
};
use serde_json::{Value, json};
use stepladder_protocol::{Choice, RerunError, RerunPreview, RerunRequest, RunId, Started};

/// Do runs again that have ended, each as a new run
///
/// The new run points to the old one, which stays as it is. It begins where the old one did, or at a state of it with what that saw
/// (--from), by the definition that the old one went by at last.
#[derive(Debug, clap::Args)]
pub struct RerunArgs {
    /// workflow/name, a name, or the first letters of a name
    #[arg(required_unless_present_any = ["query", "resume"], add = completion::runs())]
    ids: Vec<String>,
    #[command(flatten)]
    choice: ChoiceArgs,
    /// The new run's name; the old one's and what tells it from its other reruns unless given
    #[arg(long, conflicts_with_all = ["query", "resume"])]
    name: Option<String>,
    #[command(flatten)]
    pub bulk: BulkArgs,
    /// Only show what would run again, and what would not
    #[arg(long)]
    dry_run: bool,
}

pub async fn run(args: RerunArgs, stack: &Stack, printer: &Printer, may_assume_yes: bool) -> Outcome {
    let RerunArgs { ids, choice, name, dry_run, .. } = args;
    if name.is_some() && ids.len() > 1 {
        let message = "--name is for one run: several can't have the same";
        return Err(Failure::new(Exit::Usage, Code::InvalidOption, message));
    }
    let choosing = choice.read()?;
    let mut first_failure = None;
    let mut failed = |failure: Failure| {
        if let Some(before) = first_failure.replace(failure) {
            printer.failure(&before);
        }
    };
    let mut planned = Vec::new();
    for id in &ids {
        match plan(id, &choosing, stack).await {
            Ok(plan) => planned.push(plan),
            // One that can't be done again keeps none of the others from it.
            Err(failure) => failed(failure),
        }
    }
    for (id, _, preview) in &planned {
        let text = plan_text(id, preview);
        match (dry_run, printer.is_json()) {
            (true, true) => printer.json(&shape(id, preview, "planned", None))?,
            (true, false) => printer.data(text)?,
            (false, _) => printer.note(text),
        }
    }
    let question = format!("rerun {}?", count(planned.len(), "run"));
    if !dry_run && !planned.is_empty() && confirm(&question, may_assume_yes, printer).await? {
        for (id, choice, preview) in planned {
            let request = RerunRequest { id: id.clone(), name: name.clone(), token: None, choice };
            let told = match stack.protocol.rerun(request).await {
                Ok(started) => tell(&id, &preview, &started, printer),
                Err(error) => Err(refusal(&id, error)),
            };
            if let Err(failure) = told {
                failed(failure);
            }
        }
    }
    first_failure.map_or(Ok(()), Err)
}

/// All runs of a query, or the rest of them.
pub async fn run_many(args: RerunArgs, context: Context<'_>) -> Outcome {
    command::run(action::Rerun(args.choice.read()?), &args.bulk, args.dry_run, context).await
}

async fn plan(id: &str, choosing: &Choosing, stack: &Stack) -> Outcome<(RunId, Choice, RerunPreview)> {
    let id = resolve(stack, id).await?;
    let choice = choosing.of(&stack.protocol, &id.workflow).await?;
    let choice = choice.map_err(|why| unplaced(&format!("{id} can't be done again"), &why))?;
    match stack.protocol.preview_rerun(&id, &choice).await {
        Ok(preview) => Ok((id, choice, preview)),
        Err(error) => Err(refusal(&id, error)),
    }
}

fn refusal(id: &RunId, error: RerunError) -> Failure {
    let what = format!("{id} can't be done again");
    match error {
        RerunError::NotFound => {
            Failure::new(Exit::NotFound, Code::NoSuchRun, format!("there is no run '{id}'"))
        }
        RerunError::Running => {
            let failure =
                Failure::new(Exit::Conflict, Code::WrongStatus, format!("{what}: it is still going"));
            failure.hint(format!("stop it first: stepladder run stop {id}"))
        }
        RerunError::Ending => Failure::new(
            Exit::TryAgain,
            Code::WrongStatus,
            format!("{id} is just ending; try again in a moment"),
        ),
        RerunError::Unplaced(why) => unplaced(&what, &why),
        RerunError::Start(error) => error.into(),
        RerunError::World(error) => error.into(),
    }
}

/// The shape `stepladder.rerun/1`: `{schema, id, result, from, kept, new}` with the result `planned` or `started`; `new` is the
/// id of the new run.
fn shape(id: &RunId, preview: &RerunPreview, result: &str, new: Option<&RunId>) -> Value {
    json!({
        "schema": "stepladder.rerun/1",
        "id": id.to_string(),
        "result": result,
        "from": preview.state,
        "kept": preview.left_behind,
        "new": new.map(RunId::to_string),
    })
}

fn plan_text(id: &RunId, preview: &RerunPreview) -> String {
    let RerunPreview { status, state, left_behind, .. } = preview;
    let mut lines = vec![format!(
        "{} ({}) is done again from {state}, by a new run",
        paint(style::ID, id),
        status.as_str()
    )];
    if !left_behind.is_empty() {
        lines.push(format!("  not again  {}", left_behind.join(", ")));
    }
    lines.push(format!("  runs       {state}, and what follows"));
    lines.join("\n")
}

fn tell(id: &RunId, preview: &RerunPreview, started: &Started, printer: &Printer) -> Outcome {
    let new = match started {
        Started::Created(item) | Started::Repeated(item) => &item.id,
        Started::Conflict(there) => {
            let message = format!("the run {} is there already, and is no such rerun of {id}", there.id);
            return Err(Failure::new(Exit::Conflict, Code::NameTaken, message));
        }
    };
    match printer.is_json() {
        true => printer.json(&shape(id, preview, "started", Some(new))),
        false => printer.data(format!("started {}, which does {id} again", paint(style::ID, new))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stepladder_engine::Status;

    #[test]
    fn the_plan_says_what_runs_again_and_what_does_not() {
        let preview = RerunPreview {
            status: Status::Succeeded,
            state: "Charge".to_owned(),
            left_behind: vec!["Validate".to_owned(), "Reserve".to_owned()],
        };
        let id = RunId::new("order", "17");
        let text = plan_text(&id, &preview);
        let expected = "is done again from Charge, by a new run\n  not again  Validate, Reserve\n  runs       Charge, and \
                        what follows";
        assert!(text.ends_with(expected), "{text}");
        let new = RunId::new("order", "17-rerun-0123abcd");
        let shape = shape(&id, &preview, "started", Some(&new));
        assert_eq!((&shape["from"], &shape["new"]), (&json!("Charge"), &json!("order/17-rerun-0123abcd")));
    }

    #[test]
    fn a_run_that_still_goes_is_a_conflict_with_a_hint() {
        let failure = refusal(&RunId::new("order", "17"), RerunError::Running);
        assert_eq!(failure.exit, Exit::Conflict);
        assert_eq!(failure.message, "order/17 can't be done again: it is still going");
    }
}
