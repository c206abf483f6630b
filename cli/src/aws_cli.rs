//! The AWS CLI, for CloudFormation: it packages a template's files and makes change sets of it.

use crate::{
    connect::Target,
    exit::Exit,
    failure::{Code, Failure, Outcome},
};
use serde_json::Value;
use std::{ffi::OsStr, path::Path, process::Stdio};
use tokio::process::Command;

/// The command `aws`, with a target's credentials.
#[derive(Debug)]
pub struct AwsCli {
    variables: Vec<(&'static str, String)>,
}

impl AwsCli {
    /// Finds the command, and the credentials that it is to use.
    pub async fn find(target: &Target) -> Outcome<Self> {
        let mut variables = target.access.variables().await?;
        // Version 2 would show long answers in a pager.
        variables.push(("AWS_PAGER", String::new()));
        let cli = Self { variables };
        match cli.command(["--version"]).output().await {
            Ok(answer) if answer.status.success() => Ok(cli),
            Ok(answer) => Err(failed("--version", &String::from_utf8_lossy(&answer.stderr))),
            Err(error) => Err(Failure::new(Exit::NotFound, Code::NotBuilt, format!("can't run `aws`: {error}"))
                .hint("install the AWS CLI: https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html, or `pip install awscli`")),
        }
    }

    fn command<I: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = I>) -> Command {
        let mut command = Command::new("aws");
        command.args(args).stdin(Stdio::null()).kill_on_drop(true);
        for (name, value) in &self.variables {
            match (*name, value.is_empty()) {
                ("AWS_SESSION_TOKEN", true) => command.env_remove(name),
                _ => command.env(name, value),
            };
        }
        command
    }

    /// What the command prints; what it says on stderr if it fails.
    pub async fn run<I: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = I>) -> Outcome<String> {
        let args: Vec<I> = args.into_iter().collect();
        let what: Vec<String> =
            args.iter().take(2).map(|arg| arg.as_ref().to_string_lossy().into_owned()).collect();
        let what = what.join(" ");
        let answer = self.command(&args).output().await.map_err(|error| failed(&what, &error.to_string()))?;
        match answer.status.success() {
            true => Ok(String::from_utf8_lossy(&answer.stdout).into_owned()),
            false => Err(failed(&what, &String::from_utf8_lossy(&answer.stderr))),
        }
    }

    /// The same for a command that answers in JSON.
    pub async fn json(&self, args: &[&str]) -> Outcome<Value> {
        let text = self.run(args.iter().copied().chain(["--output", "json"])).await?;
        if text.trim().is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).map_err(|error| {
            let what = args.iter().take(2).copied().collect::<Vec<_>>().join(" ");
            failed(&what, &format!("its answer is no JSON: {error}"))
        })
    }
}

/// What `aws` said becomes an error with an exit code.
fn failed(what: &str, said: &str) -> Failure {
    let (exit, code) = match said {
        said if ["AccessDenied", "Unable to locate credentials", "ExpiredToken", "InvalidClientTokenId"]
            .iter()
            .any(|code| said.contains(code)) =>
        {
            (Exit::NotAllowed, Code::NotAllowed)
        }
        said if ["Throttling", "Could not connect", "RequestLimitExceeded"]
            .iter()
            .any(|code| said.contains(code)) =>
        {
            (Exit::TryAgain, Code::Unreachable)
        }
        _ => (Exit::Bad, Code::StackFailed),
    };
    let failure = Failure::new(exit, code, format!("`aws {what}` failed"));
    said.lines()
        .filter(|line| !line.trim().is_empty())
        .take(20)
        .fold(failure, |failure, line| failure.detail(line))
}

/// Whether CloudFormation says that there is no such stack.
pub fn is_no_such_stack(failure: &Failure) -> bool {
    failure.details.iter().any(|line| line.contains("does not exist"))
}

/// Whether a service says that there is no such thing. A HEAD is answered by a status alone, which the AWS CLI takes for a code.
pub fn is_not_found(failure: &Failure) -> bool {
    const SIGNS: [&str; 4] = ["(404)", "Not Found", "(ResourceNotFoundException)", "(NoSuchBucket)"];
    failure.details.iter().any(|line| SIGNS.iter().any(|sign| line.contains(sign)))
}

/// A path as the AWS CLI takes it.
pub fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_aws_says_becomes_an_exit_code() {
        let said = "\nAn error occurred (ValidationError) when calling the DescribeStacks operation: Stack with id x does not exist\n";
        let failure = failed("cloudformation describe-stacks", said);
        assert_eq!((failure.exit, failure.details.len()), (Exit::Bad, 1));
        assert!(is_no_such_stack(&failure) && !is_not_found(&failure));
        let head =
            |said: &str| failed("s3api head-bucket", &format!("An error occurred {said} when calling x"));
        assert!(is_not_found(&head("(404)")) && is_not_found(&head("(ResourceNotFoundException)")));
        assert!(!is_not_found(&head("(403)")));
        assert_eq!(failed("x", "An error occurred (AccessDenied) when").exit, Exit::NotAllowed);
        assert_eq!(failed("x", "Could not connect to the endpoint URL").exit, Exit::TryAgain);
    }
}
