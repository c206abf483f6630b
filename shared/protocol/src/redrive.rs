//! Redrive: a run that ended badly goes on from where it ended.
//!
//! Whatever has succeeded is kept: the states before the one that it ended in, and the branches of that one. See
//! `redrive/plan.rs` for what is left of a Parallel or Map state.

mod choice;
mod old;
mod place;
mod plan;

pub use choice::{Choice, Unplaced};
pub(crate) use choice::{Going, fits};
pub(crate) use old::Old;

use crate::{
    Protocol,
    deliver::{Handled, record_key},
    fan_outs::FanOuts,
    item::{Redefined, Redrive, RedriveItem, RunId, RunItem, RunKey},
    limits,
    line::{Before, Line},
    message::{Ask, Message},
    payload,
    read::{Head, Owned},
    stop::Requested,
    traits::{Clock, Host, Store, WorldResult},
};
use plan::Planned;
use serde_json::Value;
use sha2::{Digest, Sha256};
use stepladder_asl::Definition;
use stepladder_engine::{Kept, Next, Outcome, Position, Run, Status};

/// What a redrive of a run would do.
#[derive(Debug, Clone, PartialEq)]
pub struct RedrivePreview {
    pub status: Status,
    /// The state that the run goes on from.
    pub state: String,
    /// What is kept of that state's branches; none: the state begins anew.
    pub kept: Option<Kept>,
    /// The states that the run has left behind, and keeps, in the order in which they were entered.
    pub left_behind: Vec<String>,
}

impl<H: Host> Protocol<H> {
    /// Sends a failed, aborted or timed-out run on from where it ended, on its own definition. Two requests with the same
    /// token are one, for so long as [`limits::REDRIVE_TOKEN_MS`] says.
    pub async fn request_redrive(&self, id: &RunId, token: Option<&str>) -> WorldResult<Requested> {
        self.ask_redrive(id, token, limits::REDRIVE_TOKEN_MS, &Choice::default()).await
    }

    /// The same from a chosen place, with chosen data, on a chosen definition.
    pub async fn request_redrive_from(
        &self,
        id: &RunId,
        token: Option<&str>,
        choice: &Choice,
    ) -> WorldResult<Requested> {
        self.ask_redrive(id, token, limits::REDRIVE_TOKEN_MS, choice).await
    }

    /// The same for whoever may ask again after hours: the token stands for the same request as long as the run item knows of
    /// it, which is for [`limits::REDRIVES_KEPT_MAX`] redrives. So a run that has failed again is left as it is.
    pub async fn request_redrive_once(
        &self,
        id: &RunId,
        token: &str,
        choice: &Choice,
    ) -> WorldResult<Requested> {
        self.ask_redrive(id, Some(token), i64::MAX, choice).await
    }

    async fn ask_redrive(
        &self,
        id: &RunId,
        token: Option<&str>,
        stands_ms: i64,
        choice: &Choice,
    ) -> WorldResult<Requested> {
        let now_ms = self.host.clock().now_ms();
        let Some(item) = self.host.store().run(id, now_ms).await? else {
            return Ok(Requested::NotFound);
        };
        if let Some(token) = token
            && asked_before(&item, token, now_ms, stands_ms)
        {
            return Ok(Requested::Done);
        }
        if matches!(item.status, Status::Running | Status::Succeeded) {
            return Ok(Requested::Refused(item.status));
        }
        let ask = match choice.is_default() {
            true => Ask::Redrive,
            false => {
                // Who asks is told what is wrong with it; whoever does it later finds the same.
                match self.going_of(&item.key(), "", choice, |_| ()).await? {
                    Some((_, Ok(_))) => {}
                    Some((_, Err(unplaced))) => return Ok(Requested::Unplaced(unplaced)),
                    None => return Ok(Requested::NotFound),
                }
                Ask::RedriveFrom(Box::new(choice.clone()))
            }
        };
        let mut message = self.message(&item.run(), ask);
        if let Some(token) = token {
            message.id = id_of(&item, token, item.redrive_count);
        }
        self.request(&item, message).await
    }

    /// What a redrive would keep, and what it would do; nothing is written. An error says why there can be none.
    pub async fn preview_redrive(&self, id: &RunId) -> WorldResult<Result<RedrivePreview, Requested>> {
        self.preview_redrive_from(id, &Choice::default()).await
    }

    /// The same of [`Protocol::request_redrive_from`].
    pub async fn preview_redrive_from(
        &self,
        id: &RunId,
        choice: &Choice,
    ) -> WorldResult<Result<RedrivePreview, Requested>> {
        let Some(item) = self.host.store().run(id, self.host.clock().now_ms()).await? else {
            return Ok(Err(Requested::NotFound));
        };
        if matches!(item.status, Status::Running | Status::Succeeded) {
            return Ok(Err(Requested::Refused(item.status)));
        }
        let mut states: Vec<String> = Vec::new();
        let passed = |position: &Position| {
            if states.last() != Some(&position.state) {
                states.push(position.state.clone());
            }
        };
        let Some((head, going)) = self.going_of(&item.key(), "", choice, passed).await? else {
            return Ok(Err(Requested::NotFound));
        };
        if matches!(head.as_ref().map(|head| &head.last.next), Some(Next::Wait(_))) {
            return Ok(Err(Requested::Pending));
        }
        let Going { state, planned, .. } = match going {
            Ok(going) => going,
            Err(unplaced) => return Ok(Err(Requested::Unplaced(unplaced))),
        };
        // The one that it goes on from isn't left behind, nor what it had come to after that.
        match (&choice.from, states.iter().rposition(|passed| *passed == state)) {
            (Some(_), Some(at)) => states.truncate(at),
            (None, Some(at)) if at.saturating_add(1) == states.len() => states.truncate(at),
            _ => {}
        }
        Ok(Ok(RedrivePreview { status: item.status, state, kept: planned.kept, left_behind: states }))
    }

    /// A run's head, and what a choice comes to there; none: there is no such run. The head is there unless the choice names no
    /// place of its definition.
    pub(crate) async fn going_of(
        &self,
        key: &RunKey,
        owner: &str,
        choice: &Choice,
        pass: impl FnMut(&Position) + Send,
    ) -> WorldResult<Option<(Option<Head>, Result<Going, Unplaced>)>> {
        let (head, place, fan_out) = match self.head_for(key, owner, choice, pass).await? {
            None => return Ok(None),
            Some(Err(unplaced)) => return Ok(Some((None, Err(unplaced)))),
            Some(Ok(found)) => found,
        };
        let run = Run { redrive_count: head.redrive_count, ..head.run.clone() };
        let going = self.going(&run, (&head, place.as_ref(), fan_out), choice).await?;
        let going = going.and_then(|going| fits(&head, &going.definition).map(|()| going));
        Ok(Some((Some(head), going)))
    }

    /// One transaction: a `redriven` record after the last one, and the run item back to RUNNING with r + 1.
    pub(crate) async fn redrive(&self, message: &Message) -> WorldResult<Handled> {
        let choice = match &message.ask {
            Ask::RedriveFrom(choice) => choice.as_ref().clone(),
            _ => Choice::default(),
        };
        let found = self.head_for(&RunKey::of(&message.run), &message.id, &choice, |_| ()).await?;
        // A place that is in no definition that the run has: another redrive was faster.
        let Some(Ok((head, place, fan_out))) = found else { return Ok(Handled::done()) };
        let by_this = head.item.by.as_deref() == Some(&message.id);
        if head.item.status == Status::Running && by_this {
            return self.redriven_again(message, &head).await;
        }
        let count = message.run.redrive_count;
        if matches!(head.item.status, Status::Running | Status::Succeeded) || head.item.redrive_count != count
        {
            return Ok(Handled::done());
        }
        let Next::End(end) = &head.last.next else {
            return Ok(Handled::leave());
        };
        let position = end.redrive_position(head.next_seq);
        let run = Run { input: head.run.input.clone(), ..message.run.clone() };
        let going = self.going(&run, (&head, place.as_ref(), fan_out), &choice).await?;
        let going = going.and_then(|going| fits(&head, &going.definition).map(|()| going));
        let Going { chosen, planned: Planned { kept, unlisted }, definition, .. } = match going {
            Ok(going) => going,
            Err(unplaced) => {
                tracing::warn!(run = %RunKey::of(&message.run), why = unplaced.0, "a run can't go on so");
                return Ok(Handled::done());
            }
        };
        let mut message = message.clone();
        self.renew(&head, self.host.clock().now_ms()).await?;
        // They ended before the run did, and whoever ended them came no further than their records. The join reads the list.
        for (part, ended) in unlisted {
            let expires_s = self.fan_out_expires_s(&part.fan_out.run);
            self.host.store().append_ended(&part, ended, expires_s).await?;
        }
        message.run.redrive_count = count.saturating_add(1);
        let is_other = definition.hash != head.definition.hash;
        let outcome = Outcome::Redriven {
            redrive_count: message.run.redrive_count,
            kept,
            chosen,
            definition: is_other.then(|| definition.hash.clone()),
        };
        let now_ms = self.host.clock().now_ms();
        message.run.redriven_ms = Some(now_ms);
        message.run.definition.clone_from(&definition.hash);
        message.run.input = self.input_for(&head, &definition).await?;
        let transition = self.advance(&definition, &message, &position, &outcome, now_ms)?;
        let line = Line::root(&message, &definition, Before::Never);
        let record = self.plain_record(&line, &position, &outcome, &transition).await?;
        let key = RunKey::of(&message.run);
        let record = (&record_key(&key, &position), &record);
        let mut redrive = RedriveItem::after(&head.item, &message.id, now_ms);
        if is_other {
            let redefined =
                Redefined { redrive_count: message.run.redrive_count, definition: definition.hash.clone() };
            redrive.redefined.push(redefined);
        }
        if !self.host.store().reopen_run_with_record(&key, count, &redrive, record).await? {
            return Ok(Handled::leave());
        }
        Ok(Handled::sending(self.effects(&line, position.seq, &transition).await?))
    }

    /// The run's input, if a definition mentions it that its head has not been read for.
    async fn input_for(&self, head: &Head, definition: &Definition) -> WorldResult<Option<Value>> {
        match (definition.mentions_execution_input, &head.run.input) {
            (true, None) => Ok(Some(self.input(&head.item).await?)),
            (_, input) => Ok(input.clone()),
        }
    }

    /// This message has redriven the run before: its effects are sent again, unless the run has gone on.
    async fn redriven_again(&self, message: &Message, head: &Head) -> WorldResult<Handled> {
        let Some(Owned { position, transition, is_last: true }) = &head.owned else {
            return Ok(Handled::done());
        };
        let mut message = message.clone();
        message.run.redrive_count = head.redrive_count;
        message.run.redriven_ms = head.item.redriven_ms();
        message.run.definition = head.item.definition_now().to_owned();
        message.run.input = head.run.input.clone();
        let line = Line::root(&message, &head.definition, Before::Perhaps);
        Ok(Handled::sending(self.effects(&line, position.seq, transition).await?))
    }
}

/// Whether one of the run's last redrives was asked for with this token, and not longer ago.
pub(crate) fn asked_before(item: &RunItem, token: &str, now_ms: i64, stands_ms: i64) -> bool {
    let counts = (0..item.redrive_count).rev();
    let mut last = item.redrives.iter().rev().zip(counts);
    last.any(|(redrive, count)| {
        redrive.is_by(&id_of(item, token, count)) && now_ms.saturating_sub(redrive.at_ms) <= stands_ms
    })
}

/// The id of the message that a token stands for while the run has this redrive count.
pub(crate) fn id_of(item: &RunItem, token: &str, redrive_count: u32) -> String {
    let text = format!("redrive {} {redrive_count} {token}", item.nonce);
    payload::hex(&Sha256::digest(text.as_bytes())).chars().take(32).collect()
}

impl RedriveItem {
    /// What the next redrive of a run writes on its item.
    pub(crate) fn after(item: &RunItem, by: &str, at_ms: i64) -> Self {
        let mut redrives = item.redrives.clone();
        redrives.push(Redrive::new(by, at_ms));
        let excess = redrives.len().saturating_sub(limits::REDRIVES_KEPT_MAX);
        let redefined = item.redefined.clone();
        Self { by: by.to_owned(), redrives: redrives.split_off(excess), redefined }
    }
}
