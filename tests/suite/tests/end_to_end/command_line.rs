//! The command line against a running stack.

use crate::{STEP, one_task};
use serde_json::{Value, json};
use stepladder_tests::{TestStack, TestStep};

async fn stack() -> TestStack {
    let stack = TestStack::start(STEP, &[TestStep::new("work", 10)]).await;
    stack.publish("echo", &one_task("work", json!({}))).await;
    stack.publish("other", &one_task("work", json!({}))).await;
    stack.open_all();
    stack
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn start_waits_for_the_end_and_answers_with_it() {
    let stack = stack().await;
    let good =
        stack.cli(&["start", "echo", "--name", "g-1", "--input", r#"{"a": "ä\u0007"}"#, "--wait"]).await;
    let good = good.assert_code(0).assert_tells("echo/g-1 succeeded after ");
    assert_eq!(good.json(), json!({ "a": "ä\u{7}" }));
    assert!(!good.stdout.contains('\u{7}'), "control characters don't reach the terminal");

    let bad = stack.cli(&[
        "start",
        "echo",
        "--name",
        "b-1",
        "--input",
        r#"{"do":"fail","text":"no way"}"#,
        "--wait",
    ]);
    let bad = bad
        .await
        .assert_code(1)
        .assert_tells("echo/b-1 ended FAILED")
        .assert_tells("ActError")
        .assert_tells("no way");
    assert_eq!(bad.stdout, "");

    let good = stack.cli(&["start", "echo", "--name", "g-2", "--input", "17", "--wait", "-o", "json"]).await;
    let good = good.assert_code(0).json();
    assert_eq!(good["schema"], "stepladder.run/1");
    assert_eq!(
        (&good["id"], &good["status"], &good["output"]),
        (&json!("echo/g-2"), &json!("SUCCEEDED"), &json!(17))
    );
    let bad = stack
        .cli(&["start", "echo", "--input", r#"{"do":"fail"}"#, "--wait", "-o", "json"])
        .await
        .assert_code(1);
    assert_eq!((&bad.json()["status"], &bad.json()["error"]), (&json!("FAILED"), &json!("ActError")));
    let error: Value = serde_json::from_str(&bad.stderr).unwrap();
    assert_eq!((&error["schema"], &error["exit_code"]), (&json!("stepladder.error/1"), &json!(1)));

    // A name is taken: by a run that is over, and by one with another input.
    stack
        .cli(&["start", "echo", "--name", "b-1", "--input", r#"{"do":"fail","text":"no way"}"#, "--wait"])
        .await
        .assert_code(5)
        .assert_tells("the name 'b-1' is taken by a run that has ended");
    stack.cli(&["start", "echo", "--name", "g-2", "--input", "18"]).await.assert_code(5);
    stack
        .cli(&["start", "echo", "--name", "a b", "--input", "1"])
        .await
        .assert_code(2)
        .assert_tells("white space");
    stack.cli(&["start", "echo", "--input", "{"]).await.assert_code(1).assert_tells("it is not JSON");
    let calls = stack.calls();
    assert_eq!(calls.len(), 4, "{calls:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_ends_with_its_timeout() {
    let stack = stack().await;
    let wait = json!({ "StartAt": "W", "States": { "W": { "Type": "Wait", "Seconds": 600, "End": true } } });
    stack.publish("wait", &wait).await;
    stack.cli(&["start", "wait", "--name", "w", "--wait", "--timeout", "300ms"]).await.assert_code(6);
    // The run itself goes on.
    let shown = stack.cli(&["run", "show", "w", "-o", "json"]).await.assert_code(0).json();
    assert_eq!(shown["status"], "RUNNING");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_are_found_by_prefix_and_listed_newest_first() {
    let stack = stack().await;
    for (workflow, name, input) in [
        ("echo", "7f3c", json!({ "at": 1 })),
        ("echo", "7f9a", json!({ "do": "fail", "text": "declined" })),
        ("other", "80aa", json!({ "at": 3 })),
    ] {
        stack.start_run(workflow, name, input).await;
        stack.ended(workflow, name).await;
    }
    let list = |more: &'static [&'static str]| {
        let stack = &stack;
        async move {
            let args = [&["run", "list", "-o", "json"], more].concat();
            let listed = stack.cli(&args).await.assert_code(0).json();
            let runs = listed.as_array().unwrap().clone();
            assert!(runs.iter().all(|run| run["schema"] == "stepladder.run/1"), "{listed:#}");
            runs.iter().map(|run| run["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        }
    };
    assert_eq!(list(&[]).await, ["other/80aa", "echo/7f9a", "echo/7f3c"]);
    assert_eq!(list(&["--status", "failed"]).await, ["echo/7f9a"]);
    assert_eq!(list(&["--workflow", "echo", "--limit", "1"]).await, ["echo/7f9a"]);
    assert!(list(&["--status", "running"]).await.is_empty());
    let lines = stack.cli(&["ls", "-o", "jsonl"]).await.assert_code(0).lines();
    assert_eq!(lines.len(), 3);
    let text = stack.cli(&["run", "list"]).await.assert_code(0).stdout;
    assert!(text.lines().count() >= 4 && text.contains("7f9a") && text.contains("ActError"), "{text}");

    let shown = stack.cli(&["run", "show", "7f3", "-o", "json"]).await.assert_code(0).json();
    assert_eq!((&shown["id"], &shown["output"]), (&json!("echo/7f3c"), &json!({ "at": 1 })));
    let step = &shown["steps"][0];
    assert_eq!((&step["state"], &step["function"]), (&json!("Work"), &json!("work")), "{shown:#}");
    assert_eq!((&step["status"], &step["attempts"]), (&json!("succeeded"), &json!(1)), "{shown:#}");
    let shown = stack.cli(&["run", "show", "7f9a"]).await.assert_code(0).stdout;
    assert!(shown.contains("declined") && shown.contains("ActError"), "{shown}");
    stack.cli(&["run", "show", "7f"]).await.assert_code(3).assert_tells("'7f' fits 2 runs");
    stack.cli(&["run", "show", "nobody"]).await.assert_code(3).assert_tells("there is no run 'nobody'");
    stack.cli(&["run", "history", "echo/nobody"]).await.assert_code(3);
    stack.cli(&["run", "stop", "nobody"]).await.assert_code(3);
    stack.cli(&["repair", "nobody"]).await.assert_code(3);
    stack.cli(&["run", "list", "--workflow", "nobody"]).await.assert_code(3);

    let events = stack.cli(&["run", "history", "80", "-o", "json"]).await.assert_code(0).json();
    let types: Vec<&str> =
        events.as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(
        types,
        [
            "ExecutionStarted",
            "TaskStateEntered",
            "LambdaFunctionScheduled",
            "LambdaFunctionStarted",
            "LambdaFunctionSucceeded",
            "TaskStateExited",
            "ExecutionSucceeded",
        ]
    );
    assert!(events.as_array().unwrap().iter().all(|event| event["schema"] == "stepladder.event/1"));
    stack.cli(&["run", "stop", "80aa", "-o", "json"]).await.assert_code(5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stack_that_can_not_be_reached_is_told_at_once() {
    let stack = stack().await;
    let endpoint = stack.server.endpoint_url();
    let folder = stepladder_tests::Folder::new("unreachable");
    stack.server.shutdown().await;
    for args in
        [&["run", "list"][..], &["start", "echo"], &["run", "show", "x"], &["repair"], &["run", "stop", "x"]]
    {
        let mut command = stepladder_tests::Programs::built().stepladder();
        command.args(args).args(["--endpoint", &endpoint]).current_dir(folder.path());
        let output =
            tokio::time::timeout(stepladder_tests::DEADLINE, command.output()).await.unwrap().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(75), "{args:?}: {stderr}");
        assert!(stderr.contains(&format!("nobody answers at {endpoint}")), "{args:?}: {stderr}");
    }
}
