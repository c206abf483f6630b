//! The function that calls what is no step: there where a definition needs it, with what that names and no more.

use crate::support::{Template, everything, function, stack, templates, texts};
use std::collections::BTreeSet;
use stepladder_infra::{CallFacts, Facts, FunctionFacts, PolicyFacts, Stack};

fn call(service: &str, action: &str, target: Option<&str>) -> CallFacts {
    CallFacts {
        state: "Call".into(),
        service: service.into(),
        action: action.into(),
        target: target.map(str::to_owned),
    }
}

fn with_calls(calls: impl IntoIterator<Item = CallFacts>) -> Facts {
    let mut facts = everything();
    let invoke = FunctionFacts { timeout_seconds: 870, batch_size: 1, ..function("invoke", "system") };
    facts.functions.push(invoke);
    facts.workflows[0].calls.extend(calls);
    facts
}

fn resources(template: &Template, sid: &str) -> BTreeSet<String> {
    texts(&template.statement("InvokeRole", sid)["Resource"])
}

#[test]
fn a_stack_without_such_calls_has_nothing_of_it() {
    assert_eq!(stack(&with_calls([])), stack(&everything()));
}

#[test]
fn its_role_has_what_the_definitions_name_and_what_packages_allow() {
    let mut facts = with_calls([
        call("dynamodb", "getItem", Some("stock")),
        call("dynamodb", "getItem", Some("prices")),
        call("dynamodb", "updateItem", Some("stock")),
        call("sqs", "sendMessage", Some("https://sqs.eu-west-1.amazonaws.com/123456789012/orders")),
        call("events", "putEvents", None),
    ]);
    let bus = "arn:${Partition}:events:${Region}:${Account}:event-bus/partners";
    facts.packages[0].invoke =
        vec![PolicyFacts { actions: vec!["events:PutEvents".into()], resources: vec![bus.into()] }];
    let stack = stack(&facts);
    let [template] = &templates(&stack)[..] else { panic!("one template") };
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    let table = "arn:{partition}:dynamodb:{region}:{account}:table/";
    let both = [format!("{table}prices"), format!("{table}stock")];
    assert_eq!(resources(template, "CallDynamodbGetItem"), both.into());
    assert_eq!(resources(template, "CallDynamodbUpdateItem"), set(&[&format!("{table}stock")]));
    assert_eq!(
        resources(template, "CallSqsSendMessage"),
        set(&["arn:{partition}:sqs:eu-west-1:123456789012:orders"])
    );
    assert_eq!(
        resources(template, "CallEventsPutEvents"),
        set(&["arn:{partition}:events:{region}:{account}:event-bus/partners"])
    );
    let calls = template
        .statements("InvokeRole")
        .into_iter()
        .filter(|statement| statement["Sid"].as_str().is_some_and(|sid| sid.starts_with("Call")));
    assert_eq!(calls.count(), 4);
}

#[test]
fn everybody_may_send_to_its_queue_which_is_like_a_steps() {
    let stack = stack(&with_calls([call("dynamodb", "getItem", Some("t"))]));
    let [template] = &templates(&stack)[..] else { panic!("one template") };
    let queue = "arn:{partition}:sqs:{region}:{account}:{stack}-invoke";
    for role in ["ShopRole", "WarehouseRole", "StartRole", "TimerRole", "DeadLetterRole", "InvokeRole"] {
        let sends = texts(&template.statement(role, "Send")["Resource"]);
        assert!(sends.contains(queue), "{role}: {sends:?}");
    }
    assert_eq!(texts(&template.statement("InvokeRole", "Receive")["Resource"]), [queue.to_owned()].into());
    let (invoke, step) = (stack.queue("invoke").unwrap(), stack.queue("check-stock").unwrap());
    assert_eq!(invoke.receives_max, step.receives_max);
    assert_eq!(stack.mappings.iter().filter(|mapping| mapping.name == "invoke").count(), 1);
    let terraform = stepladder_infra::terraform::render(&stack);
    assert!(terraform["roles.tf"].contains("CallDynamodbGetItem"));
}

#[test]
fn it_is_told_what_it_may_do_as_far_as_there_is_room() {
    let told = |calls: Vec<CallFacts>| {
        let stack = stack(&with_calls(calls));
        stack.function("invoke").unwrap().environment.contains_key("STEPLADDER_INVOKE")
    };
    assert!(told(vec![call("dynamodb", "getItem", Some("t"))]));
    let tables = (0..60).map(|n| call("dynamodb", "getItem", Some(&format!("table-{n}")))).collect();
    assert!(!told(tables));
}

#[test]
fn what_only_the_data_says_and_what_is_not_built_is_refused() {
    let message = |facts: &Facts| Stack::of(facts).unwrap_err()[0].message.clone();
    let unnamed = with_calls([call("sqs", "sendMessage", None)]);
    assert!(message(&unnamed).contains("actions = [\"sqs:SendMessage\"]"), "{}", message(&unnamed));
    let mut unbuilt = with_calls([call("dynamodb", "getItem", Some("t"))]);
    unbuilt.functions.retain(|function| function.name != "invoke");
    assert!(message(&unbuilt).contains("the system function invoke is missing"), "{}", message(&unbuilt));
}
