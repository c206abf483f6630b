//! A stack of a test's own on the emulator: its table, bucket and queues, and functions that come and go.

use crate::{Emulator, until};
use aws_sdk_lambda::types::{
    Architecture, Environment as Variables, FunctionCode, FunctionResponseType, Runtime, State,
};
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::Value;
use std::{collections::HashMap, time::Duration};
use stepladder_asl::Definition;
use stepladder_aws::{
    AwsHost, Environment, StackSpec, create_function_table, create_queue, create_stack, visibility_seconds,
};
use stepladder_engine::Status;
use stepladder_protocol::{Clock, Host, Outgoing, Parked, Protocol, Queue, QueueName, RunId, RunItem, Store};
use stepladder_tests::Ended;

/// Of the start and the timer function, so that a message whose function was killed comes again after half a minute.
pub const SYSTEM_TIMEOUT_SECONDS: u32 = 5;
/// The dead-letter function waits for a step's, which may use up its own timeout.
const DEAD_LETTER_TIMEOUT_SECONDS: u32 = 15;

/// A stack, and what a test does with it.
#[derive(Debug)]
pub struct Stack {
    pub name: String,
    pub emulator: Emulator,
    pub protocol: Protocol<AwsHost>,
}

/// A function of the stack and how its queue is set.
#[derive(Debug, Clone)]
pub struct Function {
    pub queue: QueueName,
    /// The binary that it runs.
    pub program: &'static str,
    pub timeout_seconds: u32,
    /// A message that was received so often goes to the dead-letter queue.
    pub receives_max: u32,
    pub batch_size: i32,
    /// Variables beside those that every function gets.
    pub env: Vec<(&'static str, String)>,
}

impl Function {
    /// A step that runs `program`. Its queue hides a message for six timeouts.
    pub fn step(name: &str, program: &'static str, timeout_seconds: u32) -> Self {
        let queue = QueueName::Step(name.to_owned());
        Self { queue, program, timeout_seconds, receives_max: 5, batch_size: 10, env: Vec::new() }
    }

    #[must_use]
    pub fn with_env(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.env.push((name, value.into()));
        self
    }
}

/// The functions that every stack has.
pub fn system() -> Vec<Function> {
    let function = |queue, program, timeout_seconds, batch_size| Function {
        queue,
        program,
        timeout_seconds,
        receives_max: 5,
        batch_size,
        env: Vec::new(),
    };
    vec![
        function(QueueName::Start, "start", SYSTEM_TIMEOUT_SECONDS, 10),
        function(QueueName::Timer, "timer", SYSTEM_TIMEOUT_SECONDS, 10),
        function(QueueName::DeadLetter, "dead-letter", DEAD_LETTER_TIMEOUT_SECONDS, 1),
    ]
}

/// That of this machine: an emulator runs functions on it.
pub fn architecture() -> Architecture {
    match std::env::consts::ARCH {
        "aarch64" => Architecture::Arm64,
        _ => Architecture::X8664,
    }
}

impl Stack {
    /// A name that nobody else has, and a way to the stack; nothing is there yet.
    pub async fn named(prefix: &str) -> Self {
        Self::on(Emulator::from_env(), prefix).await
    }

    /// The same on another emulator than the one that all tests share.
    pub async fn on(emulator: Emulator, prefix: &str) -> Self {
        let name = format!("{prefix}-{:08x}", rand::random::<u32>());
        let environment = Environment::local(&emulator.endpoint, &name).unwrap();
        // By the credentials of this process, as whoever else calls: one that looks at policies knows no others.
        let environment = Environment { placeholder_credentials: false, ..environment };
        Self { name, emulator, protocol: Protocol::new(AwsHost::connect(environment).await) }
    }

    /// Makes the table, the bucket and all queues, then the functions and what triggers them.
    pub async fn create(prefix: &str, steps: &[Function]) -> Self {
        Self::create_with(prefix, steps, system()).await
    }

    /// The same, with functions of the system that are set otherwise.
    pub async fn create_with(prefix: &str, steps: &[Function], system: Vec<Function>) -> Self {
        let stack = Self::named(prefix).await;
        let spec = StackSpec {
            steps: steps.iter().map(|step| (step.queue.short().to_owned(), step.timeout_seconds)).collect(),
            system_timeout_seconds: SYSTEM_TIMEOUT_SECONDS,
        };
        create_stack(stack.host(), &spec).await.unwrap();
        create_function_table(stack.host(), crate::trail::TABLE).await.unwrap();
        for step in steps {
            let redrive = serde_json::json!({
                "deadLetterTargetArn": stack.queue_arn(&QueueName::DeadLetter),
                "maxReceiveCount": step.receives_max,
            });
            let attributes = HashMap::from([(QueueAttributeName::RedrivePolicy, redrive.to_string())]);
            create_queue(stack.host(), &step.queue, attributes).await.unwrap();
        }
        let hidden = visibility_seconds(DEAD_LETTER_TIMEOUT_SECONDS).to_string();
        let hidden = HashMap::from([(QueueAttributeName::VisibilityTimeout, hidden)]);
        create_queue(stack.host(), &QueueName::DeadLetter, hidden).await.unwrap();
        let functions = system.into_iter().chain(steps.iter().cloned()).collect::<Vec<_>>();
        futures::future::join_all(functions.iter().map(|function| stack.deploy(function))).await;
        stack
    }

    pub fn host(&self) -> &AwsHost {
        self.protocol.host()
    }

    /// Makes a function, waits until it can be used, and lets its queue trigger it.
    pub async fn deploy(&self, function: &Function) {
        let name = self.full(&function.queue);
        let lambda = self.host().lambda();
        let mut variables = Variables::builder()
            .variables("STEPLADDER_STACK", &self.name)
            .variables("STEPLADDER_ACCOUNT_ID", &self.host().environment().settings.account);
        for (variable, value) in &function.env {
            variables = variables.variables(*variable, value);
        }
        let code = FunctionCode::builder()
            .s3_bucket(&self.emulator.code_bucket)
            .s3_key(format!("{}.zip", function.program))
            .build();
        lambda
            .create_function()
            .function_name(&name)
            .architectures(architecture())
            .runtime(Runtime::from("provided.al2023"))
            .handler("bootstrap")
            .role(format!("arn:aws:iam::{}:role/{}", self.host().environment().settings.account, self.name))
            .memory_size(256)
            .timeout(i32::try_from(function.timeout_seconds).unwrap())
            .environment(variables.build())
            .code(code)
            .send()
            .await
            .unwrap_or_else(|error| panic!("create function {name}: {error:?}"));
        until(&format!("function {name} is active"), Duration::from_secs(60), async || {
            let answer = lambda.get_function_configuration().function_name(&name).send().await.unwrap();
            answer.state().is_none_or(|state| *state == State::Active).then_some(())
        })
        .await;
        lambda
            .create_event_source_mapping()
            .event_source_arn(self.queue_arn(&function.queue))
            .function_name(&name)
            .batch_size(function.batch_size)
            .function_response_types(FunctionResponseType::ReportBatchItemFailures)
            .send()
            .await
            .unwrap_or_else(|error| panic!("map queue {name}: {error:?}"));
    }

    /// Takes a function away, and what triggers it; its queue stays.
    pub async fn remove(&self, queue: &QueueName) {
        let name = self.full(queue);
        let lambda = self.host().lambda();
        let mappings = lambda.list_event_source_mappings().function_name(&name).send().await.unwrap();
        let mappings = mappings.event_source_mappings.unwrap_or_default();
        assert_eq!(mappings.len(), 1, "{name}");
        for mapping in mappings {
            lambda.delete_event_source_mapping().uuid(mapping.uuid.unwrap()).send().await.unwrap();
        }
        lambda.delete_function().function_name(&name).send().await.unwrap();
    }

    pub async fn publish(&self, workflow: &str, definition: &Value) {
        let definition = Definition::parse(&definition.to_string())
            .unwrap_or_else(|faults| panic!("{workflow}: {faults}"));
        self.protocol.publish(workflow, &definition).await.unwrap();
    }

    /// Asks the start queue for runs of these names and inputs, ten to a call.
    pub async fn send_starts(&self, workflow: &str, runs: &[(String, Value)]) {
        let messages: Vec<Outgoing> = runs
            .iter()
            .map(|(name, input)| {
                let body = serde_json::json!({ "workflow": workflow, "name": name, "input": input });
                Outgoing::new(body.to_string(), 0)
            })
            .collect();
        for messages in messages.chunks(10) {
            let answers = self.host().queue().send(&QueueName::Start, messages).await.unwrap();
            assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        }
    }

    pub async fn run(&self, workflow: &str, name: &str) -> Option<RunItem> {
        let now_ms = self.host().clock().now_ms();
        self.host().store().run(&RunId::new(workflow, name), now_ms).await.unwrap()
    }

    /// Waits for a run's end.
    pub async fn ended(&self, workflow: &str, name: &str, patience: Duration) -> Ended {
        let item = until(&format!("the end of {workflow}/{name} of {}", self.name), patience, async || {
            self.run(workflow, name).await.filter(|item| item.status != Status::Running)
        })
        .await;
        let ending = self.protocol.ending(&item).await.unwrap().unwrap();
        Ended { error: ending.error, cause: ending.cause, output: ending.output, item }
    }

    /// Messages that are visible, in flight, and delayed.
    pub async fn counts(&self, queue: &QueueName) -> [u32; 3] {
        let names = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
            QueueAttributeName::ApproximateNumberOfMessagesDelayed,
        ];
        let url = self.host().queue().url(queue).await.unwrap().unwrap();
        let asked = self.host().sqs().get_queue_attributes().queue_url(url);
        let answer = asked.set_attribute_names(Some(names.to_vec())).send().await.unwrap();
        let attributes = answer.attributes.unwrap();
        names.map(|name| attributes[&name].parse().unwrap())
    }

    /// Messages that nobody could handle, taken out of their queue.
    pub async fn parked(&self) -> Vec<Parked> {
        let url = self.host().queue().url(&QueueName::Parked).await.unwrap().unwrap();
        let received = self.host().sqs().receive_message().queue_url(url).max_number_of_messages(10);
        let messages = received.send().await.unwrap().messages.unwrap_or_default();
        messages.iter().map(|message| serde_json::from_str(message.body().unwrap()).unwrap()).collect()
    }

    /// `<stack>-<queue>`: a queue and its function have the same name.
    pub fn full(&self, queue: &QueueName) -> String {
        format!("{}-{}", self.name, queue.short())
    }

    pub fn queue_arn(&self, queue: &QueueName) -> String {
        let settings = &self.host().environment().settings;
        format!("arn:aws:sqs:{}:{}:{}", settings.region, settings.account, self.full(queue))
    }
}
