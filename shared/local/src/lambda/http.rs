//! The Runtime API, as the functions call it, and the Invoke API, as clients do.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Response, StatusCode};
use http_body_util::Full;
use serde_json::json;

use super::function::Function;
use super::host::LambdaHost;
use super::invoke::InvokeError;
use crate::clock::now_ms;
use crate::limits;
use crate::sqs::new_uuid;

type Reply = Response<Full<Bytes>>;

/// Answers a call of the Runtime API; `path` is what follows `/lambda/`.
/// <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>
pub(crate) async fn runtime_api(
    host: &LambdaHost,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
    body: Option<Bytes>,
) -> Reply {
    let parts: Vec<&str> = path.split('/').collect();
    let Some((function, environment)) = parts.first().and_then(|token| host.environment(token)) else {
        return runtime_error(StatusCode::FORBIDDEN, "InvalidEnvironment", "This environment has ended.");
    };
    match (method, parts.get(1..).unwrap_or_default()) {
        (&Method::GET, ["2018-06-01", "runtime", "invocation", "next"]) => {
            next(&function, environment.id).await
        }
        (&Method::POST, ["2018-06-01", "runtime", "invocation", request_id, "response"]) => match body {
            Some(body) if body.len() <= limits::INVOKE_BYTES_MAX => {
                finished(function.finish(environment.id, request_id, false, body))
            }
            _ => {
                let message = format!(
                    "Response payload size exceeded maximum allowed payload size ({} bytes).",
                    limits::INVOKE_BYTES_MAX
                );
                let error = json!({ "errorType": "Function.ResponseSizeTooLarge", "errorMessage": message });
                function.finish(environment.id, request_id, true, error.to_string().into());
                runtime_error(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", &message)
            }
        },
        (&Method::POST, ["2018-06-01", "runtime", "invocation", request_id, "error"]) => {
            finished(function.finish(environment.id, request_id, true, error_payload(headers, body)))
        }
        (&Method::POST, ["2018-06-01", "runtime", "init", "error"]) => {
            function.init_error(environment.id, error_payload(headers, body));
            accepted()
        }
        (&Method::POST, ["2020-01-01", "extension", "register"]) => {
            environment.set_wants_sigterm();
            let answer = json!({
                "functionName": function.config.name, "functionVersion": "$LATEST", "handler": "bootstrap",
            });
            let mut reply = json_reply(StatusCode::OK, answer.to_string().into());
            insert(reply.headers_mut(), "lambda-extension-identifier", new_uuid());
            reply
        }
        // No event ever comes: the end of the environment is told by SIGTERM.
        (&Method::GET, ["2020-01-01", "extension", "event", "next"]) => std::future::pending().await,
        _ => runtime_error(StatusCode::NOT_FOUND, "InvalidPath", "There is no such path in the Runtime API."),
    }
}

async fn next(function: &std::sync::Arc<Function>, id: u64) -> Reply {
    let invocation = match function.poll(id) {
        Some(poll) => poll.await.ok(),
        None => None,
    };
    let Some(invocation) = invocation else {
        return runtime_error(StatusCode::FORBIDDEN, "InvalidEnvironment", "This environment has ended.");
    };
    let mut reply = json_reply(StatusCode::OK, invocation.payload);
    let headers = reply.headers_mut();
    let trace = format!("Root=1-{:08x}-{:024x};Sampled=0", now_ms() / 1_000, rand::random::<u128>() >> 32);
    insert(headers, "lambda-runtime-aws-request-id", invocation.request_id);
    insert(headers, "lambda-runtime-deadline-ms", invocation.deadline_ms.to_string());
    insert(headers, "lambda-runtime-invoked-function-arn", function.arn.clone());
    insert(headers, "lambda-runtime-trace-id", trace);
    reply
}

/// What the program says about its error; the header's type stands in when the body has none.
fn error_payload(headers: &HeaderMap, body: Option<Bytes>) -> Bytes {
    match body {
        Some(body) if !body.is_empty() && body.len() <= limits::INVOKE_BYTES_MAX => body,
        _ => {
            let error_type =
                headers.get("lambda-runtime-function-error-type").and_then(|value| value.to_str().ok());
            let error_type = error_type.unwrap_or("Runtime.UnknownReason");
            json!({ "errorType": error_type, "errorMessage": "The function gave no readable error." })
                .to_string()
                .into()
        }
    }
}

fn finished(known: bool) -> Reply {
    if known {
        accepted()
    } else {
        runtime_error(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID")
    }
}

fn accepted() -> Reply {
    json_reply(StatusCode::ACCEPTED, Bytes::from_static(b"{\"status\":\"OK\"}\n"))
}

fn runtime_error(status: StatusCode, error_type: &str, message: &str) -> Reply {
    json_reply(status, json!({ "errorType": error_type, "errorMessage": message }).to_string().into())
}

/// Answers a call of Lambda's API; `path` is what follows `/2015-03-31/functions/`.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>
pub(crate) async fn invoke_api(
    host: &LambdaHost,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
    body: Option<Bytes>,
) -> Reply {
    let name = match (method, path.split('/').collect::<Vec<_>>().as_slice()) {
        (&Method::POST, [name, "invocations"]) => function_name(name),
        _ => {
            let message = "The local Lambda host answers Invoke only.";
            return api_error(StatusCode::NOT_FOUND, "ResourceNotFoundException", message);
        }
    };
    let Some(body) = body else {
        let bytes = limits::INVOKE_BYTES_MAX;
        return invoke_error(InvokeError::TooLarge { bytes: bytes + 1, bytes_max: bytes });
    };
    match headers.get("x-amz-invocation-type").and_then(|value| value.to_str().ok()) {
        None | Some("RequestResponse") => match host.invoke(&name, body).await {
            Err(error) => invoke_error(error),
            Ok(outcome) => {
                let mut reply = json_reply(StatusCode::OK, outcome.payload);
                let headers = reply.headers_mut();
                insert(headers, "x-amzn-requestid", outcome.request_id);
                insert(headers, "x-amz-executed-version", "$LATEST".to_owned());
                if outcome.failed {
                    insert(headers, "x-amz-function-error", "Unhandled".to_owned());
                }
                reply
            }
        },
        Some("Event") => match host.invoke_async(&name, body) {
            Err(error) => invoke_error(error),
            Ok(()) => json_reply(StatusCode::ACCEPTED, Bytes::new()),
        },
        Some("DryRun") => match host.has_function(&name) {
            true => json_reply(StatusCode::NO_CONTENT, Bytes::new()),
            false => invoke_error(InvokeError::NotFound(name)),
        },
        Some(other) => {
            let message =
                format!("The invocation type {other} is none of RequestResponse, Event and DryRun.");
            api_error(StatusCode::BAD_REQUEST, "InvalidParameterValueException", &message)
        }
    }
}

/// The name in a name, a partial or a whole ARN, each with or without a version or an alias.
fn function_name(given: &str) -> String {
    let given = given.replace("%3A", ":").replace("%3a", ":").replace("%24", "$");
    let after = given.split_once("function:").map_or(given.as_str(), |(_, after)| after);
    after.split(':').next().unwrap_or_default().to_owned()
}

fn invoke_error(error: InvokeError) -> Reply {
    let (status, name) = match error {
        InvokeError::NotFound(_) => (StatusCode::NOT_FOUND, "ResourceNotFoundException"),
        InvokeError::TooManyRequests(_) => (StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException"),
        InvokeError::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "RequestTooLargeException"),
        InvokeError::NotJson(_) => (StatusCode::BAD_REQUEST, "InvalidRequestContentException"),
        InvokeError::ShuttingDown => (StatusCode::SERVICE_UNAVAILABLE, "ServiceException"),
    };
    api_error(status, name, &error.to_string())
}

fn api_error(status: StatusCode, name: &str, message: &str) -> Reply {
    let mut reply = json_reply(status, json!({ "Type": "User", "message": message }).to_string().into());
    insert(reply.headers_mut(), "x-amzn-errortype", name.to_owned());
    reply
}

fn json_reply(status: StatusCode, body: Bytes) -> Reply {
    let mut reply = Response::new(Full::new(body));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply
}

fn insert(headers: &mut HeaderMap, name: &'static str, value: String) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}
