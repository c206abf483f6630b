//! What every home of the records has to do: one list, in memory and on DynamoDB's wire.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use stepladder_aws::{AwsHost, Environment, create_function_table};
use stepladder_local::{Server, ServerConfig};
use user_registration::mail::{Mail, MailError, Mailer};
use user_registration::records::{DynamoRecords, MemoryRecords, Profile, Records, RecordsError};
use user_registration::registration::Language;

/// The records in a table of their own, and the server that has it.
async fn on_dynamodb() -> (DynamoRecords, AwsHost, Server) {
    let server = Server::start(ServerConfig::default()).await.expect("any free port will do");
    let environment = Environment::local(&server.endpoint_url(), "test").expect("a local stack");
    let host = AwsHost::connect(environment).await;
    create_function_table(&host, "users").await.expect("the table is created");
    (DynamoRecords::new(host.dynamodb().clone(), "test-users".to_owned()), host, server)
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
                let (records, _host, _server) = super::on_dynamodb().await;
                super::$rule(&records).await;
            })+
        }
    };
}

contract!(
    an_address_belongs_to_the_operation_that_came_first,
    what_was_sent_is_kept_as_it_was_first,
    an_outbox_refuses_what_no_server_would_take,
);

fn profile(user_id: &str) -> Profile {
    let (email, name) = ("zoe@example.org".to_owned(), "Zoë".to_owned());
    Profile { user_id: user_id.to_owned(), email, name, language: Language::De }
}

fn mail(to: &str) -> Mail {
    Mail { user_id: "usr-1".into(), to: to.into(), subject: "Willkommen".into(), body: "Hallo.\n".into() }
}

async fn an_address_belongs_to_the_operation_that_came_first(records: &impl Records) {
    assert_eq!(records.create_profile("a", &profile("usr-1")).await, Ok(profile("usr-1")));
    assert_eq!(records.create_profile("a", &profile("usr-2")).await, Ok(profile("usr-1")));
    assert_eq!(records.create_profile("b", &profile("usr-2")).await, Err(RecordsError::AddressTaken));
    let other = Profile { email: "eva@example.org".into(), ..profile("usr-2") };
    assert_eq!(records.create_profile("b", &other).await, Ok(other));
}

async fn what_was_sent_is_kept_as_it_was_first(records: &impl Records) {
    assert_eq!(records.welcomed("usr-1").await, Ok(None));
    for id in ["m-1", "m-2"] {
        records.note_welcome("usr-1", &mail("zoe@example.org"), id).await.expect("noted");
    }
    assert_eq!(records.welcomed("usr-1").await, Ok(Some("m-1".to_owned())));
    assert_eq!(records.welcomed("usr-2").await, Ok(None));
}

async fn an_outbox_refuses_what_no_server_would_take(records: &(impl Records + Mailer)) {
    assert!(!records.send(&mail("zoe@example.org")).await.expect("sent").is_empty());
    let refused = records.send(&mail("zoe@gone.invalid")).await;
    assert!(matches!(refused, Err(MailError::MailRefused(_))), "{refused:?}");
    assert_eq!(records.welcomed("usr-1").await, Ok(None), "an outbox is no note");
}

#[tokio::test]
async fn the_outbox_holds_the_mail() {
    let (records, host, _server) = on_dynamodb().await;
    records.send(&mail("zoe@example.org")).await.expect("sent");
    let items = host.dynamodb().scan().table_name("test-users").send().await.unwrap().items.unwrap();
    let text = |name: &str| items[0][name].as_s().unwrap().clone();
    assert_eq!((items.len(), text("pk"), text("sk")), (1, "OUTBOX#usr-1".to_owned(), "WELCOME".to_owned()));
    let kept: Mail = serde_json::from_str(&text("document")).unwrap();
    assert_eq!(kept, mail("zoe@example.org"));
}
