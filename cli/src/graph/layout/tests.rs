use super::*;
use proptest::prelude::*;

const SMALL: Item = Item { width: 100.0, height: 40.0 };

fn link(from: usize, to: usize, kind: LinkKind) -> Link {
    Link { from, to, kind, label: None }
}

/// Whether two boxes share a point, half a pixel of rounding aside.
fn overlap(a: (Spot, Item), b: (Spot, Item)) -> bool {
    let apart = |a: f64, a_size: f64, b: f64, b_size: f64| a + a_size <= b + 0.5 || b + b_size <= a + 0.5;
    !apart(a.0.x, a.1.width, b.0.x, b.1.width) && !apart(a.0.y, a.1.height, b.0.y, b.1.height)
}

#[track_caller]
fn check(items: &[Item], links: &[Link]) -> Plan {
    let plan = lay_out(items, links).unwrap();
    let mut boxes: Vec<(Spot, Item)> = plan.items.iter().copied().zip(items.iter().copied()).collect();
    for (route, link) in plan.routes.iter().zip(links) {
        assert_eq!(route.label.is_some(), link.label.is_some());
        boxes.extend(route.label.zip(link.label));
        // It leaves at the lower edge of its source and, unless another one has drawn that, arrives at its target's
        // upper edge.
        let (source, target) = (plan.items[link.from], plan.items[link.to]);
        assert!((route.start.y - source.y - items[link.from].height).abs() < 0.01, "{route:?}");
        assert!(route.start.x >= source.x && route.start.x <= source.x + items[link.from].width);
        if let Some(tip) = route.tip {
            assert!((tip.y - target.y).abs() < 0.01, "{route:?} {target:?}");
            assert!((tip.x - target.x - items[link.to].width / 2.0).abs() < 0.01, "{route:?}");
        }
    }
    for (index, (spot, item)) in boxes.iter().enumerate() {
        assert!(spot.x >= -0.01 && spot.y >= -0.01, "{spot:?}");
        assert!(spot.x + item.width <= plan.width + 0.01 && spot.y + item.height <= plan.height + 0.01);
        for other in &boxes[index + 1..] {
            assert!(!overlap((*spot, *item), *other), "{spot:?} {item:?} {other:?}");
        }
    }
    plan
}

/// The number of lines that arrive with an arrow.
fn tips(plan: &Plan) -> usize {
    plan.routes.iter().filter(|route| route.tip.is_some()).count()
}

#[test]
fn nothing_is_placed_nowhere() {
    let plan = check(&[], &[]);
    assert_eq!((plan.width, plan.height), (0.0, 0.0));
    check(&[SMALL], &[]);
}

#[test]
fn a_chain_is_a_straight_line() {
    let wide = Item { width: 300.0, height: 90.0 };
    let plan = check(&[SMALL, wide, SMALL], &[link(0, 1, LinkKind::Main), link(1, 2, LinkKind::Main)]);
    let middles: Vec<f64> =
        plan.items.iter().zip([SMALL, wide, SMALL]).map(|(spot, item)| spot.x + item.width / 2.0).collect();
    assert!(middles.iter().all(|x| (x - middles[0]).abs() < 0.01), "{middles:?}");
    assert!(
        plan.routes.iter().flat_map(|route| &route.strokes).all(|stroke| matches!(stroke, Stroke::Line(_)))
    );
    assert!(plan.items[0].y < plan.items[1].y && plan.items[1].y < plan.items[2].y);
}

#[test]
fn a_link_back_goes_round_and_enters_from_above() {
    let plan = check(&[SMALL, SMALL], &[link(0, 1, LinkKind::Main), link(1, 0, LinkKind::Main)]);
    assert_eq!(tips(&plan), 2);
    let itself = check(&[SMALL], &[Link { label: Some(SMALL), ..link(0, 0, LinkKind::Fan) }]);
    assert_eq!(tips(&itself), 1);
}

#[test]
fn lines_to_one_box_share_a_trunk() {
    // Each of 20 states goes on to the next and, aside, to a last one.
    let mut links: Vec<Link> = (0..19).map(|from| link(from, from + 1, LinkKind::Main)).collect();
    links.extend((0..19).map(|from| Link { label: Some(SMALL), ..link(from, 20, LinkKind::Side) }));
    let plan = check(&[SMALL; 21], &links);
    // The trunk, and the one that comes from just above.
    assert_eq!(tips(&plan), 19 + 2);
    assert!(plan.width < 600.0, "{}", plan.width);
}

#[test]
fn lines_that_need_not_cross_do_not() {
    // Two ways that part and meet, one of them with a way aside.
    let links = [
        link(0, 1, LinkKind::Fan),
        link(0, 2, LinkKind::Fan),
        link(1, 3, LinkKind::Main),
        link(2, 4, LinkKind::Main),
        link(3, 5, LinkKind::Main),
        link(4, 5, LinkKind::Main),
        link(3, 6, LinkKind::Side),
    ];
    let mut lattice = lattice::Lattice::new(&[SMALL; 7], &links).unwrap();
    order::reduce_crossings(&mut lattice, &links);
    let mut places = vec![0; lattice.cells.len()];
    for layer in &lattice.layers {
        layer.iter().enumerate().for_each(|(place, cell)| places[*cell] = place);
    }
    assert_eq!(order::crossings(&lattice, &places), 0);
    // The count itself: turn one layer around, and both ways cross.
    let layer = lattice.layers.iter().position(|layer| layer.contains(&1)).unwrap();
    lattice.layers[layer].reverse();
    lattice.layers[layer].iter().enumerate().for_each(|(place, cell)| places[*cell] = place);
    assert_eq!(order::crossings(&lattice, &places), 2);
}

#[test]
fn too_much_is_refused() {
    // Links that skip hundreds of layers, each to a box of its own.
    let count = 400;
    let mut links: Vec<Link> = (0..count - 1).map(|from| link(from, from + 1, LinkKind::Main)).collect();
    links.extend((0..count / 2).map(|from| link(from, from + count / 2, LinkKind::Side)));
    let items = vec![SMALL; count];
    assert_eq!(lay_out(&items, &links), Err(TooMany));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn boxes_and_labels_never_overlap(
        sizes in prop::collection::vec((20.0_f64..400.0, 12.0_f64..300.0), 1..14),
        ends in prop::collection::vec((0_usize..14, 0_usize..14, 0_u8..3, prop::option::of(20.0_f64..220.0)), 0..30),
    ) {
        let items: Vec<Item> = sizes.iter().map(|(width, height)| Item { width: *width, height: *height }).collect();
        let links: Vec<Link> = ends
            .iter()
            .map(|(from, to, kind, label)| Link {
                from: from % items.len(),
                to: to % items.len(),
                kind: [LinkKind::Main, LinkKind::Fan, LinkKind::Side][usize::from(*kind)],
                label: label.map(|width| Item { width, height: 20.0 }),
            })
            .collect();
        let plan = check(&items, &links);
        // The same again is the same.
        prop_assert_eq!(&plan, &lay_out(&items, &links).unwrap());
        // Whatever shares a trunk, some line arrives at each target.
        for link in &links {
            let arrives = plan.routes.iter().zip(&links).any(|(route, other)| other.to == link.to && route.tip.is_some());
            prop_assert!(arrives);
        }
    }
}
