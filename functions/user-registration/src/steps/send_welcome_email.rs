//! Sends the mail that welcomes a user: what goes on while the caller has its answer.

use serde::{Deserialize, Serialize};
use stepladder::{Step, StepError};
use tokio::sync::OnceCell;

use crate::mail::{EnvMailer, Mail, MailError, Mailer};
use crate::records::{DynamoRecords, Profile, Records, RecordsError};
use crate::registration::Language;

/// Which mail was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcomed {
    pub to: String,
    pub message_id: String,
}

/// Why it was not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WelcomeError {
    #[error(transparent)]
    Mail(#[from] MailError),
    #[error(transparent)]
    Records(#[from] RecordsError),
}

impl StepError for WelcomeError {
    fn error_name(&self) -> String {
        match self {
            WelcomeError::Mail(error) => error.error_name(),
            WelcomeError::Records(error) => error.error_name(),
        }
    }
}

/// The step as it is deployed: with the users' table, and with Amazon SES or the table's outbox.
pub async fn send_welcome_email(profile: Profile, _step: Step) -> Result<Welcomed, WelcomeError> {
    static MAILER: OnceCell<EnvMailer> = OnceCell::const_new();
    let mailer = MAILER.get_or_init(EnvMailer::from_env).await;
    welcome(profile, DynamoRecords::from_env().await, mailer).await
}

/// The step with any records and mailer. SES takes no idempotency key: what was sent is noted, so that a repetition sends
/// nothing; only a death between the two sends it twice.
pub async fn welcome(
    profile: Profile,
    records: &impl Records,
    mailer: &impl Mailer,
) -> Result<Welcomed, WelcomeError> {
    let mail = render(profile);
    let message_id = match records.welcomed(&mail.user_id).await? {
        Some(message_id) => message_id,
        None => {
            let message_id = mailer.send(&mail).await?;
            records.note_welcome(&mail.user_id, &mail, &message_id).await?;
            message_id
        }
    };
    Ok(Welcomed { to: mail.to, message_id })
}

fn render(profile: Profile) -> Mail {
    let Profile { user_id, email, name, language } = profile;
    let (subject, body) = match language {
        Language::En => (format!("Welcome, {name}"), format!("Dear {name},\n\nyou are {user_id} now.\n")),
        Language::De => {
            (format!("Willkommen, {name}"), format!("Hallo {name},\n\ndu bist jetzt {user_id}.\n"))
        }
        Language::Fr => {
            (format!("Bienvenue, {name}"), format!("Bonjour {name},\n\nvous êtes maintenant {user_id}.\n"))
        }
    };
    Mail { user_id, to: email, subject, body }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::MemoryRecords;

    fn profile(email: &str) -> Profile {
        Profile { user_id: "usr-1".into(), email: email.into(), name: "Zoë".into(), language: Language::De }
    }

    #[tokio::test]
    async fn a_welcome_is_sent_once() {
        let records = MemoryRecords::default();
        let first = welcome(profile("zoe@example.org"), &records, &records).await.expect("sent");
        assert_eq!(first, Welcomed { to: "zoe@example.org".into(), message_id: "m-1".into() });
        assert_eq!(welcome(profile("zoe@example.org"), &records, &records).await, Ok(first));
        assert_eq!(records.sent().len(), 1);
        assert_eq!(records.sent()[0].subject, "Willkommen, Zoë");
    }

    #[tokio::test]
    async fn an_error_is_named_as_the_definition_catches_it() {
        let records = MemoryRecords::default();
        let refused = welcome(profile("zoe@gone.invalid"), &records, &records).await.expect_err("refused");
        assert_eq!(refused.error_name(), "MailRefused");
        records.fail(1);
        let failed = welcome(profile("zoe@example.org"), &records, &records).await.expect_err("failed");
        assert_eq!(failed.error_name(), "StoreUnavailable");
    }
}
