//! `stepladder deploy`.

use super::{
    deploy_definition,
    synth::{self, Change as Rendering, TemplateFormat},
};
use crate::{
    args::Global,
    aws_cli::{AwsCli, shown},
    cloudformation::{Change, changes, failed, settled, status},
    confirm::confirm,
    connect::{Stack, Target},
    exit::Exit,
    failure::{Code, Failure, Outcome},
    limits,
    printer::Printer,
    project::Project,
    style::{self, paint},
    text::{count, escaped},
};
use serde_json::json;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};
use stepladder_infra::Stack as Model;

/// Deploy the workspace to AWS: functions, queues, table, and all around them
///
/// It shows what would change before anything does, asks, deploys by CloudFormation, waits for its end, and puts the
/// definitions. The functions must have been built: `make build`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  stepladder deploy --env prod
  stepladder deploy --env prod --dry-run                        what would change, and no more
  stepladder deploy --env test --parameter PointInTimeRecovery=false --yes")]
pub struct DeployArgs {
    /// A parameter of the template; those that are not given stay as they are
    #[arg(long, value_name = "NAME=VALUE", value_parser = parameter)]
    parameter: Vec<String>,
    /// The template to deploy
    #[arg(long, value_name = "FILE", default_value = "infra/sam/template.yaml")]
    template: PathBuf,
    /// The bucket for the functions' zips. Unless given stepladder-artifacts-ACCOUNT-REGION, which is made where it is
    /// missing
    #[arg(long, value_name = "BUCKET", env = "STEPLADDER_ARTIFACTS", hide_env = true)]
    artifacts: Option<String>,
    /// Show what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
}

fn parameter(text: &str) -> Result<String, String> {
    match text.split_once('=') {
        Some((name, _)) if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
            Ok(text.to_owned())
        }
        _ => Err("NAME=VALUE is expected, like PointInTimeRecovery=false".to_owned()),
    }
}

pub async fn run(args: DeployArgs, global: &Global, printer: &Printer) -> Outcome {
    let here =
        std::env::current_dir().map_err(|error| Failure::file("read the folder", ".".as_ref(), &error))?;
    let project = Project::find(&here)?;
    // What is wrong here is told before anything is asked of AWS.
    deploy_definition::read(&project, &[], printer)?;
    let template = project.root.join(&args.template);
    let is_ours = args.template == Path::new("infra/sam/template.yaml");
    let model = synth::stack_of(&project, printer)?;
    check_built(&project, &model, &template, is_ours)?;
    let target = Target::find_deployed(global, printer).await?;
    if is_ours {
        let of_template = parameters(&args.parameter, &target.parameters);
        check_architecture(&project.root.join("target/lambda/architecture"), &of_template, printer)?;
    }
    model.check_name(target.stack()).map_err(|message| {
        Failure::new(Exit::Usage, Code::InvalidName, message)
            .hint("--env, or STEPLADDER_STACK, names another")
    })?;
    let aws = AwsCli::find(&target).await?;
    let is_new = check_ready(&aws, target.stack(), printer).await?;
    printer.note(format!("{} {}", if is_new { "creating" } else { "updating" }, target.describe()));
    let changed = match change_set(&args, &project, &template, &target, &aws, printer).await? {
        None => {
            printer.note("the stack is as its template says: nothing to change");
            false
        }
        Some(change_set) => execute(&change_set, &args, &target, &aws, is_new, global.yes, printer).await?,
    };
    if args.dry_run || (is_new && !changed) {
        return Ok(());
    }
    let stack = Stack::of(target).await?;
    deploy_definition::run_all(&stack, &project, printer).await?;
    printer.note("deployed; `stepladder doctor` looks whether all is well");
    Ok(())
}

/// The template and each function's zip.
fn check_built(project: &Project, model: &Model, template: &Path, is_ours: bool) -> Outcome {
    if !template.is_file() {
        let message = format!("there is no template {}", project.shown(template));
        return Err(
            Failure::new(Exit::NotFound, Code::NotBuilt, message).hint("write it: `stepladder synth`")
        );
    }
    if !is_ours {
        return Ok(());
    }
    let files = synth::compare(model, TemplateFormat::Sam, &project.root.join("infra"))?;
    if let Some(stale) = files.iter().find(|file| file.change != Rendering::None) {
        let message = format!("{} is not as the workspace says", project.shown(&stale.path));
        return Err(Failure::new(Exit::Bad, Code::CheckFailed, message)
            .hint("write it: `stepladder synth`, and look at what changed"));
    }
    let zip = |name: &String| project.root.join("target/lambda").join(name).join("bootstrap.zip");
    let missing: Vec<&str> =
        project.functions.keys().filter(|name| !zip(name).is_file()).map(String::as_str).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let message =
        format!("{} not built for Lambda: {}", count(missing.len(), "function"), missing.join(", "));
    Err(Failure::new(Exit::NotFound, Code::NotBuilt, message)
        .detail(format!("looked for {}", project.root.join("target/lambda/<name>/bootstrap.zip").display()))
        .hint("build them: `make build`"))
}

/// Whether the zips are for the processor that the template is told; `built` is what `make build` says of them. Lambda takes a
/// zip for the wrong one, and each call of the function then dies.
fn check_architecture(built: &Path, parameters: &[String], printer: &Printer) -> Outcome {
    // Zips that came here another way say nothing of themselves.
    let Ok(text) = std::fs::read_to_string(built) else {
        return Ok(());
    };
    let built = text.trim();
    match parameters.iter().find_map(|pair| pair.strip_prefix("Architecture=")) {
        Some(wanted) if wanted == built => {}
        Some(wanted) => {
            let message = format!("the functions are built for {built}, and Architecture is {wanted}");
            return Err(Failure::new(Exit::Bad, Code::CheckFailed, message)
                .hint(format!("build them anew: `make build ARCH={wanted}`")));
        }
        // A stack keeps what it was once given; a new one is arm64.
        None if built == "arm64" => {}
        None => printer.warning(format!(
            "the functions are built for {built}: the stack must have been told so, by --parameter Architecture={built}"
        )),
    }
    Ok(())
}

/// Whether the stack is new; an error if it can't take a change set now.
async fn check_ready(aws: &AwsCli, stack: &str, printer: &Printer) -> Outcome<bool> {
    match status(aws, stack).await? {
        None => Ok(true),
        // A change set that was never executed.
        Some((status, _)) if status == "REVIEW_IN_PROGRESS" => Ok(true),
        Some((status, _)) if status == "ROLLBACK_COMPLETE" => {
            printer.detail("its first deployment failed");
            Err(Failure::new(Exit::Conflict, Code::WrongStatus, format!("the stack {stack} is {status}"))
                .detail("its first deployment failed, and CloudFormation can only delete it now")
                .hint("`stepladder destroy --delete-data`, then deploy again: no run can have started in it"))
        }
        Some((status, _)) if status.ends_with("_IN_PROGRESS") => {
            Err(Failure::new(Exit::Conflict, Code::WrongStatus, format!("the stack {stack} is {status}"))
                .hint("somebody is deploying it; try again when that has ended"))
        }
        Some(_) => Ok(false),
    }
}

/// Uploads the zips and makes a change set: its ARN; `None` if nothing differs.
async fn change_set(
    args: &DeployArgs,
    project: &Project,
    template: &Path,
    target: &Target,
    aws: &AwsCli,
    printer: &Printer,
) -> Outcome<Option<String>> {
    let stack = target.stack();
    let bucket = artifacts(args, target, aws, printer).await?;
    let packaged = project.target_dir.join("stepladder").join(format!("{stack}.packaged.yaml"));
    if let Some(folder) = packaged.parent() {
        std::fs::create_dir_all(folder).map_err(|error| Failure::file("make the folder", folder, &error))?;
    }
    printer.status("uploading the functions");
    let package: Vec<String> = [
        "cloudformation",
        "package",
        "--template-file",
        &shown(template),
        "--s3-bucket",
        &bucket,
        "--s3-prefix",
        stack,
        "--output-template-file",
        &shown(&packaged),
    ]
    .map(str::to_owned)
    .into();
    aws.run(&package).await?;
    printer.status("making the change set");
    let mut deploy: Vec<String> = [
        "cloudformation",
        "deploy",
        "--no-execute-changeset",
        "--no-fail-on-empty-changeset",
        "--template-file",
        &shown(&packaged),
        "--stack-name",
        stack,
        // A large template goes over the bucket.
        "--s3-bucket",
        &bucket,
        "--s3-prefix",
        stack,
        "--capabilities",
        "CAPABILITY_NAMED_IAM",
        "CAPABILITY_AUTO_EXPAND",
    ]
    .map(str::to_owned)
    .into();
    let parameters = parameters(&args.parameter, &target.parameters);
    if !parameters.is_empty() {
        deploy.push("--parameter-overrides".to_owned());
        deploy.extend(parameters);
    }
    let said = aws.run(&deploy).await;
    printer.clear_status();
    let said = said?;
    let mut words = said.split_whitespace();
    words.find(|word| *word == "--change-set-name");
    match (words.next(), said.contains("No changes to deploy")) {
        (Some(arn), _) => Ok(Some(arn.to_owned())),
        (None, true) => Ok(None),
        (None, false) => {
            let failure =
                Failure::new(Exit::Bad, Code::StackFailed, "`aws cloudformation deploy` names no change set");
            Err(said.lines().take(10).fold(failure, Failure::detail))
        }
    }
}

/// The parameters that are given: those of the command line go before those of `stepladder.toml`.
fn parameters(given: &[String], of_env: &BTreeMap<String, String>) -> Vec<String> {
    let mut all = of_env.clone();
    all.extend(
        given
            .iter()
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    all.into_iter().map(|(name, value)| format!("{name}={value}")).collect()
}

/// The bucket that the zips go to.
async fn artifacts(args: &DeployArgs, target: &Target, aws: &AwsCli, printer: &Printer) -> Outcome<String> {
    let settings = &target.environment.settings;
    let bucket = match &args.artifacts {
        Some(bucket) => return Ok(bucket.clone()),
        None => format!("stepladder-artifacts-{}-{}", settings.account, settings.region),
    };
    if aws.run(["s3api", "head-bucket", "--bucket", &bucket]).await.is_ok() {
        return Ok(bucket);
    }
    printer.note(format!("making the bucket {bucket} for the functions' zips"));
    let place = format!("LocationConstraint={}", settings.region);
    let mut creation = vec!["s3api", "create-bucket", "--bucket", &bucket];
    // us-east-1 is the one region that must not be named.
    if settings.region != "us-east-1" {
        creation.extend(["--create-bucket-configuration", &place]);
    }
    aws.run(&creation).await?;
    Ok(bucket)
}

/// Shows the change set, asks, executes it, and waits. False: it was not executed.
async fn execute(
    change_set: &str,
    args: &DeployArgs,
    target: &Target,
    aws: &AwsCli,
    is_new: bool,
    may_assume_yes: bool,
    printer: &Printer,
) -> Outcome<bool> {
    let stack = target.stack();
    let described = aws
        .json(&[
            "cloudformation",
            "describe-change-set",
            "--change-set-name",
            change_set,
            "--stack-name",
            stack,
        ])
        .await?;
    let changes = changes(&described);
    tell(&changes, target, printer)?;
    let question = format!("make {} in {}?", count(changes.len(), "change"), target.describe());
    let agreed = match args.dry_run {
        true => Ok(false),
        false => confirm(&question, may_assume_yes, printer).await,
    };
    if args.dry_run {
        printer.note("nothing was changed: --dry-run");
    }
    if !matches!(agreed, Ok(true)) {
        // A new stack would else stay in review for ever.
        let undo: &[&str] = match is_new {
            true => &["cloudformation", "delete-stack", "--stack-name", stack],
            false => &[
                "cloudformation",
                "delete-change-set",
                "--change-set-name",
                change_set,
                "--stack-name",
                stack,
            ],
        };
        aws.run(undo).await?;
        return agreed;
    }
    aws.run(["cloudformation", "execute-change-set", "--change-set-name", change_set, "--stack-name", stack])
        .await?;
    match settled(aws, stack, printer).await? {
        Some(status) if matches!(status.as_str(), "CREATE_COMPLETE" | "UPDATE_COMPLETE") => Ok(true),
        Some(status) => Err(failed(aws, stack, &status).await),
        None => Err(Failure::new(Exit::Bad, Code::StackFailed, format!("the stack {stack} is gone"))
            .hint("somebody deleted it meanwhile; deploy again")),
    }
}

/// The plan: the shape `stepladder.plan/1`, one object; in text a line per change.
fn tell(changes: &[Change], target: &Target, printer: &Printer) -> Outcome {
    if printer.is_json() {
        let shape = |change: &Change| {
            json!({ "action": change.action, "logical_id": change.logical_id, "type": change.kind,
                    "replaced": change.is_replaced, "loses_data": change.loses_data() })
        };
        return printer.json(&json!({
            "schema": "stepladder.plan/1",
            "stack": target.stack(),
            "region": target.environment.settings.region,
            "account": target.environment.settings.account,
            "changes": changes.iter().map(shape).collect::<Vec<_>>(),
        }));
    }
    for change in changes.iter().take(limits::CHANGES_SHOWN_MAX) {
        printer.data(line(change))?;
    }
    if let Some(more) = changes.len().checked_sub(limits::CHANGES_SHOWN_MAX).filter(|more| *more > 0) {
        printer.data(format!("  and {} (all with -o json)", count(more, "further change")))?;
    }
    for change in changes.iter().filter(|change| change.loses_data()) {
        printer.warning(format!(
            "{} ({}) is {}: what it holds is not taken along",
            change.logical_id,
            change.kind,
            if change.action == "Remove" { "removed" } else { "replaced, or may be" }
        ));
    }
    Ok(())
}

fn line(change: &Change) -> String {
    let (sign, style) = match (change.action.as_str(), change.is_replaced) {
        ("Add" | "Import", _) => ("+", style::GOOD),
        ("Remove", _) => ("-", style::ERROR),
        (_, true) => ("±", style::WARNING),
        _ => ("~", style::HINT),
    };
    let note = if change.is_replaced { "  (replaced)" } else { "" };
    let (id, kind) = (escaped(&change.logical_id), escaped(&change.kind));
    format!("  {} {id:<44} {}{note}", paint(style, sign), paint(style::DIM, kind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{printer::Format, text::TimeStyle};

    #[test]
    fn zips_for_another_processor_are_refused() {
        let folder = std::env::temp_dir().join(format!("stepladder-architecture-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let built = folder.join("architecture");
        let printer = Printer::new(Format::Text, TimeStyle::Relative);
        let check = |given: &str| check_architecture(&built, &[given.to_owned()], &printer);
        check("Architecture=arm64").unwrap();
        std::fs::write(&built, "x86_64\n").unwrap();
        check("Architecture=x86_64").unwrap();
        check("AlarmTopicArn=").unwrap();
        let failure = check("Architecture=arm64").unwrap_err();
        assert_eq!(failure.message, "the functions are built for x86_64, and Architecture is arm64");
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_parameter_has_a_name_and_a_value() {
        assert!(parameter("KmsKeyArn=").is_ok() && parameter("A=b=c").is_ok());
        assert!(parameter("KmsKeyArn").is_err() && parameter("=x").is_err() && parameter("a b=c").is_err());
    }

    #[test]
    fn a_parameter_that_is_given_goes_before_the_environments() {
        let of_env = BTreeMap::from([("A".to_owned(), "1".to_owned()), ("B".to_owned(), "2".to_owned())]);
        assert_eq!(parameters(&["B=3=4".to_owned()], &of_env), ["A=1", "B=3=4"]);
    }

    #[test]
    fn a_change_is_a_line_with_a_sign() {
        let change = |action: &str, is_replaced| Change {
            action: action.into(),
            logical_id: "Table".into(),
            kind: "AWS::DynamoDB::Table".into(),
            is_replaced,
        };
        let plain = |change| anstream::adapter::strip_str(&line(&change)).to_string();
        assert!(plain(change("Add", false)).starts_with("  + Table"));
        assert!(plain(change("Modify", false)).starts_with("  ~ Table"));
        let replaced = plain(change("Modify", true));
        assert!(replaced.starts_with("  ± Table") && replaced.ends_with("(replaced)"), "{replaced}");
    }
}
