//! The control item and held messages in memory.

use super::{MemoryHost, State};
use crate::scenario::Faults;
use std::collections::BTreeMap;
use stepladder_engine::Run;
use stepladder_protocol::{
    Controls, HeldMessage, Pausable, PauseWritten, Pauses, RunId, WorldResult, limits,
};

/// What is paused, and what is held.
#[derive(Debug, Default)]
pub(crate) struct Items {
    /// Before anything was ever paused, to look costs nothing: a seed without pauses draws the same as ever.
    was_used: bool,
    controls: Controls,
    /// By workflow and place.
    held: BTreeMap<(String, String), HeldMessage>,
    /// By what is paused: since when, in milliseconds since the epoch.
    since_ms: BTreeMap<String, i64>,
}

impl Items {
    pub(crate) fn is_empty(&self) -> bool {
        self.controls.paused.is_empty() && self.held.is_empty()
    }

    pub(crate) fn paused(&self) -> &Controls {
        &self.controls
    }

    /// Since when a run has been paused without a break, in milliseconds since the epoch.
    pub(crate) fn since_ms(&self, id: &RunId) -> Option<i64> {
        let of = |what: String| self.since_ms.get(&what).copied();
        of(id.to_string()).into_iter().chain(of(id.workflow.clone())).min()
    }
}

impl State {
    /// A step's code begins, in a process that was started at `invoked_ms`. Its first look at the control item may be as old as
    /// looks get, and where none fails no older.
    pub(crate) fn begins(&mut self, faults: &Faults, run: &Run, invoked_ms: i64) {
        let looks_fail = faults.throttle > 0.0 || faults.lost_answer > 0.0;
        let since_ms = self.pauses.since_ms(&RunId::new(&run.workflow, &run.name));
        if !looks_fail && since_ms.is_some_and(|since_ms| since_ms + limits::CONTROLS_MS < invoked_ms) {
            self.watch.breaks("a step of a paused run began");
        }
    }
}

impl Pauses for MemoryHost {
    async fn controls(&self) -> WorldResult<Controls> {
        if !self.state().pauses.was_used {
            return Ok(Controls::default());
        }
        self.op("get controls", |state| Ok(state.pauses.controls.clone())).await
    }

    async fn pause(&self, what: &Pausable) -> WorldResult<PauseWritten> {
        self.state().pauses.was_used = true;
        self.op("pause", |state| {
            let (items, what) = (&mut state.pauses, what.to_string());
            if items.controls.paused.len() >= limits::PAUSED_MAX && !items.controls.paused.contains(&what) {
                return Ok(PauseWritten::TooMany);
            }
            items.since_ms.entry(what.clone()).or_insert(state.now_ms);
            items.controls.paused.insert(what);
            Ok(PauseWritten::Done)
        })
        .await
    }

    async fn unpause(&self, what: &Pausable) -> WorldResult<()> {
        self.op("unpause", |state| {
            state.pauses.controls.paused.remove(&what.to_string());
            state.pauses.since_ms.remove(&what.to_string());
            Ok(())
        })
        .await
    }

    async fn put_held(&self, held: &HeldMessage) -> WorldResult<()> {
        self.state().pauses.was_used = true;
        self.op("put held", |state| {
            state.pauses.held.insert((held.run.id.workflow.clone(), held.place()), held.clone());
            Ok(())
        })
        .await
    }

    async fn held(&self, workflow: &str, after: Option<&str>, limit: usize) -> WorldResult<Vec<HeldMessage>> {
        if !self.state().pauses.was_used {
            return Ok(Vec::new());
        }
        self.op("list held", |state| {
            let found = state.pauses.held.iter().filter(|((of, place), _)| {
                of == workflow && after.is_none_or(|after| place.as_str() > after)
            });
            Ok(found.take(limit).map(|(_, held)| held.clone()).collect())
        })
        .await
    }

    async fn delete_held(&self, held: &HeldMessage) -> WorldResult<()> {
        self.op("delete held", |state| {
            let key = (held.run.id.workflow.clone(), held.place());
            if state.pauses.held.get(&key).is_some_and(|there| there.stamp == held.stamp) {
                state.pauses.held.remove(&key);
            }
            Ok(())
        })
        .await
    }
}
