//! Users that pause and resume, and repeat what was cut off.

use super::{Wanted, World};
use rand::Rng;
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};
use stepladder_protocol::{Pausable, PauseDone};

/// So many pauses of a seed.
const PAUSES_MAX: u32 = 12;
/// So many resumes: each may be cut off.
const RESUMES_MAX: u32 = 400;

/// What users have paused and resumed.
#[derive(Debug, Default)]
pub(super) struct Pausing {
    pauses: u32,
    resumes: u32,
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

    /// Nothing happens any more: what is paused is resumed, and what was cut off is repeated. False: there is nothing.
    pub(super) fn resume_all(&mut self) -> bool {
        let mut all = self.pausing.unfinished.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for paused in self.host.state().pauses.paused().paused.iter() {
            all.insert(match paused.split_once('/') {
                None => Pausable::Workflow(paused.clone()),
                Some((workflow, name)) => Pausable::Run(stepladder_protocol::RunId::new(workflow, name)),
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
        if !has_some && self.faults.purge == 0.0 && !self.host.state().pauses.is_empty() {
            self.host.state().watch.breaks("a run is held although nothing is paused");
        }
        has_some
    }
}
