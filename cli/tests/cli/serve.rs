//! `stepladder serve` in front of a stack on this machine, called over HTTP.

use crate::{Stepladder, stack::Stack, stepladder};
use serde_json::{Value, json};
use std::process::Stdio;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    process::{Child, Command},
};

/// The command, while it serves.
struct Serving {
    child: Child,
    /// What it has said of itself.
    said: Value,
}

impl Serving {
    async fn start(stack: &Stack, more: &[&str]) -> Self {
        let args = [&["serve", "--port", "0", "-o", "jsonl"], more].concat();
        let Stepladder { command } = stepladder(&args);
        let mut command = Command::from(command);
        command.env("AWS_ENDPOINT_URL", stack.server.endpoint_url()).env("STEPLADDER_STACK", "stepladder");
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).await.unwrap();
        match serde_json::from_str(&line) {
            Ok(said) => Self { child, said },
            Err(error) => {
                let output = child.wait_with_output().await.unwrap();
                panic!("{error}: {line:?} {}", String::from_utf8_lossy(&output.stderr));
            }
        }
    }

    fn address(&self) -> &str {
        self.said["endpoint"].as_str().unwrap().strip_prefix("http://").unwrap()
    }

    fn port(&self) -> &str {
        self.address().rsplit(':').next().unwrap()
    }

    /// The status and the body of an answer.
    async fn raw(&self, host: &str, more: &str, operation: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address()).await.unwrap();
        let length = body.len();
        let request = format!(
            "POST / HTTP/1.1\r\nHost: {host}:{}\r\nX-Amz-Target: AWSStepFunctions.{operation}\r\n\
             Content-Type: application/x-amz-json-1.0\r\nContent-Length: {length}\r\nConnection: close\r\n{more}\r\n{body}",
            self.port()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
    }

    async fn call(&self, operation: &str, body: Value) -> (u16, Value) {
        let (status, answer) = self.raw("127.0.0.1", "", operation, &body.to_string()).await;
        (status, serde_json::from_str(&answer).unwrap())
    }

    /// Asks it to end, as Ctrl-C does: its exit code, and what it has said on stderr.
    async fn end(self) -> (i32, String) {
        let id = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().await.unwrap().success());
        let output = self.child.wait_with_output().await.unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    }
}

const MACHINE: &str = "arn:aws:states:us-east-1:000000000000:stateMachine:pause";

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_is_reached_by_the_api_until_ctrl_c() {
    let stack = Stack::start().await;
    let serving = Serving::start(&stack, &[]).await;
    assert_eq!(
        (&serving.said["schema"], &serving.said["hosts"]),
        (&json!("stepladder.serving/1"), &Value::Null)
    );
    let example = serving.said["example"].as_str().unwrap();
    assert!(example.ends_with(MACHINE) && example.contains(serving.address()), "{example}");

    let start = json!({ "stateMachineArn": MACHINE, "name": "served", "input": "{\"a\": 1}" });
    let (status, started) = serving.call("StartExecution", start).await;
    assert_eq!(status, 200, "{started}");
    let arn = "arn:aws:states:us-east-1:000000000000:execution:pause:served";
    assert_eq!(started["executionArn"], arn);
    let (_, described) = serving.call("DescribeExecution", json!({ "executionArn": arn })).await;
    assert_eq!((&described["status"], &described["input"]), (&json!("RUNNING"), &json!("{\"a\":1}")));
    // It is a run of the stack like any other.
    stack.cli(&["run", "show", "served"]).await.assert_code(0).assert_tells("pause/served · RUNNING");

    let (code, stderr) = serving.end().await;
    assert_eq!((code, stderr.as_str()), (0, "stopping\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_means_this_machine_is_answered() {
    let stack = Stack::start().await;
    let serving = Serving::start(&stack, &["--host", "flows.test"]).await;
    assert_eq!(serving.said["hosts"], "127.0.0.1 flows.test sync-flows.test");
    let call = async |host: &str, more: &str| serving.raw(host, more, "ListStateMachines", "{}").await;
    for host in ["127.0.0.1", "localhost", "sync-localhost", "flows.test", "sync-flows.test"] {
        assert_eq!(call(host, "").await.0, 200, "{host}");
    }
    let (status, reason) = call("evil.example", "").await;
    assert_eq!(status, 403);
    assert!(reason.starts_with("The Host header must be 127.0.0.1"), "{reason}");
    let (status, reason) = call("127.0.0.1", "Origin: http://evil.example\r\n").await;
    assert_eq!((status, reason.as_str()), (403, "Requests from pages of other origins are refused."));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_too_large_is_refused() {
    let stack = Stack::start().await;
    let serving = Serving::start(&stack, &[]).await;
    let large = json!({ "stateMachineArn": MACHINE, "input": "x".repeat(1024 * 1024) });
    let (status, refused) = serving.call("StartExecution", large).await;
    assert_eq!(status, 413, "{refused}");
    assert!(refused["__type"].as_str().unwrap().ends_with("#RequestEntityTooLargeException"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_aws_refuses_is_refused_where_that_is_asked_for() {
    let stack = Stack::start().await;
    let input = format!("\"{}\"", "x".repeat(300 * 1024));
    let start = json!({ "stateMachineArn": MACHINE, "name": "large", "input": input });
    let strict = Serving::start(&stack, &["--strict-aws"]).await;
    let (status, refused) = strict.call("StartExecution", start.clone()).await;
    assert_eq!(status, 400, "{refused}");
    let own = Serving::start(&stack, &[]).await;
    assert_eq!(own.call("StartExecution", start).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_that_is_not_there_and_a_port_that_is_taken_are_told() {
    let stack = Stack::start().await;
    let endpoint = stack.server.endpoint_url();
    let Stepladder { mut command } = stepladder(&["serve", "--port", "0", "--endpoint", &endpoint]);
    command.env("STEPLADDER_STACK", "nowhere");
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("can't list the workflows"), "{stderr}");

    let serving = Serving::start(&stack, &[]).await;
    stack
        .cli(&["serve", "--port", serving.port()])
        .await
        .assert_code(5)
        .assert_tells("is in use")
        .assert_tells("--port 0 takes any that is free");
    stack.cli(&["serve", "--host", "127.0.0.1"]).await.assert_code(2).assert_tells("no address");
}
