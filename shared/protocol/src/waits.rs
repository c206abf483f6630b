//! What a run waits for.

use crate::read::RunView;
use stepladder_engine::{Awaiting, Branch, Next, Position, Status, Transition};

/// What a branch of a run waits for. Times are milliseconds since the epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    pub branch: Branch,
    pub state: String,
    /// `step`: the answer of its step; `timer`: a time; `answer`: that of whoever was asked; `branches`: their ends; `turn`:
    /// its message.
    pub awaiting: &'static str,
    /// 1 for the first attempt of the state's step.
    pub attempt: u64,
    pub entered_ms: i64,
    /// When it is over, or its message is due, where a time was set for it.
    pub due_ms: Option<i64>,
}

impl RunView {
    /// What each branch waits for, the root first, and then by branch; nothing once the run has ended. A branch of a fan-out
    /// that has ended waits for nothing any more.
    pub fn waits(&self) -> Vec<Wait> {
        if self.item.status != Status::Running {
            return Vec::new();
        }
        let root = Wait::of(&self.replay.last);
        let branches = self.replay.branches.iter();
        let going = branches.filter(|(branch, _)| self.is_open(branch));
        root.into_iter().chain(going.filter_map(|(_, branch)| Wait::of(&branch.last))).collect()
    }

    /// Whether all fan-outs around the branch still wait for its end.
    fn is_open(&self, branch: &Branch) -> bool {
        let mut inner = branch.clone();
        while let Some((outer, fork)) = inner.parent() {
            let last = match outer.is_root() {
                true => Some(&self.replay.last),
                false => self.replay.branches.get(&outer).map(|branch| &branch.last),
            };
            match last.map(|last| &last.next) {
                Some(Next::Wait(position)) if position.seq == fork.seq && position.fan_out().is_some() => {}
                _ => return false,
            }
            inner = outer;
        }
        true
    }
}

impl Wait {
    /// What the branch waits for after a transition; `None` if it has ended.
    fn of(last: &Transition) -> Option<Self> {
        let Next::Wait(position) = &last.next else { return None };
        Some(Self {
            branch: position.branch.clone(),
            state: position.state.clone(),
            awaiting: match position.awaiting {
                Awaiting::Step { .. } => "step",
                Awaiting::Timer { .. } => "timer",
                Awaiting::Answer { .. } => "answer",
                Awaiting::Branches(_) => "branches",
                Awaiting::Turn => "turn",
            },
            attempt: position.attempt(),
            entered_ms: position.entered_ms,
            due_ms: due_ms(position, last.now_ms),
        })
    }
}

fn due_ms(position: &Position, now_ms: i64) -> Option<i64> {
    match position.awaiting {
        Awaiting::Step { due_ms } if due_ms > now_ms => Some(due_ms),
        Awaiting::Timer { due_ms } => Some(due_ms),
        Awaiting::Answer { timeout_ms, heartbeat_ms } => timeout_ms.into_iter().chain(heartbeat_ms).min(),
        Awaiting::Step { .. } | Awaiting::Branches(_) | Awaiting::Turn => None,
    }
}
