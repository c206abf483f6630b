//! The records in memory, for tests.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Profile, Records, RecordsError};
use crate::mail::{Mail, MailError, Mailer};

/// [`Records`] in maps of the process, and a [`Mailer`] that keeps what it is given.
#[derive(Debug, Default)]
pub struct MemoryRecords {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// By address: the operation that made it, and the profile.
    profiles: BTreeMap<String, (String, Profile)>,
    /// By user.
    welcomes: BTreeMap<String, String>,
    sent: Vec<Mail>,
    /// So many calls fail from now on.
    failures: u32,
}

impl MemoryRecords {
    /// All mails that went out.
    pub fn sent(&self) -> Vec<Mail> {
        self.lock().sent.clone()
    }

    pub fn profiles(&self) -> Vec<Profile> {
        self.lock().profiles.values().map(|(_, profile)| profile.clone()).collect()
    }

    /// Lets the next calls fail, as a table does that doesn't answer.
    pub fn fail(&self, calls: u32) {
        self.lock().failures = calls;
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answering(&self, what: &'static str) -> Result<MutexGuard<'_, Kept>, RecordsError> {
        let mut kept = self.lock();
        match kept.failures.checked_sub(1) {
            None => Ok(kept),
            Some(left) => {
                kept.failures = left;
                Err(RecordsError::StoreUnavailable { what, why: "it is to fail".to_owned() })
            }
        }
    }
}

impl Records for MemoryRecords {
    async fn create_profile(&self, operation_key: &str, new: &Profile) -> Result<Profile, RecordsError> {
        let mut kept = self.answering("profile")?;
        let own = || (operation_key.to_owned(), new.clone());
        let (operation, profile) = kept.profiles.entry(new.email.clone()).or_insert_with(own);
        if operation.as_str() == operation_key {
            Ok(profile.clone())
        } else {
            Err(RecordsError::AddressTaken)
        }
    }

    async fn welcomed(&self, user_id: &str) -> Result<Option<String>, RecordsError> {
        Ok(self.answering("welcome")?.welcomes.get(user_id).cloned())
    }

    async fn note_welcome(&self, user_id: &str, _mail: &Mail, message_id: &str) -> Result<(), RecordsError> {
        let mut kept = self.answering("welcome")?;
        kept.welcomes.entry(user_id.to_owned()).or_insert_with(|| message_id.to_owned());
        Ok(())
    }
}

impl Mailer for MemoryRecords {
    async fn send(&self, mail: &Mail) -> Result<String, MailError> {
        crate::mail::refuse_invalid(mail)?;
        let mut kept =
            self.answering("mail").map_err(|error| MailError::MailUnavailable(error.to_string()))?;
        kept.sent.push(mail.clone());
        Ok(format!("m-{}", kept.sent.len()))
    }
}
