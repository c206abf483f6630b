//! What a function and a queue's trigger are made of.

use std::path::PathBuf;

use crate::limits;

/// A function: a program and how to run it.
#[derive(Debug, Clone)]
pub struct FunctionConfig {
    /// 1 to 64 letters, digits, hyphens and underscores.
    pub name: String,
    /// The program, which polls the Lambda Runtime API.
    pub program: PathBuf,
    /// Its arguments; on Lambda there are none.
    pub args: Vec<String>,
    /// Variables beside those that Lambda sets. They win over the host's own.
    pub env: Vec<(String, String)>,
    /// Told to the program, and nothing more: the host doesn't limit memory.
    pub memory_mb: u32,
    /// An invocation that takes longer is killed. At most 900,000.
    pub timeout_ms: u64,
    /// Processes at once, and so concurrent invocations.
    pub environments_max: u32,
}

impl FunctionConfig {
    /// A function with 128 MB, 10 s, and two processes per core.
    pub fn new(name: impl Into<String>, program: impl Into<PathBuf>) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            name: name.into(),
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            memory_mb: 128,
            timeout_ms: 10_000,
            environments_max: u32::try_from(2 * cores).unwrap_or(2),
        }
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        let name_fits = (1..=limits::FUNCTION_NAME_CHARS_MAX).contains(&self.name.len())
            && self.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        if !name_fits {
            return Err(format!(
                "the function name {:?} must be 1 to {} letters, digits, hyphens and underscores",
                self.name,
                limits::FUNCTION_NAME_CHARS_MAX
            ));
        }
        if !(1..=limits::FUNCTION_TIMEOUT_MS_MAX).contains(&self.timeout_ms) {
            return Err(format!(
                "the timeout of {} is {} ms; it must be 1 to {} ms",
                self.name,
                self.timeout_ms,
                limits::FUNCTION_TIMEOUT_MS_MAX
            ));
        }
        if self.environments_max == 0 {
            return Err(format!("environments_max of {} must be at least 1", self.name));
        }
        Ok(())
    }
}

/// A queue that triggers a function, as Lambda's event source mapping does.
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>
#[derive(Debug, Clone)]
pub struct EventSourceMapping {
    /// The queue's name.
    pub queue: String,
    /// The function's name.
    pub function: String,
    /// Messages of one invocation: at most 10, or 10,000 with a batching window.
    pub batch_size: usize,
    /// How long to gather messages after the first one, at most 300,000. 0 invokes at once.
    pub batching_window_ms: u64,
    /// Invocations at once by this mapping, 2 to 1,000; without it `environments_max` of the function.
    pub maximum_concurrency: Option<u32>,
    /// Whether the response says which messages failed. Without it a success deletes the whole batch.
    pub report_batch_item_failures: bool,
}

impl EventSourceMapping {
    /// A mapping as Stepladder's steps have it: batches of ten, no window, partial failures reported.
    pub fn new(queue: impl Into<String>, function: impl Into<String>) -> Self {
        Self {
            queue: queue.into(),
            function: function.into(),
            batch_size: limits::TRIGGER_BATCH_MAX,
            batching_window_ms: 0,
            maximum_concurrency: None,
            report_batch_item_failures: true,
        }
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        let windowed = self.batching_window_ms > 0;
        let size_max = if windowed { limits::TRIGGER_WINDOW_BATCH_MAX } else { limits::TRIGGER_BATCH_MAX };
        if !(1..=size_max).contains(&self.batch_size) {
            let hint = if windowed { "" } else { "; a larger one needs a batching window" };
            return Err(format!(
                "the batch size for queue {} is {}; it must be 1 to {size_max}{hint}",
                self.queue, self.batch_size
            ));
        }
        if self.batching_window_ms > limits::BATCHING_WINDOW_MS_MAX {
            return Err(format!(
                "the batching window for queue {} is {} ms; it must be at most {} ms",
                self.queue,
                self.batching_window_ms,
                limits::BATCHING_WINDOW_MS_MAX
            ));
        }
        match self.maximum_concurrency {
            Some(maximum) if !limits::MAXIMUM_CONCURRENCY_RANGE.contains(&maximum) => Err(format!(
                "the maximum concurrency for queue {} is {maximum}; it must be {} to {}",
                self.queue,
                limits::MAXIMUM_CONCURRENCY_RANGE.start(),
                limits::MAXIMUM_CONCURRENCY_RANGE.end()
            )),
            _ => Ok(()),
        }
    }
}
