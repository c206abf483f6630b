//! `stepladder serve`.

use crate::{
    args::Global,
    bounded,
    connect::Stack,
    exit::Exit,
    failure::{Code, Failure, Outcome},
    interrupt::interrupted,
    printer::Printer,
    style::{self, paint},
    text::escaped,
};
use clap::ValueHint;
use serde::Serialize;
use std::sync::Arc;
use stepladder_api::{ApiSettings, Refusals, router};
use stepladder_local::{Front, FrontConfig, HostName, StartError};
use stepladder_protocol::{Host, Settings, Store};

/// Answer AWS's Step Functions API on this machine, in front of a deployed stack
///
/// What talks to Step Functions talks to the stack by this endpoint. It listens on 127.0.0.1 alone, works with your own
/// credentials, and checks none of its callers': whoever may use this machine's network may do what you may. It stays up
/// until Ctrl-C.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  stepladder serve --env prod
  aws stepfunctions list-state-machines --endpoint-url http://127.0.0.1:7701
  stepladder serve --env prod --host flows.test      for clients that wait: they call sync-flows.test")]
pub struct ServeArgs {
    /// The port; 0 takes any free one
    #[arg(long, default_value_t = 7701)]
    port: u16,
    /// Refuse also what AWS alone refuses, such as an input above 256 KiB
    #[arg(long)]
    strict_aws: bool,
    /// Answer to this name too, and to sync-NAME; the line for the hosts file is shown
    #[arg(long, value_name = "NAME", value_hint = ValueHint::Hostname)]
    host: Option<HostName>,
}

/// What is served, and where: the shape `stepladder.serving/1`.
#[derive(Debug, Serialize)]
struct Serving {
    schema: &'static str,
    endpoint: String,
    stack: String,
    region: String,
    account: String,
    /// A command that can be tried.
    example: String,
    /// What the hosts file has to say for the name that was given.
    hosts: Option<String>,
}

pub async fn run(args: ServeArgs, global: &Global, printer: &Printer) -> Outcome {
    let mut connected = None;
    let connecting = async {
        let stack = Stack::connect(global, printer).await?;
        // A stack that isn't there, or that may not be read, is told now and not to the first client.
        let workflow = stack.store().workflows_after(None, 1).await?.pop();
        connected = Some((stack, workflow.map(|workflow| workflow.name)));
        Ok(())
    };
    bounded(global.timeout, connecting).await?;
    let Some((stack, workflow)) = connected else { return Ok(()) };
    let interrupt = interrupted();
    let (target, protocol) = (stack.target, Arc::new(stack.protocol));
    let refusals = if args.strict_aws { Refusals::Aws } else { Refusals::Own };
    let settings = ApiSettings::drawn(protocol.host().clock(), refusals);
    let config = FrontConfig { port: args.port, host: args.host.clone(), ..FrontConfig::default() };
    let front = Front::start(config, router(Arc::clone(&protocol), settings)).await.map_err(not_started)?;

    let known = protocol.host().settings();
    let endpoint = front.endpoint_url();
    let serving = Serving {
        schema: "stepladder.serving/1",
        example: example(known, &endpoint, workflow.as_deref()),
        hosts: args.host.as_ref().map(HostName::hosts_line),
        stack: known.stack.clone(),
        region: known.region.clone(),
        account: known.account.clone(),
        endpoint,
    };
    if printer.is_json() {
        printer.json(&serving)?;
    } else {
        welcome(&serving, &target.describe(), printer);
    }
    interrupt.await;
    printer.note("stopping");
    front.shutdown().await;
    Ok(())
}

/// One line that can be pasted.
fn example(settings: &Settings, endpoint: &str, workflow: Option<&str>) -> String {
    let Settings { region, account, .. } = settings;
    let what = match workflow {
        Some(workflow) => format!(
            "list-executions --state-machine-arn arn:aws:states:{region}:{account}:stateMachine:{workflow}"
        ),
        None => "list-state-machines".to_owned(),
    };
    format!("aws stepfunctions --endpoint-url {endpoint} --region {region} {what}")
}

fn welcome(serving: &Serving, stack: &str, printer: &Printer) {
    let dim = |text: &str| paint(style::DIM, text);
    printer.note(format!(
        "{} at {}, in front of {}",
        paint(style::BOLD, "stepladder serve"),
        paint(style::ID, &serving.endpoint),
        escaped(stack)
    ));
    printer.note(format!(
        "{} it checks no callers: who reaches this port of this machine may do what your credentials may",
        paint(style::WARNING.bold(), "FOR YOURSELF ALONE:")
    ));
    printer.note(format!("  {}  {}", dim("try  "), escaped(&serving.example)));
    if let Some(hosts) = &serving.hosts {
        printer.note(format!("  {}  {hosts}", dim("hosts")));
    }
    printer.note("up; Ctrl-C ends it");
}

fn not_started(error: StartError) -> Failure {
    match error {
        StartError::PortInUse { port } => {
            Failure::new(Exit::Conflict, Code::PortInUse, format!("port {port} of 127.0.0.1 is in use")).hint(
                "another `stepladder serve` may run; choose another port: --port 0 takes any that is free",
            )
        }
        other => Failure::new(Exit::Bad, Code::LocalServer, other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_names_a_state_machine_of_the_stack_if_there_is_one() {
        let settings = Settings::new("orders", "eu-central-1", "123456789012");
        assert_eq!(
            example(&settings, "http://127.0.0.1:7701", Some("order")),
            "aws stepfunctions --endpoint-url http://127.0.0.1:7701 --region eu-central-1 list-executions \
             --state-machine-arn arn:aws:states:eu-central-1:123456789012:stateMachine:order"
        );
        assert!(example(&settings, "http://127.0.0.1:1", None).ends_with(" list-state-machines"));
    }
}
