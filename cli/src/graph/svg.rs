//! A graph as a picture.

use super::{
    Edge, EdgeKind, Graph, Group, Node, NodeKind,
    layout::{Item, Link, LinkKind, Plan, Route, Stroke, TooMany, lay_out},
    words,
};
use crate::text::{escaped, width};
use std::fmt::Write;

/// The most states of a picture: beyond that nobody can read it, and laying it out takes long.
const STATES_MAX: usize = 1_500;

/// Columns and lines of the texts.
const NAME_COLUMNS_MAX: usize = 26;
const CAPTION_COLUMNS_MAX: usize = 34;
const LABEL_COLUMNS_MAX: usize = 28;
const TITLE_COLUMNS_MAX: usize = 80;
const LINES_MAX: usize = 3;
const LABEL_LINES_MAX: usize = 4;

/// Pixels.
const MARGIN: f64 = 24.0;
const PAD_X: f64 = 18.0;
/// How much wider bold letters are.
const BOLD: f64 = 1.12;
const PAD_Y: f64 = 9.0;
const ITEM_WIDTH_MIN: f64 = 120.0;
/// How far a Choice state's points stand out.
const POINT: f64 = 14.0;
const NAME_LINE: f64 = 18.0;
const CAPTION_LINE: f64 = 15.0;
const LABEL_LINE: f64 = 14.0;
/// Around and between the groups inside a state.
const GROUP_PAD: f64 = 14.0;
const GROUP_GAP: f64 = 14.0;
const GROUP_HEAD: f64 = 24.0;
/// Groups go to the next row beyond this.
const ROW_WIDTH_MAX: f64 = 1_800.0;
const ARROW_LENGTH: f64 = 8.0;
const ARROW_HALF: f64 = 4.5;

/// There is more than can be laid out in reasonable time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a graph of {states} states is too large for a picture")]
pub struct TooLarge {
    pub states: usize,
}

pub(super) fn draw(graph: &Graph) -> Result<String, TooLarge> {
    let too_large = || TooLarge { states: graph.states() };
    if graph.states() > STATES_MAX {
        return Err(too_large());
    }
    let scene = scene(&graph.top, Level::Top).map_err(|TooMany| too_large())?;
    let title = words::line(&graph.title, TITLE_COLUMNS_MAX);
    let comment = graph.comment.as_deref().map(|comment| words::wrapped(comment, TITLE_COLUMNS_MAX, 2));
    let comment = comment.unwrap_or_default();
    let head = 30.0 + comment.len() as f64 * 18.0 + 10.0;
    let lines = std::iter::once(text_width(&title, 17.0) * BOLD)
        .chain(comment.iter().map(|line| text_width(line, 12.5)));
    let inner = lines.fold(scene.width, f64::max);
    let (width, height) = (inner + 2.0 * MARGIN, scene.height + head + 2.0 * MARGIN);
    let mut svg = String::new();
    // Writing to a text can't fail, here and below.
    let _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"sl-graph\" role=\"img\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n<rect class=\"page\" width=\"{w}\" height=\"{h}\"/>\n",
        w = number(width),
        h = number(height),
        title = xml(&title),
    );
    let _ =
        writeln!(svg, "<text class=\"title\" x=\"{MARGIN}\" y=\"{}\">{}</text>", MARGIN + 16.0, xml(&title));
    for (index, line) in comment.iter().enumerate() {
        let y = MARGIN + 38.0 + index as f64 * 18.0;
        let _ = writeln!(svg, "<text class=\"comment\" x=\"{MARGIN}\" y=\"{y}\">{}</text>", xml(line));
    }
    let left = MARGIN + (inner - scene.width) / 2.0;
    let _ = writeln!(svg, "<g transform=\"translate({} {})\">", number(left), number(MARGIN + head));
    svg.push_str(&scene.body);
    svg.push_str("</g>\n</svg>\n");
    Ok(svg)
}

/// A part of the picture; it begins at 0, 0.
struct Scene {
    width: f64,
    height: f64,
    body: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Top,
    Inner,
}

/// A group: its states, the marks of its start and its ends, and the lines between them. Groups nest as deep as the
/// definition's JSON does, which the parser bounds.
fn scene(group: &Group, level: Level) -> Result<Scene, TooMany> {
    let has_marks = level == Level::Top || group.nodes.len() > 1;
    let mut figures = Vec::new();
    if has_marks {
        figures.push(Figure::mark(Mark::Start, level));
    }
    let first = figures.len();
    for node in &group.nodes {
        figures.push(Figure::state(node)?);
    }
    let mut links = Vec::new();
    let mut edges: Vec<Option<&Edge>> = Vec::new();
    let mut add = |link: Link, edge| {
        links.push(link);
        edges.push(edge);
    };
    if has_marks {
        add(Link { from: 0, to: first + group.start, kind: LinkKind::Main, label: None }, None);
    }
    for edge in &group.edges {
        let kind = match edge.kind {
            EdgeKind::Next => LinkKind::Main,
            EdgeKind::Rule | EdgeKind::Default => LinkKind::Fan,
            EdgeKind::Catch => LinkKind::Side,
        };
        let label =
            edge.shown_label().map(Label::new).map(|label| Item { width: label.width, height: label.height });
        add(Link { from: first + edge.from, to: first + edge.to, kind, label }, Some(edge));
    }
    let is_open = |node: &&Node| node.is_end && !matches!(node.kind, NodeKind::Succeed | NodeKind::Fail);
    if has_marks && group.nodes.iter().any(|node| is_open(&node)) {
        let end = figures.len();
        figures.push(Figure::mark(Mark::End, level));
        for (index, _) in group.nodes.iter().enumerate().filter(|(_, node)| is_open(node)) {
            add(Link { from: first + index, to: end, kind: LinkKind::Main, label: None }, None);
        }
    }
    let items: Vec<Item> =
        figures.iter().map(|figure| Item { width: figure.width, height: figure.height }).collect();
    let plan = lay_out(&items, &links)?;
    Ok(Scene { width: plan.width, height: plan.height, body: compose(&plan, &figures, &edges) })
}

/// Lines first, boxes over them, labels on top.
fn compose(plan: &Plan, figures: &[Figure], edges: &[Option<&Edge>]) -> String {
    let mut body = String::new();
    let of = |index: usize| edges.get(index).copied().flatten();
    for (index, route) in plan.routes.iter().enumerate() {
        let is_catch = of(index).is_some_and(|edge| edge.kind == EdgeKind::Catch);
        draw_line(route, if is_catch { "catch" } else { "next" }, &mut body);
    }
    for (figure, spot) in figures.iter().zip(&plan.items) {
        let _ = writeln!(body, "<g transform=\"translate({} {})\">", number(spot.x), number(spot.y));
        body.push_str(&figure.body);
        body.push_str("</g>\n");
    }
    for (index, route) in plan.routes.iter().enumerate() {
        if let (Some(spot), Some(edge)) = (route.label, of(index))
            && let Some(text) = edge.shown_label()
        {
            let full = edge.label.as_deref().unwrap_or(text);
            Label::new(text).draw(spot.x, spot.y, edge.kind, full, &mut body);
        }
    }
    body
}

fn draw_line(route: &Route, class: &str, body: &mut String) {
    let mut path = format!("M{} {}", number(route.start.x), number(route.start.y));
    let last = route.strokes.len().saturating_sub(1);
    for (index, stroke) in route.strokes.iter().enumerate() {
        // The arrow covers the end of the line.
        let lift = if route.tip.is_some() && index == last { ARROW_LENGTH - 1.0 } else { 0.0 };
        match stroke {
            Stroke::Line(to) => {
                let _ = write!(path, "L{} {}", number(to.x), number(to.y - lift));
            }
            Stroke::Curve(a, b, to) => {
                let _ = write!(
                    path,
                    "C{} {} {} {} {} {}",
                    number(a.x),
                    number(a.y),
                    number(b.x),
                    number(b.y),
                    number(to.x),
                    number(to.y - lift)
                );
            }
        }
    }
    let _ = writeln!(body, "<path class=\"line {class}\" d=\"{path}\"/>");
    if let Some(tip) = route.tip {
        let _ = writeln!(
            body,
            "<path class=\"tip {class}\" d=\"M{} {}l{} {}h{}z\"/>",
            number(tip.x),
            number(tip.y),
            number(-ARROW_HALF),
            number(-ARROW_LENGTH),
            number(2.0 * ARROW_HALF)
        );
    }
}

/// The text on a line.
struct Label {
    lines: Vec<String>,
    width: f64,
    height: f64,
}

impl Label {
    fn new(text: &str) -> Self {
        let lines = words::wrapped(text, LABEL_COLUMNS_MAX, LABEL_LINES_MAX);
        let width = lines.iter().map(|line| text_width(line, 11.0)).fold(0.0, f64::max) + 14.0;
        let height = lines.len() as f64 * LABEL_LINE + 6.0;
        Self { lines, width, height }
    }

    fn draw(&self, x: f64, y: f64, kind: EdgeKind, full: &str, body: &mut String) {
        let class = if kind == EdgeKind::Catch { "label catch" } else { "label" };
        let _ = write!(
            body,
            "<g class=\"{class}\"><title>{}</title><rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"6\"/>",
            xml(&escaped(full)),
            number(x),
            number(y),
            number(self.width),
            number(self.height)
        );
        for (index, line) in self.lines.iter().enumerate() {
            let baseline = y + 3.0 + 11.0 + index as f64 * LABEL_LINE;
            let _ = write!(
                body,
                "<text x=\"{}\" y=\"{}\">{}</text>",
                number(x + self.width / 2.0),
                number(baseline),
                xml(line)
            );
        }
        body.push_str("</g>\n");
    }
}

/// What stands in the place of an item.
struct Figure {
    width: f64,
    height: f64,
    body: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Start,
    End,
}

impl Figure {
    /// Where a machine begins, or ends: with the word at the top level, else small.
    fn mark(mark: Mark, level: Level) -> Self {
        let body = match (mark, level) {
            (_, Level::Top) => {
                let word = if mark == Mark::Start { "Start" } else { "End" };
                format!(
                    "<g class=\"mark\"><rect width=\"70\" height=\"26\" rx=\"13\"/><text x=\"35\" y=\"17.5\">{word}</text></g>\n"
                )
            }
            (Mark::Start, Level::Inner) => {
                "<g class=\"dot\"><circle cx=\"6\" cy=\"6\" r=\"6\"/></g>\n".to_owned()
            }
            (Mark::End, Level::Inner) => {
                "<g class=\"ring\"><circle class=\"rim\" cx=\"7\" cy=\"7\" r=\"6\"/>\
                <circle class=\"core\" cx=\"7\" cy=\"7\" r=\"3\"/></g>\n"
                    .to_owned()
            }
        };
        let (width, height) = match (mark, level) {
            (_, Level::Top) => (70.0, 26.0),
            (Mark::Start, Level::Inner) => (12.0, 12.0),
            (Mark::End, Level::Inner) => (14.0, 14.0),
        };
        Self { width, height, body }
    }

    fn state(node: &Node) -> Result<Self, TooMany> {
        let name = words::wrapped(&node.name, NAME_COLUMNS_MAX, LINES_MAX);
        let caption = match &node.detail {
            Some(detail) => format!("{} · {detail}", node.kind.as_str()),
            None => node.kind.as_str().to_owned(),
        };
        let caption = words::wrapped(&caption, CAPTION_COLUMNS_MAX, 2);
        let notes: Vec<String> =
            node.notes.iter().map(|note| words::line(note, CAPTION_COLUMNS_MAX)).collect();
        let widths = name.iter().map(|line| text_width(line, 14.0) * BOLD);
        let small = caption.iter().chain(&notes).map(|line| text_width(line, 11.5));
        let text = widths.chain(small).fold(0.0, f64::max);
        let head =
            2.0 * PAD_Y + name.len() as f64 * NAME_LINE + (caption.len() + notes.len()) as f64 * CAPTION_LINE;
        let point = if node.kind == NodeKind::Choice { POINT } else { 0.0 };
        let mut width = (text + 2.0 * (PAD_X + point)).max(ITEM_WIDTH_MIN);
        let mut height = head;
        let mut inner = String::new();
        if !node.groups.is_empty() {
            let shelf = shelve(&node.groups)?;
            width = width.max(shelf.width + 2.0 * GROUP_PAD);
            let _ = writeln!(
                inner,
                "<g transform=\"translate({} {})\">",
                number((width - shelf.width) / 2.0),
                number(head)
            );
            inner.push_str(&shelf.body);
            inner.push_str("</g>\n");
            height += shelf.height + GROUP_PAD;
        }
        let mut body = String::new();
        let lost = if node.is_unreachable { " lost" } else { "" };
        let kind = node.kind.as_str();
        let _ = write!(
            body,
            "<g class=\"state {}{lost}\" data-state=\"{}\"><title>{}</title>",
            kind.to_lowercase(),
            xml(&escaped(&node.name)),
            xml(&tooltip(node))
        );
        outline(node, width, height, &mut body);
        let mut y = PAD_Y;
        for (class, lines, step) in
            [("name", &name, NAME_LINE), ("kind", &caption, CAPTION_LINE), ("note", &notes, CAPTION_LINE)]
        {
            for line in lines {
                y += step;
                let _ = write!(
                    body,
                    "<text class=\"{class}\" x=\"{}\" y=\"{}\">{}</text>",
                    number(width / 2.0),
                    number(y - 4.0),
                    xml(line)
                );
            }
        }
        body.push('\n');
        body.push_str(&inner);
        body.push_str("</g>\n");
        Ok(Self { width, height, body })
    }
}

/// The shape tells the type apart without its colour.
fn outline(node: &Node, width: f64, height: f64, body: &mut String) {
    let (w, h) = (number(width), number(height));
    let _ = match node.kind {
        NodeKind::Choice => {
            let (left, right, middle) = (number(POINT), number(width - POINT), number(height / 2.0));
            write!(
                body,
                "<path class=\"box\" d=\"M0 {middle}L{left} 0H{right}L{w} {middle}L{right} {h}H{left}Z\"/>"
            )
        }
        NodeKind::Succeed | NodeKind::Fail => {
            let radius = number((height / 2.0).min(26.0));
            write!(body, "<rect class=\"box\" width=\"{w}\" height=\"{h}\" rx=\"{radius}\"/>")
        }
        // A shadow of more of the same.
        NodeKind::Map => write!(
            body,
            "<rect class=\"box back\" x=\"5\" y=\"5\" width=\"{w}\" height=\"{h}\" rx=\"8\"/>\
             <rect class=\"box\" width=\"{w}\" height=\"{h}\" rx=\"8\"/>"
        ),
        NodeKind::Pass | NodeKind::Task | NodeKind::Wait | NodeKind::Parallel => {
            let _ = write!(body, "<rect class=\"box\" width=\"{w}\" height=\"{h}\" rx=\"8\"/>");
            if node.kind == NodeKind::Parallel {
                return;
            }
            let bar = number(height - 16.0);
            write!(body, "<rect class=\"bar\" x=\"6\" y=\"8\" width=\"3.5\" height=\"{bar}\" rx=\"1.75\"/>")
        }
    };
}

/// All that the box cuts.
fn tooltip(node: &Node) -> String {
    let mut lines = vec![escaped(&node.name).into_owned(), node.kind.as_str().to_owned()];
    lines.extend(
        node.detail.iter().chain(&node.notes).chain(&node.comment).map(|text| escaped(text).into_owned()),
    );
    lines.join("\n")
}

/// Groups side by side, in rows.
fn shelve(groups: &[Group]) -> Result<Scene, TooMany> {
    let mut scenes = Vec::with_capacity(groups.len());
    for group in groups {
        let inner = scene(group, Level::Inner)?;
        let title = text_width(&group.title, 11.5) + 20.0;
        let inset = inner.width.max(title);
        let mut body = String::new();
        let (width, height) = (inset + 2.0 * GROUP_PAD, inner.height + GROUP_HEAD + GROUP_PAD);
        let _ = writeln!(
            body,
            "<rect class=\"part\" width=\"{}\" height=\"{}\" rx=\"8\"/><text class=\"part-title\" x=\"10\" y=\"16\">{}</text>",
            number(width),
            number(height),
            xml(&group.title)
        );
        let left = GROUP_PAD + (inset - inner.width) / 2.0;
        let _ = writeln!(body, "<g transform=\"translate({} {GROUP_HEAD})\">", number(left));
        body.push_str(&inner.body);
        body.push_str("</g>\n");
        scenes.push(Scene { width, height, body });
    }
    let (mut x, mut y, mut row, mut widest) = (0.0_f64, 0.0_f64, 0.0_f64, 0.0_f64);
    let mut body = String::new();
    for scene in scenes {
        if x > 0.0 && x + scene.width > ROW_WIDTH_MAX {
            (x, y, row) = (0.0, y + row + GROUP_GAP, 0.0);
        }
        let _ = writeln!(body, "<g transform=\"translate({} {})\">", number(x), number(y));
        body.push_str(&scene.body);
        body.push_str("</g>\n");
        widest = widest.max(x + scene.width);
        row = row.max(scene.height);
        x += scene.width + GROUP_GAP;
    }
    Ok(Scene { width: widest, height: y + row, body })
}

/// An estimate that errs on the wide side, for nobody knows which font there will be: in it a small letter of a common
/// sans-serif takes 0.6 of the font's size, and what a terminal shows in two columns takes all of it.
fn text_width(text: &str, size: f64) -> f64 {
    let em: f64 = text
        .chars()
        .map(|character| match character {
            'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' => 0.32,
            'f' | 't' | 'r' | ' ' | '(' | ')' | '[' | ']' | '/' | '-' => 0.4,
            'm' | 'w' | 'M' | 'W' | '%' | '@' | '…' => 0.95,
            'A'..='Z' => 0.7,
            character if character.is_ascii() => 0.61,
            character if width(character.encode_utf8(&mut [0; 4])) == 2 => 1.05,
            _ => 0.75,
        })
        .sum();
    em * size
}

/// At most one digit after the point.
fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or_else(|| text.clone(), str::to_owned)
}

/// Text in an element or an attribute. Characters that XML forbids have been escaped before.
fn xml(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Each colour twice, for light and dark pages; no variables, which not every program that shows pictures knows. Every rule
/// is bound to the picture, so that it does nothing to a page that the picture stands in.
const STYLE: &str = include_str!("style.css");
