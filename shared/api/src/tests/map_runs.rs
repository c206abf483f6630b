//! ListMapRuns, DescribeMapRun and UpdateMapRun, while there are no Map Runs.

use crate::testing::{ARN, World, execution, machine, pass};
use serde_json::{Value, json};

fn map_run() -> String {
    format!("{ARN}:mapRun:w/Map:0f8fad5b-d9cb-469f-a165-70867728950e")
}

#[test]
fn no_execution_has_map_runs() {
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
