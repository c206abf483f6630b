//! The operations of aliases, and what takes an alias's ARN.

use crate::testing::{World, create, execution, machine, pass, with};
use serde_json::{Value, json};

/// A state machine `w` with three versions, whose executions give back the version's number.
fn world() -> World {
    let world = World::new();
    let of =
        |n: u32| json!({ "StartAt": "P", "States": { "P": { "Type": "Pass", "Result": n, "End": true } } });
    world.ok("CreateStateMachine", with(create("w", &of(1)), "publish", json!(true)));
    for n in 2..=3 {
        let definition = of(n).to_string();
        let body = json!({ "stateMachineArn": machine("w"), "definition": definition, "publish": true });
        world.ok("UpdateStateMachine", body);
    }
    world
}

fn routing(routes: &[(&str, u32)]) -> Value {
    let route =
        |(name, weight): &(&str, u32)| json!({ "stateMachineVersionArn": machine(name), "weight": weight });
    routes.iter().map(route).collect()
}

fn alias(name: &str, routes: &[(&str, u32)]) -> Value {
    json!({ "name": name, "routingConfiguration": routing(routes) })
}

fn describe(world: &World) -> Value {
    world.ok("DescribeStateMachineAlias", json!({ "stateMachineAliasArn": machine("w:PROD") }))
}

#[test]
fn an_alias_is_made_described_updated_and_deleted() {
    let world = world();
    let body = with(alias("PROD", &[("w:1", 90), ("w:2", 10)]), "description", json!("live"));
    let made = world.ok("CreateStateMachineAlias", body.clone());
    let expected = json!({ "stateMachineAliasArn": machine("w:PROD"), "creationDate": 1_700_000_000.0 });
    assert_eq!(made, expected);
    world.host.wait(1_000);
    assert_eq!(world.ok("CreateStateMachineAlias", body.clone()), made, "the same again");
    let turned = with(body.clone(), "routingConfiguration", routing(&[("w:2", 10), ("w:1", 90)]));
    assert_eq!(world.ok("CreateStateMachineAlias", turned), made, "in another order");
    let exists = "an alias with the same name and a different routing configuration already exists";
    for other in [
        with(body.clone(), "description", json!("other")),
        with(body, "routingConfiguration", routing(&[("w:1", 100)])),
    ] {
        world.refused("CreateStateMachineAlias", other, "ConflictException", exists);
    }
    let shown = json!({
        "stateMachineAliasArn": machine("w:PROD"), "name": "PROD", "description": "live",
        "routingConfiguration": routing(&[("w:1", 90), ("w:2", 10)]),
        "creationDate": 1_700_000_000.0, "updateDate": 1_700_000_000.0,
    });
    assert_eq!(describe(&world), shown);
    let arn = json!({ "stateMachineAliasArn": machine("w:PROD") });
    let change = with(arn.clone(), "routingConfiguration", routing(&[("w:3", 100)]));
    let updated = world.ok("UpdateStateMachineAlias", change.clone());
    assert_eq!(updated, json!({ "updateDate": 1_700_000_001.0 }));
    world.host.wait(1_000);
    assert_eq!(world.ok("UpdateStateMachineAlias", change), updated, "nothing becomes another");
    world.ok("UpdateStateMachineAlias", with(arn.clone(), "description", json!("new")));
    let now = describe(&world);
    assert_eq!((&now["description"], &now["updateDate"]), (&json!("new"), &json!(1_700_000_002.0)));
    assert_eq!(now["routingConfiguration"], routing(&[("w:3", 100)]));
    for _repeated in 0..2 {
        assert_eq!(world.ok("DeleteStateMachineAlias", arn.clone()), json!({}));
    }
    let gone = "Request references a resource that does not exist.";
    world.refused("DescribeStateMachineAlias", arn.clone(), "ResourceNotFound", gone);
    world.refused("UpdateStateMachineAlias", with(arn, "description", json!("x")), "ResourceNotFound", gone);
}

#[test]
fn executions_of_an_alias_are_shared_out_by_the_weights() {
    let world = world();
    world.ok("CreateStateMachineAlias", alias("PROD", &[("w:1", 80), ("w:2", 20)]));
    let mut counts = [0; 4];
    for n in 0..200 {
        let name = format!("n{n}");
        let body = json!({ "stateMachineArn": machine("w:PROD"), "name": name });
        world.ok("StartExecution", body);
        counts[world.run_item(&name).workflow_version.unwrap() as usize] += 1;
    }
    world.run();
    assert_eq!(counts[1] + counts[2], 200);
    assert!((20..=65).contains(&counts[2]), "{counts:?}");
    let described = world.ok("DescribeExecution", json!({ "executionArn": execution("n0") }));
    let version = world.run_item("n0").workflow_version.unwrap();
    assert_eq!(described["output"], version.to_string());
    assert_eq!(
        (&described["stateMachineAliasArn"], &described["stateMachineVersionArn"]),
        (&json!(machine("w:PROD")), &json!(machine(&format!("w:{version}"))))
    );
    let count = |arn: &str| {
        let body = json!({ "stateMachineArn": machine(arn), "maxResults": 1000 });
        world.ok("ListExecutions", body)["executions"].as_array().unwrap().len()
    };
    assert_eq!((count("w:PROD"), count("w:1"), count("w:2"), count("w:3")), (200, counts[1], counts[2], 0));
}

#[test]
fn a_start_follows_the_alias_and_a_repeated_one_finds_what_is_there() {
    let world = world();
    world.ok("CreateStateMachineAlias", alias("PROD", &[("w:1", 100)]));
    let start = |name: &str| {
        world.ok("StartExecution", json!({ "stateMachineArn": machine("w:PROD"), "name": name }));
        world.run_item(name).workflow_version
    };
    assert_eq!(start("a"), Some(1));
    let change = json!({ "stateMachineAliasArn": machine("w:PROD"), "routingConfiguration": routing(&[("w:2", 100), ("w:3", 0)]) });
    world.ok("UpdateStateMachineAlias", change);
    assert_eq!((start("b"), world.run_item("a").workflow_version), (Some(2), Some(1)));
    let described = world.ok("DescribeStateMachine", json!({ "stateMachineArn": machine("w:PROD") }));
    let second = world.ok("DescribeStateMachine", json!({ "stateMachineArn": machine("w:2") }));
    assert_eq!(
        (&described["stateMachineArn"], &described["definition"]),
        (&json!(machine("w:PROD")), &second["definition"])
    );
}

#[test]
fn a_version_that_an_alias_leads_to_is_not_deleted() {
    let world = world();
    world.ok("CreateStateMachineAlias", alias("PROD", &[("w:1", 50), ("w:2", 50)]));
    world.ok("CreateStateMachineAlias", alias("BETA", &[("w:2", 100)]));
    let delete = json!({ "stateMachineVersionArn": machine("w:2") });
    let message = "Version to be deleted must not be referenced by an alias. Current list of aliases referencing this version: \
                   [BETA, PROD]";
    world.refused("DeleteStateMachineVersion", delete.clone(), "ConflictException", message);
    for name in ["w:PROD", "w:BETA"] {
        let body = json!({ "stateMachineAliasArn": machine(name), "routingConfiguration": routing(&[("w:1", 100)]) });
        world.ok("UpdateStateMachineAlias", body);
    }
    world.ok("DeleteStateMachineVersion", delete);
    let body = alias("NEW", &[("w:2", 100)]);
    let gone = "Request references a resource that does not exist.";
    world.refused("CreateStateMachineAlias", body, "ResourceNotFound", gone);
}

#[test]
fn aliases_are_listed_newest_first_page_by_page_and_by_version() {
    let world = world();
    for (name, version) in [("A", "w:1"), ("B", "w:2"), ("D", "w:1"), ("C", "w:1")] {
        world.ok("CreateStateMachineAlias", alias(name, &[(version, 100)]));
        world.host.wait(if name == "D" { 0 } else { 1_000 });
    }
    let list = |arn: &str, more: Value| {
        let mut body = json!({ "stateMachineArn": machine(arn) });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = world.ok("ListStateMachineAliases", body);
        let arns = answer["stateMachineAliases"].as_array().unwrap().iter();
        let names = arns.map(|alias| {
            alias["stateMachineAliasArn"].as_str().unwrap().rsplit(':').next().unwrap().to_owned()
        });
        (names.collect::<Vec<_>>().concat(), answer.get("nextToken").cloned())
    };
    assert_eq!(list("w", json!({})), ("DCBA".to_owned(), None));
    assert_eq!(list("w:1", json!({})).0, "DCA");
    assert_eq!(list("w:3", json!({})).0, "");
    let (first, token) = list("w", json!({ "maxResults": 1 }));
    let (rest, end) = list("w", json!({ "maxResults": 3, "nextToken": token.clone() }));
    assert_eq!((first.as_str(), rest.as_str(), end), ("D", "CBA", None));
    let refused = |body: Value, kind: &str| world.refused("ListStateMachineAliases", body, kind, "");
    refused(json!({ "stateMachineArn": machine("w:1"), "nextToken": token }), "InvalidToken");
    refused(json!({ "stateMachineArn": machine("none") }), "StateMachineDoesNotExist");
    refused(json!({ "stateMachineArn": machine("w:9") }), "ResourceNotFound");
}

#[test]
fn an_alias_is_refused_with_awss_reasons() {
    let world = world();
    world.publish("v", &pass());
    world.ok("PublishStateMachineVersion", json!({ "stateMachineArn": machine("v") }));
    let check = |body: Value, kind: &str, message: &str| {
        world.refused("CreateStateMachineAlias", body, kind, message);
    };
    let routes =
        |routes: &[(&str, u32)], kind: &str, message: &str| check(alias("PROD", routes), kind, message);
    let validation = "ValidationException";
    check(json!({}), validation, "2 validation errors detected: Value null at 'name' failed");
    let pattern = "failed to satisfy constraint: Member must satisfy regular expression pattern: \
                   ^(?=.*[a-zA-Z_\\-\\.])[a-zA-Z0-9_\\-\\.]+$";
    for name in ["123", "a b", "!a", "a@", "é"] {
        check(alias(name, &[("w:1", 100)]), validation, &format!("Value '{name}' at 'name' {pattern}"));
    }
    check(
        alias(&"A".repeat(81), &[("w:1", 100)]),
        validation,
        "Member must have length less than or equal to 80",
    );
    routes(
        &[],
        validation,
        "Value '[]' at 'routingConfiguration' failed to satisfy constraint: Member must have length",
    );
    let item = |n: u32, weight: u32| {
        format!(
            "RoutingConfigurationListItem(stateMachineVersionArn={}, weight={weight})",
            machine(&format!("w:{n}"))
        )
    };
    let three = [item(1, 50), item(2, 30), item(3, 20)].join(", ");
    routes(
        &[("w:1", 50), ("w:2", 30), ("w:3", 20)],
        validation,
        &format!(
            "1 validation error detected: Value '[{three}]' at 'routingConfiguration' failed to satisfy constraint: Member \
             must have length less than or equal to 2"
        ),
    );
    routes(
        &[("w:1", 101)],
        validation,
        "1 validation error detected: Value '101' at 'routingConfiguration.1.member.weight' failed to satisfy constraint: \
         Member must have value less than or equal to 100",
    );
    let received = |what: &str, names: &[&str]| {
        let arns: Vec<String> = names.iter().map(|name| machine(name)).collect();
        format!("Routing configuration must contain {what}. Received: [{}]", arns.join(", "))
    };
    let distinct = received("distinct state machine version ARNs", &["w:1", "w:1"]);
    routes(&[("w:1", 50), ("w:1", 50)], validation, &distinct);
    let versions = received("state machine version ARNs", &["w", "w:2"]);
    routes(&[("w", 70), ("w:2", 30)], validation, &versions);
    routes(&[("w:PROD", 100)], validation, "must contain state machine version ARNs");
    routes(&[("w:1", 50), ("v:1", 50)], validation, "version ARNs of one state machine");
    routes(
        &[("w:1", 70), ("w:2", 29)],
        validation,
        "Sum of routing configuration weights must equal 100. Received: [70, 29]",
    );
    let sum = "Sum of routing configuration weights must equal 100. Received: [1]";
    for name in ["none:1", "w:9", "w"] {
        routes(&[(name, 1)], validation, sum);
    }
    let body = json!({ "stateMachineAliasArn": "x", "routingConfiguration": routing(&[("w:1", 1)]) });
    world.refused("UpdateStateMachineAlias", body, validation, sum);
    routes(&[("w:9", 100)], "ResourceNotFound", "Request references a resource that does not exist.");
    routes(&[("none:1", 100)], "ResourceNotFound", "Request references a resource that does not exist.");
    world.ok("CreateStateMachineAlias", alias("PROD", &[("w:1", 100)]));
    let arn = json!({ "stateMachineAliasArn": machine("w:PROD") });
    let update = |body: Value, kind: &str| world.refused("UpdateStateMachineAlias", body, kind, "");
    update(arn.clone(), validation);
    update(with(arn, "routingConfiguration", routing(&[("v:1", 100)])), validation);
    for operation in ["DescribeStateMachineAlias", "DeleteStateMachineAlias"] {
        for name in ["w", "w:1"] {
            let body = json!({ "stateMachineAliasArn": machine(name) });
            world.refused(operation, body, "InvalidArn", &machine(name));
        }
    }
    for operation in ["StartExecution", "DescribeStateMachine", "ListExecutions"] {
        let body = json!({ "stateMachineArn": machine("w:NONE") });
        world.refused(operation, body, "StateMachineDoesNotExist", &machine("w:NONE"));
    }
}

#[test]
fn a_state_machine_has_a_hundred_aliases_at_most() {
    let world = world();
    for n in 0..100 {
        world.ok("CreateStateMachineAlias", alias(&format!("a{n}"), &[("w:1", 100)]));
    }
    let (status, _, body) =
        world.raw(World::request("CreateStateMachineAlias", alias("more", &[("w:1", 100)]).to_string()));
    let kind = "com.amazonaws.swf.service.v2.model#ServiceQuotaExceededException";
    assert_eq!((status, &body["__type"]), (402, &json!(kind)));
    world.ok("CreateStateMachineAlias", alias("a7", &[("w:1", 100)]));
}
