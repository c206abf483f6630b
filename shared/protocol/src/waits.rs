//! What a run waits for.

use crate::read::RunView;
use std::iter;
use stepladder_asl::Kind;
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

/// What happens to a run at a time, unless something else comes first. Times are milliseconds since the epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timer {
    pub branch: Branch,
    /// None where it is the limit of the whole run.
    pub state: Option<String>,
    pub kind: TimerKind,
    /// 1 for the first attempt of the state's step.
    pub attempt: u64,
    pub due_ms: i64,
}

/// What a timer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TimerKind {
    /// A Wait state ends.
    Wait,
    /// A state that failed is tried again.
    Retry,
    /// The TimeoutSeconds of a task that somebody else answers are over.
    Timeout,
    /// Its HeartbeatSeconds are, unless a heartbeat came that no record tells of yet.
    Heartbeat,
    /// The run's own TimeoutSeconds are.
    RunTimeout,
}

impl RunView {
    /// What each branch waits for, the root first, and then by branch; nothing once the run has ended. A branch of a fan-out
    /// that has ended waits for nothing any more.
    pub fn waits(&self) -> Vec<Wait> {
        if self.item.status != Status::Running {
            return Vec::new();
        }
        self.going().filter_map(Wait::of).collect()
    }

    /// The tokens of the tasks that the run waits for, and that whoever has them answers, in the same order. Each is a
    /// password: this is for who may read the run's nonce anyway.
    pub fn tokens(&self) -> Vec<String> {
        if self.item.status != Status::Running {
            return Vec::new();
        }
        let is_asked = |position: &Position| {
            let state = self.definition.state(&position.state).map(|state| &state.kind);
            matches!(state, Some(Kind::Task(task)) if task.resource.waits_for_token())
                && matches!(position.awaiting, Awaiting::Answer { .. })
        };
        let positions = self.going().filter_map(|last| match &last.next {
            Next::Wait(position) => Some(position),
            Next::End(_) => None,
        });
        positions
            .filter(|position| is_asked(position))
            .map(|position| self.run.token(position.task()))
            .collect()
    }

    /// What each branch waits for that has a time, in the same order; and the limit of the whole run.
    pub fn timers(&self) -> Vec<Timer> {
        if self.item.status != Status::Running {
            return Vec::new();
        }
        let of_states = self.going().flat_map(Timer::of);
        of_states.chain(Timer::of_run(&self.replay.last)).collect()
    }

    /// The last transition of the root, and of each branch of a fan-out that still waits for its end.
    fn going(&self) -> impl Iterator<Item = &Transition> {
        let branches = self.replay.branches.iter().filter(|(branch, _)| self.is_open(branch));
        iter::once(&self.replay.last).chain(branches.map(|(_, branch)| &branch.last))
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
                Awaiting::Items => "items",
                Awaiting::Turn => "turn",
            },
            attempt: position.attempt(),
            entered_ms: position.entered_ms,
            due_ms: times(position, last.now_ms).map(|(_, due_ms)| due_ms).min(),
        })
    }
}

impl Timer {
    fn of(last: &Transition) -> impl Iterator<Item = Self> {
        let position = match &last.next {
            Next::Wait(position) => Some(position),
            Next::End(_) => None,
        };
        position.into_iter().flat_map(|position| {
            times(position, last.now_ms).map(|(kind, due_ms)| Self {
                branch: position.branch.clone(),
                state: Some(position.state.clone()),
                kind,
                attempt: position.attempt(),
                due_ms,
            })
        })
    }

    /// The limit of the run that this branch carries.
    fn of_run(root: &Transition) -> Option<Self> {
        let Next::Wait(Position { deadline_ms: Some(due_ms), .. }) = root.next else { return None };
        Some(Self { branch: Branch::default(), state: None, kind: TimerKind::RunTimeout, attempt: 1, due_ms })
    }
}

/// The times that a wait has, and what each is for.
fn times(position: &Position, now_ms: i64) -> impl Iterator<Item = (TimerKind, i64)> + use<> {
    let (first, second) = match position.awaiting {
        Awaiting::Step { due_ms } if due_ms > now_ms => (Some((TimerKind::Retry, due_ms)), None),
        // A Wait state is never tried again.
        Awaiting::Timer { due_ms } if position.attempt() == 1 => (Some((TimerKind::Wait, due_ms)), None),
        Awaiting::Timer { due_ms } => (Some((TimerKind::Retry, due_ms)), None),
        Awaiting::Answer { timeout_ms, heartbeat_ms } => (
            timeout_ms.map(|due_ms| (TimerKind::Timeout, due_ms)),
            heartbeat_ms.map(|due_ms| (TimerKind::Heartbeat, due_ms)),
        ),
        Awaiting::Step { .. } | Awaiting::Branches(_) | Awaiting::Items | Awaiting::Turn => (None, None),
    };
    first.into_iter().chain(second)
}
