//! TestState.

use super::{context, diagnostics::invalid_definition, start::parse};
use crate::{
    Api,
    answer::Answer,
    arn,
    error::{ApiError, Kind},
    fields::{Fields, Text},
};
use serde_json::{Map, Value, json};
use stepladder_asl::{Definition, Fault, Kind as StateKind, State};
use stepladder_engine::{
    Inspection, LONE_STATE, Mock, Run, StateTest, StateTestError, StateTested, machine_of, test_state,
};
use stepladder_protocol::{Clock, Host, uuid};

/// The workflow that the Context object names, where a state is tested.
const WORKFLOW: &str = "TestState";

/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_TestState.html>
///
/// Nothing is called: a Task state needs a mock. Whether a mocked result is one that the service could give
/// (`fieldValidationMode`) isn't looked at.
pub(super) fn test<H: Host>(api: &Api<H>, mut fields: Fields) -> Result<Value, ApiError> {
    let data = Text::data(super::start::data_bytes_max(api));
    let text = fields.required("definition", Text::DEFINITION)?;
    let role_arn = fields.text("roleArn", Text::ARN)?;
    let input = fields.text("input", data)?;
    let level = fields.one_of("inspectionLevel", &["INFO", "DEBUG", "TRACE"])?;
    let reveals_secrets = fields.boolean("revealSecrets")?.unwrap_or_default();
    let variables = fields.text("variables", data)?;
    let state_name = fields.text("stateName", Text::NAME)?;
    let context = fields.text("context", data)?;
    let mocked = fields.open("mock")?.map(|inner| mock(&mut fields, inner, data)).transpose()?;
    let mut test = StateTest { role_arn: role_arn.clone(), ..StateTest::default() };
    let mut reader_data = None;
    if let Some(mut inner) = fields.open("stateConfiguration")? {
        test.retrier_retry_count = inner.integer("retrierRetryCount", None)?.unwrap_or_default();
        let failures = inner.integer("mapIterationFailureCount", None)?.unwrap_or_default();
        test.map_iteration_failure_count = u32::try_from(failures).unwrap_or(u32::MAX);
        test.error_caused_by_state = inner.text("errorCausedByState", Text::NAME)?;
        reader_data = inner.text("mapItemReaderData", data)?;
        fields.close(inner);
    }
    fields.check()?;
    if let Some(role) = role_arn.filter(|role| !arn::is_role(role)) {
        return Err(ApiError::new(Kind::InvalidArn, format!("Invalid Role Arn: '{role}'")));
    }
    if mocked.is_some() && reveals_secrets {
        return Err(ApiError::validation(
            "TestState does not support RevealSecrets when a mock is specified.",
        ));
    }
    if context.is_some() && mocked.is_none() {
        return Err(ApiError::validation("A context can only be specified when a mock is specified."));
    }
    let json = |name: &str, text: &str| {
        parse(text).map_err(|why| ApiError::validation(format!("The {name} is not valid JSON: {why}")))
    };
    test.input = match input {
        Some(text) => parse(&text).map_err(ApiError::invalid_input)?,
        None => Value::Object(Map::new()),
    };
    test.context = context.map(|text| json("context", &text)).transpose()?;
    test.map_item_reader_data = reader_data.map(|text| json("mapItemReaderData", &text)).transpose()?;
    if let Some(text) = variables {
        let Value::Object(given) = json("variables", &text)? else {
            return Err(ApiError::validation("The variables have to be a JSON object."));
        };
        test.variables = given;
    }
    test.mock = mocked.map(|mocked| mocked.read(&json)).transpose()?;

    let definition = definition(&text, state_name.as_deref())?;
    let name = state_name.as_deref().unwrap_or(LONE_STATE);
    let state = definition.state(name);
    let state = state.ok_or_else(|| ApiError::validation("State not found in definition"))?;
    check_mock(state, test.mock.as_ref())?;
    if let Some(context) = &test.context {
        context::check(context, state)?;
    }
    let (settings, clock) = (api.protocol.host().settings(), api.protocol.host().clock());
    let run = Run {
        workflow: WORKFLOW.to_owned(),
        name: uuid(clock.random_u128()),
        nonce: format!("{:032x}", clock.random_u128()),
        definition: definition.hash.clone(),
        region: settings.region.clone(),
        account: settings.account.clone(),
        role_arn: settings.role_arn.clone(),
        started_ms: clock.now_ms(),
        redrive_count: 0,
        redriven_ms: None,
        version: None,
        alias: None,
        tenant: None,
        child: false,
        input: None,
        context: None,
    };
    let tested = test_state(&definition, name, &run, &test, run.started_ms).map_err(refused)?;
    shape(tested, level)
}

/// The machine that the state is in.
fn definition(text: &str, state_name: Option<&str>) -> Result<Definition, ApiError> {
    if state_name.is_some() {
        return Definition::parse(text).map_err(|faults| invalid_definition(faults.into_iter().collect()));
    }
    // What is no object can't be a state: the text alone is to blame, and not the machine around it.
    if !matches!(serde_json::from_str(text), Ok(Value::Object(_))) {
        let faults = Definition::parse(text).err().map(|faults| faults.into_iter().collect());
        return Err(invalid_definition(faults.unwrap_or_default()));
    }
    let around = format!("/States/{LONE_STATE}");
    let alone = |fault: Fault| {
        let path = fault.path.strip_prefix(&around).unwrap_or(&fault.path);
        let path = if path.is_empty() { "/".to_owned() } else { path.to_owned() };
        Fault { path, ..fault }
    };
    Definition::parse(&machine_of(text.trim()))
        .map_err(|faults| invalid_definition(faults.into_iter().map(alone).collect()))
}

/// A mock as it was given.
struct Mocked {
    result: Option<String>,
    error: Option<(Option<String>, Option<String>)>,
}

fn mock(fields: &mut Fields, mut inner: Fields, data: Text) -> Result<Mocked, ApiError> {
    let result = inner.text("result", data)?;
    inner.one_of("fieldValidationMode", &["STRICT", "PRESENT", "NONE"])?;
    let error = match inner.open("errorOutput")? {
        Some(mut output) => {
            let error = (output.text("error", Text::ERROR)?, output.text("cause", Text::CAUSE)?);
            inner.close(output);
            Some(error)
        }
        None => None,
    };
    fields.close(inner);
    Ok(Mocked { result, error })
}

impl Mocked {
    fn read(self, json: &impl Fn(&str, &str) -> Result<Value, ApiError>) -> Result<Mock, ApiError> {
        match (self.result, self.error) {
            (Some(_), Some(_)) => Err(ApiError::validation(
                "A test mock should have only one of the following fields: [result, errorOutput].",
            )),
            (Some(text), None) => json("mocked result", &text).map(Mock::Result),
            (None, Some((error, cause))) => Ok(Mock::Error { error, cause }),
            (None, None) => Err(ApiError::validation(
                "A test mock should have one of the following fields: [result, errorOutput].",
            )),
        }
    }
}

/// What AWS says about a mock for a state of this type.
fn check_mock(state: &State, mock: Option<&Mock>) -> Result<(), ApiError> {
    let state_type = state.kind.type_name();
    match (&state.kind, mock) {
        (StateKind::Task(_), None) => Err(ApiError::validation(
            "A Task state can only be tested with a mock: TestState calls nothing in this version of Stepladder.",
        )),
        (StateKind::Map(_) | StateKind::Parallel(_), None) => Err(ApiError::new(
            Kind::InvalidDefinition,
            "TestState API does not support Map or Parallel states. Supported state types include: [Task, Wait, Pass, \
             Succeed, Fail, Choice]",
        )),
        (StateKind::Parallel(parallel), Some(Mock::Result(Value::Array(results))))
            if results.len() != parallel.branches.len() =>
        {
            Err(ApiError::validation(
                "Mocked result must contain the same number of items as number of Parallel branches.",
            ))
        }
        (StateKind::Task(_) | StateKind::Map(_) | StateKind::Parallel(_), _) | (_, None) => Ok(()),
        (_, Some(_)) => Err(ApiError::validation(format!(
            "State type '{state_type}' is not supported when a mock is specified"
        ))),
    }
}

fn refused(error: StateTestError) -> ApiError {
    match error {
        StateTestError::MockNotAnArray { .. } => ApiError::validation("Mocked result must be an array."),
        StateTestError::MockNotAnObject { .. } => {
            ApiError::validation("Mocked result must be a JSON object.")
        }
        StateTestError::TooSlow { .. } => ApiError::new(Kind::ServiceUnavailable, error.to_string()),
        StateTestError::NoSuchState { .. }
        | StateTestError::MockMissing { .. }
        | StateTestError::NotInside { .. }
        | StateTestError::ReaderDataNotAnArray => ApiError::validation(error.to_string()),
    }
}

fn shape(tested: StateTested, level: Option<&str>) -> Result<Value, ApiError> {
    let answer = Answer::default()
        .set("status", tested.status.as_str())
        .set_some("output", tested.output.map(|output| output.to_string()))
        .set_some("error", tested.error)
        .set_some("cause", tested.cause)
        .set_some("nextState", tested.next_state);
    Ok(match level {
        Some("DEBUG" | "TRACE") => answer.set("inspectionData", inspection(&tested.inspection)?).into_value(),
        _ => answer.into_value(),
    })
}

/// Data becomes JSON text; numbers and details stay.
fn inspection(inspection: &Inspection) -> Result<Value, ApiError> {
    let shape = serde_json::to_value(inspection);
    let shape = shape.map_err(|_| ApiError::internal("an inspection could not be written"))?;
    let texts = shape.as_object().into_iter().flatten().map(|(name, value)| {
        let value = match name.as_str() {
            "maxConcurrency" | "toleratedFailureCount" | "toleratedFailurePercentage" => value.clone(),
            "errorDetails" => details(value),
            _ => json!(value.to_string()),
        };
        (name.clone(), value)
    });
    Ok(Value::Object(texts.collect()))
}

/// AWS's back-off is a whole number of seconds.
fn details(value: &Value) -> Value {
    let mut details = value.clone();
    if let Some(seconds) = details.get_mut("retryBackoffIntervalSeconds")
        && let Some(whole) = seconds.as_f64().map(f64::round)
    {
        *seconds = json!(whole as i64);
    }
    details
}
