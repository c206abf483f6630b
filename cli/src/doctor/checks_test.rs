//! A stack that is well, and what is found when one thing about it isn't.

use super::*;
use crate::doctor::{Severity, facts::Versions, functions::identity};
use std::collections::BTreeMap;
use stepladder_aws::{Expiry, LiveBucket, LiveFunction, LiveMapping, LiveQueue, LiveTable, LiveUrl};
use stepladder_infra::{Facts as Workspace, FunctionFacts, PackageFacts, WorkflowFacts};

fn program(name: &str, is_system: bool) -> FunctionFacts {
    FunctionFacts {
        name: name.into(),
        package: if is_system { "system" } else { "order" }.into(),
        is_system,
        // The dead-letter function waits for a step.
        timeout_seconds: if name == "dead-letter" { 900 } else { 10 },
        memory_mb: 256,
        environment: BTreeMap::new(),
        batch_size: if name == "dead-letter" { 1 } else { 10 },
        batching_window_seconds: 0,
        maximum_concurrency: None,
        receive_count: 5,
        provisioned_pollers: None,
        reserved_concurrency: None,
        rate_per_second: None,
        exclusive: false,
    }
}

fn model() -> Stack {
    let system = ["start", "timer", "dead-letter", "api"].map(|name| program(name, true));
    let package = |name: &str| PackageFacts { name: name.into(), ..PackageFacts::default() };
    let workspace = Workspace {
        functions: system.into_iter().chain([program("charge", false), program("ship", false)]).collect(),
        packages: vec![package("order"), package("system")],
        workflows: vec![WorkflowFacts {
            name: "order".into(),
            functions: ["charge".to_owned(), "ship".to_owned()].into(),
            ..WorkflowFacts::default()
        }],
    };
    assert_eq!(workspace.check(), []);
    Stack::of(&workspace).unwrap()
}

/// A live stack that is as its template says.
fn well(model: &Stack) -> Facts {
    let arn = |name: &str| format!("arn:aws:sqs:eu-west-1:123456789012:shop-{name}");
    let mut facts = Facts {
        stack: "shop".into(),
        region: "eu-west-1".into(),
        account: "123456789012".into(),
        bucket_name: "shop-123456789012-eu-west-1".into(),
        caller: Some(("123456789012".into(), "arn:aws:iam::123456789012:user/me".into())),
        bucket: Some(LiveBucket { is_private: Some(true), expiry: Expiry::Days(400) }),
        ..Facts::default()
    };
    for queue in &model.queues {
        let live = LiveQueue {
            arn: arn(&queue.name),
            visibility_seconds: queue.visibility_seconds,
            retention_seconds: queue.retention_seconds,
            redrive: queue.receives_max.map(|receives| (arn("dead-letter"), receives)),
            visible: 0,
            in_flight: 0,
            kms_key: None,
        };
        facts.queues.insert(queue.name.clone(), live);
    }
    for function in &model.functions {
        let mapping = model.mappings.iter().find(|mapping| mapping.name == function.name).unwrap();
        let live = LiveFunction {
            timeout_seconds: function.timeout_seconds,
            memory_mb: function.memory_mb,
            role_arn: "arn:aws:iam::123456789012:role/r".into(),
            state: Some("Active".into()),
            last_update: Some("Successful".into()),
            environment: identity(&facts).map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            mappings: vec![LiveMapping {
                source_arn: arn(&function.name),
                state: "Enabled".into(),
                batch_size: mapping.batch_size,
                batching_window_seconds: mapping.batching_window_seconds,
                maximum_concurrency: mapping.maximum_concurrency,
                provisioned_pollers: mapping.provisioned_pollers.map(|p| (p.minimum, p.maximum)),
                reports_batch_item_failures: true,
            }],
            ..LiveFunction::default()
        };
        facts.functions.insert(function.name.clone(), live);
    }
    for table in &model.tables {
        let keys = (table.partition_key.to_owned(), table.sort_key.to_owned());
        let index = |index: &infra::Index| {
            let keys = (index.partition_key.to_owned(), index.sort_key.to_owned());
            (index.name.to_owned(), (keys, "ACTIVE".to_owned()))
        };
        let live = LiveTable {
            status: "ACTIVE".into(),
            keys,
            indexes: table.indexes.iter().map(index).collect(),
            ttl: table.ttl.map(str::to_owned),
        };
        facts.tables.insert(facts.table_name(table), live);
    }
    let versions = Versions {
        workspace: Some("a".repeat(32)),
        current: Some("a".repeat(32)),
        is_readable: true,
        functions: ["charge".to_owned(), "ship".to_owned()].into(),
    };
    facts.workflows.insert("order".into(), versions);
    facts
}

fn judge(model: &Stack, facts: &Facts) -> Vec<Finding> {
    CHECKS.iter().flat_map(|(_, check)| check(model, facts)).collect()
}

#[test]
fn a_stack_as_its_template_says_is_well() {
    let model = model();
    assert_eq!(judge(&model, &well(&model)), []);
}

/// What is found, and only that, after one change: check, subject, a part of the text.
#[track_caller]
fn check(change: impl FnOnce(&mut Facts), expected: &[(&str, &str, &str)]) {
    let model = model();
    let mut facts = well(&model);
    change(&mut facts);
    let found = judge(&model, &facts);
    let shown: Vec<_> = found.iter().map(|f| (f.check, f.subject.as_str(), f.what.as_str())).collect();
    assert_eq!(shown.len(), expected.len(), "{shown:#?}");
    for ((check, subject, what), (is_check, is_subject, is_what)) in expected.iter().zip(&shown) {
        assert_eq!((check, subject), (is_check, is_subject), "{shown:#?}");
        assert!(is_what.contains(what), "{is_what}");
    }
    assert!(found.iter().all(|finding| !finding.why.is_empty() && !finding.mend.is_empty()));
}

fn queue<'f>(facts: &'f mut Facts, name: &str) -> &'f mut LiveQueue {
    facts.queues.get_mut(name).unwrap()
}

fn function<'f>(facts: &'f mut Facts, name: &str) -> &'f mut LiveFunction {
    facts.functions.get_mut(name).unwrap()
}

#[test]
fn credentials_of_another_account_are_found() {
    check(
        |facts| facts.caller = Some(("000000000000".into(), "arn:x".into())),
        &[("credentials", "arn:x", "of account 000000000000")],
    );
}

#[test]
fn a_queue_that_is_missing_or_forgets_is_found() {
    check(
        |facts| drop(facts.queues.remove("parked")),
        &[("queues", "parked", "there is no queue shop-parked")],
    );
    check(
        |facts| queue(facts, "dead-letter").retention_seconds = 86_400,
        &[("queues", "dead-letter", "for 1.0 days, not 14.0 days")],
    );
}

#[test]
fn a_visibility_below_six_timeouts_is_found() {
    check(
        |facts| queue(facts, "charge").visibility_seconds = 59,
        &[("visibility", "charge", "60 s is the least")],
    );
    // Of the timeout that the function really has.
    check(
        |facts| function(facts, "charge").timeout_seconds = 20,
        &[
            ("visibility", "charge", "120 s is the least"),
            ("functions", "charge", "its timeout is 20 s, not 10 s"),
        ],
    );
}

#[test]
fn a_queue_that_gives_up_wrongly_is_found() {
    check(
        |facts| queue(facts, "charge").redrive = None,
        &[("dead letters", "charge", "gives no message up")],
    );
    check(
        |facts| queue(facts, "charge").redrive = Some(("arn:aws:sqs:eu-west-1:123456789012:other".into(), 5)),
        &[("dead letters", "charge", "to other, not to")],
    );
    check(
        |facts| queue(facts, "charge").redrive.as_mut().unwrap().1 = 1,
        &[("dead letters", "charge", "after 1 receive, not 5")],
    );
    check(
        |facts| queue(facts, "dead-letter").redrive = Some(("arn:x:parked".into(), 5)),
        &[("dead letters", "dead-letter", "gives messages up, to parked")],
    );
}

#[test]
fn a_function_that_is_not_as_it_should_be_is_found() {
    check(
        |facts| drop(facts.functions.remove("charge")),
        &[("functions", "charge", "there is no function shop-charge")],
    );
    check(
        |facts| function(facts, "charge").state = Some("Failed".into()),
        &[("functions", "charge", "it is Failed")],
    );
    check(
        |facts| function(facts, "charge").last_update = Some("Failed".into()),
        &[("functions", "charge", "last update failed")],
    );
    check(
        |facts| function(facts, "charge").memory_mb = 128,
        &[("functions", "charge", "128 MB, not 256 MB")],
    );
    check(
        |facts| drop(function(facts, "charge").environment.insert("STEPLADDER_STACK".into(), "other".into())),
        &[("functions", "charge", "STEPLADDER_STACK is 'other', not 'shop'")],
    );
}

/// The function that answers the API, and its URL of this auth type.
fn switch_on(facts: &mut Facts, auth_type: Option<&str>) {
    let api = LiveFunction { mappings: Vec::new(), ..facts.functions["start"].clone() };
    facts.functions.insert("api".into(), api);
    let url = "https://x.lambda-url.eu-west-1.on.aws/".to_owned();
    facts.api_url = auth_type.map(|auth_type| LiveUrl { url, auth_type: auth_type.into() });
}

#[test]
fn an_api_is_well_where_it_is_off_or_asks_who_calls() {
    check(|facts| assert!(!facts.functions.contains_key("api")), &[]);
    check(|facts| switch_on(facts, Some("AWS_IAM")), &[]);
    check(
        |facts| switch_on(facts, Some("NONE")),
        &[("api", "api", "the auth type of its function URL is NONE, not AWS_IAM")],
    );
    check(|facts| switch_on(facts, None), &[("api", "api", "it has no function URL")]);
    check(
        |facts| {
            switch_on(facts, Some("AWS_IAM"));
            function(facts, "api").timeout_seconds = 3;
            function(facts, "api").environment.insert("STEPLADDER_STACK".into(), "other".into());
        },
        &[
            ("api", "api", "its timeout is 3 s, not 10 s"),
            ("api", "api", "STEPLADDER_STACK is 'other', not 'shop'"),
        ],
    );
    let model = model();
    let mut facts = well(&model);
    switch_on(&mut facts, Some("NONE"));
    let found = judge(&model, &facts);
    assert!(
        found[0].mend.contains("update-function-url-config --function-name shop-api --auth-type AWS_IAM")
    );
}

#[test]
fn the_role_of_an_api_is_asked_about_where_it_is_there() {
    let model = model();
    let mut facts = well(&model);
    let is_asked = |facts: &Facts| {
        let questions = crate::doctor::questions(&model, facts);
        questions.asked.iter().any(|question| question.role == "api")
    };
    assert!(!is_asked(&facts));
    switch_on(&mut facts, Some("AWS_IAM"));
    assert!(is_asked(&facts));
}

#[test]
fn a_trigger_that_is_not_as_it_should_be_is_found() {
    let mapping = |change: fn(&mut LiveMapping)| {
        move |facts: &mut Facts| change(&mut function(facts, "charge").mappings[0])
    };
    check(|facts| function(facts, "charge").mappings.clear(), &[("mappings", "charge", "triggers nothing")]);
    check(mapping(|live| live.state = "Disabled".into()), &[("mappings", "charge", "is Disabled")]);
    check(
        mapping(|live| live.reports_batch_item_failures = false),
        &[("mappings", "charge", "ReportBatchItemFailures")],
    );
    check(mapping(|live| live.batch_size = 1), &[("mappings", "charge", "batch size is 1, not 10")]);
    check(
        mapping(|live| live.maximum_concurrency = Some(2)),
        &[("mappings", "charge", "maximum concurrency is 2, not not set")],
    );
    check(
        mapping(|live| live.provisioned_pollers = Some((2, 20))),
        &[("mappings", "charge", "provisioned pollers is 2 to 20, not not set")],
    );
}

#[test]
fn a_concurrency_beyond_what_is_reserved_is_found() {
    check(
        |facts| function(facts, "charge").reserved_concurrency = Some(0),
        &[("concurrency", "charge", "reserved concurrency is 0")],
    );
    check(
        |facts| function(facts, "charge").reserved_concurrency = Some(5),
        &[("concurrency", "charge", "not limited, and 5 are reserved")],
    );
}

#[test]
fn what_settings_may_say_about_concurrency_is_a_note_at_most() {
    let mut model = model();
    let mut facts = well(&model);
    function(&mut facts, "charge").reserved_concurrency = Some(1);
    let found = judge(&model, &facts);
    assert_eq!((found.len(), found[0].severity), (1, Severity::Note), "{found:?}");
    assert!(found[0].mend.contains("reserve 2 or more"), "{found:?}");
    // A limit above what is reserved was refused when it was deployed: somebody changed it.
    function(&mut facts, "charge").mappings[0].maximum_concurrency = Some(2);
    let found = concurrency(&model, &facts);
    assert_eq!((found.len(), found[0].severity), (1, Severity::Wrong), "{found:?}");
    // Lambda takes no limit beside provisioned pollers.
    let pollers = infra::ProvisionedPollers { minimum: 2, maximum: 5 };
    model.mappings.iter_mut().find(|mapping| mapping.name == "charge").unwrap().provisioned_pollers =
        Some(pollers);
    let mut facts = well(&model);
    function(&mut facts, "charge").reserved_concurrency = Some(1);
    assert_eq!(judge(&model, &facts), []);
}

#[test]
fn more_in_flight_than_a_queue_can_have_is_found() {
    let model = model();
    let mut facts = well(&model);
    function(&mut facts, "charge").mappings[0].batch_size = 100;
    let found = in_flight(&model, &facts);
    assert!(found[0].what.contains("are 125000; a queue has 120000"), "{found:?}");
    function(&mut facts, "charge").mappings[0].maximum_concurrency = Some(1_200);
    assert_eq!(in_flight(&model, &facts), []);
    // Each poller has ten batches under way.
    let mapping = &mut function(&mut facts, "charge").mappings[0];
    (mapping.maximum_concurrency, mapping.provisioned_pollers) = (None, Some((2, 121)));
    let found = in_flight(&model, &facts);
    assert!(found[0].what.contains("are 121000; a queue has 120000"), "{found:?}");
    function(&mut facts, "charge").mappings[0].provisioned_pollers = Some((2, 120));
    assert_eq!(in_flight(&model, &facts), []);
}

#[test]
fn a_table_that_is_not_as_it_should_be_is_found() {
    fn table(facts: &mut Facts) -> &mut LiveTable {
        facts.tables.get_mut("shop").unwrap()
    }
    check(|facts| drop(facts.tables.remove("shop")), &[("table", "shop", "it is not there")]);
    check(|facts| table(facts).ttl = None, &[("table", "shop", "no item of it expires")]);
    check(|facts| table(facts).status = "CREATING".into(), &[("table", "shop", "it is CREATING")]);
    check(|facts| table(facts).keys.0 = "id".into(), &[("table", "shop", "its keys are id and sk")]);
    check(|facts| drop(table(facts).indexes.remove("runs")), &[("table", "shop", "no index runs")]);
    check(
        |facts| table(facts).indexes.get_mut("runs").unwrap().1 = "CREATING".into(),
        &[("table", "shop", "its index runs is CREATING")],
    );
}

#[test]
fn a_bucket_that_is_missing_or_open_is_found() {
    check(|facts| facts.bucket = None, &[("bucket", "shop-123456789012-eu-west-1", "not there")]);
    let open = LiveBucket { is_private: Some(false), ..LiveBucket::default() };
    check(|facts| facts.bucket = Some(open), &[("bucket", "shop-123456789012-eu-west-1", "public access")]);
    check(|facts| facts.bucket = Some(LiveBucket::default()), &[]);
}

#[test]
fn a_version_that_is_missing_or_old_is_found() {
    fn order(facts: &mut Facts) -> &mut Versions {
        facts.workflows.get_mut("order").unwrap()
    }
    check(
        |facts| order(facts).current = Some("b".repeat(32)),
        &[("definitions", "order", "new runs take version bbbbbbbb, and the workspace has aaaaaaaa")],
    );
    check(|facts| order(facts).is_readable = false, &[("definitions", "order", "aaaaaaaa is missing")]);
    check(|facts| order(facts).current = None, &[("definitions", "order", "the stack has no version of it")]);
}

#[test]
fn a_state_without_its_function_is_wrong_and_a_function_without_a_state_is_a_note() {
    check(
        |facts| {
            facts.workflows.get_mut("order").unwrap().functions.insert("refund".into());
        },
        &[("steps", "order", "names the function refund")],
    );
    let model = model();
    let mut facts = well(&model);
    // The stack has it, another workspace deployed it.
    facts.workflows.get_mut("order").unwrap().functions.insert("refund".into());
    facts.other_queues.insert("refund".into());
    let found = judge(&model, &facts);
    assert_eq!((found.len(), found[0].severity, found[0].subject.as_str()), (1, Severity::Note, "order"));
    assert!(found[0].what.contains("which the stack has and this workspace doesn't"), "{found:?}");
    let mut facts = well(&model);
    facts.workflows.get_mut("order").unwrap().functions.remove("ship");
    let found = judge(&model, &facts);
    assert_eq!((found.len(), found[0].severity, found[0].subject.as_str()), (1, Severity::Note, "ship"));
}

#[test]
fn a_step_that_always_dies_reaches_its_catch_at_last() {
    let model = model();
    let mut facts = well(&model);
    // 60 s hidden, four times 40 s, and once more alone.
    assert_eq!(catch_seconds("charge", &facts), Some(60 + 4 * 40 + 10));
    queue(&mut facts, "charge").redrive = None;
    assert_eq!(catch_seconds("charge", &facts), None);
    let mut slow = well(&model);
    queue(&mut slow, "charge").visibility_seconds = 5_400;
    let found = judge(&model, &slow);
    assert_eq!((found.len(), found[0].severity), (1, Severity::Note));
    assert!(found[0].what.contains("92 minutes"), "{found:?}");
}

#[test]
fn what_waits_is_found() {
    check(|facts| queue(facts, "parked").visible = 3, &[("backlog", "parked", "3 messages parked")]);
    check(
        |facts| queue(facts, "charge").visible = 1,
        &[("backlog", "charge", "1 message visible, and none in flight")],
    );
    check(|facts| (queue(facts, "charge").visible, queue(facts, "charge").in_flight) = (9, 1), &[]);
    // Seen once, they may have come just now.
    let model = model();
    let mut facts = well(&model);
    queue(&mut facts, "charge").visible = 1;
    assert_eq!(judge(&model, &facts)[0].severity, Severity::Note);
    queue(&mut facts, "parked").visible = 1;
    assert_eq!(judge(&model, &facts)[1].severity, Severity::Wrong);
}

#[test]
fn arns_are_of_the_stacks_own_partition() {
    let model = model();
    let mut facts = well(&model);
    assert_eq!(facts.partition(), "aws");
    facts.queues.clear();
    facts.functions.values_mut().for_each(|live| live.role_arn = "arn:aws-cn:iam::1:role/r".into());
    assert_eq!(facts.queue_arn("charge"), "arn:aws-cn:sqs:eu-west-1:123456789012:shop-charge");
    facts.functions.clear();
    assert_eq!(facts.partition(), "aws");
}
