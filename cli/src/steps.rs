//! A run as its visits to states that take time: what a person wants to see of it.

use crate::{
    shapes::{StepShape, StepStatus, WaitingShape, has_ended},
    text::utc,
};
use stepladder_engine::{Awaiting, Limit, Next, Outcome, Position, function_of};
use stepladder_protocol::{Record, RunView};

/// The visits, in the order in which they were entered. The last one may still go on.
pub fn steps(view: &RunView) -> Vec<StepShape> {
    let mut steps: Vec<(u32, StepShape)> = Vec::new();
    let rows = view.replay.positions.iter().zip(&view.records).zip(&view.recorded);
    for ((position, record), recorded) in rows {
        // A redrive, and a turn, belong to the state that comes after them.
        if position.awaiting == Awaiting::Turn || matches!(recorded.outcome, Outcome::Redriven { .. }) {
            continue;
        }
        let Some(step) = visit(view, &mut steps, position) else { continue };
        step.attempts = position.attempt();
        step.request_id = record.request_id.clone().or(step.request_id.take());
        ended(step, position, record, &recorded.outcome);
    }
    match &view.replay.last.next {
        Next::Wait(position) if position.awaiting != Awaiting::Turn && !has_ended(view.item.status) => {
            if let Some(step) = visit(view, &mut steps, position) {
                step.attempts = position.attempt();
                step.duration_ms = None;
                step.status = match position.awaiting {
                    Awaiting::Timer { .. } => StepStatus::Waiting,
                    _ if step.attempts > 1 => StepStatus::Retrying,
                    _ => StepStatus::Running,
                };
            }
        }
        // Failed, unless it had been caught before the run failed elsewhere.
        Next::End(end) => {
            let last = steps.last_mut().map(|(_, step)| step);
            if let Some(step) = last.filter(|step| step.state == end.state && end.error.is_some())
                && step.status != StepStatus::Stopped
            {
                step.status = StepStatus::Failed;
                step.error = step.error.take().or_else(|| end.error.clone());
                step.cause = step.cause.take().or_else(|| end.cause.clone());
            }
        }
        Next::Wait(_) => {}
    }
    steps.into_iter().map(|(_, step)| step).collect()
}

/// What the run waits for; `None` once it has ended.
pub fn waiting(view: &RunView) -> Option<WaitingShape> {
    let wait = view.waits().into_iter().find(|wait| wait.branch.is_root())?;
    Some(WaitingShape {
        state: wait.state,
        awaiting: wait.awaiting,
        attempt: wait.attempt,
        due_at: wait.due_ms.map(utc),
    })
}

/// The visit that the position belongs to: the last one, or a new one.
fn visit<'s>(
    view: &RunView,
    steps: &'s mut Vec<(u32, StepShape)>,
    position: &Position,
) -> Option<&'s mut StepShape> {
    let is_new = steps.last().is_none_or(|(entered_seq, step)| {
        *entered_seq != position.entered_seq || step.state != position.state
    });
    if is_new {
        steps.push((position.entered_seq, entered(view, position)));
    }
    steps.last_mut().map(|(_, step)| step)
}

fn entered(view: &RunView, position: &Position) -> StepShape {
    StepShape {
        state: position.state.clone(),
        kind: view.definition.state(&position.state).map_or("", |state| state.kind.type_name()),
        function: function_of(&view.definition, &position.state).map(str::to_owned),
        status: StepStatus::Running,
        attempts: 1,
        entered_at: utc(position.entered_ms),
        duration_ms: None,
        error: None,
        cause: None,
        request_id: None,
    }
}

fn ended(step: &mut StepShape, position: &Position, record: &Record, outcome: &Outcome) {
    step.duration_ms = Some(record.finished_ms.saturating_sub(position.entered_ms));
    let timeout = || stepladder_asl::errors::TIMEOUT.to_owned();
    match outcome {
        Outcome::Succeeded { .. }
        | Outcome::Responded { .. }
        | Outcome::TimerFired
        | Outcome::Joined { .. } => step.status = StepStatus::Succeeded,
        // It goes on.
        Outcome::Submitted { .. }
        | Outcome::Started { .. }
        | Outcome::Heartbeat { .. }
        | Outcome::ItemsRead { .. }
        | Outcome::Updated { .. } => step.status = StepStatus::Running,
        // What became of it shows in what follows: another visit means that it was caught.
        Outcome::Failed { error, cause, .. } => {
            step.status = StepStatus::Caught;
            (step.error, step.cause) = (Some(error.clone()), cause.clone());
        }
        Outcome::BranchFailed { error, cause, .. } => {
            step.status = StepStatus::Caught;
            (step.error, step.cause) = (error.clone(), cause.clone());
        }
        Outcome::TimedOut { limit: Limit::Task | Limit::Heartbeat } => {
            step.status = StepStatus::Caught;
            (step.error, step.cause) = (Some(timeout()), None);
        }
        Outcome::TimedOut { limit: Limit::Run } => {
            step.status = StepStatus::Failed;
            (step.error, step.cause) =
                (Some(timeout()), Some("the run's own TimeoutSeconds passed".to_owned()));
        }
        Outcome::Stopped { .. } => step.status = StepStatus::Stopped,
        Outcome::Redriven { .. } => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shapes::tests::item;
    use serde_json::json;
    use std::sync::Arc;
    use stepladder_asl::Definition;
    use stepladder_engine::{
        Branch, Phase, Recorded, Records, Run, RunDefinitions, SEMANTICS, Status, advance, replay, start,
    };
    use stepladder_protocol::{ITEM_VERSION, Payload};

    const DEFINITION: &str = r#"{"StartAt": "Charge", "States": {
        "Charge": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:charge",
            "Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 1}],
            "Catch": [{"ErrorEquals": ["Declined"], "Next": "Pause"}], "Next": "Ship"},
        "Pause": {"Type": "Wait", "Seconds": 5, "Next": "Ship"},
        "Ship": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:ship", "End": true}}}"#;

    /// A run whose waits ended so, one second after the other.
    fn view(status: Status, outcomes: &[Outcome]) -> RunView {
        let definition = Definition::parse(DEFINITION).unwrap();
        let run = Run::for_test("order", "17");
        let input = json!({});
        let mut transition = start(&definition, &run, input.clone(), 0);
        let (mut recorded, mut records) = (Vec::new(), Vec::new());
        for (outcome, seq) in outcomes.iter().zip(0..) {
            let Next::Wait(position) = &transition.next else { panic!("the run has ended") };
            let finished_ms = 1_000 * (i64::from(seq) + 1);
            let next = advance(&definition, &run, position, outcome, finished_ms);
            transition = next;
            recorded.push(Recorded {
                outcome: outcome.clone(),
                started_ms: None,
                finished_ms,
                digest: transition.digest(),
                opening: None,
            });
            records.push(Record {
                version: ITEM_VERSION,
                seq,
                owner: String::new(),
                outcome: Payload::Json(Vec::new()),
                opening: None,
                end: None,
                queued_ms: None,
                received_ms: None,
                started_ms: None,
                finished_ms,
                receive_count: 1,
                request_id: Some(format!("request-{seq}")),
                digest: transition.digest(),
                semantics: SEMANTICS,
                expires_s: 0,
            });
        }
        let replay =
            replay(&definition, &run, input.clone(), &Records::from([(Branch::default(), recorded.clone())]))
                .unwrap();
        let definition = Arc::new(definition);
        let (branch_records, branch_recorded) = Default::default();
        RunView {
            item: item("17", status),
            definitions: RunDefinitions { first: Arc::clone(&definition), later: Vec::new() },
            definition,
            run,
            beginning: input.into(),
            records,
            recorded,
            branch_records,
            branch_recorded,
            replay,
        }
    }

    fn failed(error: &str) -> Outcome {
        Outcome::Failed { error: error.into(), cause: Some("why".into()), phase: Phase::Run }
    }

    fn succeeded() -> Outcome {
        Outcome::Succeeded { output: json!({}) }
    }

    /// State, status, attempts, duration, error.
    type Shown<'a> = (&'a str, StepStatus, u64, Option<i64>, Option<&'a str>);

    #[track_caller]
    fn check(status: Status, outcomes: &[Outcome], expected: &[Shown<'_>]) {
        let steps = steps(&view(status, outcomes));
        let shown: Vec<_> = steps
            .iter()
            .map(|step| {
                (step.state.as_str(), step.status, step.attempts, step.duration_ms, step.error.as_deref())
            })
            .collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn attempts_of_one_visit_are_one_step() {
        use StepStatus::*;
        check(Status::Running, &[], &[("Charge", Running, 1, None, None)]);
        check(Status::Running, &[failed("Busy")], &[("Charge", Retrying, 2, None, Some("Busy"))]);
        check(
            Status::Running,
            &[failed("Busy"), succeeded()],
            &[("Charge", Succeeded, 2, Some(2_000), Some("Busy")), ("Ship", Running, 1, None, None)],
        );
        check(
            Status::Succeeded,
            &[succeeded(), succeeded()],
            &[("Charge", Succeeded, 1, Some(1_000), None), ("Ship", Succeeded, 1, Some(1_000), None)],
        );
    }

    #[test]
    fn what_was_caught_is_told_from_what_failed_the_run() {
        use StepStatus::*;
        check(
            Status::Running,
            &[failed("Declined")],
            &[("Charge", Caught, 1, Some(1_000), Some("Declined")), ("Pause", Waiting, 1, None, None)],
        );
        check(Status::Failed, &[failed("Other")], &[("Charge", Failed, 1, Some(1_000), Some("Other"))]);
        let stopped = Outcome::Stopped { error: None, cause: Some("no more".into()) };
        check(Status::Aborted, &[stopped], &[("Charge", Stopped, 1, Some(1_000), None)]);
    }

    #[test]
    fn a_wait_says_until_when() {
        let waits = waiting(&view(Status::Running, &[failed("Declined")])).unwrap();
        assert_eq!((waits.state.as_str(), waits.awaiting), ("Pause", "timer"));
        assert_eq!(waits.due_at.as_deref(), Some("1970-01-01T00:00:06.000Z"));
        let waits = waiting(&view(Status::Running, &[failed("Busy")])).unwrap();
        assert_eq!((waits.attempt, waits.due_at.as_deref()), (2, Some("1970-01-01T00:00:02.000Z")));
        assert_eq!(waiting(&view(Status::Succeeded, &[succeeded(), succeeded()])), None);
    }
}
