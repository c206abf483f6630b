//! Runs that are found by what their inputs hold, and by how they ended.

use crate::support::{Stack, chain, failure, step_queue};
use serde_json::{Value, json};
use std::{
    pin::{Pin, pin},
    task::{Context, Poll},
};
use stepladder_engine::Status;
use stepladder_protocol::{
    Candidate, Host, Judged, Protocol, Query, Repaired, Requested, RunId, SearchPaths, StartRequest, Walk,
    WorkflowSettings,
};
use stepladder_simulation::MemoryHost;

/// A stack whose workflow `w` has one step, `work`, and whose runs are found by customer and order.
fn stack() -> Stack {
    let mut stack = Stack::with_settings(|settings| {
        let search = SearchPaths::parse(&["$.customer.id", "$.order"]).unwrap();
        settings.workflows.insert("w".to_owned(), WorkflowSettings { search, ..WorkflowSettings::default() });
    });
    stack.publish("w", &chain(&["work"]));
    stack.step("work", |request| match request.call.input.get("fail") {
        Some(_) => Err(failure("Bad")),
        None => Ok(request.call.input),
    });
    stack
}

fn input() -> Value {
    json!({ "customer": { "id": "c-17" }, "order": 7 })
}

/// The names that a query finds, newest first, and how many runs it has read for that.
fn found(stack: &Stack, text: &str) -> (Vec<String>, usize) {
    let settings = stack.host.settings();
    let query = Query::parse(text, stack.now_ms(), settings).unwrap();
    let plan = query.plan(&["w".to_owned()], settings).unwrap();
    let mut read = 0;
    let mut names = Vec::new();
    stack.host.drive(async {
        let mut walk = Walk::new(&stack.host, &query, &plan, None, 2);
        loop {
            let page = walk.next(stack.now_ms(), 3).await.unwrap();
            read += page.len();
            let is_last = page.len() < 3;
            for Candidate { place, judged } in page {
                match judged {
                    Judged::Meant(item) => names.push(item.id.name),
                    Judged::Other => {}
                    other => panic!("{place:?}: {other:?}"),
                }
            }
            if is_last {
                break;
            }
        }
    });
    (names, read)
}

#[test]
fn runs_are_found_by_their_input() {
    let stack = stack();
    for n in 0..10 {
        let customer = if n % 3 == 0 { json!("c-17") } else { json!(n) };
        stack.start(&format!("r{n}"), json!({ "customer": { "id": customer }, "order": n }));
        stack.host.wait(n % 2);
    }
    assert_eq!(
        found(&stack, "id=c-17"),
        (["r9", "r6", "r3", "r0"].iter().map(|n| (*n).to_owned()).collect(), 4)
    );
    assert_eq!(found(&stack, "$.customer.id=c-17 order=6"), (vec!["r6".to_owned()], 4));
    assert_eq!(found(&stack, "order=4"), (vec!["r4".to_owned()], 1));
    assert_eq!(found(&stack, "order=4 status=failed"), (vec![], 1));
    assert_eq!(found(&stack, "order=44"), (vec![], 0));
    assert_eq!(found(&stack, "").1, 10);
}

#[test]
fn runs_that_failed_are_found_by_state_and_error() {
    let stack = stack();
    for n in 0..7 {
        stack.start(&format!("r{n}"), if n % 2 == 0 { json!({ "fail": n }) } else { input() });
        stack.run();
        stack.host.wait(1);
    }
    let names: Vec<String> = ["r6", "r4", "r2", "r0"].iter().map(|name| (*name).to_owned()).collect();
    for text in
        ["error=Bad", "state=work", "status=failed", "error=Bad state=work status=failed,aborted since=1h"]
    {
        assert_eq!(found(&stack, text), (names.clone(), 4), "{text}");
    }
    assert_eq!(found(&stack, "error=Worse"), (vec![], 4));
    assert_eq!(
        found(&stack, "status=succeeded"),
        (vec!["r5".to_owned(), "r3".to_owned(), "r1".to_owned()], 7)
    );
    // One that goes on is no failed one.
    stack.host.drive(stack.protocol.request_redrive(&RunId::new("w", "r4"), None)).unwrap();
    assert_eq!(found(&stack, "error=Bad").0, ["r6", "r2", "r0"]);
}

#[test]
fn a_later_run_of_the_name_is_not_taken_for_the_one_that_was_found() {
    let stack = stack();
    stack.start("a", input());
    stack.run();
    stack.host.wait(40 * 86_400_000);
    stack.start("a", json!({ "customer": { "id": "c-18" } }));
    assert_eq!(found(&stack, "id=c-17"), (vec![], 1));
    assert_eq!(found(&stack, "id=c-18"), (vec!["a".to_owned()], 1));
}

/// Dies when it has been polled so often.
struct Mortal<F> {
    future: F,
    polls: usize,
}

impl<F: Future + Unpin> Future for Mortal<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.polls == 0 {
            return Poll::Ready(None);
        }
        self.polls -= 1;
        pin!(&mut self.future).poll(context).map(Some)
    }
}

/// Lets a start die at each of its awaits; `then` does what takes it up, if the run item is there.
fn at_each_await(then: impl Fn(&Stack, &Protocol<MemoryHost>, &RunId)) {
    let (mut deaths, mut taken_up) = (0, 0);
    for polls in 1.. {
        let stack = stack();
        let request = StartRequest { workflow: "w".to_owned(), name: "a".to_owned(), input: input() };
        let start = Box::pin(stack.protocol.start(request));
        if stack.host.drive(Mortal { future: start, polls }).is_some() {
            break;
        }
        deaths += 1;
        let id = RunId::new("w", "a");
        let is_there = found(&stack, "").0.len() == 1;
        if is_there {
            taken_up += 1;
            then(&stack, &stack.environment(), &id);
            for text in ["id=c-17", "order=7"] {
                assert_eq!(found(&stack, text).0, ["a"], "{text}, dead after {polls} polls");
            }
        } else {
            assert_eq!(found(&stack, "id=c-17").0, Vec::<String>::new());
        }
    }
    assert!(deaths >= 5 && taken_up >= 3, "{deaths}, {taken_up}");
}

#[test]
fn a_start_that_died_is_found_once_it_is_repeated() {
    at_each_await(|stack, protocol, id| {
        let request = StartRequest { workflow: id.workflow.clone(), name: id.name.clone(), input: input() };
        stack.host.drive(protocol.start(request)).unwrap();
        stack.run();
        assert_eq!(stack.status("a"), Status::Succeeded);
    });
}

#[test]
fn a_start_that_died_is_found_once_it_is_repaired() {
    at_each_await(|stack, protocol, id| {
        let repaired = stack.host.drive(protocol.repair(id)).unwrap();
        assert!(matches!(repaired, Repaired::Again { .. }));
    });
}

#[test]
fn a_start_that_died_is_found_once_it_is_stopped() {
    at_each_await(|stack, protocol, id| {
        assert_eq!(stack.host.drive(protocol.request_stop(id, None, None)).unwrap(), Requested::Done);
    });
}

#[test]
fn a_run_that_goes_on_for_long_is_found_as_long_as_it_is_there() {
    let stack = stack();
    stack.start("a", input());
    // The sweep looks at runs that started whole days and an hour ago.
    stack.host.wait(29 * 86_400_000 + 5_400_000);
    stack.host.drive(stack.protocol.sweep()).unwrap();
    stack.deliver(&stepladder_protocol::QueueName::Timer);
    let items = stack.host.drive(async {
        let item = stepladder_protocol::Store::run(&stack.host, &RunId::new("w", "a"), stack.now_ms()).await;
        stack.protocol.search_items(&item.unwrap().unwrap()).await.unwrap()
    });
    assert_eq!(items.len(), 2);
    assert!(items[0].expires_s > stack.now_ms() / 1000 + 29 * 86_400);
    for item in &items {
        assert_eq!(stack.host.found_until_s(item), Some(item.expires_s));
    }
    assert!(!stack.host.in_queue(&step_queue("work")).is_empty());
}

#[test]
fn a_run_of_a_workflow_without_attributes_writes_nothing_more() {
    let stack = Stack::of(&chain(&["work"]));
    stack.host.calls();
    stack.start("a", input());
    assert!(!stack.host.calls().contains(&"put search"));
}
