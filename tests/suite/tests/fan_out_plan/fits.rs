//! What a fan-out costs grows with its branches, and no faster.

use super::{echo, items, map, named, run, steps};
use serde_json::{Value, json};
use std::time::Instant;
use stepladder_engine::Status;

/// As fast as it goes.
const AT_ONCE: usize = 100_000;

/// A line through the points by least squares: where it begins, its slope, and the largest distance from it, as a part of the
/// value there.
fn fit(points: &[(f64, f64)]) -> (f64, f64, f64) {
    let n = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |(a, b), (x, y)| (a + x / n, b + y / n));
    let (xy, xx) = points
        .iter()
        .fold((0.0, 0.0), |(xy, xx), (px, py)| (xy + (px - x) * (py - y), xx + (px - x) * (px - x)));
    let slope = xy / xx;
    let from = y - slope * x;
    let off = points.iter().map(|(x, y)| ((from + slope * x - y) / y).abs()).fold(0.0, f64::max);
    (from, slope, off)
}

/// Runs a Map for each of these sizes; prints the fits, and asserts that what is counted lies on a line.
fn grows_linearly(name: &str, sizes: &[usize], case: impl Fn(usize) -> (Value, Value, usize)) {
    let (mut writes, mut messages, mut seconds) = (Vec::new(), Vec::new(), Vec::new());
    for size in sizes {
        let (definition, input, children) = case(*size);
        let begun = Instant::now();
        let ran = run(&definition, input, &echo(), AT_ONCE);
        assert_eq!(ran.status, Status::Succeeded);
        let took = begun.elapsed().as_secs_f64();
        eprintln!("{name} {children}: {} writes, {} messages, {took:.2} s", ran.writes.len(), ran.messages);
        writes.push((children as f64, ran.writes.len() as f64));
        messages.push((children as f64, ran.messages as f64));
        seconds.push((children as f64, took));
    }
    for (what, points, is_counted) in
        [("writes", &writes, true), ("messages", &messages, true), ("seconds", &seconds, false)]
    {
        let (from, slope, off) = fit(points);
        eprintln!("{name}: {what} = {from:.1} + {slope:.6} n, at most {:.2} % off", off * 100.0);
        assert!(!is_counted || off < 0.01, "{name}: {what} are {:.2} % off a line", off * 100.0);
    }
}

#[test]
fn a_map_of_up_to_ten_thousand_items_grows_linearly() {
    let sizes = [1_000, 2_000, 4_000, 6_000, 8_000, 10_000];
    grows_linearly("Map", &sizes, |size| (map(steps(1), json!({})), items(size), size));
}

#[test]
fn a_nested_map_of_up_to_a_hundred_times_a_hundred_grows_linearly() {
    let sizes = [20, 40, 60, 80, 100];
    grows_linearly("nested Map", &sizes, |size| {
        let inner = named("Inner", steps(1), json!({}));
        // The inner Maps are as wide in each: what one of them costs by itself belongs to its branches.
        let rows: Vec<Value> = (0..size).map(|_| items(100)).collect();
        (map(inner, json!({})), json!({ "items": rows }), size * 100)
    });
}
