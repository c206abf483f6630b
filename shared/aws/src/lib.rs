//! The protocol's traits on DynamoDB, SQS, S3, Lambda and EventBridge: the one crate that names an AWS service.
//!
//! [`AwsHost::from_env`] is the way in. All settings come from environment variables ([`Environment::from_env`]);
//! `AWS_ENDPOINT_URL` points the same code at an emulator, and with an `http://` address no certificate is read.
//!
//! Every call is bounded (see [`limits`]): nothing hangs. What the SDK's few attempts don't cure comes back as a
//! [`stepladder_protocol::WorldError`] that says whether to try again.

mod access;
mod blobs;
mod clients;
mod clock;
mod emf;
mod environment;
mod error;
mod events;
mod functions;
mod host;
mod integrations;
mod letters;
pub mod limits;
mod live;
mod objects;
mod observe;
mod queue;
mod remove;
mod schedules;
mod stack;
mod store;
mod upload;

pub use access::{Access, Caller};
pub use blobs::S3Blobs;
pub use clients::sdk_config;
pub use clock::SystemClock;
pub use emf::EmfMetrics;
pub use environment::{Endpoints, Environment, EnvironmentError, SchedulePlace};
pub use events::BusEvents;
pub use functions::LambdaFunctions;
pub use host::{AwsHost, StepHost};
pub use integrations::ServiceIntegrations;
pub use letters::{Letters, Moved};
pub use live::{Expiry, LiveBucket, LiveFunction, LiveMapping, LiveQueue, LiveTable, LiveUrl};
pub use objects::S3Objects;
pub use observe::{Call, Observer};
pub use queue::SqsQueue;
pub use schedules::OneTimeSchedules;
pub use stack::{
    StackSpec, create_function_table, create_queue, create_stack, create_table, tell_uploads,
    visibility_seconds,
};
pub use store::{DynamoStore, partition_pk, run_pk};
pub use upload::upload;
