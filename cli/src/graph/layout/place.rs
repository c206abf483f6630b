//! The coordinates of all cells.

use super::{
    blocks,
    lattice::{Cell, CellKind, Lattice, Pull},
};

/// Between two cells side by side, in pixels.
const ITEM_GAP: f64 = 36.0;
const BEND_GAP: f64 = 16.0;
const LABEL_GAP: f64 = 12.0;

/// Between two layers; more where lines go far to the side.
const LAYER_GAP: f64 = 18.0;
const SLOPE: f64 = 0.07;
const SLOPE_MAX: f64 = 46.0;

/// Sweeps up and down in which cells move to their neighbours.
const SWEEPS: usize = 24;

/// Middles of cells, and the bands of the layers.
#[derive(Debug)]
pub(super) struct Places {
    pub x: Vec<f64>,
    pub bands: Vec<Band>,
    pub width: f64,
    pub height: f64,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Band {
    pub top: f64,
    pub bottom: f64,
}

impl Band {
    pub(super) fn middle(self) -> f64 {
        f64::midpoint(self.top, self.bottom)
    }
}

pub(super) fn places(lattice: &Lattice) -> Places {
    let mut x = vec![0.0; lattice.cells.len()];
    for layer in &lattice.layers {
        settle(lattice, layer, &mut x, &[]);
    }
    for sweep in 0..SWEEPS {
        for layer in &lattice.layers {
            settle(lattice, layer, &mut x, &[&lattice.up]);
        }
        for layer in lattice.layers.iter().rev() {
            settle(lattice, layer, &mut x, &[&lattice.down]);
        }
        if sweep * 2 >= SWEEPS {
            for layer in &lattice.layers {
                settle(lattice, layer, &mut x, &[&lattice.up, &lattice.down]);
            }
        }
    }
    blocks::straighten(lattice, &mut x);
    let half = |cell: usize| lattice.cells.get(cell).map_or(0.0, |cell| cell.width / 2.0);
    let left = x.iter().enumerate().map(|(cell, x)| x - half(cell)).fold(f64::INFINITY, f64::min);
    let left = if left.is_finite() { left } else { 0.0 };
    x.iter_mut().for_each(|x| *x -= left);
    let width = x.iter().enumerate().map(|(cell, x)| x + half(cell)).fold(0.0, f64::max);
    let (bands, height) = bands(lattice, &x);
    Places { x, bands, width, height }
}

/// Moves the cells of a layer as near to the middles of their neighbours as their order and their widths allow. The sum of
/// the weighted squares of the distances is the least there is: with the least distances taken off, it is an isotonic
/// regression, which pooling adjacent violators solves exactly.
fn settle(lattice: &Lattice, layer: &[usize], x: &mut [f64], sides: &[&Vec<Vec<Pull>>]) {
    struct Pool {
        sum: f64,
        weight: f64,
        cells: usize,
    }
    let mut pools: Vec<Pool> = Vec::with_capacity(layer.len());
    let mut offsets = Vec::with_capacity(layer.len());
    let mut offset = 0.0;
    let mut before: Option<&Cell> = None;
    for cell in layer {
        let Some(this) = lattice.cells.get(*cell) else { continue };
        offset += before.map_or(0.0, |before| distance(before, this));
        offsets.push(offset);
        before = Some(this);
        let (mut wanted, mut weight) = (0.0, 0.0);
        for pull in sides.iter().flat_map(|side| side.get(*cell)).flatten() {
            wanted += pull.weight * x.get(pull.cell).copied().unwrap_or(0.0);
            weight += pull.weight;
        }
        // What nothing pulls stays where it is, if nobody pushes it.
        let (wanted, weight) = if weight > 0.0 {
            (wanted / weight, weight)
        } else {
            (x.get(*cell).copied().unwrap_or(0.0), 0.01)
        };
        pools.push(Pool { sum: (wanted - offset) * weight, weight, cells: 1 });
        while let [.., first, second] = pools.as_slice()
            && first.sum / first.weight > second.sum / second.weight
        {
            let Some(second) = pools.pop() else { break };
            if let Some(first) = pools.last_mut() {
                first.sum += second.sum;
                first.weight += second.weight;
                first.cells += second.cells;
            }
        }
    }
    let settled = pools.iter().flat_map(|pool| std::iter::repeat_n(pool.sum / pool.weight, pool.cells));
    for ((cell, offset), base) in layer.iter().zip(offsets).zip(settled) {
        if let Some(x) = x.get_mut(*cell) {
            *x = base + offset;
        }
    }
}

/// The least distance between the middles of two cells side by side.
pub(super) fn distance(left: &Cell, right: &Cell) -> f64 {
    (left.width + right.width) / 2.0 + gap(left.kind, right.kind)
}

fn gap(left: CellKind, right: CellKind) -> f64 {
    match (left, right) {
        (CellKind::Item, CellKind::Item) => ITEM_GAP,
        (CellKind::Label, _) | (_, CellKind::Label) => LABEL_GAP,
        _ => BEND_GAP,
    }
}

fn bands(lattice: &Lattice, x: &[f64]) -> (Vec<Band>, f64) {
    let mut bands = Vec::with_capacity(lattice.layers.len());
    let mut y = 0.0;
    let at = |cell: usize| x.get(cell).copied().unwrap_or(0.0);
    for (index, layer) in lattice.layers.iter().enumerate() {
        let height = layer.iter().filter_map(|cell| lattice.cells.get(*cell));
        let height = height.map(|cell| cell.height).fold(0.0, f64::max);
        bands.push(Band { top: y, bottom: y + height });
        y += height;
        if layer.is_empty() || lattice.layers.get(index + 1).is_none_or(Vec::is_empty) {
            continue;
        }
        let steps = layer.iter().flat_map(|cell| {
            let down = lattice.down.get(*cell).into_iter().flatten();
            down.map(|pull| (at(pull.cell) - at(*cell)).abs())
        });
        y += LAYER_GAP + (steps.fold(0.0, f64::max) * SLOPE).min(SLOPE_MAX);
    }
    (bands, y)
}
