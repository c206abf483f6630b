//! What is watched of fan-outs while it happens.

use crate::holders::CHILD;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use stepladder_engine::{Branch, FanOut, Fork, Outcome, Status};
use stepladder_protocol::{
    Enclosing, Ended, EndedHow, Message, Part, PartKey, Record, RecordKey, StepRequest,
};

/// A fan-out: the run's nonce, the branch that opened it, and the seq.
type Key = (String, Branch, u32);

/// Each message of a run is sent as one of its tenant: the `index` of its input, as the settings of its workflow say; or, of a
/// run that another has started, the other's.
#[derive(Debug, Default)]
pub(crate) struct TenantWatch {
    by_nonce: BTreeMap<String, Option<String>>,
}

impl TenantWatch {
    pub(crate) fn sent(&mut self, body: &str, group: Option<&str>) -> Option<String> {
        let body: Value = serde_json::from_str(body).ok()?;
        let run = body.get("run")?;
        let (workflow, nonce) = (run["workflow"].as_str()?, run["nonce"].as_str()?);
        let first = self.by_nonce.entry(nonce.to_owned()).or_insert_with(|| group.map(str::to_owned));
        let is_right = match (workflow, workflow.strip_prefix('w')) {
            (_, Some(index)) => group == Some(index),
            (CHILD, _) => group.is_some() && first.as_deref() == group,
            _ => group.is_none(),
        };
        (!is_right).then(|| format!("a message of a run of {workflow} was sent as one of {group:?}"))
    }
}

#[derive(Debug, Default)]
pub(crate) struct FanOutWatch {
    known: BTreeMap<Key, FanOut>,
    /// The branches whose code has begun to run.
    begun: BTreeMap<Key, BTreeSet<u32>>,
    /// Those that have ended.
    ended: BTreeMap<Key, BTreeSet<u32>>,
    /// The parts whose flag is set.
    flagged: BTreeMap<Key, BTreeSet<u32>>,
    /// When the last of a fan-out's flags was set.
    stopped_ms: BTreeMap<Key, i64>,
}

impl FanOutWatch {
    /// Each message of a branch says which fan-outs it stands in.
    pub(crate) fn sent(&mut self, body: &str) {
        let Ok(body) = serde_json::from_str::<Value>(body) else { return };
        let Some(enclosing) = body.get("enclosing") else { return };
        let enclosing: Vec<Enclosing> = serde_json::from_value(enclosing.clone()).unwrap();
        let nonce = body["run"]["nonce"].as_str().unwrap();
        let ask = &body["ask"];
        let about = ["step", "timer"].iter().find_map(|kind| ask.get(kind));
        let Some(branch) = about.and_then(|position| position.get("branch")) else { return };
        let branch: Branch = serde_json::from_value(branch.clone()).unwrap();
        for (key, enclosing) in forks(nonce, &branch).map(|(key, _)| key).zip(enclosing) {
            self.known.insert(key, enclosing.fan_out);
        }
    }

    pub(crate) fn executed(&mut self, request: &StepRequest, invoked_ms: i64) -> Vec<String> {
        let mut broken = Vec::new();
        for (key, index) in forks(&request.run.nonce, &request.branch) {
            if self.stopped_ms.get(&key).is_some_and(|stopped_ms| *stopped_ms < invoked_ms) {
                broken.push("a step began after its fan-out was stopped".to_owned());
            }
            let begun = self.begun.entry(key.clone()).or_default();
            begun.insert(index);
            let ended = self.ended.entry(key.clone()).or_default();
            let concurrency = self.known.get(&key).map_or(u32::MAX, |fan_out| fan_out.concurrency);
            if begun.difference(ended).count() > concurrency as usize {
                broken.push("MaxConcurrency was exceeded".to_owned());
            }
        }
        broken
    }

    /// Whether a branch of it has begun, and has not ended.
    pub(crate) fn goes_on(&self, fan_out: &Key) -> bool {
        let none = BTreeSet::new();
        let begun = self.begun.get(fan_out).unwrap_or(&none);
        begun.difference(self.ended.get(fan_out).unwrap_or(&none)).next().is_some()
    }

    pub(crate) fn recorded(&mut self, key: &RecordKey, record: &Record) {
        if let (Some((parent, fork)), true) = (key.branch.parent(), record.end.is_some()) {
            let key = (key.run.nonce.clone(), parent, fork.seq);
            self.ended.entry(key).or_default().insert(fork.index);
        }
    }

    pub(crate) fn joined(
        &mut self,
        key: &RecordKey,
        outcome: &Outcome,
        ends: &[EndedHow],
        (kept, tolerated): (usize, Option<u32>),
    ) -> Option<String> {
        let fan_out = self.known.get(&(key.run.nonce.clone(), key.branch.clone(), key.seq))?;
        let failed = ends.iter().filter(|how| **how != EndedHow::Ok).count();
        let listed = ends.iter().map(|how| Ended { index: 0, seq: 0, how: *how });
        let failures = Part { ended: listed.collect(), ..Part::default() }.failures(fan_out.failure_items);
        let is_too_many = failures > tolerated.unwrap_or(fan_out.failures_tolerated);
        let is_right = match outcome {
            Outcome::Joined { results, .. } => {
                ends.len() == fan_out.count as usize
                    && !is_too_many
                    && results.len() == ends.len() - failed + kept
            }
            _ => is_too_many,
        };
        (!is_right).then(|| "a fan-out came to a wrong outcome".to_owned())
    }

    pub(crate) fn flagged(&mut self, part: &PartKey, part_branches: u32, now_ms: i64) {
        let fan_out = &part.fan_out;
        let key = (fan_out.run.nonce.clone(), fan_out.branch.clone(), fan_out.seq);
        let Some(FanOut { count, .. }) = self.known.get(&key) else { return };
        let flagged = self.flagged.entry(key.clone()).or_default();
        flagged.insert(part.part);
        if flagged.len() >= count.div_ceil(part_branches) as usize {
            self.stopped_ms.entry(key).or_insert(now_ms);
        }
    }
}

/// A step of a run: the run's nonce, the indexes of the branch as its states count them, and the state.
type StepKey = (String, Vec<u32>, String);

/// What a redrive must keep: the steps that had answered when the run ended. Only where each state is visited once.
#[derive(Debug, Default)]
pub(crate) struct KeptWatch {
    pub(crate) watches: bool,
    /// By the run's nonce, branch and seq: which step was called, and the redrive count of its message.
    called: BTreeMap<Key, (StepKey, u32)>,
    answered: BTreeSet<StepKey>,
    /// By nonce and redrive count.
    kept: BTreeMap<(String, u32), BTreeSet<StepKey>>,
}

impl KeptWatch {
    pub(crate) fn sent(&mut self, body: &str) {
        if !self.watches {
            return;
        }
        let Ok(message) = serde_json::from_str::<Message>(body) else { return };
        if let Some(position) = message.ask.position() {
            let nonce = message.run.nonce.clone();
            let key = (nonce.clone(), position.branch.clone(), position.seq);
            let step = (nonce, position.indexes(), position.state.clone());
            self.called.insert(key, (step, message.run.redrive_count));
        }
    }

    /// A record is about to be written. What an old branch records after its run's end is kept by nobody.
    pub(crate) fn recorded(&mut self, key: &RecordKey, outcome: &Outcome, run: Option<(Status, u32)>) {
        let called = self.called.get(&(key.run.nonce.clone(), key.branch.clone(), key.seq));
        if let (Some((step, count)), Outcome::Succeeded { .. }) = (called, outcome)
            && run == Some((Status::Running, *count))
        {
            self.answered.insert(step.clone());
        }
    }

    /// A run has ended.
    pub(crate) fn closed(&mut self, nonce: &str, redrive_count: u32) {
        if self.watches {
            let of_run = self.answered.iter().filter(|(of, _, _)| of == nonce).cloned().collect();
            self.kept.insert((nonce.to_owned(), redrive_count + 1), of_run);
        }
    }

    pub(crate) fn executed(&self, request: &StepRequest) -> Option<String> {
        let (nonce, count) = (request.run.nonce.clone(), request.run.redrive_count);
        let kept = self.kept.get(&(nonce.clone(), count))?;
        let is_kept = kept.contains(&(nonce, request.indexes.clone(), request.state.clone()));
        is_kept.then(|| "a step whose answer was kept ran again".to_owned())
    }
}

/// The fan-outs that a branch stands in, and its index in each.
fn forks<'a>(nonce: &'a str, branch: &'a Branch) -> impl Iterator<Item = (Key, u32)> + 'a {
    branch.0.iter().enumerate().map(move |(depth, Fork { seq, index })| {
        ((nonce.to_owned(), Branch(branch.0[..depth].to_vec()), *seq), *index)
    })
}
