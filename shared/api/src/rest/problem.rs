//! What a request is refused with: RFC 9457's problem details.

use super::{BASE, asked::Asked, json, runs::href, shapes};
use crate::error::{ApiError, Kind};
use serde_json::{Value, json};
use stepladder_asl::FaultCode;
use stepladder_codes::{Code, Page};
use stepladder_engine::Status;
use stepladder_protocol::{Retry, RunId, WorldError};

/// A request's error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) status: u16,
    pub(crate) code: Code,
    /// What is wrong with this request.
    pub(crate) detail: String,
    /// The run that failed, where that is the answer.
    pub(crate) run: Option<Box<FailedRun>>,
}

impl Problem {
    pub(crate) fn new(status: u16, code: Code, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), run: None }
    }

    /// The run itself failed.
    pub(crate) fn failed(run: FailedRun) -> Self {
        let by = run.error.as_deref().map_or_else(String::new, |error| format!(" by {error}"));
        let detail = format!("the run {} ended {}{by}", run.id, run.status.as_str());
        Self { run: Some(Box::new(run)), ..Self::new(422, Code::RunFailed, detail) }
    }

    pub(crate) fn no_run(id: impl std::fmt::Display) -> Self {
        Self::new(404, Code::NoSuchRun, format!("there is no run '{id}'"))
    }

    pub(crate) fn no_workflow(name: &str) -> Self {
        Self::new(404, Code::UnknownWorkflow, format!("there is no workflow '{name}'"))
    }

    pub(crate) fn invalid_parameter(name: &str, what: impl std::fmt::Display) -> Self {
        Self::new(400, Code::InvalidParameter, format!("the parameter '{name}' {what}"))
    }

    pub(crate) fn body(&self) -> Value {
        let code = self.code.as_str();
        json!({
            "type": format!("{BASE}/problems/{code}"),
            "title": self.code.page().title,
            "status": self.status,
            "detail": self.detail,
            "code": code,
            "run": self.run.as_deref().map(FailedRun::shape),
        })
    }
}

/// A run that did not succeed, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FailedRun {
    pub(crate) id: RunId,
    pub(crate) status: Status,
    pub(crate) error: Option<String>,
    pub(crate) cause: Option<String>,
}

impl FailedRun {
    fn shape(&self) -> Value {
        json!({
            "id": self.id.to_string(),
            "href": href(&self.id),
            "status": self.status.as_str(),
            "error": self.error,
            "cause": self.cause,
        })
    }
}

impl From<WorldError> for Problem {
    fn from(error: WorldError) -> Self {
        match error.retry {
            Retry::Later => Self::new(503, Code::Unreachable, error.to_string()),
            Retry::Throttled => Self::new(429, Code::Unreachable, error.to_string()),
            Retry::Never => Self::new(500, Code::StackFailed, error.to_string()),
        }
    }
}

/// What this API and AWS's have in common refuses in AWS's words.
impl From<ApiError> for Problem {
    fn from(error: ApiError) -> Self {
        let (status, code) = match error.kind {
            Kind::InvalidToken => {
                return Self::new(400, Code::InvalidCursor, "begin again without a cursor");
            }
            Kind::ServiceUnavailable => (503, Code::Unreachable),
            Kind::ThrottlingException => (429, Code::Unreachable),
            Kind::RequestEntityTooLargeException => (413, Code::BodyTooLarge),
            Kind::RequestTimeout => (408, Code::BodyTooSlow),
            Kind::SerializationException | Kind::ValidationException => (400, Code::InvalidBody),
            _ => (500, Code::StackFailed),
        };
        Self::new(status, code, error.message)
    }
}

/// The page of a code: one of these problems, or of a definition's fault.
pub(super) fn page(asked: &Asked) -> Result<Value, Problem> {
    let wanted = asked.path("code");
    let errors = Code::ALL.iter().map(|code| code.page());
    let faults = FaultCode::ALL.iter().map(|fault| Page {
        code: fault.code(),
        title: fault.title(),
        explanation: fault.explanation(),
        next_step: fault.next_step(),
    });
    let page = errors.chain(faults).find(|page| page.code.eq_ignore_ascii_case(wanted));
    let missing = || Problem::new(404, Code::UnknownCode, format!("there is no code '{wanted}'"));
    json(&shapes::ProblemPage::from(page.ok_or_else(missing)?))
}
