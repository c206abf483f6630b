//! Waiting until every order's run has ended.

use super::{logs::Logs, report::Report, send, stack::LocalStack};
use crate::{
    exit::Exit,
    failure::{Code, Failure, Outcome},
    limits,
    orders::{Order, Orders},
    printer::Printer,
    shapes::has_ended,
    style::{self, paint},
    text::{self, count},
};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::Value;
use std::{
    collections::{HashMap, HashSet, VecDeque},
    time::{Duration, Instant},
};
use stepladder_local::Server;
use stepladder_protocol::{Clock, Host, QueueName, RunId, RunItem, Store, TaskDone};

/// Runs looked at between two pauses.
const WINDOW: usize = 128;
/// The pause after a look that found most of its runs ended, and after one that did not: the looks share the machine with
/// the runs.
const PAUSE_SHORT: Duration = Duration::from_millis(5);
const PAUSE_LONG: Duration = Duration::from_millis(150);
/// How often progress is told where it can't be rewritten in place.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// What the waiting needs.
pub(super) struct Wait<'a> {
    pub workflow: &'a str,
    pub server: &'a Server,
    pub stack: &'a LocalStack,
    pub logs: &'a Logs,
    pub printer: &'a Printer,
}

/// What one look found.
enum Seen {
    NotThere,
    Running,
    Ended(Box<RunItem>),
}

impl Wait<'_> {
    /// Sends the orders and hands each run to the report when it has ended.
    pub(super) async fn send_and_wait(
        &self,
        orders: &Orders,
        report: &mut Report<'_>,
        timeout: Option<Duration>,
    ) -> Outcome {
        report.begin(self.now_ms());
        let mut pending: VecDeque<usize> = (0..orders.orders.len()).collect();
        let not_sent = send::send(self.workflow, &orders.orders, self.stack).await?;
        let failed: HashSet<usize> = not_sent.iter().map(|(at, _)| *at).collect();
        for (at, why) in not_sent {
            if let Some(order) = orders.orders.get(at) {
                report.not_started(order, &why)?;
            }
        }
        pending.retain(|at| !failed.contains(at));

        let mut progress = Progress::new(self.logs.transitions(), timeout);
        // Missing although the start queue was empty: looked at once more before it is given up.
        let mut missing: HashSet<usize> = HashSet::new();
        let mut asked: HashMap<usize, HashSet<String>> = HashMap::new();
        while !pending.is_empty() {
            let is_drained = self.is_start_queue_empty();
            let window: Vec<(usize, &Order)> = (0..WINDOW.min(pending.len()))
                .filter_map(|_| pending.pop_front())
                .filter_map(|at| Some((at, orders.orders.get(at)?)))
                .collect();
            let (looked_at, before) = (window.len(), pending.len());
            for (at, order, seen) in self.look(window).await? {
                match seen {
                    Seen::Ended(item) => {
                        self.ended(order, &item, report).await?;
                    }
                    Seen::NotThere if is_drained && !missing.insert(at) => {
                        report.not_started(
                            order,
                            "its message was parked or lost: the functions' errors above tell why",
                        )?;
                    }
                    Seen::Running if !order.answers.is_empty() => {
                        self.answer(order, asked.entry(at).or_default()).await?;
                        pending.push_back(at);
                    }
                    Seen::NotThere | Seen::Running => pending.push_back(at),
                }
            }
            let ended = orders.orders.len() - pending.len();
            self.tell(&mut progress, ended, orders.orders.len());
            progress.check(self.logs.transitions(), ended, pending.len())?;
            let still_going = pending.len() - before;
            if !pending.is_empty() {
                let most_ended = still_going * 2 < looked_at;
                tokio::time::sleep(if most_ended { PAUSE_SHORT } else { PAUSE_LONG }).await;
            }
        }
        self.printer.clear_status();
        Ok(())
    }

    async fn look<'o>(&self, window: Vec<(usize, &'o Order)>) -> Outcome<Vec<(usize, &'o Order, Seen)>> {
        let (store, now_ms) = (self.stack.protocol.host().store(), self.now_ms());
        let looks = stream::iter(window).map(|(at, order)| async move {
            let item = store.run(&RunId::new(self.workflow, &order.name), now_ms).await?;
            let seen = match item {
                None => Seen::NotThere,
                Some(item) if has_ended(item.status) => Seen::Ended(Box::new(item)),
                Some(_) => Seen::Running,
            };
            Ok::<_, Failure>((at, order, seen))
        });
        looks.buffered(limits::READS_AT_ONCE).try_collect().await
    }

    async fn ended(&self, order: &Order, item: &RunItem, report: &mut Report<'_>) -> Outcome {
        if item.input_digest != order.digest {
            return report
                .not_started(order, &format!("the run {} is there already, with another input", item.id));
        }
        let ending = self.stack.protocol.ending(item).await?.unwrap_or_default();
        report.ended(order, item, ending)
    }

    /// Answers what a run asks, as the file of the ends says: each token once, or not at all. `asked` holds the tokens that have
    /// had their turn.
    async fn answer(&self, order: &Order, asked: &mut HashSet<String>) -> Outcome {
        if asked.len() >= order.answers.len() {
            return Ok(());
        }
        let protocol = &self.stack.protocol;
        let Some(view) = protocol.view(&RunId::new(self.workflow, &order.name)).await? else { return Ok(()) };
        for token in view.tokens() {
            if asked.contains(&token) {
                continue;
            }
            let is_done = match order.answers.get(asked.len()) {
                None => return Ok(()),
                Some(Value::Null) => true,
                // One that isn't open yet is looked at again.
                Some(answer) => protocol.answer(&token, TaskDone::Succeeded(answer.clone())).await?.is_ok(),
            };
            if is_done {
                asked.insert(token);
            }
        }
        Ok(())
    }

    fn is_start_queue_empty(&self) -> bool {
        let name = self.stack.queue(&QueueName::Start);
        let counts = self.server.queues().with(|queues, now_ms| queues.counts(&name, now_ms));
        counts.is_ok_and(|counts| counts.visible + counts.in_flight + counts.delayed == 0)
    }

    fn now_ms(&self) -> i64 {
        self.stack.protocol.host().clock().now_ms()
    }

    fn tell(&self, progress: &mut Progress, ended: usize, all: usize) {
        let line = || {
            let took =
                text::duration(i64::try_from(progress.since.elapsed().as_millis()).unwrap_or(i64::MAX));
            let steps =
                count(self.logs.transitions().saturating_sub(progress.first_transitions), "transition");
            format!("{ended} of {all} ended, {steps}, {took}")
        };
        if self.printer.shows_status() {
            self.printer.status(format!("{} {}", paint(style::HINT, self.printer.glyphs.running), line()));
        } else if progress.told.elapsed() >= TELL_EVERY && ended < all {
            self.printer.note(line());
            progress.told = Instant::now();
        }
    }
}

/// Whether it is worth to wait on.
struct Progress {
    since: Instant,
    told: Instant,
    moved: Instant,
    first_transitions: usize,
    last: (usize, usize),
    timeout: Option<Duration>,
}

impl Progress {
    fn new(transitions: usize, timeout: Option<Duration>) -> Self {
        let now = Instant::now();
        Self {
            since: now,
            told: now,
            moved: now,
            first_transitions: transitions,
            last: (transitions, 0),
            timeout,
        }
    }

    fn check(&mut self, transitions: usize, ended: usize, pending: usize) -> Outcome {
        if self.last != (transitions, ended) {
            self.last = (transitions, ended);
            self.moved = Instant::now();
        }
        let gave_up = |why: String| {
            let message = format!("gave up waiting for {}: {why}", count(pending, "run"));
            Err(Failure::new(Exit::GaveUp, Code::GaveUpWaiting, message)
                .hint("keep the stack up (without --once) and look: `stepladder run list --status running`"))
        };
        if self.timeout.is_some_and(|timeout| self.since.elapsed() >= timeout) && pending > 0 {
            return gave_up("the time of --timeout is over".to_owned());
        }
        if self.moved.elapsed() >= limits::STALL_TIMEOUT && pending > 0 {
            return gave_up(format!("nothing has moved for {} s", limits::STALL_TIMEOUT.as_secs()));
        }
        Ok(())
    }
}
