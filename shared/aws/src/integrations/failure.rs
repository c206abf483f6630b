//! How a call failed, in Step Functions' names.
//!
//! It calls services with AWS's SDK for Java, whose names it shows: an exception that the service's API lists has its own
//! name, and all others that of the service. What is known of it was read from recorded histories.

use super::{request::Request, service::Service};
use stepladder_protocol::{IntegrationCall, StepFailure};

/// A failed attempt, and whether another one may help.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) failure: StepFailure,
    pub(super) retry: Retry,
}

/// What is known of a call that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Retry {
    /// It fails again.
    Never,
    /// It was refused, for now.
    Refused,
    /// It may have been done.
    Unknown,
}

impl Retry {
    /// A function may not run twice for one attempt.
    pub(super) fn allows(self, service: Service) -> bool {
        match self {
            Self::Never => false,
            Self::Refused => true,
            Self::Unknown => service != Service::Lambda,
        }
    }
}

/// What a service said of a call that it didn't do.
#[derive(Debug, Default)]
pub(super) struct Refusal {
    pub(super) status: u16,
    /// As its API lists it, without its namespace.
    pub(super) exception: String,
    /// As the cause names it; mostly the same.
    pub(super) code: String,
    pub(super) message: String,
    pub(super) request_id: Option<String>,
}

impl Failed {
    fn new(service: Service, exception: &str, cause: String, retry: Retry) -> Self {
        let error = format!("{}.{exception}", service.prefix());
        Self { failure: StepFailure { error, cause }, retry }
    }

    /// No answer came, or none that can be read.
    pub(super) fn client(service: Service, what: &str) -> Self {
        let cause = format!("Unable to execute HTTP request: {what}");
        Self::new(service, "SdkClientException", cause, Retry::Unknown)
    }

    /// The call could not be made.
    pub(super) fn unsent(service: Service, what: &str) -> Self {
        let cause = format!("Unable to execute HTTP request: {what}");
        Self::new(service, "SdkClientException", cause, Retry::Refused)
    }

    /// An answer came, and makes no sense. Another one of the same would.
    pub(super) fn unreadable(service: Service, what: &str) -> Self {
        let cause = format!("Unable to unmarshall response: {what}");
        Self::new(service, "SdkClientException", cause, Retry::Never)
    }

    pub(super) fn too_large(bytes_max: usize) -> Self {
        let cause = format!("the answer of the service is larger than {bytes_max} bytes");
        let failure = StepFailure { error: "States.DataLimitExceeded".to_owned(), cause };
        Self { failure, retry: Retry::Never }
    }

    pub(super) fn cut_off(request: &Request) -> Self {
        let cause = format!("no answer of {} came before the call was cut off", request.service.prefix());
        let failure = StepFailure { error: "States.Timeout".to_owned(), cause };
        Self { failure, retry: Retry::Never }
    }

    /// The function's own failure, in its own words.
    pub(super) fn of_function(error: String, cause: String) -> Self {
        Self { failure: StepFailure { error, cause }, retry: Retry::Never }
    }

    pub(super) fn entries(cause: String) -> Self {
        Self::new(Service::Events, "FailedEntry", cause, Retry::Never)
    }

    pub(super) fn refused(service: Service, refusal: &Refusal) -> Self {
        let exception = match is_listed(service, &refusal.exception) {
            true if refusal.exception.ends_with("Exception") => refusal.exception.clone(),
            true => format!("{}Exception", refusal.exception),
            false => service.any_exception().to_owned(),
        };
        let Refusal { status, code, message, request_id, .. } = refusal;
        let cause = format!(
            "{message} (Service: {}; Status Code: {status}; Error Code: {code}; Request ID: {}; Proxy: null)",
            service.in_causes(),
            request_id.as_deref().unwrap_or("null"),
        );
        let retry = match status {
            429 => Retry::Refused,
            _ if THROTTLES.contains(&code.as_str()) || THROTTLES.contains(&refusal.exception.as_str()) => {
                Retry::Refused
            }
            500 | 502..=504 => Retry::Unknown,
            _ => Retry::Never,
        };
        Self::new(service, &exception, cause, retry)
    }
}

/// Step Functions has no integration like this, or Stepladder doesn't run it.
pub(super) fn unsupported(call: &IntegrationCall) -> StepFailure {
    let cause = format!("`arn:aws:states:::{}:{}` can't be run here", call.service, call.action);
    StepFailure { error: "States.Runtime".to_owned(), cause }
}

pub(super) fn parameters(why: &str) -> StepFailure {
    let cause = format!("The parameters could not be used to start the Task: [{why}]");
    StepFailure { error: "States.Runtime".to_owned(), cause }
}

/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html>
const THROTTLES: [&str; 12] = [
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "Throttled",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];

/// Whether a service's API lists an error for what is called here; of SNS, by the code that its answers have.
fn is_listed(service: Service, exception: &str) -> bool {
    let listed: &[&str] = match service {
        Service::DynamoDb => &[
            "ConditionalCheckFailedException",
            "InternalServerError",
            "ItemCollectionSizeLimitExceededException",
            "ProvisionedThroughputExceededException",
            "ReplicatedWriteConflictException",
            "RequestLimitExceeded",
            "ResourceNotFoundException",
            "ThrottlingException",
            "TransactionConflictException",
        ],
        Service::Sqs => &[
            "InvalidAddress",
            "InvalidMessageContents",
            "InvalidSecurity",
            "KmsAccessDenied",
            "KmsDisabled",
            "KmsInvalidKeyUsage",
            "KmsInvalidState",
            "KmsNotFound",
            "KmsOptInRequired",
            "KmsThrottled",
            "QueueDoesNotExist",
            "RequestThrottled",
            "UnsupportedOperation",
        ],
        Service::Sns => &[
            "AuthorizationErrorException",
            "EndpointDisabledException",
            "InternalErrorException",
            "InvalidParameterException",
            "InvalidParameterValueException",
            "InvalidSecurityException",
            "KMSAccessDeniedException",
            "KMSDisabledException",
            "KMSInvalidStateException",
            "KMSNotFoundException",
            "KMSOptInRequired",
            "KMSThrottlingException",
            "NotFoundException",
            "PlatformApplicationDisabledException",
            "ValidationException",
        ],
        Service::Events => &["InternalException"],
        Service::Lambda => &[
            "EC2AccessDeniedException",
            "EC2ThrottledException",
            "EC2UnexpectedException",
            "EFSIOException",
            "EFSMountConnectivityException",
            "EFSMountFailureException",
            "EFSMountTimeoutException",
            "ENILimitReachedException",
            "InvalidParameterValueException",
            "InvalidRequestContentException",
            "InvalidRuntimeException",
            "InvalidSecurityGroupIDException",
            "InvalidSubnetIDException",
            "InvalidZipFileException",
            "KMSAccessDeniedException",
            "KMSDisabledException",
            "KMSInvalidStateException",
            "KMSNotFoundException",
            "NoPublishedVersionException",
            "RecursiveInvocationException",
            "RequestTooLargeException",
            "ResourceConflictException",
            "ResourceNotFoundException",
            "ResourceNotReadyException",
            "SerializedRequestEntityTooLargeException",
            "ServiceException",
            "SnapStartException",
            "SnapStartNotReadyException",
            "SnapStartTimeoutException",
            "SubnetIPAddressLimitReachedException",
            "TooManyRequestsException",
            "UnsupportedMediaTypeException",
        ],
    };
    listed.contains(&exception)
}
