//! Users that pause and resume, and repeat what was cut off.

use super::{Wanted, World};
use rand::Rng;
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};
use stepladder_engine::Status;
use stepladder_protocol::{Pausable, PauseDone, RunId};

/// So many pauses of a seed.
const PAUSES_MAX: u32 = 12;
/// So many resumes: each may be cut off.
const RESUMES_MAX: u32 = 400;

/// So many hourly looks: each may be cut off.
const SWEEPS_MAX: u32 = 50;

/// What users have paused and resumed.
#[derive(Debug, Default)]
pub(super) struct Pausing {
    pauses: u32,
    resumes: u32,
    sweeps: u32,
    /// Resumes that nobody was told the end of.
    unfinished: Arc<Mutex<BTreeSet<Pausable>>>,
}

impl World {
    /// A user pauses something, or resumes it if it is paused.
    pub(super) fn pause_or_resume(&mut self, wanted: &[Wanted]) {
        if !self.rng.random_bool(self.faults.pause) {
            return;
        }
        let id = wanted[self.rng.random_range(0..wanted.len())].id.clone();
        let what = match self.rng.random_bool(0.5) {
            true => Pausable::Workflow(id.workflow),
            false => Pausable::Run(id),
        };
        if self.host.state().pauses.paused().has(&what) {
            self.resume(what);
        } else if self.pausing.pauses < PAUSES_MAX {
            self.pausing.pauses += 1;
            let protocol = self.environment();
            self.process(async move { drop(protocol.pause(&what).await) });
        }
    }

    fn resume(&mut self, what: Pausable) {
        self.pausing.resumes += 1;
        let unfinished = self.pausing.unfinished.clone();
        unfinished.lock().unwrap_or_else(PoisonError::into_inner).insert(what.clone());
        let protocol = self.environment();
        self.process(async move {
            if let Ok(PauseDone::Done | PauseDone::NotFound) = protocol.resume(&what).await {
                unfinished.lock().unwrap_or_else(PoisonError::into_inner).remove(&what);
            }
        });
    }

    /// A message that was held and not acknowledged has come back by itself: the hourly look lets go of it. What a run needs to go
    /// on is resumed long before, so it helps none that is stuck.
    fn lets_go(&mut self, wanted: &[Wanted]) -> bool {
        if self.faults.purge > 0.0 || self.host.state().pauses.is_empty() {
            return false;
        }
        let is_going = |wanted: &Wanted| {
            let state = self.host.state();
            state.runs.get(&wanted.id).is_some_and(|item| item.status == Status::Running)
        };
        if wanted.iter().any(is_going) {
            return false;
        }
        self.pausing.sweeps += 1;
        if self.pausing.sweeps > SWEEPS_MAX {
            self.host.state().watch.breaks("a message is held although nothing is paused");
            return false;
        }
        let protocol = self.environment();
        self.process(async move { drop(protocol.sweep().await) });
        true
    }

    /// Nothing happens any more: what is paused is resumed, and what was cut off is repeated. False: there is nothing.
    pub(super) fn resume_all(&mut self, wanted: &[Wanted]) -> bool {
        let mut all = self.pausing.unfinished.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for paused in self.host.state().pauses.paused().paused.iter() {
            all.insert(match paused.split_once('/') {
                None => Pausable::Workflow(paused.clone()),
                Some((workflow, name)) => Pausable::Run(RunId::new(workflow, name)),
            });
        }
        if self.pausing.resumes >= RESUMES_MAX {
            self.host.state().watch.breaks("resumes have no end");
            return false;
        }
        let has_some = !all.is_empty();
        for what in all {
            self.resume(what);
        }
        has_some || self.lets_go(wanted)
    }
}
