//! Mails, and who sends them: a trait, Amazon SES, and the outbox of one machine.

mod ses;

use std::future::Future;

use serde::{Deserialize, Serialize};
use stepladder::StepError;

use crate::records::DynamoRecords;

pub use ses::SesMailer;

/// Who sends mails.
pub trait Mailer: Send + Sync {
    /// Sends a mail, or hands it to whoever will; its id there. A mail that is sent twice arrives twice.
    fn send(&self, mail: &Mail) -> impl Future<Output = Result<String, MailError>> + Send;
}

/// A mail, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    pub user_id: String,
    pub to: String,
    pub subject: String,
    pub body: String,
}

/// Why a mail was not sent. Only the first is worth another attempt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    #[error("the mail could not be sent now: {0}")]
    MailUnavailable(String),
    #[error("the mail was refused: {0}")]
    MailRefused(String),
}

impl StepError for MailError {}

/// Whom the environment names: Amazon SES, or the table's outbox where AWS is on this machine.
#[derive(Debug)]
pub enum EnvMailer {
    Ses(Box<SesMailer>),
    Outbox(&'static DynamoRecords),
}

impl EnvMailer {
    pub async fn from_env() -> Self {
        match SesMailer::from_env().await {
            Some(ses) => EnvMailer::Ses(Box::new(ses)),
            None => EnvMailer::Outbox(DynamoRecords::from_env().await),
        }
    }
}

impl Mailer for EnvMailer {
    async fn send(&self, mail: &Mail) -> Result<String, MailError> {
        match self {
            EnvMailer::Ses(ses) => ses.send(mail).await,
            EnvMailer::Outbox(outbox) => outbox.send(mail).await,
        }
    }
}

/// What an outbox refuses, as a mail server does: nobody lives at `.invalid` (RFC 2606).
pub(crate) fn refuse_invalid(mail: &Mail) -> Result<(), MailError> {
    match mail.to.ends_with(".invalid") {
        true => Err(MailError::MailRefused("the address's domain does not exist".to_owned())),
        false => Ok(()),
    }
}
