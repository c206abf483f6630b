//! Follows workflow.asl.json in process: as much of the language as that definition uses, and no more.
//!
//! It is small enough to be believed by reading. So these tests hold the definition, the steps' types and the samples
//! together without the engine, and the engine's own tests can't share a mistake with them.

use order_processing::payment::FakeProvider;
use order_processing::records::MemoryRecords;
use order_processing::steps::{
    charge_payment, create_invoice, reserve_inventory, send_confirmation, validate_order,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use stepladder::{Step, StepError};

pub(crate) const DEFINITION: &str = include_str!("../../workflow.asl.json");

/// How a run ended, and through which states it came.
pub(crate) struct End {
    pub(crate) status: &'static str,
    pub(crate) error: Option<String>,
    pub(crate) cause: Option<String>,
    pub(crate) output: Option<Value>,
    pub(crate) states: Vec<String>,
}

/// The definition with everything that it calls.
pub(crate) struct Machine<'a> {
    definition: Value,
    provider: FakeProvider,
    records: &'a MemoryRecords,
    /// This state times out on every attempt, after its work or without.
    broken: Option<(&'static str, bool)>,
}

/// An ASL error: its name, and its cause unless it has none.
type Failure = (String, Option<String>);

impl<'a> Machine<'a> {
    pub(crate) fn new(records: &'a MemoryRecords) -> Self {
        let definition = serde_json::from_str(DEFINITION).expect("it is JSON");
        Self { definition, provider: FakeProvider::new(1, 20), records, broken: None }
    }

    pub(crate) fn breaking(self, state: &'static str, does_its_work: bool) -> Self {
        Self { broken: Some((state, does_its_work)), ..self }
    }

    pub(crate) async fn run(&self, name: &str, input: Value) -> End {
        let context =
            json!({"Execution": {"Name": name}, "State": {"EnteredTime": "2026-11-02T08:13:45.000Z"}});
        let mut states = Vec::new();
        let mut current = self.definition["StartAt"].as_str().expect("a start").to_owned();
        let mut data = input;
        loop {
            states.push(current.clone());
            assert!(states.len() < 64, "the run goes in circles: {states:?}");
            let state = &self.definition["States"][&current];
            let next = match state["Type"].as_str() {
                Some("Wait") => &state["Next"],
                Some("Choice") => choose(state, &data),
                Some("Pass") => {
                    data = fill(&state["Parameters"], &data, &context);
                    &state["Next"]
                }
                Some("Succeed") => {
                    return End { status: "SUCCEEDED", error: None, cause: None, output: Some(data), states };
                }
                Some("Fail") => {
                    let text = |plain: &str, path: &str| match (&state[plain], &state[path]) {
                        (Value::String(plain), _) => Some(plain.clone()),
                        (_, Value::String(path)) => {
                            Some(evaluate(path, &data, &context).as_str().expect("a text").to_owned())
                        }
                        _ => None,
                    };
                    let (error, cause) = (text("Error", "ErrorPath"), text("Cause", "CausePath"));
                    return End { status: "FAILED", error, cause, output: None, states };
                }
                Some("Task") => match self.task(&current, state, &data, &context).await {
                    Ok(result) => {
                        let selector = &state["ResultSelector"];
                        let result =
                            if selector.is_null() { result } else { fill(selector, &result, &context) };
                        data = put(data, state["ResultPath"].as_str(), result);
                        &state["Next"]
                    }
                    Err((error, cause)) => match matching(&state["Catch"], &error) {
                        Some((_, catcher)) => {
                            let mut told = json!({"Error": error});
                            if let Some(cause) = cause {
                                told["Cause"] = json!(cause);
                            }
                            data = put(data, catcher["ResultPath"].as_str(), told);
                            &catcher["Next"]
                        }
                        None => {
                            return End { status: "FAILED", error: Some(error), cause, output: None, states };
                        }
                    },
                },
                other => panic!("{current} is of type {other:?}"),
            };
            current = next.as_str().expect("a next state").to_owned();
        }
    }

    /// The task with its retries, without their delays.
    async fn task(&self, name: &str, state: &Value, data: &Value, context: &Value) -> Result<Value, Failure> {
        let run = context["Execution"]["Name"].as_str().expect("a name");
        let resource = state["Resource"].as_str().expect("a resource");
        let parameters = &state["Parameters"];
        let input = if parameters.is_null() { data.clone() } else { fill(parameters, data, context) };
        let is_enveloped = resource == "arn:aws:states:::lambda:invoke";
        let (function, payload) = if is_enveloped {
            (input["FunctionName"].as_str().expect("a function").to_owned(), input["Payload"].clone())
        } else {
            let function = resource.strip_prefix("arn:aws:lambda:us-east-1:000000000000:function:");
            (function.expect("a function's ARN").to_owned(), input)
        };
        let mut used: Vec<u64> = vec![0; state["Retry"].as_array().map_or(0, Vec::len)];
        for attempt in 1.. {
            let step = Step::for_test(name).with_run("order-processing", run).with_attempt(attempt);
            let result = match self.broken {
                Some((broken, does_its_work)) if broken == name => {
                    if does_its_work {
                        let _ = self.call(&function, payload.clone(), step).await;
                    }
                    Err(("States.Timeout".to_owned(), None))
                }
                _ => self.call(&function, payload.clone(), step).await,
            };
            match result {
                Ok(result) if is_enveloped => return Ok(json!({"StatusCode": 200, "Payload": result})),
                Ok(result) => return Ok(result),
                Err(failure) => match matching(&state["Retry"], &failure.0) {
                    Some((index, retrier))
                        if used[index] < retrier["MaxAttempts"].as_u64().expect("a number") =>
                    {
                        used[index] += 1;
                    }
                    _ => return Err(failure),
                },
            }
        }
        unreachable!("every retrier has an end")
    }

    async fn call(&self, function: &str, payload: Value, step: Step) -> Result<Value, Failure> {
        let records = self.records;
        match function {
            "validate-order" => answer(validate_order::validate_order(&payload)),
            "charge-payment" => {
                answer(charge_payment::pay(read(payload)?, &step, &self.provider, records).await)
            }
            "reserve-inventory" => {
                answer(reserve_inventory::take_stock(read(payload)?, &step, records).await)
            }
            "create-invoice" => answer(create_invoice::invoice(read(payload)?, &step, records).await),
            "send-confirmation" => answer(send_confirmation::confirm(read(payload)?, &step, records).await),
            other => panic!("there is no function {other}"),
        }
    }
}

fn read<T: DeserializeOwned>(payload: Value) -> Result<T, Failure> {
    serde_json::from_value(payload).map_err(|error| ("InvalidInput".to_owned(), Some(error.to_string())))
}

fn answer<T: Serialize, E: StepError>(result: Result<T, E>) -> Result<Value, Failure> {
    match result {
        Ok(output) => Ok(serde_json::to_value(output).expect("an output is JSON")),
        Err(error) => {
            let cause =
                json!({"errorMessage": error.to_string(), "errorType": error.error_name(), "stackTrace": []});
            Err((error.error_name(), Some(cause.to_string())))
        }
    }
}

fn matching<'v>(rules: &'v Value, error: &str) -> Option<(usize, &'v Value)> {
    let is_for = |rule: &Value| {
        let names = rule["ErrorEquals"].as_array().expect("names");
        names.iter().any(|name| name == error || name == "States.ALL")
    };
    rules.as_array()?.iter().enumerate().find(|(_, rule)| is_for(rule))
}

fn choose<'v>(state: &'v Value, data: &Value) -> &'v Value {
    let is_chosen = |rule: &Value| {
        let variable = evaluate(rule["Variable"].as_str().expect("a path"), data, &Value::Null);
        match (&rule["NumericGreaterThan"], &rule["StringEquals"]) {
            (Value::Number(limit), _) => variable.as_f64() > limit.as_f64(),
            (_, Value::String(text)) => variable == text.as_str(),
            _ => panic!("no such comparison: {rule}"),
        }
    };
    let rules = state["Choices"].as_array().expect("choices");
    rules.iter().find(|rule| is_chosen(rule)).map_or(&state["Default"], |rule| &rule["Next"])
}

/// A payload template with its paths and functions filled in.
fn fill(template: &Value, data: &Value, context: &Value) -> Value {
    let Value::Object(members) = template else {
        return template.clone();
    };
    let filled: Map<String, Value> = members
        .iter()
        .map(|(key, value)| match (key.strip_suffix(".$"), value) {
            (Some(key), Value::String(path)) => (key.to_owned(), evaluate(path, data, context)),
            _ => (key.clone(), fill(value, data, context)),
        })
        .collect();
    Value::Object(filled)
}

fn evaluate(text: &str, data: &Value, context: &Value) -> Value {
    if let Some(argument) = text.strip_prefix("States.JsonToString(").and_then(|rest| rest.strip_suffix(')'))
    {
        return json!(evaluate(argument, data, context).to_string());
    }
    if let Some(arguments) = text.strip_prefix("States.Format('").and_then(|rest| rest.strip_suffix(')')) {
        let (template, paths) = arguments.split_once("', ").expect("a template and its arguments");
        let mut formatted = template.to_owned();
        for path in paths.split(", ") {
            let value = match evaluate(path, data, context) {
                Value::String(text) => text,
                other => other.to_string(),
            };
            formatted = formatted.replacen("{}", &value, 1);
        }
        return json!(formatted);
    }
    let (root, path) = match text.strip_prefix("$$") {
        Some(path) => (context, path),
        None => (data, text.strip_prefix('$').expect("a path")),
    };
    let pointer = path.replace('.', "/");
    root.pointer(&pointer).unwrap_or_else(|| panic!("{text} is not in {root}")).clone()
}

fn put(data: Value, path: Option<&str>, result: Value) -> Value {
    let Some(key) = path.and_then(|path| path.strip_prefix("$.")) else {
        return result;
    };
    let mut data = data;
    data[key] = result;
    data
}
