//! A step whose code never runs twice at once for the same position.
//!
//! Whoever is about to run it takes the lease of the position first. A lease ends after its holder: when the holder's
//! function is killed at the latest, and a margin later, for clocks differ. Whoever finds it held leaves the message to its queue until then.
//!
//! Nobody hands a lease back after its record: what comes later finds that the position had a holder, and looks for the record
//! before it runs anything. So it costs one write, and no read as long as nothing is repeated. It is handed back only where
//! the code has answered and the record could not be put, so that the next delivery need not wait.

use crate::{
    Protocol,
    batch::{Delivery, Invocation, StepFunction},
    deliver::{Handled, Job, record_key},
    execute::{Executed, SANDBOX_TIMEDOUT},
    item::{RecordKey, RunKey},
    limits,
    planted::PlantedBug,
    traits::{Clock, Host, Store, WorldResult},
};
use std::future::Future;
use stepladder_engine::{Outcome, Position};

/// The right to run the code of a position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// 32 random hex digits.
    pub holder: String,
    /// It ends then, in milliseconds since the epoch.
    pub until_ms: i64,
    /// That there was one is known until then, in seconds since the epoch.
    pub expires_s: i64,
}

/// What became of the wish for a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseTaken {
    /// It is the position's first.
    First,
    /// There was one before: its holder may have recorded the position.
    Again,
    /// Somebody has it until then, in milliseconds since the epoch.
    Held { until_ms: i64 },
}

/// The leases of positions in the store.
pub trait Leases: Send + Sync {
    /// Takes the lease of a position, unless another holder has it at `now_ms`. The same holder may take it again.
    fn take_lease(
        &self,
        position: &RecordKey,
        lease: &Lease,
        now_ms: i64,
    ) -> impl Future<Output = WorldResult<LeaseTaken>> + Send;

    /// Ends a lease before its time, if this holder has it; that there was one stays known.
    fn release_lease(
        &self,
        position: &RecordKey,
        holder: &str,
    ) -> impl Future<Output = WorldResult<()>> + Send;
}

impl<H: Host> Protocol<H> {
    /// Runs a step's code under the lease of its position, and commits what came of it.
    pub(crate) async fn run_exclusively(
        &self,
        step: &StepFunction,
        invocation: &Invocation,
        delivery: &Delivery,
        job: &Job,
        position: &Position,
    ) -> WorldResult<Handled> {
        let (store, clock) = (self.host.store(), self.host.clock());
        let (key, now_ms) = (record_key(&RunKey::of(&job.message.run), position), clock.now_ms());
        let lease = Lease {
            holder: format!("{:032x}", clock.random_u128()),
            until_ms: invocation.deadline_ms.saturating_add(limits::LEASE_MARGIN_MS),
            expires_s: self.host.settings().expires_s(&job.message.run.workflow, now_ms, i64::MIN),
        };
        match store.take_lease(&key, &lease, now_ms).await? {
            LeaseTaken::First => {}
            LeaseTaken::Again if self.planted(PlantedBug::LeaseIsEnough) => {}
            LeaseTaken::Again => {
                // Rule 1 decides when it comes back.
                if store.record(&key).await?.is_some() {
                    return Ok(Handled::leave());
                }
            }
            LeaseTaken::Held { .. } if self.planted(PlantedBug::HeldLeaseIsTaken) => {}
            LeaseTaken::Held { until_ms } => {
                let left_ms = until_ms.saturating_sub(now_ms).max(0).saturating_add(999);
                return Ok(Handled::leave_for(u32::try_from(left_ms / 1000).unwrap_or(u32::MAX)));
            }
        }
        let Executed::Outcome(outcome, started_ms) = self.execute(step, invocation, job, position).await?
        else {
            return Ok(Handled::leave());
        };
        let may_go_on = may_go_on(&outcome);
        let handled = self.commit(invocation, delivery, job, position, outcome, started_ms).await;
        let is_recorded = handled.as_ref().is_ok_and(|handled| handled.has_recorded);
        if !is_recorded
            && !may_go_on
            && let Err(error) = store.release_lease(&key, &lease.holder).await
        {
            tracing::debug!(%key, %error, "a lease was not handed back; it ends by itself");
        }
        handled
    }
}

/// Whether the code may still be running: it was cut off, and others of its batch may have been in the same call.
fn may_go_on(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::TimedOut { .. } => true,
        Outcome::Failed { error, .. } => error == SANDBOX_TIMEDOUT,
        _ => false,
    }
}
