//! Follows the two definitions in process, by the engine that also decides in production, with the real steps in memory.
//! Time is skipped: the clock jumps to whatever is due next. Approvers are the only ones who are played.

use employee_onboarding::records::{MemoryRecords, Round};
use employee_onboarding::steps::{
    assign_mentor, create_account, enroll_payroll, order_equipment, request_approval, send_welcome,
    validate_hire,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::VecDeque;
use stepladder::{Step, StepError};
use stepladder_asl::Definition;
use stepladder_engine::{
    Awaiting, Branch, Callee, Outcome, Phase, Position, Rehearsal, Run, Status, StepCall, callee, step_call,
    waits_for_answer,
};

pub(crate) const ONBOARDING: &str = include_str!("../../workflow.asl.json");
pub(crate) const FIRST_DAY: &str = include_str!("../../../first-day/workflow.asl.json");
const FIRST_DAY_ARN: &str = "arn:aws:states:us-east-1:000000000000:stateMachine:first-day";
/// 2025-01-06T08:00:00Z
pub(crate) const STARTED_MS: i64 = 1_736_150_400_000;
/// How long an approver takes who answers.
const ANSWER_MS: i64 = 1_000;
/// What the retries of a state take together, at most.
const RETRIES_MS_MAX: i64 = 60_000;
const OUTCOMES_MAX: usize = 200;

/// How a run ended, when, and what was called on the way.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) status: Status,
    pub(crate) error: Option<String>,
    pub(crate) cause: Option<String>,
    pub(crate) output: Option<Value>,
    pub(crate) ended_ms: i64,
    /// The states that called something, in order; those of the nested workflow too.
    pub(crate) called: Vec<String>,
    /// What the history shows of the calls: all that went in and came out.
    pub(crate) shown: String,
}

/// The definitions with everything that they call.
pub(crate) struct Machine<'a> {
    onboarding: Definition,
    first_day: Definition,
    records: &'a MemoryRecords,
}

/// A run that is under way.
struct Going<'a> {
    rehearsal: Rehearsal<'a>,
    definition: &'a Definition,
    run: Run,
    now_ms: i64,
    called: Vec<String>,
    shown: String,
    /// What approvers say to each question: an answer, or nothing.
    answers: VecDeque<Option<Value>>,
}

impl<'a> Machine<'a> {
    pub(crate) fn new(records: &'a MemoryRecords) -> Self {
        let parse = |text| Definition::parse(text).unwrap_or_else(|faults| panic!("{faults}"));
        Self { onboarding: parse(ONBOARDING), first_day: parse(FIRST_DAY), records }
    }

    /// A whole run. All answers must be asked for.
    pub(crate) async fn run(&self, name: &str, input: Value, answers: Vec<Option<Value>>) -> End {
        let run = Run { started_ms: STARTED_MS, ..Run::for_test("employee-onboarding", name) };
        let (end, unused) = self.follow(&self.onboarding, run, input, answers.into()).await;
        assert!(unused.is_empty(), "nobody asked for {unused:?}: {end:?}");
        end
    }

    async fn follow(
        &self,
        definition: &Definition,
        run: Run,
        input: Value,
        answers: VecDeque<Option<Value>>,
    ) -> (End, VecDeque<Option<Value>>) {
        let rehearsal = Rehearsal::start(definition, &run, input);
        let (now_ms, called, shown) = (run.started_ms, Vec::new(), String::new());
        let mut going = Going { rehearsal, definition, run, now_ms, called, shown, answers };
        for _ in 0..OUTCOMES_MAX {
            if let Some(end) = going.rehearsal.end().cloned() {
                let Going { now_ms, called, shown, answers, .. } = going;
                let (status, error, cause, output) = (end.status, end.error, end.cause, end.output);
                return (End { status, error, cause, output, ended_ms: now_ms, called, shown }, answers);
            }
            let waiting = going.rehearsal.next().expect("a run waits until it has ended");
            assert!(waiting.due_ms < i64::MAX, "{} waits for ever", waiting.position.state);
            let (position, due_ms) = (waiting.position.clone(), waiting.due_ms);
            going.now_ms = going.now_ms.max(due_ms);
            match position.awaiting {
                Awaiting::Step { .. } => self.call(&mut going, &position).await,
                // A Wait state, or a limit: the engine knows which.
                _ => going.settle(&position.branch, Outcome::TimerFired),
            }
        }
        panic!("no end after {OUTCOMES_MAX} outcomes: {:?}", going.called);
    }

    async fn call(&self, going: &mut Going<'_>, position: &Position) {
        let (state, branch) = (position.state.as_str(), &position.branch);
        let call = step_call(going.definition, &going.run, position).expect("its fields can be evaluated");
        going.called.push(state.to_owned());
        going.shown.push_str(&call.input.to_string());
        if let Some(Callee::Service(_)) = callee(going.definition, state) {
            return self.call_first_day(going, branch, &call).await;
        }
        let result = self.step(&going.run, state, &call).await;
        going.shown.push_str(&format!("{result:?}"));
        let outcome = match result {
            Ok(output) => Outcome::Succeeded { output },
            Err((error, cause)) => Outcome::Failed { error, cause: Some(cause), phase: Phase::Run },
        };
        let is_asked = waits_for_answer(going.definition, state);
        let Outcome::Succeeded { output } = outcome.clone() else { return going.settle(branch, outcome) };
        if !is_asked {
            return going.settle(branch, outcome);
        }
        let response = json!({ "ExecutedVersion": "$LATEST", "Payload": output, "StatusCode": 200 });
        going.settle(branch, Outcome::Submitted { response, started_ms: None });
        self.check_question(going, &call);
        // Who says nothing lets the time pass.
        if let Some(output) = going.answers.pop_front().expect("an approver is asked once more than expected")
        {
            going.now_ms += ANSWER_MS;
            going.settle(branch, Outcome::Succeeded { output });
        }
    }

    /// The approver finds the token that the state waits for, and the time at which it stops to wait.
    fn check_question(&self, going: &Going<'_>, call: &StepCall) {
        let questions = self.records.questions(&going.run.name);
        let question = questions.last().expect("the approver is asked");
        assert_eq!(Some(question.token.reveal()), call.task_token.as_deref());
        assert_eq!(u64::from(question.attempt), call.attempt);
        let expires_at: jiff::Timestamp = question.expires_at.parse().expect("a time");
        let timeout_ms = going.rehearsal.next().expect("the state waits").due_ms;
        let early_ms = timeout_ms - expires_at.as_millisecond();
        let early_ms_max = if call.attempt == 1 { 0 } else { RETRIES_MS_MAX };
        assert!((0..=early_ms_max).contains(&early_ms), "{early_ms} ms: {question:?}");
    }

    /// `startExecution.sync:2`: the other workflow runs to its end, and the result is that of DescribeExecution.
    async fn call_first_day(&self, going: &mut Going<'_>, branch: &Branch, call: &StepCall) {
        assert_eq!(call.input["StateMachineArn"], FIRST_DAY_ARN);
        let started_ms = going.now_ms;
        let run = Run { started_ms, ..Run::for_test("first-day", &call.idempotency_key) };
        let response = json!({ "ExecutionArn": run.execution_arn() });
        going.settle(branch, Outcome::Submitted { response, started_ms: None });
        let input = call.input["Input"].clone();
        let (end, _) = Box::pin(self.follow(&self.first_day, run, input, VecDeque::new())).await;
        going.now_ms = end.ended_ms;
        going.called.extend(end.called);
        let outcome = match end.status {
            Status::Succeeded => {
                Outcome::Succeeded { output: json!({ "Output": end.output, "Status": "SUCCEEDED" }) }
            }
            _ => {
                Outcome::Failed { error: "States.TaskFailed".to_owned(), cause: end.error, phase: Phase::Run }
            }
        };
        going.settle(branch, outcome);
    }

    async fn step(&self, run: &Run, state: &str, call: &StepCall) -> Result<Value, (String, String)> {
        let attempt = u32::try_from(call.attempt).expect("few attempts");
        let mut step = Step::for_test(state).with_run(&run.workflow, &run.name).with_attempt(attempt);
        if let Some(token) = &call.task_token {
            step = step.with_task_token(token);
        }
        let (input, records) = (call.input.clone(), self.records);
        match call.function.as_deref() {
            Some("validate-hire") => told(validate_hire::validate_hire(input, step).await),
            Some("request-approval") => {
                told(request_approval::ask(read(input)?, Round::First, &step, records).await)
            }
            Some("send-reminder") => {
                told(request_approval::ask(read(input)?, Round::Reminder, &step, records).await)
            }
            Some("create-account") => told(create_account::create(read(input)?, &step, records).await),
            Some("order-equipment") => told(order_equipment::order(read(input)?, &step, records).await),
            Some("enroll-payroll") => told(enroll_payroll::enroll(read(input)?, &step, records).await),
            Some("assign-mentor") => told(assign_mentor::assign(read(input)?, &step, records).await),
            Some("send-welcome") => told(send_welcome::welcome(read(input)?, &step, records).await),
            other => panic!("there is no function {other:?}"),
        }
    }
}

impl Going<'_> {
    fn settle(&mut self, branch: &Branch, outcome: Outcome) {
        self.rehearsal.settle(branch, outcome, Some(self.now_ms), self.now_ms).expect("the branch waits");
    }
}

fn read<T: DeserializeOwned>(payload: Value) -> Result<T, (String, String)> {
    serde_json::from_value(payload).map_err(|error| ("InvalidInput".to_owned(), error.to_string()))
}

fn told<T: Serialize, E: StepError>(result: Result<T, E>) -> Result<Value, (String, String)> {
    match result {
        Ok(output) => Ok(serde_json::to_value(output).expect("an output is JSON")),
        Err(error) => {
            let cause =
                json!({"errorMessage": error.to_string(), "errorType": error.error_name(), "stackTrace": []});
            Err((error.error_name(), cause.to_string()))
        }
    }
}
