//! Asks an approver, who answers by the state's task token.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use stepladder::{Step, StepError};

use crate::hire::Hire;
use crate::records::{DynamoRecords, Question, Records, RecordsError, Round, Token};

/// Who is asked about whom. The token is not in it: the history shows what a state calls its step with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskRequest {
    /// The run's name.
    pub reference: String,
    pub redrive_count: u32,
    /// RFC 3339, the same for every attempt.
    pub asked_at: String,
    pub hire: Hire,
}

/// Who was asked, and until when the answer counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    pub approver: String,
    /// RFC 3339.
    pub expires_at: String,
}

/// Why nobody was asked. `StoreUnavailable` is worth another attempt.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    #[error("{0}")]
    StoreUnavailable(RecordsError),
    #[error("the state waits for nobody: its resource has to end in .waitForTaskToken")]
    NoTaskToken,
    #[error("asked_at isn't a time: {0}")]
    InvalidTime(String),
}

impl StepError for AskError {}

/// The step as it is deployed: with the onboarding table.
pub async fn request_approval(request: AskRequest, step: Step) -> Result<Asked, AskError> {
    ask(request, Round::First, &step, DynamoRecords::from_env().await).await
}

/// The step with any records.
pub async fn ask(
    request: AskRequest,
    round: Round,
    step: &Step,
    records: &impl Records,
) -> Result<Asked, AskError> {
    let AskRequest { reference, redrive_count, asked_at, hire } = request;
    let token = Token::new(step.task_token().ok_or(AskError::NoTaskToken)?);
    let expires_at = expiry(&asked_at, hire.approval.timeout_seconds)?;
    let asked = Asked { approver: hire.approval.by.clone(), expires_at: expires_at.clone() };
    let question = Question {
        run: reference,
        redrive_count,
        round,
        attempt: step.attempt(),
        token,
        asked_at,
        expires_at,
        hire,
    };
    records.ask(&question).await.map_err(AskError::StoreUnavailable)?;
    Ok(asked)
}

/// When the state's time is over: early by what earlier attempts took, for it counts from the attempt's start.
fn expiry(asked_at: &str, timeout_seconds: u64) -> Result<String, AskError> {
    let invalid = |error: jiff::Error| AskError::InvalidTime(error.to_string());
    let asked_at: Timestamp = asked_at.parse().map_err(invalid)?;
    let seconds = i64::try_from(timeout_seconds).unwrap_or(i64::MAX);
    asked_at.checked_add(SignedDuration::from_secs(seconds)).map(|time| time.to_string()).map_err(invalid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::MemoryRecords;
    use crate::steps::tests::for_hire;

    fn request() -> AskRequest {
        AskRequest {
            reference: "run-1".to_owned(),
            redrive_count: 0,
            asked_at: "2025-01-06T08:00:00.000Z".to_owned(),
            hire: for_hire().hire,
        }
    }

    fn waiting(attempt: u32, token: &str) -> Step {
        Step::for_test("RequestApproval").with_attempt(attempt).with_task_token(token)
    }

    #[tokio::test]
    async fn the_approver_finds_the_token_and_how_long_it_is_good() {
        let records = MemoryRecords::default();
        let asked = ask(request(), Round::First, &waiting(1, "secret-1"), &records).await.expect("asked");
        assert_eq!(asked.expires_at, "2025-01-09T08:00:00Z");
        let questions = records.questions("run-1");
        let [question] = &questions[..] else { panic!("{questions:?}") };
        assert_eq!((question.token.reveal(), &question.expires_at), ("secret-1", &asked.expires_at));
    }

    #[tokio::test]
    async fn the_token_of_the_last_attempt_is_the_one_that_is_kept() {
        let records = MemoryRecords::default();
        for (attempt, token) in [(1, "secret-1"), (2, "secret-2"), (1, "secret-1")] {
            ask(request(), Round::First, &waiting(attempt, token), &records).await.expect("asked");
        }
        let tokens: Vec<String> =
            records.questions("run-1").iter().map(|question| question.token.reveal().to_owned()).collect();
        assert_eq!(tokens, ["secret-2"]);
    }

    #[tokio::test]
    async fn a_state_that_waits_for_nobody_is_told() {
        let step = Step::for_test("RequestApproval");
        let error = ask(request(), Round::First, &step, &MemoryRecords::default()).await;
        assert_eq!(error.expect_err("no token").error_name(), "NoTaskToken");
    }

    #[tokio::test]
    async fn a_question_shows_its_token_to_no_log() {
        let records = MemoryRecords::default();
        ask(request(), Round::First, &waiting(1, "secret-1"), &records).await.expect("asked");
        let shown = format!("{:?} {records:?}", records.questions("run-1"));
        assert!(shown.contains("Token(…)") && !shown.contains("secret-1"), "{shown}");
    }
}
