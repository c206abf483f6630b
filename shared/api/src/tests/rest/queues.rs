//! Queues and dead letters.

use crate::{
    ApiSettings, Refusals, Unsupported,
    limits::KEPT_PAYLOAD_BYTES_MAX,
    router,
    testing::{World, pass, task, wait},
};
use serde_json::{Value, json};
use std::sync::Arc;
use stepladder_protocol::{Host, Outgoing, Protocol, Queue, QueueName};

fn send(world: &World, queue: &QueueName, body: String) {
    let messages = [Outgoing::new(body, 0)];
    world.host.drive(world.host.queue().send(queue, &messages)).unwrap();
}

#[test]
fn the_systems_queues_and_those_of_the_steps_are_listed_by_name() {
    let world = World::of(&task());
    world.publish("other", &pass());
    world.start("a", &json!({}));
    let queues = world.got("/api/v1/queues");
    assert_eq!(queues["next"], Value::Null);
    let queues = queues["queues"].as_array().unwrap();
    let names: Vec<&str> = queues.iter().map(|queue| queue["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["dead-letter", "invoke", "parked", "start", "status", "timer", "work"]);
    assert_eq!(
        queues[6],
        json!({ "name": "work", "is_system": false, "visible": 1, "in_flight": 0, "delayed": 0 })
    );
    world.publish("w", &wait());
    world.host.wait(10_000);
    assert_eq!(world.got("/api/v1/queues")["queues"].as_array().unwrap().len(), 6);
}

#[test]
fn queues_come_page_by_page() {
    let world = World::of(&task());
    let mut path = "/api/v1/queues?limit=4".to_owned();
    let mut pages = Vec::new();
    loop {
        let page = world.got(&path);
        pages.push(page["queues"].as_array().unwrap().len());
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/v1/queues?limit=4&cursor={next}");
    }
    assert_eq!(pages, [4, 3]);
}

#[test]
fn parked_messages_tell_why_and_stay_where_they_are() {
    let world = World::of(&task());
    let parked = |run: &str| {
        json!({ "v": 1, "reason": "its definition is gone", "queue": "work", "message_id": "m-1",
            "receive_count": 5, "run": run, "body": r#"{"workflow":"w","input":{"card":"4711"}}"# })
    };
    for run in ["w/1", "w/2"] {
        send(&world, &QueueName::Parked, parked(run).to_string());
        world.host.wait(1_000);
    }
    send(&world, &QueueName::Parked, "<no JSON>".to_owned());
    for _ in 0..2 {
        let answer = world.got("/api/v1/dead-letters");
        assert_eq!(
            (&answer["queue"], &answer["is_all"], &answer["held"]),
            (&json!("parked"), &json!(true), &json!(3))
        );
        let messages = answer["messages"].as_array().unwrap();
        let runs: Vec<_> = messages.iter().map(|message| message["run"].as_str()).collect();
        assert_eq!(runs, [Some("w/1"), Some("w/2"), None]);
        assert_eq!(messages[0]["reason"], "its definition is gone");
        assert_eq!(messages[0]["payload"], Value::Null);
        assert!(!answer.to_string().contains("4711"));
    }
    let with_data = world.got("/api/v1/dead-letters?data=true");
    assert_eq!(with_data["messages"][0]["payload"]["value"]["input"]["card"], "4711");
    assert_eq!(with_data["messages"][2]["payload"]["value"], "<no JSON>");
    let one = world.got("/api/v1/dead-letters?limit=1");
    assert_eq!((one["messages"].as_array().unwrap().len(), &one["is_all"]), (1, &json!(false)));
    let dead = world.got("/api/v1/dead-letters?queue=dead-letter");
    assert_eq!((&dead["queue"], &dead["messages"]), (&json!("dead-letter"), &json!([])));
}

#[test]
fn a_huge_message_is_left_out() {
    let world = World::of(&task());
    send(&world, &QueueName::DeadLetter, json!("x".repeat(KEPT_PAYLOAD_BYTES_MAX)).to_string());
    let answer = world.got("/api/v1/dead-letters?queue=dead-letter&data=true");
    let bytes = KEPT_PAYLOAD_BYTES_MAX + 2;
    assert_eq!(
        answer["messages"][0]["payload"],
        json!({ "bytes": bytes, "is_included": false, "value": null })
    );
}

#[test]
fn who_may_not_look_into_queues_says_so() {
    let mut world = World::of(&task());
    let protocol = Arc::new(Protocol::new(world.host.without_backlog()));
    world.router = router(
        protocol,
        ApiSettings {
            token_key: [7; 32],
            refusals: Refusals::Own,
            unsupported: Unsupported::Refused,
            reads_parquet: false,
        },
    );
    for path in ["/api/v1/queues", "/api/v1/dead-letters"] {
        let (status, body) = world.get(path);
        assert_eq!((status, &body["code"]), (501, &json!("SL1509")));
    }
}
