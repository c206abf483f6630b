//! Whose a run is: the group that each of its messages is sent with.

use crate::support::{Stack, chain, failure, resource, step_queue, work};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use stepladder_engine::Status;
use stepladder_protocol::{
    Host, QueueName, Repaired, Requested, RunId, Settings, StartRequest, Started, WorkflowSettings,
    tenant_of_body,
};

fn has_tenants(settings: &mut Settings, workflow: &str, path: &str) {
    let tenant = Some(path.parse().unwrap());
    settings
        .workflows
        .insert(workflow.to_owned(), WorkflowSettings { tenant, ..WorkflowSettings::default() });
}

/// A stack whose workflow `w` takes its runs' tenants from the member `customer` of their input.
fn stack(definition: &Value) -> Stack {
    let stack = Stack::with_settings(|settings| has_tenants(settings, "w", "$.customer"));
    stack.publish("w", definition);
    stack.host.sent();
    stack
}

fn acme() -> Value {
    json!({ "customer": "acme", "items": [1, 2, 3] })
}

/// The groups of all messages since the last look, and the queues that they went to.
fn sent(stack: &Stack) -> (BTreeSet<Option<String>>, BTreeSet<QueueName>) {
    let sent = stack.host.sent();
    assert!(!sent.is_empty());
    (
        sent.iter().map(|(_, group)| group.clone()).collect(),
        sent.into_iter().map(|(queue, _)| queue).collect(),
    )
}

#[track_caller]
fn assert_all_of(stack: &Stack, tenant: &str) -> BTreeSet<QueueName> {
    let (groups, queues) = sent(stack);
    assert_eq!(groups, BTreeSet::from([Some(tenant.to_owned())]));
    queues
}

fn state(kind: &str, fields: Value) -> Value {
    let mut state = json!({ "Type": kind });
    state.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    state
}

/// A step with a retry, a long wait, branches within branches, an activity, and a run of the workflow `child`.
fn everything() -> Value {
    let child = "arn:aws:states:us-east-1:000000000000:stateMachine:child";
    let retry = json!([{ "ErrorEquals": ["Flaky"], "IntervalSeconds": 3 }]);
    let one = |name: &str, state: Value| json!({ "StartAt": name, "States": { name: state } });
    let step = |function: &str| state("Task", json!({ "Resource": resource(function), "End": true }));
    let each = json!({ "ItemsPath": "$.items", "ItemProcessor": one("Item", step("item")), "End": true });
    let branches = [
        one("Pause", state("Wait", json!({ "Seconds": 5, "End": true }))),
        one("Each", state("Map", each)),
        one("Pass", state("Pass", json!({ "End": true }))),
    ];
    let nested = json!({ "StateMachineArn": child, "Input": { "n": 1 } });
    json!({ "StartAt": "Work", "States": {
        "Work": state("Task", json!({
            "Resource": resource("work"), "Retry": retry, "ResultPath": null, "Next": "Wait",
        })),
        "Wait": state("Wait", json!({ "Seconds": 4_000, "Next": "Both" })),
        "Both": state("Parallel", json!({ "Branches": branches, "ResultPath": null, "Next": "Missing" })),
        "Missing": state("Task", json!({
            "Resource": resource("missing"),
            "Catch": [{ "ErrorEquals": ["States.ALL"], "ResultPath": null, "Next": "Nested" }],
            "Next": "Nested",
        })),
        "Nested": state("Task", json!({
            "Resource": "arn:aws:states:::states:startExecution.sync:2", "Parameters": nested, "End": true,
        })),
    } })
}

/// [`everything`] with its steps: `work` fails once.
fn stack_of_everything() -> Stack {
    let mut stack = stack(&everything());
    stack.host.add_invoke();
    stack.publish("child", &chain(&["small"]));
    stack.step("work", |request| match request.call.attempt {
        1 => Err(failure("Flaky")),
        _ => Ok(json!(1)),
    });
    for function in ["item", "small", "invoke"] {
        stack.step(function, |_| Ok(json!(1)));
    }
    stack
}

#[test]
fn each_message_of_a_run_is_sent_as_one_of_its_tenant() {
    let stack = stack_of_everything();
    stack.start("run", acme());
    stack.run();
    assert_eq!(stack.status("run"), Status::Succeeded);
    let queues = assert_all_of(&stack, "acme");
    let steps = ["work", "item", "small"].map(step_queue);
    for queue in steps.into_iter().chain([QueueName::Timer, QueueName::Invoke, QueueName::Status]) {
        assert!(queues.contains(&queue), "nothing was sent to {queue:?}");
    }
}

#[test]
fn without_a_tenant_no_message_has_a_group_and_none_is_longer() {
    let stack = stack_of_everything();
    for (name, input) in
        [("none", json!({ "items": [1] })), ("null", json!({ "customer": null, "items": [1] }))]
    {
        stack.start(name, input);
        assert!(!stack.host.in_queue(&step_queue("work"))[0].body.contains("\"tn\""));
        stack.run();
        assert_eq!(stack.status(name), Status::Succeeded);
        assert_eq!(sent(&stack).0, BTreeSet::from([None]));
    }
}

#[test]
fn a_run_that_another_starts_has_a_tenant_of_its_own_where_its_workflow_says_so() {
    let mut stack = stack_of_everything();
    let with = |settings: &mut Settings| has_tenants(settings, "child", "$.n");
    stack.protocol = stepladder_protocol::Protocol::new(stack.host.clone().with_settings(with));
    stack.start("run", acme());
    stack.run();
    assert_eq!(stack.status("run"), Status::Succeeded);
    let of = |tenant: &str| Some(tenant.to_owned());
    assert_eq!(sent(&stack).0, BTreeSet::from([of("1"), of("acme")]));
}

#[test]
fn who_rebuilds_a_message_knows_its_tenant() {
    let mut stack = stack(&work(json!({})));
    let id = RunId::new("w", "run");
    stack.step("work", |request| match request.run.redrive_count {
        0 => Err(failure("Broken")),
        _ => Ok(json!(1)),
    });
    stack.start("run", acme());

    // A lost message, which repair finds, and the sweep, which asks for a look.
    stack.host.purge();
    let again = Repaired::Again { state: "work".to_owned() };
    assert_eq!(stack.host.drive(stack.environment().repair(&id)), Ok(again));
    assert_eq!(assert_all_of(&stack, "acme"), BTreeSet::from([step_queue("work")]));
    stack.host.purge();
    stack.host.wait(3_700_000);
    stack.host.drive(stack.environment().sweep()).unwrap();
    stack.deliver(&QueueName::Timer);
    assert_eq!(assert_all_of(&stack, "acme"), BTreeSet::from([step_queue("work"), QueueName::Timer]));

    // A redrive, by a process that has never seen the run.
    stack.run();
    assert_eq!(stack.status("run"), Status::Failed);
    stack.host.sent();
    assert_eq!(stack.host.drive(stack.environment().request_redrive(&id, None)), Ok(Requested::Done));
    stack.run();
    assert_eq!(stack.status("run"), Status::Succeeded);
    let queues = [step_queue("work"), QueueName::Timer, QueueName::Status];
    assert_eq!(assert_all_of(&stack, "acme"), BTreeSet::from(queues));
}

#[test]
fn the_message_of_a_stop_and_what_follows_it_are_of_the_tenant() {
    let stack = stack(&work(json!({})));
    stack.start("run", acme());
    stack.host.sent();
    let id = RunId::new("w", "run");
    assert_eq!(stack.host.drive(stack.environment().request_stop(&id, None, None)), Ok(Requested::Done));
    assert_eq!(assert_all_of(&stack, "acme"), BTreeSet::from([QueueName::Timer, QueueName::Status]));
}

#[test]
fn a_message_that_comes_again_and_one_from_the_dead_letter_queue_go_on_as_their_tenants() {
    let mut stack = stack(&chain(&["one", "two"]));
    stack.step("one", |_| Ok(json!(1)));
    stack.start("run", acme());
    // The record is there, and its effects were never sent.
    stack.host.throttle("send", 1);
    assert_eq!(stack.deliver(&step_queue("one")).len(), 1);
    stack.host.sent();
    stack.host.wait(60_000);
    stack.deliver(&step_queue("one"));
    assert_eq!(assert_all_of(&stack, "acme"), BTreeSet::from([step_queue("two")]));
    // Received once too often, it keeps its group in the dead-letter queue.
    for _ in 0..6 {
        stack.host.receive(&step_queue("two"));
        stack.host.wait(60_000);
    }
    let [dead] = &stack.host.in_queue(&QueueName::DeadLetter)[..] else { panic!("no dead letter") };
    assert_eq!(dead.group.as_deref(), Some("acme"));
}

#[test]
fn a_start_that_is_repeated_keeps_the_tenant_that_the_run_was_started_with() {
    let stack = stack(&work(json!({})));
    stack.start("run", acme());
    stack.host.purge();
    stack.host.sent();
    let with = |settings: &mut Settings| has_tenants(settings, "w", "$.items[0]");
    let other = stepladder_protocol::Protocol::new(stack.host.clone().with_settings(with));
    let request = StartRequest { workflow: "w".to_owned(), name: "run".to_owned(), input: acme() };
    assert!(matches!(stack.host.drive(other.start(request)), Ok(Started::Repeated(_))));
    assert_all_of(&stack, "acme");
}

#[test]
fn a_body_alone_tells_its_tenant() {
    let stack = stack(&work(json!({})));
    stack.start("run", acme());
    let of = |body: &str| tenant_of_body(body, stack.host.settings());
    let of_run = &stack.host.in_queue(&step_queue("work"))[0].body;
    assert_eq!(of(of_run).as_deref(), Some("acme"));
    let start = |workflow: &str, input: Value| json!({ "workflow": workflow, "input": input }).to_string();
    assert_eq!(of(&start("w", acme())).as_deref(), Some("acme"));
    for body in [start("w", json!({})), start("other", acme()), "{}".to_owned(), "no JSON".to_owned()] {
        assert_eq!(of(&body), None, "{body}");
    }
}
