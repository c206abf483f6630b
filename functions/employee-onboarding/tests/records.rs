//! What every home of the records has to do: one list, in memory and on DynamoDB's wire.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use employee_onboarding::hire::{self, Article};
use employee_onboarding::records::{
    Account, DynamoRecords, EquipmentOrder, MemoryRecords, Question, Records, RecordsError, Round, Token,
};
use serde_json::json;
use stepladder_aws::{AwsHost, Environment, create_function_table};
use stepladder_local::{Server, ServerConfig};

/// The records in a table of their own, and the server that has it.
struct OnDynamoDb {
    records: DynamoRecords,
    client: Client,
    _server: Server,
}

async fn on_dynamodb() -> OnDynamoDb {
    let server = Server::start(ServerConfig::default()).await.expect("any free port will do");
    let environment = Environment::local(&server.endpoint_url(), "test").expect("a local stack");
    let host = AwsHost::connect(environment).await;
    create_function_table(&host, "onboarding").await.expect("the table is created");
    let client = host.dynamodb().clone();
    let records = DynamoRecords::new(client.clone(), "test-onboarding".to_owned());
    OnDynamoDb { records, client, _server: server }
}

/// One test per rule, for both homes.
macro_rules! contract {
    ($($rule:ident),+ $(,)?) => {
        mod in_memory {
            $(#[tokio::test]
            async fn $rule() {
                super::$rule(&super::MemoryRecords::default()).await;
            })+
        }
        mod on_dynamodb {
            $(#[tokio::test]
            async fn $rule() {
                let home = super::on_dynamodb().await;
                super::$rule(&home.records).await;
            })+
        }
    };
}

contract!(
    what_is_done_for_a_hire_is_kept_as_it_was_first,
    something_else_for_the_same_hire_is_refused,
    hires_and_kinds_are_apart,
);

fn order(number: &str, articles: &[Article]) -> EquipmentOrder {
    EquipmentOrder { order_number: number.to_owned(), articles: articles.to_vec() }
}

async fn what_is_done_for_a_hire_is_kept_as_it_was_first(records: &impl Records) {
    let first = order("EQ-1", &[Article::Laptop, Article::Laptop]);
    assert_eq!(records.once("emp-1", "op-1", &first).await, Ok(first.clone()));
    for operation in ["op-1", "op-2"] {
        let again = order("EQ-2", &[Article::Laptop, Article::Laptop]);
        assert_eq!(records.once("emp-1", operation, &again).await, Ok(first.clone()));
    }
}

async fn something_else_for_the_same_hire_is_refused(records: &impl Records) {
    let first = order("EQ-1", &[Article::Laptop]);
    records.once("emp-1", "op-1", &first).await.expect("kept");
    let other = records.once("emp-1", "op-2", &order("EQ-2", &[])).await;
    assert_eq!(other, Err(RecordsError::AnotherOneThere { what: "equipment order" }));
    assert_eq!(records.once("emp-1", "op-1", &first).await, Ok(first));
}

async fn hires_and_kinds_are_apart(records: &impl Records) {
    let account =
        |login: &str| Account { login: login.to_owned(), address: "山田@例子.广告".to_owned() };
    records.once("emp-1", "op", &order("EQ-1", &[])).await.expect("kept");
    assert_eq!(records.once("emp-1", "op", &account("emp-1")).await, Ok(account("emp-1")));
    assert_eq!(records.once("emp-2", "op", &account("emp-2")).await, Ok(account("emp-2")));
}

fn question(redrive_count: u32, round: Round, attempt: u32, token: &str) -> Question {
    let hire = json!({
        "hire_id": "emp-1", "name": "Zoë Krüger", "email": "zoe@example.org", "role": "Engineer",
        "first_day": "2025-02-03T08:00:00Z", "salary": {"currency": "EUR", "minor_units": 1}, "equipment": [],
        "approval": {"by": "mara@example.com"},
    });
    Question {
        run: "run-1".to_owned(),
        redrive_count,
        round,
        attempt,
        token: Token::new(token),
        asked_at: "2025-01-06T08:00:00.000Z".to_owned(),
        expires_at: "2025-01-09T08:00:00Z".to_owned(),
        hire: hire::read(&hire).expect("a hire"),
    }
}

/// The questions of a run, as docs/callbacks.md reads them.
async fn asked(client: &Client) -> Vec<HashMap<String, AttributeValue>> {
    let query = client
        .query()
        .table_name("test-onboarding")
        .key_condition_expression("pk = :run")
        .expression_attribute_values(":run", AttributeValue::S("RUN#run-1".to_owned()));
    query.send().await.expect("the table answers").items.expect("items")
}

#[tokio::test]
async fn the_last_item_of_a_run_has_the_token_that_is_good() {
    let home = on_dynamodb().await;
    for (redrive_count, round, attempt, token) in [
        (0, Round::First, 1, "first"),
        (0, Round::First, 2, "second"),
        // Late, after the second attempt has asked.
        (0, Round::First, 1, "first"),
    ] {
        home.records.ask(&question(redrive_count, round, attempt, token)).await.expect("asked");
    }
    let items = asked(&home.client).await;
    assert_eq!(items.len(), 1);
    let text = |item: &HashMap<String, AttributeValue>, name: &str| item[name].as_s().expect(name).clone();
    assert_eq!(text(&items[0], "token"), "second");
    assert_eq!(text(&items[0], "approver"), "mara@example.com");
    assert_eq!(text(&items[0], "hire_id"), "emp-1");
    assert_eq!(text(&items[0], "expires_at"), "2025-01-09T08:00:00Z");

    home.records.ask(&question(0, Round::Reminder, 1, "reminder")).await.expect("asked");
    assert_eq!(text(asked(&home.client).await.last().expect("one"), "token"), "reminder");
    home.records.ask(&question(1, Round::First, 1, "redriven")).await.expect("asked");
    assert_eq!(text(asked(&home.client).await.last().expect("one"), "token"), "redriven");
}

#[tokio::test]
async fn a_table_that_is_not_there_is_told_without_the_token() {
    let home = on_dynamodb().await;
    let records = DynamoRecords::new(home.client.clone(), "nobody".to_owned());
    let error = records.ask(&question(0, Round::First, 1, "secret")).await.expect_err("no table");
    assert!(error.to_string().contains("ResourceNotFound"), "{error}");
    assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
}
