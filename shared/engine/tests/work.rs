//! What the evaluations of a transition may do together, and what becomes of one that is given up.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use serde_json::{Map, Value, json};
use stepladder_asl::Definition;
use stepladder_engine::{
    Awaiting, Branch, Next, Outcome, Position, Recorded, Records, Rehearsal, RehearsalError, ReplayError,
    Run, StateTest, StateTestError, Status, advance, replay, start, step_call, test_state,
};

/// About half of what one state may do.
const HEAVY: &str = "{% $count($map([1..350000], function($n) { $n })) %}";

/// Nothing that is counted, and minutes of time.
const SLOW: &str = "{% $count($states.input.a.($states.input.b[x > 3])) %}";

fn parsed(definition: &Value) -> Definition {
    Definition::parse(&definition.to_string()).unwrap_or_else(|faults| panic!("{faults}"))
}

fn slow_input() -> Value {
    let many: Vec<Value> = (0..40_000).map(|n| json!({ "x": n % 3 })).collect();
    json!({ "a": many, "b": many })
}

#[track_caller]
fn waits(next: &Next) -> &Position {
    match next {
        Next::Wait(position) => position,
        Next::End(end) => panic!("it has ended: {end:?}"),
    }
}

#[test]
fn a_transition_goes_on_in_another_turn_once_its_states_have_done_much() {
    let mut states = Map::new();
    for index in 0..7 {
        let next = format!("S{}", index + 1);
        states.insert(
            format!("S{index}"),
            json!({ "Type": "Pass", "QueryLanguage": "JSONata", "Output": HEAVY, "Next": next }),
        );
    }
    states.insert("S7".to_owned(), json!({ "Type": "Succeed" }));
    let definition = parsed(&json!({ "StartAt": "S0", "States": states }));
    let run = Run::for_test("flow", "run-1");
    let mut next = start(&definition, &run, json!({}), 0).next;
    let mut turns = Vec::new();
    while let Next::Wait(position) = &next {
        assert_eq!(position.awaiting, Awaiting::Turn);
        turns.push(position.state.clone());
        next = advance(&definition, &run, position, &Outcome::TimerFired, 0).next;
    }
    let Next::End(end) = next else { unreachable!() };
    assert_eq!((end.status, end.output), (Status::Succeeded, Some(json!(350_000))));
    assert!(turns.len() >= 2 && turns.len() < 7, "{turns:?}");
    // The history says nothing of it: one event when the run starts, two per state but the last one's, and the end's.
    assert_eq!(end.events, 1 + 2 * 8 + 1);
}

#[test]
fn the_fields_of_a_state_share_what_it_may_do() {
    let all: Map<String, Value> = (0..8).map(|n| (format!("f{n}"), json!(HEAVY))).collect();
    let call = json!({
        "Type": "Task", "QueryLanguage": "JSONata", "End": true, "Arguments": all,
        "Resource": "arn:aws:lambda:us-east-1:000000000000:function:work",
        "Catch": [{ "ErrorEquals": ["States.QueryEvaluationError"], "Next": "Caught", "Output": HEAVY }],
    });
    let definition =
        parsed(&json!({ "StartAt": "Call", "States": { "Call": call, "Caught": { "Type": "Succeed" } } }));
    let run = Run::for_test("flow", "run-1");
    // What failed has used it up, and its catcher has all of it again.
    let mut next = start(&definition, &run, json!({}), 0).next;
    while let Next::Wait(position) = &next {
        assert_eq!(position.awaiting, Awaiting::Turn);
        next = advance(&definition, &run, position, &Outcome::TimerFired, 0).next;
    }
    let Next::End(end) = next else { unreachable!() };
    assert_eq!((end.status, end.output), (Status::Succeeded, Some(json!(350_000))), "{:?}", end.cause);
}

#[test]
fn what_took_too_long_is_no_outcome_anywhere() {
    let slow = json!({ "Type": "Pass", "QueryLanguage": "JSONata", "Output": SLOW, "End": true });
    let definition = parsed(&json!({ "StartAt": "Slow", "States": { "Slow": slow } }));
    let (run, branch) = (Run::for_test("flow", "run-1"), Branch::default());
    let tested =
        test_state(&definition, "Slow", &run, &StateTest { input: slow_input(), ..StateTest::default() }, 0);
    assert_eq!(tested, Err(StateTestError::TooSlow { state: "Slow".to_owned() }));

    let mut rehearsal = Rehearsal::start(&definition, &run, slow_input());
    let too_slow = Err(RehearsalError::TooSlow { branch: branch.clone() });
    assert_eq!(rehearsal.is_sound(), too_slow);
    assert_eq!(rehearsal.settle(&branch, Outcome::TimerFired, None, 0), too_slow);
    assert!(rehearsal.end().is_none() && rehearsal.records().is_empty());

    let records = Records::from([(
        branch.clone(),
        vec![Recorded {
            outcome: Outcome::TimerFired,
            started_ms: None,
            finished_ms: 0,
            digest: "some".to_owned(),
            opening: None,
        }],
    )]);
    let replayed = replay(&definition, &run, slow_input(), &records).map(|replayed| replayed.last);
    assert_eq!(replayed, Err(ReplayError::TooSlow { branch, seq: 0 }));
}

#[test]
fn a_call_that_cannot_be_evaluated_in_time_says_so() {
    let call = json!({
        "Type": "Task", "QueryLanguage": "JSONata", "End": true, "Arguments": SLOW,
        "Resource": "arn:aws:lambda:us-east-1:000000000000:function:work",
    });
    let definition = parsed(&json!({ "StartAt": "Call", "States": { "Call": call } }));
    let run = Run::for_test("flow", "run-1");
    let first = start(&definition, &run, json!({ "a": [], "b": [] }), 0).next;
    let position =
        Position { data: slow_input(), awaiting: Awaiting::Step { due_ms: 0 }, ..waits(&first).clone() };
    assert!(step_call(&definition, &run, &position).unwrap_err().gave_up);
}
