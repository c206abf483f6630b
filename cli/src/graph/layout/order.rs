//! The order of the cells in each layer.

use super::{
    Link,
    lattice::{Attempt, Lattice, Pull},
};

/// Sweeps up and down the layers, for graphs of a size that a person reads and for larger ones.
const SWEEPS: usize = 16;
const SWEEPS_LARGE: usize = 4;
const LARGE_CELLS: usize = 4_000;

/// Orders each layer by the middle of its neighbours, downwards and upwards in turn, and keeps the best order of all
/// attempts.
pub(super) fn reduce_crossings(lattice: &mut Lattice, links: &[Link]) {
    let is_large = lattice.cells.len() > LARGE_CELLS;
    let attempts = Attempt::ALL.iter().take(if is_large { 1 } else { Attempt::ALL.len() });
    let mut best = Vec::new();
    let mut fewest = usize::MAX;
    for attempt in attempts {
        lattice.order_by(*attempt, links);
        let mut places = places(lattice);
        for sweep in 0..=if is_large { SWEEPS_LARGE } else { SWEEPS } {
            let now = crossings(lattice, &places);
            if now < fewest {
                fewest = now;
                best.clone_from(&lattice.layers);
            }
            if fewest == 0 {
                break;
            }
            self::sweep(lattice, &mut places, sweep);
            if !is_large {
                swap_neighbours(lattice, &mut places);
            }
        }
    }
    lattice.layers = best;
}

/// One way through the layers: down in even sweeps, up in odd ones; every other pair of sweeps takes equals from the
/// right.
fn sweep(lattice: &mut Lattice, places: &mut [usize], sweep: usize) {
    let is_downwards = sweep.is_multiple_of(2);
    let ties = if sweep % 4 < 2 { Ties::Keep } else { Ties::Reverse };
    let count = lattice.layers.len();
    for step in 0..count {
        let index = if is_downwards { step } else { count - 1 - step };
        let pulls = if is_downwards { &lattice.up } else { &lattice.down };
        let Some(layer) = lattice.layers.get_mut(index) else { continue };
        sort(layer, pulls, places, ties);
        for (place, cell) in layer.iter().enumerate() {
            if let Some(slot) = places.get_mut(*cell) {
                *slot = place;
            }
        }
    }
}

/// What becomes of the order of cells with the same middle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ties {
    Keep,
    Reverse,
}

fn places(lattice: &Lattice) -> Vec<usize> {
    let mut places = vec![0; lattice.cells.len()];
    for layer in &lattice.layers {
        for (place, cell) in layer.iter().enumerate() {
            if let Some(slot) = places.get_mut(*cell) {
                *slot = place;
            }
        }
    }
    places
}

/// By the weighted middle of the neighbours; a cell without any stays where it is.
fn sort(layer: &mut [usize], pulls: &[Vec<Pull>], places: &[usize], ties: Ties) {
    let place = |cell: usize| places.get(cell).copied().unwrap_or(0) as f64;
    let mut keyed: Vec<(f64, usize)> = layer
        .iter()
        .map(|cell| {
            let pulls = pulls.get(*cell).map(Vec::as_slice).unwrap_or_default();
            let weight: f64 = pulls.iter().map(|pull| pull.weight).sum();
            let sum: f64 = pulls.iter().map(|pull| pull.weight * place(pull.cell)).sum();
            (if weight > 0.0 { sum / weight } else { place(*cell) }, *cell)
        })
        .collect();
    if ties == Ties::Reverse {
        keyed.reverse();
    }
    keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (slot, (_, cell)) in layer.iter_mut().zip(keyed) {
        *slot = cell;
    }
}

/// Swaps two cells side by side wherever that leaves fewer crossings.
fn swap_neighbours(lattice: &mut Lattice, places: &mut [usize]) {
    for index in 0..lattice.layers.len() {
        let Some(layer) = lattice.layers.get_mut(index) else { continue };
        for at in 1..layer.len() {
            let (Some(left), Some(right)) = (layer.get(at - 1).copied(), layer.get(at).copied()) else {
                continue;
            };
            let both = |pulls: &[Vec<Pull>]| -> isize {
                let of = |cell: usize| pulls.get(cell).map(Vec::as_slice).unwrap_or_default();
                gain(of(left), of(right), places)
            };
            if both(&lattice.up) + both(&lattice.down) > 0 {
                layer.swap(at - 1, at);
                for (cell, place) in [(right, at - 1), (left, at)] {
                    if let Some(slot) = places.get_mut(cell) {
                        *slot = place;
                    }
                }
            }
        }
    }
}

/// How many crossings a swap of two cells would save.
fn gain(left: &[Pull], right: &[Pull], places: &[usize]) -> isize {
    let place = |pull: &Pull| places.get(pull.cell).copied().unwrap_or(0);
    let mut gain = 0;
    for a in left {
        for b in right {
            gain += match place(a).cmp(&place(b)) {
                std::cmp::Ordering::Greater => 1,
                std::cmp::Ordering::Less => -1,
                std::cmp::Ordering::Equal => 0,
            };
        }
    }
    gain
}

/// The crossings of all lines between adjacent layers, counted in O(e log n) with a tree of partial sums.
pub(super) fn crossings(lattice: &Lattice, places: &[usize]) -> usize {
    let mut total = 0;
    for (index, layer) in lattice.layers.iter().enumerate() {
        let below = lattice.layers.get(index + 1).map_or(0, Vec::len);
        let mut sums = vec![0_usize; below + 1];
        let mut passed = 0;
        for cell in layer {
            let mut ends: Vec<usize> = lattice.down.get(*cell).map_or_else(Vec::new, |down| {
                down.iter().map(|pull| places.get(pull.cell).copied().unwrap_or(0)).collect()
            });
            ends.sort_unstable();
            for end in &ends {
                // Those that were passed and end further to the right.
                let mut at = end + 1;
                let mut left = 0;
                while at > 0 {
                    left += sums.get(at).copied().unwrap_or(0);
                    at &= at - 1;
                }
                total += passed - left;
            }
            for end in ends {
                passed += 1;
                let mut at = end + 1;
                while let Some(sum) = sums.get_mut(at) {
                    *sum += 1;
                    at += at & at.wrapping_neg();
                }
            }
        }
    }
    total
}
