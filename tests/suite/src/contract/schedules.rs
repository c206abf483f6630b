//! Schedules: a message in the timer queue when its time has come, and one schedule for each name.

use super::{World, eventually};
use std::cell::RefCell;
use stepladder_protocol::{Clock, Host, QueueName, Schedule, Scheduled, Schedules};

fn schedule(world: &impl World, in_ms: i64, body: &str) -> Schedule {
    let clock = world.host().clock();
    let name = format!("{:032x}", clock.random_u128());
    Schedule { name, at_ms: clock.now_ms() + in_ms, body: body.to_owned() }
}

async fn create(world: &impl World, schedule: &Schedule) -> Scheduled {
    world.host().schedules().expect("this world has schedules").create(schedule).await.unwrap()
}

/// A body that nobody else sends.
fn body(world: &impl World, text: &str) -> String {
    let id = format!("{:032x}", world.host().clock().random_u128());
    serde_json::json!({ "id": id, "text": text }).to_string()
}

/// The bodies that arrive until `last` does, those of other cases left out.
async fn until(world: &impl World, last: &str, bodies: &[&str]) -> Vec<serde_json::Value> {
    let parsed = |body: &str| serde_json::from_str::<serde_json::Value>(body).unwrap_or_default();
    let wanted: Vec<serde_json::Value> = bodies.iter().map(|body| parsed(body)).collect();
    let arrived = RefCell::new(Vec::new());
    eventually(world, "a scheduled message arrives", async || {
        let messages = world.receive(&QueueName::Timer).await.into_iter();
        arrived
            .borrow_mut()
            .extend(messages.map(|message| parsed(&message.body)).filter(|body| wanted.contains(body)));
        arrived.borrow().contains(&parsed(last)).then_some(())
    })
    .await;
    arrived.into_inner()
}

pub async fn a_scheduled_message_arrives_as_it_was_and_no_sooner(world: &impl World) {
    let body = body(world, "<aws.scheduler.execution-id> & a < b \u{fffe}");
    let schedule = schedule(world, 3_000, &body);
    assert_eq!(create(world, &schedule).await, Scheduled::Created);
    until(world, &body, &[&body]).await;
    // Schedules are cut to whole seconds.
    assert!(world.host().clock().now_ms() >= schedule.at_ms - 1_000);
}

pub async fn a_second_schedule_of_a_name_changes_nothing(world: &impl World) {
    let (one, two, later) = (body(world, "one"), body(world, "two"), body(world, "later"));
    let first = schedule(world, 2_000, &one);
    assert_eq!(create(world, &first).await, Scheduled::Created);
    assert_eq!(create(world, &Schedule { body: two.clone(), ..first }).await, Scheduled::Exists);
    assert_eq!(create(world, &schedule(world, 3_000, &later)).await, Scheduled::Created);
    let arrived = until(world, &later, &[&one, &two, &later]).await;
    let text = |body: &serde_json::Value| body["text"].as_str().unwrap_or_default().to_owned();
    assert!(arrived.iter().all(|body| text(body) != "two"), "{arrived:?}");
}
