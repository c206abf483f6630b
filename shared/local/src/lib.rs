//! Stepladder on one machine: DynamoDB, SQS, S3 and Lambda in one process, on one port of 127.0.0.1.
//!
//! The crate emulates AWS's services and knows nothing of workflows. The same programs and the same clients run
//! against it as against AWS: they are only told another endpoint.
//!
//! ```no_run
//! use stepladder_local::{EventSourceMapping, FunctionConfig, Server, ServerConfig};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let server = Server::start(ServerConfig { port: 7700, ..ServerConfig::default() }).await?;
//!
//! // Tables, queues and buckets are made as on AWS, by the AWS SDK or CLI with AWS_ENDPOINT_URL at
//! // server.endpoint_url(), or in process:
//! let attributes = [("VisibilityTimeout".to_owned(), "60".to_owned())].into();
//! server.queues().with(|queues, now_ms| queues.create("orders", &attributes, Default::default(), now_ms))?;
//!
//! server.lambda().on_log(|line| eprintln!("{}: {}", line.function, line.text));
//! server.lambda().register(FunctionConfig::new("charge", "target/debug/charge"))?;
//! server.lambda().map_queue(EventSourceMapping::new("orders", "charge"))?;
//!
//! tokio::signal::ctrl_c().await?;
//! server.shutdown().await; // ends the functions' processes too
//! # Ok(())
//! # }
//! ```
//!
//! Any access key is accepted; for S3 the secret key must be the same text as the access key.

mod clock;
pub mod lambda;
pub mod limits;
mod server;
pub mod sqs;

pub use lambda::{EventSourceMapping, FunctionConfig, LambdaHost, LogLine, LogStream};
pub use server::{Front, FrontConfig, HostName, InvalidHostName, Patience, Server, ServerConfig, StartError};
