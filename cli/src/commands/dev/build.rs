//! The functions' programs, built by cargo.

use crate::{
    exit::Exit,
    failure::{Code, Failure, Outcome},
    printer::Printer,
    project::Project,
    text::count,
};
use std::{collections::BTreeMap, path::PathBuf, process::Stdio, time::Instant};

/// Cargo's profiles of this workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Profile {
    /// Quick to build
    Dev,
    /// Optimised, without link-time optimisation
    Ci,
    /// As it is deployed
    Release,
}

impl Profile {
    fn name(self) -> &'static str {
        match self {
            Profile::Dev => "dev",
            Profile::Ci => "ci",
            Profile::Release => "release",
        }
    }

    /// The folder under `target/`.
    fn folder(self) -> &'static str {
        match self {
            Profile::Dev => "debug",
            Profile::Ci => "ci",
            Profile::Release => "release",
        }
    }
}

/// Builds all functions. Cargo's own progress and errors are shown as they come.
pub(super) async fn build(project: &Project, profile: Profile, printer: &Printer) -> Outcome {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = tokio::process::Command::new(cargo);
    command.args(["build", "--bins", "--profile", profile.name()]).current_dir(&project.root);
    for package in project.packages() {
        command.args(["-p", package]);
    }
    // Cargo unites the features of what is built together. Built without this command, the AWS SDK would be built anew
    // for the functions, and anew again for the next command.
    if project.has_cli {
        command.args(["-p", env!("CARGO_PKG_NAME")]);
    }
    if printer.is_quiet || printer.is_json() {
        command.arg("--quiet");
    }
    // Nothing but data may reach stdout.
    command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
    printer.note(format!("building {}", count(project.functions.len(), "function")));
    let since = Instant::now();
    let status = command.status().await.map_err(|error| {
        Failure::new(Exit::NotFound, Code::BuildFailed, format!("can't run cargo: {error}"))
            .hint("Rust is needed to build the functions: https://rustup.rs")
    })?;
    if !status.success() {
        return Err(Failure::new(Exit::Bad, Code::BuildFailed, "the functions could not be built")
            .hint("cargo's own words are above"));
    }
    printer.detail(format!("built in {:.1} s", since.elapsed().as_secs_f64()));
    Ok(())
}

/// Where the program of each function lies that is run here, by the function's name.
pub(super) fn programs(project: &Project, profile: Profile) -> Outcome<BTreeMap<String, PathBuf>> {
    let folder = project.target_dir.join(profile.folder());
    let mut programs = BTreeMap::new();
    // The API is answered by this process.
    for function in project.functions.values().filter(|function| !function.is_api()) {
        let name = &function.name;
        let path = folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
        if !path.is_file() {
            return Err(Failure::new(Exit::NotFound, Code::NotBuilt, format!("{name} has not been built"))
                .detail(format!("looked for {}", path.display()))
                .hint("leave out --no-build"));
        }
        programs.insert(name.clone(), path);
    }
    Ok(programs)
}
