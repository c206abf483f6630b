//! What every home of the records has to do: one list, in memory and on DynamoDB's wire.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use data_import::records::{DynamoRecords, Entry, MemoryRecords, Records};
use data_import::rows::{FailedRow, Row, Summary};
use stepladder_aws::{AwsHost, Environment, create_function_table};
use stepladder_local::{Server, ServerConfig};

/// The records in a table of their own, and the server that has it.
struct OnDynamoDb {
    records: DynamoRecords,
    _server: Server,
}

async fn on_dynamodb() -> OnDynamoDb {
    let server = Server::start(ServerConfig::default()).await.expect("any free port will do");
    let environment = Environment::local(&server.endpoint_url(), "test").expect("a local stack");
    let host = AwsHost::connect(environment).await;
    create_function_table(&host, "imports").await.expect("the table is created");
    let records = DynamoRecords::new(host.dynamodb().clone(), "test-imports".to_owned());
    OnDynamoDb { records, _server: server }
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
    a_row_is_there_as_it_was_written_last,
    failures_are_listed_by_line_and_by_import,
    a_summary_is_one_of_its_import,
);

fn row(id: &str, line: u64) -> Row {
    Row {
        line,
        id: id.to_owned(),
        customer: "Zoë \"Zo\" 🎉\u{1}".to_owned(),
        email: "zoe@example.com".to_owned(),
        amount_cents: -99_999_999_999_999,
        currency: "EUR".to_owned(),
        ordered_at: "2026-02-28T23:59:59Z".to_owned(),
    }
}

async fn a_row_is_there_as_it_was_written_last(records: &impl Records) {
    assert_eq!(records.row("r-1").await, Ok(None));
    for line in [7, 7, 9] {
        let entries = (0..25).map(|number| Entry::Row(row(&format!("r-{number}"), line + number))).collect();
        assert_eq!(records.put(entries).await, Ok(vec![]));
    }
    assert_eq!(records.row("r-1").await, Ok(Some(row("r-1", 10))));
    assert_eq!(records.row("r-24").await, Ok(Some(row("r-24", 33))));
    assert_eq!(records.row("r-25").await, Ok(None));
}

async fn failures_are_listed_by_line_and_by_import(records: &impl Records) {
    let failed = |line: u64| FailedRow { line, reason: format!("amount is no number: {line}") };
    let entry = |import: &str, line| Entry::Failed { import: import.to_owned(), row: failed(line) };
    let lines = [1_000_000, 9, 10, 99_999];
    records.put(lines.map(|line| entry("monday", line)).to_vec()).await.expect("they are put");
    records.put(vec![entry("tuesday", 5), entry("mon", 6)]).await.expect("they are put");
    let summary = Summary { failed: 4, rows: 4, ..Summary::default() };
    records.put(vec![Entry::Summary { import: "monday".to_owned(), summary }]).await.expect("it is put");
    assert_eq!(records.failures("monday").await, Ok([9, 10, 99_999, 1_000_000].map(failed).to_vec()));
    assert_eq!(records.failures("tuesday").await, Ok(vec![failed(5)]));
    assert_eq!(records.failures("sunday").await, Ok(vec![]));
}

async fn a_summary_is_one_of_its_import(records: &impl Records) {
    let summary = |rows| Summary { rows, loaded: 1, failed: 2, failed_batches: 3 };
    for rows in [3, 4] {
        let entry = Entry::Summary { import: "monday".to_owned(), summary: summary(rows) };
        assert_eq!(records.put(vec![entry]).await, Ok(vec![]));
    }
    assert_eq!(records.summary("monday").await, Ok(Some(summary(4))));
    assert_eq!(records.summary("tuesday").await, Ok(None));
}
