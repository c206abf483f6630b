//! Map Runs that are updated.

use crate::{map, parsed, task};
use serde_json::{Value, json};
use stepladder_asl::Definition;
use stepladder_engine::{
    Branch, BranchInput, End, GoesOn, Left, Next, Opening, Outcome, PastFailure, Phase, Plan, Position, Run,
    Status, Update, Wish, advance, map_run, start, start_branch,
};

fn distributed(members: Value) -> Definition {
    let mut definition = map(members);
    definition["States"]["Each"]["ItemProcessor"] = json!({
        "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" },
        "StartAt": "Work", "States": { "Work": task(json!({})) },
    });
    parsed(&definition)
}

fn run() -> Run {
    Run::for_test("flow", "run-1")
}

#[track_caller]
fn waits(next: Next) -> Position {
    match next {
        Next::Wait(position) => position,
        Next::End(end) => panic!("it has ended: {end:?}"),
    }
}

/// Four children, one after another, of which the first has failed and the second has succeeded.
fn opened(definition: &Definition) -> (Position, Plan) {
    let position = waits(start(definition, &run(), json!([1, 2, 3, 4]), 0).next);
    let left = |first, count, records| Left { first, count, records, inner: None, chosen: None };
    let plan = Plan {
        seq: position.seq,
        fan_out: position.fan_out().unwrap(),
        resumes: position.resumes.clone(),
        first: None,
        left: vec![left(0, 1, 1), left(2, 2, 0)],
        redrive_count: None,
    };
    (position, plan)
}

fn updated(definition: &Definition, position: &Position, plan: Plan, concurrency: u32) -> Position {
    let update = Update {
        wish: Wish { max_concurrency: Some(concurrency.into()), ..Wish::default() },
        concurrency,
        failures_tolerated: 3,
    };
    let outcome = Outcome::Updated { update: Box::new(update), redrive_count: 0, plan: Box::new(plan) };
    let text = serde_json::to_string(&outcome).unwrap();
    assert_eq!(serde_json::from_str::<Outcome>(&text).unwrap(), outcome);
    waits(advance(definition, &run(), position, &outcome, 5).next)
}

#[test]
fn an_update_goes_on_over_what_is_left_and_is_no_part_of_the_history() {
    let definition = distributed(json!({ "MaxConcurrency": 1 }));
    let (position, plan) = opened(&definition);
    let next = updated(&definition, &position, plan, 2);
    let fan_out = next.fan_out().unwrap();
    assert_eq!((fan_out.count, fan_out.concurrency, fan_out.failures_tolerated), (3, 2, 3));
    assert_eq!((next.seq, next.events, next.entered_ms), (position.seq + 1, position.events, 0));
    assert_eq!(map_run(&definition, &run(), &next), map_run(&definition, &run(), &position));
    let resumes = next.resumes.as_deref().unwrap();
    assert!(resumes.repeats_failures() && !resumes.is_redriven());
    assert_eq!((resumes.total, resumes.wish.as_ref().unwrap().max_concurrency), (4, Some(2)));
}

#[test]
fn more_may_not_run_at_once_than_are_left() {
    let definition = distributed(json!({ "MaxConcurrency": 1 }));
    let (position, plan) = opened(&definition);
    assert_eq!(updated(&definition, &position, plan, 100).fan_out().unwrap().concurrency, 3);
}

#[test]
fn another_attempt_is_another_map_run_that_nobody_has_updated() {
    let retry = json!([{ "ErrorEquals": ["States.ALL"], "IntervalSeconds": 1 }]);
    let definition = distributed(json!({ "MaxConcurrency": 1, "Retry": retry }));
    let (position, plan) = opened(&definition);
    let once = updated(&definition, &position, plan, 2);
    let plan = Plan {
        seq: once.seq,
        fan_out: once.fan_out().unwrap(),
        resumes: once.resumes.clone(),
        first: Some(Box::new((Branch::default(), position.seq))),
        left: vec![Left { first: 2, count: 1, records: 0, inner: None, chosen: None }],
        redrive_count: None,
    };
    let twice = updated(&definition, &once, plan, 4);
    assert_eq!(map_run(&definition, &run(), &twice), map_run(&definition, &run(), &position));
    let failed = Outcome::BranchFailed { index: 0, error: None, cause: None, events: 3 };
    let waiting = waits(advance(&definition, &run(), &twice, &failed, 6).next);
    assert_eq!(waiting.resumes, None);
    let again = waits(advance(&definition, &run(), &waiting, &Outcome::TimerFired, 2_000).next);
    assert_eq!((again.fan_out().unwrap().count, again.fan_out().unwrap().concurrency), (4, 1));
    assert_ne!(map_run(&definition, &run(), &again), map_run(&definition, &run(), &position));
}

#[test]
fn a_child_that_had_failed_fails_again_by_the_same() {
    let definition = distributed(json!({ "MaxConcurrency": 1 }));
    let (position, plan) = opened(&definition);
    let next = updated(&definition, &position, plan, 2);
    let failure = PastFailure { error: Some("Bad".to_owned()), cause: Some("because".to_owned()) };
    let goes_on = GoesOn {
        index: 0,
        state: Some("Work".to_owned()),
        variables: None,
        resumes: None,
        failed: Some(failure),
        given: None,
    };
    let input = BranchInput {
        index: 0,
        data: json!(1),
        map_item: None,
        goes_on: Some(Box::new(goes_on)),
        unread: None,
    };
    let opening = Opening { started_ms: 5, events: 0 };
    let turn = waits(start_branch(&definition, &run(), &next, input, opening).next);
    for outcome in [
        Outcome::TimerFired,
        Outcome::Failed { error: "Lambda.Unknown".to_owned(), cause: None, phase: Phase::Run },
    ] {
        let Next::End(end) = advance(&definition, &run(), &turn, &outcome, 6).next else { panic!("it runs") };
        let End { status, error, cause, state, data, .. } = end;
        let (error, cause) = (error.as_deref(), cause.as_deref());
        assert_eq!((status, error, cause), (Status::Failed, Some("Bad"), Some("because")));
        assert_eq!((state.as_str(), data), ("Work", json!(1)));
    }
}
