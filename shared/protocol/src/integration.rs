//! Calls of services that are not steps.

use crate::batch::StepFailure;
use std::future::Future;

/// A call of a service, as a state asks for it.
#[derive(Debug, Clone, PartialEq)]
pub struct IntegrationCall {
    /// `lambda`, `sqs`, `sns`, `events`, `dynamodb`.
    pub service: String,
    /// `invoke`, `sendMessage`, …: without the pattern.
    pub action: String,
    /// The state's parameters or arguments, evaluated: an object with the API's members in PascalCase.
    pub parameters: serde_json::Value,
    /// What an event that it puts is about, beside what the state says: the ARNs of the execution and of its state machine.
    pub resources: [String; 2],
    /// The same on every delivery of the same attempt. 32 hex digits.
    pub idempotency_key: String,
    /// When the call is cut off, in milliseconds since the epoch.
    pub deadline_ms: i64,
}

/// Calls services.
pub trait Integrations: Send + Sync {
    /// The service's response in its API's shape (PascalCase), or the failure as Step Functions names it.
    fn call(
        &self,
        call: IntegrationCall,
    ) -> impl Future<Output = Result<serde_json::Value, StepFailure>> + Send;
}
