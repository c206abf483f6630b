//! Definitions, read and judged: by the language's rules, and by what the workspace has.

use crate::{
    exit::Exit,
    failure::{Code, Failure, Outcome},
    printer::Printer,
    project::{Project, SYSTEM_QUEUES},
    style::{self, paint},
    text::escaped_lines,
};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    io::Read,
    path::{Path, PathBuf},
};
use stepladder_asl::{
    Definition, Fault, FaultCode, Faults, Kind, Options, Refusal, Resource, Target, Unsupported,
    WorkflowType, limits::DEFINITION_BYTES_MAX, nearest,
};

/// A definition's file, and what came of it.
#[derive(Debug)]
pub struct Checked {
    pub workflow: String,
    /// As a person would type it.
    pub shown: String,
    pub source: String,
    pub result: Result<Definition, Problem>,
    /// What is not wrong, but likely not meant.
    pub warnings: Faults,
}

/// Why there is no definition.
#[derive(Debug)]
pub enum Problem {
    Faults(Faults),
    /// The file can't be read as text.
    Unreadable(Failure),
}

/// What a definition is held against.
#[derive(Debug, Clone, Copy)]
pub enum Against<'p> {
    /// The language's rules alone.
    Language,
    /// Also the names that a step can't have, and the programs of the workspace where there is one.
    Programs(Option<&'p Project>),
    /// Also what this version can call: everything that it is to run.
    Stack(&'p Project, Unsupported),
}

impl<'p> Against<'p> {
    /// The workspace whose functions are to run it.
    fn project(self) -> Option<&'p Project> {
        match self {
            Against::Language => None,
            Against::Programs(project) => project,
            Against::Stack(project, _) => Some(project),
        }
    }
}

impl Checked {
    /// Reads and judges one file, or stdin for `-`.
    pub fn read(path: &Path, against: Against, workflow_type: WorkflowType) -> Self {
        match path.as_os_str() == "-" {
            true => Self::of(
                "stdin".to_owned(),
                "<stdin>".to_owned(),
                text_of(std::io::stdin().lock(), Path::new("<stdin>")),
                against,
                workflow_type,
            ),
            false => {
                let shown = path.display().to_string();
                Self::of(workflow_of(path), shown, read_text(path), against, workflow_type)
            }
        }
    }

    /// Judges a text, or tells why there is none.
    pub fn of(
        workflow: String,
        shown: String,
        source: Outcome<String>,
        against: Against,
        workflow_type: WorkflowType,
    ) -> Self {
        let source = match source {
            Ok(source) => source,
            Err(why) => {
                let result = Err(Problem::Unreadable(why));
                return Self { workflow, shown, source: String::new(), result, warnings: Faults::default() };
            }
        };
        let judge = |resource: &Resource| judge(resource, against);
        let reads_parquet = against.project().is_none_or(|project| project.reads_parquet);
        let checked = Definition::check(&source, &Options { workflow_type, judge: &judge, reads_parquet });
        let checked = match against {
            Against::Stack(_, unsupported) => checked.to_run(unsupported),
            Against::Language | Against::Programs(_) => checked,
        };
        let result = checked.definition.ok_or(Problem::Faults(checked.errors));
        Self { workflow, shown, source, result, warnings: checked.warnings }
    }

    /// All definitions of a workspace.
    pub fn all(project: &Project, against: Against, workflow_type: WorkflowType) -> Outcome<Vec<Self>> {
        let workflows = project.workflows()?;
        if workflows.is_empty() {
            return Err(Failure::new(
                Exit::NotFound,
                Code::NoWorkspace,
                "there is no workflow in this workspace",
            )
            .detail(format!("looked for {}", project.root.join("functions/*/workflow.asl.json").display()))
            .hint("a workflow is a folder functions/<name>/ with a workflow.asl.json in it"));
        }
        let read = |workflow: crate::project::WorkflowFile| {
            let shown = project.shown(&workflow.path).to_string();
            let text = read_text(&workflow.path);
            let mut checked = Self::of(workflow.name, shown, text, against, workflow_type);
            if let Err(error) = stepladder_protocol::check_name(&checked.workflow) {
                let message =
                    format!("can't read {}: its folder can't name a workflow: {error}", checked.shown);
                checked.result = Err(Problem::Unreadable(Failure::new(Exit::Bad, Code::File, message)));
            }
            checked
        };
        Ok(workflows.into_iter().map(read).collect())
    }

    /// How many faults it has; a file that can't be read is one.
    pub fn problems(&self) -> usize {
        match &self.result {
            Ok(_) => 0,
            Err(Problem::Unreadable(_)) => 1,
            Err(Problem::Faults(faults)) => faults.len(),
        }
    }

    /// The functions that its Task states name.
    pub fn functions(&self) -> BTreeSet<&str> {
        let states = self.result.iter().flat_map(|definition| definition.states.values());
        let named = states.filter_map(|state| match &state.kind {
            Kind::Task(task) => task.resource.function(),
            _ => None,
        });
        named.collect()
    }

    /// The definition, for whoever can do nothing without it; `purpose` is why that is an error, such as `so it can't run`.
    /// In text its faults are told with their places; in the JSON formats they are details of the error, so that stderr
    /// holds nothing but JSON.
    ///
    /// # Errors
    ///
    /// There is none: the file can't be read, or it has faults.
    pub fn definition(&self, printer: &Printer, purpose: &str) -> Outcome<&Definition> {
        let faults = match &self.result {
            Ok(definition) => return Ok(definition),
            Err(Problem::Unreadable(failure)) => return Err(failure.clone()),
            Err(Problem::Faults(faults)) => faults,
        };
        let failure =
            Failure::new(Exit::Bad, Code::CheckFailed, format!("{} has errors, {purpose}", self.shown));
        if printer.is_json() {
            let place = |fault: &Fault| format!("{}:{}", fault.line, fault.column);
            return Err(faults.iter().fold(failure, |failure, fault| {
                failure.detail(format!("{} at {}: {}", fault.code.code(), place(fault), fault.message))
            }));
        }
        self.tell(printer);
        Err(failure)
    }

    /// Shows its faults and warnings as rustc shows its own.
    pub fn tell(&self, printer: &Printer) {
        match &self.result {
            Ok(_) => {}
            Err(Problem::Unreadable(failure)) => printer.failure(failure),
            Err(Problem::Faults(faults)) => self.tell_faults(faults, printer),
        }
        self.tell_faults(&self.warnings, printer);
    }

    fn tell_faults(&self, faults: &Faults, printer: &Printer) {
        if !faults.is_empty() {
            // Rendered without colours, so that what the file holds can be escaped.
            let plain = escaped_lines(&faults.render(&self.shown, &self.source, false));
            printer.error_text(coloured(plain.trim_end()) + "\n");
        }
    }

    /// One element of `definitions` in the shape `stepladder.check/1`.
    pub fn to_json(&self) -> Value {
        let problems: Vec<Value> = match &self.result {
            Ok(_) => Vec::new(),
            Err(Problem::Unreadable(failure)) => {
                vec![json!({
                    "code": failure.code.as_str(),
                    "severity": "ERROR",
                    "title": "the file can't be read",
                    "message": failure.message,
                })]
            }
            Err(Problem::Faults(faults)) => faults.iter().map(fault_json).collect(),
        };
        let definition = self.result.as_ref().ok();
        json!({
            "workflow": self.workflow,
            "file": self.shown,
            "hash": definition.map(|definition| &definition.hash),
            "states": definition.map(|definition| definition.states.len()),
            "functions": definition.map(|_| self.functions()),
            "problems": problems,
            "warnings": self.warnings.iter().map(fault_json).collect::<Vec<_>>(),
        })
    }
}

fn fault_json(fault: &Fault) -> Value {
    json!({
        "code": fault.code.code(),
        "severity": fault.severity,
        "aws_code": fault.aws_code,
        "path": fault.path,
        "title": fault.code.title(),
        "line": fault.line,
        "column": fault.column,
        "state": fault.state,
        "message": fault.message,
        "hint": fault.hint,
    })
}

/// What isn't there, or doesn't say what it is. What this version can't call the parser has told.
fn judge(resource: &Resource, against: Against) -> Result<(), Refusal> {
    let refuse = |code, message: String, hint: Option<String>| Err(Refusal { code, message, hint });
    if matches!(against, Against::Language) {
        return Ok(());
    }
    let project = against.project();
    let Some(function) = resource.function() else {
        return match against {
            Against::Stack(_, Unsupported::Refused) if resource.has_placeholder() => refuse(
                FaultCode::Unsupported,
                format!("`{}` doesn't say yet what it is", resource.arn()),
                Some("replace what stands in ${}".to_owned()),
            ),
            _ => Ok(()),
        };
    };
    // Its messages would go to that queue, and not to a step's.
    if SYSTEM_QUEUES.contains(&function) {
        return refuse(
            FaultCode::NoSuchStep,
            format!("`{function}` is the name of a system queue, and can't name a step"),
            Some("give the function another name".to_owned()),
        );
    }
    let Some(project) = project else { return Ok(()) };
    match project.functions.get(function) {
        Some(found) if !found.is_system => Ok(()),
        Some(_) => refuse(
            FaultCode::NoSuchStep,
            format!("`{function}` is a function of the system, and no step"),
            None,
        ),
        None => refuse_unless_outside(resource, function, project),
    }
}

/// A function that has no program here: one outside of the stack, or a slip. Its whole ARN leaves no doubt.
fn refuse_unless_outside(resource: &Resource, function: &str, project: &Project) -> Result<(), Refusal> {
    let message = format!("no program under functions/ is named `{function}`");
    let refuse = |code, hint: String| Err(Refusal { code, message: message.clone(), hint: Some(hint) });
    let outside = || "it is called as a function outside of the stack, by the function `invoke`".to_owned();
    if is_of_an_account(resource) {
        return refuse(FaultCode::OutsideFunction, outside());
    }
    if let Some(near) = nearest(function, project.steps().map(|step| step.name.as_str())) {
        return refuse(FaultCode::NoSuchStep, format!("did you mean `{near}`?"));
    }
    match resource {
        Resource::Service(_) => refuse(FaultCode::OutsideFunction, outside()),
        _ => refuse(
            FaultCode::NoSuchStep,
            format!("add a program of that name: functions/<crate>/src/bin/{function}.rs"),
        ),
    }
}

/// Whether a function is named with its account: not those that stand for none.
pub fn is_of_an_account(resource: &Resource) -> bool {
    let name = match resource {
        Resource::Lambda { arn, .. } => arn.as_str(),
        Resource::Service(service) => match service.targets.first() {
            Some(Target::Named(name)) => name.as_str(),
            _ => return false,
        },
        Resource::Activity { .. } | Resource::Other { .. } => return false,
    };
    let Some((before, _)) = name.split_once(":function:") else { return false };
    let account = before.rsplit(':').next().unwrap_or_default();
    account.len() == 12
        && account.bytes().all(|b| b.is_ascii_digit())
        && account.contains(|digit| digit != '0')
}

fn read_text(path: &Path) -> Outcome<String> {
    text_of(std::fs::File::open(path).map_err(|error| Failure::file("read", path, &error))?, path)
}

fn text_of(source: impl Read, path: &Path) -> Outcome<String> {
    let mut bytes = Vec::new();
    // One byte more than is allowed, so that the parser can say that it is too large.
    source
        .take(DEFINITION_BYTES_MAX as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::file("read", path, &error))?;
    String::from_utf8(bytes).or_else(|error| match error.utf8_error().valid_up_to() {
        // Cut in the middle of a character: too large, and the parser says so.
        _ if error.as_bytes().len() > DEFINITION_BYTES_MAX => {
            Ok(String::from_utf8_lossy(error.as_bytes()).into_owned())
        }
        at => {
            let message =
                format!("can't read {}: it is not UTF-8: byte {at} is the first that isn't", path.display());
            Err(Failure::new(Exit::Bad, Code::File, message))
        }
    })
}

/// rustc's colours on lines of the plain rendering.
fn coloured(plain: &str) -> String {
    let lines: Vec<String> = plain.lines().map(coloured_line).collect();
    lines.join("\n")
}

fn coloured_line(line: &str) -> String {
    if let Some((head, title)) = line.split_once("]: ") {
        let style = match head.split_once('[') {
            Some(("error", _)) => Some(style::ERROR),
            Some(("warning", _)) => Some(style::WARNING.bold()),
            _ => None,
        };
        if let Some(style) = style {
            return format!("{} {}", paint(style, format!("{head}]:")), paint(style::BOLD, title));
        }
    }
    match line.split_once("= help: ") {
        Some((margin, hint)) if margin.trim().is_empty() => {
            format!("{margin}= {} {hint}", paint(style::HINT, "help:"))
        }
        _ => line.to_owned(),
    }
}

/// The workflow's name of a file given by hand: its folder's name for `workflow.asl.json`, else the file's own.
pub fn workflow_of(path: &Path) -> String {
    let name =
        |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if name(path) == crate::project::DEFINITION_FILE {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| PathBuf::from(path));
        return absolute.parent().map(name).unwrap_or_default();
    }
    let name = name(path);
    name.strip_suffix(".asl.json").or_else(|| name.strip_suffix(".json")).unwrap_or(&name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_can_not_have_the_name_of_a_system_queue() {
        for name in SYSTEM_QUEUES {
            let text = format!(
                r#"{{"StartAt":"A","States":{{"A":{{"Type":"Task","End":true,
                    "Resource":"arn:aws:lambda:us-east-1:000000000000:function:{name}"}}}}}}"#
            );
            let judge = |resource: &Resource| judge(resource, Against::Programs(None));
            let options = Options { judge: &judge, ..Options::default() };
            let faults = Definition::parse_as(&text, &options).unwrap_err();
            let [fault] = faults.iter().collect::<Vec<_>>()[..] else { panic!("{faults:?}") };
            assert_eq!((fault.code, fault.line), (FaultCode::NoSuchStep, 2));
            assert!(fault.message.contains(&format!("`{name}` is the name of a system queue")), "{fault:?}");
        }
    }

    #[test]
    fn a_functions_whole_arn_says_that_it_is_outside() {
        let invoke = "arn:aws:states:::lambda:invoke";
        let is_outside = |arn: &str, name: &str| {
            let parameters = json!({ "FunctionName": name });
            is_of_an_account(&Resource::parse(arn, Some(&parameters)).unwrap())
        };
        assert!(is_outside("arn:aws:lambda:eu-west-1:123456789012:function:f", ""));
        assert!(is_outside(invoke, "arn:aws:lambda:eu-west-1:123456789012:function:f:live"));
        assert!(is_outside(invoke, "123456789012:function:f"));
        assert!(!is_outside("arn:aws:lambda:us-east-1:000000000000:function:f", ""));
        assert!(!is_outside("arn:aws:lambda:::function:f", ""));
        assert!(!is_outside(invoke, "f"));
    }

    #[test]
    fn a_workflow_is_named_by_its_folder_or_file() {
        assert_eq!(workflow_of(Path::new("functions/order/workflow.asl.json")), "order");
        assert_eq!(workflow_of(Path::new("/x/ship.asl.json")), "ship");
        assert_eq!(workflow_of(Path::new("ship.json")), "ship");
        assert_eq!(workflow_of(Path::new("ship")), "ship");
    }
}
