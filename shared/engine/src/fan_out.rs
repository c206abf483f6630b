//! The branches of a Parallel or Map state: how many there are, and what each of them starts with.

mod batches;
mod map_run;
mod read;
mod source;
mod writer;

use crate::{
    inspect::Probe,
    limits::{BRANCHES_MAX, CHILDREN_AT_ONCE_MAX, INPUTS_AT_ONCE},
    position::{Child, FanOut, MapItem, Position},
    redrive::GoesOn,
    run::{Run, Visit},
};
use batches::Batches;
pub use map_run::{MapRun, MapRunLimits, map_run, map_run_limits};
pub use read::{Children, ItemRow, Made};
use serde::{Deserialize, Serialize};
use serde_json::Value;
pub use source::{Manifest, ObjectFormat, Source, SourceObject, source};
use std::{borrow::Cow, collections::BTreeSet, ops::Range};
use stepladder_asl::{
    Budget, Definition, EvalError, Expected, Filter, Items, Kind, Map, Number, Percentage, QueryLanguage,
    Scope, State, errors,
};
pub use writer::{Place, Transformation, Writing, writing};

/// What one branch starts with. It is stored for the branches that start later.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BranchInput {
    pub index: u32,
    pub data: Value,
    /// The iteration that the branch runs in: its own in a Map state, else the one around the Parallel state.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub map_item: Option<MapItem>,
    /// Only of a redriven fan-out.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub goes_on: Option<Box<GoesOn>>,
    /// Why the item that it should start with can't be read; then it fails at its first turn.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub unread: Option<String>,
}

/// What the branches of a fan-out start with: `Items` or `ItemsPath`, then `ItemSelector` and `ItemBatcher`, of a Map
/// state; the effective input of a Parallel state. What all branches have in common is evaluated once, and each branch's own
/// part when it is asked for.
#[derive(Debug)]
pub struct Inputs<'a> {
    seen: Seen<'a>,
    common: Common,
    /// Only of a distributed Map state: which of the items each of its children gets.
    batches: Option<Batches>,
}

/// What the branches have in common.
#[derive(Debug)]
enum Common {
    /// The items of a Map state, or the input of a Parallel state's branches.
    Made(Value),
    /// It is a part of the position's data, or of the Context object: to look there again costs nothing.
    Found,
}

impl<'a> Inputs<'a> {
    /// The inputs of the fan-out that `parent` waits for.
    ///
    /// # Errors
    ///
    /// The evaluation failed. It is the state's error: whoever opens the fan-out records it as the outcome
    /// [`crate::Outcome::Failed`] of `parent`, in the phase [`crate::Phase::Schedule`].
    pub fn new(definition: &'a Definition, run: &'a Run, parent: &'a Position) -> Result<Self, EvalError> {
        let no_state = || EvalError::runtime(format!("The definition has no state '{}'.", parent.state));
        let state = definition.state(&parent.state).ok_or_else(no_state)?;
        let seen = Seen::new(definition, run, state, parent);
        let common = match &state.kind {
            Kind::Map(_) if seen.reader().is_some() => {
                let name = &state.name;
                Err(EvalError::runtime(format!("The items of the Map state '{name}' have to be read.")))
            }
            Kind::Map(map) => {
                seen.field("Items", &Budget::new(), |scope| items(state, map, scope).map(Common::of))
            }
            Kind::Parallel(_) => {
                seen.field("Arguments", &Budget::new(), |scope| seen.arguments(scope).map(Common::of))
            }
            _ => Ok(Common::Found),
        };
        let batches = seen.batcher().map(|(map, batcher)| seen.batches(map, batcher, &Budget::new()));
        Ok(Self { common: common?, batches: batches.transpose()?, seen })
    }

    /// The inputs of the branches with these indexes. Indexes beyond the last branch are left out.
    ///
    /// # Errors
    ///
    /// As in [`Inputs::new`].
    pub fn range(&self, range: Range<u32>) -> Result<Vec<BranchInput>, EvalError> {
        let Seen { state, position, .. } = self.seen;
        match &state.kind {
            Kind::Map(map) => self.seen.field("Items", &Budget::new(), |scope| {
                let items = match &self.common {
                    Common::Made(items) => Cow::Borrowed(items),
                    Common::Found => items(state, map, scope)?,
                };
                match &self.batches {
                    Some(batches) => self.seen.children(map, batches, &items, scope, range.clone()),
                    None => self.seen.iterations(map, &items, scope, range.clone()),
                }
            }),
            Kind::Parallel(parallel) => {
                let data = match &self.common {
                    Common::Made(data) => data.clone(),
                    Common::Found => self.seen.field("Arguments", &Budget::new(), |scope| {
                        self.seen.arguments(scope).map(Cow::into_owned)
                    })?,
                };
                let last = u32::try_from(parallel.branches.len()).unwrap_or(u32::MAX);
                let branch = |index| BranchInput {
                    index,
                    data: data.clone(),
                    map_item: position.map_item.clone(),
                    goes_on: None,
                    unread: None,
                };
                Ok((range.start..range.end.min(last)).map(branch).collect())
            }
            _ => Ok(Vec::new()),
        }
    }
}

impl Common {
    fn of(value: Cow<'_, Value>) -> Common {
        match value {
            Cow::Owned(value) => Common::Made(value),
            Cow::Borrowed(_) => Common::Found,
        }
    }
}

/// The inputs of some of a fan-out's branches, for whoever needs no others of it: see [`Inputs`].
///
/// # Errors
///
/// As in [`Inputs::new`].
pub fn branch_inputs(
    definition: &Definition,
    run: &Run,
    parent: &Position,
    range: Range<u32>,
) -> Result<Vec<BranchInput>, EvalError> {
    Inputs::new(definition, run, parent)?.range(range)
}

/// Evaluates the inputs of the branches with these indexes, in ascending order, and hands each of them on. What can't be
/// evaluated now couldn't be when the fan-out was opened either, so then it has no branches. [`None`] means that an
/// evaluation took too long, which says nothing about the branches.
pub(crate) fn for_each_input<E>(
    definition: &Definition,
    run: &Run,
    parent: &Position,
    indexes: &BTreeSet<u32>,
    mut each: impl FnMut(BranchInput) -> Result<(), E>,
) -> Result<Option<()>, E> {
    if indexes.is_empty() {
        return Ok(Some(()));
    }
    let inputs = match Inputs::new(definition, run, parent) {
        Ok(inputs) => inputs,
        Err(error) => return Ok((!error.gave_up).then_some(())),
    };
    let mut from = 0;
    while let Some(first) = indexes.range(from..).next().copied() {
        let to = first.saturating_add(INPUTS_AT_ONCE);
        let last = indexes.range(first..to).next_back().copied().unwrap_or(first);
        from = last.saturating_add(1);
        match inputs.range(first..from) {
            Ok(inputs) => {
                for input in inputs.into_iter().filter(|input| indexes.contains(&input.index)) {
                    each(input)?;
                }
            }
            Err(error) if error.gave_up => return Ok(None),
            Err(_) => {}
        }
    }
    Ok(Some(()))
}

/// How wide a fan-out is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Width {
    /// Of a Map state; else the branches.
    pub(crate) items: u32,
    /// How many items a branch gets at most.
    pub(crate) batch: u32,
    pub(crate) fan_out: FanOut,
}

/// What a fan-out state's fields see, and what they are evaluated with: always the same from its position.
#[derive(Debug)]
pub(crate) struct Seen<'a> {
    definition: &'a Definition,
    run: &'a Run,
    position: &'a Position,
    state: &'a State,
    context: Value,
}

impl<'a> Seen<'a> {
    pub(crate) fn new(
        definition: &'a Definition,
        run: &'a Run,
        state: &'a State,
        position: &'a Position,
    ) -> Self {
        let context = match definition.mentions_context {
            true => run.context(&Visit { retries: None, ..position.visit() }),
            false => Value::Object(serde_json::Map::new()),
        };
        Self { definition, run, position, state, context }
    }

    /// Evaluates one field over the state's effective input (in JSONata there is no InputPath: it is the raw one). Each
    /// field has its own randomness, so that it doesn't matter which others are evaluated before it.
    fn field<T>(
        &self,
        field: &str,
        budget: &Budget,
        evaluate: impl FnOnce(&Scope<'_>) -> Result<T, EvalError>,
    ) -> Result<T, EvalError> {
        let position = self.position;
        let draws = self.run.fan_out_draws(field, &position.branch.to_string(), position.entered_seq);
        let scope = Scope {
            variables: &position.variables,
            now_ms: position.entered_ms,
            budget: Some(budget),
            ..Scope::new(&position.data, &self.context, &draws)
        };
        let input = self.state.data.input_path.select("InputPath", &scope)?;
        evaluate(&Scope { input: &input, ..scope })
    }

    /// A Parallel state's effective input.
    fn arguments<'s>(&self, scope: &Scope<'s>) -> Result<Cow<'s, Value>, EvalError> {
        let field = match self.state.query_language {
            QueryLanguage::JsonPath => "Parameters",
            QueryLanguage::Jsonata => "Arguments",
        };
        match &self.state.data.arguments {
            Some(template) => template.evaluate(field, scope).map(Cow::Owned),
            None => Ok(Cow::Borrowed(scope.input)),
        }
    }

    /// `ItemSelector` sees the state's effective input, and its own item in the Context object.
    fn iterations(
        &self,
        map: &Map,
        items: &Value,
        scope: &Scope<'_>,
        range: Range<u32>,
    ) -> Result<Vec<BranchInput>, EvalError> {
        self.iterations_within(map, items, scope, range, None)
    }

    /// The same; all together may do what one budget allows, or each what its own does.
    fn iterations_within(
        &self,
        map: &Map,
        items: &Value,
        scope: &Scope<'_>,
        range: Range<u32>,
        budget: Option<&Budget>,
    ) -> Result<Vec<BranchInput>, EvalError> {
        let items = items.as_array().map(Vec::as_slice).unwrap_or_default();
        let within = |index: u32| (index as usize).min(items.len());
        let wanted = items.get(within(range.start)..within(range.end)).unwrap_or_default();
        let mut select = Selecting::new(self, map, scope, budget);
        let mut inputs = Vec::with_capacity(wanted.len());
        for (index, item) in (range.start..).zip(wanted) {
            let data = select.item(index, None, Cow::Borrowed(item))?;
            let value = self.definition.mentions_map_item.then(|| item.clone());
            let child = self.child(map, index, &data);
            let map_item = Some(MapItem { index, value, line: None, child });
            inputs.push(BranchInput { index, data, map_item, goes_on: None, unread: None });
        }
        Ok(inputs)
    }

    /// What `$$.Execution` shows to a branch of the Map state, where that isn't the run. When it starts is for its opening to
    /// say.
    fn child(&self, map: &Map, index: u32, input: &Value) -> Option<Box<Child>> {
        let position = self.position;
        let Some(label) = map.label(&self.state.name) else {
            return position.map_item.as_ref().and_then(|around| around.child.clone());
        };
        self.definition.mentions_context.then(|| {
            let map_run = self.run.map_run_id(&position.branch.to_string(), position.seq);
            let name = self.run.child_name(&map_run, index);
            let input = self.definition.mentions_execution_input.then(|| input.clone());
            Box::new(Child { label, name, started_ms: 0, input })
        })
    }

    /// How many items there are, how many branches, and how many of them may run at once: all that AWS evaluates before it
    /// says that the state has started.
    pub(crate) fn width(&self, budget: &Budget, probe: Probe) -> Result<Width, EvalError> {
        let (items, concurrency) = match &self.state.kind {
            Kind::Map(map) => {
                let (limit, concurrency) = self.concurrency(budget)?;
                let is_jsonpath = self.state.query_language == QueryLanguage::JsonPath;
                let count = self.field("Items", budget, |scope| {
                    if is_jsonpath {
                        probe.see(|inspection| inspection.after_input_path = Some(scope.input.clone()));
                    }
                    let items = items(self.state, map, scope)?;
                    if is_jsonpath {
                        probe.see(|inspection| inspection.after_items_path = Some((*items).clone()));
                    }
                    Ok(items.as_array().map_or(0, Vec::len))
                })?;
                probe.see(|inspection| inspection.max_concurrency = Some(limit));
                (count, concurrency)
            }
            Kind::Parallel(parallel) => {
                self.field("Arguments", budget, |scope| self.arguments(scope).map(|_| ()))?;
                (parallel.branches.len(), 0)
            }
            _ => (0, 0),
        };
        let items = u32::try_from(items).unwrap_or(u32::MAX);
        let (count, batch) = match self.batcher() {
            Some((map, batcher)) => {
                let batches = self.batches(map, batcher, budget)?;
                (batches.count(), batches.largest)
            }
            None => (items, 1),
        };
        if count > BRANCHES_MAX {
            let cause = format!("A state may have {BRANCHES_MAX} branches at most, and this has {count}.");
            return Err(EvalError::runtime(cause));
        }
        let concurrency = match concurrency {
            0 => count,
            limit => limit.min(count),
        };
        let fan_out =
            FanOut { count, concurrency, failures_tolerated: 0, failure_items: 1, inputs_seq: None };
        Ok(Width { items, batch, fan_out })
    }

    /// MaxConcurrency, and what it comes to: 0 is no limit, and a distributed Map state always has one.
    pub(crate) fn concurrency(&self, budget: &Budget) -> Result<(u64, u32), EvalError> {
        let Kind::Map(map) = &self.state.kind else { return Ok((0, 0)) };
        let limit = self.number("MaxConcurrency", budget, &map.max_concurrency)?.unwrap_or(0);
        let concurrency = match (limit, map.distributed()) {
            (0, Some(_)) => CHILDREN_AT_ONCE_MAX,
            _ => u32::try_from(limit).unwrap_or(u32::MAX),
        };
        Ok((limit, concurrency))
    }

    /// How many failed branches are tolerated, and whether the first item can be evaluated at all: what AWS evaluates after
    /// it has said that the state has started. AWS counts items: a batch that fails counts for as many as one may hold.
    pub(crate) fn tolerance(&self, budget: &Budget, width: Width, probe: Probe) -> Result<u32, EvalError> {
        let Width { items: count, batch, fan_out: FanOut { count: branches, .. } } = width;
        let Kind::Map(map) = &self.state.kind else {
            return Ok(0);
        };
        let tolerated = self.tolerates(u64::from(count), budget, probe)?;
        if map.item_selector.is_some() {
            self.field("Items", budget, |scope| {
                self.iterations(map, &*items(self.state, map, scope)?, scope, 0..1)
            })?;
        }
        Ok(in_children(tolerated, u64::from(count), branches, batch))
    }

    /// How many failed items are tolerated of so many: what AWS evaluates after it has said that the state has started.
    pub(crate) fn tolerates(&self, count: u64, budget: &Budget, probe: Probe) -> Result<u64, EvalError> {
        let Kind::Map(map) = &self.state.kind else {
            return Ok(0);
        };
        let by_count = self.number("ToleratedFailureCount", budget, &map.tolerated_failure_count)?;
        probe.see(|inspection| inspection.tolerated_failure_count = by_count);
        let by_percentage = match &map.tolerated_failure_percentage {
            Some(percentage) => {
                let percentage =
                    self.field("ToleratedFailurePercentage", budget, |scope| valid(percentage, scope))?;
                probe.see(|inspection| inspection.tolerated_failure_percentage = Some(percentage));
                Some((count as f64 * percentage / 100.0).floor() as u64)
            }
            None => None,
        };
        // Where both are given, whichever is passed first decides.
        let tolerated = match (by_count, by_percentage) {
            (Some(a), Some(b)) => a.min(b),
            (Some(tolerated), None) | (None, Some(tolerated)) => tolerated,
            (None, None) => 0,
        };
        Ok(tolerated.min(count))
    }

    fn number(
        &self,
        field: &'static str,
        budget: &Budget,
        number: &Option<Number>,
    ) -> Result<Option<u64>, EvalError> {
        let Some(number) = number else {
            return Ok(None);
        };
        self.field(field, budget, |scope| {
            if let Number::Path(path) = number
                && path.select(scope).is_ok_and(|value| value.as_i64().is_some_and(|number| number < 0))
            {
                return Err(EvalError::runtime(format!("{field} cannot be negative.")));
            }
            number.evaluate(&format!("{field}Path"), scope)
        })
        .map(Some)
    }
}

/// What `ItemSelector` makes of items, one after another.
struct Selecting<'s, 'a> {
    seen: &'s Seen<'a>,
    map: &'s Map,
    scope: &'s Scope<'s>,
    /// What all items together may do; else each has all of it, so that it doesn't matter which others are evaluated with it.
    budget: Option<&'s Budget>,
    context: Value,
    branch: String,
}

impl<'s, 'a> Selecting<'s, 'a> {
    fn new(seen: &'s Seen<'a>, map: &'s Map, scope: &'s Scope<'s>, budget: Option<&'s Budget>) -> Self {
        let context = match map.item_selector {
            Some(_) => seen.context.clone(),
            None => Value::Null,
        };
        Self { seen, map, scope, budget, context, branch: seen.position.branch.to_string() }
    }

    fn item(&mut self, index: u32, line: Option<u64>, item: Cow<'_, Value>) -> Result<Value, EvalError> {
        let Some(template) = &self.map.item_selector else {
            return Ok(item.into_owned());
        };
        if let Value::Object(members) = &mut self.context {
            let whole = MapItem { index, value: Some(item.into_owned()), line, child: None };
            members.insert("Map".to_owned(), whole.context());
        }
        let draws = self.seen.run.item_draws(&self.branch, self.seen.position.seq, index);
        let own = Budget::new();
        let budget = Some(self.budget.unwrap_or(&own));
        let scope = Scope { context: &self.context, draws: &draws, budget, ..*self.scope };
        template.evaluate("ItemSelector", &scope)
    }
}

/// What is tolerated of so many items, in branches of which the largest has `batch` of them.
fn in_children(tolerated: u64, items: u64, branches: u32, batch: u32) -> u32 {
    match tolerated == items {
        true => branches,
        false => u32::try_from(tolerated / u64::from(batch.max(1))).unwrap_or(u32::MAX),
    }
}

/// The items of a Map state: always an array.
fn items<'a>(state: &'a State, map: &'a Map, scope: &Scope<'a>) -> Result<Cow<'a, Value>, EvalError> {
    match &map.items {
        Items::Template(template) => match template.evaluate_as(Expected::Array, "Items", scope)? {
            items @ Value::Array(_) => Ok(Cow::Owned(items)),
            other => Err(not_an_array(&other)),
        },
        Items::Path(path) => {
            let items = Filter::Path(path.clone()).select("ItemsPath", scope)?;
            match (&*items, state.query_language) {
                (Value::Array(_), _) => Ok(items),
                (other, QueryLanguage::Jsonata) => Err(not_an_array(other)),
                (_, QueryLanguage::JsonPath) => {
                    // AWS shows a path into the Context object with one `$`, too.
                    let path = path.as_str();
                    let path =
                        path.strip_prefix("$$").map_or_else(|| path.to_owned(), |rest| format!("${rest}"));
                    Err(EvalError::runtime(format!("Reference path \"{path}\" must point to array.")))
                }
            }
        }
    }
}

/// An inline Map state takes an array only; objects are for distributed ones
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/state-map-inline.html>).
fn not_an_array(items: &Value) -> EvalError {
    EvalError::named(
        errors::QUERY_EVALUATION_ERROR,
        format!("Map state input must be an array but was: {items}"),
    )
}

fn valid(percentage: &Percentage, scope: &Scope<'_>) -> Result<f64, EvalError> {
    let percentage = percentage.evaluate("ToleratedFailurePercentagePath", scope)?;
    match (0.0..=100.0).contains(&percentage) {
        true => Ok(percentage),
        false => Err(EvalError::runtime("ToleratedFailurePercentage must be between 0 and 100.")),
    }
}
