//! GetExecutionHistory.

use crate::{
    limits::RECORDINGS_KEPT,
    testing::{World, execution, pass, task, wait},
    token::TokenKey,
};
use serde_json::{Value, json};

/// All pages of a history.
fn pages(world: &World, body: &Value) -> Vec<Vec<Value>> {
    let mut pages = Vec::new();
    let mut body = body.clone();
    loop {
        let page = world.ok("GetExecutionHistory", body.clone());
        pages.push(page["events"].as_array().unwrap().clone());
        match page.get("nextToken") {
            Some(token) => body["nextToken"] = token.clone(),
            None => return pages,
        }
    }
}

fn ids(events: &[Value]) -> Vec<u64> {
    events.iter().map(|event| event["id"].as_u64().unwrap()).collect()
}

/// A Map over the input, each item done by the step `work`.
fn map() -> Value {
    json!({ "StartAt": "M", "States": { "M": { "Type": "Map", "End": true, "ItemProcessor": task() } } })
}

#[test]
fn a_history_has_awss_events_in_awss_shapes() {
    let world = World::of(&pass());
    world.start("17", &json!({ "a": 1 }));
    world.run();
    let events = pages(&world, &json!({ "executionArn": execution("17") })).concat();
    let data = json!("{\"a\":1}");
    let whole = json!({ "truncated": false });
    let at = events[0]["timestamp"].clone();
    assert_eq!(
        events,
        [
            json!({ "timestamp": at, "type": "ExecutionStarted", "id": 1, "previousEventId": 0,
                "executionStartedEventDetails": { "inputDetails": whole, "input": data,
                    "roleArn": "arn:aws:iam::000000000000:role/sim" } }),
            json!({ "timestamp": at, "type": "PassStateEntered", "id": 2, "previousEventId": 0,
                "stateEnteredEventDetails": { "name": "P", "inputDetails": whole, "input": data } }),
            json!({ "timestamp": at, "type": "PassStateExited", "id": 3, "previousEventId": 2,
                "stateExitedEventDetails": { "name": "P", "outputDetails": whole, "output": data } }),
            json!({ "timestamp": at, "type": "ExecutionSucceeded", "id": 4, "previousEventId": 3,
                "executionSucceededEventDetails": { "outputDetails": whole, "output": data } }),
        ]
    );
}

#[test]
fn a_history_comes_in_pages_forwards_and_backwards() {
    let world = World::of(&map());
    world.start("17", &json!([1, 2, 3, 4, 5, 6, 7]));
    world.run();
    let arn = execution("17");
    let all = pages(&world, &json!({ "executionArn": arn })).concat();
    assert_eq!(ids(&all), (1..=all.len() as u64).collect::<Vec<_>>());
    for results in [1, 2, 7, 64, 65, 1000] {
        let body = json!({ "executionArn": arn, "maxResults": results });
        let forward = pages(&world, &body);
        assert!(forward.iter().rev().skip(1).all(|page| page.len() == results));
        assert_eq!(forward.concat(), all, "pages of {results}");
        let mut back =
            pages(&world, &json!({ "executionArn": arn, "maxResults": results, "reverseOrder": true }))
                .concat();
        back.reverse();
        assert_eq!(back, all, "pages of {results}, backwards");
    }
    let usual = pages(&world, &json!({ "executionArn": arn, "maxResults": 0 }));
    assert_eq!(usual[0].len(), all.len().min(100));
}

#[test]
fn without_data_no_input_or_output_is_shown() {
    let world = World::of(&task());
    world.start("17", &json!({ "secret": 1 }));
    world.run();
    let body = json!({ "executionArn": execution("17"), "includeExecutionData": false });
    let events = pages(&world, &body).concat();
    assert!(!json!(events).to_string().contains("secret"), "{events:?}");
    assert_eq!(events[1]["stateEnteredEventDetails"], json!({ "name": "T" }));
}

#[test]
fn a_token_belongs_to_one_history_and_to_how_it_was_asked_for() {
    let world = World::of(&pass());
    world.start("17", &json!({}));
    world.start("18", &json!({}));
    world.run();
    let first = world.ok("GetExecutionHistory", json!({ "executionArn": execution("17"), "maxResults": 1 }));
    let token = first["nextToken"].as_str().unwrap();
    let refused = |body: Value| {
        world.refused("GetExecutionHistory", body, "InvalidToken", "Invalid Token: 'Invalid token'");
    };
    refused(json!({ "executionArn": execution("18"), "nextToken": token }));
    refused(json!({ "executionArn": execution("17"), "nextToken": token, "reverseOrder": true }));
    refused(json!({ "executionArn": execution("17"), "nextToken": token, "includeExecutionData": false }));
    refused(json!({ "executionArn": execution("17"), "nextToken": format!("{token}A") }));
    refused(json!({ "executionArn": execution("17"), "nextToken": token.to_uppercase() }));
    let body = json!({ "executionArn": execution("17"), "nextToken": "x".repeat(1_025) });
    world.refused("GetExecutionHistory", body, "ValidationException", "length less than or equal to 1024");
    world.host.wait(86_400_000);
    refused(json!({ "executionArn": execution("17"), "nextToken": token }));
}

#[test]
fn a_running_history_grows_behind_what_was_shown() {
    let two = json!({ "StartAt": "A", "States": {
        "A": { "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:work", "Next": "B" },
        "B": { "Type": "Wait", "Seconds": 60, "End": true },
    } });
    let world = World::of(&two);
    world.start("17", &json!({}));
    let body = json!({ "executionArn": execution("17"), "maxResults": 2 });
    let first = world.ok("GetExecutionHistory", body.clone());
    assert_eq!(ids(first["events"].as_array().unwrap()), [1, 2]);
    world.run();
    let mut body = body;
    body["nextToken"] = first["nextToken"].clone();
    let rest = pages(&world, &body).concat();
    assert_eq!(ids(&rest), (3..=rest.len() as u64 + 2).collect::<Vec<_>>());
    assert_eq!(rest.last().unwrap()["type"], "ExecutionSucceeded");
}

#[test]
fn where_the_events_that_were_shown_are_others_now_the_token_is_invalid() {
    let world = World::of(&wait());
    world.start("17", &json!({}));
    let nonce = world.run_item("17").nonce;
    let asked = json!(["GetExecutionHistory", execution("17"), nonce, false, false]);
    let call = |place: Value| {
        let token = TokenKey::new([7; 32]).seal(&asked, &place, world.now_ms()).unwrap();
        world.call("GetExecutionHistory", json!({ "executionArn": execution("17"), "nextToken": token }))
    };
    let invalid = Err(("InvalidToken".to_owned(), "Invalid Token: 'Invalid token'".to_owned()));
    assert_eq!(call(json!({ "n": 1, "d": "0123456789abcdef" })), invalid);
    assert_eq!(call(json!({ "n": 3, "d": "0123456789abcdef" })), invalid);
    assert_eq!(call(json!({ "n": -1 })), invalid);
    assert_eq!(call(json!(null)), invalid);
}

#[test]
fn an_ended_history_is_read_once_for_all_of_its_pages() {
    let world = World::of(&map());
    world.start("17", &json!([1, 2, 3]));
    world.run();
    world.host.calls();
    let all = pages(&world, &json!({ "executionArn": execution("17"), "maxResults": 3 }));
    assert!(all.len() > 5);
    let calls = world.host.calls();
    let count = |operation: &str| calls.iter().filter(|call| **call == operation).count();
    // A look at the run for each page, and one more with its records.
    assert_eq!(count("get run"), all.len() + 1);
    assert_eq!(count("query records"), 2, "{calls:?}");
}

#[test]
fn only_the_latest_few_histories_are_kept() {
    let world = World::of(&pass());
    let names: Vec<String> = (0..=RECORDINGS_KEPT).map(|number| format!("run-{number}")).collect();
    names.iter().for_each(|name| drop(world.start(name, &json!({}))));
    world.run();
    let is_read = |name: &str| {
        world.host.calls();
        pages(&world, &json!({ "executionArn": execution(name) }));
        world.host.calls().contains(&"query records")
    };
    assert!(names.iter().all(|name| is_read(name)));
    assert!(!is_read("run-1"), "it is kept, and the latest from now on");
    assert!(is_read("run-0"), "it had to make room");
    assert!(!is_read("run-1"));
}

#[test]
fn a_page_ends_where_an_answer_is_full() {
    let world = World::of(&pass());
    world.start("17", &json!("x".repeat(900_000)));
    world.run();
    let all = pages(&world, &json!({ "executionArn": execution("17") }));
    assert_eq!(ids(&all.concat()), [1, 2, 3, 4]);
    let twice = json!({ "StartAt": "P", "States": {
        "P": { "Type": "Pass", "Next": "Q" }, "Q": { "Type": "Pass", "Next": "R" }, "R": { "Type": "Pass", "End": true },
    } });
    let world = World::of(&twice);
    world.start("17", &json!("x".repeat(900_000)));
    world.run();
    let all = pages(&world, &json!({ "executionArn": execution("17") }));
    assert_eq!(all.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4]);
    assert_eq!(ids(&all.concat()), (1..=8).collect::<Vec<_>>());
}

#[test]
fn what_is_asked_wrongly_is_refused() {
    let world = World::of(&wait());
    world.start("17", &json!({}));
    for (results, message) in
        [(1001, "value less than or equal to 1000"), (-1, "value greater than or equal to 0")]
    {
        let body = json!({ "executionArn": execution("17"), "maxResults": results });
        world.refused("GetExecutionHistory", body, "ValidationException", message);
    }
}

/// Beyond the 25,000 events at which Step Functions gives up.
const TRANSITIONS: usize = 30_000;

/// A task that is called for as many items as the input has, one after another.
fn turns() -> Value {
    json!({ "StartAt": "T", "States": {
        "T": {
            "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:work", "ResultPath": null,
            "Next": "Count",
        },
        "Count": { "Type": "Pass", "Parameters": { "n.$": "States.MathAdd($.n, 1)" }, "Next": "More?" },
        "More?": {
            "Type": "Choice", "Choices": [{ "Variable": "$.n", "NumericLessThan": TRANSITIONS, "Next": "T" }],
            "Default": "Done",
        },
        "Done": { "Type": "Succeed" },
    } })
}

#[test]
fn thirty_thousand_transitions_are_read_once_and_then_page_by_page() {
    let world = World::of(&turns());
    world.start("17", &json!({ "n": 0 }));
    world.run_within(2 * TRANSITIONS);
    let count = |calls: &[&str]| calls.iter().filter(|call| **call == "query records").count();
    world.host.calls();
    let first = world.ok("GetExecutionHistory", json!({ "executionArn": execution("17"), "maxResults": 1 }));
    let cold = count(&world.host.calls());
    assert_eq!(ids(first["events"].as_array().unwrap()), [1]);
    assert!(cold >= TRANSITIONS / 50, "{cold} reads");
    let all = pages(&world, &json!({ "executionArn": execution("17"), "maxResults": 1000 }));
    // A page is made in two portions, and each reads its own records, 50 at once here, and those around them.
    let check_reads = |pages: usize| {
        let reads = count(&world.host.calls());
        assert!(reads <= 12 * pages, "{reads} reads for {pages} pages");
    };
    check_reads(all.len());
    let whole = ids(&all.concat());
    assert_eq!(whole, (1..=9 * TRANSITIONS as u64 + 4).collect::<Vec<_>>());
    // The last page costs what the first one does.
    let mut body = json!({ "executionArn": execution("17"), "maxResults": 100, "reverseOrder": true });
    for last in whole.rchunks(100).take(10) {
        let page = world.ok("GetExecutionHistory", body.clone());
        check_reads(1);
        assert!(ids(page["events"].as_array().unwrap()).iter().rev().eq(last));
        body["nextToken"] = page["nextToken"].clone();
    }
}

#[test]
fn a_run_that_goes_on_is_paged_as_it_was_when_the_first_page_was_shown() {
    let world = World::of(&json!({ "StartAt": "M", "States": {
        "M": { "Type": "Map", "ItemProcessor": task(), "Next": "W" },
        "W": { "Type": "Wait", "Seconds": 60, "End": true },
    } }));
    world.start("17", &json!([1, 2, 3, 4, 5, 6, 7, 8]));
    world.deliver(&stepladder_protocol::QueueName::Step("work".to_owned()));
    let mut body = json!({ "executionArn": execution("17"), "maxResults": 3 });
    let first = world.ok("GetExecutionHistory", body.clone());
    world.host.calls();
    body["nextToken"] = first["nextToken"].clone();
    let second = world.ok("GetExecutionHistory", body.clone());
    assert!(!world.host.calls().contains(&"query records"), "it was known");
    assert_eq!(ids(second["events"].as_array().unwrap()), [4, 5, 6]);
    world.run();
    body["nextToken"] = second["nextToken"].clone();
    let rest = pages(&world, &body).concat();
    assert_eq!(ids(&rest), (7..=rest.len() as u64 + 6).collect::<Vec<_>>());
    assert_eq!(rest.last().unwrap()["type"], "ExecutionSucceeded");
}
