//! `stepladder dev`: everything on this machine.

mod build;
mod import;
mod logs;
mod processes;
mod report;
mod send;
mod stack;
mod wait;

use crate::{
    completion,
    connect::{ENDPOINT_SCHEMA, EndpointFile, endpoint_path},
    definitions::{Against, Checked, Problem},
    exit::Exit,
    failure::{Code, Failure, Outcome},
    interrupt::interrupted,
    limits,
    orders::Orders,
    printer::Printer,
    project::Project,
    style::{self, paint},
    text::{count, escaped},
};
use clap::{
    ValueHint,
    builder::{OsStringValueParser, TypedValueParser},
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use stepladder_api::Refusals;
use stepladder_asl::WorkflowType;
use stepladder_local::{HostName, Server, ServerConfig, StartError};
use stepladder_protocol::Host;

use super::deploy_definition::unsupported;

use self::{build::Profile, logs::Logs, report::Report, stack::LocalStack};

/// Build and run everything on this machine: functions, queues, table, timers
///
/// It listens on 127.0.0.1 alone and stays up until Ctrl-C. With --orders it sends a file of orders first and shows how
/// they end; with --import it puts a file of rows into a bucket and starts one run that reads it. With --once it ends with
/// them, with 0 only if each ended as it should.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("work").args(["orders", "import"]))]
pub struct DevArgs {
    /// The port; 0 takes any free one. Unless given 7700, with --once any
    #[arg(long, env = "STEPLADDER_PORT", hide_env = true)]
    port: Option<u16>,
    /// Keep the state in this folder. Without it all is in memory, and gone at the end
    #[arg(long, env = "STEPLADDER_DATA_DIR", hide_env = true, value_hint = ValueHint::DirPath)]
    data_dir: Option<PathBuf>,
    /// Send the orders of a file, one JSON value per line; without a file the workflow's samples/orders.jsonl
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "", value_hint = ValueHint::FilePath, value_parser = OsStringValueParser::new().map(PathBuf::from))]
    orders: Option<PathBuf>,
    /// Put a file of rows into a bucket, and start one run with {"bucket", "key"}
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    import: Option<PathBuf>,
    /// The workflow that the orders or the rows are for; unless given the one with sample orders, or data-import
    #[arg(long, requires = "work", add = completion::workspace_workflows())]
    workflow: Option<String>,
    /// End with the orders, or the import
    #[arg(long, requires = "work")]
    once: bool,
    /// How the functions are built
    #[arg(long, value_enum, default_value_t = Profile::Dev, env = "STEPLADDER_PROFILE", hide_env = true)]
    profile: Profile,
    /// Take the functions as they were built before
    #[arg(long)]
    no_build: bool,
    /// Let the Step Functions API refuse also what AWS alone refuses, such as an input above 256 KiB
    #[arg(long)]
    strict_aws: bool,
    /// Take definitions with states that call what Stepladder can't: a run that comes to one fails there, with
    /// States.Runtime
    #[arg(long)]
    allow_unsupported: bool,
    /// Answer to this name too, and to sync-NAME; the line for the hosts file is shown
    #[arg(long, value_name = "NAME", value_hint = ValueHint::Hostname)]
    host: Option<HostName>,
}

/// What is known before anything is started.
struct Plan {
    project: Project,
    definitions: Vec<Checked>,
    orders: Option<(String, Orders)>,
    import: Option<import::Source>,
}

pub async fn run(args: DevArgs, printer: &Arc<Printer>, timeout: Option<Duration>) -> Outcome {
    let plan = plan(&args, printer)?;
    let interrupt = interrupted();
    tokio::pin!(interrupt);

    // The server comes before the build: a port in use should not be told after minutes.
    let server = Server::start(ServerConfig {
        port: args.port.unwrap_or(if args.once { 0 } else { 7700 }),
        host: args.host.clone(),
        data_dir: args.data_dir.clone(),
        ..ServerConfig::default()
    })
    .await
    .map_err(not_started)?;
    let started = tokio::select! {
        started = start(&args, &plan, &server, printer) => started,
        () = &mut interrupt => Err(Failure::told(Exit::Interrupted, Code::Interrupted)),
    };
    let (stack, logs) = match started {
        Ok(started) => started,
        Err(failure) => {
            server.shutdown().await;
            return Err(failure);
        }
    };
    let file = (!args.once).then(|| endpoint_path(&plan.project.root));
    if let Some(file) = &file {
        announce(file, &server, &stack, printer);
        welcome(&plan, &server, &args, printer);
    }
    let outcome = tokio::select! {
        outcome = work(&args, &plan, &server, &stack, &logs, printer, timeout) => outcome,
        () = sweep_hourly(&server, &stack) => Ok(()),
        // The way in which a stack that stays up is meant to end.
        () = &mut interrupt => match args.once {
            true => Err(Failure::told(Exit::Interrupted, Code::Interrupted)),
            false => Ok(()),
        },
    };
    logs.end();
    printer.clear_status();
    if !args.once {
        printer.note("stopping");
    }
    if let Some(file) = &file {
        take_back(file);
    }
    server.shutdown().await;
    outcome
}

/// Reads the workspace, its definitions and the orders. All that is wrong with the definitions is told at once.
fn plan(args: &DevArgs, printer: &Printer) -> Outcome<Plan> {
    let here =
        std::env::current_dir().map_err(|error| Failure::file("read the folder", ".".as_ref(), &error))?;
    let project = Project::find(&here)?;
    let against = Against::Stack(&project, unsupported(args.allow_unsupported));
    let definitions = Checked::all(&project, against, WorkflowType::Standard)?;
    let problems: usize = definitions.iter().map(Checked::problems).sum();
    if problems > 0 {
        for checked in &definitions {
            match (&checked.result, printer.is_json()) {
                (Err(Problem::Faults(faults)), true) => {
                    faults.iter().for_each(|fault| printer.warning(format!("{}:{fault}", checked.shown)));
                }
                _ => checked.tell(printer),
            }
        }
        let message = format!("{} in {}", count(problems, "problem"), count(definitions.len(), "definition"));
        return Err(
            Failure::new(Exit::Bad, Code::CheckFailed, message).hint("`stepladder check` shows them again")
        );
    }
    let orders = match &args.orders {
        Some(given) => Some(read_orders(given, args.workflow.as_deref(), &project, &definitions)?),
        None => None,
    };
    let import = match &args.import {
        Some(path) => Some(read_import(path, args.workflow.as_deref(), &definitions)?),
        None => None,
    };
    Ok(Plan { project, definitions, orders, import })
}

/// The file to import, and the workflow that it is for.
fn read_import(path: &Path, workflow: Option<&str>, definitions: &[Checked]) -> Outcome<import::Source> {
    let names: Vec<String> = definitions.iter().map(|checked| checked.workflow.clone()).collect();
    let workflow = crate::runs::known(workflow.unwrap_or(import::WORKFLOW), &names)?;
    import::Source::new(workflow, path)
}

/// The orders, and the workflow that they are for.
fn read_orders(
    given: &Path,
    workflow: Option<&str>,
    project: &Project,
    definitions: &[Checked],
) -> Outcome<(String, Orders)> {
    let names: Vec<String> = definitions.iter().map(|checked| checked.workflow.clone()).collect();
    let workflow = match workflow {
        Some(workflow) => crate::runs::known(workflow, &names)?,
        None => match names.iter().find(|name| samples(project, name).is_file()).or(names.first()) {
            Some(name) => name.clone(),
            None => {
                return Err(Failure::new(
                    Exit::NotFound,
                    Code::UnknownWorkflow,
                    "there is no workflow to send to",
                ));
            }
        },
    };
    let path = if given.as_os_str().is_empty() { samples(project, &workflow) } else { given.to_owned() };
    let orders = Orders::read(&path)?;
    if orders.orders.is_empty() && orders.refused.is_empty() {
        return Err(Failure::new(
            Exit::Bad,
            Code::InvalidOrders,
            format!("{} holds no order", path.display()),
        ));
    }
    Ok((workflow, orders))
}

/// Where a workflow keeps orders to try it with.
fn samples(project: &Project, workflow: &str) -> PathBuf {
    project.root.join("functions").join(workflow).join("samples/orders.jsonl")
}

fn not_started(error: StartError) -> Failure {
    match error {
        StartError::PortInUse { port } => {
            Failure::new(Exit::Conflict, Code::PortInUse, format!("port {port} of 127.0.0.1 is in use"))
                .hint("another `stepladder dev` may run: `stepladder run list`; or choose another one: --port 0 takes any that is free")
        }
        StartError::DataDirInUse { .. } => Failure::new(Exit::Conflict, Code::LocalServer, error.to_string()),
        StartError::Invalid(_) => Failure::new(Exit::Usage, Code::LocalServer, error.to_string()),
        _ => Failure::new(Exit::Bad, Code::LocalServer, error.to_string()),
    }
}

async fn start(
    args: &DevArgs,
    plan: &Plan,
    server: &Server,
    printer: &Arc<Printer>,
) -> Outcome<(LocalStack, Arc<Logs>)> {
    if !args.no_build {
        build::build(&plan.project, args.profile, printer).await?;
    }
    let programs = build::programs(&plan.project, args.profile)?;
    let logs = Logs::new(Arc::clone(printer));
    let sink = Arc::clone(&logs);
    server.lambda().on_log(move |line| sink.take(&line));
    let stack = LocalStack::create(server, &plan.project, &plan.definitions, &programs).await?;
    let refusals = if args.strict_aws { Refusals::Aws } else { Refusals::Own };
    let reads_parquet = plan.project.reads_parquet;
    stack.serve_api(server, refusals, unsupported(args.allow_unsupported), reads_parquet);
    if args.data_dir.is_some() {
        let (repaired, left) = stack.repair_running().await?;
        for (id, error) in left {
            printer.warning(format!("{id} could not go on: {error}"));
        }
        printer.note(format!("{} went on from where the last stop left them", count(repaired, "run")));
    }
    Ok((stack, logs))
}

/// Lets other commands find this stack.
fn announce(path: &Path, server: &Server, stack: &LocalStack, printer: &Printer) {
    let file = EndpointFile {
        schema: ENDPOINT_SCHEMA.to_owned(),
        endpoint: server.endpoint_url(),
        stack: stack::NAME.to_owned(),
        pid: std::process::id(),
        workflows: stack::told_settings(&stack.protocol.host().settings().workflows),
    };
    let write = || {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(path, serde_json::to_vec_pretty(&file)?)
    };
    if let Err(error) = write() {
        printer.warning(format!(
            "can't write {}: {error}; other commands need --endpoint {}",
            path.display(),
            file.endpoint
        ));
    }
}

/// Removes the file, unless another `stepladder dev` has put its own there.
fn take_back(path: &Path) {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    if serde_json::from_str::<EndpointFile>(&text).is_ok_and(|file| file.pid == std::process::id()) {
        let _ = std::fs::remove_file(path);
    }
}

fn welcome(plan: &Plan, server: &Server, args: &DevArgs, printer: &Printer) {
    let endpoint = server.endpoint_url();
    let names = |names: Vec<&str>| escaped(&names.join(", ")).into_owned();
    let dim = |text: &str| paint(style::DIM, text);
    printer.note(format!("{} at {}", paint(style::BOLD, "stepladder dev"), paint(style::ID, &endpoint)));
    printer.note(format!(
        "{} it checks no credentials, and listens on this machine alone",
        paint(style::WARNING.bold(), "NOT FOR PRODUCTION:")
    ));
    let workflows: Vec<&str> = plan.definitions.iter().map(|checked| checked.workflow.as_str()).collect();
    let has_samples = |name: &&&str| samples(&plan.project, name).is_file();
    let first = workflows.iter().find(has_samples).or(workflows.first()).copied().unwrap_or_default();
    printer.note(format!(
        "  {}  Step Functions, DynamoDB, SQS, S3, Lambda: export AWS_ENDPOINT_URL={endpoint}",
        dim("services ")
    ));
    printer.note(format!("  {}  {endpoint}/api/v1/openapi.json lists the paths", dim("REST     ")));
    printer.note(format!("  {}  {}", dim("workflows"), names(workflows.clone())));
    printer.note(format!(
        "  {}  {}",
        dim("functions"),
        names(plan.project.steps().map(|step| step.name.as_str()).collect())
    ));
    let kept = match &args.data_dir {
        Some(folder) => folder.display().to_string(),
        None => "in memory, and gone at the end (--data-dir keeps it)".to_owned(),
    };
    printer.note(format!("  {}  {}", dim("state    "), escaped(&kept)));
    if let Some(host) = &args.host {
        printer.note(format!("  {}  {}", dim("hosts    "), host.hosts_line()));
    }
    // As it was called: it may not be on the PATH.
    let program = std::env::args().next().unwrap_or_default();
    let program = escaped(&program);
    let samples = samples(&plan.project, first);
    let start = match samples.is_file() {
        true => {
            format!("head -1 {} | {program} start {first} --input - --wait", plan.project.shown(&samples))
        }
        false => format!("{program} start {first} --input FILE --wait"),
    };
    printer.note(format!("  {}  {start}", dim("try      ")));
    printer.note(format!(
        "  {}  {program} run list    {program} run show ID    {program} run history ID",
        dim("         ")
    ));
}

/// Sends the orders, or imports the rows, and reports on them, if there are any; then stays, unless it is to run once.
async fn work(
    args: &DevArgs,
    plan: &Plan,
    server: &Server,
    stack: &LocalStack,
    logs: &Logs,
    printer: &Printer,
    timeout: Option<Duration>,
) -> Outcome {
    let mut verdict = Ok(());
    if let Some((workflow, orders)) = &plan.orders {
        logs.hold_back_transitions();
        verdict = process(workflow, orders, server, stack, logs, printer, timeout).await;
        logs.show_transitions();
    }
    if let Some(source) = &plan.import {
        logs.hold_back_transitions();
        verdict = import::Import { source, stack, logs, printer }.run(timeout).await;
        logs.show_transitions();
    }
    if args.once {
        return verdict;
    }
    if let Err(failure) = &verdict {
        printer.failure(failure);
    }
    printer.note(format!("up at {}; Ctrl-C ends it", paint(style::ID, server.endpoint_url())));
    std::future::pending().await
}

async fn process(
    workflow: &str,
    orders: &Orders,
    server: &Server,
    stack: &LocalStack,
    logs: &Logs,
    printer: &Printer,
    timeout: Option<Duration>,
) -> Outcome {
    for refused in orders.refused.iter() {
        let sent = if refused.is_harmless { "" } else { "not sent: " };
        printer.warning(format!("line {}: {sent}{}", refused.line, refused.why));
    }
    let from = match &orders.expected_from {
        Some(path) => format!("; the expected ends are in {}", path.display()),
        None => String::new(),
    };
    printer.note(format!(
        "sending {} to {}{}",
        count(orders.orders.len(), "order"),
        paint(style::ID, escaped(workflow)),
        escaped(&from)
    ));
    let mut report = Report::new(orders, printer);
    let wait = wait::Wait { workflow, server, stack, logs, printer };
    let ended = wait.send_and_wait(orders, &mut report, timeout).await;
    report.finish(logs.transitions())?;
    ended?;
    report.verdict()
}

/// The timer function looks for runs whose message is lost, as a schedule makes it do on AWS.
async fn sweep_hourly(server: &Server, stack: &LocalStack) {
    loop {
        tokio::time::sleep(limits::SWEEP_INTERVAL).await;
        // It fails if the server is ending; the next one tries again.
        let _ = server.lambda().invoke_async(&stack.function("timer"), stack::SWEEP.into());
    }
}

/// A definition that could not be read has been refused before; what is left can be published.
fn readable(definitions: &[Checked]) -> impl Iterator<Item = (&str, &stepladder_asl::Definition)> {
    definitions.iter().filter_map(|checked| Some((checked.workflow.as_str(), checked.result.as_ref().ok()?)))
}
