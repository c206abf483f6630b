//! `stepladder check`: do the definitions and the workspace fit together?

use crate::{
    definitions::{Checked, workflow_of},
    exit::Exit,
    failure::{Code, Failure, Outcome},
    printer::Printer,
    project::Project,
    style::{self, paint},
    text::{count, escaped},
};
use serde_json::json;
use std::path::PathBuf;

/// Check all definitions: their language, and that each step has its program
///
/// Exits 1 if there is a problem. All problems are shown at once, each with its place.
#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    /// Definitions to check. Unless given: functions/*/workflow.asl.json of this workspace
    files: Vec<PathBuf>,
    /// The definitions alone, and not whether their programs are there
    #[arg(long)]
    no_functions: bool,
}

pub fn run(args: CheckArgs, printer: &Printer) -> Outcome {
    let here =
        std::env::current_dir().map_err(|error| Failure::file("read the folder", ".".as_ref(), &error))?;
    let project =
        if args.no_functions && !args.files.is_empty() { None } else { Some(Project::find(&here)?) };
    let project = project.as_ref();
    let known = project.filter(|_| !args.no_functions);
    let definitions = match (args.files.is_empty(), project) {
        (true, Some(project)) => Checked::all(project)?,
        _ => {
            let read =
                |path: &PathBuf| Checked::read(workflow_of(path), path, path.display().to_string(), known);
            args.files.iter().map(read).collect()
        }
    };
    report(&definitions, printer)
}

fn report(definitions: &[Checked], printer: &Printer) -> Outcome {
    let problems: usize = definitions.iter().map(Checked::problems).sum();
    let bad = definitions.iter().filter(|checked| checked.result.is_err()).count();
    if printer.is_json() {
        let definitions: Vec<_> = definitions.iter().map(Checked::to_json).collect();
        printer.json(
            &json!({ "schema": "stepladder.check/1", "ok": problems == 0, "definitions": definitions }),
        )?;
    } else {
        for checked in definitions {
            match &checked.result {
                Ok(definition) => {
                    let states = count(definition.states.len(), "state");
                    let functions = count(checked.functions().len(), "function");
                    let name = paint(style::ID, escaped(&checked.workflow));
                    let good = paint(style::GOOD, printer.glyphs.good);
                    printer.data(format!("{good} {name}  {states}, {functions}"))?;
                }
                Err(_) => checked.tell(printer),
            }
        }
    }
    if problems == 0 {
        return Ok(());
    }
    let (problems, all) = (count(problems, "problem"), count(definitions.len(), "definition"));
    let failure = Failure::new(Exit::Bad, Code::CheckFailed, format!("{problems} in {bad} of {all}"));
    // In JSON the answer has said it all.
    Err(Failure { is_told: printer.is_json(), ..failure })
}
