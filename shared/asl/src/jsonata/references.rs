//! What an expression reads, calls and uses, found without evaluating it.

use super::{functions, walk};
use jsonata_core::ast::{AstNode, BinaryOp, PathStep, Stage};
use jsonata_core::value::with_stack;
use std::collections::{BTreeSet, HashSet};

/// A variable that an expression reads, with the members that follow: `$states.context.Execution.Input.x` is
/// `states` and `["context", "Execution", "Input", "x"]`. The path ends where something else than a name follows, and
/// after a name with a filter.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    pub variable: String,
    pub path: Vec<String>,
}

/// An operator that AWS's version of JSONata refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newer {
    /// As it is written.
    pub operator: &'static str,
    /// The version of JSONata that brought it.
    pub since: &'static str,
    /// Byte offset of its first use in the text.
    pub position: usize,
}

#[derive(Debug, Default)]
pub(super) struct Analysis {
    pub(super) references: Vec<Reference>,
    pub(super) unknown_functions: Vec<String>,
    pub(super) newer: Vec<Newer>,
    /// Every name behind a `$`, bound or not.
    pub(super) mentioned: BTreeSet<String>,
}

pub(super) fn analyse(tree: &AstNode, text: &str) -> Analysis {
    let mut reader = Reader { scopes: vec![focus_names(tree)], found: Analysis::default() };
    reader.read(tree);
    let mut found = reader.found;
    found.mentioned = mentioned(tree);
    found.newer = newer(tree, text);
    found
}

/// Every name behind a `$`.
fn mentioned(tree: &AstNode) -> BTreeSet<String> {
    let name = |node: &AstNode| match node {
        AstNode::Variable(name) | AstNode::Function { name, .. } => Some(name.clone()),
        _ => None,
    };
    walk::all(tree).filter_map(name).collect()
}

/// Names that `@` and `#` bind. Where exactly each is visible depends on the path around it; they are taken as bound
/// everywhere, since a false alarm is worse than none.
fn focus_names(tree: &AstNode) -> HashSet<String> {
    let mut names = HashSet::new();
    for node in walk::all(tree) {
        let AstNode::Path { steps } = node else { continue };
        for step in steps {
            names.extend(
                step.focus.iter().chain(&step.index_var).map(|name| name.trim_start_matches('$').to_string()),
            );
            names.extend(step.stages.iter().filter_map(|stage| match stage {
                Stage::Index(name) => Some(name.trim_start_matches('$').to_string()),
                _ => None,
            }));
        }
    }
    names
}

struct Reader {
    scopes: Vec<HashSet<String>>,
    found: Analysis,
}

impl Reader {
    fn is_bound(&self, name: &str) -> bool {
        self.scopes.iter().any(|scope| scope.contains(name))
    }

    fn bind(&mut self, name: &str) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.insert(name.to_string());
        }
    }

    fn read(&mut self, node: &AstNode) {
        with_stack(|| self.read_node(node));
    }

    fn read_node(&mut self, node: &AstNode) {
        match node {
            AstNode::Variable(name) => self.variable(name, Vec::new()),
            AstNode::Path { steps } => self.path(steps),
            AstNode::Function { name, args, is_builtin } => {
                if *is_builtin && !self.is_bound(name) && !functions::exists(name) {
                    push_new(&mut self.found.unknown_functions, name.clone());
                }
                args.iter().for_each(|argument| self.read(argument));
            }
            AstNode::Binary { op: BinaryOp::ColonEqual, lhs, rhs } => {
                // A function sees its own name.
                let AstNode::Variable(name) = &**lhs else { return self.read(rhs) };
                if matches!(**rhs, AstNode::Lambda { .. }) {
                    self.bind(name);
                }
                self.read(rhs);
                self.bind(name);
            }
            AstNode::Block(items) => {
                self.scopes.push(HashSet::new());
                items.iter().for_each(|item| self.read(item));
                self.scopes.pop();
            }
            AstNode::Lambda { params, body, .. } => {
                self.scopes.push(params.iter().cloned().collect());
                self.read(body);
                self.scopes.pop();
            }
            _ => walk::children(node).into_iter().for_each(|child| self.read(child)),
        }
    }

    fn path(&mut self, steps: &[PathStep]) {
        let mut rest = steps;
        if let Some((first, after)) = steps.split_first()
            && let AstNode::Variable(name) = &first.node
        {
            self.variable(name, names_after(steps));
            self.filters(first);
            rest = after;
        }
        for step in rest {
            self.read(&step.node);
            self.filters(step);
        }
    }

    fn filters(&mut self, step: &PathStep) {
        for stage in &step.stages {
            if let Stage::Filter(filter) = stage {
                self.read(filter);
            }
        }
    }

    fn variable(&mut self, name: &str, path: Vec<String>) {
        // `$` and `$$` have no value at the top and need none further down. A function by name is no variable.
        if name.is_empty() || name == "$" || self.is_bound(name) || functions::exists(name) {
            return;
        }
        push_new(&mut self.found.references, Reference { variable: name.to_string(), path });
    }
}

/// The names that follow the first step of a path, up to the first step that is more than a name.
pub(super) fn names_after(steps: &[PathStep]) -> Vec<String> {
    let mut names = Vec::new();
    let is_plain =
        |step: &PathStep| step.stages.is_empty() && step.focus.is_none() && step.index_var.is_none();
    let mut before = steps.first();
    for step in steps.iter().skip(1) {
        let AstNode::Name(name) = &step.node else { break };
        if !before.is_some_and(is_plain) {
            break;
        }
        names.push(name.clone());
        before = Some(step);
    }
    names
}

fn push_new<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}

fn newer(tree: &AstNode, text: &str) -> Vec<Newer> {
    let uses = |wanted: BinaryOp| {
        walk::all(tree).any(|node| matches!(node, AstNode::Binary { op, .. } if *op == wanted))
    };
    let operators = [(BinaryOp::Coalesce, "??"), (BinaryOp::Default, "?:")];
    let used = operators.into_iter().filter(|(operation, _)| uses(*operation));
    used.map(|(_, operator)| Newer { operator, since: "2.1.0", position: position_of(operator, text) })
        .collect()
}

/// The first place of an operator outside of texts, quoted names and comments.
fn position_of(operator: &str, text: &str) -> usize {
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with(operator) {
            return at;
        }
        let first = rest.chars().next().unwrap_or_default();
        at += match first {
            '"' | '\'' | '`' => quoted_length(rest, first),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            _ => first.len_utf8(),
        };
    }
    0
}

fn quoted_length(rest: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, char) in rest.char_indices().skip(1) {
        match char {
            _ if is_escaped => is_escaped = false,
            '\\' if quote != '`' => is_escaped = true,
            _ if char == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::super::Jsonata;

    #[track_caller]
    fn reads(text: &str, expected: &[&str]) {
        let references = Jsonata::parse(text).unwrap().references();
        let found: Vec<String> = references
            .iter()
            .map(|reference| [std::slice::from_ref(&reference.variable), &reference.path].concat().join("."))
            .collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn variables_come_with_the_members_that_follow() {
        reads("$states.context.Execution.Input.x", &["states.context.Execution.Input.x"]);
        reads("$states.input.items[price > $limit].name", &["states.input.items", "limit"]);
        reads("$states.input.'a b'.*", &["states.input.a b"]);
        reads("$x + $x.y + $x", &["x", "x.y"]);
        reads("{'a': [$a, ($b ? $c : $d)], $e: -$f}", &["a", "b", "c", "d", "e", "f"]);
        reads("$states.input ~> |items|{'x': $y}|", &["states.input", "y"]);
        reads("$l^(>$m.n)", &["l", "m.n"]);
    }

    #[test]
    fn what_the_expression_binds_itself_is_no_reference() {
        reads("($a := $b; $a + $c)", &["b", "c"]);
        reads("($a := $a + 1; $a)", &["a"]);
        reads("(($a := 1); $a)", &["a"]);
        reads("$map($list, function($item, $i) { $item.x + $i + $y })", &["list", "y"]);
        reads("($f := function($n) { $n = 0 ? 1 : $n * $f($n - 1) }; $f(3))", &[]);
        reads("$states.input.a@$x.b#$i.{'x': $x, 'i': $i}", &["states.input.a"]);
        reads("$map([1], $string)", &[]);
        reads("a.b + $ + $$.c", &[]);
    }

    #[test]
    fn unknown_functions_are_named() {
        let unknown = |text: &str| Jsonata::parse(text).unwrap().unknown_functions();
        assert_eq!(unknown("$randomSeeded(1) + $sum([1]) + $uuid()"), ["randomSeeded"]);
        assert_eq!(unknown("$eval('1')"), ["eval"]);
        assert_eq!(unknown("($f := function() { 1 }; $f())"), [""; 0]);
    }

    #[test]
    fn operators_that_aws_lacks_have_a_place() {
        let newer = |text: &str| {
            let found = Jsonata::parse(text).unwrap().newer_than_aws();
            found.iter().map(|newer| (newer.operator, newer.position)).collect::<Vec<_>>()
        };
        assert_eq!(newer("'??' & /* ?? */ $a ?? 'x'"), [("??", 19)]);
        assert_eq!(newer("$a ?: 1"), [("?:", 3)]);
        assert_eq!(newer("$a ? 1 : '?:'"), []);
    }
}
