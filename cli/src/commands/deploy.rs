//! `stepladder deploy`.

mod plan;

use super::{
    deploy_definition::{self, Deployed},
    synth::{self, Change as Rendering, TemplateFormat},
};
use crate::{
    args::Global,
    aws_cli::{AwsCli, is_not_found, shown},
    calls,
    cloudformation::{self, CLEANUP, change_sets, changes, failed, settled, status, updated},
    confirm::confirm,
    connect::{Stack, Target},
    exit::Exit,
    failure::{Code, Failure, Outcome},
    parameters::{self, PAYLOAD_DAYS, Parameters, Raised},
    printer::Printer,
    project::Project,
    text::count,
};
use clap::ValueHint;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use stepladder_asl::Definition;
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
    #[arg(long, value_name = "NAME=VALUE", value_parser = parameters::parse)]
    parameter: Vec<String>,
    /// The template to deploy
    #[arg(long, value_name = "FILE", default_value = "infra/sam/template.yaml", value_hint = ValueHint::FilePath)]
    template: PathBuf,
    /// The bucket for the functions' zips. Unless given stepladder-artifacts-ACCOUNT-REGION, which is made where it is
    /// missing
    #[arg(long, value_name = "BUCKET", env = "STEPLADDER_ARTIFACTS", hide_env = true)]
    artifacts: Option<String>,
    /// Show what would change, and change nothing of the stack: only the zips are uploaded, and their bucket is made where it is
    /// missing
    #[arg(long)]
    dry_run: bool,
    /// Deploy also definitions with a state that calls what Stepladder can't: a run that comes to it fails there, with
    /// States.Runtime
    #[arg(long)]
    allow_unsupported: bool,
}

pub async fn run(args: DeployArgs, global: &Global, printer: &Printer) -> Outcome {
    let here =
        std::env::current_dir().map_err(|error| Failure::file("read the folder", ".".as_ref(), &error))?;
    let project = Project::find(&here)?;
    // What is wrong here is told before anything is asked of AWS.
    let definitions = deploy_definition::read(
        &project,
        &[],
        deploy_definition::unsupported(args.allow_unsupported),
        printer,
    )?;
    let template = project.root.join(&args.template);
    let is_ours = args.template == Path::new("infra/sam/template.yaml");
    let model = synth::stack_of(&project, printer)?;
    check_built(&project, &model, &template, is_ours)?;
    let target = Target::find_deployed(global, printer).await?;
    let mut given = parameters::given(&args.parameter, &target.parameters);
    if is_ours {
        check_architecture(&project.root.join("target/lambda/architecture"), &given, printer)?;
    }
    model.check_name(target.stack()).map_err(|message| {
        Failure::new(Exit::Usage, Code::InvalidName, message)
            .hint("--env, or STEPLADDER_STACK, names another")
    })?;
    let aws = AwsCli::find(&target).await?;
    let is_new = check_ready(&aws, target.stack(), printer).await?;
    if is_new {
        check_no_data(&aws, &project, &target, printer).await?;
    }
    let deployed = match is_new {
        true => Parameters::new(),
        false => cloudformation::parameters(&aws, target.stack()).await?,
    };
    let of_workflows = project.workflow_settings.values().filter_map(|settings| settings.retention_days);
    let raised = match is_ours {
        true => parameters::raised(&given, &deployed, &model.parameters, of_workflows)?,
        false => None,
    };
    given.extend(raised.map(|raised| (PAYLOAD_DAYS.to_owned(), raised.to.to_string())));
    printer.note(format!("{} {}", if is_new { "creating" } else { "updating" }, target.describe()));
    let change_set = change_set(&args, &given, &project, &template, &target, &aws, printer).await?;
    let stack = Stack::of(target).await?;
    let deployment = Deployment {
        project: &project,
        definitions: &definitions,
        stack: &stack,
        aws: &aws,
        change_set,
        raised,
        is_new,
        is_dry: args.dry_run,
        may_assume_yes: global.yes,
        printer,
    };
    deployment.run().await
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
fn check_architecture(built: &Path, given: &Parameters, printer: &Printer) -> Outcome {
    // Zips that came here another way say nothing of themselves.
    let Ok(text) = std::fs::read_to_string(built) else {
        return Ok(());
    };
    let built = text.trim();
    match given.get("Architecture") {
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
                .hint("`stepladder destroy` deletes it, then deploy again; add --delete-data only if no stack of this name existed before: table and bucket may hold its runs"))
        }
        Some((status, _)) if status.ends_with("_IN_PROGRESS") => {
            Err(Failure::new(Exit::Conflict, Code::WrongStatus, format!("the stack {stack} is {status}"))
                .hint("somebody is deploying it; try again when that has ended"))
        }
        Some(_) => Ok(false),
    }
}

/// A stack that was destroyed has left its table and its bucket with all its runs: a new one can't make them again, and CloudFormation
/// would say so only at the end of a failed deployment.
async fn check_no_data(aws: &AwsCli, project: &Project, target: &Target, printer: &Printer) -> Outcome {
    let stack = target.stack();
    let bucket = &target.environment.bucket;
    let own = project.tables.iter().map(|name| format!("{stack}-{name}"));
    let mut there = Vec::new();
    for table in std::iter::once(target.environment.table.clone()).chain(own) {
        let found = aws.run(["dynamodb", "describe-table", "--table-name", &table]).await;
        if is_there(found, &format!("table {table}"), printer) {
            there.push(format!("the table {table}"));
        }
    }
    let found = aws.run(["s3api", "head-bucket", "--bucket", bucket]).await;
    if is_there(found, &format!("bucket {bucket}"), printer) {
        there.push(format!("the bucket {bucket}"));
    }
    if there.is_empty() {
        return Ok(());
    }
    let message = format!("there is no stack {stack}, but {} of an earlier one", there.join(" and "));
    Err(Failure::new(Exit::Conflict, Code::WrongStatus, message)
        .detail("they hold its runs and payloads, and a new stack can't make them again")
        .hint("take them over: `aws cloudformation create-change-set --import-existing-resources`, see infra/README.md; or delete them with all their runs: `stepladder destroy --delete-data`"))
}

/// Whether something answers. What can't be looked at is no reason not to deploy: CloudFormation may be allowed more.
fn is_there(found: Outcome<String>, what: &str, printer: &Printer) -> bool {
    match found {
        Ok(_) => true,
        Err(failure) if is_not_found(&failure) => false,
        Err(failure) => {
            let why = failure.details.join(" ");
            printer.warning(format!("can't look whether the {what} of an earlier stack is there: {why}"));
            false
        }
    }
}

/// Uploads the zips and makes a change set: its ARN; `None` if nothing differs.
async fn change_set(
    args: &DeployArgs,
    given: &Parameters,
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
    if !given.is_empty() {
        deploy.push("--parameter-overrides".to_owned());
        deploy.extend(given.iter().map(|(name, value)| format!("{name}={value}")));
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

/// The bucket that the zips go to.
async fn artifacts(args: &DeployArgs, target: &Target, aws: &AwsCli, printer: &Printer) -> Outcome<String> {
    let settings = &target.environment.settings;
    let bucket = match &args.artifacts {
        Some(bucket) => return Ok(bucket.clone()),
        None => format!("stepladder-artifacts-{}-{}", settings.account, settings.region),
    };
    let mut look = vec!["s3api", "head-bucket", "--bucket", &bucket];
    // Whoever guesses the name can make it first, and would be sent the programs. An emulator's account is but a number.
    if target.access.endpoint().is_none() {
        look.extend(["--expected-bucket-owner", &settings.account]);
    }
    match aws.run(&look).await {
        Ok(_) => return Ok(bucket),
        Err(failure) if is_not_found(&failure) => {}
        Err(failure) => {
            return Err(failure
                .detail(format!("the bucket {bucket} is another account's, or can't be looked at"))
                .hint("name a bucket of your own for the zips: --artifacts"));
        }
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

/// What is to be done, and whereby.
struct Deployment<'d> {
    project: &'d Project,
    definitions: &'d [(String, Definition)],
    stack: &'d Stack,
    aws: &'d AwsCli,
    /// Its ARN; `None`: the stack is as its template says.
    change_set: Option<String>,
    raised: Option<Raised>,
    is_new: bool,
    is_dry: bool,
    may_assume_yes: bool,
    printer: &'d Printer,
}

/// What was made of the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// There was nothing to ask about.
    Unchanged,
    Agreed,
    /// No, or a dry run.
    Declined,
}

impl Deployment<'_> {
    /// Shows what would change, asks, executes the change set, and puts the definitions.
    async fn run(self) -> Outcome {
        let asked = self.ask().await;
        if !matches!(asked, Ok((Answer::Agreed, ..)))
            && let Some(change_set) = &self.change_set
        {
            self.undo(change_set).await?;
        }
        let (answer, plan, mut plans) = asked?;
        match answer {
            Answer::Unchanged => {
                self.printer.note("nothing to change: stack and definitions are as they should be")
            }
            Answer::Declined if self.is_dry => {
                self.printer.note("nothing of the stack was changed: --dry-run")
            }
            Answer::Declined => {}
            Answer::Agreed => {
                if let Some(change_set) = &self.change_set {
                    self.execute(change_set).await?;
                }
                plans = self.put_definitions().await?;
                // What is there no more is still being deleted.
                if self.change_set.is_some() {
                    self.wait_until(|status| status != CLEANUP).await?;
                }
                self.printer.note("deployed; `stepladder doctor` looks whether all is well");
            }
        }
        if self.printer.is_json() {
            self.printer.json(&deployment(&plan, &plans))?;
        }
        Ok(())
    }

    fn name(&self) -> &str {
        self.stack.target.stack()
    }

    /// The answer, and what was asked about: the plan of the stack and of the definitions.
    async fn ask(&self) -> Outcome<(Answer, Value, Vec<Deployed>)> {
        let changes = match &self.change_set {
            None => {
                self.printer.note("the stack is as its template says: nothing to change");
                Vec::new()
            }
            Some(change_set) => {
                let describe = ["cloudformation", "describe-change-set", "--change-set-name", change_set];
                changes(&self.aws.json(&[&describe[..], &["--stack-name", self.name()]].concat()).await?)
            }
        };
        let plans = match self.is_new {
            true => deploy_definition::plans_of_new(self.definitions),
            false => {
                let plans = deploy_definition::plans(self.stack, self.definitions).await?;
                // What the workspace has is there once the change set is executed.
                let comes = |function: &str| self.project.functions.contains_key(function);
                plans.into_iter().map(|plan| plan.with_functions(comes)).collect()
            }
        };
        plan::tell(&changes, self.raised, self.printer)?;
        deploy_definition::tell(&plans, self.printer)?;
        let plan = plan::shape(&changes, self.raised, &self.stack.target);
        let due = plans.iter().filter(|plan| plan.is_due()).count();
        let answer = match question(self.change_set.as_ref().map(|_| changes.len()), due) {
            None => Answer::Unchanged,
            Some(_) if self.is_dry => Answer::Declined,
            Some(question) => {
                let question = format!("{question} in {}?", self.stack.target.describe());
                match confirm(&question, self.may_assume_yes, self.printer).await? {
                    true => Answer::Agreed,
                    false => Answer::Declined,
                }
            }
        };
        Ok((answer, plan, plans))
    }

    /// Takes the change set away; and a stack that was made for it alone, which would else stay in review for ever. Somebody else may
    /// have made a change set for it meanwhile, or executed one: then it is theirs.
    async fn undo(&self, change_set: &str) -> Outcome {
        let stack = self.name();
        let delete = ["cloudformation", "delete-change-set", "--change-set-name", change_set];
        self.aws.run([&delete[..], &["--stack-name", stack]].concat()).await?;
        if !self.is_new {
            return Ok(());
        }
        let found = status(self.aws, stack).await?;
        let Some((_, id)) = found.filter(|(status, _)| status == "REVIEW_IN_PROGRESS") else {
            return Ok(());
        };
        if change_sets(self.aws, stack).await?.iter().any(|other| other != change_set) {
            return Ok(());
        }
        // By its id: a stack that was made under this name since then has another one.
        self.aws.run(["cloudformation", "delete-stack", "--stack-name", &id]).await?;
        // The next deployment would else find it being deleted.
        settled(self.aws, &id, self.printer).await.map(|_| ())
    }

    /// Executes the change set, and waits until all that is new is there.
    async fn execute(&self, change_set: &str) -> Outcome {
        let execute = ["cloudformation", "execute-change-set", "--change-set-name", change_set];
        self.aws.run([&execute[..], &["--stack-name", self.name()]].concat()).await?;
        self.wait_until(|_| true).await
    }

    /// Waits until the stack has ended well, or has all that is new if that is enough.
    async fn wait_until(&self, is_enough: impl Fn(&str) -> bool) -> Outcome {
        let (aws, stack) = (self.aws, self.name());
        let found = match updated(aws, stack, self.printer).await? {
            Some(status) if is_enough(&status) => Some(status),
            _ => settled(aws, stack, self.printer).await?,
        };
        match found {
            Some(status) if matches!(status.as_str(), "CREATE_COMPLETE" | "UPDATE_COMPLETE" | CLEANUP) => {
                Ok(())
            }
            Some(status) => Err(failed(aws, stack, &status).await),
            None => Err(Failure::new(Exit::Bad, Code::StackFailed, format!("the stack {stack} is gone"))
                .hint("somebody deleted it meanwhile; deploy again")),
        }
    }

    /// As soon as all that is new is there: queues of steps that are gone are deleted only then, and until the definitions are put new
    /// runs take the old ones.
    async fn put_definitions(&self) -> Outcome<Vec<Deployed>> {
        // Another connection: the one of the plan remembers which queues were not there.
        let stack = Stack::of(self.stack.target.clone()).await?;
        let mut plans = deploy_definition::plans(&stack, self.definitions).await?;
        deploy_definition::check_functions(&stack, &plans)?;
        calls::check_allowed(&stack, self.definitions.iter().map(|(_, definition)| definition)).await?;
        deploy_definition::put(&stack, self.definitions, &mut plans, self.printer).await?;
        Ok(plans)
    }
}

/// What is asked: `make 3 changes and put 1 definition`; `None` if there is nothing to do. A change set is executed also where it lists
/// no change of a resource: its outputs may differ.
fn question(changes: Option<usize>, due: usize) -> Option<String> {
    let make = changes.map(|changes| format!("make {}", count(changes, "change")));
    let put = (due > 0).then(|| format!("put {}", count(due, "definition")));
    match (make, put) {
        (Some(make), Some(put)) => Some(format!("{make} and {put}")),
        (make, put) => make.or(put),
    }
}

/// What stdout holds in the JSON formats: the shape `stepladder.deployment/1`. The definitions say of each what became of it.
fn deployment(plan: &Value, definitions: &[Deployed]) -> Value {
    json!({ "schema": "stepladder.deployment/1", "plan": plan, "definitions": definitions })
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
        let check = |given: &str| {
            let given = parameters::given(&[given.to_owned()], &Parameters::new());
            check_architecture(&built, &given, &printer)
        };
        check("Architecture=arm64").unwrap();
        std::fs::write(&built, "x86_64\n").unwrap();
        check("Architecture=x86_64").unwrap();
        check("AlarmTopicArn=").unwrap();
        let failure = check("Architecture=arm64").unwrap_err();
        assert_eq!(failure.message, "the functions are built for x86_64, and Architecture is arm64");
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn what_is_asked_names_changes_and_definitions() {
        assert_eq!(question(None, 0), None);
        assert_eq!(question(Some(2), 0).as_deref(), Some("make 2 changes"));
        assert_eq!(question(None, 1).as_deref(), Some("put 1 definition"));
        assert_eq!(question(Some(0), 2).as_deref(), Some("make 0 changes and put 2 definitions"));
    }

    #[test]
    fn what_is_not_found_is_not_there_and_what_can_not_be_seen_is_no_reason() {
        let printer = Printer::new(Format::Text, TimeStyle::Relative);
        let failed = |said: &str| Err(Failure::new(Exit::Bad, Code::StackFailed, "x").detail(said));
        assert!(is_there(Ok(String::new()), "table x", &printer));
        assert!(!is_there(failed("An error occurred (404)"), "table x", &printer));
        assert!(!is_there(failed("An error occurred (AccessDenied)"), "table x", &printer));
    }

    #[test]
    fn a_deployment_is_one_object() {
        let plan = json!({ "schema": "stepladder.plan/1", "changes": [] });
        let shape = deployment(&plan, &[]);
        assert_eq!((&shape["plan"], &shape["definitions"]), (&plan, &json!([])));
    }
}
