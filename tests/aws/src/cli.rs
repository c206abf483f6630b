//! The command line, against a stack on the emulator.

use crate::Stack;
use serde_json::Value;
use std::{path::Path, process::Stdio, time::Duration};
use stepladder_tests::Answer;

const PATIENCE: Duration = Duration::from_secs(120);

impl Stack {
    /// Calls `stepladder`, with this stack as the one that is meant, in an environment that holds nothing else.
    pub async fn cli(&self, args: &[&str]) -> Answer {
        self.cli_in(Path::new("."), args).await
    }

    /// The same in a folder: a `stepladder.toml` that is there counts.
    pub async fn cli_in(&self, folder: &Path, args: &[&str]) -> Answer {
        let mut command = tokio::process::Command::new(&self.emulator.cli);
        command.args(args).current_dir(folder).env_clear().env("LANG", "C.UTF-8").envs(self.variables());
        answer(command, &format!("stepladder {}", args.join(" "))).await
    }

    /// The same for the workspace in a folder, with what this process has in its environment: cargo is found by that.
    pub async fn cli_of_workspace(&self, folder: &Path, args: &[&str]) -> Answer {
        let mut command = tokio::process::Command::new(&self.emulator.cli);
        command.args(args).current_dir(folder).envs(self.variables());
        answer(command, &format!("stepladder {}", args.join(" "))).await
    }

    /// One call of AWS by boto3, which names the service and the operation; its answer.
    pub async fn aws(&self, service: &str, operation: &str, parameters: &Value) -> Value {
        self.script("call.py", &[service, operation, &parameters.to_string()]).await.assert_code(0).json()
    }

    /// Calls a script of `tests/aws` with the Python that has boto3: a client that is not ours.
    pub async fn script(&self, name: &str, args: &[&str]) -> Answer {
        let mut command = tokio::process::Command::new(&self.emulator.python);
        let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        command.arg(script).args(args).env_clear().env("LANG", "C.UTF-8").envs(self.variables());
        answer(command, name).await
    }

    /// The variables by which a client finds the stack.
    fn variables(&self) -> [(&'static str, String); 6] {
        [
            ("AWS_ENDPOINT_URL", self.emulator.endpoint.clone()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_DEFAULT_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
            ("STEPLADDER_STACK", self.name.clone()),
        ]
    }
}

async fn answer(mut command: tokio::process::Command, what: &str) -> Answer {
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output()).await;
    let output = output.unwrap_or_else(|_| panic!("{what} did not end within {} s", PATIENCE.as_secs()));
    let output = output.unwrap_or_else(|error| panic!("{what}: {error}"));
    Answer {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}
