//! Asks an approver who has not answered once more, with a token of its own.

use stepladder::Step;

use super::request_approval::{AskError, AskRequest, Asked, ask};
use crate::records::{DynamoRecords, Round};

/// The step as it is deployed: with the onboarding table. With any other records it is [`ask`].
pub async fn send_reminder(request: AskRequest, step: Step) -> Result<Asked, AskError> {
    ask(request, Round::Reminder, &step, DynamoRecords::from_env().await).await
}
