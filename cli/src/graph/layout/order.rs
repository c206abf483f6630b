//! The order of the cells in each layer.

use super::lattice::{Lattice, Pull};

/// Sweeps up and down the layers, for graphs of a size that a person reads and for larger ones.
const SWEEPS: usize = 16;
const SWEEPS_LARGE: usize = 4;
const LARGE_CELLS: usize = 4_000;

/// Orders each layer by the middle of its neighbours, downwards and upwards in turn, and keeps the best order.
pub(super) fn reduce_crossings(lattice: &mut Lattice) {
    let sweeps = if lattice.cells.len() > LARGE_CELLS { SWEEPS_LARGE } else { SWEEPS };
    let mut places = places(lattice);
    let mut best = lattice.layers.clone();
    let mut fewest = crossings(lattice, &places);
    for sweep in 0..sweeps {
        if fewest == 0 {
            break;
        }
        let is_downwards = sweep % 2 == 0;
        let count = lattice.layers.len();
        for step in 0..count {
            let index = if is_downwards { step } else { count - 1 - step };
            let pulls = if is_downwards { &lattice.up } else { &lattice.down };
            let Some(layer) = lattice.layers.get_mut(index) else { continue };
            sort(layer, pulls, &places);
            for (place, cell) in layer.iter().enumerate() {
                if let Some(slot) = places.get_mut(*cell) {
                    *slot = place;
                }
            }
        }
        if lattice.cells.len() <= LARGE_CELLS {
            swap_neighbours(lattice, &mut places);
        }
        let now = crossings(lattice, &places);
        if now < fewest {
            fewest = now;
            best.clone_from(&lattice.layers);
        }
    }
    lattice.layers = best;
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
fn sort(layer: &mut [usize], pulls: &[Vec<Pull>], places: &[usize]) {
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
