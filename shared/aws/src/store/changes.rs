//! What changes of a run item when its run ends, or is redriven.

use super::{
    DynamoStore,
    item::{self, ENDED_IN, ENDING, ENDING_ITEM, PK, SK, payload_attribute},
    keys,
};
use aws_sdk_dynamodb::{
    operation::update_item::builders::UpdateItemFluentBuilder,
    types::{AttributeValue, Update, builders::UpdateBuilder},
};
use std::collections::HashMap;
use stepladder_engine::Status;
use stepladder_protocol::{Close, RedriveItem, RunKey};

/// A change of the run item: only if it is the same run, with the same redrive count, and in one of these states.
pub(super) struct RunChange {
    run: RunKey,
    pub(super) condition: &'static str,
    pub(super) update: String,
    pub(super) values: HashMap<String, AttributeValue>,
}

impl RunChange {
    pub(super) fn close(run: &RunKey, redrive_count: u32, close: &Close) -> Self {
        let condition = "n = :n AND r = :r AND st = :running";
        let mut change = Self::new(run, condition, redrive_count);
        change.value(":running", AttributeValue::S(Status::Running.as_str().to_owned()));
        change.set("st", AttributeValue::S(close.status.as_str().to_owned()));
        change.set("t1", AttributeValue::N(close.ended_ms.to_string()));
        if let Some(ending) = &close.ending {
            let (name, value) = payload_attribute(ENDING, ending);
            change.set(name, value);
        }
        let texts = [
            (ENDING_ITEM, close.ending_item.clone()),
            ("er", close.error.clone()),
            (ENDED_IN, close.state.clone()),
            ("by", close.by.clone()),
            ("ap", keys::attention_pk(&run.id, close.status)),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                change.set(name, AttributeValue::S(text));
            }
        }
        change
    }

    pub(super) fn reopen(run: &RunKey, redrive_count: u32, redrive: &RedriveItem) -> Self {
        let condition = "n = :n AND r = :r AND st IN (:failed, :timed_out, :aborted)";
        let mut change = Self::new(run, condition, redrive_count);
        for (name, status) in
            [(":failed", Status::Failed), (":timed_out", Status::TimedOut), (":aborted", Status::Aborted)]
        {
            change.value(name, AttributeValue::S(status.as_str().to_owned()));
        }
        change.set("st", AttributeValue::S(Status::Running.as_str().to_owned()));
        change.redriven(redrive_count, redrive);
        // Without `ap` it leaves the index `attention`.
        change.update.push_str(" REMOVE t1, er, es, ap");
        for name in [ENDING.json, ENDING.zstd, ENDING.blob, ENDING_ITEM] {
            change.update.push_str(", ");
            change.update.push_str(name);
        }
        change
    }

    /// A run that is going goes on elsewhere.
    pub(super) fn redirect(run: &RunKey, redrive_count: u32, redrive: &RedriveItem) -> Self {
        let mut change = Self::new(run, "n = :n AND r = :r AND st = :running", redrive_count);
        change.value(":running", AttributeValue::S(Status::Running.as_str().to_owned()));
        change.redriven(redrive_count, redrive);
        change
    }

    fn redriven(&mut self, redrive_count: u32, redrive: &RedriveItem) {
        self.set("r", AttributeValue::N(redrive_count.saturating_add(1).to_string()));
        self.set("by", AttributeValue::S(redrive.by.clone()));
        self.set(item::REDRIVES, AttributeValue::S(item::redrives_text(&redrive.redrives)));
        if !redrive.redefined.is_empty() {
            self.set(item::REDEFINED, AttributeValue::S(item::redefined_text(&redrive.redefined)));
        }
    }

    fn new(run: &RunKey, condition: &'static str, redrive_count: u32) -> Self {
        let mut change = Self { run: run.clone(), condition, update: String::new(), values: HashMap::new() };
        change.value(":n", AttributeValue::S(run.nonce.clone()));
        change.value(":r", AttributeValue::N(redrive_count.to_string()));
        change
    }

    fn value(&mut self, name: &str, value: AttributeValue) {
        self.values.insert(name.to_owned(), value);
    }

    fn set(&mut self, name: &str, value: AttributeValue) {
        let placeholder = format!(":set_{name}");
        let start = if self.update.is_empty() { "SET" } else { "," };
        self.update.push_str(&format!("{start} #{name} = {placeholder}"));
        self.value(&placeholder, value);
    }

    /// `by` is a reserved word, so that every name that is set goes through a placeholder.
    pub(super) fn names(&self) -> HashMap<String, String> {
        let set = self.values.keys().filter_map(|value| value.strip_prefix(":set_"));
        set.map(|name| (format!("#{name}"), name.to_owned())).collect()
    }

    pub(super) fn update(self, store: &DynamoStore) -> UpdateItemFluentBuilder {
        store
            .update(keys::run_pk(&self.run.id), keys::RUN_SK)
            .condition_expression(self.condition)
            .set_expression_attribute_names(Some(self.names()))
            .update_expression(self.update)
            .set_expression_attribute_values(Some(self.values))
    }

    pub(super) fn transact_update(self, table: &str) -> UpdateBuilder {
        Update::builder()
            .table_name(table)
            .key(PK, AttributeValue::S(keys::run_pk(&self.run.id)))
            .key(SK, AttributeValue::S(keys::RUN_SK.to_owned()))
            .condition_expression(self.condition)
            .set_expression_attribute_names(Some(self.names()))
            .update_expression(self.update)
            .set_expression_attribute_values(Some(self.values))
    }
}
