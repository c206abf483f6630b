//! What a transition asks for, turned into writes and messages. Doing it twice changes nothing.

use crate::{
    Protocol,
    batch::{Disposition, Sending},
    deliver::{Handled, plain_bytes_max},
    item::{Close, Ending, Record, RunKey},
    json, limits,
    line::Line,
    message::{Ask, Message},
    metrics::Metric,
    payload::{self, Payload},
    planted::PlantedBug,
    traits::{
        Clock, DataSlot, Host, Outgoing, Queue, QueueName, Retry, SendError, Store, WorldError, WorldResult,
    },
};
use sha2::{Digest, Sha256};
use stepladder_asl::{Definition, errors};
use stepladder_engine::{
    Callee, Effect, End, Outcome, Phase, Position, Run, Status, Target, Transition, advance, callee,
    resource_of, waits_for_answer,
};

/// AWS's error for a call of a function that isn't there.
const NO_FUNCTION: &str = "Lambda.ResourceNotFoundException";

impl<H: Host> Protocol<H> {
    /// What has to be sent because of the record of a position. What has to be written instead has been written when
    /// this returns.
    pub(crate) async fn follow_up(
        &self,
        line: &Line<'_>,
        position: &Position,
        outcome: &Outcome,
        transition: &Transition,
    ) -> WorldResult<Vec<Sending>> {
        // After the record, and before anything is sent: whoever waits no longer for its branches stops them.
        // Of a Map Run that is updated all have ended that had begun.
        let has_all =
            matches!(outcome, Outcome::Joined { .. } | Outcome::Responded { .. } | Outcome::Updated { .. });
        if position.fan_out().is_some() && !has_all {
            self.stop_branches(line.run, position).await?;
            self.stop_children_of(line.definition, line.run, position).await?;
        }
        // So does whoever waits no longer for a run that it has started.
        if matches!(outcome, Outcome::TimedOut { .. } | Outcome::Failed { .. })
            && waits_for_answer(line.definition, &position.state)
        {
            self.stop_child_of(line.run, position).await?;
        }
        self.effects(line, position.seq, transition).await
    }

    /// The effects of the transition that was recorded at `seq`, as far as they don't depend on its outcome.
    pub(crate) async fn effects(
        &self,
        line: &Line<'_>,
        seq: u32,
        transition: &Transition,
    ) -> WorldResult<Vec<Sending>> {
        match transition.effect() {
            Effect::Send { to, position, due_ms } => {
                let sendings = self.sendings_of(line, &to, position, due_ms).await?;
                match (&to, sendings.first()) {
                    (Target::Timer, Some(sending))
                        if self.is_scheduled(line.run, position, due_ms, &sending.outgoing.body).await =>
                    {
                        Ok(Vec::new())
                    }
                    _ => Ok(sendings),
                }
            }
            Effect::Await { position, due_ms } => self.awaited(line, position, due_ms).await,
            Effect::Open(position) => self.open_fan_out(line, position, transition.now_ms).await,
            Effect::Join(end) => self.join(line, end, seq, transition.now_ms).await,
            Effect::Close(end) => {
                self.close(line.run, end, transition.now_ms).await?;
                let mut sendings = self.told(line.run, end, transition.now_ms).await?;
                sendings.extend(self.parent_told(line.run).await?);
                Ok(sendings)
            }
        }
    }

    /// The messages that wait for a position.
    pub(crate) async fn sendings_of(
        &self,
        line: &Line<'_>,
        to: &Target<'_>,
        position: &Position,
        due_ms: i64,
    ) -> WorldResult<Vec<Sending>> {
        let Target::Step { state } = to else {
            let message = self.next(line, Ask::Timer(position.clone()));
            return Ok(vec![self.sending(QueueName::Timer, &message, due_ms).await?]);
        };
        let next = self.next(line, Ask::Step(position.clone()));
        let mut sendings = Vec::new();
        let queue = match callee(line.definition, state) {
            Some(Callee::Function(function)) => QueueName::Step(function.to_owned()),
            Some(Callee::Activity(arn)) => {
                if let Some(untaken_ms) = self.untaken_ms(line, position) {
                    let message = self.next(line, Ask::Untaken(position.clone()));
                    sendings.push(self.sending(QueueName::Timer, &message, untaken_ms).await?);
                }
                QueueName::activity(arn.rsplit(':').next().unwrap_or(arn))
            }
            Some(Callee::Service(service)) if service.is_run() => QueueName::Invoke,
            Some(Callee::Service(_)) | None => {
                let resource = resource_of(line.definition, state).unwrap_or_default();
                let why = format!("This version can't call {resource}.");
                return Ok(vec![self.unscheduled(next, errors::RUNTIME, &why).await?]);
            }
        };
        let mut sending = self.sending(queue, &next, due_ms).await?;
        sending.step = Some(Box::new(next));
        sendings.push(sending);
        Ok(sendings)
    }

    /// A message of a branch.
    pub(crate) fn next(&self, line: &Line<'_>, ask: Ask) -> Message {
        Message { enclosing: line.enclosing.clone(), ..self.message(line.run, ask) }
    }

    /// A message of the root branch.
    pub(crate) fn message(&self, run: &Run, ask: Ask) -> Message {
        Message::new(self.host.clock().random_u128(), run.clone(), ask)
    }

    /// A message, to be handled at `due_ms`: every delay counts from the transition's time, so a re-send waits only the
    /// rest.
    pub(crate) async fn sending(
        &self,
        queue: QueueName,
        message: &Message,
        due_ms: i64,
    ) -> WorldResult<Sending> {
        let left_ms = due_ms.saturating_sub(self.host.clock().now_ms()).max(0);
        let delay_seconds = u32::try_from(left_ms.saturating_add(999) / 1000)
            .unwrap_or(u32::MAX)
            .min(limits::DELAY_SECONDS_MAX);
        let body = message.encode(self.host.blobs(), self.host.settings().payload_bytes_max).await?;
        Ok(Sending {
            queue,
            outgoing: Outgoing::new(body, delay_seconds).of_group(message.run.tenant.clone()),
            step: None,
        })
    }

    /// Sends at once what no batch of messages asks for; answers with their number.
    pub(crate) async fn send_now(&self, mut sendings: Vec<Sending>) -> WorldResult<usize> {
        let count = sendings.len();
        if count <= 1 {
            if let Some(sending) = sendings.pop() {
                self.send_one(sending).await?;
            }
            return Ok(count);
        }
        let sent = self.send_all(vec![(0, Handled::sending(sendings))]).await;
        match sent.iter().all(|(_, disposition)| *disposition == Disposition::Done) {
            true => Ok(count),
            false => Err(WorldError {
                operation: format!("send {count} messages"),
                message: "not all of them could be sent".to_owned(),
                retry: Retry::Later,
            }),
        }
    }

    /// Sends one message by itself.
    async fn send_one(&self, sending: Sending) -> WorldResult<()> {
        let answers = self.host.queue().send(&sending.queue, &[sending.outgoing]).await?;
        match answers.into_iter().next() {
            Some(Ok(())) => Ok(()),
            Some(Err(SendError::Failed(error))) => Err(error),
            Some(Err(SendError::NoSuchQueue)) => match sending.step {
                Some(message) => self.send_unscheduled(*message, &sending.queue).await,
                None => Err(no_queue(&sending.queue)),
            },
            None => Err(WorldError {
                operation: format!("send to the queue {}", sending.queue.short()),
                message: "no answer".to_owned(),
                retry: Retry::Later,
            }),
        }
    }

    /// The step's queue isn't there: its position gets the outcome that AWS gives a call of an unknown function.
    pub(crate) async fn send_unscheduled(&self, message: Message, queue: &QueueName) -> WorldResult<()> {
        if matches!(queue, QueueName::Step(_)) {
            // Whatever is no step of the stack is called by the function that calls all else, where the stack has that.
            let due_ms = message.ask.position().map_or(i64::MIN, Position::due_ms);
            let sending = self.sending(QueueName::Invoke, &message, due_ms).await?;
            match self.host.queue().send(&sending.queue, &[sending.outgoing]).await?.into_iter().next() {
                Some(Ok(())) => return Ok(()),
                Some(Err(SendError::Failed(error))) => return Err(error),
                Some(Err(SendError::NoSuchQueue)) | None => {}
            }
        }
        let (error, why) = match queue {
            QueueName::Activity(name) => {
                (errors::RUNTIME, format!("There is no activity for the queue {name}."))
            }
            QueueName::Invoke => {
                let why = "The stack has no function that calls services; deploy it again.".to_owned();
                (errors::RUNTIME, why)
            }
            _ => {
                let name = queue.short();
                (NO_FUNCTION, format!("Function not found: {name}; the stack has no queue of that name."))
            }
        };
        let sending = self.unscheduled(message, error, &why).await?;
        match self.host.queue().send(&sending.queue, &[sending.outgoing]).await?.into_iter().next() {
            Some(Ok(())) => Ok(()),
            Some(Err(SendError::Failed(error))) => Err(error),
            Some(Err(SendError::NoSuchQueue)) | None => Err(no_queue(&sending.queue)),
        }
    }

    async fn unscheduled(&self, message: Message, error: &str, why: &str) -> WorldResult<Sending> {
        let Message { run, ask, enclosing, .. } = message;
        let Some(position) = ask.position() else {
            return Err(no_queue(&QueueName::Timer));
        };
        let cause = format!("{why} (state '{}' of workflow {})", position.state, run.workflow);
        let outcome = Outcome::Failed { error: error.to_owned(), cause: Some(cause), phase: Phase::Schedule };
        let ask = Ask::Outcome(position.clone(), outcome);
        let message = Message { enclosing, ..self.message(&run, ask) };
        self.sending(QueueName::Timer, &message, i64::MIN).await
    }

    /// The end of a run: its ending where that is large, then the run item. It asks for the redrive count, so that a
    /// stale one can't touch a redriven run.
    pub(crate) async fn close(&self, run: &Run, end: &End, now_ms: i64) -> WorldResult<bool> {
        let close = self.closing(run, end, now_ms, None).await?;
        let key = RunKey::of(run);
        let mut redrive_count = run.redrive_count;
        if self.planted(PlantedBug::CloseWithoutRedriveCount)
            && let Some(item) = self.host.store().run(&key.id, now_ms).await?
        {
            redrive_count = item.redrive_count;
        }
        let is_closed = self.host.store().close_run(&key, redrive_count, &close).await?;
        if is_closed {
            self.count_end(end.status);
        }
        Ok(is_closed)
    }

    pub(crate) fn count_end(&self, status: Status) {
        match status {
            Status::Succeeded => self.metrics.count(Metric::RunsSucceeded),
            Status::Failed | Status::TimedOut => self.metrics.count(Metric::RunsFailed),
            Status::Aborted | Status::Running => {}
        }
    }

    /// What the end of a run writes; its ending has been written by itself where it is large.
    pub(crate) async fn closing(
        &self,
        run: &Run,
        end: &End,
        now_ms: i64,
        by: Option<String>,
    ) -> WorldResult<Close> {
        let key = RunKey::of(run);
        let ending =
            Ending { output: end.output.clone(), error: end.error.clone(), cause: end.cause.clone() };
        let json = serde_json::to_vec(&ending)
            .map_err(|error| payload::unreadable("encode an ending", &error.to_string()))?;
        // It takes from the room of the ending, so that the run item stays within its write unit.
        let state = (end.status != Status::Succeeded).then(|| end.state.clone());
        let taken = state.as_ref().map_or(0, |state| state.len() + limits::RUN_ITEM_STATE_BESIDE_BYTES);
        let (ending, ending_item) = match json.len() + taken <= limits::RUN_ITEM_PAYLOAD_BYTES_MAX {
            true => (Some(Payload::Json(json)), None),
            false => {
                let name: String = payload::hex(&Sha256::digest(&json)).chars().take(16).collect();
                let name = match self.planted(PlantedBug::OneItemForAllEndings) {
                    true => "0".repeat(16),
                    false => name,
                };
                let payload =
                    payload::store(self.host.blobs(), &key, json, plain_bytes_max(&key, &end.branch)).await?;
                let expires_s = self.host.settings().expires_s(&run.workflow, now_ms, i64::MIN);
                let slot = DataSlot::Ending(name.clone());
                self.host.store().put_data(&key, slot, &payload, expires_s).await?;
                (None, Some(name))
            }
        };
        let error = end.error.as_ref().map(|error| error.chars().take(limits::ERROR_CHARS_MAX).collect());
        Ok(Close { status: end.status, ended_ms: now_ms, ending, ending_item, error, state, by })
    }

    pub(crate) fn advance(
        &self,
        definition: &Definition,
        message: &Message,
        position: &Position,
        outcome: &Outcome,
        now_ms: i64,
    ) -> WorldResult<Transition> {
        finished(advance(definition, &self.engine_run(message), position, outcome, now_ms))
    }

    /// The run as the engine sees it.
    pub(crate) fn engine_run(&self, message: &Message) -> Run {
        self.seeded(&message.run)
    }

    /// The run whose nonce the engine's seeds are made of.
    pub(crate) fn seeded(&self, run: &Run) -> Run {
        match self.planted(PlantedBug::SeedWithoutNonce) {
            true => Run { nonce: String::new(), ..run.clone() },
            false => run.clone(),
        }
    }

    /// A record's outcome.
    pub(crate) async fn outcome(&self, run: &RunKey, record: &Record) -> WorldResult<Outcome> {
        let bytes_max = self.host.settings().payload_bytes_max;
        let json = payload::load(self.host.blobs(), run, &record.outcome, bytes_max).await?;
        serde_json::from_slice(&json).map_err(|error| {
            payload::unreadable(&format!("read record {} of {run}", record.seq), &json::fault(&error))
        })
    }
}

/// A transition that the process had the time to compute. One that it hadn't is never recorded.
pub(crate) fn finished(transition: Transition) -> WorldResult<Transition> {
    match transition.gave_up {
        false => Ok(transition),
        true => Err(too_slow()),
    }
}

/// An evaluation took longer than a process is given for it: a later try may be faster.
pub(crate) fn too_slow() -> WorldError {
    WorldError {
        operation: "evaluate an expression".to_owned(),
        message: "it takes too long; hint: a function's share of a CPU grows with its memory".to_owned(),
        retry: Retry::Later,
    }
}

fn no_queue(queue: &QueueName) -> WorldError {
    WorldError {
        operation: format!("send to the queue {}", queue.short()),
        message: "there is no such queue; deploy the stack again".to_owned(),
        retry: Retry::Never,
    }
}
