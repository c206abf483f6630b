//! Something done to all runs of a query: each of them once, at a rate, with a report that it can be gone on with.
//!
//! The query is frozen: it means the runs as they were when it was asked. It is walked newest first, a page at a time. Before anything
//! is done to the runs of a page, the report names them; when something was done to one, the report says so. Whoever goes on with a
//! report asks those of its last page that have no line once more, with the same token, and then walks on behind them. So
//! at most a page is in memory, and a run is neither left out nor done twice, wherever the process died. docs/decisions/0037.

pub mod action;
pub mod command;
pub mod pace;
pub mod report;
pub mod survey;

use crate::{
    failure::Outcome,
    limits::{BULK_AGAIN_MS, BULK_AT_ONCE},
};
use action::{Acted, Action};
use futures::{FutureExt, StreamExt, future, stream::FuturesUnordered};
use pace::Pace;
use report::{Entry, Journal, Line, Page, Progress, RunResult};
use std::collections::VecDeque;
use stepladder_protocol::{
    Candidate, Clock, Host, Judged, Plan, Protocol, Query, Retry, RunId, Walk, WorldError,
};

/// A query and what is done to its runs.
#[derive(Debug)]
pub struct Order<'a, A> {
    pub action: &'a A,
    pub query: &'a Query,
    pub plan: &'a Plan,
    /// What each run is asked with.
    pub token: &'a str,
    /// So many runs are looked at together, and at most so many planned.
    pub page_runs: usize,
}

/// How it came to an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// All runs have been asked.
    Complete,
    /// Somebody wanted it to stop. What was under way has come to its end.
    Stopped,
}

/// The runs of a page that are meant, and where the next one begins.
#[derive(Debug, Default)]
struct Meant {
    page: Option<Page>,
    is_last: bool,
}

/// Does what is ordered to the runs that `progress` has not come to, until all are asked or `stop` is over. An error that stays leaves
/// the rest undone.
pub async fn work<H: Host, A: Action<H>, J: Journal>(
    protocol: &Protocol<H>,
    order: &Order<'_, A>,
    pace: &mut Pace,
    progress: &mut Progress,
    journal: &mut J,
    show: &impl Fn(&Progress),
    stop: impl Future<Output = ()>,
) -> Outcome<End> {
    let stop = stop.shared();
    let store = protocol.host().store();
    let mut walk = Walk::new(store, order.query, order.plan, progress.behind.as_ref(), order.page_runs);
    let mut next = Meant::default();
    loop {
        // The next page is read while this one is worked on: reading it costs none of the rate.
        if let Some(page) = next.page.take() {
            write(&Entry::Page(page), progress, journal)?;
        }
        let is_last = next.is_last;
        let read = async {
            match is_last {
                true => Ok(Meant { page: None, is_last }),
                false => read(protocol, &mut walk, order.page_runs).await,
            }
        };
        let acting = act(protocol, order, pace, progress, journal, show, stop.clone());
        let (acted, read) = future::join(acting, read).await;
        if acted? == End::Stopped {
            return Ok(End::Stopped);
        }
        next = read?;
        if next.page.is_none() {
            return Ok(End::Complete);
        }
    }
}

/// The next page on which a run is meant.
async fn read<H: Host>(
    protocol: &Protocol<H>,
    walk: &mut Walk<'_, H::Store>,
    page_runs: usize,
) -> Result<Meant, WorldError> {
    loop {
        let found = walk.next(protocol.host().clock().now_ms(), page_runs).await?;
        let is_last = found.len() < page_runs;
        let behind = found.last().map(|last| last.place.clone());
        let meant = |candidate: Candidate| match candidate.judged {
            Judged::Meant(item) => Some(item.id.to_string()),
            _ => None,
        };
        let runs: Vec<String> = found.into_iter().filter_map(meant).collect();
        match behind {
            Some(behind) if !runs.is_empty() => {
                return Ok(Meant { page: Some(Page { runs, behind }), is_last });
            }
            _ if is_last => return Ok(Meant { page: None, is_last }),
            _ => {}
        }
    }
}

/// Asks the open runs, one slot after another, some of them at once.
async fn act<H: Host, A: Action<H>, J: Journal>(
    protocol: &Protocol<H>,
    order: &Order<'_, A>,
    pace: &mut Pace,
    progress: &mut Progress,
    journal: &mut J,
    show: &impl Fn(&Progress),
    stop: impl Future<Output = ()> + Clone,
) -> Outcome<End> {
    let clock = protocol.host().clock();
    let mut left: VecDeque<String> = progress.open.iter().cloned().collect();
    let mut under_way = FuturesUnordered::new();
    let (mut end, mut failed) = (End::Complete, None);
    loop {
        while under_way.len() >= BULK_AT_ONCE || left.is_empty() || failed.is_some() || end == End::Stopped {
            match under_way.next().await {
                Some(Ok(line)) => write(&Entry::Run(line), progress, journal)?,
                Some(Err(error)) => failed = failed.or(Some(error)),
                None => break,
            }
            show(progress);
        }
        if let Some(error) = failed {
            return Err(WorldError::into(error));
        }
        if left.is_empty() || end == End::Stopped {
            return Ok(end);
        }
        let wait_us = pace.slot(clock.now_ms().saturating_mul(1_000));
        let mut slot = Box::pin(async {
            if wait_us > 0 {
                clock.sleep((wait_us + 999) / 1_000).await;
            }
        });
        // While it waits for its slot, others come to their ends.
        loop {
            tokio::select! {
                biased;
                () = stop.clone() => {
                    end = End::Stopped;
                    break;
                }
                () = &mut slot => {
                    under_way.extend(left.pop_front().map(|id| ask(protocol, order, id)));
                    break;
                }
                Some(ended) = under_way.next(), if !under_way.is_empty() => match ended {
                    Ok(line) => {
                        write(&Entry::Run(line), progress, journal)?;
                        show(progress);
                    }
                    Err(error) => {
                        failed = Some(error);
                        break;
                    }
                },
            }
        }
    }
}

/// First in the journal, then in what is known.
fn write(entry: &Entry, progress: &mut Progress, journal: &mut impl Journal) -> Outcome {
    journal.write(entry)?;
    progress.take(entry);
    Ok(())
}

/// Asks one run, some times where the stack can't take it now.
async fn ask<H: Host, A: Action<H>>(
    protocol: &Protocol<H>,
    order: &Order<'_, A>,
    id: String,
) -> Result<Line, WorldError> {
    let Some(run) = run_id(&id) else {
        return Ok(Line { id, result: RunResult::Failed, error: Some("it is no id of a run".to_owned()) });
    };
    let mut again_ms = BULK_AGAIN_MS.into_iter();
    loop {
        let (result, error) = match order.action.act(protocol, &run, order.token).await {
            Ok(Acted::Done) => (RunResult::Done, None),
            Ok(Acted::Pending) => (RunResult::Pending, None),
            Ok(Acted::Refused(why)) => (RunResult::Refused, Some(why)),
            Err(error) if error.retry == Retry::Never => (RunResult::Failed, Some(error.to_string())),
            Err(error) => match again_ms.next() {
                Some(ms) => {
                    protocol.host().clock().sleep(ms).await;
                    continue;
                }
                None => return Err(error),
            },
        };
        return Ok(Line { id, result, error });
    }
}

/// `workflow/name`, of which neither has a slash.
fn run_id(text: &str) -> Option<RunId> {
    let (workflow, name) = text.split_once('/')?;
    Some(RunId::new(workflow, name))
}

#[cfg(test)]
mod tests;
