//! Runs that somebody reads page by page: the order of their events is made once.

use crate::{
    error::ApiError,
    limits::{READS_AT_ONCE, RECORDINGS_BYTES_MAX, RECORDINGS_KEPT, RECORDS_BYTES_MAX},
};
use futures::{StreamExt, TryStreamExt, stream};
use std::{
    collections::VecDeque,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};
use stepladder_engine::{
    Beginning, History, HistoryEvent, HistoryOrder, Needed, Records, RecordsPart, Run, RunDefinitions, Status,
};
use stepladder_protocol::{Host, Protocol, Recording, RunItem, RunKey, json};

/// A run, and the order of its events when it was read.
#[derive(Debug)]
pub(crate) struct Ordered {
    pub(crate) item: RunItem,
    pub(crate) order: Arc<HistoryOrder>,
    definitions: RunDefinitions,
    run: Run,
    beginning: Beginning,
    /// None: there are many, and each page reads its own. What is recorded once never changes.
    records: Option<Records>,
    /// About what it takes in memory.
    bytes: usize,
}

impl Ordered {
    fn new(recording: Recording) -> Result<Self, ApiError> {
        let Recording { item, definitions, run, beginning, records } = recording;
        let order = History::new(&definitions, &run, beginning.clone(), &records)
            .map(|history| Arc::clone(history.order()))
            .map_err(|error| ApiError::internal(format!("replay {}: {error}", item.id)))?;
        let of_records = records_bytes(&records)?;
        let records = (of_records <= RECORDS_BYTES_MAX).then_some(records);
        let of_records = if records.is_some() { of_records } else { 0 };
        let chosen = beginning.chosen.as_ref().map_or(Ok(0), json::size);
        let beginning_bytes = json::size(&beginning.input).and_then(|input| Ok(input + chosen?));
        let bytes = order.bytes() + 3 * beginning_bytes.map_err(|_| unwritable())? + of_records;
        Ok(Self { item, order, definitions, run, beginning, records, bytes })
    }

    /// Whether its events are all that there will ever be of it, unless it is redriven.
    pub(crate) fn has_ended(&self) -> bool {
        self.item.status != Status::Running
    }

    /// The events in this range.
    pub(crate) async fn events<H: Host>(
        &self,
        protocol: &Protocol<H>,
        range: Range<usize>,
    ) -> Result<Vec<HistoryEvent>, ApiError> {
        let range = range.start..range.end.min(self.order.len());
        let Self { definitions, run, order, .. } = self;
        let (beginning, order) = (self.beginning.clone(), Arc::clone(order));
        let page = match &self.records {
            Some(records) => {
                History::in_order(definitions, run, beginning, records, order).page(range.clone())
            }
            None => {
                let part = self.part(protocol, range.clone()).await?;
                History::of_part(definitions, run, beginning, &part, order).page(range.clone())
            }
        };
        let events = page.map_err(|error| ApiError::internal(format!("replay {}: {error}", self.item.id)))?;
        match events.len() == range.len() {
            true => Ok(events),
            false => Err(ApiError::internal(format!(
                "records of {} are missing: deleted, or expired",
                self.item.id
            ))),
        }
    }

    /// The records that these events are made of.
    async fn part<H: Host>(
        &self,
        protocol: &Protocol<H>,
        range: Range<usize>,
    ) -> Result<RecordsPart, ApiError> {
        let key = &self.item.key();
        let reads = stream::iter(self.order.needs(range)).map(|Needed { branch, seqs }| async move {
            let first = seqs.start;
            let records = protocol.recorded_of(key, &branch, seqs).await?;
            Ok::<_, ApiError>((branch, (first, records)))
        });
        reads.buffered(READS_AT_ONCE).try_collect().await
    }
}

/// About what records take in memory: three times their JSON text, and what is around it.
fn records_bytes(records: &Records) -> Result<usize, ApiError> {
    records.values().flatten().try_fold(0, |sum, recorded| {
        Ok(sum + 256 + 3 * json::size(&recorded.outcome).map_err(|_| unwritable())?)
    })
}

fn unwritable() -> ApiError {
    ApiError::internal("a record could not be written")
}

/// The latest few of them, the newest first.
#[derive(Debug, Default)]
pub(crate) struct Recordings(Mutex<VecDeque<Arc<Ordered>>>);

impl Recordings {
    /// The run as it was read last, if that is known. Of one that had not ended more may have been recorded since.
    pub(crate) fn kept(&self, item: &RunItem) -> Option<Arc<Ordered>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().position(|kept| is_of(kept, &item.key(), item.redrive_count))?;
        let found = kept.remove(at)?;
        kept.push_front(Arc::clone(&found));
        Some(found)
    }

    /// What has been recorded of a run until now.
    pub(crate) async fn read<H: Host>(
        &self,
        protocol: &Protocol<H>,
        item: &RunItem,
    ) -> Result<Option<Arc<Ordered>>, ApiError> {
        let Some(recording) = protocol.recording(&item.id).await? else { return Ok(None) };
        let ordered = Arc::new(Ordered::new(recording)?);
        self.keep(&ordered);
        Ok(Some(ordered))
    }

    fn keep(&self, ordered: &Arc<Ordered>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = ordered.item.key();
        kept.retain(|kept| kept.item.key() != key);
        if ordered.bytes > RECORDINGS_BYTES_MAX {
            return;
        }
        kept.push_front(Arc::clone(ordered));
        kept.truncate(RECORDINGS_KEPT);
        while kept.iter().map(|kept| kept.bytes).sum::<usize>() > RECORDINGS_BYTES_MAX {
            kept.pop_back();
        }
    }
}

fn is_of(kept: &Ordered, key: &RunKey, redrive_count: u32) -> bool {
    kept.item.key() == *key && kept.item.redrive_count == redrive_count
}
