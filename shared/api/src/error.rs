//! AWS's errors: their names, messages and codes.

use serde_json::{Value, json};
use stepladder_protocol::{Retry, WorldError};

/// What a request is refused with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) kind: Kind,
    pub(crate) message: String,
    /// Members beside the message, by name.
    pub(crate) more: Vec<(&'static str, String)>,
}

macro_rules! kinds {
    ($($name:ident, $space:ident, $status:literal;)*) => {
        /// The errors' types, as AWS's models of the service and of its protocol name them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Kind { $($name,)* }

        impl Kind {
            pub(crate) fn name(self) -> &'static str {
                match self { $(Kind::$name => stringify!($name),)* }
            }

            pub(crate) fn status(self) -> u16 {
                match self { $(Kind::$name => $status,)* }
            }

            fn space(self) -> &'static str {
                match self { $(Kind::$name => $space,)* }
            }
        }
    };
}

/// Step Functions' own errors carry the name of the service that it began as; what the frame around it refuses has others.
/// Clients look behind the `#` alone.
const SERVICE: &str = "com.amazonaws.swf.service.v2.model";
const FRAME: &str = "com.amazon.coral.service";
const VALIDATE: &str = "com.amazon.coral.validate";
/// What AWS has no word for.
const OWN: &str = "stepladder";

kinds! {
    ActivityDoesNotExist, SERVICE, 400;
    ConflictException, SERVICE, 409;
    ExecutionAlreadyExists, SERVICE, 400;
    ExecutionDoesNotExist, SERVICE, 400;
    ExecutionNotRedrivable, SERVICE, 400;
    ExecutionStillRunning, OWN, 400;
    InternalFailure, FRAME, 500;
    InvalidArn, SERVICE, 400;
    InvalidDefinition, SERVICE, 400;
    InvalidEncryptionConfiguration, SERVICE, 400;
    InvalidExecutionInput, SERVICE, 400;
    InvalidLoggingConfiguration, SERVICE, 400;
    InvalidName, SERVICE, 400;
    InvalidOutput, SERVICE, 400;
    InvalidToken, SERVICE, 400;
    MissingRequiredParameter, SERVICE, 400;
    RequestEntityTooLargeException, FRAME, 413;
    RequestTimeout, FRAME, 408;
    ResourceNotFound, SERVICE, 400;
    SerializationException, FRAME, 400;
    ServiceQuotaExceededException, SERVICE, 402;
    ServiceUnavailable, FRAME, 503;
    StateMachineAlreadyExists, SERVICE, 400;
    StateMachineDoesNotExist, SERVICE, 400;
    StateMachineTypeNotSupported, SERVICE, 400;
    TaskTimedOut, SERVICE, 400;
    ThrottlingException, FRAME, 400;
    TooManyTags, SERVICE, 400;
    UnknownOperationException, FRAME, 400;
    UnsupportedMediaTypeException, FRAME, 415;
    ValidationException, VALIDATE, 400;
}

impl ApiError {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), more: Vec::new() }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.more.push((name, value.into()));
        self
    }

    pub(crate) fn invalid_token() -> Self {
        Self::new(Kind::InvalidToken, "Invalid Token: 'Invalid token'")
    }

    pub(crate) fn invalid_input(why: impl std::fmt::Display) -> Self {
        Self::new(Kind::InvalidExecutionInput, format!("Invalid State Machine Execution Input: '{why}'"))
    }

    pub(crate) fn invalid_name(name: &str) -> Self {
        Self::new(Kind::InvalidName, format!("Invalid Name: '{name}'"))
    }

    pub(crate) fn no_execution(arn: &str) -> Self {
        Self::new(Kind::ExecutionDoesNotExist, format!("Execution Does Not Exist: '{arn}'"))
    }

    pub(crate) fn no_state_machine(arn: &str) -> Self {
        Self::new(Kind::StateMachineDoesNotExist, format!("State Machine Does Not Exist: '{arn}'"))
    }

    /// What an ARN names isn't there.
    pub(crate) fn no_resource(arn: &str) -> Self {
        Self::new(Kind::ResourceNotFound, format!("Resource not found: '{arn}'")).with("resourceName", arn)
    }

    /// As the operations of aliases say it.
    pub(crate) fn no_reference(arn: &str) -> Self {
        Self::new(Kind::ResourceNotFound, "Request references a resource that does not exist.")
            .with("resourceName", arn)
    }

    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self::new(Kind::ConflictException, message)
    }

    pub(crate) fn type_not_supported() -> Self {
        let message = "This operation is not supported by this type of state machine";
        Self::new(Kind::StateMachineTypeNotSupported, message)
    }

    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new(Kind::ValidationException, message)
    }

    /// A request lacks a member, as a ValidationException says it.
    pub(crate) fn missing(message: impl Into<String>) -> Self {
        Self::validation(message).with("reason", "MISSING_REQUIRED_PARAMETER")
    }

    /// The Map Run has ended, or is about to.
    pub(crate) fn completed_map_run(arn: &str) -> Self {
        let message = format!("Map Run is completed and can't be updated: '{arn}'");
        Self::validation(message).with("reason", "CANNOT_UPDATE_COMPLETED_MAP_RUN")
    }

    /// Others do the same at this time.
    pub(crate) fn throttled(message: impl Into<String>) -> Self {
        Self::new(Kind::ThrottlingException, message)
    }

    /// What can't be written as JSON: it never happens with JSON values.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(Kind::InternalFailure, message)
    }

    pub(crate) fn body(&self) -> Value {
        let mut body = json!({ "__type": format!("{}#{}", self.kind.space(), self.kind.name()), "message": self.message });
        if let Some(members) = body.as_object_mut() {
            members.extend(self.more.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
        }
        body
    }
}

/// Neither names nor values of a payload stand in it: what the world says is about keys and sizes.
impl From<WorldError> for ApiError {
    fn from(error: WorldError) -> Self {
        match error.retry {
            Retry::Later => Self::new(Kind::ServiceUnavailable, error.to_string()),
            Retry::Throttled => Self::new(Kind::ThrottlingException, "Rate exceeded"),
            Retry::Never => Self::new(Kind::InternalFailure, error.to_string()),
        }
    }
}
