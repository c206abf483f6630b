//! The events of one branch on their way to the history.

use crate::{checkpoint::Checkpoint, event::Event, inspect::Watched};
use serde_json::{Map, Value};
use std::cell::RefCell;

/// Collects the events of one branch, in their order. Its events are numbered within the branch, from 1 on.
#[derive(Debug, Clone)]
pub(crate) struct Trace {
    pub(crate) events: Vec<Traced>,
    /// When the step of the transition started, where one did.
    pub(crate) started_ms: Option<i64>,
    /// What the next event follows.
    pub(crate) last: Link,
    /// What the event before that one followed.
    pub(crate) before_last: Link,
    /// Collects what the states make of their data; in a run, nobody does.
    pub(crate) inspection: Option<RefCell<Watched>>,
    /// The number of the last event, whether it is still in `events` or not.
    pub(crate) count: u64,
    /// The numbers of the events whose details somebody wants to see; the others cost no copy of their data.
    wanted: Wanted,
    /// The state whose first output somebody waits for.
    pub(crate) awaited: Option<Awaited>,
    /// The state of which somebody wants to know what it saw last.
    pub(crate) watched: Option<Watch>,
}

/// A state, and what it saw when it was entered last: its raw input and the variables.
#[derive(Debug, Clone)]
pub(crate) struct Watch {
    pub(crate) state: String,
    pub(crate) saw: Option<(Value, Map<String, Value>)>,
}

/// A state, and what it gave first.
#[derive(Debug, Clone)]
pub(crate) struct Awaited {
    state: String,
    output: Option<Value>,
}

impl Awaited {
    pub(crate) fn new(state: &str) -> Self {
        Self { state: state.to_owned(), output: None }
    }

    pub(crate) fn output(&self) -> Option<&Value> {
        self.output.as_ref()
    }
}

/// An event, and what it follows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Traced {
    pub(crate) previous: Link,
    pub(crate) time_ms: i64,
    /// Absent where nobody wants to see it.
    pub(crate) event: Option<Box<Event>>,
}

/// What an event follows: AWS's `previousEventId`, before the events of all branches have their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    /// Nothing: AWS's id 0.
    Nothing,
    /// An event of the same branch.
    Event(u64),
    /// The event that opened the branch: of its parent, or of the sibling that made room for it.
    Opening,
    /// The last event of the last branch of the fan-out that was opened at this seq.
    Joined { seq: u32 },
    /// What the end of that branch followed.
    Failed { seq: u32, index: u32 },
}

/// Which events are built with their details.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    All,
    /// Those with these numbers, in ascending order.
    These(Vec<u64>),
}

/// Whether the events after this one follow it. AWS passes by what only sums up: the end of an iteration, for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Course {
    On,
    PassedBy,
}

impl Trace {
    /// The trace of a branch whose first event follows `first`.
    pub(crate) fn new(first: Link, wanted: Wanted) -> Self {
        Self {
            events: Vec::new(),
            started_ms: None,
            last: first,
            before_last: first,
            inspection: None,
            count: 0,
            wanted,
            awaited: None,
            watched: None,
        }
    }

    /// The trace of a branch from a checkpoint on: the events before it are counted, and not there.
    pub(crate) fn resumed(checkpoint: &Checkpoint, wanted: Wanted) -> Self {
        let Checkpoint { events, link, before_link, .. } = *checkpoint;
        Self { count: events, before_last: before_link, ..Self::new(link, wanted) }
    }

    pub(crate) fn push(
        &mut self,
        previous: Link,
        time_ms: i64,
        course: Course,
        event: impl FnOnce() -> Event,
    ) {
        self.count += 1;
        let is_wanted = match &self.wanted {
            Wanted::All => true,
            Wanted::These(numbers) => numbers.binary_search(&self.count).is_ok(),
        };
        self.events.push(Traced { previous, time_ms, event: is_wanted.then(|| Box::new(event())) });
        if course == Course::On {
            self.before_last = previous;
            self.last = Link::Event(self.count);
        }
    }

    /// A state has done its work, and this is what the next one gets.
    pub(crate) fn gave(&mut self, state: &str, output: &Value) {
        if let Some(awaited) = &mut self.awaited
            && awaited.output.is_none()
            && awaited.state == state
        {
            awaited.output = Some(output.clone());
        }
    }

    /// A state is entered with this raw input and these variables.
    pub(crate) fn entered(&mut self, state: &str, data: &Value, variables: &Map<String, Value>) {
        if let Some(watch) = self.watched.as_mut().filter(|watch| watch.state == state) {
            watch.saw = Some((data.clone(), variables.clone()));
        }
    }

    /// Forgets all but the first events: what follows will be walked again, and that walk is the one that counts.
    pub(crate) fn truncate(&mut self, count: u64, last: Link) {
        self.events.truncate(usize::try_from(count).unwrap_or(usize::MAX));
        self.count = count;
        self.last = last;
        if let Some(awaited) = &mut self.awaited {
            awaited.output = None;
        }
    }
}
