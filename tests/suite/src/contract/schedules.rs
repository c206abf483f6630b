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

/// The bodies that arrive until all of `awaited` have, of these bodies.
async fn until(world: &impl World, awaited: &[&str], bodies: &[&str]) -> Vec<serde_json::Value> {
    let parsed = |body: &str| serde_json::from_str::<serde_json::Value>(body).unwrap_or_default();
    let wanted: Vec<serde_json::Value> = bodies.iter().map(|body| parsed(body)).collect();
    let arrived = RefCell::new(Vec::new());
    eventually(world, "scheduled messages arrive", async || {
        let messages = world.receive(&QueueName::Timer).await.into_iter();
        arrived
            .borrow_mut()
            .extend(messages.map(|message| parsed(&message.body)).filter(|body| wanted.contains(body)));
        awaited.iter().all(|body| arrived.borrow().contains(&parsed(body))).then_some(())
    })
    .await;
    arrived.into_inner()
}

/// One case, for there is one timer queue: another that reads it would take its messages.
pub async fn a_scheduled_message_arrives_as_it_was_and_no_sooner_and_a_name_is_scheduled_once(
    world: &impl World,
) {
    let one = body(world, "<aws.scheduler.execution-id> & a < b \u{fffe}");
    let (two, later) = (body(world, "two"), body(world, "later"));
    let first = schedule(world, 2_000, &one);
    let last = schedule(world, 3_000, &later);
    assert_eq!(create(world, &first).await, Scheduled::Created);
    assert_eq!(create(world, &Schedule { body: two.clone(), ..first }).await, Scheduled::Exists);
    assert_eq!(create(world, &last).await, Scheduled::Created);
    let arrived = until(world, &[&one, &later], &[&one, &two, &later]).await;
    // Schedules are cut to whole seconds.
    assert!(world.host().clock().now_ms() >= last.at_ms - 1_000);
    let parsed = |body: &str| serde_json::from_str::<serde_json::Value>(body).unwrap();
    assert!(!arrived.contains(&parsed(&two)), "{arrived:?}");
}
