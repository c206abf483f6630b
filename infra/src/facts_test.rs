#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
use super::*;
use serde_json::json;

fn step(name: &str) -> FunctionFacts {
    FunctionFacts {
        name: name.to_owned(),
        package: "order".to_owned(),
        is_system: false,
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

fn with_system(mut functions: Vec<FunctionFacts>) -> Facts {
    let system = |name: &str| FunctionFacts { is_system: true, package: "system".into(), ..step(name) };
    functions.extend(SYSTEM_FUNCTIONS.map(system));
    Facts { functions, ..Facts::default() }
}

#[track_caller]
fn check(facts: Facts, expected: &[&str]) {
    let faults: Vec<String> = facts.check().into_iter().map(|fault| fault.message).collect();
    assert_eq!(faults.len(), expected.len(), "{faults:#?}");
    for (fault, expected) in faults.iter().zip(expected) {
        assert!(fault.contains(expected), "{fault:?} does not hold {expected:?}");
    }
}

fn check_step(change: impl FnOnce(&mut FunctionFacts), expected: &[&str]) {
    let mut function = step("pay");
    change(&mut function);
    check(with_system(vec![function]), expected);
}

fn check_workflow(settings: serde_json::Value, expected: &[&str]) {
    let settings = serde_json::from_value(settings).unwrap();
    let workflow = WorkflowFacts { name: "order".into(), settings, ..WorkflowFacts::default() };
    check(Facts { workflows: vec![workflow], ..Facts::default() }, expected);
}

fn check_policy(action: &str, resource: &str, expected: &[&str]) {
    let policy = PolicyFacts { actions: vec![action.into()], resources: vec![resource.into()] };
    let package = PackageFacts { name: "order".into(), policies: vec![policy], ..PackageFacts::default() };
    check(Facts { packages: vec![package], ..Facts::default() }, expected);
}

#[test]
fn what_lambda_and_sqs_take_is_taken() {
    check(with_system(vec![step("pay"), step("ship")]), &[]);
    check_step(
        |f| (f.batch_size, f.batching_window_seconds, f.maximum_concurrency) = (10_000, 300, Some(12)),
        &[],
    );
    for rate in [0.001, 0.5, 1_000.0] {
        check_step(|f| (f.rate_per_second, f.exclusive) = (Some(rate), true), &[]);
    }
    // Without a limit a mapping runs 1,250 batches at once.
    check_step(|f| (f.batch_size, f.batching_window_seconds) = (96, 1), &[]);
    check_step(|f| (f.maximum_concurrency, f.reserved_concurrency) = (Some(2), Some(2)), &[]);
    check_step(|f| f.provisioned_pollers = Some(ProvisionedPollers { minimum: 2, maximum: 1_200 }), &[]);
}

#[test]
fn what_lambda_and_sqs_refuse_is_refused_with_the_limit() {
    check_step(|f| f.timeout_seconds = 901, &["the timeout (seconds) of pay is 901; it can be 1 to 900"]);
    check_step(|f| f.memory_mb = 64, &["memory (MB) of pay is 64; it can be 128 to 10240"]);
    check_step(|f| f.batch_size = 0, &["batch_size of pay is 0"]);
    check_step(|f| f.receive_count = 0, &["receive_count of pay is 0"]);
    check_step(|f| f.batching_window_seconds = 301, &["batching_window (seconds) of pay is 301"]);
    check_step(|f| f.batch_size = 11, &["beyond 10 Lambda wants a batching_window of at least 1 second"]);
    check_step(
        |f| f.maximum_concurrency = Some(1),
        &["maximum_concurrency of pay is 1; it can be 2 to 1000"],
    );
    for rate in [0.0, -1.0, 1_000.5, f64::NAN] {
        check_step(
            |f| f.rate_per_second = Some(rate),
            &["the rate_per_second of pay must be a number from 0.001"],
        );
    }
    let mut system = with_system(Vec::new());
    system.functions[0].exclusive = true;
    system.functions[1].rate_per_second = Some(1.0);
    check(system, &["start runs no step", "timer runs no step"]);
    check_step(|f| f.reserved_concurrency = Some(0), &["reserved_concurrency of pay is 0"]);
    check_step(|f| f.name = "p a y".into(), &["can't name a function"]);
}

#[test]
fn settings_that_do_not_fit_each_other_are_refused() {
    check_step(
        |f| (f.maximum_concurrency, f.reserved_concurrency) = (Some(5), Some(4)),
        &["more than its reserved_concurrency"],
    );
    check_step(
        |f| (f.batch_size, f.batching_window_seconds, f.maximum_concurrency) = (1_000, 1, Some(121)),
        &["121 batches of 1000 messages of pay are more than the 120000"],
    );
    check_step(
        |f| (f.batch_size, f.batching_window_seconds) = (97, 1),
        &["1250 batches of 97 messages of pay are more than the 120000"],
    );
    // Ten batches for each poller, if the function has so much concurrency.
    let pollers = Some(ProvisionedPollers { minimum: 2, maximum: 1_201 });
    check_step(
        |f| f.provisioned_pollers = pollers,
        &["12010 batches of 10 messages of pay are more than the 120000"],
    );
    check_step(|f| (f.provisioned_pollers, f.reserved_concurrency) = (pollers, Some(12_000)), &[]);
    let pollers = Some(ProvisionedPollers { minimum: 3, maximum: 2 });
    check_step(|f| f.provisioned_pollers = pollers, &["the minimum is above the maximum"]);
    let pollers = Some(ProvisionedPollers { minimum: 2, maximum: 3 });
    check_step(
        |f| (f.provisioned_pollers, f.maximum_concurrency) = (pollers, Some(2)),
        &["Lambda takes one of them"],
    );
}

#[test]
fn names_that_a_template_can_not_tell_apart_are_refused() {
    check(
        with_system(vec![step("charge-card"), step("charge_card")]),
        &["charge-card and charge_card differ"],
    );
}

#[test]
fn tables_that_a_template_can_not_tell_apart_are_refused() {
    let package = |name: &str, table: &str| PackageFacts {
        name: name.into(),
        tables: vec![table.into()],
        ..PackageFacts::default()
    };
    let facts = |tables: [&str; 2]| Facts {
        packages: vec![package("order", tables[0]), package("stock", tables[1])],
        ..Facts::default()
    };
    check(facts(["my.orders", "my-orders"]), &["the tables my.orders and my-orders differ in hyphens"]);
    // One table of both packages.
    check(facts(["orders", "orders"]), &[]);
}

#[test]
fn a_package_can_not_have_the_name_of_a_systems_role() {
    for name in ["start", "timer", "dead-letter", "dead_letter", "scheduler", "invoke"] {
        let package = PackageFacts { name: name.into(), ..PackageFacts::default() };
        check(
            Facts { packages: vec![package], ..Facts::default() },
            &["has the name of a role of the system"],
        );
    }
}

#[test]
fn no_stack_works_without_the_systems_functions() {
    assert_eq!(with_system(vec![step("pay")]).missing(), []);
    let missing = Facts { functions: vec![step("start")], ..Facts::default() }.missing();
    let names: Vec<_> = missing.iter().filter_map(|error| error.message.split(' ').nth(3)).collect();
    assert_eq!(names, SYSTEM_FUNCTIONS);
}

#[test]
fn a_variable_that_is_set_anyway_is_refused() {
    let set = |name: &str| {
        let name = name.to_owned();
        move |f: &mut FunctionFacts| drop(f.environment.insert(name, "1".into()))
    };
    check_step(set("CURRENCY"), &[]);
    check_step(set("AWS_REGION"), &["AWS_REGION of pay is set by Lambda"]);
    check_step(set("STEPLADDER_STACK"), &["STEPLADDER_STACK of pay"]);
    check_step(set("1ST"), &["must be a letter"]);
    check_step(|f| drop(f.environment.insert("LONG".into(), "x".repeat(2_045))), &["take 2049 bytes"]);
}

#[test]
fn a_policy_names_its_actions_and_resources() {
    check_policy("s3:GetObject", "arn:${Partition}:s3:::bucket/*", &[]);
    check_policy("s3:*", "arn:aws:s3:::bucket/*", &["must be one action of one service"]);
    check_policy("s3:GetObject", "*", &["must be an ARN"]);
    check_policy("s3:GetObject", "arn:aws:sqs:*:*:*", &["must be an ARN"]);
}

#[test]
fn a_workflows_settings_are_looked_at() {
    check_workflow(
        json!({"schedule": "cron(0 6 ? * MON-FRI *)", "retention_days": 4, "log_sample": 1.0}),
        &[],
    );
    check_workflow(json!({"schedule": "rate(1 hour)", "event_pattern": {"source": ["aws.s3"]}}), &[]);
    check_workflow(json!({"schedule": "0 6 * * *"}), &["must be cron(minute hour day month weekday year)"]);
    check_workflow(json!({"schedule": "cron(0 6 * * *)"}), &["must be cron(minute"]);
    check_workflow(json!({"event_pattern": {}}), &["must be an object"]);
    check_workflow(
        json!({"retention_days": 3}),
        &["retention_days of workflow order is 3; it can be 4 to 3650"],
    );
    check_workflow(json!({"log_sample": 1.5}), &["log_sample of workflow order"]);
}

#[test]
fn a_message_is_hidden_for_six_timeouts_and_the_window() {
    assert_eq!(visibility_seconds(10, 0), 60);
    assert_eq!(visibility_seconds(60, 5), 365);
    assert_eq!(visibility_seconds(900, 300), 5_700);
}
