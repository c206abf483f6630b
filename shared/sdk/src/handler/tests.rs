//! Whole invocations over a world in memory.

use super::*;
use crate::{Item, Step, StepError, erase};
use futures::FutureExt;
use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex},
    task::Poll,
};
use stepladder_protocol::{Invoked, Outgoing, Queue, RunId, SendError, Settings, StartRequest, WorldResult};
use stepladder_simulation::MemoryHost;

/// The simulation's world, but for its queues, which a test reads, and its clock, which goes on when all else waits.
#[derive(Clone)]
struct World {
    inner: MemoryHost,
    queues: Queues,
    clock: TestClock,
}

#[derive(Clone, Default)]
struct Queues(Arc<Mutex<BTreeMap<QueueName, Vec<String>>>>);

#[derive(Clone, Default)]
struct TestClock(Arc<Mutex<i64>>);

impl Queue for Queues {
    async fn send(
        &self,
        queue: &QueueName,
        messages: &[Outgoing],
    ) -> WorldResult<Vec<Result<(), SendError>>> {
        let bodies = messages.iter().map(|message| message.body.clone());
        self.0.lock().unwrap().entry(queue.clone()).or_default().extend(bodies);
        Ok(vec![Ok(()); messages.len()])
    }

    async fn receive_one(&self, _: &QueueName, _: u32, _: u32) -> WorldResult<Option<Delivery>> {
        unreachable!("Lambda receives")
    }

    async fn create(&self, _: &QueueName) -> WorldResult<()> {
        unreachable!("no function makes a queue")
    }

    async fn remove(&self, _: &QueueName) -> WorldResult<()> {
        unreachable!("no function deletes a queue")
    }

    async fn delete(&self, _: &QueueName, _: &str) -> WorldResult<()> {
        unreachable!("Lambda deletes")
    }

    async fn change_visibility(&self, _: &QueueName, _: &[(String, u32)]) -> WorldResult<()> {
        Ok(())
    }
}

impl Clock for TestClock {
    fn now_ms(&self) -> i64 {
        1_700_000_000_000 + *self.0.lock().unwrap()
    }

    async fn sleep(&self, duration_ms: i64) {
        let until_ms = self.now_ms() + duration_ms;
        let mut polls = 0;
        futures::future::poll_fn(|context| {
            polls += 1;
            if polls > 100 {
                *self.0.lock().unwrap() = until_ms - 1_700_000_000_000;
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    fn random_u128(&self) -> u128 {
        self.0.lock().unwrap().unsigned_abs().into()
    }
}

impl stepladder_protocol::Functions for World {
    async fn invoke(&self, _: &str, _: String) -> WorldResult<Invoked> {
        Ok(Invoked::Died { error_type: "Runtime.ExitError".to_owned(), message: "exit status 1".to_owned() })
    }
}

impl Host for World {
    type Store = MemoryHost;
    type Queue = Queues;
    type Blobs = MemoryHost;
    type Clock = TestClock;
    type Functions = Self;
    type Schedules = stepladder_protocol::Absent;
    type Events = stepladder_protocol::Absent;
    type Objects = stepladder_protocol::Absent;

    fn store(&self) -> &MemoryHost {
        self.inner.store()
    }
    fn queue(&self) -> &Queues {
        &self.queues
    }
    fn blobs(&self) -> &MemoryHost {
        self.inner.blobs()
    }
    fn clock(&self) -> &TestClock {
        &self.clock
    }
    fn functions(&self) -> &Self {
        self
    }
    fn schedules(&self) -> Option<&stepladder_protocol::Absent> {
        None
    }
    fn events(&self) -> Option<&stepladder_protocol::Absent> {
        None
    }
    fn objects(&self) -> Option<&stepladder_protocol::Absent> {
        None
    }
    fn settings(&self) -> &Settings {
        self.inner.settings()
    }
}

const DEFINITION: &str = r#"{
    "StartAt": "Charge",
    "States": { "Charge": {
        "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:charge", "TimeoutSeconds": 5,
        "End": true
    } }
}"#;

impl World {
    async fn new() -> Self {
        let world =
            Self { inner: MemoryHost::new(1), queues: Queues::default(), clock: TestClock::default() };
        let definition = stepladder_asl::Definition::parse(DEFINITION).unwrap();
        Protocol::new(world.clone()).publish("order", &definition).await.unwrap();
        world
    }

    async fn start(&self, name: &str, input: Value) {
        let request = StartRequest { workflow: "order".to_owned(), name: name.to_owned(), input };
        Protocol::new(self.clone()).start(request).await.unwrap();
    }

    fn take(&self, queue: &QueueName) -> Vec<String> {
        self.queues.0.lock().unwrap().remove(queue).unwrap_or_default()
    }

    async fn invoke(&self, role: Role, event: Value) -> Result<Value, String> {
        let handler = Handler::new(self.clone(), role, "sim-charge", Reporter::new(None));
        let deadline_ms = self.clock.now_ms() + 10_000;
        handler.handle(event, "request-1".to_owned(), deadline_ms).await.map_err(|error| error.to_string())
    }

    /// Runs the step on all messages of its queue.
    async fn deliver(&self, role: Role) -> Value {
        let bodies = self.take(&QueueName::Step("charge".to_owned()));
        self.invoke(role, self.batch(&bodies, 1)).await.unwrap()
    }

    fn batch(&self, bodies: &[String], receive_count: u32) -> Value {
        let records: Vec<Value> = bodies
            .iter()
            .enumerate()
            .map(|(index, body)| {
                json!({
                    "messageId": format!("m-{index}"),
                    "receiptHandle": format!("r-{index}"),
                    "body": body,
                    "attributes": {
                        "ApproximateReceiveCount": receive_count.to_string(),
                        "SentTimestamp": self.clock.now_ms().to_string()
                    },
                    "eventSource": "aws:sqs"
                })
            })
            .collect();
        json!({ "Records": records })
    }

    /// Status, and the output or the error.
    async fn end(&self, name: &str) -> (String, Value) {
        let view = Protocol::new(self.clone()).view(&RunId::new("order", name)).await.unwrap().unwrap();
        let end = match view.replay.last.next {
            stepladder_engine::Next::End(end) => end,
            stepladder_engine::Next::Wait(position) => return ("RUNNING".to_owned(), json!(position.state)),
        };
        (view.item.status.as_str().to_owned(), end.output.unwrap_or_else(|| json!([end.error, end.cause])))
    }
}

#[derive(Debug, thiserror::Error)]
enum ChargeError {
    #[error("declined")]
    Declined,
}
impl StepError for ChargeError {}

/// 0 is declined, 1 panics, 2 never answers.
async fn charge(cents: u64, step: Step) -> Result<String, ChargeError> {
    match cents {
        0 => Err(ChargeError::Declined),
        1 => panic!("one cent"),
        2 => std::future::pending().await,
        cents => Ok(format!("{cents} for {}", step.run_name())),
    }
}

fn charging() -> Role {
    Role::Step(erase::step(charge))
}

fn none_left() -> Value {
    json!({ "batchItemFailures": [] })
}

#[test]
fn each_message_of_a_batch_ends_its_own_run() {
    let test = async {
        let world = World::new().await;
        for (name, input) in [("ok", json!(7)), ("no", json!(0)), ("panics", json!(1)), ("hangs", json!(2))] {
            world.start(name, input).await;
        }
        world.start("typed", json!({ "cents": 7 })).await;
        assert_eq!(world.deliver(charging()).await, none_left());

        assert_eq!(world.end("ok").await, ("SUCCEEDED".to_owned(), json!("7 for ok")));
        let cause = |error: &str, message: &str| {
            json!({ "errorMessage": message, "errorType": error, "stackTrace": [] }).to_string()
        };
        let failed =
            |error: &str, message: &str| ("FAILED".to_owned(), json!([error, cause(error, message)]));
        assert_eq!(world.end("no").await, failed("Declined", "declined"));
        assert_eq!(world.end("panics").await, failed("Panic", "one cent"));
        assert_eq!(world.end("hangs").await, ("FAILED".to_owned(), json!(["States.Timeout", null])));
        let message =
            "the input of the state 'Charge' is not what its step takes: invalid type: map, expected u64";
        assert_eq!(world.end("typed").await, failed("InvalidInput", message));
    };
    block_on(test);
}

#[test]
fn a_message_that_can_not_be_read_is_left_and_harms_no_other() {
    let test = async {
        let world = World::new().await;
        world.start("ok", json!(7)).await;
        let mut bodies = world.take(&QueueName::Step("charge".to_owned()));
        bodies.insert(0, "not a message".to_owned());
        let answer = world.invoke(charging(), world.batch(&bodies, 1)).await.unwrap();
        assert_eq!(answer, json!({ "batchItemFailures": [{ "itemIdentifier": "m-0" }] }));
        assert_eq!(world.end("ok").await.0, "SUCCEEDED");
        // The fifth time it is parked.
        let answer = world.invoke(charging(), world.batch(&["not a message".to_owned()], 5)).await.unwrap();
        assert_eq!(answer, none_left());
        let parked: Value = serde_json::from_str(&world.take(&QueueName::Parked)[0]).unwrap();
        assert_eq!((&parked["queue"], &parked["body"]), (&json!("charge"), &json!("not a message")));
    };
    block_on(test);
}

#[test]
fn a_batch_step_is_called_once_for_all_runs() {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let load = {
        let calls = Arc::clone(&calls);
        move |items: Vec<Item<u64>>| {
            let names: Vec<String> = items.iter().map(|item| item.step.run_name().to_owned()).collect();
            calls.lock().unwrap().push(names);
            async move { items.into_iter().map(|item| Ok::<_, Infallible>(item.input * 2)).collect::<Vec<_>>() }
        }
    };
    let test = async {
        let world = World::new().await;
        for (name, input) in [("one", json!(1)), ("two", json!(2)), ("three", json!("3")), ("four", json!(4))]
        {
            world.start(name, input).await;
        }
        let first = world.take(&QueueName::Step("charge".to_owned()));
        // `one` is a duplicate of a message that has done its work: it doesn't keep the others waiting.
        world.invoke(Role::Batch(erase::batch(load.clone())), world.batch(&first[..1], 1)).await.unwrap();
        let answer = world.invoke(Role::Batch(erase::batch(load)), world.batch(&first, 1)).await.unwrap();
        // The duplicate won nothing, and is left until it can be told from its owner.
        assert_eq!(answer, json!({ "batchItemFailures": [{ "itemIdentifier": "m-0" }] }));
        assert_eq!(world.end("two").await, ("SUCCEEDED".to_owned(), json!(4)));
        assert_eq!(world.end("three").await.0, "FAILED");
        assert_eq!(world.end("four").await, ("SUCCEEDED".to_owned(), json!(8)));
    };
    block_on(test);
    assert_eq!(*calls.lock().unwrap(), [vec!["one"], vec!["one", "two", "four"]]);
}

#[test]
fn messages_received_before_come_to_a_batch_step_one_by_one() {
    let sizes = Arc::new(Mutex::new(Vec::new()));
    let load = {
        let sizes = Arc::clone(&sizes);
        move |items: Vec<Item<u64>>| {
            sizes.lock().unwrap().push(items.len());
            async move { items.into_iter().map(|_| Ok::<_, Infallible>(())).collect::<Vec<_>>() }
        }
    };
    let test = async {
        let world = World::new().await;
        for name in ["one", "two", "three"] {
            world.start(name, json!(1)).await;
        }
        let bodies = world.take(&QueueName::Step("charge".to_owned()));
        let event = world.batch(&bodies, 2);
        assert_eq!(world.invoke(Role::Batch(erase::batch(load)), event).await, Ok(none_left()));
        for name in ["one", "two", "three"] {
            assert_eq!(world.end(name).await.0, "SUCCEEDED");
        }
    };
    block_on(test);
    assert_eq!(*sizes.lock().unwrap(), [1, 1, 1]);
}

#[test]
fn a_batch_step_that_hangs_times_out_each_of_its_items() {
    let test = async {
        let world = World::new().await;
        world.start("one", json!(1)).await;
        world.start("two", json!(2)).await;
        let hang = |_: Vec<Item<u64>>| std::future::pending::<Vec<Result<(), Infallible>>>();
        assert_eq!(world.deliver(Role::Batch(erase::batch(hang))).await, none_left());
        for name in ["one", "two"] {
            assert_eq!(world.end(name).await, ("FAILED".to_owned(), json!(["States.Timeout", null])));
        }
    };
    block_on(test);
}

/// The first digit says whose it is: 1 is well, 2 panics, 3 forgets one, 4 hangs.
#[test]
fn what_goes_wrong_in_one_groups_call_is_that_groups_alone() {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&calls);
    let load = move |items: Vec<Item<u64>>| {
        let inputs: Vec<u64> = items.iter().map(|item| item.input).collect();
        seen.lock().unwrap().push(inputs.clone());
        let tenant = inputs[0] / 10;
        async move {
            match tenant {
                2 => panic!("tenant two"),
                4 => std::future::pending().await,
                _ => {}
            }
            let results = inputs.iter().skip(usize::from(tenant == 3));
            results.map(|input| Ok::<_, Infallible>(*input)).collect::<Vec<_>>()
        }
    };
    let test = async {
        let world = World::new().await;
        let inputs = [11, 21, 31, 41, 12, 22, 32, 13];
        for input in inputs {
            world.start(&format!("run-{input}"), json!(input)).await;
        }
        world.start("typed", json!("fifty")).await;
        let role = Role::Batch(erase::grouped(|input: &u64| input / 10, load));
        assert_eq!(world.deliver(role).await, none_left());
        for input in [11, 12, 13] {
            assert_eq!(world.end(&format!("run-{input}")).await, ("SUCCEEDED".to_owned(), json!(input)));
        }
        let failed = [
            ("run-21", "Panic"),
            ("run-22", "Panic"),
            ("run-31", "InvalidOutput"),
            ("run-32", "InvalidOutput"),
            ("run-41", "States.Timeout"),
            ("typed", "InvalidInput"),
        ];
        for (name, error) in failed {
            let (status, ending) = world.end(name).await;
            assert_eq!((status.as_str(), &ending[0]), ("FAILED", &json!(error)), "{name}");
        }
        let (_, ending) = world.end("run-31").await;
        assert!(ending[1].as_str().unwrap().contains("returned 1 results for 2 items"), "{ending}");
    };
    block_on(test);
    let mut calls = calls.lock().unwrap().clone();
    calls.sort_unstable();
    assert_eq!(calls, [vec![11, 12, 13], vec![21, 22], vec![31, 32], vec![41]]);
}

#[test]
fn a_single_message_is_answered_for_the_dead_letter_function() {
    let test = async {
        let world = World::new().await;
        world.start("ok", json!(7)).await;
        let body = world.take(&QueueName::Step("charge".to_owned())).remove(0);
        let solo = json!({
            "stepladder_solo": { "message_id": "m", "body": body, "receive_count": 6, "sent_ms": null }
        });
        assert_eq!(world.invoke(charging(), solo.clone()).await, Ok(json!({ "handled": true })));
        assert_eq!(world.end("ok").await.0, "SUCCEEDED");
        let refused = world.invoke(Role::Timer, solo).await.unwrap_err();
        assert_eq!(refused, "this function runs no step: a single message must go to a step's function");
    };
    block_on(test);
}

#[test]
fn what_dies_alone_as_well_is_the_steps_failure() {
    let test = async {
        let world = World::new().await;
        world.start("poison", json!(7)).await;
        let bodies = world.take(&QueueName::Step("charge".to_owned()));
        let answer = world.invoke(Role::DeadLetter, world.batch(&bodies, 6)).await;
        assert_eq!(answer, Ok(none_left()));
        let (status, error) = world.end("poison").await;
        assert_eq!((status.as_str(), &error[0]), ("FAILED", &json!("Lambda.Unknown")));
    };
    block_on(test);
}

#[test]
fn a_start_message_starts_a_run_and_a_bad_one_is_parked() {
    let test = async {
        let world = World::new().await;
        let bodies = [
            r#"{"workflow": "order", "name": "named", "input": 7}"#.to_owned(),
            r#"{"workflow": "order", "input": 8}"#.to_owned(),
            r#"{"workflow": "unknown"}"#.to_owned(),
        ];
        assert_eq!(world.invoke(Role::Start, world.batch(&bodies, 1)).await, Ok(none_left()));
        assert_eq!(world.deliver(charging()).await, none_left());
        assert_eq!(world.end("named").await.1, json!("7 for named"));
        assert_eq!(world.end("m-1").await.1, json!("8 for m-1"));
        let parked: Value = serde_json::from_str(&world.take(&QueueName::Parked)[0]).unwrap();
        assert_eq!(parked["reason"], "there is no workflow 'unknown'");
    };
    block_on(test);
}

#[test]
fn only_the_timer_sweeps() {
    let test = async {
        let world = World::new().await;
        let swept = world.invoke(Role::Timer, json!({ "sweep": true })).await;
        assert_eq!(swept, Ok(json!({ "looked_at": 0, "running": 0 })));
        let refused = world.invoke(charging(), json!({ "sweep": true })).await.unwrap_err();
        assert_eq!(refused, "only the timer function looks for runs to repair");
        let refused = world.invoke(charging(), json!({ "cents": 7 })).await.unwrap_err();
        assert!(refused.starts_with("the event is of an unknown shape"), "{refused}");
    };
    block_on(test);
}

#[test]
fn a_message_of_the_timer_queue_asks_for_a_sweep_too() {
    let test = async {
        let world = World::new().await;
        let event = world.batch(&[r#"{"sweep": true}"#.to_owned()], 1);
        assert_eq!(world.invoke(Role::Timer, event).await, Ok(none_left()));
    };
    block_on(test);
}

#[test]
fn counts_are_written_once_a_minute_and_a_failure_at_once() {
    let test = async {
        let world = World::new().await;
        let handler = Handler::new(world.clone(), charging(), "sim-charge", Reporter::new(None));
        let emf = stepladder_aws::EmfMetrics::new("sim");
        let line_after = async |name: &str, cents: u64, at_ms: i64| {
            world.start(name, json!(cents)).await;
            let event = world.batch(&world.take(&QueueName::Step("charge".to_owned())), 1);
            let deadline_ms = world.clock.now_ms() + 10_000;
            handler.handle(event, "request-1".to_owned(), deadline_ms).await.unwrap();
            let line = emf.line(handler.protocol().metrics(), at_ms)?;
            let mut line: Value = serde_json::from_str(&line).unwrap();
            line.as_object_mut()?.remove("_aws")?;
            Some(line)
        };
        let good = |runs: u64| json!({ "Stack": "sim", "RunsSucceeded": runs, "Steps": runs });
        assert_eq!(line_after("one", 7, 1_000).await, Some(good(1)));
        assert_eq!(line_after("two", 7, 2_000).await, None);
        assert_eq!(line_after("three", 7, 60_999).await, None);
        assert_eq!(line_after("four", 7, 61_000).await, Some(good(3)));
        let bad = json!({ "Stack": "sim", "RunsFailed": 1, "Steps": 1 });
        assert_eq!(line_after("bad", 0, 62_000).await, Some(bad));
        assert_eq!(emf.last_line(handler.protocol().metrics(), 63_000), None);
    };
    block_on(test);
}

#[test]
fn the_queue_is_named_as_the_definition_names_the_step() {
    assert_eq!(short_name("stepladder", "stepladder-charge-payment"), "charge-payment");
    assert_eq!(short_name("stepladder", "charge-payment"), "charge-payment");
    assert_eq!(short_name("step", "stepladder-charge"), "stepladder-charge");
    assert_eq!(short_name("stepladder", "stepladder-"), "stepladder-");
}

/// Polls until it is done. Whatever waits here wakes itself.
#[track_caller]
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = Box::pin(future);
    for _ in 0..1_000_000 {
        if let Some(value) = future.as_mut().now_or_never() {
            return value;
        }
    }
    panic!("it waits for something that never comes");
}
