//! A graph as text: a state per line in reading order, joined by a rail where control simply goes on.

use super::{Charset, Edge, EdgeKind, Graph, Group, Node, words};
use crate::text::width;
use std::collections::HashMap;

/// Columns of a name, of what a state does, and of a rule.
const NAME_COLUMNS_MAX: usize = 40;
const DETAIL_COLUMNS_MAX: usize = 72;
const LABEL_COLUMNS_MAX: usize = 64;

/// The signs of a ladder.
#[derive(Debug, Clone, Copy)]
struct Signs {
    start: &'static str,
    state: &'static str,
    end: &'static str,
    rail: &'static str,
    arrow: &'static str,
    catch: &'static str,
    again: &'static str,
    open: &'static str,
    close: &'static str,
}

const UNICODE: Signs = Signs {
    start: "▶",
    state: "●",
    end: "■",
    rail: "│",
    arrow: "→",
    catch: "✗",
    again: "↺",
    open: "┌",
    close: "└",
};
const ASCII: Signs = Signs {
    start: ">",
    state: "o",
    end: "#",
    rail: "|",
    arrow: "->",
    catch: "x",
    again: "^",
    open: "/",
    close: "\\",
};

pub(super) fn draw(graph: &Graph, charset: Charset) -> String {
    let signs = if charset == Charset::Unicode { UNICODE } else { ASCII };
    let mut lines = vec![words::line(&graph.title, NAME_COLUMNS_MAX)];
    lines.extend(graph.comment.as_deref().map(|comment| words::line(comment, DETAIL_COLUMNS_MAX)));
    lines.push(String::new());
    draw_group(&graph.top, &signs, "", &mut lines);
    let mut text = lines.join("\n");
    if charset == Charset::Ascii {
        text = ascii(&text);
    }
    text
}

fn draw_group(group: &Group, signs: &Signs, margin: &str, lines: &mut Vec<String>) {
    let mut out: HashMap<usize, Vec<&Edge>> = HashMap::new();
    for edge in &group.edges {
        out.entry(edge.from).or_default().push(edge);
    }
    let shown = |node: &Node| words::line(&node.name, NAME_COLUMNS_MAX);
    let names = group.nodes.iter().map(|node| width(&shown(node))).max().unwrap_or(0);
    for (index, node) in group.nodes.iter().enumerate() {
        let edges = out.get(&index).map(Vec::as_slice).unwrap_or_default();
        // A rail to the next line says where control goes; else it is said in words.
        let goes_on = edges.iter().any(|edge| edge.kind == EdgeKind::Next && edge.to == index + 1);
        let rail = if goes_on { signs.rail } else { " " };
        let sign = match node {
            _ if index == group.start => signs.start,
            node if node.is_end => signs.end,
            _ => signs.state,
        };
        let name = shown(node);
        let pad = " ".repeat(names.saturating_sub(width(&name)));
        let mut line = format!("{margin}{sign} {name}{pad}  {:<8}", node.kind.as_str());
        if let Some(detail) = &node.detail {
            line.push_str("  ");
            line.push_str(&words::line(detail, DETAIL_COLUMNS_MAX));
        }
        if index == group.start && node.is_end && group.nodes.len() > 1 {
            line.push_str("  (end)");
        }
        if node.is_unreachable {
            line.push_str("  (unreachable)");
        }
        lines.push(line.trim_end().to_owned());
        let inner = format!("{margin}{rail}   ");
        for note in &node.notes {
            lines.push(format!("{inner}{}", words::line(note, DETAIL_COLUMNS_MAX)));
        }
        draw_edges(group, index, edges, signs, &inner, lines);
        for nested in &node.groups {
            lines.push(format!("{inner}{} {}", signs.open, nested.title));
            draw_group(nested, signs, &format!("{inner}{} ", signs.rail), lines);
            lines.push(format!("{inner}{}", signs.close));
        }
        // Lines without a gap between them are one way.
        if !goes_on && index + 1 < group.nodes.len() {
            lines.push(margin.trim_end().to_owned());
        }
    }
}

fn draw_edges(
    group: &Group,
    from: usize,
    edges: &[&Edge],
    signs: &Signs,
    inner: &str,
    lines: &mut Vec<String>,
) {
    let shown = |edge: &Edge| match edge.kind {
        EdgeKind::Next => String::new(),
        EdgeKind::Catch => {
            let label = words::line(edge.shown_label().unwrap_or_default(), LABEL_COLUMNS_MAX);
            format!("{} {label} ", signs.catch)
        }
        EdgeKind::Rule | EdgeKind::Default => {
            format!("{} ", words::line(edge.shown_label().unwrap_or_default(), LABEL_COLUMNS_MAX))
        }
    };
    let told: Vec<(&Edge, String)> = edges
        .iter()
        .filter(|edge| edge.kind != EdgeKind::Next || edge.to != from + 1)
        .map(|edge| (*edge, shown(edge)))
        .collect();
    let column = told.iter().map(|(_, label)| width(label)).max().unwrap_or(0);
    for (edge, label) in told {
        let pad = " ".repeat(column.saturating_sub(width(&label)));
        let arrow = if edge.to <= from { signs.again } else { signs.arrow };
        let target = group.nodes.get(edge.to).map(|node| words::line(&node.name, NAME_COLUMNS_MAX));
        lines.push(format!("{inner}{label}{pad}{arrow} {}", target.unwrap_or_default()));
    }
}

/// The same in ASCII: what a name holds beyond it is escaped.
fn ascii(text: &str) -> String {
    let mut ascii = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '×' => ascii.push('x'),
            '…' => ascii.push_str("..."),
            '≤' => ascii.push_str("<="),
            '≥' => ascii.push_str(">="),
            '≠' => ascii.push_str("!="),
            character if character.is_ascii() => ascii.push(character),
            other => ascii.extend(other.escape_unicode()),
        }
    }
    ascii
}
