//! What a scenario has shown: counts, and no price.

use crate::{limits::ITEM_OVERHEAD_BYTES, proxy::Seen};
use aws_sdk_dynamodb::types::AttributeValue;
use std::collections::HashMap;

/// All of a scenario, not divided by anything.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Counts {
    pub(crate) runs: u64,
    pub(crate) steps: u64,
    /// Calls to the table and the queues: of the functions, and of whoever starts the runs.
    pub(crate) seen: Seen,
    pub(crate) step_invocations: u64,
    pub(crate) start_invocations: u64,
    /// Messages that the mappings took out of the queues, and the bytes of their bodies.
    pub(crate) messages: u64,
    pub(crate) message_bytes: u64,
    pub(crate) logs: Logs,
    pub(crate) stored: Stored,
    /// The CPU seconds of the functions' processes, their starts included.
    pub(crate) cpu_seconds: f64,
}

/// What the functions wrote, with every message that went well logged.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Logs {
    /// Lines of which a deployment writes its sample only.
    pub(crate) sampled: Lines,
    /// Metrics, once a minute and environment.
    pub(crate) metrics: Lines,
    /// All others: written whatever the sample is.
    pub(crate) always: Lines,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Lines {
    pub(crate) count: u64,
    pub(crate) bytes: u64,
}

/// The items of runs that are left in the table, with what each takes beyond its size.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Stored {
    pub(crate) items: u64,
    pub(crate) table_bytes: u64,
    pub(crate) index_bytes: u64,
}

impl Logs {
    pub(crate) fn add(&mut self, line: &str) {
        let is_metric = line.contains("\"_aws\"");
        let is_sampled = line.contains("\"message\":\"recorded\"");
        let lines = match (is_metric, is_sampled) {
            (true, _) => &mut self.metrics,
            (false, true) => &mut self.sampled,
            (false, false) => &mut self.always,
        };
        lines.count += 1;
        lines.bytes += line.len() as u64;
    }
}

/// The keys of the table's indexes: both hold nothing but keys.
const INDEX_KEYS: [[&str; 2]; 2] = [["lp", "t0"], ["ap", "t1"]];
const TABLE_KEYS: [&str; 2] = ["pk", "sk"];

impl Stored {
    /// Items that don't belong to a run, such as definitions, are there once for all runs.
    pub(crate) fn add(&mut self, item: &HashMap<String, AttributeValue>) {
        if !matches!(item.get("pk"), Some(AttributeValue::S(pk)) if pk.starts_with("R#")) {
            return;
        }
        let size_of = |name: &str| item.get(name).map(|value| name.len() as u64 + size(value));
        self.items += 1;
        self.table_bytes += item.keys().filter_map(|name| size_of(name)).sum::<u64>() + ITEM_OVERHEAD_BYTES;
        for keys in INDEX_KEYS {
            // An item is in an index if it has both of its keys.
            if let Some(bytes) = keys.iter().map(|name| size_of(name)).sum::<Option<u64>>() {
                let own: u64 = TABLE_KEYS.iter().filter_map(|name| size_of(name)).sum();
                self.index_bytes += bytes + own + ITEM_OVERHEAD_BYTES;
            }
        }
    }
}

/// A value's size by DynamoDB's rules, a number's rounded up.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>
fn size(value: &AttributeValue) -> u64 {
    let nested = |sizes: u64, count: usize| 3 + count as u64 + sizes;
    match value {
        AttributeValue::S(text) => text.len() as u64,
        AttributeValue::N(number) => number_size(number),
        AttributeValue::B(bytes) => bytes.as_ref().len() as u64,
        AttributeValue::Bool(_) | AttributeValue::Null(_) => 1,
        AttributeValue::L(values) => nested(values.iter().map(size).sum(), values.len()),
        AttributeValue::M(values) => {
            nested(values.iter().map(|(name, value)| name.len() as u64 + size(value)).sum(), values.len())
        }
        AttributeValue::Ss(texts) => texts.iter().map(|text| text.len() as u64).sum(),
        AttributeValue::Ns(numbers) => numbers.iter().map(|number| number_size(number)).sum(),
        AttributeValue::Bs(all) => all.iter().map(|bytes| bytes.as_ref().len() as u64).sum(),
        _ => 0,
    }
}

/// A byte per two digits, and one.
fn number_size(number: &str) -> u64 {
    let digits = number.bytes().filter(u8::is_ascii_digit).count() as u64;
    digits.div_ceil(2) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> AttributeValue {
        AttributeValue::S(value.to_owned())
    }

    #[test]
    fn an_item_takes_its_names_its_values_and_a_hundred_bytes() {
        let mut stored = Stored::default();
        let item = HashMap::from([
            ("pk".to_owned(), text("R#w/n")),
            ("sk".to_owned(), text("RUN")),
            ("n".to_owned(), AttributeValue::N("12345".to_owned())),
        ]);
        stored.add(&item);
        let expected = (2 + 5) + (2 + 3) + (1 + 3 + 1) + 100;
        assert_eq!(stored, Stored { items: 1, table_bytes: expected, index_bytes: 0 });
    }

    #[test]
    fn an_item_is_in_the_index_whose_keys_it_has() {
        let mut stored = Stored::default();
        let item = HashMap::from([
            ("pk".to_owned(), text("R#w/n")),
            ("sk".to_owned(), text("RUN")),
            ("lp".to_owned(), text("w#1")),
            ("t0".to_owned(), AttributeValue::N("1234".to_owned())),
            ("ap".to_owned(), text("w#FAILED#1")),
        ]);
        stored.add(&item);
        assert_eq!(stored.index_bytes, (2 + 5) + (2 + 3) + (2 + 3) + (2 + 2 + 1) + 100);
    }

    #[test]
    fn what_belongs_to_no_run_is_not_counted() {
        let mut stored = Stored::default();
        stored.add(&HashMap::from([("pk".to_owned(), text("W#chain")), ("sk".to_owned(), text("CURRENT"))]));
        assert_eq!(stored, Stored::default());
    }

    #[test]
    fn lines_are_told_apart() {
        let mut logs = Logs::default();
        logs.add(r#"{"level":"INFO","message":"recorded","run":"w/n"}"#);
        logs.add(r#"{"_aws":{},"Steps":3}"#);
        logs.add(r#"{"level":"WARN","message":"left to its queue"}"#);
        assert_eq!((logs.sampled.count, logs.metrics.count, logs.always.count), (1, 1, 1));
        assert_eq!(logs.metrics.bytes, 21);
    }
}
