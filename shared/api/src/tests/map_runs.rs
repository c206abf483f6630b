//! ListMapRuns, DescribeMapRun and UpdateMapRun; and the children of Map Runs.

use crate::testing::{ARN, World, execution, machine, pass};
use serde_json::{Value, json};
use stepladder_protocol::QueueName;

fn map_run() -> String {
    format!("{ARN}:mapRun:w/Map:0f8fad5b-d9cb-469f-a165-70867728950e")
}

#[test]
fn an_execution_without_a_distributed_map_has_no_map_runs() {
    let world = World::of(&pass());
    world.start("one", &json!({}));
    for _also_ended in 0..2 {
        assert_eq!(
            world.ok("ListMapRuns", json!({ "executionArn": execution("one") })),
            json!({ "mapRuns": [] })
        );
        world.run();
    }
}

#[test]
fn a_map_run_that_is_not_there_is_told_from_what_is_no_arn_of_one() {
    let world = World::of(&pass());
    let elsewhere = map_run().replace("us-east-1", "eu-west-1");
    let no_service = map_run().replace(":states:", ":sqs:");
    for (arn, kind, message) in [
        (map_run(), "ResourceNotFound", format!("Resource not found: '{}'", map_run())),
        (elsewhere.clone(), "ResourceNotFound", format!("Resource not found: '{elsewhere}'")),
        (
            format!("{ARN}:mapRun:w/Map"),
            "InvalidArn",
            format!("Invalid Arn: 'Invalid ARN: {ARN}:mapRun:w/Map'"),
        ),
        (format!("{ARN}:mapRun:w:0"), "InvalidArn", format!("Invalid Arn: 'Invalid ARN: {ARN}:mapRun:w:0'")),
        (
            format!("{ARN}:mapRun:w/:0"),
            "InvalidArn",
            format!("Invalid Arn: 'Invalid ARN: {ARN}:mapRun:w/:0'"),
        ),
        (no_service, "InvalidArn", "Invalid Arn: 'Invalid service in ARN: sqs'".to_owned()),
        (machine("w"), "InvalidArn", "Resource type not valid in this context: stateMachine".to_owned()),
        (execution("one"), "InvalidArn", "Resource type not valid in this context: execution".to_owned()),
        ("x".to_owned(), "InvalidArn", "Invalid Arn: 'Invalid ARN prefix: x'".to_owned()),
        (String::new(), "ValidationException", "Value '' at 'mapRunArn' failed".to_owned()),
    ] {
        world.refused("DescribeMapRun", json!({ "mapRunArn": arn }), kind, &message);
        world.refused("UpdateMapRun", json!({ "mapRunArn": arn, "maxConcurrency": 0 }), kind, &message);
    }
    let (_, _, answer) =
        world.raw(World::request("DescribeMapRun", json!({ "mapRunArn": map_run() }).to_string()));
    assert_eq!(answer["resourceName"], map_run());
    world.refused("DescribeMapRun", json!({}), "ValidationException", "Value null at 'mapRunArn'");
}

#[test]
fn an_update_of_a_map_run_is_refused_with_awss_reasons() {
    let world = World::of(&pass());
    let check = |members: Value, kind: &str, message: &str| {
        let mut body = members;
        body["mapRunArn"] = json!(map_run());
        world.refused("UpdateMapRun", body, kind, message);
    };
    let validation = "ValidationException";
    check(
        json!({ "maxConcurrency": -1, "toleratedFailureCount": -2, "toleratedFailurePercentage": 100.5 }),
        validation,
        "3 validation errors detected: Value '-1' at 'maxConcurrency' failed to satisfy constraint: Member must have value \
         greater than or equal to 0; Value '-2' at 'toleratedFailureCount' failed to satisfy constraint: Member must have \
         value greater than or equal to 0; Value '100.5' at 'toleratedFailurePercentage' failed to satisfy constraint: \
         Member must have value less than or equal to 100",
    );
    check(
        json!({ "toleratedFailurePercentage": -0.5 }),
        validation,
        "Value '-0.5' at 'toleratedFailurePercentage' failed to satisfy constraint: Member must have value greater than or \
         equal to 0",
    );
    check(
        json!({ "toleratedFailurePercentage": "5" }),
        "SerializationException",
        "STRING_VALUE cannot be converted to Float",
    );
    check(json!({}), validation, "Must specify at least one of maxConcurrency");
    let body = json!({ "mapRunArn": map_run() });
    let (_, _, answer) = world.raw(World::request("UpdateMapRun", body.to_string()));
    assert_eq!(answer["reason"], "MISSING_REQUIRED_PARAMETER");
    for good in [
        json!({ "maxConcurrency": 0 }),
        json!({ "toleratedFailureCount": i64::MAX }),
        json!({ "toleratedFailurePercentage": 33.3 }),
        json!({ "toleratedFailurePercentage": 100 }),
    ] {
        check(good, "ResourceNotFound", "Resource not found: 'arn");
    }
}

/// A distributed Map state over the input, whose children are the step `work`, with more fields.
fn distributed(fields: Value) -> Value {
    let work = json!({
        "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:work", "End": true,
    });
    with_processor(fields, work)
}

fn with_processor(fields: Value, child: Value) -> Value {
    let mut map = json!({
        "Type": "Map",
        "Label": "Rows",
        "ItemProcessor": {
            "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" },
            "StartAt": "Child",
            "States": { "Child": child },
        },
        "End": true,
    });
    for (name, value) in fields.as_object().unwrap() {
        map[name] = value.clone();
    }
    json!({ "StartAt": "Each", "States": { "Each": map } })
}

/// The one Map Run of the execution `one`.
fn only(world: &World) -> Value {
    let listed = world.ok("ListMapRuns", json!({ "executionArn": execution("one") }));
    let listed = listed["mapRuns"].as_array().unwrap().clone();
    assert_eq!(listed.len(), 1, "{listed:?}");
    listed[0].clone()
}

fn described(world: &World) -> Value {
    world.ok("DescribeMapRun", json!({ "mapRunArn": only(world)["mapRunArn"] }))
}

/// The children of the only Map Run, page by page, with more members of the request.
fn children(world: &World, more: Value) -> Vec<Value> {
    let mut body = more;
    body["mapRunArn"] = only(world)["mapRunArn"].clone();
    let mut all = Vec::new();
    loop {
        let page = world.ok("ListExecutions", body.clone());
        let found = page["executions"].as_array().unwrap();
        assert!(body.get("maxResults").is_none_or(|max| found.len() as u64 <= max.as_u64().unwrap()));
        all.extend(found.clone());
        match page.get("nextToken") {
            Some(token) => body["nextToken"] = token.clone(),
            None => return all,
        }
    }
}

/// Counts, of which those not named are 0.
fn counts(some: Value) -> Value {
    let mut counts = json!({});
    for name in [
        "pending",
        "running",
        "succeeded",
        "failed",
        "timedOut",
        "aborted",
        "total",
        "resultsWritten",
        "failuresNotRedrivable",
        "pendingRedrive",
    ] {
        counts[name] = some.get(name).cloned().unwrap_or(json!(0));
    }
    counts
}

fn of<'a>(children: &'a [Value], member: &str) -> Vec<&'a Value> {
    children.iter().map(|child| &child[member]).collect()
}

#[test]
fn a_map_run_is_listed_and_described_when_it_is_over() {
    let fields =
        json!({ "MaxConcurrency": 2, "ToleratedFailureCount": 1, "ToleratedFailurePercentage": 50.0 });
    let world = World::of(&distributed(fields));
    world.start("one", &json!([{ "n": 0 }, { "n": 1 }, { "fail": "Bad" }, { "n": 3 }, { "n": 4 }]));
    world.run();
    let listed = only(&world);
    let arn = listed["mapRunArn"].as_str().unwrap();
    assert!(arn.starts_with(&format!("{ARN}:mapRun:w/Rows:")), "{arn}");
    let described = described(&world);
    let stopped = described["stopDate"].as_f64().unwrap();
    assert!(stopped >= 1_700_000_000.0);
    assert_eq!(
        listed,
        json!({
            "executionArn": execution("one"),
            "mapRunArn": arn,
            "stateMachineArn": format!("{}/Rows", machine("w")),
            "startDate": 1_700_000_000.0,
            "stopDate": stopped,
        })
    );
    let ended = counts(json!({ "succeeded": 4, "failed": 1, "failuresNotRedrivable": 1, "total": 5 }));
    assert_eq!(
        described,
        json!({
            "mapRunArn": arn,
            "executionArn": execution("one"),
            "status": "SUCCEEDED",
            "startDate": 1_700_000_000.0,
            "stopDate": stopped,
            "maxConcurrency": 2,
            "toleratedFailureCount": 1,
            "toleratedFailurePercentage": 50.0,
            "itemCounts": ended,
            "executionCounts": ended,
            "redriveCount": 0,
        })
    );
    let history = world.ok("GetExecutionHistory", json!({ "executionArn": execution("one") }));
    assert!(history.to_string().contains(arn));
    let body = json!({ "mapRunArn": arn, "maxConcurrency": 3 });
    world.refused("UpdateMapRun", body.clone(), "ValidationException", "can't be updated");
    let (_, _, answer) = world.raw(World::request("UpdateMapRun", body.to_string()));
    assert_eq!(answer["reason"], "CANNOT_UPDATE_COMPLETED_MAP_RUN");
    for other in [arn.replace("w/Rows", "w/Other"), arn.replace("w/Rows", "v/Rows")] {
        world.refused("DescribeMapRun", json!({ "mapRunArn": other }), "ResourceNotFound", &other);
    }
}

#[test]
fn the_children_of_a_map_run_are_listed_and_described_each() {
    let world = World::of(&distributed(json!({ "MaxConcurrency": 2, "ToleratedFailureCount": 1 })));
    world.start("one", &json!([{ "n": 0 }, { "n": 1 }, { "fail": "Bad" }, { "n": 3 }, { "n": 4 }]));
    world.run();
    let all = children(&world, json!({}));
    let names = of(&all, "name");
    assert_eq!(names.len(), 5);
    for max in 1..4 {
        assert_eq!(children(&world, json!({ "maxResults": max })), all);
    }
    assert_eq!(of(&children(&world, json!({ "statusFilter": "FAILED" })), "name"), [names[2]]);
    assert_eq!(children(&world, json!({ "statusFilter": "SUCCEEDED", "maxResults": 1 })).len(), 4);
    assert_eq!(children(&world, json!({ "statusFilter": "RUNNING" })), Vec::<Value>::new());
    assert_eq!(children(&world, json!({ "redriveFilter": "REDRIVEN" })), Vec::<Value>::new());
    assert_eq!(children(&world, json!({ "redriveFilter": "NOT_REDRIVEN" })), all);
    for (child, data) in
        all.iter().zip([json!({ "n": 4 }), json!({ "n": 3 }), json!({ "fail": "Bad" }), json!({ "n": 1 })])
    {
        let name = child["name"].as_str().unwrap();
        let arn = format!("{ARN}:execution:w/Rows:{name}");
        let mut expected = child.clone();
        expected.as_object_mut().unwrap().remove("itemCount");
        assert_eq!((&child["itemCount"], &child["executionArn"]), (&json!(1), &json!(arn)));
        let mut described = world.ok("DescribeExecution", json!({ "executionArn": arn }));
        let reason = format!("Execution is {} and cannot be redriven", child["status"].as_str().unwrap());
        assert_eq!(described["redriveStatusReason"], json!(reason));
        assert_eq!(described["input"], json!(data.to_string()));
        let is_failed = data.get("fail").is_some();
        assert_eq!(described.get("output").is_none(), is_failed);
        assert_eq!(described.get("error"), is_failed.then_some(&json!("Bad")));
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(described[name], *value, "{name}");
        }
        described =
            world.ok("DescribeExecution", json!({ "executionArn": arn, "includedData": "METADATA_ONLY" }));
        assert_eq!((described.get("input"), described.get("output")), (None, None));
        // Another child has no such name, nor has another label.
        let (head, last) = arn.split_at(arn.len() - 1);
        let other = format!("{head}{}", if last == "0" { "1" } else { "0" });
        for arn in [other, arn.replace("w/Rows", "w/Other"), arn.replace("w/Rows", "v/Rows")] {
            let body = json!({ "executionArn": arn });
            world.refused("DescribeExecution", body, "ExecutionDoesNotExist", &arn);
        }
    }
}

#[test]
fn a_running_map_run_has_children_that_run_and_some_that_have_not_begun() {
    let hour = json!({ "Type": "Wait", "Seconds": 3600, "End": true });
    let world = World::of(&with_processor(json!({ "MaxConcurrency": 2 }), hour));
    world.start("one", &json!([0, 1, 2, 3, 4]));
    let running = counts(json!({ "running": 2, "pending": 3, "total": 5 }));
    let now = described(&world);
    assert_eq!((&now["status"], &now["executionCounts"]), (&json!("RUNNING"), &running));
    assert_eq!((now.get("stopDate"), only(&world).get("stopDate")), (None, None));
    let all = children(&world, json!({}));
    assert_eq!(of(&all, "status"), ["RUNNING", "RUNNING"]);
    assert_eq!(of(&all, "startDate"), [&json!(1_700_000_000.0); 2]);
    world.host.wait(1_000);
    world.ok("StopExecution", json!({ "executionArn": execution("one") }));
    world.run();
    let now = described(&world);
    let aborted = counts(json!({ "aborted": 2, "pending": 3, "total": 5 }));
    assert_eq!((&now["status"], &now["executionCounts"]), (&json!("ABORTED"), &aborted));
    assert_eq!(now["stopDate"], json!(1_700_000_001.0));
    let all = children(&world, json!({}));
    assert_eq!(of(&all, "status"), ["ABORTED", "ABORTED"]);
    assert_eq!(of(&all, "stopDate"), [&json!(1_700_000_001.0); 2]);
    let body = json!({ "executionArn": all[0]["executionArn"] });
    assert_eq!(world.ok("DescribeExecution", body)["redriveStatus"], "REDRIVABLE_BY_MAP_RUN");
}

#[test]
fn children_begin_one_after_another_over_many_parts() {
    let world = World::of(&distributed(json!({ "MaxConcurrency": 70 })));
    let items: Vec<Value> = (0..150).map(|n| json!({ "n": n })).collect();
    world.start("one", &json!(items));
    world.deliver(&QueueName::Timer);
    for _ in 0..40 {
        world.deliver(&QueueName::Step("work".to_owned()));
        let now = described(&world);
        let number = |name: &str| now["executionCounts"][name].as_u64().unwrap();
        let (succeeded, running, pending) = (number("succeeded"), number("running"), number("pending"));
        assert_eq!(succeeded + running + pending, 150);
        if now["status"] == "RUNNING" && pending > 0 {
            assert_eq!(running, 70, "{now}");
        }
        let listed = children(&world, json!({ "statusFilter": "RUNNING", "maxResults": 33 }));
        assert_eq!(listed.len() as u64, running);
    }
    world.run();
    assert_eq!(described(&world)["executionCounts"], counts(json!({ "succeeded": 150, "total": 150 })));
    let all = children(&world, json!({ "maxResults": 7 }));
    let mut names = of(&all, "name");
    names.sort_by_key(|name| name.as_str().unwrap().to_owned());
    names.dedup();
    assert_eq!(names.len(), 150);
    assert!(all.iter().all(|child| child["stopDate"].as_f64() >= child["startDate"].as_f64()));
}

#[test]
fn a_map_run_is_updated_and_shows_it() {
    let world = World::of(&distributed(json!({ "MaxConcurrency": 1 })));
    world.start("one", &json!([{ "n": 0 }, { "fail": "Bad" }, { "n": 2 }, { "n": 3 }]));
    world.deliver(&QueueName::Timer);
    let arn = only(&world)["mapRunArn"].clone();
    let change = |members: Value| {
        let mut body = members;
        body["mapRunArn"] = arn.clone();
        assert_eq!(world.ok("UpdateMapRun", body), json!({}));
    };
    change(json!({ "maxConcurrency": 2, "toleratedFailurePercentage": 25 }));
    change(json!({ "maxConcurrency": 3 }));
    for _ in 0..2 {
        let now = described(&world);
        assert_eq!((&now["maxConcurrency"], &now["toleratedFailureCount"]), (&json!(3), &json!(0)));
        assert_eq!(now["toleratedFailurePercentage"], json!(25.0));
        world.run();
    }
    let after = described(&world);
    assert_eq!((&after["status"], &after["redriveCount"]), (&json!("SUCCEEDED"), &json!(0)));
    let ended = counts(json!({ "succeeded": 3, "failed": 1, "failuresNotRedrivable": 1, "total": 4 }));
    assert_eq!(after["executionCounts"], ended);
    let all = children(&world, json!({}));
    assert_eq!(of(&all, "status"), ["SUCCEEDED", "SUCCEEDED", "FAILED", "SUCCEEDED"]);
    assert_eq!(of(&all, "redriveCount"), [0, 0, 0, 0]);
    for child in &all {
        let described = world.ok("DescribeExecution", json!({ "executionArn": child["executionArn"] }));
        assert_eq!((&described["name"], &described["status"]), (&child["name"], &child["status"]));
    }
    let history = world.ok("GetExecutionHistory", json!({ "executionArn": execution("one") }));
    let types: Vec<&str> =
        history["events"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
    let expected = [
        "ExecutionStarted",
        "MapStateEntered",
        "MapStateStarted",
        "MapRunStarted",
        "MapRunSucceeded",
        "MapStateSucceeded",
        "MapStateExited",
        "ExecutionSucceeded",
    ];
    assert_eq!(types, expected);
}

#[test]
fn items_are_counted_beside_the_children_that_get_them() {
    let batches = |fields: Value| distributed(json!({ "ItemBatcher": fields }));
    let items = json!([{ "n": 0 }, { "n": 1 }, { "n": 2 }, { "n": 3 }, { "n": 4 }]);
    for (definition, children_of, known) in [
        (batches(json!({ "MaxItemsPerBatch": 2 })), 3, [Some(1), Some(2), Some(2)]),
        // `{"Items":[]}`, and each item with a comma: two of them.
        (batches(json!({ "MaxInputBytesPerBatch": 30 })), 3, [None; 3]),
    ] {
        let world = World::of(&definition);
        world.start("one", &items);
        world.run();
        let described = described(&world);
        assert_eq!(described["itemCounts"], counts(json!({ "succeeded": 5, "total": 5 })));
        let ended = counts(json!({ "succeeded": children_of, "total": children_of }));
        assert_eq!(described["executionCounts"], ended);
        let all = children(&world, json!({}));
        let shown: Vec<Option<u64>> =
            all.iter().map(|child| child.get("itemCount").and_then(Value::as_u64)).collect();
        assert_eq!(shown, known);
    }
}

#[test]
fn a_map_run_that_reads_its_items_is_there_from_the_beginning() {
    let mut definition = distributed(json!({ "ItemBatcher": { "MaxItemsPerBatch": 2 } }));
    definition["States"]["Each"]["ItemReader"] = json!({
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": { "InputType": "JSONL" },
        "Parameters": { "Bucket": "data", "Key": "rows" },
    });
    let world = World::of(&definition);
    world.host.put_object("data", "rows", "{\"n\": 0}\n{\"n\": 1}\n{\"n\": 2}\n");
    world.start("one", &json!({}));
    world.deliver(&QueueName::Timer);
    let arn = only(&world)["mapRunArn"].clone();
    assert_eq!(described(&world)["status"], "RUNNING");
    world.run();
    let described = described(&world);
    assert_eq!((&described["status"], &described["mapRunArn"]), (&json!("SUCCEEDED"), &arn));
    assert_eq!(described["startDate"], json!(1_700_000_000.0));
    assert_eq!(described["itemCounts"], counts(json!({ "succeeded": 3, "total": 3 })));
    let all = children(&world, json!({}));
    assert_eq!(of(&all, "itemCount"), [&json!(1), &json!(2)]);
    let body = json!({ "executionArn": all[0]["executionArn"] });
    assert_eq!(world.ok("DescribeExecution", body)["input"], json!("{\"Items\":[{\"n\":2}]}"));
}

#[test]
fn a_map_run_whose_object_is_not_there_has_failed_without_children() {
    let mut definition = distributed(json!({}));
    definition["States"]["Each"]["ItemReader"] = json!({
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": { "InputType": "JSONL" },
        "Parameters": { "Bucket": "data", "Key": "rows" },
    });
    let world = World::of(&definition);
    world.start("one", &json!({}));
    world.run();
    let described = described(&world);
    assert_eq!((&described["status"], &described["itemCounts"]), (&json!("FAILED"), &counts(json!({}))));
    assert_eq!(children(&world, json!({})), Vec::<Value>::new());
}

#[test]
fn a_redriven_map_run_is_the_same_and_keeps_what_has_succeeded() {
    let world = World::of(&distributed(json!({ "MaxConcurrency": 1 })));
    world.start("one", &json!([{ "n": 0 }, { "fail": "Bad" }, { "n": 2 }]));
    world.run();
    let before = described(&world);
    let failed = counts(json!({ "succeeded": 1, "failed": 1, "pending": 1, "total": 3 }));
    assert_eq!((&before["status"], &before["executionCounts"]), (&json!("FAILED"), &failed));
    let names = of(&children(&world, json!({})), "name").into_iter().cloned().collect::<Vec<_>>();
    assert_eq!(names.len(), 2);
    world.host.wait(5_000);
    world.ok("RedriveExecution", json!({ "executionArn": execution("one") }));
    let redriven_ms = world.now_ms();
    world.deliver(&QueueName::Timer);
    let during = described(&world);
    let running = counts(json!({ "succeeded": 1, "running": 1, "pending": 1, "total": 3 }));
    assert_eq!((&during["status"], &during["executionCounts"]), (&json!("RUNNING"), &running));
    assert_eq!(of(&children(&world, json!({ "statusFilter": "RUNNING" })), "name"), [&names[0]]);
    world.run();
    let after = described(&world);
    assert_eq!((&after["status"], &after["executionCounts"]), (&json!("FAILED"), &failed));
    for same in ["mapRunArn", "startDate", "maxConcurrency"] {
        assert_eq!(after[same], before[same]);
    }
    assert_eq!(after["redriveCount"], 1);
    assert_eq!(after["redriveDate"], json!(redriven_ms as f64 / 1000.0));
    let all = children(&world, json!({}));
    assert_eq!(of(&all, "name"), names.iter().collect::<Vec<_>>());
    assert_eq!(of(&all, "redriveCount"), [1, 0]);
    assert_eq!(all[0]["redriveDate"], after["redriveDate"]);
    assert!(all[0]["startDate"].as_f64() < all[0]["redriveDate"].as_f64());
    assert_eq!(of(&children(&world, json!({ "redriveFilter": "REDRIVEN" })), "name"), [&names[0]]);
    let body = json!({ "executionArn": all[0]["executionArn"] });
    let child = world.ok("DescribeExecution", body);
    assert_eq!((&child["input"], &child["error"]), (&json!("{\"fail\":\"Bad\"}"), &json!("Bad")));
    assert_eq!(child["redriveStatus"], "REDRIVABLE_BY_MAP_RUN");
}

#[test]
fn map_runs_of_one_execution_come_page_by_page_the_last_one_first() {
    let names = ["One", "Two", "Three"];
    let mut definition = json!({ "StartAt": "One", "States": {} });
    for (at, name) in names.iter().enumerate() {
        let mut state = distributed(json!({ "Label": name }))["States"]["Each"].clone();
        let child = state["ItemProcessor"]["States"]["Child"].clone();
        state["ItemProcessor"]["StartAt"] = json!(format!("Of{name}"));
        state["ItemProcessor"]["States"] = json!({ format!("Of{name}"): child });
        if let Some(next) = names.get(at + 1) {
            state.as_object_mut().unwrap().remove("End");
            state["Next"] = json!(next);
        }
        definition["States"][name] = state;
    }
    let world = World::of(&definition);
    world.start("one", &json!([{}]));
    world.run();
    let whole = world.ok("ListMapRuns", json!({ "executionArn": execution("one") }));
    let whole = whole["mapRuns"].as_array().unwrap();
    let labels: Vec<&str> = whole
        .iter()
        .map(|map_run| map_run["stateMachineArn"].as_str().unwrap().rsplit('/').next().unwrap())
        .collect();
    assert_eq!(labels, ["Three", "Two", "One"]);
    let (mut body, mut paged) = (json!({ "executionArn": execution("one"), "maxResults": 1 }), Vec::new());
    loop {
        let page = world.ok("ListMapRuns", body.clone());
        paged.extend(page["mapRuns"].as_array().unwrap().clone());
        let Some(token) = page.get("nextToken") else { break };
        body["nextToken"] = token.clone();
    }
    assert_eq!(paged, *whole);
    body["executionArn"] = json!(execution("one"));
    body["nextToken"] = json!("x");
    world.refused("ListMapRuns", body, "InvalidToken", "");
}
