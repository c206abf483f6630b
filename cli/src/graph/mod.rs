//! The drawings of a definition's graph.
//!
//! [`Graph`] is what there is to draw. A transition never leaves its group, so a group is drawn by itself and then placed as
//! one node of the group around it. Everything here is pure: a drawing is a text, and who asked for it decides where it goes.

mod dot;
mod ladder;
mod layout;
mod mermaid;
mod svg;
mod words;

pub use svg::TooLarge;

pub use stepladder_graph::{Edge, EdgeKind, Graph, Group, Node, NodeKind};

/// The forms that a graph is drawn in.
pub trait Drawn {
    /// A tree for the terminal, one line per state, indented where states stand in others. ASCII alone where
    /// the charset is.
    fn to_text(&self, charset: Charset) -> String;

    /// A flowchart for Mermaid (<https://mermaid.js.org/syntax/flowchart.html>).
    fn to_mermaid(&self) -> String;

    /// A digraph for Graphviz (<https://graphviz.org/doc/info/lang.html>).
    fn to_dot(&self) -> String;

    /// A picture that needs nothing beside it, for light and dark pages. Fails where there is more than can be laid out in
    /// reasonable time.
    fn to_svg(&self) -> Result<String, TooLarge>;
}

impl Drawn for Graph {
    fn to_text(&self, charset: Charset) -> String {
        ladder::draw(self, charset)
    }

    fn to_mermaid(&self) -> String {
        mermaid::draw(self)
    }

    fn to_dot(&self) -> String {
        dot::draw(self)
    }

    fn to_svg(&self) -> Result<String, TooLarge> {
        svg::draw(self)
    }
}

/// Which characters a text may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charset {
    Unicode,
    Ascii,
}

#[cfg(test)]
mod tests;
