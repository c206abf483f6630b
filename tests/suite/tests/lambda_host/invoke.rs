//! Direct invocations.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stepladder_local::LogStream;
use stepladder_local::lambda::InvokeError;

use super::support::{Host, is_running, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_gets_lambdas_variables_and_headers_and_nothing_of_the_hosts_environment() {
    let host = Host::start(|function| {
        function.memory_mb = 512;
        function.env.push(("OWN_SETTING".to_owned(), "mine".to_owned()));
    })
    .await;
    let before_ms = now_ms();
    let (described, failed) = host.invoke(json!({ "do": "describe" })).await;
    assert!(!failed, "{described}");
    assert_eq!(described["name"], "work");
    assert_eq!(described["memory"], 512);
    assert_eq!(described["arn"], "arn:aws:lambda:us-east-1:000000000000:function:work");
    assert_eq!(described["endpoint"], host.server.endpoint_url());
    assert_eq!(described["region"], "us-east-1");
    assert_eq!(described["own"], "mine");
    assert_eq!(described["leaked"], Value::Null);
    let deadline_ms = described["deadline"].as_u64().unwrap();
    assert!((before_ms + 9_000..=before_ms + 40_000).contains(&deadline_ms), "{deadline_ms} {before_ms}");
}

fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    u64::try_from(since.as_millis()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_warm_environment_is_used_again() {
    let host = Host::start(|_| {}).await;
    let (first, _) = host.invoke(json!({ "do": "describe" })).await;
    let (second, _) = host.invoke(json!({ "do": "describe" })).await;
    assert_eq!(first["pid"], second["pid"]);
    assert_ne!(first["requestId"], second["requestId"]);
    assert_eq!(host.server.lambda().environments("work"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_and_panics_are_the_functions_own_and_leave_it_warm() {
    let host = Host::start(|_| {}).await;
    let (error, failed) = host.invoke(json!({ "do": "fail", "text": "no stock" })).await;
    assert!(failed);
    assert_eq!(error["errorMessage"], "no stock");
    let (error, failed) = host.invoke(json!({ "do": "panic", "text": "oh no" })).await;
    assert!(failed);
    assert!(error["errorMessage"].as_str().unwrap().contains("oh no"), "{error}");
    assert_eq!(host.invoke(json!("still there")).await, (json!("still there"), false));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exit_fails_the_invocation_and_the_next_one_gets_a_new_process() {
    let host = Host::start(|_| {}).await;
    let (error, failed) = host.invoke(json!({ "do": "exit" })).await;
    assert!(failed);
    assert_eq!(error["errorType"], "Runtime.ExitError");
    let message = error["errorMessage"].as_str().unwrap();
    assert!(message.starts_with("RequestId: "), "{message}");
    assert!(
        message.ends_with(" Error: Runtime exited with error: exit status 7"),
        "{message} {:#?}",
        host.lines()
    );
    let answer = host.invoke(json!("alive")).await;
    assert_eq!(answer, (json!("alive"), false), "{:#?}", host.lines());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timeout_kills_the_process() {
    let host = Host::start(|function| function.timeout_ms = 500).await;
    let (described, _) = host.invoke(json!({ "do": "describe" })).await;
    let pid = described["pid"].as_u64().unwrap();
    let (error, failed) = host.invoke(json!({ "do": "wait", "ms": 60_000 })).await;
    assert!(failed);
    assert_eq!(error["errorType"], "Sandbox.Timedout");
    assert!(
        error["errorMessage"].as_str().unwrap().ends_with(" Error: Task timed out after 0.50 seconds"),
        "{error}"
    );
    until("the process is killed", || !is_running(pid)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_fails_at_its_start_is_not_started_again_and_again() {
    let host =
        Host::start(|function| function.env.push(("FUNCTION_EXITS_AT_START".to_owned(), "1".to_owned())))
            .await;
    let (error, failed) = host.invoke(json!({})).await;
    assert!(failed);
    assert_eq!(error["errorType"], "Runtime.ExitError");
    assert!(error["errorMessage"].as_str().unwrap().contains("exit status 3"), "{error}");
    let deadline = Instant::now() + Duration::from_secs(1);
    let mut invocations = 0;
    while Instant::now() < deadline {
        assert!(host.invoke(json!({})).await.1);
        invocations += 1;
    }
    let starts = host.texts("INIT failed").len();
    assert!(invocations > 50 && starts <= 5, "{starts} starts for {invocations} invocations in a second");
    host.until("its words are in the log", |host| !host.texts("no table name is set").is_empty()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_program_is_named() {
    let host = Host::start(|function| function.program = "/nowhere/bootstrap".into()).await;
    let (error, failed) = host.invoke(json!({})).await;
    assert!(failed);
    assert_eq!(error["errorType"], "Runtime.InvalidEntrypoint");
    assert!(error["errorMessage"].as_str().unwrap().contains("/nowhere/bootstrap"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invocations_beyond_the_environments_are_refused() {
    let host = Host::start(|function| function.environments_max = 2).await;
    let waiting = r#"{"do":"wait","ms":2000}"#;
    let lambda = host.server.lambda();
    let (a, b, c) = tokio::join!(
        lambda.invoke("work", waiting.into()),
        lambda.invoke("work", waiting.into()),
        lambda.invoke("work", waiting.into()),
    );
    assert!(!a.unwrap().failed && !b.unwrap().failed);
    assert_eq!(c.unwrap_err(), InvokeError::TooManyRequests("work".to_owned()));
    assert_eq!(host.invoke(json!(1)).await, (json!(1), false));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_too_large_is_an_error() {
    let host = Host::start(|_| {}).await;
    let (error, failed) = host.invoke(json!({ "do": "large" })).await;
    assert!(failed);
    assert_eq!(error["errorType"], "Function.ResponseSizeTooLarge");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_come_with_their_stream_and_invocation() {
    let host = Host::start(|_| {}).await;
    let outcome =
        host.server.lambda().invoke("work", r#"{"do":"print","text":"hello"}"#.into()).await.unwrap();
    let has = |host: &Host, stream| {
        host.lines().iter().any(|line| {
            line.stream == stream
                && line.text == "hello"
                && line.function == "work"
                && line.request_id.as_deref().is_none_or(|id| id == outcome.request_id)
        })
    };
    host.until("both lines are there", |host| has(host, LogStream::Stdout) && has(host, LogStream::Stderr))
        .await;
}
