//! `stepladder doctor`.

use crate::{
    args::Global,
    aws_cli::AwsCli,
    connect::{Stack, Target},
    definitions::{Against, Checked},
    doctor::{CHECKS, Facts, Finding, Question, Questions, Severity, catch_seconds, questions},
    exit::Exit,
    failure::{Code, Failure, Outcome},
    limits,
    printer::Printer,
    project::Project,
    style::{self, paint},
    text::{count, escaped},
};
use futures::{StreamExt, stream};
use serde_json::json;
use std::collections::BTreeMap;
use stepladder_asl::{Definition, WorkflowType};
use stepladder_infra as infra;

/// Check a live stack against its template: what is wrong, why it matters, and how to mend it
///
/// Reads only. Exits 1 if something is wrong; notes alone exit 0.
#[derive(Debug, clap::Args)]
pub struct DoctorArgs {
    /// Don't ask IAM whether the roles may do what they have to
    #[arg(long)]
    no_permissions: bool,
}

/// What came of the permissions.
enum Permissions {
    /// What was found, and what could not be asked.
    Checked(Vec<Finding>, Vec<String>),
    /// They could not be asked about; why.
    NotChecked(String),
}

pub async fn run(args: DoctorArgs, global: &Global, printer: &Printer) -> Outcome {
    let here =
        std::env::current_dir().map_err(|error| Failure::file("read the folder", ".".as_ref(), &error))?;
    let project = Project::find(&here)?;
    let definitions = definitions(&project)?;
    let model = super::synth::stack_of(&project, printer)?;
    let target = Target::find_deployed(global, printer).await?;
    let stack = Stack::of(target).await?;
    printer.status(format!("looking at {}", stack.target.describe()));
    let facts = Facts::gather(&stack, &model, &project, &definitions).await?;
    let permissions = match args.no_permissions {
        true => Permissions::NotChecked("--no-permissions".to_owned()),
        false => simulate(&stack.target, &questions(&model, &facts), printer).await,
    };
    printer.clear_status();
    report(&model, &facts, permissions, &stack, printer)
}

/// Those that can be read: what is wrong with the others is `stepladder check`'s to tell.
fn definitions(project: &Project) -> Outcome<BTreeMap<String, Definition>> {
    let all = Checked::all(project, Against::Language, WorkflowType::Standard)?;
    Ok(all.into_iter().filter_map(|checked| Some((checked.workflow, checked.result.ok()?))).collect())
}

/// Asks IAM (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html>), by the AWS CLI: its SDK
/// is a minute of compiling for this one call.
async fn simulate(target: &Target, questions: &Questions, printer: &Printer) -> Permissions {
    let aws = match AwsCli::find(target).await {
        Ok(aws) => aws,
        Err(failure) => return Permissions::NotChecked(failure.message),
    };
    printer.status("asking IAM about the roles");
    // The simulators of emulators know no context: what hangs on a condition would always be refused.
    let is_askable = |question: &&Question| question.context.is_empty() || !target.access.is_local();
    let asked: Vec<&Question> = questions.asked.iter().filter(is_askable).collect();
    let left_out = left_out(questions.asked.len() - asked.len(), questions.untold);
    let mut answers =
        stream::iter(asked).map(|question| ask(&aws, question)).buffered(limits::QUESTIONS_AT_ONCE);
    let mut found = Vec::new();
    while let Some(answer) = answers.next().await {
        match answer {
            Ok(findings) => found.extend(findings),
            Err(why) => return Permissions::NotChecked(why),
        }
    }
    Permissions::Checked(found, left_out)
}

/// What is said of statements that nobody is asked about.
fn left_out(conditional: usize, untold: usize) -> Vec<String> {
    let mut left_out = Vec::new();
    if conditional > 0 {
        left_out.push(format!("{} with conditions: not on an emulator", count(conditional, "statement")));
    }
    if untold > 0 {
        left_out
            .push(format!("{}: no function tells which role or resource it is", count(untold, "statement")));
    }
    left_out
}

async fn ask(aws: &AwsCli, question: &Question) -> Result<Vec<Finding>, String> {
    let mut args = vec!["iam", "simulate-principal-policy", "--policy-source-arn", &question.role_arn];
    args.push("--action-names");
    args.extend(question.actions.iter().map(String::as_str));
    args.push("--resource-arns");
    args.extend(question.resources.iter().map(String::as_str));
    let context = question.context_json();
    if !question.context.is_empty() {
        args.extend(["--context-entries", &context]);
    }
    let answer = aws
        .json(&args)
        .await
        .map_err(|failure| failure.details.first().cloned().unwrap_or_else(|| failure.message.clone()))?;
    question.judge(&answer)
}

/// Tells all of it: the shape `stepladder.doctor/1`.
fn report(
    model: &infra::Stack,
    facts: &Facts,
    permissions: Permissions,
    stack: &Stack,
    printer: &Printer,
) -> Outcome {
    let mut checked: Vec<(&str, Vec<Finding>)> =
        CHECKS.iter().map(|(name, check)| (*name, check(model, facts))).collect();
    let not_checked = match permissions {
        Permissions::Checked(found, left_out) => {
            checked.push(("permissions", found));
            (!left_out.is_empty()).then(|| left_out.join("; "))
        }
        Permissions::NotChecked(why) => Some(why),
    };
    let findings: Vec<&Finding> = checked.iter().flat_map(|(_, found)| found).collect();
    let wrong = findings.iter().filter(|finding| finding.severity == Severity::Wrong).count();
    let steps = model.functions.iter().filter(|function| !function.is_system);
    let catches: BTreeMap<&str, Option<u64>> =
        steps.map(|step| (step.name.as_str(), catch_seconds(&step.name, facts))).collect();
    if printer.is_json() {
        printer.json(&json!({
            "schema": "stepladder.doctor/1",
            "ok": wrong == 0,
            "stack": facts.stack,
            "region": facts.region,
            "account": facts.account,
            "findings": findings,
            "checked": checked.iter().map(|(name, _)| name).collect::<Vec<_>>(),
            "not_checked": not_checked.as_ref().map(|why| json!({ "permissions": why })).unwrap_or(json!({})),
            "catch_seconds": catches,
            "api_url": facts.api_url.as_ref().map(|url| &url.url),
        }))?;
    } else {
        for (name, found) in &checked {
            printer.data(lines(name, found, printer).join("\n"))?;
        }
        if let Some(why) = &not_checked {
            let glyph = paint(style::DIM, printer.glyphs.skipped);
            printer.data(format!("{glyph} permissions: not checked: {}", escaped(why)))?;
        }
        if model.api.is_some() {
            printer.note(api_note(facts));
        }
        if let Some((step, Some(seconds))) = catches.iter().max_by_key(|(_, seconds)| **seconds) {
            printer.note(format!(
                "a step that always dies reaches its Catch within {} s ({})",
                seconds,
                escaped(step)
            ));
        }
    }
    if wrong == 0 {
        return Ok(());
    }
    let message = format!("{} wrong with {}", count(wrong, "thing"), stack.target.describe());
    let failure = Failure::new(Exit::Bad, Code::Unwell, message);
    Err(Failure { is_told: printer.is_json(), ..failure })
}

/// Whether the stack answers the API, which is either way well.
fn api_note(facts: &Facts) -> String {
    match &facts.api_url {
        Some(url) => format!("the Step Functions API is answered at {}", escaped(&url.url)),
        None if facts.functions.contains_key(infra::API_FUNCTION) => {
            "the Step Functions API has a function, and no URL".to_owned()
        }
        None => format!(
            "the Step Functions API is off; `stepladder deploy --parameter {}=true` switches it on",
            infra::Api::SWITCH
        ),
    }
}

fn lines(name: &str, found: &[Finding], printer: &Printer) -> Vec<String> {
    let worst = found.iter().map(|finding| finding.severity).min();
    let (glyph, style) = match worst {
        None => (printer.glyphs.good, style::GOOD),
        Some(Severity::Note) => (printer.glyphs.warning, style::WARNING),
        Some(Severity::Wrong) => (printer.glyphs.bad, style::ERROR),
    };
    let mut lines = vec![format!("{} {name}", paint(style, glyph))];
    for finding in found {
        lines.push(format!(
            "    {}: {}",
            paint(style::ID, escaped(&finding.subject)),
            escaped(&finding.what)
        ));
        lines.push(format!("      why: {}", escaped(&finding.why)));
        lines.push(format!("      {} {}", paint(style::HINT, "mend:"), escaped(&finding.mend)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whether_the_api_is_there_is_told() {
        let mut facts = Facts::default();
        assert!(api_note(&facts).contains("is off; `stepladder deploy --parameter ApiEnabled=true`"));
        facts.functions.insert("api".to_owned(), stepladder_aws::LiveFunction::default());
        assert!(api_note(&facts).ends_with("and no URL"));
        let url = "https://x.lambda-url.eu-west-1.on.aws/".to_owned();
        facts.api_url = Some(stepladder_aws::LiveUrl { url, ..stepladder_aws::LiveUrl::default() });
        assert!(api_note(&facts).ends_with("answered at https://x.lambda-url.eu-west-1.on.aws/"));
    }

    #[test]
    fn what_is_not_asked_is_counted_by_its_reason() {
        assert_eq!(left_out(0, 0), [""; 0]);
        let both = left_out(2, 1);
        assert_eq!(both[0], "2 statements with conditions: not on an emulator");
        assert!(both[1].starts_with("1 statement: "), "{both:?}");
    }
}
