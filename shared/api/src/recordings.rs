//! Ended runs that somebody reads page by page: what was recorded of them doesn't change any more.

use crate::{
    error::ApiError,
    limits::{RECORDINGS_BYTES_MAX, RECORDINGS_KEPT},
};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};
use stepladder_engine::{History, HistoryOrder, Status};
use stepladder_protocol::{Host, Protocol, Recording, RunItem, RunKey, json};

/// A run with its records, and the order of its events.
#[derive(Debug)]
pub(crate) struct Ordered {
    pub(crate) recording: Recording,
    pub(crate) order: Arc<HistoryOrder>,
}

impl Ordered {
    pub(crate) fn history(&self) -> History<'_> {
        let Recording { definition, run, input, records, .. } = &self.recording;
        History::in_order(definition, run, input.clone(), records, Arc::clone(&self.order))
    }
}

/// The latest few of them, the newest first.
#[derive(Debug, Default)]
pub(crate) struct Recordings(Mutex<VecDeque<Kept>>);

#[derive(Debug)]
struct Kept {
    run: RunKey,
    redrive_count: u32,
    /// The size of its data as JSON text.
    bytes: usize,
    ordered: Arc<Ordered>,
}

impl Recordings {
    /// What was recorded of a run: from memory if it had ended when it was read, and hasn't been redriven since.
    pub(crate) async fn read<H: Host>(
        &self,
        protocol: &Protocol<H>,
        item: &RunItem,
    ) -> Result<Option<Arc<Ordered>>, ApiError> {
        let key = item.key();
        if item.status != Status::Running
            && let Some(kept) = self.kept(&key, item.redrive_count)
        {
            return Ok(Some(kept));
        }
        let Some(recording) = protocol.recording(&item.id).await? else { return Ok(None) };
        let Recording { definition, run, input, records, .. } = &recording;
        let order = History::new(definition, run, input.clone(), records)
            .map(|history| Arc::clone(history.order()))
            .map_err(|error| ApiError::internal(format!("replay {}: {error}", item.id)))?;
        let ordered = Arc::new(Ordered { recording, order });
        self.keep(&ordered)?;
        Ok(Some(ordered))
    }

    fn kept(&self, key: &RunKey, redrive_count: u32) -> Option<Arc<Ordered>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().position(|kept| kept.run == *key && kept.redrive_count == redrive_count)?;
        let found = kept.remove(at)?;
        let ordered = Arc::clone(&found.ordered);
        kept.push_front(found);
        Some(ordered)
    }

    fn keep(&self, ordered: &Arc<Ordered>) -> Result<(), ApiError> {
        let Recording { item, input, records, .. } = &ordered.recording;
        if item.status == Status::Running {
            return Ok(());
        }
        let unwritable = |_| ApiError::internal("a record could not be written");
        let mut bytes = json::size(input).map_err(unwritable)?;
        for recorded in records.values().flatten() {
            bytes += json::size(&recorded.outcome).map_err(unwritable)?;
            if bytes > RECORDINGS_BYTES_MAX {
                return Ok(());
            }
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (run, redrive_count) = (item.key(), item.redrive_count);
        kept.push_front(Kept { run, redrive_count, bytes, ordered: Arc::clone(ordered) });
        kept.truncate(RECORDINGS_KEPT);
        while kept.iter().map(|kept| kept.bytes).sum::<usize>() > RECORDINGS_BYTES_MAX {
            kept.pop_back();
        }
        Ok(())
    }
}
