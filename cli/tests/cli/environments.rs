//! `stepladder.toml`, `--env`, and `deploy-definition` into the stack that they name.

use crate::{stack::Stack, stepladder};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};
use stepladder_protocol::{Host, Store};

/// A folder of its own with this `stepladder.toml`; gone at the end.
struct Folder(PathBuf);

impl Folder {
    fn with(name: &str, toml: &str) -> Self {
        let path = std::env::temp_dir().join(format!("stepladder-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        std::fs::write(path.join("stepladder.toml"), toml).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn run(folder: &Path, args: &[&str], variables: &[(&str, &str)]) -> String {
    let mut command = stepladder(args).in_folder(folder).env("STEPLADDER_TIMEOUT", "60s");
    for (name, value) in variables {
        command = command.env(name, value);
    }
    tokio::task::spawn_blocking(move || command.transcript()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_environment_names_a_stack() {
    let stack = Stack::start().await;
    stack.started("going").await;
    let toml = format!(
        "default_env = 'test'\n[env.test]\nstack = 'stepladder'\nendpoint = '{}'\n[env.other]\nstack = 'other'\nendpoint = '{0}'\n",
        stack.server.endpoint_url()
    );
    let folder = Folder::with("named", &toml);
    let named = run(&folder.0, &["run", "list", "--env", "test", "-v"], &[]).await;
    assert!(named.starts_with("exit code: 0") && named.contains("going"), "{named}");
    assert!(named.contains("using the stack stepladder at http://127.0.0.1:"), "{named}");
    // The one that is meant where nothing says so; also from a folder below.
    let below = folder.0.join("below");
    std::fs::create_dir_all(&below).unwrap();
    let by_default = run(&below, &["run", "list"], &[]).await;
    assert!(by_default.contains("going"), "{by_default}");
    let by_variable = run(&folder.0, &["run", "list"], &[("STEPLADDER_ENV", "other")]).await;
    assert!(
        by_variable.starts_with("exit code: 1") && by_variable.contains("ResourceNotFoundException"),
        "{by_variable}"
    );
    // Who names a stack by its variables doesn't mean the default.
    let process = run(&folder.0, &["run", "list"], &[("STEPLADDER_STACK", "x")]).await;
    assert!(process.contains("error[SL1301]"), "{process}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_environment_that_is_not_there_lists_those_that_are() {
    let folder = Folder::with(
        "unknown",
        "[env.prod]\nregion = 'eu-west-1'\nstack = 'orders'\n[env.test]\nstack = 'x'\n",
    );
    let unknown = run(&folder.0, &["run", "list", "--env", "staging"], &[]).await;
    assert!(unknown.starts_with("exit code: 3"), "{unknown}");
    assert!(
        unknown.contains("error[SL1111]") && unknown.contains("hint: there are: prod, test"),
        "{unknown}"
    );
    let without = run(&std::env::temp_dir(), &["run", "list", "--env", "prod"], &[]).await;
    assert!(without.starts_with("exit code: 3") && without.contains("no stepladder.toml"), "{without}");
    let both = run(&folder.0, &["run", "list", "--env", "prod", "--local"], &[]).await;
    assert!(both.starts_with("exit code: 2"), "{both}");
    let broken = Folder::with("broken", "[env.prod]\nstak = 'x'\n");
    let slip = run(&broken.0, &["run", "list", "--env", "prod"], &[]).await;
    assert!(slip.starts_with("exit code: 2") && slip.contains("error[SL1110]"), "{slip}");
}

const WORKFLOW: &str = "order-processing";
const STEPS: [&str; 5] =
    ["validate-order", "reserve-inventory", "charge-payment", "create-invoice", "send-confirmation"];

#[tokio::test(flavor = "multi_thread")]
async fn a_definition_is_deployed_only_where_its_functions_are() {
    let stack = Stack::start().await;
    let deploy = ["deploy-definition", WORKFLOW];
    let missing = stack.cli(&deploy).await.assert_code(1);
    missing.assert_tells("has no function charge-payment").assert_tells("--force");
    assert_eq!(stack.protocol.host().store().current(WORKFLOW).await.unwrap(), None);
    for step in STEPS {
        let name = format!("stepladder-{step}");
        let create = |queues: &mut stepladder_local::sqs::Queues, now_ms| {
            queues.create(&name, &BTreeMap::new(), BTreeMap::new(), now_ms)
        };
        stack.server.queues().with(create).unwrap();
    }
    let planned =
        stack.cli(&["deploy-definition", WORKFLOW, "--dry-run", "-o", "json"]).await.assert_code(0).json();
    assert_eq!((&planned[0]["result"], &planned[0]["previous"]), (&json!("would_deploy"), &Value::Null));
    assert_eq!(stack.protocol.host().store().current(WORKFLOW).await.unwrap(), None);
    stack.cli(&deploy).await.assert_code(0).assert_tells("the first version");
    let current = stack.protocol.host().store().current(WORKFLOW).await.unwrap();
    assert_eq!(current.as_deref(), planned[0]["hash"].as_str());
    stack.cli(&deploy).await.assert_code(0).assert_tells("unchanged");
    stack.cli(&["deploy-definition", "order-procesing"]).await.assert_code(3).assert_tells("did you mean");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_the_stack_has_can_be_made_current_again() {
    let stack = Stack::start().await;
    let store = stack.protocol.host().store();
    let first = store.current("pause").await.unwrap().unwrap();
    let other = r#"{"StartAt":"Stop","States":{"Stop":{"Type":"Succeed"}}}"#;
    stack.protocol.publish("pause", &stepladder_asl::Definition::parse(other).unwrap()).await.unwrap();
    let back = ["deploy-definition", "pause", "--hash", &first];
    stack.cli(&back).await.assert_code(0).assert_tells("+ Pause").assert_tells("- Stop");
    assert_eq!(store.current("pause").await.unwrap(), Some(first));
    stack.cli(&["deploy-definition", "pause", "--hash", "0"]).await.assert_code(3);
    stack.cli(&["deploy-definition", "--hash", "0"]).await.assert_code(2);
}
