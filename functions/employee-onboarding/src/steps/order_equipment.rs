//! Orders the equipment of a hire.

use stepladder::Step;

use super::{ForHire, number};
use crate::records::{DynamoRecords, EquipmentOrder, Records, RecordsError};

/// The step as it is deployed: with the onboarding table.
pub async fn order_equipment(request: ForHire, step: Step) -> Result<EquipmentOrder, RecordsError> {
    order(request, &step, DynamoRecords::from_env().await).await
}

/// The step with any records. Another run with the same articles gets the order that is there; with others it is refused.
pub async fn order(
    request: ForHire,
    step: &Step,
    records: &impl Records,
) -> Result<EquipmentOrder, RecordsError> {
    let order = EquipmentOrder { order_number: number("EQ", step), articles: request.hire.equipment };
    records.once(&request.hire.hire_id, step.operation_key(), &order).await
}

#[cfg(test)]
mod tests {
    use stepladder::StepError;

    use super::*;
    use crate::hire::Article;
    use crate::records::MemoryRecords;
    use crate::steps::tests::for_hire;

    #[tokio::test]
    async fn an_order_keeps_its_number_and_its_articles() {
        let (records, step) = (MemoryRecords::default(), Step::for_test("OrderEquipment"));
        let first = order(for_hire(), &step, &records).await.expect("ordered");
        let other_run = step.clone().with_run("employee-onboarding", "another-run");
        assert_ne!(number("EQ", &step), number("EQ", &other_run));
        assert_eq!(order(for_hire(), &other_run, &records).await, Ok(first));

        let mut more = for_hire();
        more.hire.equipment.push(Article::Phone);
        let error = order(more, &other_run, &records).await.expect_err("another order is there");
        assert_eq!(error.error_name(), "AnotherOneThere");
        assert_eq!(error.to_string(), "this hire has another equipment order already");
    }
}
