//! Runs that tasks of other runs wait for: nested workflows.

use crate::{
    Protocol,
    batch::{Invocation, Sending, StepFailure},
    deliver::{Handled, Job},
    fan_outs::{PartKey, Partition},
    item::{ParentTask, RecordKey, RunId, RunItem, RunKey},
    limits,
    line::Line,
    message::{Ask, Lock, Message},
    start::{StartError, StartRequest, StartWith, Started},
    tasks::{TaskState, Tasks},
    traits::{Clock, Host, QueueName, Store, WorldResult},
    versions::Qualifier,
    workflows::uuid,
};
use futures::{FutureExt, StreamExt, TryStreamExt, future::BoxFuture, stream};
use serde_json::{Map, Value, json};
use std::ops::Range;
use stepladder_asl::{Definition, Pattern, Service, timestamp};
use stepladder_engine::{Callee, Outcome, Phase, Position, Run, Status, StepCall, TaskKey, callee};

/// The codes of Step Functions' own errors.
const NOT_THERE: &str = "StateMachineDoesNotExist";
const ALREADY_EXISTS: &str = "ExecutionAlreadyExists";
const INVALID_INPUT: &str = "InvalidExecutionInput";
const INVALID_NAME: &str = "InvalidName";
const INVALID_ARN: &str = "InvalidArn";

impl<H: Host> Protocol<H> {
    /// `states:startExecution`
    /// (<https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html>): starts a run, or finds that it
    /// did. Without a name it has one that is the same on every delivery of the attempt.
    pub(crate) async fn start_child(
        &self,
        job: &Job,
        position: &Position,
        service: &Service,
        call: &StepCall,
    ) -> WorldResult<Result<Value, StepFailure>> {
        let (request, qualifier) = match self.child_of(call) {
            Ok(asked) => asked,
            Err(failure) => return Ok(Err(failure)),
        };
        let waits = matches!(service.pattern, Pattern::Sync | Pattern::Sync2);
        let (run, task) = (RunKey::of(&job.message.run), position.task());
        let id = RunId::new(&request.workflow, &request.name);
        if waits {
            self.host.store().put_child(&run, &task, &id).await?;
        }
        let parent = waits.then_some(ParentTask { run, task });
        let arn = Run { workflow: id.workflow.clone(), name: id.name.clone(), ..job.message.run.clone() }
            .execution_arn();
        let with = StartWith {
            qualifier: qualifier.as_ref(),
            parent: parent.as_ref(),
            tenant: job.message.run.tenant.as_deref(),
        };
        let item = match self.start_for(request, with).await {
            Ok(Started::Created(item)) => item,
            Ok(Started::Repeated(item)) if !waits || item.parent == parent => item,
            Ok(Started::Repeated(_) | Started::Conflict(_)) => {
                return Ok(Err(refused(call, ALREADY_EXISTS, &format!("Execution Already Exists: '{arn}'"))));
            }
            Err(StartError::World(error)) => return Err(error),
            Err(StartError::UnknownWorkflow { workflow }) => {
                let arn = Run { workflow, ..job.message.run.clone() }.state_machine_arn();
                return Ok(Err(refused(call, NOT_THERE, &format!("State Machine Does Not Exist: '{arn}'"))));
            }
            Err(error @ StartError::InvalidName { .. }) => {
                return Ok(Err(refused(call, INVALID_NAME, &format!("Invalid Name: {error}"))));
            }
            Err(error) => return Ok(Err(refused(call, INVALID_INPUT, &error.to_string()))),
        };
        // Whoever stopped this run meanwhile may not have seen the other.
        if waits && self.is_over(&job.message, position).await? {
            self.stop_child(&item.id, &RunKey::of(&job.message.run), Some(&position.task())).await?;
        }
        Ok(Ok(json!({ "ExecutionArn": arn, "StartDate": timestamp::format(item.started_ms) })))
    }

    /// Whether nobody waits for a position any more.
    async fn is_over(&self, message: &Message, position: &Position) -> WorldResult<bool> {
        let run = RunKey::of(&message.run);
        let item = self.host.store().run(&run.id, self.host.clock().now_ms()).await?;
        let goes = item.is_some_and(|item| {
            item.nonce == run.nonce
                && item.status == Status::Running
                && item.redrive_count == message.run.redrive_count
        });
        Ok(!goes || self.is_stopped(&run, &position.branch).await?)
    }

    /// A message of the function that starts runs has come again, and nobody waits for its position any more: nor for the
    /// run that it may have started.
    pub(crate) async fn stop_orphan(&self, invocation: &Invocation, message: &Message) -> WorldResult<()> {
        match &message.ask {
            Ask::Step(position) if matches!(invocation.queue, QueueName::Invoke | QueueName::DeadLetter) => {
                self.stop_child_of(&message.run, position).await
            }
            _ => Ok(()),
        }
    }

    fn child_of(&self, call: &StepCall) -> Result<(StartRequest, Option<Qualifier>), StepFailure> {
        let arn = call.input.get("StateMachineArn").and_then(Value::as_str).unwrap_or_default();
        let settings = self.host.settings();
        let ours = format!("arn:aws:states:{}:{}:stateMachine:", settings.region, settings.account);
        let Some(workflow) = arn.strip_prefix(&ours) else {
            let why = format!("Invalid Arn: '{arn}' is no state machine of this stack");
            return Err(refused(call, INVALID_ARN, &why));
        };
        let (workflow, qualifier) = match workflow.split_once(':') {
            None => (workflow, None),
            Some((workflow, qualifier)) => match qualifier.parse() {
                Ok(version) => (workflow, Some(Qualifier::Version(version))),
                Err(_) => (workflow, Some(Qualifier::Alias(qualifier.to_owned()))),
            },
        };
        let name = match call.input.get("Name") {
            Some(Value::String(name)) => name.clone(),
            None | Some(Value::Null) => attempt_uuid(call),
            Some(_) => return Err(refused(call, INVALID_NAME, "Invalid Name: it is no string")),
        };
        // Text is the input's JSON, as StartExecution takes it; nothing, and null, is an empty object; all else is the input
        // itself.
        let input = match call.input.get("Input") {
            Some(Value::String(text)) => crate::json::parse(text.as_bytes()).map_err(|error| {
                refused(call, INVALID_INPUT, &format!("Invalid State Machine Execution Input: '{error}'"))
            })?,
            None | Some(Value::Null) => Value::Object(Map::new()),
            Some(input) => input.clone(),
        };
        Ok((StartRequest { workflow: workflow.to_owned(), name, input }, qualifier))
    }

    /// What tells the task that waits for a run that it has ended. Who ends a run may not write what belongs to another
    /// workflow's: the timer function may.
    pub(crate) async fn parent_told(&self, run: &Run) -> WorldResult<Option<Sending>> {
        if !run.child {
            return Ok(None);
        }
        let run = Run { input: None, ..run.clone() };
        let message = self.message(&run, Ask::Parent);
        self.sending(QueueName::Timer, &message, i64::MIN).await.map(Some)
    }

    /// A run has ended: the task that waits for it has its answer. Doing it twice changes nothing.
    pub(crate) async fn tell_parent(&self, message: &Message) -> WorldResult<Handled> {
        let key = RunKey::of(&message.run);
        match self.host.store().run(&key.id, self.host.clock().now_ms()).await? {
            Some(item) if item.nonce == key.nonce => self.tell_parent_of(&item).await?,
            _ => {}
        }
        Ok(Handled::done())
    }

    async fn tell_parent_of(&self, child: &RunItem) -> WorldResult<()> {
        let Some(ParentTask { run, task }) = &child.parent else { return Ok(()) };
        if child.status == Status::Running {
            return Ok(());
        }
        let Some(item) = self.host.store().task(run, task).await? else { return Ok(()) };
        // Whoever answered may have died before it asked for what follows.
        if let TaskState::Answered(_) = item.state {
            return self.ask_for_answered(run, &item, None, 0).await;
        }
        let Some(asked) = self.asked_by(run, &item).await? else { return Ok(()) };
        let definition = self.definition(&asked.run.workflow, &asked.run.definition).await?;
        let state = asked.ask.position().map(|position| position.state.as_str()).unwrap_or_default();
        let is_json = match callee(&definition, state) {
            Some(Callee::Service(service)) => service.pattern == Pattern::Sync2,
            _ => false,
        };
        let outcome = self.end_of_child(child, is_json).await?;
        self.answer_with(run, task, &item, outcome).await.map(drop)
    }

    /// What a task gets of the run that it waited for: as DescribeExecution tells it, with the data as text, or as JSON.
    async fn end_of_child(&self, child: &RunItem, is_json: bool) -> WorldResult<Outcome> {
        let data = |value: Value| if is_json { value } else { Value::String(value.to_string()) };
        let ending = self.ending(child).await?.unwrap_or_default();
        let run = child.run();
        let included = json!({ "Included": true });
        let mut told = Map::new();
        let mut tell = |name: &str, value: Value| drop(told.insert(name.to_owned(), value));
        if let Some(cause) = ending.cause {
            tell("Cause", cause.into());
        }
        if let Some(error) = ending.error {
            tell("Error", error.into());
        }
        tell("ExecutionArn", run.execution_arn().into());
        tell("Input", data(self.input(child).await?));
        tell("InputDetails", included.clone());
        tell("Name", child.id.name.as_str().into());
        if let Some(output) = ending.output {
            tell("Output", data(output));
            tell("OutputDetails", included);
        }
        let millis = |time_ms: Option<i64>| Value::from(time_ms.unwrap_or(child.started_ms));
        tell("RedriveCount", child.redrive_count.into());
        let (redrivable, why) = match child.status {
            Status::Succeeded => ("NOT_REDRIVABLE", "Execution is SUCCEEDED and cannot be redriven"),
            _ => ("REDRIVABLE", ""),
        };
        tell("RedriveStatus", redrivable.into());
        if !why.is_empty() {
            tell("RedriveStatusReason", why.into());
        }
        tell("StartDate", millis(Some(child.started_ms)));
        tell("StateMachineArn", run.state_machine_arn().into());
        tell("Status", child.status.as_str().into());
        tell("StopDate", millis(child.ended_ms));
        let told = Value::Object(told);
        Ok(match child.status {
            Status::Succeeded => Outcome::Succeeded { output: told },
            _ => Outcome::Failed {
                error: stepladder_asl::errors::TASK_FAILED.to_owned(),
                cause: Some(told.to_string()),
                phase: Phase::Run,
            },
        })
    }

    /// The look that a task takes at the run that it waits for: should the message of its end be lost, this finds it.
    pub(crate) async fn look_at_child(
        &self,
        message: &Message,
        position: &Position,
        gap_seconds: u32,
        is_first: bool,
    ) -> WorldResult<Handled> {
        let run = RunKey::of(&message.run);
        let Some(item) = self.host.store().task(&run, &position.task()).await? else {
            return Ok(Handled::done());
        };
        let (Some(id), TaskState::Open) = (&item.child, &item.state) else { return Ok(Handled::done()) };
        match self.host.store().run(id, self.host.clock().now_ms()).await? {
            Some(child) if child.status != Status::Running => self.tell_parent_of(&child).await?,
            // A delivery that comes again may have sent the next look already: then repair takes the looks.
            Some(_) if is_first => {
                let gap_seconds = gap_seconds.saturating_mul(2).min(limits::DELAY_SECONDS_MAX);
                let ask = Ask::Child(position.clone(), gap_seconds);
                let next = Message {
                    ask,
                    id: format!("{:032x}", self.host.clock().random_u128()),
                    ..message.clone()
                };
                let due_ms = self.host.clock().now_ms() + i64::from(gap_seconds) * 1000;
                let sending: Sending = self.sending(QueueName::Timer, &next, due_ms).await?;
                return Ok(Handled::sending(vec![sending]));
            }
            _ => {}
        }
        Ok(Handled::done())
    }

    /// The look that repair takes at the run that a position waits for; answers with the number of runs that have ended.
    pub(crate) async fn look_again_at_child(
        &self,
        line: &Line<'_>,
        position: &Position,
    ) -> WorldResult<usize> {
        let item = self.host.store().task(&RunKey::of(line.run), &position.task()).await?;
        let Some(id) = item.and_then(|item| item.child) else { return Ok(0) };
        match self.host.store().run(&id, self.host.clock().now_ms()).await? {
            Some(child) if child.status != Status::Running => {
                self.tell_parent_of(&child).await?;
                Ok(1)
            }
            _ => Ok(0),
        }
    }

    /// Stops the runs that the tasks of a fan-out's branches wait for, of all parts of it and of what is nested in them. For a wide
    /// one the messages do that which stop its parts.
    pub(crate) async fn stop_children_of(
        &self,
        definition: &Definition,
        run: &Run,
        position: &Position,
    ) -> WorldResult<()> {
        let Some(fan_out) = position.fan_out().filter(|fan_out| self.tree(fan_out.count).is_flat()) else {
            return Ok(());
        };
        let key = Lock::of(position).key(&RunKey::of(run));
        self.stop_children_in(definition, &key, self.parts(fan_out.count)).await
    }

    pub(crate) async fn stop_children_in(
        &self,
        definition: &Definition,
        fan_out: &RecordKey,
        parts: Range<u32>,
    ) -> WorldResult<()> {
        if !waits_for_runs(definition) {
            return Ok(());
        }
        let run = &fan_out.run;
        let mut parts: Vec<PartKey> = parts.map(|part| PartKey { fan_out: fan_out.clone(), part }).collect();
        while let Some(part) = parts.pop() {
            let part = Partition::Part(part);
            let children = self.host.store().children_in(&part).await?;
            let stops: Vec<BoxFuture<'_, WorldResult<()>>> =
                children.iter().map(|child| self.stop_child(child, run, None)).collect();
            stream::iter(stops)
                .buffer_unordered(limits::FAN_OUT_ITEMS_AT_ONCE)
                .try_collect::<Vec<()>>()
                .await?;
            parts.extend(self.parts_in(&part).await?);
        }
        Ok(())
    }

    /// Stops the run that a position waits for, if it waits for one.
    pub(crate) async fn stop_child_of(&self, run: &Run, position: &Position) -> WorldResult<()> {
        let key = RunKey::of(run);
        match self.host.store().task(&key, &position.task()).await?.and_then(|item| item.child) {
            Some(child) => self.stop_child(&child, &key, Some(&position.task())).await,
            None => Ok(()),
        }
    }

    /// Stops a run that a task of another has started, and waits for. One of the name that somebody else has started is not
    /// touched. Boxed: the child's own children are stopped with it.
    fn stop_child<'a>(
        &'a self,
        child: &'a RunId,
        run: &'a RunKey,
        task: Option<&'a TaskKey>,
    ) -> BoxFuture<'a, WorldResult<()>> {
        async move {
            let item = self.host.store().run(child, self.host.clock().now_ms()).await?;
            let parent = item.and_then(|item| item.parent);
            if !parent
                .is_some_and(|parent| parent.run == *run && task.is_none_or(|task| parent.task == *task))
            {
                return Ok(());
            }
            // Where it is busy, the message of the stop tries again.
            self.request_stop(child, None, None).await.map(drop)
        }
        .boxed()
    }
}

/// Whether a state of the definition waits for the end of another run.
fn waits_for_runs(definition: &Definition) -> bool {
    let waits = |state: &String| match callee(definition, state) {
        Some(Callee::Service(service)) => {
            service.is("states", "startExecution") && service.pattern != Pattern::RequestResponse
        }
        _ => false,
    };
    definition.states.keys().any(waits)
}

/// A refusal, as AWS tells a state of it. The request's id is the same on every delivery of the attempt.
fn refused(call: &StepCall, code: &str, why: &str) -> StepFailure {
    let request = attempt_uuid(call);
    StepFailure {
        error: format!("StepFunctions.{code}Exception"),
        cause: format!(
            "{why} (Service: AWSStepFunctions; Status Code: 400; Error Code: {code}; Request ID: {request}; Proxy: null)"
        ),
    }
}

fn attempt_uuid(call: &StepCall) -> String {
    uuid(u128::from_str_radix(&call.idempotency_key, 16).unwrap_or_default())
}
