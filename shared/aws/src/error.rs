//! From the SDK's errors to the protocol's: what happened, whether to try again, and what to do about it.

use aws_sdk_dynamodb::{
    config::http::HttpResponse,
    error::{DisplayErrorContext, ProvideErrorMetadata, SdkError},
};
use stepladder_protocol::{Retry, WorldError};

/// `operation` says what was tried, as a person would say it.
pub(crate) fn world_error<E>(operation: String, error: &SdkError<E, HttpResponse>) -> WorldError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let (message, retry) = match error {
        SdkError::ServiceError(context) => {
            let status = context.raw().status().as_u16();
            let code = context.err().code().unwrap_or("error without a code");
            let said = context.err().message().unwrap_or("no message");
            let hint = hint(code).map(|hint| format!("; hint: {hint}")).unwrap_or_default();
            (format!("{code} (HTTP {status}): {said}{hint}"), retry(code, status))
        }
        // The request could not even be built: it will be the same the next time.
        SdkError::ConstructionFailure(_) => (DisplayErrorContext(error).to_string(), Retry::Never),
        _ => (DisplayErrorContext(error).to_string(), Retry::Later),
    };
    WorldError { operation, message, retry }
}

pub(crate) fn never(operation: String, message: impl Into<String>) -> WorldError {
    WorldError { operation, message: message.into(), retry: Retry::Never }
}

pub(crate) fn later(operation: String, message: impl Into<String>) -> WorldError {
    WorldError { operation, message: message.into(), retry: Retry::Later }
}

/// Service faults and throttles by their status; the rest by their codes, which AWS documents per service, e.g.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html>.
fn retry(code: &str, status: u16) -> Retry {
    const TRANSIENT: [&str; 17] = [
        "ExpiredToken",
        "ExpiredTokenException",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "ReplicatedWriteConflictException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestTimeout",
        "RequestTimeTooSkewed",
        "ResourceConflictException",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionConflictException",
        "TransactionInProgressException",
    ];
    let transient = status >= 500 || status == 429 || TRANSIENT.contains(&code);
    if transient { Retry::Later } else { Retry::Never }
}

fn hint(code: &str) -> Option<&'static str> {
    Some(match code {
        "AccessDenied" | "AccessDeniedException" => {
            "the credentials in use lack a permission; compare their policy with the stack's template"
        }
        "ResourceNotFoundException" => {
            "is the stack deployed in this region and account? STEPLADDER_TABLE names its table"
        }
        "NoSuchBucket" => "is the stack deployed? STEPLADDER_BUCKET names its bucket",
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "InvalidAccessKeyId" => "the credentials in use are not valid for this account",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throttles_faults_and_conflicts_are_tried_again() {
        assert_eq!(retry("ThrottlingException", 400), Retry::Later);
        assert_eq!(retry("TransactionConflictException", 400), Retry::Later);
        assert_eq!(retry("InternalServerError", 500), Retry::Later);
        assert_eq!(retry("TooManyRequestsException", 429), Retry::Later);
    }

    #[test]
    fn what_stays_wrong_is_not() {
        assert_eq!(retry("AccessDeniedException", 400), Retry::Never);
        assert_eq!(retry("ValidationException", 400), Retry::Never);
        assert_eq!(retry("ResourceNotFoundException", 400), Retry::Never);
        assert!(hint("ResourceNotFoundException").unwrap().contains("STEPLADDER_TABLE"));
    }
}
