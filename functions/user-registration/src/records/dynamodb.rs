//! The records in a DynamoDB table of their own. The table's items are described in the crate's documentation.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::error::{DisplayErrorContext, SdkError};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use tokio::sync::OnceCell;

use super::{Profile, Records, RecordsError};
use crate::limits::CALL_TIMEOUT_MS;
use crate::mail::{Mail, MailError, Mailer, refuse_invalid};

/// `USERS_TABLE`, or `<stack>-users` with the stack of `STEPLADDER_STACK`, `stepladder` unless set.
pub fn table_name() -> String {
    let set = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
    set("USERS_TABLE").unwrap_or_else(|| {
        format!("{}-users", set("STEPLADDER_STACK").unwrap_or_else(|| "stepladder".to_owned()))
    })
}

/// [`Records`] on DynamoDB, and a [`Mailer`] that puts mails into the table's outbox, for one machine.
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
    async fn create_profile(&self, operation_key: &str, new: &Profile) -> Result<Profile, RecordsError> {
        const WHAT: &str = "profile";
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(format!("EMAIL#{}", new.email)))
            .key("sk", text("PROFILE"))
            .update_expression("SET #o = if_not_exists(#o, :o), #d = if_not_exists(#d, :d)")
            .expression_attribute_names("#o", "operation")
            .expression_attribute_names("#d", "document")
            .expression_attribute_values(":o", text(operation_key))
            .expression_attribute_values(":d", text(json(WHAT, new)?))
            .return_values(ReturnValue::AllNew);
        let item = update.send().await.map_err(|error| sdk_error(WHAT, error))?.attributes;
        let member =
            |name| item.as_ref().and_then(|item| item.get(name)?.as_s().ok()).map_or("", String::as_str);
        if member("operation") != operation_key {
            return Err(RecordsError::AddressTaken);
        }
        serde_json::from_str(member("document"))
            .map_err(|error| unavailable(WHAT, &format!("its item is unreadable: {error}")))
    }

    async fn welcomed(&self, user_id: &str) -> Result<Option<String>, RecordsError> {
        let get = self
            .client
            .get_item()
            .table_name(&self.table)
            .consistent_read(true)
            .key("pk", text(format!("USER#{user_id}")))
            .key("sk", text("WELCOME"));
        let item = get.send().await.map_err(|error| sdk_error("welcome", error))?.item;
        Ok(item.as_ref().and_then(|item| item.get("message_id")?.as_s().ok()).cloned())
    }

    async fn note_welcome(&self, user_id: &str, mail: &Mail, message_id: &str) -> Result<(), RecordsError> {
        const WHAT: &str = "welcome";
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .item("pk", text(format!("USER#{user_id}")))
            .item("sk", text("WELCOME"))
            .item("message_id", text(message_id))
            .item("document", text(json(WHAT, mail)?))
            .condition_expression("attribute_not_exists(pk)");
        match put.send().await {
            Ok(_) => Ok(()),
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
}

impl Mailer for DynamoRecords {
    async fn send(&self, mail: &Mail) -> Result<String, MailError> {
        refuse_invalid(mail)?;
        let unavailable = |error: RecordsError| MailError::MailUnavailable(error.to_string());
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .item("pk", text(format!("OUTBOX#{}", mail.user_id)))
            .item("sk", text("WELCOME"))
            .item("document", text(json("mail", mail).map_err(unavailable)?));
        put.send().await.map_err(|error| unavailable(sdk_error("mail", error)))?;
        Ok(format!("outbox-{}", mail.user_id))
    }
}

fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

fn json(what: &'static str, value: &impl serde::Serialize) -> Result<String, RecordsError> {
    serde_json::to_string(value).map_err(|error| unavailable(what, &error.to_string()))
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
