//! The records in a DynamoDB table of their own. The table's items are described in the crate's documentation.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::error::{DisplayErrorContext, SdkError};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use tokio::sync::OnceCell;

use super::{Document, Question, Records, RecordsError, Round, kept};
use crate::limits::CALL_TIMEOUT_MS;

/// `ONBOARDING_TABLE`, or `<stack>-onboarding` with the stack of `STEPLADDER_STACK`, `stepladder` unless set.
pub fn table_name() -> String {
    let set = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
    set("ONBOARDING_TABLE").unwrap_or_else(|| {
        format!("{}-onboarding", set("STEPLADDER_STACK").unwrap_or_else(|| "stepladder".to_owned()))
    })
}

/// [`Records`] on DynamoDB.
#[derive(Debug)]
pub struct DynamoRecords {
    client: Client,
    table: String,
}

impl DynamoRecords {
    /// The records of this process: client and table name from the environment, made on the first call.
    pub async fn from_env() -> &'static Self {
        static RECORDS: OnceCell<DynamoRecords> = OnceCell::const_new();
        let make = async || {
            let config = stepladder::aws_config().await;
            let timeouts = config.timeout_config().map(TimeoutConfig::to_builder).unwrap_or_default();
            let timeouts = timeouts.operation_timeout(Duration::from_millis(CALL_TIMEOUT_MS)).build();
            let config = aws_sdk_dynamodb::config::Builder::from(&config).timeout_config(timeouts).build();
            Self::new(Client::from_conf(config), table_name())
        };
        RECORDS.get_or_init(make).await
    }

    /// Records in that table, which must exist with the text keys `pk` and `sk`.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }
}

impl Records for DynamoRecords {
    async fn ask(&self, question: &Question) -> Result<(), RecordsError> {
        const WHAT: &str = "question";
        let Question { run, redrive_count, round, attempt, token, asked_at, expires_at, hire } = question;
        let hire_json = serde_json::to_string(hire).map_err(|error| unavailable(WHAT, &error.to_string()))?;
        let number = match round {
            Round::First => 1,
            Round::Reminder => 2,
        };
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .item("pk", text(format!("RUN#{run}")))
            // As many digits as the largest number has, so that the youngest comes last.
            .item("sk", text(format!("APPROVAL#{redrive_count:010}#{number}")))
            .item("attempt", AttributeValue::N(attempt.to_string()))
            .item("token", text(token.reveal()))
            .item("approver", text(&hire.approval.by))
            .item("hire_id", text(&hire.hire_id))
            .item("asked_at", text(asked_at))
            .item("expires_at", text(expires_at))
            .item("document", text(hire_json))
            .condition_expression("attribute_not_exists(pk) OR attempt <= :attempt")
            .expression_attribute_values(":attempt", AttributeValue::N(attempt.to_string()));
        match put.send().await {
            Ok(_) => Ok(()),
            // A later attempt has asked, and its token is the one that is good.
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_conditional_check_failed_exception()) =>
            {
                Ok(())
            }
            Err(error) => Err(sdk_error(WHAT, error)),
        }
    }

    async fn once<D: Document>(
        &self,
        hire_id: &str,
        operation_key: &str,
        new: &D,
    ) -> Result<D, RecordsError> {
        let json = serde_json::to_string(new).map_err(|error| unavailable(D::WHAT, &error.to_string()))?;
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(format!("HIRE#{hire_id}")))
            .key("sk", text(D::KIND))
            .update_expression("SET #o = if_not_exists(#o, :o), #d = if_not_exists(#d, :d)")
            .expression_attribute_names("#o", "operation")
            .expression_attribute_names("#d", "document")
            .expression_attribute_values(":o", text(operation_key))
            .expression_attribute_values(":d", text(json))
            .return_values(ReturnValue::AllNew);
        let item = update.send().await.map_err(|error| sdk_error(D::WHAT, error))?.attributes;
        let document = item.as_ref().and_then(|item| item.get("document")?.as_s().ok());
        let there = serde_json::from_str(document.map_or("", String::as_str))
            .map_err(|error| unavailable(D::WHAT, &format!("its item is unreadable: {error}")))?;
        kept(there, new)
    }
}

fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

fn unavailable(what: &'static str, why: &str) -> RecordsError {
    RecordsError::StoreUnavailable { what, why: why.chars().take(300).collect() }
}

fn sdk_error<E: std::error::Error + Send + Sync + 'static>(
    what: &'static str,
    error: SdkError<E>,
) -> RecordsError {
    unavailable(what, &DisplayErrorContext(&error).to_string())
}
