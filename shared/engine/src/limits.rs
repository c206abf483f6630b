//! All limits of the engine, each with its unit and the fact behind it.

/// So many states may be entered without a stop; then the run yields to the timer queue, so that a Choice loop can't
/// pin a Lambda function.
pub const STATES_WITHOUT_STOP_MAX: u32 = 256;

/// So many transitions a branch may record before the run is ended, so that a run that never ends does end.
pub const TRANSITIONS_MAX: u32 = 1_000_000;

/// The longest delay of an SQS message, in milliseconds: 15 minutes
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-delay-queues.html>).
pub const DELAY_MAX_MS: i64 = 900_000;

/// So many branches one Parallel or Map state may open, where the items are a part of its data: one delivery makes the inputs of
/// all of them. AWS has no such limit, but a history of 25,000 events, and 256 KiB of input for the items
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>).
pub const BRANCHES_MAX: u32 = 100_000;

/// So many children a distributed Map state may have whose items are read: the items that count them are a tree of three levels,
/// and a child's name has 20 bits for its index.
pub const CHILDREN_MAX: u32 = 1_000_000;

/// So many children of a distributed Map state run at once where it sets no limit, as on AWS
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>).
pub const CHILDREN_AT_ONCE_MAX: u32 = 10_000;

/// So many branches' inputs are evaluated at once, so that those of a wide fan-out are never all in memory.
pub const INPUTS_AT_ONCE: u32 = 64;

/// The variables that a branch carries, those of the states around it included, as JSON text, in bytes, whenever an Assign
/// sets some. AWS: 10 MiB in all, and 256 KiB per variable and per Assign
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>); here one variable may take all of it.
pub const VARIABLES_BYTES_MAX: usize = 10 * 1024 * 1024;

/// So many records of a branch are between two places from which its history can be followed on: a page of a history costs so
/// many records at most beside those that it shows.
pub const CHECKPOINT_RECORDS: u32 = 64;

/// The data of all those places of a run, as JSON text, in bytes. Where they would hold more they are further apart.
pub const CHECKPOINT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A history keeps the digest of its order so far after each so many events.
pub const DIGEST_EVENTS: usize = 1_024;
