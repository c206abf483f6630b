//! From the SDK's errors to the protocol's: what happened, whether to try again, and what to do about it.

use aws_sdk_dynamodb::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
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
        SdkError::ConstructionFailure(_) => (chain(error), Retry::Never),
        _ => (chain(error), Retry::Later),
    };
    WorldError { operation, message, retry }
}

/// An error with what led to it, each said once: what the SDK adds for its own developers is left out.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let said = error.to_string();
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        source = error.source();
    }
    text
}

pub(crate) fn never(operation: String, message: impl Into<String>) -> WorldError {
    WorldError { operation, message: message.into(), retry: Retry::Never }
}

pub(crate) fn later(operation: String, message: impl Into<String>) -> WorldError {
    WorldError { operation, message: message.into(), retry: Retry::Later }
}

/// A transaction was cancelled for reasons that pass.
pub(crate) fn cancelled(operation: String, reasons: &str) -> WorldError {
    let retry = if reasons.split(", ").any(is_throttle) { Retry::Throttled } else { Retry::Later };
    WorldError { operation, message: format!("the transaction was cancelled: {reasons}"), retry }
}

/// `Never` only if the request itself is wrong and would be wrong the next time. What the environment lacks (a permission,
/// a table, a key, credentials) is put right by somebody: until then its messages stay in their queues, and then in the
/// dead-letter queue, rather than be parked.
///
/// The codes are documented per service, e.g.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html>.
fn retry(code: &str, status: u16) -> Retry {
    let is_permanent = status < 500 && status != 429 && is_request_fault(code);
    match (is_permanent, status == 429 || is_throttle(code)) {
        (true, _) => Retry::Never,
        (false, true) => Retry::Throttled,
        (false, false) => Retry::Later,
    }
}

/// Whether a code says that there are too many requests: those of DynamoDB, SQS, S3, Lambda and EventBridge.
pub(crate) fn is_throttle(code: &str) -> bool {
    const THROTTLES: [&str; 4] =
        ["ProvisionedThroughputExceeded", "RequestLimitExceeded", "TooManyRequests", "SlowDown"];
    let code = bare(code);
    code.contains("Throttl") || THROTTLES.iter().any(|throttle| code.starts_with(throttle))
}

/// `AWS.SimpleQueueService.BatchRequestTooLong` in SQS's older protocol.
fn bare(code: &str) -> &str {
    code.rsplit(['.', '#']).next().unwrap_or(code)
}

/// The error of one entry of a batch, which has no status of its own.
pub(crate) fn entry_error(operation: String, code: &str, message: Option<&str>) -> WorldError {
    let hint = hint(code).map(|hint| format!("; hint: {hint}")).unwrap_or_default();
    let message = format!("{code}: {}{hint}", message.unwrap_or("no message"));
    WorldError { operation, message, retry: retry(code, 400) }
}

/// Whether a code says that the request or its data is wrong.
fn is_request_fault(code: &str) -> bool {
    const REQUEST_FAULTS: [&str; 32] = [
        // DynamoDB
        "ConditionalCheckFailedException",
        "IdempotentParameterMismatchException",
        "ItemCollectionSizeLimitExceededException",
        "SerializationException",
        // What is transient about a transaction has been told apart before.
        "TransactionCanceledException",
        "ValidationException",
        // SQS
        "BatchEntryIdsNotDistinct",
        "BatchRequestTooLong",
        "EmptyBatchRequest",
        "InvalidAttributeName",
        "InvalidAttributeValue",
        "InvalidBatchEntryId",
        "InvalidIdFormat",
        "InvalidMessageContents",
        "InvalidParameterValue",
        "MissingParameter",
        "ReceiptHandleIsInvalid",
        "TooManyEntriesInBatchRequest",
        "UnsupportedOperation",
        // S3
        "BadDigest",
        "EntityTooLarge",
        "InvalidArgument",
        "InvalidDigest",
        "InvalidRequest",
        "KeyTooLongError",
        "MethodNotAllowed",
        // Lambda
        "InvalidParameterValueException",
        "InvalidRequestContentException",
        "RequestTooLargeException",
        "RequestEntityTooLargeException",
        "UnsupportedMediaTypeException",
        // EventBridge
        "MalformedDetail",
    ];
    REQUEST_FAULTS.contains(&bare(code))
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
        "ExpiredToken" | "ExpiredTokenException" => "the credentials in use have expired",
        // `KMSAccessDeniedException` of Lambda, `KmsAccessDenied` of SQS, `KMS.DisabledException` of S3.
        _ if code.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("kms")) => {
            "look at the encryption key: is it enabled, and does its policy allow the role in use?"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(codes: &[&str], status: u16, expected: Retry) {
        for code in codes {
            assert_eq!(retry(code, status), expected, "{code}");
        }
    }

    #[test]
    fn what_led_to_an_error_is_said_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("{text}")]
        struct Said {
            text: &'static str,
            source: Option<Box<Said>>,
        }
        let said = |text, source| Said { text, source };
        let deepest = said("the role is not yours", None);
        let same = said("no credentials: the role is not yours", Some(Box::new(deepest)));
        let error = said("dispatch failure", Some(Box::new(same)));
        assert_eq!(chain(&error), "dispatch failure: no credentials: the role is not yours");
    }

    #[test]
    fn throttles_faults_and_conflicts_are_tried_again() {
        check(&["TransactionConflictException"], 400, Retry::Later);
        check(&["InternalServerError", "ValidationException"], 500, Retry::Later);
        let throttles = [
            "ThrottlingException",
            "ProvisionedThroughputExceededException",
            "RequestThrottled",
            "KmsThrottled",
            "SlowDown",
        ];
        check(&throttles, 400, Retry::Throttled);
        check(&["KMSThrottlingException"], 502, Retry::Throttled);
        check(&["TooManyRequestsException", "a code that nobody knows"], 429, Retry::Throttled);
    }

    #[test]
    fn what_somebody_can_put_right_is_tried_again_until_then() {
        let codes = [
            "AccessDenied",
            "AccessDeniedException",
            "ExpiredTokenException",
            "UnrecognizedClientException",
            "ResourceNotFoundException",
            "NoSuchBucket",
            "KMSAccessDeniedException",
            "KmsDisabled",
            "KMSNotFoundException",
            "a code that nobody knows yet",
        ];
        check(&codes, 400, Retry::Later);
    }

    #[test]
    fn what_is_wrong_with_the_request_stays_wrong() {
        let codes = [
            "ValidationException",
            "ItemCollectionSizeLimitExceededException",
            "InvalidMessageContents",
            "AWS.SimpleQueueService.BatchRequestTooLong",
            "EntityTooLarge",
        ];
        check(&codes, 400, Retry::Never);
        check(&["RequestTooLargeException"], 413, Retry::Never);
    }

    #[test]
    fn what_can_be_put_right_is_said_with_how() {
        assert!(hint("ResourceNotFoundException").unwrap().contains("STEPLADDER_TABLE"));
        for code in ["KMSAccessDeniedException", "KmsDisabled", "KMS.DisabledException"] {
            assert!(hint(code).unwrap().contains("encryption key"), "{code}");
        }
        assert_eq!(hint("km"), None);
    }
}
