//! Opening a fan-out: its items first, then the branches that it begins with.

use super::{Opened, PartInputs, no_fan_out, width};
use crate::{
    Protocol,
    batch::Sending,
    deliver::{Handled, plain_bytes_max},
    fan_outs::{FanOuts, PartKey},
    item::{RecordKey, RunKey},
    limits,
    line::{Before, Line},
    message::{Ask, Lock, Message},
    payload,
    planted::PlantedBug,
    traits::{Clock, Host, QueueName, Store, WorldResult},
};
use futures::{StreamExt, TryStreamExt, stream};
use stepladder_asl::{Definition, EvalError};
use stepladder_engine::{
    BranchInput, Effect, FanOut, Opening, Outcome, Phase, Position, branch_inputs, start_branch,
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
        if self.host.store().tally(&key).await?.is_stopped {
            return Ok(Vec::new());
        }
        let width = self.begun(&fan_out);
        if width > self.part_branches() {
            return self.delegate(line, position, opened_ms).await;
        }
        let inputs = match branch_inputs(line.definition, &self.seeded(line.run), position, 0..width) {
            Ok(inputs) => inputs,
            Err(error) => return self.unopened(line, position, &error).await,
        };
        if width < fan_out.count
            && let Err(error) = self.put_all_inputs(line, position, opened_ms).await?
        {
            return self.unopened(line, position, &error).await;
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
        let fan_out = position.fan_out().ok_or_else(|| no_fan_out(position))?;
        if let Err(error) = self.put_all_inputs(line, position, opened_ms).await? {
            return self.unopened(line, position, &error).await;
        }
        self.put_opened(line, position, opened_ms).await?;
        let mut sendings = Vec::new();
        for part in self.parts(self.begun(&fan_out)) {
            let ask = Ask::Open { fan_out: Lock::of(position), part };
            sendings.push(self.sending(QueueName::Timer, &self.next(line, ask), i64::MIN).await?);
        }
        Ok(sendings)
    }

    /// Starts those branches of one part with which the fan-out begins.
    pub(crate) async fn open_part(
        &self,
        message: &Message,
        definition: &Definition,
        lock: &Lock,
        part: u32,
        before: Before,
    ) -> WorldResult<Handled> {
        let key = lock.key(&RunKey::of(&message.run));
        if self.host.store().tally(&key).await?.is_stopped {
            return Ok(Handled::done());
        }
        let part = PartKey { fan_out: key, part };
        let PartInputs { parent, opened_ms, inputs } = self.part_inputs(&part).await?;
        let fan_out = parent.fan_out().ok_or_else(|| no_fan_out(&parent))?;
        let width = self.begun(&fan_out);
        let inputs = inputs.into_iter().filter(|input| input.index < width).collect();
        let opening = Opening { started_ms: opened_ms, events: parent.events };
        let line = Line::of(message, definition, before);
        Ok(Handled::sending(self.begin_all(&line, &parent, inputs, opening).await?))
    }

    /// How many branches a fan-out begins with.
    fn begun(&self, fan_out: &FanOut) -> u32 {
        match self.planted(PlantedBug::OneBranchTooMany) {
            true => fan_out.concurrency.saturating_add(1).min(fan_out.count),
            false => width(fan_out),
        }
    }

    /// What a branch starts with can't be evaluated: no branch is started, and the state gets that outcome.
    async fn unopened(
        &self,
        line: &Line<'_>,
        position: &Position,
        error: &EvalError,
    ) -> WorldResult<Vec<Sending>> {
        let outcome = Outcome::Failed {
            error: error.error.to_string(),
            cause: Some(error.cause_in(&position.state, position.entered_event)),
            phase: Phase::Schedule,
        };
        let message = self.next(line, Ask::Outcome(position.clone(), outcome));
        Ok(vec![self.sending(QueueName::Timer, &message, i64::MIN).await?])
    }

    /// Writes what a fan-out was opened with: last of its items, and before any of its branches starts.
    async fn put_opened(&self, line: &Line<'_>, position: &Position, opened_ms: i64) -> WorldResult<()> {
        let fan_out = position.fan_out().ok_or_else(|| no_fan_out(position))?;
        let run = RunKey::of(line.run);
        let key = Lock::of(position).key(&run);
        let opened = Opened { position: position.clone(), opened_ms };
        let opened = self.packed(&run, &opened, plain_bytes_max(&run, &position.branch)).await?;
        self.host.store().put_opened(&key, fan_out.count, &opened, self.fan_out_expires_s()).await
    }

    /// Writes what the branches of each part are started with: needed where somebody else than the opener starts one,
    /// who so reads those of one part and not the data of the whole state.
    async fn put_all_inputs(
        &self,
        line: &Line<'_>,
        position: &Position,
        opened_ms: i64,
    ) -> WorldResult<Result<(), EvalError>> {
        let fan_out = position.fan_out().ok_or_else(|| no_fan_out(position))?;
        let run = &RunKey::of(line.run);
        let key = &Lock::of(position).key(run);
        let written = stream::iter(self.parts(fan_out.count).map(|part| async move {
            let range = self.branches_of(part, fan_out.count);
            let inputs = match branch_inputs(line.definition, &self.seeded(line.run), position, range) {
                Ok(inputs) => inputs,
                Err(error) => return Ok(Err(error)),
            };
            let inputs = PartInputs { parent: position.head(), opened_ms, inputs };
            let inputs = self.packed(run, &inputs, plain_bytes_max(run, &position.branch)).await?;
            let part = PartKey { fan_out: key.clone(), part };
            self.host.store().put_inputs(&part, &inputs, self.fan_out_expires_s()).await.map(Ok)
        }))
        .buffered(limits::FAN_OUT_ITEMS_AT_ONCE)
        .try_collect::<Vec<Result<(), EvalError>>>()
        .await?;
        Ok(written.into_iter().collect())
    }

    pub(crate) fn fan_out_expires_s(&self) -> i64 {
        self.host.settings().expires_s(self.host.clock().now_ms(), i64::MIN)
    }

    /// Starts branches that begin together. Those that have a record already have been started.
    async fn begin_all(
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
        let transition = start_branch(line.definition, &self.seeded(line.run), parent, input, opening);
        match transition.effect() {
            Effect::Send { to, position, due_ms } => {
                Ok(vec![self.sending_of(&child, &to, position, due_ms).await?])
            }
            Effect::Open(position) => self.delegate(&child, position, transition.now_ms).await,
            Effect::Join(_) | Effect::Close(_) => {
                Err(payload::unreadable("start a branch", "it ends before its first record"))
            }
        }
    }

    /// Starts the branch that takes the place of one that has ended.
    pub(crate) async fn begin_next(
        &self,
        line: &Line<'_>,
        fan_out: &RecordKey,
        index: u32,
        opening: Opening,
    ) -> WorldResult<Vec<Sending>> {
        if line.before == Before::Perhaps {
            let first = RecordKey {
                branch: fan_out.branch.child(fan_out.seq, index),
                seq: 0,
                ..fan_out.clone()
            };
            if self.host.store().record(&first).await?.is_some() {
                return Ok(Vec::new());
            }
        }
        let PartInputs { parent, inputs, .. } = self.part_inputs(&self.part_of(fan_out, index)).await?;
        let Some(input) = inputs.into_iter().find(|input| input.index == index) else {
            return Err(payload::unreadable(
                &format!("start branch {index} of the fan-out at {fan_out}"),
                "its input is not there",
            ));
        };
        self.begin(line, &parent, input, opening).await
    }
}
