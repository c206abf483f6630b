//! Puts a hire on the payroll.

use stepladder::Step;

use super::{ForHire, number};
use crate::records::{DynamoRecords, Enrollment, Records, RecordsError};

/// The step as it is deployed: with the onboarding table.
pub async fn enroll_payroll(request: ForHire, step: Step) -> Result<Enrollment, RecordsError> {
    enroll(request, &step, DynamoRecords::from_env().await).await
}

/// The step with any records. Nobody is paid twice: a hire has one number.
pub async fn enroll(
    request: ForHire,
    step: &Step,
    records: &impl Records,
) -> Result<Enrollment, RecordsError> {
    let hire = request.hire;
    let enrollment =
        Enrollment { payroll_number: number("PR", step), salary: hire.salary, from: hire.first_day };
    records.once(&hire.hire_id, step.operation_key(), &enrollment).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::MemoryRecords;
    use crate::steps::tests::for_hire;

    #[tokio::test]
    async fn a_hire_has_one_number_and_another_salary_is_refused() {
        let (records, step) = (MemoryRecords::default(), Step::for_test("EnrollPayroll"));
        let first = enroll(for_hire(), &step, &records).await.expect("enrolled");
        assert_eq!(enroll(for_hire(), &step.clone().with_attempt(2), &records).await, Ok(first));
        let mut raised = for_hire();
        raised.hire.salary.minor_units += 1;
        let refused = Err(RecordsError::AnotherOneThere { what: "payroll number" });
        assert_eq!(enroll(raised, &step, &records).await, refused);
    }
}
