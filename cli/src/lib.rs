//! The command `stepladder`.
//!
//! Four layers: [`args`] says what may be typed, [`connect`] and [`project`] find what it is about, each file of
//! [`commands`] is one command, and [`printer`] alone writes. [`completion`] answers shells, before any of them.

pub mod args;
pub mod aws_cli;
pub mod bulk;
pub mod calls;
pub mod choice;
pub mod cloudformation;
pub mod commands;
pub mod completion;
pub mod confirm;
pub mod connect;
pub mod definitions;
pub mod doctor;
pub mod exit;
pub mod failure;
pub mod folders;
pub mod graph;
pub mod inputs;
pub mod interrupt;
pub mod limits;
pub mod objects;
pub mod orders;
pub mod parameters;
pub mod printer;
pub mod profiles;
pub mod project;
pub mod recorded;
pub mod rehearse;
pub mod runs;
pub mod shapes;
pub mod steps;
pub mod style;
pub mod table;
pub mod text;

use args::{Cli, Command, RunCommand, WorkflowCommand};
use clap::Parser;
use connect::Stack;
use exit::Exit;
use failure::{Code, Failure, Outcome};
use printer::Printer;
use std::{process::ExitCode, sync::Arc, time::Duration};

/// Reads the arguments, runs the command, and tells how it went. A shell that completes a word is answered before all that.
pub fn main() -> ExitCode {
    if completion::answered() {
        return ExitCode::SUCCESS;
    }
    std::panic::set_hook(Box::new(|panic| {
        let said = panic.payload_as_str().unwrap_or("no message");
        let place =
            panic.location().map(|place| format!(" ({}:{})", place.file(), place.line())).unwrap_or_default();
        let failure = Failure::new(Exit::Bug, Code::Bug, format!("stepladder has a bug: {said}{place}"))
            .hint(
                "please report it with the command you typed and the output of `stepladder version -o json`",
            );
        Printer::new(printer::Format::Text, text::TimeStyle::Utc).failure(&failure);
    }));
    let exit = std::panic::catch_unwind(run).unwrap_or(Exit::Bug);
    ExitCode::from(exit.code())
}

fn run() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help goes to stdout with 0, a wrong usage to stderr with 2.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Done };
        }
    };
    let printer = Arc::new(cli.global.printer());
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = match builder.enable_all().thread_stack_size(limits::THREAD_STACK_BYTES).build() {
        Ok(runtime) => runtime,
        Err(error) => {
            printer.failure(&Failure::new(Exit::Bug, Code::Bug, format!("can't start a runtime: {error}")));
            return Exit::Bug;
        }
    };
    let outcome = runtime.block_on(dispatch(cli, &printer));
    // What still runs in the background is nobody's any more.
    runtime.shutdown_timeout(Duration::from_secs(1));
    printer.clear_status();
    match outcome {
        Ok(()) => Exit::Done,
        Err(failure) => {
            printer.failure(&failure);
            failure.exit
        }
    }
}

async fn dispatch(cli: Cli, printer: &Arc<Printer>) -> Outcome {
    let Cli { global, command } = cli;
    let timeout = global.timeout;
    match command {
        // It ends its children first, so it watches for Ctrl-C and the timeout by itself.
        Command::Dev(args) => commands::dev::run(args, printer, timeout).await,
        // As it is meant to end by Ctrl-C, it watches for that by itself.
        Command::Serve(args) => commands::serve::run(args, &global, printer).await,
        Command::Start(args) => {
            let stack = Stack::connect(&global, printer);
            bounded(timeout, async { commands::start::run(args, &stack.await?, printer).await }).await
        }
        Command::Ls(args) | Command::Run(RunCommand::List(args)) => {
            let stack = Stack::connect(&global, printer);
            bounded(timeout, async { commands::run_list::run(args, &stack.await?, printer).await }).await
        }
        Command::Run(RunCommand::Show(args)) => {
            let stack = Stack::connect(&global, printer);
            bounded(timeout, async { commands::run_show::run(args, &stack.await?, printer).await }).await
        }
        Command::Run(RunCommand::History(args)) => {
            let stack = Stack::connect(&global, printer);
            bounded(timeout, async { commands::run_history::run(args, &stack.await?, printer).await }).await
        }
        // What is done to many comes to an end in order, so these watch for Ctrl-C and the timeout by themselves.
        Command::Run(RunCommand::Redrive(args)) if args.bulk.is_asked() => {
            let stack = &bounded(timeout, Stack::connect(&global, printer)).await?;
            let context = bulk::command::Context { stack, printer, may_assume_yes: global.yes, timeout };
            commands::run_redrive::run_many(args, context).await
        }
        Command::Run(RunCommand::Rerun(args)) if args.bulk.is_asked() => {
            let stack = &bounded(timeout, Stack::connect(&global, printer)).await?;
            let context = bulk::command::Context { stack, printer, may_assume_yes: global.yes, timeout };
            commands::run_rerun::run_many(args, context).await
        }
        Command::Run(RunCommand::Stop(args)) if args.bulk.is_asked() => {
            let stack = &bounded(timeout, Stack::connect(&global, printer)).await?;
            let context = bulk::command::Context { stack, printer, may_assume_yes: global.yes, timeout };
            commands::run_stop::run_many(args, context).await
        }
        Command::Run(RunCommand::Redrive(args)) => {
            let stack = Stack::connect(&global, printer);
            let work = async { commands::run_redrive::run(args, &stack.await?, printer, global.yes).await };
            bounded(timeout, work).await
        }
        Command::Run(RunCommand::Rerun(args)) => {
            let stack = Stack::connect(&global, printer);
            let work = async { commands::run_rerun::run(args, &stack.await?, printer, global.yes).await };
            bounded(timeout, work).await
        }
        Command::Run(RunCommand::Stop(args)) => {
            let stack = Stack::connect(&global, printer);
            bounded(timeout, async { commands::run_stop::run(args, &stack.await?, printer).await }).await
        }
        Command::Run(RunCommand::Pause(args)) => {
            let stack = Stack::connect(&global, printer);
            bounded(timeout, async { commands::pause::pause_runs(args, &stack.await?, printer).await }).await
        }
        Command::Run(RunCommand::Resume(args)) => {
            let stack = Stack::connect(&global, printer);
            bounded(timeout, async { commands::pause::resume_runs(args, &stack.await?, printer).await }).await
        }
        Command::Workflow(WorkflowCommand::Pause(args)) => {
            let stack = Stack::connect(&global, printer);
            let work = async { commands::pause::pause_workflows(args, &stack.await?, printer).await };
            bounded(timeout, work).await
        }
        Command::Workflow(WorkflowCommand::Resume(args)) => {
            let stack = Stack::connect(&global, printer);
            let work = async { commands::pause::resume_workflows(args, &stack.await?, printer).await };
            bounded(timeout, work).await
        }
        Command::DeadLetter(command) => {
            let stack = Stack::connect(&global, printer);
            let work =
                async { commands::dead_letter::run(command, &stack.await?, printer, global.yes).await };
            bounded(timeout, work).await
        }
        Command::Deploy(args) => bounded(timeout, commands::deploy::run(args, &global, printer)).await,
        Command::Destroy(args) => bounded(timeout, commands::destroy::run(args, &global, printer)).await,
        Command::Doctor(args) => bounded(timeout, commands::doctor::run(args, &global, printer)).await,
        Command::DeployDefinition(args) => {
            let stack = Stack::connect(&global, printer);
            let work = async { commands::deploy_definition::run(args, &stack.await?, printer).await };
            bounded(timeout, work).await
        }
        Command::Repair(args) => {
            let stack = Stack::connect(&global, printer);
            bounded(timeout, async { commands::repair::run(args, &stack.await?, printer).await }).await
        }
        Command::Check(args) => commands::check::run(args, printer),
        Command::Graph(args) => commands::graph::run(args, printer),
        Command::Try(args) => commands::try_run::run(args, printer),
        Command::Replay(args) => commands::replay::run(args, printer),
        Command::Synth(args) => commands::synth::run(args, printer),
        Command::TestState(args) => commands::test_state::run(args, printer),
        Command::Explain(args) => commands::explain::run(args, printer),
        Command::Version(args) => commands::version::run(args, printer),
        Command::Completions(args) => commands::completions::run(args, printer),
    }
}

/// The command, unless its time is over or somebody presses Ctrl-C.
async fn bounded<T>(timeout: Option<Duration>, command: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    let over = async {
        match timeout {
            Some(timeout) => tokio::time::sleep(timeout).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        outcome = command => outcome,
        () = over => {
            let after = text::duration(timeout.unwrap_or_default().as_millis().try_into().unwrap_or(i64::MAX));
            Err(Failure::new(Exit::GaveUp, Code::GaveUpWaiting, format!("gave up after {after} (--timeout)"))
                .hint("runs go on without anybody waiting for them: `stepladder run list`"))
        }
        _ = tokio::signal::ctrl_c() => Err(Failure::told(Exit::Interrupted, Code::Interrupted)),
    }
}
