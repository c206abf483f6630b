//! The write plan: how often each partition of the table is written in a second.

use super::{Ran, broken, echo, items, map, run, steps};
use serde_json::json;
use std::collections::BTreeMap;
use stepladder_aws::{partition_pk, run_pk};
use stepladder_engine::Status;
use stepladder_protocol::limits::{NODE_PARTS, PART_BRANCHES, PARTS_TOLD_EACH_MAX};
use stepladder_simulation::{Place, Write};

/// A partition of a table takes so many writes a second
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html>).
const WRITES_PER_SECOND_MAX: usize = 1_000;

/// Ten thousand children are at work, and each of them ends a step once in a second.
const MESSAGES_PER_SECOND: usize = 10_000;

/// The most writes of one partition in any second, and which one it is.
fn most_in_a_second(writes: &[Write]) -> (usize, String) {
    let mut times: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for Write { at_ms, place, .. } in writes {
        let pk = match place {
            Place::Run(id) => run_pk(id),
            Place::In(partition) => partition_pk(partition),
        };
        times.entry(pk).or_default().push(*at_ms);
    }
    let most = |times: &[i64]| {
        let within = |first: usize| times[first..].partition_point(|at_ms| *at_ms < times[first] + 1_000);
        (0..times.len()).map(within).max().unwrap_or(0)
    };
    let all = times.into_iter().map(|(pk, mut times)| {
        times.sort_unstable();
        (most(&times), pk)
    });
    all.max().unwrap()
}

fn keeps_to_the_plan(name: &str, ran: &Ran) {
    let (most, pk) = most_in_a_second(&ran.writes);
    eprintln!("{name}: {} writes, at most {most} a second in {pk}", ran.writes.len());
    assert!(most <= WRITES_PER_SECOND_MAX, "{name}: {most} writes a second in {pk}");
    assert!(
        ran.sent_most <= NODE_PARTS.max(PART_BRANCHES) as usize,
        "{name}: {} sent at once",
        ran.sent_most
    );
}

#[test]
fn ten_thousand_children_at_once_keep_each_partition_below_its_limit() {
    let ran = run(&map(steps(1), json!({})), items(10_000), &echo(), MESSAGES_PER_SECOND);
    assert_eq!(ran.status, Status::Succeeded);
    keeps_to_the_plan("10,000 children of a step", &ran);
}

#[test]
fn children_of_several_steps_keep_each_partition_below_its_limit() {
    let ran = run(&map(steps(4), json!({})), items(2_500), &echo(), MESSAGES_PER_SECOND);
    assert_eq!(ran.status, Status::Succeeded);
    keeps_to_the_plan("2,500 children of four steps", &ran);
}

#[test]
fn children_that_all_fail_keep_each_partition_below_its_limit() {
    // With nothing tolerated all that are under way tell of it; with everything tolerated all of them fail.
    let catch = json!([{ "ErrorEquals": ["States.ALL"], "Next": "Caught" }]);
    for tolerated in [0, 100] {
        let mut definition = map(steps(1), json!({ "ToleratedFailurePercentage": tolerated }));
        definition["States"]["Each"]["Catch"] = catch.clone();
        definition["States"]["Caught"] = json!({ "Type": "Pass", "Result": "caught", "End": true });
        let ran = run(&definition, items(10_000), &broken(), MESSAGES_PER_SECOND);
        let expected = if tolerated == 0 { json!("caught") } else { json!([]) };
        assert_eq!(ran.output, Some(expected));
        keeps_to_the_plan(&format!("10,000 children that fail, {tolerated} % tolerated"), &ran);
    }
}

#[test]
fn a_fan_out_one_at_a_time_begins_the_next_without_a_hot_partition() {
    let ran =
        run(&map(steps(1), json!({ "MaxConcurrency": 500 })), items(5_000), &echo(), MESSAGES_PER_SECOND);
    assert_eq!(ran.status, Status::Succeeded);
    keeps_to_the_plan("5,000 children, 500 at once", &ran);
}

/// What doesn't depend on the width: an item takes the reports of so many below it, and lies with a part.
#[test]
fn no_width_makes_a_partition_hotter() {
    // Of a part: each doubling of its failures, and that it is complete. A node below another has more to tell.
    let reports_of = |branches: u32| (branches.ilog2() + 1 + 1) as usize;
    let part = PART_BRANCHES as usize;
    // A record and a place in the list.
    let of_branches = 2 * part;
    let levels = [part, part * NODE_PARTS as usize, part * NODE_PARTS.pow(2) as usize];
    // Parts report in the second in which all branches below a node end. So many as a node of the next level has don't end in one.
    let in_a_second =
        levels.map(|branches| MESSAGES_PER_SECOND.min(branches * NODE_PARTS as usize) / branches);
    let reports: usize = levels
        .iter()
        .zip(in_a_second)
        .map(|(branches, nodes)| nodes.max(1) * reports_of(u32::try_from(*branches).unwrap()))
        .sum();
    let narrow = (PARTS_TOLD_EACH_MAX * (PART_BRANCHES + 1)) as usize;
    eprintln!(
        "a second of the hottest partition: {of_branches} of branches, {reports} reports; narrow: {narrow}"
    );
    assert!(of_branches + reports <= WRITES_PER_SECOND_MAX);
    assert!(of_branches + narrow <= WRITES_PER_SECOND_MAX);
}
