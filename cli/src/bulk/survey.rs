//! What a query means, before anything is done: how many runs, of which kinds, and what would become of the first of them.

use super::action::Action;
use crate::{
    limits::{BULK_KINDS_MAX, BULK_KINDS_SHOWN, BULK_PAGE_RUNS, BULK_RUNS_SHOWN},
    text::{count, escaped, grouped},
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use stepladder_protocol::{Clock, Host, Judged, Plan, Protocol, Query, Retry, RunItem, Walk, WorldResult};

/// What the runs of a query have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    pub workflow: String,
    pub status: &'static str,
    pub state: Option<String>,
    pub error: Option<String>,
}

impl Kind {
    fn of(item: &RunItem) -> Self {
        Self {
            workflow: item.id.workflow.clone(),
            status: item.status.as_str(),
            state: item.state.clone(),
            error: item.error.clone(),
        }
    }
}

/// The runs of a query, counted.
#[derive(Debug, Default)]
pub struct Survey {
    /// How many run items were read.
    pub read: usize,
    pub meant: usize,
    /// Of the state in which these ended nothing is known.
    pub state_unknown: usize,
    pub unreadable: usize,
    pub kinds: BTreeMap<Kind, usize>,
    /// Of further kinds.
    pub others: usize,
    /// The first ones, and what would become of them.
    pub first: Vec<(String, String)>,
}

impl Survey {
    /// Walks through all runs of a query. In memory are a page of them and the kinds.
    pub async fn of<H: Host, A: Action<H>>(
        protocol: &Protocol<H>,
        action: &A,
        query: &Query,
        plan: &Plan,
        show: &impl Fn(&Survey),
    ) -> WorldResult<Self> {
        let mut survey = Self::default();
        let mut walk = Walk::new(protocol.host().store(), query, plan, None, BULK_PAGE_RUNS);
        loop {
            let page = walk.next(protocol.host().clock().now_ms(), BULK_PAGE_RUNS).await?;
            let is_last = page.len() < BULK_PAGE_RUNS;
            for candidate in page {
                survey.read += 1;
                match candidate.judged {
                    Judged::Meant(item) => {
                        survey.count(&item);
                        if survey.first.len() < BULK_RUNS_SHOWN {
                            let preview = match action.preview(protocol, &item).await {
                                Ok(preview) => preview,
                                Err(error) if error.retry == Retry::Never => error.to_string(),
                                Err(error) => return Err(error),
                            };
                            survey.first.push((item.id.to_string(), preview));
                        }
                    }
                    Judged::Other => {}
                    Judged::StateUnknown => survey.state_unknown += 1,
                    Judged::Unreadable(_) => survey.unreadable += 1,
                }
            }
            show(&survey);
            if is_last {
                return Ok(survey);
            }
        }
    }

    fn count(&mut self, item: &RunItem) {
        self.meant += 1;
        let kind = Kind::of(item);
        let has_room = self.kinds.len() < BULK_KINDS_MAX;
        match self.kinds.get_mut(&kind) {
            Some(number) => *number += 1,
            None if has_room => drop(self.kinds.insert(kind, 1)),
            None => self.others += 1,
        }
    }

    /// The most frequent kinds first.
    fn sorted(&self) -> Vec<(&Kind, usize)> {
        let mut kinds: Vec<(&Kind, usize)> =
            self.kinds.iter().map(|(kind, number)| (kind, *number)).collect();
        kinds.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        kinds
    }

    /// The plan as a person reads it.
    pub fn text(&self) -> String {
        let runs = if self.meant == 1 { "run fits" } else { "runs fit" };
        let mut lines =
            vec![format!("{} {runs}, {} read", grouped(self.meant as u64), grouped(self.read as u64))];
        let sorted = self.sorted();
        for (kind, number) in sorted.iter().take(BULK_KINDS_SHOWN) {
            let state =
                kind.state.as_ref().map(|state| format!(" in {}", escaped(state))).unwrap_or_default();
            let error = kind.error.as_ref().map(|error| format!(": {}", escaped(error))).unwrap_or_default();
            lines.push(format!(
                "  {:>7}  {} {}{state}{error}",
                grouped(*number as u64),
                escaped(&kind.workflow),
                kind.status
            ));
        }
        let shown: usize = sorted.iter().take(BULK_KINDS_SHOWN).map(|(_, number)| number).sum();
        if shown < self.meant {
            lines.push(format!("  {:>7}  of other kinds", grouped((self.meant - shown) as u64)));
        }
        if self.state_unknown > 0 {
            lines.push(format!(
                "{} left out: nothing says in which state they ended, they are from before that was kept",
                count(self.state_unknown, "run")
            ));
        }
        if self.unreadable > 0 {
            lines.push(format!("{} left out: their items can't be read", count(self.unreadable, "run")));
        }
        if let [_, ..] = self.first.as_slice() {
            lines.push(match self.first.len() < self.meant {
                true => format!("the first {} of them:", self.first.len()),
                false => "what becomes of them:".to_owned(),
            });
            lines.extend(
                self.first.iter().map(|(id, preview)| format!("  {} {}", escaped(id), escaped(preview))),
            );
        }
        lines.join("\n")
    }

    /// The shape `stepladder.bulk-plan/1`.
    pub fn shape(&self, action: &str, query: &str) -> Value {
        let kinds = self.sorted().into_iter().map(|(kind, number)| {
            let Kind { workflow, status, state, error } = kind;
            json!({ "workflow": workflow, "status": status, "state": state, "error": error, "runs": number })
        });
        let first = self.first.iter().map(|(id, preview)| json!({ "id": id, "plan": preview }));
        json!({
            "schema": "stepladder.bulk-plan/1",
            "action": action,
            "query": query,
            "read": self.read,
            "matched": self.meant,
            "state_unknown": self.state_unknown,
            "unreadable": self.unreadable,
            "kinds": kinds.collect::<Vec<Value>>(),
            "of_other_kinds": self.others,
            "first": first.collect::<Vec<Value>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shapes::tests::item;
    use stepladder_engine::Status;

    #[test]
    fn kinds_are_counted_and_the_most_frequent_comes_first() {
        let mut survey = Survey { read: 1_234, state_unknown: 1, ..Survey::default() };
        for n in 0..3 {
            let mut run = item(&n.to_string(), Status::Failed);
            run.state = (n > 0).then(|| "Charge".to_owned());
            survey.count(&run);
        }
        survey.first.push(("order/0".to_owned(), "goes on from Charge".to_owned()));
        assert_eq!(
            survey.text(),
            "3 runs fit, 1,234 read\n        2  order FAILED in Charge: CardDeclined\n        1  order FAILED: CardDeclined\n\
             1 run left out: nothing says in which state they ended, they are from before that was kept\n\
             the first 1 of them:\n  order/0 goes on from Charge"
        );
        let shape = survey.shape("redrive", "status=failed");
        assert_eq!(
            (&shape["read"], &shape["matched"], &shape["kinds"][0]["runs"]),
            (&json!(1_234), &json!(3), &json!(2))
        );
    }

    #[test]
    fn no_more_kinds_are_told_apart_than_there_is_room_for() {
        let mut survey = Survey::default();
        for n in 0..BULK_KINDS_MAX + 5 {
            let mut run = item("1", Status::Failed);
            run.error = Some(format!("E{n}"));
            survey.count(&run);
        }
        assert_eq!(
            (survey.kinds.len(), survey.others, survey.meant),
            (BULK_KINDS_MAX, 5, BULK_KINDS_MAX + 5)
        );
        assert!(survey.text().contains("985  of other kinds"), "{}", survey.text());
    }
}
