//! What every home of the records has to do: one list, in memory and on DynamoDB's wire.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use futures::future::join_all;
use order_processing::money::Money;
use order_processing::records::{
    DynamoRecords, Invoice, Mail, MemoryRecords, Outbox, Payment, Pieces, Records, RecordsError, Shortage,
};
use stepladder_aws::{AwsHost, Environment, create_function_table};
use stepladder_local::{Server, ServerConfig};

const PLENTY: i64 = 10_000_000;

/// The records in a table of their own, and the server that has it.
struct OnDynamoDb {
    records: DynamoRecords,
    _server: Server,
}

async fn on_dynamodb() -> OnDynamoDb {
    let server = Server::start(ServerConfig::default()).await.expect("any free port will do");
    let environment = Environment::local(&server.endpoint_url(), "test").expect("a local stack");
    let host = AwsHost::connect(environment).await;
    create_function_table(&host, "orders").await.expect("the table is created");
    let records = DynamoRecords::new(host.dynamodb().clone(), "test-orders".to_owned());
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
    a_reservation_takes_once_however_often_it_is_asked,
    a_reservation_takes_all_or_nothing,
    a_small_stock_can_be_used_up_and_comes_back,
    a_release_gives_back_once_and_only_what_was_taken,
    a_reservation_after_its_release_is_refused,
    an_order_has_one_reservation,
    reservations_at_once_never_take_more_than_there_is,
    reserve_and_release_at_once_leave_nothing_taken,
    releases_at_once_give_back_once,
    a_charge_is_kept_once_and_found_again,
    a_refund_closes_the_payment,
    an_invoice_is_kept_as_it_was_first_written,
    a_cancelled_invoice_stays_cancelled,
    a_mail_is_kept_once,
    fifty_lines_fit_into_one_reservation,
);

fn pieces(pairs: &[(&str, i64)]) -> Vec<Pieces> {
    pairs.iter().map(|(sku, quantity)| Pieces { sku: (*sku).to_owned(), quantity: *quantity }).collect()
}

async fn check_stock(records: &impl Records, sku: &str, expected: i64) {
    assert_eq!(records.stock(sku).await, Ok(expected), "{sku}");
}

async fn a_reservation_takes_once_however_often_it_is_asked(records: &impl Records) {
    let wanted = pieces(&[("MUG-RED-350", 2), ("HONEY-500", 3)]);
    for operation in ["op-1", "op-1", "op-2"] {
        assert_eq!(records.reserve("ord-1", operation, &wanted).await, Ok(()));
    }
    check_stock(records, "MUG-RED-350", PLENTY - 2).await;
    check_stock(records, "HONEY-500", PLENTY - 3).await;
    records.reserve("ord-2", "op-3", &wanted).await.expect("another order takes its own");
    check_stock(records, "HONEY-500", PLENTY - 6).await;
}

async fn a_reservation_takes_all_or_nothing(records: &impl Records) {
    let wanted = pieces(&[("MUG-RED-350", 2), ("RECORD-TESTPRESS", 4), ("SYNTH-PROTOTYPE", 1)]);
    let shortage = |sku: &str, wanted, available| Shortage { sku: sku.to_owned(), wanted, available };
    let expected = RecordsError::OutOfStock {
        shortages: vec![shortage("RECORD-TESTPRESS", 4, 3), shortage("SYNTH-PROTOTYPE", 1, 0)],
    };
    assert_eq!(records.reserve("ord-1", "op-1", &wanted).await, Err(expected));
    check_stock(records, "MUG-RED-350", PLENTY).await;
    check_stock(records, "RECORD-TESTPRESS", 3).await;
    assert_eq!(records.release("ord-1").await, Ok(vec![]));
}

async fn a_small_stock_can_be_used_up_and_comes_back(records: &impl Records) {
    records.reserve("ord-1", "op-1", &pieces(&[("RECORD-TESTPRESS", 2)])).await.expect("there are three");
    let error = records.reserve("ord-2", "op-2", &pieces(&[("RECORD-TESTPRESS", 2)])).await;
    assert_eq!(
        error.expect_err("one is left").to_string(),
        "out of stock: RECORD-TESTPRESS (2 ordered, 1 left)"
    );
    records.release("ord-1").await.expect("released");
    records
        .reserve("ord-2", "op-2", &pieces(&[("RECORD-TESTPRESS", 2)]))
        .await
        .expect("there are three again");
    check_stock(records, "RECORD-TESTPRESS", 1).await;
}

async fn a_release_gives_back_once_and_only_what_was_taken(records: &impl Records) {
    let wanted = pieces(&[("MUG-RED-350", 2), ("HONEY-500", 3)]);
    records.reserve("ord-1", "op-1", &wanted).await.expect("reserved");
    for _ in 0..3 {
        assert_eq!(records.release("ord-1").await, Ok(wanted.clone()));
    }
    check_stock(records, "MUG-RED-350", PLENTY).await;
    check_stock(records, "HONEY-500", PLENTY).await;
}

async fn a_reservation_after_its_release_is_refused(records: &impl Records) {
    for _ in 0..2 {
        assert_eq!(records.release("ord-1").await, Ok(vec![]), "nothing was reserved");
    }
    let late = records.reserve("ord-1", "op-1", &pieces(&[("MUG-RED-350", 2)])).await;
    assert_eq!(late, Err(RecordsError::Closed { what: "reservation" }));
    check_stock(records, "MUG-RED-350", PLENTY).await;
}

async fn an_order_has_one_reservation(records: &impl Records) {
    records.reserve("ord-1", "op-1", &pieces(&[("MUG-RED-350", 2)])).await.expect("reserved");
    let other = records.reserve("ord-1", "op-2", &pieces(&[("MUG-RED-350", 5)])).await;
    assert_eq!(other, Err(RecordsError::Conflict { what: "reservation" }));
    check_stock(records, "MUG-RED-350", PLENTY - 2).await;
}

async fn reservations_at_once_never_take_more_than_there_is(records: &impl Records) {
    let reserve = async |order: u32| {
        let one = pieces(&[("RECORD-TESTPRESS", 1)]);
        records.reserve(&format!("ord-{order}"), "op", &one).await.is_ok()
    };
    let answers = join_all((0..12).map(reserve)).await;
    assert_eq!(answers.into_iter().filter(|is_taken| *is_taken).count(), 3);
    check_stock(records, "RECORD-TESTPRESS", 0).await;
}

async fn reserve_and_release_at_once_leave_nothing_taken(records: &impl Records) {
    let race = async |order: u32| {
        let (reference, honey) = (format!("ord-{order}"), pieces(&[("HONEY-500", 1)]));
        let (_, released) =
            tokio::join!(records.reserve(&reference, "op", &honey), records.release(&reference));
        released.expect("a release never fails for good");
    };
    join_all((0..20).map(race)).await;
    check_stock(records, "HONEY-500", PLENTY).await;
}

async fn releases_at_once_give_back_once(records: &impl Records) {
    let wanted = pieces(&[("HONEY-500", 5)]);
    records.reserve("ord-1", "op-1", &wanted).await.expect("reserved");
    for answer in join_all((0..8).map(|_| records.release("ord-1"))).await {
        assert_eq!(answer, Ok(wanted.clone()));
    }
    check_stock(records, "HONEY-500", PLENTY).await;
}

fn payment(charge_id: &str) -> Payment {
    Payment { charge_id: charge_id.to_owned(), amount: Money::new("EUR", 1_290) }
}

async fn a_charge_is_kept_once_and_found_again(records: &impl Records) {
    assert_eq!(records.payment("ord-1").await, Ok(None));
    for _ in 0..2 {
        assert_eq!(records.record_charge("ord-1", "op-1", &payment("ch_1")).await, Ok(payment("ch_1")));
    }
    assert_eq!(records.payment("ord-1").await, Ok(Some((payment("ch_1"), "op-1".to_owned()))));
    let other = records.record_charge("ord-1", "op-2", &payment("ch_2")).await;
    assert_eq!(other, Err(RecordsError::Conflict { what: "payment" }));
}

async fn a_refund_closes_the_payment(records: &impl Records) {
    let closed = RecordsError::Closed { what: "payment" };
    records.record_charge("ord-1", "op-1", &payment("ch_1")).await.expect("kept");
    for reference in ["ord-1", "ord-1", "ord-never-charged"] {
        records.record_refund(reference, "re_1").await.expect("refunded");
        assert_eq!(records.payment(reference).await, Err(closed.clone()));
        assert_eq!(records.record_charge(reference, "op-1", &payment("ch_1")).await, Err(closed.clone()));
    }
}

fn invoice(number: &str, minor_units: i64) -> Invoice {
    Invoice {
        number: number.to_owned(),
        issued_at: "2026-11-02T08:13:45Z".to_owned(),
        total: Money::new("JPY", minor_units),
        net: Money::new("JPY", minor_units),
        tax: Money::new("JPY", 0),
        tax_rate_basis_points: 0,
        reverse_charge: false,
        text: "山田 太郎 \u{0}\u{fffe} 🦊".to_owned(),
    }
}

async fn an_invoice_is_kept_as_it_was_first_written(records: &impl Records) {
    let first = records.record_invoice("ord-1", "op-1", &invoice("INV-1", 5_800)).await;
    assert_eq!(first, Ok(invoice("INV-1", 5_800)));
    let again = records.record_invoice("ord-1", "op-2", &invoice("INV-2", 5_800)).await;
    assert_eq!(again, Ok(invoice("INV-1", 5_800)), "the number of an invoice never changes");
    let other = records.record_invoice("ord-1", "op-2", &invoice("INV-1", 1)).await;
    assert_eq!(other, Err(RecordsError::Conflict { what: "invoice" }));
}

async fn a_cancelled_invoice_stays_cancelled(records: &impl Records) {
    let closed = Err(RecordsError::Closed { what: "invoice" });
    records.record_invoice("ord-1", "op-1", &invoice("INV-1", 5_800)).await.expect("kept");
    for reference in ["ord-1", "ord-1", "ord-never-invoiced"] {
        records.cancel_invoice(reference).await.expect("cancelled");
        assert_eq!(records.record_invoice(reference, "op-1", &invoice("INV-1", 5_800)).await, closed);
    }
}

async fn a_mail_is_kept_once(outbox: &impl Outbox) {
    let mail = |subject: &str| Mail {
        message_id: "<ord-1@orders.example.com>".to_owned(),
        to: "用户@例子.广告".to_owned(),
        subject: subject.to_owned(),
        body: "…".to_owned(),
    };
    assert_eq!(outbox.post("ord-1", "op-1", &mail("first")).await, Ok(mail("first")));
    assert_eq!(outbox.post("ord-1", "op-1", &mail("second")).await, Ok(mail("first")));
}

async fn fifty_lines_fit_into_one_reservation(records: &impl Records) {
    let all = order_processing::catalogue::CATALOGUE.iter().filter(|article| article.initial_stock > 1_000);
    let wanted: Vec<Pieces> =
        all.take(50).map(|article| Pieces { sku: article.sku.to_owned(), quantity: 1 }).collect();
    assert_eq!(wanted.len(), order_processing::limits::LINES_MAX);
    records.reserve("ord-1", "op-1", &wanted).await.expect("reserved");
    assert_eq!(records.release("ord-1").await, Ok(wanted));
}
