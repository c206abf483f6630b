//! What a shell is answered that completes a word.

use crate::{STEP, one_task};
use serde_json::json;
use std::time::{Duration, Instant};
use stepladder_tests::{Programs, TestStack, TestStep, until};

/// A stack with runs of two workflows, and a workspace with an environment and one more workflow around the command line.
async fn stack() -> TestStack {
    let stack = TestStack::start(STEP, &[TestStep::new("work", 10)]).await;
    for workflow in ["echo", "other"] {
        stack.publish(workflow, &one_task("work", json!({}))).await;
    }
    stack.open_all();
    for (workflow, name) in [("echo", "7f3c"), ("echo", "9f-1"), ("other", "80aa")] {
        stack.start_run(workflow, name, json!({})).await;
        stack.ended(workflow, name).await;
    }
    let here = stack.folder.path().join("functions/here");
    std::fs::create_dir_all(&here).unwrap();
    std::fs::write(here.join("workflow.asl.json"), one_task("work", json!({})).to_string()).unwrap();
    let environments = format!(
        "[env.test]\nstack = 'test'\nendpoint = '{}'\n[env.void]\nstack = 'void'\nendpoint = '{0}'\n",
        stack.server.endpoint_url()
    );
    stack.folder.write("stepladder.toml", environments);
    stack
}

/// What the shell may take for the last of these words.
async fn offered(stack: &TestStack, shell: &str, words: &[&str]) -> Vec<String> {
    let args = [&["--", "stepladder"], words].concat();
    let index = words.len().to_string();
    let mut asked = vec![("STEPLADDER_COMPLETE", shell), ("_CLAP_COMPLETE_INDEX", index.as_str())];
    if shell == "bash" {
        asked.push(("_CLAP_COMPLETE_COMP_TYPE", "9"));
    }
    let answer = stack.cli_with(&args, &asked).await.assert_code(0);
    assert_eq!(answer.stderr, "");
    answer.stdout.lines().map(str::to_owned).collect()
}

/// On a busy machine the answer may come too late to be waited for: then it is asked for once more, as somebody would.
async fn check(stack: &TestStack, shell: &str, words: &[&str], expected: &[&str]) {
    until(
        &format!("{expected:?} for {words:?}"),
        || stack.tell(),
        async || (offered(stack, shell, words).await == expected).then_some(()),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_of_the_workspace_and_of_the_stack_are_completed() {
    let stack = stack().await;
    check(&stack, "bash", &["run", "list", "--env", ""], &["test", "void"]).await;
    check(&stack, "bash", &["run", "list", "--env", "=", "t"], &["test"]).await;
    check(&stack, "bash", &["start", ""], &["echo", "here", "other"]).await;
    check(&stack, "bash", &["deploy-definition", ""], &["here"]).await;
    check(&stack, "bash", &["dead-letter", "list", "--state", ""], &["Work"]).await;
    check(&stack, "bash", &["run", "show", ""], &["other/80aa", "echo/9f-1", "echo/7f3c"]).await;
    check(&stack, "bash", &["run", "show", "echo/"], &["echo/9f-1", "echo/7f3c"]).await;
    check(&stack, "bash", &["run", "history", "8"], &["80aa"]).await;
    check(&stack, "bash", &["run", "show", "--env", "test", "7"], &["7f3c"]).await;
    // A stack that has no table answers with an error.
    check(&stack, "bash", &["run", "show", "--env", "void", "7"], &[]).await;
    check(&stack, "bash", &["start", "--env", "void", ""], &["here"]).await;
    let described = offered_with_help(&stack, &["run", "show", "8"]).await;
    assert!(described.starts_with("80aa\tSUCCEEDED, started "), "{described}");
}

/// The one line that fish gets, once a status stands in it.
async fn offered_with_help(stack: &TestStack, words: &[&str]) -> String {
    until(
        "a run with its status",
        || stack.tell(),
        async || {
            let lines = offered(stack, "fish", words).await;
            lines.into_iter().next().filter(|line| line.contains('\t'))
        },
    )
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_script_of_bash_asks_the_program() {
    let stack = stack().await;
    let endpoint = stack.server.endpoint_url();
    let port = endpoint.rsplit(':').next().unwrap();
    // As bash splits `stepladder --endpoint http://127.0.0.1:7700 run show 7f`.
    let script = format!(
        r#"
        source <("$PROGRAM" completions bash)
        COMP_WORDS=(stepladder --endpoint http : //127.0.0.1 : {port} run show 7f) COMP_CWORD=9 COMP_TYPE=9
        _clap_complete_stepladder stepladder 7f show
        printf '%s\n' "${{COMPREPLY[@]}}"
        "#
    );
    until(
        "the run that is meant",
        || stack.tell(),
        async || {
            let mut command = tokio::process::Command::new("bash");
            command.args(["--norc", "-c", &script]).current_dir(stack.folder.path()).kill_on_drop(true);
            command.env("PROGRAM", Programs::built().path("stepladder")).env("STEPLADDER_STACK", "test");
            let output = command.output().await.unwrap();
            (output.stdout == b"7f3c\n").then_some(())
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stack_that_does_not_answer_is_not_waited_for() {
    let stack = stack().await;
    // It takes the connection, and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let words = ["start", "--endpoint", &endpoint, ""];
    let mut fastest = Duration::MAX;
    for _ in 0..3 {
        let started = Instant::now();
        assert_eq!(offered(&stack, "zsh", &words).await, ["here"]);
        fastest = fastest.min(started.elapsed());
    }
    // Sooner than one attempt of a call gives up, which is after 3 s.
    assert!(fastest < Duration::from_millis(2_500), "{fastest:?}");
    drop(silent);
    assert_eq!(offered(&stack, "zsh", &words).await, ["here"]);
    assert!(offered(&stack, "zsh", &["run", "show", "--endpoint", &endpoint, "7"]).await.is_empty());
}
