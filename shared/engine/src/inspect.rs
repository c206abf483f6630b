//! What a state makes of its data on the way from its input to its output, for whoever wants to look.

use serde::Serialize;
use serde_json::Value;
use std::cell::RefCell;

/// The intermediate values of one state, as the TestState API names them
/// (<https://docs.aws.amazon.com/step-functions/latest/apireference/API_InspectionData.html>), but as JSON instead of
/// JSON text. What the state did not come to is none.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Inspection {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after_input_path: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after_parameters: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after_arguments: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after_items_path: Option<Value>,
    /// Of a Task state, and of a Pass state with a Result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after_result_selector: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after_result_path: Option<Value>,
    /// 0: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_concurrency: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerated_failure_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerated_failure_percentage: Option<f64>,
    /// All variables after the state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variables: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_details: Option<ErrorDetails>,
}

/// Which retrier or catcher took an error.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorDetails {
    /// The index in `Catch`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub catch_index: Option<u64>,
    /// The index in `Retry`; the retrier may be used up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_index: Option<u64>,
    /// The delay before the next attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_backoff_interval_seconds: Option<f64>,
}

/// An error that Retry and Catch were asked about.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Reported {
    pub(crate) error: Option<String>,
    pub(crate) cause: Option<String>,
}

/// All that is seen of a state.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watched {
    pub(crate) inspection: Inspection,
    pub(crate) reported: Option<Reported>,
}

/// Where the values are put; nowhere, in a run.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Probe<'a>(pub(crate) Option<&'a RefCell<Watched>>);

impl Probe<'_> {
    /// Nobody looks: nothing is copied.
    pub(crate) const NONE: Probe<'static> = Probe(None);

    pub(crate) fn see(self, look: impl FnOnce(&mut Inspection)) {
        self.watch(|watched| look(&mut watched.inspection));
    }

    pub(crate) fn watch(self, look: impl FnOnce(&mut Watched)) {
        // It is never borrowed over a call, so that this can't fail.
        if let Some(Ok(mut watched)) = self.0.map(RefCell::try_borrow_mut) {
            look(&mut watched);
        }
    }

    /// What is known of the retrier or catcher.
    pub(crate) fn see_error(self, look: impl FnOnce(&mut ErrorDetails)) {
        self.see(|inspection| look(inspection.error_details.get_or_insert_default()));
    }
}
