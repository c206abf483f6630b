//! `stepladder run redrive`.

use crate::{
    bulk::{
        action::Redrive,
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
use stepladder_engine::{Kept, Plan, Status};
use stepladder_protocol::{Choice, RedrivePreview, Requested, RunId};

/// Send runs that ended badly on from where they ended
///
/// What has succeeded is kept: the states before the one that a run ended in, and the branches of a Parallel or Map state.
/// Attempts and TimeoutSeconds count anew. It is the same run, with its input and, unless another is chosen, its definition.
#[derive(Debug, clap::Args)]
pub struct RedriveArgs {
    /// workflow/name, a name, or the first letters of a name
    #[arg(required_unless_present_any = ["query", "resume"], add = completion::redrivable())]
    ids: Vec<String>,
    #[command(flatten)]
    choice: ChoiceArgs,
    #[command(flatten)]
    pub bulk: BulkArgs,
    /// Only show what would be kept, and what would run
    #[arg(long)]
    dry_run: bool,
}

pub async fn run(args: RedriveArgs, stack: &Stack, printer: &Printer, may_assume_yes: bool) -> Outcome {
    let choosing = args.choice.read()?;
    let mut first_failure = None;
    let mut failed = |failure: Failure| {
        if let Some(before) = first_failure.replace(failure) {
            printer.failure(&before);
        }
    };
    let mut planned = Vec::new();
    for id in &args.ids {
        match plan(id, &choosing, stack).await {
            Ok(plan) => planned.push(plan),
            // One that can't be redriven keeps none of the others from it.
            Err(failure) => failed(failure),
        }
    }
    for (id, _, preview) in &planned {
        let text = plan_text(id, preview);
        match (args.dry_run, printer.is_json()) {
            (true, true) => printer.json(&shape(id, preview, "planned"))?,
            (true, false) => printer.data(text)?,
            (false, _) => printer.note(text),
        }
    }
    let question = format!("redrive {}?", count(planned.len(), "run"));
    if !args.dry_run && !planned.is_empty() && confirm(&question, may_assume_yes, printer).await? {
        for (id, choice, preview) in &planned {
            let told = match stack.protocol.request_redrive_from(id, None, choice).await {
                Ok(requested) => tell(id, preview, &requested, printer),
                Err(error) => Err(error.into()),
            };
            if let Err(failure) = told {
                failed(failure);
            }
        }
    }
    first_failure.map_or(Ok(()), Err)
}

/// All runs of a query, or the rest of them.
pub async fn run_many(args: RedriveArgs, context: Context<'_>) -> Outcome {
    command::run(Redrive(args.choice.read()?), &args.bulk, args.dry_run, context).await
}

async fn plan(id: &str, choosing: &Choosing, stack: &Stack) -> Outcome<(RunId, Choice, RedrivePreview)> {
    let id = resolve(stack, id).await?;
    let choice = choosing.of(&stack.protocol, &id.workflow).await?;
    let choice = choice.map_err(|why| refusal(&id, &Requested::Unplaced(why)))?;
    match stack.protocol.preview_redrive_from(&id, &choice).await? {
        Ok(preview) => Ok((id, choice, preview)),
        Err(refused) => Err(refusal(&id, &refused)),
    }
}

fn refusal(id: &RunId, refused: &Requested) -> Failure {
    match refused {
        Requested::Refused(Status::Running) => {
            let message = format!("{id} can't be redriven: it is still going");
            Failure::new(Exit::Conflict, Code::WrongStatus, message)
        }
        Requested::Refused(status) => {
            let message = format!("{id} can't be redriven: it has ended {}", status.as_str());
            Failure::new(Exit::Conflict, Code::WrongStatus, message)
        }
        Requested::Unplaced(why) => unplaced(&format!("{id} can't be redriven"), why),
        Requested::NotFound => {
            Failure::new(Exit::NotFound, Code::NoSuchRun, format!("there is no run '{id}'"))
        }
        Requested::Done | Requested::Pending => {
            let message = format!("{id} is just ending; try again in a moment");
            Failure::new(Exit::TryAgain, Code::WrongStatus, message)
        }
    }
}

/// The shape `stepladder.redriven/1`: `{schema, id, result, from, kept, branches}` with the result `planned`, `redriven` or
/// `pending`; `branches` is null where the state begins anew, else `{total, kept}`.
fn shape(id: &RunId, preview: &RedrivePreview, result: &str) -> Value {
    let branches = branches(preview).map(|(total, kept)| json!({ "total": total, "kept": kept }));
    json!({
        "schema": "stepladder.redriven/1",
        "id": id.to_string(),
        "result": result,
        "from": preview.state,
        "kept": preview.left_behind,
        "branches": branches,
    })
}

/// How many branches the state has that the run goes on from, and how many of them are kept.
fn branches(preview: &RedrivePreview) -> Option<(u32, u32)> {
    let (total, left) = match preview.kept.as_ref()? {
        Kept::FanOut(plan) => (plan.total(), Plan::numbers(plan).count()),
        Kept::Earlier(resumes) => (resumes.total, resumes.left.count as usize),
    };
    Some((total, total.saturating_sub(u32::try_from(left).unwrap_or(u32::MAX))))
}

fn plan_text(id: &RunId, preview: &RedrivePreview) -> String {
    let RedrivePreview { status, state, left_behind, .. } = preview;
    let mut lines = vec![format!("{} ({}) goes on from {state}", paint(style::ID, id), status.as_str())];
    if !left_behind.is_empty() {
        lines.push(format!("  kept  {}", left_behind.join(", ")));
    }
    lines.push(match branches(preview) {
        None => format!("  runs  {state}, and what follows"),
        Some((total, kept)) => {
            let left = count(total.saturating_sub(kept) as usize, "branch").replace("branchs", "branches");
            format!("  runs  {left} of {state}, each from where it was; {kept} of {total} are kept")
        }
    });
    lines.join("\n")
}

fn tell(id: &RunId, preview: &RedrivePreview, requested: &Requested, printer: &Printer) -> Outcome {
    let (result, line) = match requested {
        Requested::Done => ("redriven", format!("redriven {}", paint(style::ID, id))),
        Requested::Pending => {
            ("pending", format!("{} is busy; it will be redriven within minutes", paint(style::ID, id)))
        }
        refused => return Err(refusal(id, refused)),
    };
    match printer.is_json() {
        true => printer.json(&shape(id, preview, result)),
        false => printer.data(line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stepladder_engine::{FanOut, Left};

    fn preview(kept: Option<Kept>) -> RedrivePreview {
        let left_behind = vec!["Validate".to_owned(), "Reserve".to_owned()];
        RedrivePreview { status: Status::Failed, state: "ChargeAll".to_owned(), kept, left_behind }
    }

    fn of_three() -> Kept {
        let fan_out =
            FanOut { count: 120, concurrency: 10, failures_tolerated: 0, failure_items: 1, inputs_seq: None };
        let left = vec![
            Left { first: 7, count: 1, records: 2, inner: None, chosen: None },
            Left { first: 118, count: 2, records: 0, inner: None, chosen: None },
        ];
        Kept::FanOut(Plan { seq: 3, fan_out, resumes: None, first: None, left, redrive_count: None })
    }

    #[test]
    fn the_plan_says_what_is_kept_and_what_runs() {
        let id = RunId::new("order", "17");
        let text = plan_text(&id, &preview(Some(of_three())));
        assert!(
            text.ends_with(
                "goes on from ChargeAll\n  kept  Validate, Reserve\n  runs  3 branches of ChargeAll, each from where it \
                 was; 117 of 120 are kept"
            ),
            "{text}"
        );
        assert!(plan_text(&id, &preview(None)).ends_with("  runs  ChargeAll, and what follows"));
    }

    #[test]
    fn the_shape_counts_the_branches() {
        let shape = shape(&RunId::new("order", "17"), &preview(Some(of_three())), "planned");
        assert_eq!(shape["branches"], json!({ "total": 120, "kept": 117 }));
        assert_eq!((&shape["from"], &shape["kept"]), (&json!("ChargeAll"), &json!(["Validate", "Reserve"])));
    }

    #[test]
    fn a_run_that_still_goes_or_has_succeeded_is_a_conflict() {
        let id = RunId::new("order", "17");
        let failure = refusal(&id, &Requested::Refused(Status::Running));
        assert_eq!(
            (failure.exit, failure.message.as_str()),
            (Exit::Conflict, "order/17 can't be redriven: it is still going")
        );
        assert_eq!(refusal(&id, &Requested::Refused(Status::Succeeded)).exit, Exit::Conflict);
        assert_eq!(refusal(&id, &Requested::NotFound).exit, Exit::NotFound);
    }
}
