//! The lines between placed cells.

use super::{
    Item, Link, LinkKind, Plan, Route, Spot, Stroke,
    lattice::{CellKind, Lattice, Way},
    place::{Band, Places},
};
use std::collections::{HashMap, HashSet};

/// Between the points at which lines leave a box, at most.
const PORT_GAP: f64 = 18.0;
/// The part of a box's lower edge that lines may leave from.
const PORT_SHARE: f64 = 0.7;
/// How far from the middle of a label a line goes in and comes out.
const LABEL_TURN: f64 = 10.0;
/// A step to the side that is not worth a curve.
const STRAIGHT: f64 = 1.0;

pub(super) fn plan(lattice: &Lattice, places: &Places, items: &[Item], links: &[Link]) -> Plan {
    let ports = ports(lattice, places, items, links);
    let spots = items
        .iter()
        .enumerate()
        .map(|(index, item)| {
            let middle = Spot { x: x(places, index), y: band(lattice, places, index).middle() };
            Spot { x: middle.x - item.width / 2.0, y: middle.y - item.height / 2.0 }
        })
        .collect();
    let mut drawn = HashSet::new();
    let routes = links
        .iter()
        .zip(&lattice.ways)
        .enumerate()
        .map(|(index, (link, way))| {
            let port = ports.get(index).copied().unwrap_or(0.0);
            route(lattice, places, items, link, way, port, &mut drawn)
        })
        .collect();
    Plan { width: places.width, height: places.height, items: spots, routes }
}

fn x(places: &Places, cell: usize) -> f64 {
    places.x.get(cell).copied().unwrap_or(0.0)
}

fn band(lattice: &Lattice, places: &Places, cell: usize) -> Band {
    let layer = lattice.cells.get(cell).map_or(0, |cell| cell.layer);
    places.bands.get(layer).copied().unwrap_or_default()
}

/// Where each link leaves its box, in pixels from the middle. A main line leaves from the middle, those aside beside it;
/// equal lines share the edge.
fn ports(lattice: &Lattice, places: &Places, items: &[Item], links: &[Link]) -> Vec<f64> {
    let mut out: HashMap<usize, Vec<(f64, usize)>> = HashMap::new();
    for (index, (link, way)) in links.iter().zip(&lattice.ways).enumerate() {
        let towards = way.cells.get(1).map_or(0.0, |cell| x(places, *cell));
        out.entry(link.from).or_default().push((towards - x(places, link.from), index));
    }
    let mut ports = vec![0.0; links.len()];
    for (item, mut leaving) in out {
        leaving.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let is_main = |index: usize| links.get(index).is_some_and(|link| link.kind == LinkKind::Main);
        // The main line if there is one, else the middle of all.
        let middle = match leaving.iter().position(|(_, index)| is_main(*index)) {
            Some(place) => place as f64,
            None if leaving.len() == 1 => 0.0,
            None => (leaving.len() - 1) as f64 / 2.0,
        };
        let half_edge = items.get(item).map_or(0.0, |item| item.width * PORT_SHARE / 2.0);
        let most = middle.max((leaving.len() - 1) as f64 - middle).max(1.0);
        let gap = PORT_GAP.min(half_edge / most);
        for (place, (_, index)) in leaving.iter().enumerate() {
            if let Some(port) = ports.get_mut(*index) {
                *port = (place as f64 - middle) * gap;
            }
        }
    }
    ports
}

fn route(
    lattice: &Lattice,
    places: &Places,
    items: &[Item],
    link: &Link,
    way: &Way,
    port: f64,
    drawn: &mut HashSet<usize>,
) -> Route {
    let height = |item: usize| items.get(item).map_or(0.0, |item| item.height);
    let source = band(lattice, places, link.from);
    let mut pen = Pen {
        at: Spot { x: x(places, link.from) + port, y: source.middle() + height(link.from) / 2.0 },
        strokes: Vec::new(),
    };
    let start = pen.at;
    pen.line_to(source.bottom);
    let mut tip = None;
    let mut is_level = false;
    for (step, cell) in way.cells.iter().enumerate().skip(1) {
        let to = x(places, *cell);
        let here = band(lattice, places, *cell);
        let is_last = step + 1 == way.cells.len();
        // From here on another link has drawn it, with the arrow.
        let is_drawn = !is_last && !drawn.insert(*cell);
        if is_last {
            let top = here.middle() - height(link.to) / 2.0;
            if way.leads_back {
                pen.turn_out(to, here.top);
            } else {
                pen.bend_to(to, here.top);
            }
            pen.line_to(top);
            tip = Some(Spot { x: to, y: top });
        } else if !way.leads_back {
            pen.bend_to(to, here.top);
            if is_drawn {
                break;
            }
            pen.line_to(here.bottom);
        } else if step == 1 {
            // Below the source it turns, between the layers or behind its own label.
            let next = way.cells.get(2).map_or(to, |cell| x(places, *cell));
            match lattice.cells.get(*cell).filter(|cell| cell.kind == CellKind::Label) {
                Some(_) => pen.turn_behind(to, here, next),
                None => pen.turn_in(to, here.top),
            }
            is_level = lattice.cells.get(*cell).is_some_and(|cell| cell.kind == CellKind::Bend);
        } else if step + 2 == way.cells.len() {
            pen.turn_in(to, here.bottom);
        } else {
            if is_level && step == 2 {
                pen.turn_out(to, here.bottom)
            } else {
                pen.bend_to(to, here.bottom)
            }
            if is_drawn {
                break;
            }
            pen.line_to(here.top);
        }
    }
    finished(lattice, places, way, start, pen, tip)
}

fn finished(
    lattice: &Lattice,
    places: &Places,
    way: &Way,
    start: Spot,
    pen: Pen,
    tip: Option<Spot>,
) -> Route {
    let own = way.cells.get(1).and_then(|cell| Some((*cell, lattice.cells.get(*cell)?)));
    let label = own.filter(|(_, cell)| cell.kind == CellKind::Label).map(|(index, cell)| Spot {
        x: x(places, index) - cell.width / 2.0,
        y: band(lattice, places, index).middle() - cell.height / 2.0,
    });
    Route { start, strokes: pen.strokes, tip, label }
}

struct Pen {
    at: Spot,
    strokes: Vec<Stroke>,
}

impl Pen {
    /// Straight up or down.
    fn line_to(&mut self, y: f64) {
        if (y - self.at.y).abs() > f64::EPSILON {
            self.at.y = y;
            self.strokes.push(Stroke::Line(self.at));
        }
    }

    /// To the side, upright at both ends.
    fn bend_to(&mut self, x: f64, y: f64) {
        let to = Spot { x, y };
        if (x - self.at.x).abs() < STRAIGHT {
            self.strokes.push(Stroke::Line(to));
        } else {
            let middle = f64::midpoint(self.at.y, y);
            self.strokes.push(Stroke::Curve(Spot { x: self.at.x, y: middle }, Spot { x, y: middle }, to));
        }
        self.at = to;
    }

    /// Down into a label, and up again on the side that leads on.
    fn turn_behind(&mut self, x: f64, band: Band, next: f64) {
        let side = if next < x { -LABEL_TURN } else { LABEL_TURN };
        self.bend_to(x - side, band.top);
        self.line_to(band.middle());
        self.at.x = x + side;
        self.strokes.push(Stroke::Line(self.at));
        self.line_to(band.top);
    }

    /// From upright to level.
    fn turn_in(&mut self, x: f64, y: f64) {
        let to = Spot { x, y };
        let lean = (x - self.at.x) * 0.4;
        self.strokes.push(Stroke::Curve(Spot { x: self.at.x, y }, Spot { x: x - lean, y }, to));
        self.at = to;
    }

    /// From level to upright.
    fn turn_out(&mut self, x: f64, y: f64) {
        let to = Spot { x, y };
        let lean = (x - self.at.x) * 0.4;
        self.strokes.push(Stroke::Curve(
            Spot { x: self.at.x + lean, y: self.at.y },
            Spot { x, y: self.at.y },
            to,
        ));
        self.at = to;
    }
}
