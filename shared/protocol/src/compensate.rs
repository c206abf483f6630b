//! A stop that goes on to a state of the definition which undoes what was done, instead of just ending.
//!
//! It is a redrive of a run that has not ended: one record at the root's current seq, and the run item with r + 1, in one
//! transaction. So whatever the run was at loses its lock, and its messages are of another redrive count.

use crate::{
    Protocol,
    deliver::{Handled, record_key},
    item::{RedriveItem, RunId, RunItem, RunKey},
    line::{Before, Line},
    message::{Ask, Message},
    planted::PlantedBug,
    read::Owned,
    redrive::{Unplaced, asked_before, id_of},
    stop::{Requested, TRIES},
    traits::{Clock, Host, Store, WorldResult},
};
use stepladder_asl::Definition;
use stepladder_engine::{Chosen, Next, Outcome, Position, Status};

impl<H: Host> Protocol<H> {
    /// Stops what a run is at, and lets it go on to a state of the top level of its definition. That state gets the raw input of the
    /// state that was stopped, and the variables. The run ends as the definition says; `TimeoutSeconds` counts anew.
    pub async fn request_compensation(&self, id: &RunId, state: &str) -> WorldResult<Requested> {
        self.ask_compensation(id, state, None).await
    }

    /// The same for whoever may ask again after hours: the token stands for the same request as long as the run item knows of it.
    pub async fn request_compensation_once(
        &self,
        id: &RunId,
        state: &str,
        token: &str,
    ) -> WorldResult<Requested> {
        self.ask_compensation(id, state, Some(token)).await
    }

    /// Whether a run could go on to this state; nothing is written.
    pub async fn preview_compensation(
        &self,
        item: &RunItem,
        state: &str,
    ) -> WorldResult<Result<(), Unplaced>> {
        let definition = self.definition(&item.id.workflow, item.definition_now()).await?;
        Ok(check_is_top(&definition, state))
    }

    async fn ask_compensation(&self, id: &RunId, state: &str, token: Option<&str>) -> WorldResult<Requested> {
        let now_ms = self.host.clock().now_ms();
        let Some(item) = self.host.store().run(id, now_ms).await? else {
            return Ok(Requested::NotFound);
        };
        if token.is_some_and(|token| asked_before(&item, token, now_ms, i64::MAX)) {
            return Ok(Requested::Done);
        }
        if item.status != Status::Running {
            return Ok(Requested::Refused(item.status));
        }
        if let Err(unplaced) = self.preview_compensation(&item, state).await? {
            return Ok(Requested::Unplaced(unplaced));
        }
        let mut message = self.message(&item.run(), Ask::Compensate { state: state.to_owned() });
        if let Some(token) = token {
            message.id = id_of(&item, token, item.redrive_count);
        }
        self.request(&item, message).await
    }

    pub(crate) async fn compensate(&self, message: &Message, state: &str) -> WorldResult<Handled> {
        for _ in 0..TRIES {
            let Some(head) = self.head(&RunKey::of(&message.run), &message.id).await? else {
                return Ok(Handled::done());
            };
            if head.owned.is_some() && self.planted(PlantedBug::CompensatedOnce) {
                return Ok(Handled::done());
            }
            if let Some(Owned { position, transition, is_last }) = &head.owned {
                // It has done so before, and may have died before it did what follows.
                let mut message = message.clone();
                message.run.redrive_count = message.run.redrive_count.saturating_add(1);
                message.run.redriven_ms = head.item.redriven_to_ms(message.run.redrive_count);
                message.run.input.clone_from(&head.run.input);
                self.left_behind(&message, &head.definition, position).await?;
                if !is_last {
                    return Ok(Handled::done());
                }
                let line = Line::root(&message, &head.definition, Before::Perhaps);
                return Ok(Handled::sending(self.effects(&line, position.seq, transition).await?));
            }
            let count = message.run.redrive_count;
            if head.item.status != Status::Running || head.item.redrive_count != count {
                return Ok(Handled::done());
            }
            // The end has been recorded; whoever recorded it closes the run.
            let Next::Wait(position) = &head.last.next else {
                return Ok(Handled::leave());
            };
            if check_is_top(&head.definition, state).is_err() {
                return Ok(Handled::done());
            }
            self.finish_search_items(&head).await?;
            let now_ms = self.host.clock().now_ms();
            let mut message = message.clone();
            message.run.redrive_count = count.saturating_add(1);
            message.run.redriven_ms = Some(now_ms);
            message.run.input.clone_from(&head.run.input);
            let Position { data, variables, .. } = position.clone();
            let chosen = Chosen { state: state.to_owned(), data, variables, given: None };
            let outcome = Outcome::Redriven {
                redrive_count: message.run.redrive_count,
                kept: None,
                chosen: Some(Box::new(chosen)),
                definition: None,
            };
            let transition = self.advance(&head.definition, &message, position, &outcome, now_ms)?;
            let line = Line::root(&message, &head.definition, Before::Never);
            let record = self.plain_record(&line, position, &outcome, &transition).await?;
            let key = RunKey::of(&message.run);
            let record = (&record_key(&key, position), &record);
            let redrive = RedriveItem::after(&head.item, &message.id, now_ms);
            if self.host.store().redirect_run_with_record(&key, count, &redrive, record).await? {
                self.left_behind(&message, &head.definition, position).await?;
                return Ok(Handled::sending(self.effects(&line, position.seq, &transition).await?));
            }
        }
        Ok(Handled::leave())
    }

    /// Nobody waits any more for what the run was at.
    async fn left_behind(
        &self,
        message: &Message,
        definition: &Definition,
        position: &Position,
    ) -> WorldResult<()> {
        self.stop_branches(&message.run, position).await?;
        self.stop_children_of(definition, &message.run, position).await?;
        self.stop_child_of(&message.run, position).await
    }
}

/// Whether a definition has this state at its top level.
pub(crate) fn check_is_top(definition: &Definition, state: &str) -> Result<(), Unplaced> {
    let is_top = |name: &str| definition.state(name).is_some_and(|state| state.parent.is_none());
    if is_top(state) {
        return Ok(());
    }
    let known: Vec<&str> = definition.states.keys().map(String::as_str).filter(|name| is_top(name)).collect();
    let known = known.join(", ");
    Err(Unplaced(format!("the definition has no state '{state}' at its top level; it has: {known}")))
}
