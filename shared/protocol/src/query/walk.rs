//! The runs of a query, page by page: several lists merged, newest first, each run looked at.

use super::{Fit, Plan, Query, Source};
use crate::{
    item::{RunId, RunItem},
    items::Items,
    limits::{LISTS_READ_AT_ONCE, RUNS_READ_AT_ONCE, SAME_MS_RUNS_MAX},
    search::{FoundRun, SearchKey},
    traits::{Store, WorldError, WorldResult},
};
use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use std::{
    collections::{HashMap, VecDeque},
    ops::Range,
};

/// Where a run stands in the lists of a query: behind those that are later, and of those of one millisecond behind the ones
/// whose names sort after its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// When it started, or ended: what its list sorts by. Milliseconds since the epoch.
    pub at_ms: i64,
    pub id: RunId,
}

/// A run of a list that was looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    pub place: Place,
    pub judged: Judged,
}

/// What a look at a run shows.
#[derive(Debug, Clone, PartialEq)]
pub enum Judged {
    /// It is meant.
    Meant(Box<RunItem>),
    /// It isn't, or is gone.
    Other,
    /// It would be, but nothing says in which state it ended: that wasn't kept yet.
    StateUnknown,
    /// Its item is damaged, or of a newer program.
    Unreadable(WorldError),
}

/// The runs of a plan's lists, newest first, as they are asked for. Of each list a portion is read ahead.
#[derive(Debug)]
pub struct Walk<'s, S> {
    store: &'s S,
    query: Query,
    lanes: Vec<Lane>,
    portion: usize,
}

#[derive(Debug)]
struct Lane {
    source: Source,
    also: Vec<SearchKey>,
    range: Range<i64>,
    behind: Option<Place>,
    ready: VecDeque<FoundRun>,
    is_read: bool,
}

impl<'s, S: Store> Walk<'s, S> {
    /// The runs behind a place. `portion` runs of each list are read at once.
    pub fn new(store: &'s S, query: &Query, plan: &Plan, behind: Option<&Place>, portion: usize) -> Self {
        let lane = |((source, range), also): (&(Source, Range<i64>), &Vec<SearchKey>)| Lane {
            source: source.clone(),
            also: also.clone(),
            range: range.clone(),
            behind: behind.cloned(),
            ready: VecDeque::new(),
            is_read: false,
        };
        let lanes = plan.sources.iter().zip(&plan.also).map(lane).collect();
        Self { store, query: query.clone(), lanes, portion: portion.max(1) }
    }

    /// Looks at the next ones, at most so many; fewer only where there are no more.
    pub async fn next(&mut self, now_ms: i64, wanted: usize) -> WorldResult<Vec<Candidate>> {
        let mut found = Vec::new();
        while found.len() < wanted {
            self.fill().await?;
            let ready = self.lanes.iter_mut().filter(|lane| !lane.ready.is_empty());
            let Some(lane) = ready.max_by(|a, b| a.place().cmp(&b.place())) else { break };
            found.extend(lane.ready.pop_front().map(|run| (run, lane.source.clone(), lane.also.clone())));
        }
        let ids = found.iter().map(|(run, ..)| run.id.clone()).collect();
        let Items { items, unreadable } = Items::read(self.store, now_ms, ids).await?;
        let items: HashMap<RunId, RunItem> = items.into_iter().map(|item| (item.id.clone(), item)).collect();
        let unreadable: HashMap<RunId, WorldError> = unreadable.into_iter().collect();
        let (items, unreadable) = (&items, &unreadable);
        let this = &*self;
        let looks = stream::iter(found).map(|(run, source, also)| async move {
            let judged = match (items.get(&run.id), unreadable.get(&run.id)) {
                (Some(item), _) => this.look(&run, &source, &also, item).await?,
                (None, Some(error)) => Judged::Unreadable(error.clone()),
                (None, None) => Judged::Other,
            };
            Ok(Candidate { place: Place { at_ms: run.at_ms, id: run.id }, judged })
        });
        looks.buffered(RUNS_READ_AT_ONCE).try_collect().await
    }

    async fn look(
        &self,
        run: &FoundRun,
        source: &Source,
        also: &[SearchKey],
        item: &RunItem,
    ) -> WorldResult<Judged> {
        // Where the list is behind the run, or leads to an older run of the name, the run isn't the one that stands there.
        let is_listed = match source {
            Source::With(_) => run.nonce.as_ref() == Some(&item.nonce),
            Source::Ended { status, .. } => item.status == *status && item.ended_ms == Some(run.at_ms),
            Source::Started { .. } => item.started_ms == run.at_ms,
        };
        let fit = self.query.fits(item);
        if !is_listed || fit == Fit::No {
            return Ok(Judged::Other);
        }
        for by in also {
            if !self.store.has_search(by, &item.key(), item.started_ms).await? {
                return Ok(Judged::Other);
            }
        }
        Ok(match fit {
            Fit::StateUnknown => Judged::StateUnknown,
            _ => Judged::Meant(Box::new(item.clone())),
        })
    }

    /// Whether there are no more.
    pub async fn is_at_end(&mut self) -> WorldResult<bool> {
        self.fill().await?;
        Ok(self.lanes.iter().all(|lane| lane.ready.is_empty()))
    }

    /// Reads on where nothing is ready.
    async fn fill(&mut self) -> WorldResult<()> {
        let (store, portion) = (self.store, self.portion);
        let empty = self.lanes.iter_mut().filter(|lane| lane.ready.is_empty() && !lane.is_read);
        let reads: Vec<_> = empty.map(|lane| lane.read_on(store, portion)).collect();
        stream::iter(reads).buffer_unordered(LISTS_READ_AT_ONCE).try_collect::<Vec<()>>().await.map(drop)
    }
}

impl Lane {
    fn place(&self) -> Option<Place> {
        self.ready.front().map(place)
    }

    /// The next `wanted` runs, behind the last one; fewer only where there are no more.
    ///
    /// A list has no order among those of one millisecond, so those at which a page is cut are read as a whole.
    async fn read_on<S: Store>(&mut self, store: &S, wanted: usize) -> WorldResult<()> {
        let mut runs = Vec::new();
        let mut until_ms = self.range.end;
        if let Some(behind) = &self.behind {
            until_ms = until_ms.min(behind.at_ms);
            if self.range.contains(&behind.at_ms) {
                let same =
                    self.list(store, behind.at_ms, behind.at_ms.saturating_add(1), SAME_MS_RUNS_MAX).await?;
                runs.extend(same.into_iter().filter(|run| place(run) < *behind));
                runs.sort_by_key(|run| std::cmp::Reverse(place(run)));
            }
        }
        if runs.len() < wanted {
            let limit = wanted - runs.len();
            let mut older = self.list(store, self.range.start, until_ms, limit).await?;
            if older.len() == limit
                && let Some(cut_ms) = older.last().map(|run| run.at_ms)
            {
                older.retain(|run| run.at_ms != cut_ms);
                older.extend(self.list(store, cut_ms, cut_ms.saturating_add(1), SAME_MS_RUNS_MAX).await?);
            }
            older.sort_by_key(|run| std::cmp::Reverse(place(run)));
            runs.extend(older);
        }
        runs.truncate(wanted);
        self.is_read = runs.len() < wanted;
        if let Some(last) = runs.last() {
            self.behind = Some(place(last));
        }
        self.ready = runs.into();
        Ok(())
    }

    async fn list<S: Store>(
        &self,
        store: &S,
        from_ms: i64,
        until_ms: i64,
        limit: usize,
    ) -> WorldResult<Vec<FoundRun>> {
        match &self.source {
            Source::With(by) => store.runs_with(by, from_ms, until_ms, limit).await,
            Source::Ended { workflow, status } => {
                store.runs_ended(workflow, *status, from_ms, until_ms, limit).await
            }
            Source::Started { workflow } => {
                let listed = store.runs_started(workflow, from_ms, until_ms, limit).await?;
                let found =
                    listed.into_iter().map(|run| FoundRun { id: run.id, at_ms: run.started_ms, nonce: None });
                Ok(found.collect())
            }
        }
    }
}

fn place(run: &FoundRun) -> Place {
    Place { at_ms: run.at_ms, id: run.id.clone() }
}
