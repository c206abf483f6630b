//! Why a command could not do what it was asked: one type, one way to show it, one exit code.

use crate::exit::Exit;
use serde_json::{Value, json};
use std::fmt;
pub use stepladder_codes::Code;
use stepladder_protocol::{Retry, WorldError};

/// A command's error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub exit: Exit,
    pub code: Code,
    /// One line.
    pub message: String,
    /// Further lines, each a sentence or a line of somebody else's.
    pub details: Vec<String>,
    /// What to do next.
    pub hint: Option<String>,
    /// It has been told already; only the exit code is left.
    pub is_told: bool,
}

/// A command's answer.
pub type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    /// An error of one line.
    pub fn new(exit: Exit, code: Code, message: impl Into<String>) -> Self {
        Self { exit, code, message: message.into(), details: Vec::new(), hint: None, is_told: false }
    }

    /// The exit code alone: what went wrong has been told already.
    pub fn told(exit: Exit, code: Code) -> Self {
        Self { is_told: true, ..Self::new(exit, code, "") }
    }

    /// The same, with one more line.
    #[must_use]
    pub fn detail(mut self, line: impl Into<String>) -> Self {
        self.details.push(line.into());
        self
    }

    /// The same, with what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A file that can't be read or written.
    pub fn file(what: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        let exit = match error.kind() {
            std::io::ErrorKind::NotFound => Exit::NotFound,
            std::io::ErrorKind::PermissionDenied => Exit::NotAllowed,
            _ => Exit::Bad,
        };
        Self::new(exit, Code::File, format!("can't {what} {}: {error}", path.display()))
    }

    /// The shape `stepladder.error/1`: what stands on stderr in the JSON formats.
    pub fn to_json(&self) -> Value {
        json!({
            "schema": "stepladder.error/1",
            "code": self.code.as_str(),
            "message": self.message,
            "details": self.details,
            "hint": self.hint,
            "exit_code": self.exit.code(),
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error[{}]: {}", self.code.as_str(), self.message)
    }
}

impl std::error::Error for Failure {}

/// What the stack answered. Whether a function should try again stands in it; whether it was a matter of permission, or of
/// something that isn't there, shows in the code that AWS sent.
impl From<WorldError> for Failure {
    fn from(error: WorldError) -> Self {
        const DENIED: [&str; 10] = [
            "AccessDenied",
            "UnrecognizedClientException",
            "InvalidClientTokenId",
            "InvalidSignatureException",
            "SignatureDoesNotMatch",
            "InvalidAccessKeyId",
            "ExpiredToken",
            "MissingAuthenticationToken",
            "OptInRequired",
            "CredentialsNotLoaded",
        ];
        let is_denied = DENIED.iter().any(|code| error.message.contains(code))
            || error.message.contains("failed to load credentials")
            || error.message.contains("no providers in chain provided credentials");
        // What isn't there won't come by waiting for it.
        const MISSING: [&str; 6] = [
            "ResourceNotFoundException",
            "NoSuchBucket",
            "QueueDoesNotExist",
            "KMSNotFoundException",
            "KmsNotFound",
            "KMS.NotFoundException",
        ];
        let is_missing = MISSING.iter().any(|code| error.message.starts_with(code));
        let message = format!("can't {}", error.operation);
        let (said, hint) = match error.message.split_once("; hint: ") {
            Some((said, hint)) => (said.to_owned(), Some(hint.to_owned())),
            None => (error.message.clone(), None),
        };
        let failure = match error.retry {
            _ if is_denied => Failure::new(Exit::NotAllowed, Code::NotAllowed, message)
                .hint("check the credentials in use: `aws sts get-caller-identity`"),
            _ if is_missing => Failure::new(Exit::Bad, Code::StackFailed, message),
            Retry::Later | Retry::Throttled => Failure::new(Exit::TryAgain, Code::Unreachable, message)
                .hint("it may help to try the same again in a moment"),
            Retry::Never => Failure::new(Exit::Bad, Code::StackFailed, message),
        };
        let failure = failure.detail(said);
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(message: &str, retry: Retry, exit: Exit, hint: Option<&str>) {
        let error = WorldError { operation: "read run order/17".into(), message: message.into(), retry };
        let failure = Failure::from(error);
        assert_eq!((failure.exit, failure.hint.as_deref()), (exit, hint));
        assert_eq!(failure.message, "can't read run order/17");
    }

    #[test]
    fn an_answer_of_the_stack_becomes_an_exit_code() {
        check(
            "AccessDeniedException (HTTP 400): no; hint: compare the policy",
            Retry::Later,
            Exit::NotAllowed,
            Some("compare the policy"),
        );
        check(
            "KMSAccessDeniedException (HTTP 400): no; hint: look at the key",
            Retry::Later,
            Exit::NotAllowed,
            Some("look at the key"),
        );
        check(
            "ResourceNotFoundException (HTTP 400): no; hint: is it deployed?",
            Retry::Later,
            Exit::Bad,
            Some("is it deployed?"),
        );
        check(
            "dispatch failure",
            Retry::Later,
            Exit::TryAgain,
            Some("it may help to try the same again in a moment"),
        );
        check("ValidationException: no", Retry::Never, Exit::Bad, None);
    }
}
