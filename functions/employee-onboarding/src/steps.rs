//! The steps. Each is a plain function of its input, the call it is in, and what it works with.

pub mod assign_mentor;
pub mod create_account;
pub mod enroll_payroll;
pub mod order_equipment;
pub mod request_approval;
pub mod send_reminder;
pub mod send_welcome;
pub mod validate_hire;

use serde::{Deserialize, Serialize};
use stepladder::Step;

use crate::hire::Hire;

/// What a step needs that does something for a hire. The definition may send more; the rest is left alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForHire {
    pub hire: Hire,
}

/// A number that all attempts of a step make alike, as a service draws one that is given the operation key.
fn number(prefix: &str, step: &Step) -> String {
    let digits: String = step.operation_key().chars().take(12).collect();
    format!("{prefix}-{digits}")
}

#[cfg(test)]
mod tests {
    use super::ForHire;
    use crate::hire::{read, tests::sound};

    pub(super) fn for_hire() -> ForHire {
        ForHire { hire: read(&sound()).expect("a hire") }
    }
}
