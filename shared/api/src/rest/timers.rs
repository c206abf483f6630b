//! Timers: what running runs wait for, and until when.
//!
//! No index holds due times, so this walks the list of runs, and reads each one that goes on: docs/decisions/0023.

use super::{
    asked::Asked,
    json,
    problem::Problem,
    runs::{self, place_of, sealed},
    shapes::{Timer, TimerKind, Timers, Unreadable},
};
use crate::{
    Api,
    limits::{LOOKED_AT_MAX, REST_LOOK_PORTION, REST_TIMER_RECORDS_MAX, REST_TIMERS_MAX, REST_WAITS_MAX},
    listing::Merged,
};
use serde_json::{Value, json};
use std::collections::HashMap;
use stepladder_asl::timestamp;
use stepladder_engine::Status;
use stepladder_protocol::{
    Bounded, Clock, Host, Items, ListedRun, Protocol, Retry, RunId, WorldError, WorldResult,
};

/// `GET /timers`
pub(super) async fn list<H: Host>(api: &Api<H>, asked: &Asked) -> Result<Value, Problem> {
    let wanted = Wanted {
        kinds: asked.several("kind"),
        before_ms: asked.text("before").and_then(timestamp::parse),
        runs: asked.number("limit"),
    };
    let (store, now_ms) = (api.protocol.host().store(), api.protocol.host().clock().now_ms());
    let question = json!(["GET timers", asked.text("workflow"), wanted.kinds, wanted.before_ms]);
    let after = match asked.text("cursor") {
        Some(cursor) => Some(place_of(&api.tokens.open(&question, cursor, now_ms)?)?),
        None => None,
    };
    let workflows = runs::workflows(store, asked.text("workflow")).await?;
    let mut merged = Merged::new(store, workflows, after.as_ref(), REST_LOOK_PORTION);
    let mut page = Page::new();
    let is_last = 'walk: loop {
        let portion = REST_LOOK_PORTION.min(LOOKED_AT_MAX - page.looked_at);
        let listed = merged.next(portion).await?;
        let going = Going::read(api, now_ms, &listed).await?;
        for run in listed {
            if !page.take(&api.protocol, &wanted, &going, run).await? {
                break 'walk false;
            }
        }
        if merged.is_at_end().await? {
            break true;
        }
        if page.looked_at >= LOOKED_AT_MAX || page.is_full(&wanted) {
            break false;
        }
    };
    let next = match (is_last, &page.last) {
        (false, Some(last)) => Some(sealed(api, &question, last, now_ms)?),
        _ => None,
    };
    json(&page.shape(next))
}

/// What was asked for.
struct Wanted<'a> {
    /// All of them, if none is named.
    kinds: &'a [String],
    before_ms: Option<i64>,
    /// How many running runs at most.
    runs: usize,
}

impl Wanted<'_> {
    fn takes(&self, timer: &stepladder_protocol::Timer) -> bool {
        let kind = TimerKind::from(timer.kind);
        let is_kind = self.kinds.is_empty() || self.kinds.iter().any(|wanted| wanted == kind.as_str());
        is_kind && self.before_ms.is_none_or(|before_ms| timer.due_ms < before_ms)
    }
}

/// How the items of some runs could be read.
#[derive(Default)]
struct Going(HashMap<RunId, Result<Status, WorldError>>);

impl Going {
    async fn read<H: Host>(api: &Api<H>, now_ms: i64, listed: &[ListedRun]) -> WorldResult<Self> {
        let ids = listed.iter().map(|run| run.id.clone()).collect();
        let read = Items::read(api.protocol.host().store(), now_ms, ids).await?;
        let items = read.items.into_iter().map(|item| (item.id, Ok(item.status)));
        Ok(Self(items.chain(read.unreadable.into_iter().map(|(id, error)| (id, Err(error)))).collect()))
    }
}

/// What has been found for a page.
struct Page {
    /// With the times that they are sorted by.
    timers: Vec<(i64, Timer)>,
    left_out: usize,
    unreadable: Vec<Unreadable>,
    looked_at: usize,
    runs_read: usize,
    /// So many records may still be read.
    budget: usize,
    /// The last one that was looked at.
    last: Option<ListedRun>,
}

impl Page {
    fn new() -> Self {
        Self {
            timers: Vec::new(),
            left_out: 0,
            unreadable: Vec::new(),
            looked_at: 0,
            runs_read: 0,
            budget: REST_TIMER_RECORDS_MAX,
            last: None,
        }
    }

    fn is_full(&self, wanted: &Wanted<'_>) -> bool {
        let shown = self.timers.len() + self.unreadable.len();
        self.runs_read >= wanted.runs || self.budget == 0 || shown >= REST_TIMERS_MAX
    }

    /// Looks at a run; false if it has to wait for the next page. One that has ended or expired is passed over.
    async fn take<H: Host>(
        &mut self,
        protocol: &Protocol<H>,
        wanted: &Wanted<'_>,
        going: &Going,
        run: ListedRun,
    ) -> Result<bool, Problem> {
        if self.is_full(wanted) {
            return Ok(false);
        }
        match going.0.get(&run.id) {
            Some(Ok(Status::Running)) => {
                if !self.read(protocol, wanted, &run.id).await? {
                    return Ok(false);
                }
            }
            Some(Err(error)) => self.refuse(&run.id, error.to_string()),
            Some(Ok(_)) | None => {}
        }
        self.looked_at += 1;
        self.last = Some(run);
        Ok(true)
    }

    /// Reads a run; false if that would take more than what is left of the budget, and a whole one is more.
    async fn read<H: Host>(
        &mut self,
        protocol: &Protocol<H>,
        wanted: &Wanted<'_>,
        id: &RunId,
    ) -> Result<bool, Problem> {
        match protocol.view_within(id, self.budget).await {
            Ok(Some(Bounded::Read { view, taken })) => {
                self.budget = self.budget.saturating_sub(taken);
                let mut timers: Vec<_> =
                    view.timers().into_iter().filter(|timer| wanted.takes(timer)).collect();
                // The first of them are shown. The sort is stable: those of one time stay in the order of their branches.
                timers.sort_by_key(|timer| timer.due_ms);
                self.left_out += timers.len().saturating_sub(REST_WAITS_MAX);
                let shown = timers.into_iter().take(REST_WAITS_MAX);
                self.timers.extend(shown.map(|timer| (timer.due_ms, Timer::new(id, timer))));
            }
            Ok(Some(Bounded::TooLarge)) if self.budget < REST_TIMER_RECORDS_MAX => return Ok(false),
            Ok(Some(Bounded::TooLarge)) => {
                self.budget = 0;
                let problem = format!("it has more than {REST_TIMER_RECORDS_MAX} records: ask for it alone");
                self.refuse(id, problem);
            }
            Ok(None) => return Ok(true),
            Err(error) if error.retry == Retry::Throttled => return Err(error.into()),
            // What is wrong with one of them keeps none of the others back.
            // How much was read of it isn't known, so the page ends.
            Err(error) => {
                self.budget = 0;
                self.refuse(id, error.to_string());
            }
        }
        self.runs_read += 1;
        Ok(true)
    }

    fn refuse(&mut self, id: &RunId, problem: String) {
        self.unreadable.push(Unreadable { id: id.to_string(), problem });
    }

    fn shape(mut self, next: Option<String>) -> Timers {
        self.timers.sort_by_key(|(due_ms, _)| *due_ms);
        Timers {
            timers: self.timers.into_iter().map(|(_, timer)| timer).collect(),
            left_out: self.left_out,
            unreadable: self.unreadable,
            looked_at: self.looked_at,
            runs_read: self.runs_read,
            next,
        }
    }
}
