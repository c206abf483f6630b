//! The timers of running runs.

use crate::{
    limits::{LOOKED_AT_MAX, REST_TIMER_RECORDS_MAX, REST_WAITS_MAX},
    testing::{World, task, wait},
};
use serde_json::{Value, json};
use stepladder_engine::Branch;
use stepladder_protocol::{BlobRef, Bounded, Payload, QueueName, RecordKey, RunId, StartRequest};

fn start(world: &World, workflow: &str, name: &str, input: Value) {
    let request = StartRequest { workflow: workflow.to_owned(), name: name.to_owned(), input };
    world.host.drive(world.protocol.start(request)).unwrap();
}

/// Waits for the seconds that its input says.
fn wait_for() -> Value {
    json!({ "StartAt": "W", "States": { "W": { "Type": "Wait", "SecondsPath": "$.seconds", "End": true } } })
}

/// What a page shows of each timer.
fn shown(page: &Value) -> Vec<String> {
    let timers = page["timers"].as_array().unwrap().iter();
    let text = |timer: &Value, name: &str| timer[name].as_str().unwrap_or("-").to_owned();
    timers
        .map(|timer| {
            let parts = ["run", "state", "kind", "due_at"].map(|name| text(timer, name));
            format!("{} {} {} {}", parts[0], parts[1], parts[2], &parts[3][11..19])
        })
        .collect()
}

#[test]
fn timers_come_by_their_time_and_of_running_runs_alone() {
    let world = World::of(&wait_for());
    world.publish("v", &wait());
    // It is 22:13:20.
    start(&world, "w", "long", json!({ "seconds": 5_000 }));
    start(&world, "w", "short", json!({ "seconds": 60 }));
    start(&world, "v", "hour", json!({}));
    start(&world, "w", "over", json!({ "seconds": 0 }));
    world.deliver(&QueueName::Timer);
    let page = world.got("/api/v1/timers");
    let short = "w/short W wait 22:14:20".to_owned();
    let hour = "v/hour W wait 23:13:20".to_owned();
    let long = "w/long W wait 23:36:40".to_owned();
    assert_eq!(shown(&page), [short.clone(), hour.clone(), long.clone()]);
    assert_eq!(
        (&page["looked_at"], &page["runs_read"], &page["left_out"], &page["next"]),
        (&json!(4), &json!(3), &json!(0), &Value::Null)
    );
    assert_eq!(page["unreadable"], json!([]));
    let of = |query: &str| shown(&world.got(&format!("/api/v1/timers?{query}")));
    assert_eq!(of("workflow=w"), [short.clone(), long]);
    assert_eq!(of("before=2023-11-14T23:13:20Z"), ["w/short W wait 22:14:20"]);
    assert_eq!(of("before=2023-11-15T00:13:20.001%2B01:00"), [short, hour]);
    assert_eq!(of("kind=retry&kind=timeout"), [""; 0]);
    assert_eq!(of("kind=wait&kind=retry").len(), 3);
}

#[test]
fn each_kind_has_its_name() {
    let answered = json!({ "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "Parameters": { "FunctionName": "work", "Payload": {} }, "TimeoutSeconds": 600, "HeartbeatSeconds": 60,
        "End": true });
    let world =
        World::of(&json!({ "StartAt": "Ask", "TimeoutSeconds": 7_200, "States": { "Ask": answered } }));
    let mut retried = task();
    retried["States"]["T"]["Retry"] = json!([{ "ErrorEquals": ["Bad"], "IntervalSeconds": 500 }]);
    world.publish("again", &retried);
    start(&world, "again", "r", json!({ "fail": "Bad" }));
    start(&world, "w", "asks", json!({}));
    world.deliver(&QueueName::Step("work".to_owned()));
    let page = world.got("/api/v1/timers");
    let expected = [
        "w/asks Ask heartbeat 22:14:20",
        "again/r T retry 22:21:40",
        "w/asks Ask timeout 22:23:20",
        "w/asks - run_timeout 00:13:20",
    ];
    assert_eq!(shown(&page), expected);
    let retry = &page["timers"][1];
    assert_eq!(
        (&retry["workflow"], &retry["branch"], &retry["attempt"]),
        (&json!("again"), &json!(""), &json!(2))
    );
    assert_eq!(shown(&world.got("/api/v1/timers?kind=run_timeout")), expected[3..]);
    // The first of them is what the run's own waits show.
    assert_eq!(world.got("/api/v1/runs/w/asks")["waits"][0]["due_at"], page["timers"][0]["due_at"]);
}

#[test]
fn pages_read_so_many_running_runs_and_each_once() {
    let world = World::of(&wait_for());
    for n in 0..7 {
        start(&world, "w", &format!("over-{n}"), json!({ "seconds": 0 }));
        start(&world, "w", &format!("r{n}"), json!({ "seconds": 1_000 * (n + 1) }));
        world.deliver(&QueueName::Timer);
        world.host.wait(5);
    }
    for (limit, pages) in [(1, 7), (2, 4), (3, 3), (7, 1), (100, 1)] {
        let (mut seen, mut looked_at, mut read) = (Vec::new(), 0, 0);
        let mut path = format!("/api/v1/timers?limit={limit}");
        let mut sizes = Vec::new();
        loop {
            let page = world.got(&path);
            sizes.push(page["timers"].as_array().unwrap().len());
            seen.extend(shown(&page).iter().map(|timer| timer.split(' ').next().unwrap().to_owned()));
            looked_at += page["looked_at"].as_u64().unwrap();
            read += page["runs_read"].as_u64().unwrap();
            let Some(next) = page["next"].as_str() else { break };
            path = format!("/api/v1/timers?limit={limit}&cursor={next}");
        }
        assert!(sizes.iter().all(|size| *size <= limit), "{sizes:?}");
        let full = sizes.iter().filter(|size| **size > 0).count();
        seen.sort();
        assert_eq!(seen, (0..7).map(|n| format!("w/r{n}")).collect::<Vec<_>>(), "pages of {limit}");
        assert_eq!((full, looked_at, read), (pages, 14, 7), "pages of {limit}");
    }
}

#[test]
fn a_page_ends_after_a_thousand_runs_with_nothing_found() {
    let world = World::of(&wait_for());
    start(&world, "w", "goes-on", json!({ "seconds": 100_000 }));
    for n in 0..LOOKED_AT_MAX {
        start(&world, "w", &format!("over-{n}"), json!({ "seconds": 0 }));
    }
    while !world.host.in_queue(&QueueName::Timer).is_empty() && world.now_ms() < 1_700_000_900_000 {
        world.host.wait(1_000);
        world.deliver(&QueueName::Timer);
    }
    let page = world.got("/api/v1/timers?limit=1");
    assert_eq!((&page["timers"], &page["looked_at"]), (&json!([]), &json!(LOOKED_AT_MAX)));
    let page = world.got(&format!("/api/v1/timers?limit=1&cursor={}", page["next"].as_str().unwrap()));
    assert_eq!((page["timers"].as_array().unwrap().len(), &page["next"]), (1, &Value::Null));
}

/// A run with so many branches that wait, the last one for the shortest time.
fn fanned_out(branches: u64) -> World {
    let inner = json!({ "StartAt": "B", "States": { "B": {
        "Type": "Wait", "SecondsPath": "$", "End": true } } });
    let world = World::of(&json!({ "StartAt": "M", "States": { "M": {
        "Type": "Map", "ItemsPath": "$", "ItemProcessor": inner, "End": true } } }));
    start(&world, "w", "a", (0..branches).map(|n| 80_000 - n).collect());
    for _ in 0..1_000 {
        // Each branch that is open, and the Map state itself.
        let run = world.got("/api/v1/runs/w/a");
        let open = run["waits"].as_array().unwrap().len() as u64 + run["waits_left_out"].as_u64().unwrap();
        if open == branches + 1 {
            return world;
        }
        world.deliver(&QueueName::Timer);
        world.host.wait(1_000);
    }
    panic!("its branches do not open");
}

#[test]
fn of_a_run_with_many_the_first_are_shown() {
    let branches = REST_WAITS_MAX as u64 + 30;
    let world = fanned_out(branches);
    let page = world.got("/api/v1/timers");
    let timers = page["timers"].as_array().unwrap();
    assert_eq!((timers.len(), &page["left_out"]), (REST_WAITS_MAX, &json!(30)));
    assert_eq!(timers[0]["branch"], format!("0000000.{:05}", branches - 1));
    let due = |timer: &Value| timer["due_at"].as_str().unwrap().to_owned();
    assert!(timers.is_sorted_by_key(due), "{page}");
    // What is filtered out isn't left out.
    let before = due(&timers[10]);
    let first = world.got(&format!("/api/v1/timers?before={before}"));
    assert_eq!((first["timers"].as_array().unwrap().len(), &first["left_out"]), (10, &json!(0)));
}

#[test]
fn a_run_is_read_within_a_budget() {
    let world = fanned_out(130);
    let id = RunId::new("w", "a");
    let read = |records_max| world.host.drive(world.protocol.view_within(&id, records_max)).unwrap();
    let Some(Bounded::Read { view, taken }) = read(usize::MAX) else { panic!("it is not read") };
    // No record of the root before the branches have ended; one of each branch; and three parts.
    let records = view.records.len() + view.branch_records.values().map(Vec::len).sum::<usize>();
    assert_eq!(taken, records + 3);
    assert!(matches!(read(taken), Some(Bounded::Read { .. })));
    for less in [0, 2, taken - 1] {
        assert!(matches!(read(less), Some(Bounded::TooLarge)), "{less} of {taken}");
    }
    let none = world.host.drive(world.protocol.view_within(&RunId::new("w", "none"), 7)).unwrap();
    assert!(none.is_none());
}

#[test]
fn a_run_that_is_too_large_is_named_and_keeps_none_of_the_others_back() {
    let mut definition = task();
    definition["States"]["T"] = json!({ "Type": "Task", "Next": "W",
        "Resource": "arn:aws:lambda:us-east-1:000000000000:function:work" });
    definition["States"]["W"] = json!({ "Type": "Wait", "Seconds": 3600, "End": true });
    let world = World::of(&definition);
    start(&world, "w", "old", json!({}));
    world.host.wait(5);
    start(&world, "w", "huge", json!({}));
    world.host.wait(5);
    start(&world, "w", "new", json!({}));
    world.deliver(&QueueName::Step("work".to_owned()));
    let key = RecordKey { run: world.run_item("huge").key(), branch: Branch::default(), seq: 0 };
    let blob = BlobRef { sha256: "0".repeat(64), bytes: REST_TIMER_RECORDS_MAX as u64 * 4_096 };
    world.host.damage(&key, |record| record.outcome = Payload::Blob(blob));
    let runs = |page: &Value| -> Vec<String> {
        shown(page).iter().map(|timer| timer.split(' ').next().unwrap().to_owned()).collect()
    };
    // It would take more than what the first one leaves; and then more than all.
    let first = world.got("/api/v1/timers");
    assert_eq!((runs(&first), &first["looked_at"]), (vec!["w/new".to_owned()], &json!(1)));
    let next = |page: &Value| world.got(&format!("/api/v1/timers?cursor={}", page["next"].as_str().unwrap()));
    let second = next(&first);
    assert_eq!((&second["timers"], &second["unreadable"][0]["id"]), (&json!([]), &json!("w/huge")));
    assert!(second["unreadable"][0]["problem"].as_str().unwrap().contains("10000 records"), "{second}");
    let third = next(&second);
    assert_eq!((runs(&third), &third["next"]), (vec!["w/old".to_owned()], &Value::Null));
}

#[test]
fn a_damaged_run_is_named_beside_the_others() {
    let world = World::of(&json!({ "StartAt": "T", "States": {
        "T": { "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:work", "Next": "V" },
        "V": { "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:work", "Next": "W" },
        "W": { "Type": "Wait", "Seconds": 3600, "End": true },
    } }));
    for name in ["good", "bad"] {
        start(&world, "w", name, json!({}));
    }
    for _ in 0..3 {
        world.deliver(&QueueName::Step("work".to_owned()));
    }
    let key = world.run_item("bad").key();
    world.host.lose(&RecordKey { run: key, branch: Branch::default(), seq: 0 });
    let page = world.got("/api/v1/timers");
    assert_eq!(shown(&page), ["w/good W wait 23:13:20"]);
    assert_eq!(page["unreadable"][0]["id"], "w/bad");
    assert!(page["unreadable"][0]["problem"].as_str().unwrap().contains("record 0 is missing"), "{page}");
}
