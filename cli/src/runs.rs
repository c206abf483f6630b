//! Finding runs: by what a person types, and the newest ones.

use crate::{
    connect::Stack,
    exit::Exit,
    failure::{Code, Failure, Outcome},
    limits,
    text::count,
};
use std::collections::HashSet;
use stepladder_asl::nearest;
use stepladder_engine::Status;
use stepladder_protocol::{Items, ListedRun, QueryError, RunId, Store, WorldError, check_name};

/// The run that a person means: `workflow/name`, a name, or a prefix of a name that is unique among the newest runs.
pub async fn resolve(stack: &Stack, id: &str) -> Outcome<RunId> {
    let (workflow, name) = match id.split_once('/') {
        Some((workflow, name)) => (Some(workflow), name),
        None => (None, id),
    };
    for part in workflow.into_iter().chain([name]) {
        check_name(part).map_err(|error| {
            Failure::new(Exit::NotFound, Code::InvalidId, format!("'{id}' is no id of a run: {error}"))
                .hint("an id is workflow/name, a name, or the first letters of a name")
        })?;
    }
    let all = stack.store().workflows().await?;
    let workflows = match workflow {
        Some(workflow) => vec![known(workflow, &all)?],
        None => all,
    };
    let now_ms = stack.now_ms();
    let mut exact = Vec::new();
    for workflow in &workflows {
        let id = RunId::new(workflow, name);
        if stack.store().run(&id, now_ms).await?.is_some() {
            exact.push(id);
        }
    }
    let newest = match exact.is_empty() {
        true => newest_ids(stack, &workflows, 0, limits::ID_RUNS_MAX).await?,
        false => Vec::new(),
    };
    choose(id, name, exact, &newest)
}

/// The workflow, if it is there; else an error that names the nearest one.
pub fn known(workflow: &str, all: &[String]) -> Outcome<String> {
    if all.iter().any(|known| known == workflow) {
        return Ok(workflow.to_owned());
    }
    let failure =
        Failure::new(Exit::NotFound, Code::UnknownWorkflow, format!("there is no workflow '{workflow}'"));
    Err(match (nearest(workflow, all.iter().map(String::as_str)), all.is_empty()) {
        (Some(near), _) => failure.hint(format!("did you mean '{near}'?")),
        (None, true) => failure.hint("this stack has no workflow yet"),
        (None, false) => {
            let shown: Vec<&str> = all.iter().take(10).map(String::as_str).collect();
            failure.hint(format!("there are: {}", shown.join(", ")))
        }
    })
}

/// A query that can't be asked.
pub fn not_asked(error: QueryError) -> Failure {
    let QueryError { message, hint } = error;
    let failure = Failure::new(Exit::Usage, Code::InvalidQuery, message);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// Which of them is meant: exactly one of that name, else exactly one that begins with it.
fn choose(id: &str, name: &str, exact: Vec<RunId>, newest: &[RunId]) -> Outcome<RunId> {
    let matching: Vec<RunId> = match exact.is_empty() {
        true => newest.iter().filter(|run| run.name.starts_with(name)).cloned().collect(),
        false => exact,
    };
    match matching.as_slice() {
        [one] => Ok(one.clone()),
        [] => {
            let names = newest.iter().map(|run| run.name.as_str());
            let failure = Failure::new(Exit::NotFound, Code::NoSuchRun, format!("there is no run '{id}'"));
            Err(match nearest(name, names) {
                Some(near) => failure
                    .hint(format!("did you mean '{near}'? `stepladder run list` shows the newest runs")),
                None => failure.hint("`stepladder run list` shows the newest runs"),
            })
        }
        several => {
            let message = format!("'{id}' fits {}", count(several.len(), "run"));
            let failure = Failure::new(Exit::NotFound, Code::AmbiguousRun, message);
            let failure =
                several.iter().take(5).fold(failure, |failure, run| failure.detail(run.to_string()));
            Err(failure.hint("type more of it, or workflow/name"))
        }
    }
}

/// The newest runs of these workflows together, at most so many, the newest first.
pub async fn newest_ids(
    stack: &Stack,
    workflows: &[String],
    since_ms: i64,
    limit: usize,
) -> Outcome<Vec<RunId>> {
    let mut listed = Vec::new();
    for workflow in workflows {
        listed.extend(stack.store().runs_started(workflow, since_ms, i64::MAX, limit).await?);
    }
    listed.sort_by(|a, b| b.started_ms.cmp(&a.started_ms).then_with(|| a.id.cmp(&b.id)));
    listed.truncate(limit);
    Ok(listed.into_iter().map(|listed| listed.id).collect())
}

/// The runs of all workflows that still go, the newest of each workflow first; and those that can't be read.
pub async fn running(store: &impl Store, now_ms: i64) -> Outcome<(Vec<RunId>, Vec<(RunId, WorldError)>)> {
    let (mut running, mut unreadable) = (Vec::new(), Vec::new());
    for workflow in store.workflows().await? {
        let mut pages = Pages::new(limits::PAGE_RUNS);
        loop {
            let page = store.runs_started(&workflow, 0, pages.until_ms, pages.limit).await?;
            let (ids, is_last) = pages.take(page);
            let read = Items::read(store, now_ms, ids).await?;
            let still = read.items.into_iter().filter(|item| item.status == Status::Running);
            running.extend(still.map(|item| item.id));
            unreadable.extend(read.unreadable);
            if is_last {
                break;
            }
        }
    }
    Ok((running, unreadable))
}

/// A list of runs that comes newest first, read backwards page by page.
#[derive(Debug)]
struct Pages {
    page_runs: usize,
    /// What to ask for next: so many runs that started before this time.
    limit: usize,
    until_ms: i64,
    /// The runs of the oldest millisecond so far. The next page begins with it once more, for it may have been cut there.
    seen: HashSet<RunId>,
}

impl Pages {
    fn new(page_runs: usize) -> Self {
        Self { page_runs, limit: page_runs, until_ms: i64::MAX, seen: HashSet::new() }
    }

    /// What of a page is new, and whether it was the last one.
    fn take(&mut self, page: Vec<ListedRun>) -> (Vec<RunId>, bool) {
        let is_last = page.len() < self.limit;
        let Some(oldest_ms) = page.last().map(|run| run.started_ms) else { return (Vec::new(), true) };
        let oldest = page.iter().filter(|run| run.started_ms == oldest_ms).map(|run| run.id.clone());
        let oldest: HashSet<RunId> = oldest.collect();
        let new = page.into_iter().map(|run| run.id).filter(|id| !self.seen.contains(id)).collect();
        let until_ms = oldest_ms.saturating_add(1);
        if until_ms < self.until_ms {
            (self.until_ms, self.limit, self.seen) = (until_ms, self.page_runs, oldest);
        } else {
            // A page within one millisecond leads nowhere: a larger one does.
            self.limit = self.limit.saturating_mul(2);
            self.seen.extend(oldest);
        }
        (new, is_last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(ids: &[&str]) -> Vec<RunId> {
        ids.iter()
            .map(|id| {
                let (workflow, name) = id.split_once('/').unwrap();
                RunId::new(workflow, name)
            })
            .collect()
    }

    #[track_caller]
    fn check(id: &str, exact: &[&str], newest: &[&str], expected: Result<&str, Code>) {
        let name = id.split_once('/').map_or(id, |(_, name)| name);
        let chosen = choose(id, name, ids(exact), &ids(newest)).map(|id| id.to_string());
        assert_eq!(chosen.as_deref().map_err(|failure| failure.code), expected);
    }

    #[test]
    fn a_prefix_must_be_unique_and_a_name_goes_first() {
        let newest = ["order/7f3c", "order/7f9a", "ship/80aa"];
        check("8", &[], &newest, Ok("ship/80aa"));
        check("7f3", &[], &newest, Ok("order/7f3c"));
        check("7f", &[], &newest, Err(Code::AmbiguousRun));
        check("9", &[], &newest, Err(Code::NoSuchRun));
        check("7f", &["order/7f"], &newest, Ok("order/7f"));
        check("17", &["order/17", "ship/17"], &newest, Err(Code::AmbiguousRun));
        check("order/17", &["order/17"], &[], Ok("order/17"));
    }

    /// All runs of such start times, read in pages of so many.
    #[track_caller]
    fn check_pages(started_ms: &[i64], page_runs: usize) {
        let mut all: Vec<ListedRun> = (0..)
            .zip(started_ms)
            .map(|(n, ms)| ListedRun { id: RunId::new("w", format!("{n}")), started_ms: *ms })
            .collect();
        all.sort_by_key(|run| std::cmp::Reverse(run.started_ms));
        let (mut pages, mut read) = (Pages::new(page_runs), Vec::new());
        // Each page has something new, or leads to one that has: twice as many are enough.
        for _ in 0..2 * all.len() + 2 {
            let page = all.iter().filter(|run| run.started_ms < pages.until_ms).take(pages.limit).cloned();
            let (new, is_last) = pages.take(page.collect());
            read.extend(new);
            if is_last {
                let all: Vec<RunId> = all.into_iter().map(|run| run.id).collect();
                return assert_eq!(read, all);
            }
        }
        panic!("no end: {started_ms:?} in pages of {page_runs}");
    }

    #[test]
    fn page_by_page_each_run_comes_once() {
        for page_runs in 1..6 {
            check_pages(&[], page_runs);
            check_pages(&[1, 2, 3, 4, 5, 6, 7], page_runs);
            check_pages(&[1, 2, 2, 3, 3, 3, 4], page_runs);
            check_pages(&[5; 11], page_runs);
            check_pages(&[9, 5, 5, 5, 5, 5, 1, 1, 1, 0], page_runs);
        }
    }

    #[test]
    fn what_is_not_there_hints_at_what_is() {
        let failure = choose("7f3d", "7f3d", vec![], &ids(&["order/7f3c"])).unwrap_err();
        assert!(failure.hint.as_deref().unwrap().starts_with("did you mean '7f3c'?"), "{failure:?}");
        let all = ["order-processing".to_owned(), "data-import".to_owned()];
        let failure = known("order-procesing", &all).unwrap_err();
        assert_eq!(
            (failure.exit, failure.hint.as_deref()),
            (Exit::NotFound, Some("did you mean 'order-processing'?"))
        );
        let failure = known("x", &all).unwrap_err();
        assert_eq!(failure.hint.as_deref(), Some("there are: order-processing, data-import"));
    }
}
