//! `stepladder synth`: the templates, from the workflows and the programs' settings.

use crate::{
    calls,
    definitions::{Against, Checked},
    exit::Exit,
    failure::{Code, Failure, Outcome},
    objects,
    printer::Printer,
    project::{Named, Project, refused},
    text::count,
};
use clap::ValueHint;
use serde_json::json;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};
use stepladder_asl::WorkflowType;
use stepladder_infra::{Facts, Stack, sam, terraform};

/// Write the templates that deploy this workspace
///
/// They come from functions/*/workflow.asl.json and the settings in each Cargo.toml. Only files that change are written,
/// and each is named.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  stepladder synth                               write infra/sam and infra/terraform
  stepladder synth --check                       write nothing; exit 1 if a file is not as it would be written
  stepladder synth --format sam --to /tmp/stack  the SAM template alone, elsewhere
  stepladder synth --workflow order-processing --to /tmp/orders  a stack of one workflow
  stepladder synth -o json | jq -r '.files[] | select(.change != \"none\") | .path'")]
pub struct SynthArgs {
    /// Write nothing, and exit 1 if something would change
    #[arg(long)]
    check: bool,
    /// Which templates
    #[arg(long, value_enum, default_value_t = TemplateFormat::All)]
    format: TemplateFormat,
    /// Only this workflow with its steps, as a stack of its own; may be given several times
    #[arg(long = "workflow", value_name = "WORKFLOW", requires = "to")]
    workflows: Vec<String>,
    /// Write to DIR/sam and DIR/terraform. Unless given: infra/ of this workspace
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    to: Option<PathBuf>,
}

/// The formats of templates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum TemplateFormat {
    Sam,
    Terraform,
    All,
}

/// What a file is, compared with what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    None,
    New,
    Different,
    /// It was written for what is there no more.
    Gone,
}

/// One file of the templates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    pub path: PathBuf,
    /// None: there should be no such file.
    pub text: Option<String>,
    pub change: Change,
}

pub fn run(args: SynthArgs, printer: &Printer) -> Outcome {
    let here =
        std::env::current_dir().map_err(|error| Failure::file("read the folder", ".".as_ref(), &error))?;
    let project = Project::find(&here)?;
    let stack = stack_with(&project, &args.workflows, printer)?;
    let to = args.to.unwrap_or_else(|| project.root.join("infra"));
    let files = compare(&stack, args.format, &to)?;
    let changed: Vec<&Rendered> = files.iter().filter(|file| file.change != Change::None).collect();
    if !args.check {
        changed.iter().try_for_each(|file| write(file))?;
    }
    if printer.is_json() {
        let file = |file: &Rendered| json!({ "path": project.shown(&file.path).to_string(), "change": file.change.as_str() });
        printer.json(&json!({
            "schema": "stepladder.synth/1",
            "written": !args.check,
            "files": files.iter().map(file).collect::<Vec<_>>(),
        }))?;
    } else {
        for file in &changed {
            printer.data(format!("{:9}  {}", file.change.as_str(), project.shown(&file.path)))?;
        }
        let summary = match (changed.len(), args.check) {
            (0, _) => format!("{} up to date", count(files.len(), "file")),
            (changed, true) => format!("{} of {} not up to date", changed, count(files.len(), "file")),
            (changed, false) => format!("{} of {} written", changed, count(files.len(), "file")),
        };
        printer.note(summary);
    }
    if args.check && !changed.is_empty() {
        let files: Vec<String> = changed.iter().map(|file| project.shown(&file.path).to_string()).collect();
        let message = format!("{} of the templates not up to date", count(changed.len(), "file"));
        let failure =
            Failure::new(Exit::Bad, Code::CheckFailed, message).hint("write them: stepladder synth");
        return Err(files.into_iter().fold(failure, Failure::detail));
    }
    Ok(())
}

/// The stack of a workspace. Faults of definitions are told, all at once.
pub fn stack_of(project: &Project, printer: &Printer) -> Outcome<Stack> {
    stack_with(project, &[], printer)
}

/// The stack of some workflows; of all if none is named.
fn stack_with(project: &Project, workflows: &[String], printer: &Printer) -> Outcome<Stack> {
    let definitions = Checked::all(project, Against::Programs(Some(project)), WorkflowType::Standard)?;
    let bad: Vec<&Checked> = definitions.iter().filter(|checked| checked.problems() > 0).collect();
    if !bad.is_empty() {
        bad.iter().for_each(|checked| checked.tell(printer));
        let message = format!("{} can't be deployed", count(bad.len(), "definition"));
        return Err(Failure::new(Exit::Bad, Code::CheckFailed, message));
    }
    let mut facts = facts_of(project, &definitions)?;
    if !workflows.is_empty() {
        let there: Vec<&str> = definitions.iter().map(|checked| checked.workflow.as_str()).collect();
        if let Some(unknown) = workflows.iter().find(|name| !there.contains(&name.as_str())) {
            return Err(Failure::new(
                Exit::NotFound,
                Code::UnknownWorkflow,
                format!("there is no workflow '{unknown}'"),
            )
            .hint(format!("these are: {}", there.join(", "))));
        }
        facts.keep(workflows);
    }
    Stack::of(&facts).map_err(|errors| {
        refused(errors)
            .unwrap_or_else(|| Failure::new(Exit::Bug, Code::Bug, "settings were refused without a reason"))
    })
}

/// What a stack of a workspace is made from, as far as its definitions are good.
pub fn facts_of(project: &Project, definitions: &[Checked]) -> Outcome<Facts> {
    let is_step = |function: &str| project.functions.contains_key(function);
    let named = |checked: &Checked| {
        let steps = checked.functions().into_iter().filter(|function| is_step(function));
        let definition = checked.result.as_ref().ok();
        Named {
            functions: steps.map(str::to_owned).collect(),
            calls: definition.map(|definition| calls::of(definition, is_step)).unwrap_or_default(),
            objects: definition.map(objects::of).unwrap_or_default(),
        }
    };
    let named: BTreeMap<&str, _> =
        definitions.iter().map(|checked| (checked.workflow.as_str(), named(checked))).collect();
    project.facts(|workflow| named.get(workflow).cloned().unwrap_or_default())
}

/// What is in a folder of templates, compared with what a stack's should be; by path.
pub fn compare(stack: &Stack, format: TemplateFormat, to: &Path) -> Outcome<Vec<Rendered>> {
    let sam = (format != TemplateFormat::Terraform).then(|| ("sam", "yaml", sam::render(stack)));
    let terraform = (format != TemplateFormat::Sam).then(|| ("terraform", "tf", terraform::render(stack)));
    let mut files = Vec::new();
    for (folder, extension, rendered) in sam.into_iter().chain(terraform) {
        let folder = to.join(folder);
        for stray in written_before(&folder, extension)? {
            if !rendered.contains_key(&stray) {
                files.push(Rendered { path: folder.join(stray), text: None, change: Change::Gone });
            }
        }
        for (name, text) in rendered {
            let path = folder.join(name);
            let change = match std::fs::read_to_string(&path) {
                Ok(there) if there == text => Change::None,
                Ok(_) => Change::Different,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Change::New,
                Err(error) => return Err(Failure::file("read", &path, &error)),
            };
            files.push(Rendered { path, text: Some(text), change });
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// The names of the files of a folder that this command wrote: by their first line.
fn written_before(folder: &Path, extension: &str) -> Outcome<Vec<String>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Failure::file("read the folder", folder, &error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| Failure::file("read the folder", folder, &error))?.path();
        if path.extension().is_none_or(|found| found != extension) {
            continue;
        }
        let text = std::fs::read_to_string(&path).map_err(|error| Failure::file("read", &path, &error))?;
        if text.starts_with(stepladder_infra::WRITTEN_BY)
            && let Some(name) = path.file_name()
        {
            names.push(name.to_string_lossy().into_owned());
        }
    }
    Ok(names)
}

fn write(file: &Rendered) -> Outcome {
    let Some(text) = &file.text else {
        return std::fs::remove_file(&file.path).map_err(|error| Failure::file("remove", &file.path, &error));
    };
    if let Some(folder) = file.path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| Failure::file("make the folder", folder, &error))?;
    }
    std::fs::write(&file.path, text).map_err(|error| Failure::file("write", &file.path, &error))
}

impl Change {
    pub fn as_str(self) -> &'static str {
        match self {
            Change::None => "none",
            Change::New => "new",
            Change::Different => "different",
            Change::Gone => "gone",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use stepladder_aws::{AwsHost, Environment, StackSpec, create_stack};
    use stepladder_local::{Server, ServerConfig};
    use stepladder_protocol::{Host, QueueName};

    fn own_stack() -> Stack {
        let project = Project::find(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
        let printer = Printer::new(crate::printer::Format::Text, crate::text::TimeStyle::Utc);
        stack_of(&project, &printer).unwrap()
    }

    #[tokio::test]
    async fn a_deployed_stack_has_what_a_local_one_has() {
        let server = Server::start(ServerConfig::default()).await.unwrap();
        let host = AwsHost::connect(Environment::local(&server.endpoint_url(), "synth").unwrap()).await;
        let stack = own_stack();
        let steps = stack.functions.iter().filter(|function| !function.is_system);
        let steps: Vec<(String, u32)> = steps.map(|step| (step.name.clone(), step.timeout_seconds)).collect();
        create_stack(&host, &StackSpec { steps: steps.clone(), system_timeout_seconds: 10 }).await.unwrap();

        let answer = host.dynamodb().describe_table().table_name("synth").send().await.unwrap();
        let there = answer.table.unwrap();
        macro_rules! keys {
            ($of:expr) => {
                $of.key_schema().iter().map(|key| key.attribute_name.clone()).collect::<Vec<String>>()
            };
        }
        let table = &stack.tables[0];
        assert_eq!(keys!(there), [table.partition_key, table.sort_key]);
        let mut attributes: Vec<(String, String)> = there
            .attribute_definitions()
            .iter()
            .map(|attribute| (attribute.attribute_name.clone(), attribute.attribute_type.as_str().to_owned()))
            .collect();
        let mut expected: Vec<(String, String)> =
            table.attributes.iter().map(|(name, kind)| ((*name).to_owned(), (*kind).to_owned())).collect();
        attributes.sort();
        expected.sort();
        assert_eq!(attributes, expected);
        let mut indexes: Vec<(String, Vec<String>)> = there
            .global_secondary_indexes()
            .iter()
            .map(|index| (index.index_name().unwrap_or_default().to_owned(), keys!(index)))
            .collect();
        indexes.sort();
        let mut expected: Vec<(String, Vec<String>)> = table
            .indexes
            .iter()
            .map(|index| {
                (index.name.to_owned(), vec![index.partition_key.to_owned(), index.sort_key.to_owned()])
            })
            .collect();
        expected.sort();
        assert_eq!(indexes, expected);
        let ttl = host.dynamodb().describe_time_to_live().table_name("synth").send().await.unwrap();
        let ttl = ttl.time_to_live_description.unwrap().attribute_name;
        assert_eq!(ttl.as_deref(), table.ttl);

        for (step, _) in &steps {
            let url = host.queue().url(&QueueName::Step(step.clone())).await.unwrap().unwrap();
            let answer = host.sqs().get_queue_attributes().queue_url(url).attribute_names("All".into());
            let attributes = answer.send().await.unwrap().attributes.unwrap();
            let attribute = |wanted: &str| {
                let found = attributes.iter().find(|(name, _)| name.as_str() == wanted);
                found.map(|(_, value)| value.clone()).unwrap_or_default()
            };
            let queue = stack.queue(step).unwrap();
            assert_eq!(attribute("VisibilityTimeout"), queue.visibility_seconds.to_string(), "{step}");
            assert_eq!(attribute("MessageRetentionPeriod"), queue.retention_seconds.to_string(), "{step}");
            let policy: serde_json::Value = serde_json::from_str(&attribute("RedrivePolicy")).unwrap();
            let receives = policy["maxReceiveCount"].to_string().replace('"', "");
            assert_eq!(receives, queue.receives_max.unwrap().to_string(), "{step}");
        }
        server.shutdown().await;
    }

    #[test]
    fn a_stack_of_one_workflow_has_its_steps_alone() {
        let project = Project::find(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
        let printer = Printer::new(crate::printer::Format::Text, crate::text::TimeStyle::Utc);
        let of = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            stack_with(&project, &names, &printer)
        };
        let names = |stack: &Stack| -> BTreeSet<String> {
            stack.functions.iter().map(|function| function.name.clone()).collect()
        };
        let orders = names(&of(&["order-processing"]).unwrap());
        assert!(orders.contains("validate-order") && orders.contains("start"), "{orders:?}");
        assert!(!orders.contains("validate-hire"), "{orders:?}");
        let all = names(&own_stack());
        assert!(orders.len() < all.len() && orders.is_subset(&all));
        assert!(of(&["orders"]).unwrap_err().to_string().contains("orders"));
    }

    #[test]
    fn the_stack_has_a_queue_for_each_that_the_system_names() {
        let stack = own_stack();
        for name in crate::project::SYSTEM_QUEUES.iter().filter(|name| !["status", "invoke"].contains(name)) {
            assert!(stack.queue(name).is_some(), "{name}");
        }
    }
}
