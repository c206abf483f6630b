//! A way to see every call that leaves this process: the budget test counts them.

use aws_sdk_dynamodb::{
    config::{ConfigBag, Intercept, RuntimeComponents, interceptors::FinalizerInterceptorContextRef},
    operation::{
        batch_get_item::BatchGetItemOutput, get_item::GetItemOutput, put_item::PutItemOutput,
        query::QueryOutput, transact_write_items::TransactWriteItemsOutput, update_item::UpdateItemOutput,
    },
    types::ConsumedCapacity,
};
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{interceptors::context::Output, orchestrator::Metadata},
};
use std::{fmt, sync::Arc};

/// Is told of every call of the AWS SDK when it is over, however often the SDK tried it.
pub type Observer = Arc<dyn Fn(&Call) + Send + Sync>;

/// One call of the AWS SDK.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The SDK's name of the service: `DynamoDB`, `SQS`, `S3`, `Lambda`.
    pub service: String,
    /// The API's name of the operation: `PutItem`, `SendMessageBatch`.
    pub operation: String,
    /// False: it failed for good, also on a condition.
    pub succeeded: bool,
    /// What DynamoDB says it consumed: write units for a write, read units for a read, indexes included. It says
    /// nothing about a failed call, although a failed condition costs a write unit too.
    pub capacity_units: Option<f64>,
}

/// Passes the SDK's calls on to an [`Observer`].
pub(crate) struct Watch(pub(crate) Observer);

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watch")
    }
}

impl Intercept for Watch {
    fn name(&self) -> &'static str {
        "Watch"
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(metadata) = cfg.load::<Metadata>() {
            let output = context.output_or_error().and_then(Result::ok);
            (self.0)(&Call {
                service: metadata.service().to_owned(),
                operation: metadata.name().to_owned(),
                succeeded: output.is_some(),
                capacity_units: output.and_then(capacity_units),
            });
        }
        Ok(())
    }
}

fn capacity_units(output: &Output) -> Option<f64> {
    let one = |consumed: Option<&ConsumedCapacity>| consumed.and_then(ConsumedCapacity::capacity_units);
    if let Some(output) = output.downcast_ref::<PutItemOutput>() {
        return one(output.consumed_capacity());
    }
    if let Some(output) = output.downcast_ref::<UpdateItemOutput>() {
        return one(output.consumed_capacity());
    }
    if let Some(output) = output.downcast_ref::<GetItemOutput>() {
        return one(output.consumed_capacity());
    }
    if let Some(output) = output.downcast_ref::<QueryOutput>() {
        return one(output.consumed_capacity());
    }
    let of_tables = match output.downcast_ref::<BatchGetItemOutput>() {
        Some(output) => output.consumed_capacity(),
        None => output.downcast_ref::<TransactWriteItemsOutput>()?.consumed_capacity(),
    };
    let units: Vec<f64> = of_tables.iter().filter_map(ConsumedCapacity::capacity_units).collect();
    (!units.is_empty()).then(|| units.iter().sum())
}
