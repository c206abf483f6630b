//! How the fixtures of today's version were recorded: real runs in memory. `UPDATE_HISTORIES=1` writes those that are
//! not there; what is there stays as it is.

use crate::{
    support::{Stack, answers, chain, failure, resource, step_queue, work},
    told,
};
use futures::{FutureExt, future::pending};
use serde_json::{Value, json};
use std::{fs, path::Path};
use stepladder_engine::SEMANTICS;
use stepladder_protocol::{Clock, Host, RunId};

/// A run to record: its file's name, its definition and input, and what happens.
pub(crate) struct Script {
    name: &'static str,
    what: &'static str,
    definition: fn() -> Value,
    input: fn() -> Value,
    happens: fn(&mut Stack),
}

pub(crate) const ALL: &[Script] = &[
    Script {
        name: "chain",
        what: "Three steps with ResultPath, Parameters, ResultSelector and the Context object; every kind of value.",
        definition: three_steps,
        input: || {
            json!({
                "text": "Grüße \u{0}\u{fffe}\u{ffff}😀 \"\\/", "numbers": [0, -1, 1.5, 1e300, 18_446_744_073_709_551_615_u64, -0.0],
                "empty": {}, "null": null, "b": { "z": 1, "a": 2 },
            })
        },
        happens: |stack| {
            for function in ["one", "two", "three"] {
                stack.step(function, move |request| Ok(json!({ "by": function, "got": request.call.input })));
            }
            stack.run();
        },
    },
    Script {
        name: "retry",
        what: "Two retriers with counters of their own, full jitter, a delay beyond 15 minutes, and a success.",
        definition: || {
            work(json!({ "TimeoutSeconds": 5, "Retry": [
                { "ErrorEquals": ["Flaky"], "IntervalSeconds": 3, "MaxAttempts": 3, "BackoffRate": 2, "JitterStrategy": "FULL" },
                { "ErrorEquals": ["States.Timeout"], "IntervalSeconds": 2000, "MaxAttempts": 1 },
            ] }))
        },
        input: || json!({ "n": 1 }),
        happens: |stack| {
            let clock = stack.host.clock().clone();
            let answers = answers([
                Err(failure("Flaky")),
                Err(failure("Slow")),
                Err(failure("Flaky")),
                Ok(json!("at last")),
            ]);
            stack.slow_step("work", move |request| {
                let (clock, answer) = (clock.clone(), answers(request));
                async move {
                    clock.sleep(120).await;
                    match answer {
                        Err(failure) if failure.error == "Slow" => pending().await,
                        answer => answer,
                    }
                }
                .boxed()
            });
            stack.run();
        },
    },
    Script {
        name: "catch",
        what: "An error is caught, compensated for, and the run fails with ErrorPath and CausePath.",
        definition: || {
            let mut definition = work(json!({ "Catch": [
                { "ErrorEquals": ["Other"], "Next": "Undo" },
                { "ErrorEquals": ["States.ALL"], "ResultPath": "$.caught", "Next": "Undo" },
            ] }));
            definition["States"]["Undo"] = json!({
                "Type": "Task", "Resource": resource("undo"), "ResultPath": null, "Next": "Give up",
            });
            definition["States"]["Give up"] =
                json!({ "Type": "Fail", "ErrorPath": "$.caught.Error", "CausePath": "$.caught.Cause" });
            definition
        },
        input: || json!({ "order": 17 }),
        happens: |stack| {
            stack.step("work", |_| Err(failure("Declined")));
            stack.step("undo", |_| Ok(json!("undone")));
            stack.run();
        },
    },
    Script {
        name: "waits",
        what: "A wait of 50 minutes by Seconds (a chain of delays), one until a Timestamp that has passed.",
        definition: || {
            json!({ "StartAt": "Long", "States": {
                "Long": { "Type": "Wait", "Seconds": 3000, "Next": "Past" },
                "Past": { "Type": "Wait", "TimestampPath": "$.at", "OutputPath": "$.rest", "End": true },
            }})
        },
        input: || json!({ "at": "2020-01-01T00:00:00Z", "rest": [1, 2] }),
        happens: |stack| stack.run(),
    },
    Script {
        name: "choice",
        what: "Choices after a step, an intrinsic function that draws, and an end by Succeed.",
        definition: || {
            let mut definition = work(json!({ "ResultPath": "$.result", "Next": "Large?" }));
            definition["States"]["work"].as_object_mut().unwrap().remove("End");
            definition["States"]["Large?"] = json!({
                "Type": "Choice", "Default": "Small",
                "Choices": [{
                    "And": [
                        { "Variable": "$.result.total", "NumericGreaterThan": 100 },
                        { "Not": { "Variable": "$.result.country", "StringEquals": "US" } },
                    ],
                    "Next": "Large",
                }],
            });
            definition["States"]["Large"] = json!({
                "Type": "Pass", "Next": "Done",
                "Parameters": { "id.$": "States.UUID()", "text.$": "States.Format('{} of {}', $.result.total, $$.Execution.Name)" },
            });
            definition["States"]["Small"] = json!({ "Type": "Fail", "Error": "TooSmall" });
            definition["States"]["Done"] = json!({ "Type": "Succeed", "OutputPath": "$" });
            definition
        },
        input: || json!({}),
        happens: |stack| {
            stack.step("work", |_| Ok(json!({ "total": 101.5, "country": "DE" })));
            stack.run();
        },
    },
    Script {
        name: "no-choice",
        what: "A Choice that matches nothing fails with AWS's error.",
        definition: || {
            let mut definition = work(json!({ "Next": "Which?" }));
            definition["States"]["work"].as_object_mut().unwrap().remove("End");
            definition["States"]["Which?"] = json!({
                "Type": "Choice",
                "Choices": [{ "Variable": "$.work", "StringEquals": "a", "Next": "Done" }],
            });
            definition["States"]["Done"] = json!({ "Type": "Succeed" });
            definition
        },
        input: || json!({}),
        happens: |stack| {
            stack.step("work", |_| Ok(json!("b")));
            stack.run();
        },
    },
    Script {
        name: "stop",
        what: "Stopped while the second step waits.",
        definition: || chain(&["one", "two"]),
        input: || json!({}),
        happens: |stack| {
            stack.step("one", |_| Ok(json!(1)));
            stack.deliver(&step_queue("one"));
            stack.host.wait(5_000);
            let (error, cause) = (Some("Enough".to_owned()), Some("by hand".to_owned()));
            stack.host.drive(stack.protocol.request_stop(&RunId::new("w", "run"), error, cause)).unwrap();
        },
    },
    Script {
        name: "run-deadline",
        what: "The run's TimeoutSeconds pass while a retry waits.",
        definition: || {
            let mut definition = work(json!({
                "Retry": [{ "ErrorEquals": ["States.ALL"], "IntervalSeconds": 100, "MaxAttempts": 5 }],
            }));
            definition["TimeoutSeconds"] = json!(150);
            definition
        },
        input: || json!({}),
        happens: |stack| {
            stack.step("work", |_| Err(failure("Flaky")));
            stack.run();
        },
    },
    Script {
        name: "redrive",
        what: "Failed, redriven, failed, redriven, and succeeded: counters and deadline begin anew each time.",
        definition: || {
            let mut definition = chain(&["one", "two"]);
            definition["TimeoutSeconds"] = json!(600);
            definition["States"]["two"]["Retry"] = json!([{ "ErrorEquals": ["Flaky"], "MaxAttempts": 1 }]);
            definition["States"]["two"]["Parameters"] = json!({ "r.$": "$$.Execution.RedriveCount" });
            definition
        },
        input: || json!({}),
        happens: |stack| {
            stack.step("one", |_| Ok(json!(1)));
            let flaky = || Err(failure("Flaky"));
            stack.step("two", answers([flaky(), flaky(), flaky(), flaky(), Ok(json!(2))]));
            stack.run();
            for _ in 0..2 {
                stack.host.wait(3_600_000);
                stack.host.drive(stack.protocol.request_redrive(&RunId::new("w", "run"), None)).unwrap();
                stack.run();
            }
        },
    },
    Script {
        name: "loop",
        what: "More than 256 states without a stop: the run yields to the timer queue.",
        definition: || {
            json!({ "StartAt": "Add", "States": {
                "Add": { "Type": "Pass", "Parameters": { "n.$": "States.MathAdd($.n, 1)" }, "Next": "Enough" },
                "Enough": {
                    "Type": "Choice", "Default": "Add",
                    "Choices": [{ "Variable": "$.n", "NumericGreaterThan": 129, "Next": "Done" }],
                },
                "Done": { "Type": "Succeed" },
            }})
        },
        input: || json!({ "n": 0 }),
        happens: |stack| stack.run(),
    },
    Script {
        name: "lambda-invoke",
        what: "lambda:invoke: the Payload, AWS's envelope around the result, and an error.",
        definition: || {
            let invoke = |next: Value| {
                json!({
                    "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Next": next,
                    "Parameters": { "FunctionName": "work", "Payload": { "order.$": "$.order", "input.$": "$$.Execution.Input" } },
                })
            };
            let mut definition = json!({ "StartAt": "First", "States": {
                "First": invoke(json!("Second")), "Second": invoke(json!("Done")), "Done": { "Type": "Succeed" },
            }});
            definition["States"]["First"]["ResultSelector"] =
                json!({ "order.$": "$.Payload.order", "status.$": "$.StatusCode" });
            definition
        },
        input: || json!({ "order": 17 }),
        happens: |stack| {
            stack.step("work", answers([Ok(json!({ "order": 18 })), Err(failure("Declined"))]));
            stack.run();
        },
    },
    Script {
        name: "pending-step",
        what: "Waits for its second step.",
        definition: three_steps,
        input: || json!({}),
        happens: |stack| {
            stack.step("one", |_| Ok(json!({ "n": 1 })));
            stack.deliver(&step_queue("one"));
        },
    },
    Script {
        name: "pending-retry",
        what: "Waits for a retry that is more than 15 minutes away: the timer queue has it.",
        definition: || {
            work(json!({
                "Retry": [{ "ErrorEquals": ["States.ALL"], "IntervalSeconds": 7200, "MaxAttempts": 1 }],
            }))
        },
        input: || json!({}),
        happens: |stack| {
            stack.step("work", |_| Err(failure("Flaky")));
            stack.deliver(&step_queue("work"));
        },
    },
    Script {
        name: "pending-start",
        what: "Started, and no record yet.",
        definition: three_steps,
        input: || json!({ "n": 0 }),
        happens: |_| {},
    },
];

fn three_steps() -> Value {
    let mut definition = chain(&["one", "two", "three"]);
    definition["States"]["one"]["ResultPath"] = json!("$.first");
    definition["States"]["two"]["Parameters"] = json!({
        "from.$": "$.first", "run.$": "$$.Execution.Name", "entered.$": "$$.State.EnteredTime", "fixed": [1, { "a": null }],
    });
    definition["States"]["two"]["ResultSelector"] = json!({ "kept.$": "$" });
    definition["States"]["three"]["InputPath"] = json!("$.two");
    definition["States"]["three"]["OutputPath"] = json!("$.three");
    definition
}

/// Records what isn't recorded yet.
pub(crate) fn write_all(folder: &Path) {
    for script in ALL {
        let file = folder.join(format!("{}.json", script.name));
        if !file.exists() {
            fs::write(file, serde_json::to_string_pretty(&record(script)).unwrap() + "\n").unwrap();
        }
    }
}

fn record(script: &Script) -> Value {
    let definition = (script.definition)();
    let mut stack = Stack::of(&definition);
    stack.start("run", (script.input)());
    (script.happens)(&mut stack);
    let view = stack.view("run");
    let records = view.records.iter().zip(&view.recorded).map(|(record, recorded)| {
        assert_eq!(record.semantics, SEMANTICS);
        json!({
            "seq": record.seq,
            "outcome": recorded.outcome,
            "started_ms": record.started_ms,
            "finished_ms": record.finished_ms,
            "digest": record.digest,
            "semantics": record.semantics,
        })
    });
    json!({
        "what": script.what,
        "definition": definition,
        "run": view.run,
        "input": view.beginning.input,
        "records": records.collect::<Vec<_>>(),
        "expected": told(&view.definition, &view.run, &view.replay),
    })
}
