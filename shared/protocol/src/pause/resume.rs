//! The end of a pause: what was held goes on, at a rate.
//!
//! Whoever resumes first sends a message that asks for the same, delayed; then takes the pause away; then sends the message that
//! is handled at once. It walks the held messages: each is sent to its queue again, and only then is it held no more. What is
//! still paused, or again, stays.

use super::{Controls, HeldMessage, Pausable, PauseDone, Pauses, unreadable};
use crate::{
    Protocol,
    batch::{Delivery, Invocation, Sending},
    deliver::Handled,
    json, limits,
    message::Message,
    planted::PlantedBug,
    traits::{Clock, Host, Outgoing, QueueName, Retry, Store, WorldError, WorldResult},
};
use futures::future::{self, Either};
use serde::{Deserialize, Serialize};

/// What a resume did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Resumed {
    /// Messages that were sent again.
    resumed: usize,
    /// Those of runs that are paused still, or again.
    still_paused: usize,
}

/// The message of the timer queue that asks for it: `{"resume": {"workflow": …}}`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ResumeMessage {
    resume: Place,
}

/// What is resumed, and how far that has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    workflow: String,
    /// Only this run.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    run: Option<String>,
    /// The held messages up to this place have been resumed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    after: Option<String>,
}

/// What a body asks to resume, if it does: how the timer function tells it from a run's message.
pub(crate) fn asked(body: &str) -> Option<Place> {
    match body.len() <= limits::RESUME_BODY_BYTES_MAX {
        true => serde_json::from_str::<ResumeMessage>(body).ok().map(|asked| asked.resume),
        false => None,
    }
}

/// The message that resumes something.
pub(super) fn sending(what: &Pausable, delay_seconds: u32) -> WorldResult<Sending> {
    let run = match what {
        Pausable::Workflow(_) => None,
        Pausable::Run(id) => Some(id.name.clone()),
    };
    Place { workflow: what.workflow().to_owned(), run, after: None }.sending(delay_seconds)
}

impl Place {
    fn sending(&self, delay_seconds: u32) -> WorldResult<Sending> {
        let body = json::to_ascii(&ResumeMessage { resume: self.clone() })
            .map_err(|error| unreadable(&error.to_string()))?;
        Ok(Sending { queue: QueueName::Timer, outgoing: Outgoing::new(body, delay_seconds), step: None })
    }
}

impl<H: Host> Protocol<H> {
    /// Ends a pause; what was held goes on within moments, [`limits::RESUMED_PER_SECOND`] messages a second. Repeating it repeats
    /// what may have been cut off. A run that its workflow pauses too stays paused.
    pub async fn resume(&self, what: &Pausable) -> WorldResult<PauseDone> {
        let is_there = match what {
            Pausable::Workflow(workflow) => self.host.store().workflow(workflow).await?.is_some(),
            Pausable::Run(id) => self.host.store().run(id, self.host.clock().now_ms()).await?.is_some(),
        };
        if is_there {
            self.send_now(vec![sending(what, limits::REQUEST_DELAY_SECONDS)?]).await?;
        }
        // Also what is gone meanwhile is paused no longer.
        self.host.store().unpause(what).await?;
        if !is_there {
            return Ok(PauseDone::NotFound);
        }
        self.send_now(vec![sending(what, 0)?]).await?;
        Ok(PauseDone::Done)
    }

    /// A message that asks for a resume. It stays in its queue if that fails; where the time doesn't suffice, another message
    /// goes on from where this one came to.
    pub(crate) async fn resume_delivery(
        &self,
        invocation: &Invocation,
        delivery: &Delivery,
        mut place: Place,
    ) -> Handled {
        let margin_ms = limits::SWEEP_MARGIN_MS.min(invocation.function_timeout_ms / 4);
        let clock = self.host.clock();
        let left_ms = (invocation.deadline_ms - margin_ms - clock.now_ms()).max(0);
        let (from, mut resumed) = (place.clone(), Resumed::default());
        let (walk, timeout) =
            (Box::pin(self.resume_from(&mut place, &mut resumed)), Box::pin(clock.sleep(left_ms)));
        let ended = match future::select(walk, timeout).await {
            Either::Left((ended, _)) => Some(ended),
            Either::Right(_) => None,
        };
        let Resumed { resumed, still_paused } = resumed;
        tracing::info!(workflow = place.workflow, resumed, still_paused, "resumed what was held");
        let handled = match ended {
            Some(Ok(())) => Ok(Handled::done()),
            // A message that sends its like must come to an end: only what has come further is sent on.
            Some(Err(_)) | None if place != from => {
                place.sending(0).map(|sending| Handled::sending(vec![sending]))
            }
            Some(Err(error)) => Err(error),
            None => Err(WorldError {
                operation: format!("resume what is held of {}", place.workflow),
                message:
                    "the function's time doesn't suffice for any; hint: raise the timer function's timeout"
                        .to_owned(),
                retry: Retry::Later,
            }),
        };
        match handled {
            Ok(handled) => handled,
            Err(error) => self.failed(invocation, delivery, None, error).await,
        }
    }

    /// Resumes what is held behind a place.
    async fn resume_from(&self, place: &mut Place, resumed: &mut Resumed) -> WorldResult<()> {
        let (store, clock) = (self.host.store(), self.host.clock());
        let first = place.run.as_deref().map(HeldMessage::before_all_of);
        loop {
            let began_ms = clock.now_ms();
            let after = place.after.as_deref().or(first.as_deref());
            let mut some = store.held(&place.workflow, after, limits::RESUMED_AT_ONCE).await?;
            if let Some(run) = &place.run {
                some.retain(|held| held.run.id.name == *run);
            }
            if some.is_empty() {
                return Ok(());
            }
            // Behind the list: what was paused again by now stays.
            let controls = store.controls().await?;
            self.resume_some(&some, &controls, resumed).await?;
            let Some(last) = some.last().filter(|_| some.len() >= limits::RESUMED_AT_ONCE) else {
                return Ok(());
            };
            place.after = Some(last.place());
            let gap_ms = limits::RESUMED_AT_ONCE as i64 * 1000 / limits::RESUMED_PER_SECOND;
            clock.sleep((began_ms + gap_ms - clock.now_ms()).max(0)).await;
        }
    }

    /// Sends these again, and lets go of them.
    async fn resume_some(
        &self,
        some: &[HeldMessage],
        controls: &Controls,
        resumed: &mut Resumed,
    ) -> WorldResult<()> {
        let store = self.host.store();
        let (paused, free): (Vec<_>, Vec<_>) =
            some.iter().partition(|held| controls.paused_by(&held.run.id).any());
        resumed.still_paused += paused.len();
        if self.planted(PlantedBug::LetsGoBeforeResumed) {
            for held in &free {
                store.delete_held(held).await?;
            }
        }
        self.send_now(free.iter().map(|held| self.sent_again(held)).collect()).await?;
        for held in &free {
            let there = match self.planted(PlantedBug::LetsGoOfLaterOnes) {
                true => store.held(&held.run.id.workflow, None, limits::PAUSED_MAX).await?,
                false => Vec::new(),
            };
            let later = there.iter().find(|later| later.id == held.id);
            store.delete_held(later.unwrap_or(held)).await?;
            resumed.resumed += 1;
        }
        Ok(())
    }

    fn sent_again(&self, held: &HeldMessage) -> Sending {
        // Where its queue is gone by now, its position has an outcome of its own.
        let message = Message::decode(&held.body, self.host.settings().payload_bytes_max);
        let step = message.ok().filter(|_| held.queue != QueueName::DeadLetter).map(Box::new);
        let outgoing = Outgoing::new(held.body.clone(), 0).of_group(held.group.clone());
        Sending { queue: held.queue.clone(), outgoing, step }
    }

    /// Asks for the resume of what is held and not paused: somebody died on the way. Called hourly.
    pub(crate) async fn resume_left(&self, workflow: &str) -> WorldResult<()> {
        let controls = self.host.store().controls().await?;
        let what = Pausable::Workflow(workflow.to_owned());
        if controls.has(&what) {
            return Ok(());
        }
        let mut after = None;
        loop {
            let held = self.host.store().held(workflow, after.as_deref(), limits::HELD_LOOKED_AT).await?;
            if held.iter().any(|held| !controls.paused_by(&held.run.id).run) {
                self.send_now(vec![sending(&what, 0)?]).await?;
                return Ok(());
            }
            let Some(last) = held.last().filter(|_| held.len() >= limits::HELD_LOOKED_AT) else {
                return Ok(());
            };
            after = Some(last.place());
        }
    }
}
