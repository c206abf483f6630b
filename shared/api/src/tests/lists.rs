//! ListExecutions and ListStateMachines.

use crate::{
    limits::LOOKED_AT_MAX,
    testing::{ARN, World, execution, machine, pass, task, wait},
};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use stepladder_protocol::{Host, RunItem, Store};

/// The names on all pages of a list.
fn pages(world: &World, operation: &str, list: &str, body: &Value) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut body = body.clone();
    loop {
        let page = world.ok(operation, body.clone());
        let names = page[list].as_array().unwrap().iter();
        pages.push(names.map(|item| item["name"].as_str().unwrap().to_owned()).collect());
        match page.get("nextToken") {
            Some(token) => body["nextToken"] = token.clone(),
            None => return pages,
        }
    }
}

fn executions(world: &World, body: Value) -> Vec<Vec<String>> {
    let mut body = body;
    body["stateMachineArn"] = json!(machine("w"));
    pages(world, "ListExecutions", "executions", &body)
}

#[test]
fn executions_are_listed_newest_first_with_awss_members() {
    let world = World::of(&task());
    for name in ["a", "b", "c"] {
        world.start(name, &json!({}));
        world.host.wait(1_000);
    }
    world.start("d", &json!({ "fail": "Bad" }));
    world.run();
    let body = json!({ "stateMachineArn": machine("w"), "maxResults": 0 });
    let listed = world.ok("ListExecutions", body);
    assert_eq!(executions(&world, json!({})), [["d", "c", "b", "a"]]);
    let last = &listed["executions"][3];
    assert_eq!(
        *last,
        json!({
            "executionArn": execution("a"), "stateMachineArn": machine("w"), "name": "a", "status": "SUCCEEDED",
            "startDate": 1_700_000_000.0, "stopDate": last["stopDate"], "redriveCount": 0,
        })
    );
    assert_eq!(executions(&world, json!({ "statusFilter": "FAILED" })), [["d"]]);
    assert_eq!(executions(&world, json!({ "statusFilter": "RUNNING" })), [[""; 0]]);
}

#[test]
fn page_by_page_each_execution_comes_once_also_those_of_one_millisecond() {
    let world = World::of(&wait());
    let mut names = Vec::new();
    for (at, together) in [1, 3, 7, 1, 5].into_iter().enumerate() {
        for n in 0..together {
            names.push(format!("{at}-{n}"));
            world.start(&format!("{at}-{n}"), &json!({}));
        }
        world.host.wait(1);
    }
    names.reverse();
    for results in [1, 2, 3, 4, 5, 16, 17, 18] {
        let all = executions(&world, json!({ "maxResults": results }));
        assert!(all.iter().rev().skip(1).all(|page| page.len() == results));
        assert_eq!(all.concat(), names, "pages of {results}");
    }
}

#[test]
fn what_starts_meanwhile_changes_no_later_page() {
    let world = World::of(&wait());
    for name in ["a", "b", "c"] {
        world.start(name, &json!({}));
        world.host.wait(1);
    }
    let first = world.ok("ListExecutions", json!({ "stateMachineArn": machine("w"), "maxResults": 1 }));
    world.start("new", &json!({}));
    let rest = executions(&world, json!({ "maxResults": 1, "nextToken": first["nextToken"] }));
    assert_eq!(rest, [["b"], ["a"]]);
}

#[test]
fn a_filter_looks_at_a_bounded_number_and_goes_on_by_token() {
    let world = World::of(&wait());
    world.start("stopped", &json!({}));
    world.ok("StopExecution", json!({ "executionArn": execution("stopped") }));
    let one = world.run_item("stopped");
    for n in 0..LOOKED_AT_MAX + 10 {
        let started_ms = one.started_ms + 1 + n as i64;
        let run = RunItem { started_ms, status: stepladder_engine::Status::Running, ..one.clone() };
        let run = RunItem { id: stepladder_protocol::RunId::new("w", format!("r{n}")), ..run };
        world.host.drive(world.host.store().create_run(&run, started_ms)).unwrap();
    }
    let pages = executions(&world, json!({ "statusFilter": "ABORTED" }));
    assert_eq!(pages, [vec![], vec!["stopped".to_owned()]]);
}

#[test]
fn a_list_of_executions_is_refused_with_awss_reasons() {
    let world = World::of(&pass());
    let check = |body: Value, kind: &str, message: &str| world.refused("ListExecutions", body, kind, message);
    let of = |member: &str, value: Value| json!({ "stateMachineArn": machine("w"), member: value });
    check(json!({}), "ValidationException", "Must specify either stateMachineArn or mapRunArn");
    check(of("mapRunArn", json!("x")), "ValidationException", "exactly one of");
    check(json!({ "mapRunArn": "arn:x" }), "InvalidArn", "Invalid Arn: 'Invalid ARN: arn:x'");
    let map_run = format!("{ARN}:mapRun:w/Map:0");
    check(json!({ "mapRunArn": map_run }), "ResourceNotFound", &format!("Resource not found: '{map_run}'"));
    check(json!({ "stateMachineArn": machine("none") }), "StateMachineDoesNotExist", &machine("none"));
    check(json!({ "stateMachineArn": "x" }), "InvalidArn", "Invalid Arn: 'Invalid ARN prefix: x'");
    check(
        of("statusFilter", json!("succeeded")),
        "ValidationException",
        "1 validation error detected: Value 'succeeded' at 'statusFilter' failed to satisfy constraint: Member must satisfy \
         enum value set: [SUCCEEDED, TIMED_OUT, PENDING_REDRIVE, ABORTED, FAILED, RUNNING]",
    );
    check(of("statusFilter", json!("PENDING_REDRIVE")), "ValidationException", "PENDING_REDRIVE");
    check(of("redriveFilter", json!("REDRIVEN")), "ValidationException", "redriveFilter");
    check(
        of("maxResults", json!(1_001)),
        "ValidationException",
        "Value '1001' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 1000",
    );
    check(of("nextToken", json!("x")), "InvalidToken", "Invalid Token: 'Invalid token'");
}

#[test]
fn a_token_of_one_list_leads_nowhere_in_another() {
    let world = World::of(&wait());
    world.publish("v", &wait());
    for name in ["a", "b"] {
        world.start(name, &json!({}));
    }
    let token =
        world.ok("ListExecutions", json!({ "stateMachineArn": machine("w"), "maxResults": 1 }))["nextToken"]
            .clone();
    for body in [
        json!({ "stateMachineArn": machine("v"), "nextToken": token }),
        json!({ "stateMachineArn": machine("w"), "statusFilter": "RUNNING", "nextToken": token }),
    ] {
        world.refused("ListExecutions", body, "InvalidToken", "");
    }
    world.refused("ListStateMachines", json!({ "nextToken": token }), "InvalidToken", "");
    world.refused(
        "ListMapRuns",
        json!({ "executionArn": execution("a"), "nextToken": token }),
        "InvalidToken",
        "",
    );
}

#[test]
fn state_machines_come_by_name_page_by_page() {
    let world = World::new();
    let names: BTreeSet<String> = (0..7).map(|n| format!("machine-{n}")).collect();
    assert_eq!(world.ok("ListStateMachines", json!({})), json!({ "stateMachines": [] }));
    for name in names.iter().rev() {
        world.publish(name, &pass());
    }
    for results in [1, 3, 7, 100] {
        let all = pages(&world, "ListStateMachines", "stateMachines", &json!({ "maxResults": results }));
        assert_eq!(all.concat(), names.iter().cloned().collect::<Vec<_>>(), "pages of {results}");
        assert_eq!(all.len(), 7_usize.div_ceil(results));
    }
    let first = &world.ok("ListStateMachines", json!({}))["stateMachines"][0];
    assert_eq!(
        *first,
        json!({ "stateMachineArn": machine("machine-0"), "name": "machine-0", "type": "STANDARD",
            "creationDate": first["creationDate"] })
    );
    assert!(first["creationDate"].as_f64().unwrap() >= 1_700_000_000.0);
    world.refused(
        "ListStateMachines",
        json!({ "maxResults": 1_001 }),
        "ValidationException",
        "at 'maxResults'",
    );
    world.refused("ListStateMachines", json!({ "nextToken": "" }), "ValidationException", "at 'nextToken'");
}
