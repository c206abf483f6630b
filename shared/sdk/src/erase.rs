//! A step's types end here: behind it there is only JSON, and code that is compiled once for all steps.

use crate::{Item, Step, StepError};
use futures::{FutureExt, future};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::{
    collections::HashMap,
    hash::Hash,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};
use stepladder_protocol::{BatchCall, BatchFunction, StepFailure, StepFunction, error_cause, panicked};

/// The input of a state is not what its step takes.
const INVALID_INPUT: &str = "InvalidInput";
/// The output of a step can't be written as JSON.
const INVALID_OUTPUT: &str = "InvalidOutput";

pub(crate) fn step<F, Fut, I, O, E>(step: F) -> StepFunction
where
    F: Fn(I, Step) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<O, E>> + Send + 'static,
    I: DeserializeOwned + Send + 'static,
    O: Serialize + Send + 'static,
    E: StepError + Send + 'static,
{
    Arc::new(move |request| {
        let (input, call) = Step::split(request);
        match read::<I>(input, &call) {
            Ok(input) => {
                let running = step(input, call);
                Box::pin(async move { answer(running.await) })
            }
            Err(failure) => Box::pin(std::future::ready(Err(failure))),
        }
    })
}

pub(crate) fn batch<F, Fut, I, O, E>(step: F) -> BatchFunction
where
    F: Fn(Vec<Item<I>>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Vec<Result<O, E>>> + Send + 'static,
    I: DeserializeOwned + Send + 'static,
    O: Serialize + Send + 'static,
    E: StepError + Send + 'static,
{
    grouped(|_: &I| (), step)
}

/// A call for each group; what can't be read, or has no key, is answered beside them.
pub(crate) fn grouped<G, K, F, Fut, I, O, E>(key: G, step: F) -> BatchFunction
where
    G: Fn(&I) -> K + Send + Sync + 'static,
    K: Eq + Hash,
    F: Fn(Vec<Item<I>>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Vec<Result<O, E>>> + Send + 'static,
    I: DeserializeOwned + Send + 'static,
    O: Serialize + Send + 'static,
    E: StepError + Send + 'static,
{
    let step = Arc::new(step);
    Arc::new(move |requests| {
        let mut calls = Vec::new();
        let mut groups: HashMap<K, (Vec<usize>, Vec<Item<I>>)> = HashMap::new();
        for (place, request) in requests.into_iter().enumerate() {
            let (input, call) = Step::split(request);
            let keyed = read::<I>(input, &call).and_then(|input| Ok((key_of(&key, &input)?, input)));
            match keyed {
                Ok((key, input)) => {
                    let (places, items) = groups.entry(key).or_default();
                    places.push(place);
                    items.push(Item { input, step: call });
                }
                Err(failure) => {
                    let results = future::ready(vec![Err(failure)]).boxed();
                    calls.push(BatchCall { places: vec![place], results });
                }
            }
        }
        calls.extend(groups.into_values().map(|(places, items)| {
            let step = Arc::clone(&step);
            // Also what the function does before its first await belongs to this call.
            let results = async move { step(items).await.into_iter().map(answer).collect() };
            BatchCall { places, results: results.boxed() }
        }));
        calls
    })
}

fn key_of<I, K>(key: &impl Fn(&I) -> K, input: &I) -> Result<K, StepFailure> {
    catch_unwind(AssertUnwindSafe(|| key(input))).map_err(|panic| panicked(panic.as_ref()))
}

fn read<I: DeserializeOwned>(input: Value, step: &Step) -> Result<I, StepFailure> {
    serde_path_to_error::deserialize(input).map_err(|error| {
        let path = error.path().to_string();
        invalid_input(step.state(), &path, error.inner())
    })
}

fn answer<O: Serialize, E: StepError>(result: Result<O, E>) -> Result<Value, StepFailure> {
    match result {
        Ok(output) => serde_json::to_value(output).map_err(|error| invalid_output(&error)),
        Err(error) => Err(named(error.error_name(), &error.to_string())),
    }
}

fn invalid_input(state: &str, path: &str, error: &serde_json::Error) -> StepFailure {
    let place = if path == "." { String::new() } else { format!(" at {path}") };
    failure(
        INVALID_INPUT,
        &format!("the input of the state '{state}' is not what its step takes{place}: {error}"),
    )
}

fn invalid_output(error: &serde_json::Error) -> StepFailure {
    failure(INVALID_OUTPUT, &format!("the step's output can't be written as JSON: {error}"))
}

/// An error without a name would match no ErrorEquals.
fn named(name: String, message: &str) -> StepFailure {
    let name = if name.is_empty() { "Error".to_owned() } else { name };
    StepFailure { cause: error_cause(&name, message), error: name }
}

fn failure(error: &str, message: &str) -> StepFailure {
    named(error.to_owned(), message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use serde_json::json;
    use std::{
        collections::{BTreeMap, BTreeSet},
        convert::Infallible,
    };
    use stepladder_engine::{Branch, Run, StepCall};
    use stepladder_protocol::StepRequest;

    #[derive(Debug, Deserialize, Serialize, PartialEq)]
    struct Line {
        sku: String,
        quantity: u32,
    }

    #[derive(Debug, Deserialize, Serialize, PartialEq)]
    struct Order {
        lines: Vec<Line>,
    }

    #[derive(Debug, thiserror::Error)]
    enum ChargeError {
        #[error("declined: {reason}")]
        CardDeclined { reason: String },
    }
    impl StepError for ChargeError {}

    /// An error whose derived name is not a name.
    struct Nameless;
    impl std::fmt::Debug for Nameless {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("\"?\"")
        }
    }
    impl std::fmt::Display for Nameless {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("something went wrong")
        }
    }
    impl StepError for Nameless {}

    fn request(input: Value) -> StepRequest {
        let call = StepCall {
            function: Some("charge".to_owned()),
            input,
            service: None,
            timeout_seconds: None,
            heartbeat_seconds: None,
            task_token: None,
            attempt: 3,
            idempotency_key: "key".to_owned(),
            operation_key: "operation".to_owned(),
        };
        let run = Run::for_test("order", "order-17");
        StepRequest {
            run,
            branch: Branch::default(),
            indexes: Vec::new(),
            state: "Charge".to_owned(),
            call,
            deadline_ms: 90_000,
        }
    }

    fn call(step: &StepFunction, input: Value) -> Result<Value, StepFailure> {
        step(request(input)).now_or_never().unwrap()
    }

    #[track_caller]
    fn check_failure(result: Result<Value, StepFailure>, error: &str, message: &str) {
        let failure = result.unwrap_err();
        let cause: Value = serde_json::from_str(&failure.cause).unwrap();
        assert_eq!(cause, json!({ "errorMessage": message, "errorType": error, "stackTrace": [] }));
        assert_eq!(failure.error, error);
    }

    #[test]
    fn a_step_gets_its_input_and_its_call() {
        let step = step(|order: Order, step: Step| async move {
            let seconds = step.deadline().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
            let call = json!([
                step.workflow(),
                step.run_name(),
                step.state(),
                step.attempt(),
                step.idempotency_key(),
                step.operation_key(),
                seconds
            ]);
            Ok::<_, Infallible>((order, call))
        });
        let order = json!({ "lines": [{ "sku": "a", "quantity": 2 }] });
        let expected = json!([order, ["order", "order-17", "Charge", 3, "key", "operation", 90]]);
        assert_eq!(call(&step, order), Ok(expected));
    }

    #[test]
    fn an_input_of_another_shape_names_the_place() {
        let step = step(|_: Order, _| async { Ok::<_, Infallible>(()) });
        check_failure(
            call(
                &step,
                json!({ "lines": [{ "sku": "a", "quantity": 1 }, { "sku": "b", "quantity": "two" }] }),
            ),
            "InvalidInput",
            "the input of the state 'Charge' is not what its step takes at lines[1].quantity: invalid type: string \
             \"two\", expected u32",
        );
        check_failure(
            call(&step, json!({})),
            "InvalidInput",
            "the input of the state 'Charge' is not what its step takes: missing field `lines`",
        );
        check_failure(
            call(&step, json!({ "lines": [{ "sku": "a", "quantity": 4_294_967_296_u64 }] })),
            "InvalidInput",
            "the input of the state 'Charge' is not what its step takes at lines[0].quantity: invalid value: integer \
             `4294967296`, expected u32",
        );
    }

    #[test]
    fn an_output_that_is_not_json_is_the_steps_failure() {
        let step = step(|_: Value, _| async { Ok::<_, Infallible>(BTreeMap::from([(vec![1], 2)])) });
        check_failure(
            call(&step, Value::Null),
            "InvalidOutput",
            "the step's output can't be written as JSON: key must be a string",
        );
    }

    #[test]
    fn an_error_is_named_by_its_variant() {
        let declining = step(|_: Value, _| async {
            Err::<(), _>(ChargeError::CardDeclined { reason: "expired".to_owned() })
        });
        check_failure(call(&declining, Value::Null), "CardDeclined", "declined: expired");
        let boxed = step(|_: Value, _| async {
            Err::<(), Box<dyn std::error::Error + Send + Sync>>("no connection".into())
        });
        check_failure(call(&boxed, Value::Null), "Error", "no connection");
        let nameless = step(|_: Value, _| async { Err::<(), _>(Nameless) });
        check_failure(call(&nameless, Value::Null), "Error", "something went wrong");
    }

    /// All results by their places, and what each call of the code was for.
    fn call_batch(
        code: &BatchFunction,
        inputs: &[Value],
    ) -> (Vec<Result<Value, StepFailure>>, BTreeSet<Vec<usize>>) {
        let mut results = vec![None; inputs.len()];
        let mut calls = BTreeSet::new();
        for call in code(inputs.iter().cloned().map(request).collect()) {
            let answers = call.results.now_or_never().unwrap();
            for (place, answer) in call.places.iter().zip(answers) {
                assert_eq!(results[*place].replace(answer), None, "two answers for one item");
            }
            calls.insert(call.places);
        }
        (results.into_iter().map(Option::unwrap).collect(), calls)
    }

    #[test]
    fn a_batch_answers_for_each_item_in_order() {
        let step = batch(|items: Vec<Item<u32>>| async move {
            let count = items.len();
            items
                .into_iter()
                .map(|item| match item.input {
                    0 => Err(ChargeError::CardDeclined { reason: "nothing to pay".to_owned() }),
                    input => Ok((input, count, item.step.attempt())),
                })
                .collect()
        });
        let (results, calls) = call_batch(&step, &[json!(1), json!("two"), json!(0), json!(3)]);
        assert_eq!(calls, BTreeSet::from([vec![1], vec![0, 2, 3]]));
        let mut results = results.into_iter();
        assert_eq!(results.next(), Some(Ok(json!([1, 3, 3]))));
        check_failure(
            results.next().unwrap(),
            "InvalidInput",
            "the input of the state 'Charge' is not what its step takes: invalid type: string \"two\", expected u32",
        );
        check_failure(results.next().unwrap(), "CardDeclined", "declined: nothing to pay");
        assert_eq!(results.next(), Some(Ok(json!([3, 3, 3]))));
        assert_eq!(results.next(), None);
    }

    #[test]
    fn a_batch_of_unreadable_inputs_calls_nothing() {
        let step = batch(|_: Vec<Item<u32>>| async { panic!("called") as Vec<Result<(), Infallible>> });
        let (results, _) = call_batch(&step, &[json!("one"), json!("two")]);
        assert!(results.iter().all(|result| result.as_ref().unwrap_err().error == "InvalidInput"));
        assert_eq!(results.len(), 2);
    }

    #[test]
    fn items_with_one_key_are_one_call_in_their_order() {
        let step = grouped(
            |text: &String| text.chars().next().expect("not empty"),
            |items: Vec<Item<String>>| async move {
                let all: Vec<String> = items.into_iter().map(|item| item.input).collect();
                all.iter().map(|one| Ok::<_, Infallible>((one.clone(), all.join("+")))).collect()
            },
        );
        let inputs = ["a1", "b1", "", "a2", "c1", "b2"].map(|text| json!(text));
        let (results, calls) = call_batch(&step, &inputs);
        assert_eq!(calls, BTreeSet::from([vec![0, 3], vec![1, 5], vec![2], vec![4]]));
        assert_eq!(results[3], Ok(json!(["a2", "a1+a2"])));
        assert_eq!(results[5], Ok(json!(["b2", "b1+b2"])));
        assert_eq!(results[4], Ok(json!(["c1", "c1"])));
        // Who has no key is in no call, and is told why.
        check_failure(results[2].clone(), "Panic", "not empty");
    }
}
