//! The end of a pause: what was held goes on, at a rate.
//!
//! Whoever resumes first sends a message that asks for the same, delayed; then takes the pause away; then sends the message that
//! is handled at once. It walks the held runs: of each the effects of its branches' last records are done again, and only then
//! is the run no longer held. What is still paused, or again, stays.

use super::{HeldRun, Pausable, PauseDone, Pauses, unreadable};
use crate::{
    Protocol,
    batch::{Delivery, Invocation, Sending},
    deliver::Handled,
    item::RunId,
    json, limits,
    planted::PlantedBug,
    traits::{Clock, Host, Outgoing, QueueName, Retry, Store, WorldError, WorldResult},
    walk::Urgency,
};
use futures::future::{self, Either};
use serde::{Deserialize, Serialize};
use stepladder_engine::Status;

/// What a resume did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Resumed {
    /// Runs whose effects were done again.
    pub resumed: usize,
    /// Runs that are paused still, or again.
    pub still_paused: usize,
    /// Runs that can't be read.
    pub unreadable: usize,
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
    /// Those up to this one have been resumed.
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
    /// Ends a pause; what was held goes on within moments, [`limits::RESUMED_PER_SECOND`] runs a second. Repeating it repeats
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
        let Resumed { resumed, still_paused, unreadable } = resumed;
        tracing::info!(workflow = place.workflow, resumed, still_paused, unreadable, "resumed held runs");
        let handled = match ended {
            Some(Ok(())) => Ok(Handled::done()),
            // A message that sends its like must come to an end: only what has come further is sent on.
            Some(Err(_)) | None if place != from => {
                place.sending(0).map(|sending| Handled::sending(vec![sending]))
            }
            Some(Err(error)) => Err(error),
            None => Err(WorldError {
                operation: format!("resume the held runs of {}", place.workflow),
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

    /// Resumes what is held at and behind a place.
    async fn resume_from(&self, place: &mut Place, resumed: &mut Resumed) -> WorldResult<()> {
        let (store, clock) = (self.host.store(), self.host.clock());
        if let Some(run) = &place.run {
            let held = store.held(&RunId::new(&place.workflow, run)).await?;
            return self.resume_some(held.as_slice(), resumed).await;
        }
        loop {
            let began_ms = clock.now_ms();
            let after = place.after.as_deref();
            let some = store.held_runs(&place.workflow, after, limits::RESUMED_AT_ONCE).await?;
            self.resume_some(&some, resumed).await?;
            let Some(last) = some.last().filter(|_| some.len() >= limits::RESUMED_AT_ONCE) else {
                return Ok(());
            };
            place.after = Some(last.run.id.name.clone());
            let gap_ms = limits::RESUMED_AT_ONCE as i64 * 1000 / limits::RESUMED_PER_SECOND;
            clock.sleep((began_ms + gap_ms - clock.now_ms()).max(0)).await;
        }
    }

    /// Resumes these held runs, all at once. Of what can't be read the others don't suffer.
    async fn resume_some(&self, some: &[HeldRun], resumed: &mut Resumed) -> WorldResult<()> {
        if some.is_empty() {
            return Ok(());
        }
        // Behind the list: what was paused again by now stays.
        let controls = self.host.store().controls().await?;
        let (paused, free): (Vec<&HeldRun>, Vec<&HeldRun>) =
            some.iter().partition(|held| controls.paused_by(&held.run.id).any());
        resumed.still_paused += paused.len();
        let mut failed = None;
        for (held, done) in
            free.iter().zip(future::join_all(free.iter().map(|held| self.resume_one(held))).await)
        {
            match done {
                Ok(()) => resumed.resumed += 1,
                Err(error) if error.retry == Retry::Never => {
                    resumed.unreadable += 1;
                    tracing::error!(run = %held.run, %error, "a held run can't be resumed; `stepladder repair` says why");
                }
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Does the effects of its last records again, and lets go of it. Also those of its end: a copy of a message that was held may
    /// have recorded it, and may have died before it told.
    async fn resume_one(&self, held: &HeldRun) -> WorldResult<()> {
        if self.planted(PlantedBug::LetsGoBeforeResumed) {
            self.host.store().delete_held(held).await?;
        }
        if let Some(head) = self.head(&held.run, "").await? {
            if head.item.status == Status::Running {
                self.finish_search_items(&head).await?;
            }
            self.do_again(&head, Urgency::All).await?;
        }
        if self.planted(PlantedBug::LetsGoOfLaterOnes)
            && let Some(later) = self.host.store().held(&held.run.id).await?
        {
            return self.host.store().delete_held(&later).await;
        }
        self.host.store().delete_held(held).await
    }

    /// Asks for the resume of what is held and not paused: somebody died on the way. Called hourly.
    pub(crate) async fn resume_left(&self, workflow: &str) -> WorldResult<()> {
        let controls = self.host.store().controls().await?;
        let what = Pausable::Workflow(workflow.to_owned());
        if controls.has(&what) {
            return Ok(());
        }
        // There are no more of which each is paused by itself.
        let held = self.host.store().held_runs(workflow, None, limits::PAUSED_MAX + 1).await?;
        if held.iter().any(|held| !controls.paused_by(&held.run.id).run) {
            self.send_now(vec![sending(&what, 0)?]).await?;
        }
        Ok(())
    }
}
