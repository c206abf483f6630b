//! `stepladder deploy-definition`.

use crate::{
    connect::Stack,
    definitions::{Against, Checked, Problem},
    exit::Exit,
    failure::{Code, Failure, Outcome},
    printer::Printer,
    project::Project,
    runs::known,
    style::{self, paint},
    text::{count, escaped},
};
use serde::Serialize;
use std::collections::BTreeSet;
use stepladder_asl::{Definition, WorkflowType};
use stepladder_protocol::{Host, QueueName, Store};

/// Put definitions into a stack: what new runs take
///
/// Runs that still go keep the version that they were started with. New runs take the new one within seconds.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  stepladder deploy-definition --dry-run               what would change
  stepladder deploy-definition order-processing        one workflow
  stepladder deploy-definition order-processing --hash 3f2a…    back to a version that the stack has")]
pub struct DeployDefinitionArgs {
    /// Workflows of this workspace. Unless given: all
    workflows: Vec<String>,
    /// Say what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Also where a state names a function that the stack doesn't have
    #[arg(long)]
    force: bool,
    /// Make this version the current one, which the stack has from before; its whole hash
    #[arg(long, value_name = "HASH")]
    hash: Option<String>,
}

/// What became of one workflow, or would: the shape `stepladder.deployed-definition/1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Deployed {
    schema: &'static str,
    workflow: String,
    /// The version's hash.
    hash: String,
    /// The version that new runs took before; null if there was none.
    previous: Option<String>,
    result: &'static str,
    /// States by name.
    added: Vec<String>,
    removed: Vec<String>,
    changed: Vec<String>,
    /// Functions that its states name and the stack doesn't have.
    missing_functions: Vec<String>,
}

pub async fn run(args: DeployDefinitionArgs, stack: &Stack, printer: &Printer) -> Outcome {
    if let Some(hash) = &args.hash {
        let [workflow] = args.workflows.as_slice() else {
            return Err(Failure::new(
                Exit::Usage,
                Code::InvalidOption,
                "--hash names a version of one workflow",
            )
            .hint("name that workflow: stepladder deploy-definition <workflow> --hash <hash>"));
        };
        let definition = stored(stack, workflow, hash).await?;
        return deploy(stack, &[(workflow.clone(), definition)], &args, printer).await.map(|_| ());
    }
    let here =
        std::env::current_dir().map_err(|error| Failure::file("read the folder", ".".as_ref(), &error))?;
    let project = Project::find(&here)?;
    let definitions = read(&project, &args.workflows, printer)?;
    deploy(stack, &definitions, &args, printer).await.map(|_| ())
}

/// All definitions of a workspace: what `stepladder deploy` does at its end.
pub(crate) async fn run_all(stack: &Stack, project: &Project, printer: &Printer) -> Outcome {
    let definitions = read(project, &[], printer)?;
    let args = DeployDefinitionArgs { workflows: Vec::new(), dry_run: false, force: false, hash: None };
    deploy(stack, &definitions, &args, printer).await.map(|_| ())
}

/// The definitions of the workspace that are meant. All that is wrong with them is told at once.
pub(crate) fn read(
    project: &Project,
    workflows: &[String],
    printer: &Printer,
) -> Outcome<Vec<(String, Definition)>> {
    let mut all = Checked::all(project, Against::Stack(project), WorkflowType::Standard)?;
    let names: Vec<String> = all.iter().map(|checked| checked.workflow.clone()).collect();
    for workflow in workflows {
        known(workflow, &names)?;
    }
    all.retain(|checked| workflows.is_empty() || workflows.contains(&checked.workflow));
    let problems: usize = all.iter().map(Checked::problems).sum();
    if problems > 0 {
        for checked in &all {
            match (&checked.result, printer.is_json()) {
                (Err(Problem::Faults(faults)), true) => {
                    faults.iter().for_each(|fault| printer.warning(format!("{}:{fault}", checked.shown)));
                }
                (Err(_), _) => checked.tell(printer),
                (Ok(_), _) => {}
            }
        }
        let message = format!("{} in {}", count(problems, "problem"), count(all.len(), "definition"));
        return Err(Failure::new(Exit::Bad, Code::CheckFailed, message)
            .hint("nothing was deployed; `stepladder check` shows them again"));
    }
    Ok(all.into_iter().filter_map(|checked| Some((checked.workflow, checked.result.ok()?))).collect())
}

/// A version that the stack has.
async fn stored(stack: &Stack, workflow: &str, hash: &str) -> Outcome<Definition> {
    let Some(text) = stack.store().definition(workflow, hash).await? else {
        let message = format!("the stack has no version {hash} of '{workflow}'");
        return Err(Failure::new(Exit::NotFound, Code::UnknownWorkflow, message)
            .hint("`stepladder run show` names the version of a run, in `-o json` as `definition`"));
    };
    Definition::parse(&text).map_err(|faults| {
        let message = format!("the version {hash} of '{workflow}' can't be read by this program");
        Failure::new(Exit::Bad, Code::CheckFailed, message).detail(faults.to_string())
    })
}

/// Looks at all of them first: either all are put, or none.
async fn deploy(
    stack: &Stack,
    definitions: &[(String, Definition)],
    args: &DeployDefinitionArgs,
    printer: &Printer,
) -> Outcome<Vec<Deployed>> {
    let mut planned = Vec::new();
    for (workflow, definition) in definitions {
        planned.push(plan(stack, workflow, definition).await?);
    }
    let missing: BTreeSet<&str> =
        planned.iter().flat_map(|planned| &planned.missing_functions).map(String::as_str).collect();
    if !missing.is_empty() && !args.force {
        let missing: Vec<&str> = missing.into_iter().collect();
        let message = format!("the stack {} has no function {}", stack.target.stack(), missing.join(", "));
        return Err(Failure::new(Exit::Bad, Code::NotBuilt, message)
            .detail("a run that comes to such a state fails with Lambda.ResourceNotFoundException")
            .hint("deploy them first: `stepladder deploy`; or put the definitions all the same: --force"));
    }
    for ((workflow, definition), planned) in definitions.iter().zip(&mut planned) {
        let is_current = planned.previous.as_ref() == Some(&planned.hash);
        planned.result = match (is_current, args.dry_run) {
            (true, _) => "unchanged",
            (false, true) => "would_deploy",
            (false, false) => {
                stack.protocol.publish(workflow, definition).await?;
                "deployed"
            }
        };
        if !printer.is_json() {
            printer.data(lines(planned, printer).join("\n"))?;
        }
    }
    if printer.is_json() {
        printer.json_list(&planned)?;
    } else if args.dry_run {
        printer.note("nothing was changed: --dry-run");
    }
    Ok(planned)
}

async fn plan(stack: &Stack, workflow: &str, definition: &Definition) -> Outcome<Deployed> {
    let previous = stack.store().current(workflow).await?;
    let before = match &previous {
        Some(hash) => stack.store().definition(workflow, hash).await?,
        None => None,
    };
    // One that is damaged or newer is replaced all the same: then every state counts as added.
    let before = before.and_then(|text| Definition::parse(&text).ok());
    let mut missing_functions = Vec::new();
    for function in functions(definition) {
        let queue = QueueName::Step(function.to_owned());
        if stack.protocol.host().queue().url(&queue).await?.is_none() {
            missing_functions.push(function.to_owned());
        }
    }
    let (added, removed, changed) = compare(before.as_ref(), definition);
    Ok(Deployed {
        schema: "stepladder.deployed-definition/1",
        workflow: workflow.to_owned(),
        hash: definition.hash.clone(),
        previous,
        result: "unchanged",
        added,
        removed,
        changed,
        missing_functions,
    })
}

/// The functions that its Task states name.
pub(crate) fn functions(definition: &Definition) -> BTreeSet<&str> {
    definition.states.keys().filter_map(|state| stepladder_engine::function_of(definition, state)).collect()
}

/// The names of the states that came, went, and changed.
fn compare(before: Option<&Definition>, after: &Definition) -> (Vec<String>, Vec<String>, Vec<String>) {
    let Some(before) = before else {
        return (after.states.keys().cloned().collect(), Vec::new(), Vec::new());
    };
    let added = after.states.keys().filter(|name| !before.states.contains_key(*name)).cloned().collect();
    let removed = before.states.keys().filter(|name| !after.states.contains_key(*name)).cloned().collect();
    let changed =
        |name: &&String| before.states.get(*name).is_some_and(|old| after.states.get(*name) != Some(old));
    (added, removed, after.states.keys().filter(changed).cloned().collect())
}

fn lines(deployed: &Deployed, printer: &Printer) -> Vec<String> {
    let short = |hash: &str| hash.chars().take(8).collect::<String>();
    let (glyph, style, said) = match deployed.result {
        "deployed" => (printer.glyphs.good, style::GOOD, "new runs take"),
        "would_deploy" => (printer.glyphs.arrow, style::HINT, "new runs would take"),
        _ => (printer.glyphs.good, style::DIM, "unchanged:"),
    };
    let before = match (&deployed.previous, deployed.result) {
        (_, "unchanged") => String::new(),
        (Some(previous), _) => format!(", before {}", short(previous)),
        (None, _) => ", the first version".to_owned(),
    };
    let mut lines = vec![format!(
        "{} {}  {said} {}{before}",
        paint(style, glyph),
        paint(style::ID, escaped(&deployed.workflow)),
        short(&deployed.hash)
    )];
    let is_first = deployed.previous.is_none();
    let states = [("+", &deployed.added), ("-", &deployed.removed), ("~", &deployed.changed)];
    for (sign, names) in states.iter().filter(|_| !is_first) {
        lines.extend(names.iter().map(|name| format!("    {sign} {}", escaped(name))));
    }
    let nothing = deployed.result != "unchanged" && states.iter().all(|(_, names)| names.is_empty());
    if nothing && !is_first {
        lines.push("    no state differs; something around them does".to_owned());
    }
    for function in &deployed.missing_functions {
        lines.push(format!("    {} the stack has no function {}", printer.glyphs.warning, escaped(function)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{printer::Format, text::TimeStyle};

    fn definition(states: &str) -> Definition {
        Definition::parse(&format!(r#"{{"StartAt":"A","States":{{{states}}}}}"#)).unwrap()
    }

    #[test]
    fn what_changed_is_told_by_state() {
        let before = definition(r#""A":{"Type":"Pass","Next":"B"},"B":{"Type":"Succeed"}"#);
        let after = definition(r#""A":{"Type":"Pass","Next":"C"},"C":{"Type":"Succeed"}"#);
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(compare(Some(&before), &after), (names(&["C"]), names(&["B"]), names(&["A"])));
        assert_eq!(compare(None, &after).0, names(&["A", "C"]));
        assert_eq!(compare(Some(&after), &after), (vec![], vec![], vec![]));
    }

    #[test]
    fn a_version_is_a_line_and_each_state_that_differs_is_one() {
        let printer = Printer::new(Format::Text, TimeStyle::Utc);
        let deployed = Deployed {
            schema: "stepladder.deployed-definition/1",
            workflow: "order".into(),
            hash: "1".repeat(32),
            previous: Some("0".repeat(32)),
            result: "would_deploy",
            added: vec!["C".into()],
            removed: vec!["B".into()],
            changed: vec![],
            missing_functions: vec!["ship".into()],
        };
        let plain: Vec<String> = lines(&deployed, &printer).iter().map(|line| plain(line)).collect();
        assert_eq!(
            plain[0].split_once(' ').unwrap().1,
            "order  new runs would take 11111111, before 00000000"
        );
        assert_eq!(plain[1..3], ["    + C", "    - B"]);
        assert!(plain[3].ends_with("the stack has no function ship"), "{plain:?}");
    }

    /// Without escapes for colours.
    fn plain(line: &str) -> String {
        anstream::adapter::strip_str(line).to_string()
    }
}
