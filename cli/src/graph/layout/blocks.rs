//! Cells that are exactly one above the other.
//!
//! The sweeps of `place` bring cells near to where they should be, but leave long lines a little crooked. Here what should
//! be in line becomes a block with one coordinate, as in Brandes and Köpf, "Fast and simple horizontal coordinate
//! assignment" (2001).

use super::{lattice::Lattice, place::distance};

/// Rounds in which each block moves to the middle of its neighbours as far as those beside it allow.
const ROUNDS: usize = 30;

pub(super) fn straighten(lattice: &Lattice, x: &mut [f64]) {
    let blocks = Blocks::new(lattice, x);
    let mut at = blocks.legal(x);
    for _ in 0..ROUNDS {
        blocks.relax(lattice, &mut at);
    }
    for (cell, x) in x.iter_mut().enumerate() {
        *x = blocks.of.get(cell).and_then(|block| at.get(*block)).copied().unwrap_or(*x);
    }
}

struct Blocks {
    /// The block of each cell.
    of: Vec<usize>,
    cells: Vec<Vec<usize>>,
    /// For each block those beside it, and the least distance to them.
    left: Vec<Vec<(usize, f64)>>,
    right: Vec<Vec<(usize, f64)>>,
    /// Each block after all that are left of it.
    order: Vec<usize>,
}

impl Blocks {
    fn new(lattice: &Lattice, x: &[f64]) -> Self {
        let partner = partners(lattice, x);
        let mut of = vec![usize::MAX; lattice.cells.len()];
        let mut cells: Vec<Vec<usize>> = Vec::new();
        for cell in lattice.layers.iter().flatten() {
            if of.get(*cell) != Some(&usize::MAX) {
                continue;
            }
            let block = cells.len();
            let mut run = Vec::new();
            let mut next = Some(*cell);
            while let Some(cell) = next {
                if let Some(of) = of.get_mut(cell) {
                    *of = block;
                }
                run.push(cell);
                next = partner.get(cell).copied().flatten();
            }
            cells.push(run);
        }
        let mut blocks = Self {
            left: vec![Vec::new(); cells.len()],
            right: vec![Vec::new(); cells.len()],
            of,
            cells,
            order: vec![],
        };
        blocks.neighbours(lattice);
        blocks.sort();
        blocks
    }

    fn neighbours(&mut self, lattice: &Lattice) {
        for layer in &lattice.layers {
            for (a, b) in layer.iter().zip(layer.iter().skip(1)) {
                let cells = lattice.cells.get(*a).zip(lattice.cells.get(*b));
                let blocks = self.of.get(*a).copied().zip(self.of.get(*b).copied());
                let (Some((left, right)), Some((a, b))) = (cells, blocks) else { continue };
                let least = distance(left, right);
                if let (Some(right), Some(left)) = (self.right.get_mut(a), self.left.get_mut(b)) {
                    right.push((b, least));
                    left.push((a, least));
                }
            }
        }
    }

    /// Blocks don't cross, so "left of" has no cycle.
    fn sort(&mut self) {
        let mut before: Vec<usize> = self.left.iter().map(Vec::len).collect();
        self.order = (0..self.cells.len()).filter(|block| before.get(*block) == Some(&0)).collect();
        let mut done = 0;
        while let Some(block) = self.order.get(done).copied() {
            done += 1;
            for (right, _) in self.right.get(block).into_iter().flatten() {
                if let Some(before) = before.get_mut(*right) {
                    *before -= 1;
                    if *before == 0 {
                        self.order.push(*right);
                    }
                }
            }
        }
    }

    /// Each block at the middle of its cells, moved until all distances are kept: once by pushing to the right, once by
    /// pushing to the left. The mean of the two keeps all distances too.
    fn legal(&self, x: &[f64]) -> Vec<f64> {
        let wanted: Vec<f64> = self
            .cells
            .iter()
            .map(|cells| {
                let sum: f64 = cells.iter().filter_map(|cell| x.get(*cell)).sum();
                sum / cells.len().max(1) as f64
            })
            .collect();
        let mut pushed_right = wanted.clone();
        for block in &self.order {
            let least = limit(&self.left, *block, &pushed_right, f64::NEG_INFINITY, |x, d| x + d, f64::max);
            if let Some(at) = pushed_right.get_mut(*block) {
                *at = at.max(least);
            }
        }
        let mut pushed_left = wanted;
        for block in self.order.iter().rev() {
            let most = limit(&self.right, *block, &pushed_left, f64::INFINITY, |x, d| x - d, f64::min);
            if let Some(at) = pushed_left.get_mut(*block) {
                *at = at.min(most);
            }
        }
        pushed_right.iter().zip(pushed_left).map(|(a, b)| f64::midpoint(*a, b)).collect()
    }

    fn relax(&self, lattice: &Lattice, at: &mut [f64]) {
        for block in &self.order {
            let (mut sum, mut weight) = (0.0, 0.0);
            for cell in self.cells.get(*block).into_iter().flatten() {
                let near = lattice.up.get(*cell).into_iter().chain(lattice.down.get(*cell)).flatten();
                for pull in near {
                    let other = self.of.get(pull.cell).copied().unwrap_or(*block);
                    if other != *block {
                        sum += pull.weight * at.get(other).copied().unwrap_or(0.0);
                        weight += pull.weight;
                    }
                }
            }
            if weight == 0.0 {
                continue;
            }
            let least = limit(&self.left, *block, at, f64::NEG_INFINITY, |x, d| x + d, f64::max);
            let most = limit(&self.right, *block, at, f64::INFINITY, |x, d| x - d, f64::min);
            if let Some(at) = at.get_mut(*block) {
                // Rounding may leave the two an atom apart.
                *at = (sum / weight).min(most).max(least);
            }
        }
    }
}

/// How far a block may go to one side.
fn limit(
    beside: &[Vec<(usize, f64)>],
    block: usize,
    at: &[f64],
    free: f64,
    kept: impl Fn(f64, f64) -> f64,
    nearer: impl Fn(f64, f64) -> f64,
) -> f64 {
    let beside = beside.get(block).into_iter().flatten();
    beside.filter_map(|(other, least)| Some(kept(*at.get(*other)?, *least))).fold(free, nearer)
}

/// The cell below each cell that is to be in line with it. In a gap between two layers those that should be in line most
/// come first, and no two of them cross.
fn partners(lattice: &Lattice, x: &[f64]) -> Vec<Option<usize>> {
    let mut places = vec![0; lattice.cells.len()];
    for layer in &lattice.layers {
        for (place, cell) in layer.iter().enumerate() {
            if let Some(slot) = places.get_mut(*cell) {
                *slot = place;
            }
        }
    }
    let place = |cell: usize| places.get(cell).copied().unwrap_or(0);
    let at = |cell: usize| x.get(cell).copied().unwrap_or(0.0);
    let mut partners = vec![None; lattice.cells.len()];
    let mut has_upper = vec![false; lattice.cells.len()];
    for layer in &lattice.layers {
        let mut wishes: Vec<(f64, f64, usize, usize)> = layer
            .iter()
            .flat_map(|upper| {
                let down = lattice.down.get(*upper).into_iter().flatten();
                down.map(|pull| (pull.align, (at(*upper) - at(pull.cell)).abs(), *upper, pull.cell))
            })
            .filter(|(align, ..)| *align > 0.0)
            .collect();
        wishes.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.total_cmp(&b.1)));
        let mut taken: Vec<(usize, usize)> = Vec::new();
        for (_, _, upper, lower) in wishes {
            let is_free = partners.get(upper) == Some(&None) && has_upper.get(lower) == Some(&false);
            let (a, b) = (place(upper), place(lower));
            if is_free && taken.iter().all(|(c, d)| (a < *c) == (b < *d)) {
                taken.push((a, b));
                if let (Some(partner), Some(has)) = (partners.get_mut(upper), has_upper.get_mut(lower)) {
                    *partner = Some(lower);
                    *has = true;
                }
            }
        }
    }
    partners
}
