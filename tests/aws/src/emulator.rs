//! Where the emulator is, and what was built for it.

use std::{env, path::PathBuf};

/// The emulator that `tests/aws/run.py` tells of.
#[derive(Debug, Clone)]
pub struct Emulator {
    pub kind: Kind,
    /// `AWS_ENDPOINT_URL`.
    pub endpoint: String,
    /// `STEPLADDER_TEST_ZIPS`: the deployment package of a program is `<zips>/<program>/bootstrap.zip`.
    pub zips: PathBuf,
    /// `STEPLADDER_TEST_CODE_BUCKET`: the same packages as `<program>.zip`, where Lambda finds them.
    pub code_bucket: String,
    /// `STEPLADDER_TEST_PYTHON`: a Python that has boto3.
    pub python: PathBuf,
    /// `STEPLADDER_TEST_CLI`: the command line.
    pub cli: PathBuf,
    /// `STEPLADDER_TEST_EMULATOR_PID`: the process whose descendants the functions are; `None` where they run elsewhere.
    pub pid: Option<u32>,
}

/// Which emulator it is, for what one of them can't do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Runs functions as its own child processes, on this machine.
    Ministack,
    /// Runs functions in containers.
    Localstack,
}

impl Emulator {
    /// Fails where nobody has said which emulator to use: a test that was told to run never passes without one.
    pub fn from_env() -> Self {
        let kind = match variable("STEPLADDER_TEST_EMULATOR").as_str() {
            "ministack" => Kind::Ministack,
            "localstack" => Kind::Localstack,
            other => panic!("STEPLADDER_TEST_EMULATOR is {other:?}, but must be ministack or localstack"),
        };
        let endpoint = variable("AWS_ENDPOINT_URL");
        Self {
            kind,
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            zips: variable("STEPLADDER_TEST_ZIPS").into(),
            code_bucket: variable("STEPLADDER_TEST_CODE_BUCKET"),
            python: variable("STEPLADDER_TEST_PYTHON").into(),
            cli: variable("STEPLADDER_TEST_CLI").into(),
            pid: env::var("STEPLADDER_TEST_EMULATOR_PID").ok().map(|pid| pid.parse().unwrap()),
        }
    }
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: these tests need an emulator, and `make test-aws` starts one for them")
    })
}
