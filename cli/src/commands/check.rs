//! `stepladder check`: do the definitions and the workspace fit together?

use crate::{
    commands::synth::facts_of,
    definitions::{Against, Checked, Problem},
    exit::Exit,
    failure::{Code, Failure, Outcome},
    folders,
    printer::Printer,
    project::Project,
    style::{self, paint},
    text::{count, escaped},
};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use stepladder_asl::WorkflowType;

/// Check definitions: their language, and that each step has its program
///
/// All errors and warnings of all definitions are shown at once, each with its place. Exits 1 if there is an error. What
/// deploying them would refuse, such as a bucket that only the data names, is a warning.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  stepladder check                                all workflows of this workspace, and their programs
  stepladder check order.asl.json                 one definition
  stepladder check definitions/ --deny-warnings   every *.asl.json under a folder; warnings count as errors
  stepladder check - --type EXPRESS < flow.json   from stdin, by the rules of EXPRESS workflows
  stepladder check -o json | jq '.definitions[].problems[]'")]
pub struct CheckArgs {
    /// Definitions, folders to search for *.asl.json, or `-` for stdin. Unless given: functions/*/workflow.asl.json of
    /// this workspace
    paths: Vec<PathBuf>,
    /// The definitions alone, and not whether their programs are there
    #[arg(long)]
    no_functions: bool,
    /// The type of the workflows, whose rules differ a little
    #[arg(long = "type", value_enum, ignore_case = true, default_value_t = TypeArg::Standard, value_name = "STANDARD|EXPRESS", hide_possible_values = true)]
    workflow_type: TypeArg,
    /// Exit 1 if there is a warning
    #[arg(long)]
    deny_warnings: bool,
}

/// The type of a workflow, in AWS's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "UPPERCASE")]
pub enum TypeArg {
    Standard,
    Express,
}

impl From<TypeArg> for WorkflowType {
    fn from(given: TypeArg) -> Self {
        match given {
            TypeArg::Standard => WorkflowType::Standard,
            TypeArg::Express => WorkflowType::Express,
        }
    }
}

pub fn run(args: CheckArgs, printer: &Printer) -> Outcome {
    let here =
        std::env::current_dir().map_err(|error| Failure::file("read the folder", ".".as_ref(), &error))?;
    let workflow_type = args.workflow_type.into();
    let mut report = Report { deny_warnings: args.deny_warnings, ..Report::default() };
    if args.paths.is_empty() {
        let project = Project::find(&here)?;
        let against = Against::Programs(Some(&project).filter(|_| !args.no_functions));
        let definitions = Checked::all(&project, against, workflow_type)?;
        for checked in &definitions {
            report.take(checked, &checked.workflow, printer)?;
        }
        if !args.no_functions {
            // What `synth` and `deploy` refuse: such as a bucket that only the data names, and no setting.
            for fault in facts_of(&project, &definitions)?.check() {
                report.warn(fault.to_string(), printer);
            }
        }
        return report.end(printer);
    }
    // Only what lies under functions/ has its programs there; everything else can be checked anywhere.
    let project = if args.no_functions { None } else { Project::find(&here).ok() };
    let functions = project.as_ref().and_then(|project| project.root.join("functions").canonicalize().ok());
    for path in &args.paths {
        for file in files(path, printer)? {
            let is_deployed = || file.canonicalize().ok()?.starts_with(functions.as_ref()?).then_some(());
            let project = project.as_ref().filter(|_| is_deployed().is_some());
            let checked = Checked::read(&file, Against::Programs(project), workflow_type);
            report.take(&checked, &checked.shown, printer)?;
        }
    }
    report.end(printer)
}

/// The definitions that a path stands for.
fn files(path: &Path, printer: &Printer) -> Outcome<Vec<PathBuf>> {
    if path.as_os_str() == "-" || !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let found = folders::definitions(path)?;
    if found.yaml > 0 {
        let files = count(found.yaml, "definition");
        printer.warning(format!(
            "{files} in YAML under {} left out: they are read as JSON only",
            path.display()
        ));
    }
    if found.files.is_empty() {
        let message = format!("there is no definition under {}", path.display());
        return Err(Failure::new(Exit::NotFound, Code::NoWorkspace, message)
            .hint("a folder is searched for files named *.asl.json; others can be named one by one"));
    }
    Ok(found.files)
}

/// What has been found so far. Texts are told at once, so that nothing but the answer in JSON grows.
#[derive(Debug, Default)]
struct Report {
    deny_warnings: bool,
    /// The exit code of the first file that couldn't be read.
    unreadable: Option<Exit>,
    /// Whether a definition was read, and is bad.
    is_any_bad: bool,
    definitions: usize,
    bad: usize,
    errors: usize,
    warnings: usize,
    shapes: Vec<Value>,
}

impl Report {
    fn take(&mut self, checked: &Checked, name: &str, printer: &Printer) -> Outcome {
        let (errors, warnings) = (checked.problems(), checked.warnings.len());
        self.definitions += 1;
        self.errors += errors;
        self.warnings += warnings;
        self.bad += usize::from(errors > 0 || (self.deny_warnings && warnings > 0));
        match &checked.result {
            Err(Problem::Unreadable(failure)) => {
                self.unreadable.get_or_insert(failure.exit);
            }
            Err(Problem::Faults(_)) => self.is_any_bad = true,
            Ok(_) => self.is_any_bad |= self.deny_warnings && warnings > 0,
        }
        if printer.is_json() {
            self.shapes.push(checked.to_json());
            return Ok(());
        }
        if let Ok(definition) = &checked.result {
            let states = count(definition.states.len(), "state");
            let functions = count(checked.functions().len(), "function");
            let name = paint(style::ID, escaped(name));
            let (glyph, style) = match warnings {
                0 => (printer.glyphs.good, style::GOOD),
                _ => (printer.glyphs.warning, style::WARNING),
            };
            printer.data(format!("{} {name}  {states}, {functions}", paint(style, glyph)))?;
        }
        checked.tell(printer);
        Ok(())
    }

    /// What is wrong with the settings that go with the definitions. They run here, and are refused where they are deployed.
    fn warn(&mut self, fault: String, printer: &Printer) {
        self.warnings += 1;
        self.bad += usize::from(self.deny_warnings);
        self.is_any_bad |= self.deny_warnings;
        printer.warning(format!("{fault}\n`stepladder synth` and `stepladder deploy` refuse it"));
    }

    fn end(self, printer: &Printer) -> Outcome {
        let ok = self.bad == 0;
        if printer.is_json() {
            printer.json(&json!({
                "schema": "stepladder.check/1",
                "ok": ok,
                "errors": self.errors,
                "warnings": self.warnings,
                "definitions": self.shapes,
            }))?;
        }
        let all = count(self.definitions, "definition");
        let mut found = Vec::new();
        if self.errors > 0 {
            found.push(count(self.errors, "error"));
        }
        if self.warnings > 0 {
            found.push(count(self.warnings, "warning"));
        }
        let found = found.join(" and ");
        if ok {
            if self.warnings > 0 && !printer.is_json() {
                printer.note(paint(style::WARNING, format!("{found} in {all}")));
            }
            return Ok(());
        }
        // A file that isn't there says nothing about definitions.
        if let (Some(exit), false) = (self.unreadable, self.is_any_bad) {
            return Err(Failure::told(exit, Code::File));
        }
        let message = format!("{found} in {} of {all}", self.bad);
        let failure = Failure::new(Exit::Bad, Code::CheckFailed, message);
        // In JSON the answer has said it all.
        Err(Failure { is_told: printer.is_json(), ..failure })
    }
}
