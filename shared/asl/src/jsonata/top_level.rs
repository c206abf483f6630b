//! What an expression reads of a context that it doesn't have.
//!
//! AWS evaluates an expression without an input: `phone` alone, or `$$`, can never give a value, and AWS refuses the
//! definition. Behind the first step of a path, in a filter, a sort term or a grouping there is a context.

use super::walk;
use jsonata_core::{
    ast::{AstNode, BinaryOp},
    value::with_stack,
};

/// The names at the top level, in the order of the text, without duplicates.
pub(super) fn names(tree: &AstNode) -> Vec<String> {
    let mut names = Vec::new();
    collect(tree, &mut names);
    names
}

/// Whether `$$` stands anywhere.
pub(super) fn mentions_root(tree: &AstNode) -> bool {
    walk::all(tree).any(|node| match node {
        AstNode::Variable(name) => name == "$",
        AstNode::ParentVariable(_) => true,
        _ => false,
    })
}

fn collect(node: &AstNode, names: &mut Vec<String>) {
    with_stack(|| match node {
        AstNode::Name(name) => {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        AstNode::Path { steps } => {
            if let Some(first) = steps.first() {
                collect(&first.node, names);
            }
        }
        AstNode::ObjectTransform { input, .. } | AstNode::Sort { input, .. } => collect(input, names),
        AstNode::Transform { .. } | AstNode::FunctionApplication(_) => {}
        AstNode::Binary { op: BinaryOp::ColonEqual, rhs, .. } => collect(rhs, names),
        _ => walk::children(node).into_iter().for_each(|child| collect(child, names)),
    });
}

#[cfg(test)]
mod tests {
    use super::super::Jsonata;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        assert_eq!(Jsonata::parse(text).unwrap().top_level_names(), expected, "{text}");
    }

    #[test]
    fn names_without_a_context_are_found() {
        check("phone", &["phone"]);
        check("a.b + c", &["a", "c"]);
        check("{'x': y, 'z': [w]}", &["y", "w"]);
        check("$map($states.input.a, function($x) { b })", &["b"]);
        check("($v := q; $v)", &["q"]);
        check("a[b > 1]^(c){d: e}", &["a"]);
        check("$exists(n) ? `o p` : 1", &["n", "o p"]);
    }

    #[test]
    fn names_with_a_context_are_not() {
        check("$states.input.items[value > 3].name", &[]);
        check("$states.input.items^(>price){kind: $sum(price)}", &[]);
        check("$states.input ~> |items|{'x': y}|", &[]);
        check("$states.input.(a + b)", &[]);
        check("$x[0].y", &[]);
    }

    #[test]
    fn the_root_is_found_anywhere() {
        let mentions = |text: &str| Jsonata::parse(text).unwrap().mentions_root();
        assert!(mentions("$$") && mentions("$states.input[a = $$.b]"));
        assert!(!mentions("$states.input.a.($ + 1)") && !mentions("$"));
    }
}
