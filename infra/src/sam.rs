//! The stack as an AWS SAM template.
//!
//! Long forms of all intrinsic functions, so that any YAML reader reads it. A stack of more resources than fit into one
//! template has a nested one per package of steps.

mod functions;
mod monitoring;
mod policies;
mod storage;
mod words;

use crate::{
    limits,
    model::{Api, Parameter, ParameterKind, Stack},
    tree::{Map, Node},
    yaml,
};
use std::collections::{BTreeMap, BTreeSet};
use words::{Scope, get_att, reference};

/// The file of the template itself.
pub const TEMPLATE: &str = "template.yaml";
/// The settings of `sam` beside it.
pub const CONFIG: &str = "samconfig.toml";
/// Where the folder of the templates stands from the workspace's.
pub const FOLDER: &str = "infra/sam";

/// What a person reads first.
const HEAD: &str =
    "Written by `stepladder synth` from the workflows and the settings in functions/*/Cargo.toml.
Change those, not this file: a test compares them. infra/README.md says what each resource is for.";

/// Where the API is answered at a URL.
const HAS_API: &str = "HasApi";

/// The conditions of a template: name, and what must be true.
const CONDITIONS: [(&str, &str); 8] = [
    ("HasKey", "KmsKeyArn"),
    ("HasAlarmTopic", "AlarmTopicArn"),
    ("HasLogSample", "LogSample"),
    ("HasAgeAlarms", "age"),
    ("HasStuckAlarms", "stuck"),
    ("IsProtected", "DeletionProtection"),
    (HAS_API, Api::SWITCH),
    ("HasMoreWarmth", "TableWarmReadUnits"),
];

/// All files, by their path in [`FOLDER`]. Equal stacks give equal bytes.
pub fn render(stack: &Stack) -> BTreeMap<String, String> {
    let templates = templates(stack).into_iter();
    let files = templates.map(|(_, file, template)| (file, yaml::write(HEAD, &template)));
    files.chain([(CONFIG.to_owned(), config())]).collect()
}

/// How many resources each template has: the one that is deployed, and the packages' where there are any.
pub(crate) fn sizes(stack: &Stack) -> Vec<(Option<&str>, usize)> {
    templates(stack).iter().map(|(package, _, template)| (*package, resources(template))).collect()
}

/// All templates, each with its package, if it is one's, and its file. One where all resources fit into it.
fn templates(stack: &Stack) -> Vec<(Option<&str>, String, Map)> {
    let whole = root(stack, &BTreeSet::new());
    if resources(&whole) <= limits::TEMPLATE_RESOURCES_MAX {
        return vec![(None, TEMPLATE.to_owned(), whole)];
    }
    let steps = stack.functions.iter().filter(|function| !function.is_system);
    let packages: BTreeSet<&str> = steps.map(|function| function.package.as_str()).collect();
    let mut templates = vec![(None, TEMPLATE.to_owned(), root(stack, &packages))];
    templates.extend(
        packages.into_iter().map(|package| (Some(package), nested_file(package), nested(stack, package))),
    );
    templates
}

/// How many resources a template has.
fn resources(template: &Map) -> usize {
    let resources = template.0.iter().find(|entry| entry.key == "Resources");
    match resources.map(|entry| &entry.value) {
        Some(Node::Map(resources)) => resources.0.len(),
        _ => 0,
    }
}

/// The template that is deployed. The steps of the packages in `nested` are in templates of their own.
fn root(stack: &Stack, nested: &BTreeSet<&str>) -> Map {
    let scope = Scope::root();
    let is_here = |package: &str| !nested.contains(package);
    let mut resources = storage::resources(stack, scope);
    for queue in &stack.queues {
        let function = stack.function(&queue.name);
        if function.is_none_or(|function| function.is_system || is_here(&function.package)) {
            functions::queue(&mut resources, queue, stack, scope);
        }
    }
    let is_nested_role =
        |name: &str| nested.contains(name) && !stack.function(name).is_some_and(|f| f.is_system);
    for role in stack.roles.iter().filter(|role| !is_nested_role(&role.name)) {
        resources.push(policies::role(role, scope));
    }
    for function in stack.functions.iter().filter(|function| function.is_system || is_here(&function.package))
    {
        functions::function(&mut resources, function, stack, scope);
    }
    for package in nested {
        resources.push(nested_stack(package, stack));
    }
    if let Some(api) = &stack.api {
        functions::api(&mut resources, api, stack, scope);
    }
    functions::triggers(&mut resources, stack, scope);
    monitoring::resources(&mut resources, stack, scope);

    template("Steps of workflows, each with its queue; a table of their records; and what keeps them going.")
        .with("Parameters", parameters(&stack.parameters))
        .with("Conditions", conditions(&stack.parameters))
        .with("Globals", functions::globals(stack, scope))
        .with("Resources", with_all(resources))
        .with("Outputs", outputs(stack))
}

/// The steps of one package, with their role.
fn nested(stack: &Stack, package: &str) -> Map {
    let scope = Scope::nested();
    let mut resources = Vec::new();
    let own = |name: &str| {
        stack.function(name).is_some_and(|function| !function.is_system && function.package == package)
    };
    for queue in stack.queues.iter().filter(|queue| own(&queue.name)) {
        functions::queue(&mut resources, queue, stack, scope);
    }
    for role in stack.roles.iter().filter(|role| role.name == package) {
        resources.push(policies::role(role, scope));
    }
    for function in stack.functions.iter().filter(|function| own(&function.name)) {
        functions::function(&mut resources, function, stack, scope);
    }
    let given = nested_parameters(stack);
    let stack_name =
        Map::new().with("Type", "String").with("Description", "The name of the stack that this one is in.");
    let mut all = Map::new().with("Stack", stack_name);
    all.0.extend(parameters(&given).0);
    template(&format!("The steps of {package}."))
        .with("Parameters", all)
        .with("Conditions", conditions(&given))
        .with("Globals", functions::globals(stack, scope))
        .with("Resources", with_all(resources))
}

/// The parameters that a nested template uses.
fn nested_parameters(stack: &Stack) -> Vec<Parameter> {
    const USED: [&str; 6] =
        ["Architecture", "RetentionDays", "LogRetentionDays", "LogSample", "KmsKeyArn", "EventBusName"];
    stack.parameters.iter().filter(|parameter| USED.contains(&parameter.name)).cloned().collect()
}

fn nested_stack(package: &str, stack: &Stack) -> (String, Map) {
    let mut parameters = Map::new().with("Stack", reference("AWS::StackName"));
    for parameter in nested_parameters(stack) {
        parameters = parameters.with(parameter.name, reference(parameter.name));
    }
    let properties = Map::new().with("TemplateURL", nested_file(package)).with("Parameters", parameters);
    let resource = Map::new()
        .with("Type", "AWS::CloudFormation::Stack")
        // Their queues give up messages to this one.
        .with("DependsOn", vec!["DeadLetterQueue"])
        .with("Properties", properties);
    (format!("{}Steps", crate::model::logical(package)), resource)
}

fn nested_file(package: &str) -> String {
    format!("{package}.yaml")
}

fn template(description: &str) -> Map {
    Map::new()
        .with("AWSTemplateFormatVersion", "2010-09-09")
        .with("Transform", "AWS::Serverless-2016-10-31")
        .with("Description", description)
}

fn with_all(resources: Vec<(String, Map)>) -> Map {
    resources.into_iter().fold(Map::new(), |all, (name, resource)| {
        // A comment of the resource's first entry belongs above its name.
        let mut resource = resource;
        let comment = resource.0.first_mut().map(|first| std::mem::take(&mut first.comment));
        all.with(name, resource).comment(comment.unwrap_or_default())
    })
}

fn parameters(parameters: &[Parameter]) -> Map {
    parameters.iter().fold(Map::new(), |all, parameter| {
        let Parameter { name, kind, default, description } = parameter;
        let kind_is = match kind {
            ParameterKind::Number(..) => "Number",
            _ => "String",
        };
        let default = match (kind, default.parse::<u32>()) {
            (ParameterKind::Number(..), Ok(number)) => Node::from(number),
            _ => Node::from(default.as_str()),
        };
        let shape = Map::new().with("Type", kind_is).with("Default", default);
        let shape = match kind {
            ParameterKind::OneOf(values) => shape.with("AllowedValues", values.to_vec()),
            ParameterKind::Number(least, most) => shape.with("MinValue", *least).with("MaxValue", *most),
            ParameterKind::Pattern(pattern) => shape.with("AllowedPattern", format!("^({pattern})$")),
        };
        all.with(*name, shape.with("Description", *description))
    })
}

fn conditions(parameters: &[Parameter]) -> Map {
    let has = |name: &str| parameters.iter().any(|parameter| parameter.name == name);
    let equals = |name: &str, value: &str| {
        Map::new().with("Fn::Equals", vec![reference(name).into(), Node::from(value)])
    };
    let not = |condition: Map| Map::new().with("Fn::Not", vec![condition]);
    CONDITIONS.into_iter().fold(Map::new(), |all, (name, of)| match (name, of) {
        (_, "age" | "stuck") if has("QueueAlarms") => all.with(name, equals("QueueAlarms", of)),
        ("HasMoreWarmth", of) if has(of) => {
            let units = [
                equals(of, &limits::WARM_READ_UNITS_MIN.to_string()),
                equals("TableWarmWriteUnits", &limits::WARM_WRITE_UNITS_MIN.to_string()),
            ];
            all.with(name, not(Map::new().with("Fn::And", units.to_vec())))
        }
        ("IsProtected" | HAS_API, of) if has(of) => all.with(name, equals(of, "true")),
        (_, of) if has(of) => all.with(name, not(equals(of, ""))),
        _ => all,
    })
}

fn outputs(stack: &Stack) -> Map {
    let output =
        |description: &str, value: Map| Map::new().with("Description", description).with("Value", value);
    let page = "https://${AWS::Region}.console.aws.amazon.com/cloudwatch/home?region=${AWS::Region}#dashboards/dashboard/${Dashboard}";
    let api = Map::new()
        .with("Description", "The Step Functions API. Requests are signed for the service lambda.")
        .with("Condition", HAS_API)
        .with("Value", get_att("ApiUrl", "FunctionUrl"));
    Map::new()
        .with("Table", output("The table of runs.", reference("Table")))
        .with("Bucket", output("The bucket of large payloads.", reference("Bucket")))
        .with(
            "StartQueueUrl",
            output(
                "Where runs are asked for: {\"workflow\": …, \"name\": …, \"input\": …}.",
                reference("StartQueue"),
            ),
        )
        .with("ParkedQueueUrl", output("Messages that nobody can handle.", reference("ParkedQueue")))
        .with(
            "DeadLetterQueueUrl",
            output("Messages that were received too often.", reference("DeadLetterQueue")),
        )
        .with("Dashboard", output("The page of graphs.", Map::new().with("Fn::Sub", page)))
        .maybe("ApiUrl", stack.api.as_ref().map(|_| api))
}

/// The settings of `sam deploy`: what they can be without a stack's name and a region, which the user gives.
fn config() -> String {
    "# Written by `stepladder synth`. `sam deploy --stack-name NAME --region REGION` reads it.
version = 0.1

[default.validate.parameters]
lint = true

[default.deploy.parameters]
capabilities = [\"CAPABILITY_IAM\", \"CAPABILITY_AUTO_EXPAND\"]
resolve_s3 = true
confirm_changeset = true
fail_on_empty_changeset = false
"
    .to_owned()
}
