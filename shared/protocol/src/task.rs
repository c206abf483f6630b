//! Tasks that somebody else answers: who has the token, a worker, a run that was started.
//!
//! The task's item is written before the code that may give its token away, so a token is good at once. The first answer
//! decides, also that of a limit or of the call itself when it fails: whatever the branch's records say then follows from
//! it. An answer that comes before the call has been recorded is kept, and whoever records the call finds it.

use crate::{
    Protocol,
    batch::{Delivery, Invocation, Sending},
    deliver::{Handled, Job, Opened, plain_bytes_max},
    item::{Record, RunId, RunItem, RunKey},
    limits,
    line::Line,
    message::{Ask, Given, Message},
    pace::Slot,
    payload,
    planted::PlantedBug,
    tasks::{TaskAnswer, TaskItem, TaskState, Tasks},
    traits::{Clock, Host, Queue, QueueName, Store, WorldResult},
};
use serde_json::{Value, json};
use stepladder_asl::Definition;
use stepladder_engine::{
    Awaiting, Callee, Limit, Next, Outcome, Phase, Position, Status, TaskKey, TaskToken, callee, step_call,
    waits_for_answer,
};

/// What whoever has a task's token says.
#[derive(Debug, Clone, PartialEq)]
pub enum TaskDone {
    Succeeded(Value),
    /// Both may be left out.
    Failed {
        error: Option<String>,
        cause: Option<String>,
    },
}

/// Why nobody listens to whoever has a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskError {
    /// It is no token of a run that is there.
    Invalid,
    /// The task has been answered, has run out of time, or its run goes on without it.
    Over,
}

/// A task as a worker gets it.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskTaken {
    pub token: String,
    pub input: Value,
}

/// What is recorded of a position.
pub(crate) struct Decided {
    pub(crate) outcome: Outcome,
    /// Whether it is the answer to the position's task, or follows from it.
    pub(crate) is_answer: bool,
}

impl<H: Host> Protocol<H> {
    /// Answers a task. Refused where there is no such task, or it is over.
    pub async fn answer(&self, token: &str, done: TaskDone) -> WorldResult<Result<(), TaskError>> {
        let (item, token) = match self.holder(token).await? {
            Ok(found) => found,
            Err(refused) => return Ok(Err(refused)),
        };
        let key = item.key();
        let Some(task) = self.held(&item, &token.task).await? else { return Ok(Err(TaskError::Over)) };
        let outcome = match done {
            TaskDone::Succeeded(output) => Outcome::Succeeded { output },
            TaskDone::Failed { error, cause } => {
                Outcome::Failed { error: error.unwrap_or_default(), cause, phase: Phase::Run }
            }
        };
        match self.answer_with(&key, &token.task, &task, outcome).await? {
            true => Ok(Ok(())),
            false => Ok(Err(TaskError::Over)),
        }
    }

    /// Says that whoever has a task is still at work.
    pub async fn heartbeat(&self, token: &str) -> WorldResult<Result<(), TaskError>> {
        let (item, token) = match self.holder(token).await? {
            Ok(found) => found,
            Err(refused) => return Ok(Err(refused)),
        };
        if self.held(&item, &token.task).await?.is_none() {
            return Ok(Err(TaskError::Over));
        }
        let now_ms = self.host.clock().now_ms();
        match self.host.store().beat_task(&item.key(), &token.task, now_ms).await? {
            true => Ok(Ok(())),
            false => Ok(Err(TaskError::Over)),
        }
    }

    /// The run of a token, if it is going and the token is its own.
    async fn holder(&self, token: &str) -> WorldResult<Result<(RunItem, TaskToken), TaskError>> {
        let Some(token) = TaskToken::parse(token) else { return Ok(Err(TaskError::Invalid)) };
        let id = RunId::new(&token.workflow, &token.run_name);
        let Some(item) = self.host.store().run(&id, self.host.clock().now_ms()).await? else {
            return Ok(Err(TaskError::Invalid));
        };
        if !token.is_of(&self.seeded(&item.run())) {
            return Ok(Err(TaskError::Invalid));
        }
        match item.status {
            Status::Running => Ok(Ok((item, token))),
            _ => Ok(Err(TaskError::Over)),
        }
    }

    /// The task of a run that is going, if the run still waits for it.
    async fn held(&self, run: &RunItem, task: &TaskKey) -> WorldResult<Option<TaskItem>> {
        let key = run.key();
        let item = self.host.store().task(&key, task).await?;
        let item =
            item.filter(|item| item.state == TaskState::Open && item.redrive_count == run.redrive_count);
        match item.is_some() && self.is_stopped(&key, &task.branch).await? {
            true => Ok(None),
            false => Ok(item),
        }
    }

    /// Keeps an answer, and asks for what follows from it: first by a message that comes later, for this may be the last
    /// that is done here. False: it wasn't kept.
    pub(crate) async fn answer_with(
        &self,
        run: &RunKey,
        task: &TaskKey,
        item: &TaskItem,
        outcome: Outcome,
    ) -> WorldResult<bool> {
        let answer = TaskAnswer { id: format!("{:032x}", self.host.clock().random_u128()), outcome };
        let payload = self.packed_answer(run, task, &answer).await?;
        if !self.planted(PlantedBug::AnswerWithoutMessage) {
            let given = match &payload {
                payload::Payload::Blob(blob) => Given::Blob(blob.clone()),
                _ => Given::Here(answer),
            };
            self.ask_for_answered(run, item, Some(given), limits::REQUEST_DELAY_SECONDS).await?;
        }
        let is_kept = self.host.store().answer_task(run, task, &payload).await?;
        if is_kept {
            self.ask_for_answered(run, item, None, 0).await?;
        }
        Ok(is_kept)
    }

    /// Asks the timer function to record the answer of a task.
    pub(crate) async fn ask_for_answered(
        &self,
        run: &RunKey,
        item: &TaskItem,
        given: Option<Given>,
        delay_seconds: u32,
    ) -> WorldResult<()> {
        let Some(message) = self.asked_by(run, item).await? else { return Ok(()) };
        let Some(position) = message.ask.position().cloned() else { return Ok(()) };
        let message = Message { ask: Ask::Answered(position, given), ..self.again(message) };
        let due_ms = self.host.clock().now_ms() + i64::from(delay_seconds) * 1000;
        self.send_now(vec![self.sending(QueueName::Timer, &message, due_ms).await?]).await.map(drop)
    }

    /// The message that asked for a task.
    pub(crate) async fn asked_by(&self, run: &RunKey, item: &TaskItem) -> WorldResult<Option<Message>> {
        let Some(message) = &item.message else { return Ok(None) };
        self.unpacked(run, message, || format!("read a task of {run}")).await.map(Some)
    }

    /// The same as another message says, as a message of its own.
    fn again(&self, message: Message) -> Message {
        Message { id: format!("{:032x}", self.host.clock().random_u128()), ..message }
    }

    async fn packed_answer(
        &self,
        run: &RunKey,
        task: &TaskKey,
        answer: &TaskAnswer,
    ) -> WorldResult<payload::Payload> {
        self.packed(run, answer, plain_bytes_max(run, &task.branch)).await
    }

    async fn unpacked_answer(&self, run: &RunKey, answer: &payload::Payload) -> WorldResult<TaskAnswer> {
        self.unpacked(run, answer, || format!("read the answer to a task of {run}")).await
    }

    /// The answer to a position's task, if there is one.
    async fn answer_of(&self, run: &RunKey, item: Option<&TaskItem>) -> WorldResult<Option<TaskAnswer>> {
        match item.map(|item| &item.state) {
            Some(TaskState::Answered(answer)) => self.unpacked_answer(run, answer).await.map(Some),
            Some(TaskState::Open | TaskState::Over) | None => Ok(None),
        }
    }

    /// Writes the task of a position, unless it is there.
    pub(crate) async fn open_task(&self, job: &Job, position: &Position) -> WorldResult<TaskItem> {
        let run = RunKey::of(&job.message.run);
        let task = position.task();
        let message = self.packed(&run, &job.message, plain_bytes_max(&run, &task.branch)).await?;
        let count = job.message.run.redrive_count;
        self.host.store().open_task(&run, &task, &message, count, self.fan_out_expires_s(&run)).await
    }

    /// What a step's position comes to before its code runs: a task that has been answered needs none.
    pub(crate) async fn answered_before(
        &self,
        job: &Job,
        position: &Position,
    ) -> WorldResult<Option<Outcome>> {
        if !waits_for_answer(&job.definition, &position.state) {
            return Ok(None);
        }
        let item = self.open_task(job, position).await?;
        let answer = self.answer_of(&RunKey::of(&job.message.run), Some(&item)).await?;
        Ok(answer.map(|answer| came_to(&job.definition, position, answer)))
    }

    /// What is recorded of a position, given what has become of it: of a call that others answer that it was made, and of one
    /// that has been answered the answer.
    pub(crate) async fn decided(
        &self,
        job: &Job,
        position: &Position,
        outcome: Outcome,
        started_ms: Option<i64>,
    ) -> WorldResult<Decided> {
        let own = |outcome| Ok(Decided { outcome, is_answer: matches!(job.message.ask, Ask::Answered(..)) });
        if !waits_for_answer(&job.definition, &position.state) {
            return own(outcome);
        }
        let is_call = matches!(position.awaiting, Awaiting::Step { .. });
        match outcome {
            Outcome::Succeeded { output } if is_call => {
                own(submitted(&job.definition, position, output, started_ms))
            }
            Outcome::Responded { response } if is_call => own(Outcome::Submitted { response, started_ms }),
            outcome if self.ends_wait(job, position, &outcome).is_some() => {
                let run = RunKey::of(&job.message.run);
                let item = self.host.store().task(&run, &position.task()).await?;
                match self.answer_of(&run, item.as_ref()).await? {
                    Some(answer) => {
                        let outcome = came_to(&job.definition, position, answer);
                        Ok(Decided { outcome, is_answer: true })
                    }
                    None => own(outcome),
                }
            }
            outcome => own(outcome),
        }
    }

    /// Whether an outcome ends the wait for an answer that hasn't come: then the task is over with the record. The time says
    /// after when it must not have been heard of, in milliseconds since the epoch.
    pub(crate) fn ends_wait(&self, job: &Job, position: &Position, outcome: &Outcome) -> Option<i64> {
        if self.planted(PlantedBug::CallRecordsItsError)
            || !waits_for_answer(&job.definition, &position.state)
        {
            return None;
        }
        match outcome {
            Outcome::Failed { .. } | Outcome::TimedOut { limit: Limit::Task } => Some(i64::MAX),
            Outcome::TimedOut { limit: Limit::Heartbeat } => Some(self.heard_of_ms(job, position)),
            _ => None,
        }
    }

    /// The last heartbeat that a position's limit counts from, in milliseconds since the epoch.
    fn heard_of_ms(&self, job: &Job, position: &Position) -> i64 {
        let Awaiting::Answer { heartbeat_ms: Some(heartbeat_ms), .. } = position.awaiting else {
            return i64::MAX;
        };
        heartbeat_ms.saturating_sub(self.heartbeat_interval_ms(job, position))
    }

    /// HeartbeatSeconds, in milliseconds. What could be evaluated for the call can be evaluated again.
    fn heartbeat_interval_ms(&self, job: &Job, position: &Position) -> i64 {
        let call = step_call(&job.definition, &self.engine_run(&job.message), position);
        let seconds = call.ok().and_then(|call| call.heartbeat_seconds).unwrap_or(0);
        i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1000)
    }

    /// The timer of a position that waits for an answer: it has one, a limit has passed, or it goes on waiting.
    pub(crate) async fn answer_timer(&self, job: &Job, position: &Position) -> WorldResult<Outcome> {
        let Awaiting::Answer { timeout_ms, heartbeat_ms } = position.awaiting else {
            return Ok(Outcome::TimerFired);
        };
        let run = RunKey::of(&job.message.run);
        let item = self.host.store().task(&run, &position.task()).await?;
        if let Some(answer) = self.answer_of(&run, item.as_ref()).await? {
            return Ok(came_to(&job.definition, position, answer));
        }
        let now_ms = self.host.clock().now_ms();
        if timeout_ms.is_some_and(|timeout_ms| now_ms >= timeout_ms) {
            return Ok(Outcome::TimedOut { limit: Limit::Task });
        }
        let Some(heartbeat_ms) = heartbeat_ms else { return Ok(Outcome::TimerFired) };
        let beat_ms = item.and_then(|item| item.beat_ms).unwrap_or(i64::MIN);
        let next_ms = beat_ms.saturating_add(self.heartbeat_interval_ms(job, position));
        Ok(match now_ms >= heartbeat_ms {
            _ if next_ms > heartbeat_ms => Outcome::Heartbeat { heartbeat_ms: next_ms },
            true => Outcome::TimedOut { limit: Limit::Heartbeat },
            false => Outcome::TimerFired,
        })
    }

    /// What has to be sent for a position that waits for an answer: that it has one, or a timer for its limits.
    pub(crate) async fn awaited(
        &self,
        line: &Line<'_>,
        position: &Position,
        due_ms: i64,
    ) -> WorldResult<Vec<Sending>> {
        let run = RunKey::of(line.run);
        let item = self.host.store().task(&run, &position.task()).await?;
        if let Some(TaskItem { state: TaskState::Answered(_), .. }) = item {
            let message = self.next(line, Ask::Answered(position.clone(), None));
            return Ok(vec![self.sending(QueueName::Timer, &message, i64::MIN).await?]);
        }
        let mut sendings = Vec::new();
        if item.is_some_and(|item| item.child.is_some()) {
            let message = self.next(line, Ask::Child(position.clone(), limits::CHILD_LOOK_SECONDS));
            let look_ms = self.host.clock().now_ms() + i64::from(limits::CHILD_LOOK_SECONDS) * 1000;
            sendings.push(self.sending(QueueName::Timer, &message, look_ms).await?);
        }
        if due_ms != i64::MAX {
            let sending = self
                .sending(QueueName::Timer, &self.next(line, Ask::Timer(position.clone())), due_ms)
                .await?;
            if !self.is_scheduled(line.run, position, due_ms, &sending.outgoing.body).await {
                sendings.push(sending);
            }
        }
        Ok(sendings)
    }

    /// Whether a position that waits for an answer has one.
    pub(crate) async fn is_answered(&self, line: &Line<'_>, position: &Position) -> WorldResult<bool> {
        let item = self.host.store().task(&RunKey::of(line.run), &position.task()).await?;
        Ok(item.is_some_and(|item| matches!(item.state, TaskState::Answered(_))))
    }

    /// Records the answer to a task: at the position of the message, if the branch still waits there.
    pub(crate) async fn record_answer(
        &self,
        invocation: &Invocation,
        delivery: &Delivery,
        job: &Job,
        position: &Position,
        given: Option<&Given>,
    ) -> WorldResult<Handled> {
        let run = RunKey::of(&job.message.run);
        self.keep_given(&run, position, given).await?;
        let item = self.host.store().task(&run, &position.task()).await?;
        let Some(answer) = self.answer_of(&run, item.as_ref()).await? else { return Ok(Handled::done()) };
        let outcome = match position.is_past_deadline(self.host.clock().now_ms()) {
            true => Outcome::TimedOut { limit: Limit::Run },
            false => came_to(&job.definition, position, answer),
        };
        self.commit(invocation, delivery, job, position, outcome, None).await
    }

    /// Whoever gave an answer may have died before it was kept, and whoever was told that it was kept may not be told otherwise
    /// now: so it is kept here, if the task is still open.
    pub(crate) async fn keep_given(
        &self,
        run: &RunKey,
        position: &Position,
        given: Option<&Given>,
    ) -> WorldResult<()> {
        let task = position.task();
        let answer = match given {
            None => return Ok(()),
            Some(Given::Blob(blob)) => payload::Payload::Blob(blob.clone()),
            Some(Given::Here(answer)) => self.packed_answer(run, &task, answer).await?,
        };
        self.host.store().answer_task(run, &task, &answer).await.map(drop)
    }

    /// The position of a message that tells of an answer has been recorded by another: it is told where the branch waits for
    /// the same task now.
    pub(crate) async fn pass_answer_on(
        &self,
        message: &Message,
        definition: &Definition,
        position: &Position,
        record: Record,
    ) -> WorldResult<Handled> {
        let key = RunKey::of(&message.run);
        let mut position = position.clone();
        let task = position.task();
        let mut page = vec![record];
        // A wait of days may have hops and heartbeats by the thousand.
        while !page.is_empty() {
            for there in page {
                let outcome = self.outcome(&key, &there).await?;
                let transition = self.advance(definition, message, &position, &outcome, there.finished_ms)?;
                crate::deliver::check_digest(&key, &there, &transition)?;
                position = match transition.next {
                    Next::Wait(next) if next.task() == task => next,
                    _ => return Ok(Handled::done()),
                };
            }
            page = self.host.store().records(&key, &position.branch, position.seq).await?;
        }
        let message = Message { ask: Ask::Answered(position, None), ..self.again(message.clone()) };
        Ok(Handled::sending(vec![self.sending(QueueName::Timer, &message, i64::MIN).await?]))
    }

    /// When a worker has to have taken the activity's task of a position at the latest, in milliseconds since the epoch.
    pub(crate) fn untaken_ms(&self, line: &Line<'_>, position: &Position) -> Option<i64> {
        let call = step_call(line.definition, &self.seeded(line.run), position).ok()?;
        let millis = call.timeout_seconds?.saturating_mul(1000);
        let Awaiting::Step { due_ms } = position.awaiting else { return None };
        Some(due_ms.saturating_add_unsigned(millis))
    }

    /// No worker may have taken the task in time. One that has come too early goes on waiting.
    pub(crate) async fn untaken(
        &self,
        invocation: &Invocation,
        delivery: &Delivery,
        job: &Job,
        position: &Position,
    ) -> WorldResult<Handled> {
        let line = Line::of(&job.message, &job.definition, crate::line::Before::Perhaps);
        let Some(due_ms) = self.untaken_ms(&line, position) else { return Ok(Handled::done()) };
        if self.host.clock().now_ms() < due_ms {
            // As the same message: another copy of it, by another clock, may have recorded the end of the wait, and may die before it
            // has sent. Whichever copy comes later finds that record as its own.
            let message = match self.planted(PlantedBug::WaitGoesOnUnderAnotherId) {
                true => &self.again(job.message.clone()),
                false => &job.message,
            };
            let sending = self.sending(QueueName::Timer, message, due_ms).await?;
            // One that comes again may have been sent on already, and stays where it is.
            if delivery.receive_count > 1 {
                let left_s = due_ms.saturating_sub(self.host.clock().now_ms()) / 1000 + 1;
                let left_s = u32::try_from(left_s).unwrap_or(u32::MAX);
                return Ok(Handled::leave_for(left_s.min(limits::DELAY_SECONDS_MAX)));
            }
            let is_sent = self.is_scheduled(line.run, position, due_ms, &sending.outgoing.body).await;
            return Ok(Handled::sending(if is_sent { Vec::new() } else { vec![sending] }));
        }
        let outcome = Outcome::TimedOut { limit: Limit::Task };
        self.commit(invocation, delivery, job, position, outcome, None).await
    }

    /// Gives a worker the next task of an activity, if there is one within `wait_ms`. Whoever gets a task has been recorded to
    /// have it; where that worker is never heard of again, the state's limits end its wait.
    pub async fn take_task(
        &self,
        activity: &str,
        worker: Option<String>,
        wait_ms: i64,
    ) -> WorldResult<Option<TaskTaken>> {
        let queue = QueueName::activity(activity);
        let until_ms = self.host.clock().now_ms().saturating_add(wait_ms);
        loop {
            let left_ms = until_ms.saturating_sub(self.host.clock().now_ms()).max(0);
            let wait_seconds =
                u32::try_from(left_ms / 1000).unwrap_or(u32::MAX).min(limits::RECEIVE_SECONDS_MAX);
            let received =
                self.host.queue().receive_one(&queue, wait_seconds, limits::TAKE_SECONDS_MAX).await?;
            let Some(delivery) = received else {
                match left_ms > 1000 {
                    true => continue,
                    false => return Ok(None),
                }
            };
            let now_ms = self.host.clock().now_ms();
            let take_ms = i64::from(limits::TAKE_SECONDS_MAX) * 1000;
            let invocation = Invocation {
                queue: queue.clone(),
                request_id: None,
                deadline_ms: now_ms + take_ms,
                function_timeout_ms: take_ms,
            };
            let (handled, taken) = match self.open(&invocation, &delivery, Slot::Free).await {
                Ok(Opened::Settled(handled)) => (handled, None),
                Ok(Opened::Waiting(job)) => self.take(&invocation, &delivery, &job, worker.clone()).await?,
                Err(error) => (self.failed(&invocation, &delivery, None, error).await, None),
            };
            if !handled.is_done() {
                continue;
            }
            let done = async {
                self.send_now(handled.sendings).await?;
                self.host.queue().delete(&queue, &delivery.receipt).await
            };
            match (done.await, taken) {
                (Ok(()), None) => {}
                (Err(error), None) => return Err(error),
                (Ok(()), taken) => return Ok(taken),
                // It has been recorded that the worker has it. The message comes again for what is still to be done.
                (Err(error), taken) => {
                    tracing::warn!(activity, %error, "a task was given to a worker, and its message is left");
                    return Ok(taken);
                }
            }
        }
    }

    async fn take(
        &self,
        invocation: &Invocation,
        delivery: &Delivery,
        job: &Job,
        worker: Option<String>,
    ) -> WorldResult<(Handled, Option<TaskTaken>)> {
        let Ask::Step(position) = &job.message.ask else { return Ok((Handled::done(), None)) };
        if let Some(outcome) = self.answered_before(job, position).await? {
            return Ok((self.commit(invocation, delivery, job, position, outcome, None).await?, None));
        }
        if position.is_past_deadline(self.host.clock().now_ms()) {
            let outcome = Outcome::TimedOut { limit: Limit::Run };
            return Ok((self.commit(invocation, delivery, job, position, outcome, None).await?, None));
        }
        let call = step_call(&job.definition, &self.engine_run(&job.message), position);
        let (token, input) = match call {
            Ok(call) => (call.task_token.unwrap_or_default(), call.input),
            Err(error) if error.gave_up => return Err(crate::effects::too_slow()),
            Err(error) => {
                let (error, cause) = (error.error.to_string(), Some(error.cause));
                let outcome = Outcome::Failed { error, cause, phase: Phase::Schedule };
                return Ok((self.commit(invocation, delivery, job, position, outcome, None).await?, None));
            }
        };
        let started_ms = self.host.clock().now_ms();
        let outcome = Outcome::Started { worker };
        let handled = self.commit(invocation, delivery, job, position, outcome, Some(started_ms)).await?;
        let taken = handled.has_recorded.then_some(TaskTaken { token, input });
        Ok((handled, taken))
    }
}

/// What an answer comes to where a branch waits: for the call's own record, that it was made.
fn came_to(definition: &Definition, position: &Position, answer: TaskAnswer) -> Outcome {
    match (position.awaiting, callee(definition, &position.state)) {
        (Awaiting::Step { .. }, Some(Callee::Activity(_))) => Outcome::Started { worker: None },
        (Awaiting::Step { .. }, _) => Outcome::Submitted { response: Value::Null, started_ms: None },
        _ => answer.outcome,
    }
}

/// What a step returned that has given its token away: the response of Invoke, as of any function
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html#connect-wait-token>).
fn submitted(
    definition: &Definition,
    position: &Position,
    output: Value,
    started_ms: Option<i64>,
) -> Outcome {
    let response = match callee(definition, &position.state) {
        Some(Callee::Function(_)) => {
            json!({ "ExecutedVersion": "$LATEST", "Payload": output, "StatusCode": 200 })
        }
        _ => output,
    };
    Outcome::Submitted { response, started_ms }
}
