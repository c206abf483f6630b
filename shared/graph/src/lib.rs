//! A definition as a graph: nodes, edges, and groups for what stands inside Parallel and Map states.
//!
//! A transition never leaves its group, so a group is a picture by itself and one node of the group around it. Nothing here
//! draws: `stepladder graph` does, and whoever gets it from the REST API.

mod build;
mod rule;

use serde::Serialize;
use stepladder_asl::Definition;
use utoipa::ToSchema;

/// A workflow's definition, as nodes and edges.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Graph {
    /// The workflow's name.
    pub title: String,
    /// The definition's `Comment`.
    pub comment: Option<String>,
    /// The top level.
    pub top: Group,
}

/// A machine: the top level, a branch of a Parallel state, or what a Map state does with each item.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Group {
    /// `branch 1` or `each item`; empty for the top level.
    pub title: String,
    /// The index in `nodes` of the state that it starts at.
    pub start: usize,
    /// In the order in which a reader meets them: the way that goes well first.
    pub nodes: Vec<Node>,
    pub edges: Vec<Edge>,
}

/// A state.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Node {
    /// Not escaped: it may hold any character.
    pub name: String,
    #[serde(rename = "type")]
    pub kind: NodeKind,
    /// What it does, in short: `lambda charge-payment`, `30 s`, the error of a Fail state.
    pub detail: Option<String>,
    /// Retriers and timeouts, in short: `retry 3× Timeout, Throttled`, `timeout 30 s`.
    pub notes: Vec<String>,
    pub comment: Option<String>,
    /// Whether its machine ends after it, by `"End": true` or because of its type.
    pub is_end: bool,
    /// Whether no transition leads to it from the start of its machine.
    pub is_unreachable: bool,
    /// The branches of a Parallel state, or the processor of a Map state.
    #[schema(no_recursion)]
    pub groups: Vec<Group>,
}

impl Node {
    /// Whether its type says that nothing follows.
    pub fn is_final(&self) -> bool {
        matches!(self.kind, NodeKind::Succeed | NodeKind::Fail)
    }

    /// `Task: charge-payment`.
    pub fn kind_and_detail(&self) -> String {
        match &self.detail {
            Some(detail) => format!("{}: {detail}", self.kind.as_str()),
            None => self.kind.as_str().to_owned(),
        }
    }

    /// What stands in its box: its name, its kind, its notes.
    pub fn label_parts<'a>(&'a self, kind: &'a str) -> Vec<&'a str> {
        let mut parts = vec![self.name.as_str(), kind];
        parts.extend(self.notes.iter().map(String::as_str));
        parts
    }
}

/// The type of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub enum NodeKind {
    Pass,
    Task,
    Choice,
    Wait,
    Succeed,
    Fail,
    Parallel,
    Map,
}

/// A transition between two states of one group.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Edge {
    /// Indexes in [`Group::nodes`].
    pub from: usize,
    pub to: usize,
    pub kind: EdgeKind,
    /// The rule of a Choice state, or the errors that are caught, in full.
    pub label: Option<String>,
}

/// Why control takes an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EdgeKind {
    Next,
    /// A rule of a Choice state.
    Rule,
    /// The `Default` of a Choice state.
    Default,
    Catch,
}

impl Graph {
    /// The graph of a definition.
    pub fn new(title: impl Into<String>, definition: &Definition) -> Self {
        build::graph(title.into(), definition)
    }

    /// How many states it has, at all depths.
    pub fn states(&self) -> usize {
        self.top.states()
    }
}

impl Group {
    /// How many states it has, at all depths.
    pub fn states(&self) -> usize {
        self.nodes.iter().map(|node| 1 + node.groups.iter().map(Group::states).sum::<usize>()).sum()
    }
}

impl NodeKind {
    /// The `Type` member, as AWS spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            NodeKind::Pass => "Pass",
            NodeKind::Task => "Task",
            NodeKind::Choice => "Choice",
            NodeKind::Wait => "Wait",
            NodeKind::Succeed => "Succeed",
            NodeKind::Fail => "Fail",
            NodeKind::Parallel => "Parallel",
            NodeKind::Map => "Map",
        }
    }
}

impl Edge {
    /// What a drawing writes on it.
    pub fn shown_label(&self) -> Option<&str> {
        match self.kind {
            EdgeKind::Default => Some("default"),
            _ => self.label.as_deref(),
        }
    }
}

#[cfg(test)]
mod tests;
