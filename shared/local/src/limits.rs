//! Every limit of this crate, with its unit and the AWS fact behind it.

// ---- SQS: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>

/// Bytes of one message (body, attribute names, types and values): 1 MiB on AWS.
pub const MESSAGE_BYTES_MAX: usize = 1_048_576;
/// Bytes of all messages of one SendMessageBatch together: 1 MiB on AWS.
pub const BATCH_BYTES_MAX: usize = 1_048_576;
/// The smallest MaximumMessageSize a queue may be given, in bytes.
pub const MESSAGE_BYTES_SETTING_MIN: u64 = 1_024;
/// Entries in one batch call.
pub const BATCH_ENTRIES_MAX: usize = 10;
/// Characters of a batch entry's id.
pub const BATCH_ENTRY_ID_CHARS_MAX: usize = 80;
/// Characters of a queue's name.
pub const QUEUE_NAME_CHARS_MAX: usize = 80;
/// Attributes of one message.
pub const MESSAGE_ATTRIBUTES_MAX: usize = 10;
/// Characters of a message attribute's name or type.
pub const MESSAGE_ATTRIBUTE_NAME_CHARS_MAX: usize = 256;
/// Characters of a message's group
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagegroupid-property.html>).
pub const MESSAGE_GROUP_CHARS_MAX: usize = 128;
/// Messages of one ReceiveMessage.
pub const RECEIVE_MESSAGES_MAX: u32 = 10;
/// Seconds that one ReceiveMessage waits at most.
pub const WAIT_TIME_S_MAX: u32 = 20;
/// Seconds of the longest visibility timeout: 12 hours.
pub const VISIBILITY_TIMEOUT_S_MAX: u32 = 43_200;
/// Seconds of the longest delay: 15 minutes.
pub const DELAY_S_MAX: u32 = 900;
/// Seconds a message is kept, at least: 1 minute.
pub const RETENTION_S_MIN: u32 = 60;
/// Seconds a message is kept, at most: 14 days.
pub const RETENTION_S_MAX: u32 = 1_209_600;
/// maxReceiveCount of a redrive policy, at most.
pub const MAX_RECEIVE_COUNT_MAX: u32 = 1_000;
/// Messages in flight in a standard queue; beyond it ReceiveMessage answers OverLimit.
pub const IN_FLIGHT_MAX: usize = 120_000;
/// Milliseconds between two PurgeQueue calls of one queue.
pub const PURGE_INTERVAL_MS: u64 = 60_000;
/// Tags of one queue.
pub const QUEUE_TAGS_MAX: usize = 50;
/// Names of one page of ListQueues.
pub const LIST_QUEUES_PAGE_MAX: usize = 1_000;
/// So many move tasks of a queue are shown, and known
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListMessageMoveTasks.html>).
pub const MOVE_TASKS_SHOWN_MAX: usize = 10;
/// The fastest that a move task can be asked to be, in messages a second
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html>).
pub const MOVES_PER_SECOND_MAX: u32 = 500;

/// Queues in one server. AWS has no limit; this one keeps memory bounded.
pub const QUEUES_MAX: usize = 10_000;
/// Bytes of all messages in all queues. AWS has no limit; this one keeps memory bounded.
pub const QUEUED_BYTES_MAX: usize = 2 * 1024 * 1024 * 1024;
/// Bytes of one SQS request. JSON can write a byte as `\u0041`, six for one.
pub const SQS_REQUEST_BYTES_MAX: usize = 6 * BATCH_BYTES_MAX + 256 * 1024;

// ---- Lambda: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>

/// Bytes of a synchronous invocation's request or response: 6 MB, as Lambda's own message counts it.
pub const INVOKE_BYTES_MAX: usize = 6_291_556;
/// Bytes of an asynchronous invocation's request: 1 MB.
pub const INVOKE_EVENT_BYTES_MAX: usize = 1_048_576;
/// Milliseconds that the init phase may take before the environment is given up.
pub const INIT_TIMEOUT_MS: u64 = 10_000;
/// Milliseconds of the longest function timeout: 15 minutes.
pub const FUNCTION_TIMEOUT_MS_MAX: u64 = 900_000;
/// Messages of one batch without a batching window.
pub const TRIGGER_BATCH_MAX: usize = 10;
/// Messages of one batch with a batching window.
pub const TRIGGER_WINDOW_BATCH_MAX: usize = 10_000;
/// Milliseconds of the longest batching window: 5 minutes.
pub const BATCHING_WINDOW_MS_MAX: u64 = 300_000;
/// MaximumConcurrency of an event source mapping, at least and at most.
pub const MAXIMUM_CONCURRENCY_RANGE: std::ops::RangeInclusive<u32> = 2..=1_000;
/// Characters of a function's name.
pub const FUNCTION_NAME_CHARS_MAX: usize = 64;
/// Bytes of one log line handed on; a longer one is cut into pieces of this size.
/// CloudWatch takes events up to 1 MB; a terminal doesn't.
pub const LOG_LINE_BYTES_MAX: usize = 64 * 1024;
/// Asynchronous invocations that wait or run at once; beyond it Invoke answers TooManyRequestsException.
pub const ASYNC_INVOCATIONS_MAX: usize = 1_000;
/// Milliseconds before a second environment is started because the ones there are busy.
/// Lambda starts one at once; on a laptop a fuller batch a moment later is cheaper than a process.
pub const SCALE_UP_AFTER_MS: u64 = 20;
/// Milliseconds after the first failed start before the next try; doubled by each further failure.
pub const START_BACKOFF_MS: u64 = 100;
/// Milliseconds between two tries to start a program that always fails, at most.
pub const START_BACKOFF_MS_MAX: u64 = 10_000;

// ---- The server

/// Bytes of one DynamoDB request: 16 MB on AWS.
pub const DYNAMODB_REQUEST_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Bytes of one S3 request: 5 GiB, the largest single PUT on AWS. It is streamed to disk.
pub const S3_REQUEST_BYTES_MAX: usize = 5 * 1024 * 1024 * 1024;
/// Connections open at once; further ones wait in the kernel's queue.
pub const CONNECTIONS_MAX: usize = 4_096;
/// Milliseconds until the head of a request to a front has to be there; those of a connection at rest, too.
pub const HEAD_MS_MAX: u64 = 30_000;
/// Milliseconds within which a client of a front has to take something of its answer.
pub const TAKING_MS_MAX: u64 = 30_000;
/// Milliseconds that a front gives to what is being answered when it ends.
pub const ENDING_MS_MAX: u64 = 5_000;
/// Characters of a host's name, of which `sync-` takes five, and of one of its labels
/// (<https://www.rfc-editor.org/rfc/rfc1035#section-2.3.4>).
pub const HOST_NAME_CHARS_MAX: usize = 248;
pub const LABEL_CHARS_MAX: usize = 63;
/// DynamoDB requests that wait for the database's thread; further ones wait in their connection.
pub const DATABASE_QUEUE_MAX: usize = 1_024;
/// Milliseconds between two looks for expired DynamoDB items. AWS promises days; a test shouldn't wait for it.
pub const TTL_SWEEP_MS: u64 = 60_000;
/// The most objects that a page of a listing of S3 has. AWS's have 1,000; a thousand files take seconds on a busy machine, and
/// clients wait for three.
pub const LISTED_OBJECTS_MAX: i32 = 200;
/// So many of them are looked at at once: each look waits for three reads.
pub const LOOKS_AT_ONCE: usize = 16;
