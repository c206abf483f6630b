//! Which stack is meant, and the way to it.

use crate::{
    args::Global,
    exit::Exit,
    failure::{Code, Failure, Outcome},
    limits,
    printer::Printer,
};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use stepladder_aws::{AwsHost, Environment};
use stepladder_protocol::{Host, Protocol};
use tokio::{net::TcpStream, time::timeout};

/// A stack, and the protocol over it.
#[derive(Debug)]
pub struct Stack {
    pub protocol: Protocol<AwsHost>,
    /// The emulator's address; `None` for AWS.
    pub endpoint: Option<String>,
}

/// What `stepladder dev` leaves in `.dev/endpoint.json` while it runs, so that other commands find it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointFile {
    pub schema: String,
    pub endpoint: String,
    pub stack: String,
    pub pid: u32,
}

/// The shape of [`EndpointFile`].
pub const ENDPOINT_SCHEMA: &str = "stepladder.endpoint/1";

/// Where it lies in a workspace.
pub fn endpoint_path(root: &Path) -> PathBuf {
    root.join(".dev").join("endpoint.json")
}

impl Stack {
    /// The stack that the options, the environment or the workspace name. Unless it is AWS, somebody has answered there.
    pub async fn connect(global: &Global, printer: &Printer) -> Outcome<Self> {
        let (environment, endpoint) = choose(global)?;
        if let Some(endpoint) = &endpoint {
            probe(endpoint).await?;
            printer.detail(format!("using the stack at {endpoint}"));
        }
        let host = AwsHost::connect(environment).await;
        Ok(Self { protocol: Protocol::new(host), endpoint })
    }

    /// The stack's table.
    pub fn store(&self) -> &<AwsHost as Host>::Store {
        self.protocol.host().store()
    }

    /// Milliseconds since the epoch, by the stack's clock.
    pub fn now_ms(&self) -> i64 {
        use stepladder_protocol::Clock;
        self.protocol.host().clock().now_ms()
    }
}

fn choose(global: &Global) -> Outcome<(Environment, Option<String>)> {
    let wanted = match (&global.endpoint, global.local) {
        (Some(endpoint), _) => Some(endpoint.as_str()),
        (None, true) => Some("local"),
        (None, false) => None,
    };
    let here = std::env::current_dir().unwrap_or_default();
    match wanted {
        Some("aws") => Ok((from_env()?, None)),
        Some("local") => match find_local(&here) {
            Some(local) => Ok((local_environment(&local.endpoint, &local.stack)?, Some(local.endpoint))),
            None => {
                Err(Failure::new(Exit::TryAgain, Code::Unreachable, "no local stack runs in this workspace")
                    .hint("start one: `stepladder dev`, or `make dev`"))
            }
        },
        Some(url) => {
            let stack = std::env::var("STEPLADDER_STACK").ok().filter(|stack| !stack.is_empty());
            Ok((local_environment(url, stack.as_deref().unwrap_or("stepladder"))?, Some(url.to_owned())))
        }
        None => match std::env::var("AWS_ENDPOINT_URL").ok().filter(|url| !url.is_empty()) {
            Some(url) => Ok((from_env()?, Some(url))),
            None => match find_local(&here) {
                Some(local) => Ok((local_environment(&local.endpoint, &local.stack)?, Some(local.endpoint))),
                None => Ok((from_env()?, None)),
            },
        },
    }
}

fn from_env() -> Outcome<Environment> {
    Environment::from_env().map_err(|error| {
        Failure::new(Exit::TryAgain, Code::NoStack, "there is no stack to talk to")
            .detail("no local stack runs in this workspace (`stepladder dev`), and the environment names none on AWS:")
            .detail(error.to_string())
            .hint("start a local one: `make dev`; or set AWS_REGION and STEPLADDER_ACCOUNT_ID")
    })
}

fn local_environment(endpoint: &str, stack: &str) -> Outcome<Environment> {
    Environment::local(endpoint, stack).map_err(|error| {
        Failure::new(Exit::Usage, Code::NoStack, format!("the endpoint can't be used: {error}"))
    })
}

/// The nearest `.dev/endpoint.json` upwards.
fn find_local(from: &Path) -> Option<EndpointFile> {
    from.ancestors().find_map(|folder| {
        let text = std::fs::read_to_string(endpoint_path(folder)).ok()?;
        serde_json::from_str::<EndpointFile>(&text).ok().filter(|file| file.schema == ENDPOINT_SCHEMA)
    })
}

/// Whether anything listens there: a clear error at once is better than the retries of every call.
async fn probe(endpoint: &str) -> Outcome {
    let Some(address) = address(endpoint) else {
        return Err(Failure::new(
            Exit::Usage,
            Code::NoStack,
            format!("'{endpoint}' is not a URL like http://127.0.0.1:7700"),
        ));
    };
    let why = match timeout(limits::PROBE_TIMEOUT, TcpStream::connect(&address)).await {
        Ok(Ok(_)) => return Ok(()),
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer within {} s", limits::PROBE_TIMEOUT.as_secs()),
    };
    Err(Failure::new(Exit::TryAgain, Code::Unreachable, format!("nobody answers at {endpoint}"))
        .detail(why)
        .hint("start the local stack: `make dev`; for the one on AWS add `--endpoint aws`"))
}

/// `host:port` of a URL.
fn address(url: &str) -> Option<String> {
    let (rest, port) = match (url.strip_prefix("http://"), url.strip_prefix("https://")) {
        (Some(rest), _) => (rest, 80),
        (None, Some(rest)) => (rest, 443),
        (None, None) => return None,
    };
    let authority = rest.split(['/', '?', '#']).next().filter(|authority| !authority.is_empty())?;
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    Some(if has_port { authority.to_owned() } else { format!("{authority}:{port}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_host_and_a_port() {
        assert_eq!(address("http://127.0.0.1:7700/x").as_deref(), Some("127.0.0.1:7700"));
        assert_eq!(address("http://[::1]:7700").as_deref(), Some("[::1]:7700"));
        assert_eq!(address("http://[::1]").as_deref(), Some("[::1]:80"));
        assert_eq!(address("https://example.org").as_deref(), Some("example.org:443"));
        assert_eq!(address("127.0.0.1:7700"), None);
        assert_eq!(address("http://"), None);
    }
}
