//! A stack in memory, driven by hand.

use futures::future::BoxFuture;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};
use stepladder_asl::Definition;
use stepladder_engine::{Outcome, Status};
use stepladder_protocol::{
    Delivery, Host, Invocation, Message, Outgoing, Parked, Protocol, Queue, QueueName, RunId, RunKey,
    RunView, Settings, StartRequest, Started, StepFailure, StepFunction, StepRequest,
};
use stepladder_simulation::MemoryHost;

pub(crate) const FUNCTION_TIMEOUT_MS: i64 = 10_000;

/// A world, a protocol over it, and the code of its steps.
pub(crate) struct Stack {
    pub(crate) host: MemoryHost,
    pub(crate) protocol: Protocol<MemoryHost>,
    /// The timer function's.
    pub(crate) timer: Protocol<MemoryHost>,
    /// The dead-letter function's.
    pub(crate) dead_letter: Protocol<MemoryHost>,
    steps: BTreeMap<String, StepFunction>,
    /// The functions that ran, in order.
    pub(crate) ran: Arc<Mutex<Vec<String>>>,
}

impl Stack {
    pub(crate) fn new() -> Self {
        Self::with_settings(|_| {})
    }

    pub(crate) fn with_settings(change: impl FnOnce(&mut Settings)) -> Self {
        let host = MemoryHost::new(1).with_settings(change);
        Self {
            protocol: Protocol::new(host.clone()),
            timer: Protocol::new(host.clone()),
            dead_letter: Protocol::new(host.clone()),
            host,
            steps: BTreeMap::new(),
            ran: Arc::default(),
        }
    }

    /// The same stack with schedules for long waits.
    pub(crate) fn with_schedules(self) -> Self {
        Self { timer: Protocol::new(self.timer.host().clone().with_schedules()), ..self }
    }

    /// A stack with an event bus.
    pub(crate) fn with_bus(change: impl FnOnce(&mut Settings)) -> Self {
        let stack = Self::with_settings(|settings| {
            settings.event_bus = Some("bus".to_owned());
            change(settings);
        });
        let with_events = || Protocol::new(stack.host.clone().with_events());
        Self { timer: with_events(), dead_letter: with_events(), ..stack }
    }

    /// A stack with the workflow `w`.
    pub(crate) fn of(definition: &Value) -> Self {
        let stack = Self::new();
        stack.publish("w", definition);
        stack
    }

    pub(crate) fn publish(&self, workflow: &str, definition: &Value) -> Definition {
        let definition =
            Definition::parse(&definition.to_string()).unwrap_or_else(|faults| panic!("{faults}"));
        self.host.drive(self.protocol.publish(workflow, &definition)).unwrap();
        definition
    }

    /// Another environment of the same functions: it shares the world, and no memory.
    pub(crate) fn environment(&self) -> Protocol<MemoryHost> {
        Protocol::new(self.host.clone())
    }

    pub(crate) fn step(
        &mut self,
        function: &str,
        code: impl Fn(StepRequest) -> Result<Value, StepFailure> + Send + Sync + 'static,
    ) {
        self.slow_step(function, move |request| {
            let answer = code(request);
            Box::pin(async move { answer })
        });
    }

    pub(crate) fn slow_step(
        &mut self,
        function: &str,
        code: impl Fn(StepRequest) -> BoxFuture<'static, Result<Value, StepFailure>> + Send + Sync + 'static,
    ) {
        let (ran, name) = (self.ran.clone(), function.to_owned());
        self.steps.insert(
            function.to_owned(),
            Arc::new(move |request| {
                ran.lock().unwrap().push(name.clone());
                code(request)
            }),
        );
    }

    pub(crate) fn code(&self, function: &str) -> Option<&StepFunction> {
        self.steps.get(function)
    }

    pub(crate) fn try_start(&self, name: &str, input: Value) -> Result<Started, String> {
        let request = StartRequest { workflow: "w".to_owned(), name: name.to_owned(), input };
        self.host.drive(self.protocol.start(request)).map_err(|error| error.to_string())
    }

    /// A new run of the workflow `w`.
    #[track_caller]
    pub(crate) fn start(&self, name: &str, input: Value) -> RunKey {
        match self.try_start(name, input).unwrap() {
            Started::Created(item) => item.key(),
            other => panic!("not created: {other:?}"),
        }
    }

    pub(crate) fn send(&self, queue: &QueueName, body: impl Into<String>) {
        let outgoing = Outgoing::new(body, 0);
        self.host.drive(self.host.queue().send(queue, &[outgoing])).unwrap();
    }

    /// Hands deliveries to the queue's function, as its trigger does; answers with the ids that are left.
    pub(crate) fn handle(&self, queue: &QueueName, deliveries: &[Delivery]) -> Vec<String> {
        let invocation = self.invocation(queue);
        self.host.drive(async {
            match queue {
                QueueName::Start => self.protocol.handle_starts(&invocation, deliveries).await,
                QueueName::Step(function) => {
                    self.protocol.handle_batch(self.code(function), &invocation, deliveries).await
                }
                QueueName::Invoke => {
                    self.protocol.handle_batch(self.code("invoke"), &invocation, deliveries).await
                }
                QueueName::Timer => self.timer.handle_batch(None, &invocation, deliveries).await,
                QueueName::DeadLetter => self.dead_letter.handle_batch(None, &invocation, deliveries).await,
                _ => self.protocol.handle_batch(None, &invocation, deliveries).await,
            }
        })
    }

    /// Delivers what is visible and acknowledges what isn't left; answers with the ids that are.
    pub(crate) fn deliver(&self, queue: &QueueName) -> Vec<String> {
        let deliveries = self.host.receive(queue);
        let left = self.handle(queue, &deliveries);
        for delivery in deliveries {
            if !left.contains(&delivery.message_id) {
                self.host.delete(queue, &delivery.message_id);
            }
        }
        left
    }

    /// Delivers whatever is in the queues that have a function, also what is delayed, until they are empty.
    #[track_caller]
    pub(crate) fn run(&self) {
        for _ in 0..1_000 {
            let queues = self.served();
            let next = queues.iter().filter_map(|queue| {
                let first = self.host.in_queue(queue).into_iter().map(|message| message.visible_ms).min()?;
                Some((first, queue))
            });
            let next = next.min();
            let fires_ms = self.host.pending_schedules().into_iter().map(|schedule| schedule.at_ms).min();
            match (next, fires_ms) {
                (None, None) => return,
                (Some((visible_ms, queue)), fires_ms) if fires_ms.is_none_or(|ms| visible_ms <= ms) => {
                    self.host.wait((visible_ms - self.now_ms()).max(0));
                    self.deliver(queue);
                }
                (_, fires_ms) => self.host.wait((fires_ms.unwrap_or_default() - self.now_ms()).max(0)),
            }
        }
        panic!("it does not end");
    }

    fn served(&self) -> Vec<QueueName> {
        let steps = self.steps.keys().map(|function| step_queue(function));
        steps.chain([QueueName::Start, QueueName::Timer, QueueName::DeadLetter, QueueName::Invoke]).collect()
    }

    pub(crate) fn invocation(&self, queue: &QueueName) -> Invocation {
        Invocation {
            queue: queue.clone(),
            request_id: Some("8476a536".to_owned()),
            deadline_ms: self.now_ms() + FUNCTION_TIMEOUT_MS,
            function_timeout_ms: FUNCTION_TIMEOUT_MS,
        }
    }

    pub(crate) fn now_ms(&self) -> i64 {
        use stepladder_protocol::Clock;
        self.host.clock().now_ms()
    }

    #[track_caller]
    pub(crate) fn view(&self, name: &str) -> RunView {
        self.host.drive(self.protocol.view(&RunId::new("w", name))).unwrap().expect("the run is there")
    }

    #[track_caller]
    pub(crate) fn status(&self, name: &str) -> Status {
        self.view(name).item.status
    }

    /// Output, or error and cause, of a run that has ended.
    #[track_caller]
    pub(crate) fn ending(&self, name: &str) -> (Option<Value>, Option<String>, Option<String>) {
        let view = self.view(name);
        let ending = self.host.drive(self.protocol.ending(&view.item)).unwrap().expect("it has ended");
        (ending.output, ending.error, ending.cause)
    }

    /// The outcomes of a run's records.
    pub(crate) fn outcomes(&self, name: &str) -> Vec<Outcome> {
        self.view(name).recorded.into_iter().map(|recorded| recorded.outcome).collect()
    }

    pub(crate) fn parked(&self) -> Vec<Parked> {
        let parked = self.host.in_queue(&QueueName::Parked).into_iter();
        parked.map(|message| serde_json::from_str(&message.body).unwrap()).collect()
    }

    /// The plain messages of a queue.
    pub(crate) fn messages(&self, queue: &QueueName) -> Vec<Message> {
        let messages = self.host.in_queue(queue).into_iter();
        messages.map(|message| serde_json::from_str(&message.body).unwrap()).collect()
    }

    pub(crate) fn count(&self, queue: &QueueName) -> usize {
        self.host.in_queue(queue).len()
    }

    pub(crate) fn ran(&self) -> Vec<String> {
        self.ran.lock().unwrap().clone()
    }
}

pub(crate) fn step_queue(function: &str) -> QueueName {
    QueueName::Step(function.to_owned())
}

pub(crate) fn resource(function: &str) -> String {
    format!("arn:aws:lambda:us-east-1:000000000000:function:{function}")
}

/// States named and done by the same functions, one after another; each result is kept under its state's name.
pub(crate) fn chain(functions: &[&str]) -> Value {
    let states: serde_json::Map<String, Value> = functions
        .iter()
        .enumerate()
        .map(|(index, function)| {
            let mut state = json!({
                "Type": "Task", "Resource": resource(function), "ResultPath": format!("$.{function}"),
            });
            match functions.get(index + 1) {
                Some(next) => state["Next"] = json!(next),
                None => state["End"] = json!(true),
            }
            ((*function).to_owned(), state)
        })
        .collect();
    json!({ "StartAt": functions[0], "States": states })
}

/// The one-state workflow whose step is `work`, with more fields of the state.
pub(crate) fn work(fields: Value) -> Value {
    let mut definition = chain(&["work"]);
    for (name, value) in fields.as_object().unwrap() {
        definition["States"]["work"][name] = value.clone();
    }
    definition
}

pub(crate) fn failure(error: &str) -> StepFailure {
    StepFailure { error: error.to_owned(), cause: format!("{error} happened") }
}

/// Answers in turn, and the last for ever.
pub(crate) fn answers(
    answers: impl IntoIterator<Item = Result<Value, StepFailure>>,
) -> impl Fn(StepRequest) -> Result<Value, StepFailure> + Send + Sync + 'static {
    let answers = Mutex::new(answers.into_iter().collect::<std::collections::VecDeque<_>>());
    move |_| {
        let mut answers = answers.lock().unwrap();
        match answers.len() {
            1 => answers[0].clone(),
            _ => answers.pop_front().unwrap(),
        }
    }
}
