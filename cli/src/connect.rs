//! Which stack is meant, and the way to it.

use crate::{
    args::Global,
    exit::Exit,
    failure::{Code, Failure, Outcome},
    limits,
    printer::Printer,
    profiles::{self, Profile, Profiles},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};
use stepladder_aws::{Access, AwsHost, Environment, EnvironmentError, LiveFunction};
use stepladder_protocol::{Host, Protocol, QueueName};
use tokio::{net::TcpStream, time::timeout};

/// A stack, and the protocol over it.
#[derive(Debug)]
pub struct Stack {
    pub protocol: Protocol<AwsHost>,
    /// The emulator's address; `None` for AWS.
    pub endpoint: Option<String>,
    pub target: Target,
}

/// Which stack is meant, and by whose credentials.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its name in `stepladder.toml`.
    pub env: Option<String>,
    pub environment: Environment,
    pub access: Access,
    /// What `stepladder.toml` says of the template's parameters.
    pub parameters: BTreeMap<String, String>,
    /// It is named by an address alone, as `stepladder dev` is: then its settings are what they are unless set.
    pub is_dev: bool,
}

/// What `stepladder dev` leaves in `.dev/endpoint.json` while it runs, so that other commands find it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointFile {
    pub schema: String,
    pub endpoint: String,
    pub stack: String,
    pub pid: u32,
    /// What its functions are told as `STEPLADDER_WORKFLOWS`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflows: Option<String>,
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
        let mut target = Target::find(global, printer).await?;
        if !target.is_dev {
            target.environment = settings_of_stack(&target, printer).await;
        }
        Self::of(target).await
    }

    /// The same for whoever can't wait and changes nothing: each call is tried once, nobody is asked whose the credentials are, and
    /// the stack's own settings are not read. Good for reading its table.
    pub async fn glance(global: &Global, printer: &Printer) -> Outcome<Self> {
        let target = Target::of(Meant::find(global, Among::All)?, Account::Unasked, printer).await?;
        let host = AwsHost::connect_once(target.environment.clone(), &target.access).await;
        Ok(Self::over(host, target))
    }

    /// The stack of a target that is known already.
    pub async fn of(target: Target) -> Outcome<Self> {
        let host = AwsHost::connect_as(target.environment.clone(), &target.access).await;
        Ok(Self::over(host, target))
    }

    fn over(host: AwsHost, target: Target) -> Self {
        let endpoint = target.access.endpoint().map(str::to_owned);
        Self { protocol: Protocol::new(host), endpoint, target }
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

/// The environment with the settings that the stack's own functions have, and not those of whoever calls: a run that is started or
/// stopped from here is kept as long, and told to the same bus, as all others.
async fn settings_of_stack(target: &Target, printer: &Printer) -> Environment {
    let environment = &target.environment;
    let host = AwsHost::connect_as(environment.clone(), &target.access).await;
    let start = QueueName::Start;
    let why = match host.live_function(start.short()).await {
        Ok(Some(function)) => match with_settings(environment, &function) {
            Ok(environment) => return environment,
            Err(error) => error.to_string(),
        },
        Ok(None) => "it is not there".to_owned(),
        Err(error) => error.to_string(),
    };
    printer.detail(format!(
        "warning: the stack's settings can't be read of its function {}, so that those of this process count: {why}",
        start.short()
    ));
    environment.clone()
}

/// What of a function's variables decides how a run is written and told. What is not among them is as it is unless set.
fn with_settings(
    environment: &Environment,
    function: &LiveFunction,
) -> Result<Environment, EnvironmentError> {
    let known = &environment.settings;
    let of_function = Environment::read(&|name| match name {
        "AWS_REGION" => Some(known.region.clone()),
        "STEPLADDER_ACCOUNT_ID" => Some(known.account.clone()),
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE" => (function.memory_mb > 0).then(|| function.memory_mb.to_string()),
        "STEPLADDER_RETENTION_DAYS"
        | "STEPLADDER_WORKFLOWS"
        | "STEPLADDER_EVENT_BUS"
        | "STEPLADDER_STATUS_EVENTS"
        | "STEPLADDER_PAYLOAD_BYTES_MAX" => function.environment.get(name).cloned(),
        _ => None,
    })?;
    let mut environment = environment.clone();
    let settings = &mut environment.settings;
    settings.retention_days = of_function.settings.retention_days;
    settings.workflows = of_function.settings.workflows;
    settings.event_bus = of_function.settings.event_bus;
    settings.status_events = of_function.settings.status_events;
    settings.payload_bytes_max = of_function.settings.payload_bytes_max;
    Ok(environment)
}

/// The account of the credentials in use, where it is the one that is meant. An emulator's account is but a number.
fn checked_account(meant: Option<String>, of_credentials: String, is_local: bool) -> Outcome<String> {
    match meant {
        Some(meant) if meant != of_credentials && !is_local => {
            let message =
                format!("the credentials in use are of account {of_credentials}, and {meant} is meant");
            Err(Failure::new(Exit::NotAllowed, Code::NotAllowed, message)
                .detail(format!("account in {}, or STEPLADDER_ACCOUNT_ID, says {meant}", profiles::FILE))
                .hint("take that account's credentials (AWS_PROFILE, or role in stepladder.toml): `aws sts get-caller-identity` shows whose they are"))
        }
        Some(meant) => Ok(meant),
        None => Ok(of_credentials),
    }
}

impl Target {
    /// What the options, the environment or the workspace name. The account is asked of STS where nothing says it.
    pub async fn find(global: &Global, printer: &Printer) -> Outcome<Self> {
        Self::of(Meant::find(global, Among::All)?, Account::Found, printer).await
    }

    /// The same among deployed stacks: `stepladder dev`, which has no template, is never meant unless it is named. Whatever is set,
    /// STS says whose the credentials are: a stack must not be made or deleted in another account than the one that is meant.
    pub async fn find_deployed(global: &Global, printer: &Printer) -> Outcome<Self> {
        Self::of(Meant::find(global, Among::Deployed)?, Account::Checked, printer).await
    }

    async fn of(meant: Meant, account: Account, printer: &Printer) -> Outcome<Self> {
        let of_process =
            |name: &str| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
        let lookup = |name: &str| meant.variable(name, &of_process);
        let role = match &meant {
            Meant::Env(_, profile) => profile.role.as_deref(),
            Meant::Local(_) | Meant::Process => None,
        };
        let access = Access::open(&lookup, role).await.map_err(|error| meant.unusable(&error))?;
        if let Some(endpoint) = access.endpoint() {
            probe(endpoint).await?;
        }
        let set = lookup("STEPLADDER_ACCOUNT_ID").filter(|account| !account.is_empty());
        let is_asked = match account {
            Account::Checked => true,
            Account::Found => set.is_none(),
            Account::Unasked => false,
        };
        let account = match is_asked && !access.has_placeholder_credentials() {
            false => set.or_else(|| (account == Account::Unasked).then(|| NO_ACCOUNT.to_owned())),
            true => match access.caller().await {
                Ok(caller) => Some(checked_account(set, caller.account, access.is_local())?),
                // An emulator without STS has one account, whose number nobody needs.
                Err(error) if access.is_local() => {
                    printer.detail(format!("the endpoint doesn't tell the account: {error}"));
                    set
                }
                Err(error) => return Err(error.into()),
            },
        };
        let environment = Environment::read(&|name| match name {
            "STEPLADDER_ACCOUNT_ID" => account.clone(),
            "AWS_REGION" => Some(access.region().to_owned()),
            _ => lookup(name),
        })
        .map_err(|error| meant.unusable(&error))?;
        let is_dev = matches!(meant, Meant::Local(_));
        let (env, parameters) = match meant {
            Meant::Env(name, profile) => (Some(name), profile.parameters),
            Meant::Local(_) | Meant::Process => (None, BTreeMap::new()),
        };
        let target = Self { env, environment, access, parameters, is_dev };
        printer.detail(format!("using {}", target.describe()));
        Ok(target)
    }

    /// The stack's name.
    pub fn stack(&self) -> &str {
        &self.environment.settings.stack
    }

    /// `the stack orders in eu-central-1 of account 123456789012`, or where else it is.
    pub fn describe(&self) -> String {
        let settings = &self.environment.settings;
        match self.access.endpoint() {
            Some(endpoint) => format!("the stack {} at {endpoint}", settings.stack),
            None => {
                format!("the stack {} in {} of account {}", settings.stack, settings.region, settings.account)
            }
        }
    }
}

/// What says where the stack is.
#[derive(Debug)]
enum Meant {
    /// An emulator's URL, or the address of `stepladder dev`.
    Local(Local),
    /// `[env.NAME]`
    Env(String, Profile),
    /// The variables of the process.
    Process,
}

/// Which stacks can be meant without being named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Among {
    All,
    Deployed,
}

/// Whether STS is asked whose the credentials are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Account {
    /// Whatever is set: they have to be those of the account that is meant.
    Checked,
    /// Where nothing says which account it is.
    Found,
    /// Never.
    Unasked,
}

/// Stands for an account that nobody has asked for. A table is found without.
const NO_ACCOUNT: &str = "000000000000";

/// A stack of `stepladder dev` that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Local {
    pub endpoint: String,
    pub stack: String,
    /// As in [`EndpointFile`].
    pub workflows: Option<String>,
}

impl From<Local> for Meant {
    fn from(local: Local) -> Self {
        Self::Local(local)
    }
}

impl Meant {
    /// The first of: `--endpoint`, `--local`; `--env`; `stepladder dev` in this workspace, unless AWS_ENDPOINT_URL is set;
    /// `default_env`, unless STEPLADDER_STACK is set; the process's variables. A stack on this machine goes before `default_env`, so that
    /// whoever has started one to try something doesn't do it elsewhere.
    fn find(global: &Global, among: Among) -> Outcome<Self> {
        let wanted = match (&global.endpoint, global.local) {
            (Some(endpoint), _) => Some(endpoint.as_str()),
            (None, true) => Some("local"),
            (None, false) => None,
        };
        let here = std::env::current_dir().unwrap_or_default();
        let variable = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
        match wanted {
            Some("aws") => return Ok(Self::Process),
            Some("local") => {
                return find_local(&here).map(Self::from).ok_or_else(|| {
                    Failure::new(Exit::TryAgain, Code::Unreachable, "no local stack runs in this workspace")
                        .hint("start one: `stepladder dev`, or `make dev`")
                });
            }
            Some(url) => {
                let stack = variable("STEPLADDER_STACK").unwrap_or_else(|| "stepladder".to_owned());
                let here = find_local(&here).filter(|local| local.endpoint == url);
                let workflows = here.and_then(|local| local.workflows);
                return Ok(Self::Local(Local { endpoint: url.to_owned(), stack, workflows }));
            }
            None => {}
        }
        if let Some(name) = &global.env {
            let profiles = Profiles::find(&here)?.ok_or_else(|| no_file(name))?;
            return Ok(Self::Env(name.clone(), profiles.get(name)?.clone()));
        }
        // Who says where AWS is doesn't mean this machine's own stack.
        if among == Among::All
            && variable("AWS_ENDPOINT_URL").is_none()
            && let Some(local) = find_local(&here)
        {
            return Ok(local.into());
        }
        if variable("STEPLADDER_STACK").is_some() {
            return Ok(Self::Process);
        }
        let profiles = Profiles::find(&here)?;
        match profiles.as_ref().and_then(|profiles| Some((profiles, profiles.default_env.as_ref()?))) {
            Some((profiles, name)) => Ok(Self::Env(name.clone(), profiles.get(name)?.clone())),
            None => Ok(Self::Process),
        }
    }

    fn variable(&self, name: &str, of_process: &dyn Fn(&str) -> Option<String>) -> Option<String> {
        match self {
            Self::Local(Local { endpoint, stack, workflows }) => match name {
                "AWS_ENDPOINT_URL" => Some(endpoint.clone()),
                "AWS_REGION" => Some("us-east-1".to_owned()),
                "STEPLADDER_ACCOUNT_ID" => Some("000000000000".to_owned()),
                "STEPLADDER_STACK" => Some(stack.clone()),
                "STEPLADDER_WORKFLOWS" => workflows.clone(),
                _ => None,
            },
            Self::Env(_, profile) => profile.variable(name, of_process),
            Self::Process => of_process(name),
        }
    }

    fn unusable(&self, error: &EnvironmentError) -> Failure {
        match self {
            Self::Local(_) => {
                Failure::new(Exit::Usage, Code::NoStack, format!("the endpoint can't be used: {error}"))
            }
            Self::Env(name, _) => {
                let message = format!("the environment '{name}' can't be used");
                Failure::new(Exit::Usage, Code::InvalidProfile, message)
                    .detail(error.to_string())
                    .hint(format!("set it in [env.{name}] of {}", profiles::FILE))
            }
            Self::Process => {
                Failure::new(Exit::TryAgain, Code::NoStack, "there is no stack to talk to")
                    .detail(
                        "no local stack runs in this workspace (`stepladder dev`), and the environment names none on AWS:",
                    )
                    .detail(error.to_string())
                    .hint("start a local one: `make dev`; or name one on AWS: AWS_REGION, or `--env` and stepladder.toml")
            }
        }
    }
}

fn no_file(name: &str) -> Failure {
    let message = format!("there is no environment '{name}': no {} here or above", profiles::FILE);
    Failure::new(Exit::NotFound, Code::UnknownEnv, message)
        .hint(format!("write one: [env.{name}] with region and stack; see docs/deploying.md"))
}

/// The nearest `.dev/endpoint.json` upwards.
pub fn find_local(from: &Path) -> Option<Local> {
    let file = from.ancestors().find_map(|folder| {
        let text = std::fs::read_to_string(endpoint_path(folder)).ok()?;
        serde_json::from_str::<EndpointFile>(&text).ok().filter(|file| file.schema == ENDPOINT_SCHEMA)
    })?;
    Some(Local { endpoint: file.endpoint, stack: file.stack, workflows: file.workflows })
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

    #[test]
    fn credentials_of_another_account_are_refused() {
        let check = |meant: Option<&str>, is_local| {
            checked_account(meant.map(str::to_owned), "111111111111".to_owned(), is_local)
        };
        assert_eq!(check(None, false).as_deref(), Ok("111111111111"));
        assert_eq!(check(Some("111111111111"), false).as_deref(), Ok("111111111111"));
        assert_eq!(check(Some("222222222222"), true).as_deref(), Ok("222222222222"));
        let failure = check(Some("222222222222"), false).unwrap_err();
        assert_eq!(failure.exit, Exit::NotAllowed);
        assert_eq!(
            failure.message,
            "the credentials in use are of account 111111111111, and 222222222222 is meant"
        );
    }

    #[test]
    fn the_stacks_own_settings_go_before_those_of_whoever_calls() {
        let variables = |variables: &[(&str, &str)]| -> BTreeMap<String, String> {
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let of_process = variables(&[
            ("AWS_REGION", "eu-west-1"),
            ("STEPLADDER_ACCOUNT_ID", "111111111111"),
            ("STEPLADDER_STACK", "orders"),
            ("STEPLADDER_TABLE", "orders-table"),
            ("STEPLADDER_RETENTION_DAYS", "5"),
            ("STEPLADDER_EVENT_BUS", "mine"),
        ]);
        let environment = Environment::read(&|name| of_process.get(name).cloned()).unwrap();
        let of_stack = [
            ("STEPLADDER_RETENTION_DAYS", "90"),
            ("STEPLADDER_STATUS_EVENTS", "all"),
            ("STEPLADDER_TABLE", "another"),
            ("STEPLADDER_WORKFLOWS", r#"{"order": {"retention_days": 7}}"#),
        ];
        let function = |environment| LiveFunction { memory_mb: 128, environment, ..LiveFunction::default() };
        let read = with_settings(&environment, &function(variables(&of_stack))).unwrap();
        assert_eq!((read.settings.stack.as_str(), read.table.as_str()), ("orders", "orders-table"));
        assert_eq!((read.settings.retention_days_of("x"), read.settings.retention_days_of("order")), (90, 7));
        assert_eq!(
            (read.settings.status_events.as_str(), read.settings.event_bus, read.settings.payload_bytes_max),
            ("all", None, 32 << 20)
        );
        let broken = variables(&[("STEPLADDER_RETENTION_DAYS", "soon")]);
        assert!(with_settings(&environment, &function(broken)).is_err());
    }
}
