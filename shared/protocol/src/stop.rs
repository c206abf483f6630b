//! What decides without a message of its own: a stop, and how it and a redrive are asked for.
//!
//! Each first sends a message that asks for the same, delayed, and writes with that message's id; so it is repeated by
//! rule 1, and not by the caller's grace.

use crate::{
    Protocol,
    deliver::{Handled, RecordPayloads, record_key},
    heap::on_heap,
    item::{ITEM_VERSION, Record, RunId, RunItem, RunKey},
    limits,
    line::{Before, Line},
    message::{Ask, Message},
    payload,
    planted::PlantedBug,
    read::{Head, Owned},
    redrive::Unplaced,
    traits::{Clock, Host, PutRecord, QueueName, Store, WorldResult},
};
use stepladder_asl::Definition;
use stepladder_engine::{End, Limit, Next, Outcome, Position, SEMANTICS, Status, Transition};

/// How a request about a run went.
#[derive(Debug, Clone, PartialEq)]
pub enum Requested {
    Done,
    /// It is on its way: the run was busy, and the message that asks for it will try again within minutes.
    Pending,
    /// The run isn't in a state that allows it.
    Refused(Status),
    /// It can't go on as was chosen.
    Unplaced(Unplaced),
    NotFound,
}

/// How often a request tries again at once when a step was faster.
pub(crate) const TRIES: u32 = 8;

impl<H: Host> Protocol<H> {
    /// Ends a run ABORTED, with an error of at most 256 characters and a cause of at most 32,768: more is cut, as
    /// StopExecution refuses it (<https://docs.aws.amazon.com/step-functions/latest/apireference/API_StopExecution.html>).
    /// At most one more step runs, if its message was already under way.
    pub async fn request_stop(
        &self,
        id: &RunId,
        error: Option<String>,
        cause: Option<String>,
    ) -> WorldResult<Requested> {
        let Some(item) = self.host.store().run(id, self.host.clock().now_ms()).await? else {
            return Ok(Requested::NotFound);
        };
        if item.status != Status::Running {
            return Ok(Requested::Refused(item.status));
        }
        let cut = |text: Option<String>, chars_max| text.map(|text| text.chars().take(chars_max).collect());
        let (error, cause) = (cut(error, limits::ERROR_CHARS_MAX), cut(cause, limits::CAUSE_CHARS_MAX));
        let message = self.message(&item.run(), Ask::Stop { error, cause });
        self.request(&item, message).await
    }

    pub(crate) async fn request(&self, item: &RunItem, message: Message) -> WorldResult<Requested> {
        let due_ms = self.host.clock().now_ms() + i64::from(limits::REQUEST_DELAY_SECONDS) * 1000;
        self.send_now(vec![self.sending(QueueName::Timer, &message, due_ms).await?]).await?;
        let handled = match message.ask {
            Ask::Stop { .. } => {
                let definition = self.definition(&item.id.workflow, item.definition_now()).await?;
                on_heap(|| self.stop(&message, &definition)).await?
            }
            Ask::Compensate { ref state } => on_heap(|| self.compensate(&message, state)).await?,
            _ => on_heap(|| self.redrive(&message)).await?,
        };
        let is_done = handled.is_done();
        self.send_now(handled.sendings).await?;
        Ok(if is_done { Requested::Done } else { Requested::Pending })
    }

    /// One transaction: the run item to ABORTED (or TIMED_OUT), and a tombstone at the root's current seq. If a step was
    /// faster, the seq is read again. Then the branches of the fan-out that the root was waiting for are stopped; those
    /// of nested ones read that flag too.
    pub(crate) async fn stop(&self, message: &Message, definition: &Definition) -> WorldResult<Handled> {
        let outcome = match &message.ask {
            Ask::Stop { error, cause } => Outcome::Stopped { error: error.clone(), cause: cause.clone() },
            Ask::TimeOut => Outcome::TimedOut { limit: Limit::Run },
            _ => return Ok(Handled::done()),
        };
        for _ in 0..TRIES {
            let Some(head) = self.head(&RunKey::of(&message.run), &message.id).await? else {
                return Ok(Handled::done());
            };
            let mut message = message.clone();
            if head.item.redrive_count != message.run.redrive_count
                && self.planted(PlantedBug::StopWithoutRedriveCount)
            {
                message.run.redrive_count = head.item.redrive_count;
            }
            let same_count = head.item.redrive_count == message.run.redrive_count;
            if head.item.status != Status::Running || !same_count {
                return self.stopped_before(&message, &head).await;
            }
            // The end has been recorded; whoever recorded it closes the run.
            let Next::Wait(position) = &head.last.next else {
                return Ok(Handled::leave());
            };
            let now_ms = self.host.clock().now_ms();
            // Of a run that is paused it is sent long before.
            if message.ask == Ask::TimeOut
                && let Some(deadline_ms) = position.deadline_ms.filter(|deadline_ms| now_ms < *deadline_ms)
            {
                let sending = self.sending(QueueName::Timer, &message, deadline_ms).await?;
                return Ok(Handled::sending(vec![sending]));
            }
            self.finish_search_items(&head).await?;
            let transition = self.advance(definition, &message, position, &outcome, now_ms)?;
            let Next::End(end) = &transition.next else {
                return Ok(Handled::leave());
            };
            let line = Line::root(&message, definition, Before::Never);
            let record = self.plain_record(&line, position, &outcome, &transition).await?;
            let close = self.closing(&message.run, end, now_ms, Some(message.id.clone())).await?;
            let (key, count) = (RunKey::of(&message.run), message.run.redrive_count);
            if self.planted(PlantedBug::StopInTwoWrites) {
                self.host.store().close_run(&key, count, &close).await?;
                let put = self.host.store().put_record(&record_key(&key, position), &record).await?;
                if put == PutRecord::Won {
                    return self.ended(&message, definition, position, end, now_ms).await;
                }
                continue;
            }
            let record = (&record_key(&key, position), &record);
            if self.host.store().close_run_with_record(&key, count, &close, record).await? {
                self.count_end(end.status);
                return self.ended(&message, definition, position, end, now_ms).await;
            }
        }
        Ok(Handled::leave())
    }

    /// A record that no delivery of a step led to.
    pub(crate) async fn plain_record(
        &self,
        line: &Line<'_>,
        position: &Position,
        outcome: &Outcome,
        transition: &Transition,
    ) -> WorldResult<Record> {
        let json = serde_json::to_vec(outcome)
            .map_err(|error| payload::unreadable("encode an outcome", &error.to_string()))?;
        let RecordPayloads { outcome, end } = self.record_payloads(line, position, json, transition).await?;
        Ok(Record {
            version: ITEM_VERSION,
            seq: position.seq,
            owner: line.owner.to_owned(),
            outcome,
            opening: position.opening,
            end,
            queued_ms: None,
            received_ms: None,
            started_ms: None,
            finished_ms: transition.now_ms,
            receive_count: 0,
            request_id: None,
            digest: transition.digest(),
            semantics: SEMANTICS,
            expires_s: self.host.settings().expires_s(&line.run.workflow, transition.now_ms, i64::MIN),
        })
    }

    /// What follows from the end that a request has recorded.
    async fn ended(
        &self,
        message: &Message,
        definition: &Definition,
        position: &Position,
        end: &End,
        now_ms: i64,
    ) -> WorldResult<Handled> {
        self.stop_branches(&message.run, position).await?;
        self.stop_children_of(definition, &message.run, position).await?;
        self.stop_child_of(&message.run, position).await?;
        let mut sendings = self.told(&message.run, end, now_ms).await?;
        sendings.extend(self.parent_told(&message.run).await?);
        Ok(Handled::sending(sendings))
    }

    /// If this message has stopped the run before, its last effects are done again: it may have died before it did
    /// them, also if the run has been redriven since.
    async fn stopped_before(&self, message: &Message, head: &Head) -> WorldResult<Handled> {
        let Some(Owned { position, transition, .. }) = &head.owned else {
            return Ok(Handled::done());
        };
        match &transition.next {
            Next::End(end) => self.ended(message, &head.definition, position, end, transition.now_ms).await,
            Next::Wait(_) => Ok(Handled::done()),
        }
    }
}
