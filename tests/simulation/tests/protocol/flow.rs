//! Steps that have a rate, and steps that never run twice at once.

use crate::support::{FUNCTION_TIMEOUT_MS, Stack, chain, step_queue, work};
use futures::FutureExt;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use stepladder_engine::{Branch, Outcome, Status};
use stepladder_protocol::{
    BatchCall, BatchFunction, Clock, Flow, Host, Lease, LeaseTaken, Leases, Message, Pace, Rate, RecordKey,
    RunId, RunKey, limits,
};

/// A stack whose only step has such a flow, and when its code ran, in milliseconds since the stack began.
fn flowing(flow: Flow, definition: &Value) -> (Stack, Arc<Mutex<Vec<i64>>>) {
    let mut stack = Stack::with_settings(|settings| settings.flow = flow);
    stack.publish("w", definition);
    let (host, begun) = (stack.host.clone(), Arc::<Mutex<Vec<i64>>>::default());
    let (seen, first_ms) = (begun.clone(), stack.now_ms());
    stack.step("work", move |_| {
        seen.lock().unwrap().push(host.clock().now_ms() - first_ms);
        Ok(json!(1))
    });
    (stack, begun)
}

fn paced(rate_per_second: f64) -> (Stack, Arc<Mutex<Vec<i64>>>) {
    let rate = Rate::per_second(rate_per_second);
    flowing(Flow { rate, is_exclusive: false }, &chain(&["work"]))
}

fn start(stack: &Stack, runs: usize) {
    for n in 0..runs {
        stack.start(&format!("run-{n}"), json!({ "n": n }));
    }
}

/// The calls that one delivery of the step's messages makes, and how many are left.
fn calls_of(stack: &Stack) -> (Vec<&'static str>, usize) {
    stack.host.calls();
    let left = stack.deliver(&step_queue("work")).len();
    (stack.host.calls(), left)
}

fn count(calls: &[&str], name: &str) -> usize {
    calls.iter().filter(|call| **call == name).count()
}

#[test]
fn a_batch_takes_its_slots_by_one_write_and_what_has_to_wait_is_sent_again() {
    let (stack, begun) = paced(1.0);
    start(&stack, 5);
    let before = stack.messages(&step_queue("work"));
    let first_ms = stack.now_ms();
    let (calls, left) = calls_of(&stack);
    assert_eq!((count(&calls, "take slots"), count(&calls, "put record"), left), (1, 2, 0));
    // The second is waited for in the function: a message can't be delayed by less.
    assert_eq!(*begun.lock().unwrap(), [0, 1_000]);
    let waiting = stack.host.in_queue(&step_queue("work"));
    let mut visible: Vec<i64> = waiting.iter().map(|message| message.visible_ms - first_ms).collect();
    visible.sort_unstable();
    assert!(visible.iter().zip([2_000, 3_000, 4_000]).all(|(is, due)| (0..20).contains(&(is - due))));
    assert!(waiting.iter().all(|message| message.receive_count == 0), "no receive is spent");
    let after = stack.messages(&step_queue("work"));
    for message in &after {
        assert!(before.iter().any(|one| one.id == message.id && one.run == message.run), "it is the same");
        assert!(message.pace.unwrap().at_ms.is_some());
    }
    stack.run();
    let begun = begun.lock().unwrap();
    assert_eq!(begun.len(), 5);
    assert!(begun.windows(2).all(|two| (950..1_100).contains(&(two[1] - two[0]))), "{begun:?}");
    for n in 0..5 {
        let view = stack.view(&format!("run-{n}"));
        assert_eq!((view.item.status, view.records[0].receive_count), (Status::Succeeded, 1));
    }
}

#[test]
fn after_a_pause_a_second_is_made_up_for() {
    let (stack, begun) = paced(5.0);
    stack.host.wait(60_000);
    start(&stack, 8);
    stack.run();
    let begun: Vec<i64> = begun.lock().unwrap().iter().map(|ms| ms - 60_000).collect();
    assert_eq!(begun[..6], [0, 0, 0, 0, 0, 200]);
    assert_eq!(begun.len(), 8);
}

#[test]
fn who_comes_alone_never_waits() {
    let (stack, _) = paced(0.5);
    for n in 0..3 {
        stack.start(&format!("run-{n}"), json!({}));
        let (calls, left) = calls_of(&stack);
        let expected = ["take slots", "put record", "close run", "send"];
        assert_eq!(calls[calls.len() - 4..], expected);
        assert_eq!((left, stack.count(&step_queue("work"))), (0, 0));
        stack.host.wait(2_000);
    }
}

#[test]
fn what_is_beyond_the_reach_of_slots_asks_again_later() {
    let (stack, begun) = paced(0.001);
    start(&stack, 3);
    let now_ms = stack.now_ms();
    stack.deliver(&step_queue("work"));
    let waiting = stack.host.in_queue(&step_queue("work"));
    assert_eq!(waiting.len(), 2);
    for message in waiting {
        let delay_ms = message.visible_ms - now_ms;
        let half_ms = limits::PACE_AHEAD_MS / 2;
        assert!((half_ms..=limits::PACE_AHEAD_MS + 1_000).contains(&delay_ms), "{delay_ms}");
    }
    let without = Pace { at_ms: None, receives: 0 };
    assert!(stack.messages(&step_queue("work")).iter().all(|message| message.pace == Some(without)));
    stack.run();
    let begun = begun.lock().unwrap();
    assert!(begun.len() == 3 && begun[1] >= 1_000_000 && begun[2] >= 2_000_000, "{begun:?}");
    assert!(begun[2] < 2_100_000, "{begun:?}");
}

#[test]
fn a_slot_is_good_for_ten_seconds() {
    for (late_ms, slots) in [(10_000, 0), (10_001, 1)] {
        let (stack, _) = paced(0.1);
        start(&stack, 2);
        stack.deliver(&step_queue("work"));
        let message = stack.messages(&step_queue("work")).remove(0);
        let at_ms = message.pace.unwrap().at_ms.unwrap();
        stack.host.wait(at_ms - stack.now_ms() + late_ms);
        let (calls, left) = calls_of(&stack);
        assert_eq!((count(&calls, "take slots"), left), (slots, 0), "{late_ms} ms");
        // It has waited: its run may have ended meanwhile, or another message may have recorded the position.
        assert_eq!((count(&calls, "get run"), count(&calls, "get record")), (1, 1));
        assert_eq!(stack.status("run-1"), Status::Succeeded);
    }
}

#[test]
fn receives_are_counted_beyond_the_waiting_and_the_last_waits_no_more() {
    let (stack, begun) = paced(0.1);
    start(&stack, 2);
    stack.host.throttle("take slots", 1);
    let (_, left) = calls_of(&stack);
    assert_eq!((left, begun.lock().unwrap().len()), (2, 0), "without a slot nothing runs");
    stack.host.wait(5_000);
    assert!(stack.deliver(&step_queue("work")).is_empty());
    let message = stack.messages(&step_queue("work")).remove(0);
    assert_eq!((message.pace.unwrap().receives, begun.lock().unwrap().len()), (1, 1));
    let last = Message { pace: Some(Pace { at_ms: None, receives: 4 }), ..message };
    stack.send(&step_queue("work"), serde_json::to_string(&last).unwrap());
    let (calls, left) = calls_of(&stack);
    assert_eq!((count(&calls, "take slots"), left, begun.lock().unwrap().len()), (0, 0, 2));
}

#[test]
fn a_run_whose_time_is_up_waits_for_no_slot() {
    let mut definition = chain(&["work"]);
    definition["TimeoutSeconds"] = json!(30);
    let rate = Rate::per_second(0.01);
    let (stack, begun) = flowing(Flow { rate, is_exclusive: false }, &definition);
    start(&stack, 2);
    let first_ms = stack.now_ms();
    stack.run();
    assert_eq!(*begun.lock().unwrap(), [0]);
    assert_eq!((stack.status("run-0"), stack.status("run-1")), (Status::Succeeded, Status::TimedOut));
    assert_eq!(stack.view("run-1").item.ended_ms.unwrap() - first_ms, 30_000);
}

#[test]
fn what_waits_for_a_slot_of_a_run_that_is_stopped_never_runs() {
    let (stack, begun) = paced(0.1);
    start(&stack, 2);
    stack.deliver(&step_queue("work"));
    stack.host.drive(stack.protocol.request_stop(&RunId::new("w", "run-1"), None, None)).unwrap();
    stack.run();
    assert_eq!((begun.lock().unwrap().len(), stack.status("run-1")), (1, Status::Aborted));
}

#[test]
fn a_batch_in_one_call_has_those_whose_slot_has_come() {
    let (stack, _) = paced(3.0);
    start(&stack, 8);
    let sizes = Arc::<Mutex<Vec<usize>>>::default();
    let seen = sizes.clone();
    let code: BatchFunction = Arc::new(move |requests| {
        seen.lock().unwrap().push(requests.len());
        let answers = requests.iter().map(|_| Ok(json!(1))).collect();
        vec![BatchCall { places: (0..requests.len()).collect(), results: async { answers }.boxed() }]
    });
    let queue = step_queue("work");
    let deliveries = stack.host.receive(&queue);
    let left =
        stack.host.drive(stack.protocol.handle_batch_together(&code, &stack.invocation(&queue), &deliveries));
    assert!(left.is_empty());
    // Three at once; three more within a second, for whom the others wait; two later.
    assert_eq!(sizes.lock().unwrap().iter().sum::<usize>(), 6);
    let waiting = stack.messages(&queue);
    assert_eq!(waiting.iter().filter(|message| message.pace.is_some()).count(), 2);
}

fn exclusive(definition: &Value) -> (Stack, Arc<Mutex<Vec<i64>>>) {
    flowing(Flow { rate: None, is_exclusive: true }, definition)
}

#[test]
fn an_exclusive_step_costs_one_write_more() {
    let (stack, _) = exclusive(&chain(&["work"]));
    start(&stack, 1);
    stack.deliver(&step_queue("work"));
    stack.start("again", json!({}));
    assert_eq!(calls_of(&stack), (vec!["take lease", "put record", "close run", "send"], 0));
}

fn first_position(run: &RunKey) -> RecordKey {
    RecordKey { run: run.clone(), branch: Branch::default(), seq: 0 }
}

#[test]
fn who_finds_the_lease_held_waits_for_its_end() {
    let (stack, begun) = exclusive(&chain(&["work"]));
    let run = stack.start("run", json!({}));
    let until_ms = stack.now_ms() + 17_500;
    let lease = Lease { holder: "h".repeat(32), until_ms, expires_s: until_ms / 1000 + 86_400 };
    let taken = stack.host.drive(stack.host.take_lease(&first_position(&run), &lease, stack.now_ms()));
    assert_eq!(taken, Ok(LeaseTaken::First));
    let (_, left) = calls_of(&stack);
    assert_eq!((left, begun.lock().unwrap().len()), (1, 0));
    let message = stack.host.in_queue(&step_queue("work")).remove(0);
    assert!((0..1_000).contains(&(message.visible_ms - until_ms)), "{}", message.visible_ms - until_ms);
    stack.run();
    assert_eq!((begun.lock().unwrap().len(), stack.status("run")), (1, Status::Succeeded));
}

#[test]
fn a_copy_that_comes_later_looks_for_the_record_before_it_runs() {
    let (stack, begun) = exclusive(&chain(&["work", "next"]));
    start(&stack, 1);
    let body = stack.host.in_queue(&step_queue("work")).remove(0).body;
    stack.deliver(&step_queue("work"));
    // At once it finds the lease held, for nobody hands it back.
    stack.send(&step_queue("work"), body.clone());
    assert_eq!(calls_of(&stack), (vec!["take lease", "change visibility"], 1));
    stack.host.wait(FUNCTION_TIMEOUT_MS + limits::LEASE_MARGIN_MS + 1_000);
    // Rule 1 clears away what was received before; a fresh copy sees the record behind the lease.
    assert!(stack.deliver(&step_queue("work")).is_empty());
    stack.send(&step_queue("work"), body);
    assert_eq!(calls_of(&stack), (vec!["take lease", "get record", "change visibility"], 1));
    stack.run();
    assert_eq!(begun.lock().unwrap().len(), 1);
}

#[test]
fn a_lease_is_handed_back_if_the_record_could_not_be_put() {
    let (stack, begun) = exclusive(&chain(&["work"]));
    start(&stack, 1);
    stack.host.throttle("put record", 1);
    let (calls, left) = calls_of(&stack);
    assert_eq!(calls[calls.len() - 4..], ["take lease", "put record", "release lease", "change visibility"]);
    assert_eq!(left, 1);
    stack.host.wait(3_000);
    let (calls, left) = calls_of(&stack);
    assert_eq!((count(&calls, "take lease"), count(&calls, "put record"), left), (1, 1, 0));
    assert_eq!((begun.lock().unwrap().len(), stack.status("run-0")), (2, Status::Succeeded));
}

#[test]
fn a_lease_of_code_that_was_cut_off_ends_by_itself() {
    let (mut stack, _) = exclusive(&work(json!({ "TimeoutSeconds": 2 })));
    stack.slow_step("work", |_| std::future::pending().boxed());
    start(&stack, 1);
    stack.host.throttle("put record", 1);
    let (calls, left) = calls_of(&stack);
    assert_eq!((count(&calls, "put record"), count(&calls, "release lease"), left), (1, 0, 1));
    stack.run();
    assert!(matches!(stack.outcomes("run-0")[..], [Outcome::TimedOut { .. }]));
}
