//! What somebody chooses for a redrive or a rerun: a place, the data there, and a definition.

use super::{Old, Planned};
use crate::{
    Protocol,
    compensate::check_is_top,
    fan_outs::PartKey,
    item::{Record, RunKey},
    json, limits,
    planted::PlantedBug,
    read::{Head, check_seq, diverged},
    redrive::place::{Inside, Place},
    traits::{Host, WorldResult},
};
use futures::{FutureExt, future::BoxFuture};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{collections::BTreeSet, sync::Arc};
use stepladder_asl::{Definition, Kind, ReferencePath, ResultPath};
use stepladder_engine::{
    BranchInput, Chosen, ChosenBranch, End, Follower, Kept, Next, Position, Run, present,
};

/// How a run goes on, or how another one does it again: all that somebody may choose. The default is where it ended, with what
/// it had there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Choice {
    /// A state that the run has entered: `Charge`, or one inside a Parallel or Map state, `Map[3].Charge`. It begins anew, with
    /// what it saw when it was entered last. None: the state in which the run ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The state is skipped, and this is its output.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub given: Option<Value>,
    /// The state's raw input, instead of what it saw.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub input: Option<Value>,
    /// Values that are put into the state's raw input, each at a Reference Path such as `$.order.amount`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub set: Vec<(String, Value)>,
    /// The hash of the definition to go on by. None: the one that the run has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub definition: Option<String>,
}

/// Why a run can't go on as somebody has chosen, in words for whoever chose.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unplaced(pub String);

/// What a choice comes to.
pub(crate) struct Going {
    /// The state of the top level that the run goes on from.
    pub(crate) state: String,
    pub(crate) chosen: Option<Box<Chosen>>,
    pub(crate) planned: Planned,
    /// The definition to go on by.
    pub(crate) definition: Arc<Definition>,
}

impl Choice {
    /// Whether nothing is chosen.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the state's data is another than it was, or is not asked for.
    fn changes_data(&self) -> bool {
        self.input.is_some() || !self.set.is_empty() || self.given.is_some()
    }

    /// What can be judged of it without the run.
    pub(crate) fn check(&self) -> Result<(), Unplaced> {
        let bytes = serde_json::to_vec(self).map_or(usize::MAX, |json| json.len());
        if bytes > limits::CHOICE_BYTES_MAX {
            let most = limits::CHOICE_BYTES_MAX;
            return Err(Unplaced(format!("what is chosen has {bytes} bytes, and {most} is the most")));
        }
        if self.given.is_some() && (self.input.is_some() || !self.set.is_empty()) {
            return Err(Unplaced("a state that is skipped has an output, and needs no input".to_owned()));
        }
        let values = self.given.iter().chain(&self.input).chain(self.set.iter().map(|(_, value)| value));
        if values.into_iter().any(json::is_too_deep) {
            let most = limits::JSON_DEPTH_MAX;
            return Err(Unplaced(format!("what is chosen is nested more than {most} levels deep")));
        }
        self.paths().map(drop)
    }

    fn paths(&self) -> Result<Vec<(ReferencePath, &Value)>, Unplaced> {
        let each = self.set.iter().map(|(path, value)| match ReferencePath::parse(path) {
            Ok(parsed) => Ok((parsed, value)),
            Err(error) => Err(Unplaced(format!("'{path}' is no path to set: {error}"))),
        });
        each.collect()
    }

    /// The data with what is put into it.
    pub(crate) fn data(&self, saw: Value) -> Result<Value, Unplaced> {
        let mut data = self.input.clone().unwrap_or(saw);
        for (path, value) in self.paths()? {
            let text = path.as_str().to_owned();
            data = ResultPath::At(path)
                .apply(&data, value.clone())
                .map_err(|_| Unplaced(format!("'{text}' can't be set: what is there is no object")))?;
        }
        match json::is_too_deep(&data) {
            true => {
                Err(Unplaced(format!("the data is nested more than {} levels deep", limits::JSON_DEPTH_MAX)))
            }
            false => Ok(data),
        }
    }

    /// The place with the data that is chosen for it.
    fn applied(&self, saw: Chosen, definition: &Definition) -> Result<Chosen, Unplaced> {
        let state = definition.state(&saw.state);
        if self.given.is_some() && state.is_some_and(|state| state.then().is_none()) {
            let name = &saw.state;
            return Err(Unplaced(format!(
                "'{name}' can't be skipped: there is no one state that follows it"
            )));
        }
        let data = match self.given {
            Some(_) => saw.data,
            None => self.data(saw.data)?,
        };
        Ok(Chosen { data, given: self.given.clone(), ..saw })
    }
}

/// The last fan-out of a state, and the redrive count of the run when it was opened.
type LastFanOut = Option<(Position, u32)>;

impl<H: Host> Protocol<H> {
    /// Follows a run to its head, and finds there what a choice needs.
    pub(crate) async fn head_for(
        &self,
        key: &RunKey,
        owner: &str,
        choice: &Choice,
        mut pass: impl FnMut(&Position) + Send,
    ) -> WorldResult<Option<Result<(Head, Option<Place>, LastFanOut), Unplaced>>> {
        let Some(from) = &choice.from else {
            let head = self.head_by_way_of(key, owner, None, |position, _| pass(position)).await?;
            return Ok(head.map(|head| Ok((head, None, None))));
        };
        let Some(item) = self.item_of(key).await? else { return Ok(None) };
        let definitions = self.definitions_of(&item).await?;
        let place = match Place::find(from, definitions.last()) {
            Ok(place) => place,
            Err(unplaced) => return Ok(Some(Err(unplaced))),
        };
        let (outer, mut fan_out) = (place.outermost().to_owned(), None);
        let head = self.head_by_way_of(key, owner, Some(&outer), |position, redrive_count| {
            if position.state == outer && position.fan_out().is_some() {
                fan_out = Some((position.clone(), redrive_count));
            }
            pass(position);
        });
        let head = head.await?;
        Ok(head.map(|head| Ok((head, Some(place), fan_out))))
    }

    /// What a choice comes to for a run that has ended. `run` is as it was then.
    pub(crate) async fn going(
        &self,
        run: &Run,
        (head, place, fan_out): (&Head, Option<&Place>, LastFanOut),
        choice: &Choice,
    ) -> WorldResult<Result<Going, Unplaced>> {
        if let Err(unplaced) = choice.check() {
            return Ok(Err(unplaced));
        }
        let Next::End(end) = &head.last.next else {
            return Ok(Err(Unplaced("it has not ended".to_owned())));
        };
        let definition = match &choice.definition {
            Some(hash) => self.definition(&run.workflow, hash).await?,
            None => Arc::clone(&head.definition),
        };
        let inside = place.map_or([].as_slice(), Place::inside);
        let mut planned = Planned::default();
        let chosen = match (place, inside) {
            (None, _) if !choice.changes_data() => {
                planned = self.planned(run, &head.definition, head).await?;
                None
            }
            (Some(place), [first, ..]) => {
                let Some((position, redrive_count)) = fan_out else {
                    let state = place.outermost();
                    return Ok(Err(Unplaced(format!("the run has opened no branches of '{state}'"))));
                };
                let run = self.seeded(&Run { redrive_count, ..run.clone() });
                let old = head.definitions.at(redrive_count);
                planned = match self.planned_inside(&run, old, &position, (first, place), choice).await? {
                    Ok(planned) => planned,
                    Err(unplaced) => return Ok(Err(unplaced)),
                };
                if let Some(Kept::FanOut(plan)) = &mut planned.kept {
                    plan.redrive_count = Some(redrive_count);
                }
                let Position { state, data, variables, .. } = position;
                Some(Chosen { state, data, variables, given: None })
            }
            (place, _) => {
                let state = place.map_or(end.state.as_str(), Place::outermost);
                let mut saw = seen(head, end, state, choice);
                if let (true, Ok(saw)) = (self.planted(PlantedBug::ChosenSeesTheEnd), &mut saw) {
                    saw.data.clone_from(&end.data);
                }
                match saw.and_then(|saw| choice.applied(saw, &definition)) {
                    Ok(chosen) => Some(chosen),
                    Err(unplaced) => return Ok(Err(unplaced)),
                }
            }
        };
        let state = chosen.as_ref().map_or(&end.state, |chosen| &chosen.state).clone();
        if let Err(unplaced) = has(&definition, &state, head, planned.kept.is_some()) {
            return Ok(Err(unplaced));
        }
        Ok(Ok(Going { state, chosen: chosen.map(Box::new), planned, definition }))
    }

    /// What is left of a fan-out if one of its branches goes on from a chosen place: also if that has succeeded.
    fn planned_inside<'a>(
        &'a self,
        run: &'a Run,
        definition: &'a Definition,
        position: &'a Position,
        (inside, place): (&'a Inside, &'a Place),
        choice: &'a Choice,
    ) -> BoxFuture<'a, WorldResult<Result<Planned, Unplaced>>> {
        async move {
            let unplaced = |what: &str| {
                let (state, index) = (&inside.state, inside.index);
                Ok(Err(Unplaced(format!("'{state}[{index}]' {what}"))))
            };
            let mut planned = self.plan(run, definition, position).await?;
            let Some(Kept::FanOut(mut plan)) = planned.kept.take() else {
                return unplaced("was never opened: begin at the state itself");
            };
            let old = Old::new(run, definition, position)?;
            let Some(input) = self.branch_at(&old, inside.index).await? else {
                return unplaced("is no branch that the last redrive ran: begin at the state itself");
            };
            let number = input.index;
            let part = PartKey { fan_out: old.key.clone(), part: number / self.part_branches() };
            let records = self.old_records(&part, &BTreeSet::from([number])).await?.remove(&number);
            let Some(records) = records else {
                return unplaced("has done nothing yet: begin at the state itself");
            };
            let next = place.after(inside);
            let watched = next.map_or(place.state.as_str(), |next| next.state.as_str());
            let Followed { follower, fan_out } =
                match self.follow_watching(&old, input, &records, watched).await? {
                    Some(followed) => followed,
                    None => return unplaced("has done nothing yet: begin at the state itself"),
                };
            let (chosen, inner) = match next {
                None => {
                    let Some(saw) = follower.saw() else {
                        return unplaced(&format!("has never entered '{watched}'"));
                    };
                    match choice.applied(saw, definition) {
                        Ok(chosen) => (chosen, None),
                        Err(unplaced) => return Ok(Err(unplaced)),
                    }
                }
                Some(next) => {
                    let Some(position) = fan_out else {
                        return unplaced(&format!("has opened no branches of '{watched}'"));
                    };
                    let inner =
                        self.planned_inside(run, definition, &position, (next, place), choice).await?;
                    let Planned { kept, unlisted } = match inner {
                        Ok(inner) => inner,
                        Err(unplaced) => return Ok(Err(unplaced)),
                    };
                    planned.unlisted.extend(unlisted);
                    let Position { state, data, variables, .. } = position;
                    (Chosen { state, data, variables, given: None }, kept)
                }
            };
            let chosen: ChosenBranch = follower.chosen(chosen);
            plan.choose(number, chosen, inner);
            planned.kept = Some(Kept::FanOut(plan));
            Ok(Ok(planned))
        }
        .boxed()
    }

    /// What the branch with this index was started with, as the state counts its branches.
    async fn branch_at(&self, old: &Old<'_>, index: u32) -> WorldResult<Option<BranchInput>> {
        for part in self.parts(old.count) {
            if !old.is_numbered_anew() && index / self.part_branches() != part {
                continue;
            }
            let inputs = self.old_inputs(old, part).await?;
            let counts = |input: &BranchInput| {
                input.goes_on.as_ref().map_or(input.index, |goes_on| goes_on.index) == index
            };
            if let Some(input) = inputs.into_iter().find(counts) {
                return Ok(Some(input));
            }
        }
        Ok(None)
    }

    /// Follows a branch, and sees what one of its states saw last, and the last fan-out of it. None: it can't have begun.
    async fn follow_watching<'a>(
        &self,
        old: &Old<'a>,
        input: BranchInput,
        records: &[Record],
        watched: &str,
    ) -> WorldResult<Option<Followed<'a>>> {
        let run = &old.key.run;
        let Some(opening) = records.first().and_then(|record| record.opening) else { return Ok(None) };
        let mut follower = old.watching(input, opening, watched);
        let mut fan_out = None;
        for record in records {
            check_seq(run, record, follower.next_seq())?;
            let recorded = self.recorded(run, record).await?;
            let position = follower.push(&recorded).map_err(|error| diverged(&run.id, &error))?;
            if position.state == watched && position.fan_out().is_some() {
                fan_out = Some(position);
            }
        }
        let waits = follower.waits().filter(|at| at.state == watched && at.fan_out().is_some());
        let fan_out = waits.cloned().or(fan_out);
        Ok(Some(Followed { follower, fan_out }))
    }
}

/// A branch, followed to where it is.
struct Followed<'a> {
    follower: Follower<'a>,
    fan_out: Option<Position>,
}

/// What a state of the top level saw when it was entered last. The run may have ended before it entered the one that it ended in.
fn seen(head: &Head, end: &End, state: &str, choice: &Choice) -> Result<Chosen, Unplaced> {
    let at_the_end = || Chosen {
        state: state.to_owned(),
        data: end.data.clone(),
        variables: end.variables.clone(),
        given: None,
    };
    if let Some(saw) = head.saw.clone().filter(|saw| saw.state == state) {
        return Ok(saw);
    }
    if end.state == state && end.status != stepladder_engine::Status::Succeeded {
        return Ok(at_the_end());
    }
    match &choice.input {
        // Whoever says what it gets needs nobody to have been there.
        Some(_) => Ok(at_the_end()),
        None => Err(Unplaced(format!("the run has never entered '{state}': say what it gets (--input)"))),
    }
}

/// Whether the run itself can go on by a definition. What kind a Map state is of is the same by all that a run goes by.
pub(crate) fn fits(head: &Head, definition: &Definition) -> Result<(), Unplaced> {
    if definition.hash == head.definition.hash {
        return Ok(());
    }
    if head.item.redefined.len() >= limits::REDEFINED_MAX {
        let most = limits::REDEFINED_MAX;
        return Err(Unplaced(format!("it has taken other definitions {most} times: rerun it instead")));
    }
    let kind = |definition: &Definition, state: &str| match &definition.state(state)?.kind {
        Kind::Map(map) => Some((map.distributed().is_some(), definition.state(state)?.reads_items())),
        _ => None,
    };
    for before in head.definitions.each() {
        let changed = before.states.keys().find(|state| {
            matches!((kind(before, state), kind(definition, state)), (Some(old), Some(new)) if old != new)
        });
        if let Some(state) = changed {
            return Err(Unplaced(format!(
                "'{state}' is distributed, or reads its items, by one of the definitions alone: rerun the run instead"
            )));
        }
    }
    Ok(())
}

/// Whether a definition has the state to go on from, and, where branches of it go on, what these are made of.
fn has(definition: &Definition, state: &str, head: &Head, keeps: bool) -> Result<(), Unplaced> {
    check_is_top(definition, state)?;
    if !keeps || definition.hash == head.definition.hash {
        return Ok(());
    }
    let shape = |definition: &Definition| {
        let found = definition.state(state)?;
        Some((found.kind.type_name(), found.machines().len()))
    };
    let is_within = |name: &str| {
        let mut at = head.definition.state(name);
        while let Some(parent) = at.and_then(|at| at.parent.as_ref()) {
            if parent.state == state {
                return true;
            }
            at = head.definition.state(&parent.state);
        }
        false
    };
    let place = |definition: &Definition, name: &str| {
        definition.state(name).map(|state| (state.parent.clone(), state.kind.type_name()))
    };
    let lost = head
        .definition
        .states
        .keys()
        .find(|name| is_within(name) && place(definition, name) != place(&head.definition, name));
    match (shape(definition) == shape(&head.definition), lost) {
        (true, None) => Ok(()),
        (_, lost) => {
            let what = lost.map_or(String::new(), |lost| format!(" ('{lost}')"));
            Err(Unplaced(format!(
                "by that definition '{state}' has other branches{what}, so none can be kept: begin it anew (--from '{state}')"
            )))
        }
    }
}
