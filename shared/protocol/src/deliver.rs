//! One message, by the six rules of the delivery protocol.
//!
//! A message writes at most one record, and the record names it: its *owner*. The owner stays in its queue until its
//! effects are sent; so every other message may go, and no copy of a message may be acknowledged without having tried
//! its put, if another copy could win it.

mod bounds;

use crate::{
    Protocol,
    batch::{Delivery, Disposition, Invocation, Sending, StepFunction},
    execute::Executed,
    heap::on_heap,
    item::{ITEM_VERSION, Record, RecordKey, RunItem, RunKey},
    limits,
    line::{Before, Line},
    message::{Ask, Lock, Message},
    metrics::Metric,
    pace::Slot,
    pause,
    planted::PlantedBug,
    start::is_start,
    sweep,
    task::Decided,
    tasks::{EndTask, Tasks},
    traits::{Clock, Host, PutRecord, QueueName, Retry, Store, WorldError, WorldResult},
};
pub(crate) use bounds::{RecordPayloads, plain_bytes_max};
use futures::{FutureExt, future};
use std::sync::Arc;
use stepladder_asl::Definition;
use stepladder_engine::{Awaiting, Limit, Next, Outcome, Position, SEMANTICS, Status, Transition};

/// What a message has led to: what to send, and what becomes of it then.
#[derive(Debug)]
pub(crate) struct Handled {
    pub(crate) sendings: Vec<Sending>,
    pub(crate) disposition: Disposition,
    /// Whether it has just written its record.
    pub(crate) has_recorded: bool,
}

impl Handled {
    pub(crate) fn done() -> Self {
        Self::sending(Vec::new())
    }

    pub(crate) fn sending(sendings: Vec<Sending>) -> Self {
        Self { sendings, disposition: Disposition::Done, has_recorded: false }
    }

    pub(crate) fn leave() -> Self {
        Self::leave_for(0)
    }

    /// Not before so many seconds.
    pub(crate) fn leave_for(back_seconds: u32) -> Self {
        let disposition = Disposition::Leave { back_seconds };
        Self { sendings: Vec::new(), disposition, has_recorded: false }
    }
}

/// How far a message came beside the others of its batch.
pub(crate) enum First {
    Handled(Handled),
    /// It was received before, and left no record: it runs alone.
    Retry(Box<Job>),
}

/// A message whose position is still waiting.
pub(crate) struct Job {
    pub(crate) message: Message,
    pub(crate) definition: Arc<Definition>,
    pub(crate) received_ms: i64,
}

impl<H: Host> Protocol<H> {
    /// Rules 1 to 6 for a message that comes with its batch.
    pub(crate) async fn first(
        &self,
        step: Option<&StepFunction>,
        invocation: &Invocation,
        delivery: &Delivery,
        slot: Slot,
    ) -> First {
        if !H::STEPS_ALONE && invocation.is_dead_letter() && is_start(&delivery.body) {
            return First::Handled(self.start_delivery(invocation, delivery).await);
        }
        let sweeps = matches!(invocation.queue, QueueName::Timer | QueueName::DeadLetter);
        if !H::STEPS_ALONE
            && sweeps
            && let Some(place) = sweep::asked(&delivery.body, self.host.clock().now_ms())
        {
            return First::Handled(self.sweep_delivery(invocation, delivery, place).await);
        }
        if !H::STEPS_ALONE
            && sweeps
            && let Some(place) = pause::asked(&delivery.body)
        {
            return First::Handled(self.resume_delivery(invocation, delivery, place).boxed().await);
        }
        match self.open(invocation, delivery, slot).await {
            Ok(Opened::Settled(handled)) => First::Handled(handled),
            Ok(Opened::Waiting(job)) => {
                let runs_code = matches!(job.message.ask, Ask::Step(_));
                let received_before = job.message.pace.is_some_and(|pace| pace.receives > 0);
                let was_received =
                    delivery.receive_count > 1 || received_before || invocation.is_dead_letter();
                if runs_code && was_received {
                    return First::Retry(job);
                }
                First::Handled(self.run_job(step, invocation, delivery, *job).await)
            }
            Err(error) => First::Handled(self.failed(invocation, delivery, None, error).await),
        }
    }

    /// Rules 2 to 6: run what the message asks for, and commit it.
    pub(crate) async fn run_job(
        &self,
        step: Option<&StepFunction>,
        invocation: &Invocation,
        delivery: &Delivery,
        job: Job,
    ) -> Handled {
        // On the heap: the futures of all kinds together would be too much for a thread's stack.
        let handling = match &job.message.ask {
            Ask::Step(position) => on_heap(|| self.step(step, invocation, delivery, &job, position)),
            _ if H::STEPS_ALONE => future::ready(Err(not_of_a_step(&job.message))).boxed(),
            Ask::Stop { .. } | Ask::TimeOut => on_heap(|| self.stop(&job.message, &job.definition)),
            Ask::Compensate { state } => on_heap(|| self.compensate(&job.message, state)),
            Ask::Redrive | Ask::RedriveFrom(_) => on_heap(|| self.redrive(&job.message)),
            Ask::Look => on_heap(|| self.look(&job.message)),
            Ask::Parent => on_heap(|| self.tell_parent(&job.message)),
            // It was told when it was opened.
            Ask::Status(_) => future::ready(Ok(Handled::done())).boxed(),
            Ask::Timer(position) => on_heap(|| self.timer(invocation, delivery, &job, position)),
            Ask::Answered(position, given) => {
                on_heap(|| self.record_answer(invocation, delivery, &job, position, given.as_ref()))
            }
            Ask::Untaken(position) => on_heap(|| self.untaken(invocation, delivery, &job, position)),
            Ask::Child(position, gap_seconds) => {
                let is_first = delivery.receive_count == 1;
                on_heap(|| self.look_at_child(&job.message, position, *gap_seconds, is_first))
            }
            Ask::Outcome(position, outcome) => {
                on_heap(|| self.commit(invocation, delivery, &job, position, outcome.clone(), None))
            }
            Ask::Open { fan_out, part, is_read } => {
                let before = invocation.before(delivery);
                on_heap(|| self.open_part(&job.message, &job.definition, (fan_out, *part, *is_read), before))
            }
            Ask::OpenParts { fan_out, first, parts, is_read } => {
                let parts = *first..first.saturating_add(*parts);
                on_heap(|| self.open_parts(&job.message, &job.definition, (fan_out, parts, *is_read)))
            }
            Ask::Gather { fan_out, node } => {
                let before = invocation.before(delivery);
                on_heap(|| self.gather_node(&job.message, &job.definition, (fan_out, *node), before))
            }
            Ask::StopParts { fan_out, first, parts } => {
                let parts = *first..first.saturating_add(*parts);
                on_heap(|| self.stop_some(&job.message, &job.definition, (fan_out, parts)))
            }
            Ask::Join(fan_out) => on_heap(|| self.joined_by(invocation, delivery, &job, fan_out)),
            Ask::Drain { fan_out, marks } => {
                on_heap(|| self.look_at_draining(&job.message, &job.definition, (fan_out, *marks)))
            }
            Ask::Update(fan_out) => on_heap(|| self.updated_by(invocation, delivery, &job, fan_out)),
        };
        let handled = handling.await;
        match handled {
            Ok(handled) => handled,
            Err(error) => self.failed(invocation, delivery, Some(&job.message), error).await,
        }
    }

    /// A position's time has come.
    async fn timer(
        &self,
        invocation: &Invocation,
        delivery: &Delivery,
        job: &Job,
        position: &Position,
    ) -> WorldResult<Handled> {
        let outcome = match position.is_past_deadline(self.host.clock().now_ms()) {
            true => Outcome::TimedOut { limit: Limit::Run },
            false if position.awaiting == Awaiting::Items => {
                self.read_items(invocation, job, position).await?
            }
            false => self.answer_timer(job, position).await?,
        };
        self.commit(invocation, delivery, job, position, outcome, None).await
    }

    async fn step(
        &self,
        step: Option<&StepFunction>,
        invocation: &Invocation,
        delivery: &Delivery,
        job: &Job,
        position: &Position,
    ) -> WorldResult<Handled> {
        if !H::STEPS_ALONE && invocation.is_dead_letter() {
            return self.solo(invocation, delivery, job, position).await;
        }
        let Some(step) = step else {
            let operation = format!("run the step of state '{}'", position.state);
            let message = "this function runs no step: its queue got a message for another".to_owned();
            return Err(WorldError { operation, message, retry: Retry::Never });
        };
        if let Some(outcome) = self.answered_before(job, position).await? {
            return self.commit(invocation, delivery, job, position, outcome, None).await;
        }
        if self.host.settings().flow.is_exclusive {
            return self.run_exclusively(step, invocation, delivery, job, position).await;
        }
        match self.execute(step, invocation, job, position).await? {
            Executed::CutOff => Ok(Handled::leave()),
            Executed::Outcome(outcome, started_ms) => {
                self.commit(invocation, delivery, job, position, outcome, started_ms).await
            }
        }
    }

    /// The outcome of a fan-out, recorded.
    async fn joined_by(
        &self,
        invocation: &Invocation,
        delivery: &Delivery,
        job: &Job,
        fan_out: &Lock,
    ) -> WorldResult<Handled> {
        let run = RunKey::of(&job.message.run);
        let opened = self.opened(&run, fan_out).await?;
        let outcome = match opened.position.is_past_deadline(self.host.clock().now_ms()) {
            true => Outcome::TimedOut { limit: Limit::Run },
            false => self.gather(&job.message.run, &job.definition, &opened).await?,
        };
        self.commit(invocation, delivery, job, &opened.position, outcome, None).await
    }

    /// Decodes a message and clears away what is settled (rule 1).
    pub(crate) async fn open(
        &self,
        invocation: &Invocation,
        delivery: &Delivery,
        slot: Slot,
    ) -> WorldResult<Opened> {
        let received_ms = self.host.clock().now_ms();
        let bytes_max = self.host.settings().payload_bytes_max;
        let mut message = match Message::decode(&delivery.body, bytes_max) {
            Ok(message) => message,
            Err(unreadable) => {
                return Ok(Opened::Settled(self.unreadable(invocation, delivery, &unreadable).await));
            }
        };
        if self.is_suspicious(&message, invocation, delivery, received_ms)
            && let Some(handled) = self.settled(&mut message, invocation, delivery, received_ms).await?
        {
            return Ok(Opened::Settled(handled));
        }
        // What has happened needs nothing of the run.
        if let Ask::Status(change) = &message.ask {
            return self.tell_status(&message.run, change).await.map(Opened::Settled);
        }
        // At every delivery: what nobody waits for any more isn't begun. Its record, if there is one, leads nowhere.
        if let Some(lock) = message.ask.lock()
            && self.is_stopped(&RunKey::of(&message.run), &lock.branch).await?
        {
            self.stop_orphan(invocation, &message).await?;
            return Ok(Opened::Settled(Handled::done()));
        }
        if let Some(handled) = self.hold(invocation, delivery, &message).await? {
            return Ok(Opened::Settled(handled));
        }
        if let Some(handled) = self.wait_for_slot(invocation, delivery, &mut message, slot).await? {
            return Ok(Opened::Settled(handled));
        }
        let definition = self.definition(&message.run.workflow, &message.run.definition).await?;
        message.fetch(self.host.blobs(), bytes_max).await?;
        Ok(Opened::Waiting(Box::new(Job { message, definition, received_ms })))
    }

    /// Rule 1: whether the run item has to be read. A fresh first delivery of a step's message costs no read.
    fn is_suspicious(
        &self,
        message: &Message,
        invocation: &Invocation,
        delivery: &Delivery,
        received_ms: i64,
    ) -> bool {
        let Ask::Step(position) = &message.ask else {
            return message.ask.lock().is_some();
        };
        if invocation.is_dead_letter() {
            return true;
        }
        let waited_ms = delivery.sent_ms.map_or(i64::MAX, |sent_ms| received_ms.saturating_sub(sent_ms));
        let is_repeated = delivery.receive_count > 1 || message.pace.is_some();
        is_repeated || position.attempt() > 1 || waited_ms > limits::FRESH_MS
    }

    /// Rule 1: whether the message has nothing left to decide. If its own record is there, its effects are sent again
    /// unless they have plainly arrived.
    async fn settled(
        &self,
        message: &mut Message,
        invocation: &Invocation,
        delivery: &Delivery,
        now_ms: i64,
    ) -> WorldResult<Option<Handled>> {
        let key = RunKey::of(&message.run);
        let run = match self.host.store().run(&key.id, now_ms).await? {
            Some(run) if run.nonce == key.nonce => run,
            _ => return Ok(Some(Handled::done())),
        };
        let ended = run.status != Status::Running || run.redrive_count != message.run.redrive_count;
        if ended && self.planted(PlantedBug::AcknowledgeEndedRun) {
            return Ok(Some(Handled::done()));
        }
        let Some(lock) = message.ask.lock() else {
            return Ok(None);
        };
        if ended {
            self.stop_orphan(invocation, message).await?;
        }
        // Within a fan-out nothing is left to do: whatever ended the run has recorded what ends the fan-out too.
        if ended && !lock.branch.is_root() {
            return Ok(Some(Handled::done()));
        }
        // At the first delivery too, if the run has ended: the other copy of this very message may have ended it, and may
        // die before it has sent.
        let tells_of_answer = matches!(message.ask, Ask::Answered(..));
        let looks = matches!(message.ask, Ask::Answered(..) | Ask::Untaken(_) | Ask::Child(..));
        let is_repeated = delivery.receive_count > 1 || message.pace.is_some();
        let reads = is_repeated || ended || invocation.is_dead_letter() || looks;
        let record = match reads {
            true => self.host.store().record(&lock.key(&key)).await?,
            false => None,
        };
        // The opening of a fan-out writes no record, nor does gathering, nor a look at it; if there is one, the fan-out is over.
        if let (Ask::Open { .. } | Ask::OpenParts { .. } | Ask::Gather { .. } | Ask::Drain { .. }, Some(_)) =
            (&message.ask, &record)
        {
            return Ok(Some(Handled::done()));
        }
        // Nor does the look at a run; if there is one, nobody waits for that run any more.
        if let (Ask::Child(..), Some(_)) = (&message.ask, &record) {
            return Ok(Some(Handled::done()));
        }
        if record.is_some()
            && invocation.is_dead_letter()
            && self.planted(PlantedBug::DeadLetterDropsKnownRecord)
        {
            return Ok(Some(Handled::done()));
        }
        match record {
            None if ended => Ok(Some(Handled::done())),
            None => Ok(None),
            Some(record) if record.owner != message.id && tells_of_answer && !ended => {
                let definition = self.definition(&message.run.workflow, &message.run.definition).await?;
                message.fetch(self.host.blobs(), self.host.settings().payload_bytes_max).await?;
                let Ask::Answered(position, given) = &message.ask else { return Ok(None) };
                self.keep_given(&key, position, given.as_ref()).await?;
                self.pass_answer_on(message, &definition, position, record).await.map(Some)
            }
            Some(record) if record.owner != message.id && !self.planted(PlantedBug::EveryLoserResends) => {
                self.log_duplicate(delivery, message, message.ask.position());
                Ok(Some(Handled::done()))
            }
            Some(record) => Ok(Some(self.send_again(message, &record, &run).await?)),
        }
    }

    /// The effects of a record that is there, unless they have plainly arrived.
    async fn send_again(
        &self,
        message: &mut Message,
        record: &Record,
        run: &RunItem,
    ) -> WorldResult<Handled> {
        let definition = self.definition(&message.run.workflow, &message.run.definition).await?;
        message.fetch(self.host.blobs(), self.host.settings().payload_bytes_max).await?;
        let key = RunKey::of(&message.run);
        let position = match &message.ask {
            Ask::Join(fan_out) | Ask::Update(fan_out) => self.opened(&key, fan_out).await?.position,
            ask => match ask.position() {
                Some(position) => position.clone(),
                None => return Ok(Handled::done()),
            },
        };
        let outcome = self.outcome(&key, record).await?;
        let transition = self.advance(&definition, message, &position, &outcome, record.finished_ms)?;
        check_digest(&key, record, &transition)?;
        let went_on = match &transition.next {
            // Its successor is another message's: that one sends on. A stale copy has nothing to add.
            Next::Wait(_) if run.redrive_count != message.run.redrive_count => true,
            Next::Wait(next) => self.host.store().record(&record_key(&key, next)).await?.is_some(),
            // The end of a run is repeated: whoever receives it can receive it twice.
            Next::End(end) => match end.branch.parent() {
                None => false,
                Some((branch, fork)) => {
                    let parent = Lock { branch, seq: fork.seq };
                    self.host.store().record(&parent.key(&key)).await?.is_some()
                }
            },
        };
        if went_on {
            return Ok(Handled::done());
        }
        let line = Line::of(message, &definition, Before::Perhaps);
        Ok(Handled::sending(self.follow_up(&line, &position, &outcome, &transition).await?))
    }

    /// Rules 3 to 5: one conditional put, then the effects.
    pub(crate) async fn commit(
        &self,
        invocation: &Invocation,
        delivery: &Delivery,
        job: &Job,
        position: &Position,
        outcome: Outcome,
        started_ms: Option<i64>,
    ) -> WorldResult<Handled> {
        let Job { message, definition, .. } = job;
        if outcome == (Outcome::TimedOut { limit: Limit::Run }) && !position.branch.is_root() {
            // The run ends by a record of its root branch: that is another message's, as a stop is.
            let ask = self.message(&message.run, Ask::TimeOut);
            return Ok(Handled::sending(vec![self.sending(QueueName::Timer, &ask, i64::MIN).await?]));
        }
        let Decided { outcome, is_answer } = self.decided(job, position, outcome, started_ms).await?;
        let finished_ms = self.host.clock().now_ms();
        // A limit that has passed since it was looked at is looked at again: it must not pass by the clock of the record.
        if outcome == Outcome::TimerFired && position.is_past_limit(finished_ms) {
            return Ok(Handled::leave());
        }
        let (transition, outcome, json) = self.bounded(job, position, outcome, finished_ms)?;
        let line = Line::of(message, definition, invocation.before(delivery));
        if self.planted(PlantedBug::EndIsNoRecord) && matches!(transition.next, Next::End(_)) {
            return Ok(Handled::sending(self.effects(&line, position.seq, &transition).await?));
        }
        let key = RunKey::of(&message.run);
        let payloads = self.record_payloads(&line, position, json, &transition).await?;
        let record = Record {
            version: ITEM_VERSION,
            seq: position.seq,
            owner: message.id.clone(),
            outcome: payloads.outcome,
            opening: position.opening,
            end: payloads.end,
            queued_ms: delivery.sent_ms,
            received_ms: Some(job.received_ms),
            started_ms,
            finished_ms,
            receive_count: delivery.receive_count,
            request_id: invocation.request_id.clone(),
            digest: transition.digest(),
            semantics: SEMANTICS,
            expires_s: self.host.settings().expires_s(
                &message.run.workflow,
                finished_ms,
                due_ms(&transition),
            ),
        };
        let record_key = record_key(&key, position);
        let ends_wait = if is_answer { None } else { self.ends_wait(job, position, &outcome) };
        let put = match ends_wait {
            None => self.host.store().put_record(&record_key, &record).await?,
            Some(beat_ms) => {
                let (with, task) = ((&record_key, &record), position.task());
                match self.host.store().end_task_with_record(with, &task, beat_ms).await? {
                    EndTask::Won => PutRecord::Won,
                    EndTask::Lost(winner) => PutRecord::Lost(winner),
                    // It has an answer now, or whoever has it was heard of.
                    EndTask::Goes => return Ok(Handled::leave()),
                }
            }
        };
        match put {
            PutRecord::Won => {
                self.log_committed(invocation, delivery, message, position, &outcome, &record);
                if matches!(message.ask, Ask::Step(_)) {
                    self.metrics.count(Metric::Steps);
                }
                let sendings = self.follow_up(&line, position, &outcome, &transition).await?;
                Ok(Handled { has_recorded: true, ..Handled::sending(sendings) })
            }
            PutRecord::Lost(winner) if winner.owner != message.id => {
                self.log_duplicate(delivery, message, Some(position));
                if self.planted(PlantedBug::EveryLoserResends) {
                    let outcome = self.outcome(&key, &winner).await?;
                    let transition =
                        self.advance(definition, message, position, &outcome, winner.finished_ms)?;
                    return Ok(Handled::sending(self.effects(&line, position.seq, &transition).await?));
                }
                Ok(Handled::done())
            }
            // A duplicate delivery is the same message: acknowledging it here would take it from the copy that won,
            // which may die before it has sent. Rule 1 decides when it comes back.
            PutRecord::Lost(_) if self.planted(PlantedBug::DropLostRace) => Ok(Handled::done()),
            PutRecord::Lost(_) => Ok(Handled::leave()),
        }
    }
}

/// What [`Protocol::open`] found.
pub(crate) enum Opened {
    Settled(Handled),
    Waiting(Box<Job>),
}

fn not_of_a_step(message: &Message) -> WorldError {
    WorldError {
        operation: format!("handle a message of {}", RunKey::of(&message.run)),
        message: "this function runs a step alone: its queue got a message for the timer function".to_owned(),
        retry: Retry::Never,
    }
}

pub(crate) fn record_key(run: &RunKey, position: &Position) -> RecordKey {
    RecordKey { run: run.clone(), branch: position.branch.clone(), seq: position.seq }
}

pub(crate) fn due_ms(transition: &Transition) -> i64 {
    match &transition.next {
        Next::Wait(position) => position.due_ms(),
        Next::End(_) => i64::MIN,
    }
}

pub(crate) fn check_digest(run: &RunKey, record: &Record, transition: &Transition) -> WorldResult<()> {
    if record.digest == transition.digest() {
        return Ok(());
    }
    Err(WorldError {
        operation: format!("send what follows from record {} of {run}", record.seq),
        message: "computed again, the transition leads elsewhere than it did when it was recorded".to_owned(),
        retry: Retry::Never,
    })
}
