//! Follows a definition's states, and reports the paths that can't find anything.

use super::{Parser, shapes::Shape};
use crate::{
    definition::{
        Catcher, Definition, Filter, Items, Kind, Machine, Number, Percentage, QueryLanguage, ResultPath,
        State, Text, Then, Until,
    },
    fault::FaultCode,
    json::{Data, Node},
    limits::{REACH_CHANGES_MAX, REACH_WORK_MAX},
    path::{Path, ReferenceStep},
    template::{Expression, Template},
};
use std::collections::{HashMap, HashSet, VecDeque};

impl Parser<'_> {
    /// Only for a definition without errors.
    pub(super) fn check_data(&mut self, root: &Node, definition: &Definition) {
        let mut nodes = HashMap::new();
        collect(root, &mut nodes);
        let mut work = REACH_WORK_MAX;
        let mut open = vec![(&definition.machine, Shape::Any)];
        while let Some((machine, start)) = open.pop() {
            let Some(inputs) = follow(definition, machine, start, &mut work) else { return };
            for (name, input) in &inputs {
                let Some(state) = definition.state(name) else { continue };
                if let Some(node) = nodes.get(name) {
                    self.state = Some((*name).to_string());
                    self.check_state_data(state, input, node);
                    self.state = None;
                }
                let inner = inner_input(state, input);
                let Some(left) = work.checked_sub(state.machines().len() * inner.size()) else { return };
                work = left;
                open.extend(state.machines().iter().map(|machine| (machine, inner.clone())));
            }
        }
    }

    fn check_state_data(&mut self, state: &State, input: &Shape, node: &Node) {
        if state.query_language == QueryLanguage::Jsonata {
            return;
        }
        if let Filter::Path(path) = &state.data.input_path {
            self.check_path(path, input, node, "InputPath");
        }
        let effective = effective_input(state, input);
        if let Some(template) = &state.data.arguments {
            self.check_template(template, &effective, node, "Parameters");
        }
        if let Filter::Path(path) = &state.data.output_path {
            self.check_path(path, &before_output_path(state, input), node, "OutputPath");
        }
        for (field, path) in paths_of(state) {
            self.check_path(path, &effective, node, field);
        }
        if let Kind::Map(map) = &state.kind
            && let Some(template) = &map.item_selector
        {
            let field = if node.get("ItemSelector").is_some() { "ItemSelector" } else { "Parameters" };
            self.check_template(template, &effective, node, field);
        }
    }

    fn check_template(&mut self, template: &Template, input: &Shape, node: &Node, field: &str) {
        match template {
            Template::Literal(_) => {}
            Template::Object(members) => {
                members.iter().for_each(|(_, member)| self.check_template(member, input, node, field));
            }
            Template::Array(items) => {
                items.iter().for_each(|item| self.check_template(item, input, node, field))
            }
            Template::Dynamic(Expression::Jsonata(_)) => {}
            Template::Dynamic(expression) => {
                for path in expression.paths() {
                    self.check_path(path, input, node, field);
                }
            }
        }
    }

    fn check_path(&mut self, path: &Path, input: &Shape, node: &Node, field: &str) {
        if input.at(path).is_some() {
            return;
        }
        let place = node.get(field).and_then(|node| text_with(node, path.as_str())).unwrap_or(node);
        let message = match input {
            Shape::Object(members) if !members.is_empty() => {
                let names: Vec<String> = members.keys().take(8).map(|name| format!("`{name}`")).collect();
                let more = if members.len() > names.len() { " and others" } else { "" };
                format!("`{path}` finds nothing: what it looks in has only {}{more}", names.join(", "))
            }
            _ => format!("`{path}` finds nothing: what it looks in has no members"),
        };
        self.fault(FaultCode::MissingData, place.span.clone(), message);
    }
}

/// The states' texts by name.
fn collect<'n>(machine: &'n Node, nodes: &mut HashMap<&'n str, &'n Node>) {
    for member in machine.get("States").and_then(Node::as_object).unwrap_or_default() {
        nodes.insert(&member.name, &member.value);
        for branch in member.value.get("Branches").and_then(Node::as_array).unwrap_or_default() {
            collect(branch, nodes);
        }
        ["ItemProcessor", "Iterator"]
            .iter()
            .filter_map(|name| member.value.get(name))
            .for_each(|inner| collect(inner, nodes));
    }
}

/// The text in a field in which a path stands.
fn text_with<'n>(node: &'n Node, path: &str) -> Option<&'n Node> {
    match &node.data {
        Data::String(text) => text.contains(path).then_some(node),
        Data::Array(items) => items.iter().find_map(|item| text_with(item, path)),
        Data::Object(members) => members.iter().find_map(|member| text_with(&member.value, path)),
        _ => None,
    }
}

/// What the states of a machine get; `None`: it would be too much work.
fn follow<'d>(
    definition: &'d Definition,
    machine: &'d Machine,
    start: Shape,
    work: &mut usize,
) -> Option<HashMap<&'d str, Shape>> {
    let mut inputs: HashMap<&str, Shape> = HashMap::from([(machine.start_at.as_str(), start)]);
    let mut changes: HashMap<&str, usize> = HashMap::new();
    let mut open = VecDeque::from([machine.start_at.as_str()]);
    let mut waiting = HashSet::from([machine.start_at.as_str()]);
    while let Some(name) = open.pop_front() {
        waiting.remove(name);
        let (Some(state), Some(input)) = (definition.state(name), inputs.get(name).cloned()) else {
            continue;
        };
        // Each way gets a copy, so what they cost is asked before they are made.
        *work = work.checked_sub(count_ways(state) * input.size())?;
        for (next, output) in ways(state, &input) {
            *work = work.checked_sub(output.size() + input.size())?;
            let joined = match inputs.get(next) {
                None => output,
                Some(before) => {
                    let joined = before.clone().or(output);
                    if joined == *before {
                        continue;
                    }
                    joined
                }
            };
            let count = changes.entry(next).or_default();
            *count += 1;
            inputs.insert(next, if *count > REACH_CHANGES_MAX { Shape::Any } else { joined });
            if waiting.insert(next) {
                open.push_back(next);
            }
        }
    }
    Some(inputs)
}

fn count_ways(state: &State) -> usize {
    let rules = match &state.kind {
        Kind::Choice(choice) => choice.rules.len() + 1,
        _ => 1,
    };
    rules + state.catch.len()
}

/// Where a state leads to, with what it hands on.
fn ways<'d>(state: &'d State, input: &Shape) -> Vec<(&'d str, Shape)> {
    let mut ways = Vec::new();
    if let Some(Then::Next(next)) = state.then() {
        ways.push((next.as_str(), output(state, input)));
    }
    if let Kind::Choice(choice) = &state.kind {
        for rule in &choice.rules {
            let own = rule.output.as_ref().map(|template| Shape::of_template(template, &Shape::Any));
            ways.push((rule.next.as_str(), own.unwrap_or_else(|| output(state, input))));
        }
        ways.extend(choice.default.iter().map(|next| (next.as_str(), output(state, input))));
    }
    ways.extend(state.catch.iter().map(|catcher| (catcher.next.as_str(), caught(state, catcher, input))));
    ways
}

fn caught(state: &State, catcher: &Catcher, input: &Shape) -> Shape {
    match (&catcher.output, state.query_language) {
        (Some(template), _) => Shape::of_template(template, &Shape::Any),
        (None, QueryLanguage::Jsonata) => Shape::error_output(),
        (None, QueryLanguage::JsonPath) => placed(&catcher.result_path, input.clone(), Shape::error_output()),
    }
}

fn output(state: &State, input: &Shape) -> Shape {
    let has_result = matches!(state.kind, Kind::Task(_) | Kind::Parallel(_) | Kind::Map(_));
    if state.query_language == QueryLanguage::Jsonata {
        return match &state.data.output {
            Some(template) => Shape::of_template(template, &Shape::Any),
            None if has_result => Shape::Any,
            None => input.clone(),
        };
    }
    filtered(&state.data.output_path, &before_output_path(state, input))
}

fn before_output_path(state: &State, input: &Shape) -> Shape {
    match &state.kind {
        Kind::Pass(pass) => {
            let result = pass.result.as_ref().map(Shape::of_value);
            placed(&state.data.result_path, input.clone(), result.unwrap_or_else(|| arguments(state, input)))
        }
        Kind::Task(_) | Kind::Parallel(_) | Kind::Map(_) => {
            let selector = state.data.result_selector.as_ref();
            let result = selector.map(|template| Shape::of_template(template, &Shape::Any));
            placed(&state.data.result_path, input.clone(), result.unwrap_or(Shape::Any))
        }
        _ => effective_input(state, input),
    }
}

/// The raw input with a result at its place.
fn placed(path: &ResultPath, input: Shape, result: Shape) -> Shape {
    match path {
        ResultPath::Whole => result,
        ResultPath::Discard => input,
        ResultPath::At(path) => {
            let names = path.steps().iter().map(|step| match step {
                ReferenceStep::Child(name) => Some(name.as_str()),
                ReferenceStep::Index(_) => None,
            });
            match names.collect::<Option<Vec<&str>>>() {
                Some(names) => input.with(names.into_iter(), result),
                None => Shape::Any,
            }
        }
    }
}

fn filtered(filter: &Filter, input: &Shape) -> Shape {
    match filter {
        Filter::Path(path) => input.at(path).unwrap_or(Shape::Any),
        Filter::Empty => Shape::empty(),
    }
}

fn effective_input(state: &State, input: &Shape) -> Shape {
    filtered(&state.data.input_path, input)
}

fn arguments(state: &State, input: &Shape) -> Shape {
    let effective = effective_input(state, input);
    match &state.data.arguments {
        Some(template) => Shape::of_template(template, &effective),
        None => effective,
    }
}

/// What the machines inside a state start with.
fn inner_input(state: &State, input: &Shape) -> Shape {
    match (&state.kind, state.query_language) {
        (Kind::Parallel(_), QueryLanguage::JsonPath) => arguments(state, input),
        (Kind::Map(map), QueryLanguage::JsonPath) => map
            .item_selector
            .as_ref()
            .map_or(Shape::Any, |template| Shape::of_template(template, &effective_input(state, input))),
        _ => Shape::Any,
    }
}

/// The fields that are read from the effective input. Choice rules are left out: they ask whether something is there.
fn paths_of(state: &State) -> Vec<(&'static str, &Path)> {
    let mut paths: Vec<(&'static str, &Path)> = Vec::new();
    match &state.kind {
        Kind::Task(task) => {
            paths.extend(number_path("TimeoutSecondsPath", task.timeout_seconds.as_ref()));
            paths.extend(number_path("HeartbeatSecondsPath", task.heartbeat_seconds.as_ref()));
        }
        Kind::Wait(wait) => match &wait.until {
            Until::SecondsPath(path) => paths.push(("SecondsPath", path)),
            Until::TimestampPath(path) => paths.push(("TimestampPath", path)),
            _ => {}
        },
        Kind::Fail(fail) => {
            for (field, text) in [("ErrorPath", &fail.error), ("CausePath", &fail.cause)] {
                match text {
                    Some(Text::Path(path)) => paths.push((field, path)),
                    Some(Text::Expression(Template::Dynamic(expression))) => {
                        paths.extend(expression.paths().into_iter().map(|path| (field, path)));
                    }
                    _ => {}
                }
            }
        }
        Kind::Map(map) => {
            if let Items::Path(path) = &map.items {
                paths.push(("ItemsPath", path));
            }
            paths.extend(number_path("MaxConcurrencyPath", map.max_concurrency.as_ref()));
            paths.extend(number_path("ToleratedFailureCountPath", map.tolerated_failure_count.as_ref()));
            if let Some(Percentage::Path(path)) = &map.tolerated_failure_percentage {
                paths.push(("ToleratedFailurePercentagePath", path));
            }
        }
        _ => {}
    }
    paths
}

fn number_path<'n>(field: &'static str, number: Option<&'n Number>) -> Option<(&'static str, &'n Path)> {
    match number {
        Some(Number::Path(path)) => Some((field, path)),
        _ => None,
    }
}
