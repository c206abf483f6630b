//! Map Runs that are updated: what is watched of them, and what must be true of them at the end.

use crate::MemoryHost;
use rand::{Rng, rngs::StdRng};
use std::collections::{BTreeMap, BTreeSet};
use stepladder_engine::{Branch, Outcome, Wish};
use stepladder_protocol::{
    ChildrenAsked, MapRunFound, MapRunStatus, Protocol, RecordKey, RunItem, StepRequest,
};

/// What users ask of Map Runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Updates {
    None,
    /// Other concurrencies: then a run ends as it would have without.
    Concurrency,
    /// Other thresholds too.
    Any,
}

/// A wish of a user.
pub(crate) fn wish(rng: &mut StdRng, updates: Updates) -> Wish {
    let max_concurrency = [None, Some(0), Some(1), Some(2), Some(5)][rng.random_range(0..5)];
    match updates {
        Updates::None | Updates::Concurrency => Wish { max_concurrency, ..Wish::default() },
        Updates::Any => Wish {
            max_concurrency,
            failures_tolerated: [None, None, Some(0), Some(2), Some(100)][rng.random_range(0..5)],
            failures_tolerated_percentage: [None, None, Some(30.0), Some(100.0)][rng.random_range(0..4)],
        },
    }
}

/// A fan-out: the run's nonce, the branch that opened it, and the seq.
type Key = (String, Branch, u32);

/// The fan-outs of updated Map Runs.
#[derive(Debug, Default)]
pub(crate) struct UpdateWatch {
    /// By each that an update opened: the first one of them all, up to a redrive or another attempt.
    first: BTreeMap<Key, Key>,
    /// By the first one and a child's index as the state counts: where the child's code ran.
    ran: BTreeMap<(Key, u32), u32>,
    /// By the first one: the seq of the last one.
    last: BTreeMap<Key, u32>,
}

impl UpdateWatch {
    pub(crate) fn recorded(&mut self, key: &RecordKey, outcome: &Outcome) {
        if let Outcome::Updated { .. } = outcome {
            let of = |seq| (key.run.nonce.clone(), key.branch.clone(), seq);
            let first = self.first_of(&of(key.seq));
            self.last.insert(first.clone(), key.seq + 1);
            self.first.insert(of(key.seq + 1), first);
        }
    }

    fn first_of(&self, key: &Key) -> Key {
        self.first.get(key).unwrap_or(key).clone()
    }

    /// The code of a step is about to run. `goes_on` says whether a branch has begun and has not ended.
    pub(crate) fn executed(
        &mut self,
        request: &StepRequest,
        goes_on: impl Fn(&Key) -> bool,
    ) -> Vec<&'static str> {
        let mut broken = Vec::new();
        for (depth, fork) in request.branch.0.iter().enumerate() {
            let opener = Branch(request.branch.0[..depth].to_vec());
            let key = (request.run.nonce.clone(), opener.clone(), fork.seq);
            let first = self.first_of(&key);
            let ran = self.ran.entry((first.clone(), request.indexes[depth])).or_insert(fork.seq);
            if *ran != fork.seq {
                broken.push("a child of an updated Map Run ran in two of its fan-outs");
            }
            let before = (first.2..fork.seq).map(|seq| (key.0.clone(), opener.clone(), seq));
            if before.filter(|other| self.first_of(other) == first).any(|other| goes_on(&other)) {
                broken.push("an updated Map Run went on before its children had ended");
            }
        }
        broken
    }

    /// How many have been updated.
    pub(crate) fn count(&self) -> usize {
        self.last.len()
    }
}

/// What can be seen of a run's Map Runs.
pub(crate) fn judge_map_runs(protocol: &Protocol<MemoryHost>, run: &RunItem) -> Vec<String> {
    let mut broken = BTreeSet::new();
    let of_run = protocol.host().state().map_runs.of(&run.key());
    for item in of_run {
        let (id, children) = (item.id.clone(), item.now.children);
        let found = MapRunFound { item, run: run.clone() };
        match futures::executor::block_on(judge_map_run(protocol, &found)) {
            Ok(what) => broken.extend(what),
            Err(why) => drop(broken.insert(format!("Map Run {id} of {children} can't be seen: {why}"))),
        }
    }
    broken.into_iter().collect()
}

async fn judge_map_run(protocol: &Protocol<MemoryHost>, found: &MapRunFound) -> Result<Vec<String>, String> {
    let failed = |error: stepladder_protocol::WorldError| error.to_string();
    let mut broken = Vec::new();
    let end = protocol.map_run_end(found).await.map_err(failed)?;
    if end.status == MapRunStatus::Running {
        broken.push("a Map Run of a run that has ended goes on".to_owned());
    }
    let counts = protocol.map_run_counts(found, end).await.map_err(failed)?.executions;
    let sum = counts.succeeded
        + counts.failed
        + counts.aborted
        + counts.pending
        + counts.running
        + counts.pending_redrive;
    if sum != counts.total {
        broken.push(format!("the counts of a Map Run are {counts:?}"));
    }
    let asked = ChildrenAsked {
        before: None,
        wanted: usize::MAX,
        looked_at_max: usize::MAX,
        is_wanted: |_: stepladder_protocol::ChildStatus, _: u32| true,
    };
    let page = protocol.map_run_children(found, end, asked).await.map_err(failed)?;
    let of = |status| page.children.iter().filter(|child| child.status == status).count() as u64;
    use stepladder_protocol::ChildStatus::{Failed, Succeeded};
    if (of(Succeeded), of(Failed)) != (counts.succeeded, counts.failed) {
        broken.push("the children of a Map Run are not those that it counts".to_owned());
    }
    for child in page.children.iter().take(3) {
        let data =
            protocol.map_run_child(&found.run.id.workflow, &child.name).await.map_err(failed)?.unwrap();
        if (data.child.index, data.child.status) != (child.index, child.status) {
            broken.push("a child's name leads to another child".to_owned());
        }
        if (child.status == Succeeded) != data.ending.output.is_some() {
            broken.push("a child's ending is not its own".to_owned());
        }
    }
    Ok(broken)
}
