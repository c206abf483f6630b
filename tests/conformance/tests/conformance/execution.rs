//! Whole executions that were recorded on AWS Step Functions, run on a virtual clock.

use crate::{
    compare::{self, Level},
    script,
};
use serde_json::Value;
use stepladder_asl::Definition;
use stepladder_conformance::{Report, cases, caught, text};

#[test]
fn executions_end_and_read_as_on_aws() {
    let Some(cases) = cases("execution.jsonl") else { return };
    let mut ends = Report::new("execution.jsonl");
    let mut histories = Report::new("execution.jsonl, history");
    for case in &cases {
        let (group, id) = (text(case, "group"), text(case, "id"));
        let definition = match Definition::parse(&case["definition"].to_string()) {
            Ok(definition) => definition,
            Err(faults) => {
                let difference = Some(format!("refused, but AWS took it: {faults}"));
                if case["expect"]["history"].is_array() {
                    histories.case(group, id, difference.clone());
                }
                ends.case(group, id, difference);
                continue;
            }
        };
        let (end, history) = caught(|| differences(case, &definition)).unwrap_or_else(|panic| {
            let is_recorded = case["expect"]["history"].is_array();
            (Some(panic.clone()), is_recorded.then_some(Some(panic)))
        });
        ends.case(group, id, end);
        if let Some(history) = history {
            histories.case(group, id, history);
        }
    }
    ends.print();
    histories.print();
    ends.finish();
    histories.finish();
}

/// The first difference in status, output, error and cause; and that in the history, where one was recorded.
fn differences(case: &Value, definition: &Definition) -> (Option<String>, Option<Option<String>>) {
    let levels = compare::differences(case, &script::run(case, definition));
    let first = |wanted: fn(Level) -> bool| {
        let mut levels = levels.iter().filter(|(level, _)| wanted(*level)).peekable();
        levels.peek()?;
        Some(levels.find_map(|(level, difference)| Some(format!("{level:?}: {}", difference.as_ref()?))))
    };
    let is_end = |level| matches!(level, Level::End | Level::Cause);
    let is_history = |level| !matches!(level, Level::End | Level::Cause);
    (first(is_end).flatten(), first(is_history))
}
