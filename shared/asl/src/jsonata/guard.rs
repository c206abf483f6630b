//! The functions that [`super::weave`] places into an expression. Their names begin with a space, so no expression can
//! spell them.

use super::{functions::Host, meter::limit, walk};
use crate::limits::{EVALUATION_BYTES_MAX, JSONATA_PICTURE_WIDTH_MAX};
use jsonata_core::{
    ast::{AstNode, BinaryOp},
    evaluator::{Evaluator, EvaluatorError, HostFnResult},
    parser,
    value::JValue,
};
use std::{collections::HashSet, rc::Rc};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Guard {
    /// Counts a step and its arguments; true.
    Step,
    /// Counts its argument and gives it back.
    Pass,
    /// `(from, to)`: counts the items of a range and gives `to` back.
    Upto,
    /// A number that becomes as many characters.
    Width,
    /// A number that becomes a Roman numeral.
    Roman,
    /// `(array, separator)`: counts what `$join` makes of them and gives the array back.
    Joined,
    /// `(text, replacement)`: the same for `$replace`.
    Replaced,
    /// An array whose items are compared with each other.
    Compared,
    /// The picture of a date.
    Picture,
    /// `$toMillis` of a picture that may have no year: the library takes it from the system's clock.
    ToMillis,
}

impl Guard {
    pub(super) const ALL: [Guard; 10] = [
        Guard::Step,
        Guard::Pass,
        Guard::Upto,
        Guard::Width,
        Guard::Roman,
        Guard::Joined,
        Guard::Replaced,
        Guard::Compared,
        Guard::Picture,
        Guard::ToMillis,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Guard::Step => " step",
            Guard::Pass => " pass",
            Guard::Upto => " upto",
            Guard::Width => " width",
            Guard::Roman => " roman",
            Guard::Joined => " joined",
            Guard::Replaced => " replaced",
            Guard::Compared => " compared",
            Guard::Picture => " picture",
            Guard::ToMillis => " toMillis",
        }
    }

    fn apply(self, host: &Host, arguments: &[JValue]) -> HostFnResult {
        let (first, second) = (argument(arguments, 0), argument(arguments, 1));
        match self {
            Guard::Step => host.meter.step(arguments).map(|()| JValue::Bool(true)),
            Guard::Pass => host.meter.value(first).map(|()| first.clone()),
            Guard::Upto => {
                let count = second.as_f64().unwrap_or(0.0) - first.as_f64().unwrap_or(0.0);
                // Longer ones the library refuses by itself.
                let count = if count > 1e7 { 0.0 } else { count };
                host.meter.items(count).map(|()| second.clone())
            }
            Guard::Width => host.meter.text(first.as_f64().unwrap_or(0.0).abs()).map(|()| first.clone()),
            Guard::Roman => {
                host.meter.text(first.as_f64().unwrap_or(0.0).abs() / 1_000.0).map(|()| first.clone())
            }
            Guard::Joined => {
                host.meter.value(first)?;
                let count = first.as_array().map_or(1, Vec::len);
                host.meter.text(count as f64 * text_bytes(second)).map(|()| first.clone())
            }
            Guard::Replaced => host
                .meter
                .text((text_bytes(first) + 1.0) * (text_bytes(second) + 1.0))
                .map(|()| first.clone()),
            Guard::Compared => {
                let count = first.as_array().map_or(1, Vec::len) as f64;
                // Each is compared with at most each; a comparison takes a few nanoseconds.
                host.meter.take((count * count / 4.0) as u64).map(|()| first.clone())
            }
            Guard::Picture => picture(first).map(|()| first.clone()),
            Guard::ToMillis => to_millis(host, arguments),
        }
    }
}

pub(super) fn call(guard: Guard, args: Vec<AstNode>) -> AstNode {
    AstNode::Function { name: guard.name().to_string(), args, is_builtin: true }
}

/// The guards in a tree.
pub(super) fn used(tree: &AstNode) -> Vec<Guard> {
    let names: HashSet<&str> = walk::all(tree)
        .filter_map(|node| match node {
            AstNode::Function { name, .. } if name.starts_with(' ') => Some(name.as_str()),
            _ => None,
        })
        .collect();
    Guard::ALL.into_iter().filter(|guard| names.contains(guard.name())).collect()
}

pub(super) fn register(
    evaluator: &mut Evaluator,
    host: &Rc<Host>,
    guards: &[Guard],
) -> Result<(), EvaluatorError> {
    for guard in guards.iter().copied() {
        let host = Rc::clone(host);
        evaluator.register_fn(guard.name(), move |arguments: &[JValue]| guard.apply(&host, arguments))?;
    }
    Ok(())
}

/// A call of a function of the library whose result can be far larger than its arguments, with guards around these.
pub(super) fn guarded(mut name: String, mut args: Vec<AstNode>, is_builtin: bool) -> AstNode {
    let mut bound = Vec::new();
    match name.as_str() {
        // `5 ~> $pad(…)` and `"x".$pad(5)` shift the arguments: every one may be the width.
        "pad" => args.iter_mut().for_each(|argument| wrap(argument, Guard::Width)),
        "reduce" if args.len() == 2 => return reduce(args, is_builtin),
        "formatInteger" => args.iter_mut().take(1).for_each(|argument| wrap(argument, Guard::Roman)),
        "distinct" => args.iter_mut().take(1).for_each(|argument| wrap(argument, Guard::Compared)),
        "fromMillis" | "now" | "toMillis" => {
            let first = usize::from(name != "now");
            let is_plain = |argument: &AstNode| matches!(argument, AstNode::String(text) if is_picture_small(text) && unknown_component(text).is_none());
            let unchecked = args.get(first).is_some_and(|argument| !is_plain(argument));
            let is_dated = matches!(args.get(1), Some(AstNode::String(text)) if has_year(text));
            if unchecked && let Some(argument) = args.get_mut(first) {
                wrap(argument, Guard::Picture);
            }
            if name == "toMillis" && args.len() == 2 && !is_dated {
                name = Guard::ToMillis.name().to_string();
            }
        }
        "join" => bound.extend(bilinear(&mut args, 1, Guard::Joined)),
        "replace" => match args.get_mut(2) {
            Some(AstNode::Lambda { body, thunk, .. }) => {
                // Its results are put together to one text. A tail call would go past the guard.
                wrap(body, Guard::Pass);
                *thunk = false;
            }
            Some(AstNode::String(_)) | None => bound.extend(bilinear(&mut args, 2, Guard::Replaced)),
            Some(_) => return replace_by_value(args, is_builtin),
        },
        _ => {}
    }
    let function = AstNode::Function { name, args, is_builtin };
    if bound.is_empty() {
        return function;
    }
    bound.push(function);
    AstNode::Block(bound)
}

fn wrap(node: &mut AstNode, guard: Guard) {
    let inner = std::mem::replace(node, AstNode::Null);
    *node = call(guard, vec![inner]);
}

/// Guards a call whose result is as long as its first argument times the one at `index`; gives what has to be bound.
fn bilinear(args: &mut [AstNode], index: usize, guard: Guard) -> Option<AstNode> {
    let other = args.get_mut(index)?;
    if matches!(other, AstNode::String(text) if text.len() <= 64) {
        return None;
    }
    let (variable, binding) = once(std::mem::replace(other, AstNode::Null), " argument");
    *other = variable.clone();
    let first = args.first_mut()?;
    *first = call(guard, vec![std::mem::replace(first, AstNode::Null), variable]);
    binding
}

/// Of no items, and without a start, the library makes null; the reference makes undefined.
fn reduce(mut args: Vec<AstNode>, is_builtin: bool) -> AstNode {
    let items = std::mem::replace(args.first_mut().unwrap_or(&mut AstNode::Null), AstNode::Null);
    let (items, binding) = once(items, " items");
    if let Some(first) = args.first_mut() {
        *first = items.clone();
    }
    let function =
        |name: &str, args, is_builtin| AstNode::Function { name: name.to_string(), args, is_builtin };
    let has_items = AstNode::Conditional {
        condition: Box::new(function("count", vec![items], true)),
        then_branch: Box::new(function("reduce", args, is_builtin)),
        else_branch: None,
    };
    AstNode::Block(binding.into_iter().chain([has_items]).collect())
}

/// `$replace` by something that may be a text or a function, which shows when it is evaluated.
fn replace_by_value(args: Vec<AstNode>, is_builtin: bool) -> AstNode {
    let mut items = Vec::new();
    let names = [" text", " pattern", " by", " limit"];
    let args: Vec<AstNode> = args
        .into_iter()
        .zip(names)
        .map(|(argument, name)| {
            let (simple, binding) = once(argument, name);
            items.extend(binding);
            simple
        })
        .collect();
    let Some(by) = args.get(2).cloned() else { return AstNode::Undefined };
    let function =
        |name: &str, args, is_builtin| AstNode::Function { name: name.to_string(), args, is_builtin };
    let mut by_text = args.clone();
    bilinear(&mut by_text, 2, Guard::Replaced);
    let mut by_function = args;
    if let (Some(replacement), AstNode::Variable(name)) = (by_function.get_mut(2), &by) {
        let matched = " match".to_string();
        let result = function(name, vec![AstNode::Variable(matched.clone())], true);
        let body = Box::new(call(Guard::Pass, vec![result]));
        *replacement = AstNode::Lambda { params: vec![matched], body, signature: None, thunk: false };
    }
    let is_function = AstNode::Binary {
        op: BinaryOp::Equal,
        lhs: Box::new(function("type", vec![by], true)),
        rhs: Box::new(AstNode::String("function".to_string())),
    };
    items.push(AstNode::Conditional {
        condition: Box::new(is_function),
        then_branch: Box::new(function("replace", by_function, is_builtin)),
        else_branch: Some(Box::new(function("replace", by_text, is_builtin))),
    });
    AstNode::Block(items)
}

/// A node that is to stand at two places: itself, or a variable and what binds it.
fn once(node: AstNode, name: &str) -> (AstNode, Option<AstNode>) {
    if matches!(node, AstNode::Variable(_) | AstNode::String(_) | AstNode::Regex { .. } | AstNode::Number(_))
    {
        return (node, None);
    }
    let variable = AstNode::Variable(name.to_string());
    let binding =
        AstNode::Binary { op: BinaryOp::ColonEqual, lhs: Box::new(variable.clone()), rhs: Box::new(node) };
    (variable, Some(binding))
}

fn argument(arguments: &[JValue], index: usize) -> &JValue {
    arguments.get(index).unwrap_or(&JValue::Undefined)
}

fn text_bytes(value: &JValue) -> f64 {
    value.as_str().map_or(0.0, |text| text.len() as f64)
}

/// A width in a picture (`[Y,4-9]`) becomes as many digits.
fn is_picture_small(picture: &str) -> bool {
    let widths = markers(picture).filter_map(|marker| marker.split_once(','));
    widths.flat_map(|(_, width)| width.split(|char: char| !char.is_ascii_digit())).all(|digits| {
        digits.is_empty() || digits.parse::<usize>().is_ok_and(|width| width <= JSONATA_PICTURE_WIDTH_MAX)
    })
}

/// What stands between `[` and `]`.
fn markers(picture: &str) -> impl Iterator<Item = &str> {
    picture.split('[').skip(1).filter_map(|marker| marker.split(']').next())
}

/// The library slices a marker behind its first byte.
fn unknown_component(picture: &str) -> Option<char> {
    let first = |marker: &str| marker.trim_start().chars().next();
    markers(picture).filter_map(first).find(|char| *char == ',' || !char.is_ascii())
}

fn picture(value: &JValue) -> Result<(), EvaluatorError> {
    match value.as_str() {
        Some(picture) if unknown_component(picture).is_some() => {
            let component = unknown_component(picture).unwrap_or_default();
            Err(EvaluatorError::EvaluationError(format!(
                "D3132: Unknown component specifier \"{component}\" in date/time picture string"
            )))
        }
        Some(picture) if !is_picture_small(picture) => {
            Err(limit(format!("a date's picture has a width of more than {JSONATA_PICTURE_WIDTH_MAX}")))
        }
        Some(picture) if picture.len() > EVALUATION_BYTES_MAX => {
            Err(limit("a date's picture is too long".to_string()))
        }
        _ => Ok(()),
    }
}

/// The components of a picture: the letters behind each `[`, without `[[`, which stands for itself.
fn components(picture: &str) -> Vec<char> {
    let mut found = Vec::new();
    let mut chars = picture.chars().peekable();
    while let Some(char) = chars.next() {
        if char == '[' {
            match chars.next() {
                Some('[') | None => {}
                Some(component) => found.push(component),
            }
        }
    }
    found
}

fn has_year(picture: &str) -> bool {
    components(picture).iter().any(|component| matches!(component, 'Y' | 'X'))
}

/// JSONata takes the parts of a date that are larger than all that a picture has from the time of the evaluation. So
/// do we, by putting them in front of both the text and the picture.
fn to_millis(host: &Host, arguments: &[JValue]) -> HostFnResult {
    let (mut text, mut picture) = (argument(arguments, 0).clone(), argument(arguments, 1).clone());
    if let (Some(given), Some(layout)) = (text.as_str(), picture.as_str())
        && !has_year(layout)
    {
        let (missing, values) = missing_parts(&components(layout), &crate::timestamp::format(host.now_ms));
        let (dated, layout) = (format!("{values}{given}"), format!("{missing}{layout}"));
        (text, picture) = (JValue::from(dated), JValue::from(layout));
    }
    let tree = parser::parse("$toMillis(`0`, `1`)")
        .map_err(|error| EvaluatorError::EvaluationError(format!("D3136: {error}")))?;
    let input = [("0".to_string(), text), ("1".to_string(), picture)];
    let input = input.into_iter().filter(|(_, value)| !value.is_undefined()).collect();
    Evaluator::new().evaluate(&tree, &JValue::object(input))
}

/// The picture and the text of the parts above the largest one that is there. `now` is `2026-11-24T21:52:17.123Z`.
fn missing_parts(present: &[char], now: &str) -> (String, String) {
    // Day of the year counts below the year alone.
    let ranks: [(&[char], &str, (usize, usize)); 6] = [
        (&['Y'], "[Y0001]", (0, 4)),
        (&['M', 'd', 'x', 'W', 'w'], "[M01]", (5, 7)),
        (&['D', 'F'], "[D01]", (8, 10)),
        (&['H', 'h', 'P'], "[H01]", (11, 13)),
        (&['m'], "[m01]", (14, 16)),
        (&['s'], "[s01]", (17, 19)),
    ];
    let (mut missing, mut values) = (String::new(), String::new());
    let is_known = |component: &char| ranks.iter().any(|(letters, _, _)| letters.contains(component));
    if !present.iter().any(|component| is_known(component) || *component == 'f') {
        return (missing, values);
    }
    for (letters, layout, (from, to)) in ranks {
        if present.iter().any(|component| letters.contains(component)) {
            break;
        }
        missing.push_str(layout);
        missing.push(' ');
        values.push_str(now.get(from..to).unwrap_or_default());
        values.push(' ');
    }
    (missing, values)
}
