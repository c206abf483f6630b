//! Reading a run: its item, its records, and what a replay makes of them.

use crate::{
    Protocol,
    fan_outs::{FanOuts, PartKey, Partition},
    item::{Ending, Record, RecordKey, RunId, RunItem, RunKey},
    json,
    limits::RECORD_BLOB_BYTES,
    message::Lock,
    payload::{self, Payload},
    traits::{Clock, DataSlot, Host, Retry, Store, WorldError, WorldResult},
};
use serde_json::Value;
use std::{collections::BTreeMap, ops::Range, sync::Arc};
use stepladder_asl::{Definition, Kind, State};
use stepladder_engine::{
    Beginning, Branch, Chosen, Follower, Position, Recorded, Records, Replay, ReplayError, Resumption, Run,
    RunDefinitions, Transition, replay,
};

/// A run, read and replayed.
#[derive(Debug, Clone)]
pub struct RunView {
    pub item: RunItem,
    /// The one that is in force.
    pub definition: Arc<Definition>,
    /// All that it has gone by.
    pub definitions: RunDefinitions,
    /// The run as the engine sees it, with its input if a definition mentions it.
    pub run: Run,
    pub beginning: Beginning,
    /// Those of the root branch.
    pub records: Vec<Record>,
    pub recorded: Vec<Recorded>,
    /// Those of all other branches, but for the children of distributed Map states whose items are read: nothing in the run's own
    /// records says what they started with.
    pub branch_records: BTreeMap<Branch, Vec<Record>>,
    pub branch_recorded: Records,
    pub replay: Replay,
}

/// A run with all that was recorded of it: what its history is made of ([`stepladder_engine::History`]).
#[derive(Debug, Clone)]
pub struct Recording {
    pub item: RunItem,
    pub definitions: RunDefinitions,
    /// The run as the engine sees it, with its input if a definition mentions it.
    pub run: Run,
    pub beginning: Beginning,
    /// By branch; those of the root among them, and none of the children of distributed Map states, which no history shows.
    pub records: Records,
}

/// A run, read within a budget of records.
#[derive(Debug)]
pub enum Bounded {
    Read {
        view: Box<RunView>,
        /// What it took of the budget.
        taken: usize,
    },
    /// It would take more, so that the rest of it was not read.
    TooLarge,
}

/// Where a run is, without how it came there: what a decision about it needs, in the memory of one record.
pub(crate) struct Head {
    pub(crate) item: RunItem,
    /// The definition that is in force by the records.
    pub(crate) definition: Arc<Definition>,
    pub(crate) definitions: RunDefinitions,
    /// The run as the engine sees it, with its input if a definition mentions it.
    pub(crate) run: Run,
    /// The last transition.
    pub(crate) last: Transition,
    /// The seq of the next record.
    pub(crate) next_seq: u32,
    /// The redrive count that the records lead to: the run item may have been redriven meanwhile.
    pub(crate) redrive_count: u32,
    /// Where a redrive would go on; none if the run has succeeded.
    pub(crate) resumption: Option<Resumption>,
    /// The record that the asking message owns.
    pub(crate) owned: Option<Owned>,
    /// What the state that is watched saw when it was entered last.
    pub(crate) saw: Option<Chosen>,
}

/// A record that the asking message owns.
pub(crate) struct Owned {
    /// The position that it ended.
    pub(crate) position: Position,
    pub(crate) transition: Transition,
    /// Whether no record follows it.
    pub(crate) is_last: bool,
}

impl<H: Host> Protocol<H> {
    /// The item of this run and no other of its name.
    pub(crate) async fn item_of(&self, key: &RunKey) -> WorldResult<Option<RunItem>> {
        let found = self.host.store().run(&key.id, self.host.clock().now_ms()).await?;
        Ok(found.filter(|item| item.nonce == key.nonce))
    }

    /// Follows a run to where it is, record by record; `None` if it isn't there. `owner` is the message that asks.
    pub(crate) async fn head(&self, key: &RunKey, owner: &str) -> WorldResult<Option<Head>> {
        self.head_by_way_of(key, owner, None, |_, _| ()).await
    }

    /// The same, and shows the positions on the way, each with the redrive count of the run then; `watched` is the state of which
    /// somebody wants to know what it saw.
    pub(crate) async fn head_by_way_of(
        &self,
        key: &RunKey,
        owner: &str,
        watched: Option<&str>,
        mut pass: impl FnMut(&Position, u32) + Send,
    ) -> WorldResult<Option<Head>> {
        let Some(item) = self.item_of(key).await? else { return Ok(None) };
        let definitions = self.definitions_of(&item).await?;
        let beginning = self.beginning(&item).await?;
        let run = item.run_with(&definitions, &beginning.input);
        let mut follower = match watched {
            Some(state) => Follower::watching(&definitions, &self.seeded(&run), beginning, state),
            None => Follower::new(&definitions, &self.seeded(&run), beginning),
        };
        let mut owned: Option<Owned> = None;
        loop {
            let page = self.host.store().records(key, &Branch::default(), follower.next_seq()).await?;
            if page.is_empty() {
                break;
            }
            for record in page {
                check_seq(key, &record, follower.next_seq())?;
                let redrive_count = follower.redrive_count();
                let position = follower
                    .push(&self.recorded(key, &record).await?)
                    .map_err(|error| diverged(&key.id, &error))?;
                pass(&position, redrive_count);
                owned = match record.owner == owner {
                    true => Some(Owned { position, transition: follower.last().clone(), is_last: true }),
                    false => owned.map(|owned| Owned { is_last: false, ..owned }),
                };
            }
        }
        let (next_seq, redrive_count) = (follower.next_seq(), follower.redrive_count());
        let (resumption, saw) = (follower.resumption(), follower.saw());
        let last = follower.into_last();
        let definition = Arc::clone(definitions.at(redrive_count));
        Ok(Some(Head {
            item,
            definition,
            definitions,
            run,
            last,
            next_seq,
            redrive_count,
            resumption,
            owned,
            saw,
        }))
    }

    /// Reads and replays a run; `None` if it isn't there. A replay that leads elsewhere than the run did is an error
    /// that says where.
    pub async fn view(&self, id: &RunId) -> WorldResult<Option<RunView>> {
        Ok(match self.view_within(id, usize::MAX).await? {
            Some(Bounded::Read { view, .. }) => Some(*view),
            Some(Bounded::TooLarge) | None => None,
        })
    }

    /// The same, unless the run has more than so many records. A part of a fan-out counts as one more, because it is read by
    /// itself, and what lies in the blob store as one more for each [`RECORD_BLOB_BYTES`].
    pub async fn view_within(&self, id: &RunId, records_max: usize) -> WorldResult<Option<Bounded>> {
        let Some(item) = self.host.store().run(id, self.host.clock().now_ms()).await? else {
            return Ok(None);
        };
        let definitions = self.definitions_of(&item).await?;
        let beginning = self.beginning(&item).await?;
        let key = item.key();
        let pages = RecordPages::without(self, &key, &definitions, State::reads_items);
        let Some((mut branch_records, taken)) = all_records(pages, records_max).await? else {
            return Ok(Some(Bounded::TooLarge));
        };
        let records = branch_records.remove(&Branch::default()).unwrap_or_default();
        let recorded = self.all_recorded(&key, &records).await?;
        let mut branch_recorded = Records::new();
        for (branch, records) in &branch_records {
            branch_recorded.insert(branch.clone(), self.all_recorded(&key, records).await?);
        }
        let run = item.run_with(&definitions, &beginning.input);
        let mut by_branch = branch_recorded.clone();
        by_branch.insert(Branch::default(), recorded.clone());
        let replay = replay(&definitions, &self.seeded(&run), beginning.clone(), &by_branch)
            .map_err(|error| diverged(id, &error))?;
        let view = RunView {
            item,
            definition: Arc::clone(definitions.last()),
            definitions,
            run,
            beginning,
            records,
            recorded,
            branch_records,
            branch_recorded,
            replay,
        };
        Ok(Some(Bounded::Read { view: Box::new(view), taken }))
    }

    /// Reads what the history of a run is made of, and replays nothing; `None` if it isn't there.
    pub async fn recording(&self, id: &RunId) -> WorldResult<Option<Recording>> {
        let Some(item) = self.host.store().run(id, self.host.clock().now_ms()).await? else {
            return Ok(None);
        };
        let definitions = self.definitions_of(&item).await?;
        let beginning = self.beginning(&item).await?;
        let key = item.key();
        let mut records = Records::new();
        let pages = RecordPages::without(self, &key, &definitions, is_distributed);
        let (all, _) = all_records(pages, usize::MAX).await?.unwrap_or_default();
        for (branch, of_branch) in all {
            records.insert(branch, self.all_recorded(&key, &of_branch).await?);
        }
        let run = self.seeded(&item.run_with(&definitions, &beginning.input));
        Ok(Some(Recording { item, definitions, run, beginning, records }))
    }

    async fn all_recorded(&self, key: &RunKey, records: &[Record]) -> WorldResult<Vec<Recorded>> {
        let mut recorded = Vec::with_capacity(records.len());
        for record in records {
            recorded.push(self.recorded(key, record).await?);
        }
        Ok(recorded)
    }

    /// A record as a replay needs it, with its outcome wherever that lies.
    pub async fn recorded(&self, key: &RunKey, record: &Record) -> WorldResult<Recorded> {
        Ok(Recorded {
            outcome: self.outcome(key, record).await?,
            started_ms: record.started_ms,
            finished_ms: record.finished_ms,
            digest: record.digest.clone(),
            opening: record.opening,
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

    /// How the run begins: with its input; a rerun perhaps at another place than its definition.
    pub async fn beginning(&self, item: &RunItem) -> WorldResult<Beginning> {
        let input = self.input(item).await?;
        if item.begins_at.is_none() {
            return Ok(input.into());
        }
        let key = item.key();
        let Some(payload) = self.host.store().data(&key, DataSlot::Beginning).await? else {
            return Err(payload::unreadable(
                &format!("read where {key} begins"),
                "it is not there: deleted, or expired",
            ));
        };
        let json = self.json(&key, &payload).await?;
        let chosen = serde_json::from_value(json).map_err(|error| {
            payload::unreadable(&format!("read where {key} begins"), &json::fault(&error))
        })?;
        Ok(Beginning { input, chosen: Some(Box::new(chosen)) })
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

    async fn json(&self, run: &RunKey, payload: &Payload) -> WorldResult<Value> {
        let bytes_max = self.host.settings().payload_bytes_max;
        let json = payload::load(self.host.blobs(), run, payload, bytes_max).await?;
        serde_json::from_slice(&json)
            .map_err(|error| payload::unreadable(&format!("read a payload of {run}"), &json::fault(&error)))
    }

    /// All records of a run, page by page, without holding more than one page of them.
    pub fn record_pages<'a>(&'a self, key: &'a RunKey) -> RecordPages<'a, H> {
        RecordPages::new(self, key)
    }

    /// Some records of a branch, as a replay needs them; fewer where there are no more.
    pub async fn recorded_of(
        &self,
        key: &RunKey,
        branch: &Branch,
        seqs: Range<u32>,
    ) -> WorldResult<Vec<Recorded>> {
        let (mut recorded, mut next) = (Vec::new(), seqs.start);
        while next < seqs.end {
            let page = self.host.store().records_within(key, branch, next..seqs.end).await?;
            if page.is_empty() {
                break;
            }
            for record in page {
                check_seq(key, &record, next)?;
                recorded.push(self.recorded(key, &record).await?);
                next = next.saturating_add(1);
            }
        }
        Ok(recorded)
    }

    /// The parts of all fan-outs that were opened by the branches of a partition.
    pub(crate) async fn parts_in(&self, partition: &Partition) -> WorldResult<Vec<PartKey>> {
        let fan_outs = self.host.store().fan_outs_in(partition).await?;
        Ok(fan_outs.into_iter().flat_map(|(fan_out, count)| self.parts_of(&fan_out, count)).collect())
    }

    fn parts_of(&self, fan_out: &RecordKey, count: u32) -> Vec<PartKey> {
        self.parts(count).map(|part| PartKey { fan_out: fan_out.clone(), part }).collect()
    }
}

/// All records of all branches, each branch's in order, and how many they are as [`Protocol::view_within`] counts; none if
/// that is too many. A gap means that some have been deleted.
async fn all_records<H: Host>(
    mut pages: RecordPages<'_, H>,
    records_max: usize,
) -> WorldResult<Option<(BTreeMap<Branch, Vec<Record>>, usize)>> {
    let mut branches = BTreeMap::from([(Branch::default(), Vec::new())]);
    let mut records: usize = 0;
    while let Some(page) = pages.next().await? {
        for (branch, record) in page {
            records = records.saturating_add(weight(&record));
            branches.entry(branch).or_default().push(record);
        }
        if records.saturating_add(pages.opened) > records_max {
            return Ok(None);
        }
    }
    let taken = records.saturating_add(pages.opened);
    Ok((taken <= records_max).then_some((branches, taken)))
}

/// Whether the branches of a state are executions of their own.
fn is_distributed(state: &State) -> bool {
    matches!(&state.kind, Kind::Map(map) if map.distributed().is_some())
}

/// The records of a run on their way, see [`Protocol::record_pages`]: the root's first, and those of a branch after those of
/// the branch that opened it.
#[derive(Debug)]
pub struct RecordPages<'a, H> {
    protocol: &'a Protocol<H>,
    key: &'a RunKey,
    /// How many records of each branch have come.
    counts: BTreeMap<Branch, u32>,
    /// The parts that have not been read.
    parts: Vec<PartKey>,
    /// How many parts there are, as far as that is known.
    opened: usize,
    without: Option<Without>,
    at: Reading,
}

/// The branches that are left out: those of some states.
#[derive(Debug)]
struct Without {
    definitions: RunDefinitions,
    state: fn(&State) -> bool,
}

#[derive(Debug)]
enum Reading {
    Root,
    /// A part, behind this record.
    Part(Box<PartKey>, Option<RecordKey>),
    Between,
}

impl<'a, H: Host> RecordPages<'a, H> {
    fn new(protocol: &'a Protocol<H>, key: &'a RunKey) -> Self {
        let (counts, parts) = (BTreeMap::new(), Vec::new());
        Self { protocol, key, counts, parts, opened: 0, without: None, at: Reading::Root }
    }

    /// The same without the branches of some states, and whatever is below them.
    fn without(
        protocol: &'a Protocol<H>,
        key: &'a RunKey,
        definitions: &RunDefinitions,
        state: fn(&State) -> bool,
    ) -> Self {
        let has_some = definitions.each().any(|definition| definition.states.values().any(state));
        let without = has_some.then(|| Without { definitions: definitions.clone(), state });
        Self { without, ..Self::new(protocol, key) }
    }

    /// The next page; none after the last. A gap means that records have been deleted.
    pub async fn next(&mut self) -> WorldResult<Option<Vec<(Branch, Record)>>> {
        let store = self.protocol.host().store();
        loop {
            match &self.at {
                Reading::Root => {
                    let root = Branch::default();
                    let page = store.records(self.key, &root, self.count(&root)).await?;
                    if !page.is_empty() {
                        return self.checked(page.into_iter().map(|record| (root.clone(), record))).map(Some);
                    }
                    self.open(&Partition::Run(self.key.clone())).await?;
                }
                Reading::Part(part, after) => {
                    let page = store.part_records(part, after.as_ref()).await?;
                    let part = part.clone();
                    match page.last() {
                        Some((last, _)) => {
                            self.at = Reading::Part(part, Some(last.clone()));
                            return self
                                .checked(page.into_iter().map(|(at, record)| (at.branch, record)))
                                .map(Some);
                        }
                        None => self.open(&Partition::Part(*part)).await?,
                    }
                }
                Reading::Between => match self.parts.pop() {
                    Some(part) => self.at = Reading::Part(Box::new(part), None),
                    None => return Ok(None),
                },
            }
        }
    }

    fn count(&self, branch: &Branch) -> u32 {
        self.counts.get(branch).copied().unwrap_or(0)
    }

    fn checked(
        &mut self,
        page: impl Iterator<Item = (Branch, Record)>,
    ) -> WorldResult<Vec<(Branch, Record)>> {
        let checked = page.map(|(branch, record)| {
            let count = self.counts.entry(branch.clone()).or_default();
            check_seq(self.key, &record, *count)?;
            *count = count.saturating_add(1);
            Ok((branch, record))
        });
        checked.collect()
    }

    /// What the branches of a partition have opened comes later. A run that goes on may have opened a fan-out since its
    /// records were read: nothing here leads to that one.
    async fn open(&mut self, partition: &Partition) -> WorldResult<()> {
        for (fan_out, count) in self.protocol.host().store().fan_outs_in(partition).await? {
            if self.count(&fan_out.branch) >= fan_out.seq && !self.is_left_out(&fan_out).await? {
                let parts = self.protocol.parts_of(&fan_out, count);
                self.opened = self.opened.saturating_add(parts.len());
                self.parts.extend(parts);
            }
        }
        self.at = Reading::Between;
        Ok(())
    }
}

impl<H: Host> RecordPages<'_, H> {
    async fn is_left_out(&self, fan_out: &RecordKey) -> WorldResult<bool> {
        let Some(Without { definitions, state }) = &self.without else { return Ok(false) };
        let lock = Lock { branch: fan_out.branch.clone(), seq: fan_out.seq };
        let opened = self.protocol.opened(self.key, &lock).await?;
        // What kind of a Map state it is, is the same by all of them: no redrive takes another one in its place.
        let mut found = definitions.each().filter_map(|definition| definition.state(&opened.position.state));
        Ok(found.any(state))
    }
}

/// What a record counts in a budget.
fn weight(record: &Record) -> usize {
    match &record.outcome {
        Payload::Blob(blob) => {
            1 + usize::try_from(blob.bytes.div_ceil(RECORD_BLOB_BYTES)).unwrap_or(usize::MAX - 1)
        }
        Payload::Json(_) | Payload::Zstd(_) => 1,
    }
}

/// A gap means that records have been deleted, or have expired.
pub(crate) fn check_seq(key: &RunKey, record: &Record, expected: u32) -> WorldResult<()> {
    if record.seq == expected {
        return Ok(());
    }
    let operation = format!("read the records of {key}");
    Err(payload::unreadable(&operation, &format!("record {expected} is missing: deleted, or expired")))
}

pub(crate) fn diverged(id: &RunId, error: &ReplayError) -> WorldError {
    let retry = match error {
        ReplayError::TooSlow { .. } | ReplayError::UnknownDefinition { .. } => Retry::Later,
        _ => Retry::Never,
    };
    WorldError { operation: format!("replay {id}"), message: error.to_string(), retry }
}
