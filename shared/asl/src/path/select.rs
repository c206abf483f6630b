//! Applying a path to data.

use super::{
    Path, Step, cut,
    filter::{FilterPath, From as PathFrom, Predicate},
};
use crate::{
    budget::Budget,
    errors,
    java::java_text,
    limits::{EVALUATION_WORK_MAX, PATH_NODES_MAX, PATH_WORK_PER_STEP, VALUE_DEPTH_MAX},
    measure::Meter,
    scope::{EvalError, Scope},
};
use serde_json::{Map, Value};
use std::{borrow::Cow, fmt};

/// A path found nothing. Its text is Jayway's, which AWS puts into causes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Miss {
    kind: MissKind,
    text: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum MissKind {
    /// The last step is an index beyond the end of an array.
    LastIndex,
    /// The path asks something of the data that it cannot have. AWS shows the text as it is, also where it says of other
    /// misses that the path could not be found.
    Impossible,
    /// The path was stopped at one of this project's limits.
    Limit(EvalError),
    Other,
}

impl Miss {
    /// Whether all was there but the element that the last step names. A payload template takes that for `null`.
    pub fn is_last_index(&self) -> bool {
        self.kind == MissKind::LastIndex
    }

    /// The error of a path that was stopped at a limit, whose cause must not say that it found nothing.
    pub fn limit_error(&self) -> Option<EvalError> {
        match &self.kind {
            MissKind::Limit(error) => Some(error.clone()),
            MissKind::LastIndex | MissKind::Impossible | MissKind::Other => None,
        }
    }

    /// Jayway's text, where AWS shows it in place of its own.
    pub(crate) fn impossible(&self) -> Option<&str> {
        (self.kind == MissKind::Impossible).then_some(self.text.as_str())
    }
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<EvalError> for Miss {
    fn from(error: EvalError) -> Miss {
        Miss { text: error.cause.clone(), kind: MissKind::Limit(error) }
    }
}

impl Path {
    /// The value that the path names, borrowed where it is a part of the data; `$` costs nothing.
    ///
    /// An indefinite path gives an array, which is empty where it finds nothing.
    pub fn select<'a>(&self, scope: &Scope<'a>) -> Result<Cow<'a, Value>, Miss> {
        let Some(start) = self.start(scope) else {
            return Err(
                self.miss(format!("The variable ${} is not set", self.variable().unwrap_or_default()))
            );
        };
        if self.is_definite() {
            return self.definite(start, scope.budget);
        }
        let last = self.steps.len().saturating_sub(1);
        if let Some(at) =
            self.steps.iter().position(|step| matches!(step, Step::Children(_))).filter(|at| *at < last)
        {
            let text = format!("Multi properties can only be used as path leafs: {}", self.bracketed(at + 1));
            return Err(self.impossible(text));
        }
        Ok(Cow::Owned(Walk::new(start, scope.budget).find_all(&self.steps, start)?))
    }

    fn definite<'a>(&self, start: &'a Value, budget: Option<&'a Budget>) -> Result<Cow<'a, Value>, Miss> {
        let mut value = start;
        for (index, step) in self.steps.iter().enumerate() {
            let is_last = index + 1 == self.steps.len();
            value = match (step, value) {
                (Step::Child(name) | Step::Function(name), Value::Object(members)) => match members.get(name)
                {
                    Some(member) => member,
                    None if is_last => return Err(self.no_results(MissKind::Other)),
                    None => {
                        return Err(
                            self.miss(format!("Missing property in path {}", self.bracketed(index + 1)))
                        );
                    }
                },
                (Step::Children(_), Value::Object(_)) if !is_last => {
                    return Err(self.impossible(format!(
                        "Multi properties can only be used as path leafs: {}",
                        self.bracketed(index + 1)
                    )));
                }
                (Step::Children(names), Value::Object(members)) => {
                    return Ok(Cow::Owned(Walk::new(start, budget).merged(names, members)?));
                }
                (Step::Child(_) | Step::Function(_) | Step::Children(_), _) => {
                    return Err(self.miss(format!(
                        "Property {} not found in path {}",
                        bracketed_step(step),
                        self.bracketed(index),
                    )));
                }
                (Step::Index(at), Value::Array(items)) => match element(items, *at) {
                    Some(item) => item,
                    None if is_last => return Err(self.no_results(MissKind::LastIndex)),
                    None => return Err(self.no_results(MissKind::Other)),
                },
                (_, Value::Null) => {
                    return Err(self.miss(format!("The path {} is null", self.bracketed(index))));
                }
                (step, other) => {
                    return Err(self.impossible(format!(
                        "Filter: {} can only be applied to arrays. Current context is: {}",
                        bracketed_step(step),
                        cut(java_text(other))
                    )));
                }
            };
        }
        Ok(Cow::Borrowed(value))
    }

    fn miss(&self, text: String) -> Miss {
        Miss { kind: MissKind::Other, text }
    }

    fn impossible(&self, text: String) -> Miss {
        Miss { kind: MissKind::Impossible, text }
    }

    fn no_results(&self, kind: MissKind) -> Miss {
        Miss { kind, text: format!("No results for path: {}", self.bracketed(self.steps.len())) }
    }

    /// The first `count` steps as Jayway writes them: `$['a'][0]`.
    fn bracketed(&self, count: usize) -> String {
        self.steps.iter().take(count).fold("$".to_string(), |text, step| text + &bracketed_step(step))
    }
}

/// One evaluation of a path, with what it may still do.
pub(super) struct Walk<'a> {
    root: &'a Value,
    budget: Option<&'a Budget>,
    work_left: u64,
    copies: Meter,
}

impl Drop for Walk<'_> {
    fn drop(&mut self) {
        if let Some(budget) = self.budget {
            budget.leave(self.work_left);
        }
    }
}

impl<'a> Walk<'a> {
    /// `root` is what `$` means within filters.
    fn new(root: &'a Value, budget: Option<&'a Budget>) -> Walk<'a> {
        let work_left = budget.map_or(EVALUATION_WORK_MAX, Budget::left);
        Walk { root, budget, work_left, copies: Meter::new() }
    }

    /// Counts work before it is done.
    pub(super) fn work(&mut self, steps: usize) -> Result<(), EvalError> {
        let units = (steps as u64).saturating_mul(PATH_WORK_PER_STEP);
        self.work_left = self.work_left.checked_sub(units).ok_or_else(|| {
            EvalError::named(
                errors::DATA_LIMIT_EXCEEDED,
                format!("The paths of the state take more than {EVALUATION_WORK_MAX} units of work."),
            )
        })?;
        Ok(())
    }

    /// Whether a path within a filter finds anything.
    pub(super) fn exists(&mut self, path: &FilterPath, current: &'a Value) -> Result<bool, EvalError> {
        let Some(start) = self.start(path, current) else { return Ok(false) };
        match is_plain(&path.steps) {
            true => Ok(self.plain(&path.steps, start)?.is_some()),
            false => Ok(!self.find(&path.steps, start)?.is_empty()),
        }
    }

    /// What a path within a filter gives; none where it finds nothing.
    pub(super) fn value(
        &mut self,
        path: &FilterPath,
        current: &'a Value,
    ) -> Result<Option<Cow<'a, Value>>, EvalError> {
        let Some(start) = self.start(path, current) else { return Ok(None) };
        if is_plain(&path.steps) {
            return Ok(self.plain(&path.steps, start)?.map(Cow::Borrowed));
        }
        self.find_all(&path.steps, start).map(|found| Some(Cow::Owned(found)))
    }

    /// AWS's documentation: the operator `@` "does not match scalar values. It only matches objects."
    fn start(&self, path: &FilterPath, current: &'a Value) -> Option<&'a Value> {
        match path.from {
            PathFrom::Current => (current.is_object() || current.is_array()).then_some(current),
            PathFrom::Root => Some(self.root),
        }
    }

    /// Children and indexes only.
    fn plain(&mut self, steps: &[Step], start: &'a Value) -> Result<Option<&'a Value>, EvalError> {
        self.work(steps.len() + 1)?;
        Ok(steps.iter().try_fold(start, |value, step| match step {
            Step::Child(name) | Step::Function(name) => value.as_object()?.get(name),
            Step::Index(at) => element(value.as_array()?, *at),
            _ => None,
        }))
    }

    /// Everything that an indefinite path finds, as an array.
    fn find_all(&mut self, steps: &[Step], start: &'a Value) -> Result<Value, EvalError> {
        let Some((Step::Children(names), before)) = steps.split_last() else {
            let found = self.find(steps, start)?;
            // One value can be found many times, so what the copies take is counted before they are made.
            let copies = found.into_iter().map(|value| self.copy(value));
            return Ok(Value::Array(copies.collect::<Result<_, _>>()?));
        };
        let needs_all = matches!(before.last(), Some(Step::Descend));
        let mut merged = Vec::new();
        for value in self.find(before, start)? {
            let Some(members) = value.as_object() else { continue };
            if !needs_all || names.iter().all(|name| members.contains_key(name)) {
                merged.push(self.merged(names, members)?);
            }
        }
        Ok(Value::Array(merged))
    }

    /// One object of those members that there are.
    fn merged(&mut self, names: &[String], members: &'a Map<String, Value>) -> Result<Value, EvalError> {
        let mut merged = Map::new();
        for name in names {
            if let Some(member) = members.get(name) {
                merged.insert(name.clone(), self.copy(member)?);
            }
        }
        Ok(Value::Object(merged))
    }

    fn copy(&mut self, value: &Value) -> Result<Value, EvalError> {
        let before = self.copies.bytes_left();
        self.copies.place(value, 1)?;
        self.work((before - self.copies.bytes_left()) / COPIED_BYTES_PER_STEP)?;
        Ok(value.clone())
    }

    /// Every step is tried on every value found so far. What it does not fit is left out.
    fn find(&mut self, steps: &[Step], start: &'a Value) -> Result<Vec<&'a Value>, EvalError> {
        let mut found = vec![start];
        let mut previous: Option<&Step> = None;
        for step in steps {
            let mut next = Vec::new();
            for value in found {
                match (previous, step) {
                    // `..` has found the elements of an array already, so the filter is tried on each object once.
                    (Some(Step::Descend), Step::Filter(predicate)) => {
                        if value.is_object() && predicate.holds(value, self)? {
                            next.push(value);
                        }
                    }
                    _ => self.apply(step, value, &mut next)?,
                }
                if next.len() > PATH_NODES_MAX {
                    return Err(EvalError::named(
                        errors::DATA_LIMIT_EXCEEDED,
                        format!("A path finds more than {PATH_NODES_MAX} values."),
                    ));
                }
            }
            found = next;
            previous = Some(step);
        }
        Ok(found)
    }

    fn apply(&mut self, step: &Step, value: &'a Value, found: &mut Vec<&'a Value>) -> Result<(), EvalError> {
        let before = found.len();
        match (step, value) {
            (Step::Child(name) | Step::Function(name), Value::Object(members)) => {
                found.extend(members.get(name));
            }
            (Step::Children(names), Value::Object(members)) => {
                found.extend(names.iter().filter_map(|name| members.get(name)));
            }
            (Step::Wildcard, Value::Object(members)) => found.extend(members.values()),
            (Step::Wildcard, Value::Array(items)) => found.extend(items),
            (Step::Index(at), Value::Array(items)) => found.extend(element(items, *at)),
            (Step::Indexes(indexes), Value::Array(items)) => {
                found.extend(indexes.iter().filter_map(|at| element(items, *at)));
            }
            (Step::Slice { from, to }, Value::Array(items)) => {
                found.extend(slice(items.len(), *from, *to).filter_map(|at| element(items, at)));
            }
            (Step::Filter(predicate), Value::Array(items)) => self.filter(predicate, items, found)?,
            (Step::Filter(predicate), Value::Object(_)) if predicate.holds(value, self)? => found.push(value),
            (Step::Descend, value) => self.descend(value, found, 0)?,
            _ => {}
        }
        self.work(1 + found.len() - before)
    }

    fn filter(
        &mut self,
        predicate: &Predicate,
        items: &'a [Value],
        found: &mut Vec<&'a Value>,
    ) -> Result<(), EvalError> {
        for item in items {
            if predicate.holds(item, self)? {
                found.push(item);
            }
        }
        Ok(())
    }

    /// The value itself and every object and array below it, parents first.
    fn descend(
        &mut self,
        value: &'a Value,
        found: &mut Vec<&'a Value>,
        depth: usize,
    ) -> Result<(), EvalError> {
        // Deeper data than an evaluation can make is no data of ours; the bound keeps the stack safe all the same.
        if found.len() > PATH_NODES_MAX || depth > 2 * VALUE_DEPTH_MAX {
            return Ok(());
        }
        match value {
            Value::Object(members) => {
                self.work(1 + members.len())?;
                found.push(value);
                members.values().try_for_each(|value| self.descend(value, found, depth + 1))
            }
            Value::Array(items) => {
                self.work(1 + items.len())?;
                found.push(value);
                items.iter().try_for_each(|value| self.descend(value, found, depth + 1))
            }
            _ => Ok(()),
        }
    }
}

/// So many bytes are copied in the time of one step.
const COPIED_BYTES_PER_STEP: usize = 64;

/// Whether the steps are children and indexes only, which name one value.
fn is_plain(steps: &[Step]) -> bool {
    steps.iter().all(|step| matches!(step, Step::Child(_) | Step::Function(_) | Step::Index(_)))
}

/// The indexes of a slice. Jayway counts an end from the end of the array only where the other one is absent: `[-2:]`
/// and `[:-1]` are what one expects, `[1:-1]` is empty, and `[-3:-1]` starts three from the end.
fn slice(length: usize, from: Option<i64>, to: Option<i64>) -> std::ops::Range<i64> {
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    match (from, to) {
        (Some(from), Some(to)) => from.max(-length)..to.min(length),
        (Some(from), None) => (if from < 0 { length + from } else { from }).max(0)..length,
        (None, Some(to)) => 0..(if to < 0 { length + to } else { to }).min(length),
        (None, None) => 0..length,
    }
}

fn element(items: &[Value], at: i64) -> Option<&Value> {
    let at = if at < 0 { i64::try_from(items.len()).ok()? + at } else { at };
    items.get(usize::try_from(at).ok()?)
}

fn bracketed_step(step: &Step) -> String {
    let list = |parts: Vec<String>| format!("[{}]", parts.join(", "));
    let number = |at: &Option<i64>| at.map(|at| at.to_string()).unwrap_or_default();
    match step {
        Step::Child(name) | Step::Function(name) => format!("['{name}']"),
        Step::Children(names) => list(names.iter().map(|name| format!("'{name}'")).collect()),
        Step::Index(at) => format!("[{at}]"),
        Step::Indexes(indexes) => list(indexes.iter().map(i64::to_string).collect()).replace(' ', ""),
        Step::Slice { from, to } => format!("[{}:{}]", number(from), number(to)),
        Step::Wildcard => "[*]".into(),
        Step::Descend => "..".into(),
        Step::Filter(_) => "[?]".into(),
    }
}

#[cfg(test)]
#[path = "select_test.rs"]
mod tests;
