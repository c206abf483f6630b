use super::*;
use crate::{
    WorkflowSettings,
    item::{ITEM_VERSION, Redrive, RunId},
    search::SearchPaths,
};

const NOW_MS: i64 = 1_800_000_000_000;
const HOUR_MS: i64 = 3_600_000;

fn settings() -> Settings {
    let mut settings = Settings::new("s", "us-east-1", "000000000000");
    for (workflow, paths) in
        [("order", ["$.customer", "$.order_id"]), ("ship", ["$.customer", "$.parcel.id"])]
    {
        let search = SearchPaths::parse(&paths).unwrap();
        settings
            .workflows
            .insert(workflow.to_owned(), WorkflowSettings { search, ..WorkflowSettings::default() });
    }
    settings
}

fn query(text: &str) -> Query {
    Query::parse(text, NOW_MS, &settings()).unwrap()
}

#[track_caller]
fn check_refused(text: &str, expected: &str) {
    let error = Query::parse(text, NOW_MS, &settings()).unwrap_err();
    let all = format!("{} ({})", error.message, error.hint.unwrap_or_default());
    assert!(all.contains(expected), "{all}");
}

fn failed() -> RunItem {
    RunItem {
        version: ITEM_VERSION,
        id: RunId::new("order", "17"),
        nonce: "0".repeat(32),
        definition: String::new(),
        status: Status::Failed,
        redrive_count: 0,
        region: String::new(),
        account: String::new(),
        role_arn: String::new(),
        started_ms: NOW_MS - HOUR_MS,
        ended_ms: Some(NOW_MS - HOUR_MS / 2),
        input: None,
        input_digest: String::new(),
        ending: None,
        ending_item: None,
        error: Some("PaymentTimeout".to_owned()),
        state: Some("ChargePayment".to_owned()),
        by: None,
        redrives: Vec::new(),
        redefined: Vec::new(),
        rerun_of: None,
        begins_at: None,
        parked: None,
        parent: None,
        expires_s: i64::MAX,
        workflow_version: None,
        alias: None,
        tenant: None,
    }
}

#[test]
fn a_query_is_terms_with_blanks_between_them() {
    let read = query(
        "workflow=order status=failed,timed-out  state='Charge Payment' error=\"a \\\"b\\\" \\ c\" since=2h \
         until=2027-01-15T08:00:00Z customer=c-17",
    );
    let expected = Query {
        workflow: Some("order".to_owned()),
        statuses: vec![Status::Failed, Status::TimedOut],
        state: Some("Charge Payment".to_owned()),
        error: Some("a \"b\" \\ c".to_owned()),
        started: NOW_MS - 2 * HOUR_MS..NOW_MS,
        attributes: vec![("customer".to_owned(), "c-17".to_owned())],
        ..Query::default()
    };
    assert_eq!(read, expected);
    assert_eq!(query(" "), Query::default());
    assert_eq!(query("$.parcel.id=a=b").attributes, [("$.parcel.id".to_owned(), "a=b".to_owned())]);
    assert_eq!(query("ended-since=30m").ended, NOW_MS - HOUR_MS / 2..i64::MAX);
}

#[test]
fn what_can_not_be_asked_says_what_there_is() {
    check_refused("workflow", "'workflow' is no term");
    check_refused("=x", "'' is no term");
    check_refused("workflow=", "'workflow' has no value");
    check_refused("state=\"Charge", "no quotation mark at its end");
    check_refused("state='a'b", "right behind the value of 'state': b");
    check_refused("status=failed status=aborted", "one term: status=failed,timed_out");
    check_refused("status=bad", "there are: running, succeeded, failed, timed_out, aborted");
    check_refused("since=soon", "since=soon is no time (how long ago, like 30m");
    check_refused("since=2", "since=2 is no time");
    check_refused("since=1h until=2h", "no run fits");
    check_refused(
        "custmer=17",
        "did you mean 'customer'? there are: workflow, status, state, error, since, until",
    );
    check_refused("workflow=order parcel=1", "the workflow order has no such search attribute");
    check_refused("workflow=other customer=17", "the workflow other has no such search attribute");
    check_refused("status=running error=E", "only runs that failed, timed out or were aborted");
    check_refused(&"x".repeat(5_000), "4096 is the most");
}

#[test]
fn flags_beside_it_narrow_a_query() {
    let query = query("status=failed,aborted since=2h");
    let narrowed = query.clone().of_workflow("order").unwrap().with_statuses(&[Status::Aborted]).unwrap();
    let narrowed = narrowed.since(NOW_MS - HOUR_MS).since(0);
    assert_eq!(
        (narrowed.workflow.as_deref(), narrowed.statuses.as_slice()),
        (Some("order"), &[Status::Aborted][..])
    );
    assert_eq!(narrowed.started.start, NOW_MS - HOUR_MS);
    assert!(narrowed.of_workflow("ship").is_err());
    assert!(query.with_statuses(&[Status::Running]).is_err());
}

/// The lists that are read, in order.
#[track_caller]
fn check_plan(text: &str, expected: &[&str]) {
    let workflows = ["order", "plain", "ship"].map(str::to_owned);
    let plan = query(text).plan(&workflows, &settings()).unwrap();
    let told = |source: &Source| match source {
        Source::With(by) => format!("{} {}={}", by.workflow, by.attribute, by.value),
        Source::Ended { workflow, status } => format!("{workflow} {}", status.as_str()),
        Source::Started { workflow } => workflow.clone(),
    };
    assert_eq!(plan.sources().map(told).collect::<Vec<String>>(), expected, "{text}");
}

#[test]
fn the_list_that_is_read_is_the_shortest_that_holds_them_all() {
    check_plan("", &["order", "plain", "ship"]);
    check_plan("workflow=plain status=running,failed", &["plain"]);
    check_plan("workflow=plain status=failed", &["plain FAILED"]);
    check_plan("workflow=plain error=E", &["plain FAILED", "plain TIMED_OUT", "plain ABORTED"]);
    check_plan("workflow=plain state=S status=aborted,succeeded", &["plain ABORTED"]);
    check_plan("customer=c status=failed", &["order $.customer=c", "ship $.customer=c"]);
    check_plan("id=7", &["ship $.parcel.id=7"]);
    check_plan("workflow=gone", &[]);
}

#[test]
fn a_second_attribute_is_looked_up_for_each_run_and_no_workflow_may_lack_one() {
    let workflows = ["order", "ship"].map(str::to_owned);
    let plan = query("customer=c order_id=7").plan(&workflows, &settings()).unwrap();
    assert_eq!(plan.sources.len(), 1);
    assert_eq!(plan.also[0][0].attribute, "$.order_id");
    assert!(query("id=7 order_id=7").plan(&workflows, &settings()).is_err());
}

#[test]
fn what_is_read_of_a_list_holds_all_that_are_meant() {
    let range = |text: &str| {
        let plan = query(text).as_of(NOW_MS).plan(&["order".to_owned()], &settings()).unwrap();
        plan.sources[0].1.clone()
    };
    let ago = |hours: i64| NOW_MS - hours * HOUR_MS;
    assert_eq!(range("since=2h"), ago(2)..NOW_MS);
    assert_eq!(range("until=2h"), 0..ago(2));
    // Whoever started before may have ended at any time since.
    assert_eq!(range("status=failed since=3h until=2h"), ago(3)..NOW_MS);
    assert_eq!(range("status=failed ended-since=2h ended-until=1h"), ago(2)..ago(1));
    // And whoever has ended by then has started by then.
    assert_eq!(range("ended-since=2h ended-until=1h"), 0..ago(1));
}

#[track_caller]
fn check_fit(text: &str, item: &RunItem, expected: Fit) {
    assert_eq!(query(text).as_of(NOW_MS).fits(item), expected, "{text}");
}

#[test]
fn a_run_has_to_fit_all_terms() {
    let run = failed();
    for text in
        ["", "workflow=order status=failed state=ChargePayment error=PaymentTimeout since=2h until=1m"]
    {
        check_fit(text, &run, Fit::Yes);
    }
    for text in ["workflow=ship", "status=aborted", "state=Charge", "error=Payment", "since=1m", "until=2h"] {
        check_fit(text, &run, Fit::No);
    }
    check_fit("ended-since=1h ended-until=1m", &run, Fit::Yes);
    check_fit("ended-since=1m", &run, Fit::No);
    check_fit("ended-since=1h", &RunItem { status: Status::Running, ended_ms: None, ..run }, Fit::No);
}

#[test]
fn a_run_whose_state_was_not_kept_is_neither_in_nor_out() {
    let old = RunItem { state: None, ..failed() };
    check_fit("state=ChargePayment", &old, Fit::StateUnknown);
    check_fit("state=ChargePayment error=Other", &old, Fit::No);
    check_fit("error=PaymentTimeout", &old, Fit::Yes);
    check_fit("state=ChargePayment", &RunItem { status: Status::Succeeded, ..old }, Fit::No);
}

#[test]
fn what_has_changed_since_is_not_meant() {
    let run = failed();
    check_fit("", &RunItem { ended_ms: Some(NOW_MS), ..run.clone() }, Fit::No);
    let going = RunItem { status: Status::Running, ended_ms: None, ..run };
    check_fit("", &going, Fit::Yes);
    check_fit("", &RunItem { started_ms: NOW_MS, ..going.clone() }, Fit::No);
    let again = |at_ms| RunItem { redrives: vec![Redrive::new("m", at_ms)], ..going.clone() };
    check_fit("", &again(NOW_MS - 1), Fit::Yes);
    check_fit("", &again(NOW_MS), Fit::No);
}
