//! Places boxes and lines on a plane, in layers from top to bottom.
//!
//! The steps are those of Sugiyama, Tagawa and Toda ("Methods for visual understanding of hierarchical system
//! structures", 1981): find the links that lead back, give each box a layer, let long links bend in each layer that they
//! cross, order each layer so that few links cross, and choose the coordinates. Links to one box share a trunk, so that
//! fifty states with one error handler don't make fifty lines. The layout crates that were tried take seconds for 50 such
//! states, or leave the lines to their caller.

mod blocks;
mod lattice;
mod order;
mod place;
mod route;

pub(super) use lattice::TooMany;

/// A box to place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Item {
    pub width: f64,
    pub height: f64,
}

/// A line from one box to another, or to the same.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Link {
    /// Indexes of items.
    pub from: usize,
    pub to: usize,
    pub kind: LinkKind,
    pub label: Option<Item>,
}

/// How much a line wants to be straight and central.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum LinkKind {
    /// The way that goes on.
    Main,
    /// One of several equal ways.
    Fan,
    /// A way aside.
    Side,
}

/// Where everything is. The plane begins at 0, 0.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    pub width: f64,
    pub height: f64,
    /// The upper left corner of each item.
    pub items: Vec<Spot>,
    /// One for each link.
    pub routes: Vec<Route>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spot {
    pub x: f64,
    pub y: f64,
}

/// The line of a link. Where links share a trunk, the first one draws it, and the others end where they join it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Route {
    pub start: Spot,
    pub strokes: Vec<Stroke>,
    /// Where its arrow's tip is; the arrow points downwards.
    pub tip: Option<Spot>,
    /// The upper left corner of its label.
    pub label: Option<Spot>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Stroke {
    Line(Spot),
    /// Two control points, and the end.
    Curve(Spot, Spot, Spot),
}

/// Places items; the first one is on top unless links say otherwise.
pub(super) fn lay_out(items: &[Item], links: &[Link]) -> Result<Plan, TooMany> {
    let mut lattice = lattice::Lattice::new(items, links)?;
    order::reduce_crossings(&mut lattice, links);
    let places = place::places(&lattice);
    Ok(route::plan(&lattice, &places, items, links))
}

#[cfg(test)]
mod tests;
