//! A stack of a test's own: a local server, the system's functions, and steps that do as their input says.

use crate::{Folder, Programs, until};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, Mutex},
};
use stepladder_asl::Definition;
use stepladder_aws::{AwsHost, Environment, StackSpec, create_stack, tell_uploads, visibility_seconds};
use stepladder_engine::Status;
use stepladder_local::{
    EventSourceMapping, FunctionConfig, LogLine, Server, ServerConfig,
    lambda::InvokeOutcome,
    limits::INVOKE_BYTES_MAX,
    sqs::{QueueCounts, ReceiveOptions},
};
use stepladder_protocol::{
    Clock, Host, Outgoing, Parked, Protocol, Queue, QueueName, RunId, RunItem, StartRequest, Started, Store,
    UploadRule,
};

/// What a test puts into a payload that no log may show: a [`TestStack`] looks for it when it goes.
pub const MARKED: &str = "marked-3e9d71";

const STACK: &str = "test";
const SYSTEM: [QueueName; 3] = [QueueName::Start, QueueName::Timer, QueueName::DeadLetter];
const SYSTEM_TIMEOUT_SECONDS: u32 = 10;

/// A stack, and what a test does with it. No queue triggers its function before [`TestStack::open`].
#[derive(Debug)]
pub struct TestStack {
    pub server: Server,
    pub protocol: Protocol<AwsHost>,
    /// For files, and the folder in which the command line is called.
    pub folder: Folder,
    steps: Vec<QueueName>,
    log: Log,
}

/// What the functions have written.
#[derive(Debug, Default)]
struct Log(Arc<Mutex<Vec<LogLine>>>);

/// A step of the stack: its function, and how its queue is set.
#[derive(Debug, Clone)]
pub struct TestStep {
    pub function: &'static str,
    pub timeout_seconds: u32,
    pub visibility_seconds: u32,
    /// A message that was received so often goes to the dead-letter queue.
    pub receives_max: u32,
    /// Variables beside those that every function gets.
    pub env: Vec<(&'static str, String)>,
    /// Its own program, where it has one.
    pub program: Option<PathBuf>,
}

impl TestStep {
    pub fn new(function: &'static str, timeout_seconds: u32) -> Self {
        let visibility_seconds = visibility_seconds(timeout_seconds);
        Self {
            function,
            timeout_seconds,
            visibility_seconds,
            receives_max: 5,
            env: Vec::new(),
            program: None,
        }
    }

    pub fn queue(&self) -> QueueName {
        QueueName::Step(self.function.to_owned())
    }
}

/// How a run ended.
#[derive(Debug, Clone)]
pub struct Ended {
    pub item: RunItem,
    pub error: Option<String>,
    pub cause: Option<String>,
    pub output: Option<Value>,
}

impl Ended {
    /// `SUCCEEDED`, or `FAILED Panic`.
    pub fn end(&self) -> String {
        let error = self.error.as_deref().unwrap_or_default();
        format!("{} {error}", self.item.status.as_str()).trim_end().to_owned()
    }
}

/// What a command line answered.
#[derive(Debug)]
pub struct Answer {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Answer {
    /// What stands on stdout, as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    /// The elements of the JSON array on stdout.
    #[track_caller]
    pub fn list(&self) -> Vec<Value> {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    /// Each line on stdout, as JSON.
    #[track_caller]
    pub fn lines(&self) -> Vec<Value> {
        let line = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {self:#?}"));
        self.stdout.lines().map(line).collect()
    }

    #[track_caller]
    pub fn assert_code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    /// Asserts that stderr tells this.
    #[track_caller]
    pub fn assert_tells(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "no {text:?} in {self:#?}");
        self
    }
}

impl TestStack {
    /// `program` is the program of all steps that have none of their own.
    pub async fn start(program: &str, steps: &[TestStep]) -> Self {
        Self::start_told(program, steps, &[]).await
    }

    /// The same, and each of these uploads starts a run.
    pub async fn start_for_uploads(program: &str, steps: &[TestStep], uploads: &[UploadRule]) -> Self {
        let told = [("STEPLADDER_UPLOADS", serde_json::to_string(uploads).unwrap())];
        let stack = Self::start_told(program, steps, &told).await;
        tell_uploads(stack.protocol.host(), uploads).await.unwrap();
        stack
    }

    /// The same; the system's functions are told these variables besides.
    pub async fn start_told(program: &str, steps: &[TestStep], more: &[(&str, String)]) -> Self {
        let programs = Programs::built();
        let server = Server::start(ServerConfig::default()).await.unwrap();
        let log = Log::default();
        let sink = Arc::clone(&log.0);
        server.lambda().on_log(move |line| sink.lock().unwrap().push(line));
        let host = AwsHost::connect(Environment::local(&server.endpoint_url(), STACK).unwrap()).await;
        let spec = StackSpec {
            steps: steps.iter().map(|step| (step.function.to_owned(), step.timeout_seconds)).collect(),
            system_timeout_seconds: SYSTEM_TIMEOUT_SECONDS,
        };
        create_stack(&host, &spec).await.unwrap();
        let stack = Self {
            server,
            protocol: Protocol::new(host),
            folder: Folder::new("stack"),
            steps: steps.iter().map(TestStep::queue).collect(),
            log,
        };
        for queue in SYSTEM {
            stack.register(&queue, &programs.path(queue.short()), SYSTEM_TIMEOUT_SECONDS, more);
        }
        for step in steps {
            let redrive = json!({
                "deadLetterTargetArn": format!("arn:aws:sqs:us-east-1:000000000000:{STACK}-dead-letter"),
                "maxReceiveCount": step.receives_max.to_string(),
            });
            stack.set_queue(
                &step.queue(),
                &[
                    ("VisibilityTimeout", step.visibility_seconds.to_string()),
                    ("RedrivePolicy", redrive.to_string()),
                ],
            );
            let program = step.program.as_deref().unwrap_or(Path::new(program));
            stack.register(&step.queue(), program, step.timeout_seconds, &step.env);
        }
        stack
    }

    /// Adds a function of this name that no queue feeds: a program of the system's.
    pub fn add_function(&self, name: &str, program: &str) {
        let name = QueueName::Step(name.to_owned());
        self.register(&name, &Programs::built().path(program), SYSTEM_TIMEOUT_SECONDS, &[]);
    }

    /// Calls a function directly.
    pub async fn invoke(&self, name: &str, event: &Value) -> InvokeOutcome {
        let payload = event.to_string().into_bytes();
        self.server.lambda().invoke(&format!("{STACK}-{name}"), payload.into()).await.unwrap()
    }

    fn register(&self, queue: &QueueName, program: &Path, timeout_seconds: u32, more: &[(&str, String)]) {
        let endpoint = self.server.endpoint_url();
        let calls = self.folder.path().join("calls").display().to_string();
        let env = [
            ("AWS_ENDPOINT_URL", endpoint.as_str()),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "local"),
            ("AWS_SECRET_ACCESS_KEY", "local"),
            ("STEPLADDER_STACK", STACK),
            ("STEPLADDER_ACCOUNT_ID", "000000000000"),
            // All that there is to log, so that what may not be logged would be seen.
            ("STEPLADDER_LOG", "trace"),
            ("TEST_STEP_CALLS", &calls),
        ];
        let more = more.iter().map(|(name, value)| (*name, value.as_str()));
        let env = env.into_iter().chain(more).map(|(name, value)| (name.to_owned(), value.to_owned()));
        let config = FunctionConfig {
            env: env.collect(),
            memory_mb: 256,
            timeout_ms: u64::from(timeout_seconds) * 1000,
            ..FunctionConfig::new(full(queue), program)
        };
        self.server.lambda().register(config).unwrap();
    }

    fn set_queue(&self, queue: &QueueName, attributes: &[(&str, String)]) {
        let attributes: BTreeMap<String, String> =
            attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let set = |queues: &mut stepladder_local::sqs::Queues, now_ms| {
            queues.set_attributes(&full(queue), &attributes, now_ms)
        };
        self.server.queues().with(set).unwrap();
    }

    /// Lets a queue trigger its function, from now on.
    pub fn open(&self, queue: &QueueName) {
        self.server.lambda().map_queue(EventSourceMapping::new(full(queue), full(queue))).unwrap();
    }

    pub fn open_system(&self) {
        SYSTEM.iter().for_each(|queue| self.open(queue));
    }

    pub fn open_all(&self) {
        self.open_system();
        self.steps.iter().for_each(|queue| self.open(queue));
    }

    pub async fn publish(&self, workflow: &str, definition: &Value) -> Definition {
        let definition = Definition::parse(&definition.to_string())
            .unwrap_or_else(|faults| panic!("{workflow}: {faults}"));
        self.protocol.publish(workflow, &definition).await.unwrap();
        definition
    }

    /// Starts a run past the start queue.
    pub async fn start_run(&self, workflow: &str, name: &str, input: Value) -> Started {
        let request = StartRequest { workflow: workflow.to_owned(), name: name.to_owned(), input };
        self.protocol.start(request).await.unwrap()
    }

    /// Sends up to ten messages in one call.
    pub async fn send(&self, queue: &QueueName, bodies: &[String]) {
        let messages: Vec<Outgoing> = bodies.iter().map(|body| Outgoing::new(body.clone(), 0)).collect();
        let answers = self.protocol.host().queue().send(queue, &messages).await.unwrap();
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    }

    /// Receives what is visible so often, as a function would that dies each time, and leaves it visible.
    pub fn receive_in_vain(&self, queue: &QueueName, times: u32) {
        for _ in 0..times {
            let received = self.server.queues().with(|queues, now_ms| {
                let options = options(0);
                queues.receive(&full(queue), options, now_ms).unwrap()
            });
            assert!(!received.is_empty());
        }
    }

    /// The bodies of up to ten messages, taken out of the queue.
    pub fn take(&self, queue: &QueueName) -> Vec<String> {
        self.server.queues().with(|queues, now_ms| {
            let received = queues.receive(&full(queue), options(30), now_ms).unwrap();
            received
                .into_iter()
                .map(|received| {
                    queues.delete(&full(queue), &received.receipt_handle).unwrap();
                    received.content.body.clone()
                })
                .collect()
        })
    }

    pub fn counts(&self, queue: &QueueName) -> QueueCounts {
        self.server.queues().with(|queues, now_ms| queues.counts(&full(queue), now_ms)).unwrap()
    }

    /// Waits for so many messages of the parked queue, and takes them out of it.
    pub async fn parked(&self, count: usize) -> Vec<Parked> {
        let mut parked = Vec::new();
        let tell = || self.tell();
        until(&format!("{count} parked messages"), tell, async || {
            let bodies = self.take(&QueueName::Parked);
            parked.extend(bodies.iter().map(|body| serde_json::from_str::<Parked>(body).unwrap()));
            (parked.len() >= count).then_some(())
        })
        .await;
        parked
    }

    pub async fn run(&self, workflow: &str, name: &str) -> Option<RunItem> {
        let now_ms = self.protocol.host().clock().now_ms();
        self.protocol.host().store().run(&RunId::new(workflow, name), now_ms).await.unwrap()
    }

    /// Waits for a run's end.
    pub async fn ended(&self, workflow: &str, name: &str) -> Ended {
        let tell = || self.tell();
        let item = until(&format!("the end of {workflow}/{name}"), tell, async || {
            self.run(workflow, name).await.filter(|item| item.status != Status::Running)
        })
        .await;
        let ending = self.protocol.ending(&item).await.unwrap().unwrap();
        Ended { error: ending.error, cause: ending.cause, output: ending.output, item }
    }

    /// The calls of steps, `<run> <state> <attempt>`, in order.
    pub fn calls(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.path().join("calls")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Calls the command line, with this stack as the one that is meant.
    pub async fn cli(&self, args: &[&str]) -> Answer {
        self.cli_with(args, &[]).await
    }

    /// The same, with further variables.
    pub async fn cli_with(&self, args: &[&str], env: &[(&str, &str)]) -> Answer {
        let mut command = Programs::built().stepladder();
        command.args(args).current_dir(self.folder.path());
        command.env("AWS_ENDPOINT_URL", self.server.endpoint_url()).env("STEPLADDER_STACK", STACK);
        command.envs(env.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let output = tokio::time::timeout(crate::DEADLINE, command.output()).await;
        let output = output.unwrap_or_else(|_| panic!("{args:?} did not end\n{}", self.tell())).unwrap();
        Answer {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The lines that the functions have written so far.
    pub fn log_texts(&self) -> Vec<String> {
        self.log.0.lock().unwrap().iter().map(|line| line.text.clone()).collect()
    }

    /// What the functions have written, for whoever looks for a fault.
    pub fn tell(&self) -> String {
        let log = self.log.0.lock().unwrap();
        let last = log.iter().skip(log.len().saturating_sub(60));
        last.map(|line| format!("{}: {}\n", line.function, line.text)).collect()
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let lines = self.0.lock().unwrap();
        if let Some(line) = lines.iter().find(|line| line.text.contains(MARKED))
            && !std::thread::panicking()
        {
            panic!("a log line shows a payload: {}", line.text);
        }
    }
}

/// `<stack>-<queue>`: a queue and its function have the same name.
fn full(queue: &QueueName) -> String {
    format!("{STACK}-{}", queue.short())
}

fn options(visibility_timeout_s: u32) -> ReceiveOptions {
    ReceiveOptions {
        messages_max: 10,
        visibility_timeout_s: Some(visibility_timeout_s),
        event_bytes_max: INVOKE_BYTES_MAX,
    }
}
