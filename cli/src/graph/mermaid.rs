//! A graph as a Mermaid flowchart.

use super::{EdgeKind, Graph, Group, Node, NodeKind, words};
use std::fmt::Write;

/// Columns of a line in a box, and of a label; lines of each.
const NAME_COLUMNS_MAX: usize = 28;
const LABEL_COLUMNS_MAX: usize = 32;
const LINES_MAX: usize = 3;

/// Colours that are readable on a light and on a dark page.
const STYLES: &str = "    classDef choice fill:#fef3c7,stroke:#d97706,color:#1f2328
    classDef task fill:#dbeafe,stroke:#2563eb,color:#1f2328
    classDef quiet fill:#f1f5f9,stroke:#64748b,color:#1f2328
    classDef good fill:#dcfce7,stroke:#16a34a,color:#1f2328
    classDef bad fill:#fee2e2,stroke:#dc2626,color:#1f2328
    classDef lost stroke-dasharray:4 3
    classDef group fill:transparent,stroke:#7c3aed
    classDef part fill:transparent,stroke:#94a3b8,stroke-dasharray:4 3
";

pub(super) fn draw(graph: &Graph) -> String {
    let mut text = String::from("flowchart TD\n");
    draw_group(&graph.top, "s", 1, &mut text);
    text.push_str(STYLES);
    text
}

/// Writes to a text can't fail.
fn draw_group(group: &Group, id: &str, depth: usize, text: &mut String) {
    let margin = "    ".repeat(depth);
    let is_top = depth == 1;
    let (start, end) = if is_top { ("([Start])", "([End])") } else { ("(( ))", "((( )))") };
    // A single state is its own start and end.
    let has_marks = is_top || group.nodes.len() > 1;
    if has_marks {
        let _ = writeln!(text, "{margin}{id}_start{start}");
    }
    for (index, node) in group.nodes.iter().enumerate() {
        draw_node(node, &format!("{id}{index}"), depth, text);
    }
    if has_marks {
        let _ = writeln!(text, "{margin}{id}_start --> {id}{}", group.start);
    }
    for edge in &group.edges {
        let (from, to) = (edge.from, edge.to);
        let arrow = if edge.kind == EdgeKind::Catch { "-.->" } else { "-->" };
        let label = edge.shown_label().map(|label| quoted(&[label], LABEL_COLUMNS_MAX));
        let label = label.map(|label| format!("|{label}|")).unwrap_or_default();
        let _ = writeln!(text, "{margin}{id}{from} {arrow}{label} {id}{to}");
    }
    let ends = || group.nodes.iter().enumerate().filter(|(_, node)| node.is_end && !node.is_final());
    if has_marks && ends().next().is_some() {
        let _ = writeln!(text, "{margin}{id}_end{end}");
        for (index, _) in ends() {
            let _ = writeln!(text, "{margin}{id}{index} --> {id}_end");
        }
    }
}

fn draw_node(node: &Node, id: &str, depth: usize, text: &mut String) {
    let margin = "    ".repeat(depth);
    let label = label(node);
    if node.groups.is_empty() {
        let (open, close) = shape(node.kind);
        let _ = writeln!(text, "{margin}{id}{open}{label}{close}:::{}", class(node.kind));
    } else {
        let _ = writeln!(text, "{margin}subgraph {id}[{label}]");
        for (index, group) in node.groups.iter().enumerate() {
            let _ = writeln!(
                text,
                "{margin}    subgraph {id}b{index}[{}]",
                quoted(&[&group.title], NAME_COLUMNS_MAX)
            );
            let _ = writeln!(text, "{margin}        direction TB");
            draw_group(group, &format!("{id}b{index}s"), depth + 2, text);
            let _ = writeln!(text, "{margin}    end");
            let _ = writeln!(text, "{margin}    class {id}b{index} part");
        }
        let _ = writeln!(text, "{margin}end");
        let _ = writeln!(text, "{margin}class {id} group");
    }
    if node.is_unreachable {
        let _ = writeln!(text, "{margin}class {id} lost");
    }
}

fn label(node: &Node) -> String {
    let kind = node.kind_and_detail();
    quoted(&node.label_parts(&kind), NAME_COLUMNS_MAX)
}

fn shape(kind: NodeKind) -> (&'static str, &'static str) {
    match kind {
        NodeKind::Choice => ("{", "}"),
        NodeKind::Pass => ("(", ")"),
        NodeKind::Wait => ("[/", "/]"),
        NodeKind::Succeed | NodeKind::Fail => ("([", "])"),
        NodeKind::Task | NodeKind::Parallel | NodeKind::Map => ("[", "]"),
    }
}

fn class(kind: NodeKind) -> &'static str {
    match kind {
        NodeKind::Task => "task",
        NodeKind::Choice => "choice",
        NodeKind::Succeed => "good",
        NodeKind::Fail => "bad",
        NodeKind::Pass | NodeKind::Wait | NodeKind::Parallel | NodeKind::Map => "quiet",
    }
}

/// A quoted label of one or more lines for each part. What Mermaid or a browser could take for its own (quotes, tags,
/// Markdown, directives) becomes a character code.
fn quoted(parts: &[&str], columns_max: usize) -> String {
    let lines = parts.iter().flat_map(|part| words::wrapped(part, columns_max, LINES_MAX));
    let lines: Vec<String> = lines.map(|line| coded(&line)).collect();
    format!("\"{}\"", lines.join("<br/>"))
}

fn coded(text: &str) -> String {
    let mut coded = String::with_capacity(text.len());
    let mut before = None;
    for character in text.chars() {
        let is_plain = match character {
            ' ' | ',' | ':' | '(' | ')' | '=' | '/' | '$' | '?' | '_' => true,
            // `1.` and `-` at the beginning would make a list.
            '.' => before.is_some_and(|before: char| !before.is_ascii_digit()),
            '-' => before.is_some(),
            character => character.is_ascii_alphanumeric() || !character.is_ascii(),
        };
        if is_plain {
            coded.push(character);
        } else {
            let _ = write!(coded, "#{};", u32::from(character));
        }
        before = Some(character);
    }
    coded
}
