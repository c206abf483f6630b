//! Rerun: a new run does an old one again, from its start or from a state of it.
//!
//! The old run stays as it is. The new one begins with what the state saw there, its input and variables, and points to the old
//! one. It needs nothing more of that: so it outlives it.

use crate::{
    Protocol,
    compensate::check_is_top,
    deliver::Handled,
    item::{RerunOf, RunId, RunItem},
    limits,
    payload::hex,
    redrive::{Choice, Going, Unplaced},
    start::{New, StartError, Started, check_name},
    traits::{Clock, Host, Store, WorldError},
};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use stepladder_asl::Definition;
use stepladder_engine::{Beginning, Position, Status};

/// How many hex digits tell a rerun from the others of its run, in the name that it gets.
const NAME_DIGITS: usize = 8;

/// What is asked for: this run again.
#[derive(Debug, Clone, PartialEq)]
pub struct RerunRequest {
    pub id: RunId,
    /// The new run's name; none: the old one's, and what tells it from other reruns.
    pub name: Option<String>,
    /// Whoever asks again with the same token gets the same run, also without a name.
    pub token: Option<String>,
    /// Without a state it begins as the old one did, with the old one's input, or that with what is set in it.
    pub choice: Choice,
}

/// What a rerun would do.
#[derive(Debug, Clone, PartialEq)]
pub struct RerunPreview {
    /// How the old run has ended.
    pub status: Status,
    /// The state that it begins at.
    pub state: String,
    /// The states before it that are not done again, in the order in which the old run entered them.
    pub left_behind: Vec<String>,
}

/// Why a run can't be done again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RerunError {
    #[error("there is no such run")]
    NotFound,
    #[error("it is still going")]
    Running,
    #[error("it is just ending")]
    Ending,
    #[error(transparent)]
    Unplaced(#[from] Unplaced),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    World(#[from] WorldError),
}

/// What a rerun begins with.
struct Rerun {
    item: RunItem,
    definition: Arc<Definition>,
    beginning: Beginning,
    left_behind: Vec<String>,
}

impl<H: Host> Protocol<H> {
    /// Starts a run that does an ended one again. Repeating it with the same name or token is safe.
    pub async fn rerun(&self, request: RerunRequest) -> Result<Started, RerunError> {
        let Rerun { item, definition, beginning, .. } = self.to_rerun(&request.id, &request.choice).await?;
        let name = match request.name {
            Some(name) => name,
            None => {
                let token =
                    request.token.unwrap_or_else(|| format!("{:032x}", self.host.clock().random_u128()));
                name_of(&item, &token)
            }
        };
        check_name(&name)?;
        let is_same = definition.hash == item.definition;
        let new = New {
            definition: definition.hash.clone(),
            role_arn: Some(item.role_arn),
            version: item.workflow_version.filter(|_| is_same),
            alias: item.alias.filter(|_| is_same),
            parent: None,
            tenant: item.tenant,
            rerun_of: Some(RerunOf { name: item.id.name, nonce: item.nonce }),
        };
        let id = RunId::new(item.id.workflow, name);
        let (started, Handled { sendings, .. }) = self.prepare_run(id, new, &definition, beginning).await?;
        self.send_now(sendings).await?;
        Ok(started)
    }

    /// What [`Protocol::rerun`] would do; nothing is written.
    pub async fn preview_rerun(&self, id: &RunId, choice: &Choice) -> Result<RerunPreview, RerunError> {
        let Rerun { item, definition, beginning, left_behind } = self.to_rerun(id, choice).await?;
        let state =
            beginning.chosen.map_or_else(|| definition.machine.start_at.clone(), |chosen| chosen.state);
        Ok(RerunPreview { status: item.status, state, left_behind })
    }

    async fn to_rerun(&self, id: &RunId, choice: &Choice) -> Result<Rerun, RerunError> {
        choice.check()?;
        let found = self.host.store().run(id, self.host.clock().now_ms()).await?;
        let item = found.ok_or(RerunError::NotFound)?;
        if item.status == Status::Running {
            return Err(RerunError::Running);
        }
        let input = self.input(&item).await?;
        if choice.from.is_none() {
            if choice.given.is_some() {
                return Err(Unplaced("which state is skipped? Name it".to_owned()).into());
            }
            let hash = choice.definition.as_deref().unwrap_or_else(|| item.definition_now());
            let definition = self.definition(&id.workflow, hash).await?;
            // A rerun of a rerun begins where that did.
            let chosen = match &item.begins_at {
                Some(state) => {
                    check_is_top(&definition, state)?;
                    self.beginning(&item).await?.chosen
                }
                None => None,
            };
            let beginning = match chosen {
                Some(mut chosen) => {
                    chosen.data = choice.data(chosen.data)?;
                    Beginning { input, chosen: Some(chosen) }
                }
                None => Beginning { input: choice.data(input)?, chosen: None },
            };
            return Ok(Rerun { item, definition, beginning, left_behind: Vec::new() });
        }
        let mut states: Vec<String> = Vec::new();
        let passed = |position: &Position| {
            if states.last() != Some(&position.state) {
                states.push(position.state.clone());
            }
        };
        let found = self.head_for(&item.key(), "", choice, passed).await?;
        let (head, place, _) = found.ok_or(RerunError::NotFound)??;
        if place.as_ref().is_some_and(|place| !place.inside().is_empty()) {
            let why = "a rerun begins at a state of the top level; inside a Parallel or Map state a redrive goes on";
            return Err(Unplaced(why.to_owned()).into());
        }
        if matches!(head.last.next, stepladder_engine::Next::Wait(_)) {
            return Err(RerunError::Ending);
        }
        let Going { state, chosen, definition, .. } =
            self.going(&head.run, (&head, place.as_ref(), None), choice).await??;
        if let Some(at) = states.iter().rposition(|passed| *passed == state) {
            states.truncate(at);
        }
        Ok(Rerun { item, definition, beginning: Beginning { input, chosen }, left_behind: states })
    }
}

/// The name of a rerun: the same for the same token.
fn name_of(item: &RunItem, token: &str) -> String {
    let digits = hex(&Sha256::digest(format!("rerun {} {token}", item.nonce).as_bytes()));
    let digits: String = digits.chars().take(NAME_DIGITS).collect();
    let suffix = format!("-rerun-{digits}");
    let kept = limits::NAME_CHARS_MAX.saturating_sub(suffix.len());
    // A rerun's rerun has one such end, not two.
    let name = item.id.name.rsplit_once("-rerun-").map_or(item.id.name.as_str(), |(name, _)| name);
    format!("{}{suffix}", name.chars().take(kept).collect::<String>())
}
