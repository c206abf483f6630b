//! A wide Map whose parts are counted in a tree of several levels: its failures are exactly as many as are tolerated, one less
//! or one more.

use super::{Report, Wanted, World};
use crate::scenario::{Faults, Scenario, TREES};
use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};
use serde_json::{Value, json};
use std::{collections::BTreeSet, sync::Arc};
use stepladder_asl::Definition;
use stepladder_engine::Status;
use stepladder_protocol::{PlantedBug, RunId};

const BRANCHES: usize = 45;

/// What a seed stands for: each of all combinations comes once in so many.
#[derive(Debug, Clone, Copy)]
struct Case {
    /// Of a Map's branches at once; none is no limit.
    concurrency: Option<u32>,
    failing: usize,
    tolerated: usize,
    is_distributed: bool,
    part_branches: u32,
    node_parts: u32,
}

impl Case {
    fn of(seed: u64) -> Self {
        let pick = |of: &[u32], at: u64| of[(at % of.len() as u64) as usize];
        let failing = [1, 4, 9, 20][(seed / 12 % 4) as usize];
        Self {
            concurrency: [Some(1), Some(7), Some(40), None][(seed % 4) as usize],
            failing,
            tolerated: failing - 1 + (seed / 4 % 3) as usize,
            is_distributed: seed / 48 % 2 == 1,
            part_branches: pick(&[2, 3, 5], seed / 7),
            node_parts: pick(&[2, 3], seed / 5),
        }
    }

    fn definition(self) -> Definition {
        let work = json!({
            "Type": "Task",
            "Resource": crate::workflows::function(0),
            "ResultPath": null,
            "Next": "Fails",
        });
        let fails = json!({
            "Type": "Choice",
            "Choices": [{ "Variable": "$.fails", "BooleanEquals": true, "Next": "Failed" }],
            "Default": "Done",
        });
        let mut processor = json!({
            "StartAt": "Work",
            "States": {
                "Work": work,
                "Fails": fails,
                "Failed": { "Type": "Fail", "Error": "Wanted" },
                "Done": { "Type": "Succeed" },
            },
        });
        if self.is_distributed {
            processor["ProcessorConfig"] = json!({ "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" });
        }
        let mut map = json!({
            "Type": "Map",
            "ItemsPath": "$.items",
            "ItemProcessor": processor,
            "ToleratedFailureCount": self.tolerated,
            "End": true,
        });
        if let Some(concurrency) = self.concurrency {
            map["MaxConcurrency"] = json!(concurrency);
        }
        let definition = json!({ "StartAt": "Each", "States": { "Each": map } });
        Definition::parse(&definition.to_string()).unwrap_or_else(|faults| panic!("{faults}"))
    }
}

/// Runs one seed of it to its end. What is said of no invariant stands in the answer: whether the run had exactly the failures
/// that it was to have.
pub fn tree(seed: u64, planted: Option<PlantedBug>) -> (Report, bool) {
    tree_under(seed, &TREES, planted)
}

/// The same without any fault.
pub fn tree_in_peace(seed: u64) -> Report {
    let (report, is_exact) = tree_under(seed, &Scenario { faults: Faults::NONE, ..TREES }, None);
    assert!(is_exact, "seed {seed}: nothing else can fail");
    report
}

fn tree_under(seed: u64, scenario: &Scenario, planted: Option<PlantedBug>) -> (Report, bool) {
    let case = Case::of(seed);
    let mut world = World::with(seed, scenario, planted, |settings| {
        (settings.part_branches, settings.node_parts) = (case.part_branches, case.node_parts);
    });
    let mut order: Vec<usize> = (0..BRANCHES).collect();
    order.shuffle(&mut StdRng::seed_from_u64(seed));
    let failing: BTreeSet<usize> = order.into_iter().take(case.failing).collect();
    let item = |index: usize| json!({ "index": index, "fails": failing.contains(&index) });
    let input = json!({ "index": 0, "items": (0..BRANCHES).map(item).collect::<Vec<_>>() });
    let definition = Arc::new(case.definition());
    let wanted = [Wanted { id: RunId::new("w0", "run-0"), definition, input }];
    world.publish(&wanted);
    world.start(&wanted);
    world.run(&wanted);
    world.judge(&wanted);
    let is_exact = world.judge_tree(&wanted[0].id, case, item);
    (world.report(), is_exact)
}

impl World {
    /// A run that has succeeded has the outputs of all that haven't failed, and no more failures than are tolerated; one that has
    /// failed has more. A frozen process may have made a branch fail that wasn't to: that counts too.
    fn judge_tree(&mut self, id: &RunId, case: Case, item: impl Fn(usize) -> Value) -> bool {
        self.host.state().faults = None;
        let view = futures::executor::block_on(self.environments[0].view(id)).ok().flatten();
        let Some(view) = view else { return false };
        let ending = futures::executor::block_on(self.environments[0].ending(&view.item)).unwrap();
        let mut failed = BTreeSet::new();
        let mut ended = 0;
        for (branch, records) in &view.branch_records {
            let Some(last) = records.iter().find_map(|record| record.end.as_ref()) else { continue };
            ended += 1;
            let end: Value = self.host.state().read(&view.item.key(), last);
            if end.get("output").is_none() {
                failed.insert(branch.0[0].index as usize);
            }
        }
        let is_exact = failed.iter().all(|index| item(*index)["fails"] == true);
        let outputs: Vec<Value> = (0..BRANCHES).filter(|index| !failed.contains(index)).map(&item).collect();
        let what = match view.item.status {
            Status::Succeeded if failed.len() > case.tolerated => Some("it succeeded with too many failures"),
            Status::Succeeded if ended < BRANCHES => Some("it succeeded before all branches had ended"),
            Status::Succeeded if is_exact && failed.len() != case.failing => Some("a failure was lost"),
            Status::Succeeded if ending.and_then(|ending| ending.output) != Some(outputs.into()) => {
                Some("the outputs are not those of the branches that succeeded")
            }
            Status::Succeeded => None,
            Status::Failed if failed.len() <= case.tolerated => {
                Some("it failed with tolerated failures only")
            }
            Status::Failed => None,
            _ => Some("it neither succeeded nor failed"),
        };
        if let Some(what) = what {
            self.host.state().watch.breaks(what);
        }
        is_exact
    }
}
