//! The children that items make which are read from elsewhere.

use super::{BranchInput, Seen, Selecting, batches::batch};
use crate::{
    inspect::Probe,
    position::{FanOut, MapItem, Position, Reading},
    run::Run,
    size::json_bytes,
};
use serde_json::Value;
use std::borrow::Cow;
use stepladder_asl::{Budget, Definition, EvalError, Kind, Map};

/// An item as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemRow {
    /// The line on which it begins, from 1 on; none where the source has no lines.
    pub line: Option<u64>,
    /// The item; or why there is none.
    pub item: Result<Value, String>,
}

/// Makes children of items, in order: `ItemSelector`, then `ItemBatcher`. An item that can't be read is a child of its own, which
/// fails; it ends the batch before it.
#[derive(Debug)]
pub struct Children<'a> {
    seen: Seen<'a>,
    map: &'a Map,
    batching: Option<Batching>,
    items: u64,
    children: u32,
    largest: u32,
}

/// A batch that more items may come to.
#[derive(Debug)]
struct Batching {
    items_max: u32,
    bytes_max: u64,
    common: Option<Value>,
    /// The size of a batch without items, in bytes.
    around: u64,
    items: Vec<Value>,
    bytes: u64,
}

impl<'a> Children<'a> {
    /// Goes on where `position` has come to, which waits for its items; as it was when that began ([`Position::as_begun`]).
    ///
    /// # Errors
    ///
    /// As in [`Inputs::new`](crate::Inputs::new).
    pub fn new(definition: &'a Definition, run: &'a Run, position: &'a Position) -> Result<Self, EvalError> {
        let no_state = || EvalError::runtime(format!("The state '{}' reads no items.", position.state));
        let state = definition.state(&position.state).ok_or_else(no_state)?;
        let Kind::Map(map) = &state.kind else { return Err(no_state()) };
        let seen = Seen::new(definition, run, state, position);
        let budget = Budget::new();
        let batching = match seen.batcher() {
            None => None,
            Some((_, batcher)) => {
                let (items_max, bytes_max) = seen.batch_limits(batcher, &budget)?;
                let common = seen.batch_input(batcher, &budget)?;
                let around = json_bytes(&batch(common.as_ref(), Vec::new())) as u64;
                Some(Batching { items_max, bytes_max, common, around, items: Vec::new(), bytes: around })
            }
        };
        let reading = position.reading.as_deref().cloned().unwrap_or_default();
        let Reading { items, children, largest, .. } = reading;
        Ok(Self { seen, map, batching, items, children, largest })
    }

    /// So many items have come.
    pub fn items(&self) -> u64 {
        self.items
    }

    /// So many children have been made.
    pub fn children(&self) -> u32 {
        self.children
    }

    /// How many items the largest child has.
    pub fn largest(&self) -> u32 {
        self.largest
    }

    /// Whether no item waits for others of its batch.
    pub fn is_between(&self) -> bool {
        self.batching.as_ref().is_none_or(|batching| batching.items.is_empty())
    }

    /// Takes the next item; answers with the children that are whole before it, and those that are so with it.
    ///
    /// # Errors
    ///
    /// As in [`Inputs::new`](crate::Inputs::new).
    pub fn push(&mut self, row: ItemRow) -> Result<Made, EvalError> {
        let index = u32::try_from(self.items).unwrap_or(u32::MAX);
        self.items = self.items.saturating_add(1);
        let item = match row.item {
            Ok(item) => item,
            Err(unread) => {
                let before = self.finish();
                let after = self.child(Value::Null, None, 1, Some(unread));
                return Ok(Made { before, after: Some(after) });
            }
        };
        let value = match self.batching {
            None if self.seen.definition.mentions_map_item => Some(item.clone()),
            _ => None,
        };
        let selected = match &self.map.item_selector {
            None => item,
            Some(_) => self.seen.field("Items", &Budget::new(), |scope| {
                Selecting::new(&self.seen, self.map, scope, None).item(index, row.line, Cow::Owned(item))
            })?,
        };
        let Some(batching) = &mut self.batching else {
            let map_item = value.map(|value| (value, row.line));
            return Ok(Made { before: None, after: Some(self.child(selected, map_item, 1, None)) });
        };
        let more = (json_bytes(&selected) as u64).saturating_add(1);
        let is_full = !batching.items.is_empty() && batching.bytes.saturating_add(more) > batching.bytes_max;
        let before = if is_full { self.finish() } else { None };
        let Some(batching) = &mut self.batching else { return Ok(Made { before, after: None }) };
        batching.items.push(selected);
        batching.bytes = batching.bytes.saturating_add(more);
        let count = u32::try_from(batching.items.len()).unwrap_or(u32::MAX);
        let after = if count >= batching.items_max { self.finish() } else { None };
        Ok(Made { before, after })
    }

    /// No more items come to the batch.
    pub fn finish(&mut self) -> Option<BranchInput> {
        let batching = self.batching.as_mut().filter(|batching| !batching.items.is_empty())?;
        let items = std::mem::take(&mut batching.items);
        batching.bytes = batching.around;
        let count = u32::try_from(items.len()).unwrap_or(u32::MAX);
        let data = batch(batching.common.as_ref(), items);
        Some(self.child(data, None, count, None))
    }

    fn child(
        &mut self,
        data: Value,
        item: Option<(Value, Option<u64>)>,
        items: u32,
        unread: Option<String>,
    ) -> BranchInput {
        let index = self.children;
        self.children = self.children.saturating_add(1);
        self.largest = self.largest.max(items);
        let (value, line) = item.map_or((None, None), |(value, line)| (Some(value), line));
        let child = self.seen.child(self.map, index, &data);
        let map_item = Some(MapItem { index, value, line, child });
        BranchInput { index, data, map_item, goes_on: None, unread }
    }
}

/// The children that an item completes.
#[derive(Debug, Default)]
pub struct Made {
    /// It has no part in this one.
    pub before: Option<BranchInput>,
    /// The item is the last one of it.
    pub after: Option<BranchInput>,
}

impl Seen<'_> {
    /// The fan-out of the children of all items that have been read.
    pub(crate) fn read_fan_out(&self, reading: &Reading, budget: &Budget) -> Result<FanOut, EvalError> {
        let Reading { seq, items, children: count, largest, .. } = *reading;
        let concurrency = self.concurrency(budget)?.1.min(count);
        let tolerated = self.tolerates(items, budget, Probe::NONE)?;
        let failures_tolerated = match tolerated == items {
            true => u32::MAX,
            false => u32::try_from(tolerated).unwrap_or(u32::MAX),
        };
        let failure_items = largest.max(1);
        Ok(FanOut { count, concurrency, failures_tolerated, failure_items, inputs_seq: Some(seq) })
    }
}
