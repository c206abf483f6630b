//! The real binary, as somebody types it: stdout, stderr, exit code.
//!
//! What needs functions that run is in tests/suite.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod check;
mod connect;
mod dead_letter;
mod docs;
mod environments;
mod graph;
mod moves;
mod replay;
mod rest;
mod serve;
mod stack;
mod synth;
mod test_state;
mod try_run;
mod usage;

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// A command line of `stepladder`, in an environment that holds nothing of the machine's.
struct Stepladder {
    command: Command,
}

fn stepladder(args: &[&str]) -> Stepladder {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stepladder"));
    command.args(args).env_clear().current_dir(fixtures()).stdin(Stdio::null());
    // What cargo needs to read a workspace.
    for name in ["PATH", "HOME", "CARGO", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.env("LANG", "C.UTF-8");
    // What the AWS CLI knows of other accounts is none of a test's business.
    command.env("AWS_CONFIG_FILE", "/dev/null").env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    Stepladder { command }
}

impl Stepladder {
    fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    fn stdin(mut self, path: &str) -> Self {
        self.command.stdin(std::fs::File::open(fixtures().join(path)).unwrap());
        self
    }

    fn in_folder(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// The exit code, stdout and stderr, as a transcript.
    fn transcript(mut self) -> String {
        let output = self.command.output().unwrap();
        let code = output.status.code().unwrap();
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        format!("exit code: {code}\n----- stdout -----\n{stdout}----- stderr -----\n{stderr}")
    }
}

fn text(bytes: Vec<u8>) -> String {
    let text = String::from_utf8(bytes).unwrap();
    let version = concat!("\"", env!("CARGO_PKG_VERSION"), "\"");
    text.replace(version, "\"[VERSION]\"")
        .replace(concat!("stepladder ", env!("CARGO_PKG_VERSION")), "stepladder [VERSION]")
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/fixtures")
}
