//! The time to parse and validate a definition of 100 states, and of 1,000.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(missing_docs)]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use stepladder_asl::Definition;

/// Rounds of ten states each: every type, both query languages, a fan-out of each kind, retriers, catchers, variables.
fn definition(states: usize) -> String {
    let mut text = String::from(r#"{"StartAt": "Pass 0", "States": {"#);
    for n in 0..states / 10 {
        let next = n + 1;
        text.push_str(&format!(
            r#"
  "Pass {n}": {{"Type": "Pass", "Parameters": {{"id.$": "States.UUID()", "lines": [{{"sku.$": "$.order.lines[0].sku"}}], "order.$": "$.order"}}, "Assign": {{"v{n}.$": "$.order"}}, "ResultPath": "$.prepared", "Next": "Task {n}"}},
  "Task {n}": {{"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {{"FunctionName": "charge", "Payload": {{"total.$": "$.order.total", "who.$": "$$.Execution.Name"}}}}, "TimeoutSeconds": 30,
    "Retry": [{{"ErrorEquals": ["Lambda.ServiceException", "Lambda.SdkClientException"], "IntervalSeconds": 2, "MaxAttempts": 6, "BackoffRate": 2}}],
    "Catch": [{{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Failed"}}], "ResultSelector": {{"receipt.$": "$.Payload.id"}}, "ResultPath": "$.charge", "Next": "Choice {n}"}},
  "Choice {n}": {{"Type": "Choice", "Choices": [{{"And": [{{"Variable": "$.order.total", "NumericGreaterThan": 1000}}, {{"Variable": "$.order.mail", "StringMatches": "*@example.com"}}], "Next": "Wait {n}"}}], "Default": "Map {n}"}},
  "Wait {n}": {{"Type": "Wait", "SecondsPath": "$.order.wait", "Next": "Map {n}"}},
  "Map {n}": {{"Type": "Map", "ItemsPath": "$.order.lines", "MaxConcurrency": 10, "ItemSelector": {{"line.$": "$$.Map.Item.Value"}}, "ItemProcessor": {{"StartAt": "Each {n}", "States": {{
    "Each {n}": {{"Type": "Task", "QueryLanguage": "JSONata", "Resource": "arn:aws:lambda:::function:line", "Arguments": {{"price": "{{% $round($states.input.line.price * 1.19, 2) %}}"}}, "Output": "{{% $states.result.lines[price > 5].{{'sku': sku, 'n': $sum(count)}} %}}", "End": true}}}}}}, "ResultPath": "$.lines", "Next": "Both {n}"}},
  "Both {n}": {{"Type": "Parallel", "Branches": [{{"StartAt": "Left {n}", "States": {{"Left {n}": {{"Type": "Pass", "Result": {{"left": true}}, "End": true}}}}}}, {{"StartAt": "Right {n}", "States": {{"Right {n}": {{"Type": "Pass", "QueryLanguage": "JSONata", "Output": {{"right": "{{% $v{n}.total & '' %}}"}}, "End": true}}}}}}], "ResultPath": "$.both", "Next": "Last {n}"}},
  "Last {n}": {{"Type": "Pass", "InputPath": "$.both", "Next": "Pass {next}"}},"#
        ));
    }
    let last = states / 10;
    text.push_str(&format!(r#" "Pass {last}": {{"Type": "Succeed"}}, "Failed": {{"Type": "Fail", "CausePath": "$.error.Cause"}}}}}}"#));
    text
}

fn parse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parse");
    for states in [100, 1_000] {
        let text = definition(states);
        let parsed = Definition::parse(&text).unwrap_or_else(|faults| panic!("{faults}"));
        assert_eq!((parsed.states.len(), parsed.warnings.len()), (states + 2, 0), "{}", parsed.warnings);
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_with_input(
            BenchmarkId::from_parameter(format!("{states} states")),
            &text,
            |bencher, text| {
                bencher.iter(|| Definition::parse(black_box(text)));
            },
        );
    }
    group.finish();
}

criterion_group!(benches, parse);
criterion_main!(benches);
