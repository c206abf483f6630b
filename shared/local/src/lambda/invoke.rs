//! What comes of an invocation.

use bytes::Bytes;
use serde_json::json;

/// The end of an invocation that reached the function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvokeOutcome {
    /// The function's answer, or the error's JSON: `{"errorMessage", "errorType", …}`.
    pub payload: Bytes,
    /// Whether the function failed; Lambda sends `X-Amz-Function-Error: Unhandled` then.
    pub failed: bool,
    pub request_id: String,
}

impl InvokeOutcome {
    /// A failure in Lambda's own words and shape.
    pub(crate) fn failure(request_id: &str, error_type: &str, message: &str) -> Self {
        let payload = json!({
            "errorType": error_type,
            "errorMessage": format!("RequestId: {request_id} Error: {message}"),
        });
        Self { payload: payload.to_string().into(), failed: true, request_id: request_id.to_owned() }
    }
}

/// Why an invocation didn't reach a function.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvokeError {
    /// ResourceNotFoundException.
    #[error("there is no function {0}")]
    NotFound(String),
    /// TooManyRequestsException; trying again later helps.
    #[error("all environments of {0} are busy")]
    TooManyRequests(String),
    /// RequestTooLargeException.
    #[error("the payload has {bytes} bytes; Lambda takes at most {bytes_max}")]
    TooLarge { bytes: usize, bytes_max: usize },
    /// InvalidRequestContentException.
    #[error("the payload is not JSON: {0}")]
    NotJson(String),
    /// The host is ending.
    #[error("the Lambda host is shutting down")]
    ShuttingDown,
}
