//! Opening a fan-out: its items first, then the branches that it begins with.

use super::{Opened, PartInputs, no_fan_out, width};
use crate::{
    Protocol,
    batch::Sending,
    deliver::{Handled, plain_bytes_max},
    effects::{finished, too_slow},
    fan_outs::{FanOuts, PartKey, TallyKey, pieces},
    item::{RecordKey, RunKey},
    json, limits,
    line::{Before, Line},
    message::{Ask, Lock, Message},
    payload,
    planted::PlantedBug,
    traits::{Clock, Host, QueueName, Store, WorldResult},
};
use futures::{StreamExt, TryStreamExt, stream};
use std::{collections::BTreeMap, ops::Range};
use stepladder_asl::{Definition, EvalError, errors};
use stepladder_engine::{
    BranchInput, Effect, FanOut, Inputs, Opening, Outcome, Phase, Position, Run, start_branch,
};

impl<H: Host> Protocol<H> {
    /// Opens the fan-out that a position waits for. One that begins with more branches than a part has is opened by the
    /// timer function, a message per part.
    pub(crate) async fn open_fan_out(
        &self,
        line: &Line<'_>,
        position: &Position,
        opened_ms: i64,
    ) -> WorldResult<Vec<Sending>> {
        let fan_out = position.fan_out().ok_or_else(|| no_fan_out(position))?;
        let key = Lock::of(position).key(&RunKey::of(line.run));
        // Whoever stops a fan-out sets this flag first.
        if self.host.store().tally(&TallyKey::root(&key)).await?.is_stopped {
            return Ok(Vec::new());
        }
        if let Some(resumes) = position.resumes.as_deref() {
            return self.open_again(line, position, resumes, opened_ms).await;
        }
        if fan_out.inputs_seq.is_some() {
            return self.open_read(line, position, opened_ms).await;
        }
        let width = self.begun(&fan_out);
        if width > self.part_branches() {
            return self.delegate(line, position, opened_ms).await;
        }
        let run = self.seeded(line.run);
        let common = match self.inputs_of(line, &run, position)? {
            Ok(common) => common,
            Err(outcome) => return self.unopened(line, position, outcome).await,
        };
        let inputs = match self.evaluated(position, &common, 0..width)? {
            Ok(inputs) => inputs,
            Err(outcome) => return self.unopened(line, position, outcome).await,
        };
        if width < fan_out.count
            && let Err(outcome) = self.put_all_inputs(line, position, &common, opened_ms).await?
        {
            return self.unopened(line, position, outcome).await;
        }
        self.put_opened(line, position, opened_ms).await?;
        let opening = Opening { started_ms: opened_ms, events: position.events };
        self.begin_all(line, position, inputs, opening).await
    }

    /// Writes what a fan-out was opened with, and asks the timer function to start the branches that it begins with.
    async fn delegate(
        &self,
        line: &Line<'_>,
        position: &Position,
        opened_ms: i64,
    ) -> WorldResult<Vec<Sending>> {
        let run = self.seeded(line.run);
        let common = match self.inputs_of(line, &run, position)? {
            Ok(common) => common,
            Err(outcome) => return self.unopened(line, position, outcome).await,
        };
        if let Err(outcome) = self.put_all_inputs(line, position, &common, opened_ms).await? {
            return self.unopened(line, position, outcome).await;
        }
        self.put_opened(line, position, opened_ms).await?;
        self.ask_to_open(line, position).await
    }

    /// Opens the fan-out of items that have been read: what its branches start with is stored already.
    async fn open_read(
        &self,
        line: &Line<'_>,
        position: &Position,
        opened_ms: i64,
    ) -> WorldResult<Vec<Sending>> {
        let fan_out = position.fan_out().ok_or_else(|| no_fan_out(position))?;
        // Under both seqs, so that whoever goes through a run's fan-outs finds all parts of it.
        if let Some(seq) = fan_out.inputs_seq {
            let stored = Position { seq, ..position.head() };
            self.put_opening(line, &stored, opened_ms).await?;
        }
        self.put_opened(line, position, opened_ms).await?;
        if self.begun(&fan_out) > self.part_branches() {
            return self.ask_to_open(line, position).await;
        }
        let part = PartKey { fan_out: Lock::of(position).key(&RunKey::of(line.run)), part: 0 };
        self.begin_part(line, &part, Some((fan_out, opened_ms))).await
    }

    /// Starts those branches of a part whose inputs are stored, with which the fan-out begins. What was stored before all items
    /// had been read doesn't say how many there are, nor when the fan-out was opened: then `read` does.
    async fn begin_part(
        &self,
        line: &Line<'_>,
        part: &PartKey,
        read: Option<(FanOut, i64)>,
    ) -> WorldResult<Vec<Sending>> {
        let stored = self.part_inputs(part, read.map(|(fan_out, _)| fan_out)).await?;
        let PartInputs { parent, opened_ms, inputs } = stored;
        let opened_ms = read.map_or(opened_ms, |(_, opened_ms)| opened_ms);
        let width = self.begun(&parent.fan_out().ok_or_else(|| no_fan_out(&parent))?);
        let inputs = inputs.into_iter().filter(|input| input.index < width).collect();
        let opening = Opening { started_ms: opened_ms, events: parent.events };
        self.begin_all(line, &parent, inputs, opening).await
    }

    /// Asks the timer function to start the branches that a fan-out begins with.
    pub(super) async fn ask_to_open(
        &self,
        line: &Line<'_>,
        position: &Position,
    ) -> WorldResult<Vec<Sending>> {
        let fan_out = position.fan_out().ok_or_else(|| no_fan_out(position))?;
        let parts = self.parts(self.begun(&fan_out));
        self.ask_to_open_parts(line, &Lock::of(position), parts, fan_out.inputs_seq.is_some()).await
    }

    /// A message for each of some parts; for several of them where they are many, so that no delivery sends all messages.
    async fn ask_to_open_parts(
        &self,
        line: &Line<'_>,
        fan_out: &Lock,
        parts: Range<u32>,
        is_read: bool,
    ) -> WorldResult<Vec<Sending>> {
        let mut sendings = Vec::new();
        for Range { start: first, end } in pieces(parts, self.node_parts()) {
            let (fan_out, parts) = (fan_out.clone(), end.saturating_sub(first));
            let ask = match parts {
                1 => Ask::Open { fan_out, part: first, is_read },
                _ => Ask::OpenParts { fan_out, first, parts, is_read },
            };
            sendings.push(self.sending(QueueName::Timer, &self.next(line, ask), i64::MIN).await?);
        }
        Ok(sendings)
    }

    /// Asks for some parts to be opened.
    pub(crate) async fn open_parts(
        &self,
        message: &Message,
        definition: &Definition,
        (lock, parts, is_read): (&Lock, Range<u32>, bool),
    ) -> WorldResult<Handled> {
        let key = lock.key(&RunKey::of(&message.run));
        if self.host.store().tally(&TallyKey::root(&key)).await?.is_stopped {
            return Ok(Handled::done());
        }
        let line = Line::of(message, definition, Before::Perhaps);
        Ok(Handled::sending(self.ask_to_open_parts(&line, lock, parts, is_read).await?))
    }

    /// Starts those branches of one part with which the fan-out begins.
    pub(crate) async fn open_part(
        &self,
        message: &Message,
        definition: &Definition,
        (lock, part, is_read): (&Lock, u32, bool),
        before: Before,
    ) -> WorldResult<Handled> {
        let key = lock.key(&RunKey::of(&message.run));
        if self.host.store().tally(&TallyKey::root(&key)).await?.is_stopped {
            return Ok(Handled::done());
        }
        let line = Line::of(message, definition, before);
        let read = match is_read {
            true => {
                let Opened { position, opened_ms } = self.opened(&key.run, lock).await?;
                Some((position.fan_out().ok_or_else(|| no_fan_out(&position))?, opened_ms))
            }
            false => None,
        };
        let part = PartKey { fan_out: key, part };
        Ok(Handled::sending(self.begin_part(&line, &part, read).await?))
    }

    /// How many branches a fan-out begins with.
    pub(super) fn begun(&self, fan_out: &FanOut) -> u32 {
        match self.planted(PlantedBug::OneBranchTooMany) {
            true => fan_out.concurrency.saturating_add(1).min(fan_out.count),
            false => width(fan_out),
        }
    }

    /// What all branches have in common of what they start with. An error is the outcome that the state gets in place of
    /// its branches.
    fn inputs_of<'a>(
        &self,
        line: &Line<'a>,
        run: &'a Run,
        position: &'a Position,
    ) -> WorldResult<Result<Inputs<'a>, Outcome>> {
        in_time(position, Inputs::new(line.definition, run, position))
    }

    /// What some of the branches start with. An error is as in [`Self::inputs_of`].
    fn evaluated(
        &self,
        position: &Position,
        common: &Inputs<'_>,
        range: Range<u32>,
    ) -> WorldResult<Result<Vec<BranchInput>, Outcome>> {
        let inputs = match in_time(position, common.range(range))? {
            Ok(inputs) => inputs,
            Err(outcome) => return Ok(Err(outcome)),
        };
        let sizes = inputs.iter().map(|input| json::size(&input.data).ok());
        let mut bounded = sizes.map(|bytes| self.bounded_input("The input of a branch", bytes));
        Ok(bounded.find(Result::is_err).unwrap_or(Ok(())).map(|()| inputs))
    }

    fn bounded_input(&self, what: &str, bytes: Option<usize>) -> Result<(), Outcome> {
        match self.size_excess(what, bytes.unwrap_or(usize::MAX)) {
            Some(cause) => Err(unopened_by(errors::DATA_LIMIT_EXCEEDED.to_owned(), cause)),
            None => Ok(()),
        }
    }

    /// No branch is started, and the state gets this outcome.
    pub(super) async fn unopened(
        &self,
        line: &Line<'_>,
        position: &Position,
        outcome: Outcome,
    ) -> WorldResult<Vec<Sending>> {
        let message = self.next(line, Ask::Outcome(position.clone(), outcome));
        Ok(vec![self.sending(QueueName::Timer, &message, i64::MIN).await?])
    }

    /// Writes what a fan-out was opened with: last of its items, and before any of its branches starts. Only the Map Run of a
    /// distributed Map state comes after it.
    pub(super) async fn put_opened(
        &self,
        line: &Line<'_>,
        position: &Position,
        opened_ms: i64,
    ) -> WorldResult<()> {
        self.put_opening(line, position, opened_ms).await?;
        self.put_map_run(line.run, line.definition, position, opened_ms).await
    }

    async fn put_opening(&self, line: &Line<'_>, position: &Position, opened_ms: i64) -> WorldResult<()> {
        let fan_out = position.fan_out().ok_or_else(|| no_fan_out(position))?;
        let run = RunKey::of(line.run);
        let key = Lock::of(position).key(&run);
        let opened = Opened { position: position.clone(), opened_ms };
        let opened = self.packed(&run, &opened, plain_bytes_max(&run, &position.branch)).await?;
        self.host.store().put_opened(&key, fan_out.count, &opened, self.fan_out_expires_s(&run)).await
    }

    /// Writes what the branches of each part are started with: needed where somebody else than the opener starts one,
    /// who so reads those of one part and not the data of the whole state.
    async fn put_all_inputs(
        &self,
        line: &Line<'_>,
        position: &Position,
        common: &Inputs<'_>,
        opened_ms: i64,
    ) -> WorldResult<Result<(), Outcome>> {
        let fan_out = position.fan_out().ok_or_else(|| no_fan_out(position))?;
        let parts: Vec<u32> = self.parts(fan_out.count).collect();
        // Not for all at once, for what they make of the items may be large.
        for some in parts.chunks(limits::PARTS_EVALUATED_AT_ONCE) {
            let (Some(first), Some(last)) = (some.first(), some.last()) else { continue };
            let (first, end) =
                (self.branches_of(*first, fan_out.count).start, self.branches_of(*last, fan_out.count).end);
            let inputs = match self.evaluated(position, common, first..end)? {
                Ok(inputs) => inputs,
                Err(outcome) => return Ok(Err(outcome)),
            };
            let mut by_part: BTreeMap<u32, Vec<BranchInput>> = BTreeMap::new();
            for input in inputs {
                by_part.entry(input.index / self.part_branches()).or_default().push(input);
            }
            let written: Result<(), Outcome> = stream::iter(by_part)
                .map(|(part, inputs)| self.put_part_inputs(line, position, opened_ms, part, inputs))
                .buffered(limits::FAN_OUT_ITEMS_AT_ONCE)
                .try_collect::<Vec<Result<(), Outcome>>>()
                .await?
                .into_iter()
                .collect();
            if written.is_err() {
                return Ok(written);
            }
        }
        Ok(Ok(()))
    }

    pub(super) async fn put_part_inputs(
        &self,
        line: &Line<'_>,
        position: &Position,
        opened_ms: i64,
        part: u32,
        inputs: Vec<BranchInput>,
    ) -> WorldResult<Result<(), Outcome>> {
        let run = RunKey::of(line.run);
        let bytes = inputs.iter().map(|input| {
            let goes_on = input.goes_on.as_ref().map_or(Ok(0), json::size);
            json::size(&input.data).unwrap_or(usize::MAX).saturating_add(goes_on.unwrap_or(usize::MAX))
        });
        let bytes = bytes.fold(0, usize::saturating_add);
        if let Err(outcome) = self.bounded_input("What 64 branches start with", Some(bytes)) {
            return Ok(Err(outcome));
        }
        let part = PartKey { fan_out: Lock::of(position).key(&run), part };
        let inputs = PartInputs { parent: position.head(), opened_ms, inputs };
        let inputs = self.packed(&run, &inputs, plain_bytes_max(&run, &position.branch)).await?;
        self.host.store().put_inputs(&part, &inputs, self.fan_out_expires_s(&run)).await.map(Ok)
    }

    pub(crate) fn fan_out_expires_s(&self, run: &RunKey) -> i64 {
        self.host.settings().expires_s(&run.id.workflow, self.host.clock().now_ms(), i64::MIN)
    }

    /// Starts branches that begin together. Those that have a record already have been started.
    pub(super) async fn begin_all(
        &self,
        line: &Line<'_>,
        parent: &Position,
        inputs: Vec<BranchInput>,
        opening: Opening,
    ) -> WorldResult<Vec<Sending>> {
        let inputs = match line.before {
            Before::Never => inputs,
            Before::Perhaps => self.without_records(line, parent, inputs).await?,
        };
        let mut sendings = Vec::with_capacity(inputs.len());
        for input in inputs {
            sendings.extend(self.begin(line, parent, input, opening).await?);
        }
        Ok(sendings)
    }

    async fn without_records(
        &self,
        line: &Line<'_>,
        parent: &Position,
        inputs: Vec<BranchInput>,
    ) -> WorldResult<Vec<BranchInput>> {
        let run = RunKey::of(line.run);
        let first = |input: &BranchInput| RecordKey {
            run: run.clone(),
            branch: parent.branch.child(parent.seq, input.index),
            seq: 0,
        };
        let keys: Vec<RecordKey> = inputs.iter().map(first).collect();
        let records = self.host.store().records_at(&keys).await?;
        let left = inputs.into_iter().zip(records).filter(|(_, record)| record.is_none());
        Ok(left.map(|(input, _)| input).collect())
    }

    /// Starts one branch: the message that its first position waits for.
    async fn begin(
        &self,
        line: &Line<'_>,
        parent: &Position,
        input: BranchInput,
        opening: Opening,
    ) -> WorldResult<Vec<Sending>> {
        let fan_out = parent.fan_out().ok_or_else(|| no_fan_out(parent))?;
        let child = line.child(fan_out, opening.events);
        let run = self.seeded(line.run);
        let transition = finished(start_branch(line.definition, &run, parent, input, opening))?;
        match transition.effect() {
            Effect::Send { to, position, due_ms } => self.sendings_of(&child, &to, position, due_ms).await,
            Effect::Await { .. } | Effect::Open(_) | Effect::Join(_) | Effect::Close(_) => {
                let message = "it ends, or opens a fan-out, before its first record";
                Err(payload::unreadable("start a branch", message))
            }
        }
    }

    /// Starts the branch that takes the place of one that has ended.
    pub(crate) async fn begin_next(
        &self,
        line: &Line<'_>,
        (fan_out, read): (&RecordKey, Option<FanOut>),
        index: u32,
        opening: Opening,
    ) -> WorldResult<Vec<Sending>> {
        if line.before == Before::Perhaps {
            let first =
                RecordKey { branch: fan_out.branch.child(fan_out.seq, index), seq: 0, ..fan_out.clone() };
            if self.host.store().record(&first).await?.is_some() {
                return Ok(Vec::new());
            }
        }
        let (parent, input) = self.branch_input(&self.part_of(fan_out, index), read, index).await?;
        self.begin(line, &parent, input, opening).await
    }
}

/// What an evaluation gave: an error is the state's own, unless it only took too long.
pub(crate) fn in_time<T>(
    position: &Position,
    evaluated: Result<T, EvalError>,
) -> WorldResult<Result<T, Outcome>> {
    match evaluated {
        Ok(value) => Ok(Ok(value)),
        Err(error) if error.gave_up => Err(too_slow()),
        Err(error) => {
            let cause = error.cause_in(&position.state, position.entered_event);
            Ok(Err(unopened_by(error.error.to_string(), cause)))
        }
    }
}

/// The state's own error, before any of its branches has started.
fn unopened_by(error: String, cause: String) -> Outcome {
    Outcome::Failed { error, cause: Some(cause), phase: Phase::Schedule }
}
