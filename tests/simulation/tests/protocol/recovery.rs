//! Recovery from the table alone, and what is read of it.

use crate::support::{Stack, chain, step_queue};
use serde_json::json;
use stepladder_asl::Definition;
use stepladder_engine::{Branch, Next, Status};
use stepladder_protocol::{Ask, Payload, QueueName, RecordKey, Repaired, RunId, Started, Swept};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

fn repair(stack: &Stack, name: &str) -> Repaired {
    stack.host.drive(stack.protocol.repair(&RunId::new("w", name))).unwrap()
}

fn sweep(stack: &Stack) -> Swept {
    stack.host.drive(stack.protocol.sweep()).unwrap()
}

/// Two steps, of which the first has run; the message for the second is lost.
fn stranded() -> Stack {
    let mut stack = Stack::of(&chain(&["one", "two"]));
    stack.step("one", |_| Ok(json!(1)));
    stack.step("two", |_| Ok(json!(2)));
    stack.start("run", json!({}));
    stack.deliver(&step_queue("one"));
    stack.host.purge();
    stack.run();
    assert_eq!(stack.status("run"), Status::Running);
    stack
}

#[test]
fn repair_sends_a_lost_message_again_and_writes_no_record() {
    let stack = stranded();
    assert_eq!(repair(&stack, "run"), Repaired::Again { state: "two".to_owned() });
    assert_eq!(stack.outcomes("run").len(), 1);
    stack.run();
    assert_eq!(
        (stack.status("run"), stack.ran()),
        (Status::Succeeded, vec!["one".to_owned(), "two".to_owned()])
    );
}

#[test]
fn repair_of_a_run_that_is_well_does_no_harm() {
    let mut stack = Stack::of(&chain(&["one", "two"]));
    stack.step("one", |_| Ok(json!(1)));
    stack.step("two", |_| Ok(json!(2)));
    stack.start("run", json!({}));
    repair(&stack, "run");
    assert_eq!(stack.count(&step_queue("one")), 2);
    stack.run();
    assert_eq!((stack.status("run"), stack.outcomes("run").len()), (Status::Succeeded, 2));
    assert_eq!(stack.count(&QueueName::Status), 1);
    assert_eq!(repair(&stack, "run"), Repaired::Ended(Status::Succeeded));
    assert_eq!(repair(&stack, "no-such-run"), Repaired::NotFound);
}

#[test]
fn repair_closes_a_run_whose_last_record_was_written_and_nothing_more() {
    let mut stack = Stack::of(&chain(&["one"]));
    stack.step("one", |_| Ok(json!(1)));
    stack.start("run", json!({}));
    stack.host.throttle("close run", 1);
    assert_eq!(stack.deliver(&step_queue("one")).len(), 1);
    stack.host.purge();
    assert_eq!(stack.status("run"), Status::Running);
    assert_eq!(repair(&stack, "run"), Repaired::Again { state: "one".to_owned() });
    assert_eq!((stack.status("run"), stack.count(&QueueName::Status)), (Status::Succeeded, 1));
}

/// Asks for a look, as the hourly sweep does, and takes it.
fn look(stack: &Stack) {
    let message = stepladder_protocol::Message::new(7, stack.view("run").item.run(), Ask::Look);
    stack.send(&QueueName::Timer, serde_json::to_string(&message).unwrap());
    assert!(stack.deliver(&QueueName::Timer).is_empty());
}

#[test]
fn a_look_leaves_a_run_alone_that_waits_for_a_time_to_come() {
    let stack = Stack::of(&json!({
        "StartAt": "W", "States": { "W": { "Type": "Wait", "Seconds": 7200, "End": true } },
    }));
    stack.start("run", json!({}));
    let before = stack.host.in_queue(&QueueName::Timer);
    stack.host.wait(600_000);
    look(&stack);
    assert_eq!(stack.host.in_queue(&QueueName::Timer), before);
}

#[test]
fn a_look_leaves_a_step_alone_that_may_still_be_in_its_queue() {
    let stack = stranded();
    stack.host.wait(899_000);
    look(&stack);
    assert_eq!(stack.count(&step_queue("two")), 0);
}

#[test]
fn a_look_repairs_a_run_that_is_overdue() {
    let stack = stranded();
    stack.host.wait(901_000);
    look(&stack);
    assert_eq!(stack.count(&step_queue("two")), 1);
    stack.run();
    assert_eq!(stack.status("run"), Status::Succeeded);
}

#[test]
fn a_sweep_finds_a_run_an_hour_old_and_asks_for_a_look() {
    let stack = stranded();
    stack.host.wait(HOUR_MS - 60_000);
    assert_eq!(sweep(&stack), Swept::default());
    stack.host.wait(120_000);
    assert_eq!(sweep(&stack), Swept { looked_at: 1, running: 1 });
    stack.run();
    assert_eq!(stack.status("run"), Status::Succeeded);
    assert_eq!(sweep(&stack), Swept { looked_at: 1, running: 0 });
}

#[test]
fn a_sweep_finds_a_run_whole_days_old_and_passes_over_the_days_between() {
    let stack = Stack::with_settings(|settings| settings.retention_days = 400);
    stack.publish("w", &chain(&["one"]));
    stack.start("run", json!({}));
    for days in [1, 2, 100, 300] {
        let age_ms = days * DAY_MS + HOUR_MS + 60_000;
        stack.host.wait(stack.view("run").item.started_ms + age_ms - stack.now_ms());
        stack.host.calls();
        assert_eq!(sweep(&stack), Swept { looked_at: 1, running: 1 }, "{days} days");
        let lists = stack.host.calls().into_iter().filter(|call| *call == "list runs").count();
        assert!(lists <= 4, "{lists} lists for {days} days");
        // Two hours later it isn't its turn.
        stack.host.wait(2 * HOUR_MS);
        assert_eq!(sweep(&stack), Swept::default(), "{days} days and two hours");
    }
}

#[test]
fn every_run_is_looked_at_once_a_day_by_hourly_sweeps() {
    let stack = Stack::with_settings(|settings| settings.retention_days = 400);
    stack.publish("w", &chain(&["one"]));
    for n in 0..24 {
        stack.start(&format!("run-{n}"), json!({}));
        stack.host.wait(47 * 60_000);
    }
    stack.host.wait(3 * DAY_MS);
    let looked_at: usize = (0..24)
        .map(|_| {
            stack.host.wait(HOUR_MS);
            sweep(&stack).looked_at
        })
        .sum();
    // Sweeps overlap by ten minutes of each hour.
    assert!((24..=30).contains(&looked_at), "{looked_at}");
}

#[test]
fn a_look_prolongs_the_items_of_a_run_that_still_goes() {
    let stack = Stack::of(&json!({
        "StartAt": "W", "States": { "W": { "Type": "Wait", "Seconds": 8_000_000, "End": true } },
    }));
    stack.start("run", json!({}));
    stack.deliver(&QueueName::Timer);
    let before = stack.view("run").item.expires_s;
    stack.host.wait(5 * DAY_MS);
    look(&stack);
    assert_eq!(stack.view("run").item.expires_s, before);
    stack.host.wait(12 * DAY_MS);
    look(&stack);
    let after = stack.view("run").item.expires_s;
    // As long as its wait lasts, and the retention after it, and the run item a day more.
    let wait_until_s = stack.view("run").item.started_ms / 1000 + 8_000_000;
    assert_eq!(after, wait_until_s + 31 * 86_400);
    assert!(stack.view("run").records.iter().all(|record| record.expires_s == after - 86_400));
}

#[test]
fn a_run_that_has_expired_is_absent_and_its_name_is_free() {
    let stack = Stack::of(&chain(&["one"]));
    let first = stack.start("run", json!({}));
    stack.host.wait(32 * DAY_MS);
    assert!(stack.host.drive(stack.protocol.view(&first.id)).unwrap().is_none());
    let second = stack.start("run", json!({ "other": 1 }));
    assert_ne!(first.nonce, second.nonce);
}

#[test]
fn a_replay_that_leads_elsewhere_says_where_and_sends_nothing() {
    let stack = stranded();
    let run = stack.view("run").item.key();
    let key = RecordKey { run, branch: Branch::default(), seq: 0 };
    stack.host.damage(&key, |record| {
        record.outcome = Payload::Json(br#"{"kind":"succeeded","output":"another"}"#.to_vec());
    });
    let error = stack.host.drive(stack.protocol.repair(&key.run.id)).unwrap_err().to_string();
    assert!(
        error.starts_with("replay w/run: the replay of record 0 (state 'one') leads elsewhere"),
        "{error}"
    );
    assert_eq!(stack.count(&step_queue("two")), 0);
}

#[test]
fn a_redelivered_owner_does_not_send_what_its_record_did_not_lead_to() {
    let mut stack = Stack::of(&chain(&["one", "two"]));
    stack.step("one", |_| Ok(json!(1)));
    let run = stack.start("run", json!({}));
    let mut deliveries = stack.host.receive(&step_queue("one"));
    stack.host.throttle("send", 1);
    stack.handle(&step_queue("one"), &deliveries);
    let key = RecordKey { run, branch: Branch::default(), seq: 0 };
    stack.host.damage(&key, |record| record.digest = "0".repeat(16));
    deliveries[0].receive_count = 5;
    assert!(stack.handle(&step_queue("one"), &deliveries).is_empty());
    assert_eq!(stack.count(&step_queue("two")), 0);
    assert!(stack.parked()[0].reason.contains("computed again, the transition leads elsewhere"));
}

#[test]
fn a_gap_in_the_records_is_named() {
    let mut stack = Stack::of(&chain(&["one", "two", "three"]));
    for function in ["one", "two"] {
        stack.step(function, |_| Ok(json!(1)));
    }
    let run = stack.start("run", json!({}));
    stack.run();
    stack.host.lose(&RecordKey { run: run.clone(), branch: Branch::default(), seq: 0 });
    let error = stack.host.drive(stack.protocol.view(&run.id)).unwrap_err().to_string();
    assert_eq!(error, "read the records of w/run: record 0 is missing: deleted, or expired");
}

#[test]
fn a_long_history_is_read_page_by_page() {
    let mut stack = Stack::of(&json!({ "StartAt": "work", "States": {
        "work": {
            "Type": "Task", "Resource": crate::support::resource("work"), "Next": "Enough",
        },
        "Enough": {
            "Type": "Choice", "Default": "work",
            "Choices": [{ "Variable": "$.n", "NumericGreaterThan": 119, "Next": "Done" }],
        },
        "Done": { "Type": "Succeed" },
    }}));
    stack.step("work", |request| Ok(json!({ "n": request.call.input["n"].as_u64().unwrap() + 1 })));
    stack.start("run", json!({ "n": 0 }));
    stack.run();
    let view = stack.view("run");
    assert_eq!((view.records.len(), view.item.status), (120, Status::Succeeded));
    assert!(matches!(view.replay.last.next, Next::End(_)));
}

#[test]
fn a_new_definition_is_for_new_runs_and_is_taken_within_five_seconds() {
    let mut stack = Stack::of(&chain(&["one"]));
    for function in ["one", "two"] {
        stack.step(function, move |_| Ok(json!(function)));
    }
    let other = stack.environment();
    let start = |name: &str| {
        let request = stepladder_protocol::StartRequest {
            workflow: "w".to_owned(),
            name: name.to_owned(),
            input: json!({}),
        };
        let Started::Created(item) = stack.host.drive(other.start(request)).unwrap() else { panic!() };
        item.definition
    };
    let old = start("a");
    let new = stack.publish("w", &chain(&["two"])).hash;
    assert_ne!(old, new);
    assert_eq!(start("b"), old);
    stack.host.wait(5_000);
    assert_eq!(start("c"), new);
    stack.run();
    assert_eq!(stack.ending("b").0, Some(json!({ "one": "one" })));
    assert_eq!(stack.ending("c").0, Some(json!({ "two": "two" })));
}

#[test]
fn a_definition_is_read_once_by_each_environment() {
    let stack = Stack::of(&chain(&["one"]));
    let hash = Definition::parse(&chain(&["one"]).to_string()).unwrap().hash;
    let other = stack.environment();
    stack.host.calls();
    for _ in 0..3 {
        stack.host.drive(other.definition("w", &hash)).unwrap();
    }
    assert_eq!(stack.host.calls(), ["get definition"]);
    let error = stack.host.drive(other.definition("w", "0123")).unwrap_err().to_string();
    assert_eq!(error, "get the definition 0123 of workflow w: it is not there");
}
