//! What must hold, whatever went wrong.
#![allow(clippy::print_stderr)]

use crate::{
    answers::REDRIVES_UNTIL_HEALED,
    holders::judge_tasks,
    oracle::{self, Oracle},
    scenario::Faults,
    told::{Told, told},
    updates::{UpdateWatch, Updates, judge_map_runs},
    watch::{FanOutWatch, KeptWatch, TenantWatch},
    wishes,
    world::{Report, Wanted},
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use stepladder_engine::{Branch, Next, Outcome, Phase, Status, waits_for_answer};
use stepladder_protocol::{
    EndedHow, Message, Outgoing, PartKey, Protocol, QueueName, Record, RecordKey, RunId, RunItem, RunView,
    StepRequest,
};

/// What is watched while it happens.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    pub(crate) broken: BTreeSet<String>,
    /// How often the code of a position ran: by nonce and idempotency key.
    executed: BTreeMap<(String, String), u32>,
    /// How many messages were sent for a position: by nonce and seq.
    sent: BTreeMap<(String, u32), u32>,
    /// Stops that were asked for: by nonce and redrive count.
    stops_asked: BTreeSet<(String, u32)>,
    pub(crate) counts_messages: bool,
    pub(crate) kept: KeptWatch,
    fan_outs: FanOutWatch,
    tenants: TenantWatch,
    pub(crate) updates: UpdateWatch,
}

impl Watch {
    pub(crate) fn breaks(&mut self, what: impl Into<String>) {
        self.broken.insert(what.into());
    }

    /// The code of a step is about to run, in a process that was started at `invoked_ms`.
    pub(crate) fn executed(&mut self, request: &StepRequest, invoked_ms: i64) {
        self.broken.extend(self.fan_outs.executed(request, invoked_ms));
        self.broken.extend(self.kept.executed(request));
        let broken = self.updates.executed(request, |fan_out| self.fan_outs.goes_on(fan_out));
        self.broken.extend(broken.into_iter().map(str::to_owned));
        let key = (request.run.nonce.clone(), request.call.idempotency_key.clone());
        *self.executed.entry(key).or_default() += 1;
    }

    pub(crate) fn sent(&mut self, queue: &QueueName, Outgoing { body, group, .. }: &Outgoing) {
        self.fan_outs.sent(body);
        self.broken.extend(self.tenants.sent(body, group.as_deref()));
        if matches!(queue, QueueName::Step(_)) {
            self.kept.sent(body);
        }
        if *queue == QueueName::Timer && body.contains("\"stop\"") {
            let message: Message = serde_json::from_str(body).unwrap();
            self.stops_asked.insert((message.run.nonce, message.run.redrive_count));
        }
        if !self.counts_messages || !matches!(queue, QueueName::Step(_)) {
            return;
        }
        let message: Message = serde_json::from_str(body).unwrap();
        if let Some(position) = message.ask.position() {
            *self.sent.entry((message.run.nonce, position.seq)).or_default() += 1;
        }
    }

    /// A record is about to be written.
    pub(crate) fn recorded(
        &mut self,
        key: &RecordKey,
        record: &Record,
        outcome: &Outcome,
        run: Option<(Status, u32)>,
        has_previous: bool,
    ) {
        self.fan_outs.recorded(key, record);
        self.kept.recorded(key, outcome, run);
        self.updates.recorded(key, outcome);
        if let (Outcome::Stopped { .. }, Some((_, redrive_count))) = (outcome, run)
            && !self.stops_asked.contains(&(key.run.nonce.clone(), redrive_count))
        {
            self.breaks("an old stop stopped a redriven run");
        }
        // What is under way in a branch may still be recorded; nobody waits for it.
        let outlives =
            matches!(outcome, Outcome::Redriven { .. } | Outcome::Stopped { .. }) || !key.branch.is_root();
        match run.map(|(status, _)| status) {
            None => self.breaks("a record without its run"),
            Some(Status::Running) => {}
            Some(_) if outlives => {}
            Some(_) => self.breaks("a transition after the end"),
        }
        if !has_previous {
            self.breaks("a gap in the chain");
        }
        if record.seq != key.seq {
            self.breaks("a record under another's key");
        }
    }

    /// A fan-out comes to an outcome; `ends` are those of its branches: true for each that failed. So many results of others
    /// were kept, and so many failures are tolerated where an update has changed that.
    pub(crate) fn joined(
        &mut self,
        fan_out: &RecordKey,
        outcome: &Outcome,
        ends: &[EndedHow],
        (kept, tolerated): (usize, Option<u32>),
    ) {
        self.broken.extend(self.fan_outs.joined(fan_out, outcome, ends, (kept, tolerated)));
    }

    /// The flag of a part has been set.
    pub(crate) fn flagged(&mut self, part: &PartKey, part_branches: u32, now_ms: i64) {
        self.fan_outs.flagged(part, part_branches, now_ms);
    }

    /// The keys of all code that ran.
    pub(crate) fn idempotency_keys(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut keys: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (nonce, key) in self.executed.keys() {
            keys.entry(key.clone()).or_default().insert(nonce.clone());
        }
        keys
    }

    pub(crate) fn messages_per_position(&self, seqs: std::ops::Range<u32>) -> f64 {
        let width = f64::from(seqs.end - seqs.start);
        let sent: u32 =
            self.sent.iter().filter(|((_, seq), _)| seqs.contains(seq)).map(|(_, count)| count).sum();
        f64::from(sent) / width
    }
}

/// Checks all runs once nothing happens any more. The host is without faults by now.
pub(crate) fn judge(
    protocol: &Protocol<crate::MemoryHost>,
    seed: u64,
    faults: &Faults,
    wanted: &[Wanted],
    report: &mut Report,
) {
    let host = protocol.host();
    for wanted in wanted {
        let view = futures::executor::block_on(protocol.view(&wanted.id));
        match view {
            Err(error) => host.state().watch.breaks(format!("the run can't be replayed: {error}")),
            Ok(None) if faults.careless_start || faults.purge > 0.0 => report.never_started += 1,
            Ok(None) => host.state().watch.breaks("a run was lost"),
            Ok(Some(view)) => {
                let view = with_all_children(protocol, view);
                judge_run(protocol, seed, faults, wanted, &view, report);
            }
        }
    }
    let mut state = host.state();
    if state.runs.values().any(|item| item.parent.is_some() && item.status == Status::Running) {
        state.watch.breaks("a run that nobody waits for, or whose end nobody was told, goes on");
    }
    if let Some(parked) = state.queues.bodies(&QueueName::Parked).first() {
        let parked = parked.chars().take(300).collect::<String>();
        state.watch.breaks(format!("a message was parked: {parked}"));
    }
    if state.fan_outs.counted_twice() {
        state.watch.breaks("a branch was counted twice");
    }
    if state.watch.idempotency_keys().values().any(|nonces| nonces.len() > 1) {
        state.watch.breaks("two runs share an idempotency key");
    }
}

/// The same for a run that another one does again.
pub(crate) fn judge_rerun(
    protocol: &Protocol<crate::MemoryHost>,
    seed: u64,
    faults: &Faults,
    (wanted, item): (&Wanted, &RunItem),
    report: &mut Report,
) {
    let breaks = |what: String| protocol.host().state().watch.breaks(what);
    match futures::executor::block_on(protocol.view(&wanted.id)) {
        Err(error) => breaks(format!("a rerun can't be replayed: {error}")),
        Ok(None) => breaks("a rerun was lost".to_owned()),
        Ok(Some(view)) => {
            let old = item.rerun_of.as_ref().map(|old| RunId::new(&item.id.workflow, &old.name)).unwrap();
            if let Ok(Some(old)) = futures::executor::block_on(protocol.view(&old)) {
                wishes::unlike(&old, &view).into_iter().for_each(breaks);
            }
            let view = with_all_children(protocol, view);
            judge_run(protocol, seed, faults, wanted, &view, report);
        }
    }
}

/// A run with the children that its history doesn't show.
fn with_all_children(protocol: &Protocol<crate::MemoryHost>, mut view: RunView) -> RunView {
    let key = view.item.key();
    futures::executor::block_on(async {
        let mut pages = protocol.record_pages(&key);
        let mut left_out: BTreeMap<Branch, Vec<Record>> = BTreeMap::new();
        while let Some(page) = pages.next().await.unwrap() {
            for (branch, record) in page {
                if !branch.is_root() && !view.branch_records.contains_key(&branch) {
                    left_out.entry(branch).or_default().push(record);
                }
            }
        }
        for (branch, records) in left_out {
            let mut recorded = Vec::new();
            for record in &records {
                recorded.push(protocol.recorded(&key, record).await.unwrap());
            }
            view.branch_records.insert(branch.clone(), records);
            view.branch_recorded.insert(branch, recorded);
        }
    });
    view
}

fn judge_run(
    protocol: &Protocol<crate::MemoryHost>,
    seed: u64,
    faults: &Faults,
    wanted: &Wanted,
    view: &RunView,
    report: &mut Report,
) {
    let host = protocol.host();
    let breaks = |what: String| host.state().watch.breaks(what);
    let Next::End(end) = &view.replay.last.next else {
        if std::env::var_os("SIM_SEED").is_some() {
            let state = host.state();
            eprintln!("waits: {:#?}\ntasks: {:#?}", view.replay.last.next, state.tasks);
            eprintln!("holders: {:#?}\nrecords: {:#?}", state.holders, view.recorded);
            for (branch, replay) in &view.replay.branches {
                eprintln!(
                    "branch {branch}: {:#?}\n{:#?}",
                    replay.last.next,
                    view.branch_recorded.get(branch)
                );
            }
        }
        return breaks(format!("stuck: a run is {}", view.item.status.as_str()));
    };
    *report.ends.entry(end.status.as_str()).or_default() += 1;
    report.records += view.records.len();
    if view.item.status != end.status {
        let (item, last) = (view.item.status.as_str(), end.status.as_str());
        breaks(format!("the run is {item} and its last record says {last}"));
    }
    let ending = futures::executor::block_on(protocol.ending(&view.item)).unwrap().unwrap_or_default();
    if (&ending.output, &ending.error, &ending.cause) != (&end.output, &end.error, &end.cause) {
        breaks("the ending is not that of the last record".to_owned());
    }
    judge_status_events(host, faults, view);
    for item in futures::executor::block_on(protocol.search_items(&view.item)).unwrap() {
        let expiry = host.state().searches.expiry(&item.by, &item.run, item.started_ms);
        if expiry != Some(item.expires_s) {
            breaks(format!(
                "a run that expires at {} is found by its input until {expiry:?}",
                item.expires_s
            ));
        }
    }
    // The planted seed changes what a replay leads to; the other checks see it.
    if host_plants_seed(host) {
        return;
    }
    for what in wishes::unseen(view) {
        breaks(what);
    }
    let branches = match told(view, &view.run) {
        Ok(branches) => branches,
        Err(why) => return breaks(why),
    };
    for branch in &branches {
        judge_executions(host, view, branch, report);
        judge_tasks(&mut host.state(), view, branch);
    }
    report.records += view.branch_records.values().map(Vec::len).sum::<usize>();
    // What its children go on from is in the table, where it read its items.
    let is_untold = |branch: &Told<'_>| {
        let reads =
            |state: &str| view.definition.state(state).is_some_and(stepladder_asl::State::reads_items);
        branch.positions.iter().any(|position| position.resumes.is_some() && reads(&position.state))
    };
    for what in if faults.update > 0.0 { judge_map_runs(protocol, &view.item) } else { Vec::new() } {
        breaks(what);
    }
    report.updated = host.state().watch.updates.count();
    let is_certain = !faults.fickle
        && faults.updates != Updates::Any
        && !branches.iter().any(is_untold)
        && faults.stop == 0.0
        && faults.redrive == 0.0
        && faults.compensate == 0.0
        && wanted.definition.timeout_seconds.is_none();
    let is_alone = !view.definition.states.keys().any(|state| waits_for_answer(&view.definition, state));
    let is_well = *faults == Faults::NONE || faults.heals && end.status == Status::Succeeded;
    if is_well && is_alone {
        let healed = stepladder_engine::Run { redrive_count: REDRIVES_UNTIL_HEALED, ..view.run.clone() };
        let rehearsed = oracle::rehearsed(seed, faults, &wanted.definition, &healed, wanted.input.clone());
        if oracle::comparable(end) != rehearsed {
            breaks(format!(
                "a run ended otherwise than its rehearsal, after {} redrives",
                view.item.redrive_count
            ));
        }
    }
    if is_certain {
        let oracle = Oracle::new(seed, faults, &wanted.definition, &view.run, &branches);
        match oracle.expected(wanted.input.clone()) {
            Ok(expected) => {
                let actual = oracle::comparable(end);
                if actual != expected {
                    // Texts can be long.
                    let shown = |(status, value): (Status, Value)| {
                        let value: String = value.to_string().chars().take(400).collect();
                        format!("{} {value}", status.as_str())
                    };
                    breaks(format!("a run ended {} instead of {}", shown(actual), shown(expected)));
                }
            }
            Err(why) => breaks(why),
        }
    }
}

/// The code of a step ran at least once for each recorded answer of it.
fn judge_executions(host: &crate::MemoryHost, view: &RunView, branch: &Told<'_>, report: &mut Report) {
    let mut state = host.state();
    for (recorded, position) in branch.recorded.iter().zip(&branch.positions) {
        let ran = match &recorded.outcome {
            _ if waits_for_answer(&view.definition, &position.state) => false,
            Outcome::Succeeded { .. } => true,
            Outcome::Failed { phase: Phase::Run, error, .. } => {
                error != "Lambda.Unknown" && position.fan_out().is_none()
            }
            _ => false,
        };
        if !ran {
            continue;
        }
        report.attempts += 1;
        let Ok(call) = stepladder_engine::step_call(&view.definition, &view.run, position) else {
            continue;
        };
        let key = (view.item.nonce.clone(), call.idempotency_key);
        match state.watch.executed.get(&key) {
            Some(count) => report.executions += *count as usize,
            None => state.watch.breaks("an answer was recorded that no code gave"),
        }
    }
}

fn host_plants_seed(host: &crate::MemoryHost) -> bool {
    use stepladder_protocol::{Host, PlantedBug};
    host.planted() == Some(PlantedBug::SeedWithoutNonce)
}

/// The effects of the last transition are never lost, also of those that a redrive made another's last.
fn judge_status_events(host: &crate::MemoryHost, faults: &Faults, view: &RunView) {
    if faults.purge > 0.0 {
        return;
    }
    let mut state = host.state();
    let parsed = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let queued =
        state.queues.bodies(&QueueName::Status).into_iter().map(|body| parsed(body)["detail"].take());
    let put = state.outside.events.iter().map(|event| parsed(&event.detail));
    let told: BTreeSet<u64> = queued
        .chain(put)
        .filter(|detail| detail["executionArn"] == view.run.execution_arn())
        .filter_map(|detail| detail["redriveCount"].as_u64())
        .collect();
    for count in 0..=u64::from(view.item.redrive_count) {
        if !told.contains(&count) && !wishes::went_elsewhere(view, count) {
            state.watch.breaks("the status event of an end was lost");
        }
    }
}
