//! Finds somebody whom a new employee may ask anything.

use stepladder::Step;

use super::ForHire;
use crate::records::{DynamoRecords, Mentor, Records, RecordsError};

const MENTORS: [(&str, &str); 4] = [
    ("Aino Virtanen", "aino@example.com"),
    ("Björn Åkesson", "bjorn@example.com"),
    ("Chidi Eze", "chidi@example.com"),
    ("Daria Kowalska", "daria@example.com"),
];

/// The step as it is deployed: with the onboarding table.
pub async fn assign_mentor(request: ForHire, step: Step) -> Result<Mentor, RecordsError> {
    assign(request, &step, DynamoRecords::from_env().await).await
}

/// The step with any records.
pub async fn assign(request: ForHire, step: &Step, records: &impl Records) -> Result<Mentor, RecordsError> {
    let hire_id = request.hire.hire_id;
    let (name, address) = mentor(&hire_id);
    let mentor = Mentor { name: name.to_owned(), address: address.to_owned() };
    records.once(&hire_id, step.operation_key(), &mentor).await
}

/// Hires that follow each other have different mentors.
fn mentor(hire_id: &str) -> (&'static str, &'static str) {
    let [first, rest @ ..] = MENTORS;
    let sum = hire_id.bytes().fold(0, |sum: usize, byte| sum.wrapping_add(usize::from(byte)));
    let place = sum % MENTORS.len();
    place.checked_sub(1).and_then(|place| rest.get(place).copied()).unwrap_or(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::MemoryRecords;
    use crate::steps::tests::for_hire;

    #[tokio::test]
    async fn a_mentor_stays() {
        let (records, step) = (MemoryRecords::default(), Step::for_test("AssignMentor"));
        let first = assign(for_hire(), &step, &records).await.expect("assigned");
        assert_eq!(assign(for_hire(), &step, &records).await, Ok(first));
    }

    #[test]
    fn each_mentor_has_a_turn() {
        let names: std::collections::BTreeSet<&str> =
            (1..=4).map(|number| mentor(&format!("emp-{number}")).0).collect();
        assert_eq!(names.len(), MENTORS.len());
    }
}
