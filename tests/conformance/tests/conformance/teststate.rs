//! Single states that were recorded with AWS's TestState API.

use crate::compare::difference;
use serde_json::{Map, Value, json};
use stepladder_asl::{Definition, Kind, State};
use stepladder_conformance::{Report, cases, text};
use stepladder_engine::{LONE_STATE, Mock, Run, StateTest, StateTested, machine_of, test_state};

#[test]
fn single_states_do_as_on_aws() {
    let Some(cases) = cases("teststate.jsonl") else { return };
    let mut report = Report::new("teststate.jsonl");
    for case in &cases {
        report.run(text(case, "group"), text(case, "id"), || differs(case));
    }
    report.print();
    report.finish();
}

fn differs(case: &Value) -> Option<String> {
    let name = case["state_name"].as_str().unwrap_or(LONE_STATE);
    let whole = case["definition"].to_string();
    let whole = if case["definition"].get("States").is_some() { whole } else { machine_of(&whole) };
    let definition = match Definition::parse(&whole) {
        Ok(definition) => definition,
        Err(faults) => return Some(format!("refused: {faults}")),
    };
    let run = Run { account: "111111111111".to_owned(), ..Run::for_test("TestStateMachine", "test-state") };
    let Some(state) = definition.state(name) else {
        return Some(format!("the definition has no state '{name}'"));
    };
    let test = test_of(case, state);
    match test_state(&definition, name, &run, &test, 1_700_000_000_000) {
        Ok(tested) => difference(&expected(&case["expect"]), &actual(&case["expect"], &tested)),
        Err(error) => Some(error.to_string()),
    }
}

fn test_of(case: &Value, state: &State) -> StateTest {
    let owned = |value: &Value| value.as_str().map(str::to_owned);
    let config = &case["config"];
    let (mock, data) = (&case["mock"], config["mapItemReaderData"].as_str());
    StateTest {
        input: case["input"].clone(),
        context: case.get("context").cloned(),
        variables: case["variables"].as_object().cloned().unwrap_or_default(),
        mock: match (mock.get("result"), mock.is_object()) {
            (Some(result), _) => Some(Mock::Result(result.clone())),
            (None, true) => Some(Mock::Error { error: owned(&mock["error"]), cause: owned(&mock["cause"]) }),
            (None, false) => None,
        },
        // The recordings gave a role to the states that can use one.
        role_arn: matches!(state.kind, Kind::Task(_) | Kind::Map(_) | Kind::Parallel(_))
            .then(|| "arn:aws:iam::111111111111:role/test".to_owned()),
        retrier_retry_count: config["retrierRetryCount"].as_u64().unwrap_or_default(),
        map_iteration_failure_count: config["mapIterationFailureCount"].as_u64().unwrap_or_default() as u32,
        error_caused_by_state: owned(&config["errorCausedByState"]),
        map_item_reader_data: data.map(|data| serde_json::from_str(data).unwrap()),
    }
}

fn expected(expect: &Value) -> Value {
    let mut expected = expect.clone();
    expected.as_object_mut().unwrap().entry("output").or_insert(Value::Null);
    expected
}

fn actual(expect: &Value, tested: &StateTested) -> Value {
    let mut actual = Map::new();
    actual.insert("status".to_owned(), json!(tested.status.as_str()));
    actual.insert("output".to_owned(), json!(tested.output));
    let optional = [("error", &tested.error), ("cause", &tested.cause), ("nextState", &tested.next_state)];
    for (name, value) in optional {
        if let Some(value) = value {
            actual.insert(name.to_owned(), json!(value));
        }
    }
    if expect.get("inspection").is_some() {
        actual.insert("inspection".to_owned(), json!(tested.inspection));
    }
    Value::Object(actual)
}
