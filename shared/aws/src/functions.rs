//! Direct calls of functions on Lambda.

use crate::{
    clients::Clients,
    error::{never, world_error},
};
use aws_sdk_lambda::{operation::invoke::InvokeError, primitives::Blob};
use futures::future::BoxFuture;
use serde::Deserialize;
use std::{fmt, sync::Arc};
use stepladder_protocol::{Functions, Invoked, WorldResult};

type Invoke = dyn Fn(String, String) -> BoxFuture<'static, WorldResult<Invoked>> + Send + Sync;

/// [`Functions`] on Lambda. Its client stands behind a pointer: a binary that never calls a function doesn't hold it.
#[derive(Clone, Default)]
pub struct LambdaFunctions(Option<Arc<Invoke>>);

impl fmt::Debug for LambdaFunctions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LambdaFunctions")
    }
}

impl Functions for LambdaFunctions {
    async fn invoke(&self, function: &str, payload: String) -> WorldResult<Invoked> {
        match &self.0 {
            Some(invoke) => invoke(function.to_owned(), payload).await,
            None => Err(never(
                format!("invoke function {function}"),
                "only the dead-letter function calls other functions",
            )),
        }
    }
}

struct Caller {
    clients: Arc<Clients>,
    stack: String,
}

impl Caller {
    async fn invoke(&self, function: &str, payload: String) -> WorldResult<Invoked> {
        let operation = || format!("invoke function {function}");
        let name = format!("{}-{function}", self.stack);
        let request = self.clients.lambda().invoke().function_name(name).payload(Blob::new(payload));
        let answer = request.send().await;
        match answer {
            Ok(answer) => {
                let bytes = answer.payload.map(Blob::into_inner).unwrap_or_default();
                if let Some(kind) = answer.function_error {
                    return Ok(died(kind, &bytes));
                }
                let text = String::from_utf8(bytes)
                    .map_err(|error| never(operation(), format!("its answer is no text: {error}")))?;
                Ok(Invoked::Returned(text))
            }
            Err(error)
                if error.as_service_error().is_some_and(InvokeError::is_resource_not_found_exception) =>
            {
                Ok(Invoked::NoSuchFunction)
            }
            Err(error) => Err(world_error(operation(), &error)),
        }
    }
}

impl LambdaFunctions {
    pub(crate) fn new(clients: Arc<Clients>, stack: String) -> Self {
        let caller = Arc::new(Caller { clients, stack });
        Self(Some(Arc::new(move |function, payload| {
            let caller = Arc::clone(&caller);
            Box::pin(async move { caller.invoke(&function, payload).await })
        })))
    }
}

/// What Lambda says of a function that failed. `kind` is `Handled` or `Unhandled`; the type is missing where a
/// function ran into its timeout (<https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>).
fn died(kind: String, payload: &[u8]) -> Invoked {
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase", default)]
    struct Failure {
        error_type: Option<String>,
        error_message: Option<String>,
    }
    let failure: Failure = serde_json::from_slice(payload).unwrap_or_default();
    Invoked::Died {
        error_type: failure.error_type.unwrap_or(kind),
        message: failure.error_message.unwrap_or_else(|| String::from_utf8_lossy(payload).into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(payload: &str, error_type: &str, message: &str) {
        let expected = Invoked::Died { error_type: error_type.to_owned(), message: message.to_owned() };
        assert_eq!(died("Unhandled".to_owned(), payload.as_bytes()), expected);
    }

    #[test]
    fn a_functions_death_is_told_in_lambdas_own_words() {
        check(
            r#"{"errorType":"Runtime.ExitError","errorMessage":"exit status 1"}"#,
            "Runtime.ExitError",
            "exit status 1",
        );
        check(
            r#"{"errorMessage":"Task timed out after 3.00 seconds"}"#,
            "Unhandled",
            "Task timed out after 3.00 seconds",
        );
        check("no JSON", "Unhandled", "no JSON");
        check("[]", "Unhandled", "[]");
    }
}
