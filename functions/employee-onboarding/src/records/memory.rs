//! The records in memory, for tests.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use super::{Document, Question, Records, RecordsError, Round, kept};

/// [`Records`] in maps of the process.
#[derive(Debug, Default)]
pub struct MemoryRecords {
    house: Mutex<House>,
}

#[derive(Debug, Default)]
struct House {
    /// By the run, the redrive count and the round.
    questions: BTreeMap<(String, u32, Round), Question>,
    /// By the hire and the kind.
    documents: BTreeMap<(String, &'static str), Value>,
    /// So many calls fail from now on.
    failures: u32,
}

impl MemoryRecords {
    /// What a run's approver is asked, the youngest last.
    pub fn questions(&self, run: &str) -> Vec<Question> {
        let house = self.lock();
        house
            .questions
            .iter()
            .filter(|((of, ..), _)| of == run)
            .map(|(_, question)| question.clone())
            .collect()
    }

    /// The kinds of what was done for a hire.
    pub fn done_for(&self, hire_id: &str) -> Vec<&'static str> {
        self.lock().documents.keys().filter(|(of, _)| of == hire_id).map(|(_, kind)| *kind).collect()
    }

    /// Lets the next calls fail, as a table does that doesn't answer.
    pub fn fail(&self, calls: u32) {
        self.lock().failures = calls;
    }

    fn lock(&self) -> MutexGuard<'_, House> {
        self.house.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The records, unless the call is to fail.
    fn answering(&self, what: &'static str) -> Result<MutexGuard<'_, House>, RecordsError> {
        let mut house = self.lock();
        match house.failures.checked_sub(1) {
            None => Ok(house),
            Some(left) => {
                house.failures = left;
                Err(RecordsError::StoreUnavailable { what, why: "it is to fail".to_owned() })
            }
        }
    }
}

impl Records for MemoryRecords {
    async fn ask(&self, question: &Question) -> Result<(), RecordsError> {
        let mut house = self.answering("question")?;
        let key = (question.run.clone(), question.redrive_count, question.round);
        let is_late = house.questions.get(&key).is_some_and(|there| there.attempt > question.attempt);
        if !is_late {
            house.questions.insert(key, question.clone());
        }
        Ok(())
    }

    async fn once<D: Document>(
        &self,
        hire_id: &str,
        _operation_key: &str,
        new: &D,
    ) -> Result<D, RecordsError> {
        let unreadable = |error: serde_json::Error| RecordsError::StoreUnavailable {
            what: D::WHAT,
            why: error.to_string(),
        };
        let mut house = self.answering(D::WHAT)?;
        let json = serde_json::to_value(new).map_err(unreadable)?;
        let there = house.documents.entry((hire_id.to_owned(), D::KIND)).or_insert(json);
        kept(D::deserialize(&*there).map_err(unreadable)?, new)
    }
}
