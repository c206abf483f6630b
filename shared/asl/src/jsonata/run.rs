//! One evaluation in the library.

use super::{
    Compiled, JsonataError, JsonataErrorKind, JsonataScope,
    convert::{from_library, to_library},
    functions::{self, Host},
    guard,
    meter::{self, Meter},
    wording::reworded,
};
use crate::{
    limits::{JSONATA_CLOCK_MS_MAX, JSONATA_DEPTH_MAX, JSONATA_SEQUENCE_ITEMS_MAX},
    scope::Draws,
};
use jsonata_core::{
    evaluator::{Context, Evaluator, EvaluatorError, EvaluatorOptions, error_code_prefix},
    value::JValue,
};
use serde_json::{Map, Value};
use std::{panic::AssertUnwindSafe, rc::Rc};

/// Tests of the counted limits may run on a machine with other things to do.
const CLOCK_MS_MAX: u64 = if cfg!(test) { 3_600_000 } else { JSONATA_CLOCK_MS_MAX };

/// An expression of the official test suite is none of a state, and has no limits of ours but this.
const SUITE_CLOCK_MS_MAX: u64 = 120_000;

/// Which language an expression of the official test suite is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonataLanguage {
    /// As states have it.
    Aws,
    /// With `$eval`, with JSONata's own lengths of sequences, and with this depth at most.
    Whole { depth_max: usize },
}

pub(super) fn in_state(compiled: &Compiled, scope: &JsonataScope) -> Result<Option<Value>, JsonataError> {
    if let Some(found) = compiled.direct.as_ref().and_then(|direct| direct.follow(scope)) {
        return Ok(found.cloned());
    }
    let mut context = Context::new();
    let meter = Meter::new(scope.budget);
    for (name, value) in compiled.reads.bindings(scope) {
        // To hand it over costs as much as to look at all of it.
        meter.given(&value).map_err(|error| thrown(&error))?;
        context.bind(name.to_string(), value);
    }
    let options = EvaluatorOptions {
        timeout_ms: Some(CLOCK_MS_MAX),
        max_stack_depth: Some(JSONATA_DEPTH_MAX),
        max_sequence_length: Some(JSONATA_SEQUENCE_ITEMS_MAX),
        ..EvaluatorOptions::default()
    };
    let host = Rc::new(Host { meter, now_ms: scope.now_ms, draws: draws(compiled, scope.draws) });
    let evaluator = Evaluator::with_options(context, options);
    let evaluated = run(compiled, evaluator, &compiled.ours, &host, &JValue::Undefined);
    if let Some(budget) = scope.budget {
        budget.leave(host.meter.left());
    }
    evaluated
}

pub(super) fn on_input(
    compiled: &Compiled,
    input: Option<&Value>,
    variables: &Map<String, Value>,
    language: JsonataLanguage,
) -> Result<Option<Value>, JsonataError> {
    let mut context = Context::new();
    for (name, value) in variables {
        context.bind(name.clone(), to_library(value));
    }
    let mut options =
        EvaluatorOptions { timeout_ms: Some(SUITE_CLOCK_MS_MAX), ..EvaluatorOptions::default() };
    let mut ours = compiled.ours.clone();
    let meter = match language {
        JsonataLanguage::Aws => {
            options.max_stack_depth = Some(JSONATA_DEPTH_MAX);
            options.max_sequence_length = Some(JSONATA_SEQUENCE_ITEMS_MAX);
            Meter::new(None)
        }
        JsonataLanguage::Whole { depth_max } => {
            options.max_stack_depth = Some(depth_max);
            ours.retain(|name| *name != "eval");
            Meter::unlimited()
        }
    };
    let host = Rc::new(Host { meter, now_ms: 1_764_000_000_000, draws: Draws::new([0; 32]) });
    let input = input.map_or(JValue::Undefined, to_library);
    run(compiled, Evaluator::with_options(context, options), &ours, &host, &input)
}

/// The draws of one evaluation. An expression that draws nothing takes nothing from the scope.
fn draws(compiled: &Compiled, draws: &Draws) -> Draws {
    let mut seed = [0; 32];
    if compiled.ours.iter().any(|name| matches!(*name, "random" | "uuid" | "shuffle")) {
        let (low, high) = seed.split_at_mut(16);
        low.copy_from_slice(&draws.u128().to_be_bytes());
        high.copy_from_slice(&draws.u128().to_be_bytes());
    }
    Draws::new(seed)
}

fn run(
    compiled: &Compiled,
    mut evaluator: Evaluator,
    ours: &[&'static str],
    host: &Rc<Host>,
    input: &JValue,
) -> Result<Option<Value>, JsonataError> {
    functions::register(&mut evaluator, ours.iter().copied(), host).map_err(|error| thrown(&error))?;
    guard::register(&mut evaluator, host, &compiled.guards).map_err(|error| thrown(&error))?;
    // The library's known panics are refused before; any other must not take the process along.
    let evaluated = std::panic::catch_unwind(AssertUnwindSafe(|| {
        let value = evaluator.evaluate(&compiled.tree, input).map_err(|error| thrown(&error))?;
        from_library(&value)
    }));
    evaluated.unwrap_or_else(|_| {
        Err(JsonataError::new(JsonataErrorKind::Thrown, "", "the expression cannot be evaluated"))
    })
}

fn thrown(error: &EvaluatorError) -> JsonataError {
    if let Some(message) = error.message().strip_prefix(meter::MARK) {
        return JsonataError::limit(message);
    }
    let message = error.message();
    let message = message.strip_prefix("Signature validation failed: ").unwrap_or(message);
    let code = error_code_prefix(message).unwrap_or_default();
    let message =
        message.strip_prefix(code).map_or(message, |rest| rest.trim_start_matches(':').trim_start());
    let message = reworded(code, message);
    let kind = match code {
        "D1012" => JsonataErrorKind::Clock,
        "D1011" | "D2014" | "D2015" | "U1001" => JsonataErrorKind::Limit,
        _ => JsonataErrorKind::Thrown,
    };
    JsonataError::new(kind, code, message)
}
