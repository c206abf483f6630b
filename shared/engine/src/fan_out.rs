//! The branches of a Parallel or Map state: how many there are, and what each of them starts with.

use crate::{
    inspect::Probe,
    limits::BRANCHES_MAX,
    position::{FanOut, MapItem, Position},
    run::{Run, Visit},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{borrow::Cow, collections::BTreeSet, ops::Range};
use stepladder_asl::{
    Definition, EvalError, Expected, Filter, Items, Kind, Map, MapMode, Number, Percentage, QueryLanguage,
    Scope, State, errors,
};

/// What one branch starts with. It is stored for the branches that start later.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BranchInput {
    pub index: u32,
    pub data: Value,
    /// The iteration that the branch runs in: its own in a Map state, else the one around the Parallel state.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub map_item: Option<MapItem>,
}

/// The inputs of some of a fan-out's branches, evaluated from the position that opened it: `Items` or `ItemsPath`, then
/// `ItemSelector`, of a Map state; the effective input of a Parallel state. Indexes beyond the last branch are left out.
///
/// # Errors
///
/// An item's own evaluation failed. It is the state's error: whoever opens the fan-out records it as the outcome
/// [`crate::Outcome::Failed`] of `parent`, in the phase [`crate::Phase::Schedule`].
pub fn branch_inputs(
    definition: &Definition,
    run: &Run,
    parent: &Position,
    range: Range<u32>,
) -> Result<Vec<BranchInput>, EvalError> {
    let no_state = || EvalError::runtime(format!("The definition has no state '{}'.", parent.state));
    let state = definition.state(&parent.state).ok_or_else(no_state)?;
    let seen = Seen::new(definition, run, state, parent);
    match &seen.state.kind {
        Kind::Map(map) if map.mode != MapMode::Inline => {
            let name = &seen.state.name;
            Err(EvalError::runtime(format!("The Map state '{name}' is distributed, which is not run yet.")))
        }
        Kind::Map(map) => seen.field("Items", |scope| {
            seen.iterations(map, items(seen.state, map, scope)?, scope, range.clone())
        }),
        Kind::Parallel(parallel) => {
            let data = seen.field("Arguments", |scope| seen.arguments(scope))?;
            let last = u32::try_from(parallel.branches.len()).unwrap_or(u32::MAX);
            let branch = |index| BranchInput { index, data: data.clone(), map_item: parent.map_item.clone() };
            Ok((range.start..range.end.min(last)).map(branch).collect())
        }
        _ => Ok(Vec::new()),
    }
}

/// So many branches' inputs are evaluated at once.
const INPUTS_AT_ONCE: u32 = 64;

/// Evaluates the inputs of the branches with these indexes, in ascending order, and hands each of them on. A branch whose
/// input can't be evaluated is left out.
pub(crate) fn for_each_input<E>(
    definition: &Definition,
    run: &Run,
    parent: &Position,
    indexes: &BTreeSet<u32>,
    mut each: impl FnMut(BranchInput) -> Result<(), E>,
) -> Result<(), E> {
    let mut from = 0;
    while let Some(first) = indexes.range(from..).next().copied() {
        let to = first.saturating_add(INPUTS_AT_ONCE);
        let last = indexes.range(first..to).next_back().copied().unwrap_or(first);
        from = last.saturating_add(1);
        for input in branch_inputs(definition, run, parent, first..from).unwrap_or_default() {
            if indexes.contains(&input.index) {
                each(input)?;
            }
        }
    }
    Ok(())
}

/// What a fan-out state's fields see, and what they are evaluated with: always the same from its position.
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
        evaluate: impl FnOnce(&Scope<'_>) -> Result<T, EvalError>,
    ) -> Result<T, EvalError> {
        let position = self.position;
        let draws = self.run.fan_out_draws(field, &position.branch.to_string(), position.entered_seq);
        let scope = Scope {
            variables: &position.variables,
            now_ms: position.entered_ms,
            ..Scope::new(&position.data, &self.context, &draws)
        };
        let input = self.state.data.input_path.select("InputPath", &scope)?;
        evaluate(&Scope { input: &input, ..scope })
    }

    /// A Parallel state's effective input.
    fn arguments(&self, scope: &Scope<'_>) -> Result<Value, EvalError> {
        let field = match self.state.query_language {
            QueryLanguage::JsonPath => "Parameters",
            QueryLanguage::Jsonata => "Arguments",
        };
        match &self.state.data.arguments {
            Some(template) => template.evaluate(field, scope),
            None => Ok(scope.input.clone()),
        }
    }

    /// `ItemSelector` sees the state's effective input, and its own item in the Context object.
    fn iterations(
        &self,
        map: &Map,
        items: Cow<'_, Value>,
        scope: &Scope<'_>,
        range: Range<u32>,
    ) -> Result<Vec<BranchInput>, EvalError> {
        let items = items.as_array().map(Vec::as_slice).unwrap_or_default();
        let within = |index: u32| (index as usize).min(items.len());
        let wanted = items.get(within(range.start)..within(range.end)).unwrap_or_default();
        let mut context = match map.item_selector {
            Some(_) => self.context.clone(),
            None => Value::Null,
        };
        let mut inputs = Vec::with_capacity(wanted.len());
        for (index, item) in (range.start..).zip(wanted) {
            let data = match &map.item_selector {
                None => item.clone(),
                Some(template) => {
                    if let Value::Object(members) = &mut context {
                        let whole = MapItem { index, value: Some(item.clone()) };
                        members.insert("Map".to_owned(), whole.context());
                    }
                    let position = self.position;
                    let draws = self.run.item_draws(&position.branch.to_string(), position.seq, index);
                    let scope = Scope { context: &context, draws: &draws, ..*scope };
                    template.evaluate("ItemSelector", &scope)?
                }
            };
            let value = self.definition.mentions_map_item.then(|| item.clone());
            inputs.push(BranchInput { index, data, map_item: Some(MapItem { index, value }) });
        }
        Ok(inputs)
    }

    /// How many branches there are, and how many of them may run at once: all that AWS evaluates before it says that
    /// the state has started.
    pub(crate) fn width(&self, probe: Probe) -> Result<FanOut, EvalError> {
        let (count, concurrency) = match &self.state.kind {
            Kind::Map(map) => {
                let concurrency = self.number("MaxConcurrency", &map.max_concurrency)?.unwrap_or(0);
                let is_jsonpath = self.state.query_language == QueryLanguage::JsonPath;
                let count = self.field("Items", |scope| {
                    if is_jsonpath {
                        probe.see(|inspection| inspection.after_input_path = Some(scope.input.clone()));
                    }
                    let items = items(self.state, map, scope)?;
                    if is_jsonpath {
                        probe.see(|inspection| inspection.after_items_path = Some((*items).clone()));
                    }
                    Ok(items.as_array().map_or(0, Vec::len))
                })?;
                probe.see(|inspection| inspection.max_concurrency = Some(concurrency));
                (count, usize::try_from(concurrency).unwrap_or(usize::MAX))
            }
            Kind::Parallel(parallel) => {
                self.field("Arguments", |scope| self.arguments(scope))?;
                (parallel.branches.len(), 0)
            }
            _ => (0, 0),
        };
        let count = match u32::try_from(count) {
            Ok(count) if count <= BRANCHES_MAX => count,
            _ => {
                let cause =
                    format!("A state may have {BRANCHES_MAX} branches at most, and this has {count}.");
                return Err(EvalError::runtime(cause));
            }
        };
        let concurrency = match u32::try_from(concurrency).unwrap_or(u32::MAX) {
            0 => count,
            limit => limit.min(count),
        };
        Ok(FanOut { count, concurrency, failures_tolerated: 0 })
    }

    /// How many failures are tolerated, and whether the first item can be evaluated at all: what AWS evaluates after it
    /// has said that the state has started.
    pub(crate) fn tolerance(&self, count: u32, probe: Probe) -> Result<u32, EvalError> {
        let Kind::Map(map) = &self.state.kind else {
            return Ok(0);
        };
        let by_count = self.number("ToleratedFailureCount", &map.tolerated_failure_count)?;
        probe.see(|inspection| inspection.tolerated_failure_count = by_count);
        let by_percentage = match &map.tolerated_failure_percentage {
            Some(percentage) => {
                let percentage =
                    self.field("ToleratedFailurePercentage", |scope| valid(percentage, scope))?;
                probe.see(|inspection| inspection.tolerated_failure_percentage = Some(percentage));
                Some((f64::from(count) * percentage / 100.0).floor() as u64)
            }
            None => None,
        };
        if map.item_selector.is_some() {
            self.field("Items", |scope| self.iterations(map, items(self.state, map, scope)?, scope, 0..1))?;
        }
        // Where both are given, whichever is passed first decides.
        let tolerated = match (by_count, by_percentage) {
            (Some(a), Some(b)) => a.min(b),
            (Some(tolerated), None) | (None, Some(tolerated)) => tolerated,
            (None, None) => 0,
        };
        Ok(u32::try_from(tolerated).unwrap_or(u32::MAX).min(count))
    }

    fn number(&self, field: &'static str, number: &Option<Number>) -> Result<Option<u64>, EvalError> {
        let Some(number) = number else {
            return Ok(None);
        };
        self.field(field, |scope| {
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

/// The items of a Map state: always an array.
fn items<'a>(state: &'a State, map: &'a Map, scope: &Scope<'a>) -> Result<Cow<'a, Value>, EvalError> {
    match &map.items {
        Items::Template(template) => template.evaluate_as(Expected::Array, "Items", scope).map(Cow::Owned),
        Items::Path(path) => {
            let items = Filter::Path(path.clone()).select("ItemsPath", scope)?;
            match (&*items, state.query_language) {
                (Value::Array(_), _) => Ok(items),
                (other, QueryLanguage::Jsonata) => Err(EvalError::named(
                    errors::QUERY_EVALUATION_ERROR,
                    format!("Map state input must be an array but was: {other}"),
                )),
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

fn valid(percentage: &Percentage, scope: &Scope<'_>) -> Result<f64, EvalError> {
    let percentage = percentage.evaluate("ToleratedFailurePercentagePath", scope)?;
    match (0.0..=100.0).contains(&percentage) {
        true => Ok(percentage),
        false => Err(EvalError::runtime("ToleratedFailurePercentage must be between 0 and 100.")),
    }
}
