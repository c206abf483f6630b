//! Reading a run: its item, its records, and what a replay makes of them.

use crate::{
    Protocol,
    item::{Ending, Record, RunId, RunItem, RunKey},
    payload,
    traits::{Clock, DataSlot, Host, Retry, Store, WorldError, WorldResult},
};
use serde_json::Value;
use std::sync::Arc;
use stepladder_asl::Definition;
use stepladder_engine::{Recorded, Replay, Run, replay};

/// A run, read and replayed.
#[derive(Debug, Clone)]
pub struct RunView {
    pub item: RunItem,
    pub definition: Arc<Definition>,
    /// The run as the engine sees it, with its input if the definition mentions it.
    pub run: Run,
    pub input: Value,
    pub records: Vec<Record>,
    pub recorded: Vec<Recorded>,
    pub replay: Replay,
}

impl<H: Host> Protocol<H> {
    /// Reads and replays a run; `None` if it isn't there. A replay that leads elsewhere than the run did is an error
    /// that says where.
    pub async fn view(&self, id: &RunId) -> WorldResult<Option<RunView>> {
        let Some(item) = self.host.store().run(id, self.host.clock().now_ms()).await? else {
            return Ok(None);
        };
        let definition = self.definition(&id.workflow, &item.definition).await?;
        let input = self.input(&item).await?;
        let key = item.key();
        let records = self.all_records(&key).await?;
        let mut recorded = Vec::with_capacity(records.len());
        for record in &records {
            recorded.push(Recorded {
                outcome: self.outcome(&key, record).await?,
                started_ms: record.started_ms,
                finished_ms: record.finished_ms,
                digest: record.digest.clone(),
            });
        }
        let mut run = item.run();
        run.input = definition.mentions_execution_input.then(|| input.clone());
        let message = crate::Message::new(0, run, crate::Ask::Look);
        let run = message.run.clone();
        let replay =
            replay(&definition, &self.engine_run(&message), input.clone(), &recorded).map_err(|error| {
                WorldError {
                    operation: format!("replay {id}"),
                    message: error.to_string(),
                    retry: Retry::Never,
                }
            })?;
        Ok(Some(RunView { item, definition, run, input, records, recorded, replay }))
    }

    /// The run's input.
    pub async fn input(&self, item: &RunItem) -> WorldResult<Value> {
        let key = item.key();
        let payload = match &item.input {
            Some(payload) => Some(payload.clone()),
            None => self.host.store().data(&key, DataSlot::Input).await?,
        };
        let Some(payload) = payload else {
            return Err(payload::unreadable(
                &format!("read the input of {key}"),
                "it is not there: deleted, or expired",
            ));
        };
        self.json(&key, &payload).await
    }

    /// What the run ended with; `None` while it runs.
    pub async fn ending(&self, item: &RunItem) -> WorldResult<Option<Ending>> {
        let key = item.key();
        let payload = match &item.ending {
            Some(payload) => Some(payload.clone()),
            None if item.ended_ms.is_none() => None,
            None => self.host.store().data(&key, DataSlot::Ending).await?,
        };
        let Some(payload) = payload else { return Ok(None) };
        let json = self.json(&key, &payload).await?;
        serde_json::from_value(json)
            .map(Some)
            .map_err(|error| payload::unreadable(&format!("read the ending of {key}"), &error.to_string()))
    }

    async fn json(&self, run: &RunKey, payload: &crate::Payload) -> WorldResult<Value> {
        let bytes_max = self.host.settings().payload_bytes_max;
        let json = payload::load(self.host.blobs(), run, payload, bytes_max).await?;
        serde_json::from_slice(&json)
            .map_err(|error| payload::unreadable(&format!("read a payload of {run}"), &error.to_string()))
    }

    /// All records of the root branch. A gap means that some have been deleted.
    async fn all_records(&self, key: &RunKey) -> WorldResult<Vec<Record>> {
        let mut records: Vec<Record> = Vec::new();
        loop {
            let from_seq = u32::try_from(records.len()).unwrap_or(u32::MAX);
            let page = self.host.store().records(key, from_seq).await?;
            if page.is_empty() {
                return Ok(records);
            }
            for record in page {
                if record.seq as usize != records.len() {
                    let operation = format!("read the records of {key}");
                    let message = format!("record {} is missing: deleted, or expired", records.len());
                    return Err(payload::unreadable(&operation, &message));
                }
                records.push(record);
            }
        }
    }
}
