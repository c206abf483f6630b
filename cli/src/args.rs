//! What may be typed.

use crate::{
    commands, completion,
    printer::{Format, Printer},
    text::{TimeStyle, parse_duration},
};
use clap::{Args, Parser, Subcommand, builder::FalseyValueParser};
use std::time::Duration;

/// Run multi-step workflows in your own AWS account, or on this machine.
#[derive(Debug, Parser)]
#[command(
    name = "stepladder",
    disable_version_flag = true,
    disable_help_subcommand = true,
    max_term_width = 110
)]
#[command(
    after_help = "Exit codes: 0 done · 1 the answer is bad · 2 wrong usage · 3 not found · 4 not allowed · \
                        5 conflict · 6 gave up waiting · 70 a bug · 75 try again · 130 interrupted"
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Dev(commands::dev::DevArgs),
    Check(commands::check::CheckArgs),
    Graph(commands::graph::GraphArgs),
    Try(commands::try_run::TryArgs),
    TestState(commands::test_state::TestStateArgs),
    Replay(commands::replay::ReplayArgs),
    Synth(commands::synth::SynthArgs),
    Serve(commands::serve::ServeArgs),
    Start(commands::start::StartArgs),
    /// Look at runs, redrive, rerun, stop, pause and resume them
    #[command(subcommand)]
    Run(RunCommand),
    /// Pause workflows and resume them
    #[command(subcommand)]
    Workflow(WorkflowCommand),
    /// The same as `run list`
    #[command(aliases = ["ps"], hide = true)]
    Ls(commands::run_list::ListArgs),
    Repair(commands::repair::RepairArgs),
    Deploy(commands::deploy::DeployArgs),
    DeployDefinition(commands::deploy_definition::DeployDefinitionArgs),
    /// Look at messages that nobody could handle, send them back, or discard them
    #[command(subcommand)]
    DeadLetter(commands::dead_letter::DeadLetterCommand),
    Destroy(commands::destroy::DestroyArgs),
    Doctor(commands::doctor::DoctorArgs),
    Explain(commands::explain::ExplainArgs),
    Version(commands::version::VersionArgs),
    Completions(commands::completions::CompletionsArgs),
}

#[derive(Debug, Subcommand)]
pub enum RunCommand {
    #[command(visible_alias = "ls")]
    List(commands::run_list::ListArgs),
    Show(commands::run_show::ShowArgs),
    History(commands::run_history::HistoryArgs),
    Redrive(commands::run_redrive::RedriveArgs),
    Rerun(commands::run_rerun::RerunArgs),
    Stop(commands::run_stop::StopArgs),
    Pause(commands::pause::PauseRunArgs),
    Resume(commands::pause::ResumeRunArgs),
}

#[derive(Debug, Subcommand)]
pub enum WorkflowCommand {
    Pause(commands::pause::PauseWorkflowArgs),
    Resume(commands::pause::ResumeWorkflowArgs),
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// The form of what goes to stdout
    #[arg(short, long, global = true, env = "STEPLADDER_OUTPUT", value_enum, default_value_t = Format::Text, hide_env = true)]
    pub output: Format,
    /// How times are shown in text
    #[arg(long, global = true, env = "STEPLADDER_TIME", value_enum, default_value_t = TimeStyle::Relative, hide_env = true)]
    pub time: TimeStyle,
    /// When to colour
    #[arg(long, global = true, env = "STEPLADDER_COLOR", value_enum, default_value_t = Color::Auto, hide_env = true)]
    pub color: Color,
    /// No line that is rewritten in place
    #[arg(long, global = true, env = "STEPLADDER_NO_PROGRESS", value_parser = FalseyValueParser::new(), hide_env = true)]
    pub no_progress: bool,
    /// Only data, warnings and errors
    #[arg(short, long, global = true, env = "STEPLADDER_QUIET", value_parser = FalseyValueParser::new(), hide_env = true)]
    pub quiet: bool,
    /// More of what happens
    #[arg(short, long, global = true, action = clap::ArgAction::Count, env = "STEPLADDER_VERBOSE", hide_env = true, conflicts_with = "quiet")]
    pub verbose: u8,
    /// Give up after this time, like 90s or 5m
    #[arg(long, global = true, env = "STEPLADDER_TIMEOUT", value_parser = parse_duration, hide_env = true)]
    pub timeout: Option<Duration>,
    /// The stack on this machine (`stepladder dev`)
    #[arg(long, global = true, env = "STEPLADDER_LOCAL", value_parser = FalseyValueParser::new(), hide_env = true)]
    pub local: bool,
    /// Where the stack is: a URL, `aws`, or `local`. Unless given: AWS_ENDPOINT_URL, else `stepladder dev` if it runs in
    /// this workspace, else AWS
    #[arg(
        long,
        global = true,
        env = "STEPLADDER_ENDPOINT",
        value_name = "URL|aws|local",
        hide_env = true,
        conflicts_with = "local"
    )]
    pub endpoint: Option<String>,
    /// The environment of stepladder.toml that is meant: its stack, region, account and role
    #[arg(
        long,
        global = true,
        env = "STEPLADDER_ENV",
        value_name = "NAME",
        hide_env = true,
        conflicts_with_all = ["local", "endpoint"],
        add = completion::envs()
    )]
    pub env: Option<String>,
    /// Yes to whatever would be asked
    #[arg(short = 'y', long, global = true, env = "STEPLADDER_YES", value_parser = FalseyValueParser::new(), hide_env = true)]
    pub yes: bool,
}

/// When output is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Also in a file or a pipe
    Always,
    /// Plain text
    Never,
}

impl Global {
    /// The printer that these options ask for. Sets the process's choice of colours.
    pub fn printer(&self) -> Printer {
        match self.color {
            Color::Auto => anstream::ColorChoice::Auto,
            Color::Always => anstream::ColorChoice::Always,
            Color::Never => anstream::ColorChoice::Never,
        }
        .write_global();
        let mut printer = Printer::new(self.output, self.time);
        printer.is_quiet = self.quiet;
        printer.verbosity = self.verbose;
        printer.is_live &= !self.no_progress && !printer.is_json();
        printer
    }
}
