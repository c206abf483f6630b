//! `ItemBatcher`: which items each child of a distributed Map state gets
//! (<https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itembatcher.html>).

use super::{BranchInput, Seen, items};
use crate::{limits::INPUTS_AT_ONCE, position::MapItem, size::json_bytes};
use serde_json::{Map as Members, Value};
use std::ops::Range;
use stepladder_asl::{Budget, EvalError, ItemBatcher, Kind, Map, Number, Scope};

/// Where the batches of a state end. What is in them is made when it is asked for.
#[derive(Debug)]
pub(super) struct Batches {
    /// By batch: the number of the first item behind it.
    ends: Vec<u32>,
    /// How many items the largest one holds.
    pub(super) largest: u32,
    /// `BatchInput`, which all of them have in common.
    common: Option<Value>,
}

impl Batches {
    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.ends.len()).unwrap_or(u32::MAX)
    }

    /// The items of one batch.
    fn items(&self, batch: u32) -> Range<u32> {
        let end = |batch: Option<u32>| {
            let at = batch.and_then(|batch| usize::try_from(batch).ok());
            at.and_then(|at| self.ends.get(at)).copied()
        };
        let start = end(batch.checked_sub(1)).unwrap_or(0);
        start..end(Some(batch)).unwrap_or(start)
    }

    fn input(&self, items: Vec<Value>) -> Value {
        batch(self.common.as_ref(), items)
    }
}

/// What a child starts with that gets a batch.
pub(super) fn batch(common: Option<&Value>, items: Vec<Value>) -> Value {
    let mut input = Members::new();
    input.extend(common.map(|common| ("BatchInput".to_owned(), common.clone())));
    input.insert("Items".to_owned(), Value::Array(items));
    Value::Object(input)
}

impl<'a> Seen<'a> {
    pub(super) fn batcher(&self) -> Option<(&'a Map, &'a ItemBatcher)> {
        let Kind::Map(map) = &self.state.kind else { return None };
        Some((map, map.distributed()?.item_batcher.as_ref()?))
    }

    /// Puts items together in order, each as `ItemSelector` makes it, as many as both limits allow. An item that is larger
    /// than a batch may be is a batch of its own.
    pub(super) fn batches(
        &self,
        map: &Map,
        batcher: &ItemBatcher,
        budget: &Budget,
    ) -> Result<Batches, EvalError> {
        let (items_max, bytes_max) = self.batch_limits(batcher, budget)?;
        self.field("Items", budget, |scope| {
            let items = items(self.state, map, scope)?;
            let count = items.as_array().map_or(0, Vec::len);
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            let mut batches = Batches { ends: Vec::new(), largest: 0, common: None };
            if count == 0 {
                return Ok(batches);
            }
            batches.common = self.batch_input(batcher, budget)?;
            batches.ends = match bytes_max {
                u64::MAX => {
                    let whole = (1..=count / items_max).map(|batch| batch * items_max);
                    whole.chain((count % items_max > 0).then_some(count)).collect()
                }
                _ => {
                    let around = json_bytes(&batches.input(Vec::new())) as u64;
                    self.ends_by_bytes(map, &items, scope, budget, Limits { items_max, bytes_max, around })?
                }
            };
            let sizes = (0..batches.count()).map(|batch| batches.items(batch).len());
            batches.largest = sizes.max().and_then(|size| u32::try_from(size).ok()).unwrap_or(0);
            Ok(batches)
        })
    }

    /// How many items and bytes one batch may have.
    pub(super) fn batch_limits(
        &self,
        batcher: &ItemBatcher,
        budget: &Budget,
    ) -> Result<(u32, u64), EvalError> {
        let limit = |field: &'static str, number: &Option<Number>| match self.limit(field, budget, number)? {
            Some(0) => Err(EvalError::runtime(format!("field {field} must be positive"))),
            limit => Ok(limit.unwrap_or(u64::MAX)),
        };
        let items_max = limit("MaxItemsPerBatch", &batcher.max_items_per_batch)?;
        let bytes_max = limit("MaxInputBytesPerBatch", &batcher.max_input_bytes_per_batch)?;
        Ok((u32::try_from(items_max).unwrap_or(u32::MAX), bytes_max))
    }

    /// A limit. AWS takes the digits of one as text, too, where a path leads to it.
    fn limit(
        &self,
        field: &'static str,
        budget: &Budget,
        number: &Option<Number>,
    ) -> Result<Option<u64>, EvalError> {
        if let Some(Number::Path(path)) = number {
            let text = self.field(field, budget, |scope| {
                Ok(path.select(scope).ok().and_then(|value| value.as_str()?.parse::<u64>().ok()))
            })?;
            if text.is_some() {
                return Ok(text);
            }
        }
        self.number(field, budget, number)
    }

    /// `BatchInput`, which all batches have in common.
    pub(super) fn batch_input(
        &self,
        batcher: &ItemBatcher,
        budget: &Budget,
    ) -> Result<Option<Value>, EvalError> {
        let Some(template) = &batcher.batch_input else { return Ok(None) };
        self.field("BatchInput", budget, |scope| template.evaluate("BatchInput", scope)).map(Some)
    }

    /// Makes the items a few at a time, and keeps their sizes only. All of them together may do what one state may.
    fn ends_by_bytes(
        &self,
        map: &Map,
        items: &Value,
        scope: &Scope<'_>,
        budget: &Budget,
        limits: Limits,
    ) -> Result<Vec<u32>, EvalError> {
        let (mut ends, mut at, mut bytes, mut first) = (Vec::new(), 0_u32, limits.around, 0_u32);
        loop {
            let range = at..at.saturating_add(INPUTS_AT_ONCE);
            let made = self.iterations_within(map, items, scope, range, Some(budget))?;
            if made.is_empty() {
                break;
            }
            for BranchInput { data, .. } in made {
                let more = (json_bytes(&data) as u64).saturating_add(1);
                let is_full = at - first >= limits.items_max || bytes.saturating_add(more) > limits.bytes_max;
                if is_full && at > first {
                    ends.push(at);
                    (first, bytes) = (at, limits.around);
                }
                bytes = bytes.saturating_add(more);
                at += 1;
            }
        }
        if at > first {
            ends.push(at);
        }
        Ok(ends)
    }

    /// The children of some batches.
    pub(super) fn children(
        &self,
        map: &Map,
        batches: &Batches,
        items: &Value,
        scope: &Scope<'_>,
        range: Range<u32>,
    ) -> Result<Vec<BranchInput>, EvalError> {
        let range = range.start..range.end.min(batches.count());
        let mut children = Vec::with_capacity(range.len());
        for index in range {
            let made = self.iterations(map, items, scope, batches.items(index))?;
            let data = batches.input(made.into_iter().map(|input| input.data).collect());
            let map_item =
                Some(MapItem { index, value: None, line: None, child: self.child(map, index, &data) });
            children.push(BranchInput { index, data, map_item, goes_on: None, unread: None });
        }
        Ok(children)
    }
}

/// What a batch is held to.
#[derive(Debug, Clone, Copy)]
struct Limits {
    items_max: u32,
    bytes_max: u64,
    /// The size of a batch without items.
    around: u64,
}
