//! The scheduler: processes that interleave, die, freeze and wake late; queues that deliver twice; users.

mod flow;
mod hold;
mod pause;
mod play;
mod trees;
mod update;
mod wishes;

pub use play::{simulate, slow_chain};
pub use trees::{tree, tree_in_peace};

use crate::{
    answers, holders,
    host::MemoryHost,
    reading,
    scenario::{Faults, Scenario},
    verdict,
};
use futures::{FutureExt, future::BoxFuture, task::noop_waker};
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};
use stepladder_asl::Definition;
use stepladder_engine::Status;
use stepladder_protocol::{
    Delivery, Invocation, Invoked, PlantedBug, Protocol, QueueName, RunId, SearchPaths, Settings, Solo,
    StartRequest, WorkflowSettings, limits,
};

/// What one seed showed.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Report {
    /// The invariants that were broken; empty is good.
    pub broken: BTreeSet<String>,
    pub ends: BTreeMap<&'static str, usize>,
    pub records: usize,
    /// Recorded answers of steps, and how often their code ran.
    pub attempts: usize,
    pub executions: usize,
    pub never_started: usize,
    pub polls: u64,
    /// Map Runs that were updated, and went on.
    pub updated: usize,
}

/// A run that a user wants.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) id: RunId,
    pub(crate) definition: Arc<Definition>,
    pub(crate) input: Value,
}

pub use flow::simulate_flow;

const TICK_MS: i64 = 10;
const FUNCTION_TIMEOUT_MS: i64 = 10_000;
const VISIBILITY_MS: i64 = 60_000;
const PROCESSES_MAX: usize = 8;
const POLLS_MAX: u64 = 2_000_000;
const HOUR_MS: i64 = 3_600_000;

/// A process at work: a function with a batch, or a user's command.
struct Process {
    future: BoxFuture<'static, Vec<String>>,
    batch: Option<(QueueName, Vec<u64>)>,
    /// It goes on at this time.
    frozen_until_ms: i64,
    killed: Arc<AtomicBool>,
    /// Lambda kills it then, in milliseconds since the epoch; where it doesn't matter, a process goes on for ever.
    dies_ms: i64,
}

type Environment = Arc<Protocol<MemoryHost>>;

struct World {
    seed: u64,
    faults: Faults,
    rng: StdRng,
    host: MemoryHost,
    /// A few environments, each with a clock and a cache of its own.
    environments: Vec<Environment>,
    /// Those of the timer function, which alone has schedules where the stack has them, and an event bus.
    timers: Vec<Environment>,
    /// Those of the dead-letter function, which has the event bus too.
    dead_letters: Vec<Environment>,
    /// Where some steps have a rate or are exclusive.
    flow: Option<flow::Flowing>,
    processes: Vec<Process>,
    /// What users have done so far.
    requests: u32,
    sweeps: u32,
    purged: bool,
    pausing: pause::Pausing,
    has_holders: bool,
    report: Report,
}

impl World {
    fn new(seed: u64, scenario: &Scenario, planted: Option<PlantedBug>) -> Self {
        Self::with(seed, scenario, planted, |_| {})
    }

    /// A world with other settings than the scenario's.
    fn with(
        seed: u64,
        scenario: &Scenario,
        planted: Option<PlantedBug>,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let host = MemoryHost::new(seed);
        let host = match scenario.fan_outs {
            None => host,
            Some(shape) => {
                // A redrive reads all parts in one go: were there a hundred, some process would always die on the way.
                let is_wide = shape.branches_max > 100 && scenario.faults.redrive > 0.0;
                let of = if is_wide { [16, 32, 64] } else { [2, 3, 8] };
                let part_branches = of[rng.random_range(0..3)];
                host.with_settings(|settings| {
                    settings.part_branches = part_branches;
                    // Not drawn, so that a seed draws the same as ever.
                    settings.node_parts = [2, 3, limits::NODE_PARTS][(seed / 5 % 3) as usize];
                    (settings.read_bytes_at_once, settings.parts_read_per_delivery) = (7, 2);
                })
            }
        };
        let host = host.with_settings(|settings| {
            // Not drawn, so that a seed draws the same as ever.
            let is_searched = seed % 3 == 1;
            let own = |index| (format!("w{index}"), by_index(is_searched));
            settings.workflows = (0..scenario.runs).map(own).collect();
            change(settings);
        });
        reading::put_objects(&host);
        let (has_schedules, has_bus) = (rng.random_bool(0.5), rng.random_bool(0.5));
        let host = match has_bus {
            true => host.with_settings(|settings| settings.event_bus = Some("bus".to_owned())),
            false => host,
        };
        let skew_ms = scenario.faults.skew_ms;
        let mut processes = |host: &MemoryHost| -> Vec<_> {
            let mut process =
                || Arc::new(Protocol::new(host.process(rng.random_range(-skew_ms..=skew_ms), planted)));
            vec![process(), process(), process()]
        };
        let environments = processes(&host);
        let timer = if has_schedules { host.clone().with_schedules() } else { host.clone() };
        let timers = processes(&if has_bus { timer.with_events() } else { timer });
        let dead_letter = |environment: &Environment| {
            let host = environment.host().clone();
            Arc::new(Protocol::new(if has_bus { host.with_events() } else { host }))
        };
        let dead_letters = environments.iter().map(dead_letter).collect();
        let world = Self {
            seed,
            faults: scenario.faults,
            rng,
            host,
            environments,
            timers,
            dead_letters,
            flow: None,
            processes: Vec::new(),
            requests: 0,
            sweeps: 0,
            purged: false,
            pausing: pause::Pausing::default(),
            has_holders: scenario.holders,
            report: Report::default(),
        };
        {
            let mut state = world.host.state();
            state.has_invoke = scenario.holders;
            state.invoke = Some(world.invoke());
            state.watches = true;
            state.watch.kept.watches = scenario.faults.heals;
        }
        world
    }

    fn publish(&self, wanted: &[Wanted]) {
        for wanted in wanted {
            if self.faults.choose > 0.0 {
                let other = wishes::extended(&wanted.definition);
                let published = self.environments[0].publish(&wanted.id.workflow, &other);
                futures::executor::block_on(published).unwrap();
            }
            let published = self.environments[0].publish(&wanted.id.workflow, &wanted.definition);
            futures::executor::block_on(published).unwrap();
        }
        if self.has_holders {
            let child = holders::child();
            let published = self.environments[0].publish(holders::CHILD, &child);
            futures::executor::block_on(published).unwrap();
        }
        self.host.state().faults = Some(self.faults);
    }

    fn start(&mut self, wanted: &[Wanted]) {
        for wanted in wanted {
            let Wanted { id, input, .. } = wanted.clone();
            if self.faults.careless_start {
                let protocol = self.environment();
                let request = StartRequest { workflow: id.workflow, name: id.name, input };
                self.user(async move { drop(protocol.start(request).await) });
                continue;
            }
            let body = json!({ "workflow": id.workflow, "name": id.name, "input": input }).to_string();
            for _ in 0..self.rng.random_range(1..=2) {
                let mut state = self.host.state();
                let now_ms = state.now_ms;
                state.queues.send(&QueueName::Start, body.clone(), now_ms, 0);
            }
        }
    }

    /// Runs until nothing happens any more.
    fn run(&mut self, wanted: &[Wanted]) {
        while self.report.polls < POLLS_MAX {
            self.report.polls += 1;
            let now_ms = {
                let mut state = self.host.state();
                state.now_ms += TICK_MS;
                state.fire();
                state.now_ms
            };
            self.processes.retain(|process| process.dies_ms > now_ms);
            if self.report.polls.is_multiple_of(16) {
                self.users(wanted, now_ms);
            }
            let ready: Vec<usize> = (0..self.processes.len())
                .filter(|index| self.processes[*index].frozen_until_ms <= now_ms)
                .collect();
            if !ready.is_empty() && (self.processes.len() >= PROCESSES_MAX || self.rng.random_bool(0.8)) {
                let index = ready[self.rng.random_range(0..ready.len())];
                self.turn(index, now_ms);
            } else if !self.receive(now_ms) && ready.is_empty() && !self.wait(wanted) {
                return;
            }
        }
        self.host.state().watch.breaks("it does not end");
    }

    /// One process goes on by one await, or dies, or freezes.
    fn turn(&mut self, index: usize, now_ms: i64) {
        if self.rng.random_bool(self.faults.crash) {
            self.processes.swap_remove(index);
            return;
        }
        if self.rng.random_bool(self.faults.stall) {
            self.processes[index].frozen_until_ms = now_ms + self.rng.random_range(500..3 * VISIBILITY_MS);
            return;
        }
        let waker = noop_waker();
        let process = &mut self.processes[index];
        let left = process.future.poll_unpin(&mut Context::from_waker(&waker));
        if process.killed.load(Ordering::SeqCst) {
            self.processes.swap_remove(index);
            return;
        }
        let Poll::Ready(left) = left else { return };
        let process = self.processes.swap_remove(index);
        let Some((queue, ids)) = process.batch else { return };
        for id in ids {
            let is_left = left.contains(&id.to_string());
            if !is_left && !self.rng.random_bool(self.faults.lost_acknowledgement) {
                self.host.state().queues.delete(&queue, id);
            }
        }
    }

    /// A queue's trigger: a batch to a new process; sometimes to two.
    fn receive(&mut self, now_ms: i64) -> bool {
        if self.processes.len() >= PROCESSES_MAX {
            return false;
        }
        let mut visible = self.host.state().queues.visible(now_ms);
        if visible.is_empty() {
            return false;
        }
        let (queue, mut ids) = visible.swap_remove(self.rng.random_range(0..visible.len()));
        let size_max = if queue == QueueName::DeadLetter { 1 } else { self.rng.random_range(1..=10) };
        let mut deliveries = Vec::new();
        while !ids.is_empty() && deliveries.len() < size_max {
            let id = ids.swap_remove(self.rng.random_range(0..ids.len()));
            let visible_ms = now_ms + VISIBILITY_MS;
            let received = self.host.state().queues.receive(&queue, id, limits::RECEIVES_MAX, visible_ms);
            if let Some(queued) = received {
                deliveries.push(Delivery {
                    message_id: id.to_string(),
                    receipt: id.to_string(),
                    body: queued.body,
                    receive_count: queued.receive_count,
                    sent_ms: Some(queued.sent_ms),
                });
            }
        }
        if deliveries.is_empty() {
            return true;
        }
        if self.rng.random_bool(self.faults.duplicate) {
            let some = self.rng.random_range(1..=deliveries.len());
            self.invoke_function(&queue, deliveries[..some].to_vec(), now_ms);
        }
        self.invoke_function(&queue, deliveries, now_ms);
        true
    }

    fn invoke_function(&mut self, queue: &QueueName, deliveries: Vec<Delivery>, now_ms: i64) {
        let protocol = match queue {
            QueueName::Timer => self.timers[self.rng.random_range(0..self.timers.len())].clone(),
            QueueName::DeadLetter => {
                self.dead_letters[self.rng.random_range(0..self.dead_letters.len())].clone()
            }
            _ => self.environment_of(queue),
        };
        let killed = Arc::new(AtomicBool::new(false));
        let step = answers::step(&self.host, self.seed, self.faults, killed.clone(), now_ms);
        let step = match &self.flow {
            Some(flow) => flow.watched(&self.host, step, flow::is_paced(queue, &deliveries)),
            None => step,
        };
        // Some of a step's environments take the whole batch in one call of its code.
        let together = self.rng.random_bool(0.3).then(|| answers::together(step.clone()));
        let invocation = invocation(queue.clone(), now_ms);
        let ids = deliveries.iter().filter_map(|delivery| delivery.message_id.parse().ok()).collect();
        let batch = Some((queue.clone(), ids));
        let future = async move {
            match (&invocation.queue, &together) {
                (QueueName::Start, _) => protocol.handle_starts(&invocation, &deliveries).await,
                (QueueName::Step(_), Some(together)) => {
                    protocol.handle_batch_together(together, &invocation, &deliveries).await
                }
                (QueueName::Step(_) | QueueName::Invoke, _) => {
                    protocol.handle_batch(Some(&step), &invocation, &deliveries).await
                }
                _ => protocol.handle_batch(None, &invocation, &deliveries).await,
            }
        };
        let dies_ms = self.dies_ms(queue, now_ms);
        self.processes.push(Process { future: future.boxed(), batch, frozen_until_ms: 0, killed, dies_ms });
    }

    /// A direct call of a step's function: a process inside another's await.
    fn invoke(&self) -> crate::host::Invoke {
        let (host, seed, faults) = (self.host.clone(), self.seed, self.faults);
        let (protocol, flow) = (self.environments[0].clone(), self.flow.clone());
        Arc::new(move |function, payload| {
            let killed = Arc::new(AtomicBool::new(false));
            let now_ms = host.state().now_ms;
            let step = answers::step(&host, seed, faults, killed.clone(), now_ms);
            let step = match &flow {
                Some(flow) => flow.watched(&host, step, false),
                None => step,
            };
            let queue = match function.as_str() {
                "invoke" => QueueName::Invoke,
                _ => QueueName::Step(function),
            };
            let own = flow.as_ref().and_then(|flow| flow.environments(&queue)).map(|own| own[0].clone());
            let protocol = own.unwrap_or_else(|| protocol.clone());
            let mut process = async move {
                let Solo { stepladder_solo: solo } = serde_json::from_str(&payload).unwrap();
                let invocation = invocation(queue, now_ms);
                let answer = match solo.receive_count % 2 {
                    0 => protocol.handle_solo(&step, &invocation, solo).await,
                    _ => {
                        let together = answers::together(step);
                        protocol.handle_solo_together(&together, &invocation, solo).await
                    }
                };
                Invoked::Returned(serde_json::to_string(&answer).unwrap())
            }
            .boxed();
            std::future::poll_fn(move |context| {
                let answer = process.poll_unpin(context);
                if killed.load(Ordering::SeqCst) {
                    return Poll::Ready(Invoked::Died {
                        error_type: "Runtime.ExitError".to_owned(),
                        message: "exit status 1".to_owned(),
                    });
                }
                answer
            })
            .boxed()
        })
    }

    fn users(&mut self, wanted: &[Wanted], now_ms: i64) {
        if self.has_holders {
            self.holders(now_ms);
        }
        if self.faults.pause > 0.0 {
            self.pause_or_resume(wanted);
        }
        let wanted = &wanted[self.rng.random_range(0..wanted.len())];
        let faults = self.faults;
        if !self.purged && self.rng.random_bool(faults.purge) {
            self.purged = true;
            self.host.state().queues.purge();
        }
        let Some(item) = self.host.state().runs.get(&wanted.id).cloned() else {
            return;
        };
        if self.requests >= 20 || item.started_ms > now_ms {
            return;
        }
        let (protocol, id) = (self.environment(), wanted.id.clone());
        let is_running = item.status == Status::Running;
        if is_running && self.rng.random_bool(faults.stop) {
            let cause = Some("because ".repeat(self.rng.random_range(0..100)));
            self.user(async move { drop(protocol.request_stop(&id, None, cause).await) });
        } else if !is_running
            && item.redrive_count < 2
            && self.rng.random_bool(faults.redrive)
            && self.may_plan(&wanted.id)
        {
            let wanted = wanted.clone();
            self.redrive_somehow(&wanted);
        } else if !is_running && faults.rerun > 0.0 && self.rng.random_bool(faults.rerun) {
            let wanted = wanted.clone();
            self.rerun(&wanted);
        } else if is_running && faults.compensate > 0.0 && self.rng.random_bool(faults.compensate) {
            let wanted = wanted.clone();
            self.compensate(id, &wanted);
        } else if is_running && faults.update > 0.0 && self.rng.random_bool(faults.update) {
            self.update_map_run(id, &item);
        } else if is_running && self.rng.random_bool(faults.repair) {
            self.user(async move { drop(protocol.repair(&id).await) });
        }
    }

    /// A redrive reads all that is left of a fan-out in one go. Where processes die at every thirtieth await, none would live
    /// for long enough to read a wide one.
    fn may_plan(&self, id: &RunId) -> bool {
        const BRANCHES_MAX: usize = 24;
        let state = self.host.state();
        let of_run = state.records.keys().filter(|key| key.run.id == *id && !key.branch.is_root());
        let branches: BTreeSet<_> = of_run.map(|key| &key.branch).collect();
        self.faults.crash < 0.02 || branches.len() <= BRANCHES_MAX
    }

    fn user(&mut self, command: impl Future<Output = ()> + Send + 'static) {
        self.requests += 1;
        self.process(command);
    }

    fn process(&mut self, command: impl Future<Output = ()> + Send + 'static) {
        self.processes.push(Process {
            future: command.map(|()| Vec::new()).boxed(),
            batch: None,
            frozen_until_ms: 0,
            killed: Arc::default(),
            dies_ms: i64::MAX,
        });
    }

    /// Nothing is ready: the time goes on to the next event. False: there is none.
    fn wait(&mut self, wanted: &[Wanted]) -> bool {
        let visible_ms = match self.processes.len() >= PROCESSES_MAX {
            true => None,
            false => {
                let state = self.host.state();
                let held_ms = if self.has_holders { state.next_held_ms() } else { None };
                state.queues.next_visible_ms().into_iter().chain(state.outside.next_ms()).chain(held_ms).min()
            }
        };
        let woken_ms = self.processes.iter().map(|process| process.frozen_until_ms).min();
        if let Some(next_ms) = visible_ms.into_iter().chain(woken_ms).min() {
            let mut state = self.host.state();
            state.now_ms = state.now_ms.max(next_ms - TICK_MS);
            return true;
        }
        if self.faults.pause > 0.0 && self.resume_all(wanted) {
            return true;
        }
        // Where runs heal, nothing is left as it failed.
        let item = |wanted: &Wanted| self.host.state().runs.get(&wanted.id).cloned();
        let redrivable = wanted.iter().filter_map(item).find(|item| {
            !matches!(item.status, Status::Running | Status::Succeeded)
                && item.redrive_count < answers::REDRIVES_UNTIL_HEALED
        });
        if let Some(item) = redrivable.filter(|_| self.faults.heals && self.requests < 40) {
            let protocol = self.environment();
            self.user(async move { drop(protocol.request_redrive(&item.id, None).await) });
            return true;
        }
        // Only a run whose message was lost, or whose start was given up, may need the sweep.
        let may_lose = self.purged || self.faults.careless_start;
        let is_going = |wanted: &Wanted| {
            self.host.state().runs.get(&wanted.id).is_some_and(|item| item.status == Status::Running)
        };
        let child_is_going = || {
            let state = self.host.state();
            state.runs.values().any(|item| item.parent.is_some() && item.status == Status::Running)
        };
        // Whoever asked for a rerun may have died before it sent anything, and repeats nothing.
        let rerun_is_going = || {
            let state = self.host.state();
            state.runs.values().any(|item| item.rerun_of.is_some() && item.status == Status::Running)
        };
        let needs_sweep = may_lose && (wanted.iter().any(is_going) || child_is_going()) || rerun_is_going();
        if self.sweeps < 500 && needs_sweep {
            self.sweeps += 1;
            self.host.state().now_ms += HOUR_MS;
            let protocol = self.environment();
            self.user(async move { drop(protocol.sweep().await) });
            return true;
        }
        false
    }

    /// All that was written expires.
    fn forget(&mut self, wanted: &[Wanted]) {
        let mut state = self.host.state();
        state.now_ms += 40 * 24 * HOUR_MS;
        for wanted in wanted {
            assert!(state.runs.get(&wanted.id).is_none_or(|item| item.expires_s < state.now_ms / 1000));
        }
        let names = [QueueName::Status];
        for name in names {
            state.queues.clear(&name);
        }
        state.outside.events.clear();
        (self.requests, self.sweeps, self.purged) = (0, 0, false);
        self.pausing = pause::Pausing::default();
    }

    fn judge(&mut self, wanted: &[Wanted]) {
        self.host.state().faults = None;
        let mut report = std::mem::take(&mut self.report);
        verdict::judge(&self.environments[0], self.seed, &self.faults, wanted, &mut report);
        for (wanted, item) in self.reruns(wanted) {
            verdict::judge_rerun(
                &self.environments[0],
                self.seed,
                &self.faults,
                (&wanted, &item),
                &mut report,
            );
        }
        self.report = report;
        self.host.state().faults = Some(self.faults);
    }

    fn is_well(&self) -> bool {
        self.host.state().watch.broken.is_empty()
    }

    fn report(self) -> Report {
        let mut state = self.host.state();
        // It holds the world that holds it.
        state.invoke = None;
        let mut broken = state.watch.broken.clone();
        drop(state);
        broken.extend(self.flow.as_ref().map(|flow| flow.watch.broken()).unwrap_or_default());
        Report { broken, ..self.report }
    }

    fn environment(&mut self) -> Environment {
        self.environments[self.rng.random_range(0..self.environments.len())].clone()
    }

    /// One of the function behind a queue.
    fn environment_of(&mut self, queue: &QueueName) -> Environment {
        let any = self.rng.random_range(0..self.environments.len());
        let own = self.flow.as_ref().and_then(|flow| flow.environments(queue));
        own.unwrap_or(&self.environments)[any].clone()
    }
}

/// The settings of a workflow whose runs' inputs name their tenant, and perhaps are found by them.
fn by_index(is_searched: bool) -> WorkflowSettings {
    let tenant = Some("$.index".parse().unwrap());
    let search = match is_searched {
        true => SearchPaths::parse(&["$.index", "$.none"]).unwrap(),
        false => SearchPaths::default(),
    };
    WorkflowSettings { tenant, search, ..WorkflowSettings::default() }
}

fn invocation(queue: QueueName, now_ms: i64) -> Invocation {
    Invocation {
        queue,
        request_id: None,
        deadline_ms: now_ms + FUNCTION_TIMEOUT_MS,
        function_timeout_ms: FUNCTION_TIMEOUT_MS,
    }
}
