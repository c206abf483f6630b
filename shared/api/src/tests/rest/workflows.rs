//! Workflows, their definitions and their graphs.

use crate::testing::{World, machine, pass, task, wait};
use serde_json::{Value, json};

#[test]
fn workflows_come_by_name_page_by_page() {
    let world = World::new();
    for name in ["c", "a", "b"] {
        world.publish(name, &pass());
    }
    let first = world.got("/api/v1/workflows?limit=2");
    let names: Vec<&Value> = first["workflows"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["a", "b"]);
    let last = world.got(&format!("/api/v1/workflows?limit=2&cursor={}", first["next"].as_str().unwrap()));
    assert_eq!((&last["workflows"][0]["name"], &last["next"]), (&json!("c"), &Value::Null));
    assert_eq!(last["workflows"][0]["type"], "STANDARD");
}

#[test]
fn a_workflow_has_the_definition_that_is_asked_for() {
    let world = World::of(&pass());
    world.start("old", &json!({}));
    let old = world.got("/api/v1/runs/w/old")["definition"].as_str().unwrap().to_owned();
    let update = json!({ "stateMachineArn": machine("w"), "definition": task().to_string() });
    world.ok("UpdateStateMachine", update);
    let now = world.got("/api/v1/workflows/w");
    assert_eq!(
        (&now["definition"]["states_language"], &now["definition"]["is_current"]),
        (&task(), &json!(true))
    );
    let before = world.got(&format!("/api/v1/workflows/w?definition={old}"));
    assert_eq!(before["definition"], json!({ "hash": old, "is_current": false, "states_language": pass() }));
    let graph = world.got(&format!("/api/v1/workflows/w/graph?definition={old}"));
    assert_eq!(
        (&graph["definition"], &graph["graph"]["top"]["nodes"][0]["name"]),
        (&json!(old), &json!("P"))
    );
}

#[test]
fn a_graph_has_nodes_edges_and_groups() {
    let mut definition = wait();
    definition["States"]["W"] = json!({ "Type": "Map", "Next": "End", "ItemProcessor": pass() });
    definition["States"]["End"] = json!({ "Type": "Succeed" });
    let graph = World::of(&definition).got("/api/v1/workflows/w/graph")["graph"].clone();
    assert_eq!(graph["title"], "w");
    assert_eq!(graph["top"]["edges"], json!([{ "from": 0, "to": 1, "kind": "next", "label": null }]));
    let map = &graph["top"]["nodes"][0];
    assert_eq!((&map["type"], &map["groups"][0]["nodes"][0]["name"]), (&json!("Map"), &json!("P")));
}
