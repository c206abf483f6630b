//! Objects of the users' own: the timer function reads and writes what definitions name, and what settings name beside.

use crate::support::{Template, everything, stack, templates, texts};
use std::collections::BTreeSet;
use stepladder_infra::{Facts, ObjectAccess, ObjectFacts, Stack};

fn object(access: ObjectAccess, bucket: Option<&str>, keys: &str) -> ObjectFacts {
    ObjectFacts { state: "Each".into(), access, bucket: bucket.map(str::to_owned), keys: keys.into() }
}

fn with(objects: impl IntoIterator<Item = ObjectFacts>, buckets: &[&str]) -> Facts {
    let mut facts = everything();
    facts.workflows[0].objects.extend(objects);
    facts.workflows[0].settings.buckets = buckets.iter().map(|bucket| (*bucket).to_owned()).collect();
    facts
}

fn of_users(template: &Template, role: &str) -> Vec<(String, BTreeSet<String>)> {
    let statements = template.statements(role).into_iter();
    let of_users = statements.filter(|statement| statement["Sid"].as_str().unwrap().starts_with("Users"));
    of_users
        .map(|statement| {
            assert_eq!(statement["Effect"], "Allow");
            let actions = texts(&statement["Action"]).into_iter().collect::<Vec<_>>();
            (actions.join(" "), texts(&statement["Resource"]))
        })
        .collect()
}

#[test]
fn a_stack_without_readers_and_writers_has_nothing_of_it() {
    assert_eq!(stack(&with([], &["orders"])), stack(&everything()));
}

#[test]
fn the_timer_function_may_do_what_definitions_name_and_nobody_else_but_who_does_its_work() {
    let facts = with(
        [
            object(ObjectAccess::Read, Some("orders"), "in/new orders.json"),
            object(ObjectAccess::Read, Some("orders"), "${\"%{x}\\ő"),
            object(ObjectAccess::ReadVersion, Some("prices"), "*"),
            object(ObjectAccess::List, Some("orders"), ""),
            object(ObjectAccess::Write, Some("reports"), "out/*"),
        ],
        &[],
    );
    let stack = stack(&facts);
    let [template] = &templates(&stack)[..] else { panic!("one template") };
    let arns = |names: &[&str]| {
        names.iter().map(|name| format!("arn:{{partition}}:s3:::{name}")).collect::<BTreeSet<_>>()
    };
    let expected = [
        ("s3:GetObject", arns(&["orders/*\"%{x}\\*", "orders/in/new orders.json"])),
        ("s3:GetObjectVersion", arns(&["prices/*"])),
        ("s3:ListBucket", arns(&["orders"])),
        ("s3:PutObject", arns(&["reports/out/*"])),
    ]
    .map(|(action, resources)| (action.to_owned(), resources));
    for role in ["TimerRole", "DeadLetterRole"] {
        assert_eq!(of_users(template, role), expected, "{role}");
    }
    for (role, _) in template.of_type("AWS::IAM::Role") {
        let is_one = matches!(role, "TimerRole" | "DeadLetterRole");
        assert_eq!(of_users(template, role).is_empty(), !is_one, "{role}");
    }
    let terraform = &stepladder_infra::terraform::render(&stack)["roles.tf"];
    for part in [
        "\"UsersS3GetObject\"",
        "s3:::orders/in/new orders.json\"",
        r#"s3:::orders/*\"%%{x}\\*""#,
        "s3:::prices/*\"",
        "s3:::orders\"",
        "s3:::reports/out/*\"",
    ] {
        assert_eq!(terraform.matches(part).count(), 2, "{part} in\n{terraform}");
    }
}

#[test]
fn what_only_the_data_says_is_what_the_settings_name() {
    let dynamic =
        || [object(ObjectAccess::Read, None, "in/orders.json"), object(ObjectAccess::List, None, "")];
    let stack = stack(&with(dynamic(), &["orders-${Account}", "in-*"]));
    let [template] = &templates(&stack)[..] else { panic!("one template") };
    let found = of_users(template, "TimerRole");
    let arns = |end: &str| {
        ["orders-{account}", "in-*"].map(|name| format!("arn:{{partition}}:s3:::{name}{end}")).into()
    };
    assert_eq!(found, [("s3:GetObject".to_owned(), arns("/*")), ("s3:ListBucket".to_owned(), arns(""))]);

    let message = Stack::of(&with(dynamic(), &[])).unwrap_err()[0].message.clone();
    let lines = "[package.metadata.stepladder.workflow.shop]\nbuckets = [\"NAME\"]";
    assert!(message.contains("the state \"Each\" of workflow shop"), "{message}");
    assert!(message.ends_with(lines), "{message}");
    // An access point's ARN, or something else that is no name.
    let arn = object(ObjectAccess::Write, Some("arn:aws:s3:eu-west-1:1:accesspoint/x"), "*");
    assert_eq!(Stack::of(&with([arn], &[])).unwrap_err().len(), 1);
}

#[test]
fn not_all_buckets_can_be_named() {
    let message = Stack::of(&with([], &["*"])).unwrap_err()[0].message.clone();
    assert!(message.contains("the bucket \"*\" of workflow shop"), "{message}");
}
