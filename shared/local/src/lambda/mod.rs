//! The Lambda host: programs that speak the Lambda Runtime API, run as subprocesses.
//!
//! A [`FunctionConfig`] names a program. Each of its processes is one *environment* and works on one invocation at a
//! time; a warm one is reused, the most recently used first. Invocations come through the Invoke API
//! ([`LambdaHost::invoke`]) and from queues ([`EventSourceMapping`]).
//!
//! It differs from AWS in these points: there is no memory limit and no `/tmp` of one's own; an asynchronous invocation
//! is tried once, not three times; a mapping starts a further process only when those there have been busy for a moment
//! ([`limits::SCALE_UP_AFTER_MS`](crate::limits::SCALE_UP_AFTER_MS)), so that batches are fuller and the laptop quieter.
//! A program that has hung while the host itself is killed by SIGKILL lives on until its invocation ends; every other one
//! ends with its connection.

mod config;
mod environment;
mod event;
mod function;
mod host;
pub(crate) mod http;
mod invoke;
mod logs;
mod trigger;

pub use config::{EventSourceMapping, FunctionConfig};
pub use host::{LambdaHost, RegisterError};
pub use invoke::{InvokeError, InvokeOutcome};
pub use logs::{LogLine, LogStream};
