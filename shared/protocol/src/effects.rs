//! What a transition asks for, turned into writes and messages. Doing it twice changes nothing.

use crate::{
    Protocol,
    batch::Sending,
    deliver::plain_bytes_max,
    item::{Close, Ending, Record, RunKey},
    json, limits,
    message::{Ask, Message},
    payload::{self, Payload},
    planted::PlantedBug,
    traits::{
        Clock, DataSlot, Host, Outgoing, Queue, QueueName, Retry, SendError, Store, WorldError, WorldResult,
    },
};
use serde_json::json;
use sha2::{Digest, Sha256};
use stepladder_asl::{Definition, timestamp};
use stepladder_engine::{
    Effect, End, Outcome, Phase, Position, Run, Target, Transition, advance, function_of,
};

impl<H: Host> Protocol<H> {
    /// What has to be sent because of a transition. What has to be written instead has been written when this returns.
    pub(crate) async fn effects(
        &self,
        message: &Message,
        definition: &Definition,
        transition: &Transition,
    ) -> WorldResult<Vec<Sending>> {
        match transition.effect() {
            Effect::Send { to: Target::Step { state }, position, due_ms } => {
                let next = self.message(&message.run, Ask::Step(position.clone()));
                match function_of(definition, state) {
                    Some(function) => {
                        let queue = QueueName::Step(function.to_owned());
                        let mut sending = self.sending(queue, &next, due_ms).await?;
                        sending.step = Some(Box::new(next));
                        Ok(vec![sending])
                    }
                    None => Ok(vec![
                        self.unscheduled(next, "The state's resource is not a Lambda function.").await?,
                    ]),
                }
            }
            Effect::Send { to: Target::Timer, position, due_ms } => {
                let next = self.message(&message.run, Ask::Timer(position.clone()));
                Ok(vec![self.sending(QueueName::Timer, &next, due_ms).await?])
            }
            Effect::Open(position) => Err(not_run(position.state.as_str())),
            Effect::Join(end) => Err(not_run(end.state.as_str())),
            Effect::Close(end) => {
                self.close(&message.run, end, transition.now_ms).await?;
                match self.host.settings().status_events {
                    true => Ok(vec![self.status_event(&message.run, end, transition.now_ms)]),
                    false => Ok(Vec::new()),
                }
            }
        }
    }

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
        Ok(Sending { queue, outgoing: Outgoing { body, delay_seconds }, step: None })
    }

    /// Sends one message by itself.
    pub(crate) async fn send_one(&self, sending: Sending) -> WorldResult<()> {
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
        let why = format!("Function not found: {}; the stack has no queue of that name.", queue.short());
        let sending = self.unscheduled(message, &why).await?;
        match self.host.queue().send(&sending.queue, &[sending.outgoing]).await?.into_iter().next() {
            Some(Ok(())) => Ok(()),
            Some(Err(SendError::Failed(error))) => Err(error),
            Some(Err(SendError::NoSuchQueue)) | None => Err(no_queue(&sending.queue)),
        }
    }

    async fn unscheduled(&self, message: Message, why: &str) -> WorldResult<Sending> {
        let Message { run, ask, .. } = message;
        let Some(position) = ask.position() else {
            return Err(no_queue(&QueueName::Timer));
        };
        let cause = format!("{why} (state '{}' of workflow {})", position.state, run.workflow);
        let outcome = Outcome::Failed {
            error: "Lambda.ResourceNotFoundException".to_owned(),
            cause: Some(cause),
            phase: Phase::Schedule,
        };
        let message = self.message(&run, Ask::Outcome(position.clone(), outcome));
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
        self.host.store().close_run(&key, redrive_count, &close).await
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
        let (ending, ending_item) = match json.len() <= limits::RUN_ITEM_PAYLOAD_BYTES_MAX {
            true => (Some(Payload::Json(json)), None),
            false => {
                let name: String = payload::hex(&Sha256::digest(&json)).chars().take(16).collect();
                let name = match self.planted(PlantedBug::OneItemForAllEndings) {
                    true => "0".repeat(16),
                    false => name,
                };
                let payload = payload::store(self.host.blobs(), &key, json, plain_bytes_max(&key)).await?;
                let expires_s = self.host.settings().expires_s(now_ms, i64::MIN);
                let slot = DataSlot::Ending(name.clone());
                self.host.store().put_data(&key, slot, &payload, expires_s).await?;
                (None, Some(name))
            }
        };
        let error = end.error.as_ref().map(|error| error.chars().take(limits::ERROR_CHARS_MAX).collect());
        Ok(Close { status: end.status, ended_ms: now_ms, ending, ending_item, error, by })
    }

    /// A message to the status queue, with the detail of AWS's "Step Functions Execution Status Change"
    /// (<https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html>), without payloads.
    pub(crate) fn status_event(&self, run: &Run, end: &End, now_ms: i64) -> Sending {
        let body = json!({
            "detail-type": "Step Functions Execution Status Change",
            "time": timestamp::format(now_ms),
            "detail": {
                "executionArn": run.execution_arn(),
                "stateMachineArn": run.state_machine_arn(),
                "name": run.name,
                "status": end.status,
                "startDate": run.started_ms,
                "stopDate": now_ms,
                "redriveCount": run.redrive_count,
                "error": end.error.as_ref().map(|error| error.escape_default().to_string()),
            },
        });
        let outgoing = Outgoing { body: body.to_string(), delay_seconds: 0 };
        Sending { queue: QueueName::Status, outgoing, step: None }
    }

    pub(crate) fn advance(
        &self,
        definition: &Definition,
        message: &Message,
        position: &Position,
        outcome: &Outcome,
        now_ms: i64,
    ) -> Transition {
        advance(definition, &self.engine_run(message), position, outcome, now_ms)
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

fn no_queue(queue: &QueueName) -> WorldError {
    WorldError {
        operation: format!("send to the queue {}", queue.short()),
        message: "there is no such queue; deploy the stack again".to_owned(),
        retry: Retry::Never,
    }
}

/// A fan-out: no definition that has one is accepted.
fn not_run(state: &str) -> WorldError {
    WorldError {
        operation: format!("go on from state '{state}'"),
        message: "fan-outs are not run yet".to_owned(),
        retry: Retry::Never,
    }
}
