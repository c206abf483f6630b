//! Every host passes the same list of cases ([`stepladder_tests::contract`]).
//!
//! `aws` runs it through the AWS SDK: against our own server, started by each test, or with
//! `STEPLADDER_CONTRACT_ENDPOINT=http://127.0.0.1:4566` against the one there.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]

#[path = "contract/aws_world.rs"]
mod aws_world;
#[path = "contract/memory_world.rs"]
mod memory_world;

/// The world that the simulation runs in: what holds there holds for a table and queues.
mod memory {
    macro_rules! in_memory {
        ($case:path) => {
            futures::executor::block_on(async {
                let host = stepladder_simulation::MemoryHost::new(1).with_schedules();
                $case(&crate::memory_world::MemoryWorld(host)).await;
            })
        };
    }

    stepladder_tests::contract_suite!(in_memory);
    stepladder_tests::schedules_suite!(in_memory);
}

/// DynamoDB, SQS and S3 through the AWS SDK.
mod aws {
    macro_rules! in_aws {
        ($case:path) => {
            crate::aws_world::run(async {
                let world = crate::aws_world::AwsWorld::start().await;
                $case(&world).await;
            })
        };
    }

    stepladder_tests::contract_suite!(in_aws);

    macro_rules! where_there_is_a_scheduler {
        ($case:path) => {
            crate::aws_world::run(async {
                let world = crate::aws_world::AwsWorld::start().await;
                match &world.server {
                    Some(_) => eprintln!(
                        "not run: our own server has no Scheduler; set STEPLADDER_CONTRACT_ENDPOINT"
                    ),
                    None => $case(&world).await,
                }
            })
        };
    }

    stepladder_tests::schedules_suite!(where_there_is_a_scheduler);
}

/// What only DynamoDB, SQS and S3 have: limits, indexes, and failures on the way.
#[path = "contract/aws_only.rs"]
mod aws_only;

/// Throttles, conflicts and refusals, which no emulator shows.
#[path = "contract/faults.rs"]
mod faults;
