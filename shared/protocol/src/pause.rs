//! Workflows and runs that are paused: none of their steps' code begins.
//!
//! The control item says which they are. A process reads it once in [`limits::CONTROLS_MS`], not for each message. A message that
//! asks for a step's code of a paused run is put into the table, as the same message; then the control item is read again,
//! consistently, and the message is acknowledged only if it still says so: then a resume, which takes the pause away first and
//! looks for held messages after that, finds this one. If the pause is over by then, the message asks for the resume itself.
//!
//! A resume sends what is held to its queue again. The id stays, so that by rule 4 all copies are one message: another copy may
//! have begun before the pause, and may record the position after the resume and die before it has sent.
//!
//! All else goes on: timers, answers, joins, stops, redrives, and the run's own deadline.

mod resume;

pub(crate) use resume::asked;

use crate::{
    Protocol,
    batch::{Delivery, Invocation},
    deliver::Handled,
    item::{RunId, RunKey},
    limits,
    message::{Ask, Message},
    pace::Pace,
    planted::PlantedBug,
    traits::{Clock, Host, Outgoing, QueueName, Retry, Store, WorldError, WorldResult},
};
use futures::FutureExt;
use std::{
    collections::BTreeSet,
    fmt,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};
use stepladder_engine::{Position, Status};

/// What can be paused: a workflow with all of its runs, or one run.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Pausable {
    Workflow(String),
    Run(RunId),
}

impl Pausable {
    pub fn workflow(&self) -> &str {
        match self {
            Pausable::Workflow(workflow) => workflow,
            Pausable::Run(id) => &id.workflow,
        }
    }
}

/// As a person types it: no name has a slash.
impl fmt::Display for Pausable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pausable::Workflow(workflow) => f.write_str(workflow),
            Pausable::Run(id) => id.fmt(f),
        }
    }
}

/// What the control item says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Controls {
    /// The paused workflows and runs, as [`Pausable`] is written.
    pub paused: BTreeSet<String>,
}

/// What a run is paused by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PausedBy {
    pub run: bool,
    pub workflow: bool,
}

impl PausedBy {
    /// Whether it is paused.
    pub fn any(self) -> bool {
        self.run || self.workflow
    }
}

impl Controls {
    pub fn has(&self, what: &Pausable) -> bool {
        self.paused.contains(&what.to_string())
    }

    pub fn paused_by(&self, id: &RunId) -> PausedBy {
        if self.paused.is_empty() {
            return PausedBy::default();
        }
        PausedBy { run: self.paused.contains(&id.to_string()), workflow: self.paused.contains(&id.workflow) }
    }
}

/// A message that waits in the table until its run is resumed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldMessage {
    pub run: RunKey,
    /// The message's own id: it is held once.
    pub id: String,
    /// The queue that it was in.
    pub queue: QueueName,
    pub body: String,
    /// As [`crate::Outgoing`] has it.
    pub group: Option<String>,
    /// 32 random hex digits, others each time that it is put: whoever takes it away takes away no later one.
    pub stamp: String,
    /// Seconds since the epoch.
    pub expires_s: i64,
}

impl HeldMessage {
    /// Its place among those of the workflow.
    pub fn place(&self) -> String {
        format!("{}{}", HeldMessage::before_all_of(&self.run.id.name), self.id)
    }

    /// What the places of all messages of a run begin with. No name has such a sign in it.
    pub fn before_all_of(name: &str) -> String {
        format!("{name}#")
    }
}

/// How the wish to pause something went in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PauseWritten {
    /// It is paused, perhaps since long.
    Done,
    /// [`limits::PAUSED_MAX`] are.
    TooMany,
}

/// The control item, and the messages that are held, in the store.
pub trait Pauses: Send + Sync {
    fn controls(&self) -> impl Future<Output = WorldResult<Controls>> + Send;

    /// [`Pauses::controls`] at half the price: it may be as it was a moment before.
    fn controls_seen(&self) -> impl Future<Output = WorldResult<Controls>> + Send {
        self.controls()
    }

    /// Pauses something. Repeating it changes nothing.
    fn pause(&self, what: &Pausable) -> impl Future<Output = WorldResult<PauseWritten>> + Send;

    /// Ends a pause. Repeating it changes nothing.
    fn unpause(&self, what: &Pausable) -> impl Future<Output = WorldResult<()>> + Send;

    /// Holds a message, over what is there of it.
    fn put_held(&self, held: &HeldMessage) -> impl Future<Output = WorldResult<()>> + Send;

    /// The held messages of a workflow's runs whose [`HeldMessage::place`] sorts behind `after`, at most `limit`: fewer only
    /// where there are no more.
    fn held(
        &self,
        workflow: &str,
        after: Option<&str>,
        limit: usize,
    ) -> impl Future<Output = WorldResult<Vec<HeldMessage>>> + Send;

    /// Takes it away, if its stamp is still this one.
    fn delete_held(&self, held: &HeldMessage) -> impl Future<Output = WorldResult<()>> + Send;
}

/// How the wish to pause or to resume something went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PauseDone {
    Done,
    /// The run has ended.
    Refused(Status),
    NotFound,
    /// [`limits::PAUSED_MAX`] are paused.
    TooMany,
}

/// What this process knows of the control item.
#[derive(Debug, Default)]
pub(crate) struct Known(Mutex<Option<(Arc<Controls>, i64)>>);

impl Known {
    fn get(&self) -> Option<(Arc<Controls>, i64)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps what was read, unless a later read is known.
    fn keep(&self, controls: &Arc<Controls>, read_ms: i64) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.as_ref().is_none_or(|(_, before_ms)| *before_ms <= read_ms) {
            *known = Some((controls.clone(), read_ms));
        }
    }
}

impl<H: Host> Protocol<H> {
    /// Reads the control item, unless it was read a moment ago. What can't be read is as it was.
    pub async fn look_at_controls(&self) -> WorldResult<Arc<Controls>> {
        let (known, now_ms) = (self.controls.get(), self.host.clock().now_ms());
        if let Some((controls, read_ms)) = &known
            && (0..limits::CONTROLS_MS).contains(&now_ms.saturating_sub(*read_ms))
        {
            return Ok(controls.clone());
        }
        // On the heap, as all that is seldom done within a message's turn: a thread's stack holds the rest.
        match (self.host.store().controls_seen().boxed().await, known) {
            (Ok(controls), _) => {
                let controls = Arc::new(controls);
                self.controls.keep(&controls, now_ms);
                Ok(controls)
            }
            (Err(error), Some((controls, _))) => {
                tracing::warn!(%error, "the control item could not be read; it counts as it was");
                Ok(controls)
            }
            (Err(error), None) => Err(error),
        }
    }

    /// Before a batch: its messages ask nobody then.
    pub(crate) async fn look_at_controls_for(&self, invocation: &Invocation) {
        if matches!(invocation.queue, QueueName::Step(_) | QueueName::Invoke | QueueName::DeadLetter) {
            // Where nothing is known, each message asks for itself, and says why it fails.
            let _ = self.look_at_controls().await;
        }
    }

    /// Whether a message asks for the code of a step of a paused run: then it has been handled.
    pub(crate) async fn hold(
        &self,
        invocation: &Invocation,
        delivery: &Delivery,
        message: &Message,
    ) -> WorldResult<Option<Handled>> {
        let Ask::Step(position) = &message.ask else { return Ok(None) };
        let run = RunKey::of(&message.run);
        // A look for the whole batch was taken before it.
        let controls = match self.controls.get() {
            Some((controls, _)) if !matches!(invocation.queue, QueueName::Activity(_)) => controls,
            _ => self.look_at_controls().boxed().await?,
        };
        let now_ms = self.host.clock().now_ms();
        // What ends the run is no step's code.
        if !controls.paused_by(&run.id).any() || position.is_past_deadline(now_ms) {
            return Ok(None);
        }
        self.hold_paused(invocation, delivery, message, position, run).boxed().await.map(Some)
    }

    async fn hold_paused(
        &self,
        invocation: &Invocation,
        delivery: &Delivery,
        message: &Message,
        position: &Position,
        run: RunKey,
    ) -> WorldResult<Handled> {
        let (store, clock) = (self.host.store(), self.host.clock());
        let now_ms = clock.now_ms();
        // When it comes back it has been received before.
        let receives = message.pace.unwrap_or_default().receives;
        let receives = receives.saturating_add(delivery.receive_count.saturating_sub(1));
        let mut message = Message { pace: Some(Pace { at_ms: None, receives }), ..message.clone() };
        if self.planted(PlantedBug::HoldsUnderAnotherId) {
            message.id = format!("{:032x}", clock.random_u128());
        }
        let Outgoing { body, group, .. } =
            self.sending(invocation.queue.clone(), &message, i64::MIN).await?.outgoing;
        let held = HeldMessage {
            id: message.id.clone(),
            queue: invocation.queue.clone(),
            body,
            group,
            stamp: format!("{:032x}", clock.random_u128()),
            expires_s: self.host.settings().expires_s(&run.id.workflow, now_ms, position.due_ms()),
            run,
        };
        store.put_held(&held).await?;
        let read_ms = clock.now_ms();
        let controls = Arc::new(store.controls().await?);
        self.controls.keep(&controls, read_ms);
        if !controls.paused_by(&held.run.id).any() && !self.planted(PlantedBug::HoldsWithoutSecondLook) {
            // Whoever resumed it may have looked already.
            let sending = resume::sending(&Pausable::Run(held.run.id), 0)?;
            return Ok(Handled::sending(vec![sending]));
        }
        tracing::info!(run = %held.run, state = position.state, "a position is paused");
        let Some(deadline_ms) = position.deadline_ms else { return Ok(Handled::done()) };
        // No step's message looks at the clock meanwhile.
        let ask = self.message(&message.run, Ask::TimeOut);
        Ok(Handled::sending(vec![self.sending(QueueName::Timer, &ask, deadline_ms).await?]))
    }

    /// What a run is paused by.
    pub async fn paused_by(&self, id: &RunId) -> WorldResult<PausedBy> {
        Ok(self.host.store().controls().await?.paused_by(id))
    }

    /// Whether a workflow is paused.
    pub async fn is_paused(&self, workflow: &str) -> WorldResult<bool> {
        Ok(self.host.store().controls().await?.has(&Pausable::Workflow(workflow.to_owned())))
    }

    /// Pauses a workflow or a run: within [`limits::CONTROLS_MS`] none of its steps' code begins any more. Repeating it changes
    /// nothing.
    pub async fn pause(&self, what: &Pausable) -> WorldResult<PauseDone> {
        match self.pausable(what).await? {
            PauseDone::Done => {}
            refused => return Ok(refused),
        }
        Ok(match self.host.store().pause(what).await? {
            PauseWritten::Done => PauseDone::Done,
            PauseWritten::TooMany => PauseDone::TooMany,
        })
    }

    /// Whether it can be paused.
    async fn pausable(&self, what: &Pausable) -> WorldResult<PauseDone> {
        let store = self.host.store();
        Ok(match what {
            Pausable::Workflow(workflow) => match store.workflow(workflow).await? {
                Some(_) => PauseDone::Done,
                None => PauseDone::NotFound,
            },
            Pausable::Run(id) => match store.run(id, self.host.clock().now_ms()).await? {
                None => PauseDone::NotFound,
                Some(item) if item.status != Status::Running => PauseDone::Refused(item.status),
                Some(_) => PauseDone::Done,
            },
        })
    }
}

fn unreadable(message: &str) -> WorldError {
    WorldError { operation: "encode a resume".to_owned(), message: message.to_owned(), retry: Retry::Never }
}
