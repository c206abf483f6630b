//! What the house remembers: what approvers are asked, and what was done for a hire. A trait and two homes for it.
//!
//! Every call may come twice or late. So what is done for a hire is kept once, and a repetition gets what was kept first;
//! and a question that comes late doesn't replace a younger one.

mod dynamodb;
mod memory;

use std::fmt;
use std::future::Future;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use stepladder::StepError;

use crate::hire::{Article, Hire, Salary};

pub use dynamodb::{DynamoRecords, table_name};
pub use memory::MemoryRecords;

/// The records of the house.
pub trait Records: Send + Sync {
    /// Puts down what an approver is asked, where the approver finds it.
    fn ask(&self, question: &Question) -> impl Future<Output = Result<(), RecordsError>> + Send;

    /// Keeps what was done for a hire; a repetition gets what was kept first. `operation_key` is the step's.
    fn once<D: Document>(
        &self,
        hire_id: &str,
        operation_key: &str,
        new: &D,
    ) -> impl Future<Output = Result<D, RecordsError>> + Send;
}

/// What an approver is asked, and the token that answers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The run's name.
    pub run: String,
    pub redrive_count: u32,
    pub round: Round,
    /// Each attempt of the state has a token of its own: a later one's replaces it.
    pub attempt: u32,
    pub token: Token,
    /// RFC 3339, both.
    pub asked_at: String,
    pub expires_at: String,
    pub hire: Hire,
}

/// Approvers are asked twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Round {
    First,
    Reminder,
}

/// A task token. Whoever has it can answer, so it is shown by nothing that writes logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    pub fn new(token: &str) -> Self {
        Self(token.to_owned())
    }

    /// The token itself, for whoever is to answer.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Something that is done for a hire once.
pub trait Document: Serialize + DeserializeOwned + Clone + Send + Sync {
    /// In errors.
    const WHAT: &'static str;
    /// In keys.
    const KIND: &'static str;

    /// Whether the other one is what a repetition of this would have made.
    fn is_same(&self, other: &Self) -> bool;
}

/// An account in the directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    pub login: String,
    pub address: String,
}

impl Document for Account {
    const WHAT: &'static str = "account";
    const KIND: &'static str = "ACCOUNT";

    fn is_same(&self, other: &Self) -> bool {
        self == other
    }
}

/// What was ordered at the supplier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EquipmentOrder {
    pub order_number: String,
    pub articles: Vec<Article>,
}

impl Document for EquipmentOrder {
    const WHAT: &'static str = "equipment order";
    const KIND: &'static str = "EQUIPMENT";

    fn is_same(&self, other: &Self) -> bool {
        self.articles == other.articles
    }
}

/// A place on the payroll.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrollment {
    pub payroll_number: String,
    pub salary: Salary,
    /// RFC 3339.
    pub from: String,
}

impl Document for Enrollment {
    const WHAT: &'static str = "payroll number";
    const KIND: &'static str = "PAYROLL";

    fn is_same(&self, other: &Self) -> bool {
        self.salary == other.salary && self.from == other.from
    }
}

/// Whom a new employee may ask anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mentor {
    pub name: String,
    pub address: String,
}

impl Document for Mentor {
    const WHAT: &'static str = "mentor";
    const KIND: &'static str = "MENTOR";

    /// One mentor is as good as another.
    fn is_same(&self, _other: &Self) -> bool {
        true
    }
}

/// A mail, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    pub message_id: String,
    pub to: String,
    pub subject: String,
    pub body: String,
}

impl Document for Mail {
    const WHAT: &'static str = "welcome";
    const KIND: &'static str = "WELCOME";

    /// Nobody is welcomed twice.
    fn is_same(&self, _other: &Self) -> bool {
        true
    }
}

/// Why the records didn't change as asked. Only the first is worth another attempt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordsError {
    #[error("the onboarding table did not take the {what}: {why}")]
    StoreUnavailable { what: &'static str, why: String },
    #[error("this hire has another {what} already")]
    AnotherOneThere { what: &'static str },
}

impl StepError for RecordsError {}

/// What was kept, unless it is something else than was asked for.
fn kept<D: Document>(kept: D, new: &D) -> Result<D, RecordsError> {
    if new.is_same(&kept) { Ok(kept) } else { Err(RecordsError::AnotherOneThere { what: D::WHAT }) }
}
