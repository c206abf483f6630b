//! `stepladder deploy-definition`.

use crate::{
    calls, completion,
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
use stepladder_asl::{Definition, Unsupported, WorkflowType};
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
    #[arg(add = completion::workspace_workflows())]
    workflows: Vec<String>,
    /// Say what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Also where a state names a function that the stack doesn't have, or calls what the stack may not
    #[arg(long)]
    force: bool,
    /// Also where a state calls what Stepladder can't: a run that comes to it fails there, with States.Runtime
    #[arg(long)]
    allow_unsupported: bool,
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
        return deploy(stack, &[(workflow.clone(), definition)], &args, printer).await;
    }
    let here =
        std::env::current_dir().map_err(|error| Failure::file("read the folder", ".".as_ref(), &error))?;
    let project = Project::find(&here)?;
    let unsupported = unsupported(args.allow_unsupported);
    let definitions = read(&project, &args.workflows, unsupported, printer)?;
    deploy(stack, &definitions, &args, printer).await
}

/// What `--allow-unsupported` means.
pub(crate) fn unsupported(is_allowed: bool) -> Unsupported {
    if is_allowed { Unsupported::Taken } else { Unsupported::Refused }
}

/// The definitions of the workspace that are meant. All that is wrong with them is told at once.
pub(crate) fn read(
    project: &Project,
    workflows: &[String],
    unsupported: Unsupported,
    printer: &Printer,
) -> Outcome<Vec<(String, Definition)>> {
    let mut all = Checked::all(project, Against::Stack(project, unsupported), WorkflowType::Standard)?;
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
) -> Outcome {
    let mut plans = plans(stack, definitions).await?;
    if !args.force {
        check_functions(stack, &plans)?;
        calls::check_allowed(stack, definitions.iter().map(|(_, definition)| definition)).await?;
    }
    match args.dry_run {
        true => tell(&plans, printer)?,
        false => put(stack, definitions, &mut plans, printer).await?,
    }
    if printer.is_json() {
        printer.json_list(&plans)?;
    } else if args.dry_run {
        printer.note("nothing was changed: --dry-run");
    }
    Ok(())
}

/// What would become of each definition.
pub(crate) async fn plans(stack: &Stack, definitions: &[(String, Definition)]) -> Outcome<Vec<Deployed>> {
    let mut plans = Vec::new();
    for (workflow, definition) in definitions {
        plans.push(plan(stack, workflow, definition).await?);
    }
    Ok(plans)
}

/// The same for a stack that isn't there yet.
pub(crate) fn plans_of_new(definitions: &[(String, Definition)]) -> Vec<Deployed> {
    let first = |(workflow, definition): &(String, Definition)| {
        Deployed::new(workflow, definition, None, None, Vec::new())
    };
    definitions.iter().map(first).collect()
}

/// Refuses definitions whose functions the stack doesn't have.
pub(crate) fn check_functions(stack: &Stack, plans: &[Deployed]) -> Outcome {
    let missing: BTreeSet<&str> =
        plans.iter().flat_map(|plan| &plan.missing_functions).map(String::as_str).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let missing: Vec<&str> = missing.into_iter().collect();
    let message = format!("the stack {} has no function {}", stack.target.stack(), missing.join(", "));
    Err(Failure::new(Exit::Bad, Code::NotBuilt, message)
        .detail("a run that comes to such a state fails with Lambda.ResourceNotFoundException")
        .hint("deploy them first: `stepladder deploy`; or put the definitions all the same: --force"))
}

/// Puts those that differ, and tells each in text.
pub(crate) async fn put(
    stack: &Stack,
    definitions: &[(String, Definition)],
    plans: &mut [Deployed],
    printer: &Printer,
) -> Outcome {
    for ((workflow, definition), plan) in definitions.iter().zip(plans) {
        if plan.is_due() {
            stack.protocol.publish(workflow, definition).await?;
            plan.result = "deployed";
        }
        tell(std::slice::from_ref(plan), printer)?;
    }
    Ok(())
}

/// A line and more for each, in text.
pub(crate) fn tell(plans: &[Deployed], printer: &Printer) -> Outcome {
    if printer.is_json() {
        return Ok(());
    }
    plans.iter().try_for_each(|plan| printer.data(lines(plan, printer).join("\n")))
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
    for function in functions(definition).difference(&calls::may_be_outside(definition)) {
        let queue = QueueName::Step((*function).to_owned());
        if stack.protocol.host().queue().url(&queue).await?.is_none() {
            missing_functions.push((*function).to_owned());
        }
    }
    Ok(Deployed::new(workflow, definition, previous, before.as_ref(), missing_functions))
}

impl Deployed {
    fn new(
        workflow: &str,
        definition: &Definition,
        previous: Option<String>,
        before: Option<&Definition>,
        missing_functions: Vec<String>,
    ) -> Self {
        let (added, removed, changed) = compare(before, definition);
        let is_current = previous.as_ref() == Some(&definition.hash);
        Self {
            schema: "stepladder.deployed-definition/1",
            workflow: workflow.to_owned(),
            hash: definition.hash.clone(),
            previous,
            result: if is_current { "unchanged" } else { "would_deploy" },
            added,
            removed,
            changed,
            missing_functions,
        }
    }

    /// Whether new runs take another version as long as it isn't put.
    pub(crate) fn is_due(&self) -> bool {
        self.result == "would_deploy"
    }

    /// The same where these functions are there by the time that it is put.
    pub(crate) fn with_functions(mut self, comes: impl Fn(&str) -> bool) -> Self {
        self.missing_functions.retain(|function| !comes(function));
        self
    }
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
        // Whole: `--hash` takes it back.
        (Some(previous), _) => format!(", before {}", escaped(previous)),
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
            format!("order  new runs would take 11111111, before {}", "0".repeat(32))
        );
        assert_eq!(plain[1..3], ["    + C", "    - B"]);
        assert!(plain[3].ends_with("the stack has no function ship"), "{plain:?}");
        assert_eq!(deployed.with_functions(|name| name == "ship").missing_functions, [""; 0]);
    }

    #[test]
    fn in_a_new_stack_each_version_is_the_first() {
        let definitions = [("order".to_owned(), definition(r#""A":{"Type":"Succeed"}"#))];
        let plans = plans_of_new(&definitions);
        assert!(plans.len() == 1 && plans[0].is_due() && plans[0].previous.is_none(), "{plans:?}");
        let (_, same) = &definitions[0];
        let again = Deployed::new("order", same, Some(same.hash.clone()), Some(same), vec![]);
        assert_eq!((again.result, again.is_due()), ("unchanged", false));
    }

    /// Without escapes for colours.
    fn plain(line: &str) -> String {
        anstream::adapter::strip_str(line).to_string()
    }
}
