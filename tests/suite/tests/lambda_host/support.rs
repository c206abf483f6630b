//! A server with one function, and its log.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use stepladder_local::sqs::{NewMessage, QueueCounts};
use stepladder_local::{EventSourceMapping, FunctionConfig, LogLine, Server, ServerConfig};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_local-function");

/// A server with one function, and what it has logged.
pub(crate) struct Host {
    pub(crate) server: Server,
    lines: Arc<Mutex<Vec<LogLine>>>,
}

impl Host {
    pub(crate) async fn start(change: impl FnOnce(&mut FunctionConfig)) -> Self {
        Self::start_with(ServerConfig::default(), change).await
    }

    pub(crate) async fn start_with(config: ServerConfig, change: impl FnOnce(&mut FunctionConfig)) -> Self {
        let server = Server::start(config).await.unwrap();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&lines);
        server.lambda().on_log(move |line| sink.lock().unwrap().push(line));
        let mut function = FunctionConfig::new("work", PROGRAM);
        change(&mut function);
        server.lambda().register(function).unwrap();
        Self { server, lines }
    }

    pub(crate) fn create_queue(&self, visibility_timeout_s: u32) {
        let attributes = BTreeMap::from([("VisibilityTimeout".to_owned(), visibility_timeout_s.to_string())]);
        self.server
            .queues()
            .with(|queues, now| queues.create("jobs", &attributes, BTreeMap::new(), now))
            .unwrap();
    }

    /// A queue that triggers the function.
    pub(crate) fn trigger(&self, visibility_timeout_s: u32, change: impl FnOnce(&mut EventSourceMapping)) {
        self.create_queue(visibility_timeout_s);
        self.map(change);
    }

    pub(crate) fn map(&self, change: impl FnOnce(&mut EventSourceMapping)) {
        let mut mapping = EventSourceMapping::new("jobs", "work");
        change(&mut mapping);
        self.server.lambda().map_queue(mapping).unwrap();
    }

    pub(crate) fn send(&self, order: &Value) -> String {
        let message = NewMessage::new(order.to_string());
        self.server.queues().with(|queues, now| queues.send("jobs", message, now)).unwrap().message_id
    }

    pub(crate) fn counts(&self) -> QueueCounts {
        self.server.queues().with(|queues, now| queues.counts("jobs", now)).unwrap()
    }

    pub(crate) async fn invoke(&self, payload: Value) -> (Value, bool) {
        let outcome = self.server.lambda().invoke("work", payload.to_string().into()).await.unwrap();
        (serde_json::from_slice(&outcome.payload).unwrap(), outcome.failed)
    }

    pub(crate) fn lines(&self) -> Vec<LogLine> {
        self.lines.lock().unwrap().clone()
    }

    pub(crate) fn texts(&self, begin: &str) -> Vec<String> {
        self.lines().into_iter().map(|line| line.text).filter(|text| text.starts_with(begin)).collect()
    }

    /// The sizes of the batches that the function has got.
    pub(crate) fn batches(&self) -> Vec<usize> {
        self.texts("batch of ").iter().map(|text| text["batch of ".len()..].parse().unwrap()).collect()
    }

    pub(crate) async fn until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        until(&format!("{what}; the log is {:#?}", self.lines()), || condition(self)).await;
    }
}

pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub(crate) fn is_running(pid: u64) -> bool {
    // A zombie is as good as gone: it only waits for its parent to look.
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| stat.rsplit(')').next().is_some_and(|rest| !rest.trim_start().starts_with('Z')))
}
