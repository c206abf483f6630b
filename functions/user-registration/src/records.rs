//! What is kept of users: a trait and two homes for it. Every call may come twice or late.

mod dynamodb;
mod memory;

use std::future::Future;

use serde::{Deserialize, Serialize};
use stepladder::StepError;

use crate::{mail::Mail, registration::Language};

pub use dynamodb::{DynamoRecords, table_name};
pub use memory::MemoryRecords;

/// The records of users.
pub trait Records: Send + Sync {
    /// Keeps a profile under its address, unless there is one: that of a repetition is given back, another one's is an
    /// error. `operation_key` is the step's.
    fn create_profile(
        &self,
        operation_key: &str,
        new: &Profile,
    ) -> impl Future<Output = Result<Profile, RecordsError>> + Send;

    /// The id of the welcome that a user was sent.
    fn welcomed(&self, user_id: &str) -> impl Future<Output = Result<Option<String>, RecordsError>> + Send;

    /// Keeps what was sent; a repetition changes nothing.
    fn note_welcome(
        &self,
        user_id: &str,
        mail: &Mail,
        message_id: &str,
    ) -> impl Future<Output = Result<(), RecordsError>> + Send;
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    pub user_id: String,
    pub email: String,
    pub name: String,
    pub language: Language,
}

/// Why the records didn't change as asked. Only the first is worth another attempt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordsError {
    #[error("the users' table did not take the {what}: {why}")]
    StoreUnavailable { what: &'static str, why: String },
    #[error("there is a user with this address already")]
    AddressTaken,
}

impl StepError for RecordsError {}
