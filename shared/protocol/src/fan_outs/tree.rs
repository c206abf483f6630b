//! Which item each part of a fan-out reports to.
//!
//! The parts of a narrow fan-out report to its root item. Those of a wider one report to *nodes*, each of which counts so many
//! parts, or so many nodes of the level below, and reports in turn to the node above it, up to one at the top: so no item
//! grows with the fan-out, and none takes the reports of all parts.

use super::{PartKey, Partition};
use crate::item::RecordKey;
use std::{fmt, ops::Range};

/// An item that counts what is below it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TallyKey {
    /// The lock of the position that waits for the fan-out.
    pub fan_out: RecordKey,
    /// None is the root item.
    pub node: Option<Node>,
}

/// A node of the tree; on level 0 a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Node {
    pub level: u32,
    /// Its number on its level, and what it is called by the item that it reports to.
    pub index: u32,
    /// The first of the parts below it, in whose partition it lies.
    pub first_part: u32,
}

impl TallyKey {
    /// The root item of a fan-out.
    pub fn root(fan_out: &RecordKey) -> Self {
        Self { fan_out: fan_out.clone(), node: None }
    }

    pub fn of(fan_out: &RecordKey, node: Node) -> Self {
        Self { fan_out: fan_out.clone(), node: Some(node) }
    }

    /// Where it lies: the root item with the branch that opened the fan-out, a node with the first part below it, so that what
    /// is done for the partitions of a run reaches it too.
    pub fn partition(&self, part_branches: u32) -> Partition {
        let Self { fan_out, node } = self;
        match node {
            None => Partition::of(&fan_out.run, &fan_out.branch, part_branches),
            Some(node) => Partition::Part(PartKey { fan_out: fan_out.clone(), part: node.first_part }),
        }
    }
}

impl fmt::Display for TallyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.node {
            None => write!(f, "the fan-out at {}", self.fan_out),
            Some(Node { level, index, .. }) => {
                write!(f, "node {level}.{index} of the fan-out at {}", self.fan_out)
            }
        }
    }
}

/// The tree over so many parts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tree {
    parts: u32,
    /// So many report to one item.
    node_parts: u32,
}

impl Tree {
    pub(crate) fn new(parts: u32, node_parts: u32) -> Self {
        Self { parts, node_parts: node_parts.max(2) }
    }

    /// Whether all parts report to the root item.
    pub(crate) fn is_flat(self) -> bool {
        self.parts <= self.node_parts
    }

    /// How many there are on a level; parts on level 0.
    fn width(self, level: u32) -> u32 {
        (0..level).fold(self.parts, |width, _| width.div_ceil(self.node_parts))
    }

    /// A node of a level, or a part.
    pub(crate) fn node(self, level: u32, index: u32) -> Node {
        Node { level, index, first_part: index.saturating_mul(self.span(level)) }
    }

    /// So many parts are below a node of a level, but for the last of it.
    fn span(self, level: u32) -> u32 {
        self.node_parts.saturating_pow(level)
    }

    /// Where a part or a node reports to: none is the root item of a narrow fan-out.
    pub(crate) fn above(self, below: Node) -> Option<Node> {
        (!self.is_flat()).then(|| self.node(below.level.saturating_add(1), below.index / self.node_parts))
    }

    /// Whether nothing is above a node.
    pub(crate) fn is_top(self, node: Option<Node>) -> bool {
        node.is_none_or(|node| self.width(node.level) <= 1)
    }

    /// The item that decides.
    pub(crate) fn top(self) -> Option<Node> {
        let mut top = self.above(self.node(0, 0));
        while !self.is_top(top) {
            top = top.and_then(|node| self.above(node));
        }
        top
    }

    /// How many report to an item.
    pub(crate) fn below(self, node: Option<Node>) -> u32 {
        let Some(Node { level, index, .. }) = node else { return self.parts };
        let width = self.width(level.saturating_sub(1));
        width.saturating_sub(index.saturating_mul(self.node_parts)).min(self.node_parts)
    }

    /// The parts below a node.
    pub(crate) fn parts_of(self, node: Node) -> Range<u32> {
        let end = node.first_part.saturating_add(self.span(node.level)).min(self.parts);
        node.first_part..end
    }

    /// The nodes that parts report to; none where they report to the root item.
    pub(crate) fn lowest(self) -> impl Iterator<Item = Node> {
        let count = if self.is_flat() { 0 } else { self.width(1) };
        (0..count).map(move |index| self.node(1, index))
    }
}

/// Cuts a range into pieces of equal size, at most so many.
pub(crate) fn pieces(range: Range<u32>, at_most: u32) -> impl Iterator<Item = Range<u32>> {
    let (at_most, mut size) = (at_most.max(2), 1_u32);
    while u32::try_from(range.len()).unwrap_or(u32::MAX).div_ceil(size) > at_most {
        size = size.saturating_mul(at_most);
    }
    let end = range.end;
    let step = usize::try_from(size).unwrap_or(usize::MAX);
    range.step_by(step).map(move |first| first..first.saturating_add(size).min(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets all parts report, and each item that is complete in turn; answers with the items and how many report to each.
    fn reported(tree: Tree) -> Vec<(Option<Node>, u32)> {
        let mut items: Vec<(Option<Node>, u32)> = Vec::new();
        let mut below: Vec<Node> = (0..tree.parts).map(|part| tree.node(0, part)).collect();
        while !below.is_empty() {
            let from = items.len();
            for node in below.drain(..) {
                let above = tree.above(node);
                match items[from..].iter_mut().find(|(item, _)| *item == above) {
                    Some((_, count)) => *count += 1,
                    None => items.push((above, 1)),
                }
            }
            let next = items[from..].iter().map(|(item, _)| *item).filter(|item| !tree.is_top(*item));
            below = next.flatten().collect();
        }
        items
    }

    #[test]
    fn every_item_gets_as_many_reports_as_it_waits_for() {
        for node_parts in [2, 3, 7] {
            for parts in 1..60 {
                let tree = Tree::new(parts, node_parts);
                let items = reported(tree);
                for (item, count) in &items {
                    assert_eq!(tree.below(*item), *count, "{item:?} of {tree:?}");
                    assert!(*count <= node_parts);
                }
                assert_eq!(items.last().map(|(item, _)| *item), Some(tree.top()), "{tree:?}");
                let covered: Vec<u32> = tree.lowest().flat_map(|node| tree.parts_of(node)).collect();
                let all: Vec<u32> = if tree.is_flat() { Vec::new() } else { (0..parts).collect() };
                assert_eq!(covered, all, "{tree:?}");
            }
        }
    }

    #[test]
    fn a_million_branches_need_three_levels() {
        let tree = Tree::new(1_000_000_u32.div_ceil(64), 64);
        let (lowest, second) = (tree.lowest().count(), tree.width(2));
        assert_eq!((lowest, second), (245, 4));
        assert_eq!(tree.top(), Some(Node { level: 3, index: 0, first_part: 0 }));
        assert!(Tree::new(64, 64).is_flat() && !Tree::new(65, 64).is_flat());
    }

    #[test]
    fn pieces_are_few_and_leave_nothing_out() {
        for (range, at_most) in [(0..1, 2), (0..5, 2), (3..100, 4), (0..15_625, 64), (0..64, 64)] {
            let mut pieces_left = vec![range.clone()];
            let mut single = Vec::new();
            while let Some(next) = pieces_left.pop() {
                let cut: Vec<Range<u32>> = pieces(next, at_most).collect();
                assert!(cut.len() <= at_most as usize);
                let (ones, more): (Vec<_>, Vec<_>) = cut.into_iter().partition(|piece| piece.len() == 1);
                single.extend(ones.into_iter().flatten());
                pieces_left.extend(more);
            }
            single.sort_unstable();
            assert_eq!(single, range.collect::<Vec<u32>>());
        }
    }
}
