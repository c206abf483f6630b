//! Runs that are sent on, in memory.

use super::MemoryHost;
use stepladder_engine::Status;
use stepladder_protocol::{Record, RecordKey, RedriveItem, RunItem, RunKey, WorldResult};

impl MemoryHost {
    /// One transaction: the run with this redrive count, if it is in a state that allows it, goes on with the next; and the record.
    pub(super) async fn redriven(
        &self,
        operation: &'static str,
        (run, redrive_count, redrive): (&RunKey, u32, &RedriveItem),
        (key, record): (&RecordKey, &Record),
        is_it: impl Fn(&RunItem) -> bool,
    ) -> WorldResult<bool> {
        self.write_run(operation, &run.id, |state| {
            if state.records.contains_key(key) {
                return Ok(false);
            }
            let is_it = |item: &&mut RunItem| {
                item.nonce == run.nonce && item.redrive_count == redrive_count && is_it(item)
            };
            let Some(item) = state.runs.get_mut(&run.id).filter(is_it) else { return Ok(false) };
            item.status = Status::Running;
            item.redrive_count += 1;
            item.by = Some(redrive.by.clone());
            item.redrives = redrive.redrives.clone();
            item.redefined = redrive.redefined.clone();
            (item.ended_ms, item.ending, item.ending_item, item.error) = (None, None, None, None);
            item.state = None;
            state.insert_record(key, record);
            Ok(true)
        })
        .await
    }
}
