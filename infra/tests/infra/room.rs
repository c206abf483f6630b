//! What is no stack, although each setting alone is right.

use crate::support::{everything, function, large, workflow};
use serde_json::json;
use stepladder_infra::{Facts, PackageFacts, Stack};

fn refused(facts: &Facts) -> Vec<String> {
    Stack::of(facts).unwrap_err().into_iter().map(|error| error.message).collect()
}

#[test]
fn what_iam_or_lambda_would_refuse_is_no_stack() {
    // Fifteen queues of the longest names are listed, and there is room.
    let steps: Vec<String> = (10..25).map(|n| format!("{n}{}", "-step".repeat(11))).collect();
    let mut facts = everything();
    facts.functions.extend(steps.iter().map(|step| function(step, "shared")));
    facts.packages.push(PackageFacts { name: "shared".into(), ..PackageFacts::default() });
    let names = ["check-stock"].into_iter().chain(steps.iter().map(String::as_str)).collect::<Vec<_>>();
    facts.workflows.push(workflow("many-steps", &names, json!({})));
    assert!(Stack::of(&facts).is_ok());
    // Forty workflows use one package: their keys and prefixes are more than a policy holds.
    for n in 10..50 {
        let name = format!("{n}{}", "-workflow".repeat(6));
        facts.workflows.push(workflow(&name, &[steps[0].as_str()], json!({})));
    }
    let errors = refused(&facts);
    assert_eq!(errors.len(), 1, "{errors:#?}");
    assert!(errors[0].contains("the policy of the role of shared can have"), "{errors:#?}");

    // What is set of single workflows is told to every function.
    let mut facts = everything();
    let settings = json!({"retention_days": 90, "log_sample": 0.25, "status_events": "failures"});
    facts.workflows.extend((0..60).map(|n| workflow(&format!("order-{n:02}"), &[], settings.clone())));
    let errors = refused(&facts);
    assert_eq!(errors.len(), facts.functions.len(), "{errors:#?}");
    assert!(errors.iter().all(|error| error.contains("and Lambda takes 4096")), "{errors:#?}");
}

#[test]
fn a_package_of_more_steps_than_a_template_holds_is_refused() {
    let with = |steps: usize| {
        let mut facts = large();
        facts.functions.extend((0..steps).map(|n| function(&format!("broad-{n:02}"), "broad")));
        facts.packages.push(PackageFacts { name: "broad".into(), ..PackageFacts::default() });
        facts
    };
    // A role, and five for each.
    assert!(Stack::of(&with(89)).is_ok());
    let errors = refused(&with(90));
    assert_eq!(errors.len(), 1, "{errors:#?}");
    assert!(errors[0].contains("the template of the package broad would have 451 resources"), "{errors:#?}");
}

#[test]
fn a_template_that_is_full_without_any_step_is_refused() {
    let mut facts = everything();
    let name = |n: usize| format!("table-{n}");
    facts.packages.push(PackageFacts {
        name: "broad".into(),
        tables: (0..450).map(name).collect(),
        ..PackageFacts::default()
    });
    let errors = refused(&facts);
    assert_eq!(errors.len(), 1, "{errors:#?}");
    assert!(errors[0].contains("resources beside those of the steps, and 450 are the most"), "{errors:#?}");
}

#[test]
fn more_triggers_than_a_queues_policy_names_are_refused() {
    let with = |count: usize| {
        let mut facts = everything();
        let daily = |n| workflow(&format!("w{n}"), &[], json!({"schedule": "rate(1 day)"}));
        facts.workflows = (0..count).map(daily).collect();
        facts
    };
    assert!(Stack::of(&with(60)).is_ok());
    let errors = refused(&with(61));
    assert!(errors[0].contains("have 61 schedules and event patterns"), "{errors:#?}");
}

#[test]
fn a_step_that_the_dead_letter_function_can_not_wait_for_is_refused() {
    let with = |step_seconds: u32, waits_seconds: u32| {
        let mut facts = everything();
        for function in &mut facts.functions {
            match function.name.as_str() {
                "ship" => function.timeout_seconds = step_seconds,
                "dead-letter" => function.timeout_seconds = waits_seconds,
                _ => {}
            }
        }
        facts
    };
    assert!(Stack::of(&with(870, 900)).is_ok());
    let errors = refused(&with(871, 900));
    assert_eq!(errors.len(), 1, "{errors:#?}");
    assert!(errors[0].contains("the timeout (seconds) of ship is 871; it can be at most 870"), "{errors:#?}");
    // It follows from the other function's timeout.
    assert!(Stack::of(&with(170, 200)).is_ok());
    assert!(refused(&with(171, 200))[0].contains("at most 170"));
}
