//! Layers, and the cells in them: items, labels, and bends of lines.

use super::{Item, Link, LinkKind};
use std::collections::HashMap;

/// More cells than are laid out: their number grows with the lengths of the links.
const CELLS_MAX: usize = 40_000;

/// There is more than can be laid out in reasonable time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct TooMany;

/// What takes room in a layer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell {
    pub layer: usize,
    pub kind: CellKind,
    pub width: f64,
    pub height: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CellKind {
    Item,
    Label,
    Bend,
}

/// Items in odd layers; labels and bends in all. Neighbours are cells of adjacent layers.
#[derive(Debug)]
pub(super) struct Lattice {
    /// The items' cells come first, in the items' order.
    pub cells: Vec<Cell>,
    /// The cells of each layer from left to right.
    pub layers: Vec<Vec<usize>>,
    pub up: Vec<Vec<Pull>>,
    pub down: Vec<Vec<Pull>>,
    /// The cells that each link passes, from its source to its target.
    pub ways: Vec<Way>,
}

/// A neighbour, and how strongly the two want to be in line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pull {
    pub cell: usize,
    pub weight: f64,
    /// How much more than others it should be exactly in line; 0 if it need not be.
    pub align: f64,
}

#[derive(Debug, Clone)]
pub(super) struct Way {
    pub cells: Vec<usize>,
    /// Whether it turns below its source, goes up, and turns above its target.
    pub leads_back: bool,
}

/// Trunks are shared by links of one kind to one target in one direction.
type Trunk = (usize, LinkKind, bool, usize);

impl Lattice {
    pub(super) fn new(items: &[Item], links: &[Link]) -> Result<Self, TooMany> {
        let back = back_links(items.len(), links);
        let ranks = ranks(items.len(), links, &back);
        // A layer above the first one and one below the last one have room for the turns of links that lead back.
        let layer_of = |item: usize| 2 * ranks.get(item).copied().unwrap_or(0) + 1;
        let cells: Vec<Cell> = items
            .iter()
            .enumerate()
            .map(|(index, item)| Cell {
                layer: layer_of(index),
                kind: CellKind::Item,
                width: item.width,
                height: item.height,
            })
            .collect();
        let layers = ranks.iter().max().map_or(0, |last| 2 * last + 3);
        let mut lattice = Lattice {
            cells,
            layers: vec![Vec::new(); layers],
            up: Vec::new(),
            down: Vec::new(),
            ways: vec![],
        };
        let mut trunks = HashMap::new();
        let mut pulls = HashMap::new();
        for (index, link) in links.iter().enumerate() {
            let leads_back = back.get(index).copied().unwrap_or(false);
            let way = lattice.way(link, leads_back, &mut trunks)?;
            lattice.ways.push(way);
        }
        let near = lattice.near_mains(links);
        for (link, way) in links.iter().zip(lattice.ways.clone()) {
            lattice.pull(&way, link, near.get(&link.to).copied().unwrap_or(0), &mut pulls);
        }
        lattice.neighbours(pulls);
        Ok(lattice)
    }

    /// The cells between a link's ends: one of its own, which holds its label, and then those of the trunk.
    fn way(
        &mut self,
        link: &Link,
        leads_back: bool,
        trunks: &mut HashMap<Trunk, usize>,
    ) -> Result<Way, TooMany> {
        let layer = |lattice: &Self, item: usize| lattice.cells.get(item).map_or(1, |cell| cell.layer);
        let (from, to) = (layer(self, link.from), layer(self, link.to));
        let mut cells = vec![link.from, self.own(link, from + 1)?];
        let mut trunk = |lattice: &mut Self, at: usize| -> Result<usize, TooMany> {
            let key = (link.to, link.kind, leads_back, at);
            if let Some(cell) = trunks.get(&key) {
                return Ok(*cell);
            }
            let cell = lattice.add(Cell { layer: at, kind: CellKind::Bend, width: 0.0, height: 0.0 })?;
            trunks.insert(key, cell);
            Ok(cell)
        };
        if leads_back {
            for at in (to.saturating_sub(1)..=from).rev() {
                cells.push(trunk(self, at)?);
            }
        } else {
            for at in from + 2..to {
                cells.push(trunk(self, at)?);
            }
        }
        cells.push(link.to);
        Ok(Way { cells, leads_back })
    }

    fn own(&mut self, link: &Link, layer: usize) -> Result<usize, TooMany> {
        let cell = match link.label {
            Some(label) => Cell { layer, kind: CellKind::Label, width: label.width, height: label.height },
            None => Cell { layer, kind: CellKind::Bend, width: 0.0, height: 0.0 },
        };
        self.add(cell)
    }

    fn add(&mut self, cell: Cell) -> Result<usize, TooMany> {
        if self.cells.len() >= CELLS_MAX {
            return Err(TooMany);
        }
        self.cells.push(cell);
        Ok(self.cells.len() - 1)
    }

    /// How many main links come to each item from the rank above it.
    fn near_mains(&self, links: &[Link]) -> HashMap<usize, usize> {
        let mut near = HashMap::new();
        for (link, way) in links.iter().zip(&self.ways) {
            if link.kind == LinkKind::Main && way.cells.len() == 3 {
                *near.entry(link.to).or_insert(0) += 1;
            }
        }
        near
    }

    fn pull(&self, way: &Way, link: &Link, near: usize, pulls: &mut HashMap<(usize, usize), (f64, f64)>) {
        let strength = match link.kind {
            LinkKind::Main => 3.0,
            LinkKind::Fan => 1.5,
            LinkKind::Side => 1.0,
        };
        let last = way.cells.len().saturating_sub(2);
        let steps = way.cells.iter().zip(way.cells.iter().skip(1)).enumerate();
        for (step, (a, b)) in steps {
            let (Some(cell_a), Some(cell_b)) = (self.cells.get(*a), self.cells.get(*b)) else { continue };
            let (upper, lower) = if cell_a.layer < cell_b.layer { (*a, *b) } else { (*b, *a) };
            // What bends in between should bend as little as can be.
            let straight = match (cell_a.kind, cell_b.kind) {
                (CellKind::Item, _) | (_, CellKind::Item) => 1.0,
                _ => 4.0,
            };
            let align: f64 = match (step, link.kind) {
                // The turns of a link that leads back are to the side of its ends.
                _ if way.leads_back && (step < 2 || step + 1 >= last) => 0.0,
                (0, LinkKind::Main) => 3.0,
                (0, _) => 0.0,
                // Two that come together meet in the middle.
                (_, LinkKind::Main) if step == last && near > 1 => 0.0,
                (_, LinkKind::Main) if step == last && way.cells.len() > 3 && near > 0 => 0.0,
                (_, LinkKind::Main) if step == last => 3.0,
                (_, LinkKind::Fan) if step == last => 2.0,
                (_, LinkKind::Side) if step == last => 1.0,
                _ => 1_000.0,
            };
            let pull = pulls.entry((upper, lower)).or_insert((0.0, 0.0));
            pull.0 += strength * straight;
            pull.1 = align.max(pull.1);
        }
    }

    fn neighbours(&mut self, pulls: HashMap<(usize, usize), (f64, f64)>) {
        self.up = vec![Vec::new(); self.cells.len()];
        self.down = vec![Vec::new(); self.cells.len()];
        let mut pulls: Vec<_> = pulls.into_iter().collect();
        pulls.sort_by_key(|(pair, _)| *pair);
        for ((upper, lower), (weight, align)) in pulls {
            if let Some(down) = self.down.get_mut(upper) {
                down.push(Pull { cell: lower, weight, align });
            }
            if let Some(up) = self.up.get_mut(lower) {
                up.push(Pull { cell: upper, weight, align });
            }
        }
    }

    /// Each layer in the order in which the links come to its cells.
    pub(super) fn order_by(&mut self, attempt: Attempt, links: &[Link]) {
        let mut ways: Vec<(&Link, &Way)> = links.iter().zip(&self.ways).collect();
        match attempt {
            Attempt::AsGiven => {}
            Attempt::SideFirst => ways.sort_by_key(|(link, _)| link.kind != LinkKind::Side),
            Attempt::BackFirst => ways.sort_by_key(|(_, way)| !way.leads_back),
            Attempt::Reversed => ways.reverse(),
        }
        let mut seen = vec![false; self.cells.len()];
        let along = ways.into_iter().flat_map(|(_, way)| way.cells.iter().copied());
        self.layers.iter_mut().for_each(Vec::clear);
        for cell in along.chain(0..self.cells.len()) {
            let is_new = seen.get_mut(cell).is_some_and(|seen| !std::mem::replace(seen, true));
            let layer = self.cells.get(cell).map_or(0, |cell| cell.layer);
            if let Some(layer) = self.layers.get_mut(layer).filter(|_| is_new) {
                layer.push(cell);
            }
        }
    }
}

/// The order to begin with: each leads to another one, and the best is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attempt {
    AsGiven,
    SideFirst,
    BackFirst,
    Reversed,
}

impl Attempt {
    pub(super) const ALL: [Attempt; 4] =
        [Attempt::AsGiven, Attempt::SideFirst, Attempt::BackFirst, Attempt::Reversed];
}

/// The links that lead back to an item on the way to them, found by a depth-first search from each item in turn.
fn back_links(items: usize, links: &[Link]) -> Vec<bool> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        Open,
        Done,
    }
    let mut out = vec![Vec::new(); items];
    for (index, link) in links.iter().enumerate() {
        if let Some(out) = out.get_mut(link.from) {
            out.push(index);
        }
    }
    let mut marks = vec![Mark::New; items];
    let mut back = vec![false; links.len()];
    let set = |marks: &mut Vec<Mark>, item: usize, mark: Mark| {
        if let Some(place) = marks.get_mut(item) {
            *place = mark;
        }
    };
    for root in 0..items {
        if marks.get(root) != Some(&Mark::New) {
            continue;
        }
        set(&mut marks, root, Mark::Open);
        let mut stack = vec![(root, 0)];
        while let Some((item, next)) = stack.last_mut() {
            let link = out.get(*item).and_then(|out| out.get(*next)).copied();
            *next += 1;
            let Some((index, to)) = link.and_then(|index| Some((index, links.get(index)?.to))) else {
                set(&mut marks, *item, Mark::Done);
                stack.pop();
                continue;
            };
            match marks.get(to) {
                Some(Mark::New) => {
                    set(&mut marks, to, Mark::Open);
                    stack.push((to, 0));
                }
                Some(Mark::Open) => {
                    if let Some(back) = back.get_mut(index) {
                        *back = true;
                    }
                }
                _ => {}
            }
        }
    }
    back
}

/// Each item one rank below the lowest of those before it, and then as far down as makes its links shorter.
fn ranks(items: usize, links: &[Link], back: &[bool]) -> Vec<usize> {
    let mut out = vec![Vec::new(); items];
    let mut before = vec![0_usize; items];
    let forward = links.iter().zip(back).filter(|(_, back)| !**back).map(|(link, _)| link);
    for link in forward {
        if let (Some(out), Some(before)) = (out.get_mut(link.from), before.get_mut(link.to)) {
            out.push(link.to);
            *before += 1;
        }
    }
    let incoming = before.clone();
    let mut ranks = vec![0_usize; items];
    let mut ready: Vec<usize> = (0..items).filter(|item| before.get(*item) == Some(&0)).collect();
    let mut done = 0;
    while let Some(item) = ready.get(done).copied() {
        done += 1;
        let below = ranks.get(item).copied().unwrap_or(0) + 1;
        for to in out.get(item).into_iter().flatten() {
            if let (Some(rank), Some(before)) = (ranks.get_mut(*to), before.get_mut(*to)) {
                *rank = below.max(*rank);
                *before -= 1;
                if *before == 0 {
                    ready.push(*to);
                }
            }
        }
    }
    for item in ready.into_iter().rev() {
        let next = out.get(item).into_iter().flatten();
        let lowest = next.filter_map(|to| ranks.get(*to)).min().map(|rank| rank.saturating_sub(1));
        let outgoing = out.get(item).map_or(0, Vec::len);
        if let (Some(lowest), Some(rank)) = (lowest, ranks.get_mut(item))
            && incoming.get(item).is_some_and(|incoming| *incoming < outgoing)
        {
            *rank = lowest.max(*rank);
        }
    }
    ranks
}
