//! A graph in Graphviz's language.

use super::{EdgeKind, Graph, Group, Node, NodeKind, words};
use std::fmt::Write;

/// Columns of a line in a box, and of a label; lines of each.
const NAME_COLUMNS_MAX: usize = 28;
const LABEL_COLUMNS_MAX: usize = 32;
const LINES_MAX: usize = 3;

pub(super) fn draw(graph: &Graph) -> String {
    let mut text = String::new();
    // Writing to a text can't fail.
    let _ = writeln!(text, "digraph {} {{", quoted(&[&graph.title], NAME_COLUMNS_MAX));
    text.push_str(
        "    compound=true; rankdir=TB; nodesep=0.35; ranksep=0.45; fontname=\"Helvetica\"; fontsize=11;
    node [fontname=\"Helvetica\", fontsize=11, shape=box, style=\"rounded,filled\", fillcolor=\"#f1f5f9\", \
         color=\"#64748b\"];
    edge [fontname=\"Helvetica\", fontsize=9, color=\"#475569\", arrowsize=0.7];\n",
    );
    draw_group(&graph.top, "s", 1, &mut text);
    text.push_str("}\n");
    text
}

fn draw_group(group: &Group, id: &str, depth: usize, text: &mut String) {
    let margin = "    ".repeat(depth);
    for (index, node) in group.nodes.iter().enumerate() {
        draw_node(node, &format!("{id}{index}"), depth, text);
    }
    let is_top = depth == 1;
    if is_top || group.nodes.len() > 1 {
        let mark =
            if is_top { "shape=oval, label=\"Start\"" } else { "shape=circle, label=\"\", width=0.15" };
        let _ = writeln!(text, "{margin}{id}_start [{mark}];");
        let to =
            group.nodes.get(group.start).map(|node| port(node, &format!("{id}{}", group.start), Side::In));
        if let Some((to, clip)) = to {
            let _ = writeln!(text, "{margin}{id}_start -> {to}{};", attributes(&[clip]));
        }
    }
    for edge in &group.edges {
        let (Some(from), Some(to)) = (group.nodes.get(edge.from), group.nodes.get(edge.to)) else { continue };
        let (from, tail) = port(from, &format!("{id}{}", edge.from), Side::Out);
        let (to, head) = port(to, &format!("{id}{}", edge.to), Side::In);
        let label = edge.shown_label().map(|label| format!("label={}", quoted(&[label], LABEL_COLUMNS_MAX)));
        let style = (edge.kind == EdgeKind::Catch)
            .then(|| "style=dashed, color=\"#dc2626\", fontcolor=\"#dc2626\"".to_owned());
        let _ = writeln!(text, "{margin}{from} -> {to}{};", attributes(&[label, style, tail, head]));
    }
    let ends = || group.nodes.iter().enumerate().filter(|(_, node)| node.is_end && !node.is_final());
    if (is_top || group.nodes.len() > 1) && ends().next().is_some() {
        let mark =
            if is_top { "shape=oval, label=\"End\"" } else { "shape=doublecircle, label=\"\", width=0.12" };
        let _ = writeln!(text, "{margin}{id}_end [{mark}];");
        for (index, node) in ends() {
            let (from, tail) = port(node, &format!("{id}{index}"), Side::Out);
            let _ = writeln!(text, "{margin}{from} -> {id}_end{};", attributes(&[tail]));
        }
    }
}

fn draw_node(node: &Node, id: &str, depth: usize, text: &mut String) {
    let margin = "    ".repeat(depth);
    let dashed = if node.is_unreachable { ",dashed" } else { "" };
    if node.groups.is_empty() {
        let (shape, fill, color) = look(node.kind);
        let _ = writeln!(
            text,
            "{margin}{id} [label={}, shape={shape}, style=\"{}filled{dashed}\", fillcolor=\"{fill}\", \
             color=\"{color}\"];",
            label(node),
            if shape == "box" { "rounded," } else { "" },
        );
        return;
    }
    let _ = writeln!(text, "{margin}subgraph cluster_{id} {{");
    let _ =
        writeln!(text, "{margin}    label={}; style=\"rounded{dashed}\"; color=\"#7c3aed\";", label(node));
    // Edges end at nodes, never at clusters: these two stand for its upper and its lower edge.
    let point = "shape=point, style=invis, width=0, height=0";
    let _ = writeln!(text, "{margin}    {id}_in [{point}]; {id}_out [{point}];");
    for (index, group) in node.groups.iter().enumerate() {
        let inner = format!("{id}b{index}s");
        let title = quoted(&[&group.title], NAME_COLUMNS_MAX);
        let _ = writeln!(text, "{margin}    subgraph cluster_{id}b{index} {{");
        let _ = writeln!(text, "{margin}        label={title}; style=\"rounded,dashed\"; color=\"#94a3b8\";");
        draw_group(group, &inner, depth + 2, text);
        let _ = writeln!(text, "{margin}    }}");
        for (place, node) in group.nodes.iter().enumerate() {
            let (first, _) = port(node, &format!("{inner}{place}"), Side::In);
            let (last, _) = port(node, &format!("{inner}{place}"), Side::Out);
            let _ = writeln!(
                text,
                "{margin}    {id}_in -> {first} [style=invis]; {last} -> {id}_out [style=invis];"
            );
        }
    }
    let _ = writeln!(text, "{margin}}}");
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    In,
    Out,
}

/// The node at which an edge ends, and the attribute that cuts the edge off at a cluster's border.
fn port(node: &Node, id: &str, side: Side) -> (String, Option<String>) {
    match (node.groups.is_empty(), side) {
        (true, _) => (id.to_owned(), None),
        (false, Side::In) => (format!("{id}_in"), Some(format!("lhead=cluster_{id}"))),
        (false, Side::Out) => (format!("{id}_out"), Some(format!("ltail=cluster_{id}"))),
    }
}

fn attributes(of: &[Option<String>]) -> String {
    let set: Vec<&str> = of.iter().flatten().map(String::as_str).collect();
    if set.is_empty() { String::new() } else { format!(" [{}]", set.join(", ")) }
}

fn look(kind: NodeKind) -> (&'static str, &'static str, &'static str) {
    match kind {
        NodeKind::Task => ("box", "#dbeafe", "#2563eb"),
        NodeKind::Choice => ("hexagon", "#fef3c7", "#d97706"),
        NodeKind::Succeed => ("oval", "#dcfce7", "#16a34a"),
        NodeKind::Fail => ("oval", "#fee2e2", "#dc2626"),
        NodeKind::Pass | NodeKind::Wait | NodeKind::Parallel | NodeKind::Map => ("box", "#f1f5f9", "#64748b"),
    }
}

fn label(node: &Node) -> String {
    let kind = node.kind_and_detail();
    quoted(&node.label_parts(&kind), NAME_COLUMNS_MAX)
}

/// A quoted string of one or more lines for each part. Graphviz knows two characters in it: `"` and `\`.
fn quoted(parts: &[&str], columns_max: usize) -> String {
    let lines = parts.iter().flat_map(|part| words::wrapped(part, columns_max, LINES_MAX));
    let lines: Vec<String> = lines.map(|line| line.replace('\\', "\\\\").replace('"', "\\\"")).collect();
    // Graphviz reads HTML's character references in labels too.
    format!("\"{}\"", lines.join("\\n").replace('&', "&amp;"))
}
