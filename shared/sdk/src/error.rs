//! How a step's error gets its name in the definition.

use std::fmt::{Debug, Display};

/// The error of a step, named in `ErrorEquals` by its variant.
///
/// The name is the variant's own, taken from the derived `Debug`; the message is `Display`. Nothing has to be written:
///
/// ```
/// use stepladder::StepError;
///
/// #[derive(Debug, thiserror::Error)]
/// enum ChargeError {
///     #[error("the card was declined: {reason}")]
///     CardDeclined { reason: String },
///     #[error("the payment provider did not answer")]
///     PaymentTimeout,
/// }
/// impl StepError for ChargeError {}
///
/// let error = ChargeError::CardDeclined { reason: "expired".into() };
/// assert_eq!(error.error_name(), "CardDeclined");
/// assert_eq!(ChargeError::PaymentTimeout.error_name(), "PaymentTimeout");
/// ```
///
/// Retry and Catch then say `"ErrorEquals": ["PaymentTimeout"]`. The cause that they see is Lambda's own JSON text,
/// `{"errorMessage": …, "errorType": …, "stackTrace": []}`
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html>).
pub trait StepError: Debug + Display {
    /// The name that `ErrorEquals` compares with. Override it where a variant's name isn't the one wanted.
    fn error_name(&self) -> String {
        let debug = format!("{self:?}");
        let end = debug.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(debug.len());
        debug.get(..end).unwrap_or_default().to_owned()
    }
}

/// A step that can't fail.
impl StepError for std::convert::Infallible {}

/// Any error at all, all under the one name `Error`: for a first version, before Retry and Catch tell errors apart.
impl StepError for Box<dyn std::error::Error + Send + Sync> {
    fn error_name(&self) -> String {
        "Error".to_owned()
    }
}
