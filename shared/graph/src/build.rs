//! From a definition to its graph.

use super::{Edge, EdgeKind, Graph, Group, Node, NodeKind, rule};
use std::collections::HashMap;
use stepladder_asl::{
    Definition, Fail, Items, Kind, Machine, Map, MapMode, Number, Resource, Retrier, State, Template, Text,
    Then, Until,
};

pub(super) fn graph(title: String, definition: &Definition) -> Graph {
    let top = group(definition, &definition.machine, String::new());
    Graph { title, comment: definition.comment.as_deref().map(one_line), top }
}

/// Groups nest as deep as the definition's JSON does, which the parser bounds.
fn group(definition: &Definition, machine: &Machine, title: String) -> Group {
    let states: Vec<&State> = machine.states.iter().filter_map(|name| definition.state(name)).collect();
    let places: HashMap<&str, usize> =
        states.iter().enumerate().map(|(place, state)| (state.name.as_str(), place)).collect();
    let out: Vec<Vec<Edge>> =
        states.iter().enumerate().map(|(from, state)| edges(from, state, &places)).collect();
    let start = places.get(machine.start_at.as_str()).copied().unwrap_or(0);
    let (order, reached) = reading_order(start, &out);
    let mut new_places = vec![0; states.len()];
    for (new, old) in order.iter().enumerate() {
        if let Some(place) = new_places.get_mut(*old) {
            *place = new;
        }
    }
    let new_place = |old: usize| new_places.get(old).copied().unwrap_or(0);
    let mut nodes = Vec::with_capacity(states.len());
    let mut edges = Vec::new();
    for (new, old) in order.iter().enumerate() {
        if let Some(state) = states.get(*old) {
            nodes.push(node(definition, state, new >= reached));
            let out = out.get(*old).into_iter().flatten();
            edges.extend(out.map(|edge| Edge {
                from: new_place(edge.from),
                to: new_place(edge.to),
                ..edge.clone()
            }));
        }
    }
    Group { title, start: new_place(start), nodes, edges }
}

/// The states in the order in which a reader meets them, and how many of them can be reached from the start.
///
/// It is the reverse of the order in which a depth-first search leaves them, so that a state stands before all that
/// follow it; the search goes the bad ways first, so that these end up last.
fn reading_order(start: usize, out: &[Vec<Edge>]) -> (Vec<usize>, usize) {
    let mut seen = vec![false; out.len()];
    let successors = |at: usize| {
        let mut edges: Vec<&Edge> = out.get(at).into_iter().flatten().collect();
        edges.reverse();
        edges.sort_by_key(|edge| edge.kind != EdgeKind::Catch);
        edges.into_iter().map(|edge| edge.to).collect::<Vec<usize>>().into_iter()
    };
    let mark =
        |seen: &mut Vec<bool>, at: usize| seen.get_mut(at).is_some_and(|seen| !std::mem::replace(seen, true));
    // A loop and not a recursion: a chain of states may be long.
    let search = |root: usize, seen: &mut Vec<bool>| {
        let mut left = Vec::new();
        let mut stack = Vec::new();
        if mark(seen, root) {
            stack.push((root, successors(root)));
        }
        while let Some((at, rest)) = stack.last_mut() {
            match rest.next() {
                Some(next) if mark(seen, next) => stack.push((next, successors(next))),
                Some(_) => {}
                None => {
                    left.push(*at);
                    stack.pop();
                }
            }
        }
        left.reverse();
        left
    };
    let mut left = search(start, &mut seen);
    let reached = left.len();
    for root in 0..out.len() {
        left.extend(search(root, &mut seen));
    }
    (left, reached)
}

fn edges(from: usize, state: &State, places: &HashMap<&str, usize>) -> Vec<Edge> {
    let mut edges = Vec::new();
    let mut add = |to: &str, kind, label| {
        if let Some(to) = places.get(to) {
            edges.push(Edge { from, to: *to, kind, label });
        }
    };
    if let Some(Then::Next(next)) = state.then() {
        add(next, EdgeKind::Next, None);
    }
    if let Kind::Choice(choice) = &state.kind {
        for branch in &choice.rules {
            add(&branch.next, EdgeKind::Rule, Some(rule::in_short(&branch.rule)));
        }
        if let Some(default) = &choice.default {
            add(default, EdgeKind::Default, None);
        }
    }
    for catcher in &state.catch {
        add(&catcher.next, EdgeKind::Catch, Some(catcher.error_equals.join(", ")));
    }
    edges
}

/// Comments come with line ends and margins that mean nothing in a drawing.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn node(definition: &Definition, state: &State, is_unreachable: bool) -> Node {
    let (kind, detail) = what(&state.kind);
    let titled = |(index, machine): (usize, &Machine)| {
        let title = match kind {
            NodeKind::Map => "each item".to_owned(),
            _ => format!("branch {}", index + 1),
        };
        group(definition, machine, title)
    };
    Node {
        name: state.name.clone(),
        kind,
        detail,
        notes: notes(state),
        comment: state.comment.as_deref().map(one_line),
        is_end: matches!(state.then(), Some(Then::End)) || matches!(kind, NodeKind::Succeed | NodeKind::Fail),
        is_unreachable,
        groups: state.machines().iter().enumerate().map(titled).collect(),
    }
}

fn what(kind: &Kind) -> (NodeKind, Option<String>) {
    match kind {
        Kind::Pass(_) => (NodeKind::Pass, None),
        Kind::Task(task) => (NodeKind::Task, Some(resource(&task.resource))),
        Kind::Choice(_) => (NodeKind::Choice, None),
        Kind::Wait(wait) => (NodeKind::Wait, Some(until(&wait.until))),
        Kind::Succeed => (NodeKind::Succeed, None),
        Kind::Fail(fail) => (NodeKind::Fail, error(fail)),
        Kind::Parallel(_) => (NodeKind::Parallel, None),
        Kind::Map(map) => (NodeKind::Map, Some(items(map))),
    }
}

/// What a task calls, without the parts of the ARN that tell a reader nothing.
fn resource(resource: &Resource) -> String {
    match resource {
        Resource::Lambda { function, .. } => format!("lambda {function}"),
        Resource::Service(service) => match &service.function {
            Some(function) => format!("lambda {function}{}", service.pattern.suffix()),
            None => {
                let name = service.service.strip_prefix("aws-sdk:").unwrap_or(&service.service);
                format!("{name}:{}", service.resource())
            }
        },
        Resource::Activity { arn } => {
            format!("activity {}", arn.rsplit(':').next().unwrap_or_default())
        }
        Resource::Other { arn } => arn.clone(),
    }
}

fn until(until: &Until) -> String {
    match until {
        Until::Seconds(seconds) => seconds_text(*seconds),
        Until::SecondsPath(path) => format!("{path} seconds"),
        Until::SecondsExpression(template) => format!("{} seconds", expression(template)),
        Until::Timestamp(time) => format!("until {time}"),
        Until::TimestampPath(path) => format!("until {path}"),
        Until::TimestampExpression(template) => format!("until {}", expression(template)),
    }
}

fn error(fail: &Fail) -> Option<String> {
    fail.error.as_ref().or(fail.cause.as_ref()).map(|text| match text {
        Text::Constant(text) => text.clone(),
        Text::Path(path) => path.to_string(),
        Text::Expression(template) => expression(template),
    })
}

fn items(map: &Map) -> String {
    let reader = match &map.mode {
        MapMode::Distributed(distributed) => distributed.item_reader.as_ref(),
        MapMode::Inline => None,
    };
    let of = match (reader, &map.items) {
        (Some(reader), _) => reader.resource.rsplit(":::").next().unwrap_or_default().to_owned(),
        (None, Items::Path(path)) => path.to_string(),
        (None, Items::Template(template)) => expression(template),
    };
    let mut text = format!("for each of {of}");
    if matches!(map.mode, MapMode::Distributed(_)) {
        text.push_str(", distributed");
    }
    match map.max_concurrency.as_ref().map(number) {
        None => {}
        Some(number) if number == "0" => {}
        Some(number) => {
            text.push_str(", at most ");
            text.push_str(&number);
            text.push_str(" at once");
        }
    }
    text
}

fn notes(state: &State) -> Vec<String> {
    let mut notes: Vec<String> = state.retry.iter().map(retrier).collect();
    if let Kind::Task(task) = &state.kind {
        notes.extend(task.timeout_seconds.as_ref().map(|number| format!("timeout {}", seconds(number))));
        notes.extend(task.heartbeat_seconds.as_ref().map(|number| format!("heartbeat {}", seconds(number))));
    }
    notes
}

fn retrier(retrier: &Retrier) -> String {
    let errors = retrier.error_equals.join(", ");
    match retrier.max_attempts {
        0 => format!("no retry of {errors}"),
        attempts => format!("retry {attempts}× {errors}"),
    }
}

fn number(number: &Number) -> String {
    match number {
        Number::Constant(number) => number.to_string(),
        Number::Path(path) => path.to_string(),
        Number::Expression(template) => expression(template),
    }
}

fn seconds(of: &Number) -> String {
    match of {
        Number::Constant(seconds) => seconds_text(*seconds),
        other => format!("{} seconds", number(other)),
    }
}

/// `30 s`, `2 min`, `1 h 30 min`: the two largest units, of which the second is left out where there is none of it.
fn seconds_text(seconds: u64) -> String {
    let (large, unit, small, small_unit) = match seconds {
        0..60 => (seconds, "s", 0, ""),
        60..3_600 => (seconds / 60, "min", seconds % 60, "s"),
        3_600..86_400 => (seconds / 3_600, "h", seconds / 60 % 60, "min"),
        _ => (seconds / 86_400, "d", seconds / 3_600 % 24, "h"),
    };
    match small {
        0 => format!("{large} {unit}"),
        _ => format!("{large} {unit} {small} {small_unit}"),
    }
}

/// An expression as written, without JSONata's braces; what is more than one expression is only hinted at.
pub(super) fn expression(template: &Template) -> String {
    match template {
        Template::Literal(value) => match value.as_str() {
            Some(text) => bare(text).to_owned(),
            None => value.to_string(),
        },
        Template::Dynamic(expression) => bare(expression.as_str()).to_owned(),
        Template::Array(_) => "[…]".to_owned(),
        Template::Object(_) => "{…}".to_owned(),
    }
}

/// What stands between `{%` and `%}`.
pub(super) fn bare(text: &str) -> &str {
    let trimmed = text.trim();
    trimmed.strip_prefix("{%").and_then(|rest| rest.strip_suffix("%}")).map_or(text, str::trim)
}
