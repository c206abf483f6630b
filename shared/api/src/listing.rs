//! Runs by start time and then by name, backwards: of one workflow, and of several merged.

use crate::limits::{READS_AT_ONCE, SAME_MS_MAX};
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::VecDeque;
use stepladder_protocol::{ListedRun, Store, WorldResult};

/// Where a list of one workflow's runs goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Behind {
    Nothing,
    /// Behind the run with this start time and name.
    Run(i64, String),
    /// With those that started before this time.
    Before(i64),
}

/// The next `wanted` runs of a workflow; fewer only where there are no more.
///
/// The list's index has no order among those of one millisecond, so those at which a page is cut are read as a whole.
pub(crate) async fn runs_behind<S: Store>(
    store: &S,
    workflow: &str,
    behind: &Behind,
    wanted: usize,
) -> WorldResult<Vec<ListedRun>> {
    let mut runs = Vec::new();
    let until_ms = match behind {
        Behind::Nothing => i64::MAX,
        Behind::Before(ms) => *ms,
        Behind::Run(ms, name) => {
            let same = runs_at(store, workflow, *ms).await?;
            runs.extend(same.into_iter().filter(|run| run.id.name < *name));
            *ms
        }
    };
    if runs.len() < wanted {
        let limit = wanted - runs.len();
        let mut older = store.runs_started(workflow, 0, until_ms, limit).await?;
        if older.len() == limit
            && let Some(cut_ms) = older.last().map(|run| run.started_ms)
        {
            older.retain(|run| run.started_ms != cut_ms);
            older.extend(runs_at(store, workflow, cut_ms).await?);
        }
        // Those of one millisecond come in no order.
        older.sort_by(|a, b| place(b).cmp(&place(a)));
        runs.extend(older);
    }
    runs.truncate(wanted);
    Ok(runs)
}

/// All runs of one millisecond, by name, backwards.
async fn runs_at<S: Store>(store: &S, workflow: &str, ms: i64) -> WorldResult<Vec<ListedRun>> {
    let mut runs = store.runs_started(workflow, ms, ms.saturating_add(1), SAME_MS_MAX).await?;
    runs.sort_by(|a, b| b.id.cmp(&a.id));
    Ok(runs)
}

/// What lists are sorted by.
fn place(run: &ListedRun) -> (i64, &str, &str) {
    (run.started_ms, run.id.workflow.as_str(), run.id.name.as_str())
}

/// The runs of several workflows, newest first, as they are asked for. Of each workflow a portion is read ahead.
#[derive(Debug)]
pub(crate) struct Merged<'s, S> {
    store: &'s S,
    sources: Vec<Source>,
    portion: usize,
}

#[derive(Debug)]
struct Source {
    workflow: String,
    behind: Behind,
    ready: VecDeque<ListedRun>,
    is_read: bool,
}

impl<'s, S: Store> Merged<'s, S> {
    /// Those behind `after`.
    pub(crate) fn new(
        store: &'s S,
        workflows: Vec<String>,
        after: Option<&ListedRun>,
        portion: usize,
    ) -> Self {
        let source = |workflow: String| Source {
            behind: match after {
                None => Behind::Nothing,
                Some(run) if workflow == run.id.workflow => Behind::Run(run.started_ms, run.id.name.clone()),
                // Of the same millisecond come those of the workflows whose names sort before.
                Some(run) if workflow < run.id.workflow => Behind::Before(run.started_ms.saturating_add(1)),
                Some(run) => Behind::Before(run.started_ms),
            },
            workflow,
            ready: VecDeque::new(),
            is_read: false,
        };
        Self { store, sources: workflows.into_iter().map(source).collect(), portion }
    }

    /// The next ones, at most so many; fewer only where there are no more.
    pub(crate) async fn next(&mut self, wanted: usize) -> WorldResult<Vec<ListedRun>> {
        let mut runs = Vec::new();
        while runs.len() < wanted {
            self.fill().await?;
            let ready = self.sources.iter_mut().filter(|source| !source.ready.is_empty());
            let newest = ready.max_by(|a, b| {
                let head = |source: &&mut Source| {
                    let run = source.ready.front()?;
                    Some((run.started_ms, run.id.clone()))
                };
                head(a).cmp(&head(b))
            });
            match newest.and_then(|source| source.ready.pop_front()) {
                Some(run) => runs.push(run),
                None => break,
            }
        }
        Ok(runs)
    }

    /// Whether there are no more.
    pub(crate) async fn is_at_end(&mut self) -> WorldResult<bool> {
        self.fill().await?;
        Ok(self.sources.iter().all(|source| source.ready.is_empty()))
    }

    /// Reads on where nothing is ready.
    async fn fill(&mut self) -> WorldResult<()> {
        let (store, portion) = (self.store, self.portion);
        let empty = self.sources.iter_mut().filter(|source| source.ready.is_empty() && !source.is_read);
        let reads = empty.map(|source| async move {
            let runs = runs_behind(store, &source.workflow, &source.behind, portion).await?;
            source.is_read = runs.len() < portion;
            if let Some(last) = runs.last() {
                source.behind = Behind::Run(last.started_ms, last.id.name.clone());
            }
            source.ready = runs.into();
            Ok(())
        });
        let reads: Vec<_> = reads.collect();
        stream::iter(reads).buffer_unordered(READS_AT_ONCE).try_collect::<Vec<()>>().await.map(drop)
    }
}
