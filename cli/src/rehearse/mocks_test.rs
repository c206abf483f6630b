use super::*;

const DEFINITION: &str = r#"{"StartAt": "Charge", "States": {
    "Charge": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:charge", "Next": "Each"},
    "Each": {"Type": "Map", "ItemProcessor": {"StartAt": "Pack", "States": {
        "Pack": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:pack", "End": true}}},
        "End": true}}}"#;

fn read(text: &str, test_case: Option<&str>) -> Outcome<Mocks> {
    let definition = Definition::parse(DEFINITION).unwrap();
    Mocks::read(text.as_bytes(), "mocks.json", &definition, "order", test_case)
}

#[track_caller]
fn refused(text: &str, test_case: Option<&str>, part: &str) {
    let failure = read(text, test_case).unwrap_err();
    assert_eq!((failure.exit, failure.code), (Exit::Usage, Code::InvalidMock));
    let all = format!("{failure} {:?}", failure.hint);
    assert!(all.contains(part), "{all}");
}

fn returned(value: Value) -> Answer {
    Answer { result: Answered::Return(value), after_ms: 0, submitted: None }
}

#[test]
fn answers_are_given_in_turn_or_always() {
    let text = r#"{"states": {"Charge": [{"throw": {"error": "E"}, "after_ms": 5}, {"return": null}], "Pack": {"return": 1}}}"#;
    let mut mocks = read(text, None).unwrap();
    assert_eq!(mocks.left().len(), 2);
    let thrown = Answered::Throw { error: "E".into(), cause: None };
    assert_eq!(mocks.next("Charge", &[]), Ok(Answer { result: thrown, after_ms: 5, submitted: None }));
    assert_eq!(mocks.left()[0], "of the mocks of state 'Charge' only the first 1 of 2 were asked for");
    assert_eq!(mocks.next("Charge", &[]), Ok(returned(Value::Null)));
    assert_eq!(mocks.next("Charge", &[]), Err(NoAnswer::UsedUp(2)));
    for index in 0..3 {
        assert_eq!(mocks.next("Pack", &[index]), Ok(returned(json!(1))));
    }
    assert_eq!(mocks.left(), Vec::<String>::new());
    assert_eq!(mocks.next("Other", &[]), Err(NoAnswer::Unknown));
}

#[test]
fn an_iteration_has_its_own_answers() {
    let text = r#"{"schema": "stepladder.mock/1", "states": {"Pack": {"iterations": {
        "1": [{"return": "one"}], "0/2": {"return": "nested"}, "*": {"return": "any"}}}}}"#;
    let mut mocks = read(text, None).unwrap();
    assert_eq!(mocks.next("Pack", &[0]), Ok(returned(json!("any"))));
    assert_eq!(mocks.next("Pack", &[1]), Ok(returned(json!("one"))));
    assert_eq!(mocks.next("Pack", &[1]), Err(NoAnswer::UsedUp(1)));
    assert_eq!(mocks.next("Pack", &[0, 2]), Ok(returned(json!("nested"))));
    assert_eq!(mocks.next("Pack", &[2]), Ok(returned(json!("any"))));
}

#[test]
fn what_is_no_mock_file_is_refused() {
    refused("{", None, "no JSON");
    refused("{}", None, "missing field `states`");
    refused(r#"{"states": {}, "other": 1}"#, None, "unknown field `other`");
    refused(r#"{"schema": "stepladder.mock/2", "states": {}}"#, None, "this version reads stepladder.mock/1");
    refused(r#"{"states": {"Charge": 5}}"#, None, "an answer, a list of answers");
    refused(r#"{"states": {"Charge": {}}}"#, None, "one of `return`, `respond`, `throw` and `never`");
    refused(r#"{"states": {"Charge": {"return": 1, "never": true}}}"#, None, "one of `return`");
    refused(r#"{"states": {"Pack": {"iterations": {"x": {"return": 1}}}}}"#, None, "'x' names no iteration");
    refused(r#"{"states": {"Chrage": {"return": 1}}}"#, None, "did you mean 'Charge'?");
    refused(r#"{"states": {"Each": {"return": 1}}}"#, None, "'Each' is a Map state");
    refused(r#"{"states": {}}"#, Some("Happy"), "--test-case is for files of Step Functions Local");
}

const AWS: &str = r#"{
    "StateMachines": {"order": {"TestCases": {"Happy": {"Charge": "Paid"}, "Retry": {"Charge": "AtLast"}}},
                      "other": {"TestCases": {"Only": {"Charge": "Paid"}}}},
    "MockedResponses": {"Paid": {"0": {"Return": {"StatusCode": 200}}},
                        "AtLast": {"0-1": {"Throw": {"Error": "E", "Cause": "C"}}, "2": {"Return": 1}}}}"#;

#[test]
fn the_format_of_step_functions_local_is_read() {
    let mut mocks = read(AWS, Some("Retry")).unwrap();
    let thrown = Answered::Throw { error: "E".into(), cause: Some("C".into()) };
    assert_eq!(mocks.next("Charge", &[]).unwrap().result, thrown);
    assert_eq!(mocks.next("Charge", &[]).unwrap().result, thrown);
    assert_eq!(mocks.left(), ["of the mocks of state 'Charge' only the first 2 of 3 were asked for"]);
    assert_eq!(mocks.next("Charge", &[]).unwrap().result, Answered::Respond(json!(1)));
    assert_eq!(mocks.next("Charge", &[]), Err(NoAnswer::UsedUp(3)));
    // Of a machine of another name, and of the only case there.
    let mut other = read(AWS, Some("other#Only")).unwrap();
    assert_eq!(other.next("Charge", &[]).unwrap().result, Answered::Respond(json!({"StatusCode": 200})));
}

#[test]
fn a_test_case_has_to_be_named_where_there_are_several() {
    refused(AWS, None, "name one of the test cases of 'order' by --test-case: 'Happy', 'Retry'");
    refused(AWS, Some("Sad"), "'order' has no test case 'Sad', but 'Happy', 'Retry'");
    refused(AWS, Some("third#Happy"), "no state machine 'third', but 'order', 'other'");
    refused(
        &AWS.replace("\"Paid\": {\"0\"", "\"Paid\": {\"x\""),
        Some("Happy"),
        "'x' is no number of a call",
    );
    refused(
        &AWS.replace("\"AtLast\": {", "\"Lost\": {"),
        Some("Retry"),
        "there is no mocked response 'AtLast'",
    );
}

#[test]
fn a_sketch_is_a_mock_file() {
    let definition = Definition::parse(DEFINITION).unwrap();
    let sketch = sketch(tasks(&definition));
    let mut mocks = read(&sketch.to_string(), None).unwrap();
    assert_eq!(mocks.next("Charge", &[]), Ok(returned(json!({}))));
    assert_eq!(mocks.next("Pack", &[3]), Ok(returned(json!({}))));
}
