//! What SQS promises for standard queues, as the AWS documentation states it.
//!
//! The same cases run against any SQS: with `SQS_CONTRACT_ENDPOINT=http://127.0.0.1:4566` against the server there, else
//! against one of our own, started by each test. `SQS_CONTRACT_SKIP` names cases, with commas between, that the other
//! server is known not to support; each skipped case says so.
//! Numbers that AWS calls approximate are waited for, never expected at once.
//!
//! `make test-aws` runs it against both and shows the differences; those that are known stand in
//! tests/aws/sqs-differences.json, with why.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]

/// Declares a case: a test that gets an SQS, and that can be skipped by name.
macro_rules! case {
    ($name:ident, |$sqs:ident| $body:block) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            let skipped = std::env::var("SQS_CONTRACT_SKIP").unwrap_or_default();
            if skipped.split(',').any(|skipped| skipped == stringify!($name)) {
                eprintln!("skipped by SQS_CONTRACT_SKIP: {}", stringify!($name));
                return;
            }
            let $sqs = Sqs::start().await;
            $body
        }
    };
}

mod batches;
mod messages;
mod queues;
mod support;
mod time;
