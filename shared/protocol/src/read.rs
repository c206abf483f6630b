//! Reading a run: its item, its records, and what a replay makes of them.

use crate::{
    Protocol,
    item::{Ending, Record, RunId, RunItem, RunKey},
    json, payload,
    traits::{Clock, DataSlot, Host, Retry, Store, WorldError, WorldResult},
};
use serde_json::Value;
use std::sync::Arc;
use stepladder_asl::Definition;
use stepladder_engine::{Branch, Follower, Recorded, Records, Replay, ReplayError, Run, Transition, replay};

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

/// Where a run is, without how it came there: what a decision about it needs, in the memory of one record.
pub(crate) struct Head {
    pub(crate) item: RunItem,
    pub(crate) definition: Arc<Definition>,
    /// The run as the engine sees it, with its input if the definition mentions it.
    pub(crate) run: Run,
    /// The last transition.
    pub(crate) last: Transition,
    /// The seq of the next record.
    pub(crate) next_seq: u32,
    /// The redrive count that the records lead to: the run item may have been redriven meanwhile.
    pub(crate) redrive_count: u32,
    /// The transition of the record that the asking message owns, and whether it is the last one.
    pub(crate) owned: Option<(Transition, bool)>,
}

impl<H: Host> Protocol<H> {
    /// Follows a run to where it is, record by record; `None` if it isn't there. `owner` is the message that asks.
    pub(crate) async fn head(&self, key: &RunKey, owner: &str) -> WorldResult<Option<Head>> {
        let item = match self.host.store().run(&key.id, self.host.clock().now_ms()).await? {
            Some(item) if item.nonce == key.nonce => item,
            _ => return Ok(None),
        };
        let definition = self.definition(&key.id.workflow, &item.definition).await?;
        let input = self.input(&item).await?;
        let run = Run { input: definition.mentions_execution_input.then(|| input.clone()), ..item.run() };
        let mut follower = Follower::new(&definition, &self.seeded(&run), input);
        let mut owned = None;
        loop {
            let page = self.host.store().records(key, follower.next_seq()).await?;
            if page.is_empty() {
                break;
            }
            for record in page {
                check_seq(key, &record, follower.next_seq())?;
                follower
                    .push(&self.recorded(key, &record).await?)
                    .map_err(|error| diverged(&key.id, &error))?;
                owned = match record.owner == owner {
                    true => Some((follower.last().clone(), true)),
                    false => owned.map(|(transition, _)| (transition, false)),
                };
            }
        }
        let (next_seq, redrive_count) = (follower.next_seq(), follower.redrive_count());
        let last = follower.into_last();
        Ok(Some(Head { item, definition, run, last, next_seq, redrive_count, owned }))
    }

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
            recorded.push(self.recorded(&key, record).await?);
        }
        let run = Run { input: definition.mentions_execution_input.then(|| input.clone()), ..item.run() };
        let by_branch = Records::from([(Branch::default(), recorded.clone())]);
        let replay = replay(&definition, &self.seeded(&run), input.clone(), &by_branch)
            .map_err(|error| diverged(id, &error))?;
        Ok(Some(RunView { item, definition, run, input, records, recorded, replay }))
    }

    async fn recorded(&self, key: &RunKey, record: &Record) -> WorldResult<Recorded> {
        Ok(Recorded {
            outcome: self.outcome(key, record).await?,
            started_ms: record.started_ms,
            finished_ms: record.finished_ms,
            digest: record.digest.clone(),
            opening: None,
        })
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
        let payload = match (&item.ending, &item.ending_item) {
            (Some(payload), _) => Some(payload.clone()),
            (None, Some(name)) => self.host.store().data(&key, DataSlot::Ending(name.clone())).await?,
            (None, None) => None,
        };
        let Some(payload) = payload else { return Ok(None) };
        let json = self.json(&key, &payload).await?;
        serde_json::from_value(json)
            .map(Some)
            .map_err(|error| payload::unreadable(&format!("read the ending of {key}"), &json::fault(&error)))
    }

    async fn json(&self, run: &RunKey, payload: &crate::Payload) -> WorldResult<Value> {
        let bytes_max = self.host.settings().payload_bytes_max;
        let json = payload::load(self.host.blobs(), run, payload, bytes_max).await?;
        serde_json::from_slice(&json)
            .map_err(|error| payload::unreadable(&format!("read a payload of {run}"), &json::fault(&error)))
    }

    /// All records of the root branch. A gap means that some have been deleted.
    async fn all_records(&self, key: &RunKey) -> WorldResult<Vec<Record>> {
        let mut records: Vec<Record> = Vec::new();
        loop {
            let from_seq = from_seq_of(&records);
            let page = self.host.store().records(key, from_seq).await?;
            if page.is_empty() {
                return Ok(records);
            }
            for record in page {
                check_seq(key, &record, from_seq_of(&records))?;
                records.push(record);
            }
        }
    }
}

fn from_seq_of(records: &[Record]) -> u32 {
    u32::try_from(records.len()).unwrap_or(u32::MAX)
}

/// A gap means that records have been deleted, or have expired.
fn check_seq(key: &RunKey, record: &Record, expected: u32) -> WorldResult<()> {
    if record.seq == expected {
        return Ok(());
    }
    let operation = format!("read the records of {key}");
    Err(payload::unreadable(&operation, &format!("record {expected} is missing: deleted, or expired")))
}

fn diverged(id: &RunId, error: &ReplayError) -> WorldError {
    WorldError { operation: format!("replay {id}"), message: error.to_string(), retry: Retry::Never }
}
