//! Waiting for what a run gives, by few reads: the output of a state as soon as it is committed, or the run's end.
//!
//! Nothing tells a waiter: whoever commits is a Lambda function somewhere else. So a waiter looks, by eventually consistent
//! reads, which cost half as much and are late by a moment at worst. All of an answer's reads together take at most
//! [`ANSWER_HALF_UNITS`]; the gaps between them grow so that they last until its time is over.

use crate::{
    Protocol,
    item::{Ending, Record, RunId, RunItem},
    limits::{
        ANSWER_HALF_UNITS, ENDING_HALF_UNITS, ITEM_PAYLOAD_BYTES_MAX, LOOK_FIRST_MS, READ_UNIT_BYTES,
        RECORD_BESIDE_BYTES_MAX,
    },
    payload::Payload,
    read::diverged,
    start::{StartError, StartRequest, Started},
    traits::{Clock, Host, Store, WorldError, WorldResult},
};
use serde_json::Value;
use stepladder_asl::Definition;
use stepladder_engine::{Branch, End, Follower, Next, Status};

/// What somebody waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Awaited {
    /// The first output of a state of the definition's top level.
    State(String),
    /// The run's end.
    End,
}

/// What a run gave.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The state has done its work, and this is what the next one gets.
    Output(Value),
    /// The run has ended; if a state was waited for, without it: it failed first, or went another way.
    Ended { status: Status, ending: Ending },
    /// Not yet: the time is over, or the reads are. The run goes on.
    Pending,
}

/// A run that was started, or was there, and what it gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    pub item: RunItem,
    pub answer: Answer,
}

/// Why nobody can wait for an answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AskError {
    /// No run was started for it.
    #[error("there is no state '{state}' at the top level of the definition; there are: {}", known.join(", "))]
    UnknownState { state: String, known: Vec<String> },
    #[error("there is a run {} with another input", _0.id)]
    NameTaken(Box<RunItem>),
    #[error(transparent)]
    Start(#[from] StartError),
}

impl From<WorldError> for AskError {
    fn from(error: WorldError) -> Self {
        AskError::Start(error.into())
    }
}

impl Awaited {
    /// What a person names: a state, or `end`.
    pub fn named(name: &str) -> Self {
        match name {
            "end" => Awaited::End,
            state => Awaited::State(state.to_owned()),
        }
    }

    /// What isn't there would be waited for in vain.
    fn check(&self, definition: &Definition) -> Result<(), AskError> {
        let states = &definition.machine.states;
        match self {
            Awaited::State(state) if !states.contains(state) => {
                let (state, known) = (state.clone(), states.iter().cloned().collect());
                Err(AskError::UnknownState { state, known })
            }
            Awaited::State(_) | Awaited::End => Ok(()),
        }
    }
}

impl<H: Host> Protocol<H> {
    /// Starts a run, or finds that it is there, and waits up to `wait_ms` for what it gives; without anything to wait for it is
    /// pending at once. To repeat it is safe: the same name and input wait for the same run.
    pub async fn ask(
        &self,
        request: StartRequest,
        awaited: Option<&Awaited>,
        wait_ms: i64,
    ) -> Result<Asked, AskError> {
        let check = |definition: &Definition| awaited.map_or(Ok(()), |awaited| awaited.check(definition));
        let (workflow, input) = (request.workflow.clone(), request.input.clone());
        let Some(current) = self.current_definition(&workflow).await? else {
            return Err(StartError::UnknownWorkflow { workflow }.into());
        };
        if let Err(unknown) = check(&current.definition) {
            // A run that is there already may be one of another definition.
            let id = RunId::new(workflow.clone(), request.name.clone());
            let there = self.host.store().run(&id, self.host.clock().now_ms()).await?.ok_or(unknown)?;
            check(self.definition(&workflow, &there.definition).await?.as_ref())?;
        }
        let item = match self.start(request).await? {
            Started::Created(item) => item,
            Started::Repeated(item) => {
                check(self.definition(&workflow, &item.definition).await?.as_ref())?;
                item
            }
            Started::Conflict(item) => return Err(AskError::NameTaken(Box::new(item))),
        };
        let answer = match awaited {
            Some(awaited) => self.await_answer(&item, &input, awaited, wait_ms).await?,
            None => Answer::Pending,
        };
        Ok(Asked { item, answer })
    }

    /// Waits up to `wait_ms` for what a run gives. To ask again is safe, and gives the same. `input` is the run's own: whoever
    /// has started the run has it.
    ///
    /// A state counts once it was left for the first time without an error. Where its Catch led on, or the run never came to
    /// it, the answer is the run's end.
    async fn await_answer(
        &self,
        item: &RunItem,
        input: &Value,
        awaited: &Awaited,
        wait_ms: i64,
    ) -> WorldResult<Answer> {
        match awaited {
            Awaited::State(state) => self.await_output(item, input, state, wait_ms).await,
            Awaited::End => match self.await_end(item, wait_ms).await? {
                Some(ended) => self.its_end(&ended).await,
                None => Ok(Answer::Pending),
            },
        }
    }

    /// Waits up to `wait_ms` for a run's end; its item then. None: it goes on.
    pub async fn await_end(&self, item: &RunItem, wait_ms: i64) -> WorldResult<Option<RunItem>> {
        if item.status != Status::Running {
            return Ok(Some(item.clone()));
        }
        let clock = self.host.clock();
        let mut looks = Looks::new(clock.now_ms(), wait_ms, item.started_ms, ENDING_HALF_UNITS);
        while looks.wait(clock).await {
            // A replica may not have it yet, or may still have an expired one of the same name.
            let found = self.host.store().run_seen(&item.id, clock.now_ms()).await?;
            looks.took(1);
            if let Some(found) = found.filter(|found| found.nonce == item.nonce)
                && found.status != Status::Running
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    async fn its_end(&self, item: &RunItem) -> WorldResult<Answer> {
        let ending = self.ending(item).await?.unwrap_or_default();
        Ok(Answer::Ended { status: item.status, ending })
    }

    /// Follows the root, record by record.
    async fn await_output(
        &self,
        item: &RunItem,
        input: &Value,
        state: &str,
        wait_ms: i64,
    ) -> WorldResult<Answer> {
        let definitions = self.definitions_of(item).await?;
        let run = item.run_with(&definitions, input);
        let beginning = match item.begins_at {
            Some(_) => self.beginning(item).await?,
            None => input.clone().into(),
        };
        let mut follower = Follower::awaiting(&definitions, &self.seeded(&run), beginning, state);
        let (key, root, clock) = (item.key(), Branch::default(), self.host.clock());
        let mut looks = Looks::new(clock.now_ms(), wait_ms, item.started_ms, 0);
        loop {
            if let Some(output) = follower.output() {
                return Ok(Answer::Output(output.clone()));
            }
            if !looks.wait(clock).await {
                return Ok(Answer::Pending);
            }
            let seqs = follower.next_seq()..follower.next_seq().saturating_add(looks.records_max());
            let page = self.host.store().records_seen(&key, &root, seqs.clone()).await?;
            looks.took(half_units(&page));
            let is_empty = page.is_empty();
            // A replica may have a later one first.
            for record in page {
                if record.seq != follower.next_seq() {
                    break;
                }
                let recorded = self.recorded(&key, &record).await?;
                follower.push(&recorded).map_err(|error| diverged(&key.id, &error))?;
            }
            if follower.next_seq() == seqs.end {
                looks.at_once();
            } else if let (Next::End(end), None) = (&follower.last().next, follower.output()) {
                return Ok(ended(end));
            } else if is_empty && item.status != Status::Running && item.is_expiring(clock.now_ms()) {
                return self.its_end(item).await;
            }
        }
    }
}

fn ended(end: &End) -> Answer {
    let ending = Ending { output: end.output.clone(), error: end.error.clone(), cause: end.cause.clone() };
    Answer::Ended { status: end.status, ending }
}

/// What the read of these records costs at most. A read of nothing costs as much as one of a little
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html>).
fn half_units(page: &[Record]) -> u32 {
    let of = |record: &Record| {
        RECORD_BESIDE_BYTES_MAX
            + record.outcome.item_bytes()
            + record.end.as_ref().map_or(0, Payload::item_bytes)
    };
    let bytes: usize = page.iter().map(of).sum();
    u32::try_from(bytes.div_ceil(READ_UNIT_BYTES)).unwrap_or(u32::MAX).max(1)
}

/// The reads of one answer: how much of them is left, and when the next one is due.
#[derive(Debug)]
struct Looks {
    /// In halves of a read unit.
    left: u32,
    from_ms: i64,
    until_ms: i64,
    /// The next one has not to wait.
    is_due: bool,
    /// The time was over at the last one.
    was_last: bool,
}

impl Looks {
    /// `kept` half units are for what follows the last look. Of a run that has just started there is nothing to see yet.
    fn new(now_ms: i64, wait_ms: i64, started_ms: i64, kept: u32) -> Self {
        Self {
            left: ANSWER_HALF_UNITS.saturating_sub(kept),
            from_ms: started_ms.min(now_ms),
            until_ms: now_ms.saturating_add(wait_ms.max(0)),
            is_due: now_ms.saturating_sub(started_ms) >= LOOK_FIRST_MS,
            was_last: false,
        }
    }

    /// Waits until the next look is due. False: there is none any more.
    async fn wait(&mut self, clock: &impl Clock) -> bool {
        if self.left == 0 || self.was_last {
            return false;
        }
        if !std::mem::take(&mut self.is_due) {
            clock.sleep(self.pause_ms(clock.now_ms())).await;
            self.was_last = clock.now_ms() >= self.until_ms;
        }
        true
    }

    /// What has been waited for grows by the same factor from look to look, so that those which are left lead to the end of
    /// the time: an answer is late by a share of what it took, and not by a fixed time.
    fn pause_ms(&self, now_ms: i64) -> i64 {
        let left_ms = self.until_ms.saturating_sub(now_ms).max(0);
        if self.left <= 1 {
            return left_ms;
        }
        let waited_ms = now_ms.saturating_sub(self.from_ms).max(LOOK_FIRST_MS) as f64;
        let whole_ms = self.until_ms.saturating_sub(self.from_ms) as f64;
        let factor = (whole_ms / waited_ms).max(1.0).powf(f64::from(self.left).recip());
        let pause_ms = (waited_ms * (factor - 1.0)).round() as i64;
        pause_ms.max(LOOK_FIRST_MS).min(left_ms)
    }

    fn took(&mut self, half_units: u32) {
        self.left = self.left.saturating_sub(half_units);
    }

    /// More may be there already.
    fn at_once(&mut self) {
        (self.is_due, self.was_last) = (true, false);
    }

    /// So many records can be read for what is left, however large they are.
    fn records_max(&self) -> u32 {
        let bytes = usize::try_from(self.left).unwrap_or(usize::MAX).saturating_mul(READ_UNIT_BYTES);
        u32::try_from(bytes / (RECORD_BESIDE_BYTES_MAX + ITEM_PAYLOAD_BYTES_MAX)).unwrap_or(u32::MAX).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When the looks of an answer are, of which each costs a half unit, in milliseconds after the start.
    fn times(wait_ms: i64, kept: u32) -> Vec<i64> {
        let mut looks = Looks::new(0, wait_ms, 0, kept);
        let (mut now_ms, mut times) = (0, Vec::new());
        while looks.left > 0 && now_ms < wait_ms {
            now_ms += looks.pause_ms(now_ms);
            looks.took(1);
            times.push(now_ms);
        }
        times
    }

    #[test]
    fn looks_begin_after_five_milliseconds_and_last_until_the_end_of_the_time() {
        for wait_ms in [1_000, 10_000, 300_000] {
            let times = times(wait_ms, 0);
            assert_eq!((times[0], times[times.len() - 1]), (LOOK_FIRST_MS, wait_ms), "{times:?}");
            assert!(times.len() <= ANSWER_HALF_UNITS as usize, "{times:?}");
            let gaps: Vec<i64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
            assert!(gaps.windows(2).all(|pair| pair[0] <= pair[1] + 1), "{gaps:?}");
        }
    }

    #[test]
    fn an_answer_within_ten_seconds_is_late_by_less_than_two_thirds_of_what_it_took() {
        let times = times(10_000, 0);
        assert!(times.windows(2).skip(1).all(|pair| 3 * pair[1] <= 5 * pair[0]), "{times:?}");
    }

    #[test]
    fn no_time_means_one_look() {
        assert_eq!(times(1, 0), [1]);
        assert_eq!(Looks::new(0, 0, 0, 0).pause_ms(0), 0);
    }

    #[test]
    fn what_is_left_bounds_a_page_and_what_is_read_last_stays_within_ten_units() {
        let mut looks = Looks::new(0, 10_000, 0, 0);
        assert_eq!(looks.records_max(), 8);
        looks.took(17);
        assert_eq!((looks.left, looks.records_max()), (1, 1));
        let largest = (RECORD_BESIDE_BYTES_MAX + ITEM_PAYLOAD_BYTES_MAX).div_ceil(READ_UNIT_BYTES);
        assert!(17 + largest <= 20);
    }
}
