//! What they do who have a task's token, and workers.

use super::World;
use crate::holders::{ACTIVITY, Holder};
use rand::Rng;
use stepladder_protocol::QueueName;

impl World {
    /// Whoever has a token, and workers that want one.
    pub(super) fn holders(&mut self, now_ms: i64) {
        let due = |holder: &Holder| !holder.is_through && holder.due_ms <= now_ms;
        let first =
            self.host.state().holders.iter().find(|(_, holder)| due(holder)).map(|(token, _)| token.clone());
        if let Some(token) = first {
            let twice = self.rng.random_bool(self.faults.duplicate);
            for _ in 0..=u8::from(twice) {
                self.hold(token.clone(), now_ms);
            }
        }
        let has_task = {
            let tasks = self.host.state().queues.messages(&QueueName::activity(ACTIVITY));
            tasks.iter().any(|(_, queued)| queued.visible_ms <= now_ms)
        };
        if has_task && self.rng.random_bool(0.5) {
            let (protocol, host) = (self.environment(), self.host.clone());
            self.process(async move {
                if let Ok(Some(taken)) = protocol.take_task(ACTIVITY, Some("worker".to_owned()), 0).await {
                    host.state().give_away(&taken.token, "worker", true);
                }
            });
        }
    }

    /// One of them does what it is about to do. It is tried again unless it has been answered.
    fn hold(&mut self, token: String, now_ms: i64) {
        let (protocol, host) = (self.environment(), self.host.clone());
        let holder = {
            let mut state = self.host.state();
            let Some(holder) = state.holders.get_mut(&token) else { return };
            holder.due_ms = now_ms + 5_000;
            holder.clone()
        };
        self.process(async move {
            if holder.beats > 0 {
                let answered = protocol.heartbeat(&token).await;
                let mut state = host.state();
                let Some(holder) = state.holders.get_mut(&token) else { return };
                match answered {
                    Ok(Ok(())) => {
                        holder.beats = holder.beats.saturating_sub(1);
                        holder.due_ms = now_ms + holder.beat_gap_ms;
                    }
                    Ok(Err(_)) => holder.is_through = true,
                    Err(_) => {}
                }
                return;
            }
            let answered = match holder.done {
                Some(done) => protocol.answer(&token, done).await,
                None => Ok(Ok(())),
            };
            let is_silent = { host.state().holders.get(&token).is_some_and(|holder| holder.done.is_none()) };
            let mut state = host.state();
            let Some(holder) = state.holders.get_mut(&token) else { return };
            holder.is_through |= answered.is_ok();
            if answered == Ok(Ok(())) && !is_silent {
                holder.accepted += 1;
                if holder.accepted > 1 {
                    state.watch.breaks("a token was used twice");
                }
            }
        });
    }
}
