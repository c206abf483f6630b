//! The API over a world in memory, called as AWS's clients call it.

use crate::{ApiSettings, Refusals, Unsupported, router};
use axum::{Router, body::Body};
use http::{Request, Response};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::sync::Arc;
use stepladder_asl::Definition;
use stepladder_protocol::{
    Clock, Delivery, Host, Invocation, Protocol, QueueName, RunId, RunItem, StepFailure, StepFunction,
    StepRequest, Store,
};
use stepladder_simulation::MemoryHost;
use tower_service::Service;

pub(crate) const ARN: &str = "arn:aws:states:us-east-1:000000000000";
pub(crate) const ROLE: &str = "arn:aws:iam::000000000000:role/own";

/// A stack with the API in front, and a step `work` that gives back its input, or fails if that says so.
pub(crate) struct World {
    pub(crate) host: MemoryHost,
    pub(crate) protocol: Arc<Protocol<MemoryHost>>,
    pub(crate) router: Router,
}

/// An error's type and message.
pub(crate) type Refused = (String, String);

impl World {
    pub(crate) fn new() -> Self {
        Self::with(Refusals::Own)
    }

    pub(crate) fn with(refusals: Refusals) -> Self {
        let host = MemoryHost::new(1);
        let protocol = Arc::new(Protocol::new(host.clone()));
        let router = router(
            Arc::clone(&protocol),
            ApiSettings {
                token_key: [7; 32],
                refusals,
                unsupported: Unsupported::Refused,
                reads_parquet: false,
            },
        );
        Self { host, protocol, router }
    }

    /// A world with the workflow `w`.
    pub(crate) fn of(definition: &Value) -> Self {
        let world = Self::new();
        world.publish("w", definition);
        world
    }

    pub(crate) fn publish(&self, workflow: &str, definition: &Value) {
        let definition = Definition::parse(&definition.to_string()).unwrap();
        self.host.drive(self.protocol.publish(workflow, &definition)).unwrap();
    }

    pub(crate) fn raw(&self, request: Request<Body>) -> (u16, Response<()>, Value) {
        self.host.drive(async {
            let response = self.router.clone().call(request).await.unwrap();
            let (parts, body) = response.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
            (parts.status.as_u16(), Response::from_parts(parts, ()), body)
        })
    }

    pub(crate) fn request(operation: &str, body: impl Into<Body>) -> Request<Body> {
        Request::post("/")
            .header("x-amz-target", format!("AWSStepFunctions.{operation}"))
            .header("content-type", "application/x-amz-json-1.0")
            .body(body.into())
            .unwrap()
    }

    /// A GET of the REST API: status and answer.
    pub(crate) fn get(&self, path: &str) -> (u16, Value) {
        let (status, _, body) = self.raw(Request::get(path).body(Body::empty()).unwrap());
        (status, body)
    }

    #[track_caller]
    pub(crate) fn got(&self, path: &str) -> Value {
        let (status, body) = self.get(path);
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    pub(crate) fn call(&self, operation: &str, body: Value) -> Result<Value, Refused> {
        let (status, _, answer) = self.raw(Self::request(operation, body.to_string()));
        match status {
            200 => Ok(answer),
            _ => {
                let kind = answer["__type"].as_str().unwrap().rsplit('#').next().unwrap().to_owned();
                Err((kind, answer["message"].as_str().unwrap_or_default().to_owned()))
            }
        }
    }

    #[track_caller]
    pub(crate) fn ok(&self, operation: &str, body: Value) -> Value {
        self.call(operation, body).unwrap_or_else(|refused| panic!("{operation}: {refused:?}"))
    }

    /// The request is refused with this type, and a message that has this in it.
    #[track_caller]
    pub(crate) fn refused(&self, operation: &str, body: Value, kind: &str, message: &str) {
        let refused = self.call(operation, body).expect_err("it was answered");
        assert_eq!(refused.0, kind, "{refused:?}");
        assert!(refused.1.contains(message), "no {message:?} in {refused:?}");
    }

    /// Starts a run of the workflow `w`; its execution's ARN.
    #[track_caller]
    pub(crate) fn start(&self, name: &str, input: &Value) -> String {
        let body = json!({ "stateMachineArn": machine("w"), "name": name, "input": input.to_string() });
        self.ok("StartExecution", body)["executionArn"].as_str().unwrap().to_owned()
    }

    /// A run of the workflow `w`.
    pub(crate) fn run_item(&self, name: &str) -> RunItem {
        let id = RunId::new("w", name);
        self.host.drive(self.host.store().run(&id, self.now_ms())).unwrap().unwrap()
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.host.clock().now_ms()
    }

    /// Delivers what is in the queues, also what is delayed, until they are empty.
    pub(crate) fn run(&self) {
        self.run_within(1_000);
    }

    /// The same, with at most so many deliveries.
    pub(crate) fn run_within(&self, deliveries_max: usize) {
        let queues = [QueueName::Step("work".to_owned()), QueueName::Invoke, QueueName::Timer];
        for _ in 0..deliveries_max {
            let first = |queue: &QueueName| {
                let visible = self.host.in_queue(queue).into_iter().map(|message| message.visible_ms);
                Some((visible.min()?, queue.clone()))
            };
            let Some((visible_ms, queue)) = queues.iter().filter_map(first).min() else { return };
            self.host.wait((visible_ms - self.now_ms()).max(0));
            self.deliver(&queue);
        }
        panic!("it does not end");
    }

    /// Delivers what is visible in a queue.
    pub(crate) fn deliver(&self, queue: &QueueName) {
        let deliveries: Vec<Delivery> = self.host.receive(queue);
        let invocation = Invocation {
            queue: queue.clone(),
            request_id: None,
            deadline_ms: self.now_ms() + 10_000,
            function_timeout_ms: 10_000,
        };
        let step = matches!(queue, QueueName::Step(_) | QueueName::Invoke).then(work);
        let left = self.host.drive(self.protocol.handle_batch(step.as_ref(), &invocation, &deliveries));
        for delivery in deliveries.iter().filter(|delivery| !left.contains(&delivery.message_id)) {
            self.host.delete(queue, &delivery.message_id);
        }
    }
}

fn work() -> StepFunction {
    Arc::new(|request: StepRequest| {
        Box::pin(async move {
            match request.call.input.get("fail").and_then(Value::as_str) {
                Some(error) => Err(StepFailure { error: error.to_owned(), cause: "it was to".to_owned() }),
                None => Ok(request.call.input),
            }
        })
    })
}

pub(crate) fn machine(workflow: &str) -> String {
    format!("{ARN}:stateMachine:{workflow}")
}

/// What CreateStateMachine takes.
pub(crate) fn create(name: &str, definition: &Value) -> Value {
    json!({ "name": name, "definition": definition.to_string(), "roleArn": ROLE })
}

/// The same, with one more member.
pub(crate) fn with(mut body: Value, member: &str, value: Value) -> Value {
    body[member] = value;
    body
}

pub(crate) fn execution(name: &str) -> String {
    format!("{ARN}:execution:w:{name}")
}

/// One Pass state, which gives back the input.
pub(crate) fn pass() -> Value {
    json!({ "StartAt": "P", "States": { "P": { "Type": "Pass", "End": true } } })
}

/// One Wait state of an hour.
pub(crate) fn wait() -> Value {
    json!({ "StartAt": "W", "States": { "W": { "Type": "Wait", "Seconds": 3600, "End": true } } })
}

/// One Task state, done by the step `work`.
pub(crate) fn task() -> Value {
    json!({ "StartAt": "T", "States": { "T": {
        "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:work", "End": true
    } } })
}
