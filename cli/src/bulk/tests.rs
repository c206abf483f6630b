//! The work on a world in memory: it dies wherever it waits, and goes on.

use super::{
    action::{Redrive, Rerun, Stop},
    report::Counts,
    *,
};
use crate::limits::BULK_PAGE_RUNS;
use std::{
    cell::RefCell,
    collections::BTreeMap,
    pin::{Pin, pin},
    task::{Context, Poll},
};
use stepladder_asl::Definition;
use stepladder_engine::Status;
use stepladder_protocol::{Invocation, QueueName, RunItem, StartRequest, Store};
use stepladder_simulation::MemoryHost;

const RUNS: usize = 11;
const PAGE_RUNS: usize = 3;

/// A stack whose runs all fail at once, whenever they go on.
struct World {
    host: MemoryHost,
    protocol: Protocol<MemoryHost>,
    as_of_ms: i64,
    journal: RefCell<Vec<Entry>>,
}

struct Lines<'a>(&'a RefCell<Vec<Entry>>);

impl Journal for Lines<'_> {
    fn write(&mut self, entry: &Entry) -> Outcome {
        self.0.borrow_mut().push(entry.clone());
        Ok(())
    }
}

/// Dies when it has been polled so often.
struct Mortal<F> {
    future: F,
    polls: usize,
}

impl<F: Future + Unpin> Future for Mortal<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.polls == 0 {
            return Poll::Ready(None);
        }
        self.polls -= 1;
        pin!(&mut self.future).poll(context).map(Some)
    }
}

/// Hands over what is visible in the timer queue: a run that ends at its start, or where it goes on, waits for a turn there.
fn deliver(host: &MemoryHost, protocol: &Protocol<MemoryHost>) {
    loop {
        let deliveries = host.receive(&QueueName::Timer);
        if deliveries.is_empty() {
            return;
        }
        let invocation = Invocation {
            queue: QueueName::Timer,
            request_id: None,
            deadline_ms: host.clock().now_ms() + 10_000,
            function_timeout_ms: 10_000,
        };
        let left = host.drive(protocol.handle_batch(None, &invocation, &deliveries));
        assert_eq!(left, Vec::<String>::new());
        deliveries.iter().for_each(|delivery| host.delete(&QueueName::Timer, &delivery.message_id));
    }
}

impl World {
    fn new(runs: usize) -> Self {
        Self::of(r#"{"StartAt":"F","States":{"F":{"Type":"Fail","Error":"Bad"}}}"#, runs)
    }

    fn of(definition: &str, runs: usize) -> Self {
        let host = MemoryHost::new(1);
        let protocol = Protocol::new(host.clone());
        host.drive(protocol.publish("w", &Definition::parse(definition).unwrap())).unwrap();
        for n in 0..runs {
            let request = StartRequest {
                workflow: "w".to_owned(),
                name: format!("r{n}"),
                input: serde_json::json!({}),
            };
            host.drive(protocol.start(request)).unwrap();
            deliver(&host, &protocol);
            // Some end in the same millisecond.
            host.wait((n % 2) as i64);
        }
        host.wait(1_000);
        let as_of_ms = host.clock().now_ms();
        host.wait(1_000);
        Self { host, protocol, as_of_ms, journal: RefCell::default() }
    }

    fn item(&self, name: &str) -> RunItem {
        let now_ms = self.host.clock().now_ms();
        self.host.drive(self.host.run(&RunId::new("w", name), now_ms)).unwrap().unwrap()
    }

    /// How often each run was redriven.
    fn redriven(&self, runs: usize) -> Vec<u32> {
        (0..runs).map(|n| self.item(&format!("r{n}")).redrive_count).collect()
    }

    /// A life of the command, which goes on with what the journal says, and dies when it has been polled so often.
    fn live<A: Action<MemoryHost>>(
        &self,
        action: &A,
        text: &str,
        polls: usize,
        stop: impl Future<Output = ()>,
    ) -> Option<Outcome<End>> {
        let query = Query::parse(text, self.as_of_ms, self.host.settings()).unwrap().as_of(self.as_of_ms);
        let query = query.with_statuses(action.statuses()).unwrap();
        let plan = query.plan(&["w".to_owned()], self.host.settings()).unwrap();
        let order = Order { action, query: &query, plan: &plan, token: "query", page_runs: PAGE_RUNS };
        let mut progress = Progress::default();
        self.journal.borrow().iter().for_each(|entry| progress.take(entry));
        let mut pace = Pace::new("100/s".parse().unwrap());
        let mut lines = Lines(&self.journal);
        let show = |_: &Progress| ();
        let work = work(&self.protocol, &order, &mut pace, &mut progress, &mut lines, &show, stop);
        self.host.drive(Mortal { future: Box::pin(work), polls })
    }

    fn live_on(&self, text: &str) -> Outcome<End> {
        self.live(&Redrive::default(), text, usize::MAX, future::pending()).unwrap()
    }

    /// The messages that repeat what was asked for come an hour later.
    fn an_hour_later(&self) {
        self.host.wait(3_600_000);
        deliver(&self.host, &self.protocol);
    }

    /// How often each run has a line, and what they came to.
    fn told(&self) -> (BTreeMap<String, usize>, Counts) {
        let (mut told, mut counts) = (BTreeMap::new(), Counts::default());
        for entry in self.journal.borrow().iter() {
            if let Entry::Run(line) = entry {
                *told.entry(line.id.clone()).or_default() += 1;
                counts.add(line.result);
            }
        }
        (told, counts)
    }

    #[track_caller]
    fn check_all_once(&self, runs: usize, what: &str) {
        let (told, counts) = self.told();
        assert_eq!(told.len(), runs, "{what}: {told:?}");
        assert!(told.values().all(|lines| *lines == 1), "{what}: {told:?}");
        assert_eq!((counts.refused, counts.failed), (0, 0), "{what}: {counts:?}");
        assert_eq!(self.redriven(runs), vec![1; runs], "{what}");
    }
}

#[test]
fn each_run_is_redriven_once_though_it_fails_again() {
    let world = World::new(RUNS);
    assert_eq!(world.live_on("error=Bad state=F"), Ok(End::Complete));
    world.check_all_once(RUNS, "at once");
    // It is over: nothing is left to go on with.
    world.an_hour_later();
    assert_eq!(world.item("r3").status, Status::Failed);
    assert_eq!(world.live_on("error=Bad state=F"), Ok(End::Complete));
    world.check_all_once(RUNS, "an hour later");
}

#[test]
fn wherever_it_dies_it_goes_on_and_touches_each_run_once() {
    for text in ["status=failed", "workflow=w", "error=Bad state=F since=1h"] {
        let mut deaths = 0;
        for polls in 1.. {
            let world = World::new(RUNS);
            if world.live(&Redrive::default(), text, polls, future::pending()).is_some() {
                break;
            }
            deaths += 1;
            // The requests that it had begun are repeated before it goes on, or after.
            if polls % 2 == 0 {
                world.an_hour_later();
            }
            assert_eq!(world.live_on(text), Ok(End::Complete));
            world.an_hour_later();
            world.check_all_once(RUNS, &format!("{text}, dead after {polls} polls"));
        }
        assert!(deaths > 40, "{text}: {deaths}");
    }
}

#[test]
fn dying_over_and_over_it_comes_to_its_end() {
    for life in [25, 40, 61] {
        let world = World::new(RUNS);
        let lives = (0..500).take_while(|n| {
            world.live(&Redrive::default(), "status=failed", life + n, future::pending()).is_none()
        });
        let lives = lives.count();
        assert!((1..500).contains(&lives), "{life}: {lives}");
        world.an_hour_later();
        world.check_all_once(RUNS, &format!("{life} polls a life"));
    }
}

#[test]
fn a_stop_leaves_the_rest_for_later() {
    let world = World::new(RUNS);
    // Slots are 10 ms apart.
    let stop = world.host.clock().sleep(45);
    assert_eq!(world.live(&Redrive::default(), "status=failed", usize::MAX, stop), Some(Ok(End::Stopped)));
    let (told, _) = world.told();
    assert!((3..=7).contains(&told.len()), "{told:?}");
    assert_eq!(world.redriven(RUNS).iter().sum::<u32>() as usize, told.len());
    assert_eq!(world.live_on("status=failed"), Ok(End::Complete));
    world.check_all_once(RUNS, "after the stop");
}

#[test]
fn requests_go_out_at_the_rate() {
    let world = World::new(RUNS);
    let began_ms = world.host.clock().now_ms();
    world.live_on("status=failed").unwrap();
    let took_ms = world.host.clock().now_ms() - began_ms;
    let slots_ms = 10 * (RUNS as i64 - 1);
    assert!((slots_ms - 50..=slots_ms + 20).contains(&took_ms), "{took_ms}");
}

#[test]
fn what_the_stack_can_not_take_now_is_tried_again_and_then_left() {
    let world = World::new(RUNS);
    world.host.throttle("redrive run", 3);
    assert_eq!(world.live_on("status=failed"), Ok(End::Complete));
    world.check_all_once(RUNS, "throttled for a while");

    let world = World::new(RUNS);
    world.host.throttle("redrive run", 1_000);
    let failure = world.live_on("status=failed").unwrap_err();
    assert_eq!(failure.exit, crate::exit::Exit::TryAgain);
    world.host.throttle("redrive run", 0);
    assert_eq!(world.live_on("status=failed"), Ok(End::Complete));
    world.an_hour_later();
    world.check_all_once(RUNS, "throttled for long");
}

#[test]
fn runs_are_stopped_where_they_go_on() {
    let world = World::of(r#"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":9999,"End":true}}}"#, 5);
    let stop = Stop { error: Some("Enough".to_owned()), ..Stop::default() };
    let ended = world.live(&stop, "workflow=w", usize::MAX, future::pending());
    assert_eq!(ended, Some(Ok(End::Complete)));
    let items: Vec<RunItem> = (0..5).map(|n| world.item(&format!("r{n}"))).collect();
    assert!(
        items.iter().all(|item| item.status == Status::Aborted && item.error.as_deref() == Some("Enough"))
    );
    assert!(items.iter().all(|item| item.state.as_deref() == Some("W")));
    assert_eq!(world.told().1, Counts { done: 5, ..Counts::default() });
}

/// The calls of a query over so many failed runs, and how many of them there were for each run.
#[test]
fn calls_grow_with_the_runs_and_no_faster() {
    let calls = |runs: usize| {
        let world = World::new(runs);
        world.host.calls();
        let query = Query::parse("status=failed", world.as_of_ms, world.host.settings()).unwrap();
        let query = query.as_of(world.as_of_ms);
        let plan = query.plan(&["w".to_owned()], world.host.settings()).unwrap();
        let action = Redrive::default();
        let order =
            Order { action: &action, query: &query, plan: &plan, token: "query", page_runs: BULK_PAGE_RUNS };
        let (mut lines, mut progress) = (Lines(&world.journal), Progress::default());
        let mut pace = Pace::new("1000/s".parse().unwrap());
        let stop = future::pending();
        let work = work(&world.protocol, &order, &mut pace, &mut progress, &mut lines, &|_| (), stop);
        assert_eq!(world.host.drive(work), Ok(End::Complete));
        assert_eq!(world.told().1.done, runs);
        let mut counted: BTreeMap<&str, usize> = BTreeMap::new();
        for call in world.host.calls() {
            *counted.entry(call).or_default() += 1;
        }
        counted
    };
    let (ten, hundred, thousand) = (calls(10), calls(100), calls(1_000));
    for (call, of_thousand) in &thousand {
        let (of_ten, of_hundred) =
            (ten.get(call).copied().unwrap_or(0), hundred.get(call).copied().unwrap_or(0));
        match *call {
            // Pages, each with those of the millisecond at which it ends.
            "list ended runs" => {
                assert!(of_ten <= 4 && *of_thousand <= 4 * 11, "{call}: {of_ten}, {of_thousand}")
            }
            // What a process learns once.
            "get definition" => assert!(*of_thousand <= 20, "{call}: {of_thousand}"),
            _ => assert_eq!((10 * of_ten, 10 * of_hundred), (of_hundred, *of_thousand), "{call}"),
        }
    }
}

#[test]
fn wherever_it_dies_each_run_is_done_again_once() {
    let rerun = Rerun::default();
    let mut deaths = 0;
    for polls in 1.. {
        let world = World::new(5);
        if world.live(&rerun, "status=failed", polls, future::pending()).is_some() {
            break;
        }
        deaths += 1;
        assert_eq!(
            world.live(&rerun, "status=failed", usize::MAX, future::pending()),
            Some(Ok(End::Complete))
        );
        world.an_hour_later();
        let (told, counts) = world.told();
        assert!(told.len() == 5 && told.values().all(|lines| *lines == 1), "{polls}: {told:?}");
        assert_eq!((counts.done, counts.refused, counts.failed), (5, 0, 0), "{polls}: {counts:?}");
        let now_ms = world.host.clock().now_ms();
        let runs = world.host.drive(world.host.runs_started("w", 0, now_ms, 100)).unwrap();
        assert_eq!(runs.len(), 10, "{polls}: {runs:?}");
    }
    assert!(deaths > 20, "{deaths}");
}

#[test]
fn runs_are_sent_to_a_state_that_undoes_once() {
    let definition = r#"{"StartAt":"C","States":{
        "C":{"Type":"Choice","Choices":[{"Variable":"$.undo","IsPresent":true,"Next":"Undo"}],"Default":"W"},
        "W":{"Type":"Wait","Seconds":9999,"End":true},
        "Undo":{"Type":"Wait","Seconds":9999,"Next":"Over"},
        "Over":{"Type":"Fail","Error":"Undone"}}}"#;
    let world = World::of(definition, 5);
    let stop = Stop { compensate: Some("Undo".to_owned()), ..Stop::default() };
    for polls in [30, 60, usize::MAX] {
        world.live(&stop, "workflow=w", polls, future::pending());
    }
    let (told, counts) = world.told();
    assert_eq!((told.len(), counts.done, counts.refused), (5, 5, 0), "{told:?} {counts:?}");
    assert_eq!(world.redriven(5), [1; 5]);
}
