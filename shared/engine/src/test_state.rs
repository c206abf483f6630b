//! One state, run alone with a given input: AWS's TestState API
//! (<https://docs.aws.amazon.com/step-functions/latest/dg/test-state-isolation.html>).
//!
//! It is the engine itself that runs the state; what its work gives is said by a mock.

use crate::{
    advance::{Came, enter_alone, settle_alone},
    inspect::{Inspection, Reported, Watched},
    outcome::{Outcome, Phase},
    position::{Awaiting, Branch, Position},
    run::Run,
    token::TaskKey,
    trace::{Link, Trace, Wanted},
    transition::Status,
};
use serde_json::{Map, Value, json};
use std::{cell::RefCell, collections::BTreeSet};
use stepladder_asl::{Definition, Items, Kind, MapMode, State, Template, errors, timestamp};

/// What a state is run with.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StateTest {
    pub input: Value,
    /// The Context object; without it, one as AWS makes it.
    pub context: Option<Value>,
    /// The variables before the state, by their names without `$`.
    pub variables: Map<String, Value>,
    /// What the work of a Task, Map or Parallel state gives. Other states do none.
    pub mock: Option<Mock>,
    /// The role in the Context object.
    pub role_arn: Option<String>,
    /// How often the retrier that means the error has been used already.
    pub retrier_retry_count: u64,
    /// How many iterations of a Map state have failed.
    pub map_iteration_failure_count: u32,
    /// The state inside a Map or Parallel state that the mocked error comes from. It changes nothing but has to be there.
    pub error_caused_by_state: Option<String>,
    /// What the ItemReader of a Map state reads: an array.
    pub map_item_reader_data: Option<Value>,
}

/// What a state's work gives.
#[derive(Debug, Clone, PartialEq)]
pub enum Mock {
    /// The result of a Task (of `lambda:invoke` the whole response), or the results of a Map's iterations or a Parallel's
    /// branches.
    Result(Value),
    /// The work fails; in a Map or Parallel it may be one of the states inside that does.
    Error { error: Option<String>, cause: Option<String> },
}

/// What became of a state.
#[derive(Debug, Clone, PartialEq)]
pub struct StateTested {
    pub status: TestStatus,
    pub output: Option<Value>,
    pub next_state: Option<String>,
    pub error: Option<String>,
    pub cause: Option<String>,
    pub inspection: Inspection,
}

/// How a state that was run alone ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestStatus {
    Succeeded,
    Failed,
    /// A retrier means the error, and isn't used up.
    Retriable,
    CaughtError,
}

/// Why a state can't be run alone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateTestError {
    #[error("the definition has no state '{state}'")]
    NoSuchState { state: String },
    #[error("the {state_type} state '{state}' needs a mock: its work is not done here")]
    MockMissing { state: String, state_type: &'static str },
    #[error("the mocked result of the {state_type} state '{state}' must be an array: one result per branch")]
    MockNotAnArray { state: String, state_type: &'static str },
    #[error(
        "the mocked result of the {state_type} state '{state}' must be an object: what its ResultWriter tells"
    )]
    MockNotAnObject { state: String, state_type: &'static str },
    #[error("the state '{inner}' that the error comes from is not inside the state '{state}'")]
    NotInside { inner: String, state: String },
    #[error("the data of an item reader must be an array")]
    ReaderDataNotAnArray,
    #[error(
        "an evaluation of the state '{state}' took too long on this machine: try again, or make its expressions do less"
    )]
    TooSlow { state: String },
}

/// The name of a state that is tested without a machine around it, as AWS shows it in the Context object.
pub const LONE_STATE: &str = "StateName";

/// Runs one state, at any depth of the definition.
///
/// `run` gives the ARNs of the Context object, and the randomness. Nothing that the state does depends on states around
/// it: a state inside a Map state sees what `test` says, and no more.
///
/// # Errors
///
/// See [`StateTestError`]. What goes wrong in the state itself is no error, but its result.
pub fn test_state(
    definition: &Definition,
    state: &str,
    run: &Run,
    test: &StateTest,
    now_ms: i64,
) -> Result<StateTested, StateTestError> {
    let no_such_state = || StateTestError::NoSuchState { state: state.to_owned() };
    check_mock(definition.state(state).ok_or_else(no_such_state)?, test)?;
    if let Some(inner) = &test.error_caused_by_state
        && !is_inside(definition, inner, state)
    {
        return Err(StateTestError::NotInside { inner: inner.clone(), state: state.to_owned() });
    }
    let replaced = without_children(definition, state, test)?;
    let definition = replaced.as_ref().unwrap_or(definition);
    let found = definition.state(state).ok_or_else(no_such_state)?;
    let context = test.context.clone().unwrap_or_else(|| default_context(found, run, test, now_ms));
    let run = &Run { context: Some(context), input: Some(test.input.clone()), ..run.clone() };
    let mut trace = Trace::new(Link::Nothing, Wanted::These(Vec::new()));
    trace.inspection = Some(RefCell::default());
    let (mut came, mut variables) =
        enter_alone(definition, run, state, test.input.clone(), test.variables.clone(), now_ms, &mut trace);
    if let Came::Waits(position) = &came
        && !was_reported(&trace)
    {
        let position = with_retries(found, position, test);
        let outcome = answer(found, &position, test)?;
        let now_ms = now_ms.max(position.due_ms());
        (came, variables) = settle_alone(definition, run, &position, &outcome, now_ms, &mut trace);
    }
    tested(came, variables, trace).ok_or_else(|| StateTestError::TooSlow { state: state.to_owned() })
}

/// What the work of a Map or Parallel state gives has its shape, whatever the state's input is.
fn check_mock(state: &State, test: &StateTest) -> Result<(), StateTestError> {
    let (name, state_type) = (state.name.clone(), state.kind.type_name());
    match (&state.kind, &test.mock) {
        (Kind::Map(map), Some(Mock::Result(result))) if writes_results(&map.mode) => {
            let error = StateTestError::MockNotAnObject { state: name, state_type };
            result.is_object().then_some(()).ok_or(error)
        }
        (Kind::Map(_) | Kind::Parallel(_), Some(Mock::Result(result))) if !result.is_array() => {
            Err(StateTestError::MockNotAnArray { state: name, state_type })
        }
        _ => Ok(()),
    }
}

/// Whether a Map state's results are in files, and its own result tells where.
fn writes_results(mode: &MapMode) -> bool {
    match mode {
        MapMode::Inline => false,
        MapMode::Distributed(map) => {
            map.result_writer.as_ref().is_some_and(|writer| writer.resource.is_some())
        }
    }
}

/// Whether a state lies in the other one, at any depth.
fn is_inside(definition: &Definition, inner: &str, outer: &str) -> bool {
    let mut state = definition.state(inner);
    while let Some(parent) = state.and_then(|state| state.parent.as_ref()) {
        if parent.state == outer {
            return true;
        }
        state = definition.state(&parent.state);
    }
    false
}

/// A machine around a lone state, with an end for each state that it leads to: what the TestState API takes as a
/// definition. The state's name is [`LONE_STATE`].
pub fn machine_of(state: &str) -> String {
    let mut targets = BTreeSet::new();
    if let Ok(state) = serde_json::from_str::<Value>(state) {
        collect_targets(&state, &mut targets);
    }
    targets.remove(LONE_STATE);
    let ends: String =
        targets.iter().map(|name| format!(", {}: {{\"Type\": \"Succeed\"}}", json!(name))).collect();
    format!("{{\"StartAt\": \"{LONE_STATE}\", \"States\": {{\"{LONE_STATE}\": {state}{ends}}}}}")
}

/// The names that a state leads to: not those inside of it.
fn collect_targets(state: &Value, targets: &mut BTreeSet<String>) {
    let name = |value: &Value, field: &str| value.get(field).and_then(Value::as_str).map(str::to_owned);
    targets.extend(name(state, "Next"));
    targets.extend(name(state, "Default"));
    for list in ["Choices", "Catch"] {
        let items = state.get(list).and_then(Value::as_array).into_iter().flatten();
        targets.extend(items.filter_map(|item| name(item, "Next")));
    }
}

/// The definition with a distributed Map state as if it ran in the run itself, with the items that its reader is said to
/// have read: where its iterations would run is no matter, for the mock stands for them. None, where nothing has to change.
fn without_children(
    definition: &Definition,
    state: &str,
    test: &StateTest,
) -> Result<Option<Definition>, StateTestError> {
    let is_distributed = |kind: &Kind| matches!(kind, Kind::Map(map) if map.mode != MapMode::Inline);
    if !definition.state(state).is_some_and(|state| is_distributed(&state.kind)) {
        return Ok(None);
    }
    let items = match &test.map_item_reader_data {
        Some(Value::Array(items)) => Value::Array(items.clone()),
        Some(_) => return Err(StateTestError::ReaderDataNotAnArray),
        // One item that nobody looks at: the mock says what comes of it.
        None => json!([null]),
    };
    let mut definition = definition.clone();
    if let Some(State { kind: Kind::Map(map), .. }) = definition.states.get_mut(state)
        && let MapMode::Distributed(distributed) = std::mem::replace(&mut map.mode, MapMode::Inline)
        && distributed.item_reader.is_some()
    {
        map.items = Items::Template(Template::Literal(items));
    }
    Ok(Some(definition))
}

/// As AWS makes it for TestState, which has no RedriveCount.
fn default_context(state: &State, run: &Run, test: &StateTest, now_ms: i64) -> Value {
    let time = timestamp::format(now_ms);
    let mut context = json!({
        "Execution": {
            "Id": format!(
                "arn:aws:states:{}:{}:express:{}:{}",
                run.region, run.account, run.workflow, run.name
            ),
            "Input": test.input,
            "Name": run.name,
            "RoleArn": test.role_arn,
            "StartTime": time,
        },
        "StateMachine": { "Id": run.state_machine_arn(), "Name": run.workflow },
        "State": { "Name": LONE_STATE, "EnteredTime": time },
    });
    let mut set = |pointer: &str, name: &str, value: Value| {
        if let Some(Value::Object(members)) = context.pointer_mut(pointer) {
            members.insert(name.to_owned(), value);
        }
    };
    if matches!(state.kind, Kind::Task(_) | Kind::Map(_) | Kind::Parallel(_)) {
        set("/State", "RetryCount", json!(test.retrier_retry_count));
    }
    if let Kind::Task(task) = &state.kind
        && task.resource.waits_for_token()
    {
        set(
            "",
            "Task",
            json!({ "Token": run.token(TaskKey { branch: Branch::default(), entered_seq: 0, attempt: 1 }) }),
        );
    }
    context
}

fn was_reported(trace: &Trace) -> bool {
    let watched = trace.inspection.as_ref().and_then(|watched| watched.try_borrow().ok());
    watched.is_some_and(|watched| watched.reported.is_some())
}

/// The position, as if the retrier that means the mocked error had been used so often.
fn with_retries(state: &State, position: &Position, test: &StateTest) -> Position {
    let error = match &test.mock {
        Some(Mock::Error { error, .. }) => error.as_deref().unwrap_or_default(),
        // The only error that a result can turn into.
        _ => errors::EXCEED_TOLERATED_FAILURE_THRESHOLD,
    };
    let means = state.retry.iter().position(|retrier| retrier.matches(error));
    let used = |index| if Some(index) == means { test.retrier_retry_count } else { 0 };
    Position { retries: (0..state.retry.len()).map(used).collect(), ..position.clone() }
}

/// The outcome that the mock stands for.
fn answer(state: &State, position: &Position, test: &StateTest) -> Result<Outcome, StateTestError> {
    let state_type = state.kind.type_name();
    let name = || state.name.clone();
    let mock = match (position.awaiting, &test.mock) {
        (Awaiting::Timer { .. }, _) => return Ok(Outcome::TimerFired),
        (_, Some(mock)) => mock,
        (_, None) => return Err(StateTestError::MockMissing { state: name(), state_type }),
    };
    let failed = |error: Option<&str>, cause: Option<&str>| Outcome::Failed {
        error: error.unwrap_or_default().to_owned(),
        cause: cause.map(str::to_owned),
        phase: Phase::Run,
    };
    match (mock, position.fan_out()) {
        (Mock::Error { error, cause }, _) => Ok(failed(error.as_deref(), cause.as_deref())),
        (Mock::Result(result), None) => Ok(Outcome::Responded { response: result.clone() }),
        (Mock::Result(_), Some(fan_out))
            if has_tolerance(state) && test.map_iteration_failure_count > fan_out.failures_tolerated =>
        {
            Ok(failed(
                Some(errors::EXCEED_TOLERATED_FAILURE_THRESHOLD),
                Some("The specified tolerated failure threshold was exceeded"),
            ))
        }
        (Mock::Result(Value::Array(results)), Some(_)) => {
            Ok(Outcome::Joined { results: results.clone(), events: 0 })
        }
        // What a result writer tells, as it is.
        (Mock::Result(result), Some(_)) => Ok(Outcome::Responded { response: result.clone() }),
    }
}

/// Without one, AWS doesn't look at the number of failed iterations.
fn has_tolerance(state: &State) -> bool {
    match &state.kind {
        Kind::Map(map) => map.tolerated_failure_count.is_some() || map.tolerated_failure_percentage.is_some(),
        _ => false,
    }
}

/// None, if nobody knows what became of it.
fn tested(came: Came, variables: Map<String, Value>, trace: Trace) -> Option<StateTested> {
    let Watched { mut inspection, reported } = trace.inspection.map(RefCell::into_inner).unwrap_or_default();
    if !variables.is_empty() {
        inspection.variables = Some(Value::Object(variables));
    }
    let Reported { error, cause } = reported.unwrap_or_default();
    let is_caught = inspection.error_details.is_some_and(|details| details.catch_index.is_some());
    let (status, output, next_state) = match came {
        Came::Next { state, output } if is_caught => (TestStatus::CaughtError, Some(output), Some(state)),
        Came::Next { state, output } => (TestStatus::Succeeded, Some(output), Some(state)),
        Came::GaveUp => return None,
        Came::Waits(_) => (TestStatus::Retriable, None, None),
        Came::End(end) if end.status == Status::Succeeded => (TestStatus::Succeeded, end.output, None),
        Came::End(end) => {
            let (error, cause) = (end.error, end.cause);
            let status = TestStatus::Failed;
            return Some(StateTested { status, output: None, next_state: None, error, cause, inspection });
        }
    };
    Some(StateTested { status, output, next_state, error, cause, inspection })
}

impl TestStatus {
    /// As AWS's API spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            TestStatus::Succeeded => "SUCCEEDED",
            TestStatus::Failed => "FAILED",
            TestStatus::Retriable => "RETRIABLE",
            TestStatus::CaughtError => "CAUGHT_ERROR",
        }
    }
}
