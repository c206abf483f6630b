//! A history as the visits to its states: a tree, for the branches of Parallel and Map states stand in the visits that
//! opened them.

use serde_json::Value;
use std::collections::HashMap;
use stepladder_asl::Definition;
use stepladder_engine::{Event, HistoryEvent};

/// All visits of a run.
#[derive(Debug, Default)]
pub struct Visits {
    visits: Vec<Visit>,
    /// The visits of each branch, in the order in which they were entered; the first one is the root's.
    lanes: Vec<Lane>,
}

/// A branch of the run: the root, a Parallel state's branch, a Map state's iteration.
#[derive(Debug)]
pub struct Lane {
    /// `branch 1`, `item 0`; empty for the root.
    pub title: String,
    /// The visit that opened it.
    owner: Option<usize>,
    pub visits: Vec<usize>,
}

/// One visit to a state, with all its attempts. Times are milliseconds since the epoch.
#[derive(Debug)]
pub struct Visit {
    pub state: String,
    pub state_type: &'static str,
    pub input: Value,
    pub entered_ms: i64,
    /// None while it is open.
    pub exited_ms: Option<i64>,
    /// What its task answered at last.
    pub result: Option<Value>,
    pub output: Option<Value>,
    pub assigned: Option<Value>,
    /// How often its task was scheduled.
    pub attempts: u64,
    pub failures: Vec<Failed>,
    pub is_aborted: bool,
    /// Of a Parallel or a Map: too many of its branches failed.
    pub is_failed: bool,
    /// Indexes of its lanes.
    pub lanes: Vec<usize>,
    lane: usize,
    /// Its place among the visits of its lane.
    place: usize,
}

/// An attempt, or a field's evaluation, that failed.
#[derive(Debug)]
pub struct Failed {
    pub error: String,
    pub cause: Option<String>,
    pub time_ms: i64,
}

/// Where an event belongs.
#[derive(Debug, Clone, Copy)]
struct Place {
    lane: usize,
    visit: Option<usize>,
}

impl Visits {
    /// Sorts the events of a history into visits: each belongs where the event belongs that it follows, unless it enters a
    /// state or opens a branch.
    pub fn new(definition: &Definition, events: &[HistoryEvent]) -> Self {
        let mut visits = Self::default();
        visits.lanes.push(Lane { title: String::new(), owner: None, visits: Vec::new() });
        let mut places: HashMap<u64, Place> = HashMap::new();
        let mut starts: HashMap<u64, bool> = HashMap::new();
        for event in events {
            let before = places.get(&event.previous_id).copied().unwrap_or(Place { lane: 0, visit: None });
            let opens = starts.get(&event.previous_id).copied().unwrap_or(false);
            let place = visits.take(definition, event, before, opens);
            places.insert(event.id, place);
            starts.insert(event.id, matches!(event.event, Event::ParallelStateStarted));
        }
        visits
    }

    pub fn root(&self) -> Option<&Lane> {
        self.lanes.first()
    }

    pub fn lane(&self, index: usize) -> Option<&Lane> {
        self.lanes.get(index)
    }

    pub fn visit(&self, index: usize) -> Option<&Visit> {
        self.visits.get(index)
    }

    /// The visit after this one in its branch.
    pub fn next(&self, index: usize) -> Option<&Visit> {
        let visit = self.visits.get(index)?;
        self.visits.get(*self.lanes.get(visit.lane)?.visits.get(visit.place + 1)?)
    }

    fn take(&mut self, definition: &Definition, event: &HistoryEvent, before: Place, opens: bool) -> Place {
        match &event.event {
            Event::StateEntered { state_type, name, input } => {
                let lane = match before.visit.filter(|_| opens) {
                    Some(owner) => {
                        let parent = definition.state(name).and_then(|state| state.parent.as_ref());
                        self.open(owner, format!("branch {}", parent.map_or(0, |parent| parent.branch) + 1))
                    }
                    None => before.lane,
                };
                Place { lane, visit: Some(self.enter(lane, state_type, name, input, event.time_ms)) }
            }
            Event::MapIterationStarted { name, index } => match self.around(before, name) {
                Some(owner) => Place { lane: self.open(owner, format!("item {index}")), visit: None },
                None => before,
            },
            Event::StateExited { name, output, assigned, .. } => {
                let place = self.around(before, name).map_or(before, |visit| self.place_of(visit));
                if let Some(visit) = self.visit_at(place) {
                    visit.exited_ms = Some(event.time_ms);
                    visit.output = Some(output.clone());
                    visit.assigned = assigned.clone().map(Value::Object);
                }
                place
            }
            Event::MapStateSucceeded => self.closing(before, "Map"),
            Event::ParallelStateSucceeded => self.closing(before, "Parallel"),
            Event::MapStateFailed => self.failed(self.closing(before, "Map")),
            Event::ParallelStateFailed => self.failed(self.closing(before, "Parallel")),
            Event::MapStateStarted { .. } | Event::ParallelStateStarted => {
                if let Some(visit) = self.visit_at(before) {
                    visit.attempts += 1;
                }
                before
            }
            Event::LambdaFunctionScheduled { .. }
            | Event::ActivityScheduled { .. }
            | Event::TaskScheduled { .. } => {
                if let Some(visit) = self.visit_at(before) {
                    visit.attempts += 1;
                }
                before
            }
            Event::LambdaFunctionSucceeded { output }
            | Event::ActivitySucceeded { output }
            | Event::TaskSucceeded { output, .. } => {
                if let Some(visit) = self.visit_at(before) {
                    visit.result = Some(output.clone());
                }
                before
            }
            Event::StateAborted { .. } => {
                if let Some(visit) = self.visit_at(before) {
                    visit.is_aborted = true;
                }
                before
            }
            other => {
                let details = other.details();
                let text = |name: &str| details.get(name).and_then(Value::as_str).map(str::to_owned);
                let is_end = matches!(
                    other,
                    Event::ExecutionFailed { .. }
                        | Event::ExecutionTimedOut { .. }
                        | Event::ExecutionAborted { .. }
                );
                if let (Some(error), false, Some(visit)) = (text("error"), is_end, self.visit_at(before)) {
                    visit.failures.push(Failed { error, cause: text("cause"), time_ms: event.time_ms });
                }
                before
            }
        }
    }

    fn enter(
        &mut self,
        lane: usize,
        state_type: &'static str,
        name: &str,
        input: &Value,
        time_ms: i64,
    ) -> usize {
        let index = self.visits.len();
        self.visits.push(Visit {
            state: name.to_owned(),
            state_type,
            input: input.clone(),
            entered_ms: time_ms,
            exited_ms: None,
            result: None,
            output: None,
            assigned: None,
            attempts: 0,
            failures: Vec::new(),
            is_aborted: false,
            is_failed: false,
            lanes: Vec::new(),
            lane,
            place: self.lanes.get(lane).map_or(0, |lane| lane.visits.len()),
        });
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.visits.push(index);
        }
        index
    }

    fn open(&mut self, owner: usize, title: String) -> usize {
        let lane = self.lanes.len();
        self.lanes.push(Lane { title, owner: Some(owner), visits: Vec::new() });
        if let Some(owner) = self.visits.get_mut(owner) {
            owner.lanes.push(lane);
        }
        lane
    }

    fn failed(&mut self, place: Place) -> Place {
        if let Some(visit) = self.visit_at(place) {
            visit.is_failed = true;
        }
        place
    }

    fn visit_at(&mut self, place: Place) -> Option<&mut Visit> {
        self.visits.get_mut(place.visit?)
    }

    fn place_of(&self, visit: usize) -> Place {
        Place { lane: self.visits.get(visit).map_or(0, |visit| visit.lane), visit: Some(visit) }
    }

    /// The visit to that state at a place, or the nearest one around it.
    fn around(&self, place: Place, name: &str) -> Option<usize> {
        self.climb(place, |visit| visit.state == name)
    }

    fn closing(&self, place: Place, state_type: &str) -> Place {
        // An empty Map closes where it was opened; else it is around the lane of what it closes after.
        let own = place.visit.filter(|visit| {
            self.visits
                .get(*visit)
                .is_some_and(|visit| visit.state_type == state_type && visit.lanes.is_empty())
        });
        let owner = self.lanes.get(place.lane).and_then(|lane| lane.owner);
        let around = || {
            let owner = self.place_of(owner?);
            self.climb(owner, |visit| visit.state_type == state_type)
        };
        own.or_else(around).map_or(place, |visit| self.place_of(visit))
    }

    fn climb(&self, place: Place, is_it: impl Fn(&Visit) -> bool) -> Option<usize> {
        let mut visit = place.visit.or_else(|| self.lanes.get(place.lane)?.owner);
        // Lanes nest as deep as the definition does.
        while let Some(index) = visit {
            let at = self.visits.get(index)?;
            if is_it(at) {
                return Some(index);
            }
            visit = self.lanes.get(at.lane)?.owner;
        }
        None
    }
}
