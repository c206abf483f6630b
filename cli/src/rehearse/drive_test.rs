use super::*;
use crate::rehearse::visits::Visits;
use serde_json::json;
use stepladder_engine::Status;

const CLOCK: Clock = Clock { started_ms: 0, outcomes_max: 200, events_max: 2_000 };

/// Runs states with mocks in our format, given as JSON.
#[track_caller]
fn try_out(definition: &Value, mocks: &Value, input: Value) -> Rehearsed {
    let definition = Definition::parse(&definition.to_string()).unwrap_or_else(|faults| panic!("{faults}"));
    let text = json!({ "states": mocks }).to_string();
    let mut mocks = Mocks::read(text.as_bytes(), "mocks.json", &definition, "order", None).unwrap();
    let run = Run::for_test("order", "try");
    rehearse(&definition, &run, &input, &mut mocks, CLOCK).unwrap()
}

fn task(more: Value) -> Value {
    let mut state =
        json!({"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:f", "End": true});
    state.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"StartAt": "A", "States": {"A": state}})
}

#[track_caller]
fn ends(rehearsed: &Rehearsed, status: Status, error: Option<&str>, now_ms: i64) {
    let end = rehearsed.end.as_ref().unwrap();
    assert_eq!((end.status, end.error.as_deref(), rehearsed.now_ms), (status, error, now_ms), "{end:?}");
}

#[test]
fn a_call_takes_as_long_as_its_mock_says() {
    let done = try_out(&task(json!({})), &json!({"A": {"return": 7, "after_ms": 1_500}}), json!({}));
    ends(&done, Status::Succeeded, None, 1_500);
    assert_eq!(done.end.unwrap().output, Some(json!(7)));
}

#[test]
fn a_timeout_ends_a_call_that_takes_longer() {
    let definition = task(json!({"TimeoutSeconds": 2}));
    let in_time = try_out(&definition, &json!({"A": {"return": 7, "after_ms": 1_999}}), json!({}));
    ends(&in_time, Status::Succeeded, None, 1_999);
    for late in [json!({"return": 7, "after_ms": 2_000}), json!({"never": true})] {
        let late = try_out(&definition, &json!({"A": late}), json!({}));
        ends(&late, Status::Failed, Some("States.Timeout"), 2_000);
    }
}

#[test]
fn the_run_has_a_timeout_too() {
    let mut definition = task(json!({}));
    definition["TimeoutSeconds"] = json!(3);
    let late = try_out(&definition, &json!({"A": {"never": true}}), json!({}));
    ends(&late, Status::TimedOut, Some("States.Timeout"), 3_000);
    let waiting = json!({"StartAt": "W", "TimeoutSeconds": 3, "States": {"W": {"Type": "Wait", "Seconds": 9, "End": true}}});
    ends(&try_out(&waiting, &json!({}), json!({})), Status::TimedOut, Some("States.Timeout"), 3_000);
}

#[test]
fn a_token_is_waited_for_until_its_limits() {
    let definition = |more: Value| {
        let mut definition = task(more);
        definition["States"]["A"]["Resource"] = json!("arn:aws:states:::sqs:sendMessage.waitForTaskToken");
        definition["States"]["A"]["Parameters"] = json!({"QueueUrl": "q", "MessageBody.$": "$$.Task.Token"});
        definition
    };
    let answered = json!({"A": {"return": {"ok": true}, "after_ms": 5_000, "submitted": {"MessageId": "m"}}});
    let done = try_out(&definition(json!({})), &answered, json!({}));
    ends(&done, Status::Succeeded, None, 5_000);
    let types: Vec<String> = done.events.iter().map(|event| event.event.type_name()).collect();
    assert!(types.contains(&"TaskSubmitted".to_owned()), "{types:?}");
    let late = try_out(&definition(json!({"HeartbeatSeconds": 4})), &answered, json!({}));
    ends(&late, Status::Failed, Some("States.Timeout"), 4_000);
    let stuck = try_out(&definition(json!({})), &json!({"A": {"never": true}}), json!({}));
    assert_eq!(stuck.end, Err(Stop::Stuck { state: "A".to_owned() }));
}

#[test]
fn branches_go_on_side_by_side_and_stop_together() {
    let branch = |name: &str| {
        let mut branch = task(json!({}));
        let state = branch["States"]["A"].take();
        json!({"StartAt": name, "States": {name: state}})
    };
    let definition = json!({"StartAt": "Both", "States": {"Both": {
        "Type": "Parallel", "Branches": [branch("Slow"), branch("Fast")], "End": true}}});
    let done = try_out(
        &definition,
        &json!({"Slow": {"return": 1, "after_ms": 9_000}, "Fast": {"return": 2, "after_ms": 1_000}}),
        json!({}),
    );
    ends(&done, Status::Succeeded, None, 9_000);
    assert_eq!(done.end.unwrap().output, Some(json!([1, 2])));
    let failed = try_out(
        &definition,
        &json!({"Slow": {"return": 1, "after_ms": 9_000}, "Fast": {"throw": {"error": "E"}, "after_ms": 1_000}}),
        json!({}),
    );
    ends(&failed, Status::Failed, Some("E"), 1_000);
}

#[test]
fn what_is_not_mocked_is_named() {
    let missing = try_out(&task(json!({})), &json!({}), json!({"a": 1}));
    let Err(Stop::Mock(missing)) = missing.end else { panic!("{missing:?}") };
    assert_eq!(
        (missing.state.as_str(), missing.why, missing.input),
        ("A", NoAnswer::Unknown, json!({"a": 1}))
    );
}

#[test]
fn a_run_without_an_end_is_given_up() {
    let definition = json!({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1, "Next": "W2"},
        "W2": {"Type": "Choice", "Choices": [{"Variable": "$.stop", "IsPresent": true, "Next": "End"}], "Default": "W"},
        "End": {"Type": "Succeed"}}});
    let endless = try_out(&definition, &json!({}), json!({}));
    assert_eq!((endless.end, endless.now_ms), (Err(Stop::TooLong(200)), 200_000));
}

#[test]
fn a_history_becomes_a_tree_of_visits() {
    let inner =
        json!({"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:f", "End": true});
    let definition = json!({"StartAt": "Outer", "States": {
        "Outer": {"Type": "Map", "MaxConcurrency": 1, "ItemProcessor": {"StartAt": "Inner", "States": {
            "Inner": {"Type": "Map", "ItemProcessor": {"StartAt": "T", "States": {"T": inner}}, "Next": "After"},
            "After": {"Type": "Pass", "End": true}}}, "Next": "Last"},
        "Last": {"Type": "Succeed"}}});
    let done = try_out(&definition, &json!({"T": {"return": 1}}), json!([[1, 2], [], [3]]));
    ends(&done, Status::Succeeded, None, 0);
    let definition = Definition::parse(&definition.to_string()).unwrap();
    let visits = Visits::new(&definition, &done.events);
    fn tree(visits: &Visits, lane: &super::super::visits::Lane) -> String {
        let shown = lane.visits.iter().map(|index| {
            let visit = visits.visit(*index).unwrap();
            assert!(visit.exited_ms.is_some(), "{visit:?}");
            let lanes: Vec<String> = visit
                .lanes
                .iter()
                .map(|lane| visits.lane(*lane).unwrap())
                .map(|lane| format!("{}: {}", lane.title, tree(visits, lane)))
                .collect();
            if lanes.is_empty() {
                visit.state.clone()
            } else {
                format!("{}({})", visit.state, lanes.join("; "))
            }
        });
        shown.collect::<Vec<_>>().join(" ")
    }
    assert_eq!(
        tree(&visits, visits.root().unwrap()),
        "Outer(item 0: Inner(item 0: T; item 1: T) After; item 1: Inner After; item 2: Inner(item 0: T) After) Last"
    );
}

#[test]
fn a_loop_of_states_that_wait_for_nothing_stops_by_its_events() {
    let pass = |next: &str| json!({"Type": "Pass", "Next": next});
    let definition = json!({"StartAt": "A", "States": {"A": pass("B"), "B": {"Type": "Choice", "Default": "A",
        "Choices": [{"Variable": "$.done", "IsPresent": true, "Next": "C"}]}, "C": {"Type": "Succeed"}}});
    let endless = try_out(&definition, &json!({}), json!({}));
    assert_eq!(endless.end, Err(Stop::TooManyEvents(2_000)));
    assert!((2_000..4_000).contains(&endless.events.len()), "{}", endless.events.len());
    // The same in the branches of a Map.
    let map =
        json!({"StartAt": "M", "States": {"M": {"Type": "Map", "End": true, "ItemProcessor": definition}}});
    let endless = try_out(&map, &json!({}), json!([1, 2, 3]));
    assert_eq!(endless.end, Err(Stop::TooManyEvents(2_000)));
}

#[test]
fn a_loop_of_fan_outs_stops_by_its_events() {
    // A state that leads back to itself, unless its output is done.
    let looping = |state: Value| {
        json!({"StartAt": "M", "States": {"M": state, "End": {"Type": "Succeed"}, "C": {"Type": "Choice", "Default": "M",
            "Choices": [{"Variable": "$.done", "IsPresent": true, "Next": "End"}]}}})
    };
    let pass = |number: usize| match number {
        9 => json!({"Type": "Pass", "End": true}),
        _ => json!({"Type": "Pass", "Next": format!("P{}", number + 1)}),
    };
    let passes: serde_json::Map<String, Value> =
        (0..10).map(|number| (format!("P{number}"), pass(number))).collect();
    // Its branches have ended, and their events count.
    let ended = json!({"Type": "Map", "ItemsPath": "$.items", "ResultPath": "$.results", "Next": "C",
        "ItemProcessor": {"StartAt": "P0", "States": passes}});
    // It has no branches, and nothing from outside comes between.
    let unopened = json!({"Type": "Map", "QueryLanguage": "JSONata", "Items": "{% [1] %}", "Next": "End",
        "ItemSelector": {"x": "{% $error('no') %}"}, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "C"}],
        "ItemProcessor": {"StartAt": "P9", "States": {"P9": pass(9)}}});
    for state in [ended, unopened] {
        let endless = try_out(&looping(state), &json!({}), json!({"items": [1, 2, 3]}));
        assert_eq!(endless.end, Err(Stop::TooManyEvents(2_000)));
        assert!((2_000..4_000).contains(&endless.events.len()), "{}", endless.events.len());
    }
}

#[test]
fn what_takes_too_long_to_evaluate_is_said() {
    let slow = "{% $count($states.input.a.($states.input.b[x > 3])) %}";
    let definition = json!({"StartAt": "A", "QueryLanguage": "JSONata", "States": {"A": {"Type": "Pass", "Output": slow, "End": true}}});
    let many: Vec<Value> = (0..40_000).map(|n| json!({"x": n % 3})).collect();
    let stopped = try_out(&definition, &json!({}), json!({"a": many, "b": many}));
    assert!(
        matches!(&stopped.end, Err(Stop::TooSlow(why)) if why.contains("took too long")),
        "{:?}",
        stopped.end
    );
}
