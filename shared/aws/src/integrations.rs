//! What Task states call that are no steps: functions outside of the stack, SQS, SNS, EventBridge and DynamoDB.
//!
//! The requests are written here and not by the SDK's clients: so a state's parameters go out as they were written, and the
//! answer comes back as the service gave it, with the names of its API. How Step Functions changes both is known from
//! recorded histories (`tests/conformance`), and from
//! <https://docs.aws.amazon.com/step-functions/latest/dg/integrate-optimized.html>.

mod answer;
mod failure;
mod request;
mod send;
mod service;
mod sns;

#[cfg(test)]
mod tests;

use crate::{
    SystemClock,
    environment::Environment,
    limits::{SERVICE_ATTEMPT_TIMEOUT, SERVICE_ATTEMPTS_MAX, SERVICE_BACKOFF_FIRST, SERVICE_CUT_OFF_GRACE},
};
use aws_credential_types::provider::SharedCredentialsProvider;
use failure::Failed;
use request::Request;
use send::Sender;
use serde_json::Value;
use service::Service;
use std::{sync::Arc, time::Duration};
use stepladder_protocol::{Clock, IntegrationCall, Integrations, StepFailure};

/// [`Integrations`] on AWS's own APIs. Cheap to clone; the clones share their connections.
#[derive(Debug, Clone)]
pub struct ServiceIntegrations {
    sender: Arc<Sender>,
}

impl Integrations for ServiceIntegrations {
    /// A call that fails for a moment is tried again within its time: where the service asks for less, where it says that it
    /// is to blame, and where the network broke. A function is called again only where Lambda has refused the call: it may
    /// have run in the other cases. A service may get a call twice, as it may from AWS.
    ///
    /// What no answer came to in its time fails with `States.Timeout`, a moment after it: who calls cuts it off by then, and
    /// knows whose time is over.
    async fn call(&self, call: IntegrationCall) -> Result<Value, StepFailure> {
        let request = Request::new(&call)?;
        let mut backoff = SERVICE_BACKOFF_FIRST;
        let mut attempt = 1;
        loop {
            let Failed { failure, retry } = match self.attempt(&request, call.deadline_ms).await {
                Ok(result) => return Ok(result),
                Err(failed) => failed,
            };
            let wait = backoff.mul_f64(1.0 - rand::random::<f64>() / 2.0);
            if !retry.allows(request.service)
                || attempt == SERVICE_ATTEMPTS_MAX
                || remaining(call.deadline_ms) <= wait
            {
                return Err(failure);
            }
            tokio::time::sleep(wait).await;
            backoff *= 2;
            attempt += 1;
        }
    }
}

impl ServiceIntegrations {
    /// Nothing goes over the network yet.
    pub(crate) fn new(environment: &Environment, credentials: Option<SharedCredentialsProvider>) -> Self {
        Self { sender: Arc::new(Sender::new(environment, credentials)) }
    }

    async fn attempt(&self, request: &Request, deadline_ms: i64) -> Result<Value, Failed> {
        let remaining = remaining(deadline_ms) + SERVICE_CUT_OFF_GRACE;
        let limit = match request.service {
            Service::Lambda => remaining,
            _ => remaining.min(SERVICE_ATTEMPT_TIMEOUT),
        };
        match tokio::time::timeout(limit, self.sender.send(request)).await {
            Ok(answer) => answer::result(request, answer?),
            Err(_) if limit == remaining => Err(Failed::cut_off(request)),
            Err(_) => Err(Failed::client(request.service, "no answer came in time")),
        }
    }
}

fn remaining(deadline_ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(deadline_ms.saturating_sub(SystemClock.now_ms())).unwrap_or(0))
}
