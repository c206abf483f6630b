//! Facts to render, and rendered templates read back.

use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use stepladder_infra::{
    Facts, FunctionFacts, PackageFacts, PolicyFacts, ProvisionedPollers, Stack, WorkflowFacts,
    WorkflowSettings, sam,
};

pub(crate) fn function(name: &str, package: &str) -> FunctionFacts {
    FunctionFacts {
        name: name.to_owned(),
        package: package.to_owned(),
        is_system: package == "system",
        timeout_seconds: 10,
        memory_mb: 256,
        environment: BTreeMap::new(),
        batch_size: 10,
        batching_window_seconds: 0,
        maximum_concurrency: None,
        receive_count: 5,
        provisioned_pollers: None,
        reserved_concurrency: None,
        rate_per_second: None,
        exclusive: false,
    }
}

fn system() -> Vec<FunctionFacts> {
    vec![
        FunctionFacts { timeout_seconds: 30, ..function("start", "system") },
        FunctionFacts { timeout_seconds: 60, ..function("timer", "system") },
        FunctionFacts { timeout_seconds: 900, batch_size: 1, ..function("dead-letter", "system") },
    ]
}

pub(crate) fn workflow(name: &str, functions: &[&str], settings: Value) -> WorkflowFacts {
    WorkflowFacts {
        name: name.to_owned(),
        functions: functions.iter().map(|name| (*name).to_owned()).collect(),
        settings: serde_json::from_value::<WorkflowSettings>(settings).unwrap(),
        ..WorkflowFacts::default()
    }
}

/// Three workflows with all settings that there are, and the API; `check-stock` is used by both.
pub(crate) fn everything() -> Facts {
    let mut functions = system();
    functions.extend([
        FunctionFacts { timeout_seconds: 330, memory_mb: 512, ..function("api", "system") },
        FunctionFacts {
            timeout_seconds: 120,
            batch_size: 500,
            batching_window_seconds: 20,
            maximum_concurrency: Some(7),
            reserved_concurrency: Some(9),
            receive_count: 3,
            environment: BTreeMap::from([("GREETING".into(), "${Hello}, \"you\" %{x}".into())]),
            ..function("charge-card", "shop")
        },
        FunctionFacts { rate_per_second: Some(2.5), exclusive: true, ..function("check-stock", "warehouse") },
        FunctionFacts {
            provisioned_pollers: Some(ProvisionedPollers { minimum: 2, maximum: 20 }),
            ..function("ship", "warehouse")
        },
    ]);
    let policy = PolicyFacts {
        actions: vec!["s3:GetObject".into()],
        resources: vec!["arn:${Partition}:s3:::rates-${Account}/*".into()],
    };
    let packages = vec![
        PackageFacts {
            name: "shop".into(),
            folder: "shop".into(),
            tables: vec!["orders".into()],
            policies: vec![policy],
            ..PackageFacts::default()
        },
        PackageFacts { name: "warehouse".into(), ..PackageFacts::default() },
        PackageFacts { name: "system".into(), ..PackageFacts::default() },
    ];
    let workflows = vec![
        workflow(
            "shop",
            &["charge-card", "check-stock"],
            json!({"schedule": "cron(0 6 ? * MON-FRI *)", "status_events": "failures", "retention_days": 90, "log_sample": 0.1, "tenant": "$.customer['id']"}),
        ),
        // The name of the system's own schedule.
        workflow("sweep", &["ship"], json!({"schedule": "rate(2 days)"})),
        workflow(
            "stock-taking",
            &["check-stock", "ship"],
            json!({"event_pattern": {"source": ["aws.s3"], "detail": {"size": [{"numeric": [">", 0.5, "<=", 7]}]}}}),
        ),
    ];
    Facts { functions, packages, workflows }
}

/// Four workflows of 23 steps each: more than fits into one template.
pub(crate) fn large() -> Facts {
    let mut facts = Facts { functions: system(), ..Facts::default() };
    facts.packages.push(PackageFacts { name: "system".into(), ..PackageFacts::default() });
    for name in ["alpha", "beta", "gamma", "delta"] {
        let steps: Vec<String> = (0..23).map(|n| format!("{name}-step-{n:02}")).collect();
        facts.functions.extend(steps.iter().map(|step| function(step, name)));
        facts.packages.push(PackageFacts { name: name.into(), ..PackageFacts::default() });
        facts.workflows.push(workflow(
            name,
            &steps.iter().map(String::as_str).collect::<Vec<_>>(),
            json!({}),
        ));
    }
    facts
}

pub(crate) fn stack(facts: &Facts) -> Stack {
    Stack::of(facts).unwrap()
}

/// The rules are held against these, and what is written for them.
pub(crate) fn all() -> Vec<(Stack, Vec<Template>)> {
    [everything(), large()]
        .iter()
        .map(stack)
        .map(|stack| (templates(&stack), stack))
        .map(|(t, s)| (s, t))
        .collect()
}

pub(crate) fn each_template(check: impl Fn(&Stack, &Template)) {
    for (stack, templates) in all() {
        templates.iter().for_each(|template| check(&stack, template));
    }
}

/// The one template of everything.
pub(crate) fn whole() -> Template {
    let mut templates = templates(&stack(&everything()));
    assert_eq!(templates.len(), 1);
    templates.remove(0)
}

/// `ChargeCardQueue` and `Queue` give `ChargeCard`.
pub(crate) fn stem<'i>(id: &'i str, suffix: &str) -> &'i str {
    id.strip_suffix(suffix).unwrap_or_else(|| panic!("{id} does not end with {suffix}"))
}

pub(crate) fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// A template, read back.
#[derive(Debug)]
pub(crate) struct Template {
    pub(crate) file: String,
    pub(crate) json: Value,
}

pub(crate) fn templates(stack: &Stack) -> Vec<Template> {
    let files = sam::render(stack).into_iter().filter(|(file, _)| file.ends_with(".yaml"));
    files.map(|(file, text)| Template { json: serde_saphyr::from_str(&text).unwrap(), file }).collect()
}

impl Template {
    pub(crate) fn resources(&self) -> &serde_json::Map<String, Value> {
        self.json["Resources"].as_object().unwrap()
    }

    pub(crate) fn of_type<'t>(&'t self, kind: &'t str) -> impl Iterator<Item = (&'t str, &'t Value)> {
        let resources = self.resources().iter().filter(move |(_, resource)| resource["Type"] == kind);
        resources.map(|(id, resource)| (id.as_str(), &resource["Properties"]))
    }

    /// The properties of a resource.
    pub(crate) fn properties(&self, id: &str) -> &Value {
        let properties =
            &self.resources().get(id).unwrap_or_else(|| panic!("no {id} in {}", self.file))["Properties"];
        assert!(properties.is_object(), "{id}");
        properties
    }

    /// The statements of a role, those behind a condition included.
    pub(crate) fn statements(&self, role: &str) -> Vec<Value> {
        let policies = self.properties(role)["Policies"].as_array().unwrap();
        let statements =
            policies.iter().flat_map(|policy| policy["PolicyDocument"]["Statement"].as_array().unwrap());
        let unwrapped = |statement: &Value| match statement.get("Fn::If") {
            Some(choice) => choice[1].clone(),
            None => statement.clone(),
        };
        statements.map(unwrapped).collect()
    }

    /// The statement of a role with this Sid.
    pub(crate) fn statement(&self, role: &str, sid: &str) -> Value {
        let found = self.statements(role).into_iter().find(|statement| statement["Sid"] == sid);
        found.unwrap_or_else(|| panic!("{role} has no statement {sid}"))
    }
}

/// A text of a template, with `{stack}` and so on in place of its gaps.
pub(crate) fn text(value: &Value) -> String {
    let shown = |text: &str| {
        let gaps = ["AWS::StackName", "Stack", "AWS::Region", "AWS::AccountId", "AWS::Partition"];
        let names = ["stack", "stack", "region", "account", "partition"];
        gaps.iter().zip(names).fold(text.to_owned(), |text, (gap, name)| {
            text.replace(&format!("${{{gap}}}"), &format!("{{{name}}}"))
        })
    };
    match value {
        Value::String(text) => text.clone(),
        Value::Object(object) if object.contains_key("Fn::Sub") => shown(object["Fn::Sub"].as_str().unwrap()),
        other => other.to_string(),
    }
}

pub(crate) fn texts(value: &Value) -> BTreeSet<String> {
    match value {
        Value::Array(values) => values.iter().map(text).collect(),
        one => BTreeSet::from([text(one)]),
    }
}
