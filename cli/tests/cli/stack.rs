//! Commands against a stack on this machine whose runs are of every kind, broken ones too. No function runs in it.

use crate::{Stepladder, stepladder};
use serde_json::{Value, json};
use stepladder_asl::Definition;
use stepladder_aws::{AwsHost, Environment, StackSpec, create_stack};
use stepladder_local::{Server, ServerConfig};
use stepladder_protocol::{
    Clock, CreateRun, Host, ITEM_VERSION, Payload, Protocol, Requested, RunId, RunItem, StartRequest,
    Started, Store,
};

const WAITS: &str = r#"{"StartAt":"Pause","States":{"Pause":{"Type":"Wait","Seconds":3600,"End":true}}}"#;

pub(crate) struct Stack {
    pub(crate) server: Server,
    pub(crate) protocol: Protocol<AwsHost>,
}

/// What a command answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Answer {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    #[track_caller]
    pub(crate) fn assert_code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    /// Asserts that stdout or stderr tells this.
    #[track_caller]
    pub(crate) fn assert_tells(self, text: &str) -> Self {
        assert!(self.stdout.contains(text) || self.stderr.contains(text), "no {text:?} in {self:#?}");
        self
    }
}

impl Stack {
    /// A stack with the workflow `pause`.
    pub(crate) async fn start() -> Self {
        let server = Server::start(ServerConfig::default()).await.unwrap();
        let environment = Environment::local(&server.endpoint_url(), "stepladder").unwrap();
        let host = AwsHost::connect(environment).await;
        create_stack(&host, &StackSpec { steps: Vec::new(), system_timeout_seconds: 10 }).await.unwrap();
        let protocol = Protocol::new(host);
        protocol.publish("pause", &Definition::parse(WAITS).unwrap()).await.unwrap();
        Self { server, protocol }
    }

    pub(crate) async fn started(&self, name: &str) -> RunItem {
        let request =
            StartRequest { workflow: "pause".to_owned(), name: name.to_owned(), input: json!({"a": 1}) };
        match self.protocol.start(request).await.unwrap() {
            Started::Created(item) => item,
            other => panic!("{other:?}"),
        }
    }

    async fn stopped(&self, name: &str) {
        let item = self.started(name).await;
        let stopped = self.protocol.request_stop(&item.id, None, Some("enough".to_owned())).await.unwrap();
        assert_eq!(stopped, Requested::Done);
    }

    /// A run whose item is there, as `change` made it.
    async fn written(&self, name: &str, change: impl FnOnce(RunItem) -> RunItem) {
        let host = self.protocol.host();
        let now_ms = host.clock().now_ms();
        let sound = self.started(&format!("{name}-sound")).await;
        let item = change(RunItem { id: RunId::new("pause", name), started_ms: now_ms, ..sound });
        assert_eq!(host.store().create_run(&item, now_ms).await.unwrap(), CreateRun::Created);
    }

    /// A run whose definition is not there any more.
    async fn without_definition(&self, name: &str) {
        self.written(name, |item| RunItem {
            definition: "0".repeat(32),
            parked: Some("its definition is gone".to_owned()),
            ..item
        })
        .await;
    }

    /// A run that a newer program has written.
    async fn newer(&self, name: &str) {
        self.written(name, |item| RunItem { version: ITEM_VERSION + 1, ..item }).await;
    }

    pub(crate) async fn cli(&self, args: &[&str]) -> Answer {
        self.cli_at(&self.server.endpoint_url(), args).await
    }

    /// The same by another way to the stack.
    pub(crate) async fn cli_at(&self, endpoint: &str, args: &[&str]) -> Answer {
        let Stepladder { mut command } = stepladder(args);
        command.env("STEPLADDER_ENDPOINT", endpoint).env("STEPLADDER_TIMEOUT", "60s");
        // Its stack lives in this process: the command must not keep it from answering.
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        Answer {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_taken_once_its_run_has_ended() {
    let stack = Stack::start().await;
    stack.started("going").await;
    stack.stopped("gone").await;
    let start = ["start", "pause", "--input", r#"{"a":1}"#, "--name"];
    let again = stack.cli(&[&start[..], &["going", "-o", "json"]].concat()).await.assert_code(0);
    assert_eq!(again.json()["created"], false);
    stack.cli(&[&start[..], &["going", "--wait", "--timeout", "300ms"]].concat()).await.assert_code(6);
    for wait in [&["gone"][..], &["gone", "--wait"]] {
        let ended = stack.cli(&[&start[..], wait].concat()).await.assert_code(5);
        assert_eq!(ended.stdout, "");
        ended
            .assert_tells("error[SL1204]: the name 'gone' is taken by a run that has ended")
            .assert_tells("ABORTED")
            .assert_tells("hint: choose another --name");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_of_a_broken_run_is_shown() {
    let stack = Stack::start().await;
    stack.without_definition("broken").await;
    stack
        .cli(&["run", "show", "broken"])
        .await
        .assert_code(1)
        .assert_tells("pause/broken · RUNNING")
        .assert_tells("warning: a message of this run is parked: its definition is gone")
        .assert_tells("not everything can be shown:");
    let shown = stack.cli(&["run", "show", "broken", "-o", "json"]).await.assert_code(1).json();
    assert_eq!((&shown["status"], &shown["steps"]), (&json!("RUNNING"), &Value::Null));
    assert_eq!(shown["parked"], "its definition is gone");
    assert!(shown["problem"].as_str().unwrap().contains("definition"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_of_an_ended_run_without_its_ending_is_shown() {
    let stack = Stack::start().await;
    stack
        .written("ended", |item| RunItem {
            status: stepladder_engine::Status::Failed,
            ended_ms: Some(item.started_ms + 1_000),
            error: Some("Declined".to_owned()),
            ending: Some(Payload::Json(b"no JSON".to_vec())),
            ..item
        })
        .await;
    let shown = stack.cli(&["run", "show", "ended", "-o", "json"]).await.assert_code(1).json();
    assert_eq!((&shown["status"], &shown["error"]), (&json!("FAILED"), &json!("Declined")));
    assert!(shown["problem"].as_str().unwrap().contains("pause/ended"), "{shown}");
    stack.cli(&["run", "show", "ended"]).await.assert_code(1).assert_tells("error: Declined");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_can_not_be_read_keeps_no_other_out_of_the_list() {
    let stack = Stack::start().await;
    stack.newer("newer").await;
    stack.without_definition("broken").await;
    let listed = stack.cli(&["run", "list", "-o", "json"]).await.assert_code(0);
    let shown = listed.json();
    let mut names: Vec<&str> =
        shown.as_array().unwrap().iter().map(|run| run["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["broken", "broken-sound", "newer-sound"]);
    listed.assert_tells("pause/newer is left out").assert_tells("written by a newer one");
    stack.cli(&["run", "list"]).await.assert_code(0).assert_tells("warning: pause/newer is left out");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_can_not_be_repaired_keeps_no_other_back() {
    let stack = Stack::start().await;
    stack.newer("newer").await;
    stack.without_definition("broken").await;
    let repaired = stack.cli(&["repair", "-o", "json"]).await.assert_code(1);
    let shown = repaired.json();
    let mut names: Vec<&str> =
        shown.as_array().unwrap().iter().map(|run| run["id"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["pause/broken-sound", "pause/newer-sound"]);
    repaired.assert_tells("written by a newer one").assert_tells("definition");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_recorded_in_a_file_and_replayed_without_its_stack() {
    let stack = Stack::start().await;
    stack.stopped("gone").await;
    stack.started("going").await;
    for (name, records, told) in
        [("gone", 1, "pause/gone agrees: ABORTED, 1 transition"), ("going", 0, "pause/going agrees: RUNNING")]
    {
        let recorded = stack.cli(&["run", "history", name, "-o", "jsonl"]).await.assert_code(0);
        let lines: Vec<Value> =
            recorded.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(
            (&lines[0]["schema"], &lines[0]["input"]),
            (&json!("stepladder.history/1"), &json!({"a": 1}))
        );
        assert_eq!(lines.last().unwrap(), &json!({ "records": records }));
        assert_eq!(lines.len(), records + 2);
        let file = std::env::temp_dir().join(format!("stepladder-{}-{name}.jsonl", std::process::id()));
        std::fs::write(&file, &recorded.stdout).unwrap();
        let replayed = stepladder(&["replay", file.to_str().unwrap()]).transcript();
        std::fs::remove_file(&file).unwrap();
        assert!(replayed.starts_with("exit code: 0") && replayed.contains(told), "{replayed}");
    }
    let reverse = stack.cli(&["run", "history", "gone", "-o", "jsonl", "--reverse"]).await.assert_code(2);
    reverse.assert_tells("--reverse doesn't fit -o jsonl");
    let events = stack.cli(&["run", "history", "gone", "-o", "json"]).await.assert_code(0).json();
    assert_eq!(events[0]["schema"], "stepladder.event/1");
    stack.cli(&["run", "history", "nobody", "-o", "jsonl"]).await.assert_code(3);
}
