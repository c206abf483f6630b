//! What a step can know about the call it is in.

use serde_json::Value;
use std::{
    fmt,
    time::{Duration, SystemTime},
};
use stepladder_protocol::StepRequest;

/// The call that a step is in: which run, which state, which attempt, and how long it may take.
///
/// A step receives it as its second argument and needs it only where the outside world must not see a repetition:
///
/// ```
/// use stepladder::Step;
///
/// async fn reserve(sku: String, step: Step) -> Result<String, std::convert::Infallible> {
///     // Two deliveries of the same attempt carry the same key, so the second write changes nothing.
///     Ok(format!("reservation {} of {sku}", step.idempotency_key()))
/// }
/// ```
#[derive(Clone)]
pub struct Step {
    pub(crate) workflow: String,
    pub(crate) run_name: String,
    pub(crate) state: String,
    pub(crate) attempt: u32,
    pub(crate) idempotency_key: String,
    pub(crate) operation_key: String,
    pub(crate) task_token: Option<String>,
    pub(crate) deadline: SystemTime,
}

/// Without the token, which is a password.
impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Step")
            .field("workflow", &self.workflow)
            .field("run_name", &self.run_name)
            .field("state", &self.state)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}

impl Step {
    /// The input of a call, and the call.
    pub(crate) fn split(request: StepRequest) -> (Value, Self) {
        let StepRequest { run, state, call, deadline_ms, .. } = request;
        let since_epoch = Duration::from_millis(u64::try_from(deadline_ms).unwrap_or(0));
        let step = Self {
            workflow: run.workflow,
            run_name: run.name,
            state,
            attempt: u32::try_from(call.attempt).unwrap_or(u32::MAX),
            idempotency_key: call.idempotency_key,
            operation_key: call.operation_key,
            task_token: call.task_token,
            deadline: SystemTime::UNIX_EPOCH + since_epoch,
        };
        (call.input, step)
    }

    /// The workflow's name.
    pub fn workflow(&self) -> &str {
        &self.workflow
    }

    /// The run's name, unique within its workflow.
    pub fn run_name(&self) -> &str {
        &self.run_name
    }

    /// The state of the definition that called this step.
    pub fn state(&self) -> &str {
        &self.state
    }

    /// 1 for the first attempt of this visit to the state; each retry adds one.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// 32 hex digits, the same on every delivery of the same attempt, different for the next attempt.
    ///
    /// For services that remember the answer to a key, also a failed one.
    pub fn idempotency_key(&self) -> &str {
        &self.idempotency_key
    }

    /// 32 hex digits, the same for all attempts of one visit to the state.
    ///
    /// For work that must be done once however often it is tried: a charge that timed out may have been made.
    pub fn operation_key(&self) -> &str {
        &self.operation_key
    }

    /// The token by which somebody else gives the answer of this state, in place of this step; none unless the state's resource
    /// ends in `.waitForTaskToken`.
    ///
    /// The step passes it on and returns: what it returns is shown in the history, and the state waits until SendTaskSuccess or
    /// SendTaskFailure is called with the token. It is good at once, once only, and until the state's limits pass. Who has it
    /// can answer: treat it as a password. An error of the step is the state's, unless the answer was there before.
    ///
    /// ```
    /// use stepladder::Step;
    ///
    /// async fn ask_for_approval(expense: String, step: Step) -> Result<(), std::convert::Infallible> {
    ///     if let Some(token) = step.task_token() {
    ///         println!("https://approvals.example.com/?expense={expense}&token={token}");
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub fn task_token(&self) -> Option<&str> {
        self.task_token.as_deref()
    }

    /// When this call will be cut off: by TimeoutSeconds, by the run's own limit or by the function's timeout.
    pub fn deadline(&self) -> SystemTime {
        self.deadline
    }

    /// What is left until [`Step::deadline`]; zero once it has passed.
    pub fn time_left(&self) -> Duration {
        self.deadline.duration_since(SystemTime::now()).unwrap_or_default()
    }

    /// A call as a unit test needs it: first attempt, a minute of time, keys made from the state's name.
    ///
    /// ```
    /// let step = stepladder::Step::for_test("ChargePayment").with_attempt(2);
    /// assert_eq!(step.attempt(), 2);
    /// ```
    pub fn for_test(state: &str) -> Self {
        Self {
            workflow: "test".to_owned(),
            run_name: "test".to_owned(),
            state: state.to_owned(),
            attempt: 1,
            idempotency_key: format!("test-{state}-1"),
            operation_key: format!("test-{state}"),
            task_token: None,
            deadline: SystemTime::now() + Duration::from_secs(60),
        }
    }

    /// The same call of another run.
    #[must_use]
    pub fn with_run(mut self, workflow: &str, run_name: &str) -> Self {
        self.workflow = workflow.to_owned();
        self.run_name = run_name.to_owned();
        self.operation_key = format!("{run_name}-{}", self.state);
        self.idempotency_key = format!("{}-{}", self.operation_key, self.attempt);
        self
    }

    /// The same call of a state that waits for a token.
    #[must_use]
    pub fn with_task_token(mut self, token: &str) -> Self {
        self.task_token = Some(token.to_owned());
        self
    }

    /// The same call at another attempt: the idempotency key changes, the operation key doesn't.
    #[must_use]
    pub fn with_attempt(mut self, attempt: u32) -> Self {
        self.attempt = attempt;
        self.idempotency_key = format!("{}-{attempt}", self.operation_key);
        self
    }
}
