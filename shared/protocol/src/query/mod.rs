//! Queries: which runs are meant, and by which list they are found.
//!
//! `workflow=order-processing status=failed state=ChargePayment error=PaymentTimeout since=2h customer=c-17`: all of it has to be true of
//! a run. [`Query::plan`] picks the lists that hold the fewest runs: those of a search attribute's value, else those of the runs
//! that ended badly, else those of all runs by their start. [`Walk`] reads them page by page, newest first, and looks at each run
//! for the rest. No table is ever scanned. docs/decisions/0037.

mod text;
mod walk;

pub use walk::{Candidate, Judged, Place, Walk};

use crate::{
    Settings,
    item::RunItem,
    search::{SearchKey, SearchPath},
};
use std::ops::Range;
use stepladder_engine::Status;

/// What is asked of runs. All of it has to be true.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    pub workflow: Option<String>,
    /// One of these; none: any.
    pub statuses: Vec<Status>,
    /// The state of the top level that the run ended in.
    pub state: Option<String>,
    pub error: Option<String>,
    /// When it started, in milliseconds since the epoch.
    pub started: Range<i64>,
    /// When it ended.
    pub ended: Range<i64>,
    /// Search attributes, as they were called, and their values.
    pub attributes: Vec<(String, String)>,
    /// Only what a run was at that time counts: one that has started, ended or gone on since isn't meant.
    as_of_ms: Option<i64>,
}

/// Why a query can't be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct QueryError {
    pub message: String,
    /// What there is instead.
    pub hint: Option<String>,
}

impl QueryError {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// Of these runs it is known by an index when and how they ended.
const BAD: [Status; 3] = [Status::Failed, Status::TimedOut, Status::Aborted];
const ALWAYS: Range<i64> = 0..i64::MAX;

impl Default for Query {
    /// All runs.
    fn default() -> Self {
        Self {
            workflow: None,
            statuses: Vec::new(),
            state: None,
            error: None,
            started: ALWAYS,
            ended: ALWAYS,
            attributes: Vec::new(),
            as_of_ms: None,
        }
    }
}

/// One of the lists that runs are found by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// By an attribute's value, and by start.
    With(SearchKey),
    /// By how they ended, and when.
    Ended { workflow: String, status: Status },
    /// By start.
    Started { workflow: String },
}

/// How runs are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The lists, with what of them is read: milliseconds since the epoch.
    pub(crate) sources: Vec<(Source, Range<i64>)>,
    /// What else leads to a run of such a source: looked up for each run.
    pub(crate) also: Vec<Vec<SearchKey>>,
}

impl Plan {
    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        self.sources.iter().map(|(source, _)| source)
    }
}

impl Query {
    /// Reads a query's text. Durations count back from `now_ms`.
    pub fn parse(text: &str, now_ms: i64, settings: &Settings) -> Result<Self, QueryError> {
        text::parse(text, now_ms, settings)
    }

    /// The same of a workflow only.
    pub fn of_workflow(mut self, workflow: &str) -> Result<Self, QueryError> {
        match &self.workflow {
            Some(other) if other != workflow => {
                Err(QueryError::new(format!("two workflows are asked for, '{other}' and '{workflow}'")))
            }
            _ => {
                self.workflow = Some(workflow.to_owned());
                Ok(self)
            }
        }
    }

    /// The same with one of these statuses only; none: any.
    pub fn with_statuses(mut self, statuses: &[Status]) -> Result<Self, QueryError> {
        if statuses.is_empty() {
            return Ok(self);
        }
        match self.statuses.is_empty() {
            true => self.statuses = statuses.to_vec(),
            false => {
                self.statuses.retain(|status| statuses.contains(status));
                if self.statuses.is_empty() {
                    return Err(QueryError::new("no run has two statuses at once"));
                }
            }
        }
        Ok(self)
    }

    /// The same of runs that started at this time or later.
    #[must_use]
    pub fn since(mut self, from_ms: i64) -> Self {
        self.started.start = self.started.start.max(from_ms);
        self
    }

    /// The same as it was at a time: runs that have changed since are not meant, so that what is done to runs because of the query
    /// doesn't bring them in again.
    #[must_use]
    pub fn as_of(self, as_of_ms: i64) -> Self {
        Self { as_of_ms: Some(as_of_ms), ..self }
    }

    /// How the runs are found in a stack with these workflows.
    pub fn plan(&self, workflows: &[String], settings: &Settings) -> Result<Plan, QueryError> {
        let is_meant = |workflow: &&String| self.workflow.as_ref().is_none_or(|only| only == *workflow);
        let mut plan = Plan { sources: Vec::new(), also: Vec::new() };
        let statuses = self.statuses_meant()?;
        for workflow in workflows.iter().filter(is_meant) {
            let Some(mut keys) = self.keys(workflow, settings)? else { continue };
            let sources = match (keys.is_empty(), statuses.iter().all(|status| BAD.contains(status))) {
                (false, _) => vec![Source::With(keys.remove(0))],
                (true, true) if !statuses.is_empty() => {
                    let ended =
                        |status: &Status| Source::Ended { workflow: workflow.clone(), status: *status };
                    statuses.iter().map(ended).collect()
                }
                (true, _) => vec![Source::Started { workflow: workflow.clone() }],
            };
            for source in sources {
                let range = self.range(&source);
                plan.sources.push((source, range));
                plan.also.push(keys.clone());
            }
        }
        if plan.sources.is_empty() && !self.attributes.is_empty() {
            return Err(QueryError::new("no workflow has all of these attributes"));
        }
        Ok(plan)
    }

    /// A state and an error are kept of runs that ended badly.
    fn statuses_meant(&self) -> Result<Vec<Status>, QueryError> {
        if self.state.is_none() && self.error.is_none() {
            return Ok(self.statuses.clone());
        }
        let meant: Vec<Status> = match self.statuses.is_empty() {
            true => BAD.to_vec(),
            false => self.statuses.iter().copied().filter(|status| BAD.contains(status)).collect(),
        };
        match meant.is_empty() {
            true => Err(QueryError::new(
                "only runs that failed, timed out or were aborted have an error, and a state that they ended in",
            )),
            false => Ok(meant),
        }
    }

    /// What leads to the runs that are meant of a workflow; none: the workflow lacks an attribute.
    fn keys(&self, workflow: &str, settings: &Settings) -> Result<Option<Vec<SearchKey>>, QueryError> {
        let paths = settings.search_of(workflow);
        let mut keys = Vec::with_capacity(self.attributes.len());
        for (key, value) in &self.attributes {
            let called: Vec<&SearchPath> = paths.iter().filter(|path| path.is_called(key)).collect();
            match called.as_slice() {
                [] => return Ok(None),
                [path] => keys.push(SearchKey::new(workflow, path, value)),
                several => {
                    let paths: Vec<String> = several.iter().map(ToString::to_string).collect();
                    let message = format!("the workflow {workflow} has several attributes '{key}'");
                    return Err(
                        QueryError::new(message).hint(format!("name one by its path: {}", paths.join(", ")))
                    );
                }
            }
        }
        Ok(Some(keys))
    }

    /// What of a list can hold a run that is meant: whoever ended had started before.
    fn range(&self, source: &Source) -> Range<i64> {
        let as_of_ms = self.as_of_ms.unwrap_or(i64::MAX);
        match source {
            Source::Ended { .. } => self.ended.start.max(self.started.start)..self.ended.end.min(as_of_ms),
            Source::With(_) | Source::Started { .. } => {
                self.started.start..self.started.end.min(self.ended.end).min(as_of_ms)
            }
        }
    }

    /// Whether a run is meant, as far as its item tells.
    pub(crate) fn fits(&self, item: &RunItem) -> Fit {
        let is_asked = |asked: &Option<String>, found: Option<&String>| {
            asked.as_ref().is_none_or(|asked| found == Some(asked))
        };
        let is_ended = item.status != Status::Running;
        let ended_ms = item.ended_ms.unwrap_or(i64::MAX);
        let fits = is_asked(&self.workflow, Some(&item.id.workflow))
            && (self.statuses.is_empty() || self.statuses.contains(&item.status))
            && is_asked(&self.error, item.error.as_ref())
            && self.started.contains(&item.started_ms)
            && (self.ended == ALWAYS || is_ended && self.ended.contains(&ended_ms))
            && self.as_of_ms.is_none_or(|as_of_ms| was_so(item, as_of_ms))
            && (self.state.is_none() || BAD.contains(&item.status));
        match (fits, &self.state, &item.state) {
            (false, ..) => Fit::No,
            (true, Some(_), None) => Fit::StateUnknown,
            (true, Some(asked), Some(found)) if asked != found => Fit::No,
            (true, ..) => Fit::Yes,
        }
    }
}

/// Whether a run is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fit {
    Yes,
    No,
    /// It was written before the state was kept in which a run ends.
    StateUnknown,
}

/// Whether a run was at that time as it is now: had started, gone on and ended.
fn was_so(item: &RunItem, as_of_ms: i64) -> bool {
    let last_ms = match item.status {
        Status::Running => item.redriven_ms().unwrap_or(item.started_ms),
        _ => item.ended_ms.unwrap_or(i64::MAX),
    };
    last_ms < as_of_ms
}

#[cfg(test)]
mod tests;
