//! AWS's own functions, and those of JSONata that would read the clock or the system's randomness.

use super::meter::Meter;
use crate::{
    intrinsic,
    java::{Random, round_half_up},
    scope::Draws,
    timestamp,
};
use jsonata_core::{
    evaluator::{Evaluator, EvaluatorError, HostFnResult},
    parser,
    value::JValue,
};
use std::rc::Rc;

/// What the functions can see. They outlive no evaluation, but the library wants them to borrow nothing.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) meter: Meter,
    pub(super) now_ms: i64,
    /// Draws of this evaluation alone; its seed is one draw of the scope.
    pub(super) draws: Draws,
}

type Function = fn(&Host, &[JValue]) -> HostFnResult;

/// By name, without `$`, with the number of parameters. More arguments are left out: `$map($texts, $parse)` gives it
/// an index and the whole array too.
const OURS: &[(&str, usize, Function)] = &[
    ("partition", 2, partition),
    ("range", 3, range),
    ("hash", 2, hash),
    ("random", 1, random),
    ("uuid", 0, uuid),
    ("parse", 1, parse),
    ("now", 2, now),
    ("millis", 0, millis),
    ("shuffle", 1, shuffle),
    ("eval", 2, eval),
];

/// The functions of JSONata 2.0.6 that stay as they are.
const LIBRARY: &[&str] = &[
    "abs",
    "append",
    "assert",
    "average",
    "base64decode",
    "base64encode",
    "boolean",
    "ceil",
    "contains",
    "count",
    "decodeUrl",
    "decodeUrlComponent",
    "distinct",
    "each",
    "encodeUrl",
    "encodeUrlComponent",
    "error",
    "exists",
    "filter",
    "floor",
    "formatBase",
    "formatInteger",
    "formatNumber",
    "fromMillis",
    "join",
    "keys",
    "length",
    "lookup",
    "lowercase",
    "map",
    "match",
    "max",
    "merge",
    "min",
    "not",
    "number",
    "pad",
    "parseInteger",
    "power",
    "reduce",
    "replace",
    "reverse",
    "round",
    "sift",
    "single",
    "sort",
    "split",
    "spread",
    "sqrt",
    "string",
    "substring",
    "substringAfter",
    "substringBefore",
    "sum",
    "toMillis",
    "trim",
    "type",
    "uppercase",
    "zip",
];

pub(super) fn exists(name: &str) -> bool {
    name != "eval" && (LIBRARY.contains(&name) || OURS.iter().any(|(ours, _, _)| *ours == name))
}

/// Which of ours an expression names.
pub(super) fn mentioned(names: &std::collections::BTreeSet<String>) -> Vec<&'static str> {
    OURS.iter().map(|(name, _, _)| *name).filter(|name| names.contains(*name)).collect()
}

/// Registers ours under the given names.
pub(super) fn register(
    evaluator: &mut Evaluator,
    names: impl IntoIterator<Item = &'static str>,
    host: &Rc<Host>,
) -> Result<(), EvaluatorError> {
    for name in names {
        let Some((_, arity, function)) = OURS.iter().find(|(ours, _, _)| *ours == name) else { continue };
        let (host, arity, function) = (Rc::clone(host), *arity, *function);
        evaluator.register_fn_override(name, move |arguments: &[JValue]| {
            host.meter.step(arguments)?;
            function(&host, arguments.get(..arity).unwrap_or(arguments))
        })?;
    }
    Ok(())
}

fn fault(code: &str, message: impl std::fmt::Display) -> EvaluatorError {
    EvaluatorError::EvaluationError(format!("{code}: {message}"))
}

/// JSONata's words for an argument of the wrong type.
fn mismatch(index: usize, function: &str) -> EvaluatorError {
    fault("T0410", format!("Argument {index} of function \"{function}\" does not match function signature"))
}

fn argument(arguments: &[JValue], index: usize) -> &JValue {
    arguments.get(index).unwrap_or(&JValue::Undefined)
}

/// A whole number; like the intrinsic functions, these round half up.
fn whole(arguments: &[JValue], index: usize, function: &str) -> Result<i64, EvaluatorError> {
    match argument(arguments, index) {
        JValue::Number(number) if number.is_finite() => Ok(round_half_up(*number) as i64),
        _ => Err(mismatch(index + 1, function)),
    }
}

fn text<'a>(arguments: &'a [JValue], index: usize, function: &str) -> Result<&'a str, EvaluatorError> {
    argument(arguments, index).as_str().ok_or_else(|| mismatch(index + 1, function))
}

/// `$partition(array, size)`: arrays of at most `size` items.
fn partition(host: &Host, arguments: &[JValue]) -> HostFnResult {
    let items = match argument(arguments, 0) {
        JValue::Undefined => return Ok(JValue::Undefined),
        JValue::Array(items) => items.to_vec(),
        // JSONata's arrays of one item and the item itself are the same thing to a function.
        single => vec![single.clone()],
    };
    let size = whole(arguments, 1, "partition")?;
    let Some(size) = usize::try_from(size).ok().filter(|size| *size > 0) else {
        return Err(fault(
            "D3141",
            format!("The chunk size of $partition must be a positive integer, but was {size}"),
        ));
    };
    host.meter.items(items.len() as f64)?;
    Ok(JValue::array(items.chunks(size).map(|chunk| JValue::array(chunk.to_vec())).collect()))
}

/// `$range(first, last, delta)`: both ends are included.
fn range(host: &Host, arguments: &[JValue]) -> HostFnResult {
    if arguments.iter().any(JValue::is_undefined) {
        return Ok(JValue::Undefined);
    }
    let bound = |index| whole(arguments, index, "range").map(i128::from);
    let (first, last, delta) = (bound(0)?, bound(1)?, bound(2)?);
    if delta == 0 {
        return Err(fault("D3141", "The delta of $range must not be 0"));
    }
    let count = ((last - first) / delta + 1).max(0);
    let count = if (last - first).signum() * delta.signum() < 0 { 0 } else { count };
    host.meter.items(count as f64)?;
    Ok(JValue::array((0..count).map(|n| JValue::Number((first + n * delta) as f64)).collect()))
}

/// `$hash(data, algorithm)`: lower-case hex. A value that is no text is hashed as its compact JSON.
fn hash(_: &Host, arguments: &[JValue]) -> HostFnResult {
    let data = match argument(arguments, 0) {
        JValue::Undefined => return Ok(JValue::Undefined),
        JValue::String(data) => data.to_string(),
        function if function.is_function() => return Err(mismatch(1, "hash")),
        other => other.to_json_string().map_err(|error| fault("D3001", error))?,
    };
    let algorithm = text(arguments, 1, "hash")?;
    intrinsic::digest_hex(&data, algorithm).map(JValue::from).ok_or_else(|| {
        let known = "MD5, SHA-1, SHA-256, SHA-384 and SHA-512";
        fault("D3141", format!("$hash knows the algorithms {known}, but not \"{algorithm}\""))
    })
}

/// `$random(seed?)`: a number in [0, 1); the same seed gives the same number, and the one that AWS gives.
fn random(host: &Host, arguments: &[JValue]) -> HostFnResult {
    let number = match arguments.first() {
        None => host.draws.unit_f64(),
        Some(_) => Random::new(whole(arguments, 0, "random")?).next_double(),
    };
    Ok(JValue::Number(number))
}

/// `$uuid()`: of version 4.
fn uuid(host: &Host, _: &[JValue]) -> HostFnResult {
    Ok(JValue::from(intrinsic::uuid(host.draws.u128())))
}

/// `$parse(text)`: the value that the JSON text stands for.
fn parse(host: &Host, arguments: &[JValue]) -> HostFnResult {
    if argument(arguments, 0).is_undefined() {
        return Ok(JValue::Undefined);
    }
    let text = text(arguments, 0, "parse")?;
    host.meter.take(text.len() as u64)?;
    let value: serde_json::Value = serde_json::from_str(text)
        .map_err(|error| fault("D3120", format!("The argument of $parse is not valid JSON: {error}")))?;
    Ok(JValue::from(value))
}

/// `$now(picture?, timezone?)`: the time of the evaluation.
fn now(host: &Host, arguments: &[JValue]) -> HostFnResult {
    if arguments.iter().all(JValue::is_undefined) {
        return Ok(JValue::from(timestamp::format(host.now_ms)));
    }
    // The library formats; only the time is ours.
    let tree = parser::parse("$fromMillis(`0`, `1`, `2`)").map_err(|error| fault("D3110", error))?;
    let given =
        [JValue::Number(host.now_ms as f64), argument(arguments, 0).clone(), argument(arguments, 1).clone()];
    let input =
        (0..).map(|n: usize| n.to_string()).zip(given).filter(|(_, value)| !value.is_undefined()).collect();
    Evaluator::new().evaluate(&tree, &JValue::object(input))
}

/// `$millis()`: milliseconds since 1970.
fn millis(host: &Host, _: &[JValue]) -> HostFnResult {
    Ok(JValue::Number(host.now_ms as f64))
}

/// `$shuffle(array)`: every order is equally likely.
fn shuffle(host: &Host, arguments: &[JValue]) -> HostFnResult {
    let mut items = match argument(arguments, 0) {
        JValue::Undefined => return Ok(JValue::Undefined),
        JValue::Array(items) if items.len() < 2 => return Ok(JValue::Array(items.clone())),
        JValue::Array(items) => items.to_vec(),
        single => vec![single.clone()],
    };
    host.meter.items(items.len() as f64 * 8.0)?;
    for last in (1..items.len()).rev() {
        let other = (host.draws.unit_f64() * (last + 1) as f64) as usize;
        items.swap(last, other.min(last));
    }
    Ok(JValue::array(items))
}

/// AWS has no `$eval`: a call is one of an unknown function.
fn eval(_: &Host, _: &[JValue]) -> HostFnResult {
    Err(fault("T1006", "Attempted to invoke a non-function"))
}
