//! Makes the account of a hire in the directory.

use stepladder::Step;

use super::ForHire;
use crate::records::{Account, DynamoRecords, Records, RecordsError};

/// The step as it is deployed: with the onboarding table.
pub async fn create_account(request: ForHire, step: Step) -> Result<Account, RecordsError> {
    create(request, &step, DynamoRecords::from_env().await).await
}

/// The step with any records. A hire has one account, also where another run asks for it.
pub async fn create(request: ForHire, step: &Step, records: &impl Records) -> Result<Account, RecordsError> {
    let hire_id = request.hire.hire_id;
    let account = Account { address: format!("{hire_id}@staff.example.com"), login: hire_id.clone() };
    records.once(&hire_id, step.operation_key(), &account).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::MemoryRecords;
    use crate::steps::tests::for_hire;

    #[tokio::test]
    async fn a_hire_has_one_account_however_often_it_is_asked_for() {
        let (records, step) = (MemoryRecords::default(), Step::for_test("CreateAccount"));
        let first = create(for_hire(), &step, &records).await.expect("made");
        let again = step.with_run("employee-onboarding", "another-run");
        assert_eq!(create(for_hire(), &again, &records).await, Ok(first));
        assert_eq!(records.done_for("emp-1"), ["ACCOUNT"]);
    }
}
