//! Weaves the counted limits into an expression.
//!
//! The library counts no steps. It does call back: a function of ours can stand anywhere in a tree. So each call of an
//! expression's function, each item of a path's loop, and each value that is bound to a variable passes through one of
//! the functions of [`super::guard`], which count and otherwise change nothing.
//!
//! What holds then: outside of loops an expression does no more operations than its text has characters, each on
//! values that were counted when they were bound; inside of loops each round is counted, and so is each value that an
//! operator copies in it.

use super::{
    guard::{Guard, call},
    walk,
};
use jsonata_core::{
    ast::{AstNode, BinaryOp, PathStep, Stage},
    value::with_stack,
};
use std::{collections::HashSet, rc::Rc};

/// The tree with its limits.
pub(super) fn weave(tree: AstNode) -> AstNode {
    let bound = bound_names(&tree);
    Weaver { params: Vec::new(), in_loop: false, bound: Rc::new(bound) }.node(tree)
}

/// Functions whose work or result grows with an argument, so that in a loop the argument is counted.
const COPYING: &[&str] = &[
    "append",
    "base64decode",
    "base64encode",
    "contains",
    "decodeUrl",
    "decodeUrlComponent",
    "distinct",
    "encodeUrl",
    "encodeUrlComponent",
    "join",
    "keys",
    "length",
    "lowercase",
    "match",
    "max",
    "merge",
    "min",
    "pad",
    "replace",
    "reverse",
    "sort",
    "split",
    "spread",
    "string",
    "substring",
    "substringAfter",
    "substringBefore",
    "sum",
    "trim",
    "uppercase",
    "zip",
    "average",
    "lookup",
    "formatNumber",
    "number",
];

#[derive(Clone)]
struct Weaver {
    /// Parameters of the innermost function: counted at each call, so not again.
    params: Vec<String>,
    in_loop: bool,
    /// Names that the expression binds somewhere.
    bound: Rc<HashSet<String>>,
}

impl Weaver {
    fn node(&self, node: AstNode) -> AstNode {
        with_stack(|| self.woven(node))
    }

    fn boxed(&self, mut node: Box<AstNode>) -> Box<AstNode> {
        *node = self.node(std::mem::replace(&mut *node, AstNode::Null));
        node
    }

    fn list(&self, nodes: Vec<AstNode>) -> Vec<AstNode> {
        nodes.into_iter().map(|node| self.node(node)).collect()
    }

    fn pairs(&self, pairs: Vec<(AstNode, AstNode)>) -> Vec<(AstNode, AstNode)> {
        pairs.into_iter().map(|(key, value)| (self.node(key), self.node(value))).collect()
    }

    fn looped(&self) -> Weaver {
        Weaver { in_loop: true, ..self.clone() }
    }

    fn woven(&self, node: AstNode) -> AstNode {
        match node {
            AstNode::Lambda { params, body, signature, thunk } => {
                let inner = Weaver { params: params.clone(), ..self.looped() };
                let counted = params.iter().map(|name| AstNode::Variable(name.clone())).collect();
                let body = Box::new(counted_body(counted, inner.node(*body)));
                AstNode::Lambda { params, body, signature, thunk }
            }
            AstNode::Binary { op: BinaryOp::ChainPipe, lhs, rhs } => self.chain(lhs, *rhs),
            AstNode::Binary { op: BinaryOp::ColonEqual, lhs, rhs } => {
                let rhs = self.node(*rhs);
                let rhs = if makes_a_value(&rhs) { call(Guard::Pass, vec![rhs]) } else { rhs };
                AstNode::Binary { op: BinaryOp::ColonEqual, lhs, rhs: Box::new(rhs) }
            }
            AstNode::Binary { op, lhs, rhs } => self.binary(op, lhs, rhs),
            AstNode::Path { steps } => AstNode::Path { steps: self.steps(steps) },
            AstNode::Function { name, args, is_builtin } => self.function(name, args, is_builtin),
            AstNode::Call { procedure, args } => {
                AstNode::Call { procedure: self.boxed(procedure), args: self.list(args) }
            }
            AstNode::Unary { op, operand } => AstNode::Unary { op, operand: self.boxed(operand) },
            AstNode::Array(items) => AstNode::Array(self.items(items)),
            AstNode::ArrayGroup(items) => AstNode::ArrayGroup(self.items(items)),
            AstNode::Block(items) => AstNode::Block(self.list(items)),
            AstNode::Object(pairs) => AstNode::Object(self.pairs(pairs)),
            AstNode::ObjectTransform { input, pattern } => AstNode::ObjectTransform {
                input: self.boxed(input),
                pattern: counted_pairs(self.looped().pairs(pattern)),
            },
            AstNode::Conditional { condition, then_branch, else_branch } => AstNode::Conditional {
                condition: self.boxed(condition),
                then_branch: self.boxed(then_branch),
                else_branch: else_branch.map(|branch| self.boxed(branch)),
            },
            AstNode::FunctionApplication(inner) => AstNode::FunctionApplication(self.boxed(inner)),
            AstNode::Sort { input, terms } => {
                let term = |(term, ascending)| (self.round(term), ascending);
                AstNode::Sort { input: self.boxed(input), terms: terms.into_iter().map(term).collect() }
            }
            AstNode::Transform { location, update, delete } => {
                let inner = self.looped();
                let update = match inner.node(*update) {
                    AstNode::Object(pairs) => AstNode::Object(counted_pairs(pairs)),
                    other => other,
                };
                AstNode::Transform {
                    location: inner.boxed(location),
                    update: Box::new(update),
                    delete: delete.map(|delete| inner.boxed(delete)),
                }
            }
            AstNode::Variable(name) => self.variable(name),
            leaf => leaf,
        }
    }

    /// A guarded function by name (`$f := $pad`) becomes one around a guarded call.
    fn variable(&self, name: String) -> AstNode {
        let params = match name.as_str() {
            _ if self.bound.contains(&name) => return AstNode::Variable(name),
            "pad" => ["s", "n", "c", ""],
            "join" => ["s", "n", "", ""],
            "replace" => ["s", "n", "c", "l"],
            "distinct" | "formatInteger" => ["s", "n", "", ""],
            _ => return AstNode::Variable(name),
        };
        let arity =
            if name == "distinct" { 1 } else { params.iter().filter(|name| !name.is_empty()).count() };
        let params: Vec<String> = params.into_iter().take(arity).map(|name| format!(" {name}")).collect();
        let args = params.iter().map(|name| AstNode::Variable(name.clone())).collect();
        let body = Box::new(after_step(Vec::new(), super::guard::guarded(name, args, true)));
        AstNode::Lambda { params, body, signature: None, thunk: false }
    }

    fn binary(&self, op: BinaryOp, lhs: Box<AstNode>, rhs: Box<AstNode>) -> AstNode {
        let (mut lhs, mut rhs) = (self.boxed(lhs), self.boxed(rhs));
        match op {
            BinaryOp::Concatenate => {
                lhs = Box::new(self.operand(*lhs));
                rhs = Box::new(self.operand(*rhs));
            }
            BinaryOp::Equal | BinaryOp::NotEqual if !is_literal(&lhs) && !is_literal(&rhs) => {
                lhs = Box::new(self.operand(*lhs));
            }
            BinaryOp::In => rhs = Box::new(self.operand(*rhs)),
            BinaryOp::Range => {
                let from = match &*lhs {
                    simple @ (AstNode::Number(_) | AstNode::Variable(_)) => simple.clone(),
                    _ => AstNode::Number(0.0),
                };
                if !matches!((&from, &*rhs), (AstNode::Number(_), AstNode::Number(to)) if *to < 1_000.0) {
                    *rhs = call(Guard::Upto, vec![from, *rhs]);
                }
            }
            _ => {}
        }
        AstNode::Binary { op, lhs, rhs }
    }

    /// `x ~> $f(y)` is `$f(x, y)`.
    fn chain(&self, lhs: Box<AstNode>, rhs: AstNode) -> AstNode {
        let AstNode::Function { name, mut args, is_builtin } = rhs else {
            return AstNode::Binary {
                op: BinaryOp::ChainPipe,
                lhs: self.boxed(lhs),
                rhs: Box::new(self.node(rhs)),
            };
        };
        if args.iter().any(|argument| matches!(argument, AstNode::Placeholder)) {
            let rhs = Box::new(self.function(name, args, is_builtin));
            return AstNode::Binary { op: BinaryOp::ChainPipe, lhs: self.boxed(lhs), rhs };
        }
        args.insert(0, *lhs);
        let (first, rest) = match self.function(name, args, is_builtin) {
            AstNode::Function { name, mut args, is_builtin } if !args.is_empty() => {
                let lhs = args.remove(0);
                (lhs, AstNode::Function { name, args, is_builtin })
            }
            // A guard needed a variable around the call.
            other => return other,
        };
        AstNode::Binary { op: BinaryOp::ChainPipe, lhs: Box::new(first), rhs: Box::new(rest) }
    }

    fn function(&self, name: String, args: Vec<AstNode>, is_builtin: bool) -> AstNode {
        let args = self.list(args);
        let is_partial = args.iter().any(|argument| matches!(argument, AstNode::Placeholder));
        let is_copying = COPYING.contains(&name.as_str());
        let counted = |(index, argument): (usize, AstNode)| {
            // The library looks at how a callback is written.
            let is_callback = index > 0 && matches!(argument, AstNode::Variable(_)) && !is_copying;
            let is_copied = is_copying || !matches!(argument, AstNode::Variable(_));
            if is_copied && !is_callback && !is_partial { self.operand(argument) } else { argument }
        };
        let args: Vec<AstNode> = args.into_iter().enumerate().map(counted).collect();
        if is_partial {
            return AstNode::Function { name, args, is_builtin };
        }
        super::guard::guarded(name, args, is_builtin)
    }

    fn items(&self, items: Vec<AstNode>) -> Vec<AstNode> {
        let item =
            |item| if is_array_constructor(&item) { self.node(item) } else { self.operand(self.node(item)) };
        items.into_iter().map(item).collect()
    }

    /// In a loop, a value from outside of it is counted each time that it is used.
    fn operand(&self, node: AstNode) -> AstNode {
        let is_counted = match &node {
            AstNode::Variable(name) => !name.is_empty() && !self.params.contains(name),
            AstNode::Path { steps } => {
                !matches!(steps.first().map(|step| &step.node), Some(AstNode::Name(_)))
            }
            AstNode::Function { .. }
            | AstNode::Call { .. }
            | AstNode::Block(_)
            | AstNode::Conditional { .. } => true,
            _ => false,
        };
        if self.in_loop && is_counted { call(Guard::Pass, vec![node]) } else { node }
    }

    fn steps(&self, steps: Vec<PathStep>) -> Vec<PathStep> {
        let step = |(index, mut step): (usize, PathStep)| {
            let inner = if index == 0 { self.clone() } else { self.looped() };
            step.node = match (index, inner.node(step.node)) {
                (0, node) => node,
                (_, AstNode::Object(pairs)) => AstNode::Object(counted_pairs(pairs)),
                (_, AstNode::ArrayGroup(items)) => AstNode::ArrayGroup(counted_items(items)),
                (_, AstNode::Array(items)) => AstNode::Array(counted_items(items)),
                (_, AstNode::FunctionApplication(body)) => match *body {
                    AstNode::Block(mut items) => {
                        if !items.is_empty() {
                            items.insert(0, call(Guard::Step, vec![dollar()]));
                        }
                        AstNode::FunctionApplication(Box::new(AstNode::Block(items)))
                    }
                    other => AstNode::FunctionApplication(Box::new(other)),
                },
                (_, node) => node,
            };
            step.stages = step.stages.into_iter().map(|stage| self.stage(stage)).collect();
            step
        };
        steps.into_iter().enumerate().map(step).collect()
    }

    fn stage(&self, stage: Stage) -> Stage {
        match stage {
            Stage::Filter(filter) => Stage::Filter(Box::new(self.round(*filter))),
            other => other,
        }
    }

    /// What is evaluated once for each item.
    fn round(&self, node: AstNode) -> AstNode {
        if is_flat(&node) { node } else { after_step(Vec::new(), self.looped().node(node)) }
    }
}

fn bound_names(tree: &AstNode) -> HashSet<String> {
    let mut names = HashSet::new();
    for node in walk::all(tree) {
        match node {
            AstNode::Lambda { params, .. } => names.extend(params.iter().cloned()),
            AstNode::Binary { op: BinaryOp::ColonEqual, lhs, .. } => {
                if let AstNode::Variable(name) = &**lhs {
                    names.insert(name.clone());
                }
            }
            _ => {}
        }
    }
    names
}

/// The body of a function. Where it can, the step stands inside of it, so that a call takes no level more.
fn counted_body(counted: Vec<AstNode>, body: AstNode) -> AstNode {
    match body {
        AstNode::Conditional { condition, then_branch, else_branch } => {
            let lhs = Box::new(call(Guard::Step, counted));
            let condition = Box::new(AstNode::Binary { op: BinaryOp::And, lhs, rhs: condition });
            AstNode::Conditional { condition, then_branch, else_branch }
        }
        AstNode::Block(mut items) if !items.is_empty() => {
            items.insert(0, call(Guard::Step, counted));
            AstNode::Block(items)
        }
        other => after_step(counted, other),
    }
}

/// Counts a step, then gives what the node gives. A condition keeps tail calls what they are.
fn after_step(counted: Vec<AstNode>, node: AstNode) -> AstNode {
    AstNode::Conditional {
        condition: Box::new(call(Guard::Step, counted)),
        then_branch: Box::new(node),
        else_branch: None,
    }
}

fn dollar() -> AstNode {
    AstNode::Variable(String::new())
}

/// The key, which is a text, counts for its pair: a condition around the value would unwrap its sequences once more.
fn counted_pairs(mut pairs: Vec<(AstNode, AstNode)>) -> Vec<(AstNode, AstNode)> {
    if let Some((key, _)) = pairs.first_mut() {
        *key = after_step(vec![dollar()], std::mem::replace(key, AstNode::Null));
    }
    pairs
}

/// An array constructor in an array has to stay one, since it is not flattened. The library looks at how it is written.
fn is_array_constructor(node: &AstNode) -> bool {
    match node {
        AstNode::Array(_) => true,
        AstNode::Path { steps } => matches!(steps.first().map(|step| &step.node), Some(AstNode::Array(_))),
        _ => false,
    }
}

/// An undefined item adds nothing to an array.
fn counted_items(mut items: Vec<AstNode>) -> Vec<AstNode> {
    items.insert(0, after_step(vec![dollar()], AstNode::Undefined));
    items
}

fn is_literal(node: &AstNode) -> bool {
    matches!(node, AstNode::String(_) | AstNode::Number(_) | AstNode::Boolean(_) | AstNode::Null)
}

/// Whether binding the node can make a value larger than those that there are already.
fn makes_a_value(node: &AstNode) -> bool {
    match node {
        AstNode::Path { steps } => !steps.iter().all(|step| {
            step.stages.is_empty() && matches!(step.node, AstNode::Variable(_) | AstNode::Name(_))
        }),
        AstNode::Lambda { .. } | AstNode::Variable(_) | AstNode::Regex { .. } | AstNode::Transform { .. } => {
            false
        }
        // The library looks at how a partial application is written.
        AstNode::Function { args, .. } | AstNode::Call { args, .. } => {
            !args.iter().any(|argument| matches!(argument, AstNode::Placeholder))
        }
        other => !is_literal(other),
    }
}

/// Whether one evaluation costs no more than the item that it looks at.
fn is_flat(node: &AstNode) -> bool {
    match node {
        AstNode::Path { steps } => {
            steps.iter().all(|step| step.stages.is_empty() && matches!(step.node, AstNode::Name(_)))
        }
        AstNode::Binary { op, lhs, rhs } => {
            let is_cheap = !matches!(
                op,
                BinaryOp::In
                    | BinaryOp::Concatenate
                    | BinaryOp::Range
                    | BinaryOp::ChainPipe
                    | BinaryOp::ColonEqual
                    | BinaryOp::FocusBind
                    | BinaryOp::IndexBind
            );
            is_cheap && with_stack(|| is_flat(lhs) && is_flat(rhs))
        }
        AstNode::Unary { operand, .. } => with_stack(|| is_flat(operand)),
        AstNode::Name(_) | AstNode::Variable(_) => true,
        other => is_literal(other),
    }
}
