//! PublishStateMachineVersion, ListStateMachineVersions, DeleteStateMachineVersion, and what takes a version's ARN.

use crate::{
    Refusals,
    testing::{World, create, execution, machine, pass, wait, with},
};
use serde_json::{Value, json};

/// A Pass state with this result.
fn result(value: &str) -> Value {
    json!({ "StartAt": "P", "States": { "P": { "Type": "Pass", "Result": value, "End": true } } })
}

fn update(world: &World, definition: &Value, more: Value) -> Value {
    let mut body = json!({ "stateMachineArn": machine("w"), "definition": definition.to_string() });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    world.ok("UpdateStateMachine", body)
}

fn publish(world: &World) -> String {
    let answer = world.ok("PublishStateMachineVersion", json!({ "stateMachineArn": machine("w") }));
    answer["stateMachineVersionArn"].as_str().unwrap().to_owned()
}

fn list(world: &World, body: Value) -> (Vec<String>, Option<Value>) {
    let answer = world.ok("ListStateMachineVersions", with(body, "stateMachineArn", json!(machine("w"))));
    let arns = answer["stateMachineVersions"].as_array().unwrap().iter();
    let arns = arns.map(|version| version["stateMachineVersionArn"].as_str().unwrap().to_owned());
    (arns.collect(), answer.get("nextToken").cloned())
}

#[test]
fn a_version_is_published_once_for_each_revision_and_described() {
    let world = World::new();
    world.ok("CreateStateMachine", create("w", &result("one")));
    world.host.wait(1_000);
    let body = json!({ "stateMachineArn": machine("w"), "revisionId": "INITIAL", "description": "first" });
    let first = world.ok("PublishStateMachineVersion", body.clone());
    let expected = json!({ "stateMachineVersionArn": machine("w:1"), "creationDate": 1_700_000_001.0 });
    assert_eq!(first, expected);
    world.host.wait(1_000);
    assert_eq!(world.ok("PublishStateMachineVersion", body.clone()), first);
    let other = with(body.clone(), "description", json!("second"));
    assert_eq!(
        world.ok("PublishStateMachineVersion", other),
        first,
        "the description makes no other version"
    );
    let updated = update(&world, &result("two"), json!({}));
    let revision = updated["revisionId"].as_str().unwrap();
    world.refused(
        "PublishStateMachineVersion",
        body,
        "ConflictException",
        &format!(
            "Failed to publish the State Machine version for revision INITIAL. The current State Machine revision is {revision}."
        ),
    );
    let body = json!({ "stateMachineArn": machine("w"), "revisionId": revision });
    assert_eq!(world.ok("PublishStateMachineVersion", body)["stateMachineVersionArn"], machine("w:2"));
    let described = world.ok("DescribeStateMachine", json!({ "stateMachineArn": machine("w:1") }));
    assert_eq!(
        (
            &described["stateMachineArn"],
            &described["name"],
            &described["description"],
            &described["creationDate"]
        ),
        (&json!(machine("w:1")), &json!("w"), &json!("first"), &json!(1_700_000_001.0))
    );
    assert_eq!((described.get("revisionId"), &described["status"]), (None, &json!("ACTIVE")));
    assert_eq!(described["definition"].as_str().unwrap(), pinned(&result("one")));
    let described = world.ok("DescribeStateMachine", json!({ "stateMachineArn": machine("w:2") }));
    assert_eq!((&described["revisionId"], described.get("description")), (&json!(revision), None));
}

/// A definition's canonical text.
fn pinned(definition: &Value) -> String {
    stepladder_asl::Definition::parse(&definition.to_string()).unwrap().canonical
}

#[test]
fn versions_are_made_with_a_state_machine_and_with_its_updates() {
    let world = World::new();
    let body = with(create("w", &result("one")), "publish", json!(true));
    let body = with(body, "versionDescription", json!("first"));
    let made = world.ok("CreateStateMachine", body.clone());
    assert_eq!(made["stateMachineVersionArn"], machine("w:1"));
    assert_eq!(world.ok("CreateStateMachine", body.clone()), made, "the same again");
    let other = with(body, "versionDescription", json!("other"));
    world.refused("CreateStateMachine", other, "StateMachineAlreadyExists", &machine("w"));
    let updated = update(&world, &result("two"), json!({ "publish": true, "versionDescription": "second" }));
    assert_eq!(updated["stateMachineVersionArn"], machine("w:2"));
    let again = update(&world, &result("two"), json!({ "publish": true }));
    assert_eq!(
        (&again["stateMachineVersionArn"], &again["revisionId"]),
        (&json!(machine("w:2")), &updated["revisionId"])
    );
    let only = world.ok("UpdateStateMachine", json!({ "stateMachineArn": machine("w"), "publish": true }));
    assert_eq!(only, again, "nothing but a version may be asked for");
    let without = update(&world, &result("three"), json!({}));
    assert_eq!(without.get("stateMachineVersionArn"), None);
    assert_eq!(publish(&world), machine("w:3"));
    world.refused(
        "UpdateStateMachine",
        json!({ "stateMachineArn": machine("w"), "roleArn": crate::testing::ROLE, "versionDescription": "x" }),
        "ValidationException",
        "Version description can only be set when publish is true",
    );
    // One that was made without a version is another.
    world.ok("CreateStateMachine", create("v", &pass()));
    let body = with(create("v", &pass()), "publish", json!(true));
    world.refused("CreateStateMachine", body, "StateMachineAlreadyExists", &machine("v"));
}

#[test]
fn versions_are_listed_newest_first_page_by_page_and_a_number_is_never_given_again() {
    let world = World::of(&result("0"));
    for n in 1..=7 {
        update(&world, &result(&n.to_string()), json!({ "publish": true }));
    }
    let all: Vec<String> = (1..=7).rev().map(|n| machine(&format!("w:{n}"))).collect();
    assert_eq!(list(&world, json!({})), (all.clone(), None));
    let mut body = json!({ "maxResults": 3 });
    let mut pages = Vec::new();
    loop {
        let (page, token) = list(&world, body.clone());
        pages.push(page);
        match token {
            Some(token) => body["nextToken"] = token,
            None => break,
        }
    }
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 1]);
    assert_eq!(pages.concat(), all);
    let token = list(&world, json!({ "maxResults": 1 })).1.unwrap();
    world.publish("v", &pass());
    let body = json!({ "stateMachineArn": machine("v"), "nextToken": token });
    world.refused("ListStateMachineVersions", body, "InvalidToken", "");
    for _repeated in 0..2 {
        let body = json!({ "stateMachineVersionArn": machine("w:7") });
        assert_eq!(world.ok("DeleteStateMachineVersion", body), json!({}));
    }
    assert_eq!(list(&world, json!({ "maxResults": 1 })).0, [machine("w:6")]);
    assert_eq!(publish(&world), machine("w:8"), "of the revision whose version was deleted");
}

#[test]
fn an_execution_of_a_version_keeps_its_definition_and_says_which_it_is() {
    let world = World::new();
    let body = with(create("w", &result("one")), "publish", json!(true));
    world.ok("CreateStateMachine", with(body, "tracingConfiguration", json!({ "enabled": true })));
    let other_role = "arn:aws:iam::000000000000:role/other";
    update(
        &world,
        &result("two"),
        json!({ "roleArn": other_role, "tracingConfiguration": { "enabled": false } }),
    );
    let start = |arn: &str, name: &str| {
        world.ok("StartExecution", json!({ "stateMachineArn": machine(arn), "name": name }));
    };
    start("w:1", "old");
    start("w", "new");
    world.run();
    let of = |name: &str| world.ok("DescribeExecution", json!({ "executionArn": execution(name) }));
    let (old, new) = (of("old"), of("new"));
    assert_eq!((&old["output"], &new["output"]), (&json!("\"one\""), &json!("\"two\"")));
    assert_eq!(
        (&old["stateMachineArn"], &old["stateMachineVersionArn"]),
        (&json!(machine("w")), &json!(machine("w:1")))
    );
    assert_eq!((new.get("stateMachineVersionArn"), old.get("stateMachineAliasArn")), (None, None));
    let shown = world.ok("DescribeStateMachineForExecution", json!({ "executionArn": execution("old") }));
    assert_eq!(shown["definition"].as_str().unwrap(), pinned(&result("one")));
    assert_eq!(
        (&shown["roleArn"], &shown["tracingConfiguration"]["enabled"], &shown["updateDate"]),
        (&json!(crate::testing::ROLE), &json!(true), &json!(1_700_000_000.0))
    );
    let names = |arn: &str| -> Vec<Value> {
        let listed = world.ok("ListExecutions", json!({ "stateMachineArn": machine(arn) }));
        let all = listed["executions"].as_array().unwrap();
        all.iter().map(|item| json!([item["name"], item["stateMachineVersionArn"]])).collect()
    };
    assert_eq!(names("w:1"), [json!(["old", machine("w:1")])]);
    assert_eq!(names("w").len(), 2);
    // The version goes, and the execution stays what it is.
    world.ok("DeleteStateMachineVersion", json!({ "stateMachineVersionArn": machine("w:1") }));
    assert_eq!(of("old"), old);
    let shown = world.ok("DescribeStateMachineForExecution", json!({ "executionArn": execution("old") }));
    assert_eq!(shown["definition"].as_str().unwrap(), pinned(&result("one")));
    for operation in ["StartExecution", "DescribeStateMachine", "ListExecutions"] {
        let body = json!({ "stateMachineArn": machine("w:1") });
        world.refused(operation, body, "StateMachineDoesNotExist", &machine("w:1"));
    }
}

#[test]
fn a_repeated_start_finds_the_execution_that_is_there_whatever_it_was_started_with() {
    let world = World::new();
    world.ok("CreateStateMachine", with(create("w", &wait()), "publish", json!(true)));
    update(&world, &pass(), json!({ "publish": true }));
    let start =
        |arn: &str| world.ok("StartExecution", json!({ "stateMachineArn": machine(arn), "name": "17" }));
    let first = start("w:1");
    assert_eq!((start("w:2"), start("w")), (first.clone(), first));
    assert_eq!(world.run_item("17").workflow_version, Some(1));
}

#[test]
fn a_sync_start_takes_a_version_too() {
    let world = World::with(Refusals::Own);
    let body = with(create("w", &result("one")), "type", json!("EXPRESS"));
    world.ok("CreateStateMachine", with(body, "publish", json!(true)));
    update(&world, &result("two"), json!({}));
    let body = json!({ "stateMachineArn": machine("w:1"), "name": "17" });
    // Nobody delivers its message, before it has given up.
    world.refused("StartSyncExecution", body.clone(), "ExecutionStillRunning", &execution("17"));
    assert_eq!(world.run_item("17").workflow_version, Some(1));
    world.run();
    let answer = world.ok("StartSyncExecution", body);
    assert_eq!((&answer["output"], &answer["stateMachineArn"]), (&json!("\"one\""), &json!(machine("w"))));
    world.refused(
        "StartSyncExecution",
        json!({ "stateMachineArn": machine("w:9") }),
        "StateMachineDoesNotExist",
        &machine("w:9"),
    );
}

#[test]
fn versions_are_refused_with_awss_reasons() {
    let world = World::of(&pass());
    publish(&world);
    for operation in ["PublishStateMachineVersion", "ListStateMachineVersions", "UpdateStateMachine"] {
        let check = |arn: &str, kind: &str, message: &str| {
            let body = json!({ "stateMachineArn": arn, "definition": pass().to_string() });
            world.refused(operation, body, kind, message);
        };
        check(&machine("none"), "StateMachineDoesNotExist", &machine("none"));
        check(&machine("w:1"), "StateMachineDoesNotExist", &machine("w:1"));
        check("x", "InvalidArn", "Invalid Arn: 'Invalid ARN prefix: x'");
        check(&machine("w/label"), "ValidationException", "labeled state machine ARNs");
    }
    let body = json!({ "stateMachineVersionArn": machine("w") });
    world.refused("DeleteStateMachineVersion", body, "InvalidArn", &machine("w"));
    world.refused("DeleteStateMachineVersion", json!({}), "ValidationException", "'stateMachineVersionArn'");
    let body = json!({ "stateMachineVersionArn": machine("w:9") });
    assert_eq!(world.ok("DeleteStateMachineVersion", body), json!({}), "one that is not there");
    let (status, _, body) = world.raw(World::request(
        "PublishStateMachineVersion",
        json!({ "stateMachineArn": machine("w"), "revisionId": "x" }).to_string(),
    ));
    assert_eq!(
        (status, &body["__type"]),
        (409, &json!("com.amazonaws.swf.service.v2.model#ConflictException"))
    );
}
