//! Who may do what.
//!
//! The functions of a package share a role; the system's functions have one each. A step's role reaches the table only
//! under the keys of the workflows whose definitions name one of its functions and of its own folder's, their prefix of the
//! bucket, the queues that those definitions can lead to, its own queues and log groups. What the system's functions do
//! they do for every run of the stack: also for those of a workflow that is in the workspace no more, and for those of an
//! older version, which may go through steps that the current one doesn't name. The function at a URL has a role of its own, for
//! stacks that have it.

use crate::{
    build::sends_status_events,
    calls::Permissions,
    facts::{API_FUNCTION, Facts, FunctionFacts, INVOKE, PackageFacts, WorkflowFacts},
    limits,
    model::{Condition, Role, Statement},
    text::Text,
};
use std::collections::BTreeSet;

/// The role that EventBridge Scheduler assumes.
pub(crate) const SCHEDULER: &str = "scheduler";
/// The bucket's name.
pub(crate) const BUCKET: &str = "${Stack}-${Account}-${Region}";

/// The queues that every function may send to: what is due later, what nobody can handle, and what calls something that is
/// no step.
fn held_over(facts: &Facts) -> impl Iterator<Item = &str> {
    ["timer", "parked"].into_iter().chain(facts.needs_invoke().then_some(INVOKE))
}

const LAMBDA: &str = "lambda.amazonaws.com";
const TABLE: &str = "arn:${Partition}:dynamodb:${Region}:${Account}:table/${Stack}";

/// The role of a function: its package's, or its own if it is the system's.
pub(crate) fn role_of(function: &FunctionFacts) -> &str {
    if function.is_system { &function.name } else { &function.package }
}

pub(crate) fn roles(facts: &Facts) -> Vec<Role> {
    let mut roles: Vec<Role> = Vec::new();
    let mut system: Vec<&FunctionFacts> =
        facts.functions.iter().filter(|function| function.is_system && !function.is_api()).collect();
    system.sort_by_key(|function| function.name.as_str());
    roles.extend(system.into_iter().map(|function| system_role(function, facts)));
    let mut packages: Vec<&PackageFacts> = facts.packages.iter().collect();
    packages.sort_by_key(|package| package.name.as_str());
    roles.extend(packages.into_iter().filter_map(|package| package_role(package, facts)));
    roles.push(scheduler_role());
    roles
}

/// The role of a package's steps; none if it has no step.
fn package_role(package: &PackageFacts, facts: &Facts) -> Option<Role> {
    let is_own = |function: &&FunctionFacts| !function.is_system && function.package == package.name;
    let own: BTreeSet<&str> =
        facts.functions.iter().filter(is_own).map(|function| function.name.as_str()).collect();
    if own.is_empty() {
        return None;
    }
    // A run keeps the version that it began with: that of the package's own folder may have named steps that the
    // current one names no more.
    let uses = |workflow: &&WorkflowFacts| {
        workflow.name == package.folder || workflow.functions.iter().any(|name| own.contains(name.as_str()))
    };
    let mut workflows: Vec<&WorkflowFacts> = facts.workflows.iter().filter(uses).collect();
    workflows.sort_by_key(|workflow| workflow.name.as_str());

    let mut statements = vec![receive(own.iter().copied())];
    statements.push(send(reached(&workflows, &own, facts)));
    statements.push(find_queues());
    let runs = workflows.iter().map(|workflow| format!("R#{}/*", workflow.name));
    let definitions = workflows.iter().map(|workflow| format!("W#{}", workflow.name));
    // A step that stands in no definition has nothing to do with a run.
    if !workflows.is_empty() {
        statements.push(activities());
        statements.push(self::runs(runs));
        statements.push(self::definitions(definitions));
        statements.push(look_at_controls());
        let held = workflows.iter().map(|workflow| held_of(&workflow.name));
        statements.push(table("HoldMessages", &["dynamodb:PutItem"], held));
    }
    let prefixes: Vec<Text> =
        workflows.iter().map(|workflow| objects(&format!("runs/{}/*", workflow.name))).collect();
    statements.extend((!prefixes.is_empty()).then(|| blobs(prefixes)));
    statements.push(logs(own.iter().copied()));
    statements.push(key());
    let paced = facts.functions.iter().filter(is_own).filter(|function| function.rate_per_second.is_some());
    let paces: Vec<String> = paced.map(|function| format!("P#{}", function.name)).collect();
    if !paces.is_empty() {
        statements.push(Statement {
            reason: Some("The slots of the steps that have a rate."),
            ..table("Paces", &["dynamodb:GetItem", "dynamodb:UpdateItem"], paces)
        });
    }
    if !package.tables.is_empty() {
        statements.push(own_tables(&package.tables));
    }
    for (index, policy) in package.policies.iter().enumerate() {
        statements.push(Statement {
            sid: format!("Own{}", index + 1),
            reason: Some("The package's own, from its Cargo.toml."),
            actions: policy.actions.clone(),
            resources: policy.resources.iter().map(Text::of).collect(),
            conditions: Vec::new(),
            needs_key: false,
        });
    }
    Some(Role { name: package.name.clone(), service: LAMBDA, source_arn: None, statements })
}

/// The queues that a run of these workflows can get to: those of the steps that the current versions name, and those that
/// an older version may name: the steps of the workflows' own folders, and the package's own.
fn reached(workflows: &[&WorkflowFacts], own: &BTreeSet<&str>, facts: &Facts) -> BTreeSet<String> {
    let named = workflows.iter().flat_map(|workflow| &workflow.functions).map(String::as_str);
    let is_of_theirs =
        |package: &&PackageFacts| workflows.iter().any(|workflow| workflow.name == package.folder);
    let folders: BTreeSet<&str> =
        facts.packages.iter().filter(is_of_theirs).map(|package| package.name.as_str()).collect();
    let in_folders = facts.functions.iter().filter(|function| folders.contains(function.package.as_str()));
    let in_folders = in_folders.map(|function| function.name.as_str());
    let reached: BTreeSet<&str> = named.chain(in_folders).chain(own.iter().copied()).collect();
    step_queues(facts)
        .filter(|step| reached.contains(step))
        .chain(held_over(facts))
        .map(str::to_owned)
        .collect()
}

/// The queues of all steps, whatever names them.
fn step_queues(facts: &Facts) -> impl Iterator<Item = &str> {
    facts.functions.iter().filter(|function| !function.is_system).map(|function| function.name.as_str())
}

fn system_role(function: &FunctionFacts, facts: &Facts) -> Role {
    let name = function.name.as_str();
    let queues = step_queues(facts).chain(held_over(facts)).map(str::to_owned).collect();
    let mut statements = vec![receive([name]), send(queues), activities(), find_queues()];
    let is_dead_letter = name == "dead-letter";
    let all_runs = ["R#*".to_owned()];
    statements.push(match name {
        "start" => runs(all_runs),
        _ => whole_runs(all_runs),
    });
    statements.push(definitions(["W#*".to_owned()]));
    let payloads = vec![objects("runs/*")];
    statements.push(if name == "start" { new_blobs(payloads) } else { blobs(payloads) });
    statements.push(logs([name]));
    statements.push(key());
    if name == INVOKE {
        statements.push(look_at_controls());
        statements.push(table("HoldMessages", &["dynamodb:PutItem"], [held_of("*")]));
    }
    // The dead-letter function does what the timer function could not.
    if name == "timer" || is_dead_letter {
        statements.push(look_at_controls());
        statements.push(resume_messages(is_dead_letter));
        statements.push(find_payloads(
            "S3 tells an object that is gone from one that may not be read only to who may list: a message whose payload is gone is parked.",
        ));
        statements.extend(users_objects(facts));
        if sends_status_events(facts) {
            let bus = "arn:${Partition}:events:${Region}:${Account}:event-bus/${EventBusName}";
            statements.push(statement("TellEnds", None, &["events:PutEvents"], vec![Text::of(bus)]));
        }
    }
    if name == "timer" {
        statements.push(statement(
            "ListRuns",
            Some("The sweep looks for runs that nothing moves any more, of all workflows: keys only."),
            &["dynamodb:Query"],
            vec![Text::of(format!("{TABLE}/index/runs"))],
        ));
        // For the sweep, too.
        statements.push(table("ListWorkflows", &["dynamodb:Query"], ["C#workflows".to_owned()]));
        let schedules = "arn:${Partition}:scheduler:${Region}:${Account}:schedule/${Stack}/*";
        statements.push(statement(
            "Schedule",
            None,
            &["scheduler:CreateSchedule"],
            vec![Text::of(schedules)],
        ));
        statements.push(Statement {
            conditions: vec![Condition {
                operator: "StringEquals",
                key: "iam:PassedToService",
                values: vec![Text::literal("scheduler.amazonaws.com")],
            }],
            ..statement("PassSchedulerRole", None, &["iam:PassRole"], vec![Text::role_arn(SCHEDULER)])
        });
    }
    if is_dead_letter {
        statements.push(statement(
            "TryAlone",
            Some(
                "A message that its queue gave up is handed to its step once more, alone. All of the stack's: a function that is gone is told from one that may not be called.",
            ),
            &["lambda:InvokeFunction"],
            vec![Text::of("arn:${Partition}:lambda:${Region}:${Account}:function:${Stack}-*")],
        ));
    }
    if name == INVOKE {
        statements.extend(calls(facts));
    }
    Role { name: name.to_owned(), service: LAMBDA, source_arn: None, statements }
}

/// What distributed Map states do with objects of the users' own. A definition without an item reader and a result writer
/// needs none of it.
fn users_objects(facts: &Facts) -> Vec<Statement> {
    let statement = |(action, resources): (&str, BTreeSet<Text>)| {
        let sid = format!("Users{}", crate::model::logical(action));
        let reason = match action {
            "s3:ListBucket" => {
                "Item readers of the definitions list them; and a key that isn't there is told from one that may not be read only to who may list."
            }
            _ => "Item readers and result writers, by the definitions and Cargo.toml.",
        };
        self::statement(&sid, Some(reason), &[action], resources.into_iter().collect())
    };
    crate::objects::permissions(facts).into_iter().map(statement).collect()
}

/// What the definitions' states call that is no step, and what packages allow where the data says it.
fn calls(facts: &Facts) -> Vec<Statement> {
    let permissions = Permissions::of(facts);
    let statement = |(action, resources): (&String, &BTreeSet<String>)| {
        let sid = format!("Call{}", crate::model::logical(action));
        let resources = resources.iter().map(Text::of).collect();
        self::statement(
            &sid,
            Some("What states call, by their definitions and Cargo.toml."),
            &[action],
            resources,
        )
    };
    permissions.iter().map(statement).collect()
}

/// The role of the function at a URL. It does what any caller of the API may ask for: looks at all runs, starts and stops
/// them, and puts definitions. No queue feeds it, and it calls no function.
pub(crate) fn api_role(facts: &Facts) -> Role {
    let queues = step_queues(facts).chain(held_over(facts)).map(str::to_owned).collect();
    let tokens = Statement {
        reason: Some("The key of tokens for the next page: the first process that needs it draws it."),
        ..table("Tokens", &["dynamodb:GetItem", "dynamodb:PutItem"], ["C#api".to_owned()])
    };
    let statements = vec![
        send(queues),
        find_queues(),
        whole_runs(["R#*".to_owned()]),
        statement(
            "ListRuns",
            None,
            &["dynamodb:Query"],
            ["runs", "attention"].map(|index| Text::of(format!("{TABLE}/index/{index}"))).into(),
        ),
        table("Definitions", &DEFINITIONS, ["W#*".to_owned()]),
        table("ListWorkflows", &LISTED, ["C#workflows".to_owned()]),
        table(
            "ListActivities",
            &[&LISTED[..], &["dynamodb:GetItem", "dynamodb:UpdateItem"]].concat(),
            ["C#activities".to_owned()],
        ),
        work_on_activities(),
        count_messages(),
        look_at_letters(),
        Statement {
            reason: Some("Pauses, and their ends."),
            ..table("Controls", &["dynamodb:GetItem", "dynamodb:UpdateItem"], [CONTROL.to_owned()])
        },
        // A task of a paused run is given to no worker.
        table("HoldMessages", &["dynamodb:PutItem"], [held_of("*")]),
        tokens,
        blobs(vec![objects("runs/*")]),
        find_payloads("S3 tells an object that is gone from one that may not be read only to who may list."),
        logs([API_FUNCTION]),
        key(),
    ];
    Role { name: API_FUNCTION.to_owned(), service: LAMBDA, source_arn: None, statements }
}

/// What the API does with workflows, their versions, aliases and tags.
const DEFINITIONS: [&str; 6] = [
    "dynamodb:GetItem",
    "dynamodb:Query",
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
    "dynamodb:DeleteItem",
    "dynamodb:ConditionCheckItem",
];

const LISTED: [&str; 3] = ["dynamodb:Query", "dynamodb:PutItem", "dynamodb:DeleteItem"];

/// The queues of activities and no others.
fn work_on_activities() -> Statement {
    let actions = [
        "sqs:CreateQueue",
        "sqs:DeleteQueue",
        "sqs:ReceiveMessage",
        "sqs:DeleteMessage",
        "sqs:ChangeMessageVisibility",
        "sqs:SendMessage",
    ];
    let reason = "CreateActivity makes a queue, DeleteActivity deletes it, and GetActivityTask takes tasks.";
    statement("WorkOnActivities", Some(reason), &actions, vec![queue(ACTIVITIES)])
}

/// How much waits in the queues.
fn count_messages() -> Statement {
    statement("CountMessages", None, &["sqs:GetQueueAttributes"], vec![queue("*")])
}

/// What lies in the queues that no step works on. A message that was looked at comes back at once.
fn look_at_letters() -> Statement {
    let actions = ["sqs:ReceiveMessage", "sqs:ChangeMessageVisibility"];
    statement("LookAtLetters", None, &actions, ["dead-letter", "parked"].map(queue).into())
}

/// The queues of all activities.
const ACTIVITIES: &str = "activity-*";

/// An activity is made while the stack runs, and any definition may wait for one.
fn activities() -> Statement {
    let reason = "Activities are made by CreateActivity, while the stack runs.";
    statement("Activities", Some(reason), &["sqs:SendMessage"], vec![queue(ACTIVITIES)])
}

fn find_payloads(reason: &'static str) -> Statement {
    let bucket = Text::of(format!("arn:${{Partition}}:s3:::{BUCKET}"));
    statement("FindPayloads", Some(reason), &["s3:ListBucket"], vec![bucket])
}

/// Sends what is due to the timer queue: the sweep, and waits beyond 15 minutes.
fn scheduler_role() -> Role {
    let statements = vec![statement("Send", None, &["sqs:SendMessage"], vec![queue("timer")]), key()];
    // The group and not the schedule is what Scheduler names
    // (https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html).
    let group = "arn:${Partition}:scheduler:${Region}:${Account}:schedule-group/${Stack}";
    Role {
        name: SCHEDULER.to_owned(),
        service: "scheduler.amazonaws.com",
        source_arn: Some(Text::of(group)),
        statements,
    }
}

fn statement(sid: &str, reason: Option<&'static str>, actions: &[&str], resources: Vec<Text>) -> Statement {
    let actions = actions.iter().map(|action| (*action).to_owned()).collect();
    Statement { sid: sid.to_owned(), reason, actions, resources, conditions: Vec::new(), needs_key: false }
}

/// What Lambda's pollers do as the function's role, and what a function that hands a message back does.
fn receive<'a>(queues: impl IntoIterator<Item = &'a str>) -> Statement {
    let actions =
        ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes"];
    listed("Receive", &actions, queues.into_iter(), queue)
}

fn send(queues: BTreeSet<String>) -> Statement {
    listed("Send", &["sqs:SendMessage"], queues.iter().map(String::as_str), queue)
}

/// One resource per name; all of the stack's where they are more than a policy has room for beside the rest.
fn listed<'a>(
    sid: &str,
    actions: &[&str],
    names: impl Iterator<Item = &'a str>,
    resource: impl Fn(&str) -> Text,
) -> Statement {
    let names: BTreeSet<&str> = names.collect();
    if names.len() <= limits::LISTED_MAX {
        return statement(sid, None, actions, names.into_iter().map(resource).collect());
    }
    let reason = "All of the stack's: they are more than a policy has room for one by one.";
    statement(sid, Some(reason), actions, vec![resource("*")])
}

fn find_queues() -> Statement {
    statement(
        "FindQueues",
        Some(
            "A URL gives no right; and a step that is not in the stack is told from one that may not be sent to.",
        ),
        &["sqs:GetQueueUrl"],
        vec![queue("*")],
    )
}

/// What is done with the items of runs. Nobody deletes: items expire.
const RUNS: [&str; 4] =
    ["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"];

/// Runs and their records, each by its key.
fn runs(keys: impl IntoIterator<Item = String>) -> Statement {
    table("Runs", &RUNS, keys)
}

/// The same, and all records of a run: a look, a stop, the deadline and a redrive come by the timer queue.
fn whole_runs(keys: impl IntoIterator<Item = String>) -> Statement {
    table("Runs", &[&RUNS[..], &["dynamodb:Query"]].concat(), keys)
}

/// The item that says what is paused.
const CONTROL: &str = "C#control";

/// The partition of a workflow's messages that are held because they are paused.
fn held_of(workflow: &str) -> String {
    format!("C#paused#{workflow}")
}

/// Whether a run is paused.
fn look_at_controls() -> Statement {
    table("Controls", &["dynamodb:GetItem"], [CONTROL.to_owned()])
}

/// A resume walks the held messages, and lets go of each. The dead-letter function holds them, too.
fn resume_messages(holds: bool) -> Statement {
    let mut actions = vec!["dynamodb:Query", "dynamodb:DeleteItem"];
    actions.extend(holds.then_some("dynamodb:PutItem"));
    table("HeldMessages", &actions, [held_of("*")])
}

/// What whoever deploys writes, and functions read.
fn definitions(keys: impl IntoIterator<Item = String>) -> Statement {
    table("Definitions", &["dynamodb:GetItem"], keys)
}

/// The table's items under these partition keys
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html>).
fn table(sid: &str, actions: &[&str], keys: impl IntoIterator<Item = String>) -> Statement {
    let condition = |operator, values| Condition { operator, key: "dynamodb:LeadingKeys", values };
    Statement {
        conditions: vec![
            condition("ForAllValues:StringLike", keys.into_iter().map(Text::literal).collect()),
            // Without keys "all of them" would be true.
            condition("Null", vec![Text::literal("false")]),
        ],
        ..statement(sid, None, actions, vec![Text::of(TABLE)])
    }
}

fn blobs(objects: Vec<Text>) -> Statement {
    statement("Payloads", None, &["s3:GetObject", "s3:PutObject"], objects)
}

/// The start function puts inputs away, and reads none.
fn new_blobs(objects: Vec<Text>) -> Statement {
    statement("Payloads", None, &["s3:PutObject"], objects)
}

fn own_tables(names: &[String]) -> Statement {
    let actions = [
        "dynamodb:GetItem",
        "dynamodb:BatchGetItem",
        "dynamodb:Query",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "dynamodb:DeleteItem",
        "dynamodb:BatchWriteItem",
        "dynamodb:ConditionCheckItem",
    ];
    statement(
        "OwnTables",
        None,
        &actions,
        names.iter().map(|name| Text::of(format!("{TABLE}-{name}"))).collect(),
    )
}

/// The groups are the template's: nobody has to create one.
fn logs<'a>(functions: impl IntoIterator<Item = &'a str>) -> Statement {
    let group = |name: &str| {
        Text::of(format!(
            "arn:${{Partition}}:logs:${{Region}}:${{Account}}:log-group:/aws/lambda/${{Stack}}-{name}:*"
        ))
    };
    let actions = ["logs:CreateLogStream", "logs:PutLogEvents"];
    listed("Logs", &actions, functions.into_iter(), group)
}

/// SQS, S3 and DynamoDB use a customer-managed key as whoever calls them
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html>).
fn key() -> Statement {
    let actions = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:DescribeKey"];
    Statement { needs_key: true, ..statement("Key", None, &actions, vec![Text::of("${KmsKeyArn}")]) }
}

fn queue(name: &str) -> Text {
    Text::of(format!("arn:${{Partition}}:sqs:${{Region}}:${{Account}}:${{Stack}}-{name}"))
}

fn objects(prefix: &str) -> Text {
    let mut text = Text::of(format!("arn:${{Partition}}:s3:::{BUCKET}/"));
    text.0.push(crate::text::Part::Literal(prefix.to_owned()));
    text
}
