//! Runs: the list, one, its history and its stop.

use crate::{
    limits::{DATA_BYTES_MAX, LOOKED_AT_MAX, REST_WORKFLOWS_MERGED_MAX},
    testing::{World, pass, task, wait},
};
use axum::body::Body;
use http::Request;
use serde_json::{Value, json};
use stepladder_protocol::StartRequest;

fn start(world: &World, workflow: &str, name: &str, input: Value) {
    let request = StartRequest { workflow: workflow.to_owned(), name: name.to_owned(), input };
    world.host.drive(world.protocol.start(request)).unwrap();
}

/// The ids on all pages of a list, and how many runs were looked at.
fn pages(world: &World, query: &str) -> (Vec<Vec<String>>, u64) {
    let (mut pages, mut looked_at) = (Vec::new(), 0);
    let mut path = format!("/api/v1/runs?{query}");
    loop {
        let page = world.got(&path);
        let runs = page["runs"].as_array().unwrap().iter();
        pages.push(runs.map(|run| run["id"].as_str().unwrap().to_owned()).collect());
        looked_at += page["looked_at"].as_u64().unwrap();
        assert_eq!(page["unreadable"], json!([]));
        match page["next"].as_str() {
            Some(next) => path = format!("/api/v1/runs?{query}&cursor={next}"),
            None => return (pages, looked_at),
        }
    }
}

#[test]
fn runs_of_all_workflows_come_newest_first_and_each_once() {
    let world = World::new();
    let mut expected = Vec::new();
    for workflow in ["a", "b", "c"] {
        world.publish(workflow, &wait());
    }
    // Some start in one and the same millisecond: then by workflow and name.
    for (round, names) in [["1", "2"], ["3", "4"], ["5", "6"], ["7", "8"]].iter().enumerate() {
        let mut same = Vec::new();
        for workflow in ["a", "b", "c"] {
            for name in names {
                start(&world, workflow, name, json!({}));
                same.push(format!("{workflow}/{name}"));
            }
            if round % 2 == 0 {
                world.host.wait(5);
                expected.splice(0..0, same.drain(..).rev());
            }
        }
        world.host.wait(5);
        expected.splice(0..0, same.drain(..).rev());
    }
    for limit in [1, 2, 3, 5, 7, 24, 100] {
        let (listed, looked_at) = pages(&world, &format!("limit={limit}"));
        assert_eq!(listed.concat(), expected, "pages of {limit}");
        assert_eq!((listed.len(), looked_at), (24_usize.div_ceil(limit), 24));
    }
    let of_b: Vec<String> = expected.iter().filter(|id| id.starts_with("b/")).cloned().collect();
    assert_eq!(pages(&world, "workflow=b&limit=3").0.concat(), of_b);
    assert_eq!(pages(&World::new(), "").0, [[""; 0]]);
}

#[test]
fn a_filter_walks_and_says_how_far() {
    let world = World::of(&task());
    world.start("bad-0", &json!({ "fail": "Bad" }));
    world.run();
    for n in 0..LOOKED_AT_MAX + 50 {
        start(&world, "w", &format!("r{n}"), json!({}));
    }
    let first = world.got("/api/v1/runs?status=FAILED&status=ABORTED&limit=2");
    assert_eq!((&first["runs"], &first["looked_at"]), (&json!([]), &json!(LOOKED_AT_MAX)));
    let (listed, looked_at) = pages(&world, "status=FAILED&status=ABORTED&limit=2");
    assert_eq!(listed, [vec![], vec!["w/bad-0".to_owned()]]);
    assert_eq!(looked_at, LOOKED_AT_MAX as u64 + 51);
    let (listed, _) = pages(&world, "status=RUNNING&limit=500");
    let lengths: Vec<usize> = listed.iter().map(Vec::len).collect();
    assert_eq!(lengths, [500, 500, 50]);
}

#[test]
fn too_many_workflows_are_not_merged() {
    let world = World::new();
    for n in 0..=REST_WORKFLOWS_MERGED_MAX {
        world.publish(&format!("w{n}"), &pass());
    }
    let (status, body) = world.get("/api/v1/runs");
    assert_eq!((status, &body["code"]), (400, &json!("SL1510")));
    assert_eq!(world.get("/api/v1/timers").1["code"], "SL1510");
    world.got("/api/v1/runs?workflow=w7");
    world.got("/api/v1/timers?workflow=w7");
}

#[test]
fn a_run_tells_what_it_waits_for_until_it_has_ended() {
    let world = World::of(&wait());
    world.start("a", &json!({ "x": 1 }));
    let run = world.got("/api/v1/runs/w/a");
    let waits = run["waits"].as_array().unwrap();
    assert_eq!((waits.len(), &waits[0]["state"], &waits[0]["awaiting"]), (1, &json!("W"), &json!("timer")));
    assert_eq!((&run["started_at"], &run["ended_at"]), (&json!("2023-11-14T22:13:20.000Z"), &Value::Null));
    assert_eq!(waits[0]["due_at"], "2023-11-14T23:13:20.000Z");
    assert_eq!((&run["data"], &run["problem"]), (&Value::Null, &Value::Null));
    assert_eq!(world.got("/api/v1/runs/w/a?waits=false")["waits"], json!([]));
    world.run();
    let run = world.got("/api/v1/runs/w/a?data=true");
    assert_eq!((&run["status"], &run["waits"]), (&json!("SUCCEEDED"), &json!([])));
    assert_eq!(run["data"]["output"], json!({ "bytes": 7, "is_included": true, "value": { "x": 1 } }));
    assert!(run["duration_ms"].as_i64().unwrap() >= 3_600_000, "{run}");
}

#[test]
fn each_branch_of_a_fan_out_waits_by_itself() {
    let states = json!({ "Both": { "Type": "Parallel", "End": true, "Branches": [
        { "StartAt": "A", "States": { "A": { "Type": "Wait", "Seconds": 60, "End": true } } },
        { "StartAt": "B", "States": { "B": { "Type": "Wait", "Seconds": 3600, "End": true } } },
    ] } });
    let world = World::of(&json!({ "StartAt": "Both", "States": states }));
    world.start("a", &json!({}));
    let waits = |world: &World| -> Vec<(String, String)> {
        let run = world.got("/api/v1/runs/w/a");
        let text = |wait: &Value, name: &str| wait[name].as_str().unwrap().to_owned();
        let waits = run["waits"].as_array().unwrap().iter();
        waits.map(|wait| (text(wait, "branch"), text(wait, "state"))).collect()
    };
    let of = |branch: &str, state: &str| (branch.to_owned(), state.to_owned());
    let mut seen = Vec::new();
    for _ in 0..200 {
        let now = waits(&world);
        if seen.last() != Some(&now) {
            seen.push(now);
        }
        world.deliver(&stepladder_protocol::QueueName::Timer);
        world.host.wait(1_000);
    }
    let root = of("", "Both");
    let (a, b) = (of("0000000.00000", "A"), of("0000000.00001", "B"));
    assert!(seen.contains(&vec![root.clone(), a, b.clone()]), "{seen:?}");
    assert_eq!(seen.last(), Some(&vec![root, b]));
}

#[test]
fn a_failed_run_tells_its_error_and_cause() {
    let world = World::of(&task());
    world.start("a", &json!({ "fail": "Bad" }));
    world.run();
    let run = world.got("/api/v1/runs/w/a?data=true");
    assert_eq!((&run["status"], &run["error"]), (&json!("FAILED"), &json!("Bad")));
    assert!(run["cause"].as_str().unwrap().contains("it was to"), "{run}");
    assert_eq!(
        (&run["data"]["output"], &run["data"]["input"]["value"]),
        (&Value::Null, &json!({ "fail": "Bad" }))
    );
}

#[test]
fn what_is_too_large_is_left_out_and_said_so() {
    let world = World::of(&pass());
    start(&world, "w", "a", json!("x".repeat(DATA_BYTES_MAX)));
    world.run();
    let run = world.got("/api/v1/runs/w/a?data=true");
    let left_out = json!({ "bytes": DATA_BYTES_MAX + 2, "is_included": false, "value": null });
    assert_eq!((&run["data"]["input"], &run["data"]["output"]), (&left_out, &left_out));
    let events = world.got("/api/v1/runs/w/a/history?data=true");
    assert_eq!(events["events"][0]["left_out"], json!(["input"]));
    assert_eq!(events["events"][0]["details"].get("input"), None);
}

#[test]
fn a_history_comes_in_both_orders_page_by_page() {
    let world = World::of(&task());
    world.start("a", &json!({ "x": 1 }));
    world.run();
    let all = world.got("/api/v1/runs/w/a/history?data=true");
    let kinds = |events: &Value| -> Vec<String> {
        let events = events.as_array().unwrap().iter();
        events.map(|event| event["type"].as_str().unwrap().to_owned()).collect()
    };
    let mut expected = kinds(&all["events"]);
    assert_eq!((expected.len(), &all["count"], &all["next"]), (7, &json!(7), &Value::Null));
    assert_eq!((&expected[0][..], &expected[6][..]), ("ExecutionStarted", "ExecutionSucceeded"));
    assert_eq!(all["events"][0]["details"]["input"], json!({ "x": 1 }));
    for order in ["oldest", "newest"] {
        let mut path = format!("/api/v1/runs/w/a/history?limit=3&order={order}");
        let mut listed = Vec::new();
        loop {
            let page = world.got(&path);
            assert!(!page.to_string().contains("\"input\""), "{page}");
            listed.extend(kinds(&page["events"]));
            let Some(next) = page["next"].as_str() else { break };
            path = format!("/api/v1/runs/w/a/history?limit=3&order={order}&cursor={next}");
        }
        assert_eq!(listed, expected);
        expected.reverse();
    }
}

#[test]
fn a_run_is_stopped_once() {
    let world = World::of(&wait());
    world.start("a", &json!({}));
    let stop = |body: &str| {
        let request = Request::post("/api/v1/runs/w/a/stop").header("content-type", "application/json");
        let (status, _, body) = world.raw(request.body(Body::from(body.to_owned())).unwrap());
        (status, body)
    };
    assert_eq!(stop(r#"{"error":"E","cause":"enough"}"#), (200, json!({ "id": "w/a", "is_done": true })));
    let run = world.got("/api/v1/runs/w/a");
    assert_eq!(
        (&run["status"], &run["error"], &run["cause"]),
        (&json!("ABORTED"), &json!("E"), &json!("enough"))
    );
    let (status, body) = stop("");
    assert_eq!(
        (status, &body["code"], &body["detail"]),
        (409, &json!("SL1205"), &json!("the run is ABORTED"))
    );
}

#[test]
fn a_query_reads_the_list_that_holds_what_fits() {
    let world = World::of(&task());
    world.publish("other", &pass());
    for n in 0..5 {
        world.start(&format!("bad-{n}"), &json!({ "fail": if n == 2 { "Worse" } else { "Bad" } }));
        start(&world, "w", &format!("going-{n}"), json!({}));
        start(&world, "other", &format!("going-{n}"), json!({}));
        world.host.wait(5);
    }
    world.run();
    let bad: Vec<String> = [4, 3, 1, 0].iter().map(|n| format!("w/bad-{n}")).collect();
    for limit in [1, 3, 100] {
        for query in ["error%3DBad", "error%3DBad+state%3DT+since%3D1h"] {
            let (listed, looked_at) = pages(&world, &format!("where={query}&limit={limit}"));
            let mut listed = listed.concat();
            listed.sort_by(|a, b| b.cmp(a));
            assert_eq!((listed, looked_at), (bad.clone(), 5), "{query}, pages of {limit}");
        }
    }
    let (listed, looked_at) = pages(&world, "where=workflow%3Dother&status=SUCCEEDED&limit=2");
    assert_eq!((listed.concat().len(), looked_at), (5, 5));
    assert_eq!(world.got("/api/v1/runs?where=status%3Dfailed&workflow=other")["looked_at"], 0);
    for (query, says) in [
        ("customer%3D17", "there are: workflow, status, state, error"),
        ("status%3Dbad", "'bad' is no status"),
        ("workflow%3Dw&workflow=other", "two workflows are asked for"),
        ("status%3Drunning&status=FAILED", "two statuses at once"),
    ] {
        let (status, body) = world.get(&format!("/api/v1/runs?where={query}"));
        assert_eq!((status, &body["code"]), (400, &json!("SL1115")), "{body}");
        assert!(body["detail"].as_str().unwrap().contains(says), "{body}");
    }
    assert_eq!(world.get("/api/v1/runs?where=workflow%3Dgone").0, 404);
    let next = world.got("/api/v1/runs?where=error%3DBad&limit=1")["next"].as_str().unwrap().to_owned();
    let (status, body) = world.get(&format!("/api/v1/runs?where=error%3DWorse&limit=1&cursor={next}"));
    assert_eq!((status, &body["code"]), (400, &json!("SL1504")));
}
