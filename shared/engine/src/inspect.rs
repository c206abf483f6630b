//! What a state makes of its data on the way from its input to its output, for whoever wants to look.

use serde_json::Value;
use std::cell::RefCell;

/// The intermediate values of one state, as the TestState API names them
/// (<https://docs.aws.amazon.com/step-functions/latest/apireference/API_InspectionData.html>). A value that the state
/// did not come to is none.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Inspection {
    pub input: Option<Value>,
    pub after_input_path: Option<Value>,
    pub after_parameters: Option<Value>,
    pub after_arguments: Option<Value>,
    pub result: Option<Value>,
    pub after_result_selector: Option<Value>,
    pub after_result_path: Option<Value>,
    pub after_items_path: Option<Value>,
    pub max_concurrency: Option<u64>,
    pub tolerated_failure_count: Option<u64>,
    pub tolerated_failure_percentage: Option<f64>,
    /// All variables after the state.
    pub variables: Option<Value>,
    pub error_details: Option<ErrorDetails>,
}

/// Which retrier or catcher took an error.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ErrorDetails {
    /// The index in `Catch`.
    pub catch_index: Option<u64>,
    /// The index in `Retry`.
    pub retry_index: Option<u64>,
    pub retry_backoff_interval_seconds: Option<f64>,
}

/// Where the values are put; nowhere, in a run.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Probe<'a>(pub(crate) Option<&'a RefCell<Inspection>>);

impl Probe<'_> {
    /// Nobody looks: nothing is copied.
    pub(crate) const NONE: Probe<'static> = Probe(None);

    pub(crate) fn see(self, look: impl FnOnce(&mut Inspection)) {
        // It is never borrowed over a call, so that this can't fail.
        if let Some(Ok(mut inspection)) = self.0.map(RefCell::try_borrow_mut) {
            look(&mut inspection);
        }
    }
}
