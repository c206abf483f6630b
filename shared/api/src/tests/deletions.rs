//! DeleteStateMachine.

use crate::{
    Refusals,
    testing::{World, create, execution, machine, pass, task, wait, with},
};
use serde_json::{Value, json};

fn delete(world: &World) -> Value {
    world.ok("DeleteStateMachine", json!({ "stateMachineArn": machine("w") }))
}

/// A state machine `w` with a version, an alias and a tag.
fn world(definition: &Value) -> World {
    let world = World::with(Refusals::Aws);
    let body = with(create("w", definition), "publish", json!(true));
    world.ok("CreateStateMachine", with(body, "tags", json!([{ "key": "k", "value": "v" }])));
    let routing = json!([{ "stateMachineVersionArn": machine("w:1"), "weight": 100 }]);
    world.ok("CreateStateMachineAlias", json!({ "name": "PROD", "routingConfiguration": routing }));
    world
}

#[test]
fn a_state_machine_is_deleted_with_all_that_belongs_to_it() {
    let world = world(&pass());
    for _repeated in 0..2 {
        assert_eq!(delete(&world), json!({}));
        assert_eq!(world.ok("ListStateMachines", json!({})), json!({ "stateMachines": [] }));
        for arn in ["w", "w:1", "w:PROD"] {
            let body = json!({ "stateMachineArn": machine(arn) });
            for operation in ["DescribeStateMachine", "StartExecution", "ListExecutions"] {
                world.refused(operation, body.clone(), "StateMachineDoesNotExist", &machine(arn));
            }
        }
        for (operation, member, arn) in [
            ("ListTagsForResource", "resourceArn", "w"),
            ("DescribeStateMachineAlias", "stateMachineAliasArn", "w:PROD"),
        ] {
            world.refused(operation, json!({ member: machine(arn) }), "ResourceNotFound", "");
        }
    }
}

#[test]
fn the_executions_of_a_deleted_state_machine_go_on_to_their_ends() {
    let world = world(&task());
    world.ok(
        "StartExecution",
        json!({ "stateMachineArn": machine("w:PROD"), "name": "17", "input": "{\"a\":1}" }),
    );
    delete(&world);
    world.run();
    let described = world.ok("DescribeExecution", json!({ "executionArn": execution("17") }));
    assert_eq!((&described["status"], &described["output"]), (&json!("SUCCEEDED"), &json!("{\"a\":1}")));
    assert_eq!(described["stateMachineAliasArn"], machine("w:PROD"));
    let shown = world.ok("DescribeStateMachineForExecution", json!({ "executionArn": execution("17") }));
    let definition: Value = serde_json::from_str(shown["definition"].as_str().unwrap()).unwrap();
    assert_eq!((definition, &shown["name"], shown.get("revisionId")), (task(), &json!("w"), None));
    let history = world.ok("GetExecutionHistory", json!({ "executionArn": execution("17") }));
    assert_eq!(history["events"].as_array().unwrap().last().unwrap()["type"], "ExecutionSucceeded");
}

#[test]
fn the_name_can_be_taken_again_and_everything_is_counted_anew() {
    let world = world(&wait());
    world.ok("StartExecution", json!({ "stateMachineArn": machine("w:1"), "name": "old" }));
    delete(&world);
    world.host.wait(1_000);
    let made = world.ok("CreateStateMachine", with(create("w", &pass()), "publish", json!(true)));
    assert_eq!(
        made,
        json!({
            "stateMachineArn": machine("w"), "stateMachineVersionArn": machine("w:1"), "creationDate": 1_700_000_001.0
        })
    );
    assert_eq!(
        world.ok("ListTagsForResource", json!({ "resourceArn": machine("w") })),
        json!({ "tags": [] })
    );
    let aliases = world.ok("ListStateMachineAliases", json!({ "stateMachineArn": machine("w") }));
    assert_eq!(aliases, json!({ "stateMachineAliases": [] }));
    let shown = world.ok("DescribeStateMachineForExecution", json!({ "executionArn": execution("old") }));
    let definition: Value = serde_json::from_str(shown["definition"].as_str().unwrap()).unwrap();
    assert_eq!(definition, wait(), "the old execution keeps its definition");
    world.start("new", &json!({}));
    world.ok("StopExecution", json!({ "executionArn": execution("old") }));
}

#[test]
fn a_deletion_that_failed_halfway_is_finished_by_its_repetition() {
    for operation in ["begin deletion", "delete aliases", "delete versions", "delete workflow"] {
        let world = world(&pass());
        world.host.throttle(operation, 1);
        let body = json!({ "stateMachineArn": machine("w") });
        world.refused("DeleteStateMachine", body, "ThrottlingException", "Rate exceeded");
        delete(&world);
        world.ok("CreateStateMachine", create("w", &wait()));
        let body = json!({ "stateMachineArn": machine("w") });
        let versions = world.ok("ListStateMachineVersions", body);
        assert_eq!(versions, json!({ "stateMachineVersions": [] }), "{operation}");
    }
}

#[test]
fn a_deletion_is_refused_with_its_reason() {
    let world = world(&pass());
    let check =
        |body: Value, kind: &str, message: &str| world.refused("DeleteStateMachine", body, kind, message);
    check(json!({}), "ValidationException", "Value null at 'stateMachineArn'");
    check(json!({ "stateMachineArn": "x" }), "InvalidArn", "Invalid Arn: 'Invalid ARN prefix: x'");
    check(
        json!({ "stateMachineArn": machine("w/label") }),
        "ValidationException",
        "labeled state machine ARNs",
    );
    for arn in ["w:1", "w:PROD"] {
        check(
            json!({ "stateMachineArn": machine(arn) }),
            "ValidationException",
            "without a version or an alias",
        );
    }
    world.ok("DescribeStateMachine", json!({ "stateMachineArn": machine("w:PROD") }));
}
